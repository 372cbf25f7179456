//! Logins that the broker refuses: said in clear words, tried again with patience, and taken up
//! without a restart once they are right.

use std::time::{Duration, Instant};

use super::{Size, Sweep, stream};
use crate::world::flow::{Flow, Login, Plan};
use crate::world::proxy::Proxy;
use crate::world::services::{self, Address, Private, Service};

/// How long a refused login is watched.
const WATCHED: Duration = Duration::from_secs(4);
/// `broker_login_retry` of the flows.
const RETRY: Duration = Duration::from_secs(2);
/// Connections that two nodes make to a broker: one to publish, one to consume.
const SIDES: usize = 4;

/// The password is wrong.
pub async fn password(size: Size) {
    let address = Address::of(&services::amqp());
    let proxy = Proxy::before(address.port);
    let address = address.through(proxy.port());
    let right = Login::Password(address.clone());
    let wrong = Login::Password(address.with_password("wrong"));
    refused(&proxy, (&right, &wrong), &["bus.login", "password"], ("wrong password", size)).await;
}

/// The client's certificate has expired.
pub async fn certificate(size: Size) {
    let at = Address::of(&services::amqps());
    let proxy = Proxy::before(at.port);
    let at = at.through(proxy.port());
    let login = |name| Login::Certificate { at: at.clone(), tls: services::tls(), name };
    let (right, wrong) = (login("client"), login("client-expired"));
    refused(
        &proxy,
        (&right, &wrong),
        &["bus.certificate", "expired"],
        ("expired certificate", size),
    )
    .await;
    let seen = proxy.seen();
    assert_eq!(seen.sent.first(), Some(&0x16), "a TLS handshake");
    assert!(!seen.holds("AMQP") && !seen.holds("EXTERNAL"), "nothing of it is plain on the wire");
}

/// The broker's own certificate has expired.
pub async fn broker_certificate(size: Size) {
    let broker = Private::start(Service::Rabbitmq);
    let at = Address::of(&broker.value("TIERGATE_TEST_AMQPS"));
    let proxy = Proxy::before(at.port);
    let (at, tls) = (at.through(proxy.port()), broker.folder().join("tls"));
    let mut flow = Flow::new(Plan::two(Login::Certificate { at, tls, name: "client" })).await;
    flow.declare();
    broker.show("server-expired");
    watched(&mut flow, &proxy, &["bus.certificate", "expired"], size).await;
    broker.show("server");
    flow.finish("expired certificate of the broker", size.settle).await;
}

async fn refused(
    proxy: &Proxy,
    (right, wrong): (&Login, &Login),
    words: &[&str],
    (fault, size): (&str, Size),
) {
    let mut flow = Flow::new(Plan::two(right.clone())).await;
    let _sweep = Sweep::of(&flow);
    flow.declare();
    flow.log_in_by(wrong);
    watched(&mut flow, proxy, words, size).await;
    flow.log_in_by(right);
    flow.finish(fault, size.settle).await;
}

/// Starts the nodes and watches how they behave while nobody lets them in.
async fn watched(flow: &mut Flow, proxy: &Proxy, words: &[&str], size: Size) {
    let (before, begun) = (proxy.connections(), Instant::now());
    flow.start_all();
    stream(flow, size).await;
    tokio::time::sleep(WATCHED).await;
    let tries = proxy.connections() - before;
    let most = SIDES * (begun.elapsed().as_millis() / RETRY.as_millis() + 2) as usize;
    assert!(tries >= 2, "it was tried");
    assert!(tries <= most, "a storm: {tries} connections in {:?}", begun.elapsed());
    for at in 0..=flow.top() {
        for word in words {
            flow.says(at, word);
        }
    }
    let status = flow.status();
    let told = status.contains("tries failed") && words.iter().all(|word| status.contains(word));
    assert!(told, "a command beside them says so too:\n{status}");
    assert_eq!(flow.kept().await, 0, "nobody was let in");
}
