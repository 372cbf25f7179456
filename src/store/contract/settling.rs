//! Receipts.

use canon::Lane;

use super::office::*;
use super::provider::run;
use crate::*;

#[test]
fn a_receipt_places_every_record_of_its_envelope() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let all = ["A", "B", "C"].map(|c| id("SB", c, 1));
        county.collect(t0(), ["A", "B", "C"].map(|c| record("SB", c, 1)).to_vec()).await;
        let sent = county.seal(t0()).await;
        county.attempt(true, &sent, OutEvent::Confirmed, t0()).await;
        let exceptions = [(0, FinalOutcome::Superseded), (2, FinalOutcome::Rejected)];
        assert!(county.settle(&sent, &exceptions, &all, t0().plus(MINUTE)).await);

        assert_eq!(county.state(&sent).await, OutState::Settled);
        assert_eq!(county.place(&all[0]).await, Some(Place::Superseded));
        assert_eq!(county.place(&all[1]).await, Some(Place::Accepted));
        assert_eq!(county.place(&all[2]).await, Some(Place::Rejected));
        county.assert_conserved().await;
        let frames = county.store.frames(&sent).await.unwrap().unwrap();
        assert_eq!(frames.receipt.as_deref(), Some(&b"receipt"[..]));
        let status = county.store.status().await.unwrap();
        let link = &status.links[0];
        assert_eq!((link.accepted, link.rejected, link.in_flight), (1, 1, 0));
        assert_eq!(link.last_receipt, Some(t0().plus(MINUTE)));
        assert_eq!(status.inbox, 0);
        assert_eq!(county.store.counters(&live()).await.unwrap().settled_below, 2);
    });
}

#[test]
fn a_rejected_record_is_listed_with_its_code_and_cured_by_a_later_version() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let all = [id("SB", "A", 1)];
        county.collect(t0(), vec![from_row(record("SB", "A", 1), "r1")]).await;
        let sent = county.seal(t0()).await;
        county.settle(&sent, &[(0, FinalOutcome::Rejected)], &all, t0()).await;
        let problem = county.problems().await.remove(0);
        assert_eq!((&*problem.class, &*problem.state), ("rejected", "held"));
        assert_eq!(problem.record.as_deref(), Some("SB:A@unit#1"));
        assert_eq!(&*problem.violations[0].rule, "record.authority");
        assert_eq!(&*problem.violations[0].field, "SXBM");
        assert_eq!(problem.violations[0].zh, "上报方无权报送该记录");
        assert_eq!(problem.adapter, "county");

        county.collect(t0(), vec![from_row(record("SB", "A", 2), "r1")]).await;
        let problem = county.problems().await.remove(0);
        assert_eq!((&*problem.state, problem.cured_by), ("cured", Some(2)));
        assert_eq!(county.place(&all[0]).await, Some(Place::Rejected));
    });
}

#[test]
fn settled_below_waits_for_the_lowest_open_sequence() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let s = &county.store;
        let cases = ["A", "B", "C"];
        county.collect(t0(), cases.map(|c| record("SB", c, 1)).to_vec()).await;
        let mut sent = Vec::new();
        for _ in cases {
            sent.push(county.seal_some(&live(), 1, t0()).await);
        }
        for (n, below) in [(1, 1), (0, 3), (2, 4)] {
            county.settle(&sent[n], &[], &[id("SB", cases[n], 1)], t0()).await;
            assert_eq!(s.counters(&live()).await.unwrap().settled_below, below);
        }
    });
}

#[test]
fn a_receipt_before_the_confirm_settles() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        county.collect(t0(), vec![record("SB", "A", 1)]).await;
        let sent = county.seal(t0()).await;
        assert!(county.settle(&sent, &[], &[id("SB", "A", 1)], t0()).await);
        assert_eq!(county.state(&sent).await, OutState::Settled);
        assert!(county.due(Lane::Live, t0().plus(HOUR)).await.is_empty());
    });
}

