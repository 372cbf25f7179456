//! An outlet of the configuration, opened: the target's folder is read, the way to the platform made.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use canon::format::Format;
use edge::Seen;
use edge::http::Client;
use edge::outlet::calls::{Calls, Form};
use edge::outlet::front_db::{FrontDb, Settings};
use edge::outlet::{Outlet, Target, TargetProblem, calls};
use exchange::config::{CallForm, CallsConfig, Limits, OutletConfig, OutletWay};

use crate::text::{Failure, Finding};
use crate::{databases, files, https, open};

/// A target with the way to it.
pub(crate) struct Opened {
    /// The target.
    pub(crate) target: Arc<Target>,
    /// The way.
    pub(crate) port: Box<dyn Outlet>,
}

/// The way to a platform.
enum Way {
    Front(Box<FrontDb>),
    Calls(Box<Calls>),
}

/// Reads the target and makes the way; nothing is connected to yet.
///
/// # Errors
/// The folder or a secret is not there. What is wrong in the folder is findings.
pub(crate) fn open(
    outlet: &OutletConfig,
    format: &Format,
    limits: &Limits,
) -> Result<Result<Opened, Vec<Finding>>, Failure> {
    Ok(made(outlet, format, limits)?.map(|(target, way)| {
        let port: Box<dyn Outlet> = match way {
            Way::Front(front) => front,
            Way::Calls(calls) => calls,
        };
        Opened { target, port }
    }))
}

/// What `doctor` says of a platform; nothing is written there.
///
/// # Errors
/// The folder or a secret is not there.
pub(crate) async fn look(
    outlet: &OutletConfig,
    format: &Format,
    limits: &Limits,
) -> Result<Vec<Seen>, Failure> {
    match made(outlet, format, limits)?.map_err(|found| open::problems(&found))?.1 {
        Way::Front(front) => Ok(front.look().await),
        Way::Calls(mut calls) => Ok(calls.look().await),
    }
}

type Made = Result<(Arc<Target>, Way), Vec<Finding>>;

fn made(outlet: &OutletConfig, format: &Format, limits: &Limits) -> Result<Made, Failure> {
    let found = |p: TargetProblem| {
        let file = outlet.target.join(&p.file).display().to_string();
        Finding::of(&file, "platform.target", "", p.en, p.zh)
    };
    let target = match Target::read(files::folder(&outlet.target)?, format) {
        Ok(target) => Arc::new(target),
        Err(problems) => return Ok(Err(problems.into_iter().map(found).collect())),
    };
    let name = outlet.identity.as_str().to_owned();
    let ms = |ms: i64| Duration::from_millis(ms.unsigned_abs());
    let way = match &outlet.way {
        OutletWay::FrontDb(database) => {
            let settings = Settings {
                name,
                place: databases::place(database)?,
                statement_timeout: ms(limits.source_statement_timeout),
                lock_timeout: ms(limits.source_lock_wait),
            };
            FrontDb::new(settings, &target).map(|front| Way::Front(Box::new(front)))
        }
        OutletWay::Calls(config) => {
            let form = match config.form {
                CallForm::Http => Form::Http,
                CallForm::Soap => Form::Soap,
            };
            let settings = settings(name, config, limits)?;
            Calls::new(settings, form, &target).map(|calls| Way::Calls(Box::new(calls)))
        }
    };
    Ok(way.map(|way| (target, way)).map_err(|problem| vec![found(problem)]))
}

fn settings(
    name: String,
    config: &CallsConfig,
    limits: &Limits,
) -> Result<calls::Settings, Failure> {
    let mut secrets = BTreeMap::new();
    for (name, reference) in &config.secrets {
        let secret = open::secret(reference)?;
        let text = secret.expose().trim_end_matches(['\r', '\n']).to_owned();
        secrets.insert(Arc::clone(name), text);
    }
    let client = Client::new(https::settings(&config.remote, limits)?);
    let client = client
        .map_err(|e| Failure::environment(e.to_string(), format!("无法建立 HTTP 客户端：{e}")))?;
    let url = https::address(&config.remote.url)?;
    Ok(calls::Settings { name, url, client, secrets, values: config.values.clone() })
}
