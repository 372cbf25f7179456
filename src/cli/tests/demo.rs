//! The demo as people and scripts start it: to its end in both languages, in folders that are not
//! its own, twice at once, interrupted and killed.

#![expect(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn command(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tiergate"));
    command
        .args(args)
        .current_dir(dir)
        .env_remove("LC_ALL")
        .env_remove("LC_MESSAGES")
        .env("LANG", "C")
        .stdin(Stdio::null());
    command
}

/// Exit code, standard output and standard error.
fn tiergate(dir: &Path, args: &[&str]) -> (i32, String, String) {
    let output = command(dir, args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn assert_has(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.contains(line), "no `{line}` in:\n{text}");
    }
}

#[test]
fn the_story_in_chinese_leaves_what_run_and_stock_tools_take() {
    let dir = tempfile::tempdir().unwrap();
    let demo = ["demo", "--fast", "--cases", "60", "--lang", "zh"];
    let (code, out, err) = tiergate(dir.path(), &demo);
    assert_eq!(code, 0, "{out}{err}");
    assert_has(
        &out,
        &[
            "第 17 行『身份证号』校验位错误，应为 X；退回来源单位",
            "行省平台已接收：SB 申请",
            "省平台回执对本条记录的结论：已接收",
            "省平台不可达",
            "恢复后约",
            "无丢失、无重复",
            "签名不符，已拒收 [sender.signature_invalid]",
            "以原字节重发：回执验证通过",
            "第 17 行，已更正",
            "乡镇：对账一致",
            "县：对账一致",
            "tiergate run --config ./tiergate-demo/*/node.toml",
            "xmlsec1 --verify --id-attr:Id urn:tiergate:envelope:1:Head",
            "tiergate adapter new",
        ],
    );
    assert!(out.lines().last().unwrap().contains("无丢失、无重复、无不明差异"), "{out}");
    // Chinese characters take two cells.
    let cells = |l: &str| l.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum::<usize>();
    let wide: Vec<&str> = out.lines().filter(|l| cells(l) > 110).collect();
    assert!(wide.is_empty(), "too wide: {wide:#?}");
    let configs = ["township", "county", "city", "province"]
        .map(|tier| format!("tiergate-demo/{tier}/node.toml"));
    let mut check = vec!["check", "config"];
    check.extend(configs.iter().map(String::as_str));
    let (code, out, err) = tiergate(dir.path(), &check);
    assert_eq!(code, 0, "{out}{err}");
    let (code, out, _) = tiergate(dir.path(), &["demo", "--keep", "--fast"]);
    assert_eq!(code, 0, "{out}");
    assert_has(&out, &["The end", "Nothing lost"]);
    assert!(!out.contains("[1]"), "played again: {out}");
    let (code, _, err) = tiergate(dir.path(), &["demo", "--fast", "--seed", "9"]);
    assert_eq!(code, 2, "{err}");
    assert_has(&err, &["seed 1", "--data"]);
}

#[test]
fn what_sabotage_breaks_is_mended_or_named() {
    let dir = tempfile::tempdir().unwrap();
    let demo = ["demo", "--sabotage", "--fast", "--cases", "60"];
    let (code, out, err) = tiergate(dir.path(), &demo);
    assert_eq!(code, 0, "{out}{err}");
    assert_has(
        &out,
        &[
            "the process dies, and is started again",
            "(in a record) was",
            "[envelope.root_mismatch]",
            "then loses the record; nobody is told:",
            "lacking at the province despite its receipt; narrowed down, sent again:",
            "township: agrees",
            "county: agrees",
            "a crash, a tampered record, 1 record lost by the province",
            "Nothing lost, nothing twice, nothing unexplained.",
        ],
    );
    let (_, lost) = out.split_once("nobody is told:").unwrap();
    let record = lost.lines().nth(1).unwrap().trim();
    assert_eq!(out.matches(record).count(), 2, "lost, and found again: {record} in {out}");
    let wide: Vec<&str> = out.lines().filter(|l| l.chars().count() > 110).collect();
    assert!(wide.is_empty(), "too wide: {wide:#?}");
}

