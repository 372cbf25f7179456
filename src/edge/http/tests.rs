//! What a client does with services that answer well, badly or not at all; and over TLS.

use std::path::PathBuf;
use std::sync::mpsc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::*;
use crate::legacy_http::{Reply, Service};

#[expect(clippy::disallowed_methods, reason = "where the services are is said in the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A file of the test's authority.
pub(crate) fn file(name: &str) -> Vec<u8> {
    let folder = variable("TIERGATE_TEST_TLS").map(PathBuf::from).unwrap_or_else(|| {
        variable("TIERGATE_SERVICES")
            .map_or_else(
                || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/services")),
                PathBuf::from,
            )
            .join("tls")
    });
    let path = folder.join(name);
    std::fs::read(&path)
        .unwrap_or_else(|e| panic!("{}: {e}; start the services: make services", path.display()))
}

fn settings() -> Settings {
    Settings {
        connect_timeout: Duration::from_secs(5),
        read_timeout: Duration::from_secs(5),
        timeout: Duration::from_secs(10),
        answer_bytes_max: 1000,
        ..Settings::default()
    }
}

async fn ask(settings: Settings, url: &str) -> Result<Answer, HttpError> {
    let client = Client::new(settings)?;
    client.send(Request::new(Method::GET, address(url).unwrap())).await
}

#[tokio::test]
async fn an_answer_comes_whole_whatever_its_status_and_a_redirect_is_not_followed() {
    let (seen, asked) = mpsc::channel();
    let service = Service::start(move |asked| {
        seen.send(asked.clone()).unwrap();
        match asked.path() {
            "/away" => Reply::json(302, "").with("location", "/there"),
            "/busy" => Reply::json(429, "{}").with("retry-after", "7"),
            _ => Reply::json(200, r#"{"a":1}"#),
        }
    })
    .unwrap();
    let client = Client::new(settings()).unwrap();
    let mut request = Request::new(Method::POST, address(&service.url()).unwrap());
    request.header("authorization", "Bearer geheim").unwrap();
    request.body = b"{}".to_vec();
    let answer = client.send(request).await.unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (200, br#"{"a":1}"#.as_slice()));
    let first = asked.recv().unwrap();
    assert_eq!((first.method.as_str(), first.body.as_slice()), ("POST", b"{}".as_slice()));
    assert_eq!(first.header("authorization"), Some("Bearer geheim"));
    assert_eq!(first.header("accept-encoding"), None);
    let away = ask(settings(), &format!("{}/away", service.url())).await.unwrap();
    assert_eq!((away.status, away.fine(), away.later()), (302, false, false));
    let busy = ask(settings(), &format!("{}/busy", service.url())).await.unwrap();
    assert!(busy.later());
    assert_eq!(busy.retry_at(Millis(1_000)), Some(Millis(8_000)));
    assert_eq!(asked.try_iter().count(), 2, "nobody went where the redirect led");
}

#[test]
fn retry_after_is_also_a_date_and_never_longer_than_a_day() {
    let answer = |said: &str| Answer {
        status: 503,
        headers: HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_str(said).unwrap())]),
        body: Vec::new(),
    };
    // 1994-11-06 08:49:37 UTC.
    let at = Millis(784_111_777_000);
    let said = answer("Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(said.retry_at(at.plus(-5_000)), Some(at));
    assert_eq!(said.retry_at(at.plus(5_000)), Some(at.plus(5_000)), "never in the past");
    assert_eq!(answer("4000000000").retry_at(at), Some(at.plus(RETRY_AFTER_MAX)));
    assert_eq!(answer("soon").retry_at(at), None);
}

#[tokio::test]
async fn what_is_too_much_or_no_answer_is_told_apart() {
    let service = Service::start(|asked| match asked.path() {
        "/large" => Reply::json(200, vec![b'x'; 1001]),
        "/endless" => {
            Reply::Bytes([b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), &vec![b'x'; 100_000]].concat())
        }
        "/half" => Reply::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf".to_vec()),
        "/packed" => Reply::json(200, "").with("content-encoding", "gzip"),
        "/none" => Reply::Bytes(Vec::new()),
        "/strange" => Reply::Bytes(b"220 mail ready\r\n".to_vec()),
        _ => Reply::Silence,
    })
    .unwrap();
    let gone = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/?token=geheim", listener.local_addr().unwrap())
    };
    for (path, trouble, passing) in [
        ("/large", Trouble::TooBig, false),
        ("/endless", Trouble::TooBig, false),
        ("/half", Trouble::Broken, true),
        ("/packed", Trouble::Broken, true),
        ("/none", Trouble::Lost, true),
        ("/strange", Trouble::Lost, true),
        ("/silent", Trouble::Slow, true),
        (gone.as_str(), Trouble::Unreachable, true),
    ] {
        let url = if path == gone {
            gone.clone()
        } else {
            format!("{}{path}?token=geheim", service.url())
        };
        let mut quick = settings();
        if path == "/silent" {
            quick.read_timeout = Duration::from_millis(100);
        }
        let error = ask(quick, &url).await.unwrap_err();
        assert_eq!((error.trouble, error.passing()), (trouble, passing), "{path}: {error}");
        let shown = format!("{error:?} {error}");
        assert!(!shown.contains("geheim"), "{shown}");
        assert!(url.starts_with(&error.place), "{} {url}", error.place);
    }
}

