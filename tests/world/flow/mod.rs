//! Tiers as processes of their own (`tiergate run`, one each) over a real broker and real stores:
//! what the fault tests do something to. Every flow ends with [`Flow::finish`] and its counters.

mod config;
mod counters;
mod topology;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use store::sqlite::SqliteStore;
use store::{Place, PostgresStore, SharedStore, postgres};
use tempfile::TempDir;

use super::check;
use super::input;
use super::process::{binary, now, sample_lines, secret};
use super::{Authority, TIERS, code};
pub use config::{Keeps, Login, Plan};
pub use counters::Counters;

/// Records that one row of the township's source gives.
const RECORDS: u64 = 4;
/// How long a process may take to say that it runs.
const START: Duration = Duration::from_secs(30);

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
    processes: Vec<Option<Child>>,
    own_disk: Vec<bool>,
    fed: u32,
    files: u32,
    finished: bool,
}

impl Flow {
    /// Folders, keys and configurations; declares the topology if `declared`. Nothing runs yet.
    pub fn new(plan: Plan) -> Self {
        let number = FLOWS.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("fault-{}-{number}", std::process::id());
        let folder = tempfile::tempdir().expect("a folder");
        let processes = plan.tiers.iter().map(|_| None).collect();
        let own_disk = vec![false; plan.tiers.len()];
        let flow =
            Self { folder, plan, prefix, processes, own_disk, fed: 0, files: 0, finished: false };
        flow.prepare();
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
        let mut command = Command::new(program());
        command.args(["--lang", "en"]).args(words).arg("--config").args(self.configs());
        let output = command.stdin(Stdio::null()).output().expect("the program");
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (said(&output.stdout), said(&output.stderr));
        assert!(output.status.success(), "tiergate {words:?}: {}\n{out}{err}", output.status);
        out
    }

    /// Starts a tier's process and waits until it says that it runs.
    pub fn start(&mut self, at: usize) {
        self.start_through(at, &[]);
    }

    /// As [`Self::start`], by a command that becomes the program.
    pub fn start_through(&mut self, at: usize, before: &[&str]) {
        assert!(self.processes[at].is_none(), "{} runs already", self.name(at));
        let log = std::fs::File::create(self.log(at)).expect("a file");
        let mut words: Vec<&std::ffi::OsStr> = before.iter().map(AsRef::as_ref).collect();
        words.push(program().as_os_str());
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).args(["--lang", "en", "run", "--config"]);
        command.arg(self.of(at).join("node.toml")).stdin(Stdio::null());
        command.stdout(log.try_clone().expect("a file")).stderr(log);
        self.processes[at] = Some(command.spawn().expect("the program starts"));
        self.says(at, "is running");
    }

    /// As [`Self::start`], with the data folder on a small disk of its own, which only the process
    /// sees and which is gone with it.
    pub fn start_on_own_disk(&mut self, at: usize, size: &str) {
        let mount = format!("mount -t tmpfs -o size={size} tmpfs \"$0\" && exec \"$@\"");
        let data = self.of(at).join("data");
        let data = data.to_str().expect("UTF-8");
        // In a user namespace whoever calls may mount.
        self.start_through(at, &["unshare", "-r", "-m", "sh", "-c", &mount, data]);
        self.own_disk[at] = true;
    }

    /// The data folder of a tier, as its process sees it.
    pub fn data(&self, at: usize) -> PathBuf {
        let folder = self.of(at).join("data");
        let Some(child) = self.processes[at].as_ref().filter(|_| self.own_disk[at]) else {
            return folder;
        };
        let seen = folder.strip_prefix("/").expect("an absolute path");
        Path::new("/proc").join(child.id().to_string()).join("root").join(seen)
    }

    /// Starts every tier.
    pub fn start_all(&mut self) {
        for at in 0..self.plan.tiers.len() {
            self.start(at);
        }
    }

    fn log(&self, at: usize) -> PathBuf {
        self.of(at).join("log")
    }

    /// What a tier's process said so far.
    pub fn said(&self, at: usize) -> String {
        std::fs::read_to_string(self.log(at)).unwrap_or_default()
    }

    /// Waits until a tier's process has said something; it must live that long.
    #[track_caller]
    pub fn says(&mut self, at: usize, words: &str) {
        let begun = Instant::now();
        while !self.said(at).contains(words) {
            let child = self.processes[at].as_mut().expect("it was started");
            let ended = child.try_wait().expect("a child");
            let said = || format!("`{words}` in what {} says:\n{}", self.name(at), self.said(at));
            assert!(ended.is_none(), "it ended ({ended:?}) without {}", said());
            assert!(begun.elapsed() < START, "no {}", said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// SIGKILL for a tier's process.
    pub fn kill(&mut self, at: usize) {
        let mut child = self.processes[at].take().expect("it was started");
        let ended = child.try_wait().expect("a child");
        assert!(ended.is_none(), "{} ended by itself: {}", self.name(at), self.said(at));
        child.kill().expect("a child");
        child.wait().expect("a child");
    }

    /// A file of so many rows more at the township.
    pub fn feed(&mut self, rows: u32) {
        let sample = sample_lines();
        let mut text = format!("\u{feff}{}\r\n", sample[0]);
        for _ in 0..rows {
            self.fed += 1;
            text += &sample[1].replacen("99010320140919000001", &input::case(self.fed), 1);
            text += "\r\n";
        }
        self.files += 1;
        let folder = self.of(0).join("drops");
        let part = folder.join("part");
        std::fs::write(&part, text).expect("the drop folder");
        std::fs::rename(part, folder.join(format!("window-{}.csv", self.files))).expect("a file");
    }

    /// Records given to the source so far.
    pub fn attempted(&self) -> u64 {
        u64::from(self.fed) * RECORDS
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
            if status.inbox + status.control_queued > 0 {
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
            told += &format!("{}: {status}\n{}\n", self.name(at), self.said(at));
        }
        told
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        // No process is left behind, whatever the test did.
        for mut child in self.processes.iter_mut().filter_map(Option::take) {
            let ended = child.kill().and_then(|()| child.wait());
            assert!(ended.is_ok() || std::thread::panicking(), "a process that cannot be ended");
        }
        let checked = self.finished || std::thread::panicking();
        assert!(checked, "a flow must end with `finish`: nothing was checked");
    }
}
