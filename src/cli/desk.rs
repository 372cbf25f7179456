//! What an operator's command asks of a node: applied at once where its store is free, or laid as a
//! file into the node's `requests` folder, where the running service takes it up. A store has one
//! writer; so the command never needs the service stopped.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use canon::{Day, Key, Millis, NodeCode, RecordId};
use envelope::Kind;
use envelope::Trust;
use envelope::control::Notice;
use exchange::authority as tables;
use exchange::reconcile::heal;
use exchange::returned::{self, Finding};
use exchange::standing::{self, BACKFILL, Backfill};
use exchange::{MAINTENANCE, Node, Progress, WorkError, WorkFuture, Worker, outlet, sink_state};
use serde::{Deserialize, Serialize};
use store::{AuditEvent, BaselineRow, SharedStore, StoreError, WITHDRAW_MAX};

pub(crate) use crate::ask::{Asked, ask, ask_with, folder, line, taken, told};
use crate::files;

/// How often the folder is looked at, ms.
const LOOKED_EVERY: i64 = 500;
/// Largest request, bytes: a baseline goes in parts.
pub(crate) const REQUEST_BYTES_MAX: u64 = 32 << 20;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "what")]
pub(crate) enum Request {
    /// Begin a back-fill; the same one again goes on.
    Backfill {
        /// The order.
        job: Backfill,
    },
    /// Hold a back-fill or let it go on.
    BackfillHeld {
        /// Adapter.
        adapter: String,
        /// Held.
        paused: bool,
        /// Operator code.
        by: String,
    },
    /// Let a paused adapter go on.
    AdapterResumed {
        /// Adapter.
        adapter: String,
        /// Operator code.
        by: String,
    },
    /// Tell the nodes beneath of maintenance here.
    Maintenance {
        /// From then.
        from: Millis,
        /// Until then; in the past, it is over.
        until: Millis,
        /// What is said.
        text: String,
        /// Operator code.
        by: String,
    },
    /// Return records after their acceptance.
    Quality {
        /// What was found.
        findings: Vec<Finding>,
        /// Operator code.
        by: String,
    },
    /// Evidence was exported: leaves its line in the audit chain.
    Evidence {
        /// What was asked for.
        subject: String,
        /// Records in the file.
        records: u64,
        /// Operator code.
        by: String,
    },
    /// Personal values were shown to somebody: leaves its line in the audit chain.
    Shown {
        /// What was looked at.
        subject: String,
        /// Operator code.
        by: String,
    },
    /// Put a signed authority table in force and hand it down.
    Authority {
        /// Its edition.
        edition: u32,
        /// The document.
        document: String,
        /// The issuer's signature.
        signature: String,
        /// Operator code.
        by: String,
    },
    /// Mark records as reported before.
    Baseline {
        /// The marks.
        rows: Vec<Mark>,
        /// Operator code.
        by: String,
    },
    /// Give up a record that the platform behind an outlet does not answer.
    GivenUp {
        /// Type, key and version.
        record: String,
        /// Why.
        reason: String,
        /// Operator code.
        by: String,
    },
    /// Withdraw what waits for its parent at a destination (停报).
    Withdrawn {
        /// The destination.
        to: NodeCode,
        /// Why.
        reason: String,
        /// Operator code.
        by: String,
    },
    /// Send again what a receiver lacks of a day.
    Heal {
        /// The day.
        day: Day,
        /// The receiver.
        to: NodeCode,
        /// Why.
        reason: String,
        /// Operator code.
        by: String,
    },
    /// Let a sink go on that stopped.
    SinkResumed {
        /// Its name.
        sink: String,
        /// Operator code.
        by: String,
    },
    /// A sink's place has taken what it refused before.
    SinkTaken {
        /// Its name.
        sink: String,
        /// Watermarks.
        marks: BTreeSet<u64>,
        /// Who says so.
        by: String,
    },
}

