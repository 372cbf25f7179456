//! The sources of a story.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use adapt::{Mapping, Package};
use canon::{Day, Lane, Route};
use edge::file_drop::{FileDrop, Settings};
use edge::legacy_db::LegacyDb;
use edge::sql::SqlSource;
use edge::{Nothing, Source, SourceError};
use exchange::backfill::Backfill;
use exchange::collect::{Adapter, Collect, Target};
use exchange::{Node, Worker};

use super::{TIERS, card, editions, files, live, root, to_city};

/// A source at a tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feed {
    /// Lines of `tests/world/line`: one line, one record.
    Lines(usize),
    /// The same lines, to the province and to the city: each line is two records, each with a
    /// destination of its own.
    Both(usize),
    /// The same lines, to the city in the first edition and to the province in the second.
    Second(usize),
    /// The same lines in the first edition, where the second is known already.
    Earlier(usize),
    /// The same lines, each file of which is answered, to both.
    AnsweredBoth(usize),
    /// The same lines, each file of which is answered.
    Answered(usize),
    /// Old lines, from a folder of their own: history.
    History(usize),
    /// The township's daily files.
    Township(usize),
    /// The county's legacy database.
    County(usize),
    /// The same lines as `Lines`, of a web service at this port of the machine.
    Asked(usize, u16),
    /// The same, compared in full passes: what a vanished line gave is withdrawn.
    Compared(usize, u16),
    /// Lines of `tests/world/card`: from the province they go down to the county.
    Cards(usize),
    /// Lines of `tests/world/code_table`, which go down to the county.
    Tables(usize),
}

/// The folder of a drop source.
pub(super) fn folder(base: &Path, tier: usize) -> PathBuf {
    base.join(format!("drop-{}", TIERS[tier]))
}

/// The file of a legacy database.
pub(super) fn database(base: &Path, tier: usize) -> PathBuf {
    base.join(format!("legacy-{}.db", TIERS[tier]))
}

impl Feed {
    /// Where it is.
    pub const fn tier(self) -> usize {
        match self {
            Self::Lines(tier)
            | Self::Both(tier)
            | Self::Second(tier)
            | Self::Earlier(tier)
            | Self::AnsweredBoth(tier)
            | Self::Answered(tier)
            | Self::History(tier)
            | Self::Township(tier)
            | Self::County(tier)
            | Self::Asked(tier, _)
            | Self::Compared(tier, _)
            | Self::Cards(tier)
            | Self::Tables(tier) => tier,
        }
    }

