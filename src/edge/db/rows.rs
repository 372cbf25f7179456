//! Rows as a driver gives them: one arena of bytes.

use crate::page::{NULL, Span};

/// Rows of one width, each value as the database writes it.
#[derive(Debug, Default)]
pub struct Rows {
    width: usize,
    bytes: Vec<u8>,
    cells: Vec<Span>,
    /// There were more, past the bytes that were asked for.
    pub cut: bool,
}

impl Rows {
    /// None yet, each so wide.
    pub fn of_width(width: usize) -> Self {
        Self { width, ..Self::default() }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.cells.len().checked_div(self.width).unwrap_or(0)
    }

    /// Not one.
    pub const fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Values of a row.
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Bytes held.
    pub const fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The next value of the row that is being put.
    pub fn put(&mut self, value: Option<&[u8]>) {
        let Some(value) = value else { return self.cells.push(NULL) };
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(value);
        self.cells.push((start, self.bytes.len() as u32));
    }

    /// The next value, written by `write`.
    pub fn put_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len() as u32;
        write(&mut self.bytes);
        self.cells.push((start, self.bytes.len() as u32));
    }

    /// The next value as hexadecimal digits.
    pub fn put_hex(&mut self, value: &[u8]) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        self.put_with(|out| {
            for byte in value {
                out.extend([DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
            }
        });
    }

    /// One value; none is NULL.
    pub fn cell(&self, row: usize, column: usize) -> Option<&[u8]> {
        let (from, to) = *self.cells.get(row * self.width + column)?;
        self.bytes.get(from as usize..to as usize)
    }
}
