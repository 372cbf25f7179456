//! What lies at a node's gates, and which of its links have no way back.

use std::path::{Path, PathBuf};

use bus::spool::LIST_MAX;
use canon::NodeCode;
use exchange::config::{Back, NodeConfig, SpoolPlace};
use serde::Serialize;

/// One link over files, for people.
#[derive(Clone, Debug)]
pub(crate) struct GateView {
    /// The link's name.
    pub(crate) link: String,
    /// The neighbour behind it.
    pub(crate) peer: NodeCode,
    /// How an answer comes back.
    pub(crate) back: Back,
    /// Where its files lie; none for a table.
    base: Option<[PathBuf; 3]>,
}

/// Files of a gate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Lies {
    /// Written and not taken away.
    pub(crate) out: usize,
    /// Brought and not taken: unfinished, or of parcels with parts missing.
    #[serde(rename = "in")]
    pub(crate) incoming: usize,
    /// Set aside for a person.
    pub(crate) bad: usize,
}

impl GateView {
    /// Where its files go out and come in; none for a table.
    pub(crate) fn folders(&self) -> Option<(&Path, &Path)> {
        let [out, incoming, _] = self.base.as_ref()?;
        Some((out, incoming))
    }

    /// What lies there now.
    pub(crate) fn lies(&self) -> Option<Lies> {
        let [out, incoming, bad] = self.base.as_ref()?;
        Some(Lies { out: count(out), incoming: count(incoming), bad: count(bad) })
    }
}

/// Files that do not begin with a dot; a folder that is not there has none.
fn count(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let seen = entries.filter(|e| !e.file_name().to_string_lossy().starts_with('.'));
    seen.take(LIST_MAX).count()
}

/// The gates of an identity.
pub(crate) fn of(config: &NodeConfig, code: &NodeCode) -> Vec<GateView> {
    let gates = config.links_of(code).filter_map(|link| Some((link, link.spool.as_ref()?)));
    let view =
        |(link, spool): (&exchange::config::Link, &exchange::config::SpoolConfig)| GateView {
            link: link.name.to_string(),
            peer: link.peer.clone(),
            back: spool.back,
            base: match &spool.place {
                SpoolPlace::Folders { base, out, incoming } => Some([
                    out.clone().unwrap_or_else(|| base.join("out")),
                    incoming.clone().unwrap_or_else(|| base.join("in")),
                    base.join("bad"),
                ]),
                SpoolPlace::Table { .. } => None,
            },
        };
    gates.map(view).collect()
}
