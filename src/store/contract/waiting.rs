//! Children and their parents.

use canon::{Lane, Route};

use super::office::*;
use super::provider::run;
use crate::*;

async fn collect_on(county: &Office, route: &Route, records: Vec<NewRecord>) {
    let page = page("c", t0(), vec![chunk(route, t0(), records)]);
    county.store.commit_collected(&county.lease, page).await.unwrap();
}

async fn staged_line(county: &Office, route: &Route) -> Vec<String> {
    let batch = county.store.staged_batch(route, 100, 1 << 20).await.unwrap();
    batch.map_or(Vec::new(), |b| b.records.iter().map(|r| r.kind.to_string()).collect())
}

#[test]
fn a_child_whose_parent_is_unknown_waits_and_its_parent_releases_it() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        county.collect(t0(), vec![child("SL", "A", 1)]).await;
        assert_eq!(county.place(&id("SL", "A", 1)).await, Some(Place::Waiting));
        assert_eq!(county.store.release_waiting(t0().plus(HOUR), 10).await.unwrap(), 0);
        county.collect(t0().plus(HOUR), vec![record("SB", "A", 1)]).await;
        assert_eq!(county.place(&id("SL", "A", 1)).await, Some(Place::Staged));
        assert_eq!(staged_line(&county, &live()).await, ["SB", "SL"]);
        county.assert_conserved().await;
    });
}

#[test]
fn a_child_before_its_parent_in_one_page_goes_behind_it() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        county.collect(t0(), vec![child("SL", "A", 1), record("SB", "A", 1)]).await;
        assert_eq!(staged_line(&county, &live()).await, ["SB", "SL"]);
    });
}

#[test]
fn a_grandchild_follows_when_the_whole_line_moves() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let wait = WaitFor { kind: "SL".into(), ..parent_of("A", false) };
        let grandchild = NewRecord { waits_for: Some(wait), ..record("BJ", "A", 1) };
        county.collect(t0(), vec![grandchild, child("SL", "A", 1)]).await;
        assert_eq!(county.place(&id("BJ", "A", 1)).await, Some(Place::Waiting));
        county.collect(t0(), vec![record("SB", "A", 1)]).await;
        assert_eq!(staged_line(&county, &live()).await, ["SB", "SL", "BJ"]);
    });
}

#[test]
fn a_child_whose_parent_is_in_flight_on_its_route_is_staged_at_once() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        county.collect(t0(), vec![record("SB", "A", 1)]).await;
        county.seal(t0()).await;
        county.collect(t0(), vec![child("SL", "A", 1)]).await;
        assert_eq!(county.place(&id("SL", "A", 1)).await, Some(Place::Staged));
    });
}

#[test]
fn a_child_of_a_quarantined_parent_waits_for_the_corrected_one() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        county.quarantine(t0(), vec![bad_row("1", Some(id("SB", "A", 1)), t0())]).await;
        county.collect(t0(), vec![child("SL", "A", 1)]).await;
        assert_eq!(county.store.release_waiting(t0().plus(HOUR), 10).await.unwrap(), 0);
        assert_eq!(county.place(&id("SL", "A", 1)).await, Some(Place::Waiting));
        county.collect(t0().plus(HOUR), vec![record("SB", "A", 2)]).await;
        assert_eq!(county.place(&id("SL", "A", 1)).await, Some(Place::Staged));
    });
}

#[test]
fn a_child_on_another_route_waits_until_the_destination_accepted_its_parent() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        county.collect(t0(), vec![record("SB", "A", 1)]).await;
        let bulk = route("province", Lane::Bulk);
        collect_on(&county, &bulk, vec![child("SL", "A", 1)]).await;
        let elsewhere = route("city", Lane::Live);
        collect_on(&county, &elsewhere, vec![child("BJ", "A", 1)]).await;
        assert_eq!(county.place(&id("SL", "A", 1)).await, Some(Place::Waiting));
        let sent = county.seal(t0()).await;
        let now = t0().plus(HOUR);
        assert_eq!(county.store.release_waiting(now, 10).await.unwrap(), 0);
        county.settle(&sent, &[], &[id("SB", "A", 1)], now).await;
        county.store.release_waiting(now.plus(HOUR), 10).await.unwrap();
        assert_eq!(county.place(&id("SL", "A", 1)).await, Some(Place::Staged));
        // Another destination has not seen the parent.
        let there = county.store.place(&id("BJ", "A", 1), &elsewhere.destination).await;
        assert_eq!(there.unwrap(), Some(Place::Waiting));
    });
}

