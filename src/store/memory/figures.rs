//! Counts over everything that was ever sent.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::MemoryStore;
use super::state::Identity;
use crate::api::StoreFuture;
use crate::api_figures::FigureFacts;
use crate::types::LinkPace;

impl Identity {
    fn link_paces(&self) -> Vec<LinkPace> {
        let mut links: BTreeMap<&Arc<str>, LinkPace> = BTreeMap::new();
        for out in self.out.values().filter(|o| &*o.env.kind == "records") {
            let pace = links.entry(&out.env.link).or_default();
            pace.attempts += u64::from(out.env.attempts);
            let Some(at) = out.ended_at.filter(|_| out.env.state.is_final()) else { continue };
            let ms = at.since(out.env.numbered_at);
            if let Some(n) = pace.answered.get_mut(LinkPace::bucket(ms)) {
                *n += 1;
            }
            pace.answered_ms += ms.unsigned_abs();
        }
        let named = |(link, pace): (&Arc<str>, _)| LinkPace { link: link.to_string(), ..pace };
        links.into_iter().map(named).collect()
    }
}

impl FigureFacts for MemoryStore {
    fn link_paces(&self) -> StoreFuture<'_, Vec<LinkPace>> {
        self.tell(|s| s.link_paces())
    }
}
