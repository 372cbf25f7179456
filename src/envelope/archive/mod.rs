//! Archive files: closed envelopes with their receipts, one file after the other in a chain.
//!
//! A file is an ordinary zstd file. It begins with a skippable frame that tells what lies in it and the
//! digest of the file before it; behind it stand the frames of envelopes and receipts, byte for
//! byte as they were sealed. `zstd -dc` gives the packages.
//!
//! A closed file (edition 2) has the same table, and the frames encrypted in a second skippable frame: it is
//! still a zstd file, of nothing. The chain is over the files as they lie there, so that it is walked
//! without a key.

mod chain;
mod closing;
mod linking;

use canon::{Digest, DigestAlg, EnvelopeId};
use serde::{Deserialize, Serialize};

pub use chain::{Broken, Chain};
pub use closing::{clear, close};
pub use linking::linking_info;

/// The edition of a file whose frames lie in the clear.
pub const ARCHIVE_EDITION: u32 = 1;
/// The edition of a file whose frames are closed.
pub const ARCHIVE_EDITION_CLOSED: u32 = 2;
/// Largest archive file, bytes.
pub const ARCHIVE_BYTES_MAX: usize = 1 << 30;
/// Largest table of contents, bytes.
pub const ARCHIVE_TABLE_BYTES_MAX: usize = 64 << 20;
/// Most envelopes in one file.
pub const ARCHIVE_ENTRIES_MAX: usize = 100_000;
/// Magic of a zstd frame that decoders skip: the table.
const SKIPPABLE: u32 = 0x184D_2A50;
/// The same, another of its sixteen numbers: the closed frames.
const SKIPPABLE_CLOSED: u32 = 0x184D_2A51;
/// Magic and length in front of a skippable frame's content.
const PREFIX: usize = 8;

/// What an archive file says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Edition of the form.
    #[serde(rename = "tiergate-archive")]
    pub edition: u32,
    /// Whose archive.
    pub node: String,
    /// From 1, without gaps.
    pub number: u64,
    /// Digest of the file before it; absent in the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// When it was made.
    pub made_at: String,
    /// What lies in it, in order.
    pub entries: Vec<Entry>,
}

/// One envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its id, as on a carrier.
    pub id: String,
    /// Its number at the node: of own envelopes, or of judged ones.
    pub ordinal: i64,
    /// Its window.
    pub window: String,
    /// Bytes of its frame.
    pub envelope: u64,
    /// Bytes of its receipt's frame, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<u64>,
}

/// One envelope's frames.
#[derive(Clone, Copy, Debug)]
pub struct Frames<'a> {
    /// The envelope.
    pub envelope: &'a [u8],
    /// Its receipt.
    pub receipt: Option<&'a [u8]>,
}

/// Why a file is no archive file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// Larger than a named limit.
    #[error("larger than an archive file may be")]
    TooLarge,
    /// Not in the form.
    #[error("not in the form of an archive file: {0}")]
    Malformed(&'static str),
    /// Of another edition.
    #[error("an archive file of edition {0}, which this program does not read")]
    Edition(u32),
    /// Its frames are closed, and do not open here.
    #[error("the archive file is encrypted: {0}")]
    Closed(&'static str),
}

impl ArchiveError {
    /// Stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge => "archive.too_large",
            Self::Malformed(_) => "archive.malformed",
            Self::Edition(_) => "archive.edition",
            Self::Closed(_) => "archive.closed",
        }
    }
}

/// The digest of a file: what the next one names.
pub fn link(alg: DigestAlg, file: &[u8]) -> Digest {
    alg.of(&[file])
}

/// Writes a file; the entries' lengths are those of the frames.
///
/// # Errors
/// Over a limit: take fewer envelopes.
pub fn write(table: &Table, frames: &[Frames<'_>]) -> Result<Vec<u8>, ArchiveError> {
    let text = serde_json::to_vec(table).map_err(|_| ArchiveError::Malformed("table"))?;
    let bytes: usize =
        frames.iter().map(|f| f.envelope.len() + f.receipt.map_or(0, <[u8]>::len)).sum();
    let whole = PREFIX + text.len() + bytes;
    if text.len() > ARCHIVE_TABLE_BYTES_MAX
        || whole > ARCHIVE_BYTES_MAX
        || frames.len() > ARCHIVE_ENTRIES_MAX
    {
        return Err(ArchiveError::TooLarge);
    }
    let mut file = Vec::with_capacity(whole);
    skippable(SKIPPABLE, &text, &mut file);
    for frame in frames {
        file.extend_from_slice(frame.envelope);
        file.extend_from_slice(frame.receipt.unwrap_or_default());
    }
    Ok(file)
}

/// Lengths are held to [`ARCHIVE_BYTES_MAX`] before.
fn skippable(magic: u32, content: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&magic.to_le_bytes());
    out.extend_from_slice(&(content.len() as u32).to_le_bytes());
    out.extend_from_slice(content);
}

