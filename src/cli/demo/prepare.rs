//! The data folder: four nodes' configurations, keys and certificates, the adapter packages, the
//! code lists and the legacy data, in a form that `tiergate run` starts as it is.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use canon::{Environment, Millis};
use envelope::ca::{NodeName, Terms, Usage};
use envelope::{Ca, KeyPem, SignError, Suite};
use ring::rand::{SecureRandom as _, SystemRandom};

use super::closed;
use super::embedded::{CONFIGS, COUNTY_DDL};
use super::legacy::{self, Ledger, Places, Plan};
use super::services::{self, Services};
use super::state::State;
use super::tiers::Tier;
use crate::commands::keys::signing;
use crate::os;
use crate::packages::PACKED;
use crate::text::Failure;

const DAY: i64 = 86_400_000;
/// Validity of the demo's certificates.
const VALID_DAYS: i64 = 730;
/// Cases up to which the sources are looked at all the time, and a receipt is missed soon.
const SMALL: u64 = 5_000;

/// Paths of the data folder.
#[derive(Clone, Debug)]
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    /// A node's folder.
    pub(crate) fn of(&self, tier: Tier) -> PathBuf {
        self.0.join(tier.folder())
    }

    /// The configuration of each node, lowest tier first.
    pub(crate) fn configs(&self) -> Vec<PathBuf> {
        Tier::ALL.iter().map(|t| self.of(*t).join("node.toml")).collect()
    }

    /// The county's legacy database.
    pub(crate) fn county_db(&self) -> PathBuf {
        self.of(Tier::County).join("legacy.db")
    }

    /// The township's drop folder.
    pub(crate) fn drops(&self) -> PathBuf {
        self.of(Tier::Township).join("drops")
    }

    /// Envelope and receipt as plain XML.
    pub(crate) fn evidence(&self) -> PathBuf {
        self.0.join("evidence")
    }

    /// The root certificate.
    pub(crate) fn ca(&self) -> PathBuf {
        self.0.join("ca").join("ca.pem")
    }
}

/// Makes everything, if it is not there yet. What an interrupted start left half done is made anew.
pub(crate) async fn prepare(
    folder: &Folder,
    state: &mut State,
    services: &Services,
    now: Millis,
) -> Result<Option<Ledger>, Failure> {
    if state.prepared {
        if services.any() {
            // They may listen elsewhere by now.
            configs(folder, state, services)?;
        }
        return Ok(None);
    }
    parts(folder)?;
    for (path, bytes) in PACKED {
        write(&folder.0.join("adapters").join(path), bytes)?;
    }
    lists(folder)?;
    configs(folder, state, services)?;
    certificates(folder, named(folder, state), Millis(state.started), now)?;
    let ledger = legacy(folder, state).await?;
    state.county_case.clone_from(&ledger.showcase);
    state.first_file.clone_from(&ledger.first_file);
    state.township_case = township_case(&folder.drops().join(&state.first_file))?;
    state.prepared = true;
    state.save()?;
    Ok(Some(ledger))
}

/// Takes a finished demo away, so that the next one begins anew.
pub(crate) fn clear(folder: &Folder) -> Result<(), Failure> {
    // The state last: what an interruption leaves is still known as a finished demo.
    parts(folder)?;
    let path = folder.0.join("demo.toml");
    std::fs::remove_file(&path).map_err(|e| not_written(&path, &e))
}

/// Removes everything that a demo writes, but for its state.
fn parts(folder: &Folder) -> Result<(), Failure> {
    for part in ["ca", "adapters", "lists", "evidence"] {
        remove(&folder.0.join(part))?;
    }
    for tier in Tier::ALL {
        remove(&folder.of(tier))?;
    }
    services::clear(folder)
}

fn lists(folder: &Folder) -> Result<(), Failure> {
    let (items, regions) = legacy::lists();
    let dir = folder.0.join("lists");
    write(&dir.join("items@2.csv"), items.as_bytes())?;
    write(&dir.join("regions@2.csv"), regions.as_bytes())?;
    // The county has not taken the new list of items yet: what only the old one has passes there and
    // is rejected by the province.
    let old = format!("{items}{},已取消的事项\n", legacy::UNKNOWN_ITEM);
    let dir = folder.of(Tier::County).join("lists");
    write(&dir.join("items@1.csv"), old.as_bytes())?;
    write(&dir.join("regions@2.csv"), regions.as_bytes())
}

fn configs(folder: &Folder, state: &State, services: &Services) -> Result<(), Failure> {
    for (tier, text) in Tier::ALL.into_iter().zip(CONFIGS) {
        let mut text = services.config(tier, config(tier, text, state));
        if state.confidential {
            text = closed::config(tier, &text);
        }
        write(&folder.of(tier).join("node.toml"), text.as_bytes())?;
    }
    services.secrets(folder)
}

/// Limits of every demo: short enough for a story of a minute.
pub(crate) fn limits(overdue: &str) -> String {
    format!(
        "\n# Short, for a story of a minute · 演示用的短时限\n[limits]\n\
         seal_delay = \"100 ms\"\nretry_min = \"200 ms\"\nretry_max = \"1 s\"\n\
         receipt_overdue = \"{overdue}\"\namqp_receipt_overdue = \"{overdue}\"\ninquiry_interval = \"2 s\"\ngap_grace = \"2 s\"\n\
         close_grace = \"1 min\"\nlease_ttl = \"2 s\"\n"
    )
}

