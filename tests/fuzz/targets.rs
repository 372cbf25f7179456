//! Every parser of what others write, as a function of bytes that must come back: no panic, no endless
//! loop, no memory beyond its limits, and where there is one written form, that form and no other.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use adapt::form::{self, FormLimits, Reading, Scratch};
use adapt::{FileSource, Form, Package, Source};
use bus::spool::{Outside, Pattern};
use canon::format::Format;
use canon::{Day, Digest, Environment, Key, Millis, NodeCode, Route};
use envelope::archive::{Archive, Chain};
use envelope::control::{
    Answer, Hop, Inquiry, ManifestLine, Notice, QualityNotice, Refusal, Stated,
};
use envelope::evidence::Evidence;
use envelope::{EncryptionPair, Head, KeyPem, KeyRing, Trust};

use crate::world::{files, format, root};

/// One parser.
pub struct Target {
    /// Its name, and that of its folder in the corpus.
    pub name: &'static str,
    /// Takes any bytes.
    pub run: fn(&[u8]),
    /// Where fuzzing begins, besides its corpus.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

const fn target(name: &'static str, run: fn(&[u8]), seeds: fn() -> Vec<Vec<u8>>) -> Target {
    Target { name, run, seeds }
}

/// All of them.
pub const TARGETS: &[Target] = &[
    target("frame", frame, || packages().iter().map(|p| envelope::frame(p, 1)).collect()),
    target("package", package, packages),
    target("head", head, || parts().into_iter().map(|(head, _)| head).collect()),
    target("signature", signature, || {
        parts().into_iter().map(|(_, signature)| signature).collect()
    }),
    target("control", control, fragments),
    target("record", record, fragments),
    target("closed", closed, || {
        [museum("envelope/1-confidential", "records.xml"), museum("archive", ".closed")].concat()
    }),
    target("archive", archive, || museum("archive", ".zst")),
    target("evidence", evidence, || museum("evidence", ".json")),
    target("certificate", certificate, || museum("envelope", ".pem")),
    target("names", names, names_seeds),
    target("spool", spool, spool_seeds),
    target("format", schema, || texts("schemas/control/1", ".xsd")),
    target("adapter", adapter, || texts("adapters", "adapter.toml")),
    target("node", node, || texts("config", ".toml")),
    target("csv", |b| read_form("csv", b), || samples("csv")),
    target("workbook", |b| read_form("workbook", b), || samples("workbook")),
    target("dbf", |b| read_form("dbf", b), || samples("dbf")),
    target("memo", memo, || samples("memo")),
    target("xml", |b| read_form("xml", b), || samples("xml")),
    target("json", |b| read_form("json", b), || samples("json")),
    target("soap", |b| read_form("soap", b), || samples("soap")),
    target("singer", |b| read_form("singer", b), || samples("singer")),
    target("look", look, || [samples("workbook"), samples("xml"), samples("json")].concat()),
];

// ── what nodes exchange ──────────────────────────────────────────────────────────────────────

/// Largest thing that is unpacked here, bytes: memory is watched.
const UNPACKED_MAX: usize = 4 << 20;

fn frame(bytes: &[u8]) {
    if let Ok(package) = envelope::open_frame(bytes, UNPACKED_MAX) {
        assert!(package.len() <= UNPACKED_MAX, "within its limit");
    }
}

fn package(bytes: &[u8]) {
    let Ok(opened) = envelope::open(bytes) else { return };
    assert_eq!(opened.head.write(), opened.head_bytes, "one head, one written form");
    for trust in trusts() {
        // Whoever signed: a changed package is never believed, an unchanged one was in the museum.
        if envelope::verify(&opened, trust, opened.head.sealed_at).is_ok() {
            let known = packages()
                .iter()
                .any(|p| envelope::open(p).is_ok_and(|p| p.head_bytes == opened.head_bytes));
            assert!(known, "a head that nobody signed is believed");
        }
    }
}

/// The museum's reader.
fn reader() -> &'static KeyRing {
    static READER: LazyLock<KeyRing> = LazyLock::new(|| {
        let text = |ending| {
            let found = museum("envelope/1-confidential", ending).remove(0);
            String::from_utf8(found).expect("PEM")
        };
        let pair = EncryptionPair::from_pem(KeyPem(text("reader.key")), &text("reader.pem"));
        KeyRing::new(vec![pair.expect("the museum's reader")])
    });
    &READER
}

