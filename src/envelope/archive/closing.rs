//! Archive files that lie closed: the table stays readable, the frames are for whoever has a key.

use std::borrow::Cow;

use canon::DigestAlg;

use super::{
    ARCHIVE_BYTES_MAX, ARCHIVE_EDITION, ARCHIVE_EDITION_CLOSED, ArchiveError, SKIPPABLE,
    SKIPPABLE_CLOSED, Table, parts, skippable, skipped,
};
use crate::{Cipher, Decrypt, Readers, disclose};

/// A file that was written in the clear, closed for these readers.
///
/// # Errors
/// It is no such file, or larger than a file may be once it is closed.
pub fn close(file: &[u8], readers: &Readers, cipher: Cipher) -> Result<Vec<u8>, ArchiveError> {
    let (_, table, frames) = parts(file)?;
    if table.edition != ARCHIVE_EDITION {
        return Err(ArchiveError::Closed("it is closed already"));
    }
    let text = text(&Table { edition: ARCHIVE_EDITION_CLOSED, ..table })?;
    let content = readers.enclose(cipher, &about(&text), frames);
    let content = content.map_err(|_| ArchiveError::Closed("it could not be encrypted"))?;
    let mut out = Vec::with_capacity(text.len() + content.len() + 16);
    skippable(SKIPPABLE, &text, &mut out);
    skippable(SKIPPABLE_CLOSED, &content, &mut out);
    if out.len() > ARCHIVE_BYTES_MAX {
        return Err(ArchiveError::TooLarge);
    }
    Ok(out)
}

/// The file as it was before it was closed; one in the clear as it is; none where it is closed for
/// others.
///
/// # Errors
/// It is no archive file, or was changed.
pub fn clear<'f>(
    file: &'f [u8],
    keys: &dyn Decrypt,
) -> Result<Option<Cow<'f, [u8]>>, ArchiveError> {
    let (said, table, rest) = parts(file)?;
    if table.edition == ARCHIVE_EDITION {
        return Ok(Some(Cow::Borrowed(file)));
    }
    let (content, behind) = skipped(SKIPPABLE_CLOSED, rest)?;
    if !behind.is_empty() {
        return Err(ArchiveError::Malformed("there is something behind its end"));
    }
    let changed = |_| ArchiveError::Closed("what lies in it was changed");
    let Some(frames) = disclose(content, &about(said), keys).map_err(changed)? else {
        return Ok(None);
    };
    let text = text(&Table { edition: ARCHIVE_EDITION, ..table })?;
    let mut out = Vec::with_capacity(text.len() + frames.len() + 8);
    skippable(SKIPPABLE, &text, &mut out);
    out.extend_from_slice(&frames);
    Ok(Some(Cow::Owned(out)))
}

fn text(table: &Table) -> Result<Vec<u8>, ArchiveError> {
    serde_json::to_vec(table).map_err(|_| ArchiveError::Malformed("table"))
}

/// The frames belong to this very table.
fn about(table: &[u8]) -> String {
    format!("archive {}", DigestAlg::Sha256.of(&[table]))
}
