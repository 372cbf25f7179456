//! Stories of SQLite alone: a file that is not there, a file that is held, bytes that are no text,
//! a page too big for one JSON text.

#![cfg(all(feature = "sqlite", feature = "mysql", feature = "postgres", feature = "odbc"))]

use std::path::{Path, PathBuf};

use super::contract::{at, by_time};
use super::*;
use crate::db::{Isolation, Place, Stored};
use crate::legacy_db::LegacyDb;

const DDL: &str = "
CREATE TABLE c (id TEXT PRIMARY KEY, name TEXT, n INTEGER, m DATETIME NOT NULL, flag TEXT DEFAULT '0', err TEXT);";

fn source(path: &Path, queries: Vec<Query>) -> SqlSource {
    SqlSource::new(Settings {
        adapter: "county".into(),
        place: Place::Sqlite(path.to_owned()),
        queries,
        busy_timeout_ms: 50,
        statement_timeout_ms: 10_000,
        compare_every_ms: 10_000,
        row_bytes_max: 1_000,
        fetch_rows_max: 1_000,
        fetch_bytes_max: 1 << 20,
        isolation: Isolation::default(),
        stored: Stored::Declared,
        hours: Vec::new(),
    })
    .unwrap()
}

async fn database(rows: &[(&str, i64)]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("legacy.db");
    let mut db = LegacyDb::create(&path, DDL).await.unwrap();
    let row = |(id, t): &(&str, i64)| {
        vec![
            Some((*id).to_owned().into()),
            Some("甲".into()),
            None,
            Some(at(*t).to_string().into()),
        ]
    };
    db.insert("c", &["id", "name", "n", "m"], rows.iter().map(row).collect()).await.unwrap();
    db.commit().await.unwrap();
    (dir, path)
}

#[tokio::test]
async fn a_held_file_is_busy_and_a_missing_one_is_not_made() {
    let (_dir, path) = database(&[("a", 0)]).await;
    let mut held = source(&path, vec![by_time()]);
    let holder = LegacyDb::open(&path).await.unwrap();
    let item = WriteBack { table: 0, row_key: "a".into(), flag: "1".into(), text: String::new() };
    let error = held.write_back(std::slice::from_ref(&item)).await.unwrap_err();
    assert_eq!((error.code(), error.disposition()), ("source.busy", crate::Disposition::Retry));
    holder.commit().await.unwrap();
    assert_eq!(held.write_back(&[item]).await.unwrap(), [Ok(())]);
    let missing = path.with_file_name("none.db");
    let error = source(&missing, vec![by_time()]).read(None, at(1), 1).await.unwrap_err();
    assert_eq!(error.code(), "source.unreachable");
    assert!(!missing.exists(), "a missing source is not created");
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
