//! Numbers and times of spreadsheet cells as a person sees them, never more exact than they are.

use std::fmt::Write as _;

/// From this size on a spreadsheet has lost digits: it is written with an exponent, which the verb
/// `digits` refuses instead of inventing what was there.
const WHOLE_MAX: f64 = 1e15;
/// First serial of the year 10000.
const SERIAL_END: f64 = 2_958_466.0;

/// What a number format makes of a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Look {
    /// As it is.
    #[default]
    Plain,
    /// A day, a time, or both.
    Moment,
    /// `000000`: leading zeros up to so many digits.
    Zeros(usize),
    /// In hundredths.
    Percent,
}

impl Look {
    /// By the number of a built-in format.
    pub(super) const fn built_in(id: u32) -> Self {
        match id {
            9 | 10 => Self::Percent,
            14..=22 | 27..=36 | 45..=47 | 50..=58 => Self::Moment,
            _ => Self::Plain,
        }
    }

    /// By a format's own code; only its first section counts.
    pub(super) fn of(code: &str) -> Self {
        let bare = bare(code);
        if bare.len() > 1 && bare.chars().all(|c| c == '0') {
            return Self::Zeros(bare.len());
        }
        if bare.eq_ignore_ascii_case("general") {
            return Self::Plain;
        }
        if bare.contains(['y', 'm', 'd', 'h', 's', 'Y', 'M', 'D', 'H', 'S']) {
            return Self::Moment;
        }
        if bare.ends_with('%') { Self::Percent } else { Self::Plain }
    }
}

/// A format's first section without literals, colours, conditions and padding; `[h]` stays.
fn bare(code: &str) -> String {
    let mut out = String::new();
    let mut chars = code.chars();
    while let Some(c) = chars.next() {
        match c {
            ';' => break,
            '"' => while chars.next().is_some_and(|c| c != '"') {},
            '\\' | '_' | '*' => drop(chars.next()),
            '[' => {
                let inside: String = chars.by_ref().take_while(|c| *c != ']').collect();
                if inside.chars().all(|c| matches!(c, 'h' | 'm' | 's' | 'H' | 'M' | 'S')) {
                    out.push_str(&inside);
                }
            }
            c => out.push(c),
        }
    }
    out
}

/// Appends a number as its format shows it. `late` is the date system that counts from 1904.
pub(super) fn put(value: f64, look: Look, late: bool, out: &mut String) {
    match look {
        Look::Moment if (0.0..SERIAL_END).contains(&value) => moment(value, late, out),
        Look::Percent => {
            plain(value * 100.0, out);
            out.push('%');
        }
        Look::Zeros(digits) if value >= 0.0 && value.fract() == 0.0 && value < WHOLE_MAX => {
            write!(out, "{value:0digits$.0}").expect("a String takes all text");
        }
        _ => plain(value, out),
    }
}

/// The shortest decimal of at most fifteen digits, as spreadsheets show numbers.
fn plain(value: f64, out: &mut String) {
    if value == 0.0 || !value.is_finite() {
        out.push_str(if value == 0.0 { "0" } else { "#NUM!" });
        return;
    }
    let exact = format!("{value:.14e}");
    let (mantissa, exponent) = exact.split_once('e').unwrap_or((&exact, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let negative = mantissa.starts_with('-');
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.trim_end_matches('0');
    if negative {
        out.push('-');
    }
    let whole = usize::try_from(exponent + 1).unwrap_or(0);
    match exponent {
        -9..=-1 => {
            out.push_str("0.");
            out.extend(std::iter::repeat_n('0', exponent.unsigned_abs() as usize - 1));
            out.push_str(digits);
        }
        0..=14 => {
            let (before, after) = digits.split_at_checked(whole).unwrap_or((digits, ""));
            out.push_str(before);
            out.extend(std::iter::repeat_n('0', whole.saturating_sub(digits.len())));
            if !after.is_empty() {
                out.push('.');
                out.push_str(after);
            }
        }
        _ => {
            let (first, rest) = digits.split_at_checked(1).unwrap_or((digits, ""));
            out.push_str(first);
            if !rest.is_empty() {
                out.push('.');
                out.push_str(rest);
            }
            write!(out, "E{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
                .expect("a String takes all text");
        }
    }
}

/// A serial as `YYYY-MM-DD`, with ` hh:mm:ss` where it has a time of day; below one the time alone.
fn moment(serial: f64, late: bool, out: &mut String) {
    let seconds = (serial * 86_400.0).round() as i64;
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let time = |out: &mut String| {
        write!(out, "{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
            .expect("a String takes all text");
    };
    if days == 0 && !late {
        time(out);
        return;
    }
    // Days before 1970-01-01. The first calendar counts a 29 February 1900 that never was.
    let since_1970 = match (late, days) {
        (true, n) => n - 24_107,
        (false, n @ ..=59) => n - 25_568,
        (false, n) => n - 25_569,
    };
    let (year, month, day) = civil(since_1970);
    write!(out, "{year:04}-{month:02}-{day:02}").expect("a String takes all text");
    if second != 0 {
        out.push(' ');
        time(out);
    }
}

/// Year, month and day of a day counted from 1970-01-01.
pub(super) fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let (era, doe) = (z.div_euclid(146_097), z.rem_euclid(146_097));
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(month <= 2), month, doy - (153 * mp + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(value: f64, look: Look) -> String {
        let mut out = String::new();
        put(value, look, false, &mut out);
        out
    }

    #[test]
    fn numbers_are_seen_as_a_person_sees_them() {
        for (value, want) in [
            (0.0, "0"),
            (12.5, "12.5"),
            (-3.0, "-3"),
            (0.1 + 0.2, "0.3"),
            (100.0, "100"),
            (20_261_121.0, "20261121"),
            (123_456_789_012_345.0, "123456789012345"),
            (0.000_5, "0.0005"),
            (1.234_567_890_123_456e17, "1.23456789012346E+17"),
            (1.013_13e28, "1.01313E+28"),
            (1e-12, "1E-12"),
        ] {
            assert_eq!(seen(value, Look::Plain), want);
        }
        assert_eq!(seen(1234.0, Look::Zeros(6)), "001234");
        assert_eq!(seen(0.155, Look::Percent), "15.5%");
    }

    #[test]
    fn times_are_read_by_their_format_and_never_by_their_size() {
        assert_eq!(seen(46_347.0, Look::Plain), "46347");
        assert_eq!(seen(46_347.0, Look::Moment), "2026-11-21");
        assert_eq!(seen(46_347.604_166_666_664, Look::Moment), "2026-11-21 14:30:00");
        assert_eq!(seen(0.5, Look::Moment), "12:00:00");
        assert_eq!(seen(1.0, Look::Moment), "1900-01-01");
        assert_eq!(seen(61.0, Look::Moment), "1900-03-01");
        let mut out = String::new();
        put(44_885.0, Look::Moment, true, &mut out);
        assert_eq!(out, "2026-11-21");
    }

    #[test]
    fn formats_are_told_apart() {
        for (code, want) in [
            ("General", Look::Plain),
            ("0.00", Look::Plain),
            ("#,##0.00_);[Red](#,##0.00)", Look::Plain),
            ("000000", Look::Zeros(6)),
            ("0.0%", Look::Percent),
            ("yyyy\"年\"m\"月\"d\"日\"", Look::Moment),
            ("[$-804]yyyy/m/d;@", Look::Moment),
            ("[h]:mm", Look::Moment),
            ("@", Look::Plain),
            ("\"day\"0", Look::Plain),
        ] {
            assert_eq!(Look::of(code), want, "{code}");
        }
    }
}
