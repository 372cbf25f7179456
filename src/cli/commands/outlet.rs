//! What `status` and `trace` say of platforms that do not run Tiergate. An answer of such a platform is
//! recorded by the outlet's node and signed by it, never by the platform, and the words say so.

use std::collections::{BTreeMap, BTreeSet};

use canon::format::{Format, supervision_1};
use canon::{Millis, RecordId};
use envelope::{By, Outcome};
use exchange::outlet::{PLATFORM, PlatformSeen};
use store::{SubmissionStep, TraceStep};

use crate::commands::waiting::Said;
use crate::stores::Tier;
use crate::text::{Failure, Lang, age};

/// Largest package that is opened here, bytes.
const PACKAGE_BYTES_MAX: usize = 64 << 20;

/// After this a platform that does not answer is somebody's business, ms: two days.
const PATIENCE: i64 = 2 * 86_400_000;

/// How the platform of a node is, and what waits for it.
pub(crate) async fn of(tier: &Tier, now: Millis) -> Result<Vec<Said>, Failure> {
    let failed = |e| tier.failed(&e);
    let waits = tier.store.outlet_status().await.map_err(failed)?;
    let seen = tier.store.standing(PLATFORM).await.map_err(failed)?;
    let seen = seen.into_iter().find(|s| s.name == PLATFORM);
    let seen = seen.and_then(|s| serde_json::from_str::<PlatformSeen>(&s.text).ok());
    let mut said = Vec::new();
    if let Some(PlatformSeen { target, code: Some(code), detail, since }) = seen {
        let text = canon::code(&code);
        let (en, zh) = text.map_or((code.as_str(), code.as_str()), |c| (c.en, c.zh));
        let (en_age, zh_age) = (age(now.since(since), Lang::En), age(now.since(since), Lang::Zh));
        said.push(Said {
            kind: "platform",
            about: target.clone(),
            until: None,
            en: format!("platform {target}, for {en_age}: {en} [{code}] {detail}"),
            zh: format!("平台 {target}（已 {zh_age}）：{zh} [{code}] {detail}"),
            needs_a_person: matches!(&*code, "platform.denied" | "platform.schema"),
        });
    }
    if waits.envelopes > 0 {
        let [held, due, sending, answered] = waits.steps;
        let since = waits.oldest.map_or(0, |at| now.since(at));
        let (en_age, zh_age) = (age(since, Lang::En), age(since, Lang::Zh));
        let n = waits.envelopes;
        said.push(Said {
            kind: "outlet",
            about: String::new(),
            until: None,
            en: format!("{n} envelopes wait for the platform's answers, the oldest for {en_age}: {due} records to hand over, {sending} handed over, {held} behind others, {answered} answered; see `tiergate outlet waiting`"),
            zh: format!("{n} 个报文等待平台答复，最久 {zh_age}：待报 {due} 条，已报待答复 {sending} 条，排在其后 {held} 条，已答复 {answered} 条；见 tiergate outlet waiting"),
            needs_a_person: since > PATIENCE,
        });
    }
    Ok(said)
}

/// Steps of a case that a platform told: in receipts that say so, and on its way to it.
pub(crate) async fn told(found: &mut [(Tier, Vec<TraceStep>)]) -> Result<(), Failure> {
    // What waits at an outlet is not kept there yet: its sender knows the whole key.
    let ids = found.iter().flat_map(|(_, steps)| steps).filter_map(|s| RecordId::parse(&s.record));
    let roots: BTreeSet<String> = ids.map(|id| id.key.root().to_owned()).collect();
    let roots: Vec<&str> = roots.iter().map(String::as_str).collect();
    for (tier, steps) in found {
        let mut receipts: BTreeMap<String, Vec<(String, Outcome, String)>> = BTreeMap::new();
        for step in steps.iter_mut().filter(|s| matches!(&*s.what, "accepted" | "rejected")) {
            let Some(id) = &step.envelope else { continue };
            if !receipts.contains_key(id) {
                receipts.insert(id.clone(), receipt(tier, id).await?);
            }
            let line = receipts[id].iter().find(|(record, ..)| *record == step.record);
            if let Some((_, outcome, said)) = line {
                let word = if *outcome == Outcome::Accepted { "accepted" } else { "rejected" };
                step.what = format!("{word}_by_platform");
                step.detail = format!("{} 「{said}」", step.detail).trim().to_owned();
            }
        }
        steps.extend(waiting(tier, &roots).await?);
        steps.sort_by_key(|s| s.at);
    }
    Ok(())
}

/// What an outlet has of the case.
async fn waiting(tier: &Tier, roots: &[&str]) -> Result<Vec<TraceStep>, Failure> {
    let rows = tier.store.submissions(roots).await.map_err(|e| tier.failed(&e))?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let what = match row.step {
                SubmissionStep::Held => "held_for_platform",
                SubmissionStep::Due => "due_to_platform",
                SubmissionStep::Sending => "sending_to_platform",
                SubmissionStep::Answered => "answered_by_platform",
            };
            let said = row.answer.as_ref().map(|a| format!("「{}」", a.said)).unwrap_or_default();
            TraceStep {
                at: row.answer.as_ref().map_or(row.due_at, |a| a.at),
                record: row.id.to_string(),
                destination: None,
                what: what.into(),
                envelope: Some(row.envelope.to_string()),
                detail: format!("{} {said}", row.message).trim().to_owned(),
            }
        })
        .collect())
}

/// What a receipt of an outlet says of each record; nothing of any other receipt.
async fn receipt(tier: &Tier, id: &str) -> Result<Vec<(String, Outcome, String)>, Failure> {
    let Some(id) = envelope::parse_envelope_id(id) else { return Ok(Vec::new()) };
    let frames = tier.store.frames(&id).await.map_err(|e| tier.failed(&e))?;
    let Some((frame, receipt)) = frames.and_then(|f| Some((f.frame, f.receipt?))) else {
        return Ok(Vec::new());
    };
    let open = |frame: &[u8]| envelope::open_frame(frame, PACKAGE_BYTES_MAX).ok();
    let (Some(own), Some(answer)) = (open(&frame), open(&receipt)) else { return Ok(Vec::new()) };
    let (Ok(own), Ok(answer)) = (envelope::open(&own), envelope::open(&answer)) else {
        return Ok(Vec::new());
    };
    if answer.head.answers.as_ref().is_none_or(|a| a.by != By::Outlet) {
        return Ok(Vec::new());
    }
    let format = supervision_1();
    let lines = answer.fragments.iter().filter_map(|f| envelope::read_outcome(f).ok());
    let said = lines.filter_map(|line| {
        let fragment = own.fragments.get(line.position as usize)?;
        Some((record(&format, fragment)?, line.outcome, line.said?))
    });
    Ok(said.collect())
}

fn record(format: &Format, fragment: &[u8]) -> Option<String> {
    let parsed = format.parse(fragment).ok()?;
    let key = format.key(parsed.ty, &parsed.values, &parsed.attrs.namespace)?;
    let kind = format.get(parsed.ty).wire.clone();
    Some(RecordId { kind, key, version: parsed.attrs.version }.to_string())
}
