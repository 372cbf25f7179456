//! The input of a sample: what a file, an answer, a tap or tables give, as rows.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::ops::ControlFlow;

use canon::violation::Violation;
use serde_json::{Map, Value};

use crate::ask::{AnswerForm, HttpSource};
use crate::form::{self, FileDyn, FormError, FormLimits, Item, MEMOS, Reading, Scratch};
use crate::package::Package;
use crate::problem::Problem;
use crate::row::RowBuf;
use crate::sample::problem;
use crate::source::{FileSource, Form, Query, Source};
use crate::text::{Next, RowReader};

/// The rows of one round, for each query by index: header and rows.
pub(crate) type Round = Vec<(Vec<String>, Vec<Input>)>;

/// A row, or why there is none.
pub(crate) enum Input {
    Row(RowBuf),
    Fault(u64, Violation),
}

/// Reads a sample's rounds.
pub(crate) fn read(package: &Package, name: &str) -> Result<Vec<Round>, Vec<Problem>> {
    let empty = BTreeMap::new();
    let files = package.samples.get(name).unwrap_or(&empty);
    match &package.source {
        Source::Files(source) => of_files(source, files, name),
        Source::Exec(exec) => of_files(&exec.read, files, name),
        Source::Push(push) => of_files(&push.body, files, name),
        Source::Http(http) => of_answers(http, files, name),
        Source::Sql(_) => {
            let bytes = files.get("input.json").ok_or_else(|| missing(name, "input.json"))?;
            let file = format!("samples/{name}/input.json");
            let value: Value = serde_json::from_slice(bytes).map_err(|e| {
                let (en, zh) = (format!("not JSON: {e}"), format!("不是合法的 JSON：{e}"));
                vec![problem(&file, "adapter.syntax", "", &en, &zh)]
            })?;
            read_json(package, &file, &value)
        }
    }
}

fn missing(name: &str, file: &str) -> Vec<Problem> {
    let path = format!("samples/{name}/{file}");
    vec![problem(&path, "adapter.file_missing", "", "the sample has no input", "样例没有输入")]
}

/// The rounds of a sample that are files.
fn of_files(
    source: &FileSource,
    files: &BTreeMap<String, Vec<u8>>,
    name: &str,
) -> Result<Vec<Round>, Vec<Problem>> {
    let endings = endings(&source.form);
    let mut rounds = Vec::new();
    for i in 1.. {
        let mut names = endings.iter().map(|ending| numbered(i, ending));
        let found = names.find_map(|file| Some((files.get(&file)?, file)));
        let Some((bytes, file)) = found else { break };
        rounds.push(match &source.form {
            Form::Csv(text) => vec![read_csv(bytes, RowReader::new(*text))],
            _ => {
                let place = format!("samples/{name}/{file}");
                // The memo file of a table has its name: input.dbt, input.2.fpt.
                let mut beside = MEMOS.iter().filter_map(|m| files.get(&numbered(i, m)));
                let mut memo = beside.next().map(Cursor::new);
                let memo = memo.as_mut().map(|m| m as &mut dyn FileDyn);
                read_file(source, &mut Cursor::new(bytes), memo, &place, usize::MAX)?
            }
        });
    }
    let first = endings.first().copied().unwrap_or_default();
    if rounds.is_empty() { Err(missing(name, &numbered(1, first))) } else { Ok(rounds) }
}

/// `input.json`, then `input.2.json`.
fn numbered(round: usize, ending: &str) -> String {
    if round == 1 { format!("input.{ending}") } else { format!("input.{round}.{ending}") }
}

/// The rounds of a sample that are answers of a web service: one for each query that has any.
fn of_answers(
    source: &HttpSource,
    files: &BTreeMap<String, Vec<u8>>,
    name: &str,
) -> Result<Vec<Round>, Vec<Problem>> {
    let ending = match source.answers {
        AnswerForm::Json => "json",
        AnswerForm::Xml => "xml",
    };
    let named = |round: usize, query: &str| match source.queries.len() {
        1 => numbered(round, ending),
        _ => numbered(round, &format!("{query}.{ending}")),
    };
    let mut rounds = Vec::new();
    for i in 1.. {
        let (mut round, mut some) = (Round::new(), false);
        for (at, query) in source.queries.iter().enumerate() {
            let file = named(i, &query.name.text);
            match (files.get(&file), source.as_file(at)) {
                (Some(bytes), Some(as_file)) => {
                    let place = format!("samples/{name}/{file}");
                    let bytes = &mut Cursor::new(bytes);
                    round.extend(read_file(&as_file, bytes, None, &place, usize::MAX)?);
                    some = true;
                }
                _ => round.push((Vec::new(), Vec::new())),
            }
        }
        if !some {
            break;
        }
        rounds.push(round);
    }
    let first = source.queries.first().map_or("", |q| &q.name.text);
    if rounds.is_empty() { Err(missing(name, &named(1, first))) } else { Ok(rounds) }
}

/// The first rows of a file: what a source of files reads (a table with its memo file), a web service
/// answered, a tap said.
pub(crate) fn of_file(
    package: &Package,
    file: &mut dyn FileDyn,
    memo: Option<&mut dyn FileDyn>,
    place: &str,
    rows_max: usize,
) -> Result<Round, Vec<Problem>> {
    match &package.source {
        Source::Files(source) => read_file(source, file, memo, place, rows_max),
        Source::Exec(exec) => read_file(&exec.read, file, None, place, rows_max),
        Source::Push(push) => read_file(&push.body, file, None, place, rows_max),
        Source::Http(http) => {
            // Which query's answer it is, the answer says: by the path at which its records are.
            let (mut round, mut wrong) = (Round::new(), None);
            for as_file in (0..http.queries.len()).filter_map(|at| http.as_file(at)) {
                match read_file(&as_file, file, None, place, rows_max) {
                    Ok(rows) => round.extend(rows),
                    Err(problems) => {
                        round.push((Vec::new(), Vec::new()));
                        wrong = wrong.or(Some(problems));
                    }
                }
            }
            match wrong {
                Some(wrong) if round.iter().all(|(header, _)| header.is_empty()) => Err(wrong),
                _ => Ok(round),
            }
        }
        Source::Sql(_) => {
            let (en, zh) = ("the package does not read files", "该适配包不读文件");
            Err(vec![problem(place, "adapter.bad_value", "source.kind", en, zh)])
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
        Form::Singer(_) => &["jsonl"],
    }
}

/// The rows of a file by query, at most so many of each.
fn read_file(
    source: &FileSource,
    file: &mut dyn FileDyn,
    memo: Option<&mut dyn FileDyn>,
    place: &str,
    rows_max: usize,
) -> Result<Round, Vec<Problem>> {
    let header = |q: &Query| q.columns.iter().map(|c| c.text.clone()).collect();
    let mut round: Round = source.queries.iter().map(|q| (header(q), Vec::new())).collect();
    let (mut at, last) = (0, round.len().saturating_sub(1));
    let mut scratch = || Ok(Box::new(Cursor::new(Vec::new())) as Box<dyn Scratch>);
    let limits = FormLimits::default();
    let memo = memo.map(|m| m as &mut dyn FileDyn);
    let reading = Reading { source, limits: &limits, scratch: &mut scratch, memo };
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
