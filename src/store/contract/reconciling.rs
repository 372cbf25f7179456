//! Windows, manifests, discrepancies.

use canon::Day;

use super::office::*;
use super::provider::run;
use crate::*;

fn manifest(day: Day, by: &str, peer: &str, revision: u32, is_final: bool) -> ManifestRow {
    ManifestRow {
        day,
        by: node(by),
        peer: node(peer),
        revision,
        is_final,
        body: format!("<Manifest revision=\"{revision}\"/>"),
        at: t0(),
    }
}

fn difference(day: Day, cause: &str, count: u64) -> Discrepancy {
    Discrepancy {
        day,
        sender: "county".into(),
        receiver: "province".into(),
        kind: "SB".into(),
        cause: cause.into(),
        count,
    }
}

#[test]
fn both_sides_of_a_settled_window_have_the_same_sums() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let province = Office::open(&bench, "province").await;
        let day = t0().day();
        let all = [id("SB", "A", 1), id("SB", "B", 1), id("SL", "A", 1), id("SL", "B", 1)];
        let records = all.iter().map(|i| record(&i.kind, &i.key.number(), 1)).collect();
        county.collect(t0(), records).await;
        county.quarantine(t0(), vec![bad_row("9", Some(id("SB", "C", 1)), t0())]).await;
        let sent = county.seal(t0()).await;
        let exceptions = [(1, FinalOutcome::Superseded), (3, FinalOutcome::Rejected)];
        let outcomes = [None, Some(FinalOutcome::Superseded), None, Some(FinalOutcome::Rejected)];
        let inbox_id = province.arrive("records", &sent, t0()).await;
        let kept = [all[0].clone(), all[2].clone()];
        let judged = Judged {
            counts: counts(&all, &outcomes),
            count: 4,
            ..judged(inbox_id, &sent, &kept, t0())
        };
        province.store.commit_judged(&province.lease, judged).await.unwrap();
        county.settle(&sent, &exceptions, &all, t0()).await;

        let mut up = county.store.tallies(day).await.unwrap();
        let mut down = province.store.tallies_received(&node("county"), day).await.unwrap();
        up.sort_by(|a, b| a.kind.cmp(&b.kind));
        down.sort_by(|a, b| a.kind.cmp(&b.kind));
        assert_eq!((up.len(), down.len()), (2, 2));
        assert_eq!((&*up[0].peer, &*down[0].peer), ("province", "county"));
        for (u, d) in up.iter().zip(&down) {
            assert_eq!((&u.kind, &u.sum, &u.route), (&d.kind, &d.sum, &d.route));
            assert_eq!((u.epoch, u.first_sequence, u.last_sequence), (1, 1, 1));
            assert_eq!((d.epoch, d.first_sequence, d.last_sequence), (1, 1, 1));
            for place in [Place::Accepted, Place::Superseded, Place::Rejected] {
                assert_eq!(u.places[place as usize], d.places[place as usize]);
            }
        }
        assert_eq!(up[0].sum, sum_of(&all[..2]).to_string());
        assert_eq!(up[1].sum, sum_of(&all[2..3]).to_string());
        assert_eq!((up[0].collected, up[0].places[Place::Quarantined as usize]), (3, 1));
        assert_eq!((up[1].collected, down[1].collected), (2, 2));
        let none = province.store.tallies_received(&node("city"), day).await.unwrap();
        assert!(none.is_empty());
        assert!(county.store.tallies(Day(day.0 + 1)).await.unwrap().is_empty());
    });
}

