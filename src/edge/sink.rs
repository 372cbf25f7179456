//! Where kept records leave: the trait, and a sink of JSON lines, one file a day.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use canon::{Day, RecordId};
use serde::{Deserialize, Serialize};

use crate::error::SinkError;
use crate::os;
use crate::source::BoxFuture;

/// Longest line a sink file is believed to hold, bytes: a fragment, its escapes and its facts.
const LINE_BYTES_MAX: u64 = 8 << 20;

/// Watermarks of one envelope: a record's is the envelope's ordinal times this, plus its position.
pub const POSITIONS: u64 = 1 << 20;

/// A kept record on its way out.
#[derive(Clone, Debug)]
pub struct KeptRecord<'a> {
    /// The caller's count of kept records; rises from record to record.
    pub watermark: u64,
    /// Which record and version.
    pub id: &'a RecordId,
    /// The sender's window.
    pub window: Day,
    /// The envelope that brought it.
    pub envelope: &'a str,
    /// The version withdraws the record.
    pub void: bool,
    /// The exact bytes that were signed.
    pub fragment: &'a str,
}

/// Takes kept records.
pub trait Sink: Send {
    /// Takes records in rising watermark order. What was taken before is passed over, so that a batch
    /// may be given again after a crash. When it returns, all are durable.
    fn deliver<'a>(
        &'a mut self,
        batch: &'a [KeptRecord<'a>],
    ) -> BoxFuture<'a, Result<(), SinkError>>;

    /// Takes records that may have been taken before: a replay. What is there is written over by the
    /// same, the watermark never goes back.
    fn again<'a>(
        &'a mut self,
        _batch: &'a [KeptRecord<'a>],
    ) -> BoxFuture<'a, Result<(), SinkError>> {
        Box::pin(std::future::ready(Err(SinkError::NoReplay)))
    }

    /// The highest watermark that the place itself says it has; none where it cannot tell.
    fn reached(&mut self) -> BoxFuture<'_, Result<Option<u64>, SinkError>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// What the sink has changed about its place since it was last asked, for the audit.
    fn news(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// Records that the place refused one by one, since it was last asked: they are not given again
    /// by themselves, and must be seen.
    fn set_aside(&mut self) -> Vec<SetAside> {
        Vec::new()
    }

    /// Another process may have delivered meanwhile: what is remembered of how far it is, is old.
    fn look_again(&mut self) -> BoxFuture<'_, Result<(), SinkError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// A record that a sink's place refuses while it takes the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAside {
    /// Its watermark: from there it can be given again.
    pub watermark: u64,
    /// Type, key and version.
    pub record: String,
    /// The place's own code.
    pub code: String,
    /// The place's own words.
    pub text: String,
}

#[derive(Serialize)]
struct Line<'a> {
    watermark: u64,
    #[serde(rename = "type")]
    kind: &'a str,
    key: String,
    version: u32,
    window: String,
    op: &'static str,
    fragment: &'a str,
}

#[derive(Deserialize)]
struct Tail {
    watermark: u64,
}

/// One `YYYY-MM-DD.jsonl` a window in a folder; a line a record version, never changed or deleted.
#[derive(Debug)]
pub struct FilesSink {
    name: String,
    folder: PathBuf,
    /// The highest watermark in each window's file. By file, because a crash may fall between two.
    taken: BTreeMap<Day, u64>,
}

impl FilesSink {
    /// Opens the folder and finds how far it is. A line that a crash left half written is cut off.
    pub fn open(name: &str, folder: &Path) -> Result<Self, SinkError> {
        let taken = Self::read(name, folder)?;
        Ok(Self { name: name.to_owned(), folder: folder.to_owned(), taken })
    }

