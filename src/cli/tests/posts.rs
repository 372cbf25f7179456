//! A service that a department posts to: real clients, and what a kill between commit and answer leaves.

#![expect(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

mod common;
#[expect(dead_code, reason = "its town reads no drops")]
#[path = "common/nodes.rs"]
mod nodes;
#[path = "common/posting.rs"]
mod posting;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{Service, fine, repository, tiergate};
use posting::{DOCUMENTS, TOKEN, client, free_port, post_all, request, up};

/// Longest wait for the process.
const LONGEST: Duration = Duration::from_secs(60);

fn config(node: &str, port: u16) -> String {
    let common = nodes::head(node);
    let package = repository().join("adapters");
    let package = package.display();
    let own = match node {
        "town" => format!(
            "\n[[link]]\nname = \"up\"\npeer = \"county\"\ncarrier = \"local\"\nparent = true\n\n\
             [[route]]\ndestination = \"county\"\nformat = \"supervision/1\"\n\n\
             [listen]\naddress = \"127.0.0.1:{port}\"\n\n\
             [[adapter]]\npackage = \"{package}/licence_soap\"\ndestination = \"county\"\n\n\
             [adapter.source]\npost = \"licences\"\ntoken = \"file:licences.token\"\n\n\
             [[adapter]]\npackage = \"{package}/service_rating\"\ndestination = \"county\"\n\n\
             [adapter.source]\npost = \"ratings\"\ntoken = \"file:licences.token\"\n"
        ),
        _ => "\n[[link]]\nname = \"town\"\npeer = \"town\"\ncarrier = \"local\"\n\n[[sink]]\n\
              name = \"tables\"\nkind = \"sql_tables\"\ndatabase = \"sqlite:kept.db\"\n"
            .to_owned(),
    };
    common + &own
}

fn prepared(dir: &Path) -> u16 {
    let port = free_port();
    common::prepare(dir, common::USUAL, &["town", "county"], |node| config(node, port));
    let token = dir.join("town/licences.token");
    std::fs::write(&token, format!("{TOKEN}\n")).unwrap();
    let private = Command::new("chmod").arg("600").arg(&token).status().unwrap();
    assert!(private.success());
    port
}

