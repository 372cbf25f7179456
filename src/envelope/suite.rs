//! Suites: which signature with which digest, and how each is named in XML and in certificates.
//! A closed list: a further suite is a variant here and its arithmetic in `keys.rs`, nowhere else.

use std::fmt;
use std::str::FromStr;

use canon::{DigestAlg, Route};
use der::asn1::{Any, Null, ObjectIdentifier};
use x509_cert::spki::AlgorithmIdentifierOwned;

use crate::Refuse;

/// The user id that SM2 signs with where nothing else is agreed (GM/T 0009).
pub const SM2_USER_ID: &str = "1234567812345678";

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const SM2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.156.10197.1.301");
const ECDSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const RSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const SM2_SM3: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.156.10197.1.501");

/// A suite as a route names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Suite {
    /// ECDSA on P-256 with SHA-256.
    EcdsaP256Sha256,
    /// Ed25519 (RFC 8032), all other digests SHA-256.
    Ed25519Sha256,
    /// RSA of 2048 to 8192 bits, PKCS#1 v1.5, with SHA-256.
    RsaSha256,
    /// The national suite: SM2 (GB/T 32918) with SM3 (GB/T 32905).
    Sm2Sm3,
}

impl Suite {
    /// Every suite of this build.
    pub const ALL: &[Self] =
        &[Self::EcdsaP256Sha256, Self::Ed25519Sha256, Self::RsaSha256, Self::Sm2Sm3];

    /// The name in routes and configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EcdsaP256Sha256 => "ecdsa-p256-sha256",
            Self::Ed25519Sha256 => "ed25519-sha256",
            Self::RsaSha256 => "rsa-sha256",
            Self::Sm2Sm3 => "sm2-sm3",
        }
    }

    /// The `SignatureMethod` algorithm: W3C's names (RFC 9231), and, as W3C has none for it, the
    /// object identifier of the national suite.
    pub const fn signature_uri(self) -> &'static str {
        match self {
            Self::EcdsaP256Sha256 => "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
            Self::Ed25519Sha256 => "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519",
            Self::RsaSha256 => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
            Self::Sm2Sm3 => "urn:oid:1.2.156.10197.1.501",
        }
    }

    /// The `DigestMethod` algorithm.
    pub const fn digest_uri(self) -> &'static str {
        match self.digest() {
            DigestAlg::Sha256 => "http://www.w3.org/2001/04/xmlenc#sha256",
            DigestAlg::Sm3 => "urn:oid:1.2.156.10197.1.401",
        }
    }

    /// The digest of the suite: of records, roots, heads and certificates.
    pub const fn digest(self) -> DigestAlg {
        match self {
            Self::EcdsaP256Sha256 | Self::Ed25519Sha256 | Self::RsaSha256 => DigestAlg::Sha256,
            Self::Sm2Sm3 => DigestAlg::Sm3,
        }
    }

    /// The algorithm of record digests on a route. A route of no suite known here never gets a
    /// signature; its records have the usual one.
    pub fn digest_on(route: &Route) -> DigestAlg {
        route.suite.parse().map_or_else(|_| DigestAlg::default(), Self::digest)
    }

    /// The algorithm of a signature in a certificate.
    pub(crate) fn signature_algorithm(self) -> AlgorithmIdentifierOwned {
        let (oid, parameters) = match self {
            Self::EcdsaP256Sha256 => (ECDSA_SHA256, None),
            Self::Ed25519Sha256 => (ED25519, None),
            Self::RsaSha256 => (RSA_SHA256, Some(Any::from(Null))),
            Self::Sm2Sm3 => (SM2_SM3, None),
        };
        AlgorithmIdentifierOwned { oid, parameters }
    }

    /// The suite whose signature this is. Authorities differ in whether SM2-with-SM3 has NULL
    /// parameters or none.
    pub(crate) fn of_signature(algorithm: &AlgorithmIdentifierOwned) -> Option<Self> {
        let null = AlgorithmIdentifierOwned { oid: SM2_SM3, parameters: Some(Any::from(Null)) };
        if *algorithm == null {
            return Some(Self::Sm2Sm3);
        }
        Self::ALL.iter().copied().find(|suite| suite.signature_algorithm() == *algorithm)
    }

    /// The algorithm of a key in a certificate.
    pub(crate) fn key_algorithm(self) -> AlgorithmIdentifierOwned {
        let (oid, parameters) = match self {
            Self::EcdsaP256Sha256 => (EC_PUBLIC_KEY, Some(Any::from(&P256))),
            Self::Ed25519Sha256 => (ED25519, None),
            Self::RsaSha256 => (RSA_ENCRYPTION, Some(Any::from(Null))),
            Self::Sm2Sm3 => (EC_PUBLIC_KEY, Some(Any::from(&SM2))),
        };
        AlgorithmIdentifierOwned { oid, parameters }
    }

    /// The suite of a key.
    pub(crate) fn of_key(algorithm: &AlgorithmIdentifierOwned) -> Option<Self> {
        Self::ALL.iter().copied().find(|suite| suite.key_algorithm() == *algorithm)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_and_algorithm_leads_back_to_its_suite() {
        for suite in Suite::ALL {
            assert_eq!(suite.name().parse(), Ok(*suite));
            assert_eq!(Suite::of_signature(&suite.signature_algorithm()), Some(*suite));
            assert_eq!(Suite::of_key(&suite.key_algorithm()), Some(*suite));
        }
        let uris: std::collections::BTreeSet<_> =
            Suite::ALL.iter().map(|s| s.signature_uri()).collect();
        assert_eq!(uris.len(), Suite::ALL.len());
        assert_eq!("sm3-sm2".parse::<Suite>(), Err(Refuse::SuiteUnknown));
    }
}
