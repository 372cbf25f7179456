//! Check digits (GB 11643, GB 32100, GB 11714) and names that lost a character.

use super::model::CheckKind;
use super::time;
use crate::time::Day;

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Not the form the check asks for.
    Form,
    /// A date inside that does not exist or lies ahead.
    Date,
    /// The check digit should have been this one.
    Digit(char),
    /// A `?` or U+FFFD: a character was lost in transcoding.
    Lost,
}

/// Runs one check; `today` is the day the record was collected.
pub(crate) fn run(kind: CheckKind, value: &str, today: Day) -> Result<(), Fault> {
    match kind {
        CheckKind::CitizenId => citizen_id(value, today),
        CheckKind::CreditCode => last(value, 18, credit_code_check_char),
        CheckKind::OrgCode => last(value, 9, org_code_check_char),
        CheckKind::UnitCode if value.len() == 9 => last(value, 9, org_code_check_char),
        CheckKind::UnitCode => last(value, 18, credit_code_check_char),
        CheckKind::Name if value.contains(['?', '\u{fffd}']) => Err(Fault::Lost),
        CheckKind::Name => Ok(()),
    }
}

fn last(value: &str, len: usize, check: fn(&str) -> Option<char>) -> Result<(), Fault> {
    if value.len() != len || !value.is_ascii() {
        return Err(Fault::Form);
    }
    let expected = value.get(..len - 1).and_then(check).ok_or(Fault::Form)?;
    if value.ends_with(expected) { Ok(()) } else { Err(Fault::Digit(expected)) }
}

fn citizen_id(value: &str, today: Day) -> Result<(), Fault> {
    let b = value.as_bytes();
    if b.len() != 18 || !b[..17].iter().all(u8::is_ascii_digit) {
        return Err(Fault::Form);
    }
    let expected = value.get(..17).and_then(citizen_id_check_char).ok_or(Fault::Form)?;
    if !b[17].is_ascii_digit() && b[17] != b'X' {
        return Err(Fault::Form);
    }
    let number =
        |from: usize, to: usize| b[from..to].iter().fold(0, |n, d| n * 10 + u32::from(d - b'0'));
    let (year, month, day) = (number(6, 10), number(10, 12), number(12, 14));
    let (y, m, d) = today.civil();
    let ahead =
        (year as i32, month as i32, day as i32) > (i32::from(y), i32::from(m), i32::from(d));
    if !time::date_exists(year, month, day) || ahead {
        return Err(Fault::Date);
    }
    if value.ends_with(expected) { Ok(()) } else { Err(Fault::Digit(expected)) }
}

/// GB 11643: the 18th character of a citizen id, from its first 17 digits.
pub fn citizen_id_check_char(first17: &str) -> Option<char> {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum = weighted(first17, &WEIGHTS, |b| b.is_ascii_digit().then(|| u32::from(b - b'0')))?;
    b"10X98765432".get(sum as usize % 11).map(|b| char::from(*b))
}

/// GB 32100: the 18th character of a unified social credit code, from its first 17.
pub fn credit_code_check_char(first17: &str) -> Option<char> {
    const ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
    const WEIGHTS: [u32; 17] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];
    let value = |b: u8| ALPHABET.iter().position(|a| *a == b).map(|n| n as u32);
    let sum = weighted(first17, &WEIGHTS, value)?;
    ALPHABET.get((31 - sum as usize % 31) % 31).map(|b| char::from(*b))
}

/// GB 11714: the ninth character of an organisation code, from its first eight.
pub fn org_code_check_char(first8: &str) -> Option<char> {
    const WEIGHTS: [u32; 8] = [3, 7, 9, 10, 5, 8, 4, 2];
    let value = |b: u8| match b {
        b'0'..=b'9' => Some(u32::from(b - b'0')),
        b'A'..=b'Z' => Some(u32::from(b - b'A') + 10),
        _ => None,
    };
    Some(match 11 - weighted(first8, &WEIGHTS, value)? % 11 {
        10 => 'X',
        11 => '0',
        n => char::from(b'0' + n as u8),
    })
}

fn weighted(text: &str, weights: &[u32], value: impl Fn(u8) -> Option<u32>) -> Option<u32> {
    if text.len() != weights.len() {
        return None;
    }
    text.bytes().zip(weights).try_fold(0, |sum, (b, w)| Some(sum + value(b)? * w))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: Day = Day(20_000);

    #[test]
    fn published_codes_pass_and_say_what_a_wrong_digit_should_be() {
        for code in ["11420000MB15291767", "11511301008778183N", "115113010833722043"] {
            assert_eq!(run(CheckKind::CreditCode, code, TODAY), Ok(()), "{code}");
        }
        for code in ["MB1529176", "008778183", "083372204"] {
            assert_eq!(run(CheckKind::OrgCode, code, TODAY), Ok(()), "{code}");
            assert_eq!(run(CheckKind::UnitCode, code, TODAY), Ok(()), "{code}");
        }
        let wrong = run(CheckKind::CreditCode, "11511301008778183P", TODAY);
        assert_eq!(wrong, Err(Fault::Digit('N')));
        assert_eq!(run(CheckKind::OrgCode, "008778184", TODAY), Err(Fault::Digit('3')));
        assert_eq!(run(CheckKind::CreditCode, "11511301I08778183N", TODAY), Err(Fault::Form));
        assert_eq!(run(CheckKind::OrgCode, "00877818", TODAY), Err(Fault::Form));
        assert_eq!(run(CheckKind::UnitCode, "0087781833", TODAY), Err(Fault::Form));
    }

    #[test]
    fn a_citizen_id_is_judged_by_form_date_and_digit() {
        // The example of GB 11643 itself, then invented people of region 990000.
        assert_eq!(citizen_id_check_char("11010519491231002"), Some('X'));
        let id = |first17: &str| {
            let digit = citizen_id_check_char(first17).unwrap();
            run(CheckKind::CitizenId, &format!("{first17}{digit}"), TODAY)
        };
        assert_eq!(id("99000019900101001"), Ok(()));
        assert_eq!(id("99000019900231001"), Err(Fault::Date));
        assert_eq!(id("99000020990101001"), Err(Fault::Date));
        let expected = citizen_id_check_char("99000019900101001").unwrap();
        let other = if expected == '1' { '2' } else { '1' };
        let wrong = run(CheckKind::CitizenId, &format!("99000019900101001{other}"), TODAY);
        assert_eq!(wrong, Err(Fault::Digit(expected)));
        for form in
            ["990000199001010", "99000019900101001x", "９９000019900101001X", "9900001990010100AX"]
        {
            assert_eq!(run(CheckKind::CitizenId, form, TODAY), Err(Fault::Form), "{form}");
        }
    }

    #[test]
    fn a_question_mark_in_a_name_is_a_lost_character() {
        assert_eq!(run(CheckKind::Name, "张?", TODAY), Err(Fault::Lost));
        assert_eq!(run(CheckKind::Name, "张\u{fffd}", TODAY), Err(Fault::Lost));
        assert_eq!(run(CheckKind::Name, "欧阳·测试", TODAY), Ok(()));
    }
}
