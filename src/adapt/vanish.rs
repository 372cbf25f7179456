//! Whether what a vanished row gave may be voided without asking: only where no other row can give the
//! same record.

use canon::format::RecordType;

use crate::mapping::{BlockMap, CondMap};
use crate::problem::Problems;
use crate::source::Query;

/// Every column that tells rows apart must be part of each record's key, or have one value where the
/// record is made at all. Else a row with another number could stand for the same record, and its
/// record would be withdrawn though it is there.
pub(crate) fn check<'a>(
    query: &Query,
    namespace: Option<usize>,
    records: impl Iterator<Item = (&'a RecordType, &'a BlockMap)>,
    problems: &mut Problems,
) {
    for (record, block) in records {
        let keys = block.steps.iter().filter(|s| record.key.contains(&s.field));
        let mut fed: Vec<usize> =
            keys.flat_map(|s| s.origin.columns()).copied().chain(namespace).collect();
        pinned(&block.when, &mut fed);
        let loose = query.key.iter().find(|k| {
            let at = query.columns.iter().position(|c| c.text == k.text);
            at.is_some_and(|at| !fed.contains(&at))
        });
        let Some(column) = loose else { continue };
        problems.push(
            "adapter.bad_value",
            column.pos,
            format!("source.query {}, vanished", query.name.text),
            format!(
                "`void` is not safe here: `{}` tells rows apart but is no part of the key of `{}`, so another row may stand for the same record; use `hold`",
                column.text, record.name
            ),
            format!(
                "此处不能用 void：『{}』区分各行，却不在『{}』的主键中，另一行可能就是同一条记录；请用 hold",
                column.text, record.label
            ),
        );
    }
}

/// The columns that a condition leaves only one value.
fn pinned(when: &CondMap, out: &mut Vec<usize>) {
    match when {
        CondMap::In(column, values) if values.len() == 1 => out.push(*column),
        CondMap::All(all) => all.iter().for_each(|one| pinned(one, out)),
        CondMap::Always
        | CondMap::Present(_)
        | CondMap::Empty(_)
        | CondMap::In(..)
        | CondMap::NotIn(..)
        | CondMap::Any(_) => {}
    }
}
