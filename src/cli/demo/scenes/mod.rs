//! The story, scene by scene. Each scene may be played again after an interruption: what it did to
//! the legacy systems is noted before it is done, and everything else lies in the stores.

mod closing;
mod cut;
mod dirty;
mod mended;
mod opening;
mod report;
mod spoilt;
mod traced;

use store::{NodeStatus, Place};

use super::legacy::Ledger;
use super::prepare;
use super::show::{Grid, Show, count, plural};
use super::state::State;
use super::tiers::Tier;
use super::world::{Numbers, Seen, World, place};
use crate::assemble::store_failure;
use crate::text::{Done, Failure};

/// Scenes before the report.
const SCENES: usize = 7;
/// With --sabotage, in this scene the province loses a record.
const LOSING: usize = 5;

/// The story with everything it needs.
pub(crate) struct Story<'a> {
    /// The nodes.
    pub(crate) world: &'a World,
    /// The stage.
    pub(crate) show: Show,
    /// How far it has come.
    pub(crate) state: State,
}

/// Plays what has not been played yet, then reports.
pub(crate) async fn play(story: &mut Story<'_>) -> Done {
    let from = story.state.scenes;
    if from > 0 && from < SCENES {
        story.show.say(
            format!("goes on after scene {from}, where it stopped"),
            format!("接着上次：第 {from} 幕之后"),
        )?;
    }
    play_to(story, SCENES).await?;
    if story.state.sabotage {
        sabotage(story)?;
    }
    report::play(story).await
}

/// Plays what has not been played yet, up to a scene.
pub(crate) async fn play_to(story: &mut Story<'_>, end: usize) -> Result<(), Failure> {
    for scene in story.state.scenes..end {
        // Scenes that show one thing alone are left alone.
        match (story.state.sabotage, scene) {
            (true, 0 | 3 | 5 | 6) => {
                story.world.tamper.rob(story.state.seed ^ (scene as u64 + 1) << 40)
            }
            _ => story.world.tamper.leave(),
        }
        if story.state.sabotage && scene == LOSING && story.state.lost.is_none() {
            story.world.tamper.lose();
        }
        match scene {
            0 => opening::play(story).await?,
            1 => dirty::play(story).await?,
            2 => traced::play(story).await?,
            3 => cut::play(story).await?,
            4 => spoilt::play(story).await?,
            5 => mended::play(story).await?,
            _ => closing::play(story).await?,
        }
        if scene == LOSING {
            lost(story)?;
        }
        story.state.scenes = scene + 1;
        story.state.save()?;
    }
    Ok(())
}

/// What the province lost is told; nobody tells the nodes.
fn lost(story: &mut Story<'_>) -> Result<(), Failure> {
    let Some((sender, record)) = story.world.tamper.lost() else { return Ok(()) };
    story.show.say(
        "sabotage: the province has answered `accepted`, then loses the record; nobody is told:",
        "破坏：省平台答复“已接收”后丢失了该记录，无人知晓：",
    )?;
    story.show.say(format!("  {record}"), format!("  {record}"))?;
    story.state.lost = Some((sender.to_string(), record));
    Ok(())
}

/// What was done to the nodes.
fn sabotage(story: &mut Story<'_>) -> Result<(), Failure> {
    let (before, after) = (story.state.robbed, story.world.tamper.robbed());
    let (lost, doubled) = (before.0 + after.0, before.1 + after.1);
    let gone = u64::from(story.state.lost.is_some());
    Ok(story.show.say(
        format!(
            "sabotage: {lost} parcels lost, {doubled} doubled, a crash, a tampered record, {} lost by the province",
            plural(gone, "record")
        ),
        format!(
            "破坏：丢失 {lost} 个报文，重复 {doubled} 个，崩溃一次，篡改一条，省平台丢失 {gone} 条"
        ),
    )?)
}

