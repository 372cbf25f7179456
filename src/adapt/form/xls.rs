//! Workbooks of before 2007 (xls), through `calamine`, which holds them in memory: what they claim is
//! looked at first.

use std::io::{Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{Data, Reader as _, SheetVisible, Xls};

use super::fault::{self, FormError, damaged, limit, no_sheet, not_this};
use super::grid::{COLUMNS_END, Cells, Grid, Merge, Wanted};
use super::limits::FormLimits;
use super::number::{self, Look};
use super::{Item, Take, Told};

/// Largest file that is read whole.
const BYTES_MAX: u64 = 256 << 20;

type Book<'f, F> = Xls<&'f mut F>;
/// Takes a row: its number, its cells.
type Each<'e> = dyn FnMut(u32, &Cells) -> Result<ControlFlow<()>, FormError> + 'e;

pub(super) fn read<F: Read + Seek>(
    file: &mut F,
    wanted: &Wanted<'_>,
    limits: &FormLimits,
    take: &mut Take<'_>,
) -> Result<Told, FormError> {
    let mut book = open(file, limits)?;
    let mut told = Told::default();
    for (query, want) in wanted.sheets.iter().enumerate() {
        for name in chosen(want.sheet.as_deref(), &book)? {
            if take(Item::Part { query, name: &name }).is_break() {
                return Ok(told);
            }
            let columns = wanted.queries.get(query).map_or(&[][..], |q| &q.columns);
            let mut grid = Grid::new(want, columns, merges(&book, &name));
            let mut enough = false;
            rows(&mut book, &name, &mut |number, cells| {
                let flow = grid.row(number, false, cells, take)?;
                enough = flow.is_break() && !grid.stopped();
                Ok(flow)
            })?;
            grid.end(&name, &mut told)?;
            if enough {
                return Ok(told);
            }
        }
    }
    Ok(told)
}

/// Every row of every sheet that a person sees, as it is: for a first look.
pub(super) fn raw<F: Read + Seek>(
    file: &mut F,
    limits: &FormLimits,
    rows_max: usize,
) -> Result<Vec<super::look::RawSheet>, FormError> {
    let mut book = open(file, limits)?;
    let shown = |s: &&calamine::Sheet| s.visible == SheetVisible::Visible;
    let names: Vec<String> =
        book.sheets_metadata().iter().filter(shown).map(|s| s.name.clone()).collect();
    let mut out = Vec::new();
    for name in names {
        let mut sheet = super::look::RawSheet::new(name.clone(), merges(&book, &name));
        rows(&mut book, &name, &mut |number, cells| {
            sheet.push(number, cells);
            sheet.more = sheet.rows.len() >= rows_max;
            let enough = sheet.more;
            Ok(if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        out.push(sheet);
    }
    Ok(out)
}

fn open<'f, F: Read + Seek>(
    file: &'f mut F,
    limits: &FormLimits,
) -> Result<Book<'f, F>, FormError> {
    let bytes = file.seek(SeekFrom::End(0))?;
    if bytes > BYTES_MAX {
        return Err(limit("BYTES_MAX", BYTES_MAX).into());
    }
    claims(file, limits)?;
    file.seek(SeekFrom::Start(0))?;
    // A library that stumbles over a file must not take the process with it.
    match catch_unwind(AssertUnwindSafe(|| Xls::new(file))) {
        Ok(Ok(book)) => Ok(book),
        Ok(Err(calamine::XlsError::Password)) => Err(fault::encrypted().into()),
        Ok(Err(calamine::XlsError::Io(e))) => Err(e.into()),
        Ok(Err(e)) => Err(damaged(&e.to_string()).into()),
        Err(_) => Err(damaged("the workbook cannot be understood").into()),
    }
}

/// Looks through the records for cells so far apart that holding them would take all memory.
fn claims<F: Read + Seek>(file: &mut F, limits: &FormLimits) -> Result<(), FormError> {
    file.seek(SeekFrom::Start(0))?;
    let mut compound = cfb::CompoundFile::open(&mut *file).map_err(FormError::from)?;
    if compound.is_stream("/EncryptedPackage") {
        return Err(fault::encrypted().into());
    }
    let name = ["/Workbook", "/Book", "/WORKBOOK"].into_iter().find(|n| compound.is_stream(n));
    let Some(name) = name else { return Err(not_this("xlsx / xls").into()) };
    let mut stream = std::io::BufReader::new(compound.open_stream(name)?);
    let (mut area, mut rows, mut columns) = (0_u64, 0_u64, 0_u64);
    loop {
        let mut head = [0; 4];
        if stream.read_exact(&mut head).is_err() {
            break;
        }
        let kind = u16::from_le_bytes([head[0], head[1]]);
        let length = usize::from(u16::from_le_bytes([head[2], head[3]]));
        let mut data = vec![0; length];
        if stream.read_exact(&mut data).is_err() {
            break;
        }
        let two = |at: usize| {
            let pair = data.get(at..at + 2).and_then(|p| p.try_into().ok());
            u64::from(pair.map_or(0, u16::from_le_bytes))
        };
        match kind {
            // A sheet begins: the one before took what it took.
            0x0809 => (area, rows, columns) = (area + rows * columns, 0, 0),
            0x0006 | 0x00fd | 0x0201 | 0x0203 | 0x0204 | 0x0205 | 0x027e => {
                (rows, columns) = (rows.max(two(0) + 1), columns.max(two(2) + 1));
            }
            // Several cells of a row; the last column stands last.
            0x00bd | 0x00be => {
                let last = two(2).max(two(length.saturating_sub(2)));
                (rows, columns) = (rows.max(two(0) + 1), columns.max(last + 1));
            }
            _ => {}
        }
        if area + rows * columns > limits.xls_area_max || columns > u64::from(COLUMNS_END) {
            return Err(limit("xls_area_max", limits.xls_area_max).into());
        }
    }
    Ok(())
}

fn chosen<F: Read + Seek>(
    pattern: Option<&str>,
    book: &Book<'_, F>,
) -> Result<Vec<String>, FormError> {
    let shown = |s: &&calamine::Sheet| s.visible == SheetVisible::Visible;
    let sheets = book.sheets_metadata().iter();
    let found: Vec<String> = match pattern {
        None => sheets.filter(shown).map(|s| s.name.clone()).take(1).collect(),
        Some(pattern) => sheets
            .filter(|s| {
                let name = s.name.trim();
                name == pattern || (shown(s) && super::look::matches(pattern, name))
            })
            .map(|s| s.name.clone())
            .collect(),
    };
    if found.is_empty() {
        return Err(no_sheet(pattern.unwrap_or("*")).into());
    }
    Ok(found)
}

fn merges<F: Read + Seek>(book: &Book<'_, F>, name: &str) -> Vec<Merge> {
    let found = book.merge_cells_by_sheet_name(name).unwrap_or_default();
    let one = |d: &calamine::Dimensions| Merge {
        first: (d.start.0 + 1, d.start.1),
        last: (d.end.0 + 1, d.end.1),
    };
    found.iter().map(one).collect()
}

fn rows<F: Read + Seek>(
    book: &mut Book<'_, F>,
    name: &str,
    each: &mut Each<'_>,
) -> Result<(), FormError> {
    let late = book.has_1904_epoch();
    let range = book.worksheet_range(name).map_err(|e| damaged(&e.to_string()))?;
    let Some((first_row, first_column)) = range.start() else { return Ok(()) };
    let mut cells = Cells::default();
    for (number, row) in (first_row + 1..).zip(range.rows()) {
        cells.clear();
        for (column, value) in (first_column..).zip(row) {
            if !matches!(value, Data::Empty) {
                cells.put(column, |out| put(value, late, out));
            }
        }
        if each(number, &cells)?.is_break() {
            break;
        }
    }
    Ok(())
}

fn put(value: &Data, late: bool, out: &mut String) {
    match value {
        Data::Int(n) => number::put(*n as f64, Look::Plain, false, out),
        Data::Float(n) => number::put(*n, Look::Plain, false, out),
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => {
            out.push_str(text);
        }
        Data::Bool(yes) => out.push_str(if *yes { "TRUE" } else { "FALSE" }),
        Data::DateTime(time) => number::put(time.as_f64(), Look::Moment, late, out),
        Data::Error(e) => out.push_str(&e.to_string()),
        Data::Empty => {}
    }
}
