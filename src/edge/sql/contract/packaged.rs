//! What packages say in their own text, and the rights that are printed for them.

use super::grounds::{Ground, at, drain, sql_of};
use crate::db::{Connection, Engine, Place, Trouble};
use crate::source::{Source as _, WriteBack};
use crate::sql::{Account, Settings, SqlSource, grants};

const BY_LOG: &str = r#"
[source]
kind = "sql"
[[source.query]]
name = "c"
sql = "SELECT id, name FROM c"
columns = ["id", "name"]
key = ["id"]
detect = "log_table"
log_table = "log"
cursor = "seq"
[source.query.write_back]
into = "own_table"
table = "outcome"
flag = "state"
error = "why"
values = { accepted = "1", warned = "2", rejected = "3", quarantined = "4" }
[[record]]
type = "application"
[record.fields]
case_no = "id"
"#;

const BY_FLAG: &str = r#"
[source]
kind = "sql"
[[source.query]]
name = "c"
sql = "SELECT id, name, m, flag FROM c"
columns = ["id", "name", "m", "flag"]
key = ["id"]
detect = "flag"
cursor = "flag"
pending = "0"
order = "m"
[source.query.write_back]
table = "c"
flag = "flag"
error = "err"
error_chars = 4
values = { accepted = "1", warned = "2", rejected = "3", quarantined = "4" }
[[record]]
type = "application"
[record.fields]
case_no = "id"
"#;

const OUTCOMES: &str = "CREATE TABLE outcome (id VARCHAR(50) NOT NULL PRIMARY KEY, state VARCHAR(2), why VARCHAR(100))";

fn refused(key: &str) -> WriteBack {
    WriteBack { table: 0, row_key: key.into(), flag: "3".into(), text: "缺身份证号".into() }
}

pub(super) async fn logs(ground: &Ground) {
    ground.tables().await;
    ground.add(&[("a", 0), ("b", 0)]).await;
    ground.run(OUTCOMES).await;
    ground.run("INSERT INTO log (seq, id) VALUES (9, 'b'), (10, 'a')").await;
    let mut source = ground.packaged(BY_LOG);
    let mut cursor = None;
    assert_eq!(drain(&mut source, &mut cursor, at(1), 1).await, ["b", "a"]);
    assert_eq!(source.write_back(&[refused("b")]).await.unwrap(), [Ok(())]);
    assert!(drain(&mut source, &mut cursor, at(2), 9).await.is_empty(), "our own is no change");
    let said = ground.cell("SELECT why FROM outcome WHERE id = 'b' AND state = '3'").await;
    assert_eq!(said.as_deref(), Some("缺身份证号"));
    ground.run("INSERT INTO log (seq, id) VALUES (11, 'b')").await;
    assert_eq!(drain(&mut source, &mut cursor, at(3), 9).await, ["b"]);
}

pub(super) async fn flags(ground: &Ground) {
    ground.tables().await;
    ground.add(&[("a", 9), ("b", 5), ("c", 7)]).await;
    let mut source = ground.packaged(BY_FLAG);
    let mut cursor = None;
    assert_eq!(drain(&mut source, &mut cursor, at(1), 1).await, ["b", "c", "a"]);
    assert_eq!(source.write_back(&[refused("c")]).await.unwrap(), [Ok(())]);
    assert_eq!(
        ground.cell("SELECT err FROM c WHERE flag = '3'").await.as_deref(),
        Some("缺身份证")
    );
    assert_eq!(drain(&mut source, &mut cursor, at(2), 1).await, ["b", "a"]);
    ground.run("UPDATE c SET flag = '0' WHERE id = 'c'").await;
    assert_eq!(drain(&mut source, &mut cursor, at(3), 9).await, ["b", "c", "a"], "mended there");
}

pub(super) async fn granted(ground: &Ground) {
    ground.tables().await;
    ground.add(&[("a", 0)]).await;
    ground.run(OUTCOMES).await;
    ground.run("INSERT INTO log (seq, id) VALUES (1, 'a')").await;
    let (said, engine) = (sql_of(BY_LOG), ground.engine());
    let user = format!("r_{}", ground.name());
    let (database, schema) = match engine {
        Engine::Mysql => (ground.name(), None),
        _ => ("", Some(ground.name())),
    };
    let printed = grants(&said, Account { engine, user: &user, database, schema });
    if engine == Engine::Sqlite {
        assert!(printed[0].starts_with("-- SQLite has no accounts"), "{printed:?}");
        return;
    }
    let (made, gone) = match engine {
        Engine::Mysql => (
            format!("CREATE OR REPLACE USER '{user}'@'%' IDENTIFIED BY 'w0rd'"),
            format!("DROP USER '{user}'@'%'"),
        ),
        _ => (
            format!("CREATE ROLE {user} LOGIN PASSWORD 'w0rd'"),
            format!("DROP OWNED BY {user}; DROP ROLE {user}"),
        ),
    };
    ground.run(&made).await;
    for statement in printed.iter().filter(|s| !s.starts_with("--")) {
        ground.run(statement).await;
    }
    let mut place = ground.place.clone();
    match &mut place {
        Place::Mysql(login) | Place::Postgres(login) => {
            (login.user, login.password) = (user, Some("w0rd".into()));
        }
        Place::Odbc(login) => (login.user, login.password) = (Some(user), Some("w0rd".into())),
        Place::Sqlite(_) => unreachable!("no accounts"),
    }
    let settings = Settings::of("granted", place.clone(), &said);
    let session = settings.session(false);
    let mut source = SqlSource::new(settings).unwrap();
    assert_eq!(drain(&mut source, &mut None, at(1), 9).await, ["a"]);
    for _ in 0..2 {
        assert_eq!(source.write_back(&[refused("a")]).await.unwrap(), [Ok(())]);
    }
    let mut own = Connection::open(&place, &session).await.unwrap();
    for beyond in ["UPDATE c SET name = 'x'", "DELETE FROM outcome", "SELECT * FROM s"] {
        let error = own.rows(beyond.into(), 1_000).await.map(drop).unwrap_err();
        assert_eq!(error.trouble, Trouble::Denied, "{beyond}: {error}");
    }
    drop((own, source));
    ground.run(&gone).await;
}
