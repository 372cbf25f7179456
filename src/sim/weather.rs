//! The weather of a seed: what the carrier does to parcels, as long as the storm lasts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bus::sim::{Arriving, Passage, Weather};
use bus::{Confirmation, Parcel};
use canon::NodeCode;

use crate::chance::Chance;
use crate::fault::{Fault, Happened};

/// Longest delay of a parcel, ms: beyond every patience of the simulated limits.
const LATE: i64 = 40_000;
/// Parcels that a forger remembers.
const SEEN: usize = 16;

/// What the world turns on and off.
#[derive(Debug, Default)]
pub struct Sky {
    /// How often a parcel has bad luck, in a thousand, by fault.
    pub rates: BTreeMap<Fault, u32>,
    /// Nodes that do not reach the carrier.
    pub cut: BTreeSet<NodeCode>,
    /// The carrier takes nothing.
    pub blocked: bool,
    /// The last parcels that went by, for whoever forges.
    pub seen: Vec<Parcel>,
}

/// The sky over the whole world.
pub type SharedSky = Arc<Mutex<Sky>>;

/// Looks at it.
pub fn look(sky: &SharedSky) -> MutexGuard<'_, Sky> {
    sky.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The weather.
pub struct Storm {
    sky: SharedSky,
    /// A stream for each fault, so that one more shifts none of the others.
    chances: BTreeMap<Fault, Chance>,
    happened: Happened,
}

impl Storm {
    /// Under this sky.
    pub fn new(seed: u64, sky: &SharedSky, happened: &Happened) -> Self {
        let stream = |f: Fault| (f, Chance::of(seed, &format!("weather/{f}")));
        Self {
            sky: Arc::clone(sky),
            chances: Fault::ALL.into_iter().map(stream).collect(),
            happened: happened.clone(),
        }
    }

    fn see(&self, parcel: &Parcel) {
        let mut sky = look(&self.sky);
        if [Fault::Forged, Fault::Insider].iter().any(|f| sky.rates.contains_key(f)) {
            if sky.seen.len() >= SEEN {
                sky.seen.remove(0);
            }
            sky.seen.push(parcel.clone());
        }
    }

    fn strikes(&mut self, fault: Fault, parcel: &Parcel) -> bool {
        let rate = look(&self.sky).rates.get(&fault).copied().unwrap_or(0);
        let strikes = rate > 0 && self.chances.get_mut(&fault).is_some_and(|c| c.per_mille(rate));
        if strikes {
            self.happened.note_of(fault, &parcel.kind);
        }
        strikes
    }

    fn below(&mut self, fault: Fault, n: i64) -> i64 {
        self.chances.get_mut(&fault).map_or(0, |c| c.between(1, n))
    }

    fn damaged(&mut self, parcel: &Parcel) -> Arc<[u8]> {
        let mut frame = parcel.frame.to_vec();
        let at = self.below(Fault::Damaged, frame.len() as i64) as usize - 1;
        if let Some(byte) = frame.get_mut(at) {
            *byte ^= 0x55;
        }
        frame.into()
    }
}

impl Weather for Storm {
    fn passage(&mut self, parcel: &Parcel) -> Passage {
        let no = |said| Passage { copies: Vec::new(), said };
        self.see(parcel);
        if look(&self.sky).blocked {
            self.happened.note_of(Fault::Blocked, &parcel.kind);
            return no(Confirmation::Unreachable("bus.blocked"));
        }
        if self.strikes(Fault::Full, parcel) {
            return no(Confirmation::Nacked("bus.full"));
        }
        if self.strikes(Fault::Unroutable, parcel) {
            return no(Confirmation::Returned);
        }
        if self.strikes(Fault::Lost, parcel) {
            return no(Confirmation::Unreachable("bus.unconfirmed"));
        }
        if self.strikes(Fault::LostConfirmed, parcel) {
            return no(Confirmation::Confirmed);
        }
        let mut passage = Passage::fair();
        if self.strikes(Fault::Doubled, parcel) {
            let late = self.below(Fault::Doubled, LATE);
            passage.copies.push(Arriving { late, ..Arriving::default() });
        }
        let first = &mut passage.copies[0];
        if self.strikes(Fault::Late, parcel) {
            first.late = self.below(Fault::Late, LATE);
        }
        if self.strikes(Fault::Damaged, parcel) {
            first.frame = Some(self.damaged(parcel));
        }
        if self.strikes(Fault::DeadLetter, parcel) {
            first.dead = true;
        }
        if self.strikes(Fault::ConfirmLost, parcel) {
            passage.said = Confirmation::Unreachable("bus.unconfirmed");
        }
        passage
    }

    fn reaches(&mut self, node: &NodeCode) -> bool {
        let cut = look(&self.sky).cut.contains(node);
        if cut {
            self.happened.note(Fault::Partition);
        }
        !cut
    }

    fn loses_ack(&mut self, parcel: &Parcel) -> bool {
        self.strikes(Fault::AckLost, parcel)
    }
}
