//! Where a restored store is put: the file or the schema that the configuration names.

use std::path::{Path, PathBuf};

use canon::Millis;
use exchange::config::{NodeConfig, StoreUrl};
use exchange::share::announced;
use store::postgres::{self, PostgresStore, Settings};
use store::{SharedStore, SqliteStore, StoreError};

use crate::assemble::store_failure;
use crate::files;
use crate::stores::postgres_settings;
use crate::text::Failure;

/// Longest name of a schema that is set aside, bytes, before what is added to it.
const ASIDE_BYTES_MAX: usize = 40;

/// Where a node's store stands.
pub(crate) enum Place {
    /// A file.
    File(PathBuf),
    /// A schema; what is unpacked for it lies in the node's folder until it is copied.
    Schema {
        /// How to get there.
        settings: Settings,
        /// The node's folder.
        data: PathBuf,
    },
}

impl Place {
    /// Where the configuration says.
    pub(crate) fn of(node: &NodeConfig) -> Result<Self, Failure> {
        Ok(match &node.store {
            StoreUrl::Memory => return Err(only_memory()),
            StoreUrl::Sqlite(path) => Self::File(path.clone()),
            StoreUrl::Postgres(schema) => {
                let settings = postgres_settings(schema, node)?;
                Self::Schema { settings, data: node.data.clone() }
            }
        })
    }

    /// What is in the way, for people: nothing if the place is free.
    pub(crate) async fn in_the_way(&self) -> Result<Option<String>, Failure> {
        match self {
            Self::File(path) => Ok(path.exists().then(|| path.display().to_string())),
            Self::Schema { settings, .. } => {
                let there = PostgresStore::identities_at(settings).await.map_err(store_failure)?;
                Ok((!there.is_empty())
                    .then(|| format!("the schema {} with {}", settings.schema, there.join(", "))))
            }
        }
    }

    /// Refuses a store that somebody works with. A file has a lock of its own.
    pub(crate) async fn nobody_at_work(&self, now: Millis) -> Result<(), Failure> {
        let Self::Schema { settings, .. } = self else { return Ok(()) };
        if PostgresStore::identities_at(settings).await.map_err(store_failure)?.is_empty() {
            return Ok(());
        }
        let store = PostgresStore::open_to_read(settings).await.map_err(store_failure)?;
        for code in store.identities().await.map_err(store_failure)? {
            let store: SharedStore = store.identity(&code).await.map_err(store_failure)?;
            let rows = store.lease_rows().await.map_err(store_failure)?;
            for row in rows.into_iter().filter(|row| row.until > now) {
                if let Some(name) = announced(&row.name) {
                    let until = row.until;
                    return Err(Failure::usage(
                        format!(
                            "`{name}` works for {code} in this schema; stop it (if it was killed, its lease runs out at {until})"
                        ),
                        format!(
                            "实例『{name}』正在为 {code} 使用该模式，请先停止（若已被终止，其租约将于 {until} 到期）"
                        ),
                    ));
                }
            }
        }
        Ok(())
    }

    /// Where the image is unpacked: not there, and nobody's.
    pub(crate) fn part(&self) -> Result<PathBuf, Failure> {
        let part = match self {
            Self::File(path) => {
                let mut part = path.as_os_str().to_owned();
                part.push(".part");
                PathBuf::from(part)
            }
            Self::Schema { data, .. } => data.join("restore.part"),
        };
        if let Some(folder) = part.parent() {
            std::fs::create_dir_all(folder).map_err(|e| files::cannot(folder, &e))?;
        }
        forget(&part);
        Ok(part)
    }

    /// A store that is there is never deleted: it gets another name.
    pub(crate) async fn set_aside(&self, now: Millis) -> Result<(), Failure> {
        let at: String = now.to_string().chars().filter(char::is_ascii_digit).collect();
        match self {
            Self::File(path) => file_aside(path, &at),
            Self::Schema { settings, .. } => {
                let end = settings.schema.len().min(ASIDE_BYTES_MAX);
                // A schema's name is ASCII.
                let name = settings.schema.get(..end).unwrap_or_default();
                let name = format!("{name}_before_{at}");
                PostgresStore::set_aside(settings, &name).await.map_err(store_failure)
            }
        }
    }

    /// Puts a sound image in place. The place must be free.
    pub(crate) async fn put(&self, part: &Path) -> Result<(), Failure> {
        match self {
            Self::File(path) => std::fs::rename(part, path).map_err(|e| files::cannot(path, &e)),
            Self::Schema { settings, .. } => {
                postgres::move_from_sqlite(part, settings).await.map(drop).map_err(store_failure)
            }
        }
    }
}

/// Whether an image can be put in place: whole, and of an edition this program knows.
pub(crate) async fn look(part: &Path) -> Result<(), StoreError> {
    SqliteStore::image_brought_up(part).await?;
    SqliteStore::look(part).await.map(drop)
}

/// Deletes an unpacked image and what SQLite laid beside it.
pub(crate) fn forget(part: &Path) {
    for ending in ["", "-wal", "-shm", "-journal", ".lock"] {
        let mut name = part.as_os_str().to_owned();
        name.push(ending);
        drop(std::fs::remove_file(PathBuf::from(name)));
    }
}

/// The log of a file goes with it.
fn file_aside(store: &Path, at: &str) -> Result<(), Failure> {
    for ending in ["", "-wal", "-shm"] {
        let mut old = store.as_os_str().to_owned();
        old.push(ending);
        let old = PathBuf::from(old);
        if old.exists() {
            let mut new = store.as_os_str().to_owned();
            new.push(format!(".before-{at}{ending}"));
            std::fs::rename(&old, PathBuf::from(new)).map_err(|e| files::cannot(&old, &e))?;
        }
    }
    Ok(())
}

/// A store of which nothing outlives the process.
pub(crate) fn only_memory() -> Failure {
    Failure::usage(
        "this node keeps its facts in memory: there is nothing to back up or restore; name a store in [store] url",
        "该节点的数据只在内存中，无从备份或恢复；请在 [store] url 中指明存储",
    )
}
