//! What `tiergate run` says of its carriers: one line when something changes, none while it lasts; and
//! what it leaves in the store, for `tiergate status` to tell.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use bus::{Condition, Health};
use canon::Millis;
use exchange::standing::{self, CARRIER, CarrierIs, CarrierSeen, carrier_of};
use exchange::{Node, WorkError};

use crate::os;
use crate::text::Out;

/// How often the carriers are looked at.
const LOOK: Duration = Duration::from_millis(500);
/// How often one more failed try of the same kind is written down, ms.
const COUNTED_EVERY: i64 = 10_000;
/// How often it is written down that nothing has changed, ms: what was taken away by mistake or lost
/// comes back.
const AGAIN_EVERY: i64 = 60_000;

/// Looks at the carriers of these nodes until the task is aborted.
pub(crate) async fn tell(nodes: Vec<Arc<Node>>, out: Out) {
    let (mut known, mut noted) = (Known::default(), Noted::default());
    let mut cleared = false;
    loop {
        // The first look comes when whoever is there has been reached.
        tokio::time::sleep(LOOK).await;
        let mut well = true;
        for node in &nodes {
            if !cleared {
                well &= clear(node, os::now()).await.is_ok();
            }
            for health in node.bus.health() {
                if known.is_news(node.code.as_str(), &health) {
                    say(&out, &node.code, &health);
                }
                noted.note(node, &health, os::now()).await;
            }
        }
        // A store that does not answer is asked again at the next look; the workers say why.
        cleared |= well;
    }
}

/// Takes back what these nodes have left: they stop as they should, and have no carriers any more.
pub(crate) async fn forget(nodes: &[Arc<Node>]) -> Result<(), WorkError> {
    for node in nodes {
        let own = carrier_of(&node.holder, "");
        for left in node.store.standing(&own).await? {
            node.store.stand(&left.name, None, os::now()).await?;
        }
    }
    Ok(())
}

/// Takes back what is left of carriers that this process has no more, and of processes that died.
async fn clear(node: &Node, now: Millis) -> Result<(), WorkError> {
    let leases = node.store.lease_rows().await?;
    let alive: BTreeSet<&str> =
        leases.iter().filter(|row| row.until > now).map(|row| row.holder.as_str()).collect();
    let has: BTreeSet<String> =
        node.bus.health().iter().map(|h| carrier_of(&node.holder, &h.carrier)).collect();
    for left in node.store.standing(CARRIER).await? {
        let rest = left.name.strip_prefix(CARRIER).unwrap_or_default();
        let instance = rest.split('/').next().unwrap_or_default();
        let over = if instance == node.holder {
            !has.contains(&left.name)
        } else {
            // Who lives writes again before this is over.
            !alive.contains(instance) && now.since(left.at) > 2 * AGAIN_EVERY
        };
        if over {
            node.store.stand(&left.name, None, now).await?;
        }
    }
    Ok(())
}

/// What was written down last of each carrier, and when.
#[derive(Default)]
struct Noted(BTreeMap<(String, String), (CarrierSeen, Millis)>);

impl Noted {
    async fn note(&mut self, node: &Node, health: &Health, now: Millis) {
        let key = (node.code.to_string(), health.carrier.clone());
        let before = self.0.get(&key);
        let Some(seen) = worth_writing(before, seen(health, now), now) else { return };
        let name = carrier_of(&node.holder, &health.carrier);
        // Where the store does not answer it is tried again at the next look.
        if standing::put(&node.store, &name, &seen, now).await.is_ok() {
            self.0.insert(key, (seen, now));
        }
    }
}

fn seen(health: &Health, now: Millis) -> CarrierSeen {
    let (is, code, detail) = match &health.condition {
        Condition::Up => (CarrierIs::Up, None, ""),
        Condition::Blocked { reason } => (CarrierIs::Blocked, Some("bus.blocked"), reason.as_str()),
        Condition::Down { code, detail, .. } => (CarrierIs::Down, Some(*code), detail.as_str()),
    };
    let since = now.plus(-i64::try_from(health.since.as_millis()).unwrap_or(0));
    let (code, detail) = (code.map(str::to_owned), detail.to_owned());
    CarrierSeen { is, since, code, detail, failed: health.failed }
}

