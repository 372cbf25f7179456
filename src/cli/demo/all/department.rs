//! A department: one adapter package, its samples as what its system says, and what must come of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use adapt::{Package, sample};
use canon::NodeCode;
use canon::format::{Format, Values};
use serde_json::Value;

use super::contents::{Content, plain};
use crate::commands::adapter::{files_of, findings};
use crate::open;
use crate::packages::PACKED;
use crate::text::Failure;

/// One department with its system.
pub(super) struct Department {
    /// The package's folder.
    pub(super) name: String,
    /// The node that speaks for it.
    pub(super) code: NodeCode,
    /// Kind of its source, as the package writes it.
    pub(super) kind: String,
    /// Its files.
    pub(super) files: BTreeMap<String, Vec<u8>>,
    /// The package.
    pub(super) package: Package,
    /// What its samples must come to.
    pub(super) expected: Expected,
}

/// What the samples of a package come to, one after another.
#[derive(Clone, Debug, Default)]
pub(super) struct Expected {
    /// Rows of all rounds.
    pub(super) rows: u64,
    /// Valid records and problem data together, up to each round.
    pub(super) until: Vec<u64>,
    /// Versions of records that go up.
    pub(super) records: u64,
    /// Records and rows that stay behind as problem data.
    pub(super) problems: u64,
    /// Records that wait for a parent which is itself among the problem data.
    pub(super) waiting: u64,
    /// Regions that are spoken for.
    pub(super) regions: BTreeSet<String>,
    /// How often each rule is broken.
    pub(super) rules: BTreeMap<String, u64>,
    /// The versions that go up and wait for nothing, value by value.
    pub(super) contents: Vec<Content>,
}

/// The departments: a package each, of the folder, or of those in the program.
pub(super) fn all(adapters: Option<&Path>, format: &Format) -> Result<Vec<Department>, Failure> {
    let mut by_name: BTreeMap<String, BTreeMap<String, Vec<u8>>> = BTreeMap::new();
    let mut put = |path: &str, bytes: Vec<u8>| {
        if let Some((name, file)) = path.split_once('/') {
            by_name.entry(name.to_owned()).or_default().insert(file.to_owned(), bytes);
        }
    };
    match adapters {
        Some(folder) => files_of(folder)?.into_iter().for_each(|(path, bytes)| put(&path, bytes)),
        None => PACKED.iter().for_each(|(path, bytes)| put(path, bytes.to_vec())),
    }
    by_name.retain(|_, files| files.contains_key("adapter.toml"));
    if by_name.is_empty() {
        let shown = adapters.unwrap_or(Path::new("adapters")).display().to_string();
        return Err(Failure::usage(
            format!("{shown} holds no package: a folder with an adapter.toml in it"),
            format!("{shown} 中没有适配包（含 adapter.toml 的目录）"),
        ));
    }
    by_name.into_iter().map(|(name, files)| department(name, files, format)).collect()
}

fn department(
    name: String,
    files: BTreeMap<String, Vec<u8>>,
    format: &Format,
) -> Result<Department, Failure> {
    let wrong = |problems| open::problems(&findings(Path::new(&name), problems));
    let package = Package::read(&files).map_err(wrong)?;
    let told = sample::run_all(&package, format).map_err(wrong)?;
    let expected = expected(&told, format);
    let toml = files.get("adapter.toml").map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let toml: Option<toml::Table> = toml.and_then(|text| text.parse().ok());
    let kind = toml.as_ref().and_then(|t| t.get("source")?.get("kind")?.as_str());
    let kind = kind.unwrap_or_default().to_owned();
    let code = format!("dept-{}", name.replace('_', "-"));
    let code = NodeCode::new(&code).ok_or_else(|| {
        Failure::usage(
            format!("`{name}` cannot be a node's name: letters, digits, - and _ only"),
            format!("『{name}』不能作节点名：只用字母、数字、- 和 _"),
        )
    })?;
    Ok(Department { name, code, kind, files, package, expected })
}

