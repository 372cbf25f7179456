//! Stories of DBF tables with a memo file beside them: one delivery of two files.

use std::fs;
use std::path::Path;

use adapt::{Encoding, Form};

use super::tests::{NOW, settings};
use super::*;

const COLUMNS: [&str; 2] = ["NO", "TEXT"];

/// A table of one row whose text lies in block 1.
fn table() -> Vec<u8> {
    let mut out = vec![0x83, 126, 11, 21, 1, 0, 0, 0, 97, 0, 15, 0];
    out.resize(32, 0);
    for (name, kind, length) in [("NO", b'C', 4_u8), ("TEXT", b'M', 10)] {
        let mut field = name.as_bytes().to_vec();
        field.resize(11, 0);
        field.push(kind);
        field.resize(16, 0);
        field.push(length);
        field.resize(32, 0);
        out.extend(field);
    }
    out.push(0x0d);
    out.extend(b" A1           1\x1a");
    out
}

fn memo(text: &str) -> Vec<u8> {
    let mut out = vec![0; 512];
    out.extend(encoding_rs::GB18030.encode(text).0.iter());
    out.extend([0x1a, 0x1a]);
    out
}

fn drop_of(dir: &Path) -> (Settings, FileDrop) {
    let mut source = settings(dir).source;
    source.form = Form::Dbf(Encoding::Auto);
    source.files = "ts*".into();
    let text = |text: &str| adapt::Text { text: text.into(), ..adapt::Text::default() };
    source.queries[0].columns = COLUMNS.map(text).into();
    let settings = Settings::of("ts", dir.to_owned(), &source);
    (settings.clone(), FileDrop::open(settings).unwrap())
}

/// Reads and commits until there is nothing more: the texts, and what is wrong.
fn drain(source: &mut FileDrop) -> (Vec<String>, Vec<&'static str>) {
    let (mut rows, mut broken, mut cursor) = (Vec::new(), Vec::new(), None::<String>);
    loop {
        let page = source.read_now(cursor.as_deref(), NOW, 10).unwrap();
        rows.extend(page.rows().map(|r| r.cell(1).unwrap_or("∅").to_owned()));
        broken.extend(page.broken.iter().map(|b| b.code));
        if let Some(finish) = Cursor::parse("t", Some(&page.cursor)).unwrap().finish {
            source.finish(&finish).unwrap();
        }
        cursor = Some(page.cursor.clone());
        if !page.more {
            return (rows, broken);
        }
    }
}

fn there(dir: &Path) -> Vec<String> {
    let mut names = os::files(dir).unwrap();
    names.retain(|n| !n.starts_with('.'));
    names
}

#[test]
fn a_table_and_its_memo_file_are_one_delivery() {
    let dir = tempfile::tempdir().unwrap();
    let (settings, mut source) = drop_of(dir.path());
    let put = |text: &str| {
        fs::write(dir.path().join("ts1.DBT"), memo(text)).unwrap();
        fs::write(dir.path().join("ts1.dbf"), table()).unwrap();
    };
    put("申请逾期未办");
    assert_eq!(drain(&mut source), (vec!["申请逾期未办".to_owned()], vec![]));
    assert_eq!(there(dir.path()), [""; 0]);
    assert_eq!(there(&dir.path().join("done")), ["ts1.DBT", "ts1.dbf"]);
    // The same table again, and only a text beside it is another.
    put("已督促办结");
    assert_eq!(drain(&mut source).0, ["已督促办结"]);
    assert_eq!(there(&dir.path().join("done")).len(), 4, "nothing took the place of another");
    put("已督促办结");
    assert_eq!(drain(&mut source).0, [""; 0], "the same content is not read again");
    assert_eq!(lies(&settings).unwrap(), Lies::default(), "nothing lies there that nobody reads");
}

#[test]
fn what_a_restore_gives_back_is_both_also_after_a_crash_between_them() {
    let dir = tempfile::tempdir().unwrap();
    let (settings, mut source) = drop_of(dir.path());
    for (name, text) in [("ts1", "申请逾期未办"), ("ts2", "已督促办结")] {
        fs::write(dir.path().join(name).with_extension("dbt"), memo(text)).unwrap();
        fs::write(dir.path().join(name).with_extension("dbf"), table()).unwrap();
    }
    assert_eq!(drain(&mut source).0.len(), 2);
    drop(source);
    assert_eq!(take_back(&settings, Millis(0)).unwrap(), 2);
    // As a crash leaves it: the memo file of one is back, its table is not.
    fs::rename(dir.path().join("ts2.dbf"), dir.path().join("done/ts2.dbf")).unwrap();
    assert_eq!(take_back(&settings, Millis(0)).unwrap(), 1);
    assert_eq!(there(dir.path()), ["ts1.dbf", "ts1.dbt", "ts2.dbf", "ts2.dbt"]);
    assert!(!dir.path().join(".lock").exists(), "only what was delivered");
    let mut source = FileDrop::open(settings).unwrap();
    assert_eq!(drain(&mut source).0, ["申请逾期未办", "已督促办结"]);
}

