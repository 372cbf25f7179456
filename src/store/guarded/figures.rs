//! The part of a guarded store that figures need.

use crate::*;

use super::{Guarded, Hook};

impl<H: Hook> FigureFacts for Guarded<H> {
    fn link_paces(&self) -> StoreFuture<'_, Vec<LinkPace>> {
        self.guarded("link_paces", move || self.inner.link_paces())
    }
}