fn closed(bytes: &[u8]) {
    if let Ok(clear) = envelope::clear(bytes, reader()) {
        // It may be any package; one that was closed and opens is one that somebody closed.
        drop(envelope::open_clear(&clear));
    }
    if let Ok(Some(_)) = envelope::disclose(bytes, "museum", reader()) {
        let known = museum("archive", ".closed").iter().any(|known| known == bytes);
        assert!(known, "bytes that nobody closed open");
    }
}

fn archive(bytes: &[u8]) {
    let read = Archive::read(bytes);
    if let Ok(archive) = &read {
        assert!(archive.closed || archive.entries().count() == archive.table.entries.len());
    }
    let clear = envelope::archive::clear(bytes, reader());
    if let Ok(Some(clear)) = clear {
        drop(Archive::read(&clear));
    }
    drop(Chain::default().walk_with(bytes, reader()));
}

fn head(bytes: &[u8]) {
    if let Ok(head) = Head::read(bytes) {
        assert_eq!(head.write(), bytes, "one head, one written form");
    }
}

fn signature(bytes: &[u8]) {
    static KNOWN: LazyLock<Vec<(Head, Vec<u8>)>> = LazyLock::new(|| {
        let of = |(head, _): (Vec<u8>, Vec<u8>)| {
            (Head::read(&head).expect("a head of the museum"), head)
        };
        parts().into_iter().map(of).collect()
    });
    for (head, head_bytes) in KNOWN.iter() {
        for trust in trusts() {
            drop(envelope::verify_head(head, head_bytes, bytes, trust, head.sealed_at));
            let as_text = envelope::verify_text(head_bytes, bytes, trust, head.sealed_at);
            assert!(as_text.is_err(), "a head's signature is none of a text");
        }
    }
}

fn control(bytes: &[u8]) {
    macro_rules! same {
        ($($read:expr => $write:expr),+ $(,)?) => {
            $(if let Ok(value) = $read(bytes) {
                assert_eq!($write(&value), bytes, "one body, one written form");
            })+
        };
    }
    same!(
        Hop::read => Hop::write,
        Refusal::read => Refusal::write,
        Inquiry::read => Inquiry::write,
        Answer::read => Answer::write,
        ManifestLine::read => ManifestLine::write,
        Notice::read => Notice::write,
        QualityNotice::read => QualityNotice::write,
        Stated::read => Stated::write,
        envelope::read_outcome => envelope::write_outcome,
    );
}

fn record(bytes: &[u8]) {
    let shaped = envelope::fragment::check_shape(bytes).is_ok();
    let Ok(parsed) = format().parse(bytes) else { return };
    assert!(shaped, "what the format reads has the shape of a fragment");
    let mut again = Vec::new();
    format().render(parsed.ty, &parsed.values, &parsed.attrs, &mut again);
    assert_eq!(again, bytes, "one record, one written form");
}

fn evidence(bytes: &[u8]) {
    let Ok(evidence) = Evidence::read(bytes) else { return };
    for trust in trusts() {
        drop(evidence.judge(trust, &|_| Some(format())));
    }
}

fn certificate(bytes: &[u8]) {
    drop(envelope::SenderCert::from_der(bytes));
    let _: Option<(Millis, Millis)> = envelope::validity(bytes);
    for trust in trusts() {
        drop(trust.read_lists(&[bytes.to_vec()]));
        drop(trust.verify_chain(&[bytes.to_vec()], Millis(0)));
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        drop(envelope::SenderCert::from_pem(text));
        drop(envelope::read_request(text));
        drop(Trust::from_pem(Environment::Demo, &[text]));
        drop(KeyPem(text.to_owned()).suite());
    }
}

fn names(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    macro_rules! same {
        ($($read:expr),+ $(,)?) => {
            $(if let Some(value) = $read(text) {
                assert_eq!(value.to_string(), text, "one name, one written form");
            })+
        };
    }
    same!(
        envelope::parse_envelope_id,
        Key::parse,
        NodeCode::new,
        |t: &str| t.parse::<Route>().ok(),
        |t: &str| t.parse::<Digest>().ok(),
    );
    let _: (Option<Day>, Option<Millis>) = (Day::parse(text), Millis::parse(text));
    drop(canon::format::Pattern::compile(text).map(|p| p.matches(text)));
    drop(Pattern::new(text, ".tgp", bus::spool::NAME_MAX));
}

