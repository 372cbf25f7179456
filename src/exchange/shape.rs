//! A page of rows becomes chunks of fragments and quarantined records: mapped, versioned by
//! content, validated, rendered and hashed once.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::sync::{Arc, PoisonError};

use adapt::{Bound, Draft, Drafts, ParentIs};
use canon::format::{Attributes, Format, Nature, Op, OpenLists};
use canon::{Digest, DigestAlg, Key, Millis, RecordId, Route, Violation};
use edge::{Fate, Page, RecordFate, What};
use envelope::Suite;
use store::{
    BaselineRow, Elsewhere, Link, NewChunk, NewQuarantine, NewRecord, Place, SharedStore, WaitFor,
};

use crate::adapter::{Adapter, Target};
use crate::case::{self, Case, stands};
use crate::error::WorkError;
use crate::resubmit::{self, Only};

/// What a page gives.
#[derive(Default)]
pub(crate) struct Shaped {
    /// Valid records, a chunk a route.
    pub(crate) chunks: Vec<NewChunk>,
    /// Invalid ones.
    pub(crate) quarantined: Vec<NewQuarantine>,
    /// Rows that lead to what is known already.
    pub(crate) known: Vec<Link>,
    /// Records that were reported before the exchange began and are read for the first time: what
    /// they hold now is what later change is seen against.
    pub(crate) adopted: Vec<BaselineRow>,
    /// Which rows gave something new.
    fresh: Vec<bool>,
    /// What becomes of each row, for a source that asks.
    pub(crate) fates: Vec<Fate>,
}

/// What became of a draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Drafted {
    /// Its content is known.
    Known,
    /// It is in a chunk.
    Collected,
    /// It is in a chunk and waits.
    Waits,
    /// It is in quarantine.
    Held,
    /// It is there since before, and still wrong.
    HeldBefore,
}

impl Shaped {
    /// What another target makes of the same page.
    pub(crate) fn add(&mut self, other: Self) {
        self.chunks.extend(other.chunks);
        self.quarantined.extend(other.quarantined);
        self.known.extend(other.known);
        self.adopted.extend(other.adopted);
        self.fresh.resize(self.fresh.len().max(other.fresh.len()), false);
        self.fresh.iter_mut().zip(other.fresh).for_each(|(a, b)| *a |= b);
        self.fates.resize(self.fates.len().max(other.fates.len()), Fate::default());
        self.fates.iter_mut().zip(other.fates).for_each(|(a, b)| a.and(b));
    }

    /// How many of the page's rows gave nothing new to anybody.
    pub(crate) fn unchanged(&self, rows: u64) -> u64 {
        rows.saturating_sub(self.fresh.iter().filter(|fresh| **fresh).count() as u64)
    }
}

/// Where a digest is not known, or not yet.
const BLANK: Digest = Digest { alg: DigestAlg::Sha256, bytes: [0; 32] };

/// Whose page it is, for which destination, and how its columns are read there.
#[derive(Clone, Copy)]
pub(crate) struct Of<'a> {
    /// The node's facts.
    pub(crate) store: &'a SharedStore,
    /// Code lists in force.
    pub(crate) lists: &'a OpenLists,
    /// The adapter.
    pub(crate) adapter: &'a Adapter,
    /// One of its targets.
    pub(crate) target: &'a Target,
    /// How its mapping reads this header.
    pub(crate) bound: &'a Bound,
}

/// Keeps its memory from page to page.
#[derive(Default)]
pub(crate) struct Shaper {
    drafts: Drafts,
    found: Vec<Violation>,
}

