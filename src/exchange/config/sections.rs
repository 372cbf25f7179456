//! The lists of a document: links, routes, treatments, adapters, sinks.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use canon::{Lane, NodeCode};

use super::brokers::BrokerConfig;
use super::foreign;
use super::lanes;
use super::listen;
use super::node::*;
use super::problem::nearest;
use super::program;
use super::read::{Cx, LANES, code, codes, duplicate, duration, owner};
use super::remote;
use super::spool;
use super::tree::{Spot, Tab, word};
use super::trust::{self, Identity, SUITES};

pub(crate) fn links(
    top: &mut Tab<'_>,
    brokers: &[BrokerConfig],
    level: i32,
    cx: &mut Cx<'_>,
) -> Vec<Link> {
    let mut found: Vec<Link> = Vec::new();
    for mut tab in top.tables("link", cx.problems) {
        let at = tab.at.clone();
        let identity = owner(&mut tab, cx);
        let name = tab.need("name", cx.problems);
        let peer = code(&mut tab, "peer", cx);
        let carrier = carrier(&mut tab, cx);
        let broker = broker(&mut tab, carrier, identity.as_ref(), brokers, cx);
        let spool = if carrier == Carrier::Spool {
            spool::read(&mut tab, level, cx)
        } else {
            spool::absent(&mut tab, cx);
            None
        };
        let parent = tab.truth("parent", cx.problems).unwrap_or(false);
        let beneath: BTreeSet<NodeCode> =
            codes(&mut tab, "beneath", cx).unwrap_or_default().into_iter().collect();
        let suite = tab.word("suite", SUITES, cx.problems);
        let accepts = trust::suites(&mut tab, "accepts", cx);
        let lanes = lanes::read(&tab.table("lanes", cx.problems), cx.problems);
        let path = tab.path.clone();
        tab.finish(cx.problems);
        let (Some(identity), Some(name), Some(peer)) = (identity, name, peer) else { continue };
        if found.iter().any(|l| l.identity == identity && *l.name == *name.text) {
            duplicate(&name.at, format!("{path}.name"), &name.text, cx);
        }
        if peer == identity {
            cx.problems.push(
                "config.bad_value",
                &at,
                format!("{path}.peer"),
                "is the identity itself; a link leads to another node",
                "对端就是本身，链路必须通向另一节点",
            );
        }
        let name = name.text.into();
        found.push(Link {
            identity,
            name,
            peer,
            carrier,
            broker,
            spool,
            parent,
            beneath,
            suite,
            accepts,
            lanes,
            at,
        });
    }
    found
}

fn carrier(tab: &mut Tab<'_>, cx: &mut Cx<'_>) -> Carrier {
    let path = tab.key("carrier");
    if let Some(spot) = tab.need("carrier", cx.problems) {
        match spot.text.as_str() {
            "local" => {}
            "amqp" => return Carrier::Amqp,
            "spool" => return Carrier::Spool,
            _ => {
                let words = [("local", ()), ("amqp", ()), ("spool", ())];
                let _refused = word(&spot, &path, &words, cx.problems);
            }
        }
    }
    Carrier::Local
}

