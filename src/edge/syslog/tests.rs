//! A collector of the test over real TLS: it takes, breaks off, is away, is a stranger.

#![cfg(feature = "http")]

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::http::tests::file;

/// What the test's collector does with a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Does {
    /// Reads to the end, and ends it.
    Takes,
    /// Reads so many bytes, and drops the rest.
    BreaksOff(usize),
    /// Reads, and never ends it.
    Lingers,
}

fn acceptor(certificate: &str, asks: bool) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain = CertificateDer::pem_slice_iter(&file(&format!("{certificate}.pem")))
        .collect::<Result<Vec<_>, _>>()
        .unwrap();
    let key = PrivateKeyDer::from_pem_slice(&file(&format!("{certificate}.key"))).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&file("ca.pem")).unwrap()).unwrap();
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = if asks {
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        builder.with_client_cert_verifier(verifier.build().unwrap())
    } else {
        builder.with_no_client_auth()
    };
    TlsAcceptor::from(Arc::new(builder.with_single_cert(chain, key).unwrap()))
}

/// Serves one connection, and gives what it has read.
#[expect(clippy::disallowed_methods, reason = "the other end of the line is another task")]
fn serve(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    does: Does,
) -> JoinHandle<(Vec<u8>, TcpListener)> {
    tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let mut read = Vec::new();
        let Ok(mut stream) = acceptor.accept(socket).await else { return (read, listener) };
        match does {
            Does::Takes => {
                stream.read_to_end(&mut read).await.unwrap();
                stream.shutdown().await.unwrap();
            }
            Does::BreaksOff(bytes) => {
                read.resize(bytes, 0);
                stream.read_exact(&mut read).await.unwrap();
                // What is unread makes the end a reset.
                let (socket, _) = stream.into_inner();
                socket.readable().await.unwrap();
            }
            Does::Lingers => {
                stream.read_to_end(&mut read).await.unwrap();
                std::future::pending().await
            }
        }
        (read, listener)
    })
}

fn settings(port: u16) -> Settings {
    Settings {
        host: "localhost".into(),
        port,
        ca: Some(file("ca.pem")),
        identity: None,
        timeout: Duration::from_secs(10),
    }
}

async fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

#[tokio::test]
async fn what_is_taken_was_read_to_its_end() {
    let (listener, port) = listener().await;
    let collector = Collector::new(settings(port)).unwrap();
    let taken = serve(listener, acceptor("server", false), Does::Takes);
    collector.take(b"3 abc4 defg").await.unwrap();
    let (read, listener) = taken.await.unwrap();
    assert_eq!(read, b"3 abc4 defg");
    let looked = serve(listener, acceptor("server", false), Does::Takes);
    let seen = collector.look().await;
    assert!(seen.fine, "{seen:?}");
    assert_eq!(looked.await.unwrap().0, b"", "a look gives no event");
}

#[tokio::test]
async fn a_batch_is_not_taken_where_the_connection_is_lost_or_not_ended() {
    let (listener, port) = listener().await;
    let quick = Settings { timeout: Duration::from_millis(500), ..settings(port) };
    let frames = vec![b'x'; 4 << 20];
    let broken = serve(listener, acceptor("server", false), Does::BreaksOff(10));
    let error = Collector::new(settings(port)).unwrap().take(&frames).await.unwrap_err();
    assert_eq!(error.code, "audit.syslog_unreached", "{error}");
    let (read, listener) = broken.await.unwrap();
    assert_eq!(read.len(), 10);
    let lingers = serve(listener, acceptor("server", false), Does::Lingers);
    let error = Collector::new(quick).unwrap().take(b"3 abc").await.unwrap_err();
    assert!(error.detail.contains("within 0.5 s"), "{error}");
    lingers.abort();
    assert!(lingers.await.is_err());
    // Nobody is there any more.
    let error = Collector::new(settings(port)).unwrap().take(b"3 abc").await.unwrap_err();
    assert_eq!(error.code, "audit.syslog_unreached", "{error}");
}

#[tokio::test]
async fn a_stranger_is_given_nothing_and_a_stranger_of_theirs_is_told() {
    let (listener, port) = listener().await;
    let expired = serve(listener, acceptor("server-expired", false), Does::Takes);
    let error = Collector::new(settings(port)).unwrap().take(b"3 abc").await.unwrap_err();
    assert_eq!(error.code, "audit.syslog_untrusted");
    assert!(error.to_string().contains("localhost") && error.detail.contains("expired"), "{error}");
    let (read, listener) = expired.await.unwrap();
    assert_eq!(read, b"");

    let others = Settings { ca: None, ..settings(port) };
    let unknown = serve(listener, acceptor("server", false), Does::Takes);
    let error = Collector::new(others).unwrap().take(b"3 abc").await.unwrap_err();
    assert_eq!(error.code, "audit.syslog_untrusted", "{error}");
    let (read, listener) = unknown.await.unwrap();
    assert_eq!(read, b"");

    let asking = serve(listener, acceptor("server", true), Does::Takes);
    let seen = Collector::new(settings(port)).unwrap().look().await;
    assert!(!seen.fine, "{seen:?}");
    let (_, listener) = asking.await.unwrap();
    let identity = Identity { certificate: file("client.pem"), key: file("client.key") };
    let known = Settings { identity: Some(identity), ..settings(port) };
    let asking = serve(listener, acceptor("server", true), Does::Takes);
    Collector::new(known).unwrap().take(b"3 abc").await.unwrap();
    assert_eq!(asking.await.unwrap().0, b"3 abc");
}

#[test]
fn what_a_collector_cannot_be_made_of_is_said() {
    for (wrong, words) in [
        (Settings { host: "no host".into(), ..settings(1) }, "host name"),
        (Settings { ca: Some(b"nothing".to_vec()), ..settings(1) }, "no certificate"),
    ] {
        let error = Collector::new(wrong).unwrap_err();
        assert!(error.detail.contains(words), "{error}");
    }
}
