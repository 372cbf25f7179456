//! Lists for people's pages.

use canon::Day;

use super::office::*;
use super::provider::run;
use crate::*;

fn all_day() -> RecordFilter {
    RecordFilter::within(t0().day().start(), t0().plus(24 * HOUR))
}

/// Every record of a filter, page by page.
async fn listed(office: &Office, filter: &RecordFilter) -> Vec<(String, Place)> {
    let (mut filter, mut found) = (filter.clone(), Vec::new());
    for _ in 0..50 {
        let page = office.store.records(filter.clone()).await.unwrap();
        assert!(page.rows.len() <= filter.limit as usize);
        found.extend(page.rows.into_iter().map(|r| (r.id.to_string(), r.place)));
        let Some(next) = page.next else { return found };
        filter.before = next;
    }
    panic!("a list that does not end");
}

#[test]
fn problems_are_counted_by_cause_and_state() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let at = |n: i64| t0().plus(n * MINUTE);
        let mut rows: Vec<NewQuarantine> =
            (1..=5).map(|n| bad_row(&format!("r{n}"), None, t0())).collect();
        rows[4].violations = vec![violation("field.required"), violation("field.check_digit")];
        county.quarantine(at(0), rows[..2].to_vec()).await;
        county.quarantine(at(7), rows[2..].to_vec()).await;
        let numbers: Vec<i64> = county.problems().await.iter().map(|p| p.number).collect();
        county.act(&numbers[..1], ProblemAction::Void, at(8)).await;
        let groups = county.store.problem_groups(GroupFilter::default()).await.unwrap();
        let group = |rule: &str, state: &str, count, (first, last), number| ProblemGroup {
            adapter: "county".into(),
            class: "quarantined".into(),
            rule: rule.into(),
            state: state.into(),
            count,
            first: at(first),
            last: at(last),
            number,
        };
        let held = group("field.check_digit", "held", 3, (0, 7), numbers[3]);
        let gone = group("field.check_digit", "voided", 1, (0, 0), numbers[0]);
        let other = group("field.required", "held", 1, (7, 7), numbers[4]);
        assert_eq!(groups, [held.clone(), gone, other.clone()]);
        let state = GroupFilter { state: Some("held".into()), adapter: None };
        assert_eq!(county.store.problem_groups(state).await.unwrap(), [held, other]);
        let none = GroupFilter { state: None, adapter: Some("nobody".into()) };
        assert!(county.store.problem_groups(none).await.unwrap().is_empty());
    });
}

#[test]
fn envelopes_are_listed_by_state_the_last_first() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let at = |n: i64| t0().plus(n * MINUTE);
        let mut sent = Vec::new();
        for n in 0..4 {
            county.collect(at(n), vec![record("SB", &format!("A{n}"), 1)]).await;
            sent.push(county.seal(at(n)).await);
        }
        county.event(&sent[1], OutEvent::GivenUp, at(9)).await;
        county.attempt(true, &sent[2], OutEvent::Confirmed, at(5)).await;
        county.settle(&sent[3], &[], &[id("SB", "A3", 1)], at(6)).await;
        let list = async |filter: EnvelopeFilter| -> Vec<u64> {
            let rows = county.store.envelopes(filter).await.unwrap();
            rows.iter().map(|r| r.envelope.id.sequence).collect()
        };
        let any = EnvelopeFilter::within(t0(), at(60));
        assert_eq!(list(any.clone()).await, [4, 3, 2, 1]);
        assert_eq!(list(EnvelopeFilter::within(at(1), at(3))).await, [3, 2]);
        let of = |states: &[OutState]| EnvelopeFilter { states: states.to_vec(), ..any.clone() };
        assert_eq!(list(of(&[OutState::Dead])).await, [2]);
        assert_eq!(list(of(&[OutState::Sealed, OutState::Sent])).await, [3, 1]);
        assert_eq!(list(of(&[OutState::Settled, OutState::Dead])).await, [4, 2]);
        let dead = county.store.envelopes(of(&[OutState::Dead])).await.unwrap().remove(0);
        assert_eq!(dead.ended_at, Some(at(9)));
        assert_eq!(dead.envelope.reason.as_deref(), Some("operator"));
        let by = |reason: &str| EnvelopeFilter { reason: Some(reason.into()), ..any.clone() };
        assert_eq!(list(by("operator")).await, [2]);
        assert!(list(by("bus.unconfirmed")).await.is_empty());
        let link = |link: &str| EnvelopeFilter { link: Some(link.into()), ..any.clone() };
        assert_eq!((list(link("up")).await.len(), list(link("down")).await.len()), (4, 0));
        let to = |to: &str| EnvelopeFilter { destination: Some(node(to)), ..any.clone() };
        assert_eq!((list(to("province")).await.len(), list(to("bureau")).await.len()), (4, 0));
        let two = EnvelopeFilter { limit: 2, ..any.clone() };
        let first = county.store.envelopes(two.clone()).await.unwrap();
        let rest = EnvelopeFilter { before: first[1].mark, ..two };
        assert_eq!(list(rest).await, [2, 1]);
    });
}

