//! What a certificate says of a node: its code, environment and regions, from SAN URIs.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use canon::{Digest, Environment, Millis, NodeCode};
use der::asn1::ObjectIdentifier;
use der::{Decode, Encode};
use x509_cert::Certificate;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage, SubjectAltName};

use crate::limits::CERTIFICATE_BYTES_MAX;
use crate::{PublicKey, Refuse, Suite};

/// Prefix of the SAN URI with the node code.
pub const URN_NODE: &str = "urn:tiergate:node:";
/// Prefix of the SAN URI with the environment.
pub const URN_ENV: &str = "urn:tiergate:env:";
/// Prefix of the SAN URIs with regions.
pub const URN_REGION: &str = "urn:tiergate:region:";

const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const SUBJECT_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");

/// A node as its certificate names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SenderCert {
    /// Node code.
    pub node: NodeCode,
    /// Environment.
    pub environment: Environment,
    /// Regions it may speak for; a code covers the codes that begin with it.
    pub regions: Vec<Arc<str>>,
    /// Suite of its key.
    pub suite: Suite,
    /// First moment of validity; in a verified one the narrowest of its chain.
    pub not_before: Millis,
    /// Last moment of validity; in a verified one the narrowest of its chain.
    pub not_after: Millis,
    /// Serial number, as written.
    pub serial: Vec<u8>,
    /// Digest of the certificate, as heads name it.
    pub digest: Digest,
}

impl SenderCert {
    /// Reads a certificate's DER. Nothing is verified.
    pub fn from_der(der: &[u8]) -> Result<Self, Refuse> {
        Parsed::from_der(der)?.sender()
    }

    /// Reads the first certificate of a PEM text. Nothing is verified.
    pub fn from_pem(pem: &str) -> Result<Self, Refuse> {
        let der = pem_block(pem, "CERTIFICATE").next();
        Self::from_der(&der.ok_or(Refuse::CertificateInvalid { what: "no PEM block" })?)
    }

    /// Whether `region` lies within one of the certificate's regions.
    pub fn covers(&self, region: &str) -> bool {
        self.regions.iter().any(|r| region.starts_with(&**r))
    }
}

/// The certificate with whose key bodies are encrypted for a node: the other half of a pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncryptionCert {
    /// Node code.
    pub node: NodeCode,
    /// Environment.
    pub environment: Environment,
    /// Its key, with the suite.
    pub key: PublicKey,
    /// First moment of validity; in a verified one the narrowest of its chain.
    pub not_before: Millis,
    /// Last moment of validity; in a verified one the narrowest of its chain.
    pub not_after: Millis,
    /// Digest of the certificate, as heads name it.
    pub digest: Digest,
}

impl EncryptionCert {
    /// Reads a certificate's DER. Nothing is verified.
    pub fn from_der(der: &[u8]) -> Result<Self, Refuse> {
        Parsed::from_der(der)?.recipient()
    }

    /// Reads the first certificate of a PEM text. Nothing is verified.
    pub fn from_pem(pem: &str) -> Result<Self, Refuse> {
        let der = pem_block(pem, "CERTIFICATE").next();
        Self::from_der(&der.ok_or(Refuse::CertificateInvalid { what: "no PEM block" })?)
    }
}

/// A certificate of the profile: key and signature of a suite each, no critical extension unknown.
#[derive(Clone, Debug)]
pub(crate) struct Parsed {
    pub(crate) tbs: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    /// The suite it is signed in, which may be another than its key's.
    pub(crate) signed_in: Suite,
    pub(crate) serial: Vec<u8>,
    pub(crate) issuer: Vec<u8>,
    pub(crate) subject: Vec<u8>,
    pub(crate) key: PublicKey,
    pub(crate) not_before: Millis,
    pub(crate) not_after: Millis,
    pub(crate) digest: Digest,
    pub(crate) extensions: Extensions,
}

/// What the extensions say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extensions {
    pub(crate) ca: bool,
    pub(crate) path_len: Option<u8>,
    pub(crate) usage: Option<KeyUsage>,
    uris: Vec<String>,
}

