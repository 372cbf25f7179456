//! The county's approval system on two databases: the same rows give the same records.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use adapt::{Package, Source as From, sample};
use canon::Millis;
use edge::Source as _;
use edge::db::{Connection, Dialect, Isolation, Login, Place, Session, Stored, Tls};
use edge::sql::{Settings, SqlSource};
use serde_json::{Map, Value};
use tests::world::services::{self, Address};
use tests::world::{files, format, root};

const SAMPLES: [&str; 2] = ["whole_case", "voided"];

async fn open(place: &Place) -> Connection {
    let session = Session {
        read_only: false,
        statement_timeout: Duration::from_secs(30),
        lock_timeout: Duration::from_secs(10),
        isolation: Isolation::ReadCommitted,
        stored: Stored::Declared,
        create: true,
    };
    Connection::open(place, &session).await.unwrap_or_else(|e| panic!("{place}: {e}"))
}

/// The table that a query's rows come from, and what its columns are called there.
fn table(query: &str) -> (&'static str, fn(&str) -> Option<&str>) {
    fn own<'a>(drop: &[&str], column: &'a str) -> Option<&'a str> {
        (!drop.contains(&column)).then_some(column)
    }
    const CASES: [&str; 6] =
        ["unit_code", "item_code", "area_code", "void_flag", "void_reason", "void_by"];
    match query {
        "case" => ("approval_case", |c| Some(if c == "unit_code" { "org_code" } else { c })),
        "step" => ("approval_step", |c| match c {
            "step_org_code" => Some("org_code"),
            "step_org_name" => Some("org_name"),
            c => own(&CASES, c),
        }),
        "supplement" => ("supplement", |c| own(&CASES, c)),
        "suspend" => ("suspend", |c| own(&CASES, c)),
        // Its number is that of the row it ends.
        "resume" => ("resume", |c| if c == "seq" { None } else { own(&CASES, c) }),
        "material" => ("material", |c| own(&CASES, c)),
        other => panic!("a new query: {other}"),
    }
}

/// What the tables demand and no query gives.
fn demanded(query: &str, row: &Map<String, Value>) -> Vec<(&'static str, String)> {
    let text = |key: &str| {
        let value = row.get(key).unwrap_or(&Value::Null);
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    };
    match query {
        "case" => vec![("case_state", "1".into())],
        "suspend" => vec![("suspend_username", "op".into())],
        "resume" => {
            let of = format!("{}/{}", text("case_id"), text("seq"));
            vec![("resume_username", "op".into()), ("suspend_id", of)]
        }
        _ => Vec::new(),
    }
}

/// The samples' rows as statements; suspensions are numbered so that their ends find them.
fn inserts(d: Dialect, package: &Package) -> Vec<String> {
    let mut all = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for name in SAMPLES {
        let input = &package.samples[name]["input.json"];
        let rounds: Vec<Map<String, Value>> = serde_json::from_slice(input).expect("a sample");
        for (query, rows) in rounds.into_iter().take(1).flatten() {
            for row in rows.as_array().expect("rows") {
                let row = row.as_object().expect("a row");
                let (table, column_of) = table(&query);
                let mut cells: BTreeMap<&str, Option<String>> = BTreeMap::new();
                for (column, value) in row {
                    let value = match value {
                        Value::Null => None,
                        // A DATETIME knows no day alone; SQLite would keep one as it is written.
                        Value::String(text) if canon::Day::parse(text).is_some() => {
                            Some(format!("{text} 00:00:00"))
                        }
                        Value::String(text) => Some(text.clone()),
                        number => Some(number.to_string()),
                    };
                    if let Some(column) = column_of(column) {
                        cells.insert(column, value);
                    }
                }
                for (column, value) in demanded(&query, row) {
                    cells.insert(column, Some(value));
                }
                if query == "suspend" {
                    let seq = cells["seq"].clone().unwrap_or_default();
                    let case = cells["case_id"].clone().unwrap_or_default();
                    cells.insert("suspend_id", Some(format!("{case}/{seq}")));
                }
                let names: Vec<String> = cells.keys().map(|c| d.name(c)).collect();
                let values: Vec<String> = cells.values().map(|v| d.literal(v.as_deref())).collect();
                let sql = format!(
                    "INSERT INTO {table} ({}) VALUES ({})",
                    names.join(", "),
                    values.join(", ")
                );
                let id = package.queries().iter().find(|q| q.name.text == query).map(|q| &q.key[0]);
                let id = id.and_then(|id| cells.get(id.text.as_str()));
                if seen.insert(format!("{table} {id:?}")) {
                    all.push(sql);
                }
            }
        }
    }
    all
}

