//! The audit chain to a collector: RFC 5424 messages, counted by octets, over TLS (RFC 5425).
//!
//! The protocol has no acknowledgement: what was written may be lost with the connection. So a batch has a
//! connection of its own, which we end; only when the collector has ended it after us, having read all
//! of it, is the batch taken. Whatever else happens, it is given again.

mod message;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::seen::Seen;
use crate::tls;

pub use crate::tls::Identity;
pub use message::{Event, SYSLOG_VALUE_BYTES_MAX, frame};

/// Bytes that a collector may say before it ends the connection; it has nothing to say.
const SAID_MAX: usize = 64 << 10;

/// Where the collector is, whom we believe, who we are.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name or address, as its certificate has it.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Certificates of the authorities it is believed by, PEM; none is the system's list.
    pub ca: Option<Vec<u8>>,
    /// Our own certificate, where it asks for one.
    pub identity: Option<Identity>,
    /// How long a batch may take, from the name to the end of the connection.
    pub timeout: Duration,
}

/// Why a batch was not taken. Its words hold nothing of an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {detail}")]
pub struct SyslogError {
    /// Stable code.
    pub code: &'static str,
    /// Where the collector is.
    pub place: String,
    /// The system's words.
    pub detail: String,
}

/// A collector; nothing is connected between batches.
pub struct Collector {
    place: String,
    address: (String, u16),
    name: ServerName<'static>,
    connector: TlsConnector,
    timeout: Duration,
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Collector {}", self.place)
    }
}

impl Collector {
    /// Makes one; nothing is connected to.
    ///
    /// # Errors
    /// The name, the certificates or the key cannot be used.
    pub fn new(settings: Settings) -> Result<Self, SyslogError> {
        let Settings { host, port, ca, identity, timeout } = settings;
        let place = format!("tls://{host}:{port}");
        let wrong =
            |detail| SyslogError { code: "audit.syslog_untrusted", place: place.clone(), detail };
        let config = tls::config(ca.as_deref(), identity.as_ref()).map_err(wrong)?;
        let name = ServerName::try_from(host.clone())
            .map_err(|_| wrong("neither a host name nor an address".to_owned()))?;
        let connector = TlsConnector::from(Arc::new(config));
        Ok(Self { place, address: (host, port), name, connector, timeout })
    }

    /// Gives it a batch of frames; fine means that it has read all of them.
    ///
    /// # Errors
    /// Not reached, not believed, not ended in time: perhaps it has some of them, they are to be given again.
    pub async fn take(&self, frames: &[u8]) -> Result<(), SyslogError> {
        let failed = |code, detail| SyslogError { code, place: self.place.clone(), detail };
        match tokio::time::timeout(self.timeout, self.hand(frames)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) if is_of_tls(&error) => {
                Err(failed("audit.syslog_untrusted", error.to_string()))
            }
            Ok(Err(error)) => Err(failed("audit.syslog_unreached", error.to_string())),
            Err(_) => {
                let seconds = self.timeout.as_secs_f64();
                let detail =
                    format!("the connection was not made, or not ended, within {seconds} s");
                Err(failed("audit.syslog_unreached", detail))
            }
        }
    }

    async fn hand(&self, frames: &[u8]) -> io::Result<()> {
        let (host, port) = &self.address;
        let socket = TcpStream::connect((host.as_str(), *port)).await?;
        let mut stream = self.connector.connect(self.name.clone(), socket).await?;
        stream.write_all(frames).await?;
        // Says in TLS that nothing more comes, and ends our half of the connection.
        stream.shutdown().await?;
        let (mut said, mut buffer) = (0, [0; 1024]);
        loop {
            // A refusal of our own certificate is heard here for the first time (TLS 1.3).
            match stream.read(&mut buffer).await {
                Ok(0) => return Ok(()),
                // It ended the connection without a word of TLS, as many do. With something unread it
                // would have been reset.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) => return Err(error),
                Ok(n) => said += n,
            }
            if said > SAID_MAX {
                return Err(io::Error::other("it speaks, which no collector does"));
            }
        }
    }

    /// What `doctor` looks at: the way there, the two certificates. No event is given.
    pub async fn look(&self) -> Seen {
        match self.take(&[]).await {
            Ok(()) => Seen::fine(
                "syslog",
                "the collector is reached, and both sides believe one another",
                "日志采集端可达，双方证书可信",
            ),
            Err(error) => {
                let (en, zh) = canon::code(error.code).map_or(("", ""), |c| (c.en, c.zh));
                let code = error.code;
                Seen::wrong(
                    "syslog",
                    format!("{error} [{code}]: {en}"),
                    format!("{error} [{code}]：{zh}"),
                )
            }
        }
    }
}

fn is_of_tls(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>())
}
