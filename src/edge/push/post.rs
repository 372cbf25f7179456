//! A posted document: read by the package's reader, laid on the shelf as rows, answered row by row.

use std::io::Cursor;
use std::ops::ControlFlow;
use std::sync::Arc;

use adapt::form::{self, FormError, FormLimits, Item, Reading, Scratch};
use adapt::{FileSource, RowFault};
use canon::Violation;
use serde::{Deserialize, Serialize};

use super::refusal::Refusal;
use crate::page::{BrokenRow, NULL, Page};
use crate::source::{Fate, What};

/// What lies on the shelf until it is collected. Its edition is raised when its meaning changes.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Post {
    pub(super) edition: u32,
    /// Digest of the bytes that were posted.
    pub(super) digest: String,
    pub(super) received: i64,
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<PostRow>,
    pub(super) faults: Vec<PostFault>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PostRow {
    n: u64,
    cells: Vec<Option<String>>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PostFault {
    n: u64,
    fault: RowFault,
}

/// The edition written here.
const EDITION: u32 = 1;

impl Post {
    /// Reads a document; its rows, or why it is none.
    pub(super) fn read(
        source: &FileSource,
        body: &[u8],
        rows_max: u64,
        (digest, received): (String, i64),
    ) -> Result<Self, Refusal> {
        let columns = source.queries.iter().flat_map(|q| &q.columns).map(|c| c.text.clone());
        let mut post = Self {
            edition: EDITION,
            digest,
            received,
            columns: columns.collect(),
            rows: Vec::new(),
            faults: Vec::new(),
        };
        let mut scratch = || Ok(Box::new(Cursor::new(Vec::new())) as Box<dyn Scratch>);
        let limits = FormLimits::default();
        let reading = Reading { source, limits: &limits, scratch: &mut scratch, memo: None };
        let mut too_many = false;
        let told = form::read(&mut Cursor::new(body), reading, &mut |item| {
            post.item(&item);
            too_many = (post.rows.len() + post.faults.len()) as u64 > rows_max;
            if too_many { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if too_many {
            let (en, zh) = (format!("at most {rows_max}"), format!("至多 {rows_max} 条"));
            return Err(Refusal::with("post.too_many_rows", en, zh));
        }
        match told {
            // Half a document is none: whoever posted it has the whole.
            Ok(told) if told.cut_off => {
                Err(Refusal::with("post.malformed", "it ends too early", "内容中途截断"))
            }
            Ok(_) if post.rows.is_empty() && post.faults.is_empty() => {
                Err(Refusal::of("post.no_rows"))
            }
            Ok(_) => Ok(post),
            Err(FormError::Wrong(fault)) if fault.code.starts_with("post.") => {
                Err(Refusal::with(fault.code, fault.en, fault.zh))
            }
            Err(FormError::Wrong(fault)) => {
                let (en, zh) = (
                    format!("{}: {}", fault.code, fault.en),
                    format!("{}：{}", fault.code, fault.zh),
                );
                Err(Refusal::with("post.malformed", en, zh))
            }
            Err(FormError::Io(_)) => Err(Refusal::of("post.store")),
        }
    }

    fn item(&mut self, item: &Item<'_>) {
        match item {
            Item::Part { .. } => {}
            Item::Row(row) => {
                let view = row.row();
                let cells = (0..view.len()).map(|i| view.get(i).map(str::to_owned));
                self.rows.push(PostRow { n: row.number, cells: cells.collect() });
            }
            Item::Fault { number, fault } => {
                self.faults.push(PostFault { n: *number, fault: *fault });
            }
        }
    }

    /// Its rows as a page, in the columns that the package has now.
    pub(super) fn page(&self, id: &str, columns: &Arc<[Arc<str>]>, cursor: String) -> Page {
        let mut page = Page::empty(id.into(), Arc::clone(columns), cursor);
        let at = |name: &Arc<str>| self.columns.iter().position(|c| *c == **name);
        let from: Vec<Option<usize>> = columns.iter().map(at).collect();
        for row in &self.rows {
            for from in &from {
                let cell = from.and_then(|at| row.cells.get(at)).and_then(Option::as_deref);
                let span = cell.map_or(NULL, |text| page.put(text));
                page.cells.push(span);
            }
            page.lines.push(row.n);
            page.rows += 1;
        }
        page.broken = self.faults.iter().map(|f| f.broken(id)).collect();
        page
    }
}

impl PostFault {
    fn broken(&self, id: &str) -> BrokenRow {
        let Self { n, fault } = self;
        BrokenRow {
            reference: format!("{id}:{n}"),
            line: Some(*n),
            code: fault.code(),
            zh: format!("第 {n} 行：{}", fault.zh()),
            en: format!("record {n}: {}", fault.en()),
        }
    }
}

/// What a row of a document became.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Its records are on their way.
    Collected,
    /// Its records were known already, with the same content.
    Duplicate,
    /// A record of it breaks a rule: it is problem data (问题数据), returned to its owner.
    Quarantined,
    /// No record is made of it: no condition of the package fits.
    Nothing,
}

/// The answer to a document: what became of each of its rows when it was committed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Id of the document.
    pub id: String,
    /// Digest of the bytes that were posted.
    pub digest: String,
    /// When it came, ms.
    pub received: i64,
    /// When it was committed, ms.
    pub committed: i64,
    /// Row by row.
    pub rows: Vec<AnsweredRow>,
}

/// What became of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnsweredRow {
    /// Its number in the document, from 1.
    pub row: u64,
    /// What became of it.
    pub outcome: Outcome,
    /// The records of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<AnsweredRecord>,
    /// What is wrong with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<AnsweredProblem>,
}

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnsweredRecord {
    /// Wire name of its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
    /// It is collected and goes up once its parent has.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub waits_for_parent: bool,
}

/// A rule that a row breaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnsweredProblem {
    /// Stable code.
    pub rule: String,
    /// Wire name of the field; empty for the whole row.
    pub field: String,
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

impl Answer {
    /// The answer to a page of one document, in the order of its rows.
    pub(super) fn of(page: &Page, fates: &[Fate], post: (&str, i64), committed: i64) -> Self {
        let whole = page.rows().zip(fates);
        let whole = whole.map(|(row, fate)| answered(row.line().unwrap_or_default(), fate));
        let broken = page.broken.iter().map(|broken| AnsweredRow {
            row: broken.line.unwrap_or_default(),
            outcome: Outcome::Quarantined,
            records: Vec::new(),
            problems: vec![AnsweredProblem {
                rule: broken.code.to_owned(),
                field: String::new(),
                zh: broken.zh.clone(),
                en: broken.en.clone(),
            }],
        });
        let mut rows: Vec<AnsweredRow> = whole.chain(broken).collect();
        rows.sort_by_key(|row| row.row);
        let (digest, received) = (post.0.to_owned(), post.1);
        Self { id: page.place.to_string(), digest, received, committed, rows }
    }

    /// How many rows had an outcome.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.rows.iter().filter(|row| row.outcome == outcome).count()
    }
}

fn answered(number: u64, fate: &Fate) -> AnsweredRow {
    let mut problems = Vec::new();
    let mut records = Vec::with_capacity(fate.records.len());
    for record in &fate.records {
        let outcome = match &record.what {
            What::Collected | What::Waits => Outcome::Collected,
            What::Known => Outcome::Duplicate,
            What::Returned(violations) => {
                problems.extend(violations.iter().map(AnsweredProblem::of));
                Outcome::Quarantined
            }
        };
        records.push(AnsweredRecord {
            kind: record.kind.to_string(),
            key: record.key.clone(),
            outcome,
            waits_for_parent: record.what == What::Waits,
        });
    }
    let has = |outcome| records.iter().any(|r| r.outcome == outcome);
    let outcome = [Outcome::Quarantined, Outcome::Collected, Outcome::Duplicate];
    let outcome = outcome.into_iter().find(|o| has(*o)).unwrap_or(Outcome::Nothing);
    AnsweredRow { row: number, outcome, records, problems }
}

impl AnsweredProblem {
    fn of(violation: &Violation) -> Self {
        Self {
            rule: violation.rule.to_string(),
            field: violation.field.to_string(),
            zh: violation.zh.clone(),
            en: violation.en.clone(),
        }
    }
}
