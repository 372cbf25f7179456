//! A province that does not run Tiergate: it takes, refuses, fails, hangs and loses answers by rule, and
//! remembers what took effect. It speaks front tables, HTTP and SOAP.

mod front;
mod port;
mod web;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use edge::outlet::calls::Form;
use edge::outlet::{Outlet, Target};

pub use front::Front;
pub(super) use port::Port;
pub use web::Web;

use super::{files, format, root};

/// What the platform does with a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Answers with this code and text, and keeps nothing.
    Answer(&'static str, &'static str),
    /// Says nothing as long as the rule stands.
    Hang,
}

/// A rule: which records, what, and how often.
#[derive(Clone, Debug)]
struct Rule {
    kind: String,
    case: String,
    act: Act,
    times: u32,
}

/// A record as it took effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Took {
    /// Message id.
    pub message: String,
    /// Table or process.
    pub kind: String,
    /// Case number.
    pub case: String,
    /// Version.
    pub version: String,
}

#[derive(Debug, Default)]
struct State {
    rules: Vec<Rule>,
    took: Vec<Took>,
    /// Messages that came, and how often.
    came: BTreeMap<String, u32>,
    down: bool,
    lose: u32,
    /// Login keys given so far; only the last one is good, unless it ran out.
    logins: u32,
    ran_out: bool,
}

/// How a platform is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Front tables in a file.
    Front,
    /// Front tables in a database of the test's MariaDB.
    Mariadb,
    /// Front tables in a schema of the test's PostgreSQL.
    Postgres,
    /// Its web service, batches of documents.
    Http,
    /// Its web service, one record a call.
    Soap,
}

enum Ground {
    Front(Box<Front>),
    Web(Web),
}

/// A platform.
pub struct Platform {
    /// What it does.
    pub mind: Arc<Mind>,
    ground: Ground,
}

impl Platform {
    /// One that is spoken to so; what it needs lies in a folder.
    pub async fn of(way: Way, folder: &Path) -> Self {
        let mind: Arc<Mind> = Arc::default();
        let ground = match way {
            Way::Front => Ground::Front(Box::new(Front::in_folder(folder, &mind).await)),
            Way::Mariadb => Ground::Front(Box::new(Front::in_mariadb(&mind).await)),
            Way::Postgres => Ground::Front(Box::new(Front::in_postgres(&mind).await)),
            Way::Http => Ground::Web(Web::start(&mind, Form::Http)),
            Way::Soap => Ground::Web(Web::start(&mind, Form::Soap)),
        };
        Self { mind, ground }
    }

    /// The outlet's end of it, over a line that can be cut.
    pub(super) fn port(&self) -> Port {
        let inner: Box<dyn Outlet> = match &self.ground {
            Ground::Front(front) => Box::new(front.port()),
            Ground::Web(web) => Box::new(web.port()),
        };
        let loses = matches!(self.ground, Ground::Front(_));
        Port { inner, mind: Arc::clone(&self.mind), loses }
    }

    /// It does what it does by itself.
    pub async fn work(&self) {
        if let Ground::Front(front) = &self.ground {
            front.collect().await;
        }
    }

    /// Takes away what the test's servers would keep.
    pub async fn remove(&self) {
        if let Ground::Front(front) = &self.ground {
            front.remove().await;
        }
    }

    /// Rows in its front tables.
    pub async fn rows(&self) -> u64 {
        match &self.ground {
            Ground::Front(front) => front.rows().await,
            Ground::Web(_) => 0,
        }
    }
}

/// The platform's own mind, whichever way it is spoken to.
#[derive(Debug, Default)]
pub struct Mind(Mutex<State>);

impl Mind {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next `times` records of a type and case are dealt with so.
    pub fn rule(&self, kind: &str, case: u32, act: Act, times: u32) {
        let (kind, case) = (format!("EX_GDBS_{kind}"), super::input::case(case));
        self.state().rules.push(Rule { kind, case, act, times });
    }

