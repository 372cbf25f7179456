//! What `doctor` looks at: whether the front database lets us in, has every table and column that the
//! target names, and what the account may do there. Nothing is written.

use std::collections::BTreeSet;

use super::FrontDb;
use crate::db::{Connection, DbError, Engine, Isolation, Session, Stored, catalogue};
use crate::seen::Seen;

/// Bytes of a list of rights.
const RIGHTS_BYTES_MAX: usize = 1 << 20;
/// What an outlet does in its tables.
const NEEDED: [&str; 3] = ["SELECT", "INSERT", "UPDATE"];
/// What nobody needs there.
const TOO_MUCH: [&str; 6] = ["DELETE", "TRUNCATE", "DROP", "ALTER", "CREATE", "SUPERUSER"];

impl FrontDb {
    /// Looks at it, step by step; stops at the first that the others need.
    pub async fn look(&self) -> Vec<Seen> {
        let place = self.settings.place.to_string();
        let session = Session {
            read_only: true,
            statement_timeout: self.settings.statement_timeout,
            lock_timeout: self.settings.lock_timeout,
            isolation: Isolation::ReadCommitted,
            stored: Stored::Declared,
            create: false,
        };
        let mut connection = match Connection::open(&self.settings.place, &session).await {
            Ok(connection) => connection,
            Err(e) => {
                let words = &e.words;
                let (en, zh) = (format!("{place}: {words}"), format!("{place}：{words}"));
                return vec![Seen::wrong("outlet_login", en, zh)];
            }
        };
        let (en, zh) = (format!("{place} lets us in"), format!("{place} 可登录"));
        let mut seen = vec![Seen::fine("outlet_login", en, zh)];
        let mut there = Vec::new();
        for (table, wanted) in &self.wanted {
            match missing(&mut connection, table, wanted).await {
                Ok(None) => there.push(table.as_str()),
                Ok(Some(wrong)) => seen.push(wrong),
                Err(e) => seen.push(failed("outlet_columns", table, &e)),
            }
        }
        if there.len() == self.wanted.len() {
            let (n, words) = (there.len(), "the front tables have every column of the target");
            let zh = format!("{n} 张前置表的列齐全");
            seen.push(Seen::fine("outlet_columns", format!("{words} ({n} tables)"), zh));
        }
        for table in there {
            match rights(&mut connection, table).await {
                Ok(found) => seen.extend(found),
                Err(e) => seen.push(failed("outlet_rights", table, &e)),
            }
        }
        seen
    }
}

fn failed(step: &'static str, table: &str, e: &DbError) -> Seen {
    let words = &e.words;
    Seen::wrong(step, format!("table `{table}`: {words}"), format!("表『{table}』：{words}"))
}

/// What a table lacks; none if nothing.
async fn missing(
    connection: &mut Connection,
    table: &str,
    wanted: &BTreeSet<String>,
) -> Result<Option<Seen>, DbError> {
    let found = catalogue::columns(connection, table).await?;
    if found.is_empty() {
        let en = format!("table `{table}` is not there, or the account does not see it");
        let zh = format!("表『{table}』不存在，或该账号无权查看");
        return Ok(Some(Seen::wrong("outlet_columns", en, zh)));
    }
    let has = |name: &str| found.iter().any(|column| column.name.eq_ignore_ascii_case(name));
    let lacks: Vec<&str> = wanted.iter().map(String::as_str).filter(|name| !has(name)).collect();
    if lacks.is_empty() {
        return Ok(None);
    }
    let list = lacks.join(", ");
    let en = format!("table `{table}` has no column {list}");
    Ok(Some(Seen::wrong("outlet_columns", en, format!("表『{table}』缺少列 {list}"))))
}

/// The question that an engine answers with what the account may do with a table; none where nobody
/// can be asked.
fn question(connection: &Connection, table: &str) -> Option<String> {
    let d = connection.dialect();
    let (quoted, bare) = (d.literal(Some(&d.name(table))), d.literal(Some(table)));
    match d.engine {
        Engine::Postgres => Some(format!(
            "SELECT p FROM (VALUES ('SELECT'), ('INSERT'), ('UPDATE')) v (p) \
             WHERE has_any_column_privilege(to_regclass({quoted}), p) \
             UNION SELECT p FROM (VALUES ('DELETE'), ('TRUNCATE')) v (p) \
             WHERE has_table_privilege(to_regclass({quoted}), p) \
             UNION SELECT 'SUPERUSER' FROM pg_roles WHERE rolname = current_user AND rolsuper"
        )),
        Engine::Mysql => {
            let who = "CONCAT('''', REPLACE(CURRENT_USER(), '@', '''@'''), '''')";
            Some(format!(
                "SELECT privilege_type FROM information_schema.user_privileges WHERE grantee = {who} \
                 UNION SELECT privilege_type FROM information_schema.schema_privileges \
                 WHERE grantee = {who} AND DATABASE() LIKE table_schema \
                 UNION SELECT privilege_type FROM information_schema.table_privileges \
                 WHERE grantee = {who} AND table_schema = DATABASE() AND table_name = {bare} \
                 UNION SELECT privilege_type FROM information_schema.column_privileges \
                 WHERE grantee = {who} AND table_schema = DATABASE() AND table_name = {bare}"
            ))
        }
        Engine::Sqlite | Engine::Mssql | Engine::Oracle => None,
    }
}

async fn rights(connection: &mut Connection, table: &str) -> Result<Option<Seen>, DbError> {
    let Some(sql) = question(connection, table) else { return Ok(None) };
    let rows = connection.rows(sql, RIGHTS_BYTES_MAX).await?;
    let said: BTreeSet<String> = (0..rows.len())
        .filter_map(|row| rows.cell(row, 0))
        .map(|cell| String::from_utf8_lossy(cell).to_uppercase())
        .collect();
    Ok(judged(table, &said))
}

/// What is wrong with these rights; none if nothing.
fn judged(table: &str, said: &BTreeSet<String>) -> Option<Seen> {
    let lacks: Vec<&str> = NEEDED.into_iter().filter(|r| !said.contains(*r)).collect();
    let more: Vec<&str> = TOO_MUCH.into_iter().filter(|r| said.contains(*r)).collect();
    if !lacks.is_empty() {
        let list = lacks.join(", ");
        let en = format!("table `{table}`: the account lacks {list}");
        return Some(Seen::wrong(
            "outlet_rights",
            en,
            format!("表『{table}』：账号缺少权限 {list}"),
        ));
    }
    if !more.is_empty() {
        let list = more.join(", ");
        let en = format!("table `{table}`: the account may do more than it needs ({list})");
        let zh = format!("表『{table}』：账号权限超出所需（{list}）");
        return Some(Seen::wrong("outlet_rights", en, zh));
    }
    let en = format!("table `{table}`: the account may do what it needs and no more");
    Some(Seen::fine("outlet_rights", en, format!("表『{table}』：账号权限恰当")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_those_that_are_needed_and_no_more() {
        let said = |rights: &[&str]| rights.iter().map(|r| (*r).to_owned()).collect();
        let fine = judged("T", &said(&["SELECT", "INSERT", "UPDATE"])).unwrap();
        assert!(fine.fine);
        let more = judged("T", &said(&["SELECT", "INSERT", "UPDATE", "DELETE"])).unwrap();
        assert!(!more.fine && more.en.contains("DELETE"), "{more:?}");
        let lacks = judged("T", &said(&["SELECT", "DELETE"])).unwrap();
        assert!(!lacks.fine && lacks.en.contains("lacks INSERT, UPDATE"), "{lacks:?}");
    }
}
