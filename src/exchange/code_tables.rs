//! Code tables that come down as records, put in force: of one publisher, verified and kept like any record,
//! each edition once it is complete. An edition that is complete stands in the store as a whole, so
//! that neither a half correction of it nor a purge takes it away, and every instance sees it.

use std::collections::BTreeMap;
use std::sync::Arc;

use canon::format::{Format, Op, OpenLists, Parsed, edition_digest};
use canon::{Day, Digest, Millis, NodeCode};
use serde::{Deserialize, Serialize};
use store::{AuditEvent, JudgedEnvelope, Lease, SharedStore};

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

/// What has come of an edition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Table {
    list: String,
    edition: String,
    head: Option<Head>,
    codes: BTreeMap<String, Code>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    version: u32,
    void: bool,
    from: Option<Day>,
    count: u64,
    digest: String,
    published: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Code {
    version: u32,
    void: bool,
    label: String,
    from: Option<Day>,
    until: Option<Day>,
}

/// One record of it.
struct Piece {
    /// Namespace, list and edition: the key of the edition.
    key: String,
    list: String,
    edition: String,
    what: What,
}

enum What {
    Head(Head),
    Code(String, Code),
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
                self.tell(&subject, "code_table.publisher", false, now).await?;
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
            if KINDS.iter().any(|kind| is(&kind))
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
            return self.tell(key, "code_table.too_many", false, now).await;
        }
        let place = format!("{TABLE}{name}");
        let mut table = one::<Table>(store, &place).await?.unwrap_or_default();
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
                state.used = Some(head.digest.clone());
            }
            Judged::Withdrawn => {
                store.stand(&format!("{EDITION}{name}"), None, now).await?;
                (state.used, state.code) = (None, Some("code_table.withdrawn".into()));
            }
            // What was whole before stays in force.
            Judged::Not(code) => state.code = Some((*code).to_owned()),
        }
        let news = before.as_ref() != Some(&state);
        states.insert(name, state.clone());
        standing::put(store, STATES, &states, now).await?;
        // That codes are still coming is in `status`; the chain has what was decided.
        if news && state.code.as_deref() != Some("code_table.incomplete") {
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

/// What an edition is, as it came so far.
enum Judged<'a> {
    Whole(BTreeMap<String, String>, Day, &'a Head),
    Withdrawn,
    /// Not to be used, with the reason.
    Not(&'static str),
}

impl Table {
    /// A later version of a record takes the place of the one before, whatever order they come in.
    fn add(&mut self, piece: Piece) {
        (self.list, self.edition) = (piece.list, piece.edition);
        match piece.what {
            What::Head(head) => {
                if self.head.as_ref().is_none_or(|h| h.version <= head.version) {
                    self.head = Some(head);
                }
            }
            What::Code(code, said) => {
                let room = self.codes.len() < CODE_TABLE_CODES_MAX + 1;
                match self.codes.get(&code) {
                    Some(before) if before.version > said.version => {}
                    None if !room => {}
                    _ => drop(self.codes.insert(code, said)),
                }
            }
        }
    }

    fn state(&self, by: &NodeCode, used: Option<String>) -> State {
        State {
            by: by.clone(),
            list: self.list.clone(),
            edition: self.edition.clone(),
            from: self.head.as_ref().and_then(|h| h.from),
            count: self.head.as_ref().map_or(0, |h| h.count),
            have: self.codes.values().filter(|c| !c.void).count() as u64,
            code: None,
            used,
        }
    }

    fn judge(&self) -> Judged<'_> {
        let written = |text: &str| !text.contains([';', '=', '\n', '\r']);
        if !written(&self.list) || !written(&self.edition) {
            return Judged::Not("code_table.name");
        }
        if self.codes.len() > CODE_TABLE_CODES_MAX {
            return Judged::Not("code_table.too_large");
        }
        let Some(head) = &self.head else { return Judged::Not("code_table.incomplete") };
        if head.void {
            return Judged::Withdrawn;
        }
        let (Some(from), Ok(digest)) = (head.from, head.digest.parse::<Digest>()) else {
            return Judged::Not("code_table.digest");
        };
        let live = || self.codes.iter().filter(|(_, c)| !c.void);
        let have = live().count() as u64;
        if have < head.count {
            return Judged::Not("code_table.incomplete");
        }
        let lines = live().map(|(code, said)| (code.as_str(), said.label.as_str()));
        if have > head.count || edition_digest(digest.alg, lines) != digest {
            return Judged::Not("code_table.digest");
        }
        // Within one edition every day has the same codes: what begins or ends later is another one.
        if live()
            .any(|(_, c)| c.from.is_some_and(|d| d > from) || c.until.is_some_and(|d| d > from))
        {
            return Judged::Not("code_table.dated");
        }
        let in_force = live().filter(|(_, c)| c.until.is_none());
        let codes = in_force.map(|(code, said)| (code.clone(), said.label.clone()));
        Judged::Whole(codes.collect(), from, head)
    }
}

fn head_digest(table: &Table) -> &str {
    table.head.as_ref().map_or("", |h| h.digest.as_str())
}

/// A record of an edition, by the English names of its fields.
fn piece(format: &Format, parsed: &Parsed) -> Piece {
    let ty = format.get(parsed.ty);
    let value = |name: &str| {
        let value = ty.field_by_name(name).and_then(|ix| parsed.values.get(ix));
        value.unwrap_or_default().to_owned()
    };
    let day = |name: &str| value(name).get(..10).and_then(Day::parse);
    let (list, edition) = (value("table_name"), value("edition"));
    let (version, void) = (parsed.attrs.version, parsed.attrs.op == Op::Void);
    let what = if ty.name == KINDS[0] {
        What::Head(Head {
            version,
            void,
            from: day("valid_from"),
            count: value("count").parse().unwrap_or(0),
            digest: value("digest"),
            published: value("published_at"),
        })
    } else {
        let (from, until) = (day("valid_from"), day("valid_to"));
        What::Code(value("code"), Code { version, void, label: value("label"), from, until })
    };
    let key = canon::Key::new(&parsed.attrs.namespace, &[&list, &edition]).to_string();
    Piece { key, list, edition, what }
}

async fn one<T: serde::de::DeserializeOwned>(
    store: &SharedStore,
    name: &str,
) -> Result<Option<T>, WorkError> {
    let found = standing::read::<T>(store, name).await?;
    Ok(found.into_iter().find(|(rest, _)| rest.is_empty()).map(|(_, fact)| fact))
}

async fn states_of(store: &SharedStore) -> Result<BTreeMap<String, State>, WorkError> {
    Ok(one(store, STATES).await?.unwrap_or_default())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn table(codes: &[&str]) -> Table {
        let mut table = Table { list: "regions".into(), edition: "V3".into(), ..Table::default() };
        let lines = codes.iter().map(|code| (*code, "甲"));
        let digest = edition_digest(canon::DigestAlg::Sm3, lines).to_string();
        let head = Head {
            version: 1,
            void: false,
            from: Day::parse("2026-12-01"),
            count: codes.len() as u64,
            digest,
            published: "2026-11-20".into(),
        };
        add(&mut table, What::Head(head));
        for code in codes {
            add(&mut table, What::Code((*code).into(), code_of(1)));
        }
        table
    }

    fn code_of(version: u32) -> Code {
        Code { version, void: false, label: "甲".into(), from: None, until: None }
    }

    fn add(table: &mut Table, what: What) {
        let (list, edition) = (table.list.clone(), table.edition.clone());
        table.add(Piece { key: String::new(), list, edition, what });
    }

    fn reason(table: &Table) -> Option<&'static str> {
        match table.judge() {
            Judged::Not(code) => Some(code),
            Judged::Whole(..) | Judged::Withdrawn => None,
        }
    }

    #[test]
    fn only_a_whole_edition_with_its_own_digest_is_used() {
        assert_eq!(reason(&table(&["990100", "990200"])), None);
        let mut half = table(&["990100", "990200"]);
        half.codes.remove("990200");
        assert_eq!(reason(&half), Some("code_table.incomplete"));
        let mut other = half.clone();
        add(&mut other, What::Code("990300".into(), code_of(1)));
        assert_eq!(reason(&other), Some("code_table.digest"), "another code in its place");
        let mut more = table(&["990100"]);
        add(&mut more, What::Code("990300".into(), code_of(1)));
        assert_eq!(reason(&more), Some("code_table.digest"));
        let headless = Table { head: None, ..table(&["990100"]) };
        assert_eq!(reason(&headless), Some("code_table.incomplete"));
        let named = Table { list: "regions;items=x".into(), ..table(&["990100"]) };
        assert_eq!(reason(&named), Some("code_table.name"));
    }

    #[test]
    fn an_earlier_version_takes_nothing_back_and_a_void_takes_a_code_away() {
        let mut table = table(&["990100", "990200"]);
        add(&mut table, What::Code("990200".into(), Code { void: true, ..code_of(3) }));
        assert_eq!(reason(&table), Some("code_table.incomplete"));
        add(&mut table, What::Code("990200".into(), code_of(2)));
        assert_eq!(reason(&table), Some("code_table.incomplete"), "version 3 came before");
        let head = table.head.clone().unwrap();
        add(&mut table, What::Head(Head { version: 2, void: true, ..head }));
        assert!(matches!(table.judge(), Judged::Withdrawn));
    }

    #[test]
    fn a_code_that_ended_before_is_listed_and_not_in_force_and_one_that_ends_later_is_refused() {
        let mut table = table(&["990100", "990200"]);
        let until = |day: &str| Code { until: Day::parse(day), ..code_of(1) };
        add(&mut table, What::Code("990200".into(), until("2026-12-01")));
        let Judged::Whole(codes, ..) = table.judge() else { panic!("it is whole") };
        assert_eq!(codes.keys().collect::<Vec<_>>(), ["990100"]);
        add(&mut table, What::Code("990200".into(), until("2026-12-02")));
        assert_eq!(reason(&table), Some("code_table.dated"));
    }
}
