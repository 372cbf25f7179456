//! The door of one adapter: takes a document in, waits until it is committed, says what became of it.
//!
//! A document is laid on the shelf first, so that whichever instance of the node has the adapter
//! collects it, and a time that runs out loses nothing. Its answer comes to stand with the commit of
//! its records, in the same transaction: there is no moment at which one is there without the other.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use adapt::PushSource;
use canon::{DigestAlg, Millis};
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::{Notify, Semaphore, oneshot};

use super::auth::Auth;
use super::post::{Answer, Post};
use super::refusal::Refusal;
use crate::shelf::{Shelf, ShelfError};

/// Longest `Idempotency-Key`, characters.
pub const KEY_CHARS_MAX: usize = 200;
/// How often the shelf is asked whether another instance has committed a document.
const LOOK: Duration = Duration::from_millis(250);

/// Where the time comes from.
pub type Clock = Arc<dyn Fn() -> Millis + Send + Sync>;
/// Where chance comes from.
pub type Chance = Arc<dyn Fn() -> u128 + Send + Sync>;

/// How much one adapter is given, and how long it is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Records of a document.
    pub rows_max: u64,
    /// Documents that wait to be collected.
    pub waiting_max: u32,
    /// Documents taken at the same time by this process.
    pub at_once_max: usize,
    /// Documents a second; 0 is no limit.
    pub per_second: u32,
    /// How long the commit is waited for.
    pub wait: Duration,
    /// How long answers are kept, ms.
    pub keep: i64,
}

/// What a door is made of.
pub struct Parts {
    /// Name of the adapter.
    pub adapter: Arc<str>,
    /// Title for people.
    pub title: String,
    /// What is posted.
    pub source: PushSource,
    /// Where documents and answers lie.
    pub shelf: Arc<dyn Shelf>,
    /// Who may post.
    pub auth: Auth,
    /// Limits.
    pub limits: Limits,
    /// Time.
    pub clock: Clock,
    /// Chance.
    pub chance: Chance,
}

/// See the module.
pub struct Door {
    pub(super) parts: Parts,
    /// Wakes whoever collects.
    pub(super) bell: Arc<Notify>,
    /// Who waits for the answer to which document.
    waiters: Mutex<HashMap<String, Vec<oneshot::Sender<Answer>>>>,
    pub(super) at_once: Semaphore,
    rate: Option<DefaultDirectRateLimiter>,
    closed: AtomicBool,
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the door of {}", self.parts.adapter)
    }
}

/// A document that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is committed: this became of each row.
    Committed(Answer),
    /// It is kept, and nothing is known of its rows yet.
    Kept {
        /// Its id, to ask again.
        id: String,
    },
}

impl Door {
    /// A door, open.
    pub fn new(parts: Parts) -> Arc<Self> {
        let quota = NonZeroU32::new(parts.limits.per_second).map(Quota::per_second);
        Arc::new(Self {
            bell: Arc::default(),
            waiters: Mutex::default(),
            at_once: Semaphore::new(parts.limits.at_once_max),
            rate: quota.map(RateLimiter::direct),
            closed: AtomicBool::new(false),
            parts,
        })
    }

    /// Name of the adapter.
    pub fn adapter(&self) -> &str {
        &self.parts.adapter
    }

