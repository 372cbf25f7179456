//! The part of the trait that figures for programs need.

use crate::api::StoreFuture;
use crate::types::LinkPace;

/// Counts over everything that was ever sent: asked now and then, not at every look.
pub trait FigureFacts: Send + Sync {
    /// What was tried and answered over each link, of own envelopes of records, in the order of the
    /// links' names. Costs a scan of the envelopes.
    fn link_paces(&self) -> StoreFuture<'_, Vec<LinkPace>>;
}
