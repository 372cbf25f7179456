//! Keys of all suites: private ones as PKCS#8, public ones as certificates carry them, and what
//! each signs and verifies.

use std::fmt;

use der::asn1::{BitString, OctetString, OctetStringRef, Uint};
use der::{Decode, Encode};
use pkcs8::PrivateKeyInfoRef;
use ring::rand::SecureRandom;
use ring::signature::{
    self as ring_sig, ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING,
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair,
    Ed25519KeyPair, KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair,
    UnparsedPublicKey,
};
use sm2::dsa::signature::{Signer as _, Verifier as _};
use sm2::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _};
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

use crate::identity::{pem_block, to_pem};
use crate::limits::SM2_USER_ID_BYTES_MAX;
use crate::{Refuse, SignError, Suite};

/// How often randomness is drawn until it is a key; the chance that one draw is none is 2⁻³².
const DRAWS_MAX: usize = 8;

/// In which form a signature is wanted. Only ECDSA has two: SM2 is DER everywhere (GM/T 0009).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// XML Signature's: `r‖s` for ECDSA.
    Xml,
    /// X.509's: DER for ECDSA.
    Certificate,
}

/// A private key: PKCS#8 PEM. Its `Debug` shows nothing of it.
#[derive(Clone)]
pub struct KeyPem(pub String);

impl fmt::Debug for KeyPem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyPem(…)")
    }
}

impl KeyPem {
    /// A new key of a suite. RSA keys are made elsewhere: `openssl genpkey -algorithm RSA`.
    pub fn generate(suite: Suite, random: &dyn SecureRandom) -> Result<Self, SignError> {
        let der = match suite {
            Suite::EcdsaP256Sha256 => {
                EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, random)
                    .map_err(|_| SILENT)?
                    .as_ref()
                    .to_vec()
            }
            // The seed alone, as OpenSSL writes it; the public key follows from it.
            Suite::Ed25519Sha256 => {
                let key = OctetStringRef::new(&drawn(random)?).and_then(|key| key.to_der());
                pkcs8_of(suite, &key.map_err(failed)?)?
            }
            Suite::RsaSha256 => {
                return Err(SignError::Key(
                    "RSA keys are not made here; make one with `openssl genpkey -algorithm RSA \
                     -pkeyopt rsa_keygen_bits:3072`",
                ));
            }
            Suite::Sm2Sm3 => {
                let mut key = None;
                for _ in 0..DRAWS_MAX {
                    key = key.or(sm2::SecretKey::from_slice(&drawn(random)?).ok());
                }
                key.ok_or(SILENT)?.to_pkcs8_der().map_err(failed)?.as_bytes().to_vec()
            }
        };
        Ok(Self(to_pem("PRIVATE KEY", &der)))
    }

    /// The suite of the key.
    pub fn suite(&self) -> Result<Suite, SignError> {
        suite_of(&self.der()?)
    }

    /// Its public half.
    pub fn public(&self, random: &dyn SecureRandom) -> Result<PublicKey, SignError> {
        Ok(self.load(Form::Certificate, SM2_STANDARD, random)?.public())
    }

    fn der(&self) -> Result<Vec<u8>, SignError> {
        if pem_block(&self.0, "ENCRYPTED PRIVATE KEY").next().is_some() {
            return Err(SignError::Key("it is under a passphrase, and none is given"));
        }
        pem_block(&self.0, "PRIVATE KEY").next().ok_or(SignError::Key("no PRIVATE KEY block in it"))
    }

    pub(crate) fn load(
        &self,
        form: Form,
        user_id: &str,
        random: &dyn SecureRandom,
    ) -> Result<PrivateKey, SignError> {
        PrivateKey::from_der(&self.der()?, form, user_id, random)
    }
}

/// What certificates are signed under, whatever a node's heads are.
pub(crate) const SM2_STANDARD: &str = crate::suite::SM2_USER_ID;

const SILENT: SignError = SignError::Sign("no randomness from the system");

fn drawn(random: &dyn SecureRandom) -> Result<[u8; 32], SignError> {
    let mut bytes = [0; 32];
    random.fill(&mut bytes).map_err(|_| SILENT)?;
    Ok(bytes)
}

fn failed(error: impl fmt::Display) -> SignError {
    SignError::Build(error.to_string())
}

