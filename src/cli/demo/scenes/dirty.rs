//! A dirty row of a GB18030 file, named, beside the accepted ones; then all problems by their rule,
//! returned to their owners.

use std::collections::BTreeMap;

use store::{AuditEvent, Place, ProblemAction, ProblemFilter, ProblemItem};

use super::Story;
use crate::assemble::store_failure;
use crate::demo::show::{Grid, count, plural};
use crate::demo::tiers::Tier;
use crate::text::{Failure, Lang};

/// Problems asked for at a time.
const PAGE: u32 = 1_000;
/// Rules listed by name.
const RULES_MAX: usize = 12;
/// Most characters of a rule's text.
const TEXT_CHARS: usize = 56;
/// The line that is shown.
const LINE: usize = 17;

/// Lines after it among which one without a problem is looked for.
const NEIGHBOURS: usize = 10;

/// Plays the scene.
pub(super) async fn play(story: &mut Story<'_>) -> Result<(), Failure> {
    story.show.scene(
        2,
        "Dirty rows go back to their owners, the others go up",
        "问题数据退回来源单位，其余照常上报",
    )?;
    line_seventeen(story).await?;
    story.show.pause(3_500).await;
    let mut rules: BTreeMap<String, Rule> = BTreeMap::new();
    let mut returned = 0;
    for tier in Tier::SENDERS {
        returned += sort(story, tier, &mut rules).await?;
    }
    let all: u64 = rules.values().map(|r| r.count).sum();
    story.show.say(
        format!(
            "All problems so far, {}, by rule; found here or said by the province:",
            count(all)
        ),
        format!("目前问题数据共 {} 条，按原因；本级校验不通过或省平台退回：", count(all)),
    )?;
    let table = by_rule(story.show.lang(), rules);
    story.show.table(&table)?;
    let days = story.world.node(Tier::County).limits.return_days;
    story.show.say(
        format!(
            "{} returned to their owners with row, rule and a deadline of {days} days",
            plural(returned, "row")
        ),
        format!("已退回来源单位 {} 条，附行号、原因，限 {days} 天内更正", count(returned)),
    )?;
    story.show.pause(3_500).await;
    Ok(())
}

/// Line 17 of the township's first file, with its neighbours.
async fn line_seventeen(story: &mut Story<'_>) -> Result<(), Failure> {
    let file = story.state.first_file.clone();
    let lines = lines(story, &file);
    story.show.say(
        format!("{file} (GB18030), from the township's window:"),
        format!("乡镇窗口文件 {file}（GB18030）："),
    )?;
    let problems = of_file(story, &file).await?;
    let lang = story.show.lang();
    let problem = |number: usize| {
        let reference = format!("{file}:{number}");
        problems.iter().find(|p| p.reference == reference)
    };
    let before = (2..LINE).rev().find(|n| problem(*n).is_none());
    let after = (LINE + 1..=lines.len()).find(|n| problem(*n).is_none());
    for number in before.into_iter().chain([LINE]).chain(after) {
        let text = match problem(number) {
            Some(problem) => told(problem, number, lang),
            None => {
                let case = lines.get(number - 1).map_or("", String::as_str);
                accepted(story, case, number).await?
            }
        };
        story.show.say(text.clone(), text)?;
    }
    Ok(())
}

/// `第 17 行『身份证号』校验位错误，应为 X；退回来源单位`.
fn told(problem: &ProblemItem, line: usize, lang: Lang) -> String {
    let first = problem.violations.first();
    match lang {
        Lang::Zh => {
            let what = first.map_or("", |v| v.zh.as_str());
            format!("第 {line} 行{what}；退回来源单位")
        }
        Lang::En => {
            let what = first.map_or("", |v| v.en.as_str());
            format!("line {line}: {what}; returned to its owner")
        }
    }
}

/// What became of a line without a problem.
async fn accepted(story: &Story<'_>, case: &str, line: usize) -> Result<String, Failure> {
    let standing = story.standing(Tier::Township, case).await?;
    let kinds: Vec<String> = standing
        .iter()
        .filter(|(_, _, at)| *at == Some(Place::Accepted))
        .map(|(kind, ..)| story.kind(kind))
        .collect();
    let list = kinds.join(story.show.out.of(", ", "、"));
    Ok(story.show.out.of(
        format!("line {line}: accepted by the province: {list}"),
        format!("第 {line} 行省平台已接收：{list}"),
    ))
}

