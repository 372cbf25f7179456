//! A first look at a file of any form: where its header stands, which columns it has, some rows.

use std::collections::BTreeMap;
use std::io::Read;

use quick_xml::events::Event;

use super::fault::{FormError, damaged};
use super::grid::{Cells, Merge, joined};
use super::xml_read::Xml;
use super::{FileDyn, FormLimits, MakeScratch, dbf, first_bytes, xls, xlsx};
use crate::row::is_blank;
use crate::source::{Form, Sheet, Workbook};
use crate::text::Encoding;

/// Rows among which a header is looked for.
const HEADER_WITHIN: usize = 40;
/// Elements that are looked at for a record.
const ELEMENTS_MAX: usize = 200_000;

/// `*` any characters, `?` one.
pub fn matches(pattern: &str, name: &str) -> bool {
    let (p, n): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut i, mut j, mut star) = (0, 0, None);
    while j < n.len() {
        if p.get(i) == Some(&'*') {
            star = Some((i, j));
            i += 1;
        } else if p.get(i).is_some_and(|c| *c == '?' || *c == n[j]) {
            (i, j) = (i + 1, j + 1);
        } else if let Some((s, from)) = star {
            star = Some((s, from + 1));
            (i, j) = (s + 1, from + 1);
        } else {
            return false;
        }
    }
    p.get(i..).is_some_and(|rest| rest.iter().all(|c| *c == '*'))
}

/// The rows of a sheet as they stand.
pub(super) struct RawSheet {
    pub(super) name: String,
    merges: Vec<Merge>,
    pub(super) rows: Vec<(u32, Vec<(u32, String)>)>,
    /// There are further rows.
    pub(super) more: bool,
}

impl RawSheet {
    pub(super) const fn new(name: String, merges: Vec<Merge>) -> Self {
        Self { name, merges, rows: Vec::new(), more: false }
    }

    pub(super) fn push(&mut self, number: u32, cells: &Cells) {
        let filled = cells.iter().filter(|(_, t)| !t.trim_matches(is_blank).is_empty());
        let row: Vec<(u32, String)> = filled.map(|(c, t)| (c, t.to_owned())).collect();
        if !row.is_empty() {
            self.rows.push((number, row));
        }
    }

    /// First row and height of the header: the first row with half as many texts as the widest, and
    /// those below it that its merged cells reach or leave open.
    fn header(&self) -> Option<(u32, u32)> {
        let near = self.rows.iter().take(HEADER_WITHIN);
        let widest = near.clone().map(|(_, cells)| cells.len()).max()?;
        let (first, _) = near.clone().find(|(_, cells)| cells.len() * 2 >= widest.max(2))?;
        let mut last = *first;
        loop {
            let here = self.merges.iter().filter(|m| (*first..=last).contains(&m.first.0));
            let reach = here.clone().map(|m| m.last.0).max().unwrap_or(last);
            let open = here.clone().any(|m| m.last.0 == last && m.last.1 > m.first.1);
            let next = reach.max(last + u32::from(open));
            // Cells merged downwards over data are no header.
            if next == last || next > first + 4 {
                return Some((*first, last - first + 1));
            }
            last = next;
        }
    }
}

/// What one part of a file looks like.
#[derive(Clone, Debug)]
pub struct Looked {
    /// How the file would be read.
    pub form: Form,
    /// The sheet's name, where there are several.
    pub part: Option<String>,
    /// Its columns.
    pub header: Vec<String>,
}

/// Looks at a file: the parts it has. None is no known form but text.
///
/// # Errors
/// The file is of a known form and cannot be read.
pub fn look<'s>(
    mut file: &mut dyn FileDyn,
    name: &str,
    limits: &FormLimits,
    scratch: &'s mut MakeScratch<'s>,
) -> Result<Option<Vec<Looked>>, FormError> {
    let first = first_bytes(&mut file)?;
    let ends = |ext: &str| name.rsplit_once('.').is_some_and(|(_, e)| e.eq_ignore_ascii_case(ext));
    let text = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&first);
    let text = text.trim_ascii_start();
    let rows = HEADER_WITHIN * 2;
    match first {
        [b'P', b'K', 3, 4, ..] => Ok(Some(sheets(xlsx::raw(&mut file, limits, scratch, rows)?)?)),
        [0xd0, 0xcf, 0x11, 0xe0, ..] => Ok(Some(sheets(xls::raw(&mut file, limits, rows)?)?)),
        _ if ends("dbf") => {
            let header = dbf::columns(&mut file, Encoding::Auto)?;
            Ok(Some(vec![Looked { form: Form::Dbf(Encoding::Auto), part: None, header }]))
        }
        _ if text.starts_with(b"<") => Ok(Some(vec![elements(&mut file, limits)?])),
        _ if text.starts_with(b"{") || text.starts_with(b"[") => {
            Ok(Some(vec![super::json::looked(&mut file)?]))
        }
        _ => Ok(None),
    }
}