#[test]
fn the_story_in_english_and_for_programs() {
    let dir = tempfile::tempdir().unwrap();
    let demo = ["demo", "--fast", "--cases", "60", "--seed", "5", "--data", "a folder"];
    let (code, out, err) = tiergate(dir.path(), &demo);
    assert_eq!(code, 0, "{out}{err}");
    assert_has(
        &out,
        &[
            "seed 5",
            "line 17: ",
            "should be X; returned to its owner",
            "of this record: accepted",
            "province unreachable for",
            "nothing lost, nothing twice",
            "[sender.signature_invalid]",
            "township: agrees",
            "county: agrees",
            "tiergate run --config 'a folder'/*/node.toml",
        ],
    );
    assert!(!out.contains('\u{1b}'), "no escapes outside a terminal: {out}");
    let wide: Vec<&str> = out.lines().filter(|l| l.chars().count() > 110).collect();
    assert!(wide.is_empty(), "too wide: {wide:#?}");
    let again = ["demo", "--keep", "--json", "--data", "a folder"];
    let (code, out, _) = tiergate(dir.path(), &again);
    assert_eq!(code, 0, "{out}");
    let answer: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(answer["ok"], true);
    assert_eq!(answer["nodes"].as_array().unwrap().len(), 4);
}

/// Starts a demo and waits until its nodes are at work.
/// The story in another suite; what it leaves verifies with OpenSSL alone.
fn in_suite(suite: &str) {
    let dir = tempfile::tempdir().unwrap();
    let demo = ["demo", "--fast", "--cases", "60", "--suite", suite, "--data", "d"];
    let (code, out, err) = tiergate(dir.path(), &demo);
    assert_eq!(code, 0, "{out}{err}");
    assert_has(&out, &["nothing lost, nothing twice", "[sender.signature_invalid]", "check.sh"]);
    for file in ["envelope.xml", "receipt.xml"] {
        let check = |file: &str| {
            let mut sh = Command::new("sh");
            sh.current_dir(dir.path().join("d/evidence")).args(["check.sh", file]).output().unwrap()
        };
        let said = check(file);
        let (text, errors) = (said.stdout, String::from_utf8_lossy(&said.stderr).into_owned());
        assert!(said.status.success(), "{suite} {file}: {errors}");
        assert_has(&String::from_utf8_lossy(&text), &["OK", "Signature Verified Successfully"]);
        let path = dir.path().join("d/evidence").join(file);
        let changed = std::fs::read_to_string(&path).unwrap().replace("<From>", "<From>x");
        std::fs::write(dir.path().join("d/evidence/changed.xml"), changed).unwrap();
        assert!(!check("changed.xml").status.success(), "{suite} {file}, changed");
    }
}

#[test]
fn the_story_in_the_national_suite() {
    in_suite("sm2");
}

#[test]
fn the_story_with_a_suite_for_each_tier() {
    in_suite("mixed");
}

fn started(dir: &Path) -> Child {
    let child =
        command(dir, &["demo", "--fast", "--cases", "100"]).stdout(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    while !dir.join("tiergate-demo/province/node.db").exists() {
        assert!(began.elapsed() < Duration::from_secs(15), "the demo did not begin");
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

#[cfg(unix)]
#[test]
fn an_interrupted_or_killed_demo_goes_on_where_it_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = started(dir.path());
    let (code, _, err) = tiergate(dir.path(), &["demo", "--fast"]);
    assert_eq!(code, 3, "two at once: {err}");
    assert_has(&err, &["another demo"]);
    std::thread::sleep(Duration::from_millis(500));
    child.kill().unwrap();
    child.wait().unwrap();
    let mut child = started(dir.path());
    std::thread::sleep(Duration::from_millis(1_500));
    let pressed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(pressed.success());
    assert_eq!(child.wait().unwrap().code(), Some(4));
    let (code, out, err) = tiergate(dir.path(), &["demo", "--fast"]);
    assert_eq!(code, 0, "{out}{err}");
    assert_has(&out, &["100 cases", "Nothing lost"]);
}

#[test]
fn a_folder_of_something_else_and_wrong_options_are_refused_with_the_next_step() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("letter.txt"), "dear").unwrap();
    let (code, _, err) = tiergate(dir.path(), &["demo", "--fast", "--data", "."]);
    assert_eq!(code, 2, "{err}");
    assert_has(&err, &["letter.txt", "--data"]);
    for wrong in [["--cases", "0"], ["--cases", "many"], ["--seed", "-1"], ["--data", ""]] {
        let mut args = vec!["demo", "--fast"];
        args.extend(wrong);
        let (code, _, err) = tiergate(dir.path(), &args);
        assert_eq!(code, 2, "{wrong:?}: {err}");
    }
    let (code, _, err) = tiergate(dir.path(), &["demo", "--fast", "--data", "letter.txt"]);
    assert_eq!(code, 3, "{err}");
    assert_has(&err, &["letter.txt", "--data"]);
}
