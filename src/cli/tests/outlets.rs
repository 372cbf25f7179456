//! A county behind which stands a platform that does not run Tiergate: the service fills its front tables, and
//! what the platform answers there comes back to the township.

#![expect(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

mod common;
#[path = "common/nodes.rs"]
mod nodes;

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{Service, fine, repository, tiergate};
use edge::legacy_http::{self, Asked, Reply};

/// Longest wait for the process.
const LONGEST: Duration = Duration::from_secs(90);

fn config(node: &str) -> String {
    let common = nodes::head(node);
    let own = match node {
        "town" => nodes::town("local", ""),
        _ => "\n[[link]]\nname = \"town\"\npeer = \"town\"\ncarrier = \"local\"\n\n[[outlet]]\n\
              target = \"../target\"\nkind = \"front_db\"\ndatabase = \"sqlite:front.db\"\n"
            .to_owned(),
    };
    common + &own
}

/// Guangdong's folder, asked every second; gives the script of its front tables.
fn target(dir: &Path) -> String {
    std::fs::create_dir_all(dir).unwrap();
    let mut script = String::new();
    for entry in std::fs::read_dir(repository().join("schemas/guangdong/1")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        if let Some((_, record)) = text.split_once("<xs:element name=\"EX_GDBS_") {
            let names = record.split("name=\"").filter_map(|part| part.split_once("\" type="));
            let columns: Vec<String> = names.map(|(name, _)| format!("\"{name}\"")).collect();
            let (table, _) = record.split_once('"').unwrap();
            script += &format!(
                "CREATE TABLE \"EX_GDBS_{table}\" (\"MSG_ID\" PRIMARY KEY, \"REC_FLAG\", \
                 \"ERR_DESC\", \"XML_DATA\", \"INSERTTIME\", {});\n",
                columns.join(", ")
            );
        }
        let text = text.replace("poll_seconds = 30", "poll_seconds = 1");
        std::fs::write(dir.join(path.file_name().unwrap()), text).unwrap();
    }
    script
}