fn spool(bytes: &[u8]) {
    drop(bus::spool::read(bytes));
    if let Some(outside) = Outside::from_line(bytes) {
        assert_eq!(Outside::from_line(outside.to_line().as_bytes()), Some(outside));
    }
}

// ── what departments and administrators write ────────────────────────────────────────────────

fn schema(bytes: &[u8]) {
    let Ok(text) = String::from_utf8(bytes.to_vec()) else { return };
    drop(Format::compile("fuzzed", "1", &BTreeMap::from([("fuzzed.xsd".to_owned(), text)])));
}

fn adapter(bytes: &[u8]) {
    let files = BTreeMap::from([("adapter.toml".to_owned(), bytes.to_vec())]);
    if let Ok(package) = Package::read(&files) {
        drop(adapt::Mapping::compile(&package, &format()));
    }
}

fn node(bytes: &[u8]) {
    let Ok(text) = String::from_utf8(bytes.to_vec()) else { return };
    drop(exchange::config::load_each(&[("node.toml".to_owned(), text)], &BTreeMap::new()));
}

/// Limits within which a bomb cannot fill the machine that fuzzes.
fn limits() -> FormLimits {
    FormLimits {
        unpacked_bytes_max: UNPACKED_MAX as u64,
        unpacked_ratio_max: 100,
        entries_max: 100,
        cells_max: 100_000,
        xls_area_max: 100_000,
        merges_max: 1_000,
        ..FormLimits::default()
    }
}

fn scratch() -> std::io::Result<Box<dyn Scratch>> {
    Ok(Box::new(Cursor::new(Vec::new())))
}

fn read_form(form: &str, bytes: &[u8]) {
    // The same bytes are a memo file too, with whatever blocks a table's numbers lead to.
    read_beside(form, bytes, bytes);
}

/// Any bytes beside tables of every kind, whose rows lead to its first blocks.
fn memo(bytes: &[u8]) {
    let tables = sources().iter().filter(|p| p.form == "dbf").flat_map(|p| &p.tables);
    for table in tables {
        // dBASE III, dBASE IV, FoxPro, by the table's first byte.
        for version in [0x83, 0x8b, 0xf5] {
            let mut table = table.clone();
            table[0] = version;
            read_beside("dbf", &table, bytes);
        }
    }
}

fn read_beside(form: &str, bytes: &[u8], memo: &[u8]) {
    let source = sources().iter().find(|p| p.form == form);
    let source = &source.expect("a package reads it").source;
    let limits = limits();
    let mut make = || scratch();
    let memo: Option<&mut dyn form::FileDyn> = Some(&mut Cursor::new(memo));
    let reading = Reading { source, limits: &limits, scratch: &mut make, memo };
    let mut rows = 0_u32;
    let mut take = |_: form::Item<'_>| {
        rows += 1;
        if rows > 10_000 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    drop(form::read(&mut Cursor::new(bytes), reading, &mut take));
}

fn look(bytes: &[u8]) {
    for name in ["x.csv", "x.dbf"] {
        let mut make = || scratch();
        drop(form::look(&mut Cursor::new(bytes), name, &limits(), &mut make));
    }
}

// ── where they begin ─────────────────────────────────────────────────────────────────────────

fn museum(folder: &str, ending: &str) -> Vec<Vec<u8>> {
    below(&root().join("tests/museum").join(folder), ending)
}

fn texts(folder: &str, ending: &str) -> Vec<Vec<u8>> {
    below(&root().join(folder), ending)
}

fn below(folder: &Path, ending: &str) -> Vec<Vec<u8>> {
    let all = files(folder).into_iter().filter(|(name, _)| name.ends_with(ending));
    all.map(|(_, bytes)| bytes).collect()
}

fn packages() -> Vec<Vec<u8>> {
    museum("envelope", ".xml")
}

