//! The same sentences over files of every form that a drop folder takes.

use std::fs;
use std::path::Path;

use adapt::{FileSource, Package, Source as PackageSource};
use canon::Millis;
use edge::file_drop::{FileDrop, Settings};
use edge::{Awaited, Page, Source, WriteBack};

#[path = "../../adapt/tests/forms/make.rs"]
#[expect(dead_code, reason = "the readers' own tests make stranger files")]
mod make;

const NOW: Millis = Millis(1_795_000_000_000);

/// A form: the package's `[source]`, the ending of its files, how a file with these rows is made,
/// and what half a file gives.
struct Form {
    kind: &'static str,
    ending: &'static str,
    make: fn(&[(&str, &str)]) -> Vec<u8>,
    /// Bytes off the end that cut the last row; none where only a whole file can be read.
    cut: Option<usize>,
}

const FORMS: &[Form] = &[
    Form {
        kind: "kind = \"csv\"\nencoding = \"gb18030\"",
        ending: "csv",
        make: |rows| {
            let rows: String = rows.iter().map(|(a, b)| format!("{a},{b}\r\n")).collect();
            encoding_rs::GB18030.encode(&format!("号,名\r\n{rows}")).0.into_owned()
        },
        cut: Some(3),
    },
    Form {
        kind: "kind = \"xlsx\"",
        ending: "xlsx",
        make: |rows| {
            let head = make::row(1, &["号", "名"]);
            let rows: String = (2..).zip(rows).map(|(n, (a, b))| make::row(n, &[a, b])).collect();
            make::Book::new().sheet("表", &format!("{head}{rows}")).bytes()
        },
        cut: None,
    },
    Form {
        kind: "kind = \"dbf\"",
        ending: "dbf",
        make: |rows| {
            let records: Vec<[&str; 3]> = rows.iter().map(|(a, b)| [" ", a, b]).collect();
            let records: Vec<&[&str]> = records.iter().map(|r| &r[..]).collect();
            make::table(&[("号", b'C', 60), ("名", b'C', 60)], &records)
        },
        cut: Some(9),
    },
    Form {
        kind: "kind = \"xml\"\nrecord = \"单/件\"",
        ending: "xml",
        make: |rows| {
            let rows: String =
                rows.iter().map(|(a, b)| format!("<件><号>{a}</号><名>{b}</名></件>")).collect();
            let text = format!("<?xml version=\"1.0\" encoding=\"GBK\"?><单>{rows}</单>");
            encoding_rs::GBK.encode(&text).0.into_owned()
        },
        cut: Some(9),
    },
    Form {
        kind: "kind = \"json\"\nrecord = \"件\"",
        ending: "json",
        make: |rows| {
            let rows: Vec<String> =
                rows.iter().map(|(a, b)| format!("{{\"号\": \"{a}\", \"名\": \"{b}\"}}")).collect();
            format!("{{\"件\": [{}]}}", rows.join(",")).into_bytes()
        },
        cut: Some(9),
    },
];

impl Form {
    fn source(&self) -> FileSource {
        let toml = format!(
            "[adapter]\nedition = 1\nname = \"t\"\nversion = \"1\"\nsystem = \"t\"\n\
             format = \"supervision/1\"\nnamespace = \"990100\"\n[source]\n{}\nfiles = \"*.{}\"\n\
             settle_seconds = 0\ncolumns = [\"号\", \"名\"]\n[[record]]\ntype = \"application\"\n",
            self.kind, self.ending
        );
        let package = Package::read(&[("adapter.toml".to_owned(), toml.into_bytes())].into());
        let PackageSource::Files(source) = package.unwrap_or_else(|p| panic!("{p:?}")).source
        else {
            panic!("{} is a source of files", self.kind);
        };
        *source
    }

    fn open(&self, dir: &Path) -> FileDrop {
        FileDrop::open(Settings::of("t", dir.to_owned(), &self.source()))
            .expect("a folder of the test's own")
    }

