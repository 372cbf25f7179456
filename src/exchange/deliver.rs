//! deliver: kept records to this node's sinks, each with its own watermark.

use std::sync::{Arc, Mutex, PoisonError};

use canon::format::Op;
use canon::{Millis, RecordId};
use edge::{KeptRecord, Sink};
use store::JudgedEnvelope;

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
}

/// A kept record with what its borrowed form points into.
struct Held {
    watermark: u64,
    id: RecordId,
    void: bool,
    fragment: String,
    window: canon::Day,
}

impl Deliver {
    /// Delivers this node's kept records to one sink.
    pub fn new(node: Arc<Node>, name: &str, sink: Box<dyn Sink>) -> Self {
        Self { node, name: name.to_owned(), sink: Mutex::new(sink), token: None }
    }

    async fn turn(&mut self, now: Millis) -> Result<Progress, WorkError> {
        let lease = self.node.lease(&format!("deliver/{}", self.name), now).await?;
        let Some(lease) = lease else { return Ok(Progress::IDLE) };
        if self.token != Some(lease.token) {
            let sink = self.sink.get_mut().unwrap_or_else(PoisonError::into_inner);
            let looked = sink.look_again().await;
            looked.map_err(|source| WorkError::Sink { sink: self.name.clone(), source })?;
            self.token = Some(lease.token);
        }
        let store = &self.node.store;
        let from = store.watermark(&self.name).await?;
        let judged = store.judged_after(from, ENVELOPES_PER_TURN).await?;
        let Some(last) = judged.last().map(|j| j.ordinal) else { return Ok(Progress::IDLE) };
        let mut held = Vec::new();
        // A declined envelope keeps nothing, and may be of an edition that nobody here reads.
        for envelope in judged.iter().filter(|j| !j.kept.is_empty()) {
            self.read(envelope, &mut held)?;
        }
        let batch: Vec<KeptRecord<'_>> = held
            .iter()
            .map(|h| KeptRecord {
                watermark: h.watermark,
                id: &h.id,
                window: h.window,
                void: h.void,
                fragment: &h.fragment,
            })
            .collect();
        let sink = self.sink.get_mut().unwrap_or_else(PoisonError::into_inner);
        sink.deliver(&batch)
            .await
            .map_err(|source| WorkError::Sink { sink: self.name.clone(), source })?;
        store.commit_delivered(&lease, &self.name, last, now).await?;
        let more = judged.len() == ENVELOPES_PER_TURN as usize;
        Ok(Progress::some(held.len() as u64, more))
    }

    fn read(&self, judged: &JudgedEnvelope, held: &mut Vec<Held>) -> Result<(), WorkError> {
        let lost = || WorkError::Own(format!("kept envelope {}", judged.id));
        let max = self.node.limits.package_bytes_max;
        let package = envelope::open_frame(&judged.frame, max).map_err(|_| lost())?;
        let opened = envelope::open(&package).map_err(|_| lost())?;
        let format = self.node.formats.get(&opened.head.format).ok_or_else(lost)?;
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
            });
        }
        Ok(())
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
