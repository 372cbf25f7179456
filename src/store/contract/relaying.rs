//! Parcels for other nodes.

use std::sync::Arc;

use canon::{EnvelopeId, Lane, Millis};

use super::office::*;
use super::provider::run;
use crate::*;

pub(super) fn relayed(inbox_id: i64, id: &EnvelopeId, now: Millis) -> Relayed {
    Relayed {
        inbox_id,
        id: id.clone(),
        kind: "records".into(),
        to: id.route.destination.clone(),
        from_link: "down".into(),
        link: "up".into(),
        head_digest: digest(&format!("head of {id}")),
        count: 7,
        frame: format!("frame of {id}").into_bytes().into(),
        verified: true,
        controls: vec![control("hop", id.sender.as_str(), None)],
        now,
    }
}

async fn relay(city: &Office, id: &EnvelopeId, now: Millis) {
    let inbox_id = city.arrive("records", id, now).await;
    city.store.commit_relayed(&city.lease, relayed(inbox_id, id, now)).await.unwrap();
}

async fn row_state(city: &Office, id: &EnvelopeId) -> String {
    city.store.relay_row(id).await.unwrap().unwrap().state
}

#[test]
fn a_relayed_parcel_is_due_with_its_bytes_untouched_and_its_hop_receipt_queued() {
    run(async |bench| {
        let city = Office::open(&bench, "city").await;
        let s = &city.store;
        let id = sent_by("county", "province", 5);
        assert_eq!(s.relay_row(&id).await.unwrap(), None);
        relay(&city, &id, t0()).await;
        let due = city.due(Lane::Live, t0()).await;
        assert_eq!((due.len(), due[0].own, due[0].count), (1, false, 7));
        assert_eq!((&due[0].id, due[0].to.as_str()), (&id, "province"));
        assert_eq!(*due[0].frame, *sealed(&id).frame);
        assert_eq!(&*s.queued_controls(Slots::ALL, 9).await.unwrap()[0].control.kind, "hop");
        let row = s.relay_row(&id).await.unwrap().unwrap();
        assert_eq!((&*row.state, &*row.link, row.at), ("due", "up", t0()));
        assert_eq!(s.admission(&id).await.unwrap().unwrap().state, InState::Relayed);
        let status = s.status().await.unwrap();
        assert_eq!((status.inbox, status.links[0].due), (0, 7));
        assert_eq!(*s.frames(&id).await.unwrap().unwrap().frame, *sealed(&id).frame);
    });
}

#[test]
fn own_and_relayed_parcels_stand_in_one_line() {
    run(async |bench| {
        let city = Office::open(&bench, "city").await;
        let at = |n: i64| t0().plus(n * MINUTE);
        relay(&city, &sent_by("county", "province", 9), at(1)).await;
        city.collect(at(2), vec![record("SB", "A", 1)]).await;
        let own = city.seal(at(2)).await;
        relay(&city, &sent_by("county", "province", 8), at(3)).await;
        let due = city.due(Lane::Live, at(3)).await;
        let line: Vec<_> = due.iter().map(|d| (d.own, d.id.sequence)).collect();
        assert_eq!(line, [(false, 9), (true, own.sequence), (false, 8)]);
        assert_eq!(city.due(Lane::Live, at(3)).await.len(), 3);
    });
}

#[test]
fn a_relayed_parcel_is_sent_then_receipted_by_the_next_hop_then_done() {
    run(async |bench| {
        let city = Office::open(&bench, "city").await;
        let s = &city.store;
        let id = sent_by("county", "province", 1);
        relay(&city, &id, t0()).await;
        city.attempt(false, &id, OutEvent::NotConfirmed, t0()).await;
        assert!(city.due(Lane::Live, t0()).await.is_empty());
        assert_eq!(city.due(Lane::Live, t0().plus(MINUTE)).await[0].attempts, 1);
        city.attempt(false, &id, OutEvent::Confirmed, t0()).await;
        assert!(city.due(Lane::Live, t0().plus(HOUR)).await.is_empty());
        assert_eq!(row_state(&city, &id).await, "sent");

        let inbox_id = city.control_arrives(t0()).await;
        let by = node("province");
        s.commit_hop(&city.lease, inbox_id, &id, (&by, "received"), None, t0()).await.unwrap();
        assert_eq!(row_state(&city, &id).await, "hop_receipted");
        assert!(s.frames(&id).await.unwrap().is_some());
        s.relay_done(&id, t0()).await.unwrap();
        assert_eq!(row_state(&city, &id).await, "done");
        assert_eq!(s.status().await.unwrap().inbox, 0);

        assert_eq!(s.purge(t0(), 9).await.unwrap(), 0);
        assert_eq!(s.purge(t0().plus(1), 9).await.unwrap(), 1);
        assert!(s.frames(&id).await.unwrap().is_none());
        assert_eq!(s.purge(t0().plus(1), 9).await.unwrap(), 0);
    });
}

#[test]
fn purge_leaves_the_bytes_of_what_the_destination_has_not_answered() {
    run(async |bench| {
        let city = Office::open(&bench, "city").await;
        let id = sent_by("county", "province", 1);
        relay(&city, &id, t0()).await;
        city.attempt(false, &id, OutEvent::Confirmed, t0()).await;
        assert_eq!(city.store.purge(t0().plus(1000 * HOUR), 9).await.unwrap(), 0);
        assert!(city.store.frames(&id).await.unwrap().is_some());
    });
}

