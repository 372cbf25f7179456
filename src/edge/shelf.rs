//! Where texts lie durably under names, until they are taken away: the node's store, seen from here.

use canon::Millis;

use crate::source::BoxFuture;

/// Texts under names. What `put` has returned from is durable, and every instance of the node sees it.
pub trait Shelf: Send + Sync {
    /// Lays a text under a name, in place of what lay there; none takes it away.
    fn put<'a>(
        &'a self,
        name: &'a str,
        text: Option<&'a str>,
        now: Millis,
    ) -> BoxFuture<'a, Result<(), ShelfError>>;

    /// The text under a name.
    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<String>, ShelfError>>;

    /// At most `limit` names that begin with `prefix`, the oldest first, with their times.
    fn names<'a>(
        &'a self,
        prefix: &'a str,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<(String, Millis)>, ShelfError>>;
}

/// The shelf is not to be had now; nothing was laid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ShelfError(pub String);
