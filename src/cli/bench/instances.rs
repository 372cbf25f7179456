//! One gateway process, then several that share a node: real processes (`tiergate run --instance`) over
//! one schema and one queue. What binds them is measured: everything from the broker's queue to
//! kept records and answered envelopes. The senders are this process; what they send is sealed before.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bus::amqp::{AmqpBus, manage};
use bus::{Bus as _, Confirmation, Parcel};
use canon::{Lane, NodeCode};
use exchange::config::StoreUrl;
use serde::Serialize;
use store::{PostgresStore, SLOTS, SharedStore, slot_of_sender};

use super::ground::Ground;
use super::meter::Meter;
use super::nodes::Authority;
use super::report::Line;
use super::{input, stages};
use crate::assemble::store_failure;
use crate::brokers::{self, Site};
use crate::commands::bus::unreached;
use crate::demo::prepare::Folder;
use crate::demo::services::Services;
use crate::demo::tiers::Tier;
use crate::stores::postgres_settings;
use crate::text::Failure;
use crate::{files, open, os};

/// How long nothing may move.
const STUCK: Duration = Duration::from_secs(120);
/// Parcels handed to the broker at once.
const AT_ONCE: usize = 64;
/// Most records of one run: they are sealed in memory before it begins.
const RECORDS_MAX: u64 = 100_000;
/// Who shares the node is settled within a few looks, and these are short ones.
const LIMITS: &str =
    "\n[limits]\nlease_ttl = \"6 s\"\nsender_inbox_share = 100\ninbox_parcels_max = 4096\n";

/// What was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Instances {
    /// Throughput of one process.
    one: Line,
    /// Throughput of several.
    several: Line,
    /// How many.
    instances: u32,
    /// Several against one.
    ratio: f64,
}

impl Instances {
    /// For people.
    pub(crate) fn lines(&self) -> Vec<String> {
        let Self { one, several, instances, ratio } = self;
        let of = |line: &Line| format!("{:.0} records/s, {:.1} µs CPU", line.rate(), line.cpu_us());
        vec![
            "\nReal gateway processes share one node: received, verified, judged, kept, answered"
                .into(),
            format!("  one process: {}", of(one)),
            format!("  {instances} processes: {}", of(several)),
            format!("  {instances} against one: {ratio:.2} ×"),
        ]
    }
}

/// What the senders send, and who they are.
struct Load {
    senders: Vec<(NodeCode, Vec<Parcel>)>,
    receiver: NodeCode,
    records: u64,
    bytes: u64,
    authority: Authority,
}

/// Measures one process, then `most`.
pub(crate) async fn run(
    ground: &Ground,
    services: (&str, &str),
    folder: &Path,
    records: u64,
    most: u32,
) -> Result<Instances, Failure> {
    let mut load = load(&folder.join("input"), records.min(RECORDS_MAX))?;
    let one = shared(ground, services, &folder.join("one"), &mut load, 1).await?;
    let several = shared(ground, services, &folder.join("several"), &mut load, most).await?;
    let ratio = several.rate() / one.rate();
    Ok(Instances { one, several, instances: most, ratio })
}

/// A sender for each slot, so that the work can be cut evenly.
fn senders() -> Vec<NodeCode> {
    let mut of: Vec<Option<NodeCode>> = vec![None; usize::from(SLOTS)];
    let codes = (0..).filter_map(|n| NodeCode::new(&format!("sender-{n}")));
    for code in codes.take(10_000) {
        let slot = &mut of[usize::from(slot_of_sender(&code))];
        if slot.is_none() {
            *slot = Some(code);
        }
        if of.iter().all(Option::is_some) {
            break;
        }
    }
    of.into_iter().flatten().collect()
}

