//! Programs of every kind, good and bad: what is read of them, what their state is worth, and that
//! nothing of them is left.

use std::path::Path;
use std::time::Duration;

use adapt::Package;

use super::*;
use crate::Disposition;

fn now() -> Millis {
    Millis::parse("2026-11-21 12:00:00").unwrap()
}

fn package(more: &str) -> adapt::ExecSource {
    let stream = |name: &str| {
        format!(
            "[[source.stream]]\nname = \"{name}\"\ncolumns = [\"no\", \"who/name\"]\nkey = [\"no\"]\n{more}\n"
        )
    };
    let text = format!(
        "[adapter]\nedition = 1\nname = \"p\"\nversion = \"1\"\ntitle_zh = \"测\"\ntitle_en = \"t\"\nsystem = \"p\"\nformat = \"supervision/1\"\n[source]\nkind = \"exec\"\n{}{}[[record]]\ntype = \"work_order\"\nfrom = \"a\"\n[record.fields]\norder_no = \"no\"\n[[record]]\ntype = \"work_order\"\nfrom = \"b\"\n[record.fields]\norder_no = \"no\"\n",
        stream("a"),
        stream("b")
    );
    let package = Package::read(&[("adapter.toml".to_owned(), text.into_bytes())].into());
    let package = package.unwrap_or_else(|p| panic!("{p:?}"));
    let adapt::Source::Exec(source) = package.source else { panic!("not a program") };
    *source
}

/// A tap that is a shell's script; the shell is the program, so that no file is both written and run.
fn settings(folder: &Path, script: &str, more: &str) -> Settings {
    let path = folder.join("tap.sh");
    std::fs::write(&path, script).unwrap();
    let mut settings = Settings::of("p", "/bin/sh".into(), folder.join("exec/p"), &package(more));
    settings.arguments = vec![path.display().to_string()];
    settings.limits.turn_max = Duration::from_millis(100);
    settings
}

fn row(stream: &str, no: u64) -> String {
    format!(
        "echo '{{\"type\":\"RECORD\",\"stream\":\"{stream}\",\"record\":{{\"no\":{no},\"who\":{{\"name\":\"n\"}}}}}}'\n"
    )
}

fn state(at: u64) -> String {
    format!("echo '{{\"type\":\"STATE\",\"value\":{{\"at\":{at}}}}}'\n")
}

fn schemas() -> String {
    ["a", "b"]
        .map(|s| format!("echo '{{\"type\":\"SCHEMA\",\"stream\":\"{s}\",\"schema\":{{\"properties\":{{\"no\":{{}},\"who\":{{}}}}}},\"key_properties\":[\"no\"]}}'\n"))
        .concat()
}

/// What a whole run gives from a cursor: pages as (stream, numbers), and the cursor after it.
async fn run(
    source: &mut Exec,
    mut cursor: Option<String>,
    limit: usize,
) -> Result<(Vec<(String, Vec<String>)>, Option<String>), SourceError> {
    let mut given = Vec::new();
    for _ in 0..200 {
        let page = source.read(cursor.as_deref(), now(), limit).await?;
        let numbers: Vec<_> = page.rows().map(|r| r.cell(0).unwrap_or("-").to_owned()).collect();
        if !numbers.is_empty() {
            given.push((page.place.to_string(), numbers));
        }
        cursor = Some(page.cursor);
        if !page.more {
            return Ok((given, cursor));
        }
    }
    panic!("it does not end");
}

fn given(pages: &[(&str, &[u64])]) -> Vec<(String, Vec<String>)> {
    pages.iter().map(|(s, n)| ((*s).to_owned(), n.iter().map(u64::to_string).collect())).collect()
}

