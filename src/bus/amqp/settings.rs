//! How one node logs in to one broker.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use canon::NodeCode;

use crate::topology::Names;

/// Where a broker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Over TLS.
    pub tls: bool,
    /// Host name or address; also the name the broker's certificate must have.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Virtual host.
    pub vhost: String,
}

/// What is secret or may change while running: read anew for every connection.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets {
    /// The password; none logs in by certificate (SASL EXTERNAL).
    pub password: Option<String>,
    /// Certificates of the broker's authority, PEM; none is the system's list.
    pub ca: Option<String>,
    /// Own certificate chain and its key, PEM.
    pub identity: Option<(String, String)>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(***)")
    }
}

/// Reads the secrets from where the configuration says; an error is a sentence for people.
pub type ReadSecrets = Arc<dyn Fn() -> Result<Secrets, String> + Send + Sync>;

/// Times and sizes. Names and ranges stand in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Parcels published before the first is confirmed.
    pub in_flight: usize,
    /// Parcels of a lane the broker hands over before the first is acknowledged.
    pub prefetch: u16,
    /// Longest frame that is taken.
    pub frame_bytes_max: usize,
    /// Longest wait for each step of connecting, and for every small question to the broker.
    pub connect_timeout: Duration,
    /// Longest wait for a confirm.
    pub confirm_timeout: Duration,
    /// Heartbeat.
    pub heartbeat: Duration,
    /// Longest wait between two tries.
    pub retry_max: Duration,
    /// Wait after the login or the certificate was refused.
    pub login_retry: Duration,
    /// How often changed secrets and replaced queues are looked for.
    pub watch: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            in_flight: 256,
            prefetch: 64,
            frame_bytes_max: 64 << 20,
            connect_timeout: Duration::from_secs(5),
            confirm_timeout: Duration::from_secs(10),
            heartbeat: Duration::from_secs(20),
            retry_max: Duration::from_secs(5),
            login_retry: Duration::from_secs(30),
            watch: Duration::from_secs(15),
        }
    }
}

/// One login of one node to one broker.
#[derive(Clone)]
pub struct Settings {
    /// Name in the configuration.
    pub name: String,
    /// The node.
    pub node: NodeCode,
    /// Where the broker is.
    pub endpoint: Endpoint,
    /// User name; also what every message says of its publisher.
    pub user: String,
    /// Names on the broker.
    pub names: Names,
    /// Password, certificates, key.
    pub secrets: ReadSecrets,
    /// Times and sizes.
    pub limits: Limits,
    /// Seed of the jitter.
    pub seed: u64,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, node, endpoint, user, .. } = self;
        write!(f, "Settings({name}: {user} for {node} at {endpoint:?})")
    }
}
