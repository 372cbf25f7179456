//! Code tables that come down as records, put in force: of one publisher, verified and kept like any record,
//! each edition once it is complete. An edition that is complete stands in the store as a whole, so
//! that neither a half correction of it nor a purge takes it away, and every instance sees it.

mod table;

use std::collections::BTreeMap;
use std::sync::Arc;

use canon::format::OpenLists;
use canon::{Day, Millis, NodeCode};
use serde::{Deserialize, Serialize};
use store::{AuditEvent, JudgedEnvelope, Lease, SharedStore};

use self::table::{Judged, Piece, Table, head_digest, piece};
use crate::deliver::Kept;
use crate::error::WorkError;
use crate::node::Node;
use crate::standing;
use crate::work::{Progress, WorkFuture, Worker};

/// Most codes of one edition.
pub const CODE_TABLE_CODES_MAX: usize = 100_000;
/// Most editions that are followed, those in force and those not whole yet together.
pub const CODE_TABLES_MAX: usize = 1_000;
/// English names of the record types: an edition, one code of it.
const KINDS: [&str; 2] = ["code_table_version", "code_table_entry"];
/// Under this prefix stands what has come of an edition: `code_table/PUBLISHER/KEY`.
const TABLE: &str = "code_table/";
/// Under this prefix stand complete editions: `code_edition/PUBLISHER/KEY`.
const EDITION: &str = "code_edition/";
/// Under this name stands how each of them is.
const STATES: &str = "code_tables";
/// How often a process looks whether there is another edition, ms.
const LOOKED_EVERY: i64 = 2_000;
/// Envelopes read in one turn.
const ENVELOPES_PER_TURN: u32 = 16;

/// How an edition is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Who sent it.
    pub by: NodeCode,
    /// List.
    pub list: String,
    /// Edition.
    pub edition: String,
    /// From when it is in force.
    pub from: Option<Day>,
    /// Codes that it should have.
    pub count: u64,
    /// Codes that are here.
    pub have: u64,
    /// Why it is not used as it came last; none if it is.
    pub code: Option<String>,
    /// The digest of the edition that is used; none if none is.
    pub used: Option<String>,
}

/// A complete edition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Edition {
    by: NodeCode,
    list: String,
    edition: String,
    from: Day,
    published: String,
    codes: BTreeMap<String, String>,
}

/// The worker.
pub struct CodeTables {
    node: Arc<Node>,
    publisher: NodeCode,
    token: Option<u64>,
    from: Option<i64>,
    /// The states that this process has taken up.
    seen: Option<String>,
    next: Millis,
}

impl CodeTables {
    /// Puts in force what this publisher sends.
    pub const fn new(node: Arc<Node>, publisher: NodeCode) -> Self {
        Self { node, publisher, token: None, from: None, seen: None, next: Millis(i64::MIN) }
    }

    async fn turn(&mut self, now: Millis) -> Result<Progress, WorkError> {
        let mut done = Progress::IDLE;
        if let Some(lease) = self.node.lease(STATES, now).await? {
            if self.token != Some(lease.token) {
                (self.token, self.from) = (Some(lease.token), None);
            }
            done = self.read(&lease, now).await?;
        }
        if done.done > 0 || now >= self.next {
            self.next = now.plus(LOOKED_EVERY);
            self.take_up().await?;
        }
        Ok(done)
    }

    /// What came since: pieces to their editions, and what is whole by now.
    async fn read(&mut self, lease: &Lease, now: Millis) -> Result<Progress, WorkError> {
        let store = &self.node.store;
        let mark = watermark(&self.publisher);
        let from = match self.from {
            Some(from) => from,
            None => store.watermark(&mark).await?,
        };
        let judged = store.judged_after(from, ENVELOPES_PER_TURN).await?;
        let Some(last) = judged.last().map(|j| j.ordinal) else {
            self.from = Some(from);
            return Ok(Progress::IDLE);
        };
        let mut pieces: BTreeMap<String, Vec<Piece>> = BTreeMap::new();
        for envelope in judged.iter().filter(|j| !j.kept.is_empty()) {
            let found = self.pieces(envelope)?;
            if !found.is_empty() && envelope.id.sender != self.publisher {
                let subject = envelope.id.to_string();
                self.tell(&subject, "table.publisher", false, now).await?;
                continue;
            }
            found.into_iter().for_each(|p| pieces.entry(p.key.clone()).or_default().push(p));
        }
        let done = pieces.values().map(Vec::len).sum::<usize>() as u64;
        for (key, pieces) in pieces {
            self.lay(&key, pieces, now).await?;
        }
        store.commit_delivered(lease, &mark, last, now).await?;
        self.from = Some(last);
        Ok(Progress::some(done, judged.len() == ENVELOPES_PER_TURN as usize))
    }

