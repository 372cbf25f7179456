//! The data dictionary as Markdown, and the format as one file.

use std::fmt::Write as _;

use super::model::{CodeList, Field, Kind, Lang, RecordType};
use super::{Format, RuleRow, TypeIx, text};
use crate::Severity;

impl Format {
    /// The data dictionary: record types, fields, code lists and rules.
    pub fn dictionary_markdown(&self, lang: Lang) -> String {
        let mut out = String::new();
        let zh = lang == Lang::Zh;
        let title = if zh { "数据字典" } else { "Data dictionary" };
        line(&mut out, format_args!("# {title} {}\n", self.edition));
        self.contents(lang, &mut out);
        for ty in self.indices() {
            self.type_section(ty, lang, &mut out);
        }
        line(&mut out, format_args!("## {}\n", if zh { "代码表" } else { "Code lists" }));
        self.lists(lang, &mut out);
        line(&mut out, format_args!("## {}\n", if zh { "规则" } else { "Rules" }));
        let head = if zh {
            "| 规则 | 级别 | 字段 | 内容 | 代码 |"
        } else {
            "| Rule | Severity | Field | What must hold | Codes |"
        };
        line(&mut out, format_args!("{head}\n|---|---|---|---|---|"));
        let everywhere = if zh {
            "| `*.blank` | 错误 | 自由文本和编号 | 不能只有空格 | `field.blank` |\n\
             | `*.calendar` | 错误 | 时间 | 日期和时刻存在 | `field.calendar` |"
        } else {
            "| `*.blank` | error | free text and numbers | is not only blanks | `field.blank` |\n\
             | `*.calendar` | error | times | exists in the calendar | `field.calendar` |"
        };
        line(&mut out, format_args!("{everywhere}"));
        for row in self.rules().iter().filter(|r| !is_everywhere(&r.codes)) {
            let severity = severity(row, lang);
            let text = cell(if zh { &row.zh } else { &row.en });
            let codes = row.codes.join(" ");
            line(
                &mut out,
                format_args!(
                    "| `{}` | {severity} | `{}` | {text} | `{codes}` |",
                    row.id, row.field
                ),
            );
        }
        out
    }

    /// Every type on one line, so that a reader of many finds the one.
    fn contents(&self, lang: Lang, out: &mut String) {
        let (title, head) = match lang {
            Lang::Zh => ("记录类型", "| 类型 | 中文名 | 英文名 | 上级记录 | 字段数 |"),
            Lang::En => ("Record types", "| Type | Label | Name | Parent | Fields |"),
        };
        line(out, format_args!("## {title}\n\n{head}\n|---|---|---|---|---|"));
        for t in &self.types {
            let parent = t.parent.map_or("", |p| &*self.get(p).wire);
            let (wire, label, name, fields) = (&t.wire, &t.label, &t.name, t.fields.len());
            line(out, format_args!("| `{wire}` | {label} | `{name}` | {parent} | {fields} |"));
        }
        out.push('\n');
    }

    fn type_section(&self, ty: TypeIx, lang: Lang, out: &mut String) {
        let zh = lang == Lang::Zh;
        let t = self.get(ty);
        line(out, format_args!("## {} {} `{}`\n", t.wire, t.label, t.name));
        let told = if zh { &t.note } else { &t.doc };
        if !told.is_empty() {
            line(out, format_args!("{told}\n"));
        }
        if let Some(origin) = &t.origin {
            let other = t.fields.iter().any(|f| f.origin.is_some());
            let said = match (origin.as_str(), zh) {
                (text::OWN, true) => {
                    "来源：本格式自定；没有公开标准规定这组字段，按同类标准的样式设计"
                }
                (text::OWN, false) => {
                    "Origin: this format's own; no published standard fixes these fields, \
                     they are designed as the standards do"
                }
                (named, true) if other => &format!("来源：{named}（另行注明的字段除外）"),
                (named, true) => &format!("来源：{named}"),
                (named, false) if other => {
                    &format!("Origin: {named} (but for fields that say otherwise)")
                }
                (named, false) => &format!("Origin: {named}"),
            };
            line(out, format_args!("{said}\n"));
        }
        if !t.aliases.is_empty() {
            let head = if zh { "又称：" } else { "Also called: " };
            line(out, format_args!("{head}{}\n", t.aliases.join("、")));
        }
        let key: Vec<_> = t.key.iter().map(|ix| format!("`{}`", t.fields[*ix].wire)).collect();
        let parent = t.parent.map_or("—".to_owned(), |p| format!("`{}`", self.get(p).wire));
        let (k, p, sep) =
            if zh { ("主键", "上级记录", "；") } else { ("Key", "parent", "; ") };
        line(out, format_args!("{k} {}{sep}{p} {parent}\n", key.join(" + ")));
        let head = if zh {
            "| 元素 | 中文名 | 英文名 | 类型 | 必填 | 代码表 | 说明 |"
        } else {
            "| Element | Label | Name | Type | Required | List | Notes |"
        };
        line(out, format_args!("{head}\n|---|---|---|---|---|---|---|"));
        for field in &t.fields {
            field_row(t, field, lang, out);
        }
        out.push('\n');
    }

