//! Fields of one record type: added, gone, renamed, asked for, shorter, of other codes.

use std::collections::BTreeMap;

use super::super::model::{CodeList, Field, RecordType};
use super::{Change, Touches, of_field};

pub(super) fn compare(before: &RecordType, after: &RecordType, out: &mut Vec<Change>) {
    for new in &after.fields {
        match before.field_by_name(&new.name).and_then(|ix| before.fields.get(ix)) {
            Some(old) => field(after, old, new, out),
            None => out.push(added(before, after, new)),
        }
    }
    for gone in before.fields.iter().filter(|f| after.field_by_name(&f.name).is_none()) {
        let said = match after.field_by_wire(&gone.wire).and_then(|ix| after.fields.get(ix)) {
            Some(now) => {
                (format!("is called {} now", now.name), format!("英文名改为 {}", now.name))
            }
            None => ("the field is gone".to_owned(), "字段已删除".to_owned()),
        };
        out.push(of_field(before, gone, "field_removed", true, said));
    }
    order(before, after, out);
}

fn added(before: &RecordType, after: &RecordType, new: &Field) -> Change {
    let renamed = before.field_by_wire(&new.wire).and_then(|ix| before.fields.get(ix));
    let of = |what, breaks, en: &str, zh: &str| {
        of_field(after, new, what, breaks, (en.to_owned(), zh.to_owned()))
    };
    match (renamed, new.required) {
        (Some(old), _) => {
            let en = format!("was called {}; adapters map to the English name", old.name);
            let zh = format!("原英文名 {}，适配包按英文名映射", old.name);
            Change { touches: Touches::Nothing, ..of("field_renamed", true, &en, &zh) }
        }
        (None, true) => {
            let change = of(
                "field_added_required",
                true,
                "a new field, and it must be there",
                "新增必填字段",
            );
            Change { touches: Touches::Record, ..change }
        }
        (None, false) => of("field_added", false, "a new optional field", "新增可选字段"),
    }
}

fn field(record: &RecordType, old: &Field, new: &Field, out: &mut Vec<Change>) {
    let mut say = |what, breaks, en: String, zh: String| {
        out.push(of_field(record, new, what, breaks, (en, zh)));
    };
    if old.wire != new.wire {
        let (from, to) = (&old.wire, &new.wire);
        say(
            "field_rewritten",
            true,
            format!("written {to}, was {from}"),
            format!("元素名由 {from} 改为 {to}"),
        );
    }
    match (old.required, new.required) {
        (false, true) => {
            say("field_required", true, "must be there now".to_owned(), "改为必填".to_owned())
        }
        (true, false) => say(
            "field_optional",
            false,
            "need not be there any more".to_owned(),
            "改为可选".to_owned(),
        ),
        _ if !old.expected && new.expected => say(
            "field_expected",
            false,
            "its absence is a warning now".to_owned(),
            "改为应填（缺时提示）".to_owned(),
        ),
        _ => {}
    }
    if old.kind != new.kind {
        let (from, to) = (old.kind.as_str(), new.kind.as_str());
        say(
            "type_changed",
            true,
            format!("is of kind {to}, was {from}"),
            format!("类型由 {from} 改为 {to}"),
        );
    }
    if old.volatile != new.volatile {
        say(
            "volatile_changed",
            false,
            "counts otherwise in the content digest: unchanged rows may look changed once"
                .to_owned(),
            "内容摘要的计法改变，未改动的行可能被再次报送一次".to_owned(),
        );
    }
    lengths(record, old, new, out);
    codes(record, old, new, out);
}

