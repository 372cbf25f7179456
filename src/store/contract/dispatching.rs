//! Parcels due, attempts, links, and what may be deleted.

use canon::Lane;

use super::office::*;
use super::provider::run;
use crate::*;

async fn sealed_record(county: &Office, case: &str, at: canon::Millis) -> canon::EnvelopeId {
    county.collect(at, vec![record("SB", case, 1)]).await;
    county.seal(at).await
}

#[test]
fn sealed_parcels_are_due_in_the_order_of_their_sequences() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let mut ids = Vec::new();
        for case in ["A", "B", "C"] {
            ids.push(sealed_record(&county, case, t0()).await);
        }
        let due = county.due(Lane::Live, t0()).await;
        assert_eq!(due.iter().map(|d| d.id.clone()).collect::<Vec<_>>(), ids);
        let first = &due[0];
        assert!(first.own);
        assert_eq!((&*first.kind, first.to.as_str(), first.count), ("records", "province", 1));
        assert_eq!((first.attempts, first.since), (0, t0()));
        assert_eq!(*first.frame, *sealed(&ids[0]).frame);
        assert!(county.due(Lane::Bulk, t0()).await.is_empty());
        assert!(county.due(Lane::Control, t0()).await.is_empty());
        let down = county.store.due("down", Lane::Live, t0(), 10, 1 << 20).await.unwrap();
        assert!(down.is_empty());
    });
}

#[test]
fn due_parcels_hold_both_limits_and_are_at_least_one() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        for case in ["A", "B", "C"] {
            sealed_record(&county, case, t0()).await;
        }
        let one = county.due(Lane::Live, t0()).await[0].frame.len() as u64;
        let s = &county.store;
        let many = async |parcels, bytes| {
            s.due("up", Lane::Live, t0(), parcels, bytes).await.unwrap().len()
        };
        assert_eq!(many(2, 1 << 20).await, 2);
        assert_eq!(many(9, 2 * one).await, 2);
        assert_eq!(many(9, 1).await, 1);
    });
}

#[test]
fn a_paused_link_gives_nothing() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        sealed_record(&county, "A", t0()).await;
        county.store.pause_link("up", Some("refused three times"), t0()).await.unwrap();
        assert!(county.due(Lane::Live, t0()).await.is_empty());
        let links = county.store.status().await.unwrap().links;
        assert_eq!(links[0].paused.as_deref(), Some("refused three times"));
        county.store.pause_link("up", None, t0()).await.unwrap();
        assert_eq!(county.due(Lane::Live, t0()).await.len(), 1);
    });
}

#[test]
fn a_confirmed_parcel_awaits_its_receipt() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let sent = sealed_record(&county, "A", t0()).await;
        county.attempt(true, &sent, OutEvent::Confirmed, t0()).await;
        assert!(county.due(Lane::Live, t0().plus(9 * HOUR)).await.is_empty());
        let out = county.store.outbound(&sent).await.unwrap().unwrap();
        assert_eq!((out.state, out.attempts, out.sent_at), (OutState::Sent, 1, Some(t0())));
        assert_eq!(out.due_at, Some(t0().plus(HOUR)));
        assert_eq!(out.reason, None);
        assert_eq!(county.place(&id("SB", "A", 1)).await, Some(Place::InFlight));

        let s = &county.store;
        assert!(s.overdue(t0().plus(HOUR).plus(-1), 10).await.unwrap().is_empty());
        let overdue = s.overdue(t0().plus(HOUR), 10).await.unwrap();
        assert_eq!(overdue.iter().map(|o| &o.id).collect::<Vec<_>>(), [&sent]);
    });
}

#[test]
fn an_unconfirmed_parcel_is_due_again_at_its_next_time_with_its_reason() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let sent = sealed_record(&county, "A", t0()).await;
        let later = sealed_record(&county, "B", t0()).await;
        county.attempt(true, &sent, OutEvent::NotConfirmed, t0()).await;
        let due = county.due(Lane::Live, t0()).await;
        assert_eq!(
            due.iter().map(|d| d.id.clone()).collect::<Vec<_>>(),
            std::slice::from_ref(&later)
        );
        let due = county.due(Lane::Live, t0().plus(MINUTE)).await;
        assert_eq!(due.iter().map(|d| d.id.clone()).collect::<Vec<_>>(), [later, sent.clone()]);
        assert_eq!((due[1].attempts, due[1].since), (1, t0().plus(MINUTE)));
        let out = county.store.outbound(&sent).await.unwrap().unwrap();
        assert_eq!(out.state, OutState::RetryWait);
        assert_eq!(out.reason.as_deref(), Some("bus.unconfirmed"));
        let link = county.store.status().await.unwrap().links.remove(0);
        assert_eq!((link.due, link.reason.as_deref()), (2, Some("bus.unconfirmed")));
        county.attempt(true, &sent, OutEvent::Confirmed, t0().plus(MINUTE)).await;
        let link = county.store.status().await.unwrap().links.remove(0);
        assert_eq!((link.due, link.in_flight, link.reason), (1, 1, None));
    });
}

