//! The written form of the authority table, and who signed it.

use canon::{Day, Environment, Millis, NodeCode};

use super::{
    AUTHORITY_BYTES_MAX, AUTHORITY_LINES_MAX, AUTHORITY_SECTIONS_MAX, Authority, Entitled, Section,
};
use crate::trust::verify_signed;
use crate::{Refuse, SignError, Signer, Trust, sign_head};

/// Stands before the text in what is signed, so that nothing else that is signed can stand for it.
const DOMAIN: &[u8] = b"urn:tiergate:authority:1\n";
/// First line of the document.
const TITLE: &str = "tiergate authority 1";

/// Why a document is no authority table that holds here. Each has its stable code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorityError {
    /// Not in its one written form, or beyond its limits.
    #[error("not an authority table: {0}")]
    Malformed(String),
    /// The signature is not believed.
    #[error("{0}")]
    Refused(#[from] Refuse),
    /// Signed by another node than the one whose tables are believed.
    #[error(
        "signed by `{signer}`, and the tables of `{wanted}` are believed here ([trust] authority)"
    )]
    Issuer {
        /// Who signed.
        signer: NodeCode,
        /// Whose tables are believed.
        wanted: NodeCode,
    },
    /// Of another environment.
    #[error("for another environment")]
    Environment,
}

impl AuthorityError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "authority.malformed",
            Self::Refused(refuse) => refuse.code(),
            Self::Issuer { .. } => "authority.issuer",
            Self::Environment => "sender.environment",
        }
    }
}

fn malformed(what: impl Into<String>) -> AuthorityError {
    AuthorityError::Malformed(what.into())
}

impl Authority {
    /// The document.
    pub fn write(&self) -> String {
        let Self { issuer, environment, edition, issued, sections } = self;
        let mut out = format!(
            "{TITLE}\nissuer {issuer}\nenvironment {environment}\nedition {edition}\nissued {issued}\n"
        );
        for section in sections {
            out.push_str(&format!("from {}\n", section.from));
            for line in section.lines() {
                out.push_str(&line.write());
                out.push('\n');
            }
        }
        out
    }

    /// Reads a document; nothing is verified. What [`Authority::write`] would not have written is
    /// refused, so that one table has one form.
    pub fn read(text: &str) -> Result<Self, AuthorityError> {
        if text.len() > AUTHORITY_BYTES_MAX {
            return Err(malformed(format!("more than {AUTHORITY_BYTES_MAX} bytes")));
        }
        let mut lines = text.lines();
        if lines.next() != Some(TITLE) {
            return Err(malformed(format!("its first line is not `{TITLE}`")));
        }
        let mut named = |name: &'static str| {
            let line = lines.next().and_then(|l| l.strip_prefix(name)?.strip_prefix(' '));
            line.ok_or_else(|| malformed(format!("no `{name}` in its place")))
        };
        let bad = |name: &'static str| malformed(format!("`{name}` cannot be read"));
        let issuer = NodeCode::new(named("issuer")?).ok_or_else(|| bad("issuer"))?;
        let environment: Environment =
            named("environment")?.parse().map_err(|_| bad("environment"))?;
        let edition = named("edition")?.parse().map_err(|_| bad("edition"))?;
        let issued = Millis::parse(named("issued")?).ok_or_else(|| bad("issued"))?;
        let sections = sections(lines)?;
        let read = Self { issuer, environment, edition, issued, sections };
        if read.write() != text {
            return Err(malformed("not in its one written form"));
        }
        Ok(read)
    }
}

fn sections<'t>(lines: impl Iterator<Item = &'t str>) -> Result<Vec<Section>, AuthorityError> {
    let mut found: Vec<(Day, Vec<Entitled>)> = Vec::new();
    for (n, text) in lines.enumerate() {
        if n > AUTHORITY_LINES_MAX + AUTHORITY_SECTIONS_MAX {
            return Err(malformed(format!("more than {AUTHORITY_LINES_MAX} lines")));
        }
        if let Some(day) = text.strip_prefix("from ") {
            let day = Day::parse(day).ok_or_else(|| malformed("a day cannot be read"))?;
            if found.last().is_some_and(|(before, _)| *before >= day) {
                return Err(malformed("its tables are not in the order of their days"));
            }
            found.push((day, Vec::new()));
            continue;
        }
        let (_, lines) = found.last_mut().ok_or_else(|| malformed("a line before any table"))?;
        let line = Entitled::read(text);
        // The number of the line in the file: five lines of head before it.
        lines.push(line.ok_or_else(|| malformed(format!("line {} cannot be read", n + 6)))?);
    }
    if found.is_empty() || found.len() > AUTHORITY_SECTIONS_MAX {
        return Err(malformed(format!("not 1 to {AUTHORITY_SECTIONS_MAX} tables")));
    }
    Ok(found.into_iter().map(|(day, lines)| Section::new(day, lines)).collect())
}

fn signed(text: &str) -> Vec<u8> {
    [DOMAIN, text.as_bytes()].concat()
}

/// Signs a document; returns the `Signature` element.
pub fn sign_authority(text: &str, signer: &dyn Signer) -> Result<Vec<u8>, SignError> {
    sign_head(&signed(text), signer)
}

/// Reads a document that `issuer` signed, the certificate judged at `at`.
pub fn verify_authority(
    text: &str,
    signature: &[u8],
    trust: &Trust,
    issuer: &NodeCode,
    at: Millis,
) -> Result<Authority, AuthorityError> {
    let read = Authority::read(text)?;
    if read.environment != trust.environment() {
        return Err(AuthorityError::Environment);
    }
    let signer = verify_signed(&signed(text), signature, trust, at)?;
    if signer.node != *issuer || read.issuer != *issuer {
        let (signer, wanted) = (signer.node.clone(), issuer.clone());
        return Err(AuthorityError::Issuer { signer, wanted });
    }
    Ok(read)
}
