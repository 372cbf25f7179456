//! How an alert leaves the house: the port that the process implements. Nothing here opens a socket.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use exchange::config::Secret;

/// What a post returns: what was answered, or why it did not arrive. Neither holds a secret.
pub type PostFuture<'a> = Pin<Box<dyn Future<Output = Result<Vec<u8>, String>> + Send + 'a>>;

/// One message, ready to be handed over.
#[derive(Clone, PartialEq, Eq)]
pub enum Letter {
    /// A request. The address may hold a token: it is never logged.
    Http {
        /// Where to.
        url: Secret,
        /// Further headers.
        headers: Vec<(&'static str, String)>,
        /// What the body is.
        media_type: String,
        /// The body; a request without one is a GET.
        body: Vec<u8>,
    },
    /// An e-mail.
    Mail {
        /// Addresses.
        to: Vec<String>,
        /// Subject.
        subject: String,
        /// Plain text.
        text: String,
    },
    /// A row of a table of short messages.
    SmsRow {
        /// The telephone.
        phone: String,
        /// Plain text.
        text: String,
    },
}

impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http { .. } => "a request",
            Self::Mail { .. } => "an e-mail",
            Self::SmsRow { .. } => "a short message",
        })
    }
}

/// Hands messages over. Whoever implements it limits the time and follows no redirect; a status other
/// than 2xx is an error.
pub trait Post: Send + Sync {
    /// Hands one over, on behalf of a channel of this name.
    fn send<'a>(&'a self, channel: &'a str, letter: &'a Letter) -> PostFuture<'a>;
}
