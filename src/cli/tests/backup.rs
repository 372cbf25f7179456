//! Backup and restore with the built program: of a node at work, over each store; killed in the middle;
//! torn and altered files; keys under a passphrase.

#![expect(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

mod common;
#[path = "common/services.rs"]
mod services;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use common::{Said, Service, fine, program, repository, tiergate};
use serde_json::Value;
use services::service;

/// Longest wait for the processes.
const LONGEST: Duration = Duration::from_secs(90);
/// Records of a row in a file of the township's.
const RECORDS: u64 = 4;
/// Number of the case in the first row of the sample.
const CASE: u128 = 99_010_320_140_919_000_001;

/// Where the township keeps its facts: the lines below `[store]`.
trait Keep {
    fn lines(&self, place: &str) -> String;
}

struct Files;

impl Keep for Files {
    fn lines(&self, place: &str) -> String {
        format!("url = \"sqlite:{place}.db\"")
    }
}

/// Schemas of the shared server, gone at the end.
struct Schemas {
    names: String,
    server: String,
    password: String,
    dir: PathBuf,
}

impl Schemas {
    fn new(dir: &Path) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let url = service("TIERGATE_TEST_POSTGRES");
        let (login, server) = url.strip_prefix("postgres://").unwrap().split_once('@').unwrap();
        let (user, password) = login.split_once(':').unwrap();
        let nth = NEXT.fetch_add(1, Ordering::Relaxed);
        Self {
            names: format!("b{}_{nth}", std::process::id()),
            server: format!("{user}@{server}"),
            password: password.to_owned(),
            dir: dir.to_owned(),
        }
    }
}

impl Keep for Schemas {
    fn lines(&self, place: &str) -> String {
        std::fs::write(self.dir.join("db.password"), &self.password).unwrap();
        restrict(&self.dir.join("db.password"));
        format!(
            "url = \"postgres://{}?schema={}_{place}\"\npassword = \"file:../db.password\"\n\
             tls = \"disable\"",
            self.server, self.names
        )
    }
}

impl Drop for Schemas {
    fn drop(&mut self) {
        let (login, database) = self.server.split_once('/').unwrap();
        let url = format!("postgres://{login}/{database}");
        for place in ["node", "second", "third"] {
            let text = format!("DROP SCHEMA IF EXISTS {}_{place} CASCADE", self.names);
            let mut psql = Command::new("psql");
            psql.args(["-q", "-c", &text, &url]).env("PGPASSWORD", &self.password);
            let done = psql.env("PGOPTIONS", "-c client_min_messages=error").status();
            assert!(done.expect("psql comes with the server").success());
        }
    }
}

fn restrict(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn config(node: &str, store: &str) -> String {
    let common = format!(
        "version = 1\n\n[node]\ndata = \".\"\n\n[store]\n{store}\n\n[trust]\n\
         anchors = [\"../ca/ca.pem\"]\n\n[[identity]]\ncode = \"{node}\"\nenvironment = \"demo\"\n\
         key = \"file:node.key\"\ncertificate = \"node.pem\"\n\n[limits]\nseal_delay = \"50 ms\"\n\
         lease_ttl = \"1 s\"\nenvelope_records_max = 40\n"
    );
    if node == "county" {
        return common + "\n[[link]]\nname = \"down\"\npeer = \"town\"\ncarrier = \"local\"\n";
    }
    let package = repository().join("adapters/township_window");
    format!(
        "{common}\n[[link]]\nname = \"up\"\npeer = \"county\"\ncarrier = \"local\"\nparent = true\n\n\
         [[route]]\ndestination = \"county\"\nformat = \"supervision/1\"\n\n[[adapter]]\n\
         package = \"{}\"\ndestination = \"county\"\ninterval = \"100 ms\"\n\n[adapter.source]\n\
         folder = \"drops\"\nsettle = \"0 s\"\n",
        package.display()
    )
}

/// A township and its county.
struct Scene<'k> {
    dir: PathBuf,
    keep: &'k dyn Keep,
    rows: u64,
    files: u32,
}

