//! Who is believed: anchors, chains, and what a verified signature must agree with.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use canon::{Digest, Environment, Millis};

use crate::identity::{Parsed, pem_block};
use crate::limits::TRUST_CACHE_MAX;
use crate::xmldsig::Parts;
use crate::{
    EncryptionCert, Head, Opened, PublicKey, Refuse, Revoked, SM2_USER_ID, SenderCert, Suite,
};

/// The trust anchors of one environment, and the chains already verified against them.
pub struct Trust {
    environment: Environment,
    anchors: Vec<Parsed>,
    suites: Vec<Suite>,
    user_id: String,
    revoked: RwLock<Arc<Revoked>>,
    /// By digest of the chain as written, so that an envelope costs one signature check.
    verified: Mutex<HashMap<Digest, Arc<Verified>>>,
}

/// A chain that leads to an anchor.
#[derive(Debug)]
struct Verified {
    sender: Arc<SenderCert>,
    key: PublicKey,
    path: Walked,
}

/// A chain, followed to its anchor.
#[derive(Debug)]
struct Walked {
    /// Issuer and serial number of each certificate of the chain, without the anchor's.
    issued: Vec<(Vec<u8>, Vec<u8>)>,
    /// When all of the chain holds, the anchor with it.
    holds: (Millis, Millis),
}

