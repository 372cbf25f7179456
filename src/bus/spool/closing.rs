//! What lies in a gate's folders, closed: a parcel's frame, encrypted for the neighbour.

use std::borrow::Cow;
use std::sync::Arc;

use canon::{EnvelopeId, NodeCode};
use envelope::{Cipher, Decrypt, NoKeys, Readers, disclose, is_enclosed};

use super::Outside;
use crate::{BusError, Parcel};

/// For whom a link's outgoing files are closed, and what opens those that come. What comes in the clear is
/// taken too: a parcel is judged by its own signature, and who sent it decided how it lay.
#[derive(Clone)]
pub struct Closing {
    /// Readers and cipher; none writes in the clear.
    pub readers: Option<(Readers, Cipher)>,
    /// Opens what comes.
    pub opens: Arc<dyn Decrypt>,
}

impl Closing {
    /// In the clear, with no key for anything that is not.
    pub fn none() -> Self {
        Self { readers: None, opens: Arc::new(NoKeys) }
    }

    /// The payload of a parcel as it goes.
    pub(super) fn close<'p>(&self, parcel: &'p Parcel) -> Result<Cow<'p, [u8]>, BusError> {
        let Some((readers, cipher)) = &self.readers else {
            return Ok(Cow::Borrowed(&parcel.frame));
        };
        let about = about(&parcel.from, &parcel.hop, &parcel.id);
        let closed = readers.enclose(*cipher, &about, &parcel.frame);
        closed.map(Cow::Owned).map_err(|e| BusError::Unavailable(e.to_string()))
    }

    /// The frame out of a payload that came; none where no key here opens it.
    pub(super) fn open(&self, outside: &Outside, payload: Vec<u8>) -> Option<Vec<u8>> {
        if outside.opened || !is_enclosed(&payload) {
            return Some(payload);
        }
        let about = about(&outside.from, &outside.hop, &outside.id);
        disclose(&payload, &about, &*self.opens).ok().flatten()
    }
}

/// A file opens as this parcel, on this hop, and as nothing else.
fn about(from: &NodeCode, hop: &NodeCode, id: &EnvelopeId) -> String {
    format!("spool {from} {hop} {id}")
}
