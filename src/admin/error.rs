//! Why a page cannot be shown, or an action was not done.

use axum::http::StatusCode;
use exchange::WorkError;
use store::StoreError;

use crate::house::Both;

/// What went wrong, in both languages, with what to do next.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {}", text.en)]
pub struct PageError {
    /// The status of the answer.
    pub status: StatusCode,
    /// Stable code.
    pub code: &'static str,
    /// What and what to do.
    pub text: Both,
}

impl PageError {
    /// Of a status, with both texts.
    pub fn new(
        status: StatusCode,
        code: &'static str,
        en: impl Into<String>,
        zh: impl Into<String>,
    ) -> Self {
        Self { status, code, text: Both { en: en.into(), zh: zh.into() } }
    }

    /// The text of a stable code of ours.
    pub fn of(status: StatusCode, code: &'static str) -> Self {
        let (en, zh) = canon::code(code).map_or((code, code), |c| (c.en, c.zh));
        Self::new(status, code, en, zh)
    }

    /// There is no such thing.
    pub fn gone(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "admin.not_found", en, zh)
    }

    /// The request cannot be done as it is said.
    pub fn bad(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "admin.bad_request", en, zh)
    }
}

impl From<StoreError> for PageError {
    fn from(error: StoreError) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "admin.store",
            format!("the store does not answer: {error}; look again in a minute"),
            format!("存储暂不可用：{error}；请稍后重试"),
        )
    }
}

impl From<WorkError> for PageError {
    fn from(error: WorkError) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "admin.store",
            format!("{error}; look again in a minute"),
            format!("{error}；请稍后重试"),
        )
    }
}

/// What the process could not do.
impl From<String> for PageError {
    fn from(detail: String) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "admin.house",
            format!("{detail}; `tiergate doctor` tells more"),
            format!("{detail}；详情见 tiergate doctor"),
        )
    }
}
