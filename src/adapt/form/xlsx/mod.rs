//! Workbooks (xlsx): which sheets there are, and their rows one after the other.
//!
//! Shared strings lie on a scratch file: a sheet of 300 000 rows has millions of them. Formulas are
//! not looked at, only the values stored with them; nothing outside the file is ever opened.

mod package;
mod sheet;
mod strings;
mod styles;

use std::collections::BTreeMap;
use std::io::{Read, Seek};
use std::ops::ControlFlow;

use quick_xml::events::Event;

use self::package::Package;
use self::strings::Strings;
use super::fault::{FormError, damaged, no_sheet};
use super::grid::{Grid, Wanted};
use super::limits::FormLimits;
use super::number::Look;
use super::xml_read::attribute;
use super::{Item, MakeScratch, Take, Told};

/// What every sheet is read with.
pub(super) struct Book {
    strings: Option<Strings>,
    looks: Vec<Look>,
    /// Times count from 1904.
    late: bool,
}

/// A sheet of the workbook.
pub(super) struct SheetAt {
    /// Its name.
    pub(super) name: String,
    /// Not shown to a person.
    pub(super) hidden: bool,
    part: String,
}

pub(super) fn read(
    file: &mut (impl Read + Seek),
    wanted: &Wanted<'_>,
    limits: &FormLimits,
    scratch: &mut MakeScratch<'_>,
    take: &mut Take<'_>,
) -> Result<Told, FormError> {
    let (mut package, mut book, sheets) = open(file, limits, scratch)?;
    let mut told = Told::default();
    let mut cells_left = limits.cells_max;
    for (query, want) in wanted.sheets.iter().enumerate() {
        let found = chosen(want.sheet.as_deref(), &sheets)?;
        for at in found {
            let sheet = sheets.get(at).ok_or_else(|| damaged("a sheet"))?;
            if take(Item::Part { query, name: &sheet.name }).is_break() {
                return Ok(told);
            }
            let merges = if want.header_rows > 1 || !want.fill_down.is_empty() {
                sheet::merges(&mut package, &sheet.part, limits)?
            } else {
                Vec::new()
            };
            let columns = wanted.queries.get(query).map_or(&[][..], |q| &q.columns);
            let mut grid = Grid::new(want, columns, merges);
            let flow = sheet::rows(
                &mut package,
                &sheet.part,
                &mut book,
                (limits, &mut cells_left),
                &mut |number, hidden, cells| grid.row(number, hidden, cells, take),
            )?;
            grid.end(&sheet.name, &mut told)?;
            if flow.is_break() && !grid.stopped() {
                return Ok(told);
            }
        }
    }
    Ok(told)
}

/// Every row of every sheet that a person sees, as it is: for a first look.
pub(super) fn raw(
    file: &mut (impl Read + Seek),
    limits: &FormLimits,
    scratch: &mut MakeScratch<'_>,
    rows_max: usize,
) -> Result<Vec<super::look::RawSheet>, FormError> {
    let (mut package, mut book, sheets) = open(file, limits, scratch)?;
    let mut cells_left = limits.cells_max;
    let mut out = Vec::new();
    for sheet in sheets.iter().filter(|s| !s.hidden) {
        let merges = sheet::merges(&mut package, &sheet.part, limits)?;
        let mut raw = super::look::RawSheet::new(sheet.name.clone(), merges);
        let mut each = |number, _hidden, cells: &super::grid::Cells| {
            raw.push(number, cells);
            let enough = raw.rows.len() >= rows_max;
            Ok(if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        };
        let budget = (limits, &mut cells_left);
        if sheet::rows(&mut package, &sheet.part, &mut book, budget, &mut each)?.is_break() {
            raw.more = true;
        }
        out.push(raw);
    }
    Ok(out)
}

/// Indexes of the sheets that a package names: by name or pattern, else the first that is shown.
fn chosen(pattern: Option<&str>, sheets: &[SheetAt]) -> Result<Vec<usize>, FormError> {
    let names = sheets.iter().enumerate();
    let found: Vec<usize> = match pattern {
        None => names.filter(|(_, s)| !s.hidden).map(|(i, _)| i).take(1).collect(),
        Some(pattern) => {
            let exact = |s: &SheetAt| s.name.trim() == pattern;
            let like = |s: &SheetAt| !s.hidden && super::look::matches(pattern, s.name.trim());
            names.filter(|(_, s)| exact(s) || like(s)).map(|(i, _)| i).collect()
        }
    };
    if found.is_empty() {
        return Err(no_sheet(pattern.unwrap_or("*")).into());
    }
    Ok(found)
}

/// The package, what its sheets share, and its sheets.
fn open<R: Read + Seek>(
    file: R,
    limits: &FormLimits,
    scratch: &mut MakeScratch<'_>,
) -> Result<(Package<R>, Book, Vec<SheetAt>), FormError> {
    let mut package = Package::open(file, limits)?;
    let main = package
        .related("")?
        .into_iter()
        .find(|r| r.kind.ends_with("/officeDocument"))
        .map_or_else(|| "xl/workbook.xml".to_owned(), |r| r.target);
    let parts = package.related(&main)?;
    let of_kind = |kind: &str| parts.iter().find(|r| r.kind.ends_with(kind));
    let targets: BTreeMap<&str, &str> =
        parts.iter().map(|r| (r.id.as_str(), r.target.as_str())).collect();
    let (late, sheets) = workbook(&mut package, &main, &targets)?;
    let looks = match of_kind("/styles") {
        Some(part) => styles::looks(&mut package, &part.target)?,
        None => Vec::new(),
    };
    let strings = match of_kind("/sharedStrings") {
        Some(part) => strings::read(&mut package, &part.target, scratch)?,
        None => None,
    };
    Ok((package, Book { strings, looks, late }, sheets))
}

fn workbook<R: Read + Seek>(
    package: &mut Package<R>,
    main: &str,
    targets: &BTreeMap<&str, &str>,
) -> Result<(bool, Vec<SheetAt>), FormError> {
    let Some(mut xml) = package.part(main)? else {
        return Err(super::fault::not_this("xlsx").into());
    };
    let (mut late, mut sheets) = (false, Vec::new());
    while let Some(event) = xml.next()? {
        let Event::Start(start) = event else { continue };
        match start.local_name().as_ref() {
            "workbookPr" => {
                let said = attribute(&start, "date1904")?;
                late = said.is_some_and(|v| v == "1" || v == "true");
            }
            "sheet" => {
                let name = attribute(&start, "name")?.unwrap_or_default();
                let id = attribute(&start, "id")?.unwrap_or_default();
                let hidden = attribute(&start, "state")?.is_some_and(|s| s != "visible");
                if let Some(part) = targets.get(id.as_str()) {
                    sheets.push(SheetAt { name, hidden, part: (*part).to_owned() });
                }
            }
            _ => {}
        }
    }
    Ok((late, sheets))
}