/// The broker that a link lives on: named, or the only one its identity has.
fn broker(
    tab: &mut Tab<'_>,
    carrier: Carrier,
    identity: Option<&NodeCode>,
    brokers: &[BrokerConfig],
    cx: &mut Cx<'_>,
) -> Option<Arc<str>> {
    let path = tab.key("broker");
    let given = tab.text("broker", cx.problems);
    let own = || brokers.iter().filter(|b| Some(&b.identity) == identity);
    let (at, en, zh) = match (carrier, given) {
        (Carrier::Amqp, Some(spot)) => {
            if let Some(found) = own().find(|b| *b.name == *spot.text) {
                return Some(Arc::clone(&found.name));
            }
            let hint = nearest(&spot.text, own().map(|b| &*b.name));
            let en = format!("there is no [[broker]] `{}` of this identity; add it", spot.text);
            let zh = format!("该身份没有名为『{}』的 [[broker]]，请补上", spot.text);
            cx.problems.push("config.bad_value", &spot.at, path, en, zh).hint = hint;
            return None;
        }
        (Carrier::Amqp, None) => {
            let mut own = own();
            match (own.next(), own.next()) {
                (Some(only), None) => return Some(Arc::clone(&only.name)),
                (None, _) => (
                    tab.at.clone(),
                    "names no broker, and this identity has none; add a [[broker]]",
                    "未指明消息代理，且该身份没有 [[broker]]，请补上",
                ),
                (Some(_), Some(_)) => (
                    tab.at.clone(),
                    "must be given: this identity has several brokers",
                    "该身份有多个 [[broker]]，必须指明用哪一个",
                ),
            }
        }
        (_, Some(spot)) => (
            spot.at,
            "belongs to links with `carrier = \"amqp\"`; leave it out here",
            "仅用于 carrier = \"amqp\" 的链路，此处请删去",
        ),
        (_, None) => return None,
    };
    cx.problems.push("config.bad_value", &at, path, en, zh);
    None
}

pub(crate) fn routes(
    top: &mut Tab<'_>,
    identities: &[Identity],
    cx: &mut Cx<'_>,
) -> Vec<RouteConfig> {
    let mut found: Vec<RouteConfig> = Vec::new();
    for mut tab in top.tables("route", cx.problems) {
        let at = tab.at.clone();
        let identity = owner(&mut tab, cx);
        let destination = code(&mut tab, "destination", cx);
        let edition = tab.need("format", cx.problems);
        // The suite of the identity's first key, if nothing is said.
        let own = identities.iter().find(|i| Some(&i.code) == identity.as_ref());
        let said = tab.word("suite", SUITES, cx.problems);
        let suite = said.or_else(|| own.map(Identity::suite)).unwrap_or(SUITES[0].1);
        let suite: Arc<str> = suite.name().into();
        let lanes = lanes(&mut tab, cx);
        let readers = readers(&mut tab, cx);
        let path = tab.path.clone();
        tab.finish(cx.problems);
        let (Some(identity), Some(destination), Some(edition)) = (identity, destination, edition)
        else {
            continue;
        };
        let same = |r: &RouteConfig| {
            r.identity == identity
                && r.destination == destination
                && lanes.iter().any(|lane| r.lanes.contains(lane))
        };
        if found.iter().any(same) {
            // One destination gets a lane's records in one edition and suite at a time.
            duplicate(&at, format!("{path}.destination"), destination.as_str(), cx);
        }
        let edition = edition.text.into();
        found.push(RouteConfig { identity, destination, edition, suite, lanes, readers, at });
    }
    found
}

/// What may be closed of an envelope.
const CONFIDENTIALITY: &[(&str, bool)] = &[("body", true), ("none", false)];

/// `confidentiality = "body"` with `readers`: each needs the other.
fn readers(tab: &mut Tab<'_>, cx: &mut Cx<'_>) -> Vec<PathBuf> {
    let (at, path) = (tab.spot("confidentiality"), tab.key("readers"));
    let closed = tab.word("confidentiality", CONFIDENTIALITY, cx.problems) == Some(true);
    let base = cx.base.to_owned();
    let given = tab.texts("readers", cx.problems).unwrap_or_default();
    if closed == given.is_empty() {
        cx.problems.push(
            "config.missing_key",
            &at,
            path,
            "and `confidentiality = \"body\"` need one another: readers are the certificates for encryption of the destination and of tiers that keep",
            "与 confidentiality = \"body\" 须同时填写：readers 为目的节点及留存各级的加密证书",
        );
    }
    given.into_iter().map(|s| base.join(s.text)).collect()
}

