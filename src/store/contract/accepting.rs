//! Envelopes judged: kept rows, receipts, duplicates, gaps, delivery.

use canon::Lane;

use super::office::*;
use super::provider::run;
use crate::*;

/// An envelope arrives and is judged, everything kept.
async fn accept(province: &Office, sequence: u64, records: &[canon::RecordId], now: canon::Millis) {
    let envelope = sent_by("county", "province", sequence);
    let inbox_id = province.arrive("records", &envelope, now).await;
    let judged = judged(inbox_id, &envelope, records, now);
    province.store.commit_judged(&province.lease, judged).await.unwrap();
}

#[test]
fn a_judged_envelope_keeps_its_records_and_queues_its_receipt() {
    run(async |bench| {
        let province = Office::open(&bench, "province").await;
        let s = &province.store;
        let envelope = sent_by("county", "province", 1);
        assert_eq!(s.admission(&envelope).await.unwrap(), None);
        assert_eq!(s.highest_epoch(&node("county")).await.unwrap(), 0);
        let records = [id("SB", "A", 1), id("SL", "A", 1), id("SB", "B", 1)];
        accept(&province, 1, &records, t0()).await;

        let admission = s.admission(&envelope).await.unwrap().unwrap();
        assert_eq!((admission.state, admission.receipt_sealed), (InState::Judged, false));
        assert_eq!(admission.head_digest, digest(&format!("head of {envelope}")));
        assert_eq!(s.highest_epoch(&node("county")).await.unwrap(), 1);
        let mut kept = s.kept_cases(&["A@unit"]).await.unwrap();
        kept.sort_by(|a, b| a.id.cmp(&b.id));
        assert_eq!(kept.iter().map(|k| &k.id).collect::<Vec<_>>(), [&records[0], &records[1]]);
        assert!(kept.iter().all(|k| k.envelope == envelope && &*k.facts == "{}"));
        assert_eq!(kept[0].digest, record("SB", "A", 1).digest);
        let status = s.status().await.unwrap();
        assert_eq!((status.kept, status.judged, status.inbox), (3, 1, 0));
        let queued = s.queued_controls(Slots::ALL, 9).await.unwrap();
        assert_eq!(queued[0].control.answers, Some(envelope.clone()));
        let frames = s.frames(&envelope).await.unwrap().unwrap();
        assert_eq!(*frames.frame, *sealed(&envelope).frame);
        assert!(frames.receipt.is_none());
        let receipt = province.seal_control(t0()).await;
        assert!(s.admission(&envelope).await.unwrap().unwrap().receipt_sealed);
        let frames = s.frames(&envelope).await.unwrap().unwrap();
        assert_eq!(frames.receipt.as_deref(), Some(&*sealed(&receipt).frame));
    });
}

#[test]
fn every_kept_version_is_answered() {
    run(async |bench| {
        let province = Office::open(&bench, "province").await;
        accept(&province, 1, &[id("SB", "A", 1)], t0()).await;
        accept(&province, 2, &[id("SB", "A", 4)], t0()).await;
        let kept = province.store.kept_cases(&["A@unit"]).await.unwrap();
        let mut versions: Vec<u32> = kept.iter().map(|k| k.id.version).collect();
        versions.sort_unstable();
        assert_eq!(versions, [1, 4]);
    });
}

#[test]
fn no_envelope_and_no_record_takes_effect_twice() {
    run(async |bench| {
        let province = Office::open(&bench, "province").await;
        let s = &province.store;
        accept(&province, 1, &[id("SB", "A", 1)], t0()).await;
        let before = format!("{:?}", s.tallies_received(&node("county"), t0().day()).await);
        let envelope = sent_by("county", "province", 1);
        let inbox_id = province.arrive("records", &envelope, t0()).await;
        let again = judged(inbox_id, &envelope, &[id("SB", "B", 1)], t0());
        let result = s.commit_judged(&province.lease, again).await;
        assert!(matches!(result, Err(StoreError::Conflict { .. })), "{result:?}");
        // Another envelope with a version that is kept: the store never overwrites it.
        let other = sent_by("county", "province", 2);
        let other = judged(inbox_id, &other, &[id("SB", "C", 1), id("SB", "A", 1)], t0());
        assert!(s.commit_judged(&province.lease, other).await.is_err());
        let status = s.status().await.unwrap();
        assert_eq!((status.kept, status.judged, status.inbox), (1, 1, 1));
        assert!(s.kept_cases(&["B@unit", "C@unit"]).await.unwrap().is_empty());
        let after = format!("{:?}", s.tallies_received(&node("county"), t0().day()).await);
        assert_eq!(after, before);
    });
}

