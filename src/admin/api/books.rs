//! 对账 and the life of a case.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Json;
use canon::Day;
use exchange::reconcile::report::{self, WindowReport};
use exchange::reconcile::{causes, month as rates};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ask::{Answer, ApiError, Asked, Caller, Named};
use super::view::{Trace, moment};
use crate::access::Power;
use crate::error::PageError;
use crate::hall::Hall;

/// Most records that are named of one window.
pub const NAMED_MAX: usize = 1_000;

/// A day's books as this node sees them.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DayBooks {
    #[schema(format = Date)]
    day: String,
    /// 对账一致: every window agrees.
    agrees: bool,
    windows: Vec<Window>,
}

/// What one node sends to another.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Window {
    sender: String,
    receiver: String,
    /// Revision of the sender's books; 0 before any.
    revision: u32,
    #[schema(format = DateTime)]
    issued: Option<String>,
    /// `agrees`, `unsettled`, `differs`, `unanswered` or `unreported`.
    verdict: String,
    types: Vec<Type>,
    /// Records that are not on both sides, at most 1000; only for those who see all units and regions.
    records: Vec<Missing>,
    /// There are more records than are named.
    more: bool,
}

/// One record type of a window.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Type {
    kind: String,
    /// The sender's records by place.
    places: BTreeMap<String, u64>,
    /// Accepted and superseded, as the receiver answered; none before it has.
    answered: Option<u64>,
    /// Both sums are equal.
    same: bool,
    /// Reported before the exchange began.
    baseline: u64,
}

/// A record that is not on both sides, and why.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Missing {
    record: String,
    /// Stable word.
    cause: String,
    /// What happens next, English and Chinese; empty for a cause without a word of its own.
    en: String,
    zh: String,
}

/// A month by sender and receiver.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MonthBooks {
    #[schema(pattern = r"^\d{4}-\d{2}$")]
    month: String,
    accounts: Vec<Account>,
}

/// What one sender did for one receiver in a month. The rates are: reported / days, (due − late) /
/// due, taken / (taken + invalid), agreed / reported.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Account {
    sender: String,
    receiver: String,
    /// Days that should have been reported.
    days: u64,
    reported: u64,
    agreed: u64,
    collected: u64,
    /// Accepted and superseded.
    taken: u64,
    /// Of these, those that could be late: no history, and not of an excused day.
    due: u64,
    /// Of these, those that came after their day was reported first.
    late: u64,
    invalid: u64,
    history: u64,
    /// Accepted and superseded on excused days.
    excused: u64,
    baseline: u64,
}

fn no_day(said: &str) -> ApiError {
    let said: String = said.chars().take(40).collect();
    PageError::gone(
        format!("`{said}` is no day such as 2026-11-21, and no month such as 2026-11"),
        format!("『{said}』不是日期（2026-11-21）或月份（2026-11）"),
    )
    .into()
}

/// A day's books: totals, verdicts, and the records that are not on both sides.
#[utoipa::path(
    get, path = "/reconcile/days/{day}", tag = "reconcile",
    params(("day" = String, Path, description = "Such as 2026-11-21", format = Date)),
    responses((status = 200, description = "A day without books has no windows and agrees", body = DayBooks))
)]
pub(super) async fn day(
    State(hall): State<Arc<Hall>>,
    caller: Caller,
    Named(said): Named<String>,
) -> Answer<DayBooks> {
    caller.needs(Power::Look)?;
    let day = Day::parse(&said).ok_or_else(|| no_day(&said))?;
    let report = report::of_day(hall.store(), &hall.node.code, (day, hall.now())).await?;
    let (agrees, all) = (report.agrees(), caller.0.scope.is_all());
    let windows = report.windows.iter().map(|w| window(w, report.more, all)).collect();
    Ok(Json(DayBooks { day: day.to_string(), agrees, windows }))
}

