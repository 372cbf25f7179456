//! The front tables of the platform, and the collector that takes rows away.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use edge::db::{Connection, Isolation, Login, Place, Session, Stored, Tls};
use edge::outlet::front_db::{FrontDb, Settings};

use super::super::services::{self, Address};
use super::{Mind, Took, target};

/// A front database with the platform behind it.
pub struct Front {
    place: Place,
    /// What the platform does.
    pub mind: Arc<Mind>,
    gone: Option<(Place, String)>,
}

/// A name that no other test has.
fn fresh() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("tg_front_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

fn login(url: &str) -> Login {
    let address = Address::of(url);
    Login {
        host: address.host,
        port: address.port,
        user: address.user,
        password: Some(address.password).filter(|p| !p.is_empty()),
        database: address.rest,
        schema: None,
        tls: Tls::Disable,
        ca: None,
    }
}

async fn run(place: &Place, sql: String) {
    let mut connection = Connection::open(place, &session()).await.expect("the test's server");
    connection.execute(sql).await.expect("a database of our own");
}

fn session() -> Session {
    Session {
        read_only: false,
        statement_timeout: Duration::from_secs(10),
        lock_timeout: Duration::from_secs(5),
        isolation: Isolation::ReadCommitted,
        stored: Stored::Declared,
        create: true,
    }
}

impl Front {
    /// Over a file.
    pub async fn in_folder(folder: &Path, mind: &Arc<Mind>) -> Self {
        Self::at(Place::Sqlite(folder.join("front.db")), mind).await
    }

    /// Over any database, its tables made.
    pub async fn at(place: Place, mind: &Arc<Mind>) -> Self {
        let front = Self { place, mind: Arc::clone(mind), gone: None };
        let mut connection = front.connection().await;
        let d = connection.dialect();
        let target = target();
        for kind in target.kinds() {
            let ty = target.format.type_by_wire(kind).expect("a type");
            let (message, flag) = (d.name("MSG_ID"), d.name("REC_FLAG"));
            let mut columns =
                vec![format!("{message} VARCHAR(32) PRIMARY KEY"), format!("{flag} VARCHAR(4)")];
            let fields = target.format.get(ty).fields.iter().map(|f| f.wire.to_string());
            let also = ["ERR_DESC", "XML_DATA", "INSERTTIME"].map(str::to_owned);
            columns.extend(fields.chain(also).map(|name| format!("{} TEXT", d.name(&name))));
            let sql = format!("CREATE TABLE {} ({})", d.name(kind), columns.join(", "));
            connection.execute(sql).await.expect("a table");
        }
        front
    }

    /// Over a database of its own on the test's MariaDB.
    pub async fn in_mariadb(mind: &Arc<Mind>) -> Self {
        let server = login(&services::mariadb());
        let name = fresh();
        let made = format!("CREATE DATABASE {name} CHARACTER SET utf8mb4");
        run(&Place::Mysql(server.clone()), made).await;
        let place = Place::Mysql(Login { database: name.clone(), ..server.clone() });
        let mut front = Self::at(place, mind).await;
        front.gone = Some((Place::Mysql(server), format!("DROP DATABASE {name}")));
        front
    }

    /// Over a schema of its own on the test's PostgreSQL.
    pub async fn in_postgres(mind: &Arc<Mind>) -> Self {
        let server = login(&services::postgres());
        let name = fresh();
        run(&Place::Postgres(server.clone()), format!("CREATE SCHEMA {name}")).await;
        let place = Place::Postgres(Login { schema: Some(name.clone()), ..server.clone() });
        let mut front = Self::at(place, mind).await;
        front.gone = Some((Place::Postgres(server), format!("DROP SCHEMA {name} CASCADE")));
        front
    }

    /// Takes away what the test's servers would keep.
    pub async fn remove(&self) {
        if let Some((place, sql)) = &self.gone {
            run(place, sql.clone()).await;
        }
    }

    async fn connection(&self) -> Connection {
        Connection::open(&self.place, &session()).await.expect("the front database")
    }

    /// The outlet's end of it.
    pub fn port(&self) -> FrontDb {
        let settings = Settings {
            name: "province".into(),
            place: self.place.clone(),
            statement_timeout: Duration::from_secs(10),
            lock_timeout: Duration::from_secs(5),
        };
        FrontDb::new(settings, &target()).expect("a front library")
    }

    /// The collector takes what is to be taken, each row by itself, applications first.
    pub async fn collect(&self) {
        if self.mind.is_down() {
            return;
        }
        let mut connection = self.connection().await;
        let d = connection.dialect();
        for kind in target().kinds() {
            let names = ["MSG_ID", "SBLSH", "VERSION", "REC_FLAG", "ERR_DESC"].map(|n| d.name(n));
            let [message, case, version, flag, words] = &names;
            let sql = format!(
                "SELECT {message}, {case}, {version} FROM {} WHERE {flag} = '0' ORDER BY {}",
                d.name(kind),
                d.name("INSERTTIME")
            );
            let rows = connection.rows(sql, 1 << 24).await.expect("rows");
            for at in 0..rows.len() {
                let cell = |c| String::from_utf8_lossy(rows.cell(at, c).expect("a value")).into();
                let (message_id, case, version) = (cell(0), cell(1), cell(2));
                let took = Took { message: message_id, kind: kind.to_string(), case, version };
                let key = d.literal(Some(&took.message));
                let Some((code, text)) = self.mind.judge(took) else { continue };
                let (code, text) = (d.literal(Some(&code)), d.literal(Some(&text)));
                let sql = format!(
                    "UPDATE {} SET {flag} = {code}, {words} = {text} WHERE {message} = {key}",
                    d.name(kind)
                );
                connection.execute(sql).await.expect("an answer");
            }
        }
    }

    /// Rows in all tables.
    pub async fn rows(&self) -> u64 {
        let mut connection = self.connection().await;
        let d = connection.dialect();
        let mut rows = 0;
        for kind in target().kinds() {
            let sql = format!("SELECT count(*) FROM {}", d.name(kind));
            rows += connection.count(sql).await.expect("a count");
        }
        rows
    }
}