#[test]
fn a_parcel_given_up_is_dead_counted_and_can_be_reopened() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let sent = sealed_record(&county, "A", t0()).await;
        county.attempt(true, &sent, OutEvent::GivenUp, t0()).await;
        assert_eq!(county.state(&sent).await, OutState::Dead);
        assert_eq!(county.place(&id("SB", "A", 1)).await, Some(Place::Dead));
        assert!(county.due(Lane::Live, t0().plus(9 * HOUR)).await.is_empty());
        assert_eq!(county.assert_conserved().await[Place::Dead as usize], 1);
        assert_eq!(county.store.status().await.unwrap().links[0].dead, 1);

        let now = t0().plus(HOUR);
        assert!(county.event(&sent, OutEvent::Reopened, now).await);
        assert!(!county.event(&sent, OutEvent::Reopened, now).await);
        assert_eq!(county.place(&id("SB", "A", 1)).await, Some(Place::InFlight));
        assert_eq!(county.due(Lane::Live, now.plus(MINUTE)).await.len(), 1);
        county.assert_conserved().await;
    });
}

#[test]
fn a_confirm_that_comes_after_the_receipt_changes_nothing() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let sent = sealed_record(&county, "A", t0()).await;
        county.settle(&sent, &[], &[id("SB", "A", 1)], t0()).await;
        county.attempt(true, &sent, OutEvent::Confirmed, t0()).await;
        assert_eq!(county.state(&sent).await, OutState::Settled);
        assert!(county.store.overdue(t0().plus(9 * HOUR), 9).await.unwrap().is_empty());
    });
}

#[test]
fn a_confirmed_control_parcel_is_settled() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let s = &county.store;
        s.queue_controls(vec![control("inquiry", "province", None)], t0()).await.unwrap();
        let sent = county.seal_control(t0()).await;
        let due = county.due(Lane::Control, t0()).await;
        assert_eq!((due.len(), &*due[0].kind, due[0].count), (1, "inquiry", 1));
        county.attempt(true, &sent, OutEvent::Confirmed, t0()).await;
        assert_eq!(county.state(&sent).await, OutState::Settled);
        assert!(county.due(Lane::Control, t0().plus(9 * HOUR)).await.is_empty());
        assert!(s.overdue(t0().plus(9 * HOUR), 9).await.unwrap().is_empty());
        let counters = s.counters(&route("province", Lane::Control)).await.unwrap();
        assert_eq!((counters.next_sequence, counters.settled_below), (2, 2));
    });
}

#[test]
fn an_overdue_envelope_is_unknown_is_asked_about_again_and_sent_again_when_told_so() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let s = &county.store;
        let sent = sealed_record(&county, "A", t0()).await;
        county.attempt(true, &sent, OutEvent::Confirmed, t0()).await;
        for hours in [1, 2] {
            let now = t0().plus(hours * HOUR);
            assert_eq!(s.overdue(now, 10).await.unwrap().len(), 1);
            let on = EventOn {
                event: OutEvent::Overdue,
                reason: Some("receipt.overdue".into()),
                due_at: Some(now.plus(HOUR)),
                controls: vec![control("inquiry", "province", None)],
                inbox_id: None,
                now,
            };
            assert!(s.commit_event(&county.lease, &sent, on).await.unwrap());
            assert_eq!(county.state(&sent).await, OutState::Unknown);
            assert!(s.overdue(now, 10).await.unwrap().is_empty());
            assert_eq!(s.queued_controls(Slots::ALL, 10).await.unwrap().len() as i64, hours);
        }
        assert_eq!(s.status().await.unwrap().links[0].unknown, 1);
        let inbox_id = county.control_arrives(t0().plus(3 * HOUR)).await;
        let on = EventOn {
            event: OutEvent::Resend,
            reason: None,
            due_at: None,
            controls: Vec::new(),
            inbox_id: Some(inbox_id),
            now: t0().plus(3 * HOUR),
        };
        assert!(s.commit_event(&county.lease, &sent, on).await.unwrap());
        assert_eq!(county.state(&sent).await, OutState::Sealed);
        assert_eq!(county.due(Lane::Live, t0().plus(3 * HOUR)).await.len(), 1);
        assert_eq!(s.status().await.unwrap().inbox, 0);
    });
}

