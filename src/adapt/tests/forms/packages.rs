//! The workbooks and tables among the samples of `adapters/` are made from texts, so that a change
//! of one can be read: `data/samples/PACKAGE.SAMPLE.txt` gives `samples/SAMPLE/input.xlsx` or
//! `input.dbf`, this one with its `input.dbt` or `input.fpt` where it has memo fields (kind M).
//!
//! A line is a row, its cells apart by `|`. Lines with `@`: `@sheet NAME`, `@merge A1:B2`,
//! `@field NAME KIND LENGTH` (of a table), `@memo fpt` (of FoxPro; else dBASE III). A cell `#5` is a
//! number, `#46337d` a date by its format, `⏎` a line break; a table's row that begins with `*|` is
//! deleted.
//! `TIERGATE_MAKE_SAMPLES=1 cargo test -p adapt --test forms packages` writes the files.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use encoding_rs::GBK;

use super::make::{self, Book, FOXPRO, THREE};

/// Endings of what is made.
const MADE: [&str; 4] = ["xlsx", "dbf", "dbt", "fpt"];

/// A workbook's sheet: its name, its rows, its merged cells.
#[derive(Default)]
struct Sheet {
    name: String,
    rows: String,
    count: u32,
    merges: Vec<String>,
}

fn column(at: usize) -> String {
    let letter = |n: usize| char::from(b'A' + u8::try_from(n % 26).expect("a letter"));
    if at < 26 { letter(at).into() } else { format!("{}{}", letter(at / 26 - 1), letter(at)) }
}

fn cell(place: &str, text: &str) -> String {
    if let Some(number) = text.strip_prefix('#') {
        let date = number.strip_suffix('d');
        let style = if date.is_some() { " s=\"1\"" } else { "" };
        return format!("<c r=\"{place}\"{style}><v>{}</v></c>", date.unwrap_or(number));
    }
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('⏎', "\n");
    format!("<c r=\"{place}\" t=\"inlineStr\"><is><t xml:space=\"preserve\">{text}</t></is></c>")
}

fn book(text: &str) -> Vec<u8> {
    let mut sheets: Vec<Sheet> = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("@sheet ") {
            sheets.push(Sheet { name: name.into(), ..Sheet::default() });
            continue;
        }
        let sheet = sheets.last_mut().expect("a sheet is named first");
        if let Some(area) = line.strip_prefix("@merge ") {
            sheet.merges.push(area.into());
            continue;
        }
        sheet.count += 1;
        let count = sheet.count;
        write!(sheet.rows, "<row r=\"{count}\">").expect("memory takes it");
        for (at, text) in line.split('|').enumerate().filter(|(_, text)| !text.is_empty()) {
            sheet.rows.push_str(&cell(&format!("{}{count}", column(at)), text));
        }
        sheet.rows.push_str("</row>");
    }
    let mut book = Book::new().formats(&["yyyy/m/d"]);
    for sheet in sheets {
        let merges: String =
            sheet.merges.iter().map(|m| format!("<mergeCell ref=\"{m}\"/>")).collect();
        let merges =
            if merges.is_empty() { merges } else { format!("<mergeCells>{merges}</mergeCells>") };
        book = book.sheet(&sheet.name, &format!("{}~{merges}", sheet.rows));
    }
    book.bytes()
}

/// A table, and the memo file beside it with its ending.
fn dbf(text: &str) -> (Vec<u8>, Option<(&'static str, Vec<u8>)>) {
    let (mut fields, mut lines) = (Vec::new(), Vec::new());
    let (mut version, mut ending) = (THREE, "dbt");
    for line in text.lines() {
        if let Some(field) = line.strip_prefix("@field ") {
            let parts: Vec<&str> = field.split(' ').collect();
            let length = parts[2].parse().expect("a length");
            fields.push((parts[0], parts[1].as_bytes()[0], length));
        } else if line == "@memo fpt" {
            (version, ending) = (FOXPRO, "fpt");
        } else {
            lines.push(line);
        }
    }
    let has_memo = fields.iter().any(|(_, kind, _)| *kind == b'M');
    let version = if has_memo { version } else { 0x03 };
    let record = |line: &str| -> Vec<Vec<u8>> {
        let (mark, line) = line.strip_prefix("*|").map_or((" ", line), |rest| ("*", rest));
        let cells = [mark].into_iter().chain(line.split('|'));
        cells.map(|cell| GBK.encode(&cell.replace('⏎', "\r\n")).0.into_owned()).collect()
    };
    let mut records: Vec<Vec<Vec<u8>>> = lines.into_iter().map(record).collect();
    let mut long: Vec<&mut Vec<u8>> = records
        .iter_mut()
        .flat_map(|cells| cells.iter_mut().skip(1).zip(&fields))
        .filter_map(|(cell, (_, kind, _))| (*kind == b'M').then_some(cell))
        .collect();
    let texts: Vec<Vec<u8>> =
        long.iter().filter(|text| !text.is_empty()).map(|text| (*text).clone()).collect();
    let (memo, blocks) = make::memo(version, &texts);
    let mut blocks = blocks.into_iter();
    for cell in &mut long {
        let at = if cell.is_empty() { None } else { blocks.next() };
        **cell = make::block(version, at);
    }
    let memo = has_memo.then_some((ending, memo));
    (make::dbf(version, 0x4d, &fields, &records), memo)
}

/// What is made, and where it lies.
fn made() -> Vec<(PathBuf, Vec<u8>)> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let adapters = here.join("../../adapters");
    let texts = fs::read_dir(here.join("tests/data/samples")).expect("the tree can be read");
    texts
        .flat_map(|entry| {
            let path = entry.expect("the tree can be read").path();
            let stem =
                path.file_stem().expect("the tree can be read").to_string_lossy().into_owned();
            let (package, sample) = stem.split_once('.').expect("PACKAGE.SAMPLE.txt");
            let text = fs::read_to_string(&path).expect("the tree can be read");
            let mut files = Vec::new();
            if text.starts_with("@field") {
                let (table, memo) = dbf(&text);
                files.push(("dbf", table));
                files.extend(memo);
            } else {
                files.push(("xlsx", book(&text)));
            }
            let (sample, round) = sample.split_once('.').unwrap_or((sample, ""));
            let dot = if round.is_empty() { "" } else { "." };
            let stem = format!("{package}/samples/{sample}/input{dot}{round}");
            let file = |(form, bytes)| (adapters.join(format!("{stem}.{form}")), bytes);
            files.into_iter().map(file).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn the_workbooks_and_tables_of_the_samples_are_those_made_from_texts() {
    let write = std::env::var_os("TIERGATE_MAKE_SAMPLES").is_some();
    let mut stale = Vec::new();
    for (path, bytes) in made() {
        if write {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, bytes).unwrap();
        } else if fs::read(&path).ok() != Some(bytes) {
            stale.push(path);
        }
    }
    assert!(stale.is_empty(), "make them anew (see above): {stale:?}");
}

#[test]
fn no_workbook_or_table_of_the_samples_has_no_text() {
    let known: BTreeSet<PathBuf> = made().into_iter().map(|(path, _)| path).collect();
    let adapters = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../adapters");
    let mut open = vec![adapters];
    let mut found = 0;
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| MADE.iter().any(|made| e == *made)) {
                assert!(known.contains(&path), "{}: write its text", path.display());
                found += 1;
            }
        }
    }
    assert_eq!(found, known.len());
}
