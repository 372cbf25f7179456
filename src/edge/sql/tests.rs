//! Stories of tables: pages, the overlap, full passes, flags, logs, write-back, locks.

use std::path::Path;

use super::*;
use crate::Pass;
use crate::legacy_db::LegacyDb;

const DDL: &str = "
CREATE TABLE c (id TEXT PRIMARY KEY, name TEXT, n INTEGER, m DATETIME NOT NULL, flag TEXT DEFAULT '0', err TEXT);
CREATE TABLE s (id TEXT PRIMARY KEY, no INTEGER, what TEXT);
CREATE TABLE log (id TEXT, seq INTEGER PRIMARY KEY);
CREATE TRIGGER touch AFTER UPDATE ON c BEGIN
  UPDATE c SET m = datetime(NEW.m, '+1 second') WHERE id = NEW.id AND m = NEW.m; END;";

fn at(seconds: i64) -> Millis {
    Millis::parse("2026-11-21 10:00:00").unwrap().plus(seconds * 1000)
}

fn strings(list: &[&str]) -> Vec<String> {
    list.iter().map(|s| (*s).to_owned()).collect()
}

fn query(name: &str, columns: &[&str], key: &[&str], detect: Detect) -> Query {
    Query {
        name: name.into(),
        sql: format!("SELECT * FROM {name}"),
        columns: strings(columns),
        key: strings(key),
        detect,
        write_back: None,
    }
}

fn by_time() -> Query {
    let detect = Detect::ModifiedTime { column: "m".into(), overlap_ms: 60_000 };
    let to = WriteBackTo {
        table: "c".into(),
        key: strings(&["id"]),
        flag: "flag".into(),
        error: Some("err".into()),
        error_chars_max: 4,
    };
    Query { write_back: Some(to), ..query("c", &["id", "name", "n"], &["id"], detect) }
}

fn source(path: &Path, queries: Vec<Query>) -> SqlSource {
    SqlSource::new(Settings {
        adapter: "county".into(),
        path: path.to_owned(),
        queries,
        busy_timeout_ms: 50,
        compare_every_ms: 10_000,
        row_bytes_max: 1_000,
    })
    .unwrap()
}

async fn add(path: &Path, rows: &[(&str, i64)]) {
    let mut db = LegacyDb::open(path).await.unwrap();
    let rows = rows
        .iter()
        .map(|(id, t)| {
            vec![
                Some((*id).to_owned().into()),
                Some("甲".into()),
                None,
                Some(at(*t).to_string().into()),
            ]
        })
        .collect();
    db.insert("c", &["id", "name", "n", "m"], rows).await.unwrap();
    db.commit().await.unwrap();
}

async fn database(rows: &[(&str, i64)]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("legacy.db");
    LegacyDb::create(&path, DDL).await.unwrap().commit().await.unwrap();
    add(&path, rows).await;
    (dir, path)
}

/// Reads until nothing more; the keys given, and the cursor.
async fn drain(
    source: &mut SqlSource,
    cursor: &mut Option<String>,
    now: Millis,
    limit: usize,
) -> Vec<String> {
    let mut keys = Vec::new();
    loop {
        let page = source.read(cursor.as_deref(), now, limit).await.unwrap();
        keys.extend(page.rows().map(|r| r.row_key().unwrap().to_owned()));
        *cursor = Some(page.cursor.clone());
        if !page.more {
            return keys;
        }
    }
}

#[tokio::test]
async fn rows_come_once_in_order_page_by_page() {
    let (_dir, path) = database(&[("b", 0), ("a", 0), ("c", 5), ("d", 5), ("e", 9)]).await;
    let mut cursor = None;
    let mut keys = Vec::new();
    for _ in 0..9 {
        // A new process for each page.
        let mut source = source(&path, vec![by_time()]);
        let page = source.read(cursor.as_deref(), at(100), 2).await.unwrap();
        keys.extend(page.rows().map(|r| r.reference()));
        cursor = Some(page.cursor.clone());
        if !page.more {
            break;
        }
    }
    assert_eq!(keys, ["c:a", "c:b", "c:c", "c:d", "c:e"]);
}

