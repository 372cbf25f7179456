//! One source record to several destinations: each has versions, places, problems and waiting records
//! of its own, and the row is told the worst once all have answered.

use canon::{EnvelopeId, Lane, RecordId};

use super::office::*;
use super::provider::run;
use crate::*;

/// The other destination.
fn bureau() -> canon::Route {
    route("bureau", Lane::Live)
}

/// The same records to both, from one row.
async fn to_both(county: &Office, records: Vec<NewRecord>) {
    let records: Vec<NewRecord> = records.into_iter().map(|r| from_row(r, "r1")).collect();
    let chunks = vec![chunk(&live(), t0(), records.clone()), chunk(&bureau(), t0(), records)];
    county.store.commit_collected(&county.lease, page("both", t0(), chunks)).await.unwrap();
}

async fn at(county: &Office, id: &RecordId, to: &canon::Route) -> Option<Place> {
    county.store.place(id, &to.destination).await.unwrap()
}

/// A receipt with one outcome for the only record of an envelope.
async fn settle_one(
    county: &Office,
    sent: &EnvelopeId,
    id: &RecordId,
    outcome: Option<FinalOutcome>,
) {
    let exceptions: Vec<_> = outcome.map(|o| (0, o)).into_iter().collect();
    let rows = vec![RowOutcome {
        adapter: "county".into(),
        row: "r1".into(),
        outcome,
        text: outcome.map_or(String::new(), |_| "上报方无权报送该记录".into()),
    }];
    let s = county.settlement(sent, &exceptions, std::slice::from_ref(id), t0()).await;
    let s = Settlement { rows, ..s };
    assert!(county.store.commit_settled(&county.lease, s).await.unwrap());
}

#[test]
fn each_destination_has_versions_and_places_of_its_own() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let one = id("SB", "A", 1);
        to_both(&county, vec![record("SB", "A", 1)]).await;
        assert_eq!(at(&county, &one, &bureau()).await, Some(Place::Staged));
        let sent = county.seal(t0()).await;
        settle_one(&county, &sent, &one, None).await;
        assert_eq!(county.place(&one).await, Some(Place::Accepted));
        assert_eq!(at(&county, &one, &bureau()).await, Some(Place::Staged), "it is slower");

        // Only one of them gets the next version: the other's is still the first.
        county.collect(t0(), vec![record("SB", "A", 2)]).await;
        let rows = county.store.cases(&["A@unit"]).await.unwrap();
        let mut seen: Vec<_> =
            rows.iter().map(|r| (r.destination.as_str(), r.id.version, r.place)).collect();
        seen.sort_unstable();
        assert_eq!(seen, [("bureau", 1, Place::Staged), ("province", 2, Place::Staged)]);
        let again = page("x", t0(), vec![chunk(&bureau(), t0(), vec![record("SB", "A", 1)])]);
        let refused = county.store.commit_collected(&county.lease, again).await;
        assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");

        let tallies = county.store.tallies(t0().day()).await.unwrap();
        let mut sums: Vec<_> = tallies.iter().map(|t| (&*t.peer, &*t.kind, t.collected)).collect();
        sums.sort_unstable();
        assert_eq!(sums, [("bureau", "SB", 1), ("province", "SB", 2)]);
        assert_eq!(county.assert_conserved().await.iter().sum::<u64>(), 3);
    });
}

#[test]
fn a_row_is_told_the_worst_with_its_destination_once_all_have_answered() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let one = id("SB", "A", 1);
        to_both(&county, vec![record("SB", "A", 1)]).await;
        let there = county.seal_some(&bureau(), 10, t0()).await;
        let up = county.seal(t0()).await;
        settle_one(&county, &there, &one, Some(FinalOutcome::Rejected)).await;
        let due = county.store.write_backs("county", t0(), 10).await.unwrap();
        assert!(due.is_empty(), "the province has not answered: {due:?}");
        settle_one(&county, &up, &one, None).await;
        let due = county.store.write_backs("county", t0(), 10).await.unwrap();
        let said: Vec<_> = due.iter().map(|d| (&*d.row, &*d.flag, &*d.text)).collect();
        assert_eq!(said, [("r1", "rejected", "【bureau】上报方无权报送该记录")]);

        let problem = county.problems().await.remove(0);
        assert_eq!(problem.destination, Some(node("bureau")));
        assert_eq!(county.place(&one).await, Some(Place::Accepted));
        assert_eq!(at(&county, &one, &bureau()).await, Some(Place::Rejected));
        county.assert_conserved().await;
    });
}

