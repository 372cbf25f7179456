//! `[[broker]]`: the brokers that an identity logs in to.

use std::path::PathBuf;
use std::sync::Arc;

use canon::NodeCode;

use super::problem::{At, nearest};
use super::read::{Cx, duplicate, owner, secret};
use super::secret::SecretRef;
use super::tree::{Spot, Tab};

/// Most brokers of one identity.
const BROKERS_MAX: usize = 8;
/// Prefix of the exchange and the queues, if nothing is said.
const PREFIX: &str = "tiergate";

/// One login of one identity to one broker.
#[derive(Clone, Debug)]
pub struct BrokerConfig {
    /// Who logs in.
    pub identity: NodeCode,
    /// Name, unique within the identity; links name it.
    pub name: Arc<str>,
    /// Where it is.
    pub url: BrokerUrl,
    /// User name; the node's code, unless one login is shared (tests, the demo).
    pub user: Arc<str>,
    /// How the user is proved.
    pub login: Login,
    /// Certificate of the broker's authority, PEM; none is the system's list.
    pub ca: Option<PathBuf>,
    /// Own certificate chain, PEM, and its key.
    pub certificate: Option<(PathBuf, SecretRef)>,
    /// First part of the names of exchange and queues.
    pub prefix: Arc<str>,
    /// Where it stands.
    pub at: At,
}

/// How a user is proved to a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// By a password.
    Password(SecretRef),
    /// By the certificate (SASL EXTERNAL).
    External,
}

/// Where a broker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerUrl {
    /// Over TLS (`amqps`).
    pub tls: bool,
    /// Host name or address.
    pub host: Arc<str>,
    /// Port.
    pub port: u16,
    /// Virtual host.
    pub vhost: Arc<str>,
}

impl BrokerUrl {
    /// Reads `amqp://HOST[:PORT][/VHOST]` or `amqps://…`; none if it is not of this form. A URL
    /// with a user or password in it is not.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let tls = match scheme {
            "amqp" => false,
            "amqps" => true,
            _ => return None,
        };
        let (authority, vhost) = match rest.split_once('/') {
            Some((authority, vhost)) => (authority, decode(vhost)?),
            None => (rest, "/".to_owned()),
        };
        let (host, port) = host_and_port(authority)?;
        let port = port.unwrap_or(if tls { 5671 } else { 5672 });
        if vhost.is_empty() {
            return None;
        }
        Some(Self { tls, host: host.into(), port, vhost: vhost.into() })
    }
}

/// `HOST[:PORT]` of an address, without user, path or query; none for anything else.
pub(crate) fn host_and_port(authority: &str) -> Option<(String, Option<u16>)> {
    // An IPv6 address stands in brackets.
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            // What follows the bracket is a port, or nothing.
            match port.strip_prefix(':') {
                None if !port.is_empty() => return None,
                port => (host, port),
            }
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let port = match port {
        Some(port) => Some(port.parse().ok().filter(|p| *p > 0)?),
        None => None,
    };
    let legal = |c: char| !c.is_whitespace() && !matches!(c, '@' | '/' | '?' | '#' | '%');
    (!host.is_empty() && host.chars().all(legal)).then(|| (host.to_owned(), port))
}

impl std::fmt::Display for BrokerUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { tls, host, port, vhost } = self;
        let scheme = if *tls { "amqps" } else { "amqp" };
        write!(f, "{scheme}://{host}:{port} {vhost}")
    }
}

/// `%2f` and the like; none for what is not UTF-8 or has a query.
fn decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let hex = [bytes.next()?, bytes.next()?];
                let hex = std::str::from_utf8(&hex).ok()?;
                out.push(u8::from_str_radix(hex, 16).ok()?);
            }
            b'?' | b'#' | b'/' => return None,
            other => out.push(other),
        }
    }
    String::from_utf8(out).ok()
}

/// Reads every `[[broker]]`.
pub(crate) fn brokers(top: &mut Tab<'_>, cx: &mut Cx<'_>) -> Vec<BrokerConfig> {
    let mut found: Vec<BrokerConfig> = Vec::new();
    for mut tab in top.tables("broker", cx.problems) {
        let broker = broker(&mut tab, cx);
        let (at, path) = (tab.spot("name"), tab.key("name"));
        tab.finish(cx.problems);
        let Some(broker) = broker else { continue };
        let same = |b: &&BrokerConfig| b.identity == broker.identity;
        if found.iter().filter(same).any(|b| b.name == broker.name) {
            duplicate(&at, path, &broker.name, cx);
        } else if found.iter().filter(same).count() >= BROKERS_MAX {
            cx.problems.push(
                "config.out_of_range",
                &at,
                path,
                format!("`{}` has more than {BROKERS_MAX} brokers", broker.identity),
                format!("『{}』的消息代理超过 {BROKERS_MAX} 个", broker.identity),
            );
        }
        found.push(broker);
    }
    found
}

