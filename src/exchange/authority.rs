//! The authority table that is in force here: taken in when it comes down, handed on to those beneath,
//! asked by `judge` for every record.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use canon::{Millis, NodeCode};
use envelope::authority::{Authority, AuthorityError, verify_authority};
use envelope::control::AuthorityPart;
use envelope::{Kind, Trust};
use serde::{Deserialize, Serialize};
use store::{AuditEvent, InboxParcel, Lease, NewControl, SharedStore, Standing};

use crate::control;
use crate::error::WorkError;
use crate::gate::Refusal;
use crate::node::Node;

/// Prefix of the table that is in force: `authority/EDITION`, ten digits.
pub const AUTHORITY: &str = "authority/";
/// Subject of audit lines and action of an installation.
pub const INSTALLED: &str = "authority.installed";
/// A neighbour whose heads name an older edition is handed the table again after this, ms.
const AGAIN_MS: i64 = 3_600_000;
/// A neighbour of whom nothing is heard is handed it again after this, ms.
const SILENT_MS: i64 = 86_400_000;
/// Editions that may stand side by side for a moment while one takes the place of another.
const NAMES_MAX: u32 = 16;

/// An edition as it stands in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// The document.
    pub document: String,
    /// The issuer's signature over it.
    pub signature: String,
    /// When this node verified it.
    pub verified: Millis,
}

/// Whose tables are believed, and the one in force as it was read last.
#[derive(Debug, Default)]
pub struct Tables {
    issuer: Option<NodeCode>,
    held: RwLock<Option<(String, Arc<Authority>)>>,
    told: Mutex<HashMap<NodeCode, Told>>,
}

/// What this process knows of a neighbour beneath.
#[derive(Clone, Copy, Debug)]
struct Told {
    /// When it was handed the table last, or first looked for.
    at: Millis,
    /// The edition that its own heads have named.
    theirs: u32,
}

impl Tables {
    /// Believes the tables of this node.
    pub fn of(issuer: Option<NodeCode>) -> Self {
        Self { issuer, ..Self::default() }
    }

    /// The edition in force, as heads name it; empty where there is none.
    pub fn edition(&self) -> String {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().map(|(_, table)| table.edition.to_string()).unwrap_or_default()
    }
}

/// What became of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is in force from now on.
    New(u32),
    /// It is in force already.
    Known(u32),
}

/// The name of an edition.
fn name_of(edition: u32) -> String {
    format!("{AUTHORITY}{edition:010}")
}

/// The edition that stands in a store.
pub async fn stored(store: &SharedStore) -> Result<Option<Stored>, WorkError> {
    let Some(latest) = store.standing(AUTHORITY).await?.pop() else { return Ok(None) };
    let Standing { name, text, .. } = latest;
    let stored = serde_json::from_str(&text).map_err(|e| WorkError::Own(format!("{name}: {e}")))?;
    Ok(Some(stored))
}

/// Verifies a document and puts it in force, unless one of a higher edition is. Nothing but whole,
/// verified editions of the issuer ever stands.
pub async fn take(
    store: &SharedStore,
    (trust, issuer): (&Trust, &NodeCode),
    (document, signature): (&str, &str),
    now: Millis,
) -> Result<Result<Taken, Refusal>, WorkError> {
    let read = match verify_authority(document, signature.as_bytes(), trust, issuer, now) {
        Ok(read) => read,
        Err(e) => return Ok(Err(refusal(&e))),
    };
    let edition = read.edition;
    if let Some(before) = stored(store).await? {
        let held = Authority::read(&before.document).map_err(|e| own(&e))?;
        // Another issuer was believed before: its editions are no measure.
        let same = held.issuer == read.issuer && held.environment == read.environment;
        if same && held.edition > edition {
            let detail = format!("edition {edition}, and edition {} is in force", held.edition);
            return Ok(Err(Refusal::new("authority.stale", detail)));
        }
        if same && held.edition == edition {
            return Ok(if before.document == document {
                Ok(Taken::Known(edition))
            } else {
                let detail = format!("edition {edition} is in force with other lines");
                Err(Refusal::new("authority.conflict", detail))
            });
        }
    }
    let (name, verified) = (name_of(edition), now);
    let stored =
        Stored { document: document.to_owned(), signature: signature.to_owned(), verified };
    let text = serde_json::to_string(&stored).map_err(|e| WorkError::Own(e.to_string()))?;
    store.stand(&name, Some(&text), now).await?;
    for older in store.standing_names(AUTHORITY, NAMES_MAX).await? {
        if older.name != name {
            store.stand(&older.name, None, now).await?;
        }
    }
    let event = AuditEvent {
        at: now,
        who: issuer.to_string(),
        action: INSTALLED.into(),
        subject: format!("edition {edition}"),
        reason: format!("{} lines", read.sections.iter().map(|s| s.len()).sum::<usize>()),
        ok: true,
    };
    store.audit(event).await?;
    Ok(Ok(Taken::New(edition)))
}

fn refusal(error: &AuthorityError) -> Refusal {
    Refusal::new(error.code(), error.to_string())
}

fn own(error: &AuthorityError) -> WorkError {
    WorkError::Own(format!("the authority table in the store: {error}"))
}

/// The notice that hands a table to a node.
pub fn handed(stored: &Stored, edition: u32, to: &NodeCode, now: Millis) -> NewControl {
    let parts = AuthorityPart::split(edition, &stored.document, &stored.signature);
    let body: Vec<Vec<u8>> = parts.iter().map(AuthorityPart::write).collect();
    control::content(Kind::Notice, to, now.day(), &body)
}

