//! The rows of a file that is no plain text, read once from its beginning to its end and laid down
//! beside the processed files, so that pages, restarts and other instances go on at a byte offset.
//!
//! The same bytes under the same package give the same rows: what is gone is made again.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use adapt::form::{self, FileFault, FormError, Item, Reading, Scratch};
use adapt::{RowBuf, RowFault};
use canon::DigestAlg;
use serde::{Deserialize, Serialize};

use super::file::Step;
use super::{Settings, beside};
use crate::os;
use crate::page::Page;

/// Begins the name of such a file.
const PREFIX: &str = ".rows-";
/// Raised when readers give other rows of the same bytes, or when this text changes.
const EDITION: u32 = 1;
/// The last bytes of a whole one.
const END: &[u8; 8] = b"\nrowsend";
/// A value that is not there.
const NULL: u32 = u32::MAX;

const PART: u8 = b'p';
const ROW: u8 = b'r';
const FAULT: u8 = b'f';
const TOLD: u8 = b't';

/// What is said after the rows.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct After {
    pub(super) cut_off: bool,
    pub(super) notes: Vec<(String, String)>,
}

/// The part that rows belong to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Part {
    /// Index of the query.
    pub(super) query: u16,
    /// The sheet's name; empty where the file has no parts.
    pub(super) name: String,
}

/// Rows open for reading.
pub(super) struct LaidRows {
    file: BufReader<File>,
    /// Where its rows end.
    size: u64,
}

/// Where the rows of a file's content lie.
fn path(settings: &Settings, digest: &str) -> PathBuf {
    let source = &settings.source;
    let columns: Vec<&str> =
        source.queries.iter().flat_map(|q| &q.columns).map(|c| c.text.as_str()).collect();
    let how = format!("{EDITION} {:?} {columns:?}", source.form);
    let name = DigestAlg::default().of(&[digest.as_bytes(), how.as_bytes()]).to_string();
    let name: String = name.rsplit(':').next().unwrap_or_default().chars().take(32).collect();
    settings.folder.join(&source.done).join(format!("{PREFIX}{name}"))
}

/// Removes the rows of one content: its file is done.
pub(super) fn forget(settings: &Settings, digest: &str) -> io::Result<()> {
    os::remove(&path(settings, digest))
}

/// Removes the rows of files that are read, and of readings that broke off.
pub(super) fn clear(settings: &Settings) -> io::Result<()> {
    let done = settings.folder.join(&settings.source.done);
    for name in os::files(&done)?.iter().filter(|n| n.starts_with(PREFIX)) {
        os::remove(&done.join(name))?;
    }
    Ok(())
}

/// The rows of a file, laid down if they are not there.
pub(super) fn of(settings: &Settings, file: &Path, digest: &str) -> Result<LaidRows, FormError> {
    let path = path(settings, digest);
    if let Some(rows) = LaidRows::open(&path)? {
        return Ok(rows);
    }
    clear(settings)?;
    let part = path.with_extension("part");
    if let Err(e) = make(settings, file, &part) {
        os::remove(&part)?;
        return Err(e);
    }
    os::rename(&part, &path)?;
    LaidRows::open(&path)?.ok_or_else(|| io::Error::from(io::ErrorKind::Interrupted).into())
}

