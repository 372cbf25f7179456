//! What is known of a source, held against the names of a format: which column is like which field.

use std::collections::BTreeMap;

use canon::format::{Field, Format, Kind, RecordType};

use crate::moment::Moment;
use crate::names::{ColumnNames, FieldNames, likeness, same};
use crate::row::is_blank;

/// From this likeness on a column is taken for a field.
pub(crate) const TAKEN: u32 = 60;
/// From this likeness on it is taken for a field that may well be absent.
const SURE: u32 = 80;
/// A table of which so many columns in a hundred are fields of one type is that type's own.
const OWN_SHARE: usize = 80;
/// From this likeness on it is named as a candidate.
const NEAR: u32 = 30;

/// What is known of a source.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// Name of the new package: its folder, adapter and system id.
    pub name: &'a str,
    /// What the source is called by its owner: the file, the sheet, the table.
    pub title: &'a str,
    /// The source's columns.
    pub header: &'a [String],
    /// What the source's owner wrote about each column; empty or shorter where nothing is known.
    pub comments: &'a [String],
    /// Some of its rows.
    pub rows: &'a [Vec<String>],
    /// The lines of `[source]`, `[source]` itself too, up to `key` and `columns`.
    pub source: &'a str,
    /// The columns that tell rows apart, where the source says.
    pub key: &'a [String],
}

/// A column taken for a field.
pub(crate) struct Match<'a> {
    pub(crate) name: &'a str,
    pub(crate) score: u32,
}

/// A source that is one type's own table.
#[derive(Clone)]
pub(crate) struct Whole<'a> {
    /// The type.
    pub(crate) ty: usize,
    /// Its columns by field.
    pub(crate) columns: BTreeMap<usize, &'a str>,
    /// Types that it is as like.
    pub(crate) as_like: Vec<usize>,
}

/// A source against a format: every name of both, made ready to be compared.
pub(crate) struct Known<'a> {
    look: &'a Look<'a>,
    columns: Vec<ColumnNames>,
    types: Vec<(String, Vec<(FieldNames, Field)>)>,
}

impl<'a> Known<'a> {
    pub(crate) fn of(look: &'a Look<'a>, format: &Format) -> Self {
        let comment = |i: usize| look.comments.get(i).map_or("", String::as_str);
        let columns = look.header.iter().enumerate();
        let columns = columns.map(|(i, name)| ColumnNames::of(name, comment(i))).collect();
        let lettered = look.header.iter().any(|h| h.is_ascii());
        let fields = |record: &RecordType| {
            let named = record.fields.iter().map(|f| (FieldNames::of(f, lettered), f.clone()));
            (record.name.clone(), named.collect())
        };
        Self { look, columns, types: format.types().iter().map(fields).collect() }
    }

    /// The type whose own table this is: a column for every field that it must have, and nearly every
    /// column one of its own. Of several, the likest; of those that are as like, the one that the source
    /// is called after, else all of them for a person to say.
    pub(crate) fn whole(&self, format: &Format) -> Option<Whole<'a>> {
        let mut all: Vec<(_, Whole<'a>)> = Vec::new();
        for (ty, record) in format.types().iter().enumerate().filter(|(ty, _)| self.is_near(*ty)) {
            let assigned = self.assign_scored(ty, record);
            let mut must = record.fields.iter().enumerate().filter(|(_, f)| f.required);
            let columns = self.look.header.len();
            if assigned.len() * 100 < columns * OWN_SHARE
                || must.any(|(ix, _)| !assigned.contains_key(&ix))
            {
                continue;
            }
            let score: u32 = assigned.values().map(|(score, _)| score).sum();
            let titled = self.look.title.contains(&record.label);
            let columns = assigned.into_iter().map(|(ix, (_, column))| (ix, column)).collect();
            all.push(((score, titled), Whole { ty, columns, as_like: Vec::new() }));
        }
        // The earlier of two that are alike comes first.
        all.sort_by_key(|(rank, _)| std::cmp::Reverse(*rank));
        let (rank, mut best) = all.first().cloned()?;
        let like = all.iter().skip(1).filter(|(other, _)| *other == rank);
        best.as_like = like.map(|(_, whole)| whole.ty).collect();
        Some(best)
    }

