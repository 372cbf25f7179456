//! Rows of a sheet under a header of one or several rows, with merged cells, to rows of a query.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::fault::{FileFault, FormError, limit};
use super::{Item, Take, Told, header};
use crate::row::{RowBuf, is_blank};
use crate::source::{Query, Sheet};
use crate::text::{COLUMNS_MAX, ROW_BYTES_MAX, RowFault};
use crate::tree::Text;

/// First row number that no sheet has.
pub(super) const ROWS_END: u32 = 1_048_577;
/// Columns of a sheet.
pub(super) const COLUMNS_END: u32 = 16_384;

/// What a package wants of a workbook.
pub(super) struct Wanted<'a> {
    pub(super) queries: &'a [Query],
    /// How each query's sheet is read.
    pub(super) sheets: &'a [Sheet],
}

/// A merged range, both ends included: row (from 1), column (from 0).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Merge {
    pub(super) first: (u32, u32),
    pub(super) last: (u32, u32),
}

impl Merge {
    fn has(&self, row: u32, column: u32) -> bool {
        (self.first.0..=self.last.0).contains(&row)
            && (self.first.1..=self.last.1).contains(&column)
    }
}

/// The cells of a row that hold something, used again and again.
#[derive(Default)]
pub(super) struct Cells {
    text: String,
    /// Column, first byte, byte after the last; by column.
    spans: Vec<(u32, usize, usize)>,
    /// For whoever fills the cells.
    pub(super) scratch: String,
}

impl Cells {
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.spans.clear();
    }

    /// Puts a cell; a second one in the same place does not count.
    pub(super) fn put(&mut self, column: u32, write: impl FnOnce(&mut String)) {
        let from = self.text.len();
        write(&mut self.text);
        if let Err(at) = self.spans.binary_search_by_key(&column, |s| s.0) {
            self.spans.insert(at, (column, from, self.text.len()));
        }
    }

    pub(super) fn get(&self, column: u32) -> &str {
        let at = self.spans.binary_search_by_key(&column, |s| s.0).ok();
        let span = at.and_then(|at| self.spans.get(at));
        span.and_then(|(_, from, to)| self.text.get(*from..*to)).unwrap_or_default()
    }

    /// Column and text, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &str)> {
        self.spans
            .iter()
            .filter_map(|(column, from, to)| Some((*column, self.text.get(*from..*to)?)))
    }
}

/// The header of several rows: each column's texts from above to below, joined.
pub(super) fn joined(
    head: &BTreeMap<(u32, u32), String>,
    rows: std::ops::Range<u32>,
    merges: &[Merge],
    join: &str,
) -> Vec<String> {
    let merges: Vec<&Merge> =
        merges.iter().filter(|m| m.first.0 < rows.end && m.last.0 >= rows.start).collect();
    let own = head.keys().map(|(_, column)| column + 1).max().unwrap_or(0);
    let spread = merges.iter().map(|m| m.last.1 + 1).max().unwrap_or(0);
    let width = own.max(spread.min(own + COLUMNS_MAX as u32)).min(COLUMNS_END);
    let mut out = Vec::new();
    for column in 0..width {
        let (mut parts, mut before): (Vec<&str>, Option<&Merge>) = (Vec::new(), None);
        for row in rows.clone() {
            let merge = merges.iter().find(|m| m.has(row, column)).copied();
            let again = merge.is_some() && merge == before;
            before = merge;
            let place = merge.map_or((row, column), |m| m.first);
            let text = head.get(&place).map_or("", |t| t.trim_matches(is_blank));
            if !again && !text.is_empty() {
                parts.push(text);
            }
        }
        out.push(parts.join(join));
    }
    out
}

/// One sheet on its way to rows.
pub(super) struct Grid<'a> {
    sheet: &'a Sheet,
    columns: &'a [Text],
    merges: Vec<Merge>,
    next_merge: usize,
    head: BTreeMap<(u32, u32), String>,
    /// Where the wanted columns stand; none before the header is whole.
    pick: Option<Vec<u32>>,
    /// For each filled column the range that it is in, and its text.
    filling: Vec<Option<(Merge, String)>>,
    stopped: bool,
    hidden: u64,
    out: RowBuf,
}

impl<'a> Grid<'a> {
    pub(super) fn new(sheet: &'a Sheet, columns: &'a [Text], mut merges: Vec<Merge>) -> Self {
        merges.sort_unstable_by_key(|m| m.first);
        Self {
            sheet,
            columns,
            merges,
            next_merge: 0,
            head: BTreeMap::new(),
            pick: None,
            filling: vec![None; sheet.fill_down.len()],
            stopped: false,
            hidden: 0,
            out: RowBuf::new(),
        }
    }

