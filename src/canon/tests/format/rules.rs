//! Every rule of the generated table, once accepting and once refusing.

use std::collections::BTreeMap;

use canon::format::{
    Attributes, CaseFacts, CheckKind, Format, Nature, Op, OpenLists, RuleRow, TypeIx, Values,
    citizen_id_check_char, supervision_1, supervision_1_files,
};
use canon::{Millis, Severity, Violation};

use crate::cases::{Case, Set, all};
use crate::common::{attributes, full, satisfy};

fn lists() -> OpenLists {
    let mut lists = OpenLists::new();
    lists.insert("regions", "2026", [("990101", "测试区")]);
    lists.insert("items", "2026", [("99-SXBM", "测试事项")]);
    lists
}

fn judge(format: &Format, ty: TypeIx, sets: &[Set]) -> Vec<Violation> {
    let mut values = full(format, ty);
    let mut case = CaseFacts::new();
    for (name, value) in sets.iter().copied().flatten() {
        match name.split_once('/') {
            Some(("complete", _)) => case.set_complete(true),
            Some((wire, part)) => case.insert(wire, part, value),
            None => values.set(format.get(ty).field_by_wire(name).unwrap(), value),
        }
    }
    validate(format, ty, &values, &case, &lists())
}

fn validate(
    format: &Format,
    ty: TypeIx,
    values: &Values,
    case: &CaseFacts,
    lists: &OpenLists,
) -> Vec<Violation> {
    let mut out = vec![];
    format.validate(ty, values, &attributes(), case, lists, &mut out);
    out
}

fn refused(row: &RuleRow, found: &[Violation]) {
    let hit = found.iter().find(|v| row.codes.contains(&&*v.rule) && *v.field == row.field);
    let Some(hit) = hit else { panic!("{} did not refuse: {found:?}", row.id) };
    let begun = row.error_from.is_some_and(|day| attributes().collected.day() >= day);
    let severity = if begun { Severity::Error } else { row.severity };
    assert!(found.iter().any(|v| v.severity == severity), "{}", row.id);
    assert!(hit.zh.contains('『') || hit.zh.contains("办件"), "{}: {}", row.id, hit.zh);
    assert!(canon::code(&hit.rule).is_some(), "{} is not a stable code", hit.rule);
}

#[test]
fn every_declared_rule_accepts_and_refuses() {
    let format = supervision_1();
    let rows = format.rules();
    let mut cases: BTreeMap<&str, &Case> = all().map(|c| (c.id, c)).collect();
    assert_eq!(cases.len(), all().count(), "a case stands twice");
    for row in rows.iter().filter(|r| r.id.split('.').count() == 2) {
        let case = cases.remove(&*row.id).unwrap_or_else(|| panic!("no case for rule {}", row.id));
        let ty = format.type_by_wire(&row.record).unwrap();
        let good = judge(&format, ty, &[case.both, case.good]);
        assert!(good.is_empty(), "{} refused the good one: {good:?}", row.id);
        refused(row, &judge(&format, ty, &[case.both, case.bad]));
    }
    assert!(cases.is_empty(), "cases without a rule: {:?}", cases.keys());
}

/// Values that break an implied rule, by the last part of its id.
fn breaking(row: &RuleRow) -> Vec<(String, &'static str)> {
    let id = |first: &str, digit_ok: bool| {
        let right = citizen_id_check_char(first).unwrap();
        let wrong = if right == '1' { '2' } else { '1' };
        format!("{first}{}", if digit_ok { right } else { wrong })
    };
    let text = |t: &str| t.to_owned();
    match row.id.rsplit('.').next().unwrap() {
        "calendar" => vec![
            (text("2026-02-30"), "field.calendar"),
            (text("2026-02-01 24:00:00"), "field.calendar"),
        ],
        "blank" => vec![(text(" "), "field.blank"), (text("\u{3000}"), "field.blank")],
        "list" if row.field.ends_with("XZQHDM") => vec![(text("990202"), "field.code_unknown")],
        "list" => vec![(text("99-OTHER"), "field.code_unknown")],
        "expected" => vec![(text(""), "field.expected")],
        "name" => vec![(text("张?"), "field.lost_character")],
        "citizen_id" => vec![
            (id("99000019900101001", false), "field.check_digit"),
            (id("99000019900231001", true), "field.check_date"),
            (text("990000900101001"), "field.check_form"),
        ],
        "unit_code" => vec![
            (text("008778184"), "field.check_digit"),
            (text("115113010833722044"), "field.check_digit"),
        ],
        "credit_code" => vec![
            (text("11420000MB15291760"), "field.check_digit"),
            (text("008778183"), "field.check_form"),
        ],
        "org_code" => {
            vec![(text("008778180"), "field.check_digit"), (text("1142"), "field.check_form")]
        }
        other => panic!("no breaking value for implied rule {other}"),
    }
}

