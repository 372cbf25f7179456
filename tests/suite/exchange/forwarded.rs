//! The audit chain goes to a collector outside, in its order: what it does not take waits, and nothing is lost
//! by a restart, a takeover or a collector that is away.

use std::sync::{Arc, Mutex};

use exchange::forward::{self, Collector, FORWARD_EVENTS_MAX, Forward, Link, NotTaken, TakeFuture};
use exchange::{WorkError, Worker};
use store::AuditEvent;
use store::audit::verify_chain;
use tests::world::{TOWN, World};

/// A collector that may be away, and may lose the word that it has taken a batch.
#[derive(Clone, Default)]
struct Outside {
    taken: Arc<Mutex<Vec<Link>>>,
    away: Arc<Mutex<bool>>,
    unheard: Arc<Mutex<bool>>,
}

impl Collector for Outside {
    fn take<'a>(&'a self, events: &'a [Link]) -> TakeFuture<'a> {
        let away = *self.away.lock().unwrap();
        if !away {
            self.taken.lock().unwrap().extend_from_slice(events);
        }
        let unheard = std::mem::take(&mut *self.unheard.lock().unwrap());
        Box::pin(async move {
            match away || unheard {
                true => Err(NotTaken { code: "audit.syslog_unreached", detail: "refused".into() }),
                false => Ok(()),
            }
        })
    }
}

impl Outside {
    fn numbers(&self) -> Vec<i64> {
        self.taken.lock().unwrap().iter().map(|(number, _, _)| *number).collect()
    }
}

async fn note(world: &World, n: u32) {
    let event = AuditEvent {
        at: world.now,
        who: "op-1".into(),
        action: "test.noted".into(),
        subject: n.to_string(),
        reason: String::new(),
        ok: true,
    };
    world.store(TOWN).audit(event).await.unwrap();
}

fn worker(world: &World, outside: &Outside) -> Forward {
    Forward::new(Arc::clone(&world.nodes[TOWN].node), Box::new(outside.clone()))
}

#[tokio::test]
async fn the_chain_goes_out_from_its_beginning_and_each_event_once_while_all_is_well() {
    let mut world = super::world().await;
    let outside = Outside::default();
    for n in 0..FORWARD_EVENTS_MAX + 3 {
        note(&world, n).await;
    }
    let mut forward = worker(&world, &outside);
    let first = forward.run_once(world.now).await.unwrap();
    assert_eq!((first.done, first.more), (u64::from(FORWARD_EVENTS_MAX), true));
    assert!(!forward.run_once(world.now).await.unwrap().more);
    let chain = world.store(TOWN).audit_after(0, 10_000).await.unwrap();
    assert_eq!(*outside.taken.lock().unwrap(), chain, "all of it, in its order");
    assert_eq!(verify_chain(None, &outside.taken.lock().unwrap()), Ok(()));
    // A restart begins where the last one was.
    note(&world, 9_999).await;
    world.now = world.now.plus(2_000);
    let mut again = worker(&world, &outside);
    assert_eq!(again.run_once(world.now).await.unwrap().done, 1);
    assert_eq!(outside.numbers().len(), chain.len() + 1);
    let waiting = forward::waiting(world.store(TOWN)).await.unwrap();
    assert_eq!((waiting.events, waiting.since, waiting.why), (0, None, None));
    world.finish().await;
}

#[tokio::test]
async fn a_collector_that_is_away_misses_nothing_and_people_are_told_since_when() {
    let mut world = super::world().await;
    let outside = Outside::default();
    let mut forward = worker(&world, &outside);
    *outside.away.lock().unwrap() = true;
    note(&world, 1).await;
    let began = world.now;
    let said = forward.run_once(world.now).await;
    assert!(
        matches!(&said, Err(WorkError::Forward { what }) if what.contains("[audit.syslog_unreached]")),
        "{said:?}"
    );
    world.now = world.now.plus(60_000);
    note(&world, 2).await;
    forward.run_once(world.now).await.unwrap_err();
    let waiting = forward::waiting(world.store(TOWN)).await.unwrap();
    let why = waiting.why.unwrap();
    assert_eq!((why.since, why.detail.as_str(), why.halted), (began, "refused", false));
    let chain = world.store(TOWN).audit_after(0, 100).await.unwrap();
    assert_eq!((waiting.events, waiting.since), (chain.len(), Some(chain[0].1.at)));
    // Another process takes over, knows since when, and takes it back when the collector takes.
    *outside.away.lock().unwrap() = false;
    let mut other = worker(&world, &outside);
    other.run_once(world.now).await.unwrap();
    assert_eq!(*outside.taken.lock().unwrap(), chain);
    let waiting = forward::waiting(world.store(TOWN)).await.unwrap();
    assert_eq!((waiting.events, waiting.why), (0, None));
    world.finish().await;
}

#[tokio::test]
async fn what_was_perhaps_taken_comes_again_under_its_number() {
    let mut world = super::world().await;
    let outside = Outside::default();
    let mut forward = worker(&world, &outside);
    note(&world, 1).await;
    *outside.unheard.lock().unwrap() = true;
    forward.run_once(world.now).await.unwrap_err();
    let first = outside.numbers();
    world.now = world.now.plus(1_000);
    forward.run_once(world.now).await.unwrap();
    assert_eq!(outside.numbers(), [first.clone(), first].concat());
    world.finish().await;
}

/// A machine that stops itself says why in its chain, and just that is to be heard outside.
#[tokio::test]
async fn a_node_that_has_stopped_itself_still_says_so_outside() {
    let mut world = super::world().await;
    let outside = Outside::default();
    let node = Arc::clone(&world.nodes[TOWN].node);
    node.halt("sender.cloned", "e", world.now).await.unwrap();
    world.now = world.now.plus(60_000);
    assert!(node.lease("seal", world.now).await.unwrap().is_none(), "its workers stand still");
    let mut forward = worker(&world, &outside);
    forward.run_once(world.now).await.unwrap();
    let told = outside.taken.lock().unwrap().clone();
    assert!(told.iter().any(|(_, event, _)| event.action == "node.halted"), "{told:?}");
    world.finish().await;
}
