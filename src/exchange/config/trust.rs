//! Who signs here and who is believed: `[[identity]]` and `[trust]`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use canon::{Environment, NodeCode};
use envelope::limits::SM2_USER_ID_BYTES_MAX;
use envelope::{SM2_USER_ID, Suite};

use super::node::NodeConfig;
use super::outside::{self, SignerProgram};
use super::paths;
use super::problem::{At, Problems};
use super::process::{self, Files};
use super::read::{Cx, code, duplicate, node_code, secret};
use super::secret::SecretRef;
use super::tree::{Spot, Tab, word};

/// Suites of this build.
pub(crate) const SUITES: &[(&str, Suite)] = &[
    (Suite::EcdsaP256Sha256.name(), Suite::EcdsaP256Sha256),
    (Suite::Ed25519Sha256.name(), Suite::Ed25519Sha256),
    (Suite::RsaSha256.name(), Suite::RsaSha256),
    (Suite::Sm2Sm3.name(), Suite::Sm2Sm3),
];

/// Whom a node believes.
#[derive(Clone, Debug)]
pub struct TrustConfig {
    /// Certificates of the trust anchors, PEM.
    pub anchors: Vec<PathBuf>,
    /// Suites in which heads are believed, whatever link they come by.
    pub suites: Vec<Suite>,
    /// Files of revocation lists, PEM or DER; read again whenever one changes.
    pub revocation: Vec<PathBuf>,
    /// The user id that SM2 signatures on heads are verified under.
    pub sm2_user_id: Arc<str>,
    /// The top node, whose authority tables are believed; none, and no table is.
    pub authority: Option<NodeCode>,
}

/// One signing identity.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Node code; the certificates say the same.
    pub code: NodeCode,
    /// Environment; the certificates say the same.
    pub environment: Environment,
    /// Its keys, each of a suite of its own; the first is the one it uses where nothing else is said.
    pub keys: Vec<KeyConfig>,
    /// The user id that its SM2 key signs under.
    pub sm2_user_id: Arc<str>,
    /// Where it stands.
    pub at: At,
}

/// A signing key with its certificate.
#[derive(Clone, Debug)]
pub struct KeyConfig {
    /// Its suite; the key is held to it.
    pub suite: Suite,
    /// The key, PKCS#8 in PEM; the empty reference where a program signs.
    pub key: SecretRef,
    /// What opens the key, if it is encrypted.
    pub passphrase: Option<SecretRef>,
    /// The program that signs, in place of a key that this process reads.
    pub signer: Option<SignerProgram>,
    /// Its certificate chain, PEM; the regions stand in it.
    pub certificate: PathBuf,
    /// What opens bodies that are encrypted for this identity in this suite.
    pub encryption: Option<EncryptionConfig>,
    /// Pairs of earlier certificates: they open what was encrypted for those, and nothing new is.
    pub former: Vec<EncryptionConfig>,
}

/// The other half of a paired certificate: the national suite has one for signing, one for
/// encryption, each with a key of its own.
#[derive(Clone, Debug)]
pub struct EncryptionConfig {
    /// The key, PKCS#8 in PEM.
    pub key: SecretRef,
    /// What opens the key, if it is encrypted.
    pub passphrase: Option<SecretRef>,
    /// Its certificate chain, PEM; of the same node, its key usage is encryption.
    pub certificate: PathBuf,
}

impl EncryptionConfig {
    fn files(&self, name: String) -> KeyFiles<'_> {
        let Self { key, passphrase, certificate } = self;
        KeyFiles { name, key, passphrase: passphrase.as_ref(), certificate }
    }
}

impl Identity {
    /// The suite it signs in where nothing else is said.
    pub fn suite(&self) -> Suite {
        self.keys.first().map_or(Suite::EcdsaP256Sha256, |key| key.suite)
    }

    /// Whether it has a key of that suite.
    pub fn has(&self, suite: &str) -> bool {
        self.keys.iter().any(|key| key.suite.name() == suite)
    }

    /// Where its keys and certificates lie, each pair with the name that its files have in a
    /// backup.
    pub fn named_keys(&self) -> impl Iterator<Item = KeyFiles<'_>> {
        self.keys.iter().enumerate().flat_map(|(i, key)| {
            let name = match i {
                0 => self.code.to_string(),
                _ => format!("{}.{}", self.code, key.suite),
            };
            let mut pairs = Vec::new();
            if let Some(pair) = &key.encryption {
                pairs.push(pair.files(format!("{name}.encryption")));
            }
            for (n, pair) in (1..).zip(&key.former) {
                pairs.push(pair.files(format!("{name}.encryption.{n}")));
            }
            let passphrase = key.passphrase.as_ref();
            let signing =
                KeyFiles { name, key: &key.key, passphrase, certificate: &key.certificate };
            std::iter::once(signing).chain(pairs)
        })
    }
}