/// What is to be written: news at once, a count now and then, the same again from time to time.
fn worth_writing(
    before: Option<&(CarrierSeen, Millis)>,
    seen: CarrierSeen,
    now: Millis,
) -> Option<CarrierSeen> {
    let Some((known, at)) = before else { return Some(seen) };
    if (known.is, &known.code) != (seen.is, &seen.code) {
        return Some(seen);
    }
    let wait = if known.failed == seen.failed { AGAIN_EVERY } else { COUNTED_EVERY };
    // The clocks of this machine need not agree to the millisecond: it has been so since the first.
    (now.since(*at) >= wait).then_some(CarrierSeen { since: known.since, ..seen })
}

/// What was said last of each carrier, in a stable word.
#[derive(Default)]
struct Known(BTreeMap<(String, String), &'static str>);

impl Known {
    /// Whether this was not said yet. A carrier that is up from the start is nothing new.
    fn is_news(&mut self, node: &str, health: &Health) -> bool {
        let word = word(&health.condition);
        let key = (node.to_owned(), health.carrier.clone());
        self.0.insert(key, word).unwrap_or("up") != word
    }
}

const fn word(condition: &Condition) -> &'static str {
    match condition {
        Condition::Up => "up",
        Condition::Blocked { .. } => "bus.blocked",
        Condition::Down { code, .. } => code,
    }
}

fn say(out: &Out, node: &impl Display, health: &Health) {
    let carrier = &health.carrier;
    let (detail, code) = match &health.condition {
        Condition::Up => {
            let en = format!("{node} {carrier}: carries again");
            return out.warn(out.of(en, format!("{node} {carrier}：已恢复")));
        }
        Condition::Blocked { reason } => (reason, "bus.blocked"),
        Condition::Down { code, detail, .. } => (detail, *code),
    };
    let (en, zh) = canon::code(code).map_or((code, code), |c| (c.en, c.zh));
    out.warn(out.of(
        format!("{node} {carrier}: {en} [{code}] ({detail})"),
        format!("{node} {carrier}：{zh} [{code}]（{detail}）"),
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health(condition: Condition) -> Health {
        let since = Duration::from_secs(2);
        Health { carrier: "mq".into(), condition, since, failed: 0, unreadable: 0 }
    }

    fn down(code: &'static str, detail: &str) -> Health {
        health(Condition::Down { code, detail: detail.into(), next: Duration::ZERO })
    }

    #[test]
    fn what_lasts_is_said_once() {
        let mut known = Known::default();
        let mut news = |health| known.is_news("a", &health);
        assert!(!news(health(Condition::Up)), "up from the start is nothing new");
        assert!(news(down("bus.login", "first")));
        assert!(!news(down("bus.login", "second")), "the same trouble, told otherwise");
        assert!(news(down("bus.unreachable", "third")));
        assert!(news(health(Condition::Blocked { reason: "memory".into() })));
        assert!(news(health(Condition::Up)));
    }

    #[test]
    fn news_is_written_at_once_and_counts_now_and_then() {
        let at = |s: i64| Millis(1_000_000 + s * 1_000);
        let up = seen(&health(Condition::Up), at(2));
        assert_eq!((up.is, up.since), (CarrierIs::Up, at(0)));
        let known = (worth_writing(None, up.clone(), at(2)).unwrap(), at(2));
        assert_eq!(worth_writing(Some(&known), up.clone(), at(30)), None, "nothing changed");
        assert!(worth_writing(Some(&known), up, at(62)).is_some(), "the same from time to time");
        let lost = seen(&down("bus.login", "x"), at(9));
        let known = (worth_writing(Some(&known), lost.clone(), at(9)).unwrap(), at(9));
        let more = |s| CarrierSeen { failed: 5, since: at(s), ..lost.clone() };
        assert_eq!(worth_writing(Some(&known), more(12), at(12)), None);
        let written = worth_writing(Some(&known), more(19), at(19)).unwrap();
        assert_eq!((written.failed, written.since), (5, known.0.since));
    }

    #[test]
    fn one_carrier_says_nothing_of_another() {
        let mut known = Known::default();
        assert!(known.is_news("a", &down("bus.login", "x")));
        assert!(known.is_news("b", &down("bus.login", "x")));
    }
}
