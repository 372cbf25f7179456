//! Where a key stands among all keys: the digest of a key, and its sixteen-way prefixes, by which two
//! nodes narrow a difference down.

use std::fmt;
use std::str::FromStr;

use crate::digest::DigestAlg;

/// Most hex digits of a prefix.
pub const PREFIX_DIGITS_MAX: u8 = 15;

/// The place of a record's key, given by its columns: the first eight bytes of SHA-256 over `TYPE:key`.
/// It sorts and proves nothing, so it is the same in every suite.
pub fn key_place(kind: &str, root: &str, part: &str) -> u64 {
    let slash: &[u8] = if part.is_empty() { b"" } else { b"/" };
    let (root, part) = (root.as_bytes(), part.as_bytes());
    let digest = DigestAlg::Sha256.of(&[kind.as_bytes(), b":", root, slash, part]);
    let mut first = [0; 8];
    first.copy_from_slice(&digest.bytes[..8]);
    u64::from_be_bytes(first)
}

/// The places that begin with the same hex digits. Written as those digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    bits: u64,
    digits: u8,
}

impl Prefix {
    /// Every place.
    pub const ALL: Self = Self { bits: 0, digits: 0 };

    /// The prefix of a place with so many digits.
    pub const fn of(place: u64, digits: u8) -> Self {
        let digits = if digits > PREFIX_DIGITS_MAX { PREFIX_DIGITS_MAX } else { digits };
        let bits = if digits == 0 { 0 } else { place >> (64 - 4 * digits as u32) };
        Self { bits, digits }
    }

    /// How many digits it has.
    pub const fn digits(self) -> u8 {
        self.digits
    }

    /// One digit more; none at the longest.
    pub const fn child(self, digit: u8) -> Option<Self> {
        if self.digits >= PREFIX_DIGITS_MAX {
            return None;
        }
        Some(Self { bits: self.bits << 4 | (digit & 15) as u64, digits: self.digits + 1 })
    }

    /// One digit less; none above the first.
    pub const fn parent(self) -> Option<Self> {
        if self.digits == 0 {
            return None;
        }
        Some(Self { bits: self.bits >> 4, digits: self.digits - 1 })
    }

    /// Whether a place begins so.
    pub fn covers(self, place: u64) -> bool {
        Self::of(place, self.digits) == self
    }

    /// The digit of a place that follows this prefix.
    pub const fn digit_of(self, place: u64) -> usize {
        (place >> (60 - 4 * self.digits as u32) & 15) as usize
    }

    /// The first and the last place that begin so.
    pub const fn range(self) -> (u64, u64) {
        if self.digits == 0 {
            return (0, u64::MAX);
        }
        let free = 64 - 4 * self.digits as u32;
        let first = self.bits << free;
        (first, first | ((1 << free) - 1))
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.digits == 0 {
            return Ok(());
        }
        write!(f, "{:0width$x}", self.bits, width = usize::from(self.digits))
    }
}

/// Not a prefix: lower-case hex digits, at most fifteen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a prefix: expected at most {PREFIX_DIGITS_MAX} lower-case hex digits")]
pub struct NotAPrefix;

impl FromStr for Prefix {
    type Err = NotAPrefix;

    fn from_str(text: &str) -> Result<Self, NotAPrefix> {
        let mut prefix = Self::ALL;
        for c in text.bytes() {
            let digit = match c {
                b'0'..=b'9' => c - b'0',
                b'a'..=b'f' => c - b'a' + 10,
                _ => return Err(NotAPrefix),
            };
            prefix = prefix.child(digit).ok_or(NotAPrefix)?;
        }
        Ok(prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Key;

    #[test]
    fn prefixes_nest_and_read_back() {
        let key = Key::new("u", &["1", "2"]);
        let place = key_place("SL", key.root(), key.part());
        let mut prefix = Prefix::ALL;
        for digits in 0..=PREFIX_DIGITS_MAX {
            assert_eq!(prefix, Prefix::of(place, digits));
            assert!(prefix.covers(place) && (digits == 0 || !prefix.covers(!place)));
            assert_eq!(prefix.to_string().parse(), Ok(prefix));
            let (first, last) = prefix.range();
            assert!((first..=last).contains(&place));
            if let Some(child) = prefix.child(prefix.digit_of(place) as u8) {
                assert_eq!(child.parent(), Some(prefix));
                prefix = child;
            }
        }
        assert_eq!(prefix.child(0), None);
        assert_eq!(Prefix::ALL.parent(), None);
        for bad in ["G", "A", "0123456789abcdef"] {
            assert_eq!(bad.parse::<Prefix>(), Err(NotAPrefix), "{bad}");
        }
    }

    #[test]
    fn a_place_is_that_of_the_written_key() {
        let key = Key::new("u", &["1", "2"]);
        let whole = DigestAlg::Sha256.of(&[format!("SL:{key}").as_bytes()]);
        assert_eq!(key_place("SL", key.root(), key.part()).to_be_bytes(), whole.bytes[..8]);
    }
}
