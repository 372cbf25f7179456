//! What a restore leaves to be done, peer by peer: it stands in the store under `restore/…`, so that
//! a restart goes on where it was; and whether the node has stopped itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use canon::{Day, EnvelopeId, Millis, NodeCode, Route};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use store::{AuditEvent, SharedStore, Standing};

use crate::error::WorkError;
use crate::node::Node;

/// Under this prefix stands what a restore leaves to be done.
pub const RESTORE: &str = "restore/";
/// Restored here: a destination is asked how it judged our envelopes.
pub const ADOPT: &str = "restore/adopt/";
/// Restored here: a sender is asked for what was lost.
pub const RECALL: &str = "restore/recall/";
/// Restored there: a destination gets again what it lost.
pub const GIVE: &str = "restore/give/";
/// Restored there: from which epoch on a sender's envelopes count here.
pub const PAST: &str = "restore/past/";
/// Under this name stands why the node has stopped itself: a code, and the envelope that told.
pub const HALTED: &str = "halted";

/// A destination is asked, page by page, how it judged what this node sent before it was restored.
/// Until it is done nothing is collected or sealed for that destination.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adopting {
    /// Our epoch since the restore.
    pub epoch: u32,
    /// Up to where the image knows its own routes: these need not be told.
    #[serde(default)]
    pub known: Vec<Known>,
    /// The last envelope told.
    #[serde(default)]
    pub after: Option<String>,
    /// Everything was told.
    #[serde(default)]
    pub told: bool,
    /// Records taken over so far.
    #[serde(default)]
    pub records: u64,
    /// When it was asked last.
    #[serde(default)]
    pub asked_at: Option<Millis>,
    /// When it was done.
    #[serde(default)]
    pub done_at: Option<Millis>,
    /// Why it cannot go on: stable code.
    #[serde(default)]
    pub stuck: Option<String>,
}

/// Sequences of a route that the image knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Epoch of the image.
    pub epoch: u32,
    /// Route, as text.
    pub route: String,
    /// Every sequence up to this one is final in the image.
    pub through: u64,
}

impl Adopting {
    /// The envelope to go on after: never back into what the image knows.
    pub(crate) fn go_on_after(&self, told: EnvelopeId) -> EnvelopeId {
        let route = told.route.to_string();
        let known = self.known.iter().find(|k| k.epoch == told.epoch && k.route == route);
        match known {
            Some(known) if known.through > told.sequence => {
                EnvelopeId { sequence: known.through, ..told }
            }
            Some(_) | None => told,
        }
    }
}

/// A sender is asked for what this node lost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recalling {
    /// Our epoch since the restore.
    pub epoch: u32,
    /// Day of the image, as a number.
    pub since: i32,
    /// What the image held of it. What comes before the question is asked says that older numbers are
    /// final at their sender, and must hide nothing that was lost. None: asked for by an older edition.
    #[serde(default)]
    pub held: Option<Vec<Known>>,
    /// When it was asked last.
    #[serde(default)]
    pub asked_at: Option<Millis>,
    /// When it said that it comes.
    #[serde(default)]
    pub done_at: Option<Millis>,
}

impl Recalling {
    /// Day of the image.
    pub const fn since(&self) -> Day {
        Day(self.since)
    }
}

/// A restored destination gets again what it lost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Giving {
    /// The destination's epoch since its restore.
    pub epoch: u32,
    /// Its inquiry, as it came: says what it holds.
    pub recall: String,
    /// When it came: what was numbered later it gets anyway.
    pub at: Millis,
    /// Ordinal of the last envelope looked at.
    #[serde(default)]
    pub after: i64,
    /// Records staged again so far.
    #[serde(default)]
    pub records: u64,
    /// Envelopes whose bytes are not here any more.
    #[serde(default)]
    pub missing: u64,
    /// When it was done.
    #[serde(default)]
    pub done_at: Option<Millis>,
}

/// A restored sender has asked what is here of its older epochs: what of them comes after that takes no
/// effect any more, for it was not told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// Its epoch since the restore.
    pub epoch: u32,
    /// When it asked first.
    pub at: Millis,
}

/// Why a node has stopped itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Halted {
    /// Stable code.
    pub code: String,
    /// The envelope that told.
    pub about: Option<String>,
    /// Since when.
    pub since: Millis,
}

impl Halted {
    fn read(standing: Standing) -> Self {
        let (code, about) = match standing.text.split_once(' ') {
            Some((code, about)) => (code.to_owned(), Some(about.to_owned())),
            None => (standing.text, None),
        };
        Self { code, about, since: standing.at }
    }
}

/// Everything that is to be done, and whether the node stands still.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Errands {
    /// Why the node has stopped itself.
    pub halted: Option<Halted>,
    /// By destination.
    pub adopting: BTreeMap<NodeCode, Adopting>,
    /// By sender.
    pub recalling: BTreeMap<NodeCode, Recalling>,
    /// By destination.
    pub giving: BTreeMap<NodeCode, Giving>,
    /// By sender.
    #[serde(skip)]
    pub past: BTreeMap<NodeCode, Past>,
}

impl Errands {
    /// Reads them from a store.
    pub async fn load(store: &SharedStore) -> Result<Self, WorkError> {
        let mut errands = Self::default();
        for one in store.standing(HALTED).await? {
            errands.halted = Some(Halted::read(one));
        }
        for one in store.standing(RESTORE).await? {
            if let Some(peer) = peer(&one, ADOPT) {
                errands.adopting.insert(peer, text(&one)?);
            } else if let Some(peer) = peer(&one, RECALL) {
                errands.recalling.insert(peer, text(&one)?);
            } else if let Some(peer) = peer(&one, GIVE) {
                errands.giving.insert(peer, text(&one)?);
            } else if let Some(peer) = peer(&one, PAST) {
                errands.past.insert(peer, text(&one)?);
            }
        }
        Ok(errands)
    }

