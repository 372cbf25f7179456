//! Whose word about an own envelope counts. Every node of a province has a certificate that verifies;
//! that makes none of them a judge of envelopes that never passed through it.

use canon::{EnvelopeId, NodeCode};
use envelope::{Opened, SenderCert};
use store::RelayRow;

use crate::error::WorkError;
use crate::node::{Link, Node};

/// Who speaks, seen from an own envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Voice {
    /// Its destination, or the neighbour it was handed to: they alone are certainly on its way.
    Sure,
    /// It may lie on the way: a tier above this node, or a node beneath the link it goes down by.
    Likely,
    /// Anybody else: a certificate, and nothing to say here.
    Stranger,
}

/// Who the signer of `cert` is to an own envelope that leaves by `link`.
///
/// A node knows its neighbours and no more of the way up. So above the neighbour it is the
/// certificate that tells: a tier above covers the regions of whoever lies beneath it, a node beside
/// this one does not.
pub(crate) fn voice(
    node: &Node,
    cert: &SenderCert,
    own: &EnvelopeId,
    link: Option<&Link>,
) -> Result<Voice, WorkError> {
    let from = &cert.node;
    if *from == own.route.destination || link.is_some_and(|l| l.peer == *from) {
        return Ok(Voice::Sure);
    }
    let likely = match link {
        Some(link) if !link.parent => link.leads_to(from),
        Some(_) | None => is_above(node, cert)?,
    };
    Ok(if likely { Voice::Likely } else { Voice::Stranger })
}

/// Whether the certificate covers every region that this node's own covers. A node without a region (a
/// zone, a department that speaks for units alone) has nothing to compare: there the exact digest,
/// which only who had the envelope can name, has to do.
fn is_above(node: &Node, cert: &SenderCert) -> Result<bool, WorkError> {
    let own = node.signers.own()?;
    Ok(own.regions.iter().all(|region| cert.covers(region)))
}

/// Whether the signer is the neighbour that a relayed parcel was handed to.
pub(crate) fn is_next(node: &Node, row: &RelayRow, from: &NodeCode) -> bool {
    node.link(&row.link).is_some_and(|l| l.peer == *from)
}

/// Whether a receipt that passes by may end the keeping of the envelope it names: only its
/// destination's, to its sender, for exactly the bytes that passed.
pub(crate) fn ends_keeping(receipt: &Opened<'_>, row: &RelayRow) -> bool {
    let head = &receipt.head;
    head.answers.as_ref().is_some_and(|answers| {
        answers.envelope == row.id
            && answers.head == row.head_digest
            && head.from == row.id.route.destination
            && head.to == row.id.sender
    })
}
