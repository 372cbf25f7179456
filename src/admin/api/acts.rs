//! What an operator does. The powers, the reasons and the lines of the audit chain are those of
//! [`crate::act`].

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Json;
use canon::{Day, Millis, NodeCode};
use serde::Deserialize;
use utoipa::ToSchema;

use super::ask::{Answer, ApiError, Caller, Sent};
use super::view::Done;
use crate::act::Act;
use crate::error::PageError;
use crate::hall::Hall;

/// What is to be done, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    act: Deed,
    /// Why, for the audit chain.
    #[schema(min_length = 1, max_length = 500, pattern = r"\S")]
    reason: String,
}

/// What can be done.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
enum Deed {
    /// Nothing goes out by this link until it is resumed.
    PauseLink { link: String },
    /// It goes on.
    ResumeLink { link: String },
    /// Nothing is read from this source until it is resumed.
    PauseAdapter { adapter: String },
    /// It goes on.
    ResumeAdapter { adapter: String },
    /// 退回来源单位: back to the unit, with so many days to correct them; the node's own number of days if
    /// nothing is said.
    Return {
        #[schema(min_items = 1, max_items = 10_000)]
        problems: Vec<i64>,
        #[schema(minimum = 1, maximum = 90)]
        days: Option<i64>,
    },
    /// 重报: collected anew.
    Resubmit {
        #[schema(min_items = 1, max_items = 10_000)]
        problems: Vec<i64>,
    },
    /// 停报: withdrawn.
    Void {
        #[schema(min_items = 1, max_items = 10_000)]
        problems: Vec<i64>,
    },
    /// 补传: what the receiver lacks of a day is sent again.
    Heal {
        #[schema(format = Date)]
        day: String,
        /// Node code of the receiver.
        #[schema(pattern = "^[A-Za-z0-9._-]{1,64}$")]
        to: String,
    },
    /// An envelope that was given up is sent again.
    Reopen {
        /// `sender/epoch/route/sequence`.
        envelope: String,
    },
    /// Maintenance here until then; in the past, it is over.
    Maintenance {
        /// RFC 3339, with the offset of Beijing: `2026-11-22T18:00:00+08:00`.
        #[schema(pattern = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\+08:00$")]
        until: String,
        /// What those beneath are told.
        text: String,
    },
}

/// Does something. Needs the power of the act: `flow` for pausing, resuming and maintenance, `problems`
/// for the rest. A session says its secret again in `x-csrf-token`; a token needs none.
#[utoipa::path(
    post, path = "/acts", tag = "acts", request_body = Order,
    params(("x-csrf-token" = Option<String>, Header, description = "For a session: its secret")),
    responses((status = 200, description = "It was done", body = Done))
)]
pub(super) async fn act(
    State(hall): State<Arc<Hall>>,
    caller: Caller,
    headers: HeaderMap,
    Sent(order): Sent<Order>,
) -> Answer<Done> {
    caller.meant_it(&headers)?;
    let act = order.act.act()?;
    let changed = hall.act(&caller.0, &act, &order.reason).await?;
    Ok(Json(Done { changed }))
}

impl Deed {
    fn act(self) -> Result<Act, ApiError> {
        Ok(match self {
            Self::PauseLink { link } => Act::PauseLink(link),
            Self::ResumeLink { link } => Act::ResumeLink(link),
            Self::PauseAdapter { adapter } => Act::PauseAdapter(adapter),
            Self::ResumeAdapter { adapter } => Act::ResumeAdapter(adapter),
            Self::Return { problems, days } => {
                if days.is_some_and(|days| !(1..=90).contains(&days)) {
                    return Err(PageError::bad("days: 1 to 90", "days 应为 1 到 90 天").into());
                }
                Act::Return { problems, days }
            }
            Self::Resubmit { problems } => Act::Resubmit(problems),
            Self::Void { problems } => Act::Void(problems),
            Self::Heal { day, to } => {
                let day = Day::parse(&day).ok_or_else(|| not("day", &day))?;
                Act::Heal { day, to: NodeCode::new(&to).ok_or_else(|| not("to", &to))? }
            }
            Self::Reopen { envelope } => {
                let id = envelope::parse_envelope_id(&envelope);
                Act::Reopen(id.ok_or_else(|| not("envelope", &envelope))?)
            }
            Self::Maintenance { until, text } => {
                let at = moment(&until).ok_or_else(|| not("until", &until))?;
                Act::Maintenance { until: at, text }
            }
        })
    }
}

/// `2026-11-22T18:00:00+08:00`.
fn moment(text: &str) -> Option<Millis> {
    Millis::parse(&text.strip_suffix("+08:00")?.replacen('T', " ", 1))
}

fn not(what: &str, said: &str) -> ApiError {
    let said: String = said.chars().take(100).collect();
    let (en, zh) = (format!("`{said}` is no {what}"), format!("『{said}』不能作为 {what}"));
    PageError::bad(en, zh).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_beijing() {
        let at = Millis::parse("2026-11-22 18:00:00").unwrap();
        assert_eq!(moment("2026-11-22T18:00:00+08:00"), Some(at));
        assert_eq!(super::super::view::moment(at), "2026-11-22T18:00:00+08:00");
        assert_eq!(moment("2026-11-22T18:00:00Z"), None);
    }
}
