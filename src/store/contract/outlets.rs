//! Envelopes that wait for a platform.

use canon::{EnvelopeId, Millis};

use super::office::*;
use super::provider::run;
use crate::*;

fn new(position: u32, id: RecordIdOf, step: SubmissionStep) -> NewSubmission {
    let id = super::office::id(id.0, id.1, 1);
    NewSubmission {
        position,
        digest: digest(&id.to_string()),
        facts: "{}".into(),
        message: format!("message {id}"),
        step,
        after: None,
        due_at: t0(),
        id,
    }
}

type RecordIdOf<'a> = (&'a str, &'a str);

fn answer(verdict: Verdict) -> PlatformAnswer {
    let code = if verdict == Verdict::Taken { "" } else { "platform.refused" };
    PlatformAnswer { verdict, code: code.into(), said: "4 字段超长\0".into(), at: t0() }
}

fn done(inbox_id: i64, position: u32, step: SubmissionStep) -> Submitted {
    Submitted { inbox_id, position, step, attempts: 1, due_at: t0().plus(MINUTE), answer: None }
}

fn answered(inbox_id: i64, position: u32, verdict: Verdict) -> Submitted {
    let answer = Some(answer(verdict));
    Submitted { answer, ..done(inbox_id, position, SubmissionStep::Answered) }
}

async fn submit(
    office: &Office,
    inbox_id: i64,
    records: Vec<NewSubmission>,
) -> Result<(), StoreError> {
    let parcel = office.store.inbox_parcel(inbox_id).await.unwrap().unwrap();
    submit_as(office, &office.lease, (inbox_id, parcel.arrived.id), records).await
}

async fn submit_as(
    office: &Office,
    lease: &Lease,
    (inbox_id, id): (i64, EnvelopeId),
    records: Vec<NewSubmission>,
) -> Result<(), StoreError> {
    let submit = Submit { inbox_id, id, settled_below: 0, records, now: t0() };
    office.store.submit(lease, submit).await
}

async fn ripe(office: &Office) -> Vec<i64> {
    office.store.ripe(100).await.unwrap().iter().map(|p| p.inbox_id).collect()
}

async fn due(office: &Office, now: Millis) -> Vec<(i64, u32)> {
    let due = office.store.submissions_due(now, 100).await.unwrap();
    due.iter().map(|s| (s.inbox_id, s.position)).collect()
}

#[test]
fn an_envelope_that_waits_is_in_no_claim_and_in_no_depth_and_outlives_a_restart() {
    run(async |bench| {
        let outlet = Office::open(&bench, "outlet").await;
        let id = sent_by("county", "outlet", 1);
        let inbox = outlet.arrive("records", &id, t0()).await;
        assert!(outlet.store.awaiting(&id).await.unwrap().is_none());
        let records = vec![new(0, ("SB", "a"), SubmissionStep::Due)];
        submit(&outlet, inbox, records).await.unwrap();
        assert!(outlet.claim(InboxFor::Accept, t0()).await.is_empty());
        assert!(outlet.store.inbox_depths().await.unwrap().is_empty());
        let before = outlet.store.awaiting(&id).await.unwrap().unwrap();
        assert_eq!((before.inbox_id, &before.arrived.id), (inbox, &id));
        // The same bytes again are not a second parcel while it waits.
        outlet.store.admit(vec![before.arrived.clone()], t0()).await.unwrap();
        assert!(outlet.claim(InboxFor::Accept, t0()).await.is_empty());
        drop(outlet);
        let bench = bench.reopen().await;
        let outlet = Office::open(&bench, "outlet").await;
        let after = outlet.store.awaiting(&id).await.unwrap().unwrap();
        assert_eq!(after.arrived.frame, before.arrived.frame);
        let held = outlet.store.submissions(&[super::office::id("SB", "a", 1).key.root()]).await;
        let held = held.unwrap().remove(0);
        assert_eq!((held.inbox_id, &held.envelope, held.step), (inbox, &id, SubmissionStep::Due));
        assert_eq!((held.attempts, held.answer, held.turn), (0, None, 1));
        assert_eq!(held.message, format!("message {}", held.id));
        let status = outlet.store.outlet_status().await.unwrap();
        assert_eq!((status.envelopes, status.steps, status.oldest), (1, [0, 1, 0, 0], Some(t0())));
        let other = Office::open(&bench, "city").await;
        assert!(other.store.inbox_parcel(inbox).await.unwrap().is_none(), "another identity's");
        assert!(outlet.store.inbox_parcel(inbox).await.unwrap().is_some());
    });
}

