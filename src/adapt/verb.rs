//! The closed set of verbs: what a mapping may do to a value on its way from column to field.
//!
//! There is no verb that shortens, replaces or computes: a gateway normalises by named rules and
//! sends everything else back to the owner.

use crate::moment::Moment;
use crate::row::is_blank;

/// One verb with its arguments, ready to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Blanks of any kind at both ends go.
    Trim,
    /// Full-width digits, letters and `－／：．（）`-like signs of numbers become half-width.
    HalfWidth,
    /// ASCII letters become upper case.
    Upper,
    /// ASCII letters become lower case.
    Lower,
    /// Runs of blanks and line breaks become one blank.
    Squeeze,
    /// All blanks go.
    NoBlank,
    /// One pair of straight quotes around the value goes.
    Unquote,
    /// `YYYY-MM-DD hh:mm:ss`, or the date alone where there is no time.
    DateTime,
    /// `YYYY-MM-DD`.
    Date,
    /// A number that is a name: leading `'` and trailing `.0` go, a destroyed one is a violation.
    Digits,
    /// A whole number.
    Int,
    /// An amount: `￥`, `元` and grouping commas go.
    Money,
    /// The n-th part (from 1) between separators.
    Part {
        /// Separator.
        by: Box<str>,
        /// Which, from 1.
        nth: usize,
    },
    /// Text before a value that is not empty.
    Prefix(Box<str>),
    /// Text after a value that is not empty.
    Suffix(Box<str>),
    /// A list written anew: split at any of the characters, joined by `with`.
    Join {
        /// Characters that separate.
        by: Box<str>,
        /// What joins.
        with: Box<str>,
    },
    /// The text, where the value is empty.
    WhenEmpty(Box<str>),
}

/// Why a verb could not do its work; the value stays as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Not a date or time of the accepted forms.
    NotATime,
    /// Not a number.
    NotANumber,
    /// A spreadsheet has destroyed the number (`1.01313E+28`).
    Mangled,
    /// There is no such part.
    NoPart,
}

/// A value on its way: the source's own bytes until a verb has to write.
#[derive(Debug, Default)]
pub(crate) struct Work {
    now: String,
    spare: String,
}

/// What a chain of verbs works on.
pub(crate) struct Cell<'r, 'w> {
    borrowed: Option<&'r str>,
    work: &'w mut Work,
}

impl<'r, 'w> Cell<'r, 'w> {
    pub(crate) fn of(text: &'r str, work: &'w mut Work) -> Self {
        Self { borrowed: Some(text), work }
    }

    pub(crate) fn get(&self) -> &str {
        self.borrowed.unwrap_or(&self.work.now)
    }

    /// Replaces the value by what `make` writes, unless it says no.
    fn write(&mut self, make: impl FnOnce(&str, &mut String) -> bool) -> bool {
        self.work.spare.clear();
        let old = self.borrowed.unwrap_or(&self.work.now);
        let changed = make(old, &mut self.work.spare) && self.work.spare != old;
        if changed {
            std::mem::swap(&mut self.work.now, &mut self.work.spare);
            self.borrowed = None;
        }
        changed
    }

    /// Replaces the value by a part of itself.
    fn shrink(&mut self, part: impl Fn(&str) -> &str) -> bool {
        match self.borrowed {
            Some(text) => {
                let kept = part(text);
                let changed = kept.len() < text.len();
                self.borrowed = Some(kept);
                changed
            }
            None => self.write(|old, out| {
                out.push_str(part(old));
                true
            }),
        }
    }

    pub(crate) fn set(&mut self, text: &str) -> bool {
        self.write(|_, out| {
            out.push_str(text);
            true
        })
    }
}

impl Verb {
    /// Whether a change by this verb is a normalisation (`amended=normalised`). The others only
    /// compose what the mapping says, and change nothing an authority wrote.
    pub const fn normalises(&self) -> bool {
        !matches!(self, Self::Part { .. } | Self::Prefix(_) | Self::Suffix(_) | Self::WhenEmpty(_))
    }

