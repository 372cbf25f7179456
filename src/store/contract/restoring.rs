//! A new epoch, adoption, and records given again.

use canon::{Day, EnvelopeId, HashSum, Lane, RecordId, leaf_hash};

use super::office::*;
use super::provider::run;
use crate::*;

fn new_epoch(epoch: u32) -> NewEpoch {
    NewEpoch {
        epoch,
        stand: vec![("restore/adopt/province".into(), Some("asked".into()))],
        ordinal: 1 << 30,
        audit: AuditEvent { action: "node.restored".into(), ..audit_event(t0()) },
    }
}

fn adopted(record: &RecordId, outcome: Option<FinalOutcome>) -> AdoptedRecord {
    AdoptedRecord {
        id: record.clone(),
        digest: leaf_hash(canon::DigestAlg::Sha256, &fragment(record)),
        content: digest(&format!("content {record}")),
        facts: "SBSJ=1".into(),
        voided: false,
        outcome,
        code: if outcome.is_some() { "record.authority".into() } else { String::new() },
    }
}

fn envelope(sequence: u64, day: Day, records: Vec<AdoptedRecord>) -> AdoptedEnvelope {
    let id = sent_by("county", "province", sequence);
    AdoptedEnvelope {
        head_digest: digest(&format!("head of {id}")),
        root: digest(&format!("root of {id}")),
        link: "up".into(),
        day,
        adapter: "county".into(),
        records,
        id,
    }
}

async fn adopt(office: &Office, envelopes: Vec<AdoptedEnvelope>) -> Result<u64, StoreError> {
    let inbox_id = office.control_arrives(t0()).await;
    let page = Adopted {
        inbox_id,
        envelopes,
        stand: ("restore/adopt/province".into(), "page 1".into()),
        controls: vec![control("inquiry", "province", None)],
        now: t0(),
    };
    office.store.commit_adopted(&office.lease, page).await
}

async fn stands(office: &Office) -> Option<String> {
    let standing = office.store.standing("restore/adopt/").await.unwrap();
    standing.into_iter().next().map(|s| s.text)
}

#[test]
fn an_epoch_only_rises_and_sequences_restart_in_it() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        county.collect(t0(), ["A", "B"].map(|c| record("SB", c, 1)).to_vec()).await;
        let old = county.seal_some(&live(), 1, t0()).await;
        assert_eq!((old.epoch, old.sequence), (1, 1));
        let own = county.store.destinations().await.unwrap();
        assert_eq!(own, [Destination { peer: node("province"), older_open: 0 }]);

        county.store.begin_epoch(new_epoch(7)).await.unwrap();
        for epoch in [1, 7] {
            let again = county.store.begin_epoch(new_epoch(epoch)).await;
            assert!(matches!(again, Err(StoreError::Conflict { .. })), "{epoch}");
        }
        assert_eq!(stands(&county).await.as_deref(), Some("asked"));
        let events = county.store.audit_after(0, 9).await.unwrap();
        assert_eq!(events.len(), 1, "what was refused left nothing");
        assert_eq!(events[0].1.action, "node.restored");
        let own = county.store.destinations().await.unwrap();
        assert_eq!(own, [Destination { peer: node("province"), older_open: 1 }]);

        let new = county.seal_some(&live(), 1, t0()).await;
        assert_eq!((new.epoch, new.sequence), (7, 1));
        // The answer to the old one does not close the new one's number.
        assert!(county.settle(&old, &[], &[id("SB", "A", 1)], t0()).await);
        assert_eq!(county.store.counters(&live()).await.unwrap().settled_below, 1);
        let own = county.store.destinations().await.unwrap();
        assert_eq!(own, [Destination { peer: node("province"), older_open: 0 }]);
        county.assert_conserved().await;

        let bench = {
            drop(county);
            bench.reopen().await
        };
        let county = Office::open(&bench, "county").await;
        let counters = county.store.counters(&live()).await.unwrap();
        assert_eq!((counters.epoch, counters.next_sequence), (7, 2), "after a restart too");
    });
}

