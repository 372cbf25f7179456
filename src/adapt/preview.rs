//! Source row, records and violations side by side, as data: for `adapter preview` and pages.

use canon::format::{CaseFacts, Format, Op, OpenLists};
use canon::{DigestAlg, Millis, Severity};
use serde::Serialize;

use crate::draft::{Draft, Drafts};
use crate::mapping::{Bound, Mapping};
use crate::row::Row;
use crate::sample::NAMESPACE;
use crate::told;

/// What becomes of one row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Preview {
    /// Line of the file, or number of the row in the query.
    pub row: u64,
    /// The row: declared column and value, in order; none where it is NULL.
    pub source: Vec<(String, Option<String>)>,
    /// Columns that no record of this row takes.
    pub unused: Vec<String>,
    /// Columns that feed a field with personal data.
    pub personal: Vec<String>,
    /// Why the row could not be read at all.
    pub broken: Vec<PreviewViolation>,
    /// The records.
    pub records: Vec<PreviewRecord>,
}

/// One record of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PreviewRecord {
    /// Stable English name of the type.
    pub name: String,
    /// Chinese label of the type.
    pub label: String,
    /// The key, where its parts are there.
    pub key: Option<String>,
    /// `put` or `void`.
    pub op: &'static str,
    /// Whether it would go up.
    pub valid: bool,
    /// Values, in field order.
    pub fields: Vec<PreviewField>,
    /// What is wrong with it.
    pub violations: Vec<PreviewViolation>,
}

/// One value with where it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PreviewField {
    /// Stable English name.
    pub name: String,
    /// Chinese label.
    pub label: String,
    /// Value in the record.
    pub value: String,
    /// Columns that fed it; none for a constant.
    pub from: Vec<String>,
    /// Whether the value differs from what the one column holds.
    pub changed: bool,
    /// Personal data: shown masked where others look on.
    pub personal: bool,
}

/// One violation as people read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PreviewViolation {
    /// Stable rule code.
    pub rule: String,
    /// Wire name of the field.
    pub field: String,
    /// Its Chinese label and its stable English name.
    pub called: (String, String),
    /// The column that feeds it, where there is one.
    pub column: Option<String>,
    /// What sort of value stands there, never the value: Chinese, English.
    pub class: Option<(String, String)>,
    /// What would mend it: Chinese, English.
    pub mend: (String, String),
    /// Whether the record goes up all the same.
    pub warning: bool,
    /// Chinese, with the source's column names.
    pub zh: String,
    /// English.
    pub en: String,
}

impl Mapping {
    /// Maps and judges one row by itself: rules across records see only this row's, and open lists
    /// are not looked up.
    pub fn preview(
        &self,
        format: &Format,
        bound: &Bound,
        row: Row<'_>,
        collected: Millis,
    ) -> Preview {
        let mut drafts = Drafts::new();
        self.map(bound, row, &mut drafts);
        let mut case = CaseFacts::new();
        for draft in drafts.as_mut_slice() {
            let namespace = draft.namespace.clone().unwrap_or_else(|| NAMESPACE.into());
            let rowdig = row.digest(DigestAlg::default());
            let attrs = draft.attributes(self, &namespace, collected, rowdig);
            let lists = OpenLists::new();
            let mut found = Vec::new();
            format.validate(draft.ty, &draft.values, &attrs, &case, &lists, &mut found);
            draft.absorb(&mut found);
            let key = format.key(draft.ty, &draft.values, &namespace);
            if let Some(key) = &key {
                let facts = format.facts(draft.ty, &draft.values);
                case.insert(&format.get(draft.ty).wire, key.part(), &facts);
            }
        }
        self.beside(format, bound, row, drafts.as_slice())
    }

