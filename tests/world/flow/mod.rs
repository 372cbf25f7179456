//! Tiers as processes of their own (`tiergate run`, one each) over a real broker and real stores:
//! what the fault tests do something to. Every flow ends with [`Flow::finish`] and its counters.

mod config;
mod counters;
mod processes;
mod shared;
mod source;
mod topology;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use envelope::EncryptionPair;
use store::sqlite::SqliteStore;
use store::{Place, PostgresStore, SharedStore, postgres};
use tempfile::TempDir;

use super::check;
use super::closed::known;
use super::process::{binary, now, secret};
use super::{Authority, TIERS, code};
pub use config::{Keeps, Login, Plan};
pub use counters::Counters;
pub use source::Origin;

/// Which flows there were in this process: each has names of its own on a shared broker.
static FLOWS: AtomicU32 = AtomicU32::new(0);

/// The program, built once for all tests of this process.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(binary)
}

/// Tiers, their folders and their processes.
pub struct Flow {
    folder: TempDir,
    plan: Plan,
    prefix: String,
    /// By tier and instance.
    processes: BTreeMap<(usize, usize), Child>,
    own_disk: Vec<bool>,
    fed: u32,
    files: u32,
    finished: bool,
}

impl Flow {
    /// Folders, keys and configurations. Nothing runs yet.
    pub async fn new(plan: Plan) -> Self {
        let number = FLOWS.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("fault-{}-{number}", std::process::id());
        let folder = tempfile::tempdir().expect("a folder");
        let processes = BTreeMap::new();
        let own_disk = vec![false; plan.tiers.len()];
        let flow =
            Self { folder, plan, prefix, processes, own_disk, fed: 0, files: 0, finished: false };
        flow.prepare();
        flow.prepare_sources().await;
        flow
    }

    fn prepare(&self) {
        let mut authority = Authority::new(now());
        let write = |path: PathBuf, text: &str| std::fs::write(path, text).expect("a file");
        write(self.folder.path().join("ca.pem"), &authority.pem());
        for at in 0..self.plan.tiers.len() {
            let folder = self.of(at);
            std::fs::create_dir_all(folder.join("drops")).expect("a folder");
            std::fs::create_dir_all(folder.join("data")).expect("a folder");
            let (key, certificate) = authority.identity(&code(self.name(at)), "99");
            write(folder.join("node.pem"), &certificate);
            secret(&folder.join("node.key"), &key);
            if self.closes(at) {
                let (key, certificate) = authority.encryption(&code(self.name(at)), "99");
                write(folder.join("encryption.pem"), &certificate);
                secret(&folder.join("encryption.key"), &key.0);
                let pair = EncryptionPair::from_pem(key, &certificate).expect("a pair");
                known(pair);
            }
            if let Keeps::Postgres(address) = &self.plan.keeps[at] {
                secret(&folder.join("db.password"), &address.password);
            }
            write(folder.join("node.toml"), &config::text(self, at));
        }
        self.log_in_by(&self.plan.login);
    }