#[tokio::test]
async fn rows_come_by_stream_and_the_state_only_with_the_rows_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let ignored = "echo '{\"type\":\"ACTIVATE_VERSION\",\"stream\":\"a\",\"version\":1}'\necho '{\"type\":\"RECORD\",\"stream\":\"c\",\"record\":{}}'\n";
    let script = [
        "echo starting >&2\n".to_owned(),
        schemas(),
        row("a", 1),
        row("a", 2),
        state(2),
        row("a", 3),
        ignored.to_owned(),
        row("b", 4),
        state(4),
    ]
    .concat();
    let settings = settings(dir.path(), &script, "");
    let mut source = Exec::new(settings.clone());
    let first = source.read(None, now(), 2).await.unwrap();
    assert!(
        !first.cursor.contains("at"),
        "two rows, the state after them is not read: {}",
        first.cursor
    );
    let second = source.read(Some(&first.cursor), now(), 2).await.unwrap();
    assert!(second.cursor.contains("\\\"at\\\":2"), "{}", second.cursor);
    assert_eq!(second.row(0).unwrap().reference(), "a:3");
    let (rest, end) = run(&mut source, Some(second.cursor), 2).await.unwrap();
    assert_eq!(rest, given(&[("b", &[4])]));
    assert_eq!(end.unwrap(), r#"{"v":1,"state":"{\"at\":4}"}"#);
    // In one go: a page of another stream is a page of its own.
    let (all, _) = run(&mut Exec::new(settings), None, 100).await.unwrap();
    assert_eq!(all, given(&[("a", &[1, 2, 3]), ("b", &[4])]));
}

#[tokio::test]
async fn the_next_run_begins_from_the_state_and_an_idle_one_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    // Gives what follows its state, as a tap does.
    let script = format!(
        "{}case \"$*\" in\n*--state*) while [ \"$1\" != --state ]; do shift; done\nread -r said < \"$2\" || :\ncase \"$said\" in\n*2*) {}{};;\n*) {};;\nesac;;\n*) {}{}{};;\nesac\n",
        schemas(),
        row("a", 3),
        state(3),
        state(3),
        row("a", 1),
        row("a", 2),
        state(2),
    );
    let mut source = Exec::new(settings(dir.path(), &script, ""));
    let (first, cursor) = run(&mut source, None, 100).await.unwrap();
    assert_eq!(first, given(&[("a", &[1, 2])]));
    let (second, cursor) = run(&mut source, cursor, 100).await.unwrap();
    assert_eq!(second, given(&[("a", &[3])]));
    let idle = source.read(cursor.as_deref(), now(), 100).await.unwrap();
    assert!(idle.is_empty() && !idle.more);
    assert_eq!(Some(idle.cursor), cursor, "nothing to commit");
}

#[tokio::test]
async fn a_crash_in_the_middle_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    // Of the tap: its rows are given, its failure is named, its state is that of the rows.
    let script = [
        schemas(),
        row("a", 1),
        state(1),
        row("a", 2),
        "echo 'Traceback' >&2\necho \"KeyError: '990103199001010011'\" >&2\nexit 3\n".to_owned(),
    ]
    .concat();
    let mut source = Exec::new(settings(dir.path(), &script, ""));
    let page = source.read(None, now(), 100).await.unwrap();
    assert_eq!((page.len(), page.more), (2, true));
    let error = source.read(Some(&page.cursor), now(), 100).await.unwrap_err();
    assert_eq!((error.code(), error.disposition()), ("source.program_failed", Disposition::Retry));
    let said = error.to_string();
    assert!(
        said.contains("exit status: 3") && said.contains("KeyError") && !said.contains("9901"),
        "{said}"
    );
    assert!(page.cursor.contains("\\\"at\\\":1"), "{}", page.cursor);
    // It is not started again before its time.
    assert_eq!(source.read(Some(&page.cursor), now().plus(900), 9).await.unwrap_err(), error);

    // Of ours: what was given and not committed comes again.
    let script = [schemas(), row("a", 1), state(1), row("a", 2), state(2)].concat();
    let settings = settings(dir.path(), &script, "");
    let mut source = Exec::new(settings.clone());
    let first = source.read(None, now(), 1).await.unwrap();
    let lost = source.read(Some(&first.cursor), now(), 1).await.unwrap();
    assert_eq!(lost.row(0).unwrap().cell(0), Some("2"));
    for mut source in [source, Exec::new(settings)] {
        let again = source.read(Some(&first.cursor), now(), 100).await.unwrap();
        let numbers: Vec<_> = again.rows().map(|r| r.cell(0).unwrap().to_owned()).collect();
        assert_eq!(numbers, ["1", "2"]);
    }
}

