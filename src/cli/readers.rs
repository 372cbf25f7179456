//! Who reads the bodies of an identity's confidential routes: certificates for encryption, each verified
//! against the trust anchors, the identity's own among them.

use std::collections::BTreeMap;
use std::path::Path;

use canon::{Lane, Millis, Route};
use envelope::identity::chain;
use envelope::{EncryptionPair, Reader, Readers, Refuse, Trust};
use exchange::config::{Identity, NodeConfig, RouteConfig};
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
    let mut all = vec![Reader::from_der(own).map_err(|e| unusable(Path::new("encryption"), &e))?];
    for file in &route.readers {
        let chain = chain(&files::text(file, CONFIG_BYTES_MAX)?);
        let verified = trust.verify_encryption(&chain, now);
        verified.map_err(|e| unusable(file, &e))?;
        let der = chain.first().map(Vec::as_slice).unwrap_or_default();
        all.push(Reader::from_der(der).map_err(|e| unusable(file, &e))?);
    }
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

fn unusable(file: &Path, e: &Refuse) -> Failure {
    let file = file.display();
    Failure::environment(
        format!("`{file}` is no certificate for encryption that is trusted here: {e}"),
        format!("『{file}』不是可信的加密证书（{}）", e.code()),
    )
}