    /// Runs the verb; says whether the value changed.
    pub(crate) fn run(&self, cell: &mut Cell<'_, '_>) -> Result<bool, Fault> {
        // An empty value has nothing to normalise; whether it may be empty is the format's word.
        if cell.get().is_empty() && !matches!(self, Self::WhenEmpty(_)) {
            return Ok(false);
        }
        Ok(match self {
            Self::Trim => trim(cell),
            Self::HalfWidth => !cell.get().is_ascii() && cell.write(half_width),
            Self::Upper => cell.get().bytes().any(|b| b.is_ascii_lowercase()) && cell.write(upper),
            Self::Lower => cell.get().bytes().any(|b| b.is_ascii_uppercase()) && cell.write(lower),
            Self::Squeeze => cell.get().contains(is_blank) && cell.write(squeeze),
            Self::NoBlank => cell.get().contains(is_blank) && cell.write(no_blank),
            Self::Unquote => cell.shrink(unquote),
            Self::DateTime => return datetime(cell),
            Self::Date => return date(cell),
            Self::Digits => return digits(cell),
            Self::Int => return int(cell),
            Self::Money => return money(cell),
            Self::Part { by, nth } => {
                if cell.get().split(&**by).nth(nth - 1).is_none() {
                    return Err(Fault::NoPart);
                }
                cell.shrink(|old| old.split(&**by).nth(nth - 1).unwrap_or(old))
            }
            Self::Prefix(text) => cell.write(|old, out| push_all(out, &[text, old])),
            Self::Suffix(text) => cell.write(|old, out| push_all(out, &[old, text])),
            Self::Join { by, with } => cell.write(|old, out| join(old, by, with, out)),
            Self::WhenEmpty(text) => cell.get().is_empty() && cell.set(text),
        })
    }
}

fn push_all(out: &mut String, parts: &[&str]) -> bool {
    for part in parts {
        out.push_str(part);
    }
    true
}

fn trim(cell: &mut Cell<'_, '_>) -> bool {
    let bytes = cell.get().as_bytes();
    let plain = |b: Option<&u8>| b.is_some_and(u8::is_ascii_graphic);
    if plain(bytes.first()) && plain(bytes.last()) {
        return false;
    }
    cell.shrink(|old| old.trim_matches(is_blank))
}

/// Digits, letters, the blank, and the signs that numbers, dates and codes are written with.
/// Chinese commas, brackets and stops belong to the text and stay.
fn half_width(old: &str, out: &mut String) -> bool {
    out.extend(old.chars().map(|c| match c {
        '０'..='９'
        | 'Ａ'..='Ｚ'
        | 'ａ'..='ｚ'
        | '－'
        | '．'
        | '／'
        | '：'
        | '＋'
        | '＿'
        | '＠'
        | '＃' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        '\u{3000}' => ' ',
        c => c,
    }));
    true
}

fn upper(old: &str, out: &mut String) -> bool {
    out.extend(old.chars().map(|c| c.to_ascii_uppercase()));
    true
}

fn lower(old: &str, out: &mut String) -> bool {
    out.extend(old.chars().map(|c| c.to_ascii_lowercase()));
    true
}

fn squeeze(old: &str, out: &mut String) -> bool {
    for (i, word) in old.split(is_blank).filter(|w| !w.is_empty()).enumerate() {
        if i > 0 {
            out.push(' ');
        }
        out.push_str(word);
    }
    true
}

fn no_blank(old: &str, out: &mut String) -> bool {
    out.extend(old.chars().filter(|c| !is_blank(*c)));
    true
}

fn unquote(old: &str) -> &str {
    old.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(old)
}

