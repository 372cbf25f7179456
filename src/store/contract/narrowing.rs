//! Windows below their sums: leaves by prefix, steps of a correspondence, what is outstanding.

use canon::{Day, Digest, DigestAlg, HashSum, Prefix, RecordId, leaf_hash};

use super::office::*;
use super::provider::run;
use crate::*;

fn own(day: Day) -> Window {
    Window { side: BookSide::Own, day, peer: node("province") }
}

fn received(day: Day) -> Window {
    Window { side: BookSide::Received, day, peer: node("county") }
}

fn digest_of(id: &RecordId) -> Digest {
    leaf_hash(DigestAlg::Sha256, &fragment(id))
}

/// The whole of a window, added up from its buckets.
async fn whole(store: &SharedStore, window: &Window) -> (u64, HashSum) {
    let mut all = Bucket::default();
    for bucket in store.buckets(window, &[Prefix::ALL]).await.unwrap()[0] {
        all.merge(&bucket);
    }
    (all.count, all.sum)
}

/// Many records, settled and judged in envelopes of 500; the first of each is superseded.
async fn both(county: &Office, province: &Office, many: usize) -> Vec<RecordId> {
    let ids: Vec<_> = (0..many).map(|n| id("SB", &format!("{n:06}"), 1)).collect();
    for page in ids.chunks(500) {
        let records = page.iter().map(|i| record("SB", &i.key.number(), 1)).collect();
        county.collect(t0(), records).await;
        let sent = county.seal(t0()).await;
        let inbox_id = province.arrive("records", &sent, t0()).await;
        let mut outcomes = vec![None; page.len()];
        outcomes[0] = Some(FinalOutcome::Superseded);
        let judged = Judged {
            counts: counts(page, &outcomes),
            count: page.len() as u32,
            superseded: vec![(page[0].clone(), digest_of(&page[0]))],
            ..judged(inbox_id, &sent, &page[1..], t0())
        };
        province.store.commit_judged(&province.lease, judged).await.unwrap();
        county.settle(&sent, &[(0, FinalOutcome::Superseded)], page, t0()).await;
    }
    ids
}

#[test]
fn buckets_are_the_same_on_both_sides_before_and_after_folding() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let province = Office::open(&bench, "province").await;
        let day = t0().day();
        let ids = both(&county, &province, 9_000).await;
        assert_eq!(whole(&county.store, &own(day)).await, (9_000, sum_of(&ids)));
        let deep: Vec<Prefix> =
            ids.iter().take(40).map(|i| Prefix::of(Leaf::new(i, &digest_of(i)).place, 3)).collect();
        let before = county.store.buckets(&own(day), &deep).await.unwrap();
        // Handed down in turns, nothing is lost, and no answer changes.
        let folded = county.store.fold_leaves(1).await.unwrap();
        assert_eq!(whole(&county.store, &own(day)).await, (9_000, sum_of(&ids)));
        while county.store.fold_leaves(8).await.unwrap() > 0 {}
        assert_eq!(county.store.buckets(&own(day), &deep).await.unwrap(), before);
        assert_eq!(
            province.store.buckets(&received(day), &deep).await.unwrap(),
            before,
            "{folded}"
        );
        assert_eq!(whole(&province.store, &received(day)).await, (9_000, sum_of(&ids)));
        // Each leaf is under its own prefix, with its name.
        let found = county.store.leaves(&own(day), &deep[..1], 1_000).await.unwrap();
        let mut wanted: Vec<Leaf> = ids.iter().map(|i| Leaf::new(i, &digest_of(i))).collect();
        wanted.retain(|leaf| deep[0].covers(leaf.place));
        wanted.sort();
        assert_eq!(found, wanted);
        assert_eq!(
            province.store.leaves(&received(day), &deep[..1], 1).await.unwrap(),
            wanted[..1]
        );
        let other = Window { peer: node("city"), ..own(day) };
        assert_eq!(whole(&county.store, &other).await, (0, HashSum::default()));
    });
}

