//! Closed windows go to archive files in a chain, later their bytes leave the store: nothing that is open, and
//! nothing that the file, read back, does not have.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex};

use canon::{DigestAlg, EnvelopeId};
use envelope::archive::{self as file, Archive as File, Chain};
use envelope::{Cipher, Readers};
use exchange::Worker;
use exchange::archive::{self, Archive, StampFuture, Stamper, State, Terms, Vault};
use store::Place;
use tests::world::carrier::{Rule, Trick};
use tests::world::input::cases;
use tests::world::{PROVINCE, Setup, TIERS, TOWN, When, World, code};

const DAY: i64 = 86_400_000;

/// A folder that can fail and be changed from outside.
#[derive(Clone, Default)]
struct Folder {
    files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    full: Arc<Mutex<bool>>,
}

impl Vault for Folder {
    fn put(&mut self, name: &str, bytes: &[u8]) -> Result<(), String> {
        if *self.full.lock().unwrap() {
            return Err("no space left on device".into());
        }
        match self.files.lock().unwrap().entry(name.into()) {
            Entry::Vacant(free) => drop(free.insert(bytes.into())),
            Entry::Occupied(there) if there.get() == bytes => {}
            Entry::Occupied(_) => {
                return Err(format!("{name}: another file of that name is there"));
            }
        }
        Ok(())
    }

    fn get(&self, name: &str) -> Result<Vec<u8>, String> {
        self.files.lock().unwrap().get(name).cloned().ok_or_else(|| format!("{name}: not there"))
    }
}

impl Folder {
    /// Sequences of the envelopes in all files.
    fn sequences(&self) -> Vec<u64> {
        let files = self.files.lock().unwrap();
        let mut found = Vec::new();
        for bytes in files.values() {
            let entries = File::read(bytes).unwrap().table.entries;
            let ids = entries.iter().filter_map(|e| envelope::parse_envelope_id(&e.id));
            found.extend(ids.map(|id| id.sequence));
        }
        found.sort_unstable();
        found
    }

    fn chain(&self) -> Chain {
        let mut chain = Chain::default();
        let files = self.files.lock().unwrap();
        for (name, bytes) in files.iter().filter(|(name, _)| !name.ends_with(".tsr")) {
            chain.walk(bytes).unwrap_or_else(|broken| panic!("{name}: {broken}"));
        }
        chain
    }
}

fn terms(sinks: &[&str]) -> Terms {
    let sinks = sinks.iter().map(|s| (*s).to_owned()).collect();
    let (alg, closes) = (DigestAlg::Sha256, None);
    let rows = archive::ARCHIVE_ROWS_MAX;
    Terms { keep: 7 * DAY, file_bytes: 1 << 20, alg, sinks, rows, closes }
}

fn worker(world: &World, tier: usize, folder: &Folder, sinks: &[&str]) -> Archive {
    Archive::new(Arc::clone(&world.nodes[tier].node), Box::new(folder.clone()), terms(sinks))
}

async fn run(worker: &mut Archive, world: &World) -> u64 {
    let mut done = 0;
    for _ in 0..20 {
        let progress = worker.run_once(world.now).await.unwrap();
        done += progress.done;
        if !progress.more {
            return done;
        }
    }
    panic!("it never came to rest");
}

async fn state(world: &World, tier: usize) -> State {
    archive::state(world.store(tier)).await.unwrap()
}

async fn days(world: &mut World, n: i64) {
    world.now = world.now.plus(n * DAY);
    world.quiet().await;
}

async fn sent(world: &World, tier: usize) -> Vec<EnvelopeId> {
    let side = if tier == TOWN { store::ArchiveSide::Own } else { store::ArchiveSide::Received };
    let rows = world.store(tier).archive_rows(side, 0, &[], 100).await.unwrap();
    rows.into_iter().map(|row| row.id).collect()
}

