//! SOAP calls: both versions, records as elements and as a text, and what is no call.

use std::io::Cursor;

use adapt::Form;
use adapt::form::FormLimits;
use adapt::form::soap::{Blame, Call, NS_11, NS_12, NoCall, Version, open};
use encoding_rs::GBK;

use super::{read, source};

pub(super) const CHILDREN: &str = "kind = \"soap_push\"\nnamespace = \"urn:o\"\noperation = \"put\"\n\
    record = \"list/case\"\ncolumns = [\"no\", \"who/name\"]";
pub(super) const TEXT: &str = "kind = \"soap_push\"\nnamespace = \"urn:o\"\noperation = \"put\"\n\
    payload = \"doc\"\nrecord = \"r/i\"\ncolumns = [\"no\"]";
pub(super) const CASES: &str = "<o:list><o:case><no>1</no><who><name>甲&amp;乙</name></who></o:case>\
    <case><no>2</no></case></o:list>";

fn envelope(space: &str, inside: &str) -> String {
    format!("<e:Envelope xmlns:e=\"{space}\" xmlns:o=\"urn:o\">{inside}</e:Envelope>")
}

pub(super) fn call(inside: &str) -> String {
    envelope(NS_11, &format!("<e:Header/><e:Body><o:put>{inside}</o:put></e:Body>"))
}

fn opened(text: &str, bytes: &[u8]) -> Result<Call, NoCall> {
    let source = source(text);
    let Form::Soap(soap) = &source.form else { panic!("a SOAP source") };
    open(&mut Cursor::new(bytes), soap, &FormLimits::default())
}

#[test]
fn records_are_elements_below_the_operation_in_both_versions() {
    for (space, version) in [(NS_11, Version::V11), (NS_12, Version::V12)] {
        let text = envelope(space, &format!("<e:Body><o:put>{CASES}</o:put></e:Body>"));
        let got = read(&source(CHILDREN), text.as_bytes()).unwrap();
        assert_eq!(got.lines, ["[0 ]", "1: 1|甲&乙", "2: 2|∅"]);
        assert_eq!(opened(CHILDREN, text.as_bytes()).unwrap(), Call { version, payload: None });
    }
    // The operation's namespace as the default one, and a list without records.
    let text = envelope(NS_11, "<e:Body><put xmlns='urn:o'><list/></put></e:Body>");
    assert_eq!(read(&source(CHILDREN), text.as_bytes()).unwrap().lines, ["[0 ]"]);
}

#[test]
fn records_are_a_document_that_an_element_holds_as_text() {
    let inner = "<?xml version=\"1.0\" encoding=\"GBK\"?><r><i><no>甲&amp;乙</no></i></r>";
    let escaped = inner.replace('&', "&amp;").replace('<', "&lt;");
    let long = format!("<r><i><no>{}</no></i></r>", "长".repeat(600_000));
    for (held, value) in [
        (format!("<o:doc>{escaped}</o:doc>"), "甲&乙"),
        (format!("<doc>\n<![CDATA[{inner}]]></doc>"), "甲&乙"),
        ("<doc><![CDATA[<r><i><no>1</no></i></r>]]></doc><more>x</more>".to_owned(), "1"),
    ] {
        let got = read(&source(TEXT), call(&held).as_bytes()).unwrap();
        assert_eq!(got.lines, ["[0 ]".to_owned(), format!("1: {value}")]);
    }
    // One value alone is too long, and only its row is at fault.
    let got = read(&source(TEXT), call(&format!("<doc><![CDATA[{long}]]></doc>")).as_bytes());
    assert!(got.is_err() || got.unwrap().lines.iter().any(|l| l.contains('!')));
}

#[test]
fn a_call_in_gbk_is_read_as_it_declares_itself() {
    let text = format!("<?xml version=\"1.0\" encoding=\"GBK\"?>{}", call(CASES));
    let got = read(&source(CHILDREN), &GBK.encode(&text).0).unwrap();
    assert_eq!(got.lines[1], "1: 1|甲&乙");
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"gb2312\"?>{}",
        call("<doc>&lt;r>&lt;i>&lt;no>甲&lt;/no>&lt;/i>&lt;/r></doc>")
    );
    let got = read(&source(TEXT), &GBK.encode(&text).0).unwrap();
    assert_eq!(got.lines[1], "1: 甲");
}

#[test]
fn what_is_no_call_of_the_operation_is_told_with_whose_fault_it_is() {
    let body = |inside: &str| envelope(NS_11, &format!("<e:Body>{inside}</e:Body>"));
    let deep = format!("<o:put>{}{}</o:put>", "<a>".repeat(70), "</a>".repeat(70));
    for (text, blame, code) in [
        (envelope("urn:other", "<e:Body/>"), Blame::Version, "post.soap_version"),
        ("<put xmlns='urn:o'/>".into(), Blame::Version, "post.soap_version"),
        (
            envelope(NS_11, "<e:Header><a e:mustUnderstand='1'/></e:Header><e:Body/>"),
            Blame::MustUnderstand,
            "post.soap_header",
        ),
        (body("<o:get/>"), Blame::Sender, "post.soap_operation"),
        (body("<put/>"), Blame::Sender, "post.soap_operation"),
        (body("<o:put/><o:put/>"), Blame::Sender, "post.soap_operation"),
        (body(""), Blame::Sender, "post.soap_operation"),
        (envelope(NS_11, ""), Blame::Sender, "post.soap_operation"),
        (body("<o:put><o:other/></o:put>"), Blame::Sender, "post.soap_operation"),
        (body("<o:put><doc><r/></doc></o:put>"), Blame::Sender, "post.soap_operation"),
        (body("<o:put><doc/><doc/></o:put>"), Blame::Sender, "post.soap_operation"),
        (body(&deep), Blame::Sender, "source.file_limit"),
        (body("<o:put><doc>&x;</doc></o:put>"), Blame::Sender, "source.form_wrong"),
        (format!("<!DOCTYPE e [<!ENTITY x 'y'>]>{}", body("")), Blame::Sender, "source.form_wrong"),
        (call("").replace("</e:Envelope>", ""), Blame::Sender, "source.file_damaged"),
    ] {
        match opened(TEXT, text.as_bytes()) {
            Err(NoCall::Wrong(whose, fault, _)) => {
                assert_eq!((whose, fault.code), (blame, code), "{text}");
            }
            other => panic!("{text}: {other:?}"),
        }
        assert!(read(&source(TEXT), text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn half_a_call_is_none() {
    let whole = call(CASES);
    let end = whole.find("<case>").unwrap();
    assert!(read(&source(CHILDREN), &whole.as_bytes()[..end]).is_err());
    let cut = call("<doc>&lt;r>&lt;i>&lt;no>1&lt;/no>&lt;/i></doc>");
    assert!(read(&source(TEXT), cut.as_bytes()).is_err());
}
