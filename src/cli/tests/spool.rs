//! Two processes on two sides of a one-way gate: files go up, nothing comes back, and signed receipts
//! are carried down on a disk with `tiergate spool`.

#![expect(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

mod common;
#[path = "common/nodes.rs"]
mod nodes;

use std::path::Path;
use std::time::{Duration, Instant};

use common::{Service, fine, repository, tiergate};
use serde_json::Value;

/// Longest wait for the processes.
const LONGEST: Duration = Duration::from_secs(90);

/// A township below the gate, a county above it.
fn prepare(dir: &Path) {
    common::prepare(dir, common::USUAL, &["town", "county"], config);
}

fn config(node: &str) -> String {
    let common = nodes::head(node);
    let own = match node {
        "town" => nodes::town(
            "spool",
            "\n[link.spool]\nfolder = \"gate\"\nplain = \"this test\"\nreturn = \"manual\"\npoll = \"50 ms\"\n",
        ),
        _ => "\n[[link]]\nname = \"town\"\npeer = \"town\"\ncarrier = \"spool\"\n\n\
             [link.spool]\nfolder = \"gate\"\nplain = \"this test\"\npoll = \"50 ms\"\n"
            .to_owned(),
    };
    common + &own
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let names = entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names
}

/// The gate: up only.
fn carry(dir: &Path) {
    let (from, to) = (dir.join("town/gate/out"), dir.join("county/gate/in"));
    for name in names(&from) {
        std::fs::rename(from.join(&name), to.join(&name)).unwrap();
    }
}

/// Turns the gate until something is so.
fn until(dir: &Path, what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < LONGEST, "never: {what}");
        carry(dir);
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn link(dir: &Path) -> Value {
    let status = tiergate(dir, &["status", "--json", "--config", "town/node.toml"]).json();
    let rows = status["nodes"][0]["rows"].as_array().cloned().unwrap_or_default();
    rows.into_iter().find(|r| r["kind"] == "link").unwrap_or_default()
}

/// The township's records are above and nothing came back: how many there are.
fn sent(dir: &Path) -> (Service, Service, u64) {
    prepare(dir);
    let services = (Service::start(dir, &["town"]), Service::start(dir, &["county"]));
    until(dir, "both gates are there", || {
        dir.join("county/gate/in").is_dir() && dir.join("town/gate/out").is_dir()
    });
    let sample = repository().join("adapters/township_window/samples/ordinary/input.csv");
    std::fs::copy(sample, dir.join("town/drops/window-1.csv")).unwrap();
    until(dir, "the county has a receipt to send", || {
        !names(&dir.join("county/gate/out")).is_empty()
            && link(dir)["no_way_back"].as_u64() > Some(0)
    });
    let records = link(dir)["no_way_back"].as_u64().unwrap();
    (services.0, services.1, records)
}

/// The first case of the sample.
const CASE: &str = "99010320140919000001";

#[test]
fn receipts_are_carried_down_on_a_disk() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (_town, _county, records) = sent(dir);
    let status = tiergate(dir, &["--lang", "zh", "status", "--config", "town/node.toml"]);
    assert!(
        status.out.contains(&format!("已送出（无回路）{records} 条，待人工带回签名回执")),
        "{}",
        status.out
    );
    assert!(status.out.contains("已送出(无回路)"), "a column of its own: {}", status.out);
    let row = link(dir);
    assert_eq!((row["in_flight"].as_u64(), row["accepted"].as_u64()), (Some(0), Some(0)));
    let trace = tiergate(dir, &["--lang", "zh", "trace", CASE, "--config", "town/node.toml"]);
    assert!(trace.out.contains("已送出（无回路）"), "{}", trace.out);
    let trace = tiergate(dir, &["--json", "trace", CASE, "--config", "town/node.toml"]);
    assert!(trace.out.contains("sent_no_way_back"), "{}", trace.out);

    let export =
        ["spool", "export", "--link", "town", "--to", "disk", "--config", "county/node.toml"];
    let said = fine(dir, &export);
    assert!(said.out.starts_with("disk/tiergate-county-to-town-0001: "), "{}", said.out);
    assert!(
        said.out.contains("for town, with a signed list; carry the whole folder"),
        "{}",
        said.out
    );

    let import = ["spool", "import", "disk", "--config", "town/node.toml"];
    let said = fine(dir, &import);
    assert!(said.out.contains(": brought in: receipt county/1/town|control/1|"), "{}", said.out);
    assert!(
        said.out.ends_with("0 were here already, 0 are not right; 1 signed lists\n"),
        "{}",
        said.out
    );
    until(dir, "every record is accepted", || link(dir)["accepted"].as_u64() == Some(records));
    assert_eq!(link(dir)["no_way_back"].as_u64(), Some(0));
    let said =
        fine(dir, &["--lang", "zh", "spool", "import", "disk", "--config", "town/node.toml"]);
    assert!(said.out.contains("导入 0 个文件"), "a disk brought twice: {}", said.out);
    let again = fine(dir, &[&["--json"], &import[..]].concat()).json();
    assert_eq!((again["ok"].as_bool(), again["taken"].as_u64()), (Some(true), Some(0)));
}

