//! The switch of the language.

use std::sync::Arc;

use axum::Router;
use axum::extract::Form;
use axum::http::header::{HeaderMap, REFERER, SET_COOKIE};
use axum::http::{HeaderValue, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::Deserialize;

use crate::hall::Hall;
use crate::tongue::COOKIE_NAME;
use crate::web::see_other;

/// The route.
pub(crate) fn routes() -> Router<Arc<Hall>> {
    Router::new().route("/language", post(choose))
}

#[derive(Debug, Deserialize)]
struct Choice {
    lang: String,
}

/// Keeps the choice, and goes back to the page it was made on.
async fn choose(headers: HeaderMap, Form(choice): Form<Choice>) -> Response {
    let lang = if choice.lang == "en" { "en" } else { "zh" };
    let cookie = format!("{COOKIE_NAME}={lang}; Path=/; Max-Age=31536000; SameSite=Lax; HttpOnly");
    let back = headers.get(REFERER).and_then(|r| r.to_str().ok()).and_then(own_path);
    let mut answer = see_other(back.as_deref().unwrap_or("/")).into_response();
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        answer.headers_mut().insert(SET_COOKIE, cookie);
    }
    answer
}

/// Path and question of an address, never another host.
fn own_path(address: &str) -> Option<String> {
    let uri: Uri = address.parse().ok()?;
    let path = uri.path_and_query()?.as_str();
    (path.starts_with('/') && !path.starts_with("//")).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::own_path;

    #[test]
    fn the_way_back_never_leaves_the_house() {
        assert_eq!(own_path("https://a.example/problems?x=1").as_deref(), Some("/problems?x=1"));
        assert_eq!(own_path("https://a.example//evil.example/"), None);
        assert_eq!(own_path("not an address"), None);
    }
}