/// The records of every row, as a sample's outcome.
async fn records(package: &Package, place: &Place) -> Value {
    let From::Sql(sql) = &package.source else { panic!("a database") };
    let mut source = SqlSource::new(Settings::of("county", place.clone(), sql)).expect("settings");
    let now = Millis::parse("2026-11-21 12:00:00").expect("a time");
    let mut round: Map<String, Value> = Map::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = source.read(cursor.as_deref(), now, 2).await.expect("a page");
        assert!(page.broken.is_empty(), "{:?}", page.broken);
        let list = round.entry(page.place.to_string()).or_insert_with(|| Value::Array(Vec::new()));
        let list = list.as_array_mut().expect("a list");
        for row in page.rows() {
            let cells = page.columns.iter().zip(row.cells());
            let cell = |(name, cell): (&std::sync::Arc<str>, Option<&str>)| {
                (name.to_string(), cell.map_or(Value::Null, Value::from))
            };
            list.push(Value::Object(cells.map(cell).collect()));
        }
        cursor = Some(page.cursor.clone());
        if !page.more {
            break;
        }
    }
    let mut package = package.clone();
    let text = Value::Array(vec![Value::Object(round)]).to_string();
    package.samples = [("all".into(), [("input.json".into(), text.into_bytes())].into())].into();
    let mut made = sample::run(&package, &format(), "all").unwrap_or_else(|p| panic!("{p:?}"));
    amounts(&mut made);
    made
}

/// SQLite makes a number of an amount and forgets its last zeros.
fn amounts(value: &mut Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(amounts),
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::String(text) if key == "fee" && text.contains('.') => {
                        *text = text.trim_end_matches('0').trim_end_matches('.').to_owned();
                    }
                    other => amounts(other),
                }
            }
        }
        _ => {}
    }
}

async fn fill(place: &Place, folder: &Path, schema: &str, package: &Package) {
    let mut there = open(place).await;
    let ddl = std::fs::read_to_string(folder.join(schema)).expect("the schema");
    there.execute(ddl).await.unwrap_or_else(|e| panic!("{schema}: {e}"));
    for sql in inserts(there.dialect(), package) {
        there.execute(sql.clone()).await.unwrap_or_else(|e| panic!("{e} in {sql}"));
    }
}

#[tokio::test]
async fn the_county_gives_the_same_records_from_mariadb_and_sqlite() {
    let folder = root().join("adapters/county_approval");
    let package = Package::read(&files(&folder)).unwrap_or_else(|p| panic!("{p:?}"));
    let scratch = tempfile::tempdir().expect("a folder");
    let sqlite = Place::Sqlite(scratch.path().join("legacy.db"));
    let address = Address::of(&services::mariadb());
    let mut name = String::from("tg_county");
    write!(name, "_{}", std::process::id()).expect("a string takes all text");
    let server = Login {
        host: address.host,
        port: address.port,
        user: address.user,
        password: Some(address.password),
        database: address.rest,
        schema: None,
        tls: Tls::Disable,
        ca: None,
    };
    let mut admin = open(&Place::Mysql(server.clone())).await;
    let made = format!("CREATE OR REPLACE DATABASE {name} CHARACTER SET utf8mb4");
    admin.execute(made).await.expect("a database");
    let mariadb = Place::Mysql(Login { database: name.clone(), ..server });
    fill(&sqlite, &folder, "schema.sql", &package).await;
    fill(&mariadb, &folder, "schema.mysql.sql", &package).await;
    let (one, other) = (records(&package, &sqlite).await, records(&package, &mariadb).await);
    admin.execute(format!("DROP DATABASE {name}")).await.expect("gone");
    let count = one.to_string().matches("\"type\"").count();
    assert!(count > 10, "{count} records are not the samples'");
    let lines = |value: &Value| {
        let text = serde_json::to_string_pretty(value).expect("it is JSON");
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let (one, other) = (lines(&one), lines(&other));
    let differ: Vec<_> = one.iter().zip(&other).filter(|(a, b)| a != b).take(9).collect();
    assert!(one.len() == other.len() && differ.is_empty(), "{differ:#?}");
}