impl Node {
    /// The table in force; none until one has come. One look-up of a name, unless it is another one
    /// than before.
    pub async fn authority(&self) -> Result<Option<Arc<Authority>>, WorkError> {
        let Some(issuer) = &self.tables.issuer else { return Ok(None) };
        let names = self.store.standing_names(AUTHORITY, NAMES_MAX).await?;
        let Some(latest) = names.into_iter().map(|n| n.name).max() else { return Ok(None) };
        let known = |held: &Option<(String, Arc<Authority>)>| {
            held.as_ref().filter(|(name, _)| *name == latest).map(|(_, table)| Arc::clone(table))
        };
        let held = known(&self.tables.held.read().unwrap_or_else(PoisonError::into_inner));
        if held.is_some() {
            return Ok(held);
        }
        let Some(stored) = stored(&self.store).await? else { return Ok(None) };
        let table = Authority::read(&stored.document).map_err(|e| own(&e))?;
        if table.issuer != *issuer || table.environment != self.environment {
            return Ok(None);
        }
        let table = Arc::new(table);
        let name = name_of(table.edition);
        let mut held = self.tables.held.write().unwrap_or_else(PoisonError::into_inner);
        *held = Some((name, Arc::clone(&table)));
        Ok(Some(table))
    }

    /// A table that came down: taken in, and handed on to the neighbours beneath.
    pub(crate) async fn authority_came(
        &self,
        lease: &Lease,
        parcel: &InboxParcel,
        parts: &[AuthorityPart],
        now: Millis,
    ) -> Result<Option<Refusal>, WorkError> {
        let Some((document, signature)) = AuthorityPart::join(parts) else {
            return Ok(Some(Refusal::new("authority.malformed", "its parts are not all there")));
        };
        let Some(issuer) = &self.tables.issuer else {
            let detail = "no issuer is believed here; name it in [trust] authority";
            return Ok(Some(Refusal::new("authority.issuer", detail)));
        };
        let by = (&*self.trust, issuer);
        match take(&self.store, by, (&document, &signature), now).await? {
            Err(refusal) => return Ok(Some(refusal)),
            Ok(Taken::Known(_)) => {}
            Ok(Taken::New(edition)) => {
                let stored = Stored { document, signature, verified: now };
                self.hand_down(&stored, edition, &parcel.arrived.from, now).await?;
            }
        }
        self.store.drop_inbox(lease, parcel.inbox_id).await?;
        Ok(None)
    }

    async fn hand_down(
        &self,
        stored: &Stored,
        edition: u32,
        but: &NodeCode,
        now: Millis,
    ) -> Result<(), WorkError> {
        let down = self.links.iter().filter(|l| !l.parent && l.peer != *but);
        let peers: Vec<NodeCode> = down.map(|l| l.peer.clone()).collect();
        let controls = peers.iter().map(|peer| handed(stored, edition, peer, now)).collect();
        self.store.queue_controls(controls, now).await?;
        let mut told = self.tables.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.extend(peers.into_iter().map(|peer| (peer, Told { at: now, theirs: 0 })));
        Ok(())
    }

    /// A neighbour beneath whose head names an older edition, or none, is handed the table again:
    /// control parcels may be lost.
    pub(crate) async fn authority_owed(
        &self,
        peer: &NodeCode,
        theirs: &str,
        now: Millis,
    ) -> Result<(), WorkError> {
        let beneath = self.links.iter().any(|l| !l.parent && l.peer == *peer);
        let Some(table) = (if beneath { self.authority().await? } else { None }) else {
            return Ok(());
        };
        let theirs = theirs.parse::<u32>().unwrap_or(0);
        {
            let mut told = self.tables.told.lock().unwrap_or_else(PoisonError::into_inner);
            let known = told.entry(peer.clone());
            let known = known.or_insert(Told { at: now.plus(-AGAIN_MS), theirs });
            known.theirs = theirs;
            if theirs >= table.edition || now.since(known.at) < AGAIN_MS {
                return Ok(());
            }
            known.at = now;
        }
        self.hand_again(vec![peer.clone()], now).await
    }

    /// Neighbours beneath who say nothing themselves may have lost it too.
    pub(crate) async fn authority_again(&self, now: Millis) -> Result<(), WorkError> {
        let Some(table) = self.authority().await? else { return Ok(()) };
        let mut owed = Vec::new();
        {
            let mut told = self.tables.told.lock().unwrap_or_else(PoisonError::into_inner);
            for link in self.links.iter().filter(|l| !l.parent) {
                let known = told.entry(link.peer.clone());
                let known = known.or_insert(Told { at: now, theirs: 0 });
                if known.theirs < table.edition && now.since(known.at) >= SILENT_MS {
                    known.at = now;
                    owed.push(link.peer.clone());
                }
            }
        }
        self.hand_again(owed, now).await
    }

    async fn hand_again(&self, to: Vec<NodeCode>, now: Millis) -> Result<(), WorkError> {
        if to.is_empty() {
            return Ok(());
        }
        let Some(stored) = stored(&self.store).await? else { return Ok(()) };
        let table = Authority::read(&stored.document).map_err(|e| own(&e))?;
        let controls = to.iter().map(|peer| handed(&stored, table.edition, peer, now)).collect();
        Ok(self.store.queue_controls(controls, now).await?)
    }
}
