//! Instances that share a tier's store: who holds which part of its work.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::processes::instance_name;
use super::{Flow, now};

/// `lease_ttl` of the flows.
const LEASE_TTL: Duration = Duration::from_secs(2);
/// What a part of a dead instance may wait beyond its lease and a look at it, on a machine that does
/// much else.
const LATE: Duration = Duration::from_secs(8);

impl Flow {
    /// Parts of a tier's work that an instance holds now; `None` while the store cannot be asked.
    pub async fn parts(&self, at: usize, instance: usize) -> Option<BTreeSet<String>> {
        let holder = instance_name(instance);
        let rows = self.store(at).await?.lease_rows().await.ok()?;
        let held = rows.into_iter().filter(|row| row.holder == holder && row.until > now());
        Some(held.map(|row| row.name).filter(|name| !name.starts_with("instance/")).collect())
    }

    /// Waits until every instance of a tier has some part of the work of accept.
    pub async fn until_shared(&self, at: usize, longest: Duration) {
        for instance in 0..self.plan.instances {
            self.until("every instance has its share", longest, async |flow| {
                let parts = flow.parts(at, instance).await.unwrap_or_default();
                parts.iter().any(|part| part.starts_with("accept/"))
            })
            .await;
        }
    }

    /// SIGKILL for one of a tier's instances; says how long it took until others had all its parts,
    /// which has a bound.
    pub async fn kill_until_taken_over(&mut self, at: usize, instance: usize) -> Duration {
        let orphans = self.parts(at, instance).await.expect("its store answers");
        self.kill_instance(at, instance);
        let begun = Instant::now();
        let others: Vec<usize> = (0..self.plan.instances).filter(|i| *i != instance).collect();
        self.until("the parts of a dead instance are taken over", LEASE_TTL + LATE, async |flow| {
            let mut held = BTreeSet::new();
            for other in &others {
                held.extend(flow.parts(at, *other).await.unwrap_or_default());
            }
            orphans.is_subset(&held)
        })
        .await;
        begun.elapsed()
    }
}
