//! archive: closed windows of envelopes and receipts go to files, linked in a chain; later, and only where
//! the file was read back, their bytes leave the store. What is not final is in no file and keeps its bytes.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

use canon::{Day, Digest, DigestAlg, EnvelopeId, Millis};
use envelope::archive::{self, ARCHIVE_EDITION, Archive as File, Entry, Frames, Table};
use envelope::{Cipher, Readers, timestamp};
use serde::{Deserialize, Serialize};
use store::{ArchiveRow, ArchiveSide, AuditEvent, SharedStore, StoredFrames};

use crate::error::WorkError;
use crate::node::Node;
use crate::passages;
use crate::standing;
use crate::work::{Progress, WorkFuture, Worker};

/// Under this name stands how far the archive is.
const STATE: &str = "archive/state";
/// Under this prefix stand its files: `archive/file/NUMBER`.
const FILE: &str = "archive/file/";
/// How often it is looked for what is closed, ms.
const EVERY: i64 = 60_000;
/// Rows looked at in one turn.
pub const ARCHIVE_ROWS_MAX: u32 = 5_000;
/// Most own envelopes that the archive has passed though they are not final yet. They are looked at beside
/// the rows of a turn: however many there are, what comes after them goes on.
pub const ARCHIVE_OPEN_MAX: u32 = 10_000;
/// Envelopes whose bytes are given back in one fact.
const RELEASED_AT_ONCE: usize = 200;
/// A judged envelope whose receipt is not here after this goes without it, ms.
const RECEIPT_PATIENCE: i64 = 2 * 86_400_000;

/// Where archive files lie: the one place between the archive and the disk.
pub trait Vault: Send + Sync {
    /// Makes a file, durable when it returns; the same file again is fine, another one of that name
    /// is an error.
    fn put(&mut self, name: &str, bytes: &[u8]) -> Result<(), String>;
    /// A file as it was put.
    fn get(&self, name: &str) -> Result<Vec<u8>, String>;
}

/// The answer of a time-stamping authority, or why there is none.
pub type StampFuture<'a> = Pin<Box<dyn Future<Output = Result<Vec<u8>, String>> + Send + 'a>>;

/// A time-stamping authority (RFC 3161): takes a question, gives its answer.
pub trait Stamper: Send + Sync {
    /// Asks once, within a time of its own.
    fn ask(&self, question: Vec<u8>) -> StampFuture<'_>;
}

/// What the configuration says.
#[derive(Clone, Debug)]
pub struct Terms {
    /// How long bytes stay in the store after they were archived, ms.
    pub keep: i64,
    /// Bytes after which a file is closed.
    pub file_bytes: u64,
    /// Under which its links are made.
    pub alg: DigestAlg,
    /// Sinks that must have been given what is purged.
    pub sinks: Vec<String>,
    /// Rows looked at in one turn: [`ARCHIVE_ROWS_MAX`].
    pub rows: u32,
    /// For whom files are encrypted, this node among them, and how; none leaves them in the clear.
    pub closes: Option<(Readers, Cipher)>,
}

/// How far the archive is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Number of the last file.
    pub number: u64,
    /// Its digest: what the next one names.
    pub head: Option<String>,
    /// Windows before this day are archived, but for what is open.
    pub closed: Option<Day>,
    /// Judged envelopes up to this number.
    pub received: i64,
    /// Own envelopes up to this number, but for those below.
    pub own: i64,
    /// Own envelopes that were not final when they were passed.
    pub open: Vec<i64>,
    /// Files up to this number have given their bytes back.
    pub released: u64,
    /// Bytes given back so far.
    pub released_bytes: u64,
    /// Why nothing goes on; none if it does.
    pub trouble: Option<String>,
    /// A timestamp stands over the file of this number, and so over all before it.
    #[serde(default)]
    pub stamped: u64,
    /// The time it vouches for.
    #[serde(default)]
    pub stamped_at: Option<String>,
    /// Since when no timestamp was had, and why.
    #[serde(default)]
    pub unstamped: Option<(Millis, String)>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSeen {
    /// Its name in the folder.
    pub name: String,
    /// Its digest.
    pub digest: String,
    /// When it was made.
    pub made: Millis,
    /// Envelopes in it.
    pub envelopes: u64,
    /// Bytes.
    pub bytes: u64,
    /// Highest number of a judged envelope in it.
    pub received: i64,
    /// First and last sequence by `sender/epoch/route`.
    pub ranges: BTreeMap<String, (u64, u64)>,
}

/// The worker.
pub struct Archive {
    node: Arc<Node>,
    vault: Box<dyn Vault>,
    terms: Terms,
    stamper: Option<Box<dyn Stamper>>,
    next: Millis,
}

