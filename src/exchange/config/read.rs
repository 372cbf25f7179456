//! From a document to a [`NodeConfig`]: every section read, every problem noted, none stops the rest.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use canon::{Lane, NodeCode};

use super::lanes;
use super::limits::Limits;
use super::node::*;
use super::problem::{At, Problems, nearest};
use super::quota;
use super::remote;
use super::rest::{self, AtRest};
use super::secret::SecretRef;
use super::sections;
use super::tree::{self, Node, Spot, Tab, Value};
use super::trust::{self, Identity};
use super::units::Unit;
use super::{brokers, database};

/// The version of the document this build reads.
pub const VERSION: i64 = 1;

/// A document as read: TOML with the environment over it, nothing checked yet.
#[derive(Debug)]
pub struct NodeDocument {
    file: Arc<str>,
    root: Node,
}

/// What reading a section needs to know.
pub(crate) struct Cx<'a> {
    /// The file's folder: paths are relative to it.
    pub(crate) base: &'a Path,
    /// Codes of the identities in this file.
    pub(crate) identities: Vec<NodeCode>,
    /// Problems so far.
    pub(crate) problems: &'a mut Problems,
}

impl NodeDocument {
    /// Reads the text of a file and lays `TIERGATE__…` variables over it.
    pub fn parse(
        file: &str,
        text: &str,
        env: &BTreeMap<String, String>,
        problems: &mut Problems,
    ) -> Self {
        let mut root = tree::parse(file, text, problems);
        tree::overlay(&mut root, env, problems);
        Self { file: file.into(), root }
    }

    /// The validated configuration, as far as it goes: it may only be used if no problem was noted.
    pub fn validate(&self, problems: &mut Problems) -> NodeConfig {
        let base = Path::new(&*self.file).parent().unwrap_or(Path::new("")).to_path_buf();
        let mut top = Tab::of(&self.root, "", problems);
        version(&mut top, problems);
        let mut cx = Cx { base: &base, identities: Vec::new(), problems };

        let (title, data) = node_section(&mut top, &mut cx);
        let store = database::store_section(&mut top, &data, &mut cx);
        let (format, formats) = format_section(&mut top, &mut cx);
        let (lists, publisher) = lists_section(&mut top, &mut cx);
        let trust = trust::trust(&mut top, &mut cx);
        let identities = trust::identities(&mut top, &mut cx);
        cx.identities = identities.iter().map(|i| i.code.clone()).collect();
        let brokers = brokers::brokers(&mut top, &mut cx);
        let routes = sections::routes(&mut top, &identities, &mut cx);
        let relay = sections::relay(&mut top, &mut cx);
        let limits = limits(&mut top, &mut cx);
        let lanes = lanes::read(&top.table("lanes", cx.problems), cx.problems);
        let quotas = quota::read(&mut top, &limits, &mut cx);
        let level = limits.compression_level;
        let links = sections::links(&mut top, &brokers, level, &mut cx);
        let adapters = sections::adapters(&mut top, limits.collect_interval, &mut cx);
        let listen = super::listen::listen(&mut top, &mut cx);
        let admin = super::listen::admin(&mut top, &mut cx);
        let sinks = super::sinks::sinks(&mut top, &data, &mut cx);
        let outlets = super::outlets::outlets(&mut top, &data, &mut cx);
        let archive = archive_section(&mut top, &identities, &mut cx);
        let audit = super::audit::audit(&mut top, &mut cx);
        top.finish(cx.problems);

        NodeConfig {
            file: Arc::clone(&self.file),
            title,
            data,
            store,
            format,
            formats,
            lists,
            publisher,
            archive,
            audit,
            trust,
            identities,
            brokers,
            links,
            routes,
            relay,
            adapters,
            listen,
            admin,
            sinks,
            outlets,
            limits,
            lanes,
            quotas,
        }
    }
}

