//! The figures, as the node has them now.

use std::collections::BTreeMap;
use std::sync::Arc;

use canon::{Millis, Severity};
use store::{
    ANSWERED_WITHIN, AdapterProgress, LinkStatus, NodeStatus, Place, ProblemFilter, SharedStore,
    StoreError,
};

use super::text::Figures;
use crate::error::PageError;
use crate::hall::Hall;
use crate::health::{self, Ready};
use crate::series::of_link;

/// Most entries of the quarantine that are looked at for their causes.
pub const CAUSES_COUNTED_MAX: u32 = 10_000;
/// Entries read at once.
const PAGE: u32 = 1_000;
/// How long causes hold, ms: they are counted entry by entry.
const CAUSES_FOR: i64 = 60_000;
/// How long tries and times of answers hold, ms: they are counted envelope by envelope.
const PACES_FOR: i64 = 60_000;
/// States of problem data that somebody still has to do something about.
const OPEN: [&str; 2] = ["held", "returned"];

/// Problem data by rule and state.
pub(crate) type Causes = BTreeMap<(String, &'static str), u64>;

/// Everything.
pub(super) async fn all(hall: &Hall, now: Millis) -> Result<Figures, PageError> {
    let mut out = Figures::default();
    let status = hall.store().status().await?;
    node(hall, &status, now, &mut out).await?;
    for link in &status.links {
        one_link(hall, link, now, &mut out);
    }
    for adapter in &status.adapters {
        one_adapter(adapter, &mut out);
    }
    paces(hall, now, &mut out).await?;
    causes(hall, now, &mut out).await?;
    papers(hall, now, &mut out);
    let audit = last_audit(hall).await?;
    out.count("audit_events_total", &[], audit);
    disk(hall, now, &mut out);
    Ok(out)
}

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

fn whether(is: bool) -> f64 {
    f64::from(u8::from(is))
}

async fn node(
    hall: &Hall,
    status: &NodeStatus,
    now: Millis,
    out: &mut Figures,
) -> Result<(), PageError> {
    let version = env!("CARGO_PKG_VERSION");
    out.put("build_info", &[("version", version), ("node", hall.node.code.as_str())], 1.0);
    out.put("ready", &[], whether(health::how(hall, now).await == Ready::Yes));
    // Where the process cannot tell, nothing is said, and the rules notice that it is missing.
    if let Ok(said) = hall.house.said(now).await {
        let needed = said.iter().filter(|s| s.needs_a_person).count();
        out.count("needs_a_person", &[], needed as u64);
    }
    for (place, n) in Place::ALL.iter().zip(status.places) {
        out.count("records", &[("place", &place.to_string())], n);
    }
    out.count("kept_records", &[], status.kept);
    out.count("judged_envelopes_total", &[], status.judged);
    out.count("inbox_parcels", &[], status.inbox);
    out.count("refused_parcels_total", &[], status.refused);
    out.count("control_queued", &[], status.control_queued);
    let Some(alerts) = hall.alerts() else { return Ok(()) };
    for (kind, n) in alerts.standing() {
        out.count("alerts", &[("kind", kind)], n);
    }
    for (channel, n) in alerts.doing() {
        out.count("alert_channel_failures", &[("channel", &channel)], u64::from(n));
    }
    Ok(())
}

fn one_link(hall: &Hall, link: &LinkStatus, now: Millis, out: &mut Figures) {
    let name = [("link", link.link.as_str())];
    out.count("link_due_records", &name, link.due);
    out.count("link_in_flight_records", &name, link.in_flight);
    out.count("link_unknown_records", &name, link.unknown);
    out.count("link_dead_records", &name, link.dead);
    let age = link.oldest.map_or(0, |at| now.since(at));
    out.put("link_oldest_age_seconds", &name, seconds(age));
    let pace = hall.series.pace(&of_link(&link.link), now);
    let still = pace.still_since.map_or(0, |at| now.since(at));
    out.put("link_still_seconds", &name, seconds(still));
    out.put("link_paused", &name, whether(link.paused.is_some()));
    if let Some(at) = link.last_receipt {
        out.put("link_last_receipt_timestamp_seconds", &name, seconds(at.0));
    }
    for (outcome, n) in [("accepted", link.accepted), ("rejected", link.rejected)] {
        out.count("receipts_total", &[name[0], ("outcome", outcome)], n);
    }
}

fn one_adapter(adapter: &AdapterProgress, out: &mut Figures) {
    let name = [("adapter", adapter.adapter.as_str())];
    out.count("adapter_rows_read_total", &name, adapter.rows_read);
    out.count("adapter_rows_unchanged_total", &name, adapter.rows_unchanged);
    out.count("adapter_records_total", &name, adapter.records);
    out.count("adapter_quarantined_total", &name, adapter.quarantined);
    out.count("adapter_write_backs", &name, adapter.write_backs);
    out.put("adapter_paused", &name, whether(adapter.paused.is_some()));
    if let Some(at) = adapter.last_at {
        out.put("adapter_last_page_timestamp_seconds", &name, seconds(at.0));
    }
}

/// Tries and times of answers, counted out of the store's envelopes now and then.
async fn paces(hall: &Hall, now: Millis, out: &mut Figures) -> Result<(), PageError> {
    let paces = match hall.remembered.paces.young(PACES_FOR, now) {
        Some(paces) => paces,
        None => hall.remembered.paces.keep(Arc::from(hall.store().link_paces().await?), now),
    };
    let bounds = ANSWERED_WITHIN.map(seconds);
    for pace in paces.iter() {
        let link = ("link", pace.link.as_str());
        out.count("attempts_total", &[link], pace.attempts);
        let sum = pace.answered_ms as f64 / 1000.0;
        out.histogram("link_acknowledgement_seconds", link, (&bounds, &pace.answered), sum);
    }
    Ok(())
}

async fn causes(hall: &Hall, now: Millis, out: &mut Figures) -> Result<(), PageError> {
    let causes = match hall.remembered.causes.young(CAUSES_FOR, now) {
        Some(causes) => causes,
        None => hall.remembered.causes.keep(counted(hall.store()).await?, now),
    };
    for ((cause, state), n) in causes {
        out.count("quarantine_records", &[("cause", &cause), ("state", state)], n);
    }
    Ok(())
}

/// Open problem data by its first error.
async fn counted(store: &SharedStore) -> Result<Causes, StoreError> {
    let mut causes = Causes::new();
    for state in OPEN {
        let mut after = 0;
        for _ in 0..CAUSES_COUNTED_MAX / PAGE {
            let state_of = Some(state.to_owned());
            let filter =
                ProblemFilter { state: state_of, after, limit: PAGE, ..Default::default() };
            let items = store.problems(filter).await?;
            for item in &items {
                let error = item.violations.iter().find(|v| v.severity == Severity::Error);
                let rule = error.or(item.violations.first()).map_or("none", |v| &*v.rule);
                *causes.entry((rule.to_owned(), state)).or_default() += 1;
            }
            let Some(last) = items.last().filter(|_| items.len() == PAGE as usize) else { break };
            after = last.number;
        }
    }
    Ok(causes)
}

/// The number of the last line of the audit chain: where it was last time, then in growing steps.
async fn last_audit(hall: &Hall) -> Result<u64, PageError> {
    let store = hall.store();
    let mut last = hall.remembered.audited();
    let mut step = 1_i64;
    // Goes on while there is a line beyond, and back to small steps when there is none.
    while step > 0 {
        let beyond = store.audit_after(last.saturating_add(step - 1), 1).await?;
        match beyond.first() {
            Some((number, ..)) => {
                last = *number;
                step = step.saturating_mul(2);
            }
            None => step /= 2,
        }
    }
    hall.remembered.audited_until(last);
    Ok(u64::try_from(last).unwrap_or(0))
}

fn papers(hall: &Hall, now: Millis, out: &mut Figures) {
    for paper in hall.house.papers(now) {
        let whose = if paper.anchor { "authority" } else { "own" };
        let labels = [("file", paper.file.as_str()), ("whose", whose)];
        out.put("certificate_expiry_seconds", &labels, seconds(paper.until.0 - now.0));
        out.put("certificate_expiry_timestamp_seconds", &labels, seconds(paper.until.0));
    }
}

fn disk(hall: &Hall, now: Millis, out: &mut Figures) {
    let Some(disk) = hall.house.disk() else { return };
    out.count("disk_free_bytes", &[], disk.free);
    let left = hall.alerts().and_then(|alerts| alerts.days_left(now));
    if let Some(days) = left {
        out.put("disk_days_left", &[], days);
    }
}
