//! Secrets that a browser, a program or a link carries: 32 bytes of chance. The store has their digests.

use canon::DigestAlg;
use ring::hmac;

use crate::hall::Hall;

/// 32 bytes of chance that prove who somebody is. It is never logged and never stored.
#[derive(Clone)]
pub(crate) struct Secret([u8; 32]);

impl Secret {
    /// A new one.
    pub(crate) fn new(hall: &Hall) -> Self {
        Self(chance(hall))
    }

    /// As it is carried.
    pub(crate) fn text(&self) -> String {
        hex(&self.0)
    }

    /// As it was carried; none if it cannot be one.
    pub(crate) fn read(text: &str) -> Option<Self> {
        Some(Self(unhex(text)?.try_into().ok()?))
    }

    /// Under which name the store has what belongs to it.
    pub(crate) fn digest(&self) -> String {
        hex(&DigestAlg::Sha256.of(&[&self.0]).bytes)
    }

    /// What forms of its session say again: told by it, and not telling it.
    pub(crate) fn csrf(&self) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        hex(hmac::sign(&key, b"tiergate csrf").as_ref())
    }
}

/// Bytes of chance.
pub(crate) fn chance<const N: usize>(hall: &Hall) -> [u8; N] {
    let mut bytes = [0; N];
    (hall.chance)(&mut bytes);
    bytes
}

/// Bytes as lower-case digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        for half in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(half.into(), 16));
        }
        text
    })
}

/// Digits as bytes; none if they are none.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_carried_is_read_again_and_tells_nothing_of_its_digest() {
        let secret = Secret([7; 32]);
        let read = Secret::read(&secret.text()).unwrap();
        assert_eq!(read.digest(), secret.digest());
        assert_eq!(read.csrf(), secret.csrf());
        assert!(secret.text() != secret.digest() && secret.csrf() != secret.digest());
        for bad in ["", "07", "zz", &"0".repeat(63), &"0".repeat(66), "中文"] {
            assert!(Secret::read(bad).is_none(), "{bad}");
        }
    }
}
