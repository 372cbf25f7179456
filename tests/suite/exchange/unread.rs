//! Every file that a relay owns, searched for an id number: its store, both sides of its gate, its archive.
//! Where bodies are closed it is nowhere, also where the relay would keep a copy and has no key; where they go
//! in the clear the same search finds it everywhere.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bus::spool::{Form, Settings};
use canon::DigestAlg;
use envelope::Cipher;
use exchange::Worker as _;
use exchange::archive::{Archive, Terms, Vault};
use exchange::config::Treatment;
use store::Place;
use tests::world::gated::{DAY, Gated};
use tests::world::input::{ID, cases};
use tests::world::search::{files, in_database, in_files};
use tests::world::stores::Sqlite;
use tests::world::{CITY, Setup, TIERS, TOWN, World};

/// A folder on disk.
struct Folder(PathBuf);

impl Vault for Folder {
    fn put(&mut self, name: &str, bytes: &[u8]) -> Result<(), String> {
        std::fs::write(self.0.join(name), bytes).map_err(|e| e.to_string())
    }

    fn get(&self, name: &str) -> Result<Vec<u8>, String> {
        std::fs::read(self.0.join(name)).map_err(|e| e.to_string())
    }
}

/// Where the number was found at the city: columns of its store, files of its gate.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    columns: Vec<String>,
    gate: Vec<PathBuf>,
    elsewhere: Vec<PathBuf>,
}

async fn look(world: &mut World, kept: &Path, archive: &Path) -> Found {
    let name = TIERS[CITY];
    let gate = world.gate().folder(CITY).out().parent().expect("its folder").to_owned();
    assert!(!files(&gate).is_empty(), "something lies at the gate");
    // The store's own files too, with its log.
    let of_store = |path: &PathBuf| path.to_string_lossy().contains(name);
    let mut elsewhere: Vec<_> = in_files(kept, ID).into_iter().filter(of_store).collect();
    elsewhere.extend(in_files(archive, ID));
    let columns = in_database(&kept.join(format!("{name}.sqlite")), ID).await;
    Found { columns, gate: in_files(&gate, ID), elsewhere }
}

/// What the search finds while the gate above the city stands, and after the day was archived.
async fn found(closed: Option<&'static [usize]>, form: Form, rests: bool) -> [Found; 2] {
    let (kept, archive) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let gated = Gated::above(CITY);
    let settings = Settings { form, ..gated.settings.clone() };
    let gated = Gated { settings, closes: rests, ..gated };
    let city = Treatment::Keep;
    let setup = Setup { gated: Some(gated), closed, city, ..Setup::default() };
    let mut world = World::four_tiers(Box::new(Sqlite::at(kept.path())), setup).await;
    world.gate().up = false;
    world.drop_lines("a.csv", &cases(1..=3));
    world.quiet().await;
    let standing = look(&mut world, kept.path(), archive.path()).await;
    world.gate().up = true;
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 6);
    world.later(2 * DAY).await;
    let closes = rests.then(|| (world.reader(CITY), Cipher::Aes256Gcm));
    let (alg, sinks) = (DigestAlg::Sha256, Vec::new());
    let rows = exchange::archive::ARCHIVE_ROWS_MAX;
    let terms = Terms { keep: DAY, file_bytes: 1 << 20, alg, sinks, rows, closes };
    let vault = Box::new(Folder(archive.path().to_owned()));
    let mut worker = Archive::new(Arc::clone(&world.nodes[CITY].node), vault, terms);
    while worker.run_once(world.now).await.unwrap().more {}
    let after = look(&mut world, kept.path(), archive.path()).await;
    world.finish().await;
    [standing, after]
}

#[tokio::test]
async fn what_is_closed_lies_nowhere_at_a_relay() {
    for form in [Form::Zst, Form::Zip, Form::Xml] {
        for found in found(Some(&[]), form, false).await {
            assert_eq!(found, Found::default(), "{form:?}");
        }
    }
}

#[tokio::test]
async fn the_same_search_finds_what_goes_in_the_clear() {
    for form in [Form::Zst, Form::Zip, Form::Xml] {
        let [standing, after] = found(None, form, false).await;
        assert!(!standing.columns.is_empty(), "{form:?}: {standing:?}");
        assert!(!standing.gate.is_empty(), "{form:?}: {standing:?}");
        let archived = |path: &PathBuf| path.to_string_lossy().ends_with(".tga.zst");
        assert!(after.elsewhere.iter().any(archived), "{form:?}: {after:?}");
    }
}

/// On a route in the clear the relay's own store has it. What it lays down for others, and what it archives, has
/// not.
#[tokio::test]
async fn files_of_a_gate_and_of_the_archive_are_closed_by_themselves() {
    for form in [Form::Zst, Form::Zip] {
        for found in found(None, form, true).await {
            assert!(!found.columns.is_empty(), "{form:?}: the store");
            assert!(found.gate.is_empty(), "{form:?}: {found:?}");
            let archived = |path: &PathBuf| path.to_string_lossy().contains(".tga");
            assert!(!found.elsewhere.iter().any(archived), "{form:?}: {found:?}");
        }
    }
}
