//! The inbox.

use super::office::*;
use super::provider::run;
use crate::*;

#[test]
fn a_parcel_waiting_in_the_inbox_is_not_added_twice() {
    run(async |bench| {
        let city = Office::open(&bench, "city").await;
        let parcel = city.parcel("records", &sent_by("county", "city", 1));
        city.store.admit(vec![parcel.clone(), parcel.clone()], t0()).await.unwrap();
        city.store.admit(vec![parcel.clone()], t0()).await.unwrap();
        assert_eq!(city.store.status().await.unwrap().inbox, 1);
        let claimed = city.claim(InboxFor::Accept, t0()).await;
        city.store.drop_inbox(&city.lease, claimed[0].inbox_id).await.unwrap();
        // Consumed: the same bytes are a duplicate for the worker to judge.
        city.store.admit(vec![parcel], t0()).await.unwrap();
        assert_eq!(city.store.status().await.unwrap().inbox, 1);
    });
}

#[test]
fn each_worker_takes_its_part_of_the_inbox() {
    run(async |bench| {
        let city = Office::open(&bench, "city").await;
        let records = sent_by("county", "city", 1);
        let receipt = sent_by("province", "city", 2);
        let passing = sent_by("county", "province", 3);
        let passing_receipt = sent_by("province", "county", 4);
        let parcels = vec![
            city.parcel("records", &records),
            city.parcel("receipt", &receipt),
            city.parcel("records", &passing),
            city.parcel("receipt", &passing_receipt),
        ];
        city.store.admit(parcels.clone(), t0()).await.unwrap();
        let ids = async |which| -> Vec<u64> {
            let claimed = city.claim(which, t0()).await;
            claimed.iter().map(|c| c.arrived.id.sequence).collect()
        };
        assert_eq!(ids(InboxFor::Accept).await, [1]);
        assert_eq!(ids(InboxFor::Settle).await, [2]);
        assert_eq!(ids(InboxFor::Relay).await.len(), 2);
        let claimed = city.claim(InboxFor::Accept, t0()).await;
        let arrived = &claimed[0].arrived;
        assert_eq!((&*arrived.frame, arrived.parcel), (&*parcels[0].frame, parcels[0].parcel));
        assert_eq!((&*arrived.link, &arrived.from), ("down", &node("county")));
    });
}

#[test]
fn every_claim_counts_a_try_before_anything_else() {
    run(async |bench| {
        let city = Office::open(&bench, "city").await;
        let parcel = city.parcel("records", &sent_by("county", "city", 1));
        city.store.admit(vec![parcel], t0()).await.unwrap();
        for tries in 1..=3 {
            assert_eq!(city.claim(InboxFor::Accept, t0()).await[0].tries, tries);
        }
        drop(city);
        let bench = bench.reopen().await;
        let city = Office::open(&bench, "city").await;
        assert_eq!(city.claim(InboxFor::Accept, t0()).await[0].tries, 4);
    });
}

#[test]
fn senders_are_taken_in_turn() {
    run(async |bench| {
        let city = Office::open(&bench, "city").await;
        for sequence in 1..=4 {
            let parcel = city.parcel("records", &sent_by("noisy", "city", sequence));
            city.store.admit(vec![parcel], t0().plus(sequence as i64)).await.unwrap();
        }
        for sequence in 1..=2 {
            let parcel = city.parcel("records", &sent_by("quiet", "city", sequence));
            city.store.admit(vec![parcel], t0().plus(HOUR)).await.unwrap();
        }
        let s = &city.store;
        let claimed = s.claim_inbox(&city.lease, InboxFor::Accept, 5, t0()).await.unwrap();
        let order: Vec<_> = claimed
            .iter()
            .map(|c| (c.arrived.id.sender.to_string(), c.arrived.id.sequence))
            .collect();
        let expected = [("noisy", 1), ("quiet", 1), ("noisy", 2), ("quiet", 2), ("noisy", 3)];
        assert_eq!(order, expected.map(|(s, n)| (s.to_owned(), n)));
    });
}

#[test]
fn a_dropped_row_is_gone_and_dropping_it_again_is_a_conflict() {
    run(async |bench| {
        let city = Office::open(&bench, "city").await;
        let inbox_id = city.control_arrives(t0()).await;
        city.store.drop_inbox(&city.lease, inbox_id).await.unwrap();
        assert!(city.claim(InboxFor::Settle, t0()).await.is_empty());
        let again = city.store.drop_inbox(&city.lease, inbox_id).await;
        assert!(matches!(again, Err(StoreError::Conflict { .. })), "{again:?}");
    });
}

#[test]
fn a_refused_parcel_is_set_aside_audited_and_answered() {
    run(async |bench| {
        let city = Office::open(&bench, "city").await;
        let s = &city.store;
        let id = sent_by("county", "city", 1);
        let inbox_id = city.arrive("records", &id, t0()).await;
        let refused = RefusedParcel {
            inbox_id,
            code: "sender.signature_invalid".into(),
            detail: "signature does not fit the head".into(),
            refusal: Some(control("refusal", "county", None)),
            now: t0(),
        };
        s.commit_refused(&city.lease, refused.clone()).await.unwrap();
        let status = s.status().await.unwrap();
        assert_eq!((status.inbox, status.refused, status.control_queued), (0, 1, 1));
        assert_eq!(&*s.queued_controls(Slots::ALL, 9).await.unwrap()[0].control.kind, "refusal");
        let problem = city.problems().await.remove(0);
        assert_eq!((&*problem.class, &*problem.state), ("refused", "held"));
        assert_eq!(&*problem.violations[0].rule, "sender.signature_invalid");
        assert!(s.problem_raw(problem.number).await.unwrap().is_some());
        let audit = s.audit_after(0, 9).await.unwrap();
        assert_eq!(audit.len(), 1);
        assert_eq!(verify_chain(None, &audit), Ok(()));
        // S7: it changed nothing else.
        assert_eq!(s.admission(&id).await.unwrap(), None);
        assert_eq!(s.highest_epoch(&node("county")).await.unwrap(), 0);
        assert!(s.commit_refused(&city.lease, refused).await.is_err());
        assert_eq!(s.status().await.unwrap().refused, 1);
    });
}
