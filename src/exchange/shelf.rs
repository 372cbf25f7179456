//! The shelf of `edge`, in the node's store: what departments post waits there, and their answers.

use canon::Millis;
use edge::{BoxFuture, Shelf, ShelfError};
use store::{SharedStore, StoreError};

/// Facts that stand in the node's store.
pub struct StoreShelf(pub SharedStore);

fn failed(e: StoreError) -> ShelfError {
    ShelfError(e.to_string())
}

impl Shelf for StoreShelf {
    fn put<'a>(
        &'a self,
        name: &'a str,
        text: Option<&'a str>,
        now: Millis,
    ) -> BoxFuture<'a, Result<(), ShelfError>> {
        Box::pin(async move { self.0.stand(name, text, now).await.map_err(failed) })
    }

    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<String>, ShelfError>> {
        Box::pin(async move {
            let found = self.0.standing(name).await.map_err(failed)?;
            Ok(found.into_iter().find(|one| one.name == name).map(|one| one.text))
        })
    }

    fn names<'a>(
        &'a self,
        prefix: &'a str,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<(String, Millis)>, ShelfError>> {
        Box::pin(async move {
            let found = self.0.standing_names(prefix, limit).await.map_err(failed)?;
            Ok(found.into_iter().map(|one| (one.name, one.at)).collect())
        })
    }
}
