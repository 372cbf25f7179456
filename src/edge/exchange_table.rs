//! An exchange table: for gates that move no files and only keep two databases alike. A row holds
//! what a file would, as base64 text, which every database can copy.
//!
//! The SQL is what all of them know: texts, whole numbers, one statement at a time, `LENGTH` (SQL
//! Server says `LEN`). What a row means is none of this crate's business.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row};

/// A row that lies here.
const LIES: i64 = 0;
/// A row that was taken; its content is empty.
const TAKEN: i64 = 1;
/// A row that nothing could be made of, for a person.
const SET_ASIDE: i64 = 2;

/// The columns of either table.
pub const DDL: &str = "name VARCHAR(200) NOT NULL PRIMARY KEY, sender VARCHAR(64) NOT NULL, \
    receiver VARCHAR(64) NOT NULL, content TEXT NOT NULL, state INTEGER NOT NULL";

/// The database refused.
#[derive(Debug, thiserror::Error)]
#[error("exchange table: {what}: {source}; see that the database is there and has the tables")]
pub struct TableError {
    what: String,
    source: sqlx::Error,
}

type Result<T> = std::result::Result<T, TableError>;

fn failed(what: impl Into<String>) -> impl FnOnce(sqlx::Error) -> TableError {
    let what = what.into();
    move |source| TableError { what, source }
}

/// Both tables of one link: rows from `own` to `peer` go out, rows from `peer` to `own` come in.
#[derive(Clone, Debug)]
pub struct ExchangeTable {
    database: PathBuf,
    out: String,
    incoming: String,
    own: String,
    peer: String,
}

impl ExchangeTable {
    /// Names what is meant; opens nothing.
    ///
    /// # Panics
    /// If a table's name is more than a name: the configuration lets none through.
    pub fn new(database: &Path, out: &str, incoming: &str, own: &str, peer: &str) -> Self {
        let name = |text: &str| {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            assert!(!text.is_empty() && text.chars().all(plain), "a table's name is a name");
            text.to_owned()
        };
        Self {
            database: database.to_path_buf(),
            out: name(out),
            incoming: name(incoming),
            own: own.to_owned(),
            peer: peer.to_owned(),
        }
    }

    async fn connect(&self) -> Result<SqliteConnection> {
        let place = self.database.display().to_string();
        let options = SqliteConnectOptions::new()
            .filename(&self.database)
            .create_if_missing(true)
            .busy_timeout(Duration::from_secs(10));
        let mut conn = options.connect().await.map_err(failed(place))?;
        for table in [&self.out, &self.incoming] {
            let sql = format!("CREATE TABLE IF NOT EXISTS {table} ({DDL})");
            let made = sqlx::query(AssertSqlSafe(sql)).execute(&mut conn).await;
            made.map_err(failed(table.clone()))?;
        }
        Ok(conn)
    }

    /// Lays rows down, all or none. A name that is there is replaced.
    pub async fn put(&self, rows: &[(String, Vec<u8>)]) -> Result<()> {
        let table = &self.out;
        let bad = || failed(table.clone());
        let mut conn = self.connect().await?;
        let mut tx = conn.begin().await.map_err(bad())?;
        let delete = format!("DELETE FROM {table} WHERE name = ?");
        let insert = format!(
            "INSERT INTO {table} (name, sender, receiver, content, state) VALUES (?, ?, ?, ?, ?)"
        );
        for (name, bytes) in rows {
            let gone = sqlx::query(AssertSqlSafe(delete.clone())).bind(name);
            gone.execute(&mut *tx).await.map_err(bad())?;
            let row = sqlx::query(AssertSqlSafe(insert.clone()))
                .bind(name)
                .bind(&self.own)
                .bind(&self.peer)
                .bind(BASE64.encode(bytes))
                .bind(LIES);
            row.execute(&mut *tx).await.map_err(bad())?;
        }
        tx.commit().await.map_err(bad())
    }

    /// Outgoing rows that the gate has not taken away (deleted, or marked with another state).
    pub async fn waiting(&self) -> Result<u64> {
        let table = &self.out;
        let sql =
            format!("SELECT COUNT(*) FROM {table} WHERE sender = ? AND receiver = ? AND state = ?");
        let mut conn = self.connect().await?;
        let row = sqlx::query(AssertSqlSafe(sql)).bind(&self.own).bind(&self.peer).bind(LIES);
        let row = row.fetch_one(&mut conn).await.map_err(failed(table.clone()))?;
        let count: i64 = row.try_get(0).map_err(failed(table.clone()))?;
        Ok(count.unsigned_abs())
    }

    /// Incoming rows with their length as they stand, at most `max`.
    pub async fn list(&self, max: usize) -> Result<Vec<(String, u64)>> {
        let table = &self.incoming;
        let sql = format!(
            "SELECT name, LENGTH(content) FROM {table} WHERE sender = ? AND receiver = ? AND state = ? ORDER BY name"
        );
        let mut conn = self.connect().await?;
        let rows = sqlx::query(AssertSqlSafe(sql)).bind(&self.peer).bind(&self.own).bind(LIES);
        let rows = rows.fetch_all(&mut conn).await.map_err(failed(table.clone()))?;
        let row = |row: &sqlx::sqlite::SqliteRow| {
            let (name, length): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
            Ok((name, length.unsigned_abs() / 4 * 3))
        };
        rows.iter()
            .take(max)
            .map(row)
            .collect::<std::result::Result<_, _>>()
            .map_err(failed(table.clone()))
    }

