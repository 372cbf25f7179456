//! `tiergate status`: one row a link and adapter, with counts, the oldest age and a plain sentence.

use canon::Millis;
use serde_json::{Value, json};
use store::{AdapterProgress, DestinationStatus, LinkStatus, NodeStatus, Place};

use crate::commands::outlet;
use crate::commands::running;
use crate::commands::sink;
use crate::commands::waiting::{self, Said};
use crate::commands::withdraw;
use crate::drops;
use crate::expiry;
use crate::gates::{GateView, Lies};
use crate::os;
use crate::stores::{Access, NodesArg, Tier, tiers};
use crate::syslog;
use crate::text::{Done, Exit, Failure, Lang, Out, Table, age};

/// Shows every node's numbers.
pub(crate) fn run(args: &NodesArg, out: &Out) -> Done {
    os::block_on(async {
        let mut answers = Vec::new();
        for tier in tiers(args, Access::Read).await? {
            let status = tier.store.status().await.map_err(|e| tier.failed(&e))?;
            let more = more(&tier, &status, os::now()).await?;
            answers.push((tier, status, more));
        }
        show(&answers, os::now(), out)
    })?
}

/// Everything that is so besides links and adapters.
async fn more(tier: &Tier, status: &NodeStatus, now: Millis) -> Result<Vec<Said>, Failure> {
    let mut more = running::of(tier, now).await?;
    more.extend(waiting::of(tier, now).await?);
    more.extend(outlet::of(tier, now).await?);
    more.extend(drops::of(&tier.drops, now));
    more.extend(sink::of(tier, now).await?);
    more.extend(syslog::of(tier, now).await?);
    more.extend(withdraw::of(tier, status));
    more.extend(expiry::of(&tier.papers, now));
    Ok(more)
}

/// What the command says of a node, sentence by sentence: for its pages.
pub(crate) async fn said(tier: &Tier, now: Millis) -> Result<Vec<Said>, Failure> {
    let status = tier.store.status().await.map_err(|e| tier.failed(&e))?;
    let of_row = |row: Row| Said {
        kind: row.kind.0,
        about: row.name,
        until: None,
        en: row.en,
        zh: row.zh,
        needs_a_person: row.needs_a_person,
    };
    let mut said: Vec<Said> = rows(&tier.gates, &status, now).into_iter().map(of_row).collect();
    said.extend(more(tier, &status, now).await?);
    Ok(said)
}

fn show(answers: &[(Tier, NodeStatus, Vec<Said>)], now: Millis, out: &Out) -> Done {
    let mut worst = false;
    let mut nodes: Vec<Value> = Vec::new();
    for (tier, status, more) in answers {
        let rows = rows(&tier.gates, status, now);
        worst |= rows.iter().any(|r| r.needs_a_person) || more.iter().any(|s| s.needs_a_person);
        nodes.push(json!({
            "node": tier.code.as_str(), "title": tier.title, "status": status,
            "rows": rows.iter().map(Row::json).collect::<Vec<_>>(), "more": more,
        }));
        if !out.json {
            node(tier, status, &rows, out)?;
            for said in more {
                out.say(format_args!("  {}", said.en), format_args!("  {}", said.zh))?;
            }
            out.text("")?;
        }
    }
    out.value(&json!({ "ok": !worst, "at": now.to_string(), "nodes": nodes }))?;
    Ok(if worst { Exit::Problems } else { Exit::Fine })
}

