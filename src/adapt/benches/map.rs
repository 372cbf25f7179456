//! How many records a second one core makes of the township's CSV: decode and cut rows, then map,
//! then map + validate + render. `cargo bench -p adapt`.
#![expect(clippy::disallowed_methods, reason = "a bench reads its package and measures time")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use adapt::{Bound, Drafts, Mapping, Next, Package, RowBuf, RowReader, Source, TextSettings};
use canon::format::{CaseFacts, Format, OpenLists, supervision_1};
use canon::{DigestAlg, Millis};

const ROWS: usize = 100_000;

fn main() {
    let format = supervision_1();
    let package = package();
    let mapping = Mapping::compile(&package, &format).expect("the package fits the format");
    let Source::Files(source) = &package.source else { return };
    let Some(text) = source.text() else { return };
    let sample = package.samples.get("ordinary").and_then(|files| files.get("input.csv"));
    let bytes = drop_of(sample.expect("the package has its sample"), text);

    let started = Instant::now();
    let (header, rows) = read(&bytes, text);
    report("decode GB18030, cut rows", "rows", rows.len(), bytes.len(), started);

    let bound = mapping.bind(0, &header).expect("the sample has the header");
    let started = Instant::now();
    let mut drafts = Drafts::new();
    let mut records = 0;
    for row in &rows {
        drafts.clear();
        mapping.map(&bound, row.row(), &mut drafts);
        records += drafts.as_slice().len();
    }
    report("map", "records", records, bytes.len(), started);

    let started = Instant::now();
    let (records, size) = whole(&mapping, &bound, &format, &rows);
    report("map + row digest + validate + render", "records", records, size, started);
    assert!(records > 0, "a bench of nothing");
}

fn package() -> Package {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../adapters/township_window");
    let mut files = BTreeMap::new();
    for below in ["", "tables", "samples/ordinary"] {
        for entry in fs::read_dir(folder.join(below)).expect("the package is in the tree") {
            let path = entry.expect("its entries can be read").path();
            if path.is_file() {
                let name = path.strip_prefix(&folder).expect("it lies below").to_string_lossy();
                files.insert(name.into_owned(), fs::read(&path).expect("a file can be read"));
            }
        }
    }
    Package::read(&files).expect("the package is sound")
}

/// The sample's rows again and again, as one file.
fn drop_of(sample: &[u8], text: TextSettings) -> Vec<u8> {
    let (_, rows) = read(sample, text);
    let lines: Vec<&[u8]> = sample.split_inclusive(|b| *b == b'\n').collect();
    let (header, rest) = lines.split_first().expect("a header");
    let mut out = header.to_vec();
    for i in 0..ROWS {
        out.extend_from_slice(rest[i % rows.len()]);
    }
    out
}

fn read(bytes: &[u8], text: TextSettings) -> (Vec<String>, Vec<RowBuf>) {
    let mut reader = RowReader::new(text);
    let mut pieces = bytes.chunks(64 << 10).peekable();
    let (mut row, mut header, mut rows) = (RowBuf::new(), Vec::new(), Vec::new());
    loop {
        match reader.next_row(&mut row) {
            Next::More => {
                let piece = pieces.next().unwrap_or_default();
                reader.feed(piece, pieces.peek().is_none());
            }
            Next::Row if header.is_empty() => {
                let view = row.row();
                header = (0..view.len()).filter_map(|i| view.get(i)).map(str::to_owned).collect();
                reader.expect_columns(header.len());
            }
            Next::Row => rows.push(row.clone()),
            Next::Fault(fault) => panic!("the sample is sound: {fault:?}"),
            Next::End => return (header, rows),
        }
    }
}

fn whole(mapping: &Mapping, bound: &Bound, format: &Format, rows: &[RowBuf]) -> (usize, usize) {
    let collected = Millis::parse("2026-11-21 12:00:00").expect("a time");
    let (case, lists) = (CaseFacts::new(), OpenLists::new());
    let (mut drafts, mut found, mut out) = (Drafts::new(), Vec::new(), Vec::new());
    let (mut records, mut size) = (0, 0);
    for row in rows {
        drafts.clear();
        mapping.map(bound, row.row(), &mut drafts);
        let rowdig = row.row().digest(DigestAlg::default());
        for draft in drafts.as_mut_slice() {
            let namespace = draft.namespace.clone().unwrap_or_else(|| "bench".into());
            let attrs = draft.attributes(mapping, &namespace, collected, rowdig);
            format.validate(draft.ty, &draft.values, &attrs, &case, &lists, &mut found);
            draft.absorb(&mut found);
            assert!(!draft.is_refused(), "the sample is sound: {:?}", draft.violations);
            out.clear();
            format.render(draft.ty, &draft.values, &attrs, &mut out);
            records += 1;
            size += out.len();
        }
    }
    (records, size)
}

fn report(what: &str, unit: &str, count: usize, bytes: usize, started: Instant) {
    let seconds = started.elapsed().as_secs_f64();
    let rate = count as f64 / seconds;
    let megabytes = bytes as f64 / seconds / 1e6;
    writeln!(
        std::io::stdout(),
        "{what:<38} {rate:>10.0} {unit}/s {megabytes:>7.0} MB/s {:>6.0} bytes each",
        bytes as f64 / count as f64
    )
    .expect("standard output is open");
}
