//! Adapter packages: source rows to records by data, no Rust.
//!
//! A [`Package`] is read from its files, a [`Mapping`] is the package compiled against a format, a
//! [`Bound`] is one of its queries found in an actual header. Then [`Mapping::map`] makes
//! [`Draft`]s of rows. Nothing here touches files, a clock or the network.

mod ask;
mod begin;
mod check;
mod compile;
mod cut;
mod draft;
pub mod form;
mod guess;
mod known;
mod mapping;
mod moment;
mod names;
mod package;
mod preview;
mod problem;
mod read;
mod read_record;
mod read_source;
mod row;
pub mod sample;
mod sample_input;
mod scaffold;
mod shown;
mod source;
mod table;
mod text;
mod times;
mod told;
mod tree;
mod vanish;
mod verb;
mod verbs;

pub use ask::{
    AnswerCode, AnswerForm, Ask, By, Call, Content, Escape, HttpSource, Login, Pages, Piece, Slot,
    Template, filled_json,
};
pub use begin::{Begin, Seen};
pub use check::check;
pub use cut::QUOTED_LINES_MAX;
pub use draft::{Draft, Drafts};
pub use known::Look;
pub use mapping::{Bound, Mapping};
pub use package::{
    Block, Cond, EDITION, Editions, FILE_BYTES_MAX, FILES_MAX, Feed, Guard, Namespace, Origin,
    Package, ParentIs, Table, VoidRule,
};
pub use preview::{Preview, PreviewField, PreviewRecord, PreviewViolation};
pub use problem::{Pos, Problem, nearest};
pub use row::{Row, RowBuf};
pub use scaffold::{Decided, Open, Proposal, quoted, scaffold};
pub use source::{
    Detect, ExecSource, FileSource, FlagValues, Form, PushSource, Query, Sheet, Soap, Source,
    SqlSource, Vanished, Workbook, WriteBack,
};
pub use table::{CodeTable, Otherwise, TableRow};
pub use text::{
    COLUMNS_MAX, Encoding, Next, Quote, ROW_BYTES_MAX, RowFault, RowReader, TextSettings,
};
pub use times::Times;
pub use tree::Text;
pub use verb::{Fault, Verb};
pub use verbs::{VERBS, VerbInfo, verb_table};
