//! A package's source as read: files, queries, requests, programs, posts; and each one's streams of rows.

use std::collections::BTreeMap;

use crate::ask::HttpSource;
use crate::text::{Encoding, TextSettings};
use crate::tree::Text;

/// Where rows come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// Files in a folder.
    Files(Box<FileSource>),
    /// Queries against a database.
    Sql(SqlSource),
    /// Requests to a web service.
    Http(Box<HttpSource>),
    /// A program that speaks the Singer protocol.
    Exec(Box<ExecSource>),
    /// What a department's system posts to us.
    Push(Box<PushSource>),
}

/// Rows of a program that speaks the Singer protocol.
#[derive(Clone, Debug)]
pub struct ExecSource {
    /// What it says, read as if it were a file: a query a stream.
    pub read: FileSource,
}

/// What a department's system posts to us, one document a request.
#[derive(Clone, Debug)]
pub struct PushSource {
    /// What a posted document is, and the rows in it. Its folders mean nothing.
    pub body: FileSource,
}

impl PushSource {
    /// The service that a SOAP client calls; none where plain documents are posted.
    pub const fn soap(&self) -> Option<&Soap> {
        match &self.body.form {
            Form::Soap(soap) => Some(soap),
            _ => None,
        }
    }
}

/// Files in a folder.
#[derive(Clone, Debug)]
pub struct FileSource {
    /// What the files are.
    pub form: Form,
    /// Which files: `*` and `?` as usual.
    pub files: String,
    /// Where a processed file goes, below the folder.
    pub done: String,
    /// Where a broken one goes.
    pub failed: String,
    /// Where the answer to each file goes, below the folder: row by row what became of it.
    pub answer: Option<String>,
    /// A file is read once it has not grown for so long.
    pub settle_seconds: u64,
    /// What rows a file gives, each query with its header; a text file has the one query `row`.
    pub queries: Vec<Query>,
}

impl FileSource {
    /// What is read of files of this form, wherever they are.
    pub fn of(form: Form, queries: Vec<Query>) -> Self {
        Self {
            form,
            files: "*".into(),
            done: "done".into(),
            failed: "failed".into(),
            answer: None,
            settle_seconds: 0,
            queries,
        }
    }

    /// How a text file is cut into rows; none for files of another form.
    pub const fn text(&self) -> Option<TextSettings> {
        match self.form {
            Form::Csv(text) => Some(text),
            _ => None,
        }
    }
}

/// What the files of a folder are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// Delimited text.
    Csv(TextSettings),
    /// Sheets of a workbook, xlsx or xls.
    Workbook(Workbook),
    /// A DBF table; `auto` takes the encoding that the file names, GB18030 where it names none.
    Dbf(Encoding),
    /// XML: the path of the element that is a record.
    Xml(String),
    /// JSON: the path of the array of records; empty where the file is that array, an object or lines
    /// of objects.
    Json(String),
    /// A SOAP envelope, 1.1 or 1.2, document/literal.
    Soap(Box<Soap>),
    /// Messages of the Singer protocol, one a line: the stream of each query.
    Singer(Vec<String>),
}

/// What a SOAP client calls, and where the records are in its call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Soap {
    /// Namespace of the operation's element.
    pub namespace: String,
    /// Local name of that element.
    pub operation: String,
    /// The SOAPAction of the operation.
    pub action: String,
    /// Element of the operation whose text is the document with the records; none where the records
    /// are elements below the operation.
    pub payload: Option<String>,
    /// Path of the element that is a record: below the operation, or from the document's root.
    pub record: String,
}

/// Which sheets of a workbook are read, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workbook {
    /// One for each query.
    pub sheets: Vec<Sheet>,
}

/// How the sheet of a query is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// Name or pattern; none is the first sheet that is shown.
    pub sheet: Option<String>,
    /// Number of the header's first row, from 1.
    pub header_row: u32,
    /// Rows of the header.
    pub header_rows: u32,
    /// Between the texts of a header of several rows.
    pub join: String,
    /// Number of the first row of data.
    pub first_row: u32,
    /// Reading ends at a row whose first text begins so.
    pub stop: Vec<String>,
    /// Indexes of the columns whose merged cells give their text to every row they cover.
    pub fill_down: Vec<usize>,
}

