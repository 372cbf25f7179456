//! The judgement of one verified envelope's records against what is kept here.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use canon::format::{CaseFacts, Format, Op, OpenLists, Parsed};
use canon::{Digest, Key, Millis, RecordId, Severity, Violation, leaf_hash};
use envelope::{Note, Opened, Outcome, OutcomeLine, SenderCert};
use store::{KeptRow, NewKept, Place, Problem, Saw, SubmissionStep, TypeCount, UnitCount};

use crate::entitled::Entitlement;
use crate::error::WorkError;
use crate::node::Node;
use crate::noted::{note, problem};
use crate::outlet::{Asked, Before, Relation};
use crate::units::Units;

/// Most violations of one record named in a receipt; the first is its code.
const NOTES_MAX: usize = 8;

/// Outcomes of one envelope, and what follows from them.
#[derive(Debug, Default)]
pub struct Judgement {
    /// One outcome a record, in order.
    pub lines: Vec<OutcomeLine>,
    /// Records to keep.
    pub kept: Vec<NewKept>,
    /// Records that were superseded: in the sums, not kept.
    pub superseded: Vec<(RecordId, Digest)>,
    /// Counts by type.
    pub counts: Vec<TypeCount>,
    /// Counts by unit and region.
    pub units: Vec<UnitCount>,
    /// What was not simply accepted.
    pub problems: Vec<Problem>,
    /// What it stood on, where another instance may judge at the same time.
    pub saw: Option<Saw>,
    /// Records that only a platform can answer (outlets); while there are any, the rest is not final.
    pub asked: Vec<Asked>,
}

/// What is known of one case: kept here before, and kept by this envelope so far.
#[derive(Default)]
struct Case {
    rows: Vec<Known>,
    /// Records that this node itself sent out: what comes may answer them.
    issued: Vec<(Arc<str>, Box<str>)>,
    facts: CaseFacts,
}

pub(crate) struct Known {
    pub(crate) kind: Arc<str>,
    pub(crate) part: Box<str>,
    pub(crate) version: u32,
    pub(crate) digest: Digest,
    pub(crate) sender: Option<canon::NodeCode>,
    pub(crate) envelope: Option<canon::EnvelopeId>,
    /// Not kept yet: on its way through an outlet.
    pub(crate) on_its_way: Option<OnItsWay>,
}

/// Where a record is that is on its way through an outlet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OnItsWay {
    /// Inbox row and position.
    pub(crate) at: (i64, u32),
    /// Whether the platform has taken it.
    pub(crate) taken: bool,
}

/// What is decided of a record.
pub(crate) enum Decided {
    /// Its outcome, and whether it is kept by this envelope.
    Final(OutcomeLine, bool),
    /// The platform has the word.
    Asked {
        /// Inbox row and position.
        at: (i64, u32),
        /// Whether it can be handed over.
        step: SubmissionStep,
        /// What it stands on.
        after: Option<(i64, u32)>,
    },
}

struct Candidate {
    parsed: Parsed,
    key: Key,
    kind: Arc<str>,
}

/// Judges every record of an opened, verified envelope.
pub(crate) async fn judge(
    node: &Node,
    format: &Format,
    cert: &SenderCert,
    opened: &Opened<'_>,
    outlet: Option<&crate::outlet::Asker<'_>>,
    now: Millis,
) -> Result<Judgement, WorkError> {
    let candidates: Vec<Result<Candidate, Violation>> =
        opened.fragments.iter().map(|f| candidate(format, f)).collect();
    let roots: BTreeSet<&str> = candidates.iter().flatten().map(|c| c.key.root()).collect();
    let roots: Vec<&str> = roots.into_iter().collect();
    let mut rows = node.store.kept_cases(&roots).await?;
    in_one_algorithm(node, opened, &candidates, &mut rows).await?;
    let saw = node.held.is_shared().then(|| Saw {
        roots: roots.iter().map(|root| (*root).to_owned()).collect(),
        rows: rows.len() as u64,
    });
    let mut cases = known(rows);
    issued_here(node, format, &candidates, &mut cases).await?;
    let before = match outlet {
        None => None,
        Some(asker) => Some(asker.before(&node.store, &roots).await?),
    };
    for submission in before.iter().flat_map(Before::of_others) {
        let case = cases.entry(submission.id.key.root().to_owned()).or_default();
        let on_its_way = OnItsWay {
            at: (submission.inbox_id, submission.position),
            taken: submission.step == SubmissionStep::Answered,
        };
        let (id, envelope) = (&submission.id, Some(submission.envelope.clone()));
        case.note(id, submission.digest, &submission.facts, envelope, Some(on_its_way));
    }

    let (counts, units) = (BTreeMap::new(), Units::of(node, opened, now));
    let out = Judgement::default();
    let table = node.authority().await?;
    let entitlement = Entitlement::new(format, cert, &opened.head.from, table);
    // One answer for the whole envelope: an edition may come meanwhile.
    let lists = node.lists.now();
    let mut bench = Bench { lists, format, entitlement, opened, before, counts, units, out };
    for (position, candidate) in candidates.into_iter().enumerate() {
        match candidate {
            Ok(candidate) => {
                // The map has no entry for a case never seen before.
                let case = match cases.get_mut(candidate.key.root()) {
                    Some(case) => case,
                    None => cases.entry(candidate.key.root().to_owned()).or_default(),
                };
                bench.record(position, candidate, case);
            }
            Err(violation) => bench.unreadable(position, violation),
        }
    }
    bench.out.counts = bench.counts.into_values().collect();
    bench.out.units = bench.units.counts();
    bench.out.saw = saw;
    Ok(bench.out)
}

