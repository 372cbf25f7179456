//! A gate that moves files: `out/`, `in/`, `done/` (taken) and `bad/` (for a person) of one link.
//!
//! A file is written under a temporary name, synced, renamed, and the folder is synced. A parcel of
//! several files is finished by a list of their names that is written first, so that a process that
//! dies in the middle goes on with it at its next start.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::UNIX_EPOCH;

use super::exchange::{Exchange, Item};
use super::{DONE_FILES_MAX, LIST_MAX};
use crate::{BusError, BusFuture};

/// What a temporary name ends with; it begins with a dot, which gates and we pass over.
const TEMPORARY: &str = ".part";
/// What the list of a parcel's files begins with while they are finished; the rest is the process's, so
/// that two over one folder do not overwrite one another's.
const LIST: &str = ".finishing-";
/// Finished files between two looks at how many are kept.
const PRUNE_EVERY: u64 = 500;

/// The folders of one link.
#[derive(Clone, Debug)]
pub struct Folder {
    out: PathBuf,
    incoming: PathBuf,
    done: PathBuf,
    bad: PathBuf,
    carried: PathBuf,
    finished: Arc<AtomicU64>,
    list: String,
    /// Steps until this one fails, and all after it: a death at exactly that step, for tests.
    fuse: Option<Arc<AtomicI64>>,
}

impl Folder {
    /// The folders below `base`; `out` and `incoming` may lie elsewhere. All are made if they are not
    /// there, what a killed process left half written goes, and what it was finishing is finished.
    pub fn open(
        base: &Path,
        out: Option<&Path>,
        incoming: Option<&Path>,
    ) -> Result<Self, BusError> {
        Self::with_fuse(base, out, incoming, None)
    }

    pub(super) fn with_fuse(
        base: &Path,
        out: Option<&Path>,
        incoming: Option<&Path>,
        fuse: Option<Arc<AtomicI64>>,
    ) -> Result<Self, BusError> {
        let folder = Self::at(base, out, incoming, fuse);
        let begun = || -> io::Result<()> {
            folder.make()?;
            folder.tidy()?;
            folder.recover()?;
            folder.prune()
        };
        begun().map_err(|e| failed(&folder.incoming, &e))?;
        Ok(folder)
    }

    fn at(
        base: &Path,
        out: Option<&Path>,
        incoming: Option<&Path>,
        fuse: Option<Arc<AtomicI64>>,
    ) -> Self {
        Self {
            out: out.map_or_else(|| base.join("out"), Path::to_path_buf),
            incoming: incoming.map_or_else(|| base.join("in"), Path::to_path_buf),
            done: base.join("done"),
            bad: base.join("bad"),
            carried: base.join("carried"),
            finished: Arc::default(),
            list: format!("{LIST}{:016x}", RandomState::new().build_hasher().finish()),
            fuse,
        }
    }

    /// The same folders beside a process that works in them: nothing of its is tidied.
    pub fn beside(
        base: &Path,
        out: Option<&Path>,
        incoming: Option<&Path>,
    ) -> Result<Self, BusError> {
        let folder = Self::at(base, out, incoming, None);
        folder.make().map_err(|e| failed(&folder.incoming, &e))?;
        Ok(folder)
    }

    fn make(&self) -> io::Result<()> {
        let all = [&self.out, &self.incoming, &self.done, &self.bad, &self.carried];
        all.into_iter().try_for_each(fs::create_dir_all)
    }

    /// Where outgoing files lie.
    pub fn out(&self) -> &Path {
        &self.out
    }

    /// Where incoming files lie.
    pub fn incoming(&self) -> &Path {
        &self.incoming
    }

    /// Where files lie that were taken.
    pub fn done(&self) -> &Path {
        &self.done
    }

    /// Where files lie that no parcel could be made of.
    pub fn bad(&self) -> &Path {
        &self.bad
    }

    /// Where outgoing files lie that were exported to a disk.
    pub fn carried(&self) -> &Path {
        &self.carried
    }

    fn step(&self) -> io::Result<()> {
        match &self.fuse {
            Some(fuse) if fuse.fetch_sub(1, Ordering::SeqCst) <= 0 => {
                Err(io::Error::other("the process died here"))
            }
            _ => Ok(()),
        }
    }

    /// Half-written files of a killed process.
    fn tidy(&self) -> io::Result<()> {
        for folder in [&self.out, &self.incoming, &self.done, &self.bad] {
            for entry in fs::read_dir(folder)?.take(LIST_MAX) {
                let name = entry?.file_name();
                let text = name.to_string_lossy();
                if text.starts_with('.') && text.ends_with(TEMPORARY) {
                    gone(fs::remove_file(folder.join(&name)))?;
                }
            }
        }
        Ok(())
    }