/// The tier's configuration, for the data folder: packages and lists beside the nodes, and limits
/// short enough for a story of a minute.
fn config(tier: Tier, text: &str, state: &State) -> String {
    let cases = state.cases;
    let small = cases <= SMALL;
    // A full comparison of large tables takes its time; so does a receipt behind a long queue.
    let interval = match cases {
        0..=500 => "200 ms".to_owned(),
        501..=SMALL => "500 ms".to_owned(),
        _ => format!("{} s", 2 + cases / 20_000),
    };
    let overdue = if small { "5 s" } else { "2 min" };
    let mut text = text
        .replace("../../../adapters/", "../adapters/")
        .replace(
            "[[identity]]\n",
            &format!("[[identity]]\nsuite = \"{}\"\n", state.suites.of(tier)),
        )
        .replace("interval = \"1 s\"", &format!("interval = \"{interval}\""))
        .replace("folder = \"drops\"", "folder = \"drops\"\nsettle = \"0 s\"")
        .replace("sqlite:legacy.db\"", "sqlite:legacy.db\"\noverlap = \"1 min\"");
    let lists = if tier == Tier::County { "lists" } else { "../lists" };
    write!(text, "\n[lists]\nfolders = [\"{lists}\"]\n{}", limits(overdue))
        .expect("a string takes all text");
    text
}

/// A key and a certificate that a node gets: where both lie, without the ending, whom they name, the
/// authority of which suite issues them, and what for: a key of that suite that signs, or one of the
/// suite named there, for encryption.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) at: PathBuf,
    pub(crate) name: NodeName,
    pub(crate) suite: Suite,
    pub(crate) usage: Usage,
}

impl Named {
    /// A key that signs.
    pub(crate) const fn signing(at: PathBuf, name: NodeName, suite: Suite) -> Self {
        Self { at, name, suite, usage: Usage::Signing }
    }
}

/// A root, and a key with its certificate for every node.
pub(crate) fn certificates(
    folder: &Folder,
    nodes: Vec<Named>,
    from: Millis,
    now: Millis,
) -> Result<(), Failure> {
    let random = SystemRandom::new();
    let terms = || {
        let mut bytes = [0; 8];
        let silent = SignError::Sign("no randomness from the system");
        random.fill(&mut bytes).map_err(|_| silent)?;
        // X.509 wants a positive number.
        let serial = u64::from_be_bytes(bytes) >> 1 | 1;
        Ok::<_, SignError>(Terms {
            serial,
            from: from.plus(-DAY),
            until: now.plus(VALID_DAYS * DAY),
        })
    };
    let unsigned = |e: SignError| signing(&e);
    let terms = || terms().map_err(unsigned);
    let mut suites: Vec<Suite> = nodes.iter().map(|n| n.suite).collect();
    suites.sort_unstable();
    suites.dedup();
    // An authority for each suite: the national certificates come from a national one.
    let mut roots = Vec::new();
    for (n, suite) in suites.into_iter().enumerate() {
        let (name, file) = match n {
            0 => ("Tiergate Demo CA".to_owned(), "ca.key".to_owned()),
            _ => (format!("Tiergate Demo CA {suite}"), format!("ca-{suite}.key")),
        };
        let key = KeyPem::generate(suite, &random).map_err(unsigned)?;
        let root = Ca::root(&name, &key, terms()?, &random).map_err(unsigned)?;
        secret(&folder.ca().with_file_name(file), &key)?;
        roots.push((suite, root));
    }
    let anchors: String = roots.iter().map(|(_, root)| root.certificate_pem()).collect();
    write(&folder.ca(), anchors.as_bytes())?;
    for Named { at, name, suite, usage } in nodes {
        let Some((_, root)) = roots.iter().find(|(s, _)| *s == suite) else { continue };
        let of = match usage {
            Usage::Signing => suite,
            Usage::Encryption => suite.encryption(),
        };
        let key = KeyPem::generate(of, &random).map_err(unsigned)?;
        let public = key.public(&random).map_err(unsigned)?;
        let issued = root.issue_for(usage, &name, &public, terms()?, &random);
        let certificate = issued.map_err(unsigned)?;
        write(&at.with_extension("pem"), certificate.as_bytes())?;
        secret(&at.with_extension("key"), &key)?;
    }
    Ok(())
}

/// The four nodes of the story, and who of them reads closed bodies.
fn named(folder: &Folder, state: &State) -> Vec<Named> {
    let one = |tier: Tier, file: &str, usage: Usage| {
        let (node, regions) = (tier.code(), vec![tier.region().to_owned()]);
        let name = NodeName { node, environment: Environment::Demo, regions };
        Named { at: folder.of(tier).join(file), name, suite: state.suites.of(tier), usage }
    };
    let signing = Tier::ALL.map(|tier| one(tier, "node", Usage::Signing));
    let pairs = closed::READERS.iter().filter(|_| state.confidential);
    let pairs = pairs.map(|tier| one(*tier, closed::PAIR, Usage::Encryption));
    signing.into_iter().chain(pairs).collect()
}

