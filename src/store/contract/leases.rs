//! Leases and time.

use super::office::*;
use super::provider::run;
use crate::*;

#[test]
fn a_lease_is_renewed_by_its_holder_and_kept_from_others() {
    run(async |bench| {
        let store = bench.open(&node("county")).await;
        let now = t0();
        let first = store.lease("seal", "a", now, 1000).await.unwrap().unwrap();
        assert!(store.lease("seal", "b", now.plus(500), 1000).await.unwrap().is_none());
        let renewed = store.lease("seal", "a", now.plus(900), 1000).await.unwrap().unwrap();
        assert_eq!(renewed, first);
        assert!(store.lease("seal", "b", now.plus(1500), 1000).await.unwrap().is_none());
        assert!(store.lease("settle", "b", now.plus(1500), 1000).await.unwrap().is_some());
    });
}

#[test]
fn a_lease_that_ran_out_is_taken_over_with_a_higher_token() {
    run(async |bench| {
        let store = bench.open(&node("county")).await;
        let first = store.lease("seal", "a", t0(), 1000).await.unwrap().unwrap();
        let second = store.lease("seal", "b", t0().plus(1001), 1000).await.unwrap().unwrap();
        assert!(second.token > first.token);
        assert!(store.lease("seal", "a", t0().plus(1500), 1000).await.unwrap().is_none());
        let third = store.lease("seal", "a", t0().plus(2002), 1000).await.unwrap().unwrap();
        assert!(third.token > second.token);
    });
}

#[test]
fn a_lease_that_ran_out_and_that_nobody_took_is_still_good() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        county.collect(t0().plus(2000 * HOUR), vec![record("SB", "A", 1)]).await;
        assert_eq!(county.place(&id("SB", "A", 1)).await, Some(Place::Staged));
    });
}

#[test]
fn every_commit_under_a_lease_refuses_an_old_token() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let now = t0();
        county.collect(now, vec![record("SB", "A", 1), record("SB", "B", 1)]).await;
        let sent = county.seal_some(&live(), 1, now).await;
        let envelope = county.next_envelope(&live(), 10).await;
        let settlement = county.settlement(&sent, &[], &[id("SB", "A", 1)], now).await;
        let inbox_id = settlement.inbox_id;
        let before = format!("{:?}", county.store.status().await.unwrap());

        let old = county.lease.clone();
        let later = now.plus(1001 * HOUR);
        county.store.lease("all", "other", later, HOUR).await.unwrap().unwrap();
        let s = &county.store;
        let page = page("late", now, vec![chunk(&live(), now, vec![record("SB", "C", 1)])]);
        let other = sent_by("township", "province", 1);
        let relayed = super::relaying::relayed(inbox_id, &other, now);
        let refused = RefusedParcel {
            inbox_id,
            code: "sender.signature_invalid".into(),
            detail: "digest".into(),
            refusal: None,
            now,
        };
        let attempt = Attempted {
            own: true,
            id: sent.clone(),
            event: OutEvent::Confirmed,
            reason: None,
            due_at: now,
        };
        let event = EventOn {
            event: OutEvent::GivenUp,
            reason: None,
            due_at: None,
            controls: vec![control("inquiry", "province", None)],
            inbox_id: Some(inbox_id),
            now,
        };
        let by = node("city");
        let results = [
            s.commit_collected(&old, page).await,
            s.number(&old, vec![envelope], now).await,
            s.sealed(&old, vec![sealed(&sent)], now).await,
            s.attempted(&old, vec![attempt], now).await,
            s.claim_inbox(&old, InboxFor::Settle, 1, now).await.map(drop),
            s.drop_inbox(&old, inbox_id).await,
            s.commit_judged(&old, judged(inbox_id, &other, &[id("SB", "D", 1)], now)).await,
            s.commit_duplicate(&old, inbox_id, &other, now).await,
            s.receipt_again(&old, &other, now).await,
            s.commit_refused(&old, refused).await,
            s.commit_relayed(&old, relayed).await,
            s.commit_hop(&old, inbox_id, &sent, (&by, "relayed"), None, now).await,
            s.commit_settled(&old, settlement).await.map(drop),
            s.commit_event(&old, &sent, event).await.map(drop),
            s.commit_delivered(&old, "sink", 9, now).await,
        ];
        for (n, result) in results.into_iter().enumerate() {
            assert!(matches!(result, Err(StoreError::LeaseLost(_))), "call {n}: {result:?}");
        }
        assert_eq!(format!("{:?}", s.status().await.unwrap()), before);
        assert_eq!(s.watermark("sink").await.unwrap(), 0);
    });
}

#[test]
fn a_lease_that_was_never_given_is_refused() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let forged = Lease::whole("nobody", 1);
        let result = county.store.commit_collected(&forged, page("x", t0(), Vec::new())).await;
        assert!(matches!(result, Err(StoreError::LeaseLost(_))));
    });
}

#[test]
fn time_never_goes_back() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let late = t0().plus(10 * HOUR);
        let other = sent_by("township", "county", 1);
        county.store.admit(vec![county.parcel("records", &other)], late).await.unwrap();
        let next = sent_by("township", "county", 2);
        county.store.admit(vec![county.parcel("records", &next)], t0()).await.unwrap();
        let claimed = county.claim(InboxFor::Accept, t0()).await;
        assert_eq!(claimed.len(), 2);
        assert!(claimed.iter().all(|c| c.received_at == late));
    });
}