fn node(tier: &Tier, status: &NodeStatus, rows: &[Row], out: &Out) -> Result<(), Failure> {
    let place = |p: Place| status.places.get(p as usize).copied().unwrap_or(0);
    let (waiting, staged) = (place(Place::Waiting), place(Place::Staged));
    let (kept, inbox) = (status.kept, status.inbox);
    let (title, code) = (&tier.title, &tier.code);
    out.say(
        format_args!("{title} {code}: {staged} staged, {waiting} waiting for a parent, {inbox} parcels in the inbox, {kept} records kept"),
        format_args!("{title} {code}：待封装 {staged}，等上级环节 {waiting}，收件箱 {inbox} 个报文，留存 {kept} 条"),
    )?;
    // A place of its own, where there is a link without a way back.
    let no_way = rows.iter().any(|r| r.no_way_back.is_some());
    let cells = |columns: [String; 8]| -> Vec<String> {
        let kept = columns.into_iter().enumerate().filter(|(n, _)| no_way || *n != 3);
        kept.map(|(_, cell)| cell).collect()
    };
    let header = out.of(
        ["", "waiting", "in flight", "no way back", "accepted", "problems", "oldest", ""],
        ["", "积压", "在途", "已送出(无回路)", "已接收", "问题", "最久", ""],
    );
    let mut table = Table::new(cells(header.map(str::to_owned)));
    for row in rows {
        let oldest = row.oldest.map_or_else(String::new, |ms| age(ms, out.lang));
        table.row(cells([
            format!("  {} {}", out.of(row.kind.0, row.kind.1), row.name),
            row.waiting.to_string(),
            row.in_flight.to_string(),
            row.no_way_back.map_or_else(String::new, |n| n.to_string()),
            row.accepted.map_or_else(String::new, |n| n.to_string()),
            row.problems.to_string(),
            oldest,
            row.says(out.lang).to_owned(),
        ]));
    }
    if !table.is_empty() {
        for line in table.lines() {
            out.text(line)?;
        }
    }
    Ok(())
}

/// A link or an adapter.
struct Row {
    kind: (&'static str, &'static str),
    name: String,
    waiting: u64,
    in_flight: u64,
    /// Sent where nothing comes back by itself (已送出（无回路）); none where something does.
    no_way_back: Option<u64>,
    lies: Option<Lies>,
    /// What the other end accepted; an adapter has no other end.
    accepted: Option<u64>,
    problems: u64,
    oldest: Option<i64>,
    en: String,
    zh: String,
    needs_a_person: bool,
}

impl Row {
    fn says(&self, lang: Lang) -> &str {
        lang.of(&self.en, &self.zh)
    }

    fn json(&self) -> Value {
        json!({
            "kind": self.kind.0, "name": self.name, "waiting": self.waiting,
            "in_flight": self.in_flight, "no_way_back": self.no_way_back, "gate": self.lies,
            "accepted": self.accepted, "problems": self.problems,
            "oldest_ms": self.oldest, "en": self.en, "zh": self.zh,
            "needs_a_person": self.needs_a_person,
        })
    }
}

fn rows(gates: &[GateView], status: &NodeStatus, now: Millis) -> Vec<Row> {
    let link = |l: &LinkStatus| {
        let row = link(l, now);
        match gates.iter().find(|g| g.link == l.link) {
            Some(gate) => gated(row, gate.back.is_no_way(), gate.lies(), l),
            None => row,
        }
    };
    let adapters = status.adapters.iter().map(|a| adapter(a, now));
    // With one destination its numbers are the node's.
    let several = status.destinations.len() > 1;
    let destinations = status.destinations.iter().filter(|_| several).map(destination);
    status.links.iter().map(link).chain(destinations).chain(adapters).collect()
}

/// Own records on their way to one of several destinations.
fn destination(status: &DestinationStatus) -> Row {
    let of = |places: &[Place]| places.iter().map(|p| status.places[*p as usize]).sum::<u64>();
    let (parent, staged) = (of(&[Place::Waiting]), of(&[Place::Staged]));
    let (held, voided) = (of(&[Place::Quarantined]), of(&[Place::Voided]));
    Row {
        kind: ("destination", "目的节点"),
        name: status.destination.to_string(),
        waiting: parent + staged,
        in_flight: of(&[Place::InFlight, Place::AwaitingReview]),
        no_way_back: None,
        lies: None,
        accepted: Some(of(&[Place::Accepted])),
        problems: held + of(&[Place::Rejected, Place::Dead]),
        oldest: None,
        en: format!(
            "{staged} staged, {parent} waiting for a parent, {held} quarantined here, {voided} withdrawn"
        ),
        zh: format!("待封装 {staged}，等上级环节 {parent}，本级隔离 {held}，停报 {voided}"),
        needs_a_person: false,
    }
}

