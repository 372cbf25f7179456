//! One citizen's record as an auditor gets it: taken out of real stores, judged by the program that
//! does nothing else, in a folder where nothing else is.

#![expect(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

use std::path::Path;
use std::process::Command;

use serde_json::Value;

const NODES: [&str; 4] = [
    "tiergate-demo/township/node.toml",
    "tiergate-demo/county/node.toml",
    "tiergate-demo/city/node.toml",
    "tiergate-demo/province/node.toml",
];

/// Exit code, standard output, standard error.
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap()
    }
}

fn ran(command: &mut Command) -> Said {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap();
    Said { code, out: text(output.stdout), err: text(output.stderr) }
}

fn tiergate(dir: &Path, args: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tiergate"));
    command.args(args).current_dir(dir).env_remove("LC_ALL").env_remove("LC_MESSAGES");
    ran(command.env("LANG", "C"))
}

#[track_caller]
fn fine(dir: &Path, args: &[&str]) -> Said {
    let said = tiergate(dir, args);
    assert_eq!(said.code, 0, "{args:?}: {}{}", said.out, said.err);
    said
}

/// The auditor's program: no configuration, no store, no environment.
fn auditor(dir: &Path, args: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tiergate-verify"));
    ran(command.args(args).current_dir(dir).env_clear())
}

fn export(dir: &Path, what: &str, to: &str, nodes: &[&str]) -> Said {
    let mut args = vec!["evidence", "export", what, "--out", to, "--config"];
    args.extend(nodes);
    tiergate(dir, &args)
}

#[test]
fn an_auditor_judges_one_case_with_one_file_and_no_network() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let story = fine(dir, &["demo", "--fast", "--keep", "--cases", "60"]).out;
    let case = story.split("tiergate trace ").nth(1).and_then(|s| s.split(' ').next()).unwrap();
    let said = export(dir, case, "proof.json", &NODES);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let again = export(dir, case, "proof.json", &NODES);
    assert_eq!(again.code, 3, "nothing is overwritten: {}{}", again.out, again.err);

    let desk = tempfile::tempdir().unwrap();
    let desk = desk.path();
    for (from, to) in [("proof.json", "proof.json"), ("tiergate-demo/evidence/ca.pem", "ca.pem")] {
        std::fs::copy(dir.join(from), desk.join(to)).unwrap();
    }
    let asked = ["proof.json", "--anchor", "ca.pem", "--lang", "zh"];
    let said = auditor(desk, &asked);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert!(said.out.contains("成立：内容如所示报送，且已接收（演示环境"), "{}", said.out);
    assert!(!said.out.contains("不成立"), "{}", said.out);
    assert!(said.out.contains("申请人证件号码 ＊＊＊"), "personal values are hidden: {}", said.out);
    let shown = auditor(desk, &["proof.json", "--anchor", "ca.pem", "--personal", "--json"]).json();
    assert_eq!(shown["ok"], true);
    let records = shown["records"].as_array().unwrap();
    assert!(records.iter().all(|r| r["standing"] == "accepted"), "{shown}");
    let mut numbers = records.iter().map(|r| r["record"].as_str().unwrap());
    assert!(numbers.clone().all(|n| n.contains(case)), "of no other case: {shown}");
    let one = numbers.next_back().unwrap().to_owned();
    let same = fine(
        dir,
        &["evidence", "verify", "proof.json", "--anchor", "tiergate-demo/evidence/ca.pem"],
    );
    assert!(same.out.contains("PROVEN"), "{}", same.out);

    // One record alone.
    assert_eq!(export(dir, &one, "one.json", &NODES).code, 0);
    let text = std::fs::read_to_string(dir.join("one.json")).unwrap();
    assert_eq!(text.matches("\"record\":").count(), 1);
    doubts(desk, &std::fs::read_to_string(desk.join("proof.json")).unwrap());
    revoked(dir, desk);
}

/// The list of the demo's authority, which revoked these certificates at that moment.
fn list(dir: &Path, desk: &Path, revoked: &[(&str, i64)]) {
    let book = dir.join("tiergate-demo/ca/revoked.txt");
    let mut text = String::new();
    for (node, at) in revoked {
        std::fs::write(&book, "").unwrap();
        let pem = format!("tiergate-demo/{node}/node.pem");
        fine(dir, &["ca", "revoke", "--ca", "tiergate-demo/ca", &pem]);
        let line = std::fs::read_to_string(&book).unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        text += &format!("{} {at} {}", words[0], words[2..].join(" "));
    }
    std::fs::write(&book, text).unwrap();
    fine(dir, &["ca", "revoke", "--ca", "tiergate-demo/ca"]);
    std::fs::copy(dir.join("tiergate-demo/ca/ca.crl"), desk.join("ca.crl")).unwrap();
}

