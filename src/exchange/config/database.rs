//! `[store]`: where a node's facts lie.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::problem::nearest;
use super::read::{Cx, secret};
use super::secret::SecretRef;
use super::tree::{Spot, Tab};

/// Longest name of a schema.
const SCHEMA_BYTES_MAX: usize = 63;

/// Where a node's facts lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreUrl {
    /// `memory`: gone with the process.
    Memory,
    /// `sqlite:PATH`, relative to the data folder.
    Sqlite(PathBuf),
    /// `postgres://USER@HOST:PORT/DATABASE`; several processes may share it.
    Postgres(PostgresConfig),
}

/// A schema of a PostgreSQL database, and who logs in to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresConfig {
    /// Host name, address, or the folder of a socket.
    pub host: Arc<str>,
    /// Port.
    pub port: u16,
    /// Who logs in.
    pub user: Arc<str>,
    /// Database.
    pub database: Arc<str>,
    /// Schema: one for each node file.
    pub schema: Arc<str>,
    /// Password, unless the server trusts the user or the certificate.
    pub password: Option<SecretRef>,
    /// Encryption of the connection.
    pub tls: PostgresTls,
    /// Certificate of the server's authority, PEM; none is the system's list.
    pub ca: Option<PathBuf>,
    /// Name of this process among those that share the schema.
    pub instance: Option<Arc<str>>,
}

impl StoreUrl {
    /// Name of this process among those that share the store; none where it is alone.
    pub fn instance(&self) -> Option<&str> {
        match self {
            Self::Postgres(schema) => schema.instance.as_deref(),
            Self::Memory | Self::Sqlite(_) => None,
        }
    }
}

/// Encryption of a connection to PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostgresTls {
    /// Never.
    Disable,
    /// If the server can.
    Prefer,
    /// Always; the certificate is not looked at.
    Require,
    /// Always; the certificate must be of a known authority and name the host.
    VerifyFull,
}

pub(super) const TLS: &[(&str, PostgresTls)] = &[
    ("disable", PostgresTls::Disable),
    ("prefer", PostgresTls::Prefer),
    ("require", PostgresTls::Require),
    ("verify-full", PostgresTls::VerifyFull),
];

/// `SCHEME://USER@HOST[:PORT]/DATABASE[?QUERY]`, taken apart.
pub(super) struct Url<'a> {
    pub(super) scheme: &'a str,
    pub(super) user: &'a str,
    pub(super) host: &'a str,
    pub(super) port: Option<u16>,
    pub(super) database: &'a str,
    pub(super) query: Option<&'a str>,
}

impl<'a> Url<'a> {
    /// None if it is not of this form; one with a password in it is not.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let (rest, query) = match rest.split_once('?') {
            Some((rest, query)) => (rest, Some(query)),
            None => (rest, None),
        };
        let (user, rest) = rest.split_once('@')?;
        let (authority, database) = rest.split_once('/')?;
        // An IPv6 address stands in brackets.
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']')?;
                (host, port.strip_prefix(':'))
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
        let plain = |text: &str| {
            let odd = |c: char| c.is_whitespace() || matches!(c, ':' | '@' | '/' | '?' | '#' | '%');
            !text.is_empty() && !text.chars().any(odd)
        };
        let host_is_plain = plain(&host.replace(':', ""));
        let fits = plain(user) && plain(database) && host_is_plain;
        fits.then_some(Self { scheme, user, host, port, database, query })
    }
}

/// Whether a URL has a password before its `@`.
pub(super) fn holds_password(url: &str) -> bool {
    let outside = url.split_once("://").map_or("", |(_, rest)| rest);
    let login = outside.split('/').next().unwrap_or_default().rsplit_once('@');
    login.is_some_and(|(login, _)| login.contains(':'))
}

impl PostgresConfig {
    /// Reads `postgres://USER@HOST[:PORT]/DATABASE[?schema=NAME]`; none if it is not of this form.
    /// A URL with a password in it is not.
    pub fn parse(text: &str) -> Option<Self> {
        let Url { scheme, user, host, port, database, query } = Url::parse(text)?;
        if !matches!(scheme, "postgres" | "postgresql") {
            return None;
        }
        let schema = match query {
            Some(query) => query.strip_prefix("schema=")?,
            None => "tiergate",
        };
        if !is_schema(schema) {
            return None;
        }
        let port = port.unwrap_or(5432);
        Some(Self {
            host: host.into(),
            port,
            user: user.into(),
            database: database.into(),
            schema: schema.into(),
            password: None,
            tls: PostgresTls::Prefer,
            ca: None,
            instance: None,
        })
    }

    /// Without schema: what a driver connects to.
    pub fn address(&self) -> String {
        let Self { host, port, user, database, .. } = self;
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_string() };
        format!("postgres://{user}@{host}:{port}/{database}")
    }
}

impl std::fmt::Display for PostgresConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}?schema={}", self.address(), self.schema)
    }
}

/// Small letters, digits and `_`, beginning with a letter.
fn is_schema(name: &str) -> bool {
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    name.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
        && name.len() <= SCHEMA_BYTES_MAX
        && name.bytes().all(legal)
        && !name.starts_with("pg_")
}

