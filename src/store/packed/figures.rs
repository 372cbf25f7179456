//! Counts over everything that was ever sent, out of rows.

use std::collections::BTreeMap;

use super::row::Columns;
use super::words::Words;
use crate::error::StoreError;
use crate::types::LinkPace;

/// Out of rows of a link, where an answer is counted (below 0: there is none), envelopes, attempts and
/// milliseconds.
pub(crate) fn of_paces<R: Columns>(words: &Words, rows: &[R]) -> Result<Vec<LinkPace>, StoreError> {
    let mut links: BTreeMap<i64, LinkPace> = BTreeMap::new();
    for row in rows {
        let pace = links.entry(row.int(0)?).or_default();
        pace.attempts += row.num::<u64>(3)?;
        let Ok(bucket) = usize::try_from(row.int(1)?) else { continue };
        if let Some(n) = pace.answered.get_mut(bucket) {
            *n += row.num::<u64>(2)?;
        }
        pace.answered_ms += row.num::<u64>(4)?;
    }
    let mut named = Vec::with_capacity(links.len());
    for (word, mut pace) in links {
        pace.link = words.text(word)?.to_string();
        named.push(pace);
    }
    named.sort_by(|a, b| a.link.cmp(&b.link));
    Ok(named)
}
