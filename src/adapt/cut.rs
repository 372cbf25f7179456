//! One row cut out of the beginning of a text, quotes obeyed where they can be.

use crate::row::RowBuf;

/// Most lines one quoted value may span.
pub const QUOTED_LINES_MAX: usize = 200;

pub(crate) enum Outcome {
    Row {
        taken: usize,
        lines: usize,
        ended: bool,
    },
    /// A quote is open at the end of the text.
    Open,
    /// Text follows a closing quote, or the opening one was none.
    Stray,
}

/// Cuts one row out of the beginning of a text, quotes obeyed.
pub(crate) struct Cut<'t> {
    pub(crate) text: &'t str,
    pub(crate) delimiter: char,
}

impl Cut<'_> {
    pub(crate) fn row(&self, row: &mut RowBuf, end: usize, strict: bool) -> Outcome {
        let mut at = 0;
        let mut lines = 1;
        loop {
            let rest = self.text.get(at..end).unwrap_or_default();
            let length = match rest.strip_prefix('"') {
                Some(inside) => match self.quoted(inside, row, strict) {
                    Ok((n, more)) => {
                        lines += more;
                        n + 1
                    }
                    Err(outcome) => return outcome,
                },
                None => {
                    let n = rest.find([self.delimiter, '\n']).unwrap_or(rest.len());
                    let value = rest.get(..n).unwrap_or_default();
                    let bare = if rest.get(n..).is_some_and(|t| t.starts_with('\n')) {
                        value.strip_suffix('\r').unwrap_or(value)
                    } else {
                        value
                    };
                    row.push(Some(bare));
                    n
                }
            };
            at += length;
            let after = self.text.get(at..end).unwrap_or_default();
            if after.starts_with(self.delimiter) {
                at += self.delimiter.len_utf8();
                continue;
            }
            let ended = after.starts_with('\n') || after.starts_with("\r\n");
            let line_end = if after.starts_with("\r\n") { 2 } else { usize::from(ended) };
            return Outcome::Row { taken: at + line_end, lines, ended };
        }
    }

    /// A value after its opening quote: how many bytes it takes with its closing quote, and how
    /// many line ends are in it.
    fn quoted(
        &self,
        inside: &str,
        row: &mut RowBuf,
        strict: bool,
    ) -> Result<(usize, usize), Outcome> {
        let mut from = 0;
        let mut stray = false;
        let close = loop {
            let Some(n) = inside.get(from..).and_then(|t| t.find('"')) else {
                // No value goes on for ever: whoever reads on need not hold more than these lines.
                let lines = inside.bytes().filter(|b| *b == b'\n').take(QUOTED_LINES_MAX + 1);
                let endless = lines.count() > QUOTED_LINES_MAX;
                return Err(if endless { Outcome::Stray } else { Outcome::Open });
            };
            let at = from + n;
            let after = inside.get(at + 1..).unwrap_or_default();
            if after.starts_with('"') {
                from = at + 2;
                continue;
            }
            let closes = after.is_empty()
                || after.starts_with([self.delimiter, '\n'])
                || after.starts_with("\r\n")
                // The rest of the line end may still be to come.
                || after == "\r";
            if closes {
                break at;
            }
            if strict {
                return Err(Outcome::Stray);
            }
            stray = true;
            from = at + 1;
            // Within this line it must close, so only this line is searched.
            let rest = inside.get(from..).unwrap_or_default();
            let line = rest.find('\n').and_then(|end| rest.get(..end));
            if line.is_some_and(|line| !line.contains('"')) {
                return Err(Outcome::Stray);
            }
        };
        let value = inside.get(..close).unwrap_or_default();
        let lines = value.bytes().filter(|b| *b == b'\n').count();
        // A stray quote and a line end in one value: the opening quote was the stray one, and going
        // on would swallow rows.
        if lines > QUOTED_LINES_MAX || (stray && lines > 0) {
            return Err(Outcome::Stray);
        }
        if value.contains("\"\"") {
            row.push_with(|out| {
                for (i, piece) in value.split("\"\"").enumerate() {
                    if i > 0 {
                        out.push('"');
                    }
                    out.push_str(piece);
                }
            });
        } else {
            row.push(Some(value));
        }
        Ok((close + 1, lines))
    }

    /// The line cut at every delimiter, quotes kept as they are.
    pub(crate) fn plain(&self, row: &mut RowBuf) {
        for value in self.text.split(self.delimiter) {
            row.push(Some(value));
        }
    }
}
