//! Problem data by their causes, counted and not read; what is done about all entries of one.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use canon::Millis;
use maud::{Markup, html};
use serde::Deserialize;
use store::{GroupFilter, ProblemFilter, ProblemItem};

use super::problems::{Asked, chosen, class_name, one};
use super::words::in_address;
use crate::access::{Power, Told, Who};
use crate::act::{ACT_PROBLEMS_MAX, Act};
use crate::error::PageError;
use crate::hall::Hall;
use crate::shell;
use crate::tongue::{count, moment};
use crate::web::{Page, Refusal, see_other};

/// Causes of one page, those with the most open entries first.
pub const CAUSES_SHOWN_MAX: usize = 100;
/// Entries of a cause that are read at a time when something is done about all of them.
const READ_AT_ONCE: u32 = 1_000;

/// A cause, counted; its entries are not read.
pub(super) struct Cause {
    adapter: String,
    class: String,
    rule: String,
    /// What it says, in the language of whoever asks.
    text: String,
    first: Millis,
    last: Millis,
    open: u64,
    all: u64,
    /// The last open entry that was seen: what is done is done up to it.
    until: i64,
}

/// Whether something is still to be done.
pub(super) fn is_open(state: &str) -> bool {
    matches!(state, "held" | "returned" | "resubmitted")
}

/// The causes that somebody may see, those with the most open entries first; and whether there are more.
pub(super) async fn causes(
    hall: &Hall,
    who: &Who,
    asked: &Asked,
) -> Result<(Vec<Cause>, bool), PageError> {
    let filter = GroupFilter { state: chosen(&asked.state), adapter: asked.unit(who) };
    let mut causes: BTreeMap<(String, String, String), Cause> = BTreeMap::new();
    for group in hall.store().problem_groups(filter).await? {
        let rule = asked.rule.as_deref().filter(|rule| !rule.is_empty());
        if !who.scope.has_unit(&group.adapter) || rule.is_some_and(|rule| rule != group.rule) {
            continue;
        }
        let key = (group.adapter.clone(), group.class.clone(), group.rule.clone());
        let cause = causes.entry(key).or_insert_with(|| Cause {
            text: String::new(),
            first: group.first,
            last: group.last,
            open: 0,
            all: 0,
            until: 0,
            adapter: group.adapter,
            class: group.class,
            rule: group.rule,
        });
        cause.all += group.count;
        cause.first = cause.first.min(group.first);
        cause.last = cause.last.max(group.last);
        if is_open(&group.state) {
            cause.open += group.count;
        }
        cause.until = cause.until.max(group.number);
    }
    let mut causes: Vec<Cause> = causes.into_values().collect();
    causes.sort_by_key(|c| std::cmp::Reverse((c.open, c.all)));
    let more = causes.len() > CAUSES_SHOWN_MAX;
    causes.truncate(CAUSES_SHOWN_MAX);
    for cause in &mut causes {
        cause.text = match canon::code(&cause.rule) {
            Some(code) => who.of(code.en, code.zh).to_owned(),
            // A rule of a format is told by an entry that has it.
            None => {
                let entry = one(hall, cause.until).await?;
                let first = entry.violations.first();
                first.map(|v| who.of(&v.en, &v.zh).to_owned()).unwrap_or_default()
            }
        };
    }
    Ok((causes, more))
}

/// Causes as a table.
pub(super) fn groups(who: &Who, causes: &[Cause], now: Millis) -> Markup {
    html! {
        section {
            h2 { (who.of("By cause", "按原因")) }
            div.wide { table {
                thead { tr {
                    th { (who.of("Cause", "原因")) }
                    th { (who.of("Adapter", "适配器")) }
                    th.n { (who.of("Open", "待处理")) }
                    th.n { (who.of("All", "合计")) }
                    th { (who.of("First", "首次")) }
                    th { (who.of("Last", "最近")) }
                    th { (who.of("What to do", "处理")) }
                } }
                tbody { @for cause in causes {
                    tr {
                        th scope="row" { (class_name(who, &cause.class)) " · " (cause.text) " " span.quiet { "[" (cause.rule) "]" } }
                        td { (cause.adapter) }
                        td.n { a href={ "/problems?adapter=" (in_address(&cause.adapter)) "&rule=" (in_address(&cause.rule)) } { (count(cause.open)) } }
                        td.n { (count(cause.all)) }
                        td { (moment(cause.first, now)) }
                        td { (moment(cause.last, now)) }
                        td { @if cause.open > 0 { (of_cause(who, cause)) } }
                    }
                } }
            } }
        }
    }
}