fn pkcs8_of(suite: Suite, key: &[u8]) -> Result<Vec<u8>, SignError> {
    let algorithm = suite.key_algorithm().to_der().map_err(failed)?;
    let algorithm =
        x509_cert::spki::AlgorithmIdentifierRef::from_der(&algorithm).map_err(failed)?;
    let key = OctetStringRef::new(key).map_err(failed)?;
    PrivateKeyInfoRef::new(algorithm, key).to_der().map_err(failed)
}

fn suite_of(pkcs8: &[u8]) -> Result<Suite, SignError> {
    let info = PrivateKeyInfoRef::try_from(pkcs8).map_err(|_| SignError::Key("not PKCS#8"))?;
    let parameters = info.algorithm.parameters.map(Into::into);
    let algorithm = AlgorithmIdentifierOwned { oid: info.algorithm.oid, parameters };
    Suite::of_key(&algorithm).ok_or(SignError::Key("of no suite known here"))
}

/// A private key ready to sign in one form.
pub(crate) enum PrivateKey {
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(Box<RsaKeyPair>),
    Sm2(Box<sm2::dsa::SigningKey>),
}

impl PrivateKey {
    pub(crate) fn from_der(
        pkcs8: &[u8],
        form: Form,
        user_id: &str,
        random: &dyn SecureRandom,
    ) -> Result<Self, SignError> {
        match suite_of(pkcs8)? {
            Suite::EcdsaP256Sha256 => {
                let how = match form {
                    Form::Xml => &ECDSA_P256_SHA256_FIXED_SIGNING,
                    Form::Certificate => &ECDSA_P256_SHA256_ASN1_SIGNING,
                };
                EcdsaKeyPair::from_pkcs8(how, pkcs8, random)
                    .map(Self::P256)
                    .map_err(|_| SignError::Key("not PKCS#8 of a P-256 key"))
            }
            Suite::Ed25519Sha256 => Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8)
                .map(Self::Ed25519)
                .map_err(|_| SignError::Key("not PKCS#8 of an Ed25519 key")),
            Suite::RsaSha256 => RsaKeyPair::from_pkcs8(pkcs8)
                .map(|key| Self::Rsa(Box::new(key)))
                .map_err(|_| SignError::Key("not PKCS#8 of an RSA key of 2048 to 4096 bits")),
            Suite::Sm2Sm3 => {
                if user_id.is_empty() || user_id.len() > SM2_USER_ID_BYTES_MAX {
                    return Err(SignError::Key("an SM2 user id has 1 to 64 bytes"));
                }
                let wrong = SignError::Key("not PKCS#8 of an SM2 key");
                let key = sm2::SecretKey::from_pkcs8_der(pkcs8).map_err(|_| wrong.clone())?;
                let key = sm2::dsa::SigningKey::new(user_id, &key).map_err(|_| wrong)?;
                Ok(Self::Sm2(Box::new(key)))
            }
        }
    }

    pub(crate) const fn suite(&self) -> Suite {
        match self {
            Self::P256(_) => Suite::EcdsaP256Sha256,
            Self::Ed25519(_) => Suite::Ed25519Sha256,
            Self::Rsa(_) => Suite::RsaSha256,
            Self::Sm2(_) => Suite::Sm2Sm3,
        }
    }

    pub(crate) fn public(&self) -> PublicKey {
        let bytes = match self {
            Self::P256(key) => key.public_key().as_ref().to_vec(),
            Self::Ed25519(key) => key.public_key().as_ref().to_vec(),
            Self::Rsa(key) => key.public_key().as_ref().to_vec(),
            Self::Sm2(key) => key.verifying_key().to_sec1_bytes().to_vec(),
        };
        PublicKey { suite: self.suite(), bytes }
    }

    pub(crate) fn sign(
        &self,
        bytes: &[u8],
        random: &dyn SecureRandom,
    ) -> Result<Vec<u8>, SignError> {
        match self {
            Self::P256(key) => {
                let made = key.sign(random, bytes).map_err(|_| SILENT)?;
                Ok(made.as_ref().to_vec())
            }
            Self::Ed25519(key) => Ok(key.sign(bytes).as_ref().to_vec()),
            Self::Rsa(key) => {
                let mut made = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, random, bytes, &mut made).map_err(|_| SILENT)?;
                Ok(made)
            }
            // The nonce follows from key and text (RFC 6979): no bad randomness can give it away.
            Self::Sm2(key) => {
                let made: sm2::dsa::Signature =
                    key.try_sign(bytes).map_err(|_| SignError::Sign("SM2 gave no signature"))?;
                Ok(made.to_der().as_bytes().to_vec())
            }
        }
    }
}

