//! What `doctor` looks at: whether a source's database lets us in, has what the queries name, and
//! whether the account may do more than it needs.

use super::{Settings, statement};
use crate::db::{Connection, Engine};
use crate::seen::Seen;

/// Bytes of a list of rights.
const RIGHTS_BYTES_MAX: usize = 1 << 20;
/// Rights that nobody needs who reads; INSERT may be needed for a table of outcomes.
const TOO_MUCH: &[&str] = &[
    "ALL PRIVILEGES",
    "CONTROL",
    "SUPERUSER",
    "DELETE",
    "TRUNCATE",
    "DROP",
    "ALTER",
    "CREATE ",
    "INSERT",
];

/// Looks at it, step by step; stops at the first that the others need.
pub async fn probe(settings: &Settings) -> Vec<Seen> {
    let place = settings.place.to_string();
    let opened = Connection::open(&settings.place, &settings.session(true)).await;
    let mut connection = match opened {
        Ok(connection) => connection,
        Err(e) => {
            let (en, zh) = hint(settings.place.engine(), &e.words);
            return vec![Seen::wrong(
                "source_login",
                format!("{place}: {}{en}", e.words),
                format!("{place}：{}{zh}", e.words),
            )];
        }
    };
    let mut seen =
        vec![Seen::fine("source_login", format!("{place} lets us in"), format!("{place} 可登录"))];
    for query in &settings.queries {
        let d = connection.dialect();
        let asked = statement::page(d, query, &statement::From::Start, 0);
        let name = &query.name;
        seen.push(match connection.rows(asked, RIGHTS_BYTES_MAX).await {
            Ok(_) => Seen::fine(
                "source_query",
                format!("query `{name}` finds its tables and columns"),
                format!("查询『{name}』的表和列齐全"),
            ),
            Err(e) => Seen::wrong(
                "source_query",
                format!("query `{name}`: {}", e.words),
                format!("查询『{name}』：{}", e.words),
            ),
        });
    }
    seen.extend(rights(settings, &mut connection).await);
    seen
}

/// What helps where the encryption of a connection cannot be agreed on.
fn hint(engine: Engine, words: &str) -> (&'static str, &'static str) {
    let lower = words.to_lowercase();
    let tls = ["ssl", "tls", "handshake", "unsupported protocol", "encryption"];
    match engine {
        _ if !tls.iter().any(|w| lower.contains(w)) => ("", ""),
        Engine::Mssql => (
            "; SQL Server 2008 and 2012 without updates speak TLS 1.0 alone: use FreeTDS as the ODBC driver (TDS_Version = 7.1, Encryption = off on a trusted net), or have the server updated",
            "；未打补丁的 SQL Server 2008/2012 只支持 TLS 1.0：请改用 FreeTDS 作为 ODBC 驱动（TDS_Version = 7.1，可信网络内 Encryption = off），或请对方升级服务器",
        ),
        _ => (
            "; an old server may speak no TLS that is safe: `tls = \"disable\"` on a trusted net, or a driver of its age through ODBC",
            "；老旧服务器可能不支持安全的 TLS：可信网络内写 tls = \"disable\"，或经 ODBC 使用同时代的驱动",
        ),
    }
}

/// The question that an engine answers with what the account may do.
const fn question(engine: Engine) -> Option<&'static str> {
    match engine {
        Engine::Sqlite => None,
        Engine::Mysql => Some("SHOW GRANTS"),
        Engine::Postgres => Some(
            "SELECT DISTINCT privilege_type FROM information_schema.role_table_grants WHERE table_schema NOT IN ('pg_catalog', 'information_schema') UNION SELECT 'SUPERUSER' FROM pg_roles WHERE rolname = current_user AND rolsuper",
        ),
        Engine::Mssql => Some("SELECT permission_name FROM fn_my_permissions(NULL, 'DATABASE')"),
        Engine::Oracle => Some("SELECT privilege FROM session_privs"),
    }
}

async fn rights(settings: &Settings, connection: &mut Connection) -> Option<Seen> {
    let sql = question(settings.place.engine())?;
    let rows = connection.rows(sql.to_owned(), RIGHTS_BYTES_MAX).await.ok()?;
    let inserts =
        settings.queries.iter().filter_map(|q| q.write_back.as_ref()).any(|to| to.own_table);
    let said: Vec<String> = (0..rows.len())
        .filter_map(|row| rows.cell(row, 0))
        .map(|cell| String::from_utf8_lossy(cell).to_uppercase())
        // What the line names after ON is a table, not a right.
        .map(|line| line.split(" ON ").next().unwrap_or_default().to_owned() + " ")
        .collect();
    let too_much: Vec<&str> = TOO_MUCH
        .iter()
        .filter(|right| !(inserts && **right == "INSERT"))
        .filter(|right| said.iter().any(|line| line.contains(**right)))
        .map(|right| right.trim())
        .collect();
    let list = too_much.join(", ");
    Some(if too_much.is_empty() {
        Seen::fine(
            "source_rights",
            "the account may do no more than it needs",
            "账号权限未超出所需",
        )
    } else {
        Seen::wrong(
            "source_rights",
            format!(
                "the account may do more than read and answer ({list}); ask for one with the rights that `tiergate adapter grants` prints"
            ),
            format!(
                "账号权限超出读取与写回所需（{list}）；请按 tiergate adapter grants 所列权限另设账号"
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_sql_server_is_told_from_a_wrong_password() {
        let (en, zh) = hint(Engine::Mssql, "SSL Provider: unsupported protocol [08001]");
        assert!(en.contains("FreeTDS") && zh.contains("TLS 1.0"));
        assert_eq!(hint(Engine::Mssql, "Login failed for user"), ("", ""));
        assert!(hint(Engine::Mysql, "TLS handshake eof").0.contains("disable"));
    }
}