#[test]
fn refusals_in_a_row_are_counted_and_the_envelope_waits() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let sent = sealed_record(&county, "A", t0()).await;
        for n in 1..=3 {
            assert!(county.event(&sent, OutEvent::Refused, t0().plus(n * HOUR)).await);
            let out = county.store.outbound(&sent).await.unwrap().unwrap();
            assert_eq!((out.state, i64::from(out.refusals)), (OutState::RetryWait, n));
            assert_eq!(out.due_at, Some(t0().plus(n * HOUR + MINUTE)));
        }
    });
}

#[test]
fn an_event_without_a_step_consumes_its_inbox_row_and_nothing_else() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let s = &county.store;
        let sent = sealed_record(&county, "A", t0()).await;
        county.settle(&sent, &[], &[id("SB", "A", 1)], t0()).await;
        let inbox_id = county.control_arrives(t0()).await;
        let on = EventOn {
            event: OutEvent::Refused,
            reason: Some("sender.clock_ahead".into()),
            due_at: Some(t0()),
            controls: vec![control("inquiry", "province", None)],
            inbox_id: Some(inbox_id),
            now: t0(),
        };
        assert!(!s.commit_event(&county.lease, &sent, on).await.unwrap());
        let status = s.status().await.unwrap();
        assert_eq!((status.inbox, status.control_queued), (0, 0));
        assert_eq!(county.state(&sent).await, OutState::Settled);
    });
}

#[test]
fn envelopes_of_a_range_are_answered_for_a_gap() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        for case in ["A", "B", "C", "D"] {
            sealed_record(&county, case, t0()).await;
        }
        let s = &county.store;
        let range = async |first, last, limit| -> Vec<u64> {
            let found = s.outbound_range(&live(), first, last, limit).await.unwrap();
            found.iter().map(|o| o.id.sequence).collect()
        };
        assert_eq!(range(2, 3, 9).await, [2, 3]);
        assert_eq!(range(3, 99, 9).await, [3, 4]);
        assert_eq!(range(1, 4, 2).await, [1, 2]);
        assert!(range(5, 4, 9).await.is_empty());
    });
}

#[test]
fn purge_deletes_settled_control_parcels_and_never_what_is_unsettled() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let (s, now) = (&county.store, t0());
        let unsettled = sealed_record(&county, "A", now).await;
        let settled = sealed_record(&county, "B", now).await;
        county.settle(&settled, &[], &[id("SB", "B", 1)], now).await;
        for _ in 0..2 {
            s.queue_controls(vec![control("inquiry", "province", None)], now).await.unwrap();
        }
        let confirmed = county.seal_control(now).await;
        county.attempt(true, &confirmed, OutEvent::Confirmed, now).await;
        let waiting = county.seal_control(now).await;

        assert_eq!(s.purge(now, 100).await.unwrap(), 0, "not old enough");
        assert!(s.purge(now.plus(HOUR), 100).await.unwrap() >= 1);
        assert!(s.outbound(&confirmed).await.unwrap().is_none());
        for kept in [&unsettled, &settled, &waiting] {
            assert!(s.outbound(kept).await.unwrap().is_some());
            assert!(s.frames(kept).await.unwrap().is_some());
        }
        assert_eq!(s.purge(now.plus(HOUR), 100).await.unwrap(), 0);
        assert_eq!(s.counters(&confirmed.route).await.unwrap().next_sequence, 3);
        county.assert_conserved().await;
    });
}

#[test]
fn two_instances_that_purge_together_take_each_thing_once() {
    run(async |bench| {
        let (county, city) =
            (Office::open(&bench, "county").await, Office::open(&bench, "city").await);
        let beside = bench.beside().await.open(&node("county")).await;
        let (now, later) = (t0(), t0().plus(HOUR));
        let mut sent = Vec::new();
        for office in [&county, &city] {
            for _ in 0..12 {
                let inquiry = control("inquiry", "province", None);
                office.store.queue_controls(vec![inquiry], now).await.unwrap();
                let id = office.seal_control(now).await;
                office.attempt(true, &id, OutEvent::Confirmed, now).await;
                sent.push(id);
            }
        }
        let unsettled = sealed_record(&county, "A", now).await;
        let alone = city.store.purge(later, 100).await.unwrap();
        let mut together = 0;
        for _ in 0..100 {
            let (a, b) = tokio::join!(county.store.purge(later, 2), beside.purge(later, 2));
            let gone = a.unwrap() + b.unwrap();
            together += gone;
            if gone == 0 {
                break;
            }
        }
        assert!(alone > 0);
        assert_eq!(together, alone, "what one took, the other did not count");
        for id in &sent[..12] {
            assert!(county.store.outbound(id).await.unwrap().is_none());
        }
        assert!(county.store.frames(&unsettled).await.unwrap().is_some());
        county.assert_conserved().await;
    });
}
