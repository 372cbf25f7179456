//! Sentences of what is read, and when.

use super::grounds::{Ground, Kind, at, by_time, drain, query, strings};
use crate::Pass;
use crate::source::{Source as _, WriteBack};
use crate::sql::{Detect, Query, Settings, SqlSource};

pub(super) async fn once_in_order(ground: &Ground) {
    ground.tables().await;
    ground.add(&[("b", 0), ("a", 0), ("c", 5), ("d", 5), ("e", 9)]).await;
    let (mut cursor, mut keys) = (None, Vec::new());
    for _ in 0..9 {
        // A new process for each page.
        let mut source = ground.source(vec![by_time()]);
        let page = source.read(cursor.as_deref(), at(100), 2).await.unwrap();
        keys.extend(page.rows().map(|r| r.reference()));
        cursor = Some(page.cursor.clone());
        if !page.more {
            break;
        }
    }
    assert_eq!(keys, ["c:a", "c:b", "c:c", "c:d", "c:e"]);
}

pub(super) async fn overlap(ground: &Ground) {
    ground.tables().await;
    ground.add(&[("a", 0), ("b", 50)]).await;
    let mut source = ground.source(vec![by_time()]);
    let mut cursor = None;
    assert_eq!(drain(&mut source, &mut cursor, at(60), 10).await, ["a", "b"]);
    // Committed late, with a time before the highest one read.
    ground.add(&[("late", 20)]).await;
    assert_eq!(drain(&mut source, &mut cursor, at(70), 10).await, ["a", "late", "b"]);
    // A pass begun after the overlap looks once more, then the source is at rest.
    assert_eq!(drain(&mut source, &mut cursor, at(121), 10).await.len(), 3);
    let rest = cursor.clone();
    assert!(drain(&mut source, &mut cursor, at(122), 10).await.is_empty());
    assert!(drain(&mut source, &mut cursor, at(190), 10).await.is_empty());
    assert_eq!(rest, cursor, "an idle source gives nothing to commit");
    ground.add(&[("new", 195)]).await;
    assert_eq!(drain(&mut source, &mut cursor, at(200), 10).await, ["new"]);
}

pub(super) async fn wrong_year(ground: &Ground) {
    ground.tables().await;
    ground.add(&[("a", 0), ("mad", 900 * 31_536_000)]).await;
    let mut source = ground.source(vec![by_time()]);
    let mut cursor = None;
    assert_eq!(drain(&mut source, &mut cursor, at(10), 1).await, ["a", "mad"]);
    ground.add(&[("b", 20)]).await;
    assert!(drain(&mut source, &mut cursor, at(30), 10).await.contains(&"b".to_owned()));
}

pub(super) async fn went_back(ground: &Ground) {
    ground.tables().await;
    ground.add(&[("a", 0), ("b", 500)]).await;
    let mut source = ground.source(vec![by_time()]);
    let mut cursor = None;
    drain(&mut source, &mut cursor, at(600), 10).await;
    ground.run("DELETE FROM c WHERE id = 'b'").await;
    let error = source.read(cursor.as_deref(), at(601), 10).await.unwrap_err();
    assert_eq!(error.code(), "source.cursor_regressed");
    assert!(error.to_string().contains("2026-11-21 10:08:20"), "{error}");
    ground.run("UPDATE c SET m = NULL").await;
    let error = ground.source(vec![by_time()]).read(None, at(601), 10).await.unwrap_err();
    assert_eq!(error.code(), "source.time_missing");
}

