//! A new package proposed from a header and some rows: `adapter new`.
//!
//! Columns are matched to fields by the format's labels, aliases and names; code tables are begun
//! from the values found. What could not be decided is marked in the files, so that `check adapter`
//! names each place until a person has decided it. No row and no free text is copied into the package.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use canon::format::{CheckKind, CodeList, Field, Format, Kind, RecordType};

use crate::guess::best_code;
use crate::known::{Known, Look, TAKEN, Whole};

/// Most distinct values a column may have to begin a code table.
const TABLE_VALUES_MAX: usize = 60;
/// Longest such value, in characters; longer is free text.
const TABLE_CHARS_MAX: usize = 30;
/// A field that a column was found for: record type, field, column.
pub type Decided = (String, String, String);

/// A proposed package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// Path within the new folder → bytes.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Fields that were matched: record type, field, column.
    pub decided: Vec<Decided>,
    /// Columns without a field.
    pub unused: Vec<String>,
    /// What a person has to decide.
    pub open: Vec<Open>,
}

/// One open question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// English.
    pub en: String,
    /// Chinese.
    pub zh: String,
}

/// Proposes a package.
pub fn scaffold(look: &Look<'_>, format: &Format) -> Proposal {
    let known = Known::of(look, format);
    let mut out = Writer {
        look,
        known: &known,
        toml: String::new(),
        records: String::new(),
        tables: BTreeMap::new(),
        used: BTreeSet::new(),
        decided: Vec::new(),
        open: Vec::new(),
    };
    let whole = known.whole(format);
    let chosen = stages(&known, whole.as_ref(), format);
    out.alike(whole.as_ref(), format);
    for (record, when) in &chosen {
        out.record(record, when.as_deref());
    }
    out.head(format, &chosen);
    let unused = out.unused();
    let Writer { toml, records, tables, decided, open, .. } = out;
    let mut files = BTreeMap::new();
    files.insert("README.md".to_owned(), readme(look, &decided, &open).into_bytes());
    files.insert("adapter.toml".to_owned(), format!("{toml}{records}").into_bytes());
    for (name, table) in tables {
        files.insert(format!("tables/{name}.csv"), table.csv.into_bytes());
    }
    Proposal { files, decided, unused, open }
}

/// The record types this source seems to hold: the one whose own table it is, and those whose own time
/// is among the columns that are left. Without any, the application.
fn stages<'f>(
    known: &Known<'_>,
    whole: Option<&Whole<'_>>,
    format: &'f Format,
) -> Vec<(&'f RecordType, Option<String>)> {
    let own = |(_, f): &(usize, &Field)| f.kind == Kind::DateTime && f.required;
    let mut pairs = Vec::new();
    for (i, record) in format.types().iter().enumerate() {
        for (ix, _) in record.fields.iter().enumerate().filter(own) {
            let near = known.candidates(i, ix).into_iter().filter(|m| m.score >= TAKEN);
            pairs.extend(near.map(|m| (m.score, i, m.name)));
        }
    }
    // The likest pair first: 『受理时间』 is that of 受理, and only then like that of 预受理.
    pairs.sort_by_key(|(score, i, _)| (std::cmp::Reverse(*score), *i));
    let mut chosen: BTreeMap<usize, Option<&str>> = BTreeMap::new();
    let mut taken: BTreeSet<&str> = BTreeSet::new();
    if let Some(whole) = whole {
        let record = format.types().get(whole.ty);
        let fields = record.into_iter().flat_map(|r| r.fields.iter().enumerate());
        let time = fields.filter(own).find_map(|(ix, _)| whole.columns.get(&ix).copied());
        chosen.insert(whole.ty, time);
        taken.extend(whole.columns.values());
    }
    for (_, i, column) in pairs {
        if !chosen.contains_key(&i) && taken.insert(column) {
            chosen.insert(i, Some(column));
        }
    }
    one_family(format, &mut chosen, whole.map(|w| w.ty));
    let mut out: Vec<_> = chosen
        .into_iter()
        .filter_map(|(i, column)| Some((format.types().get(i)?, column.map(str::to_owned))))
        .collect();
    if out.is_empty() {
        let first = format.types().iter().find(|t| t.name == "application");
        out.extend(first.or(format.types().first()).map(|t| (t, None)));
    }
    out
}

/// A source holds the records of one kind of thing: types whose keys begin with another number than
/// most of the chosen do, or than the one whose own table it is, were only alike in a name.
fn one_family(format: &Format, chosen: &mut BTreeMap<usize, Option<&str>>, whole: Option<usize>) {
    let number = |i: &usize| {
        let record = format.types().get(*i)?;
        Some(&*record.fields.get(*record.key.first()?)?.wire)
    };
    let size = |n: Option<&str>| chosen.keys().filter(|i| number(i) == n).count();
    // The earlier type wins where two families are alike in size.
    let most = || chosen.keys().rev().map(number).max_by_key(|n| size(*n)).flatten();
    let best = whole.as_ref().map_or_else(most, number);
    chosen.retain(|i, _| number(i) == best);
}