/// One record that was reported before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    /// Type, wire name.
    pub(crate) kind: String,
    /// Written key.
    pub(crate) key: String,
    /// To whom it was reported; none is every destination.
    #[serde(default)]
    pub(crate) destination: Option<NodeCode>,
    /// Version.
    pub(crate) version: u32,
    /// Content digest, written `sha256:…`.
    pub(crate) content: Option<String>,
    /// When it was reported.
    pub(crate) reported: Option<Day>,
}

impl Request {
    /// Word for the audit and for the file's name.
    const fn word(&self) -> &'static str {
        match self {
            Self::Backfill { .. } => "backfill.order",
            Self::BackfillHeld { paused: true, .. } => "backfill.pause",
            Self::BackfillHeld { paused: false, .. } => "backfill.resume",
            Self::AdapterResumed { .. } => "resume.adapter",
            Self::Maintenance { .. } => "notice.maintenance",
            Self::Quality { .. } => returned::QUALITY,
            Self::Evidence { .. } => "evidence.export",
            Self::Shown { .. } => "quarantine.shown",
            Self::Authority { .. } => "authority.issue",
            Self::Baseline { .. } => "baseline.import",
            Self::GivenUp { .. } => "outlet.give_up",
            Self::Withdrawn { .. } => "destination.withdraw",
            Self::Heal { .. } => "reconcile.heal",
            Self::SinkResumed { .. } => "sink.resume",
            Self::SinkTaken { .. } => "sink.taken",
        }
    }

    fn by(&self) -> &str {
        match self {
            Self::Backfill { job } => &job.by,
            Self::BackfillHeld { by, .. }
            | Self::AdapterResumed { by, .. }
            | Self::Maintenance { by, .. }
            | Self::Quality { by, .. }
            | Self::Baseline { by, .. }
            | Self::GivenUp { by, .. }
            | Self::Withdrawn { by, .. }
            | Self::Heal { by, .. }
            | Self::SinkResumed { by, .. }
            | Self::SinkTaken { by, .. }
            | Self::Evidence { by, .. }
            | Self::Shown { by, .. }
            | Self::Authority { by, .. } => by,
        }
    }

    fn subject(&self) -> String {
        match self {
            Self::Backfill { job } => job.progress_name(),
            Self::BackfillHeld { adapter, .. } | Self::AdapterResumed { adapter, .. } => {
                adapter.clone()
            }
            Self::Maintenance { from, until, .. } => format!("{from} - {until}"),
            Self::Quality { findings, .. } => format!("{} records", findings.len()),
            Self::Evidence { subject, .. } | Self::Shown { subject, .. } => subject.clone(),
            Self::Authority { edition, .. } => format!("edition {edition}"),
            Self::Baseline { rows, .. } => format!("{} records", rows.len()),
            Self::GivenUp { record, .. } => record.clone(),
            Self::Withdrawn { to, .. } => to.to_string(),
            Self::Heal { day, to, .. } => format!("{day} {to}"),
            Self::SinkResumed { sink, .. } | Self::SinkTaken { sink, .. } => sink.clone(),
        }
    }
}

/// Reads `--by`: a code, for the audit chain keeps no names.
pub(crate) fn operator(text: &str) -> Result<String, String> {
    if canon::format::is_token(text, canon::format::TOKEN_MAX) {
        return Ok(text.to_owned());
    }
    Err("--by takes an operator code of letters, digits, _ . - ; names do not go into the audit chain · --by 请填操作员代码（字母、数字、_ . -），审计链不记姓名".into())
}

/// Where a request is done.
pub(crate) struct Office<'a> {
    /// The node's store.
    pub(crate) store: &'a SharedStore,
    /// Its code.
    pub(crate) code: &'a NodeCode,
    /// Whom it believes; none where nothing has to be verified.
    pub(crate) trust: Option<&'a Trust>,
    /// Its neighbours beneath.
    pub(crate) peers: Vec<NodeCode>,
    /// Every node beneath.
    pub(crate) beneath: Vec<NodeCode>,
}

