//! The incoming side of one link: files are known by what they say, gathered into parcels, handed
//! out, and put away when the inbox has them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use canon::{Digest, EnvelopeId, Lane, NodeCode};
use tokio::time::Instant;

use super::exchange::{Exchange, Item};
use super::form::{Reading, read};
use super::spool_bus::{SpoolLink, blocking};
use super::{Closing, FILE_BYTES_MAX, OPENED_MAX, Outside, REMEMBERED_MAX, TURN_BYTES_MAX};
use crate::{BusError, Parcel, Trouble};

/// Most troubles kept until they are asked for.
const TROUBLES_MAX: usize = 1_000;

/// What a parcel is known by while it is gathered. Its order is the order of handing out.
type Key = (Lane, NodeCode, EnvelopeId, Digest, u32);
/// A copy of what was taken: its digest, its issue.
type Taken = (Digest, String);

/// The incoming side.
pub(super) struct Inbound {
    state: Mutex<State>,
    looking: tokio::sync::Mutex<Option<Instant>>,
}

#[derive(Default)]
struct State {
    files: BTreeMap<String, Seen>,
    gathered: BTreeMap<Key, Gathered>,
    taken: BTreeMap<u64, Key>,
    remembered: BTreeSet<Taken>,
    order: VecDeque<Taken>,
    troubles: Vec<Trouble>,
    unreadable: u64,
}

/// A file that was looked at.
struct Seen {
    size: u64,
    stamp: u128,
    since: Instant,
    is: Is,
}

/// What it turned out to be.
enum Is {
    /// A piece of this parcel.
    Piece(Key),
    /// Not (yet) one: the code to name it with, why, and whether it was named.
    Odd { code: &'static str, why: &'static str, named: bool },
}

/// A parcel with the files that bring it.
struct Gathered {
    outside: Outside,
    /// Names by part.
    parts: BTreeMap<u32, Vec<String>>,
    since: Instant,
    out: bool,
    named: bool,
}

impl Gathered {
    fn whole(&self) -> bool {
        self.parts.len() == self.outside.parts as usize
    }

    fn missing(&self) -> Vec<u32> {
        (1..=self.outside.parts).filter(|part| !self.parts.contains_key(part)).collect()
    }
}

fn key(outside: &Outside) -> Key {
    let Outside { lane, id, digest, parts, .. } = outside;
    (*lane, id.sender.clone(), id.clone(), *digest, *parts)
}