    /// The highest watermark in each window's file.
    fn read(name: &str, folder: &Path) -> Result<BTreeMap<Day, u64>, SinkError> {
        let io = |what: &'static str, path: &Path, e: std::io::Error| SinkError::Io {
            sink: name.to_owned(),
            what,
            path: path.display().to_string(),
            detail: e.to_string(),
        };
        os::make_dir(folder).map_err(|e| io("make", folder, e))?;
        let mut taken = BTreeMap::new();
        for file in os::files(folder).map_err(|e| io("list", folder, e))? {
            let Some(day) = file.strip_suffix(".jsonl").and_then(Day::parse) else { continue };
            let path = folder.join(file);
            let damaged = |detail: String| SinkError::Damaged {
                sink: name.to_owned(),
                path: path.display().to_string(),
                detail,
            };
            let (whole, line) = last_line(&path)
                .map_err(|e| io("read", &path, e))?
                .ok_or_else(|| damaged("no line ends in its last part".into()))?;
            os::truncate(&path, whole).map_err(|e| io("cut", &path, e))?;
            if !line.is_empty() {
                let tail: Tail = serde_json::from_slice(&line)
                    .map_err(|e| damaged(format!("its last line is no record: {e}")))?;
                taken.insert(day, tail.watermark);
            }
        }
        Ok(taken)
    }

    /// The highest watermark taken.
    pub fn taken(&self) -> u64 {
        self.taken.values().copied().max().unwrap_or_default()
    }

    fn write(&mut self, batch: &[KeptRecord<'_>]) -> Result<(), SinkError> {
        let mut days: BTreeMap<Day, (u64, Vec<u8>)> = BTreeMap::new();
        let new = |r: &&KeptRecord<'_>| self.taken.get(&r.window).is_none_or(|t| r.watermark > *t);
        for record in batch.iter().filter(new) {
            let line = Line {
                watermark: record.watermark,
                kind: &record.id.kind,
                key: record.id.key.to_string(),
                version: record.id.version,
                window: record.window.to_string(),
                op: if record.void { "void" } else { "put" },
                fragment: record.fragment,
            };
            let (highest, out) = days.entry(record.window).or_default();
            serde_json::to_writer(&mut *out, &line).expect("strings and numbers always serialize");
            out.push(b'\n');
            *highest = record.watermark;
        }
        for (day, (highest, lines)) in days {
            let path = self.folder.join(format!("{day}.jsonl"));
            os::append(&path, &lines).map_err(|e| SinkError::Io {
                sink: self.name.clone(),
                what: "append to",
                path: path.display().to_string(),
                detail: e.to_string(),
            })?;
            self.taken.insert(day, highest);
        }
        Ok(())
    }
}

/// Bytes of whole lines, and the last of them; none if no line ends where one must.
fn last_line(path: &Path) -> std::io::Result<Option<(u64, Vec<u8>)>> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    let from = size.saturating_sub(2 * LINE_BYTES_MAX);
    file.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let Some(end) = memchr::memrchr(b'\n', &tail) else {
        return Ok((from == 0).then_some((0, Vec::new())));
    };
    let start = memchr::memrchr(b'\n', &tail[..end]).map_or(0, |at| at + 1);
    Ok(Some((from + end as u64 + 1, tail[start..end].to_vec())))
}

impl Sink for FilesSink {
    fn deliver<'a>(
        &'a mut self,
        batch: &'a [KeptRecord<'a>],
    ) -> BoxFuture<'a, Result<(), SinkError>> {
        Box::pin(async move { self.write(batch) })
    }

    fn look_again(&mut self) -> BoxFuture<'_, Result<(), SinkError>> {
        Box::pin(async move {
            self.taken = Self::read(&self.name, &self.folder)?;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use canon::Key;

    use super::*;

    fn deliver(sink: &mut FilesSink, marks: &[(u64, i32)]) {
        let id = RecordId { kind: "SL".into(), key: Key::new("ns", &["1"]), version: 2 };
        let batch: Vec<_> = marks
            .iter()
            .map(|(watermark, day)| KeptRecord {
                watermark: *watermark,
                id: &id,
                window: Day(*day),
                envelope: "x",
                void: false,
                fragment: "<SL>\n\"</SL>",
            })
            .collect();
        sink.write(&batch).unwrap();
    }

    fn lines(dir: &Path, day: i32) -> usize {
        std::fs::read_to_string(dir.join(format!("{}.jsonl", Day(day)))).unwrap().lines().count()
    }

    #[test]
    fn a_batch_given_again_after_a_crash_counts_once() {
        let dir = tempfile::tempdir().unwrap();
        let mut sink = FilesSink::open("files", dir.path()).unwrap();
        deliver(&mut sink, &[(1, 100), (2, 101), (3, 100)]);
        deliver(&mut sink, &[(2, 101), (3, 100), (4, 100)]);
        assert_eq!((lines(dir.path(), 100), lines(dir.path(), 101)), (3, 1));
        // The crash fell between two files, and in the middle of a line.
        let path = dir.path().join(format!("{}.jsonl", Day(100)));
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, &text.as_bytes()[..text.len() - 5]).unwrap();
        let mut sink = FilesSink::open("files", dir.path()).unwrap();
        assert_eq!(sink.taken(), 3);
        deliver(&mut sink, &[(2, 101), (3, 100), (4, 100), (5, 101)]);
        assert_eq!((lines(dir.path(), 100), lines(dir.path(), 101)), (3, 2));
        let text = std::fs::read_to_string(&path).unwrap();
        let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!((&last["watermark"], &last["fragment"]), (&4.into(), &"<SL>\n\"</SL>".into()));
    }

    #[test]
    fn a_foreign_file_stops_the_sink() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(format!("{}.jsonl", Day(100))), "hello\n").unwrap();
        assert_eq!(FilesSink::open("files", dir.path()).unwrap_err().code(), "source.sink_damaged");
    }
}
