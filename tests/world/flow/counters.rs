//! The end of a flow: what became of every record.

use std::fmt;
use std::time::Duration;

use store::{Place, SharedStore};

use super::Flow;
use crate::world::check::{self, Books, Left};
use crate::world::code;
use crate::world::process::now;

/// What became of everything, in records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Records the source gave.
    pub attempted: u64,
    /// Of them, those with a verified receipt that says accepted.
    pub confirmed: u64,
    /// Of them, those the province keeps.
    pub delivered: u64,
    /// Records whose envelope was handed to the broker more than once; none took effect twice.
    pub duplicated: u64,
    /// Attempted, and not kept at the province.
    pub lost: u64,
    /// Kept at the province though nobody sent them, or kept without the sender's knowing.
    pub unexpected: u64,
}

impl fmt::Display for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { attempted, confirmed, delivered, duplicated, lost, unexpected } = self;
        write!(
            f,
            "attempted {attempted}, confirmed {confirmed}, delivered {delivered}, \
             duplicated {duplicated}, lost {lost}, unexpected {unexpected}"
        )
    }
}

impl Flow {
    /// The end: everything settles within `longest`; then the books are checked and the counters
    /// are what they must be.
    pub async fn finish(&mut self, fault: &str, longest: Duration) -> Counters {
        self.until_settled(longest).await;
        let stores = self.stores().await.expect("every store");
        let counters = self.counters(&stores).await;
        println!("{fault}: {counters}");
        let told = self.told().await;
        assert_eq!((counters.lost, counters.unexpected), (0, 0), "{fault}: {counters}\n{told}");
        assert_eq!(counters.confirmed, counters.attempted, "{fault}: {counters}");
        let codes = (0..self.plan.tiers.len()).map(|at| code(self.name(at))).collect();
        let books = Books { stores, codes, senders: [0].into(), now: now() };
        books.hold(Left::default()).await;
        self.check_written_back().await;
        self.finished = true;
        counters
    }

    async fn counters(&self, stores: &[SharedStore]) -> Counters {
        let cases = self.cases();
        let kept = check::kept(&stores[self.top()]).await;
        let (mut delivered, mut unexpected) = (0, 0);
        for id in &kept {
            let key = id.key.to_string();
            let known = key.split_once('@').is_some_and(|(case, _)| cases.contains(case));
            let place = stores[0].place(id, &code(self.name(self.top()))).await.expect("place");
            let both = known && place == Some(Place::Accepted);
            *(if both { &mut delivered } else { &mut unexpected }) += 1;
        }
        let status = stores[0].status().await.expect("status");
        let again = check::sent(&stores[0]).await.into_iter().filter(|e| e.attempts > 1);
        let attempted = self.attempted();
        Counters {
            attempted,
            confirmed: status.places[Place::Accepted as usize],
            delivered,
            duplicated: again.map(|e| u64::from(e.count)).sum(),
            lost: attempted.saturating_sub(delivered),
            unexpected,
        }
    }
}
