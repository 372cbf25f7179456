//! A day as sheets (总账, 明细, 原因), for Markdown, for a spreadsheet and for the screen.

use std::collections::BTreeMap;

use super::causes::{self, CAUSES};
use super::hops;
use super::report::{DayReport, Verdict, WindowReport};

/// A cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Text, never a formula.
    Text(String),
    /// A count.
    Number(u64),
}

impl Cell {
    /// As text that no spreadsheet takes for a formula: what begins like one stands behind a quote.
    pub fn plain(&self) -> String {
        match self {
            Self::Number(n) => n.to_string(),
            Self::Text(text) if is_formula(text) => format!("'{text}"),
            Self::Text(text) => text.clone(),
        }
    }
}

/// Whether a spreadsheet would take a text for more than a text.
pub fn is_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r'])
}

/// A sheet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// Its name.
    pub name: String,
    /// What stands above it: day, node, verdicts.
    pub notes: Vec<String>,
    /// Columns.
    pub head: Vec<String>,
    /// Rows.
    pub rows: Vec<Vec<Cell>>,
    /// What stands beneath it: formulas, what was left out.
    pub foot: Vec<String>,
}

/// The language of a sheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tongue {
    /// English.
    En,
    /// Chinese.
    Zh,
}

impl Tongue {
    /// One of two texts.
    pub const fn of<'t>(self, en: &'t str, zh: &'t str) -> &'t str {
        match self {
            Self::En => en,
            Self::Zh => zh,
        }
    }

    pub(super) fn head(self, both: &[(&str, &str)]) -> Vec<String> {
        both.iter().map(|(en, zh)| self.of(en, zh).to_owned()).collect()
    }
}

/// Questions without an answer from which on people are told.
const UNANSWERED_TOLD: u32 = 2;

fn text(text: impl Into<String>) -> Cell {
    Cell::Text(text.into())
}

/// What a verdict is called.
pub const fn verdict(verdict: Verdict, tongue: Tongue) -> &'static str {
    match verdict {
        Verdict::Agrees => tongue.of("agrees", "对账一致"),
        Verdict::Unsettled => tongue.of("not settled yet", "尚有未结"),
        Verdict::Differs => tongue.of("differs", "对账不一致"),
        Verdict::Unanswered => tongue.of("not answered yet", "接收方未答复"),
        Verdict::Unreported => tongue.of("not reported yet", "尚未出具对账单"),
    }
}

/// What happens next with a window.
pub fn next(window: &WindowReport, tongue: Tongue) -> String {
    if let Some(h) = &window.healing
        && let Some(why) = &h.stopped
    {
        return format!(
            "{}: {why}",
            tongue.of(
                "sending again stopped; look at it, then order it anew",
                "补传已停止，请核实后重新下令"
            )
        );
    }
    let unanswered = window.narrowing.unanswered;
    if window.verdict == Verdict::Differs && unanswered >= UNANSWERED_TOLD {
        return match tongue {
            Tongue::En => format!(
                "the receiver has not answered {unanswered} questions for details; where it runs an older edition it does not know them: bring it up to date. It is asked again, at most once a day"
            ),
            Tongue::Zh => format!(
                "接收方 {unanswered} 次未答复明细查询；若其版本较旧则不识此查询，请升级。系统将继续询问，至多每日一次"
            ),
        };
    }
    let next = match window.verdict {
        Verdict::Agrees => ("nothing: the day is closed", "无，已对平"),
        Verdict::Unsettled => (
            "what moves comes to its end by itself, what waits for a person stands below",
            "在途的自动办结，须人工处理的见明细",
        ),
        Verdict::Differs if window.named.is_none() && window.narrowing.blind => (
            "one of the two has no details of that day any more: only totals can be compared, people look at it",
            "一方已无当日明细，只能核对总数，由双方人员核实",
        ),
        Verdict::Differs if window.named.is_none() => (
            "the two nodes narrow it down to records by themselves",
            "两节点正自动逐级查找差异记录",
        ),
        Verdict::Differs => (
            "what is missing goes again (little by itself, more by --heal); the rest is for people",
            "缺失的补传（少量自动，较多用 --heal），其余由人员核实",
        ),
        Verdict::Unanswered => {
            ("the receiver is asked again by itself", "自动再次向接收方出具对账单")
        }
        Verdict::Unreported => {
            ("the books are issued once the day is closed", "窗口关闭后自动出具对账单")
        }
    };
    tongue.of(next.0, next.1).to_owned()
}

/// The sheets of a day: totals, records, causes, and what links carried.
pub fn of_day(report: &DayReport, tongue: Tongue) -> Vec<Sheet> {
    let mut sheets = vec![totals(report, tongue), records(report, tongue), reasons(report, tongue)];
    if !report.hops.is_empty() {
        sheets.push(hops::sheet(&report.hops, tongue));
    }
    sheets
}

