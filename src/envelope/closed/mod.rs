//! Confidential bodies: encrypted once under a key of their own, which is wrapped for each node that may
//! read. The head signs the digest of the ciphertext and, as always, lengths and root of the plain
//! fragments: so who passes a package on verifies it without reading, and who reads it proves it as
//! any other.

mod cipher;
mod enclosed;
mod wrap;

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use canon::{Digest, DigestAlg, NodeCode};
use ring::rand::{SecureRandom, SystemRandom};

pub use cipher::Cipher;
pub use enclosed::{ENCLOSED_LINE_BYTES_MAX, disclose, is_enclosed};

use crate::frame::{frame, open_frame};
use crate::limits::PACKAGE_BYTES_MAX;
use crate::package::{assemble, open};
use crate::{Confidential, EncryptionCert, EncryptionPair, Head, PublicKey, Recipient, Refuse};
use crate::{SignError, Suite};

/// How hard a plain body is compressed before it is encrypted. A constant: the same body closed again
/// after a crash must be the same bytes.
const LEVEL: i32 = 3;

/// Who may read a body: a node, by a certificate for encryption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    /// The node.
    pub node: NodeCode,
    certificate: Vec<u8>,
    key: PublicKey,
}

impl Reader {
    /// From a certificate's DER; whoever calls has verified its chain.
    pub fn from_der(der: &[u8]) -> Result<Self, Refuse> {
        let EncryptionCert { node, key, .. } = EncryptionCert::from_der(der)?;
        if !wrap::may(key.suite()) {
            return Err(Refuse::CertificateInvalid {
                what: "keys are wrapped for P-256 and SM2 only",
            });
        }
        Ok(Self { node, certificate: der.to_vec(), key })
    }

    fn digest(&self, alg: DigestAlg) -> Digest {
        alg.of(&[&self.certificate])
    }
}

/// Everybody who reads the bodies of a route, the sender with them: what it sealed it may have to read
/// again (a resend, a receipt that rejects, evidence).
#[derive(Clone, Debug)]
pub struct Readers {
    of: Vec<Reader>,
    random: SystemRandom,
}

impl Readers {
    /// These; keys are drawn from `random`.
    pub const fn new(of: Vec<Reader>, random: SystemRandom) -> Self {
        Self { of, random }
    }

    /// Closes a body in the cipher of its route: what the head says of it.
    pub fn close(&self, head: &Head, body: &[u8]) -> Result<Confidential, SignError> {
        let suite = head.suite().map_err(|_| SignError::Sign("the suite of the route"))?;
        Ok(close(head, body, suite.cipher(), &self.of, &self.random)?.0)
    }
}

/// The decryption port: finds among the wrapped keys the one that is for this node, and opens it.
/// `accept` and whoever reads stored envelopes go through it; signing keys are never asked.
pub trait Decrypt: Send + Sync {
    /// The content key; none where none of them is for a key of this port.
    fn content_key(&self, recipients: &[Recipient]) -> Option<Vec<u8>>;
}

/// The port of a node that reads no confidential body.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoKeys;

impl Decrypt for NoKeys {
    fn content_key(&self, _: &[Recipient]) -> Option<Vec<u8>> {
        None
    }
}

/// Keys in memory; those of earlier certificates stay, so that what is kept can be read.
#[derive(Clone, Debug)]
pub struct KeyRing(Vec<EncryptionPair>);

impl KeyRing {
    /// Of these pairs.
    pub const fn new(pairs: Vec<EncryptionPair>) -> Self {
        Self(pairs)
    }
}

impl Decrypt for KeyRing {
    fn content_key(&self, recipients: &[Recipient]) -> Option<Vec<u8>> {
        let of = |recipient: &Recipient| {
            let alg = recipient.certificate.alg;
            let mine = |pair: &&EncryptionPair| {
                pair.chain.first().is_some_and(|der| alg.of(&[der]) == recipient.certificate)
            };
            let pair = self.0.iter().find(mine)?;
            wrap::unwrap(
                &pair.key,
                pair.certificate.key.suite(),
                &BASE64.decode(&recipient.key).ok()?,
            )
        };
        recipients.iter().find_map(of)
    }
}

impl Suite {
    /// Of which suite the key for encryption is beside a signing key of this one: content keys are
    /// wrapped for SM2 and for P-256.
    pub const fn encryption(self) -> Self {
        match self {
            Self::Sm2Sm3 => Self::Sm2Sm3,
            Self::EcdsaP256Sha256 | Self::Ed25519Sha256 | Self::RsaSha256 => Self::EcdsaP256Sha256,
        }
    }

    /// The cipher of bodies on a route of this suite: national with national.
    pub const fn cipher(self) -> Cipher {
        match self {
            Self::Sm2Sm3 => Cipher::Sm4Gcm,
            Self::EcdsaP256Sha256 | Self::Ed25519Sha256 | Self::RsaSha256 => Cipher::Aes256Gcm,
        }
    }
}