#[test]
fn a_receipt_that_comes_twice_settles_once() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let all = [id("SB", "A", 1)];
        county.collect(t0(), vec![record("SB", "A", 1)]).await;
        let sent = county.seal(t0()).await;
        assert!(county.settle(&sent, &[], &all, t0()).await);
        let before = format!("{:?}", county.store.tallies(t0().day()).await.unwrap());
        assert!(!county.settle(&sent, &[(0, FinalOutcome::Rejected)], &all, t0()).await);
        assert_eq!(county.place(&all[0]).await, Some(Place::Accepted));
        assert_eq!(format!("{:?}", county.store.tallies(t0().day()).await.unwrap()), before);
        assert_eq!(county.store.status().await.unwrap().inbox, 0);
        assert!(county.problems().await.is_empty());
        county.assert_conserved().await;
    });
}

#[test]
fn a_receipt_after_the_envelope_was_given_up_still_settles() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let all = [id("SB", "A", 1)];
        county.collect(t0(), vec![record("SB", "A", 1)]).await;
        let sent = county.seal(t0()).await;
        assert!(county.event(&sent, OutEvent::GivenUp, t0()).await);
        assert_eq!(county.place(&all[0]).await, Some(Place::Dead));
        assert!(county.settle(&sent, &[], &all, t0()).await);
        assert_eq!(county.place(&all[0]).await, Some(Place::Accepted));
        assert_eq!(county.assert_conserved().await[Place::Dead as usize], 0);
    });
}

#[test]
fn a_declined_envelope_rejects_each_of_its_records_with_the_code() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let all = [id("SB", "A", 1), id("SB", "B", 1)];
        county.collect(t0(), vec![record("SB", "A", 1), record("SB", "B", 1)]).await;
        let sent = county.seal(t0()).await;
        let declined = Settlement {
            event: OutEvent::Declining,
            reason: Some("receiver.edition_ended".into()),
            counts: Vec::new(),
            ..county.settlement(&sent, &[], &all, t0()).await
        };
        assert!(county.store.commit_settled(&county.lease, declined).await.unwrap());
        assert_eq!(county.state(&sent).await, OutState::Declined);
        let out = county.store.outbound(&sent).await.unwrap().unwrap();
        assert_eq!(out.reason.as_deref(), Some("receiver.edition_ended"));
        for id in &all {
            assert_eq!(county.place(id).await, Some(Place::Rejected));
        }
        let problems = county.problems().await;
        assert_eq!(problems.len(), 2);
        assert!(problems.iter().all(|p| &*p.violations[0].rule == "receiver.edition_ended"));
        assert_eq!(county.assert_conserved().await[Place::Rejected as usize], 2);
        assert_eq!(county.store.counters(&live()).await.unwrap().settled_below, 2);
    });
}

#[test]
fn a_receipt_for_an_envelope_that_is_not_here_has_no_effect() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let ghost = sent_by("county", "province", 77);
        assert!(!county.settle(&ghost, &[], &[], t0()).await);
        assert_eq!(county.store.status().await.unwrap().inbox, 0);
    });
}

#[test]
fn an_exception_that_is_no_member_is_refused_and_changes_nothing() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let all = [id("SB", "A", 1)];
        county.collect(t0(), vec![record("SB", "A", 1)]).await;
        let sent = county.seal(t0()).await;
        let rejected = [(0, FinalOutcome::Rejected)];
        let mut wrong = county.settlement(&sent, &rejected, &all, t0()).await;
        wrong.not_accepted[0].position = 4;
        let result = county.store.commit_settled(&county.lease, wrong).await;
        assert!(matches!(result, Err(StoreError::Conflict { .. })), "{result:?}");
        assert_eq!(county.state(&sent).await, OutState::Sealed);
        assert_eq!(county.place(&all[0]).await, Some(Place::InFlight));
        assert!(county.problems().await.is_empty());
    });
}