fn load(folder: &Path, records: u64) -> Result<Load, Failure> {
    std::fs::create_dir_all(folder).map_err(|e| files::cannot(folder, &e))?;
    let bytes = input::write(folder, records).map_err(|e| files::cannot(folder, &e))?;
    let (suite, now) = (envelope::Suite::EcdsaP256Sha256, os::now());
    let stages = stages::measure(&folder.join("window-000000.csv"), suite, now)?;
    let (mut body, mut lengths) = stages.rendered();
    let records = lengths.len() as u64;
    let (receiver, codes) = (Tier::Province.code(), senders());
    let mut authority = Authority::new(suite, now)?;
    // Whole rows each, so that no child goes without its parent.
    let row = input::RECORDS_PER_ROW as usize;
    let each = lengths.len().div_ceil(codes.len() * row).max(1) * row;
    let mut senders = Vec::new();
    for code in codes {
        let (own, rest) = lengths.split_at(each.min(lengths.len()));
        let bytes: usize = own.iter().map(|l| *l as usize).sum();
        let (own_body, rest_body) = body.split_at(bytes);
        (body, lengths) = (rest_body, rest);
        let signer = authority.signer(&code)?;
        let frames = stages::seal((own_body, own), &signer, (&code, &receiver), now)?;
        let parcel = |(id, frame): (canon::EnvelopeId, Vec<u8>)| Parcel {
            from: code.clone(),
            hop: receiver.clone(),
            lane: Lane::Live,
            id,
            kind: "records".into(),
            to: receiver.clone(),
            frame: frame.into(),
        };
        let parcels = frames.into_iter().map(parcel).collect();
        senders.push((code.clone(), parcels));
    }
    Ok(Load { senders, receiver, records, bytes, authority })
}

/// Processes of this program; gone when dropped.
struct Processes(Vec<Child>);

impl Processes {
    fn start(config: &Path, count: u32) -> Result<Self, Failure> {
        let program = std::env::current_exe()?;
        let mut started = Self(Vec::new());
        for n in 0..count {
            let mut command = Command::new(&program);
            command.args(["--lang", "en", "run", "--config"]).arg(config);
            command.args(["--instance", &format!("bench-{n}")]);
            command.stdin(Stdio::null()).stdout(Stdio::null());
            started.0.push(command.spawn()?);
        }
        Ok(started)
    }

    fn live(&mut self) -> Result<(), Failure> {
        for child in &mut self.0 {
            if let Some(ended) = child.try_wait()? {
                return Err(Failure::environment(
                    format!("a gateway process ended: {ended}"),
                    format!("网关进程已退出：{ended}"),
                ));
            }
        }
        Ok(())
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // One that ended by itself cannot be killed, and there is nothing to do about it.
            if child.kill().is_ok() {
                drop(child.wait());
            }
        }
    }
}

/// One run: so many processes over a fresh schema and fresh queues.
async fn shared(
    ground: &Ground,
    services: (&str, &str),
    folder: &Path,
    load: &mut Load,
    count: u32,
) -> Result<Line, Failure> {
    let config = prepare(services, folder, load)?;
    let configs = open::right_configs(std::slice::from_ref(&config))?;
    let sites = brokers::sites(&configs, None)?;
    let (Some(site), Some(node)) = (sites.first(), configs.first()) else {
        return Err(Failure::usage("there is no broker", "没有消息代理"));
    };
    let StoreUrl::Postgres(schema) = &node.store else {
        return Err(Failure::usage("there is no database", "没有数据库"));
    };
    let settings = postgres_settings(schema, node)?;
    PostgresStore::drop_schema(&settings).await.map_err(store_failure)?;
    let failed = |o: bus::amqp::Obstacle| unreached(&site.url.to_string(), &o);
    manage::declare(&site.logins[0], &site.topology).await.map_err(failed)?;
    let store = PostgresStore::open(&settings).await.map_err(store_failure)?;
    let store = store.identity(&load.receiver).await.map_err(store_failure)?;
    let mut processes = Processes::start(&config, count)?;
    until_shared(&store, &mut processes).await?;
    let buses = senders_on(site, load).await;
    let meter = Meter::over(ground.whose());
    publish(buses, load).await?;
    until_kept(&store, load.records, &mut processes).await?;
    let name = if count == 1 { "one process".to_owned() } else { format!("{count} processes") };
    let line = Line::new(&name, load.records, load.bytes, meter.taken());
    drop(processes);
    drop(store);
    manage::remove(&site.logins[0], &site.topology).await.map_err(failed)?;
    PostgresStore::drop_schema(&settings).await.map_err(store_failure)?;
    Ok(line)
}

