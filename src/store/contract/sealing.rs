//! Numbers, heads, frames.

use canon::{DigestAlg, Lane};

use super::office::*;
use super::provider::run;
use crate::*;

#[test]
fn staged_routes_say_how_many_and_since_when() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        assert!(county.store.staged_routes().await.unwrap().is_empty());
        county.collect(t0(), vec![record("SB", "A", 1)]).await;
        county.collect(t0().plus(HOUR), vec![record("SB", "B", 1)]).await;
        assert_eq!(county.store.staged_routes().await.unwrap(), [(live(), 2, t0())]);
        county.seal(t0().plus(HOUR)).await;
        assert!(county.store.staged_routes().await.unwrap().is_empty());
    });
}

#[test]
fn a_batch_holds_its_limits_and_at_least_one_record() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let names = ["A", "B", "C", "D", "E"];
        county.collect(t0(), names.iter().map(|n| record("SB", n, 1)).collect()).await;
        let one = fragment(&id("SB", "A", 1)).len() as u64;
        let s = &county.store;
        let size = async |records, bytes| {
            s.staged_batch(&live(), records, bytes).await.unwrap().unwrap().records.len()
        };
        assert_eq!(size(3, 1 << 20).await, 3);
        assert_eq!(size(10, 2 * one).await, 2);
        assert_eq!(size(10, 2 * one + 1).await, 2);
        assert_eq!(size(10, 0).await, 1);
        assert_eq!(size(10, 1 << 20).await, 5);
        assert!(s.staged_batch(&route("city", Lane::Live), 9, 9).await.unwrap().is_none());
    });
}

#[test]
fn a_batch_ends_where_the_day_changes() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let tomorrow = t0().plus(24 * HOUR);
        county.collect(t0(), vec![record("SB", "A", 1), record("SB", "B", 1)]).await;
        county.collect(tomorrow, vec![record("SB", "C", 1)]).await;
        let first = county.store.staged_batch(&live(), 10, 1 << 20).await.unwrap().unwrap();
        assert_eq!((first.records.len(), first.day), (2, t0().day()));
        assert_eq!(first.oldest, t0());
        county.seal(tomorrow).await;
        let second = county.store.staged_batch(&live(), 10, 1 << 20).await.unwrap().unwrap();
        assert_eq!((second.records.len(), second.day), (1, tomorrow.day()));
    });
}

#[test]
fn a_batch_carries_the_exact_bytes_in_order() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let records = vec![from_row(record("SB", "B", 1), "r1"), record("SB", "A", 1)];
        county.collect(t0(), records).await;
        let batch = county.store.staged_batch(&live(), 10, 1 << 20).await.unwrap().unwrap();
        let bytes = [fragment(&id("SB", "B", 1)), fragment(&id("SB", "A", 1))].concat();
        assert_eq!(batch.bytes, bytes);
        assert_eq!(batch.adapters.iter().map(|a| &**a).collect::<Vec<_>>(), ["county"]);
        assert_eq!(batch.records[0].digest, record("SB", "B", 1).digest);
        assert_eq!(batch.records[0].source_row.as_deref(), Some("r1"));
        // Asking changes nothing.
        let again = county.store.staged_batch(&live(), 10, 1 << 20).await.unwrap().unwrap();
        assert_eq!(again.ticket, batch.ticket);
        let sent = county.seal(t0()).await;
        let members = county.store.members(&sent).await.unwrap();
        assert_eq!(members[0].digest, record("SB", "B", 1).digest);
        assert_eq!(members[0].source_row.as_deref(), Some("r1"));
        assert_eq!((&*members[1].kind, members.len()), ("SB", 2));
    });
}

#[test]
fn what_remains_of_a_chunk_is_the_next_batch() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let names = ["A", "B", "C", "D", "E"];
        county.collect(t0(), names.iter().map(|n| record("SB", n, 1)).collect()).await;
        let first = county.seal_some(&live(), 2, t0()).await;
        let second = county.seal_some(&live(), 2, t0()).await;
        let third = county.seal_some(&live(), 2, t0()).await;
        assert_eq!((first.sequence, second.sequence, third.sequence), (1, 2, 3));
        let members = county.store.members(&second).await.unwrap();
        let expected = [record("SB", "C", 1).digest, record("SB", "D", 1).digest];
        assert_eq!(members.iter().map(|m| m.digest).collect::<Vec<_>>(), expected);
        assert_eq!(county.store.members(&third).await.unwrap().len(), 1);
        county.assert_conserved().await;
    });
}

