//! A compiled format: record types, fields, checks and rules, all resolved to indices.

use std::fmt;
use std::sync::Arc;

use super::pattern::Pattern;
use crate::time::Day;
use crate::violation::Severity;

/// Index of a record type within its format, in stage order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeIx(pub u16);

/// The language of generated texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lang {
    /// English.
    En,
    /// Chinese.
    Zh,
}

/// What kind of value a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Free text.
    Text,
    /// A code: closed list, open list or pattern.
    Code,
    /// A whole number.
    Int,
    /// An amount.
    Decimal,
    /// `YYYY-MM-DD hh:mm:ss`, or `YYYY-MM-DD` as the coarser precision.
    DateTime,
    /// `algorithm:<64 hex digits>`.
    Digest,
}

impl Kind {
    /// Every kind.
    pub const ALL: &[Self] =
        &[Self::Text, Self::Code, Self::Int, Self::Decimal, Self::DateTime, Self::Digest];

    /// The word in the annotation.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Code => "code",
            Self::Int => "int",
            Self::Decimal => "decimal",
            Self::DateTime => "datetime",
            Self::Digest => "digest",
        }
    }
}

/// The code list of a field.
#[derive(Clone, Debug)]
pub enum CodeList {
    /// Closed: the codes stand in the XSD, sorted by code.
    Closed {
        /// Name of the simple type.
        name: Arc<str>,
        /// Code and Chinese label.
        codes: Arc<[(Box<str>, Box<str>)]>,
    },
    /// Open: resolved by edition at validation.
    Open {
        /// Name of the list.
        name: Arc<str>,
        /// A longer code is known where its 9- or 6-digit beginning is.
        prefix: bool,
    },
}

/// A check that XSD 1.0 cannot say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckKind {
    /// GB 11643 citizen id: form, date, check digit; no region look-up.
    CitizenId,
    /// GB 32100 unified social credit code.
    CreditCode,
    /// GB 11714 organisation code, nine characters.
    OrgCode,
    /// Organisation code of nine, or credit code of 18 characters.
    UnitCode,
    /// A name: no `?` or U+FFFD (a character lost in transcoding).
    Name,
}

impl CheckKind {
    /// Every check.
    pub const ALL: &[Self] =
        &[Self::CitizenId, Self::CreditCode, Self::OrgCode, Self::UnitCode, Self::Name];

    /// The word in the annotation.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CitizenId => "citizen_id",
            Self::CreditCode => "credit_code",
            Self::OrgCode => "org_code",
            Self::UnitCode => "unit_code",
            Self::Name => "name",
        }
    }
}

/// A severity that may rise on a day, and may be lower for history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weight {
    /// From the edition's start.
    pub severity: Severity,
    /// From this day of collection on it is an error.
    pub error_from: Option<Day>,
    /// For records of the nature `history`, whatever the day: the profile of a back-fill.
    pub history: Option<Severity>,
}

impl Weight {
    /// An error from the start.
    pub const ERROR: Self = Self { severity: Severity::Error, error_from: None, history: None };
    /// A warning for ever.
    pub const WARN: Self = Self { severity: Severity::Warn, error_from: None, history: None };
    /// An error, and a warning for history.
    pub const LENIENT: Self = Self { history: Some(Severity::Warn), ..Self::ERROR };

    /// The severity for a record collected on `day`.
    pub fn on(self, day: Day, history: bool) -> Severity {
        match (self.history.filter(|_| history), self.error_from) {
            (Some(severity), _) => severity,
            (None, Some(from)) if day >= from => Severity::Error,
            (None, _) => self.severity,
        }
    }
}

/// One comparison in a `when` or `where`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// The value is one of these.
    In(Box<[Box<str>]>),
    /// There is a value and it is none of these.
    NotIn(Box<[Box<str>]>),
    /// There is a value.
    Present,
    /// There is none.
    Absent,
}

impl Test {
    /// Whether a value passes.
    pub fn holds(&self, value: Option<&str>) -> bool {
        match (self, value) {
            (Self::In(codes), Some(v)) => codes.iter().any(|c| **c == *v),
            (Self::NotIn(codes), Some(v)) => codes.iter().all(|c| **c != *v),
            (Self::Present, v) => v.is_some(),
            (Self::Absent, v) => v.is_none(),
            (Self::In(_) | Self::NotIn(_), None) => false,
        }
    }
}

/// A conjunction of tests, each on one field of a record type. Empty holds always.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// Field index and test.
    pub tests: Vec<(usize, Test)>,
    /// As written, for people.
    pub text: String,
}

impl Condition {
    /// Whether the condition holds for values looked up by field index.
    pub fn holds<'a>(&self, get: impl Fn(usize) -> Option<&'a str>) -> bool {
        self.tests.iter().all(|(ix, test)| test.holds(get(*ix)))
    }
}

/// A check on one field.
#[derive(Clone, Debug)]
pub struct Check {
    /// Which.
    pub kind: CheckKind,
    /// Under which condition on the same record.
    pub when: Condition,
    /// Its weight.
    pub weight: Weight,
}

/// A declared rule of a record type.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Stable within the format: `SL.reason_when_refused`.
    pub id: Arc<str>,
    /// The field the violation names.
    pub field: usize,
    /// Under which condition on the same record.
    pub when: Condition,
    /// Its weight.
    pub weight: Weight,
    /// Where the rule comes from, if not from where its record does.
    pub origin: Option<String>,
    /// What is asked.
    pub body: RuleBody,
}

