//! Whether a sender may report a record: the authority table's word at the record's event date, or, until
//! there is a table, the regions of the certificate. What is missing is named line by line.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use canon::format::{Format, NAMESPACE_MAX, Parsed, is_token};
use canon::{Day, NodeCode, RecordId};
use envelope::SenderCert;
use envelope::authority::Authority;

use crate::units::unit_of;

/// Judges the records of one sender; each unit, region and type is looked up in the table once.
pub(crate) struct Entitlement<'a> {
    format: &'a Format,
    cert: &'a SenderCert,
    sender: &'a NodeCode,
    table: Option<Arc<Authority>>,
    /// The sender's days by table, unit, region and type.
    spans: RefCell<Spans>,
}

#[derive(Default)]
struct Spans {
    of: HashMap<String, Box<[(Day, Day)]>>,
    /// The name that is looked up, so that a look-up allocates nothing.
    name: String,
}

/// What the table is asked about one record.
struct About<'r> {
    unit: &'r str,
    region: &'r str,
    kind: &'r str,
    day: Day,
}

impl<'a> Entitlement<'a> {
    pub(crate) fn new(
        format: &'a Format,
        cert: &'a SenderCert,
        sender: &'a NodeCode,
        table: Option<Arc<Authority>>,
    ) -> Self {
        Self { format, cert, sender, table, spans: RefCell::default() }
    }

    /// What is missing, in words; none if the sender may report the record, whose earlier versions
    /// came from `others`.
    pub(crate) fn missing<'o>(
        &self,
        parsed: &Parsed,
        id: &RecordId,
        mut others: impl Iterator<Item = &'o NodeCode>,
    ) -> Option<Missing> {
        let about = self.about(parsed, id);
        let found = self.table.as_ref().and_then(|table| Some((table, table.on(about.day)?)));
        let Some((table, (nth, section))) = found else {
            if let Some(owner) = others.next() {
                let none = ("no table holds".to_owned(), "当日无授权表".to_owned());
                return Some(missing(owned(owner, none), self.sender, &about));
            }
            let covered = about.region.is_empty() || self.cert.covers(about.region);
            return (!covered).then(|| missing(uncovered(), self.sender, &about));
        };
        let edition = table.edition;
        let within = |spans: &[(Day, Day)]| {
            spans.iter().any(|(from, to)| *from <= about.day && about.day <= *to)
        };
        let About { unit, region, kind, .. } = about;
        let own = {
            let spans = &mut *self.spans.borrow_mut();
            spans.name.clear();
            let _written = write!(spans.name, "{nth}\n{unit}\n{region}\n{kind}");
            match spans.of.get(spans.name.as_str()) {
                Some(known) => within(known),
                None => {
                    let found = section.spans(self.sender, unit, region, kind);
                    let entitled = within(&found);
                    spans.of.insert(spans.name.clone(), found.into());
                    entitled
                }
            }
        };
        if !own {
            return Some(missing(line(edition), self.sender, &about));
        }
        // The key is another node's: both must be listed.
        let unlisted = |owner: &&NodeCode| !within(&section.spans(owner, unit, region, kind));
        others.find(unlisted).map(|owner| missing(owned(owner, line(edition)), owner, &about))
    }

    fn about<'r>(&self, parsed: &'r Parsed, id: &'r RecordId) -> About<'r> {
        let record = self.format.get(parsed.ty);
        let value = |ix: Option<usize>| ix.and_then(|ix| parsed.values.get(ix));
        let attrs = &parsed.attrs;
        let collected = attrs.collected.day();
        let event = value(record.event).or(attrs.entered.as_deref());
        let event = event.and_then(|text| Day::parse(text.get(..10)?));
        let (unit, region) = unit_of(self.format, parsed);
        About {
            unit,
            region,
            kind: &id.kind,
            // A date that is still to come chooses no table that is not in force yet.
            day: event.map_or(collected, |day| day.min(collected)),
        }
    }
}

/// What is missing, in words.
pub(crate) struct Missing {
    pub(crate) en: String,
    pub(crate) zh: String,
}

/// A value of a record that nobody has validated yet, as far as it is a code.
fn shown(value: &str) -> &str {
    match value {
        "" => "-",
        code if is_token(code, NAMESPACE_MAX) => code,
        _ => "?",
    }
}

fn missing((en, zh): (String, String), node: &NodeCode, about: &About<'_>) -> Missing {
    let (unit, region, kind, day) = (shown(about.unit), shown(about.region), about.kind, about.day);
    Missing {
        zh: format!("{zh}：节点 {node}，单位 {unit}，区划 {region}，类型 {kind}，日期 {day}"),
        en: format!("{en}: node {node}, unit {unit}, region {region}, type {kind}, date {day}"),
    }
}

/// The line that the table does not have.
fn line(edition: u32) -> (String, String) {
    (
        format!("edition {edition} of the authority table has no line for"),
        format!("授权表第 {edition} 版缺少授权行"),
    )
}

fn uncovered() -> (String, String) {
    (
        "the certificate does not cover the region, and no authority table holds for that day"
            .into(),
        "证书不含该区划，当日亦无授权表".into(),
    )
}

/// A key that another node brought first.
fn owned(owner: &NodeCode, (en, zh): (String, String)) -> (String, String) {
    (
        format!("the key is of node {owner}, and both must be listed; {en}"),
        format!("该编号先由节点 {owner} 上报，两节点均须列入授权表；{zh}"),
    )
}