#[test]
fn sequences_count_by_route_and_the_wrong_one_is_a_conflict() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let s = &county.store;
        let start = RouteCounters { epoch: 1, next_sequence: 1, settled_below: 1 };
        assert_eq!(s.counters(&live()).await.unwrap(), start);
        county.collect(t0(), vec![record("SB", "A", 1), record("SB", "B", 1)]).await;
        let mut ahead = county.next_envelope(&live(), 1).await;
        ahead.id.sequence = 2;
        let result = s.number(&county.lease, vec![ahead], t0()).await;
        assert!(matches!(result, Err(StoreError::Conflict { .. })), "{result:?}");
        let mut foreign = county.next_envelope(&live(), 1).await;
        foreign.id.sender = node("city");
        assert!(s.number(&county.lease, vec![foreign], t0()).await.is_err());

        county.seal_some(&live(), 1, t0()).await;
        let mut again = county.next_envelope(&live(), 1).await;
        again.id.sequence = 1;
        assert!(s.number(&county.lease, vec![again], t0()).await.is_err());
        let now = RouteCounters { epoch: 1, next_sequence: 2, settled_below: 1 };
        assert_eq!(s.counters(&live()).await.unwrap(), now);
        assert_eq!(s.counters(&route("city", Lane::Live)).await.unwrap(), start);
        assert_eq!(county.assert_conserved().await[Place::Staged as usize], 1);
    });
}

#[test]
fn several_envelopes_are_numbered_together_or_not_at_all() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let (now, s) = (t0(), &county.store);
        county.collect(now, vec![record("SB", "A", 1)]).await;
        s.queue_controls(vec![control("inquiry", "province", None)], now).await.unwrap();
        let records = county.next_envelope(&live(), 10).await;
        let queued = s.queued_controls(Slots::ALL, 1).await.unwrap().remove(0);
        let to = route("province", Lane::Control);
        let inquiry = county.envelope("inquiry", &to, Consumes::Control(queued)).await;
        let mut wrong = inquiry.clone();
        wrong.id.sequence = 5;
        assert!(s.number(&county.lease, vec![records.clone(), wrong], now).await.is_err());
        assert!(s.numbered(Slots::ALL, 10).await.unwrap().is_empty());
        assert_eq!(county.place(&id("SB", "A", 1)).await, Some(Place::Staged));
        s.number(&county.lease, vec![records, inquiry], now).await.unwrap();
        assert_eq!(s.numbered(Slots::ALL, 10).await.unwrap().len(), 2);
        assert!(s.queued_controls(Slots::ALL, 10).await.unwrap().is_empty());
    });
}

#[test]
fn a_stale_ticket_is_a_conflict() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let s = &county.store;
        county.collect(t0(), vec![record("SB", "A", 1), record("SB", "B", 1)]).await;
        let mut stale = county.next_envelope(&live(), 1).await;
        county.seal_some(&live(), 1, t0()).await;
        stale.id.sequence = 2;
        let result = s.number(&county.lease, vec![stale], t0()).await;
        assert!(matches!(result, Err(StoreError::Conflict { .. })), "{result:?}");
        assert_eq!(county.place(&id("SB", "B", 1)).await, Some(Place::Staged));
    });
}

