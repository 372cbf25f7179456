//! A department's database: SQLite unless a server was named and the package has tables for it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use adapt::{Detect, Query, Source};
use canon::Millis;
use edge::db::{Connection, DbError, Dialect, Engine, Isolation, Login, Place, Session, Stored};
use serde_json::Value;

use super::department::Department;
use super::drive::Unplayed;
use crate::text::Failure;

/// Longest statement.
const STATEMENT: Duration = Duration::from_secs(30);
/// Longest wait for the collecting side's lock.
const LOCK: Duration = Duration::from_secs(10);

/// The servers on which departments may have their tables.
#[derive(Clone, Debug, Default)]
pub(super) struct Databases {
    /// PostgreSQL: a schema for each department.
    pub(super) postgres: Option<Server>,
    /// MariaDB: a database for each department.
    pub(super) mysql: Option<Server>,
}

/// A server as it was named on the command line.
#[derive(Clone, Debug)]
pub(super) struct Server {
    /// Who logs in, and where.
    pub(super) login: Login,
    /// Before the name of every schema or database.
    pub(super) prefix: String,
    /// File with the password, beside the nodes' folders; none without a password.
    pub(super) password: Option<&'static str>,
}

impl Server {
    /// The place of a schema (PostgreSQL).
    pub(super) fn schema(&self, name: &str) -> Place {
        let schema = Some(format!("{}_{name}", self.prefix));
        Place::Postgres(Login { schema, ..self.login.clone() })
    }

    /// The place of a database (MariaDB).
    pub(super) fn database(&self, name: &str) -> Place {
        let database = format!("{}_{name}", self.prefix);
        Place::Mysql(Login { database, ..self.login.clone() })
    }

    /// The lines of a configuration that lead to a place on this server.
    pub(super) fn config(&self, place: &Place) -> String {
        let (scheme, l) = match place {
            Place::Mysql(login) => ("mysql", login),
            Place::Postgres(login) => ("postgres", login),
            Place::Sqlite(_) | Place::Odbc(_) => return String::new(),
        };
        let schema = l.schema.as_ref().map_or_else(String::new, |s| format!("?schema={s}"));
        let Login { user, host, port, database, .. } = l;
        let url = format!("database = \"{scheme}://{user}@{host}:{port}/{database}{schema}\"\n");
        match self.password {
            Some(file) => format!("{url}password = \"file:../{file}\"\n"),
            None => url,
        }
    }
}

/// A department's tables.
pub(super) struct Tables {
    place: Place,
    server: Option<Server>,
    name: String,
    /// The script that makes them; none for front tables, which say themselves what they are.
    schema: Option<String>,
    queries: Vec<Query>,
    rounds: Vec<Round>,
}

/// What the system writes in a round.
enum Round {
    /// Statements of the package, `{now}` in them.
    Script(String),
    /// Rows by table.
    Rows(Value),
}

impl Tables {
    pub(super) fn of(
        department: &Department,
        folder: &Path,
        databases: &Databases,
    ) -> Result<Self, Unplayed> {
        let Department { name, kind, package, .. } = department;
        let Source::Sql(source) = &package.source else {
            return Err(("it does not read tables".into(), "该适配包不读库表".into()));
        };
        let text = |file: &str| {
            let bytes = department.files.get(file)?;
            Some(String::from_utf8_lossy(bytes).into_owned())
        };
        let front = kind == "front_table";
        let chosen = choose(name, folder, databases, |engine| {
            if front { Some(None) } else { text(schema_file(engine)).map(Some) }
        });
        let Some((place, server, schema)) = chosen else {
            return Err((
                "schema.sql is missing: the tables that its samples lie in".into(),
                "缺少 schema.sql（样例所在库表的建表语句）".into(),
            ));
        };
        let mut rounds = Vec::new();
        for sample in package.samples.keys() {
            let input = format!("samples/{sample}/input.json");
            let input: Value =
                text(&input).and_then(|t| serde_json::from_str(&t).ok()).unwrap_or_default();
            for (n, rows) in input.as_array().into_iter().flatten().enumerate() {
                let file = if n == 0 { "input.sql".into() } else { format!("input.{}.sql", n + 1) };
                let script = format!("samples/{sample}/{file}");
                rounds.push(match text(&script) {
                    _ if front => Round::Rows(rows.clone()),
                    Some(script) => Round::Script(script),
                    None => {
                        return Err((
                            format!("{script} is missing: the rows of input.json in its tables"),
                            format!("缺少 {script}（input.json 各行在库表中的写法）"),
                        ));
                    }
                });
            }
        }
        let (name, queries) = (name.clone(), source.queries.clone());
        Ok(Self { place, server, name, schema, queries, rounds })
    }

