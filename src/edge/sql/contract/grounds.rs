//! A database of each kind, empty, gone afterwards.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::Mutex;

use super::super::{Detect, Query, Settings, SqlSource};
use crate::db::{Connection, Engine, Isolation, Login, OdbcLogin, Place, Session, Stored, Tls};

/// Kinds of databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    Mariadb,
    Postgres,
    OdbcSqlite,
    OdbcMariadb,
    OdbcPostgres,
}

/// An empty database.
pub(crate) struct Ground {
    pub(crate) kind: Kind,
    /// Where a source reads it.
    pub(crate) place: Place,
    /// Where a test writes it, past the source.
    beside: Mutex<Connection>,
    beside_place: Place,
    name: String,
    _folder: tempfile::TempDir,
}

static MADE: AtomicU32 = AtomicU32::new(0);

/// Runs a story on an empty database of this kind.
pub(crate) async fn on<F>(kind: Kind, story: F)
where
    F: for<'a> FnOnce(&'a Ground) -> Pin<Box<dyn Future<Output = ()> + 'a>>,
{
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let name = format!("tg_edge_{}_{number}", std::process::id());
    let (ground, gone) = Ground::make(kind, &name).await;
    let told = AssertUnwindSafe(story(&ground)).catch_unwind().await;
    if let Some((place, sql)) = gone {
        run(&place, &sql).await;
    }
    if let Err(panic) = told {
        resume_unwind(panic);
    }
}

/// An address of the services: the environment says so, else the file that `make services` leaves.
#[expect(clippy::disallowed_methods, reason = "where the servers are stands in the environment")]
pub(crate) fn service(name: &str) -> String {
    if let Ok(url) = std::env::var(name) {
        return url;
    }
    let services = std::env::var_os("TIERGATE_SERVICES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/services"),
        Into::into,
    );
    let said = std::fs::read_to_string(services.join("env")).unwrap_or_default();
    let line = said.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix('='));
    line.unwrap_or_else(|| panic!("no {name} for this test; start the services: make services"))
        .to_owned()
}

/// A login out of `scheme://user:password@host:port/database`.
pub(crate) fn login(url: &str) -> Login {
    let parts = || {
        let (who, at) = url.split_once("://")?.1.split_once('@')?;
        let (user, password) = who.split_once(':')?;
        let (server, database) = at.split_once('/')?;
        let (host, port) = server.split_once(':')?;
        Some(Login {
            host: host.into(),
            port: port.parse().ok()?,
            user: user.into(),
            password: Some(password.into()),
            database: database.into(),
            schema: None,
            tls: Tls::Disable,
            ca: None,
        })
    };
    parts().unwrap_or_else(|| panic!("not scheme://user:password@host:port/database"))
}

fn odbc(engine: Engine, connection: String, login: Option<&Login>) -> Place {
    Place::Odbc(OdbcLogin {
        connection,
        user: login.map(|l| l.user.clone()),
        password: login.and_then(|l| l.password.clone()),
        engine,
    })
}

impl Ground {
    /// The database, and what takes it away again.
    async fn make(kind: Kind, name: &str) -> (Self, Option<(Place, String)>) {
        let folder = tempfile::tempdir().unwrap();
        let (place, beside, gone) = match kind {
            Kind::Sqlite | Kind::OdbcSqlite => {
                let path = folder.path().join("legacy.db");
                let beside = Place::Sqlite(path.clone());
                let connection = format!("Driver={{SQLite3}};Database={};BigInt=1", path.display());
                let place = match kind {
                    Kind::Sqlite => beside.clone(),
                    _ => odbc(Engine::Sqlite, connection, None),
                };
                (place, beside, None)
            }
            Kind::Mariadb | Kind::OdbcMariadb => {
                let server = login(&service("TIERGATE_TEST_MARIADB"));
                let admin = Place::Mysql(server.clone());
                run(&admin, &format!("CREATE OR REPLACE DATABASE {name} CHARACTER SET utf8mb4"))
                    .await;
                let own = Login { database: name.into(), ..server };
                let beside = Place::Mysql(own.clone());
                let connection = format!(
                    "Driver={{MariaDB Unicode}};Server={};Port={};Database={name}",
                    own.host, own.port
                );
                let place = match kind {
                    Kind::Mariadb => beside.clone(),
                    _ => odbc(Engine::Mysql, connection, Some(&own)),
                };
                (place, beside, Some((admin, format!("DROP DATABASE {name}"))))
            }
            Kind::Postgres | Kind::OdbcPostgres => {
                let server = login(&service("TIERGATE_TEST_POSTGRES"));
                let admin = Place::Postgres(server.clone());
                run(&admin, &format!("DROP SCHEMA IF EXISTS {name} CASCADE; CREATE SCHEMA {name}"))
                    .await;
                let own = Login { schema: Some(name.into()), ..server };
                let beside = Place::Postgres(own.clone());
                let connection = format!(
                    "Driver={{PostgreSQL Unicode}};Server={};Port={};Database={};ConnSettings=SET+search_path+TO+{name}",
                    own.host, own.port, own.database
                );
                let place = match kind {
                    Kind::Postgres => beside.clone(),
                    _ => odbc(Engine::Postgres, connection, Some(&own)),
                };
                (place, beside, Some((admin, format!("DROP SCHEMA {name} CASCADE"))))
            }
        };
        let connection = Mutex::new(connect(&beside, false).await);
        let name = name.to_owned();
        let made =
            Self { kind, place, beside: connection, beside_place: beside, name, _folder: folder };
        (made, gone)
    }

    /// The database, or the schema in it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whose SQL is spoken.
    pub(crate) const fn engine(&self) -> Engine {
        self.place.engine()
    }

