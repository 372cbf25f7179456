//! A server's tables, looked at for a new package or a preview: read-only, so many rows at most.

use std::time::Duration;

use adapt::quoted;
use clap::Args;
use edge::db::{
    Connection, Dialect, Engine, Isolation, OdbcLogin, Place, Session, Stored, catalogue,
};
use serde_json::json;

use crate::databases;
use crate::open;
use crate::os;
use crate::text::{Done, Exit, Failure, Out};

/// Longest statement.
const STATEMENT: Duration = Duration::from_secs(30);
/// Longest wait for another program's lock.
const LOCK: Duration = Duration::from_secs(5);
/// Bytes that are read of a table.
const BYTES_MAX: usize = 64 << 20;
/// Parts of the names and comments of a column that says when its row was changed last.
const CHANGED: [&str; 12] = [
    "xgsj",
    "gxsj",
    "zhxgsj",
    "gxrq",
    "xgrq",
    "modified",
    "modifytime",
    "updatetime",
    "updated",
    "lastupdate",
    "修改时间",
    "更新时间",
];

/// A database, and who logs in.
#[derive(Debug, Args)]
pub(crate) struct Server {
    /// A database instead of a file: sqlite:PATH, mysql://USER@HOST:PORT/DB, postgres://…, odbc:DSN=…
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// Where its password is: file:PATH or env:NAME
    #[arg(long, value_name = "REF", requires = "database")]
    password: Option<String>,
    /// Who logs in, over ODBC
    #[arg(long, value_name = "NAME", requires = "database")]
    user: Option<String>,
    /// What stands behind the ODBC driver: mssql, oracle (达梦), postgres (人大金仓), mysql, sqlite
    #[arg(long, value_parser = engine, requires = "database")]
    dialect: Option<Engine>,
}

fn engine(text: &str) -> Result<Engine, String> {
    let known = Engine::ALL.iter().find(|(word, _)| *word == text);
    known.map(|(_, engine)| *engine).ok_or_else(|| "mssql, oracle, postgres, mysql, sqlite".into())
}

impl Server {
    /// The options again, as they were given; a secret is only ever a reference.
    pub(super) fn given(&self) -> String {
        let option = |name: &str, value: &Option<String>| {
            value.as_ref().map_or_else(String::new, |v| format!(" --{name} {v}"))
        };
        let all = [
            option("database", &self.database),
            option("password", &self.password),
            option("user", &self.user),
        ];
        all.concat().trim_start().to_owned()
    }

    /// Where it is; none where no database was named.
    pub(super) fn place(&self) -> Result<Option<Place>, Failure> {
        let Some(url) = &self.database else { return Ok(None) };
        let who = url.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@'));
        if who.is_some_and(|(who, _)| who.contains(':')) {
            // It would stand in the shell's history, and in what is printed to go on with.
            return Err(Failure::usage(
                "a password does not stand in --database; name where it is: --password file:PATH or env:NAME",
                "--database 中不可写口令；请用 --password file:路径 或 env:变量名 指明所在",
            ));
        }
        let reference = open::referred("--password", self.password.as_deref())?;
        let secret = reference.as_ref().map(open::secret).transpose()?;
        let secret = secret.map(|s| s.expose().trim_end_matches(['\r', '\n']).to_owned());
        if let (Some(connection), Some(engine)) = (url.strip_prefix("odbc:"), self.dialect) {
            let (connection, user) = (connection.to_owned(), self.user.clone());
            let login = OdbcLogin { connection, user, password: secret, engine };
            return Ok(Some(Place::Odbc(login)));
        }
        databases::of_url(url, secret).map(Some).ok_or_else(|| {
            Failure::usage(
                "--database takes sqlite:PATH, mysql://USER@HOST:PORT/DB, postgres://USER@HOST:PORT/DB[?schema=NAME], or odbc:DSN=NAME with --dialect; the password goes with --password file:PATH",
                "--database 应写作 sqlite:路径、mysql://用户@主机:端口/库、postgres://用户@主机:端口/库[?schema=模式]，或 odbc:DSN=名称（配 --dialect）；口令用 --password file:路径",
            )
        })
    }
}

/// A table as it was looked at.
pub(super) struct Seen {
    /// Column names.
    pub(super) header: Vec<String>,
    /// What the owner wrote about each.
    pub(super) comments: Vec<String>,
    /// The first rows.
    pub(super) rows: Vec<Vec<String>>,
    /// The primary key.
    pub(super) key: Vec<String>,
    /// The lines of `[source]`.
    pub(super) source: String,
}

