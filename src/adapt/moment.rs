//! Dates and times as sources write them, read without guessing.
//!
//! Whole numbers only: an Excel serial's fraction of a day is counted in billionths.

/// A date, with its time where the source gave one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    year: u32,
    month: u32,
    day: u32,
    time: Option<(u32, u32, u32)>,
}

/// Excel's day 0, as days before 1970-01-01 (its 1900 is wrongly a leap year; serials of the
/// last decades are not touched by that).
const EXCEL_EPOCH_DAYS: i32 = 25_569;
const DAY_SECONDS: u64 = 86_400;
const BILLION: u64 = 1_000_000_000;

impl Moment {
    /// Reads one of the accepted forms: year first with `-`, `/`, `.` or 年月日, padded or not;
    /// 8, 12 or 14 digits in a row; an Excel serial of five digits before the point.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let found = match (digits, text.len()) {
            (8 | 12 | 14, n) if n == digits => compact(text)?,
            (5, 5) => excel(text, "")?,
            (5, _) => excel(text.get(..5)?, text.get(5..)?.strip_prefix('.')?)?,
            (4, _) => written(text)?,
            _ => return None,
        };
        found.is_real().then_some(found)
    }

    fn is_real(&self) -> bool {
        let leap = self.year.is_multiple_of(4)
            && (!self.year.is_multiple_of(100) || self.year.is_multiple_of(400));
        let days = match self.month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => return false,
        };
        let time = self.time.is_none_or(|(h, m, s)| h < 24 && m < 60 && s < 60);
        self.year >= 1900 && (1..=days).contains(&self.day) && time
    }

    /// Appends `YYYY-MM-DD`.
    pub(crate) fn write_date(&self, out: &mut String) {
        pad(out, self.year / 100);
        pad(out, self.year % 100);
        out.push('-');
        pad(out, self.month);
        out.push('-');
        pad(out, self.day);
    }

    /// Appends `YYYY-MM-DD hh:mm:ss`, or the date alone where the source gave no time.
    pub(crate) fn write(&self, out: &mut String) {
        self.write_date(out);
        if let Some((h, m, s)) = self.time {
            out.push(' ');
            pad(out, h);
            out.push(':');
            pad(out, m);
            out.push(':');
            pad(out, s);
        }
    }
}

/// Appends two digits.
fn pad(out: &mut String, n: u32) {
    for digit in [n / 10 % 10, n % 10] {
        out.push(char::from_digit(digit, 10).expect("a remainder of ten is a digit"));
    }
}

fn compact(text: &str) -> Option<Moment> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse().ok();
    let time = match text.len() {
        8 => None,
        12 => Some((number(8, 10)?, number(10, 12)?, 0)),
        _ => Some((number(8, 10)?, number(10, 12)?, number(12, 14)?)),
    };
    Some(Moment { year: number(0, 4)?, month: number(4, 6)?, day: number(6, 8)?, time })
}

fn excel(days: &str, fraction: &str) -> Option<Moment> {
    let days: i32 = days.parse().ok()?;
    // 1954 to 2119: outside it five digits are something else.
    if !(20_000..80_000).contains(&days) || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut billionths = 0;
    for i in 0..9 {
        let digit = fraction.as_bytes().get(i).map_or(0, |b| u64::from(b - b'0'));
        billionths = billionths * 10 + digit;
    }
    let seconds = (billionths * DAY_SECONDS + BILLION / 2) / BILLION;
    let carry = i32::from(seconds == DAY_SECONDS);
    let (year, month, day) = canon::Day(days - EXCEL_EPOCH_DAYS + carry).civil();
    let seconds = u32::try_from(seconds % DAY_SECONDS).ok()?;
    let time = (!fraction.is_empty()).then_some((seconds / 3600, seconds / 60 % 60, seconds % 60));
    let part = |n: i16| u32::try_from(n).ok();
    Some(Moment { year: part(year)?, month: part(month.into())?, day: part(day.into())?, time })
}

/// A cursor over a written date.
struct Scan<'a>(&'a str);

