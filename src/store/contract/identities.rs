//! Several identities in one store, and the same one after a restart.

use canon::Lane;

use super::office::*;
use super::provider::run;
use crate::*;

#[test]
fn two_identities_of_one_store_do_not_see_each_other() {
    run(async |bench| {
        let north = Office::open(&bench, "north").await;
        let south = Office::open(&bench, "south").await;
        north.collect(t0(), vec![record("SB", "A", 1), record("SB", "B", 1)]).await;
        south.collect(t0(), vec![record("SB", "A", 1)]).await;
        north.quarantine(t0(), vec![bad_row("r1", None, t0())]).await;
        let sent = north.seal_some(&live(), 1, t0()).await;
        assert_eq!(sent.sender, node("north"));
        north.store.pause_link("up", Some("reason"), t0()).await.unwrap();
        north.store.audit(audit_event(t0())).await.unwrap();

        assert_eq!(south.store.counters(&live()).await.unwrap().next_sequence, 1);
        assert_eq!(south.place(&id("SB", "A", 1)).await, Some(Place::Staged));
        assert_eq!(south.place(&id("SB", "B", 1)).await, None);
        assert_eq!(south.assert_conserved().await.iter().sum::<u64>(), 1);
        assert_eq!(north.assert_conserved().await.iter().sum::<u64>(), 2);
        assert!(south.problems().await.is_empty());
        assert!(south.store.audit_after(0, 9).await.unwrap().is_empty());
        assert!(south.store.outbound(&sent).await.unwrap().is_none());
        assert_eq!(south.store.tallies(t0().day()).await.unwrap()[0].collected, 1);
        let own = south.seal(t0()).await;
        assert_eq!((own.sender.as_str(), own.sequence), ("south", 1));
        let due = south.due(Lane::Live, t0()).await;
        assert_eq!(due.iter().map(|d| &d.id).collect::<Vec<_>>(), [&own]);
        assert!(south.store.staged_routes().await.unwrap().is_empty());
        assert_eq!(north.store.staged_routes().await.unwrap()[0].1, 1);
    });
}

#[test]
fn an_envelope_between_two_identities_of_one_store_is_both_sent_and_received() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let province = Office::open(&bench, "province").await;
        let all = [id("SB", "A", 1)];
        county.collect(t0(), vec![record("SB", "A", 1)]).await;
        let sent = county.seal(t0()).await;
        let inbox_id = province.arrive("records", &sent, t0()).await;
        let judged = judged(inbox_id, &sent, &all, t0());
        province.store.commit_judged(&province.lease, judged).await.unwrap();
        assert!(county.settle(&sent, &[], &all, t0()).await);
        assert_eq!(county.place(&all[0]).await, Some(Place::Accepted));
        assert_eq!(province.place(&all[0]).await, None, "kept, not collected");
        assert_eq!(county.store.admission(&sent).await.unwrap(), None);
        assert!(province.store.outbound(&sent).await.unwrap().is_none());
        assert_eq!(province.store.status().await.unwrap().kept, 1);
        assert_eq!(county.store.status().await.unwrap().kept, 0);
    });
}

#[test]
fn what_was_committed_is_there_after_a_restart() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let all = [id("SB", "A", 1), id("SB", "B", 1)];
        county.collect(t0(), vec![record("SB", "A", 1), record("SB", "B", 1)]).await;
        county.collect(t0(), vec![child("SL", "C", 1)]).await;
        county.quarantine(t0(), vec![bad_row("r1", Some(id("SB", "D", 1)), t0())]).await;
        let sent = county.seal(t0()).await;
        county.attempt(true, &sent, OutEvent::Confirmed, t0()).await;
        let parcel = county.parcel("records", &sent_by("township", "county", 1));
        county.store.admit(vec![parcel], t0()).await.unwrap();
        let before = format!("{:?}", county.store.status().await.unwrap());
        let old = county.lease.clone();
        drop(county);

        let bench = bench.reopen().await;
        let county = Office::open(&bench, "county").await;
        assert_eq!(county.lease, old, "the same holder keeps its token");
        assert_eq!(format!("{:?}", county.store.status().await.unwrap()), before);
        assert_eq!(county.store.adapter("county").await.unwrap().cursor.as_deref(), Some("cursor"));
        assert_eq!(county.state(&sent).await, OutState::Sent);
        assert_eq!(county.store.members(&sent).await.unwrap().len(), 2);
        assert!(county.settle(&sent, &[], &all, t0()).await);
        county.collect(t0(), vec![record("SB", "C", 1)]).await;
        assert_eq!(county.place(&id("SL", "C", 1)).await, Some(Place::Staged));
        county.assert_conserved().await;
    });
}
