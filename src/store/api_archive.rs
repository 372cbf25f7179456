//! The part of the trait that an archive needs.

use canon::EnvelopeId;

use crate::api::StoreFuture;
use crate::types::*;

/// Facts of envelopes whose bytes go to an archive, and then from here.
pub trait ArchiveFacts: Send + Sync {
    /// Envelopes of one side above `after`, and those of the numbers `also`, in the order of their
    /// numbers. Own ones that are not sealed yet are listed too; what gave its bytes back is not.
    fn archive_rows<'a>(
        &'a self,
        side: ArchiveSide,
        after: i64,
        also: &'a [i64],
        limit: u32,
    ) -> StoreFuture<'a, Vec<ArchiveRow>>;

    /// Gives back the bytes of these envelopes (own ones only if they are final), and the room of them
    /// to the file system where the back end can. Rows, keys, facts and digests stay.
    fn release_frames<'a>(
        &'a self,
        side: ArchiveSide,
        ids: &'a [EnvelopeId],
    ) -> StoreFuture<'a, Released>;

    /// The room that the store takes.
    fn space(&self) -> StoreFuture<'_, Space>;
}
