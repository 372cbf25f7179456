//! The day closes: both sides' books, type by type and tier by tier, agree or differ for a cause.

use std::collections::BTreeMap;

use canon::{Day, Millis};
use exchange::reconcile::{self, heal, named};
use store::{ManifestRow, Place};

use super::{Story, mended};
use crate::assemble::{store_failure, work_failure};
use crate::demo::books::{self, Line};
use crate::demo::show::{Grid, count, plural};
use crate::demo::tiers::Tier;
use crate::text::Failure;

/// After the day's end and its grace.
const AFTER: i64 = 5_000;

/// Plays the scene.
pub(super) async fn play(story: &mut Story<'_>) -> Result<(), Failure> {
    story.show.scene(
        7,
        "The day closes: both sides' books, type by type, tier by tier",
        "日终对账：逐类逐级核对双方账目",
    )?;
    let day = close(story).await?;
    story.show.say(
        format!("the demo's clock is moved past the end of {day}; signed manifests go both ways"),
        format!("演示时钟拨过 {day} 日终，双方交换签名对账单"),
    )?;
    for sender in Tier::SENDERS {
        let (node, to) = (story.world.node(sender), story.world.node(Tier::Province));
        let issued = books::issued(node, &to.code, day).await?;
        agreed(story, sender, day, issued).await?;
        mended_by_itself(story, sender, day).await?;
        story.show.pause(3_000).await;
    }
    copy(story, day).await?;
    story.show.pause(2_000).await;
    Ok(())
}

/// Moves the clock past the end of the last day with records; gives that day.
async fn close(story: &mut Story<'_>) -> Result<Day, Failure> {
    let world = story.world;
    let today = world.now().day();
    let mut last = Millis(story.state.started).day();
    for day in books::days(last, today) {
        for sender in Tier::SENDERS {
            let own = world.store(sender).tallies(day).await.map_err(store_failure)?;
            if !own.is_empty() {
                last = last.max(day);
            }
        }
    }
    let grace = world.node(Tier::Province).limits.close_grace;
    story.state.offset = world.move_clock(last.end().plus(grace + AFTER));
    story.state.save()?;
    Ok(last)
}

/// One sender against the province.
async fn agreed(
    story: &mut Story<'_>,
    sender: Tier,
    day: Day,
    issued: Option<(ManifestRow, ManifestRow)>,
) -> Result<(), Failure> {
    let lang = story.show.lang();
    let title = sender.title(lang);
    let Some((mine, theirs)) = issued else {
        return Ok(story.show.say(
            format!("{title}: no manifest of {day} yet"),
            format!("{title}：尚无 {day} 的对账单"),
        )?);
    };
    let lines =
        books::books(story.world.node(sender), story.world.node(Tier::Province), &[day]).await?;
    story.show.say(
        format!(
            "{title} → province, {day}, manifest {} and its answer {}",
            mine.revision, theirs.revision
        ),
        format!(
            "{title} → 省平台，{day}，对账单第 {} 版，对方第 {} 版",
            mine.revision, theirs.revision
        ),
    )?;
    let table = table(story, &lines);
    story.show.table(&table)?;
    let differing =
        reconcile::differing(&reconcile::read(&mine.body), &reconcile::read(&theirs.body));
    let settled = lines.values().all(Line::is_settled);
    if differing.is_empty() && settled {
        story.show.say(
            format!("{title}: agrees (counts and hash sums of every type)"),
            format!("{title}：对账一致（各类条数与校验和相同）"),
        )?;
    } else {
        let kinds: Vec<String> = differing.iter().map(|(k, _)| story.kind(k)).collect();
        story.show.say(
            format!("{title}: does NOT agree {}", kinds.join(", ")),
            format!("{title}：对账不一致 {}", kinds.join("、")),
        )?;
    }
    causes(story, sender, day, &lines).await
}

/// What the two books did not have alike, record by record, and what became of it.
async fn mended_by_itself(story: &mut Story<'_>, sender: Tier, day: Day) -> Result<(), Failure> {
    let (node, to) = (story.world.node(sender), story.world.node(Tier::Province));
    let healed = heal::known(&node.store, day, (&node.code, &to.code)).await;
    let healed = healed.map_err(work_failure)?.unwrap_or_default().healed;
    if !healed.is_empty() {
        let n = healed.len() as u64;
        story.show.say(
            format!(
                "  {}: lacking at the province despite its receipt; narrowed down, sent again:",
                plural(n, "record")
            ),
            format!("  {} 条：有接收回执而省平台缺失，双方逐级查找后以原报文内容补传：", count(n)),
        )?;
    }
    let mut lines: Vec<(String, String)> = healed.into_iter().map(|r| (r.clone(), r)).collect();
    let named = named::of_day(&node.store, day).await.map_err(work_failure)?;
    for row in named.iter().filter(|n| n.sender == node.code).flat_map(|n| &n.rows) {
        let cause = reconcile::causes::of(&row.cause);
        let (en, zh) = cause.map_or((&*row.cause, &*row.cause), |c| (c.en, c.zh));
        lines.push((format!("{}: {en}", row.record), format!("{}：{zh}", row.record)));
    }
    for (en, zh) in lines {
        story.show.say(format!("    {en}"), format!("    {zh}"))?;
    }
    Ok(())
}

