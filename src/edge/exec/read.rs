//! A page of a run: lines become rows until the page is full, the program rests, or it ends.

use std::collections::VecDeque;
use std::time::Duration;

use adapt::Detect;
use adapt::form::singer::{Message, Singer};
use canon::Millis;
use serde::{Deserialize, Serialize};

use super::child::{Heard, Program};
use super::{Exec, Settings};
use crate::error::SourceError;
use crate::page::{BrokenRow, NULL, Page, Pass, join_key};

/// A page that has rows does not wait longer for more.
const COMPANY_MAX: Duration = Duration::from_millis(200);
/// What one turn counts at most of a program's time, ms: a clock that is put forward ends no program.
const TURN_COUNTS_MAX: i64 = 60_000;

/// What the store keeps as opaque text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cursor {
    v: u32,
    /// The last STATE whose rows were all given: JSON text, empty for none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    state: String,
    /// Lines read of the run under way; none between two.
    #[serde(default, skip_serializing_if = "zero")]
    line: u64,
    /// Pages given of the run under way, so that each has a cursor of its own.
    #[serde(default, skip_serializing_if = "zero")]
    pages: u64,
    /// Number of the last run, where rows are compared.
    #[serde(default, skip_serializing_if = "zero")]
    runs: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
const fn zero(n: &u64) -> bool {
    *n == 0
}

impl Cursor {
    fn parse(adapter: &str, text: Option<&str>) -> Result<Self, SourceError> {
        let Some(text) = text else { return Ok(Self { v: 1, ..Self::default() }) };
        let unreadable =
            |detail: String| SourceError::CursorUnreadable { adapter: adapter.into(), detail };
        let cursor: Self = serde_json::from_str(text).map_err(|e| unreadable(e.to_string()))?;
        if cursor.v != 1 {
            return Err(unreadable(format!("edition {}", cursor.v)));
        }
        Ok(cursor)
    }

    fn text(&self) -> String {
        serde_json::to_string(self).expect("strings and numbers always serialize")
    }
}

/// A run under way.
pub(super) struct Run {
    program: Program,
    singer: Singer,
    cursor: Cursor,
    /// The cursor of the last page that was given: only from there it goes on.
    given: String,
    /// When it was last looked after.
    seen: Millis,
    /// How long it has run, ms.
    spent: i64,
    /// How long it has said nothing, ms.
    silent: i64,
    /// A row of another query that is read and not given yet.
    waiting: Option<usize>,
    /// Which queries it has named.
    named: Vec<bool>,
    /// Lines that were no message.
    strange: u64,
    /// It has ended well; these queries' passes have to be told so.
    complete: Option<VecDeque<usize>>,
}

impl Run {
    fn start(
        settings: &Settings,
        mut cursor: Cursor,
        given: String,
        now: Millis,
    ) -> Result<Self, SourceError> {
        let compares = settings.source.read.queries.iter().any(|q| q.detect == Detect::Compare);
        if compares && cursor.line == 0 {
            cursor.runs += 1;
        }
        (cursor.line, cursor.pages) = (0, 0);
        Ok(Self {
            program: Program::start(settings, &cursor.state)?,
            singer: Singer::new(settings.streams(), &settings.source.read),
            cursor,
            given,
            seen: now,
            spent: 0,
            silent: 0,
            waiting: None,
            named: vec![false; settings.streams().len()],
            strange: 0,
            complete: None,
        })
    }
}

impl Exec {
    pub(super) async fn page(
        &mut self,
        cursor: Option<&str>,
        now: Millis,
        limit: usize,
    ) -> Result<Page, SourceError> {
        let text = cursor.unwrap_or_default();
        let mut run = match self.run.take().filter(|run| run.given == text) {
            Some(run) => run,
            // Nothing runs, or what runs is ahead of what was committed.
            None => {
                let cursor = Cursor::parse(&self.settings.adapter, cursor)?;
                Run::start(&self.settings, cursor, text.to_owned(), now)?
            }
        };
        let mut page = Page::empty("".into(), [].into(), String::new());
        let ended = match run.complete {
            Some(_) => true,
            None => self.fill(&mut run, &mut page, now, limit).await?,
        };
        if ended && run.complete.is_none() && page.is_empty() && page.broken.is_empty() {
            run.complete = Some(self.ended(&mut run).await?);
        }
        let over = match &mut run.complete {
            Some(left) => {
                if let Some(query) = left.pop_front() {
                    self.shape(&mut page, query);
                    page.pass = Some(Pass { number: run.cursor.runs, complete: true });
                }
                left.is_empty()
            }
            None => false,
        };
        if over {
            (run.cursor.line, run.cursor.pages) = (0, 0);
            page.cursor = run.cursor.text();
            return Ok(page);
        }
        run.cursor.pages += 1;
        page.more = true;
        page.cursor = run.cursor.text();
        run.given.clone_from(&page.cursor);
        self.run = Some(run);
        Ok(page)
    }

