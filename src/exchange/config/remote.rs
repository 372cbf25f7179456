//! Web services of somebody else: where they are, whom we believe, who we are, what we know.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::program::within;
use super::read::{Cx, reference, secret};
use super::secret::SecretRef;
use super::tree::{Spot, Tab, Value};

/// A web service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Its address: `http://…` or `https://…`, without user, query and fragment.
    pub url: Arc<str>,
    /// Certificate of its authority, PEM; none is the system's list.
    pub ca: Option<PathBuf>,
    /// Our own certificate, PEM, with its key, where it asks for one.
    pub identity: Option<(PathBuf, SecretRef)>,
    /// The proxy that leads there; none of the environment is used.
    pub proxy: Option<Arc<str>>,
    /// Longest time for one answer, ms; instead of the limit's.
    pub timeout: Option<i64>,
}

impl Remote {
    /// What of it is secret, with its key in the configuration.
    pub fn secrets(&self) -> impl Iterator<Item = (&'static str, &SecretRef)> {
        self.identity.iter().map(|(_, key)| ("key", key))
    }

    /// Its files that are no secrets.
    pub fn files(&self) -> impl Iterator<Item = (&'static str, &PathBuf)> {
        let certificate = self.identity.iter().map(|(path, _)| ("certificate", path));
        self.ca.iter().map(|path| ("ca", path)).chain(certificate)
    }
}

/// Reads `url` with what belongs to it: `ca`, `certificate`, `key`, `proxy`, `timeout`. None where
/// there is no `url`.
pub(crate) fn remote(tab: &mut Tab<'_>, cx: &mut Cx<'_>) -> Option<Remote> {
    let url = tab.text("url", cx.problems);
    let ca = tab.text("ca", cx.problems).map(|s| cx.base.join(s.text));
    let identity = pair(tab, cx);
    let proxy = tab.text("proxy", cx.problems);
    let timeout = within(tab, "timeout", "http_timeout", cx);
    let url = url?;
    let mut right = legal(tab, "url", &url, cx);
    if let Some(proxy) = &proxy {
        right &= legal(tab, "proxy", proxy, cx);
    }
    right.then(|| Remote {
        url: url.text.trim_end_matches('/').into(),
        ca,
        identity,
        proxy: proxy.map(|p| p.text.into()),
        timeout,
    })
}

/// Our own `certificate` and its `key`: both or neither.
pub(crate) fn pair(tab: &mut Tab<'_>, cx: &mut Cx<'_>) -> Option<(PathBuf, SecretRef)> {
    let certificate = tab.text("certificate", cx.problems).map(|s| cx.base.join(s.text));
    let has_key = tab.entries().iter().any(|(k, _)| k.text == "key");
    let key = if has_key { secret(tab, "key", cx) } else { None };
    let _known = tab.get("key");
    if certificate.is_some() != has_key {
        cx.problems.push(
            "config.missing_key",
            &tab.spot("certificate"),
            tab.key("certificate"),
            "`certificate` and `key` belong together",
            "certificate 与 key 必须同时给出",
        );
    }
    certificate.zip(key)
}

/// Whether an address is one, and holds nothing that is secret.
fn legal(tab: &Tab<'_>, key: &str, spot: &Spot, cx: &mut Cx<'_>) -> bool {
    let rest = spot.text.strip_prefix("https://").or_else(|| spot.text.strip_prefix("http://"));
    let authority = rest.and_then(|r| r.split('/').next()).unwrap_or_default();
    if authority.contains('@') {
        // It may hold a password: it is not repeated.
        cx.problems.push(
            "config.secret_literal",
            &spot.at,
            tab.key(key),
            "must not hold a user or password; name secrets in `secrets`, as `file:PATH` or `env:NAME`",
            "不得含用户名或密码；口令请写入 secrets，形如 file:路径 或 env:变量名",
        );
        return false;
    }
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '?' | '#' | '\\');
    let right = !authority.is_empty() && !rest.is_none_or(|r| r.contains(odd));
    if !right {
        cx.problems.push(
            "config.bad_value",
            &spot.at,
            tab.key(key),
            "must be an address such as `https://10.1.2.3:8443/api`, without query",
            "应为地址，如 https://10.1.2.3:8443/api，不含查询参数",
        );
    }
    right
}

