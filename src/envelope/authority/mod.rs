//! The authority table: which node may report records of which unit, region and type, from when until
//! when, and on what basis (文号). A signed text of the top node; protocol §1.
//!
//! A document is one edition, whole. It has a section for each day from which a further table holds, so
//! that two editions stand side by side and a record is judged by the one of its own date.

mod document;
mod line;

use std::collections::HashMap;

use canon::{Day, Environment, Millis, NodeCode};

pub use document::{AuthorityError, sign_authority, verify_authority};
pub use line::Entitled;

/// Largest document, bytes.
pub const AUTHORITY_BYTES_MAX: usize = 16 << 20;
/// Most lines of one document, over all of its sections.
pub const AUTHORITY_LINES_MAX: usize = 100_000;
/// Most sections of one document: tables that hold from a day on.
pub const AUTHORITY_SECTIONS_MAX: usize = 64;
/// Most regions, and most types, that one line names.
pub const AUTHORITY_WORDS_MAX: usize = 500;
/// Longest basis of a line, characters.
pub const AUTHORITY_BASIS_CHARS_MAX: usize = 200;

/// One edition, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// Who issued it: the top node.
    pub issuer: NodeCode,
    /// For which environment.
    pub environment: Environment,
    /// The number of the edition; rises with each.
    pub edition: u32,
    /// When it was issued, by the issuer's clock, in whole seconds.
    pub issued: Millis,
    /// Its tables, the earliest first.
    pub sections: Vec<Section>,
}

/// A table that holds for what happened from a day on, until the next one's day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// The first day.
    pub from: Day,
    /// Its lines, by node, each node's in their order.
    lines: HashMap<NodeCode, Vec<Entitled>>,
}

impl Section {
    /// A table of these lines.
    pub fn new(from: Day, lines: Vec<Entitled>) -> Self {
        let mut by: HashMap<NodeCode, Vec<Entitled>> = HashMap::new();
        for line in lines {
            by.entry(line.node.clone()).or_default().push(line);
        }
        for lines in by.values_mut() {
            lines.sort();
            lines.dedup();
        }
        Self { from, lines: by }
    }

    /// Its lines, in the order in which they are written.
    pub fn lines(&self) -> Vec<&Entitled> {
        let mut all: Vec<&Entitled> = self.lines.values().flatten().collect();
        all.sort();
        all
    }

    /// How many lines it has.
    pub fn len(&self) -> usize {
        self.lines.values().map(Vec::len).sum()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The days on which a node may report records of a unit, a region and a type: first and last of
    /// each line that says so. A region that is empty is that of a type without one.
    pub fn spans(&self, node: &NodeCode, unit: &str, region: &str, kind: &str) -> Vec<(Day, Day)> {
        let lines = self.lines.get(node).map_or(&[][..], Vec::as_slice);
        let fits = lines.iter().filter(|line| line.covers(unit, region, kind));
        fits.map(|line| (line.from, line.to.unwrap_or(Day(i32::MAX)))).collect()
    }
}

impl Authority {
    /// The table that holds on a day, and which one it is; none before the first one's day.
    pub fn on(&self, day: Day) -> Option<(usize, &Section)> {
        self.sections.iter().enumerate().rev().find(|(_, section)| section.from <= day)
    }

    /// Whether a node may report such a record of that day; none before the first table's day.
    pub fn allows(
        &self,
        node: &NodeCode,
        (unit, region, kind): (&str, &str, &str),
        day: Day,
    ) -> Option<bool> {
        let (_, section) = self.on(day)?;
        let spans = section.spans(node, unit, region, kind);
        Some(spans.iter().any(|(from, to)| *from <= day && day <= *to))
    }

    /// This edition's tables with one more, which holds from its day on: what was to hold from that day
    /// or later is replaced.
    #[must_use]
    pub fn with(&self, edition: u32, issued: Millis, section: Section) -> Self {
        let earlier = self.sections.iter().filter(|s| s.from < section.from);
        let mut sections: Vec<Section> = earlier.cloned().collect();
        sections.push(section);
        Self { edition, issued, sections, ..self.clone() }
    }
}
