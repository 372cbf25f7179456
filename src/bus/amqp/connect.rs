//! From settings to a connection, each step with a timeout, and a way to end it for certain.

use std::io;
use std::net::{Shutdown, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use lapin::auth::AuthProvider;
use lapin::tcp::{AsyncTcpStream, RustlsConnector, RustlsConnectorConfig};
use lapin::types::{LongString, ShortString};
use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo};
use lapin::{Channel, Connection, ConnectionProperties, Event};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::obstacle::{Obstacle, ask, silent};
use super::probe::refusal;
use super::settings::{Secrets, Settings};

/// A connection and the socket under it.
pub(crate) struct Line {
    connection: Connection,
    socket: Socket,
    longest: Duration,
    /// The secrets it was made with.
    pub(crate) secrets: Secrets,
}

/// The socket of a connection, so that it can be ended from outside: the client's own thread would
/// wait for ever on a broker that stopped answering.
type Socket = Arc<Mutex<Option<std::net::TcpStream>>>;

impl Line {
    /// A new channel.
    pub(crate) async fn channel(&self) -> Result<Channel, Obstacle> {
        ask("channel", self.longest, self.connection.create_channel()).await
    }

    /// What happens to the connection as a whole.
    pub(crate) fn events(&self) -> impl futures_util::Stream<Item = Event> + Send + 'static {
        self.connection.events_listener()
    }

    /// Whether it still stands, as far as is known here.
    pub(crate) fn alive(&self) -> bool {
        self.connection.status().connected()
    }

    /// Whether the secrets have changed since it was made. What cannot be read now is no reason to
    /// give up a connection that works.
    pub(crate) fn outdated(&self, settings: &Settings) -> bool {
        (settings.secrets)().is_ok_and(|now| now != self.secrets)
    }

    /// Ends it politely if the broker answers in time, and in any case.
    pub(crate) async fn close(self) {
        let done = self.connection.close(200, "OK".into());
        // Whether it said goodbye matters to nobody: nothing unconfirmed counts as sent.
        drop(timeout(self.longest.min(Duration::from_secs(1)), done).await);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        end(&self.socket);
    }
}

fn end(socket: &Socket) {
    if let Some(socket) = socket.lock().unwrap_or_else(PoisonError::into_inner).take() {
        // It may be closed already; then there is nothing to end.
        drop(socket.shutdown(Shutdown::Both));
    }
}

/// Ends a socket unless it was handed on.
struct Guard(Option<Socket>);

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(socket) = &self.0 {
            end(socket);
        }
    }
}

/// Connects and logs in. `what` names the connection in the broker's listings.
pub(crate) async fn connect(settings: &Settings, what: &str) -> Result<Line, Obstacle> {
    let secrets = (settings.secrets)().map_err(|said| Obstacle::new("bus.login", said))?;
    match log_in(settings, &secrets, what).await {
        Err(cut) if cut.cut && secrets.identity.is_some() => {
            Err(refusal(settings, &secrets).await.unwrap_or(cut))
        }
        said => said,
    }
}

async fn log_in(settings: &Settings, secrets: &Secrets, what: &str) -> Result<Line, Obstacle> {
    let longest = settings.limits.connect_timeout;
    let tls = tls_of(settings, secrets)?.map(Arc::new);
    let addresses = resolve(settings).await?;
    let socket: Socket = Arc::default();
    let mut guard = Guard(Some(Arc::clone(&socket)));
    // What the dialling says is kept: the library would wrap it.
    let found: Arc<Mutex<Option<Obstacle>>> = Arc::default();
    let host = settings.endpoint.host.clone();
    let runtime = lapin::runtime::default_runtime().map_err(|e| Obstacle::of("runtime", &e))?;
    let (kept, told) = (Arc::clone(&socket), Arc::clone(&found));
    let connected = Connection::connector(
        uri(settings),
        runtime,
        async move |_, runtime| {
            let dialled = async {
                let mut last = Obstacle::new("bus.unreachable", "the name has no address");
                for address in &addresses {
                    let dial = AsyncTcpStream::connect(&runtime, *address);
                    match timeout(longest, dial).await {
                        Ok(Ok(stream)) => {
                            if let AsyncTcpStream::Plain(plain) = &stream {
                                let kept = keep(plain.get_ref(), &kept);
                                kept.map_err(|e| Obstacle::of_io("socket", &e))?;
                            }
                            return Ok((stream, *address));
                        }
                        Ok(Err(e)) => last = Obstacle::of_io(&format!("TCP to {address}"), &e),
                        Err(_) => last = silent(&format!("TCP to {address}"), longest),
                    }
                }
                Err(last)
            };
            let secured = async {
                let (stream, address) = dialled.await?;
                let Some(tls) = &tls else { return Ok(stream) };
                let step = format!("TLS with {host} at {address}");
                match timeout(longest, stream.into_rustls(tls, &host)).await {
                    Ok(Ok(stream)) => Ok(stream),
                    Ok(Err(e)) => Err(Obstacle::of_io(&step, &e)),
                    Err(_) => Err(silent(&step, longest)),
                }
            };
            secured.await.map_err(|obstacle| {
                *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(obstacle);
                lapin::Error::from(io::Error::other("not reached"))
            })
        },
        properties(settings, secrets, what),
    );
    // The dialling has its own timeouts; this one is for the handshake after it.
    let connected = ask("login", longest.saturating_mul(3), connected.boxed()).await;
    let connection = connected.map_err(|obstacle| {
        let found = found.lock().unwrap_or_else(PoisonError::into_inner).take();
        found.unwrap_or(obstacle)
    })?;
    guard.0 = None;
    Ok(Line { connection, socket, longest, secrets: secrets.clone() })
}

