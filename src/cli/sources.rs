//! An adapter's source: what the node's configuration must say for each kind, and how it is opened.
//! Everything that differs from kind to kind stands here.

use std::collections::BTreeMap;
use std::sync::Arc;

use adapt::{Detect, Package};
use canon::Day;
use edge::db::{Place, Stored};
use edge::exec::{self, Exec};
use edge::file_drop::{self, FileDrop};
use edge::http_pull::{self, HttpPull};
use edge::sql::{self, SqlSource};
use edge::{Source, SourceError};
use exchange::backfill::Opener;
use exchange::config::{AdapterConfig, Limits, NodeConfig, SecretRef, SourceConfig, SourceReading};

use crate::text::{Failure, Finding};
use crate::{databases, files, https, open, os};

/// Puts what the node says otherwise into the package's source.
///
/// # Errors
/// A key that the source's kind needs is not there, or one stands there that it does not have.
pub(crate) fn fit(adapter: &AdapterConfig, source: &mut adapt::Source) -> Result<(), Box<Finding>> {
    let said = &adapter.source;
    let fits = match source {
        adapt::Source::Files(source) => {
            if let Some(files) = &said.files {
                source.files.clone_from(files);
            }
            if let Some(ms) = said.settle {
                source.settle_seconds = ms.unsigned_abs().div_ceil(1000);
            }
            said.folder.is_some()
                && said.post.is_none()
                && said.database.is_none()
                && asks_nobody(said)
                && said.overlap.is_none()
                && said.reading == SourceReading::default()
        }
        adapt::Source::Sql(source) => {
            for query in &mut source.queries {
                overlap(query, said);
            }
            said.database.is_some() && reads_no_files(said) && asks_nobody(said)
        }
        adapt::Source::Push(_) => {
            let other = SourceConfig { post: said.post.clone(), ..SourceConfig::default() };
            said.post.is_some() && *said == other
        }
        adapt::Source::Http(source) => {
            for query in &mut source.queries {
                overlap(query, said);
            }
            let hours = SourceReading { hours: said.reading.hours.clone(), ..Default::default() };
            said.remote.is_some() && reads_no_files(said) && said.reading == hours
        }
        adapt::Source::Exec(_) => {
            let hours = SourceReading { hours: said.reading.hours.clone(), ..Default::default() };
            said.program.is_some()
                && said.overlap.is_none()
                && reads_no_files(said)
                && said.reading == hours
        }
    };
    if fits {
        return Ok(());
    }
    let mut finding = Finding::of(
        &adapter.at.file,
        "config.bad_value",
        "[adapter.source]",
        "does not fit the package: one of files takes `folder`, `files`, `settle`, `history`, one of tables `database`, `overlap`, `hours`, `isolation`, `encoding`, `rows_max`, `statement_timeout`, one of a web service `url`, `ca`, `certificate`, `key`, `proxy`, `timeout`, `secrets`, `values`, `overlap`, `hours`, one of a program `command`, `config`, `catalog`, `environment`, `longest_run`, `longest_silence`, `secrets`, `values`, `hours`, one that is posted to `post`, `token`, `hmac`, `client`",
        "与适配包不符：文件来源只用 folder、files、settle、history，库表来源只用 database、overlap、hours、isolation、encoding、rows_max、statement_timeout，网络服务只用 url、ca、certificate、key、proxy、timeout、secrets、values、overlap、hours，采集程序只用 command、config、catalog、environment、longest_run、longest_silence、secrets、values、hours，推送来源只用 post、token、hmac、client",
    );
    (finding.line, finding.column) = (adapter.at.line.into(), adapter.at.column.into());
    Err(Box::new(finding))
}

/// Puts the node's overlap into a query that has one.
fn overlap(query: &mut adapt::Query, said: &SourceConfig) {
    if let (Detect::ModifiedTime { overlap_seconds, .. }, Some(ms)) =
        (&mut query.detect, said.overlap)
    {
        *overlap_seconds = ms.unsigned_abs().div_ceil(1000);
    }
}

/// Nothing of a drop folder is said.
fn reads_no_files(said: &SourceConfig) -> bool {
    said.folder.is_none() && said.files.is_none() && said.settle.is_none() && said.history.is_none()
}

/// Nothing of a web service is said.
fn asks_nobody(said: &SourceConfig) -> bool {
    said.remote.is_none()
        && said.program.is_none()
        && said.secrets.is_empty()
        && said.values.is_empty()
}

