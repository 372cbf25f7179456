//! Sentences of what values are.

use super::grounds::{Ground, Kind, at, by_time, drain, query, strings};
use crate::db::{Connection, Dialect, Engine, Isolation, Stored, Trouble};
use crate::source::{Source as _, WriteBack};
use crate::sql::{Detect, Query, Settings, SqlSource, probe};

pub(super) async fn any_text(ground: &Ground) {
    ground.tables().await;
    let odd = "引\"号\\反斜\n换行\t\u{1}\u{1f}😀'%_";
    let long = "x".repeat(2_000);
    let d = Dialect { engine: ground.engine(), stored: Stored::Declared };
    for (id, text) in [("b", odd), ("c", long.as_str()), ("d", "")] {
        let (text, time) = (d.literal(Some(text)), at(1));
        ground
            .run(&format!("INSERT INTO c (id, name, n, m) VALUES ('{id}', {text}, 7, '{time}')"))
            .await;
    }
    ground.add(&[("a", 0)]).await;
    let page = ground.source(vec![by_time()]).read(None, at(9), 10).await.unwrap();
    let cells: Vec<_> = page.rows().map(|r| (r.cell(1), r.cell(2))).collect();
    assert_eq!(cells, [(Some("甲"), None), (Some(odd), Some("7")), (Some(""), Some("7"))]);
    let broken = &page.broken[0];
    assert_eq!((broken.code, broken.reference.as_str()), ("source.row_too_long", "c:c"));
}

pub(super) async fn hostile_keys(ground: &Ground) {
    ground.tables().await;
    let d = Dialect { engine: ground.engine(), stored: Stored::Declared };
    let keys = ["' OR ''='", "\\", "\\'; DROP TABLE c; -- ", "a;b", "号/甲%", "~"];
    for key in keys {
        let (key, time) = (d.literal(Some(key)), at(0));
        ground.run(&format!("INSERT INTO c (id, m) VALUES ({key}, '{time}')")).await;
    }
    let mut source = ground.source(vec![by_time()]);
    let mut seen = drain(&mut source, &mut None, at(9), 1).await;
    seen.sort();
    let mut wanted =
        strings(&["' OR ''='", "\\", "\\'; DROP TABLE c; -- ", "a;b", "号%2F甲%25", "~"]);
    wanted.sort();
    assert_eq!(seen, wanted);
    let item = |key: &String| WriteBack {
        table: 0,
        row_key: key.clone(),
        flag: "2".into(),
        text: String::new(),
    };
    let items: Vec<_> = seen.iter().map(item).collect();
    assert!(source.write_back(&items).await.unwrap().iter().all(Result::is_ok));
    let left = ground.cell("SELECT count(*) FROM c WHERE flag = '2'").await;
    assert_eq!(left.as_deref(), Some("6"));
}