fn sqlite(file: &Path, sql: &str) -> String {
    let mut command = Command::new("sqlite3");
    let output = command.arg("-cmd").arg(".timeout 5000").arg(file).arg(sql).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_between_commit_and_answer_loses_nothing_and_says_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_owned();
    let port = prepared(&dir);
    let client = client();
    let came = Arc::new(AtomicUsize::new(0));
    let service = Service::start(&dir, &["town", "county"]);
    up(&client, port).await;
    let first = {
        let (client, came) = (client.clone(), Arc::clone(&came));
        tokio::spawn(async move { post_all(&client, port, &came).await })
    };
    // In the middle of it: some are answered, some committed and not answered, some neither.
    let began = Instant::now();
    while came.load(Ordering::Relaxed) < DOCUMENTS / 4 {
        assert!(began.elapsed() < LONGEST, "no answers come");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    drop(service);
    let before = first.await.unwrap();
    assert!(before.len() >= DOCUMENTS / 4);

    let service = Service::start(&dir, &["town", "county"]);
    up(&client, port).await;
    let after = post_all(&client, port, &came).await;
    assert_eq!(after.len(), DOCUMENTS);
    for (number, answer) in &after {
        // Whoever was killed before its answer collected it once: nobody hears of a duplicate.
        assert!(answer.contains("<collected>1</collected>"), "{answer}");
        assert!(
            before.get(number).is_none_or(|was| was == answer),
            "the same key, the same answer"
        );
    }
    let kept = dir.join("county/kept.db");
    let began = Instant::now();
    while sqlite(&kept, "SELECT count(*) FROM licence") != DOCUMENTS.to_string() {
        assert!(began.elapsed() < LONGEST, "the county keeps them");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(sqlite(&kept, "SELECT max(tg_version) FROM licence"), "1");
    drop(service);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stops_the_service_interrupts_nobody_and_problems_are_told_in_chinese() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_owned();
    let port = prepared(&dir);
    let client = client();
    let mut command =
        common::program(&dir, &["run", "--config", "town/node.toml", "county/node.toml"]);
    let service = command.stdout(Stdio::piped()).spawn().unwrap();
    up(&client, port).await;
    let sample = repository().join("adapters/service_rating/samples/dirty/input.json");
    let body = std::fs::read(sample).unwrap();
    let answer =
        client.send(request(port, "ratings", "application/json", "r1", body)).await.unwrap();
    let said: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((answer.status, &said["quarantined"]), (200, &4.into()), "{said}");
    assert_eq!(said["rows"][0]["problems"][0]["rule"], "adapter.code_unknown");
    let words = said["rows"][0]["problems"][0]["zh"].as_str().unwrap();
    assert!(words.starts_with("『channel』的值不在代码表中"), "{words}");
    let sample = repository().join("adapters/service_rating/samples/ordinary/input.json");
    let body = std::fs::read(sample).unwrap();
    let answer =
        client.send(request(port, "ratings", "application/json", "r2", body)).await.unwrap();
    let said: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    // Their applications are not here: they wait for them, and that is said.
    assert_eq!(
        (&said["collected"], &said["rows"][0]["records"][0]["waits_for_parent"]),
        (&2.into(), &true.into())
    );

    let came = Arc::new(AtomicUsize::new(0));
    let posting = {
        let (client, came) = (client.clone(), Arc::clone(&came));
        tokio::spawn(async move { post_all(&client, port, &came).await })
    };
    let began = Instant::now();
    while came.load(Ordering::Relaxed) < 3 {
        assert!(began.elapsed() < LONGEST, "no answers come");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let pid = service.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let answered = posting.await.unwrap();
    let ended =
        tokio::task::spawn_blocking(move || service.wait_with_output()).await.unwrap().unwrap();
    let said = String::from_utf8(ended.stdout).unwrap();
    assert!(said.contains(&format!("127.0.0.1:{port}")), "{said}");
    assert_eq!(ended.status.code(), Some(4), "{said}");

    // What was answered is there, and is answered again.
    let _service = Service::start(&dir, &["town", "county"]);
    up(&client, port).await;
    let again = post_all(&client, port, &came).await;
    assert_eq!(again.len(), DOCUMENTS);
    assert!(answered.iter().all(|(number, answer)| again.get(number) == Some(answer)));
    assert!(again.values().all(|answer| answer.contains("<collected>1</collected>")));
}

#[test]
fn a_configuration_that_lets_anybody_post_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let port = prepared(dir);
    let right = config("town", port);
    let checked = fine(dir, &["check", "config", "town/node.toml", "county/node.toml", "--json"]);
    assert_eq!(checked.json()["ok"], true, "{}", checked.out);
    for (from, to, words) in [
        ("127.0.0.1:", "0.0.0.0:", "[listen] certificate"),
        ("token = \"file:licences.token\"", "", "must say who may post"),
        ("[listen]\n", "[lisen]\n", "unknown"),
        ("post = \"ratings\"", "post = \"licences\"", "leads to"),
        ("post = \"ratings\"", "post = \"a/b\"", "the last part of the path"),
        ("token = \"file:licences.token\"", "token = \"secret\"", "must be a reference"),
        ("post = \"ratings\"", "folder = \"drops\"", "does not fit the package"),
    ] {
        assert!(right.contains(from), "{from}");
        std::fs::write(dir.join("town/node.toml"), right.replacen(from, to, 1)).unwrap();
        let said = tiergate(dir, &["check", "config", "town/node.toml", "county/node.toml"]);
        let all = format!("{}{}", said.out, said.err);
        assert!(said.code != 0 && all.contains(words), "{words}: {all}");
    }
}
