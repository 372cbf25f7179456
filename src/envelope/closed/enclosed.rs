//! Bytes that lie somewhere for others to find, closed like a body: a file of a gate, an archive file's
//! content. One line says the cipher and the wrapped keys, the ciphertext follows.
//!
//! ```text
//! TIERGATE-CLOSED/1
//! {"cipher":"sm4-gcm","readers":[{"node":"…","certificate":"sm3:…","key":"…"}]}
//! …ciphertext with its tag…
//! ```

use canon::{DigestAlg, NodeCode};
use serde::{Deserialize, Serialize};

use super::{Cipher, Decrypt, Readers};
use crate::{Recipient, Refuse, SignError};

const MAGIC: &[u8] = b"TIERGATE-CLOSED/1\n";
/// Longest line of wrapped keys, bytes.
pub const ENCLOSED_LINE_BYTES_MAX: usize = 64 << 10;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    cipher: String,
    readers: Vec<Wrapped>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wrapped {
    node: String,
    certificate: String,
    key: String,
}

impl Readers {
    /// These bytes for those readers; `about` is what they are, and they open as nothing else.
    ///
    /// # Errors
    /// There is no randomness, or too much to encrypt.
    pub fn enclose(&self, cipher: Cipher, about: &str, bytes: &[u8]) -> Result<Vec<u8>, SignError> {
        let alg = match cipher {
            Cipher::Aes256Gcm => DigestAlg::Sha256,
            Cipher::Sm4Gcm => DigestAlg::Sm3,
        };
        let (key, recipients) = super::drawn(cipher, alg, &self.of, &self.random)?;
        let wrapped = |one: Recipient| Wrapped {
            node: one.node.to_string(),
            certificate: one.certificate.to_string(),
            key: one.key,
        };
        let readers = recipients.into_iter().map(wrapped).collect();
        let line = Line { cipher: cipher.name().to_owned(), readers };
        let line = serde_json::to_string(&line).expect("texts always have a JSON form");
        let closed = cipher.seal(&key, &bound(about, line.as_bytes()), bytes);
        let closed = closed.ok_or(SignError::Sign("the bytes could not be encrypted"))?;
        Ok([MAGIC, line.as_bytes(), b"\n", &closed].concat())
    }
}

/// Whether bytes are in this form.
pub fn is_enclosed(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// What was enclosed, for whoever has one of the keys; none where it is for others.
///
/// # Errors
/// The bytes are not in the form, of another `about`, or changed.
pub fn disclose(bytes: &[u8], about: &str, keys: &dyn Decrypt) -> Result<Option<Vec<u8>>, Refuse> {
    let malformed = Refuse::Closed { what: "it is not in the form of closed bytes" };
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| malformed.clone())?;
    let window = rest.get(..=ENCLOSED_LINE_BYTES_MAX).unwrap_or(rest);
    let end = memchr::memchr(b'\n', window).ok_or_else(|| malformed.clone())?;
    let (line, closed) = rest.split_at(end);
    let said: Line = serde_json::from_slice(line).map_err(|_| malformed.clone())?;
    let cipher = Cipher::by_name(&said.cipher);
    let cipher = cipher.ok_or(Refuse::Closed { what: "its cipher is not known here" })?;
    let recipient = |one: Wrapped| {
        let (node, certificate) = (NodeCode::new(&one.node)?, one.certificate.parse().ok()?);
        Some(Recipient { node, certificate, key: one.key })
    };
    let recipients: Option<Vec<_>> = said.readers.into_iter().map(recipient).collect();
    let Some(key) = keys.content_key(&recipients.ok_or(malformed)?) else { return Ok(None) };
    let opened = cipher.open(&key, &bound(about, line), closed.get(1..).unwrap_or_default());
    opened.map(Some).ok_or(Refuse::Closed { what: "it does not open with its key" })
}

fn bound(about: &str, line: &[u8]) -> Vec<u8> {
    [about.as_bytes(), b"\n", line].concat()
}