/// Reads a table of names and secrets, each a reference.
pub(crate) fn secrets(
    tab: &mut Tab<'_>,
    key: &'static str,
    cx: &mut Cx<'_>,
) -> BTreeMap<Arc<str>, SecretRef> {
    let mut found = BTreeMap::new();
    for (name, text) in texts(tab, key, cx) {
        let path = format!("{}.{name}", tab.key(key));
        if let Some(reference) = reference(&text, path, cx) {
            found.insert(name, reference);
        }
    }
    found
}

/// Reads a table of names and texts.
pub(crate) fn values(
    tab: &mut Tab<'_>,
    key: &'static str,
    cx: &mut Cx<'_>,
) -> BTreeMap<Arc<str>, Arc<str>> {
    texts(tab, key, cx).into_iter().map(|(name, text)| (name, text.text.into())).collect()
}

fn texts(tab: &mut Tab<'_>, key: &'static str, cx: &mut Cx<'_>) -> Vec<(Arc<str>, Spot)> {
    let below = tab.table(key, cx.problems);
    let mut found = Vec::new();
    for (name, node) in below.entries() {
        let legal =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
        let named = !name.text.is_empty() && name.text.chars().all(legal);
        match &node.value {
            Value::Text(text) | Value::Loose(text) if named => {
                found.push((
                    name.text.as_str().into(),
                    Spot { text: text.clone(), at: node.at.clone() },
                ));
            }
            _ => {
                cx.problems.push(
                    "config.bad_value",
                    &node.at,
                    below.key(&name.text),
                    "must be a name of small letters, digits, `_` and `-`, and a text",
                    "应为名称（小写字母、数字、_、-）与文本",
                );
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::tests::with_source;
    use super::super::{Problem, SourceConfig};

    fn read(source: &str) -> Result<SourceConfig, Vec<Problem>> {
        let nodes = with_source(source)?;
        Ok(nodes.into_iter().flat_map(|n| n.adapters).next().expect("an adapter").source)
    }

    #[test]
    fn a_service_is_named_with_whom_to_believe_and_what_is_known() {
        let source = read(
            "url = \"https://10.1.2.3:8443/api/\"\nca = \"ca.pem\"\ncertificate = \"us.pem\"\nkey = \"file:us.key\"\nproxy = \"http://10.0.0.1:3128\"\ntimeout = \"20 s\"\nsecrets = { token = \"env:P\" }\nvalues = { organ = \"330100\" }",
        )
        .unwrap();
        let remote = source.remote.unwrap();
        assert_eq!((&*remote.url, remote.timeout), ("https://10.1.2.3:8443/api", Some(20_000)));
        assert_eq!(remote.secrets().count() + remote.files().count(), 3);
        assert_eq!(source.secrets["token"].to_string(), "env:P");
        assert_eq!(&*source.values["organ"], "330100");
    }

    #[test]
    fn what_cannot_be_is_said_without_the_password_in_it() {
        for (source, key, words) in [
            ("url = \"https://me:geheim@h/api\"", "url", "must not hold a user"),
            ("url = \"h/api\"", "url", "must be an address"),
            ("url = \"http://h/api?token=geheim\"", "url", "must be an address"),
            ("url = \"http://h\"\nproxy = \"socks\"", "proxy", "must be an address"),
            ("url = \"http://h\"\ncertificate = \"us.pem\"", "certificate", "belong together"),
            ("url = \"http://h\"\ntimeout = \"1 ms\"", "timeout", "must lie between"),
            ("url = \"http://h\"\nsecrets = { t = \"geheim\" }", "secrets.t", "a reference"),
            ("url = \"http://h\"\nsecrets = { T = \"env:P\" }", "secrets.T", "small letters"),
            ("url = \"http://h\"\nvalues = { t = 1 }", "values.t", "and a text"),
            ("url = \"http://h\"\nca = \"gone.pem\"", "[adapter.source] ca", "there is no file"),
            ("url = \"http://h\"\nsecrets = { t = \"env:NOT\" }", "secrets", "no variable NOT"),
            ("url = \"http://h\"\nsecrets = { t = \"file:open\" }", "secrets", "read by others"),
        ] {
            let said = read(source).unwrap_err();
            let hit = said.iter().any(|p| p.key.contains(key) && p.en.contains(words));
            assert!(hit, "{source}: {said:?}");
            assert!(!format!("{said:?}").contains("geheim"), "{said:?}");
        }
    }
}