/// A node with a record in nearly every place; its envelope of two is settled, one of them rejected.
async fn scattered(county: &Office) {
    let at = |n: i64| t0().plus(n * MINUTE);
    county.quarantine(at(0), vec![bad_row("r1", Some(id("SB", "Q", 1)), at(0))]).await;
    county.quarantine(at(0), vec![bad_row("r2", Some(id("SB", "V", 1)), at(0))]).await;
    county.collect(at(1), vec![record("SB", "A", 1), record("SL", "B", 1)]).await;
    let both = county.seal(at(1)).await;
    let all = [id("SB", "A", 1), id("SL", "B", 1)];
    county.settle(&both, &[(1, FinalOutcome::Rejected)], &all, at(2)).await;
    county.collect(at(3), vec![record("SB", "D", 1)]).await;
    let dead = county.seal(at(3)).await;
    county.event(&dead, OutEvent::GivenUp, at(4)).await;
    county.collect(at(5), vec![record("SB", "F", 1)]).await;
    county.seal(at(5)).await;
    county.collect(at(6), vec![record("SB", "S1", 1), record("SB", "S2", 1)]).await;
    county.collect(at(7), vec![child("SL", "W", 1)]).await;
    let voided =
        county.problems().await.iter().find(|p| p.reference.ends_with("r2")).unwrap().number;
    county.act(&[voided], ProblemAction::Void, at(8)).await;
}

#[test]
fn records_are_found_where_they_are() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        scattered(&county).await;
        for (place, expected) in [
            (Place::Quarantined, &["SB:Q@unit#1"][..]),
            (Place::Voided, &["SB:V@unit#1"]),
            (Place::Accepted, &["SB:A@unit#1"]),
            (Place::Rejected, &["SL:B@unit#1"]),
            (Place::Dead, &["SB:D@unit#1"]),
            (Place::InFlight, &["SB:F@unit#1"]),
            (Place::Staged, &["SB:S2@unit#1", "SB:S1@unit#1"]),
            (Place::Waiting, &["SL:W@unit#1"]),
            (Place::Superseded, &[]),
        ] {
            let mut found =
                listed(&county, &RecordFilter { place: Some(place), ..all_day() }).await;
            assert!(found.iter().all(|(_, p)| *p == place), "{place}: {found:?}");
            found.sort();
            let mut expected = expected.to_vec();
            expected.sort_unstable();
            let names: Vec<&str> = found.iter().map(|(id, _)| id.as_str()).collect();
            assert_eq!(names, expected, "{place}");
        }
    });
}

