//! A month's rates as sheets: 报送率, 及时率, 合格率, 一致率 and how long answers took, by node, by unit and by
//! region. Each formula stands beneath its table, and beside it what was left out.

use std::collections::{BTreeMap, BTreeSet};

use canon::NodeCode;

use super::excused::CAUSES;
use super::month::{Account, Accounts, UnitAccount};
use super::sheets::{Cell, Sheet, Tongue};

/// A rate in per cent with two digits; a denominator of zero is 无业务.
pub fn rate(part: u64, whole: u64, tongue: Tongue) -> String {
    if whole == 0 {
        return tongue.of("no business", "无业务").to_owned();
    }
    let hundredths = (u128::from(part) * 10_000 + u128::from(whole) / 2) / u128::from(whole);
    format!("{}.{:02}%", hundredths / 100, hundredths % 100)
}

/// A mean of seconds in minutes with one digit; of nothing it is 无业务.
pub fn minutes(seconds: u64, of: u64, tongue: Tongue) -> String {
    if of == 0 {
        return tongue.of("no business", "无业务").to_owned();
    }
    let tenths = (u128::from(seconds) + u128::from(of) * 3) / (u128::from(of) * 6);
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// The four rates of an account, in the order of the columns.
pub fn of_account(a: &Account, t: Tongue) -> [String; 4] {
    [
        rate(a.reported, a.days, t),
        rate(a.due.saturating_sub(a.late), a.due, t),
        rate(a.taken, a.taken + a.invalid, t),
        rate(a.agreed, a.reported, t),
    ]
}

/// Units or regions, added up, with the days of the nodes that reported them.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// Their senders.
    pub senders: BTreeSet<NodeCode>,
    /// Records.
    pub units: UnitAccount,
    /// Days of the senders.
    pub days: Account,
}

/// By which a table is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Unit, within its region.
    Unit,
    /// Region.
    Region,
}

/// Units of a region, or regions: the key's second part is empty for a region.
pub fn groups(accounts: &Accounts, by: By) -> BTreeMap<(String, String), Group> {
    let mut groups: BTreeMap<(String, String), Group> = BTreeMap::new();
    for ((sender, unit, region), account) in &accounts.units {
        let unit = match by {
            By::Unit => unit.clone(),
            By::Region => String::new(),
        };
        let group = groups.entry((region.clone(), unit)).or_default();
        group.units.merge(account);
        group.senders.insert(sender.clone());
    }
    for group in groups.values_mut() {
        for ((sender, _), account) in &accounts.pairs {
            if group.senders.contains(sender) {
                group.days.merge(account);
            }
        }
    }
    groups
}

/// The four rates of a group, in the order of the columns.
pub fn of_group(group: &Group, t: Tongue) -> [String; 4] {
    let Group { units: UnitAccount { all, due }, days, .. } = group;
    [
        rate(days.reported, days.days, t),
        rate(due.accepted.saturating_sub(due.late), due.accepted, t),
        rate(all.accepted, all.accepted + all.invalid, t),
        rate(days.agreed, days.reported, t),
    ]
}

/// Every sheet of a month.
pub fn sheets(accounts: &Accounts, t: Tongue) -> Vec<Sheet> {
    let mut sheets = vec![by_node(accounts, t)];
    if !accounts.units.is_empty() {
        sheets.extend([grouped(accounts, By::Unit, t), grouped(accounts, By::Region, t)]);
    }
    sheets
}

fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

const REPORT_RATE: (&str, &str) = (
    "report rate = reported days ÷ days due; due from the first day reported on, zero reports count, excused days that were not reported are not due",
    "报送率＝已报天数÷应报天数；应报天数自首个已报日起算，零报告算已报，剔除日未报的不计应报",
);
const AGREEMENT_RATE: (&str, &str) =
    ("agreement rate = agreed days ÷ reported days", "一致率＝对账一致天数÷已报天数");

