//! Lists the files of `adapters/`, for `packages.rs`: a new folder is in the program by itself.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let from_env = |name| env::var_os(name).map(PathBuf::from).ok_or(io::ErrorKind::NotFound);
    let root = fs::canonicalize(from_env("CARGO_MANIFEST_DIR")?.join("../../adapters"))?;
    println!("cargo::rerun-if-changed=build.rs");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        // A folder is named too: cargo sees by it that a file has come or gone.
        println!("cargo::rerun-if-changed={}", folder.display());
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with('.') {
                continue;
            }
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else {
                found.push((name_below(&root, &entry.path())?, entry.path()));
            }
        }
    }
    found.sort();
    let mut list = String::from("&[\n");
    for (name, path) in found {
        let path = path.display().to_string();
        writeln!(list, "    ({name:?}, include_bytes!({path:?})),").map_err(io::Error::other)?;
    }
    list.push_str("]\n");
    fs::write(from_env("OUT_DIR")?.join("packed.rs"), list)
}

/// The path below the root, with `/` on every system.
fn name_below(root: &Path, path: &Path) -> io::Result<String> {
    let below = path.strip_prefix(root).map_err(io::Error::other)?;
    let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    Ok(parts.join("/"))
}
