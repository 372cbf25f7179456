//! A door with its listener, a shelf in memory, and a worker that collects like the node's.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use adapt::{Package, PushSource, Source as PackageSource};
use canon::{Millis, Severity, Violation};
use serde_json::Value;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;

use crate::http::tests::file;
use crate::http::{Answer, Client, Method, Request, Settings as ClientSettings, address};
use crate::listen::{Identity, Listener, Settings};
use crate::push::{Auth, Door, Doors, Limits, Parts, Posted};
use crate::source::{BoxFuture, Fact, Fate, RecordFate, Source, What};
use crate::{Shelf, ShelfError};

pub(super) const TOKEN: &str = "a-token-of-the-test";

/// Texts in memory; like the store it stamps them with a time that never goes back.
#[derive(Default)]
pub(super) struct MemoryShelf {
    texts: Mutex<BTreeMap<String, (String, Millis)>>,
    pub(super) broken: AtomicBool,
}

impl MemoryShelf {
    fn change(&self, facts: &[Fact], now: Millis) {
        let mut texts = self.texts.lock().unwrap();
        for fact in facts {
            match &fact.text {
                Some(text) => drop(texts.insert(fact.name.clone(), (text.clone(), now))),
                None => drop(texts.remove(&fact.name)),
            }
        }
    }

    pub(super) fn all(&self) -> Vec<String> {
        self.texts.lock().unwrap().keys().cloned().collect()
    }

    fn works(&self) -> Result<(), ShelfError> {
        let broken = self.broken.load(Ordering::Relaxed);
        if broken { Err(ShelfError("a test's fault".into())) } else { Ok(()) }
    }
}

impl Shelf for MemoryShelf {
    fn put<'a>(
        &'a self,
        name: &'a str,
        text: Option<&'a str>,
        now: Millis,
    ) -> BoxFuture<'a, Result<(), ShelfError>> {
        Box::pin(async move {
            self.works()?;
            self.change(&[Fact { name: name.into(), text: text.map(str::to_owned) }], now);
            Ok(())
        })
    }

    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<String>, ShelfError>> {
        Box::pin(async move {
            self.works()?;
            Ok(self.texts.lock().unwrap().get(name).map(|(text, _)| text.clone()))
        })
    }

    fn names<'a>(
        &'a self,
        prefix: &'a str,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<(String, Millis)>, ShelfError>> {
        Box::pin(async move {
            self.works()?;
            let texts = self.texts.lock().unwrap();
            let all = texts.iter().filter(|(name, _)| name.starts_with(prefix));
            let mut all: Vec<_> = all.map(|(name, (_, at))| (name.clone(), *at)).collect();
            all.sort_by_key(|(_, at)| *at);
            all.truncate(limit as usize);
            Ok(all)
        })
    }
}

/// What one instance of a node does with its adapter; several may share a shelf and a cursor.
pub(super) struct Instance {
    pub(super) door: Arc<Door>,
    pub(super) doors: Arc<Doors>,
    pub(super) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    tasks: JoinSet<()>,
}

/// What instances share.
#[derive(Clone)]
pub(super) struct Ground {
    pub(super) shelf: Arc<MemoryShelf>,
    pub(super) limits: Limits,
    pub(super) auth: Auth,
    pub(super) source: PushSource,
    pub(super) tls: Option<Identity>,
    pub(super) body_max: usize,
    pub(super) body_time: Duration,
    pub(super) head_time: Duration,
    pub(super) now: Arc<AtomicI64>,
    /// Nothing is collected.
    pub(super) paused: Arc<AtomicBool>,
    /// Rows committed.
    pub(super) rows: Arc<AtomicUsize>,
    cursor: Arc<tokio::sync::Mutex<Option<String>>>,
    /// What was collected before: the first column's values.
    known: Arc<Mutex<Vec<String>>>,
}

