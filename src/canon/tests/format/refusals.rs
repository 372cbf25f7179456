//! What `check format` refuses, each with file and line and what to do.

use std::collections::BTreeMap;

use canon::format::{Format, FormatProblem, supervision_1_files};

fn compile(change: impl FnOnce(&mut BTreeMap<String, String>)) -> Vec<FormatProblem> {
    let mut files = supervision_1_files();
    change(&mut files);
    Format::compile("supervision", "1", &files).err().unwrap_or_default()
}

/// Replaces the first `from` in a file; the problem must be on its line (plus `down`) and hold `says`.
#[track_caller]
fn refused(file: &str, from: &str, to: &str, down: isize, says: &str) {
    let mut line = 0;
    let problems = compile(|files| {
        let text = files.get_mut(file).unwrap();
        let at = text.find(from).unwrap_or_else(|| panic!("{file} has no {from}"));
        line = text[..at].matches('\n').count() + 1;
        line = line.checked_add_signed(down).unwrap();
        *text = text.replacen(from, to, 1);
    });
    let hit = problems.iter().find(|p| p.message.contains(says));
    let Some(hit) = hit else { panic!("{from} -> {to}: wanted `{says}`, got {problems:#?}") };
    assert_eq!((hit.file.as_str(), hit.line), (file, line), "{hit}");
}

#[test]
fn the_format_compiles() {
    assert_eq!(compile(|_| {}), []);
}

#[test]
fn xsd_beyond_the_subset_is_refused() {
    refused("common.xsd", "[0-9]{6}|", "\\d{6}|", 0, "full-width digits");
    refused("common.xsd", "<xs:maxLength value=\"10\"", "<xs:totalDigits value=\"10\"", 0, "facet");
    refused(
        "common.xsd",
        "<xs:maxLength value=\"10\"",
        "<xs:maxLength value=\"ten\"",
        0,
        "not a length",
    );
    refused(
        "common.xsd",
        "<xs:restriction base=\"xs:string\"",
        "<xs:restriction base=\"xs:int\"",
        0,
        "is not known",
    );
    refused("common.xsd", "      <xs:maxLength value=\"10\"/>\n", "", -6, "has no limit");
    refused(
        "common.xsd",
        "value=\"2\"><xs:annotation>",
        "value=\"1\"><xs:annotation>",
        -2,
        "listed twice",
    );
    refused("common.xsd", "name=\"nature\"", "name=\"kind\"", -7, "in order");
    refused("sl.xsd", "<xs:sequence>", "<xs:choice/><xs:sequence>", 0, "is not read inside");
    refused("sl.xsd", "type=\"Code36\"", "type=\"Code37\"", 0, "not a simple type");
    refused("sl.xsd", " minOccurs=\"0\"", " minOccurs=\"2\"", 0, "minOccurs");
    refused("sl.xsd", " minOccurs=\"0\"", " maxOccurs=\"9\"", 0, "not an attribute");
    refused("sl.xsd", "<xs:attributeGroup ref=\"record\"/>", "", -188, "attributeGroup");
}

#[test]
fn annotations_outside_the_vocabulary_are_refused() {
    refused("sl.xsd", "<t:require ", "<t:demand ", 0, "does not belong here");
    refused(
        "sl.xsd",
        "<t:field name=\"item_code\"",
        "<t:field nick=\"item_code\"",
        0,
        "not an attribute",
    );
    refused("sl.xsd", "name=\"item_code\"", "name=\"Item Code\"", 0, "English name");
    refused("hcp.xsd", " origin=\"own\"", " origin=\" \"", 0, "origin is empty");
    refused("sl.xsd", "<t:field name=\"internal_no\"/>", "", -3, "needs a t:field");
    refused("sb.xsd", "is=\"citizen_id\"", "is=\"passport\"", 0, "is not one of");
    refused("common.xsd", "kind=\"datetime\"", "kind=\"text\"", -2, "go together");
    refused("sl.xsd", "fact=\"true\"", "fact=\"ja\"", 0, "true or false");
    refused(
        "sb.xsd",
        "<t:field name=\"applicant_name\"",
        "<t:field fact=\"true\" name=\"applicant_name\"",
        0,
        "never personal",
    );
    refused(
        "sl.xsd",
        "<xs:documentation xml:lang=\"zh\">申请流水号</xs:documentation>",
        "",
        -5,
        "label is missing",
    );
}