#[test]
fn a_problem_is_held_cured_and_voided_for_its_destination_alone() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let row = |to: &canon::Route, version| NewQuarantine {
            route: to.clone(),
            ..bad_row("1", Some(id("SB", "A", version)), t0())
        };
        county.quarantine(t0(), vec![row(&live(), 1), row(&bureau(), 1)]).await;
        let problems = county.problems().await;
        let mut to: Vec<_> =
            problems.iter().map(|p| p.destination.clone().unwrap().to_string()).collect();
        to.sort_unstable();
        assert_eq!(to, ["bureau", "province"]);

        county.collect(t0(), vec![record("SB", "A", 2)]).await;
        let state = |problems: &[ProblemItem], to: &str| {
            let of = problems.iter().find(|p| p.destination == Some(node(to)));
            of.map(|p| (p.state.clone(), p.number)).unwrap()
        };
        let problems = county.problems().await;
        assert_eq!(state(&problems, "province").0, "cured");
        let (held, number) = state(&problems, "bureau");
        assert_eq!(held, "held");
        assert_eq!(county.act(&[number], ProblemAction::Void, t0()).await, 1);
        assert_eq!(at(&county, &id("SB", "A", 1), &bureau()).await, Some(Place::Voided));
        assert_eq!(county.place(&id("SB", "A", 1)).await, Some(Place::Quarantined));
        let tallies = county.store.tallies(t0().day()).await.unwrap();
        let of = |to: &str, place: Place| {
            let of = tallies.iter().filter(|t| t.peer == to);
            of.map(|t| t.places[place as usize]).sum::<u64>()
        };
        assert_eq!((of("bureau", Place::Voided), of("province", Place::Voided)), (1, 0));
        county.assert_conserved().await;
    });
}

#[test]
fn a_row_without_a_key_is_listed_once() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let there = NewQuarantine { route: bureau(), ..bad_row("1", None, t0()) };
        county.quarantine(t0(), vec![bad_row("1", None, t0()), there]).await;
        assert_eq!(county.problems().await.len(), 1, "it is no record to anybody");
        assert_eq!(county.store.status().await.unwrap().rows_without_key, 1);
    });
}

#[test]
fn a_child_waits_for_its_parent_at_its_own_destination() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let (parent, one) = (id("SB", "A", 1), id("SL", "A", 1));
        county.collect(t0(), vec![record("SB", "A", 1)]).await;
        to_both(&county, vec![child("SL", "A", 1)]).await;
        assert_eq!(county.place(&one).await, Some(Place::Staged));
        assert_eq!(at(&county, &one, &bureau()).await, Some(Place::Waiting), "no parent there");

        let sent = county.seal_some(&live(), 1, t0()).await;
        assert!(county.settle(&sent, &[], std::slice::from_ref(&parent), t0()).await);
        county.store.release_waiting(t0().plus(HOUR), 10).await.unwrap();
        assert_eq!(at(&county, &one, &bureau()).await, Some(Place::Waiting));

        let late = chunk(&bureau(), t0(), vec![record("SB", "A", 1)]);
        county.store.commit_collected(&county.lease, page("l", t0(), vec![late])).await.unwrap();
        assert_eq!(at(&county, &one, &bureau()).await, Some(Place::Staged), "behind its parent");
        county.assert_conserved().await;
    });
}

#[test]
fn what_waits_at_a_destination_is_withdrawn_there_alone_and_the_books_say_so() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let one = id("SL", "A", 1);
        to_both(&county, vec![child("SL", "A", 1)]).await;
        county.collect(t0(), vec![child("SL", "B", 1)]).await;
        assert_eq!(at(&county, &one, &bureau()).await, Some(Place::Waiting));
        let audit = || AuditEvent {
            at: t0(),
            who: "op-7".into(),
            action: "destination.withdraw".into(),
            subject: "bureau".into(),
            reason: "已停用".into(),
            ok: true,
        };
        let there = bureau().destination;
        assert_eq!(county.store.withdraw_waiting(&there, audit()).await.unwrap(), 1);
        assert_eq!(at(&county, &one, &bureau()).await, Some(Place::Voided));
        assert_eq!(county.place(&one).await, Some(Place::Waiting), "not for the others");
        let tallies = county.store.tallies(t0().day()).await.unwrap();
        let of = |to: &str, place: Place| {
            let of = tallies.iter().filter(|t| t.peer == to);
            of.map(|t| t.places[place as usize]).sum::<u64>()
        };
        assert_eq!((of("bureau", Place::Voided), of("bureau", Place::Waiting)), (1, 0));
        assert_eq!(of("province", Place::Waiting), 2);
        // Nothing is left to withdraw, and its parent lets nothing go any more.
        assert_eq!(county.store.withdraw_waiting(&there, audit()).await.unwrap(), 0);
        let parent = chunk(&bureau(), t0(), vec![record("SB", "A", 1)]);
        county.store.commit_collected(&county.lease, page("p", t0(), vec![parent])).await.unwrap();
        county.store.release_waiting(t0().plus(HOUR), 10).await.unwrap();
        assert_eq!(at(&county, &one, &bureau()).await, Some(Place::Voided));
        let audited = county.store.audit_after(0, 100).await.unwrap();
        let said: Vec<_> = audited.iter().filter(|(_, e, _)| e.who == "op-7").collect();
        assert_eq!(said.iter().map(|(_, e, _)| e.ok).collect::<Vec<_>>(), [true, false]);
        county.assert_conserved().await;
    });
}