#[test]
fn a_duplicate_makes_the_same_receipt_due_again() {
    run(async |bench| {
        let province = Office::open(&bench, "province").await;
        let s = &province.store;
        let envelope = sent_by("county", "province", 1);
        accept(&province, 1, &[id("SB", "A", 1)], t0()).await;

        // Still queued: nothing more is needed.
        let inbox_id = province.arrive("records", &envelope, t0()).await;
        s.commit_duplicate(&province.lease, inbox_id, &envelope, t0()).await.unwrap();
        assert_eq!(s.queued_controls(Slots::ALL, 9).await.unwrap().len(), 1);

        let receipt = province.seal_control(t0()).await;
        let first = province.due(Lane::Control, t0()).await.remove(0);
        province.attempt(true, &receipt, OutEvent::Confirmed, t0()).await;
        assert!(province.due(Lane::Control, t0()).await.is_empty());

        let later = t0().plus(HOUR);
        let inbox_id = province.arrive("records", &envelope, later).await;
        s.commit_duplicate(&province.lease, inbox_id, &envelope, later).await.unwrap();
        let again = province.due(Lane::Control, later).await;
        assert_eq!(again.len(), 1);
        assert_eq!((&again[0].id, &*again[0].frame), (&first.id, &*first.frame));
        province.attempt(true, &receipt, OutEvent::Confirmed, later).await;
        assert!(province.due(Lane::Control, later).await.is_empty());

        s.receipt_again(&province.lease, &envelope, later).await.unwrap();
        assert_eq!(province.due(Lane::Control, later).await[0].id, receipt);
        let status = s.status().await.unwrap();
        assert_eq!((status.inbox, status.kept), (0, 1));
    });
}

#[test]
fn a_receipt_is_kept_until_its_sender_says_that_it_has_it() {
    run(async |bench| {
        let province = Office::open(&bench, "province").await;
        let s = &province.store;
        accept(&province, 1, &[id("SB", "A", 1)], t0()).await;
        let receipt = province.seal_control(t0()).await;
        province.attempt(true, &receipt, OutEvent::Confirmed, t0()).await;
        let later = t0().plus(HOUR);
        s.purge(later, 100).await.unwrap();
        assert!(s.frames(&receipt).await.unwrap().is_some());

        let second = sent_by("county", "province", 2);
        let inbox_id = province.arrive("records", &second, later).await;
        let told =
            Judged { settled_below: 2, ..judged(inbox_id, &second, &[id("SB", "B", 1)], later) };
        s.commit_judged(&province.lease, told).await.unwrap();
        assert_eq!(s.purge(later, 100).await.unwrap(), 1);
        assert!(s.outbound(&receipt).await.unwrap().is_none());
        // A late duplicate of it still does no harm.
        let first = sent_by("county", "province", 1);
        let inbox_id = province.arrive("records", &first, later).await;
        s.commit_duplicate(&province.lease, inbox_id, &first, later).await.unwrap();
        assert_eq!(s.status().await.unwrap().inbox, 0);
    });
}

