//! 对账: a month of days that agree or not; one day with its totals, its records and their causes.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::routing::{get, post};
use canon::{Day, NodeCode, RecordId};
use exchange::reconcile::report::{DayReport, Verdict, WindowReport};
use exchange::reconcile::sheets::{self, Cell, Sheet};
use maud::{Markup, html};
use serde::Deserialize;

use super::books::{Stand, beside, month_name, month_of};
use super::words::{case_path, type_label};
use crate::access::{Power, Told, Who};
use crate::act::Act;
use crate::error::PageError;
use crate::hall::Hall;
use crate::shell;
use crate::tongue::count;
use crate::web::{Page, Refusal, download, html as answer, see_other};

/// Records of a day that its page names; its report names all.
pub const DETAILS_SHOWN_MAX: usize = 500;

/// The month, the day, its files, and sending again what a receiver lacks.
pub(crate) fn routes() -> Router<Arc<Hall>> {
    Router::new()
        .route("/reconcile", get(calendar))
        .route("/reconcile/heal", post(heal))
        .route("/reconcile/{day}", get(day))
        .route("/reconcile/{day}/{file}", get(file))
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    pub(super) month: Option<String>,
}

async fn calendar(State(hall): State<Arc<Hall>>, who: Who, Query(asked): Query<Asked>) -> Page {
    let now = hall.now();
    let (first, last) = month_of(asked.month.as_deref(), now);
    let read = async {
        who.needs(Power::Look)?;
        let mut days = Vec::new();
        for day in (first.0..=last.0).map(Day) {
            let over = day < now.day();
            let stand = if over { Some(hall.books.stand(&hall, day).await?) } else { None };
            days.push((day, stand));
        }
        Ok(days)
    };
    let days = read.await.map_err(|e: PageError| Refusal::to(&who, e))?;
    let (before, after) = beside((first, last));
    let body = html! {
        p {
            a href={ "/reconcile?month=" (before) } { "← " (before) } " "
            b { (month_name(&first.to_string())) } " "
            a href={ "/reconcile?month=" (after) } { (after) " →" }
        }
        (month(&who, &days))
        p.quiet { (who.of("A day agrees when the sums of both sides are equal and nothing in it can change any more.", "双方摘要和相等、且当日不再有变动，即为对账一致。")) }
        p { a href={ "/ranking?month=" (month_name(&first.to_string())) } { (who.of("Rates of this month", "本月报送质量")) } }
    };
    let title = who.of("Reconciliation", "对账");
    Ok(answer(shell::page(&hall, &who, "/reconcile", title, body)))
}

fn month(who: &Who, days: &[(Day, Option<Stand>)]) -> Markup {
    let names = [
        ("Mon", "一"),
        ("Tue", "二"),
        ("Wed", "三"),
        ("Thu", "四"),
        ("Fri", "五"),
        ("Sat", "六"),
        ("Sun", "日"),
    ];
    // The first day of the count was a Thursday.
    let weekday = |day: Day| (day.0 + 3).rem_euclid(7) as usize;
    let blank = days.first().map_or(0, |(day, _)| weekday(*day));
    let mut cells: Vec<Option<&(Day, Option<Stand>)>> = vec![None; blank];
    cells.extend(days.iter().map(Some));
    html! {
        table.month {
            thead { tr { @for name in names { th scope="col" { (who.of(name.0, name.1)) } } } }
            tbody { @for week in cells.chunks(7) { tr {
                @for cell in week { td { @if let Some((day, stand)) = cell { (of_day(who, *day, *stand)) } } }
            } } }
        }
    }
}

fn of_day(who: &Who, day: Day, stand: Option<Stand>) -> Markup {
    let text = day.to_string();
    let short = text.get(8..).unwrap_or(&text).to_owned();
    html! {
        @match stand {
            None => { span.quiet { (short) } }
            Some(stand) => {
                a href={ "/reconcile/" (day) } { (short) } " "
                @if stand.windows == 0 {
                    span.quiet { (who.of("no books", "无账")) }
                } @else if stand.agreed == stand.windows {
                    span { span.mark aria-hidden="true" { "✓ " } (who.of("agrees", "一致")) }
                } @else if stand.differs {
                    span.bad { span.mark aria-hidden="true" { "✕ " } (who.of("differs", "不一致")) " " (stand.agreed) "/" (stand.windows) }
                } @else {
                    span { span.mark aria-hidden="true" { "… " } (who.of("not settled", "未结")) " " (stand.agreed) "/" (stand.windows) }
                }
            }
        }
    }
}

