//! Control contents: what a worker queues in its transaction and `seal` later numbers and signs.

use canon::{Day, EnvelopeId, Millis, NodeCode};
use envelope::{By, Kind, ReceiptFor};
use serde::{Deserialize, Serialize};
use store::NewControl;

use crate::error::WorkError;

/// The head fields only a control kind has, between queueing and sealing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detail {
    /// For receipts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answers: Option<Answers>,
}

/// What a receipt answers, as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers {
    /// Envelope id.
    pub envelope: String,
    /// Head digest.
    pub head: String,
    /// Merkle root.
    pub root: String,
    /// When it was received here.
    pub received_at: Millis,
    /// It says what a platform answered that does not run Tiergate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outlet: Option<bool>,
    /// Decline code for the whole envelope.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decline: Option<String>,
}

impl Answers {
    /// As the head has it.
    pub fn to_head(&self) -> Result<ReceiptFor, WorkError> {
        let bad = || WorkError::Own(format!("queued receipt for `{}`", self.envelope));
        Ok(ReceiptFor {
            envelope: envelope::parse_envelope_id(&self.envelope).ok_or_else(bad)?,
            head: self.head.parse().map_err(|_| bad())?,
            root: self.root.parse().map_err(|_| bad())?,
            received_at: self.received_at,
            by: if self.outlet == Some(true) { By::Outlet } else { By::Node },
            decline: self.decline.clone(),
        })
    }
}

/// A control content of one or more fragments.
pub fn content(kind: Kind, to: &NodeCode, day: Day, fragments: &[Vec<u8>]) -> NewControl {
    NewControl {
        kind: kind.as_str().into(),
        to: to.clone(),
        day,
        detail: String::new(),
        body: fragments.concat(),
        lengths: fragments.iter().map(|f| f.len() as u32).collect(),
        answers: None,
    }
}

/// A receipt for an envelope.
pub fn receipt(
    to: &NodeCode,
    day: Day,
    id: &EnvelopeId,
    answers: Answers,
    body: Vec<u8>,
    lengths: Vec<u32>,
) -> Result<NewControl, WorkError> {
    let detail = serde_json::to_string(&Detail { answers: Some(answers) })
        .map_err(|e| WorkError::Own(e.to_string()))?;
    Ok(NewControl {
        kind: Kind::Receipt.as_str().into(),
        to: to.clone(),
        day,
        detail,
        body,
        lengths,
        answers: Some(id.clone()),
    })
}

/// The detail of a queued control.
pub fn detail(control: &NewControl) -> Result<Detail, WorkError> {
    if control.detail.is_empty() {
        return Ok(Detail::default());
    }
    serde_json::from_str(&control.detail).map_err(|e| WorkError::Own(e.to_string()))
}
