//! Writing a backup: never half there under its name.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use canon::Millis;
use exchange::config::{NodeConfig, SecretRef, StoreUrl};
use store::SqliteStore;

use super::{FORMAT, Held, MANIFEST, Manifest, Part, STORE, hex};
use crate::text::Failure;
use crate::{files, os};

/// Compression of the archive.
const LEVEL: i32 = 3;

/// What goes into a backup.
pub(crate) struct Wanted<'a> {
    /// The node's configuration.
    pub(crate) node: &'a NodeConfig,
    /// The file it was read from.
    pub(crate) config: &'a Path,
    /// With signing keys.
    pub(crate) keys: bool,
    /// Now.
    pub(crate) now: Millis,
}

/// Writes a backup to a path that must be free.
pub(crate) async fn write(wanted: &Wanted<'_>, to: &Path) -> Result<Manifest, Failure> {
    if to.exists() {
        return Err(crate::commands::keys::not_written(
            to,
            &io::Error::from(io::ErrorKind::AlreadyExists),
        ));
    }
    let StoreUrl::Sqlite(store) = &wanted.node.store else {
        return Err(Failure::usage(
            "only a SQLite store is backed up by this command; back a PostgreSQL schema up with pg_dump, and run `tiergate node restore --in-place` after it was put back",
            "本命令只备份 SQLite 存储；PostgreSQL 请用 pg_dump 备份，恢复后运行 tiergate node restore --in-place",
        ));
    };
    let image = beside(to, ".image");
    let part = beside(to, ".part");
    let done = archive(wanted, store, &image, &part).await;
    // What is left of a failure is nobody's backup.
    drop(std::fs::remove_file(&image));
    let manifest = match done {
        Ok(manifest) => manifest,
        Err(failure) => {
            drop(std::fs::remove_file(&part));
            return Err(failure);
        }
    };
    std::fs::rename(&part, to).map_err(|e| cannot(to, &e))?;
    if let Some(folder) = to.parent().filter(|f| !f.as_os_str().is_empty()) {
        File::open(folder).and_then(|f| f.sync_all()).map_err(|e| cannot(folder, &e))?;
    }
    Ok(manifest)
}

async fn archive(
    wanted: &Wanted<'_>,
    store: &Path,
    image: &Path,
    part: &Path,
) -> Result<Manifest, Failure> {
    drop(std::fs::remove_file(image));
    let nodes = SqliteStore::image(store, image).await.map_err(crate::assemble::store_failure)?;
    let mut sources = vec![(STORE.to_owned(), image.to_path_buf())];
    sources.push(("node.toml".to_owned(), wanted.config.to_path_buf()));
    if wanted.keys {
        sources.extend(keys(wanted.node));
    }
    let mut parts = Vec::new();
    for (name, path) in &sources {
        parts.push(measured(name, path).map_err(|e| files::cannot(path, &e))?);
    }
    let manifest = Manifest {
        format: FORMAT.to_owned(),
        made_at: wanted.now.to_string(),
        program: env!("CARGO_PKG_VERSION").to_owned(),
        editions: SqliteStore::editions().into_iter().map(str::to_owned).collect(),
        nodes: nodes
            .into_iter()
            .map(|n| Held { code: n.code, epoch: n.epoch, last_now: n.last_now })
            .collect(),
        with_keys: wanted.keys,
        files: parts,
    };
    pack(&manifest, &sources, part).map_err(|e| cannot(part, &e))?;
    Ok(manifest)
}

/// Key and certificate files of every identity; what comes out of the environment stays there.
fn keys(node: &NodeConfig) -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    for identity in &node.identities {
        if let SecretRef::File(path) = &identity.key {
            found.push((format!("keys/{}.key", identity.code), path.clone()));
        }
        found.push((format!("keys/{}.pem", identity.code), identity.certificate.clone()));
    }
    found
}

fn measured(name: &str, path: &Path) -> io::Result<Part> {
    let mut file = File::open(path)?;
    let mut digest = ring::digest::Context::new(&ring::digest::SHA256);
    let (mut buffer, mut bytes) = (vec![0; 1 << 16], 0);
    loop {
        let n = file.read(&mut buffer)?;
        if n == 0 {
            break;
        }
        digest.update(buffer.get(..n).unwrap_or_default());
        bytes += n as u64;
    }
    Ok(Part { name: name.to_owned(), bytes, sha256: hex(&digest.finish()) })
}

fn pack(manifest: &Manifest, sources: &[(String, PathBuf)], part: &Path) -> io::Result<()> {
    drop(std::fs::remove_file(part));
    // Readable by its owner only: there are personal data in it, and maybe keys.
    os::write_secret(part, "")?;
    let out = File::options().write(true).truncate(true).open(part)?;
    let mut zstd = zstd::Encoder::new(out, LEVEL)?;
    zstd.include_checksum(true)?;
    let mut tar = tar::Builder::new(zstd);
    let text = serde_json::to_vec_pretty(manifest).map_err(io::Error::other)?;
    tar.append_data(&mut header(text.len() as u64), MANIFEST, text.as_slice())?;
    for (part, (name, path)) in manifest.files.iter().zip(sources) {
        let file = File::open(path)?.take(part.bytes);
        tar.append_data(&mut header(part.bytes), name, file)?;
    }
    let mut file = tar.into_inner()?.finish()?;
    file.flush()?;
    file.sync_all()
}

fn header(bytes: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes);
    header.set_mode(0o600);
    header
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn cannot(path: &Path, error: &io::Error) -> Failure {
    crate::commands::keys::not_written(path, error)
}