#[test]
fn ordinals_go_on_above_what_sinks_may_know() {
    run(async |bench| {
        let province = Office::open(&bench, "province").await;
        let judge = async |sequence, case| {
            let from = sent_by("county", "province", sequence);
            let inbox_id = province.arrive("records", &from, t0()).await;
            let judged = judged(inbox_id, &from, &[id("SB", case, 1)], t0());
            province.store.commit_judged(&province.lease, judged).await.unwrap();
        };
        judge(1, "A").await;
        province.store.begin_epoch(new_epoch(7)).await.unwrap();
        judge(2, "B").await;
        let ordinals: Vec<i64> = province
            .store
            .judged_after(0, 9)
            .await
            .unwrap()
            .into_iter()
            .map(|j| j.ordinal)
            .collect();
        assert!(ordinals[0] < 1 << 30 && ordinals[1] > 1 << 30, "{ordinals:?}");
    });
}

#[test]
fn what_the_destination_judged_is_adopted_once() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        county.store.begin_epoch(new_epoch(7)).await.unwrap();
        let day = Day(t0().day().0 - 3);
        let all = ["A", "B", "C", "D"].map(|c| id("SB", c, 2));
        let outcomes = [
            None,
            Some(FinalOutcome::Superseded),
            Some(FinalOutcome::Rejected),
            Some(FinalOutcome::ParentMissing),
        ];
        let records = all.iter().zip(outcomes).map(|(id, o)| adopted(id, o)).collect();
        let page = vec![envelope(4, day, records)];
        assert_eq!(adopt(&county, page.clone()).await.unwrap(), 4);
        let places = [Place::Accepted, Place::Superseded, Place::Rejected, Place::Voided];
        for (id, place) in all.iter().zip(places) {
            assert_eq!(county.place(id).await, Some(place), "{id}");
        }
        county.assert_conserved().await;
        assert_eq!(stands(&county).await.as_deref(), Some("page 1"));
        assert_eq!(county.store.queued_controls(Slots::ALL, 9).await.unwrap().len(), 1);
        assert_eq!(county.store.status().await.unwrap().inbox, 0);
        let own = county.store.outbound(&page[0].id).await.unwrap().unwrap();
        assert_eq!((own.state, own.count, own.day), (OutState::Settled, 4, day));
        assert!(county.store.frames(&own.id).await.unwrap().is_none(), "its bytes are not here");

        let tally = county.store.tallies(day).await.unwrap().remove(0);
        assert_eq!((tally.collected, tally.epoch), (4, 1));
        assert_eq!((tally.first_sequence, tally.last_sequence), (4, 4));
        assert_eq!(tally.sum.parse::<HashSum>().unwrap(), sum_of(&all[..2]));
        let problem = county.problems().await.remove(0);
        assert_eq!((&*problem.class, &*problem.state), ("rejected", "held"));
        assert_eq!(&*problem.violations[0].rule, "record.authority");
        let rows = county.store.cases(&[all[0].key.root()]).await.unwrap();
        assert_eq!((rows[0].id.version, &*rows[0].facts), (2, "SBSJ=1"));
        assert_eq!(rows[0].content, digest(&format!("content {}", all[0])));

        assert_eq!(adopt(&county, page).await.unwrap(), 0, "known envelopes are passed over");
        county.assert_conserved().await;
        let reused = page_of(vec![record("SB", "A", 2)]);
        let reused = county.store.commit_collected(&county.lease, reused).await;
        assert!(matches!(reused, Err(StoreError::Conflict { .. })), "a version is not used again");
    });
}

fn page_of(records: Vec<NewRecord>) -> Collected {
    page("cursor", t0(), vec![chunk(&live(), t0(), records)])
}

#[test]
fn only_older_epochs_of_this_node_are_adopted() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        county.store.begin_epoch(new_epoch(7)).await.unwrap();
        let mut foreign = envelope(1, t0().day(), Vec::new());
        foreign.id.sender = node("other");
        let mut newer = envelope(1, t0().day(), Vec::new());
        newer.id.epoch = 7;
        for odd in [foreign, newer] {
            let refused = adopt(&county, vec![odd]).await;
            assert!(matches!(refused, Err(StoreError::Conflict { .. })));
        }
        assert_eq!(stands(&county).await.as_deref(), Some("asked"), "nothing was changed");
    });
}

