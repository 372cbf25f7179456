//! Quarantined rows once more: the quarantine keeps a row's cells, so that it goes up again after a rule
//! or a code table was mended, also where its source gives it no more (a file in `done/`).

use std::sync::Arc;

use canon::{NodeCode, RecordId};
use edge::Page;
use envelope::Decrypt;
use store::{AuditEvent, ProblemAction, ProblemFilter, ProblemItem, SharedStore};

use crate::adapter::Adapter;
use crate::collect::is_compared;
use crate::error::WorkError;
use crate::rested;

/// Under this prefix stand the numbers that an adapter makes anew: `resubmit/ADAPTER/NUMBER`.
const RESUBMIT: &str = "resubmit/";

/// What an operator orders: the rows of these problems once more. Audited; says how many changed.
pub async fn order(
    store: &SharedStore,
    numbers: &[i64],
    audit: AuditEvent,
) -> Result<u64, WorkError> {
    let now = audit.at;
    let changed = store.act_on_problems(numbers, ProblemAction::Resubmit, audit).await?;
    for number in numbers {
        // After the act: a process that dies between the two leaves an order that can be given again.
        if let Some(item) = ordered(store, *number).await? {
            let name = format!("{}{number:015}", prefix(&item.adapter));
            store.stand(&name, Some("quarantine.resubmit"), now).await?;
        }
    }
    Ok(changed)
}

/// Where the orders of an adapter stand.
pub(crate) fn prefix(adapter: &str) -> String {
    format!("{RESUBMIT}{adapter}/")
}

/// A quarantined row that is to be made anew: not one that a later version has cured meanwhile.
async fn ordered(store: &SharedStore, number: i64) -> Result<Option<ProblemItem>, WorkError> {
    let filter = ProblemFilter { after: number.saturating_sub(1), limit: 1, ..Default::default() };
    let item = store.problems(filter).await?.into_iter().find(|item| item.number == number);
    let row = |item: &ProblemItem| item.class == "quarantined" && !item.adapter.is_empty();
    Ok(item.filter(|item| row(item) && item.state == "resubmitted"))
}

/// A row of the past.
pub(crate) struct Again {
    /// The row, alone.
    pub(crate) page: Page,
    /// The record that was at fault; its row may hold others, which are as they are.
    pub(crate) only: Only,
}

/// Which record of a row is meant, and where it goes.
pub(crate) struct Only {
    id: Option<RecordId>,
    to: Option<NodeCode>,
}

impl Only {
    /// Whether it is of this destination. A row without a key is of none, and so of all.
    pub(crate) fn is_for(&self, destination: &NodeCode) -> bool {
        self.to.as_ref().is_none_or(|to| to == destination)
    }

    /// Whether it is this one, whose latest version is `latest`: where a later one came meanwhile, the
    /// row of the past is not its content any more.
    pub(crate) fn is(&self, kind: &str, key: &canon::Key, latest: Option<u32>) -> bool {
        match &self.id {
            Some(id) => *id.kind == *kind && id.key == *key && latest == Some(id.version),
            // It had no key; what it has now is nobody's yet.
            None => latest.is_none(),
        }
    }
}

/// The row of an order; none where there is nothing to be made of it, or its source gives it anyway.
pub(crate) async fn row(
    (store, opens): (&SharedStore, &dyn Decrypt),
    order: &str,
    adapter: &Adapter,
) -> Result<Option<Again>, WorkError> {
    let number = order.rsplit('/').next().and_then(|number| number.parse().ok());
    let Some(number) = number else { return Ok(None) };
    let Some(item) = ordered(store, number).await? else { return Ok(None) };
    let again = row_of((store, opens), &item, adapter).await?;
    // A table that is compared gives the row as it is now: this order has made it news.
    let given = |again: &Again| adapter.query(again.page.table).is_some_and(is_compared);
    Ok(again.filter(|again| !given(again)))
}

/// Whether an order for this problem stands.
pub(crate) async fn is_ordered(store: &SharedStore, item: &ProblemItem) -> Result<bool, WorkError> {
    let name = format!("{}{:015}", prefix(&item.adapter), item.number);
    Ok(!store.standing(&name).await?.is_empty())
}

