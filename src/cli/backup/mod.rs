//! A backup: one compressed archive with an image of a node's store, its configuration, its keys if
//! wanted, and a manifest that says what is in it and how long and of which digest each file is.

pub(crate) mod place;
mod read;
mod write;

use serde::{Deserialize, Serialize};

pub(crate) use read::{Found, read};
pub(crate) use write::{Wanted, write};

/// What a manifest says it is.
pub(crate) const FORMAT: &str = "tiergate-backup/1";
/// Name of the manifest in the archive: always the first file.
const MANIFEST: &str = "manifest.json";
/// Name of the store's image in the archive.
pub(crate) const STORE: &str = "store.db";
/// Ending of a backup that is being written.
pub(crate) const PART: &str = "part";

/// The manifest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// [`FORMAT`].
    pub(crate) format: String,
    /// When it was made, Beijing time.
    pub(crate) made_at: String,
    /// Edition of the program.
    pub(crate) program: String,
    /// Editions of the store, oldest first.
    pub(crate) editions: Vec<String>,
    /// Who is in it.
    pub(crate) nodes: Vec<Held>,
    /// Whether signing keys are in it.
    pub(crate) with_keys: bool,
    /// Whether those keys are under a passphrase.
    #[serde(default)]
    pub(crate) keys_sealed: bool,
    /// Every other file, in order.
    pub(crate) files: Vec<Part>,
}

/// One identity of a backup.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Held {
    /// Node code.
    pub(crate) code: String,
    /// Its epoch.
    pub(crate) epoch: u32,
    /// The last time its store took, milliseconds since 1970.
    pub(crate) last_now: i64,
}

/// One file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part {
    /// Name in the archive.
    pub(crate) name: String,
    /// Bytes.
    pub(crate) bytes: u64,
    /// SHA-256, hex.
    pub(crate) sha256: String,
}

/// A digest as text.
fn hex(digest: &ring::digest::Digest) -> String {
    digest.as_ref().iter().map(|b| format!("{b:02x}")).collect()
}
