//! The outgoing side of one link: parcels become files, at the pace the gate takes them.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use canon::Lane;
use tokio::time::Instant;

use super::spool_bus::{SpoolLink, blocking};
use super::{Closing, Form, Outside, PAYLOAD_BYTES_MAX, Settings, form};
use crate::{BusError, Confirmation, Parcel};

/// The outgoing side.
pub(super) struct Outbound {
    budget: Mutex<Option<Budget>>,
}

/// Files that may still be written now.
#[derive(Clone, Copy, Debug)]
struct Budget {
    left: f64,
    at: Instant,
}

const MINUTE: Duration = Duration::from_secs(60);

type Files = Vec<(String, Vec<u8>)>;

impl Outbound {
    pub(super) const fn new() -> Self {
        Self { budget: Mutex::new(None) }
    }

    /// Hands parcels over in order. What the gate has no room for is refused, and so is all behind
    /// it, so that order is kept.
    pub(super) async fn publish(
        &self,
        link: &SpoolLink,
        issue: &str,
        parcels: Vec<Parcel>,
    ) -> Vec<Confirmation> {
        let mut said = Vec::with_capacity(parcels.len());
        let mut waiting = match link.exchange.waiting().await {
            Ok(waiting) => waiting,
            Err(_) => return vec![Confirmation::Unreachable("spool.unreachable"); parcels.len()],
        };
        for parcel in parcels {
            if let Some(Confirmation::Nacked(code @ ("bus.full" | "spool.pace"))) = said.last() {
                said.push(Confirmation::Nacked(code));
                continue;
            }
            let word = self.one(link, issue, parcel, &mut waiting).await;
            said.push(word.unwrap_or(Confirmation::Unreachable("spool.unreachable")));
        }
        said
    }

    async fn one(
        &self,
        link: &SpoolLink,
        issue: &str,
        parcel: Parcel,
        waiting: &mut u64,
    ) -> Result<Confirmation, BusError> {
        // Receipts shrink backlogs: they have room where records have none.
        let settings = &link.settings;
        let room = if parcel.lane == Lane::Control { 2 } else { 1 };
        if *waiting >= settings.out_files_max.saturating_mul(room) {
            return Ok(Confirmation::Nacked("bus.full"));
        }
        let how = (settings.clone(), link.closing.clone());
        let issue = issue.to_owned();
        let made = blocking(move || files((&how.0, &how.1), &parcel, &issue)).await??;
        let Some(files) = made else {
            return Ok(Confirmation::Nacked("spool.not_a_parcel"));
        };
        if !self.allows(settings.files_per_minute, files.len()) {
            return Ok(Confirmation::Nacked("spool.pace"));
        }
        let count = files.len() as u64;
        link.exchange.put(files).await?;
        *waiting += count;
        Ok(Confirmation::Confirmed)
    }

    /// Takes `files` out of the minute's budget. More than a minute's worth goes when it is full.
    fn allows(&self, per_minute: u32, files: usize) -> bool {
        if per_minute == 0 {
            return true;
        }
        let (now, most) = (Instant::now(), f64::from(per_minute));
        let mut budget = self.lock();
        let before = budget.unwrap_or(Budget { left: most, at: now });
        let passed = now.duration_since(before.at).as_secs_f64() / MINUTE.as_secs_f64();
        let left = (before.left + passed * most).min(most);
        let wanted = (files as f64).min(most);
        let allowed = left >= wanted;
        *budget = Some(Budget { left: if allowed { left - wanted } else { left }, at: now });
        allowed
    }

    fn lock(&self) -> MutexGuard<'_, Option<Budget>> {
        // Every change under the lock is complete before anything can panic.
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The files of a parcel with their names: its parts, each as often as the link repeats.
fn files(
    (settings, closing): (&Settings, &Closing),
    parcel: &Parcel,
    issue: &str,
) -> Result<Option<Files>, BusError> {
    let opened = settings.form == Form::Xml;
    let payload = if opened {
        // For a gate that reads what passes: never closed (the configuration says so).
        match envelope::open_frame(&parcel.frame, PAYLOAD_BYTES_MAX) {
            Ok(package) => package.into(),
            Err(_) => return Ok(None),
        }
    } else {
        closing.close(parcel)?
    };
    if payload.len() > PAYLOAD_BYTES_MAX {
        return Ok(None);
    }
    let outside = Outside::of(parcel, &payload, opened, issue);
    let pieces = form::write(settings.form, &outside, &payload, settings.max_file);
    let Some(pieces) = pieces else { return Ok(None) };
    let mut files = Vec::with_capacity(pieces.len() * settings.repeat as usize);
    for copy in 1..=settings.repeat.max(1) {
        for (outside, bytes) in &pieces {
            files.push((settings.name.name(&outside.named(copy)), bytes.clone()));
        }
    }
    Ok(Some(files))
}
