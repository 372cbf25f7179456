//! seal: staged records and queued control contents become envelopes: numbered, signed outside any
//! transaction, sealed. The only worker that touches the signing key.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use canon::{Digest, EnvelopeId, Millis, Route, leaf_hashes};
use envelope::{Head, Kind, SignError, Signer};
use store::{Consumes, Lease, NewEnvelope, Numbered, QueuedControl, Sealed, StagedBatch};

use crate::control;
use crate::error::WorkError;
use crate::node::{Node, whole_seconds};
use crate::work::{Progress, WorkFuture, Worker};

/// Control contents numbered in one turn.
const CONTROLS_PER_TURN: u32 = 64;
/// Envelopes signed again after a crash in one turn.
const NUMBERED_PER_TURN: u32 = 64;

/// The worker.
pub struct Seal {
    node: Arc<Node>,
    /// When this process last sealed records of a route.
    last: BTreeMap<Route, Millis>,
}

impl Seal {
    /// Seals for this node.
    pub fn new(node: Arc<Node>) -> Self {
        Self { node, last: BTreeMap::new() }
    }

    async fn turn(&mut self, now: Millis) -> Result<Progress, WorkError> {
        let Some(lease) = self.node.lease("seal", now).await? else { return Ok(Progress::IDLE) };
        // Whatever a crash left numbered keeps its number and head; it is only signed again.
        let left = self.finish(&lease, now).await?;
        let controls = self.controls(&lease, now).await?;
        let records = self.records(&lease, now).await?;
        Ok(left.and(controls).and(records))
    }

    /// Signs and seals everything that is numbered.
    async fn finish(&self, lease: &Lease, now: Millis) -> Result<Progress, WorkError> {
        let mut numbered = self.node.store.numbered(lease.covers(), NUMBERED_PER_TURN).await?;
        for one in &mut numbered {
            self.node.wake_numbered(one).await?;
        }
        let done = numbered.len() as u64;
        let numbered = numbered.into_iter().map(|one| self.renamed(one));
        self.sign_and_seal(lease, numbered.collect::<Result<_, _>>()?, now).await?;
        Ok(Progress::some(done, done == u64::from(NUMBERED_PER_TURN)))
    }

    /// What a crash left numbered and a new key signs: nobody has seen its head, which names the new
    /// certificate from here on. Under the old name the new signature would never verify.
    fn renamed(&self, one: Numbered) -> Result<(Numbered, Option<Digest>), WorkError> {
        let own = |e| WorkError::Own(format!("{} cannot be read: {e}", one.id));
        let mut head = Head::read(&one.head).map_err(own)?;
        let certificate = self.signer(&one.id.route)?.certificate_digest();
        if head.certificate == certificate {
            return Ok((one, None));
        }
        head.certificate = certificate;
        let bytes = head.write();
        let digest = Head::digest(head.digest_alg, &bytes);
        Ok((Numbered { head: bytes, ..one }, Some(digest)))
    }

    async fn controls(&self, lease: &Lease, now: Millis) -> Result<Progress, WorkError> {
        let queued = self.node.store.queued_controls(lease.covers(), CONTROLS_PER_TURN).await?;
        if queued.is_empty() {
            return Ok(Progress::IDLE);
        }
        // Heads name the edition that is in force.
        self.node.authority().await?;
        let more = queued.len() == CONTROLS_PER_TURN as usize;
        let mut envelopes: Vec<NewEnvelope> = Vec::with_capacity(queued.len());
        let mut numbered = Vec::with_capacity(queued.len());
        for one in queued {
            let route = self.node.control_route(&one.control.to);
            let mut counters = self.node.store.counters(&route).await?;
            let taken = envelopes.iter().filter(|e| e.id.route == route).count() as u64;
            counters.next_sequence += taken;
            let body = one.control.body.clone();
            let envelope = self.number_control(one, route, counters, now)?;
            let (id, head) = (envelope.id.clone(), envelope.head.clone());
            numbered.push((Numbered { id, head, body }, None));
            envelopes.push(envelope);
        }
        let done = envelopes.len() as u64;
        self.node.store.number(lease, envelopes, now).await?;
        self.sign_and_seal(lease, numbered, now).await?;
        Ok(Progress::some(done, more))
    }

