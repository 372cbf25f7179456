//! What the program says of two editions of a format; and a record that is returned after it was
//! accepted, by command, through the four tiers of the demo.

#![expect(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

#[expect(dead_code, reason = "the demo has keys and nodes already")]
mod common;

use std::path::Path;
use std::time::{Duration, Instant};

use canon::NodeCode;
use common::{Service, repository};
use store::SqliteStore;

/// Exit code, standard output and standard error.
fn tiergate(dir: &Path, args: &[&str]) -> (i32, String) {
    let said = common::tiergate(dir, args);
    (said.code, said.out + &said.err)
}

fn json(dir: &Path, args: &[&str]) -> serde_json::Value {
    common::tiergate(dir, &[args, &["--json"]].concat()).json()
}

/// A copy of the format as edition 2, with one element longer, one code gone and one field new.
fn second_edition(dir: &Path) {
    let folder = dir.join("supervision/2");
    std::fs::create_dir_all(&folder).unwrap();
    for entry in std::fs::read_dir(repository().join("schemas/supervision/1")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let mut text = std::fs::read_to_string(&path).unwrap();
        text = text.replace("supervision:1", "supervision:2");
        text = text.replace("edition=\"1\"", "edition=\"2\"");
        if name == "sb.xsd" {
            let was = "<xs:element name=\"SBXMMC\" type=\"Text200\">";
            assert!(text.contains(was));
            text = text.replace(was, "<xs:element name=\"SBXMMC\" type=\"Text100\">");
        }
        std::fs::write(folder.join(name), text).unwrap();
    }
}

#[test]
fn two_editions_are_compared_with_the_lines_of_an_adapter() {
    let dir = tempfile::tempdir().unwrap();
    second_edition(dir.path());
    let old = repository().join("schemas/supervision/1").display().to_string();
    let package = repository().join("adapters/township_window").display().to_string();
    let diff = ["format", "diff", &old, "supervision/2", "--adapter", &package];
    let (code, out) = tiergate(dir.path(), &[&diff[..], &["--lang", "zh"]].concat());
    assert_eq!(code, 1, "{out}");
    assert!(
        out.contains("SB.SBXMMC (application.project_name)  最多 100 字，原为 200 字"),
        "{out}"
    );
    assert!(out.ends_with("supervision/1 → supervision/2：不兼容 1 处，兼容 0 处\n"), "{out}");
    let said = json(dir.path(), &diff);
    assert_eq!(said["breaking"], 1);
    let at = &said["changes"][0]["adapters"][0];
    assert_eq!(at["adapter"], "township_window");
    let line = usize::try_from(at["line"].as_u64().unwrap()).unwrap();
    let text = std::fs::read_to_string(at["file"].as_str().unwrap()).unwrap();
    let mapped = text.lines().nth(line - 1).unwrap();
    assert!(mapped.contains("project_name"), "{mapped}");
    let (code, out) = tiergate(dir.path(), &["format", "diff", &old, &old]);
    assert_eq!(code, 0, "{out}");
    let (code, _) = tiergate(dir.path(), &["format", "diff", &old, "supervision/9"]);
    assert_eq!(code, 3);
}

/// Drops a row with a wrong citizen id again, under a number of its own, and waits until it is held.
fn hold_one(dir: &Path) {
    // The demo's files are called after the days of its story, which begins a day or two ago.
    let done = std::fs::read_dir(dir.join("d/township/drops/done")).unwrap();
    let texts = done.map(|entry| {
        let raw = std::fs::read(entry.unwrap().path()).unwrap();
        encoding_rs::GB18030.decode(&raw).0.into_owned()
    });
    let citizen =
        |cell: &&str| cell.len() == 18 && cell.starts_with("99") && !cell.starts_with("9901030");
    let (header, right, id) = texts
        .filter_map(|text| {
            let row = text.lines().find(|l| l.split(',').any(|cell| citizen(&cell)))?;
            let id = row.split(',').find(citizen)?;
            Some((text.lines().next()?.to_owned(), row.to_owned(), id.to_owned()))
        })
        .next()
        .expect("a citizen among the demo's cases");
    let (last, mut wrong) = (id.chars().last(), id.clone());
    wrong.pop();
    wrong.push(if last == Some('1') { '2' } else { '1' });
    let bad = right.replace(&id, &wrong);
    let (_, rest) = bad.split_once(',').unwrap();
    let text = format!("{header}\r\n99010310120261120900001,{rest}\r\n");
    let (raw, _, _) = encoding_rs::GB18030.encode(&text);
    std::fs::write(dir.join("d/township/drops/window-20991231.csv"), raw).unwrap();
    let all = ["township", "county", "city", "province"];
    let running = Service::start(&dir.join("d"), &all);
    let began = Instant::now();
    let held = ["quarantine", "list", "--data", "d", "--node", "town-990103101", "--lang", "zh"];
    while !tiergate(dir, &held).1.contains("window-20991231.csv:2") {
        assert!(began.elapsed() < Duration::from_secs(15), "it was never read");
        std::thread::sleep(Duration::from_millis(200));
    }
    drop(running);
}