#[tokio::test]
async fn the_overlap_catches_late_commits_and_then_rests() {
    let (_dir, path) = database(&[("a", 0), ("b", 50)]).await;
    let mut source = source(&path, vec![by_time()]);
    let mut cursor = None;
    assert_eq!(drain(&mut source, &mut cursor, at(60), 10).await, ["a", "b"]);
    // Committed late, with a time before the highest one read.
    add(&path, &[("late", 20)]).await;
    assert_eq!(drain(&mut source, &mut cursor, at(70), 10).await, ["a", "late", "b"]);
    // A pass begun after the overlap looks once more, then the source is at rest.
    assert_eq!(drain(&mut source, &mut cursor, at(121), 10).await.len(), 3);
    let rest = cursor.clone();
    assert!(drain(&mut source, &mut cursor, at(122), 10).await.is_empty());
    assert!(drain(&mut source, &mut cursor, at(190), 10).await.is_empty());
    assert_eq!(rest, cursor, "an idle source gives nothing to commit");
    add(&path, &[("new", 195)]).await;
    assert_eq!(drain(&mut source, &mut cursor, at(200), 10).await, ["new"]);
}

#[tokio::test]
async fn one_wrong_year_does_not_hide_the_rest() {
    let (_dir, path) = database(&[("a", 0), ("mad", 900 * 31_536_000)]).await;
    let mut source = source(&path, vec![by_time()]);
    let mut cursor = None;
    assert_eq!(drain(&mut source, &mut cursor, at(10), 1).await, ["a", "mad"]);
    add(&path, &[("b", 20)]).await;
    assert!(drain(&mut source, &mut cursor, at(30), 10).await.contains(&"b".to_owned()));
}

#[tokio::test]
async fn a_source_that_went_back_or_has_no_times_stops() {
    let (_dir, path) = database(&[("a", 0), ("b", 500)]).await;
    let mut source = source(&path, vec![by_time()]);
    let mut cursor = None;
    drain(&mut source, &mut cursor, at(600), 10).await;
    let mut db = LegacyDb::open(&path).await.unwrap();
    assert!(db.delete("c", ("id", "b")).await.unwrap());
    db.commit().await.unwrap();
    let error = source.read(cursor.as_deref(), at(601), 10).await.unwrap_err();
    assert_eq!(error.code(), "source.cursor_regressed");
    assert!(error.to_string().contains("2026-11-21 10:08:20"), "{error}");
    let lax = Query { sql: "SELECT id, name, n, NULL AS m FROM c".into(), ..by_time() };
    let mut source = self::source(&path, vec![lax]);
    let error = source.read(None, at(601), 10).await.unwrap_err();
    assert_eq!(error.code(), "source.time_missing");
}

#[tokio::test]
async fn compare_gives_full_passes_in_key_order_and_says_when_one_ends() {
    let (_dir, path) = database(&[("a", 0)]).await;
    let mut db = LegacyDb::open(&path).await.unwrap();
    let rows = (0..5)
        .map(|n| vec![Some(format!("s{n}").into()), Some(n.to_string().into()), None])
        .collect();
    db.insert("s", &["id", "no", "what"], rows).await.unwrap();
    db.commit().await.unwrap();
    let steps = query("s", &["id", "no", "what"], &["no", "id"], Detect::Compare);
    let mut source = source(&path, vec![by_time(), steps]);
    let mut cursor = None;
    let mut passes = Vec::new();
    for _ in 0..5 {
        let page = source.read(cursor.as_deref(), at(10), 2).await.unwrap();
        passes.push((page.table, page.len(), page.pass.map(|p| (p.number, p.complete)), page.more));
        cursor = Some(page.cursor.clone());
    }
    assert_eq!(
        passes,
        [
            (0, 1, None, true),
            (1, 2, Some((1, false)), true),
            (1, 2, Some((1, false)), true),
            (1, 1, Some((1, true)), false),
            (0, 1, None, true), // the overlap
        ]
    );
    // Not before its time; then the next pass, numbered on.
    assert_eq!(drain(&mut source, &mut cursor, at(11), 9).await, Vec::<String>::new());
    let page = source.read(cursor.as_deref(), at(30), 9).await.unwrap();
    assert_eq!(page.row(0).unwrap().row_key(), Some("a"));
    let page = source.read(Some(&page.cursor), at(30), 9).await.unwrap();
    assert_eq!((page.len(), page.pass), (5, Some(Pass { number: 2, complete: true })));
    assert_eq!(page.row(3).unwrap().row_key(), Some("3/s3"));
    assert_eq!(page.row(3).unwrap().cell(2), None);
    let counts: Vec<_> = source.count().await.unwrap().into_iter().map(|c| c.rows).collect();
    assert_eq!(counts, [1, 5]);
}

