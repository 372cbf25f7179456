//! Where the broker of the tests is. Absent, a test fails and says what to do.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use canon::NodeCode;

use crate::amqp::{AmqpBus, Endpoint, Limits, Secrets, Settings, manage};
use crate::contract::{PATIENCE, Rig, node};
use crate::topology::{Names, Place, QueueLimits, Topology};
use crate::{Bus, Parcel};

#[expect(clippy::disallowed_methods, reason = "where the services are is said in the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A value of the environment, or of the file that the services leave.
pub(super) fn service(name: &str) -> String {
    if let Some(value) = variable(name) {
        return value;
    }
    let folder = variable("TIERGATE_SERVICES").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/services")),
        PathBuf::from,
    );
    let text = std::fs::read_to_string(folder.join("env")).unwrap_or_default();
    let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    found.map_or_else(
        || panic!("{name} is not known; start the services: make services"),
        str::to_owned,
    )
}

/// Where an `amqp[s]://user:password@host:port/vhost` leads, and who logs in.
pub(super) fn place(url: &str) -> (Endpoint, String, String) {
    let (scheme, rest) = url.split_once("://").expect("a URL");
    let (login, rest) = rest.split_once('@').expect("a login");
    let (user, password) = login.split_once(':').expect("a password");
    let (authority, _) = rest.split_once('/').expect("a virtual host");
    let (host, port) = authority.split_once(':').expect("a port");
    let endpoint = Endpoint {
        tls: scheme == "amqps",
        host: host.into(),
        port: port.parse().expect("a number"),
        vhost: "/".into(),
    };
    (endpoint, user.into(), password.into())
}

/// A file of the test's authority.
pub(super) fn tls(file: &str) -> String {
    let path = PathBuf::from(service("TIERGATE_TEST_TLS")).join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Limits under which nothing waits long.
pub(super) fn limits() -> Limits {
    Limits {
        confirm_timeout: Duration::from_secs(10),
        retry_max: Duration::from_millis(500),
        watch: Duration::from_millis(300),
        ..Limits::default()
    }
}

/// The administrator's login at the plain port.
pub(super) fn settings(node: &NodeCode, prefix: &str) -> Settings {
    let (endpoint, user, password) = place(&service("TIERGATE_TEST_AMQP"));
    let secrets = Secrets { password: Some(password), ..Secrets::default() };
    Settings {
        name: "test".into(),
        node: node.clone(),
        endpoint,
        user,
        names: Names::new(prefix),
        secrets: Arc::new(move || Ok(secrets.clone())),
        limits: limits(),
        seed: 1,
    }
}

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A prefix that nobody else uses.
pub(super) fn prefix() -> String {
    format!("t{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// `a` and `b` with queues of their own on the broker.
pub(super) struct AmqpRig {
    pub(super) admin: Settings,
    pub(super) topology: Topology,
    a: Arc<AmqpBus>,
    b: Arc<AmqpBus>,
}

impl AmqpRig {
    pub(super) async fn with(limits: QueueLimits, client: Limits) -> Self {
        let prefix = prefix();
        let mut admin = settings(&node("a"), &prefix);
        admin.limits = client;
        let place = |peer: &str| Place { user: admin.user.clone(), peers: [node(peer)].into() };
        let nodes = [(node("a"), place("b")), (node("b"), place("a"))].into();
        let topology = Topology { names: Names::new(&prefix), nodes, limits };
        let items = manage::declare(&admin, &topology).await.expect("the topology is declared");
        assert!(items.iter().all(|i| i.how == manage::How::Created), "{items:#?}");
        let open =
            |code: &str| Arc::new(AmqpBus::start(Settings { node: node(code), ..admin.clone() }));
        let (a, b) = (open("a"), open("b"));
        let rig = Self { admin, topology, a, b };
        rig.up().await;
        rig
    }

    pub(super) async fn up(&self) {
        for bus in [&self.a, &self.b] {
            let up = tokio::time::timeout(PATIENCE, bus.up()).await;
            assert!(up.is_ok(), "the broker is not reached: {:?}", bus.health());
        }
    }

    pub(super) fn amqp(&self, short: &str) -> &Arc<AmqpBus> {
        if short == "a" { &self.a } else { &self.b }
    }

    /// Another carrier for `b`, as a second process would have.
    pub(super) fn other_b(&self) -> AmqpBus {
        AmqpBus::start(Settings { node: node("b"), ..self.admin.clone() })
    }

    /// Ends `b`'s carrier, as a crash would, and gives it a new one.
    pub(super) async fn crash_b(&mut self) {
        self.b = Arc::new(self.other_b());
        self.up().await;
    }
}

impl Rig for AmqpRig {
    async fn open(small: bool) -> Self {
        let parcels = if small { 3 } else { 10_000 };
        Self::with(QueueLimits { parcels, bytes: 1 << 30 }, limits()).await
    }

    fn bus(&self, short: &str) -> Arc<dyn Bus> {
        Arc::clone(self.amqp(short)) as Arc<dyn Bus>
    }

    fn filling(&self, parcel: Parcel) -> Parcel {
        parcel
    }

    async fn close(self) {
        let (admin, topology) = (self.admin.clone(), self.topology.clone());
        drop(self);
        manage::remove(&admin, &topology).await.expect("the topology is removed");
    }
}
