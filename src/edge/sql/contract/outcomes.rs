//! Sentences of what is written back.

use super::grounds::{Ground, Kind, at, by_time, drain, strings};
use crate::Disposition;
use crate::db::Engine;
use crate::source::{Source as _, WriteBack};
use crate::sql::{Query, WriteBackTo};

fn outcome(key: &str, flag: &str, text: &str) -> WriteBack {
    WriteBack { table: 0, row_key: key.into(), flag: flag.into(), text: text.into() }
}

/// A vendor's trigger: every change moves the time on.
const fn touch(kind: Kind) -> &'static str {
    match kind {
        Kind::Sqlite | Kind::OdbcSqlite => {
            "CREATE TRIGGER touch AFTER UPDATE ON c BEGIN
               UPDATE c SET m = datetime(NEW.m, '+1 second') WHERE id = NEW.id AND m = NEW.m; END"
        }
        Kind::Mariadb | Kind::OdbcMariadb => {
            "CREATE TRIGGER touch BEFORE UPDATE ON c FOR EACH ROW
               SET NEW.m = OLD.m + INTERVAL 1 SECOND"
        }
        Kind::Postgres | Kind::OdbcPostgres => {
            "CREATE FUNCTION touched() RETURNS trigger LANGUAGE plpgsql AS
               $$ BEGIN NEW.m := OLD.m + interval '1 second'; RETURN NEW; END $$;
             CREATE TRIGGER touch BEFORE UPDATE ON c FOR EACH ROW EXECUTE FUNCTION touched()"
        }
    }
}

pub(super) async fn idempotent(ground: &Ground) {
    ground.tables().await;
    ground.add(&[("a", 0), ("b", 0)]).await;
    ground.run(touch(ground.kind)).await;
    let mut source = ground.source(vec![by_time()]);
    let mut cursor = None;
    drain(&mut source, &mut cursor, at(100), 10).await;
    let items = [outcome("a", "3", "受理'\\时间早于申请"), outcome("gone", "3", "")];
    let answers = source.write_back(&items).await.unwrap();
    assert_eq!(answers[0], Ok(()));
    assert_eq!(answers[1].as_ref().unwrap_err().code(), "source.row_missing");
    let cell = async |column: &str| {
        ground.cell(&format!("SELECT {column} FROM c WHERE id = 'a'")).await.unwrap()
    };
    assert_eq!((cell("flag").await, cell("err").await), ("3".into(), "受理'\\".into()));
    let moved = cell("m").await;
    assert_eq!(moved, at(1).to_string(), "the trigger moved it");
    // Again: the row already says so, the trigger is not woken.
    assert_eq!(source.write_back(&items[..1]).await.unwrap(), [Ok(())]);
    assert_eq!(cell("m").await, moved);
    let cleared = source.write_back(&[outcome("a", "1", "")]).await.unwrap();
    assert_eq!(cleared, [Ok(())]);
    assert_eq!(ground.cell("SELECT err FROM c WHERE id = 'a'").await, None, "no text is NULL");
    // The row comes once more (its content digest is unchanged), then rests.
    assert!(drain(&mut source, &mut cursor, at(101), 10).await.contains(&"a".to_owned()));
    assert!(drain(&mut source, &mut cursor, at(300), 10).await.contains(&"a".to_owned()));
    assert!(drain(&mut source, &mut cursor, at(400), 10).await.is_empty());
}

pub(super) async fn refused(ground: &Ground) {
    ground.tables().await;
    ground.add(&[("a", 0), ("b", 0), ("c", 0)]).await;
    let mut source = ground.source(vec![by_time()]);
    let items = [outcome("a", "1", ""), outcome("b", "X", "张三"), outcome("c", "2", "")];
    let answers = source.write_back(&items).await.unwrap();
    assert_eq!((&answers[0], &answers[2]), (&Ok(()), &Ok(())));
    let error = answers[1].as_ref().unwrap_err();
    assert_eq!(
        (error.code(), error.disposition()),
        ("source.write_refused", Disposition::Quarantine),
        "{error}"
    );
    assert!(!error.to_string().contains("张三"), "{error}");
    let count = "SELECT count(*) FROM c WHERE flag IN ('1', '2')";
    assert_eq!(ground.cell(count).await.as_deref(), Some("2"));
}

