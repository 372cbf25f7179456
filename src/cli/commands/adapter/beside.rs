//! A preview on a terminal: source row and record in columns, what is wrong beneath them.

use adapt::{Preview, PreviewField, PreviewRecord, PreviewViolation};

use crate::text::{Lang, width};

/// Cells of the four columns: a line takes 79.
const WIDTHS: [usize; 4] = [19, 18, 18, 18];
/// Cells of a line that is broken at words.
const LINE: usize = 79;

/// Takes personal values out; what is there is said by its sort.
pub(super) fn mask(row: &mut Preview) {
    let personal = std::mem::take(&mut row.personal);
    for (name, cell) in &mut row.source {
        if let Some(cell) = cell.as_mut().filter(|_| personal.contains(name)) {
            *cell = hidden(cell);
        }
    }
    let fields = row.records.iter_mut().flat_map(|r| &mut r.fields);
    for field in fields.filter(|f| f.personal) {
        field.value = hidden(&field.value);
    }
    row.personal = personal;
}

fn hidden(value: &str) -> String {
    "*".repeat(value.chars().count().min(8))
}

/// The lines of one row.
pub(super) fn lines(row: &Preview, lang: Lang) -> Vec<String> {
    let mut out = Vec::new();
    for record in &row.records {
        out.push(heading(row.row, record, lang));
        out.push(columns(lang.of(HEAD_EN, HEAD_ZH), " "));
        table(row, record, lang, &mut out);
        record.violations.iter().for_each(|v| wrong(row.row, v, lang, &mut out));
    }
    if row.records.is_empty() {
        let none = lang.of("no record: no condition holds", "未出记录：不合任何条件");
        let none = if row.broken.is_empty() { none } else { lang.of("unreadable", "无法读出") };
        out.push(match lang {
            Lang::En => format!("row {}: {none}", row.row),
            Lang::Zh => format!("第 {} 行：{none}", row.row),
        });
    }
    row.broken.iter().for_each(|v| wrong(row.row, v, lang, &mut out));
    if !row.unused.is_empty() && !row.records.is_empty() {
        let unused = row.unused.join(lang.of(", ", "、"));
        let text = format!("{}{unused}", lang.of("unused: ", "未用的列："));
        broken(&text, "  ", &mut out);
    }
    out.push(String::new());
    out
}

const HEAD_ZH: [&str; 4] = ["来源列", "来源值", "字段", "记录值"];
const HEAD_EN: [&str; 4] = ["column", "source", "field", "record"];

fn heading(row: u64, record: &PreviewRecord, lang: Lang) -> String {
    let state = match (record.valid, record.violations.is_empty()) {
        (true, true) => lang.of("valid", "合格"),
        (true, false) => lang.of("valid, with warnings", "合格，有提示"),
        (false, _) => lang.of("wrong: goes back to its owner", "有错，将退回来源单位"),
    };
    let void = if record.op == "void" { lang.of(", void", "，作废") } else { "" };
    match lang {
        Lang::En => format!("row {row} → {}{void} ({state})", record.name),
        Lang::Zh => format!("第 {row} 行 → {}{void}（{state}）", record.label),
    }
}

/// Source beside record: a line a field, then the columns that gave nothing.
fn table(row: &Preview, record: &PreviewRecord, lang: Lang, out: &mut Vec<String>) {
    let marked = |column: &str| {
        let of = |v: &&PreviewViolation| v.column.as_deref() == Some(column);
        record.violations.iter().find(of).map_or(" ", |v| if v.warning { "?" } else { "!" })
    };
    let cell = |name: &str| {
        let found = row.source.iter().find(|(column, _)| column == name);
        found.map_or("", |(_, cell)| cell.as_deref().unwrap_or("NULL"))
    };
    for field in &record.fields {
        let label = if lang == Lang::Zh { &field.label } else { &field.name };
        let first = field.from.first().map_or("", String::as_str);
        let same = !field.changed && !first.is_empty();
        let value = if same { lang.of("=", "同左") } else { &field.value };
        let source = if first.is_empty() { lang.of("(fixed)", "（固定）") } else { first };
        out.push(columns([source, cell(first), label, value], marked(first)));
        for more in field.from.iter().skip(1) {
            out.push(columns([more, cell(more), "", ""], marked(more)));
        }
    }
    // Wrong and without a value in the record: the column alone.
    let there = |f: &PreviewField, column: &str| f.from.iter().any(|c| c == column);
    let mut told = Vec::new();
    for violation in &record.violations {
        let Some(column) = &violation.column else { continue };
        if told.contains(&column) || record.fields.iter().any(|f| there(f, column)) {
            continue;
        }
        told.push(column);
        let none = lang.of("(nothing)", "（无）");
        let called = lang.of(&violation.called.1, &violation.called.0);
        out.push(columns([column, cell(column), called, none], marked(column)));
    }
}

