//! Limits of what a file may make a reader do, each with a name.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use super::fault;
use crate::text::ROW_BYTES_MAX;

/// Below this an unpacked entry's ratio says nothing.
const RATIO_FROM: u64 = 16 << 20;

/// Limits of the readers; the file's own size is limited by who opens it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormLimits {
    /// Bytes that the entries of an archive (xlsx) may come to together, unpacked; so the texts of a
    /// memo file.
    pub unpacked_bytes_max: u64,
    /// How many times its packed size an entry may have, beyond 16 MiB.
    pub unpacked_ratio_max: u64,
    /// Entries of an archive.
    pub entries_max: u64,
    /// Cells of a workbook.
    pub cells_max: u64,
    /// Cells in the rectangle that a sheet of an old workbook (xls) spans: it is held in memory.
    pub xls_area_max: u64,
    /// Merged ranges of a sheet.
    pub merges_max: u64,
    /// Elements within one another in XML.
    pub depth_max: u64,
    /// Bytes of one tag, text or attribute in XML, of one record in JSON.
    pub token_bytes_max: u64,
}

impl Default for FormLimits {
    fn default() -> Self {
        Self {
            unpacked_bytes_max: 4 << 30,
            unpacked_ratio_max: 400,
            entries_max: 4_000,
            cells_max: 100_000_000,
            xls_area_max: 4_000_000,
            merges_max: 200_000,
            depth_max: 64,
            token_bytes_max: ROW_BYTES_MAX as u64,
        }
    }
}

/// Reads an unpacked entry and stops where it grows beyond what is allowed.
pub(super) struct Unpacked<R> {
    inner: R,
    packed: u64,
    read: u64,
    /// What the archive may still unpack, over all entries.
    budget: Rc<Cell<u64>>,
    limits: FormLimits,
}

impl<R> Unpacked<R> {
    pub(super) const fn new(
        inner: R,
        packed: u64,
        budget: Rc<Cell<u64>>,
        limits: FormLimits,
    ) -> Self {
        Self { inner, packed, read: 0, budget, limits }
    }
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        self.read += n as u64;
        let Some(left) = self.budget.get().checked_sub(n as u64) else {
            let max = self.limits.unpacked_bytes_max;
            return Err(fault::limit("unpacked_bytes_max", max).into());
        };
        self.budget.set(left);
        let max = self.limits.unpacked_ratio_max;
        if self.read > RATIO_FROM && self.read / self.packed.max(1) > max {
            return Err(fault::limit("unpacked_ratio_max", max).into());
        }
        Ok(n)
    }
}

/// Counts what is read for one token; whoever reads sets it back.
pub(super) struct Metered<R> {
    inner: R,
    since: Rc<Cell<u64>>,
    max: u64,
}

impl<R> Metered<R> {
    pub(super) fn new(inner: R, max: u64) -> (Self, Rc<Cell<u64>>) {
        let since = Rc::new(Cell::new(0));
        (Self { inner, since: Rc::clone(&since), max }, since)
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.since.get() > self.max {
            return Err(fault::limit("token_bytes_max", self.max).into());
        }
        let n = self.inner.read(buf)?;
        self.since.set(self.since.get() + n as u64);
        Ok(n)
    }
}
