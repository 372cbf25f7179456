//! The endpoint: a path for each adapter, one answer for each request, always with a stable code.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};
use canon::codes;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::auth::{SIGNATURE, Said};
use super::body::{self, Kind};
use super::door::{Door, Taken};
use super::post::{Answer, Outcome};
use super::refusal::Refusal;
use super::soap;
use crate::listen::Peer;

/// What a body's memory is counted in.
const PIECE: usize = 1 << 10;

/// All doors of a process, behind one listener.
pub struct Doors {
    /// Doors by the last part of their path.
    pub(super) doors: BTreeMap<String, Arc<Door>>,
    /// Largest body, bytes.
    body_bytes_max: usize,
    /// How long a body may take.
    body_time: Duration,
    /// Memory for bodies that are being taken, in pieces.
    memory: Semaphore,
    /// What was answered.
    pub(super) counts: Counter,
}

/// What was answered, since the start of the process.
#[derive(Debug, Default)]
pub struct Counter {
    /// Documents committed before their answer.
    pub committed: AtomicU64,
    /// Documents kept, their answer still to come.
    pub kept: AtomicU64,
    /// Requests refused.
    pub refused: AtomicU64,
    /// Of these, for who they came from.
    pub strangers: AtomicU64,
}

impl Doors {
    /// Doors by path.
    pub fn new(
        doors: BTreeMap<String, Arc<Door>>,
        body_bytes_max: usize,
        memory_bytes_max: usize,
        body_time: Duration,
    ) -> Arc<Self> {
        let pieces = (memory_bytes_max.max(body_bytes_max) / PIECE + 1).min(Semaphore::MAX_PERMITS);
        let (memory, counts) = (Semaphore::new(pieces), Counter::default());
        Arc::new(Self { doors, body_bytes_max, body_time, memory, counts })
    }

    /// What was answered.
    pub const fn counts(&self) -> &Counter {
        &self.counts
    }

    /// Takes nothing more.
    pub fn close(&self) {
        self.doors.values().for_each(|door| door.close());
    }

    /// The routes.
    pub fn router(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/push/{name}", post(take).get(wsdl).fallback(wrong_method))
            .route("/push/{name}/{id}", get(ask).fallback(wrong_method))
            .fallback(no_path)
            .with_state(Arc::clone(self))
    }

    fn door(&self, name: &str) -> Result<&Arc<Door>, Refusal> {
        self.doors.get(name).ok_or_else(|| Refusal::of("post.unknown_path"))
    }

    fn count(&self, outcome: &Result<Taken, Refusal>) {
        let counter = match outcome {
            Ok(Taken::Committed(_)) => &self.counts.committed,
            Ok(Taken::Kept { .. }) => &self.counts.kept,
            Err(refusal) => {
                if refusal.code == "post.unauthorized" {
                    self.counts.strangers.fetch_add(1, Ordering::Relaxed);
                }
                &self.counts.refused
            }
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// One document, from its headers to its outcome.
    async fn taken(
        &self,
        door: &Arc<Door>,
        peer: &Peer,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Taken, Refusal> {
        let said = said(headers, peer);
        door.parts.auth.before(&said)?;
        door.admits()?;
        let kind = Kind::of(headers);
        let soap = door.parts.source.soap();
        let xml = soap.is_some() || matches!(door.parts.source.body.form, adapt::Form::Xml(_));
        if (xml && !kind.is_xml()) || (!xml && !kind.is_json()) {
            let want = if xml { "application/xml, text/xml" } else { "application/json" };
            return Err(Refusal::with("post.content_type", want, want));
        }
        if let Some(soap) = soap {
            soap::check_action(soap, headers, &kind)?;
        }
        let _one = door.at_once.try_acquire().map_err(|_| Refusal::later("post.busy", 1))?;
        let claimed = body::claimed(headers, self.body_bytes_max)?;
        let pieces = u32::try_from(claimed / PIECE + 1).unwrap_or(u32::MAX);
        let _memory =
            self.memory.try_acquire_many(pieces).map_err(|_| Refusal::later("post.busy", 1))?;
        let bytes = body::read(body, self.body_bytes_max, self.body_time).await?;
        door.parts.auth.body(&said, &bytes, (door.parts.clock)())?;
        let bytes = body::decoded(bytes, &kind, xml)?;
        let key = match headers.get("idempotency-key") {
            Some(key) => Some(key.to_str().map_err(|_| Refusal::of("post.key_bad"))?),
            None => None,
        };
        door.take(key, bytes).await
    }
}

fn said<'a>(headers: &'a HeaderMap, peer: &Peer) -> Said<'a> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    Said {
        authorization: text("authorization"),
        signature: text(SIGNATURE),
        client: peer.certificate,
    }
}

