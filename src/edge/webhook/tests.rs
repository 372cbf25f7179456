//! What a service is given, and what its answers do.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use canon::{Day, Key, RecordId};
use serde_json::{Value, json};

use super::*;
use crate::error::Disposition;
use crate::http::{address, tests::file};
use crate::legacy_http::{Reply, Service};

const NOW: Millis = Millis(1_700_000_000_000);

type Seen = Arc<Mutex<Vec<(Value, String, String)>>>;

/// A service that answers by turns, and what it was given.
fn service(mut replies: Vec<Reply>) -> (Service, Seen) {
    let seen = Seen::default();
    let noted = Arc::clone(&seen);
    replies.reverse();
    let service = Service::start(move |asked| {
        let body = serde_json::from_slice(&asked.body).unwrap_or(Value::Null);
        let header = |name| asked.header(name).unwrap_or_default().to_owned();
        // Signed over the id and the bytes that came.
        let signed = [header(DELIVERY).as_bytes(), b".", &asked.body].concat();
        assert_eq!(sign(b"key", NOW, &signed), header(SIGNATURE));
        noted.lock().unwrap().push((body, header(DELIVERY), header(REPLAY)));
        replies.pop().unwrap_or_else(|| Reply::json(200, "{}"))
    });
    (service.unwrap(), seen)
}

fn webhook(url: &str, records_max: usize) -> Webhook {
    Webhook::new(settings(url, records_max)).unwrap()
}

fn settings(url: &str, records_max: usize) -> Settings {
    let http = ClientSettings {
        ca: Some(file("ca.pem")),
        timeout: Duration::from_millis(500),
        answer_bytes_max: 1000,
        ..ClientSettings::default()
    };
    Settings {
        name: "hook".into(),
        node: "county".into(),
        url: address(url).unwrap(),
        http,
        key: b"key".to_vec(),
        records_max,
        bytes_max: 1000,
        clock: Arc::new(|| NOW),
    }
}

fn id() -> RecordId {
    RecordId { kind: "SL".into(), key: Key::new("ns", &["1"]), version: 2 }
}

fn records<'a>(id: &'a RecordId, marks: &[u64], fragment: &'a str) -> Vec<KeptRecord<'a>> {
    let one = |mark: &u64| KeptRecord {
        edition: "supervision/1",
        watermark: *mark,
        id,
        window: Day(20_000),
        envelope: "town/1/province/9",
        void: mark % 2 == 1,
        fragment,
    };
    marks.iter().map(one).collect()
}

#[tokio::test]
async fn records_come_signed_in_order_each_with_an_id_of_its_own() {
    let (service, seen) = service(Vec::new());
    let mut hook = webhook(&service.url(), 2);
    let id = id();
    hook.deliver(&records(&id, &[POSITIONS, POSITIONS + 1, POSITIONS + 2], "<SL/>")).await.unwrap();
    // Given again, nothing is sent twice by this process; another one does not know and sends.
    hook.deliver(&records(&id, &[POSITIONS + 2], "<SL/>")).await.unwrap();
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().all(|(_, _, replay)| replay == "false"));
    let (first, key, _) = &seen[0];
    assert!(key.starts_with("county/hook/") && *key != seen[1].1, "{key}");
    assert_eq!(first["node"], "county");
    assert_eq!(
        first["records"][1],
        json!({
            "delivery": "town/1/province/9#1", "watermark": POSITIONS + 1, "type": "SL", "key": "1@ns",
            "version": 2, "op": "void", "window": Day(20_000).to_string(),
            "envelope": "town/1/province/9", "format": "supervision/1", "fragment": "<SL/>",
        })
    );
    // By bytes: two of them are too many for one request.
    let long = "x".repeat(600);
    let (service, seen) = self::service(Vec::new());
    let mut hook = webhook(&service.url(), 9);
    hook.deliver(&records(&id, &[1, 2, 3], &long)).await.unwrap();
    hook.again(&records(&id, &[1], "<SL/>")).await.unwrap();
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 4);
    // Given again by a person: the same bytes under the same id, and it says so.
    hook_is_the_same(&seen[0], &seen[3]);
}

fn hook_is_the_same(first: &(Value, String, String), again: &(Value, String, String)) {
    assert_eq!((&first.1, &*first.2, &*again.2), (&again.1, "false", "true"));
}

