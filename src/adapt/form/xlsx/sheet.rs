//! One sheet: its merged ranges, its rows of cells as texts.

use std::io::{Read, Seek};
use std::ops::ControlFlow;

use quick_xml::events::{BytesStart, Event};

use super::super::fault::{FormError, damaged, limit};
use super::super::grid::{COLUMNS_END, Cells, Merge, ROWS_END};
use super::super::limits::FormLimits;
use super::super::number;
use super::super::xml_read::{attribute, put_text};
use super::Book;
use super::package::{Package, Part};
use super::strings::{rich, unescape};

/// Takes a row: its number, whether it is hidden, its cells.
pub(super) type Each<'e> = dyn FnMut(u32, bool, &Cells) -> Result<ControlFlow<()>, FormError> + 'e;

/// The merged ranges; they stand after the rows in the file.
pub(super) fn merges<R: Read + Seek>(
    package: &mut Package<R>,
    part: &str,
    limits: &FormLimits,
) -> Result<Vec<Merge>, FormError> {
    let Some(mut xml) = package.part(part)? else { return Err(damaged("a sheet").into()) };
    let mut out = Vec::new();
    while let Some(event) = xml.next()? {
        let Event::Start(start) = event else { continue };
        if start.local_name().as_ref() != "mergeCell" {
            continue;
        }
        let range = attribute(&start, "ref")?.unwrap_or_default();
        let (first, last) = range.split_once(':').unwrap_or((&range, &range));
        if let (Some(first), Some(last)) = (place(first), place(last)) {
            out.push(Merge { first, last });
        }
        if out.len() as u64 > limits.merges_max {
            return Err(limit("merges_max", limits.merges_max).into());
        }
    }
    Ok(out)
}

/// Gives every row that the sheet has, in order.
pub(super) fn rows<R: Read + Seek>(
    package: &mut Package<R>,
    part: &str,
    book: &mut Book,
    (limits, cells_left): (&FormLimits, &mut u64),
    each: &mut Each<'_>,
) -> Result<ControlFlow<()>, FormError> {
    let Some(mut xml) = package.part(part)? else { return Err(damaged("a sheet").into()) };
    let mut cells = Cells::default();
    let (mut row, mut hidden, mut column) = (0_u32, false, 0_u32);
    while let Some(event) = xml.next()? {
        match event {
            Event::Start(start) => match start.local_name().as_ref() {
                "row" => {
                    let said = attribute(&start, "r")?.and_then(|r| r.parse::<u32>().ok());
                    let next = said.unwrap_or(row + 1);
                    if next <= row || next >= ROWS_END {
                        return Err(damaged("a row's number").into());
                    }
                    (row, column) = (next, 0);
                    hidden = attribute(&start, "hidden")?.is_some_and(|h| h == "1" || h == "true");
                    cells.clear();
                }
                "c" => {
                    let cell = Cell::of(&start, &mut column)?;
                    cell.read(&mut xml, book, &mut cells)?;
                    *cells_left = cells_left
                        .checked_sub(1)
                        .ok_or_else(|| limit("cells_max", limits.cells_max))?;
                }
                _ => {}
            },
            Event::End(end) => match end.local_name().as_ref() {
                "row" if each(row, hidden, &cells)?.is_break() => {
                    return Ok(ControlFlow::Break(()));
                }
                "sheetData" => break,
                _ => {}
            },
            _ => {}
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// What kind of value a cell says it holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Shared,
    Inline,
    Text,
    Bool,
}

struct Cell {
    column: u32,
    kind: Kind,
    style: usize,
}

impl Cell {
    fn of(start: &BytesStart<'_>, next: &mut u32) -> Result<Self, FormError> {
        let (mut column, mut kind, mut style) = (*next, Kind::Number, 0);
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|_| damaged("an attribute"))?;
            let value: &str = &attribute.value;
            match attribute.key.as_ref() {
                "r" => column = place(value).ok_or_else(|| damaged("a cell's place"))?.1,
                "t" => {
                    kind = match value {
                        "s" => Kind::Shared,
                        "inlineStr" => Kind::Inline,
                        "b" => Kind::Bool,
                        "n" => Kind::Number,
                        // A formula's text, an error, a time as text.
                        _ => Kind::Text,
                    };
                }
                "s" => style = value.parse().unwrap_or(0),
                _ => {}
            }
        }
        *next = column + 1;
        Ok(Self { column, kind, style })
    }

    /// Reads up to the cell's end.
    fn read<R: Read + Seek>(
        &self,
        xml: &mut Part<'_, R>,
        book: &mut Book,
        cells: &mut Cells,
    ) -> Result<(), FormError> {
        let (mut value, mut inside) = (std::mem::take(&mut cells.scratch), false);
        value.clear();
        loop {
            let Some(event) = xml.next()? else { return Err(damaged("a cell").into()) };
            match &event {
                Event::Start(start) => match start.local_name().as_ref() {
                    "v" => inside = true,
                    "is" => {
                        drop(event);
                        rich(xml, "is", &mut value)?;
                    }
                    _ => {}
                },
                Event::End(end) => match end.local_name().as_ref() {
                    "v" => inside = false,
                    "c" => break,
                    _ => {}
                },
                event if inside => put_text(event, &mut value)?,
                _ => {}
            }
        }
        if !value.is_empty() {
            self.put(&mut value, book, cells)?;
        }
        cells.scratch = value;
        Ok(())
    }

    fn put(&self, value: &mut String, book: &mut Book, cells: &mut Cells) -> Result<(), FormError> {
        let mut failed = Ok(());
        cells.put(self.column, |out| match self.kind {
            Kind::Shared => {
                let number = value.trim().parse().unwrap_or(usize::MAX);
                failed = match &mut book.strings {
                    Some(strings) => strings.put(number, out),
                    None => Err(damaged("a cell names a string that is not there").into()),
                };
            }
            Kind::Number => match value.trim().parse::<f64>() {
                Ok(n) => {
                    let look = book.looks.get(self.style).copied().unwrap_or_default();
                    number::put(n, look, book.late, out);
                }
                Err(_) => out.push_str(value),
            },
            Kind::Bool => out.push_str(match value.trim() {
                "1" | "true" => "TRUE",
                _ => "FALSE",
            }),
            Kind::Text => {
                unescape(value);
                out.push_str(value);
            }
            Kind::Inline => out.push_str(value),
        });
        failed
    }
}

/// `AB12` as row (from 1) and column (from 0).
fn place(text: &str) -> Option<(u32, u32)> {
    let letters = text.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (name, row) = text.split_at_checked(letters)?;
    let mut column = 0_u32;
    for b in name.bytes() {
        column = column * 26 + u32::from(b.to_ascii_uppercase() - b'A') + 1;
        if column > COLUMNS_END {
            return None;
        }
    }
    let row: u32 = row.parse().ok()?;
    (column > 0 && row > 0 && row < ROWS_END).then(|| (row, column - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_within_the_sheet() {
        assert_eq!(place("A1"), Some((1, 0)));
        assert_eq!(place("AB12"), Some((12, 27)));
        assert_eq!(place("XFD1048576"), Some((1_048_576, 16_383)));
        for wrong in ["XFE1", "A0", "1", "A", "", "AAAAAAAAA1", "A1048577", "甲1"] {
            assert_eq!(place(wrong), None, "{wrong}");
        }
    }
}
