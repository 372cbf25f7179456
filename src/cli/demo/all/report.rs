//! The end: the day closes, and what came of every package is held against its samples.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use canon::format::supervision_1;
use canon::{Day, Millis};
use edge::db::DbError;
use exchange::Node;
use serde_json::{Value, json};
use store::{AuditEvent, NodeStatus, Place, ProblemAction, ProblemFilter, ProblemItem};

use super::Play;
use super::contents::{self, Content};
use super::department::Department;
use super::tables::{open, unwritten};
use crate::assemble::store_failure;
use crate::demo::books;
use crate::demo::checks::{self, Wrong};
use crate::demo::evidence::Evidence;
use crate::demo::show::{Grid, count, plural, shell};
use crate::demo::world::{LOOK, place};
use crate::text::{Done, Exit, Failure};

/// After the day's end and its grace.
const AFTER: i64 = 5_000;
/// How long owners have to correct what went back to them.
const DEADLINE: i64 = 3 * 86_400_000;
/// Longest wait for the province's tables, and for outcomes on their way to the systems.
const PATIENCE: Duration = Duration::from_secs(15);
/// Problem data that are looked at.
const PAGE: u32 = 10_000;
/// Problem data of a package that are shown.
const SHOWN: usize = 2;

/// What came of a package.
struct Came {
    name: String,
    word: String,
    rows: u64,
    records: u64,
    accepted: u64,
    /// Problem data that were found above, not here.
    rejected: u64,
    problems: Vec<ProblemItem>,
    waiting: u64,
    kept: u64,
    receipts: u64,
    envelopes: u64,
    agrees: bool,
    wrong: Vec<Wrong>,
}

/// Tells the end and judges it.
pub(super) async fn tell(play: &mut Play<'_>) -> Done {
    hand_back(play).await?;
    let days = close(play).await?;
    let numbers = play.world.numbers().await?;
    let all: u64 = numbers.last().map_or(0, |n| n.kept);
    let kept = kept(play, all).await?;
    let mut came = Vec::new();
    for (i, ((department, live), n)) in play.playing.iter().zip(&numbers).enumerate() {
        let Some(node) = play.world.nodes().get(i) else { continue };
        let there = kept.get(node.code.as_str()).map_or(&[][..], Vec::as_slice);
        let mut one = of(play, node, department, n, &days).await?;
        one.word = live.word();
        one.kept = there.len() as u64;
        held_against(department, live.reads_once(), &mut one);
        one.wrong.extend(contents::differences(&department.expected.contents, there));
        let missed = play.missed.iter().filter(|(name, _)| *name == department.name);
        one.wrong.extend(missed.map(|(_, round)| {
            (format!("round {round}: not everything came"), format!("第 {round} 轮：未全部到齐"))
        }));
        came.push(one);
    }
    show(play, &came)?;
    verdict(play, &came)
}

