//! What departments post: the doors of a process's adapters, and the one listener in front of them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use adapt::{Package, PushSource};
use canon::Millis;
use edge::listen::{Identity, Listener, Settings};
use edge::push::{Auth, Door, Doors, Limits as DoorLimits, Parts};
use exchange::config::{AdapterConfig, Limits, ListenConfig, NodeConfig, SecretRef};
use exchange::shelf::StoreShelf;
use ring::rand::{SecureRandom, SystemRandom};
use store::SharedStore;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::text::Failure;
use crate::{files, open, os};

/// Fewest characters of a token or key: a shorter one is guessed.
const SECRET_CHARS_MIN: usize = 16;
/// Largest certificate file of the listener, bytes.
const PEM_BYTES_MAX: u64 = 1 << 20;

/// The doors of a process, as they are made.
#[derive(Default)]
pub(crate) struct Posts {
    doors: BTreeMap<String, Arc<Door>>,
}

/// A listener with its doors, not opened yet.
pub(crate) struct Inlet {
    config: ListenConfig,
    limits: Limits,
    doors: Arc<Doors>,
}

/// A listener at work.
pub(crate) struct Listening {
    /// Where.
    pub(crate) address: std::net::SocketAddr,
    doors: Arc<Doors>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Posts {
    /// The door of an adapter that is posted to.
    ///
    /// # Errors
    /// Its secrets are not there, or too short.
    pub(crate) fn door(
        &mut self,
        adapter: &AdapterConfig,
        (package, source): (&Package, &PushSource),
        limits: &Limits,
        store: &SharedStore,
    ) -> Result<Arc<Door>, Failure> {
        let post = adapter.source.post.as_ref().ok_or_else(|| {
            let name = &adapter.name;
            Failure::usage(
                format!("adapter `{name}`: [adapter.source] post is missing"),
                format!("适配器 {name}：[adapter.source] 缺少 post"),
            )
        })?;
        let auth = Auth {
            tokens: lines(post.token.as_ref())?,
            keys: lines(post.hmac.as_ref())?.into_iter().map(String::into_bytes).collect(),
            clients: post.clients.iter().filter_map(|hex| fingerprint(hex)).collect(),
            skew: duration(limits.push_signature_skew),
        };
        let title = [package.title_zh.as_str(), package.title_en.as_str()];
        let door = Door::new(Parts {
            adapter: Arc::clone(&adapter.name),
            title: title.into_iter().filter(|t| !t.is_empty()).collect::<Vec<_>>().join(" · "),
            source: source.clone(),
            shelf: Arc::new(StoreShelf(Arc::clone(store))),
            auth,
            limits: DoorLimits {
                rows_max: limits.push_rows_max,
                waiting_max: limits.push_waiting_max,
                at_once_max: limits.push_at_once_max,
                per_second: limits.push_per_second,
                wait: duration(limits.push_wait),
                keep: limits.push_answers_keep,
            },
            clock: Arc::new(os::now),
            chance: chance()?,
        });
        self.doors.insert(post.path.to_string(), Arc::clone(&door));
        Ok(door)
    }

    /// The listener in front of them, where there are any.
    pub(crate) fn inlet(self, configs: &[NodeConfig]) -> Option<Inlet> {
        let node = configs.iter().find(|c| c.listen.is_some())?;
        let (config, limits) = (node.listen.clone()?, node.limits.clone());
        if self.doors.is_empty() {
            return None;
        }
        let time = duration(limits.push_body_time);
        let doors =
            Doors::new(self.doors, limits.push_body_bytes_max, limits.push_memory_max, time);
        Some(Inlet { config, limits, doors })
    }
}

const fn duration(ms: i64) -> Duration {
    Duration::from_millis(ms.unsigned_abs())
}

/// Chance for ids of documents: good enough that two never meet.
fn chance() -> Result<edge::push::Chance, Failure> {
    let random = SystemRandom::new();
    let mut first = [0; 16];
    random.fill(&mut first).map_err(|_| {
        Failure::environment("the system gives no random numbers", "系统无法提供随机数")
    })?;
    Ok(Arc::new(move || {
        let mut bytes = first;
        // It gave some before; if it gives none now, the time tells ids apart.
        if random.fill(&mut bytes).is_err() {
            let Millis(now) = os::now();
            return u128::from_be_bytes(first) ^ u128::from(now.unsigned_abs());
        }
        u128::from_be_bytes(bytes)
    }))
}

/// The secrets of a file, one a line: an old one may stand beside the new one that follows it.
fn lines(reference: Option<&SecretRef>) -> Result<Vec<String>, Failure> {
    let Some(reference) = reference else { return Ok(Vec::new()) };
    let secret = open::secret(reference)?;
    let lines = secret.expose().lines().map(str::trim).filter(|l| !l.is_empty());
    let lines: Vec<String> = lines.map(str::to_owned).collect();
    if lines.is_empty() || lines.iter().any(|l| l.len() < SECRET_CHARS_MIN) {
        return Err(Failure::usage(
            format!(
                "{reference}: each line must be a secret of {SECRET_CHARS_MIN} characters or more (`openssl rand -hex 32`)"
            ),
            format!(
                "{reference}：每行一个不少于 {SECRET_CHARS_MIN} 个字符的密钥（可用 openssl rand -hex 32 生成）"
            ),
        ));
    }
    Ok(lines)
}

fn fingerprint(hex: &str) -> Option<[u8; 32]> {
    let digits = (0..64).step_by(2).map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok());
    digits.collect::<Option<Vec<u8>>>()?.try_into().ok()
}

/// The listener's settings, its files read.
pub(crate) fn settings(config: &ListenConfig, limits: &Limits) -> Result<Settings, Failure> {
    let read = |path: &PathBuf| files::bytes(path, PEM_BYTES_MAX);
    let tls = match &config.identity {
        None => None,
        Some((certificate, key)) => Some(Identity {
            certificate: read(certificate)?,
            key: open::secret(key)?.expose().as_bytes().to_vec(),
            clients: config.client_ca.as_ref().map(read).transpose()?,
        }),
    };
    Ok(Settings {
        address: config.address,
        tls,
        connections_max: limits.push_connections_max,
        head_time: duration(limits.push_head_time),
        // Whoever waits for a commit gets the answer, or the word that it is not yet known.
        drain: duration(limits.push_wait) + duration(limits.push_head_time),
    })
}

impl Inlet {
    /// Takes the address and serves.
    ///
    /// # Errors
    /// The address is taken, or certificate and key cannot be used.
    pub(crate) async fn open(self) -> Result<Listening, Failure> {
        let settings = settings(&self.config, &self.limits)?;
        let listener = Listener::bind(settings).await.map_err(|e| {
            Failure::environment(format!("[listen] {e}"), format!("[listen] 无法监听：{e}"))
        })?;
        let address = listener.address();
        let (stop, stopped) = oneshot::channel::<()>();
        let router = self.doors.router();
        let task = tokio::spawn(listener.serve(router, async move {
            // A sender that is gone is a stop as well.
            drop(stopped.await);
        }));
        Ok(Listening { address, doors: self.doors, stop, task })
    }
}

impl Listening {
    /// Takes nothing more, and ends when what was taken has its answer.
    pub(crate) async fn close(self) {
        self.doors.close();
        // A task that is gone has ended by itself.
        let (Ok(()) | Err(())) = self.stop.send(());
        drop(self.task.await);
    }
}
