//! Pages: records, quarantine, cursor, and what a source was last seen to hold.

use canon::{Millis, RecordId};

use super::office::*;
use super::provider::run;
use crate::*;

fn mark(row: &str, content: &str, pass: u64) -> SourceRowMark {
    SourceRowMark { row: row.into(), digest: digest(content), pass }
}

async fn commit(county: &Office, page: Collected) -> Result<(), StoreError> {
    county.store.commit_collected(&county.lease, page).await
}

#[test]
fn an_adapter_that_never_ran_has_no_cursor() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let progress = county.store.adapter("county").await.unwrap();
        assert_eq!((progress.cursor, progress.rows_read, progress.last_at), (None, 0, None));
    });
}

#[test]
fn the_cursor_moves_with_the_data_or_not_at_all() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let now = t0();
        let one = chunk(&live(), now, vec![record("SB", "A", 2)]);
        commit(&county, page("first", now, vec![one])).await.unwrap();

        // The second page holds a version that is not new: nothing of it is taken.
        let records = vec![record("SB", "B", 1), record("SB", "A", 2)];
        let bad = page("second", now, vec![chunk(&live(), now, records)]);
        let bad = Collected { quarantined: vec![bad_row("7", None, now)], ..bad };
        let result = commit(&county, bad).await;
        assert!(matches!(result, Err(StoreError::Conflict { .. })), "{result:?}");

        let progress = county.store.adapter("county").await.unwrap();
        assert_eq!(progress.cursor.as_deref(), Some("first"));
        assert_eq!((progress.rows_read, progress.records, progress.quarantined), (1, 1, 0));
        assert_eq!(progress.last_at, Some(now));
        assert_eq!(county.place(&id("SB", "B", 1)).await, None);
        assert!(county.problems().await.is_empty());
        assert_eq!(county.assert_conserved().await.iter().sum::<u64>(), 1);
    });
}

#[test]
fn a_lower_version_is_refused_even_where_the_higher_one_was_quarantined() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        county.quarantine(t0(), vec![bad_row("1", Some(id("SB", "A", 3)), t0())]).await;
        let low = page("x", t0(), vec![chunk(&live(), t0(), vec![record("SB", "A", 2)])]);
        assert!(commit(&county, low).await.is_err());
        county.collect(t0(), vec![record("SB", "A", 4)]).await;
    });
}

#[test]
fn cases_are_answered_with_the_latest_version_of_each_record() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let void = NewRecord { voided: true, ..record("SL", "A", 3) };
        county.collect(t0(), vec![record("SB", "A", 1), record("SL", "A", 1)]).await;
        county.collect(t0(), vec![void, record("SB", "AB", 1)]).await;
        county.quarantine(t0(), vec![bad_row("1", Some(id("SB", "A", 2)), t0())]).await;

        let root = id("SB", "A", 1).key;
        let mut rows = county.store.cases(&[root.root(), "none@unit"]).await.unwrap();
        rows.sort_by_key(|r| r.id.kind.clone());
        let seen: Vec<_> = rows.iter().map(|r| (r.id.clone(), r.voided, r.place)).collect();
        let expected = [
            (id("SB", "A", 2), false, Place::Quarantined),
            (id("SL", "A", 3), true, Place::Staged),
        ];
        assert_eq!(seen, expected);
        assert_eq!(rows[0].content, digest("bad content"));
        assert_eq!(rows[1].content, digest("content SL:A@unit#3"));
        assert_eq!(&*rows[1].facts, "{}");
    });
}

#[test]
fn a_row_is_quarantined_once_for_each_record_it_would_have_given() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let row = |id| bad_row("1", id, t0());
        let both = vec![row(Some(id("SB", "A", 1))), row(Some(id("SL", "A", 1)))];
        county.quarantine(t0(), both).await;
        county.quarantine(t0(), vec![row(Some(id("SB", "A", 2)))]).await;
        assert_eq!(county.problems().await.len(), 2);
        assert_eq!(county.place(&id("SB", "A", 2)).await, None);
        county.quarantine(t0(), vec![bad_row("2", None, t0()), bad_row("2", None, t0())]).await;
        assert_eq!(county.problems().await.len(), 3);
        assert_eq!(county.store.adapter("county").await.unwrap().quarantined, 3);

        let status = county.store.status().await.unwrap();
        assert_eq!(status.rows_without_key, 1);
        assert_eq!(county.assert_conserved().await[Place::Quarantined as usize], 2);
    });
}