fn lanes(tab: &mut Tab<'_>, cx: &mut Cx<'_>) -> Vec<Lane> {
    let path = tab.key("lanes");
    match tab.texts("lanes", cx.problems) {
        None => LANES.iter().map(|(_, lane)| *lane).collect(),
        Some(list) => {
            let found: BTreeSet<Lane> =
                list.iter().filter_map(|spot| word(spot, &path, LANES, cx.problems)).collect();
            found.into_iter().collect()
        }
    }
}

pub(crate) fn relay(top: &mut Tab<'_>, cx: &mut Cx<'_>) -> RelayConfig {
    let mut tab = top.table("relay", cx.problems);
    let default = treatment(&mut tab, "default", cx).unwrap_or(Treatment::Relay);
    let mut rules = Vec::new();
    for mut rule in tab.tables("rule", cx.problems) {
        let one = |key, rule: &mut Tab<'_>, cx: &mut Cx<'_>| {
            rule.entries().iter().any(|(k, _)| k.text == key).then(|| code(rule, key, cx)).flatten()
        };
        let origin = one("origin", &mut rule, cx);
        let destination = one("destination", &mut rule, cx);
        let edition = rule.text("format", cx.problems).map(|s| s.text.into());
        // Asked for here too, so that `finish` knows these keys when they are absent.
        let _known = (rule.get("origin"), rule.get("destination"));
        if !rule.entries().iter().any(|(k, _)| k.text == "treatment") {
            let _missing = rule.need("treatment", cx.problems);
        }
        let treatment = treatment(&mut rule, "treatment", cx);
        rule.finish(cx.problems);
        if let Some(treatment) = treatment {
            rules.push(RelayRule { origin, destination, edition, treatment });
        }
    }
    tab.finish(cx.problems);
    RelayConfig { default, rules }
}

fn treatment(tab: &mut Tab<'_>, key: &'static str, cx: &mut Cx<'_>) -> Option<Treatment> {
    const WORDS: &[(&str, Treatment)] = &[("relay", Treatment::Relay), ("keep", Treatment::Keep)];
    let path = tab.key(key);
    let spot = tab.text(key, cx.problems)?;
    if spot.text == "review" {
        cx.problems.push(
            "config.not_yet",
            &spot.at,
            path,
            "`review` comes with the pages on which a person reviews; write `relay` or `keep`",
            "review（审核）随审核页面一并提供，目前请写 relay 或 keep",
        );
        return None;
    }
    word(&spot, &path, WORDS, cx.problems)
}

pub(crate) fn adapters(top: &mut Tab<'_>, interval: i64, cx: &mut Cx<'_>) -> Vec<AdapterConfig> {
    let mut found: Vec<AdapterConfig> = Vec::new();
    for mut tab in top.tables("adapter", cx.problems) {
        if let Some(adapter) = adapter(&mut tab, interval, cx) {
            let same = |a: &AdapterConfig| a.identity == adapter.identity && a.name == adapter.name;
            if found.iter().any(same) {
                duplicate(&tab.spot("name"), tab.key("name"), &adapter.name, cx);
            }
            found.push(adapter);
        }
        tab.finish(cx.problems);
    }
    found
}

fn adapter(tab: &mut Tab<'_>, interval: i64, cx: &mut Cx<'_>) -> Option<AdapterConfig> {
    const NATURES: &[(&str, Nature)] = &[("live", Nature::Live), ("history", Nature::History)];
    let at = tab.at.clone();
    let identity = owner(tab, cx);
    let name = tab.text("name", cx.problems);
    let package = tab.need("package", cx.problems);
    let destinations = destinations(tab, cx);
    let nature = tab.word("nature", NATURES, cx.problems).unwrap_or(Nature::Live);
    let namespace = tab.text("namespace", cx.problems).map(|s| s.text.into());
    let interval = bounded_interval(tab, cx).unwrap_or(interval);
    let source = source(tab, cx);
    let package = package?;
    let name = name.map_or_else(|| folder_name(&package), |s| s.text);
    Some(AdapterConfig {
        identity: identity?,
        name: name.into(),
        package: cx.base.join(package.text),
        destinations: destinations?,
        nature,
        namespace,
        interval,
        source,
        at,
    })
}

