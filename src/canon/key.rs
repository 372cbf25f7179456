//! Record ids: type, key, version. A key is natural (the case number first), never hashed.

use std::fmt;
use std::sync::Arc;

/// The key of a record within its type: the case (or item) number, the namespace it belongs to,
/// and the further number parts that the format names.
///
/// Records of one case share [`Key::root`], so that they lie beside one another in every store.
/// Written `number@namespace` or `number@namespace/part/part`; `@`, `/`, `%` and U+0000 inside a part
/// are percent-escaped.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// `number@namespace`.
    root: Arc<str>,
    /// `part/part`, empty for one record a case.
    part: Arc<str>,
}

impl Key {
    /// A key from its parts: `parts[0]` is the case or item number.
    pub fn new(namespace: &str, parts: &[&str]) -> Self {
        let (first, rest) = parts.split_first().map_or(("", &[][..]), |(f, r)| (*f, r));
        let mut root = String::with_capacity(first.len() + namespace.len() + 1);
        escape(first, &mut root);
        root.push('@');
        escape(namespace, &mut root);
        let mut part = String::new();
        for (i, p) in rest.iter().enumerate() {
            if i > 0 {
                part.push('/');
            }
            escape(p, &mut part);
        }
        Self { root: root.into(), part: part.into() }
    }

    /// A key from its two stored columns.
    pub fn from_columns(root: impl Into<Arc<str>>, part: impl Into<Arc<str>>) -> Self {
        Self { root: root.into(), part: part.into() }
    }

    /// Reads the written form; none if there is no namespace in it, or what no key is written with.
    pub fn parse(text: &str) -> Option<Self> {
        let (root, part) = text.split_once('/').unwrap_or((text, ""));
        (root.contains('@') && !text.contains('\0')).then(|| Self::from_columns(root, part))
    }

    /// The case: `number@namespace`, shared by all its records.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// What tells the record apart within its case and type; often empty.
    pub fn part(&self) -> &str {
        &self.part
    }

    /// The case or item number as the source writes it.
    pub fn number(&self) -> String {
        unescape(self.root.split_once('@').map_or(&*self.root, |(n, _)| n))
    }

    /// The unit or namespace the number belongs to.
    pub fn namespace(&self) -> String {
        unescape(self.root.split_once('@').map_or("", |(_, ns)| ns))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.root)?;
        if !self.part.is_empty() {
            write!(f, "/{}", self.part)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Record id: (type, key, version). The type is the wire name of the fragment's root element.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId {
    /// Wire name of the record type, such as `SL`.
    pub kind: Arc<str>,
    /// Key within the type.
    pub key: Key,
    /// Version, from 1; gaps are legal, reuse is not.
    pub version: u32,
}

impl RecordId {
    /// Reads the written form.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        let (key, version) = rest.rsplit_once('#')?;
        Some(Self { kind: kind.into(), key: Key::parse(key)?, version: version.parse().ok()? })
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}#{}", self.kind, self.key, self.version)
    }
}

fn escape(part: &str, out: &mut String) {
    for c in part.chars() {
        match c {
            '%' => out.push_str("%25"),
            '/' => out.push_str("%2F"),
            '@' => out.push_str("%40"),
            // No database keeps it in a text, and no fragment carries it.
            '\0' => out.push_str("%00"),
            c => out.push(c),
        }
    }
}

fn unescape(part: &str) -> String {
    part.replace("%00", "\0").replace("%40", "@").replace("%2F", "/").replace("%25", "%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_whatever_its_parts_hold() {
        let key = Key::new("ns@x", &["A/1%2F@", "3", "x/y"]);
        assert_eq!(Key::parse(&key.to_string()), Some(key.clone()));
        assert_eq!(key.number(), "A/1%2F@");
        assert_eq!(key.namespace(), "ns@x");
        assert_eq!(key.part(), "3/x%2Fy");
    }

    #[test]
    fn a_nul_is_written_so_that_every_store_keeps_it() {
        let key = Key::new("n\0", &["A\0", "%00"]);
        assert_eq!(key.to_string(), "A%00@n%00/%2500");
        assert_eq!((key.number(), key.namespace()), ("A\0".to_owned(), "n\0".to_owned()));
        assert_eq!(Key::parse("A\0@n"), None);
    }
}
