//! S8: everything has a limit with a name. Which limits are held in the simulated world, fact by fact or
//! after each step, and which belong to what the world does not have.

use std::sync::Arc;

use bus::Parcel;
use canon::{EnvelopeId, NodeCode};
use envelope::control::Inquiry;
use store::{InboxParcel, ManifestRow};

use super::Ledger;
use super::facts::Write;
use crate::invariant::Invariant::S8;

/// Limits that are held here, and what is held.
pub const HELD: &[(&str, &str)] = &[
    ("envelope_records_max", "records of a numbered envelope"),
    ("envelope_bytes_max", "body of a numbered envelope"),
    ("package_bytes_max", "what a judged or relayed frame opens to"),
    ("page_rows_max", "rows of a collected page"),
    ("in_flight_max", "parcels of one publishing"),
    ("in_flight_bytes_max", "bytes of one publishing, but for its last parcel"),
    (
        "inbox_parcels_max",
        "parcels in the inbox, twice with those of control, but for one turn of each lane",
    ),
    ("claim_max", "parcels of one claim, and of one turn of receive"),
    ("poison_tries", "claims of one parcel"),
    ("attempts_max", "attempts of an own envelope"),
    ("retry_max", "wait of an own envelope, where no receiver asked for more"),
    ("receipt_overdue", "the same"),
    ("inquiry_interval", "the same, and how often one question is asked"),
    ("defer_max", "wait of an own envelope"),
    ("gap_grace", "age of a gap that is asked for"),
    ("close_grace", "age of a window whose manifest is issued"),
    ("parent_wait", "a child is kept without its parent, or waits no longer (truth)"),
    ("backfill_ahead", "history records staged"),
    ("give_again_records_max", "records staged, but for what is collected"),
    ("clock_skew", "how far ahead a judged head is, by the fastest clock"),
];

/// Limits of what the simulated world does not have, and what holds them.
pub const ELSEWHERE: &[(&str, &str)] = &[
    ("source_", "edge: databases"),
    ("http_", "edge: web services"),
    ("webhook_", "edge: a sink"),
    ("syslog_", "cli"),
    ("sink_", "edge: a sink"),
    ("program_", "edge: programs"),
    ("push_", "edge: the listener"),
    ("collect_interval", "exchange/collect.rs: the world's adapters have an interval of 0"),
    ("compression_level", "envelope: no bound"),
    ("seal_delay", "exchange/seal.rs: a wait for company, no bound"),
    ("sender_", "exchange/fair.rs, suite/exchange/fair.rs: quotas are off in the world"),
    ("defer_wait", "exchange/fair.rs: quotas are off in the world"),
    ("refusals_", "suite/exchange/refused_thrice.rs"),
    ("retry_min", "exchange/retry.rs: a lower bound"),
    ("outlet_", "suite/exchange/outlet.rs: no outlet in the world"),
    ("relay_keep", "store contract: relaying.rs"),
    ("control_keep", "store contract: receiving.rs"),
    ("archive_", "suite/exchange/archived.rs"),
    ("restore_page_records", "suite/exchange/restore_traps.rs"),
    ("heal_records_max", "exchange/reconcile"),
    ("leaves_keep", "store contract: narrowing.rs"),
    ("lease_ttl", "the mutant of the lease token"),
    ("return_days", "cli: a date on a page"),
    ("control_records", "exchange/pace.rs: rates are off in the world"),
    ("control_bytes", "exchange/pace.rs"),
    ("live_", "exchange/pace.rs"),
    ("bulk_", "exchange/pace.rs"),
    ("store_", "store: PostgreSQL"),
    ("amqp_", "bus: RabbitMQ, as `receipt_overdue`"),
    ("broker_", "bus: RabbitMQ"),
];

/// Questions of one thing beyond one an interval: what a crash has asked twice, and what was queued while
/// nothing was sealed.
const ASKED_MORE: u64 = 4;
/// The fastest clock of the world is so far ahead of the slowest, ms.
const CLOCKS: i64 = 580_000;

impl Ledger {
    /// Rows of the inbox that a worker claimed.
    pub(super) fn claimed_within(&mut self, node: &NodeCode, parcels: &[InboxParcel]) {
        let (claim, poison) = (self.limits.claim_max as usize, self.limits.poison_tries);
        let count = parcels.len();
        self.holds(count <= claim, S8, node, || format!("{count} parcels claimed at once"));
        let tries = parcels.iter().map(|p| p.tries).max().unwrap_or(0);
        self.holds(tries <= poison + 1, S8, node, || format!("a parcel was claimed {tries} times"));
    }

