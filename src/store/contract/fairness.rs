//! What stands, what is put off, whose turn it is, and the baseline.

use canon::{EnvelopeId, Lane, Route};

use super::office::*;
use super::provider::run;
use crate::*;

fn bulk() -> Route {
    route("province", Lane::Bulk)
}

fn names(standing: &[Standing]) -> Vec<(&str, &str)> {
    standing.iter().map(|s| (s.name.as_str(), s.text.as_str())).collect()
}

#[test]
fn a_fact_stands_until_it_is_replaced_or_taken_back() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let city = Office::open(&bench, "city").await;
        let s = &county.store;
        s.stand("hold/b", Some("1"), t0()).await.unwrap();
        s.stand("hold/a", Some("2"), t0()).await.unwrap();
        s.stand("other", Some("3"), t0()).await.unwrap();
        s.stand("hold/b", Some("4"), t0().plus(HOUR)).await.unwrap();
        let all = s.standing("hold/").await.unwrap();
        assert_eq!(names(&all), [("hold/a", "2"), ("hold/b", "4")]);
        assert_eq!(all[1].at, t0().plus(HOUR));
        s.stand("hold/a", None, t0()).await.unwrap();
        s.stand("hold/c", None, t0()).await.unwrap();
        assert_eq!(names(&s.standing("").await.unwrap()), [("hold/b", "4"), ("other", "3")]);
        assert!(city.store.standing("").await.unwrap().is_empty(), "each identity has its own");
    });
}

#[test]
fn what_is_put_off_is_due_later_and_counts_no_attempt() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let s = &county.store;
        for case in ["A", "B", "C", "D"] {
            county.collect(t0(), vec![record("SB", case, 1)]).await;
        }
        let mut sealed = Vec::new();
        for _ in 0..4 {
            sealed.push(county.seal_some(&live(), 1, t0()).await);
        }
        let [sealed, sent, late, settled]: [EnvelopeId; 4] = sealed.try_into().unwrap();
        county.attempt(true, &sent, OutEvent::Confirmed, t0()).await;
        county.attempt(true, &late, OutEvent::NotConfirmed, t0()).await;
        let on = EventOn {
            event: OutEvent::Deferred,
            reason: Some("receiver.defer".into()),
            due_at: Some(t0().plus(9 * HOUR)),
            controls: Vec::new(),
            inbox_id: None,
            now: t0(),
        };
        assert!(s.commit_event(&county.lease, &late, on).await.unwrap());
        county.settle(&settled, &[], &[id("SB", "D", 1)], t0()).await;

        let until = t0().plus(5 * HOUR);
        let deferred = s.defer_route(&live(), until, "receiver.defer", t0()).await.unwrap();
        assert_eq!(deferred, 2, "the sealed and the sent one; one is due later, one is settled");
        assert!(county.due(Lane::Live, until.plus(-1)).await.is_empty());
        let due: Vec<_> = county.due(Lane::Live, until).await.into_iter().map(|p| p.id).collect();
        assert_eq!(due, std::slice::from_ref(&sealed));
        assert!(s.overdue(until.plus(-1), 9).await.unwrap().is_empty());
        let out = s.outbound(&sealed).await.unwrap().unwrap();
        assert_eq!((out.attempts, out.reason.as_deref()), (0, Some("receiver.defer")));
        let out = s.outbound(&late).await.unwrap().unwrap();
        assert_eq!((out.attempts, out.state), (0, OutState::RetryWait), "given back");
        assert_eq!(out.due_at, Some(t0().plus(9 * HOUR)));
        assert_eq!(s.outbound(&settled).await.unwrap().unwrap().due_at, None);
        let none = s.defer_route(&bulk(), until, "receiver.defer", t0()).await.unwrap();
        assert_eq!(none, 0, "another route");
        county.assert_conserved().await;
    });
}

#[test]
fn the_live_lane_is_claimed_before_the_bulk_lane_and_senders_take_turns() {
    run(async |bench| {
        let province = Office::open(&bench, "province").await;
        let s = &province.store;
        let parcel = |sender: &str, lane, sequence| {
            let id = EnvelopeId {
                sender: node(sender),
                epoch: 1,
                route: route("province", lane),
                sequence,
            };
            province.parcel("records", &id)
        };
        let mut parcels = Vec::new();
        for n in 1..=30 {
            parcels.push(parcel("flood", Lane::Bulk, n));
            parcels.push(parcel("flood", Lane::Live, n));
        }
        parcels.push(parcel("quiet", Lane::Bulk, 1));
        parcels.push(parcel("quiet", Lane::Live, 1));
        s.admit(parcels, t0()).await.unwrap();
        let depths = s.inbox_depths().await.unwrap();
        assert_eq!(depths, [(node("flood"), 60), (node("quiet"), 2)]);

        let claimed = s.claim_inbox(&province.lease, InboxFor::Accept, 40, t0()).await.unwrap();
        let line: Vec<_> = claimed
            .iter()
            .map(|p| (p.arrived.id.sender.as_str(), p.arrived.id.route.lane))
            .collect();
        assert_eq!(
            line[..3],
            [("flood", Lane::Live), ("quiet", Lane::Live), ("flood", Lane::Live)]
        );
        let behind = line.iter().position(|(_, lane)| *lane == Lane::Bulk).unwrap();
        assert_eq!(behind, 31, "all of the live lane first");
        assert_eq!(line[31..33], [("flood", Lane::Bulk), ("quiet", Lane::Bulk)]);
        assert_eq!(line.len(), 31 + 5, "an eighth of the claim at most");
    });
}

