//! deliver: kept records to this node's sinks, each with its own watermark.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use canon::format::{Format, Op};
use canon::{Day, Millis, RecordId};
use edge::{KeptRecord, Sink};
use envelope::Decrypt;
use store::{AuditEvent, JudgedEnvelope, SharedStore};

use crate::error::WorkError;
use crate::node::Node;
use crate::work::{Progress, WorkFuture, Worker};

/// Envelopes delivered in one turn.
const ENVELOPES_PER_TURN: u32 = 16;
/// Records of one envelope that the watermark leaves room for.
const POSITIONS: u64 = 1 << 20;

/// The worker: one a sink.
pub struct Deliver {
    node: Arc<Node>,
    name: String,
    /// Never locked: only this worker has it, and a sink may not be shared.
    sink: Mutex<Box<dyn Sink>>,
    /// Token of the lease of the turn before.
    token: Option<u64>,
    /// How far this worker is; none until it has looked.
    from: Option<i64>,
}

/// A kept record with what its borrowed form points into.
struct Held {
    watermark: u64,
    id: RecordId,
    void: bool,
    fragment: String,
    window: Day,
    envelope: Arc<str>,
}

impl Deliver {
    /// Delivers this node's kept records to one sink.
    pub fn new(node: Arc<Node>, name: &str, sink: Box<dyn Sink>) -> Self {
        Self { node, name: name.to_owned(), sink: Mutex::new(sink), token: None, from: None }
    }

    async fn turn(&mut self, now: Millis) -> Result<Progress, WorkError> {
        let lease = self.node.lease(&format!("deliver/{}", self.name), now).await?;
        let Some(lease) = lease else { return Ok(Progress::IDLE) };
        let failed = |source| WorkError::Sink { sink: self.name.clone(), source };
        let store = &self.node.store;
        let sink = self.sink.get_mut().unwrap_or_else(PoisonError::into_inner);
        if self.token != Some(lease.token) {
            sink.look_again().await.map_err(failed)?;
            self.token = Some(lease.token);
            self.from = None;
        }
        let from = match self.from {
            Some(from) => from,
            None => {
                // A place that was restored, or made anew, knows better how far it is.
                let booked = store.watermark(&self.name).await?;
                let reached = sink.reached().await.map_err(failed)?;
                reached.map_or(booked, |mark| booked.min((mark / POSITIONS) as i64))
            }
        };
        let judged = store.judged_after(from, ENVELOPES_PER_TURN).await?;
        let Some(last) = judged.last().map(|j| j.ordinal) else {
            self.from = Some(from);
            return Ok(Progress::IDLE);
        };
        let held = Kept::of(&self.node).read(&judged)?;
        sink.deliver(&batch(&held)).await.map_err(failed)?;
        for news in sink.news() {
            store.audit(changed(&self.name, news, now)).await?;
        }
        store.commit_delivered(&lease, &self.name, last, now).await?;
        self.from = Some(last);
        let more = judged.len() == ENVELOPES_PER_TURN as usize;
        Ok(Progress::some(held.len() as u64, more))
    }
}

fn changed(sink: &str, news: String, now: Millis) -> AuditEvent {
    AuditEvent {
        at: now,
        who: "deliver".into(),
        action: "sink.tables_changed".into(),
        subject: sink.to_owned(),
        reason: news,
        ok: true,
    }
}

fn batch(held: &[Held]) -> Vec<KeptRecord<'_>> {
    held.iter()
        .map(|h| KeptRecord {
            watermark: h.watermark,
            id: &h.id,
            window: h.window,
            envelope: &h.envelope,
            void: h.void,
            fragment: &h.fragment,
        })
        .collect()
}

/// What reads kept records out of stored envelopes.
pub struct Kept<'a> {
    /// Format editions that can be read.
    pub formats: &'a BTreeMap<String, Arc<Format>>,
    /// Largest package that a frame may open to, bytes.
    pub package_bytes_max: usize,
    /// Opens confidential bodies: kept records lie in the stored envelope as it came, closed.
    pub opens: &'a dyn Decrypt,
}

impl<'a> Kept<'a> {
    fn of(node: &'a Node) -> Self {
        let package_bytes_max = node.limits.package_bytes_max;
        Self { formats: &node.formats, package_bytes_max, opens: &*node.opens }
    }

    fn read(&self, judged: &[JudgedEnvelope]) -> Result<Vec<Held>, WorkError> {
        let mut held = Vec::new();
        // A declined envelope keeps nothing, and may be of an edition that nobody here reads.
        for envelope in judged.iter().filter(|j| !j.kept.is_empty()) {
            self.one(envelope, &mut held)?;
        }
        Ok(held)
    }

    fn one(&self, judged: &JudgedEnvelope, held: &mut Vec<Held>) -> Result<(), WorkError> {
        let lost = || WorkError::Own(format!("kept envelope {}", judged.id));
        let package = envelope::open_frame(&judged.frame, self.package_bytes_max);
        let package = package.map_err(|_| lost())?;
        let package = envelope::clear(&package, self.opens).map_err(|_| lost())?;
        let opened = envelope::open_clear(&package).map_err(|_| lost())?;
        let format = self.formats.get(&opened.head.format).ok_or_else(lost)?;
        let envelope: Arc<str> = judged.id.to_string().into();
        for position in &judged.kept {
            let fragment = opened.fragments.get(*position as usize).ok_or_else(lost)?;
            let parsed = format.parse(fragment).map_err(|_| lost())?;
            let namespace = &parsed.attrs.namespace;
            let key = format.key(parsed.ty, &parsed.values, namespace).ok_or_else(lost)?;
            let kind = Arc::clone(&format.get(parsed.ty).wire);
            held.push(Held {
                watermark: judged.ordinal as u64 * POSITIONS + u64::from(*position),
                id: RecordId { kind, key, version: parsed.attrs.version },
                void: parsed.attrs.op == Op::Void,
                fragment: String::from_utf8_lossy(fragment).into_owned(),
                window: opened.head.window,
                envelope: Arc::clone(&envelope),
            });
        }
        Ok(())
    }

    /// Gives a sink again what was kept from a point on, beside the running service: what is there is
    /// written over by the same. How many records.
    pub async fn replay(
        &self,
        store: &SharedStore,
        sink: &mut dyn Sink,
        from: From,
    ) -> Result<u64, WorkError> {
        let (mut after, day) = match from {
            From::Watermark(mark) => ((mark / POSITIONS) as i64 - 1, None),
            From::Day(day) => (0, Some(day)),
        };
        let mut given = 0;
        loop {
            let mut judged = store.judged_after(after, ENVELOPES_PER_TURN).await?;
            let Some(last) = judged.last().map(|j| j.ordinal) else { return Ok(given) };
            judged.retain(|j| day.is_none_or(|day| j.at.day() >= day));
            let held = self.read(&judged)?;
            let failed = |source| WorkError::Sink { sink: "replay".into(), source };
            if !held.is_empty() {
                sink.again(&batch(&held)).await.map_err(failed)?;
            }
            given += held.len() as u64;
            after = last;
        }
    }
}

/// From where a sink is given records again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// This watermark, as the sink's own rows say it, and all after it.
    Watermark(u64),
    /// What this node judged on this day and after it.
    Day(Day),
}

impl Worker for Deliver {
    fn name(&self) -> String {
        format!("deliver/{}", self.name)
    }

    fn run_once(&mut self, now: Millis) -> WorkFuture<'_> {
        Box::pin(self.turn(now))
    }
}
