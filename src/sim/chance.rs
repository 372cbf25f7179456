//! All that is drawn by chance: one seed, split by name, so that a stream more shifts none of the
//! others.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// A stream of chance.
#[derive(Debug)]
pub struct Chance(StdRng);

impl Chance {
    /// The stream of this name.
    pub fn of(seed: u64, stream: &str) -> Self {
        // FNV-1a: the same on every machine and in every edition of the compiler.
        let name = stream.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Self(StdRng::seed_from_u64(seed ^ name.rotate_left(17)))
    }

    /// A number below `n`; 0 if `n` is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        if n == 0 { 0 } else { self.0.random_range(0..n) }
    }

    /// A number between both, the ends included.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        self.0.random_range(low..=high.max(low))
    }

    /// True so many times in a thousand.
    pub fn per_mille(&mut self, n: u32) -> bool {
        self.0.random_range(0..1_000) < n
    }

    /// One of these; none of an empty list.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.below(of.len() as u64) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_repeat_and_do_not_shift_each_other() {
        let draw = |stream| {
            let mut chance = Chance::of(7, stream);
            (0..20).map(|_| chance.below(1_000)).collect::<Vec<_>>()
        };
        assert_eq!(draw("weather"), draw("weather"));
        assert_ne!(draw("weather"), draw("crash"));
        assert_ne!(Chance::of(8, "crash").below(u64::MAX), Chance::of(7, "crash").below(u64::MAX));
    }
}