/// By sender and receiver.
fn by_node(accounts: &Accounts, t: Tongue) -> Sheet {
    let columns = [
        ("sender", "报送单位（节点）"),
        ("receiver", "接收节点"),
        ("days due", "应报天数"),
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
        let [reported, punctual, valid, agreed] = of_account(a, t);
        vec![
            text(sender.as_str()),
            text(receiver.as_str()),
            Cell::Number(a.days),
            Cell::Number(a.reported),
            text(&reported),
            Cell::Number(a.taken),
            Cell::Number(a.late),
            text(&punctual),
            Cell::Number(a.invalid),
            text(&valid),
            Cell::Number(a.agreed),
            text(&agreed),
        ]
    };
    let formulas = [
        REPORT_RATE,
        (
            "punctual rate = (accepted − late) ÷ accepted, without history and excused days; late: ended after its day was first reported",
            "及时率＝（已接收－补充到达）÷已接收，不含历史补报与剔除日；补充到达指当日对账单首次出具之后才办结的记录",
        ),
        (
            "valid rate = accepted ÷ (accepted + invalid); invalid: held at the sender, or rejected",
            "合格率＝已接收÷（已接收＋不合格）；不合格指报送端校验不通过或接收方拒绝",
        ),
        AGREEMENT_RATE,
    ];
    let mut foot = t.head(&formulas);
    let mut all = Account::default();
    accounts.pairs.values().for_each(|a| all.merge(a));
    foot.push(match t {
        Tongue::En => format!(
            "left out: baseline {} records; of the punctual rate also history {} and excused days {}",
            all.baseline, all.history, all.excused
        ),
        Tongue::Zh => format!(
            "剔除：基线 {} 条；及时率另剔除历史补报 {} 条、剔除日 {} 条",
            all.baseline, all.history, all.excused
        ),
    });
    foot.extend(excused(accounts, t));
    Sheet {
        name: t.of("Rates by node", "月度指标（节点）").into(),
        notes: vec![format!("{} – {}", accounts.span.0, accounts.span.1)],
        head: t.head(&columns),
        rows: accounts.pairs.iter().map(row).collect(),
        foot,
    }
}

/// By unit or by region, of what was answered here.
fn grouped(accounts: &Accounts, by: By, t: Tongue) -> Sheet {
    let mut columns = vec![("region", "区划")];
    if by == By::Unit {
        columns.push(("unit", "单位"));
    }
    columns.extend([
        ("nodes", "报送节点"),
        ("answered", "已答复"),
        ("report rate", "报送率"),
        ("accepted", "已接收"),
        ("late", "逾期"),
        ("punctual rate", "及时率"),
        ("rejected", "不合格"),
        ("valid rate", "合格率"),
        ("agreement rate", "一致率"),
        ("mean delay, min", "平均回执时延（分）"),
        ("longest, min", "最长时延（分）"),
    ]);
    let row = |((region, unit), group): (&(String, String), &Group)| {
        let [reported, punctual, valid, agreed] = of_group(group, t);
        let UnitAccount { all, due } = &group.units;
        let said = |code: &str| if code.is_empty() { text("—") } else { text(code) };
        let nodes: Vec<&str> = group.senders.iter().map(NodeCode::as_str).collect();
        let mut cells = vec![said(region)];
        if by == By::Unit {
            cells.push(said(unit));
        }
        cells.extend([
            text(&nodes.join(" ")),
            Cell::Number(all.records),
            text(&reported),
            Cell::Number(all.accepted),
            Cell::Number(due.late),
            text(&punctual),
            Cell::Number(all.invalid),
            text(&valid),
            text(&agreed),
            text(&minutes(due.delay, due.accepted, t)),
            text(&minutes(due.delay_max, due.accepted.min(1), t)),
        ]);
        cells
    };
    let formulas = [
        REPORT_RATE,
        (
            "punctual rate = (accepted − late) ÷ accepted, without history and excused days; late: answered after its window had closed",
            "及时率＝（已接收－逾期）÷已接收，不含历史补报与剔除日；逾期指窗口关闭之后才答复",
        ),
        (
            "valid rate = accepted ÷ (accepted + rejected); what its own node held back stands in that node's table",
            "合格率＝已接收÷（已接收＋拒绝）；报送端自行拦下的见该节点的表",
        ),
        AGREEMENT_RATE,
        (
            "report and agreement rate are those of the nodes that reported; delay = answered − collected, over the accepted ones, without history and excused days",
            "报送率、一致率取其报送节点；回执时延＝答复时间－采集时间，按已接收计，不含历史补报与剔除日",
        ),
    ];
    let mut foot = t.head(&formulas);
    foot.push(left_out(accounts, t));
    foot.extend(excused(accounts, t));
    let name = match by {
        By::Unit => t.of("Rates by unit", "月度指标（单位）"),
        By::Region => t.of("Rates by region", "月度指标（区划）"),
    };
    let rows = groups(accounts, by).iter().map(row).collect();
    Sheet { name: name.into(), notes: Vec::new(), head: t.head(&columns), rows, foot }
}

/// What the tables by unit and by region leave out.
fn left_out(accounts: &Accounts, t: Tongue) -> String {
    let history: u64 = accounts.units.values().map(|u| u.all.history).sum();
    let free: u64 = accounts.units.values().map(|u| u.all.accepted - u.due.accepted).sum();
    match t {
        Tongue::En => format!("left out: history {history} records; excused days {free}"),
        Tongue::Zh => format!("剔除：历史补报 {history} 条；剔除日 {free} 条"),
    }
}

