//! `tiergate check`: everything that is wrong with a configuration, a package or a format.

use std::path::{Path, PathBuf};

use canon::Millis;
use canon::format::Format;
use clap::Subcommand;
use exchange::config::{At, Identity, NodeConfig};

use super::adapter;
use crate::open;
use crate::os;
use crate::outlets;
use crate::readers;
use crate::text::{Done, Failure, Finding, Out};

/// What is checked.
#[derive(Debug, Subcommand)]
pub(crate) enum Check {
    /// Configuration files that run in one process · 同一进程的配置文件
    Config {
        /// The files; give those of both ends of a `local` link
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// The folder of an adapter package: files, fit with the format, samples · 适配包目录
    Adapter {
        /// The folder
        folder: PathBuf,
        #[command(flatten)]
        format: adapter::FormatArg,
    },
    /// The folder of a format, such as schemas/supervision/1 · 格式目录
    Format {
        /// The folder, named …/NAME/EDITION
        folder: PathBuf,
    },
}

/// Runs the check.
pub(crate) fn run(check: Check, out: &Out) -> Done {
    match check {
        Check::Config { files } => config(&files, out),
        Check::Adapter { folder, format: arg } => {
            let format = super::format::load(arg.format.as_deref(), out)?;
            package(&folder, &format, out)
        }
        Check::Format { folder } => format(&folder, out),
    }
}

fn config(files: &[PathBuf], out: &Out) -> Done {
    let nodes = match open::configs(files)? {
        Ok(nodes) => nodes,
        Err(found) => return out.verdict(&found, String::new(), String::new()),
    };
    let mut found = Vec::new();
    let mut until: Option<Millis> = None;
    for node in &nodes {
        found.extend(deep(node, &mut until)?);
    }
    let identities: usize = nodes.iter().map(|n| n.identities.len()).sum();
    let links: usize = nodes.iter().map(|n| n.links.len()).sum();
    let adapters: usize = nodes.iter().map(|n| n.adapters.len()).sum();
    let (en, zh) = plain(&nodes);
    let (n, until) = (nodes.len(), until.map_or_else(String::new, |at| at.day().to_string()));
    out.verdict(
        &found,
        format!(
            "{n} node(s), {identities} identities, {links} links, {adapters} adapters: all fine, certificates until {until}{en}; start them with `tiergate run --config …`"
        ),
        format!(
            "{n} 个节点、{identities} 个身份、{links} 条链路、{adapters} 个适配器，均无问题，证书有效至 {until}{zh}；可用 tiergate run --config … 启动"
        ),
    )
}

/// What lies in the clear, and why, so that nobody overlooks it.
fn plain(nodes: &[NodeConfig]) -> (String, String) {
    let (mut en, mut zh) = (String::new(), String::new());
    for (node, identity) in nodes.iter().flat_map(|n| n.identities.iter().map(move |i| (n, i))) {
        for (place, reason) in readers::plain(node, &identity.code) {
            let code = &identity.code;
            en.push_str(&format!("; {code}: files of {place} lie in the clear: {reason}"));
            zh.push_str(&format!("；{code}：{place} 的文件为明文，理由：{reason}"));
        }
    }
    (en, zh)
}

/// What is only seen when the files that a configuration names are opened; `until` falls to the
/// end of the first certificate that ends.
fn deep(node: &NodeConfig, until: &mut Option<Millis>) -> Result<Vec<Finding>, Failure> {
    let mut found = Vec::new();
    for identity in &node.identities {
        found.extend(closing(node, identity));
        if let Err(failed) = crate::identity::former(identity) {
            found.push(at(&identity.at, "[[identity.former]]", failed.en, failed.zh));
        }
        match crate::identity::identity(node, identity, os::now())? {
            Err(finding) => found.push(finding),
            Ok(material) => {
                if let Err(failed) = readers::of(node, identity, &material.encryption, os::now()) {
                    found.push(at(&identity.at, "[route] readers", failed.en, failed.zh));
                }
                let signing = material.certificates.iter().map(|c| c.not_after);
                let encryption = material.encryption.iter().map(|p| p.certificate.not_after);
                for end in signing.chain(encryption) {
                    *until = Some(until.map_or(end, |u| u.min(end)));
                }
            }
        }
    }
    match open::format_of(node)? {
        Err(findings) => found.extend(findings),
        Ok(format) => {
            for source in &node.adapters {
                found.extend(open::package(source, &format)?.err().unwrap_or_default());
            }
            for outlet in &node.outlets {
                let opened = outlets::open(outlet, &format, &node.limits)?;
                found.extend(opened.err().unwrap_or_default());
            }
            found.extend(editions(node)?);
        }
    }
    Ok(found)
}

/// Certificates of readers that are not right.
fn closing(node: &NodeConfig, identity: &Identity) -> Vec<Finding> {
    let now = os::now();
    let gates = node.links_of(&identity.code).filter_map(|link| {
        let rest = &link.spool.as_ref()?.rest;
        let failed = readers::of_gate(node, identity, (link, rest), now).err()?;
        Some(at(&link.at, "[link.spool] readers", failed.en, failed.zh))
    });
    let archive = node.archive.as_ref().and_then(|archive| {
        let failed = readers::of_archive(node, identity, &archive.rest, now).err()?;
        Some(at(&identity.at, "[archive] readers", failed.en, failed.zh))
    });
    gates.chain(archive).collect()
}

/// Every route says an edition that is here, and its adapters' packages fit that one too.
fn editions(node: &NodeConfig) -> Result<Vec<Finding>, Failure> {
    let formats = match open::formats_of(node)? {
        Ok(formats) => formats,
        Err(findings) => return Ok(findings),
    };
    let mut found = Vec::new();
    for route in node.routes.iter().filter(|r| !formats.contains_key(&*r.edition)) {
        let has = formats.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        let wants = &route.edition;
        let en = format!(
            "is `{wants}`, but the node has {has}; write one of them, or name its folder in [format] further"
        );
        let zh = format!(
            "为『{wants}』，而本节点只有 {has}；请改写，或在 [format] further 中写明其目录"
        );
        found.push(at(&route.at, "[route] format", en, zh));
    }
    let Ok(own) = open::format_of(node)? else { return Ok(found) };
    for source in &node.adapters {
        let Ok(package) = open::package(source, &own)? else { continue };
        let further = source.routes(node).filter(|r| *r.edition != *own.edition());
        for format in further.filter_map(|r| formats.get(&*r.edition).cloned()) {
            let problems = adapt::Mapping::compile(&package, &format).err();
            let problems = problems.map(|p| adapter::findings(&source.package, p));
            found.extend(problems.unwrap_or_default());
        }
    }
    Ok(found)
}

fn at(at: &At, key: &str, en: String, zh: String) -> Finding {
    let mut finding = Finding::of(&at.file, "config.bad_value", key, en, zh);
    (finding.line, finding.column) = (at.line.into(), at.column.into());
    finding
}

fn package(folder: &Path, format: &Format, out: &Out) -> Done {
    let checked = adapt::check(&adapter::files_of(folder)?, format);
    let shown = folder.display();
    let (found, package) = match checked {
        Ok((package, _)) => (Vec::new(), Some(package)),
        Err(problems) => (adapter::findings(folder, problems), None),
    };
    let called = adapter::called(folder);
    let named = package.as_ref().and_then(|p| p.name.as_ref());
    if let Some(name) = named.filter(|name| name.text != called) {
        let (line, name) = (name.pos.line, &name.text);
        out.warn(out.of(
            format!("{shown}/adapter.toml:{line}: the package calls itself `{name}`; its folder is what counts, it runs as `{called}`"),
            format!("{shown}/adapter.toml:{line}：包内自称『{name}』；名称以目录为准，按『{called}』运行"),
        ));
    }
    let (records, samples) = package.map_or((0, 0), |p| (p.records.len(), p.samples.len()));
    out.verdict(
        &found,
        format!(
            "{shown}: {records} [[record]] blocks fit the format, {samples} samples as expected"
        ),
        format!("{shown}：{records} 个 [[record]] 与格式相符，{samples} 个样例均与预期一致"),
    )
}

fn format(folder: &Path, out: &Out) -> Done {
    let (found, types) = match open::format(folder)? {
        Ok(format) => (Vec::new(), format.types().len()),
        Err(found) => (found, 0),
    };
    let shown = folder.display();
    out.verdict(
        &found,
        format!("{shown}: {types} record types, all fine; see `tiergate format doc`"),
        format!("{shown}：{types} 种记录，均无问题；数据字典见 tiergate format doc"),
    )
}
