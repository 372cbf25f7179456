//! Written times: the calendar, the coarser precision, and the attribute `collected`.

use std::cmp::Ordering;

use crate::time::{Day, Millis};

/// What is wrong with a written time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeFault {
    /// Not `YYYY-MM-DD` or `YYYY-MM-DD hh:mm:ss`.
    Form,
    /// No such day or hour.
    Calendar,
}

/// Checks form and calendar of a time.
pub(crate) fn check(text: &str) -> Result<(), TimeFault> {
    let b = text.as_bytes();
    let date = form(b, b"0000-00-00");
    let full = b.len() == 19 && form(&b[..10], b"0000-00-00") && form(&b[10..], b" 00:00:00");
    if !date && !full {
        return Err(TimeFault::Form);
    }
    let day_exists = date_exists(two(b, 0) * 100 + two(b, 2), two(b, 5), two(b, 8));
    let hour_exists = !full || (two(b, 11) < 24 && two(b, 14) < 60 && two(b, 17) < 60);
    if day_exists && hour_exists { Ok(()) } else { Err(TimeFault::Calendar) }
}

/// `0` in the form stands for a digit.
fn form(bytes: &[u8], form: &[u8]) -> bool {
    bytes.len() == form.len()
        && bytes.iter().zip(form).all(|(b, f)| if *f == b'0' { b.is_ascii_digit() } else { b == f })
}

fn two(b: &[u8], at: usize) -> u32 {
    u32::from(b[at] - b'0') * 10 + u32::from(b[at + 1] - b'0')
}

/// Whether the Gregorian calendar has this day.
pub(crate) fn date_exists(year: u32, month: u32, day: u32) -> bool {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        _ => return false,
    };
    year > 0 && (1..=days).contains(&day)
}

/// Compares two well-formed times at the coarser precision of the two.
pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    let n = a.len().min(b.len());
    a.as_bytes()[..n].cmp(&b.as_bytes()[..n])
}

/// Reads a full time; none where it is not one.
pub(crate) fn millis(text: &str) -> Option<Millis> {
    check(text).ok()?;
    let b = text.as_bytes();
    if b.len() != 19 {
        return None;
    }
    let (y, m, d) =
        (i64::from(two(b, 0) * 100 + two(b, 2)), i64::from(two(b, 5)), i64::from(two(b, 8)));
    // Civil-to-days after the proleptic Gregorian calendar, in whole 400-year eras.
    let y = if m <= 2 { y - 1 } else { y };
    let yoe = y.rem_euclid(400);
    let doy = (153 * (if m > 2 { m - 3 } else { m + 9 }) + 2) / 5 + d - 1;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    let day = Day((y.div_euclid(400) * 146_097 + doe - 719_468) as i32);
    let seconds = two(b, 11) * 3600 + two(b, 14) * 60 + two(b, 17);
    Some(day.start().plus(i64::from(seconds) * 1000))
}

/// Writes a time in whole seconds: what `Display` of [`Millis`] writes, without its machinery.
pub(crate) fn write(at: Millis, out: &mut Vec<u8>) {
    let day = at.day();
    let (y, m, d) = day.civil();
    if !(1..=9999).contains(&y) {
        // Outside the written form; the validator refuses such an attribute group.
        out.extend_from_slice(b"0000-00-00 00:00:00");
        return;
    }
    let in_day = (at.since(day.start()) / 1000) as u32;
    let mut pair = |n: u32, before: &[u8]| {
        out.extend_from_slice(before);
        out.extend_from_slice(&[b'0' + (n / 10 % 10) as u8, b'0' + (n % 10) as u8]);
    };
    pair(y as u32 / 100, b"");
    pair(y as u32 % 100, b"");
    pair(m as u32, b"-");
    pair(d as u32, b"-");
    pair(in_day / 3600, b" ");
    pair(in_day / 60 % 60, b":");
    pair(in_day % 60, b":");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_and_calendar_are_told_apart() {
        for good in ["2024-02-29", "2026-11-21 23:59:59", "2000-02-29 00:00:00"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for (bad, fault) in [
            ("2014-9-19 14:10:10", TimeFault::Form),
            ("2014-09-19T14:10:10", TimeFault::Form),
            ("2014-09-19 14:10", TimeFault::Form),
            ("２０１４-09-19", TimeFault::Form),
            ("2023-02-29", TimeFault::Calendar),
            ("1900-02-29", TimeFault::Calendar),
            ("2014-13-01", TimeFault::Calendar),
            ("2014-09-31", TimeFault::Calendar),
            ("2014-09-30 24:00:00", TimeFault::Calendar),
        ] {
            assert_eq!(check(bad), Err(fault), "{bad}");
        }
    }

    #[test]
    fn times_compare_at_the_coarser_precision() {
        assert_eq!(compare("2026-01-05", "2026-01-05 09:00:00"), Ordering::Equal);
        assert_eq!(compare("2026-01-05 08:00:00", "2026-01-05 09:00:00"), Ordering::Less);
        assert_eq!(compare("2026-01-06", "2026-01-05 09:00:00"), Ordering::Greater);
    }

    #[test]
    fn writing_and_reading_agree_with_the_base_type() {
        for n in 0..4000i64 {
            let at = Millis(n * 86_413_000 * 7 - 1_000_000_000_000);
            let mut out = vec![];
            write(at, &mut out);
            let text = String::from_utf8(out).unwrap();
            assert_eq!(text, at.to_string());
            assert_eq!(millis(&text), Some(at));
        }
    }
}
