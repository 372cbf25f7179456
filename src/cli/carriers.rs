//! From an identity's links to its carriers: one for the process, one for each broker, one for each
//! gate, behind one switch.

use std::sync::Arc;
use std::time::Duration;

use bus::amqp::{AmqpBus, Endpoint, Limits, ReadSecrets, Secrets, Settings};
use bus::topology::Names;
use bus::{Bus, Switch};
use canon::{Millis, NodeCode};
use exchange::config::{self, BrokerConfig, Carrier, Identity, Link, Login, NodeConfig};

use crate::files::{self, CONFIG_BYTES_MAX};
use crate::text::Failure;
use crate::{assemble, open, spools};

/// The carriers of an identity. `local` joins the nodes of this process. Brokers are dialled on the
/// runtime this is called on.
pub(crate) fn of(
    config: &NodeConfig,
    identity: &Identity,
    local: &Arc<dyn Bus>,
    now: Millis,
) -> Result<Arc<dyn Bus>, Failure> {
    let mut switch = Switch::new();
    let links: Vec<&Link> = config.links_of(&identity.code).collect();
    let hops = |carrier: Carrier| -> Vec<NodeCode> {
        links.iter().filter(|l| l.carrier == carrier).map(|l| l.peer.clone()).collect()
    };
    let here = hops(Carrier::Local);
    // A node without links still needs something to ask for parcels.
    if !here.is_empty() || links.is_empty() {
        switch.add(Arc::clone(local), here);
    }
    for broker in config.brokers_of(&identity.code) {
        let on_it = |l: &&&Link| l.broker.as_ref() == Some(&broker.name);
        let hops: Vec<NodeCode> = links.iter().filter(on_it).map(|l| l.peer.clone()).collect();
        // A broker that no link lives on is only logged in to by commands.
        if !hops.is_empty() {
            switch.add(Arc::new(AmqpBus::start(settings(config, broker))), hops);
        }
    }
    let gated: Vec<&Link> = links.iter().filter(|l| l.carrier == Carrier::Spool).copied().collect();
    if !gated.is_empty() {
        switch.add(Arc::new(spools::bus(config, identity, &gated, now)?), hops(Carrier::Spool));
    }
    Ok(switch.into_bus())
}

/// How a node logs in to a broker.
pub(crate) fn settings(config: &NodeConfig, broker: &BrokerConfig) -> Settings {
    let url = &broker.url;
    Settings {
        name: broker.name.to_string(),
        node: broker.identity.clone(),
        endpoint: Endpoint {
            tls: url.tls,
            host: url.host.to_string(),
            port: url.port,
            vhost: url.vhost.to_string(),
        },
        user: broker.user.to_string(),
        names: Names::new(&broker.prefix),
        secrets: secrets(broker),
        limits: limits(&config.limits),
        seed: assemble::seed(&broker.identity),
    }
}

/// Reads what a login needs from its files, as often as it is asked: a changed file is noticed.
fn secrets(broker: &BrokerConfig) -> ReadSecrets {
    let broker = broker.clone();
    Arc::new(move || {
        let text = |path| files::text(path, CONFIG_BYTES_MAX).map_err(|failure| failure.en);
        let secret = |reference| open::secret(reference).map_err(|failure| failure.en);
        let password = match &broker.login {
            // A file ends with a line break as a rule, a password does not.
            Login::Password(from) => Some(secret(from)?.expose().trim_end().to_owned()),
            Login::External => None,
        };
        let identity = match &broker.certificate {
            Some((path, key)) => Some((text(path)?, secret(key)?.expose().to_owned())),
            None => None,
        };
        let ca = broker.ca.as_deref().map(text).transpose()?;
        Ok(Secrets { password, ca, identity })
    })
}

fn limits(limits: &config::Limits) -> Limits {
    let ms = |ms: i64| Duration::from_millis(ms.unsigned_abs());
    Limits {
        in_flight: limits.broker_in_flight as usize,
        prefetch: u16::try_from(limits.broker_prefetch).unwrap_or(u16::MAX),
        // A frame is never longer than what it opens to, but for a few bytes of its own.
        frame_bytes_max: limits.package_bytes_max + (64 << 10),
        connect_timeout: ms(limits.broker_connect_timeout),
        confirm_timeout: ms(limits.broker_confirm_timeout),
        heartbeat: ms(limits.broker_heartbeat),
        retry_max: ms(limits.broker_retry_max),
        login_retry: ms(limits.broker_login_retry),
        watch: ms(limits.broker_watch),
    }
}