/// Rows of one file and what the state is with it.
struct Taken {
    rows: Vec<(ArchiveSide, ArchiveRow, StoredFrames)>,
    state: State,
    more: bool,
}

impl Archive {
    /// Archives for this node.
    pub fn new(node: Arc<Node>, vault: Box<dyn Vault>, terms: Terms) -> Self {
        Self { node, vault, terms, stamper: None, next: Millis(i64::MIN) }
    }

    /// With a time-stamping authority over its head.
    #[must_use]
    pub fn stamped_by(self, stamper: Box<dyn Stamper>) -> Self {
        Self { stamper: Some(stamper), ..self }
    }

    async fn turn(&mut self, now: Millis) -> Result<Progress, WorkError> {
        if now < self.next {
            return Ok(Progress::IDLE);
        }
        if self.node.lease("archive", now).await?.is_none() {
            return Ok(Progress::IDLE);
        }
        let before = state(&self.node.store).await?;
        let packed = self.pack(&before, now).await?;
        let released = if packed.more { 0 } else { self.release(now).await? };
        if !packed.more {
            self.stamp(now).await?;
        }
        if !packed.more && released == 0 {
            self.next = now.plus(EVERY);
        }
        Ok(Progress::some(packed.done + released, packed.more || released > 0))
    }

    /// What is closed and not in a file, into the next one.
    async fn pack(&mut self, before: &State, now: Millis) -> Result<Progress, WorkError> {
        let closed = now.plus(-self.node.limits.close_grace).day();
        let Taken { rows, mut state, more } = self.closed(before, closed, now).await?;
        if rows.is_empty() {
            if more || state != *before {
                standing::put(&self.node.store, STATE, &state, now).await?;
            }
            return Ok(Progress::some(0, more));
        }
        let mut entries = Vec::with_capacity(rows.len());
        for (_, row, found) in &rows {
            entries.push(Entry {
                id: row.id.to_string(),
                ordinal: row.number,
                window: row.day.to_string(),
                envelope: found.frame.len() as u64,
                receipt: found.receipt.as_ref().map(|r| r.len() as u64),
            });
        }
        let table = Table {
            edition: ARCHIVE_EDITION,
            node: self.node.code.to_string(),
            number: before.number + 1,
            before: before.head.clone(),
            made_at: now.to_string(),
            entries,
        };
        let parts: Vec<Frames<'_>> = rows
            .iter()
            .map(|(_, _, f)| Frames { envelope: &f.frame, receipt: f.receipt.as_deref() })
            .collect();
        let file = archive::write(&table, &parts).and_then(|file| match &self.terms.closes {
            Some((readers, cipher)) => archive::close(&file, readers, *cipher),
            None => Ok(file),
        });
        let file = file.map_err(|e| WorkError::Own(e.to_string()))?;
        let digest = archive::link(self.terms.alg, &file);
        let hex: String = digest.bytes.iter().take(6).map(|b| format!("{b:02x}")).collect();
        let name = format!("{:09}-{}-{hex}.tga.zst", table.number, now.day());
        if let Err(what) = self.kept(&name, &file) {
            return self.trouble(before, what, now).await;
        }
        let seen = FileSeen {
            name,
            digest: digest.to_string(),
            made: now,
            envelopes: rows.len() as u64,
            bytes: file.len() as u64,
            received: state.received,
            ranges: ranges(rows.iter().map(|(_, row, _)| &row.id)),
        };
        standing::put(&self.node.store, &file_name(table.number), &seen, now).await?;
        // Only with this the file counts: after a death before it the same number is made again.
        (state.number, state.head) = (table.number, Some(digest.to_string()));
        standing::put(&self.node.store, STATE, &state, now).await?;
        Ok(Progress::some(rows.len() as u64, more))
    }

