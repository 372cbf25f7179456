//! The form `zip`: `parcel.json` says what it is, `parcel.zst` is the piece. Nothing is ever
//! unpacked to a path, and nothing else may stand in it.

use std::io::{Cursor, Read, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::form::Reading;
use super::outside::OUTSIDE_BYTES_MAX;
use super::{Outside, PAYLOAD_BYTES_MAX, Piece};

pub(super) const MAGIC: &[u8] = b"PK\x03\x04";
const SAYS: &str = "parcel.json";
const HOLDS: &str = "parcel.zst";

pub(super) fn is_one(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

pub(super) fn write(outside: &Outside, bytes: &[u8]) -> Vec<u8> {
    // The frame is compressed already.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .unix_permissions(0o644);
    let mut zip = ZipWriter::new(Cursor::new(Vec::with_capacity(bytes.len() + 2_048)));
    let mut add = |name: &str, bytes: &[u8]| {
        zip.start_file(name, options).and_then(|()| Ok(zip.write_all(bytes)?))
    };
    add(SAYS, outside.to_line().as_bytes()).expect("memory takes all bytes");
    add(HOLDS, bytes).expect("memory takes all bytes");
    zip.finish().expect("memory takes all bytes").into_inner()
}

pub(super) fn read(file: &[u8]) -> Reading {
    // The directory stands at the end: without it the copy is not finished.
    let Ok(mut zip) = ZipArchive::new(Cursor::new(file)) else {
        return Reading::Incomplete("a zip without its end");
    };
    if zip.len() != 2 {
        return Reading::Foreign("a zip with other files in it");
    }
    let line = match entry(&mut zip, SAYS, OUTSIDE_BYTES_MAX) {
        Ok(line) => line,
        Err(reading) => return reading,
    };
    let Some(outside) = Outside::from_line(&line) else {
        return Reading::Foreign("its parcel.json does not say what it is");
    };
    match entry(&mut zip, HOLDS, outside.part_bytes.min(PAYLOAD_BYTES_MAX)) {
        Ok(bytes) if outside.holds(&bytes) => Reading::Piece(Box::new(Piece { outside, bytes })),
        Ok(_) => Reading::Damaged("its digest is another"),
        Err(reading) => reading,
    }
}

/// One file of the zip, at most `max` bytes of it whatever the zip says.
fn entry(zip: &mut ZipArchive<Cursor<&[u8]>>, name: &str, max: usize) -> Result<Vec<u8>, Reading> {
    let Ok(entry) = zip.by_name(name) else {
        return Err(Reading::Foreign("a zip with other files in it"));
    };
    if entry.encrypted() || entry.is_symlink() || !entry.is_file() {
        return Err(Reading::Foreign("a zip with a link or a closed file in it"));
    }
    if entry.size() > max as u64 {
        return Err(Reading::Foreign("a zip that opens to more than it says"));
    }
    let mut bytes = Vec::with_capacity(max.min(1 << 20));
    // A zip may lie about sizes: one byte more than allowed tells.
    if entry.take(max as u64 + 1).read_to_end(&mut bytes).is_err() {
        return Err(Reading::Damaged("a zip that cannot be opened"));
    }
    if bytes.len() > max {
        return Err(Reading::Foreign("a zip that opens to more than it says"));
    }
    Ok(bytes)
}
