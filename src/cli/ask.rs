//! How a command asks a node: at once where its store is free, else by a file laid into the folder of
//! its requests (`desk.rs` takes it up).

use std::path::{Path, PathBuf};

use canon::{Millis, NodeCode};
use envelope::Trust;
use exchange::config::NodeConfig;
use store::SharedStore;

use crate::desk::{Office, Request, apply};
use crate::text::{Done, Exit, Failure, Out};
use crate::{files, os, stores};

/// The folder of an identity's requests.
pub(crate) fn folder(data: &Path, code: &NodeCode) -> PathBuf {
    data.join("requests").join(code.as_str())
}

/// Lays a request into the folder, whole at once; gives its path, which is gone when it was done.
pub(crate) fn lay(folder: &Path, request: &Request, now: Millis) -> Result<PathBuf, Failure> {
    std::fs::create_dir_all(folder).map_err(|e| files::cannot(folder, &e))?;
    let text = serde_json::to_vec(request).map_err(|e| {
        Failure::environment(
            format!("the request cannot be written: {e}"),
            format!("请求无法写出：{e}"),
        )
    })?;
    let process = std::process::id();
    let mut nth = 0;
    loop {
        let path = folder.join(format!("{:015}-{process}-{nth:04}.json", now.0));
        if path.exists() {
            nth += 1;
            continue;
        }
        let part = path.with_extension("part");
        std::fs::write(&part, &text).map_err(|e| files::cannot(&part, &e))?;
        std::fs::rename(&part, &path).map_err(|e| files::cannot(&path, &e))?;
        return Ok(path);
    }
}

/// What became of a request.
pub(crate) enum Asked {
    /// The store was free: it is done, so many things changed.
    Done(u64, SharedStore),
    /// The service has the store: it takes the file up.
    Laid(PathBuf),
}

/// Asks a node: directly if its store is free, else through its service.
pub(crate) async fn ask(
    config: &NodeConfig,
    code: &NodeCode,
    request: &Request,
    now: Millis,
) -> Result<Asked, Failure> {
    ask_with(config, code, request, None, now).await
}

/// As [`ask`], for what has to be verified.
pub(crate) async fn ask_with(
    config: &NodeConfig,
    code: &NodeCode,
    request: &Request,
    trust: Option<&Trust>,
    now: Millis,
) -> Result<Asked, Failure> {
    if let Some(store) = stores::free(config, code).await? {
        let down: Vec<_> = config.links_of(code).filter(|l| !l.parent).collect();
        let beneath = down.iter().flat_map(|l| std::iter::once(&l.peer).chain(&l.beneath));
        let beneath: Vec<NodeCode> = beneath.cloned().collect();
        let peers = down.iter().map(|l| l.peer.clone()).collect();
        let office = Office { store: &store, code, trust, peers, beneath };
        let done = apply(&office, request, now)
            .await
            .map_err(|e| Failure::environment(format!("{code}: {e}"), format!("{code}：{e}")))?;
        return Ok(Asked::Done(done, store));
    }
    Ok(Asked::Laid(lay(&folder(&config.data, code), request, now)?))
}

/// Waits a little for the service to take a request up; whether it did.
pub(crate) async fn taken(path: &Path) -> bool {
    for _ in 0..50 {
        if !path.exists() {
            return true;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    false
}

/// Leaves a line in the audit chain before something is shown or given out; where it cannot be left,
/// nothing is.
pub(crate) async fn line(
    config: &NodeConfig,
    code: &NodeCode,
    request: &Request,
) -> Result<(), Failure> {
    if let Asked::Laid(path) = ask(config, code, request, os::now()).await?
        && !taken(&path).await
    {
        return Err(Failure::environment(
            format!("{code}: its service does not take the audit line up; nothing is given out"),
            format!("{code}：服务未受理审计记录，未提供任何内容"),
        ));
    }
    Ok(())
}

/// Says what became of a request.
pub(crate) async fn told(asked: &Asked, out: &Out) -> Done {
    let (en, zh, done) = match asked {
        Asked::Done(0, _) => ("nothing changed", "没有变化", false),
        Asked::Done(..) => ("done", "已完成", true),
        Asked::Laid(path) if taken(path).await => {
            ("the running service took it up", "运行中的服务已受理", true)
        }
        Asked::Laid(_) => (
            "laid for the service, which has not taken it up yet; is it running?",
            "已提交，服务尚未受理；请确认服务是否在运行",
            true,
        ),
    };
    let changed = match asked {
        Asked::Done(n, _) => Some(*n),
        Asked::Laid(_) => None,
    };
    out.value(&serde_json::json!({ "ok": done, "changed": changed, "en": en, "zh": zh }))?;
    out.say(en, zh)?;
    Ok(if done { Exit::Fine } else { Exit::Problems })
}