/// The settings of a source of tables: the package's, the owner's, the node's limits.
pub(crate) fn tables(
    adapter: &AdapterConfig,
    place: Place,
    source: &adapt::SqlSource,
    limits: &Limits,
) -> sql::Settings {
    let said = &adapter.source.reading;
    let mut settings = sql::Settings::of(&adapter.name, place, source);
    let timeout = said.statement_timeout.unwrap_or(limits.source_statement_timeout);
    settings.statement_timeout_ms = timeout.unsigned_abs();
    settings.busy_timeout_ms = limits.source_lock_wait.unsigned_abs();
    settings.fetch_rows_max = said
        .rows_max
        .and_then(|n| usize::try_from(n).ok())
        .unwrap_or(limits.page_rows_max as usize);
    if let Some(isolation) = said.isolation {
        settings.isolation = databases::isolation(isolation);
    }
    if let Some(gb18030) = said.gb18030 {
        settings.stored = if gb18030 { Stored::Gb18030 } else { Stored::Declared };
    }
    settings.hours = said.hours.iter().map(|w| (w.from, w.to)).collect();
    settings
}

/// The settings of a source that asks a web service: the package's, the node's, its secrets.
///
/// # Errors
/// A certificate or secret is not there.
pub(crate) fn asking(
    adapter: &AdapterConfig,
    source: &adapt::HttpSource,
    limits: &Limits,
) -> Result<http_pull::Settings, Failure> {
    let said = &adapter.source;
    let remote = said.remote.as_ref().ok_or_else(|| missing(adapter, "url"))?;
    let http = https::settings(remote, limits)?;
    let url = https::address(&remote.url)?;
    let mut settings = http_pull::Settings::of(&adapter.name, url, http, source);
    settings.secrets = secrets(said)?;
    settings.values = values(said);
    settings.compare_every_ms = adapter.interval;
    settings.hours = said.reading.hours.iter().map(|w| (w.from, w.to)).collect();
    Ok(settings)
}

/// The settings of a source that runs a program: its configuration filled with secrets, what it is
/// given of our environment, a folder of its own.
///
/// # Errors
/// The configuration or a secret is not there.
fn program(
    config: &NodeConfig,
    adapter: &AdapterConfig,
    source: &adapt::ExecSource,
) -> Result<exec::Settings, Failure> {
    let said = &adapter.source;
    let program = said.program.as_ref().ok_or_else(|| missing(adapter, "command"))?;
    let folder = config.data.join("programs").join(adapter.identity.as_str()).join(&*adapter.name);
    let mut settings = exec::Settings::of(&adapter.name, program.file.clone(), folder, source);
    settings.arguments = program.arguments.iter().map(ToString::to_string).collect();
    let ours = os::environment();
    let given = program.environment.iter();
    settings.environment =
        given.filter_map(|name| Some((name.to_string(), ours.get(&**name)?.clone()))).collect();
    if let Some(path) = &program.config {
        let (secrets, values) = (secrets(said)?, values(said));
        let text = files::text(path, files::CONFIG_BYTES_MAX)?;
        settings.config = Some(adapt::filled_json(&text, &secrets, &values).map_err(|place| {
            Failure::usage(
                format!("{}: {{{place}}} is neither in `secrets` nor in `values`", path.display()),
                format!("{}：{{{place}}} 不在 secrets 或 values 中", path.display()),
            )
        })?);
    }
    settings.catalog.clone_from(&program.catalog);
    settings.limits.run_max = program.longest_run.unwrap_or(config.limits.program_run_max);
    settings.limits.silence_max =
        program.longest_silence.unwrap_or(config.limits.program_silence_max);
    settings.hours = said.reading.hours.iter().map(|w| (w.from, w.to)).collect();
    Ok(settings)
}

/// What a package asks for by name and others may not see.
fn secrets(said: &SourceConfig) -> Result<BTreeMap<String, String>, Failure> {
    let one = |(name, reference): (&Arc<str>, &SecretRef)| {
        let secret = open::secret(reference)?;
        Ok((name.to_string(), secret.expose().trim_end_matches(['\r', '\n']).to_owned()))
    };
    said.secrets.iter().map(one).collect()
}

fn values(said: &SourceConfig) -> BTreeMap<String, String> {
    said.values.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect()
}

fn missing(adapter: &AdapterConfig, what: &str) -> Failure {
    Failure::usage(
        format!("adapter `{}`: [adapter.source] {what} is missing", adapter.name),
        format!("适配器 {}：[adapter.source] 缺少 {what}", adapter.name),
    )
}

