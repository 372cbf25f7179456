//! What can go wrong at the edge, and what happens next.

use std::path::Path;

/// What a worker does about a failure. Every failure has exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// The same call may succeed later.
    Retry,
    /// Set aside for a person; the rest goes on.
    Quarantine,
    /// Give up on this one item, listed.
    Bury,
    /// Stop this adapter: going on could miss or repeat rows.
    Halt,
}

/// A source could not be read, or its outcome not be written back. Never holds a row's content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The database or folder cannot be opened.
    #[error("adapter `{adapter}`: cannot open `{place}`: {detail}; it is tried again")]
    Unreachable {
        /// Adapter id.
        adapter: String,
        /// Path or address.
        place: String,
        /// The system's words.
        detail: String,
    },
    /// The source is locked by its own application.
    #[error(
        "adapter `{adapter}`: `{place}` is busy (locked by another program); tried again later"
    )]
    Busy {
        /// Adapter id.
        adapter: String,
        /// Table or path.
        place: String,
    },
    /// The login, or the right to read or write there, is refused.
    #[error(
        "adapter `{adapter}`: `{place}` refuses us: {detail}; see the account's password and rights (`tiergate adapter grants`)"
    )]
    Denied {
        /// Adapter id.
        adapter: String,
        /// Table or address.
        place: String,
        /// The system's words.
        detail: String,
    },
    /// A statement took longer than it may.
    #[error(
        "adapter `{adapter}`: table `{table}`: no answer within {seconds} s; an index over the cursor and key columns helps, or a longer `statement_timeout`"
    )]
    Slow {
        /// Adapter id.
        adapter: String,
        /// Table.
        table: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// Another process reads the same folder.
    #[error(
        "adapter `{adapter}`: another process holds `{place}`; stop it or give this one its own folder"
    )]
    FolderHeld {
        /// Adapter id.
        adapter: String,
        /// The folder.
        place: String,
    },
    /// A file operation failed.
    #[error("adapter `{adapter}`: {what} `{path}`: {detail}; nothing was lost, it is tried again")]
    Io {
        /// Adapter id.
        adapter: String,
        /// What was tried.
        what: &'static str,
        /// On which path.
        path: String,
        /// The system's words.
        detail: String,
    },
    /// The source's tables are not as the adapter says.
    #[error(
        "adapter `{adapter}`: table `{table}`: {detail}; compare the adapter's [source] with what is there"
    )]
    Schema {
        /// Adapter id.
        adapter: String,
        /// Table.
        table: String,
        /// Which column or key, and why.
        detail: String,
    },
    /// A setting of the source cannot be used.
    #[error("adapter `{adapter}`: {detail}")]
    Setting {
        /// Adapter id.
        adapter: String,
        /// Which setting, and what to write instead.
        detail: String,
    },
    /// The stored cursor is not one of this source.
    #[error(
        "adapter `{adapter}`: the stored cursor cannot be read ({detail}); was the adapter's source kind changed?"
    )]
    CursorUnreadable {
        /// Adapter id.
        adapter: String,
        /// Why.
        detail: String,
    },
    /// The source's newest time is older than what was already read: restored from a backup?
    #[error(
        "adapter `{adapter}`: table `{table}` went back in time: read up to {cursor}, its newest row is of {newest}; if the source was restored, reset this adapter's cursor"
    )]
    CursorRegressed {
        /// Adapter id.
        adapter: String,
        /// Table.
        table: String,
        /// Highest time read.
        cursor: String,
        /// Highest time there now.
        newest: String,
    },
    /// Rows without a modified time would never be seen.
    #[error(
        "adapter `{adapter}`: {rows} rows of `{table}` have no usable `{column}`; fill it, or use detect = \"compare\""
    )]
    TimeMissing {
        /// Adapter id.
        adapter: String,
        /// Table.
        table: String,
        /// The modified-time column.
        column: String,
        /// How many rows.
        rows: i64,
    },
    /// The row to write back to is gone.
    #[error("adapter `{adapter}`: no row in `{table}` has the key of this write-back any more")]
    RowMissing {
        /// Adapter id.
        adapter: String,
        /// Table.
        table: String,
    },
    /// The database refused the UPDATE of one row.
    #[error("adapter `{adapter}`: `{table}` refused the write-back: {detail}")]
    WriteRefused {
        /// Adapter id.
        adapter: String,
        /// Table.
        table: String,
        /// The system's words.
        detail: String,
    },
    /// A web service has trouble of its own, or its answer is none.
    #[error(
        "adapter `{adapter}`: `{place}` {detail}; it is asked again later, nothing was counted"
    )]
    Answer {
        /// Adapter id.
        adapter: String,
        /// Address without its query.
        place: String,
        /// What was wrong with the answer.
        detail: String,
    },
    /// A web service does not do what it is asked.
    #[error(
        "adapter `{adapter}`: `{place}` {detail}; compare the adapter's [source] and the node's `url` with the service"
    )]
    AnswerRefused {
        /// Adapter id.
        adapter: String,
        /// Address without its query.
        place: String,
        /// What it said.
        detail: String,
    },
    /// A web service and we do not believe each other.
    #[error("adapter `{adapter}`: `{place}`: {detail}; see `ca`, `certificate` and `key`")]
    Untrusted {
        /// Adapter id.
        adapter: String,
        /// Address without its query.
        place: String,
        /// What TLS said.
        detail: String,
    },
    /// A web service took longer than it may.
    #[error("adapter `{adapter}`: `{place}` did not answer in time; it is asked again later")]
    AnswerSlow {
        /// Adapter id.
        adapter: String,
        /// Address without its query.
        place: String,
    },
    /// An answer, a pass or a line is larger than it may be.
    #[error("adapter `{adapter}`: `{place}`: {detail}")]
    Limit {
        /// Adapter id.
        adapter: String,
        /// Query or address.
        place: String,
        /// Which limit, and what to do.
        detail: String,
    },
    /// The pages of a web service come round again, so they would never end.
    #[error(
        "adapter `{adapter}`: query `{query}`: page {page} is one that was given before; the service ignores the page it is asked for, or repeats its last one: say `total`, `more` or `last = \"short\"` in [source.query.pages]"
    )]
    PageRepeated {
        /// Adapter id.
        adapter: String,
        /// Query.
        query: String,
        /// Which page of the pass.
        page: u64,
    },
    /// The pages of a web service held fewer rows than it says there are.
    #[error(
        "adapter `{adapter}`: query `{query}`: its pages held {rows} rows of {total}; the pass does not count and begins anew"
    )]
    PagesShort {
        /// Adapter id.
        adapter: String,
        /// Query.
        query: String,
        /// Rows of all pages.
        rows: u64,
        /// What the service says there are.
        total: u64,
    },
    /// A program that reads a source ended with a failure.
    #[error(
        "adapter `{adapter}`: `{program}` {detail}; what it gave is kept, it is started again later"
    )]
    ProgramFailed {
        /// Adapter id.
        adapter: String,
        /// The program.
        program: String,
        /// How it ended, and its last words without what they quote.
        detail: String,
    },
    /// A program that reads a source took longer than it may.
    #[error("adapter `{adapter}`: `{program}` {detail} and was ended; it is started again later")]
    ProgramSlow {
        /// Adapter id.
        adapter: String,
        /// The program.
        program: String,
        /// Which limit.
        detail: String,
    },
    /// A program does not speak the Singer protocol as it is read here.
    #[error("adapter `{adapter}`: `{program}` {detail}")]
    NotSinger {
        /// Adapter id.
        adapter: String,
        /// The program.
        program: String,
        /// What it does instead.
        detail: String,
    },
    /// This source has nothing to write back to.
    #[error("adapter `{adapter}`: a {kind} source takes no write-back; remove [write_back]")]
    NoWriteBack {
        /// Adapter id.
        adapter: String,
        /// Kind of source.
        kind: &'static str,
    },
}

