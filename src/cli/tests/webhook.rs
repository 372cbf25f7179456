//! A county whose kept records are posted to a service: a kill in the middle, a refusal of one record, a
//! refusal of all, and what a person does about them.

#![expect(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

mod common;
#[path = "common/nodes.rs"]
mod nodes;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use canon::Millis;
use common::{Service, fine, repository, tiergate};
use edge::legacy_http::{self, Asked, Reply};
use edge::push::{SIGNATURE, sign};
use edge::webhook::{DELIVERY, REPLAY};
use serde_json::{Value, json};

/// Longest wait for the process.
const LONGEST: Duration = Duration::from_secs(90);
const KEY: &str = "0123456789abcdef0123456789abcdef";

/// What the service does with the next requests.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mood {
    /// Takes so many and is silent then.
    Takes(usize),
    /// Takes all but one record, the first it ever saw.
    Refuses,
    /// Takes nothing.
    Denies,
}

/// What the service was given.
#[derive(Default)]
struct Given {
    /// Fragment of each record, by its id.
    records: BTreeMap<String, String>,
    /// Body of each request, by its id.
    requests: BTreeMap<String, Vec<u8>>,
    /// Ids of records in the order in which they were taken, replays apart.
    taken: Vec<String>,
    replayed: Vec<String>,
    /// Ids of requests that came more than once.
    again: BTreeSet<String>,
    /// What was not as it should be.
    wrong: Vec<String>,
}

impl Given {
    fn note(&mut self, asked: &Asked, mood: Mood) -> Reply {
        let header = |name| asked.header(name).unwrap_or_default().to_owned();
        let id = header(DELIVERY);
        let signature = header(SIGNATURE);
        let at = signature.split(['=', ',']).nth(1).and_then(|t| t.parse::<i64>().ok());
        let signed = [id.as_bytes(), b".", &asked.body].concat();
        if sign(KEY.as_bytes(), Millis(at.unwrap_or(0) * 1000), &signed) != signature {
            self.wrong.push(format!("signature of {id}"));
        }
        if let Some(before) = self.requests.insert(id.clone(), asked.body.clone()) {
            if before != asked.body {
                self.wrong.push(format!("other bytes under {id}"));
            }
            self.again.insert(id);
        }
        match mood {
            Mood::Takes(0) => return Reply::Silence,
            Mood::Denies => return Reply::json(401, ""),
            Mood::Takes(_) | Mood::Refuses => {}
        }
        let body: Value = serde_json::from_slice(&asked.body).unwrap();
        let mut refused = Vec::new();
        for record in body["records"].as_array().unwrap() {
            let text = |key: &str| record[key].as_str().unwrap().to_owned();
            let (delivery, fragment) = (text("delivery"), text("fragment"));
            let before = self.records.insert(delivery.clone(), fragment.clone());
            if before.is_some_and(|before| before != fragment) {
                self.wrong.push(format!("another record under {delivery}"));
            }
            if mood == Mood::Refuses && self.taken.first().is_none_or(|first| *first == delivery) {
                refused
                    .push(json!({ "delivery": delivery, "code": "no_item", "text": "无此事项" }));
            }
            match header(REPLAY).as_str() {
                "true" => self.replayed.push(delivery),
                _ => self.taken.push(delivery),
            }
        }
        Reply::json(200, json!({ "refused": refused }).to_string())
    }
}

/// The service, its mood and what it was given.
struct Receiver {
    _service: legacy_http::Service,
    url: String,
    mood: Arc<Mutex<Mood>>,
    given: Arc<Mutex<Given>>,
}

impl Receiver {
    fn start(mood: Mood) -> Self {
        let (mood, given) = (Arc::new(Mutex::new(mood)), Arc::new(Mutex::new(Given::default())));
        let (mind, notes) = (Arc::clone(&mood), Arc::clone(&given));
        let service = legacy_http::Service::start(move |asked| {
            if asked.method != "POST" {
                return Reply::json(405, "");
            }
            let mut mood = mind.lock().unwrap();
            let reply = notes.lock().unwrap().note(asked, *mood);
            if let Mood::Takes(left) = &mut *mood {
                *left = left.saturating_sub(1);
            }
            reply
        });
        let service = service.unwrap();
        Self { url: service.url(), _service: service, mood, given }
    }

