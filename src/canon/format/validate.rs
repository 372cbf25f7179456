//! Judges one record: structure, then checks, then rules. Allocates only for what it finds.

use std::sync::Arc;

use super::checks;
use super::model::{Check, CodeList, Field, Kind, RecordType, Weight};
use super::text::{self, Text};
use super::time::{self, TimeFault};
use super::{
    Attributes, CaseFacts, Format, NAMESPACE_MAX, Nature, Op, OpenLists, TOKEN_MAX, TypeIx,
    VERSION_MAX, Values, is_token,
};
use crate::limits::VIOLATIONS_PER_RECORD_MAX;
use crate::time::Day;
use crate::violation::{Severity, Violation};

/// What a judgement reads, and where it writes.
pub(super) struct Judge<'a> {
    pub(super) format: &'a Format,
    pub(super) ty: TypeIx,
    pub(super) record: &'a RecordType,
    pub(super) values: &'a Values,
    pub(super) case: &'a CaseFacts,
    pub(super) lists: &'a OpenLists,
    pub(super) day: Day,
    pub(super) history: bool,
    pub(super) out: &'a mut Vec<Violation>,
    pub(super) room: usize,
}

impl Format {
    /// Judges a record and appends what is wrong with it. Nothing appended means valid; only
    /// [`Severity::Error`] keeps a record from going up. A void record repeats an older version,
    /// so that only its structure is judged.
    pub fn validate(
        &self,
        ty: TypeIx,
        values: &Values,
        attrs: &Attributes,
        case: &CaseFacts,
        lists: &OpenLists,
        out: &mut Vec<Violation>,
    ) {
        let record = self.get(ty);
        let day = attrs.collected.day();
        let room = out.len() + VIOLATIONS_PER_RECORD_MAX;
        let history = attrs.nature == Nature::History;
        let mut judge =
            Judge { format: self, ty, record, values, case, lists, day, history, out, room };
        judge.attributes(attrs);
        let put = attrs.op == Op::Put;
        for (ix, field) in record.fields.iter().enumerate() {
            match values.get(ix) {
                Some(value) => judge.value(field, value, put),
                None if field.required => {
                    judge.say("field.required", field, Weight::ERROR, text::required(field));
                }
                None if field.expected && put => {
                    judge.say("field.expected", field, Weight::WARN, text::expected(field));
                }
                None => {}
            }
        }
        if put {
            judge.rules();
        }
    }
}

impl Judge<'_> {
    /// Adds a violation on a field.
    pub(super) fn say(&mut self, code: &'static str, field: &Field, weight: Weight, text: Text) {
        let severity = weight.on(self.day, self.history);
        self.push(code, field.wire.clone(), severity, text);
    }

    fn push(&mut self, code: &'static str, field: Arc<str>, severity: Severity, text: Text) {
        if self.out.len() < self.room {
            let rule = Arc::from(code);
            self.out.push(Violation { rule, field, severity, zh: text.zh, en: text.en });
        }
    }

    fn attributes(&mut self, a: &Attributes) {
        let void = a.op == Op::Void;
        let token = |t: &Option<String>| match t {
            Some(t) => void && is_token(t, TOKEN_MAX),
            None => !void,
        };
        let (year, _, _) = a.collected.day().civil();
        let judged = [
            ("v", (1..=VERSION_MAX).contains(&a.version)),
            ("system", is_token(&a.system, TOKEN_MAX)),
            ("entered", a.entered.as_deref().is_none_or(|t| time::check(t).is_ok())),
            ("collected", (1..=9999).contains(&year)),
            ("ns", is_token(&a.namespace, NAMESPACE_MAX)),
            ("reason", token(&a.reason)),
            ("by", token(&a.by)),
        ];
        for (name, legal) in judged {
            if !legal {
                let text = Text {
                    zh: format!("报送属性 {name} 不合规定"),
                    en: format!("the attribute {name} is not as the protocol says"),
                };
                self.push("field.attribute", self.record.wire.clone(), Severity::Error, text);
            }
        }
    }

    /// Structure of one value, then (for a put) its open list and checks.
    fn value(&mut self, field: &Field, value: &str, put: bool) {
        if !self.structure(field, value) || !put {
            return;
        }
        if let Some(CodeList::Open { name, prefix }) = &field.list {
            self.open_list(field, value, name, *prefix);
        }
        for check in &field.checks {
            self.check(field, value, check);
        }
    }

    fn structure(&mut self, field: &Field, value: &str) -> bool {
        let problem = match field.kind {
            Kind::DateTime => match time::check(value) {
                Ok(()) => return true,
                Err(TimeFault::Form) => ("field.time_form", text::time_form(field)),
                Err(TimeFault::Calendar) => ("field.calendar", text::calendar(field)),
            },
            _ => match shape(field, value) {
                None => return true,
                Some(problem) => problem,
            },
        };
        self.say(problem.0, field, Weight::ERROR, problem.1);
        false
    }

    fn open_list(&mut self, field: &Field, value: &str, name: &str, prefix: bool) {
        if self.lists.is_empty() {
            return;
        }
        let Some(list) = self.lists.get(name, self.day) else { return };
        let known = list.contains_key(value)
            || (prefix
                && [9, 6].iter().any(|n| value.get(..*n).is_some_and(|p| list.contains_key(p))));
        if !known {
            let edition = self.lists.edition(name, self.day).unwrap_or("");
            let text = text::unknown_code(field, name, edition);
            // A code that has ended since was right in its time.
            self.say("field.code_unknown", field, Weight::LENIENT, text);
        }
    }

    fn check(&mut self, field: &Field, value: &str, check: &Check) {
        let values = self.values;
        if !check.when.holds(|ix| values.get(ix)) {
            return;
        }
        if let Err(fault) = checks::run(check.kind, value, self.day) {
            let (code, text) = text::fault(field, check.kind, fault);
            self.say(code, field, check.weight, text);
        }
    }
}

/// Code list, pattern, length and characters of a value.
fn shape(field: &Field, value: &str) -> Option<(&'static str, Text)> {
    if let Some(CodeList::Closed { codes, .. }) = &field.list {
        let listed = codes.binary_search_by(|(c, _)| (**c).cmp(value)).is_ok();
        return (!listed).then(|| ("field.list", text::not_listed(field, codes)));
    }
    if let Some(pattern) = &field.pattern
        && !pattern.matches(value)
    {
        return Some(("field.pattern", text::pattern(field, &pattern.text)));
    }
    // A character has at least one byte: short texts need no counting.
    if value.len() > field.max_len as usize || field.min_len > 1 {
        let chars = value.chars().count();
        if chars > field.max_len as usize {
            return Some(("field.too_long", text::too_long(field, chars)));
        }
        if chars < field.min_len as usize {
            return Some(("field.too_short", text::too_short(field, chars)));
        }
    }
    if field.pattern.is_some() {
        return None;
    }
    if !legal_characters(value) {
        return Some(("field.character", text::character(field)));
    }
    value.trim_start().is_empty().then(|| ("field.blank", text::blank(field)))
}

/// Whether XML 1.0 can hold every character.
fn legal_characters(value: &str) -> bool {
    let plain = |b: u8| (b >= 0x20 && b != 0xef) || matches!(b, b'\t' | b'\n' | b'\r');
    value.bytes().all(plain)
        || value.chars().all(|c| {
            !matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
        })
}
