//! A gate between two tiers of a story: files through a courier that halves, doubles, renames, mixes
//! up, delays and drops, or rows of an exchange table.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bus::spool::disk::{self, Ends, Exported, Imported};
use bus::spool::{Closing, Exchange, Folder, Item, LIST_MAX, Settings, SpoolBus, SpoolLink};
use bus::{Bus, BusError, BusFuture, Switch};
use canon::NodeCode;
use edge::exchange_table::{ExchangeTable, TableError};
use envelope::{Cipher, EncryptionPair, KeyRing, Reader, Readers};
use exchange::config::Back;
use exchange::{Link, Way};
use ring::rand::SystemRandom;

use super::{Carrier, TIERS, World, code};

/// A gate above this tier.
#[derive(Clone, Debug)]
pub struct Gated {
    /// The lower of the two.
    pub tier: usize,
    /// How both sides write and wait.
    pub settings: Settings,
    /// How an answer comes back to the lower one.
    pub back: Back,
    /// Rows of a table instead of files.
    pub table: bool,
    /// One in so many files is treated badly; 0 is none.
    pub trouble: u64,
    /// At most so many are dropped.
    pub drops: u32,
    /// Seed of the courier.
    pub seed: u64,
    /// Files are encrypted for who is on the other side.
    pub closes: bool,
}

impl Gated {
    /// An honest gate above a tier.
    pub fn above(tier: usize) -> Self {
        let none = std::time::Duration::ZERO;
        let settings = Settings { patience: none, poll: none, ..Settings::default() };
        let (back, table, trouble, drops, seed) = (Back::Gate, false, 0, 0, 7);
        Self { tier, settings, back, table, trouble, drops, seed, closes: false }
    }

    /// What the links at both ends say.
    pub(super) fn link(&self, tier: usize, link: &mut Link) {
        if !self.ends(tier, &link.peer) {
            return;
        }
        let back = if tier == self.tier { self.back } else { Back::Gate };
        link.overdue = Some(7 * DAY);
        link.way = Way { grace: Some(DAY), inquiry: Some(DAY), back };
    }

    fn ends(&self, tier: usize, peer: &NodeCode) -> bool {
        let other = if tier == self.tier { self.tier + 1 } else { self.tier };
        (tier == self.tier || tier == self.tier + 1) && code(TIERS[other]) == *peer
    }
}

/// One day of the given clock, ms.
pub const DAY: i64 = 86_400_000;

/// The gate at work.
pub struct Courier {
    gated: Gated,
    base: PathBuf,
    chance: u64,
    count: u64,
    /// Files go up.
    pub up: bool,
    /// Files come down.
    pub down: bool,
    /// What was dropped so far.
    pub dropped: u32,
    /// The pairs of the lower and the upper side, if files are encrypted for them.
    pub(super) pairs: Option<[EncryptionPair; 2]>,
}

impl Courier {
    pub(super) fn new(gated: Gated, base: &Path) -> Self {
        let down = gated.back == Back::Gate;
        let (chance, base) = (gated.seed, base.join("gate"));
        std::fs::create_dir_all(&base).expect("a folder");
        Self { gated, base, chance, count: 0, up: true, down, dropped: 0, pairs: None }
    }

    /// For whom a side writes, and what opens what it is brought.
    fn closing(&self, tier: usize) -> Closing {
        let Some([low, high]) = &self.pairs else { return Closing::none() };
        let (own, peer) = if tier == self.gated.tier { (low, high) } else { (high, low) };
        let reader = Reader::from_der(&peer.chain[0]).expect("a certificate for encryption");
        let readers = Readers::new(vec![reader], SystemRandom::new());
        let opens = Arc::new(KeyRing::new(vec![own.clone()]));
        Closing { readers: Some((readers, Cipher::Sm4Gcm)), opens }
    }

    /// The lower tier of the gate, if its files are encrypted.
    pub(super) fn closes(&self) -> Option<usize> {
        self.gated.closes.then_some(self.gated.tier)
    }

    fn side(&self, tier: usize) -> PathBuf {
        self.base.join(TIERS[tier])
    }

    /// The folders of one side.
    pub fn folder(&self, tier: usize) -> Folder {
        Folder::beside(&self.side(tier), None, None).expect("folders")
    }

    /// Everything is carried as it should be from now on.
    pub fn calm(&mut self) {
        self.gated.trouble = 0;
    }

    /// The carrier of one tier: files or rows at the gate, the story's carrier elsewhere.
    pub(super) fn bus(&self, tier: usize, others: &Arc<Carrier>) -> Arc<dyn Bus> {
        let lower = tier == self.gated.tier;
        let peer = match () {
            () if lower => tier + 1,
            () if tier == self.gated.tier + 1 => self.gated.tier,
            () => return Arc::clone(others) as Arc<dyn Bus>,
        };
        let (node, peer) = (code(TIERS[tier]), code(TIERS[peer]));
        let exchange: Arc<dyn Exchange> = if self.gated.table {
            let (out, incoming) = if lower { ("t_up", "t_down") } else { ("t_down", "t_up") };
            let (database, own) = (self.base.join("exchange.db"), node.as_str());
            Arc::new(Rows(ExchangeTable::new(&database, out, incoming, own, peer.as_str())))
        } else {
            Arc::new(Folder::open(&self.side(tier), None, None).expect("folders"))
        };
        let settings = self.gated.settings.clone();
        let closing = self.closing(tier);
        let spool = SpoolLink { node, peer: peer.clone(), settings, closing, exchange };
        let mut switch = Switch::new();
        switch.add(Arc::clone(others) as Arc<dyn Bus>, TIERS.iter().map(|t| code(t)));
        switch.add(Arc::new(SpoolBus::new(vec![spool])), [peer]);
        switch.into_bus()
    }