/// Opens the source that the adapter collects from.
pub(crate) fn open(
    config: &NodeConfig,
    adapter: &AdapterConfig,
    package: &Package,
) -> Result<Box<dyn Source>, Failure> {
    let limits = &config.limits;
    let failed =
        |e: SourceError| Failure::environment(e.to_string(), format!("来源系统不可用：{e}"));
    match &package.source {
        adapt::Source::Files(source) => {
            let folder = adapter.source.folder.clone().ok_or_else(|| missing(adapter, "folder"))?;
            std::fs::create_dir_all(&folder).map_err(|e| files::cannot(&folder, &e))?;
            let mut settings = file_drop::Settings::of(&adapter.name, folder, source);
            if let Some(settle) = adapter.source.settle {
                // The package counts whole seconds; the node may say less.
                settings.settle_for_ms = settle;
            }
            Ok(Box::new(FileDrop::open(settings).map_err(failed)?))
        }
        adapt::Source::Sql(source) => {
            let database =
                adapter.source.database.as_ref().ok_or_else(|| missing(adapter, "database"))?;
            let place = databases::place(database)?;
            let mut settings = tables(adapter, place, source, limits);
            settings.compare_every_ms = adapter.interval;
            Ok(Box::new(SqlSource::new(settings).map_err(failed)?))
        }
        // Its door is made with the node's store: see `posts.rs`.
        adapt::Source::Push(_) => Err(missing(adapter, "post")),
        adapt::Source::Http(source) => {
            let settings = asking(adapter, source, limits)?;
            Ok(Box::new(HttpPull::new(settings).map_err(failed)?))
        }
        adapt::Source::Exec(source) => Ok(Box::new(Exec::new(program(config, adapter, source)?))),
    }
}

/// Opens what a back-fill reads: the rows of some days, or the files of the folder for old ones.
pub(crate) fn history(adapter: &AdapterConfig, package: &Package, limits: &Limits) -> Opener {
    let (said, limits) = (adapter.clone(), limits.clone());
    let (name, place) = (Arc::clone(&adapter.name), adapter.source.clone());
    let opened = package.source.clone();
    Box::new(move |from: Day, to: Day| -> Result<Box<dyn Source>, SourceError> {
        let setting = |detail: &str| SourceError::Setting {
            adapter: name.to_string(),
            detail: detail.to_owned(),
        };
        match &opened {
            adapt::Source::Files(source) => {
                let folder = place.history.clone().ok_or_else(|| {
                    setting("[adapter.source] history is missing: the folder of old files")
                })?;
                let mut settings = file_drop::Settings::of(&name, folder, source);
                (settings.settle_for_ms, settings.between) = (0, Some((from, to)));
                Ok(Box::new(FileDrop::open(settings)?))
            }
            adapt::Source::Sql(source) => {
                let database = place.database.as_ref();
                let database =
                    database.ok_or_else(|| setting("[adapter.source] database is missing"))?;
                let place = databases::place(database).map_err(|e| setting(&e.en))?;
                let settings = tables(&said, place, source, &limits);
                Ok(Box::new(SqlSource::new(settings.history(source, from, to)?)?))
            }
            adapt::Source::Push(_) => Err(setting(
                "what is posted has no history to read; old records are posted, or read by another package",
            )),
            adapt::Source::Http(source) => {
                let settings = asking(&said, source, &limits).map_err(|e| setting(&e.en))?;
                Ok(Box::new(HttpPull::new(settings.history(from, to)?)?))
            }
            adapt::Source::Exec(_) => Err(setting(
                "a program cannot be asked for days; give it an adapter of its own, with `nature = \"history\"` and a configuration for them",
            )),
        }
    })
}

/// What is found when the adapter's source is looked at; nothing of a drop folder.
///
/// # Errors
/// A password, secret or certificate is not there.
pub(crate) async fn probe(
    config: &NodeConfig,
    adapter: &AdapterConfig,
    package: &Package,
) -> Result<Vec<edge::Seen>, Failure> {
    let limits = &config.limits;
    Ok(match &package.source {
        adapt::Source::Push(_) => Vec::new(),
        adapt::Source::Files(source) => {
            let folder = adapter.source.folder.clone().ok_or_else(|| missing(adapter, "folder"))?;
            file_drop::probe(&file_drop::Settings::of(&adapter.name, folder, source))
        }
        adapt::Source::Exec(source) => {
            exec::probe(&program(config, adapter, source)?, os::now()).await
        }
        adapt::Source::Sql(source) => {
            let database = adapter.source.database.as_ref();
            let database = database.ok_or_else(|| missing(adapter, "database"))?;
            let settings = tables(adapter, databases::place(database)?, source, limits);
            sql::probe(&settings).await
        }
        adapt::Source::Http(source) => {
            http_pull::probe(&asking(adapter, source, limits)?, os::now()).await
        }
    })
}
