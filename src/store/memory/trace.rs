//! What is known here of a case, step by step.

use std::sync::Arc;

use canon::{EnvelopeId, Key, Millis};

use super::state::*;
use crate::lifecycle::OutState;
use crate::types::*;

impl Identity {
    /// Everything known of a case number, oldest first.
    pub(super) fn trace(&self, number: &str) -> Vec<TraceStep> {
        // Whatever its namespace: the root up to and including the `@`.
        let prefix = Key::new("", &[number]);
        let prefix = prefix.root();
        let mut steps = Vec::new();
        let first = Key::from_columns(prefix, "");
        let own = self.records.range((first.clone(), Strand::default(), 0)..);
        for (key, own) in own.take_while(|(k, _)| k.0.root().starts_with(prefix)) {
            let before = steps.len();
            self.trace_own(key, own, &mut steps);
            let to = Some(key.1.to.clone());
            steps.iter_mut().skip(before).for_each(|s| s.destination.clone_from(&to));
        }
        let kept = self.kept.range((first, Arc::from(""), 0)..);
        for (key, kept) in kept.take_while(|(k, _)| k.0.root().starts_with(prefix)) {
            self.trace_kept(key, kept, &mut steps);
        }
        for (id, received) in &self.received {
            for problem in &received.problems {
                if key_of(&problem.id).is_some_and(|k| k.root().starts_with(prefix)) {
                    let detail = format!("{} {}", problem.code, problem.text);
                    let mut step = step(received.at, &problem.id, &problem.outcome, Some(id));
                    detail.trim().clone_into(&mut step.detail);
                    steps.push(step);
                }
            }
        }
        steps.sort_by_key(|s| s.at);
        steps
    }

    fn trace_own(&self, key: &OwnKey, own: &Own, steps: &mut Vec<TraceStep>) {
        let record = own_id(key).to_string();
        let mut first = step(own.collected_at, &record, "collected", None);
        first.detail = own.digest.to_string();
        if own.digest == NO_CONTENT {
            first.what = "quarantined".into();
            first.detail = String::new();
        }
        steps.push(first);
        for id in &own.envelopes {
            let Some(out) = self.out.get(id) else { continue };
            steps.push(step(out.env.numbered_at, &record, "numbered", Some(id)));
            if let Some(at) = out.env.sent_at {
                steps.push(step(at, &record, "sent", Some(id)));
            }
            if let (Some(at), Some(hop)) = (out.hop_at, &out.env.hop) {
                let mut hop_step = step(at, &record, "hop", Some(id));
                hop_step.detail.clone_from(hop);
                steps.push(hop_step);
            }
            let Some(at) = out.ended_at else { continue };
            if out.env.state == OutState::Dead {
                let mut dead = step(at, &record, "dead", Some(id));
                dead.detail = out.env.reason.clone().unwrap_or_default();
                steps.push(dead);
            } else {
                // Another envelope since: this one's receipt said that the parent was missing.
                let what = match &own.at {
                    At::Envelope(last) if last == id => self.place_of(own).to_string(),
                    At::Superseded | At::Rejected | At::Voided
                        if own.envelopes.last() == Some(id) =>
                    {
                        self.place_of(own).to_string()
                    }
                    _ if own.given.contains(id) => "accepted".into(),
                    _ => "parent_missing".into(),
                };
                steps.push(step(at, &record, &what, Some(id)));
            }
        }
    }

    fn trace_kept(&self, key: &RecordKey, kept: &Kept, steps: &mut Vec<TraceStep>) {
        let record = record_id(key).to_string();
        let id = &kept.envelope;
        let Some(received) = self.received.get(id) else { return };
        let mut kept_step = step(received.at, &record, "kept", Some(id));
        kept_step.detail = format!("{} at {}", kept.digest, kept.index);
        steps.push(kept_step);
        if let Some(relay) = self.relays.get(id) {
            let mut relayed = step(relay.row.at, &record, "relayed", Some(id));
            let verified = if relay.verified { "" } else { ", not verified here" };
            relayed.detail = format!("{} {}{verified}", relay.row.link, relay.row.state);
            steps.push(relayed);
        }
    }
}

fn step(at: Millis, record: &str, what: &str, envelope: Option<&EnvelopeId>) -> TraceStep {
    TraceStep {
        at,
        record: record.to_owned(),
        destination: None,
        what: what.to_owned(),
        envelope: envelope.map(ToString::to_string),
        detail: String::new(),
    }
}

/// The key in the written form of a [`RecordId`].
fn key_of(record: &str) -> Option<Key> {
    let (_, rest): (&str, &str) = record.split_once(':')?;
    Key::parse(rest.rsplit_once('#')?.0)
}
