//! Who may not post, and how they are told.

use std::sync::atomic::Ordering;

use canon::Millis;
use serde_json::{Value, json};

use super::ground::{Ground, Instance, JSON, TOKEN, client, list, request, told};
use crate::http::tests::file;
use crate::http::{Client, Identity as ClientIdentity, Method, Settings};
use crate::listen::{Identity, Listener};
use crate::push::{Auth, SIGNATURE, sign};

async fn with(at: &Instance, headers: &[(&str, &str)], body: &str) -> (u16, Value) {
    let mut all = vec![("content-type", "application/json")];
    all.extend(headers);
    let request = request(Method::POST, &at.url("/push/cases"), &all, body);
    let (answer, said) = told(client().send(request).await.unwrap());
    (answer.status, said)
}

#[tokio::test]
async fn a_wrong_token_is_told_so_before_the_body_is_looked_at() {
    let ground = Ground::new(JSON);
    let at = ground.instance(true).await;
    let longer = format!("Bearer {TOKEN}x");
    for wrong in ["Bearer no", "Bearer ", "Basic abc", &longer, TOKEN] {
        let (status, said) = with(&at, &[("authorization", wrong)], "no json").await;
        assert_eq!((status, &said["code"]), (401, &json!("post.unauthorized")));
        assert!(!said.to_string().contains(TOKEN));
    }
    assert_eq!(with(&at, &[], &list(&["1"])).await.0, 401);
    assert_eq!(at.doors.counts().strangers.load(Ordering::Relaxed), 6);
    // Whoever asks is asked as well, and other paths and methods are not there.
    for (method, path, status) in [
        (Method::GET, "/push/cases/00000000000000000000000000000000", 401),
        (Method::GET, "/push/cases", 405),
        (Method::PUT, "/push/cases", 405),
        (Method::POST, "/push/other", 404),
        (Method::GET, "/", 404),
    ] {
        let (answer, said) =
            told(client().send(request(method, &at.url(path), &[], "")).await.unwrap());
        assert_eq!(answer.status, status, "{path}");
        assert!(said["code"].as_str().unwrap().starts_with("post."), "{said}");
    }
}

#[tokio::test]
async fn a_signature_is_over_the_body_and_lately_made() {
    let mut ground = Ground::new(JSON);
    let key = b"the-departments-key".to_vec();
    ground.auth = Auth { tokens: Vec::new(), keys: vec![key.clone()], ..ground.auth };
    let at = ground.instance(true).await;
    let now = Millis(ground.now.load(Ordering::Relaxed));
    let body = list(&["1"]);
    let right = sign(&key, now, body.as_bytes());
    let old = sign(&key, now.plus(-400_000), body.as_bytes());
    let others = sign(b"another-key-altogether", now, body.as_bytes());
    for (signature, body, status) in [
        (Some(&right), &body, 200),
        (Some(&right), &list(&["2"]), 401),
        (Some(&old), &body, 401),
        (Some(&others), &body, 401),
        (None, &body, 401),
    ] {
        let headers: Vec<_> = signature.iter().map(|s| (SIGNATURE, s.as_str())).collect();
        assert_eq!(with(&at, &headers, body).await.0, status, "{signature:?}");
    }
}

#[tokio::test]
async fn a_client_is_known_by_its_certificate() {
    let mut ground = Ground::new(JSON);
    let print = {
        use rustls::pki_types::CertificateDer;
        use rustls::pki_types::pem::PemObject;
        let certificate = CertificateDer::from_pem_slice(&file("client.pem")).unwrap();
        ring::digest::digest(&ring::digest::SHA256, &certificate).as_ref().try_into().unwrap()
    };
    ground.auth = Auth { tokens: Vec::new(), clients: vec![print], ..ground.auth };
    ground.tls = Some(Identity {
        certificate: file("server.pem"),
        key: file("server.key"),
        clients: Some(file("ca.pem")),
    });
    let at = ground.instance(true).await;
    let url = format!("https://localhost:{}/push/cases", at.address.port());
    let send = async |name: Option<&str>| {
        let identity = name.map(|name| ClientIdentity {
            certificate: file(&format!("{name}.pem")),
            key: file(&format!("{name}.key")),
        });
        let settings = Settings { ca: Some(file("ca.pem")), identity, ..Settings::default() };
        let headers = [("content-type", "application/json")];
        let asked = request(Method::POST, &url, &headers, &list(&["1"]));
        Client::new(settings).unwrap().send(asked).await.map(|answer| answer.status)
    };
    assert_eq!(send(Some("client")).await.unwrap(), 200);
    assert_eq!(send(None).await.unwrap(), 401, "without a certificate");
    assert_eq!(send(Some("client-unknown")).await.unwrap(), 401, "of somebody else");
    assert!(send(Some("client-expired")).await.is_err(), "of yesterday");
    // Plain text at a TLS listener gets nothing out of it.
    let plain = client().send(request(Method::GET, &at.url("/push/cases"), &[], "")).await;
    assert!(plain.is_err());
    assert!(format!("{:?} {:?}", ground.tls, ground.auth).len() < 80, "no secret is shown");
}

#[tokio::test]
async fn a_listener_that_cannot_be_says_why() {
    let settings = |certificate: &[u8], key: &[u8]| crate::listen::Settings {
        address: ([127, 0, 0, 1], 0).into(),
        tls: Some(Identity { certificate: certificate.into(), key: key.into(), clients: None }),
        connections_max: 1,
        head_time: std::time::Duration::from_secs(1),
        drain: std::time::Duration::ZERO,
    };
    let (pem, key) = (file("server.pem"), file("server.key"));
    for (settings, words) in [
        (settings(b"x", &key), "no certificate"),
        (settings(&pem, b"geheim"), "no key"),
        (settings(&pem, &file("client.key")), "do not fit"),
    ] {
        let error = Listener::bind(settings).await.unwrap_err().to_string();
        assert!(error.contains(words) && !error.contains("geheim"), "{error}");
    }
    let mut taken = settings(&pem, &key);
    let first = Listener::bind(taken.clone()).await.unwrap();
    taken.address = first.address();
    assert!(Listener::bind(taken).await.is_err());
}
