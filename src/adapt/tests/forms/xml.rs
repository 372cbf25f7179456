//! XML files.

use adapt::form::FormLimits;
use encoding_rs::GBK;

use super::{read, read_within, source};

const TEXT: &str = "kind = \"xml\"\nrecord = \"交易/项目\"\n\
    columns = [\"@id\", \"名称\", \"业主/名称\", \"业主/@类型\"]";

#[test]
fn elements_and_attributes_below_the_record_are_columns() {
    let file = "<?xml version=\"1.0\"?><!-- 注 --><交易 xmlns:x=\"urn:x\"><头><项目 id=\"不是\"/></头>\
        <项目 id=\"1\"><x:名称>甲&amp;<![CDATA[<乙>]]>&#x4E19;</x:名称><业主 类型=\"企业\"><名称>某某</名称></业主></项目>\
        <项目 id=\"2\"><名称/></项目></交易>";
    let got = read(&source(TEXT), file.as_bytes()).unwrap();
    assert_eq!(got.lines, ["[0 ]", "1: 1|甲&<乙>丙|某某|企业", "2: 2||∅|∅"]);
}

#[test]
fn the_declared_encoding_is_read() {
    for label in ["GB2312", "gbk", "GB18030"] {
        let file = format!(
            "<?xml version='1.0' encoding='{label}'?>\n<交易><项目 id='3'><名称>甲</名称></项目></交易>"
        );
        let got = read(&source(TEXT), &GBK.encode(&file).0).unwrap();
        assert_eq!(got.lines, ["[0 ]", "1: 3|甲|∅|∅"], "{label}");
    }
    let file = "<交易><项目 id='3'><名称>甲</名称></项目></交易>".as_bytes();
    let mut odd = file.to_vec();
    let at = file.len() - 28;
    odd[at] = 0xff;
    let got = read(&source(TEXT), &odd);
    assert!(got.is_err() || got.unwrap().lines.iter().any(|l| l.contains("undecodable")));
}

#[test]
fn what_is_there_twice_is_no_value() {
    let file = "<交易><项目 id='1'><名称>甲</名称><名称>乙</名称></项目><项目 id='2'><名称>丙</名称></项目></交易>";
    let got = read(&source(TEXT), file.as_bytes()).unwrap();
    assert_eq!(got.lines, ["[0 ]", "1! adapter.not_one_value", "2: 2|丙|∅|∅"]);
}

#[test]
fn a_file_cut_off_keeps_its_whole_records() {
    for end in ["<项目 id='2'><名称>乙", "<项目 id='2'", "<项", ""] {
        let file = format!("<交易><项目 id='1'><名称>甲</名称></项目>{end}");
        let got = read(&source(TEXT), file.as_bytes()).unwrap();
        assert_eq!(got.lines, ["[0 ]", "1: 1|甲|∅|∅", "2! adapter.cut_off"], "{end}");
        assert!(got.told.cut_off);
    }
}

#[test]
fn an_empty_list_is_no_rows_and_records_elsewhere_are_a_fault() {
    for file in ["<交易/>", "<交易>\n</交易>", "<交易><!-- 今日无 --></交易>"] {
        assert_eq!(read(&source(TEXT), file.as_bytes()).unwrap().lines, ["[0 ]"], "{file}");
    }
    for file in ["<交易><项目信息 id='1'/></交易>", "<其他/>", "<包><交易><项目/></交易></包>"]
    {
        let fault = read(&source(TEXT), file.as_bytes()).unwrap_err();
        assert_eq!(fault.code, "source.header_missing", "{file}");
    }
    let deeper = "kind = \"xml\"\nrecord = \"a/b/c\"\ncolumns = [\"@id\"]";
    assert_eq!(read(&source(deeper), b"<a><h/><b></b></a>").unwrap().lines, ["[0 ]"]);
    assert_eq!(read(&source(deeper), b"<a><h/></a>").unwrap_err().code, "source.header_missing");
}

#[test]
fn document_types_entities_depth_and_endless_texts_are_refused() {
    let source = source(TEXT);
    let laughs =
        "<!DOCTYPE 交易 [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;\">]><交易><项目 id='1'/></交易>";
    let outside = "<!DOCTYPE 交易 SYSTEM \"file:///etc/passwd\"><交易/>";
    let entity = "<交易><项目 id='1'><名称>&xxe;</名称></项目></交易>";
    let attribute = "<交易><项目 id='&xxe;'/></交易>";
    for file in [laughs, outside, entity, attribute] {
        assert_eq!(read(&source, file.as_bytes()).unwrap_err().code, "source.form_wrong", "{file}");
    }
    assert_eq!(read(&source, b"<other/>").unwrap_err().code, "source.header_missing");
    assert_eq!(read(&source, b"no xml").unwrap_err().code, "source.header_missing");
    let deep = format!("<交易>{}", "<a>".repeat(1_000));
    assert!(read(&source, deep.as_bytes()).unwrap_err().en.contains("depth_max"));
    let long = format!("<交易><项目 id='1'><名称>{}</名称></项目></交易>", "x".repeat(3 << 20));
    assert!(read(&source, long.as_bytes()).unwrap_err().en.contains("token_bytes_max"));
    let attribute = format!("<交易><项目 id='{}'/></交易>", "x".repeat(3 << 20));
    let limits = FormLimits { token_bytes_max: 1 << 20, ..FormLimits::default() };
    assert!(
        read_within(&source, attribute.as_bytes(), &limits)
            .unwrap_err()
            .en
            .contains("token_bytes_max")
    );
}
