//! The package document: head, body, signature put together and read apart.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use canon::{Digest, leaf_hashes};

use crate::fragment::check_shape;
use crate::head_wire;
use crate::limits::{HEAD_BYTES_MAX, PACKAGE_BYTES_MAX};
use crate::merkle::merkle_root;
use crate::{Head, Refuse};

const PROLOGUE: &[u8] =
    b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Package xmlns=\"urn:tiergate:envelope:1\">";
const BODY_OPEN: &[u8] = b"<Body>";
const BODY_CLOSE: &[u8] = b"</Body>";
const EPILOGUE: &[u8] = b"</Package>";

/// The whole document from its three parts; `body` is the concatenation of the fragments.
pub fn assemble(head_bytes: &[u8], body: &[u8], signature: &[u8]) -> Vec<u8> {
    assemble_parts(head_bytes, std::iter::once(body), signature)
}

/// As [`assemble`], from fragments that lie apart.
pub fn assemble_parts<'a>(
    head_bytes: &[u8],
    fragments: impl Iterator<Item = &'a [u8]> + Clone,
    signature: &[u8],
) -> Vec<u8> {
    let body: usize = fragments.clone().map(<[u8]>::len).sum();
    let mut out = Vec::with_capacity(head_bytes.len() + body + signature.len() + 160);
    out.extend_from_slice(PROLOGUE);
    out.extend_from_slice(head_bytes);
    out.extend_from_slice(BODY_OPEN);
    for fragment in fragments {
        out.extend_from_slice(fragment);
    }
    out.extend_from_slice(BODY_CLOSE);
    out.extend_from_slice(signature);
    out.extend_from_slice(EPILOGUE);
    out
}

/// A package read apart: its form, its lengths and its Merkle root hold; who signed it is for
/// [`crate::verify`] to say.
#[derive(Debug)]
pub struct Opened<'a> {
    /// The head.
    pub head: Head,
    /// Its exact bytes.
    pub head_bytes: &'a [u8],
    /// The fragments in order, each a document by itself.
    pub fragments: Vec<&'a [u8]>,
    /// The digest of each fragment.
    pub leaves: Vec<Digest>,
    /// The exact bytes of the `Signature` element.
    pub signature: &'a [u8],
    /// Where the first fragment begins in the package.
    pub body_at: usize,
    /// A confidential body as it is closed; then there are no fragments.
    pub closed: Option<Vec<u8>>,
}

impl Opened<'_> {
    /// Digest of the head's exact bytes.
    pub fn head_digest(&self) -> Digest {
        Head::digest(self.head.digest_alg, self.head_bytes)
    }

    /// Where each fragment stands in the package.
    pub fn ranges(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        let mut at = self.body_at;
        self.fragments.iter().map(move |fragment| {
            let from = at;
            at += fragment.len();
            from..at
        })
    }
}

/// Reads a package apart. Anything that is not exactly the form [`assemble`] writes is refused:
/// so there is no DTD, entity, comment, processing instruction or second reading in what passes. The
/// body of a confidential one is held against its digest in the head, and stays closed.
pub fn open(package: &[u8]) -> Result<Opened<'_>, Refuse> {
    read(package, |head| head.confidential.is_some())
}

/// As [`open`], for a package whose body is in the clear whatever its head says: what
/// [`crate::clear`] gives. Nothing that comes from another node is read by this.
pub fn open_clear(package: &[u8]) -> Result<Opened<'_>, Refuse> {
    read(package, |_| false)
}

