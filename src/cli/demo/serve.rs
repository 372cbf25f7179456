//! `demo --serve`: after the story the four nodes go on, with something wrong for each page to show, and
//! their pages are served until Ctrl-C.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use exchange::config::{At, ListenConfig};
use store::{AuditEvent, EventOn, OutEvent};

use super::prepare;
use super::scenes::Story;
use super::tiers::Tier;
use super::world::{LOOK, World};
use crate::assemble::store_failure;
use crate::pages::Serving;
use crate::text::Failure;

/// The first of the four ports; another one is taken where somebody has it.
const PORT: u16 = 8471;
/// The step of the legacy systems that brings new cases: later than every one of the story.
const STEP: u32 = 9;
/// Longest wait until something is stuck.
const STUCK_MAX: Duration = Duration::from_secs(40);

/// Where a tier's pages are, a loopback address.
fn place(port: u16) -> ListenConfig {
    let at = At { file: "demo --serve".into(), line: 0, column: 0 };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    ListenConfig { address, identity: None, client_ca: None, at }
}

/// Opens the pages of the four nodes.
pub(crate) async fn open(world: &World) -> Result<Vec<Serving>, Failure> {
    let mut all = Vec::new();
    for (port, config) in (PORT..).zip(world.files()) {
        let Some(node) = world.nodes().iter().find(|n| n.code == config.identities[0].code) else {
            continue;
        };
        let clock = world.clock();
        let wanted = Serving::open(config, &place(port), node, &clock).await;
        all.push(match wanted {
            Ok(pages) => pages,
            Err(_) => Serving::open(config, &place(0), node, &clock).await?,
        });
    }
    Ok(all)
}

/// Breaks what a morning's look should find: the province does not answer, new cases pile up behind
/// the city, and an envelope of the county's was given up.
pub(crate) async fn spoil(story: &mut Story<'_>) -> Result<(), Failure> {
    let world = story.world;
    story.show.say(
        "the nodes go on; the province is cut off, new cases come in below",
        "节点继续运行；省平台断开，下级继续产生新办件",
    )?;
    world.tamper.leave();
    world.tamper.cut(&Tier::Province.code());
    prepare::advance(&world.folder, &mut story.state, STEP, world.now()).await?;
    let began = Instant::now();
    while began.elapsed() < STUCK_MAX && !given_up(world).await? {
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

/// Gives one envelope of the county's up whose receipt is overdue, as an operator would; `false`
/// while there is none.
async fn given_up(world: &World) -> Result<bool, Failure> {
    let node = world.node(Tier::County);
    let now = world.now();
    let overdue = node.store.overdue(now, 1).await.map_err(store_failure)?;
    let Some(envelope) = overdue.into_iter().next() else { return Ok(false) };
    let lease = node.lease("settle", now).await;
    let lease = lease.map_err(|e| Failure::environment(e.to_string(), e.to_string()))?;
    let Some(lease) = lease else { return Ok(false) };
    let event = EventOn {
        event: OutEvent::GivenUp,
        reason: Some("receiver.unreachable".into()),
        due_at: None,
        controls: Vec::new(),
        inbox_id: None,
        now,
    };
    let done = node.store.commit_event(&lease, &envelope.id, event).await.map_err(store_failure)?;
    if done {
        let event = AuditEvent {
            at: now,
            who: "op0012".into(),
            action: "envelope.give_up".into(),
            subject: envelope.id.to_string(),
            reason: "演示：省平台长时间不可达".into(),
            ok: true,
        };
        node.store.audit(event).await.map_err(store_failure)?;
    }
    Ok(done)
}

/// Says where the pages are, and how to get in: an account of each role, each by a link that works once.
pub(crate) async fn tell(story: &mut Story<'_>, serving: &[Serving]) -> Result<(), Failure> {
    story.show.line("")?;
    let out = story.show.out;
    for one in serving {
        let (code, address) = (&one.node.code, &one.address);
        out.say(
            format_args!("pages of {code}: {address}"),
            format_args!("{code} 管理页面：{address}"),
        )?;
        let links = one.hall.access.demo_accounts(&one.hall).await;
        for (role, link) in links.map_err(|e| Failure::environment(e.text.en, e.text.zh))? {
            let word = role.word();
            let name = role.name().1;
            out.say(
                format_args!("  {word}: {address}{link}"),
                format_args!("  {name}（{word}）：{address}{link}"),
            )?;
        }
    }
    story.show.line(story.show.out.of(
        "Ctrl-C ends it; nothing is lost, and the same command goes on from there.".to_owned(),
        "按 Ctrl-C 结束，数据不丢失；再次运行同一命令可接着看。".to_owned(),
    ))?;
    Ok(())
}
