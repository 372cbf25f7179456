//! From `[link.spool]` to the carrier of files: folders, or rows of a table.

use std::sync::Arc;

use bus::spool::{Closing, Exchange, Folder, SpoolBus, SpoolLink};
use bus::{BusError, BusFuture};
use canon::Millis;
use edge::exchange_table::{ExchangeTable, TableError};
use envelope::{Decrypt, KeyRing};
use exchange::config::{Identity, Link, NodeConfig, SpoolPlace};

use crate::readers;
use crate::text::Failure;

/// One carrier for all links of an identity that go by files.
pub(crate) fn bus(
    config: &NodeConfig,
    identity: &Identity,
    links: &[&Link],
    now: Millis,
) -> Result<SpoolBus, Failure> {
    let mut own = crate::identity::pairs(config, identity, now)?;
    own.extend(crate::identity::former(identity)?);
    let opens: Arc<dyn Decrypt> = Arc::new(KeyRing::new(own));
    let mut spools = Vec::new();
    for link in links {
        let Some(spool) = &link.spool else { continue };
        spools.push(SpoolLink {
            node: link.identity.clone(),
            peer: link.peer.clone(),
            settings: spool.settings.clone(),
            closing: Closing {
                readers: readers::of_gate(config, identity, (link, &spool.rest), now)?,
                opens: Arc::clone(&opens),
            },
            exchange: exchange(link, &spool.place)?,
        });
    }
    Ok(SpoolBus::new(spools))
}

/// Where the files of a link lie.
pub(crate) fn exchange(link: &Link, place: &SpoolPlace) -> Result<Arc<dyn Exchange>, Failure> {
    let failed = |what: String| {
        let (name, at) = (&link.name, &link.at);
        Failure::environment(
            format!("{at}: link `{name}`: {what}; see that this user may write there"),
            format!("{at}：链路『{name}』：{what}；请确认当前用户可写"),
        )
    };
    match place {
        SpoolPlace::Folders { base, out, incoming } => {
            let folder = Folder::open(base, out.as_deref(), incoming.as_deref());
            Ok(Arc::new(folder.map_err(|e| failed(e.to_string()))?))
        }
        SpoolPlace::Table { database, out, incoming } => {
            let table = ExchangeTable::new(
                database,
                out,
                incoming,
                link.identity.as_str(),
                link.peer.as_str(),
            );
            Ok(Arc::new(Rows(table)))
        }
    }
}

/// Rows of an exchange table, as the carrier sees them.
struct Rows(ExchangeTable);

fn failed(error: TableError) -> BusError {
    BusError::Unavailable(error.to_string())
}

impl Exchange for Rows {
    fn put(&self, files: Vec<(String, Vec<u8>)>) -> BusFuture<'_, ()> {
        Box::pin(async move { self.0.put(&files).await.map_err(failed) })
    }

    fn waiting(&self) -> BusFuture<'_, u64> {
        Box::pin(async move { self.0.waiting().await.map_err(failed) })
    }

    fn list(&self) -> BusFuture<'_, Vec<bus::spool::Item>> {
        Box::pin(async move {
            let rows = self.0.list(bus::spool::LIST_MAX).await.map_err(failed)?;
            let item = |(name, size): (String, u64)| {
                let stamp = u128::from(size);
                bus::spool::Item { name, size, stamp, plain: true }
            };
            Ok(rows.into_iter().map(item).collect())
        })
    }

    fn read<'a>(&'a self, name: &'a str, max: usize) -> BusFuture<'a, Option<Vec<u8>>> {
        Box::pin(async move { self.0.read(name, max).await.map_err(failed) })
    }

    fn finish(&self, names: Vec<String>) -> BusFuture<'_, ()> {
        Box::pin(async move { self.0.finish(&names).await.map_err(failed) })
    }

    fn set_aside<'a>(&'a self, name: &'a str) -> BusFuture<'a, ()> {
        Box::pin(async move { self.0.set_aside(name).await.map_err(failed) })
    }
}
