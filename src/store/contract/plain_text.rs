//! U+0000 in a text from outside: every back end keeps ␀ in its place, finds it under both, and goes on.

use super::office::*;
use super::provider::run;
use crate::*;

#[test]
fn a_row_with_it_is_held_shown_and_found() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let s = &county.store;
        let key = canon::Key::new("un\0it", &["A\0", "x\0"]);
        let id = canon::RecordId { kind: "SB".into(), key, version: 1 };
        let mut row = bad_row("r\0-1", Some(id.clone()), t0());
        row.reference = "ca\0ses.csv line 1".into();
        row.violations[0].zh = "『\0』不是校验位".into();
        row.violations[0].en = "`\0` is no check digit".into();
        let seen = SourceRowMark { row: "r\0-1".into(), digest: row.row_digest, pass: 1 };
        let page =
            Collected { quarantined: vec![row], rows: vec![seen], ..page("c\0", t0(), Vec::new()) };
        s.commit_collected(&county.lease, page).await.unwrap();
        assert_eq!(county.place(&id).await, Some(Place::Quarantined));
        let rule = Some("field.check_digit".to_owned());
        let filter = ProblemFilter { rule, limit: 9, ..ProblemFilter::default() };
        let problem = s.problems(filter).await.unwrap().remove(0);
        assert_eq!(problem.reference, "ca␀ses.csv line 1");
        assert_eq!(problem.violations[0].zh, "『␀』不是校验位");
        assert_eq!(problem.violations[0].en, "`␀` is no check digit");
        assert_eq!(problem.record, Some(id.to_string()));
        assert_eq!(s.adapter("county").await.unwrap().cursor.as_deref(), Some("c␀"));
        for asked in ["r\0-1", "r␀-1"] {
            let marks = s.source_rows("county", &[asked]).await.unwrap();
            assert_eq!(&*marks[0].row, "r␀-1");
        }
        let rest = s.vanished("county", "r\0", 0..2, 9).await.unwrap();
        assert_eq!(rest.len(), 1);
        s.forget_rows("county", &["r\0-1"]).await.unwrap();
        assert!(s.source_rows("county", &["r␀-1"]).await.unwrap().is_empty());
        assert!(s.trace("A\0").await.is_ok(), "whatever an operator types");
        county.act(&[problem.number], ProblemAction::Resubmit, t0()).await;
        county.assert_conserved().await;
    });
}

#[test]
fn a_parcel_whose_outside_has_it_is_refused_and_listed() {
    run(async |bench| {
        let city = Office::open(&bench, "city").await;
        let s = &city.store;
        let outside = |code: &str| canon::NodeCode(code.into());
        let mut parcel = city.parcel("records", &sent_by("county", "city", 1));
        (parcel.id.sender, parcel.from) = (outside("coun\0ty"), outside("cou\0nty"));
        s.admit(vec![parcel], t0()).await.unwrap();
        let claimed = city.claim(InboxFor::Accept, t0()).await.remove(0);
        assert_eq!(claimed.arrived.id.sender.as_str(), "coun␀ty");
        assert_eq!(claimed.arrived.from.as_str(), "cou␀nty");
        assert_eq!(s.admission(&claimed.arrived.id).await.unwrap(), None);
        let refused = RefusedParcel {
            inbox_id: claimed.inbox_id,
            code: "sender.signature_invalid".into(),
            detail: "the outside says `coun\0ty`".into(),
            refusal: Some(NewControl {
                to: outside("coun\0ty"),
                detail: "to \0".into(),
                ..control("refusal", "county", None)
            }),
            now: t0(),
        };
        s.commit_refused(&city.lease, refused).await.unwrap();
        let rule = Some("sender.signature_invalid".to_owned());
        let filter = ProblemFilter { rule, limit: 9, ..ProblemFilter::default() };
        let problem = s.problems(filter).await.unwrap().remove(0);
        assert_eq!(problem.violations[0].en, "the outside says `coun␀ty`");
        let queued = s.queued_controls(Slots::ALL, 9).await.unwrap().remove(0).control;
        assert_eq!((queued.to.as_str(), &*queued.detail), ("coun␀ty", "to ␀"));
    });
}

#[test]
fn what_a_receipt_says_with_it_is_listed_and_written_back() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let s = &county.store;
        county.collect(t0(), vec![from_row(record("SB", "A", 1), "r\0-1")]).await;
        let envelope = county.seal(t0()).await;
        county.attempt(true, &envelope, OutEvent::Confirmed, t0()).await;
        let ids = [id("SB", "A", 1)];
        let rejected = [(0, FinalOutcome::Rejected)];
        let mut settlement = county.settlement(&envelope, &rejected, &ids, t0()).await;
        settlement.not_accepted[0].text = "值『\0』无效".into();
        settlement.rows = vec![RowOutcome {
            adapter: "county".into(),
            row: "r\0-1".into(),
            outcome: Some(FinalOutcome::Rejected),
            text: "值『\0』无效".into(),
        }];
        assert!(s.commit_settled(&county.lease, settlement).await.unwrap());
        assert_eq!(county.problems().await[0].violations[0].zh, "值『␀』无效");
        let due = s.write_backs("county", t0(), 9).await.unwrap().remove(0);
        assert_eq!((&*due.row, &*due.text), ("r␀-1", "值『␀』无效"));
        let failed = Some(("the source said \0".to_owned(), t0().plus(MINUTE)));
        let done = WriteBackDone { row: "r\0-1".into(), flag: due.flag, failed };
        s.commit_write_backs("county", vec![done], t0()).await.unwrap();
        assert_eq!(s.write_backs("county", t0().plus(MINUTE), 9).await.unwrap()[0].attempts, 1);
        county.assert_conserved().await;
    });
}

#[test]
fn reasons_and_notes_with_it_stand() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let s = &county.store;
        county.collect(t0(), vec![record("SB", "A", 1)]).await;
        let envelope = county.seal(t0()).await;
        let event = OutEvent::NotConfirmed;
        let (reason, due_at) = (Some("broker said \0".to_owned()), t0().plus(MINUTE));
        let attempt = Attempted { own: true, id: envelope.clone(), event, reason, due_at };
        s.attempted(&county.lease, vec![attempt], t0()).await.unwrap();
        let known = s.outbound(&envelope).await.unwrap().unwrap();
        assert_eq!(known.reason.as_deref(), Some("broker said ␀"));
        s.pause_link("up", Some("by \0"), t0()).await.unwrap();
        s.pause_adapter("county", Some("by \0"), t0()).await.unwrap();
        assert_eq!(s.adapter("county").await.unwrap().paused.as_deref(), Some("by ␀"));
        let links = s.status().await.unwrap().links;
        assert_eq!(links[0].paused.as_deref(), Some("by ␀"));
        s.defer_route(&live(), t0().plus(HOUR), "later\0", t0()).await.unwrap();
        s.stand("note/1", Some("un\0til"), t0()).await.unwrap();
        assert_eq!(s.standing("note/").await.unwrap()[0].text, "un␀til");
        let event = AuditEvent { reason: "typed \0".into(), ..audit_event(t0()) };
        s.audit(event).await.unwrap();
        let audit = s.audit_after(0, 9).await.unwrap();
        assert_eq!(verify_chain(None, &audit), Ok(()));
        assert_eq!(audit.last().unwrap().1.reason, "typed \0", "bytes of the chain, escaped");
    });
}
