//! Envelopes whose bytes go to an archive.

use std::sync::Arc;

use canon::EnvelopeId;

use super::MemoryStore;
use super::state::{Identity, ReceiptAt};
use crate::api::StoreFuture;
use crate::api_archive::ArchiveFacts;
use crate::types::{ArchiveRow, ArchiveSide, Released, Space};

impl Identity {
    fn archive_rows(
        &self,
        side: ArchiveSide,
        after: i64,
        also: &[i64],
        limit: u32,
    ) -> Vec<ArchiveRow> {
        let wanted = |number: i64| number > after || also.contains(&number);
        let mut rows: Vec<ArchiveRow> = match side {
            ArchiveSide::Own => {
                let records = self.out.values().filter(|o| &*o.env.kind == "records");
                let here = records.filter(|o| o.frame.is_some() || !o.env.state.is_final());
                here.map(|o| ArchiveRow {
                    number: o.numbering,
                    id: o.env.id.clone(),
                    day: o.env.day,
                    judged: None,
                    closed: o.env.state.is_final(),
                })
                .collect()
            }
            ArchiveSide::Received => {
                let judged =
                    self.judged.iter().filter_map(|(n, id)| Some((n, id, self.received.get(id)?)));
                let here = judged.filter(|(_, _, r)| !r.frame.is_empty());
                here.map(|(number, id, received)| ArchiveRow {
                    number: *number,
                    id: id.clone(),
                    day: received.day,
                    judged: Some(received.at),
                    closed: matches!(&received.receipt, ReceiptAt::Numbered(own)
                        if self.out.get(own).is_some_and(|o| o.frame.is_some())),
                })
                .collect()
            }
        };
        rows.retain(|row| wanted(row.number));
        rows.sort_by_key(|row| row.number);
        rows.truncate(limit as usize);
        rows
    }

    fn release_frames(&mut self, side: ArchiveSide, ids: &[EnvelopeId]) -> Released {
        let mut released = Released::default();
        for id in ids {
            let bytes = match side {
                ArchiveSide::Own => {
                    let own = self.out.get_mut(id).filter(|o| {
                        &*o.env.kind == "records" && o.env.state.is_final() && o.frame.is_some()
                    });
                    own.map(|o| {
                        [o.frame.take(), o.receipt.take()]
                            .into_iter()
                            .flatten()
                            .map(|f| f.len())
                            .sum::<usize>()
                    })
                }
                ArchiveSide::Received => {
                    let received = self.received.get_mut(id).filter(|r| !r.frame.is_empty());
                    received.map(|r| std::mem::replace(&mut r.frame, Arc::from([])).len())
                }
            };
            if let Some(bytes) = bytes {
                released.envelopes += 1;
                released.bytes += bytes as u64;
            }
        }
        released
    }
}

impl ArchiveFacts for MemoryStore {
    fn archive_rows<'a>(
        &'a self,
        side: ArchiveSide,
        after: i64,
        also: &'a [i64],
        limit: u32,
    ) -> StoreFuture<'a, Vec<ArchiveRow>> {
        self.tell(move |s| s.archive_rows(side, after, also, limit))
    }
    fn release_frames<'a>(
        &'a self,
        side: ArchiveSide,
        ids: &'a [EnvelopeId],
    ) -> StoreFuture<'a, Released> {
        self.with(move |s| Ok(s.release_frames(side, ids)))
    }
    fn space(&self) -> StoreFuture<'_, Space> {
        self.tell(|_| Space::default())
    }
}