#[tokio::test]
async fn a_compared_stream_is_whole_when_its_run_ended_well() {
    let dir = tempfile::tempdir().unwrap();
    let good = [schemas(), row("a", 1), row("b", 2)].concat();
    let mut source = Exec::new(settings(dir.path(), &good, "detect = \"compare\""));
    let mut cursor: Option<String> = None;
    for number in 1..=2 {
        let mut complete = Vec::new();
        loop {
            let page = source.read(cursor.as_deref(), now(), 100).await.unwrap();
            let pass = page.pass.unwrap();
            assert_eq!(pass.number, number);
            assert_ne!(cursor.as_deref(), Some(page.cursor.as_str()), "each page is committed");
            if pass.complete {
                assert!(page.is_empty());
                complete.push(page.table);
            }
            cursor = Some(page.cursor);
            if !page.more {
                break;
            }
        }
        assert_eq!(complete, [0, 1]);
    }
    let keyless = "echo '{\"type\":\"RECORD\",\"stream\":\"a\",\"record\":{\"who\":{}}}'\n";
    let bad = [schemas(), keyless.to_owned(), "exit 1\n".to_owned()].concat();
    let mut source = Exec::new(settings(dir.path(), &bad, "detect = \"compare\""));
    let page = source.read(None, now(), 100).await.unwrap();
    let codes: Vec<_> = page.broken.iter().map(|b| b.code).collect();
    assert!(codes.contains(&"source.key_missing"), "{codes:?}");
    assert!(page.pass.is_some_and(|p| !p.complete));
    source.read(Some(&page.cursor), now(), 100).await.unwrap_err();
}

#[tokio::test]
async fn what_is_no_message_is_told_beside_the_rows_and_too_much_of_it_ends_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let long = "/usr/bin/head -c 5000000 /dev/zero | /usr/bin/tr '\\0' x\necho\n";
    let script = [
        schemas(),
        "echo loading …\n".to_owned(),
        row("a", 1),
        "printf '\\377\\n'\n\necho\n".to_owned(),
        long.to_owned(),
        "echo '{\"type\":\"RECORD\",\"stream\":\"b\",\"record\":{\"no\":[1]}}'\n".to_owned(),
        row("a", 2),
        "printf '{\"type\":\"STATE\",\"value\":{\"at\":2}}'".to_owned(),
    ]
    .concat();
    let mut source = Exec::new(settings(dir.path(), &script, ""));
    let page = source.read(None, now(), 100).await.unwrap();
    let told: Vec<_> = page.broken.iter().map(|b| (b.reference.as_str(), b.code)).collect();
    let strange = ("sh:output", "source.not_singer");
    assert_eq!(told, [strange, strange, strange, ("b:#8", "adapter.not_one_value")]);
    let numbers: Vec<_> = page.rows().map(|r| r.cell(0).unwrap().to_owned()).collect();
    assert_eq!(numbers, ["1", "2"]);
    assert!(page.cursor.contains("\\\"at\\\":2"), "a last line needs no end: {}", page.cursor);

    let mut few = settings(dir.path(), "while :; do echo noise; done\n", "");
    few.limits.strange_lines_max = 10;
    let error = Exec::new(few).read(None, now(), 1000).await.unwrap_err();
    assert_eq!((error.code(), error.disposition()), ("source.not_singer", Disposition::Halt));
    let batch = [schemas(), "echo '{\"type\":\"BATCH\",\"stream\":\"a\"}'\n".to_owned()].concat();
    let error = Exec::new(settings(dir.path(), &batch, "")).read(None, now(), 9).await.unwrap_err();
    assert!(error.to_string().contains("BATCH"), "{error}");
}

