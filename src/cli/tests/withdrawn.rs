//! A destination is taken out of the configuration: what waited there is named, and withdrawn by a person.

mod common;

use std::time::{Duration, Instant};

use common::{Service, fine, repository, tiergate};

/// Longest wait for the process.
const LONGEST: Duration = Duration::from_secs(60);
const TOWN: [&str; 2] = ["--config", "town/node.toml"];

/// A township whose records go to all of these.
fn config(destinations: &[&str]) -> String {
    let package = repository().join("adapters/township_window");
    let mut text = format!(
        "version = 1\n\n[node]\ndata = \".\"\n\n[store]\nurl = \"sqlite:node.db\"\n\n[trust]\n\
         anchors = [\"../ca/ca.pem\"]\n\n[[identity]]\ncode = \"town\"\nenvironment = \"demo\"\n\
         key = \"file:node.key\"\ncertificate = \"node.pem\"\n\n[[link]]\nname = \"up\"\n\
         peer = \"county\"\ncarrier = \"spool\"\nparent = true\n\n[link.spool]\nfolder = \"gate\"\nplain = \"this test\"\n\
         return = \"none\"\n\n[[adapter]]\npackage = \"{}\"\ndestinations = {destinations:?}\n\
         interval = \"100 ms\"\n\n[adapter.source]\nfolder = \"drops\"\nsettle = \"0 s\"\n",
        package.display()
    );
    for to in destinations {
        text += &format!("\n[[route]]\ndestination = \"{to}\"\nformat = \"supervision/1\"\n");
    }
    text
}

#[test]
fn what_waits_where_no_route_leads_any_more_is_named_and_withdrawn() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    common::prepare(dir, common::USUAL, &["town"], |_| config(&["county", "bureau"]));
    let sample = repository().join("adapters/township_window/samples/dirty/input.csv");
    std::fs::copy(sample, dir.join("town/drops/window-20261121.csv")).unwrap();
    let places = || {
        let said = tiergate(dir, &[&["--json", "status"][..], &TOWN].concat());
        let of = |to: &str| {
            let status = said.json()["nodes"][0]["status"]["destinations"].clone();
            let found = status.as_array()?.iter().find(|d| d["destination"] == to)?.clone();
            let at = |n: usize| found["places"][n].as_u64();
            // Waiting and voided.
            at(1).zip(at(8))
        };
        if said.out.starts_with('{') { of("bureau").zip(of("county")) } else { None }
    };
    let service = Service::start(dir, &["town"]);
    let began = Instant::now();
    let (waiting, there) = loop {
        match places() {
            Some(((waiting, 0), (there, 0))) if waiting > 0 => break (waiting, there),
            other => assert!(began.elapsed() < LONGEST, "nothing waits: {other:?}"),
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    drop(service);
    let order = |to: &'static str| {
        ["withdraw", "--to", to, "--by", "op-7", "--reason", "不再向其报送"].map(str::to_owned)
    };
    let run = |to| {
        let order = order(to);
        let args: Vec<&str> = order.iter().map(String::as_str).chain(TOWN).collect();
        tiergate(dir, &args)
    };
    let refused = run("bureau");
    assert!(refused.code == 2 && refused.err.contains("is a destination of"), "{}", refused.err);

    std::fs::write(dir.join("town/node.toml"), config(&["county"])).unwrap();
    let status = tiergate(dir, &[&["--lang", "zh", "status"][..], &TOWN].concat());
    let words = format!("bureau 已不是报送目的节点，仍有 {waiting} 条等待上级环节");
    assert!(status.code == 1 && status.out.contains(&words), "{}", status.out);
    // Beside the running service, which has the store.
    let service = Service::start(dir, &["town"]);
    let done = run("bureau");
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    let began = Instant::now();
    while places() != Some(((0, waiting), (there, 0))) {
        assert!(began.elapsed() < LONGEST, "{:?}", places());
        std::thread::sleep(Duration::from_millis(50));
    }
    let status = tiergate(dir, &[&["--lang", "zh", "status"][..], &TOWN].concat());
    assert!(status.out.contains(&format!("曾等待的 {waiting} 条已停报")), "{}", status.out);
    drop(service);
    // A second time there is nothing; that is no success.
    assert_eq!(run("bureau").code, 1);
    let shown = fine(dir, &["--json", "check", "config", "town/node.toml"]);
    assert_eq!(shown.json()["ok"], true);
}
