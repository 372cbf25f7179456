//! How many parcels a worker claims in one turn, so that poison is found alone.

use canon::Lane;
use store::{InboxParcel, Lease};

/// Whether more may be waiting than was claimed: of the bulk lane a claim holds only a share.
pub(crate) fn more(claimed: &[InboxParcel], max: u32) -> bool {
    claimed.len() == max as usize || claimed.iter().any(|p| p.arrived.id.route.lane == Lane::Bulk)
}

/// A claim counts against every parcel in it. After a turn that did not end, and after every
/// start (the process may have died in one), parcels are claimed one at a time until as many as a
/// whole claim holds came to their end.
#[derive(Clone, Debug)]
pub(crate) struct Claims {
    max: u32,
    /// Parcels still to be claimed one at a time.
    alone: u32,
    /// The same, once the turn that has begun ends well.
    then: u32,
    /// The lease of the turn before.
    under: Option<Lease>,
}

impl Claims {
    /// At most `max` in one turn.
    pub(crate) const fn new(max: u32) -> Self {
        Self { max, alone: max, then: max, under: None }
    }

    /// How many to claim now. Until [`Claims::ended`] the turn counts as one that did not. Work that
    /// was not this process's in the turn before may have killed the process whose it was.
    pub(crate) fn begin(&mut self, lease: &Lease) -> u32 {
        if self.under.as_ref().is_none_or(|before| gained(before, lease)) {
            self.alone = self.max;
        }
        if self.under.as_ref() != Some(lease) {
            self.under = Some(lease.clone());
        }
        let limit = if self.alone > 0 { 1 } else { self.max };
        self.then = self.alone;
        self.alone = self.max;
        limit
    }

    /// All of what was claimed came to its end.
    pub(crate) const fn ended(&mut self, found: usize) {
        self.alone = self.then.saturating_sub(found as u32);
    }
}

/// Whether a lease stands on something that the one before did not.
fn gained(before: &Lease, now: &Lease) -> bool {
    before != now && now.rows().any(|row| !before.rows().any(|known| known == row))
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::SlotLease;

    #[test]
    fn one_at_a_time_after_a_start_and_after_a_turn_that_did_not_end() {
        let lease = Lease::whole("accept", 1);
        let mut claims = Claims::new(3);
        for _ in 0..3 {
            assert_eq!(claims.begin(&lease), 1);
            claims.ended(1);
        }
        assert_eq!(claims.begin(&lease), 3);
        claims.ended(0);
        assert_eq!(claims.begin(&lease), 3, "nothing to claim is no failure");
        assert_eq!(claims.begin(&lease), 1, "the turn before did not end");
        claims.ended(1);
        assert_eq!(claims.begin(&lease), 1);
    }
    #[test]
    fn one_at_a_time_in_what_was_taken_over() {
        let slots = |of: &[u8]| Lease {
            name: "accept".into(),
            token: 0,
            slots: of.iter().map(|s| SlotLease { slot: *s, token: 1 }).collect(),
        };
        let mut claims = Claims::new(2);
        for _ in 0..2 {
            assert_eq!(claims.begin(&slots(&[1, 2])), 1);
            claims.ended(1);
        }
        assert_eq!(claims.begin(&slots(&[1])), 2, "less than before is nothing new");
        claims.ended(2);
        assert_eq!(claims.begin(&slots(&[1, 5])), 1, "its holder may have died of it");
        claims.ended(1);
    }
}