pub(super) const JSON: &str =
    "kind = \"http_push\"\nform = \"json\"\nrecord = \"list\"\ncolumns = [\"no\", \"name\"]";

pub(super) fn pushed(text: &str) -> PushSource {
    let toml = format!(
        "[adapter]\nedition = 1\nname = \"t\"\nversion = \"1\"\nsystem = \"t\"\nformat = \"supervision/1\"\n\
         namespace = \"990100\"\n[source]\n{text}\n[[record]]\ntype = \"application\"\nfrom = \"row\"\n"
    );
    let files = [("adapter.toml".to_owned(), toml.into_bytes())].into();
    let package = Package::read(&files).unwrap_or_else(|p| panic!("{p:?}"));
    let PackageSource::Push(push) = package.source else { panic!("a source that is posted to") };
    *push
}

impl Ground {
    pub(super) fn new(text: &str) -> Self {
        Self {
            shelf: Arc::default(),
            limits: Limits {
                rows_max: 100,
                waiting_max: 1000,
                at_once_max: 1000,
                per_second: 0,
                wait: Duration::from_secs(15),
                keep: 60_000,
            },
            auth: Auth {
                tokens: vec![TOKEN.into()],
                skew: Duration::from_secs(300),
                ..Auth::default()
            },
            source: pushed(text),
            tls: None,
            body_max: 1 << 20,
            body_time: Duration::from_secs(10),
            head_time: Duration::from_secs(10),
            now: Arc::new(AtomicI64::new(1_700_000_000_000)),
            paused: Arc::default(),
            rows: Arc::default(),
            cursor: Arc::default(),
            known: Arc::default(),
        }
    }

    /// Another instance: a listener, and a worker where it `collects`.
    pub(super) async fn instance(&self, collects: bool) -> Instance {
        let (now, ids) = (Arc::clone(&self.now), AtomicU64::new(1));
        let door = Door::new(Parts {
            adapter: "t".into(),
            title: "测试推送".into(),
            source: self.source.clone(),
            shelf: Arc::clone(&self.shelf) as Arc<dyn Shelf>,
            auth: self.auth.clone(),
            limits: self.limits,
            clock: Arc::new(move || Millis(now.fetch_add(1, Ordering::Relaxed))),
            chance: Arc::new(move || u128::from(ids.fetch_add(1, Ordering::Relaxed)) << 64),
        });
        let by_path = [("cases".to_owned(), Arc::clone(&door))].into();
        let doors = Doors::new(by_path, self.body_max, 64 << 20, self.body_time);
        let settings = Settings {
            address: ([127, 0, 0, 1], 0).into(),
            tls: self.tls.clone(),
            connections_max: 400,
            head_time: self.head_time,
            drain: Duration::from_secs(10),
        };
        let listener = Listener::bind(settings).await.unwrap();
        let address = listener.address();
        let (stop, stopped) = oneshot::channel::<()>();
        let mut tasks = JoinSet::new();
        let router = doors.router();
        tasks.spawn(listener.serve(router, async move { drop(stopped.await) }));
        let mut instance = Instance { door, doors, address, stop: Some(stop), tasks };
        if collects {
            instance.collect(self);
        }
        instance
    }

    /// One turn, as the node's worker takes it; whether there was something.
    async fn turn(&self, source: &mut Posted) -> bool {
        let mut cursor = self.cursor.lock().await;
        let now = Millis(self.now.load(Ordering::Relaxed));
        let Ok(page) = source.read(cursor.as_deref(), now, 100).await else { return false };
        if page.is_empty() && page.broken.is_empty() {
            return page.more;
        }
        let fates: Vec<Fate> = {
            let mut known = self.known.lock().unwrap();
            page.rows().map(|row| fate(row.cell(0), &mut known)).collect()
        };
        let facts = source.told(&page, &fates, now);
        // The commit: rows, cursor and answer at once.
        self.shelf.change(&facts, now);
        *cursor = Some(page.cursor.clone());
        self.rows.fetch_add(page.len(), Ordering::Relaxed);
        drop(cursor);
        source.committed(&page.cursor).await.unwrap();
        true
    }
}