/// A record kept under one suite and brought again under another has two digests that cannot be
/// compared: the kept one is made again from its stored bytes. Bytes that are gone leave it as it is.
async fn in_one_algorithm(
    node: &Node,
    opened: &Opened<'_>,
    candidates: &[Result<Candidate, Violation>],
    rows: &mut [KeptRow],
) -> Result<(), WorkError> {
    let alg = opened.head.digest_alg;
    if rows.iter().all(|row| row.digest.alg == alg) {
        return Ok(());
    }
    let brought: HashSet<(&str, &Key, u32)> =
        candidates.iter().flatten().map(|c| (&*c.kind, &c.key, c.parsed.attrs.version)).collect();
    for row in rows.iter_mut().filter(|row| row.digest.alg != alg) {
        if !brought.contains(&(&*row.id.kind, &row.id.key, row.id.version)) {
            continue;
        }
        let Some(frames) = node.store.frames(&row.envelope).await? else { continue };
        let lost = || WorkError::Own(format!("stored envelope {}", row.envelope));
        let package = node.stored(&frames.frame).map_err(|_| lost())?;
        let kept = envelope::open_clear(&package).map_err(|_| lost())?;
        let position = kept.leaves.iter().position(|leaf| *leaf == row.digest);
        if let Some(fragment) = position.and_then(|at| kept.fragments.get(at)) {
            row.digest = leaf_hash(alg, fragment);
        }
    }
    Ok(())
}

fn candidate(format: &Format, fragment: &[u8]) -> Result<Candidate, Violation> {
    let parsed = format.parse(fragment)?;
    let kind = Arc::clone(&format.get(parsed.ty).wire);
    let key = format.key(parsed.ty, &parsed.values, &parsed.attrs.namespace).ok_or_else(|| {
        Violation {
            rule: "record.key_missing".into(),
            field: Arc::clone(&kind),
            severity: Severity::Error,
            zh: "记录缺少编号，无法识别".into(),
            en: "the record has no key".into(),
        }
    })?;
    Ok(Candidate { parsed, key, kind })
}

/// Parents that nobody sent here because this node issued them: the card that a reply answers. They and
/// their facts count as kept. Asked for only where a parent is neither kept nor beside its child.
async fn issued_here(
    node: &Node,
    format: &Format,
    candidates: &[Result<Candidate, Violation>],
    cases: &mut HashMap<String, Case>,
) -> Result<(), WorkError> {
    let parent = |c: &Candidate| {
        let (ty, key) =
            format.parent_key(c.parsed.ty, &c.parsed.values, &c.parsed.attrs.namespace)?;
        Some((Arc::clone(&format.get(ty).wire), key))
    };
    let mut missing: Vec<(Arc<str>, Key)> =
        candidates.iter().flatten().filter_map(parent).collect();
    missing.retain(|(kind, key)| !cases.get(key.root()).is_some_and(|c| c.has(kind, key.part())));
    if missing.is_empty() {
        return Ok(());
    }
    let beside: HashSet<(&str, &Key)> =
        candidates.iter().flatten().map(|c| (&*c.kind, &c.key)).collect();
    missing.retain(|(kind, key)| !beside.contains(&(&**kind, key)));
    let roots: BTreeSet<&str> = missing.iter().map(|(_, key)| key.root()).collect();
    let roots: Vec<&str> = roots.into_iter().collect();
    if roots.is_empty() {
        return Ok(());
    }
    for row in node.store.cases(&roots).await? {
        if matches!(row.place, Place::Quarantined | Place::Rejected | Place::Voided) {
            continue;
        }
        let case = cases.entry(row.id.key.root().to_owned()).or_default();
        let (kind, part) = (row.id.kind, row.id.key.part());
        if case.facts.get(&kind, part).is_none() {
            case.facts.insert(&kind, part, &row.facts);
        }
        case.issued.push((kind, part.into()));
    }
    Ok(())
}

