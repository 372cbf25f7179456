//! Records returned after acceptance: the receiver's quality notices, and the marks they leave at the
//! sender. A mark has a list and a deadline of its own; its record stays accepted, in its place and in
//! every sum. The answer is the record's next version.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use canon::{Key, Millis, NodeCode};
use envelope::Kind;
use envelope::control::QualityNotice;
use serde::{Deserialize, Serialize};
use store::{AuditEvent, CaseRow, NewControl, Place, SharedStore};

use crate::control;
use crate::error::WorkError;
use crate::standing;

/// Prefix of marks: `returned/TYPE KEY BY`, by whom they were made; older ones do not name them.
pub const RETURNED: &str = "returned/";
/// Code of a notice that returns records after their acceptance.
pub const QUALITY: &str = "notice.quality";
/// Most records of one notice; more go in further ones.
const RECORDS_PER_NOTICE: usize = 200;
/// Cases asked of the store at once.
const CASES_AT_ONCE: usize = 500;

/// What an operator of the receiver says of one record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Record type, wire name.
    pub kind: String,
    /// Written form of the key.
    pub key: String,
    /// The version; the latest that is kept if it does not say.
    pub version: Option<u32>,
    /// The rule.
    pub rule: String,
    /// The field, wire name.
    pub field: Option<String>,
    /// Text for people.
    pub text: String,
    /// Until when an answer is asked for.
    pub deadline: Millis,
}

/// What became of findings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Issued {
    /// Records whose senders are told.
    pub told: u64,
    /// Records that are not kept here in that version, `TYPE:KEY`: nobody can be told.
    pub unknown: Vec<String>,
}

/// Tells the sender of each record; what is not kept here is audited as such.
pub async fn issue(
    store: &SharedStore,
    findings: &[Finding],
    by: &str,
    now: Millis,
) -> Result<Issued, WorkError> {
    let mut issued = Issued::default();
    let mut notices: BTreeMap<NodeCode, Vec<Vec<u8>>> = BTreeMap::new();
    for findings in findings.chunks(CASES_AT_ONCE) {
        let keys: Vec<Option<Key>> = findings.iter().map(|f| Key::parse(&f.key)).collect();
        let mut roots: Vec<&str> = keys.iter().flatten().map(Key::root).collect();
        roots.sort_unstable();
        roots.dedup();
        let kept = store.kept_cases(&roots).await?;
        for (finding, key) in findings.iter().zip(&keys) {
            let of = kept.iter().filter(|r| *r.id.kind == *finding.kind);
            let of = of.filter(|r| key.as_ref() == Some(&r.id.key));
            let wanted = of.filter(|r| finding.version.is_none_or(|v| v == r.id.version));
            match wanted.max_by_key(|r| r.id.version) {
                Some(row) => {
                    let notice = notice(finding, row.id.version);
                    notices.entry(row.envelope.sender.clone()).or_default().push(notice.write());
                    issued.told += 1;
                }
                None => issued.unknown.push(format!("{}:{}", finding.kind, finding.key)),
            }
        }
    }
    let controls: Vec<NewControl> = notices
        .iter()
        .flat_map(|(to, bodies)| {
            let parts = bodies.chunks(RECORDS_PER_NOTICE);
            parts.map(|part| control::content(Kind::Notice, to, now.day(), part))
        })
        .collect();
    store.queue_controls(controls, now).await?;
    for subject in &issued.unknown {
        audit(store, by, subject, "notice.unknown_record", now).await?;
    }
    Ok(issued)
}

fn notice(finding: &Finding, version: u32) -> QualityNotice {
    QualityNotice {
        kind: finding.kind.clone(),
        key: finding.key.clone(),
        version,
        rule: finding.rule.clone(),
        field: finding.field.clone(),
        text: finding.text.clone(),
        deadline: Millis(finding.deadline.0 - finding.deadline.0.rem_euclid(1000)),
    }
}

async fn audit(
    store: &SharedStore,
    who: &str,
    subject: &str,
    reason: &str,
    now: Millis,
) -> Result<(), WorkError> {
    let event = AuditEvent {
        at: now,
        who: who.to_owned(),
        action: QUALITY.to_owned(),
        subject: subject.to_owned(),
        reason: reason.to_owned(),
        ok: false,
    };
    Ok(store.audit(event).await?)
}

/// What stands beside an own record that was returned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The version that was found wrong.
    pub version: u32,
    /// The rule.
    pub rule: String,
    /// The field, wire name.
    pub field: Option<String>,
    /// Text for people.
    pub text: String,
    /// Until when an answer is asked for.
    pub deadline: Millis,
    /// Who returned it.
    pub by: NodeCode,
    /// When the notice came.
    pub at: Millis,
}

