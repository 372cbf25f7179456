//! `demo --serve`: after the story the four nodes go on, with something wrong for each page to show, and
//! their pages are served until Ctrl-C.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use admin::machines::Machines;
use encoding_rs::GB18030;
use exchange::config::{At, ListenConfig};
use store::{AuditEvent, EventOn, OutEvent};

use super::prepare;
use super::scenes::Story;
use super::tiers::Tier;
use super::world::{LOOK, World};
use crate::assemble::store_failure;
use crate::files;
use crate::pages::Serving;
use crate::text::Failure;

/// The first of the four ports; another one is taken where somebody has it.
const PORT: u16 = 8471;
/// The step of the legacy systems that brings new cases: later than every one of the story.
const STEP: u32 = 9;
/// The line that is filed again and again.
const LINE: usize = 17;
/// How often.
const MISFILED: u32 = 3;
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
        let wanted = Serving::open(config, (&place(port), Machines::default()), node, &clock).await;
        all.push(match wanted {
            Ok(pages) => pages,
            Err(_) => Serving::open(config, (&place(0), Machines::default()), node, &clock).await?,
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
    misfiled(story)?;
    let began = Instant::now();
    while began.elapsed() < STUCK_MAX && !given_up(world).await? {
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

/// The township's window files one more day's sheet, in which the same mistake is made with every case: its
/// line 17, whose citizen number has a wrong check digit, under other case numbers.
fn misfiled(story: &Story<'_>) -> Result<(), Failure> {
    let (drops, first) = (story.world.folder.drops(), &story.state.first_file);
    let old = drops.join("done").join(first);
    let bytes = std::fs::read(&old).map_err(|e| files::cannot(&old, &e))?;
    let (text, _, _) = GB18030.decode(&bytes);
    let mut lines = text.lines();
    let (Some(head), Some(wrong)) = (lines.next(), lines.nth(LINE - 2)) else { return Ok(()) };
    let (number, rest) = wrong.split_once(',').unwrap_or((wrong, ""));
    let stem: String = number.chars().take(number.chars().count().saturating_sub(6)).collect();
    let mut sheet = format!("{head}\r\n");
    for nth in 1..=MISFILED {
        sheet.push_str(&format!("{stem}{:06},{rest}\r\n", 900_000 + nth));
    }
    let name = first.replace(".csv", "-2.csv");
    let part = drops.join(format!(".{name}.part"));
    std::fs::write(&part, GB18030.encode(&sheet).0).map_err(|e| files::cannot(&part, &e))?;
    let path = drops.join(name);
    std::fs::rename(&part, &path).map_err(|e| files::cannot(&path, &e))
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
        reason: Some("bus.unreachable".into()),
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
            action: "give_up.envelope".into(),
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
        "Ctrl-C ends it; nothing is lost, `tiergate run` starts these nodes again, a new demo begins anew.".to_owned(),
        "按 Ctrl-C 结束，数据不丢失；可用 tiergate run 再次启动这些节点，重新演示则从头开始。".to_owned(),
    ))?;
    Ok(())
}