#[test]
fn every_implied_rule_accepts_and_refuses() {
    let format = supervision_1();
    let mut tried = 0;
    for row in format.rules().iter().filter(|r| r.id.split('.').count() == 3) {
        let ty = format.type_by_wire(&row.record).unwrap();
        let record = format.get(ty);
        let mut base = full(&format, ty);
        let last = row.id.rsplit('.').next().unwrap();
        if let Some(kind) = CheckKind::ALL.iter().find(|k| k.as_str() == last) {
            satisfy(record, record.field_by_wire(&row.field).unwrap(), *kind, &mut base);
        }
        let case = CaseFacts::new();
        let good = validate(&format, ty, &base, &case, &lists());
        assert!(good.is_empty(), "{}: {good:?}", row.id);
        for (value, code) in breaking(row) {
            let mut bad = base.clone();
            bad.set(record.field_by_wire(&row.field).unwrap(), &value);
            let found = validate(&format, ty, &bad, &case, &lists());
            refused(row, &found);
            assert!(found.iter().any(|v| &*v.rule == code), "{}: {found:?}", row.id);
            tried += 1;
        }
    }
    assert!(tried > 100);
}

#[test]
fn texts_name_the_label_and_what_the_digit_should_be() {
    let format = supervision_1();
    let ty = format.type_by_wire("SB").unwrap();
    let right = citizen_id_check_char("99000019900101001").unwrap();
    let wrong = if right == '1' { "990000199001010012" } else { "990000199001010011" };
    let mut values = full(&format, ty);
    values.set(format.get(ty).field_by_wire("SQRZJHM").unwrap(), wrong);
    let found = validate(&format, ty, &values, &CaseFacts::new(), &OpenLists::new());
    assert_eq!(found[0].zh, format!("『申请人证件号码』校验位错误，应为 {right}"));
    assert!(!format!("{found:?}").contains(wrong), "values are never copied into violations");
}

#[test]
fn a_citizen_id_is_checked_only_when_the_paper_is_an_identity_card() {
    let format = supervision_1();
    let ty = format.type_by_wire("SB").unwrap();
    for (paper, judged) in [("111", true), ("112", true), ("414", false), ("999", false)] {
        let sets: [Set; 1] = [&[("SQRZJHM", "E00000001")]];
        let mut values = full(&format, ty);
        values.set(format.get(ty).field_by_wire("SQRZJLX").unwrap(), paper);
        for (wire, value) in sets[0] {
            values.set(format.get(ty).field_by_wire(wire).unwrap(), value);
        }
        let found = validate(&format, ty, &values, &CaseFacts::new(), &OpenLists::new());
        assert_eq!(!found.is_empty(), judged, "{paper}: {found:?}");
    }
}

#[test]
fn what_is_not_loaded_or_not_known_is_not_judged() {
    let format = supervision_1();
    let ty = format.type_by_wire("BJ").unwrap();
    let mut values = full(&format, ty);
    values.set(format.get(ty).field_by_wire("XZQHDM").unwrap(), "990909");
    // No list is loaded, and nobody says that the case has no acceptance.
    let found = validate(&format, ty, &values, &CaseFacts::new(), &OpenLists::new());
    assert!(found.is_empty(), "{found:?}");
    // A village is known where its county is.
    values.set(format.get(ty).field_by_wire("XZQHDM").unwrap(), "990101001002");
    assert!(validate(&format, ty, &values, &CaseFacts::new(), &lists()).is_empty());
}