async fn archived_and_purged(tier: usize, sinks: &[&str]) {
    let mut world = super::world_of(Setup::default()).await;
    world.drop_lines("a.csv", &cases(1..=3));
    world.quiet().await;
    let folder = Folder::default();
    let mut archive = worker(&world, tier, &folder, sinks);
    let ids = sent(&world, tier).await;
    assert_eq!(run(&mut archive, &world).await, 0, "the day is not over");
    assert!(folder.files.lock().unwrap().is_empty() && !ids.is_empty());
    let kept = world.store(tier).frames(&ids[0]).await.unwrap().unwrap();

    days(&mut world, 1).await;
    let mut archive = worker(&world, tier, &folder, sinks);
    assert_eq!(run(&mut archive, &world).await, ids.len() as u64);
    let chain = folder.chain();
    assert_eq!((chain.envelopes, chain.receipts), (ids.len() as u64, ids.len() as u64));
    let head = chain.head(DigestAlg::Sha256).unwrap().1.to_string();
    assert_eq!(state(&world, tier).await.head, Some(head));
    assert!(world.store(tier).frames(&ids[0]).await.unwrap().is_some(), "not yet");

    let hops_before = world.store(tier).standing("hop/").await.unwrap().len();
    // The checkers read the bytes, so they come before these go.
    world.finish().await;
    world.now = world.now.plus(7 * DAY);
    let mut archive = worker(&world, tier, &folder, sinks);
    run(&mut archive, &world).await;
    let after = state(&world, tier).await;
    assert_eq!((after.released, &after.trouble), (1, &None));
    assert!(after.released_bytes > 0);
    for id in &ids {
        assert!(world.store(tier).frames(id).await.unwrap().is_none());
    }
    let hops = world.store(tier).standing("hop/").await.unwrap();
    assert_eq!((hops, hops_before > 0), (vec![], tier == TOWN));
    // An auditor's question is answered from the file.
    let seen = archive::files_of(world.store(tier), &ids[0]).await.unwrap().remove(0);
    let bytes = folder.get(&seen.name).unwrap();
    let file = File::read(&bytes).unwrap();
    assert_eq!(file.find(&ids[0]).unwrap().envelope, &*kept.frame);
    assert_eq!(world.count(TOWN, Place::Accepted).await, 6);
}

#[tokio::test]
async fn a_senders_closed_window_is_archived_and_its_bytes_leave_the_store_later() {
    archived_and_purged(TOWN, &[]).await;
}

#[tokio::test]
async fn so_is_what_a_receiver_judged_once_its_sink_has_it() {
    archived_and_purged(PROVINCE, &["files"]).await;
}

/// Files for these readers, until bytes are due to leave the store.
async fn closed(readers: impl Fn(&mut World) -> Readers) -> (World, Folder, Archive) {
    let mut world = super::world_of(Setup { closed: Some(&[]), ..Setup::default() }).await;
    world.drop_lines("a.csv", &cases(1..=2));
    world.quiet().await;
    days(&mut world, 1).await;
    let folder = Folder::default();
    let closes = Some((readers(&mut world), Cipher::Sm4Gcm));
    let terms = Terms { closes, ..terms(&[]) };
    let node = Arc::clone(&world.nodes[TOWN].node);
    let mut archive = Archive::new(node, Box::new(folder.clone()), terms);
    assert!(run(&mut archive, &world).await > 0);
    world.finish().await;
    world.now = world.now.plus(7 * DAY);
    (world, folder, archive)
}

#[tokio::test]
async fn closed_files_are_walked_without_a_key_and_read_with_it() {
    let (world, folder, mut archive) = closed(|world| world.own_reader(TOWN)).await;
    let ids = sent(&world, TOWN).await;
    let walked = folder.chain();
    assert_eq!((walked.files, walked.unread, walked.envelopes), (1, 1, ids.len() as u64));
    assert_eq!(walked.receipts, ids.len() as u64);
    let opens = &*world.nodes[TOWN].node.opens;
    let bytes = folder.files.lock().unwrap().values().next().unwrap().clone();
    let mut chain = Chain::default();
    chain.walk_with(&bytes, opens).unwrap();
    assert_eq!((chain.files, chain.unread), (1, 0));
    let kept = world.store(TOWN).frames(&ids[0]).await.unwrap().unwrap();
    let clear = file::clear(&bytes, opens).unwrap().unwrap();
    assert_eq!(File::read(&clear).unwrap().find(&ids[0]).unwrap().envelope, &*kept.frame);
    run(&mut archive, &world).await;
    assert_eq!(state(&world, TOWN).await.released, 1);
    assert!(world.store(TOWN).frames(&ids[0]).await.unwrap().is_none());
}

#[tokio::test]
async fn what_only_a_lost_key_opens_is_not_purged() {
    let (world, _, mut archive) = closed(|world| world.reader(TOWN)).await;
    let ids = sent(&world, TOWN).await;
    let failed = archive.run_once(world.now).await.unwrap_err();
    assert!(failed.to_string().contains("does not open with the keys"), "{failed}");
    assert_eq!(state(&world, TOWN).await.released, 0);
    assert!(world.store(TOWN).frames(&ids[0]).await.unwrap().is_some(), "nothing is purged");
}

