//! Problems and what people do about them; the audit chain; a case's way.

use super::office::*;
use super::provider::run;
use crate::*;

#[test]
fn problems_are_filtered_and_paged() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let mut rows: Vec<NewQuarantine> =
            (1..=3).map(|n| bad_row(&format!("r{n}"), None, t0())).collect();
        rows[1].violations = vec![violation("field.required"), violation("field.too_long")];
        county.quarantine(t0(), rows).await;
        let all = county.problems().await;
        assert!(all.is_sorted_by(|a, b| a.number < b.number));
        let list = async |filter: ProblemFilter| -> Vec<i64> {
            let found = county.store.problems(filter).await.unwrap();
            found.iter().map(|p| p.number).collect()
        };
        let any = ProblemFilter { limit: 10, ..ProblemFilter::default() };
        let rule = Some("field.too_long".to_owned());
        assert_eq!(list(ProblemFilter { rule, ..any.clone() }).await, [all[1].number]);
        let after = all[0].number;
        let page = ProblemFilter { after, limit: 1, ..any.clone() };
        assert_eq!(list(page).await, [all[1].number]);
        let none = ProblemFilter { adapter: Some("township".into()), ..any.clone() };
        assert!(list(none).await.is_empty());
        county.act(&[all[2].number], ProblemAction::Void, t0()).await;
        let held = ProblemFilter { state: Some("held".into()), ..any };
        assert_eq!(list(held).await, [all[0].number, all[1].number]);
    });
}

#[test]
fn a_returned_problem_has_its_deadline() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        county.quarantine(t0(), vec![bad_row("r1", Some(id("SB", "A", 1)), t0())]).await;
        let number = county.problems().await[0].number;
        let deadline = t0().plus(72 * HOUR);
        assert_eq!(county.act(&[number], ProblemAction::Return { deadline }, t0()).await, 1);
        let problem = county.problems().await.remove(0);
        assert_eq!((&*problem.state, problem.deadline), ("returned", Some(deadline)));
        assert_eq!(county.place(&id("SB", "A", 1)).await, Some(Place::Quarantined));
    });
}

#[test]
fn a_resubmitted_row_is_news_at_the_next_read() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let row = bad_row("r1", Some(id("SB", "A", 1)), t0());
        let seen = SourceRowMark { row: "r1".into(), digest: row.row_digest, pass: 1 };
        let page = Collected {
            quarantined: vec![row.clone()],
            known: Vec::new(),
            rows: vec![seen],
            ..page("c", t0(), Vec::new())
        };
        let s = &county.store;
        s.commit_collected(&county.lease, page).await.unwrap();
        let number = county.problems().await[0].number;
        assert_eq!(county.act(&[number], ProblemAction::Resubmit, t0()).await, 1);
        assert_eq!(county.problems().await[0].state, "resubmitted");
        let case = s.cases(&["A@unit"]).await.unwrap().remove(0);
        assert_ne!(case.content, digest("bad content"));
        let marks = s.source_rows("county", &["r1"]).await.unwrap();
        assert!(marks.iter().all(|m| m.digest != row.row_digest));
        // Still bad: listed again, as the next version.
        let again = NewQuarantine { id: Some(id("SB", "A", 2)), ..row };
        county.quarantine(t0(), vec![again]).await;
        assert_eq!(county.problems().await.len(), 2);
        county.assert_conserved().await;
    });
}

#[test]
fn a_resubmitted_rejection_is_collected_as_a_new_version() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        county.collect(t0(), vec![from_row(record("SB", "A", 1), "r1")]).await;
        let sent = county.seal(t0()).await;
        let all = [id("SB", "A", 1)];
        county.settle(&sent, &[(0, FinalOutcome::Rejected)], &all, t0()).await;
        let number = county.problems().await[0].number;
        assert_eq!(county.act(&[number], ProblemAction::Resubmit, t0()).await, 1);
        let case = county.store.cases(&["A@unit"]).await.unwrap().remove(0);
        assert_ne!(case.content, record("SB", "A", 1).content);
        county.collect(t0(), vec![from_row(record("SB", "A", 2), "r1")]).await;
        let problem = county.problems().await.remove(0);
        assert_eq!((&*problem.state, problem.cured_by), ("cured", Some(2)));
    });
}

#[test]
fn a_voided_problem_is_withdrawn_and_stays_counted() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        county.quarantine(t0(), vec![bad_row("r1", Some(id("SB", "A", 1)), t0())]).await;
        county.collect(t0(), vec![record("SB", "B", 1)]).await;
        let sent = county.seal(t0()).await;
        let all = [id("SB", "B", 1)];
        county.settle(&sent, &[(0, FinalOutcome::Rejected)], &all, t0()).await;
        let numbers: Vec<i64> = county.problems().await.iter().map(|p| p.number).collect();
        assert_eq!(county.act(&numbers, ProblemAction::Void, t0()).await, 2);
        assert_eq!(county.act(&numbers, ProblemAction::Void, t0()).await, 0);
        assert_eq!(county.place(&id("SB", "A", 1)).await, Some(Place::Voided));
        assert_eq!(county.place(&id("SB", "B", 1)).await, Some(Place::Voided));
        assert_eq!(county.assert_conserved().await[Place::Voided as usize], 2);
        // Read again, the withdrawn row is no news.
        county.quarantine(t0(), vec![bad_row("r1", Some(id("SB", "A", 2)), t0())]).await;
        assert_eq!(county.problems().await.len(), 2);
    });
}