/// What a rule asks.
#[derive(Clone, Debug)]
pub enum RuleBody {
    /// The field must be there.
    Require,
    /// The field, a whole number, must lie within these bounds.
    Range {
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
    },
    /// The field, a time, must not be earlier (or later) than another time, at the coarser
    /// precision of the two.
    Order {
        /// Not earlier than, or not later than.
        direction: Direction,
        /// The other time.
        other: Other,
    },
    /// The field, a time, must lie within so many working days of another time of the record.
    Within {
        /// The time that the term runs from.
        other: usize,
        /// How many; the first day is not counted.
        workdays: u16,
        /// The open list that names holidays and worked weekends.
        calendar: Box<str>,
    },
    /// The case must have a record of this type (judged only on complete facts).
    Needs {
        /// Which record.
        record: TypeIx,
        /// With these facts.
        filter: Condition,
    },
}

/// Which way a time is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Not earlier than the other.
    After,
    /// Not later than the other.
    Before,
}

/// The other time of an order rule.
#[derive(Clone, Debug)]
pub enum Other {
    /// Another field of the same record.
    Field(usize),
    /// A fact of the case's records of a type.
    Fact {
        /// The record type.
        record: TypeIx,
        /// The field there.
        field: usize,
        /// Only the record with the same key part (序号).
        same_part: bool,
        /// Only records with these facts.
        filter: Condition,
    },
}

/// One field.
#[derive(Clone, Debug)]
pub struct Field {
    /// Element name on the wire (`SBLSH`).
    pub wire: Arc<str>,
    /// Stable English name (`case_no`), unique within the type; what adapters map to.
    pub name: String,
    /// Chinese label, general wording.
    pub label: String,
    /// Other labels of the same field: the standard's, older ones.
    pub aliases: Vec<String>,
    /// English documentation.
    pub doc: String,
    /// Chinese note behind the label.
    pub note: String,
    /// Where the field comes from, if not from where its record does; `own` is this format's own.
    pub origin: Option<String>,
    /// Must be there (`minOccurs` 1).
    pub required: bool,
    /// Should be there: absence is a warning.
    pub expected: bool,
    /// Kind of value.
    pub kind: Kind,
    /// Shortest, in characters.
    pub min_len: u32,
    /// Longest, in characters.
    pub max_len: u32,
    /// What its type says of its form, in Chinese and English; empty where it says nothing.
    pub form: (String, String),
    /// Lexical form.
    pub pattern: Option<Arc<Pattern>>,
    /// Code list.
    pub list: Option<CodeList>,
    /// Left out of the content digest.
    pub volatile: bool,
    /// Kept as a fact for cross-stage rules; never personal.
    pub fact: bool,
    /// Personal data: masked on pages.
    pub personal: bool,
    /// Checks that XSD cannot say.
    pub checks: Vec<Check>,
    pub(crate) open_tag: Box<str>,
    pub(crate) close_tag: Box<str>,
}

/// One record type: a global element of the format.
#[derive(Clone, Debug)]
pub struct RecordType {
    /// Element name on the wire (`SL`).
    pub wire: Arc<str>,
    /// Stable English name (`acceptance`).
    pub name: String,
    /// Chinese label.
    pub label: String,
    /// Other labels.
    pub aliases: Vec<String>,
    /// English documentation.
    pub doc: String,
    /// Chinese note behind the label.
    pub note: String,
    /// Where the type comes from: standard and clause, or `own` for this format's own.
    pub origin: Option<String>,
    /// Fields, in element order.
    pub fields: Vec<Field>,
    /// Key fields; the first is the case or item number.
    pub key: Vec<usize>,
    /// Parent type.
    pub parent: Option<TypeIx>,
    /// Fields (of this type) that make the parent's key.
    pub parent_key: Vec<usize>,
    /// The field that says who acted: the first named `unit_code`.
    pub unit: Option<usize>,
    /// The field that says where: `XZQHDM`.
    pub region: Option<usize>,
    /// The field that says when it happened: the first time that is a fact and must be there.
    pub event: Option<usize>,
    /// Stage order.
    pub order: u16,
    /// Rules across fields and stages.
    pub rules: Vec<Rule>,
    pub(crate) open_tag: Box<str>,
    pub(crate) close_tag: Box<str>,
    pub(crate) by_wire: Vec<(Box<str>, usize)>,
}

impl RecordType {
    /// Index of a field by its wire name.
    pub fn field_by_wire(&self, wire: &str) -> Option<usize> {
        let at = self.by_wire.binary_search_by(|(w, _)| (**w).cmp(wire)).ok()?;
        Some(self.by_wire[at].1)
    }

    /// Index of a field by its stable English name.
    pub fn field_by_name(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|f| f.name == name)
    }

    /// Index of a field by Chinese label or alias.
    pub fn field_by_label(&self, label: &str) -> Option<usize> {
        let named = |f: &Field| f.label == label || f.aliases.iter().any(|a| a == label);
        self.fields.iter().position(named)
    }
}

/// Something wrong in a format's files: where, what, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatProblem {
    /// File name as given to the compiler.
    pub file: String,
    /// Line, from 1; 0 where it concerns the whole file.
    pub line: usize,
    /// What is wrong and the next step.
    pub message: String,
}

impl fmt::Display for FormatProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}
