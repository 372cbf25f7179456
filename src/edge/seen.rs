//! What is found when a source is looked at before it is read.

/// One thing looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The step, for programs: `source_folder`, `source_files`, `source_login`, `source_query`,
    /// `source_rights`, `encryption`, `webhook`, `syslog`,
    /// `outlet_login`, `outlet_columns`, `outlet_rights`, `outlet_service`.
    pub step: &'static str,
    /// Whether it is as it should be.
    pub fine: bool,
    /// In English.
    pub en: String,
    /// In Chinese.
    pub zh: String,
}

impl Seen {
    pub(crate) fn fine(step: &'static str, en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self { step, fine: true, en: en.into(), zh: zh.into() }
    }

    pub(crate) fn wrong(step: &'static str, en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self { step, fine: false, en: en.into(), zh: zh.into() }
    }

    /// A source's error, with what happens next.
    #[cfg(any(feature = "http", feature = "exec"))]
    pub(crate) fn failed(step: &'static str, of: &str, e: &crate::error::SourceError) -> Self {
        let code = e.code();
        let (en, zh) = canon::code(code).map_or(("", ""), |c| (c.en, c.zh));
        Self::wrong(
            step,
            format!("`{of}`: {e} [{code}]: {en}"),
            format!("『{of}』：{e} [{code}]：{zh}"),
        )
    }
}