    /// Parcels that are handed to the carrier at once.
    pub(crate) fn published(&mut self, node: &NodeCode, parcels: &[Parcel]) {
        if let Some(carried) = &mut self.carried {
            for p in parcels {
                let link = (Arc::clone(&p.kind), p.from.clone(), p.hop.clone());
                let (count, bytes) = carried.entry(link).or_default();
                *count += 1;
                *bytes += p.frame.len() as u64;
            }
        }
        let sizes: Vec<usize> = parcels.iter().map(|p| p.frame.len()).collect();
        let (most, count) = (self.limits.in_flight_max as usize, sizes.len());
        self.holds(count <= most, S8, node, || format!("{count} parcels published at once"));
        let before: usize = sizes.iter().rev().skip(1).sum();
        let bytes = usize::try_from(self.limits.in_flight_bytes_max).unwrap_or(usize::MAX);
        self.holds(before <= bytes, S8, node, || format!("{before} bytes published at once"));
    }

    /// An envelope that takes its number, and a question that is asked once more.
    pub(super) fn numbered_within(
        &mut self,
        node: &NodeCode,
        id: &EnvelopeId,
        bytes: u64,
        asks: Option<&[u8]>,
    ) {
        let most = self.limits.envelope_bytes_max;
        self.holds(bytes <= most, S8, node, || format!("{id} has {bytes} bytes"));
        let paced = |i: &Inquiry| matches!(i, Inquiry::Status(_) | Inquiry::Gap { .. });
        let Some(asks) = asks.filter(|a| Inquiry::read(a).is_ok_and(|i| paced(&i))) else { return };
        let now = self.now;
        let (since, count) = {
            let asked = self.book(node).asked.entry(asks.to_vec()).or_insert((now, 0));
            asked.1 += 1;
            *asked
        };
        let intervals = now.since(since) / self.limits.inquiry_interval.max(1);
        let most = u64::try_from(intervals).unwrap_or(0) + 1 + ASKED_MORE;
        let fits = self.jumps || count <= most;
        self.holds(fits, S8, node, || format!("asked {count} times since {since} of one thing"));
    }

    /// How far ahead a judged head may be sealed.
    pub(super) fn sealed_within(&mut self, node: &NodeCode, id: &EnvelopeId, frame: &Arc<[u8]>) {
        let package = envelope::open_frame(frame, self.limits.package_bytes_max);
        let head = package.as_deref().ok().and_then(|p| envelope::open(p).ok()).map(|o| o.head);
        self.holds(head.is_some(), S8, node, || format!("{id} opens to more than a package may"));
        let latest = self.now.plus(CLOCKS + self.limits.clock_skew);
        let fits = head.is_none_or(|h| h.sealed_at <= latest);
        self.holds(fits, S8, node, || format!("{id} was sealed in the future"));
    }
}

/// A manifest of a window that is closed.
pub(super) fn closed(row: &ManifestRow) -> Write {
    let (day, own) = (row.day, row.by.clone());
    Box::new(move |ledger, node| {
        let end = day.end().plus(ledger.limits.close_grace);
        let late = ledger.now.plus(CLOCKS / 2) >= end;
        ledger
            .holds(own != *node || late, S8, node, || format!("{day} was closed before its time"));
    })
}

#[cfg(test)]
mod tests {
    use exchange::config::LIMITS;

    use super::*;

    #[test]
    fn every_limit_is_held_here_or_has_its_place() {
        for limit in LIMITS {
            let here = HELD.iter().any(|(name, _)| *name == limit.name);
            let there = ELSEWHERE.iter().any(|(name, _)| limit.name.starts_with(name));
            assert!(here || there, "nothing holds `{}`", limit.name);
        }
        for (name, _) in HELD.iter() {
            assert!(LIMITS.iter().any(|l| l.name == *name), "no limit `{name}`");
        }
        for (start, _) in ELSEWHERE.iter() {
            assert!(LIMITS.iter().any(|l| l.name.starts_with(start)), "no limit `{start}`");
        }
    }
}