fn read(package: &[u8], closed: impl FnOnce(&Head) -> bool) -> Result<Opened<'_>, Refuse> {
    if package.len() > PACKAGE_BYTES_MAX {
        let (size, max) = (package.len() as u64, PACKAGE_BYTES_MAX as u64);
        return Err(Refuse::TooLarge { what: "package", size, max });
    }
    let bad = |at, what| Refuse::Malformed { at, what };
    let rest = package.strip_prefix(PROLOGUE).ok_or(bad(0, "Package"))?;
    let head_len = head_length(rest)?;
    let (head_bytes, rest) = rest.split_at_checked(head_len).ok_or(bad(0, "Head"))?;
    let head = Head::read(head_bytes)?;
    let at = PROLOGUE.len() + head_len;
    let rest = rest.strip_prefix(BODY_OPEN).ok_or(bad(at, "Body"))?;
    let body_at = at + BODY_OPEN.len();
    if closed(&head) {
        let (closed, signature) = closed_body(&head, rest, body_at)?;
        let (fragments, leaves) = (Vec::new(), Vec::new());
        let closed = Some(closed);
        return Ok(Opened { head, head_bytes, fragments, leaves, signature, body_at, closed });
    }

    let body_len: u64 = head.lengths.iter().map(|l| u64::from(*l)).sum();
    let body_len = usize::try_from(body_len).unwrap_or(usize::MAX);
    let (body, rest) =
        rest.split_at_checked(body_len).ok_or(bad(body_at, "as many bytes as Lengths say"))?;
    let signature = behind_body(rest, body_at + body_len)?;

    let (fragments, leaves) = split_body(&head, body, body_at)?;
    if merkle_root(head.digest_alg, &leaves) != head.root {
        return Err(Refuse::RootMismatch);
    }
    Ok(Opened { head, head_bytes, fragments, leaves, signature, body_at, closed: None })
}

fn behind_body(rest: &[u8], at: usize) -> Result<&[u8], Refuse> {
    let bad = |what| Refuse::Malformed { at, what };
    let rest = rest.strip_prefix(BODY_CLOSE).ok_or(bad("end of Body where Lengths end"))?;
    rest.strip_suffix(EPILOGUE).ok_or(bad("end of Package"))
}

/// The ciphertext under the head's digest, and the signature behind it.
fn closed_body<'a>(head: &Head, rest: &'a [u8], at: usize) -> Result<(Vec<u8>, &'a [u8]), Refuse> {
    let bad = |what| Refuse::Malformed { at, what };
    let end = memchr::memchr(b'<', rest).ok_or(bad("end of Body"))?;
    let (text, rest) = rest.split_at_checked(end).ok_or(bad("Body"))?;
    let closed = BASE64.decode(text).map_err(|_| bad("a closed body in base64"))?;
    let named = head.confidential.as_ref().map(|c| c.ciphertext);
    if named != Some(head.digest_alg.of(&[&closed])) {
        return Err(Refuse::RootMismatch);
    }
    Ok((closed, behind_body(rest, at + end)?))
}

/// Where the head ends: at the first `</Head>`, which no text and no inner element can contain.
fn head_length(rest: &[u8]) -> Result<usize, Refuse> {
    let window = rest.get(..HEAD_BYTES_MAX).unwrap_or(rest);
    let close = head_wire::CLOSE.as_bytes();
    // `H` is rare in a head and stands in every candidate.
    let mut from = 0;
    while let Some(step) = window.iter().skip(from).position(|b| *b == b'H') {
        let at = from + step;
        if at >= 2 && window.get(at - 2..).is_some_and(|w| w.starts_with(close)) {
            return Ok(at - 2 + close.len());
        }
        from = at + 1;
    }
    if rest.len() > HEAD_BYTES_MAX {
        let (size, max) = (rest.len() as u64, HEAD_BYTES_MAX as u64);
        return Err(Refuse::TooLarge { what: "head", size, max });
    }
    Err(Refuse::Malformed { at: 0, what: "end of Head" })
}

type Split<'a> = (Vec<&'a [u8]>, Vec<Digest>);

/// Cuts the body by the head's lengths; checks and hashes each fragment.
fn split_body<'a>(head: &Head, body: &'a [u8], body_at: usize) -> Result<Split<'a>, Refuse> {
    let mut fragments = Vec::with_capacity(head.lengths.len());
    let mut rest = body;
    for length in &head.lengths {
        let at = body_at + body.len() - rest.len();
        let cut = rest.split_at_checked(*length as usize);
        let (fragment, after) = cut.ok_or(Refuse::Malformed { at, what: "a fragment" })?;
        std::str::from_utf8(fragment).map_err(|_| Refuse::Malformed { at, what: "UTF-8" })?;
        check_shape(fragment).map_err(|refuse| match refuse {
            Refuse::Malformed { at: inner, what } => Refuse::Malformed { at: at + inner, what },
            other => other,
        })?;
        fragments.push(fragment);
        rest = after;
    }
    let leaves = leaf_hashes(head.digest_alg, &fragments);
    Ok((fragments, leaves))
}
