//! What an evidence file proves, step by step. Each step either holds or does not; nothing is
//! concluded from a step that does not.

use std::sync::Arc;

use canon::format::{CaseFacts, Format, OpenLists, Parsed};
use canon::{Digest, Environment, Millis, RecordId, Severity, Violation, leaf_hash};

use super::{Evidence, Item, Leaf, Signed, Vouched, tell};
use crate::merkle::verify_path;
use crate::outcome::read_outcome;
use crate::trust::verify_head;
use crate::{By, Head, Kind, Outcome, OutcomeLine, Refuse, SenderCert, Trust};

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Stable word.
    pub name: &'static str,
    /// Whether it holds.
    pub holds: bool,
    /// In plain Chinese.
    pub zh: String,
    /// In plain English.
    pub en: String,
}

/// What the record's destination says of it, as far as that is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Kept exactly so.
    Accepted,
    /// A higher version was there before it; final.
    Superseded,
    /// Not kept, with a code.
    Rejected,
    /// Its parent was not there; not final.
    ParentMissing,
    /// There is no receipt.
    Unanswered,
    /// Something in the chain does not hold: nothing may be concluded.
    Unproven,
}

impl Standing {
    /// Stable word, for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Superseded => "superseded",
            Self::Rejected => "rejected",
            Self::ParentMissing => "parent-missing",
            Self::Unanswered => "unanswered",
            Self::Unproven => "unproven",
        }
    }

    /// Whether no doubt is left: proven, final, and not turned down.
    pub const fn beyond_doubt(self) -> bool {
        matches!(self, Self::Accepted | Self::Superseded)
    }
}

/// A value of the record, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldShown {
    /// Chinese label of the format.
    pub label: String,
    /// English name.
    pub name: String,
    /// The value.
    pub value: String,
    /// Whether the format marks it as personal.
    pub personal: bool,
}

/// What is proven of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// Its id; none where the format is not known here or does not fit.
    pub id: Option<RecordId>,
    /// Chinese label and English name of its type.
    pub kind: Option<(String, String)>,
    /// Its environment, if the head can be read.
    pub environment: Option<Environment>,
    /// Everything that was looked at, in order.
    pub steps: Vec<Step>,
    /// The verdict.
    pub standing: Standing,
    /// Its values.
    pub fields: Vec<FieldShown>,
}

/// A head that was read and verified.
struct Verified {
    head: Head,
    digest: Digest,
    signer: Arc<SenderCert>,
}

impl Evidence {
    /// Judges every record of the file against these anchors. `format` gives the formats that are
    /// known, by edition.
    pub fn judge(
        &self,
        trust: &Trust,
        format: &dyn Fn(&str) -> Option<Arc<Format>>,
    ) -> Vec<Judged> {
        self.items.iter().map(|item| judge(item, trust, format)).collect()
    }
}

