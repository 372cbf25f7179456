//! What the built program answers: right and wrong input, both languages, exit codes.

#![expect(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

use std::path::Path;
use std::process::Command;

/// Exit code, standard output, standard error.
struct Said {
    code: i32,
    out: String,
    err: String,
}

fn tiergate(dir: &Path, args: &[&str]) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_tiergate"))
        .args(args)
        .current_dir(dir)
        .env_remove("LC_ALL")
        .env_remove("LC_MESSAGES")
        .env("LANG", "C")
        .output()
        .expect("the program was built for this test");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the program writes UTF-8");
    Said {
        code: output.status.code().expect("no signal ended it"),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The demo's four tiers with an authority, keys and certificates, as a person would make them.
fn four_tiers(dir: &Path) {
    let run = |args: &[&str]| {
        let said = tiergate(dir, args);
        assert_eq!(said.code, 0, "{args:?}: {}{}", said.out, said.err);
    };
    run(&["ca", "new", "--out", "ca"]);
    for (tier, node, region) in [
        ("township", "town-990103101", "990103101"),
        ("county", "county-990103", "990103"),
        ("city", "city-990100", "9901"),
        ("province", "province-990000", "99"),
    ] {
        std::fs::create_dir_all(dir.join(tier).join("drops")).unwrap();
        std::fs::write(dir.join(tier).join("legacy.db"), "").unwrap();
        let (key, pem) = (format!("{tier}/node.key"), format!("{tier}/node.pem"));
        run(&["keys", "new", "--out", &key]);
        run(&[
            "ca", "issue", "--ca", "ca", "--node", node, "--region", region, "--key", &key,
            "--out", &pem,
        ]);
        let text = repository().join("config/demo").join(tier).join("node.toml");
        let text = std::fs::read_to_string(text).unwrap();
        let packages = repository().join("adapters").canonicalize().unwrap();
        let text = text.replace("../../../adapters", &packages.display().to_string());
        std::fs::write(dir.join(tier).join("node.toml"), text).unwrap();
    }
}

const FILES: [&str; 4] =
    ["township/node.toml", "county/node.toml", "city/node.toml", "province/node.toml"];

fn check(dir: &Path, more: &[&str]) -> Said {
    tiergate(dir, &[&["check", "config"], &FILES[..], more].concat())
}

#[test]
fn four_right_tiers_get_one_good_sentence() {
    let dir = tempfile::tempdir().unwrap();
    four_tiers(dir.path());
    let said = check(dir.path(), &[]);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{}", said.out);
    assert!(
        said.out.starts_with(
            "4 node(s), 4 identities, 6 links, 2 adapters: all fine, certificates until 20"
        ),
        "{}",
        said.out
    );
    assert_eq!(said.out.lines().count(), 1);
    let said = check(dir.path(), &["--lang", "zh"]);
    assert!(said.out.contains("均无问题"), "{}", said.out);
    let said = check(dir.path(), &["--json"]);
    let json: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(json, serde_json::json!({ "ok": true, "problems": [] }));
}

#[test]
fn one_tier_alone_is_told_to_bring_the_others() {
    let dir = tempfile::tempdir().unwrap();
    four_tiers(dir.path());
    let said = tiergate(dir.path(), &["check", "config", "city/node.toml"]);
    assert_eq!(said.code, 1);
    assert!(
        said.out.contains("city/node.toml:20:1: [config.link_outside] [link] peer"),
        "{}",
        said.out
    );
    assert!(said.out.contains("give its file too (--config)"), "{}", said.out);
    assert!(said.out.ends_with("2 problems\n"), "{}", said.out);
}

#[test]
fn wrong_keys_certificates_and_permissions_are_named() {
    let dir = tempfile::tempdir().unwrap();
    four_tiers(dir.path());
    let at = |name: &str| dir.path().join(name);
    std::fs::copy(at("county/node.pem"), at("city/node.pem")).unwrap();
    std::fs::copy(at("county/node.pem"), at("township/node.pem")).unwrap();
    std::fs::copy(at("county/node.key"), at("township/node.key")).unwrap();
    let said = check(dir.path(), &[]);
    assert_eq!(said.code, 1);
    let lines: Vec<&str> = said.out.lines().collect();
    assert!(
        lines[0].contains("[config.certificate]") && lines[0].contains("`county-990103`"),
        "{lines:?}"
    );
    assert!(lines[1].starts_with("city/node.toml:14:1: [config.certificate]"), "{lines:?}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let open = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(at("province/node.key"), open).unwrap();
        let said = check(dir.path(), &[]);
        assert!(said.out.contains("[config.secret_open]"), "{}", said.out);
        assert!(said.out.contains("chmod 600 province/node.key"), "{}", said.out);
    }
}

#[test]
fn a_config_with_ten_mistakes_reports_ten() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("node.toml"),
        "version = 3\nnam = 1\n[node]\ndata = 7\n[store]\nurl = \"mongo:x\"\n[trust]\nanchors = []\n\
         [[identity]]\ncode = \"a b\"\nenvironment = \"test\"\nkey = \"hunter2\"\n\
         [[link]]\nname = \"\"\npeer = \"p\"\ncarrier = \"smoke\"\n[limits]\nidle = 3\n",
    )
    .unwrap();
    let said = tiergate(dir.path(), &["check", "config", "node.toml"]);
    assert_eq!(said.code, 1);
    let found: Vec<&str> =
        said.out.lines().filter_map(|l| l.split_once(": [")).map(|(at, _)| at).collect();
    let expected = [
        "node.toml:1:11",
        "node.toml:2:1",
        "node.toml:4:8",
        "node.toml:6:7",
        "node.toml:7:1",
        "node.toml:9:1",
        "node.toml:10:8",
        "node.toml:11:15",
        "node.toml:12:7",
        "node.toml:14:8",
        "node.toml:16:11",
        "node.toml:18:1",
    ];
    assert_eq!(found, expected, "{}", said.out);
    assert!(!said.out.contains("hunter2"), "a literal secret is never repeated");
    let zh = tiergate(dir.path(), &["check", "config", "node.toml", "--lang", "zh"]);
    assert!(
        zh.out.contains("密钥本身不得写入配置") && zh.out.ends_with("共 12 个问题\n"),
        "{}",
        zh.out
    );
}

