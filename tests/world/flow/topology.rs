//! What a flow has on its broker.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bus::amqp::{Endpoint, Limits, Secrets, Settings, manage};
use bus::topology::{Names, Place, QueueLimits, Topology};

use super::{Flow, Login};
use crate::world::code;
use crate::world::services::Address;

impl Flow {
    /// What `tiergate bus declare` does.
    pub async fn declare(&self) -> Vec<manage::Item> {
        let items = manage::declare(&self.settings(), &self.topology()).await;
        items.unwrap_or_else(|e| panic!("declare: {e}"))
    }

    /// What `tiergate bus declare --repair` does.
    pub async fn repair(&self) -> Vec<manage::Item> {
        let items = manage::repair(&self.settings(), &self.topology()).await;
        let mut items = items.unwrap_or_else(|e| panic!("repair: {e}"));
        items.extend(self.declare().await);
        items
    }

    fn settings(&self) -> Settings {
        let (Login::Password(at) | Login::Certificate { at, .. }) = &self.plan.login;
        let Address { scheme, user, password, host, port, .. } = at.clone();
        let secrets = match &self.plan.login {
            Login::Password(_) => Secrets { password: Some(password), ..Secrets::default() },
            Login::Certificate { tls, name, .. } => {
                let read = |file: String| {
                    std::fs::read_to_string(tls.join(file)).expect("a certificate or its key")
                };
                let identity = (read(format!("{name}.pem")), read(format!("{name}.key")));
                let ca = Some(read("ca.pem".to_owned()));
                Secrets { password: None, ca, identity: Some(identity) }
            }
        };
        Settings {
            name: "mq".into(),
            node: code(self.name(0)),
            endpoint: Endpoint { tls: scheme == "amqps", host, port, vhost: "/".into() },
            user,
            names: Names::new(&self.prefix),
            secrets: Arc::new(move || Ok(secrets.clone())),
            limits: Limits::default(),
            seed: 1,
        }
    }

    fn topology(&self) -> Topology {
        let (Login::Password(at) | Login::Certificate { at, .. }) = &self.plan.login;
        let place = |_| Place { user: at.user.clone(), peers: BTreeSet::new() };
        let codes = (0..=self.top()).map(|at| code(self.name(at)));
        Topology {
            names: Names::new(&self.prefix),
            nodes: codes.map(|code| (code.clone(), place(code))).collect::<BTreeMap<_, _>>(),
            limits: QueueLimits { parcels: 100_000, bytes: 1 << 30 },
        }
    }
}
