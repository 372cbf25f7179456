//! Stories of files: settled, duplicated, cut off, grown, crashed, wrong.

use std::fs;
use std::path::Path;

use adapt::form::matches;
use adapt::{Detect, FileSource, Form, Query, Text, TextSettings, Vanished};

use canon::Day;

use super::settings::day_in;
use super::*;
use crate::error::Disposition;

pub(super) const NOW: Millis = Millis(1_795_000_000_000);

pub(super) fn settings(dir: &Path) -> Settings {
    let text = |text: &str| Text { text: text.into(), ..Text::default() };
    let source = FileSource {
        form: Form::Csv(TextSettings {
            encoding: adapt::Encoding::Gb18030,
            ..TextSettings::default()
        }),
        files: "window-*.csv".into(),
        done: "done".into(),
        failed: "failed".into(),
        answer: None,
        settle_seconds: 0,
        queries: vec![Query {
            name: text("row"),
            sql: String::new(),
            sql_for: Default::default(),
            columns: ["流水号", "姓名", "备注"].map(text).into(),
            key: Vec::new(),
            detect: Detect::File,
            history: None,
            vanished: Vanished::Ignore,
            write_back: None,
        }],
    };
    Settings::of("window", dir.to_owned(), &source)
}

fn gbk(text: &str) -> Vec<u8> {
    encoding_rs::GB18030.encode(text).0.into_owned()
}

fn drop_file(dir: &Path, name: &str, text: &str) {
    fs::write(dir.join(name), gbk(text)).unwrap();
}

fn names(page: &Page) -> Vec<&str> {
    page.rows().map(|r| r.cell(1).unwrap()).collect()
}

/// Reads and commits until there is nothing more; gives names, broken codes and the last cursor.
fn drain(
    source: &mut FileDrop,
    cursor: Option<String>,
    limit: usize,
) -> (Vec<String>, Vec<&'static str>, String) {
    let (mut rows, mut broken, mut cursor) = (Vec::new(), Vec::new(), cursor);
    loop {
        let page = source.read_now(cursor.as_deref(), NOW, limit).unwrap();
        rows.extend(names(&page).into_iter().map(str::to_owned));
        broken.extend(page.broken.iter().map(|b| b.code));
        let done = Cursor::parse("t", Some(&page.cursor)).unwrap().finish;
        if let Some(finish) = done {
            source.finish(&finish).unwrap();
        }
        cursor = Some(page.cursor.clone());
        if !page.more {
            return (rows, broken, page.cursor);
        }
    }
}

fn there(dir: &Path, sub: &str) -> Vec<String> {
    let mut names = os::files(&dir.join(sub)).unwrap();
    names.retain(|n| !n.starts_with('.'));
    names
}

const HEAD: &str = "流水号,姓名,备注\r\n";

#[test]
fn a_file_is_read_page_by_page_across_restarts_and_moved_once() {
    let dir = tempfile::tempdir().unwrap();
    drop_file(
        dir.path(),
        "window-1.csv",
        &format!("{HEAD}1,甲,\r\n2,乙,\"a,\"\"b\"\r\n\r\n3,丙,x"),
    );
    drop_file(dir.path(), "other.txt", "not ours");
    let mut cursor = None;
    let mut all = Vec::new();
    for _ in 0..6 {
        // A new process each time: only the cursor is remembered.
        let mut source = FileDrop::open(settings(dir.path())).unwrap();
        let page = source.read_now(cursor.as_deref(), NOW, 1).unwrap();
        for row in page.rows() {
            all.push((
                row.reference(),
                row.cell(1).unwrap().to_owned(),
                row.cell(2).unwrap().to_owned(),
            ));
        }
        cursor = Some(page.cursor.clone());
    }
    let want = [
        ("window-1.csv:2", "甲", ""),
        ("window-1.csv:3", "乙", "a,\"b"),
        ("window-1.csv:5", "丙", "x"),
    ];
    let want: Vec<_> =
        want.iter().map(|(a, b, c)| ((*a).to_owned(), (*b).to_owned(), (*c).to_owned())).collect();
    assert_eq!(all, want);
    assert_eq!(there(dir.path(), "done"), ["window-1.csv"]);
    assert_eq!(there(dir.path(), ""), ["other.txt"]);
}

