//! The format of a province: what its records look like in our hands, and what stock tools say of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use canon::format::{CaseFacts, Format, Lang, OpenLists, TypeIx, Values, supervision_1};

use crate::common::{attributes, full};
use crate::differential::{Verdict, xmllint};

fn folder(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas")).join(name)
}

fn texts(folder: &Path, end: &str) -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    let wanted = entries.filter(|p| p.to_str().unwrap().ends_with(end));
    let name = |p: &Path| p.file_name().unwrap().to_str().unwrap().to_owned();
    wanted.map(|p| (name(&p), std::fs::read_to_string(&p).unwrap())).collect()
}

fn guangdong() -> Format {
    Format::compile("guangdong", "1", &texts(&folder("guangdong/1"), ".xsd")).unwrap()
}

/// A full record of the stage in `supervision/1`, field by field of the same English name.
fn filled(format: &Format, ty: TypeIx) -> Values {
    let (record, ours) = (format.get(ty), supervision_1());
    let from = ours.type_by_wire(record.wire.trim_start_matches("EX_GDBS_")).unwrap();
    let own = full(&ours, from);
    let mut values = Values::new();
    for (ix, field) in record.fields.iter().enumerate() {
        let same = ours.get(from).field_by_name(&field.name);
        values.set(ix, same.and_then(|same| own.get(same)).unwrap_or("1"));
    }
    values
}

#[test]
fn a_full_record_of_every_stage_is_valid_for_us_and_for_stock_tools() {
    let format = guangdong();
    let mut documents = Vec::new();
    for ty in format.indices() {
        let values = filled(&format, ty);
        let (mut said, mut bytes) = (vec![], vec![]);
        let (case, lists) = (CaseFacts::new(), OpenLists::new());
        format.validate(ty, &values, &attributes(), &case, &lists, &mut said);
        assert!(said.is_empty(), "{}: {said:?}", format.get(ty).wire);
        format.render(ty, &values, &attributes(), &mut bytes);
        let parsed = format.parse(&bytes).unwrap();
        assert_eq!((parsed.ty, parsed.values), (ty, values));
        documents.push(String::from_utf8(bytes).unwrap());
    }
    assert_eq!(documents.len(), 11);
    let verdicts = xmllint(&folder("guangdong/1/guangdong.xsd"), &documents);
    assert!(verdicts.iter().all(|v| *v == Verdict::Valid));
}

#[test]
fn every_stage_has_a_valid_and_a_refused_sample_and_stock_tools_agree() {
    let format = guangdong();
    let mut wires: Vec<String> = format.types().iter().map(|t| format!("{}.xml", t.wire)).collect();
    wires.sort();
    for (name, verdict) in [("valid", Verdict::Valid), ("refused", Verdict::Invalid)] {
        let found = texts(&folder("samples/guangdong/1").join(name), ".xml");
        assert_eq!(found.keys().cloned().collect::<Vec<_>>(), wires, "a sample for each type");
        let documents: Vec<String> = found.values().cloned().collect();
        let said = xmllint(&folder("guangdong/1/guangdong.xsd"), &documents);
        assert!(said.iter().all(|v| *v == verdict), "{name}");
        for (wire, text) in &found {
            let parsed = format.parse(text.as_bytes()).unwrap();
            let (mut said, case, lists) = (vec![], CaseFacts::new(), OpenLists::new());
            format.validate(parsed.ty, &parsed.values, &parsed.attrs, &case, &lists, &mut said);
            let refused = said.iter().any(|v| *v.rule == *"field.required");
            assert_eq!(refused, verdict == Verdict::Invalid, "{wire}: {said:?}");
        }
    }
}

/// Fields go over by their English names, so they must mean the same in both.
#[test]
fn english_names_mean_what_they_mean_in_supervision() {
    let (theirs, ours) = (guangdong(), supervision_1());
    for record in theirs.types() {
        let wire = record.wire.trim_start_matches("EX_GDBS_");
        let own = ours.get(ours.type_by_wire(wire).unwrap());
        for field in record.fields.iter().filter(|f| f.name != "version") {
            let same = own.field_by_name(&field.name).map(|ix| &own.fields[ix]);
            let same = same.unwrap_or_else(|| panic!("{wire} {}", field.name));
            assert_eq!((&*same.wire, same.kind), (&*field.wire, field.kind), "{wire}");
        }
    }
}

#[test]
fn the_dictionary_names_every_field_in_both_languages() {
    let format = guangdong();
    for lang in [Lang::Zh, Lang::En] {
        let text = format.dictionary_markdown(lang);
        for record in format.types() {
            assert!(text.contains(&*record.wire), "{}", record.wire);
            for field in &record.fields {
                assert!(text.contains(&*field.wire), "{} {}", record.wire, field.wire);
            }
        }
    }
}