#[test]
fn mistakes_on_the_command_line_and_missing_files_have_their_own_codes() {
    let dir = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| tiergate(dir.path(), args);
    let said = run(&["chekc"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("a similar subcommand exists: 'check'"), "{}", said.err);
    assert_eq!(run(&[]).code, 2);
    assert_eq!(run(&["status"]).code, 2);
    assert_eq!(run(&["--help"]).code, 0);
    let said = run(&["check", "config", "no.toml"]);
    assert_eq!((said.code, said.out.as_str()), (3, ""));
    assert_eq!(said.err, "tiergate: no.toml: there is no such file; check the path\n");
    let said = run(&["check", "config", "no.toml", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((said.code, &json["exit"]), (3, &serde_json::json!(3)));
    let said = run(&["check", "adapter", "nowhere"]);
    assert_eq!(said.code, 3, "{}", said.err);
}

#[test]
fn keys_are_never_overwritten_and_shown_without_their_secret() {
    let dir = tempfile::tempdir().unwrap();
    four_tiers(dir.path());
    let again = tiergate(dir.path(), &["keys", "new", "--out", "county/node.key"]);
    assert_eq!(again.code, 2);
    assert!(again.err.contains("is not overwritten"), "{}", again.err);
    let shown =
        tiergate(dir.path(), &["keys", "show", "county/node.pem", "--key", "county/node.key"]);
    assert_eq!(shown.code, 0, "{}", shown.out);
    assert!(
        shown
            .out
            .starts_with("node         county-990103\nenvironment  demo\nusage        signing\nregions      990103\n"),
        "{}",
        shown.out
    );
    assert!(!shown.out.contains("PRIVATE"));
    let other =
        tiergate(dir.path(), &["keys", "show", "county/node.pem", "--key", "city/node.key"]);
    assert_eq!(other.code, 1);
    assert!(other.out.contains("[config.certificate]"), "{}", other.out);
    let root = tiergate(dir.path(), &["keys", "show", "ca/ca.pem"]);
    assert_eq!(root.code, 1, "{}", root.out);
}

#[test]
fn the_packages_of_the_house_are_right_and_a_wrong_one_is_refused_with_its_place() {
    for name in ["township_window", "county_approval"] {
        let folder = format!("adapters/{name}");
        let said = tiergate(repository(), &["check", "adapter", &folder]);
        assert_eq!(said.code, 0, "{}", said.out);
        assert_eq!(tiergate(repository(), &["adapter", "test", &folder]).code, 0);
    }
    let dir = tempfile::tempdir().unwrap();
    let from = repository().join("adapters/township_window");
    std::fs::create_dir_all(dir.path().join("a/tables")).unwrap();
    for entry in std::fs::read_dir(from.join("tables")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), dir.path().join("a/tables").join(entry.file_name())).unwrap();
    }
    let text = std::fs::read_to_string(from.join("adapter.toml")).unwrap();
    let text = text.replace("encoding = ", "encodign = ");
    std::fs::write(dir.path().join("a/adapter.toml"), text).unwrap();
    let said = tiergate(dir.path(), &["check", "adapter", "a"]);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("[adapter.unknown_key] source.encodign"), "{}", said.out);
    assert!(said.out.contains("did you mean `encoding`?"), "{}", said.out);
}

