//! Whether anything is lost, unexplained or unknown at the end.

use canon::{Day, Millis, NodeCode};
use exchange::Node;
use store::{NodeStatus, Place, ProblemFilter};

use super::books;
use super::tiers::Tier;
use super::world::{Numbers, World, place};
use crate::assemble::store_failure;
use crate::text::Failure;

/// Refused parcels looked at.
const PAGE: u32 = 10_000;
/// The codes of what the demo itself changes on the way: in a head, in a record.
const OURS: [&str; 2] = ["sender.signature_invalid", "envelope.root_mismatch"];

/// Something that is not as it should be: English, Chinese.
pub(crate) type Wrong = (String, String);

/// Everything that is lost, unexplained or unknown.
pub(crate) async fn all(
    world: &World,
    first: Millis,
    numbers: &Numbers,
) -> Result<Vec<Wrong>, Failure> {
    let mut wrong = Vec::new();
    let days = books::days(first.day(), world.now().day());
    for sender in Tier::SENDERS {
        let (node, Some(n)) = (world.node(sender), numbers.get(sender as usize)) else { continue };
        conserved(node, n, &mut wrong).await?;
        at_rest(n, 0, &node.code, &mut wrong);
        same_books(node, world.node(Tier::Province), &days, &mut wrong).await?;
    }
    let accepted: u64 = Tier::SENDERS
        .iter()
        .filter_map(|t| numbers.get(*t as usize))
        .map(|n| place(n, Place::Accepted))
        .sum();
    let kept = numbers.get(Tier::Province as usize).map_or(0, |n| n.kept);
    if accepted != kept {
        wrong.push((
            format!("{accepted} records have an `accepted`, the province keeps {kept}"),
            format!("下级有接收回执 {accepted} 条，省平台留存 {kept} 条"),
        ));
    }
    refused(world, &mut wrong).await?;
    Ok(wrong)
}

/// Every collected record is in exactly one place, counted one by one.
pub(crate) async fn conserved(
    sender: &Node,
    n: &NodeStatus,
    wrong: &mut Vec<Wrong>,
) -> Result<(), Failure> {
    let code = &sender.code;
    let census = sender.store.census().await.map_err(store_failure)?;
    if census != n.places {
        wrong.push((
            format!("{code}: counted one by one {census:?}, the books say {:?}", n.places),
            format!("{code}：逐条清点 {census:?}，账面 {:?}", n.places),
        ));
    }
    let collected: u64 = n.adapters.iter().map(|a| a.records + a.quarantined).sum();
    let placed: u64 = n.places.iter().sum::<u64>() + n.rows_without_key;
    if collected != placed {
        wrong.push((
            format!("{code}: {collected} collected, {placed} in a place"),
            format!("{code}：采集 {collected} 条，有去处 {placed} 条"),
        ));
    }
    Ok(())
}

/// Nothing on its way, unknown, given up or paused; so many may wait for a parent.
pub(crate) fn at_rest(n: &NodeStatus, waiting: u64, code: &NodeCode, wrong: &mut Vec<Wrong>) {
    let places = [
        (Place::Waiting, "waiting for a parent", "等待上级环节"),
        (Place::Staged, "not sealed", "未封装"),
        (Place::InFlight, "without an answer", "未答复"),
        (Place::AwaitingReview, "awaiting review", "待审"),
        (Place::Dead, "given up", "已放弃"),
    ];
    for (at, en, zh) in places {
        let count = place(n, at);
        if count > 0 && !(at == Place::Waiting && count == waiting) {
            wrong
                .push((format!("{code}: {count} records {en}"), format!("{code}：{count} 条{zh}")));
        }
    }
    for link in &n.links {
        let (name, unknown) = (&link.link, link.unknown);
        if unknown > 0 {
            wrong.push((
                format!("{code}: link {name}: {unknown} records with an unknown fate"),
                format!("{code}：链路 {name} 有 {unknown} 条下落不明"),
            ));
        }
        if let Some(why) = &link.paused {
            wrong.push((
                format!("{code}: link {name} is paused: {why}"),
                format!("{code}：链路 {name} 已暂停：{why}"),
            ));
        }
    }
    for adapter in &n.adapters {
        let name = &adapter.adapter;
        if let Some(why) = &adapter.paused {
            wrong.push((
                format!("{code}: adapter {name} is paused: {why}"),
                format!("{code}：适配器 {name} 已暂停：{why}"),
            ));
        }
        if adapter.write_backs > 0 {
            let left = adapter.write_backs;
            wrong.push((
                format!("{code}: {left} outcomes not written back by {name}"),
                format!("{code}：适配器 {name} 有 {left} 个结果未写回"),
            ));
        }
    }
}

/// Counts and hash sums of both sides, over all days.
pub(crate) async fn same_books(
    sender: &Node,
    receiver: &Node,
    days: &[Day],
    wrong: &mut Vec<Wrong>,
) -> Result<(), Failure> {
    for (kind, line) in books::books(sender, receiver, days).await? {
        if !line.agrees() {
            let (code, mine, theirs) = (&sender.code, line.receipted(), line.answered);
            wrong.push((
                format!(
                    "{code} {kind}: {mine} by receipts, {theirs} at the province, or other sums"
                ),
                format!("{code} {kind}：按回执 {mine} 条，省平台 {theirs} 条，或校验和不同"),
            ));
        }
    }
    Ok(())
}

/// Refused parcels are those that the demo itself has changed.
async fn refused(world: &World, wrong: &mut Vec<Wrong>) -> Result<(), Failure> {
    for tier in Tier::ALL {
        let filter = ProblemFilter { limit: PAGE, ..ProblemFilter::default() };
        let found = world.store(tier).problems(filter).await.map_err(store_failure)?;
        for problem in found.iter().filter(|p| p.class == "refused") {
            let code = problem.violations.first().map_or("", |v| &*v.rule);
            if !OURS.contains(&code) || tier != Tier::Province {
                let tier = tier.code();
                wrong.push((
                    format!("{tier}: a parcel was refused: {code}"),
                    format!("{tier}：拒收一个报文：{code}"),
                ));
            }
        }
    }
    Ok(())
}
