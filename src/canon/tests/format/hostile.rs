//! Texts that are not what they look like.

use canon::format::{CaseFacts, OpenLists, supervision_1};

use crate::common::{attributes, full};

/// Rules that a value of a field breaks.
fn rules(field: &str, value: &str) -> Vec<String> {
    let format = supervision_1();
    let ty = format.type_by_name("application").unwrap();
    let mut values = full(&format, ty);
    let ix = format.get(ty).field_by_name(field).unwrap_or_else(|| panic!("{field}"));
    values.set(ix, value);
    let mut out = Vec::new();
    let (case, mut lists) = (CaseFacts::new(), OpenLists::new());
    lists.insert("regions", "2026", [("990101", "测试区")]);
    format.validate(ty, &values, &attributes(), &case, &lists, &mut out);
    let wire = &format.get(ty).fields[ix].wire;
    out.iter().filter(|v| v.field == *wire).map(|v| v.rule.to_string()).collect()
}

/// Looks like a region, a number, a time or nothing at all, and is another text.
#[test]
fn deceiving_characters_are_violations() {
    assert_eq!(rules("region_code", "990101"), Vec::<String>::new());
    for value in [
        "９９０１０１",
        "99010१",
        "990101\u{200b}",
        "990101\u{202e}",
        "9901\u{0661}1",
        "990101\n",
        " 990101",
        "99010l",
        "990101;DROP TABLE",
        "990101\u{0301}",
    ] {
        assert!(!rules("region_code", value).is_empty(), "{value:?}");
    }
    for value in ["甲\0乙", "甲\u{1b}[2J", "甲\u{fffe}", "甲\u{ffff}", "甲\u{7}"] {
        assert_eq!(rules("item_name", value), ["field.character"], "{value:?}");
    }
    for value in [" ", "\u{3000}\u{3000}", "\t\n"] {
        assert!(!rules("item_name", value).is_empty(), "{value:?} is nothing");
    }
    for value in ["2026-11-21T09:00:00", "２０２６-11-21", "2026-11-21 09:00:00Z", "2026-02-30"]
    {
        assert!(!rules("applied_at", value).is_empty(), "{value:?}");
    }
}

/// A length counts characters, whatever they are made of, so that none is a way around it.
#[test]
fn marks_upon_marks_are_counted_one_by_one() {
    let heap = format!("甲{}", "\u{0301}".repeat(5_000));
    assert!(rules("item_name", &heap).contains(&"field.too_long".to_owned()));
}