fn datetime(cell: &mut Cell<'_, '_>) -> Result<bool, Fault> {
    let moment = Moment::read(cell.get()).ok_or(Fault::NotATime)?;
    let b = cell.get().as_bytes();
    let shaped = b.len() == 19 && [b[4], b[7], b[10], b[13], b[16]] == *b"-- ::";
    if shaped {
        return Ok(false);
    }
    Ok(cell.write(|_, out| {
        moment.write(out);
        true
    }))
}

fn date(cell: &mut Cell<'_, '_>) -> Result<bool, Fault> {
    let moment = Moment::read(cell.get()).ok_or(Fault::NotATime)?;
    Ok(cell.write(|_, out| {
        moment.write_date(out);
        true
    }))
}

/// `1.01313E+28` and its like: digits are gone for good.
fn is_mangled(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['E', 'e']) else { return false };
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let number = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    !exponent.is_empty()
        && number(exponent)
        && mantissa.starts_with(|c: char| c.is_ascii_digit())
        && number(&mantissa.replacen('.', "", 1))
        && (mantissa.contains('.') || mantissa.len() == 1)
}

/// What a spreadsheet puts around a number that should stay a text.
fn bare(text: &str) -> &str {
    let text = text.trim_matches(is_blank);
    let text = text.strip_prefix('\'').unwrap_or(text).trim_start_matches(is_blank);
    match text.split_once('.') {
        Some((whole, zeros))
            if !whole.is_empty()
                && !zeros.is_empty()
                && whole.bytes().all(|b| b.is_ascii_digit())
                && zeros.bytes().all(|b| b == b'0') =>
        {
            whole
        }
        _ => text,
    }
}

fn digits(cell: &mut Cell<'_, '_>) -> Result<bool, Fault> {
    if is_mangled(bare(cell.get())) {
        return Err(Fault::Mangled);
    }
    Ok(cell.shrink(bare))
}

fn int(cell: &mut Cell<'_, '_>) -> Result<bool, Fault> {
    let text = bare(cell.get());
    if is_mangled(text) {
        return Err(Fault::Mangled);
    }
    let number = text.strip_prefix('-').unwrap_or(text);
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Fault::NotANumber);
    }
    if text.starts_with('-') {
        return Ok(cell.shrink(bare));
    }
    // Numbers are parts of keys: `007` and `7` are one.
    Ok(cell.shrink(|old| {
        let text = bare(old);
        let zeros = text.bytes().take_while(|b| *b == b'0').count();
        text.get(zeros.min(text.len() - 1)..).unwrap_or(text)
    }))
}

fn money(cell: &mut Cell<'_, '_>) -> Result<bool, Fault> {
    let text = cell.get().trim_matches(is_blank);
    if is_mangled(text) {
        return Err(Fault::Mangled);
    }
    let text = text.strip_prefix(['￥', '¥']).unwrap_or(text);
    let text = text.strip_suffix('元').unwrap_or(text).trim_matches(is_blank);
    let (sign, number) = text.strip_prefix('-').map_or(("", text), |n| ("-", n));
    let (whole, cents) = number.split_once('.').unwrap_or((number, "0"));
    let all_digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    let mut groups = whole.split(',');
    let first = groups.next().unwrap_or("");
    let grouped = whole.contains(',');
    let whole_ok = all_digits(first)
        && (!grouped || first.len() <= 3)
        && groups.all(|g| g.len() == 3 && all_digits(g));
    if !whole_ok || !all_digits(cents) {
        return Err(Fault::NotANumber);
    }
    if text.len() == cell.get().len() && !grouped {
        return Ok(false);
    }
    let clean = format!("{sign}{}", number.replace(',', ""));
    Ok(cell.set(&clean))
}

fn join(old: &str, by: &str, with: &str, out: &mut String) -> bool {
    let parts = old.split(|c| by.contains(c)).map(|p| p.trim_matches(is_blank));
    for (i, part) in parts.filter(|p| !p.is_empty()).enumerate() {
        if i > 0 {
            out.push_str(with);
        }
        out.push_str(part);
    }
    true
}