#[test]
fn what_is_due_is_spoken_about_until_it_is_answered() {
    run(async |bench| {
        let outlet = Office::open(&bench, "outlet").await;
        let inbox = outlet.arrive("records", &sent_by("county", "outlet", 1), t0()).await;
        let records = vec![
            new(0, ("SB", "a"), SubmissionStep::Due),
            new(1, ("SB", "b"), SubmissionStep::Due),
            NewSubmission { due_at: t0().plus(-1), ..new(2, ("SB", "c"), SubmissionStep::Due) },
        ];
        submit(&outlet, inbox, records).await.unwrap();
        assert_eq!(due(&outlet, t0()).await, [(inbox, 2), (inbox, 0), (inbox, 1)]);
        assert_eq!(outlet.store.submissions_due(t0(), 1).await.unwrap().len(), 1);
        assert!(ripe(&outlet).await.is_empty());
        let after = vec![
            done(inbox, 0, SubmissionStep::Sending),
            answered(inbox, 1, Verdict::Refused),
            answered(inbox, 2, Verdict::Taken),
        ];
        outlet.store.commit_submitted(&outlet.lease, after, t0()).await.unwrap();
        assert!(due(&outlet, t0()).await.is_empty());
        assert_eq!(due(&outlet, t0().plus(MINUTE)).await, [(inbox, 0)]);
        let held = outlet.store.submissions(&[id("SB", "b", 1).key.root()]).await.unwrap();
        let answer = held[0].answer.clone().unwrap();
        assert_eq!((answer.verdict, &*answer.said), (Verdict::Refused, "4 字段超长\u{2400}"));
        // What it said stays while it says nothing new.
        let again = Submitted {
            answer: Some(self::answer(Verdict::Again)),
            ..done(inbox, 0, SubmissionStep::Due)
        };
        outlet.store.commit_submitted(&outlet.lease, vec![again], t0()).await.unwrap();
        let silent = Submitted { attempts: 2, ..done(inbox, 0, SubmissionStep::Sending) };
        outlet.store.commit_submitted(&outlet.lease, vec![silent], t0()).await.unwrap();
        let held = outlet.store.submissions(&[id("SB", "a", 1).key.root()]).await.unwrap();
        let verdict = held[0].answer.as_ref().map(|a| a.verdict);
        assert_eq!((verdict, held[0].attempts), (Some(Verdict::Again), 2));
        let last = vec![answered(inbox, 0, Verdict::Taken)];
        outlet.store.commit_submitted(&outlet.lease, last, t0()).await.unwrap();
        assert_eq!(ripe(&outlet).await, [inbox]);
        let gone = vec![answered(inbox, 7, Verdict::Taken)];
        let refused = outlet.store.commit_submitted(&outlet.lease, gone, t0()).await;
        assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
    });
}

