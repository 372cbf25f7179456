//! The province is cut off before your eyes: the backlog grows, nothing is lost; it comes back, the
//! backlog drains, nothing arrives twice.

use std::time::{Duration, Instant};

use store::Place;

use super::{Story, senders, under_way};
use crate::demo::show::{count, plural, rate};
use crate::demo::tiers::Tier;
use crate::demo::world::{Numbers, Seen, place};
use crate::text::Failure;

/// How long the province stays away while people look on.
const AWAY: Duration = Duration::from_secs(12);
/// Longest it stays away while the sources are being read.
const AWAY_MAX: Duration = Duration::from_secs(120);
/// Steps of the legacy systems meanwhile: open cases go on, some change or are withdrawn, new ones
/// come.
const STEPS: [u32; 3] = [1, 3, 4];
/// From one of them to the next while people look on.
const BETWEEN: Duration = Duration::from_millis(2_500);
/// How often the backlog is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// Plays the scene.
pub(super) async fn play(story: &mut Story<'_>) -> Result<(), Failure> {
    story.show.scene(
        4,
        "The province is cut off; work goes on below",
        "省平台断开，下级照常办件",
    )?;
    let world = story.world;
    let province = Tier::Province.code();
    world.tamper.cut(&province);
    let away = away(story).await;
    // Whatever happened meanwhile: the link comes back.
    world.tamper.join();
    let (seen, backlog) = away?;
    drained(story, backlog).await?;
    story.rest(seen).await?;
    told(story).await
}

/// The time away: gives how far the sources had been read, and the backlog.
async fn away(story: &mut Story<'_>) -> Result<(Seen, u64), Failure> {
    let world = story.world;
    let began = Instant::now();
    let mut steps = STEPS.into_iter();
    let mut seen = Seen::default();
    let mut next = began;
    let mut last_line = 0;
    loop {
        if Instant::now() >= next
            && let Some(step) = steps.next()
        {
            let ledger = story.advance(step).await?;
            if let Some(ledger) = ledger.filter(|_| step == 1) {
                (story.state.changed_case, story.state.voided_case) =
                    (ledger.changed, ledger.voided);
                story.state.save()?;
            }
            seen = world.seen().await?;
            next = if story.show.fast { began } else { Instant::now() + BETWEEN };
        }
        let numbers = world.numbers().await?;
        let backlog = backlog(&numbers);
        let gone = began.elapsed();
        if story.show.is_live() {
            let mut lines = story.tiers(&numbers).lines();
            lines.push(away_line(story, gone, backlog));
            story.show.draw(&lines)?;
        } else if !story.show.fast && gone.as_secs() / 4 > last_line {
            last_line = gone.as_secs() / 4;
            let line = away_line(story, gone, backlog);
            story.show.say(line.clone(), line)?;
        } else {
            let line = away_line(story, gone, backlog);
            story.show.now_and_then(line.clone(), line)?;
        }
        let read = steps.len() == 0 && world.read_since(seen).await?;
        let long = story.show.fast || gone >= AWAY;
        if (read && long) || gone >= AWAY_MAX {
            story.show.wipe()?;
            let line = away_line(story, gone, backlog);
            story.show.say(line.clone(), line)?;
            return Ok((seen, backlog));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// `省平台不可达 12 秒，积压 3 104 条，恢复后约 2 秒清空`.
fn away_line(story: &Story<'_>, gone: Duration, backlog: u64) -> String {
    let gone = gone.as_secs();
    let (mut en, mut zh) = (
        format!("province unreachable for {gone} s, backlog {}", plural(backlog, "record")),
        format!("省平台不可达 {gone} 秒，积压 {} 条", count(backlog)),
    );
    if let Some(per_second) = rate(story.state.records, story.state.millis) {
        // The first parcel after a pause asks whether the peer is there again: half of the longest
        // wait, on the average.
        let asks = story.world.node(Tier::City).limits.retry_max.unsigned_abs() / 2;
        let seconds = (backlog * 1000 / per_second + asks).div_ceil(1000).max(1);
        en.push_str(&format!(", about {seconds} s to drain once it is back"));
        zh.push_str(&format!("，恢复后约 {seconds} 秒清空"));
    }
    story.show.out.of(en, zh)
}

/// Own records of the senders that have no answer yet.
fn backlog(numbers: &Numbers) -> u64 {
    senders(numbers).map(under_way).sum()
}

/// Watches the backlog go.
async fn drained(story: &mut Story<'_>, from: u64) -> Result<(), Failure> {
    let back = Instant::now();
    story.show.say("the province is back", "省平台恢复")?;
    while back.elapsed() < AWAY_MAX {
        let numbers = story.world.numbers().await?;
        let left = backlog(&numbers);
        if story.show.is_live() {
            let mut lines = story.tiers(&numbers).lines();
            let line = story.show.out.of(
                format!("{} of {} left", count(left), count(from)),
                format!("剩余 {} / {} 条", count(left), count(from)),
            );
            lines.push(line);
            story.show.draw(&lines)?;
        }
        if left == 0 {
            break;
        }
        tokio::time::sleep(LOOK / 5).await;
    }
    let tenths = u64::try_from(back.elapsed().as_millis() / 100).unwrap_or(u64::MAX);
    let (whole, tenth) = (tenths / 10, tenths % 10);
    story.show.wipe()?;
    Ok(story
        .show
        .say(format!("drained in {whole}.{tenth} s"), format!("{whole}.{tenth} 秒清空"))?)
}

/// Nothing twice, nothing lost: what the senders hold receipts for is what the province keeps.
async fn told(story: &mut Story<'_>) -> Result<(), Failure> {
    let numbers = story.world.numbers().await?;
    let accepted: u64 = senders(&numbers).map(|n| place(n, Place::Accepted)).sum();
    let kept = numbers.get(Tier::Province as usize).map_or(0, |n| n.kept);
    let same = accepted == kept;
    story.show.say(
        format!(
            "receipts below for {} records, the province keeps {}: {}",
            count(accepted),
            count(kept),
            if same { "nothing lost, nothing twice" } else { "NOT the same" }
        ),
        format!(
            "下级持有接收回执 {} 条，省平台留存 {} 条：{}",
            count(accepted),
            count(kept),
            if same { "无丢失、无重复" } else { "不一致" }
        ),
    )?;
    story.show.pause(3_000).await;
    Ok(())
}
