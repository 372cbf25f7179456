//! `xmllint --schema` and we must agree, both ways, on structure, requiredness, type, length,
//! pattern and closed lists: over seeded documents, valid ones and ones with a single fault.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use canon::format::{
    CaseFacts, CodeList, Field, Format, Kind, OpenLists, Pattern, TypeIx, Values, supervision_1,
    supervision_1_files,
};

use crate::common::{Chance, attributes, value};

/// Documents of each type: with over seventy types more than two thousand.
const DOCUMENTS_PER_TYPE: usize = 12;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Valid,
    Invalid,
}

/// Runs the documents through `xmllint --schema`, many files a process.
pub(crate) fn xmllint(schema: &Path, documents: &[String]) -> Vec<Verdict> {
    let dir = tempfile::tempdir().unwrap();
    let name = |ix: usize| format!("d{ix}.xml");
    for (ix, text) in documents.iter().enumerate() {
        std::fs::write(dir.path().join(name(ix)), text).unwrap();
    }
    let schema = schema.canonicalize().unwrap();
    let run = Command::new("xmllint")
        .args(["--noout", "--nonet", "--schema"])
        .arg(&schema)
        .args((0..documents.len()).map(name))
        .current_dir(dir.path())
        .output()
        .expect("xmllint is missing: install Debian's libxml2-utils, this test needs the oracle");
    let said = String::from_utf8_lossy(&run.stderr);
    let verdicts: BTreeMap<&str, Verdict> = said
        .lines()
        .filter_map(|line| {
            let failed = line.strip_suffix(" fails to validate").map(|f| (f, Verdict::Invalid));
            failed.or_else(|| line.strip_suffix(" validates").map(|f| (f, Verdict::Valid)))
        })
        .collect();
    (0..documents.len())
        .map(|ix| {
            *verdicts.get(&*name(ix)).unwrap_or_else(|| panic!("no verdict on d{ix}: {said}"))
        })
        .collect()
}

/// What we say of structure alone: the parser, and the codes that XSD can say too.
fn ours(format: &Format, document: &str) -> (Verdict, String) {
    let parsed = match format.parse(document.as_bytes()) {
        Ok(parsed) => parsed,
        Err(v) => return (Verdict::Invalid, v.to_string()),
    };
    let mut found = vec![];
    let (case, lists) = (CaseFacts::new(), OpenLists::new());
    format.validate(parsed.ty, &parsed.values, &parsed.attrs, &case, &lists, &mut found);
    const STRUCTURE: [&str; 6] = [
        "field.required",
        "field.too_long",
        "field.too_short",
        "field.pattern",
        "field.list",
        "field.time_form",
    ];
    let first = found.iter().find(|v| STRUCTURE.contains(&&*v.rule));
    first.map_or((Verdict::Valid, String::new()), |v| (Verdict::Invalid, v.to_string()))
}

fn random_value(wire: &str, field: &Field, chance: &mut Chance) -> String {
    if let Some(CodeList::Closed { codes, .. }) = &field.list {
        return codes[chance.below(codes.len())].0.to_string();
    }
    match field.kind {
        Kind::DateTime if chance.one_in(2) => "2026-03-02".to_owned(),
        Kind::Int => chance.below(1_000_000_000).to_string(),
        Kind::Decimal if chance.one_in(2) => chance.below(10_000).to_string(),
        Kind::Text | Kind::Code if field.pattern.is_none() && chance.one_in(2) => {
            // The longest text there may be, of characters of one to four bytes.
            let length = if chance.one_in(2) { field.max_len as usize } else { 1 };
            let pool =
                ['a', '审', '𠮷', '&', '<', '>', '"', '\'', ' ', '\t', '\n', '\r', 'é', '？'];
            (0..length).map(|_| pool[chance.below(pool.len())]).collect()
        }
        _ => value(wire, field),
    }
}

fn random_record(format: &Format, ty: TypeIx, chance: &mut Chance) -> Values {
    let record = format.get(ty);
    let mut values = Values::new();
    for (ix, field) in record.fields.iter().enumerate() {
        if field.required || chance.one_in(2) {
            values.set(ix, &random_value(&record.wire, field, chance));
        }
    }
    values
}

/// Puts one wrong value into a present field.
fn wrong_value(field: &Field, chance: &mut Chance) -> String {
    let choices = [
        "ZZ".to_owned(),
        "１".to_owned(),
        "2014-9-19 14:10:10".to_owned(),
        "2014-09-19T14:10:10".to_owned(),
        "007".to_owned(),
        " 1".to_owned(),
        "1 ".to_owned(),
        "-1".to_owned(),
        "1.234".to_owned(),
        "审".repeat(field.max_len.min(30_000) as usize),
        "审".repeat(field.max_len.min(30_000) as usize + 1),
    ];
    choices[chance.below(choices.len())].clone()
}