    /// Goes on with what a killed process was finishing.
    fn recover(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.done)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if !name.starts_with(LIST) || name.ends_with(TEMPORARY) {
                continue;
            }
            // Its own process may have finished it just now.
            let Some(text) = present(fs::read_to_string(entry.path()))? else { continue };
            let names: Vec<String> = text.lines().map(str::to_owned).collect();
            self.move_all(&names)?;
            self.step()?;
            gone(fs::remove_file(entry.path()))?;
        }
        Ok(())
    }

    fn put_all(&self, files: &[(String, Vec<u8>)]) -> io::Result<()> {
        for (name, bytes) in files {
            self.write_new(&self.out, name, bytes)?;
        }
        self.step()?;
        sync_folder(&self.out)
    }

    /// Whole under its name, or not there.
    fn write_new(&self, folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
        let part = folder.join(format!(".{name}{TEMPORARY}"));
        let written = self.write_part(&part, &folder.join(name), bytes);
        if written.is_err() && self.fuse.is_none() {
            // A full disk is not made fuller by what could not be finished.
            gone(fs::remove_file(&part))?;
        }
        written
    }

    fn write_part(&self, part: &Path, whole: &Path, bytes: &[u8]) -> io::Result<()> {
        self.step()?;
        let mut file = File::create(part)?;
        // A death in the middle leaves a half of it.
        let (half, rest) = bytes.split_at(bytes.len() / 2);
        file.write_all(half)?;
        self.step()?;
        file.write_all(rest)?;
        self.step()?;
        file.sync_all()?;
        self.step()?;
        fs::rename(part, whole)
    }

    fn finish_all(&self, names: &[String]) -> io::Result<()> {
        match names {
            [] => return Ok(()),
            [only] => self.move_to(only, &self.done)?,
            several => {
                let list = several.join("\n");
                self.write_new(&self.done, &self.list, list.as_bytes())?;
                sync_folder(&self.done)?;
                self.move_all(several)?;
                self.step()?;
                gone(fs::remove_file(self.done.join(&self.list)))?;
            }
        }
        let count = names.len() as u64;
        let before = self.finished.fetch_add(count, Ordering::Relaxed);
        if before / PRUNE_EVERY != (before + count) / PRUNE_EVERY {
            self.prune()?;
        }
        Ok(())
    }

    fn move_all(&self, names: &[String]) -> io::Result<()> {
        names.iter().try_for_each(|name| self.move_to(name, &self.done))
    }

    /// Away from `in/`. A file that is gone already was moved before.
    fn move_to(&self, name: &str, folder: &Path) -> io::Result<()> {
        let name = plain(&os_of(name))?;
        let (from, to) = (self.incoming.join(&name), folder.join(&name));
        self.step()?;
        match fs::rename(&from, &to) {
            Err(e) if e.kind() == io::ErrorKind::CrossesDevices => {
                let bytes = fs::read(&from)?;
                self.write_new(folder, &key_of(&name), &bytes)?;
                gone(fs::remove_file(&from))
            }
            other => gone(other),
        }
    }

    /// The oldest of what was taken, set aside and carried, above the limit.
    fn prune(&self) -> io::Result<()> {
        [&self.done, &self.bad, &self.carried].into_iter().try_for_each(|folder| prune(folder))
    }

    fn list_all(&self) -> io::Result<Vec<Item>> {
        let mut items = Vec::new();
        for entry in fs::read_dir(&self.incoming)? {
            let entry = entry?;
            let name = entry.file_name();
            if name.to_string_lossy().starts_with('.') {
                continue;
            }
            // Never through a link: what it points at is none of the gate's.
            let Ok(meta) = fs::symlink_metadata(entry.path()) else { continue };
            items.push(Item {
                name: key_of(&name),
                size: meta.len(),
                stamp: stamp(&meta),
                plain: meta.is_file(),
            });
            if items.len() >= LIST_MAX {
                break;
            }
        }
        Ok(items)
    }

    fn read_one(&self, name: &str, max: usize) -> io::Result<Option<Vec<u8>>> {
        let path = self.incoming.join(plain(&os_of(name))?);
        let Some(seen) = present(fs::symlink_metadata(&path))?.filter(Metadata::is_file) else {
            return Ok(None);
        };
        let Some(file) = present(File::open(&path))? else { return Ok(None) };
        // It may have become a link in between.
        if !same_file(&seen, &file.metadata()?) {
            return Ok(None);
        }
        let mut bytes = Vec::with_capacity(usize::try_from(seen.len()).unwrap_or(0).min(max) + 1);
        file.take(max as u64 + 1).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    fn set_one_aside(&self, name: &str) -> io::Result<()> {
        let name = plain(&os_of(name))?;
        let mut to = self.bad.join(&name);
        for n in 2..1_000 {
            if fs::symlink_metadata(&to).is_err() {
                break;
            }
            let mut other = name.clone();
            other.push(format!(".{n}"));
            to = self.bad.join(other);
        }
        let from = self.incoming.join(&name);
        match fs::rename(&from, &to) {
            Err(e) if e.kind() == io::ErrorKind::CrossesDevices => {
                let meta = fs::symlink_metadata(&from)?;
                if meta.is_file() {
                    fs::copy(&from, &to)?;
                }
                gone(fs::remove_file(&from))
            }
            other => gone(other),
        }
    }

    fn count_out(&self) -> io::Result<u64> {
        let mut count = 0;
        for entry in fs::read_dir(&self.out)? {
            count += u64::from(!entry?.file_name().to_string_lossy().starts_with('.'));
        }
        Ok(count)
    }

    /// Runs what waits for the disk where waiting harms nobody.
    fn blocking<T: Send + 'static>(
        &self,
        place: &Path,
        work: impl FnOnce(&Self) -> io::Result<T> + Send + 'static,
    ) -> BusFuture<'_, T> {
        let (this, place) = (self.clone(), place.to_path_buf());
        Box::pin(async move {
            let done = tokio::task::spawn_blocking(move || work(&this)).await;
            let done =
                done.map_err(|e| BusError::Unavailable(format!("a file's work ended: {e}")))?;
            done.map_err(|e| failed(&place, &e))
        })
    }
}