#[test]
fn what_is_wrong_with_a_disk_is_said_file_by_file() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (_town, _county, _) = sent(dir);
    let export = |more: &[&str]| {
        let args = ["spool", "export", "--to", "disk", "--config", "county/node.toml"];
        tiergate(dir, &[&args[..], more].concat())
    };
    let said = export(&["--link", "towm"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("no link `towm` over folders"), "{}", said.err);
    assert!(said.err.contains("links over files: town"), "{}", said.err);
    let said = export(&["--link", "town", "--max-bytes", "a lot"]);
    assert_eq!(said.code, 2, "{}", said.err);
    let said = export(&["--link", "town", "--max-bytes", "1 B"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.contains("did not fit and wait for the next disk"), "{}", said.out);
    assert!(said.out.starts_with("nothing new waits for town"), "{}", said.out);

    let done = export(&["--link", "town", "--json"]).json();
    let place = dir.join("disk").join(done["export"]["folder"].as_str().unwrap());
    let file = names(&place).into_iter().find(|n| n.ends_with(".tgp")).unwrap();
    std::fs::remove_file(place.join(&file)).unwrap();
    std::fs::write(place.join("letter.txt"), "hello").unwrap();
    let import = ["spool", "import", "disk", "--link", "up", "--config", "town/node.toml"];
    let said = tiergate(dir, &import);
    assert_eq!(said.code, 1, "{}", said.out);
    assert!(said.out.contains("[spool.file_missing]") && said.out.contains(&file), "{}", said.out);
    assert!(
        said.out
            .contains("letter.txt: a file on a carried disk that its signed list does not name"),
        "{}",
        said.out
    );

    // The other way round it is none of this link's.
    let said = tiergate(dir, &["spool", "import", "disk", "--config", "county/node.toml"]);
    assert!(said.out.contains("0 files brought in"), "{}", said.out);
    let said = tiergate(dir, &["spool", "import", "nowhere", "--config", "town/node.toml"]);
    assert_eq!(said.code, 3);
    assert!(said.err.contains("nowhere"), "{}", said.err);
}

#[test]
fn a_gate_that_only_copies_rows_carries_both_ways() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    // One database stands for two that the gate keeps alike.
    common::prepare(dir, common::USUAL, &["town", "county"], |node| {
        let tables = if node == "town" { ("t_up", "t_down") } else { ("t_down", "t_up") };
        let table = format!(
            "form = \"table\"\ndatabase = \"sqlite:../front.db\"\nout_table = \"{}\"\nin_table = \"{}\"",
            tables.0, tables.1
        );
        config(node).replace("folder = \"gate\"", &table).replace("return = \"manual\"\n", "")
    });
    fine(dir, &["check", "config", "town/node.toml"]);
    let sample = repository().join("adapters/township_window/samples/ordinary/input.csv");
    std::fs::copy(sample, dir.join("town/drops/window-1.csv")).unwrap();
    let _services = (Service::start(dir, &["town"]), Service::start(dir, &["county"]));
    until(dir, "receipts come back as rows", || {
        let link = link(dir);
        link["accepted"].as_u64() > Some(0) && link["in_flight"].as_u64() == Some(0)
    });
    assert!(link(dir)["no_way_back"].is_null() && link(dir)["gate"].is_null());
    let export = ["spool", "export", "--link", "up", "--to", "disk", "--config", "town/node.toml"];
    let said = tiergate(dir, &export);
    assert_eq!(said.code, 2, "rows are not carried on a disk: {}", said.err);
}