#[test]
fn records_are_listed_the_last_first_page_by_page() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        scattered(&county).await;
        let all = listed(&county, &all_day()).await;
        assert_eq!(all.len(), 7, "{all:?}");
        assert_eq!(all[0].0, "SL:W@unit#1");
        for limit in 1..4 {
            assert_eq!(listed(&county, &RecordFilter { limit, ..all_day() }).await, all, "{limit}");
        }
        let kind = RecordFilter { kind: Some("SL".into()), ..all_day() };
        assert_eq!(listed(&county, &kind).await.len(), 2);
        for (adapter, expected) in [("county", 7), ("other", 0)] {
            let of = RecordFilter { adapter: Some(adapter.into()), ..all_day() };
            assert_eq!(listed(&county, &of).await.len(), expected);
        }
        for (to, expected) in [("province", 7), ("bureau", 0)] {
            let of = RecordFilter { destination: Some(node(to)), ..all_day() };
            assert_eq!(listed(&county, &of).await.len(), expected);
        }
        let later = RecordFilter::within(t0().plus(6 * MINUTE), t0().plus(7 * MINUTE));
        assert_eq!(listed(&county, &later).await.len(), 2);
        let flying = RecordFilter { place: Some(Place::InFlight), ..all_day() };
        let row = county.store.records(flying).await.unwrap().rows.remove(0);
        let (envelope, position) = row.envelope.unwrap();
        assert_eq!((envelope.sequence, position), (3, 0));
        assert_eq!((&*row.adapter, row.at), ("county", t0().plus(5 * MINUTE)));
    });
}

#[test]
fn what_was_judged_is_listed_by_sender_and_senders_by_what_they_sent() {
    run(async |bench| {
        let province = Office::open(&bench, "province").await;
        let at = |n: i64| t0().plus(n * MINUTE);
        for (n, sender) in ["county", "town", "county"].into_iter().enumerate() {
            let n = n as u64;
            let envelope = sent_by(sender, "province", n + 1);
            let now = at(n as i64);
            let inbox_id = province.arrive("records", &envelope, now).await;
            let all = [id("SB", &format!("{sender}{n}"), 1)];
            let judged =
                Judged { counts: counts(&all, &[None]), ..judged(inbox_id, &envelope, &all, now) };
            province.store.commit_judged(&province.lease, judged).await.unwrap();
        }
        let list = async |sender: Option<&str>, limit| -> Vec<(String, Mark)> {
            let sender = sender.map(node);
            let before = Mark::before(at(60));
            let filter = ReceivedFilter { sender, from: t0(), before, limit };
            let rows = province.store.received(filter).await.unwrap();
            assert!(rows.iter().all(|r| r.kept == 1 && r.problems == 0 && r.day == t0().day()));
            rows.into_iter().map(|r| (r.id.sender.to_string(), r.mark)).collect()
        };
        let all = list(None, 10).await;
        let names: Vec<&str> = all.iter().map(|(s, _)| s.as_str()).collect();
        assert_eq!(names, ["county", "town", "county"]);
        assert_eq!(list(Some("county"), 10).await.len(), 2);
        assert_eq!(list(Some("town"), 10).await, all[1..2]);
        assert!(list(Some("nobody"), 10).await.is_empty());
        let before = list(None, 1).await[0].1;
        let rest = ReceivedFilter { sender: None, from: t0(), before, limit: 10 };
        assert_eq!(province.store.received(rest).await.unwrap().len(), 2);

        let senders = province.store.senders(t0().day()).await.unwrap();
        let row = |sender: &str, at, accepted| SenderRow {
            sender: node(sender),
            judged_at: Some(at),
            relayed_at: None,
            accepted,
            superseded: 0,
            rejected: 0,
        };
        assert_eq!(senders, [row("county", at(2), 2), row("town", at(1), 1)]);
        let other = province.store.senders(Day(t0().day().0 - 1)).await.unwrap();
        assert_eq!(other, [row("county", at(2), 0), row("town", at(1), 0)]);
    });
}

#[test]
fn a_case_is_of_the_adapters_it_came_through() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        scattered(&county).await;
        for (number, expected) in [("A", &["county"][..]), ("Q", &["county"]), ("S", &[])] {
            let found = county.store.case_adapters(number).await.unwrap();
            assert_eq!(found.iter().map(|a| &**a).collect::<Vec<_>>(), expected, "{number}");
        }
    });
}

#[test]
fn a_mark_reads_back_and_nothing_else_does() {
    let mark = Mark { at: t0(), number: i64::MIN, idx: 7 };
    assert_eq!(mark.to_string().parse(), Ok(mark));
    for text in ["", "1.2", "1.2.3.4", "a.b.c", "1.2.-3"] {
        assert!(text.parse::<Mark>().is_err(), "{text}");
    }
}