#[tokio::test]
async fn flags_and_logs_say_what_is_new() {
    let (_dir, path) = database(&[("a", 0), ("b", 0)]).await;
    let flag = Detect::Flag { column: "flag".into(), pending: "0".into() };
    let mut flagged = source(&path, vec![Query { detect: flag, ..by_time() }]);
    let mut cursor = None;
    assert_eq!(drain(&mut flagged, &mut cursor, at(1), 1).await, ["a", "b"]);
    let done = WriteBack { table: 0, row_key: "a".into(), flag: "1".into(), text: String::new() };
    assert_eq!(flagged.write_back(&[done]).await.unwrap(), [Ok(())]);
    assert_eq!(drain(&mut flagged, &mut cursor, at(2), 1).await, ["b"]);

    let mut db = LegacyDb::open(&path).await.unwrap();
    for (seq, id) in [(9, "b"), (10, "a"), (11, "b")] {
        db.insert("log", &["seq", "id"], vec![vec![Some(seq.to_string().into()), Some(id.into())]])
            .await
            .unwrap();
    }
    db.commit().await.unwrap();
    let log = Detect::LogTable { table: "log".into(), column: "seq".into() };
    let mut logged = source(&path, vec![Query { detect: log, ..by_time() }]);
    let mut cursor = None;
    assert_eq!(drain(&mut logged, &mut cursor, at(1), 1).await, ["b", "a", "b"]);
    assert!(drain(&mut logged, &mut cursor, at(2), 1).await.is_empty());
    let mut db = LegacyDb::open(&path).await.unwrap();
    db.insert("log", &["seq", "id"], vec![vec![Some("100".into()), Some("a".into())]])
        .await
        .unwrap();
    db.commit().await.unwrap();
    assert_eq!(drain(&mut logged, &mut cursor, at(3), 10).await, ["a"]);
}

#[tokio::test]
async fn a_write_back_is_idempotent_though_a_trigger_moves_the_time() {
    let (_dir, path) = database(&[("a", 0), ("b", 0)]).await;
    let mut source = source(&path, vec![by_time()]);
    let mut cursor = None;
    drain(&mut source, &mut cursor, at(100), 10).await;
    let back = |key: &str| WriteBack {
        table: 0,
        row_key: key.into(),
        flag: "3".into(),
        text: "受理时间早于申请".into(),
    };
    let items = [back("a"), back("gone")];
    let answers = source.write_back(&items).await.unwrap();
    assert_eq!(answers[0], Ok(()));
    assert_eq!(answers[1].as_ref().unwrap_err().code(), "source.row_missing");
    let cell = async |column: &str| {
        let mut db = LegacyDb::open(&path).await.unwrap();
        let cell = db.cell("c", column, ("id", "a")).await.unwrap();
        db.commit().await.unwrap();
        cell.unwrap()
    };
    assert_eq!((cell("flag").await, cell("err").await), ("3".into(), "受理时间".into()));
    let moved = cell("m").await;
    assert_eq!(moved, at(1).to_string(), "the trigger moved it");
    // Again: the row already says so, the trigger is not woken.
    assert_eq!(source.write_back(&items[..1]).await.unwrap(), [Ok(())]);
    assert_eq!(cell("m").await, moved);
    // The row comes once more (its content digest is unchanged), then rests.
    assert!(drain(&mut source, &mut cursor, at(101), 10).await.contains(&"a".to_owned()));
    assert!(drain(&mut source, &mut cursor, at(300), 10).await.contains(&"a".to_owned()));
    assert!(drain(&mut source, &mut cursor, at(400), 10).await.is_empty());
}

