//! A tree of files with their bytes: ours, or a small one made up to break a rule.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// A rule broken in one place.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Finding {
    path: String,
    line: usize,
    says: String,
}

impl Finding {
    /// In this line (counted from 1) of this file.
    pub(super) fn at(path: &str, line: usize, says: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, says: says.into() }
    }

    /// Of the file or folder as a whole.
    pub(super) fn of(path: &str, says: impl Into<String>) -> Self {
        Self::at(path, 1, says)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.says)
    }
}

/// Files by their path from the root, `/` between parts.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    files: BTreeMap<String, Vec<u8>>,
}

impl Tree {
    /// The project's own: what git tracks or would track; without git, what is there.
    pub(super) fn ours() -> Self {
        static OURS: LazyLock<Tree> = LazyLock::new(|| {
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
            let names = tracked(&root).unwrap_or_else(|| found(&root));
            assert!(names.len() > 10, "found {} files below {}", names.len(), root.display());
            let read = |name: String| Some((name.clone(), std::fs::read(root.join(name)).ok()?));
            Tree { files: names.into_iter().filter_map(read).collect() }
        });
        OURS.clone()
    }

    /// A made-up one.
    pub(super) fn with(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| ((*path).to_owned(), text.as_bytes().to_vec());
        Self { files: files.iter().map(file).collect() }
    }

    /// Every file with its bytes.
    pub(super) fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice()))
    }

    /// Every file that is UTF-8, with its text.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files().filter_map(|(path, bytes)| Some((path, std::str::from_utf8(bytes).ok()?)))
    }

    /// Every Rust file with its text.
    pub(super) fn rust(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts().filter(|(path, _)| path.ends_with(".rs"))
    }

    /// The text of one file; empty where it is not there.
    pub(super) fn text(&self, path: &str) -> &str {
        self.files.get(path).and_then(|b| std::str::from_utf8(b).ok()).unwrap_or("")
    }

    /// Is this a file, or a folder with files in it?
    pub(super) fn has(&self, path: &str) -> bool {
        let folder = format!("{}/", path.trim_end_matches('/'));
        path.is_empty()
            || self.files.contains_key(path)
            || self.files.keys().any(|name| name.starts_with(&folder))
    }

    /// The folders directly in this one.
    pub(super) fn folders(&self, parent: &str) -> BTreeSet<&str> {
        let prefix = format!("{parent}/");
        let first = |name: &'_ str| name.strip_prefix(&prefix)?.find('/');
        let keys = self.files.keys();
        keys.filter_map(|name| Some(&name[prefix.len()..prefix.len() + first(name)?])).collect()
    }

    /// The line (from 1) in which `path` first has `needle`; 1 where it has not.
    pub(super) fn line_of(&self, path: &str, needle: &str) -> usize {
        self.text(path).lines().position(|line| line.contains(needle)).map_or(1, |i| i + 1)
    }
}

/// What git tracks or would track; none where this is no git work tree.
fn tracked(root: &Path) -> Option<Vec<String>> {
    let list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let out = Command::new("git").arg("-C").arg(root).args(list).output().ok()?;
    let names = String::from_utf8(out.stdout).ok()?;
    let names: Vec<String> = names.split('\0').filter(|n| !n.is_empty()).map(Into::into).collect();
    (out.status.success() && !names.is_empty()).then_some(names)
}

/// Every file below the root, build products excepted.
fn found(root: &Path) -> Vec<String> {
    let mut names = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root.join(&folder)).expect("a folder of the tree") {
            let entry = entry.expect("an entry of the tree");
            let path = folder.join(entry.file_name());
            let name = path.to_str().expect("names in the tree are UTF-8").replace('\\', "/");
            match entry.file_type().expect("every entry has a type").is_dir() {
                true if [".git", "target"].contains(&name.as_str()) => {}
                true => folders.push(path),
                false => names.push(name),
            }
        }
    }
    names
}

#[test]
fn both_ways_of_listing_see_this_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    assert!(found(&root).contains(&"tests/suite/tidy/tree.rs".to_owned()));
    assert!(Tree::ours().has("tests/suite/tidy/tree.rs"));
}

#[test]
fn folders_are_those_directly_inside() {
    let tree = Tree::with(&[("src/a/lib.rs", ""), ("src/b/c/d.rs", ""), ("src/e.rs", "")]);
    assert_eq!(tree.folders("src"), BTreeSet::from(["a", "b"]));
    assert!(tree.has("src/b/c") && tree.has("src/b/") && !tree.has("src/b/d"));
}