fn table(story: &Story<'_>, lines: &BTreeMap<String, Line>) -> Grid {
    let lang = story.show.lang();
    let mut table = Grid::new(lang.of(
        ["type", "records", "accepted", "replaced", "invalid", "rejected", "open", "province", ""],
        ["类型", "采集", "已接收", "被替代", "不通过", "被退回", "未落定", "省平台计", "结论"],
    ));
    let mut all = Line::default();
    let row = |table: &mut Grid, name: String, line: &Line, good: bool| {
        let open = line.place(Place::Waiting)
            + line.place(Place::Staged)
            + line.place(Place::InFlight)
            + line.place(Place::Dead);
        table.row([
            name,
            count(line.collected()),
            count(line.place(Place::Accepted)),
            count(line.place(Place::Superseded)),
            count(line.place(Place::Quarantined)),
            count(line.place(Place::Rejected)),
            count(open),
            count(line.answered),
            lang.of(if good { "agrees" } else { "DIFFERS" }, if good { "一致" } else { "不一致" })
                .to_owned(),
        ]);
    };
    let mut all_good = true;
    for (kind, line) in lines {
        let good = line.agrees() && line.is_settled();
        all_good &= good;
        all.merge(line);
        row(&mut table, story.kind(kind), line, good);
    }
    row(&mut table, lang.of("all", "合计").to_owned(), &all, all_good);
    table
}

/// What is not accepted, by cause, as the manifest says it.
async fn causes(
    story: &mut Story<'_>,
    sender: Tier,
    day: Day,
    lines: &BTreeMap<String, Line>,
) -> Result<(), Failure> {
    let code = story.world.node(sender).code.to_string();
    let found = story.world.store(sender).discrepancies(day).await.map_err(store_failure)?;
    let mut by_cause: BTreeMap<String, u64> = BTreeMap::new();
    // Both manifests of a day list them; the larger says it.
    let mut one: BTreeMap<(String, String), u64> = BTreeMap::new();
    for d in found.into_iter().filter(|d| d.sender == code) {
        let n = one.entry((d.cause, d.kind)).or_default();
        *n = d.count.max(*n);
    }
    for ((cause, _), n) in one {
        *by_cause.entry(cause).or_default() += n;
    }
    let superseded: u64 = lines.values().map(|l| l.place(Place::Superseded)).sum();
    if superseded > 0 {
        story.show.say(
            format!(
                "  {}: replaced: a newer version was accepted before it",
                plural(superseded, "record")
            ),
            format!("  {} 条：被替代，较新版本已先被接收", count(superseded)),
        )?;
    }
    for (cause, n) in by_cause {
        let (en, zh) = words(&cause);
        story
            .show
            .say(format!("  {}: {en}", plural(n, "record")), format!("  {} 条：{zh}", count(n)))?;
    }
    Ok(())
}

/// A cause for people.
fn words(cause: &str) -> (String, String) {
    match cause {
        "quarantined" => (
            "not valid at the source, returned to the owner (corrected versions count anew)".into(),
            "校验不通过，已退回来源单位（更正后的版本另计）".into(),
        ),
        "rejected" => (
            "rejected by the province with a code, returned to the owner".into(),
            "省平台退回，原因已随回执送达来源单位".into(),
        ),
        "sums_differ" => ("the two sides' sums differ".into(), "双方校验和不同".into()),
        other => {
            let place = Place::ALL.into_iter().find(|p| p.to_string() == other);
            match place {
                Some(place) => (
                    mended::word(Some(place), crate::text::Lang::En).into(),
                    mended::word(Some(place), crate::text::Lang::Zh).into(),
                ),
                None => (other.into(), other.into()),
            }
        }
    }
}

/// The city's own copy of the county's records against the province's.
async fn copy(story: &mut Story<'_>, day: Day) -> Result<(), Failure> {
    let mut copied = Line::default();
    for line in books::books(story.world.node(Tier::County), story.world.node(Tier::City), &[day])
        .await?
        .values()
    {
        copied.merge(line);
    }
    let same = copied.agrees();
    let kept = copied.answered;
    Ok(story.show.say(
        format!(
            "city: relays the township's; of the county's it keeps a copy of {}: {}",
            plural(kept, "record"),
            if same { "agrees" } else { "does NOT agree" }
        ),
        format!(
            "市：乡镇数据原样转发；县数据留存副本 {} 条，{}",
            count(kept),
            if same { "对账一致" } else { "对账不一致" }
        ),
    )?)
}
