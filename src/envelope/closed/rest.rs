//! Fragments of a closed route as they wait in their own node's store: each under a stream of its own, at its
//! length, so that ranges, lengths and digests stay what they are.
//!
//! The key follows from the private key for encryption, so nothing has to be kept or agreed, also between
//! instances; the stream follows from the fragment's digest, which stands beside it. Equal fragments are equal
//! here too, and their digests are.

use std::fmt;

use aes_gcm::aes::Aes256;
use canon::{Digest, leaf_hash};
use ctr::cipher::{InnerIvInit as _, KeyInit as _, StreamCipher as _};
use ctr::{Ctr128BE, CtrCore};
use memchr::memmem;
use ring::hkdf::{HKDF_SHA256, Salt};
use sm4::Sm4;

use super::wrap;
use crate::EncryptionPair;

/// What the key is for.
const ABOUT: &[u8] = b"urn:tiergate:rest:1";
/// Every fragment declares its namespace in its first tag.
const PLAIN: &[u8] = b" xmlns=\"";
/// Within so many bytes of its beginning.
const PLAIN_WITHIN: usize = 256;

/// A key that fragments rest under.
#[derive(Clone)]
pub struct RestKey(Stream);

#[derive(Clone)]
enum Stream {
    Aes(Box<Aes256>),
    Sm4(Box<Sm4>),
}

impl fmt::Debug for RestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RestKey(…)")
    }
}

impl RestKey {
    /// That of a pair for encryption: the cipher is of its suite.
    pub(super) fn of(pair: &EncryptionPair) -> Option<Self> {
        let secret = wrap::secret(&pair.key, pair.certificate.key.suite())?;
        let mut key = [0; 32];
        let expanded = Salt::new(HKDF_SHA256, &[]).extract(&secret);
        expanded.expand(&[ABOUT], HKDF_SHA256).ok()?.fill(&mut key).ok()?;
        let cipher = pair.certificate.key.suite().cipher();
        let key = key.get(..cipher.key_len())?;
        Some(Self(match cipher {
            super::Cipher::Aes256Gcm => Stream::Aes(Box::new(Aes256::new_from_slice(key).ok()?)),
            super::Cipher::Sm4Gcm => Stream::Sm4(Box::new(Sm4::new_from_slice(key).ok()?)),
        }))
    }

    /// Closes a fragment, or opens it again.
    fn apply(&self, digest: &Digest, fragment: &mut [u8]) {
        // Twelve bytes tell fragments apart; the last four count the stream's blocks.
        let mut iv = [0; 16];
        if let (Some(iv), Some(digest)) = (iv.get_mut(..12), digest.bytes.get(..12)) {
            iv.copy_from_slice(digest);
        }
        match &self.0 {
            Stream::Aes(cipher) => {
                let core = CtrCore::inner_iv_init((**cipher).clone(), &iv.into());
                Ctr128BE::<Aes256>::from_core(core).apply_keystream(fragment);
            }
            Stream::Sm4(cipher) => {
                let core = CtrCore::inner_iv_init((**cipher).clone(), &iv.into());
                Ctr128BE::<Sm4>::from_core(core).apply_keystream(fragment);
            }
        }
    }
}

/// Closes fragments that stand back to back, under the first of the keys; as they are where there is none.
pub fn rest<'d>(
    keys: &[RestKey],
    records: impl Iterator<Item = (&'d Digest, u32)>,
    mut bytes: &mut [u8],
) {
    let Some(key) = keys.first() else { return };
    for (digest, len) in records {
        let Some((fragment, after)) = bytes.split_at_mut_checked(len as usize) else { return };
        key.apply(digest, fragment);
        bytes = after;
    }
}

/// Opens fragments that were closed by [`rest`] under any of the keys; those that never were stay as they are.
/// False where one does not open: the key is gone, or its bytes are not what they were.
#[must_use]
pub fn wake<'d>(
    keys: &[RestKey],
    records: impl Iterator<Item = (&'d Digest, u32)>,
    mut bytes: &mut [u8],
) -> bool {
    for (digest, len) in records {
        let Some((fragment, after)) = bytes.split_at_mut_checked(len as usize) else {
            return false;
        };
        if !plain(fragment) && !keys.iter().any(|key| opens(key, digest, fragment)) {
            return false;
        }
        bytes = after;
    }
    true
}

/// Whether these are a fragment's own bytes: what is closed looks like chance.
fn plain(fragment: &[u8]) -> bool {
    let head = fragment.get(..PLAIN_WITHIN).unwrap_or(fragment);
    head.starts_with(b"<") && memmem::find(head, PLAIN).is_some()
}

fn opens(key: &RestKey, digest: &Digest, fragment: &mut [u8]) -> bool {
    key.apply(digest, fragment);
    let own = leaf_hash(digest.alg, fragment) == *digest;
    if !own {
        key.apply(digest, fragment);
    }
    own
}