    pub(super) fn word(&self) -> String {
        self.place.scheme().to_owned()
    }

    pub(super) fn rounds(&self) -> usize {
        self.rounds.len()
    }

    pub(super) fn config(&self) -> String {
        let modified = |q: &Query| matches!(q.detect, Detect::ModifiedTime { .. });
        let overlap = if self.queries.iter().any(modified) { "overlap = \"1 min\"\n" } else { "" };
        match &self.server {
            Some(server) => format!("{}{overlap}", server.config(&self.place)),
            None => format!("database = \"sqlite:systems/{}.db\"\n{overlap}", self.name),
        }
    }

    /// Makes the empty tables, nothing of an earlier demo in them.
    pub(super) async fn stand(&self) -> Result<(), Failure> {
        anew(&self.place).await?;
        let failed = |e: DbError| self.failed(&e);
        let mut connection = open(&self.place).await.map_err(failed)?;
        let d = connection.dialect();
        let all = match &self.schema {
            Some(schema) => statements(schema),
            None => self.queries.iter().filter_map(|q| front_table(d, q)).collect(),
        };
        for sql in all {
            connection.execute(sql).await.map_err(failed)?;
        }
        Ok(())
    }

    /// Writes a round's rows in one transaction, as the system would.
    pub(super) async fn say(&self, round: usize, now: Millis) -> Result<(), Failure> {
        let Some(round) = self.rounds.get(round) else { return Ok(()) };
        let failed = |e: DbError| self.failed(&e);
        let mut connection = open(&self.place).await.map_err(failed)?;
        let d = connection.dialect();
        let all = match round {
            Round::Script(script) => statements(&script.replace("{now}", &now.to_string())),
            Round::Rows(rows) => self.queries.iter().flat_map(|q| upserts(d, q, rows)).collect(),
        };
        connection.begin().await.map_err(failed)?;
        for sql in all {
            connection.execute(sql).await.map_err(failed)?;
        }
        connection.commit().await.map_err(failed)
    }

    fn failed(&self, e: &DbError) -> Failure {
        unwritten(&self.place, e)
    }
}

/// A database of the departments could not be written.
pub(super) fn unwritten(place: &Place, e: &DbError) -> Failure {
    let words = &e.words;
    Failure::environment(
        format!("{place} could not be written: {words}"),
        format!("无法写入 {place}：{words}"),
    )
}

/// The first place that the package has tables for, with the script that makes them.
fn choose(
    name: &str,
    folder: &Path,
    databases: &Databases,
    schema: impl Fn(Engine) -> Option<Option<String>>,
) -> Option<(Place, Option<Server>, Option<String>)> {
    // Not the name of a tier's schema.
    let system = format!("system_{name}");
    if let Some(server) = &databases.mysql
        && let Some(schema) = schema(Engine::Mysql)
    {
        return Some((server.database(&system), Some(server.clone()), schema));
    }
    if let Some(server) = &databases.postgres
        && let Some(schema) = schema(Engine::Postgres)
    {
        return Some((server.schema(&system), Some(server.clone()), schema));
    }
    let path: PathBuf = folder.join("systems").join(format!("{name}.db"));
    Some((Place::Sqlite(path), None, schema(Engine::Sqlite)?))
}

const fn schema_file(engine: Engine) -> &'static str {
    match engine {
        Engine::Mysql => "schema.mysql.sql",
        Engine::Postgres => "schema.postgres.sql",
        _ => "schema.sql",
    }
}

/// Opens a place to write in it.
pub(super) async fn open(place: &Place) -> Result<Connection, DbError> {
    let session = Session {
        read_only: false,
        statement_timeout: STATEMENT,
        lock_timeout: LOCK,
        isolation: Isolation::ReadCommitted,
        stored: Stored::Declared,
        create: true,
    };
    Connection::open(place, &session).await
}

