//! One identity with everything its workers need: ports, links, routing, limits.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bus::Bus;
use canon::format::Format;
use canon::{Day, Digest, EnvelopeId, Environment, Lane, Millis, NodeCode, Route};
use envelope::{Cipher, Decrypt, Readers, Refuse, SenderCert, Signer, Suite, Trust};
use store::{Lease, SharedStore};

use crate::config::{Back, Limits, RelayConfig};
use crate::error::WorkError;
use crate::fair::Fairness;
use crate::lists::Lists;
use crate::share::Leases;

/// A neighbour and how it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Name in the configuration.
    pub name: Arc<str>,
    /// The neighbour.
    pub peer: NodeCode,
    /// Whether it is the parent: parcels for nodes nobody lists go there.
    pub parent: bool,
    /// Nodes beneath this link, besides the neighbour itself.
    pub beneath: Vec<NodeCode>,
    /// When a receipt of what was handed over here is overdue, ms; none is `receipt_overdue` of the
    /// limits. Slower carriers have their own.
    pub overdue: Option<i64>,
    /// What is otherwise over a slow way, or one without a return.
    pub way: Way,
    /// The suite of what is said to nodes behind it; none is that of the first key.
    pub suite: Option<Suite>,
    /// Suites in which what comes by it is believed; none is whatever the trust accepts.
    pub accepts: Option<Vec<Suite>>,
}

/// The keys of one identity, each of a suite of its own; the first is used where nothing else is
/// said.
#[derive(Clone)]
pub struct Signers {
    all: Vec<Arc<dyn Signer>>,
    /// What the first one's certificate says, once somebody asked: it does not change while it is used.
    own: Arc<OnceLock<SenderCert>>,
}

impl Signers {
    /// The first, and the others.
    pub fn new(first: Arc<dyn Signer>, others: Vec<Arc<dyn Signer>>) -> Self {
        let mut all = vec![first];
        all.extend(others);
        Self { all, own: Arc::default() }
    }

    /// What the first one's certificate says of this node.
    pub(crate) fn own(&self) -> Result<&SenderCert, WorkError> {
        if let Some(own) = self.own.get() {
            return Ok(own);
        }
        let own = SenderCert::from_der(self.first().certificate_der());
        let own = own.map_err(|e| WorkError::Own(format!("own certificate: {e}")))?;
        Ok(self.own.get_or_init(|| own))
    }

    /// The first.
    pub fn first(&self) -> &dyn Signer {
        &*self.all[0]
    }

    /// The one of a suite, by the suite's name in routes.
    pub fn of(&self, suite: &str) -> Option<&dyn Signer> {
        self.all.iter().map(|s| &**s).find(|s| s.suite().name() == suite)
    }
}

impl From<Arc<dyn Signer>> for Signers {
    fn from(only: Arc<dyn Signer>) -> Self {
        Self::new(only, Vec::new())
    }
}

/// How patient a node is with what lies behind a link, and whether anything comes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// A gap is asked for after this, ms; none is `gap_grace` of the limits.
    pub grace: Option<i64>,
    /// From one inquiry to the next, ms; none is `inquiry_interval` of the limits.
    pub inquiry: Option<i64>,
    /// How an answer comes back.
    pub back: Back,
}

impl Link {
    /// Whether this link leads to exactly that node.
    pub fn leads_to(&self, node: &NodeCode) -> bool {
        self.peer == *node || self.beneath.contains(node)
    }

    /// Whether a parcel of that sender may come in by this link: from beneath it, or, from the
    /// parent, anything that is not beneath another link.
    pub fn may_carry(&self, sender: &NodeCode, links: &[Self]) -> bool {
        if self.parent {
            !links.iter().any(|l| !l.parent && l.leads_to(sender))
        } else {
            self.leads_to(sender)
        }
    }
}

/// The written form of a time has whole seconds.
pub(crate) const fn whole_seconds(at: Millis) -> Millis {
    Millis(at.0 - at.0.rem_euclid(1000))
}

