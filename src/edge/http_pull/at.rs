//! Where a pass over the pages of a web service is.

use adapt::{Ask, By};
use canon::Millis;
use serde::{Deserialize, Serialize};

/// A page of a pass, and how much of it was given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct At {
    /// Rows changed from here on were asked for, as the whole pass asks for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) since: Option<Millis>,
    /// Pages before this one.
    #[serde(default, skip_serializing_if = "zero")]
    pub(super) pages: u64,
    /// Rows of the pages before this one.
    #[serde(default, skip_serializing_if = "zero")]
    pub(super) rows: u64,
    /// The cursor or link that leads to it; empty for the first.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) next: String,
    /// Rows of this page that were given.
    #[serde(default, skip_serializing_if = "zero")]
    pub(super) given: u64,
    /// Digest of the answer they stood in: another answer is given from its beginning.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) answer: String,
    /// Highest believable time seen in this pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) high: Option<String>,
    /// Rows without a readable time.
    #[serde(default, skip_serializing_if = "zero")]
    pub(super) timeless: u64,
    /// Digests of the first page and of the one before.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) first: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) before: String,
    /// Digest of a page before, and at which page it was taken: see [`At::turned`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) anchor: Option<(String, u64)>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
const fn zero(n: &u64) -> bool {
    *n == 0
}

impl At {
    /// The number of the page, as the service counts.
    pub(super) const fn page(&self, ask: &Ask) -> u64 {
        ask.pages.first.saturating_add(self.pages)
    }

    /// The offset of the page, as the service counts.
    pub(super) const fn offset(&self, ask: &Ask) -> u64 {
        match ask.pages.by {
            By::Offset => ask.pages.first.saturating_add(self.rows),
            _ => self.rows,
        }
    }

    /// Whether a page with this digest came before in this pass: the first one, the one before (what
    /// services give that do not know the page), or one of a round. For rounds one digest is kept
    /// and taken anew after 1, 2, 4 … pages (Brent), so that any length is found, with nothing to
    /// remember that grows.
    pub(super) fn turned(&mut self, digest: &str) -> bool {
        if self.first == digest || self.before == digest {
            return true;
        }
        if self.first.is_empty() {
            digest.clone_into(&mut self.first);
        }
        digest.clone_into(&mut self.before);
        match &self.anchor {
            Some((anchor, _)) if anchor == digest => true,
            Some((_, taken)) if self.pages < (taken + 1) * 2 => false,
            _ => {
                self.anchor = Some((digest.to_owned(), self.pages));
                false
            }
        }
    }

    /// The page after this one.
    pub(super) fn step(&mut self, rows: u64, next: String) {
        self.pages += 1;
        self.rows += rows;
        self.next = next;
        self.given = 0;
        self.answer.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After how many pages a sequence of pages is found to go round; none if it is not, in 1000.
    fn found(page: impl Fn(u64) -> u64) -> Option<u64> {
        let mut at = At::default();
        (0..1000).find(|n| {
            let turned = at.turned(&page(*n).to_string());
            at.step(1, String::new());
            turned
        })
    }

    #[test]
    fn a_round_of_any_length_is_found_and_no_other() {
        assert_eq!(found(|n| n), None);
        assert_eq!(found(|_| 7), Some(1));
        assert_eq!(found(|n| n % 2), Some(2));
        for length in [3, 10, 100] {
            let after = found(|n| n % length).unwrap();
            assert!(after <= length * 4, "{length}: {after}");
            // Pages that are right at first, then a round.
            let after = found(|n| if n < 50 { n } else { 50 + n % length }).unwrap();
            assert!(after <= (50 + length) * 4, "{length}: {after}");
        }
    }
}