#[test]
fn a_tally_follows_its_records_from_place_to_place() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let day = t0().day();
        let s = &county.store;
        let at = async |place: Place| {
            let tally = s.tallies(day).await.unwrap().remove(0);
            assert_eq!(tally.collected, 1);
            assert_eq!(tally.places.iter().sum::<u64>(), 1);
            tally.places[place as usize] == 1
        };
        let wait = NewRecord { waits_for: Some(parent_of("A", false)), ..record("SL", "A", 1) };
        county.collect(t0(), vec![wait]).await;
        assert!(at(Place::Waiting).await);
        let tomorrow = t0().plus(24 * HOUR);
        county.collect(tomorrow, vec![record("SB", "A", 1)]).await;
        assert!(at(Place::Staged).await);
        county.seal(tomorrow).await;
        let sent = county.seal(tomorrow).await;
        assert!(at(Place::InFlight).await);
        county.event(&sent, OutEvent::GivenUp, tomorrow).await;
        assert!(at(Place::Dead).await);
        county.settle(&sent, &[], &[id("SL", "A", 1)], tomorrow).await;
        assert!(at(Place::Accepted).await);
        assert_eq!(s.tallies(day).await.unwrap()[0].sum, sum_of(&[id("SL", "A", 1)]).to_string());
    });
}

#[test]
fn a_day_is_open_until_its_manifest_is_final() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let s = &county.store;
        let day = t0().day();
        let next = Day(day.0 + 1);
        assert!(s.open_days(next).await.unwrap().is_empty());
        county.collect(t0(), vec![record("SB", "A", 1)]).await;
        county.collect(next.start(), vec![record("SB", "B", 1)]).await;
        assert_eq!(s.open_days(day).await.unwrap(), [(day, 0)]);
        assert_eq!(s.open_days(next).await.unwrap(), [(day, 0), (next, 0)]);
        let issue = async |revision, is_final| {
            let row = manifest(day, "county", "province", revision, is_final);
            let queued = vec![control("manifest", "province", None)];
            s.commit_manifest(row, Vec::new(), queued, None).await.unwrap();
        };
        issue(1, false).await;
        assert_eq!(s.open_days(day).await.unwrap(), [(day, 1)]);
        issue(2, true).await;
        assert_eq!(s.open_days(next).await.unwrap(), [(next, 0)]);
        assert_eq!(s.status().await.unwrap().control_queued, 2);
        let latest = s.manifests(day).await.unwrap();
        assert_eq!(latest, [manifest(day, "county", "province", 2, true)]);
    });
}

#[test]
fn a_later_revision_replaces_the_discrepancies_of_the_earlier_one() {
    run(async |bench| {
        let province = Office::open(&bench, "province").await;
        let s = &province.store;
        let day = t0().day();
        let take = async |revision, found: Vec<Discrepancy>| {
            let inbox_id = province.control_arrives(t0()).await;
            let row = manifest(day, "county", "province", revision, false);
            s.commit_manifest(row, found, Vec::new(), Some(inbox_id)).await.unwrap();
        };
        take(1, vec![difference(day, "in_flight", 3), difference(day, "rejected", 1)]).await;
        assert_eq!(s.discrepancies(day).await.unwrap().len(), 2);
        take(2, vec![difference(day, "rejected", 1)]).await;
        assert_eq!(s.discrepancies(day).await.unwrap(), [difference(day, "rejected", 1)]);
        // A late older revision changes nothing.
        take(1, vec![difference(day, "in_flight", 3)]).await;
        assert_eq!(s.discrepancies(day).await.unwrap(), [difference(day, "rejected", 1)]);
        assert_eq!(s.manifests(day).await.unwrap()[0].revision, 2);
        assert_eq!(s.status().await.unwrap().inbox, 0);
        // What was received closes none of our own days.
        assert!(s.open_days(day).await.unwrap().is_empty());
        assert!(s.discrepancies(Day(day.0 - 1)).await.unwrap().is_empty());
    });
}

#[test]
fn manifests_of_a_day_are_one_for_each_pair() {
    run(async |bench| {
        let city = Office::open(&bench, "city").await;
        let s = &city.store;
        let day = t0().day();
        let rows = [
            manifest(day, "city", "province", 1, true),
            manifest(day, "county", "city", 4, false),
            manifest(day, "county2", "city", 2, true),
        ];
        for row in rows.clone() {
            s.commit_manifest(row, Vec::new(), Vec::new(), None).await.unwrap();
        }
        let mut found = s.manifests(day).await.unwrap();
        found.sort_by(|a, b| a.by.cmp(&b.by));
        assert_eq!(found, rows);
    });
}
