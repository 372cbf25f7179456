//! Files of every form, good, odd and hostile, through the one reader.

mod dbf;
#[expect(clippy::disallowed_methods, reason = "it reads the samples of the format")]
mod every;
mod json;
mod make;
mod memo;
#[expect(clippy::disallowed_methods, reason = "it compares committed files")]
mod packages;
mod sample;
mod soap;
mod xls;
mod xlsx;
mod xml;

use std::io::Cursor;
use std::ops::ControlFlow;

use adapt::form::{self, FileDyn, FileFault, FormError, FormLimits, Item, Reading, Scratch, Told};
use adapt::{FileSource, Package, Source};

/// What a file gave: a line for each item, values joined by `|`, NULL as `∅`.
#[derive(Debug)]
struct Got {
    lines: Vec<String>,
    told: Told,
}

/// The source of a package with this `[source]`.
fn source(text: &str) -> FileSource {
    let toml = format!(
        "[adapter]\nedition = 1\nname = \"t\"\nversion = \"1\"\nsystem = \"t\"\nformat = \"supervision/1\"\n\
         namespace = \"990100\"\n[source]\n{text}\n[[record]]\ntype = \"application\"\nfrom = \"{}\"\n",
        if text.contains("[[source.query]]") { "a" } else { "row" }
    );
    let files = [("adapter.toml".to_owned(), toml.into_bytes())].into();
    let package = Package::read(&files).unwrap_or_else(|p| panic!("{p:?}"));
    match package.source {
        Source::Files(files) => *files,
        Source::Push(push) => push.body,
        Source::Sql(_) | Source::Http(_) | Source::Exec(_) => panic!("a source of documents"),
    }
}

/// Reads a file whole, within limits.
fn read_within(source: &FileSource, bytes: &[u8], limits: &FormLimits) -> Result<Got, FileFault> {
    read_beside(source, bytes, None, limits)
}

/// Reads a table whole with the memo file beside it, within limits.
fn read_beside(
    source: &FileSource,
    bytes: &[u8],
    memo: Option<&mut dyn FileDyn>,
    limits: &FormLimits,
) -> Result<Got, FileFault> {
    let mut scratch = || Ok(Box::new(Cursor::new(Vec::new())) as Box<dyn Scratch>);
    let memo = memo.map(|m| m as &mut dyn FileDyn);
    let reading = Reading { source, limits, scratch: &mut scratch, memo };
    let mut lines = Vec::new();
    let told = form::read(&mut Cursor::new(bytes), reading, &mut |item| {
        lines.push(match item {
            Item::Part { query, name } => format!("[{query} {name}]"),
            Item::Row(row) => {
                let view = row.row();
                let values: Vec<_> = (0..view.len()).map(|i| view.get(i).unwrap_or("∅")).collect();
                format!("{}: {}", row.number, values.join("|"))
            }
            Item::Fault { number, fault } => format!("{number}! {}", fault.code()),
        });
        ControlFlow::Continue(())
    });
    match told {
        Ok(told) => Ok(Got { lines, told }),
        Err(FormError::Wrong(fault)) => Err(fault),
        Err(FormError::Io(e)) => panic!("{e}"),
    }
}

/// Reads a file whole, within the usual limits.
fn read(source: &FileSource, bytes: &[u8]) -> Result<Got, FileFault> {
    read_within(source, bytes, &FormLimits::default())
}

#[test]
fn every_beginning_of_a_file_is_read_without_panic() {
    let book = make::Book::new()
        .sheet("一", "<row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>甲</t></is></c></row>")
        .bytes();
    let dbf = make::table(&[("甲", b'C', 4)], &[&[" ", "乙"]]);
    let files: [(&str, Vec<u8>); 6] = [
        ("kind = \"xlsx\"\ncolumns = [\"甲\"]", book),
        ("kind = \"dbf\"\ncolumns = [\"甲\"]", dbf),
        ("kind = \"xml\"\nrecord = \"r/i\"\ncolumns = [\"a\"]", b"<r><i><a>1</a></i></r>".into()),
        (soap::CHILDREN, soap::call(soap::CASES).into_bytes()),
        (soap::TEXT, soap::call("<o:doc>&lt;r&gt;&lt;i/&gt;&lt;/r&gt;</o:doc>").into_bytes()),
        ("kind = \"json\"\ncolumns = [\"a\"]", b"[{\"a\": \"1\"}]".into()),
    ];
    for (text, bytes) in &files {
        let source = source(text);
        assert!(read(&source, bytes).is_ok(), "{text}");
        for end in 0..bytes.len() {
            // Whole rows or a fault; whichever, it ends.
            drop(read(&source, &bytes[..end]));
        }
        for at in 0..bytes.len() {
            let mut odd = bytes.clone();
            odd[at] ^= 0x55;
            drop(read(&source, &odd));
        }
    }
}
