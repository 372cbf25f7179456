//! Who is believed: anchors, chains, and what a verified signature must agree with.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use canon::{Digest, Environment, Millis};

use crate::identity::{Parsed, SenderCert, pem_block};
use crate::limits::TRUST_CACHE_MAX;
use crate::xmldsig::Parts;
use crate::{Head, Opened, Refuse, Suite};

/// The trust anchors of one environment, and the chains already verified against them.
pub struct Trust {
    environment: Environment,
    anchors: Vec<Parsed>,
    /// By digest of the chain as written, so that an envelope costs one signature check.
    verified: Mutex<HashMap<Digest, Arc<Verified>>>,
}

/// A chain that leads to an anchor.
#[derive(Debug)]
struct Verified {
    sender: Arc<SenderCert>,
    suite: Suite,
    key: Vec<u8>,
}

impl std::fmt::Debug for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let anchors: Vec<_> = self.anchors.iter().map(|a| a.digest).collect();
        f.debug_struct("Trust")
            .field("environment", &self.environment)
            .field("anchors", &anchors)
            .finish_non_exhaustive()
    }
}

impl Trust {
    /// Anchors from PEM texts, each with one or more certificates. An intermediate authority may
    /// stand here too: whatever is given is believed.
    pub fn from_pem(environment: Environment, pems: &[&str]) -> Result<Self, Refuse> {
        let mut anchors = Vec::new();
        for der in pems.iter().flat_map(|pem| pem_block(pem, "CERTIFICATE")) {
            let anchor = Parsed::from_der(&der)?;
            if !anchor.extensions.ca {
                return Err(Refuse::CertificateInvalid { what: "an anchor that is no authority" });
            }
            anchors.push(anchor);
        }
        if anchors.is_empty() {
            return Err(Refuse::CertificateInvalid { what: "no CERTIFICATE block among anchors" });
        }
        Ok(Self { environment, anchors, verified: Mutex::default() })
    }

    /// The environment whose envelopes are believed.
    pub const fn environment(&self) -> Environment {
        self.environment
    }

    /// Verifies one certificate chain in DER, the node's first, at `at`.
    pub fn verify_chain(&self, chain: &[Vec<u8>], at: Millis) -> Result<Arc<SenderCert>, Refuse> {
        let verified = self.path(chain)?;
        in_validity(&verified.sender, at)?;
        Ok(Arc::clone(&verified.sender))
    }

    fn path(&self, chain: &[Vec<u8>]) -> Result<Verified, Refuse> {
        let chain: Vec<_> =
            chain.iter().map(|der| Parsed::from_der(der)).collect::<Result<_, _>>()?;
        let leaf = chain.first().ok_or(Refuse::CertificateInvalid { what: "none given" })?;
        let mut sender = leaf.sender()?;
        let mut narrow = |by: &Parsed| {
            sender.not_before = sender.not_before.max(by.not_before);
            sender.not_after = sender.not_after.min(by.not_after);
        };
        let mut last = leaf;
        for (below, authority) in chain.iter().skip(1).enumerate() {
            if !last.issued_by(authority, below) {
                return Err(Refuse::CertificateUntrusted);
            }
            narrow(authority);
            last = authority;
        }
        let below = chain.len() - 1;
        let anchor = self.anchors.iter().find(|a| last.issued_by(a, below));
        narrow(anchor.ok_or(Refuse::CertificateUntrusted)?);
        Ok(Verified { sender: Arc::new(sender), suite: leaf.suite, key: leaf.key.clone() })
    }

    fn chain_of(&self, parts: &Parts<'_>) -> Result<Arc<Verified>, Refuse> {
        let name = parts.suite.digest().of(&[parts.chain]);
        let cache = || self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = cache().get(&name) {
            return Ok(Arc::clone(known));
        }
        let verified = Arc::new(self.path(&parts.certificates()?)?);
        let mut cache = cache();
        if cache.len() >= TRUST_CACHE_MAX {
            cache.clear();
        }
        cache.insert(name, Arc::clone(&verified));
        Ok(verified)
    }
}

fn in_validity(sender: &SenderCert, at: Millis) -> Result<(), Refuse> {
    if at < sender.not_before || at > sender.not_after {
        return Err(Refuse::CertificateExpired);
    }
    Ok(())
}

/// Verifies who signed an opened package. `at` is the time the certificate is judged at: the
/// earliest a trusted node vouches for, never `sealed_at` alone.
pub fn verify(opened: &Opened<'_>, trust: &Trust, at: Millis) -> Result<Arc<SenderCert>, Refuse> {
    verify_head(&opened.head, opened.head_bytes, opened.signature, trust, at)
}

/// As [`verify`], for a head and its signature without the body (evidence). `head` must be what
/// [`Head::read`] made of `head_bytes`.
pub fn verify_head(
    head: &Head,
    head_bytes: &[u8],
    signature: &[u8],
    trust: &Trust,
    at: Millis,
) -> Result<Arc<SenderCert>, Refuse> {
    let parts = Parts::read(signature)?;
    let suite = head.suite()?;
    let invalid = |what| Refuse::SignatureInvalid { what };
    if parts.suite != suite || head.digest_alg != suite.digest() {
        return Err(invalid("another suite than the route's"));
    }
    if parts.digest != suite.digest().of(&[head_bytes]) {
        return Err(invalid("the head is not the one that was signed"));
    }
    if head.environment != trust.environment {
        return Err(Refuse::Environment);
    }
    let chain = trust.chain_of(&parts)?;
    if chain.sender.digest != head.certificate {
        return Err(invalid("another certificate than the head names"));
    }
    if chain.suite != suite || !suite.verifies(&chain.key, parts.signed_info, &parts.value) {
        return Err(invalid("the signature value"));
    }
    if chain.sender.node != head.from {
        return Err(Refuse::NodeMismatch);
    }
    if chain.sender.environment != head.environment {
        return Err(Refuse::Environment);
    }
    in_validity(&chain.sender, at)?;
    Ok(Arc::clone(&chain.sender))
}

/// Who signed exactly these bytes, whatever they are.
pub(crate) fn verify_signed(
    bytes: &[u8],
    signature: &[u8],
    trust: &Trust,
    at: Millis,
) -> Result<Arc<SenderCert>, Refuse> {
    let parts = Parts::read(signature)?;
    let invalid = |what| Refuse::SignatureInvalid { what };
    if parts.digest != parts.suite.digest().of(&[bytes]) {
        return Err(invalid("the text is not the one that was signed"));
    }
    let chain = trust.chain_of(&parts)?;
    if chain.suite != parts.suite
        || !parts.suite.verifies(&chain.key, parts.signed_info, &parts.value)
    {
        return Err(invalid("the signature value"));
    }
    if chain.sender.environment != trust.environment {
        return Err(Refuse::Environment);
    }
    in_validity(&chain.sender, at)?;
    Ok(Arc::clone(&chain.sender))
}

/// Refuses a head sealed more than `skew_ms` ahead of `now`.
pub fn check_clock(head: &Head, now: Millis, skew_ms: i64) -> Result<(), Refuse> {
    let ahead_ms = head.sealed_at.since(now);
    if ahead_ms > skew_ms { Err(Refuse::ClockAhead { ahead_ms }) } else { Ok(()) }
}