/// A certificate that was revoked before others had the envelope is a doubt; later, it is told.
fn revoked(dir: &Path, desk: &Path) {
    let asked = ["proof.json", "--anchor", "ca.pem", "--crl", "ca.crl"];
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let (now, long_ago) = (i64::try_from(now.as_millis()).unwrap(), 1_600_000_000_000);
    let said = auditor(desk, &["proof.json", "--anchor", "ca.pem"]);
    assert!(said.out.contains("No revocation list was given"), "{}", said.out);
    list(dir, desk, &[]);
    let said = auditor(desk, &asked);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert!(said.out.contains("were looked at: 0 certificates revoked"), "{}", said.out);
    for node in ["township", "province"] {
        list(dir, desk, &[(node, long_ago)]);
        let said = auditor(desk, &asked);
        assert_eq!(said.code, 1, "{node}: {}", said.out);
        assert!(said.out.contains("[sender.certificate_revoked]"), "{node}: {}", said.out);
        assert!(said.out.contains("\n0 of "), "{node}: {}", said.out);
    }
    list(dir, desk, &[("township", now), ("province", now)]);
    let said = auditor(desk, &[&asked[..], &["--lang", "zh"]].concat());
    assert_eq!(said.code, 0, "{}", said.out);
    assert!(said.out.contains("签名仍有效；回执的签署时间仅为其签署方自述"), "{}", said.out);
    let shown = auditor(desk, &[&asked[..], &["--json"]].concat()).json();
    assert_eq!(shown["revocation"]["revoked"], 2, "{shown}");
    // May be named again; and one of another authority is refused as a whole.
    let twice = ["proof.json", "--anchor", "ca.pem", "--crl", "ca.crl", "--crl", "ca.crl"];
    assert_eq!(auditor(desk, &twice).code, 0);
    fine(desk, &["ca", "revoke", "--ca", "other"]);
    let said = auditor(desk, &["proof.json", "--anchor", "ca.pem", "--crl", "other/ca.crl"]);
    assert_eq!(said.code, 3, "{}", said.out);
    assert!(
        said.err.contains("other/ca.crl: ") && said.err.contains("no trusted authority"),
        "{}",
        said.err
    );
}

/// Whatever is not as it was, or is vouched for by somebody else, is a doubt and an exit code.
fn doubts(desk: &Path, text: &str) {
    let altered = text.replacen("<SBLSH>99", "<SBLSH>98", 1);
    assert_ne!(altered, text);
    std::fs::write(desk.join("altered.json"), altered).unwrap();
    let said = auditor(desk, &["altered.json", "--anchor", "ca.pem"]);
    assert_eq!(said.code, 1, "{}", said.out);
    assert!(said.out.contains("NOT PROVEN"), "{}", said.out);
    fine(desk, &["ca", "new", "--out", "other"]);
    let said = auditor(desk, &["proof.json", "--anchor", "other/ca.pem"]);
    assert_eq!(said.code, 1, "{}", said.out);
    assert!(said.out.contains("sender.certificate_untrusted"), "{}", said.out);
    std::fs::write(desk.join("letter.txt"), "dear").unwrap();
    let said = auditor(desk, &["letter.txt", "--anchor", "ca.pem"]);
    assert_eq!(said.code, 3, "{}", said.err);
    assert!(said.err.contains("line 1, column 1"), "{}", said.err);
    assert_eq!(auditor(desk, &["proof.json"]).code, 2);
}

#[test]
fn what_no_node_knows_is_said_with_the_next_step() {
    let dir = tempfile::tempdir().unwrap();
    fine(dir.path(), &["demo", "--fast", "--keep", "--cases", "20"]);
    let said = export(dir.path(), "NO-SUCH-CASE", "none.json", &NODES);
    assert_eq!(said.code, 1, "{}", said.out);
    assert!(said.out.contains("tiergate trace NO-SUCH-CASE"), "{}", said.out);
    assert!(!dir.path().join("none.json").exists());
}
