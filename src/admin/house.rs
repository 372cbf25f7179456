//! What only the process knows, as a port: the program implements it, tests have one of their own.

use std::future::Future;
use std::pin::Pin;

use canon::{Day, Millis};
use exchange::reconcile::sheets::Sheet;
use serde::{Deserialize, Serialize};

/// What the methods of a house return.
pub type HouseFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, String>> + Send + 'a>>;

/// A text in both languages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Both {
    /// English.
    pub en: String,
    /// Chinese.
    pub zh: String,
}

/// One plain sentence: what, since when, what it waits for, what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Said {
    /// Stable word: `link`, `adapter`, `carrier`, `certificate`, `drop`, `hold`, …
    pub kind: String,
    /// The link, adapter, route or file it is about.
    pub about: String,
    /// The sentence.
    pub text: Both,
    /// Somebody has to do something.
    pub needs_a_person: bool,
}

/// A certificate or an authority that is believed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Paper {
    /// The file, by its name.
    pub file: String,
    /// Whose.
    pub subject: String,
    /// An authority, not this node's own.
    pub anchor: bool,
    /// In which suite it signs.
    pub suite: String,
    /// From then.
    pub from: Millis,
    /// Until then.
    pub until: Millis,
    /// How long, and what to do.
    pub text: Both,
    /// Nothing is to be done.
    pub well: bool,
}

/// One line of a configuration file in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// The file.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// What stands there, secrets by their reference.
    pub text: String,
}

/// One thing the check-up looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// What was looked at: `DNS`, `TLS`, a queue, a table.
    pub what: String,
    /// All is well.
    pub well: bool,
    /// What was found, and what to do.
    pub text: Both,
}

/// The disk where a node keeps its facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Disk {
    /// Free bytes.
    pub free: u64,
    /// All bytes.
    pub total: u64,
}

/// Columns of an adapter's source that everybody may see; every other one is starred.
pub type Shown = std::collections::BTreeSet<String>;

/// What only the process knows.
pub trait House: Send + Sync {
    /// The sentences of `tiergate status`: one a link and an adapter, then everything else that is so.
    fn said(&self, now: Millis) -> HouseFuture<'_, Vec<Said>>;
    /// Certificates and authorities, those that end soonest first.
    fn papers(&self, now: Millis) -> Vec<Paper>;
    /// The configuration in force, line by line.
    fn settings(&self) -> Vec<Setting>;
    /// `tiergate doctor`, for this node.
    fn check_up(&self, now: Millis) -> HouseFuture<'_, Vec<Checked>>;
    /// The disk where the node keeps its facts; none where the process cannot tell.
    fn disk(&self) -> Option<Disk> {
        None
    }
    /// Which columns of an adapter's source are shown to everybody.
    fn shown(&self, adapter: &str) -> Shown;
    /// A row that rests encrypted, in the clear; none if no key opens it.
    fn opened(&self, raw: Vec<u8>, item: &store::ProblemItem) -> Option<Vec<u8>>;
    /// Does what an operator's command asks (`tiergate` has the same words): see [`crate::act`].
    fn ask<'a>(&'a self, errand: &'a Errand, now: Millis) -> HouseFuture<'a, u64>;
    /// What proves a case's records, or one record, as a file; none if nothing here proves it.
    fn evidence<'a>(&'a self, subject: &'a str, now: Millis) -> HouseFuture<'a, Option<Proof>>;
    /// Sheets as a spreadsheet file: the same bytes for the same sheets.
    ///
    /// # Errors
    /// They are more than such a file holds.
    fn book(&self, title: &str, sheets: &[Sheet]) -> Result<Vec<u8>, String>;
    /// This node's signature over a file, which `tiergate reconcile --verify` holds against it.
    ///
    /// # Errors
    /// Its key does not sign.
    fn signed(&self, file: &[u8]) -> Result<Vec<u8>, String>;
}

/// What proves something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The file.
    pub file: Vec<u8>,
    /// How many records it proves.
    pub records: u64,
}

/// What the process does for an operator beyond the node's own facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Errand {
    /// A source's rows of a time once more, as history.
    Backfill {
        /// The adapter.
        adapter: String,
        /// First day.
        from: Day,
        /// Last day, itself included.
        to: Day,
        /// Operator code.
        by: String,
    },
    /// Maintenance here: those beneath wait until then.
    Maintenance {
        /// Until then; in the past, it is over.
        until: Millis,
        /// What is said to them.
        text: String,
        /// Operator code.
        by: String,
    },
    /// One case's evidence, as a file.
    Evidence {
        /// Case number or record.
        subject: String,
        /// Operator code.
        by: String,
    },
}