    /// The sheet said itself that its rows end here.
    pub(super) const fn stopped(&self) -> bool {
        self.stopped
    }

    fn head_rows(&self) -> std::ops::Range<u32> {
        self.sheet.header_row..self.sheet.header_row + self.sheet.header_rows
    }

    pub(super) fn row(
        &mut self,
        number: u32,
        hidden: bool,
        cells: &Cells,
        take: &mut Take<'_>,
    ) -> Result<ControlFlow<()>, FormError> {
        if self.head_rows().contains(&number) {
            if cells.spans.len() > COLUMNS_MAX {
                return Err(limit("COLUMNS_MAX", COLUMNS_MAX as u64).into());
            }
            let texts = cells.iter().map(|(column, text)| ((number, column), text.to_owned()));
            self.head.extend(texts);
        }
        if number < self.sheet.first_row {
            return Ok(ControlFlow::Continue(()));
        }
        let pick = match self.pick.take() {
            Some(pick) => pick,
            None => self.found()?,
        };
        let first = cells.iter().map(|(_, t)| t.trim_matches(is_blank)).find(|t| !t.is_empty());
        let stop = |text: &str| self.sheet.stop.iter().any(|s| text.starts_with(s.as_str()));
        if first.is_some_and(stop) {
            (self.stopped, self.pick) = (true, Some(pick));
            return Ok(ControlFlow::Break(()));
        }
        self.fill(number, cells, &pick);
        let flow = if pick.iter().all(|c| cells.get(*c).trim_matches(is_blank).is_empty()) {
            ControlFlow::Continue(())
        } else {
            self.hidden += u64::from(hidden);
            self.give(number, cells, &pick, take)
        };
        self.pick = Some(pick);
        Ok(flow)
    }

    /// Where the wanted columns stand.
    fn found(&self) -> Result<Vec<u32>, FileFault> {
        let names = joined(&self.head, self.head_rows(), &self.merges, &self.sheet.join);
        let wanted = self.columns.iter().map(|c| c.text.as_str());
        let pick = header::pick_cells(&names, wanted)?;
        Ok(pick.into_iter().map(|c| u32::try_from(c).unwrap_or(u32::MAX)).collect())
    }

    /// Which merged ranges the filled columns are in, at this row.
    fn fill(&mut self, number: u32, cells: &Cells, pick: &[u32]) {
        for slot in &mut self.filling {
            if slot.as_ref().is_some_and(|(merge, _)| merge.last.0 < number) {
                *slot = None;
            }
        }
        while let Some(merge) = self.merges.get(self.next_merge).filter(|m| m.first.0 <= number) {
            self.next_merge += 1;
            for (slot, wanted) in self.filling.iter_mut().zip(&self.sheet.fill_down) {
                if pick.get(*wanted).is_some_and(|column| merge.has(number, *column)) {
                    let own = if merge.first.0 == number { cells.get(merge.first.1) } else { "" };
                    *slot = Some((*merge, own.to_owned()));
                }
            }
        }
    }

    fn give(
        &mut self,
        number: u32,
        cells: &Cells,
        pick: &[u32],
        take: &mut Take<'_>,
    ) -> ControlFlow<()> {
        self.out.clear();
        self.out.number = u64::from(number);
        let mut bytes = 0;
        for (wanted, column) in pick.iter().enumerate() {
            let mut text = cells.get(*column);
            if text.is_empty()
                && let Some(at) = self.sheet.fill_down.iter().position(|f| *f == wanted)
                && let Some(Some((_, filled))) = self.filling.get(at)
            {
                text = filled;
            }
            bytes += text.len();
            self.out.push(Some(text));
        }
        if bytes > ROW_BYTES_MAX {
            return take(Item::Fault { number: u64::from(number), fault: RowFault::TooLong });
        }
        take(Item::Row(&self.out))
    }

    /// The sheet is read: was there a header, what is to be said?
    pub(super) fn end(&mut self, name: &str, told: &mut Told) -> Result<(), FileFault> {
        if self.pick.is_none() {
            self.found()?;
        }
        if self.hidden > 0 {
            let n = self.hidden;
            told.notes.push((
                format!("工作表『{name}』有 {n} 个隐藏行，已一并读取"),
                format!("sheet `{name}` has {n} hidden rows; they were read as well"),
            ));
        }
        Ok(())
    }
}