/// From when until when any X.509 certificate holds, of whatever suite: for those that carriers use.
/// None for what is not one.
pub fn validity(der: &[u8]) -> Option<(Millis, Millis)> {
    if der.len() > CERTIFICATE_BYTES_MAX {
        return None;
    }
    let certificate = Certificate::from_der(der).ok()?;
    let validity = certificate.tbs_certificate().validity();
    Some((millis(validity.not_before), millis(validity.not_after).plus(999)))
}

const fn invalid(what: &'static str) -> Refuse {
    Refuse::CertificateInvalid { what }
}

impl Parsed {
    pub(crate) fn from_der(der: &[u8]) -> Result<Self, Refuse> {
        if der.len() > CERTIFICATE_BYTES_MAX {
            let (size, max) = (der.len() as u64, CERTIFICATE_BYTES_MAX as u64);
            return Err(Refuse::TooLarge { what: "certificate", size, max });
        }
        let cert = Certificate::from_der(der).map_err(|_| invalid("not X.509 in DER"))?;
        let tbs = cert.tbs_certificate();
        let algorithm = cert.signature_algorithm();
        if algorithm != tbs.signature() {
            return Err(invalid("two signature algorithms"));
        }
        let signed_in = Suite::of_signature(algorithm).ok_or(Refuse::SuiteUnknown)?;
        let key = PublicKey::from_info(tbs.subject_public_key_info())?;
        let bytes = |name: &x509_cert::name::Name| name.to_der().map_err(|_| invalid("its names"));
        let validity = tbs.validity();
        let extensions = tbs.extensions().map_or(&[][..], Vec::as_slice);
        Ok(Self {
            tbs: first_element(der).ok_or_else(|| invalid("not X.509 in DER"))?.to_vec(),
            signature: cert.signature().as_bytes().unwrap_or_default().to_vec(),
            signed_in,
            serial: tbs.serial_number().as_bytes().to_vec(),
            issuer: bytes(tbs.issuer())?,
            subject: bytes(tbs.subject())?,
            not_before: millis(validity.not_before),
            not_after: millis(validity.not_after).plus(999),
            digest: key.suite().digest().of(&[der]),
            key,
            extensions: Extensions::read(extensions)?,
        })
    }

    /// Whether `issuer` signed this certificate and was allowed to, with `below` certificate
    /// authorities already between it and the node.
    pub(crate) fn issued_by(&self, issuer: &Self, below: usize) -> bool {
        let e = &issuer.extensions;
        self.issuer == issuer.subject
            && e.ca
            && e.path_len.is_none_or(|max| below <= usize::from(max))
            && e.usage.as_ref().is_none_or(KeyUsage::key_cert_sign)
            && self.signed_in == issuer.key.suite()
            && issuer.key.verifies_certificate(&self.tbs, &self.signature)
    }

    /// The node for which bodies may be encrypted with this certificate's key.
    pub(crate) fn recipient(&self) -> Result<EncryptionCert, Refuse> {
        let e = &self.extensions;
        let may = |u: &KeyUsage| u.key_encipherment() || u.data_encipherment() || u.key_agreement();
        if e.ca || !e.usage.as_ref().is_some_and(may) {
            return Err(invalid("not for encryption"));
        }
        let named = Named::read(&e.uris)?;
        Ok(EncryptionCert {
            node: named.node,
            environment: named.environment,
            key: self.key.clone(),
            not_before: self.not_before,
            not_after: self.not_after,
            digest: self.digest,
        })
    }

    /// The node this certificate names.
    pub(crate) fn sender(&self) -> Result<SenderCert, Refuse> {
        let e = &self.extensions;
        if e.ca || !e.usage.as_ref().is_none_or(KeyUsage::digital_signature) {
            return Err(invalid("not for signing"));
        }
        let named = Named::read(&e.uris)?;
        Ok(SenderCert {
            node: named.node,
            environment: named.environment,
            regions: named.regions,
            suite: self.key.suite(),
            not_before: self.not_before,
            not_after: self.not_after,
            serial: self.serial.clone(),
            digest: self.digest,
        })
    }
}

/// What SAN URIs say of a node.
pub(crate) struct Named {
    pub(crate) node: NodeCode,
    pub(crate) environment: Environment,
    pub(crate) regions: Vec<Arc<str>>,
}