    /// The bytes of an incoming row, at most `max + 1`; none if it is gone. Text that is no base64 is
    /// given as it is: no parcel can be made of it.
    pub async fn read(&self, name: &str, max: usize) -> Result<Option<Vec<u8>>> {
        let table = &self.incoming;
        let sql = format!(
            "SELECT content FROM {table} WHERE name = ? AND state = ? AND LENGTH(content) <= ?"
        );
        let mut conn = self.connect().await?;
        // Line breaks that a gate put in count too.
        let longest = i64::try_from(max.saturating_mul(3) / 2 + 4).unwrap_or(i64::MAX);
        let row = sqlx::query(AssertSqlSafe(sql)).bind(name).bind(LIES).bind(longest);
        let row = row.fetch_optional(&mut conn).await.map_err(failed(table.clone()))?;
        let Some(row) = row else { return Ok(None) };
        let text: String = row.try_get(0).map_err(failed(table.clone()))?;
        let plain: String = text.split_ascii_whitespace().collect();
        let whole = plain.len() / 4 * 4;
        let decoded = plain.get(..whole).and_then(|text| BASE64.decode(text).ok());
        let mut bytes = decoded.unwrap_or_else(|| text.into_bytes());
        bytes.truncate(max.saturating_add(1));
        Ok(Some(bytes))
    }

    /// Marks rows as taken, all or none.
    pub async fn finish(&self, names: &[String]) -> Result<()> {
        let table = &self.incoming;
        let bad = || failed(table.clone());
        let sql = format!("UPDATE {table} SET state = ?, content = '' WHERE name = ?");
        let mut conn = self.connect().await?;
        let mut tx = conn.begin().await.map_err(bad())?;
        for name in names {
            let row = sqlx::query(AssertSqlSafe(sql.clone())).bind(TAKEN).bind(name);
            row.execute(&mut *tx).await.map_err(bad())?;
        }
        tx.commit().await.map_err(bad())
    }

    /// Marks a row that nothing could be made of; its content stays.
    pub async fn set_aside(&self, name: &str) -> Result<()> {
        let table = &self.incoming;
        let sql = format!("UPDATE {table} SET state = ? WHERE name = ?");
        let mut conn = self.connect().await?;
        let row = sqlx::query(AssertSqlSafe(sql)).bind(SET_ASIDE).bind(name);
        row.execute(&mut conn).await.map_err(failed(table.clone()))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(folder: &Path, own: &str, peer: &str, turned: bool) -> ExchangeTable {
        let (out, incoming) = if turned { ("t_in", "t_out") } else { ("t_out", "t_in") };
        ExchangeTable::new(&folder.join("x.db"), out, incoming, own, peer)
    }

    #[tokio::test]
    async fn rows_lie_are_taken_whole_and_stay_taken() {
        let folder = tempfile::tempdir().unwrap();
        let a = table(folder.path(), "a", "b", false);
        let b = table(folder.path(), "b", "a", true);
        let rows = [("one".to_owned(), vec![0, 255, 7]), ("two".to_owned(), b"xyz".to_vec())];
        a.put(&rows).await.unwrap();
        a.put(&rows[..1]).await.unwrap();
        assert_eq!(a.waiting().await.unwrap(), 2);
        let other = table(folder.path(), "c", "a", true);
        assert!(other.list(9).await.unwrap().is_empty(), "rows for another are not seen");
        let listed = b.list(9).await.unwrap();
        assert_eq!(listed.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>(), ["one", "two"]);
        assert_eq!(b.list(1).await.unwrap().len(), 1);
        assert_eq!(b.read("one", 9).await.unwrap().unwrap(), [0, 255, 7]);
        b.finish(&["one".into()]).await.unwrap();
        b.set_aside("two").await.unwrap();
        assert!(b.list(9).await.unwrap().is_empty());
        assert_eq!(b.read("one", 9).await.unwrap(), None);
        assert_eq!(a.waiting().await.unwrap(), 0);
    }

    #[tokio::test]
    async fn what_is_no_base64_is_given_as_it_is_and_what_is_too_long_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let b = table(folder.path(), "b", "a", false);
        let mut conn = b.connect().await.unwrap();
        for (name, text) in [("bad", "*no base64*"), ("lines", "AP\r\n8H\n"), ("half", "AP8HAP")] {
            let sql = "INSERT INTO t_in VALUES (?, 'a', 'b', ?, 0)";
            sqlx::query(sql).bind(name).bind(text).execute(&mut conn).await.unwrap();
        }
        assert_eq!(b.read("bad", 99).await.unwrap().unwrap(), b"*no base64*");
        assert_eq!(b.read("lines", 99).await.unwrap().unwrap(), [0, 255, 7]);
        assert_eq!(b.read("half", 99).await.unwrap().unwrap(), [0, 255, 7], "a half copied row");
        assert_eq!(b.read("bad", 3).await.unwrap(), None);
    }
}