#[test]
fn nothing_is_moved_before_the_commit_and_the_move_is_healed_after_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    drop_file(dir.path(), "window-1.csv", &format!("{HEAD}1,甲,\r\n"));
    let cursor = {
        let mut source = FileDrop::open(settings(dir.path())).unwrap();
        let page = source.read_now(None, NOW, 10).unwrap();
        assert_eq!(names(&page), ["甲"]);
        page.cursor
    };
    assert_eq!(there(dir.path(), ""), ["window-1.csv"], "read, not committed: it stays");
    // Not committed: the same rows again.
    {
        let mut source = FileDrop::open(settings(dir.path())).unwrap();
        assert_eq!(names(&source.read_now(None, NOW, 10).unwrap()), ["甲"]);
    }
    // Committed, crashed before the move: the next read moves it and gives nothing twice.
    let mut source = FileDrop::open(settings(dir.path())).unwrap();
    let page = source.read_now(Some(&cursor), NOW, 10).unwrap();
    assert!(page.is_empty() && !page.more);
    assert_eq!(there(dir.path(), "done"), ["window-1.csv"]);
    // And once more from the same cursor: nothing to do, nothing wrong.
    assert!(source.read_now(Some(&cursor), NOW, 10).unwrap().is_empty());
}

#[test]
fn a_duplicated_file_is_not_read_twice_under_any_name() {
    let dir = tempfile::tempdir().unwrap();
    let text = format!("{HEAD}1,甲,\r\n");
    drop_file(dir.path(), "window-1.csv", &text);
    drop_file(dir.path(), "window-1_1.csv", &text);
    let mut source = FileDrop::open(settings(dir.path())).unwrap();
    let (rows, broken, cursor) = drain(&mut source, None, 10);
    assert_eq!((rows.len(), broken.len()), (1, 0));
    assert_eq!(
        there(dir.path(), "done"),
        ["window-1.csv", "window-1_1.csv", "window-1_1.csv.duplicate"]
    );
    drop(source);
    // Another process, the same name again: known from the index beside the files.
    drop_file(dir.path(), "window-1.csv", &text);
    let mut source = FileDrop::open(settings(dir.path())).unwrap();
    let (rows, ..) = drain(&mut source, Some(cursor), 10);
    assert_eq!(rows.len(), 0);
    assert_eq!(there(dir.path(), "done").len(), 5);
    assert!(there(dir.path(), "").is_empty());
}

#[test]
fn a_file_cut_off_keeps_its_good_rows_and_fails_with_a_reason() {
    for tail in ["3,丙", "3,丙,\"引", "3,"] {
        let dir = tempfile::tempdir().unwrap();
        let mut raw = gbk(&format!("{HEAD}1,甲,\r\n2,乙,y\r\n{tail}"));
        if tail == "3,丙" {
            raw.pop(); // half a character
        }
        fs::write(dir.path().join("window-1.csv"), raw).unwrap();
        let mut source = FileDrop::open(settings(dir.path())).unwrap();
        let (rows, broken, _) = drain(&mut source, None, 10);
        assert_eq!(rows, ["甲", "乙"]);
        assert_eq!(broken, ["adapter.cut_off"], "{tail}");
        assert_eq!(there(dir.path(), "failed"), ["window-1.csv", "window-1.csv.reason.txt"]);
        let reason = fs::read_to_string(dir.path().join("failed/window-1.csv.reason.txt")).unwrap();
        assert!(
            reason.contains("第 4 行") && reason.contains("line 4") && !reason.contains('丙'),
            "{reason}"
        );
    }
}

#[test]
fn a_file_that_grows_is_left_alone_until_it_stands_still() {
    let dir = tempfile::tempdir().unwrap();
    let mut settings = settings(dir.path());
    settings.settle_for_ms = 60_000;
    drop_file(dir.path(), "window-1.csv", &format!("{HEAD}1,甲,\r\n"));
    let mut source = FileDrop::open(settings).unwrap();
    assert!(source.read_now(None, NOW, 10).unwrap().is_empty());
    drop_file(dir.path(), "window-1.csv", &format!("{HEAD}1,甲,\r\n2,乙,\r\n"));
    assert!(source.read_now(None, NOW.plus(61_000), 10).unwrap().is_empty(), "it grew");
    let page = source.read_now(None, NOW.plus(122_000), 10).unwrap();
    assert_eq!(names(&page), ["甲", "乙"]);
}

