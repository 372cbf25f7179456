//! Figures, for people and for programs.

use serde::Serialize;

use super::meter::Taken;
use crate::text::Table;

/// One measured stage, chain or floor.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Line {
    /// What was measured.
    pub(crate) name: String,
    /// Records handled.
    pub(crate) records: u64,
    /// Bytes read or written.
    pub(crate) bytes: u64,
    /// Time.
    pub(crate) taken: Taken,
}

impl Line {
    /// A line.
    pub(crate) fn new(name: &str, records: u64, bytes: u64, taken: Taken) -> Self {
        Self { name: name.to_owned(), records, bytes, taken }
    }

    /// Records a second.
    pub(crate) fn rate(&self) -> f64 {
        self.records as f64 / self.taken.wall.max(1e-9)
    }

    /// CPU microseconds a record.
    pub(crate) fn cpu_us(&self) -> f64 {
        self.taken.cpu * 1e6 / (self.records as f64).max(1.0)
    }
}

/// Lines as a table.
pub(crate) fn table(lines: &[Line]) -> Vec<String> {
    let mut table =
        Table::new(["stage", "records", "wall s", "records/s", "MB/s", "CPU s", "CPU µs/record"]);
    for line in lines {
        table.row([
            line.name.clone(),
            line.records.to_string(),
            format!("{:.2}", line.taken.wall),
            format!("{:.0}", line.rate()),
            format!("{:.1}", line.bytes as f64 / 1e6 / line.taken.wall.max(1e-9)),
            format!("{:.2}", line.taken.cpu),
            format!("{:.1}", line.cpu_us()),
        ]);
    }
    table.lines()
}