/// What `sqlite3` says.
fn sqlite(file: &Path, sql: &str) -> String {
    let mut command = Command::new("sqlite3");
    let output = command.arg("-cmd").arg(".timeout 5000").arg(file).arg(sql).output().unwrap();
    assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn what_a_platform_answers_in_its_front_tables_comes_back_and_says_whose_answer_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let script = target(&dir.join("target"));
    common::prepare(dir, common::USUAL, &["town", "county"], config);
    let front = dir.join("county/front.db");
    sqlite(&front, &script);
    let check = ["check", "config", "town/node.toml", "county/node.toml"];
    fine(dir, &check);
    let map = std::fs::read_to_string(dir.join("target/map.toml")).unwrap();
    std::fs::write(dir.join("target/map.toml"), map.replace("\"queue_no\", ", "")).unwrap();
    let said = tiergate(dir, &check);
    let named = said.out.clone() + &said.err;
    assert!(said.code != 0 && named.contains("`queue_no`: has no place"), "{named}");
    std::fs::write(dir.join("target/map.toml"), map).unwrap();

    let sample = repository().join("adapters/township_window/samples/ordinary/input.csv");
    std::fs::copy(sample, dir.join("town/drops/window-20261121.csv")).unwrap();
    let service = Service::start(dir, &["town", "county"]);
    let nodes = ["--config", "town/node.toml", "--config", "county/node.toml"];
    let began = Instant::now();
    let mut waited = false;
    let case = loop {
        assert!(began.elapsed() < LONGEST, "the platform's answers did not come back");
        let tables = sqlite(&front, "SELECT name FROM sqlite_master WHERE type = 'table'");
        if !waited && sqlite(&front, "SELECT count(*) FROM EX_GDBS_SB") != "0" {
            let status = fine(dir, &[&["--json", "status"][..], &nodes].concat()).json();
            waited = status.to_string().contains("等待平台答复");
        }
        for table in tables.lines().filter(|_| waited) {
            let sql = format!(
                "UPDATE {table} SET REC_FLAG = '1', ERR_DESC = '接收成功' WHERE REC_FLAG = '0'"
            );
            sqlite(&front, &sql);
        }
        let case = sqlite(&front, "SELECT SBLSH FROM EX_GDBS_SB WHERE REC_FLAG = '1' LIMIT 1");
        if !case.is_empty() {
            let traced = fine(dir, &[&["--lang", "zh", "trace", &case][..], &nodes].concat());
            if traced.out.contains("平台答复接收（由本节点记录）") {
                assert!(traced.out.contains("「1 接收成功」"), "{}", traced.out);
                break case;
            }
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let document = format!("SELECT XML_DATA FROM EX_GDBS_SB WHERE SBLSH = '{case}'");
    let document = sqlite(&front, &document);
    assert!(document.contains("<standardInfo process=\"EX_GDBS_SB\">"), "{document}");
    assert!(!document.contains("rowdig"), "the attribute group is dropped: {document}");
    drop(service);
}

#[test]
fn what_a_platform_never_answers_is_listed_and_given_up_by_a_named_person() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let script = target(&dir.join("target"));
    common::prepare(dir, common::USUAL, &["town", "county"], config);
    let front = dir.join("county/front.db");
    let county = ["--config", "county/node.toml"];
    // Before the tables are there, the doctor says what is missing.
    sqlite(&front, "CREATE TABLE other (a)");
    let doctor = ["--json", "doctor", "--config", "county/node.toml"];
    let looks = tiergate(dir, &doctor).json()["looks"].to_string();
    assert!(looks.contains("table `EX_GDBS_SB` is not there"), "{looks}");
    sqlite(&front, &script);
    let sample = repository().join("adapters/township_window/samples/ordinary/input.csv");
    std::fs::copy(sample, dir.join("town/drops/window-20261121.csv")).unwrap();
    let service = Service::start(dir, &["town", "county"]);
    let waiting = [&["--json", "outlet", "waiting"][..], &county].concat();
    let began = Instant::now();
    let (record, message) = loop {
        assert!(began.elapsed() < LONGEST, "nothing is handed over");
        let said = tiergate(dir, &waiting);
        if said.code == 1 {
            let found = said.json();
            let records = found["nodes"][0]["records"].as_array().unwrap();
            if let Some(one) = records.iter().find(|one| one["step"] == "sending") {
                let text = |key: &str| one[key].as_str().unwrap().to_owned();
                break (text("record"), text("message"));
            }
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let looks = tiergate(dir, &doctor).json();
    let looks = looks["looks"].as_array().unwrap();
    let outlet = looks.iter().filter(|l| l["step"].as_str().unwrap().starts_with("outlet_"));
    let outlet: Vec<_> = outlet.map(|look| (&look["step"], &look["ok"])).collect();
    assert_eq!(outlet.len(), 2, "{looks:?}");
    assert!(outlet.iter().all(|(_, ok)| **ok == true), "{outlet:?}");

    let order = ["outlet", "give-up", &record, "--by", "op-7", "--reason", "平台已停用"];
    fine(dir, &[&order[..], &county].concat());
    let began = Instant::now();
    loop {
        let problems =
            tiergate(dir, &["--json", "quarantine", "list", "--config", "town/node.toml"]);
        if problems.out.contains("platform.given_up") {
            assert!(problems.out.contains("op-7：平台已停用"), "{}", problems.out);
            break;
        }
        assert!(began.elapsed() < LONGEST, "the receipt does not come: {}", problems.out);
        // All others are answered: the receipt is for the whole envelope.
        for table in sqlite(&front, "SELECT name FROM sqlite_master WHERE name LIKE 'EX_%'").lines()
        {
            let sql = format!(
                "UPDATE {table} SET REC_FLAG = '1' WHERE REC_FLAG = '0' AND MSG_ID <> '{message}'"
            );
            sqlite(&front, &sql);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let flag = format!("SELECT REC_FLAG FROM EX_GDBS_SB WHERE MSG_ID = '{message}'");
    assert_ne!(sqlite(&front, &flag), "1", "nobody answered for the platform");
    drop(service);
}

/// The province's service: takes every record, notes its case; whoever has no key, or another password, is told so.
fn platform(asked: &Asked, taken: &Mutex<Vec<String>>) -> Reply {
    let body = String::from_utf8_lossy(&asked.body).into_owned();
    let soap = asked.header("soapaction").is_some();
    let between = |from: &str, to: &str| {
        let found = body.split_once(from).and_then(|(_, rest)| rest.split_once(to));
        found.map_or_else(String::new, |(text, _)| text.to_owned())
    };
    let login = if soap { body.contains("serverHander") } else { asked.path() == "/login" };
    let right = if login {
        body.contains("geheim")
    } else if soap {
        between("loginKey>", "</") == "K1"
    } else {
        asked.header("x-login-key") == Some("K1")
    };
    let keys = if soap {
        between("identifyKey>", "</")
    } else {
        asked.header("x-identify-keys").unwrap_or_default().to_owned()
    };
    let (code, text) = if right { ("0", "接收成功") } else { ("001", "登录已失效") };
    if right && !login {
        let plain = body.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">");
        let case = plain.split_once("FieldName=\"SBLSH\">").map(|(_, rest)| rest);
        taken
            .lock()
            .unwrap()
            .extend(case.and_then(|c| c.split_once('<')).map(|(c, _)| c.to_owned()));
    }
    if soap {
        let values = format!("<loginKey>K1</loginKey><code>{code}</code><desc>{text}</desc>");
        let body = format!(
            "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body><response><return>{values}</return></response></e:Body></e:Envelope>"
        );
        let headers = vec![("content-type".to_owned(), "text/xml; charset=utf-8".to_owned())];
        return Reply::Full { status: 200, headers, body: body.into_bytes() };
    }
    if login {
        return Reply::json(200, format!("{{\"loginKey\":\"K1\",\"code\":\"{code}\"}}"));
    }
    let each = keys.split(',').map(|key| {
        format!("{{\"identifyKey\":\"{key}\",\"code\":\"{code}\",\"desc\":\"{text}\"}}")
    });
    Reply::json(200, format!("{{\"DealResult\":[{}]}}", each.collect::<Vec<_>>().join(",")))
}

/// The program speaks to the service in this way, and its answers come back to the township.
fn spoken(kind: &str) {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    drop(target(&dir.join("target")));
    let taken: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&taken);
    let there = legacy_http::Service::start(move |asked| platform(asked, &seen)).unwrap();
    common::prepare(dir, common::USUAL, &["town", "county"], |node| match node {
        "town" => config(node),
        _ => {
            let by_tables = "kind = \"front_db\"\ndatabase = \"sqlite:front.db\"\n";
            let by_calls = format!(
                "kind = \"{kind}\"\nurl = \"{}\"\nvalues = {{ dept = \"990103\", user = \"990103\" }}\n\
                 secrets = {{ password = \"file:platform.pass\" }}\n",
                there.url()
            );
            config(node).replace(by_tables, &by_calls)
        }
    });
    let secret = dir.join("county/platform.pass");
    std::fs::write(&secret, "geheim\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&secret, mode).unwrap();
    fine(dir, &["check", "config", "town/node.toml", "county/node.toml"]);
    let sample = repository().join("adapters/township_window/samples/ordinary/input.csv");
    std::fs::copy(sample, dir.join("town/drops/window-20261121.csv")).unwrap();
    let service = Service::start(dir, &["town", "county"]);
    let nodes = ["--config", "town/node.toml", "--config", "county/node.toml"];
    let began = Instant::now();
    loop {
        assert!(began.elapsed() < LONGEST, "{kind}: {:?}", taken.lock().unwrap());
        let case = taken.lock().unwrap().first().cloned();
        if let Some(case) = case {
            let traced = tiergate(dir, &[&["--lang", "zh", "trace", &case][..], &nodes].concat());
            if traced.out.contains("「0 接收成功」") {
                assert!(traced.out.contains("平台答复接收（由本节点记录）"), "{}", traced.out);
                break;
            }
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    drop(service);
}

#[test]
fn a_platform_behind_http_is_spoken_to() {
    spoken("http");
}

#[test]
fn a_platform_behind_soap_is_spoken_to() {
    spoken("soap");
}
