//! Outcomes on their way back to the source rows.

use std::sync::Arc;

use canon::{EnvelopeId, Millis, RecordId};

use super::office::*;
use super::provider::run;
use crate::*;

/// Settles and tells the rows.
async fn settle_rows(
    county: &Office,
    sent: &EnvelopeId,
    records: &[(RecordId, &str, Option<FinalOutcome>)],
    now: Millis,
) {
    let ids: Vec<RecordId> = records.iter().map(|(id, ..)| id.clone()).collect();
    let exceptions: Vec<(u32, FinalOutcome)> =
        (0..).zip(records).filter_map(|(n, (_, _, outcome))| outcome.map(|o| (n, o))).collect();
    let rows = records
        .iter()
        .map(|(_, row, outcome)| RowOutcome {
            adapter: "county".into(),
            row: Arc::from(*row),
            outcome: *outcome,
            text: outcome.map_or(String::new(), |_| "上报方无权报送该记录".into()),
        })
        .collect();
    let s = Settlement { rows, ..county.settlement(sent, &exceptions, &ids, now).await };
    assert!(county.store.commit_settled(&county.lease, s).await.unwrap());
}

async fn due(county: &Office, now: Millis) -> Vec<(String, String)> {
    let due = county.store.write_backs("county", now, 10).await.unwrap();
    due.into_iter().map(|w| (w.row, w.flag)).collect()
}

fn pair(row: &str, flag: &str) -> (String, String) {
    (row.to_owned(), flag.to_owned())
}

#[test]
fn the_worst_outcome_of_a_row_is_written_back_when_all_its_records_are_final() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let records =
            vec![from_row(record("SB", "A", 1), "r1"), from_row(record("SL", "A", 1), "r1")];
        county.collect(t0(), records).await;
        let first = county.seal_some(&live(), 1, t0()).await;
        let second = county.seal_some(&live(), 1, t0()).await;
        let rejected = Some(FinalOutcome::Rejected);
        settle_rows(&county, &first, &[(id("SB", "A", 1), "r1", rejected)], t0()).await;
        assert!(due(&county, t0()).await.is_empty(), "one record of the row is in flight");
        assert_eq!(county.store.adapter("county").await.unwrap().write_backs, 1);
        settle_rows(&county, &second, &[(id("SL", "A", 1), "r1", None)], t0()).await;
        assert_eq!(due(&county, t0()).await, [pair("r1", "rejected")]);
        let text = county.store.write_backs("county", t0(), 1).await.unwrap().remove(0).text;
        assert_eq!(text, "上报方无权报送该记录");
        assert!(county.store.write_backs("township", t0(), 9).await.unwrap().is_empty());
    });
}

#[test]
fn a_row_waits_for_the_record_that_goes_up_again() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        county.collect(t0(), vec![from_row(record("SL", "A", 1), "r1")]).await;
        let sent = county.seal(t0()).await;
        let missing = Some(FinalOutcome::ParentMissing);
        settle_rows(&county, &sent, &[(id("SL", "A", 1), "r1", missing)], t0()).await;
        assert!(due(&county, t0().plus(HOUR)).await.is_empty());
    });
}

#[test]
fn a_written_row_is_done_and_a_failed_one_is_tried_again() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let s = &county.store;
        let rows = [("A", "r1"), ("B", "r2")];
        county.collect(t0(), rows.map(|(c, r)| from_row(record("SB", c, 1), r)).to_vec()).await;
        let sent = county.seal(t0()).await;
        let outcomes = rows.map(|(c, r)| (id("SB", c, 1), r, None));
        settle_rows(&county, &sent, &outcomes, t0()).await;
        assert_eq!(due(&county, t0()).await, [pair("r1", "accepted"), pair("r2", "accepted")]);

        let next = t0().plus(HOUR);
        let done =
            |row: &str, failed| WriteBackDone { row: row.into(), flag: "accepted".into(), failed };
        let results = vec![done("r1", None), done("r2", Some(("locked".to_owned(), next)))];
        s.commit_write_backs("county", results, t0()).await.unwrap();
        assert!(due(&county, next.plus(-1)).await.is_empty());
        let left = s.write_backs("county", next, 10).await.unwrap();
        assert_eq!((left.len(), &*left[0].row, left[0].attempts), (1, "r2", 1));
        assert_eq!(s.adapter("county").await.unwrap().write_backs, 1);
    });
}

