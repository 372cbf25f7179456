//! Suites: which signature with which digest. Closed; the national suite and further
//! international ones join here and in [`Suite::verifies`], nowhere else.

use std::fmt;
use std::str::FromStr;

use canon::DigestAlg;
use ring::signature::{ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

use crate::Refuse;

/// A suite as a route names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Suite {
    /// ECDSA on P-256 with SHA-256.
    EcdsaP256Sha256,
}

impl Suite {
    /// Every suite of this build.
    pub const ALL: &[Self] = &[Self::EcdsaP256Sha256];

    /// The name in routes and configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EcdsaP256Sha256 => "ecdsa-p256-sha256",
        }
    }

    /// The `SignatureMethod` algorithm.
    pub const fn signature_uri(self) -> &'static str {
        match self {
            Self::EcdsaP256Sha256 => "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
        }
    }

    /// The `DigestMethod` algorithm.
    pub const fn digest_uri(self) -> &'static str {
        match self {
            Self::EcdsaP256Sha256 => "http://www.w3.org/2001/04/xmlenc#sha256",
        }
    }

    /// The digest of the suite.
    pub const fn digest(self) -> DigestAlg {
        match self {
            Self::EcdsaP256Sha256 => DigestAlg::Sha256,
        }
    }

    /// Whether `signature` (the raw form of XML Signature, `r‖s`) is the holder of `key`'s over
    /// `bytes`. `key` is the subject public key of the certificate: an uncompressed point.
    pub fn verifies(self, key: &[u8], bytes: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::EcdsaP256Sha256 => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key)
                .verify(bytes, signature)
                .is_ok(),
        }
    }

    /// As [`Suite::verifies`], for the DER form that certificates carry.
    pub(crate) fn verifies_der(self, key: &[u8], bytes: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::EcdsaP256Sha256 => UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key)
                .verify(bytes, signature)
                .is_ok(),
        }
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Suite {
    type Err = Refuse;

    fn from_str(name: &str) -> Result<Self, Refuse> {
        Self::ALL.iter().copied().find(|s| s.name() == name).ok_or(Refuse::SuiteUnknown)
    }
}
