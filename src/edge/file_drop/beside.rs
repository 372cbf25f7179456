//! What lies beside a DBF table: its memo file, of the same name. Both are one delivery: they settle,
//! are read, are known by their content and are moved together.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use adapt::form::memo_paths;
use adapt::{FileSource, Form};
use canon::DigestAlg;

use super::file;
use crate::os::{self, Stat};

/// Whether a file of this name is a memo file of the source's tables.
pub(super) fn is_memo(source: &FileSource, name: &str) -> bool {
    matches!(source.form, Form::Dbf(_)) && adapt::form::is_memo(name)
}

/// The memo file beside a table, and how it looks.
pub(super) fn memo(source: &FileSource, table: &Path) -> io::Result<Option<(PathBuf, Stat)>> {
    if !matches!(source.form, Form::Dbf(_)) {
        return Ok(None);
    }
    for path in memo_paths(table) {
        if let Some(stat) = os::stat(&path)? {
            return Ok(Some((path, stat)));
        }
    }
    Ok(None)
}

/// How a table and its memo file look together.
fn together(table: Stat, memo: Stat) -> Stat {
    Stat { size: table.size.saturating_add(memo.size), mtime: table.mtime.max(memo.mtime) }
}

/// How a file looks, with what lies beside it.
pub(super) fn stat(source: &FileSource, path: &Path) -> io::Result<Option<Stat>> {
    let Some(own) = os::stat(path)? else { return Ok(None) };
    let memo = memo(source, path)?;
    Ok(Some(memo.map_or(own, |(_, memo)| together(own, memo))))
}

/// What a file's content is known by: its memo file's too, where a text alone may have changed.
pub(super) fn digest(source: &FileSource, path: &Path) -> io::Result<String> {
    let alg = DigestAlg::default();
    let own = file::content_digest(alg, &mut File::open(path)?)?;
    match memo(source, path)? {
        None => Ok(own),
        Some((memo, _)) => {
            let memo = file::content_digest(alg, &mut File::open(memo)?)?;
            Ok(alg.of(&[own.as_bytes(), memo.as_bytes()]).to_string())
        }
    }
}

/// Moves a file, then what lies beside it, under its new name. After a crash between the two the file
/// is gone, and [`follow`] moves the rest.
pub(super) fn put_away(source: &FileSource, from: &Path, to: &Path) -> io::Result<()> {
    let memo = memo(source, from)?;
    os::rename(from, to)?;
    match memo {
        Some((memo, _)) => rename(&memo, to),
        None => Ok(()),
    }
}

/// Moves what lay beside a file that is moved already; not what lies there of another delivery.
/// `whole` is how both looked together.
pub(super) fn follow(source: &FileSource, from: &Path, to: &Path, whole: Stat) -> io::Result<()> {
    if let Some((path, its)) = memo(source, from)?
        && let Some(table) = os::stat(to)?
        && memo(source, to)?.is_none()
        && together(table, its) == whole
    {
        return rename(&path, to);
    }
    Ok(())
}

/// Moves what lies beside a file, then the file: a table whose memo file is still to come is never
/// seen. After a crash between the two it is called again.
pub(super) fn take_out(source: &FileSource, from: &Path, to: &Path) -> io::Result<()> {
    if let Some((memo, _)) = memo(source, from)? {
        rename(&memo, to)?;
    }
    os::rename(from, to)
}

/// Whether a file can be put there without taking the place of another.
pub(super) fn is_free(source: &FileSource, to: &Path) -> io::Result<bool> {
    Ok(os::stat(to)?.is_none() && memo(source, to)?.is_none())
}

/// Moves a memo file to where its table goes; its ending is its own.
fn rename(memo: &Path, table: &Path) -> io::Result<()> {
    let ending = memo.extension().unwrap_or_default();
    os::rename(memo, &table.with_extension(ending))
}
