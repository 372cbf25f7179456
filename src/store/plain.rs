//! Text that every back end can keep.
//!
//! PostgreSQL keeps no U+0000 in a text, XML carries none, and a text from outside may hold one all the
//! same: a cell of a row, a header of a parcel, what a peer or an operator wrote. So that all back ends
//! say the same, each takes what comes from outside through here: U+0000 becomes ␀ (U+2400), in what is
//! stored and in what is asked for. Keys write it `%00` by themselves ([`canon::Key`]). Bytes (fragments,
//! frames, raw rows) stay what they are.

use std::borrow::Cow;
use std::sync::Arc;

use canon::{NodeCode, Violation};

use crate::types::EventOn;
use crate::types::*;

/// What stands for U+0000.
const SHOWN: &str = "\u{2400}";

/// A text without U+0000.
fn text(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', SHOWN)) } else { Cow::Borrowed(text) }
}

/// Borrowed again, as they were given.
pub(crate) fn refs<'t>(texts: &'t [Cow<'_, str>]) -> Vec<&'t str> {
    texts.iter().map(|t| &**t).collect()
}

/// What comes from outside, and what it is without U+0000; nothing is copied where it is right.
pub(crate) trait Plain {
    /// What it is then.
    type As;

    /// Writes ␀ in place of each.
    fn plain(self) -> Self::As;
}

impl<'t> Plain for &'t str {
    type As = Cow<'t, str>;

    fn plain(self) -> Cow<'t, str> {
        text(self)
    }
}

impl<'t> Plain for Option<&'t str> {
    type As = Option<Cow<'t, str>>;

    fn plain(self) -> Option<Cow<'t, str>> {
        self.map(text)
    }
}

impl<'t> Plain for &'t [&'t str] {
    type As = Vec<Cow<'t, str>>;

    fn plain(self) -> Vec<Cow<'t, str>> {
        self.iter().map(|t| text(t)).collect()
    }
}

impl<T: MakePlain> Plain for T {
    type As = T;

    fn plain(mut self) -> T {
        self.make_plain();
        self
    }
}

/// A value whose texts are made plain where they are.
pub(crate) trait MakePlain {
    /// Writes ␀ in place of each U+0000.
    fn make_plain(&mut self);
}

impl MakePlain for String {
    fn make_plain(&mut self) {
        if let Cow::Owned(plain) = text(self) {
            *self = plain;
        }
    }
}

impl MakePlain for Arc<str> {
    fn make_plain(&mut self) {
        if let Cow::Owned(plain) = text(self) {
            *self = plain.into();
        }
    }
}

impl MakePlain for NodeCode {
    fn make_plain(&mut self) {
        self.0.make_plain();
    }
}

impl<T: MakePlain> MakePlain for Option<T> {
    fn make_plain(&mut self) {
        if let Some(value) = self {
            value.make_plain();
        }
    }
}

impl<T: MakePlain> MakePlain for Vec<T> {
    fn make_plain(&mut self) {
        self.iter_mut().for_each(MakePlain::make_plain);
    }
}

impl MakePlain for Violation {
    fn make_plain(&mut self) {
        self.rule.make_plain();
        self.field.make_plain();
        self.zh.make_plain();
        self.en.make_plain();
    }
}

impl MakePlain for Collected {
    fn make_plain(&mut self) {
        self.cursor.make_plain();
        for record in self.chunks.iter_mut().flat_map(|c| &mut c.records) {
            record.facts.make_plain();
            record.source_row.make_plain();
        }
        for held in &mut self.quarantined {
            held.reference.make_plain();
            held.source_row.make_plain();
            held.violations.make_plain();
        }
        for link in &mut self.known {
            link.row.make_plain();
        }
        for mark in &mut self.rows {
            mark.row.make_plain();
        }
        for stands in &mut self.stands {
            stands.text.make_plain();
        }
    }
}

impl MakePlain for NewControl {
    fn make_plain(&mut self) {
        self.to.make_plain();
        self.detail.make_plain();
    }
}

impl MakePlain for Attempted {
    fn make_plain(&mut self) {
        self.reason.make_plain();
    }
}

impl MakePlain for Arrived {
    fn make_plain(&mut self) {
        self.from.make_plain();
        self.id.sender.make_plain();
        self.id.route.destination.make_plain();
        self.id.route.edition.make_plain();
        self.id.route.suite.make_plain();
        self.kind.make_plain();
        self.to.make_plain();
    }
}

impl MakePlain for Problem {
    fn make_plain(&mut self) {
        self.id.make_plain();
        self.code.make_plain();
        self.field.make_plain();
        self.text.make_plain();
    }
}

impl MakePlain for Step {
    fn make_plain(&mut self) {
        self.controls.make_plain();
        for text in self.stands.iter_mut().filter_map(|s| s.text.as_mut()) {
            text.make_plain();
        }
    }
}

impl MakePlain for Judged {
    fn make_plain(&mut self) {
        self.problems.make_plain();
        self.receipt.make_plain();
        for count in &mut self.units {
            count.unit.make_plain();
            count.region.make_plain();
        }
        for kept in &mut self.kept {
            kept.facts.make_plain();
        }
    }
}

impl MakePlain for NewSubmission {
    fn make_plain(&mut self) {
        self.facts.make_plain();
    }
}

impl MakePlain for Submit {
    fn make_plain(&mut self) {
        self.records.make_plain();
    }
}

impl MakePlain for Submitted {
    fn make_plain(&mut self) {
        if let Some(answer) = &mut self.answer {
            answer.said.make_plain();
        }
    }
}

impl MakePlain for RefusedParcel {
    fn make_plain(&mut self) {
        self.code.make_plain();
        self.detail.make_plain();
        self.refusal.make_plain();
    }
}

impl MakePlain for Settlement {
    fn make_plain(&mut self) {
        self.reason.make_plain();
        for record in &mut self.not_accepted {
            record.code.make_plain();
            record.field.make_plain();
            record.text.make_plain();
        }
        for row in &mut self.rows {
            row.row.make_plain();
            row.text.make_plain();
        }
    }
}

impl MakePlain for EventOn {
    fn make_plain(&mut self) {
        self.reason.make_plain();
        self.controls.make_plain();
    }
}

impl MakePlain for WriteBackDone {
    fn make_plain(&mut self) {
        self.row.make_plain();
        if let Some((reason, _)) = &mut self.failed {
            reason.make_plain();
        }
    }
}

impl MakePlain for ProblemFilter {
    fn make_plain(&mut self) {
        self.adapter.make_plain();
        self.state.make_plain();
        self.rule.make_plain();
    }
}

impl MakePlain for Adopted {
    fn make_plain(&mut self) {
        for envelope in &mut self.envelopes {
            envelope.adapter.make_plain();
            for record in &mut envelope.records {
                record.facts.make_plain();
                record.code.make_plain();
            }
        }
        self.stand.1.make_plain();
        self.controls.make_plain();
    }
}
