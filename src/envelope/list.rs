//! A signed text that is no package: the list of what lies on a disk.
//!
//! It is signed as a head is, under a name of its own, so that neither can stand for the other.

use std::sync::Arc;

use canon::Millis;

use crate::trust::verify_signed;
use crate::{Refuse, SenderCert, SignError, Signer, Trust, sign_head};

/// Stands before the text in what is signed.
const DOMAIN: &[u8] = b"urn:tiergate:list:1\n";

fn signed(text: &[u8]) -> Vec<u8> {
    [DOMAIN, text].concat()
}

/// Signs a text; returns the bytes of the `Signature` element.
pub fn sign_text(text: &[u8], signer: &dyn Signer) -> Result<Vec<u8>, SignError> {
    sign_head(&signed(text), signer)
}

/// Verifies who signed a text, the certificate judged at `at`.
pub fn verify_text(
    text: &[u8],
    signature: &[u8],
    trust: &Trust,
    at: Millis,
) -> Result<Arc<SenderCert>, Refuse> {
    verify_signed(&signed(text), signature, trust, at)
}