    fn name(&self, at: usize) -> &'static str {
        TIERS[self.plan.tiers[at]]
    }

    /// The folder of a tier.
    pub fn of(&self, at: usize) -> PathBuf {
        self.folder.path().join(self.name(at))
    }

    /// The last tier's place in the plan.
    pub fn top(&self) -> usize {
        self.plan.tiers.len() - 1
    }

    /// Every configuration file.
    fn configs(&self) -> Vec<PathBuf> {
        (0..self.plan.tiers.len()).map(|at| self.of(at).join("node.toml")).collect()
    }

    /// The prefix of everything this flow has on the broker.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Runs a command of the program on every configuration, and gives what it said; fails if it does.
    #[track_caller]
    pub fn command(&self, words: &[&str]) -> String {
        self.ended(words, &[0])
    }

    /// What `tiergate status` says, whether something needs a person or not.
    #[track_caller]
    pub fn status(&self) -> String {
        self.ended(&["status"], &[0, 1])
    }

    #[track_caller]
    fn ended(&self, words: &[&str], codes: &[i32]) -> String {
        let mut command = Command::new(program());
        command.args(["--lang", "en"]).args(words).arg("--config").args(self.configs());
        let output = command.stdin(Stdio::null()).output().expect("the program");
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err, status) = (said(&output.stdout), said(&output.stderr), output.status);
        let fine = status.code().is_some_and(|code| codes.contains(&code));
        assert!(fine, "tiergate {words:?}: {status}\n{out}{err}");
        out
    }

    /// A tier's store beside its process, if it can be opened now.
    pub async fn store(&self, at: usize) -> Option<SharedStore> {
        let name = code(self.name(at));
        let address = match &self.plan.keeps[at] {
            Keeps::Postgres(address) => address,
            Keeps::Sqlite => {
                let store = SqliteStore::open_to_read(self.database(at)?).await.ok()?;
                return store.identity(&name).await.ok();
            }
        };
        let settings = postgres::Settings {
            url: address.to_string(),
            password: None,
            schema: config::schema(self.name(at)),
            connections: 2,
            tls: postgres::Tls::Disable,
            authority: None,
        };
        let store = PostgresStore::open_to_read(&settings).await.ok()?;
        store.identity(&name).await.ok()
    }

    /// The database file of a tier; one that only its process sees is copied. A copy that was torn
    /// is refused by the database itself, and the next one is better.
    fn database(&self, at: usize) -> Option<PathBuf> {
        let folder = self.data(at);
        if !self.own_disk[at] {
            return Some(folder.join("node.db"));
        }
        let copy = self.of(at).join("copy");
        if copy.exists() {
            std::fs::remove_dir_all(&copy).expect("the copy");
        }
        std::fs::create_dir(&copy).expect("a folder");
        for name in ["node.db", "node.db-wal"] {
            std::fs::copy(folder.join(name), copy.join(name)).ok()?;
        }
        Some(copy.join("node.db"))
    }

    async fn stores(&self) -> Option<Vec<SharedStore>> {
        let mut stores = Vec::new();
        for at in 0..self.plan.tiers.len() {
            stores.push(self.store(at).await?);
        }
        Some(stores)
    }

    /// Records of a tier in a place now; `None` while its store cannot be asked.
    pub async fn count(&self, at: usize, place: Place) -> Option<u64> {
        let status = self.store(at).await?.status().await.ok()?;
        Some(status.places[place as usize])
    }

    /// Why envelopes of a tier are where they are: stable codes.
    pub async fn reasons(&self, at: usize) -> BTreeSet<String> {
        let Some(store) = self.store(at).await else { return BTreeSet::new() };
        check::sent(&store).await.into_iter().filter_map(|envelope| envelope.reason).collect()
    }

    /// Records the province keeps now.
    pub async fn kept(&self) -> u64 {
        match self.store(self.top()).await {
            Some(store) => store.status().await.map_or(0, |status| status.kept),
            None => 0,
        }
    }

    /// Waits until something holds; fails after `longest` with what it waited for.
    pub async fn until<F: AsyncFnMut(&Self) -> bool>(
        &self,
        what: &str,
        longest: Duration,
        mut holds: F,
    ) {
        let begun = Instant::now();
        while !holds(self).await {
            assert!(
                begun.elapsed() < longest,
                "not within {longest:?}: {what}\n{}",
                self.told().await
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until at least so many records are kept at the province.
    pub async fn until_kept(&self, records: u64, longest: Duration) {
        self.until(&format!("{records} records kept"), longest, async |flow| {
            flow.kept().await >= records
        })
        .await;
    }

    /// Waits until every record is accepted, everywhere, and nothing moves.
    pub async fn until_settled(&self, longest: Duration) {
        self.until("everything settled", longest, async |flow| flow.settled().await).await;
    }

    async fn settled(&self) -> bool {
        if self.count(0, Place::Accepted).await != Some(self.attempted()) {
            return false;
        }
        let Some(stores) = self.stores().await else { return false };
        for store in stores {
            let Ok(status) = store.status().await else { return false };
            let to_write: u64 = status.adapters.iter().map(|a| a.write_backs).sum();
            if status.inbox + status.control_queued + to_write > 0 {
                return false;
            }
        }
        true
    }

    /// Everything one wants to read when a flow does not come to its end.
    pub async fn told(&self) -> String {
        let mut told = format!("attempted {}\n", self.attempted());
        for at in 0..self.plan.tiers.len() {
            let status = match self.store(at).await {
                Some(store) => format!("{:?}", store.status().await),
                None => "no store".to_owned(),
            };
            told += &format!("{}: {status}\n", self.name(at));
            for instance in 0..self.plan.instances {
                told += &format!("{}\n", self.said_by(at, instance));
            }
        }
        told
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        // No process is left behind, whatever the test did.
        for mut child in std::mem::take(&mut self.processes).into_values() {
            let ended = child.kill().and_then(|()| child.wait());
            assert!(ended.is_ok() || std::thread::panicking(), "a process that cannot be ended");
        }
        let checked = self.finished || std::thread::panicking();
        assert!(checked, "a flow must end with `finish`: nothing was checked");
    }
}
