//! What tables a database has, and what its owner says of their columns.
//!
//! The SQL for SQL Server and Oracle was not run: there is no such server here.

use super::{Connection, DbError, Engine};

/// Most tables, and columns of a table.
const NAMES_MAX: usize = 4_000;
/// Bytes of a list.
const BYTES_MAX: usize = 4 << 20;

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name, as the database has it.
    pub name: String,
    /// What its owner wrote about it; empty where the database knows no such thing.
    pub comment: String,
    /// Whether it is of the primary key.
    pub key: bool,
}

/// The tables and views that the account sees where it is.
///
/// # Errors
/// What the database says.
pub async fn tables(connection: &mut Connection) -> Result<Vec<String>, DbError> {
    let sql = match connection.dialect().engine {
        Engine::Sqlite => {
            "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite%' ORDER BY name"
        }
        Engine::Mysql => {
            "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY table_name"
        }
        Engine::Postgres => {
            "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() ORDER BY table_name"
        }
        Engine::Mssql => "SELECT TABLE_NAME FROM INFORMATION_SCHEMA.TABLES ORDER BY TABLE_NAME",
        Engine::Oracle => {
            "SELECT TABLE_NAME FROM USER_TABLES UNION SELECT VIEW_NAME FROM USER_VIEWS ORDER BY 1"
        }
    };
    let rows = connection.rows(sql.to_owned(), BYTES_MAX).await?;
    Ok((0..rows.len().min(NAMES_MAX)).map(|row| text(rows.cell(row, 0))).collect())
}

/// The columns of a table, in its order; none where there is no such table to be seen.
///
/// # Errors
/// What the database says.
pub async fn columns(connection: &mut Connection, table: &str) -> Result<Vec<Column>, DbError> {
    let d = connection.dialect();
    let bare = table.rsplit('.').next().unwrap_or(table);
    let (folded, quoted) = match d.engine {
        Engine::Postgres => (bare.to_lowercase(), d.name(table)),
        Engine::Oracle => (bare.to_uppercase(), d.name(table)),
        _ => (bare.to_owned(), d.name(table)),
    };
    let (folded, quoted) = (d.literal(Some(&folded)), d.literal(Some(&quoted)));
    let sql = match d.engine {
        Engine::Sqlite => format!(
            "SELECT name, '', CASE WHEN pk > 0 THEN '1' ELSE '0' END FROM pragma_table_info({folded})"
        ),
        Engine::Mysql => format!(
            "SELECT column_name, column_comment, CASE WHEN column_key = 'PRI' THEN '1' ELSE '0' END \
             FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = {folded} \
             ORDER BY ordinal_position"
        ),
        Engine::Postgres => format!(
            "SELECT a.attname, coalesce(col_description(a.attrelid, a.attnum), ''), \
             CASE WHEN EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisprimary \
             AND a.attnum = ANY (i.indkey)) THEN '1' ELSE '0' END FROM pg_attribute a \
             WHERE a.attrelid = to_regclass({quoted}) AND a.attnum > 0 AND NOT a.attisdropped \
             ORDER BY a.attnum"
        ),
        Engine::Mssql => format!(
            "SELECT c.COLUMN_NAME, '', CASE WHEN k.COLUMN_NAME IS NULL THEN '0' ELSE '1' END \
             FROM INFORMATION_SCHEMA.COLUMNS c LEFT JOIN (SELECT u.TABLE_NAME, u.COLUMN_NAME \
             FROM INFORMATION_SCHEMA.KEY_COLUMN_USAGE u JOIN INFORMATION_SCHEMA.TABLE_CONSTRAINTS t \
             ON t.CONSTRAINT_NAME = u.CONSTRAINT_NAME AND t.CONSTRAINT_TYPE = 'PRIMARY KEY') k \
             ON k.TABLE_NAME = c.TABLE_NAME AND k.COLUMN_NAME = c.COLUMN_NAME \
             WHERE c.TABLE_NAME = {folded} ORDER BY c.ORDINAL_POSITION"
        ),
        Engine::Oracle => format!(
            "SELECT c.COLUMN_NAME, m.COMMENTS, CASE WHEN EXISTS (SELECT 1 FROM USER_CONSTRAINTS t \
             JOIN USER_CONS_COLUMNS u ON u.CONSTRAINT_NAME = t.CONSTRAINT_NAME \
             WHERE t.CONSTRAINT_TYPE = 'P' AND t.TABLE_NAME = c.TABLE_NAME \
             AND u.COLUMN_NAME = c.COLUMN_NAME) THEN '1' ELSE '0' END FROM USER_TAB_COLUMNS c \
             LEFT JOIN USER_COL_COMMENTS m ON m.TABLE_NAME = c.TABLE_NAME AND m.COLUMN_NAME = c.COLUMN_NAME \
             WHERE c.TABLE_NAME = {folded} ORDER BY c.COLUMN_ID"
        ),
    };
    let rows = connection.rows(sql, BYTES_MAX).await?;
    let column = |row| Column {
        name: text(rows.cell(row, 0)),
        comment: text(rows.cell(row, 1)),
        key: rows.cell(row, 2) == Some(b"1"),
    };
    Ok((0..rows.len().min(NAMES_MAX)).map(column).collect())
}

fn text(cell: Option<&[u8]>) -> String {
    String::from_utf8_lossy(cell.unwrap_or_default()).into_owned()
}
