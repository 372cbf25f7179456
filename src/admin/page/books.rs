//! What the pages of reconciliation and of reporting quality have read of days and months: with
//! thousands of senders a month is too much to be read for every look.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use canon::{Day, Millis};
use exchange::reconcile::month::{self, Accounts};
use exchange::reconcile::report::{self, DayReport, Verdict};

use crate::error::PageError;
use crate::hall::Hall;

/// How long a day that agrees is not read again, ms.
pub const DAY_KEPT_AGREED: i64 = 10 * 60_000;
/// How long any other day is not, ms.
pub const DAY_KEPT: i64 = 30_000;
/// How long a month is not added up again, ms.
pub const MONTH_KEPT: i64 = 5 * 60_000;
/// Most days and months that are remembered.
const REMEMBERED_MAX: usize = 400;

/// How the windows of a day stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stand {
    /// Windows.
    pub windows: usize,
    /// Of these, those that agree.
    pub agreed: usize,
    /// A window differs.
    pub differs: bool,
}

impl Stand {
    fn of(report: &DayReport) -> Self {
        let having = |v: Verdict| report.windows.iter().filter(move |w| w.verdict == v).count();
        Self {
            windows: report.windows.len(),
            agreed: having(Verdict::Agrees),
            differs: having(Verdict::Differs) > 0,
        }
    }
}

/// What was read, and when.
#[derive(Debug, Default)]
pub struct Books {
    days: Mutex<BTreeMap<Day, (Millis, Stand)>>,
    months: Mutex<BTreeMap<Day, (Millis, Accounts)>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn put<T>(kept: &Mutex<BTreeMap<Day, (Millis, T)>>, day: Day, at: Millis, what: T) {
    let mut kept = lock(kept);
    kept.insert(day, (at, what));
    while kept.len() > REMEMBERED_MAX {
        kept.pop_first();
    }
}

impl Books {
    /// A day as it is now, whole.
    pub(crate) async fn day(&self, hall: &Hall, day: Day) -> Result<DayReport, PageError> {
        let report = report::of_day(hall.store(), &hall.node.code, (day, hall.now())).await?;
        put(&self.days, day, hall.now(), Stand::of(&report));
        Ok(report)
    }

    /// How a day stands, as it was read a short while ago.
    pub(crate) async fn stand(&self, hall: &Hall, day: Day) -> Result<Stand, PageError> {
        let known = lock(&self.days).get(&day).copied();
        if let Some((at, stand)) = known {
            let agrees = stand.windows > 0 && stand.agreed == stand.windows;
            let kept = if agrees { DAY_KEPT_AGREED } else { DAY_KEPT };
            if hall.now().since(at) < kept {
                return Ok(stand);
            }
        }
        Ok(Stand::of(&self.day(hall, day).await?))
    }

    /// The accounts of a month from its first day to another.
    pub(crate) async fn month(
        &self,
        hall: &Hall,
        (first, last): (Day, Day),
    ) -> Result<Accounts, PageError> {
        let known = lock(&self.months).get(&first).cloned();
        if let Some((at, accounts)) = known
            && hall.now().since(at) < MONTH_KEPT
        {
            return Ok(accounts);
        }
        let accounts = month::of_days(hall.store(), &hall.node.code, (first, last)).await?;
        put(&self.months, first, hall.now(), accounts.clone());
        Ok(accounts)
    }
}

/// The first and the last day of a month that a text names (`2026-11`), of this one without.
pub(crate) fn month_of(text: Option<&str>, now: Millis) -> (Day, Day) {
    let this = now.day().to_string();
    let named = text.and_then(|text| Day::parse(&format!("{}-01", text.trim())));
    let first = named.or_else(|| Day::parse(&format!("{}-01", month_name(&this))));
    let first = first.unwrap_or_else(|| now.day());
    let same = |day: Day| month_name(&day.to_string()) == month_name(&first.to_string());
    let last = (0..31).map(|n| Day(first.0.saturating_add(n))).rfind(|day| same(*day));
    (first, last.unwrap_or(first))
}

/// The month of a written day.
pub(crate) fn month_name(day: &str) -> &str {
    day.get(..7).unwrap_or(day)
}

/// The months before and after the one that begins then.
pub(crate) fn beside((first, last): (Day, Day)) -> (String, String) {
    let name = |day: Day| month_name(&day.to_string()).to_owned();
    (name(Day(first.0 - 1)), name(Day(last.0 + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_has_its_days() {
        let now = Millis::parse("2026-11-22 09:00:00").unwrap();
        let day = |text| Day::parse(text).unwrap();
        assert_eq!(month_of(None, now), (day("2026-11-01"), day("2026-11-30")));
        let february = month_of(Some("2028-02"), now);
        assert_eq!(february, (day("2028-02-01"), day("2028-02-29")));
        assert_eq!(month_of(Some("<script>"), now), month_of(None, now));
        assert_eq!(beside(february), ("2028-01".to_owned(), "2028-03".to_owned()));
    }
}
