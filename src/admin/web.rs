//! What every answer has: security headers, a limit on what is sent to us, the shape of a refusal.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Json, Response};
use axum::routing::get;
use maud::Markup;
use serde_json::json;

use crate::access::Who;
use crate::error::PageError;
use crate::hall::Hall;
use crate::shell;
use crate::tongue::{self, Tongue};

/// Largest request that is no upload, bytes.
pub const FORM_BYTES_MAX: usize = 256 << 10;
/// What begins the path of everything for machines.
pub const API: &str = "/api/";
/// Only our own scripts, styles and pictures; nobody frames a page of ours.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Puts limits and headers around routes.
pub(crate) fn shielded(routes: Router<Arc<Hall>>) -> Router<Arc<Hall>> {
    routes.layer(DefaultBodyLimit::max(FORM_BYTES_MAX)).layer(middleware::from_fn(headers))
}

async fn headers(request: Request, next: Next) -> Response {
    let asset = request.uri().path().starts_with("/assets/");
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    set(CONTENT_SECURITY_POLICY, POLICY);
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(X_FRAME_OPTIONS, "DENY");
    set(REFERRER_POLICY, "no-referrer");
    set(STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    set(CACHE_CONTROL, if asset { "public, max-age=3600" } else { "no-store" });
    response
}

/// What a handler of a page returns.
pub type Page = Result<Response, Refusal>;

/// A page, whole.
pub fn html(markup: Markup) -> Response {
    Html(markup.into_string()).into_response()
}

/// Goes on to another page: after a form was taken.
pub fn see_other(path: &str) -> Response {
    let place = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(LOCATION, place)]).into_response()
}

/// A file to be kept by whoever asked.
pub fn download(name: &str, kind: &'static str, bytes: Vec<u8>) -> Response {
    let safe: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' })
        .collect();
    let disposition = format!("attachment; filename=\"{safe}\"");
    let disposition =
        HeaderValue::from_str(&disposition).unwrap_or(HeaderValue::from_static("attachment"));
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        (HeaderName::from_static("content-disposition"), disposition),
    ];
    (headers, bytes).into_response()
}

/// A request that is not answered as asked: a page for people, JSON for programs.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// What and what to do.
    pub error: PageError,
    /// A program asks.
    machine: bool,
    /// Where somebody who is not known goes to.
    login: Option<String>,
    tongue: Tongue,
}

impl Refusal {
    /// Of a request.
    pub fn new(parts: &Parts, error: PageError) -> Self {
        Self { error, machine: machine(parts), login: None, tongue: tongue::chosen(&parts.headers) }
    }

    /// Nobody we know: people are asked to log in, and come back to where they wanted to go.
    pub fn unknown(parts: &Parts) -> Self {
        let error = PageError::of(StatusCode::UNAUTHORIZED, "admin.unknown");
        let mut refusal = Self::new(parts, error);
        let asked = parts.uri.path_and_query().map_or("/", |p| p.as_str());
        let next = if parts.method == Method::GET { asked } else { "/" };
        let next = serde_urlencoded::to_string([("next", next)]).unwrap_or_default();
        refusal.login = Some(format!("/login?{next}"));
        refusal
    }

    /// Of somebody who has to do something else first: people are sent there.
    pub(crate) fn first(parts: &Parts, error: PageError, there: &str) -> Self {
        Self { login: Some(there.to_owned()), ..Self::new(parts, error) }
    }

    /// A program is answered as programs are, wherever it asks.
    pub(crate) fn for_program(parts: &Parts, error: PageError) -> Self {
        Self { machine: true, ..Self::new(parts, error) }
    }

    /// Of somebody who is known.
    pub fn to(who: &Who, error: impl Into<PageError>) -> Self {
        let machine = who.via == crate::access::Via::Token;
        Self { error: error.into(), machine, login: None, tongue: who.tongue }
    }
}

fn machine(parts: &Parts) -> bool {
    let accepts = parts.headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    parts.uri.path().starts_with(API) && !accepts.is_some_and(|a| a.contains("text/html"))
}

/// Handlers know whom they answer, so that `?` on a [`PageError`] goes through [`Refusal::to`].
impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let PageError { status, code, text } = &self.error;
        if self.machine {
            let body = json!({ "error": { "code": code, "en": text.en, "zh": text.zh } });
            return (*status, Json(body)).into_response();
        }
        if let Some(login) = &self.login {
            return see_other(login);
        }
        let said = self.tongue.of(&text.en, &text.zh);
        let page = shell::bare(
            self.tongue,
            self.tongue.of("This was not done", "未能完成"),
            maud::html! {
                p.notice.bad { (said) }
                p.quiet { "[" (code) "]" }
                p { a href="/" { (self.tongue.of("Back to the overview", "返回总览")) } }
            },
        );
        (*status, html(page)).into_response()
    }
}

/// Styles and the one script.
pub(crate) fn assets() -> Router<Arc<Hall>> {
    let style = || async {
        ([(CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("assets/style.css"))
    };
    let script = || async {
        ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("assets/live.js"))
    };
    Router::new().route("/assets/style.css", get(style)).route("/assets/live.js", get(script))
}