#[test]
fn a_quarantined_record_shows_its_owner_what_is_wrong() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        county.quarantine(t0(), vec![bad_row("17", Some(id("SB", "A", 1)), t0())]).await;
        let problem = county.problems().await.remove(0);
        assert_eq!((&*problem.class, &*problem.state), ("quarantined", "held"));
        assert_eq!(problem.reference, "cases.csv line 17");
        assert_eq!(problem.record.as_deref(), Some("SB:A@unit#1"));
        assert_eq!(problem.violations, [violation("field.check_digit")]);
        let raw = county.store.problem_raw(problem.number).await.unwrap();
        assert_eq!(raw.as_deref(), Some(&b"raw 17"[..]));
    });
}

#[test]
fn a_newer_staged_version_cures_the_quarantined_one() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        county.quarantine(t0(), vec![bad_row("1", Some(id("SB", "A", 1)), t0())]).await;
        county.collect(t0(), vec![record("SB", "A", 2)]).await;
        let problem = county.problems().await.remove(0);
        assert_eq!((&*problem.state, problem.cured_by), ("cured", Some(2)));
        // It stays where it was: the day's manifest lists it with its cure beside it.
        assert_eq!(county.place(&id("SB", "A", 1)).await, Some(Place::Quarantined));

        // The same raw row again is news now.
        county.quarantine(t0(), vec![bad_row("1", Some(id("SB", "A", 3)), t0())]).await;
        assert_eq!(county.place(&id("SB", "A", 3)).await, Some(Place::Quarantined));
        assert_eq!(county.problems().await.len(), 2);
    });
}

#[test]
fn a_full_pass_finds_what_vanished_until_it_is_forgotten() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let rows = |rows| Collected { rows, ..page("pass", t0(), Vec::new()) };
        let first = vec![mark("r1", "a", 1), mark("r2", "b", 1), mark("r3", "c", 1)];
        commit(&county, rows(first)).await.unwrap();
        commit(&county, rows(vec![mark("r2", "b2", 2)])).await.unwrap();

        let s = &county.store;
        let marks = s.source_rows("county", &["r2", "r9"]).await.unwrap();
        assert_eq!(marks.len(), 1);
        assert_eq!((marks[0].digest, marks[0].pass), (digest("b2"), 2));

        let gone = |marks: Vec<SourceRowMark>| -> Vec<String> {
            marks.iter().map(|m| m.row.to_string()).collect()
        };
        assert_eq!(gone(s.vanished("county", "r", 0..2, 10).await.unwrap()), ["r1", "r3"]);
        assert_eq!(gone(s.vanished("county", "", 0..2, 1).await.unwrap()), ["r1"]);
        assert!(s.vanished("township", "", 0..2, 10).await.unwrap().is_empty());
        assert!(s.vanished("county", "q", 0..2, 10).await.unwrap().is_empty());
        let again = Collected { rows: vec![mark("r3", "c", 2)], ..page("pass", t0(), Vec::new()) };
        commit(&county, again).await.unwrap();
        assert_eq!(gone(s.vanished("county", "", 2..3, 10).await.unwrap()), ["r2", "r3"]);
        assert_eq!(gone(s.vanished("county", "", 0..3, 10).await.unwrap()), ["r1", "r2", "r3"]);
        assert!(s.vanished("county", "", 3..9, 10).await.unwrap().is_empty());
        s.forget_rows("county", &["r1"]).await.unwrap();
        assert_eq!(gone(s.vanished("county", "", 0..3, 10).await.unwrap()), ["r2", "r3"]);
    });
}