/// Where a key and its certificate lie.
#[derive(Clone, Debug)]
pub struct KeyFiles<'a> {
    /// What the pair is called in a backup.
    pub name: String,
    /// The key.
    pub key: &'a SecretRef,
    /// What opens it, if it is encrypted.
    pub passphrase: Option<&'a SecretRef>,
    /// The certificate.
    pub certificate: &'a PathBuf,
}

pub(crate) fn trust(top: &mut Tab<'_>, cx: &mut Cx<'_>) -> TrustConfig {
    let at = top.spot("trust");
    let mut tab = top.table("trust", cx.problems);
    let base = cx.base.to_owned();
    let mut files = |tab: &mut Tab<'_>, key: &'static str| -> Vec<PathBuf> {
        let found = tab.texts(key, cx.problems).unwrap_or_default();
        found.into_iter().map(|s| base.join(s.text)).collect()
    };
    let anchors = files(&mut tab, "anchors");
    let revocation = files(&mut tab, "revocation");
    let suites = suites(&mut tab, "suites", cx);
    let sm2_user_id = user_id(&mut tab, cx);
    let authority = tab.text("authority", cx.problems);
    let authority = authority.and_then(|spot| node_code(&spot, "trust.authority", cx));
    tab.finish(cx.problems);
    if anchors.is_empty() {
        cx.problems.push(
            "config.missing_key",
            &at,
            "trust.anchors",
            "must name at least one certificate of a CA you trust, or nothing could be verified",
            "至少填写一个可信 CA 的证书，否则无法验签",
        );
    }
    let suites = suites.unwrap_or_else(|| Suite::ALL.to_vec());
    TrustConfig { anchors, suites, revocation, sm2_user_id, authority }
}

/// A list of suites; none if nothing is said. A list of none would believe nobody.
pub(crate) fn suites(tab: &mut Tab<'_>, key: &'static str, cx: &mut Cx<'_>) -> Option<Vec<Suite>> {
    let path = tab.key(key);
    let at = tab.spot(key);
    let given = tab.texts(key, cx.problems)?;
    let read = |spot: &Spot| word(spot, &path, SUITES, cx.problems);
    let found: Vec<Suite> = given.iter().filter_map(read).collect();
    if given.is_empty() {
        cx.problems.push(
            "config.bad_value",
            &at,
            path,
            "names no suite: nothing could come in; leave it out to accept all",
            "未列出任何算法，将无法接收；如全部接受请删去此项",
        );
    }
    Some(found)
}

fn user_id(tab: &mut Tab<'_>, cx: &mut Cx<'_>) -> Arc<str> {
    let Some(spot) = tab.text("sm2_user_id", cx.problems) else { return SM2_USER_ID.into() };
    if spot.text.is_empty() || spot.text.len() > SM2_USER_ID_BYTES_MAX {
        cx.problems.push(
            "config.bad_value",
            &spot.at,
            tab.key("sm2_user_id"),
            format!(
                "must have 1 to {SM2_USER_ID_BYTES_MAX} bytes; the standard's is {SM2_USER_ID}"
            ),
            format!("应为 1 至 {SM2_USER_ID_BYTES_MAX} 字节；标准值为 {SM2_USER_ID}"),
        );
    }
    spot.text.into()
}

pub(crate) fn identities(top: &mut Tab<'_>, cx: &mut Cx<'_>) -> Vec<Identity> {
    const ENVIRONMENTS: &[(&str, Environment)] = &[
        ("formal", Environment::Formal),
        ("joint", Environment::Joint),
        ("demo", Environment::Demo),
    ];
    let at = top.at.clone();
    let tabs = top.tables("identity", cx.problems);
    if tabs.is_empty() {
        cx.problems.push(
            "config.missing_key",
            &at,
            "identity",
            "at least one [[identity]] must be given: a node without one could not sign",
            "至少填写一个 [[identity]]，否则无法签名",
        );
    }
    let mut found: Vec<Identity> = Vec::new();
    for mut tab in tabs {
        let at = tab.at.clone();
        let code = code(&mut tab, "code", cx);
        if !tab.entries().iter().any(|(k, _)| k.text == "environment") {
            let _none = tab.need("environment", cx.problems);
        }
        let environment = tab.word("environment", ENVIRONMENTS, cx.problems);
        let sm2_user_id = user_id(&mut tab, cx);
        let keys = keys(&mut tab, cx);
        let place = tab.spot("code");
        let path = tab.key("code");
        tab.finish(cx.problems);
        let Some(code) = code else { continue };
        if found.iter().any(|i| i.code == code) {
            duplicate(&place, path, code.as_str(), cx);
        }
        let environment = environment.unwrap_or(Environment::Demo);
        found.push(Identity { code, environment, keys, sm2_user_id, at });
    }
    found
}

/// The identity's own key, and those for links and routes in another suite.
fn keys(tab: &mut Tab<'_>, cx: &mut Cx<'_>) -> Vec<KeyConfig> {
    let mut keys = vec![key(tab, cx)];
    for mut also in tab.tables("also", cx.problems) {
        if !also.entries().iter().any(|(k, _)| k.text == "suite") {
            let _none = also.need("suite", cx.problems);
        }
        let one = key(&mut also, cx);
        if keys.iter().any(|k| k.suite == one.suite) {
            duplicate(&also.spot("suite"), also.key("suite"), one.suite.name(), cx);
        }
        keys.push(one);
        also.finish(cx.problems);
    }
    keys
}