/// Breaks the bytes of a document in one place.
fn broken_bytes(format: &Format, ty: TypeIx, text: &str, chance: &mut Chance) -> String {
    let record = format.get(ty);
    let present: Vec<&Field> =
        record.fields.iter().filter(|f| text.contains(&format!("<{}>", f.wire))).collect();
    let pick = |chance: &mut Chance| &present[chance.below(present.len())].wire;
    let element = |wire: &str| {
        let (open, close) = (format!("<{wire}>"), format!("</{wire}>"));
        let from = text.find(&open).unwrap();
        let to = text.find(&close).unwrap() + close.len();
        (text[..from].to_owned(), text[from..to].to_owned(), text[to..].to_owned())
    };
    let (before, one, after) = element(pick(chance));
    let end = format!("</{}>", record.wire);
    match chance.below(12) {
        0 => format!("{before}{one}{one}{after}"),
        1 => format!("{before}<EXTRA>1</EXTRA>{one}{after}"),
        2 => format!("{before}stray{one}{after}"),
        3 => {
            let start = text.find('>').unwrap() + 1;
            let (head, body) = text.split_at(start);
            let body = body.strip_suffix(&end).unwrap();
            let last = element(&present[present.len() - 1].wire).1;
            format!("{head}{last}{}{end}", body.strip_suffix(&last).unwrap())
        }
        4 => text.replacen(" v=\"", " w=\"", 1),
        5 => text.replacen(" v=\"", " v=\"0", 1),
        6 => text.replacen("op=\"put\"", "op=\"set\"", 1),
        7 => text.replacen("supervision:1", "supervision:2", 1),
        8 => text.replacen(" ns=\"TESTUNIT1\"", "", 1),
        9 => text.replacen(" amended=", " extra=\"1\" amended=", 1),
        10 => text.replacen("rowdig=\"sha256:", "rowdig=\"md5:", 1),
        _ => {
            let wire = one.split_once('>').unwrap().0.trim_start_matches('<').to_owned();
            format!("{before}<{wire}></{wire}>{after}")
        }
    }
}

fn document(format: &Format, ty: TypeIx, chance: &mut Chance) -> String {
    let mut values = random_record(format, ty, chance);
    let fields = &format.get(ty).fields;
    let fault = chance.below(4);
    let field = chance.below(fields.len());
    if fault == 1 {
        values.set(field, &wrong_value(&fields[field], chance));
    } else if fault == 2 {
        values.remove(field);
    }
    let mut bytes = vec![];
    format.render(ty, &values, &attributes(), &mut bytes);
    let text = String::from_utf8(bytes).unwrap();
    if fault == 3 { broken_bytes(format, ty, &text, chance) } else { text }
}

#[test]
fn xmllint_and_we_agree_both_ways() {
    let format = supervision_1();
    let mut chance = Chance(20_261_121);
    let mut documents = vec![];
    for ty in format.indices() {
        documents.extend((0..DOCUMENTS_PER_TYPE).map(|_| document(&format, ty, &mut chance)));
    }
    let folder =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas/supervision/1/supervision.xsd");
    let theirs = xmllint(folder.as_ref(), &documents);
    let dir = tempfile::tempdir().unwrap();
    let flat = dir.path().join("flat.xsd");
    std::fs::write(&flat, format.flat_xsd()).unwrap();
    assert_eq!(theirs, xmllint(&flat, &documents), "the flat file judges as the folder does");
    let mut valid = 0;
    for (document, theirs) in documents.iter().zip(&theirs) {
        let (ours, why) = ours(&format, document);
        assert_eq!(ours, *theirs, "we say {why:?} of\n{document}");
        valid += usize::from(ours == Verdict::Valid);
    }
    for record in format.types() {
        let root = format!("<{} ", record.wire);
        let of_type = documents.iter().zip(&theirs).filter(|(d, _)| d.starts_with(&root));
        let good = of_type.filter(|(_, verdict)| **verdict == Verdict::Valid).count();
        assert!((1..DOCUMENTS_PER_TYPE).contains(&good), "{}: {good} valid", record.wire);
    }
    let invalid = documents.len() - valid;
    assert!(documents.len() >= 200 && valid >= 100 && invalid >= 100, "{valid} and {invalid}");
}

/// Where the two engines could differ without any generated value showing it: patterns.
#[test]
fn every_pattern_means_the_same_to_both() {
    let format = supervision_1();
    let mut patterns: Vec<&Pattern> = format
        .types()
        .iter()
        .flat_map(|t| &t.fields)
        .filter_map(|f| f.pattern.as_deref())
        .collect();
    patterns.sort_by(|a, b| a.text.cmp(&b.text));
    patterns.dedup();
    let values = [
        "0",
        "00",
        "7",
        "123456789",
        "1234567890",
        "990101",
        "9901010",
        "990101001",
        "99010100100",
        "990101001002",
        "CNY",
        "cny",
        "CNYX",
        "1.5",
        "1.50",
        "1.505",
        ".5",
        "1.",
        "2026-03-02",
        "2026-03-02 10:00:00",
        "2026-03-02  10:00:00",
        "2026-3-2",
        "１２３４５６",
        "ABCDEFGH1",
        "ABCDEFGH1ABCDEFGH1",
        "0a",
        "0123456789abcdef0123456789ABCDEF",
        "x",
    ];
    for pattern in patterns {
        let escaped = pattern.text.replace('&', "&amp;").replace('<', "&lt;");
        let xsd = format!(
            "<xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\"><xs:element name=\"v\">\
             <xs:simpleType><xs:restriction base=\"xs:string\"><xs:pattern value=\"{escaped}\"/>\
             </xs:restriction></xs:simpleType></xs:element></xs:schema>"
        );
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p.xsd");
        std::fs::write(&path, xsd).unwrap();
        let documents: Vec<_> = values.iter().map(|v| format!("<v>{v}</v>")).collect();
        for (value, theirs) in values.iter().zip(xmllint(&path, &documents)) {
            assert_eq!(
                pattern.matches(value),
                theirs == Verdict::Valid,
                "{} {value}",
                pattern.text
            );
        }
    }
    assert!(supervision_1_files().len() > 12);
}
