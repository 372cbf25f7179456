//! A hotline's web service that does everything wrong, and a gateway that is killed in the middle of it:
//! each work order arrives, once.

#![expect(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

mod common;
#[expect(dead_code, reason = "its town reads no drops")]
#[path = "common/nodes.rs"]
mod nodes;

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{fine, repository};
use edge::legacy_http::{Asked, Reply, Service};
use serde_json::{Value, json};

/// Longest wait for one thing.
const LONGEST: Duration = Duration::from_secs(60);
/// Work orders of the hotline.
const ORDERS: usize = 23;
/// Orders of a page.
const PAGE: usize = 4;

/// What the service does at one request for a page.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Does {
    Right,
    Trouble,
    HalfAnAnswer,
    /// The token has run out, in the middle of the pages.
    Expired,
    /// The page before once more.
    Doubled,
    /// There are more than it gives.
    WrongTotal,
    /// No answer at all: who asks is killed here.
    Hangs,
}

/// Request by request. After `Doubled` nobody asks again for a minute, so the gateway is killed there.
const FIRST: &[Does] =
    &[Does::Right, Does::Trouble, Does::Right, Does::Expired, Does::HalfAnAnswer, Does::Doubled];
const SECOND: &[Does] = &[Does::WrongTotal, Does::WrongTotal, Does::Hangs];

/// What is left to do, and what was asked.
#[derive(Default)]
struct Plan {
    left: Vec<Does>,
    token: u32,
    valid: bool,
}

fn order(number: usize) -> Value {
    let sample = repository().join("adapters/hotline_12345_http/samples/ordinary/input.json");
    let rounds: Value = serde_json::from_slice(&std::fs::read(sample).unwrap()).unwrap();
    let mut order = rounds["data"]["orders"][0].clone();
    order["order_no"] = format!("RX2026{number:09}").into();
    // One after another; some at the same second, as exports have it.
    order["updated_at"] = format!("2026-11-06 10:{:02}:00", number / 2).into();
    order
}

fn page(number: usize, total: usize) -> Vec<u8> {
    let from = (number - 1) * PAGE;
    let orders: Vec<Value> = (from..(from + PAGE).min(ORDERS)).map(order).collect();
    json!({ "code": 0, "data": { "total": total, "orders": orders } }).to_string().into_bytes()
}

fn answer(plan: &Mutex<Plan>, asked: &Asked) -> Reply {
    let mut plan = plan.lock().unwrap();
    if asked.path() == "/auth/token" {
        plan.token += 1;
        plan.valid = true;
        let data = json!({ "token": format!("t{}", plan.token), "expires_in": 7200 });
        return Reply::json(200, json!({ "code": 0, "data": data }).to_string());
    }
    if !plan.valid || asked.header("authorization") != Some(&format!("Bearer t{}", plan.token)) {
        return Reply::json(200, "{\"code\":2001}");
    }
    let number: usize = asked.query("page").and_then(|n| n.parse().ok()).unwrap_or(1);
    // A page before is only there once there was one; what is wrong at the end is wrong on its last pages.
    let first = |does: &Does| match does {
        Does::Right | Does::Trouble | Does::HalfAnAnswer => 1,
        Does::Expired | Does::Doubled => 2,
        Does::Hangs => 3,
        Does::WrongTotal => ORDERS.div_ceil(PAGE),
    };
    let early = |does: &Does| number < first(does);
    let does = match plan.left.first() {
        Some(does) if !early(does) => plan.left.remove(0),
        _ => Does::Right,
    };
    match does {
        Does::Right => Reply::json(200, page(number, ORDERS)),
        Does::Trouble => Reply::json(500, "{}"),
        Does::HalfAnAnswer => {
            let whole = page(number, ORDERS);
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", whole.len());
            Reply::Bytes([head.as_bytes(), &whole[..whole.len() / 2]].concat())
        }
        Does::Expired => {
            plan.valid = false;
            Reply::json(200, "{\"code\":2001}")
        }
        Does::Doubled => Reply::json(200, page(number - 1, ORDERS)),
        Does::WrongTotal => Reply::json(200, page(number, ORDERS + 50)),
        Does::Hangs => Reply::Silence,
    }
}

