//! Rows that are gone from a source: held for their owner, or what they gave is withdrawn.
//!
//! A row that two full passes in a row did not see is gone: a page that a web service turned between two
//! questions is no reason to withdraw anything. What it gave goes up once more as `op=void`, with the
//! values of the version that the destination has, taken from the envelope that carried it; children
//! first, and a parent never before its children, whatever table they stand in. A record to which another
//! row leads that is there stays: its row was only given another key, or has moved to another table.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use canon::format::{Attributes, CaseFacts, Format, Op, TypeIx, Values};
use canon::{EnvelopeId, Millis, NodeCode, RecordId, Route, Severity, Violation, leaf_hash};
use envelope::Suite;
use store::{CaseRow, Gave, GaveOf, NewChunk, NewQuarantine, NewRecord, Place, SourceRowMark};

use crate::adapter::{Adapter, Target, row_parts};
use crate::case::stands;
use crate::collect::is_compared;
use crate::error::WorkError;
use crate::held::{self, Why};
use crate::node::Node;

/// Passes that a row must have been missed by before its records are withdrawn.
const MISSED_MIN: u64 = 2;
/// After so many passes the owner is asked why its records cannot be withdrawn.
const MISSED_ASKED: u64 = 5;

/// Rows that were last seen before this pass are ripe to be withdrawn after `pass`.
pub(crate) const fn ripe_before(pass: u64) -> u64 {
    (pass + 1).saturating_sub(MISSED_MIN)
}

/// What a pass did not see any more.
pub(crate) struct Gone<'a> {
    pub(crate) node: &'a Node,
    pub(crate) adapter: &'a Adapter,
    /// Reason code and operator code of the package.
    pub(crate) said: (&'a str, &'a str),
    /// Number of the pass that has just ended.
    pub(crate) pass: u64,
    pub(crate) now: Millis,
}

/// What becomes of it.
#[derive(Default)]
pub(crate) struct Withdrawn {
    pub(crate) chunks: Vec<NewChunk>,
    pub(crate) quarantined: Vec<NewQuarantine>,
    /// Rows that are dealt with.
    pub(crate) rows: Vec<Arc<str>>,
}

/// Why a record is not withdrawn now.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Not {
    /// Later: it is not sealed yet, or its children stand.
    Yet,
    /// Never by itself: its bytes are not here any more, or not as this format reads them.
    Here,
}

/// One version as the destination has it.
struct Version {
    ty: TypeIx,
    attributes: Attributes,
    values: Values,
}

/// Withdraws what these rows gave, of which all are ripe.
pub(crate) async fn withdraw(
    of: &Gone<'_>,
    ripe: &[SourceRowMark],
) -> Result<Withdrawn, WorkError> {
    let names: Vec<&str> = ripe.iter().map(|m| &*m.row).collect();
    let gave = of.node.store.gave(&of.adapter.name, GaveOf::Rows(&names)).await?;
    let roots: BTreeSet<&str> = gave.iter().map(|g| g.key.root()).collect();
    let roots: Vec<&str> = roots.into_iter().collect();
    let rows = of.node.store.cases(&roots).await?;
    let led = led_to(of, &roots, &names).await?;
    let mut left: BTreeMap<&str, Not> = BTreeMap::new();
    let mut chunks = Vec::new();
    for target in &of.adapter.targets {
        let to = target.destination();
        let here: Vec<&CaseRow> = rows.iter().filter(|r| r.destination == *to).collect();
        let stays = |g: &Gave| led.contains(&(Arc::clone(&g.kind), g.key.clone(), to.clone()));
        let mine: Vec<&Gave> = gave.iter().filter(|g| g.destination == *to && !stays(g)).collect();
        let mut pen = Pen { of, target, here, gone: BTreeSet::new(), frames: HashMap::new() };
        let mut made = BTreeMap::new();
        for (gave, row) in pen.children_first(&mine) {
            let Some(mark) = ripe.iter().find(|m| m.row == gave.row) else { continue };
            match pen.void(row, mark, &mut made).await? {
                Ok(()) => {
                    pen.gone.insert((Arc::clone(&row.id.kind), row.id.key.clone()));
                }
                Err(not) => {
                    let said = left.entry(&mark.row).or_insert(not);
                    *said = if not == Not::Here { not } else { *said };
                }
            }
        }
        chunks.extend(made.into_values());
    }
    let mut out = Withdrawn { chunks, ..Withdrawn::default() };
    for mark in ripe {
        let asked = mark.pass + MISSED_ASKED <= of.pass;
        let why = match left.get(&*mark.row) {
            Some(Not::Yet) if !asked => continue,
            Some(Not::Yet) => Some(Why::ChildrenStand),
            Some(Not::Here) => Some(Why::BytesGone),
            None => None,
        };
        out.quarantined.extend(why.map(|why| held::vanished_row(of.adapter, mark, why, of.now)));
        out.rows.push(Arc::clone(&mark.row));
    }
    Ok(out)
}

