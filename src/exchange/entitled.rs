//! Whether a sender may report a record: the authority table's word at the record's event date, or, until
//! there is a table, the regions of the certificate. What is missing is named line by line.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use canon::format::{Format, Parsed};
use canon::{Day, NodeCode, RecordId};
use envelope::SenderCert;
use envelope::authority::Authority;

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
    ) -> Option<String> {
        let about = self.about(parsed, id);
        let found = self.table.as_ref().and_then(|table| Some((table, table.on(about.day)?)));
        let Some((table, (nth, section))) = found else {
            if let Some(owner) = others.next() {
                return Some(owned(owner, &about, self.sender));
            }
            let covered = about.region.is_empty() || self.cert.covers(about.region);
            return (!covered).then(|| uncovered(self.sender, &about));
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
            return Some(line(edition, self.sender, &about));
        }
        // The key is another node's: both must be listed.
        let unlisted = |owner: &&NodeCode| !within(&section.spans(owner, unit, region, kind));
        others.find(unlisted).map(|owner| {
            let (en, zh) = of_both(owner);
            format!("{}{zh} · {en}", line(edition, owner, &about))
        })
    }

    fn about<'r>(&self, parsed: &'r Parsed, id: &'r RecordId) -> About<'r> {
        let record = self.format.get(parsed.ty);
        let value = |ix: Option<usize>| ix.and_then(|ix| parsed.values.get(ix));
        let attrs = &parsed.attrs;
        let collected = attrs.collected.day();
        let event = value(record.event).or(attrs.entered.as_deref());
        let event = event.and_then(|text| Day::parse(text.get(..10)?));
        About {
            unit: value(record.unit).unwrap_or(&attrs.namespace),
            region: value(record.region).unwrap_or(""),
            kind: &id.kind,
            // A date that is still to come chooses no table that is not in force yet.
            day: event.map_or(collected, |day| day.min(collected)),
        }
    }
}

/// The line that the table does not have.
fn line(edition: u32, node: &NodeCode, about: &About<'_>) -> String {
    let About { unit, region, kind, day } = about;
    let region = if region.is_empty() { "-" } else { region };
    format!(
        "授权表第 {edition} 版缺少授权行：节点 {node}，单位 {unit}，区划 {region}，类型 {kind}，日期 {day} · \
         edition {edition} of the authority table has no line for node {node}, unit {unit}, region {region}, \
         type {kind}, date {day}"
    )
}

fn uncovered(node: &NodeCode, about: &About<'_>) -> String {
    let About { unit, region, kind, day } = about;
    format!(
        "证书不含区划 {region}，亦无适用的授权表：节点 {node}，单位 {unit}，类型 {kind}，日期 {day} · \
         the certificate does not cover region {region}, and no authority table holds for that day: node \
         {node}, unit {unit}, type {kind}, date {day}"
    )
}

fn owned(owner: &NodeCode, about: &About<'_>, node: &NodeCode) -> String {
    let About { unit, region, kind, day } = about;
    let (en, zh) = of_both(owner);
    format!(
        "无适用的授权表：节点 {node}，单位 {unit}，区划 {region}，类型 {kind}，日期 {day}{zh} · {en}"
    )
}

fn of_both(owner: &NodeCode) -> (String, String) {
    (
        format!(
            "the record's earlier version is of node {owner}; both must stand in the authority table"
        ),
        format!("；该记录先由节点 {owner} 上报，两节点均须列入授权表"),
    )
}