async fn legacy(folder: &Folder, state: &State) -> Result<Ledger, Failure> {
    let (db, drops) = (folder.county_db(), folder.drops());
    let places = Places { county_db: &db, ddl: COUNTY_DDL, township_drop: &drops };
    legacy::generate(&plan(state), &places).await.map_err(|e| legacy_failed(&e))
}

/// The legacy systems take a step; nothing happens if they have taken it.
pub(crate) async fn advance(
    folder: &Folder,
    state: &mut State,
    number: u32,
    now: Millis,
) -> Result<Option<Ledger>, Failure> {
    let Some(at) = state.begin_step(number, now)? else { return Ok(None) };
    let (db, drops) = (folder.county_db(), folder.drops());
    let places = Places { county_db: &db, ddl: COUNTY_DDL, township_drop: &drops };
    let ledger = legacy::advance(&plan(state), number, at, &places).await;
    let ledger = ledger.map_err(|e| legacy_failed(&e))?;
    state.end_step(number)?;
    Ok(Some(ledger))
}

const fn plan(state: &State) -> Plan {
    Plan { seed: state.seed, cases: state.cases, now: Millis(state.started) }
}

fn legacy_failed(e: &anyhow::Error) -> Failure {
    Failure::environment(
        format!("the legacy data could not be written: {e:#}"),
        format!("无法写出模拟的业务数据：{e:#}"),
    )
}

/// A case of the township's first file that went its whole way; its number stands in the first
/// column, the time of its pick-up in the 37th.
fn township_case(path: &Path) -> Result<String, Failure> {
    let bytes = std::fs::read(path).map_err(|e| crate::files::cannot(path, &e))?;
    let (text, _, _) = encoding_rs::GB18030.decode(&bytes);
    let whole = |line: &&str| {
        let cells: Vec<&str> = line.split(',').collect();
        cells.len() == 42 && cells.get(36).is_some_and(|c| !c.is_empty())
    };
    // The first lines after the header have nothing wrong in them but what is planted by number.
    let lines: Vec<&str> = text.lines().skip(1).collect();
    let clean = [0, 1, 3, 5, 7, 9, 11, 13, 17, 23];
    let mut found = clean.iter().filter_map(|n| lines.get(*n));
    let line = found.clone().find(|l| whole(l)).or_else(|| found.next());
    Ok(line.and_then(|l| l.split(',').next()).unwrap_or_default().to_owned())
}

/// Removes a folder, if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), Failure> {
    match std::fs::remove_dir_all(path) {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(not_written(path, &e)),
    }
}

/// Removes a file, if it is there.
pub(crate) fn remove_file(path: &Path) -> Result<(), Failure> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(not_written(path, &e)),
        _ => Ok(()),
    }
}

/// Writes a file, its folder too.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|e| not_written(folder, &e))?;
    }
    std::fs::write(path, bytes).map_err(|e| not_written(path, &e))
}

/// Writes a text that only its owner may read, where none is yet.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), Failure> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|e| not_written(folder, &e))?;
    }
    os::write_secret(path, text).map_err(|e| not_written(path, &e))
}

/// Writes a key that only its owner may read.
pub(crate) fn secret(path: &Path, key: &KeyPem) -> Result<(), Failure> {
    write_private(path, &key.0)
}

/// The system did not let us write there.
pub(crate) fn not_written(path: &Path, error: &io::Error) -> Failure {
    let path = path.display();
    Failure::environment(
        format!("{path} could not be written: {error}; name another folder with --data"),
        format!("无法写入 {path}：{error}；请用 --data 指定可写的目录"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::suites::Suites;
    use crate::open;

    #[tokio::test]
    async fn what_is_prepared_is_a_right_configuration_and_made_once() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder(dir.path().to_owned());
        let now = Millis::parse("2026-11-21 12:00:00").unwrap();
        let mut state = State::new(&folder.0, 1, 100, Suites::Mixed, now);
        prepare(&folder, &mut state, &Services::default(), now).await.unwrap();
        let configs = open::right_configs(&folder.configs()).unwrap();
        assert_eq!(configs.len(), 4);
        for config in &configs {
            let identity = config.identities.first().unwrap();
            let material =
                crate::identity::identity(config, identity, Millis(state.started)).unwrap();
            assert_eq!(material.unwrap().certificates[0].node, identity.code);
        }
        assert!(state.township_case.starts_with("990103101"), "{}", state.township_case);
        assert!(state.county_case.starts_with("990103"));
        let pem = std::fs::read(folder.ca()).unwrap();
        prepare(&folder, &mut state, &Services::default(), now).await.unwrap();
        assert_eq!(std::fs::read(folder.ca()).unwrap(), pem, "not made twice");
        state.prepared = false;
        prepare(&folder, &mut state, &Services::default(), now).await.unwrap();
        assert_ne!(std::fs::read(folder.ca()).unwrap(), pem, "half of a start is made anew");
    }
}