/// A record on its way to one destination.
type Reported = (Arc<str>, canon::Key, NodeCode);

/// Records of these cases to which another row leads that is not gone, as far as is known: a row of a
/// table that is not compared never is.
async fn led_to(
    of: &Gone<'_>,
    roots: &[&str],
    gone: &[&str],
) -> Result<BTreeSet<Reported>, WorkError> {
    let name = &of.adapter.name;
    let gone: BTreeSet<&str> = gone.iter().copied().collect();
    let mut led = of.node.store.gave(name, GaveOf::Cases(roots)).await?;
    led.retain(|g| !gone.contains(&*g.row));
    let rows: BTreeSet<&str> = led.iter().map(|g| &*g.row).collect();
    let rows: Vec<&str> = rows.into_iter().collect();
    let marks = of.node.store.source_rows(name, &rows).await?;
    let seen: BTreeSet<&str> = marks.iter().map(|m| &*m.row).collect();
    let compared = |row: &str| of.adapter.query(row_parts(row).0).is_some_and(is_compared);
    let there = led.iter().filter(|g| seen.contains(&*g.row) || !compared(&g.row));
    Ok(there.map(|g| (Arc::clone(&g.kind), g.key.clone(), g.destination.clone())).collect())
}

struct Pen<'a> {
    of: &'a Gone<'a>,
    target: &'a Target,
    /// Latest versions of every record of these cases on its way there.
    here: Vec<&'a CaseRow>,
    /// Withdrawn by this turn.
    gone: BTreeSet<(Arc<str>, canon::Key)>,
    /// The fragments of envelopes that were opened.
    frames: HashMap<EnvelopeId, Vec<Vec<u8>>>,
}

