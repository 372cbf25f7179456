//! What stands at the paths of a configuration, and whether its secrets can be had.

use std::collections::BTreeMap;
use std::path::Path;

use super::brokers::{BrokerConfig, Login};
use super::foreign::Database;
use super::listen::{ListenConfig, PostConfig};
use super::node::*;
use super::outlets::{OutletConfig, OutletWay};
use super::problem::{At, Problems};
use super::process::{Files, whole};
use super::program::Program;
use super::remote::Remote;
use super::rest::AtRest;
use super::secret::SecretRef;

/// Every file and secret that a node's configuration names.
pub(crate) fn check(
    node: &NodeConfig,
    files: &dyn Files,
    env: &BTreeMap<String, String>,
    problems: &mut Problems,
) {
    let whole = whole(node);
    let mut need = |at: &At, key: &str, path: &Path, folder: bool| {
        exists(files, at, key, path, folder, problems);
    };
    for folder in node.format.iter().chain(&node.formats) {
        need(&whole, "[format] folder", folder, true);
    }
    for broker in &node.brokers {
        if let Some(ca) = &broker.ca {
            need(&broker.at, "[broker] ca", ca, false);
        }
        if let Some((certificate, _)) = &broker.certificate {
            need(&broker.at, "[broker] certificate", certificate, false);
        }
        for (key, secret) in broker_secrets(broker) {
            if let SecretRef::File(path) = secret {
                need(&broker.at, key, path, false);
            }
        }
    }
    listener(node, &mut need);
    collector(node, &mut need);
    for adapter in &node.adapters {
        source(adapter, &mut need);
    }
    for sink in &node.sinks {
        service(sink, &mut need);
    }
    for outlet in &node.outlets {
        outlet_files(outlet, &mut need);
    }
    readers(node, &mut need);
    for list in node.lists.iter().filter(|l| files.facts(l).is_none()) {
        missing(&whole, "[lists] folders", list, "file or folder", "文件或目录", problems);
    }
    for (at, key, reference) in foreign_secrets(node) {
        secret(at, key, reference, files, env, problems);
    }
    for broker in &node.brokers {
        for (key, reference) in broker_secrets(broker) {
            secret(&broker.at, key, reference, files, env, problems);
        }
    }
}

/// Whatever a file or folder has to be at: where it is named, its key, its path, whether a folder.
type Need<'n> = dyn FnMut(&At, &str, &Path, bool) + 'n;

/// Certificates for encryption of those who read bodies, files of gates, archives.
fn readers(node: &NodeConfig, need: &mut Need<'_>) {
    for (route, file) in node.routes.iter().flat_map(|r| r.readers.iter().map(move |f| (r, f))) {
        need(&route.at, "[route] readers", file, false);
    }
    for link in &node.links {
        let rest = link.spool.as_ref().map(|spool| &spool.rest);
        for file in rest.into_iter().flat_map(AtRest::readers) {
            need(&link.at, "[link.spool] readers", file, false);
        }
    }
    for file in node.archive.iter().flat_map(|archive| archive.rest.readers()) {
        need(&whole(node), "[archive] readers", file, false);
    }
}

/// The listeners of a file, each with its table.
fn listeners(
    node: &NodeConfig,
) -> impl Iterator<Item = (&'static [&'static str; 3], &ListenConfig)> {
    const LISTEN: [&str; 3] = ["[listen] certificate", "[listen] client_ca", "[listen] key"];
    const ADMIN: [&str; 3] = ["[admin] certificate", "[admin] client_ca", "[admin] key"];
    let posted = node.listen.iter().map(|listen| (&LISTEN, listen));
    posted.chain(node.admin.iter().map(|admin| (&ADMIN, &admin.listen)))
}

