//! A first mapping from a header: what has a known label is mapped, what is near is only suggested,
//! nothing is guessed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use adapt::{Encoding, Form, RowBuf};
use canon::format::{CheckKind, CodeList, Field, Format, Kind, RecordType};

/// Most values of a code column that are listed.
const VALUES_MAX: usize = 200;

/// A file as it was looked at.
#[derive(Debug)]
pub(crate) struct Input {
    /// The adapter's name.
    pub(crate) name: String,
    /// The file's name.
    pub(crate) file: String,
    /// How it is read.
    pub(crate) form: Form,
    /// Further sheets that it has.
    pub(crate) sheets: Vec<String>,
    /// Column names.
    pub(crate) header: Vec<String>,
    /// The first rows.
    pub(crate) rows: Vec<RowBuf>,
}

impl Input {
    /// The form as people call it: its encoding, or its kind.
    pub(crate) const fn form_word(&self) -> &'static str {
        match &self.form {
            Form::Csv(text) => encoding_word(text.encoding),
            Form::Workbook(_) => "xlsx",
            Form::Dbf(_) => "dbf",
            Form::Xml(_) => "xml",
            Form::Json(_) => "json",
            Form::Singer(_) => "singer",
        }
    }
}

const fn encoding_word(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Auto => "auto",
        Encoding::Utf8 => "utf-8",
        Encoding::Gb18030 => "gb18030",
    }
}

/// A package to be completed.
#[derive(Debug, Default)]
pub(crate) struct Guess {
    /// `adapter.toml`.
    pub(crate) toml: String,
    /// Code tables by name.
    pub(crate) tables: BTreeMap<String, String>,
    /// Record types that are mapped.
    pub(crate) records: Vec<String>,
    /// Columns without a field.
    pub(crate) unmatched: Vec<String>,
    /// Mandatory fields without a column, `type.field 标签`.
    pub(crate) missing: Vec<String>,
}

/// Fields of one type with the columns that carry their names.
struct Block<'f> {
    ty: &'f RecordType,
    columns: Vec<Option<usize>>,
}

impl Block<'_> {
    /// Mandatory fields that have a column, of all, in percent.
    fn share(&self) -> usize {
        let required = |(f, _): &(&Field, &Option<usize>)| f.required;
        let all = self.ty.fields.iter().zip(&self.columns).filter(required);
        let (n, found) = all.fold((0, 0), |(n, m), (_, c)| (n + 1, m + usize::from(c.is_some())));
        usize::checked_div(found * 100, n).unwrap_or(0)
    }
}

/// The package that a file suggests.
pub(crate) fn guess(input: &Input, format: &Format) -> Guess {
    let mut blocks: Vec<Block<'_>> = format.types().iter().map(|ty| block(ty, input)).collect();
    let best = blocks.iter().map(Block::share).max().unwrap_or(0);
    // Half of the mandatory fields named alike is no accident; less than that, only the best.
    if best > 0 {
        blocks.retain(|b| b.share() >= best.min(50));
    } else {
        // Nothing is named alike: an application to begin with, not every type of the format.
        blocks.retain(|b| b.ty.name == "application");
    }
    let mut guess = Guess::default();
    let used: BTreeSet<usize> =
        blocks.iter().flat_map(|b| b.columns.iter().flatten()).copied().collect();
    let unmatched = input.header.iter().enumerate().filter(|(n, _)| !used.contains(n));
    guess.unmatched = unmatched.map(|(_, name)| name.clone()).collect();
    let mut records = String::new();
    let mut domains: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for block in &blocks {
        record(block, input, &mut guess, &mut domains, &mut records);
    }
    guess.toml = head(input, format, &blocks);
    for (name, values) in &domains {
        let list: Vec<String> = values.iter().map(|v| quoted(v)).collect();
        let domain = list.join(", ");
        put(&mut guess.toml, format_args!("[tables.{name}]\ndomain = [{domain}]\n"));
    }
    guess.toml.push_str(&records);
    guess
}

