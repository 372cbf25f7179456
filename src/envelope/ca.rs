//! A small certificate authority for the demo and for tests: a root, and node certificates.
//!
//! Serial numbers, validity and randomness are arguments. The builder is handed an adapter around
//! ring's key, so that another suite needs another adapter and nothing else.

use std::fmt;

use canon::{Environment, Millis, NodeCode};
use der::asn1::{BitString, Ia5String, ObjectIdentifier};
use der::{Decode, Encode};
use ring::rand::SecureRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use signature::{Keypair, Signer};
use x509_cert::TbsCertificate;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{Builder, CertificateBuilder, Result as BuildResult};
use x509_cert::certificate::Certificate;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, KeyUsage, KeyUsages, SubjectAltName,
    SubjectKeyIdentifier,
};
use x509_cert::ext::{Extension, ToExtension};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{
    AlgorithmIdentifierOwned, DynSignatureAlgorithmIdentifier, EncodePublicKey,
    SignatureBitStringEncoding, SubjectPublicKeyInfoOwned, SubjectPublicKeyInfoRef,
};
use x509_cert::time::{Time, Validity};

use crate::SignError;
use crate::identity::{Parsed, URN_ENV, URN_NODE, URN_REGION, pem_block, to_pem};

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const ECDSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");

/// A private key: PKCS#8 PEM. Its `Debug` shows nothing of it.
#[derive(Clone)]
pub struct KeyPem(pub String);

impl fmt::Debug for KeyPem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyPem(…)")
    }
}

impl KeyPem {
    /// A new P-256 key.
    pub fn generate(random: &dyn SecureRandom) -> Result<Self, SignError> {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, random)
            .map_err(|_| SignError::Sign("no randomness from the system"))?;
        Ok(Self(to_pem("PRIVATE KEY", pkcs8.as_ref())))
    }

    fn load(&self, random: &dyn SecureRandom) -> Result<EcdsaKeyPair, SignError> {
        let pkcs8 = pem_block(&self.0, "PRIVATE KEY").next();
        let pkcs8 = pkcs8.ok_or(SignError::Key("no PRIVATE KEY block in it"))?;
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &pkcs8, random)
            .map_err(|_| SignError::Key("not PKCS#8 of a P-256 key"))
    }
}

/// Serial number and validity of a certificate to be issued.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Serial number; unique for the authority.
    pub serial: u64,
    /// First second of validity.
    pub from: Millis,
    /// Last second of validity.
    pub until: Millis,
}

/// Whom a node certificate names.
#[derive(Clone, Debug)]
pub struct NodeName {
    /// Node code.
    pub node: NodeCode,
    /// Environment.
    pub environment: Environment,
    /// Regions it may speak for.
    pub regions: Vec<String>,
}

/// A certificate authority with its key in memory.
pub struct Ca {
    key: EcdsaKeyPair,
    subject: Name,
    pem: String,
}

impl fmt::Debug for Ca {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ca").field("subject", &self.subject.to_string()).finish_non_exhaustive()
    }
}

impl Ca {
    /// Makes a self-signed root named `common_name` (letters, digits, blanks).
    pub fn root(
        common_name: &str,
        key: &KeyPem,
        terms: Terms,
        random: &dyn SecureRandom,
    ) -> Result<Self, SignError> {
        let key = key.load(random)?;
        let subject = name(common_name)?;
        let profile =
            Profile { issuer: subject.clone(), subject: subject.clone(), ca: true, uris: vec![] };
        let der = build(profile, terms, key.public_key().as_ref(), &key, random)?;
        Ok(Self { key, subject, pem: to_pem("CERTIFICATE", &der) })
    }

    /// Loads an authority from its certificate and key.
    pub fn from_pem(
        certificate: &str,
        key: &KeyPem,
        random: &dyn SecureRandom,
    ) -> Result<Self, SignError> {
        let key = key.load(random)?;
        let der = pem_block(certificate, "CERTIFICATE").next();
        let der = der.ok_or(SignError::Certificate("no CERTIFICATE block in it"))?;
        let unusable = SignError::Certificate("not an authority of this profile");
        let parsed = Parsed::from_der(&der).map_err(|_| unusable.clone())?;
        if !parsed.extensions.ca || parsed.key != key.public_key().as_ref() {
            return Err(unusable);
        }
        let subject = Name::from_der(&parsed.subject).map_err(|_| unusable)?;
        Ok(Self { key, subject, pem: to_pem("CERTIFICATE", &der) })
    }

    /// The authority's certificate, PEM.
    pub fn certificate_pem(&self) -> &str {
        &self.pem
    }

    /// Issues a node certificate for the public half of `node_key`; PEM.
    pub fn issue(
        &self,
        node: &NodeName,
        node_key: &KeyPem,
        terms: Terms,
        random: &dyn SecureRandom,
    ) -> Result<String, SignError> {
        let mut uris =
            vec![format!("{URN_NODE}{}", node.node), format!("{URN_ENV}{}", node.environment)];
        uris.extend(node.regions.iter().map(|r| format!("{URN_REGION}{r}")));
        let profile = Profile {
            issuer: self.subject.clone(),
            subject: name(node.node.as_str())?,
            ca: false,
            uris,
        };
        let public = node_key.load(random)?;
        let der = build(profile, terms, public.public_key().as_ref(), &self.key, random)?;
        Ok(to_pem("CERTIFICATE", &der))
    }
}