fn parsed(text: &str) -> Result<Day, PageError> {
    Day::parse(text).ok_or_else(|| {
        PageError::bad(
            format!("`{text}` is no day, such as 2026-11-21"),
            format!("『{text}』不是日期，应如 2026-11-21"),
        )
    })
}

async fn day(State(hall): State<Arc<Hall>>, who: Who, Path(text): Path<String>) -> Page {
    let read = async {
        who.needs(Power::Look)?;
        hall.books.day(&hall, parsed(&text)?).await
    };
    let report = read.await.map_err(|e: PageError| Refusal::to(&who, e))?;
    let all = sheets::of_day(&report, who.tongue);
    let body = html! {
        @if report.windows.is_empty() {
            p.notice { (who.of("No books of that day: it is not closed yet, or this node reports and receives nothing.", "当日无账：尚未关账，或本节点不报送也不接收。")) }
        }
        h2 { (who.of("Totals", "总账")) }
        @for window in &report.windows { (totals(&hall, &who, &report, window)) }
        @if who.scope.units.is_empty() {
            @for sheet in all.iter().skip(1).rev() { (listed(&who, sheet)) }
            (files(&who, report.day))
        } @else {
            p.quiet { (who.of("Records are named to who sees the whole node.", "明细仅对可查看全节点的人员显示。")) }
        }
    };
    let title = format!("{} {}", who.of("Reconciliation", "对账"), report.day);
    Ok(answer(shell::page(&hall, &who, "/reconcile", &title, body)))
}

fn totals(hall: &Hall, who: &Who, report: &DayReport, window: &WindowReport) -> Markup {
    let own = window.sender == hall.node.code;
    let other = if own { &window.receiver } else { &window.sender };
    let bad = matches!(window.verdict, Verdict::Differs);
    html! {
        section {
            h3 {
                (window.sender) " → " (window.receiver) " "
                @if let Some(link) = hall.node.link_to(other) { span.quiet { (who.of("link ", "链路 ")) (link.name) } }
            }
            p { span.bad[bad] { b { (sheets::verdict(window.verdict, who.tongue)) } } " · " (sheets::next(window, who.tongue)) }
            div.wide { table {
                thead { tr {
                    th { (who.of("Type", "记录类型")) }
                    th.n { (who.of("Collected", "采集")) }
                    th.n { (who.of("Accepted", "已接收")) }
                    th.n { (who.of("Superseded", "已替代")) }
                    th.n { (who.of("Not settled", "未结")) }
                    th.n { (who.of("Invalid or rejected", "不合格")) }
                    th.n { (who.of("Withdrawn or given up", "停报停发")) }
                    th.n { (who.of("Receiver has", "接收方")) }
                    th { (who.of("Sums", "摘要和")) }
                } }
                tbody { @for line in &window.lines {
                    @let c = &line.counts;
                    tr {
                        th scope="row" { (line.kind) " " (type_label(hall, &line.kind)) }
                        td.n { (count(c.collected())) }
                        td.n { (count(c.accepted)) }
                        td.n { (count(c.superseded)) }
                        td.n { (count(c.waiting + c.staged + c.in_flight + c.awaiting_review)) }
                        td.n { (count(c.quarantined + c.rejected)) }
                        td.n { (count(c.voided + c.dead)) }
                        td.n { @match line.answered { Some(n) => { (count(n)) } None => { "–" } } }
                        td { @match (line.answered, line.same) {
                            (None, _) => { "–" }
                            (_, true) => { (who.of("✓ equal", "✓ 相等")) }
                            (_, false) => { span.bad { (who.of("✕ different", "✕ 不等")) } }
                        } }
                    }
                } }
            } }
            @if own && window.verdict == Verdict::Differs && who.may(Power::Problems) {
                details.act {
                    summary { (who.of("Send again what the receiver lacks", "补传接收方缺失的记录")) }
                    @let day = report.day.to_string();
                    (shell::deed(who, "/reconcile/heal", &[("day", &*day), ("to", window.receiver.as_str())], ("Send again", "补传")))
                }
            }
        }
    }
}

