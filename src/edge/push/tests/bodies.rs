//! Documents that are none, are too much, or come in another way.

use std::sync::atomic::Ordering;
use std::time::Duration;

use encoding_rs::GBK;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::ground::{Ground, Instance, JSON, TOKEN, client, list, post, request, told};
use crate::http::Method;

const XML: &str =
    "kind = \"http_push\"\nform = \"xml\"\nrecord = \"list/case\"\ncolumns = [\"no\", \"@name\"]";

async fn typed(at: &Instance, kind: &str, body: &[u8]) -> (u16, Value) {
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("authorization", &*bearer), ("content-type", kind)];
    let mut request = request(Method::POST, &at.url("/push/cases"), &headers, "");
    request.body = body.to_vec();
    let (answer, said) = told(client().send(request).await.unwrap());
    (answer.status, said)
}

#[tokio::test]
async fn what_is_no_document_is_refused_whole_with_its_reason() {
    let mut ground = Ground::new(JSON);
    ground.limits.rows_max = 3;
    ground.body_max = 4096;
    let at = ground.instance(true).await;
    for (body, status, code) in [
        (String::new(), 400, "post.malformed"),
        ("{".into(), 400, "post.malformed"),
        ("{\"other\": []}".into(), 400, "post.malformed"),
        ("{\"list\": [{\"no\": \"1\"}, {\"no\"".into(), 400, "post.malformed"),
        ("{\"list\": []}".into(), 400, "post.no_rows"),
        (list(&["1", "2", "3", "4"]), 413, "post.too_many_rows"),
        (format!("{{\"list\": [{{\"no\": \"{}\"}}]}}", "x".repeat(5000)), 413, "post.too_large"),
    ] {
        let (answer, said) = post(&at, Some("k"), &body).await;
        assert_eq!((answer.status, &said["code"]), (status, &json!(code)), "{body:.40} {said}");
        assert!(said["zh"].as_str().unwrap().chars().any(|c| c > '\u{4e00}'), "{said}");
        assert!(!said["en"].as_str().unwrap().is_empty());
    }
    assert!(ground.shelf.all().is_empty(), "nothing of them is kept, not even their key");
    assert_eq!(post(&at, Some("k"), &list(&["1"])).await.0.status, 200);
}

#[tokio::test]
async fn a_row_at_fault_is_returned_and_the_others_go() {
    let ground = Ground::new(JSON);
    let at = ground.instance(true).await;
    let body = "{\"list\": [{\"no\": \"1\"}, {\"no\": [\"2\"]}, {\"no\": \"3\"}]}";
    let (answer, said) = post(&at, None, body).await;
    assert_eq!(
        (answer.status, &said["collected"], &said["quarantined"]),
        (200, &json!(2), &json!(1))
    );
    assert_eq!(said["rows"][1]["problems"][0]["rule"], "adapter.not_one_value");
    assert!(said["rows"][1]["problems"][0]["zh"].as_str().unwrap().starts_with("第 2 行"));
}

#[tokio::test]
async fn encodings_are_what_the_document_or_its_header_says() {
    let ground = Ground::new(JSON);
    let at = ground.instance(true).await;
    let gbk = GBK.encode("{\"list\": [{\"no\": \"甲1\"}]}").0.into_owned();
    let (status, said) = typed(&at, "application/json; charset=GBK", &gbk).await;
    assert_eq!((status, &said["rows"][0]["records"][0]["key"]), (200, &json!("甲1")));
    let (status, said) = typed(&at, "application/json; charset=klingon", &gbk).await;
    assert_eq!((status, &said["code"]), (415, &json!("post.content_type")));
    let (status, _) = typed(&at, "application/x-www-form-urlencoded", b"{}").await;
    assert_eq!(status, 415);

    let ground = Ground::new(XML);
    let at = ground.instance(true).await;
    let text = "<list><case name='甲'><no>乙2</no></case></list>";
    let gbk = |text: &str| GBK.encode(text).0.into_owned();
    let (status, said) = typed(&at, "text/xml; charset=gb2312", &gbk(text)).await;
    assert_eq!((status, &said["rows"][0]["records"][0]["key"]), (200, &json!("乙2")));
    // What the document says of itself is nearer than what its header says.
    let declared = format!("<?xml version='1.0' encoding='GBK'?>{}", text.replace("乙2", "乙3"));
    let (_, said) = typed(&at, "text/xml; charset=utf-8", &gbk(&declared)).await;
    assert_eq!(said["rows"][0]["records"][0]["key"], "乙3");
    let bomb = "<!DOCTYPE l [<!ENTITY a \"aaaa\">]><list><case><no>&a;</no></case></list>";
    let (status, said) = typed(&at, "application/xml", bomb.as_bytes()).await;
    assert_eq!((status, &said["code"]), (400, &json!("post.malformed")));
    let deep = format!("{}{}", "<a>".repeat(5000), "</a>".repeat(5000));
    assert_eq!(typed(&at, "application/xml", deep.as_bytes()).await.0, 400);
}