#[test]
fn adoption_leaves_what_is_known_cures_what_is_older_and_frees_children() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        county.collect(t0(), vec![record("SB", "A", 1), child("SL", "B", 1)]).await;
        county.quarantine(t0(), vec![bad_row("r1", Some(id("SB", "B", 1)), t0())]).await;
        county.store.begin_epoch(new_epoch(7)).await.unwrap();
        let records = vec![adopted(&id("SB", "A", 1), None), adopted(&id("SB", "B", 2), None)];
        assert_eq!(adopt(&county, vec![envelope(1, t0().day(), records)]).await.unwrap(), 1);
        assert_eq!(county.place(&id("SB", "A", 1)).await, Some(Place::Staged), "known already");
        let problem = county.problems().await.remove(0);
        assert_eq!((&*problem.state, problem.cured_by), ("cured", Some(2)));
        assert_eq!(county.store.release_waiting(t0(), 9).await.unwrap(), 1);
        assert_eq!(county.place(&id("SL", "B", 1)).await, Some(Place::Staged));
        county.assert_conserved().await;
    });
}

#[test]
fn a_restored_sender_is_told_page_by_page_and_only_of_its_own() {
    run(async |bench| {
        let province = Office::open(&bench, "province").await;
        let mut all = Vec::new();
        for (sender, to, lane, sequence) in [
            ("county", "province", Lane::Live, 1),
            ("county", "province", Lane::Live, 2),
            ("county", "province", Lane::Bulk, 1),
            ("other", "province", Lane::Live, 1),
            ("county", "elsewhere", Lane::Live, 9),
        ] {
            let route = route(to, lane);
            let from = EnvelopeId { sender: node(sender), epoch: 1, route, sequence };
            let inbox_id = province.arrive("records", &from, t0()).await;
            let record = id("SB", &format!("{sender}{to}{lane}{sequence}"), 1);
            let judged = judged(inbox_id, &from, &[record], t0());
            province.store.commit_judged(&province.lease, judged).await.unwrap();
            if (sender, to) == ("county", "province") {
                all.push(from);
            }
        }
        all.sort();
        let (mut told, mut after) = (Vec::new(), None::<EnvelopeId>);
        for _ in 0..5 {
            let page = province.store.judged_of(&node("county"), after.as_ref(), 2).await.unwrap();
            assert!(page.len() <= 2);
            after = page.last().map(|j| j.id.clone()).or(after);
            told.extend(page);
        }
        assert_eq!(told.iter().map(|j| &j.id).collect::<Vec<_>>(), all.iter().collect::<Vec<_>>());
        assert!(told.iter().all(|j| j.kept == [0] && j.problems.is_empty()));
        assert_eq!(&*told[0].frame, format!("frame of {}", told[0].id).as_bytes());
        let held = province.store.held_routes().await.unwrap();
        let through = |s: &str, lane| {
            let of = |h: &&HeldRoute| h.sender == node(s) && h.route.lane == lane;
            held.iter().find(of).map(|h| (h.epoch, h.through))
        };
        assert_eq!(through("county", Lane::Live), Some((1, 2)));
        assert_eq!(through("county", Lane::Bulk), Some((1, 1)));
        assert_eq!(held.len(), 3, "what only passed here is not held");
    });
}

#[test]
fn a_gap_ends_what_is_held() {
    run(async |bench| {
        let province = Office::open(&bench, "province").await;
        for sequence in [1, 2, 5] {
            let from = sent_by("county", "province", sequence);
            let inbox_id = province.arrive("records", &from, t0()).await;
            let record = id("SB", &sequence.to_string(), 1);
            let judged = judged(inbox_id, &from, &[record], t0());
            province.store.commit_judged(&province.lease, judged).await.unwrap();
        }
        assert_eq!(province.store.held_routes().await.unwrap()[0].through, 2);
    });
}

fn given(envelope: &EnvelopeId, records: &[RecordId]) -> GivenAgain {
    GivenAgain {
        id: envelope.clone(),
        fragments: records.iter().map(fragment).collect(),
        orphans: vec![1],
        only: None,
        stand: ("restore/give/province".into(), "1".into()),
        now: t0(),
    }
}

