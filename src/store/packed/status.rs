//! Numbers of the links, out of rows.

use std::collections::BTreeMap;

use canon::Millis;

use super::columns::state;
use super::row::Columns;
use super::words::Words;
use crate::error::StoreError;
use crate::lifecycle::OutState;
use crate::types::{DestinationStatus, LinkStatus};

fn older(oldest: &mut Option<Millis>, at: i64) {
    *oldest = Some(oldest.map_or(Millis(at), |o| o.min(Millis(at))));
}

/// What the links are like: as they stand, what they carry of our own by state, what they relay.
pub(crate) fn of_links<R: Columns>(
    words: &Words,
    rows: &[R],
    loads: &[R],
    relays: &[R],
) -> Result<Vec<LinkStatus>, StoreError> {
    let mut links = BTreeMap::<i64, LinkStatus>::new();
    for row in rows {
        let link = links.entry(row.int(0)?).or_default();
        link.accepted = row.num(1)?;
        link.rejected = row.num(2)?;
        link.last_receipt = row.int_opt(3)?.map(Millis);
        link.reason = row.text_opt(4)?.map(str::to_owned);
        link.paused = row.text_opt(5)?.map(str::to_owned);
    }
    for row in loads {
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
    for row in relays {
        let link = links.entry(row.int(0)?).or_default();
        link.due += row.num::<u64>(1)?;
        older(&mut link.oldest, row.int(2)?);
    }
    let mut named = Vec::with_capacity(links.len());
    for (word, mut status) in links {
        status.link = words.text(word)?.to_string();
        named.push(status);
    }
    named.sort_by(|a, b| a.link.cmp(&b.link));
    Ok(named)
}

/// Own records by destination, in the order of their codes, out of rows of destination and places; and
/// all of them together.
pub(crate) fn of_destinations(
    words: &Words,
    rows: &[impl Columns],
) -> Result<(Vec<DestinationStatus>, [u64; 10]), StoreError> {
    let (mut found, mut all) = (Vec::with_capacity(rows.len()), [0; 10]);
    for row in rows {
        let mut places = [0; 10];
        for (i, place) in places.iter_mut().enumerate() {
            *place = row.num(i + 1)?;
            all[i] += *place;
        }
        found.push(DestinationStatus { destination: words.node(row.int(0)?)?, places });
    }
    found.sort_by(|a, b| a.destination.cmp(&b.destination));
    Ok((found, all))
}