/// The file, schema or database stands, and is empty.
pub(super) async fn anew(place: &Place) -> Result<(), Failure> {
    let failed = |e: DbError| unwritten(place, &e);
    let (at, all) = match place {
        Place::Sqlite(path) => {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)
                    .map_err(|e| crate::demo::prepare::not_written(folder, &e))?;
            }
            // What an earlier start has left; usually nothing.
            for ending in ["db", "db-wal", "db-shm"] {
                crate::demo::prepare::remove_file(&path.with_extension(ending))?;
            }
            return Ok(());
        }
        Place::Postgres(login) => {
            let name = quoted(login.schema.as_deref().unwrap_or("public"), '"');
            let at = Place::Postgres(Login { schema: None, ..login.clone() });
            let drop = format!("DROP SCHEMA IF EXISTS {name} CASCADE");
            (at, [drop, format!("CREATE SCHEMA {name}")])
        }
        Place::Mysql(login) => {
            let name = quoted(&login.database, '`');
            // A database that every server has.
            let database = "information_schema".to_owned();
            let at = Place::Mysql(Login { database, ..login.clone() });
            let drop = format!("DROP DATABASE IF EXISTS {name}");
            (at, [drop, format!("CREATE DATABASE {name} CHARACTER SET utf8mb4")])
        }
        Place::Odbc(_) => return Ok(()),
    };
    let mut connection = open(&at).await.map_err(failed)?;
    for sql in all {
        connection.execute(sql).await.map_err(failed)?;
    }
    Ok(())
}

fn quoted(name: &str, mark: char) -> String {
    format!("{mark}{}{mark}", name.replace(mark, &format!("{mark}{mark}")))
}

/// The statements of a script: each ends with a `;` at the end of a line, outside quotes.
fn statements(script: &str) -> Vec<String> {
    let (mut all, mut one) = (Vec::new(), String::new());
    for line in script.lines() {
        let inside = one.matches('\'').count() % 2 == 1;
        let code = if inside { line } else { without_comment(line) };
        one.push_str(code);
        one.push('\n');
        if one.matches('\'').count().is_multiple_of(2) && code.trim_end().ends_with(';') {
            let statement = one.trim().trim_end_matches(';').trim();
            if !statement.is_empty() {
                all.push(statement.to_owned());
            }
            one.clear();
        }
    }
    all
}

/// A line before its `--`.
fn without_comment(line: &str) -> &str {
    let mut quoted = false;
    for (at, c) in line.char_indices() {
        if c == '\'' {
            quoted = !quoted;
        }
        if !quoted && line.get(at..).is_some_and(|rest| rest.starts_with("--")) {
            return line.get(..at).unwrap_or(line);
        }
    }
    line
}

/// Every column that a front table must have: the data, the order, and what is answered.
fn front_table(d: Dialect, query: &Query) -> Option<String> {
    let write_back = query.write_back.as_ref()?;
    let mut names: Vec<&str> = query.columns.iter().map(|c| c.text.as_str()).collect();
    let asked = match &query.detect {
        Detect::Flag { column, order, .. } => vec![Some(column), order.as_ref()],
        _ => Vec::new(),
    };
    let answered = [Some(&write_back.flag), write_back.error.as_ref(), write_back.stamp.as_ref()];
    for name in asked.into_iter().chain(answered).flatten() {
        if !names.iter().any(|n| n.eq_ignore_ascii_case(&name.text)) {
            names.push(&name.text);
        }
    }
    let columns: Vec<String> = names.iter().map(|n| format!("{} TEXT", d.name(n))).collect();
    Some(format!("CREATE TABLE {} ({})", d.name(&write_back.table.text), columns.join(", ")))
}

