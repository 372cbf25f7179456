//! From paths to opened things: formats, packages, keys with their certificates.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use adapt::Package;
use canon::Environment;
use canon::format::{Format, supervision_1};
use envelope::limits::CRL_BYTES_MAX;
use envelope::{Refuse, Trust};
use exchange::config::{self, AdapterConfig, NodeConfig, Secret, SecretRef};

use crate::commands::adapter as packages;
use crate::files::{self, CONFIG_BYTES_MAX, Disk};
use crate::os;
use crate::sources;
use crate::text::{Failure, Finding};

/// The configurations of one process, or everything wrong with them.
pub(crate) fn configs(paths: &[PathBuf]) -> Result<Result<Vec<NodeConfig>, Vec<Finding>>, Failure> {
    let loaded = config::load(&sources(paths)?, &os::environment(), &Disk);
    Ok(loaded.map_err(|problems| problems.into_iter().map(Finding::from).collect()))
}

/// Configurations of which only the stores are wanted: each must be right by itself.
pub(crate) fn each_config(paths: &[PathBuf]) -> Result<Vec<NodeConfig>, Failure> {
    config::load_each(&sources(paths)?, &os::environment()).map_err(|found| {
        let findings: Vec<Finding> = found.into_iter().map(Finding::from).collect();
        problems(&findings)
    })
}

fn sources(paths: &[PathBuf]) -> Result<Vec<(String, String)>, Failure> {
    let named =
        |path: &PathBuf| Ok((path.display().to_string(), files::text(path, CONFIG_BYTES_MAX)?));
    paths.iter().map(named).collect()
}

/// The configurations of one process, for commands that need them right.
pub(crate) fn right_configs(paths: &[PathBuf]) -> Result<Vec<NodeConfig>, Failure> {
    configs(paths)?.map_err(|findings| problems(&findings))
}

/// Findings that a command cannot work with, as its failure.
pub(crate) fn problems(findings: &[Finding]) -> Failure {
    let list = |lang| findings.iter().map(|f| f.line(lang)).collect::<Vec<_>>().join("\n");
    let n = findings.len();
    let (en, zh) = (list(crate::text::Lang::En), list(crate::text::Lang::Zh));
    Failure {
        exit: crate::text::Exit::Problems,
        en: format!("the configuration has {n} problems; mend them first:\n{en}"),
        zh: format!("配置有 {n} 个问题，请先改正：\n{zh}"),
    }
}

/// Where an option says that a secret is.
pub(crate) fn referred(option: &str, text: Option<&str>) -> Result<Option<SecretRef>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let reference = SecretRef::parse(text, Path::new(""));
    reference.map(Some).ok_or_else(|| {
        Failure::usage(
            format!("{option} names where the secret is: file:PATH or env:NAME, never itself"),
            format!("{option} 只写口令所在：file:路径 或 env:变量名，不可直接写口令"),
        )
    })
}

/// A secret from where its reference says.
pub(crate) fn secret(reference: &SecretRef) -> Result<Secret, Failure> {
    match reference {
        SecretRef::File(path) => Ok(Secret::new(files::text(path, CONFIG_BYTES_MAX)?)),
        SecretRef::Env(name) => os::environment().remove(name).map(Secret::new).ok_or_else(|| {
            Failure::environment(
                format!("the environment has no variable {name}; set it before the start"),
                format!("环境中没有变量 {name}，请在启动前设置"),
            )
        }),
    }
}

/// The anchors of a node, as PEM texts.
pub(crate) fn anchors(node: &NodeConfig) -> Result<Vec<String>, Failure> {
    node.trust.anchors.iter().map(|path| files::text(path, CONFIG_BYTES_MAX)).collect()
}

