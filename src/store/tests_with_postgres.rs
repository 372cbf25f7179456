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
    use canon::NodeCode;
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

    fn record(kind: &str, waits_for: Option<WaitFor>) -> NewRecord {
        let digest = canon::leaf_hash(canon::DigestAlg::Sha256, kind.as_bytes());
        NewRecord {
            id: canon::RecordId {
                kind: kind.into(),
                key: canon::Key::new("unit", &["1"]),
                version: 1,
            },
            voided: false,
            content: digest,
            digest,
            facts: "{}".into(),
            len: 1,
            waits_for,
            source_row: Some("row".into()),
        }
    }

    /// What edition 3 of a schema had where strands stand now.
    async fn before_strands(schema: &str) {
        let mut text = format!("BEGIN; SET search_path TO {schema};");
        let tables = ["record", "problem", "row_record", "again", "baseline", "waiting"];
        let columns = tables.map(|t| (t, "kind")).into_iter().chain([("waiting", "parent_kind")]);
        for (table, column) in columns {
            text += &format!(
                "INSERT INTO word (text) SELECT DISTINCT split_part(w.text, '>', 1) FROM {table} t \
                 JOIN word w ON w.word = t.{column} ON CONFLICT DO NOTHING; \
                 UPDATE {table} SET {column} = (SELECT k.word FROM word s JOIN word k \
                 ON k.text = split_part(s.text, '>', 1) WHERE s.word = {table}.{column}) \
                 WHERE {column} IS NOT NULL;"
            );
        }
        text += "DELETE FROM word WHERE position('>' in text) > 0; \
                 DROP TABLE submission; DROP TABLE branch; DROP TABLE twig; DROP INDEX row_record_case; \
                 DROP TABLE unit_count; DROP INDEX relay_at; \
                 DROP INDEX chunk_at; DROP INDEX envelope_at; DROP INDEX envelope_dead; DROP INDEX received_at; \
                 DROP INDEX received_sender; DROP INDEX received_problems; DROP INDEX relay_sender; DROP INDEX problem_cause; DROP INDEX problem_at; DROP INDEX problem_voided; ALTER TABLE problem DROP COLUMN rule; \
                 DELETE FROM migration WHERE number >= 4; COMMIT";
        let mut conn = PgConnection::connect(&provider::server()).await.unwrap();
        conn.execute(sqlx::raw_sql(AssertSqlSafe(text))).await.unwrap();
        conn.close().await.unwrap();
    }

    #[tokio::test]
    async fn what_stood_under_types_is_found_under_strands() {
        let schema = format!("strands_{}", std::process::id());
        let settings = provider::settings(&schema);
        let (county, city) = (NodeCode("county".into()), NodeCode("city".into()));
        let route: canon::Route = "city|supervision/1|ecdsa-p256-sha256|live".parse().unwrap();
        let parent = WaitFor {
            kind: "SB".into(),
            key: canon::Key::new("unit", &["1"]),
            accepted: false,
            elsewhere: None,
        };
        let bad = record("BJ", None);
        let page = Collected {
            adapter: "a".into(),
            cursor: "1".into(),
            now: canon::Millis(1_000),
            stands: Vec::new(),
            known: Vec::new(),
            chunks: vec![NewChunk {
                route: route.clone(),
                day: canon::Day(20_000),
                adapter: "a".into(),
                bytes: b"xy".to_vec(),
                records: vec![record("SL", Some(parent)), record("TB", None)],
            }],
            quarantined: vec![NewQuarantine {
                adapter: "a".into(),
                route,
                day: canon::Day(20_000),
                reference: "line 9".into(),
                source_row: bad.source_row.clone(),
                row_digest: bad.digest,
                id: Some(bad.id.clone()),
                content: Some(bad.content),
                violations: Vec::new(),
                raw: b"raw".to_vec(),
            }],
            rows: Vec::new(),
            rows_read: 3,
            rows_unchanged: 0,
        };
        let told = async |store: &SharedStore| {
            let problems = ProblemFilter { limit: 10, ..ProblemFilter::default() };
            (
                format!("{:?}", store.cases(&["1@unit"]).await.unwrap()),
                format!("{:?}", store.problems(problems).await.unwrap()),
                format!("{:?}", store.trace("1").await.unwrap()),
                store.place(&bad.id, &city).await.unwrap(),
            )
        };
        let store = PostgresStore::open(&settings).await.unwrap();
        let own = store.identity(&county).await.unwrap();
        let lease = own.lease("all", "t", canon::Millis(0), 1 << 40).await.unwrap().unwrap();
        own.commit_collected(&lease, page).await.unwrap();
        let before = told(&own).await;
        assert_eq!(before.3, Some(Place::Quarantined));
        drop((own, store));
        before_strands(&schema).await;

        let store = PostgresStore::open(&settings).await.unwrap();
        let own = store.identity(&county).await.unwrap();
        let after = told(&own).await;
        let counted = own.census().await.unwrap() == own.status().await.unwrap().places;
        drop((own, store));
        let mut conn = PgConnection::connect(&provider::server()).await.unwrap();
        let drop = format!("DROP SCHEMA {schema} CASCADE");
        conn.execute(sqlx::raw_sql(AssertSqlSafe(drop))).await.unwrap();
        assert_eq!(after, before);
        assert!(counted);
    }
}
