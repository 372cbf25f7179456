//! The contract suite over the PostgreSQL back end, on the server of the services (`make services`).
//! Every test has a schema of its own, which goes with it.

use store::*;

#[cfg(test)]
#[path = "contract/mod.rs"]
mod contract;

/// What the suite needs of a back end.
#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "where the server is stands in the environment; the clock names a schema"
)]
mod provider {
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
    use std::path::{Path, PathBuf};
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::{SystemTime, UNIX_EPOCH};

    use canon::NodeCode;
    use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
    use store::postgres::Settings;

    use crate::{PostgresStore, SharedStore};

    /// Where the server is: the environment says so, else the file that `make services` leaves.
    pub(super) fn server() -> String {
        const NAME: &str = "TIERGATE_TEST_POSTGRES";
        if let Ok(url) = std::env::var(NAME) {
            return url;
        }
        let services = std::env::var_os("TIERGATE_SERVICES").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/services"),
            PathBuf::from,
        );
        let said = std::fs::read_to_string(services.join("env")).unwrap_or_default();
        let line = said.lines().find_map(|l| l.strip_prefix(NAME)?.strip_prefix('='));
        line.expect("no PostgreSQL for this test; start the services: make services").to_owned()
    }

    /// One schema that may hold several identities.
    pub(super) struct Bench {
        store: PostgresStore,
        settings: Settings,
    }

    /// A schema of this name.
    pub(super) fn settings(schema: &str) -> Settings {
        Settings {
            url: server(),
            password: None,
            schema: schema.to_owned(),
            connections: 4,
            tls: store::postgres::Tls::Disable,
            authority: None,
        }
    }

    async fn bench(settings: Settings) -> Bench {
        let store = PostgresStore::open(&settings).await.unwrap();
        Bench { store, settings }
    }

    impl Bench {
        /// The handle of an identity.
        pub(super) async fn open(&self, node: &NodeCode) -> SharedStore {
            self.store.identity(node).await.unwrap()
        }

        /// What is there after every handle is gone.
        pub(super) async fn reopen(self) -> Self {
            drop(self.store);
            bench(self.settings).await
        }

        /// The same schema as another process has it.
        pub(super) async fn beside(&self) -> Self {
            bench(self.settings.clone()).await
        }
    }

    /// A name that no other test, and no other run, has.
    fn schema() -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let nth = NEXT.fetch_add(1, Ordering::Relaxed);
        format!("t{}_{}_{nth}", since.as_millis(), std::process::id())
    }

    /// Runs a test on an empty store.
    pub(super) fn run(test: impl AsyncFnOnce(Bench)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let schema = schema();
        let done = catch_unwind(AssertUnwindSafe(|| {
            runtime.block_on(async { test(bench(settings(&schema)).await).await });
        }));
        runtime.block_on(async {
            let mut conn = PgConnection::connect(&server()).await.unwrap();
            let drop = format!("DROP SCHEMA IF EXISTS {schema} CASCADE");
            conn.execute(sqlx::raw_sql(AssertSqlSafe(drop))).await.unwrap();
            conn.close().await.unwrap();
        });
        if let Err(panic) = done {
            resume_unwind(panic);
        }
    }
}

#[cfg(test)]
mod own {
    use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

    use super::*;

    #[tokio::test]
    async fn a_database_that_is_not_in_utf8_is_refused() {
        let url = provider::server();
        let name = format!("latin_{}", std::process::id());
        let mut conn = PgConnection::connect(&url).await.unwrap();
        let make = format!(
            "CREATE DATABASE {name} ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        );
        conn.execute(sqlx::raw_sql(AssertSqlSafe(make))).await.unwrap();
        let (server, _) = url.rsplit_once('/').unwrap();
        let settings =
            postgres::Settings { url: format!("{server}/{name}"), ..provider::settings("node") };
        let refused = PostgresStore::open(&settings).await;
        let drop = format!("DROP DATABASE {name} WITH (FORCE)");
        conn.execute(sqlx::raw_sql(AssertSqlSafe(drop))).await.unwrap();
        let Err(StoreError::Refused(said)) = refused else { panic!("{refused:?}") };
        assert!(said.contains("LATIN1") && said.contains("ENCODING 'UTF8'"), "{said}");
    }
}