#[test]
fn every_action_is_audited_successful_or_not() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        county.quarantine(t0(), vec![bad_row("r1", None, t0())]).await;
        let number = county.problems().await[0].number;
        county.act(&[number], ProblemAction::Void, t0()).await;
        county.act(&[number + 100], ProblemAction::Void, t0()).await;
        let audit = county.store.audit_after(0, 10).await.unwrap();
        let oks: Vec<bool> = audit.iter().map(|(_, e, _)| e.ok).collect();
        assert_eq!(oks, [true, false]);
        assert_eq!(verify_chain(None, &audit), Ok(()));
    });
}

#[test]
fn the_audit_chain_goes_on_and_shows_a_changed_event() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        for n in 0..5 {
            let event = AuditEvent { subject: format!("s{n}"), ..audit_event(t0()) };
            county.store.audit(event).await.unwrap();
        }
        drop(county);
        let bench = bench.reopen().await;
        let county = Office::open(&bench, "county").await;
        county.store.audit(audit_event(t0())).await.unwrap();
        let all = county.store.audit_after(0, 100).await.unwrap();
        assert_eq!(all.len(), 6);
        assert!(all.is_sorted_by(|a, b| a.0 < b.0));
        assert_eq!(verify_chain(None, &all), Ok(()));
        let rest = county.store.audit_after(all[1].0, 100).await.unwrap();
        assert_eq!(rest, all[2..]);
        assert_eq!(verify_chain(Some(all[1].2), &rest), Ok(()));
        assert_eq!(county.store.audit_after(0, 2).await.unwrap(), all[..2]);

        let mut forged = all.clone();
        forged[3].1.reason = "another".into();
        assert_eq!(verify_chain(None, &forged), Err(all[3].0));
        let mut cut = all.clone();
        cut.remove(2);
        assert_eq!(verify_chain(None, &cut), Err(all[3].0));
    });
}

#[test]
fn a_case_is_traced_at_its_sender() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let at = |n: i64| t0().plus(n * MINUTE);
        county.collect(at(0), vec![record("SB", "A/1", 1), record("SB", "A/12", 1)]).await;
        let sent = county.seal(at(1)).await;
        county.attempt(true, &sent, OutEvent::Confirmed, at(2)).await;
        let inbox_id = county.control_arrives(at(3)).await;
        let by = node("city");
        let s = &county.store;
        s.commit_hop(&county.lease, inbox_id, &sent, (&by, "relayed"), None, at(3)).await.unwrap();
        let all = [id("SB", "A/1", 1), id("SB", "A/12", 1)];
        county.settle(&sent, &[], &all, at(4)).await;

        let steps = s.trace("A/1").await.unwrap();
        assert!(steps.is_sorted_by(|a, b| a.at <= b.at));
        assert!(steps.iter().all(|t| t.record == all[0].to_string()));
        let words: Vec<&str> = steps.iter().map(|t| &*t.what).collect();
        assert_eq!(words.first(), Some(&"collected"));
        for word in ["numbered", "sent", "hop", "accepted"] {
            assert!(words.contains(&word), "{word} in {words:?}");
        }
        let accepted = steps.iter().find(|t| t.what == "accepted").unwrap();
        assert_eq!(accepted.envelope.as_deref(), Some(&*sent.to_string()));
        assert_eq!(accepted.at, at(4));
        assert!(s.trace("nothing").await.unwrap().is_empty());
    });
}

#[test]
fn a_case_is_traced_at_its_receiver() {
    run(async |bench| {
        let province = Office::open(&bench, "province").await;
        let envelope = sent_by("county", "province", 1);
        let inbox_id = province.arrive("records", &envelope, t0()).await;
        let problem = Problem {
            position: 1,
            id: id("SL", "A", 1).to_string(),
            outcome: "rejected".into(),
            code: "record.authority".into(),
            field: "SXBM".into(),
            text: "上报方无权报送该记录".into(),
        };
        let judged = Judged {
            problems: vec![problem],
            ..judged(inbox_id, &envelope, &[id("SB", "A", 1)], t0())
        };
        province.store.commit_judged(&province.lease, judged).await.unwrap();
        let steps = province.store.trace("A").await.unwrap();
        let seen: Vec<(&str, &str)> = steps.iter().map(|t| (&*t.what, t.record.as_str())).collect();
        assert!(seen.contains(&("kept", "SB:A@unit#1")), "{seen:?}");
        assert!(seen.contains(&("rejected", "SL:A@unit#1")), "{seen:?}");
        let envelope = envelope.to_string();
        assert!(steps.iter().all(|t| t.envelope.as_deref() == Some(&*envelope)));
    });
}