/// A mark with its record, and the version that answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Returned {
    /// Record type, wire name.
    pub kind: String,
    /// Key.
    pub key: Key,
    /// The mark.
    pub mark: Mark,
    /// The next version and where it is.
    pub answer: Option<(u32, Place)>,
    /// Under which it stands.
    name: String,
}

impl Returned {
    /// Whether an answer is still owed. A next version that was itself held or rejected is none.
    pub fn is_open(&self) -> bool {
        let held = |p: Place| matches!(p, Place::Quarantined | Place::Rejected | Place::Voided);
        self.answer.is_none_or(|(_, place)| held(place))
    }

    /// Whether it is open past its deadline.
    pub fn is_overdue(&self, now: Millis) -> bool {
        self.is_open() && self.mark.deadline < now
    }
}

/// Marks the own records that a verified notice returns. What this node never reported, or what was
/// not accepted, is audited and marked nowhere. Saying the same twice changes nothing.
pub(crate) async fn received(
    store: &SharedStore,
    from: &NodeCode,
    notices: Vec<QualityNotice>,
    now: Millis,
) -> Result<(), WorkError> {
    let keys: Vec<Option<Key>> = notices.iter().map(|n| Key::parse(&n.key)).collect();
    let own = latest(store, keys.iter().flatten()).await?;
    let of = |kind: &str, key| own.get(&(kind.into(), key, from.clone()));
    for (notice, key) in notices.into_iter().zip(keys) {
        let latest = key.and_then(|key| of(&notice.kind, key));
        let reported = latest.is_some_and(|row| match row.id.version.cmp(&notice.version) {
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Equal => row.place == Place::Accepted,
            std::cmp::Ordering::Greater => true,
        });
        let name = format!("{} {}", notice.kind, notice.key);
        if !reported {
            audit(store, from.as_str(), &name, "notice.unknown_record", now).await?;
            continue;
        }
        let name = format!("{RETURNED}{name} {from}");
        let before = standing::one::<Mark>(store, &name).await?;
        if before.is_some_and(|b| b.version > notice.version) {
            continue;
        }
        let QualityNotice { version, rule, field, text, deadline, .. } = notice;
        let mark = Mark { version, rule, field, text, deadline, by: from.clone(), at: now };
        standing::put(store, &name, &mark, now).await?;
    }
    Ok(())
}

/// Every mark of a node, the nearest deadline first.
pub async fn list(store: &SharedStore) -> Result<Vec<Returned>, WorkError> {
    let mut found = Vec::new();
    for (name, mark) in standing::read::<Mark>(store, RETURNED).await? {
        let own = || WorkError::Own(format!("a mark stands under `{name}`"));
        let mut words = name.splitn(3, ' ');
        let (kind, key) = words.next().zip(words.next()).ok_or_else(own)?;
        let key = Key::parse(key).ok_or_else(own)?;
        let (kind, name) = (kind.to_owned(), format!("{RETURNED}{name}"));
        found.push(Returned { kind, key, mark, answer: None, name });
    }
    let own = latest(store, found.iter().map(|r| &r.key)).await?;
    for one in &mut found {
        let row = own.get(&(one.kind.as_str().into(), one.key.clone(), one.mark.by.clone()));
        let answer = row.filter(|row| row.id.version > one.mark.version);
        one.answer = answer.map(|row| (row.id.version, row.place));
    }
    found.sort_by(|a, b| {
        (a.mark.deadline, &a.kind, &a.key).cmp(&(b.mark.deadline, &b.kind, &b.key))
    });
    Ok(found)
}

/// Takes back the marks that an accepted version answered, once they are as old as control parcels that
/// are not kept any more. Open ones stand until they are answered.
pub(crate) async fn forget_answered(
    store: &SharedStore,
    before: Millis,
    now: Millis,
) -> Result<(), WorkError> {
    let answered = |r: &Returned| matches!(r.answer, Some((_, Place::Accepted)));
    for one in list(store).await?.iter().filter(|r| answered(r) && r.mark.at < before) {
        store.stand(&one.name, None, now).await?;
    }
    Ok(())
}

/// The latest own versions of the records of these cases, by destination.
async fn latest(
    store: &SharedStore,
    keys: impl Iterator<Item = &Key>,
) -> Result<HashMap<(Arc<str>, Key, NodeCode), CaseRow>, WorkError> {
    let mut roots: Vec<&str> = keys.map(Key::root).collect();
    roots.sort_unstable();
    roots.dedup();
    let mut out = HashMap::new();
    for roots in roots.chunks(CASES_AT_ONCE) {
        for row in store.cases(roots).await? {
            let of = (Arc::clone(&row.id.kind), row.id.key.clone(), row.destination.clone());
            out.insert(of, row);
        }
    }
    Ok(out)
}