fn config(node: &str, url: &str) -> String {
    let common = nodes::head(node);
    let own = match node {
        "town" => format!(
            "\n[[link]]\nname = \"up\"\npeer = \"county\"\ncarrier = \"local\"\nparent = true\n\n\
             [[route]]\ndestination = \"county\"\nformat = \"supervision/1\"\n\n\
             [[adapter]]\npackage = \"../hotline\"\ndestination = \"county\"\ninterval = \"1 s\"\n\n\
             [adapter.source]\nurl = \"{url}\"\nsecrets = {{ app_secret = \"file:hotline.secret\" }}\n\
             values = {{ app = \"gateway\" }}\n"
        ),
        _ => "\n[[link]]\nname = \"town\"\npeer = \"town\"\ncarrier = \"local\"\n\n[[sink]]\n\
              name = \"tables\"\nkind = \"sql_tables\"\ndatabase = \"sqlite:kept.db\"\n"
            .to_owned(),
    };
    common + &own
}

/// The package under a name of its own, with small pages and no pace.
fn copy(dir: &Path) {
    let from = repository().join("adapters/hotline_12345_http");
    let status = Command::new("cp").arg("-r").arg(from).arg(dir.join("hotline")).status().unwrap();
    assert!(status.success());
    let toml = dir.join("hotline/adapter.toml");
    let text = std::fs::read_to_string(&toml).unwrap();
    let text = text
        .replace("per_minute = 120", "per_minute = 0")
        .replace("size = 200", &format!("size = {PAGE}"));
    std::fs::write(toml, text).unwrap();
}

fn sqlite(file: &Path, sql: &str) -> String {
    let mut command = Command::new("sqlite3");
    let output = command.arg("-cmd").arg(".timeout 5000").arg(file).arg(sql).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn wait(what: &str, mut is: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is() {
        assert!(began.elapsed() < LONGEST, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_service_that_misbehaves_and_a_gateway_that_is_killed_lose_and_double_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let plan = Arc::new(Mutex::new(Plan::default()));
    let asked = Arc::clone(&plan);
    let service = Service::start(move |request| answer(&asked, request)).unwrap();
    copy(dir);
    common::prepare(dir, common::USUAL, &["town", "county"], |node| config(node, &service.url()));
    let secret = dir.join("town/hotline.secret");
    std::fs::write(&secret, "geheim\n").unwrap();
    assert!(Command::new("chmod").arg("600").arg(&secret).status().unwrap().success());

    for (steps, what) in [(FIRST, "a page twice"), (SECOND, "no answer")] {
        plan.lock().unwrap().left = steps.to_vec();
        let gateway = common::Service::start(dir, &["town", "county"]);
        wait(what, || plan.lock().unwrap().left.is_empty());
        // Killed, not asked to end.
        drop(gateway);
    }
    let gateway = common::Service::start(dir, &["town", "county"]);
    let kept = dir.join("county/kept.db");
    let all = ORDERS.to_string();
    wait("every order arrives", || sqlite(&kept, "SELECT count(*) FROM work_order") == all);
    for table in ["order_dispatch", "order_handling", "order_visit", "order_close"] {
        wait(table, || sqlite(&kept, &format!("SELECT count(*) FROM {table}")) == all);
    }
    let each = "SELECT count(DISTINCT tg_key) || ' ' || max(tg_version) FROM work_order";
    assert_eq!(sqlite(&kept, each), format!("{ORDERS} 1"), "each once, in its first version");
    drop(gateway);
    let held = fine(dir, &["quarantine", "list", "--config", "town/node.toml", "--json"]);
    assert_eq!(held.json()["nodes"][0]["problems"], json!([]), "{}", held.out);
    assert!(!held.out.contains("geheim"), "{}", held.out);
    assert!(plan.lock().unwrap().token >= 3, "a new token after it ran out, and after each kill");
}
