//! A department's web service, for demos and tests only: it answers as it is told, and badly where
//! that is wanted.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long a client may be silent.
const SILENCE_MAX: Duration = Duration::from_secs(20);
/// Bytes of a request's body.
const BODY_MAX: usize = 16 << 20;
/// Bytes of a request's first lines.
const HEAD_MAX: u64 = 64 << 10;

/// A request as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Headers, names in small letters.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

impl Asked {
    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The path.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// A parameter of the query, as it is written.
    pub fn query(&self, name: &str) -> Option<&str> {
        let (_, query) = self.target.split_once('?')?;
        query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// An answer as it should be.
    Full {
        /// Status.
        status: u16,
        /// Headers beside the length.
        headers: Vec<(String, String)>,
        /// Body.
        body: Vec<u8>,
    },
    /// These bytes, whatever they are, and the end of the connection.
    Bytes(Vec<u8>),
    /// Nothing until the client goes away.
    Silence,
}

impl Reply {
    /// A JSON answer.
    pub fn json(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type".into(), "application/json; charset=utf-8".into())];
        Self::Full { status, headers, body: body.into() }
    }

    /// The same with one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        if let Self::Full { headers, .. } = &mut self {
            headers.push((name.into(), value.into()));
        }
        self
    }
}

/// A client's connection: a socket, or TLS over one.
pub trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// Makes of a socket what is spoken over it.
type Wrap = dyn Fn(TcpStream) -> io::Result<Box<dyn Stream>> + Send + Sync;
type Answers = dyn FnMut(&Asked) -> Reply + Send;

/// The service, on a free port of this machine; gone when dropped.
pub struct Service {
    at: SocketAddr,
    stopped: Arc<AtomicBool>,
    accepts: Option<JoinHandle<()>>,
}

impl Service {
    /// Answers each request by `answer`, one after the other.
    ///
    /// # Errors
    /// There is no port.
    pub fn start(answer: impl FnMut(&Asked) -> Reply + Send + 'static) -> io::Result<Self> {
        Self::start_over(answer, |socket| Ok(Box::new(socket)))
    }

    /// The same over what `wrap` makes of each connection.
    ///
    /// # Errors
    /// There is no port.
    pub fn start_over(
        answer: impl FnMut(&Asked) -> Reply + Send + 'static,
        wrap: impl Fn(TcpStream) -> io::Result<Box<dyn Stream>> + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let at = listener.local_addr()?;
        let stopped = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&stopped);
        let answer: Arc<Mutex<Box<Answers>>> = Arc::new(Mutex::new(Box::new(answer)));
        let wrap: Arc<Wrap> = Arc::new(wrap);
        let accepts = std::thread::spawn(move || {
            for socket in listener.incoming() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let (answer, wrap) = (Arc::clone(&answer), Arc::clone(&wrap));
                let Ok(socket) = socket else { continue };
                // A client that goes away is its own affair.
                std::thread::spawn(move || drop(serve(socket, &answer, &*wrap)));
            }
        });
        Ok(Self { at, stopped, accepts: Some(accepts) })
    }

    /// Where it is: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.at)
    }

    /// Its port.
    pub const fn port(&self) -> u16 {
        self.at.port()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the loop that accepts.
        drop(TcpStream::connect(self.at));
        if let Some(accepts) = self.accepts.take() {
            drop(accepts.join());
        }
    }
}

fn serve(socket: TcpStream, answer: &Mutex<Box<Answers>>, wrap: &Wrap) -> io::Result<()> {
    socket.set_read_timeout(Some(SILENCE_MAX))?;
    socket.set_write_timeout(Some(SILENCE_MAX))?;
    let end = socket.try_clone()?;
    let mut stream = BufReader::new(wrap(socket)?);
    while let Some(asked) = request(&mut stream)? {
        let reply = {
            let mut answer = answer.lock().unwrap_or_else(PoisonError::into_inner);
            (*answer)(&asked)
        };
        match reply {
            Reply::Full { status, headers, body } => {
                let mut head = format!("HTTP/1.1 {status} said\r\n");
                for (name, value) in &headers {
                    head.push_str(&format!("{name}: {value}\r\n"));
                }
                head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
                stream.get_mut().write_all(&[head.as_bytes(), &body].concat())?;
                stream.get_mut().flush()?;
            }
            Reply::Bytes(bytes) => {
                stream.get_mut().write_all(&bytes)?;
                stream.get_mut().flush()?;
                return end.shutdown(Shutdown::Both);
            }
            Reply::Silence => {
                // Until the client goes, or has been silent for too long itself.
                return stream.read(&mut [0]).map(drop);
            }
        }
    }
    Ok(())
}

/// The next request; none when the client is gone.
fn request(stream: &mut BufReader<Box<dyn Stream>>) -> io::Result<Option<Asked>> {
    let mut asked = Asked::default();
    let mut head = stream.by_ref().take(HEAD_MAX);
    let mut line = String::new();
    head.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(None) };
    (asked.method, asked.target) = (method.into(), target.into());
    loop {
        let mut line = String::new();
        if head.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            asked.headers.push((name.to_ascii_lowercase(), value.trim().into()));
        }
    }
    let length = asked.header("content-length").and_then(|l| l.parse().ok()).unwrap_or(0_usize);
    asked.body = vec![0; length.min(BODY_MAX)];
    stream.read_exact(&mut asked.body)?;
    Ok(Some(asked))
}
