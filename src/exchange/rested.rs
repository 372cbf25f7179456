//! Source values of quarantined rows as they rest in the store: closed for this node alone where it has a pair
//! for encryption, and starred for whoever looks on.

use envelope::{Decrypt, disclose, is_enclosed};
use store::{NewQuarantine, ProblemItem};

use crate::error::WorkError;
use crate::node::Node;
use crate::resubmit;

/// Most stars that stand for a value: its length is nobody's business beyond.
const STARS_MAX: usize = 8;

impl Node {
    /// Quarantined rows as they are laid into the store.
    pub(crate) fn rested(
        &self,
        mut rows: Vec<NewQuarantine>,
    ) -> Result<Vec<NewQuarantine>, WorkError> {
        let Some((readers, cipher)) = &self.rests else { return Ok(rows) };
        for row in rows.iter_mut().filter(|row| !row.raw.is_empty()) {
            let about = about(&row.adapter, &row.reference);
            let closed = readers.enclose(*cipher, &about, &row.raw);
            let sign = |source| WorkError::Sign { node: self.code.to_string(), source };
            row.raw = closed.map_err(sign)?;
        }
        Ok(rows)
    }
}

/// What was laid down with a problem; none where no key here opens it.
pub fn opened(raw: Vec<u8>, item: &ProblemItem, keys: &dyn Decrypt) -> Option<Vec<u8>> {
    if !is_enclosed(&raw) {
        return Some(raw);
    }
    disclose(&raw, &about(&item.adapter, &item.reference), keys).ok().flatten()
}

/// A row for whoever looks on: cells of columns that may not be shown are starred. None if it is no row.
pub fn masked(raw: &[u8], shown: impl Fn(&str) -> bool) -> Option<Vec<u8>> {
    let (columns, mut cells) = resubmit::read(raw)?;
    for (column, cell) in columns.iter().zip(&mut cells) {
        if let Some(cell) = cell.as_mut().filter(|_| !shown(column)) {
            *cell = "*".repeat(cell.chars().count().min(STARS_MAX));
        }
    }
    let row = columns.iter().zip(&cells).map(|(column, cell)| (&**column, cell.as_deref()));
    Some(resubmit::write(row))
}

fn about(adapter: &str, reference: &str) -> String {
    format!("quarantine {adapter} {reference}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_columns_that_may_be_shown_are() {
        let row = [("no", Some("7")), ("name", Some("张三")), ("id", Some("990103199001010011"))];
        let raw = resubmit::write(row.into_iter().chain([("phone", None)]));
        let seen = masked(&raw, |column| column == "no").unwrap();
        assert_eq!(String::from_utf8(seen).unwrap(), "no=7\nname=**\nid=********\nphone\n");
        assert_eq!(masked(b"\xff\xfe", |_| true), None);
    }
}