/// Both sides with a pair for encryption, the gate's files for one another.
fn closed(dir: &Path) {
    common::prepare(dir, common::USUAL, &["town", "county"], |node| {
        let peer = if node == "town" { "county" } else { "town" };
        let readers = format!("readers = [\"../{peer}/enc.pem\"]\n");
        let pair = "certificate = \"node.pem\"\n\
                    encryption = { certificate = \"enc.pem\", key = \"file:enc.key\" }\n";
        config(node)
            .replace("plain = \"this test\"\n", &readers)
            .replace("return = \"manual\"\n", "")
            .replace("certificate = \"node.pem\"\n", pair)
    });
    for node in ["town", "county"] {
        let (key, pem) = (format!("{node}/enc.key"), format!("{node}/enc.pem"));
        fine(dir, &["keys", "new", "--out", &key]);
        let issue = ["ca", "issue", "--ca", "ca", "--node", node, "--region", "99"];
        let to = ["--usage", "encryption", "--key", &key, "--out", &pem];
        fine(dir, &[&issue[..], &to].concat());
    }
}

#[test]
fn files_of_a_gate_are_encrypted_for_the_neighbour() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    closed(dir);
    for node in ["town/node.toml", "county/node.toml"] {
        assert!(!fine(dir, &["check", "config", node]).out.contains("lie in the clear"));
    }
    let _services = (Service::start(dir, &["town"]), Service::start(dir, &["county"]));
    until(dir, "both gates are there", || {
        dir.join("county/gate/in").is_dir() && dir.join("town/gate/out").is_dir()
    });
    let sample = repository().join("adapters/township_window/samples/ordinary/input.csv");
    std::fs::copy(sample, dir.join("town/drops/window-1.csv")).unwrap();
    let mut seen = 0;
    until(dir, "every record is accepted", || {
        let (from, to) = (dir.join("county/gate/out"), dir.join("town/gate/in"));
        for name in names(&from) {
            let file = std::fs::read(from.join(&name)).unwrap();
            assert!(file.windows(18).any(|w| w == b"TIERGATE-CLOSED/1\n"), "{name} is closed");
            std::fs::rename(from.join(&name), to.join(&name)).unwrap();
            seen += 1;
        }
        let row = link(dir);
        row["accepted"].as_u64() > Some(0) && row["in_flight"].as_u64() == Some(0)
    });
    assert!(seen > 0, "receipts came down, closed");
    assert!(names(&dir.join("county/gate/bad")).is_empty());
}

#[test]
fn a_gate_in_the_clear_gives_its_reason_to_whoever_looks_and_to_the_audit_chain() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    prepare(dir);
    let said = fine(dir, &["check", "config", "county/node.toml"]);
    assert!(said.out.contains("files of link town lie in the clear: this test"), "{}", said.out);
    let said = tiergate(dir, &["doctor", "--config", "county/node.toml"]);
    assert!(said.out.contains("files of link town lie in the clear: this test"), "{}", said.out);
    let service = Service::start(dir, &["county"]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let events = || {
        runtime.block_on(async {
            let file = store::SqliteStore::open_to_read(dir.join("county/node.db")).await.ok()?;
            let code = canon::NodeCode::new("county").unwrap();
            let own = file.identity(&code).await.ok()?;
            let all = own.audit_after(0, 1_000).await.ok()?;
            Some(all.into_iter().map(|(_, e, _)| e).filter(|e| e.action == "plain.begun"))
        })
    };
    until(dir, "the line is there", || events().is_some_and(|mut all| all.next().is_some()));
    drop(service);
    let begun: Vec<_> = events().unwrap().collect();
    assert_eq!(begun.len(), 1, "{begun:?}");
    assert_eq!((&*begun[0].subject, &*begun[0].reason), ("link town", "this test"));
    let bare = std::fs::read_to_string(dir.join("county/node.toml")).unwrap();
    let gone = bare.replace("plain = \"this test\"", "readers = [\"gone.pem\"]");
    std::fs::write(dir.join("county/node.toml"), gone).unwrap();
    let said = tiergate(dir, &["check", "config", "county/node.toml"]);
    assert!(said.code == 1 && said.out.contains("[link.spool] readers"), "{}", said.out);
    let bare = bare.replace("plain = \"this test\"\n", "");
    std::fs::write(dir.join("county/node.toml"), bare).unwrap();
    let said = tiergate(dir, &["check", "config", "county/node.toml"]);
    assert_eq!(said.code, 1, "{}", said.out);
    assert!(said.out.contains("`plain = \"REASON\"` leaves them in the clear"), "{}", said.out);
}