/// What an operator does with problem data: it goes back to its owners, with a deadline; then every
/// row's outcome can be told.
async fn hand_back(play: &Play<'_>) -> Result<(), Failure> {
    let own = || play.world.nodes().iter().take(play.playing.len());
    for node in own() {
        let held = Some("held".to_owned());
        let filter = ProblemFilter { state: held, limit: PAGE, ..ProblemFilter::default() };
        let found = node.store.problems(filter).await.map_err(store_failure)?;
        let numbers: Vec<i64> = found.iter().map(|p| p.number).collect();
        if numbers.is_empty() {
            continue;
        }
        let now = play.world.now();
        let audit = AuditEvent {
            at: now,
            who: "demo".into(),
            action: "quarantine.return".into(),
            subject: format!("{} of the samples", numbers.len()),
            reason: "demo".into(),
            ok: true,
        };
        let action = ProblemAction::Return { deadline: now.plus(DEADLINE) };
        node.store.act_on_problems(&numbers, action, audit).await.map_err(store_failure)?;
    }
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        let numbers = play.world.numbers().await?;
        let own = numbers.iter().take(play.playing.len());
        if own.flat_map(|n| &n.adapters).all(|a| a.write_backs == 0) {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

/// Moves the clock past the end of the last day with records; gives the days that were lived through.
async fn close(play: &mut Play<'_>) -> Result<Vec<Day>, Failure> {
    let world = play.world;
    let started = Millis::parse(adapt::sample::COLLECTED).expect("the constant is a time");
    let mut last = started.day();
    for day in books::days(last, world.now().day()) {
        for node in world.nodes().iter().take(play.playing.len()) {
            if !node.store.tallies(day).await.map_err(store_failure)?.is_empty() {
                last = last.max(day);
            }
        }
    }
    let grace = world.nodes().last().map_or(0, |n| n.limits.close_grace);
    play.state.offset = world.move_clock(last.end().plus(grace + AFTER));
    play.state.save()?;
    Ok(books::days(started.day(), last))
}

/// The province's tables by sender, once all that it keeps is there.
async fn kept(play: &Play<'_>, all: u64) -> Result<BTreeMap<String, Vec<Content>>, Failure> {
    let at = play.places.kept(&play.world.folder);
    let failed = |e: DbError| unwritten(&at, &e);
    let (format, began) = (supervision_1(), Instant::now());
    let mut connection = open(&at).await.map_err(failed)?;
    loop {
        let found = contents::kept(&mut connection, &format).await.map_err(failed)?;
        let rows: usize = found.values().map(Vec::len).sum();
        if rows as u64 >= all || began.elapsed() > PATIENCE {
            return Ok(found);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// What a department's node says of it.
async fn of(
    play: &Play<'_>,
    node: &Arc<Node>,
    department: &Department,
    n: &NodeStatus,
    days: &[Day],
) -> Result<Came, Failure> {
    let filter = ProblemFilter { limit: PAGE, ..ProblemFilter::default() };
    let mut wrong = Vec::new();
    let problems = node.store.problems(filter).await.map_err(store_failure)?;
    checks::conserved(node, n, &mut wrong).await?;
    checks::at_rest(n, department.expected.waiting, &node.code, &mut wrong);
    let province = play.world.nodes().last().expect("the configurations have a province");
    checks::same_books(node, province, days, &mut wrong).await?;
    let mut agrees = true;
    for day in days {
        agrees &= match books::issued(node, &province.code, *day).await? {
            Some((mine, theirs)) => {
                let read = |text: &str| exchange::reconcile::read(text);
                exchange::reconcile::differing(&read(&mine.body), &read(&theirs.body)).is_empty()
            }
            None => false,
        };
    }
    let (receipts, envelopes) = receipts(node, play.world.now()).await?;
    let adapter = n.adapters.first();
    Ok(Came {
        name: department.name.clone(),
        word: String::new(),
        rows: adapter.map_or(0, |a| a.rows_read),
        records: adapter.map_or(0, |a| a.records),
        accepted: place(n, Place::Accepted) + place(n, Place::Superseded),
        rejected: place(n, Place::Rejected),
        problems,
        waiting: place(n, Place::Waiting),
        kept: 0,
        receipts,
        envelopes,
        agrees,
        wrong,
    })
}

/// Envelopes whose signature and receipt verify, and envelopes.
async fn receipts(node: &Node, now: Millis) -> Result<(u64, u64), Failure> {
    let (mut good, mut all) = (0, 0);
    for (route, _) in &node.owes {
        let next = node.store.counters(route).await.map_err(store_failure)?.next_sequence;
        let sent = node.store.outbound_range(route, 1, next, PAGE).await.map_err(store_failure)?;
        for envelope in sent.iter().filter(|e| &*e.kind == "records") {
            all += 1;
            let evidence = Evidence::read(node, &envelope.id).await?;
            good += u64::from(evidence.is_some_and(|e| e.holds(&node.trust, now)));
        }
    }
    Ok((good, all))
}

/// Notes every difference from what the samples say.
fn held_against(department: &Department, once: bool, came: &mut Came) {
    let expected = &department.expected;
    let mut differ = |what: (&str, &str), got: u64, want: u64| {
        if got != want {
            came.wrong.push((
                format!("{}: {got}, the samples say {want}", what.0),
                format!("{}：{got}，样例应为 {want}", what.1),
            ));
        }
    };
    if once {
        differ(("rows read", "读取行"), came.rows, expected.rows);
    }
    // Rows of two tables that are written between two queries are read the other way round: what is
    // wrong between them is then found by the province. Problem data it is either way.
    differ(("records", "记录"), came.records, expected.records + came.rejected);
    differ(("problem data", "问题数据"), came.problems.len() as u64, expected.problems);
    differ(("waiting for a parent", "待上级环节"), came.waiting, expected.waiting);
    differ(("accepted", "已接收"), came.accepted, expected.records.saturating_sub(came.waiting));
    differ(("rows in the province's tables", "省平台库表行数"), came.kept, came.accepted);
    differ(("receipts that verify", "验证通过的回执"), came.receipts, came.envelopes);
    let mut rules: BTreeMap<String, u64> = BTreeMap::new();
    let violations = came.problems.iter().flat_map(|p| &p.violations);
    for violation in violations.filter(|v| v.severity == canon::Severity::Error) {
        *rules.entry(violation.rule.to_string()).or_default() += 1;
    }
    for rule in rules.keys().chain(expected.rules.keys()).collect::<std::collections::BTreeSet<_>>()
    {
        let of = |all: &BTreeMap<String, u64>| all.get(rule).copied().unwrap_or(0);
        differ((rule, rule), of(&rules), of(&expected.rules));
    }
    if !came.agrees {
        came.wrong.push(("the day does not agree".into(), "当日对账不一致".into()));
    }
}

fn show(play: &mut Play<'_>, came: &[Came]) -> Result<(), Failure> {
    let lang = play.show.lang();
    let (problems, waiting): (usize, u64) =
        came.iter().fold((0, 0), |(p, w), c| (p + c.problems.len(), w + c.waiting));
    play.show.say(
        format!("problem data: {problems}, back with their owners; {waiting} records wait for a parent among them"),
        format!("问题数据 {problems} 条，已退回来源单位；另有 {waiting} 条等待其中的上级环节"),
    )?;
    for one in came {
        let mut texts: Vec<String> = Vec::new();
        for problem in &one.problems {
            let Some(first) = problem.violations.first() else { continue };
            let text = format!("[{}] {}", first.rule, lang.of(&first.en, &first.zh));
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        let name = &one.name;
        for text in texts.iter().take(SHOWN) {
            play.show.say(format!("  {name} {text}"), format!("  {name} {text}"))?;
        }
    }
    let mut table = Grid::new(lang.of(
        [
            "package",
            "source",
            "rows",
            "records",
            "accepted",
            "problems",
            "waiting",
            "in tables",
            "receipts",
            "day",
        ],
        [
            "适配包",
            "来源",
            "读取行",
            "记录",
            "已接收",
            "问题数据",
            "待上级",
            "入库行",
            "回执验证",
            "日终",
        ],
    ));
    for c in came {
        table.row([
            c.name.clone(),
            c.word.clone(),
            count(c.rows),
            count(c.records),
            count(c.accepted),
            count(c.problems.len() as u64),
            count(c.waiting),
            count(c.kept),
            format!("{}/{}", c.receipts, c.envelopes),
            lang.of(
                if c.agrees { "agrees" } else { "DIFFERS" },
                if c.agrees { "一致" } else { "不一致" },
            )
            .to_owned(),
        ]);
    }
    Ok(play.show.table(&table)?)
}

fn verdict(play: &mut Play<'_>, came: &[Came]) -> Done {
    let mut wrong: Vec<Wrong> = Vec::new();
    for one in came {
        let name = &one.name;
        let named = |(en, zh): &Wrong| (format!("{name}: {en}"), format!("{name}：{zh}"));
        wrong.extend(one.wrong.iter().map(named));
    }
    for (department, (en, zh)) in &play.unplayed {
        let name = &department.name;
        wrong.push((format!("{name}: not played: {en}"), format!("{name}：未演示：{zh}")));
    }
    for line in play.world.failed() {
        wrong.push((format!("a turn failed: {line}"), format!("有一轮失败：{line}")));
    }
    let folder = shell(&play.world.folder.0);
    play.show.tell(
        format!("look closer: tiergate quarantine list --data {folder} · tiergate status --data {folder}"),
        format!("细看：tiergate quarantine list --data {folder} · tiergate status --data {folder}"),
    )?;
    for (en, zh) in &wrong {
        play.show.say(format!("DIFFERENCE {en}"), format!("差异 {zh}"))?;
    }
    let fine = wrong.is_empty();
    let n = came.len() as u64;
    if fine {
        play.show.line(play.show.out.of(
            format!(
                "{}: what the province has is what their samples say, nothing else.",
                plural(n, "package")
            ),
            format!("{n} 个适配包：省平台所得与样例完全一致，无多无少。"),
        ))?;
    }
    let packages: Vec<Value> = came.iter().map(value).collect();
    let wrong: Vec<&str> = wrong.iter().map(|(en, _)| en.as_str()).collect();
    play.show.out.value(&json!({ "ok": fine, "packages": packages, "differences": wrong }))?;
    play.state.finished = fine;
    play.state.save()?;
    Ok(if fine { Exit::Fine } else { Exit::Problems })
}

fn value(c: &Came) -> Value {
    json!({
        "package": c.name, "source": c.word, "rows": c.rows, "records": c.records,
        "accepted": c.accepted, "problems": c.problems.len(), "waiting": c.waiting,
        "in_tables": c.kept, "receipts": c.receipts, "envelopes": c.envelopes,
        "day_agrees": c.agrees,
    })
}
