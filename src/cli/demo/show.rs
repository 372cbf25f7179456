//! How the story is shown: scenes, lines, tables, and a table that moves while a terminal looks on.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::text::{Lang, Out, Table, width};

/// Longest silence.
const NOW_AND_THEN: Duration = Duration::from_secs(20);

/// Where the story goes.
pub(crate) struct Show {
    /// Language and form.
    pub(crate) out: Out,
    /// `--fast`: nobody looks on.
    pub(crate) fast: bool,
    /// Lines can be drawn over.
    terminal: bool,
    /// Lines of the moving table on the screen.
    drawn: usize,
    /// When something was shown last.
    last: Instant,
}

impl Show {
    /// A show on standard output.
    pub(crate) fn new(out: Out, fast: bool) -> Self {
        let fast = fast || out.json;
        let terminal = !fast && io::stdout().is_terminal();
        Self { out, fast, terminal, drawn: 0, last: Instant::now() }
    }

    /// The language.
    pub(crate) fn lang(&self) -> Lang {
        self.out.lang
    }

    /// The next scene begins.
    pub(crate) fn scene(&mut self, number: usize, en: &str, zh: &str) -> io::Result<()> {
        self.settle();
        if !self.fast {
            self.line("")?;
        }
        let title = self.out.of(en, zh);
        self.line(format!("[{number}] {title}"))
    }

    /// A line of what happened; always shown.
    pub(crate) fn say(&mut self, en: impl Into<String>, zh: impl Into<String>) -> io::Result<()> {
        self.settle();
        let text = self.out.of(en.into(), zh.into());
        self.line(format!("    {text}"))
    }

    /// A line now and then while nothing else is shown: that things go on.
    pub(crate) fn now_and_then(
        &mut self,
        en: impl Into<String>,
        zh: impl Into<String>,
    ) -> io::Result<()> {
        if self.terminal || self.last.elapsed() < NOW_AND_THEN {
            return Ok(());
        }
        self.say(en, zh)
    }

    /// A line of explanation; not for scripts.
    pub(crate) fn tell(&mut self, en: impl Into<String>, zh: impl Into<String>) -> io::Result<()> {
        if self.fast { Ok(()) } else { self.say(en, zh) }
    }

    /// A table; always shown.
    pub(crate) fn table(&mut self, table: &Grid) -> io::Result<()> {
        self.settle();
        for line in table.lines() {
            self.line(format!("    {line}"))?;
        }
        Ok(())
    }

    /// A line as it is.
    pub(crate) fn line(&self, text: impl std::fmt::Display) -> io::Result<()> {
        if self.out.json {
            return Ok(());
        }
        self.out.text(text)
    }

    /// Draws lines over the ones drawn last; only a terminal sees them.
    pub(crate) fn draw(&mut self, lines: &[String]) -> io::Result<()> {
        if !self.terminal {
            return Ok(());
        }
        // A line too long for the screen is cut and not wrapped: else drawing over it would slip.
        let mut text = String::from("\x1b[?7l");
        if self.drawn > 0 {
            text.push_str(&format!("\x1b[{}A", self.drawn));
        }
        for line in lines {
            text.push_str("\x1b[2K    ");
            text.push_str(line);
            text.push('\n');
        }
        text.push_str("\x1b[?7h");
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()?;
        self.drawn = lines.len();
        Ok(())
    }

    /// Whether moving tables are seen.
    pub(crate) const fn is_live(&self) -> bool {
        self.terminal
    }

    /// What was drawn stays; whatever comes is written below it.
    pub(crate) fn settle(&mut self) {
        self.last = Instant::now();
        self.drawn = 0;
    }

    /// Takes away what was drawn, so that the same can be said in its final form.
    pub(crate) fn wipe(&mut self) -> io::Result<()> {
        if self.drawn == 0 {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        write!(out, "\x1b[{}A\x1b[J", self.drawn)?;
        out.flush()?;
        self.drawn = 0;
        Ok(())
    }

    /// Time to read.
    pub(crate) async fn pause(&self, ms: u64) {
        if !self.fast {
            tokio::time::sleep(Duration::from_millis(ms)).await;
        }
    }
}

/// A table whose columns of numbers end at the same place.
#[derive(Debug, Default)]
pub(crate) struct Grid {
    rows: Vec<Vec<String>>,
}

impl Grid {
    /// A table under a header.
    pub(crate) fn new(header: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let mut grid = Self::default();
        grid.row(header);
        grid
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// Whether there is more than a header.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.len() < 2
    }

    /// The lines, columns aligned.
    pub(crate) fn lines(&self) -> Vec<String> {
        let columns = self.rows.first().map_or(0, Vec::len);
        let ends: Vec<Option<usize>> = (0..columns).map(|n| self.end(n)).collect();
        let mut table = Table::default();
        for row in &self.rows {
            table.row(row.iter().enumerate().map(|(n, cell)| {
                let pad = ends.get(n).copied().flatten().map_or(0, |end| end - width(cell));
                format!("{}{cell}", " ".repeat(pad))
            }));
        }
        table.lines()
    }

    /// Where a column of numbers ends; none if there is anything else in it.
    fn end(&self, column: usize) -> Option<usize> {
        let number =
            |c: &String| !c.is_empty() && c.chars().all(|c| c.is_ascii_digit() || " -".contains(c));
        let mut data = self.rows.iter().skip(1).filter_map(|r| r.get(column)).peekable();
        data.peek()?;
        if !data.all(number) {
            return None;
        }
        self.rows.iter().filter_map(|r| r.get(column)).map(|c| width(c)).max()
    }
}

/// A number for people: `3 104`.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + 4);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(c);
    }
    out
}

/// `n thing` or `n things`.
pub(crate) fn plural(n: u64, one: &str) -> String {
    format!("{} {one}{}", count(n), if n == 1 { "" } else { "s" })
}

/// Records in so many milliseconds, as records a second; none where nothing was measured.
pub(crate) fn rate(records: u64, millis: u64) -> Option<u64> {
    records.saturating_mul(1000).checked_div(millis).filter(|n| *n > 0)
}

/// A path as a shell takes it.
pub(crate) fn shell(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_end_at_the_same_place() {
        let mut grid = Grid::new(["节点", "采集", ""]);
        assert!(grid.is_empty());
        grid.row(["a", "1 234", "x1"]);
        grid.row(["b", "-", "2"]);
        assert_eq!(grid.lines(), ["节点   采集", "a     1 234  x1", "b         -  2"]);
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(3104), "3 104");
        assert_eq!(count(1_234_567), "1 234 567");
        assert_eq!(plural(1, "record"), "1 record");
        assert_eq!(plural(2, "record"), "2 records");
        assert_eq!(rate(500, 250), Some(2000));
        assert_eq!(rate(5, 0), None);
        assert_eq!(rate(0, 5), None);
        assert_eq!(shell(Path::new("./a-b/c.d")), "./a-b/c.d");
        assert_eq!(shell(Path::new("it's")), "'it'\\''s'");
    }
}
