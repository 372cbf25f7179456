//! One line of the authority table.

use canon::{Day, NodeCode};

use super::{AUTHORITY_BASIS_CHARS_MAX, AUTHORITY_WORDS_MAX};

/// Stands for every unit, region or type.
pub(crate) const EVERY: &str = "*";

/// What a node may report: records of a unit, of regions and of types, that happened within days.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entitled {
    /// Who reports.
    pub node: NodeCode,
    /// Who acted: a unit code, or `*` for every unit.
    pub unit: String,
    /// Where: region codes, each covering those that begin with it, or `*`; sorted.
    pub regions: Vec<String>,
    /// Record types, wire names, or `*`; sorted.
    pub types: Vec<String>,
    /// The first day.
    pub from: Day,
    /// The last day; none is for ever.
    pub to: Option<Day>,
    /// On what basis: the number of a document (文号).
    pub basis: String,
}

impl Entitled {
    /// Whether the line is about such records, whatever their day.
    pub fn covers(&self, unit: &str, region: &str, kind: &str) -> bool {
        let every = |word: &str| word == EVERY;
        (every(&self.unit) || self.unit == unit)
            && self.types.iter().any(|t| every(t) || t == kind)
            && (region.is_empty()
                || self.regions.iter().any(|r| every(r) || region.starts_with(r.as_str())))
    }

    /// As [`Entitled::covers`], asked only for what is given.
    pub fn covers_given(
        &self,
        (unit, region, kind): (Option<&str>, Option<&str>, Option<&str>),
    ) -> bool {
        let any_type = self.types.first().map_or("", String::as_str);
        self.covers(unit.unwrap_or(&self.unit), region.unwrap_or(""), kind.unwrap_or(any_type))
    }

    /// What is wrong with the line: its column, in English and in Chinese.
    pub fn wrong(&self) -> Option<(&'static str, &'static str, &'static str)> {
        let token = |text: &str| {
            let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
            !text.is_empty() && text.len() <= 64 && text.bytes().all(plain)
        };
        let region = |r: &String| {
            r == EVERY || ((2..=12).contains(&r.len()) && r.bytes().all(|b| b.is_ascii_digit()))
        };
        let few = |n: usize| (1..=AUTHORITY_WORDS_MAX).contains(&n);
        if self.unit != EVERY && !token(&self.unit) {
            return Some(("unit", "is no unit code, and not `*`", "不是单位代码，也不是 *"));
        }
        if !few(self.regions.len()) || !self.regions.iter().all(region) {
            return Some((
                "regions",
                "is not 1 to 500 region codes of 2 to 12 digits, or `*`",
                "应为 1 至 500 个区划代码（2 至 12 位数字），或 *",
            ));
        }
        if !few(self.types.len()) || !self.types.iter().all(|t| t == EVERY || token(t)) {
            return Some((
                "types",
                "is not 1 to 500 record types, or `*`",
                "应为 1 至 500 个记录类型，或 *",
            ));
        }
        if self.to.is_some_and(|to| to < self.from) {
            return Some(("to", "lies before `from`", "早于起始日期"));
        }
        let long = self.basis.chars().count() > AUTHORITY_BASIS_CHARS_MAX;
        if self.basis.trim().is_empty() || long || self.basis.chars().any(char::is_control) {
            return Some((
                "basis",
                "must name the document it rests on, in 1 to 200 characters",
                "应写明依据文号（1 至 200 字）",
            ));
        }
        None
    }

    /// As a line of the document.
    pub(crate) fn write(&self) -> String {
        let to = self.to.map(|day| day.to_string()).unwrap_or_default();
        let (regions, types) = (self.regions.join(" "), self.types.join(" "));
        let Self { node, unit, from, basis, .. } = self;
        format!("{node}\t{unit}\t{regions}\t{types}\t{from}\t{to}\t{basis}")
    }

    /// Reads a line of the document; none for what `write` would not have written.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let mut cells = text.split('\t');
        let mut cell = || cells.next();
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let line = Self {
            node: NodeCode::new(cell()?)?,
            unit: cell()?.to_owned(),
            regions: words(cell()?),
            types: words(cell()?),
            from: Day::parse(cell()?)?,
            to: match cell()? {
                "" => None,
                day => Some(Day::parse(day)?),
            },
            basis: cell()?.to_owned(),
        };
        (line.wrong().is_none() && line.write() == text).then_some(line)
    }
}
