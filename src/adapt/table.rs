//! Code tables: what the source writes → what the format wants.

use crate::problem::{Pos, Problem, Problems};
use crate::row::RowBuf;
use crate::text::{Encoding, Next, Quote, RowReader, TextSettings};

/// Most rows of a code table.
const TABLE_ROWS_MAX: usize = 100_000;

/// What happens to a value that is not in the table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Otherwise {
    /// A violation: back to the owner.
    #[default]
    Violation,
    /// This code.
    Default(Box<str>),
    /// The value itself; for tables that only mend some spellings.
    Keep,
}

/// A compiled table: sorted by what the source writes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodeTable {
    rows: Vec<(Box<str>, Box<str>)>,
    /// For a value that has no row.
    pub otherwise: Otherwise,
}

/// One line of a table's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableRow {
    /// What the source writes.
    pub from: String,
    /// What the format wants.
    pub to: String,
    /// Line in the file.
    pub line: u32,
}

impl CodeTable {
    /// Of a file's rows.
    pub fn of(rows: &[TableRow], otherwise: Otherwise) -> Self {
        let mut rows: Vec<_> =
            rows.iter().map(|r| (r.from.as_str().into(), r.to.as_str().into())).collect();
        rows.sort();
        Self { rows, otherwise }
    }

    /// The code of a source value that has a row.
    pub fn get(&self, from: &str) -> Option<&str> {
        let at = self.rows.binary_search_by(|(f, _)| (**f).cmp(from)).ok()?;
        self.rows.get(at).map(|(_, to)| &**to)
    }
}

/// Reads `tables/<name>.csv`: UTF-8, header `from,to` or `from,to,note`.
pub(crate) fn read_table(file: &str, bytes: &[u8]) -> (Vec<TableRow>, Vec<Problem>) {
    let mut problems = Problems::of(file);
    let settings = TextSettings { encoding: Encoding::Utf8, delimiter: ',', quote: Quote::Strict };
    let mut reader = RowReader::new(settings);
    reader.feed(bytes, true);
    let mut row = RowBuf::new();
    let mut rows: Vec<TableRow> = Vec::new();
    let mut header = false;
    loop {
        let next = reader.next_row(&mut row);
        let line = u32::try_from(row.number).unwrap_or(u32::MAX);
        let pos = Pos { line, column: 1 };
        match next {
            Next::End | Next::More => break,
            Next::Fault(fault) => {
                problems.push(fault.code(), pos, "", fault.en(), fault.zh());
            }
            Next::Row if !header => {
                header = true;
                let view = row.row();
                reader.expect_columns(view.len());
                let named = view.get(0) == Some("from") && view.get(1) == Some("to");
                if !named || view.len() > 3 || (view.len() == 3 && view.get(2) != Some("note")) {
                    problems.push(
                        "adapter.table_header",
                        pos,
                        "",
                        "the first line must be `from,to` or `from,to,note`",
                        "首行必须是 from,to 或 from,to,note",
                    );
                    break;
                }
            }
            Next::Row => add(&mut rows, &row, pos, &mut problems),
        }
        if rows.len() > TABLE_ROWS_MAX {
            problems.push(
                "adapter.too_large",
                pos,
                "",
                format!("a code table has at most {TABLE_ROWS_MAX} rows"),
                format!("代码表最多 {TABLE_ROWS_MAX} 行"),
            );
            break;
        }
    }
    check_twice(&rows, &mut problems);
    (rows, problems.sorted())
}

fn add(rows: &mut Vec<TableRow>, row: &RowBuf, pos: Pos, problems: &mut Problems) {
    let view = row.row();
    let (from, to) = (view.get(0).unwrap_or_default(), view.get(1).unwrap_or_default());
    if from.is_empty() || to.is_empty() {
        problems.push(
            "adapter.table_empty",
            pos,
            "",
            "both `from` and `to` must have a text; an empty source value needs no row",
            "from 与 to 均不可为空；源值为空时不必列出",
        );
    } else {
        rows.push(TableRow { from: from.into(), to: to.into(), line: pos.line });
    }
}

fn check_twice(rows: &[TableRow], problems: &mut Problems) {
    let mut sorted: Vec<_> = rows.iter().collect();
    sorted.sort_by(|a, b| (&a.from, a.line).cmp(&(&b.from, b.line)));
    for pair in sorted.windows(2) {
        if let [a, b] = pair
            && a.from == b.from
        {
            problems.push(
                "adapter.table_duplicate",
                Pos { line: b.line, column: 1 },
                &b.from,
                format!("this value has a row already, line {}", a.line),
                format!("该值在第 {} 行已列出", a.line),
            );
        }
    }
}
