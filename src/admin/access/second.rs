//! The second factor of an account: codes by time (RFC 6238), and codes for the day the telephone is lost.

use canon::{DigestAlg, Millis};
use ring::{aead, hmac};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::secret::{chance, hex, unhex};
use crate::error::PageError;
use crate::hall::Hall;

/// How long a code is one, ms.
const STEP: i64 = 30_000;
/// Steps a clock may be off, before and after.
const STEPS_OFF: i64 = 1;
/// Digits of a code.
const DIGITS: u32 = 6;
/// Codes for the day the telephone is lost.
pub const RECOVERY_CODES: usize = 8;
/// Letters of base 32 (RFC 4648).
const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// What codes are made of.
#[derive(Clone, Copy)]
pub(crate) struct Seed([u8; 20]);

/// A second factor as it is kept: the seed is closed by the password, so that neither the store nor a
/// password alone gives codes.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Second {
    nonce: String,
    closed: String,
    /// The step of the code that was used last: no code is used twice.
    step: i64,
    /// Digests of the codes that are left.
    recovery: Vec<String>,
    /// Since when it is.
    pub(crate) since: Millis,
}

impl Seed {
    /// A new one.
    pub(crate) fn new(hall: &Hall) -> Self {
        Self(chance(hall))
    }

    /// As it waits to be enrolled.
    pub(crate) fn text(&self) -> String {
        hex(&self.0)
    }

    /// As it waited.
    pub(crate) fn read(text: &str) -> Option<Self> {
        Some(Self(unhex(text)?.try_into().ok()?))
    }

    /// As people type it into their telephone.
    pub(crate) fn letters(&self) -> String {
        base32(&self.0)
    }

    /// The address telephones understand.
    pub(crate) fn address(&self, hall: &Hall, account: &str) -> String {
        let (node, secret) = (&hall.node.code, self.letters());
        format!(
            "otpauth://totp/Tiergate%20{node}:{account}?secret={secret}&issuer=Tiergate%20{node}"
        )
    }

    /// The code of a step.
    pub(crate) fn code(&self, step: i64) -> String {
        code(&self.0, step, DIGITS)
    }

    /// The step of which this is the code, near a time and after a step.
    fn step_of(&self, said: &str, now: Millis, after: i64) -> Option<i64> {
        let here = now.0.div_euclid(STEP);
        (here - STEPS_OFF..=here + STEPS_OFF)
            .filter(|step| *step > after)
            .find(|step| self.code(*step).as_bytes().ct_eq(said.as_bytes()).into())
    }

    /// The first step's code is right: it will be a second factor. Returns what is kept and the codes
    /// for the day the telephone is lost.
    pub(crate) fn enrol(
        self,
        hall: &Hall,
        (account, key): (&str, &[u8; 32]),
        said: &str,
    ) -> Option<(Second, Vec<String>)> {
        let now = (hall.wall)();
        let step = self.step_of(&plain(said), now, i64::MIN)?;
        let codes: Vec<String> = (0..RECOVERY_CODES).map(|_| recovery_code(hall)).collect();
        let nonce: [u8; 12] = chance(hall);
        let second = Second {
            closed: hex(&closed(key, nonce, account, &self.0)?),
            nonce: hex(&nonce),
            step,
            recovery: codes.iter().map(|code| digest(code)).collect(),
            since: now,
        };
        Some((second, codes))
    }
}

impl Second {
    fn opened(&self, account: &str, key: &[u8; 32]) -> Option<Seed> {
        let nonce = unhex(&self.nonce)?.try_into().ok()?;
        let mut bytes = unhex(&self.closed)?;
        let key = aead::UnboundKey::new(&aead::AES_256_GCM, key).ok()?;
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        let open = aead::LessSafeKey::new(key)
            .open_in_place(nonce, aead::Aad::from(account.as_bytes()), &mut bytes)
            .ok()?;
        Some(Seed(open.try_into().ok()?))
    }

    /// Takes a code, once: one by time, or one of those for the day the telephone is lost.
    pub(crate) fn takes(
        &mut self,
        (account, key): (&str, &[u8; 32]),
        said: &str,
        now: Millis,
    ) -> bool {
        let said = plain(said);
        let left = digest(&said);
        if let Some(at) = self.recovery.iter().position(|kept| *kept == left) {
            self.recovery.remove(at);
            return true;
        }
        let Some(seed) = self.opened(account, key) else { return false };
        let step = seed.step_of(&said, now, self.step);
        self.step = step.unwrap_or(self.step);
        step.is_some()
    }

    /// The same factor, closed by another password; none if the first does not open it.
    pub(crate) fn again(
        &self,
        hall: &Hall,
        account: &str,
        (old, new): (&[u8; 32], &[u8; 32]),
    ) -> Option<Self> {
        let seed = self.opened(account, old)?;
        let nonce: [u8; 12] = chance(hall);
        let closed = hex(&closed(new, nonce, account, &seed.0)?);
        Some(Self { nonce: hex(&nonce), closed, ..self.clone() })
    }

    /// Codes that are left for the day the telephone is lost.
    pub(crate) const fn left(&self) -> usize {
        self.recovery.len()
    }
}