fn failed(error: impl fmt::Display) -> SignError {
    SignError::Build(error.to_string())
}

/// A name of one common name. What RFC 4514 would treat specially is refused rather than escaped.
fn name(common_name: &str) -> Result<Name, SignError> {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '.' | '_' | '-');
    if common_name.is_empty() || !common_name.chars().all(plain) {
        return Err(SignError::Build("a name has letters, digits, blanks, . _ - only".into()));
    }
    format!("CN={common_name}").parse().map_err(failed)
}

fn public_key_info(point: &[u8]) -> der::Result<SubjectPublicKeyInfoOwned> {
    Ok(SubjectPublicKeyInfoOwned {
        algorithm: AlgorithmIdentifierOwned {
            oid: EC_PUBLIC_KEY,
            parameters: Some((&P256).into()),
        },
        subject_public_key: BitString::from_bytes(point)?,
    })
}

fn build(
    profile: Profile,
    terms: Terms,
    point: &[u8],
    key: &EcdsaKeyPair,
    random: &dyn SecureRandom,
) -> Result<Vec<u8>, SignError> {
    let serial = SerialNumber::new(&terms.serial.to_be_bytes()).map_err(failed)?;
    let validity = Validity::new(time(terms.from)?, time(terms.until)?);
    let public = public_key_info(point).map_err(failed)?;
    let builder = CertificateBuilder::new(profile, serial, validity, public).map_err(failed)?;
    let certificate: Certificate =
        builder.build::<_, DerSignature>(&RingSigner { key, random }).map_err(failed)?;
    certificate.to_der().map_err(failed)
}

fn time(at: Millis) -> Result<Time, SignError> {
    let seconds = u64::try_from(at.0 / 1000).map_err(failed)?;
    let date = der::DateTime::from_unix_duration(std::time::Duration::from_secs(seconds));
    Ok(Time::from(date.map_err(failed)?))
}

/// What goes into a certificate of this house.
struct Profile {
    issuer: Name,
    subject: Name,
    ca: bool,
    uris: Vec<String>,
}

impl BuilderProfile for Profile {
    fn get_issuer(&self, _subject: &Name) -> Name {
        self.issuer.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        own: SubjectPublicKeyInfoRef<'_>,
        issuer: SubjectPublicKeyInfoRef<'_>,
        tbs: &TbsCertificate,
    ) -> BuildResult<Vec<Extension>> {
        let subject = tbs.subject();
        let mut all = Vec::new();
        let basic = BasicConstraints { ca: self.ca, path_len_constraint: self.ca.then_some(2) };
        all.push(basic.to_extension(subject, &all)?);
        let usage = if self.ca {
            KeyUsages::KeyCertSign | KeyUsages::CRLSign
        } else {
            KeyUsages::DigitalSignature | KeyUsages::NonRepudiation
        };
        all.push(KeyUsage(usage).to_extension(subject, &all)?);
        all.push(SubjectKeyIdentifier::try_from(own)?.to_extension(subject, &all)?);
        all.push(AuthorityKeyIdentifier::try_from(issuer)?.to_extension(subject, &all)?);
        if !self.uris.is_empty() {
            let uri = |u: &String| Ok(GeneralName::UniformResourceIdentifier(Ia5String::new(u)?));
            let names = self.uris.iter().map(uri).collect::<der::Result<Vec<_>>>()?;
            all.push(SubjectAltName(names).to_extension(subject, &all)?);
        }
        Ok(all)
    }
}

/// ring's key in the shape the certificate builder asks for.
struct RingSigner<'a> {
    key: &'a EcdsaKeyPair,
    random: &'a dyn SecureRandom,
}

/// The public half, as the builder asks for it.
#[derive(Clone)]
struct RingPublic(Vec<u8>);

/// An ECDSA signature in DER.
struct DerSignature(Vec<u8>);

impl SignatureBitStringEncoding for DerSignature {
    fn to_bitstring(&self) -> der::Result<BitString> {
        BitString::from_bytes(&self.0)
    }
}

impl EncodePublicKey for RingPublic {
    fn to_public_key_der(&self) -> x509_cert::spki::Result<der::Document> {
        Ok(der::Document::encode_msg(&public_key_info(&self.0)?)?)
    }
}

impl Keypair for RingSigner<'_> {
    type VerifyingKey = RingPublic;

    fn verifying_key(&self) -> RingPublic {
        RingPublic(self.key.public_key().as_ref().to_vec())
    }
}

impl DynSignatureAlgorithmIdentifier for RingSigner<'_> {
    fn signature_algorithm_identifier(&self) -> x509_cert::spki::Result<AlgorithmIdentifierOwned> {
        Ok(AlgorithmIdentifierOwned { oid: ECDSA_SHA256, parameters: None })
    }
}

impl Signer<DerSignature> for RingSigner<'_> {
    fn try_sign(&self, bytes: &[u8]) -> Result<DerSignature, signature::Error> {
        let made = self.key.sign(self.random, bytes).map_err(|_| signature::Error::new())?;
        Ok(DerSignature(made.as_ref().to_vec()))
    }
}
