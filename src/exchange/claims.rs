//! How many parcels a worker claims in one turn, so that poison is found alone.

use canon::Lane;
use store::InboxParcel;

/// Whether more may be waiting than was claimed: of the bulk lane a claim holds only a share.
pub(crate) fn more(claimed: &[InboxParcel], max: u32) -> bool {
    claimed.len() == max as usize || claimed.iter().any(|p| p.arrived.id.route.lane == Lane::Bulk)
}

/// A claim counts against every parcel in it. After a turn that did not end, and after every
/// start (the process may have died in one), parcels are claimed one at a time until as many as a
/// whole claim holds came to their end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claims {
    max: u32,
    /// Parcels still to be claimed one at a time.
    alone: u32,
    /// The same, once the turn that has begun ends well.
    then: u32,
}

impl Claims {
    /// At most `max` in one turn.
    pub(crate) const fn new(max: u32) -> Self {
        Self { max, alone: max, then: max }
    }

    /// How many to claim now. Until [`Claims::ended`] the turn counts as one that did not.
    pub(crate) const fn begin(&mut self) -> u32 {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_after_a_start_and_after_a_turn_that_did_not_end() {
        let mut claims = Claims::new(3);
        for _ in 0..3 {
            assert_eq!(claims.begin(), 1);
            claims.ended(1);
        }
        assert_eq!(claims.begin(), 3);
        claims.ended(0);
        assert_eq!(claims.begin(), 3, "nothing to claim is no failure");
        assert_eq!(claims.begin(), 1, "the turn before did not end");
        claims.ended(1);
        assert_eq!(claims.begin(), 1);
    }
}