pub(super) async fn own_table(ground: &Ground) {
    ground.tables().await;
    ground.add(&[("a", 0)]).await;
    ground
        .run("CREATE TABLE outcome (id VARCHAR(50) NOT NULL PRIMARY KEY, state VARCHAR(2), why VARCHAR(100))")
        .await;
    let to = WriteBackTo {
        table: "outcome".into(),
        key: strings(&["id"]),
        flag: "state".into(),
        error: Some("why".into()),
        stamp: None,
        error_chars_max: 100,
        own_table: true,
    };
    let mut source = ground.source(vec![Query { write_back: Some(to), ..by_time() }]);
    for (flag, text) in [("3", "缺身份证号"), ("3", "缺身份证号"), ("1", "")] {
        assert_eq!(source.write_back(&[outcome("a", flag, text)]).await.unwrap(), [Ok(())]);
        let said = ground.cell("SELECT state FROM outcome WHERE id = 'a'").await;
        assert_eq!(said.as_deref(), Some(flag));
        let why = ground.cell("SELECT why FROM outcome WHERE id = 'a'").await;
        assert_eq!(why.unwrap_or_default(), text);
    }
    assert_eq!(ground.cell("SELECT count(*) FROM outcome").await.as_deref(), Some("1"));
    assert_eq!(ground.cell("SELECT flag FROM c").await.as_deref(), Some("0"), "the row is theirs");
}

/// A front table as Jiangsu has them: NULL is not yet read, 1 taken, 2 refused with its reason, and when.
pub(super) async fn front_table(ground: &Ground) {
    let time = if ground.engine() == Engine::Postgres { "TIMESTAMP" } else { "DATETIME" };
    ground
        .run(&format!(
            "CREATE TABLE INF_APPLY (NO VARCHAR(50) NOT NULL PRIMARY KEY, CONTENT VARCHAR(200),
               UPDATE_DATE {time} NOT NULL, SYNC_DATE {time}, SYNC_SIGN CHAR(1), SYNC_ERROR_DESC VARCHAR(1000))"
        ))
        .await;
    for (no, second, sign) in [("a", 9, "NULL"), ("b", 5, "''"), ("c", 1, "'1'")] {
        let at = at(second);
        ground
            .run(&format!(
                "INSERT INTO INF_APPLY (NO, UPDATE_DATE, SYNC_SIGN) VALUES ('{no}', '{at}', {sign})"
            ))
            .await;
    }
    let mut source = ground.packaged(
        r#"
        [source]
        kind = "front_table"
        [[source.table]]
        name = "INF_APPLY"
        columns = ["NO", "CONTENT", "UPDATE_DATE"]
        key = ["NO"]
        order = "UPDATE_DATE"
        flag = "SYNC_SIGN"
        error = "SYNC_ERROR_DESC"
        stamp = "SYNC_DATE"
        values = { accepted = "1", warned = "1", rejected = "2", quarantined = "2" }
        [[record]]
        type = "application"
        [record.fields]
        case_no = "NO"
    "#,
    );
    let mut cursor = None;
    assert_eq!(drain(&mut source, &mut cursor, at(20), 1).await, ["b", "a"]);
    let items = [outcome("b", "2", "必填字段为空"), outcome("a", "1", "")];
    assert!(source.write_back(&items).await.unwrap().iter().all(Result::is_ok));
    assert!(drain(&mut source, &mut cursor, at(21), 9).await.is_empty());
    let said = ground.cell("SELECT SYNC_ERROR_DESC FROM INF_APPLY WHERE NO = 'b'").await;
    assert_eq!(said.as_deref(), Some("必填字段为空"));
    let stamped = "SELECT count(*) FROM INF_APPLY WHERE SYNC_DATE > '2026-01-01'";
    assert_eq!(ground.cell(stamped).await.as_deref(), Some("2"));
}

pub(super) async fn locked(ground: &Ground) {
    if ground.kind == Kind::OdbcSqlite {
        // Two copies of SQLite in one process do not see one another's locks.
        return;
    }
    ground.tables().await;
    ground.add(&[("a", 0)]).await;
    let mut source = ground.source(vec![by_time()]);
    let mut holder = ground.connection().await;
    holder.begin().await.unwrap();
    holder.execute("UPDATE c SET n = 1 WHERE id = 'a'".into()).await.unwrap();
    let item = outcome("a", "1", "");
    let error = source.write_back(std::slice::from_ref(&item)).await.unwrap_err();
    assert_eq!((error.code(), error.disposition()), ("source.busy", Disposition::Retry), "{error}");
    holder.commit().await.unwrap();
    assert_eq!(source.write_back(&[item]).await.unwrap(), [Ok(())]);
}
