//! Facts that stand in the store until they are over: what a receiver asked to wait, maintenance
//! above, back-fills under way, what a sender has brought today.

use canon::{Day, Millis, NodeCode, Route};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use store::{SharedStore, Standing};

use crate::error::WorkError;

/// A route whose receiver asked this node to wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Not before this.
    pub until: Millis,
    /// Stable code.
    pub reason: String,
    /// Who asked.
    pub by: NodeCode,
}

/// Maintenance at a node above.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Maintenance {
    /// From then.
    pub from: Millis,
    /// Until then.
    pub until: Millis,
    /// What its people say.
    pub text: String,
}

impl Maintenance {
    /// Whether it is under way.
    pub fn is_on(&self, now: Millis) -> bool {
        self.from <= now && now < self.until
    }
}

/// A back-fill: an adapter's rows of a time, as history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backfill {
    /// Adapter.
    pub adapter: String,
    /// First day.
    pub from: Day,
    /// Last day, itself included.
    pub to: Day,
    /// Who ordered it: an operator code.
    pub by: String,
    /// When it was ordered.
    pub ordered: Millis,
    /// Held back by an operator.
    pub paused: bool,
    /// Rows in the source, where it can tell.
    #[serde(default)]
    pub total: Option<u64>,
    /// Set when the last row was collected.
    #[serde(default)]
    pub ended: Option<Millis>,
}

impl Backfill {
    /// The name under which its progress is kept, beside the adapter's own.
    pub fn progress_name(&self) -> String {
        format!("{}@{}..{}", self.adapter, self.from, self.to)
    }
}

/// What a sender has brought on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayUse {
    /// The day.
    pub day: Day,
    /// Records.
    pub records: u64,
    /// Bytes of parcels.
    pub bytes: u64,
}

/// How a carrier is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CarrierIs {
    /// It carries.
    Up,
    /// It is reached and takes nothing.
    Blocked,
    /// It is not reached.
    Down,
}

/// How a carrier is, as the process that has it saw it last: for commands that look from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarrierSeen {
    /// How it is.
    pub is: CarrierIs,
    /// Since when.
    pub since: Millis,
    /// Stable code, unless it carries.
    pub code: Option<String>,
    /// What was found, never a secret.
    pub detail: String,
    /// Tries that failed since it carried last.
    pub failed: u32,
}

/// Another machine was seen signing with this node's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TwinSeen {
    /// Who saw both.
    pub by: NodeCode,
    /// The number that both have used.
    pub envelope: String,
    /// When it was said.
    pub at: Millis,
}

/// Prefix of carriers: `carrier/INSTANCE/NAME`.
pub const CARRIER: &str = "carrier/";
/// Under this name stands that another machine has this node's key.
pub const TWIN: &str = "twin";
/// Prefix of holds: `hold/ROUTE`.
pub const HOLD: &str = "hold/";
/// Prefix of maintenance: `maintenance/NODE`.
pub const MAINTENANCE: &str = "maintenance/";
/// Prefix of back-fills: `backfill/ADAPTER`.
pub const BACKFILL: &str = "backfill/";
/// Prefix of what senders brought today: `brought/NODE`.
pub const BROUGHT: &str = "brought/";

/// The name of a route's hold.
pub fn hold_of(route: &Route) -> String {
    format!("{HOLD}{route}")
}

/// The name of a carrier of an instance.
pub fn carrier_of(instance: &str, carrier: &str) -> String {
    format!("{CARRIER}{instance}/{carrier}")
}

/// Reads what stands under a prefix: the rest of each name, and the fact.
pub async fn read<T: DeserializeOwned>(
    store: &SharedStore,
    prefix: &str,
) -> Result<Vec<(String, T)>, WorkError> {
    let parse = |standing: Standing| {
        let name = standing.name.strip_prefix(prefix).unwrap_or_default().to_owned();
        let own = |e: serde_json::Error| WorkError::Own(format!("{}: {e}", standing.name));
        Ok((name, serde_json::from_str(&standing.text).map_err(own)?))
    };
    store.standing(prefix).await?.into_iter().map(parse).collect()
}

/// Reads the one fact of exactly this name: those of longer names begin so too.
pub async fn one<T: DeserializeOwned>(
    store: &SharedStore,
    name: &str,
) -> Result<Option<T>, WorkError> {
    let found = store.standing(name).await?.into_iter().find(|standing| standing.name == name);
    let own = |e: serde_json::Error| WorkError::Own(format!("{name}: {e}"));
    found.map(|standing| serde_json::from_str(&standing.text).map_err(own)).transpose()
}

/// Makes a fact stand.
pub async fn put<T: Serialize>(
    store: &SharedStore,
    name: &str,
    fact: &T,
    now: Millis,
) -> Result<(), WorkError> {
    let text = serde_json::to_string(fact).map_err(|e| WorkError::Own(format!("{name}: {e}")))?;
    Ok(store.stand(name, Some(&text), now).await?)
}

/// What keeps this node from sending for a while.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    /// Routes whose receiver asked to wait.
    pub holds: Vec<(Route, Hold)>,
    /// Maintenance by node.
    pub maintenance: Vec<(NodeCode, Maintenance)>,
}

impl Waits {
    /// As it stands in a store.
    pub async fn read(store: &SharedStore) -> Result<Self, WorkError> {
        let own = |name: &str| WorkError::Own(format!("a fact stands under `{name}`"));
        let mut waits = Self::default();
        for (name, hold) in read::<Hold>(store, HOLD).await? {
            waits.holds.push((name.parse().map_err(|_| own(&name))?, hold));
        }
        for (name, maintenance) in read::<Maintenance>(store, MAINTENANCE).await? {
            let node = NodeCode::new(&name).ok_or_else(|| own(&name))?;
            waits.maintenance.push((node, maintenance));
        }
        Ok(waits)
    }

    /// Until when a node is under maintenance.
    pub fn maintained(&self, node: &NodeCode, now: Millis) -> Option<Millis> {
        let on = self.maintenance.iter().find(|(n, m)| n == node && m.is_on(now));
        on.map(|(_, m)| m.until)
    }

    /// Until when records of this route wait, and why.
    pub fn of(&self, route: &Route, now: Millis) -> Option<(Millis, &str)> {
        if let Some(until) = self.maintained(&route.destination, now) {
            return Some((until, "peer.maintenance"));
        }
        let held = self.holds.iter().find(|(r, h)| r == route && now < h.until);
        held.map(|(_, h)| (h.until, h.reason.as_str()))
    }

    /// Takes back what is over.
    pub(crate) async fn forget_past(
        &self,
        store: &SharedStore,
        now: Millis,
    ) -> Result<(), WorkError> {
        for (route, _) in self.holds.iter().filter(|(_, h)| h.until <= now) {
            store.stand(&hold_of(route), None, now).await?;
        }
        for (node, _) in self.maintenance.iter().filter(|(_, m)| m.until <= now) {
            store.stand(&format!("{MAINTENANCE}{node}"), None, now).await?;
        }
        Ok(())
    }
}
