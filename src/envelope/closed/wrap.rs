//! A content key for one reader: ECIES over P-256 (ephemeral ECDH, HKDF-SHA-256, AES key wrap of RFC 3394), or
//! SM2 public-key encryption (GB/T 32918.4, C1C3C2, in the DER of GM/T 0009, as OpenSSL writes it).

use std::fmt;

use aes_kw::{KeyInit as _, KwAes256};
use p256::elliptic_curve::sec1::ToSec1Point as _;
use pkcs8::DecodePrivateKey as _;
use ring::hkdf::{HKDF_SHA256, Salt};
use ring::rand::SecureRandom;
use sm2::elliptic_curve::rand_core::{TryCryptoRng, TryRng};

use crate::{KeyPem, PublicKey, Suite};

/// What the key agreement is for; both public keys follow.
const ABOUT: &[u8] = b"urn:tiergate:wrap:1";
/// Length of a point of P-256, uncompressed.
const POINT: usize = 65;
/// What key wrap adds to a key.
const CHECK: usize = 8;

/// Whether keys can be wrapped for a key of this suite.
pub(super) const fn may(suite: Suite) -> bool {
    matches!(suite, Suite::EcdsaP256Sha256 | Suite::Sm2Sm3)
}

/// The key, for this reader.
pub(super) fn wrap(to: &PublicKey, key: &[u8], random: &dyn SecureRandom) -> Option<Vec<u8>> {
    match to.suite() {
        Suite::EcdsaP256Sha256 => p256_wrap(to.bytes(), key, random),
        Suite::Sm2Sm3 => sm2_wrap(to.bytes(), key, random),
        Suite::Ed25519Sha256 | Suite::RsaSha256 => None,
    }
}

/// The key out of what was wrapped for this private key.
pub(super) fn unwrap(own: &KeyPem, suite: Suite, wrapped: &[u8]) -> Option<Vec<u8>> {
    match suite {
        Suite::EcdsaP256Sha256 => {
            p256_unwrap(&p256::SecretKey::from_pkcs8_pem(&own.0).ok()?, wrapped)
        }
        Suite::Sm2Sm3 => sm2_unwrap(sm2::SecretKey::from_pkcs8_pem(&own.0).ok()?, wrapped),
        Suite::Ed25519Sha256 | Suite::RsaSha256 => None,
    }
}

/// The number that a private key is.
pub(super) fn secret(own: &KeyPem, suite: Suite) -> Option<[u8; 32]> {
    match suite {
        Suite::EcdsaP256Sha256 => {
            Some(p256::SecretKey::from_pkcs8_pem(&own.0).ok()?.to_bytes().into())
        }
        Suite::Sm2Sm3 => Some(sm2::SecretKey::from_pkcs8_pem(&own.0).ok()?.to_bytes().into()),
        Suite::Ed25519Sha256 | Suite::RsaSha256 => None,
    }
}

fn p256_wrap(to: &[u8], content: &[u8], random: &dyn SecureRandom) -> Option<Vec<u8>> {
    let to = p256::PublicKey::from_sec1_bytes(to).ok()?;
    let mut drawn = [0; 32];
    random.fill(&mut drawn).ok()?;
    let own = p256::SecretKey::from_slice(&drawn).ok()?;
    let point = own.public_key().to_sec1_point(false).as_bytes().to_vec();
    let wrapping = agreed(&own, &to, &point, to.to_sec1_point(false).as_bytes())?;
    let mut buffer = vec![0; content.len() + CHECK];
    let wrapped = KwAes256::new(&wrapping.into()).wrap_key(content, &mut buffer).ok()?;
    Some([&point, wrapped].concat())
}

fn p256_unwrap(own: &p256::SecretKey, wrapped: &[u8]) -> Option<Vec<u8>> {
    let (point, wrapped) = wrapped.split_at_checked(POINT)?;
    let from = p256::PublicKey::from_sec1_bytes(point).ok()?;
    let to = own.public_key().to_sec1_point(false);
    let wrapping = agreed(own, &from, point, to.as_bytes())?;
    let mut buffer = vec![0; wrapped.len().checked_sub(CHECK)?];
    Some(KwAes256::new(&wrapping.into()).unwrap_key(wrapped, &mut buffer).ok()?.to_vec())
}

fn agreed(
    own: &p256::SecretKey,
    other: &p256::PublicKey,
    from: &[u8],
    to: &[u8],
) -> Option<[u8; 32]> {
    let shared = p256::ecdh::diffie_hellman(own.to_nonzero_scalar(), other.as_affine());
    let mut key = [0; 32];
    let info = [ABOUT, from, to];
    let expanded = Salt::new(HKDF_SHA256, &[]).extract(shared.raw_secret_bytes());
    expanded.expand(&info, HKDF_SHA256).ok()?.fill(&mut key).ok()?;
    Some(key)
}

fn sm2_wrap(to: &[u8], content: &[u8], random: &dyn SecureRandom) -> Option<Vec<u8>> {
    let to = sm2::pke::EncryptingKey::from_sec1_bytes(to).ok()?;
    to.encrypt_der(&mut Drawn(random), content).ok()
}

fn sm2_unwrap(own: sm2::SecretKey, wrapped: &[u8]) -> Option<Vec<u8>> {
    sm2::pke::DecryptingKey::new(own).decrypt_der(wrapped).ok()
}

/// The system's randomness as RustCrypto takes it.
struct Drawn<'a>(&'a dyn SecureRandom);

/// The system gave none.
#[derive(Debug)]
struct NoRandomness;

impl fmt::Display for NoRandomness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no randomness from the system")
    }
}

impl std::error::Error for NoRandomness {}

impl TryRng for Drawn<'_> {
    type Error = NoRandomness;

    fn try_next_u32(&mut self) -> Result<u32, NoRandomness> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, NoRandomness> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), NoRandomness> {
        self.0.fill(out).map_err(|_| NoRandomness)
    }
}

impl TryCryptoRng for Drawn<'_> {}
