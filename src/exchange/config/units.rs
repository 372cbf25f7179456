//! Amounts as people write them: `"30 min"`, `"16 MiB"`, `500`.

use std::fmt::Write as _;

use serde::Serialize;

/// One second in milliseconds.
pub(crate) const SECOND: u64 = 1_000;
/// One minute in milliseconds.
pub(crate) const MINUTE: u64 = 60 * SECOND;
/// One hour in milliseconds.
pub(crate) const HOUR: u64 = 60 * MINUTE;
/// One day in milliseconds.
pub(crate) const DAY: u64 = 24 * HOUR;
/// One KiB in bytes.
pub(crate) const KIB: u64 = 1 << 10;
/// One MiB in bytes.
pub(crate) const MIB: u64 = 1 << 20;
/// One GiB in bytes.
pub(crate) const GIB: u64 = 1 << 30;

/// What an amount counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A duration, kept in milliseconds.
    Duration,
    /// Bytes.
    Bytes,
    /// A plain number.
    Count,
    /// Records a second.
    RecordsPerSecond,
    /// Bytes a second.
    BytesPerSecond,
}

const DURATIONS: &[(&str, u64)] =
    &[("d", DAY), ("h", HOUR), ("min", MINUTE), ("s", SECOND), ("ms", 1)];
const BYTES: &[(&str, u64)] = &[("GiB", GIB), ("MiB", MIB), ("KiB", KIB), ("B", 1)];

impl Unit {
    /// The words after the number, largest first; empty for plain numbers.
    const fn words(self) -> &'static [(&'static str, u64)] {
        match self {
            Self::Duration => DURATIONS,
            Self::Bytes | Self::BytesPerSecond => BYTES,
            Self::Count | Self::RecordsPerSecond => &[],
        }
    }

    /// How it is named in the table of limits.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Duration => "duration",
            Self::Bytes => "bytes",
            Self::Count => "count",
            Self::RecordsPerSecond => "records/s",
            Self::BytesPerSecond => "bytes/s",
        }
    }

    /// An example of how it is written.
    pub const fn example(self) -> &'static str {
        match self {
            Self::Duration => "\"30 min\" (ms, s, min, h, d)",
            Self::Bytes | Self::BytesPerSecond => "\"16 MiB\" (B, KiB, MiB, GiB)",
            Self::Count | Self::RecordsPerSecond => "500",
        }
    }

    /// Reads an amount; none if it is not of this form or too large.
    pub fn parse(self, text: &str) -> Option<u64> {
        let text = text.trim();
        let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, word) = text.split_at(split);
        let number: u64 = number.parse().ok()?;
        let word = word.trim_start();
        match self.words() {
            [] => word.is_empty().then_some(number),
            words => {
                let (_, factor) = words.iter().find(|(w, _)| *w == word)?;
                number.checked_mul(*factor)
            }
        }
    }

    /// Writes an amount with the largest word that leaves a whole number.
    pub fn show(self, amount: u64) -> String {
        let mut out = String::new();
        let fits = |(_, factor): &&(&str, u64)| amount >= *factor && amount.is_multiple_of(*factor);
        let shown = match self.words().iter().find(fits) {
            Some((word, factor)) => write!(out, "{} {word}", amount / factor),
            None => match self.words().last() {
                Some((word, _)) => write!(out, "{amount} {word}"),
                None => write!(out, "{amount}"),
            },
        };
        shown.expect("a String takes all text");
        out
    }
}

/// One limit as documented.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// Key in `[limits]`.
    pub name: &'static str,
    /// What it counts; durations are kept in milliseconds.
    pub unit: Unit,
    /// Value when the file says nothing.
    pub default: u64,
    /// Smallest legal value.
    pub min: u64,
    /// Largest legal value.
    pub max: u64,
    /// English.
    pub en: &'static str,
    /// Chinese.
    pub zh: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_back_as_they_are_written() {
        for (unit, text, amount) in [
            (Unit::Duration, "30 min", 30 * MINUTE),
            (Unit::Duration, "1500 ms", 1_500),
            (Unit::Duration, "7 d", 7 * DAY),
            (Unit::Bytes, "16 MiB", 16 * MIB),
            (Unit::BytesPerSecond, "1 GiB", GIB),
            (Unit::Count, "500", 500),
        ] {
            assert_eq!(unit.parse(text), Some(amount), "{text}");
            assert_eq!(unit.show(amount), text);
        }
        assert_eq!(Unit::Duration.parse("30min"), Some(30 * MINUTE));
    }

    #[test]
    fn other_forms_are_refused() {
        for text in ["", "30", "min", "-3 s", "3 S", "3 sec", "1.5 h", "99999999999999999999 s"] {
            assert_eq!(Unit::Duration.parse(text), None, "{text}");
        }
        assert_eq!(Unit::Duration.parse("18446744073709551615 d"), None);
        assert_eq!(Unit::Count.parse("5 MiB"), None);
    }
}