/// Puts a table that this node issued in force and hands it to its neighbours; what is refused changes
/// nothing.
async fn authority(
    office: &Office<'_>,
    edition: u32,
    (document, signature): (&str, &str),
    now: Millis,
) -> Result<u64, WorkError> {
    let Some(trust) = office.trust else { return Ok(0) };
    let by = (trust, office.code);
    let taken = tables::take(office.store, by, (document, signature), now).await?;
    if !matches!(taken, Ok(tables::Taken::New(_))) {
        return Ok(0);
    }
    let (document, signature) = (document.to_owned(), signature.to_owned());
    let stored = tables::Stored { document, signature, verified: now };
    let handed = |peer| tables::handed(&stored, edition, peer, now);
    let controls: Vec<_> = office.peers.iter().map(handed).collect();
    let told = controls.len() as u64;
    office.store.queue_controls(controls, now).await?;
    Ok(told.max(1))
}

/// Does what is asked, and audits it.
pub(crate) async fn apply(
    office: &Office<'_>,
    request: &Request,
    now: Millis,
) -> Result<u64, WorkError> {
    let (store, beneath) = (office.store, &office.beneath);
    let done = match request {
        Request::Authority { edition, document, signature, .. } => {
            authority(office, *edition, (document, signature), now).await?
        }
        Request::Backfill { job } => order(store, job, now).await?,
        Request::BackfillHeld { adapter, paused, .. } => hold(store, adapter, *paused, now).await?,
        Request::AdapterResumed { adapter, .. } => {
            u64::from(exchange::guard::resume(store, adapter, now).await?)
        }
        Request::Maintenance { from, until, text, .. } => {
            let notice = Notice {
                code: MAINTENANCE.into(),
                text: text.clone(),
                about: None,
                from: Some(*from),
                until: Some(*until),
            };
            let body = [notice.write()];
            let content = |to| exchange::control::content(Kind::Notice, to, now.day(), &body);
            store.queue_controls(beneath.iter().map(content).collect(), now).await?;
            beneath.len() as u64
        }
        Request::Quality { findings, by } => returned::issue(store, findings, by, now).await?.told,
        Request::Evidence { records, .. } => *records,
        Request::Shown { .. } => 1,
        Request::Baseline { rows, .. } => {
            let row = |m: &Mark| {
                Some(BaselineRow {
                    kind: m.kind.as_str().into(),
                    key: Key::parse(&m.key)?,
                    destination: m.destination.clone(),
                    version: m.version,
                    content: m.content.as_deref().and_then(|d| d.parse().ok()),
                    reported: m.reported,
                    day: now.day(),
                })
            };
            store.import_baseline(rows.iter().filter_map(row).collect(), now).await?
        }
        Request::GivenUp { record, reason, by } => match RecordId::parse(record) {
            Some(record) => outlet::give_up(store, &record, (by, reason), now).await?,
            None => 0,
        },
        // The store audits it, with the reason, in the same fact.
        Request::Withdrawn { to, reason, .. } => {
            return withdraw(store, to, &audited(request, reason, true, now)).await;
        }
        // As this: order and audit are one fact.
        Request::Heal { day, to, reason, by } => {
            heal::order(store, *day, (office.code, to), (by, reason), now).await?;
            return Ok(1);
        }
        Request::SinkResumed { sink, .. } => sink_state::resume(store, sink, now).await?,
        Request::SinkTaken { sink, marks, .. } => {
            sink_state::taken(store, sink, marks, now).await?
        }
    };
    store.audit(audited(request, &format!("{done}"), done > 0, now)).await?;
    Ok(done)
}

fn audited(request: &Request, reason: &str, ok: bool, now: Millis) -> AuditEvent {
    AuditEvent {
        at: now,
        who: request.by().to_owned(),
        action: request.word().to_owned(),
        subject: request.subject(),
        reason: reason.to_owned(),
        ok,
    }
}

/// Fact by fact, until nothing waits there.
async fn withdraw(
    store: &SharedStore,
    to: &NodeCode,
    audit: &AuditEvent,
) -> Result<u64, WorkError> {
    let mut all = 0;
    loop {
        let n = store.withdraw_waiting(to, audit.clone()).await?;
        all += n;
        if n < u64::from(WITHDRAW_MAX) {
            return Ok(all);
        }
    }
}