#[test]
fn a_held_record_is_free_when_what_it_stands_on_is_answered() {
    run(async |bench| {
        let outlet = Office::open(&bench, "outlet").await;
        let first = outlet.arrive("records", &sent_by("county", "outlet", 1), t0()).await;
        let second = outlet.arrive("records", &sent_by("county", "outlet", 2), t0()).await;
        let (held, on) = (SubmissionStep::Held, Some((first, 0)));
        let parent = vec![
            new(0, ("SB", "a"), SubmissionStep::Due),
            new(1, ("SB", "b"), SubmissionStep::Due),
        ];
        submit(&outlet, first, parent).await.unwrap();
        let child = || NewSubmission { after: on, ..new(0, ("SL", "a"), held) };
        submit(&outlet, second, vec![child()]).await.unwrap();
        assert!(ripe(&outlet).await.is_empty());
        assert_eq!(due(&outlet, t0()).await, [(first, 0), (first, 1)]);
        let taken = vec![answered(first, 0, Verdict::Taken)];
        outlet.store.commit_submitted(&outlet.lease, taken, t0()).await.unwrap();
        assert_eq!(ripe(&outlet).await, [second], "its parent is answered");
        let freed = NewSubmission { step: SubmissionStep::Due, ..child() };
        submit(&outlet, second, vec![freed]).await.unwrap();
        let taken = vec![answered(second, 0, Verdict::Taken)];
        outlet.store.commit_submitted(&outlet.lease, taken, t0()).await.unwrap();
        assert!(ripe(&outlet).await.is_empty(), "not before the envelope its parent is in");
        // Said again, what was spoken about stays as it is; what is held and not said any more goes.
        let again = vec![NewSubmission { after: None, ..new(0, ("SL", "a"), held) }];
        submit(&outlet, second, again).await.unwrap();
        let rows = outlet.store.submissions(&[id("SL", "a", 1).key.root()]).await.unwrap();
        let steps: Vec<_> = rows.iter().map(|s| s.step).collect();
        assert_eq!(steps, [SubmissionStep::Answered, SubmissionStep::Answered]);
        let taken = vec![answered(first, 1, Verdict::Taken)];
        outlet.store.commit_submitted(&outlet.lease, taken, t0()).await.unwrap();
        assert_eq!(ripe(&outlet).await, [first]);
        outlet.store.drop_inbox(&outlet.lease, first).await.unwrap();
        assert_eq!(ripe(&outlet).await, [second]);
        outlet.store.drop_inbox(&outlet.lease, second).await.unwrap();
        let left = outlet.store.outlet_status().await.unwrap();
        assert_eq!(left, OutletStatus::default(), "submissions go with their envelope");
    });
}

#[test]
fn a_held_record_whose_parent_is_gone_is_free() {
    run(async |bench| {
        let outlet = Office::open(&bench, "outlet").await;
        let first = outlet.arrive("records", &sent_by("county", "outlet", 1), t0()).await;
        let second = outlet.arrive("records", &sent_by("county", "outlet", 2), t0()).await;
        let parent = vec![new(0, ("SB", "a"), SubmissionStep::Due)];
        submit(&outlet, first, parent).await.unwrap();
        let child =
            NewSubmission { after: Some((first, 0)), ..new(3, ("SL", "a"), SubmissionStep::Held) };
        submit(&outlet, second, vec![child]).await.unwrap();
        outlet.store.drop_inbox(&outlet.lease, first).await.unwrap();
        assert_eq!(ripe(&outlet).await, [second]);
        submit(&outlet, second, Vec::new()).await.unwrap();
        assert_eq!(outlet.store.outlet_status().await.unwrap().steps, [0; 4]);
        assert_eq!(ripe(&outlet).await, [second], "nothing of it waits any more");
        let lost = Lease::whole("all", 99);
        let refused =
            submit_as(&outlet, &lost, (second, sent_by("county", "outlet", 2)), Vec::new()).await;
        assert!(matches!(refused, Err(StoreError::LeaseLost(_))));
        let gone =
            submit_as(&outlet, &outlet.lease, (first, sent_by("county", "outlet", 1)), Vec::new())
                .await;
        assert!(matches!(gone, Err(StoreError::Conflict { .. })));
    });
}

#[test]
fn what_waits_is_no_gap_and_keeps_its_turn() {
    run(async |bench| {
        let outlet = Office::open(&bench, "outlet").await;
        let first = outlet.arrive("records", &sent_by("county", "outlet", 1), t0()).await;
        let second = outlet.arrive("records", &sent_by("county", "outlet", 2), t0()).await;
        let due = |case| vec![new(0, ("SB", case), SubmissionStep::Due)];
        submit(&outlet, second, due("a")).await.unwrap();
        let later = t0().plus(HOUR);
        assert_eq!(outlet.store.gaps(later, 10).await.unwrap().len(), 1, "the first did not come");
        submit(&outlet, first, due("a")).await.unwrap();
        assert!(outlet.store.gaps(later, 10).await.unwrap().is_empty(), "it is here, and waits");
        // Who began to wait first is before, whatever its number in the inbox; and stays so.
        submit(&outlet, second, due("a")).await.unwrap();
        let rows = outlet.store.submissions(&[id("SB", "a", 1).key.root()]).await.unwrap();
        let order: Vec<i64> = rows.iter().map(|row| row.inbox_id).collect();
        assert_eq!(order, [second, first]);
        assert!(rows[0].turn < rows[1].turn);
    });
}
