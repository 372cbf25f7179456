//! How programs ask and are refused: always JSON, whatever they say they read.

use std::sync::Arc;

use axum::body::to_bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::view::{Fault, Refused};
use crate::access::{Power, Who};
use crate::error::PageError;
use crate::hall::Hall;
use crate::web::FORM_BYTES_MAX;

/// Most entries of one answer.
pub const LIST_MAX: u32 = 1_000;
/// Entries of an answer where nothing is said.
pub(super) const LIST: u32 = 100;
/// What a browser with a session says again when it does something.
pub(super) const CSRF: HeaderName = HeaderName::from_static("x-csrf-token");

/// A request that is not answered as asked.
#[derive(Debug)]
pub(crate) struct ApiError(pub(crate) PageError);

impl From<PageError> for ApiError {
    fn from(error: PageError) -> Self {
        Self(error)
    }
}

impl From<store::StoreError> for ApiError {
    fn from(error: store::StoreError) -> Self {
        Self(error.into())
    }
}

impl From<exchange::WorkError> for ApiError {
    fn from(error: exchange::WorkError) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let PageError { status, code, text } = self.0;
        let fault = Fault { code: code.to_owned(), en: text.en, zh: text.zh };
        let mut answer = (status, Json(Refused { error: fault })).into_response();
        if status == StatusCode::UNAUTHORIZED {
            answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        answer
    }
}

/// What a handler returns.
pub(super) type Answer<T> = Result<Json<T>, ApiError>;

/// Who asks.
#[derive(Debug)]
pub(crate) struct Caller(pub(crate) Who);

impl Caller {
    /// Refuses unless they have the power.
    pub(super) fn needs(&self, power: Power) -> Result<(), ApiError> {
        Ok(self.0.needs(power)?)
    }

    /// What is not divided by unit or region is for those who see all.
    pub(super) fn sees_all(&self) -> Result<(), ApiError> {
        if self.0.scope.is_all() {
            return Ok(());
        }
        Err(PageError::of(StatusCode::FORBIDDEN, "admin.out_of_scope").into())
    }

    /// A browser that does something says its session's secret again, so that no other site does it.
    pub(super) fn meant_it(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let said = headers.get(CSRF).and_then(|said| said.to_str().ok());
        Ok(self.0.made(said.unwrap_or_default())?)
    }
}

impl FromRequestParts<Arc<Hall>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, hall: &Arc<Hall>) -> Result<Self, ApiError> {
        let known = Who::from_request_parts(parts, hall).await;
        known.map(Self).map_err(|refusal| ApiError(refusal.error))
    }
}

fn bad(status: StatusCode, en: String, zh: String) -> ApiError {
    PageError::new(status, "admin.bad_request", en, zh).into()
}

/// What stands after the question mark.
#[derive(Debug)]
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<Arc<Hall>> for Asked<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, hall: &Arc<Hall>) -> Result<Self, ApiError> {
        let asked = Query::<T>::from_request_parts(parts, hall).await;
        asked.map(|Query(asked)| Self(asked)).map_err(|e| {
            let detail = e.body_text();
            bad(StatusCode::BAD_REQUEST, detail.clone(), format!("查询参数有误：{detail}"))
        })
    }
}

/// What is named in the path; what cannot be a name is not there.
#[derive(Debug)]
pub(super) struct Named<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Arc<Hall>> for Named<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, hall: &Arc<Hall>) -> Result<Self, ApiError> {
        let named = Path::<T>::from_request_parts(parts, hall).await;
        let none = |_| PageError::of(StatusCode::NOT_FOUND, "admin.not_found").into();
        named.map(|Path(named)| Self(named)).map_err(none)
    }
}

/// A body of JSON, not longer than a form.
#[derive(Debug)]
pub(super) struct Sent<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Arc<Hall>> for Sent<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _hall: &Arc<Hall>) -> Result<Self, ApiError> {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
        if !kind.trim().eq_ignore_ascii_case("application/json") {
            let kind = PageError::of(StatusCode::UNSUPPORTED_MEDIA_TYPE, "admin.media_type");
            return Err(kind.into());
        }
        let large = |_| PageError::of(StatusCode::PAYLOAD_TOO_LARGE, "admin.too_large");
        let body = to_bytes(request.into_body(), FORM_BYTES_MAX).await.map_err(large)?;
        serde_json::from_slice(&body).map(Self).map_err(|e| {
            let status = match e.classify() {
                Category::Data => StatusCode::UNPROCESSABLE_ENTITY,
                Category::Io | Category::Syntax | Category::Eof => StatusCode::BAD_REQUEST,
            };
            bad(status, format!("the JSON: {e}"), format!("JSON 有误：{e}"))
        })
    }
}

/// How many entries are wanted.
pub(super) fn limit(asked: Option<u32>) -> Result<u32, ApiError> {
    let limit = asked.unwrap_or(LIST);
    if (1..=LIST_MAX).contains(&limit) {
        return Ok(limit);
    }
    let (en, zh) = (
        format!("`limit` is between 1 and {LIST_MAX}"),
        format!("limit 应在 1 到 {LIST_MAX} 之间"),
    );
    Err(bad(StatusCode::BAD_REQUEST, en, zh))
}

/// Where a list goes on.
pub(super) fn after(asked: Option<i64>) -> Result<i64, ApiError> {
    let after = asked.unwrap_or(0);
    if after >= 0 {
        return Ok(after);
    }
    let en = "`after` is a number of an entry, 0 or more".to_owned();
    Err(bad(StatusCode::BAD_REQUEST, en, "after 应为 0 或编号".to_owned()))
}