pub(super) async fn compare(ground: &Ground) {
    ground.tables().await;
    ground.add(&[("a", 0)]).await;
    for n in 0..5 {
        ground.run(&format!("INSERT INTO s (id, no) VALUES ('s{n}', {})", n + 8)).await;
    }
    let steps = query("s", &["id", "no", "what"], &["no", "id"], Detect::Compare);
    let mut source = ground.source(vec![by_time(), steps]);
    let (mut cursor, mut passes) = (None, Vec::new());
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
    // Not before its time; then the next pass, numbered on. Numbers sort as numbers: 9 before 10.
    assert_eq!(drain(&mut source, &mut cursor, at(11), 9).await, Vec::<String>::new());
    let page = source.read(cursor.as_deref(), at(30), 9).await.unwrap();
    assert_eq!(page.row(0).unwrap().row_key(), Some("a"));
    let page = source.read(Some(&page.cursor), at(30), 9).await.unwrap();
    assert_eq!((page.len(), page.pass), (5, Some(Pass { number: 2, complete: true })));
    let keys: Vec<_> = page.rows().map(|r| r.row_key().unwrap().to_owned()).collect();
    assert_eq!(keys, ["8/s0", "9/s1", "10/s2", "11/s3", "12/s4"]);
    assert_eq!(page.row(3).unwrap().cell(2), None);
    let counts: Vec<_> = source.count().await.unwrap().into_iter().map(|c| c.rows).collect();
    assert_eq!(counts, [1, 5]);
}

pub(super) async fn flags(ground: &Ground) {
    ground.tables().await;
    ground.add(&[("a", 9), ("b", 5), ("c", 7)]).await;
    let flag = |order: Option<&str>| Detect::Flag {
        column: "flag".into(),
        pending: "0".into(),
        order: order.map(str::to_owned),
    };
    let flagged = |order| vec![Query { detect: flag(order), ..by_time() }];
    let mut by_key = ground.source(flagged(None));
    let mut cursor = None;
    assert_eq!(drain(&mut by_key, &mut cursor, at(1), 1).await, ["a", "b", "c"]);
    let mut source = ground.source(flagged(Some("m")));
    let mut cursor = None;
    assert_eq!(drain(&mut source, &mut cursor, at(1), 1).await, ["b", "c", "a"]);
    let done = WriteBack { table: 0, row_key: "c".into(), flag: "1".into(), text: String::new() };
    assert_eq!(source.write_back(&[done]).await.unwrap(), [Ok(())]);
    assert_eq!(drain(&mut source, &mut cursor, at(2), 1).await, ["b", "a"]);
    ground.run("UPDATE c SET m = NULL WHERE id = 'a'").await;
    let error = source.read(cursor.as_deref(), at(3), 10).await.unwrap_err();
    assert_eq!(error.code(), "source.time_missing", "a row without a place in the order");
}

pub(super) async fn logs(ground: &Ground) {
    ground.tables().await;
    ground.add(&[("a", 0), ("b", 0)]).await;
    ground.run("INSERT INTO log (seq, id) VALUES (9, 'b'), (10, 'a'), (11, 'b')").await;
    let log = Detect::LogTable { table: "log".into(), column: "seq".into() };
    let mut source = ground.source(vec![Query { detect: log, ..by_time() }]);
    let mut cursor = None;
    assert_eq!(drain(&mut source, &mut cursor, at(1), 1).await, ["b", "a", "b"]);
    assert!(drain(&mut source, &mut cursor, at(2), 1).await.is_empty());
    ground.run("INSERT INTO log (seq, id) VALUES (100, 'a')").await;
    assert_eq!(drain(&mut source, &mut cursor, at(3), 10).await, ["a"]);
}

pub(super) async fn history(ground: &Ground) {
    const DAY: i64 = 86_400;
    ground.tables().await;
    ground.add(&[("a", -2 * DAY), ("b", -DAY), ("c", 0), ("d", DAY)]).await;
    let text = |t: &str| adapt::Text { text: t.into(), pos: Default::default() };
    let said = adapt::Query {
        name: text("c"),
        sql: "SELECT * FROM c".into(),
        sql_for: Default::default(),
        columns: vec![text("id")],
        key: vec![text("id")],
        detect: adapt::Detect::ModifiedTime { column: text("m"), overlap_seconds: 1 },
        history: Some(text("m")),
        vanished: adapt::Vanished::Hold,
        write_back: None,
    };
    let package = adapt::SqlSource { encoding: adapt::Encoding::Auto, queries: vec![said] };
    let (from, to) = (at(-DAY).day(), at(0).day());
    let settings = Settings::of("county", ground.place.clone(), &package);
    let mut source = SqlSource::new(settings.history(&package, from, to).unwrap()).unwrap();
    assert_eq!(drain(&mut source, &mut None, at(0), 1).await, ["b", "c"]);
}