fn judge(item: &Item, trust: &Trust, format: &dyn Fn(&str) -> Option<Arc<Format>>) -> Judged {
    let mut steps = Vec::new();
    // The receipt first: its signer vouches for the time at which the envelope was there.
    let receipt = item.receipt.as_ref().map(|answer| {
        (answer, verified(&answer.signed, Kind::Receipt, trust, |head| head.sealed_at))
    });
    let vouched = receipt.as_ref().and_then(|(_, r)| r.as_ref().ok()).and_then(received_at);
    let hops = hops(item, trust);
    // The earliest time that another node vouches for decides, never the signer's own alone.
    let had = hops.iter().flatten().map(|v| v.hop.at).chain(vouched).min();
    let envelope =
        verified(&item.envelope, Kind::Records, trust, |head| had.unwrap_or(head.sealed_at));
    let mut record = Record::default();
    let mut standing = Standing::Unproven;
    match &envelope {
        Err(refuse) => steps.push(tell::envelope_refused(refuse)),
        Ok(signed) => {
            steps.push(tell::envelope(&signed.head, &signed.signer));
            steps.extend(revoked_later(&item.envelope, signed, trust));
            let inside = under(&item.record, &signed.head);
            steps.push(tell::in_envelope(&item.record, signed.head.count(), inside));
            // What the signature does not cover is not read: it could say anything.
            if inside {
                record = read_record(&item.record, &signed.head, format);
                let step = record.step.take();
                steps.push(step.unwrap_or_else(|| tell::format_unknown(&signed.head)));
            }
        }
    }
    steps.extend(hops.iter().map(tell::hop));
    match (&envelope, &receipt) {
        (_, None) => steps.push(tell::unanswered()),
        (_, Some((_, Err(refuse)))) => steps.push(tell::receipt_refused(refuse)),
        (Err(_), Some((_, Ok(answer)))) => steps.push(tell::receipt(&answer.head, &answer.signer)),
        (Ok(sent), Some((given, Ok(answer)))) => {
            steps.push(tell::receipt(&answer.head, &answer.signer));
            steps.extend(revoked_later(&given.signed, answer, trust));
            steps.push(tell::answers(&answer.head, answers(&answer.head, sent)));
            let outcome = outcome(given.outcome.as_ref(), &item.record, &answer.head);
            steps.push(tell::outcome(outcome.as_ref(), &answer.head));
            standing = outcome.map_or(Standing::Unproven, |line| standing_of(line.outcome));
        }
    }
    if steps.iter().any(|step| !step.holds) {
        standing = Standing::Unproven;
    } else if receipt.is_none() {
        standing = Standing::Unanswered;
    }
    let environment = envelope.ok().map(|signed| signed.head.environment);
    let Record { id, kind, fields, step: _ } = record;
    Judged { id, kind, environment, steps, standing, fields }
}

/// A certificate that was revoked after the time it is judged at still stands; whoever judges must know.
fn revoked_later(signed: &Signed, verified: &Verified, trust: &Trust) -> Option<Step> {
    let since = trust.revoked_since(signed.signature.as_bytes())?;
    Some(tell::revoked_later(&verified.head, &verified.signer, since))
}

/// What each hop receipt of the file proves of its envelope.
fn hops(item: &Item, trust: &Trust) -> Vec<Result<Vouched, Refuse>> {
    let bytes = item.envelope.head.as_bytes();
    let Ok(head) = Head::read(bytes) else { return Vec::new() };
    let envelope = (&head.id(), Head::digest(head.digest_alg, bytes));
    item.hops.iter().map(|passed| passed.vouches(envelope, trust, None)).collect()
}

/// When the receiver says that it had the envelope.
fn received_at(receipt: &Verified) -> Option<Millis> {
    receipt.head.answers.as_ref().map(|answers| answers.received_at)
}

fn verified(
    signed: &Signed,
    kind: Kind,
    trust: &Trust,
    at: impl Fn(&Head) -> Millis,
) -> Result<Verified, Refuse> {
    let bytes = signed.head.as_bytes();
    let head = Head::read(bytes)?;
    if head.kind != kind {
        return Err(Refuse::Malformed { at: 0, what: "a head of the kind that belongs here" });
    }
    let signer = verify_head(&head, bytes, signed.signature.as_bytes(), trust, at(&head))?;
    Ok(Verified { digest: Head::digest(head.digest_alg, bytes), head, signer })
}

/// Whether a fragment lies at its position under the root of a head, with the length it names.
fn under(leaf: &Leaf, head: &Head) -> bool {
    let path: Option<Vec<Digest>> = leaf.path.iter().map(|text| text.parse().ok()).collect();
    let Ok(position) = usize::try_from(leaf.position) else { return false };
    let length = head.lengths.get(position).map(|n| *n as usize);
    let bytes = leaf.content.as_bytes();
    path.is_some_and(|path| {
        length == Some(bytes.len())
            && verify_path(
                &leaf_hash(head.digest_alg, bytes),
                position,
                head.count(),
                &path,
                &head.root,
            )
    })
}