#[test]
fn a_record_that_is_given_again_is_no_leaf_until_it_is_taken_again() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let day = t0().day();
        let all = ["A", "B", "C"].map(|c| id("SB", c, 1));
        county.collect(t0(), ["A", "B", "C"].map(|c| record("SB", c, 1)).to_vec()).await;
        let sent = county.seal(t0()).await;
        county.settle(&sent, &[(2, FinalOutcome::Rejected)], &all, t0()).await;
        assert_eq!(whole(&county.store, &own(day)).await, (2, sum_of(&all[..2])));
        let located = county.store.locate(&node("province"), &all).await.unwrap();
        let at = |i: usize| located[i].clone().unwrap();
        assert_eq!(at(1), Located { place: Place::Accepted, envelope: Some((sent.clone(), 1)) });
        assert_eq!(at(2).place, Place::Rejected);
        let unknown = [id("SB", "Z", 1)];
        assert_eq!(county.store.locate(&node("province"), &unknown).await.unwrap(), [None]);
        // Only what was named goes again.
        let again = GivenAgain {
            id: sent.clone(),
            fragments: all.iter().map(fragment).collect(),
            orphans: Vec::new(),
            only: Some(vec![1, 2]),
            stand: ("heal/x".into(), "1".into()),
            now: t0(),
        };
        assert_eq!(county.store.give_again(&county.lease, again).await.unwrap(), 1);
        assert_eq!(whole(&county.store, &own(day)).await, (1, sum_of(&all[..1])));
        let second = county.seal(t0()).await;
        county.settle(&second, &[], &all[1..2], t0()).await;
        assert_eq!(whole(&county.store, &own(day)).await, (2, sum_of(&all[..2])));
        let at = county.store.locate(&node("province"), &all[1..2]).await.unwrap();
        assert_eq!(at[0].clone().unwrap().envelope, Some((second, 0)));
        assert_eq!(county.store.forget_leaves(day, 10).await.unwrap(), 0);
        assert!(county.store.forget_leaves(Day(day.0 + 1), 10).await.unwrap() > 0);
        assert_eq!(whole(&county.store, &own(day)).await.0, 0);
    });
}

#[test]
fn what_is_outstanding_is_told_record_by_record() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let s = &county.store;
        let day = t0().day();
        let wait = NewRecord { waits_for: Some(parent_of("P", false)), ..record("SL", "P", 1) };
        county.quarantine(t0(), vec![bad_row("9", Some(id("SB", "Q", 1)), t0())]).await;
        county.collect(t0(), vec![record("SB", "A", 1), record("SB", "B", 1)]).await;
        let first = county.seal(t0()).await;
        county
            .settle(
                &first,
                &[(1, FinalOutcome::Rejected)],
                &[id("SB", "A", 1), id("SB", "B", 1)],
                t0(),
            )
            .await;
        county.collect(t0(), vec![record("SB", "C", 1)]).await;
        let second = county.seal(t0()).await;
        county.collect(t0(), vec![record("SB", "D", 1), wait]).await;
        let told = s.outstanding(day, 100).await.unwrap();
        let said: Vec<(&str, Place)> = told.iter().map(|o| (&*o.record, o.place)).collect();
        let text = |kind: &str, key: &str| id(kind, key, 1).to_string();
        let wanted = [
            (text("SB", "Q"), Place::Quarantined),
            (text("SL", "P"), Place::Waiting),
            (text("SB", "D"), Place::Staged),
            (text("SB", "C"), Place::InFlight),
            (text("SB", "B"), Place::Rejected),
        ];
        let wanted: Vec<(&str, Place)> = wanted.iter().map(|(t, p)| (&**t, *p)).collect();
        assert_eq!(said, wanted);
        assert_eq!(told[3].envelope, Some(second));
        assert!(told.iter().all(|o| o.destination == node("province")));
        assert!(!told[0].reason.is_empty() && !told[4].reason.is_empty());
        assert_eq!(s.outstanding(day, 2).await.unwrap().len(), 2);
        assert!(s.outstanding(Day(day.0 - 1), 9).await.unwrap().is_empty());
    });
}

#[test]
fn a_step_is_all_or_nothing() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let s = &county.store;
        let inbox_id = county.control_arrives(t0()).await;
        let step = || Step {
            inbox_id: Some(inbox_id),
            stands: vec![Stands { name: "narrow/x".into(), text: Some("1".into()) }],
            controls: vec![control("inquiry", "province", None)],
            audit: None,
            now: t0(),
        };
        s.commit_step(step()).await.unwrap();
        let count = async || {
            let status = s.status().await.unwrap();
            (status.inbox, status.control_queued, s.standing("narrow/").await.unwrap().len())
        };
        assert_eq!(count().await, (0, 1, 1));
        assert!(s.commit_step(step()).await.is_err(), "its parcel is gone");
        assert_eq!(count().await, (0, 1, 1));
        let back = Step {
            inbox_id: None,
            stands: vec![Stands { name: "narrow/x".into(), text: None }],
            controls: Vec::new(),
            ..step()
        };
        s.commit_step(back).await.unwrap();
        assert_eq!(count().await, (0, 1, 0));
    });
}
