//! Writing a backup: never half there under its name.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use canon::Millis;
use envelope::{KeyPem, sealed};
use exchange::config::{NodeConfig, Secret, SecretRef, StoreUrl};
use store::sqlite::Imaged;
use store::{SqliteStore, postgres};

use super::read::copy;
use ring::rand::SystemRandom;

use super::{FORMAT, Held, MANIFEST, Manifest, PART, Part, STORE, place};
use crate::stores::postgres_settings;
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
    /// The passphrase they are put under, if any.
    pub(crate) passphrase: Option<Secret>,
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
    let image = beside(to, ".image");
    let part = beside(to, &format!(".{PART}"));
    let done = archive(wanted, &image, &part).await;
    // What is left of a failure is nobody's backup.
    place::forget(&image);
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

/// An image of the node's store, while it is at work.
async fn image_of(node: &NodeConfig, image: &Path) -> Result<Vec<Imaged>, Failure> {
    place::forget(image);
    // Its owner's only, from the first byte on.
    os::write_secret(image, "").map_err(|e| cannot(image, &e))?;
    let taken = match &node.store {
        StoreUrl::Memory => return Err(place::only_memory()),
        StoreUrl::Sqlite(path) => SqliteStore::image(path, image).await,
        StoreUrl::Postgres(schema) => {
            postgres::image(&postgres_settings(schema, node)?, image).await
        }
    };
    taken.map_err(crate::assemble::store_failure)
}

async fn archive(wanted: &Wanted<'_>, image: &Path, part: &Path) -> Result<Manifest, Failure> {
    let nodes = image_of(wanted.node, image).await?;
    let mut sources = vec![
        (STORE.to_owned(), Source::File(image.to_path_buf())),
        ("node.toml".to_owned(), Source::File(wanted.config.to_path_buf())),
    ];
    if wanted.keys {
        sources.extend(keys(wanted.node, wanted.passphrase.as_ref())?);
    }
    let mut parts = Vec::new();
    for (name, source) in &sources {
        parts.push(measured(name, source)?);
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
        keys_sealed: wanted.keys && wanted.passphrase.is_some(),
        files: parts,
    };
    pack(&manifest, &sources, part).map_err(|e| cannot(part, &e))?;
    Ok(manifest)
}

/// Where the bytes of a part come from.
enum Source {
    /// A file, read as it is packed.
    File(PathBuf),
    /// A key under its passphrase.
    Text(String),
}

impl Source {
    fn open(&self) -> io::Result<Box<dyn Read + '_>> {
        Ok(match self {
            Self::File(path) => Box::new(File::open(path)?),
            Self::Text(text) => Box::new(text.as_bytes()),
        })
    }
}

/// Keys and certificates of every identity; what comes out of the environment stays there.
fn keys(node: &NodeConfig, passphrase: Option<&Secret>) -> Result<Vec<(String, Source)>, Failure> {
    let mut found = Vec::new();
    let random = SystemRandom::new();
    for one in node.identities.iter().flat_map(|i| i.named_keys()) {
        let name = &one.name;
        if let SecretRef::File(path) = one.key {
            let key = match passphrase {
                None => Source::File(path.clone()),
                Some(passphrase) => {
                    let plain = files::text(path, files::CONFIG_BYTES_MAX)?;
                    // One that has a passphrase of its own keeps it.
                    if sealed::is_sealed(plain.as_bytes()) {
                        Source::Text(plain)
                    } else {
                        let made = sealed::seal(&KeyPem(plain), passphrase.line(), &random);
                        Source::Text(made.map_err(|e| unsealed(path, &e))?)
                    }
                }
            };
            found.push((format!("keys/{name}.key"), key));
        }
        found.push((format!("keys/{name}.pem"), Source::File(one.certificate.clone())));
    }
    Ok(found)
}

fn unsealed(path: &Path, what: &str) -> Failure {
    let path = path.display();
    Failure::environment(
        format!("{path} cannot be put under the passphrase: {what}"),
        format!("无法用口令加密 {path}：{what}"),
    )
}

fn measured(name: &str, source: &Source) -> Result<Part, Failure> {
    let measured = source.open().and_then(|mut from| copy(&mut from, &mut io::sink()));
    let (bytes, sha256) = measured.map_err(|e| match source {
        Source::File(path) => files::cannot(path, &e),
        Source::Text(_) => files::cannot(Path::new(name), &e),
    })?;
    Ok(Part { name: name.to_owned(), bytes, sha256 })
}

fn pack(manifest: &Manifest, sources: &[(String, Source)], part: &Path) -> io::Result<()> {
    drop(std::fs::remove_file(part));
    // Readable by its owner only: there are personal data in it, and maybe keys.
    os::write_secret(part, "")?;
    let out = File::options().write(true).truncate(true).open(part)?;
    let mut zstd = zstd::Encoder::new(out, LEVEL)?;
    zstd.include_checksum(true)?;
    let mut tar = tar::Builder::new(zstd);
    let text = serde_json::to_vec_pretty(manifest).map_err(io::Error::other)?;
    tar.append_data(&mut header(text.len() as u64), MANIFEST, text.as_slice())?;
    for (part, (name, source)) in manifest.files.iter().zip(sources) {
        tar.append_data(&mut header(part.bytes), name, source.open()?.take(part.bytes))?;
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
