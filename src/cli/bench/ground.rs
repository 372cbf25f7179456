//! What the benchmark's nodes stand on: their store and their carrier.

use envelope::Suite;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use bus::amqp::{AmqpBus, Endpoint, Secrets, manage};
use bus::topology::{Names, Place, QueueLimits, Topology};
use bus::{Bus, LocalBus};
use canon::NodeCode;
use store::postgres::{self, PostgresStore, Tls};
use store::{SharedStore, SqliteStore};

use super::meter::Whose;
use crate::assemble::store_failure;
use crate::text::Failure;

/// Most connections of one node to PostgreSQL.
const CONNECTIONS: u32 = 8;

/// Where facts and parcels lie.
#[derive(Clone, Debug)]
pub(crate) struct Ground {
    /// The suite that every node signs in.
    pub(crate) suite: Suite,
    /// The broker (`amqp://user:password@host:port/vhost`); else in memory.
    pub(crate) amqp: Option<String>,
    /// The database (`postgres://user:password@host:port/database`); else SQLite.
    pub(crate) postgres: Option<String>,
}

/// The carrier of a chain.
pub(crate) struct Carrier {
    /// One for each node; none once the parent was taken away.
    pub(crate) of: Vec<Arc<dyn Bus>>,
    local: Option<Arc<LocalBus>>,
    broker: Option<Broker>,
}

struct Broker {
    logins: Vec<bus::amqp::Settings>,
    topology: Topology,
}

impl Carrier {
    /// The highest node is down: nobody takes what is carried to it.
    pub(crate) fn cut(&mut self, node: &NodeCode) {
        drop(self.of.pop());
        if let Some(local) = &self.local {
            local.cut(node, true);
        }
    }

    /// Takes away what stands on a broker.
    pub(crate) async fn remove(self) -> Result<(), Failure> {
        drop(self.of);
        let Some(broker) = self.broker else { return Ok(()) };
        let Some(login) = broker.logins.first() else { return Ok(()) };
        manage::remove(login, &broker.topology).await.map_err(|e| no_broker(&e))
    }
}

impl Ground {
    /// What the tables say it is.
    pub(crate) fn name(&self) -> &'static str {
        match (&self.postgres, &self.amqp) {
            (None, None) => "SQLite, local carrier",
            (None, Some(_)) => "SQLite, RabbitMQ",
            (Some(_), None) => "PostgreSQL, local carrier",
            (Some(_), Some(_)) => "PostgreSQL, RabbitMQ",
        }
    }

    /// Whose CPU time counts: servers of other processes may do part of the work.
    pub(crate) const fn whose(&self) -> Whose {
        match self.amqp.is_some() || self.postgres.is_some() {
            true => Whose::Machine,
            false => Whose::Process,
        }
    }

    /// The store of a node.
    pub(crate) async fn store(
        &self,
        folder: &Path,
        code: &NodeCode,
    ) -> Result<SharedStore, Failure> {
        match &self.postgres {
            None => {
                let path = folder.join(format!("{code}.db"));
                let store = SqliteStore::open(&path).await.map_err(store_failure)?;
                store.identity(code).await.map_err(store_failure)
            }
            Some(url) => {
                let settings = postgres::Settings {
                    url: url.clone(),
                    password: None,
                    schema: schema(folder, code.as_str()),
                    connections: CONNECTIONS,
                    tls: Tls::Prefer,
                    authority: None,
                };
                let store = PostgresStore::open(&settings).await.map_err(store_failure)?;
                store.identity(code).await.map_err(store_failure)
            }
        }
    }

    /// Drops what the stores of these nodes left on a server.
    pub(crate) async fn drop_stores(
        &self,
        folder: &Path,
        codes: &[NodeCode],
    ) -> Result<(), Failure> {
        let Some(url) = &self.postgres else { return Ok(()) };
        for code in codes {
            let schema = schema(folder, code.as_str());
            postgres::drop_schema(url, &schema).await.map_err(store_failure)?;
        }
        Ok(())
    }

    /// The carrier of a chain of nodes, each a neighbour of the next.
    pub(crate) async fn carrier(&self, codes: &[NodeCode]) -> Result<Carrier, Failure> {
        let Some(url) = &self.amqp else {
            let local = Arc::new(LocalBus::new(codes.iter().cloned()));
            let of = codes.iter().map(|_| Arc::clone(&local) as Arc<dyn Bus>).collect();
            return Ok(Carrier { of, local: Some(local), broker: None });
        };
        let names = Names::new(&format!("bench{}", std::process::id()));
        let (endpoint, user, password) = parts(url)?;
        let logins: Vec<bus::amqp::Settings> = codes
            .iter()
            .enumerate()
            .map(|(seed, node)| bus::amqp::Settings {
                name: "bench".into(),
                node: node.clone(),
                endpoint: endpoint.clone(),
                user: user.clone(),
                names: names.clone(),
                secrets: secrets(&password),
                limits: bus::amqp::Limits::default(),
                seed: seed as u64,
            })
            .collect();
        let topology = topology(names, codes, &user);
        if let Some(login) = logins.first() {
            manage::declare(login, &topology).await.map_err(|e| no_broker(&e))?;
        }
        let mut of: Vec<Arc<dyn Bus>> = Vec::new();
        for login in &logins {
            let bus = AmqpBus::start(login.clone());
            bus.up().await;
            of.push(Arc::new(bus));
        }
        Ok(Carrier { of, local: None, broker: Some(Broker { logins, topology }) })
    }
}

