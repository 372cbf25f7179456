//! A day's books as people see them: over what the demo left, in both languages, as a signed report.

#![expect(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

use std::path::Path;
use std::process::Command;

use serde_json::Value;

const TOWNSHIP: &str = "tiergate-demo/township/node.toml";
const PROVINCE: &str = "tiergate-demo/province/node.toml";
const ANCHOR: &str = "tiergate-demo/evidence/ca.pem";

fn tiergate(dir: &Path, args: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tiergate"));
    command.args(args).current_dir(dir).env("LANG", "C").env_remove("LC_ALL");
    let output = command.env_remove("LC_MESSAGES").output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout) + &text(&output.stderr))
}

fn told(dir: &Path, day: &str, node: &str) -> (i32, Value) {
    let (code, out) = tiergate(dir, &["reconcile", day, "--config", node, "--json"]);
    (code, serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}")))
}

/// The demo's story begins a day or two ago: the first day that has books.
fn a_day(dir: &Path) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let today = canon::Millis(i64::try_from(now.as_millis()).unwrap()).day();
    let days = (today.0 - 3..today.0 + 1).map(|day| canon::Day(day).to_string());
    let books = |day: &String| {
        let windows = told(dir, day, TOWNSHIP).1["nodes"][0]["windows"].clone();
        windows.as_array().is_some_and(|w| !w.is_empty())
    };
    days.into_iter().find(books).expect("a day with books")
}

#[test]
fn a_day_of_the_demo_is_told_reported_signed_and_verified() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (code, out) = tiergate(dir, &["demo", "--fast", "--keep", "--cases", "30"]);
    assert_eq!(code, 0, "{out}");
    let day = a_day(dir);
    let (code, none) = told(dir, "2020-01-01", TOWNSHIP);
    assert_eq!((code, &none["ok"], &none["nodes"][0]["agrees"]), (1, &false.into(), &Value::Null));
    for node in [TOWNSHIP, PROVINCE] {
        let (code, told) = told(dir, &day, node);
        assert_eq!(code == 0, told["ok"] == true, "{told}");
        let windows = told["nodes"][0]["windows"].as_array().unwrap();
        let types = windows.iter().flat_map(|w| w["types"].as_array().unwrap());
        let same = types.map(|t| t["same"] == true).collect::<Vec<_>>();
        assert!(!same.is_empty() && same.iter().all(|same| *same), "{told}");
        let mut outstanding = windows.iter().flat_map(|w| w["outstanding"].as_array().unwrap());
        assert!(outstanding.all(|o| !o["cause"].as_str().unwrap().is_empty()), "{told}");
    }
    for (file, begins) in [("day.md", &b"# "[..]), ("day.xlsx", b"PK")] {
        let asked = ["reconcile", &day, "--config", TOWNSHIP, "--report", file, "--lang", "zh"];
        let (_, out) = tiergate(dir, &asked);
        assert!(out.contains("总账") && out.contains(".sig"), "{out}");
        let bytes = std::fs::read(dir.join(file)).unwrap();
        assert!(bytes.starts_with(begins), "{file}");
        let verify = ["reconcile", "--verify", file, "--anchor", ANCHOR];
        let (code, out) = tiergate(dir, &verify);
        assert_eq!(code, 0, "{out}");
        // One byte more, and it is not what was signed.
        std::fs::write(dir.join(file), [&bytes[..], b" "].concat()).unwrap();
        let (code, out) = tiergate(dir, &verify);
        assert_eq!(code, 1, "{out}");
    }
    let markdown = std::fs::read_to_string(dir.join("day.md")).unwrap();
    for wanted in ["## 总账", "## 明细", "## 原因", "零报告"] {
        assert!(markdown.contains(wanted), "{wanted}");
    }
    let month = day.get(..7).unwrap();
    let month = ["reconcile", month, "--config", PROVINCE, "--lang", "zh"];
    let (code, out) = tiergate(dir, &month);
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("报送率＝") && out.contains("一致率"), "{out}");
    let (code, out) = tiergate(dir, &["reconcile", "yesterday", "--config", TOWNSHIP]);
    assert_eq!(code, 2, "{out}");
    // Nothing differs: an order heals nothing, and says nothing of it.
    let heal = ["reconcile", &day, "--config", TOWNSHIP, "--heal", "--by", "op1", "--reason", "x"];
    let (_, out) = tiergate(dir, &heal);
    assert!(!out.contains("done"), "{out}");
}