impl Shaper {
    /// Shapes one page. `changed` names the rows to look at, `only` the record of them; none is all.
    pub(crate) async fn page(
        &mut self,
        of: &Of<'_>,
        page: &Page,
        changed: Option<&[usize]>,
        only: Option<&Only>,
        now: Millis,
    ) -> Result<Shaped, WorkError> {
        let rows = self.map(of, page, changed);
        if of.adapter.history {
            self.drafts.as_mut_slice().iter_mut().for_each(|d| d.nature = Nature::History);
        }
        let keys = self.keys(of);
        let mut roots: Vec<&str> = keys.iter().flatten().map(Key::root).collect();
        roots.sort_unstable();
        roots.dedup();
        let mut cases: HashMap<String, Case> = HashMap::with_capacity(roots.len());
        self.answered(of.store, &keys, &mut cases).await?;
        let crossed = case::known(of, &roots, &mut cases).await?;
        let mut pen = Pen {
            of: *of,
            page,
            only,
            now,
            crossed,
            chunks: BTreeMap::new(),
            out: Shaped { fresh: vec![false; page.len()], ..Shaped::default() },
            found: std::mem::take(&mut self.found),
            case: Case::default(),
        };
        let asks = of.adapter.source.lock().unwrap_or_else(PoisonError::into_inner).asks();
        for (index, range) in rows {
            let mut fresh = false;
            let row =
                Row { index, digest: page.row(index).map(|r| r.digest(DigestAlg::default())) };
            let mut fate = Fate::default();
            for at in range {
                let Some(draft) = self.drafts.as_mut_slice().get_mut(at) else { continue };
                let key = keys.get(at).and_then(Option::as_ref);
                let drafted = pen.draft(draft, key, &mut cases, &row);
                fresh |= !matches!(drafted, Drafted::Known | Drafted::HeldBefore);
                if asks {
                    fate.records.push(pen.fate(draft, key, drafted));
                }
            }
            if asks {
                pen.out.fates.push(fate);
            }
            if let Some(known) = pen.out.fresh.get_mut(index) {
                *known = fresh;
            }
        }
        self.found = pen.found;
        let mut shaped = pen.out;
        shaped.chunks = pen.chunks.into_values().collect();
        for chunk in &mut shaped.chunks {
            chunk.digest_records(Suite::digest_on(&chunk.route));
        }
        Ok(shaped)
    }

    /// Facts of what came from elsewhere and is answered here: the card to which a reply belongs.
    async fn answered(
        &self,
        store: &SharedStore,
        keys: &[Option<Key>],
        cases: &mut HashMap<String, Case>,
    ) -> Result<(), WorkError> {
        let answers = self.drafts.as_slice().iter().zip(keys);
        let answers = answers.filter(|(d, _)| d.parent == ParentIs::Elsewhere);
        let roots: BTreeSet<&str> =
            answers.filter_map(|(_, k)| k.as_ref()).map(Key::root).collect();
        if roots.is_empty() {
            return Ok(());
        }
        let roots: Vec<&str> = roots.into_iter().collect();
        let mut kept = store.kept_cases(&roots).await?;
        kept.sort_by_key(|row| row.id.version);
        for row in kept {
            let case = cases.entry(row.id.key.root().to_owned()).or_default();
            case.facts.insert(&row.id.kind, row.id.key.part(), &row.facts);
        }
        Ok(())
    }

    /// Maps every row; says which drafts are whose.
    fn map(
        &mut self,
        of: &Of<'_>,
        page: &Page,
        changed: Option<&[usize]>,
    ) -> Vec<(usize, Range<usize>)> {
        self.drafts.clear();
        let all: Vec<usize>;
        let indices = match changed {
            Some(changed) => changed,
            None => {
                all = (0..page.len()).collect();
                &all
            }
        };
        let mut rows = Vec::with_capacity(indices.len());
        for index in indices {
            let Some(row) = page.row(*index) else { continue };
            let from = self.drafts.as_slice().len();
            of.target.mapping.map(of.bound, row.row(), &mut self.drafts);
            rows.push((*index, from..self.drafts.as_slice().len()));
        }
        rows
    }

    fn keys(&self, of: &Of<'_>) -> Vec<Option<Key>> {
        let key = |d: &Draft| {
            let namespace = d.namespace.as_ref().unwrap_or(&of.adapter.namespace);
            of.target.format.key(d.ty, &d.values, namespace)
        };
        self.drafts.as_slice().iter().map(key).collect()
    }
}

/// The row a draft came from.
struct Row {
    index: usize,
    digest: Option<Digest>,
}

struct Pen<'a> {
    of: Of<'a>,
    page: &'a Page,
    only: Option<&'a Only>,
    now: Millis,
    /// Others are in line for the same destination on another route.
    crossed: bool,
    chunks: BTreeMap<Route, NewChunk>,
    out: Shaped,
    found: Vec<Violation>,
    /// For records without a key.
    case: Case,
}

