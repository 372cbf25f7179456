//! The way to a broker, step by step, for the doctor: what works, and where it ends.

use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::connect::{connect, resolve, tls_of};
use super::obstacle::{Obstacle, silent};
use super::settings::{Secrets, Settings};

/// A step on the way to a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Password, certificates and key are read.
    Secrets,
    /// The name has addresses.
    Dns,
    /// Somebody listens.
    Tcp,
    /// TLS is spoken and the broker's certificate believed.
    Tls,
    /// User and virtual host are right.
    Login,
}

impl Step {
    /// The word for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Secrets => "secrets",
            Self::Dns => "dns",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Login => "login",
        }
    }
}

/// What was found on the way.
#[derive(Debug, Default)]
pub struct Probe {
    /// Steps in order, what each found; the last one may have failed.
    pub steps: Vec<(Step, Result<String, Obstacle>)>,
    /// The broker's certificate, DER.
    pub theirs: Option<Vec<u8>>,
    /// Our own certificate, DER.
    pub ours: Option<Vec<u8>>,
}

impl Probe {
    /// Whether every step succeeded.
    pub fn through(&self) -> bool {
        self.steps.iter().all(|(_, found)| found.is_ok())
    }

    fn note(&mut self, step: Step, found: Result<String, Obstacle>) -> Option<()> {
        let fine = found.is_ok();
        self.steps.push((step, found));
        fine.then_some(())
    }
}

/// Goes the way to a broker as far as it leads.
pub async fn probe(settings: &Settings) -> Probe {
    let mut probe = Probe::default();
    // Where it ends is in the steps.
    let _end: Option<()> = walk(settings, &mut probe).await;
    probe
}

async fn walk(settings: &Settings, probe: &mut Probe) -> Option<()> {
    let secrets = match (settings.secrets)() {
        Ok(secrets) => secrets,
        Err(said) => return probe.note(Step::Secrets, Err(Obstacle::new("bus.login", said))),
    };
    probe.note(
        Step::Secrets,
        Ok(if secrets.password.is_some() { "password" } else { "certificate" }.into()),
    )?;
    probe.ours = secrets.identity.as_ref().and_then(|(chain, _)| {
        CertificateDer::pem_slice_iter(chain.as_bytes()).next()?.ok().map(|der| der.to_vec())
    });
    let addresses = match resolve(settings).await {
        Ok(addresses) => addresses,
        Err(obstacle) => return probe.note(Step::Dns, Err(obstacle)),
    };
    let list: Vec<String> = addresses.iter().map(|a| a.ip().to_string()).collect();
    probe.note(Step::Dns, Ok(list.join(", ")))?;
    let stream = match dial(settings, &addresses).await {
        Ok((stream, address)) => {
            probe.note(Step::Tcp, Ok(address.to_string()))?;
            stream
        }
        Err(obstacle) => return probe.note(Step::Tcp, Err(obstacle)),
    };
    if settings.endpoint.tls {
        match handshake(settings, &secrets, stream, None).await {
            Ok((said, certificate)) => {
                probe.theirs = certificate;
                probe.note(Step::Tls, Ok(said))?;
            }
            Err(obstacle) => return probe.note(Step::Tls, Err(obstacle)),
        }
    }
    let said = match connect(settings, "doctor").await {
        Ok(line) => {
            line.close().await;
            Ok(format!("{} at `{}`", settings.user, settings.endpoint.vhost))
        }
        Err(obstacle) => Err(obstacle),
    };
    probe.note(Step::Login, said)
}

/// The first address that answers; each is given its time.
async fn dial(
    settings: &Settings,
    addresses: &[SocketAddr],
) -> Result<(TcpStream, SocketAddr), Obstacle> {
    let longest = settings.limits.connect_timeout;
    let mut last = Obstacle::new("bus.unreachable", "the name has no address");
    for address in addresses {
        let address = *address;
        let step = format!("TCP to {address}");
        let dialled = tokio::task::spawn_blocking(move || {
            let stream = TcpStream::connect_timeout(&address, longest)?;
            stream.set_read_timeout(Some(longest))?;
            stream.set_write_timeout(Some(longest))?;
            Ok::<_, std::io::Error>(stream)
        });
        match dialled.await {
            Ok(Ok(stream)) => return Ok((stream, address)),
            Ok(Err(e)) => last = Obstacle::of_io(&step, &e),
            Err(_) => last = silent(&step, longest),
        }
    }
    Err(last)
}

/// How long a broker may take to refuse a certificate.
const VERDICT: Duration = Duration::from_secs(2);

/// Why a broker hung up on us at the login. In TLS 1.3 it judges our certificate when we believe the
/// line to stand already, and who then speaks on finds it closed without hearing why. So we only listen.
pub(crate) async fn refusal(settings: &Settings, secrets: &Secrets) -> Option<Obstacle> {
    let addresses = resolve(settings).await.ok()?;
    let (stream, _) = dial(settings, &addresses).await.ok()?;
    let said = handshake(settings, secrets, stream, Some(VERDICT)).await.err()?;
    (said.code == "bus.certificate").then_some(said)
}

/// Speaks TLS on a stream; gives what was agreed, and the broker's certificate. With `listen` it
/// hears for so long whether the broker takes ours: who is content waits for us to speak.
async fn handshake(
    settings: &Settings,
    secrets: &Secrets,
    stream: TcpStream,
    listen: Option<Duration>,
) -> Result<(String, Option<Vec<u8>>), Obstacle> {
    let Some(tls) = tls_of(settings, secrets)? else { return Ok((String::new(), None)) };
    let host = settings.endpoint.host.clone();
    let step = format!("TLS with {host}");
    let spoken = tokio::task::spawn_blocking(move || {
        let mut stream = tls.connect(&host, stream).map_err(|error| error.to_string())?;
        if listen.is_some() {
            stream.sock.set_read_timeout(listen).map_err(|error| error.to_string())?;
            let heard = stream.read(&mut [0]);
            heard.map_err(|error| error.to_string()).map(drop)?;
        }
        Ok::<_, String>(stream)
    });
    match spoken.await {
        Ok(Ok(stream)) => {
            let version = stream.conn.protocol_version();
            let version = version.map_or_else(String::new, |v| format!("{v:?}"));
            let first = stream.conn.peer_certificates().and_then(|chain| chain.first());
            Ok((version, first.map(|der| der.to_vec())))
        }
        Ok(Err(text)) => Err(Obstacle::of_io(&step, &std::io::Error::other(text))),
        Err(_) => Err(silent(&step, settings.limits.connect_timeout)),
    }
}