    /// Takes nothing more; what was taken is still answered.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Whether another document may come now.
    pub(super) fn admits(&self) -> Result<(), Refusal> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Refusal::later("post.stopping", 5));
        }
        let Some(Err(not_yet)) = self.rate.as_ref().map(RateLimiter::check) else { return Ok(()) };
        let wait = not_yet.wait_time_from(DefaultClock::default().now());
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        Err(Refusal::later("post.rate", u32::try_from(seconds.max(1)).unwrap_or(u32::MAX)))
    }

    /// Takes a document and waits for its commit as long as the limit says.
    ///
    /// # Errors
    /// It was not taken: nothing of it is kept, unless the same key holds another document.
    pub async fn take(
        self: &Arc<Self>,
        key: Option<&str>,
        body: Vec<u8>,
    ) -> Result<Taken, Refusal> {
        let id = self.id(key)?;
        let digest = DigestAlg::default().of(&[&body]).to_string();
        // Heard from now on: the commit may come before the first look.
        let heard = self.hear(&id);
        let known = key.is_some() && self.known(&id, &digest).await?;
        if !known {
            self.lay(&id, body, digest.clone()).await?;
        }
        self.bell.notify_one();
        self.answered(&id, &digest, heard).await
    }

    /// What became of a document.
    ///
    /// # Errors
    /// Nothing is known of it.
    pub async fn ask(&self, id: &str) -> Result<Taken, Refusal> {
        let plain = id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit());
        if !plain {
            return Err(Refusal::of("post.unknown_id"));
        }
        if let Some(answer) = self.answer(id).await? {
            return Ok(Taken::Committed(answer));
        }
        match self.get(&waits(&self.parts.adapter, id)).await? {
            Some(_) => Ok(Taken::Kept { id: id.to_owned() }),
            None => Err(Refusal::of("post.unknown_id")),
        }
    }

    /// The document's id: of its key, or new.
    fn id(&self, key: Option<&str>) -> Result<String, Refusal> {
        let Some(key) = key else { return Ok(format!("{:032x}", (self.parts.chance)())) };
        let plain = key.len() <= KEY_CHARS_MAX && key.bytes().all(|b| b.is_ascii_graphic());
        if key.is_empty() || !plain {
            return Err(Refusal::of("post.key_bad"));
        }
        // The key may say more than an id should.
        let digest =
            DigestAlg::default().of(&[self.parts.adapter.as_bytes(), b"|", key.as_bytes()]);
        Ok(digest.bytes.iter().take(16).map(|b| format!("{b:02x}")).collect())
    }

    /// Whether the document came before, waiting or answered.
    async fn known(&self, id: &str, digest: &str) -> Result<bool, Refusal> {
        let before = match self.answer(id).await? {
            Some(answer) => Some(answer.digest),
            None => {
                let waiting = self.get(&waits(&self.parts.adapter, id)).await?;
                waiting.and_then(|text| read::<Post>(&text)).map(|post| post.digest)
            }
        };
        match before {
            Some(before) if before != digest => Err(Refusal::of("post.key_reused")),
            before => Ok(before.is_some()),
        }
    }

    async fn lay(self: &Arc<Self>, id: &str, body: Vec<u8>, digest: String) -> Result<(), Refusal> {
        let limits = self.parts.limits;
        let prefix = waits(&self.parts.adapter, "");
        let waiting =
            self.parts.shelf.names(&prefix, limits.waiting_max).await.map_err(no_shelf)?;
        if waiting.len() as u64 >= u64::from(limits.waiting_max) {
            return Err(Refusal::later("post.backlog", 60));
        }
        let (door, now) = (Arc::clone(self), (self.parts.clock)());
        // A large document takes its time, and other requests theirs.
        let reading = tokio::task::spawn_blocking(move || {
            Post::read(&door.parts.source.body, &body, limits.rows_max, (digest, now.0))
        });
        let post = reading.await.map_err(|_| Refusal::of("post.malformed"))??;
        let text = serde_json::to_string(&post).map_err(|_| Refusal::of("post.malformed"))?;
        let name = waits(&self.parts.adapter, id);
        self.parts.shelf.put(&name, Some(&text), now).await.map_err(no_shelf)
    }

    /// Waits for the answer, from this process or from another one.
    async fn answered(
        &self,
        id: &str,
        digest: &str,
        mut heard: oneshot::Receiver<Answer>,
    ) -> Result<Taken, Refusal> {
        let end = tokio::time::sleep(self.parts.limits.wait);
        tokio::pin!(end);
        let answer = loop {
            if let Some(answer) = self.answer(id).await? {
                break Some(answer);
            }
            tokio::select! {
                said = &mut heard => break said.ok(),
                () = tokio::time::sleep(LOOK) => {}
                () = &mut end => break self.answer(id).await?,
            }
        };
        drop(heard);
        self.forget(id);
        match answer {
            Some(answer) if answer.digest == digest => Ok(Taken::Committed(answer)),
            // Two documents under one key came at the same moment, and this one was the second.
            Some(_) => Err(Refusal::of("post.key_reused")),
            None => Ok(Taken::Kept { id: id.to_owned() }),
        }
    }

    /// The answer to a document, where it is committed.
    pub(super) async fn answer(&self, id: &str) -> Result<Option<Answer>, Refusal> {
        let text = self.get(&answers(&self.parts.adapter, id)).await?;
        Ok(text.and_then(|text| read(&text)))
    }

    async fn get(&self, name: &str) -> Result<Option<String>, Refusal> {
        self.parts.shelf.get(name).await.map_err(no_shelf)
    }

    fn waiters(&self) -> MutexGuard<'_, HashMap<String, Vec<oneshot::Sender<Answer>>>> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, id: &str) -> oneshot::Receiver<Answer> {
        let (say, heard) = oneshot::channel();
        self.waiters().entry(id.to_owned()).or_default().push(say);
        heard
    }

    /// Whoever does not listen any more is forgotten.
    fn forget(&self, id: &str) {
        let mut waiters = self.waiters();
        if let Some(these) = waiters.get_mut(id) {
            these.retain(|say| !say.is_closed());
            if these.is_empty() {
                waiters.remove(id);
            }
        }
    }

    /// A document is committed: whoever waits here is told.
    pub(super) fn tell(&self, answer: &Answer) {
        let these = self.waiters().remove(&answer.id).unwrap_or_default();
        for say in these {
            // Whose time ran out in this moment asks again.
            drop(say.send(answer.clone()));
        }
    }
}

/// A text of the shelf; one that this build cannot read is none.
pub(super) fn read<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok()
}

/// Where a document waits.
pub(super) fn waits(adapter: &str, id: &str) -> String {
    format!("post/{adapter}/waits/{id}")
}

/// Where its answer stands.
pub(super) fn answers(adapter: &str, id: &str) -> String {
    format!("post/{adapter}/answer/{id}")
}

fn no_shelf(_: ShelfError) -> Refusal {
    Refusal::later("post.store", 5)
}