#[test]
fn a_file_that_grows_while_it_is_read_is_read_afresh_to_its_end() {
    let dir = tempfile::tempdir().unwrap();
    drop_file(dir.path(), "window-1.csv", &format!("{HEAD}1,甲,\r\n2,乙,\r\n"));
    let mut source = FileDrop::open(settings(dir.path())).unwrap();
    let page = source.read_now(None, NOW, 1).unwrap();
    assert_eq!(names(&page), ["甲"]);
    drop_file(dir.path(), "window-1.csv", &format!("{HEAD}1,甲,\r\n2,乙,\r\n3,丙,\r\n"));
    let (rows, broken, _) = drain(&mut source, Some(page.cursor.clone()), 10);
    assert_eq!(rows.last().map(String::as_str), Some("丙"));
    assert!(broken.is_empty() && rows.contains(&"乙".to_owned()));
    assert_eq!(there(dir.path(), "done"), ["window-1.csv"]);
}

#[test]
fn a_new_file_under_an_old_name_is_another_file() {
    let dir = tempfile::tempdir().unwrap();
    drop_file(dir.path(), "window-1.csv", &format!("{HEAD}1,甲,\r\n"));
    let mut source = FileDrop::open(settings(dir.path())).unwrap();
    let (_, _, cursor) = drain(&mut source, None, 10);
    drop_file(dir.path(), "window-1.csv", &format!("{HEAD}1,甲,改\r\n"));
    let (rows, ..) = drain(&mut source, Some(cursor), 10);
    assert_eq!(rows, ["甲"]);
    assert_eq!(there(dir.path(), "done").len(), 2);
}

#[test]
fn wrong_headers_and_encodings_fail_the_file_and_say_why() {
    for (raw, code, says) in [
        (gbk("1,甲,\r\n2,乙,\r\n"), "source.header_missing", "首行"),
        (gbk("流水号,名字,备注\r\n1,甲,\r\n"), "source.header_wrong", "姓名"),
        (gbk("流水号,姓名,姓名,备注\r\n1,甲,,\r\n"), "source.header_wrong", "两次"),
        (format!("{HEAD}1,甲,\r\n").into_bytes(), "source.encoding_wrong", "GB18030"),
        (Vec::new(), "source.header_missing", "首行"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("window-1.csv"), raw).unwrap();
        let mut source = FileDrop::open(settings(dir.path())).unwrap();
        let (rows, broken, _) = drain(&mut source, None, 10);
        assert_eq!((rows.len(), broken), (0, vec![code]));
        let reason = fs::read_to_string(dir.path().join("failed/window-1.csv.reason.txt")).unwrap();
        assert!(reason.contains(says) && reason.contains(code), "{reason}");
        // Nothing was taken from it: mended by a new adapter, the same bytes may come again.
        assert!(source.known.is_empty());
    }
}

#[test]
fn a_byte_order_mark_wins_and_columns_may_stand_in_another_order() {
    let dir = tempfile::tempdir().unwrap();
    let text = "\u{feff}备注,其他,姓名,流水号\n嗯,?,甲,1\n";
    fs::write(dir.path().join("window-1.csv"), text).unwrap();
    let mut source = FileDrop::open(settings(dir.path())).unwrap();
    let page = source.read_now(None, NOW, 10).unwrap();
    let cells: Vec<_> = page.row(0).unwrap().cells().map(Option::unwrap).collect();
    assert_eq!(cells, ["1", "甲", "嗯"]);
}

