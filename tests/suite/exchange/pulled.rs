//! A department's web service that does everything wrong once: each of its records arrives all the same,
//! once.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use edge::legacy_http::{Asked, Reply, Service};
use store::Place;
use tests::world::input::{cases, line, objects};
use tests::world::{Feed, Setup, TOWN};

/// Records of the service.
const RECORDS: usize = 12;
/// Rows of its pages.
const PAGE: usize = 3;

/// One way to answer badly.
#[derive(Clone, Copy, Debug)]
enum Bad {
    Trouble,
    Busy,
    Silent,
    Cut,
    Truncated,
    Expired,
    ExpiredByCode,
    Packed,
    Strange,
    Repeats,
    Large,
}

const ALL: [Bad; 11] = [
    Bad::Trouble,
    Bad::Busy,
    Bad::Silent,
    Bad::Cut,
    Bad::Truncated,
    Bad::Expired,
    Bad::ExpiredByCode,
    Bad::Packed,
    Bad::Strange,
    Bad::Repeats,
    Bad::Large,
];

fn page(objects: &[String], number: usize) -> String {
    let rows: Vec<&str> =
        objects.iter().skip((number - 1) * PAGE).take(PAGE).map(String::as_str).collect();
    format!(
        "{{\"code\":0,\"data\":{{\"total\":{},\"lines\":[{}]}}}}",
        objects.len(),
        rows.join(",")
    )
}

fn badly(bad: Bad, objects: &[String], number: usize) -> Reply {
    let right = page(objects, number);
    let half = right.get(..right.len() / 2).unwrap_or_default().to_owned();
    match bad {
        Bad::Trouble => Reply::json(500, "{}"),
        Bad::Busy => Reply::json(429, "{}").with("retry-after", "3"),
        Bad::Silent => Reply::Silence,
        Bad::Cut => {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", right.len());
            Reply::Bytes((head + &half).into_bytes())
        }
        Bad::Truncated => Reply::json(200, half),
        Bad::Expired => Reply::json(401, "{}"),
        Bad::ExpiredByCode => Reply::json(200, "{\"code\":2001}"),
        Bad::Packed => Reply::json(200, vec![0; 5_000]).with("content-encoding", "gzip"),
        Bad::Strange => Reply::json(200, "<html>"),
        Bad::Repeats => Reply::json(200, page(objects, 1)),
        Bad::Large => Reply::json(200, vec![b' '; 100_001]),
    }
}

#[tokio::test]
async fn a_service_that_does_everything_wrong_once_loses_and_doubles_nothing() {
    let objects = objects(&cases(1..=6));
    assert_eq!(objects.len(), RECORDS);
    let left: Arc<Mutex<VecDeque<Bad>>> = Arc::new(Mutex::new(ALL.into()));
    let bads = Arc::clone(&left);
    let (mut asked, mut tokens) = (0, 0);
    let idle = Arc::new(AtomicBool::new(false));
    let rests = Arc::clone(&idle);
    let service = Service::start(move |request: &Asked| {
        if request.path() == "/login" {
            tokens += 1;
            return Reply::json(200, format!("{{\"code\":0,\"token\":\"t{tokens}\"}}"));
        }
        if request.header("authorization") != Some(&format!("Bearer t{tokens}")) {
            return Reply::json(403, "{}");
        }
        if rests.load(Ordering::SeqCst) {
            return Reply::json(200, page(&[], 1));
        }
        asked += 1;
        let number = request.query("page").and_then(|n| n.parse().ok()).unwrap_or(1);
        let mut left = bads.lock().expect("the story");
        match left.front().copied() {
            // Every other answer is bad; the first page again is no fault where it is the first.
            Some(Bad::Repeats) if number == 1 => Reply::json(200, page(&objects, number)),
            Some(bad) if asked % 2 == 0 => {
                left.pop_front();
                badly(bad, &objects, number)
            }
            _ => Reply::json(200, page(&objects, number)),
        }
    })
    .expect("a port");
    let feeds = vec![Feed::Asked(TOWN, service.port())];
    let mut world = super::world_of(Setup { feeds, ..Setup::default() }).await;
    world.failed = Some(Vec::new());
    for _ in 0..200 {
        world.pass(5_000).await;
        if left.lock().expect("the story").is_empty() {
            break;
        }
    }
    assert!(left.lock().expect("the story").is_empty(), "{:?}", world.failed);
    // Longer than every rest after a failure; then the service has nothing new.
    world.pass(70_000).await;
    idle.store(true, Ordering::SeqCst);
    let failed = world.failed.take().unwrap_or_default();
    assert!(failed.iter().all(|text| text.starts_with("collect/line")), "{failed:?}");
    assert!(!failed.iter().any(|text| text.contains("geheim")), "{failed:?}");
    let kinds: BTreeSet<&String> = failed.iter().collect();
    assert!(kinds.len() >= 7, "each is named: {kinds:#?}");
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, RECORDS as u64);
    assert_eq!(world.kept().await, RECORDS as u64);
    world.finish().await;
}

/// A row that its owner dates ahead is collected, and people are told of it until it is dated right.
#[tokio::test]
async fn a_row_dated_ahead_of_the_clock_is_collected_and_told() {
    let lines = |at: &str| [cases(1..=1), vec![line("SB", 2).at(at)]].concat();
    let held = Arc::new(Mutex::new(objects(&lines("2099-01-01 00:00:00"))));
    let shelf = Arc::clone(&held);
    let since = |request: &Asked, object: &String| {
        let from = request.query("since").unwrap_or_default().replace('+', " ");
        let at = object.split_once("\"at\":\"").map_or("", |(_, rest)| rest);
        from.is_empty() || at.get(..19).is_some_and(|at| *at >= *from)
    };
    let service = Service::start(move |request: &Asked| {
        if request.path() == "/login" {
            return Reply::json(200, "{\"code\":0,\"token\":\"t\"}");
        }
        let mut objects = shelf.lock().unwrap().clone();
        objects.retain(|object| since(request, object));
        let number: usize = request.query("page").and_then(|n| n.parse().ok()).unwrap_or(1);
        Reply::json(200, page(&objects, number))
    })
    .expect("a port");
    let feeds = vec![Feed::Asked(TOWN, service.port())];
    let mut world = super::world_of(Setup { feeds, ..Setup::default() }).await;
    world.pass(60_000).await;
    let told = exchange::ahead::all(world.store(TOWN)).await.unwrap();
    let [(adapter, _, seen)] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((&**adapter, seen.rows, &*seen.first), ("line", 1, "2099-01-01 00:00:00"));
    assert!(world.store(TOWN).adapter("line").await.unwrap().paused.is_none());
    *held.lock().unwrap() = objects(&lines("2026-11-21 10:00:00"));
    world.pass(60_000).await;
    world.quiet().await;
    assert_eq!(exchange::ahead::all(world.store(TOWN)).await.unwrap(), []);
    assert_eq!(world.place(TOWN, "SL", 1, 1).await, Some(Place::Accepted));
    world.finish().await;
}