fn totals(report: &DayReport, t: Tongue) -> Sheet {
    let head = t.head(&[
        ("sender", "发送节点"),
        ("receiver", "接收节点"),
        ("type", "记录类型"),
        ("collected", "采集"),
        ("accepted", "已接收"),
        ("superseded", "已替代"),
        ("quarantined", "校验不通过"),
        ("waiting", "等上级环节"),
        ("staged", "待封装"),
        ("in flight", "待回执"),
        ("awaiting review", "待审核"),
        ("rejected", "接收方拒绝"),
        ("voided", "停报"),
        ("dead", "已放弃"),
        ("baseline", "基线"),
        ("receiver has", "接收方"),
        ("sum", "摘要和"),
    ]);
    let rows = report.windows.iter().flat_map(|w| type_rows(w, t)).collect();
    let notes = totals_notes(report, t);
    let foot = vec![
        t.of(
            "collected = sum of the places; the sum is over accepted + superseded; a day agrees when all sums are equal and nothing waits, is staged, in flight or awaits review. A type without a record is a zero report.",
            "采集＝各去向之和；摘要和覆盖已接收与已替代；各类摘要和相等且无等待、待封装、待回执、待审核即对账一致。无记录的类型为零报告。",
        )
        .to_owned(),
    ];
    Sheet { name: t.of("Totals", "总账").into(), notes, head, rows, foot }
}

/// Day, node, a line a window with its verdict, its supplements; what sources said.
fn totals_notes(report: &DayReport, t: Tongue) -> Vec<String> {
    let (day, node) = (t.of("day", "日期"), t.of("node", "节点"));
    let mut notes = vec![format!("{day} {} · {node} {}", report.day, report.node)];
    for w in &report.windows {
        notes.push(format!(
            "{} → {}: {} ({} {}); {}",
            w.sender,
            w.receiver,
            verdict(w.verdict, t),
            t.of("revision", "第几次出具"),
            w.revision,
            next(w, t)
        ));
        for s in &w.supplements {
            let more: Vec<String> = s.more.iter().map(|(k, n)| format!("{k} +{n}")).collect();
            let (word, more) = (t.of("supplement", "补充对账"), more.join(", "));
            notes.push(format!("  {word} {}: {} {more}", s.number, s.at));
        }
    }
    for s in &report.sources {
        let (rows, seen) = (t.of("rows at the source", "来源行数"), t.of("read", "已抽取"));
        notes.push(format!(
            "{} {}: {rows} {}, {seen} {}, {} {}",
            s.adapter,
            s.table,
            s.rows,
            s.seen,
            t.of("not extracted", "未抽取"),
            s.unextracted()
        ));
    }
    notes
}

/// A row a record type of a window.
fn type_rows(w: &WindowReport, t: Tongue) -> Vec<Vec<Cell>> {
    let mut rows = Vec::with_capacity(w.lines.len());
    for l in &w.lines {
        let c = &l.counts;
        let mut row = vec![text(w.sender.as_str()), text(w.receiver.as_str()), text(&*l.kind)];
        let of = [
            c.collected(),
            c.accepted,
            c.superseded,
            c.quarantined,
            c.waiting,
            c.staged,
            c.in_flight,
            c.awaiting_review,
            c.rejected,
            c.voided,
            c.dead,
            l.baseline,
        ];
        row.extend(of.map(Cell::Number));
        row.push(l.answered.map_or_else(|| text("—"), Cell::Number));
        row.push(text(match (l.answered, l.same) {
            (None, _) => "—",
            (_, true) => t.of("equal", "相等"),
            (_, false) => t.of("different", "不等"),
        }));
        rows.push(row);
    }
    rows
}

fn records(report: &DayReport, t: Tongue) -> Sheet {
    let head = t.head(&[
        ("sender", "发送节点"),
        ("receiver", "接收节点"),
        ("record", "记录"),
        ("cause", "原因"),
        ("code", "代码"),
        ("envelope", "报文"),
        ("next", "后续"),
    ]);
    let mut rows = Vec::new();
    let mut more = report.more;
    for w in &report.windows {
        let mut row = |record: &str, word: &str, code: &str, envelope: String| {
            let cause = causes::of(word);
            rows.push(vec![
                text(w.sender.as_str()),
                text(w.receiver.as_str()),
                text(record),
                text(cause.map_or(word, |c| t.of(c.en, c.zh))),
                text(code),
                text(envelope),
                text(cause.map_or("", |c| t.of(c.next_en, c.next_zh))),
            ]);
        };
        for o in &w.outstanding {
            let envelope = o.envelope.as_ref().map(ToString::to_string).unwrap_or_default();
            row(&o.record, &o.place.to_string(), &o.reason, envelope);
        }
        for d in w.named.iter().flat_map(|n| &n.rows) {
            // What is not home yet stands among the outstanding.
            let again = w.outstanding.iter().any(|o| o.record == d.record);
            if !again {
                row(&d.record, &d.cause, &d.detail, String::new());
            }
        }
        more |= w.named.as_ref().is_some_and(|n| n.more);
    }
    let foot = if more {
        vec![t.of("There are more than are named here.", "未列尽，仍有更多。").to_owned()]
    } else {
        Vec::new()
    };
    Sheet { name: t.of("Records", "明细").into(), notes: Vec::new(), head, rows, foot }
}