/// The same order again lets it go on where it is; another one takes its place.
async fn order(store: &SharedStore, job: &Backfill, now: Millis) -> Result<u64, WorkError> {
    let name = format!("{BACKFILL}{}", job.adapter);
    let before = standing::one::<Backfill>(store, &name).await?;
    let same = before.filter(|b| b.progress_name() == job.progress_name());
    let job = match same {
        Some(before) => Backfill { paused: false, ..before },
        None => job.clone(),
    };
    standing::put(store, &name, &job, now).await?;
    Ok(1)
}

async fn hold(
    store: &SharedStore,
    adapter: &str,
    paused: bool,
    now: Millis,
) -> Result<u64, WorkError> {
    let name = format!("{BACKFILL}{adapter}");
    let Some(job) = standing::one::<Backfill>(store, &name).await? else { return Ok(0) };
    standing::put(store, &name, &Backfill { paused, ..job }, now).await?;
    Ok(1)
}

/// The running service's side: takes requests up, oldest first.
pub(crate) struct Desk {
    node: Arc<Node>,
    folder: PathBuf,
    looked: Option<Millis>,
}

impl Desk {
    /// A desk for this node.
    pub(crate) fn new(node: Arc<Node>, data: &Path) -> Self {
        let folder = folder(data, &node.code);
        Self { node, folder, looked: None }
    }

    fn laid(&self) -> BTreeMap<String, PathBuf> {
        // Without the folder nobody ever asked for anything.
        let Ok(entries) = std::fs::read_dir(&self.folder) else { return BTreeMap::new() };
        let paths = entries.filter_map(|e| e.ok().map(|e| e.path()));
        paths
            .filter(|p| p.extension().is_some_and(|e| e == "json"))
            .map(|p| (p.file_name().unwrap_or_default().to_string_lossy().into_owned(), p))
            .collect()
    }

    async fn turn(&mut self, now: Millis) -> Result<Progress, WorkError> {
        if self.looked.is_some_and(|at| now >= at && now.since(at) < LOOKED_EVERY) {
            return Ok(Progress::IDLE);
        }
        self.looked = Some(now);
        let laid = self.laid();
        if laid.is_empty() {
            return Ok(Progress::IDLE);
        }
        let Some(_lease) = self.node.lease("desk", now).await? else { return Ok(Progress::IDLE) };
        let mut done = 0;
        for path in laid.into_values() {
            let own = |e: &dyn std::fmt::Display| -> WorkError {
                StoreError::Unavailable(format!("{}: {e}", path.display())).into()
            };
            let text = files::bytes(&path, REQUEST_BYTES_MAX).map_err(|e| own(&e.en))?;
            match serde_json::from_slice::<Request>(&text) {
                Ok(request) => {
                    apply(&office(&self.node), &request, now).await?;
                    self.node.fair.changed();
                    std::fs::remove_file(&path).map_err(|e| own(&e))?;
                }
                // Not ours, or of another program: laid aside, so that the others are not held up.
                Err(_) => {
                    std::fs::rename(&path, path.with_extension("refused")).map_err(|e| own(&e))?;
                }
            }
            done += 1;
        }
        Ok(Progress::some(done, false))
    }
}

/// A running node's own.
pub(crate) fn office(node: &Node) -> Office<'_> {
    let down = || node.links.iter().filter(|l| !l.parent);
    Office {
        store: &node.store,
        code: &node.code,
        trust: Some(&node.trust),
        peers: down().map(|l| l.peer.clone()).collect(),
        beneath: down().flat_map(|l| std::iter::once(&l.peer).chain(&l.beneath)).cloned().collect(),
    }
}

impl Worker for Desk {
    fn name(&self) -> String {
        "desk".into()
    }

    fn run_once(&mut self, now: Millis) -> WorkFuture<'_> {
        Box::pin(self.turn(now))
    }
}