fn version(top: &mut Tab<'_>, problems: &mut Problems) {
    let (at, key) = (top.spot("version"), "version");
    match top.get(key).map(|n| &n.value) {
        Some(Value::Int(VERSION)) => {}
        None => {
            problems.push(
                "config.version",
                &at,
                key,
                format!("must be given: write `version = {VERSION}` in the first line"),
                format!("必须填写：首行写 version = {VERSION}"),
            );
        }
        Some(_) => {
            problems.push(
                "config.version",
                &at,
                key,
                format!("is not {VERSION}, the only one this build reads; take the build it was written for"),
                format!("不是 {VERSION}；本程序只读版本 {VERSION}，请使用与之相配的程序"),
            );
        }
    }
}

fn node_section(top: &mut Tab<'_>, cx: &mut Cx<'_>) -> (String, PathBuf) {
    let mut tab = top.table("node", cx.problems);
    let title = tab.text("title", cx.problems).map(|s| s.text).unwrap_or_default();
    let data = tab.need("data", cx.problems).map_or_else(PathBuf::new, |s| cx.base.join(s.text));
    tab.finish(cx.problems);
    (title, data)
}

fn format_section(top: &mut Tab<'_>, cx: &mut Cx<'_>) -> (Option<PathBuf>, Vec<PathBuf>) {
    let mut tab = top.table("format", cx.problems);
    let folder = tab.text("folder", cx.problems);
    let further = tab.texts("further", cx.problems).unwrap_or_default();
    tab.finish(cx.problems);
    let at = |spot: Spot| cx.base.join(spot.text);
    (folder.map(at), further.into_iter().map(at).collect())
}

fn lists_section(top: &mut Tab<'_>, cx: &mut Cx<'_>) -> (Vec<PathBuf>, Option<NodeCode>) {
    let mut tab = top.table("lists", cx.problems);
    let folders = tab.texts("folders", cx.problems).unwrap_or_default();
    let publisher = tab.text("publisher", cx.problems);
    let publisher = publisher.and_then(|spot| node_code(&spot, &tab.key("publisher"), cx));
    tab.finish(cx.problems);
    (folders.into_iter().map(|s| cx.base.join(s.text)).collect(), publisher)
}

/// `[archive]`: its files are encrypted for the identity itself, so that it needs a pair for encryption.
fn archive_section(
    top: &mut Tab<'_>,
    identities: &[Identity],
    cx: &mut Cx<'_>,
) -> Option<ArchiveConfig> {
    let mut tab = top.table("archive", cx.problems);
    let folder = tab.text("folder", cx.problems).filter(|s| !s.text.trim().is_empty());
    let (at, path) = (tab.spot("plain"), tab.key("plain"));
    let rest = rest::at_rest(&mut tab, cx);
    let mut below = tab.table("tsa", cx.problems);
    let tsa = remote::remote(&mut below, cx);
    below.finish(cx.problems);
    tab.finish(cx.problems);
    let folder = cx.base.join(folder?.text);
    let bare = identities.iter().find(|i| i.keys.iter().all(|key| key.encryption.is_none()));
    if let (Some(bare), AtRest::Closed(_)) = (bare, &rest) {
        let code = &bare.code;
        cx.problems.push(
            "config.missing_key",
            &at,
            path,
            format!(
                "or `encryption` in [[identity]] of `{code}`: archive files are encrypted for the identity itself; `plain = \"REASON\"` leaves them in the clear, and says so in the audit chain"
            ),
            format!(
                "或『{code}』的 [[identity]] encryption：归档文件以本节点加密证书加密；确需明文，请写 plain = \"理由\"，将记入审计"
            ),
        );
    }
    Some(ArchiveConfig { folder, rest, tsa })
}

fn limits(top: &mut Tab<'_>, cx: &mut Cx<'_>) -> Limits {
    let tab = top.table("limits", cx.problems);
    Limits::read(&tab, cx.problems)
}

/// Reports a name that was taken before.
pub(crate) fn duplicate(at: &At, path: String, name: &str, cx: &mut Cx<'_>) {
    cx.problems.push(
        "config.duplicate",
        at,
        path,
        format!("`{name}` is given twice; every one needs a name of its own"),
        format!("『{name}』重复，必须各不相同"),
    );
}

