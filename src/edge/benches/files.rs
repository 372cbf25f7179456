//! What a drop folder costs beside reading alone: rows a second and the most memory held, for files of
//! every form. `cargo bench -p edge --bench files [ROWS] [FORM…]`; 300 000 rows if not said.
//!
//! Reading alone is, for CSV, the `csv` crate over the decoded bytes; for the others the form's own
//! reader with nothing behind it.
#![expect(clippy::disallowed_methods, reason = "a bench writes its files and measures time")]

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use adapt::form::{self, FormLimits, Reading, Scratch};
use adapt::{FileSource, Package, Source as PackageSource};
use canon::Millis;
use edge::Source;
use edge::file_drop::{FileDrop, Settings};
use encoding_rs::GB18030;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

const NOW: Millis = Millis(1_795_000_000_000);
const ROWS: usize = 300_000;
/// Columns of a file; every value of it is another.
const COLUMNS: usize = 20;
const PAGE_ROWS: usize = 2_000;

fn main() -> io::Result<()> {
    let said: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let rows = said.iter().find_map(|a| a.parse().ok()).unwrap_or(ROWS);
    let wanted = |form: &str| {
        let named = said.iter().any(|a| a.parse::<usize>().is_err());
        !named || said.iter().any(|a| a == form)
    };
    let folder = tempfile::tempdir()?;
    say(format_args!(
        "{rows} rows of {COLUMNS} columns; most memory is that of the process so far"
    ))?;
    for form in ["csv", "dbf", "xml", "json", "xlsx"] {
        if wanted(form) {
            one(folder.path(), form, rows)?;
        }
    }
    Ok(())
}

fn one(base: &Path, form: &str, rows: usize) -> io::Result<()> {
    let folder = base.join(form);
    fs::create_dir_all(&folder)?;
    let path = folder.join(format!("a.{form}"));
    write_file(form, &path, rows)?;
    let bytes = fs::metadata(&path)?.len();
    let source = source(form);

    let started = Instant::now();
    let alone = if form == "csv" { csv_alone(&path)? } else { read_alone(&source, &path)? };
    report(form, "reading alone", alone, bytes, started)?;

    let started = Instant::now();
    let dropped = through_the_drop(&folder, &source)?;
    report(form, "drop folder", dropped, bytes, started)?;
    if alone != rows || dropped != rows {
        return Err(io::Error::other(format!("{form}: {alone} and {dropped} rows of {rows}")));
    }
    Ok(())
}

fn source(form: &str) -> FileSource {
    let columns: Vec<String> = (0..COLUMNS).map(|n| format!("\"C{n}\"")).collect();
    let more = match form {
        "csv" => "encoding = \"gb18030\"",
        "xml" => "record = \"R/I\"",
        _ => "",
    };
    let toml = format!(
        "[adapter]\nedition = 1\nname = \"b\"\nversion = \"1\"\nsystem = \"b\"\nformat = \"supervision/1\"\n\
         namespace = \"990100\"\n[source]\nkind = \"{form}\"\n{more}\nfiles = \"*\"\nsettle_seconds = 0\n\
         columns = [{}]\n[[record]]\ntype = \"application\"\n",
        columns.join(", ")
    );
    let package = Package::read(&[("adapter.toml".to_owned(), toml.into_bytes())].into());
    match package.expect("the package is sound").source {
        PackageSource::Files(source) => *source,
        _ => unreachable!("a source of files"),
    }
}

fn value(row: usize, column: usize) -> String {
    format!("办件{row}号第{column}项")
}

fn write_file(form: &str, path: &Path, rows: usize) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let names: Vec<String> = (0..COLUMNS).map(|n| format!("C{n}")).collect();
    match form {
        "csv" => {
            writeln!(out, "{}", names.join(","))?;
            for row in 0..rows {
                let line: Vec<String> = (0..COLUMNS).map(|c| value(row, c)).collect();
                out.write_all(&GB18030.encode(&(line.join(",") + "\n")).0)?;
            }
        }
        "dbf" => dbf(&mut out, &names, rows)?,
        "xml" => {
            out.write_all(b"<R>")?;
            for row in 0..rows {
                out.write_all(b"<I>")?;
                for (c, name) in names.iter().enumerate() {
                    write!(out, "<{name}>{}</{name}>", value(row, c))?;
                }
                out.write_all(b"</I>\n")?;
            }
            out.write_all(b"</R>")?;
        }
        "json" => {
            for row in 0..rows {
                let cell = |(c, n): (usize, &String)| format!("\"{n}\": \"{}\"", value(row, c));
                let cells: Vec<String> = names.iter().enumerate().map(cell).collect();
                writeln!(out, "{{{}}}", cells.join(", "))?;
            }
        }
        _ => return workbook(out, &names, rows),
    }
    out.flush()
}