/// Head and signature of each package.
fn parts() -> Vec<(Vec<u8>, Vec<u8>)> {
    let of = |package: &Vec<u8>| {
        let opened = envelope::open(package).expect("a package of the museum");
        (opened.head_bytes.to_vec(), opened.signature.to_vec())
    };
    packages().iter().map(of).collect()
}

fn fragments() -> Vec<Vec<u8>> {
    let of = |package: &Vec<u8>| {
        let opened = envelope::open(package).expect("a package of the museum");
        opened.fragments.iter().map(|f| f.to_vec()).collect::<Vec<_>>()
    };
    packages().iter().flat_map(of).collect()
}

fn trusts() -> &'static [Trust] {
    static ALL: LazyLock<Vec<Trust>> = LazyLock::new(|| {
        let texts = museum("envelope", "ca.pem");
        let of = |pem: &Vec<u8>| {
            let pem = String::from_utf8_lossy(pem);
            Trust::from_pem(Environment::Demo, &[&pem]).expect("an authority of the museum")
        };
        texts.iter().map(of).collect()
    });
    &ALL
}

fn names_seeds() -> Vec<Vec<u8>> {
    let texts = [
        "town-1/3/province|supervision/1|sm2-sm3|live/17",
        "99010320261121000001@11990103000000019T/2",
        "sm3:207cf410532f92a47dee245ce9b11ff71f578ebd763eb3bbea44ebd043d018fb",
        "2026-11-22 08:00:00",
        "[0-9]{6}|[0-9A-Z]{9,18}",
        "{from}_{to}_{lane}_{sequence}_{digest}",
    ];
    texts.iter().map(|t| t.as_bytes().to_vec()).collect()
}

fn spool_seeds() -> Vec<Vec<u8>> {
    let mut all = packages();
    all.push(b"{\"spool\":1,\"from\":\"a\",\"hop\":\"b\",\"lane\":\"live\"}\n".to_vec());
    all.push(b"PK\x03\x04\x14\x00\x00\x00\x08\x00".to_vec());
    all
}

/// A source that reads a form, and inputs of its package's samples.
struct Packaged {
    form: &'static str,
    source: FileSource,
    inputs: Vec<Vec<u8>>,
    /// Those of its tables that have memo files, and those files.
    tables: Vec<Vec<u8>>,
    memos: Vec<Vec<u8>>,
}

fn sources() -> &'static [Packaged] {
    static ALL: LazyLock<Vec<Packaged>> =
        LazyLock::new(|| packaged().expect("the packages of the repository can be read"));
    &ALL
}

fn packaged() -> std::io::Result<Vec<Packaged>> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(root().join("adapters"))? {
        let folder = entry?.path();
        if !folder.join("adapter.toml").is_file() {
            continue;
        }
        let files = files(&folder);
        let Ok(package) = Package::read(&files) else { continue };
        let source = match package.source {
            Source::Files(files) => *files,
            Source::Exec(exec) => exec.read,
            Source::Push(push) => push.body,
            Source::Http(_) | Source::Sql(_) => continue,
        };
        let form = match &source.form {
            Form::Csv(_) => "csv",
            Form::Workbook(_) => "workbook",
            Form::Dbf(_) => "dbf",
            Form::Xml(_) => "xml",
            Form::Json(_) => "json",
            Form::Soap(_) => "soap",
            Form::Singer(_) => "singer",
        };
        let (mut inputs, mut tables, mut memos) = (Vec::new(), Vec::new(), Vec::new());
        for (name, bytes) in files.iter().filter(|(name, _)| name.contains("/input.")) {
            if form::is_memo(name) {
                let table = name.rsplit_once('.').map(|(stem, _)| format!("{stem}.dbf"));
                tables.extend(table.and_then(|name| files.get(&name)).cloned());
                memos.push(bytes.clone());
            } else {
                inputs.push(bytes.clone());
            }
        }
        all.push(Packaged { form, source, inputs, tables, memos });
    }
    Ok(all)
}

fn samples(form: &str) -> Vec<Vec<u8>> {
    if form == "memo" {
        return sources().iter().flat_map(|p| p.memos.clone()).collect();
    }
    sources().iter().filter(|p| p.form == form).flat_map(|p| p.inputs.clone()).collect()
}

/// A record's format is compiled once, not while the clock of a run goes.
pub fn warm() -> Arc<Format> {
    format()
}