pub(super) async fn hours(ground: &Ground) {
    ground.tables().await;
    ground.add(&[("a", 0), ("b", 1)]).await;
    // 20:00 to 07:00; the test's clock says ten.
    let closed = Settings { hours: vec![(1_200, 420)], ..ground.settings(vec![by_time()]) };
    let mut source = SqlSource::new(closed.clone()).unwrap();
    let page = source.read(None, at(9), 1).await.unwrap();
    assert!(page.is_empty() && !page.more);
    let night = at(11 * 3600);
    let mut cursor = Some(page.cursor);
    assert_eq!(drain(&mut source, &mut cursor, night, 1).await, ["a", "b"]);
    let page = source.read(cursor.as_deref(), at(10), 1).await.unwrap();
    assert_eq!(Some(page.cursor), cursor, "the cursor stays where it was");
    let open = Settings { hours: vec![(1_200, 420), (590, 610)], ..closed };
    assert_eq!(SqlSource::new(open).unwrap().read(None, at(9), 9).await.unwrap().len(), 2);
}

pub(super) async fn budget(ground: &Ground) {
    ground.tables().await;
    let long = "长".repeat(300);
    for id in ["a", "b", "c", "d", "e"] {
        ground
            .run(&format!("INSERT INTO c (id, name, m) VALUES ('{id}', '{long}', '{}')", at(0)))
            .await;
    }
    let settings = Settings { fetch_bytes_max: 1_000, ..ground.settings(vec![by_time()]) };
    let mut source = SqlSource::new(settings).unwrap();
    let mut cursor = None;
    assert_eq!(drain(&mut source, &mut cursor, at(9), 100).await, ["a", "b", "c", "d", "e"]);
    let few = Settings { fetch_rows_max: 2, ..ground.settings(vec![by_time()]) };
    let page = SqlSource::new(few).unwrap().read(None, at(9), 100).await.unwrap();
    assert_eq!((page.len(), page.more), (2, true), "the owner's limit, not the caller's");
}

pub(super) async fn errors(ground: &Ground) {
    ground.tables().await;
    let wrong = Query { columns: strings(&["id", "nom"]), ..by_time() };
    let error = ground.source(vec![wrong]).read(None, at(1), 1).await.unwrap_err();
    let text = error.to_string();
    assert_eq!(error.code(), "source.schema", "{text}");
    assert!(text.contains("county") && text.contains("`c`") && text.contains("nom"), "{text}");
    let gone = Query { sql: "SELECT * FROM no_such".into(), ..by_time() };
    let error = ground.source(vec![gone]).read(None, at(1), 1).await.unwrap_err();
    assert_eq!(error.code(), "source.schema", "{error}");
    let quoted = Query { key: strings(&["a\"b"]), ..by_time() };
    let refused = SqlSource::new(ground.settings(vec![quoted]));
    assert_eq!(refused.err().unwrap().code(), "source.setting");
    assert!(!format!("{:?}", ground.place).contains("password"));
    let sleeps = match ground.kind {
        Kind::Mariadb | Kind::OdbcMariadb => "SELECT c.*, SLEEP(0.4) AS z FROM c",
        Kind::Postgres | Kind::OdbcPostgres => "SELECT c.*, pg_sleep(0.4) AS z FROM c",
        Kind::Sqlite | Kind::OdbcSqlite => return,
    };
    ground.add(&[("a", 0), ("b", 0), ("c", 0), ("d", 0), ("e", 0)]).await;
    let slow = Query { sql: sleeps.into(), columns: strings(&["id", "z"]), ..by_time() };
    let slow = Settings { statement_timeout_ms: 1_000, ..ground.settings(vec![slow]) };
    let error = SqlSource::new(slow).unwrap().read(None, at(1), 9).await.unwrap_err();
    assert_eq!(error.code(), "source.slow", "{error}");
}
