//! What only the memory back end promises.

use canon::{Lane, Millis, NodeCode, Route};

use super::MemoryWorld;
use crate::{NewControl, RouteCounters, Slots, Store, StoreError, StoreFuture};

fn now<T>(mut future: StoreFuture<'_, T>) -> Result<T, StoreError> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(result) => result,
        std::task::Poll::Pending => panic!("not ready at first poll"),
    }
}

fn inquiry(to: &NodeCode) -> NewControl {
    NewControl {
        kind: "inquiry".into(),
        to: to.clone(),
        day: Millis(0).day(),
        detail: String::new(),
        body: b"<I/>".to_vec(),
        lengths: vec![4],
        answers: None,
    }
}

#[test]
fn a_fork_goes_its_own_way() {
    let code = NodeCode::new("county").unwrap();
    let world = MemoryWorld::new();
    let store = world.open(&code);
    now(store.queue_controls(vec![inquiry(&code)], Millis(1))).unwrap();
    let fork = store.fork();
    now(store.queue_controls(vec![inquiry(&code)], Millis(2))).unwrap();
    assert_eq!(now(store.queued_controls(Slots::ALL, 9)).unwrap().len(), 2);
    assert_eq!(now(fork.queued_controls(Slots::ALL, 9)).unwrap().len(), 1);
    assert_eq!(now(world.open(&code).queued_controls(Slots::ALL, 9)).unwrap().len(), 2);
}

#[test]
fn a_future_that_is_never_polled_does_nothing() {
    let code = NodeCode::new("county").unwrap();
    let store = MemoryWorld::new().open(&code);
    drop(store.queue_controls(vec![inquiry(&code)], Millis(1)));
    assert!(now(store.queued_controls(Slots::ALL, 9)).unwrap().is_empty());
}

#[test]
fn a_higher_epoch_starts_the_sequences_again_and_a_lower_one_changes_nothing() {
    let code = NodeCode::new("county").unwrap();
    let world = MemoryWorld::new();
    let route = Route {
        destination: code.clone(),
        edition: "control/1".into(),
        suite: "ecdsa-p256-sha256".into(),
        lane: Lane::Control,
    };
    for (asked, epoch) in [(1, 1), (3, 3), (2, 3)] {
        let store = world.open_in_epoch(&code, asked);
        let counters = now(store.counters(&route)).unwrap();
        assert_eq!(counters, RouteCounters { epoch, next_sequence: 1, settled_below: 1 });
    }
}