impl Inbound {
    pub(super) fn new() -> Self {
        Self { state: Mutex::default(), looking: tokio::sync::Mutex::new(None) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change under the lock is complete before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Files that no parcel could be made of, since the start.
    pub(super) fn unreadable(&self) -> u64 {
        self.state().unreadable
    }

    /// What was found wrong since the last asking.
    pub(super) fn troubles(&self) -> Vec<Trouble> {
        std::mem::take(&mut self.state().troubles)
    }

    // ── looking ─────────────────────────────────────────────────────────────────────────────

    /// Looks at what lies there, if it is time to.
    pub(super) async fn look(&self, link: &SpoolLink) -> Result<(), BusError> {
        let Ok(mut last) = self.looking.try_lock() else { return Ok(()) };
        if last.is_some_and(|at| at.elapsed() < link.settings.poll) {
            return Ok(());
        }
        *last = Some(Instant::now());
        let items = link.exchange.list().await?;
        let fresh = self.state().fresh(&items);
        let (mut opened, mut bytes) = (0, 0);
        for item in fresh {
            if opened >= OPENED_MAX || bytes >= TURN_BYTES_MAX {
                break;
            }
            opened += 1;
            bytes += usize::try_from(item.size).unwrap_or(usize::MAX).min(FILE_BYTES_MAX);
            self.open(link, item).await?;
        }
        self.patience(link).await
    }

    async fn open(&self, link: &SpoolLink, item: Item) -> Result<(), BusError> {
        if !item.plain {
            return self
                .aside(link, &item.name, "spool.not_a_file", "a link, a folder or a device")
                .await;
        }
        if item.size > FILE_BYTES_MAX as u64 {
            return self
                .aside(link, &item.name, "spool.too_large", "larger than any file of a parcel")
                .await;
        }
        let Some(bytes) = link.exchange.read(&item.name, FILE_BYTES_MAX).await? else {
            return Ok(());
        };
        // It grew while it was read: the next look sees its new size.
        let reading = blocking(move || read(&bytes)).await?;
        let is = match reading {
            Reading::Piece(piece) => {
                let outside = link.named(piece.outside);
                if outside.from != link.peer || outside.hop != link.node {
                    let why = "of another link";
                    return self.aside(link, &item.name, "spool.wrong_link", why).await;
                }
                if self.state().remembers(&outside) {
                    return link.exchange.finish(vec![item.name]).await;
                }
                let key = key(&outside);
                self.state().gather(&key, outside, &item.name);
                Is::Piece(key)
            }
            Reading::Incomplete(why) => Is::Odd { code: "spool.incomplete", why, named: false },
            Reading::Damaged(why) => Is::Odd { code: "spool.damaged", why, named: false },
            Reading::Foreign(why) => Is::Odd { code: "spool.not_a_parcel", why, named: false },
        };
        let seen = Seen { size: item.size, stamp: item.stamp, since: Instant::now(), is };
        self.state().files.insert(item.name, seen);
        Ok(())
    }

    async fn aside(
        &self,
        link: &SpoolLink,
        name: &str,
        code: &'static str,
        why: &str,
    ) -> Result<(), BusError> {
        link.exchange.set_aside(name).await?;
        let mut state = self.state();
        state.forget(name);
        state.unreadable += 1;
        state.trouble(code, name, why.to_owned());
        Ok(())
    }

    /// Names what has waited long enough. An unfinished file stays: the rest of it may still come; one
    /// that is whole and no parcel goes to `bad/`.
    async fn patience(&self, link: &SpoolLink) -> Result<(), BusError> {
        let patience = link.settings.patience;
        let odd = self.state().name_odd(patience);
        for (name, code, why) in odd {
            self.aside(link, &name, code, why).await?;
        }
        self.state().name_missing(patience);
        Ok(())
    }

    // ── handing out ─────────────────────────────────────────────────────────────────────────

    /// Hands out at most `max` parcels of a lane.
    pub(super) async fn take(
        &self,
        link: &SpoolLink,
        lane: Lane,
        max: usize,
        tag: impl Fn() -> u64,
    ) -> Result<Vec<(u64, Parcel)>, BusError> {
        let mut out = Vec::new();
        let mut bytes = 0;
        while out.len() < max && bytes < TURN_BYTES_MAX {
            let next = self.state().next(lane);
            let Some((key, outside, names)) = next else { break };
            match self.payload(link, &outside, names).await {
                Ok(Some(payload)) => {
                    bytes += payload.len();
                    let level = link.settings.level;
                    let closing = link.closing.clone();
                    let made = blocking(move || opened(&outside, payload, level, &closing)).await?;
                    let Some(parcel) = made else {
                        self.state().closed(&key);
                        continue;
                    };
                    let tag = tag();
                    self.state().taken.insert(tag, key);
                    out.push((tag, parcel));
                }
                // A file went or changed since it was looked at: it is looked at again.
                Ok(None) => {}
                Err(error) => {
                    self.state().back(&key);
                    return Err(error);
                }
            }
        }
        Ok(out)
    }

    /// The whole payload out of its files, or none, with the files that are not what they were
    /// forgotten.
    async fn payload(
        &self,
        link: &SpoolLink,
        outside: &Outside,
        names: Vec<Vec<String>>,
    ) -> Result<Option<Vec<u8>>, BusError> {
        let mut payload = Vec::with_capacity(outside.bytes);
        for (part, copies) in (1..).zip(names) {
            let mut found = None;
            for name in copies {
                let bytes = link.exchange.read(&name, FILE_BYTES_MAX).await?;
                let piece = match bytes {
                    Some(bytes) => blocking(move || read(&bytes)).await?,
                    None => Reading::Incomplete("gone"),
                };
                match piece {
                    Reading::Piece(p)
                        if p.outside.digest == outside.digest && p.outside.part == part =>
                    {
                        found = Some(p.bytes);
                        break;
                    }
                    _ => self.state().forget(&name),
                }
            }
            let Some(bytes) = found else { break };
            payload.extend_from_slice(&bytes);
        }
        if outside.is_whole(&payload) {
            return Ok(Some(payload));
        }
        // Parts that are each as they say and together are not: no retry mends that.
        let mut state = self.state();
        if let Some(gathered) = state.gathered.get(&key(outside)).filter(|g| g.whole()) {
            let names: Vec<String> = gathered.parts.values().flatten().cloned().collect();
            for name in names {
                state.odd(&name, "spool.damaged", "its parts together are another parcel");
            }
        }
        state.back(&key(outside));
        Ok(None)
    }

    // ── after the inbox ─────────────────────────────────────────────────────────────────────

    /// The inbox has them: their files go, all of a parcel or none.
    pub(super) async fn ack(&self, exchange: &dyn Exchange, tags: &[u64]) -> Result<(), BusError> {
        for tag in tags {
            let Some(names) = self.state().names_of(*tag) else { continue };
            if let Err(error) = exchange.finish(names).await {
                // Handed out again: the inbox knows what it has.
                self.give_back(tags);
                return Err(error);
            }
            self.state().done(*tag);
        }
        Ok(())
    }

    /// To be handed out again.
    pub(super) fn give_back(&self, tags: &[u64]) {
        let mut state = self.state();
        for tag in tags {
            if let Some(key) = state.taken.remove(tag) {
                state.back(&key);
            }
        }
    }
}

fn opened(outside: &Outside, payload: Vec<u8>, level: i32, closing: &Closing) -> Option<Parcel> {
    let payload = closing.open(outside, payload)?;
    let frame = if outside.opened { envelope::frame(&payload, level) } else { payload };
    Some(outside.parcel(frame))
}

impl State {
    /// Items not looked at yet, or changed since. What is gone is forgotten.
    fn fresh(&mut self, items: &[Item]) -> Vec<Item> {
        let there: BTreeSet<&str> = items.iter().map(|i| i.name.as_str()).collect();
        let gone: Vec<String> =
            self.files.keys().filter(|name| !there.contains(name.as_str())).cloned().collect();
        for name in gone {
            self.forget(&name);
        }
        let same = |item: &&Item| {
            let seen = self.files.get(&item.name);
            seen.is_some_and(|s| (s.size, s.stamp) == (item.size, item.stamp))
        };
        let fresh: Vec<Item> = items.iter().filter(|item| !same(item)).cloned().collect();
        for item in &fresh {
            self.forget(&item.name);
        }
        fresh
    }

    fn forget(&mut self, name: &str) {
        let Some(Seen { is: Is::Piece(key), .. }) = self.files.remove(name) else { return };
        let Some(gathered) = self.gathered.get_mut(&key) else { return };
        for names in gathered.parts.values_mut() {
            names.retain(|n| n != name);
        }
        gathered.parts.retain(|_, names| !names.is_empty());
        if gathered.parts.is_empty() && !gathered.out {
            self.gathered.remove(&key);
        }
    }

    fn gather(&mut self, key: &Key, outside: Outside, name: &str) {
        let now = Instant::now();
        let part = outside.part;
        let gathered = self.gathered.entry(key.clone()).or_insert_with(|| Gathered {
            outside,
            parts: BTreeMap::new(),
            since: now,
            out: false,
            named: false,
        });
        gathered.since = now;
        gathered.named = false;
        gathered.parts.entry(part).or_default().push(name.to_owned());
    }

    /// A piece turns out to be none.
    fn odd(&mut self, name: &str, code: &'static str, why: &'static str) {
        let seen = self.files.get(name).map(|s| (s.size, s.stamp));
        self.forget(name);
        if let Some((size, stamp)) = seen {
            let is = Is::Odd { code, why, named: false };
            self.files.insert(name.to_owned(), Seen { size, stamp, since: Instant::now(), is });
        }
    }

    /// A parcel does not open with the keys that are here: its files are for somebody else.
    fn closed(&mut self, key: &Key) {
        let names = self.gathered.get(key).map(|g| g.parts.values().flatten().cloned().collect());
        let names: Vec<String> = names.unwrap_or_default();
        for name in names {
            self.odd(&name, "spool.closed", "encrypted, and no key here opens it");
        }
        self.back(key);
    }

    fn trouble(&mut self, code: &'static str, subject: &str, detail: String) {
        // Whoever asks for them asks every second; a flood names nothing.
        if self.troubles.len() >= TROUBLES_MAX {
            return;
        }
        self.troubles.push(Trouble { code, subject: subject.to_owned(), detail });
    }

    /// Unfinished files are named once and stay; the others are given back to be set aside.
    fn name_odd(&mut self, patience: Duration) -> Vec<(String, &'static str, &'static str)> {
        let mut aside = Vec::new();
        let mut named_now = Vec::new();
        for (name, seen) in &mut self.files {
            let Is::Odd { code, why, named } = &mut seen.is else { continue };
            if *named || seen.since.elapsed() < patience {
                continue;
            }
            *named = true;
            if *code == "spool.incomplete" {
                named_now.push((name.clone(), *code, (*why).to_owned()));
            } else {
                aside.push((name.clone(), *code, *why));
            }
        }
        for (name, code, why) in named_now {
            self.trouble(code, &name, why);
        }
        aside
    }

    fn name_missing(&mut self, patience: Duration) {
        let mut found = Vec::new();
        for gathered in self.gathered.values_mut().filter(|g| !g.whole() && !g.named && !g.out) {
            if gathered.since.elapsed() < patience {
                continue;
            }
            gathered.named = true;
            let missing: Vec<String> =
                gathered.missing().iter().take(20).map(ToString::to_string).collect();
            let detail = format!("part {} of {}", missing.join(", "), gathered.outside.parts);
            found.push((gathered.outside.id.to_string(), detail));
        }
        for (id, detail) in found {
            self.trouble("spool.part_missing", &id, detail);
        }
    }

    /// The next whole parcel of a lane, marked as handed out.
    fn next(&mut self, lane: Lane) -> Option<(Key, Outside, Vec<Vec<String>>)> {
        let whole = |(key, g): &(&Key, &mut Gathered)| key.0 == lane && !g.out && g.whole();
        let (key, gathered) = self.gathered.iter_mut().find(whole)?;
        gathered.out = true;
        Some((key.clone(), gathered.outside.clone(), gathered.parts.values().cloned().collect()))
    }

    fn back(&mut self, key: &Key) {
        if let Some(gathered) = self.gathered.get_mut(key) {
            gathered.out = false;
            if gathered.parts.is_empty() {
                self.gathered.remove(key);
            }
        }
    }

    /// Every file that brought what was taken under this tag, doubles that came since included.
    fn names_of(&self, tag: u64) -> Option<Vec<String>> {
        let gathered = self.gathered.get(self.taken.get(&tag)?)?;
        Some(gathered.parts.values().flatten().cloned().collect())
    }

    fn done(&mut self, tag: u64) {
        let Some(key) = self.taken.remove(&tag) else { return };
        let Some(gathered) = self.gathered.remove(&key) else { return };
        for name in gathered.parts.values().flatten() {
            self.files.remove(name);
        }
        if gathered.outside.issue.is_empty() {
            return;
        }
        let taken = (gathered.outside.digest, gathered.outside.issue);
        if self.remembered.insert(taken.clone()) {
            self.order.push_back(taken);
        }
        if self.order.len() > REMEMBERED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.remembered.remove(&oldest);
        }
    }

    fn remembers(&self, outside: &Outside) -> bool {
        self.remembered.contains(&(outside.digest, outside.issue.clone()))
    }
}
