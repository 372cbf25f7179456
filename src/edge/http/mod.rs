//! Asking others over HTTP: the one place where clients are made.
//!
//! A client goes where it is told and nowhere else: no redirect is followed, no proxy of the
//! environment is used, no answer is unpacked. Whatever it waits for has a time, whatever it reads a
//! size. No error holds a query, a header or a body: that is where secrets and records stand.

mod error;
mod plain;
#[cfg(test)]
pub(crate) mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use canon::Millis;
use reqwest::header::{CONTENT_ENCODING, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;

pub use crate::tls::Identity;
pub use error::{HttpError, Trouble};
pub(crate) use plain::encryption;
pub use reqwest::{Method, Url};

/// Longest `Retry-After` that is believed, ms: a day.
const RETRY_AFTER_MAX: i64 = 86_400_000;
/// Idle connections kept to a server.
const IDLE_MAX: usize = 2;

/// How a client behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Certificates of the authorities that servers are believed by, PEM; none is the system's list.
    pub ca: Option<Vec<u8>>,
    /// Our own certificate, where a server asks for one.
    pub identity: Option<Identity>,
    /// A proxy for everything; none of the environment is ever used.
    pub proxy: Option<Url>,
    /// How long a connection may take, TLS and all.
    pub connect_timeout: Duration,
    /// How long the server may be silent.
    pub read_timeout: Duration,
    /// How long the whole may take, from the first byte asked to the last one read.
    pub timeout: Duration,
    /// Bytes of an answer's body.
    pub answer_bytes_max: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ca: None,
            identity: None,
            proxy: None,
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(30),
            timeout: Duration::from_secs(60),
            answer_bytes_max: 16 << 20,
        }
    }
}

/// What is asked.
#[derive(Clone)]
pub struct Request {
    /// Method.
    pub method: Method,
    /// Where; may hold a secret in its query, so it is never shown whole.
    pub url: Url,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Vec<u8>,
}

impl Request {
    /// A request without headers and body.
    pub fn new(method: Method, url: Url) -> Self {
        Self { method, url, headers: HeaderMap::new(), body: Vec::new() }
    }

    /// Sets a header.
    ///
    /// # Errors
    /// It cannot be one: a name with blanks, a value with line ends. Its value is not repeated.
    pub fn header(&mut self, name: &str, value: &str) -> Result<(), HttpError> {
        let wrong = || HttpError {
            trouble: Trouble::Request,
            place: place(&self.url),
            detail: format!("`{}` cannot be a header", name.escape_debug()),
        };
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
        let mut value = HeaderValue::from_str(value).map_err(|_| wrong())?;
        value.set_sensitive(true);
        self.headers.insert(key, value);
        Ok(())
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, place(&self.url))
    }
}

/// What came back.
#[derive(Clone)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Vec<u8>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with {} bytes", self.status, self.body.len())
    }
}

impl Answer {
    /// Whether the status is one of success.
    pub const fn fine(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    /// Whether the server may do better later: too many requests, or trouble of its own.
    pub const fn later(&self) -> bool {
        matches!(self.status, 408 | 425 | 429 | 500 | 502..=504 | 507 | 520..=529)
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// When the server wants to be asked again: `Retry-After`, in seconds or as a date.
    pub fn retry_at(&self, now: Millis) -> Option<Millis> {
        let said = self.header(RETRY_AFTER.as_str())?.trim();
        let at = match said.parse::<u32>() {
            Ok(seconds) => now.plus(i64::from(seconds).saturating_mul(1000)),
            Err(_) => {
                let at = httpdate::parse_http_date(said).ok()?.duration_since(UNIX_EPOCH).ok()?;
                Millis(i64::try_from(at.as_millis()).ok()?)
            }
        };
        Some(at.clamp(now, now.plus(RETRY_AFTER_MAX)))
    }
}

/// A client.
#[derive(Clone)]
pub struct Client {
    inner: reqwest::Client,
    limits: Arc<Settings>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

impl Client {
    /// Makes one; nothing is connected to.
    ///
    /// # Errors
    /// The certificates or the key cannot be read, or the proxy cannot be one.
    pub fn new(settings: Settings) -> Result<Self, HttpError> {
        let wrong =
            |detail: String| HttpError { trouble: Trouble::Setting, place: String::new(), detail };
        let tls = crate::tls::config(settings.ca.as_deref(), settings.identity.as_ref())
            .map_err(wrong)?;
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(Policy::none())
            .no_proxy()
            .referer(false)
            .user_agent(concat!("tiergate/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(settings.connect_timeout)
            .read_timeout(settings.read_timeout)
            .timeout(settings.timeout)
            .pool_max_idle_per_host(IDLE_MAX);
        if let Some(proxy) = &settings.proxy {
            let proxy = reqwest::Proxy::all(proxy.clone());
            builder = builder.proxy(proxy.map_err(|_| wrong("the proxy cannot be one".into()))?);
        }
        let inner = builder.build().map_err(|e| wrong(error::words(&e)))?;
        Ok(Self { inner, limits: Arc::new(settings) })
    }

    /// Asks once and reads the whole answer. Any status is an answer, also one of failure.
    ///
    /// # Errors
    /// No whole answer came, or it is larger than it may be.
    pub async fn send(&self, request: Request) -> Result<Answer, HttpError> {
        let place = place(&request.url);
        let failed =
            |trouble: Trouble, detail: String| HttpError { trouble, place: place.clone(), detail };
        let asked = self
            .inner
            .request(request.method, request.url)
            .headers(request.headers)
            .body(request.body);
        let mut response = asked.send().await.map_err(|e| HttpError::of(&place, e))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let max = self.limits.answer_bytes_max;
        let too_big = || failed(Trouble::TooBig, format!("the answer is larger than {max} bytes"));
        if headers.get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
            // Nothing was offered, so what comes packed is not unpacked: it may be a bomb.
            let detail = "the answer is compressed, which was not asked for".to_owned();
            return Err(failed(Trouble::Broken, detail));
        }
        if response.content_length().is_some_and(|length| length > max) {
            return Err(too_big());
        }
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|e| HttpError::of(&place, e))? {
            if (body.len() + piece.len()) as u64 > max {
                return Err(too_big());
            }
            body.extend_from_slice(&piece);
        }
        Ok(Answer { status, headers, body })
    }
}

/// An address as people may see it: without user, query and fragment.
pub fn place(url: &Url) -> String {
    let origin = url.origin().ascii_serialization();
    format!("{origin}{}", url.path())
}

/// Reads an address of a configuration or package: http or https, a host, no user, no fragment.
pub fn address(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.fragment().is_none();
    plain.then_some(url)
}
