//! What is known of a source, held against the names of a format: which column is like which field.

use std::collections::BTreeMap;

use canon::format::{Field, Format, Kind, RecordType};

use crate::moment::Moment;
use crate::names::{ColumnNames, FieldNames, likeness};
use crate::row::is_blank;

/// From this likeness on a column is taken for a field.
pub(crate) const TAKEN: u32 = 60;
/// From this likeness on it is taken for a field that may well be absent.
const SURE: u32 = 80;
/// From this likeness on it is named as a candidate.
const NEAR: u32 = 30;

/// What is known of a source.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// Name of the new package: its folder, adapter and system id.
    pub name: &'a str,
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
        let fields = |record: &RecordType| {
            let named = record.fields.iter().map(|f| (FieldNames::of(f), f.clone()));
            (record.name.clone(), named.collect())
        };
        Self { look, columns, types: format.types().iter().map(fields).collect() }
    }

    /// Field index → column: the likest pairs first, each column for one field of a record.
    pub(crate) fn assign(&self, record: &RecordType) -> BTreeMap<usize, &'a str> {
        let Some(ty) = self.types.iter().position(|(name, _)| *name == record.name) else {
            return BTreeMap::new();
        };
        let mut pairs = Vec::new();
        for (ix, field) in record.fields.iter().enumerate() {
            let enough = if field.required || field.expected { TAKEN } else { SURE };
            let near = self.candidates(ty, ix).into_iter().filter(|m| m.score >= enough);
            pairs.extend(near.map(|m| (m.score, field.required, ix, m.name)));
        }
        pairs.sort_by_key(|(score, required, ix, _)| (std::cmp::Reverse((*score, *required)), *ix));
        let mut out: BTreeMap<usize, &str> = BTreeMap::new();
        for (_, _, ix, column) in pairs {
            if !out.contains_key(&ix) && out.values().all(|taken| *taken != column) {
                out.insert(ix, column);
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