impl std::fmt::Debug for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let anchors: Vec<_> = self.anchors.iter().map(|a| a.digest).collect();
        f.debug_struct("Trust")
            .field("environment", &self.environment)
            .field("anchors", &anchors)
            .field("suites", &self.suites)
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
        Ok(Self {
            environment,
            anchors,
            suites: Suite::ALL.to_vec(),
            user_id: SM2_USER_ID.to_owned(),
            revoked: RwLock::default(),
            verified: Mutex::default(),
        })
    }

    /// Believes heads in these suites only; without this, in every suite of this build.
    #[must_use]
    pub fn accepting(mut self, suites: &[Suite]) -> Self {
        self.suites = suites.to_vec();
        self
    }

    /// Believes SM2 signatures on heads under this user id; without this, under the standard's.
    #[must_use]
    pub fn with_user_id(mut self, user_id: &str) -> Self {
        user_id.clone_into(&mut self.user_id);
        self
    }

    /// Reads revocation lists, each PEM or DER and signed by an anchor, without putting them in
    /// force.
    pub fn read_lists(&self, files: &[Vec<u8>]) -> Result<Revoked, Refuse> {
        let mut revoked = Revoked::default();
        for file in files {
            revoked.add(file, &self.anchors)?;
        }
        Ok(revoked)
    }

    /// Puts revocation lists in force, in place of those before.
    pub fn revoke(&self, revoked: Revoked) {
        *self.revoked.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(revoked);
    }

    /// The revocation lists in force.
    pub fn revoked(&self) -> Arc<Revoked> {
        Arc::clone(&self.revoked.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The environment whose envelopes are believed.
    pub const fn environment(&self) -> Environment {
        self.environment
    }

    /// Verifies one certificate chain in DER, the node's first, at `at`.
    pub fn verify_chain(&self, chain: &[Vec<u8>], at: Millis) -> Result<Arc<SenderCert>, Refuse> {
        let verified = self.path(chain)?;
        self.stands(&verified, at)
    }

    /// Verifies the chain of an encryption certificate, as [`Trust::verify_chain`] does that of a
    /// signing one.
    pub fn verify_encryption(
        &self,
        chain: &[Vec<u8>],
        at: Millis,
    ) -> Result<EncryptionCert, Refuse> {
        let (path, leaf) = self.walk(chain)?;
        let mut found = leaf.recipient()?;
        (found.not_before, found.not_after) = path.holds;
        self.held(&path, at)?;
        Ok(found)
    }

    /// Whether the chain held at `at`: no certificate in it expired or revoked then.
    fn stands(&self, chain: &Verified, at: Millis) -> Result<Arc<SenderCert>, Refuse> {
        self.held(&chain.path, at)?;
        Ok(Arc::clone(&chain.sender))
    }

    fn held(&self, chain: &Walked, at: Millis) -> Result<(), Refuse> {
        if at < chain.holds.0 || at > chain.holds.1 {
            return Err(Refuse::CertificateExpired);
        }
        if self.first_revoked(chain).is_some_and(|since| since <= at) {
            return Err(Refuse::CertificateRevoked);
        }
        Ok(())
    }

    /// Since when a certificate of the chain in this signature is revoked, whatever time it is judged at.
    pub(crate) fn revoked_since(&self, signature: &[u8]) -> Option<Millis> {
        let chain = self.chain_of(&Parts::read(signature).ok()?).ok()?;
        self.first_revoked(&chain.path)
    }

    fn first_revoked(&self, chain: &Walked) -> Option<Millis> {
        let revoked = self.revoked();
        chain.issued.iter().filter_map(|(issuer, serial)| revoked.since(issuer, serial)).min()
    }

    /// Refuses a suite that is not agreed.
    fn accepts(&self, suite: Suite) -> Result<(), Refuse> {
        if self.suites.contains(&suite) {
            return Ok(());
        }
        Err(Refuse::SuiteRefused { suite: suite.name() })
    }

    fn path(&self, chain: &[Vec<u8>]) -> Result<Verified, Refuse> {
        let (path, leaf) = self.walk(chain)?;
        let mut sender = leaf.sender()?;
        (sender.not_before, sender.not_after) = path.holds;
        Ok(Verified { sender: Arc::new(sender), key: leaf.key, path })
    }

    fn walk(&self, chain: &[Vec<u8>]) -> Result<(Walked, Parsed), Refuse> {
        let mut chain: Vec<_> =
            chain.iter().map(|der| Parsed::from_der(der)).collect::<Result<_, _>>()?;
        let leaf = chain.first().ok_or(Refuse::CertificateInvalid { what: "none given" })?;
        let mut holds = (leaf.not_before, leaf.not_after);
        let mut narrow = |by: &Parsed| {
            holds = (holds.0.max(by.not_before), holds.1.min(by.not_after));
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
        let issued = chain.iter().map(|c| (c.issuer.clone(), c.serial.clone())).collect();
        Ok((Walked { issued, holds }, chain.swap_remove(0)))
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
    trust.accepts(suite)?;
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
    if chain.key.suite() != suite
        || !chain.key.verifies(parts.signed_info, &parts.value, &trust.user_id)
    {
        return Err(invalid("the signature value"));
    }
    if chain.sender.node != head.from {
        return Err(Refuse::NodeMismatch);
    }
    if chain.sender.environment != head.environment {
        return Err(Refuse::Environment);
    }
    trust.stands(&chain, at)
}

/// Who signed exactly these bytes, whatever they are.
pub(crate) fn verify_signed(
    bytes: &[u8],
    signature: &[u8],
    trust: &Trust,
    at: Millis,
) -> Result<Arc<SenderCert>, Refuse> {
    let parts = Parts::read(signature)?;
    trust.accepts(parts.suite)?;
    let invalid = |what| Refuse::SignatureInvalid { what };
    if parts.digest != parts.suite.digest().of(&[bytes]) {
        return Err(invalid("the text is not the one that was signed"));
    }
    let chain = trust.chain_of(&parts)?;
    if chain.key.suite() != parts.suite
        || !chain.key.verifies(parts.signed_info, &parts.value, &trust.user_id)
    {
        return Err(invalid("the signature value"));
    }
    if chain.sender.environment != trust.environment {
        return Err(Refuse::Environment);
    }
    trust.stands(&chain, at)
}

/// Refuses a head sealed more than `skew_ms` ahead of `now`.
pub fn check_clock(head: &Head, now: Millis, skew_ms: i64) -> Result<(), Refuse> {
    let ahead_ms = head.sealed_at.since(now);
    if ahead_ms > skew_ms { Err(Refuse::ClockAhead { ahead_ms }) } else { Ok(()) }
}