/// Writes pieces and reads until the other end closes.
async fn raw(at: &Instance, pieces: &[&[u8]], pause: Duration) -> String {
    let mut socket = TcpStream::connect(at.address).await.unwrap();
    for piece in pieces {
        if socket.write_all(piece).await.is_err() {
            break;
        }
        tokio::time::sleep(pause).await;
    }
    let mut said = Vec::new();
    let read = socket.read_to_end(&mut said);
    // A reset instead of an end is an end.
    drop(tokio::time::timeout(Duration::from_secs(10), read).await.expect("it is closed"));
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test]
async fn who_sends_slowly_is_cut_off_and_holds_nobody_up() {
    let mut ground = Ground::new(JSON);
    (ground.head_time, ground.body_time) = (Duration::from_millis(300), Duration::from_millis(300));
    let at = ground.instance(true).await;
    // A head without end, one line at a time.
    let mut pieces = vec![b"POST /push/cases HTTP/1.1\r\nhost: x\r\n".as_slice()];
    pieces.extend([b"x-slow: 1\r\n".as_slice(); 20]);
    let head = raw(&at, &pieces, Duration::from_millis(100));
    let begun = format!(
        "POST /push/cases HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\n\
         content-type: application/json\r\ncontent-length: 1000\r\n\r\n{{"
    );
    let begun = [begun.as_bytes()];
    let body = raw(&at, &begun, Duration::ZERO);
    let silent = raw(&at, &[], Duration::ZERO);
    let one = list(&["1"]);
    let quick = post(&at, None, &one);
    let (head, body, silent, (answer, _)) = tokio::join!(head, body, silent, quick);
    assert!(head.is_empty() || head.contains("408"), "{head}");
    assert!(body.contains("408") && body.contains("post.slow"), "{body}");
    assert!(silent.is_empty(), "{silent}");
    assert_eq!(answer.status, 200);
    assert_eq!(ground.rows.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_body_that_never_ends_is_refused_where_the_limit_is() {
    let mut ground = Ground::new(JSON);
    ground.body_max = 10_000;
    let at = ground.instance(true).await;
    let head = format!(
        "POST /push/cases HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\n\
         content-type: application/json\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    );
    let chunk = format!("400\r\n{}\r\n", "x".repeat(1024));
    let mut pieces = vec![head.as_bytes()];
    pieces.extend([chunk.as_bytes(); 20]);
    let said = raw(&at, &pieces, Duration::from_millis(1)).await;
    assert!(said.contains("413") && said.contains("post.too_large"), "{said}");
    let said = raw(&at, &[b"GET / HTTP/1.1\r\n", &[b'x'; 40_000]], Duration::ZERO).await;
    assert!(said.is_empty() || said.contains(" 4"), "{said}");
}

#[tokio::test]
async fn more_than_agreed_waits() {
    let mut ground = Ground::new(JSON);
    (ground.limits.waiting_max, ground.limits.wait) = (1, Duration::from_millis(20));
    ground.paused.store(true, Ordering::Relaxed);
    let at = ground.instance(true).await;
    assert_eq!(post(&at, Some("a"), &list(&["1"])).await.0.status, 202);
    let (answer, said) = post(&at, Some("b"), &list(&["2"])).await;
    assert_eq!((answer.status, &said["code"]), (503, &json!("post.backlog")));
    assert_eq!(answer.header("retry-after"), Some("60"));
    // What waits already is no second one.
    assert_eq!(post(&at, Some("a"), &list(&["1"])).await.0.status, 202);
    ground.shelf.broken.store(true, Ordering::Relaxed);
    let (answer, said) = post(&at, Some("c"), &list(&["3"])).await;
    assert_eq!((answer.status, &said["code"]), (503, &json!("post.store")));

    let mut ground = Ground::new(JSON);
    ground.limits.per_second = 2;
    let at = ground.instance(true).await;
    let mut refused = None;
    for n in 0..4 {
        let (answer, said) = post(&at, None, &list(&[&n.to_string()])).await;
        refused = (answer.status == 429).then_some((answer, said)).or(refused);
    }
    let (answer, said) = refused.expect("the third within a second is one too many");
    assert_eq!((&said["code"], answer.header("retry-after")), (&json!("post.rate"), Some("1")));
    let mut ground = Ground::new(JSON);
    ground.limits.at_once_max = 0;
    let at = ground.instance(true).await;
    assert_eq!(post(&at, None, &list(&["1"])).await.1["code"], "post.busy");
}