/// Reads `[store]`.
pub(crate) fn store_section(top: &mut Tab<'_>, data: &Path, cx: &mut Cx<'_>) -> StoreUrl {
    let mut tab = top.table("store", cx.problems);
    let url = tab.need("url", cx.problems);
    let found = url.and_then(|url| {
        let scheme = url.text.split(':').next().unwrap_or_default().to_owned();
        match scheme.as_str() {
            "postgres" | "postgresql" => postgres(&mut tab, &url, cx).map(StoreUrl::Postgres),
            _ => file(&tab, &url, data, cx),
        }
    });
    tab.finish(cx.problems);
    found.unwrap_or(StoreUrl::Memory)
}

fn file(tab: &Tab<'_>, url: &Spot, data: &Path, cx: &mut Cx<'_>) -> Option<StoreUrl> {
    match url.text.split_once(':').unwrap_or((&url.text, "")) {
        ("memory", "") => Some(StoreUrl::Memory),
        ("sqlite", path) if !path.trim().is_empty() => Some(StoreUrl::Sqlite(data.join(path))),
        (scheme, _) => {
            cx.problems
                .push(
                    "config.bad_value",
                    &url.at,
                    tab.key("url"),
                    "must be `sqlite:PATH` (relative to `node.data`), `postgres://USER@HOST/DATABASE` or `memory`",
                    "应为 sqlite:路径（相对于 node.data）、postgres://用户@主机/数据库 或 memory",
                )
                .hint = nearest(scheme, ["sqlite", "postgres", "memory"]);
            None
        }
    }
}

fn postgres(tab: &mut Tab<'_>, url: &Spot, cx: &mut Cx<'_>) -> Option<PostgresConfig> {
    let has = |tab: &Tab<'_>, key: &str| tab.entries().iter().any(|(k, _)| k.text == key);
    let password = if has(tab, "password") { secret(tab, "password", cx) } else { None };
    let instance = tab.text("instance", cx.problems);
    let instance = instance.and_then(|name| instance_name(tab, &name, cx));
    let tls = tab.word("tls", TLS, cx.problems);
    let ca = tab.text("ca", cx.problems).map(|s| cx.base.join(s.text));
    if holds_password(&url.text) {
        // The text holds a password: it is not repeated.
        cx.problems.push(
            "config.secret_literal",
            &url.at,
            tab.key("url"),
            "must not hold a password; write `password = \"file:…\"` beside it",
            "不得含密码；请另写 password = \"file:…\"",
        );
        return None;
    }
    let Some(found) = PostgresConfig::parse(&url.text) else {
        cx.problems.push(
            "config.bad_value",
            &url.at,
            tab.key("url"),
            "is not written like `postgres://USER@HOST:PORT/DATABASE?schema=NAME` (a schema is small letters, digits and _)",
            "应写作 postgres://用户@主机:端口/数据库?schema=名称（schema 只用小写字母、数字和 _）",
        );
        return None;
    };
    if ca.is_some() && tls != Some(PostgresTls::VerifyFull) {
        cx.problems.push(
            "config.bad_value",
            &tab.spot("ca"),
            tab.key("ca"),
            "has no use without `tls = \"verify-full\"`",
            "只有 tls = \"verify-full\" 时才用得到",
        );
    }
    Some(PostgresConfig {
        password,
        tls: tls.unwrap_or(PostgresTls::Prefer),
        ca,
        instance,
        ..found
    })
}

fn instance_name(tab: &Tab<'_>, name: &Spot, cx: &mut Cx<'_>) -> Option<Arc<str>> {
    if is_instance(&name.text) {
        return Some(name.text.as_str().into());
    }
    cx.problems.push(
        "config.bad_value",
        &name.at,
        tab.key("instance"),
        "must be letters, digits, `-`, `_` and `.`, at most 63 of them",
        "只能用字母、数字、-、_ 和 .，至多 63 个字符",
    );
    None
}

/// Whether a text can be the name of an instance.
pub fn is_instance(name: &str) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    !name.is_empty() && name.len() <= 63 && name.bytes().all(legal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_passwords_in_them_are_not() {
        let url = |text| PostgresConfig::parse(text).map(|u| u.to_string());
        assert_eq!(
            url("postgres://gate@db.example/exchange"),
            Some("postgres://gate@db.example:5432/exchange?schema=tiergate".into())
        );
        assert_eq!(
            url("postgresql://gate@[::1]:5433/x?schema=county_1"),
            Some("postgres://gate@[::1]:5433/x?schema=county_1".into())
        );
        for wrong in [
            "postgres://db/x",
            "postgres://gate:word@db/x",
            "postgres://gate@db",
            "postgres://gate@db/",
            "postgres://gate@db:0/x",
            "postgres://gate@db/x?schema=",
            "postgres://gate@db/x?schema=Upper",
            "postgres://gate@db/x?schema=pg_toast",
            "postgres://gate@db/x?sslmode=off",
            "mysql://gate@db/x",
        ] {
            assert_eq!(url(wrong), None, "{wrong}");
        }
    }
}
