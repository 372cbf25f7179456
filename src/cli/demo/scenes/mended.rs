//! What was returned comes back corrected; what was changed or withdrawn goes up as a new version.

use std::collections::BTreeMap;

use store::{Place, ProblemFilter};

use super::Story;
use crate::assemble::store_failure;
use crate::demo::show::{Grid, count};
use crate::demo::tiers::Tier;
use crate::text::{Failure, Lang};

/// The step of the legacy systems in which the owners have corrected their rows.
const STEP: u32 = 2;
/// Problems asked for at a time.
const PAGE: u32 = 1_000;

/// Plays the scene.
pub(super) async fn play(story: &mut Story<'_>) -> Result<(), Failure> {
    story.show.scene(
        6,
        "Owners correct their rows; cases change or are withdrawn",
        "来源单位更正；变更与作废",
    )?;
    story.advance(STEP).await?;
    let seen = story.world.seen().await?;
    story.rest(seen).await?;
    let after = tally(story).await?;
    story.show.say(
        format!(
            "corrected at the source and collected again as the next version: {} of {} problems",
            count(after.cured),
            count(after.all)
        ),
        format!(
            "来源更正后按新版本重报：{} / {} 条问题已消除",
            count(after.cured),
            count(after.all)
        ),
    )?;
    left(story, &after.left)?;
    let table = versions(story).await?;
    if !table.is_empty() {
        story.show.table(&table)?;
    }
    story.show.pause(3_500).await;
    Ok(())
}

/// How many problems there are, and how many a newer version has cured.
#[derive(Clone, Debug, Default)]
struct Problems {
    all: u64,
    cured: u64,
    /// The others, by their first rule.
    left: BTreeMap<String, u64>,
}

async fn tally(story: &Story<'_>) -> Result<Problems, Failure> {
    let mut found = Problems::default();
    for tier in Tier::SENDERS {
        let mut after = 0;
        loop {
            let filter = ProblemFilter { after, limit: PAGE, ..ProblemFilter::default() };
            let page = story.world.store(tier).problems(filter).await.map_err(store_failure)?;
            let Some(last) = page.last() else { break };
            after = last.number;
            for problem in page.iter().filter(|p| p.class != "refused") {
                found.all += 1;
                if problem.state == "cured" {
                    found.cured += 1;
                    continue;
                }
                let rule = problem.violations.first().map_or("", |v| &*v.rule);
                *found.left.entry(rule.to_owned()).or_default() += 1;
            }
        }
    }
    Ok(found)
}

/// What no newer version has cured: rows that never were a record, and what its owner still has.
fn left(story: &mut Story<'_>, left: &BTreeMap<String, u64>) -> Result<(), Failure> {
    for (rule, n) in left {
        let (en, zh) = match rule.as_str() {
            "adapter.cut_off" => (
                "the broken end of a file; the whole file came again and was read".to_owned(),
                "文件中断处的残行，整份文件已重送并读取".to_owned(),
            ),
            _ => {
                let code = canon::code(rule);
                let text = |t: Option<&str>| format!("[{rule}] {}", t.unwrap_or_default());
                (text(code.map(|c| c.en)), text(code.map(|c| c.zh)))
            }
        };
        story
            .show
            .say(format!("  {} left: {en}", count(*n)), format!("  其余 {} 条：{zh}", count(*n)))?;
    }
    Ok(())
}

/// Three cases by their versions: line 17, a changed one, a withdrawn one.
async fn versions(story: &Story<'_>) -> Result<Grid, Failure> {
    let lang = story.show.lang();
    let mut table = Grid::new(
        lang.of(["case", "what happened", "record", "versions"], ["办件", "情形", "记录", "版本"]),
    );
    let state = &story.state;
    let dirty = line_seventeen(story).await?;
    let cases = [
        (Tier::Township, dirty, lang.of("line 17, corrected", "第 17 行，已更正")),
        (Tier::County, state.changed_case.clone(), lang.of("changed by the clerk", "窗口变更")),
        (Tier::County, state.voided_case.clone(), lang.of("withdrawn", "作废")),
    ];
    for (tier, number, what) in cases {
        if number.is_empty() {
            continue;
        }
        let standing = story.standing(tier, &number).await?;
        // The application, or whatever has most versions.
        let most = standing.iter().max_by_key(|s| (s.1, s.0 == "SB"));
        let Some(kind) = most.map(|s| s.0.clone()) else { continue };
        let voided = voided(story, tier, &number).await?;
        let list: Vec<String> = standing
            .iter()
            .filter(|(k, ..)| *k == kind)
            .map(|(_, version, at)| {
                let void = voided.contains(&(kind.clone(), *version));
                let void = if void { lang.of("void: ", "作废：") } else { "" };
                format!("v{version} {void}{}", word(*at, lang))
            })
            .collect();
        table.row([number, what.to_owned(), story.kind(&kind), list.join(" → ")]);
    }
    Ok(table)
}

/// Record versions of a case that say that it should never have been.
async fn voided(
    story: &Story<'_>,
    tier: Tier,
    number: &str,
) -> Result<Vec<(String, u32)>, Failure> {
    let store = story.world.store(tier);
    let steps = store.trace(number).await.map_err(store_failure)?;
    let id = steps.first().and_then(|s| super::record_id(&s.record));
    let Some(id) = id else { return Ok(Vec::new()) };
    let rows = store.cases(&[id.key.root()]).await.map_err(store_failure)?;
    Ok(rows
        .into_iter()
        .filter(|r| r.voided)
        .map(|r| (r.id.kind.to_string(), r.id.version))
        .collect())
}

/// The case of line 17: the record of its problem.
async fn line_seventeen(story: &Story<'_>) -> Result<String, Failure> {
    let reference = format!("{}:17", story.state.first_file);
    let filter = ProblemFilter { limit: PAGE, ..ProblemFilter::default() };
    let store = story.world.store(Tier::Township);
    let found = store.problems(filter).await.map_err(store_failure)?;
    let record = found.into_iter().find(|p| p.reference == reference).and_then(|p| p.record);
    let id = record.as_deref().and_then(super::record_id);
    Ok(id.map(|i| i.key.number()).unwrap_or_default())
}

/// A place for people.
pub(super) const fn word(place: Option<Place>, lang: Lang) -> &'static str {
    let (en, zh) = match place {
        Some(Place::Quarantined) => ("not valid", "校验不通过"),
        Some(Place::Waiting) => ("waiting for its parent", "等待上级环节"),
        Some(Place::Staged) => ("staged", "待封装"),
        Some(Place::InFlight) => ("on the way", "在途"),
        Some(Place::AwaitingReview) => ("awaiting review", "待审"),
        Some(Place::Accepted) => ("accepted", "已接收"),
        Some(Place::Superseded) => ("superseded", "已被替代"),
        Some(Place::Rejected) => ("rejected", "被退回"),
        Some(Place::Voided) => ("withdrawn here", "停报"),
        Some(Place::Dead) => ("given up", "已放弃"),
        None => ("unknown", "未知"),
    };
    match lang {
        Lang::En => en,
        Lang::Zh => zh,
    }
}