    /// Reads lines into the page; whether the program's output has ended.
    async fn fill(
        &self,
        run: &mut Run,
        page: &mut Page,
        now: Millis,
        limit: usize,
    ) -> Result<bool, SourceError> {
        let limits = &self.settings.limits;
        run.spent = run.spent.saturating_add(now.since(run.seen).clamp(0, TURN_COUNTS_MAX));
        run.seen = now;
        if run.spent > limits.run_max {
            return Err(self.slow(format!("ran longer than {} s", limits.run_max / 1000)));
        }
        if let Some(query) = run.waiting.take() {
            self.shape(page, query);
            self.add(run, query, page);
        }
        while page.len() + page.broken.len() < limit && page.text_bytes() < limits.page_bytes_max {
            let some = !page.is_empty() || !page.broken.is_empty();
            let longest = if some { COMPANY_MAX } else { limits.turn_max };
            let heard = run.program.hear(longest).await.map_err(|e| self.broken_pipe(&e))?;
            match heard {
                Heard::End => return Ok(true),
                Heard::Silence if some => return Ok(false),
                Heard::Silence => {
                    let waited = i64::try_from(limits.turn_max.as_millis()).unwrap_or(i64::MAX);
                    run.silent = run.silent.saturating_add(waited);
                    if run.silent > limits.silence_max {
                        let seconds = limits.silence_max / 1000;
                        return Err(self.slow(format!("said nothing for {seconds} s")));
                    }
                    return Ok(false);
                }
                Heard::Line | Heard::TooLong => run.silent = 0,
            }
            run.cursor.line += 1;
            let message = match std::str::from_utf8(&run.program.line) {
                Ok(line) if line.trim().is_empty() && heard == Heard::Line => continue,
                Ok(line) if heard == Heard::Line => run.singer.line(line),
                _ => Message::None,
            };
            if !self.take(run, page, message)? {
                return Ok(false);
            }
        }
        Ok(false)
    }

    /// Takes a message; whether the page goes on after it.
    fn take(&self, run: &mut Run, page: &mut Page, message: Message) -> Result<bool, SourceError> {
        match message {
            Message::State(state) => run.cursor.state = state,
            Message::Passed => {}
            Message::Batch => {
                let detail = "gives BATCH messages, files that are not read here; switch them off in its configuration";
                return Err(self.not_singer(detail));
            }
            Message::Schema(query, columns) => {
                run.named[query] = true;
                self.fits(query, columns.as_deref())?;
            }
            Message::None => self.strange(run, page)?,
            Message::Row(query) | Message::Fault(query, _) => {
                run.named[query] = true;
                let begun = !page.columns.is_empty();
                if begun && usize::from(page.table) != query {
                    if let Message::Fault(query, fault) = message {
                        // What is wrong with a row stands in whatever page comes.
                        self.faulty(run, query, fault, page);
                        return Ok(true);
                    }
                    run.waiting = Some(query);
                    return Ok(false);
                }
                if !begun {
                    self.shape(page, query);
                }
                match message {
                    Message::Fault(query, fault) => self.faulty(run, query, fault, page),
                    _ => self.add(run, query, page),
                }
            }
        }
        Ok(true)
    }

    fn faulty(&self, run: &Run, query: usize, fault: adapt::RowFault, page: &mut Page) {
        let mut broken = page.broken_row(run.cursor.line, fault);
        let name = &self.settings.source.read.queries[query].name.text;
        broken.reference = format!("{name}:#{}", run.cursor.line);
        page.broken.push(broken);
    }