impl Pen<'_> {
    /// Writes one draft down.
    fn draft(
        &mut self,
        draft: &mut Draft,
        key: Option<&Key>,
        cases: &mut HashMap<String, Case>,
        row: &Row,
    ) -> Drafted {
        let format: &Format = &self.of.target.format;
        let kind = Arc::clone(&format.get(draft.ty).wire);
        let Some(key) = key else {
            self.validate(draft, &self.attributes(draft, row, 1), None);
            self.quarantine(draft, None, None, row);
            return Drafted::Held;
        };
        let content = format.content_digest(draft.ty, &draft.values, draft.op);
        let case = match cases.get_mut(key.root()) {
            Some(case) => case,
            None => cases.entry(key.root().to_owned()).or_default(),
        };
        let before = case.of(&kind, key.part());
        if self.only.is_some_and(|only| !only.is(&kind, key, before.map(|b| b.version))) {
            return Drafted::Known;
        }
        let mark = case.mark(&kind, key.part()).filter(|_| before.is_none());
        if draft.op == Op::Void && before.is_none() && mark.is_none() {
            return Drafted::Known;
        }
        if let Some(mark) = mark {
            let first_seen = mark.content.is_none() && draft.op == Op::Put;
            if first_seen {
                let adopted = BaselineRow { content: Some(content), ..mark.clone() };
                case.baseline.retain(|b| b.kind != adopted.kind || b.key != adopted.key);
                case.baseline.push(adopted.clone());
                self.out.adopted.push(adopted);
                return Drafted::Known;
            }
            if mark.content == Some(content) {
                return Drafted::Known;
            }
        }
        let same = before.filter(|b| b.content == content);
        // What was quarantined for a fault elsewhere in its case may be sound by now.
        let retry = same.is_some_and(|b| b.place == Place::Quarantined);
        if let Some(same) = same {
            let id = RecordId { kind: Arc::clone(&kind), key: key.clone(), version: same.version };
            self.link(id, row);
        }
        if same.is_some() && !retry {
            return Drafted::Known;
        }
        let version = before.map(|b| b.version).or(mark.map(|m| m.version)).unwrap_or(0) + 1;
        let attributes = self.attributes(draft, row, version);
        self.validate(draft, &attributes, Some(case));
        let id = RecordId { kind, key: key.clone(), version };
        let facts = format.facts(draft.ty, &draft.values);
        if draft.is_refused() {
            if retry {
                return Drafted::HeldBefore;
            }
            case.note(&id, content, Place::Quarantined, &facts);
            self.quarantine(draft, Some(id), Some(content), row);
            return Drafted::Held;
        }
        let waits_for = self.gate(draft, case);
        let place = if waits_for.is_some() { Place::Waiting } else { Place::Staged };
        case.note(&id, content, place, &facts);
        self.render(draft, &attributes, id, content, facts.into(), waits_for, row);
        if place == Place::Waiting { Drafted::Waits } else { Drafted::Collected }
    }

    /// What became of a draft, for whoever gave its row.
    fn fate(&self, draft: &Draft, key: Option<&Key>, drafted: Drafted) -> RecordFate {
        let what = match drafted {
            Drafted::Known => What::Known,
            Drafted::Collected => What::Collected,
            Drafted::Waits => What::Waits,
            Drafted::Held | Drafted::HeldBefore => {
                let told = draft.violations.iter().map(|v| self.in_source_words(draft, v));
                What::Returned(told.collect())
            }
        };
        let kind = Arc::clone(&self.of.target.format.get(draft.ty).wire);
        RecordFate { kind, key: key.map(ToString::to_string), what }
    }

    fn attributes(&self, draft: &Draft, row: &Row, version: u32) -> Attributes {
        let namespace = draft.namespace.as_ref().unwrap_or(&self.of.adapter.namespace);
        Attributes {
            version,
            op: draft.op,
            nature: draft.nature,
            system: Arc::clone(self.of.target.mapping.system()),
            entered: draft.entered.clone(),
            collected: self.now,
            row_digest: row.digest.unwrap_or(BLANK),
            amended: draft.amended,
            namespace: Arc::clone(namespace),
            reason: draft.reason.clone(),
            by: draft.by.clone(),
        }
    }

    fn validate(&mut self, draft: &mut Draft, attributes: &Attributes, case: Option<&Case>) {
        let facts = &case.unwrap_or(&self.case).facts;
        self.found.clear();
        let (format, lists) = (&self.of.target.format, self.of.lists);
        format.validate(draft.ty, &draft.values, attributes, facts, lists, &mut self.found);
        draft.absorb(&mut self.found);
    }

    /// Whether the record may be sealed now, or what it waits for.
    fn gate(&self, draft: &Draft, case: &Case) -> Option<WaitFor> {
        let namespace = draft.namespace.as_ref().unwrap_or(&self.of.adapter.namespace);
        let format: &Format = &self.of.target.format;
        let (parent, key) = format.parent_key(draft.ty, &draft.values, namespace)?;
        let kind = Arc::clone(&format.get(parent).wire);
        match draft.parent {
            // The receiver may not have it: an orphan.
            ParentIs::Mine if case.is_older(&kind, key.part()) => {
                let elsewhere = Some(Elsewhere { next: self.now, until: self.now });
                Some(WaitFor { kind, key, accepted: false, elsewhere })
            }
            ParentIs::Mine => {
                let there = case.of(&kind, key.part());
                // The store looks whether it is before this one in the same line.
                let in_line = |p: Place| self.crossed && p == Place::Staged;
                let goes = |p: Place| stands(p) && p != Place::Waiting && !in_line(p);
                let ready = there.is_some_and(|p| goes(p.place));
                (!ready).then_some(WaitFor { kind, key, accepted: false, elsewhere: None })
            }
            // It goes up at once; a parent-missing answer puts it on the schedule.
            ParentIs::Elsewhere => None,
            // No parent will ever come: an orphan from the beginning.
            ParentIs::None => {
                let elsewhere = Some(Elsewhere { next: self.now, until: self.now });
                Some(WaitFor { kind, key, accepted: false, elsewhere })
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "all of them are parts of one record")]
    fn render(
        &mut self,
        draft: &Draft,
        attributes: &Attributes,
        id: RecordId,
        content: Digest,
        facts: Arc<str>,
        waits_for: Option<WaitFor>,
        row: &Row,
    ) {
        let route = self.of.target.route(draft.nature).clone();
        let source_row = self.source_row(row);
        let chunk = self.chunks.entry(route).or_insert_with_key(|route| NewChunk {
            route: route.clone(),
            day: self.now.day(),
            adapter: Arc::clone(&self.of.adapter.name),
            bytes: Vec::new(),
            records: Vec::new(),
        });
        let from = chunk.bytes.len();
        self.of.target.format.render(draft.ty, &draft.values, attributes, &mut chunk.bytes);
        chunk.records.push(NewRecord {
            id,
            voided: draft.op == Op::Void,
            content,
            // Once the page is written, together with the others.
            digest: BLANK,
            facts,
            len: (chunk.bytes.len() - from) as u32,
            waits_for,
            source_row,
        });
    }

    /// Nothing is new, but this row leads to the record too: while it is there the record is not
    /// withdrawn for another row that is gone.
    fn link(&mut self, id: RecordId, row: &Row) {
        if !self.of.adapter.voids() {
            return;
        }
        let Some(source_row) = self.source_row(row) else { return };
        let adapter = Arc::clone(&self.of.adapter.name);
        let destination = self.of.target.destination().clone();
        self.out.known.push(Link { adapter, row: source_row, id, destination });
    }

    fn source_row(&self, row: &Row) -> Option<Arc<str>> {
        if !self.of.adapter.links(self.page.table) {
            return None;
        }
        let row = self.page.row(row.index)?;
        Some(self.of.adapter.row_name(self.page.table, row.row_key()?))
    }

    fn quarantine(
        &mut self,
        draft: &Draft,
        id: Option<RecordId>,
        content: Option<Digest>,
        row: &Row,
    ) {
        let (Some(source), Some(row_digest)) = (self.page.row(row.index), row.digest) else {
            return;
        };
        let columns = self.page.columns.iter().map(|column| &**column);
        let raw = resubmit::write(columns.zip(source.cells()));
        let violations = draft.violations.iter().map(|v| self.in_source_words(draft, v)).collect();
        // One wide row may give several bad records; each is listed once.
        let kind = &self.of.target.format.get(draft.ty).wire;
        let part = id.as_ref().map_or("", |i| i.key.part());
        let row_digest =
            row_digest.alg.of(&[&row_digest.bytes, kind.as_bytes(), b"/", part.as_bytes()]);
        self.out.quarantined.push(NewQuarantine {
            adapter: Arc::clone(&self.of.adapter.name),
            route: self.of.target.route(draft.nature).clone(),
            day: self.now.day(),
            reference: source.reference(),
            source_row: self.source_row(row),
            row_digest,
            id,
            content,
            violations,
            raw,
        });
    }

    /// The owner knows the columns of the source, not the labels of the format.
    fn in_source_words(&self, draft: &Draft, violation: &Violation) -> Violation {
        let mut told = violation.clone();
        let Of { target, bound, .. } = self.of;
        let columns = target.mapping.columns_of(bound.query(), draft.block, &violation.field);
        let [column] = columns.as_slice() else { return told };
        if let Some((before, rest)) = told.zh.split_once('『')
            && let Some((_, after)) = rest.split_once('』')
        {
            told.zh = format!("{before}『{column}』{after}");
        }
        told
    }
}
