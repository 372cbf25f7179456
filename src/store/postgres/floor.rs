//! The raw floor a benchmark holds the store against: frames and one small pointer row a record,
//! by COPY, in the same grouping, and nothing else.

use canon::Digest;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};

use crate::error::StoreError;

/// Two tables in a schema of their own.
pub struct Floor {
    conn: PgConnection,
    schema: String,
    frames: i64,
}

impl Floor {
    /// A new schema, dropped by [`Floor::close`].
    pub async fn create(url: &str, schema: &str) -> Result<Self, StoreError> {
        let options: PgConnectOptions = url.parse()?;
        let mut conn = options.connect().await?;
        let ddl = format!(
            "DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}; \
             SET search_path TO {schema}; \
             CREATE TABLE frame (frame BIGINT PRIMARY KEY, bytes BYTEA NOT NULL); \
             CREATE TABLE pointer (key TEXT COLLATE \"C\", kind INTEGER, version INTEGER, \
             digest BYTEA, frame BIGINT, idx INTEGER, PRIMARY KEY (key, kind, version))"
        );
        conn.execute(sqlx::raw_sql(AssertSqlSafe(ddl))).await?;
        Ok(Self { conn, schema: schema.to_owned(), frames: 0 })
    }

    /// One frame and its pointer rows, in one transaction.
    pub async fn put(&mut self, frame: &[u8], keys: &[(String, Digest)]) -> Result<(), StoreError> {
        self.frames += 1;
        let number = self.frames;
        let mut txn = self.conn.begin().await?;
        let mut bytes = header();
        row(&mut bytes, &[&number.to_be_bytes(), frame]);
        copy(&mut txn, "COPY frame FROM STDIN (FORMAT binary)", bytes).await?;
        let mut bytes = header();
        for (index, (key, digest)) in keys.iter().enumerate() {
            let kind = (index as i32 % 3).to_be_bytes();
            let cells: [&[u8]; 6] = [
                key.as_bytes(),
                &kind,
                &1_i32.to_be_bytes(),
                &digest.bytes,
                &number.to_be_bytes(),
                &(index as i32).to_be_bytes(),
            ];
            row(&mut bytes, &cells);
        }
        copy(&mut txn, "COPY pointer FROM STDIN (FORMAT binary)", bytes).await?;
        txn.commit().await?;
        Ok(())
    }

    /// Drops the schema.
    pub async fn close(mut self) -> Result<(), StoreError> {
        let ddl = format!("DROP SCHEMA {} CASCADE", self.schema);
        self.conn.execute(sqlx::raw_sql(AssertSqlSafe(ddl))).await?;
        Ok(())
    }
}

/// Drops a schema that a benchmark made.
pub async fn drop_schema(url: &str, schema: &str) -> Result<(), StoreError> {
    let options: PgConnectOptions = url.parse()?;
    let mut conn = options.connect().await?;
    let ddl = format!("DROP SCHEMA IF EXISTS {schema} CASCADE");
    conn.execute(sqlx::raw_sql(AssertSqlSafe(ddl))).await?;
    Ok(())
}

fn header() -> Vec<u8> {
    let mut out = b"PGCOPY\n\xff\r\n\0".to_vec();
    out.extend_from_slice(&[0; 8]);
    out
}

fn row(out: &mut Vec<u8>, cells: &[&[u8]]) {
    out.extend_from_slice(&(cells.len() as i16).to_be_bytes());
    for cell in cells {
        out.extend_from_slice(&(cell.len() as i32).to_be_bytes());
        out.extend_from_slice(cell);
    }
}

async fn copy(
    conn: &mut PgConnection,
    statement: &str,
    mut bytes: Vec<u8>,
) -> Result<(), StoreError> {
    bytes.extend_from_slice(&(-1_i16).to_be_bytes());
    let mut copy = conn.copy_in_raw(statement).await?;
    copy.send(bytes).await?;
    copy.finish().await?;
    Ok(())
}
