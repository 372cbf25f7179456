//! `[[sink]]`: where kept records go.

use std::path::Path;

use super::foreign::{self, Database, Engine};
use super::node::{SinkConfig, SinkKind};
use super::read::{Cx, duplicate, owner, secret};
use super::remote;
use super::tree::Tab;

/// Longest prefix of table names.
const PREFIX_MAX: usize = 20;

#[derive(Clone, Copy)]
enum Kind {
    Files,
    SqlTables,
    Webhook,
}

pub(crate) fn sinks(top: &mut Tab<'_>, data: &Path, cx: &mut Cx<'_>) -> Vec<SinkConfig> {
    let mut found: Vec<SinkConfig> = Vec::new();
    for mut tab in top.tables("sink", cx.problems) {
        let at = tab.at.clone();
        let identity = owner(&mut tab, cx);
        let name = tab.need("name", cx.problems);
        if !tab.entries().iter().any(|(k, _)| k.text == "kind") {
            let _missing = tab.need("kind", cx.problems);
        }
        let kinds =
            [("files", Kind::Files), ("sql_tables", Kind::SqlTables), ("webhook", Kind::Webhook)];
        let kind = match tab.word("kind", &kinds, cx.problems) {
            Some(Kind::SqlTables) => tables(&mut tab, data, cx),
            Some(Kind::Webhook) => webhook(&mut tab, cx),
            Some(Kind::Files) => {
                tab.need("folder", cx.problems).map(|s| SinkKind::Files(data.join(s.text)))
            }
            // Which keys are known depends on the kind: without it none is judged.
            None => continue,
        };
        let path = tab.key("name");
        tab.finish(cx.problems);
        let (Some(identity), Some(name), Some(kind)) = (identity, name, kind) else { continue };
        if found.iter().any(|s| s.identity == identity && *s.name == *name.text) {
            duplicate(&name.at, path, &name.text, cx);
        }
        found.push(SinkConfig { identity, name: name.text.into(), kind, at });
    }
    found
}

/// Reads `url` with what belongs to it, and `hmac`.
fn webhook(tab: &mut Tab<'_>, cx: &mut Cx<'_>) -> Option<SinkKind> {
    if !tab.entries().iter().any(|(k, _)| k.text == "url") {
        let _missing = tab.need("url", cx.problems);
    }
    let remote = remote::remote(tab, cx);
    let key = secret(tab, "hmac", cx);
    Some(SinkKind::Webhook { remote: remote?, key: key? })
}

fn tables(tab: &mut Tab<'_>, data: &Path, cx: &mut Cx<'_>) -> Option<SinkKind> {
    if !tab.entries().iter().any(|(k, _)| k.text == "database") {
        let _missing = tab.need("database", cx.problems);
    }
    let database = foreign::database(tab, data, cx);
    let prefix = tab.text("prefix", cx.problems);
    let text = prefix.as_ref().map_or("", |p| p.text.as_str());
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    if text.len() > PREFIX_MAX || !text.bytes().all(legal) {
        cx.problems.push(
            "config.bad_value",
            &tab.spot("prefix"),
            tab.key("prefix"),
            format!("must be small letters, digits and _, at most {PREFIX_MAX}"),
            format!("只能用小写字母、数字和 _，至多 {PREFIX_MAX} 个"),
        );
        return None;
    }
    let text = text.to_owned();
    let database = database?;
    let made = match &database {
        Database::Sqlite(_) => true,
        Database::Server(server) => matches!(server.engine, Engine::Mysql | Engine::Postgres),
        Database::Odbc(_) => false,
    };
    if !made {
        cx.problems.push(
            "config.bad_value",
            &tab.spot("database"),
            tab.key("database"),
            "tables are made in PostgreSQL, MariaDB and SQLite; not over ODBC",
            "库表输出只支持 PostgreSQL、MariaDB 和 SQLite，不经 ODBC",
        );
        return None;
    }
    Some(SinkKind::SqlTables { database, prefix: text.into() })
}