#[tokio::test]
async fn what_is_not_final_is_in_no_file_until_it_is() {
    let mut world = super::world_of(Setup::default()).await;
    let folder = Folder::default();
    let mut archive = worker(&world, TOWN, &folder, &[]);
    world.bus.cut(&code(TIERS[TOWN]), true);
    world.drop_lines("a.csv", &cases(1..=2));
    world.pass(2_000).await;
    world.now = world.now.plus(DAY);
    assert_eq!(run(&mut archive, &world).await, 0);
    assert_eq!(state(&world, TOWN).await.open.len(), 1, "passed, and remembered");
    world.bus.cut(&code(TIERS[TOWN]), false);
    world.heal().await;
    world.drop_lines("b.csv", &cases(3..=4));
    world.quiet().await;
    world.now = world.now.plus(DAY);
    assert_eq!(run(&mut archive, &world).await, 2);
    let after = state(&world, TOWN).await;
    assert!(after.open.is_empty() && after.number == 1, "{after:?}");
    assert_eq!(folder.chain().envelopes, 2);
    world.heal().await;
    world.finish().await;
}

#[tokio::test]
async fn many_open_envelopes_do_not_stand_before_what_is_closed() {
    let mut world = super::world_of(Setup::default()).await;
    let folder = Folder::default();
    let small = |world: &World| {
        let node = Arc::clone(&world.nodes[TOWN].node);
        Archive::new(node, Box::new(folder.clone()), Terms { rows: 1, ..terms(&[]) })
    };
    // Two of them, one more than a turn looks at, are lost on their way; the third is answered.
    for n in 1..=3 {
        if n < 3 {
            world.bus.rule(Rule::next("records", Trick::Lose).from("town-1"));
        }
        world.drop_lines(&format!("{n}.csv"), &cases([n]));
        world.pass(1_500).await;
    }
    world.pass(2_500).await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 2);
    world.now = world.now.plus(DAY);
    for _ in 0..4 {
        run(&mut small(&world), &world).await;
    }
    assert_eq!(state(&world, TOWN).await.open.len(), 2);
    assert_eq!(folder.sequences(), [3], "what came after them is in a file");
    world.heal().await;
    for _ in 0..3 {
        run(&mut small(&world), &world).await;
    }
    assert_eq!(state(&world, TOWN).await.open.len(), 0);
    assert_eq!(folder.sequences(), [1, 2, 3], "and so are they once they are answered");
    world.finish().await;
}

#[tokio::test]
async fn nothing_is_purged_without_its_audit_line() {
    let mut world = super::world_of(Setup::default()).await;
    world.drop_lines("a.csv", &cases(1..=2));
    world.quiet().await;
    let folder = Folder::default();
    days(&mut world, 1).await;
    assert!(run(&mut worker(&world, TOWN, &folder, &[]), &world).await > 0);
    world.finish().await;
    world.now = world.now.plus(7 * DAY);
    world.faults.fail(&code(TIERS[TOWN]), "audit", 0, 1, When::Before);
    assert!(worker(&world, TOWN, &folder, &[]).run_once(world.now).await.is_err());
    run(&mut worker(&world, TOWN, &folder, &[]), &world).await;
    assert_eq!(state(&world, TOWN).await.released, 1);
    let audited = world.audited(TOWN).await;
    let told: Vec<_> = audited.iter().filter(|(action, _)| action == "archive.purged").collect();
    assert_eq!(told.len(), 1);
    assert!(told[0].1.starts_with("1 envelopes; sha256:"), "{told:?}");
}

#[tokio::test]
async fn a_full_disk_or_a_changed_file_stops_purging_and_says_so() {
    let mut world = super::world_of(Setup::default()).await;
    world.drop_lines("a.csv", &cases(1..=2));
    world.quiet().await;
    let ids = sent(&world, TOWN).await;
    let folder = Folder::default();
    let mut archive = worker(&world, TOWN, &folder, &[]);
    *folder.full.lock().unwrap() = true;
    days(&mut world, 1).await;
    let failed = archive.run_once(world.now).await.unwrap_err();
    assert!(failed.to_string().contains("no space left"), "{failed}");
    assert!(state(&world, TOWN).await.trouble.unwrap().contains("no space left"));
    *folder.full.lock().unwrap() = false;
    let mut archive = worker(&world, TOWN, &folder, &[]);
    assert!(run(&mut archive, &world).await > 0);
    assert_eq!(state(&world, TOWN).await.trouble, None);

    days(&mut world, 7).await;
    folder.files.lock().unwrap().values_mut().for_each(|bytes| *bytes.last_mut().unwrap() ^= 1);
    let mut archive = worker(&world, TOWN, &folder, &[]);
    assert!(archive.run_once(world.now).await.is_err());
    assert_eq!(state(&world, TOWN).await.released, 0);
    assert!(world.store(TOWN).frames(&ids[0]).await.unwrap().is_some(), "nothing is purged");
    world.finish().await;
}