/// Whether a receipt is its destination's answer to exactly this envelope.
fn answers(receipt: &Head, sent: &Verified) -> bool {
    receipt.from == sent.head.to
        && receipt.to == sent.head.from
        && receipt.answers.as_ref().is_some_and(|a| {
            a.envelope == sent.head.id() && a.head == sent.digest && a.root == sent.head.root
        })
}

/// The outcome, where it lies under the receipt's root at the record's own position. A declined
/// envelope has none: its code is each record's.
fn outcome(leaf: Option<&Leaf>, record: &Leaf, receipt: &Head) -> Option<OutcomeLine> {
    let declined = receipt.answers.as_ref().and_then(|a| a.decline.as_deref());
    match (leaf, declined) {
        (None, Some(code)) => {
            Some(OutcomeLine::with_code(record.position, Outcome::Rejected, code))
        }
        (Some(leaf), None) => {
            let line = read_outcome(leaf.content.as_bytes()).ok()?;
            let same = leaf.position == record.position && line.position == record.position;
            (same && under(leaf, receipt)).then_some(line)
        }
        (None, None) | (Some(_), Some(_)) => None,
    }
}

const fn standing_of(outcome: Outcome) -> Standing {
    match outcome {
        Outcome::Accepted => Standing::Accepted,
        Outcome::Superseded => Standing::Superseded,
        Outcome::Rejected => Standing::Rejected,
        Outcome::ParentMissing => Standing::ParentMissing,
    }
}

/// The record as its format reads it.
#[derive(Default)]
struct Record {
    id: Option<RecordId>,
    kind: Option<(String, String)>,
    fields: Vec<FieldShown>,
    step: Option<Step>,
}

fn read_record(leaf: &Leaf, head: &Head, format: &dyn Fn(&str) -> Option<Arc<Format>>) -> Record {
    let Some(format) = format(&head.format) else { return Record::default() };
    let parsed = match format.parse(leaf.content.as_bytes()) {
        Ok(parsed) => parsed,
        Err(violation) => {
            let step = Some(tell::not_of_the_format(head, &violation));
            return Record { step, ..Record::default() };
        }
    };
    let ty = format.get(parsed.ty);
    let key = format.key(parsed.ty, &parsed.values, &parsed.attrs.namespace);
    let version = parsed.attrs.version;
    let id = key.map(|key| RecordId { kind: ty.wire.clone(), key, version });
    let broken = violations(&format, &parsed);
    Record {
        step: Some(tell::record(head, ty, &parsed, id.is_some(), &broken)),
        id,
        kind: Some((ty.label.clone(), ty.name.to_string())),
        fields: shown(&format, &parsed),
    }
}

/// What this program's rules say of the record alone: rules across a case cannot be judged here.
fn violations(format: &Format, parsed: &Parsed) -> Vec<Violation> {
    let mut found = Vec::new();
    let (case, lists) = (CaseFacts::new(), OpenLists::new());
    format.validate(parsed.ty, &parsed.values, &parsed.attrs, &case, &lists, &mut found);
    found.retain(|violation| violation.severity == Severity::Error);
    found
}

fn shown(format: &Format, parsed: &Parsed) -> Vec<FieldShown> {
    let fields = &format.get(parsed.ty).fields;
    let of = |(ix, value): (usize, &str)| {
        let field = fields.get(ix)?;
        Some(FieldShown {
            label: field.label.clone(),
            name: field.name.to_string(),
            value: value.to_owned(),
            personal: field.personal,
        })
    };
    parsed.values.iter().filter_map(of).collect()
}

/// Whose statement a receipt is.
pub(super) fn by_outlet(receipt: &Head) -> bool {
    receipt.answers.as_ref().is_some_and(|a| a.by == By::Outlet)
}

impl Judged {
    /// The verdict in a sentence, English and Chinese.
    pub fn verdict(&self) -> (String, String) {
        tell::verdict(self.standing, self.environment)
    }
}