fn put(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a String takes all text");
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn block<'f>(ty: &'f RecordType, input: &Input) -> Block<'f> {
    let mut columns = vec![None; ty.fields.len()];
    for (n, name) in input.header.iter().enumerate() {
        let found = ty
            .field_by_label(name)
            .or_else(|| ty.field_by_name(&name.to_ascii_lowercase()))
            .or_else(|| ty.field_by_wire(&name.to_ascii_uppercase()));
        if let Some(slot) = found.and_then(|ix| columns.get_mut(ix))
            && slot.is_none()
        {
            *slot = Some(n);
        }
    }
    Block { ty, columns }
}

fn head(input: &Input, format: &Format, blocks: &[Block<'_>]) -> String {
    let mut out = String::new();
    let (name, file) = (&input.name, &input.file);
    put(
        &mut out,
        format_args!(
            "# Made by `tiergate adapter new` from {file}. Complete what is commented out.\n"
        ),
    );
    put(&mut out, format_args!("[adapter]\nedition = 1\nname = \"{name}\"\nversion = \"0.1.0\""));
    put(
        &mut out,
        format_args!("title_zh = \"{name}\"\ntitle_en = \"{name}\"\nsystem = \"{name}\""),
    );
    put(&mut out, format_args!("format = \"{}\"", format.edition()));
    let column = |field: &str| {
        let in_block = |b: &Block<'_>| *b.columns.get(b.ty.field_by_name(field)?)?;
        blocks.iter().find_map(in_block).and_then(|n| input.header.get(n))
    };
    match column("unit_code") {
        Some(unit) => put(&mut out, format_args!("namespace = {{ column = {} }}", quoted(unit))),
        None => put(
            &mut out,
            format_args!(
                "# namespace: given in the node's [[adapter]], or {{ column = \"…\" }} with the unit's code"
            ),
        ),
    }
    put(&mut out, format_args!("\n[source]"));
    form(&input.form, &mut out);
    put(&mut out, format_args!("files = {}", quoted(&pattern(file))));
    put(&mut out, format_args!("done = \"done\"\nfailed = \"failed\"\nsettle_seconds = 5"));
    match column("case_no").or_else(|| column("item_code")) {
        Some(key) => put(&mut out, format_args!("key = [{}]", quoted(key))),
        None => put(
            &mut out,
            format_args!("# key = [\"…\"]   columns that tell rows apart, such as the case number"),
        ),
    }
    let all: Vec<String> = input.header.iter().map(|c| quoted(c)).collect();
    put(&mut out, format_args!("columns = [{}]\n\n[mapping]\ndo = [\"trim\"]\n", all.join(", ")));
    out
}

/// The lines of `[source]` that say how a file is read.
fn form(form: &Form, out: &mut String) {
    match form {
        Form::Csv(text) => {
            let (encoding, delimiter) =
                (encoding_word(text.encoding), quoted(&text.delimiter.to_string()));
            put(out, format_args!("kind = \"csv\"\nencoding = \"{encoding}\""));
            put(out, format_args!("delimiter = {delimiter}\nquote = \"lenient\""));
        }
        Form::Workbook(book) => {
            put(out, format_args!("kind = \"xlsx\""));
            for sheet in &book.sheets {
                if let Some(name) = &sheet.sheet {
                    put(out, format_args!("sheet = {}", quoted(name)));
                }
                let (row, rows) = (sheet.header_row, sheet.header_rows);
                put(out, format_args!("header_row = {row}\nheader_rows = {rows}"));
                if rows > 1 {
                    put(
                        out,
                        format_args!(
                            "# fill_down = [\"…\"]   columns whose merged cells mean every row they cover"
                        ),
                    );
                }
                put(
                    out,
                    format_args!("# stop = [\"合计\"]   reading ends at a row that begins so"),
                );
            }
        }
        Form::Dbf(encoding) => {
            let encoding = encoding_word(*encoding);
            put(out, format_args!("kind = \"dbf\"\nencoding = \"{encoding}\""));
        }
        Form::Xml(record) => {
            put(out, format_args!("kind = \"xml\"\nrecord = {}", quoted(record)));
        }
        Form::Json(record) => {
            put(out, format_args!("kind = \"json\"\nrecord = {}", quoted(record)));
        }
        Form::Singer(_) => put(out, format_args!("kind = \"exec\"")),
    }
}

/// The file's name with each run of digits as `*`: the next day's file has other digits.
fn pattern(file: &str) -> String {
    let mut out = String::new();
    for c in file.chars() {
        if !c.is_ascii_digit() {
            out.push(c);
        } else if !out.ends_with('*') {
            out.push('*');
        }
    }
    out
}

fn record(
    block: &Block<'_>,
    input: &Input,
    guess: &mut Guess,
    domains: &mut BTreeMap<String, Vec<String>>,
    out: &mut String,
) {
    let ty = block.ty;
    guess.records.push(ty.name.clone());
    put(out, format_args!("\n# ── {} ──\n\n[[record]]\ntype = \"{}\"", ty.label, ty.name));
    if ty.parent.is_none() {
        put(out, format_args!("parent = \"none\""));
    }
    put(out, format_args!("\n[record.fields]"));
    for (field, column) in ty.fields.iter().zip(&block.columns) {
        match column.and_then(|n| Some((n, input.header.get(n)?))) {
            Some((n, name)) => mapped(field, n, name, input, guess, domains, out),
            None => open(field, ty, input, guess, out),
        }
    }
}

/// A field with a column.
fn mapped(
    field: &Field,
    n: usize,
    column: &str,
    input: &Input,
    guess: &mut Guess,
    domains: &mut BTreeMap<String, Vec<String>>,
    out: &mut String,
) {
    let (name, from) = (&field.name, quoted(column));
    if let Some(CodeList::Closed { codes, .. }) = &field.list {
        let values = values(n, input);
        let rows = guess.tables.entry(name.clone()).or_insert_with(|| "from,to,note\n".into());
        let known = domains.entry(name.clone()).or_default();
        for value in values.iter().filter(|v| !known.contains(v)).cloned().collect::<Vec<_>>() {
            let code = codes.iter().find(|(c, label)| **c == *value || **label == *value);
            if let Some((code, label)) = code {
                put(rows, format_args!("{},{code},{label}", cell(&value)));
            }
            known.push(value);
        }
        if rows.lines().count() == 1 {
            let all: Vec<String> = codes.iter().map(|(c, l)| format!("{c} {l}")).collect();
            put(
                out,
                format_args!(
                    "# tables/{name}.csv has no row yet; the format's codes: {}",
                    all.join(", ")
                ),
            );
        } else if known.iter().any(|v| !codes.iter().any(|(c, l)| **c == **v || **l == **v)) {
            put(
                out,
                format_args!(
                    "# tables/{name}.csv lacks values of the source; `tiergate check adapter` names them"
                ),
            );
        }
        put(out, format_args!("{name} = {{ from = {from}, table = \"{name}\" }}"));
        return;
    }
    match verbs(field) {
        "" => put(out, format_args!("{name} = {from}")),
        verbs => put(out, format_args!("{name} = {{ from = {from}, do = [{verbs}] }}")),
    }
}

/// A field without one: commented out, with what is near.
fn open(field: &Field, ty: &RecordType, input: &Input, guess: &mut Guess, out: &mut String) {
    let (name, label) = (&field.name, &field.label);
    if field.required {
        guess.missing.push(format!("{}.{name} {label}", ty.name));
    } else if !field.expected {
        return;
    }
    let near = |c: &&String| {
        c.chars().count() > 1 && (label.contains(c.as_str()) || c.contains(label.as_str()))
    };
    let near: Vec<&str> = input.header.iter().filter(near).map(String::as_str).collect();
    let near = if near.is_empty() { String::new() } else { format!("; near: {}", near.join(" ")) };
    let must = if field.required { "mandatory · 必填" } else { "expected · 宜填" };
    put(out, format_args!("# {name} = \"…\"   {label}, {must}{near}"));
}

/// The usual verbs for a kind of value.
fn verbs(field: &Field) -> &'static str {
    let ids =
        [CheckKind::CitizenId, CheckKind::CreditCode, CheckKind::OrgCode, CheckKind::UnitCode];
    match field.kind {
        _ if field.checks.iter().any(|c| ids.contains(&c.kind)) => {
            "\"trim\", \"halfwidth\", \"digits\", \"noblank\", \"upper\""
        }
        Kind::DateTime => "\"trim\", \"halfwidth\", \"datetime\"",
        Kind::Decimal => "\"trim\", \"halfwidth\", \"money\"",
        Kind::Int => "\"trim\", \"halfwidth\", \"int\"",
        Kind::Code => "\"trim\", \"halfwidth\", \"digits\"",
        Kind::Text | Kind::Digest => "",
    }
}

