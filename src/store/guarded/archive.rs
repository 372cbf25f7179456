//! The part of a guarded store that an archive needs.

use crate::*;
use canon::EnvelopeId;

use super::{Guarded, Hook};

impl<H: Hook> ArchiveFacts for Guarded<H> {
    fn archive_rows<'a>(
        &'a self,
        side: ArchiveSide,
        after: i64,
        also: &'a [i64],
        limit: u32,
    ) -> StoreFuture<'a, Vec<ArchiveRow>> {
        self.guarded("archive_rows", move || self.inner.archive_rows(side, after, also, limit))
    }

    fn release_frames<'a>(
        &'a self,
        side: ArchiveSide,
        ids: &'a [EnvelopeId],
    ) -> StoreFuture<'a, Released> {
        self.guarded("release_frames", move || self.inner.release_frames(side, ids))
    }

    fn space(&self) -> StoreFuture<'_, Space> {
        self.guarded("space", move || self.inner.space())
    }
}
