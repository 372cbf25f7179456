//! Looks for a text in everything that lies somewhere: in files as they are, in frames within them, in
//! every cell of a database.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, query_scalar};

/// How a zstd frame begins.
const FRAME: [u8; 4] = 0xFD2F_B528_u32.to_le_bytes();
/// Most bytes looked at of one frame.
const FRAME_LOOKED_AT: u64 = 64 << 20;

/// Whether a text stands in these bytes, as it is or in any zstd frame that begins within them.
pub fn stands(text: &str, bytes: &[u8]) -> bool {
    within(text, bytes) || starts(bytes).any(|at| within(text, &opened(&bytes[at..])))
}

/// A frame, as far as it goes: what follows it is not part of it, and what only looks like one ends.
fn opened(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let Ok(decoder) = zstd::stream::read::Decoder::new(bytes) else { return text };
    let mut decoder = decoder.single_frame().take(FRAME_LOOKED_AT);
    let mut piece = [0; 4096];
    while let Ok(n @ 1..) = decoder.read(&mut piece) {
        text.extend_from_slice(&piece[..n]);
    }
    text
}

fn within(text: &str, bytes: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

fn starts(bytes: &[u8]) -> impl Iterator<Item = usize> {
    bytes.windows(FRAME.len()).enumerate().filter(|(_, w)| *w == FRAME).map(|(at, _)| at)
}

/// Every file below a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// The files below a folder in which a text stands.
pub fn in_files(folder: &Path, text: &str) -> Vec<PathBuf> {
    let has = |path: &PathBuf| stands(text, &std::fs::read(path).expect("a file"));
    files(folder).into_iter().filter(has).collect()
}

/// The columns of a SQLite file in which a text stands; its blobs lie in pieces there, so that the file
/// itself may not show it.
pub async fn in_database(file: &Path, text: &str) -> Vec<String> {
    let options = SqliteConnectOptions::new().filename(file).read_only(true);
    let mut db = options.connect().await.expect("the database");
    let columns = "SELECT t.name || '.' || c.name FROM sqlite_schema t, pragma_table_info(t.name) c \
                   WHERE t.type = 'table' ORDER BY 1";
    let columns: Vec<String> = query_scalar(columns).fetch_all(&mut db).await.expect("columns");
    let mut found = Vec::new();
    for column in columns {
        if cells(&mut db, &column).await.iter().any(|cell| stands(text, cell)) {
            found.push(column);
        }
    }
    found
}

async fn cells(db: &mut SqliteConnection, column: &str) -> Vec<Vec<u8>> {
    let (table, column) = column.split_once('.').expect("table and column");
    let sql = format!(
        "SELECT CAST(\"{column}\" AS BLOB) FROM \"{table}\" WHERE \"{column}\" IS NOT NULL"
    );
    query_scalar(AssertSqlSafe(sql)).fetch_all(db).await.expect("cells")
}
