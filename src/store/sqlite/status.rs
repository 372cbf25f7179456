//! The node's numbers now.

use std::collections::BTreeMap;

use canon::Millis;
use sqlx::Connection as _;

use super::collect;
use super::conn::{Columns, q};
use super::dispatch::state;
use super::handle::Handle;
use super::people::total;
use super::sql;
use crate::error::StoreError;
use crate::lifecycle::OutState;
use crate::types::*;

/// The node's numbers, all of one moment, although the writer goes on.
pub(super) async fn status(handle: &Handle) -> Result<NodeStatus, StoreError> {
    let mut reader = handle.reader().await?;
    let mut conn = reader.begin().await?;
    let row = q(sql::STATUS).bind(handle.ident).fetch_one(&mut *conn).await?;
    let sums = q(sql::PLACES).bind(handle.ident).fetch_one(&mut *conn).await?;
    let mut places = [0; 10];
    for (i, place) in places.iter_mut().enumerate() {
        *place = total(&sums, i)?;
    }
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
        links: links(handle, &mut conn).await?,
        adapters,
    })
}

fn older(oldest: &mut Option<Millis>, at: i64) {
    *oldest = Some(oldest.map_or(Millis(at), |o| o.min(Millis(at))));
}

async fn links(
    handle: &Handle,
    conn: &mut sqlx::sqlite::SqliteConnection,
) -> Result<Vec<LinkStatus>, StoreError> {
    let mut links = BTreeMap::<i64, LinkStatus>::new();
    for row in q(sql::LINKS).bind(handle.ident).fetch_all(&mut *conn).await? {
        let link = links.entry(row.int(0)?).or_default();
        link.accepted = row.num(1)?;
        link.rejected = row.num(2)?;
        link.last_receipt = row.int_opt(3)?.map(Millis);
        link.reason = row.text_opt(4)?.map(str::to_owned);
        link.paused = row.text_opt(5)?.map(str::to_owned);
    }
    for row in q(sql::LINK_LOADS).bind(handle.ident).fetch_all(&mut *conn).await? {
        let link = links.entry(row.int(0)?).or_default();
        let count: u64 = row.num(2)?;
        match state(row.int(1)?)? {
            OutState::Numbered | OutState::Sealed | OutState::RetryWait => link.due += count,
            OutState::Sent => link.in_flight += count,
            OutState::Unknown => link.unknown += count,
            OutState::Dead => {
                link.dead += count;
                continue;
            }
            OutState::Settled | OutState::Declined => continue,
        }
        older(&mut link.oldest, row.int(3)?);
    }
    for row in q(sql::LINK_RELAYS).bind(handle.ident).fetch_all(&mut *conn).await? {
        let link = links.entry(row.int(0)?).or_default();
        link.due += row.num::<u64>(1)?;
        older(&mut link.oldest, row.int(2)?);
    }
    let mut named = Vec::with_capacity(links.len());
    for (word, mut status) in links {
        status.link = handle.words().text(word)?.to_string();
        named.push(status);
    }
    named.sort_by(|a, b| a.link.cmp(&b.link));
    Ok(named)
}
