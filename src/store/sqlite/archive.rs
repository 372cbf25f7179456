//! Envelopes whose bytes go to an archive.

use canon::{Day, EnvelopeId, Millis};

use super::conn::{Columns, fit, json, q};
use super::handle::{Handle, drop_blob};
use super::sql;
use crate::api::StoreFuture;
use crate::api_archive::ArchiveFacts;
use crate::error::StoreError;
use crate::types::{ArchiveRow, ArchiveSide, Released, Space};

async fn rows(
    handle: &Handle,
    side: ArchiveSide,
    after: i64,
    also: &[i64],
    limit: u32,
) -> Result<Vec<ArchiveRow>, StoreError> {
    let text = match side {
        ArchiveSide::Own => sql::ARCHIVE_OWN,
        ArchiveSide::Received => sql::ARCHIVE_RECEIVED,
    };
    let mut conn = handle.writer().await;
    let statement = q(text).bind(handle.ident).bind(after).bind(json(also)?);
    let mut found = Vec::new();
    for row in statement.bind(i64::from(limit)).fetch_all(&mut *conn).await? {
        let number = row.int(0)?;
        found.push(match side {
            ArchiveSide::Own => ArchiveRow {
                number,
                id: handle.read_own_id(&row, 1)?,
                day: Day(row.num(4)?),
                judged: None,
                closed: row.int(5)? == 1,
            },
            ArchiveSide::Received => ArchiveRow {
                number,
                id: handle.read_id(&row, 1)?,
                day: Day(row.num(5)?),
                judged: Some(Millis(row.int(6)?)),
                closed: row.int(7)? == 1,
            },
        });
    }
    Ok(found)
}

async fn release(
    handle: &Handle,
    side: ArchiveSide,
    ids: &[EnvelopeId],
) -> Result<Released, StoreError> {
    let (find, forget) = match side {
        ArchiveSide::Own => (sql::RELEASE_OWN, sql::OWN_RELEASED),
        ArchiveSide::Received => (sql::RELEASE_RECEIVED, sql::RECEIVED_RELEASED),
    };
    let mut writer = handle.writer().await;
    let (mut txn, _) = handle.begin(&mut writer, None, None).await?;
    let mut released = Released::default();
    for id in ids {
        let Some(columns) = handle.find_id(id) else { continue };
        let statement = q(find).bind(handle.ident);
        let statement = match side {
            ArchiveSide::Own => {
                statement.bind(columns.epoch).bind(columns.route).bind(columns.sequence)
            }
            ArchiveSide::Received => columns.bind(statement),
        };
        let Some(row) = statement.fetch_optional(&mut *txn).await? else { continue };
        q(forget).bind(row.int(0)?).execute(&mut *txn).await?;
        drop_blob(&mut txn, row.int_opt(1)?).await?;
        drop_blob(&mut txn, row.int_opt(2)?).await?;
        released.envelopes += 1;
        released.bytes += fit::<u64>(row.int(3)?)?;
    }
    handle.commit(txn).await?;
    if released.envelopes > 0 {
        q(sql::VACUUM_ALL).fetch_all(&mut *writer).await?;
    }
    Ok(released)
}

async fn space(handle: &Handle) -> Result<Space, StoreError> {
    let mut conn = handle.writer().await;
    let row = q(sql::SPACE).fetch_one(&mut *conn).await?;
    Ok(Space { bytes: row.num(0)?, free: row.num(1)? })
}

impl ArchiveFacts for Handle {
    fn archive_rows<'a>(
        &'a self,
        side: ArchiveSide,
        after: i64,
        also: &'a [i64],
        limit: u32,
    ) -> StoreFuture<'a, Vec<ArchiveRow>> {
        Box::pin(rows(self, side, after, also, limit))
    }

    fn release_frames<'a>(
        &'a self,
        side: ArchiveSide,
        ids: &'a [EnvelopeId],
    ) -> StoreFuture<'a, Released> {
        Box::pin(release(self, side, ids))
    }

    fn space(&self) -> StoreFuture<'_, Space> {
        Box::pin(space(self))
    }
}