    /// At least half of the columns have a name of the type's fields.
    fn is_near(&self, ty: usize) -> bool {
        let Some((_, fields)) = self.types.get(ty) else { return false };
        let named = self.columns.iter().filter(|c| fields.iter().any(|(f, _)| same(c, f)));
        named.count() * 2 >= self.columns.len()
    }

    /// Field index → column: the likest pairs first, each column for one field of a record.
    pub(crate) fn assign(&self, record: &RecordType) -> BTreeMap<usize, &'a str> {
        let Some(ty) = self.types.iter().position(|(name, _)| *name == record.name) else {
            return BTreeMap::new();
        };
        let scored = self.assign_scored(ty, record).into_iter();
        scored.map(|(ix, (_, column))| (ix, column)).collect()
    }

    fn assign_scored(&self, ty: usize, record: &RecordType) -> BTreeMap<usize, (u32, &'a str)> {
        let mut pairs = Vec::new();
        for (ix, field) in record.fields.iter().enumerate() {
            let enough = if field.required || field.expected { TAKEN } else { SURE };
            let near = self.candidates(ty, ix).into_iter().filter(|m| m.score >= enough);
            pairs.extend(near.map(|m| (m.score, field.required, ix, m.name)));
        }
        pairs.sort_by_key(|(score, required, ix, _)| (std::cmp::Reverse((*score, *required)), *ix));
        let mut out: BTreeMap<usize, (u32, &str)> = BTreeMap::new();
        for (score, _, ix, column) in pairs {
            if !out.contains_key(&ix) && out.values().all(|(_, taken)| *taken != column) {
                out.insert(ix, (score, column));
            }
        }
        out
    }

    /// The columns that are like a field of a type, the likest first.
    pub(crate) fn candidates(&self, ty: usize, ix: usize) -> Vec<Match<'a>> {
        let Some((names, field)) = self.types.get(ty).and_then(|(_, fields)| fields.get(ix)) else {
            return Vec::new();
        };
        let columns = self.look.header.iter().zip(&self.columns).enumerate();
        let mut all: Vec<Match<'a>> = columns
            .map(|(i, (name, column))| (i, Match { name, score: likeness(column, names) }))
            .filter(|(i, m)| m.score >= NEAR && self.look.may_hold(*i, field))
            .map(|(_, m)| m)
            .collect();
        all.sort_by_key(|m| std::cmp::Reverse(m.score));
        all
    }

    /// The columns that are like a field of a record.
    pub(crate) fn near(&self, record: &RecordType, ix: usize) -> Vec<Match<'a>> {
        let ty = self.types.iter().position(|(name, _)| *name == record.name);
        ty.map_or_else(Vec::new, |ty| self.candidates(ty, ix))
    }
}

impl<'a> Look<'a> {
    fn values(&self, column: usize) -> impl Iterator<Item = &'a str> {
        self.rows
            .iter()
            .filter_map(move |row| row.get(column))
            .map(|v| v.trim_matches(is_blank))
            .filter(|v| !v.is_empty())
    }

    /// Half of the values at least must be readable as what the field holds.
    fn may_hold(&self, column: usize, field: &Field) -> bool {
        let fits = |v: &str| match field.kind {
            Kind::DateTime => {
                let plain: String = v.chars().map(half).collect();
                Moment::read(&plain).is_some()
            }
            Kind::Int => v.chars().map(half).all(|c| c.is_ascii_digit() || c == '.'),
            Kind::Decimal => v.chars().map(half).any(|c| c.is_ascii_digit()),
            Kind::Text | Kind::Code | Kind::Digest => v.chars().count() <= field.max_len as usize,
        };
        let (mut good, mut all) = (0, 0);
        for value in self.values(column).take(500) {
            all += 1;
            good += usize::from(fits(value));
        }
        good * 2 >= all
    }

    /// The different values of a column, each with how often it is there.
    pub(crate) fn distinct(&self, column: &str) -> BTreeMap<&'a str, u64> {
        let mut all = BTreeMap::new();
        if let Some(at) = self.header.iter().position(|h| h == column) {
            self.values(at).for_each(|value| *all.entry(value).or_default() += 1);
        }
        all
    }
}

fn half(c: char) -> char {
    match c {
        '０'..='９' | '．' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        c => c,
    }
}
