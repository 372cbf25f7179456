//! A sink of JSON lines: one file a day, and beside it what a replay found missing there.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use canon::Day;
use roaring::RoaringTreemap;
use serde::{Deserialize, Serialize};

use crate::error::SinkError;
use crate::os;
use crate::sink::{KeptRecord, Sink};
use crate::source::BoxFuture;

/// Longest line a sink file is believed to hold, bytes: a fragment, its escapes and its facts.
const LINE_BYTES_MAX: u64 = 8 << 20;

#[derive(Serialize)]
struct Line<'a> {
    watermark: u64,
    #[serde(rename = "type")]
    kind: &'a str,
    key: String,
    version: u32,
    window: String,
    op: &'static str,
    format: &'a str,
    fragment: &'a str,
}

#[derive(Deserialize)]
struct Tail {
    watermark: u64,
}

/// One `YYYY-MM-DD.jsonl` a window in a folder; a line a record version, never changed or deleted. What a
/// replay does not find there goes to `YYYY-MM-DD.again.jsonl` beside it: the service may be writing.
#[derive(Debug)]
pub struct FilesSink {
    name: String,
    folder: PathBuf,
    /// The highest watermark in each window's file. By file, because a crash may fall between two.
    taken: BTreeMap<Day, u64>,
    again: Option<Again>,
}

/// A replay under way: nobody else's is, and which watermarks the files of each window have.
#[derive(Debug)]
struct Again {
    _lock: os::DirLock,
    there: BTreeMap<Day, RoaringTreemap>,
}

impl FilesSink {
    /// Opens the folder and finds how far it is. A line that a crash left half written is cut off.
    pub fn open(name: &str, folder: &Path) -> Result<Self, SinkError> {
        let taken = Self::read(name, folder)?;
        Ok(Self { name: name.to_owned(), folder: folder.to_owned(), taken, again: None })
    }

    /// The highest watermark in each window's file.
    fn read(name: &str, folder: &Path) -> Result<BTreeMap<Day, u64>, SinkError> {
        let at = At(name);
        os::make_dir(folder).map_err(|e| at.io("make", folder, &e))?;
        let mut taken = BTreeMap::new();
        for file in os::files(folder).map_err(|e| at.io("list", folder, &e))? {
            let Some(day) = file.strip_suffix(".jsonl").and_then(Day::parse) else { continue };
            if let Some(mark) = at.end(&folder.join(file))? {
                taken.insert(day, mark);
            }
        }
        Ok(taken)
    }

    /// The highest watermark taken.
    pub fn taken(&self) -> u64 {
        self.taken.values().copied().max().unwrap_or_default()
    }

    fn write(&mut self, batch: &[KeptRecord<'_>]) -> Result<(), SinkError> {
        let new = |r: &&KeptRecord<'_>| self.taken.get(&r.window).is_none_or(|t| r.watermark > *t);
        for (day, (marks, lines)) in by_day(batch.iter().filter(new)) {
            self.append(&format!("{day}.jsonl"), &lines)?;
            self.taken.extend(marks.max().map(|highest| (day, highest)));
        }
        Ok(())
    }

    fn append(&self, file: &str, lines: &[u8]) -> Result<(), SinkError> {
        let path = self.folder.join(file);
        os::append(&path, lines).map_err(|e| At(&self.name).io("append to", &path, &e))
    }

    /// The replay that this is part of.
    fn replay(&mut self) -> Result<Again, SinkError> {
        if let Some(again) = self.again.take() {
            return Ok(again);
        }
        let (at, path) = (At(&self.name), self.folder.join(".again.lock"));
        let lock = os::lock(&path).map_err(|e| at.io("lock", &path, &e))?;
        let taken = std::io::Error::other("another replay is under way");
        let lock = lock.ok_or_else(|| at.io("lock", &path, &taken))?;
        Ok(Again { _lock: lock, there: BTreeMap::new() })
    }

    /// Adds what no file of the window has; a line that is there is never touched.
    fn fill(&mut self, batch: &[KeptRecord<'_>]) -> Result<(), SinkError> {
        let mut again = self.replay()?;
        let at = At(&self.name);
        for day in batch.iter().map(|r| r.window) {
            if again.there.contains_key(&day) {
                continue;
            }
            let more = self.folder.join(format!("{day}.again.jsonl"));
            let mut there = at.marks(&self.folder.join(format!("{day}.jsonl")))?;
            if more.exists() {
                at.end(&more)?;
                there |= at.marks(&more)?;
            }
            again.there.insert(day, there);
        }
        let lacks = |r: &&KeptRecord<'_>| {
            again.there.get(&r.window).is_none_or(|there| !there.contains(r.watermark))
        };
        for (day, (marks, lines)) in by_day(batch.iter().filter(lacks)) {
            self.append(&format!("{day}.again.jsonl"), &lines)?;
            *again.there.entry(day).or_default() |= marks;
        }
        self.again = Some(again);
        Ok(())
    }
}

/// Lines by window, with their watermarks.
fn by_day<'a>(
    records: impl Iterator<Item = &'a KeptRecord<'a>>,
) -> BTreeMap<Day, (RoaringTreemap, Vec<u8>)> {
    let mut days: BTreeMap<Day, (RoaringTreemap, Vec<u8>)> = BTreeMap::new();
    for record in records {
        let line = Line {
            watermark: record.watermark,
            kind: &record.id.kind,
            key: record.id.key.to_string(),
            version: record.id.version,
            window: record.window.to_string(),
            op: if record.void { "void" } else { "put" },
            format: record.edition,
            fragment: record.fragment,
        };
        let (marks, out) = days.entry(record.window).or_default();
        // The same twice in a batch is one line.
        if marks.insert(record.watermark) {
            serde_json::to_writer(&mut *out, &line).expect("strings and numbers always serialize");
            out.push(b'\n');
        }
    }
    days
}

