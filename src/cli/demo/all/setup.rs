//! The data folder of the demo of every package: a node that speaks for all departments, with an
//! identity for each, and the three tiers above it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use canon::{Environment, Millis, NodeCode};
use edge::db::Place;
use envelope::ca::NodeName;

use super::department::Department;
use super::drive::Live;
use super::tables::{self, Databases, Server};
use crate::databases;
use crate::demo::prepare::{self, Folder, Named, remove, write};
use crate::demo::services::{self, Database, PG_PASSWORD};
use crate::demo::suites::Suites;
use crate::demo::tiers::Tier;
use crate::text::Failure;

/// Folder of the departments' node.
pub(super) const TOWNSHIP: &str = "departments";
/// File of MariaDB's password, in the data folder.
const MYSQL_PASSWORD: &str = "mysql.password";
/// How the address of a department's own web service begins.
const SERVICE: &str = "url = \"http://127.0.0.1:";
/// The province's tables, below its schema's prefix or in its folder.
const KEPT: &str = "kept";

/// Where everything is kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    /// The nodes' facts; SQLite files if there is none.
    pub(super) stores: Option<Database>,
    /// The departments' tables.
    pub(super) databases: Databases,
    passwords: Vec<(&'static str, String)>,
}

impl Places {
    /// From the command line.
    pub(super) fn parse(
        postgres: Option<&str>,
        mysql: Option<&str>,
        folder: &Folder,
    ) -> Result<Self, Failure> {
        let stores = postgres.map(|url| Database::parse(url, folder)).transpose()?;
        let mut passwords = Vec::new();
        let mut server = |url: Option<&str>, option: &str, file: &'static str| {
            let Some(url) = url else { return Ok(None) };
            let login = match databases::of_url(url, None) {
                Some(Place::Mysql(login)) if option == "--mysql" => login,
                Some(Place::Postgres(login)) if option == "--postgres" => login,
                _ => return Err(wrong(option)),
            };
            let word = login.password.clone();
            let password = word.map(|word| passwords.push((file, word))).map(|()| file);
            let prefix = format!("tiergate_demo_{}", services::short(folder));
            Ok::<_, Failure>(Some(Server { login, prefix, password }))
        };
        let postgres = server(postgres, "--postgres", PG_PASSWORD)?;
        let mysql = server(mysql, "--mysql", MYSQL_PASSWORD)?;
        Ok(Self { stores, databases: Databases { postgres, mysql }, passwords })
    }

    /// The database that the province's tables are in.
    pub(super) fn kept(&self, folder: &Folder) -> Place {
        match &self.databases.postgres {
            Some(server) => server.schema(KEPT),
            None => Place::Sqlite(folder.of(Tier::Province).join(format!("{KEPT}.db"))),
        }
    }
}

fn wrong(option: &str) -> Failure {
    let scheme = option.trim_start_matches('-');
    Failure::usage(
        format!("{option} takes {scheme}://USER:PASSWORD@HOST:PORT/DATABASE"),
        format!("{option} 应写作 {scheme}://用户:口令@主机:端口/数据库"),
    )
}

/// The configurations, lowest tier first.
pub(super) fn configs(folder: &Folder) -> Vec<PathBuf> {
    let at = |name: &str| folder.0.join(name).join("node.toml");
    let above = [Tier::County, Tier::City, Tier::Province].map(|t| at(t.folder()));
    std::iter::once(at(TOWNSHIP)).chain(above).collect()
}

/// Writes everything, and makes the departments' empty systems.
pub(super) async fn make(
    folder: &Folder,
    places: &Places,
    playing: &[(&Department, Live)],
    suites: Suites,
    (started, now): (Millis, Millis),
) -> Result<(), Failure> {
    clear(folder)?;
    for (department, _) in playing {
        for (path, bytes) in &department.files {
            write(&folder.0.join("adapters").join(&department.name).join(path), bytes)?;
        }
    }
    write_configs(folder, places, playing, suites)?;
    prepare::certificates(folder, named(folder, playing, suites), started, now)?;
    for (_, live) in playing {
        live.stand().await?;
    }
    tables::anew(&places.kept(folder)).await?;
    services::empty_stores(&configs(folder)).await
}