/// The different values of a column, in order of appearance.
fn values(n: usize, input: &Input) -> Vec<String> {
    let mut seen = Vec::new();
    for row in &input.rows {
        let value = row.row().get(n).unwrap_or_default().trim().to_owned();
        if !value.is_empty() && !seen.contains(&value) && seen.len() < VALUES_MAX {
            seen.push(value);
        }
    }
    seen
}

/// A value as a CSV cell.
fn cell(value: &str) -> String {
    if value.contains([',', '"', '\n']) {
        format!("\"{}\"", value.replace('"', "\"\""))
    } else {
        value.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use canon::format::supervision_1;

    use super::*;

    fn input(header: &[&str], rows: &[&[&str]]) -> Input {
        let row = |(n, cells): (usize, &&[&str])| {
            RowBuf::of(n as u64 + 2, cells.iter().map(|c| Some(*c)))
        };
        Input {
            name: "window".into(),
            file: "drop-20261121.csv".into(),
            form: Form::Csv(adapt::TextSettings::default()),
            sheets: Vec::new(),
            header: header.iter().map(|h| (*h).to_owned()).collect(),
            rows: rows.iter().enumerate().map(row).collect(),
        }
    }

    #[test]
    fn known_labels_are_mapped_and_near_ones_only_suggested() {
        let format = supervision_1();
        let ty = format.get(format.type_by_name("application").unwrap());
        let labels: Vec<&str> = ty.fields.iter().map(|f| f.label.as_str()).collect();
        let mut header = labels.clone();
        header.push("完全无关的一列");
        let guess = guess(&input(&header, &[]), &format);
        assert!(guess.records.contains(&"application".to_owned()), "{:?}", guess.records);
        assert_eq!(guess.unmatched, ["完全无关的一列"]);
        assert!(
            !guess.missing.iter().any(|m| m.starts_with("application.")),
            "{:?}",
            guess.missing
        );
        assert!(guess.toml.contains("files = \"drop-*.csv\""), "{}", guess.toml);
        assert!(toml::from_str::<toml::Table>(&guess.toml).is_ok(), "{}", guess.toml);
    }

    #[test]
    fn a_header_that_says_nothing_begins_one_record() {
        let guess = guess(&input(&["F1", "F2"], &[]), &supervision_1());
        assert_eq!(guess.records, ["application"]);
        assert_eq!(guess.unmatched, ["F1", "F2"]);
    }

    #[test]
    fn values_that_are_codes_or_labels_fill_the_tables() {
        let format = supervision_1();
        let ty = format.get(format.type_by_name("application").unwrap());
        let coded = ty.fields.iter().find_map(|f| match &f.list {
            Some(CodeList::Closed { codes, .. }) if f.required => Some((f, codes)),
            _ => None,
        });
        let (field, codes) = coded.expect("an application has a mandatory code");
        let label = &*codes[0].1;
        let labels: Vec<&str> = ty.fields.iter().map(|f| f.label.as_str()).collect();
        let at = labels.iter().position(|l| *l == field.label).unwrap();
        let mut row = vec![""; labels.len()];
        row[at] = label;
        let mut other = row.clone();
        other[at] = "别的写法";
        let guess = guess(&input(&labels, &[&row, &other]), &format);
        let table = &guess.tables[&field.name];
        assert_eq!(table.lines().count(), 2, "{table}");
        assert!(table.contains(&format!("{label},{},", codes[0].0)), "{table}");
        assert!(guess.toml.contains("别的写法"), "the domain names what the table still lacks");
    }
}