impl Default for Sheet {
    fn default() -> Self {
        Self {
            sheet: None,
            header_row: 1,
            header_rows: 1,
            join: "/".into(),
            first_row: 2,
            stop: Vec::new(),
            fill_down: Vec::new(),
        }
    }
}

/// Queries against a database.
#[derive(Clone, Debug)]
pub struct SqlSource {
    /// How texts lie in the database: as its columns are declared (`auto`, `utf-8`), or as GBK bytes
    /// whatever they are declared as (`gb18030`).
    pub encoding: Encoding,
    /// The queries, in order: cases before their children.
    pub queries: Vec<Query>,
}

/// One stream of rows.
#[derive(Clone, Debug)]
pub struct Query {
    /// Name, `row` for files.
    pub name: Text,
    /// The SELECT, without WHERE on the cursor and without ORDER BY; empty for files.
    pub sql: String,
    /// The SELECT where an engine (`mysql`, `postgres`, `mssql`, `oracle`, `sqlite`) needs another.
    pub sql_for: BTreeMap<String, String>,
    /// Columns it gives, or the header a file must have.
    pub columns: Vec<Text>,
    /// Columns that tell rows apart.
    pub key: Vec<Text>,
    /// How changed rows are found.
    pub detect: Detect,
    /// Column with the time by which a back-fill takes rows, `YYYY-MM-DD…`; the cursor of
    /// `modified_time` if it is not said.
    pub history: Option<Text>,
    /// What happens when a row is gone (`compare` only).
    pub vanished: Vanished,
    /// Whether outcomes are written back, and how.
    pub write_back: Option<WriteBack>,
}

/// How changed rows are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detect {
    /// A column rises with every change; read again from a little before the last one seen.
    ModifiedTime {
        /// The column.
        column: Text,
        /// How far back each run looks again: late commits, clocks of the source.
        overlap_seconds: u64,
    },
    /// A column says what is still to be read.
    Flag {
        /// The column.
        column: Text,
        /// Its value on rows to be read; the empty text is also NULL.
        pending: String,
        /// Rows are taken in this column's order, then by key.
        order: Option<Text>,
    },
    /// The source logs changed keys in a table of its own.
    LogTable {
        /// The table.
        table: Text,
        /// Its rising column.
        column: Text,
    },
    /// All rows are read and compared by their digests; finds vanished rows too.
    Compare,
    /// The source hands out a cursor with what it gives, and goes on from there.
    Feed,
    /// Every row of every new file.
    File,
}

/// What happens when a row is gone from the source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Vanished {
    /// Held for the owner to say.
    #[default]
    Hold,
    /// Its records are voided, with this reason code and this operator code.
    Void {
        /// Reason code.
        reason: String,
        /// Operator code.
        by: String,
    },
    /// Nothing.
    Ignore,
}

/// Where the outcome of a row's records goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteBack {
    /// Table to update.
    pub table: Text,
    /// The table is made for outcomes: a row that is not there yet is put there.
    pub own_table: bool,
    /// Its key columns; values from the query's row.
    pub key: Vec<Text>,
    /// Column of the flag.
    pub flag: Text,
    /// Column of the error text, if any.
    pub error: Option<Text>,
    /// Column of the time at which the outcome was written, if any.
    pub stamp: Option<Text>,
    /// Longest error text, in characters.
    pub error_chars: u64,
    /// The flag's value for each outcome.
    pub values: FlagValues,
}

/// Flag values; the worst outcome of a row's records is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlagValues {
    /// All accepted.
    pub accepted: String,
    /// Accepted, some with warnings.
    pub warned: String,
    /// One or more rejected.
    pub rejected: String,
    /// One or more quarantined here.
    pub quarantined: String,
}
