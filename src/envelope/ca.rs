//! A small certificate authority for the demo, for tests, and for provinces without one: a root,
//! node certificates of every suite, revocation lists.
//!
//! Serial numbers, validity and randomness are arguments. The builders are handed an adapter around
//! a suite's key, so that they know no algorithm.

use std::fmt;

use canon::{Environment, Millis, NodeCode};
use der::asn1::{BitString, Ia5String, Uint};
use der::{Decode, Encode};
use ring::rand::SecureRandom;
use signature::{Keypair, Signer};
use x509_cert::TbsCertificate;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{Builder, CertificateBuilder, CrlBuilder, Result as BuildResult};
use x509_cert::certificate::{Certificate, Rfc5280};
use x509_cert::crl::RevokedCert;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, CrlNumber, KeyUsage, KeyUsages, SubjectAltName,
    SubjectKeyIdentifier,
};
use x509_cert::ext::{Extension, ToExtension};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{
    AlgorithmIdentifierOwned, DynSignatureAlgorithmIdentifier, EncodePublicKey,
    SignatureBitStringEncoding, SubjectPublicKeyInfoRef,
};
use x509_cert::time::{Time, Validity};

use crate::identity::{Parsed, URN_ENV, URN_NODE, URN_REGION, pem_block, to_pem};
use crate::keys::{Form, PrivateKey, SM2_STANDARD};
use crate::{KeyPem, PublicKey, SignError};

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

/// What a node's key is for. Keys of the national suite come in pairs, one for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// Signing heads.
    Signing,
    /// Bodies are encrypted for it.
    Encryption,
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
    key: PrivateKey,
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
        let key = key.load(Form::Certificate, SM2_STANDARD, random)?;
        let subject = name(common_name)?;
        let issuer = subject.clone();
        let profile = Profile { issuer, subject: subject.clone(), usage: None, uris: vec![] };
        let der = build(profile, terms, &key.public(), &key, random)?;
        Ok(Self { key, subject, pem: to_pem("CERTIFICATE", &der) })
    }

    /// Loads an authority from its certificate and key.
    pub fn from_pem(
        certificate: &str,
        key: &KeyPem,
        random: &dyn SecureRandom,
    ) -> Result<Self, SignError> {
        let key = key.load(Form::Certificate, SM2_STANDARD, random)?;
        let der = pem_block(certificate, "CERTIFICATE").next();
        let der = der.ok_or(SignError::Certificate("no CERTIFICATE block in it"))?;
        let unusable = SignError::Certificate("not an authority of this profile");
        let parsed = Parsed::from_der(&der).map_err(|_| unusable.clone())?;
        if !parsed.extensions.ca || parsed.key != key.public() {
            return Err(unusable);
        }
        let subject = Name::from_der(&parsed.subject).map_err(|_| unusable)?;
        Ok(Self { key, subject, pem: to_pem("CERTIFICATE", &der) })
    }

    /// The authority's certificate, PEM.
    pub fn certificate_pem(&self) -> &str {
        &self.pem
    }

    /// Issues a node's signing certificate for a public key; PEM.
    pub fn issue(
        &self,
        node: &NodeName,
        node_key: &PublicKey,
        terms: Terms,
        random: &dyn SecureRandom,
    ) -> Result<String, SignError> {
        self.issue_for(Usage::Signing, node, node_key, terms, random)
    }

    /// Issues a node certificate for a public key that is used so; PEM.
    pub fn issue_for(
        &self,
        usage: Usage,
        node: &NodeName,
        node_key: &PublicKey,
        terms: Terms,
        random: &dyn SecureRandom,
    ) -> Result<String, SignError> {
        let profile = Profile {
            issuer: self.subject.clone(),
            subject: name(node.node.as_str())?,
            usage: Some(usage),
            uris: node.uris(),
        };
        let der = build(profile, terms, node_key, &self.key, random)?;
        Ok(to_pem("CERTIFICATE", &der))
    }

    /// A revocation list that names these certificates (serial number, since when), PEM. `number`
    /// rises from list to list.
    pub fn revocation_list(
        &self,
        revoked: &[(Vec<u8>, Millis)],
        number: u64,
        from: Millis,
        until: Millis,
        random: &dyn SecureRandom,
    ) -> Result<String, SignError> {
        let der = pem_block(&self.pem, "CERTIFICATE").next().unwrap_or_default();
        let own = Certificate::from_der(&der).map_err(failed)?;
        let number = Uint::new(&number.to_be_bytes()).map(CrlNumber).map_err(failed)?;
        let entries = revoked.iter().map(|(serial, since)| {
            Ok(RevokedCert {
                serial_number: SerialNumber::<Rfc5280>::new(serial).map_err(failed)?,
                revocation_date: time(*since)?,
                crl_entry_extensions: None,
            })
        });
        let list = CrlBuilder::new_with_this_update(&own, number, time(from)?)
            .map_err(failed)?
            .with_next_update(Some(time(until)?))
            .with_certificates(entries.collect::<Result<Vec<_>, SignError>>()?.into_iter())
            .build::<_, MadeSignature>(&CertSigner { key: &self.key, random })
            .map_err(failed)?;
        Ok(to_pem("X509 CRL", &list.to_der().map_err(failed)?))
    }
}