    /// Carries what lies at both sides.
    pub(super) fn carry(&mut self) {
        if self.gated.table {
            // Both sides' tables are one: a gate that keeps two databases alike.
            return;
        }
        let (low, high) = (self.gated.tier, self.gated.tier + 1);
        if self.up {
            self.way(low, high);
        }
        if self.down {
            self.way(high, low);
        }
    }

    fn way(&mut self, from: usize, to: usize) {
        let (from, to) = (self.side(from).join("out"), self.side(to).join("in"));
        let mut names = names(&from);
        for at in (1..names.len()).rev() {
            let other = self.below(at as u64 + 1) as usize;
            names.swap(at, other);
        }
        for name in names {
            self.file(&from.join(&name), &to, &name);
        }
    }

    fn file(&mut self, from: &Path, to: &Path, name: &str) {
        self.count += 1;
        let bytes = std::fs::read(from).expect("an outgoing file");
        let write = |name: &str, bytes: &[u8]| std::fs::write(to.join(name), bytes).expect("in/");
        let trouble = self.gated.trouble;
        let trick = if trouble > 0 && self.below(trouble) == 0 { self.below(5) } else { 9 };
        match trick {
            0 if self.dropped < self.gated.drops => self.dropped += 1,
            // The rest comes with the next round.
            1 => return write(name, &bytes[..bytes.len() / 2]),
            2 => {
                write(name, &bytes);
                write(&format!("副本-{}-{name}", self.count), &bytes);
            }
            3 => write(&format!("新建文件 ({}).DAT", self.count), &bytes),
            4 => return,
            _ => write(name, &bytes),
        }
        std::fs::remove_file(from).expect("an outgoing file");
    }

    const fn below(&mut self, n: u64) -> u64 {
        self.chance = self
            .chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.chance >> 33) % n
    }

    /// What still lies on a side, `in` or `out`.
    pub fn lies(&self, tier: usize, folder: &str) -> Vec<String> {
        names(&self.side(tier).join(folder))
    }

    /// The place of a disk that a person carries.
    pub fn disk(&self) -> PathBuf {
        self.base.join("disk")
    }
}

/// Names without those that begin with a dot, sorted.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let names = entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names
}

impl World {
    /// The gate of this story.
    pub fn gate(&mut self) -> &mut Courier {
        self.courier.as_mut().expect("a story with a gate")
    }

    /// Lets a time pass in which nobody looks, then turns until nothing is done.
    pub async fn later(&mut self, ms: i64) {
        self.now = self.now.plus(ms);
        self.quiet().await;
    }

    /// A person carries what lies at a tier's gate onto the disk.
    pub fn export(&mut self, tier: usize) -> Exported {
        self.export_at_most(tier, u64::MAX)
    }

    /// As [`World::export`], onto a disk of so many bytes.
    pub fn export_at_most(&mut self, tier: usize, max_bytes: u64) -> Exported {
        let other = if tier == self.gate().gated.tier { tier + 1 } else { tier - 1 };
        let ends = Ends { own: code(TIERS[tier]), peer: code(TIERS[other]) };
        let (folder, place) = (self.gate().folder(tier), self.gate().disk());
        disk::export(&folder, &place, &ends, self.signer(tier), max_bytes, self.now)
            .expect("the disk takes it")
    }

    /// And from the disk to a tier.
    pub fn import(&mut self, tier: usize) -> Imported {
        let other = if tier == self.gate().gated.tier { tier + 1 } else { tier - 1 };
        let ends = Ends { own: code(TIERS[tier]), peer: code(TIERS[other]) };
        let (folder, place) = (self.gate().folder(tier), self.gate().disk());
        disk::import(&folder, &place, &ends, &self.trust, self.now).expect("the disk is read")
    }
}

/// Rows of an exchange table, as the carrier sees them.
struct Rows(ExchangeTable);

fn failed(error: TableError) -> BusError {
    BusError::Unavailable(error.to_string())
}

impl Exchange for Rows {
    fn put(&self, files: Vec<(String, Vec<u8>)>) -> BusFuture<'_, ()> {
        Box::pin(async move { self.0.put(&files).await.map_err(failed) })
    }

    fn waiting(&self) -> BusFuture<'_, u64> {
        Box::pin(async move { self.0.waiting().await.map_err(failed) })
    }

    fn list(&self) -> BusFuture<'_, Vec<Item>> {
        Box::pin(async move {
            let rows = self.0.list(LIST_MAX).await.map_err(failed)?;
            let item = |(name, size)| Item { name, size, stamp: u128::from(size), plain: true };
            Ok(rows.into_iter().map(item).collect())
        })
    }

    fn read<'a>(&'a self, name: &'a str, max: usize) -> BusFuture<'a, Option<Vec<u8>>> {
        Box::pin(async move { self.0.read(name, max).await.map_err(failed) })
    }

    fn finish(&self, names: Vec<String>) -> BusFuture<'_, ()> {
        Box::pin(async move { self.0.finish(&names).await.map_err(failed) })
    }

    fn set_aside<'a>(&'a self, name: &'a str) -> BusFuture<'a, ()> {
        Box::pin(async move { self.0.set_aside(name).await.map_err(failed) })
    }
}
