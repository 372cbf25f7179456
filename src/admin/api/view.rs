//! What is said in answers: types of the API's own, so that a change within does not reach programs.
//! Moments are RFC 3339 with the offset of Beijing, days `YYYY-MM-DD`.

use std::collections::BTreeMap;

use canon::{Millis, Violation};
use serde::Serialize;
use store::{AdapterProgress, AuditEvent, ProblemItem, TraceStep};
use utoipa::ToSchema;

use crate::house::{Paper, Said};

/// A moment as programs read it.
pub(super) fn moment(at: Millis) -> String {
    format!("{}+08:00", at.to_string().replacen(' ', "T", 1))
}

/// Why a request was refused, in both languages, with what to do.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Fault {
    /// Stable code, such as `admin.forbidden`.
    pub(super) code: String,
    /// English.
    pub(super) en: String,
    /// Chinese.
    pub(super) zh: String,
}

/// The body of every refusal.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Refused {
    pub(super) error: Fault,
}

/// Who asks, and what they may.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WhoAmI {
    /// Operator code.
    pub(super) account: String,
    pub(super) roles: Vec<String>,
    /// What may be done with this session or token.
    pub(super) powers: Vec<String>,
    /// Region codes that are seen, each with those beneath it; empty is all.
    pub(super) regions: Vec<String>,
    /// Units that are seen; empty is all.
    pub(super) units: Vec<String>,
}

/// One plain sentence about the node.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Sentence {
    /// `link`, `adapter`, `carrier`, `certificate`, `drop`, `hold`, …
    pub(super) kind: String,
    /// The link, adapter, route or file.
    pub(super) about: String,
    /// Somebody has to do something.
    pub(super) needs_a_person: bool,
    pub(super) en: String,
    pub(super) zh: String,
}

impl From<Said> for Sentence {
    fn from(said: Said) -> Self {
        let Said { kind, about, text, needs_a_person } = said;
        Self { kind, about, needs_a_person, en: text.en, zh: text.zh }
    }
}

/// The node's numbers now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Status {
    /// Node code.
    pub(super) node: String,
    pub(super) title: String,
    /// `formal`, `joint` or `demo`.
    pub(super) environment: String,
    pub(super) version: String,
    #[schema(format = DateTime)]
    pub(super) at: String,
    /// Somebody has to do something.
    pub(super) needs_a_person: bool,
    /// Own records by place.
    pub(super) places: BTreeMap<String, u64>,
    /// Quarantined rows that gave no record.
    pub(super) rows_without_key: u64,
    /// Records of others that are kept here.
    pub(super) kept: u64,
    /// Envelopes of others judged here.
    pub(super) judged: u64,
    /// Parcels in the inbox.
    pub(super) inbox: u64,
    /// Receipts, manifests and inquiries not sealed yet.
    pub(super) control_queued: u64,
    /// Parcels set aside.
    pub(super) refused: u64,
    /// What is to be said of links, adapters, certificates and the rest.
    pub(super) said: Vec<Sentence>,
}

/// Every link.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Links {
    pub(super) links: Vec<Link>,
}

/// One link and what goes out by it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Link {
    pub(super) link: String,
    /// Records that wait to be handed over.
    pub(super) due: u64,
    /// Records handed over, without a receipt yet.
    pub(super) in_flight: u64,
    /// Records whose receipt is overdue.
    pub(super) unknown: u64,
    /// Records given up.
    pub(super) dead: u64,
    pub(super) accepted: u64,
    pub(super) rejected: u64,
    /// Since when the oldest of them waits.
    #[schema(format = DateTime)]
    pub(super) oldest: Option<String>,
    #[schema(format = DateTime)]
    pub(super) last_receipt: Option<String>,
    /// Stable code of why the last attempt failed, if it did.
    pub(super) reason: Option<String>,
    /// Why somebody has paused it; none if nobody has.
    pub(super) paused: Option<String>,
    /// Records a second over the last minute; none while nothing is known.
    pub(super) rate: Option<f64>,
    /// Seconds until nothing waits any more at that rate.
    pub(super) empty_in_seconds: Option<u64>,
    /// Since when nothing has moved, if something waits.
    #[schema(format = DateTime)]
    pub(super) still_since: Option<String>,
}

/// Every adapter within the caller's scope.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Adapters {
    pub(super) adapters: Vec<Adapter>,
}

/// One source.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Adapter {
    pub(super) adapter: String,
    /// After the last committed page.
    pub(super) cursor: Option<String>,
    pub(super) rows_read: u64,
    pub(super) rows_unchanged: u64,
    pub(super) records: u64,
    pub(super) quarantined: u64,
    /// When the last page was committed.
    #[schema(format = DateTime)]
    pub(super) last_at: Option<String>,
    /// Why it is held; none if it is not.
    pub(super) paused: Option<String>,
    /// Answers that wait to be written back.
    pub(super) write_backs: u64,
}