#[test]
fn what_a_row_gave_is_told_once_whatever_its_versions() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let of = |id: RecordId, row: &str, content: &str| NewRecord {
            source_row: Some(row.into()),
            content: digest(content),
            ..record(&id.kind, &id.key.number(), id.version)
        };
        let first = vec![of(id("SB", "A", 1), "r1", "a"), of(id("SL", "A", 1), "r1", "b")];
        county.collect(t0(), first).await;
        county.collect(t0(), vec![of(id("SB", "A", 2), "r1", "c"), record("SB", "B", 1)]).await;
        let gave = county.store.gave("county", GaveOf::Rows(&["r1", "r9"])).await.unwrap();
        let told: Vec<_> = gave.iter().map(|g| (&*g.row, &*g.kind, g.key.number())).collect();
        assert_eq!(told, [("r1", "SB", "A".to_owned()), ("r1", "SL", "A".to_owned())]);
        assert!(gave.iter().all(|g| g.destination == gave[0].destination));
        assert!(county.store.gave("township", GaveOf::Rows(&["r1"])).await.unwrap().is_empty());
    });
}

#[test]
fn a_row_that_gives_what_is_known_leads_to_it_too() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let given = |row: &str, id: RecordId| NewRecord {
            source_row: Some(row.into()),
            ..record(&id.kind, &id.key.number(), id.version)
        };
        let both = vec![given("r1", id("SB", "A", 1)), given("r1", id("SL", "A", 1))];
        county.collect(t0(), both).await;
        let (adapter, destination) = ("county".into(), live().destination);
        let link = Link { adapter, row: "r\0".into(), id: id("SB", "A", 1), destination };
        for cursor in ["2", "3"] {
            let known = vec![link.clone(), Link { row: "r1".into(), ..link.clone() }];
            let page = Collected { known, ..page(cursor, t0(), Vec::new()) };
            commit(&county, page).await.unwrap();
        }
        let told = |gave: Vec<Gave>| -> Vec<String> {
            gave.iter().map(|g| format!("{} {}:{}", g.row, g.kind, g.key.number())).collect()
        };
        let of_rows = county.store.gave("county", GaveOf::Rows(&["r\0"])).await.unwrap();
        assert_eq!(of_rows.first().map(|g| &g.destination), Some(&live().destination));
        assert_eq!(told(of_rows), ["r␀ SB:A"]);
        let (key, other) = (id("SB", "A", 1).key, id("SB", "B", 1).key);
        let roots = [key.root(), other.root()];
        let of_cases = county.store.gave("county", GaveOf::Cases(&roots)).await.unwrap();
        assert_eq!(told(of_cases), ["r1 SB:A", "r1 SL:A", "r␀ SB:A"]);
        let none = county.store.gave("county", GaveOf::Cases(&[other.root()])).await.unwrap();
        assert_eq!(none, []);
        assert_eq!(county.store.gave("township", GaveOf::Cases(&roots)).await.unwrap(), []);
        county.assert_conserved().await;
    });
}

#[test]
fn an_adapter_is_paused_with_a_reason_and_resumed() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let s = &county.store;
        s.pause_adapter("county", Some("guard: max_changed"), t0()).await.unwrap();
        let paused = s.adapter("county").await.unwrap().paused;
        assert_eq!(paused.as_deref(), Some("guard: max_changed"));
        county.collect(t0(), vec![record("SB", "A", 1)]).await;
        assert!(s.adapter("county").await.unwrap().paused.is_some());
        s.pause_adapter("county", None, t0()).await.unwrap();
        assert_eq!(s.adapter("county").await.unwrap().paused, None);
    });
}

#[test]
fn rows_read_and_unchanged_add_up() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        for n in 0..3 {
            let page = Collected {
                rows_read: 10,
                rows_unchanged: n,
                ..page("c", Millis(t0().0 + n as i64), Vec::new())
            };
            commit(&county, page).await.unwrap();
        }
        let progress = county.store.adapter("county").await.unwrap();
        assert_eq!((progress.rows_read, progress.rows_unchanged), (30, 3));
        assert_eq!(progress.last_at, Some(t0().plus(2)));
    });
}
