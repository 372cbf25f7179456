//! What changed between two editions: each kind of change once, said as breaking or compatible.

use canon::format::{Change, Format, Touches, supervision_1, supervision_1_files};

/// Changes after replacing `from` by `to` in a file, in a copy of the format.
#[track_caller]
fn after(edits: &[(&str, &str, &str)]) -> Vec<Change> {
    let mut files = supervision_1_files();
    for (file, from, to) in edits {
        let text = files.get_mut(*file).unwrap();
        assert!(text.contains(from), "{file} has no {from}");
        *text = text.replacen(from, to, 1);
    }
    let new = Format::compile("supervision", "1", &files);
    let new = new.unwrap_or_else(|p| panic!("{p:?}"));
    new.changes_since(&supervision_1())
}

/// The one change of an edit: word, `TYPE.FIELD`, breaking, whose lines.
#[track_caller]
fn only(edits: &[(&str, &str, &str)]) -> (&'static str, String, bool, Touches) {
    let changes = after(edits);
    assert_eq!(changes.len(), 1, "{changes:#?}");
    let one = &changes[0];
    assert!(!one.zh.is_empty() && !one.en.is_empty());
    let at = [Some(one.record.clone()), one.field.clone()];
    let at: Vec<String> = at.into_iter().flatten().collect();
    (one.what, at.join("."), one.breaks, one.touches)
}

/// One element of a record, as the file has it.
fn element(file: &str, wire: &str) -> String {
    let files = supervision_1_files();
    let text = &files[file];
    let from = text.find(&format!("        <xs:element name=\"{wire}\"")).unwrap();
    let end = "        </xs:element>\n";
    let to = text[from..].find(end).unwrap() + from + end.len();
    text[from..to].to_owned()
}

#[test]
fn an_edition_is_like_itself() {
    assert_eq!(after(&[]), []);
}

#[test]
fn fields_that_come_and_go() {
    let old = element("zx.xsd", "DFRXM");
    let new = |required: &str| {
        let text = old.replace("DFRXM", "DFRGH").replace("officer_name", "officer_no");
        old.clone()
            + &text.replace("答复人姓名", "答复人工号").replace(" minOccurs=\"0\"", required)
    };
    let (optional, required) = (new(" minOccurs=\"0\""), new(""));
    let at = "ZX.DFRGH".to_owned();
    assert_eq!(
        only(&[("zx.xsd", &old, &optional)]),
        ("field_added", at.clone(), false, Touches::Nothing)
    );
    assert_eq!(
        only(&[("zx.xsd", &old, &required)]),
        ("field_added_required", at, true, Touches::Record)
    );
    let spare = element("sl.xsd", "PDH");
    let gone = only(&[("sl.xsd", &spare, "")]);
    assert_eq!(gone, ("field_removed", "SL.PDH".to_owned(), true, Touches::Field));
    let renamed = after(&[("sl.xsd", "name=\"queue_no\"", "name=\"ticket_no\"")]);
    let words: Vec<_> = renamed.iter().map(|c| (c.what, c.breaks)).collect();
    assert_eq!(words, [("field_renamed", true), ("field_removed", true)]);
    assert_eq!(renamed[1].field_name.as_deref(), Some("queue_no"), "what adapters map to");
}

#[test]
fn what_is_asked_of_a_field() {
    let at = |field: &str| format!("SL.{field}");
    let was = "name=\"PDH\" type=\"Code20\" minOccurs=\"0\"";
    let edit = |to: &'static str| only(&[("sl.xsd", was, to)]);
    let required = edit("name=\"PDH\" type=\"Code20\"");
    assert_eq!(required, ("field_required", at("PDH"), true, Touches::Field));
    let longer = edit("name=\"PDH\" type=\"Code36\" minOccurs=\"0\"");
    assert_eq!(longer, ("lengthened", at("PDH"), false, Touches::Nothing));
    let shorter =
        only(&[("sl.xsd", "name=\"YWLSH\" type=\"Code100\"", "name=\"YWLSH\" type=\"Code50\"")]);
    assert_eq!(shorter, ("shortened", at("YWLSH"), true, Touches::Field));
    let kind = edit("name=\"PDH\" type=\"Text20\" minOccurs=\"0\"");
    assert_eq!(kind, ("type_changed", at("PDH"), true, Touches::Field));
    let optional = only(&[(
        "sl.xsd",
        "name=\"YWLSH\" type=\"Code100\"",
        "name=\"YWLSH\" type=\"Code100\" minOccurs=\"0\"",
    )]);
    assert_eq!(optional, ("field_optional", at("YWLSH"), false, Touches::Nothing));
    let form = after(&[("common.xsd", "value=\"[A-Z]{3}\"", "value=\"[A-Z]{3}|[0-9]{3}\"")]);
    assert!(form.iter().all(|c| c.what == "form_changed" && c.breaks), "{form:#?}");
    assert!(form.len() > 5, "every field of the type");
}