/// An archive file whose parts are where its table says.
#[derive(Clone, Debug)]
pub struct Archive<'a> {
    /// What it says of itself.
    pub table: Table,
    /// Its frames lie closed: the table is all that is read of it.
    pub closed: bool,
    frames: Vec<Frames<'a>>,
}

/// A file's table as text, the table, and what stands behind it.
type Parts<'a> = (&'a [u8], Table, &'a [u8]);

/// The content of a skippable frame at the beginning, and what stands behind it.
fn skipped(magic: u32, file: &[u8]) -> Result<(&[u8], &[u8]), ArchiveError> {
    let number = |at: usize| -> Option<u32> {
        Some(u32::from_le_bytes(file.get(at..at + 4)?.try_into().ok()?))
    };
    if number(0) != Some(magic) {
        return Err(ArchiveError::Malformed("it does not begin with its table"));
    }
    let length = number(4).unwrap_or(u32::MAX) as usize;
    if magic == SKIPPABLE && length > ARCHIVE_TABLE_BYTES_MAX {
        return Err(ArchiveError::TooLarge);
    }
    let rest = file.get(PREFIX..).unwrap_or_default();
    rest.split_at_checked(length).ok_or(ArchiveError::Malformed("it is cut off"))
}

fn parts(file: &[u8]) -> Result<Parts<'_>, ArchiveError> {
    if file.len() > ARCHIVE_BYTES_MAX {
        return Err(ArchiveError::TooLarge);
    }
    let (text, rest) = skipped(SKIPPABLE, file)?;
    let table: Table =
        serde_json::from_slice(text).map_err(|_| ArchiveError::Malformed("its table"))?;
    if ![ARCHIVE_EDITION, ARCHIVE_EDITION_CLOSED].contains(&table.edition) {
        return Err(ArchiveError::Edition(table.edition));
    }
    if table.entries.len() > ARCHIVE_ENTRIES_MAX {
        return Err(ArchiveError::TooLarge);
    }
    Ok((text, table, rest))
}

impl<'a> Archive<'a> {
    /// Reads a file: its table, and that every byte behind it belongs to an entry, or to the closed
    /// frames.
    ///
    /// # Errors
    /// It is too large, of another form or edition.
    pub fn read(file: &'a [u8]) -> Result<Self, ArchiveError> {
        let (_, table, mut rest) = parts(file)?;
        if table.edition == ARCHIVE_EDITION_CLOSED {
            let (_, rest) = skipped(SKIPPABLE_CLOSED, rest)?;
            return match rest.is_empty() {
                true => Ok(Self { table, closed: true, frames: Vec::new() }),
                false => Err(ArchiveError::Malformed("there is something behind its end")),
            };
        }
        let mut frames = Vec::with_capacity(table.entries.len());
        for entry in &table.entries {
            let mut take = |length: u64| -> Result<&'a [u8], ArchiveError> {
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                let (taken, left) = rest
                    .split_at_checked(length)
                    .ok_or(ArchiveError::Malformed("it ends within an entry"))?;
                rest = left;
                Ok(taken)
            };
            let envelope = take(entry.envelope)?;
            frames.push(Frames { envelope, receipt: entry.receipt.map(take).transpose()? });
        }
        if !rest.is_empty() {
            return Err(ArchiveError::Malformed("there is something behind its last entry"));
        }
        Ok(Self { table, closed: false, frames })
    }

    /// Entries with their frames, in order; none of a file that lies closed.
    pub fn entries(&self) -> impl Iterator<Item = (&Entry, &Frames<'a>)> {
        self.table.entries.iter().zip(&self.frames)
    }

    /// The frames of an envelope.
    pub fn find(&self, id: &EnvelopeId) -> Option<&Frames<'a>> {
        let id = id.to_string();
        self.entries().find(|(entry, _)| entry.id == id).map(|(_, frames)| frames)
    }
}
