//! Why a document was not taken: a stable code, a status, words in both languages.

use canon::codes;

/// A document that was not taken, or a question without an answer. Holds nothing of what was posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Stable code.
    pub code: &'static str,
    /// What there is to say beyond the code's own text: English, Chinese.
    pub detail: Option<(String, String)>,
    /// After how many seconds it may go better.
    pub retry_after: Option<u32>,
}

impl Refusal {
    /// The code says it all.
    pub(super) const fn of(code: &'static str) -> Self {
        Self { code, detail: None, retry_after: None }
    }

    /// With words of its own.
    pub(super) fn with(code: &'static str, en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self { code, detail: Some((en.into(), zh.into())), retry_after: None }
    }

    /// It may go better after so many seconds.
    pub(super) const fn later(code: &'static str, seconds: u32) -> Self {
        Self { code, detail: None, retry_after: Some(seconds) }
    }

    /// The status of HTTP.
    pub fn status(&self) -> u16 {
        match self.code {
            "post.unauthorized" => 401,
            "post.unknown_path" | "post.unknown_id" => 404,
            "post.method" => 405,
            "post.slow" => 408,
            "post.key_reused" => 409,
            "post.too_large" | "post.too_many_rows" => 413,
            "post.content_type" => 415,
            "post.rate" => 429,
            "post.busy" | "post.backlog" | "post.stopping" | "post.store" => 503,
            _ => 400,
        }
    }

    /// Whether the same document may be taken later.
    pub fn retry(&self) -> bool {
        matches!(self.status(), 408 | 429 | 503)
    }

    /// English.
    pub fn en(&self) -> String {
        let text = codes::code(self.code).map_or("", |c| c.en);
        match &self.detail {
            Some((en, _)) => format!("{text} ({en})"),
            None => text.to_owned(),
        }
    }

    /// Chinese.
    pub fn zh(&self) -> String {
        let text = codes::code(self.code).map_or("", |c| c.zh);
        match &self.detail {
            Some((_, zh)) => format!("{text}（{zh}）"),
            None => text.to_owned(),
        }
    }
}