/// Reads files for the sink of this name.
struct At<'a>(&'a str);

impl At<'_> {
    fn io(&self, what: &'static str, path: &Path, e: &std::io::Error) -> SinkError {
        SinkError::Io {
            sink: self.0.to_owned(),
            what,
            path: path.display().to_string(),
            detail: e.to_string(),
        }
    }

    fn damaged(&self, path: &Path, detail: String) -> SinkError {
        SinkError::Damaged { sink: self.0.to_owned(), path: path.display().to_string(), detail }
    }

    /// The watermark of a file's last line, whatever a crash left half written behind it cut off.
    fn end(&self, path: &Path) -> Result<Option<u64>, SinkError> {
        let (whole, line) = last_line(path)
            .map_err(|e| self.io("read", path, &e))?
            .ok_or_else(|| self.damaged(path, "no line ends in its last part".into()))?;
        os::truncate(path, whole).map_err(|e| self.io("cut", path, &e))?;
        if line.is_empty() {
            return Ok(None);
        }
        let tail: Tail = serde_json::from_slice(&line)
            .map_err(|e| self.damaged(path, format!("its last line is no record: {e}")))?;
        Ok(Some(tail.watermark))
    }

    /// The watermarks of a file's whole lines; none where there is no file.
    fn marks(&self, path: &Path) -> Result<RoaringTreemap, SinkError> {
        let mut marks = RoaringTreemap::new();
        let file = match File::open(path) {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(marks),
            Err(e) => return Err(self.io("read", path, &e)),
        };
        let mut lines = BufReader::new(file);
        let mut line = Vec::new();
        for n in 1_u64.. {
            line.clear();
            let read = (&mut lines).take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
            read.map_err(|e| self.io("read", path, &e))?;
            // The service may be in the middle of the last one.
            if line.last() != Some(&b'\n') {
                break;
            }
            let tail: Tail = serde_json::from_slice(&line)
                .map_err(|e| self.damaged(path, format!("line {n} is no record: {e}")))?;
            marks.insert(tail.watermark);
        }
        Ok(marks)
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

    fn again<'a>(
        &'a mut self,
        batch: &'a [KeptRecord<'a>],
    ) -> BoxFuture<'a, Result<(), SinkError>> {
        Box::pin(async move { self.fill(batch) })
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
    use canon::{Key, RecordId};

    use super::*;

    fn with<T>(marks: &[(u64, i32)], take: impl FnOnce(&[KeptRecord<'_>]) -> T) -> T {
        let id = RecordId { kind: "SL".into(), key: Key::new("ns", &["1"]), version: 2 };
        let one = |(watermark, day): &(u64, i32)| KeptRecord {
            watermark: *watermark,
            id: &id,
            window: Day(*day),
            envelope: "x",
            edition: "supervision/1",
            void: false,
            fragment: "<SL>\n\"</SL>",
        };
        take(&marks.iter().map(one).collect::<Vec<_>>())
    }

    fn deliver(sink: &mut FilesSink, marks: &[(u64, i32)]) {
        with(marks, |batch| sink.write(batch)).unwrap();
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

    #[test]
    fn a_replay_fills_what_the_files_lack_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let day = dir.path().join(format!("{}.jsonl", Day(100)));
        let more = dir.path().join(format!("{}.again.jsonl", Day(100)));
        let mut sink = FilesSink::open("files", dir.path()).unwrap();
        deliver(&mut sink, &[(1, 100), (2, 100), (3, 100), (4, 101)]);
        let replay = |marks: &[(u64, i32)]| {
            let mut sink = FilesSink::open("files", dir.path()).unwrap();
            with(marks, |batch| sink.fill(batch))
        };
        replay(&[(1, 100), (2, 100), (3, 100), (4, 101)]).unwrap();
        assert!(!more.exists(), "nothing is missing");
        // Somebody took the day's file away; the service went on.
        std::fs::remove_file(&day).unwrap();
        deliver(&mut sink, &[(5, 100)]);
        for _ in 0..2 {
            replay(&[(1, 100), (2, 100), (3, 100), (4, 101), (5, 100)]).unwrap();
            let text = std::fs::read_to_string(&more).unwrap();
            assert_eq!(text.lines().count(), 3, "{text}");
            // The next one finds a line that a crash left half written.
            std::fs::write(&more, &text.as_bytes()[..text.len() - 5]).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&day).unwrap().lines().count(), 1);
        // What a replay wrote is no news of how far the sink is.
        assert_eq!(FilesSink::open("files", dir.path()).unwrap().taken(), 5);
        let mut first = FilesSink::open("files", dir.path()).unwrap();
        with(&[(1, 100)], |batch| first.fill(batch)).unwrap();
        assert!(replay(&[(1, 100)]).unwrap_err().to_string().contains("another replay"));
    }
}
