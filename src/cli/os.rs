//! The operating-system calls of the cli: clock, environment, permissions, signals.
//!
//! They stand in one place so that a Windows half can be added.

use std::collections::BTreeMap;
use std::fs::{Metadata, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use canon::Millis;

use crate::text::Failure;

/// Now. The one clock of the program.
pub(crate) fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Millis(since.map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX)))
}

/// The environment; variables that are not UTF-8 are left out.
pub(crate) fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// Whether others than the owner may read a file.
#[cfg(unix)]
pub(crate) fn open_to_others(meta: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    meta.is_file() && meta.permissions().mode() & 0o077 != 0
}

/// Whether others than the owner may read a file; not asked here.
#[cfg(not(unix))]
pub(crate) fn open_to_others(_meta: &Metadata) -> bool {
    false
}

/// Writes a new file that only its owner may read; refuses to touch one that is there.
pub(crate) fn write_secret(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    put(&mut options.open(path)?, text)
}

/// Writes a new file; refuses to touch one that is there.
pub(crate) fn write_new(path: &Path, text: &str) -> io::Result<()> {
    put(&mut OpenOptions::new().write(true).create_new(true).open(path)?, text)
}

fn put(file: &mut std::fs::File, text: &str) -> io::Result<()> {
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Runs a future to its end on this thread, timers and I/O included.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| {
        let en = format!("the system gives no event loop: {e}");
        Failure::environment(en, format!("无法启动事件循环：{e}"))
    })?;
    Ok(runtime.block_on(future))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_for_its_owner_and_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        write_secret(&path, "a").unwrap();
        assert!(!open_to_others(&std::fs::metadata(&path).unwrap()));
        assert_eq!(write_secret(&path, "b").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a");
    }
}