/// A row without a number is returned, a number that came before is known.
fn fate(no: Option<&str>, known: &mut Vec<String>) -> Fate {
    let what = match no.map(str::to_owned) {
        None => What::Returned(vec![Violation {
            rule: "field.required".into(),
            field: "NO".into(),
            severity: Severity::Error,
            zh: "『no』未填写".into(),
            en: "`no` is missing".into(),
        }]),
        Some(no) if known.contains(&no) => What::Known,
        Some(no) => {
            known.push(no);
            What::Collected
        }
    };
    Fate { records: vec![RecordFate { kind: "SB".into(), key: no.map(str::to_owned), what }] }
}

impl Instance {
    /// Collects from now on.
    pub(super) fn collect(&mut self, ground: &Ground) {
        let (mut source, ground) = (Posted::new(Arc::clone(&self.door)), ground.clone());
        self.tasks.spawn(async move {
            loop {
                let arrival = source.arrival();
                while !ground.paused.load(Ordering::Relaxed) && ground.turn(&mut source).await {}
                // A pause may end without a ring.
                drop(tokio::time::timeout(Duration::from_millis(20), arrival).await);
            }
        });
    }

    pub(super) fn url(&self, path: &str) -> String {
        let port = self.address.port();
        format!("http://127.0.0.1:{port}{path}")
    }

    /// Takes no more, and waits until what is under way has its answer.
    pub(super) async fn stop(mut self) {
        self.doors.close();
        drop(self.stop.take());
        // The listener is the first that ends; the worker never does.
        self.tasks.join_next().await.unwrap().unwrap();
    }
}

pub(super) fn client() -> Client {
    // The system's list of authorities is long, and nobody here is believed by it.
    Client::new(ClientSettings { ca: Some(file("ca.pem")), ..ClientSettings::default() }).unwrap()
}

/// A document of so many numbers.
pub(super) fn list(numbers: &[&str]) -> String {
    let rows: Vec<String> = numbers
        .iter()
        .map(|no| match *no {
            "" => "{\"name\": \"甲\"}".to_owned(),
            no => format!("{{\"no\": \"{no}\", \"name\": \"甲\"}}"),
        })
        .collect();
    format!("{{\"list\": [{}]}}", rows.join(","))
}

pub(super) fn request(method: Method, url: &str, headers: &[(&str, &str)], body: &str) -> Request {
    let mut request = Request::new(method, address(url).unwrap());
    for (name, value) in headers {
        request.header(name, value).unwrap();
    }
    request.body = body.as_bytes().to_vec();
    request
}

/// Posts JSON with the token, under a key where there is one.
pub(super) async fn post(at: &Instance, key: Option<&str>, body: &str) -> (Answer, Value) {
    let bearer = format!("Bearer {TOKEN}");
    let mut headers = vec![("authorization", &*bearer), ("content-type", "application/json")];
    headers.extend(key.map(|key| ("idempotency-key", key)));
    let request = request(Method::POST, &at.url("/push/cases"), &headers, body);
    told(client().send(request).await.unwrap())
}

pub(super) async fn ask(at: &Instance, id: &str) -> (Answer, Value) {
    let bearer = format!("Bearer {TOKEN}");
    let url = at.url(&format!("/push/cases/{id}"));
    let request = request(Method::GET, &url, &[("authorization", &bearer)], "");
    told(client().send(request).await.unwrap())
}

pub(super) fn told(answer: Answer) -> (Answer, Value) {
    let value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    (answer, value)
}

/// Ends when something becomes true.
pub(super) async fn until(what: impl Fn() -> bool) {
    let waits = async {
        let never = Notify::new();
        while !what() {
            drop(tokio::time::timeout(Duration::from_millis(5), never.notified()).await);
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waits).await.expect("it becomes true");
}
