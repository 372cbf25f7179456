//! Why a broker is not reached, in words a person can act on.

use std::fmt;
use std::time::Duration;

use lapin::ErrorKind;
use tokio::time::timeout;

/// What went wrong on the way to a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// Stable code.
    pub code: &'static str,
    /// What was found: never a secret.
    pub detail: String,
    /// The broker's own number for it.
    pub reply: Option<u16>,
    /// The other end hung up and no reason was heard.
    pub(crate) cut: bool,
}

impl Obstacle {
    /// An obstacle.
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), reply: None, cut: false }
    }

    /// Whether a person must act first, so that trying again soon only makes noise.
    pub fn slow(&self) -> bool {
        matches!(self.code, "bus.login" | "bus.certificate")
    }

    /// What the client library reports, in the step it happened.
    pub(crate) fn of(step: &str, error: &lapin::Error) -> Self {
        let detail = format!("{step}: {error}");
        match error.kind() {
            ErrorKind::ProtocolError(said) => {
                let (id, text) = (said.get_id(), said.get_message());
                let code = match id {
                    // ACCESS_REFUSED while logging in, or NOT_ALLOWED for the virtual host.
                    403 | 530 => "bus.login",
                    404 | 406 => "bus.topology",
                    _ => "bus.unreachable",
                };
                let detail = format!("{step}: the broker says {id} {text}");
                Self { reply: Some(id), ..Self::new(code, detail) }
            }
            ErrorKind::AuthProviderError(_) => Self::new("bus.login", detail),
            // A broker that refuses a certificate closes with an alert, whatever step we are in.
            _ if of_certificate(&detail) => Self::new("bus.certificate", detail),
            ErrorKind::IOError(e) => {
                Self { cut: hung_up(e.kind()), ..Self::new("bus.unreachable", detail) }
            }
            _ => Self::new("bus.unreachable", detail),
        }
    }

    /// What the system or TLS reports.
    pub(crate) fn of_io(step: &str, error: &std::io::Error) -> Self {
        let detail = format!("{step}: {error}");
        let code = if of_certificate(&detail) { "bus.certificate" } else { "bus.unreachable" };
        Self::new(code, detail)
    }
}

/// Whether it is the other end's doing that a connection is over.
fn hung_up(kind: std::io::ErrorKind) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(kind, BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}

/// Whether a text of rustls is about a certificate: its errors reach us as texts only.
fn of_certificate(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["certificate", "unknownca", "unknownissuer", "fatal alert", "notvalidforname"]
        .iter()
        .any(|word| text.contains(word))
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.detail, self.code)
    }
}

/// One question to the broker, with a timeout of its own.
pub(crate) async fn ask<T>(
    step: &str,
    longest: Duration,
    question: impl Future<Output = lapin::Result<T>>,
) -> Result<T, Obstacle> {
    match timeout(longest, question).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(Obstacle::of(step, &error)),
        Err(_) => Err(silent(step, longest)),
    }
}

/// Nobody answered.
pub(crate) fn silent(step: &str, longest: Duration) -> Obstacle {
    let ms = longest.as_millis();
    Obstacle::new("bus.unreachable", format!("{step}: no answer within {ms} ms"))
}