fn known(rows: Vec<KeptRow>) -> HashMap<String, Case> {
    let mut cases: HashMap<String, Case> = HashMap::new();
    for row in rows {
        let root = row.id.key.root();
        let case = match cases.get_mut(root) {
            Some(case) => case,
            None => cases.entry(root.to_owned()).or_default(),
        };
        case.note(&row.id, row.digest, &row.facts, Some(row.envelope), None);
    }
    for case in cases.values_mut() {
        case.facts.set_complete(false);
    }
    cases
}

impl Case {
    fn note(
        &mut self,
        id: &RecordId,
        digest: Digest,
        facts: &str,
        envelope: Option<canon::EnvelopeId>,
        on_its_way: Option<OnItsWay>,
    ) {
        let latest = self.of(&id.kind, id.key.part()).map(|k| k.version).max();
        if latest.is_none_or(|v| v < id.version) {
            self.facts.insert(&id.kind, id.key.part(), facts);
        }
        self.rows.push(Known {
            kind: Arc::clone(&id.kind),
            part: id.key.part().into(),
            version: id.version,
            digest,
            sender: envelope.as_ref().map(|e| e.sender.clone()),
            envelope,
            on_its_way,
        });
    }

    /// Whether a parent is here: kept, on its way, or sent out by this node.
    fn has(&self, kind: &str, part: &str) -> bool {
        self.of(kind, part).next().is_some() || self.has_issued(kind, part)
    }

    fn has_issued(&self, kind: &str, part: &str) -> bool {
        self.issued.iter().any(|(k, p)| **k == *kind && **p == *part)
    }

    fn of<'a>(&'a self, kind: &'a str, part: &'a str) -> impl Iterator<Item = &'a Known> {
        self.rows.iter().filter(move |k| *k.kind == *kind && *k.part == *part)
    }
}

struct Bench<'a> {
    lists: Arc<OpenLists>,
    format: &'a Format,
    entitlement: Entitlement<'a>,
    opened: &'a Opened<'a>,
    before: Option<Before<'a>>,
    counts: BTreeMap<Arc<str>, TypeCount>,
    units: Units,
    out: Judgement,
}