/// What nobody is to blame for, a line each.
fn excused(accounts: &Accounts, t: Tongue) -> Vec<String> {
    let line = |e: &super::excused::Excused| {
        let named = CAUSES.iter().find(|(word, ..)| *word == e.cause);
        let word = named.map_or(&*e.cause, |(_, en, zh)| t.of(en, zh));
        let (from, until) = (e.span.from, e.span.until);
        match t {
            Tongue::En => format!("excused: {} {} {word}, {from} – {until}", e.day, e.node),
            Tongue::Zh => format!("剔除日：{} {} {word}，{from} – {until}", e.day, e.node),
        }
    };
    accounts.excused.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use canon::{Day, Millis};
    use store::UnitCount;

    use super::super::excused::{Excused, Span, cause};
    use super::*;

    fn code(code: &str) -> NodeCode {
        NodeCode::new(code).expect("a legal code")
    }

    #[test]
    fn a_rate_is_rounded_and_nothing_is_no_business() {
        assert_eq!(rate(2, 3, Tongue::En), "66.67%");
        assert_eq!(rate(7, 7, Tongue::Zh), "100.00%");
        assert_eq!(rate(0, 0, Tongue::Zh), "无业务");
        assert_eq!(rate(u64::MAX, u64::MAX, Tongue::En), "100.00%");
        assert_eq!(minutes(90, 1, Tongue::En), "1.5");
        assert_eq!(minutes(100, 3, Tongue::En), "0.6");
        assert_eq!(minutes(0, 0, Tongue::Zh), "无业务");
    }

    fn count(unit: &str, region: &str, (accepted, invalid, late): (u64, u64, u64)) -> UnitCount {
        UnitCount {
            unit: unit.into(),
            region: region.into(),
            records: accepted + invalid,
            accepted,
            invalid,
            late,
            history: 1,
            delay: 60 * accepted,
            delay_max: 120,
        }
    }

    fn accounts() -> Accounts {
        let mut accounts = Accounts { span: (Day(20_000), Day(20_029)), ..Accounts::default() };
        let days =
            |days, reported, agreed| Account { days, reported, agreed, ..Account::default() };
        accounts.pairs.insert((code("town-1"), code("province")), days(30, 30, 15));
        accounts.pairs.insert((code("town-2"), code("province")), days(10, 5, 5));
        let mut put = |node: &str, unit: &str, region: &str, all, due| {
            let of = (code(node), unit.to_owned(), region.to_owned());
            let account =
                UnitAccount { all: count(unit, region, all), due: count(unit, region, due) };
            accounts.units.insert(of, account);
        };
        put("town-1", "u1", "990103", (90, 10, 12), (80, 10, 8));
        put("town-2", "u1", "990103", (10, 0, 2), (10, 0, 2));
        put("town-2", "u2", "990103", (0, 4, 0), (0, 4, 0));
        let span = Span { from: Millis(0), until: Millis(1) };
        let (node, cause) = (code("province"), cause::DOWN.to_owned());
        accounts.excused.push(Excused { day: Day(20_003), node, cause, span });
        accounts
    }

    #[test]
    fn units_and_regions_are_added_up_over_nodes() {
        let accounts = accounts();
        let units = groups(&accounts, By::Unit);
        let of = |unit: &str| &units[&("990103".to_owned(), unit.to_owned())];
        let rates = of_group(of("u1"), Tongue::Zh);
        // 35 of 40 days; 80 of 90 in time; 100 of 110 valid; 20 of 35 days agree.
        assert_eq!(rates, ["87.50%", "88.89%", "90.91%", "57.14%"]);
        let rates = of_group(of("u2"), Tongue::Zh);
        assert_eq!(rates, ["50.00%", "无业务", "0.00%", "100.00%"]);
        let regions = groups(&accounts, By::Region);
        let region = &regions[&("990103".to_owned(), String::new())];
        assert_eq!((region.units.all.accepted, region.units.all.invalid), (100, 14));
        assert_eq!(region.days.days, 40, "a node counts once");
    }

    #[test]
    fn each_sheet_has_its_formulas_and_what_was_left_out() {
        let all = sheets(&accounts(), Tongue::Zh);
        let names: Vec<&str> = all.iter().map(|s| &*s.name).collect();
        assert_eq!(names, ["月度指标（节点）", "月度指标（单位）", "月度指标（区划）"]);
        for sheet in &all {
            let foot = sheet.foot.join("\n");
            for wanted in ["报送率＝", "及时率＝", "合格率＝", "一致率＝", "剔除：", "停机"]
            {
                assert!(foot.contains(wanted), "{}: {wanted}: {foot}", sheet.name);
            }
            assert!(sheet.rows.iter().all(|row| row.len() == sheet.head.len()), "{}", sheet.name);
        }
        assert!(all[1].foot.iter().any(|f| f.contains("回执时延＝")));
    }
}
