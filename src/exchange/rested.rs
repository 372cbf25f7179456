//! What rests in the store closed for this node alone: source values of quarantined rows where it has a pair for
//! encryption, starred for whoever looks on; and the fragments of closed routes until they are sealed.

use canon::{Digest, Lane, Route, leaf_hash};
use envelope::{Decrypt, Head, disclose, is_enclosed};
use store::{
    Collected, GivenAgain, Lease, NewQuarantine, Numbered, ProblemItem, StagedBatch, StoreError,
};

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

/// Fragments that wait to be sealed. On a route whose bodies are closed they lie closed too.
impl Node {
    /// Lays a page down.
    pub(crate) async fn lay(&self, lease: &Lease, mut page: Collected) -> Result<(), StoreError> {
        for chunk in page.chunks.iter_mut().filter(|c| self.readers.contains_key(&c.route)) {
            let records = chunk.records.iter().map(|r| (&r.digest, r.len));
            envelope::rest(self.opens.rest_keys(), records, &mut chunk.bytes);
        }
        self.store.commit_collected(lease, page).await
    }

    /// Lays records of a settled envelope down again; gives how many.
    pub(crate) async fn lay_again(
        &self,
        lease: &Lease,
        mut again: GivenAgain,
    ) -> Result<u64, StoreError> {
        self.rest(&again.id.route, &mut again.fragments);
        self.store.give_again(lease, again).await
    }

    /// Closes fragments of a route whose bodies are closed.
    pub(crate) fn rest<'f>(
        &self,
        route: &Route,
        fragments: impl IntoIterator<Item = &'f mut Vec<u8>>,
    ) {
        if !self.readers.contains_key(route) {
            return;
        }
        let alg = envelope::Suite::digest_on(route);
        for fragment in fragments {
            let (digest, len) = (leaf_hash(alg, fragment), fragment.len() as u32);
            envelope::rest(self.opens.rest_keys(), [(&digest, len)].into_iter(), fragment);
        }
    }

    /// Opens a batch that is to be numbered.
    pub(crate) fn wake(&self, batch: &mut StagedBatch) -> Result<(), WorkError> {
        let records = batch.records.iter().map(|r| (&r.digest, r.len));
        self.awake(&batch.route, records, &mut batch.bytes)
    }

    /// Opens what a crash left numbered and not signed.
    pub(crate) async fn wake_numbered(&self, one: &mut Numbered) -> Result<(), WorkError> {
        if one.id.route.lane == Lane::Control || self.opens.rest_keys().is_empty() {
            return Ok(());
        }
        let own = |e| WorkError::Own(format!("head of {}: {e}", one.id));
        let lengths = Head::read(&one.head).map_err(own)?.lengths;
        let members = self.store.members(&one.id).await?;
        let records = members.iter().map(|m| &m.digest).zip(lengths);
        self.awake(&one.id.route, records, &mut one.body)
    }

    fn awake<'d>(
        &self,
        route: &Route,
        records: impl Iterator<Item = (&'d Digest, u32)>,
        bytes: &mut [u8],
    ) -> Result<(), WorkError> {
        if envelope::wake(self.opens.rest_keys(), records, bytes) {
            return Ok(());
        }
        Err(WorkError::Asleep { node: self.code.to_string(), route: route.to_string() })
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