impl<'k> Scene<'k> {
    fn new(dir: &Path, keep: &'k dyn Keep) -> Self {
        common::prepare(dir, common::USUAL, &["town", "county"], |node| match node {
            "town" => config(node, &keep.lines("node")),
            _ => config(node, &Files.lines("node")),
        });
        Self { dir: dir.to_owned(), keep, rows: 0, files: 0 }
    }

    /// One more file at the township's window.
    fn drop_rows(&mut self, rows: u64) {
        let sample = repository().join("adapters/township_window/samples/ordinary/input.csv");
        let bytes = std::fs::read(sample).unwrap();
        let (text, _, _) = encoding_rs::GB18030.decode(&bytes);
        let lines: Vec<&str> = text.lines().take(2).collect();
        let mut text = format!("\u{feff}{}\r\n", lines[0]);
        for _ in 0..rows {
            self.rows += 1;
            let number = (CASE + u128::from(self.rows)).to_string();
            text += &lines[1].replacen(&CASE.to_string(), &number, 1);
            text += "\r\n";
        }
        self.files += 1;
        let part = self.dir.join("town/drops/part");
        std::fs::write(&part, text).unwrap();
        let name = format!("window-{}.csv", self.files);
        std::fs::rename(part, self.dir.join("town/drops").join(name)).unwrap();
    }

    fn run(&self) -> Service {
        Service::start(&self.dir, &["town", "county"])
    }

    fn status(&self, node: &str) -> Value {
        let config = format!("{node}/node.toml");
        let said = tiergate(&self.dir, &["status", "--json", "--config", &config]);
        // Without a store yet it says why, and has no such node.
        if said.out.is_empty() { Value::Null } else { said.json()["nodes"][0]["status"].clone() }
    }

    /// Records of the township that the county accepted.
    fn accepted(&self) -> u64 {
        self.status("town")["places"][5].as_u64().unwrap_or(0)
    }

    fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let begun = Instant::now();
        while !is_so() {
            let (town, county) = (self.status("town"), self.status("county"));
            assert!(begun.elapsed() < LONGEST, "never: {what}\n{town}\n{county}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn all_accepted(&self) {
        self.until("all is accepted", || self.accepted() == self.rows * RECORDS);
        assert_eq!(self.status("county")["kept"].as_u64(), Some(self.rows * RECORDS));
    }

    fn backup(&self, more: &[&str]) -> Said {
        let args = ["backup", "--config", "town/node.toml", "--to", "town.backup"];
        tiergate(&self.dir, &[&args[..], more].concat())
    }

    /// The township's machine is another one from now on.
    fn moves_to(&self, place: &str) {
        let text = config("town", &self.keep.lines(place));
        std::fs::write(self.dir.join("town/node.toml"), text).unwrap();
    }

    fn restore(&self, more: &[&str]) -> Said {
        let args = ["node", "restore", "--config", "town/node.toml", "--who", "op-01"];
        tiergate(&self.dir, &[&args[..], more].concat())
    }
}

fn verify(dir: &Path, file: &str) -> Said {
    tiergate(dir, &["backup", "verify", file])
}

/// Backed up while it works, lost, restored in another place: everything is there once, and it goes
/// on.
fn at_work(dir: &Path, keep: &dyn Keep) {
    let mut scene = Scene::new(dir, keep);
    scene.drop_rows(20);
    let service = scene.run();
    scene.until("something is accepted", || scene.accepted() > 0);
    for _ in 0..10 {
        scene.drop_rows(30);
    }
    let said = scene.backup(&[]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert!(scene.accepted() < scene.rows * RECORDS, "it was still at work");
    let sound = verify(dir, "town.backup");
    assert_eq!(sound.code, 0, "{}", sound.err);
    assert!(sound.out.contains("whole") && sound.out.contains("town (1)"), "{}", sound.out);
    scene.all_accepted();
    let refused = scene.restore(&["--from", "town.backup", "--replace"]);
    assert_ne!(refused.code, 0, "its service runs: {}", refused.out);
    drop(service);

    // What stands in the way is named; what is restored goes into the new place.
    let refused = scene.restore(&["--from", "town.backup"]);
    scene.until("the old service's lease is over", || {
        !scene.restore(&["--from", "town.backup"]).err.contains("works for")
    });
    assert_eq!(refused.code, 2, "{}", refused.err);
    let refused = scene.restore(&["--from", "town.backup"]);
    assert!(refused.err.contains("is there already"), "{}", refused.err);
    scene.moves_to("second");
    let said = scene.restore(&["--from", "town.backup"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert!(said.out.contains("town: epoch "), "{}", said.out);
    let _service = scene.run();
    scene.drop_rows(5);
    scene.all_accepted();
}

#[test]
fn a_node_at_work_is_backed_up_and_goes_on_elsewhere_over_sqlite() {
    let dir = tempfile::tempdir().unwrap();
    at_work(dir.path(), &Files);
}

#[test]
fn a_node_at_work_is_backed_up_and_goes_on_elsewhere_over_postgresql() {
    let dir = tempfile::tempdir().unwrap();
    let schemas = Schemas::new(dir.path());
    at_work(dir.path(), &schemas);
}

/// Kills a backup at moments between its beginning and its end.
fn killed(dir: &Path, keep: &dyn Keep) {
    let mut scene = Scene::new(dir, keep);
    scene.drop_rows(200);
    let service = scene.run();
    scene.all_accepted();
    drop(service);
    let begun = Instant::now();
    assert_eq!(scene.backup(&[]).code, 0);
    let whole = begun.elapsed();
    let bytes = std::fs::read(dir.join("town.backup")).unwrap();
    std::fs::remove_file(dir.join("town.backup")).unwrap();
    let mut killed = 0;
    for nth in 1..10 {
        let args = ["backup", "--config", "town/node.toml", "--to", "town.backup"];
        let mut backup = program(dir, &args).stdout(Stdio::null()).spawn().unwrap();
        std::thread::sleep(whole * nth / 10);
        backup.kill().unwrap();
        backup.wait().unwrap();
        if dir.join("town.backup").exists() {
            // It was quicker than the first one: then it is whole.
            assert_eq!(verify(dir, "town.backup").code, 0);
            std::fs::remove_file(dir.join("town.backup")).unwrap();
            continue;
        }
        killed += 1;
        for left in ["town.backup", "town.backup.part", "town.backup.image"] {
            assert_ne!(verify(dir, left).code, 0, "{left} after {nth} tenths");
        }
    }
    assert!(killed >= 3, "{killed} were killed before they were done");
    // What they left is in nobody's way.
    assert_eq!(scene.backup(&[]).code, 0);
    assert_eq!(verify(dir, "town.backup").code, 0);
    assert!(!dir.join("town.backup.part").exists() && !dir.join("town.backup.image").exists());
    if bytes.len() > 1 {
        torn(dir, &bytes);
    }
}

/// Cut anywhere, altered anywhere: refused, in words.
fn torn(dir: &Path, whole: &[u8]) {
    let refused = |bytes: &[u8], what: &str| {
        std::fs::write(dir.join("torn"), bytes).unwrap();
        let said = verify(dir, "torn");
        assert_eq!(said.code, 1, "{what}: {}{}", said.out, said.err);
        assert!(said.err.contains("torn is no whole backup: "), "{what}: {}", said.err);
        assert!(said.err.contains("take another one"), "{what}: {}", said.err);
        assert!(!dir.join("torn.verify").exists(), "what was unpacked is gone");
    };
    for tenth in 0..10 {
        let at = whole.len() * tenth / 10;
        refused(&whole[..at], "cut");
        let mut altered = whole.to_vec();
        altered[at] ^= 0x20;
        refused(&altered, "altered");
    }
    refused(&whole[..whole.len() - 1], "without its last byte");
    refused(b"not a backup", "something else");
    std::fs::write(dir.join("whole"), whole).unwrap();
    assert_eq!(verify(dir, "whole").code, 0);
}

#[test]
fn a_backup_killed_in_the_middle_leaves_nothing_that_verifies_over_sqlite() {
    let dir = tempfile::tempdir().unwrap();
    killed(dir.path(), &Files);
}

#[test]
fn a_backup_killed_in_the_middle_leaves_nothing_that_verifies_over_postgresql() {
    let dir = tempfile::tempdir().unwrap();
    let schemas = Schemas::new(dir.path());
    killed(dir.path(), &schemas);
}

/// A backup packed anew around one file that is not what its manifest says.
#[test]
fn a_file_that_is_not_what_the_manifest_says_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let mut scene = Scene::new(dir, &Files);
    scene.drop_rows(1);
    let service = scene.run();
    scene.all_accepted();
    drop(service);
    assert_eq!(scene.backup(&[]).code, 0);
    let whole = zstd::Decoder::new(std::fs::File::open(dir.join("town.backup")).unwrap()).unwrap();
    let packed = std::fs::File::create(dir.join("packed")).unwrap();
    let mut packed = tar::Builder::new(zstd::Encoder::new(packed, 1).unwrap());
    for entry in tar::Archive::new(whole).entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut bytes).unwrap();
        let mut header = entry.header().clone();
        if entry.path().unwrap() == Path::new("node.toml") {
            bytes.extend_from_slice(b"# somebody's\n");
        }
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        packed.append(&header, bytes.as_slice()).unwrap();
    }
    packed.into_inner().unwrap().finish().unwrap();
    let said = verify(dir, "packed");
    assert_eq!(said.code, 1);
    assert!(said.err.contains("`node.toml` was altered or cut short"), "{}", said.err);
    let said = tiergate(dir, &["--lang", "zh", "backup", "verify", "packed"]);
    assert!(said.err.contains("不是完整的备份"), "{}", said.err);
    scene.moves_to("second");
    let said = scene.restore(&["--from", "packed"]);
    assert_eq!(said.code, 1, "{}", said.err);
    assert!(!dir.join("town/second.db").exists() && !dir.join("town/second.db.part").exists());
}

#[test]
fn keys_in_a_backup_are_under_a_passphrase_or_said_to_be_in_the_clear() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let mut scene = Scene::new(dir, &Files);
    scene.drop_rows(1);
    let service = scene.run();
    scene.all_accepted();
    drop(service);
    let said = scene.backup(&["--with-keys"]);
    assert!(said.out.contains("in the clear (mode 0600)"), "{}{}", said.out, said.err);
    std::fs::remove_file(dir.join("town.backup")).unwrap();
    let said = scene.backup(&["--with-keys", "--passphrase", "horse"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("file:PATH or env:NAME"), "{}", said.err);
    std::fs::write(dir.join("horse"), "correct horse\n").unwrap();
    let said = scene.backup(&["--with-keys", "--passphrase", "file:horse"]);
    assert!(said.out.contains("under the passphrase"), "{}{}", said.out, said.err);

    let key = std::fs::read_to_string(dir.join("town/node.key")).unwrap();
    std::fs::remove_file(dir.join("town/node.key")).unwrap();
    scene.moves_to("second");
    let said = scene.restore(&["--from", "town.backup"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("name its passphrase with --passphrase"), "{}", said.err);
    std::fs::write(dir.join("wrong"), "wrong horse").unwrap();
    let said = scene.restore(&["--from", "town.backup", "--passphrase", "file:wrong"]);
    assert!(said.err.contains("does not open with this passphrase"), "{}", said.err);
    assert!(!dir.join("town/second.db").exists(), "nothing was restored");
    let said = scene.restore(&["--from", "town.backup", "--passphrase", "file:horse"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert_eq!(std::fs::read_to_string(dir.join("town/node.key")).unwrap().trim(), key.trim());
    fine(dir, &["keys", "show", "town/node.pem", "--key", "town/node.key"]);
    let _service = scene.run();
    scene.drop_rows(1);
    scene.all_accepted();
}
