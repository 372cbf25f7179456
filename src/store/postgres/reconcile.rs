//! Reconcile: windows, manifests, discrepancies.

use std::collections::BTreeMap;

use canon::{Day, Millis, NodeCode};

use super::conn::{Columns, big, fit, q};
use super::handle::Handle;
use super::seal::{learn_controls, put_controls};
use super::{inbox, sql};
use crate::error::StoreError;
use crate::types::*;

/// Days whose last manifest is missing or not final, with the latest revision issued.
pub(super) async fn open_days(handle: &Handle, until: Day) -> Result<Vec<(Day, u32)>, StoreError> {
    let mut conn = handle.conn().await?;
    let statement = q(sql::OPEN_WINDOWS).bind(handle.ident).bind(handle.code.as_str());
    let mut days = BTreeMap::<Day, (bool, u32)>::new();
    for row in statement.bind(i64::from(until.0)).fetch_all(&mut *conn).await? {
        let day = days.entry(Day(row.num(0)?)).or_default();
        day.0 |= row.int_opt(2)? != Some(1);
        let revision = row.int_opt(3)?.map_or(Ok(0), fit)?;
        day.1 = day.1.max(revision);
    }
    Ok(days.into_iter().filter(|(_, (open, _))| *open).map(|(day, (_, r))| (day, r)).collect())
}

/// Stores a manifest and the discrepancies that follow; an older revision changes neither.
pub(super) async fn commit_manifest(
    handle: &Handle,
    manifest: &ManifestRow,
    discrepancies: &[Discrepancy],
    control: &[NewControl],
    inbox_id: Option<i64>,
) -> Result<(), StoreError> {
    learn_controls(handle, control).await?;
    let mut txn = handle.begin(None, Some(manifest.at)).await?;
    if let Some(inbox_id) = inbox_id {
        inbox::throw_away(handle, &mut txn, inbox_id).await?;
    }
    let of = |text| {
        let s = q(text).bind(handle.ident).bind(i64::from(manifest.day.0));
        s.bind(manifest.by.as_str()).bind(manifest.peer.as_str())
    };
    let known = of(sql::MANIFEST_REVISION).fetch_optional(&mut *txn).await?;
    let known: u32 = known.map_or(Ok(0), |row| row.num(0))?;
    if known <= manifest.revision {
        let statement = of(sql::MANIFEST_PUT).bind(i64::from(manifest.revision));
        let statement = statement.bind(i64::from(manifest.is_final));
        let statement = statement.bind(manifest.body.as_str()).bind(manifest.at.0);
        statement.execute(&mut *txn).await?;
        of(sql::DISCREPANCIES_DROP).execute(&mut *txn).await?;
        let texts =
            |text: fn(&Discrepancy) -> &str| discrepancies.iter().map(text).collect::<Vec<&str>>();
        let counts: Vec<i64> = discrepancies.iter().map(|d| big(d.count)).collect();
        let statement = of(sql::DISCREPANCIES_ADD).bind(texts(|d| &d.sender));
        let statement = statement.bind(texts(|d| &d.receiver)).bind(texts(|d| &d.kind));
        statement.bind(texts(|d| &d.cause)).bind(counts).execute(&mut *txn).await?;
    }
    put_controls(handle, &mut txn, control).await?;
    txn.commit().await
}

/// Latest manifests of a day.
pub(super) async fn manifests(handle: &Handle, day: Day) -> Result<Vec<ManifestRow>, StoreError> {
    let mut conn = handle.conn().await?;
    let statement = q(sql::MANIFESTS).bind(handle.ident).bind(i64::from(day.0));
    let mut manifests = Vec::new();
    for row in statement.fetch_all(&mut *conn).await? {
        manifests.push(ManifestRow {
            day,
            by: NodeCode(row.text(0)?.into()),
            peer: NodeCode(row.text(1)?.into()),
            revision: row.num(2)?,
            is_final: row.int(3)? != 0,
            body: row.text(4)?.to_owned(),
            at: Millis(row.int(5)?),
        });
    }
    Ok(manifests)
}

/// Discrepancies of a day.
pub(super) async fn discrepancies(
    handle: &Handle,
    day: Day,
) -> Result<Vec<Discrepancy>, StoreError> {
    let mut conn = handle.conn().await?;
    let statement = q(sql::DISCREPANCIES).bind(handle.ident).bind(i64::from(day.0));
    let mut found = Vec::new();
    for row in statement.fetch_all(&mut *conn).await? {
        found.push(Discrepancy {
            day,
            sender: row.text(0)?.to_owned(),
            receiver: row.text(1)?.to_owned(),
            kind: row.text(2)?.to_owned(),
            cause: row.text(3)?.to_owned(),
            count: row.num(4)?,
        });
    }
    Ok(found)
}