fn listener(node: &NodeConfig, need: &mut Need<'_>) {
    for ([certificate, authority, secret], listen) in listeners(node) {
        let identity = listen.identity.as_ref();
        for (key, path) in [
            (certificate, identity.map(|(certificate, _)| certificate)),
            (authority, listen.client_ca.as_ref()),
        ] {
            path.into_iter().for_each(|path| need(&listen.at, key, path, false));
        }
        if let Some((_, SecretRef::File(path))) = identity {
            need(&listen.at, secret, path, false);
        }
    }
}

fn collector(node: &NodeConfig, need: &mut Need<'_>) {
    let Some(audit) = &node.audit else { return };
    let own = audit.identity.as_ref();
    for (key, path) in
        [("[audit] ca", audit.ca.as_ref()), ("[audit] certificate", own.map(|(path, _)| path))]
    {
        path.into_iter().for_each(|path| need(&audit.at, key, path, false));
    }
    if let Some((_, SecretRef::File(path))) = own {
        need(&audit.at, "[audit] key", path, false);
    }
}

fn service(sink: &SinkConfig, need: &mut Need<'_>) {
    let SinkKind::Webhook { remote, key, .. } = &sink.kind else { return };
    for (key, path) in remote.files() {
        need(&sink.at, &format!("[sink] {key}"), path, false);
    }
    let own = remote.secrets().chain(std::iter::once(("hmac", key)));
    for (key, reference) in own {
        if let SecretRef::File(path) = reference {
            need(&sink.at, &format!("[sink] {key}"), path, false);
        }
    }
}

fn source(adapter: &AdapterConfig, need: &mut Need<'_>) {
    for (key, reference) in adapter.source.post.iter().flat_map(PostConfig::secrets) {
        if let SecretRef::File(path) = reference {
            need(&adapter.at, key, path, false);
        }
    }
    need(&adapter.at, "[adapter] package", &adapter.package, true);
    if let Some(folder) = &adapter.source.folder {
        need(&adapter.at, "[adapter.source] folder", folder, true);
    }
    if let Some(Database::Sqlite(path)) = &adapter.source.database {
        need(&adapter.at, "[adapter.source] database", path, false);
    }
    if let Some(Database::Server(server)) = &adapter.source.database
        && let Some(ca) = &server.ca
    {
        need(&adapter.at, "[adapter.source] ca", ca, false);
    }
    for (key, path) in adapter.source.remote.iter().flat_map(Remote::files) {
        need(&adapter.at, &format!("[adapter.source] {key}"), path, false);
    }
    for (key, path) in adapter.source.program.iter().flat_map(Program::files) {
        need(&adapter.at, &format!("[adapter.source] {key}"), path, false);
    }
    for (name, reference) in &adapter.source.secrets {
        if let SecretRef::File(path) = reference {
            need(&adapter.at, &format!("[adapter.source.secrets] {name}"), path, false);
        }
    }
    if let Some(SecretRef::File(path)) =
        adapter.source.database.as_ref().and_then(Database::password)
    {
        need(&adapter.at, "[adapter.source] password", path, false);
    }
}

/// The secrets by which others let us in.
fn foreign_secrets(node: &NodeConfig) -> Vec<(&At, &'static str, &SecretRef)> {
    let mut found = Vec::new();
    for ([.., secret], listen) in listeners(node) {
        found.extend(listen.identity.iter().map(|(_, key)| (&listen.at, *secret, key)));
    }
    if let Some(audit) = &node.audit {
        found.extend(audit.identity.iter().map(|(_, key)| (&audit.at, "[audit] key", key)));
    }
    for adapter in &node.adapters {
        let posted = adapter.source.post.iter().flat_map(PostConfig::secrets);
        found.extend(posted.map(|(key, secret)| (&adapter.at, key, secret)));
        let password = adapter.source.database.as_ref().and_then(Database::password);
        found.extend(password.map(|p| (&adapter.at, "[adapter.source] password", p)));
        let key = adapter.source.remote.iter().flat_map(Remote::secrets);
        found.extend(key.map(|(_, key)| (&adapter.at, "[adapter.source] key", key)));
        let named = adapter.source.secrets.values();
        found.extend(named.map(|secret| (&adapter.at, "[adapter.source] secrets", secret)));
    }
    found.extend(node.outlets.iter().flat_map(outlet_secrets));
    for sink in &node.sinks {
        match &sink.kind {
            SinkKind::Files(_) => {}
            SinkKind::SqlTables { database, .. } => {
                found.extend(database.password().map(|p| (&sink.at, "[sink] password", p)));
            }
            SinkKind::Webhook { remote, key, .. } => {
                found.push((&sink.at, "[sink] hmac", key));
                found.extend(remote.secrets().map(|(_, key)| (&sink.at, "[sink] key", key)));
            }
        }
    }
    found
}