#[tokio::test]
async fn answers_are_taken_tried_again_or_stop_the_sink() {
    for (reply, wanted) in [
        (Reply::json(500, ""), Disposition::Retry),
        (Reply::json(501, ""), Disposition::Retry),
        (Reply::json(429, ""), Disposition::Retry),
        (Reply::json(408, ""), Disposition::Retry),
        (Reply::Silence, Disposition::Retry),
        (Reply::Bytes(Vec::new()), Disposition::Retry),
        (Reply::json(400, ""), Disposition::Halt),
        (Reply::json(401, ""), Disposition::Halt),
        (Reply::json(302, "").with("location", "http://127.0.0.1:1/"), Disposition::Halt),
        (Reply::json(200, vec![b'x'; 2000]), Disposition::Halt),
        (Reply::json(200, r#"{"refused":"all"}"#), Disposition::Halt),
        (
            Reply::json(
                200,
                r#"{"refused":[{"delivery":"town/1/province/9#2"},{"delivery":"town/1/province/9#2"}]}"#,
            ),
            Disposition::Halt,
        ),
    ] {
        let shown = format!("{reply:?}");
        let (service, seen) = service(vec![Reply::json(200, ""), reply]);
        let mut hook = webhook(&service.url(), 1);
        let id = id();
        let batch = records(&id, &[1, 2, 3], "<SL/>");
        let error = hook.deliver(&batch).await.unwrap_err();
        assert_eq!(error.disposition(), wanted, "{shown}: {error}");
        assert!(error.to_string().contains("`hook`"), "{error}");
        // What was taken before it is not sent again.
        hook.deliver(&batch).await.unwrap();
        let marks: Vec<u64> = seen
            .lock()
            .unwrap()
            .iter()
            .map(|(body, _, _)| body["records"][0]["watermark"].as_u64().unwrap())
            .collect();
        assert_eq!(marks, [1, 2, 2, 3], "{shown}");
    }
    let mut nobody = webhook("http://127.0.0.1:1/", 1);
    let error = nobody.deliver(&records(&id(), &[1], "<SL/>")).await.unwrap_err();
    assert_eq!((error.code(), error.disposition()), ("source.sink_unreached", Disposition::Retry));
    assert!(nobody.look().await.iter().any(|seen| seen.step == "webhook" && !seen.fine));
}

#[tokio::test]
async fn who_says_when_is_not_asked_before() {
    let busy = Reply::json(429, "").with("retry-after", "7");
    let (service, seen) = service(vec![busy]);
    let at = Arc::new(AtomicI64::new(NOW.0));
    let mut settings = settings(&service.url(), 9);
    let clock = Arc::clone(&at);
    settings.clock = Arc::new(move || Millis(clock.load(Ordering::Relaxed)));
    let mut hook = Webhook::new(settings).unwrap();
    let id = id();
    let batch = records(&id, &[1], "<SL/>");
    let first = hook.deliver(&batch).await.unwrap_err();
    at.fetch_add(6_999, Ordering::Relaxed);
    let second = hook.deliver(&batch).await.unwrap_err();
    assert_eq!((first.to_string(), 1), (second.to_string(), seen.lock().unwrap().len()));
    // Signed at that very second again: the service above holds it against its own clock.
    at.store(NOW.0, Ordering::Relaxed);
    hook.look_again().await.unwrap();
    hook.deliver(&batch).await.unwrap();
    assert_eq!(seen.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_refused_record_is_set_aside_and_the_others_are_taken() {
    let refused = json!({ "refused": [
        { "delivery": "town/1/province/9#2", "code": "their.code", "text": "无此事项" }
    ] });
    let (service, _) = service(vec![Reply::json(200, refused.to_string())]);
    let mut hook = webhook(&service.url(), 9);
    hook.deliver(&records(&id(), &[1, 2, 3], "<SL/>")).await.unwrap();
    let aside = hook.set_aside();
    assert_eq!(aside.len(), 1);
    assert_eq!((aside[0].watermark, &*aside[0].record), (2, "SL:1@ns#2"));
    assert_eq!((&*aside[0].code, &*aside[0].text), ("their.code", "无此事项"));
    assert!(hook.set_aside().is_empty());
    // A word about what was not in the request is no answer to it.
    let (service, _) = self::service(vec![Reply::json(200, refused.to_string())]);
    let mut hook = webhook(&service.url(), 9);
    let error = hook.deliver(&records(&id(), &[1, 3], "<SL/>")).await.unwrap_err();
    assert_eq!((error.code(), error.disposition()), ("source.sink_refused", Disposition::Halt));
}
