//! Every record type of the format can be connected with data alone: a legacy table whose header is the
//! dictionary's Chinese labels becomes a package by what `adapter new` does, with nothing left to decide,
//! and the package gives back exactly the record that the table was made of.
//!
//! The types come from the format, the records from `schemas/samples/`: a new type is tested by being there.

use std::fmt::Write as _;
use std::io::Cursor;
use std::path::Path;

use adapt::{Begin, Look, Proposal, Seen, sample, scaffold};
use canon::format::{CodeList, Field, Format, Parsed, RecordType, supervision_1};

use super::make::Book;

/// How a legacy table writes codes.
#[derive(Clone, Copy)]
enum Codes {
    AsLabels,
    AsCodes,
}

fn sample_of(format: &Format, record: &RecordType) -> Parsed {
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/samples/supervision/1");
    let path = base.join("valid").join(format!("{}.xml", record.wire));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path:?}: {e}"));
    format.parse(text.trim_end().as_bytes()).unwrap_or_else(|v| panic!("{path:?}: {v:?}"))
}

/// What a person who fills in the table writes.
fn written(field: &Field, value: &str, codes: Codes) -> String {
    match (&field.list, codes) {
        (Some(CodeList::Closed { codes, .. }), Codes::AsLabels) => {
            let label = codes.iter().find(|(code, _)| &**code == value).map(|(_, label)| label);
            label.unwrap_or_else(|| panic!("{}: {value}", field.name)).to_string()
        }
        _ => value.to_owned(),
    }
}

/// Header and row of the table.
fn table(record: &RecordType, parsed: &Parsed, codes: Codes) -> [Vec<String>; 2] {
    let header = record.fields.iter().map(|f| f.label.clone()).collect();
    let cell = |(ix, field): (usize, &Field)| {
        let value = parsed.values.get(ix).unwrap_or_default();
        if value.is_empty() { String::new() } else { written(field, value, codes) }
    };
    [header, record.fields.iter().enumerate().map(cell).collect()]
}

/// As a department exports it: GB18030, quoted where it must be.
fn csv(table: &[Vec<String>; 2]) -> Vec<u8> {
    let mut text = String::new();
    for row in table {
        let cells: Vec<String> =
            row.iter().map(|c| format!("\"{}\"", c.replace('"', "\"\""))).collect();
        writeln!(text, "{}\r", cells.join(",")).expect("memory takes it");
    }
    encoding_rs::GB18030.encode(&text).0.into_owned()
}

fn workbook(table: &[Vec<String>; 2]) -> Vec<u8> {
    let mut rows = String::new();
    for (number, row) in table.iter().enumerate() {
        write!(rows, "<row r=\"{}\">", number + 1).expect("memory takes it");
        for cell in row {
            let text = cell.replace('&', "&amp;").replace('<', "&lt;");
            let text = format!("<is><t xml:space=\"preserve\">{text}</t></is>");
            write!(rows, "<c t=\"inlineStr\">{text}</c>").expect("memory takes it");
        }
        rows.push_str("</row>");
    }
    Book::new().sheet("报表", &rows).bytes()
}

fn begin(bytes: &[u8], file: &str) -> Begin {
    match Begin::of_file(&mut Cursor::new(bytes), None, file, None, 100).expect("it can be read") {
        Seen::Form(begin) => begin,
        Seen::Text => Begin::of_text(bytes, file, 100).expect("it has a header"),
        Seen::NoSheet(_) => panic!("no sheet was named"),
    }
}

/// What `adapter new` proposes for the file.
fn proposed(format: &Format, bytes: &[u8], file: &str) -> Proposal {
    let begin = begin(bytes, file);
    let (rows, source) = (begin.texts(), begin.source());
    let (title, header, source) = (begin.title(), &begin.header, source.as_str());
    let look =
        Look { name: "mine", title: &title, header, comments: &[], rows: &rows, source, key: &[] };
    scaffold(&look, format)
}

/// What is wrong with the package of one file; nothing where it gives back the record.
fn connect(format: &Format, record: &RecordType, bytes: &[u8], file: &str) -> Result<(), String> {
    let proposal = proposed(format, bytes, file);
    let toml = String::from_utf8_lossy(&proposal.files["adapter.toml"]).into_owned();
    if !proposal.open.is_empty() {
        return Err(format!("open: {:?}\n{toml}", proposal.open));
    }
    let (package, _) = adapt::check(&proposal.files, format)
        .map_err(|wrong| wrong.iter().map(|p| format!("{p}\n")).collect::<String>() + &toml)?;
    let mut open = Cursor::new(bytes);
    let made = sample::run_file(&package, format, &mut open, None, file, 100)
        .map_err(|wrong| format!("{wrong:#?}\n{toml}"))?;
    let parsed = sample_of(format, record);
    let fields: serde_json::Map<String, serde_json::Value> = parsed
        .values
        .iter()
        .map(|(ix, text)| (record.fields[ix].name.clone(), text.into()))
        .collect();
    let records = made["records"].as_array().map_or(&[][..], Vec::as_slice);
    let types: Vec<&str> = records.iter().filter_map(|r| r["type"].as_str()).collect();
    if types != [record.name.as_str()] {
        return Err(format!("records of {types:?}\n{toml}"));
    }
    if records[0]["fields"] != serde_json::Value::Object(fields.clone()) {
        return Err(format!("{:#}\nis not\n{:#?}\n{toml}", records[0]["fields"], fields));
    }
    if records[0]["outcome"] != "valid" || made["violations"] != serde_json::json!([]) {
        return Err(format!("{made:#}"));
    }
    Ok(())
}

/// The types of the format, in turn for two tests, so that both cores work.
fn every(turn: usize, codes: Codes, bytes: fn(&[Vec<String>; 2]) -> Vec<u8>, file: &str) {
    let format = supervision_1();
    assert!(format.types().len() >= 78, "types are lost");
    let mut wrong = Vec::new();
    for record in format.types().iter().skip(turn).step_by(2) {
        let parsed = sample_of(&format, record);
        let bytes = bytes(&table(record, &parsed, codes));
        // A department calls its report after what it is; only twins are told apart by it.
        let file = format!("{}{file}", record.label);
        if let Err(why) = connect(&format, record, &bytes, &file) {
            wrong.push(format!("── {} {}\n{why}", record.wire, record.name));
        }
    }
    assert!(wrong.is_empty(), "{} types:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_second_type_is_connected_from_a_csv_with_texts_for_codes() {
    every(0, Codes::AsLabels, csv, "20261121.csv");
}

#[test]
fn the_other_types_are_connected_from_a_csv_with_texts_for_codes() {
    every(1, Codes::AsLabels, csv, "20261121.csv");
}

#[test]
fn every_second_type_is_connected_from_a_workbook_with_codes() {
    every(0, Codes::AsCodes, workbook, ".xlsx");
}

#[test]
fn the_other_types_are_connected_from_a_workbook_with_codes() {
    every(1, Codes::AsCodes, workbook, ".xlsx");
}