#[test]
fn held_rows_that_an_edition_would_cure_are_counted_and_nothing_is_changed() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (code, out) = tiergate(dir, &["demo", "--fast", "--cases", "20", "--data", "d"]);
    assert_eq!(code, 0, "{out}");
    hold_one(dir);
    let before = json(dir, &["quarantine", "list", "--data", "d"]);
    second_edition(dir);
    let old = repository().join("schemas/supervision/1").display().to_string();
    for entry in std::fs::read_dir(dir.join("supervision/2")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        // An error from a day on becomes a warning for ever.
        let was = "is=\"citizen_id\" severity=\"warn\" error_from=\"2013-01-01\"";
        let text = text.replace(was, "is=\"citizen_id\" severity=\"warn\"");
        std::fs::write(&path, text).unwrap();
    }
    let said = json(dir, &["format", "diff", &old, "supervision/2", "--data", "d"]);
    let held = said["held"].as_array().unwrap();
    let rules: Vec<_> = held.iter().flat_map(|h| h["rules"].as_array().unwrap()).collect();
    let check = rules.iter().find(|r| r["rule"] == "field.check_digit");
    let check = check.unwrap_or_else(|| panic!("{said}"));
    assert!(check["held"].as_u64() > Some(0) && check["cured"] == check["held"], "{said}");
    let same = json(dir, &["format", "diff", &old, &old, "--data", "d"]);
    let cured =
        same["held"].as_array().unwrap().iter().flat_map(|h| h["rules"].as_array().unwrap());
    assert!(cured.clone().count() > 0 && cured.clone().all(|r| r["cured"] == 0), "{same}");
    assert_eq!(json(dir, &["quarantine", "list", "--data", "d"]), before);

    let lists = [
        ("regions@1.csv", "code,name\n990000,甲\n990103,乙\n"),
        ("regions@2026-12-01.csv", "code,name\n990000,甲\n990104,丙\n"),
        ("items@2.csv", "code,name\n"),
    ];
    lists.iter().for_each(|(name, text)| std::fs::write(dir.join(name), text).unwrap());
    let diff = ["format", "diff", lists[0].0, lists[1].0, "--data", "d"];
    let (code, out) = tiergate(dir, &[&diff[..], &["--lang", "zh"]].concat());
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("停用（不兼容） 1 个：990103\n新增 1 个：990104\n"), "{out}");
    assert_eq!(json(dir, &diff)["count"], 2);
    let (code, _) = tiergate(dir, &["format", "diff", lists[0].0, lists[2].0]);
    assert_eq!(code, 2, "two lists");
}

/// The first record that a node of the demo keeps and its sender: type, key, sender.
fn kept(data: &Path, folder: &str, code: &str) -> (String, String, String) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let file = SqliteStore::open(data.join(folder).join("node.db")).await.unwrap();
        let store = file.identity(&NodeCode::new(code).unwrap()).await.unwrap();
        let judged = store.judged_after(0, 1).await.unwrap().remove(0);
        let package = envelope::open_frame(&judged.frame, 64 << 20).unwrap();
        let opened = envelope::open(&package).unwrap();
        let format = canon::format::supervision_1();
        let parsed = format.parse(opened.fragments[judged.kept[0] as usize]).unwrap();
        let key = format.key(parsed.ty, &parsed.values, &parsed.attrs.namespace).unwrap();
        let kind = format.get(parsed.ty).wire.to_string();
        (kind, key.to_string(), judged.id.sender.to_string())
    })
}

#[test]
fn a_record_is_returned_by_command_and_listed_where_it_came_from() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (code, out) = tiergate(dir, &["demo", "--fast", "--cases", "20", "--data", "d"]);
    assert_eq!(code, 0, "{out}");
    let (kind, key, sender) = kept(&dir.join("d"), "province", "province-990000");
    let list = |lines: &str| std::fs::write(dir.join("list.csv"), lines).unwrap();
    let notice = ["notice", "quality", "--from", "list.csv", "--by", "op7", "--data", "d"];
    let notice = [&notice[..], &["--node", "province-990000"]].concat();

    list("type,key,rule,deadline\nSB,1,spot_check,soon\n");
    let (code, out) = tiergate(dir, &notice);
    assert_eq!(code, 1, "{out}");
    assert!(out.starts_with("list.csv:2"), "{out}");
    list("type,key,rule,deadline\nSB,nowhere@u,spot_check,2126-01-31\n");
    let (code, out) = tiergate(dir, &notice);
    assert_eq!(code, 1, "nobody can be told: {out}");
    list(&format!("type,key,rule,deadline,text\n{kind},{key},spot_check,2126-01-31,请核实\n"));
    let (code, out) = tiergate(dir, &notice);
    assert_eq!(code, 0, "{out}");

    let running = Service::start(&dir.join("d"), &["township", "county", "city", "province"]);
    let began = Instant::now();
    let returned = ["returned", "--data", "d", "--node", &sender];
    let mut said = json(dir, &returned);
    while said["open"] != 1 {
        assert!(began.elapsed() < Duration::from_secs(60), "it never came: {said}");
        std::thread::sleep(Duration::from_millis(200));
        said = json(dir, &returned);
    }
    let one = &said["nodes"][0]["returned"][0];
    assert_eq!((one["key"].as_str(), one["rule"].as_str()), (Some(&*key), Some("spot_check")));
    assert_eq!((&one["answer"], &one["by"]), (&serde_json::Value::Null, &"province-990000".into()));
    drop(running);
    let (_, status) = tiergate(dir, &["status", "--data", "d", "--lang", "zh"]);
    assert!(status.contains("接收后退回 1 条，最近期限 2126-01-31 23:59:59"), "{status}");
    let (code, out) = tiergate(dir, &[&returned[..], &["--lang", "zh"]].concat());
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("请核实") && out.contains("待答复的退回记录 1 条"), "{out}");
}
