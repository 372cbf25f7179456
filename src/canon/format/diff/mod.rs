//! What changed between two editions of a format, and what of it breaks those who send by the older
//! one. Types and fields are the same where their English names are: that is what adapters map to.

mod fields;
mod rules;

use super::model::{Field, RecordType};
use super::{Format, TypeIx};

/// Whose lines of an adapter a change concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touches {
    /// Nobody's.
    Nothing,
    /// Those that map the field.
    Field,
    /// Every block of the record type.
    Record,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What happened, one word: `field_removed`.
    pub what: &'static str,
    /// Wire name of the record type.
    pub record: String,
    /// Its English name.
    pub record_name: String,
    /// Wire name of the field.
    pub field: Option<String>,
    /// Its English name.
    pub field_name: Option<String>,
    /// Whether a record that was right by the older edition may be wrong by the newer one.
    pub breaks: bool,
    /// Which lines of an adapter it concerns.
    pub touches: Touches,
    /// English.
    pub en: String,
    /// Chinese.
    pub zh: String,
}

impl Format {
    /// Every difference from an older edition, in the order of the newer one; what is gone stands last.
    pub fn changes_since(&self, old: &Self) -> Vec<Change> {
        let mut out = vec![];
        for new in &self.types {
            match old.type_by_name(&new.name) {
                Some(ty) => compare(old, old.get(ty), self, new, &mut out),
                None => out.push(of_type(new, "type_added", false, added(old, new))),
            }
        }
        for gone in old.types.iter().filter(|t| self.type_by_name(&t.name).is_none()) {
            let said = ("the record type is gone".to_owned(), "记录类型已删除".to_owned());
            out.push(Change {
                touches: Touches::Record,
                ..of_type(gone, "type_removed", true, said)
            });
        }
        out
    }
}

fn added(old: &Format, new: &RecordType) -> (String, String) {
    match old.type_by_wire(&new.wire) {
        Some(ty) => {
            let before = &old.get(ty).name;
            (
                format!("a record type, called {before} before"),
                format!("记录类型，原英文名 {before}"),
            )
        }
        None => ("a new record type".to_owned(), "新增记录类型".to_owned()),
    }
}

fn compare(
    old: &Format,
    before: &RecordType,
    new: &Format,
    after: &RecordType,
    out: &mut Vec<Change>,
) {
    if before.wire != after.wire {
        let (from, to) = (&before.wire, &after.wire);
        let said = (format!("written {to}, was {from}"), format!("元素名由 {from} 改为 {to}"));
        out.push(of_type(after, "type_rewritten", true, said));
    }
    identity(old, before, new, after, out);
    fields::compare(before, after, out);
    rules::compare((old, before), (new, after), out);
}

/// Keys and parents.
fn identity(
    old: &Format,
    before: &RecordType,
    new: &Format,
    after: &RecordType,
    out: &mut Vec<Change>,
) {
    let key = |t: &RecordType| {
        let names = t.key.iter().filter_map(|ix| t.fields.get(*ix));
        names.map(|f| f.name.clone()).collect::<Vec<_>>().join(" + ")
    };
    let parent = |format: &Format, ty: Option<TypeIx>| {
        ty.map_or_else(|| "—".to_owned(), |ty| format.get(ty).name.clone())
    };
    let pairs = [
        ("key_changed", ("key", "主键"), key(before), key(after)),
        (
            "parent_changed",
            ("parent", "上级记录"),
            parent(old, before.parent),
            parent(new, after.parent),
        ),
    ];
    for (what, (en, zh), from, to) in pairs {
        if from != to {
            let said = (format!("{en} is {to}, was {from}"), format!("{zh}由 {from} 改为 {to}"));
            out.push(Change { touches: Touches::Record, ..of_type(after, what, true, said) });
        }
    }
}

fn of_type(
    record: &RecordType,
    what: &'static str,
    breaks: bool,
    (en, zh): (String, String),
) -> Change {
    Change {
        what,
        record: record.wire.to_string(),
        record_name: record.name.clone(),
        field: None,
        field_name: None,
        breaks,
        touches: Touches::Nothing,
        en,
        zh,
    }
}

fn of_field(
    record: &RecordType,
    field: &Field,
    what: &'static str,
    breaks: bool,
    said: (String, String),
) -> Change {
    Change {
        field: Some(field.wire.to_string()),
        field_name: Some(field.name.clone()),
        touches: if breaks { Touches::Field } else { Touches::Nothing },
        ..of_type(record, what, breaks, said)
    }
}
