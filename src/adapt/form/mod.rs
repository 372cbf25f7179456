//! Files of every form → rows: workbooks, DBF, XML, JSON, delimited text.
//!
//! A file is an argument, as something to read and seek in; so is a scratch file for what does not
//! fit into memory. The sample of a package, a preview and the real run read by these same readers.
//! Whatever a file claims is limited ([`FormLimits`]); nothing in it is ever fetched, run or guessed.

mod dbf;
mod fault;
mod grid;
mod header;
mod json;
mod limits;
mod look;
mod memo;
mod number;
pub mod singer;
pub mod soap;
mod text;
mod xls;
mod xlsx;
mod xml;
mod xml_read;

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::ControlFlow;

use crate::row::RowBuf;
use crate::source::{FileSource, Form};
use crate::text::RowFault;

pub use fault::{FileFault, FormError};
pub use header::pick_columns;
pub use limits::FormLimits;
pub use look::{Looked, look, matches};
pub(crate) use memo::ENDINGS as MEMOS;
pub use memo::{is_memo, memo_paths};

/// A file to read.
pub trait FileDyn: Read + Seek {}
impl<T: Read + Seek> FileDyn for T {}

/// A file for what does not fit into memory; gone when dropped.
pub trait Scratch: Read + Write + Seek {}
impl<T: Read + Write + Seek> Scratch for T {}

/// Makes scratch files.
pub type MakeScratch<'a> = dyn FnMut() -> io::Result<Box<dyn Scratch>> + 'a;

/// What a file gives, in order.
#[derive(Debug)]
pub enum Item<'a> {
    /// A part begins, such as a sheet: rows after it are of this query.
    Part {
        /// Index of the query.
        query: usize,
        /// What people call the part; empty where the file is its only one.
        name: &'a str,
    },
    /// A row, its values in the order of the query's columns.
    Row(&'a RowBuf),
    /// A row that cannot be used.
    Fault {
        /// Its number in the file.
        number: u64,
        /// Why.
        fault: RowFault,
    },
}

/// Takes what a file gives; may have enough.
pub type Take<'a> = dyn FnMut(Item<'_>) -> ControlFlow<()> + 'a;

/// What is said of a file beside its rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The file ends too early: the rows before stand, the last one given is the fault.
    pub cut_off: bool,
    /// What a person should know, Chinese and English.
    pub notes: Vec<(String, String)>,
}

/// Everything about a reading but the file itself.
pub struct Reading<'a> {
    /// The package's source.
    pub source: &'a FileSource,
    /// Limits.
    pub limits: &'a FormLimits,
    /// Scratch files.
    pub scratch: &'a mut MakeScratch<'a>,
    /// The memo file beside a DBF table, where there is one.
    pub memo: Option<&'a mut dyn FileDyn>,
}

/// Reads a whole file, from its beginning.
///
/// # Errors
/// The file is wrong as a whole: none of its rows count. Or reading it failed.
pub fn read(
    mut file: &mut dyn FileDyn,
    reading: Reading<'_>,
    take: &mut Take<'_>,
) -> Result<Told, FormError> {
    let Reading { source, limits, scratch, memo } = reading;
    file.seek(SeekFrom::Start(0))?;
    match &source.form {
        Form::Csv(text) => text::read(&mut file, *text, source, take),
        Form::Workbook(book) => {
            let book = grid::Wanted { queries: &source.queries, sheets: &book.sheets };
            match first_bytes(&mut file)? {
                [b'P', b'K', 3, 4, ..] => xlsx::read(&mut file, &book, limits, scratch, take),
                [0xd0, 0xcf, 0x11, 0xe0, ..] => xls::read(&mut file, &book, limits, take),
                _ => Err(fault::not_this("xlsx / xls").into()),
            }
        }
        Form::Dbf(encoding) => {
            let memo = dbf::Beside { memo, limits };
            dbf::read(&mut file, *encoding, source, memo, take)
        }
        Form::Xml(record) => xml::read(&mut file, record, source, limits, take),
        Form::Json(record) => json::read(&mut file, record, source, limits, take),
        Form::Soap(soap) => soap::read(&mut file, soap, source, limits, take),
        Form::Singer(streams) => singer::read(&mut file, streams, source, take),
    }
}

/// Single values of an answer, beside its records: by paths from its outermost element or object.
/// None where there is no such value, or the answer is a list.
///
/// # Errors
/// The answer is not whole, or a path leads to something that is not one value.
pub fn fields(
    body: &[u8],
    form: &Form,
    paths: &[&str],
    limits: &FormLimits,
) -> Result<Vec<Option<String>>, FormError> {
    match form {
        Form::Xml(record) => xml::fields(body, record, paths, limits),
        _ => json::fields(body, paths),
    }
}

/// The first eight bytes, fewer where the file ends before; the file stands at its beginning again.
fn first_bytes(file: &mut (impl Read + Seek)) -> io::Result<[u8; 8]> {
    let mut first = [0; 8];
    let mut filled = 0;
    while let Some(rest) = first.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read(rest)? {
            0 => break,
            n => filled += n,
        }
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(first)
}