/// A link over files: what lies at the gate, and what was sent where nothing comes back.
fn gated(row: Row, no_way: bool, lies: Option<Lies>, link: &LinkStatus) -> Row {
    let mut row = Row { lies, ..row };
    let quiet = link.paused.is_none() && link.dead + link.unknown == 0;
    if no_way {
        row.no_way_back = Some(link.in_flight);
        row.in_flight = link.unknown;
        if quiet && link.reason.is_none() && link.due == 0 && link.in_flight > 0 {
            let n = link.in_flight;
            row.en = format!(
                "{n} records sent, no way back; signed receipts carried by hand settle them (`tiergate spool import`)"
            );
            row.zh = format!("已送出（无回路）{n} 条，待人工带回签名回执（tiergate spool import）");
        }
    }
    if let Some(Lies { bad: bad @ 1.., .. }) = lies {
        row.needs_a_person = true;
        row.en.push_str(&format!("; {bad} files in bad/ wait for a person"));
        row.zh.push_str(&format!("；bad/ 中有 {bad} 个文件待人工查看"));
    }
    row
}

fn link(link: &LinkStatus, now: Millis) -> Row {
    let oldest = link.oldest.map(|at| now.since(at));
    let (en, zh) = link_says(link, oldest);
    Row {
        kind: ("link", "链路"),
        name: link.link.clone(),
        waiting: link.due,
        in_flight: link.in_flight + link.unknown,
        no_way_back: None,
        lies: None,
        accepted: Some(link.accepted),
        problems: link.rejected + link.dead,
        oldest,
        en,
        zh,
        needs_a_person: link.paused.is_some() || link.dead > 0,
    }
}

/// What a person should know of a link: the worst first.
fn link_says(link: &LinkStatus, oldest: Option<i64>) -> (String, String) {
    let (due, unknown, dead) = (link.due, link.unknown, link.dead);
    if let Some(code) = &link.paused {
        let (en, zh) = reason(code);
        return (format!("paused: {en}"), format!("已暂停：{zh}"));
    }
    if dead > 0 {
        return (
            format!("{dead} records were given up; find out why and reopen them"),
            format!("{dead} 条已放弃，请查明原因后重新打开"),
        );
    }
    if unknown > 0 {
        return (
            format!("the receipt of {unknown} records is overdue; the peer is being asked"),
            format!("{unknown} 条回执超期，正在向对方查询"),
        );
    }
    let (old_en, old_zh) = (age(oldest.unwrap_or(0), Lang::En), age(oldest.unwrap_or(0), Lang::Zh));
    if let Some(code) = &link.reason {
        let (en, zh) = reason(code);
        return (
            format!(
                "not reached: {en}; {due} records wait, the oldest {old_en}; tried again by itself"
            ),
            format!("不可达：{zh}；积压 {due} 条，最久 {old_zh}；会自动重试"),
        );
    }
    if due > 0 {
        return (
            format!("{due} records wait, the oldest {old_en}"),
            format!("积压 {due} 条，最久 {old_zh}"),
        );
    }
    if link.in_flight > 0 {
        let n = link.in_flight;
        return (format!("{n} records wait for their receipt"), format!("{n} 条等待回执"));
    }
    ("everything handed over is answered".into(), "已报送的均有回执".into())
}