#[test]
fn a_void_is_judged_by_structure_and_by_its_reason() {
    let format = supervision_1();
    let ty = format.type_by_wire("SL").unwrap();
    let record = format.get(ty);
    let mut values = full(&format, ty);
    values.set(record.field_by_wire("SLZTDM").unwrap(), "2");
    values.remove(record.field_by_wire("BSLYY").unwrap());
    let mut attrs = attributes();
    let judge = |attrs: &Attributes, values: &Values| {
        let mut out = vec![];
        format.validate(ty, values, attrs, &CaseFacts::new(), &OpenLists::new(), &mut out);
        out.iter().map(|v| v.rule.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(judge(&attrs, &values), ["rule.required_when"]);
    attrs.op = Op::Void;
    assert_eq!(judge(&attrs, &values), ["field.attribute", "field.attribute"]);
    (attrs.reason, attrs.by) = (Some("duplicate".to_owned()), Some("op-17".to_owned()));
    assert!(judge(&attrs, &values).is_empty());
    values.set(record.field_by_wire("SLZTDM").unwrap(), "9");
    assert_eq!(judge(&attrs, &values), ["field.list"]);
}

#[test]
fn a_warning_becomes_an_error_on_its_day() {
    let mut files = supervision_1_files();
    let text = files.get_mut("sbcl.xsd").unwrap();
    let dated = "severity=\"warn\" error_from=\"2026-03-21\"";
    *text = text.replacen("severity=\"warn\"", dated, 1);
    let format = Format::compile("supervision", "1", &files).unwrap();
    let ty = format.type_by_wire("SBCL").unwrap();
    let record = format.get(ty);
    let mut values = full(&format, ty);
    values.set(record.field_by_wire("WJLX").unwrap(), "1");
    values.remove(record.field_by_wire("ATTACH_DIGEST").unwrap());
    for (day, severity) in [("2026-03-20", Severity::Warn), ("2026-03-21", Severity::Error)] {
        let mut attrs = attributes();
        attrs.collected = Millis::parse(&format!("{day} 12:00:00")).unwrap();
        let mut out = vec![];
        format.validate(ty, &values, &attrs, &CaseFacts::new(), &OpenLists::new(), &mut out);
        assert_eq!(out.iter().map(|v| v.severity).collect::<Vec<_>>(), [severity]);
    }
}

/// The dates of the sources themselves: citizen ids of the first generation ended on 2013-01-01, and what
/// stood beside credit codes on 2018-01-01.
#[test]
fn what_ended_on_a_day_is_an_error_from_that_day_on() {
    let format = supervision_1();
    let ty = format.type_by_wire("SB").unwrap();
    let record = format.get(ty);
    let judge = |kind: &str, number: &str, day: &str, nature| {
        let mut values = full(&format, ty);
        values.set(record.field_by_wire("SQRZJLX").unwrap(), kind);
        values.set(record.field_by_wire("SQRZJHM").unwrap(), number);
        let collected = Millis::parse(&format!("{day} 12:00:00")).unwrap();
        let attrs = Attributes { collected, nature, ..attributes() };
        let mut out = vec![];
        format.validate(ty, &values, &attrs, &CaseFacts::new(), &OpenLists::new(), &mut out);
        let of = out.into_iter().filter(|v| &*v.field == "SQRZJHM").map(|v| v.severity);
        of.collect::<Vec<_>>()
    };
    let (first, nine) = (("111", "990000900101001"), ("001", "008778183"));
    for ((kind, number), before, from) in
        [(first, "2012-12-31", "2013-01-01"), (nine, "2017-12-31", "2018-01-01")]
    {
        assert_eq!(judge(kind, number, before, Nature::Live), [Severity::Warn], "{before}");
        assert_eq!(judge(kind, number, from, Nature::Live), [Severity::Error], "{from}");
        assert_eq!(judge(kind, number, "2026-11-22", Nature::Live), [Severity::Error]);
        assert_eq!(judge(kind, number, "2026-11-22", Nature::History), [Severity::Warn]);
    }
    for check in [CheckKind::CitizenId, CheckKind::CreditCode] {
        let fields = format.types().iter().flat_map(|t| &t.fields);
        let checks = fields.flat_map(|f| &f.checks).filter(|c| c.kind == check);
        let days: Vec<_> = checks.map(|c| c.weight.error_from).collect();
        assert!(days.len() > 5 && days.iter().all(Option::is_some), "{check:?}: one has no day");
    }
}

#[test]
fn only_the_first_violations_of_a_record_are_kept() {
    let format = supervision_1();
    let ty = format.type_by_wire("SB").unwrap();
    let mut values = Values::new();
    for ix in 0..format.get(ty).fields.len() {
        values.set(ix, "\u{1}");
    }
    let found = validate(&format, ty, &values, &CaseFacts::new(), &OpenLists::new());
    assert_eq!(found.len(), canon::limits::VIOLATIONS_PER_RECORD_MAX);
    assert!(found.iter().all(|v| v.severity == Severity::Error));
}

#[test]
fn old_records_are_judged_by_the_history_profile() {
    let format = supervision_1();
    let ty = format.type_by_wire("SL").unwrap();
    let mut values = full(&format, ty);
    values.set(format.get(ty).field_by_wire("SLBMZZJDDM").unwrap(), "11990103000000010X");
    let mut facts = CaseFacts::new();
    facts.insert("SB", "", "SBSJ=2999-01-01 08:00:00");
    let judge = |nature| {
        let attrs = Attributes { nature, ..attributes() };
        let mut out = vec![];
        format.validate(ty, &values, &attrs, &facts, &OpenLists::new(), &mut out);
        out.iter().map(|v| (v.rule.to_string(), v.severity)).collect::<Vec<_>>()
    };
    let all = |severity| {
        ["field.check_digit", "case.order"].map(|rule| (rule.to_owned(), severity)).to_vec()
    };
    assert_eq!(judge(Nature::Live), all(Severity::Error));
    assert_eq!(judge(Nature::History), all(Severity::Warn));
    values.remove(format.get(ty).field_by_wire("SBLSH").unwrap());
    let attrs = Attributes { nature: Nature::History, ..attributes() };
    let mut out = vec![];
    format.validate(ty, &values, &attrs, &facts, &OpenLists::new(), &mut out);
    assert!(out.iter().any(|v| v.severity == Severity::Error), "its structure is no matter of age");
}

/// Three things that old records cannot be mended in: they go up with a warning, live ones do not.
#[test]
fn old_numbers_are_warnings_in_a_back_fill_only() {
    let format = supervision_1();
    let ended = "990202";
    for (wire, field, old, rule) in [
        ("SB", "SQRZJHM", "990000900101001", "field.check_form"),
        ("DZZZ", "CZZZJHM", "990000900101001", "field.check_form"),
        ("XZCF", "CF_FRSFZ", "990000900101001", "field.check_form"),
        ("XZXK", "XK_JGTYSHXY", "008778183", "field.check_form"),
        ("XZCF", "CF_JGTYSHXY", "008778183", "field.check_form"),
        ("DZZZ", "FZJGDM", "008778183", "field.check_form"),
        ("GD", "SFXZQHDM", ended, "field.code_unknown"),
        ("SB", "XZQHDM", ended, "field.code_unknown"),
    ] {
        let ty = format.type_by_wire(wire).unwrap();
        let mut values = full(&format, ty);
        values.set(format.get(ty).field_by_wire(field).unwrap(), old);
        for (nature, severity) in
            [(Nature::Live, Severity::Error), (Nature::History, Severity::Warn)]
        {
            let attrs = Attributes { nature, ..attributes() };
            let mut out = vec![];
            format.validate(ty, &values, &attrs, &CaseFacts::new(), &lists(), &mut out);
            let said: Vec<_> = out.iter().map(|v| (&*v.rule, &*v.field, v.severity)).collect();
            assert_eq!(said, [(rule, field, severity)], "{wire} {nature:?}");
        }
    }
}

/// Before the list comes down, Monday to Friday count; with it, what it names is a holiday or worked.
#[test]
fn working_days_are_counted_by_the_edition_in_force() {
    let format = supervision_1();
    let ty = format.type_by_wire("ZFXX").unwrap();
    let mut values = full(&format, ty);
    let field = |wire: &str| format.get(ty).field_by_wire(wire).unwrap();
    for (wire, value) in [("GKSX", "1"), ("CSRQ", "2026-09-30"), ("GKRQ", "2026-10-12 09:00:00")] {
        values.set(field(wire), value);
    }
    let said = |lists: &OpenLists| {
        let mut out = vec![];
        format.validate(ty, &values, &attributes(), &CaseFacts::new(), lists, &mut out);
        out
    };
    let [late] = &said(&OpenLists::new())[..] else { panic!("one warning") };
    assert_eq!((&*late.rule, late.severity), ("rule.within", Severity::Warn));
    assert!(late.zh.contains("最迟应为 2026-10-05（代码表 workdays 未加载"), "{}", late.zh);
    let named = ["2026-10-01", "2026-10-02", "2026-10-05", "2026-10-06", "2026-10-07"];
    let mut lists = OpenLists::new();
    lists.insert("workdays", "2026", named.map(|day| (day, "国庆节")));
    assert_eq!(said(&lists), []);
    let worked = named.into_iter().chain(["2026-10-10"]).map(|day| (day, ""));
    lists.insert("workdays", "2026b", worked);
    let [late] = &said(&lists)[..] else { panic!("the Saturday is worked") };
    assert!(
        late.en.contains(
            "the last day was 2026-10-10 (holidays after the list workdays, edition 2026b)"
        )
    );
}