#[test]
fn a_table_that_comes_alone_is_refused_and_taken_when_both_come() {
    let dir = tempfile::tempdir().unwrap();
    let (settings, mut source) = drop_of(dir.path());
    fs::write(dir.path().join("ts1.dbf"), table()).unwrap();
    assert_eq!(drain(&mut source), (vec![], vec!["source.header_wrong"]));
    let why = fs::read_to_string(dir.path().join("failed/ts1.dbf.reason.txt")).unwrap();
    assert!(why.contains("备注文件"), "{why}");
    // The memo file comes too late; it waits for the table, which is delivered again.
    fs::write(dir.path().join("ts1.dbt"), memo("好")).unwrap();
    assert_eq!(drain(&mut source), (vec![], vec![]));
    let found = lies(&settings).unwrap();
    assert_eq!((found.unread, found.others), (1, 0));
    fs::write(dir.path().join("ts1.dbf"), table()).unwrap();
    assert_eq!(lies(&settings).unwrap().unread, 1, "one delivery");
    assert_eq!(drain(&mut source).0, ["好"]);
    assert_eq!(there(dir.path()), [""; 0]);
    fs::write(dir.path().join("ts2.fpt"), "no memo file").unwrap();
    fs::write(dir.path().join("ts2.dbf"), table()).unwrap();
    assert_eq!(drain(&mut source).1, ["source.file_damaged"]);
    assert_eq!(there(dir.path()), [""; 0]);
    let failed = there(&dir.path().join("failed"));
    assert!(failed.contains(&"ts2.fpt".to_owned()), "both are moved: {failed:?}");
}

#[test]
fn a_memo_file_larger_than_the_limit_is_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let (mut settings, source) = drop_of(dir.path());
    drop(source);
    settings.limits.file_bytes_max = 1_000;
    let mut source = FileDrop::open(settings).unwrap();
    fs::write(dir.path().join("ts1.dbt"), memo(&"好".repeat(300))).unwrap();
    fs::write(dir.path().join("ts1.dbf"), table()).unwrap();
    assert_eq!(drain(&mut source), (vec![], vec!["source.file_too_large"]));
    assert_eq!(there(dir.path()), [""; 0]);
}

/// Reads the first delivery up to its move, and makes the first of the two moves.
fn crash_between(dir: &Path, source: &mut FileDrop) -> cursor::Finish {
    fs::write(dir.join("TS1.DBT"), memo("好")).unwrap();
    fs::write(dir.join("ts1.dbf"), table()).unwrap();
    let page = source.read_now(None, NOW, 10).unwrap();
    let finish = Cursor::parse("t", Some(&page.cursor)).unwrap().finish.unwrap();
    fs::rename(dir.join("ts1.dbf"), dir.join("done/ts1.dbf")).unwrap();
    finish
}

#[test]
fn a_crash_between_the_two_moves_leaves_no_memo_file_behind() {
    let dir = tempfile::tempdir().unwrap();
    let (_, mut source) = drop_of(dir.path());
    let finish = crash_between(dir.path(), &mut source);
    source.finish(&finish).unwrap();
    source.finish(&finish).unwrap();
    assert_eq!(there(&dir.path().join("done")), ["ts1.DBT", "ts1.dbf"]);
    assert_eq!(there(dir.path()), [""; 0]);
}

#[test]
fn after_a_crash_the_memo_file_of_the_next_delivery_stays_for_its_table() {
    let dir = tempfile::tempdir().unwrap();
    let (_, mut source) = drop_of(dir.path());
    let finish = crash_between(dir.path(), &mut source);
    fs::write(dir.path().join("TS1.DBT"), memo("下一份")).unwrap();
    source.finish(&finish).unwrap();
    assert_eq!(there(dir.path()), ["TS1.DBT"]);
    fs::write(dir.path().join("ts1.dbf"), table()).unwrap();
    assert_eq!(drain(&mut source).0, ["下一份"]);
}

#[test]
fn a_memo_file_that_is_still_written_holds_its_table() {
    let dir = tempfile::tempdir().unwrap();
    let (mut settings, source) = drop_of(dir.path());
    drop(source);
    settings.settle_for_ms = 60_000;
    let mut source = FileDrop::open(settings).unwrap();
    let mut rows = |after: i64| source.read_now(None, NOW.plus(after), 10).unwrap().rows;
    // The table first, as a copy in the order of names brings it.
    fs::write(dir.path().join("ts1.dbf"), table()).unwrap();
    assert_eq!(rows(0), 0);
    fs::write(dir.path().join("ts1.dbt"), memo("")).unwrap();
    assert_eq!(rows(61_000), 0, "the memo file has come");
    fs::write(dir.path().join("ts1.dbt"), memo("后来写完")).unwrap();
    assert_eq!(rows(122_000), 0, "it has grown");
    assert_eq!(rows(183_000), 1);
}