/// Removes what an earlier demo has written, but for its state.
pub(super) fn clear(folder: &Folder) -> Result<(), Failure> {
    for part in ["ca", "adapters", TOWNSHIP] {
        remove(&folder.0.join(part))?;
    }
    for tier in [Tier::County, Tier::City, Tier::Province] {
        remove(&folder.of(tier))?;
    }
    services::clear(folder)?;
    prepare::remove_file(&folder.0.join(MYSQL_PASSWORD))
}

/// A demo goes on over the services and packages it was begun with.
pub(super) fn same(
    folder: &Folder,
    places: &Places,
    playing: &[(&Department, Live)],
    suites: Suites,
) -> Result<(), Failure> {
    // A web service's port is another at every start.
    let lasting = |text: &str| -> Vec<String> {
        text.lines().filter(|l| !l.starts_with(SERVICE)).map(str::to_owned).collect()
    };
    let there = |(path, text): (PathBuf, String)| {
        std::fs::read_to_string(path).is_ok_and(|there| lasting(&there) == lasting(&text))
    };
    if texts(folder, places, playing, suites).into_iter().all(there) {
        return write_configs(folder, places, playing, suites);
    }
    let dir = folder.0.display();
    Err(Failure::usage(
        format!(
            "{dir} holds a demo over other services or of other packages; go on with the options it was begun with, or name another folder with --data"
        ),
        format!("{dir} 中的演示所用服务或适配包不同；请沿用开始时的选项，或用 --data 指定其他目录"),
    ))
}

/// Writes the configurations, and the passwords that they name.
fn write_configs(
    folder: &Folder,
    places: &Places,
    playing: &[(&Department, Live)],
    suites: Suites,
) -> Result<(), Failure> {
    for (path, text) in texts(folder, places, playing, suites) {
        write(&path, text.as_bytes())?;
    }
    for (file, word) in &places.passwords {
        services::secret(folder, file, word)?;
    }
    Ok(())
}

/// The configurations and their texts.
fn texts(
    folder: &Folder,
    places: &Places,
    playing: &[(&Department, Live)],
    suites: Suites,
) -> Vec<(PathBuf, String)> {
    let codes: Vec<&NodeCode> = playing.iter().map(|(d, _)| &d.code).collect();
    let texts = [
        departments(playing),
        middle(Tier::County, Tier::City, &codes),
        city(&codes),
        province(folder, places, &codes),
    ];
    let signed = Tier::ALL.into_iter().zip(texts).map(|(tier, text)| {
        let identity = format!("[[identity]]\nsuite = \"{}\"\n", suites.of(tier));
        text.replace("[[identity]]\n", &identity)
    });
    let stored = |(path, text): (PathBuf, String)| {
        let name = path.parent().and_then(|p| p.file_name()).unwrap_or_default();
        let text = match &places.stores {
            Some(database) => database.config(&name.to_string_lossy(), &text),
            None => text,
        };
        (path, text)
    };
    configs(folder).into_iter().zip(signed).map(stored).collect()
}

fn named(folder: &Folder, playing: &[(&Department, Live)], suites: Suites) -> Vec<Named> {
    let name = |node: NodeCode, regions: Vec<String>| NodeName {
        node,
        environment: Environment::Demo,
        regions,
    };
    let keys = folder.0.join(TOWNSHIP).join("keys");
    let mut all: Vec<Named> = playing
        .iter()
        .map(|(d, _)| {
            let regions: BTreeSet<String> = d.expected.regions.clone();
            let name = name(d.code.clone(), regions.into_iter().collect());
            Named::signing(keys.join(&d.name), name, suites.of(Tier::Township))
        })
        .collect();
    for tier in [Tier::County, Tier::City, Tier::Province] {
        let regions = vec![tier.region().to_owned()];
        let name = name(tier.code(), regions);
        all.push(Named::signing(folder.of(tier).join("node"), name, suites.of(tier)));
    }
    all
}