#[test]
fn accepted_and_superseded_records_are_given_again_in_new_envelopes() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let all = ["A", "B", "C", "D"].map(|c| id("SB", c, 1));
        county.collect(t0(), ["A", "B", "C", "D"].map(|c| record("SB", c, 1)).to_vec()).await;
        let first = county.seal(t0()).await;
        assert!(county.store.give_again(&county.lease, given(&first, &all)).await.is_err());
        let exceptions = [
            (1, FinalOutcome::Superseded),
            (2, FinalOutcome::Rejected),
            (3, FinalOutcome::ParentMissing),
        ];
        county.settle(&first, &exceptions, &all, t0()).await;
        let province = live().destination;
        let to = |after| county.store.settled_to(&province, after, 9);
        let settled = to(0).await.unwrap();
        assert_eq!(settled.iter().map(|(_, e)| &e.id).collect::<Vec<_>>(), [&first]);
        assert!(to(settled[0].0).await.unwrap().is_empty());

        let before = county.store.status().await.unwrap().links[0].accepted;
        let again = county.store.give_again(&county.lease, given(&first, &all)).await.unwrap();
        assert_eq!(again, 2);
        let places = [Place::Staged, Place::Staged, Place::Rejected, Place::Waiting];
        for (id, place) in all.iter().zip(places) {
            assert_eq!(county.place(id).await, Some(place), "{id}");
        }
        county.assert_conserved().await;
        let tally = county.store.tallies(t0().day()).await.unwrap().remove(0);
        assert_eq!(tally.sum.parse::<HashSum>().unwrap(), HashSum::default());
        assert_eq!(county.store.status().await.unwrap().links[0].accepted, before - 1);
        let twice = county.store.give_again(&county.lease, given(&first, &all)).await.unwrap();
        assert_eq!(twice, 0, "they follow another envelope by now");

        let batch = county.store.staged_batch(&live(), 9, 1 << 20).await.unwrap().unwrap();
        assert_eq!(batch.bytes, [fragment(&all[0]), fragment(&all[1])].concat());
        assert_eq!(batch.records.iter().map(|r| r.orphan).collect::<Vec<_>>(), [false, true]);
        assert_eq!(batch.day, t0().day());
        let second = county.seal(t0()).await;
        county.settle(&second, &[], &all[..2], t0()).await;
        assert_eq!(county.place(&all[0]).await, Some(Place::Accepted));
        assert_eq!(county.place(&all[1]).await, Some(Place::Accepted));
        county.assert_conserved().await;
        let tally = county.store.tallies(t0().day()).await.unwrap().remove(0);
        assert_eq!(tally.sum.parse::<HashSum>().unwrap(), sum_of(&all[..2]));
        let steps = county.store.trace("A").await.unwrap();
        assert_eq!(steps.iter().filter(|s| s.what == "accepted").count(), 2, "{steps:?}");
    });
}

#[test]
fn an_adopted_envelope_has_no_bytes_to_give() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        county.store.begin_epoch(new_epoch(7)).await.unwrap();
        let page = envelope(1, t0().day(), vec![adopted(&id("SB", "A", 1), None)]);
        adopt(&county, vec![page.clone()]).await.unwrap();
        let nothing = GivenAgain { fragments: Vec::new(), ..given(&page.id, &[]) };
        assert_eq!(county.store.give_again(&county.lease, nothing).await.unwrap(), 0);
        assert_eq!(county.place(&id("SB", "A", 1)).await, Some(Place::Accepted));
        county.assert_conserved().await;
    });
}

#[test]
fn windows_are_open_again_from_a_day_on() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let today = t0().day();
        for day in [Day(today.0 - 1), today] {
            for (by, peer) in [("county", "province"), ("province", "county")] {
                let row = ManifestRow {
                    day,
                    by: node(by),
                    peer: node(peer),
                    revision: 3,
                    is_final: true,
                    body: "books".into(),
                    at: t0(),
                };
                county.store.commit_manifest(row, Vec::new(), Vec::new(), None).await.unwrap();
            }
        }
        assert!(county.store.open_days(today).await.unwrap().is_empty());
        county.store.reopen_windows(&node("province"), today, t0()).await.unwrap();
        assert_eq!(county.store.open_days(today).await.unwrap(), [(today, 3)]);
        let manifests = county.store.manifests(today).await.unwrap();
        assert_eq!(manifests.iter().map(|m| m.by.as_str()).collect::<Vec<_>>(), ["county"]);
        assert_eq!(county.store.manifests(Day(today.0 - 1)).await.unwrap().len(), 2);
    });
}
