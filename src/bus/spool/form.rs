//! Files: written in the link's form, read in any of them. The form `zst` stands here.
//!
//! ```text
//! TIERGATE-SPOOL/1
//! {"spool":1,"from":"…",…}
//! …the bytes of the piece…
//! TIERGATE-END sha256:…
//! ```
//!
//! The last line's digest is over everything before it, so a file that was cut, or copied half, says
//! so itself.

use canon::DigestAlg;

use super::outside::OUTSIDE_BYTES_MAX;
use super::{FILE_BYTES_MAX, Form, Outside, PARTS_MAX, Piece, xml, zipped};

const MAGIC: &[u8] = b"TIERGATE-SPOOL/1\n";
const END: &[u8] = b"\nTIERGATE-END ";
/// `sha256:`, 64 digits, the line's end.
const END_DIGEST: usize = 7 + 64 + 1;

/// Room in a file besides the bytes of its piece.
pub(super) const AROUND: usize = 8 << 10;

/// What a file turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// A whole piece.
    Piece(Box<Piece>),
    /// The beginning of one: it may still be growing.
    Incomplete(&'static str),
    /// Of the right length and not what it says, or with something behind its end.
    Damaged(&'static str),
    /// Nothing of ours.
    Foreign(&'static str),
}

/// The files of one payload: one, or numbered parts of at most `max_file` bytes each. None if it
/// would take more than [`PARTS_MAX`].
pub fn write(
    form: Form,
    outside: &Outside,
    payload: &[u8],
    max_file: usize,
) -> Option<Vec<(Outside, Vec<u8>)>> {
    let room = max_file.saturating_sub(AROUND).max(1);
    let pieces: Vec<&[u8]> = match form {
        Form::Xml if payload.len() > room => xml::cut(payload, room),
        Form::Zst | Form::Zip | Form::Xml if payload.is_empty() => vec![payload],
        Form::Zst | Form::Zip | Form::Xml => payload.chunks(room).collect(),
    };
    let parts = u32::try_from(pieces.len()).ok().filter(|n| *n <= PARTS_MAX)?;
    let numbered = (1..=parts).zip(pieces);
    let file = |(part, bytes): (u32, &[u8])| {
        let outside = outside.part(part, parts, bytes);
        let file = match form {
            Form::Zst => write_plain(&outside, bytes),
            Form::Zip => zipped::write(&outside, bytes),
            Form::Xml => xml::write(&outside, bytes),
        };
        (outside, file)
    };
    Some(numbered.map(file).collect())
}

/// What a file is, whatever its name says.
pub fn read(bytes: &[u8]) -> Reading {
    if bytes.len() > FILE_BYTES_MAX {
        return Reading::Foreign("larger than any file of a parcel");
    }
    if bytes.starts_with(MAGIC) {
        return read_plain(bytes);
    }
    if zipped::is_one(bytes) {
        return zipped::read(bytes);
    }
    if xml::is_one(bytes) {
        return xml::read(bytes);
    }
    let begins = [MAGIC, zipped::MAGIC, xml::BEGIN].iter().any(|magic| magic.starts_with(bytes));
    if begins {
        Reading::Incomplete("its beginning only")
    } else {
        Reading::Foreign("no file of a parcel")
    }
}

fn write_plain(outside: &Outside, bytes: &[u8]) -> Vec<u8> {
    let line = outside.to_line();
    let mut file = Vec::with_capacity(bytes.len() + line.len() + 128);
    file.extend_from_slice(MAGIC);
    file.extend_from_slice(line.as_bytes());
    file.push(b'\n');
    file.extend_from_slice(bytes);
    let digest = DigestAlg::Sha256.of(&[&file]);
    file.extend_from_slice(END);
    file.extend_from_slice(digest.to_string().as_bytes());
    file.push(b'\n');
    file
}

fn read_plain(file: &[u8]) -> Reading {
    let rest = file.strip_prefix(MAGIC).unwrap_or_default();
    let window = rest.get(..OUTSIDE_BYTES_MAX + 1).unwrap_or(rest);
    let Some(line_len) = window.iter().position(|b| *b == b'\n') else {
        return match window.len() > OUTSIDE_BYTES_MAX {
            true => Reading::Foreign("its first line has no end"),
            false => Reading::Incomplete("its beginning only"),
        };
    };
    let (line, rest) = rest.split_at(line_len);
    let Some(outside) = Outside::from_line(line) else {
        return Reading::Foreign("its first line does not say what it is");
    };
    let rest = rest.get(1..).unwrap_or_default();
    let whole = outside.part_bytes + END.len() + END_DIGEST;
    if rest.len() < whole {
        return Reading::Incomplete("shorter than it says");
    }
    if rest.len() > whole {
        return Reading::Damaged("something stands behind its end");
    }
    let (bytes, end) = rest.split_at(outside.part_bytes);
    let before = file.len() - END.len() - END_DIGEST;
    let said = end.strip_prefix(END).unwrap_or_default();
    let digest = DigestAlg::Sha256.of(&[file.get(..before).unwrap_or_default()]).to_string();
    if said.strip_suffix(b"\n") != Some(digest.as_bytes()) || !outside.holds(bytes) {
        return Reading::Damaged("its digest is another");
    }
    Reading::Piece(Box::new(Piece { bytes: bytes.to_vec(), outside }))
}