#[test]
fn the_same_envelope_again_is_due_again_and_another_head_is_refused() {
    run(async |bench| {
        let city = Office::open(&bench, "city").await;
        let id = sent_by("county", "province", 1);
        relay(&city, &id, t0()).await;
        city.attempt(false, &id, OutEvent::Confirmed, t0()).await;
        let later = t0().plus(HOUR);
        relay(&city, &id, later).await;
        let due = city.due(Lane::Live, later).await;
        assert_eq!((due.len(), &*due[0].frame), (1, &*sealed(&id).frame));

        let inbox_id = city.arrive("records", &id, later).await;
        let forged = Relayed { head_digest: digest("x"), ..relayed(inbox_id, &id, later) };
        let result = city.store.commit_relayed(&city.lease, forged).await;
        assert!(matches!(result, Err(StoreError::Conflict { .. })), "{result:?}");
        assert_eq!(city.store.status().await.unwrap().inbox, 1);
    });
}

#[test]
fn a_relayed_control_parcel_is_done_when_the_carrier_confirms() {
    run(async |bench| {
        let city = Office::open(&bench, "city").await;
        let s = &city.store;
        let id = EnvelopeId {
            route: route("county", Lane::Control),
            ..sent_by("province", "county", 3)
        };
        let inbox_id = city.arrive("receipt", &id, t0()).await;
        let receipt = Relayed {
            kind: "receipt".into(),
            count: 1,
            controls: Vec::new(),
            ..relayed(inbox_id, &id, t0())
        };
        s.commit_relayed(&city.lease, receipt).await.unwrap();
        assert!(city.due(Lane::Live, t0()).await.is_empty());
        let due = city.due(Lane::Control, t0()).await;
        assert_eq!((due.len(), due[0].own, &*due[0].kind), (1, false, "receipt"));
        city.attempt(false, &id, OutEvent::Confirmed, t0()).await;
        assert!(city.due(Lane::Control, t0().plus(9 * HOUR)).await.is_empty());
        assert!(s.frames(&id).await.unwrap().is_none());
    });
}

#[test]
fn a_hop_receipt_shows_progress_on_an_own_envelope() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        county.collect(t0(), vec![record("SB", "A", 1)]).await;
        let sent = county.seal(t0()).await;
        let inbox_id = county.control_arrives(t0()).await;
        let by = node("city");
        let s = &county.store;
        s.commit_hop(&county.lease, inbox_id, &sent, (&by, "relayed"), None, t0()).await.unwrap();
        let out = s.outbound(&sent).await.unwrap().unwrap();
        assert_eq!(out.hop.as_deref(), Some("city: relayed"));
        assert_eq!(out.state, OutState::Sealed, "a hop settles nothing");
        assert_eq!(s.status().await.unwrap().inbox, 0);
    });
}

#[test]
fn a_copy_kept_on_the_way_is_judged_and_relayed_in_one_fact() {
    run(async |bench| {
        let city = Office::open(&bench, "city").await;
        let s = &city.store;
        let envelope = sent_by("county", "province", 1);
        let inbox_id = city.arrive("records", &envelope, t0()).await;
        let kept = Judged {
            receipt: None,
            relayed: Some(relayed(inbox_id, &envelope, t0())),
            ..judged(inbox_id, &envelope, &[id("SB", "A", 1)], t0())
        };
        s.commit_judged(&city.lease, kept).await.unwrap();
        let status = s.status().await.unwrap();
        assert_eq!((status.kept, status.judged, status.inbox), (1, 1, 0));
        assert_eq!(city.due(Lane::Live, t0()).await.len(), 1);
        let kinds: Vec<Arc<str>> = s
            .queued_controls(Slots::ALL, 9)
            .await
            .unwrap()
            .into_iter()
            .map(|q| q.control.kind)
            .collect();
        assert_eq!(kinds.iter().map(|k| &**k).collect::<Vec<_>>(), ["hop"]);
        let admission = s.admission(&envelope).await.unwrap().unwrap();
        assert_eq!(admission.state, InState::Relayed);
        assert!(!admission.receipt_sealed);
    });
}

#[test]
fn neither_own_nor_relayed_parcels_stand_before_the_others() {
    run(async |bench| {
        let city = Office::open(&bench, "city").await;
        let mut own = Vec::new();
        for case in ["A", "B", "C"] {
            city.collect(t0(), vec![record("SB", case, 1)]).await;
            own.push(city.seal(t0()).await);
        }
        let later = t0().plus(MINUTE);
        let passing = [sent_by("county", "province", 1), sent_by("county", "province", 2)];
        for id in &passing {
            relay(&city, id, later).await;
        }
        let due: Vec<EnvelopeId> =
            city.due(Lane::Live, later).await.into_iter().map(|p| p.id).collect();
        let expected = [&own[0], &passing[0], &own[1], &passing[1], &own[2]];
        assert_eq!(due.iter().collect::<Vec<_>>(), expected, "in turn, though they came later");
        let two = city.store.due("up", Lane::Live, later, 2, 1 << 20).await.unwrap();
        assert_eq!(two.iter().filter(|p| p.own).count(), 1);
    });
}
