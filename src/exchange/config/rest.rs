//! Files that lie where others may find them (a gate's, an archive's): closed for readers, or in the clear for
//! a reason that is given.

use std::path::PathBuf;
use std::sync::Arc;

use super::read::Cx;
use super::tree::Tab;

/// Shortest reason for files in the clear, characters.
pub const PLAIN_REASON_CHARS_MIN: usize = 4;
/// Longest reason for files in the clear, characters.
pub const PLAIN_REASON_CHARS_MAX: usize = 200;

/// How such files lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AtRest {
    /// Encrypted for the nodes of these certificates.
    Closed(Vec<PathBuf>),
    /// In the clear, because of this.
    Plain(Arc<str>),
}

impl AtRest {
    /// The certificates that files are encrypted for; none where they lie in the clear.
    pub fn readers(&self) -> &[PathBuf] {
        match self {
            Self::Closed(readers) => readers,
            Self::Plain(_) => &[],
        }
    }

    /// Why files lie in the clear; none if they do not.
    pub fn plain(&self) -> Option<&str> {
        match self {
            Self::Closed(_) => None,
            Self::Plain(reason) => Some(reason),
        }
    }
}

/// `readers = […]` or `plain = "REASON"`; neither is no reader by name.
pub(crate) fn at_rest(tab: &mut Tab<'_>, cx: &mut Cx<'_>) -> AtRest {
    let base = cx.base.to_owned();
    let (at, path) = (tab.spot("plain"), tab.key("plain"));
    let readers = tab.texts("readers", cx.problems);
    let plain = tab.text("plain", cx.problems);
    if readers.is_some() && plain.is_some() {
        cx.problems.push(
            "config.bad_value",
            &at,
            path.clone(),
            "and `readers` exclude one another: files are encrypted for readers, or lie in the clear for a reason",
            "与 readers 只能填其一：或加密给收件节点，或写明明文的理由",
        );
    }
    let Some(reason) = plain else {
        let files = readers.unwrap_or_default().into_iter();
        return AtRest::Closed(files.map(|s| base.join(s.text)).collect());
    };
    let text = reason.text.trim();
    let length = text.chars().count();
    let fits = (PLAIN_REASON_CHARS_MIN..=PLAIN_REASON_CHARS_MAX).contains(&length);
    if !fits || text.chars().any(char::is_control) {
        cx.problems.push(
            "config.bad_value",
            &reason.at,
            path,
            format!(
                "is the reason why files lie in the clear, for the audit chain: a sentence of {PLAIN_REASON_CHARS_MIN} to {PLAIN_REASON_CHARS_MAX} characters"
            ),
            format!(
                "应写明文件不加密的理由（记入审计），{PLAIN_REASON_CHARS_MIN} 至 {PLAIN_REASON_CHARS_MAX} 个字符"
            ),
        );
    }
    AtRest::Plain(text.into())
}
