//! Reading files with a limit, and what stands at a path.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use exchange::config::{FileFacts, Files};

use crate::os;
use crate::text::Failure;

/// Largest configuration, key or certificate file, bytes.
pub(crate) const CONFIG_BYTES_MAX: u64 = 1 << 20;
/// Largest file of a format or an adapter package, bytes.
pub(crate) const PACKAGE_FILE_BYTES_MAX: u64 = 16 << 20;
/// Most files of a format or an adapter package.
pub(crate) const PACKAGE_FILES_MAX: usize = 1_000;
/// What is read of a source file for a preview or a new package, bytes.
pub(crate) const HEAD_BYTES_MAX: u64 = 4 << 20;
/// Deepest folder of a format or an adapter package.
pub(crate) const PACKAGE_DEPTH_MAX: usize = 4;

/// The file system, for checking configurations.
#[derive(Debug)]
pub(crate) struct Disk;

impl Files for Disk {
    fn facts(&self, path: &Path) -> Option<FileFacts> {
        let meta = std::fs::metadata(path).ok()?;
        Some(FileFacts { folder: meta.is_dir(), open: os::open_to_others(&meta) })
    }
}

/// The bytes of a file of at most `max` bytes.
pub(crate) fn bytes(path: &Path, max: u64) -> Result<Vec<u8>, Failure> {
    let failed = |error: io::Error| cannot(path, &error);
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    // One byte more than allowed tells a file of the largest size from one that is larger.
    file.take(max.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > max {
        let path = path.display();
        return Err(Failure::environment(
            format!("{path} is larger than {max} bytes; it is not what is asked for here"),
            format!("{path} 超过 {max} 字节，不是这里所需的文件"),
        ));
    }
    Ok(bytes)
}

/// A file to read, buffered.
pub(crate) fn open(path: &Path) -> Result<BufReader<File>, Failure> {
    let file = File::open(path).map_err(|e| cannot(path, &e))?;
    Ok(BufReader::with_capacity(64 << 10, file))
}

/// Where the memo file beside a DBF table lies, if there is one.
pub(crate) fn memo(table: &Path) -> Option<PathBuf> {
    let is_table = table.extension().is_some_and(|e| e.eq_ignore_ascii_case("dbf"));
    let paths = if is_table { adapt::form::memo_paths(table) } else { Vec::new() };
    paths.into_iter().find(|path| path.is_file())
}

/// The beginning of a file: whole lines, at most [`HEAD_BYTES_MAX`].
pub(crate) fn head(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error: io::Error| cannot(path, &error);
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(HEAD_BYTES_MAX).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 == HEAD_BYTES_MAX
        && let Some(end) = bytes.iter().rposition(|b| *b == b'\n')
    {
        bytes.truncate(end + 1);
    }
    Ok(bytes)
}

/// The text of a file of at most `max` bytes.
pub(crate) fn text(path: &Path, max: u64) -> Result<String, Failure> {
    String::from_utf8(bytes(path, max)?).map_err(|error| {
        let (path, at) = (path.display(), error.utf8_error().valid_up_to());
        Failure::environment(
            format!("{path} is not UTF-8 at byte {at}; save it as UTF-8"),
            format!("{path} 第 {at} 字节处不是 UTF-8，请另存为 UTF-8"),
        )
    })
}

/// Why a path cannot be read.
pub(crate) fn cannot(path: &Path, error: &io::Error) -> Failure {
    let path = path.display();
    let (en, zh) = match error.kind() {
        io::ErrorKind::NotFound => {
            ("there is no such file; check the path", "没有这个文件，请核对路径")
        }
        io::ErrorKind::PermissionDenied => ("may not be read by this user", "当前用户无权读取"),
        io::ErrorKind::IsADirectory => ("is a folder, not a file", "是目录，不是文件"),
        _ => {
            return Failure::environment(format!("{path}: {error}"), format!("{path}：{error}"));
        }
    };
    Failure::environment(format!("{path}: {en}"), format!("{path}：{zh}"))
}

/// The files below a folder by their path in it (`tables/units.csv`), within the limits of a package.
pub(crate) fn folder(dir: &Path) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let mut found = BTreeMap::new();
    let mut todo: Vec<(PathBuf, String, usize)> = vec![(dir.to_path_buf(), String::new(), 0)];
    while let Some((at, prefix, depth)) = todo.pop() {
        let entries = std::fs::read_dir(&at).map_err(|e| cannot(&at, &e))?;
        for entry in entries {
            let entry = entry.map_err(|e| cannot(&at, &e))?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if name.starts_with('.') {
                continue;
            }
            let kind = entry.file_type().map_err(|e| cannot(&entry.path(), &e))?;
            let name = format!("{prefix}{name}");
            if kind.is_dir() && depth < PACKAGE_DEPTH_MAX {
                todo.push((entry.path(), format!("{name}/"), depth + 1));
            } else if kind.is_file() {
                found.insert(name, bytes(&entry.path(), PACKAGE_FILE_BYTES_MAX)?);
            }
            if found.len() > PACKAGE_FILES_MAX {
                let (dir, max) = (dir.display(), PACKAGE_FILES_MAX);
                return Err(Failure::environment(
                    format!("{dir} holds more than {max} files; name the folder of one package"),
                    format!("{dir} 中文件超过 {max} 个，请指明一个包的目录"),
                ));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_over_the_limit_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, b"12345").unwrap();
        assert_eq!(bytes(&path, 5).unwrap(), b"12345");
        let failure = bytes(&path, 4).unwrap_err();
        assert!(failure.en.contains("larger than 4 bytes"), "{failure:?}");
        assert!(text(&dir.path().join("b"), 5).unwrap_err().en.contains("no such file"));
        std::fs::write(&path, b"ab\xff").unwrap();
        assert!(text(&path, 5).unwrap_err().en.contains("not UTF-8 at byte 2"));
    }

    #[test]
    fn a_folder_is_read_by_relative_names() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("tables")).unwrap();
        std::fs::write(dir.path().join("adapter.toml"), "x").unwrap();
        std::fs::write(dir.path().join("tables/a.csv"), "y").unwrap();
        std::fs::write(dir.path().join(".hidden"), "z").unwrap();
        let names: Vec<_> = folder(dir.path()).unwrap().into_keys().collect();
        assert_eq!(names, ["adapter.toml", "tables/a.csv"]);
    }
}
