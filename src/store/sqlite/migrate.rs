//! The file's edition: migrations are only ever appended, and each is recorded with the digest of
//! its text.

use canon::DigestAlg;
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection, Executor};

use super::codec::digest_out;
use super::conn::{Columns, len, q};
use super::sql;
use crate::error::StoreError;

/// `application_id` of our files ("TGAT").
const APPLICATION: i64 = 0x5447_4154;

/// Every edition, oldest first. A line is never changed, only added.
const MIGRATIONS: [(&str, &str); 9] = [
    ("0001_first", include_str!("migrations/0001_first.sql")),
    ("0002_fairness", include_str!("migrations/0002_fairness.sql")),
    ("0003_restore", include_str!("migrations/0003_restore.sql")),
    ("0004_strands", include_str!("migrations/0004_strands.sql")),
    ("0005_outlets", include_str!("migrations/0005_outlets.sql")),
    ("0006_led", include_str!("migrations/0006_led.sql")),
    ("0007_windows", include_str!("migrations/0007_windows.sql")),
    ("0008_accounts", include_str!("migrations/0008_accounts.sql")),
    ("0009_pages", include_str!("migrations/0009_pages.sql")),
];

/// Names of every edition, oldest first.
pub(super) fn editions() -> Vec<&'static str> {
    MIGRATIONS.iter().map(|(name, _)| *name).collect()
}

/// Brings a file to this program's edition; refuses one that is newer, altered or not ours. Gives
/// the names of the migrations it ran.
pub(super) async fn bring_up(conn: &mut SqliteConnection) -> Result<Vec<String>, StoreError> {
    let row = q(sql::FILE_KIND).fetch_one(&mut *conn).await?;
    let (application, tables) = (row.int(0)?, row.int(1)?);
    if application != APPLICATION && tables > 0 {
        return Err(StoreError::Refused("the file is not a Tiergate store".to_owned()));
    }
    let mut txn = conn.begin_with(sql::BEGIN).await?;
    q(sql::MIGRATION_TABLE).execute(&mut *txn).await?;
    let applied = q(sql::MIGRATIONS).fetch_all(&mut *txn).await?;
    if applied.len() > MIGRATIONS.len() {
        return Err(StoreError::Refused(format!(
            "the file has edition {}, this program knows {}; start the newer program",
            applied.len(),
            MIGRATIONS.len()
        )));
    }
    let mut ran = Vec::new();
    for (at, (name, text)) in MIGRATIONS.iter().enumerate() {
        let digest = digest_out(&DigestAlg::Sha256.of(&[text.as_bytes()]));
        match applied.get(at) {
            Some(row) if row.text(0)? == *name && row.blob(1)? == digest => {}
            Some(row) => {
                let found = row.text(0)?;
                return Err(StoreError::Refused(format!(
                    "migration `{found}` in the file is not this program's `{name}`"
                )));
            }
            None => {
                txn.execute(sqlx::raw_sql(AssertSqlSafe(*text))).await?;
                ran.push((*name).to_owned());
                let number = len(at) + 1;
                q(sql::MIGRATION_ADD)
                    .bind(number)
                    .bind(*name)
                    .bind(digest)
                    .execute(&mut *txn)
                    .await?;
            }
        }
    }
    q(sql::APPLICATION_ID).execute(&mut *txn).await?;
    txn.commit().await?;
    Ok(ran)
}

/// Refuses a file that is not of exactly this program's edition; changes nothing.
pub(super) async fn same_edition(conn: &mut SqliteConnection) -> Result<(), StoreError> {
    let row = q(sql::FILE_KIND).fetch_one(&mut *conn).await?;
    if row.int(0)? != APPLICATION {
        return Err(StoreError::Refused("the file is not a Tiergate store".to_owned()));
    }
    let applied = q(sql::MIGRATIONS).fetch_all(conn).await?.len();
    if applied == MIGRATIONS.len() {
        return Ok(());
    }
    Err(StoreError::Refused(format!(
        "the file has edition {applied}, this program knows {}; start the node with this program first, or take the newer one",
        MIGRATIONS.len()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pragma_says_our_number() {
        assert!(sql::APPLICATION_ID.ends_with(&APPLICATION.to_string()));
    }
}
