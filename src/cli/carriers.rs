//! From an identity's links to its carriers: one for the process, one for each broker, one for each
//! gate, behind one switch.

use std::sync::Arc;

use bus::{Bus, Switch};
use canon::NodeCode;
use exchange::config::{Carrier, Identity, Link, NodeConfig};

use crate::spools;
use crate::text::Failure;

/// The carriers of an identity. `local` joins the nodes of this process.
pub(crate) fn of(
    config: &NodeConfig,
    identity: &Identity,
    local: &Arc<dyn Bus>,
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
    let gated: Vec<&Link> = links.iter().filter(|l| l.carrier == Carrier::Spool).copied().collect();
    if !gated.is_empty() {
        switch.add(Arc::new(spools::bus(&gated)?), hops(Carrier::Spool));
    }
    if let Some(link) = links.iter().find(|l| l.carrier == Carrier::Amqp) {
        let (name, at) = (&link.name, &link.at);
        return Err(Failure::usage(
            format!(
                "{at}: link `{name}`: this build has no broker yet; write `carrier = \"local\"`"
            ),
            format!("{at}：链路『{name}』：本版本尚不能连接消息代理，请写 carrier = \"local\""),
        ));
    }
    Ok(switch.into_bus())
}
