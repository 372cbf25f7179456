//! A cursor over a fragment's bytes that accepts exactly what the renderer writes.

use std::sync::Arc;

use crate::violation::{Severity, Violation};

/// Longest wire name, bytes.
pub(crate) const NAME_BYTES_MAX: usize = 64;

/// Refuses the fragment with a code, at a byte offset.
pub(crate) fn refuse(code: &'static str, record: &str, at: usize, what: &str) -> Violation {
    let entry = crate::codes::code(code);
    let (zh, en) = entry.map_or((code, code), |c| (c.zh, c.en));
    Violation {
        rule: Arc::from(code),
        field: Arc::from(record),
        severity: Severity::Error,
        zh: format!("第 {at} 字节：{zh}（{what}）"),
        en: format!("byte {at}: {en} ({what})"),
    }
}

/// Where the scanner stands.
pub(crate) struct Scan<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) at: usize,
}

impl<'a> Scan<'a> {
    /// The bytes ahead.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or(&[])
    }

    /// Takes `expected` if it stands here.
    pub(crate) fn take(&mut self, expected: &[u8]) -> bool {
        let here = self.rest().starts_with(expected);
        if here {
            self.at += expected.len();
        }
        here
    }

    /// Takes everything before the next `end` byte, and that byte; none if it does not come within
    /// `max` bytes.
    pub(crate) fn until(&mut self, end: u8, max: usize) -> Option<&'a [u8]> {
        let rest = self.rest();
        let len = rest.iter().take(max + 1).position(|b| *b == end)?;
        self.at += len + 1;
        rest.get(..len)
    }

    /// An XML name made of the characters that wire names use.
    pub(crate) fn name(&self) -> &'a [u8] {
        let rest = self.rest();
        let len = rest
            .iter()
            .take(NAME_BYTES_MAX)
            .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
            .count();
        rest.get(..len).unwrap_or(&[])
    }
}
