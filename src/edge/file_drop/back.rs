//! Files that were processed in a time that a restore took away come back into the folder.

use std::collections::BTreeSet;
use std::path::Path;

use canon::Millis;

use super::finish::INDEX;
use super::{Settings, beside};
use crate::error::SourceError;
use crate::os;

/// Moves processed files whose last change is not before `since` back into the folder and forgets
/// that their contents were read; returns how many. Rows that are known already are no news when
/// they are read again. An adapter at work
/// on the folder is refused.
pub fn take_back(settings: &Settings, since: Millis) -> Result<u64, SourceError> {
    let done = settings.folder.join(&settings.source.done);
    let io = |what: &'static str, path: &Path, e: &std::io::Error| {
        SourceError::io(&settings.adapter, what, path, e)
    };
    if !done.is_dir() {
        return Ok(0);
    }
    let _lock = settings.lock()?.ok_or_else(|| SourceError::FolderHeld {
        adapter: settings.adapter.clone(),
        place: settings.folder.display().to_string(),
    })?;
    let mut digests = BTreeSet::new();
    let mut back = Vec::new();
    for name in os::files(&done).map_err(|e| io("list", &done, &e))? {
        let path = done.join(&name);
        let stat = beside::stat(&settings.source, &path).map_err(|e| io("look at", &path, &e))?;
        // The index, the lock and the like; and what goes with its table.
        let other = name.starts_with('.') || beside::is_memo(&settings.source, &name);
        if other || stat.is_none_or(|s| ((s.mtime / 1_000_000) as i64) < since.0) {
            continue;
        }
        let digest = beside::digest(&settings.source, &path);
        digests.insert(digest.map_err(|e| io("read", &path, &e))?);
        back.push(name);
    }
    if back.is_empty() {
        return Ok(0);
    }
    forget(&done.join(INDEX), &digests).map_err(|e| io("write", &done.join(INDEX), &e))?;
    let mut moved = 0;
    for name in back {
        let (from, to) = (done.join(&name), settings.folder.join(&name));
        let free = free(settings, &from, &to).map_err(|e| io("look at", &to, &e))?;
        if free {
            beside::take_out(&settings.source, &from, &to).map_err(|e| io("move", &from, &e))?;
            moved += 1;
        }
    }
    Ok(moved)
}

/// Whether nothing of that name lies in the folder but a memo file that came back without its table,
/// in a run that broke off.
fn free(settings: &Settings, from: &Path, to: &Path) -> std::io::Result<bool> {
    let came_first = beside::memo(&settings.source, from)?.is_none();
    Ok(os::stat(to)?.is_none() && (came_first || beside::is_free(&settings.source, to)?))
}

/// Takes contents out of the index of what was read.
fn forget(index: &Path, digests: &BTreeSet<String>) -> std::io::Result<()> {
    let text = match std::fs::read(index) {
        Ok(raw) => String::from_utf8_lossy(&raw).into_owned(),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e),
    };
    let known = |line: &&str| {
        let first = line.split_whitespace().next();
        first.is_some_and(|digest| !digests.contains(digest))
    };
    let kept: Vec<&str> = text.lines().filter(known).collect();
    os::write_whole(index, format!("{}\n", kept.join("\n")).as_bytes())
}
