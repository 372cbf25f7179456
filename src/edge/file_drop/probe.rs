//! What lies in a drop folder, for people: a file that nobody reads is told of, not passed over.

use std::collections::BTreeSet;
use std::fs::Metadata;
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use super::{Settings, beside};
use crate::seen::Seen;

/// Names of files told of.
const NAMES_MAX: usize = 3;

/// Files that lie in the folder itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lies {
    /// Still to be read.
    pub unread: u64,
    /// When the oldest of them was written, milliseconds since 1970.
    pub oldest: Option<i64>,
    /// Not taken by the pattern of names.
    pub others: u64,
    /// Some of those, by name.
    pub names: Vec<String>,
}

/// Looks what lies there; none if there is no such folder or it cannot be read.
pub fn lies(settings: &Settings) -> Option<Lies> {
    let mut lies = Lies::default();
    let mut files: Vec<(String, Metadata)> = Vec::new();
    for entry in std::fs::read_dir(&settings.folder).ok()?.flatten() {
        let Ok(meta) = entry.metadata() else { continue };
        let name = entry.file_name().to_string_lossy().into_owned();
        let own = name.starts_with('.') || name.starts_with("~$");
        if meta.is_file() && !own {
            files.push((name, meta));
        }
    }
    let source = &settings.source;
    let taken = files.iter().filter(|(name, _)| settings.takes(name));
    let memo = |(name, _): &(String, _)| beside::memo(source, &settings.folder.join(name)).ok()?;
    let memos: BTreeSet<PathBuf> = taken.filter_map(memo).map(|(path, _)| path).collect();
    for (name, meta) in &files {
        let is_memo = beside::is_memo(source, name);
        if is_memo && memos.contains(&settings.folder.join(name)) {
            continue;
        }
        // A memo file that lies there alone waits for its table.
        if is_memo || settings.takes(name) {
            lies.unread += 1;
            let written = meta.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok());
            let written = written.and_then(|t| i64::try_from(t.as_millis()).ok());
            lies.oldest = [lies.oldest, written].into_iter().flatten().min();
        } else {
            lies.others += 1;
            if lies.names.len() < NAMES_MAX {
                lies.names.push(name.chars().filter(|c| !c.is_control()).collect());
            }
        }
    }
    lies.names.sort_unstable();
    Some(lies)
}

/// What nobody reads, in words: English and Chinese; none if there is nothing.
pub fn unmatched(settings: &Settings, lies: &Lies) -> Option<(String, String)> {
    let (n, pattern) = (lies.others, &settings.source.files);
    let (folder, names) = (settings.folder.display(), lies.names.join(", "));
    (n > 0).then(|| {
        (
            format!(
                "{n} files in {folder} are not read, their names do not match `{pattern}` ({names}); \
                 have them renamed, or set `files` in [adapter.source]"
            ),
            format!(
                "{folder} 中有 {n} 个文件未被读取，文件名不符合『{pattern}』（{names}）；\
                 请改名，或在 [adapter.source] 中设置 files"
            ),
        )
    })
}

/// The folder as `doctor` sees it. Nothing is written.
pub fn probe(settings: &Settings) -> Vec<Seen> {
    let folder = settings.folder.display();
    let Some(lies) = lies(settings) else {
        return vec![Seen::wrong(
            "source_folder",
            format!(
                "{folder} cannot be read; make the folder, or give this account the right to read it"
            ),
            format!("无法读取目录 {folder}；请创建该目录，或授予运行账户读取权限"),
        )];
    };
    let read_only = std::fs::metadata(&settings.folder).is_ok_and(|m| m.permissions().readonly());
    let mut seen = vec![if read_only {
        Seen::wrong(
            "source_folder",
            format!("{folder} may not be written to; files that are read are moved below it"),
            format!("{folder} 不可写；已读取的文件要移入其下的目录"),
        )
    } else {
        Seen::fine(
            "source_folder",
            format!("{folder}: {} files wait to be read", lies.unread),
            format!("{folder}：{} 个文件待读取", lies.unread),
        )
    }];
    if let Some((en, zh)) = unmatched(settings, &lies) {
        seen.push(Seen::wrong("source_files", en, zh));
    }
    seen
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_that_no_pattern_takes_is_told_of() {
        let dir = tempfile::tempdir().unwrap();
        let mut settings = super::super::tests::settings(dir.path());
        settings.source.files = "jx-*.csv".into();
        assert_eq!(probe(&settings).len(), 1);
        for name in ["jx-1.csv", "绩效.csv", ".jx-2.csv.part", "~$jx.csv"] {
            fs::write(dir.path().join(name), "a").unwrap();
        }
        fs::create_dir(dir.path().join("done")).unwrap();
        let found = lies(&settings).unwrap();
        assert_eq!((found.unread, found.others), (1, 1));
        assert_eq!(found.names, ["绩效.csv"]);
        assert!(found.oldest.is_some());
        let seen = probe(&settings);
        assert_eq!(seen.len(), 2);
        assert!(!seen[1].fine && seen[1].zh.contains("『jx-*.csv』（绩效.csv）"), "{seen:?}");
        settings.folder = dir.path().join("none");
        assert!(!probe(&settings)[0].fine);
    }
}
