//! Times as web services write them.

use canon::Millis;

use crate::moment::Moment;

/// Beijing is so far ahead of UTC, ms.
const BEIJING_MS: i64 = 8 * 3_600_000;

/// How a service writes times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Times {
    /// `2026-11-21 12:00:00`, Beijing.
    #[default]
    Text,
    /// `2026-11-21T12:00:00+08:00`.
    Iso,
    /// `20261121120000`, Beijing.
    Compact,
    /// `2026-11-21`.
    Date,
    /// Seconds since 1970.
    Unix,
    /// Milliseconds since 1970.
    UnixMs,
}

impl Times {
    /// A time as the service writes it.
    pub fn write(self, at: Millis) -> String {
        let text = at.to_string();
        match self {
            Self::Text => text,
            Self::Iso => format!("{}+08:00", text.replacen(' ', "T", 1)),
            Self::Compact => text.chars().filter(char::is_ascii_digit).collect(),
            Self::Date => text.split(' ').next().unwrap_or_default().to_owned(),
            Self::Unix => at.0.div_euclid(1000).to_string(),
            Self::UnixMs => at.0.to_string(),
        }
    }

    /// A time of the service, to the second (milliseconds where it counts them); none if it is none.
    pub fn read(self, text: &str) -> Option<Millis> {
        let text = text.trim();
        match self {
            Self::Unix => text.parse::<i64>().ok()?.checked_mul(1000).map(Millis),
            Self::UnixMs => text.parse().ok().map(Millis),
            Self::Iso => {
                let at = Millis::parse(&text.get(..19)?.replacen('T', " ", 1))?;
                Some(at.plus(BEIJING_MS - offset(text.get(19..)?)?))
            }
            Self::Text | Self::Compact | Self::Date => {
                let mut plain = String::new();
                Moment::read(text)?.write(&mut plain);
                if plain.len() == 10 {
                    plain.push_str(" 00:00:00");
                }
                Millis::parse(&plain)
            }
        }
    }
}

/// What follows a time: fractions and an offset; without one it is Beijing's, ms.
fn offset(text: &str) -> Option<i64> {
    let text = text.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    if matches!(text, "Z" | "z") {
        return Some(0);
    }
    if text.is_empty() {
        return Some(BEIJING_MS);
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let digits: String = rest.chars().filter(|c| *c != ':').collect();
    let (hours, minutes) = digits.split_at_checked(2)?;
    let hours: i64 = hours.parse().ok()?;
    let minutes: i64 = if minutes.is_empty() { 0 } else { minutes.parse().ok()? };
    Some(sign * (hours * 60 + minutes) * 60_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_back_as_they_are_written() {
        let at = Millis::parse("2026-11-21 12:00:01").unwrap();
        for times in [Times::Text, Times::Iso, Times::Compact, Times::Unix, Times::UnixMs] {
            assert_eq!(times.read(&times.write(at)), Some(at), "{times:?}");
        }
        assert_eq!(Times::Date.write(at), "2026-11-21");
        assert_eq!(Times::Date.read("2026-11-21"), Millis::parse("2026-11-21 00:00:00"));
        for text in [
            "2026-11-21T04:00:01Z",
            "2026-11-21T04:00:01.123Z",
            "2026-11-20T23:00:01-05:00",
            "2026-11-21T12:00:01+0800",
            "2026-11-21T12:00:01",
        ] {
            assert_eq!(Times::Iso.read(text), Some(at), "{text}");
        }
        for text in ["", "yesterday", "2026-13-01T00:00:00Z", "2026-11-21T12:00:01 CST"] {
            assert_eq!(Times::Iso.read(text), None, "{text}");
        }
        assert_eq!(Times::Text.read("2026/11/21 12:00:01"), Some(at));
    }
}