    /// The types it reports every day, with a zero where there was none.
    pub(super) const fn owes(self) -> &'static [&'static str] {
        match self {
            Self::Cards(_) => &["JCKP"],
            Self::Tables(_) => &["DMBB", "DMTM"],
            _ => &["SB", "SL", "BJ"],
        }
    }

    /// Where its live records go.
    pub(super) fn routes(self) -> Vec<Route> {
        match self {
            Self::Cards(tier) => vec![card::route_of(tier)],
            Self::Tables(_) => vec![card::down()],
            Self::Both(_) | Self::AnsweredBoth(_) | Self::Earlier(_) => vec![live(), to_city()],
            Self::Second(_) => vec![editions::in_second(), to_city()],
            _ => vec![live()],
        }
    }

    const fn package(self) -> (&'static str, &'static str) {
        match self {
            Self::Lines(_)
            | Self::Both(_)
            | Self::Second(_)
            | Self::Earlier(_)
            | Self::Answered(_)
            | Self::AnsweredBoth(_)
            | Self::Asked(..)
            | Self::Compared(..) => ("line", "tests/world/line"),
            Self::History(_) => ("old_line", "tests/world/line"),
            Self::Township(_) => ("township_window", "adapters/township_window"),
            Self::County(_) => ("county_approval", "adapters/county_approval"),
            Self::Cards(_) => ("card", "tests/world/card"),
            Self::Tables(_) => ("code_table", "tests/world/code_table"),
        }
    }

    /// Where its web service listens.
    const fn port(self) -> Option<u16> {
        match self {
            Self::Asked(_, port) | Self::Compared(_, port) => Some(port),
            _ => None,
        }
    }

    /// Makes the folder or the database.
    pub(super) async fn prepare(self, base: &Path) {
        if let Self::County(tier) = self {
            let text = |name: &str| {
                let path = root().join("adapters/county_approval").join(name);
                std::fs::read_to_string(path).expect("the county's tables")
            };
            let ddl = text("schema.sql") + &text("trigger.sql");
            let db = LegacyDb::create(&database(base, tier), &ddl).await.expect("a database");
            db.commit().await.expect("a database");
        } else {
            std::fs::create_dir_all(self.folder(base)).expect("a drop folder");
        }
    }

    fn folder(self, base: &Path) -> PathBuf {
        let folder = folder(base, self.tier());
        match self {
            Self::History(_) => folder.with_extension("old"),
            Self::Cards(_) => folder.with_extension("cards"),
            Self::Tables(_) => folder.with_extension("tables"),
            _ => folder,
        }
    }

    /// The worker that collects from it.
    pub(super) fn collect(self, node: &Arc<Node>, base: &Path) -> Box<dyn Worker> {
        let package = self.read();
        let source = self.source(&package, base);
        Box::new(Collect::new(Arc::clone(node), self.adapter(node, package, source)))
    }

    /// The worker that back-fills from beside it.
    pub(super) fn backfill(self, node: &Arc<Node>, base: &Path) -> Box<dyn Worker> {
        let package = self.read();
        let (opened, base) = (package.source.clone(), base.to_owned());
        let open = move |from: Day, to: Day| -> Result<Box<dyn Source>, SourceError> {
            let (name, _) = self.package();
            match &opened {
                adapt::Source::Files(source) => {
                    let folder = folder(&base, self.tier()).with_extension("history");
                    let mut settings = Settings::of(name, folder, source);
                    (settings.settle_for_ms, settings.between) = (0, Some((from, to)));
                    Ok(Box::new(FileDrop::open(settings)?))
                }
                adapt::Source::Sql(sql) => {
                    let path = database(&base, self.tier());
                    let settings =
                        edge::sql::Settings::of(name, edge::db::Place::Sqlite(path), sql);
                    Ok(Box::new(SqlSource::new(settings.history(sql, from, to)?)?))
                }
                adapt::Source::Http(_) | adapt::Source::Push(_) | adapt::Source::Exec(_) => {
                    panic!("no feed of the world")
                }
            }
        };
        let adapter = self.adapter(node, package, Box::new(Nothing));
        Box::new(Backfill::new(Arc::clone(node), adapter, Box::new(open)))
    }

    /// Its adapter package.
    pub(super) fn read(self) -> Package {
        let mut files = files(&root().join(self.package().1));
        if matches!(self, Self::Answered(_) | Self::AnsweredBoth(_)) {
            let toml = files.get_mut("adapter.toml").expect("a package has its main file");
            let text = String::from_utf8_lossy(toml);
            *toml = text.replace("[source]\n", "[source]\nanswer = \"结果\"\n").into_bytes();
        }
        if self.port().is_some() {
            let toml = files.get_mut("adapter.toml").expect("a package has its main file");
            let text = String::from_utf8_lossy(toml);
            let (head, rest) = text.split_once("[source]\n").expect("a source");
            let (_, rest) = rest.split_once("[[void]]").expect("what follows the source");
            let source = include_str!("asked_source.toml");
            let compared = matches!(self, Self::Compared(..));
            let source = if compared { compare(source) } else { source.to_owned() };
            // As in real tables: what tells rows apart is written with more care than it is read.
            let rest = rest.replace(" = \"case\"\n", " = { from = \"case\", do = [\"trim\"] }\n");
            let rest = rest.replace("by = { from = \"case\", do = [\"trim\"] }", "by = \"case\"");
            *toml = format!("{head}{source}\n[[void]]{rest}").into_bytes();
        }
        let package = Package::read(&files);
        package.unwrap_or_else(|p| panic!("the package: {p:?}"))
    }

    fn adapter(self, node: &Arc<Node>, package: Package, source: Box<dyn Source>) -> Adapter {
        let suite: Arc<str> = node.signers.first().suite().name().into();
        let signed = |route: Route| Route { suite: Arc::clone(&suite), ..route };
        let target = |live: Route| {
            let format = editions::edition(&live.edition);
            let mapping = Mapping::compile(&package, &format);
            Target {
                mapping: Arc::new(mapping.unwrap_or_else(|p| panic!("{p:?}"))),
                format,
                bulk: Route { lane: Lane::Bulk, ..live.clone() },
                live,
            }
        };
        Adapter {
            name: self.package().0.into(),
            source: Mutex::new(source),
            namespace: node.code.as_str().into(),
            targets: self.routes().into_iter().map(signed).map(target).collect(),
            history: matches!(self, Self::History(_)),
            interval: if self.port().is_some() { 5_000 } else { 0 },
            package: Arc::new(package),
        }
    }

    fn source(self, package: &Package, base: &Path) -> Box<dyn Source> {
        let (name, _) = self.package();
        match &package.source {
            adapt::Source::Files(source) => {
                let mut settings = Settings::of(name, self.folder(base), source);
                settings.settle_for_ms = 0;
                Box::new(FileDrop::open(settings).expect("the folder"))
            }
            adapt::Source::Sql(sql) => {
                let path = database(base, self.tier());
                let mut settings =
                    edge::sql::Settings::of(name, edge::db::Place::Sqlite(path), sql);
                settings.compare_every_ms = 1_000;
                for query in &mut settings.queries {
                    if let edge::sql::Detect::ModifiedTime { overlap_ms, .. } = &mut query.detect {
                        *overlap_ms = 5_000;
                    }
                }
                Box::new(SqlSource::new(settings).expect("the database"))
            }
            adapt::Source::Http(source) => {
                let Some(port) = self.port() else { panic!("no port") };
                let url = edge::http::address(&format!("http://127.0.0.1:{port}"));
                let client = edge::http::Settings {
                    read_timeout: std::time::Duration::from_millis(300),
                    answer_bytes_max: 100_000,
                    ..edge::http::Settings::default()
                };
                let url = url.expect("an address");
                let mut settings = edge::http_pull::Settings::of(name, url, client, source);
                settings.secrets = [("key".to_owned(), "geheim".to_owned())].into();
                Box::new(edge::http_pull::HttpPull::new(settings).expect("the service"))
            }
            adapt::Source::Push(_) | adapt::Source::Exec(_) => panic!("no feed of the world"),
        }
    }
}

/// The source as one that is compared, and withdraws.
fn compare(source: &str) -> String {
    let void =
        "detect = \"compare\"\nvanished = \"void\"\nvoid_reason = \"09\"\nvoid_by = \"SYS01\"";
    let source = source.replace("detect = \"modified_time\"\ncursor = \"at\"", void);
    source.replace(", since = \"{since}\"", "") + "\n[guard]\nmax_vanished = 3\n"
}
