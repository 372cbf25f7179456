//! Samples: what a package makes of a given input, compared with what it is expected to make.
//!
//! `samples/NAME/input.csv` (or `input.json` for queries: one object a round, each query's rows as
//! objects) and `expected.json`. Further rounds are `input.2.csv`, `input.3.csv` …: a record whose
//! content digest is that of the round before is a no-op, as it is at collect.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::ops::ControlFlow;

use canon::format::{Amended, CaseFacts, Format, Nature, Op, OpenLists};
use canon::violation::{Severity, Violation};
use canon::{Digest, DigestAlg, Millis};
use serde_json::{Map, Value, json};

use crate::draft::{Draft, Drafts};
use crate::form::{self, FileDyn, FormError, FormLimits, Item, Reading, Scratch};
use crate::mapping::{Bound, Mapping};
use crate::package::{FileSource, Form, Package, ParentIs, Query};
use crate::problem::{Pos, Problem};
use crate::row::{Row, RowBuf};
use crate::text::{Next, RowReader};

/// A sample is collected at this moment, so that its outcome never changes: noon of a fixed day.
pub const COLLECTED: &str = "2026-11-21 12:00:00";
/// The namespace of a package that leaves it to the node.
pub const NAMESPACE: &str = "sample";

/// The rows of one round, for each query by index: header and rows.
type Round = Vec<(Vec<String>, Vec<Input>)>;

/// A row, or why there is none.
enum Input {
    Row(RowBuf),
    Fault(u64, Violation),
}

/// What a package makes of one sample, in the form of `expected.json`.
///
/// # Errors
/// What keeps the sample from being run at all: no input, a header that does not fit.
pub fn run(package: &Package, format: &Format, name: &str) -> Result<Value, Vec<Problem>> {
    let rounds = read(package, name)?;
    run_rounds(package, format, name, rounds)
}

/// What a package makes of the first rows of a file (of each query), in the form of a sample.
///
/// # Errors
/// The package's source is not of files, or the file is wrong as a whole.
pub fn run_file(
    package: &Package,
    format: &Format,
    file: &mut dyn FileDyn,
    place: &str,
    rows_max: usize,
) -> Result<Value, Vec<Problem>> {
    let Some(source) = package.source.documents() else {
        let (en, zh) = ("the package does not read files", "该适配包不读文件");
        return Err(vec![problem(place, "adapter.bad_value", "source.kind", en, zh)]);
    };
    let round = read_file(source, file, place, rows_max)?;
    run_rounds(package, format, place, vec![round])
}

fn run_rounds(
    package: &Package,
    format: &Format,
    name: &str,
    rounds: Vec<Round>,
) -> Result<Value, Vec<Problem>> {
    let mapping = Mapping::compile(package, format)?;
    let mut runner = Runner {
        mapping: &mapping,
        format,
        collected: Millis::parse(COLLECTED).expect("the constant is a time"),
        known: BTreeMap::new(),
        cases: BTreeMap::new(),
        outcome: Outcome::default(),
    };
    let several = rounds.len() > 1;
    for (i, round) in rounds.into_iter().enumerate() {
        for (query, (header, rows)) in round.into_iter().enumerate() {
            if rows.is_empty() && header.is_empty() {
                continue;
            }
            let bound = mapping.bind(query, &header).map_err(|wrong| in_sample(wrong, name))?;
            let mut place = Place { query, round: several.then_some(i + 1), row: 0 };
            for row in rows {
                runner.row(&bound, &mut place, row);
            }
        }
    }
    Ok(runner.outcome.into_value())
}