/// The rows of a front table as its system puts them there: waiting to be read.
fn upserts(d: Dialect, query: &Query, rows: &Value) -> Vec<String> {
    let Some(table) = query.write_back.as_ref().map(|w| d.name(&w.table.text)) else {
        return Vec::new();
    };
    let pending = match &query.detect {
        Detect::Flag { column, pending, .. } if !pending.is_empty() => Some((column, pending)),
        _ => None,
    };
    let mut all = Vec::new();
    for row in rows[query.name.text.as_str()].as_array().into_iter().flatten() {
        let cell = |column: &str| match &row[column] {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        };
        let same: Vec<String> = query
            .key
            .iter()
            .map(|k| {
                let literal = d.literal(Some(&cell(&k.text).unwrap_or_default()));
                format!("{} = {literal}", d.name(&k.text))
            })
            .collect();
        all.push(format!("DELETE FROM {table} WHERE {}", same.join(" AND ")));
        let mut names: Vec<String> = query.columns.iter().map(|c| d.name(&c.text)).collect();
        let mut cells: Vec<String> =
            query.columns.iter().map(|c| d.literal(cell(&c.text).as_deref())).collect();
        if let Some((column, pending)) = pending
            && !query.columns.iter().any(|c| c.text == column.text)
        {
            names.push(d.name(&column.text));
            cells.push(d.literal(Some(pending)));
        }
        all.push(format!(
            "INSERT INTO {table} ({}) VALUES ({})",
            names.join(", "),
            cells.join(", ")
        ));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::all::department;

    /// What a package's SQL gives of the tables is what its samples say that it gives.
    #[tokio::test]
    async fn the_rows_in_the_tables_are_the_rows_of_the_samples() {
        let dir = tempfile::tempdir().unwrap();
        let departments = department::all(None, &canon::format::supervision_1()).unwrap();
        let mut seen = 0;
        for department in departments.iter().filter(|d| d.kind == "sql") {
            let tables = Tables::of(department, dir.path(), &Databases::default()).unwrap();
            tables.stand().await.unwrap();
            let mut connection = open(&tables.place).await.unwrap();
            for (round, rows) in inputs(department).iter().enumerate() {
                tables.say(round, Millis::parse("2026-11-21 12:00:00").unwrap()).await.unwrap();
                for query in &tables.queries {
                    for row in rows[query.name.text.as_str()].as_array().into_iter().flatten() {
                        held(&mut connection, query, row).await;
                        seen += 1;
                    }
                }
            }
        }
        assert!(seen > 0, "there is a package that reads tables");
    }

    fn inputs(department: &Department) -> Vec<Value> {
        let input = |files: &std::collections::BTreeMap<String, Vec<u8>>| {
            serde_json::from_slice::<Vec<Value>>(&files["input.json"]).unwrap()
        };
        department.package.samples.values().flat_map(input).collect()
    }

    async fn held(connection: &mut Connection, query: &Query, row: &Value) {
        let text = |value: &Value| match value {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let d = connection.dialect();
        let same = query.key.iter().map(|k| {
            format!("CAST({} AS TEXT) = {}", k.text, d.literal(Some(&text(&row[&k.text]))))
        });
        let same: Vec<String> = same.collect();
        let columns: Vec<&str> = query.columns.iter().map(|c| c.text.as_str()).collect();
        let names: Vec<String> = columns.iter().map(|c| d.text(c)).collect();
        let (names, sql, same) = (names.join(", "), &query.sql, same.join(" AND "));
        let sql = format!("SELECT {names} FROM ({sql}) AS q WHERE {same}");
        let rows = connection.rows(sql, 1 << 20).await.unwrap();
        assert_eq!(rows.len(), 1, "{} {row}", query.name.text);
        let written = |c: &&&str| match &query.detect {
            // The moment of writing is the demo's.
            Detect::ModifiedTime { column, .. } => **c != column.text,
            _ => true,
        };
        for column in columns.iter().filter(written) {
            let at = columns.iter().position(|c| c == column).unwrap();
            let there = String::from_utf8(rows.cell(0, at).unwrap_or_default().to_vec()).unwrap();
            assert_eq!(there, text(&row[*column]), "{}.{column} of {row}", query.name.text);
        }
    }

    #[test]
    fn a_script_is_cut_at_its_statements() {
        let script = "-- a; b\nINSERT INTO t -- one;\nVALUES ('a;--b\n;c');\n\nDELETE FROM t;\n";
        let all = statements(script);
        assert_eq!(all, ["INSERT INTO t \nVALUES ('a;--b\n;c')", "DELETE FROM t"]);
    }
}