    /// Whether a destination still has to tell how it judged us.
    pub fn adopts(&self, destination: &NodeCode) -> bool {
        self.adopting.get(destination).is_some_and(|a| a.done_at.is_none())
    }

    /// The lowest epoch of a sender whose envelopes may still take effect, as far as a restore says.
    pub fn past_of(&self, sender: &NodeCode) -> u32 {
        self.past.get(sender).map_or(0, |p| p.epoch)
    }

    /// Whether anything is not done.
    pub fn busy(&self) -> bool {
        self.adopting.values().any(|a| a.done_at.is_none())
            || self.recalling.values().any(|r| r.done_at.is_none())
            || self.giving.values().any(|g| g.done_at.is_none())
    }

    /// Whether there is nothing to tell: never restored, not stopped.
    pub fn is_plain(&self) -> bool {
        self.halted.is_none()
            && self.adopting.is_empty()
            && self.recalling.is_empty()
            && self.giving.is_empty()
    }
}

fn peer(standing: &Standing, prefix: &str) -> Option<NodeCode> {
    NodeCode::new(standing.name.strip_prefix(prefix)?)
}

fn text<T: DeserializeOwned>(standing: &Standing) -> Result<T, WorkError> {
    serde_json::from_str(&standing.text)
        .map_err(|e| WorkError::Own(format!("`{}`: {e}", standing.name)))
}

/// An errand as it stands in the store: name and text.
pub fn written<T: Serialize>(
    prefix: &str,
    peer: &NodeCode,
    errand: &T,
) -> Result<(String, String), WorkError> {
    let text = serde_json::to_string(errand).map_err(|e| WorkError::Own(e.to_string()))?;
    Ok((format!("{prefix}{peer}"), text))
}

/// The first errands of a restored node: every destination is asked, every sender too.
pub fn of_restore(
    epoch: u32,
    since: Day,
    destinations: &BTreeMap<NodeCode, Vec<(u32, Route, u64)>>,
    senders: &BTreeMap<NodeCode, Vec<Known>>,
) -> Result<Vec<(String, String)>, WorkError> {
    let mut stand = Vec::new();
    for (peer, routes) in destinations {
        let known = routes
            .iter()
            .map(|(epoch, route, through)| Known {
                epoch: *epoch,
                route: route.to_string(),
                through: *through,
            })
            .collect();
        let adopting = Adopting { epoch, known, ..Adopting::default() };
        stand.push(written(ADOPT, peer, &adopting)?);
    }
    for (peer, held) in senders {
        let held = Some(held.clone());
        let recalling = Recalling { epoch, since: since.0, held, ..Recalling::default() };
        stand.push(written(RECALL, peer, &recalling)?);
    }
    Ok(stand)
}

/// What the node knows of its errands without asking the store at every turn.
#[derive(Debug, Default)]
pub struct Cache(Mutex<Option<(Arc<Errands>, Option<Millis>)>>);

/// After this time they are read again: another process of the node may have written some, ms.
pub(crate) const READ_AGAIN: i64 = 5_000;

impl Cache {
    fn lock(&self) -> MutexGuard<'_, Option<(Arc<Errands>, Option<Millis>)>> {
        // A whole value is put in its place: nothing can be half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Node {
    /// The errands as last read; read again after [`Node::errands_changed`].
    pub async fn errands(&self) -> Result<Arc<Errands>, WorkError> {
        let known = self.errands.lock().clone();
        if let Some((errands, _)) = known {
            return Ok(errands);
        }
        let errands = Arc::new(Errands::load(&self.store).await?);
        *self.errands.lock() = Some((Arc::clone(&errands), None));
        Ok(errands)
    }

    /// The errands, read again now and then.
    pub async fn errands_at(&self, now: Millis) -> Result<Arc<Errands>, WorkError> {
        let read = self.errands.lock().as_ref().and_then(|(_, at)| *at);
        if read.is_none_or(|at| now < at || now.since(at) >= READ_AGAIN) {
            self.errands_changed();
        }
        let errands = self.errands().await?;
        *self.errands.lock() = Some((Arc::clone(&errands), Some(now)));
        Ok(errands)
    }

    /// Something about them was written, maybe by another process.
    pub fn errands_changed(&self) {
        *self.errands.lock() = None;
    }

    /// Stops the node: no worker does anything until it is restored. Audited.
    pub async fn halt(&self, code: &str, about: &str, now: Millis) -> Result<(), WorkError> {
        if self.errands().await?.halted.is_some() {
            return Ok(());
        }
        self.store.stand(HALTED, Some(&format!("{code} {about}")), now).await?;
        self.errands_changed();
        let event = AuditEvent {
            at: now,
            who: "settle".into(),
            action: "node.halted".into(),
            subject: about.to_owned(),
            reason: code.to_owned(),
            ok: true,
        };
        Ok(self.store.audit(event).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_image_knows_is_not_told_again() {
        let route = "province|supervision/1|ecdsa-p256-sha256|live";
        let adopting = Adopting {
            known: vec![Known { epoch: 1, route: route.into(), through: 9 }],
            ..Adopting::default()
        };
        let id = |epoch, sequence| EnvelopeId {
            sender: NodeCode::new("town-1").unwrap(),
            epoch,
            route: route.parse().unwrap(),
            sequence,
        };
        assert_eq!(adopting.go_on_after(id(1, 2)), id(1, 9));
        assert_eq!(adopting.go_on_after(id(1, 12)), id(1, 12));
        assert_eq!(adopting.go_on_after(id(2, 2)), id(2, 2));
    }
}