impl Named {
    pub(crate) fn read(uris: &[String]) -> Result<Self, Refuse> {
        let one = |prefix: &str| {
            let mut found = uris.iter().filter_map(|u| u.strip_prefix(prefix));
            let first = found.next();
            if found.next().is_some() { None } else { first }
        };
        let node = one(URN_NODE).and_then(NodeCode::new);
        let environment = one(URN_ENV).and_then(|w| w.parse().ok());
        let regions = uris.iter().filter_map(|u| u.strip_prefix(URN_REGION));
        Ok(Self {
            node: node.ok_or_else(|| invalid("needs one SAN URI urn:tiergate:node:CODE"))?,
            environment: environment
                .ok_or_else(|| invalid("needs one SAN URI urn:tiergate:env:formal|joint|demo"))?,
            regions: regions.map(Arc::from).collect(),
        })
    }
}

impl Extensions {
    fn read(all: &[Extension]) -> Result<Self, Refuse> {
        let mut out = Self::default();
        for (i, extension) in all.iter().enumerate() {
            if all.iter().take(i).any(|e| e.extn_id == extension.extn_id) {
                return Err(invalid("an extension stands twice"));
            }
            let value = extension.extn_value.as_bytes();
            let unreadable = |_: der::Error| invalid("an extension cannot be read");
            match extension.extn_id {
                BASIC_CONSTRAINTS => {
                    let basic = BasicConstraints::from_der(value).map_err(unreadable)?;
                    out.ca = basic.ca;
                    out.path_len = basic.path_len_constraint;
                }
                KEY_USAGE => out.usage = Some(KeyUsage::from_der(value).map_err(unreadable)?),
                SUBJECT_ALT_NAME => {
                    let names = SubjectAltName::from_der(value).map_err(unreadable)?;
                    out.uris = uris(names);
                }
                _ if extension.critical => return Err(invalid("an unknown critical extension")),
                _ => {}
            }
        }
        Ok(out)
    }
}

pub(crate) fn uris(names: SubjectAltName) -> Vec<String> {
    let uri = |name| match name {
        GeneralName::UniformResourceIdentifier(uri) => Some(uri.as_str().to_owned()),
        _ => None,
    };
    names.0.into_iter().filter_map(uri).collect()
}

pub(crate) fn millis(time: x509_cert::time::Time) -> Millis {
    Millis(i64::try_from(time.to_unix_duration().as_millis()).unwrap_or(i64::MAX))
}

/// The first element inside the outer SEQUENCE, header and all: the exact bytes that are signed.
pub(crate) fn first_element(der: &[u8]) -> Option<&[u8]> {
    let (header, _) = element(der)?;
    let inner = der.get(header..)?;
    let (_, total) = element(inner)?;
    inner.get(..total)
}

/// Length of an element's header and of the whole element.
fn element(der: &[u8]) -> Option<(usize, usize)> {
    let first = usize::from(*der.get(1)?);
    if first < 0x80 {
        return Some((2, 2 + first));
    }
    let octets = first - 0x80;
    if !(1..=3).contains(&octets) {
        return None;
    }
    let digits = der.get(2..2 + octets)?;
    let length = digits.iter().fold(0_usize, |n, b| n << 8 | usize::from(*b));
    Some((2 + octets, 2 + octets + length))
}

/// The DER of each PEM block with this label.
pub(crate) fn pem_block<'a>(pem: &'a str, label: &str) -> impl Iterator<Item = Vec<u8>> + use<'a> {
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let mut rest = pem;
    std::iter::from_fn(move || {
        let (_, after) = rest.split_once(begin.as_str())?;
        let (body, after) = after.split_once(end.as_str())?;
        rest = after;
        let body: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        BASE64.decode(body).ok()
    })
}

/// The certificates of a PEM text, in DER and in their order.
pub fn chain(pem: &str) -> Vec<Vec<u8>> {
    pem_block(pem, "CERTIFICATE").collect()
}

/// PEM of DER.
pub(crate) fn to_pem(label: &str, der: &[u8]) -> String {
    let body = BASE64.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    let mut rest = body.as_str();
    while let Some((line, after)) = rest.split_at_checked(64) {
        out.push_str(line);
        out.push('\n');
        rest = after;
    }
    if !rest.is_empty() {
        out.push_str(rest);
        out.push('\n');
    }
    out.push_str(&format!("-----END {label}-----\n"));
    out
}