    fn pieces(&self, envelope: &JudgedEnvelope) -> Result<Vec<Piece>, WorkError> {
        let mut found = Vec::new();
        Kept::of(&self.node).fragments(envelope, |format, _, _, fragment| {
            let is = |kind: &&str| {
                let ty = format.type_by_name(kind);
                let tag = ty.map(|ty| format!("<{} ", format.get(ty).wire));
                tag.is_some_and(|tag| fragment.starts_with(tag.as_bytes()))
            };
            if KINDS.iter().any(is)
                && let Ok(parsed) = format.parse(fragment)
            {
                found.push(piece(format, &parsed));
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Lays pieces to their edition; what this makes of it stands before the watermark moves, and the
    /// same pieces laid again change nothing.
    async fn lay(&self, key: &str, pieces: Vec<Piece>, now: Millis) -> Result<(), WorkError> {
        let store = &self.node.store;
        let name = format!("{}/{key}", self.publisher);
        let mut states = states_of(store).await?;
        if !states.contains_key(&name) && states.len() >= CODE_TABLES_MAX {
            return self.tell(key, "table.too_many", false, now).await;
        }
        let place = format!("{TABLE}{name}");
        let mut table = standing::one::<Table>(store, &place).await?.unwrap_or_default();
        for piece in pieces {
            table.add(piece);
        }
        standing::put(store, &place, &table, now).await?;
        let before = states.get(&name).cloned();
        let used = before.as_ref().and_then(|b| b.used.clone());
        let mut state = table.state(&self.publisher, used);
        let judged = table.judge();
        match &judged {
            Judged::Whole(codes, from, head) => {
                let edition = Edition {
                    by: self.publisher.clone(),
                    list: table.list.clone(),
                    edition: table.edition.clone(),
                    from: *from,
                    published: head.published.clone(),
                    codes: codes.clone(),
                };
                standing::put(store, &format!("{EDITION}{name}"), &edition, now).await?;
                state.used = Some(head_digest(&table).to_owned());
            }
            Judged::Withdrawn => {
                store.stand(&format!("{EDITION}{name}"), None, now).await?;
                (state.used, state.code) = (None, Some("table.withdrawn".into()));
            }
            // What was whole before stays in force.
            Judged::Not(code) => state.code = Some((*code).to_owned()),
        }
        let news = before.as_ref() != Some(&state);
        states.insert(name, state.clone());
        standing::put(store, STATES, &states, now).await?;
        // That codes are still coming is in `status`; the chain has what was decided.
        if news && state.code.as_deref() != Some("table.incomplete") {
            let subject = format!("{}@{}", state.list, state.edition);
            let (said, ok) = match &state.code {
                Some(code) => (code.clone(), matches!(judged, Judged::Withdrawn)),
                None => (format!("{} codes, {}", state.count, head_digest(&table)), true),
            };
            self.tell(&subject, &said, ok, now).await?;
        }
        Ok(())
    }

    /// Puts in force what stands, where it is not what was taken up before.
    async fn take_up(&mut self) -> Result<(), WorkError> {
        let states = self.node.store.standing(STATES).await?;
        let states =
            states.into_iter().find(|s| s.name == STATES).map_or_else(String::new, |s| s.text);
        if self.seen.as_ref() != Some(&states) {
            take_up(&self.node, &self.publisher).await?;
            self.seen = Some(states);
        }
        Ok(())
    }

    async fn tell(
        &self,
        subject: &str,
        said: &str,
        ok: bool,
        now: Millis,
    ) -> Result<(), WorkError> {
        let event = AuditEvent {
            at: now,
            who: STATES.into(),
            action: if ok { "code_table.taken_up" } else { "code_table.not_used" }.into(),
            subject: subject.to_owned(),
            reason: said.to_owned(),
            ok,
        };
        Ok(self.node.store.audit(event).await?)
    }
}

async fn states_of(store: &SharedStore) -> Result<BTreeMap<String, State>, WorkError> {
    Ok(standing::one(store, STATES).await?.unwrap_or_default())
}

/// Under which watermark a publisher's tables are read.
pub fn watermark(publisher: &NodeCode) -> String {
    format!("{STATES}/{publisher}")
}

/// How the editions are that came down, in the order of their names.
pub async fn states(store: &SharedStore) -> Result<Vec<State>, WorkError> {
    Ok(states_of(store).await?.into_values().collect())
}

/// Puts in force the complete editions of a publisher that stand in a node's store: before its first
/// record is judged, so that a restart judges as before it.
pub async fn take_up(node: &Node, publisher: &NodeCode) -> Result<(), WorkError> {
    node.lists.came_are(came(&node.store, publisher).await?);
    Ok(())
}

/// The complete editions of a publisher that stand in a store.
pub async fn came(store: &SharedStore, publisher: &NodeCode) -> Result<OpenLists, WorkError> {
    let found = standing::read::<Edition>(store, &format!("{EDITION}{publisher}/")).await?;
    let mut editions: Vec<Edition> = found.into_iter().map(|(_, edition)| edition).collect();
    editions.retain(|edition| edition.by == *publisher);
    // Of two for the same day the one published later counts.
    editions.sort_by(|a, b| (&a.published, &a.edition).cmp(&(&b.published, &b.edition)));
    let mut lists = OpenLists::new();
    for edition in &editions {
        let codes = edition.codes.iter().map(|(code, label)| (code.as_str(), label.as_str()));
        lists.insert_from(&edition.list, &edition.edition, Some(edition.from), codes);
    }
    Ok(lists)
}

impl Worker for CodeTables {
    fn name(&self) -> String {
        STATES.into()
    }

    fn run_once(&mut self, now: Millis) -> WorkFuture<'_> {
        Box::pin(self.turn(now))
    }
}
