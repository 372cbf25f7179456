//! `adapter new` and `adapter preview` from outside: a stranger's header, and the township's own.

use std::collections::BTreeMap;

use adapt::{Look, Mapping, Package, RowBuf, check, scaffold};
use canon::Millis;
use canon::format::supervision_1;

fn look<'a>(header: &'a [String], rows: &'a [Vec<String>]) -> Look<'a> {
    let source = "[source]\nkind = \"csv\"\nfiles = \"*.csv\"\n";
    Look { name: "new_window", title: "", header, comments: &[], rows, source, key: &[] }
}

fn owned(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|c| (*c).to_owned()).collect()
}

#[test]
fn a_plain_header_becomes_a_package_that_is_sound_as_it_is() {
    let header = owned(&[
        "办件编号",
        "事项编码",
        "事项名称",
        "行政区划代码",
        "受理部门名称",
        "组织机构代码",
        "办理人姓名",
        "受理状态",
        "受理时间",
        "业务流水号",
    ]);
    let rows = vec![
        owned(&["A1", "9901", "事项", "990103", "局", "008778183", "乙", "受理", "2014-9-19", "1"]),
        owned(&[
            "A2",
            "9901",
            "事项",
            "990103",
            "局",
            "008778183",
            "乙",
            "不受理",
            "2014/9/19",
            "2",
        ]),
    ];
    let proposal = scaffold(&look(&header, &rows), &supervision_1());
    assert_eq!(proposal.open, [], "{}", text(&proposal.files, "adapter.toml"));
    assert_eq!(
        text(&proposal.files, "tables/accept_state.csv"),
        "from,to,note\n不受理,2,不受理（1 行）\n受理,1,受理（1 行）\n"
    );
    let checked = check(&proposal.files, &supervision_1());
    let (_, mapping) = checked
        .unwrap_or_else(|wrong| panic!("{wrong:#?}\n{}", text(&proposal.files, "adapter.toml")));
    let bound = mapping.bind(0, &header).unwrap();
    let row = RowBuf::of(2, rows[0].iter().map(|v| Some(v.as_str())));
    let preview = mapping.preview(&supervision_1(), &bound, row.row(), Millis(0));
    assert_eq!(preview.records[0].name, "acceptance");
    let at = preview.records[0].fields.iter().find(|f| f.name == "accepted_at").unwrap();
    assert_eq!((at.value.as_str(), at.changed), ("2014-09-19", true));
    assert_eq!(at.from, ["受理时间"]);
}

#[test]
fn what_cannot_be_decided_is_marked_and_refused_with_its_place() {
    let header = owned(&["编号", "受理日期", "受理状态", "随便"]);
    let rows = vec![owned(&["A1", "2014-9-19", "不予办理", "甲\n乙"])];
    let proposal = scaffold(&look(&header, &rows), &supervision_1());
    assert!(proposal.open.len() >= 3, "{:?}", proposal.open);
    let toml = text(&proposal.files, "adapter.toml");
    assert!(toml.contains("# ? officer_name"), "{toml}");
    assert!(toml.contains("columns not used"), "{toml}");
    assert!(text(&proposal.files, "tables/accept_state.csv").contains("不予办理,?,"));
    let wrong = check(&proposal.files, &supervision_1()).unwrap_err();
    assert!(wrong.iter().any(|p| p.code == "adapter.field_unmapped"));
    let marked = wrong.iter().find(|p| p.code == "adapter.bad_code").unwrap();
    assert_eq!((marked.file.as_str(), marked.pos.line), ("tables/accept_state.csv", 2));
}

#[test]
fn a_legacy_table_with_pinyin_names_is_matched() {
    let header = owned(&[
        "LSH", "SXBM", "SXMC", "XZQHDM", "BMMC", "BMDM", "SQRLX", "SQRXM", "ZJLX", "ZJHM", "LXR",
        "LXRSJ", "SQSJ", "BLRXM", "SLZT", "SLRQ", "BZ",
    ]);
    let proposal = scaffold(&look(&header, &[]), &supervision_1());
    for (record, field, column) in [
        ("application", "applicant_name", "SQRXM"),
        ("application", "applied_at", "SQSJ"),
        ("acceptance", "accepted_at", "SLRQ"),
        ("acceptance", "accept_state", "SLZT"),
        ("acceptance", "item_code", "SXBM"),
        ("acceptance", "region_code", "XZQHDM"),
    ] {
        let want = (record.to_owned(), field.to_owned(), column.to_owned());
        assert!(proposal.decided.contains(&want), "{want:?} in {:#?}", proposal.decided);
    }
    assert!(proposal.unused.contains(&"BZ".to_owned()), "{:?}", proposal.unused);
}

