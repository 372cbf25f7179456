//! An identity's keys and certificates, opened and held against one another and against the trust.

use std::sync::Arc;

use canon::{Millis, NodeCode};
use envelope::{
    Certified, EncryptionCert, EncryptionPair, KeyPem, KeyRing, KeySigner, Refuse, SenderCert,
    SignError, Signer, Suite, sealed,
};
use exchange::config::{EncryptionConfig, Identity, KeyConfig, NodeConfig, Outside, SecretRef};
use ring::rand::SystemRandom;

use crate::files::{self, CONFIG_BYTES_MAX};
use crate::signer::ChildSigner;
use crate::stores::{self, NodesArg};
use crate::text::{Failure, Finding};
use crate::{open, os};

/// An identity's keys and certificates.
pub(crate) struct Material {
    /// Sign with the keys, show the certificates; in the order of the configuration.
    pub(crate) signers: Vec<Arc<dyn Signer>>,
    /// Whom each certificate names.
    pub(crate) certificates: Vec<SenderCert>,
    /// What opens bodies that are encrypted for it; at most one a suite.
    pub(crate) encryption: Vec<EncryptionPair>,
}

impl Material {
    /// The key it uses where nothing else is said.
    pub(crate) fn first(&self) -> &dyn Signer {
        &*self.signers[0]
    }
}

/// What opens confidential bodies of these nodes, for commands that read stored envelopes. Keys are
/// opened only where a configuration names some.
pub(crate) fn keys(nodes: &NodesArg) -> Result<KeyRing, Failure> {
    let mut all = Vec::new();
    for (config, code) in stores::identities(nodes)? {
        all.extend(every(&config, &code)?);
    }
    Ok(KeyRing::new(all))
}

/// The same of nodes that were asked already.
pub(crate) fn keys_of(tiers: &[stores::Tier]) -> Result<KeyRing, Failure> {
    let mut all = Vec::new();
    for tier in tiers {
        all.extend(every(&tier.config, &tier.code)?);
    }
    Ok(KeyRing::new(all))
}

/// The same of one identity.
pub(crate) fn ring(config: &NodeConfig, code: &NodeCode) -> Result<KeyRing, Failure> {
    Ok(KeyRing::new(every(config, code)?))
}

fn every(config: &NodeConfig, code: &NodeCode) -> Result<Vec<EncryptionPair>, Failure> {
    let mut all = Vec::new();
    for one in config.identities.iter().filter(|i| i.code == *code) {
        all.extend(pairs(config, one, os::now())?);
        all.extend(former(one)?);
    }
    Ok(all)
}

/// What opens bodies that are encrypted for an identity: no signing key, and no program that signs, is
/// asked.
pub(crate) fn pairs(
    node: &NodeConfig,
    identity: &Identity,
    now: Millis,
) -> Result<Vec<EncryptionPair>, Failure> {
    let mut found = Vec::new();
    for key in &identity.keys {
        let Some(pair) = &key.encryption else { continue };
        let pair = one_pair(node, identity, key.suite, pair, now)?;
        found.push(pair.map_err(|wrong| open::problems(&[said(identity, wrong)]))?);
    }
    Ok(found)
}

/// Pairs of earlier certificates: they open what was encrypted for those, however long these have ended.
pub(crate) fn former(identity: &Identity) -> Result<Vec<EncryptionPair>, Failure> {
    let mut found = Vec::new();
    for pair in identity.keys.iter().flat_map(|key| &key.former) {
        let pair = key_and_certificate(identity, pair)?;
        found.push(pair.map_err(|wrong| open::problems(&[said(identity, wrong)]))?);
    }
    Ok(found)
}

/// What is wrong, in both languages.
type Wrong = (String, String);

/// What does not fit together is found, not failed.
type Fits<T> = Result<Result<T, Wrong>, Failure>;

/// Opens an identity.
pub(crate) fn identity(
    node: &NodeConfig,
    identity: &Identity,
    now: Millis,
) -> Result<Result<Material, Finding>, Failure> {
    let mut found =
        Material { signers: Vec::new(), certificates: Vec::new(), encryption: Vec::new() };
    for key in &identity.keys {
        match one_key(node, identity, key, now)? {
            Ok((signer, certificate)) => {
                found.signers.push(signer);
                found.certificates.push(certificate);
            }
            Err(wrong) => return Ok(Err(said(identity, wrong))),
        }
        if let Some(pair) = &key.encryption {
            match one_pair(node, identity, key.suite, pair, now)? {
                Ok(pair) => found.encryption.push(pair),
                Err(wrong) => return Ok(Err(said(identity, wrong))),
            }
        }
    }
    Ok(Ok(found))
}

fn said(identity: &Identity, (en, zh): Wrong) -> Finding {
    let mut finding = Finding::of(&identity.at.file, "config.certificate", "", en, zh);
    (finding.line, finding.column) = (identity.at.line.into(), identity.at.column.into());
    finding.key = format!("[identity] {}", identity.code);
    finding
}

