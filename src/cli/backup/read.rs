//! Reading a backup: every byte is held against the manifest before anything is believed.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::{FORMAT, MANIFEST, Manifest, PART, STORE, hex};
use crate::os;
use crate::text::{Exit, Failure};

/// Largest manifest, bytes.
const MANIFEST_BYTES_MAX: u64 = 1 << 20;
/// Largest small file (configuration, key), bytes.
const SMALL_BYTES_MAX: u64 = 1 << 20;

/// What a backup holds.
pub(crate) struct Found {
    /// Its manifest.
    pub(crate) manifest: Manifest,
    /// Configuration, keys and certificates by their names.
    pub(crate) small: Vec<(String, Vec<u8>)>,
}

/// Reads a backup to its end; the store's image goes to `store`, which must be free.
pub(crate) fn read(path: &Path, store: &Path) -> Result<Found, Failure> {
    unpack(path, store).map_err(|what| {
        drop(std::fs::remove_file(store));
        let path = path.display();
        Failure {
            exit: Exit::Problems,
            en: format!("{path} is no whole backup: {what}; take another one"),
            zh: format!("{path} 不是完整的备份：{what}；请换用其他备份"),
        }
    })
}

fn unpack(path: &Path, store: &Path) -> Result<Found, String> {
    let said = |e: io::Error| e.to_string();
    // Complete or not: nobody waited for it to reach the disk.
    if path.extension().is_some_and(|e| e == PART) {
        return Err("whoever wrote it was interrupted".to_owned());
    }
    let file = File::open(path).map_err(said)?;
    let zstd = zstd::Decoder::new(file).map_err(said)?;
    let mut tar = tar::Archive::new(zstd);
    let mut entries = tar.entries().map_err(said)?;
    let first = entries.next().ok_or("it is empty")?.map_err(said)?;
    if first.path().map_err(said)? != PathBuf::from(MANIFEST) {
        return Err("it does not begin with its manifest".to_owned());
    }
    let mut text = Vec::new();
    first.take(MANIFEST_BYTES_MAX).read_to_end(&mut text).map_err(said)?;
    let manifest: Manifest = serde_json::from_slice(&text).map_err(|e| e.to_string())?;
    if manifest.format != FORMAT {
        return Err(format!("it says it is `{}`, not `{FORMAT}`", manifest.format));
    }
    let mut small = Vec::new();
    for part in &manifest.files {
        let entry = entries.next().ok_or_else(|| format!("`{}` is missing", part.name))?;
        let mut entry = entry.map_err(said)?;
        if entry.path().map_err(said)? != PathBuf::from(&part.name) {
            return Err(format!("`{}` is not where the manifest says", part.name));
        }
        let mut bytes = Vec::new();
        let seen = if part.name == STORE {
            // Its owner's only: there are personal data in it.
            os::write_secret(store, "").map_err(said)?;
            let mut out = File::options().write(true).open(store).map_err(said)?;
            let seen = copy(&mut entry, &mut out).map_err(said)?;
            out.sync_all().map_err(said)?;
            seen
        } else {
            copy(&mut entry.take(SMALL_BYTES_MAX), &mut bytes).map_err(said)?
        };
        if seen != (part.bytes, part.sha256.clone()) {
            return Err(format!("`{}` was altered or cut short", part.name));
        }
        small.push((part.name.clone(), bytes));
    }
    if entries.next().is_some() {
        return Err("there is more in it than its manifest says".to_owned());
    }
    // To the end, so that the archive's own checksum is looked at.
    io::copy(&mut tar.into_inner(), &mut io::sink()).map_err(said)?;
    small.retain(|(name, _)| name != STORE);
    Ok(Found { manifest, small })
}

/// Copies, and says how many bytes of which digest there were.
pub(super) fn copy(from: &mut impl Read, to: &mut impl Write) -> io::Result<(u64, String)> {
    let mut digest = ring::digest::Context::new(&ring::digest::SHA256);
    let (mut buffer, mut bytes) = (vec![0; 1 << 16], 0);
    loop {
        let n = from.read(&mut buffer)?;
        if n == 0 {
            return Ok((bytes, hex(&digest.finish())));
        }
        let now = buffer.get(..n).unwrap_or_default();
        digest.update(now);
        to.write_all(now)?;
        bytes += n as u64;
    }
}
