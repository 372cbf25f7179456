//! Code lists in force at a node: those of its files, and over them those that came down as records.
//! Both may change while it works.

use std::sync::{Arc, PoisonError, RwLock};

use canon::format::OpenLists;

/// The lists of one node.
#[derive(Debug, Default)]
pub struct Lists(RwLock<Laid>);

#[derive(Debug, Default)]
struct Laid {
    files: OpenLists,
    came: OpenLists,
    now: Arc<OpenLists>,
}

impl Lists {
    /// What its files say; nothing has come down.
    pub fn new(files: OpenLists) -> Self {
        let now = Arc::new(files.clone());
        Self(RwLock::new(Laid { files, came: OpenLists::new(), now }))
    }

    /// As they are now; whoever judges several things holds on to one answer.
    pub fn now(&self) -> Arc<OpenLists> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner).now)
    }

    /// The files say this now.
    pub fn files_are(&self, files: OpenLists) {
        self.change(|laid| laid.files = files);
    }

    /// This has come down.
    pub fn came_are(&self, came: OpenLists) {
        self.change(|laid| laid.came = came);
    }

    fn change(&self, change: impl FnOnce(&mut Laid)) {
        let mut laid = self.0.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut laid);
        let mut now = laid.files.clone();
        now.lay_over(&laid.came);
        laid.now = Arc::new(now);
    }
}

#[cfg(test)]
mod tests {
    use canon::Day;

    use super::*;

    #[test]
    fn what_came_down_lies_over_the_files_and_neither_forgets_the_other() {
        let one = |edition: &str| {
            let mut lists = OpenLists::new();
            lists.insert("regions", edition, [("990100", "甲")]);
            lists
        };
        let day = Day::parse("2026-12-05").unwrap();
        let lists = Lists::new(one("1"));
        let held = lists.now();
        lists.came_are(one("2026-12-01"));
        assert_eq!(lists.now().editions(day), "regions=2026-12-01");
        assert_eq!(
            held.editions(day),
            "regions=1",
            "a judgement under way keeps what it began with"
        );
        lists.files_are(one("2"));
        assert_eq!(lists.now().editions(Day(day.0 - 30)), "regions=2");
        assert_eq!(lists.now().editions(day), "regions=2026-12-01");
        lists.came_are(OpenLists::new());
        assert_eq!(lists.now().editions(day), "regions=2");
    }
}
