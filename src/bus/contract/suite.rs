//! The contract itself, over any rig.

use std::sync::Arc;
use std::time::Duration;

use canon::Lane;
use tokio::time::{Instant, sleep, timeout};

use super::{PATIENCE, Rig, node, sequences};
use crate::{Bus, Confirmation};

pub(crate) async fn in_order<R: Rig>() {
    let rig = R::open(false).await;
    let a = rig.bus("a");
    let sent: Vec<_> = [(Lane::Live, 1), (Lane::Control, 2), (Lane::Live, 3), (Lane::Bulk, 4)]
        .map(|(lane, n)| rig.parcel(lane, n))
        .to_vec();
    let said = a.publish(sent.clone()).await.unwrap();
    assert_eq!(said, vec![Confirmation::Confirmed; 4]);
    let live = rig.taken("b", Lane::Live, 2).await;
    assert_eq!(sequences(&live), [1, 3]);
    assert_eq!(sequences(&rig.taken("b", Lane::Control, 1).await), [2]);
    assert_eq!(sequences(&rig.taken("b", Lane::Bulk, 1).await), [4]);
    let (got, was) = (&live[0].parcel, &sent[0]);
    assert_eq!((&got.from, &got.hop, &got.to, got.lane), (&was.from, &was.hop, &was.to, was.lane));
    assert_eq!((&got.id, &got.kind, &got.frame), (&was.id, &was.kind, &was.frame));
    assert!(!live[0].dead);
    assert!(a.take(&rig.code("a"), Lane::Live, 10).await.unwrap().is_empty());
    rig.close().await;
}

pub(crate) async fn given_back<R: Rig>() {
    let rig = R::open(false).await;
    let (bus, b) = (rig.bus("b"), rig.code("b"));
    let three = (1..=3).map(|n| rig.parcel(Lane::Live, n)).collect();
    rig.bus("a").publish(three).await.unwrap();
    let first = rig.taken("b", Lane::Live, 3).await;
    // The middle one only: those around it are not acknowledged with it.
    bus.ack(&b, &[first[1].tag]).await.unwrap();
    bus.give_back(&b, &[first[0].tag, first[2].tag]).await.unwrap();
    let again = rig.taken("b", Lane::Live, 2).await;
    assert_eq!(sequences(&again), [1, 3]);
    bus.ack(&b, &[again[0].tag, again[1].tag]).await.unwrap();
    assert!(bus.take(&b, Lane::Live, 10).await.unwrap().is_empty());
    rig.close().await;
}

pub(crate) async fn unroutable<R: Rig>() {
    let rig = R::open(false).await;
    let mut lost = rig.parcel(Lane::Live, 1);
    lost.hop = node("nowhere-at-all");
    let parcels = vec![rig.parcel(Lane::Live, 2), lost, rig.parcel(Lane::Live, 3)];
    let said = rig.bus("a").publish(parcels).await.unwrap();
    let expected = [Confirmation::Confirmed, Confirmation::Returned, Confirmation::Confirmed];
    assert_eq!(said, expected, "each in its place");
    rig.close().await;
}

pub(crate) async fn full<R: Rig>() {
    let rig = R::open(true).await;
    let (a, b) = (rig.bus("a"), rig.bus("b"));
    let mut sent = 0;
    let until = Instant::now() + PATIENCE;
    let refused = loop {
        assert!(Instant::now() < until, "{sent} parcels were taken and none refused");
        let parcel = rig.filling(rig.parcel(Lane::Live, sent + 1));
        match a.publish(vec![parcel]).await.unwrap().remove(0) {
            Confirmation::Confirmed => sent += 1,
            other => break other,
        }
    };
    assert_eq!(refused, Confirmation::Nacked("bus.full"));
    assert!(sent > 0, "one parcel always fits");
    // The control lane has its own queue.
    let control = a.publish(vec![rig.parcel(Lane::Control, 1_000)]).await.unwrap();
    assert_eq!(control, [Confirmation::Confirmed]);
    for _ in 0..sent {
        let taken = rig.taken("b", Lane::Live, 1).await;
        b.ack(&rig.code("b"), &[taken[0].tag]).await.unwrap();
    }
    let until = Instant::now() + PATIENCE;
    while a.publish(vec![rig.parcel(Lane::Live, 2_000)]).await.unwrap() != [Confirmation::Confirmed]
    {
        assert!(Instant::now() < until, "an empty lane still refuses");
        sleep(Duration::from_millis(20)).await;
    }
    rig.close().await;
}

pub(crate) async fn wakes<R: Rig>() {
    let rig = R::open(false).await;
    let (bus, b) = (rig.bus("b"), rig.code("b"));
    let waiting = {
        let (bus, b) = (Arc::clone(&bus), b.clone());
        tokio::spawn(async move { woken(&*bus, &b).await })
    };
    rig.bus("a").publish(vec![rig.parcel(Lane::Live, 1)]).await.unwrap();
    let found = timeout(PATIENCE, waiting).await.expect("an arrival wakes").unwrap();
    bus.ack(&b, &[found]).await.unwrap();
    bus.ack(&b, &[found, 987_654_321]).await.unwrap();
    rig.bus("a").publish(vec![rig.parcel(Lane::Live, 2)]).await.unwrap();
    assert_eq!(sequences(&rig.taken("b", Lane::Live, 1).await), [2]);
    rig.close().await;
}

/// Sleeps until woken, as the worker does, until there is something.
async fn woken(bus: &dyn Bus, node: &canon::NodeCode) -> u64 {
    loop {
        if let Some(found) = bus.take(node, Lane::Live, 1).await.unwrap().pop() {
            return found.tag;
        }
        bus.arrival(node).await;
    }
}

pub(crate) async fn sizes<R: Rig>() {
    let rig = R::open(false).await;
    let (bus, b) = (rig.bus("b"), rig.code("b"));
    // About a frame of the wire protocol, and parcels of many of them.
    for (n, size) in [1, 131_064, 131_065, 1 << 20, 8 << 20].into_iter().enumerate() {
        let mut parcel = rig.parcel(Lane::Live, n as u64 + 1);
        parcel.frame = (0..size).map(|i| (i % 251) as u8).collect();
        let said = rig.bus("a").publish(vec![parcel.clone()]).await.unwrap();
        assert_eq!(said, [Confirmation::Confirmed], "{size} bytes");
        let found = rig.taken("b", Lane::Live, 1).await;
        assert!(found[0].parcel.frame == parcel.frame, "{size} bytes arrive whole");
        bus.ack(&b, &[found[0].tag]).await.unwrap();
    }
    rig.close().await;
}