#[test]
fn after_a_crash_the_same_heads_are_signed() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        county.collect(t0(), vec![record("SB", "A", 1), record("SB", "B", 1)]).await;
        let envelope = county.next_envelope(&live(), 10).await;
        let (head, sent) = (envelope.head.clone(), envelope.id.clone());
        county.store.number(&county.lease, vec![envelope], t0()).await.unwrap();
        assert_eq!(county.state(&sent).await, OutState::Numbered);
        assert_eq!(county.place(&id("SB", "A", 1)).await, Some(Place::InFlight));
        drop(county);

        let bench = bench.reopen().await;
        let county = Office::open(&bench, "county").await;
        let left = county.store.numbered(Slots::ALL, 10).await.unwrap();
        assert_eq!(left.len(), 1);
        assert_eq!((&left[0].id, &left[0].head), (&sent, &head));
        let body = [fragment(&id("SB", "A", 1)), fragment(&id("SB", "B", 1))].concat();
        assert_eq!(left[0].body, body);
        assert!(county.due(Lane::Live, t0()).await.is_empty());
        county.store.sealed(&county.lease, vec![sealed(&sent)], t0()).await.unwrap();
        assert_eq!(county.state(&sent).await, OutState::Sealed);
        assert!(county.store.numbered(Slots::ALL, 10).await.unwrap().is_empty());
        assert_eq!(county.due(Lane::Live, t0()).await.len(), 1);
        county.assert_conserved().await;
    });
}

#[test]
fn what_was_numbered_under_another_key_is_sealed_with_the_head_that_was_signed() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        county.collect(t0(), vec![record("SB", "A", 1)]).await;
        let envelope = county.next_envelope(&live(), 10).await;
        let sent = envelope.id.clone();
        county.store.number(&county.lease, vec![envelope], t0()).await.unwrap();
        let head = DigestAlg::Sha256.of(&[b"the head of the new key"]);
        let fresh = Sealed { head: Some(head), ..sealed(&sent) };
        county.store.sealed(&county.lease, vec![fresh], t0()).await.unwrap();
        let own = county.store.outbound(&sent).await.unwrap().unwrap();
        assert_eq!((own.state, own.head_digest), (OutState::Sealed, head));
        county.assert_conserved().await;
    });
}

#[test]
fn what_is_sealed_is_not_sealed_twice() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        county.collect(t0(), vec![record("SB", "A", 1)]).await;
        let sent = county.seal(t0()).await;
        let other = Sealed { id: sent.clone(), frame: b"other".to_vec().into(), head: None };
        assert!(county.store.sealed(&county.lease, vec![other], t0()).await.is_err());
        let frames = county.store.frames(&sent).await.unwrap().unwrap();
        assert_eq!(*frames.frame, *sealed(&sent).frame);
        assert_eq!(frames.receipt, None);
    });
}

#[test]
fn a_queued_control_content_is_sealed_with_its_own_bytes() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let (s, now) = (&county.store, t0());
        let both = vec![control("manifest", "province", None), control("inquiry", "city", None)];
        s.queue_controls(both.clone(), now).await.unwrap();
        let queued = s.queued_controls(Slots::ALL, 10).await.unwrap();
        assert_eq!(queued.iter().map(|q| &q.control).collect::<Vec<_>>(), [&both[0], &both[1]]);
        assert_eq!(s.status().await.unwrap().control_queued, 2);
        let to = route("province", Lane::Control);
        let consumes = Consumes::Control(queued[0].clone());
        let envelope = county.envelope("manifest", &to, consumes).await;
        s.number(&county.lease, vec![envelope.clone()], now).await.unwrap();
        let left = s.numbered(Slots::ALL, 10).await.unwrap();
        assert_eq!(left[0].body, both[0].body);
        assert_eq!(s.queued_controls(Slots::ALL, 10).await.unwrap().len(), 1);
        // Consumed once.
        let mut again = envelope;
        again.id.sequence = 2;
        assert!(s.number(&county.lease, vec![again], now).await.is_err());
    });
}

#[test]
fn the_ticket_alone_says_what_is_signed_after_a_crash() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        county.collect(t0(), vec![record("SB", "A", 1), record("SB", "B", 1)]).await;
        let mut envelope = county.next_envelope(&live(), 10).await;
        let Consumes::Staged(batch) = &mut envelope.consumes else { panic!("records") };
        let body = std::mem::take(&mut batch.bytes);
        county.store.number(&county.lease, vec![envelope], t0()).await.unwrap();
        let numbered = county.store.numbered(Slots::ALL, 10).await.unwrap();
        assert_eq!(numbered.iter().map(|n| n.body.clone()).collect::<Vec<_>>(), [body]);
    });
}
