//! A source of tables beside reading alone: the same rows, once by one plain SELECT and once as a
//! source gives them, in pages with keys and a cursor.

use std::path::Path;
use std::time::Duration;

use edge::db::{Connection, DbError, Isolation, Login, Place, Session, Stored, Tls};
use edge::sql::{Detect, Query, Settings, SqlSource};
use edge::{Source, SourceError};

use super::meter::{Meter, Whose};
use super::report::Line;
use crate::files;
use crate::os;
use crate::text::Failure;

/// Columns of a row beside its key.
const COLUMNS: usize = 24;
/// Rows of one INSERT.
const INSERT: u64 = 500;
/// Rows of a page.
const PAGE: usize = 2_000;
/// The table that is made and dropped.
const TABLE: &str = "tiergate_bench_source";

/// Measures SQLite and whatever else is named.
pub(crate) async fn measure(
    folder: &Path,
    rows: u64,
    mysql: Option<&str>,
    postgres: Option<&str>,
) -> Result<Vec<Line>, Failure> {
    std::fs::create_dir_all(folder).map_err(|e| files::cannot(folder, &e))?;
    let mut places = vec![("SQLite", Place::Sqlite(folder.join("source.db")), Whose::Process)];
    if let Some(url) = mysql {
        places.push(("MariaDB", Place::Mysql(login(url)?), Whose::Machine));
    }
    if let Some(url) = postgres {
        places.push(("PostgreSQL", Place::Postgres(login(url)?), Whose::Machine));
    }
    let mut lines = Vec::new();
    for (name, place, whose) in places {
        let mut connection = Connection::open(&place, &session()).await.map_err(|e| refused(&e))?;
        fill(&mut connection, rows).await.map_err(|e| refused(&e))?;
        let columns = columns().join(", ");
        // Both ways open a connection of their own.
        let meter = Meter::over(whose);
        let sql = format!("SELECT id, {columns} FROM {TABLE} ORDER BY id");
        let mut plain = Connection::open(&place, &session()).await.map_err(|e| refused(&e))?;
        let read = plain.rows(sql, usize::MAX).await.map_err(|e| refused(&e))?;
        let taken = meter.taken();
        let (found, bytes) = (read.len() as u64, read.bytes() as u64);
        drop((read, plain));
        lines.push(Line::new(&format!("{name}: read alone"), found, bytes, taken));
        let meter = Meter::over(whose);
        let (found, bytes) = source(&place).await.map_err(|e| of_source(&e))?;
        lines.push(Line::new(&format!("{name}: as a source"), found, bytes, meter.taken()));
        let gone = connection.execute(format!("DROP TABLE {TABLE}")).await;
        gone.map_err(|e| refused(&e))?;
    }
    Ok(lines)
}

/// How many times reading alone each source costs, wall time.
pub(crate) fn ratios(lines: &[Line]) -> Vec<String> {
    let pair = |pair: &[Line]| match pair {
        [alone, source] => {
            let times = source.taken.wall / alone.taken.wall.max(1e-9);
            Some(format!("{}: {times:.2} × reading alone", source.name))
        }
        _ => None,
    };
    lines.chunks(2).filter_map(pair).collect()
}

fn columns() -> Vec<String> {
    (0..COLUMNS).map(|n| format!("c{n}")).collect()
}

const fn session() -> Session {
    Session {
        read_only: false,
        statement_timeout: Duration::from_secs(600),
        lock_timeout: Duration::from_secs(10),
        isolation: Isolation::ReadCommitted,
        stored: Stored::Declared,
        create: true,
    }
}

async fn fill(connection: &mut Connection, rows: u64) -> Result<(), DbError> {
    let columns: Vec<String> = columns().iter().map(|c| format!("{c} VARCHAR(60)")).collect();
    connection.execute(format!("DROP TABLE IF EXISTS {TABLE}")).await?;
    let columns = columns.join(", ");
    let ddl = format!("CREATE TABLE {TABLE} (id VARCHAR(20) NOT NULL PRIMARY KEY, {columns})");
    connection.execute(ddl).await?;
    connection.begin().await?;
    for first in (0..rows).step_by(INSERT as usize) {
        let last = rows.min(first + INSERT);
        let row = |n: u64| {
            let cells: Vec<String> = (0..COLUMNS).map(|c| format!("'测试{n}-{c}'")).collect();
            format!("('C{n:012}', {})", cells.join(", "))
        };
        let rows: Vec<String> = (first..last).map(row).collect();
        connection.execute(format!("INSERT INTO {TABLE} VALUES {}", rows.join(", "))).await?;
    }
    connection.commit().await
}

async fn source(place: &Place) -> Result<(u64, u64), SourceError> {
    let mut source = SqlSource::new(Settings {
        adapter: "bench".into(),
        place: place.clone(),
        queries: vec![Query {
            name: TABLE.into(),
            sql: format!("SELECT * FROM {TABLE}"),
            columns: columns(),
            key: vec!["id".into()],
            detect: Detect::Compare,
            write_back: None,
        }],
        busy_timeout_ms: 10_000,
        statement_timeout_ms: 600_000,
        compare_every_ms: i64::MAX,
        row_bytes_max: adapt::ROW_BYTES_MAX,
        fetch_rows_max: PAGE,
        fetch_bytes_max: 64 << 20,
        isolation: Isolation::ReadCommitted,
        stored: Stored::Declared,
        hours: Vec::new(),
    })?;
    let (mut cursor, mut rows, mut bytes) = (None::<String>, 0, 0);
    loop {
        let page = source.read(cursor.as_deref(), os::now(), PAGE).await?;
        rows += page.len() as u64;
        bytes += page.text_bytes() as u64;
        cursor = Some(page.cursor.clone());
        if !page.more {
            return Ok((rows, bytes));
        }
    }
}

/// A server as it is named on the command line.
fn login(url: &str) -> Result<Login, Failure> {
    let parts = || {
        let (_, rest) = url.split_once("://")?;
        let (who, rest) = rest.rsplit_once('@')?;
        let (user, password) = who.split_once(':').map_or((who, None), |(u, p)| (u, Some(p)));
        let (server, database) = rest.split_once('/')?;
        let (host, port) = server.split_once(':')?;
        Some(Login {
            host: host.to_owned(),
            port: port.parse().ok()?,
            user: user.to_owned(),
            password: password.map(str::to_owned),
            database: database.to_owned(),
            schema: None,
            tls: Tls::Prefer,
            ca: None,
        })
    };
    parts().ok_or_else(|| {
        Failure::usage(
            "a server is named SCHEME://USER:PASSWORD@HOST:PORT/DATABASE",
            "服务器应写作 类型://用户:口令@主机:端口/数据库",
        )
    })
}

fn refused(e: &DbError) -> Failure {
    Failure::environment(e.to_string(), format!("数据库出错：{e}"))
}

fn of_source(e: &SourceError) -> Failure {
    Failure::environment(e.to_string(), format!("来源出错：{e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_row_is_read_both_ways() {
        let folder = tempfile::tempdir().unwrap();
        let lines = measure(folder.path(), 4_321, None, None).await.unwrap();
        assert_eq!(lines.iter().map(|l| l.records).collect::<Vec<_>>(), [4_321, 4_321]);
        assert!(lines.iter().all(|l| l.bytes > 0));
        assert_eq!(ratios(&lines).len(), 1);
    }
}
