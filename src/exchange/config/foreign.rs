//! Databases that are not the node's own: where a source's rows are, where a sink's tables lie.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::database::{PostgresTls, TLS, Url, holds_password};
use super::lanes::{LaneBudget, Window};
use super::node::SourceReading;
use super::problem::nearest;
use super::read::{Cx, duration, secret};
use super::secret::SecretRef;
use super::tree::{Spot, Tab};

/// What stands at a database's end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// SQLite.
    Sqlite,
    /// MySQL, MariaDB.
    Mysql,
    /// PostgreSQL, 人大金仓.
    Postgres,
    /// SQL Server.
    Mssql,
    /// Oracle, 达梦.
    Oracle,
}

/// A database of somebody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// `sqlite:PATH`.
    Sqlite(PathBuf),
    /// `mysql://USER@HOST:PORT/DATABASE`, `postgres://…`.
    Server(ServerDatabase),
    /// `odbc:DSN=…`.
    Odbc(OdbcDatabase),
}

/// A server that a driver of ours speaks to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerDatabase {
    /// Whose protocol: [`Engine::Mysql`] or [`Engine::Postgres`].
    pub engine: Engine,
    /// Host name, address, or the folder of a socket.
    pub host: Arc<str>,
    /// Port.
    pub port: u16,
    /// Who logs in.
    pub user: Arc<str>,
    /// Database.
    pub database: Arc<str>,
    /// Schema (PostgreSQL), if not the login's own.
    pub schema: Option<Arc<str>>,
    /// Password.
    pub password: Option<SecretRef>,
    /// Encryption.
    pub tls: PostgresTls,
    /// Certificate of the server's authority, PEM; none is the system's list.
    pub ca: Option<PathBuf>,
}

/// A connection by ODBC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OdbcDatabase {
    /// The connection string, without user and password.
    pub connection: Arc<str>,
    /// What stands behind the driver.
    pub engine: Engine,
    /// Who logs in.
    pub user: Option<Arc<str>>,
    /// Password.
    pub password: Option<SecretRef>,
}

/// How much one transaction sees of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// What others have not committed.
    ReadUncommitted,
    /// What was committed when the statement began.
    ReadCommitted,
    /// One moment.
    RepeatableRead,
    /// As if alone.
    Serializable,
}

const ENGINES: &[(&str, Engine)] = &[
    ("sqlite", Engine::Sqlite),
    ("mysql", Engine::Mysql),
    ("postgres", Engine::Postgres),
    ("mssql", Engine::Mssql),
    ("oracle", Engine::Oracle),
];

const ISOLATIONS: &[(&str, Isolation)] = &[
    ("read_uncommitted", Isolation::ReadUncommitted),
    ("read_committed", Isolation::ReadCommitted),
    ("repeatable_read", Isolation::RepeatableRead),
    ("serializable", Isolation::Serializable),
];

impl Database {
    /// The password's reference, if there is one.
    pub const fn password(&self) -> Option<&SecretRef> {
        match self {
            Self::Sqlite(_) => None,
            Self::Server(server) => server.password.as_ref(),
            Self::Odbc(odbc) => odbc.password.as_ref(),
        }
    }
}

/// Reads `database` with what belongs to it: `user`, `password`, `tls`, `ca`, `dialect`.
pub(crate) fn database(tab: &mut Tab<'_>, base: &Path, cx: &mut Cx<'_>) -> Option<Database> {
    let spot = tab.text("database", cx.problems);
    let has = |tab: &Tab<'_>, key: &str| tab.entries().iter().any(|(k, _)| k.text == key);
    let password = if has(tab, "password") { secret(tab, "password", cx) } else { None };
    let user = tab.text("user", cx.problems);
    let tls = tab.word("tls", TLS, cx.problems);
    let ca = tab.text("ca", cx.problems).map(|s| cx.base.join(s.text));
    let dialect = tab.word("dialect", ENGINES, cx.problems);
    let _known = tab.get("password");
    let spot = spot?;
    let (scheme, rest) = spot.text.split_once(':').unwrap_or((&spot.text, ""));
    let odd = |keys: &[&'static str], tab: &Tab<'_>, cx: &mut Cx<'_>| {
        for key in keys.iter().filter(|k| has(tab, k)) {
            cx.problems.push(
                "config.bad_value",
                &tab.spot(key),
                tab.key(key),
                format!("has no use beside `{scheme}:…`"),
                format!("与 {scheme}: 连用没有意义，请删去"),
            );
        }
    };
    match scheme {
        "sqlite" if !rest.trim().is_empty() => {
            odd(&["password", "user", "tls", "ca", "dialect"], tab, cx);
            Some(Database::Sqlite(base.join(rest)))
        }
        "mysql" | "mariadb" | "postgres" | "postgresql" => {
            odd(&["user", "dialect"], tab, cx);
            server(tab, &spot, cx).map(|found| {
                Database::Server(ServerDatabase {
                    password,
                    tls: tls.unwrap_or(PostgresTls::Prefer),
                    ca,
                    ..found
                })
            })
        }
        "odbc" if !rest.trim().is_empty() => {
            odd(&["tls", "ca"], tab, cx);
            let connection = odbc(tab, &spot, rest.trim(), cx)?;
            let Some(engine) = dialect else {
                cx.problems.push(
                    "config.missing_key",
                    &spot.at,
                    tab.key("dialect"),
                    "must say what stands behind the ODBC driver: mssql, oracle (also 达梦), postgres (also 人大金仓), mysql or sqlite",
                    "须写明 ODBC 驱动背后是哪种库：mssql、oracle（达梦亦然）、postgres（人大金仓亦然）、mysql 或 sqlite",
                );
                return None;
            };
            let user = user.map(|s| s.text.into());
            Some(Database::Odbc(OdbcDatabase { connection, engine, user, password }))
        }
        _ => {
            unknown(tab, &spot, scheme, cx);
            None
        }
    }
}

