//! What every carrier must do. Mounted once a carrier; today `local`.

use std::sync::Arc;

use canon::{EnvelopeId, Lane, NodeCode};

use crate::{Bus, Confirmation, LocalBus, Parcel};

pub(crate) fn node(code: &str) -> NodeCode {
    NodeCode::new(code).expect("a legal code")
}

pub(crate) fn parcel(hop: &str, lane: Lane, sequence: u64) -> Parcel {
    let route = "b|supervision/1|ecdsa-p256-sha256|live".parse().expect("a legal route");
    Parcel {
        from: node("a"),
        hop: node(hop),
        lane,
        id: EnvelopeId { sender: node("a"), epoch: 1, route, sequence },
        kind: "records".into(),
        to: node("b"),
        frame: Arc::from(vec![sequence as u8; 10]),
    }
}

fn bus() -> LocalBus {
    LocalBus::new([node("a"), node("b")])
}

#[tokio::test]
async fn parcels_come_in_order_and_only_in_their_lane() {
    let bus = bus();
    let said = bus
        .publish(vec![
            parcel("b", Lane::Live, 1),
            parcel("b", Lane::Control, 2),
            parcel("b", Lane::Live, 3),
        ])
        .await
        .unwrap();
    assert_eq!(said, vec![Confirmation::Confirmed; 3]);
    let live = bus.take(&node("b"), Lane::Live, 10).await.unwrap();
    assert_eq!(live.iter().map(|d| d.parcel.id.sequence).collect::<Vec<_>>(), [1, 3]);
    let control = bus.take(&node("b"), Lane::Control, 10).await.unwrap();
    assert_eq!(control.len(), 1);
    assert!(bus.take(&node("a"), Lane::Live, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_given_back_comes_again_and_what_is_acknowledged_does_not() {
    let bus = bus();
    bus.publish(vec![parcel("b", Lane::Live, 1), parcel("b", Lane::Live, 2)]).await.unwrap();
    let first = bus.take(&node("b"), Lane::Live, 10).await.unwrap();
    bus.ack(&node("b"), &[first[0].tag]).await.unwrap();
    bus.give_back(&node("b"), &[first[1].tag]).await.unwrap();
    let again = bus.take(&node("b"), Lane::Live, 10).await.unwrap();
    assert_eq!(again.iter().map(|d| d.parcel.id.sequence).collect::<Vec<_>>(), [2]);
    bus.ack(&node("b"), &[again[0].tag]).await.unwrap();
    assert_eq!(bus.depth(&node("b")), 0);
}

#[tokio::test]
async fn nothing_is_confirmed_that_no_queue_takes() {
    let bus = bus();
    let said = bus.publish(vec![parcel("nowhere", Lane::Live, 1)]).await.unwrap();
    assert_eq!(said, [Confirmation::Returned]);
}

#[tokio::test]
async fn a_node_cut_off_is_unreachable_until_it_is_back() {
    let bus = bus();
    bus.cut(&node("b"), true);
    let said = bus.publish(vec![parcel("b", Lane::Live, 1)]).await.unwrap();
    assert_eq!(said, [Confirmation::Unreachable("bus.unreachable")]);
    bus.cut(&node("b"), false);
    assert_eq!(
        bus.publish(vec![parcel("b", Lane::Live, 1)]).await.unwrap(),
        [Confirmation::Confirmed]
    );
}

#[tokio::test]
async fn a_full_lane_refuses_and_takes_again_once_acknowledged() {
    let bus = bus();
    let mut big = parcel("b", Lane::Live, 1);
    big.frame = Arc::from(vec![0; crate::local::LANE_BYTES_MAX]);
    assert_eq!(bus.publish(vec![big.clone()]).await.unwrap(), [Confirmation::Confirmed]);
    assert_eq!(
        bus.publish(vec![parcel("b", Lane::Live, 2)]).await.unwrap(),
        [Confirmation::Nacked("bus.full")]
    );
    // The control lane has its own queue.
    assert_eq!(
        bus.publish(vec![parcel("b", Lane::Control, 3)]).await.unwrap(),
        [Confirmation::Confirmed]
    );
    let taken = bus.take(&node("b"), Lane::Live, 1).await.unwrap();
    bus.ack(&node("b"), &[taken[0].tag]).await.unwrap();
    assert_eq!(
        bus.publish(vec![parcel("b", Lane::Live, 2)]).await.unwrap(),
        [Confirmation::Confirmed]
    );
}