/// One identity of this process.
pub struct Node {
    /// Its code.
    pub code: NodeCode,
    /// Formal, joint or demo.
    pub environment: Environment,
    /// Who holds leases: this process; no other one of this node has the same name.
    pub holder: String,
    /// Its facts.
    pub store: SharedStore,
    /// Its carrier.
    pub bus: Arc<dyn Bus>,
    /// Formats by edition.
    pub formats: BTreeMap<String, Arc<Format>>,
    /// Open code lists in force.
    pub lists: Lists,
    /// Trust anchors.
    pub trust: Arc<Trust>,
    /// Signing keys and certificates. Only `seal` uses them.
    pub signers: Signers,
    /// Opens bodies that were closed for this node: the decryption port, apart from the signing keys.
    pub opens: Arc<dyn Decrypt>,
    /// What closes what rests in its own store for itself alone: source values of quarantined rows. None
    /// where it has no pair for encryption.
    pub rests: Option<(Readers, Cipher)>,
    /// Who reads the bodies of a route, where they are closed; of any other they go in the clear.
    pub readers: BTreeMap<Route, Readers>,
    /// Neighbours.
    pub links: Vec<Link>,
    /// Versions of the adapters that collect for it, by name.
    pub adapters: BTreeMap<String, String>,
    /// Record types this node owes, by route: each gets a line in every day's manifest, zero
    /// reports included.
    pub owes: Vec<(Route, Vec<Arc<str>>)>,
    /// What to do with records for others.
    pub relay: RelayConfig,
    /// Limits in force.
    pub limits: Limits,
    /// Seed of everything this node draws by chance.
    pub seed: u64,
    /// Leases of this process.
    pub held: Leases,
    /// Hours and budgets of lanes, and what each sender may bring.
    pub fair: Fairness,
    /// Parcels in the inbox, as far as this process knows; bounds what is taken off the carrier.
    pub inbox_depth: AtomicI64,
    /// Whose authority tables are believed, and the one in force.
    pub tables: crate::authority::Tables,
    /// What a restore left to be done.
    pub errands: crate::errands::Cache,
    /// Parcels in the inbox that the carrier had given up on.
    pub dead: DeadLetters,
}

/// Parcels that came out of a carrier's dead letters, until they are set aside. Kept in memory: a
/// process that forgets them judges them like any other, which loses nothing.
#[derive(Debug, Default)]
pub struct DeadLetters(Mutex<BTreeSet<(Digest, EnvelopeId)>>);

/// Most dead letters remembered at once; what is beyond is judged like any other parcel.
const DEAD_LETTERS_MAX: usize = 4_096;

impl DeadLetters {
    /// Remembers one.
    pub fn add(&self, parcel: Digest, id: EnvelopeId) {
        let mut letters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if letters.len() < DEAD_LETTERS_MAX {
            letters.insert((parcel, id));
        }
    }

    /// Whether this is one; it is asked once, so that the same parcel sent again is not one.
    pub fn take(&self, parcel: &Digest, id: &EnvelopeId) -> bool {
        let mut letters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        !letters.is_empty() && letters.remove(&(*parcel, id.clone()))
    }
}

impl Node {
    /// The link by which a node is reached: the one that lists exactly it, else the parent.
    pub fn link_to(&self, destination: &NodeCode) -> Option<&Link> {
        self.links
            .iter()
            .find(|l| l.leads_to(destination))
            .or_else(|| self.links.iter().find(|l| l.parent))
    }

    /// The link of this name.
    pub fn link(&self, name: &str) -> Option<&Link> {
        self.links.iter().find(|l| *l.name == *name)
    }

