//! Two processes of one node over PostgreSQL, both posted to: the one that collects is killed, and the other
//! answers for it.

#![expect(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

mod common;
#[path = "common/posting.rs"]
mod posting;
#[path = "common/services.rs"]
mod services;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use canon::NodeCode;
use common::{Service, fine, repository};
use posting::{DOCUMENTS, TOKEN, client, free_port, post_all, up};
use services::service;
use store::{PostgresStore, SharedStore, postgres};

/// Longest wait for the processes.
const LONGEST: Duration = Duration::from_secs(60);
const INSTANCES: [&str; 2] = ["a", "b"];

/// A schema of the shared server, gone at the end.
struct Schema {
    name: String,
    url: String,
}

impl Schema {
    fn new() -> Self {
        let url = service("TIERGATE_TEST_POSTGRES");
        Self { name: format!("tg_handover_{}", std::process::id()), url }
    }

    /// The address without the password, and the password.
    fn login(&self) -> (String, String) {
        let rest = self.url.strip_prefix("postgres://").unwrap();
        let (login, server) = rest.split_once('@').unwrap();
        let (user, password) = login.split_once(':').unwrap();
        (format!("postgres://{user}@{server}"), password.to_owned())
    }

    async fn store(&self) -> SharedStore {
        let (url, password) = self.login();
        let settings = postgres::Settings {
            url,
            password: Some(password),
            schema: self.name.clone(),
            connections: 2,
            tls: postgres::Tls::Disable,
            authority: None,
        };
        let store = PostgresStore::open_to_read(&settings).await.unwrap();
        store.identity(&NodeCode::new("town").unwrap()).await.unwrap()
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        let text = format!("DROP SCHEMA IF EXISTS {} CASCADE", self.name);
        let mut command = Command::new("psql");
        command.args([&*self.url, "-q", "-c", &text]).stderr(Stdio::null());
        assert!(command.status().is_ok_and(|s| s.success()), "{text}");
    }
}

/// The node's configuration for one of its processes: they differ in where they listen.
fn config(schema: &Schema, instance: &str, port: u16) -> String {
    let package = repository().join("adapters/licence_soap");
    let (url, _) = schema.login();
    format!(
        "version = 1\n\n[node]\ndata = \".\"\n\n[store]\nurl = \"{url}?schema={}\"\n\
         password = \"file:../town/db.password\"\ntls = \"disable\"\ninstance = \"{instance}\"\n\n[trust]\nanchors = [\"../ca/ca.pem\"]\n\n\
         [[identity]]\ncode = \"town\"\nenvironment = \"demo\"\nkey = \"file:../town/node.key\"\n\
         certificate = \"../town/node.pem\"\n\n[[link]]\nname = \"up\"\npeer = \"county\"\n\
         carrier = \"spool\"\nparent = true\n\n[link.spool]\nfolder = \"gate\"\nplain = \"this test\"\nreturn = \"none\"\n\n\
         [[route]]\ndestination = \"county\"\nformat = \"supervision/1\"\n\n\
         [listen]\naddress = \"127.0.0.1:{port}\"\n\n[[adapter]]\npackage = \"{}\"\n\
         destination = \"county\"\n\n[adapter.source]\npost = \"licences\"\n\
         token = \"file:../town/licences.token\"\n\n[limits]\nlease_ttl = \"1 s\"\n",
        schema.name,
        package.display()
    )
}

fn secret(path: PathBuf, text: &str) {
    std::fs::write(&path, text).unwrap();
    assert!(Command::new("chmod").arg("600").arg(&path).status().unwrap().success());
}

/// Which instance collects what is posted.
async fn holder(store: &SharedStore, of: &[&'static str]) -> &'static str {
    let began = Instant::now();
    loop {
        let rows = store.lease_rows().await.unwrap();
        // While one has no share yet, parts still change hands.
        let has = |name: &&str| {
            rows.iter().any(|r| r.holder == **name && !r.name.starts_with("instance/"))
        };
        let row = rows.iter().find(|row| row.name == "collect/licence_soap");
        let found = row.and_then(|row| of.iter().find(|name| **name == row.holder));
        if let Some(name) = found.filter(|_| of.iter().all(has)) {
            return name;
        }
        assert!(began.elapsed() < LONGEST, "nobody collects: {rows:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_killed_the_other_gives_the_same_answer_to_the_same_key() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let schema = Schema::new();
    let ports: BTreeMap<&str, u16> = INSTANCES.map(|name| (name, free_port())).into();
    common::prepare(dir, common::USUAL, &["town"], |_| config(&schema, "a", ports["a"]));
    secret(dir.join("town/licences.token"), TOKEN);
    secret(dir.join("town/db.password"), &schema.login().1);
    for name in INSTANCES {
        std::fs::create_dir(dir.join(name)).unwrap();
        let text = config(&schema, name, ports[name]);
        std::fs::write(dir.join(name).join("node.toml"), text).unwrap();
    }
    let checked = fine(dir, &["--json", "check", "config", "a/node.toml"]);
    assert_eq!(checked.json()["ok"], true, "{}", checked.out);
    let mut processes: BTreeMap<&str, Service> =
        INSTANCES.map(|name| (name, Service::start(dir, &[name]))).into();
    let client = client();
    for name in INSTANCES {
        up(&client, ports[name]).await;
    }
    let store = schema.store().await;
    let dies = holder(&store, &INSTANCES).await;
    let lives = INSTANCES.into_iter().find(|name| *name != dies).unwrap();

    // Both are posted to; the one that collects dies in the middle of it.
    let came = Arc::new(AtomicUsize::new(0));
    let posting = {
        let (client, came, port) = (client.clone(), Arc::clone(&came), ports[dies]);
        tokio::spawn(async move { post_all(&client, port, &came).await })
    };
    let began = Instant::now();
    while came.load(Ordering::Relaxed) < DOCUMENTS / 4 {
        assert!(began.elapsed() < LONGEST, "no answers come");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    drop(processes.remove(dies));
    let before = posting.await.unwrap();
    assert!(before.len() >= DOCUMENTS / 4);

    // The other one has the same answers at once, and collects what was left when the lease is over.
    let known: Vec<usize> = before.keys().copied().collect();
    let began = Instant::now();
    let after = loop {
        let after = post_all(&client, ports[lives], &came).await;
        for number in &known {
            let again = after.get(number);
            assert_eq!(again, before.get(number), "the same key, the same answer");
        }
        if after.len() == DOCUMENTS {
            break after;
        }
        assert!(began.elapsed() < LONGEST, "{} of {DOCUMENTS}", after.len());
    };
    assert!(after.values().all(|answer| answer.contains("<collected>1</collected>")));
    assert_eq!(holder(&store, &[lives]).await, lives);
    let status = store.status().await.unwrap();
    assert_eq!(status.places.iter().sum::<u64>(), DOCUMENTS as u64, "each was collected once");
    drop(processes);
}
