//! Where the services of the tests are.

use std::path::PathBuf;

use super::common::repository;

/// Where a service of the tests is.
pub(crate) fn service(name: &str) -> String {
    if let Ok(value) = std::env::var(name) {
        return value;
    }
    let named = std::env::var_os("TIERGATE_SERVICES").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| repository().join("target/services"));
    let text = std::fs::read_to_string(folder.join("env")).unwrap_or_default();
    let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    found.unwrap_or_else(|| panic!("{name} is not known; start the services: make services")).into()
}