#[test]
fn parent_missing_at_one_destination_goes_again_to_that_one() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let one = id("SL", "A", 1);
        to_both(&county, vec![record("SL", "A", 1)]).await;
        let there = county.seal_some(&bureau(), 10, t0()).await;
        let up = county.seal(t0()).await;
        settle_one(&county, &there, &one, Some(FinalOutcome::ParentMissing)).await;
        settle_one(&county, &up, &one, None).await;
        assert_eq!(at(&county, &one, &bureau()).await, Some(Place::Waiting));
        assert_eq!(county.place(&one).await, Some(Place::Accepted));
        assert!(county.store.write_backs("county", t0(), 9).await.unwrap().is_empty());

        let parent = chunk(&bureau(), t0(), vec![record("SB", "A", 1)]);
        county.store.commit_collected(&county.lease, page("p", t0(), vec![parent])).await.unwrap();
        let sent = county.seal_some(&bureau(), 10, t0()).await;
        assert!(county.settle(&sent, &[], &[id("SB", "A", 1)], t0()).await);
        county.store.release_waiting(t0().plus(HOUR), 10).await.unwrap();
        assert_eq!(at(&county, &one, &bureau()).await, Some(Place::Staged));
        let sent = county.seal_some(&bureau(), 10, t0()).await;
        settle_one(&county, &sent, &one, None).await;
        let due = county.store.write_backs("county", t0().plus(HOUR), 9).await.unwrap();
        assert_eq!(due.iter().map(|d| &*d.flag).collect::<Vec<_>>(), ["accepted"]);
        county.assert_conserved().await;
    });
}

#[test]
fn a_trace_says_where_each_record_goes() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        to_both(&county, vec![record("SB", "A", 1)]).await;
        county.seal(t0()).await;
        let steps = county.store.trace("A").await.unwrap();
        let mut said: Vec<_> = steps
            .iter()
            .map(|s| (s.destination.as_ref().unwrap().to_string(), s.what.as_str()))
            .collect();
        said.sort_unstable();
        let expected =
            [("bureau", "collected"), ("province", "collected"), ("province", "numbered")];
        assert_eq!(said, expected.map(|(to, what)| (to.to_owned(), what)));
    });
}

#[test]
fn a_mark_of_the_baseline_is_of_its_destination() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let s = &county.store;
        let mark = |case: &str, to: Option<&str>| BaselineRow {
            kind: "SB".into(),
            key: id("SB", case, 1).key,
            destination: to.map(node),
            version: 1,
            content: None,
            reported: None,
            day: t0().day(),
        };
        county.collect(t0(), vec![record("SB", "known", 1)]).await;
        let marks = vec![
            mark("A", Some("bureau")),
            mark("A", Some("province")),
            mark("known", Some("bureau")),
            mark("known", Some("province")),
            mark("known", None),
        ];
        assert_eq!(s.import_baseline(marks, t0()).await.unwrap(), 3, "two were collected here");
        let found = s.baseline(&["A@unit", "known@unit"]).await.unwrap();
        let said: Vec<_> = found
            .iter()
            .map(|m| (m.key.root(), m.destination.as_ref().map_or("", |d| d.as_str())))
            .collect();
        assert_eq!(said, [("A@unit", "bureau"), ("A@unit", "province"), ("known@unit", "bureau")]);
        assert_eq!(s.baseline_counts().await.unwrap().len(), 2);
    });
}