/// `destination` for one, `destinations` for several.
fn destinations(tab: &mut Tab<'_>, cx: &mut Cx<'_>) -> Option<Vec<NodeCode>> {
    if !tab.entries().iter().any(|(key, _)| key.text == "destinations") {
        return code(tab, "destination", cx).map(|one| vec![one]);
    }
    let found = codes(tab, "destinations", cx)?;
    let path = tab.key("destinations");
    let at = tab.spot("destinations");
    if let Some(both) = tab.text("destination", cx.problems) {
        cx.problems.push(
            "config.bad_value",
            &both.at,
            tab.key("destination"),
            "stands beside `destinations`; name every destination there",
            "与 destinations 并列，请将所有目的节点写入 destinations",
        );
        return None;
    }
    let twice = found.iter().enumerate().find(|(n, code)| found[..*n].contains(code));
    if let Some((_, code)) = twice {
        duplicate(&at, path, code.as_str(), cx);
        return None;
    }
    if found.is_empty() {
        cx.problems.push(
            "config.bad_value",
            &at,
            path,
            "names no destination; name at least one",
            "未写任何目的节点，请至少填写一个",
        );
        return None;
    }
    Some(found)
}

fn folder_name(package: &Spot) -> String {
    let path = Path::new(&package.text);
    path.file_name().map_or_else(|| package.text.clone(), |n| n.to_string_lossy().into_owned())
}

fn bounded_interval(tab: &mut Tab<'_>, cx: &mut Cx<'_>) -> Option<i64> {
    let limit = super::LIMITS.iter().find(|l| l.name == "collect_interval")?;
    let ms = duration(tab, "interval", cx)?;
    let within = u64::try_from(ms).is_ok_and(|ms| ms >= limit.min && ms <= limit.max);
    if !within {
        let (min, max) = (limit.unit.show(limit.min), limit.unit.show(limit.max));
        cx.problems.push(
            "config.out_of_range",
            &tab.spot("interval"),
            tab.key("interval"),
            format!("must lie between {min} and {max}"),
            format!("应在 {min} 与 {max} 之间"),
        );
    }
    within.then_some(ms)
}

fn source(adapter: &mut Tab<'_>, cx: &mut Cx<'_>) -> SourceConfig {
    let mut tab = adapter.table("source", cx.problems);
    let folder = tab.text("folder", cx.problems).map(|s| cx.base.join(s.text));
    let base = cx.base.to_owned();
    let database = foreign::database(&mut tab, &base, cx);
    let remote = remote::remote(&mut tab, cx);
    let program = program::program(&mut tab, cx);
    let secrets = remote::secrets(&mut tab, "secrets", cx);
    let values = remote::values(&mut tab, "values", cx);
    let post = listen::post(&mut tab, cx);
    let reading = foreign::reading(&mut tab, cx);
    let files = tab.text("files", cx.problems).map(|s| s.text);
    let settle = duration(&mut tab, "settle", cx);
    let overlap = duration(&mut tab, "overlap", cx);
    let history = tab.text("history", cx.problems).map(|s| cx.base.join(s.text));
    let places = ["folder", "database", "url", "command", "post"];
    let given = places.iter().filter(|k| tab.entries().iter().any(|(e, _)| e.text == **k)).count();
    if given != 1 {
        cx.problems.push(
            "config.missing_key",
            &tab.at,
            tab.key("folder"),
            "needs exactly one place: `folder` for files, `database` for tables, `url` for a web service, `command` for a program, `post` for what is posted to us",
            "必须且只能填写一处：文件来源写 folder，库表来源写 database，网络服务写 url，采集程序写 command，接收推送写 post",
        );
    }
    tab.finish(cx.problems);
    SourceConfig {
        folder,
        database,
        remote,
        post,
        program,
        secrets,
        values,
        reading,
        files,
        settle,
        overlap,
        history,
    }
}
