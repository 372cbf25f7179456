//! A month's rates by sender: 报送率, 及时率, 合格率, 一致率, each with its formula.

use std::collections::BTreeMap;

use canon::{Day, Lane, NodeCode};
use envelope::control::{ManifestLine, Side};
use store::SharedStore;

use super::books::{differing, line, read};
use super::heard;
use super::named;
use super::sheets::{Cell, Sheet, Tongue};
use crate::error::WorkError;

/// Most days of one account.
pub const MONTH_DAYS_MAX: i32 = 31;

/// What one sender did for one receiver over some days.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Days that should have been reported.
    pub days: u64,
    /// Days that were.
    pub reported: u64,
    /// Of these, days whose books agree.
    pub agreed: u64,
    /// Records collected.
    pub collected: u64,
    /// Accepted and superseded.
    pub taken: u64,
    /// Of these, those that came to their end after their day was reported first.
    pub late: u64,
    /// Invalid here or rejected by the receiver.
    pub invalid: u64,
    /// Of the records collected, history (left out of the rate of punctuality).
    pub history: u64,
    /// Marked as reported before the exchange began (left out everywhere).
    pub baseline: u64,
}

/// Accounts by sender and receiver.
pub type Accounts = BTreeMap<(NodeCode, NodeCode), Account>;

/// Adds up the days from the first to the last, as one node sees them.
pub async fn of_days(
    store: &SharedStore,
    node: &NodeCode,
    (first, last): (Day, Day),
) -> Result<Accounts, WorkError> {
    let mut accounts = Accounts::new();
    let mut seen: BTreeMap<(NodeCode, NodeCode), u64> = BTreeMap::new();
    for day in (first.0..=last.0.min(first.0 + MONTH_DAYS_MAX - 1)).map(Day) {
        let manifests = store.manifests(day).await?;
        for row in &manifests {
            let (own, to_us) = (row.by == *node, row.peer == *node);
            let lines: Vec<ManifestLine> =
                read(&row.body).into_iter().filter(|l| l.side == Side::Sender).collect();
            if lines.is_empty() || !(own || to_us) {
                continue;
            }
            let theirs = if own {
                let heard = heard::of_side(&manifests, &row.peer, Side::Receiver);
                if heard.revision < row.revision { None } else { Some(heard.lines) }
            } else {
                let tallies = store.tallies_received(&row.by, day).await?;
                let told = tallies.iter().filter_map(|t| line(&row.by, day, 0, Side::Receiver, t));
                Some(told.filter(|l| l.route.destination == *node).collect())
            };
            let pair = (row.by.clone(), row.peer.clone());
            let account = accounts.entry(pair.clone()).or_default();
            account.reported += 1;
            let settled = lines.iter().all(|l| l.counts.is_settled());
            let agrees = theirs.is_some_and(|t| differing(&lines, &t).is_empty());
            account.agreed += u64::from(settled && agrees);
            lines.iter().for_each(|l| account.add(l));
            // From the first day on that was reported at all.
            seen.entry(pair).or_insert_with(|| u64::from(last.0.abs_diff(day.0)) + 1);
        }
        for (sender, receiver, more) in named::supplements(store, day).await? {
            if let Some(account) = accounts.get_mut(&(sender, receiver)) {
                account.late += more.more.iter().map(|(_, n)| n).sum::<u64>();
            }
        }
    }
    for (pair, days) in seen {
        if let Some(account) = accounts.get_mut(&pair) {
            account.days = days;
        }
    }
    Ok(accounts)
}

impl Account {
    fn add(&mut self, line: &ManifestLine) {
        let c = &line.counts;
        self.collected += c.collected();
        self.taken += c.accepted + c.superseded;
        self.invalid += c.quarantined + c.rejected;
        self.baseline += line.baseline;
        if line.route.lane == Lane::Bulk {
            self.history += c.collected();
        }
    }
}

/// A rate in per cent with two digits; a denominator of zero is 无业务.
pub fn rate(part: u64, whole: u64, tongue: Tongue) -> String {
    if whole == 0 {
        return tongue.of("no business", "无业务").to_owned();
    }
    let hundredths = (u128::from(part) * 10_000 + u128::from(whole) / 2) / u128::from(whole);
    format!("{}.{:02}%", hundredths / 100, hundredths % 100)
}

/// The accounts as a sheet, the formulas beneath.
pub fn sheet(accounts: &Accounts, (first, last): (Day, Day), t: Tongue) -> Sheet {
    let head = [
        ("sender", "报送单位（节点）"),
        ("receiver", "接收节点"),
        ("days", "应报天数"),
        ("reported", "已报天数"),
        ("report rate", "报送率"),
        ("accepted", "已接收"),
        ("late", "补充到达"),
        ("punctual rate", "及时率"),
        ("invalid", "不合格"),
        ("valid rate", "合格率"),
        ("agreed days", "一致天数"),
        ("agreement rate", "一致率"),
    ];
    let row = |((sender, receiver), a): (&(NodeCode, NodeCode), &Account)| {
        let text = |text: &str| Cell::Text(text.to_owned());
        let on_time = a.taken.saturating_sub(a.late);
        vec![
            text(sender.as_str()),
            text(receiver.as_str()),
            Cell::Number(a.days),
            Cell::Number(a.reported),
            text(&rate(a.reported, a.days, t)),
            Cell::Number(a.taken),
            Cell::Number(a.late),
            text(&rate(on_time, a.taken, t)),
            Cell::Number(a.invalid),
            text(&rate(a.taken, a.taken + a.invalid, t)),
            Cell::Number(a.agreed),
            text(&rate(a.agreed, a.reported, t)),
        ]
    };
    let (history, baseline) =
        accounts.values().fold((0, 0), |(h, b), a| (h + a.history, b + a.baseline));
    let foot = [
        (
            "report rate = reported days ÷ days since the first reported day",
            "报送率＝已报天数÷自首个已报日起的应报天数（零报告算已报）".to_owned(),
        ),
        (
            "punctual rate = (accepted − late) ÷ accepted; late: ended after its day was first reported",
            "及时率＝（已接收－补充到达）÷已接收；补充到达指当日对账单首次出具之后才办结的记录"
                .to_owned(),
        ),
        (
            "valid rate = accepted ÷ (accepted + invalid); invalid: held here or rejected",
            "合格率＝已接收÷（已接收＋不合格）；不合格指本端校验不通过或接收方拒绝".to_owned(),
        ),
        (
            "agreement rate = agreed days ÷ reported days",
            "一致率＝对账一致天数÷已报天数".to_owned(),
        ),
    ];
    let mut foot: Vec<String> = foot.iter().map(|(en, zh)| t.of(en, zh).to_owned()).collect();
    foot.push(match t {
        Tongue::En => format!("left out: {baseline} records of the baseline; included above, of these history: {history}"),
        Tongue::Zh => format!("剔除：基线 {baseline} 条；以上含历史补报 {history} 条"),
    });
    Sheet {
        name: t.of("Rates", "月度指标").into(),
        notes: vec![format!("{first} – {last}")],
        head: head.iter().map(|(en, zh)| t.of(en, zh).to_owned()).collect(),
        rows: accounts.iter().map(row).collect(),
        foot,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_rounded_and_nothing_is_no_business() {
        assert_eq!(rate(2, 3, Tongue::En), "66.67%");
        assert_eq!(rate(7, 7, Tongue::Zh), "100.00%");
        assert_eq!(rate(0, 0, Tongue::Zh), "无业务");
        assert_eq!(rate(u64::MAX, u64::MAX, Tongue::En), "100.00%");
    }
}
