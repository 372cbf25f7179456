//! Rules and checks of one record type: new, gone, sharper, milder, of another content.

use super::super::model::{Lang, RecordType, Rule, RuleBody, Weight};
use super::super::{Format, text};
use super::{Change, Touches, of_field};
use crate::Severity;

/// A rule or check, so that the two editions' can be held beside one another.
struct One {
    /// Rule id, or `FIELD.check` by English names.
    id: String,
    /// Index of the field.
    field: usize,
    weight: Weight,
    /// Everything but the weight, in both languages.
    content: (String, String),
    /// Rules across fields concern every block that maps the type.
    touches: Touches,
}

pub(super) fn compare(
    (old, before): (&Format, &RecordType),
    (new, after): (&Format, &RecordType),
    out: &mut Vec<Change>,
) {
    let (old, new) = (all(old, before), all(new, after));
    for one in &new {
        let Some(field) = after.fields.get(one.field) else { continue };
        let id = &one.id;
        let mut say = |what, breaks, en: String, zh: String| {
            let change = of_field(after, field, what, breaks, (en, zh));
            let touches = if breaks { one.touches } else { Touches::Nothing };
            out.push(Change { touches, ..change });
        };
        let Some(was) = old.iter().find(|o| o.id == *id) else {
            // Every rule of a field that is new itself comes with it.
            if before.field_by_name(&field.name).is_none() {
                continue;
            }
            let breaks = may_refuse(one.weight);
            let word = if breaks { ("an error", "错误") } else { ("a warning", "提示") };
            say(
                "rule_added",
                breaks,
                format!("a new rule {id}, {}", word.0),
                format!("新增规则 {id}（{}）", word.1),
            );
            continue;
        };
        if was.content != one.content {
            say(
                "rule_changed",
                may_refuse(one.weight),
                format!("the rule {id} asks something else: {}", one.content.0),
                format!("规则 {id} 内容改变：{}", one.content.1),
            );
        }
        if sharper(was.weight, one.weight) {
            say(
                "rule_sharpened",
                true,
                format!("the rule {id} is {}, was {}", said(one.weight), said(was.weight)),
                format!("规则 {id} 加严：{}，原为 {}", said(one.weight), said(was.weight)),
            );
        } else if was.weight != one.weight {
            say(
                "rule_softened",
                false,
                format!("the rule {id} is {}, was {}", said(one.weight), said(was.weight)),
                format!("规则 {id} 放宽：{}，原为 {}", said(one.weight), said(was.weight)),
            );
        }
    }
    for gone in old.iter().filter(|o| new.iter().all(|n| n.id != o.id)) {
        let Some(field) = before.fields.get(gone.field) else { continue };
        let id = &gone.id;
        let said = (format!("the rule {id} is gone"), format!("规则 {id} 已取消"));
        out.push(of_field(before, field, "rule_removed", false, said));
    }
}

/// Whether it can refuse a record, now or from a day on.
fn may_refuse(weight: Weight) -> bool {
    weight.severity == Severity::Error || weight.error_from.is_some()
}

fn sharper(old: Weight, new: Weight) -> bool {
    let live = match (old.severity, new.severity) {
        (Severity::Warn, Severity::Error) => true,
        (Severity::Error, _) => false,
        (Severity::Warn, Severity::Warn) => match (old.error_from, new.error_from) {
            (None, Some(_)) => true,
            (Some(from), Some(to)) => to < from,
            (_, None) => false,
        },
    };
    let history = |w: Weight| w.history.unwrap_or(w.severity);
    live || (history(old) == Severity::Warn && history(new) == Severity::Error)
}

fn said(weight: Weight) -> String {
    let word = |severity| match severity {
        Severity::Error => "error",
        Severity::Warn => "warn",
    };
    let mut out = word(weight.severity).to_owned();
    if let Some(day) = weight.error_from {
        out.push_str(&format!(" error_from={day}"));
    }
    if let Some(history) = weight.history {
        out.push_str(&format!(" history={}", word(history)));
    }
    out
}

fn all(format: &Format, record: &RecordType) -> Vec<One> {
    let mut out = vec![];
    for (ix, field) in record.fields.iter().enumerate() {
        for check in &field.checks {
            out.push(One {
                id: format!("{}.{}", field.name, check.kind.as_str()),
                field: ix,
                weight: check.weight,
                content: (
                    text::when(&check.when, record, Lang::En),
                    text::when(&check.when, record, Lang::Zh),
                ),
                touches: Touches::Field,
            });
        }
    }
    for rule in &record.rules {
        // Where a rule comes from is no part of what it asks.
        let plain = Rule { origin: None, ..rule.clone() };
        let row = format.declared(record, &plain);
        let id = rule.id.split_once('.').map_or(&*rule.id, |(_, id)| id).to_owned();
        let field = record.fields.get(rule.field).map_or("", |f| f.name.as_str());
        out.push(One {
            id,
            field: rule.field,
            weight: rule.weight,
            content: (format!("{field} {}", row.en), format!("{field} {}", row.zh)),
            touches: match rule.body {
                RuleBody::Require => Touches::Record,
                _ => Touches::Field,
            },
        });
    }
    out
}
