//! A real `tiergate run` process of four nodes that is killed again and again, and the sources it
//! reads; afterwards every record must be accounted for.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use canon::Millis;
use edge::legacy_db::{Cell, LegacyDb};
use store::sqlite::SqliteStore;
use store::{Place, SharedStore};
use tempfile::TempDir;

use super::check::{Books, Left};
use super::input::{self, BAD_ID, ID, UNIT};
use super::{Authority, COUNTY, PROVINCE, TIERS, TOWN, code, root};

/// How long the last run may take to bring everything to its end.
const LAST_RUN: Duration = Duration::from_secs(60);
/// Longest time from the start to a kill, beside the start itself.
const LONGEST: u64 = 900;
/// Rows of a township file; one of them is wrong.
const ROWS: u32 = 4;
/// Cases entered into the county's database before each start.
const CASES: u32 = 3;

const LIMITS: &str = r#"
[limits]
seal_delay = "50 ms"
envelope_records_max = 7
retry_min = "100 ms"
retry_max = "1 s"
receipt_overdue = "1 s"
inquiry_interval = "1 s"
gap_grace = "1 s"
lease_ttl = "1 s"
"#;

/// Kills a running process so often, at moments drawn from `seed`, and checks everything.
pub async fn killed(kills: u32, seed: u64) {
    let binary = binary();
    let mut chance = Chance(seed);
    let mut scene = Scene::new();
    scene.prepare().await;
    for _ in 0..kills {
        scene.feed().await;
        let mut process = Process::start(&binary, scene.folder.path());
        // One in four dies while it starts.
        if !chance.below(4).is_multiple_of(4) {
            process.is_running();
        }
        std::thread::sleep(Duration::from_millis(chance.below(LONGEST)));
        process.kill();
    }
    let mut last = Process::start(&binary, scene.folder.path());
    last.is_running();
    let begun = Instant::now();
    while !scene.is_done().await {
        assert!(begun.elapsed() < LAST_RUN, "not done: {}", scene.told().await);
        std::thread::sleep(Duration::from_millis(200));
    }
    last.kill();
    scene.check().await;
}

/// A generator that is small and repeats itself for a seed.
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) const fn below(&mut self, n: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// Builds the program where this test's own executable was built: same folder, same profile. After
/// a build or a test of the whole workspace with all features it is there already, and cargo sees so.
pub fn binary() -> PathBuf {
    let test = std::env::current_exe().expect("this test");
    let profile = test.parent().and_then(Path::parent).expect("target/PROFILE/deps/test");
    let target = profile.parent().expect("target");
    let mut build = Command::new(env!("CARGO"));
    // What cargo tells a test of its package is part of what some build scripts watch (ring's): it
    // would make cargo build half of the tree anew, here and at the next call outside.
    for (name, _) in std::env::vars_os() {
        let told =
            ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];
        if told.iter().any(|begin| name.to_string_lossy().starts_with(begin)) {
            build.env_remove(name);
        }
    }
    build.current_dir(root()).env("CARGO_TARGET_DIR", target);
    build.args(["build", "--quiet", "--locked", "--workspace", "--all-features"]);
    build.args(["--bin", "tiergate"]);
    if profile.ends_with("release") {
        build.arg("--release");
    }
    let built = build.status().expect("cargo");
    assert!(built.success(), "the program builds");
    profile.join("tiergate")
}

/// The process of four nodes.
struct Process {
    child: Child,
}

impl Process {
    fn start(binary: &Path, folder: &Path) -> Self {
        let mut command = Command::new(binary);
        command.args(["--lang", "en", "run", "--config"]);
        command.args(TIERS.map(|tier| folder.join(tier).join("node.toml")));
        command.stdout(Stdio::piped()).stdin(Stdio::null());
        Self { child: command.spawn().expect("the program starts") }
    }

    /// Reads until all four nodes say that they run.
    fn is_running(&mut self) {
        let out = self.child.stdout.take().expect("its standard output");
        let mut lines = BufReader::new(out).lines();
        for _ in TIERS {
            let line = lines.next().expect("it says that it runs").expect("text");
            assert!(line.contains("running"), "{line}");
        }
    }

    /// SIGKILL.
    fn kill(&mut self) {
        if let Some(ended) = self.child.try_wait().expect("a child") {
            panic!("it ended by itself: {ended}");
        }
        self.child.kill().expect("a child");
        self.child.wait().expect("a child");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A failed test leaves no process behind; one that is dead already cannot be killed.
        if self.child.kill().is_ok() {
            self.child.wait().expect("a child");
        }
    }
}

/// The four nodes' folders, and what was given to their sources.
struct Scene {
    folder: TempDir,
    rows: u32,
    bad: u32,
    cases: u32,
}