impl Exchange for Folder {
    fn put(&self, files: Vec<(String, Vec<u8>)>) -> BusFuture<'_, ()> {
        self.blocking(&self.out, move |this| this.put_all(&files))
    }

    fn waiting(&self) -> BusFuture<'_, u64> {
        self.blocking(&self.out, Self::count_out)
    }

    fn list(&self) -> BusFuture<'_, Vec<Item>> {
        self.blocking(&self.incoming, Self::list_all)
    }

    fn read<'a>(&'a self, name: &'a str, max: usize) -> BusFuture<'a, Option<Vec<u8>>> {
        let name = name.to_owned();
        self.blocking(&self.incoming, move |this| this.read_one(&name, max))
    }

    fn finish(&self, names: Vec<String>) -> BusFuture<'_, ()> {
        self.blocking(&self.incoming, move |this| this.finish_all(&names))
    }

    fn set_aside<'a>(&'a self, name: &'a str) -> BusFuture<'a, ()> {
        let name = name.to_owned();
        self.blocking(&self.incoming, move |this| this.set_one_aside(&name))
    }
}

fn prune(folder: &Path) -> io::Result<()> {
    let mut kept: Vec<(u128, PathBuf)> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // Somebody else may have taken it.
        let Ok(meta) = fs::symlink_metadata(entry.path()) else { continue };
        if meta.is_file() && !entry.file_name().to_string_lossy().starts_with('.') {
            kept.push((stamp(&meta), entry.path()));
        }
    }
    let over = kept.len().saturating_sub(DONE_FILES_MAX);
    if over > 0 {
        kept.sort();
        kept.iter().take(over).try_for_each(|(_, path)| gone(fs::remove_file(path)))?;
    }
    Ok(())
}

fn failed(place: &Path, error: &io::Error) -> BusError {
    BusError::Unavailable(format!("{}: {error}", place.display()))
}

/// Not there any more: somebody else did the same.
fn gone(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn present<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// Makes renames in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _: &Path = folder;
    Ok(())
}

fn stamp(meta: &Metadata) -> u128 {
    let since = meta.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    since.map_or(0, |since| since.as_nanos())
}

#[cfg(unix)]
fn same_file(seen: &Metadata, open: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    open.is_file() && (seen.dev(), seen.ino()) == (open.dev(), open.ino())
}

#[cfg(not(unix))]
fn same_file(_: &Metadata, open: &Metadata) -> bool {
    open.is_file()
}

/// A name without a path in it: lists of names come from files too.
fn plain(name: &OsStr) -> io::Result<OsString> {
    let one = Path::new(name).file_name() == Some(name);
    if one { Ok(name.to_owned()) } else { Err(io::Error::other("a name with a path in it")) }
}

/// A file name as text: what is no UTF-8 (names that a gate wrote in GBK), and `%`, as `%XX`.
#[cfg(unix)]
fn key_of(name: &OsStr) -> String {
    use std::fmt::Write as _;
    use std::os::unix::ffi::OsStrExt as _;
    let mut key = String::new();
    for chunk in name.as_bytes().utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '%' | '\n' | '\r' => {
                    write!(key, "%{:02X}", c as u32).expect("a String takes all text")
                }
                c => key.push(c),
            }
        }
        for byte in chunk.invalid() {
            write!(key, "%{byte:02X}").expect("a String takes all text");
        }
    }
    key
}

#[cfg(unix)]
fn os_of(key: &str) -> OsString {
    use std::os::unix::ffi::OsStringExt as _;
    let mut bytes = Vec::with_capacity(key.len());
    let mut rest = key.as_bytes();
    while let [first, after @ ..] = rest {
        let digits = after.get(..2).and_then(|d| std::str::from_utf8(d).ok());
        let byte = digits.and_then(|d| u8::from_str_radix(d, 16).ok());
        match (first, byte) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    OsString::from_vec(bytes)
}

#[cfg(not(unix))]
fn key_of(name: &OsStr) -> String {
    name.to_string_lossy().into_owned()
}

#[cfg(not(unix))]
fn os_of(key: &str) -> OsString {
    key.into()
}