    /// A package with its body in the clear, as [`envelope::open_clear`] reads it.
    pub fn clear<'p>(&self, package: &'p [u8]) -> Result<Cow<'p, [u8]>, Refuse> {
        envelope::clear(package, &*self.opens)
    }

    /// The package of a stored frame, its body in the clear.
    pub fn stored(&self, frame: &[u8]) -> Result<Vec<u8>, Refuse> {
        let package = envelope::open_frame(frame, self.limits.package_bytes_max)?;
        match self.clear(&package)? {
            Cow::Owned(clear) => Ok(clear),
            Cow::Borrowed(_) => Ok(package),
        }
    }

    /// The epoch in force.
    pub async fn epoch(&self) -> Result<u32, WorkError> {
        Ok(self.store.counters(&self.control_route(&self.code)).await?.epoch)
    }

    /// How long a gap in a sender's sequences is tolerated: what lies behind a gate takes longer.
    pub fn gap_grace(&self, sender: &NodeCode) -> i64 {
        let grace = self.link_to(sender).and_then(|l| l.way.grace);
        grace.unwrap_or(self.limits.gap_grace)
    }

    /// From one inquiry to a node to the next.
    pub fn inquiry_interval(&self, to: &NodeCode) -> i64 {
        let interval = self.link_to(to).and_then(|l| l.way.inquiry);
        interval.unwrap_or(self.limits.inquiry_interval)
    }

    /// Whether nothing comes back by itself from a node: it is not asked for what it cannot say.
    pub fn no_way_back(&self, from: &NodeCode) -> bool {
        self.link_to(from).is_some_and(|l| l.way.back.is_no_way())
    }

    /// The suite of what this node itself says to another: that of the link, else its first key's.
    fn suite_towards(&self, to: &NodeCode) -> Suite {
        let said = self.link_to(to).and_then(|l| l.suite);
        said.unwrap_or_else(|| self.signers.first().suite())
    }

    /// The control route to a node.
    pub fn control_route(&self, to: &NodeCode) -> Route {
        Route {
            destination: to.clone(),
            edition: "control/1".into(),
            suite: self.suite_towards(to).name().into(),
            lane: Lane::Control,
        }
    }

    /// A lease in this process's name; none while others have all of that work. A node that has
    /// stopped itself gives none: its workers stand still.
    pub async fn lease(&self, name: &str, now: Millis) -> Result<Option<Lease>, WorkError> {
        if self.errands_at(now).await?.halted.is_some() {
            return Ok(None);
        }
        self.held.lease(&self.store, name, &self.holder, now, self.limits.lease_ttl).await
    }

    /// As [`Node::lease`], for work that is cut into named parts where it is shared.
    pub async fn lease_part(
        &self,
        name: &str,
        part: impl FnOnce() -> String,
        now: Millis,
    ) -> Result<Option<Lease>, WorkError> {
        if self.held.is_shared() {
            self.lease(&format!("{name}/{}", part()), now).await
        } else {
            self.lease(name, now).await
        }
    }

    /// Forgets leases: another holder took one over, so the store is asked again.
    pub fn forget_leases(&self) {
        self.held.forget();
    }

    /// Gives every lease back, when this process stops.
    pub async fn give_back(&self, now: Millis) -> Result<(), WorkError> {
        self.held.give_back(&self.store, &self.holder, now).await
    }

    /// The inbox grew or shrank by `n`.
    pub fn inbox_moved(&self, n: i64) {
        self.inbox_depth.fetch_add(n, Ordering::Relaxed);
    }

    /// The inbox was counted.
    pub fn inbox_is(&self, n: i64) {
        self.inbox_depth.store(n, Ordering::Relaxed);
    }

    /// Whether more parcels may be taken off the carrier.
    pub fn inbox_has_room(&self) -> bool {
        self.inbox_depth.load(Ordering::Relaxed) < self.limits.inbox_parcels_max
    }

    /// Whether control parcels may still come: they have as much room again as records.
    pub fn inbox_has_room_for_control(&self) -> bool {
        self.inbox_depth.load(Ordering::Relaxed) < self.limits.inbox_parcels_max.saturating_mul(2)
    }

    /// Whether parcels of the bulk lane may be taken off the carrier.
    pub fn inbox_is_half_empty(&self) -> bool {
        self.inbox_depth.load(Ordering::Relaxed)
            < self.limits.inbox_parcels_max.div_euclid(2).max(1)
    }

    /// Whether one sender's share of the inbox may be filled.
    pub(crate) fn inbox_is_worth_counting(&self) -> bool {
        let share = self.fair.smallest_share(&self.limits);
        let parcels = i64::from(share) * self.limits.inbox_parcels_max / 100;
        self.inbox_depth.load(Ordering::Relaxed) >= parcels
    }

    /// Editions of the code lists in force on a day: `name=edition` in name order.
    pub fn code_tables(&self, day: Day) -> String {
        self.lists.now().editions(day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(c: &str) -> NodeCode {
        NodeCode::new(c).unwrap()
    }

    fn link(name: &str, parent: bool, beneath: &[&str]) -> Link {
        Link {
            name: name.into(),
            peer: code(name),
            parent,
            beneath: beneath.iter().map(|c| code(c)).collect(),
            overdue: None,
            way: Way::default(),
            suite: None,
            accepts: None,
        }
    }

    #[test]
    fn a_sender_comes_in_only_by_the_link_it_lies_beneath() {
        let links = [link("city", true, &[]), link("county-a", false, &["town-a"])];
        assert!(links[1].may_carry(&code("town-a"), &links));
        assert!(!links[1].may_carry(&code("town-b"), &links));
        assert!(links[0].may_carry(&code("province"), &links));
        assert!(!links[0].may_carry(&code("town-a"), &links), "a forged detour");
    }
}
