//! deliver: kept records to this node's sinks, each with its own watermark.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use canon::format::{Format, Op};
use canon::{Day, Millis, RecordId};
use edge::{KeptRecord, POSITIONS, SetAside, Sink, SinkError};
use envelope::{Decrypt, Head};
use store::{AuditEvent, JudgedEnvelope, Lease, SharedStore};

use crate::error::WorkError;
use crate::node::Node;
use crate::sink_state::{self, SinkSeen};
use crate::standing;
use crate::work::{Progress, WorkFuture, Worker};

/// Envelopes delivered in one turn.
const ENVELOPES_PER_TURN: u32 = 16;

/// The worker: one a sink.
pub struct Deliver {
    node: Arc<Node>,
    name: String,
    /// Never locked: only this worker has it, and a sink may not be shared.
    sink: Mutex<Box<dyn Sink>>,
    /// Token of the lease of the turn before.
    token: Option<u64>,
    /// It has looked what others may have done before this lease.
    looked: bool,
    /// How far this worker is; none until it has looked.
    from: Option<i64>,
    /// Why the sink does not take, as it stands in the store.
    seen: Option<SinkSeen>,
    /// What its place refused one by one, until it is listed: a sink tells it once.
    aside: VecDeque<SetAside>,
    /// What the sink has changed about its place, until it is audited.
    news: VecDeque<String>,
    /// Refused records that are listed, at most; none until they were counted.
    listed: Option<usize>,
}

/// A kept record with what its borrowed form points into.
struct Held {
    watermark: u64,
    id: RecordId,
    void: bool,
    fragment: String,
    window: Day,
    envelope: Arc<str>,
    edition: Arc<str>,
}

impl Deliver {
    /// Delivers this node's kept records to one sink.
    pub fn new(node: Arc<Node>, name: &str, sink: Box<dyn Sink>) -> Self {
        Self {
            node,
            name: name.to_owned(),
            sink: Mutex::new(sink),
            token: None,
            looked: false,
            from: None,
            seen: None,
            aside: VecDeque::new(),
            news: VecDeque::new(),
            listed: None,
        }
    }

    async fn turn(&mut self, now: Millis) -> Result<Progress, WorkError> {
        let lease = self.node.lease(&format!("deliver/{}", self.name), now).await?;
        let Some(lease) = lease else { return Ok(Progress::IDLE) };
        let fresh = self.token != Some(lease.token);
        if fresh {
            self.seen = sink_state::seen(&self.node.store, &self.name).await?;
        } else if self.seen.as_ref().is_some_and(|seen| seen.halted) {
            // It stopped under this very lease: nobody is asked again until a person says so.
            if sink_state::seen(&self.node.store, &self.name).await?.is_some() {
                return Ok(Progress::IDLE);
            }
            self.seen = None;
        }
        let done = self.hand(&lease, fresh, now).await;
        match &done {
            Ok(_) => self.takes(now).await?,
            Err(WorkError::Sink { source, .. }) => {
                self.takes_not(SinkSeen::of(source, now), now).await?;
            }
            Err(_) => {}
        }
        done
    }