impl Scan<'_> {
    /// One or two digits (four where `wide`).
    fn number(&mut self, wide: bool) -> Option<u32> {
        let most = if wide { 4 } else { 2 };
        let n = self.0.bytes().take(most).take_while(u8::is_ascii_digit).count();
        if n == 0 || (wide && n < 4) {
            return None;
        }
        let (head, tail) = self.0.split_at_checked(n)?;
        self.0 = tail;
        head.parse().ok()
    }

    fn one_of(&mut self, any: &[char]) -> Option<char> {
        let c = self.0.chars().next().filter(|c| any.contains(c))?;
        self.0 = self.0.strip_prefix(c)?;
        Some(c)
    }

    fn blanks(&mut self) -> bool {
        let rest = self.0.trim_start();
        let any = rest.len() < self.0.len();
        self.0 = rest;
        any
    }
}

fn written(text: &str) -> Option<Moment> {
    let mut scan = Scan(text);
    let year = scan.number(true)?;
    let first = scan.one_of(&['-', '/', '.', '年'])?;
    let month = scan.number(false)?;
    let second = scan.one_of(&[if first == '年' { '月' } else { first }])?;
    let day = scan.number(false)?;
    let closed = second == '月' && scan.one_of(&['日', '号']).is_some();
    if scan.0.trim().is_empty() {
        return Some(Moment { year, month, day, time: None });
    }
    let apart = scan.blanks() || scan.one_of(&['T']).is_some() || closed;
    if !apart {
        return None;
    }
    let time = Some(time_of_day(&mut scan)?);
    scan.0.is_empty().then_some(Moment { year, month, day, time })
}

fn time_of_day(scan: &mut Scan<'_>) -> Option<(u32, u32, u32)> {
    let hour = scan.number(false)?;
    if scan.one_of(&[':']).is_none() {
        scan.one_of(&['时', '点'])?;
        let minute = if scan.0.is_empty() { 0 } else { scan.number(false)? };
        let second = match scan.one_of(&['分']) {
            Some(_) if !scan.0.is_empty() => scan.number(false)?,
            _ => 0,
        };
        scan.one_of(&['秒']);
        return Some((hour, minute, second));
    }
    let minute = scan.number(false)?;
    let second = if scan.one_of(&[':']).is_some() { scan.number(false)? } else { 0 };
    // A database's fraction of a second is below the format's precision; an offset must be ours.
    if let Some(fraction) = scan.0.strip_prefix('.') {
        let n = fraction.bytes().take_while(u8::is_ascii_digit).count();
        scan.0 = fraction.get(n..).filter(|_| n > 0)?;
    }
    scan.0 = scan.0.strip_prefix("+08:00").unwrap_or(scan.0);
    Some((hour, minute, second))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        Moment::read(text).map(|m| {
            let mut out = String::new();
            m.write(&mut out);
            out
        })
    }

    #[test]
    fn the_forms_of_the_field_are_read() {
        for (source, want) in [
            ("2014-9-19 14:10:10", "2014-09-19 14:10:10"),
            ("2014-09-19 14:10:10.000", "2014-09-19 14:10:10"),
            ("2014-09-19T14:10:10+08:00", "2014-09-19 14:10:10"),
            ("2014/9/19 15:00", "2014-09-19 15:00:00"),
            ("2014.9.19", "2014-09-19"),
            ("2014年9月26日", "2014-09-26"),
            ("2014年9月26日9时5分", "2014-09-26 09:05:00"),
            ("2014年9月26日 9:05:07", "2014-09-26 09:05:07"),
            ("20140919", "2014-09-19"),
            ("20140919141010", "2014-09-19 14:10:10"),
            ("41901", "2014-09-19"),
            ("41901.5904", "2014-09-19 14:10:11"),
            ("41901.590393518522", "2014-09-19 14:10:10"),
            ("41901.9999999", "2014-09-20 00:00:00"),
        ] {
            assert_eq!(read(source).as_deref(), Some(want), "{source}");
        }
    }

    #[test]
    fn what_is_not_certain_is_not_read() {
        for source in [
            "",
            "14-9-19",
            "9/19/2014",
            "2014-13-01",
            "2014-02-29",
            "2014-9/19",
            "0000-00-00",
            "2014-9-19 25:00",
            "2014-9-19x",
            "2014-9-19 14:10:10Z",
            "2014-9-19下午2:10",
            "12345",
            "2014-9-1914:10",
            "4.1901E+4",
            "今天",
        ] {
            assert_eq!(read(source), None, "{source}");
        }
    }
}