    fn put(&self, dir: &Path, stem: &str, bytes: &[u8]) {
        fs::write(dir.join(format!("{stem}.{}", self.ending)), bytes)
            .expect("a folder of the test's own");
    }
}

const ROWS: &[(&str, &str)] = &[("1", "甲"), ("2", "乙"), ("3", "丙")];

async fn read(source: &mut FileDrop, cursor: Option<&str>, limit: usize) -> Page {
    source.read(cursor, NOW, limit).await.expect("a folder of the test's own")
}

fn names(page: &Page) -> Vec<String> {
    page.rows().map(|r| r.cell(1).unwrap_or("∅").to_owned()).collect()
}

/// Reads and commits until there is nothing more.
async fn drain(
    source: &mut FileDrop,
    mut cursor: Option<String>,
) -> (Vec<String>, Vec<&'static str>) {
    let (mut rows, mut broken) = (Vec::new(), Vec::new());
    loop {
        let page = read(source, cursor.as_deref(), 2).await;
        rows.extend(names(&page));
        broken.extend(page.broken.iter().map(|b| b.code));
        source.committed(&page.cursor).await.expect("a folder of the test's own");
        if !page.more {
            return (rows, broken);
        }
        cursor = Some(page.cursor);
    }
}

fn there(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .expect("a folder of the test's own")
        .map(|e| e.expect("a folder of the test's own"))
        .filter(|e| e.file_type().expect("a folder of the test's own").is_file())
        .map(|e| e.file_name().into_string().expect("a folder of the test's own"))
        .filter(|n| *n != ".digests" && *n != ".lock")
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_file_is_read_page_by_page_across_restarts_and_moved_once() {
    for form in FORMS {
        let dir = tempfile::tempdir().unwrap();
        form.put(dir.path(), "a", &(form.make)(ROWS));
        let (mut cursor, mut rows) = (None::<String>, Vec::new());
        for turn in 0..6 {
            // A new process each time: only the cursor is remembered, and what lies beside the file
            // may be lost.
            let mut source = form.open(dir.path());
            let page = read(&mut source, cursor.as_deref(), 1).await;
            rows.extend(page.rows().map(|r| (r.reference(), r.cell(1).unwrap().to_owned())));
            cursor = Some(page.cursor);
            for name in there(&dir.path().join("done")).iter().filter(|n| n.starts_with('.')) {
                if turn == 1 {
                    fs::remove_file(dir.path().join("done").join(name)).unwrap();
                }
            }
        }
        let names: Vec<&str> = rows.iter().map(|(_, name)| name.as_str()).collect();
        assert_eq!(names, ["甲", "乙", "丙"], "{}", form.kind);
        assert!(rows.iter().all(|(place, _)| place.starts_with(&format!("a.{}", form.ending))));
        assert_eq!(there(&dir.path().join("done")), [format!("a.{}", form.ending)]);
        assert!(there(dir.path()).is_empty());
    }
}

#[tokio::test]
async fn nothing_moves_before_the_commit_and_a_crash_after_it_is_healed() {
    for form in FORMS {
        let dir = tempfile::tempdir().unwrap();
        form.put(dir.path(), "a", &(form.make)(ROWS));
        let first = read(&mut form.open(dir.path()), None, 10).await;
        let again = read(&mut form.open(dir.path()), None, 10).await;
        assert_eq!(names(&first), names(&again), "{}: not committed, the same again", form.kind);
        assert_eq!(there(dir.path()), [format!("a.{}", form.ending)]);
        let mut source = form.open(dir.path());
        for _ in 0..2 {
            let page = read(&mut source, Some(&first.cursor), 10).await;
            assert!(page.is_empty() && !page.more, "{}", form.kind);
        }
        assert_eq!(there(&dir.path().join("done")), [format!("a.{}", form.ending)]);
    }
}

#[tokio::test]
async fn the_same_content_is_read_once_under_any_name() {
    for form in FORMS {
        let dir = tempfile::tempdir().unwrap();
        let bytes = (form.make)(ROWS);
        form.put(dir.path(), "a", &bytes);
        form.put(dir.path(), "b", &bytes);
        form.put(dir.path(), "c", &(form.make)(&[("4", "丁")]));
        let (rows, broken) = drain(&mut form.open(dir.path()), None).await;
        assert_eq!(rows, ["甲", "乙", "丙", "丁"], "{}", form.kind);
        assert!(broken.is_empty());
        let done = there(&dir.path().join("done"));
        assert!(done.contains(&format!("b.{}.duplicate", form.ending)), "{done:?}");
    }
}

#[tokio::test]
async fn a_file_copied_by_half_fails_with_a_reason_and_may_come_again() {
    for form in FORMS {
        let dir = tempfile::tempdir().unwrap();
        let bytes = (form.make)(ROWS);
        let cut = bytes.len() - form.cut.unwrap_or(bytes.len() / 2);
        form.put(dir.path(), "a", &bytes[..cut]);
        form.put(dir.path(), "b", &(form.make)(&[("9", "他")]));
        let mut source = form.open(dir.path());
        let (rows, broken) = drain(&mut source, None).await;
        if form.cut.is_some() {
            assert_eq!(rows, ["甲", "乙", "他"], "{}", form.kind);
            assert_eq!(broken, ["adapter.cut_off"], "{}", form.kind);
        } else {
            assert_eq!(rows, ["他"], "{}", form.kind);
            assert_eq!(broken, ["source.file_damaged"], "{}", form.kind);
        }
        let failed = dir.path().join("failed");
        let name = format!("a.{}", form.ending);
        assert_eq!(there(&failed), [name.clone(), format!("{name}.reason.txt")]);
        let reason = fs::read_to_string(failed.join(format!("{name}.reason.txt"))).unwrap();
        assert!(reason.contains("处理：") && !reason.contains('丙'), "{reason}");
        form.put(dir.path(), "a", &bytes);
        let (rows, broken) = drain(&mut source, None).await;
        assert_eq!(rows, ["甲", "乙", "丙"], "{}", form.kind);
        assert!(broken.is_empty());
    }
}

#[tokio::test]
async fn a_file_without_the_agreed_columns_fails_and_the_others_go_on() {
    for form in FORMS.iter().filter(|f| matches!(f.ending, "csv" | "xlsx" | "dbf")) {
        let dir = tempfile::tempdir().unwrap();
        let mut other = form.source();
        other.queries[0].columns[1].text = "别的".into();
        form.put(dir.path(), "a", &(form.make)(ROWS));
        let settings = Settings::of("t", dir.path().to_owned(), &other);
        let (rows, broken) = drain(&mut FileDrop::open(settings).unwrap(), None).await;
        assert!(rows.is_empty());
        assert_eq!(broken, ["source.header_wrong"], "{}", form.kind);
        assert_eq!(there(&dir.path().join("failed")).len(), 2, "{}", form.kind);
    }
}

#[tokio::test]
async fn a_file_that_grows_while_it_is_read_is_read_afresh() {
    for form in FORMS {
        let dir = tempfile::tempdir().unwrap();
        form.put(dir.path(), "a", &(form.make)(ROWS));
        let mut source = form.open(dir.path());
        let page = read(&mut source, None, 1).await;
        assert_eq!(names(&page), ["甲"], "{}", form.kind);
        form.put(
            dir.path(),
            "a",
            &(form.make)(&[("1", "甲"), ("2", "乙"), ("3", "丙"), ("4", "丁")]),
        );
        let (rows, broken) = drain(&mut source, Some(page.cursor)).await;
        assert_eq!(rows, ["甲", "乙", "丙", "丁"], "{}", form.kind);
        assert!(broken.is_empty(), "{}", form.kind);
    }
}

fn outcome(row_key: &str, flag: &str, text: &str) -> WriteBack {
    WriteBack { table: 0, row_key: row_key.into(), flag: flag.into(), text: text.into() }
}

#[tokio::test]
async fn a_file_is_answered_when_every_record_of_it_is_final() {
    for form in FORMS {
        let dir = tempfile::tempdir().unwrap();
        form.put(dir.path(), "a", &(form.make)(ROWS));
        let mut package = form.source();
        package.answer = Some("结果".into());
        let open = || FileDrop::open(Settings::of("t", dir.path().to_owned(), &package)).unwrap();
        let mut source = open();
        let (mut cursor, mut keys) = (None::<String>, Vec::new());
        loop {
            let page = read(&mut source, cursor.as_deref(), 2).await;
            let rows: Vec<&str> = page.rows().map(|r| r.row_key().unwrap()).collect();
            // One row's content is known above already: nothing of it is awaited.
            let awaited: Vec<Awaited<'_>> = rows
                .iter()
                .filter(|row| !row.ends_with("/3"))
                .map(|row_key| Awaited {
                    row_key,
                    rule: "field.check_digit",
                    text: "『号』不是代码",
                })
                .collect();
            // A crash between this and the commit tells it twice.
            source.awaiting(&page, &awaited).await.unwrap();
            source.awaiting(&page, &awaited).await.unwrap();
            keys.extend(awaited.iter().map(|a| a.row_key.to_owned()));
            source.committed(&page.cursor).await.unwrap();
            if !page.more {
                break;
            }
            cursor = Some(page.cursor);
        }
        assert_eq!(keys.len(), 2, "{}: {keys:?}", form.kind);
        let answer = dir.path().join(format!("结果/a.{}.结果.csv", form.ending));
        let first = [outcome(&keys[0], "accepted", "")];
        assert_eq!(source.write_back(&first).await.unwrap(), [Ok(())]);
        assert!(!answer.exists(), "{}: a record is still under way", form.kind);
        drop(source);
        let mut source = open();
        let rest = [outcome(&keys[1], "rejected", "区划, 不存在")];
        for _ in 0..2 {
            assert_eq!(source.write_back(&rest).await.unwrap(), [Ok(())]);
        }
        let said = fs::read_to_string(&answer).unwrap();
        let lines: Vec<&str> = said.trim_start_matches('\u{feff}').lines().collect();
        assert_eq!(lines.len(), 3, "{said}");
        assert_eq!(lines[0], "工作表,行,结果,规则,说明");
        assert!(lines[1].contains(",已接收,,"), "{said}");
        assert!(lines[2].ends_with(",已驳回,field.check_digit,\"区划, 不存在\""), "{said}");
        // Corrected above: the answer says so. A row of another file is nobody's here.
        let later = [outcome(&keys[1], "accepted", ""), outcome("other//7", "accepted", "")];
        assert_eq!(source.write_back(&later).await.unwrap().len(), 2);
        let said = fs::read_to_string(&answer).unwrap();
        assert!(!said.contains("已驳回"), "{said}");
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_answered_at_once() {
    let form = FORMS.iter().find(|f| f.ending == "xlsx").unwrap();
    let dir = tempfile::tempdir().unwrap();
    form.put(dir.path(), "a", b"PK\x03\x04 half");
    let mut package = form.source();
    package.answer = Some("answers".into());
    let mut source = FileDrop::open(Settings::of("t", dir.path().to_owned(), &package)).unwrap();
    let page = read(&mut source, None, 2).await;
    source.awaiting(&page, &[]).await.unwrap();
    source.committed(&page.cursor).await.unwrap();
    let said = fs::read_to_string(dir.path().join("answers/a.xlsx.结果.csv")).unwrap();
    assert!(said.contains(",,无法读取,source.file_damaged,"), "{said}");
}