/// What is wrong: row, column, rule; the sort of value; what mends it.
fn wrong(row: u64, v: &PreviewViolation, lang: Lang, out: &mut Vec<String>) {
    let mark = if v.warning { "?" } else { "!" };
    let column = v.column.as_deref().unwrap_or(&v.field);
    match lang {
        Lang::Zh => {
            let said = v.zh.strip_prefix(&format!("第 {row} 行")).unwrap_or(&v.zh);
            broken(&format!("第 {row} 行{said} [{}]", v.rule), &format!("  {mark} "), out);
        }
        Lang::En => {
            let said = format!("row {row} `{column}`: {} [{}]", v.en, v.rule);
            broken(&said, &format!("  {mark} "), out);
        }
    }
    if let Some((zh, en)) = &v.class {
        let text = format!("{}{}", lang.of("value: ", "值："), lang.of(en, zh));
        broken(&text, "      ", out);
    }
    let mend = format!("{}{}", lang.of("mend: ", "改法："), lang.of(&v.mend.1, &v.mend.0));
    broken(&mend, "      ", out);
}

/// Four cells in their columns, each cut to its width.
fn columns(cells: [&str; 4], mark: &str) -> String {
    let mut line = format!("{mark} ");
    for (text, wide) in cells.iter().zip(WIDTHS) {
        let cut = cut(text, wide);
        let blanks = wide - width(&cut) + 1;
        line.push_str(&cut);
        line.push_str(&" ".repeat(blanks));
    }
    line.trim_end().to_owned()
}

/// As much of a text as fits, with an ellipsis where it does not.
fn cut(text: &str, wide: usize) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if width(&plain) <= wide {
        return plain;
    }
    let mut out = String::new();
    for c in plain.chars() {
        let mut next = out.clone();
        next.push(c);
        if width(&next) + 1 > wide {
            break;
        }
        out = next;
    }
    out + "…"
}

/// A sentence in lines: broken at blanks, and anywhere between Chinese characters.
fn broken(text: &str, indent: &str, out: &mut Vec<String>) {
    let next = " ".repeat(indent.len());
    let mut line = indent.to_owned();
    let mut word = String::new();
    let mut flush = |line: &mut String, word: &mut String| {
        if width(line) + width(word.trim_end()) > LINE && line.trim() != "" {
            out.push(line.trim_end().to_owned());
            line.clone_from(&next);
        }
        line.push_str(word);
        word.clear();
    };
    for c in text.chars() {
        // A closing sign stays with what it closes.
        let closes = matches!(c, '，' | '。' | '；' | '、' | '』' | '）' | '：');
        if width(c.encode_utf8(&mut [0; 4])) > 1 && !closes {
            flush(&mut line, &mut word);
        }
        word.push(c);
        if c == ' ' {
            flush(&mut line, &mut word);
        }
    }
    flush(&mut line, &mut word);
    out.push(line.trim_end().to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_one_another_whatever_they_hold() {
        let one = columns(["申请人姓名", "a", "b", "c"], "!");
        let two = columns(["applicant name that is too long", "a", "b", "c"], " ");
        let at = |line: &str, word: &str| width(line.split(word).next().unwrap_or_default());
        assert_eq!(at(&one, "a "), 22);
        assert!(two.starts_with("  applicant name tha… a "), "{two}");
        assert_eq!(width(&cut("一二三四五六七八九十", 18)), 17);
    }

    #[test]
    fn sentences_are_broken_at_the_width_of_a_terminal() {
        let mut out = Vec::new();
        broken(&"核对『许可决定日期』，更正录错的一个 ".repeat(6), "  ! ", &mut out);
        broken(
            &"write it as the format wants it, or map another column ".repeat(4),
            "  ",
            &mut out,
        );
        assert!(out.len() >= 5 && out.iter().all(|line| width(line) <= LINE), "{out:#?}");
        assert!(out.iter().all(|line| !line.trim_start().starts_with(['，', '』'])), "{out:#?}");
    }
}
