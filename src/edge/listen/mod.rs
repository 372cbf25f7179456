//! The one listener of a process: TLS, times, counts, and an orderly end. What is served over it is the
//! caller's.

mod tls;

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use ring::digest::{SHA256, digest};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tower_service::Service as _;

pub use tls::Identity;

/// Most bytes of a request's head.
const HEAD_BYTES_MAX: usize = 32 << 10;
/// Most headers of a request.
const HEADERS_MAX: usize = 64;
/// Pause after the system gave no connection: it has no more files, or memory.
const PAUSE: Duration = Duration::from_millis(100);

/// How a listener behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its certificate; none is without encryption.
    pub tls: Option<Identity>,
    /// Connections at the same time; more wait until one ends.
    pub connections_max: usize,
    /// How long a handshake, and the head of each request, may take; also how long a connection may idle.
    pub head_time: Duration,
    /// How long requests may go on after the stop.
    pub drain: Duration,
}

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// The connection is encrypted.
    pub encrypted: bool,
    /// SHA-256 of the client's certificate, verified by the authority that the listener believes.
    pub certificate: Option<[u8; 32]>,
}

/// Why there is no listener.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{address}: {detail}")]
pub struct ListenError {
    /// Where it was to listen.
    pub address: SocketAddr,
    /// The system's words, never a key.
    pub detail: String,
}

/// A listener that has its address and takes nothing yet.
pub struct Listener {
    socket: TcpListener,
    tls: Option<TlsAcceptor>,
    settings: Settings,
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a listener on {}", self.settings.address)
    }
}

/// What a connection needs to know.
#[derive(Clone)]
struct Connection {
    router: Router,
    head_time: Duration,
    stop: watch::Receiver<bool>,
}

impl Listener {
    /// Takes the address.
    ///
    /// # Errors
    /// It is taken, or certificate and key cannot be used.
    pub async fn bind(settings: Settings) -> Result<Self, ListenError> {
        let failed = |detail: String| ListenError { address: settings.address, detail };
        let tls = settings.tls.as_ref().map(tls::config).transpose().map_err(failed)?;
        let socket = TcpListener::bind(settings.address).await;
        let socket = socket.map_err(|e| failed(e.to_string()))?;
        Ok(Self { socket, tls: tls.map(|tls| TlsAcceptor::from(Arc::new(tls))), settings })
    }

    /// The address it has: the port that was chosen, where 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap_or(self.settings.address)
    }

    /// Serves until `stop`; then takes no connection more, and ends when the requests under way have
    /// been answered or their time is over.
    pub async fn serve(self, router: Router, stop: impl Future<Output = ()>) {
        let Self { socket, tls, settings } = self;
        let room = Arc::new(Semaphore::new(settings.connections_max));
        let (tell, stopped) = watch::channel(false);
        let one = Connection { router, head_time: settings.head_time, stop: stopped };
        let mut open = JoinSet::new();
        tokio::pin!(stop);
        loop {
            let next = async {
                let place = Arc::clone(&room).acquire_owned().await.ok();
                (place, socket.accept().await)
            };
            let (place, accepted) = tokio::select! {
                next = next => next,
                Some(_) = open.join_next() => continue,
                () = &mut stop => break,
            };
            let Ok((stream, address)) = accepted else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            let (tls, one) = (tls.clone(), one.clone());
            open.spawn(async move {
                one.run(stream, address, tls).await;
                drop(place);
            });
        }
        drop(socket);
        tell.send_replace(true);
        let all = async { while open.join_next().await.is_some() {} };
        // Whoever is not done by then is cut off: its document is kept or it posts again.
        drop(tokio::time::timeout(settings.drain, all).await);
    }
}

impl Connection {
    async fn run(self, stream: TcpStream, address: SocketAddr, tls: Option<TlsAcceptor>) {
        drop(stream.set_nodelay(true));
        let Some(tls) = tls else {
            return self.speak(stream, Peer { address, encrypted: false, certificate: None }).await;
        };
        let Ok(Ok(stream)) = tokio::time::timeout(self.head_time, tls.accept(stream)).await else {
            return;
        };
        let first = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
        let certificate = first.and_then(|c| digest(&SHA256, c.as_ref()).as_ref().try_into().ok());
        self.speak(stream, Peer { address, encrypted: true, certificate }).await;
    }

    async fn speak(mut self, io: impl AsyncRead + AsyncWrite + Unpin + Send, peer: Peer) {
        let router = self.router.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let mut router = router.clone();
            async move {
                let mut request = request.map(Body::new);
                request.extensions_mut().insert(peer);
                let answered: Result<_, Infallible> = router.call(request).await;
                answered
            }
        });
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(self.head_time);
        builder.max_buf_size(HEAD_BYTES_MAX).max_headers(HEADERS_MAX);
        let connection = builder.serve_connection(TokioIo::new(io), service);
        tokio::pin!(connection);
        tokio::select! {
            // Whatever went wrong, the other end has seen it or is gone.
            ended = connection.as_mut() => return drop(ended),
            _ = self.stop.changed() => connection.as_mut().graceful_shutdown(),
        }
        drop(connection.await);
    }
}
