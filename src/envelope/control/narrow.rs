//! How two nodes narrow a difference of their books down, from the sums of a day to the names of
//! records: parts of inquiries and answers, and the statement at the end.
//!
//! The sender of the window asks, and only it remembers how far it is; the receiver answers each
//! question out of its books. Pass and step stand in both, so that an answer to an older question is
//! known and ignored.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use canon::{Day, HashSum, NodeCode, Prefix};

use super::{strict_read, strict_write};
use crate::Refuse;
use crate::wire::{Scan, Writer};

/// Most leaves of one list.
pub const LISTED_MAX: usize = 512;
/// Most rows of one fragment that names records.
pub const NAMED_MAX: usize = 1_000;

/// Which question: both sides ignore what belongs to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// The window.
    pub day: Day,
    /// Rises whenever the sender begins anew.
    pub pass: u32,
    /// Rises with every question of a pass.
    pub step: u32,
}

impl Question {
    fn write(&self, w: &mut Writer) {
        w.show("Day", &self.day);
        w.num("Pass", u64::from(self.pass));
        w.num("Step", u64::from(self.step));
    }

    fn read(s: &mut Scan<'_>) -> Result<Self, Refuse> {
        Ok(Self { day: s.with("Day", Day::parse)?, pass: s.parse("Pass")?, step: s.parse("Step")? })
    }
}

/// How many leaves, and the first two limbs of their sum: enough to see that two differ.
pub type Sum = (u64, u64);

/// What a question says of a sum.
pub fn half(sum: &HashSum) -> u64 {
    u64::from(sum.0[0]) << 32 | u64::from(sum.0[1])
}

/// The sender's sums of the sixteen children of some prefixes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Narrow {
    /// Which question.
    pub question: Question,
    /// Prefixes and their children.
    pub at: Vec<(Prefix, [Sum; 16])>,
}

impl Narrow {
    pub(super) fn write(&self, w: &mut Writer) {
        w.open("Narrow");
        self.question.write(w);
        for (prefix, sums) in &self.at {
            w.open("At");
            w.show("Prefix", prefix);
            w.text("Sums", &BASE64.encode(pack(sums)));
            w.close("At");
        }
        w.close("Narrow");
    }

    /// Behind the opening tag.
    pub(super) fn read(s: &mut Scan<'_>) -> Result<Self, Refuse> {
        let question = Question::read(s)?;
        let at = s.repeated("At", |s| {
            let prefix = read_prefix(s)?;
            Ok((prefix, s.with("Sums", |text| unpack(&BASE64.decode(text).ok()?))?))
        })?;
        s.close("Narrow")?;
        Ok(Self { question, at })
    }
}

/// A leaf as it is listed: the place of its key, the first eight bytes of its digest.
pub type Listed = (u64, u64);

/// What the receiver answers: which children differ, and of the small ones what it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Narrowed {
    /// Which question.
    pub question: Question,
    /// Prefixes that were looked at, and which of their children are to be asked about next (a bit
    /// a child, the lowest is child 0). A prefix that is not here is to be asked again.
    pub at: Vec<(Prefix, u16)>,
    /// Everything the receiver has under prefixes that differ, in order.
    pub lists: Vec<(Prefix, Vec<Listed>)>,
}

impl Narrowed {
    pub(super) fn write(&self, w: &mut Writer) {
        w.open("Narrowed");
        self.question.write(w);
        for (prefix, open) in &self.at {
            w.open("At");
            w.show("Prefix", prefix);
            w.num("Open", u64::from(*open));
            w.close("At");
        }
        for (prefix, listed) in &self.lists {
            w.open("Leaves");
            w.show("Prefix", prefix);
            let bytes: Vec<u8> = listed
                .iter()
                .flat_map(|(place, digest)| [place.to_be_bytes(), digest.to_be_bytes()].concat())
                .collect();
            w.text("List", &BASE64.encode(bytes));
            w.close("Leaves");
        }
        w.close("Narrowed");
    }

    /// Behind the opening tag.
    pub(super) fn read(s: &mut Scan<'_>) -> Result<Self, Refuse> {
        let question = Question::read(s)?;
        let at = s.repeated("At", |s| Ok((read_prefix(s)?, s.parse("Open")?)))?;
        let lists = s.repeated("Leaves", |s| {
            let prefix = read_prefix(s)?;
            let listed = s.with_opt("List", |text| {
                let words = words_of(&BASE64.decode(text).ok()?)?;
                (words.len().is_multiple_of(2) && words.len() <= 2 * LISTED_MAX).then_some(())?;
                Some(words.chunks_exact(2).map(|w| (w[0], w[1])).collect())
            })?;
            Ok((prefix, listed.unwrap_or_default()))
        })?;
        s.close("Narrowed")?;
        Ok(Self { question, at, lists })
    }
}

/// The sender asks for the names of what only the receiver has, or has otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// Which question.
    pub question: Question,
    /// Places of their keys, at most [`LISTED_MAX`].
    pub places: Vec<u64>,
}

impl Names {
    pub(super) fn write(&self, w: &mut Writer) {
        w.open("Names");
        self.question.write(w);
        let bytes: Vec<u8> = self.places.iter().flat_map(|p| p.to_be_bytes()).collect();
        w.text("Places", &BASE64.encode(bytes));
        w.close("Names");
    }

