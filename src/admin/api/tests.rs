//! Every operation of the document answers as the document says, whoever asks.

use std::collections::BTreeSet;

use axum::http::header::{ALLOW, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use super::*;
use crate::access::{Role, Scope};
use crate::test_facts;
use crate::test_hall::{Answer, Ground, Visitor};

/// Whether a value is as a schema says; the first way in which it is not.
fn fits(document: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.trim_start_matches('#');
        let schema = document.pointer(name).ok_or_else(|| format!("{at}: no schema {name}"))?;
        return fits(document, schema, value, at);
    }
    let of_type = |word: &str| match word {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        other => panic!("{at}: a type {other}"),
    };
    let words = match &schema["type"] {
        Value::String(word) => vec![word.as_str()],
        Value::Array(words) => words.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !words.is_empty() && !words.iter().any(|word| of_type(word)) {
        return Err(format!("{at}: {value} is no {words:?}"));
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(name).is_none() {
            return Err(format!("{at}: no {name}"));
        }
    }
    for (name, inner) in value.as_object().into_iter().flatten() {
        let own = &schema["properties"][name];
        let other = &schema["additionalProperties"];
        let inside = if own.is_null() { other } else { own };
        // Every object of ours names all its keys; what names none is any JSON.
        if inside.is_null() && schema["properties"].is_object() {
            return Err(format!("{at}: {name} is not in the document"));
        }
        fits(document, inside, inner, &format!("{at}.{name}"))?;
    }
    for (n, inner) in value.as_array().into_iter().flatten().enumerate() {
        fits(document, &schema["items"], inner, &format!("{at}[{n}]"))?;
    }
    Ok(())
}

/// Path, method and operation of everything in the document.
fn operations_of(document: &Value) -> Vec<(String, Method, Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .flat_map(|(path, item)| {
            let one = |(method, operation): (&String, &Value)| {
                let method = method.to_uppercase().parse().unwrap();
                (path.clone(), method, operation.clone())
            };
            item.as_object().unwrap().iter().map(one)
        })
        .collect()
}

async fn asked(visitor: &mut Visitor, path: &str, method: &Method, body: Option<Value>) -> Answer {
    let path = path.replace("{number}", "1").replace("{day}", "2026-11-22");
    let path = path.replace("{month}", "2026-11");
    let query = if path == "/trace" { "?case=C1" } else { "" };
    let mut request = Request::builder().method(method).uri(format!("{ROOT}{path}{query}"));
    request = request.header("x-csrf-token", visitor.csrf.clone());
    if body.is_some() {
        request = request.header(CONTENT_TYPE, "application/json");
    }
    visitor.send(request, body.map_or(String::new(), |body| body.to_string())).await
}

/// The answer is one that the document has for this operation, in its media type and shape.
#[track_caller]
fn documented(document: &Value, operation: &Value, answer: &Answer) {
    let said = &operation["responses"][answer.status.as_str()];
    let id = &operation["operationId"];
    assert!(said.is_object(), "{id}: {} is not in the document", answer.status);
    let kind = answer.headers[CONTENT_TYPE].to_str().unwrap();
    let schema = &said["content"][kind]["schema"];
    assert!(!said["content"][kind].is_null(), "{id}: {kind} is not in the document");
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    if let Err(why) = fits(document, schema, &body, "$") {
        panic!("{id} {}: {why}", answer.status);
    }
}

fn pause(link: &str) -> Value {
    json!({ "act": { "do": "pause_link", "link": link }, "reason": "the city asked for it" })
}

#[tokio::test]
async fn every_operation_answers_as_it_is_documented() {
    let ground = Ground::new();
    let hall = &ground.hall;
    test_facts::problems(hall, 3, hall.now()).await;
    test_facts::audited(hall, "something").await;
    let document = document::whole();
    let mut able = Visitor::with(hall, &[Role::System, Role::Operator, Role::Audit]).await;
    let mut unable = Visitor::with(hall, &[Role::Security]).await;
    let mut stranger = Visitor::stranger(hall);
    let mut seen = 0;
    for (path, method, operation) in operations_of(&document) {
        let body = (method == Method::POST).then(|| pause("city"));
        let answer = asked(&mut able, &path, &method, body.clone()).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
        documented(&document, &operation, &answer);

        let answer = asked(&mut stranger, &path, &method, body.clone()).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(answer.headers[WWW_AUTHENTICATE], "Bearer");
        documented(&document, &operation, &answer);

        let answer = asked(&mut unable, &path, &method, body).await;
        let open = ["/whoami", "/openapi.json"].contains(&path.as_str());
        let expected = if open { StatusCode::OK } else { StatusCode::FORBIDDEN };
        assert_eq!(answer.status, expected, "{path}: {}", answer.body);
        documented(&document, &operation, &answer);
        seen += 1;
    }
    assert_eq!(seen, 13);
}

#[test]
fn the_document_is_whole() {
    let document = document::whole();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut ids = BTreeSet::new();
    for (path, _, operation) in operations_of(&document) {
        assert!(ids.insert(operation["operationId"].to_string()), "{path}");
        assert!(operation["summary"].is_string(), "{path} has no summary");
        for (status, response) in operation["responses"].as_object().unwrap() {
            assert!(response["content"]["application/json"].is_object(), "{path} {status}");
        }
    }
    assert!(ids.len() > 10);
    let text = document.to_string();
    for name in text.split("\"$ref\":\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(document.pointer(name).is_some(), "{name}");
    }
    for deed in document["components"]["schemas"]["Deed"]["oneOf"].as_array().unwrap() {
        assert_eq!(deed["additionalProperties"], false, "{deed}");
        assert!(deed["properties"]["do"].is_object(), "{deed}");
    }
}

/// The words of a refusal, which is always of the same shape.
#[track_caller]
fn refused(answer: &Answer, status: StatusCode, code: &str) -> Value {
    let body: Value = serde_json::from_str(&answer.body).unwrap_or_else(|_| {
        panic!("{} {}", answer.status, answer.body);
    });
    assert_eq!((answer.status, body["error"]["code"].as_str()), (status, Some(code)), "{body}");
    assert!(body["error"]["en"].is_string() && body["error"]["zh"].is_string());
    body
}

#[tokio::test]
async fn whatever_is_wrong_is_said_in_json() {
    let ground = Ground::new();
    let mut system = Visitor::with(&ground.hall, &[Role::System]).await;
    let csrf = system.csrf.clone();
    let get = async |visitor: &mut Visitor, path: &str| visitor.get(&format!("{ROOT}{path}")).await;

    refused(&get(&mut system, "/nothing").await, StatusCode::NOT_FOUND, "admin.not_found");
    refused(&get(&mut system, "").await, StatusCode::NOT_FOUND, "admin.not_found");
    refused(&get(&mut system, "/problems/x").await, StatusCode::NOT_FOUND, "admin.not_found");
    refused(&get(&mut system, "/problems/9").await, StatusCode::NOT_FOUND, "admin.not_found");
    for day in ["2026-13-40", "today", "%FF"] {
        let answer = get(&mut system, &format!("/reconcile/days/{day}")).await;
        refused(&answer, StatusCode::NOT_FOUND, "admin.not_found");
    }
    for query in ["limit=0", "limit=1001", "limit=x", "after=-1", "other=1"] {
        let answer = get(&mut system, &format!("/problems?{query}")).await;
        refused(&answer, StatusCode::BAD_REQUEST, "admin.bad_request");
    }
    refused(&get(&mut system, "/trace").await, StatusCode::BAD_REQUEST, "admin.bad_request");
    let answer = system.post(&format!("{ROOT}/status"), &[]).await;
    refused(&answer, StatusCode::METHOD_NOT_ALLOWED, "admin.method");
    assert_eq!(answer.headers[ALLOW], "GET,HEAD");

    let sends = async |visitor: &mut Visitor, kind: &str, body: &str| {
        let request = Request::builder().method(Method::POST).uri(format!("{ROOT}/acts"));
        let request = request.header(CONTENT_TYPE, kind).header("x-csrf-token", csrf.clone());
        visitor.send(request, body.to_owned()).await
    };
    let json = "application/json; charset=utf-8";
    let answer = sends(&mut system, "text/plain", "{}").await;
    refused(&answer, StatusCode::UNSUPPORTED_MEDIA_TYPE, "admin.media_type");
    refused(&sends(&mut system, json, "{").await, StatusCode::BAD_REQUEST, "admin.bad_request");
    let long = format!("{{\"reason\": \"{}\"}}", "x".repeat(300 << 10));
    let answer = sends(&mut system, json, &long).await;
    refused(&answer, StatusCode::PAYLOAD_TOO_LARGE, "admin.too_large");
    for wrong in [
        r#"{"act": {"do": "dance"}, "reason": "r"}"#,
        r#"{"act": {"do": "pause_link", "link": "city", "days": 3}, "reason": "r"}"#,
        r#"{"act": {"do": "pause_link", "link": "city"}, "reason": "r", "by": "me"}"#,
        r#"{"act": {"do": "pause_link", "link": "city"}, "reason": "  "}"#,
        r#"{"act": {"do": "maintenance", "until": "tomorrow", "text": "t"}, "reason": "r"}"#,
    ] {
        let answer = sends(&mut system, json, wrong).await;
        refused(&answer, StatusCode::UNPROCESSABLE_ENTITY, "admin.bad_request");
    }
    let answer = sends(&mut system, json, &pause("nowhere").to_string()).await;
    refused(&answer, StatusCode::NOT_FOUND, "admin.not_found");
}

#[tokio::test]
async fn acts_need_their_power_a_reason_and_the_secret_of_a_session() {
    let ground = Ground::new();
    let hall = &ground.hall;
    let paused = async || hall.store().status().await.unwrap().links;
    let path = "/acts";
    let mut observer = Visitor::with(hall, &[Role::Observer]).await;
    let answer = asked(&mut observer, path, &Method::POST, Some(pause("city"))).await;
    refused(&answer, StatusCode::FORBIDDEN, "admin.forbidden");
    let mut system = Visitor::with(hall, &[Role::System]).await;
    let csrf = std::mem::take(&mut system.csrf);
    let answer = asked(&mut system, path, &Method::POST, Some(pause("city"))).await;
    refused(&answer, StatusCode::FORBIDDEN, "admin.csrf");
    assert!(paused().await.iter().all(|link| link.paused.is_none()));

    system.csrf = csrf;
    let answer = asked(&mut system, path, &Method::POST, Some(pause("city"))).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, r#"{"changed":1}"#));
    let links = paused().await;
    let city = links.iter().find(|link| link.link == "city").unwrap();
    assert_eq!(city.paused.as_deref(), Some("the city asked for it"));
    let audit = hall.store().audit_after(0, 10).await.unwrap();
    let lines: Vec<_> = audit.iter().map(|(_, e, _)| (&*e.action, &*e.who, e.ok)).collect();
    assert_eq!(lines, [("pause.link", "observer", false), ("pause.link", "system", true)]);
}

#[tokio::test]
async fn problem_data_is_paged_returned_and_kept_within_a_scope() {
    let ground = Ground::new();
    let hall = &ground.hall;
    test_facts::problems(hall, 5, hall.now()).await;
    let mut operator = Visitor::with(hall, &[Role::Operator]).await;
    let mut numbers: Vec<i64> = Vec::new();
    let mut after = 0;
    for _ in 0..3 {
        let page = operator.get(&format!("{ROOT}/problems?limit=2&after={after}")).await;
        let page: Value = serde_json::from_str(&page.body).unwrap();
        let items = page["problems"].as_array().unwrap();
        numbers.extend(items.iter().filter_map(|item| item["number"].as_i64()));
        let Some(next) = page["next"].as_i64() else { break };
        after = next;
    }
    assert_eq!(numbers.len(), 5, "{numbers:?}");
    let order = json!({
        "act": { "do": "return", "problems": [numbers[0], numbers[1]], "days": 5 },
        "reason": "the unit corrects it",
    });
    let answer = asked(&mut operator, "/acts", &Method::POST, Some(order.clone())).await;
    assert_eq!(answer.body, r#"{"changed":2}"#);
    let shown = operator.get(&format!("{ROOT}/problems/{}", numbers[0])).await;
    let shown: Value = serde_json::from_str(&shown.body).unwrap();
    assert_eq!(shown["state"], "returned");
    assert_eq!(shown["deadline"], "2026-11-27T09:00:00+08:00");
    assert_eq!(shown["violations"][0]["severity"], "error");

    let elsewhere = Scope { regions: Vec::new(), units: vec!["other".into()] };
    let roles = [Role::Observer, Role::Operator];
    let mut scoped = Visitor::within(hall, &roles, elsewhere).await;
    let list = scoped.get(&format!("{ROOT}/problems")).await;
    assert_eq!(list.body, r#"{"problems":[],"next":null}"#);
    let one = scoped.get(&format!("{ROOT}/problems/{}", numbers[0])).await;
    refused(&one, StatusCode::FORBIDDEN, "admin.out_of_scope");
    let adapters = scoped.get(&format!("{ROOT}/adapters")).await;
    assert_eq!(adapters.body, r#"{"adapters":[]}"#);
    let act = asked(&mut scoped, "/acts", &Method::POST, Some(order)).await;
    refused(&act, StatusCode::FORBIDDEN, "admin.out_of_scope");
    let trace = scoped.get(&format!("{ROOT}/trace?case=C1")).await;
    refused(&trace, StatusCode::FORBIDDEN, "admin.out_of_scope");
}
