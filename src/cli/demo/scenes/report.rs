//! The end: a table a tier and an adapter, the pace, where the data lies, what to try next, and
//! whether anything is lost.

use canon::Millis;
use store::{NodeStatus, Place};

use super::{Story, collected, traced};
use crate::demo::checks::{self, Wrong};
use crate::demo::evidence::stock_line;
use crate::demo::show::{Grid, count, rate, shell};
use crate::demo::tiers::Tier;
use crate::demo::world::{Numbers, place};
use crate::os;
use crate::text::{Done, Exit, Failure};

/// Failed turns that are shown.
const FAILED_SHOWN: usize = 5;

/// Tells the end and judges it.
pub(super) async fn play(story: &mut Story<'_>) -> Done {
    let world = story.world;
    let numbers = world.numbers().await?;
    let wrong = checks::all(world, Millis(story.state.started), &numbers).await?;
    if !story.show.fast {
        story.show.line("")?;
    }
    story.show.line(story.show.out.of("The end", "汇总"))?;
    let tiers = by_tier(story, &numbers);
    story.show.table(&tiers)?;
    let adapters = by_adapter(story, &numbers);
    story.show.table(&adapters)?;
    pace(story)?;
    for line in world.failed().into_iter().take(FAILED_SHOWN) {
        story.show.say(
            format!("a turn failed and was repeated: {line}"),
            format!("有一轮失败后重试：{line}"),
        )?;
    }
    next_steps(story)?;
    verdict(story, &wrong)?;
    json(story, &numbers, &wrong)?;
    story.state.finished = wrong.is_empty();
    story.state.save()?;
    Ok(if wrong.is_empty() { Exit::Fine } else { Exit::Problems })
}

fn by_tier(story: &Story<'_>, numbers: &Numbers) -> Grid {
    let lang = story.show.lang();
    let mut table = Grid::new(lang.of(
        [
            "node",
            "collected",
            "accepted",
            "superseded",
            "rejected",
            "not valid",
            "open",
            "kept here",
            "refused",
        ],
        [
            "节点",
            "采集",
            "已接收",
            "被替代",
            "被退回",
            "校验不通过",
            "未落定",
            "本级留存",
            "拒收报文",
        ],
    ));
    for tier in Tier::ALL {
        let Some(n) = numbers.get(tier as usize) else { continue };
        let open: u64 = [Place::Waiting, Place::Staged, Place::InFlight, Place::Dead]
            .into_iter()
            .map(|p| place(n, p))
            .sum();
        let own = |value: u64| {
            if Tier::SENDERS.contains(&tier) { count(value) } else { "-".into() }
        };
        table.row([
            tier.title(lang).to_owned(),
            own(collected(n)),
            own(place(n, Place::Accepted)),
            own(place(n, Place::Superseded)),
            own(place(n, Place::Rejected)),
            own(place(n, Place::Quarantined) + n.rows_without_key),
            own(open),
            count(n.kept),
            count(n.refused),
        ]);
    }
    table
}

fn by_adapter(story: &Story<'_>, numbers: &Numbers) -> Grid {
    let lang = story.show.lang();
    let mut table = Grid::new(lang.of(
        ["adapter", "node", "rows read", "unchanged", "records", "not valid", "write-backs open"],
        ["适配器", "节点", "读取行", "无变化", "记录", "校验不通过", "待写回"],
    ));
    for tier in Tier::SENDERS {
        let adapters = numbers.get(tier as usize).map_or(&[][..], |n: &NodeStatus| &n.adapters);
        for a in adapters {
            table.row([
                a.adapter.clone(),
                tier.title(lang).to_owned(),
                count(a.rows_read),
                count(a.rows_unchanged),
                count(a.records),
                count(a.quarantined),
                count(a.write_backs),
            ]);
        }
    }
    table
}