impl From<AdapterProgress> for Adapter {
    fn from(a: AdapterProgress) -> Self {
        Self {
            adapter: a.adapter,
            cursor: a.cursor,
            rows_read: a.rows_read,
            rows_unchanged: a.rows_unchanged,
            records: a.records,
            quarantined: a.quarantined,
            last_at: a.last_at.map(moment),
            paused: a.paused,
            write_backs: a.write_backs,
        }
    }
}

/// Certificates and authorities.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Certificates {
    pub(super) certificates: Vec<Certificate>,
}

/// One certificate.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Certificate {
    pub(super) file: String,
    pub(super) subject: String,
    /// An authority, not this node's own.
    pub(super) authority: bool,
    pub(super) suite: String,
    #[schema(format = DateTime)]
    pub(super) from: String,
    #[schema(format = DateTime)]
    pub(super) until: String,
    /// Nothing is to be done.
    pub(super) well: bool,
    pub(super) en: String,
    pub(super) zh: String,
}

impl From<Paper> for Certificate {
    fn from(p: Paper) -> Self {
        Self {
            file: p.file,
            subject: p.subject,
            authority: p.anchor,
            suite: p.suite,
            from: moment(p.from),
            until: moment(p.until),
            well: p.well,
            en: p.text.en,
            zh: p.text.zh,
        }
    }
}

/// Problem data, in the order of their numbers.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Problems {
    pub(super) problems: Vec<Problem>,
    /// Ask again with `after` = this for the next ones; none if these are the last.
    pub(super) next: Option<i64>,
}

/// One entry of the problem data; the row itself is shown by the pages alone.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Problem {
    pub(super) number: i64,
    /// `quarantined` here, `rejected` above, or `refused`: a parcel.
    pub(super) class: String,
    /// `held`, `returned`, `resubmitted`, `cured` or `voided`.
    pub(super) state: String,
    pub(super) adapter: String,
    /// Where in the source.
    pub(super) reference: String,
    pub(super) record: Option<String>,
    pub(super) destination: Option<String>,
    pub(super) violations: Vec<Broken>,
    #[schema(format = DateTime)]
    pub(super) at: String,
    /// Until when its unit should have corrected it.
    #[schema(format = DateTime)]
    pub(super) deadline: Option<String>,
    /// The version that cured it.
    pub(super) cured_by: Option<u32>,
}

impl From<ProblemItem> for Problem {
    fn from(p: ProblemItem) -> Self {
        Self {
            number: p.number,
            class: p.class,
            state: p.state,
            adapter: p.adapter,
            reference: p.reference,
            record: p.record,
            destination: p.destination.map(|to| to.to_string()),
            violations: p.violations.into_iter().map(Broken::from).collect(),
            at: moment(p.at),
            deadline: p.deadline.map(moment),
            cured_by: p.cured_by,
        }
    }
}

/// One violated rule.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Broken {
    /// Stable code.
    pub(super) rule: String,
    pub(super) field: String,
    /// `error`, or milder.
    pub(super) severity: String,
    pub(super) en: String,
    pub(super) zh: String,
}

impl From<Violation> for Broken {
    fn from(v: Violation) -> Self {
        let severity = format!("{:?}", v.severity).to_lowercase();
        let (rule, field) = (v.rule.to_string(), v.field.to_string());
        Self { rule, field, severity, en: v.en, zh: v.zh }
    }
}

/// The life of a case at this node, oldest step first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Trace {
    pub(super) case: String,
    pub(super) steps: Vec<Step>,
}

/// One step.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Step {
    #[schema(format = DateTime)]
    pub(super) at: String,
    pub(super) record: String,
    pub(super) destination: Option<String>,
    /// `collected`, `sealed`, `sent`, `accepted`, …
    pub(super) what: String,
    pub(super) envelope: Option<String>,
    /// Digest, outcome code or reason.
    pub(super) detail: String,
}

impl From<TraceStep> for Step {
    fn from(s: TraceStep) -> Self {
        Self {
            at: moment(s.at),
            record: s.record,
            destination: s.destination.map(|to| to.to_string()),
            what: s.what,
            envelope: s.envelope,
            detail: s.detail,
        }
    }
}

/// Lines of the audit chain.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Audit {
    pub(super) events: Vec<Event>,
    /// Ask again with `after` = this for the next ones; none if these are the last.
    pub(super) next: Option<i64>,
}

/// One line.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Event {
    pub(super) number: i64,
    #[schema(format = DateTime)]
    pub(super) at: String,
    /// Operator code or worker.
    pub(super) who: String,
    pub(super) action: String,
    pub(super) subject: String,
    pub(super) reason: String,
    /// Whether it was done.
    pub(super) ok: bool,
    /// The chain's digest up to this line.
    pub(super) digest: String,
}

impl Event {
    pub(super) fn new(number: i64, e: AuditEvent, digest: &canon::Digest) -> Self {
        Self {
            number,
            at: moment(e.at),
            who: e.who,
            action: e.action,
            subject: e.subject,
            reason: e.reason,
            ok: e.ok,
            digest: digest.to_string(),
        }
    }
}

/// What came of an act.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Done {
    /// How much changed.
    pub(super) changed: u64,
}