    fn number_control(
        &self,
        queued: QueuedControl,
        route: Route,
        counters: store::RouteCounters,
        now: Millis,
    ) -> Result<NewEnvelope, WorkError> {
        let control = &queued.control;
        let kind: Kind = control
            .kind
            .parse()
            .map_err(|_| WorkError::Own(format!("queued control of kind `{}`", control.kind)))?;
        let answers = control::detail(control)?.answers;
        let signer = self.signer(&route)?;
        let alg = signer.suite().digest();
        let mut fragments = Vec::with_capacity(control.lengths.len());
        let mut rest = control.body.as_slice();
        for len in &control.lengths {
            let (fragment, after) = rest
                .split_at_checked(*len as usize)
                .ok_or_else(|| WorkError::Own("queued control shorter than its lengths".into()))?;
            fragments.push(fragment);
            rest = after;
        }
        let mut head = self.head(kind, route, signer, counters, now);
        head.window = control.day;
        head.lengths.clone_from(&control.lengths);
        head.root = envelope::merkle_root(alg, &leaf_hashes(alg, &fragments));
        head.answers = answers.map(|a| a.to_head()).transpose()?;
        self.envelope(&head, Consumes::Control(queued))
    }

    /// Whether a batch that is not full goes now. The first after a rest goes at once, so that a
    /// single record is not slow; while a route is busy, batches wait for company.
    fn ripe(&self, route: &Route, oldest: Millis, now: Millis) -> bool {
        let delay = self.node.limits.seal_delay;
        let rested = self.last.get(route).is_none_or(|at| now.since(*at) >= delay);
        rested || now.since(oldest) >= delay
    }

    /// One envelope from each route that has a full batch, or one that is ripe.
    async fn records(&mut self, lease: &Lease, now: Millis) -> Result<Progress, WorkError> {
        let node = Arc::clone(&self.node);
        let limits = &node.limits;
        let mut progress = Progress::IDLE;
        let mut keyless = Ok(());
        let errands = self.node.errands().await?;
        for (route, staged, oldest) in self.node.store.staged_routes().await? {
            // Restored: first the destination answers what the older epochs sent.
            if errands.adopts(&route.destination) {
                continue;
            }
            if !lease.covers().has(store::slot_of_route(&route)) {
                continue;
            }
            // Records of a suite whose key is gone wait for it; the other routes go on.
            if let Err(e) = self.signer(&route) {
                keyless = Err(e);
                continue;
            }
            let full = staged >= u64::from(limits.envelope_records_max);
            if !full && !self.ripe(&route, oldest, now) {
                continue;
            }
            let (records, bytes) = (limits.envelope_records_max, limits.envelope_bytes_max);
            let batch = self.node.store.staged_batch(&route, records, bytes).await?;
            let Some(mut batch) = batch else { continue };
            // Likewise where the pair is gone that they rest under.
            if let Err(e) = self.node.wake(&mut batch) {
                keyless = Err(e);
                continue;
            }
            let done = batch.records.len() as u64;
            self.node.authority().await?;
            let counters = self.node.store.counters(&route).await?;
            let body = batch.bytes.clone();
            let envelope = self.number_records(batch, counters, now)?;
            let numbered = Numbered { id: envelope.id.clone(), head: envelope.head.clone(), body };
            self.node.store.number(lease, vec![envelope], now).await?;
            self.sign_and_seal(lease, vec![(numbered, None)], now).await?;
            self.last.insert(route, now);
            progress = progress.and(Progress::some(done, staged > done));
        }
        if !progress.more {
            keyless?;
        }
        Ok(progress)
    }

    fn number_records(
        &self,
        mut batch: StagedBatch,
        counters: store::RouteCounters,
        now: Millis,
    ) -> Result<NewEnvelope, WorkError> {
        let signer = self.signer(&batch.route)?;
        let alg = signer.suite().digest();
        let leaves: Vec<_> = batch.records.iter().map(|r| r.digest).collect();
        let mut head = self.head(Kind::Records, batch.route.clone(), signer, counters, now);
        head.window = batch.day;
        head.format = batch.route.edition.to_string();
        head.code_tables = self.node.code_tables(now.day());
        head.adapters = batch.adapters.iter().map(|a| self.adapter(a)).collect();
        head.lengths = batch.records.iter().map(|r| r.len).collect();
        head.root = envelope::merkle_root(alg, &leaves);
        head.keep_orphans = batch
            .records
            .iter()
            .enumerate()
            .filter(|(_, r)| r.orphan)
            .map(|(i, _)| i as u32)
            .collect();
        if let Some(readers) = self.node.readers.get(&batch.route) {
            head.confidential = Some(readers.close(&head, &batch.bytes).map_err(|s| self.sign(s))?);
        }
        // The ticket is all the store needs to consume them; the bytes are in the chunk.
        batch.bytes = Vec::new();
        self.envelope(&head, Consumes::Staged(batch))
    }