/// The receiver's folder, in the form that `tiergate run` starts; gives its configuration.
fn prepare(
    (amqp, postgres): (&str, &str),
    folder: &Path,
    load: &mut Load,
) -> Result<std::path::PathBuf, Failure> {
    let (place, at) = (Folder(folder.to_owned()), Tier::Province);
    let own = place.of(at);
    std::fs::create_dir_all(&own).map_err(|e| files::cannot(&own, &e))?;
    let services = Services::parse(Some(amqp), Some(postgres), &place)?;
    services.secrets(&place)?;
    let (key, certificate) = load.authority.pem(&load.receiver)?;
    let secret = own.join("node.key");
    os::write_secret(&secret, &key).map_err(|e| files::cannot(&secret, &e))?;
    let mut text = format!(
        "version = 1\n\n[node]\ntitle = \"bench\"\ndata = \"data\"\n\n[store]\nurl = \"sqlite:node.db\"\n\n\
         [trust]\nanchors = [\"ca.pem\"]\n\n[[identity]]\ncode = \"{}\"\nenvironment = \"demo\"\n\
         key = \"file:node.key\"\ncertificate = \"node.pem\"\n",
        load.receiver
    );
    for (code, _) in &load.senders {
        text += &format!("\n[[link]]\nname = \"{code}\"\npeer = \"{code}\"\ncarrier = \"local\"\n");
    }
    text += LIMITS;
    let config = own.join("node.toml");
    for (path, text) in [
        (own.join("node.pem"), certificate.as_str()),
        (own.join("ca.pem"), load.authority.root_pem()),
        (config.clone(), &services.config(at, text)),
    ] {
        std::fs::write(&path, text).map_err(|e| files::cannot(&path, &e))?;
    }
    Ok(config)
}

/// Waits until every process has its share of accept.
async fn until_shared(store: &SharedStore, processes: &mut Processes) -> Result<(), Failure> {
    let begun = Instant::now();
    loop {
        processes.live()?;
        let (rows, now) = (store.lease_rows().await.map_err(store_failure)?, os::now());
        let parts = rows.iter().filter(|r| r.name.starts_with("accept/") && r.until > now);
        let mut of = vec![0_usize; processes.0.len()];
        for row in parts {
            let n = row.holder.strip_prefix("bench-").and_then(|n| n.parse::<usize>().ok());
            if let Some(count) = n.and_then(|n| of.get_mut(n)) {
                *count += 1;
            }
        }
        let share = usize::from(SLOTS) / of.len();
        if of.iter().all(|n| *n >= share) && of.iter().sum::<usize>() == usize::from(SLOTS) {
            return Ok(());
        }
        stuck(begun, || format!("parts of each: {of:?}"))?;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Every sender's own login.
async fn senders_on(site: &Site, load: &Load) -> Vec<AmqpBus> {
    let mut buses = Vec::new();
    for (code, _) in &load.senders {
        let login = bus::amqp::Settings { node: code.clone(), ..site.logins[0].clone() };
        let bus = AmqpBus::start(login);
        bus.up().await;
        buses.push(bus);
    }
    buses
}

/// All senders at once.
async fn publish(buses: Vec<AmqpBus>, load: &Load) -> Result<(), Failure> {
    let mut sending = tokio::task::JoinSet::new();
    for (bus, (_, parcels)) in buses.into_iter().zip(&load.senders) {
        let parcels = parcels.clone();
        sending.spawn(async move {
            for part in parcels.chunks(AT_ONCE) {
                let said = bus.publish(part.to_vec()).await?;
                if let Some(no) = said.iter().find(|s| **s != Confirmation::Confirmed) {
                    return Err(bus::BusError::Unavailable(format!("{no:?}")));
                }
            }
            Ok(())
        });
    }
    while let Some(ended) = sending.join_next().await {
        let said = ended.map_err(|e| Failure::environment(e.to_string(), e.to_string()))?;
        said.map_err(|e| Failure::environment(e.to_string(), format!("发送失败：{e}")))?;
    }
    Ok(())
}

async fn until_kept(
    store: &SharedStore,
    records: u64,
    processes: &mut Processes,
) -> Result<(), Failure> {
    let (mut last, mut since) = (0, Instant::now());
    loop {
        processes.live()?;
        let status = store.status().await.map_err(store_failure)?;
        // Every envelope judged and its receipt sealed: nothing is left to be answered.
        if status.kept >= records && status.inbox + status.control_queued == 0 {
            return Ok(());
        }
        if status.kept > last {
            (last, since) = (status.kept, Instant::now());
        }
        stuck(since, || format!("{} of {records} kept: {status:?}", status.kept))?;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn stuck(since: Instant, said: impl FnOnce() -> String) -> Result<(), Failure> {
    if since.elapsed() <= STUCK {
        return Ok(());
    }
    let said = said();
    Err(Failure::environment(format!("stands still: {said}"), format!("停滞：{said}")))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_slot_has_a_sender() {
        let slots: BTreeSet<u8> = senders().iter().map(slot_of_sender).collect();
        assert_eq!(slots.len(), usize::from(SLOTS));
    }
}