fn one_key(
    node: &NodeConfig,
    identity: &Identity,
    key: &KeyConfig,
    now: Millis,
) -> Fits<(Arc<dyn Signer>, SenderCert)> {
    let signer = match signs(identity, key)? {
        Ok(signer) => signer,
        Err(wrong) => return Ok(Err(wrong)),
    };
    if let Err(wrong) = of_suite(signer.suite(), key.suite) {
        return Ok(Err(wrong));
    }
    let mut chain = vec![signer.certificate_der().to_vec()];
    chain.extend(signer.intermediates().iter().cloned());
    let certificate = match open::trust(node, identity.environment)?.verify_chain(&chain, now) {
        Ok(certificate) => SenderCert::clone(&certificate),
        Err(e) => return Ok(Err(unverified(&e))),
    };
    let named = (certificate.node.as_str(), certificate.environment);
    Ok(names(identity, named).map(|()| (signer, certificate)))
}

/// What is signed once at the start, so that a device that does not answer is said then.
const TRIAL: &[u8] = b"urn:tiergate:signer:trial";

/// Who signs with a key: this process, or a program that is asked.
fn signs(identity: &Identity, key: &KeyConfig) -> Fits<Arc<dyn Signer>> {
    let pem = files::text(&key.certificate, CONFIG_BYTES_MAX)?;
    let unusable = |e: SignError| (e.to_string(), e.zh());
    if let Some(outside) = &key.outside {
        let certified = match Certified::from_pem(&pem) {
            Ok(certified) => certified,
            Err(e) => return Ok(Err(unusable(e))),
        };
        let signer = match outside {
            Outside::Program(program) => {
                ChildSigner::new(certified, &identity.sm2_user_id, program.clone())
            }
            Outside::Token(token) => {
                ChildSigner::on_token(certified, token, open::secret(&token.pin)?.line())
            }
        };
        let tried = signer.sign(TRIAL).map(|_| Arc::new(signer) as Arc<dyn Signer>);
        return Ok(tried.map_err(unusable));
    }
    let text = match opened(&key.key, key.passphrase.as_ref())? {
        Ok(text) => text,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let random = SystemRandom::new();
    let signer = KeySigner::with_user_id(&text.0, &pem, &identity.sm2_user_id, random);
    Ok(signer.map(|s| Arc::new(s) as Arc<dyn Signer>).map_err(unusable))
}

/// The encryption half: its own key, a certificate of the same node for encryption.
fn one_pair(
    node: &NodeConfig,
    identity: &Identity,
    suite: Suite,
    pair: &EncryptionConfig,
    now: Millis,
) -> Fits<EncryptionPair> {
    let pair = match key_and_certificate(identity, pair)? {
        Ok(pair) => pair,
        Err(wrong) => return Ok(Err(wrong)),
    };
    if let Err(wrong) = of_suite(pair.certificate.key.suite(), suite.encryption()) {
        return Ok(Err(wrong));
    }
    let verified = open::trust(node, identity.environment)?.verify_encryption(&pair.chain, now);
    Ok(verified
        .map(|certificate: EncryptionCert| EncryptionPair { certificate, ..pair })
        .map_err(|e| unverified(&e)))
}

/// A pair that belongs together and is this identity's.
fn key_and_certificate(identity: &Identity, pair: &EncryptionConfig) -> Fits<EncryptionPair> {
    let key = match opened(&pair.key, pair.passphrase.as_ref())? {
        Ok(key) => key,
        Err((en, zh)) => {
            return Ok(Err((format!("encryption: {en}"), format!("加密证书：{zh}"))));
        }
    };
    let pem = files::text(&pair.certificate, CONFIG_BYTES_MAX)?;
    let pair = match EncryptionPair::from_pem(key, &pem) {
        Ok(pair) => pair,
        Err(e) => {
            return Ok(Err((format!("encryption: {e}"), format!("加密密钥与加密证书不可用：{e}"))));
        }
    };
    let named = (pair.certificate.node.as_str(), pair.certificate.environment);
    Ok(names(identity, named).map(|()| pair.clone()))
}

/// A key out of where it lies, and out of its passphrase.
fn opened(key: &SecretRef, passphrase: Option<&SecretRef>) -> Fits<KeyPem> {
    let text = open::secret(key)?.expose().to_owned();
    let Some(passphrase) = passphrase else { return Ok(Ok(KeyPem(text))) };
    let secret = open::secret(passphrase)?;
    Ok(sealed::unseal(&text, secret.line()).map_err(|e| {
        (
            format!("the key does not open: {e}; see [identity] passphrase"),
            format!("私钥无法打开：{e}；请核对 [identity] passphrase"),
        )
    }))
}

fn of_suite(is: Suite, wants: Suite) -> Result<(), Wrong> {
    if is == wants {
        return Ok(());
    }
    Err((
        format!(
            "the key is for `{is}`, and `suite` says `{wants}`; write `suite = \"{is}\"`, or give another key"
        ),
        format!("该密钥属『{is}』，而 suite 写的是『{wants}』；请改写 suite 或更换密钥"),
    ))
}

fn unverified(e: &Refuse) -> Wrong {
    (
        format!("{e}; ask the authority named in [trust] anchors for a certificate"),
        format!("证书未通过验证（{}）；请向 [trust] anchors 所指机构申请证书", e.code()),
    )
}

fn names(
    identity: &Identity,
    (node, environment): (&str, canon::Environment),
) -> Result<(), Wrong> {
    if node == identity.code.as_str() && environment == identity.environment {
        return Ok(());
    }
    Err((
        format!(
            "the certificate is of `{node}` ({environment}); the code and environment here must be the same"
        ),
        format!("证书属于『{node}』（{environment}），此处的代码与环境必须与之相同"),
    ))
}