impl Story<'_> {
    /// The legacy systems take a step, if they have not taken it before an interruption.
    async fn advance(&mut self, number: u32) -> Result<Option<Ledger>, Failure> {
        prepare::advance(&self.world.folder, &mut self.state, number, self.world.now()).await
    }

    /// Lets the nodes come to rest; complains, and goes on, if they do not: the report will say what
    /// is left.
    async fn rest(&mut self, earlier: Seen) -> Result<(), Failure> {
        let mut shown = Ok(());
        let show = &mut self.show;
        let rested = self.world.rest(earlier, |numbers| {
            if shown.is_ok() {
                shown = show.now_and_then(going_en(numbers), going_zh(numbers));
            }
        });
        let rested = rested.await?;
        shown?;
        if !rested {
            self.show.say(
                "some records have not moved for half a minute; the report says which",
                "有记录半分钟未动，见最后的汇总",
            )?;
        }
        Ok(())
    }

    /// The tiers' numbers as a table, the highest tier first.
    fn tiers(&self, numbers: &Numbers) -> Grid {
        let lang = self.show.lang();
        let mut table = Grid::new(lang.of(
            ["node", "", "collected", "on the way", "waiting", "accepted", "kept here", "problems"],
            ["节点", "", "采集", "在途", "待上级环节", "已接收", "本级留存", "问题数据"],
        ));
        for tier in Tier::ALL.into_iter().rev() {
            let n = &numbers[tier as usize];
            let sends = Tier::SENDERS.contains(&tier);
            let own = |value: u64| if sends { count(value) } else { "-".into() };
            let way: u64 = if sends { under_way(n) } else { passing(n) };
            let kept = if sends { "-".into() } else { count(n.kept) };
            table.row([
                tier.title(lang).to_owned(),
                tier.code().to_string(),
                own(collected(n)),
                count(way),
                own(place(n, Place::Waiting)),
                own(place(n, Place::Accepted)),
                kept,
                count(problems(n)),
            ]);
        }
        table
    }

    /// What a store holds of a case, newest version of each type: `(type, version, place)`.
    async fn standing(
        &self,
        tier: Tier,
        number: &str,
    ) -> Result<Vec<(String, u32, Option<Place>)>, Failure> {
        let store = self.world.store(tier);
        let steps = store.trace(number).await.map_err(store_failure)?;
        let mut found: Vec<(String, u32, Option<Place>)> = Vec::new();
        for step in steps {
            let Some(id) = record_id(&step.record) else { continue };
            if found.iter().any(|(kind, version, _)| **kind == *id.kind && *version == id.version) {
                continue;
            }
            let Some(to) = &step.destination else { continue };
            let at = store.place(&id, to).await.map_err(store_failure)?;
            found.push((id.kind.to_string(), id.version, at));
        }
        found.sort();
        Ok(found)
    }

    /// `SB 申请`: a record type for people.
    fn kind(&self, wire: &str) -> String {
        let format = self.world.node(Tier::Province).formats.values().next();
        let named = format.and_then(|f| f.type_by_wire(wire).map(|ty| f.get(ty)));
        match named {
            Some(ty) => {
                let name = ty.name.replace('_', " ");
                format!("{wire} {}", self.show.lang().of(name.as_str(), ty.label.as_str()))
            }
            None => wire.to_owned(),
        }
    }
}

/// A record id out of its written form.
fn record_id(text: &str) -> Option<canon::RecordId> {
    let (kind, rest) = text.split_once(':')?;
    let (key, version) = rest.rsplit_once('#')?;
    let version = version.parse().ok()?;
    Some(canon::RecordId { kind: kind.into(), key: canon::Key::parse(key)?, version })
}

/// Every record version a node has collected: the sum of its places.
fn collected(n: &NodeStatus) -> u64 {
    n.places.iter().sum()
}

/// Own records that are going up.
fn under_way(n: &NodeStatus) -> u64 {
    place(n, Place::Staged) + place(n, Place::InFlight)
}

/// That things go on.
fn going_en(numbers: &Numbers) -> String {
    let way: u64 = senders(numbers).map(under_way).sum();
    format!("… {} answered, {} on the way", plural(answered(numbers), "record"), count(way))
}

/// The same in Chinese.
fn going_zh(numbers: &Numbers) -> String {
    let way: u64 = senders(numbers).map(under_way).sum();
    format!("…… 已答复 {} 条，在途 {} 条", count(answered(numbers)), count(way))
}

/// Records that only pass through.
fn passing(n: &NodeStatus) -> u64 {
    n.links.iter().map(|l| l.due).sum()
}

fn problems(n: &NodeStatus) -> u64 {
    place(n, Place::Quarantined) + place(n, Place::Rejected) + n.rows_without_key + n.refused
}

/// Records of the senders that are answered for good.
fn answered(numbers: &Numbers) -> u64 {
    senders(numbers)
        .map(|n| {
            place(n, Place::Accepted) + place(n, Place::Superseded) + place(n, Place::Rejected)
        })
        .sum()
}

/// The numbers of those that collect.
fn senders(numbers: &Numbers) -> impl Iterator<Item = &NodeStatus> {
    Tier::SENDERS.into_iter().filter_map(|t| numbers.get(t as usize))
}
