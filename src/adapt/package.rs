//! An adapter package as read: everything with its place, nothing resolved against a format yet.

use std::collections::BTreeMap;

use canon::format::Nature;

use crate::ask::HttpSource;
use crate::problem::Problem;
use crate::read;
use crate::table::{Otherwise, TableRow};
use crate::text::{Encoding, TextSettings};
use crate::tree::Text;
use crate::verb::Verb;

/// The package format this build reads.
pub const EDITION: u64 = 1;
/// Largest file of a package, bytes.
pub const FILE_BYTES_MAX: usize = 16 << 20;
/// Most files of a package.
pub const FILES_MAX: usize = 1_000;

/// An adapter package: `adapter.toml`, `tables/*.csv`, `samples/*`.
#[derive(Clone, Debug)]
pub struct Package {
    /// What `adapter.toml` calls the package, where it says so. It decides nothing: a package is called
    /// as its folder is, so that a renamed copy runs as it is.
    pub name: Option<Text>,
    /// The package's own version; stands in every head.
    pub version: Text,
    /// Titles for people.
    pub title_zh: String,
    /// English title.
    pub title_en: String,
    /// System id: the attribute `system` of every record.
    pub system: Text,
    /// Format and edition it maps to, such as `supervision/1`.
    pub format: Text,
    /// Namespace of the keys.
    pub namespace: Namespace,
    /// Where rows come from.
    pub source: Source,
    /// The guard of change detection.
    pub guard: Guard,
    /// The record blocks, in order.
    pub records: Vec<Block>,
    /// Void rules.
    pub voids: Vec<VoidRule>,
    /// Code tables by name.
    pub tables: BTreeMap<String, Table>,
    /// Samples by name: file name → bytes.
    pub samples: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
}

/// Where the namespace of a record's key comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Namespace {
    /// The node's configuration of this source says.
    #[default]
    Node,
    /// Always this: a source system was replaced, its numbers go on.
    Fixed(Text),
    /// A column holds the unit's code.
    Column(Text),
}

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

/// Pauses an adapter that suddenly sees everything as new or gone. 0 is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guard {
    /// Most changed rows of one run.
    pub max_changed: u64,
    /// Most vanished rows of one run.
    pub max_vanished: u64,
}

impl Guard {
    /// Whether a run with these counts has to pause for a person.
    pub const fn trips(&self, changed: u64, vanished: u64) -> bool {
        (self.max_changed > 0 && changed > self.max_changed)
            || (self.max_vanished > 0 && vanished > self.max_vanished)
    }
}

/// Where a record's parent is to be looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ParentIs {
    /// Reported by this node.
    #[default]
    Mine,
    /// Reported by another node (转报, 委托).
    Elsewhere,
    /// There is none.
    None,
}

/// One record that a row may give.
#[derive(Clone, Debug)]
pub struct Block {
    /// Record type: stable English name or wire name.
    pub ty: Text,
    /// Which query's rows.
    pub from: Text,
    /// Only rows for which this holds.
    pub when: Cond,
    /// Parent.
    pub parent: ParentIs,
    /// Column with the time the source recorded it.
    pub entered: Option<Text>,
    /// Nature.
    pub nature: Nature,
    /// Field by field.
    pub fields: Vec<(Text, Feed)>,
}

/// A condition on a row. Values are compared without the blanks around them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Cond {
    /// Always.
    #[default]
    Always,
    /// The column is not empty.
    Present(Text),
    /// The column is empty.
    Empty(Text),
    /// The column is one of these.
    In(Text, Vec<String>),
    /// The column is none of these (an empty one is none of them).
    NotIn(Text, Vec<String>),
    /// All hold.
    All(Vec<Cond>),
    /// One holds.
    Any(Vec<Cond>),
}

/// What feeds a field.
#[derive(Clone, Debug)]
pub struct Feed {
    /// Only where this holds; otherwise the field stays empty.
    pub when: Cond,
    /// The value to begin with.
    pub from: Origin,
    /// Verbs, in order.
    pub verbs: Vec<Verb>,
    /// Code table, after the verbs.
    pub table: Option<Text>,
    /// Where the value is empty in the end.
    pub default: Option<String>,
}

/// The value to begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// One column.
    Column(Text),
    /// A constant.
    Constant(Text),
    /// The values of columns that are not empty, joined.
    Concat {
        /// Columns.
        columns: Vec<Text>,
        /// Between them.
        with: String,
    },
    /// The first column that is not empty.
    First(Vec<Text>),
}

/// When a row's records should never have been.
#[derive(Clone, Debug)]
pub struct VoidRule {
    /// Rows of these queries.
    pub from: Vec<Text>,
    /// Condition.
    pub when: Cond,
    /// Reason code.
    pub reason: Feed,
    /// Operator code.
    pub by: Feed,
}

/// A code table with what is promised of it.
#[derive(Clone, Debug)]
pub struct Table {
    /// Where it is declared.
    pub at: Text,
    /// Its file.
    pub file: String,
    /// Rows.
    pub rows: Vec<TableRow>,
    /// What the source may write: each must have a row.
    pub domain: Vec<Text>,
    /// For a value without a row.
    pub otherwise: Otherwise,
}

impl Package {
    /// Reads a package from its files (path within the folder → bytes). Touches nothing else.
    ///
    /// # Errors
    /// Every problem found, in one pass, sorted by place.
    pub fn read(files: &BTreeMap<String, Vec<u8>>) -> Result<Self, Vec<Problem>> {
        match read::package(files) {
            (Some(package), problems) if problems.is_empty() => Ok(package),
            (_, problems) => Err(problems),
        }
    }

    /// The streams of rows, in order.
    pub fn queries(&self) -> &[Query] {
        match &self.source {
            Source::Files(files) => &files.queries,
            Source::Sql(sql) => &sql.queries,
            Source::Push(push) => &push.body.queries,
            Source::Http(http) => &http.queries,
            Source::Exec(exec) => &exec.read.queries,
        }
    }

    /// Index of a query by name.
    pub fn query(&self, name: &str) -> Option<usize> {
        self.queries().iter().position(|q| q.name.text == name)
    }
}
