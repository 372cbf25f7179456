//! The gate every parcel passes before anything in it is believed: opened within limits, outside
//! and head agreed, signer verified, or refused with a stable code.

use std::sync::Arc;

use canon::{Millis, NodeCode};
use envelope::{Kind, Opened, Refuse, SenderCert};
use store::{InboxParcel, Lease, RefusedParcel};

use crate::control;
use crate::error::WorkError;
use crate::node::{self, Node};
use crate::pace::Pace;
use crate::passages;

/// Why a parcel is refused: stable code, and what was found (never body text).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Stable code.
    pub code: String,
    /// Detail.
    pub detail: String,
}

impl Refusal {
    /// A refusal.
    pub fn new(code: &str, detail: impl Into<String>) -> Self {
        Self { code: code.into(), detail: detail.into() }
    }
}

impl From<Refuse> for Refusal {
    fn from(refuse: Refuse) -> Self {
        Self::new(refuse.code(), refuse.to_string())
    }
}

/// Opens the frame, within the declared-size limit.
pub fn package(node: &Node, parcel: &InboxParcel) -> Result<Vec<u8>, Refusal> {
    if parcel.tries > node.limits.poison_tries {
        return Err(Refusal::new("node.poison", format!("claimed {} times", parcel.tries)));
    }
    if node.dead.take(&parcel.arrived.parcel, &parcel.arrived.id) {
        return Err(Refusal::new("bus.dead_lettered", "the carrier gave up delivering it"));
    }
    Ok(envelope::open_frame(&parcel.arrived.frame, node.limits.package_bytes_max)?)
}

/// Reads a package apart and checks what needs no trust: form, root, outside against head, the
/// link it came by, environment, clock.
pub fn read<'a>(
    node: &Node,
    parcel: &InboxParcel,
    package: &'a [u8],
) -> Result<Opened<'a>, Refusal> {
    let opened = envelope::open(package)?;
    let (head, outside) = (&opened.head, &parcel.arrived);
    let same = head.id() == outside.id
        && head.to == outside.to
        && head.route.destination == head.to
        && head.kind.as_str() == &*outside.kind;
    if !same {
        return Err(Refusal::new("sender.outside_differs", "outside and signed head disagree"));
    }
    if head.environment != node.environment {
        return Err(Refuse::Environment.into());
    }
    let link = node.link(&outside.link);
    let accepts = link.and_then(|l| l.accepts.as_ref());
    if let Some(accepts) = accepts {
        let suite = head.suite()?;
        if !accepts.contains(&suite) {
            return Err(Refuse::SuiteRefused { suite: suite.name() }.into());
        }
    }
    if !link.is_some_and(|l| l.may_carry(&head.from, &node.links)) {
        return Err(Refusal::new(
            "sender.link",
            format!("link `{}` may not carry parcels of `{}`", outside.link, head.from),
        ));
    }
    envelope::check_clock(head, parcel.received_at, node.limits.clock_skew)?;
    Ok(opened)
}

/// Verifies who signed, judged at the time this node first held it.
pub fn verify(
    node: &Node,
    parcel: &InboxParcel,
    opened: &Opened<'_>,
) -> Result<Arc<SenderCert>, Refusal> {
    Ok(envelope::verify(opened, &node.trust, parcel.received_at)?)
}

/// As [`verify`]; where the certificate has ended meanwhile, judged at the earliest time another node
/// vouches for.
pub async fn verify_vouched(
    node: &Node,
    parcel: &InboxParcel,
    opened: &Opened<'_>,
) -> Result<Result<Arc<SenderCert>, Refusal>, WorkError> {
    let refuse = match envelope::verify(opened, &node.trust, parcel.received_at) {
        Ok(cert) => return Ok(Ok(cert)),
        Err(refuse) => refuse,
    };
    if matches!(refuse, Refuse::CertificateExpired | Refuse::CertificateRevoked) {
        let earliest = passages::earliest(node, opened, parcel.received_at).await?;
        if let Some(at) = earliest.filter(|at| *at < parcel.received_at) {
            return Ok(envelope::verify(opened, &node.trust, at).map_err(Refusal::from));
        }
    }
    Ok(Err(refuse.into()))
}

/// Sets refused parcels aside and answers their senders, within a rate.
pub struct Refuser {
    node: Arc<Node>,
    pace: Pace,
}

impl Refuser {
    /// Refuses for this node.
    pub fn new(node: Arc<Node>) -> Self {
        let rate = node.limits.refusals_per_minute.div_ceil(60).max(1);
        Self { pace: Pace::new(rate, 0), node }
    }

    /// One parcel set aside, audited, its sender told along the link it came by.
    pub async fn refuse(
        &mut self,
        lease: &Lease,
        parcel: &InboxParcel,
        refusal: Refusal,
        now: Millis,
    ) -> Result<(), WorkError> {
        // A refusal is never answered by a refusal: two nodes at odds would shout for ever.
        let answerable = parcel.arrived.kind.as_ref() == Kind::Records.as_str();
        let answer =
            (answerable && self.pace.allows(now, 1, 0)).then(|| self.answer(parcel, &refusal, now));
        self.node
            .store
            .commit_refused(
                lease,
                RefusedParcel {
                    inbox_id: parcel.inbox_id,
                    code: refusal.code,
                    detail: refusal.detail,
                    refusal: answer,
                    now,
                },
            )
            .await?;
        self.node.inbox_moved(-1);
        Ok(())
    }

    fn answer(&self, parcel: &InboxParcel, refusal: &Refusal, now: Millis) -> store::NewControl {
        let outside = &parcel.arrived;
        let to: &NodeCode = if self.leads_back(&outside.id.sender, &outside.link) {
            &outside.id.sender
        } else {
            &outside.from
        };
        let body = envelope::control::Refusal {
            parcel: outside.parcel,
            claimed: Some(outside.id.clone()),
            code: refusal.code.clone(),
            text: canon::code(&refusal.code).map(|c| c.zh.to_owned()).unwrap_or_default(),
            at: node::whole_seconds(now),
        };
        control::content(Kind::Refusal, to, now.day(), &[body.write()])
    }

    fn leads_back(&self, sender: &NodeCode, link: &str) -> bool {
        self.node.link_to(sender).is_some_and(|l| *l.name == *link)
    }
}
