//! `[listen]`, where departments post to this process, and what an adapter says of who may.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use canon::NodeCode;

use super::node::{AdapterConfig, NodeConfig};
use super::problem::{At, Problems};
use super::read::{Cx, secret};
use super::secret::SecretRef;
use super::tree::Tab;

/// Longest last part of an adapter's path.
const PATH_MAX: usize = 64;

/// The listener of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenConfig {
    /// Address and port.
    pub address: SocketAddr,
    /// Its certificate, PEM, and key; none is without encryption.
    pub identity: Option<(PathBuf, SecretRef)>,
    /// Whose client certificates are believed, PEM.
    pub client_ca: Option<PathBuf>,
    /// Where it stands.
    pub at: At,
}

/// How a department posts to an adapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostConfig {
    /// Last part of the path, `/push/NAME`.
    pub path: Arc<str>,
    /// File of bearer tokens, one a line.
    pub token: Option<SecretRef>,
    /// File of keys of signatures, one a line.
    pub hmac: Option<SecretRef>,
    /// SHA-256 of client certificates, hexadecimal.
    pub clients: Vec<Arc<str>>,
}

impl PostConfig {
    /// What of it is secret, with its key in the configuration.
    pub fn secrets(&self) -> impl Iterator<Item = (&'static str, &SecretRef)> {
        let token = self.token.iter().map(|s| ("[adapter.source] token", s));
        token.chain(self.hmac.iter().map(|s| ("[adapter.source] hmac", s)))
    }
}

/// The pages of a process, for its administrators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminConfig {
    /// Where they are served.
    pub listen: ListenConfig,
    /// Whose pages; none is the first identity's.
    pub identity: Option<NodeCode>,
}

/// Reads `[listen]`; none where there is none.
pub(crate) fn listen(top: &mut Tab<'_>, cx: &mut Cx<'_>) -> Option<ListenConfig> {
    if !has(top, "listen") {
        return None;
    }
    let tab = top.table("listen", cx.problems);
    place(tab, "listen", cx)
}

/// Reads `[admin]`; none where there is none.
pub(crate) fn admin(top: &mut Tab<'_>, cx: &mut Cx<'_>) -> Option<AdminConfig> {
    if !has(top, "admin") {
        return None;
    }
    let mut tab = top.table("admin", cx.problems);
    let spot = tab.spot("identity");
    let named = tab.text("identity", cx.problems).map(|s| s.text);
    let identity = match named {
        None => None,
        Some(name) => match cx.identities.iter().find(|code| code.as_str() == name) {
            Some(code) => Some(code.clone()),
            None => {
                cx.problems.push(
                    "config.bad_value",
                    &spot,
                    "[admin] identity",
                    format!("there is no identity `{name}` in this file"),
                    format!("本文件没有身份『{name}』"),
                );
                return None;
            }
        },
    };
    let listen = place(tab, "admin", cx)?;
    Some(AdminConfig { listen, identity })
}

/// Where something is served, and how: what `[listen]` and `[admin]` have in common.
fn place(mut tab: Tab<'_>, table: &str, cx: &mut Cx<'_>) -> Option<ListenConfig> {
    let at = tab.at.clone();
    let address = tab.need("address", cx.problems);
    let certificate = tab.text("certificate", cx.problems).map(|s| cx.base.join(s.text));
    let has_key = has(&tab, "key");
    let key = if has_key { secret(&mut tab, "key", cx) } else { None };
    let _known = tab.get("key");
    let client_ca = tab.text("client_ca", cx.problems).map(|s| cx.base.join(s.text));
    let plain = tab.truth("plain", cx.problems).unwrap_or(false);
    let spot = tab.spot("address");
    let (path, certificate_at) = (tab.key("address"), tab.spot("certificate"));
    tab.finish(cx.problems);
    if certificate.is_some() != has_key {
        cx.problems.push(
            "config.missing_key",
            &certificate_at,
            format!("[{table}] certificate"),
            "`certificate` and `key` belong together",
            "certificate 与 key 必须同时给出",
        );
    }
    let address = address?;
    let Ok(address) = address.text.parse::<SocketAddr>() else {
        cx.problems.push(
            "config.bad_value",
            &spot,
            path,
            "must be an address and a port, such as `0.0.0.0:8443` or `127.0.0.1:8080`",
            "应为地址和端口，如 0.0.0.0:8443 或 127.0.0.1:8080",
        );
        return None;
    };
    if certificate.is_none() && !address.ip().is_loopback() && !plain {
        cx.problems.push(
            "config.missing_key",
            &spot,
            format!("[{table}] certificate"),
            "must be given for an address that others reach; `plain = true` does without encryption, behind a proxy that has it",
            "对外监听必须配置证书；确由前置代理加密时可写 plain = true",
        );
    }
    if client_ca.is_some() && certificate.is_none() {
        cx.problems.push(
            "config.missing_key",
            &spot,
            format!("[{table}] client_ca"),
            "client certificates are shown only over TLS: `certificate` and `key` must be given",
            "客户端证书只在 TLS 中出示，须同时配置 certificate 与 key",
        );
    }
    Some(ListenConfig { address, identity: certificate.zip(key), client_ca, at })
}

