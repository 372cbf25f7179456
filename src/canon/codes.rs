//! The stable codes that leave the process: receipts, refusals, quarantine, CLI, audit.
//!
//! A code is never removed and never changes its meaning; a test holds the list unique, documented
//! in both languages and complete against `tests/data/codes.txt`.

mod adapter;
mod envelope;
mod format;

pub use adapter::ADAPTER;
pub use envelope::SENDER;
pub use format::FIELD;

/// One stable code with its text in both languages.
#[derive(Debug)]
pub struct Code {
    /// `origin.snake_case`.
    pub code: &'static str,
    /// English: what it means and what happens next.
    pub en: &'static str,
    /// Chinese.
    pub zh: &'static str,
}

/// The entry of a code.
pub fn code(code: &str) -> Option<&'static Code> {
    CODES.iter().flat_map(|group| group.iter()).find(|c| c.code == code)
}

const fn c(code: &'static str, en: &'static str, zh: &'static str) -> Code {
    Code { code, en, zh }
}

/// All codes, a group for each origin.
pub const CODES: &[&[Code]] = &[RECORD, FIELD, SENDER, RECEIVER, SOURCE, ADAPTER, NODE, CONFIG];

/// `record.*`: a receiver's or sender's judgement of one record.
pub const RECORD: &[Code] = &[
    c(
        "record.conflict",
        "same record id with other bytes was accepted before; an alarm, nothing is overwritten",
        "同一记录编号已接收过不同内容，报警，不覆盖",
    ),
    c(
        "record.authority",
        "the sender may not report this record (unit, region or key belongs to another node)",
        "上报方无权报送该记录",
    ),
    c(
        "record.superseded",
        "a higher version of this record was accepted before",
        "已有更高版本，本版本不生效",
    ),
    c(
        "record.parent_missing",
        "the parent record is not here yet; the sender waits and sends again",
        "上级环节记录未到，待其接收后重报",
    ),
    c(
        "record.parent_absent",
        "kept without its parent after waiting; a discrepancy on the parent's owner",
        "等待期满仍无上级环节记录，保留并列为差异",
    ),
    c("record.review_returned", "returned by a reviewing tier", "审核退回"),
];

/// `receiver.*`: why a verified envelope was declined or set aside.
pub const RECEIVER: &[Code] = &[];

/// `source.*`: a source system's input could not be read.
pub const SOURCE: &[Code] = &[];

/// `node.*`, `bus.*`, `store.*`: this node's own troubles.
pub const NODE: &[Code] = &[];

/// `config.*`: a configuration is refused.
pub const CONFIG: &[Code] = &[];
