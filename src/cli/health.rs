//! What `tiergate run` says of its carriers: one line when something changes, none while it lasts.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use bus::{Condition, Health};
use exchange::Node;

use crate::text::Out;

/// How often the carriers are looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Looks at the carriers of these nodes until the task is aborted.
pub(crate) async fn tell(nodes: Vec<Arc<Node>>, out: Out) {
    let mut known = Known::default();
    loop {
        // The first look comes when whoever is there has been reached.
        tokio::time::sleep(LOOK).await;
        for node in &nodes {
            for health in node.bus.health() {
                if known.is_news(node.code.as_str(), &health) {
                    say(&out, &node.code, &health);
                }
            }
        }
    }
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
        Health { carrier: "mq".into(), condition, since: Duration::ZERO, unreadable: 0 }
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
    fn one_carrier_says_nothing_of_another() {
        let mut known = Known::default();
        assert!(known.is_news("a", &down("bus.login", "x")));
        assert!(known.is_news("b", &down("bus.login", "x")));
    }
}
