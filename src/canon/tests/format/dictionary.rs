//! Documentation generated from the format, and the vocabulary's own schema.

use std::fmt::Write as _;

use canon::format::{Format, Lang, supervision_1, supervision_1_files};

use crate::differential::{Verdict, xmllint};

#[test]
fn the_dictionary_names_every_type_field_and_rule_in_both_languages() {
    let format = supervision_1();
    for lang in [Lang::Zh, Lang::En] {
        let text = format.dictionary_markdown(lang);
        for record in format.types() {
            assert!(text.contains(&format!("## {} {}", record.wire, record.label)));
            for field in &record.fields {
                assert!(
                    text.contains(&format!(
                        "| `{}` | {} | `{}`",
                        field.wire, field.label, field.name
                    ))
                );
            }
        }
        for rule in format.rules() {
            let last = rule.id.rsplit('.').next().unwrap();
            let id =
                if matches!(last, "blank" | "calendar") { format!("*.{last}") } else { rule.id };
            assert!(text.contains(&format!("| `{id}` |")), "{id}");
        }
    }
}

#[test]
fn one_flat_file_compiles_to_the_same_format() {
    let format = supervision_1();
    let files = [("supervision.xsd".to_owned(), format.flat_xsd())].into();
    let flat = Format::compile("supervision", "1", &files).unwrap();
    assert_eq!(flat.dictionary_markdown(Lang::Zh), format.dictionary_markdown(Lang::Zh));
}

/// Every annotation of the format, as one document for `schemas/annotation.xsd`.
fn annotations() -> String {
    let mut out = String::from("<t:vocabulary xmlns:t=\"urn:tiergate:annotation:1\">\n");
    for text in supervision_1_files().values() {
        for piece in text.split("<t:").skip(1) {
            let (element, _) = piece.split_once("/>").unwrap();
            writeln!(out, "<t:{element}/>").unwrap();
        }
    }
    out + "</t:vocabulary>\n"
}

#[test]
fn the_annotation_schema_accepts_the_formats_and_refuses_what_the_compiler_refuses() {
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas/annotation.xsd");
    let good = annotations();
    assert!(good.len() > 10_000);
    let mut documents = vec![good.clone()];
    for (from, to) in [
        ("kind=\"datetime\"", "kind=\"moment\""),
        ("is=\"citizen_id\"", "is=\"passport\""),
        ("severity=\"warn\"", "severity=\"hint\""),
        ("<t:needs ", "<t:wants "),
        ("fact=\"true\"", "fact=\"yes\""),
        ("<t:range id=\"extension_limit\" ", "<t:range "),
    ] {
        assert!(good.contains(from), "{from}");
        documents.push(good.replacen(from, to, 1));
    }
    let verdicts = xmllint(schema.as_ref(), &documents);
    assert_eq!(verdicts[0], Verdict::Valid);
    assert!(verdicts[1..].iter().all(|v| *v == Verdict::Invalid), "{verdicts:?}");
}
