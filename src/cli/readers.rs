//! Who reads the bodies of an identity's confidential routes, the files of its gates and its archive:
//! certificates for encryption, each verified against the trust anchors.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use canon::{Lane, Millis, NodeCode, Route};
use envelope::identity::chain;
use envelope::{Cipher, EncryptionPair, Reader, Readers, Refuse, Trust};
use exchange::config::{AtRest, Identity, Link, NodeConfig, RouteConfig};
use ring::rand::SystemRandom;

use crate::files::{self, CONFIG_BYTES_MAX};
use crate::open;
use crate::text::Failure;

/// By route, for those of this identity that are confidential.
pub(crate) fn of(
    config: &NodeConfig,
    identity: &Identity,
    own: &[EncryptionPair],
    now: Millis,
) -> Result<BTreeMap<Route, Readers>, Failure> {
    let trust = open::trust(config, identity.environment)?;
    let mut found = BTreeMap::new();
    let routes = config.routes.iter().filter(|r| r.identity == identity.code);
    for route in routes.filter(|r| !r.readers.is_empty()) {
        let readers = readers(route, identity, own, &trust, now)?;
        for lane in route.lanes.iter().filter(|lane| **lane != Lane::Control) {
            found.insert(route.route(*lane), readers.clone());
        }
    }
    Ok(found)
}

fn readers(
    route: &RouteConfig,
    identity: &Identity,
    own: &[EncryptionPair],
    trust: &Trust,
    now: Millis,
) -> Result<Readers, Failure> {
    let to = &route.destination;
    // What it sealed it may have to read again: for a resend, a rejection, evidence.
    let Some(own) = own.first().and_then(|pair| pair.chain.first()) else {
        let code = &identity.code;
        return Err(Failure::environment(
            format!(
                "the route of `{code}` to `{to}` is confidential, and `{code}` has no `encryption` of its own: add it to the [[identity]] (`tiergate keys new --encryption`)"
            ),
            format!(
                "『{code}』至『{to}』的路由要求加密，但该身份没有 encryption 证书：请在 [[identity]] 中配置"
            ),
        ));
    };
    let mut all = vec![own_reader(own)?];
    all.extend(named(&route.readers, trust, now)?);
    if all.iter().all(|reader| reader.node != *to) {
        return Err(Failure::environment(
            format!(
                "the confidential route to `{to}` names no reader of that node: add its certificate for encryption to `readers`"
            ),
            format!("至『{to}』的加密路由未包含该节点的加密证书：请加入 readers"),
        ));
    }
    Ok(Readers::new(all, SystemRandom::new()))
}

fn own_reader(der: &[u8]) -> Result<Reader, Failure> {
    Reader::from_der(der).map_err(|e| unusable(Path::new("encryption"), &e))
}

/// The nodes of these certificates.
fn named(paths: &[PathBuf], trust: &Trust, now: Millis) -> Result<Vec<Reader>, Failure> {
    let mut all = Vec::with_capacity(paths.len());
    for file in paths {
        let chain = chain(&files::text(file, CONFIG_BYTES_MAX)?);
        let verified = trust.verify_encryption(&chain, now);
        verified.map_err(|e| unusable(file, &e))?;
        let der = chain.first().map(Vec::as_slice).unwrap_or_default();
        all.push(Reader::from_der(der).map_err(|e| unusable(file, &e))?);
    }
    Ok(all)
}

/// For whom files of a gate are encrypted: the neighbour behind it must be among them. None where they
/// go in the clear.
pub(crate) fn of_gate(
    config: &NodeConfig,
    identity: &Identity,
    (link, rest): (&Link, &AtRest),
    now: Millis,
) -> Result<Option<(Readers, Cipher)>, Failure> {
    let AtRest::Closed(files) = rest else { return Ok(None) };
    let trust = open::trust(config, identity.environment)?;
    let all = named(files, &trust, now)?;
    if all.iter().all(|reader| reader.node != link.peer) {
        let (name, peer, at) = (&link.name, &link.peer, &link.at);
        return Err(Failure::environment(
            format!(
                "{at}: link `{name}`: `readers` names no certificate of `{peer}`, which could not open the files then"
            ),
            format!(
                "{at}：链路『{name}』的 readers 中没有『{peer}』的加密证书，对端将无法打开文件"
            ),
        ));
    }
    Ok(Some((Readers::new(all, SystemRandom::new()), identity.suite().cipher())))
}

/// For whom archive files are encrypted: the identity itself, and whoever is named besides.
pub(crate) fn of_archive(
    config: &NodeConfig,
    identity: &Identity,
    rest: &AtRest,
    now: Millis,
) -> Result<Option<(Readers, Cipher)>, Failure> {
    let AtRest::Closed(files) = rest else { return Ok(None) };
    let trust = open::trust(config, identity.environment)?;
    let own = crate::identity::pairs(config, identity, now)?;
    let mut all = Vec::new();
    // The configuration was refused if there is none.
    for der in own.iter().filter_map(|pair| pair.chain.first()) {
        all.push(own_reader(der)?);
    }
    all.extend(named(files, &trust, now)?);
    Ok(Some((Readers::new(all, SystemRandom::new()), identity.suite().cipher())))
}

/// What closes what rests in an identity's own store, for itself; none where it has no pair.
pub(crate) fn of_own(
    identity: &Identity,
    own: &[EncryptionPair],
) -> Result<Option<(Readers, Cipher)>, Failure> {
    let Some(der) = own.first().and_then(|pair| pair.chain.first()) else { return Ok(None) };
    let readers = Readers::new(vec![own_reader(der)?], SystemRandom::new());
    Ok(Some((readers, identity.suite().cipher())))
}

/// What lies in the clear of an identity, and why: its gates, its archive.
pub(crate) fn plain(config: &NodeConfig, code: &NodeCode) -> Vec<(String, String)> {
    let gates = config.links_of(code).filter_map(|link| {
        let reason = link.spool.as_ref()?.rest.plain()?;
        Some((format!("link {}", link.name), reason.to_owned()))
    });
    let archive = config.archive.as_ref().and_then(|archive| archive.rest.plain());
    gates.chain(archive.map(|reason| ("archive".to_owned(), reason.to_owned()))).collect()
}

fn unusable(file: &Path, e: &Refuse) -> Failure {
    let file = file.display();
    Failure::environment(
        format!("`{file}` is no certificate for encryption that is trusted here: {e}"),
        format!("『{file}』不是可信的加密证书（{}）", e.code()),
    )
}