fn adapter(adapter: &AdapterProgress, now: Millis) -> Row {
    let (wrong, back) = (adapter.quarantined, adapter.write_backs);
    let (en, zh) = if let Some(code) = &adapter.paused {
        let (en, zh) = reason(code);
        (format!("paused: {en}"), format!("已暂停：{zh}"))
    } else {
        match adapter.last_at {
            None => ("nothing read yet".into(), "尚未读取".into()),
            Some(at) => {
                let (en, zh) = (age(now.since(at), Lang::En), age(now.since(at), Lang::Zh));
                let (rows, made) = (adapter.rows_read, adapter.records);
                let mut said = (
                    format!("{rows} rows read, {made} records made, last new rows {en} ago"),
                    format!("已读 {rows} 行，生成 {made} 条记录，最近新数据在 {zh}前"),
                );
                if back > 0 {
                    said.0.push_str(&format!("; {back} outcomes wait to be written back"));
                    said.1.push_str(&format!("；{back} 条结果待回写"));
                }
                if wrong > 0 {
                    said.0.push_str("; see `tiergate quarantine list`");
                    said.1.push_str("；问题数据见 tiergate quarantine list");
                }
                said
            }
        }
    };
    Row {
        kind: ("adapter", "适配器"),
        name: adapter.adapter.clone(),
        waiting: 0,
        in_flight: 0,
        no_way_back: None,
        lies: None,
        accepted: None,
        problems: wrong,
        oldest: None,
        en,
        zh,
        needs_a_person: adapter.paused.is_some(),
    }
}

/// A stable code's text with the code, or a free text as it is.
fn reason(code: &str) -> (String, String) {
    canon::code(code).map_or_else(
        || (code.to_owned(), code.to_owned()),
        |c| (format!("{} [{code}]", c.en), format!("{} [{code}]", c.zh)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(link: &LinkStatus) -> (String, String) {
        link_says(link, Some(12_000))
    }

    #[test]
    fn a_link_says_the_worst_in_a_plain_sentence() {
        let mut link = LinkStatus { link: "up".into(), ..LinkStatus::default() };
        assert_eq!(says(&link).1, "已报送的均有回执");
        link.in_flight = 3;
        assert_eq!(says(&link).0, "3 records wait for their receipt");
        link.due = 3104;
        assert_eq!(says(&link).1, "积压 3104 条，最久 12 秒");
        link.reason = Some("the peer does not answer".into());
        assert!(says(&link).0.starts_with("not reached: the peer does not answer; 3104 records"));
        link.unknown = 5;
        assert!(says(&link).0.starts_with("the receipt of 5 records is overdue"));
        link.dead = 2;
        assert!(says(&link).0.starts_with("2 records were given up"));
        link.paused = Some("record.conflict".into());
        assert!(says(&link).0.ends_with("[record.conflict]"), "{:?}", says(&link));
        assert!(super::link(&link, Millis(0)).needs_a_person);
    }

    #[test]
    fn what_was_sent_without_a_way_back_has_a_place_of_its_own() {
        let mut status = LinkStatus { link: "up".into(), in_flight: 7, ..LinkStatus::default() };
        let row = |l: &LinkStatus, no_way, lies| gated(link(l, Millis(0)), no_way, lies, l);
        let without = row(&status, true, None);
        assert_eq!((without.in_flight, without.no_way_back), (0, Some(7)));
        assert!(without.zh.starts_with("已送出（无回路）7 条"), "{}", without.zh);
        assert!(!without.needs_a_person, "waiting is what is to be done");
        assert_eq!(without.json()["no_way_back"], 7);
        let with = row(&status, false, Some(Lies { out: 1, incoming: 2, bad: 3 }));
        assert_eq!((with.in_flight, with.no_way_back), (7, None));
        assert!(with.needs_a_person && with.en.ends_with("3 files in bad/ wait for a person"));
        assert_eq!(with.json()["gate"]["in"], 2);
        status.paused = Some("record.conflict".into());
        assert!(row(&status, true, None).en.starts_with("paused"), "the worst first");
    }

    #[test]
    fn an_adapter_says_when_it_last_read() {
        let mut progress = AdapterProgress { adapter: "a".into(), ..AdapterProgress::default() };
        assert_eq!(adapter(&progress, Millis(0)).zh, "尚未读取");
        progress.last_at = Some(Millis(1_000));
        (progress.quarantined, progress.rows_read, progress.records) = (2, 9, 12);
        let row = adapter(&progress, Millis(61_000));
        let said = "9 rows read, 12 records made, last new rows 1 min ago; see";
        assert!(row.en.starts_with(said), "{}", row.en);
        assert_eq!(row.accepted, None, "what became of them stands in the rows of links");
        assert!(!row.needs_a_person);
    }
}
