//! The pages of a process: what they need to know of it, and the listeners they are served by.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use admin::Hall;
use admin::access::{Access, Terms};
use admin::error::PageError;
use admin::house::{
    Both, Checked, Disk, Errand, House, HouseFuture, Paper, Proof, Said, Setting, Shown,
};
use admin::machines::Machines;
use canon::Millis;
use edge::listen::{Listener, Peer, Settings};
use envelope::{KeyRing, SenderCert};
use exchange::config::{ListenConfig, NodeConfig};
use exchange::reconcile::sheets::Sheet;
use exchange::standing::Backfill;
use exchange::{Node, rested};
use ring::rand::{SecureRandom, SystemRandom};
use store::ProblemItem;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::commands::reconcile::book;
use crate::commands::{doctor, evidence, quarantine, status};
use crate::desk::{self, Request};
use crate::expiry;
use crate::files::{self, CONFIG_BYTES_MAX};
use crate::run::Clock;
use crate::stores::Tier;
use crate::text::{Failure, Out};
use crate::{alerts, identity, os, posts};

/// How often a node is looked at for its pages.
const LOOK: Duration = Duration::from_secs(2);

/// What the pages of one node know of its process.
struct Porter {
    config: NodeConfig,
    tier: Tier,
    node: Arc<Node>,
    keys: KeyRing,
    shown: BTreeMap<String, Shown>,
    settings: Vec<Setting>,
}

/// Pages that are served.
pub(crate) struct Serving {
    /// Whose.
    pub(crate) node: Arc<Node>,
    /// Where, as a browser is told.
    pub(crate) address: String,
    /// The hall, for whoever makes accounts.
    pub(crate) hall: Arc<Hall>,
    stop: oneshot::Sender<()>,
    ended: watch::Sender<bool>,
    tasks: [JoinHandle<()>; 2],
}

fn both(en: impl Into<String>, zh: impl Into<String>) -> Both {
    Both { en: en.into(), zh: zh.into() }
}

impl Porter {
    fn of(config: &NodeConfig, node: &Arc<Node>) -> Result<Self, Failure> {
        let code = &node.code;
        let mut shown = BTreeMap::new();
        for adapter in config.adapters_of(code) {
            let columns = quarantine::shown(config, code, &adapter.name)?;
            shown.insert(adapter.name.to_string(), columns);
        }
        Ok(Self {
            tier: Tier::of(config, code, Arc::clone(&node.store)),
            keys: identity::ring(config, code)?,
            settings: settings(&config.file)?,
            config: config.clone(),
            node: Arc::clone(node),
            shown,
        })
    }

    fn paper(&self, paper: &expiry::Paper, now: Millis) -> Option<Paper> {
        let (path, anchor) = match paper {
            expiry::Paper::Certificate(path) => (path, false),
            expiry::Paper::Anchor(path) => (path, true),
        };
        let pem = files::text(path, CONFIG_BYTES_MAX).ok()?;
        let all = envelope::identity::chain(&pem);
        let ends = all.iter().filter_map(|der| envelope::validity(der));
        let (from, until) = ends.min_by_key(|(_, until)| until.0)?;
        let own = all.first().and_then(|der| SenderCert::from_der(der).ok());
        let (well, en, zh) = expiry::says((from, until), now);
        let file = path.display().to_string();
        let name = path.file_name().map_or_else(|| file.clone(), |n| n.to_string_lossy().into());
        Some(Paper {
            subject: own.as_ref().map_or(name, |own| own.node.to_string()),
            suite: own.map_or_else(String::new, |own| own.suite.name().to_owned()),
            file,
            anchor,
            from,
            until,
            text: both(en, zh),
            well,
        })
    }
}

/// A configuration file as it was read at the start, line by line.
fn settings(file: &str) -> Result<Vec<Setting>, Failure> {
    let text = files::text(Path::new(file), CONFIG_BYTES_MAX)?;
    let line = |(at, text): (usize, &str)| Setting {
        file: file.to_owned(),
        line: u32::try_from(at + 1).unwrap_or(u32::MAX),
        text: text.to_owned(),
    };
    Ok(text.lines().enumerate().map(line).collect())
}