/// Runs a sample and compares; every difference is a problem that names the row and the field.
///
/// # Errors
/// As [`run`], and every difference from `expected.json`.
pub fn check(package: &Package, format: &Format, name: &str) -> Result<(), Vec<Problem>> {
    let got = run(package, format, name)?;
    let file = format!("samples/{name}/expected.json");
    let bytes = package.samples.get(name).and_then(|files| files.get("expected.json"));
    let Some(bytes) = bytes else {
        let zh = "缺少 expected.json；可用 tiergate adapter test --bless 生成后逐条核对";
        let en = "there is no expected.json; `tiergate adapter test --bless` writes one to review";
        return Err(vec![problem(&file, "adapter.file_missing", "", en, zh)]);
    };
    let want: Value = serde_json::from_slice(bytes).map_err(|e| {
        let (en, zh) = (format!("not JSON: {e}"), format!("不是合法的 JSON：{e}"));
        vec![problem(&file, "adapter.syntax", "", &en, &zh)]
    })?;
    let mut wrong = Vec::new();
    differences(&want, &got, "", &mut |key, want, got| {
        wrong.push(problem(
            &file,
            "adapter.sample_mismatch",
            key,
            &format!("expected {want}, the package gives {got}"),
            &format!("预期 {want}，实际 {got}"),
        ));
    });
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

fn problem(file: &str, code: &'static str, key: &str, en: &str, zh: &str) -> Problem {
    Problem {
        file: file.into(),
        pos: Pos::default(),
        code,
        key: key.into(),
        en: en.into(),
        zh: zh.into(),
        hint: None,
    }
}

fn in_sample(mut wrong: Vec<Problem>, name: &str) -> Vec<Problem> {
    for p in &mut wrong {
        p.file = format!("samples/{name}/input");
    }
    wrong
}

/// Walks two values and tells each place where they differ.
fn differences(want: &Value, got: &Value, at: &str, tell: &mut impl FnMut(&str, &str, &str)) {
    match (want, got) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: std::collections::BTreeSet<_> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let below = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
                match (a.get(key), b.get(key)) {
                    (Some(x), Some(y)) => differences(x, y, &below, tell),
                    (x, y) => tell(&below, &shown(x), &shown(y)),
                }
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            for i in 0..a.len().max(b.len()) {
                let below = format!("{at}[{}]", i + 1);
                match (a.get(i), b.get(i)) {
                    (Some(x), Some(y)) => differences(x, y, &below, tell),
                    (x, y) => tell(&below, &shown(x), &shown(y)),
                }
            }
        }
        (a, b) if a == b => {}
        (a, b) => tell(at, &shown(Some(a)), &shown(Some(b))),
    }
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "nothing".to_owned(), Value::to_string)
}

/// Reads a sample's rounds.
fn read(package: &Package, name: &str) -> Result<Vec<Round>, Vec<Problem>> {
    let empty = BTreeMap::new();
    let files = package.samples.get(name).unwrap_or(&empty);
    let missing = |file: &str| {
        let path = format!("samples/{name}/{file}");
        vec![problem(&path, "adapter.file_missing", "", "the sample has no input", "样例没有输入")]
    };
    match package.source.documents() {
        Some(source) => {
            let endings = endings(&source.form);
            let mut rounds = Vec::new();
            for i in 1.. {
                let mut names = endings.iter().map(|ending| match i {
                    1 => format!("input.{ending}"),
                    i => format!("input.{i}.{ending}"),
                });
                let found = names.find_map(|file| Some((files.get(&file)?, file)));
                let Some((bytes, file)) = found else { break };
                rounds.push(match &source.form {
                    Form::Csv(text) => vec![read_csv(bytes, RowReader::new(*text))],
                    _ => {
                        let place = format!("samples/{name}/{file}");
                        read_file(source, &mut Cursor::new(bytes), &place, usize::MAX)?
                    }
                });
            }
            let first = endings.first().copied().unwrap_or_default();
            if rounds.is_empty() { Err(missing(&format!("input.{first}"))) } else { Ok(rounds) }
        }
        None => {
            let bytes = files.get("input.json").ok_or_else(|| missing("input.json"))?;
            let file = format!("samples/{name}/input.json");
            let value: Value = serde_json::from_slice(bytes).map_err(|e| {
                let (en, zh) = (format!("not JSON: {e}"), format!("不是合法的 JSON：{e}"));
                vec![problem(&file, "adapter.syntax", "", &en, &zh)]
            })?;
            read_json(package, &file, &value)
        }
    }
}

/// How the sample of a form is named.
const fn endings(form: &Form) -> &'static [&'static str] {
    match form {
        Form::Csv(_) => &["csv"],
        Form::Workbook(_) => &["xlsx", "xls"],
        Form::Dbf(_) => &["dbf"],
        Form::Xml(_) | Form::Soap(_) => &["xml"],
        Form::Json(_) => &["json"],
    }
}

