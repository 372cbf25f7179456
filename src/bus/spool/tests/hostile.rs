//! What must never be opened, followed or believed.

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::*;

fn zip_of(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        zip.start_file(*name, options).expect("memory");
        zip.write_all(bytes).expect("memory");
    }
    zip.finish().expect("memory").into_inner()
}

fn outside() -> Outside {
    let parcel = parcel(Lane::Live, 1);
    Outside::of(&parcel, &parcel.frame, false, "1")
}

async fn left(gate: &Gate, name: &str, bytes: &[u8]) -> (Vec<&'static str>, Vec<String>) {
    let b = gate.side("b");
    std::fs::write(gate.path("b/in").join(name), bytes).expect("a file");
    assert!(take(&b, Lane::Live).await.is_empty());
    (codes(&b), gate.names("b/bad"))
}

#[tokio::test]
async fn a_stray_file_goes_to_bad_and_is_named() {
    let gate = Gate::new(quick());
    let (codes, bad) = left(&gate, "readme.txt", b"hello").await;
    assert_eq!((codes, bad), (vec!["spool.not_a_parcel"], vec!["readme.txt".to_owned()]));
    let (_, bad) = left(&gate, "readme.txt", b"another of the same name").await;
    assert_eq!(bad, ["readme.txt", "readme.txt.2"], "nothing is overwritten");
}

#[tokio::test]
async fn a_deflated_zip_with_the_right_two_files_is_taken() {
    let gate = Gate::new(quick());
    let b = gate.side("b");
    let frame = parcel(Lane::Live, 1).frame;
    let line = outside().to_line();
    let zip = zip_of(&[("parcel.json", line.as_bytes()), ("parcel.zst", &frame)]);
    std::fs::write(gate.path("b/in/x.zip"), zip).unwrap();
    let taken = take(&b, Lane::Live).await;
    assert_eq!(taken[0].parcel.frame, frame, "gates that zip again are fine");
}

#[tokio::test]
async fn a_zip_with_a_path_another_file_or_a_lie_is_refused() {
    let gate = Gate::new(quick());
    let line = outside().to_line();
    let frame = parcel(Lane::Live, 1).frame;
    let bomb = vec![0; 32 << 20];
    for (n, entries) in [
        vec![("../../parcel.json", line.as_bytes()), ("/etc/parcel.zst", &frame[..])],
        vec![("parcel.json", line.as_bytes()), ("parcel.zst", &frame), ("more", b"x")],
        vec![("parcel.json", line.as_bytes()), ("parcel.zst", &bomb)],
        vec![("parcel.json", &bomb), ("parcel.zst", &frame)],
        vec![("parcel.json", b"{}"), ("parcel.zst", &frame)],
    ]
    .into_iter()
    .enumerate()
    {
        let zip = zip_of(&entries);
        assert!(zip.len() < 100_000, "a bomb is small");
        let name = format!("{n}.zip");
        let (codes, bad) = left(&gate, &name, &zip).await;
        assert_eq!(codes, ["spool.not_a_parcel"], "{n}");
        assert!(bad.contains(&name), "{n}: {bad:?}");
    }
    assert!(!gate.path("parcel.json").exists(), "nothing is ever unpacked to a path");
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_a_folder_and_a_pipe_are_never_opened() {
    let gate = Gate::new(quick());
    let (a, b) = (gate.side("a"), gate.side("b"));
    publish(&a, vec![parcel(Lane::Live, 1)]).await;
    let real = gate.path("a/out").join(gate.names("a/out").remove(0));
    std::os::unix::fs::symlink(&real, gate.path("b/in/link.tgp")).unwrap();
    std::fs::create_dir(gate.path("b/in/folder.tgp")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(gate.path("b/in/pipe.tgp")).status();
    assert!(made.expect("mkfifo").success());
    let look = tokio::time::timeout(Duration::from_secs(20), take(&b, Lane::Live)).await;
    assert!(look.expect("a pipe that nobody writes to holds nobody up").is_empty());
    assert_eq!(codes(&b), ["spool.not_a_file"; 3]);
    assert_eq!(gate.names("b/in").len(), 0);
    assert!(real.is_file(), "what a link points at is left alone");
}

#[tokio::test]
async fn a_huge_file_is_not_read() {
    let gate = Gate::new(quick());
    let b = gate.side("b");
    let huge = std::fs::File::create(gate.path("b/in/huge")).unwrap();
    huge.set_len(FILE_BYTES_MAX as u64 + 1).unwrap();
    assert!(take(&b, Lane::Live).await.is_empty());
    assert_eq!(codes(&b), ["spool.too_large"]);
    assert_eq!(gate.names("b/bad"), ["huge"]);
}

#[tokio::test]
async fn a_file_of_another_link_is_not_taken() {
    let gate = Gate::new(quick());
    let (a, b) = (gate.side("a"), gate.side("b"));
    publish(&a, vec![parcel(Lane::Live, 1)]).await;
    // It came back to where it was written.
    gate.carry("a", "a");
    assert!(a.take(&node("a"), Lane::Live, 9).await.unwrap().is_empty());
    let troubles = a.troubles(&node("a"));
    assert_eq!(troubles.iter().map(|t| t.code).collect::<Vec<_>>(), ["spool.wrong_link"]);
    assert!(codes(&b).is_empty());
}

#[tokio::test]
async fn a_damaged_file_and_one_with_more_behind_it_go_to_bad() {
    let gate = Gate::new(quick());
    let a = gate.side("a");
    publish(&a, vec![parcel(Lane::Live, 1)]).await;
    let name = gate.names("a/out").remove(0);
    let mut bytes = std::fs::read(gate.path("a/out").join(name)).unwrap();
    bytes.push(b'x');
    assert_eq!(left(&gate, "longer", &bytes).await.0, ["spool.damaged"]);
    bytes.pop();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let (codes, bad) = left(&gate, "changed", &bytes).await;
    assert_eq!((codes, bad), (vec!["spool.damaged"], vec!["changed".into(), "longer".into()]));
}

#[test]
fn an_outside_that_says_what_cannot_be_is_not_read() {
    let line = outside().to_line();
    assert_eq!(Outside::from_line(line.as_bytes()), Some(outside()));
    for (from, to) in [
        ("\"part\":1", "\"part\":2"),
        ("\"part\":1", "\"part\":0"),
        ("\"parts\":1", "\"parts\":99999"),
        ("\"spool\":1", "\"spool\":2"),
        ("\"bytes\":3000", "\"bytes\":99999999999"),
        ("\"part_bytes\":3000", "\"part_bytes\":3001"),
        ("\"from\":\"a\"", "\"from\":\"../a\""),
        ("\"kind\":\"records\"", "\"kind\":\"<x>\""),
        ("sha256:", "md5:"),
    ] {
        let changed = line.replacen(from, to, 1);
        assert_ne!(changed, line, "{from}");
        assert_eq!(Outside::from_line(changed.as_bytes()), None, "{to}");
    }
}
