//! One byte changed in transit: refused, told to the sender, and the right bytes go up again.

use std::time::{Duration, Instant};

use canon::EnvelopeId;
use store::{OutEnvelope, OutState, ProblemFilter, ProblemItem};

use super::Story;
use crate::assemble::store_failure;
use crate::demo::show::plural;
use crate::demo::tamper::{Spoilt, Within};
use crate::demo::tiers::Tier;
use crate::text::Failure;

/// The first step of the legacy systems that is used for this.
const FIRST_STEP: u32 = 5;
/// Longest wait for a parcel to spoil, and for its end.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often things are looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Plays the scene.
pub(super) async fn play(story: &mut Story<'_>) -> Result<(), Failure> {
    story.show.scene(
        5,
        "One byte changes between city and province",
        "市到省的路上有一个字节被改动",
    )?;
    let world = story.world;
    let within = if story.state.sabotage { Within::Record } else { Within::Head };
    world.tamper.arm(&Tier::Province.code(), within);
    // A step taken before an interruption brings nothing any more: the next one does.
    let taken = story.state.steps.iter().filter(|s| s.done && s.number >= FIRST_STEP).count();
    let step = FIRST_STEP + u32::try_from(taken).unwrap_or(0);
    story.advance(step).await?;
    let seen = world.seen().await?;
    let spoilt = until(async || Ok(world.tamper.spoilt())).await;
    world.tamper.disarm();
    let Some(spoilt) = spoilt? else {
        story.show.say("no parcel came by to be changed", "没有报文经过，未能改动")?;
        return Ok(());
    };
    let (en, zh) = match spoilt.within {
        Within::Head => ("", ""),
        Within::Record => (" (in a record)", "（记录内容）"),
    };
    story.show.say(
        format!(
            "envelope {} of {} with {}: byte {}{en} was `{}`, is now `{}`",
            spoilt.id.sequence,
            spoilt.id.sender,
            plural(spoilt.records as u64, "record"),
            spoilt.at,
            spoilt.before,
            spoilt.after,
        ),
        format!(
            "{} 第 {} 号报文（{} 条）：第 {} 字节{zh}由 {} 变为 {}",
            spoilt.id.sender,
            spoilt.id.sequence,
            spoilt.records,
            spoilt.at,
            spoilt.before,
            spoilt.after,
        ),
    )?;
    refused(story, &spoilt).await?;
    story.show.pause(1_500).await;
    again(story, &spoilt).await?;
    story.rest(seen).await?;
    story.show.pause(2_500).await;
    Ok(())
}

/// What the province said.
async fn refused(story: &mut Story<'_>, spoilt: &Spoilt) -> Result<(), Failure> {
    let world = story.world;
    let found = until(async || refusal(story, &spoilt.id).await).await?;
    let Some(found) = found else {
        return Ok(story.show.say("the province has not refused it", "省平台没有拒收")?);
    };
    let code = found.violations.first().map_or("", |v| &*v.rule).to_owned();
    let text = canon::code(&code);
    story.show.say(
        format!(
            "province: refused [{code}], nothing kept: {}",
            text.map_or("", |c| c.en.split(';').next().unwrap_or_default())
        ),
        format!("省平台：{} [{code}]，未留存任何内容", text.map_or("已拒收", |c| c.zh)),
    )?;
    let Some(tier) = world.tier_of(&spoilt.id.sender) else { return Ok(()) };
    let told = until(async || {
        let own = own(story, tier, &spoilt.id).await?;
        // A refusal that came counts, even if the envelope has gone up again meanwhile.
        Ok(own.filter(|o| o.refusals > 0 || o.state == OutState::Settled))
    })
    .await?;
    let Some(own) = told else { return Ok(()) };
    let title = tier.title(story.show.lang());
    let why = own.reason.map(|r| format!(" [{r}]")).unwrap_or_default();
    Ok(story.show.say(
        format!("{title}: a signed refusal came{why}; the envelope goes up again by itself"),
        format!("{title}：收到签名的拒收通知{why}，报文自动重发"),
    )?)
}

/// The right bytes settle.
async fn again(story: &mut Story<'_>, spoilt: &Spoilt) -> Result<(), Failure> {
    let Some(tier) = story.world.tier_of(&spoilt.id.sender) else { return Ok(()) };
    let settled = until(async || {
        let own = own(story, tier, &spoilt.id).await?;
        Ok(own.filter(|o| o.state == OutState::Settled))
    })
    .await?;
    let (en, zh) = match settled {
        Some(own) => {
            let n = own.id.sequence;
            (
                format!("the same envelope {n}, right this time: receipt verified, settled"),
                format!("同一报文（第 {n} 号）以原字节重发：回执验证通过，已落定"),
            )
        }
        None => ("it has not settled yet".to_owned(), "尚未落定".to_owned()),
    };
    Ok(story.show.say(en, zh)?)
}

async fn own(
    story: &Story<'_>,
    tier: Tier,
    id: &EnvelopeId,
) -> Result<Option<OutEnvelope>, Failure> {
    story.world.store(tier).outbound(id).await.map_err(store_failure)
}

/// The refused parcel of this envelope among the province's problems.
async fn refusal(story: &Story<'_>, id: &EnvelopeId) -> Result<Option<ProblemItem>, Failure> {
    let filter = ProblemFilter { limit: 10_000, ..ProblemFilter::default() };
    let store = story.world.store(Tier::Province);
    let found = store.problems(filter).await.map_err(store_failure)?;
    let id = id.to_string();
    let refused = found.into_iter().rev().filter(|p| p.class == "refused");
    // The newest, should its reference not name the envelope.
    let (named, others): (Vec<_>, Vec<_>) = refused.partition(|p| p.reference.contains(&id));
    Ok(named.into_iter().chain(others).next())
}

/// Looks until there is something, or patience ends.
async fn until<T>(
    mut look: impl AsyncFnMut() -> Result<Option<T>, Failure>,
) -> Result<Option<T>, Failure> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if let Some(found) = look().await? {
            return Ok(Some(found));
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(None)
}
