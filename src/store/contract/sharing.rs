//! Work shared by several instances: leases on slots, and who takes what under them.

use canon::Lane;

use super::office::*;
use super::provider::run;
use crate::*;

/// A lease of `accept` on these slots, taken by `holder`.
async fn slots(store: &SharedStore, holder: &str, slots: Slots) -> Lease {
    let names: Vec<String> = slots.each().map(|s| Lease::slot_name("accept", s)).collect();
    let taken = store.leases(&names, holder, t0(), HOUR).await.unwrap();
    let slots = slots.each().zip(taken);
    let slots = slots.map(|(slot, l)| SlotLease { slot, token: l.unwrap().token }).collect();
    Lease { name: "accept".into(), token: 0, slots }
}

#[test]
fn each_takes_the_senders_of_its_slots_and_together_they_take_all() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let senders: Vec<String> = (1..=40).map(|n| format!("town-{n}")).collect();
        for sender in &senders {
            let id = sent_by(sender, "county", 1);
            county.store.admit(vec![county.parcel("records", &id)], t0()).await.unwrap();
        }
        assert_eq!(county.store.inbox_depths().await.unwrap().len(), 40);
        let low = (0..SLOTS / 2).fold(Slots::NONE, Slots::with);
        let high = (SLOTS / 2..SLOTS).fold(Slots::NONE, Slots::with);
        let mut taken = Vec::new();
        for (holder, share) in [("a", low), ("b", high)] {
            let lease = slots(&county.store, holder, share).await;
            let claimed =
                county.store.claim_inbox(&lease, InboxFor::Accept, 100, t0()).await.unwrap();
            assert!(!claimed.is_empty() && claimed.len() < 40);
            for one in claimed {
                let sender = one.arrived.id.sender;
                assert!(share.has(slot_of_sender(&sender)));
                taken.push(sender.as_str().to_owned());
            }
        }
        taken.sort();
        let mut expected = senders;
        expected.sort();
        assert_eq!(taken, expected);
    });
}

#[test]
fn a_lease_on_slots_is_lost_with_any_of_them_but_can_be_narrowed() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let id = sent_by("town-1", "county", 1);
        county.store.admit(vec![county.parcel("records", &id)], t0()).await.unwrap();
        let own = slot_of_sender(&id.sender);
        let other = (own + 1) % SLOTS;
        let lease = slots(&county.store, "a", Slots::NONE.with(own).with(other)).await;
        let s = &county.store;
        let claimed = s.claim_inbox(&lease, InboxFor::Accept, 9, t0()).await.unwrap();
        // Given back, it is good until somebody takes it.
        let given = [Lease::slot_name("accept", other)];
        s.leases(&given, "a", t0(), 0).await.unwrap();
        assert_eq!(s.claim_inbox(&lease, InboxFor::Accept, 9, t0()).await.unwrap().len(), 1);
        let taken = s.lease(&given[0], "b", t0(), HOUR).await.unwrap();
        assert_eq!(taken.map(|l| l.token), Some(2));
        let lost = s.claim_inbox(&lease, InboxFor::Accept, 9, t0()).await;
        assert!(matches!(lost, Err(StoreError::LeaseLost(_))));
        let lost = s.drop_inbox(&lease, claimed[0].inbox_id).await;
        assert!(matches!(lost, Err(StoreError::LeaseLost(_))));
        s.drop_inbox(&lease.only(own), claimed[0].inbox_id).await.unwrap();
        let rows = s.lease_rows().await.unwrap();
        let row = rows.iter().find(|r| r.name == given[0]).unwrap();
        assert_eq!((row.holder.as_str(), row.token, row.until), ("b", 2, t0().plus(HOUR)));
    });
}

#[test]
fn what_is_to_be_sealed_is_shared_by_route() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let to: Vec<String> = (1..=40).map(|n| format!("town-{n}")).collect();
        let controls = to.iter().map(|t| control("receipt", t, None)).collect();
        county.store.queue_controls(controls, t0()).await.unwrap();
        let mut found = 0;
        for slot in 0..SLOTS {
            let share = Slots::NONE.with(slot);
            let queued = county.store.queued_controls(share, 100).await.unwrap();
            assert!(queued.iter().all(|q| slot_of_lane(&q.control.to, Lane::Control) == slot));
            found += queued.len();
            let first = county.store.queued_controls(share, 1).await.unwrap();
            assert_eq!(first.first(), queued.first());
        }
        assert_eq!(found, 40);
        county.collect(t0(), vec![record("SB", "A", 1)]).await;
        let envelope = county.next_envelope(&live(), 9).await;
        county.store.number(&county.lease, vec![envelope], t0()).await.unwrap();
        let own = slot_of_route(&live());
        for slot in 0..SLOTS {
            let left = county.store.numbered(Slots::NONE.with(slot), 9).await.unwrap();
            assert_eq!(left.len(), usize::from(slot == own));
        }
    });
}

#[test]
fn a_judgement_on_kept_rows_that_are_not_all_any_more_is_refused() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let (first, second) = (sent_by("town-1", "county", 1), sent_by("town-2", "county", 1));
        let one = county.arrive("records", &first, t0()).await;
        let two = county.arrive("records", &second, t0()).await;
        let record = id("SB", "A", 1);
        let saw = |rows| Some(Saw { roots: vec![record.key.root().to_owned()], rows });
        let s = &county.store;
        let fact =
            Judged { saw: saw(0), ..judged(one, &first, std::slice::from_ref(&record), t0()) };
        s.commit_judged(&county.lease, fact).await.unwrap();
        let next = [id("SB", "A", 2)];
        let stale = Judged { saw: saw(0), ..judged(two, &second, &next, t0()) };
        let refused = s.commit_judged(&county.lease, stale.clone()).await;
        assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
        assert_eq!(s.status().await.unwrap().kept, 1);
        s.commit_judged(&county.lease, Judged { saw: saw(1), ..stale }).await.unwrap();
        assert_eq!(s.status().await.unwrap().kept, 2);
    });
}
