//! What the carrier of files does whatever a gate does to them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use canon::{EnvelopeId, Lane, NodeCode};
use tempfile::TempDir;

use super::*;
use crate::{Bus, Condition, Confirmation, Delivery, Parcel};

mod contract;
mod courier;
mod crashes;
mod forms;
mod hostile;
mod names;

fn node(code: &str) -> NodeCode {
    NodeCode::new(code).expect("a legal code")
}

/// A parcel from `a` to `b` with a frame that differs from any other's.
fn parcel(lane: Lane, sequence: u64) -> Parcel {
    let route = "b|supervision/1|ecdsa-p256-sha256|live".parse().expect("a legal route");
    let frame: Vec<u8> =
        (0..3_000_u64).map(|n| (n.wrapping_mul(sequence + 7) >> 3) as u8).collect();
    Parcel {
        from: node("a"),
        hop: node("b"),
        lane,
        id: EnvelopeId { sender: node("a"), epoch: 1, route, sequence },
        kind: "records".into(),
        to: node("b"),
        frame: frame.into(),
    }
}

/// Settings of a gate that needs no patience.
fn quick() -> Settings {
    Settings { patience: Duration::ZERO, poll: Duration::ZERO, ..Settings::default() }
}

/// The two sides of a gate, `a` and `b`, in one folder.
struct Gate {
    base: TempDir,
    settings: Settings,
}

impl Gate {
    fn new(settings: Settings) -> Self {
        Self { base: tempfile::tempdir().expect("a folder"), settings }
    }

    fn folder(&self, side: &str) -> Folder {
        Folder::open(&self.base.path().join(side), None, None).expect("folders")
    }

    fn side(&self, side: &str) -> SpoolBus {
        self.side_over(side, Arc::new(self.folder(side)))
    }

    fn side_over(&self, side: &str, exchange: Arc<dyn Exchange>) -> SpoolBus {
        let peer = if side == "a" { "b" } else { "a" };
        let (node, peer, settings) = (node(side), node(peer), self.settings.clone());
        SpoolBus::new(vec![SpoolLink { node, peer, settings, closing: Closing::none(), exchange }])
    }

    /// A side whose process dies at the step of this number.
    fn dying(&self, side: &str, step: i64) -> Option<SpoolBus> {
        let fuse = Some(Arc::new(AtomicI64::new(step)));
        let folder = Folder::with_fuse(&self.base.path().join(side), None, None, fuse).ok()?;
        Some(self.side_over(side, Arc::new(folder)))
    }

    fn path(&self, folder: &str) -> std::path::PathBuf {
        self.base.path().join(folder)
    }

    /// Names in a folder such as `a/out`, sorted.
    fn names(&self, folder: &str) -> Vec<String> {
        names(&self.path(folder))
    }

    /// The gate as it should be: everything from one side to the other.
    fn carry(&self, from: &str, to: &str) -> usize {
        let names = self.names(&format!("{from}/out"));
        for name in &names {
            let (out, into) = (self.path(&format!("{from}/out")), self.path(&format!("{to}/in")));
            std::fs::rename(out.join(name), into.join(name)).expect("the gate carries");
        }
        names.len()
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut names: Vec<String> =
        entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

async fn publish(bus: &SpoolBus, parcels: Vec<Parcel>) {
    let count = parcels.len();
    let said = bus.publish(parcels).await.expect("a carrier");
    assert_eq!(said, vec![Confirmation::Confirmed; count]);
}

async fn take(bus: &SpoolBus, lane: Lane) -> Vec<Delivery> {
    bus.take(&node("b"), lane, 100).await.expect("a carrier")
}

fn sequences(taken: &[Delivery]) -> Vec<u64> {
    taken.iter().map(|d| d.parcel.id.sequence).collect()
}

async fn ack(bus: &SpoolBus, taken: &[Delivery]) {
    let tags: Vec<u64> = taken.iter().map(|d| d.tag).collect();
    bus.ack(&node("b"), &tags).await.expect("a carrier");
}

fn codes(bus: &SpoolBus) -> Vec<&'static str> {
    bus.troubles(&node("b")).into_iter().map(|t| t.code).collect()
}