    /// Behind the opening tag.
    pub(super) fn read(s: &mut Scan<'_>) -> Result<Self, Refuse> {
        let question = Question::read(s)?;
        let places = s.with("Places", |text| {
            words_of(&BASE64.decode(text).ok()?).filter(|w| w.len() <= LISTED_MAX)
        })?;
        s.close("Names")?;
        Ok(Self { question, places })
    }
}

/// A record by name, as the receiver has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedRow {
    /// Record id as text.
    pub record: String,
    /// The first 16 bytes of its digest, as a sum of one.
    pub sum: HashSum,
}

/// The names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Which question.
    pub question: Question,
    /// Everything the receiver has at those places, at most [`NAMED_MAX`].
    pub rows: Vec<NamedRow>,
}

impl Named {
    pub(super) fn write(&self, w: &mut Writer) {
        w.open("Named");
        self.question.write(w);
        for row in &self.rows {
            w.open("Row");
            w.text("Record", &row.record);
            w.show("Sum", &row.sum);
            w.close("Row");
        }
        w.close("Named");
    }

    /// Behind the opening tag.
    pub(super) fn read(s: &mut Scan<'_>) -> Result<Self, Refuse> {
        let question = Question::read(s)?;
        let rows = s.repeated("Row", |s| {
            Ok(NamedRow { record: s.text("Record")?.into_owned(), sum: s.parse("Sum")? })
        })?;
        s.close("Named")?;
        Ok(Self { question, rows })
    }
}

/// One record that the two books tell differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DifferenceRow {
    /// Record id as text.
    pub record: String,
    /// Stable cause word.
    pub cause: String,
    /// More for people.
    pub detail: Option<String>,
}

/// What the sender of a window states at the end of a pass: a notice to its receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stated {
    /// Which pass; its step is the last.
    pub question: Question,
    /// Sender of the window.
    pub sender: NodeCode,
    /// Whether there are more than are named.
    pub more: bool,
    /// The records, at most [`NAMED_MAX`] in one fragment.
    pub rows: Vec<DifferenceRow>,
}

impl Stated {
    /// The fragment.
    pub fn write(&self) -> Vec<u8> {
        strict_write!("Differences", |w: &mut Writer| {
            self.question.write(w);
            w.show("Sender", &self.sender);
            w.text("More", if self.more { "yes" } else { "no" });
            for row in &self.rows {
                w.open("Row");
                w.text("Record", &row.record);
                w.text("Cause", &row.cause);
                w.opt("Detail", row.detail.as_deref());
                w.close("Row");
            }
        })
    }

    /// Reads the fragment.
    pub fn read(fragment: &[u8]) -> Result<Self, Refuse> {
        strict_read!(fragment, "Differences", |s: &mut Scan<'_>| -> Result<Self, Refuse> {
            Ok(Self {
                question: Question::read(s)?,
                sender: s.with("Sender", NodeCode::new)?,
                more: s.with("More", |word| match word {
                    "yes" => Some(true),
                    "no" => Some(false),
                    _ => None,
                })?,
                rows: s.repeated("Row", |s| {
                    Ok(DifferenceRow {
                        record: s.text("Record")?.into_owned(),
                        cause: s.text("Cause")?.into_owned(),
                        detail: s.opt("Detail")?,
                    })
                })?,
            })
        })
    }
}

fn read_prefix(s: &mut Scan<'_>) -> Result<Prefix, Refuse> {
    Ok(s.parse_opt("Prefix")?.unwrap_or(Prefix::ALL))
}

fn words_of(bytes: &[u8]) -> Option<Vec<u64>> {
    if !bytes.len().is_multiple_of(8) {
        return None;
    }
    let word = |b: &[u8]| b.iter().fold(0, |n, b| n << 8 | u64::from(*b));
    Some(bytes.chunks_exact(8).map(word).collect())
}

/// A bit a child that is not empty, then for each of these its count (seven bits a byte, the lowest
/// first) and half of its sum.
fn pack(sums: &[Sum; 16]) -> Vec<u8> {
    let mut out = vec![0, 0];
    let mut mask = 0_u16;
    for (i, sum) in sums.iter().enumerate().filter(|(_, s)| **s != (0, 0)) {
        mask |= 1 << i;
        let mut count = sum.0;
        while count >= 0x80 {
            out.push((count & 0x7f) as u8 | 0x80);
            count >>= 7;
        }
        out.push(count as u8);
        out.extend_from_slice(&sum.1.to_be_bytes());
    }
    out[..2].copy_from_slice(&mask.to_be_bytes());
    out
}

fn unpack(bytes: &[u8]) -> Option<[Sum; 16]> {
    let (mask, mut rest) = bytes.split_first_chunk::<2>()?;
    let mask = u16::from_be_bytes(*mask);
    let mut sums = [Sum::default(); 16];
    for (_, sum) in sums.iter_mut().enumerate().filter(|(i, _)| mask >> i & 1 == 1) {
        for shift in (0..).step_by(7) {
            let (byte, left) = rest.split_first()?;
            rest = left;
            sum.0 |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let (value, left) = rest.split_first_chunk::<8>()?;
        rest = left;
        sum.1 = u64::from_be_bytes(*value);
    }
    rest.is_empty().then_some(sums)
}