/// Keeps a second handle of the socket, and lets small writes go out at once.
fn keep(stream: &TcpStream, socket: &Socket) -> io::Result<()> {
    stream.set_nodelay(true)?;
    *socket.lock().unwrap_or_else(PoisonError::into_inner) = Some(handle_of(stream)?);
    Ok(())
}

#[cfg(unix)]
fn handle_of(stream: &TcpStream) -> io::Result<std::net::TcpStream> {
    use std::os::fd::AsFd;
    Ok(stream.as_fd().try_clone_to_owned()?.into())
}

#[cfg(windows)]
fn handle_of(stream: &TcpStream) -> io::Result<std::net::TcpStream> {
    use std::os::windows::io::AsSocket;
    Ok(stream.as_socket().try_clone_to_owned()?.into())
}

/// The addresses of a broker's name.
pub(crate) async fn resolve(settings: &Settings) -> Result<Vec<SocketAddr>, Obstacle> {
    let (host, port) = (settings.endpoint.host.as_str(), settings.endpoint.port);
    let longest = settings.limits.connect_timeout;
    let step = format!("DNS for {host}");
    match timeout(longest, lookup_host((host, port))).await {
        Ok(Ok(found)) => {
            let found: Vec<SocketAddr> = found.collect();
            if found.is_empty() {
                return Err(Obstacle::new("bus.unreachable", format!("{step}: no address")));
            }
            Ok(found)
        }
        Ok(Err(e)) => Err(Obstacle::of_io(&step, &e)),
        Err(_) => Err(silent(&step, longest)),
    }
}

/// What TLS needs; nothing for a plain connection. There is no third way: `amqps` never falls back
/// to a plain connection.
pub(crate) fn tls_of(
    settings: &Settings,
    secrets: &Secrets,
) -> Result<Option<RustlsConnector>, Obstacle> {
    if !settings.endpoint.tls {
        return Ok(None);
    }
    let bad = |what: &str, e: &dyn std::fmt::Display| {
        Obstacle::new("bus.certificate", format!("{what}: {e}"))
    };
    let pems = |what: &str, pem: &str| -> Result<Vec<CertificateDer<'static>>, Obstacle> {
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
        let found = found.map_err(|e| bad(what, &e))?;
        if found.is_empty() { Err(bad(what, &"no certificate in it")) } else { Ok(found) }
    };
    let config = match &secrets.ca {
        Some(ca) => RustlsConnectorConfig::default().with_parsable_certificates(pems("`ca`", ca)?),
        None => RustlsConnectorConfig::new_with_native_certs()
            .map_err(|e| bad("the system's list of authorities", &e))?,
    };
    let connector = match &secrets.identity {
        Some((chain, key)) => {
            let key =
                PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|e| bad("`key`", &e))?;
            config.connector_with_single_cert(pems("`certificate`", chain)?, key)
        }
        None => config.connector_with_no_client_auth(),
    };
    connector.map(Some).map_err(|e| bad("certificate and key", &e))
}

fn uri(settings: &Settings) -> AMQPUri {
    let endpoint = &settings.endpoint;
    let heartbeat = settings.limits.heartbeat.as_secs().clamp(1, u64::from(u16::MAX));
    AMQPUri {
        scheme: if endpoint.tls { AMQPScheme::AMQPS } else { AMQPScheme::AMQP },
        authority: AMQPAuthority {
            // The login is given beside: nothing of it may end in a message.
            userinfo: AMQPUserInfo { username: settings.user.clone(), password: String::new() },
            host: endpoint.host.clone(),
            port: endpoint.port,
        },
        vhost: endpoint.vhost.clone(),
        query: AMQPQueryString {
            heartbeat: u16::try_from(heartbeat).ok(),
            ..AMQPQueryString::default()
        },
    }
}

/// No auto-recovery: a lost connection is given up and made anew by our own supervisor.
fn properties(settings: &Settings, secrets: &Secrets, what: &str) -> ConnectionProperties {
    let name = format!("tiergate {} {what}", settings.node);
    ConnectionProperties::default()
        .with_connection_name(name.into())
        .with_auth_provider(Login { user: settings.user.clone(), secrets: secrets.clone() })
}

/// PLAIN with a password, EXTERNAL without.
struct Login {
    user: String,
    secrets: Secrets,
}

impl AuthProvider for Login {
    fn mechanism(&self) -> ShortString {
        if self.secrets.password.is_some() { "PLAIN".into() } else { "EXTERNAL".into() }
    }

    fn auth_starter(&self) -> Result<LongString, String> {
        Ok(match &self.secrets.password {
            Some(password) => format!("\0{}\0{password}", self.user).into(),
            None => "".into(),
        })
    }
}
