//! The four tiers on one screen, while the legacy data comes up for the first time.

use std::time::Instant;

use super::{Story, answered, going_en, going_zh};
use crate::demo::show::{count, plural, rate};
use crate::demo::world::{Numbers, Seen};
use crate::text::Failure;

/// Plays the scene.
pub(super) async fn play(story: &mut Story<'_>) -> Result<(), Failure> {
    story.show.scene(
        1,
        "Four tiers: legacy data comes up, signed receipts go down",
        "四级节点：业务数据逐级上报，签名回执逐级返回",
    )?;
    let began = Instant::now();
    let before = answered(&story.world.numbers().await?);
    let (mut last, mut millis) = (before, 1);
    let mut shown = Ok(());
    let world = story.world;
    let settled = world
        .rest(Seen::default(), |numbers: &Numbers| {
            let now = answered(numbers);
            if now != last {
                millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
                last = now;
            }
            if story.show.is_live() && shown.is_ok() {
                let mut lines = story.tiers(numbers).lines();
                if last > before {
                    lines.push(progress(story, last - before, millis));
                } else {
                    lines.push(String::new());
                }
                shown = story.show.draw(&lines);
            } else if shown.is_ok() {
                shown = story.show.now_and_then(going_en(numbers), going_zh(numbers));
            }
        })
        .await?;
    shown?;
    story.show.wipe()?;
    let numbers = world.numbers().await?;
    let table = story.tiers(&numbers);
    story.show.table(&table)?;
    (story.state.records, story.state.millis) = (last - before, millis);
    let line = progress(story, last - before, millis);
    story.show.say(line.clone(), line)?;
    if !settled {
        story.show.say(
            "not everything came to rest; the report says what is left",
            "尚有记录未落定，见最后的汇总",
        )?;
    }
    story.show.pause(2_500).await;
    Ok(())
}

fn progress(story: &Story<'_>, records: u64, millis: u64) -> String {
    let tenths = millis / 100;
    let (whole, tenth) = (tenths / 10, tenths % 10);
    let Some(per_second) = rate(records, millis).map(count) else {
        return story
            .show
            .out
            .of("everything was answered before this start".to_owned(), "此前均已答复".to_owned());
    };
    story.show.out.of(
        format!(
            "{} answered by the province in {whole}.{tenth} s: {per_second} records/s over all tiers",
            plural(records, "record")
        ),
        format!(
            "省平台已答复 {} 条，用时 {whole}.{tenth} 秒，全链路每秒 {per_second} 条",
            count(records)
        ),
    )
}