    /// A row beside what was made of it.
    pub(crate) fn beside(
        &self,
        format: &Format,
        bound: &Bound,
        row: Row<'_>,
        drafts: &[Draft],
    ) -> Preview {
        let (mut records, mut used, mut personal) = (Vec::new(), Vec::new(), Vec::new());
        let source = self.source_of(bound, row);
        for draft in drafts {
            let namespace = draft.namespace.as_deref().unwrap_or(NAMESPACE);
            let key = format.key(draft.ty, &draft.values, namespace);
            let fields = self.fields_of(format, bound, draft, &source);
            used.extend(fields.iter().flat_map(|f: &PreviewField| f.from.clone()));
            let record = format.get(draft.ty);
            for field in record.fields.iter().filter(|f| f.personal) {
                let from = self.columns_of(bound.query, draft.block, &field.wire);
                personal.extend(from.into_iter().map(str::to_owned));
            }
            records.push(PreviewRecord {
                name: record.name.clone(),
                label: record.label.clone(),
                key: key.map(|k| k.to_string()),
                op: if draft.op == Op::Void { "void" } else { "put" },
                valid: !draft.is_refused(),
                fields,
                violations: self.violations_of(format, bound, draft, &source),
            });
        }
        let unused =
            source.iter().map(|(name, _)| name).filter(|n| !used.contains(n)).cloned().collect();
        personal.sort();
        personal.dedup();
        Preview { row: row.number, source, unused, personal, broken: Vec::new(), records }
    }

    fn source_of(&self, bound: &Bound, row: Row<'_>) -> Vec<(String, Option<String>)> {
        let columns = self.queries.get(bound.query).map_or(&[][..], |q| &q.columns);
        let value = |i: usize| {
            let slot = bound.slots.get(i).map_or(usize::MAX, |s| *s as usize);
            row.get(slot).map(str::to_owned)
        };
        columns.iter().enumerate().map(|(i, name)| (name.clone(), value(i))).collect()
    }

    fn fields_of(
        &self,
        format: &Format,
        bound: &Bound,
        draft: &Draft,
        source: &[(String, Option<String>)],
    ) -> Vec<PreviewField> {
        let record = format.get(draft.ty);
        let one = |(ix, value): (usize, &str)| {
            let field = record.fields.get(ix)?;
            let from: Vec<String> = self
                .columns_of(bound.query, draft.block, &field.wire)
                .into_iter()
                .map(str::to_owned)
                .collect();
            let before = source.iter().find(|(name, _)| from.first() == Some(name));
            let changed = !from.is_empty()
                && before.is_none_or(|(_, text)| text.as_deref().unwrap_or_default() != value);
            Some(PreviewField {
                name: field.name.clone(),
                label: field.label.clone(),
                value: value.to_owned(),
                from,
                changed,
                personal: field.personal,
            })
        };
        draft.values.iter().filter_map(one).collect()
    }

    fn violations_of(
        &self,
        format: &Format,
        bound: &Bound,
        draft: &Draft,
        source: &[(String, Option<String>)],
    ) -> Vec<PreviewViolation> {
        let one = |v: &canon::Violation| {
            let columns = self.columns_of(bound.query, draft.block, &v.field);
            let column = columns.first().map(|c| (*c).to_owned());
            let cell = source.iter().find(|(name, _)| Some(name) == column.as_ref());
            let name = column.clone().unwrap_or_else(|| v.field.to_string());
            PreviewViolation {
                rule: v.rule.to_string(),
                field: v.field.to_string(),
                called: called(format, draft, &v.field),
                class: cell.map(|(_, cell)| told::class(cell.as_deref())),
                mend: told::mend(&v.rule, &name),
                column,
                warning: v.severity == Severity::Warn,
                zh: self.said_zh(format, bound.query, draft, v),
                en: v.en.clone(),
            }
        };
        draft.violations.iter().map(one).collect()
    }
}

impl Preview {
    /// A row that could not be read.
    pub(crate) fn broken(row: u64, violation: &canon::Violation) -> Self {
        let broken = PreviewViolation {
            rule: violation.rule.to_string(),
            field: violation.field.to_string(),
            called: (violation.field.to_string(), violation.field.to_string()),
            column: None,
            class: None,
            mend: told::mend(&violation.rule, &violation.field),
            warning: false,
            zh: violation.zh.clone(),
            en: violation.en.clone(),
        };
        let (source, unused, personal, records) = (vec![], vec![], vec![], vec![]);
        Self { row, source, unused, personal, broken: vec![broken], records }
    }
}

/// What people call a field: by its Chinese label, by its English name.
fn called(format: &Format, draft: &Draft, wire: &str) -> (String, String) {
    let record = format.get(draft.ty);
    match record.field_by_wire(wire).and_then(|ix| record.fields.get(ix)) {
        Some(field) => (field.label.clone(), field.name.clone()),
        None => (record.label.clone(), record.name.clone()),
    }
}
