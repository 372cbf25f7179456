//! The audit chain: each event's digest covers the digest before it (invariant S9).

use canon::{Digest, DigestAlg};

use crate::types::AuditEvent;

/// Chain digest of an event: digest of the previous chain digest (32 zero bytes before the first)
/// and the event's JSON.
pub fn chain(previous: Option<&Digest>, event: &AuditEvent) -> Digest {
    let json = serde_json::to_vec(event).expect("an audit event is strings, a number and a flag");
    let start = previous.map_or([0; 32], |d| d.bytes);
    DigestAlg::Sha256.of(&[&start, &json])
}

/// Checks a stretch of the chain that follows `previous`; the error is the number of the first
/// event that does not fit.
pub fn verify_chain(
    previous: Option<Digest>,
    events: &[(i64, AuditEvent, Digest)],
) -> Result<(), i64> {
    let mut last = previous;
    for (number, event, digest) in events {
        if chain(last.as_ref(), event) != *digest {
            return Err(*number);
        }
        last = Some(*digest);
    }
    Ok(())
}