impl NodeName {
    /// The SAN URIs that say all this.
    fn uris(&self) -> Vec<String> {
        let mut uris =
            vec![format!("{URN_NODE}{}", self.node), format!("{URN_ENV}{}", self.environment)];
        uris.extend(self.regions.iter().map(|r| format!("{URN_REGION}{r}")));
        uris
    }

    /// The alternative names of a certificate or a request.
    pub(crate) fn alternative_names(uris: &[String]) -> der::Result<SubjectAltName> {
        let uri = |u: &String| Ok(GeneralName::UniformResourceIdentifier(Ia5String::new(u)?));
        Ok(SubjectAltName(uris.iter().map(uri).collect::<der::Result<Vec<_>>>()?))
    }

    /// The alternative names that a request asks for.
    pub(crate) fn asked(&self) -> der::Result<SubjectAltName> {
        Self::alternative_names(&self.uris())
    }
}

pub(crate) fn failed(error: impl fmt::Display) -> SignError {
    SignError::Build(error.to_string())
}

/// A name of one common name. What RFC 4514 would treat specially is refused rather than escaped.
pub(crate) fn name(common_name: &str) -> Result<Name, SignError> {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '.' | '_' | '-');
    if common_name.is_empty() || !common_name.chars().all(plain) {
        return Err(SignError::Build("a name has letters, digits, blanks, . _ - only".into()));
    }
    format!("CN={common_name}").parse().map_err(failed)
}

fn build(
    profile: Profile,
    terms: Terms,
    key: &PublicKey,
    signing: &PrivateKey,
    random: &dyn SecureRandom,
) -> Result<Vec<u8>, SignError> {
    let serial = SerialNumber::new(&terms.serial.to_be_bytes()).map_err(failed)?;
    let validity = Validity::new(time(terms.from)?, time(terms.until)?);
    let public = key.to_info().map_err(failed)?;
    let builder = CertificateBuilder::new(profile, serial, validity, public).map_err(failed)?;
    let certificate: Certificate =
        builder.build::<_, MadeSignature>(&CertSigner { key: signing, random }).map_err(failed)?;
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
    /// None for an authority.
    usage: Option<Usage>,
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
        let ca = self.usage.is_none();
        let basic = BasicConstraints { ca, path_len_constraint: ca.then_some(2) };
        all.push(basic.to_extension(subject, &all)?);
        let usage = match self.usage {
            None => KeyUsages::KeyCertSign | KeyUsages::CRLSign,
            Some(Usage::Signing) => KeyUsages::DigitalSignature | KeyUsages::NonRepudiation,
            Some(Usage::Encryption) => {
                KeyUsages::KeyEncipherment | KeyUsages::DataEncipherment | KeyUsages::KeyAgreement
            }
        };
        all.push(KeyUsage(usage).to_extension(subject, &all)?);
        all.push(SubjectKeyIdentifier::try_from(own)?.to_extension(subject, &all)?);
        all.push(AuthorityKeyIdentifier::try_from(issuer)?.to_extension(subject, &all)?);
        if !self.uris.is_empty() {
            let names = NodeName::alternative_names(&self.uris)?;
            all.push(names.to_extension(subject, &all)?);
        }
        Ok(all)
    }
}

/// A suite's key in the shape the builders ask for.
pub(crate) struct CertSigner<'a> {
    pub(crate) key: &'a PrivateKey,
    pub(crate) random: &'a dyn SecureRandom,
}

/// A signature in the form of X.509.
pub(crate) struct MadeSignature(pub(crate) Vec<u8>);

impl SignatureBitStringEncoding for MadeSignature {
    fn to_bitstring(&self) -> der::Result<BitString> {
        BitString::from_bytes(&self.0)
    }
}

impl EncodePublicKey for PublicKey {
    fn to_public_key_der(&self) -> x509_cert::spki::Result<der::Document> {
        Ok(der::Document::encode_msg(&self.to_info()?)?)
    }
}

impl Keypair for CertSigner<'_> {
    type VerifyingKey = PublicKey;

    fn verifying_key(&self) -> PublicKey {
        self.key.public()
    }
}

impl DynSignatureAlgorithmIdentifier for CertSigner<'_> {
    fn signature_algorithm_identifier(&self) -> x509_cert::spki::Result<AlgorithmIdentifierOwned> {
        Ok(self.key.suite().signature_algorithm())
    }
}

impl Signer<MadeSignature> for CertSigner<'_> {
    fn try_sign(&self, bytes: &[u8]) -> Result<MadeSignature, signature::Error> {
        let made = self.key.sign(bytes, self.random).map_err(|_| signature::Error::new())?;
        Ok(MadeSignature(made))
    }
}
