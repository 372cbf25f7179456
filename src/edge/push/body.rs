//! The bytes of a request: so many and no more, in so much time, as text of the declared encoding.

use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use encoding_rs::{Encoding, UTF_8};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::refusal::Refusal;

/// Where an XML declaration must have ended.
const DECLARATION_BYTES: usize = 1024;

/// The type of a body, and the encoding that it claims.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Kind {
    /// `application/json`, in small letters.
    pub(super) essence: String,
    /// `charset`.
    pub(super) charset: Option<String>,
    /// `action` (SOAP 1.2).
    pub(super) action: Option<String>,
}

impl Kind {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let text = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let mut parts = text.split(';').map(str::trim);
        let mut kind = Self {
            essence: parts.next().unwrap_or_default().to_ascii_lowercase(),
            ..Self::default()
        };
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            let value = Some(value.trim().trim_matches('"').to_owned());
            match name.trim().to_ascii_lowercase().as_str() {
                "charset" => kind.charset = value,
                "action" => kind.action = value,
                _ => {}
            }
        }
        kind
    }

    pub(super) fn is_xml(&self) -> bool {
        matches!(self.essence.as_str(), "application/xml" | "text/xml")
            || self.essence.ends_with("+xml")
    }

    pub(super) fn is_json(&self) -> bool {
        matches!(self.essence.as_str(), "application/json" | "text/json")
            || self.essence.ends_with("+json")
            || matches!(self.essence.as_str(), "application/x-ndjson")
    }
}

/// How large a request says it is; the limit where it does not say.
pub(super) fn claimed(headers: &HeaderMap, max: usize) -> Result<usize, Refusal> {
    let Some(value) = headers.get(CONTENT_LENGTH) else { return Ok(max) };
    match value.to_str().ok().and_then(|v| v.parse::<usize>().ok()) {
        Some(length) if length <= max => Ok(length),
        _ => Err(too_large(max)),
    }
}

fn too_large(max: usize) -> Refusal {
    Refusal::with("post.too_large", format!("at most {max} bytes"), format!("至多 {max} 字节"))
}

/// Reads a body to its end.
pub(super) async fn read(body: Body, max: usize, time: Duration) -> Result<Vec<u8>, Refusal> {
    let whole = tokio::time::timeout(time, Limited::new(body, max).collect()).await;
    match whole {
        Err(_) => Err(Refusal::of("post.slow")),
        Ok(Ok(whole)) => Ok(whole.to_bytes().into()),
        Ok(Err(e)) if e.is::<LengthLimitError>() => Err(too_large(max)),
        Ok(Err(_)) => Err(Refusal::with("post.malformed", "it broke off", "传输中断")),
    }
}

/// The body as its readers take it: where only the header names an encoding, it is decoded by that.
pub(super) fn decoded(body: Vec<u8>, kind: &Kind, xml: bool) -> Result<Vec<u8>, Refusal> {
    let Some(label) = &kind.charset else { return Ok(body) };
    let unknown =
        || Refusal::with("post.content_type", "the charset is unknown", "charset 无法识别");
    let encoding = Encoding::for_label(label.as_bytes()).ok_or_else(unknown)?;
    // What the document itself says, by its mark or its declaration, is nearer to the bytes.
    let says_itself = Encoding::for_bom(&body).is_some() || (xml && declares(&body));
    if encoding == UTF_8 || says_itself {
        return Ok(body);
    }
    Ok(encoding.decode(&body).0.into_owned().into_bytes())
}

fn declares(body: &[u8]) -> bool {
    let head = body.get(..body.len().min(DECLARATION_BYTES)).unwrap_or_default();
    let head = String::from_utf8_lossy(head);
    let declaration = head.trim_start().split("?>").next().unwrap_or_default();
    declaration.starts_with("<?xml") && declaration.contains("encoding")
}
