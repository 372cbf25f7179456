//! A request for a certificate (PKCS#10): made by a node, read by an authority.

use der::{Decode, Encode};
use ring::rand::SecureRandom;
use signature::{Keypair, Signer};
use x509_cert::builder::{Builder as _, RequestBuilder};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::request::{CertReq, ExtensionReq};
use x509_cert::spki::{AlgorithmIdentifierOwned, DynSignatureAlgorithmIdentifier};

use crate::ca::{CertSigner, MadeSignature, NodeName, failed, name};
use crate::identity::{Named, first_element, pem_block, to_pem};
use crate::keys::{Form, SM2_STANDARD};
use crate::limits::CERTIFICATE_BYTES_MAX;
use crate::{KeyPem, PublicKey, Refuse, SignError, Suite};

/// What a request asks for; whether it may have it is for the authority's people to say.
#[derive(Clone, Debug)]
pub struct Request {
    /// Whom the certificate shall name.
    pub node: NodeName,
    /// The key it shall be for; its holder has signed the request.
    pub key: PublicKey,
}

/// A request for a certificate that names `node`, signed with its key; PEM.
pub fn request(
    node: &NodeName,
    key: &KeyPem,
    random: &dyn SecureRandom,
) -> Result<String, SignError> {
    let key = key.load(Form::Certificate, SM2_STANDARD, random)?;
    built(node, &CertSigner { key: &key, random })
}

/// What signs in place of a key in memory.
pub type SignsOutside<'a> = dyn Fn(&[u8]) -> Result<Vec<u8>, SignError> + 'a;

/// As [`request`], the key lying outside of this process: `sign` gives its signature as devices do
/// (ECDSA: `r‖s`).
pub fn request_outside(
    node: &NodeName,
    key: &PublicKey,
    sign: &SignsOutside<'_>,
) -> Result<String, SignError> {
    built(node, &Elsewhere { key, sign })
}

/// A key that others hold.
struct Elsewhere<'a> {
    key: &'a PublicKey,
    sign: &'a SignsOutside<'a>,
}

impl Keypair for Elsewhere<'_> {
    type VerifyingKey = PublicKey;

    fn verifying_key(&self) -> PublicKey {
        self.key.clone()
    }
}

impl DynSignatureAlgorithmIdentifier for Elsewhere<'_> {
    fn signature_algorithm_identifier(&self) -> x509_cert::spki::Result<AlgorithmIdentifierOwned> {
        Ok(self.key.suite().signature_algorithm())
    }
}

impl Signer<MadeSignature> for Elsewhere<'_> {
    fn try_sign(&self, bytes: &[u8]) -> Result<MadeSignature, signature::Error> {
        let raw = (self.sign)(bytes).map_err(|_| signature::Error::new())?;
        let made = self.key.in_certificates(bytes, &raw).ok_or_else(signature::Error::new)?;
        Ok(MadeSignature(made))
    }
}

fn built<S>(node: &NodeName, signer: &S) -> Result<String, SignError>
where
    S: Keypair<VerifyingKey = PublicKey> + DynSignatureAlgorithmIdentifier + Signer<MadeSignature>,
{
    let mut builder = RequestBuilder::new(name(node.node.as_str())?).map_err(failed)?;
    let names = node.asked().map_err(failed)?;
    builder.add_extension(&names).map_err(failed)?;
    let request = builder.build::<_, MadeSignature>(signer).map_err(failed)?;
    Ok(to_pem("CERTIFICATE REQUEST", &request.to_der().map_err(failed)?))
}

/// Reads a request and sees that its key's holder signed it.
pub fn read_request(pem: &str) -> Result<Request, Refuse> {
    let invalid = |what| Refuse::CertificateInvalid { what };
    let der = pem_block(pem, "CERTIFICATE REQUEST").next();
    let der = der.ok_or(invalid("no CERTIFICATE REQUEST block in it"))?;
    if der.len() > CERTIFICATE_BYTES_MAX {
        let (size, max) = (der.len() as u64, CERTIFICATE_BYTES_MAX as u64);
        return Err(Refuse::TooLarge { what: "certificate request", size, max });
    }
    let unreadable = |_: der::Error| invalid("a request that cannot be read");
    let request = CertReq::from_der(&der).map_err(unreadable)?;
    let key = PublicKey::from_info(&request.info.public_key)?;
    let signed = first_element(&der).ok_or(invalid("a request that cannot be read"))?;
    let signature = request.signature.as_bytes().unwrap_or_default();
    if Suite::of_signature(&request.algorithm) != Some(key.suite())
        || !key.verifies_certificate(signed, signature)
    {
        return Err(invalid("a request that its key's holder did not sign"));
    }
    let mut uris = Vec::new();
    for attribute in request.info.attributes.iter().filter(|a| a.oid == EXTENSIONS) {
        for value in attribute.values.iter() {
            let asked: ExtensionReq = value.decode_as().map_err(unreadable)?;
            for one in asked.0.iter().filter(|e| e.extn_id == SUBJECT_ALT_NAME) {
                let names = SubjectAltName::from_der(one.extn_value.as_bytes());
                uris.extend(crate::identity::uris(names.map_err(unreadable)?));
            }
        }
    }
    let named = Named::read(&uris)?;
    let regions = named.regions.iter().map(|r| r.to_string()).collect();
    let node = NodeName { node: named.node, environment: named.environment, regions };
    Ok(Request { node, key })
}

const EXTENSIONS: der::asn1::ObjectIdentifier =
    der::asn1::ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.14");
const SUBJECT_ALT_NAME: der::asn1::ObjectIdentifier =
    der::asn1::ObjectIdentifier::new_unwrap("2.5.29.17");