/// A public key with its suite.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    suite: Suite,
    bytes: Vec<u8>,
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({}, {} bytes)", self.suite, self.bytes.len())
    }
}

impl PublicKey {
    /// From what a certificate says of a key.
    pub(crate) fn from_info(info: &SubjectPublicKeyInfoOwned) -> Result<Self, Refuse> {
        let suite = Suite::of_key(&info.algorithm).ok_or(Refuse::SuiteUnknown)?;
        let bytes = info.subject_public_key.as_bytes().unwrap_or_default().to_vec();
        Ok(Self { suite, bytes })
    }

    /// As a certificate says it.
    pub(crate) fn to_info(&self) -> der::Result<SubjectPublicKeyInfoOwned> {
        Ok(SubjectPublicKeyInfoOwned {
            algorithm: self.suite.key_algorithm(),
            subject_public_key: BitString::from_bytes(&self.bytes)?,
        })
    }

    /// Its suite.
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// The point, or whatever stands in a certificate's key.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether `signature`, in the form of XML Signature, is this key's over `bytes`; for SM2 under
    /// that user id.
    pub fn verifies(&self, bytes: &[u8], signature: &[u8], user_id: &str) -> bool {
        let one = |how: &'static dyn ring_sig::VerificationAlgorithm| {
            UnparsedPublicKey::new(how, &self.bytes).verify(bytes, signature).is_ok()
        };
        match self.suite {
            Suite::EcdsaP256Sha256 => one(&ECDSA_P256_SHA256_FIXED),
            Suite::Ed25519Sha256 => one(&ED25519),
            Suite::RsaSha256 => one(&RSA_PKCS1_2048_8192_SHA256),
            Suite::Sm2Sm3 => self.sm2_verifies(bytes, signature, user_id).is_some(),
        }
    }

    /// As [`PublicKey::verifies`], in the form of X.509.
    pub(crate) fn verifies_certificate(&self, bytes: &[u8], signature: &[u8]) -> bool {
        if self.suite == Suite::EcdsaP256Sha256 {
            let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.bytes);
            return key.verify(bytes, signature).is_ok();
        }
        self.verifies(bytes, signature, SM2_STANDARD)
    }

    /// A key as a token says it: the point (P-256, Ed25519), or modulus and exponent (RSA).
    pub fn of_token(suite: Suite, parts: &[&[u8]]) -> Option<Self> {
        let bytes = match (suite, parts) {
            (Suite::EcdsaP256Sha256 | Suite::Ed25519Sha256, [point]) => {
                // The standard says an OCTET STRING around the point; some tokens leave it out.
                let inner = OctetString::from_der(point).map(|p| p.as_bytes().to_vec());
                inner.unwrap_or_else(|_| point.to_vec())
            }
            (Suite::RsaSha256, parts @ [_, _]) => sequence_of_uints(parts)?,
            _ => return None,
        };
        Some(Self { suite, bytes })
    }

    /// A signature as tokens give it, in the form of X.509; none unless it is this key's over these
    /// bytes.
    pub(crate) fn in_certificates(&self, bytes: &[u8], raw: &[u8]) -> Option<Vec<u8>> {
        let made = match self.suite {
            Suite::EcdsaP256Sha256 => {
                let (r, s) = raw.split_at_checked(raw.len() / 2)?;
                sequence_of_uints(&[r, s])?
            }
            Suite::Sm2Sm3 => sm2_der(raw)?,
            Suite::Ed25519Sha256 | Suite::RsaSha256 => raw.to_vec(),
        };
        self.verifies_certificate(bytes, &made).then_some(made)
    }

    /// One signature has one written form: what does not come out again as it went in is refused.
    fn sm2_verifies(&self, bytes: &[u8], der: &[u8], user_id: &str) -> Option<()> {
        let key = sm2::dsa::VerifyingKey::from_sec1_bytes(user_id, &self.bytes).ok()?;
        let signature = sm2::dsa::Signature::from_der(der).ok()?;
        if signature.to_der().as_bytes() != der {
            return None;
        }
        key.verify(bytes, &signature).ok()
    }
}

/// Numbers, big-endian, as a SEQUENCE of INTEGER.
fn sequence_of_uints(parts: &[&[u8]]) -> Option<Vec<u8>> {
    let of = |part: &&[u8]| Uint::new(part).ok();
    parts.iter().map(of).collect::<Option<Vec<Uint>>>()?.to_der().ok()
}