fn pace(story: &mut Story<'_>) -> Result<(), Failure> {
    let (mut en, mut zh) = (Vec::new(), Vec::new());
    if let Some(per_second) = rate(story.state.records, story.state.millis).map(count) {
        en.push(format!("{per_second} records/s from legacy file to verified receipt"));
        zh.push(format!("每秒 {per_second} 条（从业务数据到回执验证）"));
    }
    let memory = os::peak_rss_mb();
    if memory > 0.0 {
        en.push(format!("at most {memory:.0} MB of memory"));
        zh.push(format!("内存峰值 {memory:.0} MB"));
    }
    if en.is_empty() {
        return Ok(());
    }
    Ok(story.show.say(en.join("; "), zh.join("；"))?)
}

fn next_steps(story: &mut Story<'_>) -> Result<(), Failure> {
    let folder = story.world.folder.0.clone();
    let dir = shell(&folder);
    story.show.say(
        format!("Everything lies in {dir}: four nodes, keys, certificates, legacy data"),
        format!("全部数据在 {dir}：四个节点、密钥、证书、业务数据"),
    )?;
    story.show.say("Try next:", "接下来可以试：")?;
    let configs = format!("{dir}/*/node.toml");
    let case = story.state.township_case.clone();
    let commands = [
        format!("tiergate run --config {configs}"),
        format!("tiergate status --config {configs}"),
        format!("tiergate trace {case} --config {configs}"),
        format!("tiergate evidence export {case} --out proof.json --data {dir}"),
        format!("tiergate-verify proof.json --anchor {dir}/evidence/ca.pem"),
        format!("tiergate quarantine list --config {configs}"),
        format!("tiergate keys show {dir}/province/node.pem --key {dir}/province/node.key"),
    ];
    for command in commands {
        story.show.line(format!("      {command}"))?;
    }
    if story.world.folder.evidence().join("envelope.xml").exists() {
        for line in traced::wrapped(&stock_line(&story.world.folder.evidence(), "envelope.xml")) {
            story.show.line(format!("    {line}"))?;
        }
    }
    let file = story.show.out.of("YOUR-FILE.csv", "你的文件.csv");
    story.show.line(format!("      tiergate adapter new {file} --out adapters/my_source"))?;
    if !story.state.keep {
        story.show.tell(
            "The next `tiergate demo` here begins anew; with --keep it leaves all this as it is",
            "再次运行 tiergate demo 会从头开始；加 --keep 则保留以上数据",
        )?;
    }
    Ok(())
}

fn verdict(story: &mut Story<'_>, wrong: &[Wrong]) -> Result<(), Failure> {
    if wrong.is_empty() {
        story.show.line(story.show.out.of(
            "Nothing lost, nothing twice, nothing unexplained.",
            "无丢失、无重复、无不明差异。",
        ))?;
        return Ok(());
    }
    story.show.line(story.show.out.of("Not as it should be:", "存在问题："))?;
    for (en, zh) in wrong {
        story.show.say(en.clone(), zh.clone())?;
    }
    Ok(())
}

fn json(story: &Story<'_>, numbers: &Numbers, wrong: &[Wrong]) -> Result<(), Failure> {
    let nodes: Vec<serde_json::Value> = Tier::ALL
        .iter()
        .filter_map(|t| Some((t, numbers.get(*t as usize)?)))
        .map(|(t, n)| serde_json::json!({ "node": t.code().as_str(), "status": n }))
        .collect();
    let problems: Vec<serde_json::Value> =
        wrong.iter().map(|(en, zh)| serde_json::json!({ "en": en, "zh": zh })).collect();
    let (records, millis) = (story.state.records, story.state.millis);
    story.show.out.value(&serde_json::json!({
        "ok": wrong.is_empty(),
        "data": story.world.folder.0.display().to_string(),
        "cases": story.state.cases, "seed": story.state.seed,
        "records": records, "ms": millis, "records_per_second": rate(records, millis),
        "peak_rss_mb": os::peak_rss_mb(),
        "nodes": nodes, "problems": problems,
    }))?;
    Ok(())
}