#[test]
fn codes_that_come_go_or_mean_something_else() {
    let file = "zfjc.xsd";
    let code = "      <xs:enumeration value=\"4\"><xs:annotation><xs:documentation xml:lang=\"zh\">投诉举报检查</xs:documentation></xs:annotation></xs:enumeration>\n";
    let at = "ZFJC.JCLX".to_owned();
    assert_eq!(only(&[(file, code, "")]), ("code_removed", at.clone(), true, Touches::Field));
    let two = code.to_owned() + &code.replace("value=\"4\"", "value=\"5\"");
    assert_eq!(only(&[(file, code, &two)]), ("code_added", at.clone(), false, Touches::Nothing));
    let other = code.replace("投诉举报检查", "其他检查");
    assert_eq!(only(&[(file, code, &other)]), ("code_relabelled", at, true, Touches::Field));
}

#[test]
fn rules_that_are_sharper_milder_new_or_gone() {
    let rule = "<t:require id=\"satisfaction_when_replied\" field=\"MYD\" when=\"DXZT = 3\" severity=\"warn\"/>";
    let edit = |to: &str| {
        let to = rule.replace(" severity=\"warn\"", to);
        only(&[("dx.xsd", rule, &to)])
    };
    let at = "DXMY.MYD".to_owned();
    assert_eq!(edit(""), ("rule_sharpened", at.clone(), true, Touches::Record));
    let dated = edit(" severity=\"warn\" error_from=\"2027-01-01\"");
    assert_eq!(dated, ("rule_sharpened", at.clone(), true, Touches::Record));
    assert_eq!(
        only(&[("dx.xsd", rule, "")]),
        ("rule_removed", at.clone(), false, Touches::Nothing)
    );
    let more = rule.to_owned() + &rule.replace("satisfaction_when_replied", "another");
    assert_eq!(only(&[("dx.xsd", rule, &more)]), ("rule_added", at, false, Touches::Nothing));
    let other = "when=\"DXZT = 1\" history";
    let changed = only(&[("dx.xsd", "when=\"DXZT = 3\" history", other)]);
    assert_eq!(changed, ("rule_changed", "DXMY.HFSJ".to_owned(), true, Touches::Record));
    let milder =
        only(&[("dx.xsd", "after=\"FSSJ\" history=\"warn\"", "after=\"FSSJ\" severity=\"warn\"")]);
    assert_eq!((milder.0, milder.2), ("rule_softened", false));
    let origin = rule.replace("/>", " origin=\"own\"/>");
    assert_eq!(after(&[("dx.xsd", rule, &origin)]), [], "where it comes from is no part of it");
}

#[test]
fn types_keys_and_the_order_of_elements() {
    let other =
        after(&[("zx.xsd", "<t:record name=\"consultation\"", "<t:record name=\"question\"")]);
    let words: Vec<_> = other.iter().map(|c| (c.what, c.breaks, c.touches)).collect();
    assert_eq!(
        words,
        [("type_added", false, Touches::Nothing), ("type_removed", true, Touches::Record)]
    );
    let key = only(&[("sl.xsd", "key=\"SBLSH\"", "key=\"SBLSH YWLSH\"")]);
    assert_eq!(key, ("key_changed", "SL".to_owned(), true, Touches::Record));
    let (first, second) = (element("zx.xsd", "ZXBT"), element("zx.xsd", "ZXNR"));
    let pair = format!("{first}{second}");
    let turned = only(&[("zx.xsd", &pair, &format!("{second}{first}"))]);
    assert_eq!(turned, ("order_changed", "ZX.ZXNR".to_owned(), true, Touches::Nothing));
}