#[test]
fn broken_rows_are_named_and_the_others_kept() {
    let dir = tempfile::tempdir().unwrap();
    let mut raw = gbk(&format!("{HEAD}1,甲,\r\n2,乙\r\n3,"));
    raw.push(0xff);
    raw.extend(gbk(",\r\n4,\"丁,x\r\n5,戊,,\r\n,,\r\n6,己,a,b\r\n"));
    fs::write(dir.path().join("window-1.csv"), raw).unwrap();
    let mut source = FileDrop::open(settings(dir.path())).unwrap();
    let page = source.read_now(None, NOW, 100).unwrap();
    assert_eq!(names(&page), ["甲", "\"丁", "戊"], "a stray quote swallows nothing");
    let broken: Vec<_> = page.broken.iter().map(|b| (b.line.unwrap(), b.code)).collect();
    assert_eq!(
        broken,
        [(3, "adapter.row_width"), (4, "adapter.undecodable"), (8, "adapter.row_width")]
    );
    assert_eq!(page.broken[0].zh, "第 3 行：应有 3 列，实有 2 列");
    drain(&mut source, Some(page.cursor), 10);
    assert_eq!(there(dir.path(), "done"), ["window-1.csv"]);
}

#[test]
fn limits_hold_for_lines_pages_and_files() {
    let dir = tempfile::tempdir().unwrap();
    let mut settings = settings(dir.path());
    settings.limits =
        FileLimits { file_bytes_max: 4_000_000, page_bytes_max: 1, ..FileLimits::default() };
    // A line longer than a page, one longer than a row, then rows over more than a page.
    let (endless, long) = ("x".repeat(2_500_000), "x".repeat(adapt::ROW_BYTES_MAX + 1));
    let rows: String = (0..20).map(|n| format!("{n},名{n},y\r\n")).collect();
    drop_file(
        dir.path(),
        "window-1.csv",
        &format!("{HEAD}1,长,{endless}\r\n{rows}2,长,{long}\r\n"),
    );
    drop_file(dir.path(), "window-2.csv", &format!("{HEAD}{}", "9,大,\r\n".repeat(600_000)));
    let mut source = FileDrop::open(settings).unwrap();
    let (rows, broken, _) = drain(&mut source, None, 1_000);
    assert_eq!(rows.len(), 20);
    assert_eq!(broken, ["adapter.row_too_long", "adapter.row_too_long", "source.file_too_large"]);
    assert_eq!(there(dir.path(), "done"), ["window-1.csv"]);
    assert_eq!(there(dir.path(), "failed")[0], "window-2.csv");
}

#[test]
fn who_reads_holds_the_folder_until_it_lets_go() {
    let dir = tempfile::tempdir().unwrap();
    drop_file(dir.path(), "window-1.csv", &format!("{HEAD}1,甲,\r\n2,乙,\r\n"));
    // Both instances of a node have the adapter; one reads.
    let mut first = FileDrop::open(settings(dir.path())).unwrap();
    let mut second = FileDrop::open(settings(dir.path())).unwrap();
    let page = first.read_now(None, NOW, 1).unwrap();
    assert_eq!(names(&page), ["甲"]);
    let busy = second.read_now(Some(&page.cursor), NOW, 1).unwrap_err();
    assert_eq!((busy.code(), busy.disposition()), ("source.busy", Disposition::Retry));
    assert_eq!(
        take_back(&settings(dir.path()), Millis(0)).unwrap_err().code(),
        "source.folder_held"
    );
    // Its slot is taken over: the other goes on where the committed cursor stands.
    first.let_go();
    let page = second.read_now(Some(&page.cursor), NOW, 1).unwrap();
    assert_eq!(names(&page), ["乙"]);
    assert_eq!(first.read_now(None, NOW, 1).unwrap_err().code(), "source.busy");
    drop(second);
    assert!(first.read_now(None, NOW, 1).is_ok());
}

#[test]
fn a_cursor_of_another_source_stops_the_adapter() {
    let dir = tempfile::tempdir().unwrap();
    let mut source = FileDrop::open(settings(dir.path())).unwrap();
    for text in ["", "{\"v\":2}", "{\"v\":1,\"next\":0,\"queries\":{}}"] {
        let error = source.read_now(Some(text), NOW, 1).unwrap_err();
        assert_eq!(error.code(), "source.cursor_unreadable");
    }
}

#[test]
fn files_that_a_program_keeps_for_itself_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let mut settings = settings(dir.path());
    settings.source.files = "*".into();
    for (name, taken) in
        [("办件.xlsx", true), ("~$办件.xlsx", false), (".办件.xlsx.swp", false), ("a~$", true)]
    {
        assert_eq!(settings.takes(name), taken, "{name}");
    }
}