async fn opened(server: &Server) -> Result<(Connection, Place), Failure> {
    let place = server
        .place()?
        .ok_or_else(|| Failure::usage("--database is missing", "缺少 --database"))?;
    let session = Session {
        read_only: true,
        statement_timeout: STATEMENT,
        lock_timeout: LOCK,
        isolation: Isolation::ReadCommitted,
        stored: Stored::Declared,
        create: false,
    };
    let connection = Connection::open(&place, &session).await;
    Ok((connection.map_err(|e| unread(&place, &e.words))?, place))
}

fn unread(place: &Place, words: &str) -> Failure {
    Failure::environment(format!("{place}: {words}"), format!("{place}：{words}"))
}

/// Says which tables there are.
pub(super) fn tables(server: &Server, out: &Out) -> Done {
    let all = os::block_on(async {
        let (mut connection, place) = opened(server).await?;
        let all = catalogue::tables(&mut connection).await;
        all.map_err(|e| unread(&place, &e.words))
    })??;
    out.value(&json!({ "ok": true, "tables": all }))?;
    let names = all.join(", ");
    out.say(
        format_args!("tables: {names}; name one with --table"),
        format_args!("库表：{names}；请用 --table 指定其一"),
    )?;
    Ok(Exit::Fine)
}

/// Looks at a table: its columns, what is written about them, its first rows.
pub(super) fn look(server: &Server, table: &str, rows_max: usize) -> Result<Seen, Failure> {
    if !Dialect::can_be_name(table) {
        return Err(Failure::usage("--table is no table's name", "--table 不是合法的表名"));
    }
    os::block_on(async {
        let (mut connection, place) = opened(server).await?;
        let failed = |e: edge::db::DbError| unread(&place, &e.words);
        let columns = catalogue::columns(&mut connection, table).await.map_err(failed)?;
        if columns.is_empty() {
            return Err(Failure::usage(
                format!("{place} has no table `{table}`, or the account may not see it"),
                format!("{place} 中没有表『{table}』，或该账号无权查看"),
            ));
        }
        let d = connection.dialect();
        let names: Vec<String> = columns.iter().map(|c| d.text(&d.name(&c.name))).collect();
        let sql = d.limited(&names.join(", "), &format!("FROM {}", d.name(table)), rows_max);
        let found = connection.rows(sql, BYTES_MAX).await.map_err(failed)?;
        let text = |row, column| {
            String::from_utf8_lossy(found.cell(row, column).unwrap_or_default()).into_owned()
        };
        let rows = (0..found.len()).map(|r| (0..columns.len()).map(|c| text(r, c)).collect());
        let rows: Vec<Vec<String>> = rows.collect();
        let source = source(table, &columns, &rows);
        let key = columns.iter().filter(|c| c.key).map(|c| c.name.clone()).collect();
        let comments = columns.iter().map(|c| c.comment.clone()).collect();
        let header = columns.into_iter().map(|c| c.name).collect();
        Ok(Seen { header, comments, rows, key, source })
    })?
}

/// The lines of `[source]` for a table.
fn source(table: &str, columns: &[catalogue::Column], rows: &[Vec<String>]) -> String {
    let names: Vec<&str> = columns.iter().map(|c| c.name.as_str()).collect();
    let filled = |at: usize| rows.iter().all(|r| r.get(at).is_some_and(|v| v.len() >= 10));
    let named = |c: &catalogue::Column| {
        let name = c.name.to_lowercase().replace('_', "");
        CHANGED.iter().any(|w| name.contains(w) || c.comment.contains(w))
    };
    let changed = columns.iter().enumerate().find(|(at, c)| named(c) && filled(*at));
    let detect = match changed {
        Some((_, c)) => format!("detect = \"modified_time\"\ncursor = {}", quoted(&c.name)),
        None => "# 没有可靠的修改时间列：全读比对 · no column says when a row was changed: read whole\ndetect = \"compare\"".to_owned(),
    };
    let name: String = table
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
        .collect();
    let sql = format!("SELECT {} FROM {table}", names.join(", "));
    format!(
        "[source]\nkind = \"sql\"\n\n[[source.query]]\nname = {}\nsql = {}\n{detect}\n",
        quoted(&name),
        quoted(&sql)
    )
}
