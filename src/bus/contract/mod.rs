//! What every carrier must do. A carrier mounts it with [`mount!`] and a [`Rig`].

pub(crate) mod suite;

use std::sync::Arc;
use std::time::Duration;

use canon::{EnvelopeId, Lane, NodeCode};
use tokio::time::{Instant, sleep};

use crate::sim::Fair;
use crate::{Bus, Delivery, LocalBus, Parcel, SimBus};

/// Longest wait for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn node(code: &str) -> NodeCode {
    NodeCode::new(code).expect("a legal code")
}

/// A parcel from `a`.
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

/// A carrier between two neighbours `a` and `b`, ready to carry.
pub(crate) trait Rig: Sized + Send + Sync {
    /// A fresh one; `small` holds little, so that a test can fill it.
    fn open(small: bool) -> impl Future<Output = Self> + Send;

    /// The full code of `a` or `b`: unique, where tests share what carries.
    fn code(&self, short: &str) -> NodeCode {
        node(short)
    }

    /// The carrier as `a` or `b` sees it.
    fn bus(&self, short: &str) -> Arc<dyn Bus>;

    /// A parcel that alone is as much as a small one holds.
    fn filling(&self, parcel: Parcel) -> Parcel {
        parcel
    }

    /// Leaves nothing behind.
    fn close(self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// A parcel from `a` to `b`.
    fn parcel(&self, lane: Lane, sequence: u64) -> Parcel {
        let mut parcel = parcel("b", lane, sequence);
        parcel.from = self.code("a");
        parcel.hop = self.code("b");
        parcel.to = self.code("b");
        parcel.id.sender = self.code("a");
        parcel
    }

    /// What has come for a node in a lane, once it is so many.
    fn taken(
        &self,
        short: &str,
        lane: Lane,
        count: usize,
    ) -> impl Future<Output = Vec<Delivery>> + Send {
        let (bus, code) = (self.bus(short), self.code(short));
        async move {
            let mut found = Vec::new();
            let until = Instant::now() + PATIENCE;
            while found.len() < count {
                assert!(Instant::now() < until, "{} of {count} parcels came", found.len());
                found.extend(bus.take(&code, lane, count - found.len()).await.unwrap());
                if found.len() < count {
                    sleep(Duration::from_millis(5)).await;
                }
            }
            found
        }
    }
}

/// The sequences of some deliveries.
pub(crate) fn sequences(deliveries: &[Delivery]) -> Vec<u64> {
    deliveries.iter().map(|d| d.parcel.id.sequence).collect()
}

macro_rules! mount {
    ($rig:ty) => {
        mod contract {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn parcels_come_in_order_only_in_their_lane_and_whole() {
                $crate::contract::suite::in_order::<$rig>().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn what_is_given_back_comes_again_and_what_is_acknowledged_does_not() {
                $crate::contract::suite::given_back::<$rig>().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn nothing_is_confirmed_that_no_queue_takes() {
                $crate::contract::suite::unroutable::<$rig>().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_full_lane_refuses_and_takes_again_once_acknowledged() {
                $crate::contract::suite::full::<$rig>().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn an_arrival_wakes_and_a_double_ack_hurts_nobody() {
                $crate::contract::suite::wakes::<$rig>().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn parcels_of_many_sizes_arrive_whole() {
                $crate::contract::suite::sizes::<$rig>().await;
            }
        }
    };
}
pub(crate) use mount;

/// Two nodes of one process.
struct LocalRig(Arc<LocalBus>);

impl Rig for LocalRig {
    async fn open(_: bool) -> Self {
        Self(Arc::new(LocalBus::new([node("a"), node("b")])))
    }

    fn bus(&self, _: &str) -> Arc<dyn Bus> {
        Arc::clone(&self.0) as Arc<dyn Bus>
    }

    fn filling(&self, mut parcel: Parcel) -> Parcel {
        parcel.frame = Arc::from(vec![0; crate::local::LANE_BYTES_MAX]);
        parcel
    }
}

mod local {
    use super::LocalRig;

    super::mount!(LocalRig);
}

/// Two nodes of one simulated world in fair weather: what entitles the simulator to stand for every
/// other carrier.
struct SimRig(Arc<SimBus>);

impl Rig for SimRig {
    async fn open(_: bool) -> Self {
        Self(Arc::new(SimBus::new([node("a"), node("b")], Box::new(Fair))))
    }

    fn bus(&self, _: &str) -> Arc<dyn Bus> {
        Arc::clone(&self.0) as Arc<dyn Bus>
    }

    fn filling(&self, mut parcel: Parcel) -> Parcel {
        parcel.frame = Arc::from(vec![0; crate::local::LANE_BYTES_MAX]);
        parcel
    }
}

mod sim {
    use super::SimRig;

    super::mount!(SimRig);
}
