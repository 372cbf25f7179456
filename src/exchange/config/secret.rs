//! Secrets: only ever references in a configuration, and values that do not print.

use std::fmt;
use std::path::{Path, PathBuf};

/// Where a secret lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretRef {
    /// `file:PATH`, relative to the configuration's folder.
    File(PathBuf),
    /// `env:NAME`.
    Env(String),
}

impl SecretRef {
    /// Reads a reference; none if the text is not one (so it may be the secret itself: never
    /// repeat it in a message).
    pub fn parse(text: &str, base: &Path) -> Option<Self> {
        let filled = |rest: &str| !rest.trim().is_empty();
        if let Some(path) = text.strip_prefix("file:").filter(|p| filled(p)) {
            return Some(Self::File(base.join(path)));
        }
        let name = text.strip_prefix("env:").filter(|n| filled(n))?;
        let legal = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        legal.then(|| Self::Env(name.to_owned()))
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Env(name) => write!(f, "env:{name}"),
        }
    }
}

/// A secret's value. `Debug` prints `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value that was read from where its reference says.
    pub const fn new(value: String) -> Self {
        Self(value)
    }

    /// The value itself; for the one call that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The value without the line's end that editors leave behind it.
    pub fn line(&self) -> &str {
        self.0.trim_end_matches(['\r', '\n'])
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print() {
        let secret = Secret::new("hunter2".into());
        assert_eq!(format!("{secret:?}"), "***");
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn only_references_are_read() {
        let base = Path::new("/etc/tiergate");
        assert_eq!(
            SecretRef::parse("file:keys/a.key", base),
            Some(SecretRef::File("/etc/tiergate/keys/a.key".into()))
        );
        assert_eq!(SecretRef::parse("env:KEY_A", base), Some(SecretRef::Env("KEY_A".into())));
        for literal in ["-----BEGIN PRIVATE KEY-----", "file:", "env:", "env:A B", "keys/a.key"] {
            assert_eq!(SecretRef::parse(literal, base), None);
        }
    }
}
