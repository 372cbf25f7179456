//! Which cell styles make a number a time, a percentage or a number with leading zeros.

use std::collections::BTreeMap;
use std::io::{Read, Seek};

use quick_xml::events::Event;

use super::super::fault::{FormError, limit};
use super::super::number::Look;
use super::super::xml_read::attribute;
use super::package::Package;

/// Most cell styles; spreadsheets allow 64 000.
const STYLES_MAX: usize = 100_000;

/// The look of each cell style, in order.
pub(super) fn looks<R: Read + Seek>(
    package: &mut Package<R>,
    part: &str,
) -> Result<Vec<Look>, FormError> {
    let Some(mut xml) = package.part(part)? else { return Ok(Vec::new()) };
    let mut own: BTreeMap<u32, Look> = BTreeMap::new();
    let (mut looks, mut inside) = (Vec::new(), false);
    while let Some(event) = xml.next()? {
        match event {
            Event::Start(start) => match start.local_name().as_ref() {
                "numFmt" => {
                    let id = attribute(&start, "numFmtId")?.and_then(|id| id.parse().ok());
                    let code = attribute(&start, "formatCode")?;
                    if let (Some(id), Some(code)) = (id, code) {
                        own.insert(id, Look::of(&code));
                    }
                }
                "cellXfs" => inside = true,
                "xf" if inside => {
                    let id = attribute(&start, "numFmtId")?.and_then(|id| id.parse().ok());
                    let id: u32 = id.unwrap_or(0);
                    looks.push(own.get(&id).copied().unwrap_or_else(|| Look::built_in(id)));
                }
                _ => {}
            },
            Event::End(end) if end.local_name().as_ref() == "cellXfs" => inside = false,
            _ => {}
        }
        if looks.len() + own.len() > STYLES_MAX {
            return Err(limit("STYLES_MAX", STYLES_MAX as u64).into());
        }
    }
    Ok(looks)
}
