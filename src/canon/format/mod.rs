//! A format: an annotated XSD compiled to record types that validate, render and parse records.
//!
//! ```
//! use canon::format::{Attributes, CaseFacts, OpenLists, Values, supervision_1};
//! let format = supervision_1();
//! let ty = format.type_by_wire("SX").unwrap();
//! let mut values = Values::new();
//! values.set(format.get(ty).field_by_name("item_code").unwrap(), "99010000000000000X");
//! let mut violations = vec![];
//! let (case, lists) = (CaseFacts::new(), OpenLists::new());
//! format.validate(ty, &values, &Attributes::blank(), &case, &lists, &mut violations);
//! assert!(violations.iter().any(|v| v.rule.as_ref() == "field.required"));
//! ```

mod attributes;
mod builtin;
mod case;
mod checks;
mod compile;
mod content;
mod dictionary;
mod diff;
mod lists;
mod model;
mod parse;
mod pattern;
mod render;
mod rules;
mod scan;
mod table;
mod text;
mod time;
mod validate;
mod values;
mod workdays;
mod xsd;

use std::collections::BTreeMap;

pub use attributes::{
    Amended, Attributes, NAMESPACE_MAX, Nature, Op, TOKEN_MAX, VERSION_MAX, is_token, token_max,
};
pub use builtin::{supervision_1, supervision_1_files};
pub use case::{CaseFacts, fact};
pub use checks::{citizen_id_check_char, credit_code_check_char, org_code_check_char};
pub use compile::ANNOTATION_NS;
pub use diff::{Change, Touches};
pub use lists::{OpenList, OpenLists, edition_digest};
pub use model::{
    Check, CheckKind, CodeList, Condition, Direction, Field, FormatProblem, Kind, Lang, Other,
    RecordType, Rule, RuleBody, Test, TypeIx, Weight,
};
pub use parse::Parsed;
pub use pattern::Pattern;
pub use table::RuleRow;
pub use values::Values;
pub use workdays::WORKDAYS_MAX;

use crate::key::Key;

/// Most key fields of a record type.
const KEY_FIELDS_MAX: usize = 8;

/// A compiled format; immutable, shared by all workers.
#[derive(Clone, Debug)]
pub struct Format {
    edition: String,
    namespace: String,
    types: Vec<RecordType>,
    by_wire: Vec<(Box<str>, TypeIx)>,
    by_name: Vec<(Box<str>, TypeIx)>,
    /// File name and text, main file first.
    sources: Vec<(String, String)>,
}

impl Format {
    /// Compiles the files (name → text) of a format; the main file is `<name>.xsd`. Every problem
    /// is reported, each with its place and what to do.
    pub fn compile(
        name: &str,
        edition: &str,
        files: &BTreeMap<String, String>,
    ) -> Result<Self, Vec<FormatProblem>> {
        compile::compile(name, edition, files).map_err(|mut problems| {
            problems
                .sort_by(|a, b| (&a.file, a.line, &a.message).cmp(&(&b.file, b.line, &b.message)));
            problems.dedup();
            problems
        })
    }

    /// Name and edition: `supervision/1`.
    pub fn edition(&self) -> &str {
        &self.edition
    }

    /// XML namespace of the fragments: `urn:tiergate:supervision:1`.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Record types in stage order.
    pub fn types(&self) -> &[RecordType] {
        &self.types
    }

    /// Every type's index, in stage order.
    pub fn indices(&self) -> impl Iterator<Item = TypeIx> + use<> {
        (0..self.types.len()).map(|ix| TypeIx(ix as u16))
    }

    /// The type of a wire name (`SL`).
    pub fn type_by_wire(&self, wire: &str) -> Option<TypeIx> {
        find(&self.by_wire, wire)
    }

    /// The type of a stable English name (`acceptance`).
    pub fn type_by_name(&self, english: &str) -> Option<TypeIx> {
        find(&self.by_name, english)
    }

    /// A record type.
    pub fn get(&self, ty: TypeIx) -> &RecordType {
        &self.types[usize::from(ty.0)]
    }

    /// The record's key; none when a key field is absent.
    pub fn key(&self, ty: TypeIx, values: &Values, namespace: &str) -> Option<Key> {
        key_of(&self.get(ty).key, values, namespace)
    }

    /// Type and key of the record's parent; none when the type has no parent or a field is absent.
    pub fn parent_key(
        &self,
        ty: TypeIx,
        values: &Values,
        namespace: &str,
    ) -> Option<(TypeIx, Key)> {
        let record = self.get(ty);
        Some((record.parent?, key_of(&record.parent_key, values, namespace)?))
    }
}

fn find(index: &[(Box<str>, TypeIx)], name: &str) -> Option<TypeIx> {
    index.binary_search_by(|(n, _)| (**n).cmp(name)).ok().map(|at| index[at].1)
}

fn key_of(fields: &[usize], values: &Values, namespace: &str) -> Option<Key> {
    // Keys have few parts; a fixed buffer spares an allocation a record.
    let mut parts = [""; KEY_FIELDS_MAX];
    for (slot, &ix) in parts.iter_mut().zip(fields) {
        *slot = values.get(ix)?;
    }
    Some(Key::new(namespace, parts.get(..fields.len())?))
}