fn no_broker(e: &bus::amqp::Obstacle) -> Failure {
    Failure::environment(e.to_string(), format!("消息代理不可用：{e}"))
}

fn secrets(password: &str) -> bus::amqp::ReadSecrets {
    let password = password.to_owned();
    Arc::new(move || Ok(Secrets { password: Some(password.clone()), ..Secrets::default() }))
}

fn topology(names: Names, codes: &[NodeCode], user: &str) -> Topology {
    let nodes: BTreeMap<NodeCode, Place> = codes
        .iter()
        .map(|code| {
            let peers: BTreeSet<NodeCode> = codes.iter().filter(|c| *c != code).cloned().collect();
            (code.clone(), Place { user: user.to_owned(), peers })
        })
        .collect();
    Topology { names, nodes, limits: QueueLimits { parcels: 100_000, bytes: 256 << 20 } }
}

/// A schema's name out of a run's folder and a node.
fn schema(folder: &Path, code: &str) -> String {
    let leaf = folder.file_name().unwrap_or_default().to_string_lossy();
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let name: String = leaf.chars().chain("_".chars()).chain(code.chars()).map(plain).collect();
    format!("bench{}_{name}", std::process::id())
}

/// Host, user and password of `amqp://user:password@host:port/vhost`.
fn parts(url: &str) -> Result<(Endpoint, String, String), Failure> {
    let wrong = || {
        Failure::usage(
            "--amqp is not amqp://user:password@host:port/vhost",
            "--amqp 应为 amqp://用户:口令@主机:端口/虚拟主机",
        )
    };
    let rest = url.strip_prefix("amqp://").ok_or_else(wrong)?;
    let (login, rest) = rest.split_once('@').ok_or_else(wrong)?;
    let (user, password) = login.split_once(':').ok_or_else(wrong)?;
    let (place, vhost) = rest.split_once('/').unwrap_or((rest, "%2f"));
    let (host, port) = place.split_once(':').unwrap_or((place, "5672"));
    let endpoint = Endpoint {
        tls: false,
        host: host.to_owned(),
        port: port.parse().map_err(|_| wrong())?,
        vhost: if vhost.eq_ignore_ascii_case("%2f") || vhost.is_empty() {
            "/".to_owned()
        } else {
            vhost.to_owned()
        },
    };
    Ok((endpoint, user.to_owned(), password.to_owned()))
}