#[test]
fn a_gap_is_known_since_the_sequence_after_it_came() {
    run(async |bench| {
        let province = Office::open(&bench, "province").await;
        let s = &province.store;
        let at = |n: i64| t0().plus(n * MINUTE);
        let gaps = async |before| -> Vec<(u64, u64, canon::Millis)> {
            let found = s.gaps(before, 10).await.unwrap();
            assert!(found.iter().all(|g| g.sender == node("county") && g.route == live()));
            found.iter().map(|g| (g.first, g.last, g.since)).collect()
        };
        accept(&province, 1, &[id("SB", "A", 1)], at(1)).await;
        assert!(gaps(at(99)).await.is_empty());
        accept(&province, 4, &[id("SB", "B", 1)], at(2)).await;
        accept(&province, 6, &[id("SB", "C", 1)], at(3)).await;
        assert_eq!(gaps(at(99)).await, [(2, 3, at(2)), (5, 5, at(3))]);
        assert_eq!(gaps(at(3)).await, [(2, 3, at(2))]);
        accept(&province, 2, &[id("SB", "D", 1)], at(4)).await;
        assert_eq!(gaps(at(99)).await, [(3, 3, at(2)), (5, 5, at(3))]);
        accept(&province, 3, &[id("SB", "E", 1)], at(5)).await;
        accept(&province, 5, &[id("SB", "F", 1)], at(6)).await;
        assert!(gaps(at(99)).await.is_empty());
    });
}

#[test]
fn what_is_final_at_the_sender_is_no_gap() {
    run(async |bench| {
        let province = Office::open(&bench, "province").await;
        let s = &province.store;
        for (sequence, case, settled_below) in [(1, "A", 1), (5, "B", 4), (8, "C", 1)] {
            let envelope = sent_by("county", "province", sequence);
            let inbox_id = province.arrive("records", &envelope, t0()).await;
            let all = [id("SB", case, 1)];
            let judged = Judged { settled_below, ..judged(inbox_id, &envelope, &all, t0()) };
            s.commit_judged(&province.lease, judged).await.unwrap();
        }
        let gaps = s.gaps(t0().plus(1), 9).await.unwrap();
        let spans: Vec<_> = gaps.iter().map(|g| (g.first, g.last)).collect();
        assert_eq!(spans, [(4, 4), (6, 7)]);
    });
}

#[test]
fn a_sender_in_a_newer_epoch_has_no_gaps_in_the_older_one() {
    run(async |bench| {
        let province = Office::open(&bench, "province").await;
        let s = &province.store;
        for (epoch, sequence, case) in [(1, 4, "A"), (2, 1, "B")] {
            let envelope = canon::EnvelopeId { epoch, ..sent_by("county", "province", sequence) };
            let inbox_id = province.arrive("records", &envelope, t0()).await;
            let judged = judged(inbox_id, &envelope, &[id("SB", case, 1)], t0());
            s.commit_judged(&province.lease, judged).await.unwrap();
            assert_eq!(s.highest_epoch(&node("county")).await.unwrap(), epoch);
            let gaps = s.gaps(t0().plus(1), 9).await.unwrap();
            assert_eq!(gaps.len(), usize::from(epoch == 1));
        }
    });
}

#[test]
fn a_sink_follows_the_judged_envelopes_and_never_goes_back() {
    run(async |bench| {
        let province = Office::open(&bench, "province").await;
        let s = &province.store;
        assert_eq!(s.watermark("tables").await.unwrap(), 0);
        assert!(s.judged_after(0, 9).await.unwrap().is_empty());
        for (n, case) in [(1, "A"), (2, "B"), (3, "C")] {
            accept(&province, n, &[id("SB", case, 1), id("SL", case, 1)], t0()).await;
        }
        let all = s.judged_after(0, 9).await.unwrap();
        assert_eq!(all.iter().map(|j| j.id.sequence).collect::<Vec<_>>(), [1, 2, 3]);
        assert!(all[0].ordinal > 0 && all.is_sorted_by(|a, b| a.ordinal < b.ordinal));
        assert_eq!(all[0].kept, [0, 1]);
        assert_eq!((*all[0].frame).len(), sealed(&all[0].id).frame.len());
        s.commit_delivered(&province.lease, "tables", all[1].ordinal, t0()).await.unwrap();
        let mark = s.watermark("tables").await.unwrap();
        assert_eq!(mark, all[1].ordinal);
        let rest = s.judged_after(mark, 9).await.unwrap();
        assert_eq!(rest.iter().map(|j| j.id.sequence).collect::<Vec<_>>(), [3]);
        s.commit_delivered(&province.lease, "tables", all[0].ordinal, t0()).await.unwrap();
        assert_eq!(s.watermark("tables").await.unwrap(), mark);
        assert_eq!(s.watermark("webhook").await.unwrap(), 0);
    });
}