impl SourceError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "source.unreachable",
            Self::Busy { .. } => "source.busy",
            Self::Denied { .. } => "source.denied",
            Self::Slow { .. } => "source.slow",
            Self::FolderHeld { .. } => "source.folder_held",
            Self::Io { .. } => "source.io",
            Self::Schema { .. } => "source.schema",
            Self::Setting { .. } => "source.setting",
            Self::CursorUnreadable { .. } => "source.cursor_unreadable",
            Self::CursorRegressed { .. } => "source.cursor_regressed",
            Self::TimeMissing { .. } => "source.time_missing",
            Self::RowMissing { .. } => "source.row_missing",
            Self::WriteRefused { .. } => "source.write_refused",
            Self::NoWriteBack { .. } => "source.no_write_back",
            Self::Answer { .. } => "source.answer",
            Self::AnswerRefused { .. } => "source.answer_refused",
            Self::Untrusted { .. } => "source.untrusted",
            Self::AnswerSlow { .. } => "source.answer_slow",
            Self::Limit { .. } => "source.limit",
            Self::PageRepeated { .. } => "source.page_repeated",
            Self::PagesShort { .. } => "source.pages_short",
            Self::ProgramFailed { .. } => "source.program_failed",
            Self::ProgramSlow { .. } => "source.program_slow",
            Self::NotSinger { .. } => "source.not_singer",
        }
    }

    /// What the worker does next.
    pub const fn disposition(&self) -> Disposition {
        match self {
            Self::Unreachable { .. }
            | Self::Busy { .. }
            | Self::Slow { .. }
            | Self::FolderHeld { .. }
            | Self::Answer { .. }
            | Self::AnswerSlow { .. }
            | Self::PagesShort { .. }
            | Self::ProgramFailed { .. }
            | Self::ProgramSlow { .. }
            | Self::Io { .. } => Disposition::Retry,
            // A wrong password tried again and again locks the account for the owner's own system.
            Self::Denied { .. }
            | Self::Schema { .. }
            | Self::Setting { .. }
            | Self::CursorUnreadable { .. }
            | Self::CursorRegressed { .. }
            | Self::AnswerRefused { .. }
            | Self::Untrusted { .. }
            | Self::Limit { .. }
            | Self::PageRepeated { .. }
            | Self::NotSinger { .. }
            | Self::TimeMissing { .. } => Disposition::Halt,
            Self::WriteRefused { .. } => Disposition::Quarantine,
            Self::RowMissing { .. } | Self::NoWriteBack { .. } => Disposition::Bury,
        }
    }

    /// A failed file operation.
    pub(crate) fn io(adapter: &str, what: &'static str, path: &Path, e: &std::io::Error) -> Self {
        Self::Io {
            adapter: adapter.into(),
            what,
            path: path.display().to_string(),
            detail: e.to_string(),
        }
    }
}