#[test]
fn a_copied_package_is_called_as_its_folder_and_check_says_where_it_calls_itself_otherwise() {
    let dir = tempfile::tempdir().unwrap();
    let from = repository().join("adapters/performance");
    let mut copy = Command::new("cp");
    let copied = copy.arg("-r").arg(from).arg(dir.path().join("my_scores")).status().unwrap();
    assert!(copied.success());
    let check = ["check", "adapter", "my_scores"];
    let said = tiergate(dir.path(), &check);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{}", said.out);
    let toml = dir.path().join("my_scores/adapter.toml");
    let text = std::fs::read_to_string(&toml).unwrap();
    let named = text.replace("edition = 1\n", "edition = 1\nname = \"performance\"\n");
    std::fs::write(toml, named).unwrap();
    let said = tiergate(dir.path(), &check);
    assert_eq!(said.code, 0, "{}", said.out);
    let told =
        "the package calls itself `performance`; its folder is what counts, it runs as `my_scores`";
    assert!(said.err.contains(told), "{}", said.err);
}

#[test]
fn a_package_from_a_file_says_what_is_missing_and_a_preview_names_row_and_column() {
    let dir = tempfile::tempdir().unwrap();
    let input = repository().join("adapters/township_window/samples/dirty/input.csv");
    let input = input.canonicalize().unwrap().display().to_string();
    let said = tiergate(dir.path(), &["adapter", "new", &input, "--out", "mine"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.starts_with("mine: gb18030, "), "{}", said.out);
    assert!(said.out.contains("tiergate check adapter mine"), "{}", said.out);
    let check = tiergate(dir.path(), &["check", "adapter", "mine"]);
    assert_eq!(check.code, 1);
    assert!(check.out.contains("mandatory field of `application` is not mapped"), "{}", check.out);
    let again = tiergate(dir.path(), &["adapter", "new", &input, "--out", "mine"]);
    assert_eq!(again.code, 2, "a package that is there is not overwritten");
    let package = repository().join("adapters/township_window").canonicalize().unwrap();
    let package = package.display().to_string();
    let said = tiergate(
        dir.path(),
        &["adapter", "preview", &package, &input, "--rows", "3", "--lang", "zh"],
    );
    assert_eq!(said.code, 1);
    assert!(
        said.out.contains("第 3 行『身份证号』校验位错误，应为 1 [field.check_digit]"),
        "{}",
        said.out
    );
}

#[test]
fn a_package_from_a_workbook_reads_that_workbook() {
    let dir = tempfile::tempdir().unwrap();
    let input = repository().join("src/adapt/tests/data/book.xls").canonicalize().unwrap();
    let input = input.display().to_string();
    let said = tiergate(dir.path(), &["adapter", "new", &input, "--out", "mine"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.starts_with("mine: xlsx, "), "{}", said.out);
    let toml = std::fs::read_to_string(dir.path().join("mine/adapter.toml")).unwrap();
    assert!(toml.contains("header_row = 2\nheader_rows = 2"), "{toml}");
    assert!(toml.contains("\"事项/分类\", \"事项/名称\", \"日期\", \"数\""), "{toml}");
    std::fs::write(dir.path().join("x.xlsx"), b"PK\x03\x04 no workbook").unwrap();
    let said = tiergate(dir.path(), &["adapter", "new", "x.xlsx", "--out", "other"]);
    assert_eq!(said.code, 2, "{}", said.out);
    assert!(said.err.contains("[source.file_damaged]"), "{}", said.err);
}

#[test]
fn the_format_checks_and_prints() {
    let said = tiergate(repository(), &["check", "format", "schemas/supervision/1"]);
    assert_eq!(said.code, 0, "{}", said.out);
    let doc = tiergate(repository(), &["format", "doc", "--lang", "zh"]);
    assert!(doc.out.contains("`SBLSH`"), "the dictionary names the wire names");
    let folder = tiergate(
        repository(),
        &["format", "doc", "--lang", "zh", "--format", "schemas/supervision/1"],
    );
    assert_eq!(doc.out, folder.out, "the format in the program is the one in the folder");
    let xsd = tiergate(repository(), &["format", "xsd"]);
    assert!(xsd.out.starts_with("<?xml") && !xsd.out.contains("xs:include"), "one flat schema");
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("f/1")).unwrap();
    std::fs::write(dir.path().join("f/1/f.xsd"), "<xs:schema>").unwrap();
    let said = tiergate(dir.path(), &["check", "format", "f/1"]);
    assert_eq!(said.code, 1);
    assert!(said.out.starts_with("f/1/f.xsd:"), "{}", said.out);
}

/// Each tier's store, and in the township's a staged record and a row that was set aside.
fn stores(dir: &Path) {
    use canon::{Day, DigestAlg, Key, Millis, NodeCode, RecordId, Severity, Violation};
    use store::{Collected, NewChunk, NewQuarantine, NewRecord, SqliteStore};

    let route: canon::Route =
        "province-990000|supervision/1|ecdsa-p256-sha256|live".parse().unwrap();
    let digest = |text: &str| DigestAlg::default().of(&[text.as_bytes()]);
    let (now, adapter) = (Millis::parse("2026-11-21 12:00:00").unwrap(), "township_window");
    let record = NewRecord {
        id: RecordId { kind: "SB".into(), key: Key::new("unit", &["A-17"]), version: 1 },
        voided: false,
        content: digest("content"),
        digest: digest("fragment"),
        facts: "".into(),
        len: 5,
        waits_for: None,
        source_row: None,
    };
    let chunk = NewChunk {
        route: route.clone(),
        day: Day::parse("2026-11-21").unwrap(),
        adapter: adapter.into(),
        bytes: b"<SB/>".to_vec(),
        records: vec![record],
    };
    let violation = Violation {
        rule: "field.check_digit".into(),
        field: "SQRZJHM".into(),
        severity: Severity::Error,
        zh: "『身份证号』校验位错误，应为 X".into(),
        en: "check digit wrong, should be X".into(),
    };
    let quarantined = NewQuarantine {
        adapter: adapter.into(),
        route,
        day: Day::parse("2026-11-21").unwrap(),
        reference: "window-20261121.csv:17".into(),
        source_row: None,
        row_digest: digest("row"),
        id: None,
        content: None,
        violations: vec![violation],
        raw: "第十七行".as_bytes().to_vec(),
    };
    let page = Collected {
        adapter: adapter.into(),
        cursor: "{}".into(),
        now,
        chunks: vec![chunk],
        quarantined: vec![quarantined],
        known: Vec::new(),
        rows: vec![],
        rows_read: 2,
        rows_unchanged: 0,
        stands: Vec::new(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for (tier, code) in [
            ("county", "county-990103"),
            ("city", "city-990100"),
            ("province", "province-990000"),
            ("township", "town-990103101"),
        ] {
            let file = SqliteStore::open(dir.join(tier).join("node.db")).await.unwrap();
            let store = file.identity(&NodeCode::new(code).unwrap()).await.unwrap();
            if tier == "township" {
                let lease = store.lease("collect", "test", now, 1000).await.unwrap().unwrap();
                store.commit_collected(&lease, page.clone()).await.unwrap();
            }
        }
    });
}

#[test]
fn status_and_trace_tell_the_tiers_in_order() {
    let dir = tempfile::tempdir().unwrap();
    four_tiers(dir.path());
    let said = tiergate(dir.path(), &["status", "--data", "."]);
    assert_eq!(said.code, 3, "{}", said.out);
    assert!(said.err.contains("has no store at"), "{}", said.err);
    stores(dir.path());
    let said = tiergate(dir.path(), &["status", "--data", ".", "--lang", "zh"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let tiers: Vec<_> = ["town-990103101", "county-990103", "city-990100", "province-990000"]
        .iter()
        .map(|code| said.out.find(code).expect("every tier is told"))
        .collect();
    assert!(tiers.is_sorted(), "{}", said.out);
    assert!(said.out.contains("白石镇（演示） town-990103101：待封装 1"), "{}", said.out);
    assert!(said.out.contains("适配器 township_window"), "{}", said.out);
    let one = tiergate(dir.path(), &["status", "--data", ".", "--node", "city-990100", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&one.out).unwrap();
    assert_eq!(json["nodes"].as_array().unwrap().len(), 1);
    assert_eq!(json["nodes"][0]["node"], "city-990100");
    // One tier's file by itself is enough to look at its store.
    let alone = tiergate(dir.path(), &["status", "--config", "township/node.toml"]);
    assert_eq!(alone.code, 0, "{}{}", alone.out, alone.err);
    let none = tiergate(dir.path(), &["status", "--data", ".", "--node", "x"]);
    assert_eq!(none.code, 2, "{}", none.err);

    let said = tiergate(dir.path(), &["trace", "A-17", "--data", "."]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let lines: Vec<&str> = said.out.lines().collect();
    assert_eq!(lines[0], "白石镇（演示） town-990103101");
    assert!(lines[1].starts_with("  2026-11-21 12:00:00  collected  SB 申请 v1"), "{lines:?}");
    assert_eq!(lines[2..4], ["青禾县（演示） county-990103", "  (nothing here yet)"]);
    let said = tiergate(dir.path(), &["trace", "B-1", "--data", "."]);
    assert_eq!(said.code, 1);
    assert!(said.out.starts_with("no node here knows case B-1;"), "{}", said.out);
}

#[test]
fn problem_data_is_listed_shown_and_returned_with_an_audit() {
    let dir = tempfile::tempdir().unwrap();
    four_tiers(dir.path());
    stores(dir.path());
    let run = |args: &[&str]| tiergate(dir.path(), &[args, &["--data", "."]].concat());
    let list = run(&["quarantine", "list", "--lang", "zh"]);
    assert_eq!(list.code, 0, "{}", list.err);
    assert!(
        list.out
            .contains("window-20261121.csv:17  [field.check_digit] 『身份证号』校验位错误，应为 X"),
        "{}",
        list.out
    );
    assert!(list.out.ends_with("共 1 条；详情见 tiergate quarantine show 编号\n"), "{}", list.out);
    let json: serde_json::Value =
        serde_json::from_str(&run(&["quarantine", "list", "--json"]).out).unwrap();
    let number = json["nodes"][0]["problems"][0]["number"].as_i64().unwrap().to_string();
    assert_eq!(run(&["quarantine", "show", &number]).code, 2, "whose number it is must be said");
    let town = ["--node", "town-990103101"];
    let show = run(&[&["quarantine", "show", &number], &town[..]].concat());
    assert!(show.out.contains("error [field.check_digit] SQRZJHM"), "{}", show.out);
    assert!(!show.out.contains("第十七行"), "the raw row only where it is asked for");
    let raw = run(&[&["quarantine", "show", &number, "--raw"], &town[..]].concat());
    assert!(raw.out.contains("第十七行"), "{}", raw.out);
    let whole = ["quarantine", "show", &number, "--raw", "--personal"];
    assert_eq!(run(&[&whole[..], &town[..]].concat()).code, 2, "whoever sees all says who");
    assert_eq!(run(&[&["quarantine", "show", "999"], &town[..]].concat()).code, 1);

    let back = ["quarantine", "return", &number, "--reason", "check digit"];
    let named = run(&[&back[..], &["--by", "张三"], &town[..]].concat());
    assert_eq!(named.code, 2, "a person's name does not go into the chain: {}", named.err);
    let done = run(&[&back[..], &["--by", "op7", "--days", "5"], &town[..]].concat());
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    assert!(done.out.starts_with("1 of 1 returned to their owning unit, until "), "{}", done.out);
    let list = run(&["quarantine", "list", "--state", "returned"]);
    assert!(list.out.contains("quarantined·returned"), "{}", list.out);
    let gone =
        run(&[&["quarantine", "resubmit", "999", "--reason", "x", "--by", "op7"], &town[..]]
            .concat());
    assert_eq!(gone.code, 1, "{}", gone.out);
}