impl House for Porter {
    fn said(&self, now: Millis) -> HouseFuture<'_, Vec<Said>> {
        Box::pin(async move {
            let said = status::said(&self.tier, now).await.map_err(|e| e.en)?;
            let one = |s: crate::commands::waiting::Said| Said {
                kind: s.kind.to_owned(),
                about: s.about,
                text: both(s.en, s.zh),
                needs_a_person: s.needs_a_person,
            };
            Ok(said.into_iter().map(one).collect())
        })
    }

    fn papers(&self, now: Millis) -> Vec<Paper> {
        let mut papers: Vec<Paper> =
            self.tier.papers.iter().filter_map(|paper| self.paper(paper, now)).collect();
        papers.sort_by_key(|paper| paper.until);
        papers
    }

    fn settings(&self) -> Vec<Setting> {
        self.settings.clone()
    }

    fn check_up(&self, _now: Millis) -> HouseFuture<'_, Vec<Checked>> {
        Box::pin(async move {
            let looks = doctor::looks(std::slice::from_ref(&self.config)).await;
            let looks = looks.map_err(|e| e.en)?;
            let one = |look: doctor::Look| Checked {
                what: format!("{} · {}", look.of, look.step),
                well: look.fine,
                text: both(look.en, look.zh),
            };
            Ok(looks.into_iter().map(one).collect())
        })
    }

    fn disk(&self) -> Option<Disk> {
        let found = rustix::fs::statvfs(&self.config.data).ok()?;
        let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
        Some(Disk { free: bytes(found.f_bavail), total: bytes(found.f_blocks) })
    }

    fn shown(&self, adapter: &str) -> Shown {
        self.shown.get(adapter).cloned().unwrap_or_default()
    }

    fn opened(&self, raw: Vec<u8>, item: &ProblemItem) -> Option<Vec<u8>> {
        rested::opened(raw, item, &self.keys)
    }

    fn ask<'a>(&'a self, errand: &'a Errand, now: Millis) -> HouseFuture<'a, u64> {
        Box::pin(async move {
            let request = match errand {
                Errand::Backfill { adapter, from, to, by } => Request::Backfill {
                    job: Backfill {
                        adapter: adapter.clone(),
                        from: *from,
                        to: *to,
                        by: by.clone(),
                        ordered: now,
                        paused: false,
                        total: None,
                        ended: None,
                    },
                },
                Errand::Maintenance { until, text, by } => Request::Maintenance {
                    from: now,
                    until: *until,
                    text: text.clone(),
                    by: by.clone(),
                },
                Errand::Evidence { subject, by } => {
                    Request::Evidence { subject: subject.clone(), records: 0, by: by.clone() }
                }
            };
            let done = desk::apply(&desk::office(&self.node), &request, now).await;
            done.map_err(|e| e.to_string())
        })
    }

    fn evidence<'a>(&'a self, subject: &'a str, _now: Millis) -> HouseFuture<'a, Option<Proof>> {
        Box::pin(async move {
            let tiers = std::slice::from_ref(&self.tier);
            let found = evidence::proof(tiers, subject, &self.keys).await;
            let (proof, _) = found.map_err(|e| e.en)?;
            let one = |(text, n): (String, usize)| Proof { file: text.into(), records: n as u64 };
            Ok(proof.map(one))
        })
    }

    fn book(&self, title: &str, sheets: &[Sheet]) -> Result<Vec<u8>, String> {
        book::bytes(title, sheets).map_err(|e| e.to_string())
    }

    fn signed(&self, file: &[u8]) -> Result<Vec<u8>, String> {
        let signed = envelope::sign_text(file, self.node.signers.first());
        signed.map_err(|e| e.to_string())
    }
}

/// The pages of every configuration that has them, one listener each.
pub(crate) async fn open(
    configs: &[NodeConfig],
    nodes: &[Arc<Node>],
    clock: &Clock,
) -> Result<Vec<Serving>, Failure> {
    let mut serving = Vec::new();
    for config in configs {
        let Some(admin) = &config.admin else { continue };
        let first = config.identities.first().map(|identity| &identity.code);
        let Some(code) = admin.identity.as_ref().or(first) else { continue };
        let Some(node) = nodes.iter().find(|node| node.code == *code) else { continue };
        let machines = alerts::machines(admin, &config.limits)?;
        serving.push(Serving::open(config, (&admin.listen, machines), node, clock).await?);
    }
    Ok(serving)
}

/// Says where the pages are, and how the first person gets in.
pub(crate) async fn tell(serving: &[Serving], out: &Out) -> Result<(), Failure> {
    for one in serving {
        let (code, address) = (&one.node.code, &one.address);
        out.say(
            format_args!("pages of {code}: {address}"),
            format_args!("{code} 管理页面：{address}"),
        )?;
        let link = one.hall.access.first_link(&one.hall).await;
        let link = link.map_err(|e| Failure::environment(e.text.en, e.text.zh))?;
        if let Some(link) = link {
            out.say(
                format_args!("  nobody has an account yet; for the first, once, within a day: {address}{link}"),
                format_args!("  尚无账号，请在 24 小时内打开此一次性链接设置：{address}{link}"),
            )?;
        }
    }
    Ok(())
}