    /// A line that is no message may have been a row: it is told, and too many end the run.
    fn strange(&self, run: &mut Run, page: &mut Page) -> Result<(), SourceError> {
        run.strange += 1;
        let max = self.settings.limits.strange_lines_max;
        if run.strange > max {
            return Err(
                self.not_singer(&format!("gave more than {max} lines that are no messages"))
            );
        }
        let (line, name) = (run.cursor.line, self.settings.name());
        page.broken.push(BrokenRow {
            // Without the line's number: the same program says the same again in its next run.
            reference: format!("{name}:output"),
            line: Some(line),
            code: "source.not_singer",
            zh: format!("采集程序输出的第 {line} 行不是 Singer 消息，或过长"),
            en: format!("line {line} of the program's output is no Singer message, or too long"),
        });
        Ok(())
    }

    fn shape(&self, page: &mut Page, query: usize) {
        page.table = u16::try_from(query).unwrap_or(u16::MAX);
        page.place = self.settings.source.read.queries[query].name.text.as_str().into();
        page.columns = self.columns[query].clone();
    }

    /// Adds the row that the reader holds.
    fn add(&self, run: &Run, query: usize, page: &mut Page) {
        let said = &self.settings.source.read.queries[query];
        let row = run.singer.row.row();
        let whole = said.detect == Detect::Compare;
        let part = |key: &adapt::Text| {
            let column = said.columns.iter().position(|c| c.text == key.text)?;
            row.get(column).or_else(|| (!whole).then_some(""))
        };
        let key: Option<Vec<&str>> = said.key.iter().map(part).collect();
        if whole {
            page.pass = Some(Pass { number: run.cursor.runs, complete: false });
        }
        let Some(key) = key else { return page.without_key() };
        let mut joined = String::new();
        join_key(&key, &mut joined);
        for column in 0..said.columns.len() {
            let span = row.get(column).map_or(NULL, |text| page.put(text));
            page.cells.push(span);
        }
        let key = page.put(&joined);
        page.keys.push(key);
        page.rows += 1;
    }

    /// Whether a stream has what its query reads.
    fn fits(&self, query: usize, properties: Option<&[String]>) -> Result<(), SourceError> {
        let Some(properties) = properties else { return Ok(()) };
        let said = &self.settings.source.read.queries[query];
        let first = |path: &str| path.split('/').next().unwrap_or_default().to_owned();
        let missing = said.columns.iter().find(|c| !properties.contains(&first(&c.text)));
        let Some(missing) = missing else { return Ok(()) };
        let near = adapt::nearest(&missing.text, properties.iter().map(String::as_str));
        let near = near.map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
        Err(SourceError::Schema {
            adapter: self.settings.adapter.clone(),
            table: self.settings.streams()[query].clone(),
            detail: format!("the stream's SCHEMA has no `{}`{near}", missing.text),
        })
    }

    /// The output has ended: how the run went; the queries whose passes are complete with it.
    async fn ended(&self, run: &mut Run) -> Result<VecDeque<usize>, SourceError> {
        let status = run.program.end().await.map_err(|e| self.broken_pipe(&e))?;
        let failed = match status {
            None => Some("closed its output and did not end".to_owned()),
            Some(status) if !status.success() => Some(format!("ended with {status}")),
            Some(_) => None,
        };
        if let Some(how) = failed {
            let said = run.program.last_words();
            return Err(self.failed(format!("{how}; its last words: {said}")));
        }
        if let Some(query) = run.named.iter().position(|named| !named) {
            return Err(SourceError::Schema {
                adapter: self.settings.adapter.clone(),
                table: self.settings.streams()[query].clone(),
                detail: "the program never named this stream; see its catalogue".into(),
            });
        }
        let queries = self.settings.source.read.queries.iter().enumerate();
        Ok(queries.filter(|(_, q)| q.detect == Detect::Compare).map(|(at, _)| at).collect())
    }

    fn failed(&self, detail: String) -> SourceError {
        let (adapter, program) = (self.settings.adapter.clone(), self.settings.name());
        SourceError::ProgramFailed { adapter, program, detail }
    }

    fn slow(&self, detail: String) -> SourceError {
        let (adapter, program) = (self.settings.adapter.clone(), self.settings.name());
        SourceError::ProgramSlow { adapter, program, detail }
    }

    fn not_singer(&self, detail: &str) -> SourceError {
        let (adapter, program) = (self.settings.adapter.clone(), self.settings.name());
        SourceError::NotSinger { adapter, program, detail: detail.to_owned() }
    }

    fn broken_pipe(&self, e: &std::io::Error) -> SourceError {
        self.failed(format!("its output cannot be read: {e}"))
    }
}