fn dbf(out: &mut impl Write, names: &[String], rows: usize) -> io::Result<()> {
    const WIDTH: u8 = 30;
    let mut head = vec![3, 126, 11, 21];
    let small = |n: usize| u16::try_from(n).unwrap_or(u16::MAX).to_le_bytes();
    head.extend(u32::try_from(rows).unwrap_or(u32::MAX).to_le_bytes());
    head.extend(small(33 + 32 * names.len()));
    head.extend(small(1 + usize::from(WIDTH) * names.len()));
    head.resize(32, 0);
    for name in names {
        let mut field = name.clone().into_bytes();
        field.resize(11, 0);
        field.push(b'C');
        field.resize(16, 0);
        field.push(WIDTH);
        field.resize(32, 0);
        head.extend(field);
    }
    head.push(0x0d);
    out.write_all(&head)?;
    for row in 0..rows {
        out.write_all(b" ")?;
        for c in 0..names.len() {
            let mut cell = GB18030.encode(&value(row, c)).0.into_owned();
            cell.resize(usize::from(WIDTH), b' ');
            out.write_all(&cell)?;
        }
    }
    Ok(())
}

/// A workbook with a shared string for every cell, as spreadsheets write them.
fn workbook(out: BufWriter<File>, names: &[String], rows: usize) -> io::Result<()> {
    let mut zip = ZipWriter::new(out);
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(1))
        .large_file(true);
    let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let parts = [
        ("_rels/.rels", format!("<Relationships><Relationship Id=\"r\" Type=\"{office}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>")),
        ("xl/workbook.xml", "<workbook xmlns:r=\"r\"><sheets><sheet name=\"s\" sheetId=\"1\" r:id=\"s\"/></sheets></workbook>".to_owned()),
        ("xl/_rels/workbook.xml.rels", format!("<Relationships><Relationship Id=\"s\" Type=\"{office}/worksheet\" Target=\"s.xml\"/><Relationship Id=\"t\" Type=\"{office}/sharedStrings\" Target=\"t.xml\"/></Relationships>")),
    ];
    for (name, text) in parts {
        zip.start_file(name, options)?;
        zip.write_all(text.as_bytes())?;
    }
    zip.start_file("xl/t.xml", options)?;
    zip.write_all(b"<sst>")?;
    for name in names {
        write!(zip, "<si><t>{name}</t></si>")?;
    }
    for row in 0..rows {
        for c in 0..names.len() {
            write!(zip, "<si><t>{}</t></si>", value(row, c))?;
        }
    }
    zip.write_all(b"</sst>")?;
    zip.start_file("xl/s.xml", options)?;
    zip.write_all(b"<worksheet><sheetData>")?;
    for row in 0..=rows {
        write!(zip, "<row r=\"{}\">", row + 1)?;
        for c in 0..names.len() {
            let letter = char::from(b'A' + u8::try_from(c).unwrap_or(0));
            write!(
                zip,
                "<c r=\"{letter}{}\" t=\"s\"><v>{}</v></c>",
                row + 1,
                row * names.len() + c
            )?;
        }
        zip.write_all(b"</row>")?;
    }
    zip.write_all(b"</sheetData></worksheet>")?;
    zip.finish()?.flush()
}

fn csv_alone(path: &Path) -> io::Result<usize> {
    let decoded = encoding_rs_io::DecodeReaderBytesBuilder::new()
        .encoding(Some(GB18030))
        .build(File::open(path)?);
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(decoded);
    let (mut record, mut rows) = (csv::StringRecord::new(), 0);
    while reader.read_record(&mut record)? {
        rows += 1;
    }
    Ok(rows)
}

fn read_alone(source: &FileSource, path: &Path) -> io::Result<usize> {
    let mut scratch = || Ok(Box::new(tempfile::tempfile()?) as Box<dyn Scratch>);
    let limits = FormLimits::default();
    let reading = Reading { source, limits: &limits, scratch: &mut scratch, memo: None };
    let mut rows = 0;
    let said = form::read(&mut BufReader::new(File::open(path)?), reading, &mut |item| {
        rows += usize::from(matches!(item, form::Item::Row(_)));
        ControlFlow::Continue(())
    });
    said.map_err(|e| io::Error::other(e.to_string()))?;
    Ok(rows)
}

fn through_the_drop(folder: &Path, source: &FileSource) -> io::Result<usize> {
    let failed = |e: edge::SourceError| io::Error::other(e.to_string());
    let settings = Settings::of("b", folder.to_owned(), source);
    let mut source = FileDrop::open(settings).map_err(failed)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let (mut cursor, mut rows) = (None::<String>, 0);
    loop {
        let page = runtime.block_on(source.read(cursor.as_deref(), NOW, PAGE_ROWS));
        let page = page.map_err(failed)?;
        rows += page.len();
        runtime.block_on(source.committed(&page.cursor)).map_err(failed)?;
        if !page.more {
            return Ok(rows);
        }
        cursor = Some(page.cursor);
    }
}

fn report(form: &str, what: &str, rows: usize, bytes: u64, started: Instant) -> io::Result<()> {
    let seconds = started.elapsed().as_secs_f64();
    let (rate, mb) = (rows as f64 / seconds, bytes as f64 / 1e6);
    let memory = memory_mb().map_or_else(String::new, |mb| format!(", most memory {mb} MB"));
    say(format_args!(
        "{form:5} {what:14} {rate:10.0} rows/s {:7.1} MB/s of {mb:.0} MB{memory}",
        mb / seconds
    ))
}

fn say(line: std::fmt::Arguments<'_>) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}

/// The most memory that this process has had, where the system says.
fn memory_mb() -> Option<u64> {
    let mut status = String::new();
    File::open("/proc/self/status").ok()?.read_to_string(&mut status).ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? / 1024)
}
