//! An adapter package as read: everything with its place, nothing resolved against a format yet.

use std::collections::BTreeMap;

use canon::format::Nature;

use crate::problem::Problem;
use crate::read;
use crate::source::{Query, Source};
use crate::table::{Otherwise, TableRow};
use crate::tree::Text;
use crate::verb::Verb;

/// The package format this build reads.
pub const EDITION: u64 = 1;
/// Largest file of a package, bytes.
pub const FILE_BYTES_MAX: usize = 16 << 20;
/// Most files of a package.
pub const FILES_MAX: usize = 1_000;

/// An adapter package: `adapter.toml`, `tables/*.csv`, `samples/*`.
#[derive(Clone, Debug)]
pub struct Package {
    /// What `adapter.toml` calls the package, where it says so. It decides nothing: a package is called
    /// as its folder is, so that a renamed copy runs as it is.
    pub name: Option<Text>,
    /// The package's own version; stands in every head.
    pub version: Text,
    /// Titles for people.
    pub title_zh: String,
    /// English title.
    pub title_en: String,
    /// System id: the attribute `system` of every record.
    pub system: Text,
    /// Format and edition that it and its samples are written for, such as `supervision/1`. Other editions
    /// of the same format are mapped to as far as they fit.
    pub format: Text,
    /// Namespace of the keys.
    pub namespace: Namespace,
    /// Where rows come from.
    pub source: Source,
    /// The guard of change detection.
    pub guard: Guard,
    /// The record blocks, in order.
    pub records: Vec<Block>,
    /// Void rules.
    pub voids: Vec<VoidRule>,
    /// Code tables by name.
    pub tables: BTreeMap<String, Table>,
    /// Samples by name: file name → bytes.
    pub samples: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
}

/// Where the namespace of a record's key comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Namespace {
    /// The node's configuration of this source says.
    #[default]
    Node,
    /// Always this: a source system was replaced, its numbers go on.
    Fixed(Text),
    /// A column holds the unit's code.
    Column(Text),
}

/// Pauses an adapter that suddenly sees everything as new or gone. 0 is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guard {
    /// Most changed rows of one run.
    pub max_changed: u64,
    /// Most vanished rows of one run.
    pub max_vanished: u64,
}

impl Guard {
    /// Whether a run with these counts has to pause for a person.
    pub const fn trips(&self, changed: u64, vanished: u64) -> bool {
        (self.max_changed > 0 && changed > self.max_changed)
            || (self.max_vanished > 0 && vanished > self.max_vanished)
    }
}

/// Where a record's parent is to be looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ParentIs {
    /// Reported by this node.
    #[default]
    Mine,
    /// Reported by another node (转报, 委托).
    Elsewhere,
    /// There is none.
    None,
}

/// One record that a row may give.
#[derive(Clone, Debug)]
pub struct Block {
    /// Record type: stable English name or wire name.
    pub ty: Text,
    /// Which query's rows.
    pub from: Text,
    /// Only in these editions of the format; in all where empty.
    pub editions: Editions,
    /// Only rows for which this holds.
    pub when: Cond,
    /// Parent.
    pub parent: ParentIs,
    /// Column with the time the source recorded it.
    pub entered: Option<Text>,
    /// Nature.
    pub nature: Nature,
    /// Field by field.
    pub fields: Vec<(Text, Feed)>,
}

/// A condition on a row. Values are compared without the blanks around them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Cond {
    /// Always.
    #[default]
    Always,
    /// The column is not empty.
    Present(Text),
    /// The column is empty.
    Empty(Text),
    /// The column is one of these.
    In(Text, Vec<String>),
    /// The column is none of these (an empty one is none of them).
    NotIn(Text, Vec<String>),
    /// All hold.
    All(Vec<Cond>),
    /// One holds.
    Any(Vec<Cond>),
}

/// Editions of the package's format that a block or a field is for; all of them where empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Editions(pub Vec<Text>);

impl Editions {
    /// Whether it is for this one.
    pub fn have(&self, edition: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|e| e.text == edition)
    }
}

/// What feeds a field.
#[derive(Clone, Debug)]
pub struct Feed {
    /// Only in these editions of the format.
    pub editions: Editions,
    /// Only where this holds; otherwise the field stays empty.
    pub when: Cond,
    /// The value to begin with.
    pub from: Origin,
    /// Verbs, in order.
    pub verbs: Vec<Verb>,
    /// Code table, after the verbs.
    pub table: Option<Text>,
    /// Where the value is empty in the end.
    pub default: Option<String>,
}

/// The value to begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// One column.
    Column(Text),
    /// A constant.
    Constant(Text),
    /// The values of columns that are not empty, joined.
    Concat {
        /// Columns.
        columns: Vec<Text>,
        /// Between them.
        with: String,
    },
    /// The first column that is not empty.
    First(Vec<Text>),
}

/// When a row's records should never have been.
#[derive(Clone, Debug)]
pub struct VoidRule {
    /// Rows of these queries.
    pub from: Vec<Text>,
    /// Condition.
    pub when: Cond,
    /// Reason code.
    pub reason: Feed,
    /// Operator code.
    pub by: Feed,
}

/// A code table with what is promised of it.
#[derive(Clone, Debug)]
pub struct Table {
    /// Where it is declared.
    pub at: Text,
    /// Its file.
    pub file: String,
    /// Rows.
    pub rows: Vec<TableRow>,
    /// What the source may write: each must have a row.
    pub domain: Vec<Text>,
    /// For a value without a row.
    pub otherwise: Otherwise,
}

impl Package {
    /// The name of its format, without the edition.
    pub fn format_name(&self) -> &str {
        self.format.text.split_once('/').map_or(self.format.text.as_str(), |(name, _)| name)
    }

    /// Reads a package from its files (path within the folder → bytes). Touches nothing else.
    ///
    /// # Errors
    /// Every problem found, in one pass, sorted by place.
    pub fn read(files: &BTreeMap<String, Vec<u8>>) -> Result<Self, Vec<Problem>> {
        match read::package(files) {
            (Some(package), problems) if problems.is_empty() => Ok(package),
            (_, problems) => Err(problems),
        }
    }

    /// The streams of rows, in order.
    pub fn queries(&self) -> &[Query] {
        match &self.source {
            Source::Files(files) => &files.queries,
            Source::Sql(sql) => &sql.queries,
            Source::Push(push) => &push.body.queries,
            Source::Http(http) => &http.queries,
            Source::Exec(exec) => &exec.read.queries,
        }
    }

    /// Index of a query by name.
    pub fn query(&self, name: &str) -> Option<usize> {
        self.queries().iter().position(|q| q.name.text == name)
    }
}
