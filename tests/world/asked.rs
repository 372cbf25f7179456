//! What a story asks of its nodes.

use canon::RecordId;
use store::Place;

use super::{PROVINCE, World, check, input};

impl World {
    /// How many records of a node are in a place.
    pub async fn count(&self, tier: usize, place: Place) -> u64 {
        let status = self.store(tier).status().await.expect("status");
        status.places[place as usize]
    }

    /// Where a version of a record is.
    pub async fn place(&self, tier: usize, kind: &str, case: u32, version: u32) -> Option<Place> {
        self.place_to(super::TIERS[PROVINCE], tier, kind, case, version).await
    }

    /// Where a version of a record is on its way to a destination.
    pub async fn place_to(
        &self,
        to: &str,
        tier: usize,
        kind: &str,
        case: u32,
        version: u32,
    ) -> Option<Place> {
        let key = canon::Key::new(input::UNIT, &[&input::case(case)]);
        let id = RecordId { kind: kind.into(), key, version };
        self.store(tier).place(&id, &super::code(to)).await.expect("place")
    }

    /// How many records the province keeps.
    pub async fn kept(&self) -> u64 {
        self.store(PROVINCE).status().await.expect("status").kept
    }

    /// Texts of the reasons and codes in a tier's audit.
    pub async fn audited(&self, tier: usize) -> Vec<(String, String)> {
        let events = self.store(tier).audit_after(0, 10_000).await.expect("audit");
        events.into_iter().map(|(_, e, _)| (e.action, e.reason)).collect()
    }

    /// Everything a tier lists as a problem.
    pub async fn problems(&self, tier: usize) -> Vec<store::ProblemItem> {
        let filter = store::ProblemFilter { limit: 10_000, ..store::ProblemFilter::default() };
        self.store(tier).problems(filter).await.expect("problems")
    }

    /// First rules of a tier's problems of a class (`quarantined`, `rejected`, `refused`).
    pub async fn rules(&self, tier: usize, class: &str) -> Vec<String> {
        let problems = self.problems(tier).await.into_iter().filter(|p| p.class == class);
        problems.map(|p| p.violations.first().map_or("", |v| &*v.rule).to_owned()).collect()
    }

    /// The own envelopes of a tier on the live and bulk routes.
    pub async fn sent(&self, tier: usize) -> Vec<store::OutEnvelope> {
        check::sent(self.store(tier)).await
    }
}
