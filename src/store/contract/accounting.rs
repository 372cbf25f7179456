//! Accounts beside the books of windows: what links carried, what units brought.

use canon::{Day, Millis};

use super::office::*;
use super::provider::run;
use super::relaying::relayed;
use crate::*;

const LATER: i64 = 3_600_000;

async fn carried(office: &Office, day: Day, overdue: Millis) -> Vec<HopCount> {
    office.store.hops(day, overdue).await.unwrap()
}

/// Records in each place: due, sent, receipted, unknown, dead.
fn records(count: &HopCount) -> [u64; 5] {
    [count.due, count.sent, count.receipted, count.unknown, count.dead].map(|l| l.records)
}

#[test]
fn each_parcel_of_an_own_link_stands_in_one_place() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let (s, day) = (&county.store, t0().day());
        assert_eq!(carried(&county, day, t0()).await, []);
        county.collect(t0(), vec![record("SB", "A", 1), record("SB", "B", 1)]).await;
        let first = county.seal(t0()).await;
        let now = carried(&county, day, t0()).await;
        assert_eq!((now.len(), records(&now[0])), (1, [2, 0, 0, 0, 0]));
        assert_eq!(now[0].all(), Load { parcels: 1, records: 2 });
        county.attempt(true, &first, OutEvent::Confirmed, t0()).await;
        assert_eq!(records(&carried(&county, day, t0()).await[0]), [0, 2, 0, 0, 0]);
        county.event(&first, OutEvent::Overdue, t0().plus(LATER)).await;
        assert_eq!(records(&carried(&county, day, t0()).await[0]), [0, 0, 0, 2, 0]);
        // The next node has it, whatever becomes of the receipt.
        let hop = county.control_arrives(t0()).await;
        let (by, at) = (node("city"), t0().plus(LATER));
        s.commit_hop(&county.lease, hop, &first, (&by, "relayed"), None, at).await.unwrap();
        assert_eq!(records(&carried(&county, day, t0()).await[0]), [0, 0, 2, 0, 0]);
        county.collect(t0(), vec![record("SB", "C", 1)]).await;
        let second = county.seal(t0()).await;
        county.settle(&second, &[], &[id("SB", "C", 1)], t0()).await;
        let now = carried(&county, day, t0()).await;
        assert_eq!(now[0].receipted, Load { parcels: 2, records: 3 });
        assert_eq!(carried(&county, Day(day.0 + 1), t0()).await, []);
    });
}

#[test]
fn what_is_passed_on_without_a_word_is_unknown_after_a_while() {
    run(async |bench| {
        let city = Office::open(&bench, "city").await;
        let (s, day) = (&city.store, t0().day());
        let envelope = sent_by("county", "province", 1);
        let inbox_id = city.arrive("records", &envelope, t0()).await;
        s.commit_relayed(&city.lease, relayed(inbox_id, &envelope, t0())).await.unwrap();
        let count = |overdue| {
            let city = &city;
            async move { carried(city, day, overdue).await.remove(0) }
        };
        let due = count(t0()).await;
        assert!(due.due.parcels == 1 && due.due.records > 0, "{due:?}");
        city.attempt(false, &envelope, OutEvent::Confirmed, t0()).await;
        assert_eq!(count(t0()).await.sent, due.due);
        assert_eq!(count(t0().plus(1)).await.unknown, due.due, "and nobody has said a word");
        let hop = city.arrive("hop", &sent_by("province", "city", 9), t0()).await;
        let by = node("province");
        s.commit_hop(&city.lease, hop, &envelope, (&by, "admitted"), None, t0()).await.unwrap();
        assert_eq!(count(t0().plus(1)).await.receipted, due.due);
    });
}

#[test]
fn what_units_brought_is_added_up_by_window() {
    run(async |bench| {
        let province = Office::open(&bench, "province").await;
        let (s, day) = (&province.store, t0().day());
        let of = |unit: &str, region: &str, n| UnitCount {
            unit: unit.into(),
            region: region.into(),
            records: n,
            accepted: n - 1,
            invalid: 1,
            late: 1,
            history: 2,
            delay: 10 * n,
            delay_max: 5 * n,
        };
        for (sequence, n) in [(1, 3), (2, 4)] {
            let envelope = sent_by("county", "province", sequence);
            let inbox_id = province.arrive("records", &envelope, t0()).await;
            let kept = [id("SB", &sequence.to_string(), 1)];
            let judged = Judged {
                units: vec![of("u", "990103", n), of("u", "", 2)],
                ..judged(inbox_id, &envelope, &kept, t0())
            };
            s.commit_judged(&province.lease, judged).await.unwrap();
        }
        let rows = s.units(BookSide::Received, day).await.unwrap();
        assert!(rows.iter().all(|r| r.peer == node("county")));
        let counts: Vec<&UnitCount> = rows.iter().map(|r| &r.count).collect();
        let mut both = of("u", "990103", 3);
        both.merge(&of("u", "990103", 4));
        let mut none = of("u", "", 2);
        none.merge(&none.clone());
        assert_eq!(counts, [&none, &both]);
        assert_eq!((both.records, both.delay, both.delay_max), (7, 70, 20));
        assert_eq!(s.units(BookSide::Own, day).await.unwrap(), []);
        assert_eq!(s.units(BookSide::Received, Day(day.0 - 1)).await.unwrap(), []);
    });
}
