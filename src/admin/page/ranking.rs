//! 报送质量排名: a month's rates of every sender, best first, with the formulas beside them.

use std::cmp::Reverse;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::routing::get;
use canon::Day;
use exchange::reconcile::month::{Account, Accounts};
use exchange::reconcile::rates;
use exchange::reconcile::sheets::{Cell, Sheet, Tongue};
use maud::html;

use super::books::{beside, month_name, month_of};
use super::reconcile::{Asked, listed};
use crate::access::{Power, Who};
use crate::error::PageError;
use crate::hall::Hall;
use crate::shell;
use crate::web::{Page, Refusal, download, html as answer};

/// The page, and the same as a file.
pub(crate) fn routes() -> Router<Arc<Hall>> {
    Router::new().route("/ranking", get(page)).route("/ranking/file", get(file))
}

/// The mean of the rates that a sender has, in hundredths of a per cent; none without any business.
fn mean(a: &Account) -> Option<u64> {
    let rate = |part: u64, whole: u64| (whole > 0).then(|| part.saturating_mul(10_000) / whole);
    let rates = [
        rate(a.reported, a.days),
        rate(a.due.saturating_sub(a.late), a.due),
        rate(a.taken, a.taken + a.invalid),
        rate(a.agreed, a.reported),
    ];
    let known: Vec<u64> = rates.into_iter().flatten().collect();
    let n = known.len() as u64;
    (n > 0).then(|| known.into_iter().sum::<u64>() / n)
}

/// The accounts as sheets: by node, the best first; then by unit and by region, as they stand.
fn ranked(accounts: &Accounts, t: Tongue) -> Vec<Sheet> {
    let mut sheets = rates::sheets(accounts, t);
    if let Some(sheet) = sheets.first_mut() {
        rank(accounts, sheet, t);
    }
    sheets
}

fn rank(accounts: &Accounts, sheet: &mut Sheet, t: Tongue) {
    let mut rows: Vec<(Option<u64>, Vec<Cell>)> =
        accounts.pairs.values().map(mean).zip(std::mem::take(&mut sheet.rows)).collect();
    rows.sort_by_key(|(mean, _)| Reverse(*mean));
    let mut last = None;
    let mut rank = 0;
    for (nth, (mean, row)) in (1..).zip(rows) {
        if last != Some(mean) {
            (rank, last) = (nth, Some(mean));
        }
        let shown = mean.map_or_else(
            || t.of("no business", "无业务").to_owned(),
            |m| format!("{}.{:02}%", m / 100, m % 100),
        );
        let mut cells = vec![Cell::Number(rank), Cell::Text(shown)];
        cells.extend(row);
        sheet.rows.push(cells);
    }
    let head = [t.of("rank", "名次"), t.of("mean", "综合")];
    sheet.head.splice(0..0, head.map(str::to_owned));
    sheet.foot.push(
        t.of(
            "mean = mean of the four rates, without those that have no business; equal means share a rank",
            "综合＝四项指标的算术平均（无业务的不计），数值相同的名次并列",
        )
        .to_owned(),
    );
}

/// The sheets of a month that has begun, up to yesterday.
async fn sheets(
    hall: &Hall,
    who: &Who,
    asked: &Asked,
) -> Result<(Day, Day, Vec<Sheet>), PageError> {
    who.needs(Power::Look)?;
    let (first, last) = month_of(asked.month.as_deref(), hall.now());
    let until = Day(last.0.min(hall.now().day().0 - 1));
    let accounts = if until < first {
        Accounts { span: (first, first), ..Accounts::default() }
    } else {
        hall.books.month(hall, (first, until)).await?
    };
    Ok((first, last, ranked(&accounts, who.tongue)))
}

async fn page(State(hall): State<Arc<Hall>>, who: Who, Query(asked): Query<Asked>) -> Page {
    let found = sheets(&hall, &who, &asked).await;
    let (first, last, sheets) = found.map_err(|e: PageError| Refusal::to(&who, e))?;
    let (before, after) = beside((first, last));
    let name = first.to_string();
    let name = month_name(&name);
    let body = html! {
        p {
            a href={ "/ranking?month=" (before) } { "← " (before) } " "
            b { (name) } " "
            a href={ "/ranking?month=" (after) } { (after) " →" }
        }
        @for sheet in &sheets {
            @for note in &sheet.notes { p.quiet { (note) } }
            (listed(&who, sheet))
        }
        p { a href={ "/ranking/file?month=" (name) } { (who.of("Download as XLSX", "下载 XLSX")) } }
    };
    let title = who.of("Reporting quality", "报送质量排名");
    Ok(answer(shell::page(&hall, &who, "/ranking", title, body)))
}

async fn file(State(hall): State<Arc<Hall>>, who: Who, Query(asked): Query<Asked>) -> Page {
    let made = async {
        let (first, _, sheets) = sheets(&hall, &who, &asked).await?;
        let name = month_name(&first.to_string()).to_owned();
        let title = format!("{} {name}", who.of("Reporting quality", "报送质量"));
        let bytes = hall.house.book(&title, &sheets)?;
        Ok((format!("ranking-{}-{name}.xlsx", hall.node.code), bytes))
    };
    let (name, bytes) = made.await.map_err(|e: PageError| Refusal::to(&who, e))?;
    Ok(download(&name, "application/octet-stream", bytes))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use canon::NodeCode;

    use super::*;

    #[test]
    fn the_best_stands_first_and_equals_share_a_rank() {
        let account = |reported, invalid| Account {
            days: 10,
            reported,
            agreed: reported,
            taken: 100 - invalid,
            due: 100 - invalid,
            invalid,
            ..Account::default()
        };
        let pair = |sender: &str| (NodeCode(sender.into()), NodeCode("city".into()));
        let pairs = BTreeMap::from([
            (pair("a"), account(8, 0)),
            (pair("b"), account(10, 0)),
            (pair("c"), account(10, 0)),
            (pair("d"), Account::default()),
        ]);
        let span = (Day(20_000), Day(20_010));
        let accounts = Accounts { span, pairs, ..Accounts::default() };
        let sheet = ranked(&accounts, Tongue::Zh).remove(0);
        let told: Vec<String> =
            sheet.rows.iter().map(|row| format!("{} {}", row[0].plain(), row[2].plain())).collect();
        assert_eq!(told, ["1 b", "1 c", "3 a", "4 d"]);
        assert_eq!(sheet.rows[2][1].plain(), "95.00%");
        assert_eq!(sheet.rows[3][1].plain(), "无业务");
        assert!(sheet.rows.iter().all(|row| row.len() == sheet.head.len()));
    }
}