fn key(tab: &mut Tab<'_>, cx: &mut Cx<'_>) -> KeyConfig {
    let suite = tab.word("suite", SUITES, cx.problems).unwrap_or(Suite::EcdsaP256Sha256);
    let signer = outside::signer(tab, cx);
    let (key, passphrase, certificate) = match &signer {
        None => pair(tab, cx),
        Some(_) => {
            let certificate = tab.need("certificate", cx.problems);
            let certificate = certificate.map(|s| cx.base.join(s.text)).unwrap_or_default();
            (SecretRef::Env(String::new()), None, certificate)
        }
    };
    let encryption = encryption(tab, cx);
    let mut former = Vec::new();
    for mut one in tab.tables("former", cx.problems) {
        let (key, passphrase, certificate) = pair(&mut one, cx);
        one.finish(cx.problems);
        former.push(EncryptionConfig { key, passphrase, certificate });
    }
    KeyConfig { suite, key, passphrase, signer, certificate, encryption, former }
}

/// `encryption = { certificate, key, passphrase }`.
fn encryption(tab: &mut Tab<'_>, cx: &mut Cx<'_>) -> Option<EncryptionConfig> {
    let given = tab.entries().iter().any(|(k, _)| k.text == "encryption");
    // Asked for, so that `finish` knows it when it is absent.
    let mut tab = tab.table("encryption", cx.problems);
    if !given {
        return None;
    }
    let (key, passphrase, certificate) = pair(&mut tab, cx);
    tab.finish(cx.problems);
    Some(EncryptionConfig { key, passphrase, certificate })
}

/// A key, what opens it, and its certificate.
fn pair(tab: &mut Tab<'_>, cx: &mut Cx<'_>) -> (SecretRef, Option<SecretRef>, PathBuf) {
    let key = secret(tab, "key", cx);
    let given = tab.entries().iter().any(|(k, _)| k.text == "passphrase");
    let passphrase = if given { secret(tab, "passphrase", cx) } else { None };
    let _known = tab.get("passphrase");
    let certificate = tab.need("certificate", cx.problems).map(|s| cx.base.join(s.text));
    let key = key.unwrap_or_else(|| SecretRef::Env(String::new()));
    (key, passphrase, certificate.unwrap_or_default())
}

/// Whether the files of keys, certificates and lists are there, and whether each identity has the
/// keys that its routes and links sign with.
pub(crate) fn check(
    node: &NodeConfig,
    files: &dyn Files,
    env: &BTreeMap<String, String>,
    problems: &mut Problems,
) {
    let whole = process::whole(node);
    for anchor in &node.trust.anchors {
        paths::exists(files, &whole, "[trust] anchors", anchor, false, problems);
    }
    for list in &node.trust.revocation {
        paths::exists(files, &whole, "[trust] revocation", list, false, problems);
    }
    for (at, one) in node.identities.iter().flat_map(|i| i.named_keys().map(|k| (&i.at, k))) {
        paths::exists(files, at, "[identity] certificate", one.certificate, false, problems);
        let passphrase = one.passphrase.map(|p| ("[identity] passphrase", p));
        for (name, secret) in std::iter::once(("[identity] key", one.key)).chain(passphrase) {
            if let SecretRef::File(path) = secret {
                paths::exists(files, at, name, path, false, problems);
            }
            paths::secret(at, name, secret, files, env, problems);
        }
    }
    for (at, one) in node.identities.iter().flat_map(|i| i.keys.iter().map(|k| (&i.at, k))) {
        if let Some(signer) = &one.signer {
            paths::exists(files, at, "[identity] signer", &signer.file, false, problems);
        }
    }
    suites_have_keys(node, problems);
}

fn suites_have_keys(node: &NodeConfig, problems: &mut Problems) {
    let mut need = |at: &At, key: &str, identity: &NodeCode, suite: &str| {
        let Some(own) = node.identity(identity).filter(|own| !own.has(suite)) else { return };
        let has: Vec<&str> = own.keys.iter().map(|k| k.suite.name()).collect();
        let has = has.join(", ");
        problems.push(
            "config.bad_value",
            at,
            key,
            format!("is `{suite}`, and `{identity}` has keys for {has} only; write one of these, or give it a key in [[identity.also]]"),
            format!("为『{suite}』，而『{identity}』只有 {has} 的密钥；请改写，或在 [[identity.also]] 中补上密钥"),
        );
    };
    for route in &node.routes {
        need(&route.at, "[route] suite", &route.identity, &route.suite);
    }
    for link in &node.links {
        if let Some(suite) = link.suite {
            need(&link.at, "[link] suite", &link.identity, suite.name());
        }
    }
}
