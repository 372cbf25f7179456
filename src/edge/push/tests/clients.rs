//! What whoever posts is told.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;

use super::ground::{Ground, JSON, ask, list, post, until};

#[tokio::test]
async fn a_document_is_answered_row_by_row_after_its_commit() {
    let ground = Ground::new(JSON);
    let at = ground.instance(true).await;
    let (answer, said) = post(&at, Some("k1"), &list(&["1", "", "2"])).await;
    assert_eq!(answer.status, 200, "{said}");
    assert_eq!(ground.rows.load(Ordering::Relaxed), 3, "it was committed before it was answered");
    assert_eq!(said["code"], "post.committed");
    assert_eq!((&said["collected"], &said["quarantined"]), (&json!(2), &json!(1)));
    let outcomes: Vec<_> = said["rows"].as_array().unwrap().iter().map(|r| &r["outcome"]).collect();
    assert_eq!(outcomes, ["collected", "quarantined", "collected"]);
    let problem = &said["rows"][1]["problems"][0];
    assert_eq!(
        (&problem["rule"], &problem["zh"]),
        (&json!("field.required"), &json!("『no』未填写"))
    );
    // The same again, under its key: the same answer to the letter, and no row more.
    let (_, again) = post(&at, Some("k1"), &list(&["1", "", "2"])).await;
    assert_eq!(said, again);
    assert_eq!(ground.rows.load(Ordering::Relaxed), 3);
    // Without a key it is another document, and its records are known.
    let (_, other) = post(&at, None, &list(&["1"])).await;
    assert_eq!(
        (&other["duplicate"], &other["rows"][0]["outcome"]),
        (&json!(1), &json!("duplicate"))
    );
    let (asked, found) = ask(&at, said["id"].as_str().unwrap()).await;
    assert_eq!((asked.status, &found), (200, &said));
    assert_eq!(at.doors.counts().committed.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn a_key_is_of_one_document() {
    let ground = Ground::new(JSON);
    let at = ground.instance(true).await;
    post(&at, Some("k"), &list(&["1"])).await;
    let (answer, said) = post(&at, Some("k"), &list(&["2"])).await;
    assert_eq!((answer.status, &said["code"]), (409, &json!("post.key_reused")));
    for key in ["a b", &"x".repeat(201), ""] {
        let (answer, said) = post(&at, Some(key), &list(&["3"])).await;
        assert_eq!((answer.status, &said["code"]), (400, &json!("post.key_bad")), "{key:?}");
    }
    assert_eq!(ground.rows.load(Ordering::Relaxed), 1);
    // A key says nothing where anybody reads: neither in ids nor on the shelf.
    post(&at, Some("secret-case-17"), &list(&["4"])).await;
    assert!(!ground.shelf.all().iter().any(|name| name.contains("secret")));
}

#[tokio::test]
async fn no_commit_no_success_and_the_answer_is_had_later() {
    let mut ground = Ground::new(JSON);
    ground.limits.wait = Duration::from_millis(50);
    ground.paused.store(true, Ordering::Relaxed);
    let at = ground.instance(true).await;
    let (answer, said) = post(&at, Some("k"), &list(&["1"])).await;
    assert_eq!((answer.status, &said["code"]), (202, &json!("post.not_yet")));
    assert!(said.get("rows").is_none());
    let id = said["id"].as_str().unwrap();
    assert_eq!(said["ask"], format!("/push/cases/{id}"));
    let (asked, found) = ask(&at, id).await;
    assert_eq!((asked.status, &found["code"]), (202, &json!("post.not_yet")));
    // Another document under the key of one that waits.
    let (answer, _) = post(&at, Some("k"), &list(&["2"])).await;
    assert_eq!(answer.status, 409);
    ground.paused.store(false, Ordering::Relaxed);
    until(|| ground.rows.load(Ordering::Relaxed) == 1).await;
    let (asked, found) = ask(&at, id).await;
    assert_eq!((asked.status, &found["rows"][0]["outcome"]), (200, &json!("collected")));
    let (answer, again) = post(&at, Some("k"), &list(&["1"])).await;
    assert_eq!((answer.status, again), (200, found));
    for id in ["0".repeat(32), "../x".into(), "zz".repeat(16)] {
        let (asked, found) = ask(&at, &id.replace('/', "%2F")).await;
        assert_eq!((asked.status, &found["code"]), (404, &json!("post.unknown_id")), "{id}");
    }
}

#[tokio::test]
async fn any_instance_takes_and_answers_and_one_collects() {
    let ground = Ground::new(JSON);
    let (one, mut two) = (ground.instance(true).await, ground.instance(false).await);
    let (answer, said) = post(&two, Some("k"), &list(&["1"])).await;
    assert_eq!((answer.status, &said["collected"]), (200, &json!(1)));
    let (_, again) = post(&one, Some("k"), &list(&["1"])).await;
    assert_eq!(said, again);
    // The instance that collects goes; the other has kept what came, and goes on.
    one.stop().await;
    let waits = async {
        let body = list(&["2"]);
        let posted = post(&two, Some("k2"), &body);
        tokio::pin!(posted);
        tokio::select! {
            early = &mut posted => panic!("answered with nobody to collect: {early:?}"),
            () = until(|| ground.shelf.all().iter().any(|n| n.contains("/waits/"))) => {}
        }
    };
    waits.await;
    two.collect(&ground);
    let (answer, said) = post(&two, Some("k2"), &list(&["2"])).await;
    assert_eq!((answer.status, &said["collected"]), (200, &json!(1)));
    assert_eq!(ground.rows.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn two_hundred_at_once_are_each_answered_once_and_right() {
    let ground = Ground::new(JSON);
    let at = Arc::new(ground.instance(true).await);
    let mut posts = JoinSet::new();
    for n in 0..200 {
        let at = Arc::clone(&at);
        posts.spawn(async move {
            // Every fourth one is a repetition of the one before it.
            let n = if n % 4 == 3 { n - 1 } else { n };
            let no = n.to_string();
            let (answer, said) = post(&at, Some(&format!("key-{n}")), &list(&[&no])).await;
            assert_eq!((answer.status, &said["collected"]), (200, &json!(1)), "{said}");
            assert_eq!(said["rows"][0]["records"][0]["key"], json!(no));
        });
    }
    while let Some(one) = posts.join_next().await {
        one.unwrap();
    }
    assert_eq!(ground.rows.load(Ordering::Relaxed), 150);
    assert!(!ground.shelf.all().iter().any(|name| name.contains("/waits/")));
}

#[tokio::test]
async fn who_stops_answers_what_it_has_taken_and_takes_nothing_more() {
    let ground = Ground::new(JSON);
    ground.paused.store(true, Ordering::Relaxed);
    let at = ground.instance(true).await;
    let url = at.url("/push/cases");
    let first = async {
        let (answer, _) = post(&at, Some("k"), &list(&["1"])).await;
        assert_eq!(answer.status, 200);
    };
    let then = async {
        until(|| !ground.shelf.all().is_empty()).await;
        at.door.close();
        let (refused, said) = post(&at, Some("k2"), &list(&["2"])).await;
        assert_eq!((refused.status, &said["code"]), (503, &json!("post.stopping")));
        assert_eq!((refused.header("retry-after"), &said["retry"]), (Some("5"), &json!(true)));
        ground.paused.store(false, Ordering::Relaxed);
    };
    tokio::join!(first, then);
    at.stop().await;
    let gone = tokio::net::TcpStream::connect(
        url.trim_start_matches("http://").split('/').next().unwrap(),
    );
    assert!(gone.await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn answers_are_thrown_away_when_their_time_is_over() {
    let ground = Ground::new(JSON);
    let at = ground.instance(true).await;
    let (_, said) = post(&at, Some("k"), &list(&["1"])).await;
    ground.now.fetch_add(ground.limits.keep + 120_000, Ordering::Relaxed);
    post(&at, Some("k2"), &list(&["2"])).await;
    let old = said["id"].as_str().unwrap().to_owned();
    until(|| !ground.shelf.all().iter().any(|name| name.ends_with(&old))).await;
    assert_eq!(ask(&at, &old).await.0.status, 404);
}