/// A sheet on the page; what names a record leads to its case.
pub(super) fn listed(who: &Who, sheet: &Sheet) -> Markup {
    html! {
        section {
            h2 { (sheet.name) }
            @if sheet.rows.is_empty() { p { (who.of("None.", "无。")) } } @else {
                div.wide { table {
                    thead { tr { @for head in &sheet.head { th { (head) } } } }
                    tbody { @for row in sheet.rows.iter().take(DETAILS_SHOWN_MAX) { tr {
                        @for cell in row { (of_cell(cell)) }
                    } } }
                } }
            }
            @if sheet.rows.len() > DETAILS_SHOWN_MAX {
                p.quiet { (who.of("The report has all of them: ", "完整内容见报告，共 ")) (count(sheet.rows.len() as u64)) }
            }
            @for foot in &sheet.foot { p.quiet { (foot) } }
        }
    }
}

fn of_cell(cell: &Cell) -> Markup {
    html! {
        @match cell {
            Cell::Number(n) => { td.n { (count(*n)) } }
            Cell::Text(text) => { td {
                @match RecordId::parse(text) {
                    Some(id) => { a href=(case_path(&id.key.number())) { (text) } }
                    None => { (text) }
                }
            } }
        }
    }
}

fn files(who: &Who, day: Day) -> Markup {
    let file = |name: &str, label: &str| -> Markup {
        html! { li { a href={ "/reconcile/" (day) "/" (name) } { (label) } " · " a href={ "/reconcile/" (day) "/" (name) ".sig" } { (who.of("signature", "签名")) } } }
    };
    html! {
        section {
            h2 { (who.of("The signed report", "签名报告")) }
            ul {
                (file("report.md", "Markdown"))
                (file("report.xlsx", "XLSX"))
            }
            p.quiet { (who.of("Keep both files; `tiergate reconcile --verify FILE --anchor CA` tells who signed exactly these bytes.", "两个文件一并保存；tiergate reconcile --verify 文件 --anchor CA 可核验签名者与原文。")) }
        }
    }
}

/// A report of a day, or its signature: made anew out of the same facts.
async fn file(
    State(hall): State<Arc<Hall>>,
    who: Who,
    Path((text, name)): Path<(String, String)>,
) -> Page {
    let made = async {
        who.needs(Power::Look)?;
        if !who.scope.units.is_empty() {
            return Err(PageError::of(axum::http::StatusCode::FORBIDDEN, "admin.out_of_scope"));
        }
        let report = hall.books.day(&hall, parsed(&text)?).await?;
        let all = sheets::of_day(&report, who.tongue);
        let title = format!("{} {}", who.of("Reconciliation", "日对账"), report.day);
        let (kind, signed) = name.strip_suffix(".sig").map_or((&*name, false), |k| (k, true));
        let bytes = match kind {
            "report.md" => sheets::markdown(&title, &all).into_bytes(),
            "report.xlsx" => hall.house.book(&title, &all)?,
            other => {
                return Err(PageError::gone(
                    format!("there is no file `{other}`"),
                    format!("没有文件『{other}』"),
                ));
            }
        };
        let bytes = if signed { hall.house.signed(&bytes)? } else { bytes };
        Ok((format!("reconcile-{}-{}-{name}", hall.node.code, report.day), bytes))
    };
    let (name, bytes) = made.await.map_err(|e: PageError| Refusal::to(&who, e))?;
    Ok(download(&name, "application/octet-stream", bytes))
}

#[derive(Debug, Deserialize)]
struct Heal {
    day: String,
    to: String,
    reason: String,
}

async fn heal(State(hall): State<Arc<Hall>>, Told { who, form }: Told<Heal>) -> Page {
    let done = async {
        let day = parsed(&form.day)?;
        let to = NodeCode::new(&form.to).ok_or_else(|| {
            PageError::bad(
                format!("`{}` is no code of a node", form.to),
                format!("『{}』不是节点代码", form.to),
            )
        })?;
        hall.act(&who, &Act::Heal { day, to }, &form.reason).await?;
        Ok(day)
    };
    let day = done.await.map_err(|e: PageError| Refusal::to(&who, e))?;
    Ok(see_other(&format!("/reconcile/{day}")))
}