fn window(w: &WindowReport, more: bool, all: bool) -> Window {
    let mut records: Vec<Missing> = Vec::new();
    let mut more = more && !w.outstanding.is_empty();
    if all {
        let named = w.named.iter().flat_map(|n| &n.rows).map(|d| missing(&d.record, &d.cause));
        let out = w.outstanding.iter().map(|o| missing(&o.record, &o.place.to_string()));
        records.extend(named.chain(out).take(NAMED_MAX + 1));
        more |= records.len() > NAMED_MAX || w.named.as_ref().is_some_and(|n| n.more);
        records.truncate(NAMED_MAX);
    }
    Window {
        sender: w.sender.to_string(),
        receiver: w.receiver.to_string(),
        revision: w.revision,
        issued: w.issued.map(moment),
        verdict: w.verdict.word().to_owned(),
        types: w.lines.iter().map(type_of).collect(),
        records,
        more,
    }
}

fn type_of(line: &report::TypeLine) -> Type {
    let places = line.counts.places();
    Type {
        kind: line.kind.clone(),
        places: places.iter().map(|(place, n)| ((*place).to_owned(), *n)).collect(),
        answered: line.answered,
        same: line.same,
        baseline: line.baseline,
    }
}

fn missing(record: &str, cause: &str) -> Missing {
    let known = causes::of(cause);
    Missing {
        record: record.to_owned(),
        cause: cause.to_owned(),
        en: known.map_or("", |c| c.next_en).to_owned(),
        zh: known.map_or("", |c| c.next_zh).to_owned(),
    }
}

/// A month's accounts by sender and receiver, up to today.
#[utoipa::path(
    get, path = "/reconcile/months/{month}", tag = "reconcile",
    params(("month" = String, Path, description = "Such as 2026-11", pattern = r"^\d{4}-(0[1-9]|1[0-2])$")),
    responses((status = 200, description = "All of them, there is no paging", body = MonthBooks))
)]
pub(super) async fn month(
    State(hall): State<Arc<Hall>>,
    caller: Caller,
    Named(said): Named<String>,
) -> Answer<MonthBooks> {
    caller.needs(Power::Look)?;
    caller.sees_all()?;
    let first = Day::parse(&format!("{said}-01")).ok_or_else(|| no_day(&said))?;
    let same = |day: &Day| day.civil().0 == first.civil().0 && day.civil().1 == first.civil().1;
    let end = (first.0..).map(Day).take_while(same).last().unwrap_or(first);
    let last = end.min(hall.now().day());
    let accounts = rates::of_days(hall.store(), &hall.node.code, (first, last)).await?;
    let accounts = accounts.pairs.into_iter().map(|((sender, receiver), a)| Account {
        sender: sender.to_string(),
        receiver: receiver.to_string(),
        days: a.days,
        reported: a.reported,
        agreed: a.agreed,
        collected: a.collected,
        taken: a.taken,
        due: a.due,
        late: a.late,
        invalid: a.invalid,
        history: a.history,
        excused: a.excused,
        baseline: a.baseline,
    });
    Ok(Json(MonthBooks { month: said, accounts: accounts.collect() }))
}

/// Which case.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// The case number, as the source writes it.
    #[param(min_length = 1, max_length = 200)]
    case: String,
}

/// The life of a case at this node: every record, version, attempt and receipt. For those who see all
/// units and regions.
#[utoipa::path(
    get, path = "/trace", tag = "records", params(Wanted),
    responses((status = 200, description = "Its steps; none if nothing is known of it", body = Trace))
)]
pub(super) async fn trace(
    State(hall): State<Arc<Hall>>,
    caller: Caller,
    Asked(Wanted { case }): Asked<Wanted>,
) -> Answer<Trace> {
    caller.needs(Power::Look)?;
    caller.sees_all()?;
    if case.is_empty() || case.chars().count() > 200 {
        let error = ("`case` has 1 to 200 characters", "case 应为 1 到 200 字");
        let status = StatusCode::BAD_REQUEST;
        return Err(PageError::new(status, "admin.bad_request", error.0, error.1).into());
    }
    let steps = hall.store().trace(&case).await?;
    Ok(Json(Trace { case, steps: steps.into_iter().map(Into::into).collect() }))
}