    /// Runs statements past the source.
    pub(crate) async fn run(&self, sql: &str) {
        let done = self.beside.lock().await.execute(sql.to_owned()).await;
        done.unwrap_or_else(|e| panic!("{e} in: {sql}"));
    }

    /// One value, past the source.
    pub(crate) async fn cell(&self, sql: &str) -> Option<String> {
        self.beside.lock().await.scalar(sql.to_owned()).await.unwrap()
    }

    /// A connection of a test's own.
    pub(crate) async fn connection(&self) -> Connection {
        connect(&self.beside_place, false).await
    }

    /// The tables of most stories: `c` with times and flags, `s` with a key of two columns, `log`.
    pub(crate) async fn tables(&self) {
        let time = if self.engine() == Engine::Postgres { "TIMESTAMP" } else { "DATETIME" };
        self.run(&format!(
            "CREATE TABLE c (id VARCHAR(50) NOT NULL PRIMARY KEY, name VARCHAR(4000), n INTEGER,
               m {time}, flag VARCHAR(2) DEFAULT '0' CHECK (flag <> 'X'), err VARCHAR(100));
             CREATE TABLE s (id VARCHAR(50) NOT NULL PRIMARY KEY, no INTEGER, what VARCHAR(50));
             CREATE TABLE log (id VARCHAR(50), seq INTEGER NOT NULL PRIMARY KEY);"
        ))
        .await;
    }

    /// Rows of `c`, each with its time.
    pub(crate) async fn add(&self, rows: &[(&str, i64)]) {
        for (id, seconds) in rows {
            let time = at(*seconds);
            self.run(&format!("INSERT INTO c (id, name, m) VALUES ('{id}', '甲', '{time}')")).await;
        }
    }

    /// A source over it.
    pub(crate) fn source(&self, queries: Vec<Query>) -> SqlSource {
        SqlSource::new(self.settings(queries)).unwrap()
    }

    /// What a package asks for, and a source after it: its text without the first part.
    pub(crate) fn packaged(&self, rest: &str) -> SqlSource {
        let said = sql_of(rest);
        SqlSource::new(Settings::of("packaged", self.place.clone(), &said)).unwrap()
    }

    /// Its settings.
    pub(crate) fn settings(&self, queries: Vec<Query>) -> Settings {
        Settings {
            adapter: "county".into(),
            place: self.place.clone(),
            queries,
            busy_timeout_ms: 300,
            statement_timeout_ms: 10_000,
            compare_every_ms: 10_000,
            row_bytes_max: 1_000,
            fetch_rows_max: 1_000,
            fetch_bytes_max: 1 << 20,
            isolation: Isolation::ReadCommitted,
            stored: Stored::Declared,
            hours: Vec::new(),
        }
    }
}

async fn connect(place: &Place, read_only: bool) -> Connection {
    let session = Session {
        read_only,
        statement_timeout: Duration::from_secs(20),
        lock_timeout: Duration::from_secs(10),
        isolation: Isolation::ReadCommitted,
        stored: Stored::Declared,
        create: true,
    };
    Connection::open(place, &session).await.unwrap_or_else(|e| {
        panic!(
            "{place}: {e}; start the services (make services), install tests/services/install.sh"
        )
    })
}

async fn run(place: &Place, sql: &str) {
    let done = connect(place, false).await.execute(sql.to_owned()).await;
    done.unwrap_or_else(|e| panic!("{e} in: {sql}"));
}

/// The source of a package whose text goes on so.
pub(crate) fn sql_of(rest: &str) -> adapt::SqlSource {
    let toml = format!(
        "[adapter]\nedition = 1\nname = \"packaged\"\nversion = \"1\"\nsystem = \"x\"\nformat = \"supervision/1\"\n{rest}"
    );
    let files = [("adapter.toml".to_owned(), toml.into_bytes())].into();
    let package = adapt::Package::read(&files).unwrap_or_else(|p| panic!("{p:?}"));
    let adapt::Source::Sql(said) = package.source else { panic!("tables") };
    said
}

pub(crate) fn at(seconds: i64) -> canon::Millis {
    canon::Millis::parse("2026-11-21 10:00:00").unwrap().plus(seconds * 1000)
}

pub(crate) fn strings(list: &[&str]) -> Vec<String> {
    list.iter().map(|s| (*s).to_owned()).collect()
}

pub(crate) fn query(name: &str, columns: &[&str], key: &[&str], detect: Detect) -> Query {
    Query {
        name: name.into(),
        sql: format!("SELECT * FROM {name}"),
        columns: strings(columns),
        key: strings(key),
        detect,
        write_back: None,
    }
}

/// Rows of `c` by their time, outcomes back into them.
pub(crate) fn by_time() -> Query {
    let detect = Detect::ModifiedTime { column: "m".into(), overlap_ms: 60_000 };
    let to = super::super::WriteBackTo {
        table: "c".into(),
        key: strings(&["id"]),
        flag: "flag".into(),
        error: Some("err".into()),
        stamp: None,
        error_chars_max: 4,
        own_table: false,
    };
    Query { write_back: Some(to), ..query("c", &["id", "name", "n"], &["id"], detect) }
}

/// Reads until nothing more; the keys given, and the cursor.
pub(crate) async fn drain(
    source: &mut SqlSource,
    cursor: &mut Option<String>,
    now: canon::Millis,
    limit: usize,
) -> Vec<String> {
    use crate::source::Source as _;
    let mut keys = Vec::new();
    for _ in 0..100 {
        let page = source.read(cursor.as_deref(), now, limit).await.unwrap();
        keys.extend(page.rows().map(|r| r.row_key().unwrap().to_owned()));
        *cursor = Some(page.cursor.clone());
        if !page.more {
            return keys;
        }
    }
    panic!("the source does not come to an end: {keys:?}");
}