    async fn hand(
        &mut self,
        lease: &Lease,
        fresh: bool,
        now: Millis,
    ) -> Result<Progress, WorkError> {
        let failed = |source| WorkError::Sink { sink: self.name.clone(), source };
        let store = &self.node.store;
        let sink = self.sink.get_mut().unwrap_or_else(PoisonError::into_inner);
        // A failure below is one under this lease.
        self.token = Some(lease.token);
        if fresh {
            (self.looked, self.from, self.listed) = (false, None, None);
            // Whoever has it meanwhile is told the same again.
            (self.aside, self.news) = (VecDeque::new(), VecDeque::new());
        }
        if !self.looked {
            sink.look_again().await.map_err(failed)?;
            self.looked = true;
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
        let most = self.node.limits.sink_refused_max;
        if self.listed.is_none_or(|listed| listed >= most) {
            let listed = sink_state::listed(store, &self.name, most).await?;
            self.listed = Some(listed);
            if listed >= most {
                return Err(failed(SinkError::Full { sink: self.name.clone(), listed }));
            }
        }
        sink.deliver(&batch(&held)).await.map_err(failed)?;
        self.aside.extend(sink.set_aside());
        self.news.extend(sink.news());
        while let Some(aside) = self.aside.front() {
            // Before the mark: whoever dies here is given the same refusal again.
            sink_state::set_aside(store, &self.name, aside, now).await?;
            self.aside.pop_front();
            self.listed = self.listed.map(|listed| listed + 1);
        }
        while let Some(news) = self.news.front() {
            store.audit(changed(&self.name, news.clone(), now)).await?;
            self.news.pop_front();
        }
        store.commit_delivered(lease, &self.name, last, now).await?;
        self.from = Some(last);
        let more = judged.len() == ENVELOPES_PER_TURN as usize;
        Ok(Progress::some(held.len() as u64, more))
    }

    /// Takes back that it does not take.
    async fn takes(&mut self, now: Millis) -> Result<(), WorkError> {
        if self.seen.take().is_some() {
            self.node.store.stand(&sink_state::state_of(&self.name), None, now).await?;
        }
        Ok(())
    }

    /// Leaves in the store why the sink does not take: once, not at every try.
    async fn takes_not(&mut self, seen: SinkSeen, now: Millis) -> Result<(), WorkError> {
        let before = self.seen.as_ref();
        if before.is_some_and(|before| seen.is_no_news(before)) {
            return Ok(());
        }
        let since = before.map_or(now, |before| before.since);
        let seen = SinkSeen { since, ..seen };
        standing::put(&self.node.store, &sink_state::state_of(&self.name), &seen, now).await?;
        self.seen = Some(seen);
        Ok(())
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
            edition: &h.edition,
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
    pub(crate) fn of(node: &'a Node) -> Self {
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
        let envelope: Arc<str> = judged.id.to_string().into();
        self.fragments(judged, |format, head, position, fragment| {
            let parsed = format.parse(fragment).map_err(|_| lost())?;
            let namespace = &parsed.attrs.namespace;
            let key = format.key(parsed.ty, &parsed.values, namespace).ok_or_else(lost)?;
            let kind = Arc::clone(&format.get(parsed.ty).wire);
            held.push(Held {
                watermark: judged.ordinal as u64 * POSITIONS + u64::from(position),
                id: RecordId { kind, key, version: parsed.attrs.version },
                void: parsed.attrs.op == Op::Void,
                fragment: String::from_utf8_lossy(fragment).into_owned(),
                window: head.window,
                envelope: Arc::clone(&envelope),
                edition: format.edition().into(),
            });
            Ok(())
        })
    }

    /// The fragments that an envelope keeps, each with its format, its head and its position.
    pub(crate) fn fragments(
        &self,
        judged: &JudgedEnvelope,
        mut each: impl FnMut(&Format, &Head, u32, &[u8]) -> Result<(), WorkError>,
    ) -> Result<(), WorkError> {
        let lost = || WorkError::Own(format!("kept envelope {}", judged.id));
        let package = envelope::open_frame(&judged.frame, self.package_bytes_max);
        let package = package.map_err(|_| lost())?;
        let package = envelope::clear(&package, self.opens).map_err(|_| lost())?;
        let opened = envelope::open_clear(&package).map_err(|_| lost())?;
        let format = self.formats.get(&opened.head.format).ok_or_else(lost)?;
        for position in &judged.kept {
            let fragment = opened.fragments.get(*position as usize).ok_or_else(lost)?;
            each(format, &opened.head, *position, fragment)?;
        }
        Ok(())
    }

    /// Gives a sink again what was kept from a point on, beside the running service: what is there is
    /// written over by the same. What was done until a failure stands in `done`.
    pub async fn replay(
        &self,
        store: &SharedStore,
        sink: &mut dyn Sink,
        from: From<'_>,
        done: &mut Replayed,
    ) -> Result<(), WorkError> {
        let failed = |source| WorkError::Sink { sink: "replay".into(), source };
        let mut after = match from {
            From::Watermark(mark) => (mark / POSITIONS) as i64 - 1,
            From::Listed(marks) => marks.first().map_or(-1, |mark| (mark / POSITIONS) as i64 - 1),
            From::Day(_) => 0,
        };
        loop {
            let mut judged = store.judged_after(after, ENVELOPES_PER_TURN).await?;
            let Some(last) = judged.last().map(|j| j.ordinal) else { return Ok(()) };
            judged.retain(|j| from.means(j));
            let mut held = self.read(&judged)?;
            if let From::Listed(marks) = from {
                held.retain(|h| marks.contains(&h.watermark));
            }
            if !held.is_empty() {
                sink.again(&batch(&held)).await.map_err(failed)?;
                done.note(&held, sink.set_aside());
            }
            after = last;
        }
    }
}

/// What a replay has done.
#[derive(Debug, Default)]
pub struct Replayed {
    /// Records given.
    pub records: u64,
    /// Those that the place refused, again or for the first time.
    pub refused: Vec<SetAside>,
    /// Those of a wanted list that it has taken.
    pub taken: BTreeSet<u64>,
    /// Records that stand listed as refused.
    pub listed: BTreeSet<u64>,
    /// The last one given.
    pub last: Option<u64>,
}

impl Replayed {
    fn note(&mut self, held: &[Held], refused: Vec<SetAside>) {
        self.records += held.len() as u64;
        self.last = held.last().map(|h| h.watermark);
        let again: BTreeSet<u64> = refused.iter().map(|aside| aside.watermark).collect();
        let given = held.iter().map(|h| h.watermark);
        let cured = given.filter(|mark| self.listed.contains(mark) && !again.contains(mark));
        self.taken.extend(cured);
        self.refused.extend(refused);
    }
}

/// From where a sink is given records again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From<'a> {
    /// This watermark, as the sink's own rows say it, and all after it.
    Watermark(u64),
    /// What this node judged on this day and after it.
    Day(Day),
    /// These watermarks alone.
    Listed(&'a BTreeSet<u64>),
}

impl From<'_> {
    /// Whether something of an envelope may be meant.
    fn means(self, judged: &JudgedEnvelope) -> bool {
        match self {
            Self::Watermark(_) => true,
            Self::Day(day) => judged.at.day() >= day,
            Self::Listed(marks) => {
                let first = judged.ordinal as u64 * POSITIONS;
                marks.range(first..first + POSITIONS).next().is_some()
            }
        }
    }
}

impl Worker for Deliver {
    fn name(&self) -> String {
        format!("deliver/{}", self.name)
    }

    fn run_once(&mut self, now: Millis) -> WorkFuture<'_> {
        Box::pin(self.turn(now))
    }
}