#[cfg(any(feature = "sql", feature = "exec"))]
/// The same words with what stands in quotes left out.
pub(crate) fn without_quotes(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    let mut inside: Option<char> = None;
    // PostgreSQL's detail lines show whole rows.
    for c in words.lines().next().unwrap_or_default().chars() {
        match inside {
            Some(quote) if c == quote => {
                out.push(c);
                inside = None;
            }
            Some(_) => {}
            None => {
                out.push(c);
                if matches!(c, '\'' | '"' | '`') {
                    out.push('…');
                    inside = Some(c);
                }
            }
        }
    }
    out
}

/// A sink could not take records.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// A file operation failed; the watermark stands where it was.
    #[error("sink `{sink}`: {what} `{path}`: {detail}; nothing was counted, it is tried again")]
    Io {
        /// Sink name.
        sink: String,
        /// What was tried.
        what: &'static str,
        /// On which path.
        path: String,
        /// The system's words.
        detail: String,
    },
    /// The sink's own file holds what this program never wrote.
    #[error(
        "sink `{sink}`: `{path}` is not a file of this sink ({detail}); move it away and start again"
    )]
    Damaged {
        /// Sink name.
        sink: String,
        /// Which file.
        path: String,
        /// Why.
        detail: String,
    },
    /// The database of the sink's tables cannot be reached, or is busy.
    #[error("sink `{sink}`: `{place}`: {detail}; nothing was counted, it is tried again")]
    Database {
        /// Sink name.
        sink: String,
        /// Which database.
        place: String,
        /// The system's words.
        detail: String,
    },
    /// The sink's tables are not what its records need.
    #[error("sink `{sink}`: table `{table}`: {detail}")]
    Schema {
        /// Sink name.
        sink: String,
        /// Which table.
        table: String,
        /// What does not fit, and what to do.
        detail: String,
    },
    /// The service that takes records is not reached, or says later.
    #[error("sink `{sink}`: `{place}`: {detail}; nothing was counted, it is tried again")]
    Unreached {
        /// Sink name.
        sink: String,
        /// Address without its query.
        place: String,
        /// What happened.
        detail: String,
    },
    /// The service that takes records refuses what it is given as a whole.
    #[error(
        "sink `{sink}`: `{place}`: {detail}; it stops here until a person has looked, and goes on from here by `tiergate sink resume {sink}` or at the next start"
    )]
    Refused {
        /// Sink name.
        sink: String,
        /// Address without its query.
        place: String,
        /// What happened.
        detail: String,
    },
    /// Its place has refused so many records one by one that no more can be listed.
    #[error(
        "sink `{sink}`: {listed} records that its place refused stand listed, as many as `sink_refused_max` allows; it stops here: look at them (`tiergate sink refused {sink}`), have their cause mended, give them again (`tiergate sink replay {sink} --refused`), then `tiergate sink resume {sink}`"
    )]
    Full {
        /// Sink name.
        sink: String,
        /// How many are listed.
        listed: usize,
    },
}

impl SinkError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "source.sink_io",
            Self::Damaged { .. } => "source.sink_damaged",
            Self::Database { .. } => "source.sink_database",
            Self::Schema { .. } => "source.sink_schema",
            Self::Unreached { .. } => "source.sink_unreached",
            Self::Refused { .. } => "source.sink_refused",
            Self::Full { .. } => "source.sink_full",
        }
    }

    /// What the worker does next.
    pub const fn disposition(&self) -> Disposition {
        match self {
            Self::Io { .. } | Self::Database { .. } | Self::Unreached { .. } => Disposition::Retry,
            Self::Damaged { .. }
            | Self::Schema { .. }
            | Self::Refused { .. }
            | Self::Full { .. } => Disposition::Halt,
        }
    }
}