    /// Who signs on a route.
    fn signer(&self, route: &Route) -> Result<&dyn Signer, WorkError> {
        self.node.signers.of(&route.suite).ok_or_else(|| WorkError::NoKey {
            node: self.node.code.to_string(),
            suite: route.suite.to_string(),
        })
    }

    fn head(
        &self,
        kind: Kind,
        route: Route,
        signer: &dyn Signer,
        counters: store::RouteCounters,
        now: Millis,
    ) -> Head {
        let digest_alg = signer.suite().digest();
        Head {
            kind,
            environment: self.node.environment,
            from: self.node.code.clone(),
            to: route.destination.clone(),
            epoch: counters.epoch,
            route,
            sequence: counters.next_sequence,
            settled_below: counters.settled_below,
            skipped: Vec::new(),
            sealed_at: whole_seconds(now),
            window: now.day(),
            format: String::new(),
            code_tables: String::new(),
            authority: self.node.tables.edition(),
            adapters: Vec::new(),
            digest_alg,
            lengths: Vec::new(),
            root: envelope::merkle_root(digest_alg, &[]),
            certificate: signer.certificate_digest(),
            keep_orphans: Vec::new(),
            confidential: None,
            answers: None,
        }
    }

    fn envelope(&self, head: &Head, consumes: Consumes) -> Result<NewEnvelope, WorkError> {
        let link = self.node.link_to(&head.to).ok_or_else(|| {
            WorkError::Own(format!("no link leads to `{}`; run `tiergate check config`", head.to))
        })?;
        let id: EnvelopeId = head.id();
        let bytes = head.write();
        Ok(NewEnvelope {
            id,
            kind: head.kind.as_str().into(),
            link: link.name.clone(),
            head_digest: Head::digest(head.digest_alg, &bytes),
            head: bytes,
            root: head.root,
            consumes,
        })
    }

    fn adapter(&self, name: &str) -> (String, String) {
        let version = self.node.adapters.get(name).map_or("0", String::as_str);
        (name.to_owned(), version.to_owned())
    }

    fn sign(&self, source: SignError) -> WorkError {
        WorkError::Sign { node: self.node.code.to_string(), source }
    }

    /// The body as it goes: closed where the head says so. The head was fixed before, perhaps by a
    /// process that died; whoever signs it closes the same body to the same bytes.
    fn body<'n>(&self, one: &'n Numbered) -> Result<Cow<'n, [u8]>, WorkError> {
        if envelope::is_closed(&one.head) {
            let own = |e| WorkError::Own(format!("{} cannot be closed again: {e}", one.id));
            let head = Head::read(&one.head).map_err(own)?;
            let closed = envelope::close_again(&head, &one.body, &*self.node.opens);
            return Ok(Cow::Owned(closed.map_err(own)?));
        }
        Ok(Cow::Borrowed(&one.body))
    }

    async fn sign_and_seal(
        &self,
        lease: &Lease,
        numbered: Vec<(Numbered, Option<Digest>)>,
        now: Millis,
    ) -> Result<(), WorkError> {
        if numbered.is_empty() {
            return Ok(());
        }
        let mut sealed = Vec::with_capacity(numbered.len());
        for (one, head) in numbered {
            let signature = envelope::sign_head(&one.head, self.signer(&one.id.route)?);
            let signature = signature.map_err(|source| self.sign(source))?;
            let package = envelope::assemble(&one.head, &self.body(&one)?, &signature);
            let frame = envelope::frame(&package, self.node.limits.compression_level);
            sealed.push(Sealed { id: one.id, frame: frame.into(), head });
        }
        Ok(self.node.store.sealed(lease, sealed, now).await?)
    }
}

impl Worker for Seal {
    fn name(&self) -> String {
        "seal".into()
    }

    fn run_once(&mut self, now: Millis) -> WorkFuture<'_> {
        Box::pin(self.turn(now))
    }
}