#[test]
fn rules_that_name_what_is_not_there_are_refused() {
    refused("sl.xsd", "field=\"BSLYY\"", "field=\"BSLXX\"", 0, "not a field of SL");
    refused("sl.xsd", "SLZTDM != 1", "SLZTDM != 7", 0, "not a code of");
    refused("sl.xsd", "SLZTDM != 1", "SLZTDM ~ 1", 0, "is not a test");
    refused("sl.xsd", "after=\"SB.SBSJ\"", "after=\"SB.SQRMC\"", 0, "is not a time");
    refused("sl.xsd", "after=\"SB.SBSJ\"", "after=\"XX.SBSJ\"", 0, "not a record type");
    refused("sl.xsd", "after=\"SB.SBSJ\"", "", 0, "exactly one of");
    refused("sl.xsd", "id=\"limit_unit\"", "id=\"after_application\"", 1, "stands twice");
    refused("bj.xsd", "where=\"SPHJDM = 3\"", "where=\"SPRXM present\"", 0, "is no fact");
    refused("tbcxsq.xsd", "field=\"TBCXSX\" min", "field=\"SQNR\" min", 0, "whole number");
    refused("sb.xsd", "severity=\"warn\"", "severity=\"hint\"", 0, "not error or warn");
    refused("sb.xsd", "severity=\"warn\"", "severity=\"warn\" error_from=\"soon\"", 0, "not a day");
}

#[test]
fn keys_parents_and_identity_must_hold_together() {
    refused("sl.xsd", "key=\"SBLSH\"", "key=\"SLHZH\"", 0, "must be required");
    refused("sl.xsd", "key=\"SBLSH\"", "key=\"NOPE\"", 0, "not a field of SL");
    refused("sl.xsd", "parent=\"SB\"", "parent=\"BJ\"", 0, "earlier in the stage order");
    refused("bj.xsd", "parent=\"SB\"", "parent=\"BJGZ\"", -3, "is missing here");
    refused("sl.xsd", "name=\"acceptance\"", "name=\"application\"", -3, "is also that of");
    refused("supervision.xsd", "edition=\"1\"", "edition=\"2\"", 0, "asked for as");
    refused(
        "sl.xsd",
        "targetNamespace=\"urn:tiergate:supervision:1\"",
        "targetNamespace=\"urn:x\"",
        -1,
        "targetNamespace",
    );
}

#[test]
fn names_must_be_readable_and_tell_fields_apart() {
    refused("sl.xsd", "<xs:element name=\"PDH\"", "<xs:element name=\"排队号\"", 0, "no wire name");
    refused("sl.xsd", ">排队号<", ">受理时间<", -5, "names two fields");
}

#[test]
fn files_that_are_missing_idle_or_broken_are_named() {
    let missing = compile(|files| drop(files.remove("sl.xsd")));
    assert!(missing.iter().any(|p| p.message.contains("`sl.xsd` is not beside")), "{missing:?}");
    let idle = compile(|files| drop(files.insert("old.xsd".into(), files["sl.xsd"].clone())));
    assert!(idle.iter().any(|p| p.file == "old.xsd" && p.message.contains("not included")));
    let main = compile(|files| drop(files.remove("supervision.xsd")));
    assert!(main.iter().any(|p| p.file == "supervision.xsd" && p.message.contains("missing")));
    refused("sl.xsd", "</xs:sequence>", "</xs:sequenz>", 0, "not well-formed");
    let two = compile(|files| {
        for file in ["sl.xsd", "bj.xsd"] {
            let text = files.get_mut(file).unwrap();
            *text = text.replacen("<t:record ", "<t:rekord ", 1);
        }
    });
    assert!(two.iter().any(|p| p.file == "sl.xsd") && two.iter().any(|p| p.file == "bj.xsd"));
}

#[test]
fn a_term_in_working_days_has_a_start_a_length_and_a_calendar() {
    let within = "of=\"CSRQ\" workdays=\"3\" calendar=\"workdays\"";
    for (to, says) in [
        ("of=\"GKSX\" workdays=\"3\" calendar=\"workdays\"", "is not a time"),
        ("workdays=\"3\" calendar=\"workdays\"", "field"),
        ("of=\"CSRQ\" workdays=\"0\" calendar=\"workdays\"", "from 1 to 366"),
        ("of=\"CSRQ\" workdays=\"367\" calendar=\"workdays\"", "from 1 to 366"),
        ("of=\"CSRQ\" workdays=\"three\" calendar=\"workdays\"", "from 1 to 366"),
        ("of=\"CSRQ\" workdays=\"3\"", "names the open list"),
    ] {
        refused("zfxx.xsd", within, to, 0, says);
    }
}
