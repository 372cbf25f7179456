//! The beginning of a restored node's new life: its epoch rises, and what follows stands in its
//! store before any worker runs.

use std::collections::BTreeMap;

use canon::{Day, Lane, Millis, NodeCode, Route};
use store::{AuditEvent, HeldRoute, NewEpoch, SharedStore};

use crate::errands::{self, HALTED, Known};
use crate::error::WorkError;
use crate::node::Link;

/// Epochs are minutes since this moment, so that a store restored twice from one image, or from
/// nothing, never begins an epoch that was there before.
const EPOCH_ZERO: &str = "2026-01-01 00:00:00";
/// Ordinals of judged envelopes in an epoch begin at `epoch << ORDINAL_BITS`: above all that a sink
/// may have been given before.
const ORDINAL_BITS: u32 = 17;

/// What is known of the node that is restored.
#[derive(Clone, Debug)]
pub struct Restoring<'a> {
    /// Its neighbours.
    pub links: &'a [Link],
    /// Routes of its adapters, live and bulk.
    pub routes: Vec<Route>,
    /// The epoch to begin; none takes the time.
    pub epoch: Option<u32>,
    /// The day of the image; what senders sent from then on is asked for.
    pub since: Day,
    /// Operator code.
    pub who: String,
    /// Image it comes from, for the audit.
    pub from: String,
    /// Now.
    pub now: Millis,
}

/// Begins the new epoch of an identity; returns it. Nothing else may have the store.
pub async fn begin(store: &SharedStore, r: Restoring<'_>) -> Result<u32, WorkError> {
    let probe = |route: &Route| {
        let route = route.clone();
        async move { store.counters(&route).await.map(|c| (c.epoch, c.settled_below - 1)) }
    };
    let mut destinations: BTreeMap<NodeCode, Vec<(u32, Route, u64)>> = BTreeMap::new();
    for known in store.destinations().await? {
        destinations.entry(known.peer).or_default();
    }
    let mut current = 0;
    for route in &r.routes {
        let (epoch, through) = probe(route).await?;
        current = current.max(epoch);
        let known = destinations.entry(route.destination.clone()).or_default();
        if through > 0 {
            known.push((epoch, route.clone(), through));
        }
    }
    if r.routes.is_empty() {
        current = probe(&any_route()).await?.0;
    }
    let epoch = r.epoch.unwrap_or_else(|| by_the_clock(r.now)).max(match r.epoch {
        Some(asked) => asked,
        None => current + 1,
    });
    let mut stand: Vec<(String, Option<String>)> = vec![(HALTED.to_owned(), None)];
    let senders = senders(store, r.links).await?;
    for (name, text) in errands::of_restore(epoch, r.since, &destinations, &senders)? {
        stand.push((name, Some(text)));
    }
    let audit = AuditEvent {
        at: r.now,
        who: r.who,
        action: "node.restored".into(),
        subject: format!("epoch {current} to {epoch}"),
        reason: r.from,
        ok: true,
    };
    let ordinal = i64::from(epoch) << ORDINAL_BITS;
    store.begin_epoch(NewEpoch { epoch, stand, ordinal, audit }).await?;
    Ok(epoch)
}

/// Counters of any route say the epoch.
fn any_route() -> Route {
    Route {
        destination: NodeCode("-".into()),
        edition: "control/1".into(),
        suite: "-".into(),
        lane: Lane::Control,
    }
}

fn by_the_clock(now: Millis) -> u32 {
    let zero = Millis::parse(EPOCH_ZERO).map_or(0, |z| z.0);
    u32::try_from((now.0 - zero) / 60_000).unwrap_or(1)
}

/// Who may have sent something, everybody beneath and whoever the image knows, and what the image
/// holds of them.
async fn senders(
    store: &SharedStore,
    links: &[Link],
) -> Result<BTreeMap<NodeCode, Vec<Known>>, WorkError> {
    let mut senders: BTreeMap<NodeCode, Vec<Known>> = BTreeMap::new();
    for link in links.iter().filter(|l| !l.parent) {
        senders.entry(link.peer.clone()).or_default();
        for code in &link.beneath {
            senders.entry(code.clone()).or_default();
        }
    }
    for HeldRoute { sender, epoch, route, through } in store.held_routes().await? {
        let known = Known { epoch, route: route.to_string(), through };
        senders.entry(sender).or_default().push(known);
    }
    Ok(senders)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_by_the_clock_rise_and_fit() {
        let at = |text| by_the_clock(Millis::parse(text).unwrap());
        assert_eq!(at("2026-01-01 00:01:00"), 1);
        assert!(at("2026-11-21 09:31:00") > at("2026-11-21 09:30:00"));
        assert!(u64::from(at("2126-01-01 00:00:00")) << ORDINAL_BITS < 1 << 43);
    }
}