fn broker(tab: &mut Tab<'_>, cx: &mut Cx<'_>) -> Option<BrokerConfig> {
    let at = tab.at.clone();
    let identity = owner(tab, cx);
    let name = tab.need("name", cx.problems);
    let url = url(tab, cx);
    let user = tab.text("user", cx.problems).map(|s| s.text);
    let login = login(tab, cx);
    let ca = tab.text("ca", cx.problems).map(|s| cx.base.join(s.text));
    let certificate = certificate(tab, login.as_ref(), cx);
    let prefix = prefix(tab, cx);
    let login = login?;
    if let Some(url) = &url {
        fits(tab, url, &login, ca.is_some() || certificate.is_some(), cx);
    }
    let identity = identity?;
    Some(BrokerConfig {
        user: user.unwrap_or_else(|| identity.as_str().to_owned()).into(),
        identity,
        name: name?.text.into(),
        url: url?,
        login,
        ca,
        certificate,
        prefix,
        at,
    })
}

fn url(tab: &mut Tab<'_>, cx: &mut Cx<'_>) -> Option<BrokerUrl> {
    let spot = tab.need("url", cx.problems)?;
    let path = tab.key("url");
    if spot.text.contains('@') {
        // The text holds a password: it is not repeated.
        cx.problems.push(
            "config.secret_literal",
            &spot.at,
            path,
            "must not hold a user or password; write `user` and `password = \"file:…\"` beside it",
            "不得含用户名或密码；请另写 user 与 password = \"file:…\"",
        );
        return None;
    }
    let found = BrokerUrl::parse(&spot.text);
    if found.is_none() {
        let scheme = spot.text.split("://").next().unwrap_or_default();
        cx.problems
            .push(
                "config.bad_value",
                &spot.at,
                path,
                "is not written like `amqps://HOST:PORT/VHOST` (`%2f` is the virtual host `/`)",
                "应写作 amqps://主机:端口/虚拟主机（%2f 表示虚拟主机 /）",
            )
            .hint = nearest(scheme, ["amqp", "amqps"]).filter(|h| h != scheme);
    }
    found
}

fn login(tab: &mut Tab<'_>, cx: &mut Cx<'_>) -> Option<Login> {
    const WORDS: &[(&str, bool)] = &[("password", false), ("external", true)];
    let has = |tab: &Tab<'_>, key: &str| tab.entries().iter().any(|(k, _)| k.text == key);
    let word = has(tab, "auth");
    let external = tab.word("auth", WORDS, cx.problems);
    if word && external.is_none() {
        // Reported; the password is asked for all the same, so that `finish` knows the key.
        let _known = tab.get("password");
        return None;
    }
    if external != Some(true) {
        return secret(tab, "password", cx).map(Login::Password);
    }
    if tab.get("password").is_some() {
        cx.problems.push(
            "config.bad_value",
            &tab.spot("password"),
            tab.key("password"),
            "has no use with `auth = \"external\"`, where the certificate is the login; leave it out",
            "auth = \"external\" 时以证书登录，不需要密码，请删去",
        );
    }
    Some(Login::External)
}

fn certificate(
    tab: &mut Tab<'_>,
    login: Option<&Login>,
    cx: &mut Cx<'_>,
) -> Option<(PathBuf, SecretRef)> {
    let has = |tab: &Tab<'_>, key: &str| tab.entries().iter().any(|(k, _)| k.text == key);
    let wanted = has(tab, "certificate") || has(tab, "key") || login == Some(&Login::External);
    if !wanted {
        let _known = (tab.get("certificate"), tab.get("key"));
        return None;
    }
    let certificate = tab.need("certificate", cx.problems).map(|s| cx.base.join(s.text));
    let key = secret(tab, "key", cx);
    Some((certificate?, key?))
}

fn prefix(tab: &mut Tab<'_>, cx: &mut Cx<'_>) -> Arc<str> {
    let Some(Spot { text, at }) = tab.text("prefix", cx.problems) else { return PREFIX.into() };
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if text.is_empty() || text.len() > 32 || !text.chars().all(legal) {
        cx.problems.push(
            "config.bad_value",
            &at,
            tab.key("prefix"),
            "is not 1 to 32 characters out of A-Z a-z 0-9 _ -",
            "应为 1 至 32 个字符，可用 A-Z a-z 0-9 _ -",
        );
    }
    text.into()
}

/// What the URL says about the rest.
fn fits(tab: &Tab<'_>, url: &BrokerUrl, login: &Login, files: bool, cx: &mut Cx<'_>) {
    if !url.tls && (*login == Login::External || files) {
        cx.problems.push(
            "config.bad_value",
            &tab.spot("url"),
            tab.key("url"),
            "must begin with `amqps://`: certificates mean nothing without TLS",
            "须以 amqps:// 开头：不用 TLS 时证书不起作用",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_passwords_in_them_are_not() {
        let url = |text| BrokerUrl::parse(text).map(|u| u.to_string());
        assert_eq!(url("amqps://mq.example"), Some("amqps://mq.example:5671 /".into()));
        assert_eq!(url("amqp://10.0.0.1:5673/%2f"), Some("amqp://10.0.0.1:5673 /".into()));
        assert_eq!(url("amqps://[::1]:5671/tiers"), Some("amqps://::1:5671 tiers".into()));
        for wrong in [
            "http://mq",
            "amqps://",
            "amqps://:5671",
            "amqp://u:p@h",
            "amqp://h:0",
            "amqp://h:x",
            "amqp://h/",
            "amqp://h/a/b",
            "amqp://h/a?x=1",
            "amqp://h/%zz",
            "amqp://[::1]x",
            "mq.example",
        ] {
            assert_eq!(url(wrong), None, "{wrong}");
        }
    }
}
