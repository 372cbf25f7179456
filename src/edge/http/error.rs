//! Why no answer came.

use std::error::Error as _;

/// What kind of trouble it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Not reached: nothing left.
    Unreachable,
    /// Reached, and lost before the answer began: perhaps it was heard.
    Lost,
    /// Reached, but the two do not believe each other: certificates, TLS.
    Untrusted,
    /// Took longer than it may.
    Slow,
    /// The answer broke off, or is none.
    Broken,
    /// The answer is larger than it may be.
    TooBig,
    /// What was to be asked cannot be.
    Request,
    /// The client cannot be made: certificates, key, proxy.
    Setting,
}

/// No whole answer. Its words hold no query, no header, no body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct HttpError {
    /// Kind.
    pub trouble: Trouble,
    /// Address without its query.
    pub place: String,
    /// The system's words.
    pub detail: String,
}

impl HttpError {
    /// What the library says.
    pub(super) fn of(place: &str, error: reqwest::Error) -> Self {
        let error = error.without_url();
        let detail = words(&error);
        let trouble = if error.is_timeout() {
            Trouble::Slow
        } else if error.is_builder() {
            Trouble::Request
        } else if error.is_connect() {
            if distrusts(&error) { Trouble::Untrusted } else { Trouble::Unreachable }
        } else if error.is_body() || error.is_decode() {
            Trouble::Broken
        } else if distrusts(&error) {
            // In TLS 1.3 a server refuses our certificate only after the handshake.
            Trouble::Untrusted
        } else {
            Trouble::Lost
        };
        Self { trouble, place: place.to_owned(), detail }
    }

    /// Whether asking again may help.
    pub const fn passing(&self) -> bool {
        matches!(
            self.trouble,
            Trouble::Unreachable | Trouble::Lost | Trouble::Slow | Trouble::Broken
        )
    }
}

/// The whole chain of causes, outermost first, each once.
pub(super) fn words(error: &reqwest::Error) -> String {
    let mut out = error.to_string();
    let mut cause = error.source();
    while let Some(e) = cause {
        let said = e.to_string();
        if !out.contains(&said) {
            out.push_str(": ");
            out.push_str(&said);
        }
        cause = e.source();
    }
    out
}

fn distrusts(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(e) = cause {
        if is_of_tls(e) {
            return true;
        }
        cause = e.source();
    }
    false
}

/// Whether an error is one of TLS. I/O errors do not count what they wrap among their causes.
fn is_of_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    error.is::<rustls::Error>() || wrapped.is_some_and(|inner| is_of_tls(inner))
}