#[test]
fn a_newer_outcome_stays_queued_when_the_older_one_was_written() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let s = &county.store;
        county.collect(t0(), vec![from_row(record("SB", "A", 1), "r1")]).await;
        let sent = county.seal(t0()).await;
        settle_rows(&county, &sent, &[(id("SB", "A", 1), "r1", None)], t0()).await;
        let reading = s.write_backs("county", t0(), 1).await.unwrap().remove(0);
        assert_eq!(reading.flag, "accepted");

        county.collect(t0(), vec![from_row(record("SB", "A", 2), "r1")]).await;
        let sent = county.seal(t0()).await;
        let rejected = Some(FinalOutcome::Rejected);
        settle_rows(&county, &sent, &[(id("SB", "A", 2), "r1", rejected)], t0()).await;
        let written = WriteBackDone { row: reading.row, flag: reading.flag, failed: None };
        s.commit_write_backs("county", vec![written], t0()).await.unwrap();
        assert_eq!(due(&county, t0()).await, [pair("r1", "rejected")]);
    });
}

#[test]
fn a_corrected_row_is_told_that_it_is_accepted() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let rejected = Some(FinalOutcome::Rejected);
        county.collect(t0(), vec![from_row(record("SB", "A", 1), "r1")]).await;
        let sent = county.seal(t0()).await;
        settle_rows(&county, &sent, &[(id("SB", "A", 1), "r1", rejected)], t0()).await;
        assert_eq!(due(&county, t0()).await, [pair("r1", "rejected")]);
        let written = WriteBackDone { row: "r1".into(), flag: "rejected".into(), failed: None };
        county.store.commit_write_backs("county", vec![written], t0()).await.unwrap();
        county.collect(t0(), vec![from_row(record("SB", "A", 2), "r1")]).await;
        let sent = county.seal(t0()).await;
        settle_rows(&county, &sent, &[(id("SB", "A", 2), "r1", None)], t0()).await;
        assert_eq!(due(&county, t0()).await, [pair("r1", "accepted")]);
    });
}

#[test]
fn a_returned_row_is_told_at_once() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        county.quarantine(t0(), vec![bad_row("r1", Some(id("SB", "A", 1)), t0())]).await;
        let number = county.problems().await[0].number;
        let action = ProblemAction::Return { deadline: t0().plus(72 * HOUR) };
        assert_eq!(county.act(&[number], action, t0()).await, 1);
        assert_eq!(due(&county, t0()).await, [pair("r1", "returned")]);
        let text = county.store.write_backs("county", t0(), 1).await.unwrap().remove(0).text;
        assert!(text.contains("校验位错误"), "{text}");
    });
}

#[test]
fn a_row_does_not_look_accepted_while_one_of_its_records_is_held_here() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        county.collect(t0(), vec![from_row(record("SB", "A", 1), "r1")]).await;
        county.quarantine(t0(), vec![bad_row("r1", Some(id("BJ", "A", 1)), t0())]).await;
        let sent = county.seal(t0()).await;
        settle_rows(&county, &sent, &[(id("SB", "A", 1), "r1", None)], t0()).await;
        assert!(due(&county, t0().plus(HOUR)).await.is_empty());
        let number = county.problems().await[0].number;
        let action = ProblemAction::Return { deadline: t0().plus(72 * HOUR) };
        county.act(&[number], action, t0().plus(HOUR)).await;
        assert_eq!(due(&county, t0().plus(HOUR)).await, [pair("r1", "returned")]);
    });
}

#[test]
fn an_envelope_that_is_dead_keeps_its_rows_from_being_told() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let records =
            vec![from_row(record("SB", "A", 1), "r1"), from_row(record("SL", "A", 1), "r1")];
        county.collect(t0(), records).await;
        let first = county.seal_some(&live(), 1, t0()).await;
        let second = county.seal_some(&live(), 1, t0()).await;
        settle_rows(&county, &first, &[(id("SB", "A", 1), "r1", None)], t0()).await;
        county.event(&second, OutEvent::GivenUp, t0()).await;
        assert!(due(&county, t0().plus(HOUR)).await.is_empty());
        settle_rows(&county, &second, &[(id("SL", "A", 1), "r1", None)], t0()).await;
        assert_eq!(due(&county, t0().plus(HOUR)).await, [pair("r1", "accepted")]);
    });
}