#[test]
fn a_child_after_parent_missing_waits_until_its_parent_is_accepted() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        county.collect(t0(), vec![record("SB", "A", 1)]).await;
        let strict = WaitFor { accepted: true, ..parent_of("A", true) };
        county
            .collect(t0(), vec![NewRecord { waits_for: Some(strict), ..record("SL", "A", 1) }])
            .await;
        let sent = county.seal(t0()).await;
        assert_eq!(county.place(&id("SL", "A", 1)).await, Some(Place::Waiting));
        let now = t0().plus(HOUR);
        county.settle(&sent, &[], &[id("SB", "A", 1)], now).await;
        assert_eq!(county.store.release_waiting(now, 10).await.unwrap(), 1);
        assert_eq!(county.place(&id("SL", "A", 1)).await, Some(Place::Staged));
    });
}

#[test]
fn a_rejected_parent_keeps_its_child_waiting() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        county.collect(t0(), vec![record("SB", "A", 1)]).await;
        let sent = county.seal(t0()).await;
        let all = [id("SB", "A", 1)];
        county.settle(&sent, &[(0, FinalOutcome::Rejected)], &all, t0()).await;
        county.collect(t0(), vec![child("SL", "A", 1)]).await;
        county.store.release_waiting(t0().plus(HOUR), 10).await.unwrap();
        assert_eq!(county.place(&id("SL", "A", 1)).await, Some(Place::Waiting));
    });
}

#[test]
fn a_record_without_its_parent_goes_up_again_with_the_same_id_and_bytes() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let now = t0();
        let all = [id("SB", "A", 1), id("SL", "A", 1)];
        county.collect(now, vec![record("SB", "A", 1), child("SL", "A", 1)]).await;
        let first = county.seal(now).await;
        let outcomes = [(0, FinalOutcome::Rejected), (1, FinalOutcome::ParentMissing)];
        assert!(county.settle(&first, &outcomes, &all, now).await);
        assert_eq!(county.place(&all[1]).await, Some(Place::Waiting));
        county.assert_conserved().await;

        let tomorrow = now.plus(24 * HOUR);
        county.collect(tomorrow, vec![record("SB", "A", 2)]).await;
        let second = county.seal(tomorrow).await;
        county.settle(&second, &[], &[id("SB", "A", 2)], tomorrow).await;
        assert_eq!(county.store.release_waiting(tomorrow, 10).await.unwrap(), 1);

        let batch = county.store.staged_batch(&live(), 10, 1 << 20).await.unwrap().unwrap();
        assert_eq!(batch.bytes, fragment(&all[1]));
        assert_eq!(batch.records[0].digest, record("SL", "A", 1).digest);
        assert!(!batch.records[0].orphan);
        assert_eq!(batch.day, now.day(), "the window of a version never changes");
        let third = county.seal(tomorrow).await;
        assert_eq!(county.store.members(&third).await.unwrap().len(), 1);
        county.settle(&third, &[], &all[1..], tomorrow).await;
        assert_eq!(county.place(&all[1]).await, Some(Place::Accepted));
        county.assert_conserved().await;
    });
}

#[test]
fn a_parent_elsewhere_is_tried_again_and_at_last_sent_as_an_orphan() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let at = |hours| t0().plus(hours * HOUR);
        let all = [id("SL", "A", 1)];
        county.collect(t0(), vec![record("SL", "A", 1)]).await;
        for (sent_at, next) in [(0, 2), (2, 4)] {
            let sent = county.seal(at(sent_at)).await;
            let outcome = [(0, FinalOutcome::ParentMissing)];
            let mut s = county.settlement(&sent, &outcome, &all, at(sent_at)).await;
            let again = s.not_accepted[0].again.as_mut().unwrap();
            again.waits_for.elsewhere = Some(Elsewhere { next: at(next), until: at(4) });
            county.store.commit_settled(&county.lease, s).await.unwrap();
            let early = at(next).plus(-1);
            assert_eq!(county.store.release_waiting(early, 10).await.unwrap(), 0);
            assert_eq!(county.place(&all[0]).await, Some(Place::Waiting));
            assert_eq!(county.store.release_waiting(at(next), 10).await.unwrap(), 1);
            let batch = county.store.staged_batch(&live(), 10, 1 << 20).await.unwrap().unwrap();
            assert_eq!(batch.records[0].orphan, next == 4);
        }
        county.assert_conserved().await;
    });
}