/// Case numbers of a processed file, by line; empty where a line has none.
fn lines(story: &Story<'_>, file: &str) -> Vec<String> {
    let folder = story.world.folder.drops();
    let bytes = ["done", "failed"]
        .iter()
        .find_map(|sub| std::fs::read(folder.join(sub).join(file)).ok())
        .unwrap_or_default();
    let (text, _, _) = encoding_rs::GB18030.decode(&bytes);
    text.lines()
        .take(LINE + NEIGHBOURS)
        .map(|l| l.split(',').next().unwrap_or_default().to_owned())
        .collect()
}

/// The problems of one file.
async fn of_file(story: &Story<'_>, file: &str) -> Result<Vec<ProblemItem>, Failure> {
    let filter = ProblemFilter {
        adapter: Some("township_window".into()),
        limit: PAGE,
        ..ProblemFilter::default()
    };
    let store = story.world.store(Tier::Township);
    let mut found = store.problems(filter).await.map_err(store_failure)?;
    found.retain(|p| p.reference.starts_with(file));
    Ok(found)
}

/// A rule with how often it was broken.
struct Rule {
    en: String,
    zh: String,
    count: u64,
    /// Found here, or said by the province.
    rejected: u64,
}

/// Sorts a tier's problems by rule and returns the ones still held to their owners.
async fn sort(
    story: &Story<'_>,
    tier: Tier,
    rules: &mut BTreeMap<String, Rule>,
) -> Result<u64, Failure> {
    let store = story.world.store(tier);
    let now = story.world.now();
    let days = story.world.node(tier).limits.return_days;
    let deadline = now.plus(days * 86_400_000);
    let (mut after, mut returned) = (0, 0);
    loop {
        let filter = ProblemFilter { after, limit: PAGE, ..ProblemFilter::default() };
        let page = store.problems(filter).await.map_err(store_failure)?;
        let Some(last) = page.last() else { return Ok(returned) };
        after = last.number;
        let mut held = Vec::new();
        for problem in page.iter().filter(|p| p.class != "refused") {
            note(rules, problem);
            match problem.state.as_str() {
                "held" => held.push(problem.number),
                "returned" => returned += 1,
                _ => {}
            }
        }
        let audit = AuditEvent {
            at: now,
            who: "demo".into(),
            action: "quarantine.return".into(),
            subject: format!("{} problems", held.len()),
            reason: "demo".into(),
            ok: true,
        };
        if !held.is_empty() {
            let action = ProblemAction::Return { deadline };
            let done = store.act_on_problems(&held, action, audit).await;
            returned += done.map_err(store_failure)?;
        }
    }
}

fn note(rules: &mut BTreeMap<String, Rule>, problem: &ProblemItem) {
    let Some(first) = problem.violations.first() else { return };
    let code = canon::code(&first.rule);
    let rule = rules.entry(first.rule.to_string()).or_insert_with(|| Rule {
        en: code.map_or(first.en.as_str(), |c| c.en).to_owned(),
        zh: code.map_or(first.zh.as_str(), |c| c.zh).to_owned(),
        count: 0,
        rejected: 0,
    });
    rule.count += 1;
    rule.rejected += u64::from(problem.class == "rejected");
}

fn by_rule(lang: Lang, rules: BTreeMap<String, Rule>) -> Grid {
    let mut rules: Vec<(String, Rule)> = rules.into_iter().collect();
    rules.sort_by(|a, b| b.1.count.cmp(&a.1.count).then_with(|| a.0.cmp(&b.0)));
    let mut table = Grid::new(
        lang.of(["rule", "here", "province", "what it means"], ["代码", "本级", "省平台", "含义"]),
    );
    let rest = rules.split_off(rules.len().min(RULES_MAX));
    for (code, rule) in rules {
        let text = lang.of(rule.en, rule.zh);
        let text = clipped(text.split([';', '；', '，']).next().unwrap_or_default());
        let here = rule.count - rule.rejected;
        table.row([code, count(here), count(rule.rejected), text]);
    }
    if !rest.is_empty() {
        let rejected: u64 = rest.iter().map(|(_, r)| r.rejected).sum();
        let all: u64 = rest.iter().map(|(_, r)| r.count).sum();
        let words = lang.of("other rules", "其他原因").to_owned();
        table.row([words, count(all - rejected), count(rejected), String::new()]);
    }
    table
}

/// A text that fits its column, cut between words.
fn clipped(text: &str) -> String {
    if text.chars().count() <= TEXT_CHARS {
        return text.to_owned();
    }
    let cut: String = text.chars().take(TEXT_CHARS).collect();
    format!("{} …", cut.rsplit_once(' ').map_or(cut.as_str(), |(words, _)| words))
}