#[tokio::test]
async fn a_locked_database_is_busy_and_loses_nothing() {
    let (_dir, path) = database(&[("a", 0)]).await;
    let mut source = source(&path, vec![by_time()]);
    let holder = LegacyDb::open(&path).await.unwrap();
    let item = WriteBack { table: 0, row_key: "a".into(), flag: "1".into(), text: String::new() };
    let error = source.write_back(std::slice::from_ref(&item)).await.unwrap_err();
    assert_eq!((error.code(), error.disposition()), ("source.busy", crate::Disposition::Retry));
    holder.commit().await.unwrap();
    assert_eq!(source.write_back(&[item]).await.unwrap(), [Ok(())]);
}

#[tokio::test]
async fn errors_name_adapter_table_and_column() {
    let (_dir, path) = database(&[("a", 0)]).await;
    let wrong =
        Query { sql: "SELECT * FROM c".into(), columns: strings(&["id", "nom"]), ..by_time() };
    let error = source(&path, vec![wrong]).read(None, at(1), 1).await.unwrap_err();
    assert_eq!(error.code(), "source.schema");
    let text = error.to_string();
    assert!(text.contains("county") && text.contains("`c`") && text.contains("nom"), "{text}");
    let missing = path.with_file_name("none.db");
    let error = source(&missing, vec![by_time()]).read(None, at(1), 1).await.unwrap_err();
    assert_eq!(error.code(), "source.unreachable");
    assert!(!missing.exists(), "a missing source is not created");
    let quoted = Query { key: strings(&["a\"b"]), ..by_time() };
    let settings = Settings {
        adapter: "county".into(),
        path,
        queries: vec![quoted],
        busy_timeout_ms: 1,
        compare_every_ms: 0,
        row_bytes_max: 1,
    };
    assert_eq!(SqlSource::new(settings).err().unwrap().code(), "source.setting");
}

#[tokio::test]
async fn bytes_that_are_no_text_break_one_row_only() {
    let (_dir, path) = database(&[("a", 0), ("b", 1)]).await;
    let sql = "SELECT id, CASE id WHEN 'a' THEN CAST(x'c4e3ff' AS TEXT) ELSE name END AS name, n, m FROM c";
    let query = Query { sql: sql.into(), ..by_time() };
    let page = source(&path, vec![query]).read(None, at(1), 10).await.unwrap();
    assert_eq!(page.len(), 1);
    assert_eq!(
        (page.broken[0].code, page.broken[0].reference.as_str()),
        ("source.encoding", "c:a")
    );
}

#[tokio::test]
async fn any_text_comes_out_as_it_is_and_a_row_too_long_is_named() {
    let (_dir, path) = database(&[("a", 0)]).await;
    let odd = "引\"号\\反斜\n换行\t\u{1}\u{1f}😀'%_";
    let long = "x".repeat(2_000);
    let mut db = LegacyDb::open(&path).await.unwrap();
    for (id, text) in [("b", odd), ("c", long.as_str()), ("d", "")] {
        let cells = [id, text, "7", "2026-11-21 10:00:01"];
        let row = cells.iter().map(|c| Some((*c).to_owned().into())).collect();
        db.insert("c", &["id", "name", "n", "m"], vec![row]).await.unwrap();
    }
    db.commit().await.unwrap();
    let page = source(&path, vec![by_time()]).read(None, at(9), 10).await.unwrap();
    let cells: Vec<_> = page.rows().map(|r| (r.cell(1), r.cell(2))).collect();
    assert_eq!(cells, [(Some("甲"), None), (Some(odd), Some("7")), (Some(""), Some("7"))]);
    let broken = &page.broken[0];
    assert_eq!((broken.code, broken.reference.as_str()), ("source.row_too_long", "c:c"));
}