fn make(settings: &Settings, from: &Path, to: &Path) -> Result<(), FormError> {
    let mut file = BufReader::with_capacity(64 << 10, File::open(from)?);
    let folder = settings.folder.join(&settings.source.done);
    let mut scratch = || {
        // What does not fit into memory stays on the disk the file came to.
        let file = tempfile::SpooledTempFile::new_in(settings.limits.scratch_memory_max, &folder);
        Ok(Box::new(file) as Box<dyn Scratch>)
    };
    let source = &settings.source;
    // Read here and there, a block at a time.
    let memo = beside::memo(source, from)?.map(|(path, _)| File::open(path));
    let mut memo = memo.transpose()?;
    let memo = memo.as_mut().map(|m| m as &mut dyn form::FileDyn);
    let (limits, scratch) = (&settings.limits.form, &mut scratch);
    let reading = Reading { source, limits, scratch, memo };
    let mut out = Writer { out: BufWriter::with_capacity(256 << 10, File::create(to)?), bytes: 0 };
    let max = settings.limits.rows_bytes_max;
    let mut failed: Result<(), FormError> = Ok(());
    let told = form::read(&mut file, reading, &mut |item| {
        failed = out.item(&item).map_err(FormError::Io);
        if failed.is_ok() && out.bytes > max {
            failed = Err(FileFault::limit("rows_bytes_max", max).into());
        }
        if failed.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    failed?;
    let after = After { cut_off: told.cut_off, notes: told.notes };
    let text = serde_json::to_vec(&after).map_err(io::Error::from)?;
    out.out.write_all(&[TOLD])?;
    out.text(&text)?;
    out.out.write_all(END)?;
    let file = out.out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all().map_err(FormError::Io)
}

struct Writer {
    out: BufWriter<File>,
    bytes: u64,
}

impl Writer {
    fn item(&mut self, item: &Item<'_>) -> io::Result<()> {
        match item {
            Item::Part { query, name } => {
                self.out.write_all(&[PART])?;
                let part = Part {
                    query: u16::try_from(*query).unwrap_or(u16::MAX),
                    name: (*name).to_owned(),
                };
                self.text(&serde_json::to_vec(&part)?)
            }
            Item::Row(row) => self.row(row),
            Item::Fault { number, fault } => {
                self.out.write_all(&[FAULT])?;
                self.out.write_all(&number.to_le_bytes())?;
                self.text(&serde_json::to_vec(fault)?)
            }
        }
    }

    fn row(&mut self, row: &RowBuf) -> io::Result<()> {
        self.out.write_all(&[ROW])?;
        self.out.write_all(&row.number.to_le_bytes())?;
        let view = row.row();
        for i in 0..view.len() {
            match view.get(i) {
                Some(value) => self.text(value.as_bytes())?,
                None => self.out.write_all(&NULL.to_le_bytes())?,
            }
        }
        Ok(())
    }

    fn text(&mut self, text: &[u8]) -> io::Result<()> {
        let length = u32::try_from(text.len()).unwrap_or(NULL - 1);
        self.bytes += 16 + u64::from(length);
        self.out.write_all(&length.to_le_bytes())?;
        self.out.write_all(text)
    }
}

impl LaidRows {
    /// Rows laid down whole; none where there are none, or only a beginning.
    fn open(path: &Path) -> io::Result<Option<Self>> {
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e),
        };
        let size = file.seek(SeekFrom::End(0))?;
        let Some(rows) = size.checked_sub(END.len() as u64) else { return Ok(None) };
        let mut end = [0; END.len()];
        file.seek(SeekFrom::Start(rows))?;
        file.read_exact(&mut end)?;
        let whole = end == *END;
        Ok(whole.then(|| Self { file: BufReader::with_capacity(256 << 10, file), size: rows }))
    }

    /// Reads the next page of one part's rows into `page`, from an offset. Gives how far it came and,
    /// at the end, what is said after the rows.
    pub(super) fn read_page(
        &mut self,
        settings: &Settings,
        (mut offset, mut line): (u64, u64),
        part: &mut Part,
        limit: usize,
        page: &mut Page,
    ) -> io::Result<(Step, After)> {
        let mut at = self.file.stream_position()?;
        if at != offset {
            at = self.file.seek(SeekFrom::Start(offset))?;
        }
        let mut text = Vec::new();
        settings.shape(page, part);
        loop {
            let full = page.rows + page.broken.len() >= limit
                || page.text_bytes() >= settings.limits.page_bytes_max;
            if full || at >= self.size {
                break;
            }
            let kind = self.byte(&mut at)?;
            match kind {
                PART => {
                    self.value(&mut at, &mut text)?;
                    if page.rows + page.broken.len() > 0 {
                        // The next part has a page of its own.
                        break;
                    }
                    *part = serde_json::from_slice(&text)?;
                    settings.shape(page, part);
                }
                ROW => {
                    line = self.number(&mut at)?;
                    for _ in 0..page.columns.len() {
                        let there = self.value(&mut at, &mut text)?;
                        let value = std::str::from_utf8(&text).map_err(|_| damaged())?;
                        let span = if there { page.put(value) } else { crate::page::NULL };
                        page.cells.push(span);
                    }
                    page.lines.push(line);
                    page.rows += 1;
                }
                FAULT => {
                    line = self.number(&mut at)?;
                    self.value(&mut at, &mut text)?;
                    let fault: RowFault = serde_json::from_slice(&text)?;
                    page.broken.push(page.broken_row(line, fault));
                }
                TOLD => {
                    self.value(&mut at, &mut text)?;
                    let after: After = serde_json::from_slice(&text)?;
                    let cut_off = after.cut_off;
                    return Ok((Step { offset: at, line, eof: true, cut_off }, after));
                }
                _ => return Err(damaged()),
            }
            offset = at;
        }
        Ok((Step { offset, line, eof: false, cut_off: false }, After::default()))
    }

    fn byte(&mut self, at: &mut u64) -> io::Result<u8> {
        let mut one = [0];
        self.file.read_exact(&mut one)?;
        *at += 1;
        Ok(one[0])
    }

    fn number(&mut self, at: &mut u64) -> io::Result<u64> {
        let mut eight = [0; 8];
        self.file.read_exact(&mut eight)?;
        *at += 8;
        Ok(u64::from_le_bytes(eight))
    }

    /// A value into `text`; whether there is one.
    fn value(&mut self, at: &mut u64, text: &mut Vec<u8>) -> io::Result<bool> {
        let mut four = [0; 4];
        self.file.read_exact(&mut four)?;
        *at += 4;
        let length = u32::from_le_bytes(four);
        text.clear();
        if length == NULL {
            return Ok(false);
        }
        if u64::from(length) > self.size {
            return Err(damaged());
        }
        text.resize(length as usize, 0);
        self.file.read_exact(text)?;
        *at += u64::from(length);
        Ok(true)
    }
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the rows laid down beside the file are damaged")
}