async fn take(
    State(doors): State<Arc<Doors>>,
    Path(name): Path<String>,
    Extension(peer): Extension<Peer>,
    request: Request<Body>,
) -> Response {
    let door = match doors.door(&name) {
        Ok(door) => door,
        Err(refusal) => return refused(&refusal),
    };
    let (head, body) = request.into_parts();
    let outcome = doors.taken(door, &peer, &head.headers, body).await;
    doors.count(&outcome);
    match (door.parts.source.soap(), outcome) {
        (Some(soap), outcome) => {
            let version = soap::spoken(&Kind::of(&head.headers));
            soap::response(soap, version, &outcome)
        }
        (None, Ok(taken)) => told(&name, &taken),
        (None, Err(refusal)) => refused(&refusal),
    }
}

async fn ask(
    State(doors): State<Arc<Doors>>,
    Path((name, id)): Path<(String, String)>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Response {
    let asked = async {
        let door = doors.door(&name)?;
        let said = said(&headers, &peer);
        door.parts.auth.before(&said)?;
        door.parts.auth.body(&said, b"", (door.parts.clock)())?;
        door.ask(&id).await
    };
    match asked.await {
        Ok(taken) => told(&name, &taken),
        Err(refusal) => refused(&refusal),
    }
}

/// The description of a SOAP service; it holds nothing of anybody's, so nobody is asked who he is.
async fn wsdl(
    State(doors): State<Arc<Doors>>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Response {
    let wanted = query.is_some_and(|q| q.eq_ignore_ascii_case("wsdl"));
    let door = match doors.door(&name) {
        Ok(door) => door,
        Err(refusal) => return refused(&refusal),
    };
    let Some(soap) = door.parts.source.soap().filter(|_| wanted) else {
        return refused(&Refusal::of("post.method"));
    };
    let host = headers.get("host").and_then(|h| h.to_str().ok()).unwrap_or("localhost");
    let scheme = if peer.encrypted { "https" } else { "http" };
    let address = format!("{scheme}://{host}/push/{name}");
    let text = super::wsdl::write(&door.parts, soap, &address);
    answer(StatusCode::OK, "text/xml; charset=utf-8", text)
}

async fn wrong_method() -> Response {
    refused(&Refusal::of("post.method"))
}

async fn no_path() -> Response {
    refused(&Refusal::of("post.unknown_path"))
}

/// An answer with a body of text.
pub(super) fn answer(status: StatusCode, kind: &'static str, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// What a taken document is told.
fn told(name: &str, taken: &Taken) -> Response {
    let (status, value) = match taken {
        Taken::Committed(answer) => (StatusCode::OK, committed(answer)),
        Taken::Kept { id } => (StatusCode::ACCEPTED, kept(name, id)),
    };
    answer(status, "application/json; charset=utf-8", value.to_string())
}

fn text(code: &str) -> (&'static str, &'static str) {
    codes::code(code).map_or(("", ""), |c| (c.en, c.zh))
}

fn committed(answer: &Answer) -> Value {
    let (en, zh) = text("post.committed");
    let count = |outcome| answer.count(outcome);
    json!({
        "code": "post.committed", "zh": zh, "en": en, "id": answer.id,
        "received": canon::Millis(answer.received).to_string(),
        "committed": canon::Millis(answer.committed).to_string(),
        "collected": count(Outcome::Collected), "duplicate": count(Outcome::Duplicate),
        "quarantined": count(Outcome::Quarantined), "nothing": count(Outcome::Nothing),
        "rows": answer.rows,
    })
}

fn kept(name: &str, id: &str) -> Value {
    let (en, zh) = text("post.not_yet");
    json!({ "code": "post.not_yet", "zh": zh, "en": en, "id": id, "ask": format!("/push/{name}/{id}") })
}

/// What a refused request is told.
pub(super) fn refused(refusal: &Refusal) -> Response {
    let value = json!({
        "code": refusal.code, "zh": refusal.zh(), "en": refusal.en(), "retry": refusal.retry(),
    });
    let mut response = answer(
        StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST),
        "application/json; charset=utf-8",
        value.to_string(),
    );
    mark(&mut response, refusal);
    response
}

/// The headers of a refusal.
pub(super) fn mark(response: &mut Response, refusal: &Refusal) {
    let headers = response.headers_mut();
    if let Some(seconds) = refusal.retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if refusal.status() == 401 {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if refusal.code == "post.stopping" {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
}
