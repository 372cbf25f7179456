//! Nodes, environments, lanes, routes and envelope ids: the words two nodes share.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Who signs: an opaque code, never reused, saying nothing about place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeCode(pub Arc<str>);

impl NodeCode {
    /// A code of 1 to 64 characters out of `A-Z a-z 0-9 . _ -`; none otherwise.
    pub fn new(code: &str) -> Option<Self> {
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        (!code.is_empty() && code.len() <= 64 && code.chars().all(legal)).then(|| Self(code.into()))
    }

    /// The code as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            /// Every value, in order.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word on the wire and in configuration.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(UnknownWord { what: stringify!($name), word: text.chars().take(64).collect() }),
                }
            }
        }
    };
}
pub(crate) use words;

/// A closed word list was given a word it does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is not a word of {what}")]
pub struct UnknownWord {
    /// Which list.
    pub what: &'static str,
    /// The word found, shortened.
    pub word: String,
}

words! {
    /// Formal data, joint tests (联调), or the demo; never mixed.
    Environment {
        /// Formal data.
        Formal = "formal",
        /// Joint tests (联调).
        Joint = "joint",
        /// The demo.
        Demo = "demo",
    }
}

words! {
    /// A lane has its own sequence, queue and budget on every route.
    Lane {
        /// Receipts, refusals, inquiries, manifests, notices.
        Control = "control",
        /// Today's cases.
        Live = "live",
        /// History and attachments.
        Bulk = "bulk",
    }
}

/// Where a sender's records go: destination node and lane (the format edition and the suite of a
/// destination are fixed by configuration; a new edition is a new [`Route::edition`]).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Route {
    /// The node whose receipt settles.
    pub destination: NodeCode,
    /// Format edition, such as `supervision/1`; `control/1` in the control lane.
    pub edition: Arc<str>,
    /// Suite, such as `ecdsa-p256-sha256`.
    pub suite: Arc<str>,
    /// Lane.
    pub lane: Lane,
}

impl fmt::Display for Route {
    /// `destination|edition|suite|lane`: the head's `Route` text and the stores' column.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}|{}|{}|{}", self.destination, self.edition, self.suite, self.lane)
    }
}

impl FromStr for Route {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let bad = || UnknownWord { what: "Route", word: text.chars().take(64).collect() };
        let mut parts = text.split('|');
        let mut next = || parts.next().filter(|p| !p.is_empty()).ok_or_else(bad);
        let route = Self {
            destination: NodeCode::new(next()?).ok_or_else(bad)?,
            edition: next()?.into(),
            suite: next()?.into(),
            lane: next()?.parse()?,
        };
        if parts.next().is_some() { Err(bad()) } else { Ok(route) }
    }
}

/// Envelope id: (sender, epoch, route, sequence).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvelopeId {
    /// Who sealed it.
    pub sender: NodeCode,
    /// The sender's epoch; rises only when a node is restored.
    pub epoch: u32,
    /// Route; sequences count within it.
    pub route: Route,
    /// Sequence, from 1.
    pub sequence: u64,
}

impl fmt::Display for EnvelopeId {
    /// `sender.epoch.route.sequence`: the message id on every carrier.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{}", self.sender, self.epoch, self.route, self.sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_reads_back() {
        let text = "province|supervision/1|ecdsa-p256-sha256|live";
        assert_eq!(text.parse::<Route>().unwrap().to_string(), text);
        assert!("province|x|live".parse::<Route>().is_err());
        assert!("province|x|y|live|z".parse::<Route>().is_err());
        assert!(NodeCode::new("a b").is_none());
    }
}