/// The rows of a file by query, at most so many of each.
fn read_file(
    source: &FileSource,
    file: &mut dyn FileDyn,
    place: &str,
    rows_max: usize,
) -> Result<Round, Vec<Problem>> {
    let header = |q: &Query| q.columns.iter().map(|c| c.text.clone()).collect();
    let mut round: Round = source.queries.iter().map(|q| (header(q), Vec::new())).collect();
    let (mut at, last) = (0, round.len().saturating_sub(1));
    let mut scratch = || Ok(Box::new(Cursor::new(Vec::new())) as Box<dyn Scratch>);
    let limits = FormLimits::default();
    let reading = Reading { source, limits: &limits, scratch: &mut scratch };
    let said = form::read(file, reading, &mut |item| {
        let input = match item {
            Item::Part { query, .. } => {
                at = query;
                return ControlFlow::Continue(());
            }
            Item::Row(row) => Input::Row(row.clone()),
            Item::Fault { number, fault } => Input::Fault(number, fault.violation()),
        };
        let rows = round.get_mut(at).map(|(_, rows)| rows);
        let full = rows.is_none_or(|rows| {
            if rows.len() < rows_max {
                rows.push(input);
            }
            rows.len() >= rows_max
        });
        if full && at == last { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    match said {
        Ok(_) => Ok(round),
        Err(FormError::Wrong(f)) => Err(vec![problem(place, f.code, "", &f.en, &f.zh)]),
        Err(FormError::Io(e)) => {
            let (en, zh) = (format!("reading failed: {e}"), format!("读取失败：{e}"));
            Err(vec![problem(place, "source.io", "", &en, &zh)])
        }
    }
}

fn read_csv(bytes: &[u8], mut reader: RowReader) -> (Vec<String>, Vec<Input>) {
    reader.feed(bytes, true);
    let mut row = RowBuf::new();
    let mut header = Vec::new();
    let mut rows = Vec::new();
    loop {
        match reader.next_row(&mut row) {
            Next::End | Next::More => return (header, rows),
            Next::Row if header.is_empty() => {
                let view = row.row();
                header = (0..view.len()).filter_map(|i| view.get(i)).map(str::to_owned).collect();
                reader.expect_columns(header.len());
            }
            Next::Row => rows.push(Input::Row(row.clone())),
            Next::Fault(fault) => rows.push(Input::Fault(row.number, fault.violation())),
        }
    }
}

/// One object for each round: query name → list of rows, each an object of column → text or null.
fn read_json(package: &Package, file: &str, value: &Value) -> Result<Vec<Round>, Vec<Problem>> {
    let bad = |key: &str| {
        let en = "must be a list of rounds: [{ \"query\": [{ \"column\": \"text\" }] }]";
        let zh = "应为轮次列表：[{ \"查询\": [{ \"列\": \"文本\" }] }]";
        vec![problem(file, "adapter.bad_value", key, en, zh)]
    };
    let rounds = value.as_array().ok_or_else(|| bad(""))?;
    let mut out = Vec::new();
    for round in rounds {
        let round = round.as_object().ok_or_else(|| bad(""))?;
        if let Some(stranger) = round.keys().find(|k| package.query(k).is_none()) {
            return Err(bad(stranger));
        }
        let mut queries = Vec::new();
        for query in package.queries() {
            let header: Vec<String> = query.columns.iter().map(|c| c.text.clone()).collect();
            let Some(rows) = round.get(&query.name.text) else {
                queries.push((Vec::new(), Vec::new()));
                continue;
            };
            let rows = rows.as_array().ok_or_else(|| bad(&query.name.text))?;
            let mut inputs = Vec::new();
            for (i, row) in rows.iter().enumerate() {
                let row = row.as_object().ok_or_else(|| bad(&query.name.text))?;
                if let Some(stranger) = row.keys().find(|k| !header.contains(k)) {
                    let key = format!("{}[{}].{stranger}", query.name.text, i + 1);
                    let (en, zh) = ("the query declares no such column", "查询没有声明该列");
                    return Err(vec![problem(file, "adapter.unknown_column", &key, en, zh)]);
                }
                inputs.push(Input::Row(json_row(&header, row, i as u64 + 1)));
            }
            queries.push((header, inputs));
        }
        out.push(queries);
    }
    Ok(out)
}

fn json_row(header: &[String], row: &Map<String, Value>, number: u64) -> RowBuf {
    let mut buffer = RowBuf::new();
    buffer.number = number;
    for column in header {
        match row.get(column) {
            None | Some(Value::Null) => buffer.push(None),
            Some(Value::String(text)) => buffer.push(Some(text)),
            Some(other) => buffer.push(Some(&other.to_string())),
        }
    }
    buffer
}

struct Place {
    query: usize,
    round: Option<usize>,
    row: u64,
}

#[derive(Default)]
struct Outcome {
    records: Vec<Value>,
    violations: Vec<Value>,
    unchanged: u64,
}

impl Outcome {
    fn into_value(self) -> Value {
        let mut out = json!({ "records": self.records, "violations": self.violations });
        if self.unchanged > 0
            && let Some(out) = out.as_object_mut()
        {
            out.insert("unchanged".into(), self.unchanged.into());
        }
        out
    }
}

struct Runner<'a> {
    mapping: &'a Mapping,
    format: &'a Format,
    collected: Millis,
    /// Content digest of each record's last version, as collect keeps it.
    known: BTreeMap<String, Digest>,
    /// What the case's records say of one another.
    cases: BTreeMap<String, CaseFacts>,
    outcome: Outcome,
}

impl Runner<'_> {
    fn row(&mut self, bound: &Bound, place: &mut Place, input: Input) {
        match input {
            Input::Fault(number, violation) => {
                place.row = number;
                self.violation(place, None, &violation);
            }
            Input::Row(buffer) => {
                place.row = buffer.number;
                let mut drafts = Drafts::new();
                self.mapping.map(bound, buffer.row(), &mut drafts);
                for draft in drafts.as_mut_slice() {
                    self.draft(place, buffer.row(), draft);
                }
            }
        }
    }

    fn draft(&mut self, place: &Place, row: Row<'_>, draft: &mut Draft) {
        let namespace = draft.namespace.clone().unwrap_or_else(|| NAMESPACE.into());
        let rowdig = row.digest(DigestAlg::default());
        let attrs = draft.attributes(self.mapping, &namespace, self.collected, rowdig);
        let key = self.format.key(draft.ty, &draft.values, &namespace);
        let root = key.as_ref().map_or("", |k| k.root()).to_owned();
        let mut found = Vec::new();
        let lists = OpenLists::new();
        let case = self.cases.entry(root).or_default();
        self.format.validate(draft.ty, &draft.values, &attrs, case, &lists, &mut found);
        draft.absorb(&mut found);
        let wire = self.format.get(draft.ty).wire.clone();
        if let Some(key) = &key {
            let id = format!("{wire}:{key}");
            let digest = self.format.content_digest(draft.ty, &draft.values, draft.op);
            if self.known.get(&id) == Some(&digest) {
                self.outcome.unchanged += 1;
                return;
            }
            if !draft.is_refused() {
                self.known.insert(id, digest);
                case.insert(&wire, key.part(), &self.format.facts(draft.ty, &draft.values));
            }
        }
        let violations = std::mem::take(&mut draft.violations);
        for violation in &violations {
            self.violation(place, Some(draft), violation);
        }
        draft.violations = violations;
        let record = self.record(place, draft);
        self.outcome.records.push(record);
    }

    fn record(&self, place: &Place, draft: &Draft) -> Value {
        let record = self.format.get(draft.ty);
        let mut out = self.place(place);
        out.insert("type".into(), record.name.as_str().into());
        let outcome = if draft.is_refused() { "quarantined" } else { "valid" };
        out.insert("outcome".into(), outcome.into());
        if draft.op == Op::Void {
            out.insert("op".into(), draft.op.as_str().into());
            out.insert("reason".into(), draft.reason.as_deref().into());
            out.insert("by".into(), draft.by.as_deref().into());
        }
        if draft.nature != Nature::Live {
            out.insert("nature".into(), draft.nature.as_str().into());
        }
        if draft.amended != Amended::None {
            out.insert("amended".into(), draft.amended.as_str().into());
        }
        if let Some(entered) = &draft.entered {
            out.insert("entered".into(), entered.as_str().into());
        }
        let parent = match draft.parent {
            ParentIs::Mine => "mine",
            ParentIs::Elsewhere => "elsewhere",
            ParentIs::None => "none",
        };
        out.insert("parent".into(), parent.into());
        out.insert("namespace".into(), draft.namespace.as_deref().into());
        let fields: Map<String, Value> = draft
            .values
            .iter()
            .filter_map(|(ix, text)| Some((record.fields.get(ix)?.name.clone(), text.into())))
            .collect();
        out.insert("fields".into(), fields.into());
        out.into()
    }

    fn place(&self, place: &Place) -> Map<String, Value> {
        let mut out = Map::new();
        if let Some(round) = place.round {
            out.insert("round".into(), round.into());
        }
        if self.mapping.queries.len() > 1 {
            let name = self.mapping.queries.get(place.query).map_or("", |q| q.name.as_str());
            out.insert("query".into(), name.into());
        }
        out.insert("row".into(), place.row.into());
        out
    }

    fn violation(&mut self, place: &Place, draft: Option<&Draft>, violation: &Violation) {
        let mut out = self.place(place);
        out.insert("rule".into(), (&*violation.rule).into());
        out.insert("field".into(), (&*violation.field).into());
        if violation.severity == Severity::Warn {
            out.insert("severity".into(), "warn".into());
        }
        let zh = match draft {
            Some(draft) => self.mapping.said_zh(self.format, place.query, draft, violation),
            None => violation.zh.clone(),
        };
        out.insert("zh".into(), format!("第 {} 行{zh}", place.row).into());
        self.outcome.violations.push(out.into());
    }
}