impl<'a> Pen<'a> {
    fn format(&self) -> &'a Format {
        &self.target.format
    }

    /// How far a type is from the root of its case.
    fn depth(&self, kind: &str) -> usize {
        let mut at = self.format().type_by_wire(kind);
        let mut depth = 0;
        while let Some(ty) = at {
            at = self.format().get(ty).parent;
            depth += 1;
        }
        depth
    }

    fn children_first(&self, mine: &[&'a Gave]) -> Vec<(&'a Gave, &'a CaseRow)> {
        let row =
            |g: &Gave| self.here.iter().find(|r| r.id.kind == g.kind && r.id.key == g.key).copied();
        let mut found: Vec<(&Gave, &CaseRow)> =
            mine.iter().filter_map(|g| Some((*g, row(g)?))).collect();
        found.sort_by_key(|(g, _)| Reverse(self.depth(&g.kind)));
        found
    }

    /// Whether a record that hangs on this one is still reported.
    fn has_children(&self, id: &RecordId) -> bool {
        let parent = self.format().type_by_wire(&id.kind);
        self.here.iter().any(|row| {
            let ty = self.format().type_by_wire(&row.id.kind);
            let below = ty.is_some_and(|ty| self.format().get(ty).parent == parent);
            let (part, own) = (row.id.key.part(), id.key.part());
            let rest = part.strip_prefix(own);
            let of = row.id.key.root() == id.key.root()
                && rest.is_some_and(|r| own.is_empty() || r.is_empty() || r.starts_with('/'));
            let gone = (Arc::clone(&row.id.kind), row.id.key.clone());
            below && of && stands(row.place) && !row.voided && !self.gone.contains(&gone)
        })
    }

    /// Writes the next version of a record, a void one, into the chunk; or why not.
    async fn void(
        &mut self,
        row: &CaseRow,
        mark: &SourceRowMark,
        chunks: &mut BTreeMap<Route, NewChunk>,
    ) -> Result<Result<(), Not>, WorkError> {
        if row.voided {
            return Ok(Ok(()));
        }
        if matches!(row.place, Place::Staged | Place::Waiting) || self.has_children(&row.id) {
            return Ok(Err(Not::Yet));
        }
        let Some((version, id)) = self.reported(&row.id).await? else {
            // Nothing of it ever stood there: there is nothing to withdraw.
            return Ok(if stands(row.place) { Err(Not::Here) } else { Ok(()) });
        };
        let Some(found) = self.version(&row.id, version, id).await? else {
            return Ok(Err(Not::Here));
        };
        let attributes = Attributes {
            version: row.id.version + 1,
            op: Op::Void,
            collected: self.of.now,
            // Nobody knows when the owner took it out.
            entered: None,
            row_digest: mark.digest,
            reason: Some(self.of.said.0.to_owned()),
            by: Some(self.of.said.1.to_owned()),
            ..found.attributes
        };
        let (format, lists, none) = (self.format(), self.of.node.lists.now(), CaseFacts::new());
        let mut wrong: Vec<Violation> = Vec::new();
        format.validate(found.ty, &found.values, &attributes, &none, &lists, &mut wrong);
        if wrong.iter().any(|v| v.severity == Severity::Error) {
            return Ok(Err(Not::Here));
        }
        self.write(row, found.ty, &found.values, &attributes, chunks);
        Ok(Ok(()))
    }

    /// The last version that the destination has or may have, and the envelope that carried it.
    async fn reported(&self, latest: &RecordId) -> Result<Option<(u32, EnvelopeId)>, WorkError> {
        let steps = self.of.node.store.trace(&latest.key.number()).await?;
        let mut versions: BTreeMap<u32, EnvelopeId> = BTreeMap::new();
        let mut refused = BTreeSet::new();
        for step in steps {
            if step.destination.as_ref() != Some(self.target.destination()) {
                continue;
            }
            let Some(id) = RecordId::parse(&step.record) else { continue };
            if id.kind != latest.kind || id.key != latest.key {
                continue;
            }
            if matches!(&*step.what, "rejected" | "voided") {
                refused.insert(id.version);
            }
            let envelope = step.envelope.as_deref().and_then(envelope::parse_envelope_id);
            if let Some(envelope) = envelope {
                versions.insert(id.version, envelope);
            }
        }
        Ok(versions.into_iter().rfind(|(version, _)| !refused.contains(version)))
    }

    /// That version, out of its envelope; none if its bytes are not here any more.
    async fn version(
        &mut self,
        latest: &RecordId,
        version: u32,
        envelope: EnvelopeId,
    ) -> Result<Option<Version>, WorkError> {
        if !self.frames.contains_key(&envelope) {
            let fragments = match self.of.node.store.outbound(&envelope).await? {
                Some(own) => crate::recall::fragments(self.of.node, &own).await?.0,
                None => Vec::new(),
            };
            // One at a time: an envelope may be large.
            self.frames.clear();
            self.frames.insert(envelope.clone(), fragments);
        }
        let format = self.format();
        let fragments = self.frames.get(&envelope).into_iter().flatten();
        Ok(fragments.filter_map(|f| format.parse(f).ok()).find_map(|parsed| {
            let key = format.key(parsed.ty, &parsed.values, &parsed.attrs.namespace)?;
            let same = *format.get(parsed.ty).wire == *latest.kind && key == latest.key;
            let (ty, attributes, values) = (parsed.ty, parsed.attrs, parsed.values);
            (same && attributes.version == version).then_some(Version { ty, attributes, values })
        }))
    }

    fn write(
        &self,
        row: &CaseRow,
        ty: TypeIx,
        values: &Values,
        attributes: &Attributes,
        chunks: &mut BTreeMap<Route, NewChunk>,
    ) {
        let route = self.target.route(attributes.nature);
        let chunk = chunks.entry(route.clone()).or_insert_with_key(|route| NewChunk {
            route: route.clone(),
            day: self.of.now.day(),
            adapter: Arc::clone(&self.of.adapter.name),
            bytes: Vec::new(),
            records: Vec::new(),
        });
        let from = chunk.bytes.len();
        self.format().render(ty, values, attributes, &mut chunk.bytes);
        let fragment = chunk.bytes.get(from..).unwrap_or_default();
        chunk.records.push(NewRecord {
            id: RecordId { version: attributes.version, ..row.id.clone() },
            voided: true,
            content: self.format().content_digest(ty, values, Op::Void),
            digest: leaf_hash(Suite::digest_on(&chunk.route), fragment),
            facts: self.format().facts(ty, values).into(),
            len: fragment.len() as u32,
            waits_for: None,
            // The row is gone: nothing can be written back to it.
            source_row: None,
        });
    }
}