/// Makes a way back to an account, for somebody at the machine.
pub(crate) async fn link_for(serving: &[Serving], account: &str, out: &Out) -> Result<(), Failure> {
    let failed = |e: PageError| Failure::environment(e.text.en, e.text.zh);
    let Some(one) = serving.first() else {
        let none = "no configuration file has [admin]: there are no pages";
        return Err(Failure::usage(none, "配置文件没有 [admin]，未开启管理页面"));
    };
    let link = one.hall.access.link_back(&one.hall, account).await.map_err(failed)?;
    let address = &one.address;
    Ok(out.say(
        format_args!("  a new password for {account}, once, within a day: {address}{link}"),
        format_args!("  账号 {account} 的一次性链接（24 小时内有效）：{address}{link}"),
    )?)
}

impl Serving {
    /// The pages of one node at this place.
    pub(crate) async fn open(
        config: &NodeConfig,
        (listen, machines): (&ListenConfig, Machines),
        node: &Arc<Node>,
        clock: &Clock,
    ) -> Result<Self, Failure> {
        let porter = Porter::of(config, node)?;
        let title = porter.tier.title.clone();
        let chance = chance()?;
        let settings: Settings = posts::settings(listen, &config.limits)?;
        let hall = Hall::new(
            (Arc::clone(node), title),
            Arc::new(porter),
            Access::new(Terms { tls: settings.tls.is_some(), ..Terms::default() }),
            (Arc::clone(clock), Arc::new(os::now), chance),
        );
        let failed = |e: &dyn std::fmt::Display| {
            Failure::environment(format!("[admin] {e}"), format!("[admin] {e}"))
        };
        // The hall is new: nobody has set it before.
        drop(hall.machines.set(machines));
        hall.series.load(hall.store()).await.map_err(|e| failed(&e))?;
        let secure = settings.tls.is_some();
        let listener = Listener::bind(settings).await.map_err(|e| {
            Failure::environment(format!("[admin] {e}"), format!("[admin] 无法监听：{e}"))
        })?;
        let address = shown_address(listener.address(), secure);
        let (stop, stopped) = oneshot::channel::<()>();
        let router =
            admin::router(&hall, |left| left.get::<Peer>().and_then(|peer| peer.certificate));
        let served = tokio::spawn(listener.serve(router, async move {
            // A sender that is gone is a stop as well.
            drop(stopped.await);
        }));
        let (ended, end) = watch::channel(false);
        let looking = tokio::spawn(look(Arc::clone(&hall), end));
        let (node, tasks) = (Arc::clone(node), [served, looking]);
        Ok(Self { node, address, hall, stop, ended, tasks })
    }

    /// Takes nothing more, and ends.
    pub(crate) async fn close(self) {
        self.ended.send_replace(true);
        // A task that is gone has ended by itself.
        let (Ok(()) | Err(())) = self.stop.send(());
        for task in self.tasks {
            drop(task.await);
        }
    }
}

/// Looks at a node now and then, until the end.
async fn look(hall: Arc<Hall>, mut end: watch::Receiver<bool>) {
    while !*end.borrow() {
        // A store that does not answer is asked again at the next look; its workers say why.
        drop(hall.look().await);
        drop(hall.watch().await);
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            changed = end.changed() => if changed.is_err() { return },
        }
    }
}

/// What somebody types into a browser.
fn shown_address(address: SocketAddr, secure: bool) -> String {
    format!("{}://{address}", if secure { "https" } else { "http" })
}

fn chance() -> Result<admin::hall::Chance, Failure> {
    let random = SystemRandom::new();
    let none = || Failure::environment("the system gives no random numbers", "系统无法提供随机数");
    let mut seed = [0; 32];
    random.fill(&mut seed).map_err(|_| none())?;
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &seed);
    let drawn = std::sync::atomic::AtomicU64::new(0);
    Ok(Arc::new(move |out: &mut [u8]| {
        if random.fill(out).is_ok() {
            return;
        }
        // It gave some at the start; what follows from that cannot be guessed either.
        for part in out.chunks_mut(32) {
            let nth = drawn.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let now = os::now().0.to_be_bytes();
            let tag = ring::hmac::sign(&key, &[&now[..], &nth.to_be_bytes()[..]].concat());
            part.copy_from_slice(&tag.as_ref()[..part.len()]);
        }
    }))
}
