//! SOAP clients: answers, faults, the description, held against Debian's `xmllint`.

use std::io::Write as _;
use std::process::{Command, Stdio};

use adapt::form::soap::{NS_11, NS_12};

use super::ground::{Ground, Instance, TOKEN, client, request};
use crate::http::{Answer, Method};

const SOAP: &str = "kind = \"soap_push\"\nnamespace = \"urn:cases?a&b\"\noperation = \"put\"\n\
    record = \"list/case\"\ncolumns = [\"no\", \"who/name\", \"who/@kind\", \"@id\"]";

fn envelope(space: &str, cases: &str) -> String {
    format!(
        "<e:Envelope xmlns:e=\"{space}\"><e:Body><put xmlns=\"urn:cases?a&amp;b\"><list>{cases}</list></put></e:Body></e:Envelope>"
    )
}

async fn call(at: &Instance, kind: &str, action: &str, body: &str) -> (Answer, String) {
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("authorization", &*bearer), ("content-type", kind), ("soapaction", action)];
    let answer = client().send(request(Method::POST, &at.url("/push/cases"), &headers, body)).await;
    let answer = answer.unwrap();
    let text = String::from_utf8(answer.body.clone()).unwrap();
    (answer, text)
}

/// What `xmllint` says of a text; its words where it finds fault.
fn xmllint(args: &[&str], text: &str) -> Result<String, String> {
    let mut command = Command::new("xmllint");
    command.args(args).arg("-").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("xmllint is installed: apt-get install libxml2-utils");
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(said(output.stdout)) } else { Err(said(output.stderr)) }
}

#[tokio::test]
async fn both_versions_are_answered_in_their_own_words() {
    let ground = Ground::new(SOAP);
    let at = ground.instance(true).await;
    let cases = "<case id=\"1\"><no>1</no></case><case/>";
    let (answer, text) =
        call(&at, "text/xml; charset=utf-8", "\"urn:cases?a&b/put\"", &envelope(NS_11, cases))
            .await;
    assert_eq!(answer.status, 200, "{text}");
    assert!(answer.header("content-type").unwrap().starts_with("text/xml"));
    assert!(text.contains(NS_11) && text.contains("<class>1</class>"), "{text}");
    assert!(
        text.contains("<row number=\"2\" outcome=\"quarantined\"><problem rule=\"field.required\"")
    );
    let kind = "application/soap+xml; action=\"urn:cases?a&b/put\"";
    let (answer, text) = call(&at, kind, "", &envelope(NS_12, "<case><no>2</no></case>")).await;
    assert_eq!(answer.status, 200, "{text}");
    assert!(answer.header("content-type").unwrap().starts_with("application/soap+xml"));
    assert!(text.contains(NS_12) && text.contains("<class>0</class>"), "{text}");
    assert!(xmllint(&["--noout"], &text).is_ok());
}

#[tokio::test]
async fn a_fault_says_whose_it_is_and_our_code() {
    let ground = Ground::new(SOAP);
    let at = ground.instance(true).await;
    let case = "<case><no>1</no></case>";
    let must = envelope(NS_11, case)
        .replace("<e:Body>", "<e:Header><t e:mustUnderstand=\"1\"/></e:Header><e:Body>");
    for (space, action, body, status, words) in [
        (NS_11, "urn:other", envelope(NS_11, case), 500, ["env:Client", "post.soap_action"]),
        (
            NS_12,
            "",
            envelope(NS_12, case).replace("put", "get"),
            400,
            ["env:Sender", "post.soap_operation"],
        ),
        (NS_11, "", envelope("urn:old", case), 500, ["env:VersionMismatch", "post.soap_version"]),
        (NS_11, "", must, 500, ["env:MustUnderstand", "post.soap_header"]),
        (NS_12, "", "<".into(), 400, ["env:Sender", "post.malformed"]),
        (NS_11, "", envelope(NS_11, ""), 500, ["env:Client", "post.no_rows"]),
    ] {
        let kind = if space == NS_11 { "text/xml" } else { "application/soap+xml" };
        let (answer, text) = call(&at, kind, action, &body).await;
        assert_eq!(answer.status, status, "{text}");
        for word in words {
            assert!(text.contains(word), "{word}: {text}");
        }
        xmllint(&["--noout"], &text).unwrap();
    }
    let headers = [("content-type", "text/xml"), ("authorization", "Bearer wrong")];
    let asked = request(Method::POST, &at.url("/push/cases"), &headers, &envelope(NS_11, case));
    let answer = client().send(asked).await.unwrap();
    assert_eq!(answer.status, 401);
    assert!(String::from_utf8_lossy(&answer.body).contains("env:Client"));
    // A time that runs out on our side is no fault: it is said, with the id.
    ground.paused.store(true, std::sync::atomic::Ordering::Relaxed);
    let mut ground = ground;
    ground.limits.wait = std::time::Duration::from_millis(20);
    let at = ground.instance(false).await;
    let (answer, text) = call(&at, "text/xml", "", &envelope(NS_11, case)).await;
    assert!(answer.status == 200 && text.contains("<class>2</class>"), "{text}");
    assert!(text.contains("post.not_yet"), "{text}");
}

/// The schema within a description.
fn schema(wsdl: &str) -> &str {
    let begin = wsdl.find("<xs:schema").unwrap();
    let end = wsdl.find("</xs:schema>").unwrap() + "</xs:schema>".len();
    wsdl.get(begin..end).unwrap()
}

async fn described(at: &Instance) -> String {
    let asked = request(Method::GET, &at.url("/push/cases?wsdl"), &[], "");
    let answer = client().send(asked).await.unwrap();
    assert_eq!(answer.status, 200);
    String::from_utf8(answer.body).unwrap()
}

#[tokio::test]
async fn the_description_is_true_of_calls_and_answers() {
    let at = Ground::new(SOAP).instance(true).await;
    let wsdl = described(&at).await;
    assert!(wsdl.contains("targetNamespace=\"urn:cases?a&amp;b\""), "{wsdl}");
    // xmllint finds no element again in a namespace with `&`.
    let at = Ground::new(&SOAP.replace("?a&b", "")).instance(true).await;
    let wsdl = described(&at).await;
    assert_eq!(xmllint(&["--noout"], &wsdl), Ok(String::new()));
    assert!(wsdl.contains(&at.url("/push/cases")) && wsdl.contains("测试推送"), "{wsdl}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cases.xsd");
    std::fs::write(&file, schema(&wsdl)).unwrap();
    let valid = |text: &str| xmllint(&["--noout", "--schema", file.to_str().unwrap()], text);
    let inside = |text: &str| {
        let (_, rest) = text.split_once("Body>").unwrap();
        rest.rsplit_once("</e").unwrap().0.rsplit_once("</e").unwrap().0.to_owned()
    };
    let cases = "<case id=\"1\"><who kind=\"a\"><name>甲</name></who><no>1</no></case><case/>";
    let sent = envelope(NS_11, cases).replace("?a&amp;b", "");
    valid(&inside(&sent)).unwrap();
    let (_, text) = call(&at, "text/xml", "", &sent).await;
    valid(&inside(&text)).unwrap();
    assert!(valid(&inside(&sent).replace("<no>", "<num>").replace("</no>", "</num>")).is_err());

    let text =
        SOAP.replace("record = \"list/case\"", "payload = \"xmlData\"\nrecord = \"list/case\"");
    let at = Ground::new(&text).instance(true).await;
    let wsdl = described(&at).await;
    assert!(wsdl.contains("name=\"xmlData\" type=\"xs:string\""), "{wsdl}");
    xmllint(&["--noout"], &wsdl).unwrap();
}