impl Bench<'_> {
    fn record(&mut self, position: usize, candidate: Candidate, case: &mut Case) {
        let Candidate { parsed, key, kind } = candidate;
        let id = RecordId { kind, key, version: parsed.attrs.version };
        let digest = self.opened.leaves[position];
        let decided = self.decide(position as u32, &parsed, &id, digest, case);
        let (line, new) = match decided {
            Decided::Final(line, new) => (line, new),
            Decided::Asked { at, step, after } => {
                let facts: Arc<str> = self.format.facts(parsed.ty, &parsed.values).into();
                let on_its_way = OnItsWay { at, taken: step == SubmissionStep::Answered };
                case.note(&id, digest, &facts, None, Some(on_its_way));
                let position = position as u32;
                self.out.asked.push(Asked { position, id, digest, facts, step, after });
                return;
            }
        };
        let count = self
            .counts
            .entry(Arc::clone(&id.kind))
            .or_insert_with(|| TypeCount { kind: Arc::clone(&id.kind), ..TypeCount::default() });
        self.units.add(self.format, &parsed, (line.outcome, new));
        match line.outcome {
            // Accepted again is answered, but was counted by the envelope that brought it.
            Outcome::Accepted if new => {
                count.accepted += 1;
                count.sum.add(&digest);
            }
            Outcome::Accepted => {}
            Outcome::Superseded => {
                count.superseded += 1;
                count.sum.add(&digest);
                self.out.superseded.push((id.clone(), digest));
            }
            Outcome::Rejected => count.rejected += 1,
            Outcome::ParentMissing => count.parent_missing += 1,
        }
        if line.outcome != Outcome::Accepted || !line.notes.is_empty() {
            self.out.problems.push(problem(&line, &id.to_string()));
        }
        if new {
            let facts = self.format.facts(parsed.ty, &parsed.values);
            case.note(&id, digest, &facts, None, None);
            self.out.kept.push(NewKept {
                id,
                digest,
                facts: facts.into(),
                voided: parsed.attrs.op == Op::Void,
                index: position as u32,
            });
        }
        self.out.lines.push(line);
    }

    /// The outcome, or that only the platform can say it.
    fn decide(
        &self,
        position: u32,
        parsed: &Parsed,
        id: &RecordId,
        digest: Digest,
        case: &Case,
    ) -> Decided {
        let with =
            |outcome, code| Decided::Final(OutcomeLine::with_code(position, outcome, code), false);
        let own = || case.of(&id.kind, id.key.part());
        let others = own().filter_map(|k| k.sender.as_ref());
        let others = others.filter(|s| **s != self.opened.head.from);
        if let Some(missing) = self.entitlement.missing(parsed, id, others) {
            let mut line = OutcomeLine::with_code(position, Outcome::Rejected, "record.authority");
            line.text = Some(missing.zh);
            let code = "record.authority".into();
            line.notes = vec![Note { code, field: String::new(), text: missing.en }];
            return Decided::Final(line, false);
        }
        let mut relation = Relation::default();
        if let Some(same) = own().find(|k| k.version == id.version) {
            match same.on_its_way {
                // The same record twice on its way: the one behind waits for the one before.
                Some(on) => relation.behind(on.at),
                None if same.digest != digest => {
                    return with(Outcome::Rejected, "record.conflict");
                }
                None => {
                    let mut line = OutcomeLine::accepted(position);
                    line.first.clone_from(&same.envelope);
                    return Decided::Final(line, false);
                }
            }
        }
        let higher = |k: &&Known| k.version > id.version;
        if own().filter(higher).any(|k| k.on_its_way.is_none_or(|on| on.taken)) {
            return with(Outcome::Superseded, "record.superseded");
        }
        own().filter(|k| k.version != id.version).for_each(|k| relation.stands_on(k));
        let Some(orphan) = self.parent(position, parsed, case, &mut relation) else {
            return with(Outcome::ParentMissing, "record.parent_missing");
        };
        let judged = |lenient| self.validated(position, parsed, case, (orphan, lenient));
        match &self.before {
            None => {
                let (line, new) = judged(false);
                Decided::Final(line, new)
            }
            Some(before) => before.decide(position, (parsed, id, self.format), relation, judged),
        }
    }

    /// Whether the record is kept without its parent; none if it may not be.
    fn parent(
        &self,
        position: u32,
        parsed: &Parsed,
        case: &Case,
        relation: &mut Relation,
    ) -> Option<bool> {
        let (values, namespace) = (&parsed.values, &parsed.attrs.namespace);
        let Some((parent, key)) = self.format.parent_key(parsed.ty, values, namespace) else {
            return Some(false);
        };
        let wire = &self.format.get(parent).wire;
        if !case.has(wire, key.part()) {
            return self.opened.head.keep_orphans.contains(&position).then_some(true);
        }
        let here = |k: &Known| k.on_its_way.is_none();
        if !case.has_issued(wire, key.part()) && !case.of(wire, key.part()).any(here) {
            // Any version of it that the platform has is enough.
            let taken = case.of(wire, key.part()).find(|k| k.on_its_way.is_some_and(|o| o.taken));
            let on = taken.or_else(|| case.of(wire, key.part()).next());
            on.into_iter().for_each(|k| relation.stands_on(k));
        }
        Some(false)
    }

    fn validated(
        &self,
        position: u32,
        parsed: &Parsed,
        case: &Case,
        (orphan, lenient): (bool, bool),
    ) -> (OutcomeLine, bool) {
        let mut found = Vec::new();
        let (values, attrs) = (&parsed.values, &parsed.attrs);
        self.format.validate(parsed.ty, values, attrs, &case.facts, &self.lists, &mut found);
        let mut notes: Vec<Note> = found.iter().map(note).collect();
        let refused = found.iter().find(|v| v.severity == Severity::Error);
        // What the platform has taken is accepted: what is wrong with it by now is a warning.
        if let Some(first) = refused.filter(|_| !lenient) {
            let mut line = OutcomeLine::with_code(position, Outcome::Rejected, &first.rule);
            line.field = Some(first.field.to_string());
            line.text = Some(first.zh.clone());
            notes.retain(|n| n.code != *first.rule || n.field != *first.field);
            notes.truncate(NOTES_MAX);
            line.notes = notes;
            return (line, false);
        }
        if orphan {
            notes.push(Note { code: "record.parent_absent".into(), ..Note::default() });
        }
        notes.truncate(NOTES_MAX);
        let mut line = OutcomeLine::accepted(position);
        line.notes = notes;
        (line, true)
    }

    fn unreadable(&mut self, position: usize, violation: Violation) {
        let mut line = OutcomeLine::with_code(position as u32, Outcome::Rejected, &violation.rule);
        line.field = Some(violation.field.to_string());
        line.text = Some(violation.zh);
        self.out.problems.push(problem(&line, ""));
        let kind: Arc<str> = "?".into();
        self.counts
            .entry(Arc::clone(&kind))
            .or_insert_with(|| TypeCount { kind, ..TypeCount::default() })
            .rejected += 1;
        self.out.lines.push(line);
    }
}