/// A node code that must be there.
pub(crate) fn code(tab: &mut Tab<'_>, key: &'static str, cx: &mut Cx<'_>) -> Option<NodeCode> {
    let spot = tab.need(key, cx.problems)?;
    node_code(&spot, &tab.key(key), cx)
}

/// A text as a node code.
pub(crate) fn node_code(spot: &Spot, path: &str, cx: &mut Cx<'_>) -> Option<NodeCode> {
    let code = NodeCode::new(&spot.text);
    if code.is_none() {
        cx.problems.push(
            "config.bad_value",
            &spot.at,
            path,
            "is not a node code: 1 to 64 characters out of A-Z a-z 0-9 . _ -",
            "不是节点代码：1 至 64 个字符，可用 A-Z a-z 0-9 . _ -",
        );
    }
    code
}

/// A list of node codes.
pub(crate) fn codes(
    tab: &mut Tab<'_>,
    key: &'static str,
    cx: &mut Cx<'_>,
) -> Option<Vec<NodeCode>> {
    let path = tab.key(key);
    let list = tab.texts(key, cx.problems)?;
    Some(list.iter().filter_map(|spot| node_code(spot, &path, cx)).collect())
}

/// A secret: a reference, or a problem that does not repeat it.
pub(crate) fn secret(tab: &mut Tab<'_>, key: &'static str, cx: &mut Cx<'_>) -> Option<SecretRef> {
    let spot = tab.need(key, cx.problems)?;
    reference(&spot, tab.key(key), cx)
}

/// A text as a reference to a secret, or a problem that does not repeat it.
pub(crate) fn reference(spot: &Spot, path: String, cx: &mut Cx<'_>) -> Option<SecretRef> {
    let found = SecretRef::parse(&spot.text, cx.base);
    if found.is_none() {
        cx.problems.push(
            "config.secret_literal",
            &spot.at,
            path,
            "must be a reference, `file:PATH` or `env:NAME`; a secret itself never stands here",
            "只能写引用 file:路径 或 env:变量名，密钥本身不得写入配置",
        );
    }
    found
}

/// A duration that may be absent.
pub(crate) fn duration(tab: &mut Tab<'_>, key: &'static str, cx: &mut Cx<'_>) -> Option<i64> {
    let spot = tab.text(key, cx.problems)?;
    let found = Unit::Duration.parse(&spot.text).and_then(|ms| i64::try_from(ms).ok());
    if found.is_none() {
        let example = Unit::Duration.example();
        cx.problems.push(
            "config.bad_value",
            &spot.at,
            tab.key(key),
            format!("is not written like {example}"),
            format!("应写作 {example}"),
        );
    }
    found
}

/// The identity that a link, route, adapter or sink belongs to: named, or the only one there is.
pub(crate) fn owner(tab: &mut Tab<'_>, cx: &mut Cx<'_>) -> Option<NodeCode> {
    let path = tab.key("identity");
    match tab.text("identity", cx.problems) {
        Some(spot) => {
            let found = cx.identities.iter().find(|c| c.as_str() == spot.text).cloned();
            if found.is_none() {
                let hint = nearest(&spot.text, cx.identities.iter().map(NodeCode::as_str));
                cx.problems
                    .push(
                        "config.unknown_identity",
                        &spot.at,
                        path,
                        format!(
                            "there is no [[identity]] `{}` in this file; name one that is",
                            spot.text
                        ),
                        format!("本文件没有 [[identity]]『{}』，请填写已有的", spot.text),
                    )
                    .hint = hint;
            }
            found
        }
        None => match cx.identities.as_slice() {
            [only] => Some(only.clone()),
            [] => None,
            _ => {
                cx.problems.push(
                    "config.missing_key",
                    &tab.at,
                    path,
                    "must be given: this file has several identities",
                    "本文件有多个 [[identity]]，必须指明属于哪一个",
                );
                None
            }
        },
    }
}

/// The lanes that records may take.
pub(crate) const LANES: &[(&str, Lane)] = &[("live", Lane::Live), ("bulk", Lane::Bulk)];