struct NewTable {
    csv: String,
    values: Vec<String>,
}

struct Writer<'a> {
    look: &'a Look<'a>,
    known: &'a Known<'a>,
    toml: String,
    records: String,
    tables: BTreeMap<String, NewTable>,
    used: BTreeSet<String>,
    decided: Vec<(String, String, String)>,
    open: Vec<Open>,
}

impl Writer<'_> {
    fn ask(&mut self, en: String, zh: String) {
        self.open.push(Open { en, zh });
    }

    /// Types that nothing tells apart: a person says which it is.
    fn alike(&mut self, whole: Option<&Whole<'_>>, format: &Format) {
        let Some(whole) = whole else { return };
        let Some(taken) = format.types().get(whole.ty) else { return };
        for other in whole.as_like.iter().filter_map(|ty| format.types().get(*ty)) {
            self.ask(
                format!(
                    "the columns are as like `{}` as `{}`, which was taken: is it right?",
                    other.name, taken.name
                ),
                format!("各列既像『{}』也像『{}』，暂按后者，请核对", other.label, taken.label),
            );
        }
    }

    fn record(&mut self, record: &RecordType, when: Option<&str>) {
        let mut block =
            format!("\n# ── {} ──\n\n[[record]]\ntype = {}\n", record.label, quoted(&record.name));
        if record.parent.is_none() {
            block.push_str("parent = \"none\"\n");
        } else if let Some(column) = when {
            put(&mut block, format_args!("when = {{ present = {} }}\n", quoted(column)));
        }
        block.push_str("\n[record.fields]\n");
        let assigned = self.known.assign(record);
        for (ix, field) in record.fields.iter().enumerate() {
            let line = self.field(record, ix, field, assigned.get(&ix).copied());
            block.push_str(&line);
        }
        self.records.push_str(&block);
    }

    fn field(
        &mut self,
        record: &RecordType,
        ix: usize,
        field: &Field,
        column: Option<&str>,
    ) -> String {
        if let Some(column) = column {
            self.used.insert(column.to_owned());
            self.decided.push((record.name.clone(), field.name.clone(), column.to_owned()));
            let feed = self.feed(field, column);
            return format!("{} = {feed}\n", field.name);
        }
        if !field.required {
            return String::new();
        }
        let near = self.known.near(record, ix);
        let near: Vec<&str> = near.iter().take(3).map(|c| c.name).collect();
        let hint = if near.is_empty() {
            String::new()
        } else {
            format!("；候选：{}", near.join("、"))
        };
        self.ask(
            format!("`{}.{}` is mandatory and no column was found for it", record.name, field.name),
            format!("『{}』的必填字段『{}』未找到对应列{hint}", record.label, field.label),
        );
        format!("# ? {} = \"…\"   # 必填『{}』{hint}\n", field.name, field.label)
    }

    fn feed(&mut self, field: &Field, column: &str) -> String {
        if let Some(CodeList::Closed { name, codes }) = &field.list {
            return self.coded(field, column, name, codes);
        }
        let named = field.checks.iter().any(|c| c.kind == CheckKind::Name);
        let numbered = field.checks.iter().any(|c| c.kind != CheckKind::Name);
        let chain = match field.kind {
            Kind::DateTime => r#"["trim", "halfwidth", "datetime"]"#,
            Kind::Int => r#"["trim", "halfwidth", "int"]"#,
            Kind::Decimal => r#"["trim", "halfwidth", "money"]"#,
            Kind::Digest => r#"["trim", "lower"]"#,
            Kind::Code if numbered => r#"["trim", "halfwidth", "digits", "noblank", "upper"]"#,
            Kind::Code => r#"["trim", "halfwidth", "digits"]"#,
            Kind::Text if named => r#"["trim", "squeeze"]"#,
            Kind::Text => return quoted(column),
        };
        format!("{{ from = {}, do = {chain} }}", quoted(column))
    }

    /// A field with a closed list: its own codes need no table, anything else begins one.
    fn coded(
        &mut self,
        field: &Field,
        column: &str,
        list: &str,
        codes: &[(Box<str>, Box<str>)],
    ) -> String {
        let values = self.look.distinct(column);
        if values.keys().all(|v| codes.iter().any(|(code, _)| **code == **v)) {
            return quoted(column);
        }
        let plain = format!("{{ from = {} }}", quoted(column));
        let short = values.keys().all(|v| v.chars().count() <= TABLE_CHARS_MAX);
        if values.len() > TABLE_VALUES_MAX || !short {
            self.ask(
                format!(
                    "`{column}` feeds the code field `{}` and looks like free text",
                    field.name
                ),
                format!("『{column}』对应代码字段『{}』，但内容像自由文本", field.label),
            );
            return plain;
        }
        let name = snake(list);
        let mut table = self
            .tables
            .remove(&name)
            .unwrap_or_else(|| NewTable { csv: "from,to,note\n".into(), values: Vec::new() });
        for (value, times) in values.into_iter().filter(|(v, _)| *v != "?") {
            if table.values.iter().any(|v| v == value) {
                continue;
            }
            match best_code(value, codes) {
                Some((code, label)) => {
                    put(
                        &mut table.csv,
                        format_args!("{},{code},{label}（{times} 行）\n", cell(value)),
                    );
                }
                None => {
                    let all: Vec<_> = codes.iter().map(|(c, l)| format!("{c} {l}")).collect();
                    put(
                        &mut table.csv,
                        format_args!(
                            "{},?,{}\n",
                            cell(value),
                            cell(&format!("{times} 行；可用：{}", all.join("；")))
                        ),
                    );
                    self.ask(
                        format!("tables/{name}.csv: which code is a value of `{column}`? replace the `?`"),
                        format!("tables/{name}.csv：『{column}』中有值未能判定代码，请替换其中的 ?"),
                    );
                }
            }
            table.values.push(value.to_owned());
        }
        self.tables.insert(name.clone(), table);
        format!("{{ from = {}, table = {} }}", quoted(column), quoted(&name))
    }

    /// Columns that feed no field.
    fn unused(&self) -> Vec<String> {
        self.look.header.iter().filter(|h| !self.used.contains(*h)).cloned().collect()
    }

    /// The columns that tell rows apart: what the source says, else those of the first record's key.
    fn key(&self, first: Option<&RecordType>) -> Vec<String> {
        if !self.look.key.is_empty() {
            return self.look.key.to_vec();
        }
        let Some(record) = first else { return Vec::new() };
        let assigned = self.known.assign(record);
        let columns = record.key.iter().map(|ix| assigned.get(ix).map(|c| (*c).to_owned()));
        columns.collect::<Option<Vec<_>>>().unwrap_or_default()
    }

    fn head(&mut self, format: &Format, chosen: &[(&RecordType, Option<String>)]) {
        let look = self.look;
        let first = chosen.first().map(|(record, _)| *record);
        let of = |name: &str| {
            let record = first?;
            let ix = record.field_by_name(name)?;
            self.known.assign(record).get(&ix).map(|column| (*column).to_owned())
        };
        let mut toml = String::from(
            "# 由 tiergate adapter new 生成，标有 ? 处请人工确定，再运行 tiergate check adapter。\n",
        );
        put(
            &mut toml,
            format_args!(
                "# Proposed by `tiergate adapter new`; decide what is marked ?, then run `tiergate check adapter`.\n\n[adapter]\nedition = {}\nversion = \"0.1.0\"\nsystem = {}\nformat = {}\n",
                crate::package::EDITION,
                quoted(look.name),
                quoted(format.edition())
            ),
        );
        match of("unit_code") {
            Some(column) => {
                put(&mut toml, format_args!("namespace = {{ column = {} }}\n", quoted(&column)));
            }
            None => toml.push_str("# namespace: 由节点配置给出 · the node's configuration says\n"),
        }
        let key = self.key(first);
        if key.is_empty() {
            self.ask(
                "source.key: which columns tell rows apart?".into(),
                "source.key：哪些列能区分各行？".into(),
            );
        }
        let key: Vec<String> = key.iter().map(|k| quoted(k)).collect();
        let mark = if key.is_empty() {
            "   # ? 区分各行的列 · which columns tell rows apart"
        } else {
            ""
        };
        let columns: Vec<String> = look.header.iter().map(|h| quoted(h)).collect();
        put(
            &mut toml,
            format_args!(
                "\n{}key = [{}]{mark}\ncolumns = [\n  {},\n]\n\n[guard]\nmax_changed = 100000\n\n[mapping]\ndo = [\"trim\"]\n",
                look.source,
                key.join(", "),
                columns.join(", ")
            ),
        );
        for (name, table) in &self.tables {
            let domain: Vec<String> = table.values.iter().map(|v| quoted(v)).collect();
            put(&mut toml, format_args!("\n[tables.{name}]\ndomain = [{}]\n", domain.join(", ")));
        }
        let unused = self.unused();
        if !unused.is_empty() {
            put(
                &mut toml,
                format_args!(
                    "\n# 未使用的列 · columns not used: {}\n",
                    unused.join(", ").replace('\n', " ")
                ),
            );
        }
        self.toml = toml;
    }
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing to a String cannot fail");
}

fn readme(look: &Look<'_>, decided: &[(String, String, String)], open: &[Open]) -> String {
    let mut out = format!("# {}\n\n## 待定 · to be decided\n\n", look.name);
    if open.is_empty() {
        out.push_str("无 · nothing\n");
    }
    for question in open {
        put(&mut out, format_args!("- {} · {}\n", question.zh, question.en));
    }
    out.push_str("\n## 已匹配 · matched\n\n| record | field | column |\n| --- | --- | --- |\n");
    for (record, field, column) in decided {
        put(&mut out, format_args!("| {record} | {field} | {column} |\n"));
    }
    out
}

/// A TOML basic string.
pub fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => put(&mut out, format_args!("\\u{:04X}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A CSV value.
fn cell(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// `AcceptState` → `accept_state`: the name of a table.
fn snake(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' });
    }
    out
}