/// What can be done about every open entry of a cause that was seen.
fn of_cause(who: &Who, cause: &Cause) -> Markup {
    let until = cause.until.to_string();
    let fields = [
        ("adapter", &*cause.adapter),
        ("class", &*cause.class),
        ("rule", &*cause.rule),
        ("until", &*until),
    ];
    deeds(who, &fields, &cause.class)
}

/// The first thing to do is to give rows back to whom they belong.
pub(super) fn deeds(who: &Who, on: &[(&str, &str)], class: &str) -> Markup {
    let deed = |what: &str, button: (&'static str, &'static str)| -> Markup {
        let mut fields = on.to_vec();
        fields.push(("what", what));
        html! {
            details.act {
                summary { (who.of(button.0, button.1)) }
                (shell::deed(who, "/problems/act", &fields, button))
            }
        }
    };
    html! {
        @if who.may(Power::Problems) {
            @if class != "refused" {
                (deed("return", ("Return to its unit", "退回来源单位")))
                (deed("resubmit", ("Collect anew", "重新采集提交")))
            }
            (deed("void", ("Withdraw", "停报")))
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Deed {
    #[serde(default)]
    numbers: String,
    #[serde(default)]
    adapter: String,
    #[serde(default)]
    class: String,
    #[serde(default)]
    rule: String,
    /// The last entry that whoever acts has seen of a cause.
    until: Option<i64>,
    what: String,
    days: Option<i64>,
    reason: String,
}

impl Deed {
    fn named(&self) -> Result<Vec<i64>, PageError> {
        let numbers: Result<Vec<i64>, _> = self.numbers.split(',').map(str::parse).collect();
        numbers.map_err(|_| PageError::bad("numbers are separated by commas", "编号之间以逗号分隔"))
    }

    /// The open entries of a cause that were there when it was looked at.
    async fn of_cause(&self, hall: &Hall, until: i64) -> Result<Vec<i64>, PageError> {
        let (mut found, mut after) = (Vec::new(), 0);
        let rule = Some(self.rule.clone()).filter(|rule| !rule.is_empty());
        while after < until && found.len() < ACT_PROBLEMS_MAX {
            let filter = ProblemFilter {
                adapter: Some(self.adapter.clone()),
                rule: rule.clone(),
                after,
                limit: READ_AT_ONCE,
                ..ProblemFilter::default()
            };
            let items = hall.store().problems(filter).await?;
            let Some(last) = items.last() else { break };
            after = last.number;
            found.extend(
                items.iter().filter(|i| self.means(i) && i.number <= until).map(|i| i.number),
            );
        }
        found.truncate(ACT_PROBLEMS_MAX);
        Ok(found)
    }

    fn means(&self, item: &ProblemItem) -> bool {
        let first = item.violations.first().map_or("", |v| &*v.rule);
        is_open(&item.state) && item.class == self.class && first == self.rule
    }
}

/// Does what somebody orders.
pub(super) async fn act(State(hall): State<Arc<Hall>>, Told { who, form }: Told<Deed>) -> Page {
    let done = async {
        let problems = match form.until {
            Some(until) => form.of_cause(&hall, until).await?,
            None => form.named()?,
        };
        let act = match form.what.as_str() {
            "return" => Act::Return { problems, days: form.days.filter(|d| (1..=90).contains(d)) },
            "resubmit" => Act::Resubmit(problems),
            "void" => Act::Void(problems),
            other => {
                return Err(PageError::bad(
                    format!("`{other}` is nothing that can be done"),
                    format!("没有操作『{other}』"),
                ));
            }
        };
        hall.act(&who, &act, &form.reason).await
    };
    done.await.map_err(|e: PageError| Refusal::to(&who, e))?;
    Ok(see_other("/problems"))
}