fn has(tab: &Tab<'_>, key: &str) -> bool {
    tab.entries().iter().any(|(k, _)| k.text == key)
}

/// Reads `post` with what belongs to it: `token`, `hmac`, `client`. None where there is no `post`.
pub(crate) fn post(tab: &mut Tab<'_>, cx: &mut Cx<'_>) -> Option<PostConfig> {
    let path = tab.text("post", cx.problems);
    let token = if has(tab, "token") { secret(tab, "token", cx) } else { None };
    let hmac = if has(tab, "hmac") { secret(tab, "hmac", cx) } else { None };
    let (_token, _hmac) = (tab.get("token"), tab.get("hmac"));
    let said = tab.texts("client", cx.problems).unwrap_or_default();
    let path = path?;
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let first = path.text.starts_with(|c: char| c.is_ascii_alphanumeric());
    if !first || path.text.len() > PATH_MAX || !path.text.chars().all(legal) {
        cx.problems.push(
            "config.bad_value",
            &path.at,
            tab.key("post"),
            "must be the last part of the path /push/NAME: ASCII letters, digits, `-`, `_`, `.`",
            "应为路径 /push/名称 的末段：ASCII 字母、数字、-、_、.",
        );
        return None;
    }
    let mut clients = Vec::new();
    for one in said {
        let hex = one.text.replace(':', "").to_ascii_lowercase();
        if hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            clients.push(hex.into());
            continue;
        }
        cx.problems.push(
            "config.bad_value",
            &one.at,
            tab.key("client"),
            "must be the SHA-256 of a client certificate: `openssl x509 -noout -fingerprint -sha256`",
            "应为客户端证书的 SHA-256 指纹：openssl x509 -noout -fingerprint -sha256",
        );
    }
    if token.is_none() && hmac.is_none() && clients.is_empty() {
        cx.problems.push(
            "config.missing_key",
            &path.at,
            tab.key("token"),
            "must say who may post: `token`, `hmac` or `client`",
            "必须写明谁可以推送：token、hmac 或 client",
        );
    }
    Some(PostConfig { path: path.text.into(), token, hmac, clients })
}

