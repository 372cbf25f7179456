//! Time as an argument: a count of milliseconds, and the natural day (Beijing) it falls in.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Beijing is UTC+8 all year; the exchange protocol writes every time in it.
const BEIJING_OFFSET_MS: i64 = 8 * 3_600_000;
const DAY_MS: i64 = 86_400_000;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Millis(pub i64);

impl Millis {
    /// The natural day in Beijing.
    pub const fn day(self) -> Day {
        Day((self.0 + BEIJING_OFFSET_MS).div_euclid(DAY_MS) as i32)
    }

    /// This moment later by `ms`.
    #[must_use]
    pub const fn plus(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this moment, never negative.
    pub const fn since(self, earlier: Self) -> i64 {
        let d = self.0.saturating_sub(earlier.0);
        if d < 0 { 0 } else { d }
    }

    /// Reads `YYYY-MM-DD hh:mm:ss` (Beijing time).
    pub fn parse(text: &str) -> Option<Self> {
        let at = jiff::civil::DateTime::strptime("%Y-%m-%d %H:%M:%S", text).ok()?;
        let utc = at.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond();
        Some(Self(utc - BEIJING_OFFSET_MS))
    }
}

impl fmt::Display for Millis {
    /// `YYYY-MM-DD hh:mm:ss`, Beijing time.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let in_day = (self.0 + BEIJING_OFFSET_MS).rem_euclid(DAY_MS) / 1000;
        write!(f, "{} {:02}:{:02}:{:02}", self.day(), in_day / 3600, in_day / 60 % 60, in_day % 60)
    }
}

/// A natural day in Beijing, counted from 1970-01-01.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Day(pub i32);

impl Day {
    /// The first moment of this day.
    pub const fn start(self) -> Millis {
        Millis(self.0 as i64 * DAY_MS - BEIJING_OFFSET_MS)
    }

    /// The first moment after this day.
    pub const fn end(self) -> Millis {
        Day(self.0 + 1).start()
    }

    /// Year, month, day of month.
    pub fn civil(self) -> (i16, i8, i8) {
        // Days-to-civil after the proleptic Gregorian calendar, in whole 400-year eras.
        let z = i64::from(self.0) + 719_468;
        let era = z.div_euclid(146_097);
        let doe = z.rem_euclid(146_097);
        let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let d = doy - (153 * mp + 2) / 5 + 1;
        let m = if mp < 10 { mp + 3 } else { mp - 9 };
        ((yoe + era * 400 + i64::from(m <= 2)) as i16, m as i8, d as i8)
    }

    /// Reads `YYYY-MM-DD`.
    pub fn parse(text: &str) -> Option<Self> {
        Some(Millis::parse(&format!("{text} 00:00:00"))?.day())
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (y, m, d) = self.civil();
        write!(f, "{y:04}-{m:02}-{d:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_turns_at_beijing_midnight() {
        let last = Millis::parse("2026-11-21 23:59:59").unwrap();
        assert_eq!(last.day().to_string(), "2026-11-21");
        assert_eq!(last.plus(1000).day().to_string(), "2026-11-22");
        assert_eq!(last.to_string(), "2026-11-21 23:59:59");
        assert_eq!(last.day().end(), last.plus(1000));
    }

    #[test]
    fn civil_dates_agree_with_the_library_over_two_centuries() {
        for n in (-10_000..60_000).step_by(13) {
            let day = Day(n);
            assert_eq!(Day::parse(&day.to_string()), Some(day));
        }
    }
}