pub(super) async fn kinds(ground: &Ground) {
    let (ddl, values, wanted): (&str, &str, &[(&str, Option<&str>)]) = match ground.engine() {
        Engine::Sqlite => (
            "d DECIMAL(30,4), t TEXT, e TEXT, u TEXT, b BLOB, big INTEGER",
            "'12345678901.5', '2026-11-21 10:00:00', '', NULL, X'00ff', 9223372036854775807",
            &[
                ("t", Some("2026-11-21 10:00:00")),
                ("e", Some("")),
                ("u", None),
                ("b", Some("00ff")),
                ("big", Some("9223372036854775807")),
            ],
        ),
        Engine::Postgres => (
            "d NUMERIC(30,4), t TIMESTAMP(6), e VARCHAR(9), u VARCHAR(9), b BYTEA, big BIGINT,
             z TIMESTAMPTZ, da DATE, c CHAR(4)",
            "12345678901234567890.1234, '2026-11-21 10:00:00.000001', '', NULL, '\\x00ff',
             9223372036854775807, '2026-11-21 02:00:00Z', '2026-11-21', 'ab'",
            &[
                ("d", Some("12345678901234567890.1234")),
                ("t", Some("2026-11-21 10:00:00.000001")),
                ("e", Some("")),
                ("u", None),
                ("b", Some("00ff")),
                ("big", Some("9223372036854775807")),
                ("da", Some("2026-11-21")),
                ("c", Some("ab  ")),
            ],
        ),
        _ => (
            "d DECIMAL(30,4), t DATETIME(6), e VARCHAR(9), u VARCHAR(9), b BLOB, big BIGINT,
             da DATE, y YEAR, bi BIT(8), x VARCHAR(9) COLLATE utf8mb4_bin, tx TEXT COLLATE utf8mb4_bin",
            "12345678901234567890.1234, '2026-11-21 10:00:00.000001', '', NULL, X'00ff',
             9223372036854775807, '2026-11-21', 2026, b'10000001', '甲', '乙'",
            &[
                ("d", Some("12345678901234567890.1234")),
                ("t", Some("2026-11-21 10:00:00.000001")),
                ("e", Some("")),
                ("u", None),
                ("b", Some("00ff")),
                ("big", Some("9223372036854775807")),
                ("da", Some("2026-11-21")),
                ("y", Some("2026")),
                ("x", Some("甲")),
                ("tx", Some("乙")),
            ],
        ),
    };
    ground.run(&format!("CREATE TABLE v (id INTEGER NOT NULL PRIMARY KEY, {ddl})")).await;
    ground.run(&format!("INSERT INTO v VALUES (1, {values})")).await;
    let columns: Vec<&str> = wanted.iter().map(|(name, _)| *name).collect();
    let all = query("v", &columns, &["id"], Detect::Compare);
    let page = ground.source(vec![all]).read(None, at(0), 9).await.unwrap();
    assert!(page.broken.is_empty(), "{:?}", page.broken);
    let row = page.row(0).unwrap();
    let found: Vec<_> = columns.iter().zip(row.cells()).map(|(n, v)| (*n, v)).collect();
    assert_eq!(found, wanted);
    match ground.kind {
        Kind::Mariadb => only(ground, "bi", "129").await,
        Kind::Postgres => only(ground, "z", "2026-11-21 10:00:00").await,
        _ => return,
    }
    if ground.kind == Kind::Mariadb {
        ground.run("SET sql_mode = ''; INSERT INTO v (id, t, da) VALUES (0, '0000-00-00', '2026-00-00')").await;
        only(ground, "t", "0000-00-00 00:00:00.000000").await;
        only(ground, "da", "2026-00-00").await;
    }
}

async fn only(ground: &Ground, column: &str, wanted: &str) {
    let one = query("v", &[column], &["id"], Detect::Compare);
    let page = ground.source(vec![one]).read(None, at(0), 9).await.unwrap();
    assert_eq!(page.row(0).unwrap().cell(0), Some(wanted), "{column}");
}

/// GBK bytes in columns that say otherwise, and one row whose bytes are none.
pub(super) async fn gbk(ground: &Ground) {
    let values = match ground.kind {
        Kind::Sqlite => ["CAST(X'c4e3bac3' AS TEXT)", "CAST(X'c4e3ff' AS TEXT)", "'ok'"],
        Kind::Mariadb => ["X'c4e3bac3'", "X'c4e3ff'", "'ok'"],
        // PostgreSQL takes such bytes only where a whole database has no charset; ODBC drivers turn
        // texts into UTF-16 by themselves.
        _ => return,
    };
    let declared = if ground.kind == Kind::Mariadb { "CHARACTER SET latin1" } else { "" };
    ground
        .run(&format!(
            "CREATE TABLE g (id VARCHAR(20) {declared} NOT NULL PRIMARY KEY, name VARCHAR(50) {declared},
               flag VARCHAR(2), err VARCHAR(50) {declared})"
        ))
        .await;
    for (n, value) in values.iter().enumerate() {
        ground.run(&format!("INSERT INTO g (id, name) VALUES ('{n}', {value})")).await;
    }
    let d = Dialect { engine: ground.engine(), stored: Stored::Gb18030 };
    let key = d.literal(Some("号甲"));
    ground.run(&format!("INSERT INTO g (id, name) VALUES ({key}, 'x')")).await;
    let to = crate::sql::WriteBackTo { table: "g".into(), ..by_time().write_back.unwrap() };
    let query =
        Query { write_back: Some(to), ..query("g", &["id", "name"], &["id"], Detect::Compare) };
    let settings = Settings { stored: Stored::Gb18030, ..ground.settings(vec![query]) };
    let mut source = SqlSource::new(settings).unwrap();
    let (mut cursor, mut names, mut broken) = (None, Vec::new(), Vec::new());
    for _ in 0..9 {
        let page = source.read(cursor.as_deref(), at(0), 1).await.unwrap();
        names.extend(
            page.rows().map(|r| (r.row_key().unwrap().to_owned(), r.cell(1).map(str::to_owned))),
        );
        broken.extend(page.broken.iter().map(|b| (b.code, b.reference.clone())));
        cursor = Some(page.cursor.clone());
        if !page.more {
            break;
        }
    }
    let text = |t: &str| Some(t.to_owned());
    assert_eq!(
        names,
        [("0".to_owned(), text("你好")), ("2".into(), text("ok")), ("号甲".into(), text("x"))]
    );
    assert_eq!(broken, [("source.encoding", "g:1".to_owned())], "one row, not the source");
    let item =
        WriteBack { table: 0, row_key: "号甲".into(), flag: "3".into(), text: "错".into() };
    assert_eq!(source.write_back(&[item]).await.unwrap(), [Ok(())]);
    let stored = ground.cell("SELECT hex(err) FROM g WHERE flag = '3'").await;
    assert_eq!(stored.unwrap().to_lowercase(), "b4ed", "as the owner's programs read it");
}