#[tokio::test]
async fn a_stream_that_is_not_as_agreed_is_named_before_its_rows_count() {
    let dir = tempfile::tempdir().unwrap();
    for (script, words) in [
        (schemas().replace("\"who\"", "\"whom\""), "no `who/name`"),
        (schemas().replace("\"stream\":\"b\"", "\"stream\":\"bb\""), "never named this stream"),
    ] {
        let error = Exec::new(settings(dir.path(), &script, "")).read(None, now(), 9).await;
        let error = error.unwrap_err();
        assert_eq!(error.code(), "source.schema");
        assert!(error.to_string().contains(words), "{error}");
    }
    let mut gone = settings(dir.path(), "", "");
    gone.program = dir.path().join("tap-gone");
    let error = Exec::new(gone).read(None, now(), 9).await.unwrap_err();
    assert_eq!(error.code(), "source.setting");
}

/// Whether a process is gone, or only its name is left for whoever started it.
fn gone(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.is_empty() || stat.rsplit(')').next().is_some_and(|rest| rest.trim().starts_with('Z'))
}

/// Waits until both processes of a run are gone.
async fn wait_gone(folder: &Path) {
    let pids = std::fs::read_to_string(folder.join("pids")).unwrap();
    assert_eq!(pids.split_whitespace().count(), 2);
    for _ in 0..500 {
        if pids.split_whitespace().all(gone) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("something is left of {pids}");
}

#[tokio::test]
async fn silence_time_and_a_stop_end_the_whole_group_and_nothing_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let script = format!(
        "{}{}/bin/sleep 1000 &\necho $$ $! > {}\necho ready >&2\n/bin/sleep 1000\n",
        schemas(),
        row("a", 1),
        dir.path().join("pids").display()
    );
    let mut slow = settings(dir.path(), &script, "");
    slow.config = Some("{\"password\":\"geheim\"}".into());
    slow.limits.silence_max = 250;
    let mut source = Exec::new(slow.clone());
    let page = source.read(None, now(), 100).await.unwrap();
    assert_eq!((page.len(), page.more), (1, true));
    let config = slow.folder.join("config.json");
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&config).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    // It is silent: each turn has a cursor of its own, until it is too long.
    let mut cursor = page.cursor;
    let error = loop {
        match source.read(Some(&cursor), now(), 100).await {
            Ok(page) => {
                assert!(page.is_empty() && page.more && page.cursor != cursor);
                cursor = page.cursor;
            }
            Err(e) => break e,
        }
    };
    assert_eq!((error.code(), error.disposition()), ("source.program_slow", Disposition::Retry));
    wait_gone(dir.path()).await;
    assert!(!config.exists(), "its configuration holds a password");

    for what in ["too long", "let go", "dropped"] {
        (slow.limits.silence_max, slow.limits.run_max) = (1_000_000, 150_000);
        let mut source = Exec::new(slow.clone());
        let page = source.read(None, now(), 100).await.unwrap();
        match what {
            "too long" => {
                // The clock is put forward by a day, which is no time that it ran.
                let mut cursor = page.cursor;
                let mut at = now().plus(86_400_000);
                for _ in 0..2 {
                    cursor = source.read(Some(&cursor), at, 9).await.unwrap().cursor;
                    at = at.plus(59_000);
                }
                let error = source.read(Some(&cursor), at, 9).await.unwrap_err();
                assert_eq!(error.code(), "source.program_slow");
            }
            "let go" => source.let_go(),
            _ => drop(source),
        }
        wait_gone(dir.path()).await;
    }
}

#[tokio::test]
async fn a_program_sees_what_it_is_given_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let script = format!(
        "{}/usr/bin/env >&2\ncat=$(/bin/cat)\necho \"args=$* in=[$cat]\" >&2\nexit 1\n",
        schemas()
    );
    let mut own = settings(dir.path(), &script, "");
    own.environment = vec![("TAP_MODE".into(), "x;$(touch pwned)".into())];
    own.arguments.push("a b; touch pwned".into());
    own.catalog = Some("/etc/catalog.json".into());
    own.config = Some("{}".into());
    let folder = own.folder.clone();
    let error = Exec::new(own.clone()).read(None, now(), 9).await.unwrap_err().to_string();
    let config = folder.join("config.json");
    let want = format!(
        "args=a b; touch pwned --config {} --catalog /etc/catalog.json in=[]",
        config.display()
    );
    assert!(error.contains(&want), "{error}");
    assert!(!folder.join("pwned").exists() && !dir.path().join("pwned").exists());
    own.arguments = vec![
        "-c".into(),
        "/usr/bin/env | /usr/bin/sort | /usr/bin/tr '\\n' ' ' >&2; exit 1".into(),
    ];
    let error = Exec::new(own).read(None, now(), 9).await.unwrap_err().to_string();
    // The shell itself sets PWD (and _).
    assert!(error.contains("TAP_MODE=x;$(touch pwned)") && !error.contains("HOME="), "{error}");
}