impl Scene {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), rows: 0, bad: 0, cases: 0 }
    }

    fn of(&self, tier: usize) -> PathBuf {
        self.folder.path().join(TIERS[tier])
    }

    fn legacy(&self) -> PathBuf {
        self.of(COUNTY).join("legacy.db")
    }

    async fn prepare(&self) {
        let mut authority = Authority::new(now());
        let write = |path: PathBuf, text: &str| std::fs::write(path, text).expect("a file");
        write(self.folder.path().join("ca.pem"), &authority.pem());
        for (tier, name) in TIERS.iter().enumerate() {
            let folder = self.of(tier);
            std::fs::create_dir_all(folder.join("drops")).expect("a folder");
            let (key, certificate) = authority.identity(&code(name), "99");
            write(folder.join("node.pem"), &certificate);
            secret(&folder.join("node.key"), &key);
            write(folder.join("node.toml"), &config(tier));
        }
        county_database(&self.legacy()).await;
    }

    /// One more file at the township, some more cases at the county.
    async fn feed(&mut self) {
        let mut text = String::from("\u{feff}");
        text.push_str(&sample_lines()[0]);
        text.push_str("\r\n");
        for _ in 0..ROWS {
            self.rows += 1;
            let bad = self.rows.is_multiple_of(ROWS);
            self.bad += u32::from(bad);
            let line =
                sample_lines()[1].replacen("99010320140919000001", &input::case(self.rows), 1);
            let line = if bad { line.replacen(ID, BAD_ID, 1) } else { line };
            text.push_str(&line);
            text.push_str("\r\n");
        }
        let (folder, name) = (self.of(TOWN).join("drops"), format!("window-{}.csv", self.rows));
        let part = folder.join("part");
        std::fs::write(&part, text).expect("the drop folder");
        std::fs::rename(part, folder.join(name)).expect("the drop folder");
        let mut db = LegacyDb::open(&self.legacy()).await.expect("the database");
        for _ in 0..CASES {
            self.cases += 1;
            let number = input::case(500_000 + self.cases);
            insert(&mut db, "approval_case", input::county_case(&number, ID, now())).await;
            insert(&mut db, "approval_step", input::county_step(&number)).await;
        }
        db.commit().await.expect("rows");
    }

    /// The stores as they stand, beside the process.
    async fn stores(&self) -> Option<Vec<SharedStore>> {
        let mut stores = Vec::new();
        for (tier, name) in TIERS.iter().enumerate() {
            let store = SqliteStore::open_to_read(self.of(tier).join("node.db")).await.ok()?;
            stores.push(store.identity(&code(name)).await.ok()?);
        }
        Some(stores)
    }

    fn expected(&self) -> [(usize, Place, u64); 4] {
        let (rows, bad, cases) = (u64::from(self.rows), u64::from(self.bad), u64::from(self.cases));
        [
            (TOWN, Place::Accepted, 4 * (rows - bad)),
            (TOWN, Place::Quarantined, bad),
            (TOWN, Place::Waiting, 3 * bad),
            (COUNTY, Place::Accepted, 2 * cases),
        ]
    }

    /// Whether everything is where it belongs and nothing moves any more.
    async fn is_done(&self) -> bool {
        let Some(stores) = self.stores().await else { return false };
        for (tier, place, count) in self.expected() {
            let status = stores[tier].status().await.expect("status");
            if status.places[place as usize] != count {
                return false;
            }
        }
        for store in &stores {
            let status = store.status().await.expect("status");
            if status.inbox + status.control_queued > 0 {
                return false;
            }
        }
        let status = stores[COUNTY].status().await.expect("status");
        status.adapters.iter().all(|a| a.write_backs == 0)
    }

    async fn told(&self) -> String {
        let mut told = format!("{:?}", self.expected());
        for store in self.stores().await.unwrap_or_default() {
            let status = store.status().await.expect("status");
            write!(told, "\n{status:?}").expect("a string");
        }
        told
    }

    /// S1 to S4, S6, S9, and every row of every source.
    async fn check(&self) {
        let stores = self.stores().await.expect("four stores");
        for (tier, place, count) in self.expected() {
            let status = stores[tier].status().await.expect("status");
            assert_eq!(status.places[place as usize], count, "{place} at tier {tier}");
        }
        for n in 1..=self.rows {
            let expected =
                if n.is_multiple_of(ROWS) { Place::Quarantined } else { Place::Accepted };
            assert_eq!(
                application(&stores[TOWN], &input::case(n)).await,
                Some(expected),
                "row {n}"
            );
        }
        let mut db = LegacyDb::open(&self.legacy()).await.expect("the database");
        for n in 1..=self.cases {
            let number = input::case(500_000 + n);
            assert_eq!(application(&stores[COUNTY], &number).await, Some(Place::Accepted));
            let flag = db.cell("approval_case", "sync_flag", ("case_id", &number)).await;
            assert_eq!(flag.expect("a cell").as_deref(), Some("1"), "written back");
        }
        db.commit().await.expect("closed");
        let kept = stores[PROVINCE].status().await.expect("status").kept;
        let accepted: u64 =
            self.expected().iter().filter(|e| e.1 == Place::Accepted).map(|e| e.2).sum();
        assert_eq!(kept, accepted, "what is kept is what was accepted");
        let books = Books {
            stores,
            codes: TIERS.iter().map(|t| code(t)).collect(),
            senders: [TOWN, COUNTY].into(),
            now: now(),
        };
        // The children of a quarantined application wait at the township, and nowhere else.
        let waiting = u64::from(3 * self.bad);
        books
            .hold_of(|tier| Left {
                waiting: if tier == TOWN { waiting } else { 0 },
                ..Left::default()
            })
            .await;
    }
}