#[test]
fn sequences_that_never_come_are_no_gap() {
    run(async |bench| {
        let province = Office::open(&bench, "province").await;
        let s = &province.store;
        for (n, sequence) in [1, 10].into_iter().enumerate() {
            let sent = sent_by("county", "province", sequence);
            let inbox = province.arrive("records", &sent, t0()).await;
            let records = [id("SB", &format!("case {n}"), 1)];
            s.commit_judged(&province.lease, judged(inbox, &sent, &records, t0())).await.unwrap();
        }
        let later = t0().plus(HOUR);
        let gaps = async || -> Vec<(u64, u64)> {
            let gaps = s.gaps(later, 9).await.unwrap();
            assert!(gaps.iter().all(|g| g.since == t0()));
            gaps.iter().map(|g| (g.first, g.last)).collect()
        };
        assert_eq!(gaps().await, [(2, 9)]);
        let mut never =
            NeverComing { sender: node("county"), epoch: 1, route: live(), first: 4, last: 5 };
        s.close_gap(&province.lease, &never, later).await.unwrap();
        assert_eq!(gaps().await, [(2, 3), (6, 9)]);
        (never.first, never.last) = (1, 3);
        s.close_gap(&province.lease, &never, later).await.unwrap();
        assert_eq!(gaps().await, [(6, 9)]);
        (never.first, never.last) = (6, 90);
        s.close_gap(&province.lease, &never, later).await.unwrap();
        assert!(gaps().await.is_empty());
        let sent = sent_by("county", "province", 5);
        let inbox = province.arrive("records", &sent, later).await;
        let reopened = judged(inbox, &sent, &[id("SB", "reopened", 1)], later);
        s.commit_judged(&province.lease, reopened).await.unwrap();
        assert!(gaps().await.is_empty(), "one that comes after all is taken like any other");
    });
}

fn mark(kind: &str, case: &str, version: u32) -> BaselineRow {
    let id = id(kind, case, version);
    BaselineRow {
        kind: id.kind,
        key: id.key,
        destination: None,
        version,
        content: None,
        reported: None,
        day: t0().day(),
    }
}

#[test]
fn a_baseline_is_in_no_place_and_in_no_sum() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let s = &county.store;
        county.collect(t0(), vec![record("SB", "known", 1)]).await;
        let roots = ["A@unit", "B@unit", "known@unit"];
        assert!(s.baseline(&roots).await.unwrap().is_empty());
        let rows = vec![mark("SB", "A", 1), mark("SL", "A", 3), mark("SB", "known", 1)];
        assert_eq!(s.import_baseline(rows, t0()).await.unwrap(), 2, "one was collected here");

        let digest = digest("content");
        let tomorrow = t0().plus(24 * HOUR);
        let again =
            BaselineRow { content: Some(digest), day: tomorrow.day(), ..mark("SB", "A", 2) };
        let fresh = s.import_baseline(vec![again, mark("SB", "B", 1)], tomorrow).await.unwrap();
        assert_eq!(fresh, 1);
        let marks = s.baseline(&roots).await.unwrap();
        let said: Vec<_> =
            marks.iter().map(|m| (&*m.kind, m.key.root(), m.version, m.content)).collect();
        assert_eq!(
            said,
            [
                ("SB", "A@unit", 2, Some(digest)),
                ("SL", "A@unit", 3, None),
                ("SB", "B@unit", 1, None)
            ]
        );
        let counts = s.baseline_counts().await.unwrap();
        let counts: Vec<_> = counts.iter().map(|c| (c.kind.as_str(), c.day, c.count)).collect();
        assert_eq!(counts, [("SB", t0().day(), 2), ("SL", t0().day(), 1)]);

        assert_eq!(county.assert_conserved().await.iter().sum::<u64>(), 1);
        let tallies = s.tallies(t0().day()).await.unwrap();
        assert_eq!(tallies.iter().map(|t| t.collected).sum::<u64>(), 1);
    });
}