#[tokio::test]
async fn what_a_sink_was_not_given_stays() {
    let mut world = super::world_of(Setup::default()).await;
    world.drop_lines("a.csv", &cases(1..=2));
    world.quiet().await;
    let folder = Folder::default();
    days(&mut world, 1).await;
    let mut archive = worker(&world, PROVINCE, &folder, &["files", "another"]);
    assert!(run(&mut archive, &world).await > 0);
    days(&mut world, 8).await;
    let mut archive = worker(&world, PROVINCE, &folder, &["files", "another"]);
    run(&mut archive, &world).await;
    assert_eq!(state(&world, PROVINCE).await.released, 0);
    world.finish().await;
}

/// OpenSSL as a time-stamping authority, which may be down.
#[derive(Clone)]
struct Authority {
    dir: Arc<tempfile::TempDir>,
    down: Arc<Mutex<bool>>,
}

impl Authority {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).display().to_string();
        std::fs::write(dir.path().join("serial"), "01\n").unwrap();
        let text = format!(
            "[tsa]\ndefault_tsa = it\n[it]\nserial = {}\nsigner_digest = sha256\ndefault_policy = 1.2.3.4.1\ndigests = sha256\ness_cert_id_alg = sha256\n",
            at("serial")
        );
        std::fs::write(dir.path().join("ts.cnf"), text).unwrap();
        let (key, pem) = (at("tsa.key"), at("tsa.pem"));
        openssl(&[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=Test TSA",
            "-addext",
            "extendedKeyUsage=critical,timeStamping",
            "-keyout",
            &key,
            "-out",
            &pem,
        ]);
        Self { dir: Arc::new(dir), down: Arc::default() }
    }
}

fn openssl(args: &[&str]) {
    let said = std::process::Command::new("openssl").args(args).output();
    let said = said.expect("openssl: apt-get install openssl");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
}

impl Stamper for Authority {
    fn ask(&self, question: Vec<u8>) -> StampFuture<'_> {
        Box::pin(async move {
            if *self.down.lock().unwrap() {
                return Err("connection refused".to_owned());
            }
            let at = |name: &str| self.dir.path().join(name).display().to_string();
            std::fs::write(self.dir.path().join("q"), question).unwrap();
            let (config, query, pem) = (at("ts.cnf"), at("q"), at("tsa.pem"));
            let (key, out) = (at("tsa.key"), at("r"));
            openssl(&[
                "ts",
                "-reply",
                "-config",
                &config,
                "-section",
                "it",
                "-queryfile",
                &query,
                "-signer",
                &pem,
                "-inkey",
                &key,
                "-out",
                &out,
            ]);
            Ok(std::fs::read(out).unwrap())
        })
    }
}

#[tokio::test]
async fn the_head_is_stamped_and_while_the_authority_is_down_the_archive_goes_on() {
    let mut world = super::world_of(Setup::default()).await;
    let (folder, authority) = (Folder::default(), Authority::new());
    let stamped =
        |world: &World| worker(world, TOWN, &folder, &[]).stamped_by(Box::new(authority.clone()));
    *authority.down.lock().unwrap() = true;
    for n in 1..=2 {
        world.drop_lines(&format!("{n}.csv"), &cases([n]));
        world.quiet().await;
        days(&mut world, 1).await;
        run(&mut stamped(&world), &world).await;
    }
    let gap = state(&world, TOWN).await;
    assert_eq!((gap.number, gap.stamped), (2, 0), "the archive goes on");
    let (since, why) = gap.unstamped.unwrap();
    assert!(why.contains("refused") && since < world.now, "{why}");

    *authority.down.lock().unwrap() = false;
    run(&mut stamped(&world), &world).await;
    let after = state(&world, TOWN).await;
    assert_eq!((after.stamped, &after.unstamped), (2, &None), "one stamp closes the gap");
    let head = after.head.unwrap();
    let name = folder.files.lock().unwrap().keys().find(|n| n.ends_with(".tsr")).unwrap().clone();
    let answer = authority.dir.path().join("kept.tsr");
    std::fs::write(&answer, folder.get(&name).unwrap()).unwrap();
    let (answer, pem) = (answer.display().to_string(), authority.dir.path().join("tsa.pem"));
    let (hex, pem) = (head.trim_start_matches("sha256:"), pem.display().to_string());
    openssl(&["ts", "-verify", "-digest", hex, "-in", &answer, "-CAfile", &pem]);

    // It died between the file and the state: what lies there is the timestamp, not in its way.
    let whole = state(&world, TOWN).await;
    let lost = State { stamped: 0, stamped_at: None, ..whole.clone() };
    let text = serde_json::to_string(&lost).unwrap();
    world.store(TOWN).stand("archive/state", Some(&text), world.now).await.unwrap();
    world.now = world.now.plus(60_000);
    run(&mut stamped(&world), &world).await;
    assert_eq!(state(&world, TOWN).await, whole);
    world.finish().await;
}
