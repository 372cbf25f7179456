//! The schema's edition: migrations are only ever appended, and each is recorded with the digest
//! of its text. One process at a time looks and migrates.

use canon::DigestAlg;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor};

use super::codec::digest_out;
use super::conn::{Columns, len, q};
use super::sql;
use crate::error::StoreError;

/// Every edition, oldest first. A line is never changed, only added.
const MIGRATIONS: [(&str, &str); 9] = [
    ("0001_first", include_str!("migrations/0001_first.sql")),
    ("0002_shared", include_str!("migrations/0002_shared.sql")),
    ("0003_restore", include_str!("migrations/0003_restore.sql")),
    ("0004_strands", include_str!("migrations/0004_strands.sql")),
    ("0005_outlets", include_str!("migrations/0005_outlets.sql")),
    ("0006_led", include_str!("migrations/0006_led.sql")),
    ("0007_windows", include_str!("migrations/0007_windows.sql")),
    ("0008_accounts", include_str!("migrations/0008_accounts.sql")),
    ("0009_pages", include_str!("migrations/0009_pages.sql")),
];

/// Brings a schema (made if it is not there) to this program's edition; refuses one that is newer,
/// altered or not ours. The connection's search path is the schema. Gives the names of the
/// migrations it ran.
pub(super) async fn bring_up(
    conn: &mut PgConnection,
    schema: &str,
) -> Result<Vec<String>, StoreError> {
    conn.execute(sqlx::raw_sql("BEGIN")).await?;
    q(sql::MIGRATION_LOCK).bind(schema).execute(&mut *conn).await?;
    let done = locked(conn, schema).await;
    let end = if done.is_ok() { sql::COMMIT } else { sql::ROLLBACK };
    conn.execute(sqlx::raw_sql(end)).await?;
    done
}

/// Whether a schema is one of ours; refuses one of something else.
pub(super) async fn is_ours(conn: &mut PgConnection, schema: &str) -> Result<bool, StoreError> {
    let known = q(sql::MIGRATION_KNOWN).bind(schema).fetch_one(&mut *conn).await?;
    let ours = known.int(0)? != 0;
    if !ours && known.int(1)? > 0 {
        return Err(StoreError::Refused(format!("the schema `{schema}` is not ours")));
    }
    Ok(ours)
}

/// Gives a schema another name, if it is one of ours.
pub(super) async fn set_aside(
    conn: &mut PgConnection,
    schema: &str,
    name: &str,
) -> Result<(), StoreError> {
    if is_ours(conn, schema).await? {
        let rename = format!("ALTER SCHEMA \"{schema}\" RENAME TO \"{name}\"");
        conn.execute(sqlx::raw_sql(AssertSqlSafe(rename))).await?;
    }
    Ok(())
}

/// Deletes a schema, if it is one of ours or empty.
pub(super) async fn drop_schema(conn: &mut PgConnection, schema: &str) -> Result<(), StoreError> {
    is_ours(conn, schema).await?;
    let drop = format!("DROP SCHEMA IF EXISTS \"{schema}\" CASCADE");
    conn.execute(sqlx::raw_sql(AssertSqlSafe(drop))).await?;
    Ok(())
}

async fn locked(conn: &mut PgConnection, schema: &str) -> Result<Vec<String>, StoreError> {
    if !is_ours(conn, schema).await? {
        let make = format!("CREATE SCHEMA IF NOT EXISTS \"{schema}\"");
        conn.execute(sqlx::raw_sql(AssertSqlSafe(make))).await?;
        conn.execute(sqlx::raw_sql(sql::MIGRATION_TABLE)).await?;
    }
    let applied = q(sql::MIGRATIONS).fetch_all(&mut *conn).await?;
    if applied.len() > MIGRATIONS.len() {
        return Err(newer(schema, applied.len()));
    }
    let mut ran = Vec::new();
    for (at, (name, text)) in MIGRATIONS.iter().enumerate() {
        let digest = digest_out(&DigestAlg::Sha256.of(&[text.as_bytes()]));
        match applied.get(at) {
            Some(row) if row.text(0)? == *name && row.blob(1)? == digest => {}
            Some(row) => {
                let found = row.text(0)?;
                return Err(StoreError::Refused(format!(
                    "migration `{found}` in the schema `{schema}` is not this program's `{name}`"
                )));
            }
            None => {
                conn.execute(sqlx::raw_sql(AssertSqlSafe(*text))).await?;
                ran.push((*name).to_owned());
                let add = q(sql::MIGRATION_ADD).bind(len(at) + 1).bind(*name).bind(digest);
                add.execute(&mut *conn).await?;
            }
        }
    }
    Ok(ran)
}

fn newer(schema: &str, applied: usize) -> StoreError {
    StoreError::Refused(format!(
        "the schema `{schema}` has edition {applied}, this program knows {}; start the newer \
         program",
        MIGRATIONS.len()
    ))
}

/// Refuses a schema that is not of exactly this program's edition; changes nothing.
pub(super) async fn same_edition(conn: &mut PgConnection, schema: &str) -> Result<(), StoreError> {
    let known = q(sql::MIGRATION_KNOWN).bind(schema).fetch_one(&mut *conn).await?;
    if known.int(0)? == 0 {
        let said = format!("the schema `{schema}` holds no Tiergate store; start its node once");
        return Err(StoreError::Refused(said));
    }
    let applied = q(sql::MIGRATIONS).fetch_all(conn).await?.len();
    if applied == MIGRATIONS.len() {
        return Ok(());
    }
    Err(StoreError::Refused(format!(
        "the schema `{schema}` has edition {applied}, this program knows {}; start the node with \
         this program first, or take the newer one",
        MIGRATIONS.len()
    )))
}