/// An SM2 signature in DER, from `r‖s`.
pub(crate) fn sm2_der(raw: &[u8]) -> Option<Vec<u8>> {
    let signature = sm2::dsa::Signature::from_slice(raw).ok()?;
    Some(signature.to_der().as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;

    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digit = |c: u8| char::from(c).to_digit(16).unwrap() as u8;
        text.as_bytes().chunks_exact(2).map(|p| digit(p[0]) << 4 | digit(p[1])).collect()
    }

    /// GB/T 32918.5-2017, appendix A.2: digital signature on the recommended curve.
    #[test]
    fn sm2_is_that_of_the_standard() {
        let bytes = hex(concat!(
            "0409F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020",
            "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
        ));
        let key = PublicKey { suite: Suite::Sm2Sm3, bytes: bytes.clone() };
        let raw = hex(concat!(
            "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3",
            "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"
        ));
        // Both numbers have their highest bit set: DER puts a zero before each.
        let (r, s) = raw.split_at(32);
        let der = [&[0x30, 0x46, 0x02, 0x21, 0][..], r, &[0x02, 0x21, 0], s].concat();
        assert!(key.verifies(b"message digest", &der, SM2_STANDARD));
        assert!(!key.verifies(b"message digesu", &der, SM2_STANDARD));
        assert!(!key.verifies(b"message digest", &der, "1234567812345679"));
        assert!(!key.verifies(b"message digest", &raw, SM2_STANDARD), "r‖s is another form");
        let secret = hex("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8");
        let secret = sm2::SecretKey::from_slice(&secret).unwrap();
        let pkcs8 = secret.to_pkcs8_der().unwrap();
        let random = SystemRandom::new();
        let own = PrivateKey::from_der(pkcs8.as_bytes(), Form::Xml, SM2_STANDARD, &random).unwrap();
        assert_eq!(own.public(), key);
        let made = own.sign(b"message digest", &random).unwrap();
        assert!(key.verifies(b"message digest", &made, SM2_STANDARD));
    }

    /// RFC 6979, A.2.5: ECDSA on P-256 with SHA-256.
    #[test]
    fn p256_is_that_of_rfc_6979() {
        let public = hex(concat!(
            "0460FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6",
            "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299"
        ));
        let key = PublicKey { suite: Suite::EcdsaP256Sha256, bytes: public };
        for (text, signature) in [
            (
                "sample",
                "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
            ),
            (
                "test",
                "F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083",
            ),
        ] {
            assert!(key.verifies(text.as_bytes(), &hex(signature), SM2_STANDARD), "{text}");
            assert!(!key.verifies(b"Sample", &hex(signature), SM2_STANDARD));
        }
    }

    /// RFC 8032 §7.1, tests 1 to 3.
    #[test]
    fn ed25519_is_that_of_rfc_8032() {
        let vectors = [
            (
                "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
                "",
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
            ),
            (
                "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
                "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
                "72",
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
            ),
            (
                "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
                "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
                "af82",
                "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
            ),
        ];
        let random = SystemRandom::new();
        for (seed, public, text, signature) in vectors {
            let inner = OctetStringRef::new(&hex(seed)).unwrap().to_der().unwrap();
            let pkcs8 = pkcs8_of(Suite::Ed25519Sha256, &inner).unwrap();
            let key = PrivateKey::from_der(&pkcs8, Form::Xml, SM2_STANDARD, &random).unwrap();
            assert_eq!(key.public().bytes, hex(public));
            assert_eq!(key.sign(&hex(text), &random).unwrap(), hex(signature));
            assert!(key.public().verifies(&hex(text), &hex(signature), SM2_STANDARD));
        }
    }

    /// A key is what its algorithm says; none passes for another suite's.
    #[test]
    fn each_key_is_of_its_suite_and_no_rsa_key_is_made_here() {
        let random = SystemRandom::new();
        for suite in Suite::ALL.iter().filter(|s| **s != Suite::RsaSha256) {
            let key = KeyPem::generate(*suite, &random).unwrap();
            assert_eq!(key.suite(), Ok(*suite));
            assert_eq!(key.public(&random).unwrap().suite(), *suite);
            assert_eq!(format!("{key:?}"), "KeyPem(…)");
        }
        assert!(KeyPem::generate(Suite::RsaSha256, &random).is_err());
        assert!(
            KeyPem("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----".into())
                .suite()
                .is_err()
        );
        let key = KeyPem::generate(Suite::Sm2Sm3, &random).unwrap();
        assert!(key.load(Form::Xml, "", &random).is_err());
        assert!(key.load(Form::Xml, &"x".repeat(65), &random).is_err());
    }
}