fn head(title: &str) -> String {
    format!(
        "# Written by `tiergate demo --all`.\nversion = 1\n\n[node]\ntitle = \"{title}（演示）\"\ndata = \".\"\n\n\
         [store]\nurl = \"sqlite:node.db\"\n\n[trust]\nanchors = [\"../ca/ca.pem\"]\n{}",
        prepare::limits("5 s")
    )
}

fn identity(code: &NodeCode, at: &str) -> String {
    format!(
        "\n[[identity]]\ncode = \"{code}\"\nenvironment = \"demo\"\nkey = \"file:{at}.key\"\ncertificate = \"{at}.pem\"\n"
    )
}

fn link(identity: &NodeCode, name: &str, peer: &NodeCode, more: &str) -> String {
    format!(
        "\n[[link]]\nidentity = \"{identity}\"\nname = \"{name}\"\npeer = \"{peer}\"\ncarrier = \"local\"\n{more}"
    )
}

fn beneath(codes: &[&NodeCode]) -> String {
    let all: Vec<String> = codes.iter().map(|c| format!("\"{c}\"")).collect();
    format!("beneath = [{}]\n", all.join(", "))
}

fn departments(playing: &[(&Department, Live)]) -> String {
    let (county, province) = (Tier::County.code(), Tier::Province.code());
    let mut text = head("各部门");
    if playing.iter().any(|(_, live)| matches!(live, Live::Posts(_))) {
        text.push_str("\n[listen]\naddress = \"127.0.0.1:0\"\n");
    }
    for (department, live) in playing {
        let Department { name, code, package, .. } = department;
        text.push_str(&identity(code, &format!("keys/{name}")));
        text.push_str(&link(code, &format!("county-{name}"), &county, "parent = true\n"));
        let format = &package.format.text;
        text.push_str(&format!(
            "\n[[route]]\nidentity = \"{code}\"\ndestination = \"{province}\"\nformat = \"{format}\"\n\n\
             [[adapter]]\nidentity = \"{code}\"\npackage = \"../adapters/{name}\"\ndestination = \"{province}\"\n\
             namespace = \"{}\"\ninterval = \"200 ms\"\n\n[adapter.source]\n{}",
            adapt::sample::NAMESPACE,
            live.config(),
        ));
    }
    text
}

fn middle(tier: Tier, above: Tier, codes: &[&NodeCode]) -> String {
    let own = tier.code();
    let mut text = head("县") + &identity(&own, "node");
    text.push_str(&link(&own, above.folder(), &above.code(), "parent = true\n"));
    for code in codes {
        text.push_str(&link(&own, code.as_str(), code, ""));
    }
    text
}

fn city(codes: &[&NodeCode]) -> String {
    let (own, province, county) = (Tier::City.code(), Tier::Province.code(), Tier::County.code());
    let mut text = head("市") + &identity(&own, "node");
    text.push_str(&link(&own, "province", &province, "parent = true\n"));
    text.push_str(&link(&own, "county", &county, &beneath(codes)));
    text
}

fn province(folder: &Folder, places: &Places, codes: &[&NodeCode]) -> String {
    let (own, city, county) = (Tier::Province.code(), Tier::City.code(), Tier::County.code());
    let mut text = head("省平台") + &identity(&own, "node");
    let all: Vec<&NodeCode> = codes.iter().copied().chain([&county]).collect();
    text.push_str(&link(&own, "city", &city, &beneath(&all)));
    let database = match &places.databases.postgres {
        Some(server) => server.config(&places.kept(folder)),
        None => format!("database = \"sqlite:{KEPT}.db\"\n"),
    };
    text.push_str(&format!("\n[[sink]]\nname = \"{KEPT}\"\nkind = \"sql_tables\"\n{database}"));
    text
}