#[test]
fn patterns() {
    for (pattern, name, want) in [
        ("window-*.csv", "window-20261121.csv", true),
        ("window-*.csv", "window-20261121.csv.part", false),
        ("*", "", true),
        ("a?c*", "abc", true),
        ("a?c", "ac", false),
        ("*a*b", "xaxxab", true),
    ] {
        assert_eq!(matches(pattern, name), want, "{pattern} {name}");
    }
}

#[test]
fn a_back_fill_takes_the_files_whose_names_say_a_day_in_its_range() {
    let day = |name| day_in(name).map(|d| d.to_string());
    assert_eq!(day("window-20200229.csv").as_deref(), Some("2020-02-29"));
    assert_eq!(day("2020-03-01 窗口.csv").as_deref(), Some("2020-03-01"));
    assert_eq!(day("v2_2020_03_01.csv").as_deref(), Some("2020-03-01"));
    for none in ["window.csv", "window-20201301.csv", "99010320261121000001.csv", "窗口-1.csv"] {
        assert_eq!(day(none), None, "{none}");
    }
    let dir = tempfile::tempdir().unwrap();
    for name in
        ["window-20200131.csv", "window-20200201.csv", "window-20200301.csv", "window-x.csv"]
    {
        drop_file(dir.path(), name, &format!("流水号,姓名,备注\n1,{name},\n"));
    }
    let range = (Day::parse("2020-02-01").unwrap(), Day::parse("2020-02-29").unwrap());
    let mut settings = settings(dir.path());
    settings.between = Some(range);
    let mut source = FileDrop::open(settings).unwrap();
    let (rows, _, _) = drain(&mut source, None, 10);
    assert_eq!(rows, ["window-20200201.csv", "window-x.csv"]);
    assert!(dir.path().join("window-20200131.csv").exists(), "the others are left alone");
}

#[test]
fn rows_that_come_to_too_much_are_refused_and_nothing_is_left_of_them() {
    let dir = tempfile::tempdir().unwrap();
    let mut settings = settings(dir.path());
    settings.source.form = Form::Json(String::new());
    settings.source.files = "*".into();
    settings.limits.rows_bytes_max = 1_000;
    let rows: String =
        (0..50).map(|n| format!("{{\"流水号\": {n}, \"姓名\": \"甲\"}}\n")).collect();
    fs::write(dir.path().join("a.json"), rows).unwrap();
    let mut source = FileDrop::open(settings).unwrap();
    let (rows, broken, _) = drain(&mut source, None, 10);
    assert!(rows.is_empty());
    assert_eq!(broken, ["source.file_limit"]);
    let reason = fs::read_to_string(dir.path().join("failed/a.json.reason.txt")).unwrap();
    assert!(reason.contains("rows_bytes_max = 1000"), "{reason}");
    let left = os::files(&dir.path().join("done")).unwrap();
    assert!(left.iter().all(|name| !name.starts_with(".rows-")), "{left:?}");
}

#[test]
fn leftovers_of_readings_and_of_old_answers_are_cleared_away() {
    let dir = tempfile::tempdir().unwrap();
    let mut source = FileDrop::open(settings(dir.path())).unwrap();
    drain(&mut source, None, 10);
    drop(source);
    let done = dir.path().join("done");
    for name in [".rows-broken-off", ".rows-x.part", ".answer-now", ".answer-old", "kept.csv"] {
        fs::write(done.join(name), "x").unwrap();
    }
    for (name, days) in [(".answer-now", 399), (".answer-old", 401)] {
        let at = u64::try_from(NOW.plus(-days * 86_400_000).0).unwrap();
        let at = std::time::UNIX_EPOCH + std::time::Duration::from_millis(at);
        fs::File::options().write(true).open(done.join(name)).unwrap().set_modified(at).unwrap();
    }
    let mut source = FileDrop::open(settings(dir.path())).unwrap();
    source.read_now(None, NOW, 10).unwrap();
    let left = os::files(&done).unwrap();
    let left: Vec<&str> = left.iter().map(String::as_str).filter(|n| *n != ".lock").collect();
    assert_eq!(left, [".answer-now", "kept.csv"]);
}
