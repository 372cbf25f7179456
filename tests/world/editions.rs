//! Editions of the format in a story: the one in the tree, and a second one with a field more.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use canon::Route;
use canon::format::Format;

use super::{Feed, files, format, live, root};

/// What the second edition is called.
pub const SECOND: &str = "supervision/2";

/// The live route to the province in the second edition.
pub fn in_second() -> Route {
    Route { edition: SECOND.into(), ..live() }
}

/// The second edition: applications have a field more, `novelty`.
pub fn second() -> Arc<Format> {
    static FORMAT: LazyLock<Arc<Format>> = LazyLock::new(|| {
        let files = files(&root().join("schemas/supervision/1")).into_iter();
        let mut texts: BTreeMap<String, String> = files
            .filter(|(name, _)| name.ends_with(".xsd"))
            .map(|(name, bytes)| (name, String::from_utf8(bytes).expect("an XSD is UTF-8")))
            .map(|(name, text)| {
                let text = text.replace("tiergate:supervision:1", "tiergate:supervision:2");
                let named = ["1", "2"].map(|n| format!("\"supervision\" edition=\"{n}\""));
                (name, text.replace(&named[0], &named[1]))
            })
            .collect();
        let element = "<xs:element name=\"SB\">";
        let text = texts.values_mut().find(|t| t.contains(element)).expect("applications");
        let at = text.find(element).expect("applications");
        let end = text.get(at..).and_then(|t| t.find("</xs:sequence>")).expect("their fields");
        text.insert_str(at + end, include_str!("novelty.xsd"));
        let format = Format::compile("supervision", "2", &texts);
        Arc::new(format.unwrap_or_else(|p| panic!("the format compiles: {p:?}")))
    });
    Arc::clone(&FORMAT)
}

/// The format that an envelope or a route is written in.
pub fn edition(name: &str) -> Arc<Format> {
    if name == SECOND { second() } else { format() }
}

/// What a node knows: one edition under this name, or both where a source writes both.
pub(super) fn known(name: &str, feeds: &[Feed]) -> BTreeMap<String, Arc<Format>> {
    let mut known = BTreeMap::from([(name.to_owned(), format())]);
    if feeds.iter().any(|feed| matches!(feed, Feed::Second(_) | Feed::Earlier(_))) {
        known.insert(SECOND.to_owned(), second());
    }
    known
}