#[tokio::test]
async fn the_doctor_says_what_he_sees() {
    let dir = tempfile::tempdir().unwrap();
    let good = [schemas(), row("a", 1), "/bin/sleep 1000\n".to_owned()].concat();
    for (script, fine, words) in [
        (good.as_str(), true, "gives rows"),
        (schemas().as_str(), true, "has no rows"),
        ("exit 2\n", false, "source.program_failed"),
        ("echo hello\n", false, "no Singer message"),
        ("/bin/sleep 1000\n", false, "says nothing"),
    ] {
        let seen = probe(&settings(dir.path(), script, ""), now()).await;
        assert_eq!(seen.len(), 1);
        assert!(seen[0].fine == fine && seen[0].en.contains(words), "{script}: {seen:?}");
    }
}

#[expect(clippy::disallowed_methods, reason = "where the services are is said in the environment")]
fn services() -> std::path::PathBuf {
    std::env::var("TIERGATE_SERVICES").map_or_else(
        |_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/services").into(),
        Into::into,
    )
}

/// The package `singer_complaints` over a real tap of PyPI, tap-dbf, and a real table.
#[tokio::test]
async fn a_real_tap_reads_a_real_table_and_says_what_is_wrong_with_it() {
    let tap = services().join("tap/bin/tap-dbf");
    assert!(tap.exists(), "{} is not there; install it: make install", tap.display());
    let adapters = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../adapters"));
    let read = |path: &str| std::fs::read(adapters.join(path)).unwrap();
    let tables = std::fs::read_dir(adapters.join("singer_complaints/tables")).unwrap();
    let tables = tables.map(|t| format!("tables/{}", t.unwrap().file_name().display()));
    let files = tables.chain(["adapter.toml".to_owned()]);
    let files = files.map(|f| (f.clone(), read(&format!("singer_complaints/{f}")))).collect();
    let package = Package::read(&files).unwrap_or_else(|p| panic!("{p:?}"));
    let adapt::Source::Exec(source) = package.source else { panic!("not a program") };

    let dir = tempfile::tempdir().unwrap();
    let table = dir.path().join("complaints.dbf");
    std::fs::write(&table, read("complaints/samples/ordinary/input.dbf")).unwrap();
    let mut settings = Settings::of("c", tap, dir.path().join("programs"), &source);
    settings.config = Some(serde_json::json!({ "path": table }).to_string());
    let mut tapped = Exec::new(settings);
    let (pages, cursor) = run(&mut tapped, None, 2).await.unwrap();
    let rows: Vec<_> = pages.into_iter().flat_map(|(_, rows)| rows).collect();
    assert_eq!(rows, ["TS20261100001", "TS20261100002", "TS20261100004"], "a deleted row is none");
    let kept = cursor.clone().unwrap();
    assert!(kept.contains("bookmarks") && kept.contains("complaints"), "{kept}");
    // Its own state, given back to it.
    let (again, after) = run(&mut tapped, cursor, 100).await.unwrap();
    assert_eq!((again[0].1.len(), after), (3, Some(kept)));

    // A date that is none is too much for it: it ends, and says so without the row.
    std::fs::write(&table, read("complaints/samples/dirty/input.dbf")).unwrap();
    let mut cursor: Option<String> = None;
    let error = loop {
        match tapped.read(cursor.as_deref(), now(), 100).await {
            Ok(page) => {
                assert!(page.more, "it did not end well");
                cursor = Some(page.cursor);
            }
            Err(e) => break e,
        }
    };
    assert_eq!(error.code(), "source.program_failed");
    assert!(error.to_string().contains("ValueError: invalid date"), "{error}");
}