/// A service that speaks TLS with the test's authority; `asks` for a certificate of the client.
fn over_tls(certificate: &str, asks: bool) -> (Service, String) {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain = CertificateDer::pem_slice_iter(&file(&format!("{certificate}.pem")))
        .collect::<Result<Vec<_>, _>>()
        .unwrap();
    let key = PrivateKeyDer::from_pem_slice(&file(&format!("{certificate}.key"))).unwrap();
    let mut roots = RootCertStore::empty();
    for ca in CertificateDer::pem_slice_iter(&file("ca.pem")) {
        roots.add(ca.unwrap()).unwrap();
    }
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = if asks {
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        builder.with_client_cert_verifier(verifier.build().unwrap())
    } else {
        builder.with_no_client_auth()
    };
    let config = Arc::new(builder.with_single_cert(chain, key).unwrap());
    let service = Service::start_over(
        |_| Reply::json(200, "{}"),
        move |socket| {
            let server =
                ServerConnection::new(Arc::clone(&config)).map_err(std::io::Error::other)?;
            Ok(Box::new(StreamOwned::new(server, socket)))
        },
    )
    .unwrap();
    let url = format!("https://localhost:{}/cases", service.port());
    (service, url)
}

#[tokio::test]
async fn servers_are_believed_by_their_authority_and_name_and_clients_by_theirs() {
    let own = || Some(file("ca.pem"));
    let (_service, url) = over_tls("server", false);
    let right = ask(Settings { ca: own(), ..settings() }, &url).await.unwrap();
    assert_eq!(right.status, 200);
    let system = ask(settings(), &url).await.unwrap_err();
    assert_eq!(system.trouble, Trouble::Untrusted, "{system}");

    let (_expired, url) = over_tls("server-expired", false);
    let error = ask(Settings { ca: own(), ..settings() }, &url).await.unwrap_err();
    assert_eq!((error.trouble, error.passing()), (Trouble::Untrusted, false), "{error}");

    let (_asking, url) = over_tls("server", true);
    let error = ask(Settings { ca: own(), ..settings() }, &url).await.unwrap_err();
    assert_eq!(error.trouble, Trouble::Untrusted, "{error}");
    let identity = Identity { certificate: file("client.pem"), key: file("client.key") };
    assert_eq!(format!("{identity:?}"), "Identity");
    let known = Settings { ca: own(), identity: Some(identity), ..settings() };
    assert_eq!(ask(known, &url).await.unwrap().status, 200);
}

#[test]
fn what_a_client_cannot_be_made_of_is_said_before_anybody_is_asked() {
    let no_ca = Settings { ca: Some(b"nothing".to_vec()), ..settings() };
    let identity = Identity { certificate: file("client.pem"), key: b"geheim".to_vec() };
    let no_key = Settings { identity: Some(identity), ..settings() };
    for settings in [no_ca, no_key] {
        let error = Client::new(settings).unwrap_err();
        assert_eq!(error.trouble, Trouble::Setting);
        assert!(!error.to_string().contains("geheim"), "{error}");
    }
    let mut request = Request::new(Method::GET, address("http://h/p?t=geheim").unwrap());
    let error = request.header("x-token", "ge\nheim").unwrap_err();
    assert!(!format!("{error:?} {request:?}").contains("heim"), "{error:?}");
    for bad in ["ftp://h/", "http://u:p@h/", "http://h/#f", "h/x"] {
        assert!(address(bad).is_none(), "{bad}");
    }
}

#[tokio::test]
async fn a_proxy_is_used_where_one_is_named_and_only_there() {
    let (seen, asked) = mpsc::channel();
    let proxy = Service::start(move |asked| {
        seen.send(asked.target.clone()).unwrap();
        Reply::json(200, "{}")
    })
    .unwrap();
    let through = Settings { proxy: address(&proxy.url()), ..settings() };
    ask(through, "http://nowhere.invalid/cases?a=1").await.unwrap();
    assert_eq!(asked.recv().unwrap(), "http://nowhere.invalid/cases?a=1");
}