/// Why a code was not taken when it was to be enrolled.
pub(crate) fn not_taken() -> PageError {
    PageError::bad(
        "the code is not right: look whether the clock of the telephone is, and enter the one it shows now",
        "验证码不正确：请核对手机时间，并输入当前显示的验证码",
    )
}

fn closed(key: &[u8; 32], nonce: [u8; 12], account: &str, seed: &[u8; 20]) -> Option<Vec<u8>> {
    let key = aead::UnboundKey::new(&aead::AES_256_GCM, key).ok()?;
    let nonce = aead::Nonce::assume_unique_for_key(nonce);
    let mut bytes = seed.to_vec();
    aead::LessSafeKey::new(key)
        .seal_in_place_append_tag(nonce, aead::Aad::from(account.as_bytes()), &mut bytes)
        .ok()?;
    Some(bytes)
}

/// A code of RFC 6238 with SHA-1, which is what telephones have.
fn code(seed: &[u8], step: i64, digits: u32) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, seed);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[tag.len() - 1] & 15);
    let four: [u8; 4] = [tag[at] & 0x7f, tag[at + 1], tag[at + 2], tag[at + 3]];
    let number = u32::from_be_bytes(four) % 10_u32.pow(digits);
    format!("{number:0width$}", width = digits as usize)
}

fn recovery_code(hall: &Hall) -> String {
    base32(&chance::<10>(hall))
}

fn digest(code: &str) -> String {
    hex(&DigestAlg::Sha256.of(&[b"tiergate recovery", code.as_bytes()]).bytes)
}

/// A code as it is meant: without spaces and dashes, letters large.
fn plain(said: &str) -> String {
    said.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect()
}

/// Letters of four, so that nobody loses the place.
pub(crate) fn in_fours(text: &str) -> String {
    let mut out = String::new();
    for (i, c) in text.chars().enumerate() {
        if i > 0 && i.is_multiple_of(4) {
            out.push(' ');
        }
        out.push(c);
    }
    out
}

fn base32(bytes: &[u8]) -> String {
    let (mut out, mut held, mut bits) = (String::new(), 0_u32, 0);
    for byte in bytes {
        held = held << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            out.push(char::from(LETTERS[(held >> bits & 31) as usize]));
        }
        held &= (1 << bits) - 1;
    }
    if bits > 0 {
        out.push(char::from(LETTERS[(held << (5 - bits) & 31) as usize]));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_hall;

    /// RFC 6238, appendix B, the rows of SHA-1.
    #[test]
    fn codes_are_those_of_the_rfc() {
        for (seconds, wanted) in [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ] {
            assert_eq!(code(b"12345678901234567890", seconds / 30, 8), wanted);
        }
    }

    /// RFC 4648, section 10, without the padding.
    #[test]
    fn letters_are_those_of_the_rfc() {
        for (bytes, letters) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(bytes.as_bytes()), letters);
        }
        assert_eq!(in_fours("MZXW6YTBOI"), "MZXW 6YTB OI");
    }

    #[test]
    fn a_code_is_taken_once_and_only_near_its_time() {
        let ground = test_hall::Ground::new();
        let hall = &ground.hall;
        let (seed, key) = (Seed::new(hall), [3; 32]);
        let here = || hall.now().0.div_euclid(STEP);
        assert!(seed.enrol(hall, ("op01", &key), &seed.code(here() - 2)).is_none());
        let (mut second, codes) = seed.enrol(hall, ("op01", &key), &seed.code(here())).unwrap();
        // The code that enrolled it is used up.
        assert!(!second.takes(("op01", &key), &seed.code(here()), hall.now()));
        assert!(second.takes(("op01", &key), &seed.code(here() + 1), hall.now()));
        assert!(!second.takes(("op01", &key), &seed.code(here() + 1), hall.now()));
        ground.later(5 * STEP);
        assert!(!second.takes(("op01", &key), &seed.code(here() - 2), hall.now()));
        assert!(!second.takes(("op01", &key), &seed.code(here() + 2), hall.now()));
        assert!(!second.takes(("op01", &[4; 32]), &seed.code(here()), hall.now()));
        assert!(!second.takes(("op02", &key), &seed.code(here()), hall.now()));
        assert!(second.takes(("op01", &key), &seed.code(here() - 1), hall.now()));
        // Another password closes the same seed; the old one opens it no more.
        let mut again = second.again(hall, "op01", (&key, &[5; 32])).unwrap();
        assert!(!again.takes(("op01", &key), &seed.code(here()), hall.now()));
        assert!(again.takes(("op01", &[5; 32]), &seed.code(here()), hall.now()));
        assert!(second.again(hall, "op01", (&[9; 32], &key)).is_none());
        // Codes for the day the telephone is lost, as people type them.
        let typed = in_fours(&codes[3]).to_lowercase();
        assert!(second.takes(("op01", &key), &typed, hall.now()));
        assert!(!second.takes(("op01", &key), &typed, hall.now()));
        assert_eq!(second.left(), RECOVERY_CODES - 1);
    }
}
