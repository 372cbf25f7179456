//! The node's numbers now.

use sqlx::Connection as _;

use super::collect;
use super::conn::{Columns, q};
use super::handle::Handle;
use super::sql;
use crate::error::StoreError;
use crate::packed::status::{of_destinations, of_links};
use crate::types::*;

/// The node's numbers, all of one moment, although the writer goes on.
pub(super) async fn status(handle: &Handle) -> Result<NodeStatus, StoreError> {
    let mut reader = handle.reader().await?;
    let mut conn = reader.begin().await?;
    let row = q(sql::STATUS).bind(handle.ident).fetch_one(&mut *conn).await?;
    let rows = q(sql::PLACES).bind(handle.ident).fetch_all(&mut *conn).await?;
    let (destinations, places) = of_destinations(handle.words(), &rows)?;
    let mut adapters = Vec::new();
    for one in q(sql::ADAPTERS).bind(handle.ident).fetch_all(&mut *conn).await? {
        let name = handle.words().text(one.int(0)?)?;
        adapters.push(collect::adapter(handle, &mut conn, &name).await?);
    }
    adapters.sort_by(|a, b| a.adapter.cmp(&b.adapter));
    Ok(NodeStatus {
        places,
        rows_without_key: row.num(5)?,
        kept: row.num(0)?,
        judged: row.num(1)?,
        inbox: row.num(2)?,
        control_queued: row.num(3)?,
        refused: row.num(4)?,
        destinations,
        links: links(handle, &mut conn).await?,
        adapters,
    })
}

async fn links(
    handle: &Handle,
    conn: &mut sqlx::sqlite::SqliteConnection,
) -> Result<Vec<LinkStatus>, StoreError> {
    let links = q(sql::LINKS).bind(handle.ident).fetch_all(&mut *conn).await?;
    let loads = q(sql::LINK_LOADS).bind(handle.ident).fetch_all(&mut *conn).await?;
    let relays = q(sql::LINK_RELAYS).bind(handle.ident).fetch_all(&mut *conn).await?;
    of_links(handle.words(), &links, &loads, &relays)
}
