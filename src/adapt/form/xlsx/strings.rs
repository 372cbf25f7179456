//! The strings that cells share, on a scratch file with a sparse index: memory does not grow with them.

use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};

use quick_xml::events::Event;

use super::super::fault::{FormError, damaged};
use super::super::xml_read::{Xml, put_text};
use super::super::{MakeScratch, Scratch};
use super::package::Package;

/// Every so manieth string has its place in the index.
const STEP: usize = 16;
/// Bytes read from the scratch file at once.
const WINDOW: usize = 8 << 10;
/// Windows kept.
const WINDOWS: usize = 512;

/// The strings.
pub(super) struct Strings {
    scratch: Box<dyn Scratch>,
    /// Where strings 0, STEP, 2·STEP … begin.
    index: Vec<u64>,
    count: usize,
    bytes: u64,
    windows: Vec<Option<(u64, Vec<u8>)>>,
}

/// Reads them all; none if the part is not there.
pub(super) fn read<R: Read + Seek>(
    package: &mut Package<R>,
    part: &str,
    scratch: &mut MakeScratch<'_>,
) -> Result<Option<Strings>, FormError> {
    let Some(mut xml) = package.part(part)? else { return Ok(None) };
    let mut out = BufWriter::with_capacity(256 << 10, scratch()?);
    let (mut index, mut count, mut at) = (Vec::new(), 0_usize, 0_u64);
    let mut text = String::new();
    while let Some(event) = xml.next()? {
        if !matches!(&event, Event::Start(s) if s.local_name().as_ref() == "si") {
            continue;
        }
        text.clear();
        rich(&mut xml, "si", &mut text)?;
        let length = u32::try_from(text.len()).map_err(|_| damaged("a string"))?;
        if count.is_multiple_of(STEP) {
            index.push(at);
        }
        out.write_all(&length.to_le_bytes())?;
        out.write_all(text.as_bytes())?;
        count += 1;
        at += 4 + u64::from(length);
    }
    let scratch = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    let windows = (0..WINDOWS).map(|_| None).collect();
    Ok(Some(Strings { scratch, index, count, bytes: at, windows }))
}

/// The text within an element, its runs joined, reading aids passed over.
pub(super) fn rich<R: Read>(
    xml: &mut Xml<R>,
    until: &str,
    out: &mut String,
) -> Result<(), FormError> {
    let (mut inside, mut aid) = (false, 0_u32);
    while let Some(event) = xml.next()? {
        match &event {
            Event::Start(start) => match start.local_name().as_ref() {
                "t" => inside = aid == 0,
                "rPh" => aid += 1,
                _ => {}
            },
            Event::End(end) => match end.local_name().as_ref() {
                "t" => inside = false,
                "rPh" => aid = aid.saturating_sub(1),
                name if name == until => {
                    unescape(out);
                    return Ok(());
                }
                _ => {}
            },
            event if inside => put_text(event, out)?,
            _ => {}
        }
    }
    Err(damaged("a string").into())
}

/// `_x000D_` and its like stand for characters that XML cannot hold.
pub(super) fn unescape(text: &mut String) {
    if !text.contains("_x") {
        return;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("_x") {
        out.push_str(before);
        let code = after.get(..4).filter(|_| after.get(4..5) == Some("_"));
        let c = code.and_then(|hex| u32::from_str_radix(hex, 16).ok()).and_then(char::from_u32);
        match c {
            Some(c) => {
                out.push(c);
                rest = after.get(5..).unwrap_or_default();
            }
            None => {
                out.push_str("_x");
                rest = after;
            }
        }
    }
    out.push_str(rest);
    *text = out;
}

impl Strings {
    /// Appends a string.
    pub(super) fn put(&mut self, number: usize, out: &mut String) -> Result<(), FormError> {
        if number >= self.count {
            return Err(damaged("a cell names a string that is not there").into());
        }
        let missing = || FormError::from(damaged("the strings"));
        let mut at = *self.index.get(number / STEP).ok_or_else(missing)?;
        for _ in 0..number % STEP {
            at += 4 + u64::from(self.length(at)?);
        }
        let length = self.length(at)? as usize;
        let mut bytes = vec![0; length];
        self.bytes(at + 4, &mut bytes)?;
        out.push_str(std::str::from_utf8(&bytes).map_err(|_| missing())?);
        Ok(())
    }

    fn length(&mut self, at: u64) -> Result<u32, FormError> {
        let mut bytes = [0; 4];
        self.bytes(at, &mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    /// Copies bytes out of the windows, which are read as they are needed.
    fn bytes(&mut self, mut at: u64, mut out: &mut [u8]) -> Result<(), FormError> {
        while !out.is_empty() {
            let number = at / WINDOW as u64;
            let slot = (number % WINDOWS as u64) as usize;
            let held = matches!(self.windows.get(slot), Some(Some((n, _))) if *n == number);
            if !held {
                let bytes = self.window(number)?;
                if let Some(slot) = self.windows.get_mut(slot) {
                    *slot = Some((number, bytes));
                }
            }
            let Some(Some((_, window))) = self.windows.get(slot) else { break };
            let from = (at % WINDOW as u64) as usize;
            let rest = window.get(from..).unwrap_or_default();
            let n = rest.len().min(out.len());
            if n == 0 {
                return Err(damaged("the strings").into());
            }
            let (now, later) = out.split_at_mut(n);
            now.copy_from_slice(rest.get(..n).unwrap_or_default());
            (out, at) = (later, at + n as u64);
        }
        Ok(())
    }

    fn window(&mut self, number: u64) -> io::Result<Vec<u8>> {
        let from = number * WINDOW as u64;
        let length = (self.bytes.saturating_sub(from)).min(WINDOW as u64);
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(WINDOW)];
        self.scratch.seek(SeekFrom::Start(from))?;
        self.scratch.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}