fn reasons(report: &DayReport, t: Tongue) -> Sheet {
    let mut counted: BTreeMap<(&str, &str, &str), u64> = BTreeMap::new();
    for w in &report.windows {
        let pair = (w.sender.as_str(), w.receiver.as_str());
        for l in &w.lines {
            for (place, n) in l.counts.places() {
                if let Some(cause) = causes::of(&snake(place)).filter(|_| n > 0) {
                    *counted.entry((pair.0, pair.1, cause.word)).or_default() += n;
                }
            }
        }
        for d in w.named.iter().flat_map(|n| &n.rows) {
            if let Some(cause) = causes::of(&d.cause).filter(|c| store_place(c.word).is_none()) {
                *counted.entry((pair.0, pair.1, cause.word)).or_default() += 1;
            }
        }
    }
    let left: u64 = report.sources.iter().map(crate::counted::Counted::unextracted).sum();
    if left > 0 {
        *counted.entry((report.node.as_str(), "", "not_extracted")).or_default() += left;
    }
    let order = |word: &str| CAUSES.iter().position(|c| c.word == word);
    let mut counted: Vec<_> = counted.into_iter().collect();
    counted.sort_by_key(|((sender, receiver, word), _)| (*sender, *receiver, order(word)));
    let row = |((sender, receiver, word), n): ((&str, &str, &str), u64)| {
        let cause = causes::of(word)?;
        let (name, then) = (t.of(cause.en, cause.zh), t.of(cause.next_en, cause.next_zh));
        Some(vec![text(sender), text(receiver), text(name), Cell::Number(n), text(then)])
    };
    let head = t.head(&[
        ("sender", "发送节点"),
        ("receiver", "接收节点"),
        ("cause", "原因"),
        ("records", "笔数"),
        ("next", "后续"),
    ]);
    let rows = counted.into_iter().filter_map(row).collect();
    let name = t.of("Causes", "原因").into();
    Sheet { name, notes: Vec::new(), head, rows, foot: Vec::new() }
}

/// The place a cause is called after, if it is one.
fn store_place(word: &str) -> Option<store::Place> {
    store::Place::ALL.into_iter().find(|p| p.to_string() == word)
}

/// `InFlight` as `in_flight`.
fn snake(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 2);
    for (i, c) in name.chars().enumerate() {
        if c.is_ascii_uppercase() && i > 0 {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// Sheets as one Markdown text.
pub fn markdown(title: &str, sheets: &[Sheet]) -> String {
    let mut out = format!("# {title}\n");
    for sheet in sheets {
        out.push_str(&format!("\n## {}\n\n", sheet.name));
        for note in &sheet.notes {
            out.push_str(&format!("- {}\n", cell(note.trim_start())));
        }
        if !sheet.notes.is_empty() {
            out.push('\n');
        }
        if sheet.rows.is_empty() {
            out.push_str("—\n");
        } else {
            let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
            out.push_str(&line(sheet.head.iter().map(|h| cell(h)).collect()));
            out.push_str(&line(sheet.head.iter().map(|_| "---".to_owned()).collect()));
            for row in &sheet.rows {
                out.push_str(&line(row.iter().map(|c| cell(&c.plain())).collect()));
            }
        }
        for foot in &sheet.foot {
            out.push_str(&format!("\n{}\n", cell(foot)));
        }
    }
    out
}

/// A text inside a Markdown table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace(['\r', '\n'], " ").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_cell_is_taken_for_a_formula_or_for_markup() {
        for text in ["=1+1", "+cmd", "-2", "@x", "\tx"] {
            assert!(Cell::Text(text.into()).plain().starts_with('\''), "{text}");
        }
        assert_eq!(Cell::Number(5).plain(), "5");
        let sheet = Sheet {
            name: "总账".into(),
            notes: Vec::new(),
            head: vec!["a".into()],
            rows: vec![vec![Cell::Text("x|y<b>\nz".into())]],
            foot: Vec::new(),
        };
        let text = markdown("日", &[sheet]);
        assert!(text.contains("| x\\|y&lt;b> z |"), "{text}");
    }

    #[test]
    fn places_are_causes_under_their_own_names() {
        let counts = envelope::control::Counts::default();
        let known = counts.places().iter().filter(|(p, _)| causes::of(&snake(p)).is_some()).count();
        assert_eq!(known, 8, "all but accepted and superseded");
    }
}