/// What an outlet needs to be there.
fn outlet_files(outlet: &OutletConfig, need: &mut Need<'_>) {
    need(&outlet.at, "[outlet] target", &outlet.target, true);
    if let OutletWay::Calls(calls) = &outlet.way {
        for (key, path) in calls.remote.files() {
            need(&outlet.at, &format!("[outlet] {key}"), path, false);
        }
    }
    for (_, key, reference) in outlet_secrets(outlet) {
        if let SecretRef::File(path) = reference {
            need(&outlet.at, key, path, false);
        }
    }
}

/// What lets an outlet in at its platform.
fn outlet_secrets(outlet: &OutletConfig) -> Vec<(&At, &'static str, &SecretRef)> {
    match &outlet.way {
        OutletWay::FrontDb(database) => {
            let password = database.password();
            password.map(|p| (&outlet.at, "[outlet] password", p)).into_iter().collect()
        }
        OutletWay::Calls(calls) => {
            let own = calls.remote.secrets().map(|(_, key)| (&outlet.at, "[outlet] key", key));
            let named = calls.secrets.values().map(|s| (&outlet.at, "[outlet] secrets", s));
            own.chain(named).collect()
        }
    }
}

fn broker_secrets(broker: &BrokerConfig) -> Vec<(&'static str, &SecretRef)> {
    let mut found = Vec::new();
    if let Login::Password(password) = &broker.login {
        found.push(("[broker] password", password));
    }
    if let Some((_, key)) = &broker.certificate {
        found.push(("[broker] key", key));
    }
    found
}

pub(crate) fn exists(
    files: &dyn Files,
    at: &At,
    key: &str,
    path: &Path,
    folder: bool,
    problems: &mut Problems,
) {
    // An empty path: the key itself is missing, and that is reported.
    let empty = path.as_os_str().is_empty();
    if !empty && files.facts(path).is_none_or(|f| f.folder != folder) {
        let (en, zh) = if folder { ("folder", "目录") } else { ("file", "文件") };
        missing(at, key, path, en, zh, problems);
    }
}

fn missing(at: &At, key: &str, path: &Path, en: &str, zh: &str, problems: &mut Problems) {
    let path = path.display();
    problems.push(
        "config.file_missing",
        at,
        key,
        format!("there is no {en} {path}; paths are relative to the configuration's folder"),
        format!("没有{zh} {path}；路径相对于配置文件所在目录"),
    );
}

pub(crate) fn secret(
    at: &At,
    key: &str,
    reference: &SecretRef,
    files: &dyn Files,
    env: &BTreeMap<String, String>,
    problems: &mut Problems,
) {
    match reference {
        SecretRef::File(path) if files.facts(path).is_some_and(|f| f.open) => {
            let path = path.display();
            problems.push(
                "config.secret_open",
                at,
                key,
                format!("{path} may be read by others; `chmod 600 {path}`"),
                format!("{path} 他人可读；请执行 chmod 600 {path}"),
            );
        }
        SecretRef::Env(name) if !name.is_empty() && !env.contains_key(name) => {
            problems.push(
                "config.file_missing",
                at,
                key,
                format!("the environment has no variable {name}; set it before the start"),
                format!("环境中没有变量 {name}，请在启动前设置"),
            );
        }
        SecretRef::File(_) | SecretRef::Env(_) => {}
    }
}