/// A record as the samples tell it.
struct Told {
    id: Option<String>,
    parent: Option<String>,
    valid: bool,
    content: Content,
}

fn expected(told: &Value, format: &Format) -> Expected {
    let list = |key: &str| told[key].as_array().map_or(&[][..], Vec::as_slice);
    let (records, violations) = (list("records"), list("violations"));
    let mut out = Expected { rows: told["rows"].as_u64().unwrap_or(0), ..Expected::default() };
    let place = |v: &Value| (v["round"].as_u64(), v["query"].to_string(), v["row"].as_u64());
    let mapped: BTreeSet<_> = records.iter().map(place).collect();
    let mut by_round: BTreeMap<u64, u64> = BTreeMap::new();
    let mut one = |round: Option<u64>| *by_round.entry(round.unwrap_or(1)).or_default() += 1;
    let mut broken = BTreeSet::new();
    for violation in violations.iter().filter(|v| v["severity"] != "warn") {
        let rule = violation["rule"].as_str().unwrap_or_default().to_owned();
        *out.rules.entry(rule).or_default() += 1;
        let at = place(violation);
        // A row that gave no record at all.
        if !mapped.contains(&at) && broken.insert(at) {
            out.problems += 1;
            one(violation["round"].as_u64());
        }
    }
    let mut all = Vec::new();
    for record in records {
        let told = record_told(record, format, &mut out.regions);
        if told.valid {
            out.records += 1;
        } else {
            out.problems += 1;
        }
        one(record["round"].as_u64());
        all.push(told);
    }
    let up = goes_up(&all);
    let (up, held): (Vec<_>, Vec<_>) = all
        .iter()
        .filter(|t| t.valid)
        .partition(|t| t.id.as_ref().is_some_and(|id| up.contains(&**id)));
    out.waiting = held.len() as u64;
    out.contents = up.into_iter().map(|t| t.content.clone()).collect();
    let last = by_round.keys().next_back().copied().unwrap_or(0);
    let mut sum = 0;
    for round in 1..=last {
        sum += by_round.get(&round).copied().unwrap_or(0);
        out.until.push(sum);
    }
    out
}

fn record_told(record: &Value, format: &Format, regions: &mut BTreeSet<String>) -> Told {
    let valid = record["outcome"] == "valid";
    let kind = record["type"].as_str().unwrap_or_default().to_owned();
    let content = Content { kind, void: record["op"] == "void", values: BTreeMap::new() };
    let mut told = Told { id: None, parent: None, valid, content };
    let Some(ty) = record["type"].as_str().and_then(|name| format.type_by_name(name)) else {
        return told;
    };
    let (fields, mut values) = (&format.get(ty).fields, Values::new());
    for (ix, field) in fields.iter().enumerate() {
        if let Some(text) = record["fields"][field.name.as_str()].as_str() {
            values.set(ix, text);
            told.content.values.insert(field.name.clone(), plain(field.kind, text));
            if valid && field.name == "region_code" {
                regions.insert(text.to_owned());
            }
        }
    }
    let namespace = record["namespace"].as_str().unwrap_or(sample::NAMESPACE);
    let id = |ty, key: canon::Key| format!("{}:{key}", format.get(ty).wire);
    told.id = format.key(ty, &values, namespace).map(|key| id(ty, key));
    if record["parent"] == "mine" {
        told.parent = format.parent_key(ty, &values, namespace).map(|(ty, key)| id(ty, key));
    }
    told
}

/// Valid records whose line of parents does not end at one that did not become a record.
fn goes_up(all: &[Told]) -> BTreeSet<&str> {
    let mut up: BTreeSet<&str> = BTreeSet::new();
    loop {
        let before = up.len();
        for told in all.iter().filter(|t| t.valid) {
            let free = told.parent.as_deref().is_none_or(|p| up.contains(p));
            if let Some(id) = told.id.as_deref().filter(|_| free) {
                up.insert(id);
            }
        }
        if up.len() == before {
            return up;
        }
    }
}
