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

/// Writes a file in place of the one that is there: whole, or not at all.
pub(crate) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let part = path.with_extension("part");
    put(&mut std::fs::File::create(&part)?, text)?;
    std::fs::rename(&part, path)
}

fn put(file: &mut std::fs::File, text: &str) -> io::Result<()> {
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// What makes both allocators (ours, and the system's under SQLite) give memory back: read by them
/// before `main`, so that a process can only set it for the one it becomes.
#[cfg(target_os = "linux")]
const FRUGAL: [(&str, &str); 3] =
    [("MIMALLOC_PURGE_DELAY", "0"), ("MIMALLOC_ALLOW_THP", "0"), ("MALLOC_ARENA_MAX", "2")];

/// Begins this process anew with allocators that give memory back, unless the environment says
/// something of its own (measured at 200 000 cases: 210 MB against 360 MB, at the same pace). Where
/// that is not possible, it goes on as it is.
#[cfg(target_os = "linux")]
pub(crate) fn be_frugal() {
    use std::os::unix::process::CommandExt as _;
    let said = FRUGAL.iter().any(|(name, _)| std::env::var_os(name).is_some());
    let (false, Ok(program)) = (said, std::env::current_exe()) else { return };
    let mut args = std::env::args_os();
    let mut again = std::process::Command::new(program);
    if let Some(name) = args.next() {
        again.arg0(name);
    }
    // Comes back only if it failed.
    let failed: io::Error = again.args(args).envs(FRUGAL).exec();
    drop(failed);
}

/// Begins this process anew with frugal allocators; not needed here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn be_frugal() {}

/// This program itself, also where its file was replaced while it runs.
pub(crate) fn own_program() -> std::path::PathBuf {
    if cfg!(target_os = "linux") {
        return "/proc/self/exe".into();
    }
    std::env::current_exe().unwrap_or_else(|_| "tiergate".into())
}

/// Resolves at Ctrl-C, or when the service is asked to stop.
pub(crate) async fn interrupted() -> io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut asked = signal(SignalKind::terminate())?;
        tokio::select! {
            pressed = tokio::signal::ctrl_c() => pressed,
            _ = asked.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

/// What this machine is called, as far as a name can be made of it.
pub(crate) fn host() -> String {
    let said = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = said.trim().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-');
    let name: String = name.take(40).collect();
    if name.is_empty() { "host".to_owned() } else { name }
}

/// Where temporary files go.
pub(crate) fn temporary() -> std::path::PathBuf {
    std::env::temp_dir()
}

/// CPU seconds of this process so far; 0 where the system does not tell.
pub(crate) fn cpu_seconds() -> f64 {
    // Fields 14 and 15 of /proc/self/stat, in hundredths of a second on Linux.
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = after.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

/// CPU seconds of the whole machine since its start; 0 where the system does not tell.
pub(crate) fn machine_cpu_seconds() -> f64 {
    // `cpu user nice system idle iowait irq softirq …`, in hundredths of a second on Linux.
    let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = stat.lines().next().unwrap_or_default();
    let busy = line.split_whitespace().skip(1).enumerate().filter(|(at, _)| {
        let (idle, iowait, beyond) = (*at == 3, *at == 4, *at > 6);
        !idle && !iowait && !beyond
    });
    busy.filter_map(|(_, n)| n.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Largest resident memory of this process so far, MB; 0 where the system does not tell.
pub(crate) fn peak_rss_mb() -> f64 {
    memory_mb("VmHWM:")
}

/// Resident memory of this process now, MB; 0 where the system does not tell.
pub(crate) fn rss_mb() -> f64 {
    memory_mb("VmRSS:")
}

/// Lets the peak begin anew, where the system can.
pub(crate) fn forget_peak_rss() {
    // Where it cannot, the peak is that of the whole process: too high, never too low.
    drop(std::fs::write("/proc/self/clear_refs", "5"));
}

fn memory_mb(name: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix(name));
    let kb = line.and_then(|l| l.split_whitespace().next()).and_then(|n| n.parse::<f64>().ok());
    kb.unwrap_or_default() / 1024.0
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
