//! Who can sign heads.

use std::fmt;

use canon::Digest;
use ring::rand::SystemRandom;

use crate::identity::{Parsed, pem_block};
use crate::keys::{Form, KeyPem, PrivateKey, SM2_STANDARD, sm2_der};
use crate::{EncryptionCert, PublicKey, Suite};

/// Why a signature, a key or a certificate could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The private key cannot be read.
    #[error("private key not usable: {0}; give a PKCS#8 PEM of a suite's key")]
    Key(&'static str),
    /// The certificate cannot be read, or is not this key's.
    #[error("certificate not usable: {0}; issue a certificate for this key")]
    Certificate(&'static str),
    /// The signer gave no signature.
    #[error("signing failed: {0}; see that the key device answers")]
    Sign(&'static str),
    /// A key outside of this process did not sign.
    #[error("{0}; see to the device or program that holds the key")]
    Outside(String),
    /// A token did not sign.
    #[error("{detail} [{code}]: {}", canon::code(code).map_or("", |c| c.en))]
    Token {
        /// Stable code.
        code: &'static str,
        /// What happened.
        detail: String,
    },
    /// A certificate could not be built.
    #[error("certificate could not be built: {0}")]
    Build(String),
}

/// Who can sign heads: a key and the certificate that says whose it is.
pub trait Signer: Send + Sync {
    /// The suite of the key.
    fn suite(&self) -> Suite;
    /// The certificate that goes into the signature and whose digest goes into the head.
    fn certificate_der(&self) -> &[u8];
    /// Certificates between that one and the anchor, nearest first; usually none.
    fn intermediates(&self) -> &[Vec<u8>] {
        &[]
    }
    /// Signs `bytes`, in the form of XML Signature: `r‖s` for ECDSA, DER for SM2.
    fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, SignError>;
    /// The digest of the certificate, as the head names it.
    fn certificate_digest(&self) -> Digest {
        self.suite().digest().of(&[self.certificate_der()])
    }
}

/// A key in memory, of any suite.
pub struct KeySigner {
    key: PrivateKey,
    certificate: Vec<u8>,
    intermediates: Vec<Vec<u8>>,
    random: SystemRandom,
}

impl KeySigner {
    /// From PKCS#8 PEM and the PEM of the certificate, which may be followed by intermediates.
    pub fn from_pem(
        key: &str,
        certificates: &str,
        random: SystemRandom,
    ) -> Result<Self, SignError> {
        Self::with_user_id(key, certificates, SM2_STANDARD, random)
    }

    /// As [`KeySigner::from_pem`], an SM2 key signing under another user id than the standard's.
    pub fn with_user_id(
        key: &str,
        certificates: &str,
        user_id: &str,
        random: SystemRandom,
    ) -> Result<Self, SignError> {
        let key = KeyPem(key.to_owned()).load(Form::Xml, user_id, &random)?;
        let mut chain = pem_block(certificates, "CERTIFICATE");
        let certificate =
            chain.next().ok_or(SignError::Certificate("no CERTIFICATE block in it"))?;
        let parsed = Parsed::from_der(&certificate)
            .map_err(|_| SignError::Certificate("not an X.509 certificate of this profile"))?;
        if parsed.key != key.public() {
            return Err(SignError::Certificate("it holds another public key"));
        }
        Ok(Self { key, certificate, intermediates: chain.collect(), random })
    }
}

/// A certificate whose key lies outside of this process: what is signed there is held against it.
#[derive(Clone, Debug)]
pub struct Certified {
    key: PublicKey,
    certificate: Vec<u8>,
    intermediates: Vec<Vec<u8>>,
}

impl Certified {
    /// From the PEM of the certificate, which may be followed by intermediates.
    pub fn from_pem(certificates: &str) -> Result<Self, SignError> {
        let mut chain = pem_block(certificates, "CERTIFICATE");
        let certificate =
            chain.next().ok_or(SignError::Certificate("no CERTIFICATE block in it"))?;
        let parsed = Parsed::from_der(&certificate)
            .map_err(|_| SignError::Certificate("not an X.509 certificate of this profile"))?;
        Ok(Self { key: parsed.key, certificate, intermediates: chain.collect() })
    }

    /// The suite of the key.
    pub const fn suite(&self) -> Suite {
        self.key.suite()
    }

    /// The certificate.
    pub fn certificate_der(&self) -> &[u8] {
        &self.certificate
    }

    /// Those between it and the anchor, nearest first.
    pub fn intermediates(&self) -> &[Vec<u8>] {
        &self.intermediates
    }

    /// A signature as devices give it (ECDSA and SM2: `r‖s`), in the form of XML Signature; refused
    /// unless it is this key's over these bytes.
    pub fn holds(&self, bytes: &[u8], raw: &[u8], user_id: &str) -> Result<Vec<u8>, SignError> {
        let wrong = || SignError::Outside("the signature is not of the certificate's key".into());
        let made = match self.suite() {
            Suite::Sm2Sm3 => sm2_der(raw).ok_or_else(wrong)?,
            Suite::EcdsaP256Sha256 | Suite::Ed25519Sha256 | Suite::RsaSha256 => raw.to_vec(),
        };
        if !self.key.verifies(bytes, &made, user_id) {
            return Err(wrong());
        }
        Ok(made)
    }
}

/// The encryption half of a pair: a key in memory and its certificate, which is this key's.
#[derive(Clone, Debug)]
pub struct EncryptionPair {
    /// The private key; opens what was wrapped for the certificate.
    pub key: KeyPem,
    /// The certificate chain in DER, its own first.
    pub chain: Vec<Vec<u8>>,
    /// Whom it names, and the public key.
    pub certificate: EncryptionCert,
}

impl EncryptionPair {
    /// From PKCS#8 PEM and the PEM of the certificate, which may be followed by intermediates.
    pub fn from_pem(key: KeyPem, certificates: &str) -> Result<Self, SignError> {
        let chain: Vec<Vec<u8>> = pem_block(certificates, "CERTIFICATE").collect();
        let first = chain.first();
        let first = first.ok_or(SignError::Certificate("no CERTIFICATE block in it"))?;
        let certificate = EncryptionCert::from_der(first)
            .map_err(|_| SignError::Certificate("it is not for encryption (key usage)"))?;
        if key.public(&SystemRandom::new())? != certificate.key {
            return Err(SignError::Certificate("it holds another public key"));
        }
        Ok(Self { key, chain, certificate })
    }
}

impl SignError {
    /// What happened, in Chinese where there is a text for it.
    pub fn zh(&self) -> String {
        match self {
            Self::Token { code, detail } => {
                let zh = canon::code(code).map_or("", |c| c.zh);
                format!("{detail} [{code}]：{zh}")
            }
            other => format!("密钥与证书不可用：{other}"),
        }
    }
}

impl fmt::Debug for KeySigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySigner").field("certificate", &self.certificate_digest()).finish()
    }
}

impl Signer for KeySigner {
    fn suite(&self) -> Suite {
        self.key.suite()
    }

    fn certificate_der(&self) -> &[u8] {
        &self.certificate
    }

    fn intermediates(&self) -> &[Vec<u8>] {
        &self.intermediates
    }

    fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, SignError> {
        self.key.sign(bytes, &self.random)
    }
}