    /// A timestamp over the last file, which names all before it: one closes every gap. While the
    /// authority is down the archive goes on, and `status` says what is not stamped.
    async fn stamp(&mut self, now: Millis) -> Result<(), WorkError> {
        let Some(stamper) = &self.stamper else { return Ok(()) };
        let store = &self.node.store;
        let mut state = state(store).await?;
        let head = state.head.as_deref().and_then(|head| head.parse::<Digest>().ok());
        let Some(head) = head.filter(|_| state.stamped < state.number) else { return Ok(()) };
        let Some(seen) = file(store, state.number).await? else { return Ok(()) };
        let name = format!("{}.tsr", seen.name);
        // After a death between the file and the state it lies there already: each answer is another.
        let before = self.vault.get(&name).ok();
        let stamped = match before.and_then(|before| timestamp::time_over(&before, &head).ok()) {
            Some(time) => Ok(time),
            None => {
                // Unlike any before: the digest and the time say so.
                let bytes = head.alg.of(&[&head.bytes, &now.0.to_be_bytes()]).bytes;
                let nonce = bytes.iter().take(7).fold(1, |n, b| n << 8 | u64::from(*b));
                let answer = stamper.ask(timestamp::question(&head, nonce)).await;
                answer.and_then(|answer| {
                    let time = timestamp::time_of(&answer, &head, nonce);
                    let time = time.map_err(|e| e.to_string())?;
                    self.vault.put(&name, &answer)?;
                    Ok(time)
                })
            }
        };
        match stamped {
            Ok(time) => {
                (state.stamped, state.stamped_at) = (state.number, Some(time));
                state.unstamped = None;
            }
            Err(why) => {
                let since = state.unstamped.map_or(now, |(since, _)| since);
                state.unstamped = Some((since, why));
            }
        }
        standing::put(store, STATE, &state, now).await
    }

    /// The file lies there as it was made.
    fn kept(&mut self, name: &str, file: &[u8]) -> Result<(), String> {
        self.vault.put(name, file)?;
        if self.vault.get(name)? != file {
            return Err(format!("{name}: was read back otherwise than it was written"));
        }
        Ok(())
    }

    /// Nothing goes on until the disk does; `status` says so, nothing is purged meanwhile.
    async fn trouble(
        &mut self,
        before: &State,
        what: String,
        now: Millis,
    ) -> Result<Progress, WorkError> {
        let state = State { trouble: Some(what.clone()), ..before.clone() };
        standing::put(&self.node.store, STATE, &state, now).await?;
        self.next = now.plus(EVERY);
        Err(WorkError::Archive { what })
    }

    /// The next rows that may go to a file, within its size.
    async fn closed(&self, before: &State, closed: Day, now: Millis) -> Result<Taken, WorkError> {
        let store = &self.node.store;
        let mut taken = Taken {
            rows: Vec::new(),
            state: State { closed: Some(closed), trouble: None, ..before.clone() },
            more: false,
        };
        let mut room = self.terms.file_bytes;
        let received =
            store.archive_rows(ArchiveSide::Received, before.received, &[], self.terms.rows);
        for row in received.await? {
            let Some(judged) = row.judged else { continue };
            let patient = now.since(judged) < RECEIPT_PATIENCE;
            if judged.day() >= closed || (!row.closed && patient) {
                break;
            }
            let Some(frames) = self.fitting(&row, &mut room, &taken).await? else {
                taken.more = true;
                return Ok(taken);
            };
            taken.state.received = row.number;
            taken.rows.push((ArchiveSide::Received, row, frames));
        }
        let open = store.archive_rows(ArchiveSide::Own, i64::MAX, &before.open, ARCHIVE_OPEN_MAX);
        let mut own = open.await?;
        own.retain(|row| row.closed);
        own.extend(store.archive_rows(ArchiveSide::Own, before.own, &[], self.terms.rows).await?);
        for row in own {
            let passed = row.number <= before.own;
            let full = taken.state.open.len() >= ARCHIVE_OPEN_MAX as usize;
            if !passed && (row.day >= closed || full) {
                break;
            }
            taken.state.own = taken.state.own.max(row.number);
            if !row.closed {
                if !passed {
                    taken.state.open.push(row.number);
                }
                continue;
            }
            let Some(frames) = self.fitting(&row, &mut room, &taken).await? else {
                // It is looked at again: only what is in a file counts as passed.
                if !passed {
                    taken.state.own = row.number - 1;
                }
                taken.more = true;
                return Ok(taken);
            };
            taken.state.open.retain(|n| *n != row.number);
            taken.rows.push((ArchiveSide::Own, row, frames));
        }
        taken.more = taken.rows.len() >= self.terms.rows as usize;
        Ok(taken)
    }

    /// The frames of an envelope that has room in the file; the first always has.
    async fn fitting(
        &self,
        row: &ArchiveRow,
        room: &mut u64,
        taken: &Taken,
    ) -> Result<Option<StoredFrames>, WorkError> {
        let lost = || WorkError::Own(format!("frames of {}", row.id));
        let frames = self.node.store.frames(&row.id).await?.ok_or_else(lost)?;
        let bytes = (frames.frame.len() + frames.receipt.as_ref().map_or(0, |r| r.len())) as u64;
        let fits = taken.rows.is_empty() || bytes <= *room;
        *room = room.saturating_sub(bytes);
        Ok(fits.then_some(frames))
    }

