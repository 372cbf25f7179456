//! The node's numbers now.

use sqlx::postgres::PgConnection;

use super::collect;
use super::conn::{Columns, q};
use super::handle::Handle;
use super::sql;
use crate::error::StoreError;
use crate::packed::status::{of_destinations, of_links};
use crate::types::*;

/// The node's numbers. All of one moment, although others go on writing.
pub(super) async fn status(handle: &Handle) -> Result<NodeStatus, StoreError> {
    let mut conn = handle.look().await?;
    let row = q(sql::STATUS).bind(handle.ident).fetch_one(&mut *conn).await?;
    let rows = q(sql::PLACES).bind(handle.ident).fetch_all(&mut *conn).await?;
    let (destinations, places) = of_destinations(handle.words(), &rows)?;
    let mut adapters = Vec::new();
    for one in q(sql::ADAPTERS).bind(handle.ident).fetch_all(&mut *conn).await? {
        let (word, name) = (one.int(0)?, handle.words().text(one.int(0)?)?.to_string());
        let nothing = AdapterProgress { adapter: name, ..AdapterProgress::default() };
        adapters.extend(collect::progress_of(handle, &mut conn, word, nothing).await?);
    }
    adapters.sort_by(|a, b| a.adapter.cmp(&b.adapter));
    let links = links(handle, &mut conn).await?;
    conn.looked().await?;
    Ok(NodeStatus {
        places,
        rows_without_key: row.num(5)?,
        kept: row.num(0)?,
        judged: row.num(1)?,
        inbox: row.num(2)?,
        control_queued: row.num(3)?,
        refused: row.num(4)?,
        destinations,
        links,
        adapters,
    })
}

async fn links(handle: &Handle, conn: &mut PgConnection) -> Result<Vec<LinkStatus>, StoreError> {
    let links = q(sql::LINKS).bind(handle.ident).fetch_all(&mut *conn).await?;
    let loads = q(sql::LINK_LOADS).bind(handle.ident).fetch_all(&mut *conn).await?;
    let relays = q(sql::LINK_RELAYS).bind(handle.ident).fetch_all(&mut *conn).await?;
    of_links(handle.words(), &links, &loads, &relays)
}