fn unknown(tab: &Tab<'_>, spot: &Spot, scheme: &str, cx: &mut Cx<'_>) {
    let (en, zh) = match scheme {
        "mssql" | "sqlserver" | "oracle" | "dm" => (
            "goes through ODBC: `odbc:DSN=…` with `dialect = \"mssql\"` or `\"oracle\"`",
            "经 ODBC 连接：写 odbc:DSN=… 并写 dialect = \"mssql\" 或 \"oracle\"",
        ),
        _ => (
            "must be `sqlite:PATH` (relative to this file's folder), `mysql://USER@HOST:PORT/DATABASE`, `postgres://…` or `odbc:DSN=…`",
            "应为 sqlite:路径（相对于本文件所在目录）、mysql://用户@主机:端口/库、postgres://… 或 odbc:DSN=…",
        ),
    };
    // The text may hold a password: it is not repeated.
    let hint = nearest(scheme, ["sqlite", "mysql", "postgres", "odbc"]);
    cx.problems.push("config.bad_value", &spot.at, tab.key("database"), en, zh).hint = hint;
}

fn server(tab: &Tab<'_>, spot: &Spot, cx: &mut Cx<'_>) -> Option<ServerDatabase> {
    if holds_password(&spot.text) {
        literal(tab, spot, cx);
        return None;
    }
    let found = Url::parse(&spot.text).and_then(|url| {
        let (engine, port) = match url.scheme {
            "mysql" | "mariadb" => (Engine::Mysql, 3306),
            _ => (Engine::Postgres, 5432),
        };
        let schema = match (url.query, engine) {
            (None, _) => None,
            (Some(query), Engine::Postgres) => Some(query.strip_prefix("schema=")?.into()),
            (Some(_), _) => return None,
        };
        Some(ServerDatabase {
            engine,
            host: url.host.into(),
            port: url.port.unwrap_or(port),
            user: url.user.into(),
            database: url.database.into(),
            schema,
            password: None,
            tls: PostgresTls::Prefer,
            ca: None,
        })
    });
    if found.is_none() {
        cx.problems.push(
            "config.bad_value",
            &spot.at,
            tab.key("database"),
            "is not written like `mysql://USER@HOST:PORT/DATABASE` or `postgres://USER@HOST:PORT/DATABASE?schema=NAME`",
            "应写作 mysql://用户@主机:端口/库 或 postgres://用户@主机:端口/库?schema=名称",
        );
    }
    found
}

fn literal(tab: &Tab<'_>, spot: &Spot, cx: &mut Cx<'_>) {
    // The text holds a password: it is not repeated.
    cx.problems.push(
        "config.secret_literal",
        &spot.at,
        tab.key("database"),
        "must not hold a password; write `password = \"file:…\"` beside it",
        "不得含密码；请另写 password = \"file:…\"",
    );
}

fn odbc(tab: &Tab<'_>, spot: &Spot, text: &str, cx: &mut Cx<'_>) -> Option<Arc<str>> {
    let word = |pair: &str| pair.split('=').next().unwrap_or_default().trim().to_lowercase();
    if text.split(';').any(|p| matches!(word(p).as_str(), "pwd" | "password")) {
        literal(tab, spot, cx);
        return None;
    }
    // A name alone is that of a data source.
    Some(if text.contains('=') { text.into() } else { format!("DSN={text}").into() })
}

/// Reads what a source's owner allows: `hours`, `isolation`, `encoding`, `rows_max`,
/// `statement_timeout`.
pub(crate) fn reading(tab: &mut Tab<'_>, cx: &mut Cx<'_>) -> SourceReading {
    let isolation = tab.word("isolation", ISOLATIONS, cx.problems);
    let encodings = [("utf-8", false), ("gb18030", true)];
    let gb18030 = tab.word("encoding", &encodings, cx.problems);
    let statement_timeout = duration(tab, "statement_timeout", cx);
    let statement_timeout = within(tab, "statement_timeout", statement_timeout, cx);
    let rows_max = tab.count("rows_max", cx.problems);
    let rows_max = within(tab, "rows_max", rows_max, cx);
    let hours = hours(tab, cx);
    SourceReading { isolation, gb18030, statement_timeout, rows_max, hours }
}

