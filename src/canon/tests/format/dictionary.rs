//! Documentation generated from the format, and the vocabulary's own schema.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use canon::format::{Format, Lang, supervision_1, supervision_1_files};

use crate::differential::{Verdict, xmllint};

#[test]
fn the_dictionary_names_every_type_field_and_rule_in_both_languages() {
    let format = supervision_1();
    for lang in [Lang::Zh, Lang::En] {
        let text = format.dictionary_markdown(lang);
        for record in format.types() {
            let head = format!("## {} {}", record.wire, record.label);
            let (_, section) = text.split_once(&head).unwrap_or_else(|| panic!("no {head}"));
            let section = section.split("\n## ").next().unwrap();
            for field in &record.fields {
                let row = format!("| `{}` | {} | `{}`", field.wire, field.label, field.name);
                assert!(section.contains(&row), "{row}");
            }
        }
        fn first(line: &str) -> Option<&str> {
            Some(line.strip_prefix("| `")?.split_once("` |")?.0)
        }
        let ids: BTreeSet<&str> = text.lines().filter_map(first).collect();
        for rule in format.rules() {
            let last = rule.id.rsplit('.').next().unwrap();
            let id =
                if matches!(last, "blank" | "calendar") { format!("*.{last}") } else { rule.id };
            assert!(ids.contains(&*id), "{id}");
        }
    }
}

/// Every type says which standard it comes from, or that it is this format's own; and the
/// dictionary says so to its reader.
#[test]
fn every_type_says_where_it_comes_from() {
    let format = supervision_1();
    let (zh, en) = (format.dictionary_markdown(Lang::Zh), format.dictionary_markdown(Lang::En));
    let section = |text: &str, wire: &str| {
        let from = text.find(&format!("## {wire} ")).unwrap();
        let rest = &text[from + 3..];
        rest[..rest.find("\n## ").unwrap()].to_owned()
    };
    for record in format.types() {
        let origin = record.origin.as_deref().unwrap_or_else(|| panic!("{}", record.wire));
        let own = origin == "own";
        let wanted =
            if own { "来源：本格式自定".to_owned() } else { format!("来源：{origin}") };
        assert!(section(&zh, &record.wire).contains(&wanted), "{}", record.wire);
        let wanted = if own { "this format's own".to_owned() } else { format!("Origin: {origin}") };
        assert!(section(&en, &record.wire).contains(&wanted), "{}", record.wire);
    }
    let rating = section(&zh, "HCP");
    let line = |wire: &str| rating.lines().find(|l| l.contains(&format!("`{wire}`"))).unwrap();
    assert!(line("ZGQX").contains("本格式自定"), "{rating}");
    assert!(line("MYD").contains("来源 GB/T 39046-2020 A.8"), "{rating}");
    assert!(!line("PJSJ").contains("来源"), "{rating}");
}

#[test]
fn the_rules_say_what_old_records_get_and_forms_are_words() {
    let format = supervision_1();
    let (zh, en) = (format.dictionary_markdown(Lang::Zh), format.dictionary_markdown(Lang::En));
    assert!(zh.contains("| `SL.after_application` | 错误，历史数据为提示 |"), "{zh}");
    assert!(en.contains("| `SL.after_application` | error, warn for history |"));
    assert!(zh.contains("| `SB.before_acceptance` | 提示 |"));
    assert!(zh.contains("| `XH` | 序号 | `no` | 整数：最多 9 位 |"));
    assert!(en.contains("| `region_code` | code: 6 digits (GB/T 2260)"));
    assert!(en.contains("Also called: "));
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
        ("origin=\"own\"", "origin=\"\""),
    ] {
        assert!(good.contains(from), "{from}");
        documents.push(good.replacen(from, to, 1));
    }
    let verdicts = xmllint(schema.as_ref(), &documents);
    assert_eq!(verdicts[0], Verdict::Valid);
    assert!(verdicts[1..].iter().all(|v| *v == Verdict::Invalid), "{verdicts:?}");
}
