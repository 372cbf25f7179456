//! The XML Signature over a head: written from one template, read against the same template.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use canon::Digest;

use crate::limits::{
    CERTIFICATE_BYTES_MAX, CERTIFICATES_MAX, SIGNATURE_BYTES_MAX, SIGNATURE_VALUE_MAX,
};
use crate::wire::Scan;
use crate::{Refuse, SignError, Signer, Suite};

const OPEN: &str = r#"<Signature xmlns="http://www.w3.org/2000/09/xmldsig#">"#;
const INFO_A: &str = r#"<SignedInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></CanonicalizationMethod><SignatureMethod Algorithm=""#;
const INFO_B: &str = r##""></SignatureMethod><Reference URI="#head"><Transforms><Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></Transform></Transforms><DigestMethod Algorithm=""##;
const INFO_C: &str = r#""></DigestMethod><DigestValue>"#;
const INFO_D: &str = "</DigestValue></Reference></SignedInfo>";
const VALUE_A: &str = "<SignatureValue>";
const VALUE_B: &str = "</SignatureValue>";
const KEY_A: &str = "<KeyInfo><X509Data>";
const KEY_B: &str = "</X509Data></KeyInfo>";
const CLOSE: &str = "</Signature>";

/// Signs the exact bytes of a head; returns the bytes of the `Signature` element.
pub fn sign_head(head_bytes: &[u8], signer: &dyn Signer) -> Result<Vec<u8>, SignError> {
    let suite = signer.suite();
    let info = signed_info(suite, &suite.digest().of(&[head_bytes]));
    let value = signer.sign(info.as_bytes())?;
    let mut out = String::with_capacity(info.len() + 2_048);
    out.push_str(OPEN);
    out.push_str(&info);
    out.push_str(VALUE_A);
    BASE64.encode_string(value, &mut out);
    out.push_str(VALUE_B);
    out.push_str(KEY_A);
    let chain = signer.intermediates().iter().map(Vec::as_slice);
    for certificate in std::iter::once(signer.certificate_der()).chain(chain) {
        out.push_str("<X509Certificate>");
        BASE64.encode_string(certificate, &mut out);
        out.push_str("</X509Certificate>");
    }
    out.push_str(KEY_B);
    out.push_str(CLOSE);
    Ok(out.into_bytes())
}

/// The exact bytes that are signed: nothing in them varies but suite and digest.
fn signed_info(suite: Suite, digest: &Digest) -> String {
    let mut out = String::with_capacity(768);
    out.push_str(INFO_A);
    out.push_str(suite.signature_uri());
    out.push_str(INFO_B);
    out.push_str(suite.digest_uri());
    out.push_str(INFO_C);
    BASE64.encode_string(digest.bytes, &mut out);
    out.push_str(INFO_D);
    out
}

/// A `Signature` element read apart; nothing in it is verified yet.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    pub(crate) suite: Suite,
    pub(crate) digest: Digest,
    pub(crate) signed_info: &'a [u8],
    pub(crate) value: Vec<u8>,
    /// What stands between `X509Data` tags, as written: it names the chain in caches.
    pub(crate) chain: &'a [u8],
}

impl<'a> Parts<'a> {
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, Refuse> {
        if bytes.len() > SIGNATURE_BYTES_MAX {
            let (size, max) = (bytes.len() as u64, SIGNATURE_BYTES_MAX as u64);
            return Err(Refuse::TooLarge { what: "signature", size, max });
        }
        let mut scan = Scan::new(bytes);
        scan.literal(OPEN, "Signature")?;
        let from = scan.at();
        scan.literal(INFO_A, "SignedInfo")?;
        let uri = scan.until_quote("SignatureMethod")?;
        let suite = Suite::ALL
            .iter()
            .copied()
            .find(|s| s.signature_uri().as_bytes() == uri)
            .ok_or(Refuse::SuiteUnknown)?;
        scan.literal(INFO_B, "Reference")?;
        scan.literal(suite.digest_uri(), "DigestMethod")?;
        scan.literal(INFO_C, "DigestValue")?;
        let digest = decode(&mut scan, 64, "DigestValue")?;
        let digest = Digest::from_slice(suite.digest(), &digest)
            .ok_or_else(|| scan.malformed("DigestValue of 32 bytes"))?;
        scan.literal(INFO_D, "end of SignedInfo")?;
        let signed_info = bytes.get(from..scan.at()).unwrap_or_default();
        scan.literal(VALUE_A, "SignatureValue")?;
        let value = decode(&mut scan, SIGNATURE_VALUE_MAX, "SignatureValue")?;
        scan.literal(VALUE_B, "end of SignatureValue")?;
        scan.literal(KEY_A, "KeyInfo")?;
        let from = scan.at();
        let mut found = 0;
        while scan.try_open("X509Certificate") {
            found += 1;
            if found > CERTIFICATES_MAX {
                let (size, max) = (found as u64, CERTIFICATES_MAX as u64);
                return Err(Refuse::TooLarge { what: "certificates", size, max });
            }
            scan.until_tag(CERTIFICATE_BYTES_MAX * 4 / 3 + 4)?;
            scan.close("X509Certificate")?;
        }
        let chain = bytes.get(from..scan.at()).unwrap_or_default();
        scan.literal(KEY_B, "end of KeyInfo")?;
        scan.literal(CLOSE, "end of Signature")?;
        scan.end()?;
        Ok(Self { suite, digest, signed_info, value, chain })
    }

    /// The certificates, the signer's first.
    pub(crate) fn certificates(&self) -> Result<Vec<Vec<u8>>, Refuse> {
        let mut scan = Scan::new(self.chain);
        let mut all = Vec::new();
        while scan.try_open("X509Certificate") {
            let max = CERTIFICATE_BYTES_MAX * 4 / 3 + 4;
            all.push(decode(&mut scan, max, "X509Certificate")?);
            scan.close("X509Certificate")?;
        }
        scan.end()?;
        Ok(all)
    }
}

/// Base64 up to the next tag: canonical, padded, without white space.
fn decode(scan: &mut Scan<'_>, max: usize, what: &'static str) -> Result<Vec<u8>, Refuse> {
    let at = scan.at();
    let text = scan.until_tag(max)?;
    BASE64.decode(text).map_err(|_| Refuse::Malformed { at, what })
}