pub(super) async fn probed(ground: &Ground) {
    ground.tables().await;
    let gone = Query { name: "gone".into(), columns: strings(&["id", "nom"]), ..by_time() };
    let seen = probe(&ground.settings(vec![by_time(), gone])).await;
    let steps: Vec<_> = seen.iter().map(|s| (s.step, s.fine)).collect();
    assert_eq!(
        steps[..3],
        [("source_login", true), ("source_query", true), ("source_query", false)]
    );
    assert!(seen[2].en.contains("`gone`") && seen[2].en.contains("nom"), "{}", seen[2].en);
    // The tests' own accounts may do everything: that is said.
    let rights = steps.get(3);
    assert_eq!(rights, (ground.engine() != Engine::Sqlite).then_some(&("source_rights", false)));
}

pub(super) async fn read_only(ground: &Ground) {
    ground.tables().await;
    ground.add(&[("a", 0)]).await;
    if ground.kind == Kind::OdbcSqlite {
        // That driver has no such session.
        return;
    }
    let settings = ground.settings(vec![by_time()]);
    let mut reads = Connection::open(&ground.place, &settings.session(true)).await.unwrap();
    let error = reads.execute("UPDATE c SET n = 9".into()).await.unwrap_err();
    assert_eq!(error.trouble, Trouble::Denied, "{error}");
    assert_eq!(ground.cell("SELECT n FROM c").await, None);
    if matches!(ground.kind, Kind::Mariadb | Kind::Postgres) {
        let mut place = ground.place.clone();
        if let crate::db::Place::Mysql(login) | crate::db::Place::Postgres(login) = &mut place {
            login.password = Some("wrong".into());
        }
        let settings = Settings { place, ..settings };
        let error = SqlSource::new(settings).unwrap().read(None, at(1), 1).await.unwrap_err();
        assert_eq!(error.code(), "source.denied", "{error}");
    }
}

pub(super) async fn isolated(ground: &Ground) {
    ground.tables().await;
    let levels = [
        (Isolation::ReadUncommitted, "read uncommitted"),
        (Isolation::ReadCommitted, "read committed"),
        (Isolation::RepeatableRead, "repeatable read"),
        (Isolation::Serializable, "serializable"),
    ];
    let session =
        |isolation| Settings { isolation, ..ground.settings(vec![by_time()]) }.session(true);
    if ground.engine() == Engine::Sqlite {
        // It knows no other: what is not committed is never seen.
        ground.run("BEGIN; INSERT INTO c (id) VALUES ('a')").await;
        for (level, _) in levels {
            let mut reads = Connection::open(&ground.place, &session(level)).await.unwrap();
            let seen = reads.scalar("SELECT count(*) FROM c".into()).await.unwrap();
            assert_eq!(seen.as_deref(), Some("0"), "{level:?}");
        }
        ground.run("ROLLBACK").await;
        return;
    }
    let asked = match ground.engine() {
        Engine::Mysql => "SELECT lower(replace(@@tx_isolation, '-', ' '))",
        _ => "SELECT current_setting('transaction_isolation')",
    };
    for (level, said) in levels {
        let mut reads = Connection::open(&ground.place, &session(level)).await.unwrap();
        assert_eq!(reads.scalar(asked.into()).await.unwrap().as_deref(), Some(said));
    }
}