/// The row of a problem as the quarantine keeps it.
pub(crate) async fn row_of(
    (store, opens): (&SharedStore, &dyn Decrypt),
    item: &ProblemItem,
    adapter: &Adapter,
) -> Result<Option<Again>, WorkError> {
    let raw = store.problem_raw(item.number).await?;
    let raw = raw.and_then(|raw| rested::opened(raw, item, opens));
    let Some((columns, cells)) = raw.and_then(|raw| read(&raw)) else { return Ok(None) };
    let Some(table) = table_of(adapter, &columns) else { return Ok(None) };
    let id = item.record.as_deref().and_then(RecordId::parse);
    let only = Only { id, to: item.destination.clone() };
    Ok(Some(Again { page: Page::of_row(table, &item.reference, columns, &cells), only }))
}

/// The table these columns are of: the one that takes most of them.
fn table_of(adapter: &Adapter, columns: &[Arc<str>]) -> Option<u16> {
    let queries = adapter.package.queries().iter().enumerate();
    let binds = |table: usize| adapter.targets.iter().any(|t| t.bind(table, columns).is_ok());
    let fits = queries.filter(|(table, _)| binds(*table));
    let (table, _) = fits.max_by_key(|(_, query)| query.columns.len())?;
    u16::try_from(table).ok()
}

/// The columns and cells of a row, as the quarantine keeps them.
pub(crate) type Cells = (Arc<[Arc<str>]>, Vec<Option<String>>);

/// Writes a row down for people and for [`read`]: a line a column, `name=cell`, without `=` where the
/// cell is NULL.
pub(crate) fn write<'a>(row: impl Iterator<Item = (&'a str, Option<&'a str>)>) -> Vec<u8> {
    let mut out = String::new();
    for (column, cell) in row {
        escape(column, true, &mut out);
        if let Some(cell) = cell {
            out.push('=');
            escape(cell, false, &mut out);
        }
        out.push('\n');
    }
    out.into_bytes()
}

fn escape(text: &str, name: bool, out: &mut String) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '=' if name => out.push_str("\\="),
            c => out.push(c),
        }
    }
}

/// Reads what [`write`] wrote; none if it is no row.
pub(crate) fn read(raw: &[u8]) -> Option<Cells> {
    let (mut columns, mut cells) = (Vec::new(), Vec::new());
    for line in std::str::from_utf8(raw).ok()?.split_terminator('\n') {
        let (mut column, mut cell) = (String::new(), None);
        let mut chars = line.chars();
        while let Some(c) = chars.next() {
            let c = match c {
                '\\' => match chars.next()? {
                    'n' => '\n',
                    c => c,
                },
                '=' if cell.is_none() => {
                    cell = Some(String::new());
                    continue;
                }
                c => c,
            };
            cell.as_mut().unwrap_or(&mut column).push(c);
        }
        columns.push(Arc::from(column));
        cells.push(cell);
    }
    (!columns.is_empty()).then(|| (columns.into(), cells))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_as_it_was_written() {
        let row = [
            ("流水号", Some("99")),
            ("a=b", Some("x=y\\n")),
            ("two\nlines", Some("first\nsecond\r")),
            ("empty", Some("")),
            ("null", None),
        ];
        let raw = write(row.into_iter());
        assert!(raw.starts_with("流水号=99\n".as_bytes()), "for people too");
        let (columns, cells) = read(&raw).unwrap();
        let again: Vec<_> = columns.iter().zip(&cells).map(|(c, v)| (&**c, v.as_deref())).collect();
        assert_eq!(again, row);
        assert!(read(b"").is_none() && read(&[0xff]).is_none());
    }

    #[test]
    fn only_the_record_that_was_at_fault_is_made_anew() {
        let key = canon::Key::new("U", &["1"]);
        let id = RecordId { kind: "SL".into(), key: key.clone(), version: 2 };
        assert_eq!(RecordId::parse(&id.to_string()), Some(id.clone()));
        let only = Only { id: Some(id), to: None };
        assert!(only.is("SL", &key, Some(2)));
        assert!(!only.is("SL", &key, Some(3)), "a later version came");
        assert!(!only.is("SB", &key, Some(2)), "another record of the row");
        let keyless = Only { id: None, to: None };
        assert!(keyless.is("SL", &key, None) && !keyless.is("SL", &key, Some(1)));
    }
}