    fn lists(&self, lang: Lang, out: &mut String) {
        let mut lists = vec![];
        for list in self.types.iter().flat_map(|t| &t.fields).filter_map(|f| f.list.as_ref()) {
            lists.push(match list {
                CodeList::Closed { name, codes } => (name, Some(codes)),
                CodeList::Open { name, .. } => (name, None),
            });
        }
        lists.sort();
        lists.dedup();
        for (name, codes) in lists {
            line(out, format_args!("### {name}\n"));
            match codes {
                Some(codes) => {
                    for (code, label) in codes.iter() {
                        line(out, format_args!("- `{code}` {label}"));
                    }
                    out.push('\n');
                }
                None if lang == Lang::Zh => line(out, format_args!("开放代码表，按版本下发。\n")),
                None => line(out, format_args!("An open list that comes down in editions.\n")),
            }
        }
    }

    /// The whole format as one XSD, for tools that want a single file.
    pub fn flat_xsd(&self) -> String {
        let mut out = String::new();
        for (ix, (_, text)) in self.sources.iter().enumerate() {
            let body = text.split_once("<xs:schema").and_then(|(_, rest)| rest.split_once('>'));
            let Some((open, body)) = body else { continue };
            if ix == 0 {
                out.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<xs:schema");
                out.push_str(open);
                out.push('>');
            }
            let body = body.rsplit_once("</xs:schema>").map_or(body, |(b, _)| b);
            for text in body.split_inclusive('\n').filter(|l| !l.contains("<xs:include")) {
                out.push_str(text);
            }
        }
        out.push_str("</xs:schema>\n");
        out
    }
}

/// Whether a rule holds for every field of a kind, so that one line says it.
fn is_everywhere(codes: &[&str]) -> bool {
    matches!(codes, ["field.blank" | "field.calendar"])
}

fn field_row(record: &RecordType, f: &Field, lang: Lang, out: &mut String) {
    let zh = lang == Lang::Zh;
    let required = match (f.required, f.expected, zh) {
        (true, _, true) => "是",
        (true, _, false) => "yes",
        (_, true, true) => "应填",
        (_, true, false) => "expected",
        _ => "",
    };
    let list = match &f.list {
        Some(CodeList::Closed { name, .. } | CodeList::Open { name, .. }) => &**name,
        None => "",
    };
    let mut notes = vec![if zh { f.note.clone() } else { f.doc.clone() }];
    // What is said of the whole record is not said again of each field.
    match f.origin.as_deref().filter(|o| record.origin.as_deref() != Some(*o)) {
        Some(text::OWN) => {
            notes.push(if zh { "本格式自定" } else { "this format's own" }.to_owned());
        }
        Some(named) if zh => notes.push(format!("来源 {named}")),
        Some(named) => notes.push(format!("from {named}")),
        None => {}
    }
    if zh && !f.aliases.is_empty() {
        notes.push(format!("又称 {}", f.aliases.join("、")));
    }
    let ix = record.field_by_wire(&f.wire).unwrap_or(usize::MAX);
    for (is, zh_word, en_word) in [
        (record.key.contains(&ix), "主键", "key"),
        (f.fact, "事实", "fact"),
        (f.volatile, "不计入内容摘要", "volatile"),
        (f.personal, "个人信息", "personal"),
    ] {
        if is {
            notes.push((if zh { zh_word } else { en_word }).to_owned());
        }
    }
    notes.retain(|n| !n.is_empty());
    let notes = cell(&notes.join(if zh { "；" } else { "; " }));
    line(
        out,
        format_args!(
            "| `{}` | {} | `{}` | {} | {required} | {list} | {notes} |",
            f.wire,
            f.label,
            f.name,
            form(f, lang)
        ),
    );
}

/// Kind and size in words.
fn form(f: &Field, lang: Lang) -> String {
    let zh = lang == Lang::Zh;
    let kind = match (f.kind, zh) {
        (Kind::Text, true) => "文本",
        (Kind::Code, true) => "代码",
        (Kind::Int, true) => "整数",
        (Kind::Decimal, true) => "金额",
        (Kind::DateTime, true) => "时间",
        (Kind::Digest, true) => "摘要",
        (kind, false) => kind.as_str(),
    };
    let told = if zh { &f.form.0 } else { &f.form.1 };
    match &f.pattern {
        _ if f.kind == Kind::DateTime => kind.to_owned(),
        Some(_) if zh && !told.is_empty() => cell(told),
        Some(_) if !told.is_empty() => format!("{kind}: {}", cell(told)),
        Some(p) => format!("{kind} `{}`", cell(&p.text)),
        None if f.max_len == u32::MAX => kind.to_owned(),
        None if f.min_len == f.max_len => format!("{kind}({})", f.max_len),
        None => format!("{kind}({}..{})", f.min_len, f.max_len),
    }
}

/// Severity in words, with the day it rises and what old records get.
fn severity(row: &RuleRow, lang: Lang) -> String {
    let word = |severity| match (severity, lang) {
        (Severity::Error, Lang::Zh) => "错误",
        (Severity::Warn, Lang::Zh) => "提示",
        (Severity::Error, Lang::En) => "error",
        (Severity::Warn, Lang::En) => "warn",
    };
    let mut out = word(row.severity).to_owned();
    if let Some(day) = row.error_from {
        out.push_str(&match lang {
            Lang::Zh => format!("，{day} 起为错误"),
            Lang::En => format!(", error from {day}"),
        });
    }
    if let Some(history) = row.history.filter(|h| *h != row.severity || row.error_from.is_some()) {
        let word = word(history);
        out.push_str(&match lang {
            Lang::Zh => format!("，历史数据为{word}"),
            Lang::En => format!(", {word} for history"),
        });
    }
    out
}

/// Text that a table cell can hold.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("writing to a string cannot fail");
}
