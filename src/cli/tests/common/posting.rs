//! A department that posts licences.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use edge::http::{Client, Method, Request, Settings, address};
use tokio::task::JoinSet;

use super::common::repository;

/// Longest wait for a service.
const LONGEST: Duration = Duration::from_secs(60);
/// Who may post.
pub(crate) const TOKEN: &str = "0123456789abcdef0123456789abcdef";
/// Documents posted at the same time.
pub(crate) const DOCUMENTS: usize = 60;

/// A port that nobody has.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A call with one licence, made of the package's sample.
pub(crate) fn call(number: usize) -> Vec<u8> {
    let sample = repository().join("adapters/licence_soap/samples/soap12/input.xml");
    let text = std::fs::read_to_string(sample).unwrap();
    text.replace("ZZ202611000003", &format!("ZZ2026{number:08}")).into_bytes()
}

/// Whoever posts.
pub(crate) fn client() -> Client {
    Client::new(Settings { timeout: Duration::from_secs(30), ..Settings::default() }).unwrap()
}

/// A request with the token, under a key.
pub(crate) fn request(port: u16, path: &str, kind: &str, key: &str, body: Vec<u8>) -> Request {
    let url = address(&format!("http://127.0.0.1:{port}/push/{path}")).unwrap();
    let mut request = Request::new(Method::POST, url);
    for (name, value) in [
        ("authorization", format!("Bearer {TOKEN}").as_str()),
        ("content-type", kind),
        ("idempotency-key", key),
    ] {
        request.header(name, value).unwrap();
    }
    request.body = body;
    request
}

/// Posts every document at once; the answers that came, by number. Counts them as they come.
pub(crate) async fn post_all(
    client: &Client,
    port: u16,
    came: &Arc<AtomicUsize>,
) -> BTreeMap<usize, String> {
    let mut posts = JoinSet::new();
    for number in 0..DOCUMENTS {
        let (client, came) = (client.clone(), Arc::clone(came));
        posts.spawn(async move {
            let key = format!("licence-{number}");
            let posted = request(port, "licences", "application/soap+xml", &key, call(number));
            let answer = client.send(posted).await.ok().filter(|a| a.status == 200)?;
            came.fetch_add(1, Ordering::Relaxed);
            Some((number, String::from_utf8(answer.body).unwrap()))
        });
    }
    posts.join_all().await.into_iter().flatten().collect()
}

/// The service takes documents: it answers.
pub(crate) async fn up(client: &Client, port: u16) {
    let began = Instant::now();
    let url = address(&format!("http://127.0.0.1:{port}/push/licences?wsdl")).unwrap();
    while client.send(Request::new(Method::GET, url.clone())).await.is_err() {
        assert!(began.elapsed() < LONGEST, "nobody listens");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