/// Where the first version of an application is.
async fn application(store: &SharedStore, number: &str) -> Option<Place> {
    let key = canon::Key::new(UNIT, &[number]);
    let id = canon::RecordId { kind: "SB".into(), key, version: 1 };
    store.place(&id, &super::live().destination).await.expect("place")
}

/// The county's database, empty.
pub(super) async fn county_database(path: &Path) {
    let ddl = ["schema.sql", "trigger.sql"]
        .map(|name| root().join("adapters/county_approval").join(name))
        .map(|path| std::fs::read_to_string(path).expect("the county's tables"))
        .concat();
    let db = LegacyDb::create(path, &ddl).await.expect("a database");
    db.commit().await.expect("a database");
}

pub(super) async fn insert(db: &mut LegacyDb, table: &str, cells: Vec<(&'static str, String)>) {
    let (columns, row): (Vec<&str>, Vec<Cell>) =
        cells.into_iter().map(|(column, text)| (column, Some(Cow::Owned(text)))).unzip();
    db.insert(table, &columns, vec![row]).await.expect("a row");
}

/// The header and the first row of the township's sample.
pub fn sample_lines() -> Vec<String> {
    let path = root().join("adapters/township_window/samples/ordinary/input.csv");
    let bytes = std::fs::read(path).expect("the sample");
    let (text, _, _) = encoding_rs::GB18030.decode(&bytes);
    text.lines().take(2).map(str::to_owned).collect()
}

pub(super) fn now() -> Millis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    Millis(since.as_millis() as i64)
}

/// A key that only its owner may read.
pub(super) fn secret(path: &Path, text: &str) {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut f| f.write_all(text.as_bytes())).expect("a key file");
}

fn config(tier: usize) -> String {
    let mut text = format!(
        "version = 1\n\n[node]\ntitle = \"test\"\ndata = \".\"\n\n[store]\nurl = \"sqlite:node.db\"\n\n\
         [trust]\nanchors = [\"../ca.pem\"]\n\n[[identity]]\ncode = \"{}\"\nenvironment = \"demo\"\n\
         key = \"file:node.key\"\ncertificate = \"node.pem\"\n",
        TIERS[tier]
    );
    let mut add = |more: String| text.push_str(&more);
    if let Some(up) = TIERS.get(tier + 1) {
        add(format!(
            "\n[[link]]\nname = \"up\"\npeer = \"{up}\"\ncarrier = \"local\"\nparent = true\n"
        ));
    }
    if let Some(down) = tier.checked_sub(1) {
        let beneath = &TIERS[..down];
        let peer = TIERS[down];
        add(format!(
            "\n[[link]]\nname = \"down\"\npeer = \"{peer}\"\ncarrier = \"local\"\nbeneath = {beneath:?}\n"
        ));
    }
    let package = match tier {
        TOWN => "township_window",
        COUNTY => "county_approval",
        _ => return text + LIMITS,
    };
    let folder = root().join("adapters").join(package);
    let source = match tier {
        TOWN => "folder = \"drops\"\nsettle = \"0 s\"",
        _ => "database = \"sqlite:legacy.db\"\noverlap = \"1 min\"",
    };
    add(format!(
        "\n[[route]]\ndestination = \"province\"\nformat = \"supervision/1\"\n\n[[adapter]]\n\
         package = \"{}\"\ndestination = \"province\"\ninterval = \"100 ms\"\n\n[adapter.source]\n{source}\n",
        folder.display()
    ));
    text + LIMITS
}