/// Lengths and forms.
fn lengths(record: &RecordType, old: &Field, new: &Field, out: &mut Vec<Change>) {
    let mut say = |what, breaks, en: String, zh: String| {
        out.push(of_field(record, new, what, breaks, (en, zh)));
    };
    let (from, to) = (old.max_len, new.max_len);
    if from != to {
        let (what, breaks) = if to < from { ("shortened", true) } else { ("lengthened", false) };
        let words = |n: u32| if n == u32::MAX { "∞".to_owned() } else { n.to_string() };
        let (from, to) = (words(from), words(to));
        say(
            what,
            breaks,
            format!("at most {to} characters, was {from}"),
            format!("最多 {to} 字，原为 {from} 字"),
        );
    }
    if new.min_len > old.min_len {
        let (from, to) = (old.min_len, new.min_len);
        say(
            "min_raised",
            true,
            format!("at least {to} characters, was {from}"),
            format!("至少 {to} 字，原为 {from} 字"),
        );
    }
    let text = |f: &Field| f.pattern.as_ref().map(|p| p.text.clone());
    match (text(old), text(new)) {
        (from, to) if from == to => {}
        (_, None) => {
            say("form_freed", false, "its form is free now".to_owned(), "不再限定格式".to_owned())
        }
        (from, Some(to)) => {
            let from = from.unwrap_or_else(|| "—".to_owned());
            say(
                "form_changed",
                true,
                format!("must match {to}, was {from}"),
                format!("格式改为 {to}，原为 {from}"),
            );
        }
    }
}

/// Code lists, closed and open.
fn codes(record: &RecordType, old: &Field, new: &Field, out: &mut Vec<Change>) {
    let mut say = |what, breaks, en: String, zh: String| {
        out.push(of_field(record, new, what, breaks, (en, zh)));
    };
    match (&old.list, &new.list) {
        (Some(CodeList::Closed { codes: from, .. }), Some(CodeList::Closed { codes: to, .. })) => {
            let (from, to) = (by_code(from), by_code(to));
            for (code, label) in from.iter().filter(|(c, _)| !to.contains_key(*c)) {
                say(
                    "code_removed",
                    true,
                    format!("the code {code} ({label}) is gone"),
                    format!("删除代码 {code}（{label}）"),
                );
            }
            for (code, label) in &to {
                match from.get(code) {
                    None => say(
                        "code_added",
                        false,
                        format!("a new code {code} ({label})"),
                        format!("新增代码 {code}（{label}）"),
                    ),
                    Some(was) if was != label => say(
                        "code_relabelled",
                        true,
                        format!("the code {code} means {label}, was {was}"),
                        format!("代码 {code} 的含义由 {was} 改为 {label}"),
                    ),
                    Some(_) => {}
                }
            }
        }
        (Some(CodeList::Open { name: from, .. }), Some(CodeList::Open { name: to, .. }))
            if from == to => {}
        (None, None) => {}
        (Some(_), None) => say(
            "list_freed",
            false,
            "no code list any more".to_owned(),
            "不再使用代码表".to_owned(),
        ),
        (_, Some(list)) => {
            let (CodeList::Closed { name, .. } | CodeList::Open { name, .. }) = list;
            say(
                "list_changed",
                true,
                format!("its codes are those of {name} now"),
                format!("代码表改为 {name}"),
            );
        }
    }
}

fn by_code(codes: &[(Box<str>, Box<str>)]) -> BTreeMap<&str, &str> {
    codes.iter().map(|(code, label)| (&**code, &**label)).collect()
}

/// The sequence of the elements that both have: a stock reader of the older edition asks for it.
fn order(before: &RecordType, after: &RecordType, out: &mut Vec<Change>) {
    let of = |t: &RecordType, other: &RecordType| -> Vec<String> {
        let both = t.fields.iter().filter(|f| other.field_by_name(&f.name).is_some());
        both.map(|f| f.name.clone()).collect()
    };
    let (from, to) = (of(before, after), of(after, before));
    let moved = from.iter().zip(&to).find(|(a, b)| a != b).map(|(_, b)| b);
    let Some(field) = moved.and_then(|name| after.fields.get(after.field_by_name(name)?)) else {
        return;
    };
    let said = (
        "from here on the elements stand in another order".to_owned(),
        "自此字段起元素次序改变".to_owned(),
    );
    let change = of_field(after, field, "order_changed", true, said);
    out.push(Change { touches: Touches::Nothing, ..change });
}