/// Closes a body for its readers: what the head says of it, and what stands in the package. `head`
/// is the head as it will be, less its `confidential`.
pub fn close(
    head: &Head,
    body: &[u8],
    cipher: Cipher,
    readers: &[Reader],
    random: &dyn SecureRandom,
) -> Result<(Confidential, Vec<u8>), SignError> {
    let (key, recipients) = drawn(cipher, head.digest_alg, readers, random)?;
    let closed = sealed(head, body, cipher, &key)
        .ok_or(SignError::Sign("the body could not be encrypted"))?;
    let ciphertext = head.digest_alg.of(&[&closed]);
    let confidential = Confidential { cipher: cipher.name().to_owned(), ciphertext, recipients };
    Ok((confidential, BASE64.encode(closed).into_bytes()))
}

/// A new content key, and it wrapped for each reader.
fn drawn(
    cipher: Cipher,
    alg: DigestAlg,
    readers: &[Reader],
    random: &dyn SecureRandom,
) -> Result<(Vec<u8>, Vec<Recipient>), SignError> {
    let silent = || SignError::Sign("no randomness from the system");
    let mut key = vec![0; cipher.key_len()];
    random.fill(&mut key).map_err(|_| silent())?;
    let mut recipients = Vec::with_capacity(readers.len());
    for reader in readers {
        let wrapped = wrap::wrap(&reader.key, &key, random).ok_or_else(silent)?;
        recipients.push(Recipient {
            node: reader.node.clone(),
            certificate: reader.digest(alg),
            key: BASE64.encode(wrapped),
        });
    }
    Ok((key, recipients))
}

/// The same closed body again, for a head that is fixed already: by a sender that is among its own
/// readers. Anything but the bytes that the head names is refused.
pub fn close_again(head: &Head, body: &[u8], keys: &dyn Decrypt) -> Result<Vec<u8>, Refuse> {
    let (confidential, cipher, key) = key_of(head, keys)?;
    let closed = sealed(head, body, cipher, &key)
        .filter(|c| head.digest_alg.of(&[c]) == confidential.ciphertext);
    let closed = closed.ok_or(Refuse::Closed { what: "closed again it is not the same" })?;
    Ok(BASE64.encode(closed).into_bytes())
}

/// The package with its body in the clear, as [`crate::open_clear`] reads it; one that is not
/// confidential as it is. Its signature is not looked at.
pub fn clear<'p>(package: &'p [u8], keys: &dyn Decrypt) -> Result<Cow<'p, [u8]>, Refuse> {
    if !is_closed(package) {
        return Ok(Cow::Borrowed(package));
    }
    let opened = open(package)?;
    let head = &opened.head;
    let (_, cipher, key) = key_of(head, keys)?;
    let closed = opened.closed.as_deref().unwrap_or_default();
    let packed = cipher.open(&key, &about(head), closed);
    let packed = packed.ok_or(Refuse::Closed { what: "it does not open with its key" })?;
    let length: u64 = head.lengths.iter().map(|l| u64::from(*l)).sum();
    let length = usize::try_from(length).unwrap_or(usize::MAX).min(PACKAGE_BYTES_MAX);
    let body = open_frame(&packed, length)?;
    Ok(Cow::Owned(assemble(opened.head_bytes, &body, opened.signature)))
}

/// Whether the body of a package is closed; looked up in its head, where no text can hold a tag.
pub fn is_closed(package: &[u8]) -> bool {
    let head = memchr::memmem::find(package, b"</Head>").unwrap_or(0);
    let head = package.get(..head).unwrap_or_default();
    memchr::memmem::find(head, b"<Confidential>").is_some()
}

/// What a ciphertext is bound to: it opens in no other envelope, and for no other fragments.
fn about(head: &Head) -> Vec<u8> {
    format!("{}\n{}", head.id(), head.root).into_bytes()
}

fn sealed(head: &Head, body: &[u8], cipher: Cipher, key: &[u8]) -> Option<Vec<u8>> {
    cipher.seal(key, &about(head), &frame(body, LEVEL))
}

fn key_of<'h>(
    head: &'h Head,
    keys: &dyn Decrypt,
) -> Result<(&'h Confidential, Cipher, Vec<u8>), Refuse> {
    let none = Refuse::Closed { what: "the head names no reader of this node" };
    let confidential = head.confidential.as_ref().ok_or_else(|| none.clone())?;
    let cipher = Cipher::by_name(&confidential.cipher);
    let cipher = cipher.ok_or(Refuse::Closed { what: "its cipher is not known here" })?;
    let key = keys.content_key(&confidential.recipients).ok_or(none)?;
    Ok((confidential, cipher, key))
}
