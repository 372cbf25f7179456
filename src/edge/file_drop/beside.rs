//! What lies beside a DBF table: its memo file, of the same name. Both are one delivery: they settle,
//! are read, are known by their content and are moved together.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use adapt::form::MEMOS;
use adapt::{FileSource, Form};
use canon::DigestAlg;

use super::file;
use crate::os::{self, Stat};

/// Whether a file of this name is a memo file of the source's tables.
pub(super) fn is_memo(source: &FileSource, name: &str) -> bool {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    let memo = ending.is_some_and(|e| MEMOS.iter().any(|m| m.eq_ignore_ascii_case(e)));
    memo && matches!(source.form, Form::Dbf(_))
}

/// The memo file beside a table.
pub(super) fn memo(source: &FileSource, table: &Path) -> io::Result<Option<PathBuf>> {
    if !matches!(source.form, Form::Dbf(_)) {
        return Ok(None);
    }
    for ending in MEMOS {
        for ending in [ending.to_owned(), ending.to_ascii_uppercase()] {
            let path = table.with_extension(ending);
            if os::stat(&path)?.is_some() {
                return Ok(Some(path));
            }
        }
    }
    Ok(None)
}

/// How a file looks, with what lies beside it.
pub(super) fn stat(source: &FileSource, path: &Path) -> io::Result<Option<Stat>> {
    let Some(own) = os::stat(path)? else { return Ok(None) };
    let memo = match memo(source, path)? {
        Some(memo) => os::stat(&memo)?,
        None => None,
    };
    let both = |m: Stat| Stat { size: own.size + m.size, mtime: own.mtime.max(m.mtime) };
    Ok(Some(memo.map_or(own, both)))
}

/// What a file's content is known by: its memo file's too, where a text alone may have changed.
pub(super) fn digest(source: &FileSource, path: &Path) -> io::Result<String> {
    let alg = DigestAlg::default();
    let own = file::content_digest(alg, &mut File::open(path)?)?;
    match memo(source, path)? {
        None => Ok(own),
        Some(memo) => {
            let memo = file::content_digest(alg, &mut File::open(memo)?)?;
            Ok(alg.of(&[own.as_bytes(), memo.as_bytes()]).to_string())
        }
    }
}

/// Moves a file, and behind it what lies beside it: under the file's new name.
pub(super) fn rename(source: &FileSource, from: &Path, to: &Path) -> io::Result<()> {
    let memo = memo(source, from)?;
    if os::stat(from)?.is_some() {
        os::rename(from, to)?;
    }
    match memo {
        Some(memo) => {
            let ending = memo.extension().unwrap_or_default().to_owned();
            os::rename(&memo, &to.with_extension(ending))
        }
        None => Ok(()),
    }
}