fn sheets(raw: Vec<RawSheet>) -> Result<Vec<Looked>, FormError> {
    let several = raw.iter().filter(|s| !s.rows.is_empty()).count() > 1;
    let mut out = Vec::new();
    for sheet in raw {
        let Some((first, height)) = sheet.header() else { continue };
        let mut want = Sheet { header_row: first, header_rows: height, ..Sheet::default() };
        want.first_row = first + height;
        want.sheet = several.then(|| sheet.name.clone());
        let cells = sheet.rows.iter().filter(|(n, _)| (first..first + height).contains(n));
        let head: BTreeMap<(u32, u32), String> = cells
            .flat_map(|(n, cells)| cells.iter().map(|(c, text)| ((*n, *c), text.clone())))
            .collect();
        let names = joined(&head, first..first + height, &sheet.merges, &want.join);
        let names = names.iter().map(|n| n.split_whitespace().collect::<String>());
        let header: Vec<String> = names.filter(|n| !n.is_empty()).collect();
        let form = Form::Workbook(Workbook { sheets: vec![want] });
        out.push(Looked { form, part: several.then_some(sheet.name), header });
    }
    if out.is_empty() { Err(damaged("no sheet has a header").into()) } else { Ok(out) }
}

/// The element that comes again and again, nearest to the root, with what is below it.
fn elements(
    file: &mut (impl Read + std::io::Seek),
    limits: &FormLimits,
) -> Result<Looked, FormError> {
    let mut xml = Xml::new(super::xml::decoded(file)?, limits);
    let mut path: Vec<String> = Vec::new();
    // Path → how often, and in which order it came first.
    let mut seen: BTreeMap<String, (usize, usize, bool)> = BTreeMap::new();
    for _ in 0..ELEMENTS_MAX {
        let Ok(Some(event)) = xml.next() else { break };
        match event {
            Event::Start(start) => {
                let above = path.join("/");
                if let Some((_, _, parent)) = seen.get_mut(&above) {
                    *parent = true;
                }
                path.push(start.local_name().as_ref().to_owned());
                let whole = path.join("/");
                let order = seen.len();
                seen.entry(whole.clone()).or_insert((0, order, false)).0 += 1;
                for attribute in start.attributes().flatten() {
                    let name = attribute.key.local_name();
                    let name: &str = name.as_ref();
                    let order = seen.len();
                    seen.entry(format!("{whole}/@{name}")).or_insert((0, order, false)).0 += 1;
                }
            }
            Event::End(_) => drop(path.pop()),
            _ => {}
        }
    }
    let depth = |p: &str| p.matches('/').count();
    let records = seen.iter().filter(|(p, (n, _, parent))| *parent && *n > 1 && !p.contains('@'));
    let record = records.min_by_key(|(p, (n, ..))| (depth(p), std::cmp::Reverse(*n)));
    let first = seen.iter().find(|(p, (_, _, parent))| depth(p) == 0 && *parent);
    let Some((record, _)) = record.or(first) else {
        return Err(damaged("no element holds others").into());
    };
    let below = seen.iter().filter_map(|(p, (_, order, parent))| {
        let rest = p.strip_prefix(record.as_str())?.strip_prefix('/')?;
        (!parent).then(|| (*order, rest.to_owned()))
    });
    let mut below: Vec<(usize, String)> = below.collect();
    below.sort_unstable();
    let header = below.into_iter().map(|(_, p)| p).collect();
    Ok(Looked { form: Form::Xml(record.clone()), part: None, header })
}