    fn becomes(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    #[track_caller]
    fn until(&self, what: &str, done: impl Fn(&Given) -> bool) {
        let began = Instant::now();
        while !done(&self.given.lock().unwrap()) {
            assert!(began.elapsed() < LONGEST, "{what}: {:?}", self.given.lock().unwrap().taken);
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn config(node: &str, url: &str) -> String {
    let common = nodes::head(node);
    let own = match node {
        "town" => nodes::town("local", ""),
        _ => format!(
            "\n[[link]]\nname = \"town\"\npeer = \"town\"\ncarrier = \"local\"\n\n[[sink]]\n\
             name = \"hook\"\nkind = \"webhook\"\nurl = \"{url}/kept\"\nhmac = \"file:hook.key\"\n\n\
             [limits]\nwebhook_records_max = 2\nhttp_silence = \"2 s\"\n"
        ),
    };
    common + &own
}

fn prepared(dir: &Path, url: &str) {
    common::prepare(dir, common::USUAL, &["town", "county"], |node| config(node, url));
    let key = dir.join("county/hook.key");
    std::fs::write(&key, format!("{KEY}\n")).unwrap();
    assert!(Command::new("chmod").arg("600").arg(&key).status().unwrap().success());
    let sample = repository().join("adapters/township_window/samples/ordinary/input.csv");
    std::fs::copy(sample, dir.join("town/drops/window-20261121.csv")).unwrap();
}

const COUNTY: [&str; 2] = ["--config", "county/node.toml"];

/// Waits until `status` of the county says it.
#[track_caller]
fn says(dir: &Path, words: &str) {
    let began = Instant::now();
    loop {
        let said = tiergate(dir, &[&["--lang", "en", "status"][..], &COUNTY].concat());
        if said.out.contains(words) {
            return;
        }
        assert!(began.elapsed() < LONGEST, "{words}: {}{}", said.out, said.err);
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn what_a_kill_interrupted_comes_again_under_the_same_ids_and_nothing_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let receiver = Receiver::start(Mood::Takes(2));
    prepared(dir, &receiver.url);
    fine(dir, &["check", "config", "town/node.toml", "county/node.toml"]);
    let service = Service::start(dir, &["town", "county"]);
    // It has taken two requests of the batch, and the third hangs: the node is killed in the middle.
    receiver.until("two requests", |given| given.requests.len() > 2);
    drop(service);
    receiver.becomes(Mood::Takes(usize::MAX));
    let service = Service::start(dir, &["town", "county"]);
    receiver.until("what was not answered", |given| given.taken.len() > given.records.len());
    let kept = || fine(dir, &[&["--json", "status"][..], &COUNTY].concat()).json();
    let kept = || kept()["nodes"][0]["status"]["kept"].as_u64().unwrap_or(0) as usize;
    let began = Instant::now();
    while kept() < 8 || receiver.given.lock().unwrap().records.len() < kept() {
        assert!(
            began.elapsed() < LONGEST,
            "{} of {}",
            receiver.given.lock().unwrap().records.len(),
            kept()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    {
        let given = receiver.given.lock().unwrap();
        assert_eq!((&given.wrong, given.again.is_empty()), (&Vec::new(), false));
    }
    // All of it once more, beside the service: the same ids, the same bytes, and it says that it is a replay.
    let all = kept();
    let replay = [&["--json", "sink", "replay", "hook", "--from", "0"][..], &COUNTY].concat();
    assert_eq!(fine(dir, &replay).json()["records"].as_u64(), Some(all as u64));
    {
        let given = receiver.given.lock().unwrap();
        assert_eq!(
            (given.replayed.len(), given.records.len(), &given.wrong),
            (all, all, &Vec::new())
        );
    }
    drop(service);
}

#[test]
fn a_refused_record_is_listed_a_refusal_of_all_stops_the_sink_and_a_person_lets_it_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let receiver = Receiver::start(Mood::Refuses);
    prepared(dir, &receiver.url);
    let service = Service::start(dir, &["town", "county"]);
    says(dir, "sink hook: 1 records were refused one by one");
    let refused = [&["--json", "sink", "refused", "hook"][..], &COUNTY].concat();
    let said = tiergate(dir, &refused);
    assert_eq!(said.code, 1, "{}", said.out);
    let record = said.json()["refused"][0].clone();
    assert_eq!((&record["code"], &record["text"]), (&json!("no_item"), &json!("无此事项")));
    let key = record["record"].as_str().unwrap();
    let case = key.split([':', '@']).nth(1).unwrap();
    let traced = fine(dir, &[&["--lang", "zh", "trace", case][..], &COUNTY].concat());
    assert!(traced.out.contains("hook [no_item] 「无此事项」"), "{}", traced.out);
    // Its people have mended it: it takes the record, which leaves the list, beside the service.
    receiver.becomes(Mood::Takes(usize::MAX));
    let replay = [&["--json", "sink", "replay", "hook", "--refused"][..], &COUNTY].concat();
    assert_eq!(fine(dir, &replay).json()["records"], 1);
    let began = Instant::now();
    while tiergate(dir, &refused).code != 0 {
        assert!(began.elapsed() < LONGEST, "it leaves the list");
        std::thread::sleep(Duration::from_millis(100));
    }

    receiver.becomes(Mood::Denies);
    let before = receiver.given.lock().unwrap().taken.len();
    let drop_again = repository().join("adapters/township_window/samples/dirty/input.csv");
    std::fs::copy(drop_again, dir.join("town/drops/window-20261122.csv")).unwrap();
    says(dir, "it answers 401");
    says(dir, "stopped for");
    let asked = receiver.given.lock().unwrap().requests.len();
    let doctor = tiergate(dir, &["--json", "doctor", "--config", "county/node.toml"]).json();
    let looks = doctor["looks"].as_array().unwrap();
    let look = looks.iter().find(|look| look["step"] == "webhook").unwrap();
    assert_eq!(look["ok"], true, "it answers, whatever it says: {look}");
    // Who was told no does not ask again by itself.
    assert_eq!(receiver.given.lock().unwrap().requests.len(), asked);
    receiver.becomes(Mood::Takes(usize::MAX));
    let resume = [&["sink", "resume", "hook", "--by", "op-7"][..], &COUNTY].concat();
    fine(dir, &resume);
    receiver.until("the rest", |given| given.taken.len() > before);
    drop(service);
    fine(dir, &[&["status"][..], &COUNTY].concat());
}