    /// No rule stands any more.
    pub fn relent(&self) {
        self.state().rules.clear();
    }

    /// Nobody reaches it, or everybody does again.
    pub fn down(&self, down: bool) {
        self.state().down = down;
    }

    /// Whether nobody reaches it.
    pub fn is_down(&self) -> bool {
        self.state().down
    }

    /// The answers of the next `times` calls are lost on the way, after they were acted on.
    pub fn lose(&self, times: u32) {
        self.state().lose = times;
    }

    /// Whoever is let in has to log in again.
    pub fn run_out(&self) {
        self.state().ran_out = true;
    }

    /// How often somebody logged in.
    pub fn logins(&self) -> u32 {
        self.state().logins
    }

    fn let_in(&self) -> String {
        let mut state = self.state();
        state.logins += 1;
        state.ran_out = false;
        format!("key-{}", state.logins)
    }

    fn knows(&self, key: &str) -> bool {
        let state = self.state();
        !state.ran_out && state.logins > 0 && key == format!("key-{}", state.logins)
    }

    fn loses(&self) -> bool {
        let mut state = self.state();
        let loses = state.lose > 0;
        state.lose = state.lose.saturating_sub(1);
        loses
    }

    /// What took effect, in order.
    pub fn took(&self) -> Vec<Took> {
        self.state().took.clone()
    }

    /// A record comes; the answer by rule, none while it hangs. What took effect once takes none again.
    pub fn judge(&self, one: Took) -> Option<(String, String)> {
        let mut state = self.state();
        let rule = state
            .rules
            .iter_mut()
            .find(|r| r.times > 0 && r.kind == one.kind && r.case == one.case);
        if let Some(rule) = rule {
            return match &rule.act {
                Act::Answer(code, text) => {
                    rule.times -= 1;
                    Some(((*code).to_owned(), (*text).to_owned()))
                }
                Act::Hang => None,
            };
        }
        *state.came.entry(one.message.clone()).or_default() += 1;
        if state.took.iter().any(|t| t.message == one.message) {
            return Some(("-5".into(), "重复数据".into()));
        }
        state.took.push(one);
        Some(("1".into(), "接收成功".into()))
    }

    /// Messages that came more than once though they had taken effect.
    pub fn doubled(&self) -> Vec<String> {
        let state = self.state();
        let twice = state.came.iter().filter(|(_, times)| **times > 1);
        twice.map(|(message, _)| message.clone()).collect()
    }

    /// No message took effect twice, no version after a higher one, no record before its application.
    pub fn hold(&self) {
        let took = self.took();
        let mut seen: BTreeMap<&str, ()> = BTreeMap::new();
        let mut versions: BTreeMap<(&str, &str), u32> = BTreeMap::new();
        for one in &took {
            assert!(seen.insert(&one.message, ()).is_none(), "twice at the platform: {one:?}");
            let version: u32 = one.version.parse().expect("a version");
            let before = versions.insert((&one.kind, &one.case), version);
            assert!(before.is_none_or(|b| b < version), "went back at the platform: {one:?}");
            if one.kind != "EX_GDBS_SB" {
                let parent = versions.contains_key(&("EX_GDBS_SB", &*one.case));
                assert!(parent, "before its application at the platform: {one:?}");
            }
        }
    }
}

/// Guangdong, as the repository has it, asked every second.
pub fn target() -> Arc<Target> {
    static TARGET: LazyLock<Arc<Target>> = LazyLock::new(|| {
        let mut files = files(&root().join("schemas/guangdong/1"));
        let front = files.get_mut("front_db.toml").expect("a front library");
        let text = String::from_utf8_lossy(front);
        *front = text.replace("poll_seconds = 30", "poll_seconds = 1").into_bytes();
        let target = Target::read(files, &format());
        Arc::new(target.unwrap_or_else(|p| panic!("the target: {p:?}")))
    });
    Arc::clone(&TARGET)
}
