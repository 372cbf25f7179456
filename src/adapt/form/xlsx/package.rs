//! The zip of a workbook: its parts by name, each unpacked within limits, and how they belong together.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{Read, Seek};
use std::rc::Rc;

use quick_xml::events::Event;
use zip::ZipArchive;
use zip::read::ZipFile;
use zip::result::ZipError;

use super::super::fault::{self, FormError, damaged};
use super::super::limits::{FormLimits, Unpacked};
use super::super::xml_read::{Xml, attribute};

/// A part being read.
pub(super) type Part<'p, R> = Xml<Unpacked<ZipFile<'p, R>>>;

/// The zip.
pub(super) struct Package<R> {
    zip: ZipArchive<R>,
    /// Entry by name: lower case, plain slashes.
    names: BTreeMap<String, usize>,
    budget: Rc<Cell<u64>>,
    limits: FormLimits,
}

/// A part that another names.
pub(super) struct Related {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) target: String,
}

impl<R: Read + Seek> Package<R> {
    pub(super) fn open(file: R, limits: &FormLimits) -> Result<Self, FormError> {
        let zip = ZipArchive::new(file).map_err(wrong)?;
        if zip.len() as u64 > limits.entries_max {
            return Err(fault::limit("entries_max", limits.entries_max).into());
        }
        let mut names = BTreeMap::new();
        for at in 0..zip.len() {
            let name = zip.name_for_index(at).and_then(Result::ok);
            names.entry(plain(&name.unwrap_or_default())).or_insert(at);
        }
        let budget = Rc::new(Cell::new(limits.unpacked_bytes_max));
        Ok(Self { zip, names, budget, limits: *limits })
    }

    /// A part by name; none if it is not there.
    pub(super) fn part(&mut self, name: &str) -> Result<Option<Part<'_, R>>, FormError> {
        let Some(at) = self.names.get(&plain(name)) else { return Ok(None) };
        let entry = self.zip.by_index(*at).map_err(wrong)?;
        let packed = entry.compressed_size();
        let unpacked = Unpacked::new(entry, packed, Rc::clone(&self.budget), self.limits);
        Ok(Some(Xml::new(unpacked, &self.limits)))
    }

    /// The parts that `part` names; those outside the package are passed over.
    pub(super) fn related(&mut self, part: &str) -> Result<Vec<Related>, FormError> {
        let (folder, name) = part.rsplit_once('/').unwrap_or(("", part));
        let slash = if folder.is_empty() { "" } else { "/" };
        let mut out = Vec::new();
        let Some(mut xml) = self.part(&format!("{folder}{slash}_rels/{name}.rels"))? else {
            return Ok(out);
        };
        while let Some(event) = xml.next()? {
            let Event::Start(start) = event else { continue };
            if start.local_name().as_ref() != "Relationship" {
                continue;
            }
            if attribute(&start, "TargetMode")?.is_some_and(|m| m.eq_ignore_ascii_case("external"))
            {
                continue;
            }
            let target = attribute(&start, "Target")?.unwrap_or_default();
            out.push(Related {
                id: attribute(&start, "Id")?.unwrap_or_default(),
                kind: attribute(&start, "Type")?.unwrap_or_default(),
                target: resolve(folder, &target),
            });
        }
        Ok(out)
    }
}

/// A target seen from a folder of the package.
fn resolve(folder: &str, target: &str) -> String {
    if let Some(whole) = target.strip_prefix('/') {
        return whole.to_owned();
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|p| !p.is_empty()).collect();
    for part in target.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." | "" => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn plain(name: &str) -> String {
    name.replace('\\', "/").trim_start_matches('/').to_ascii_lowercase()
}

fn wrong(e: ZipError) -> FormError {
    match e {
        ZipError::Io(e) => e.into(),
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => fault::encrypted().into(),
        e => damaged(&e.to_string()).into(),
    }
}