/// A value that the limit of this meaning allows.
fn within(tab: &Tab<'_>, key: &'static str, value: Option<i64>, cx: &mut Cx<'_>) -> Option<i64> {
    let name = if key == "rows_max" { "page_rows_max" } else { "source_statement_timeout" };
    let limit = super::LIMITS.iter().find(|l| l.name == name)?;
    let value = value?;
    let fits = u64::try_from(value).is_ok_and(|n| n >= limit.min && n <= limit.max);
    if !fits {
        let (min, max) = (limit.unit.show(limit.min), limit.unit.show(limit.max));
        cx.problems.push(
            "config.out_of_range",
            &tab.spot(key),
            tab.key(key),
            format!("must lie between {min} and {max}"),
            format!("应在 {min} 与 {max} 之间"),
        );
    }
    fits.then_some(value)
}

fn hours(tab: &mut Tab<'_>, cx: &mut Cx<'_>) -> Vec<Window> {
    let Some(spot) = tab.text("hours", cx.problems) else { return Vec::new() };
    let said = match LaneBudget::parse(&spot.text) {
        Ok(budget) if budget.records_per_second.is_none() && budget.bytes_per_second.is_none() => {
            return budget.hours;
        }
        Ok(_) => ("takes hours alone".to_owned(), "只写时段".to_owned()),
        Err(said) => said,
    };
    cx.problems.push("config.bad_value", &spot.at, tab.key("hours"), said.0, said.1);
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::super::tests::with_source;
    use super::*;

    fn read(source: &str) -> Result<(Database, SourceReading), Vec<String>> {
        let nodes = with_source(source).map_err(|found| {
            found.iter().map(|p| format!("{} {}", p.key, p.en)).collect::<Vec<_>>()
        })?;
        let source = nodes.into_iter().flat_map(|n| n.adapters).next().map(|a| a.source);
        let source = source.ok_or_else(Vec::new)?;
        Ok((source.database.ok_or_else(Vec::new)?, source.reading))
    }

    #[test]
    fn servers_are_named_and_passwords_are_references() {
        let (found, reading) = read(
            "database = \"mysql://reader@10.1.2.3/approval\"\npassword = \"env:P\"\ntls = \"require\"\nhours = \"20:00-07:00\"\nisolation = \"read_uncommitted\"\nencoding = \"gb18030\"\nrows_max = 500\nstatement_timeout = \"30 s\"",
        )
        .unwrap();
        let Database::Server(server) = &found else { panic!("{found:?}") };
        assert_eq!((server.engine, server.port, &*server.user), (Engine::Mysql, 3306, "reader"));
        assert_eq!(server.tls, PostgresTls::Require);
        assert_eq!(found.password(), Some(&SecretRef::Env("P".into())));
        assert_eq!((reading.rows_max, reading.statement_timeout), (Some(500), Some(30_000)));
        assert_eq!((reading.hours.len(), reading.gb18030), (1, Some(true)));
        let (found, _) = read("database = \"postgres://r@db:5433/x?schema=old\"").unwrap();
        let Database::Server(server) = found else { panic!() };
        assert_eq!((server.port, server.schema.as_deref()), (5433, Some("old")));
        let (found, _) = read("database = \"odbc:approval\"\ndialect = \"oracle\"").unwrap();
        let Database::Odbc(odbc) = found else { panic!() };
        assert_eq!((&*odbc.connection, odbc.engine), ("DSN=approval", Engine::Oracle));
    }

    #[test]
    fn what_cannot_be_is_said_without_the_password_in_it() {
        for (source, key, words) in [
            ("database = \"mysql://r:geheim@db/x\"", "database", "must not hold a password"),
            ("database = \"odbc:DSN=a;PWD=geheim\"\ndialect = \"oracle\"", "database", "password"),
            ("database = \"odbc:DSN=a\"", "dialect", "must say what stands behind"),
            ("database = \"mssql://r@db/x\"", "database", "goes through ODBC"),
            ("database = \"mysql://db/x\"", "database", "is not written like"),
            ("database = \"sqlite:a.db\"\ntls = \"require\"", "tls", "has no use"),
            ("database = \"mysql://r@db/x\"\nrows_max = 0", "rows_max", "must lie between"),
            ("database = \"mysql://r@db/x\"\nhours = \"2 Mbit/s\"", "hours", "takes hours alone"),
        ] {
            let said = read(source).unwrap_err();
            let hit = said.iter().any(|s| s.contains(key) && s.contains(words));
            assert!(hit, "{source}: {said:?}");
            assert!(!said.iter().any(|s| s.contains("geheim")), "{said:?}");
        }
    }
}