/// Trust in a node's anchors, as its configuration says.
pub(crate) fn trust(node: &NodeConfig, environment: Environment) -> Result<Trust, Failure> {
    let pems = anchors(node)?;
    let pems: Vec<&str> = pems.iter().map(String::as_str).collect();
    let unusable =
        |e: Refuse| Failure::environment(e.to_string(), format!("信任锚或吊销列表不可用：{e}"));
    let trust = Trust::from_pem(environment, &pems)
        .map_err(unusable)?
        .accepting(&node.trust.suites)
        .with_user_id(&node.trust.sm2_user_id);
    let lists = revocation(node)?;
    trust.revoke(trust.read_lists(&lists).map_err(unusable)?);
    Ok(trust)
}

/// The files of a node's revocation lists.
pub(crate) fn revocation(node: &NodeConfig) -> Result<Vec<Vec<u8>>, Failure> {
    let read = |path: &PathBuf| files::bytes(path, CRL_BYTES_MAX as u64);
    node.trust.revocation.iter().map(read).collect()
}

/// The format a node works with: a folder's, or the one in the program.
pub(crate) fn format_of(node: &NodeConfig) -> Result<Result<Arc<Format>, Vec<Finding>>, Failure> {
    match &node.format {
        Some(folder) => Ok(format(folder)?.map(Arc::new)),
        None => Ok(Ok(supervision_1())),
    }
}

/// Every format a node works with, by edition.
pub(crate) type Formats = BTreeMap<String, Arc<Format>>;

/// The formats a node works with: its own and the further ones that its routes may say.
pub(crate) fn formats_of(node: &NodeConfig) -> Result<Result<Formats, Vec<Finding>>, Failure> {
    let mut formats = Formats::new();
    let own = match format_of(node)? {
        Ok(own) => own,
        Err(found) => return Ok(Err(found)),
    };
    formats.insert(own.edition().to_owned(), own);
    for folder in &node.formats {
        match format(folder)? {
            Ok(further) => drop(formats.insert(further.edition().to_owned(), Arc::new(further))),
            Err(found) => return Ok(Err(found)),
        }
    }
    Ok(Ok(formats))
}

/// A format from its folder `…/NAME/EDITION`.
pub(crate) fn format(dir: &Path) -> Result<Result<Format, Vec<Finding>>, Failure> {
    let dir_shown = dir.display();
    let path = std::fs::canonicalize(dir).map_err(|e| files::cannot(dir, &e))?;
    let part = |path: &Path| path.file_name().and_then(|n| n.to_str()).map(str::to_owned);
    let (Some(edition), Some(name)) = (part(&path), path.parent().and_then(part)) else {
        return Err(Failure::usage(
            format!(
                "{dir_shown} is not a format's folder; it is named …/NAME/EDITION, as schemas/supervision/1"
            ),
            format!("{dir_shown} 不是格式目录；应形如 …/名称/版本，如 schemas/supervision/1"),
        ));
    };
    let mut texts = BTreeMap::new();
    for (name, bytes) in files::folder(&path)? {
        if name.ends_with(".xsd") {
            let text = String::from_utf8(bytes).map_err(|_| {
                Failure::environment(
                    format!("{dir_shown}/{name} is not UTF-8; save it as UTF-8"),
                    format!("{dir_shown}/{name} 不是 UTF-8，请另存为 UTF-8"),
                )
            })?;
            texts.insert(name, text);
        }
    }
    Ok(Format::compile(&name, &edition, &texts).map_err(|problems| {
        problems
            .into_iter()
            .map(|p| Finding {
                line: p.line as u64,
                ..Finding::of(
                    format_args!("{dir_shown}/{}", p.file),
                    "config.format",
                    "",
                    p.message.clone(),
                    p.message,
                )
            })
            .collect()
    }))
}

/// An adapter's package with what the node says otherwise put into its source.
pub(crate) fn package(
    adapter: &AdapterConfig,
    format: &Format,
) -> Result<Result<Package, Vec<Finding>>, Failure> {
    let folder = &adapter.package;
    let (mut package, _) = match adapt::check(&packages::files_of(folder)?, format) {
        Ok(checked) => checked,
        Err(problems) => return Ok(Err(packages::findings(folder, problems))),
    };
    Ok(sources::fit(adapter, &mut package.source).map(|()| package).map_err(|f| vec![*f]))
}