/// Checks that need all files: one listener for all adapters that are posted to.
pub(crate) fn check(nodes: &[NodeConfig], problems: &mut Problems) {
    let mut listeners = nodes.iter().filter_map(|n| n.listen.as_ref());
    let listener = listeners.next();
    for second in listeners {
        problems.push(
            "config.duplicate",
            &second.at,
            "[listen]",
            "stands in another file of this process too; one listener serves all adapters",
            "本进程的另一文件已有 [listen]，一个进程只设一个",
        );
    }
    let mut paths: BTreeMap<&str, &AdapterConfig> = BTreeMap::new();
    for adapter in nodes.iter().flat_map(|n| &n.adapters) {
        let Some(post) = &adapter.source.post else { continue };
        if listener.is_none() {
            problems.push(
                "config.missing_key",
                &adapter.at,
                "[listen]",
                format!(
                    "`{}` is posted to, but no file of this process has [listen]",
                    adapter.name
                ),
                format!("『{}』接收推送，但没有 [listen] 监听地址", adapter.name),
            );
        } else if !post.clients.is_empty() && listener.is_none_or(|l| l.client_ca.is_none()) {
            problems.push(
                "config.missing_key",
                &adapter.at,
                "[listen] client_ca",
                format!(
                    "`{}` wants client certificates, but [listen] believes no authority",
                    adapter.name
                ),
                format!("『{}』要求客户端证书，但 [listen] 未配置 client_ca", adapter.name),
            );
        }
        if let Some(other) = paths.insert(&post.path, adapter) {
            let (name, path) = (&other.name, &post.path);
            problems.push(
                "config.duplicate",
                &adapter.at,
                "[adapter.source] post",
                format!("/push/{path} leads to `{name}` already; give each its own"),
                format!("/push/{path} 已属『{name}』，请各用各的"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::with_source;
    use super::*;

    const LISTEN: &str = "[listen]\naddress = \"127.0.0.1:8080\"\n";

    fn read(listen: &str, source: &str) -> Result<Vec<NodeConfig>, Vec<String>> {
        let found = with_source(&format!("{source}\n{listen}"));
        found.map_err(|all| all.iter().map(|p| format!("{} {}", p.key, p.en)).collect())
    }

    #[test]
    fn a_listener_and_who_may_post_are_read() {
        let print = "AB:".repeat(32);
        let listen = "[listen]\naddress = \"0.0.0.0:8443\"\ncertificate = \"l.pem\"\nkey = \"file:l.key\"\nclient_ca = \"c.pem\"\n";
        let source = format!(
            "post = \"cases\"\ntoken = \"file:t.token\"\nclient = [\"{}\"]",
            print.trim_end_matches(':')
        );
        let nodes = read(listen, &source).unwrap();
        let found = nodes[0].listen.as_ref().unwrap();
        assert_eq!(found.address.port(), 8443);
        assert!(found.identity.is_some() && found.client_ca.is_some());
        let post = nodes[0].adapters[0].source.post.as_ref().unwrap();
        assert_eq!((&*post.path, &*post.clients[0]), ("cases", &*"ab".repeat(32)));
        assert_eq!(post.secrets().count(), 1);
        let plain = "[listen]\naddress = \"0.0.0.0:80\"\nplain = true\n";
        assert!(read(plain, "post = \"cases\"\nhmac = \"file:t.key\"").is_ok());
    }

    #[test]
    fn what_would_let_anybody_in_is_refused() {
        let posted = "post = \"cases\"\ntoken = \"file:t.token\"";
        for (listen, source, words) in [
            ("", posted, "no file of this process has [listen]"),
            (
                "[listen]\naddress = \"0.0.0.0:80\"\n",
                posted,
                "must be given for an address that others reach",
            ),
            ("[listen]\naddress = \"localhost\"\n", posted, "an address and a port"),
            (
                "[listen]\naddress = \"127.0.0.1:1\"\nkey = \"file:k.key\"\n",
                posted,
                "belong together",
            ),
            (
                "[listen]\naddress = \"127.0.0.1:1\"\nclient_ca = \"c.pem\"\n",
                posted,
                "only over TLS",
            ),
            (LISTEN, "post = \"cases\"", "must say who may post"),
            (LISTEN, "post = \"/cases\"\ntoken = \"file:t.token\"", "the last part of the path"),
            (LISTEN, "post = \"cases\"\ntoken = \"geheim\"", "must be a reference"),
            (LISTEN, "post = \"cases\"\ntoken = \"file:gone.token\"", "there is no file"),
            (LISTEN, "post = \"cases\"\ntoken = \"file:open.token\"", "may be read by others"),
            (LISTEN, "post = \"cases\"\nclient = [\"12\"]", "SHA-256 of a client certificate"),
            (
                LISTEN,
                &format!("post = \"cases\"\nclient = [\"{}\"]", "ab".repeat(32)),
                "believes no authority",
            ),
            (
                LISTEN,
                "post = \"cases\"\nfolder = \"drops\"\ntoken = \"file:t.token\"",
                "exactly one place",
            ),
        ] {
            let said = read(listen, source).unwrap_err();
            assert!(said.iter().any(|s| s.contains(words)), "{words}: {said:?}");
            assert!(!said.iter().any(|s| s.contains("geheim")), "{said:?}");
        }
    }
}
