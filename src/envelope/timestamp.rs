//! RFC 3161: a question to a time-stamping authority over a digest, and what its answer says.
//!
//! The answer is believed to be about our question (digest and nonce) and to grant it. Whether its signature
//! holds is for whoever relies on it: `openssl ts -verify` does that from the file as it came.

use canon::{Digest, DigestAlg};

/// Largest answer, bytes.
pub const TIMESTAMP_BYTES_MAX: usize = 64 << 10;
/// Content type of a question.
pub const QUERY: &str = "application/timestamp-query";
/// `id-ct-TSTInfo`, 1.2.840.113549.1.9.16.1.4.
const TST_INFO: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x10, 0x01, 0x04];
/// SHA-256, 2.16.840.1.101.3.4.2.1, with its absent parameters.
const SHA256: &[u8] =
    &[0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00];
/// SM3, 1.2.156.10197.1.401, with its absent parameters.
const SM3: &[u8] =
    &[0x30, 0x0C, 0x06, 0x08, 0x2A, 0x81, 0x1C, 0xCF, 0x55, 0x01, 0x83, 0x11, 0x05, 0x00];

const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const OID: u8 = 0x06;
const TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const EXPLICIT_0: u8 = 0xA0;

/// Why an answer is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StampError {
    /// Not in the form.
    #[error("not an answer of a time-stamping authority")]
    Malformed,
    /// The authority refused.
    #[error("the time-stamping authority refused, status {0}")]
    Refused(u8),
    /// About another digest, or another question.
    #[error("an answer to another question")]
    Other,
}

/// The question over a digest.
pub fn question(digest: &Digest, nonce: u64) -> Vec<u8> {
    let alg = match digest.alg {
        DigestAlg::Sha256 => SHA256,
        DigestAlg::Sm3 => SM3,
    };
    let imprint = put(SEQUENCE, &[alg, &put(OCTETS, &digest.bytes)].concat());
    let parts = [put(INTEGER, &[1]), imprint, number(nonce), put(BOOLEAN, &[0xFF])];
    put(SEQUENCE, &parts.concat())
}

/// The time that an answer vouches for, as it says it (`20261122083000Z`).
///
/// # Errors
/// It refuses, or does not answer this question.
pub fn time_of(answer: &[u8], digest: &Digest, nonce: u64) -> Result<String, StampError> {
    let (time, mut rest) = over(answer, digest)?;
    let asked = number(nonce);
    while !rest.0.is_empty() {
        let whole = rest.0;
        let (tag, content) = rest.next()?;
        if tag == INTEGER && whole.starts_with(&asked) && content.len() + 2 == asked.len() {
            return Ok(time);
        }
    }
    Err(StampError::Other)
}

/// The time that an answer of before vouches for: whose question it answered is forgotten, what it is
/// about is not.
///
/// # Errors
/// It is no answer, or about another digest.
pub fn time_over(answer: &[u8], digest: &Digest) -> Result<String, StampError> {
    Ok(over(answer, digest)?.0)
}

/// The time of an answer over this digest, and what it says after that.
fn over<'a>(answer: &'a [u8], digest: &Digest) -> Result<(String, Der<'a>), StampError> {
    if answer.len() > TIMESTAMP_BYTES_MAX {
        return Err(StampError::Malformed);
    }
    let mut response = Der(answer).within(SEQUENCE)?;
    let status = response.within(SEQUENCE)?.take(INTEGER)?;
    match status {
        [0 | 1] => {}
        other => return Err(StampError::Refused(other.last().copied().unwrap_or(u8::MAX))),
    }
    // ContentInfo, SignedData, EncapsulatedContentInfo, TSTInfo.
    let mut content = response.within(SEQUENCE)?;
    content.take(OID)?;
    let mut signed = content.within(EXPLICIT_0)?.within(SEQUENCE)?;
    signed.take(INTEGER)?;
    signed.skip()?;
    let mut inside = signed.within(SEQUENCE)?;
    if inside.take(OID)? != TST_INFO {
        return Err(StampError::Malformed);
    }
    let mut info = Der(inside.within(EXPLICIT_0)?.take(OCTETS)?).within(SEQUENCE)?;
    info.take(INTEGER)?;
    info.take(OID)?;
    let mut imprint = info.within(SEQUENCE)?;
    imprint.skip()?;
    if imprint.take(OCTETS)? != digest.bytes {
        return Err(StampError::Other);
    }
    info.take(INTEGER)?;
    let time = std::str::from_utf8(info.take(TIME)?).map_err(|_| StampError::Malformed)?;
    Ok((time.to_owned(), info))
}

/// A whole number as DER writes it: no more bytes than needed, never negative.
fn number(n: u64) -> Vec<u8> {
    let bytes = n.to_be_bytes();
    let from = bytes.iter().position(|b| *b != 0).unwrap_or(bytes.len() - 1);
    let mut content = bytes[from..].to_vec();
    if content[0] & 0x80 != 0 {
        content.insert(0, 0);
    }
    put(INTEGER, &content)
}

fn put(tag: u8, content: &[u8]) -> Vec<u8> {
    // What is asked here is shorter than 128 bytes, where the length is one byte.
    assert!(content.len() < 128, "a question fits into short lengths");
    [&[tag, content.len() as u8], content].concat()
}

/// What is left of some DER.
#[derive(Clone, Copy)]
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    fn next(&mut self) -> Result<(u8, &'a [u8]), StampError> {
        let [tag, first, rest @ ..] = self.0 else { return Err(StampError::Malformed) };
        let (length, rest) = if *first < 0x80 {
            (usize::from(*first), rest)
        } else {
            let (bytes, rest) =
                rest.split_at_checked(usize::from(first & 0x7F)).ok_or(StampError::Malformed)?;
            if bytes.is_empty() || bytes.len() > 4 {
                return Err(StampError::Malformed);
            }
            (bytes.iter().fold(0, |n, b| n << 8 | usize::from(*b)), rest)
        };
        let (content, rest) = rest.split_at_checked(length).ok_or(StampError::Malformed)?;
        self.0 = rest;
        Ok((*tag, content))
    }

    fn take(&mut self, tag: u8) -> Result<&'a [u8], StampError> {
        let (found, content) = self.next()?;
        if found == tag { Ok(content) } else { Err(StampError::Malformed) }
    }

    fn within(&mut self, tag: u8) -> Result<Self, StampError> {
        self.take(tag).map(Der)
    }

    fn skip(&mut self) -> Result<(), StampError> {
        self.next().map(|_| ())
    }
}
