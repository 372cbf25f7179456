//! What both databases make of the rows of accounts.

use std::collections::BTreeMap;

use super::columns::{big, state};
use super::row::Columns;
use super::words::Words;
use crate::error::StoreError;
use crate::types::{HopCount, Load, OnHop, UnitCount, UnitRow};

/// What links carried: own envelopes by link, state and whether a hop spoke; passed ones by link, state
/// and whether a word is overdue. Then parcels and records.
pub(crate) fn hops<R: Columns>(
    words: &Words,
    own: &[R],
    passed: &[R],
) -> Result<Vec<HopCount>, StoreError> {
    let mut links = BTreeMap::<i64, HopCount>::new();
    let load = |row: &R| Ok::<_, StoreError>(Load { parcels: row.num(3)?, records: row.num(4)? });
    for row in own {
        let at = OnHop::of_own(state(row.int(1)?)?, row.int(2)? != 0);
        links.entry(row.int(0)?).or_default().add(at, load(row)?);
    }
    for row in passed {
        let at = match (row.int(1)?, row.int(2)? != 0) {
            (0, _) => OnHop::Due,
            (1, false) => OnHop::Sent,
            (1, true) => OnHop::Unknown,
            _ => OnHop::Receipted,
        };
        links.entry(row.int(0)?).or_default().add(at, load(row)?);
    }
    let mut named = Vec::with_capacity(links.len());
    for (word, count) in links {
        named.push(HopCount { link: words.text(word)?.to_string(), ..count });
    }
    named.sort_by(|a, b| a.link.cmp(&b.link));
    Ok(named)
}

/// A count's numbers, in the order of the columns.
pub(crate) fn numbers(count: &UnitCount) -> [i64; 7] {
    let UnitCount { records, accepted, invalid, late, history, delay, delay_max, .. } = count;
    [records, accepted, invalid, late, history, delay, delay_max].map(|n| big(*n))
}

/// Rows of peer, unit, region and numbers, in order.
pub(crate) fn units(words: &Words, rows: &[impl Columns]) -> Result<Vec<UnitRow>, StoreError> {
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let count = UnitCount {
            unit: row.text(1)?.to_owned(),
            region: row.text(2)?.to_owned(),
            records: row.num(3)?,
            accepted: row.num(4)?,
            invalid: row.num(5)?,
            late: row.num(6)?,
            history: row.num(7)?,
            delay: row.num(8)?,
            delay_max: row.num(9)?,
        };
        found.push(UnitRow { peer: words.node(row.int(0)?)?, count });
    }
    found.sort_by(|a, b| {
        let key = |r: &UnitRow| (r.peer.clone(), r.count.unit.clone(), r.count.region.clone());
        key(a).cmp(&key(b))
    });
    Ok(found)
}