#[test]
fn the_townships_header_is_mostly_matched() {
    let package = township();
    let header: Vec<String> = package.queries()[0].columns.iter().map(|c| c.text.clone()).collect();
    let proposal = scaffold(&look(&header, &[]), &supervision_1());
    let types: std::collections::BTreeSet<_> =
        proposal.decided.iter().map(|(record, ..)| record.as_str()).collect();
    assert_eq!(
        types.into_iter().collect::<Vec<_>>(),
        ["acceptance", "application", "completion", "pickup"]
    );
    for (record, field, column) in [
        ("application", "case_no", "流水号"),
        ("application", "applicant_id", "身份证号"),
        ("application", "applied_at", "申请时间"),
        ("application", "contact_phone", "手机"),
        ("acceptance", "accepted_at", "受理时间"),
        ("completion", "completed_at", "办结时间"),
        ("pickup", "receiver_name", "领取人"),
    ] {
        let want = (record.to_owned(), field.to_owned(), column.to_owned());
        assert!(proposal.decided.contains(&want), "{want:?} in {:#?}", proposal.decided);
    }
    // The rows are never copied: a table begins with codes' values only.
    assert!(proposal.files.keys().all(|f| !f.starts_with("samples/")));
}

#[test]
fn a_preview_names_the_column_and_what_is_wrong() {
    let package = township();
    let mapping = Mapping::compile(&package, &supervision_1()).unwrap();
    let header: Vec<String> = package.queries()[0].columns.iter().map(|c| c.text.clone()).collect();
    let value = |name: &str| match name {
        "流水号" => "1.01313E+28",
        "受理时间" => "2014-9-19 14:10:10",
        "受理状态" => "受理",
        _ => "",
    };
    let row = RowBuf::of(17, header.iter().map(|h| Some(value(h))));
    let bound = mapping.bind(0, &header).unwrap();
    let preview = mapping.preview(&supervision_1(), &bound, row.row(), Millis(0));
    assert_eq!(preview.row, 17);
    assert_eq!(preview.records.len(), 2);
    let said: Vec<_> = preview.records[0].violations.iter().map(|v| v.zh.as_str()).collect();
    assert!(said.iter().any(|t| t.starts_with("『流水号』编号已被表格软件")), "{said:?}");
    assert!(!preview.records[0].valid);
    assert!(preview.unused.contains(&"办结时间".to_owned()));
}

fn text<'a>(files: &'a BTreeMap<String, Vec<u8>>, name: &str) -> &'a str {
    std::str::from_utf8(&files[name]).expect("a file of the proposal is text")
}

fn township() -> Package {
    let mut files = BTreeMap::new();
    for (name, bytes) in [
        ("adapter.toml", include_str!("../../../adapters/township_window/adapter.toml")),
        (
            "tables/accept_state.csv",
            include_str!("../../../adapters/township_window/tables/accept_state.csv"),
        ),
        (
            "tables/applicant_type.csv",
            include_str!("../../../adapters/township_window/tables/applicant_type.csv"),
        ),
        (
            "tables/document_type.csv",
            include_str!("../../../adapters/township_window/tables/document_type.csv"),
        ),
        (
            "tables/pickup_way.csv",
            include_str!("../../../adapters/township_window/tables/pickup_way.csv"),
        ),
        ("tables/result.csv", include_str!("../../../adapters/township_window/tables/result.csv")),
        (
            "tables/submit_way.csv",
            include_str!("../../../adapters/township_window/tables/submit_way.csv"),
        ),
        (
            "tables/void_reason.csv",
            include_str!("../../../adapters/township_window/tables/void_reason.csv"),
        ),
    ] {
        files.insert(name.to_owned(), bytes.as_bytes().to_vec());
    }
    Package::read(&files).expect("the package is sound")
}