    /// Bytes of the oldest file that is due: only what the file, read back now, has.
    async fn release(&mut self, now: Millis) -> Result<u64, WorkError> {
        let store = &self.node.store;
        let mut state = state(store).await?;
        let number = state.released + 1;
        if number > state.number {
            return Ok(0);
        }
        let Some(seen) = file(store, number).await? else { return Ok(0) };
        if now.since(seen.made) < self.terms.keep || !self.delivered(seen.received).await? {
            return Ok(0);
        }
        let bytes = match self.vault.get(&seen.name) {
            Ok(bytes) => bytes,
            Err(what) => return Ok(self.trouble(&state, what, now).await?.done),
        };
        let digest = seen.digest.parse::<Digest>().ok();
        let same = digest.is_some_and(|d| archive::link(d.alg, &bytes) == d);
        if !same {
            let what =
                format!("{}: is not the file that was written; nothing is purged", seen.name);
            return Ok(self.trouble(&state, what, now).await?.done);
        }
        // What nobody here can open any more is no copy of what would go.
        let clear = archive::clear(&bytes, &*self.node.opens).ok().flatten();
        let Some(opened) = clear.as_deref().and_then(|clear| File::read(clear).ok()) else {
            let name = &seen.name;
            let what =
                format!("{name}: does not open with the keys of this node; nothing is purged");
            return Ok(self.trouble(&state, what, now).await?.done);
        };
        let ids = opened.table.entries.iter().filter_map(|e| envelope::parse_envelope_id(&e.id));
        let (own, received): (Vec<EnvelopeId>, Vec<EnvelopeId>) =
            ids.partition(|id| id.sender == self.node.code);
        let mut gone = 0;
        for (side, ids) in [(ArchiveSide::Own, own), (ArchiveSide::Received, received)] {
            for ids in ids.chunks(RELEASED_AT_ONCE) {
                let released = store.release_frames(side, ids).await?;
                gone += released.envelopes;
                state.released_bytes += released.bytes;
            }
            for id in ids {
                passages::gone(store, &id, now).await?;
            }
        }
        // Before the state: what a death leaves between them is done, and said, again.
        let event = AuditEvent {
            at: now,
            who: "archive".into(),
            action: "archive.purged".into(),
            subject: seen.name,
            reason: format!("{} envelopes; {}", seen.envelopes, seen.digest),
            ok: true,
        };
        store.audit(event).await?;
        (state.released, state.trouble) = (number, None);
        standing::put(store, STATE, &state, now).await?;
        Ok(gone.max(1))
    }

    /// Whether every sink was given what was judged up to a number.
    async fn delivered(&self, number: i64) -> Result<bool, WorkError> {
        for sink in &self.terms.sinks {
            if self.node.store.watermark(sink).await? < number {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn file_name(number: u64) -> String {
    format!("{FILE}{number:09}")
}

/// Sender, epoch and route of an envelope: what its sequence counts on.
fn counted(id: &EnvelopeId) -> String {
    format!("{}/{}/{}", id.sender, id.epoch, id.route)
}

fn ranges<'a>(ids: impl Iterator<Item = &'a EnvelopeId>) -> BTreeMap<String, (u64, u64)> {
    let mut ranges = BTreeMap::new();
    for id in ids {
        let range = ranges.entry(counted(id)).or_insert((id.sequence, id.sequence));
        *range = (range.0.min(id.sequence), range.1.max(id.sequence));
    }
    ranges
}

/// How far a node's archive is; as at the beginning where there is none.
pub async fn state(store: &SharedStore) -> Result<State, WorkError> {
    Ok(standing::one(store, STATE).await?.unwrap_or_default())
}

/// A file by its number.
pub async fn file(store: &SharedStore, number: u64) -> Result<Option<FileSeen>, WorkError> {
    standing::one(store, &file_name(number)).await
}

/// The files in which an envelope may lie, the latest first.
pub async fn files_of(store: &SharedStore, id: &EnvelopeId) -> Result<Vec<FileSeen>, WorkError> {
    let counted = counted(id);
    let has = |seen: &FileSeen| {
        seen.ranges
            .get(&counted)
            .is_some_and(|(first, last)| (*first..=*last).contains(&id.sequence))
    };
    let found = standing::read::<FileSeen>(store, FILE).await?;
    Ok(found.into_iter().rev().map(|(_, seen)| seen).filter(has).collect())
}

impl Worker for Archive {
    fn name(&self) -> String {
        "archive".into()
    }

    fn run_once(&mut self, now: Millis) -> WorkFuture<'_> {
        Box::pin(self.turn(now))
    }
}
