//! Each stage alone, on one core and in memory where it needs no store: decode, map + validate +
//! render, seal, open + verify + validate.

use std::path::Path;
use std::sync::Arc;

use adapt::{Drafts, Next, RowBuf, RowReader};
use canon::format::{Attributes, CaseFacts, Format, OpenLists, supervision_1};
use canon::{DigestAlg, EnvelopeId, Lane, Millis, NodeCode, Route, leaf_hashes};
use envelope::{Head, Kind, Signer, Suite};

use super::meter::Meter;
use super::nodes::{self, Authority};
use super::report::Line;
use crate::files;
use crate::text::Failure;

/// Records of one envelope: whole rows.
pub(crate) const ENVELOPE: usize = 498;
/// Largest input file read whole.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// Rendered fragments of the input, and what making them took.
pub(crate) struct Stages {
    /// One line a stage.
    pub(crate) lines: Vec<Line>,
    body: Vec<u8>,
    lengths: Vec<u32>,
}

impl Stages {
    /// Each record's length, and the bytes of all.
    pub(crate) fn rendered(&self) -> (&[u8], &[u32]) {
        (&self.body, &self.lengths)
    }

    /// The fragments.
    pub(crate) fn fragments(&self) -> Vec<&[u8]> {
        let mut rest = self.body.as_slice();
        let mut out = Vec::with_capacity(self.lengths.len());
        for length in &self.lengths {
            let (fragment, after) = rest.split_at((*length as usize).min(rest.len()));
            out.push(fragment);
            rest = after;
        }
        out
    }
}

/// Measures the stages over one input file.
pub(crate) fn measure(file: &Path, suite: Suite, now: Millis) -> Result<Stages, Failure> {
    let bytes = files::bytes(file, FILE_BYTES_MAX)?;
    let format = supervision_1();
    let (package, mapping) = nodes::township(&format)?;
    let text = match &package.source {
        adapt::Source::Files(source) => source.text(),
        adapt::Source::Sql(_)
        | adapt::Source::Http(_)
        | adapt::Source::Exec(_)
        | adapt::Source::Push(_) => None,
    };
    let Some(text) = text else {
        return Err(Failure::environment(
            "the township's package reads no files",
            "适配包类型不符",
        ));
    };
    let mut lines = Vec::new();

    let meter = Meter::start();
    let rows = decode(&bytes, text);
    let records = (rows.len().saturating_sub(1) as u64) * super::input::RECORDS_PER_ROW;
    lines.push(Line::new("decode CSV (GB18030)", records, bytes.len() as u64, meter.taken()));

    let header: Vec<String> = match rows.first() {
        Some(row) => {
            (0..row.row().len()).filter_map(|i| row.row().get(i)).map(str::to_owned).collect()
        }
        None => Vec::new(),
    };
    let bound = mapping.bind(0, &header).map_err(|_| {
        Failure::environment("the benchmark's header does not fit the package", "表头不符")
    })?;
    let meter = Meter::start();
    let mut body = Vec::new();
    let mut lengths = Vec::new();
    let made = render(&format, &mapping, &bound, &rows, now, &mut body, &mut lengths);
    if made != records {
        return Err(Failure::environment(
            format!("the benchmark's input gave {made} valid records of {records}"),
            format!("基准输入仅得到 {made}/{records} 条有效记录"),
        ));
    }
    lines.push(Line::new("map + validate + render", made, body.len() as u64, meter.taken()));

    let mut authority = Authority::new(suite, now)?;
    let code = NodeCode::new("tier-0").unwrap_or_else(|| NodeCode("tier-0".into()));
    let signer = authority.signer(&code)?;
    let meter = Meter::start();
    let frames = seal((&body, &lengths), &signer, (&code, &code), now)?;
    let frames: Vec<Vec<u8>> = frames.into_iter().map(|(_, frame)| frame).collect();
    let sealed: usize = frames.iter().map(Vec::len).sum();
    lines.push(Line::new("hash + seal (sign, compress)", made, body.len() as u64, meter.taken()));

    let trust = authority.trust()?;
    let meter = Meter::start();
    let mut verified = 0;
    for frame in &frames {
        let refused = |e: envelope::Refuse| Failure::environment(e.to_string(), e.to_string());
        let package = envelope::open_frame(frame, 64 << 20).map_err(refused)?;
        let opened = envelope::open(&package).map_err(refused)?;
        envelope::verify(&opened, &trust, now).map_err(refused)?;
        verified += validate(&format, &opened.fragments)?;
    }
    lines.push(Line::new("open + verify + validate", verified, sealed as u64, meter.taken()));
    Ok(Stages { lines, body, lengths })
}

fn decode(bytes: &[u8], text: adapt::TextSettings) -> Vec<RowBuf> {
    let mut reader = RowReader::new(text);
    let mut rows = Vec::new();
    let mut parts = bytes.chunks(1 << 20).peekable();
    let mut row = RowBuf::new();
    while let Some(part) = parts.next() {
        reader.feed(part, parts.peek().is_none());
        while let Next::Row = reader.next_row(&mut row) {
            rows.push(row.clone());
        }
    }
    rows
}

fn render(
    format: &Format,
    mapping: &adapt::Mapping,
    bound: &adapt::Bound,
    rows: &[RowBuf],
    now: Millis,
    body: &mut Vec<u8>,
    lengths: &mut Vec<u32>,
) -> u64 {
    let (case, lists) = (CaseFacts::new(), OpenLists::new());
    let (mut drafts, mut found, mut made) = (Drafts::new(), Vec::new(), 0);
    for row in rows.iter().skip(1) {
        drafts.clear();
        mapping.map(bound, row.row(), &mut drafts);
        let row_digest = row.row().digest(DigestAlg::default());
        for draft in drafts.as_mut_slice() {
            let mut attributes = Attributes::live("bench", "bench", now, row_digest);
            attributes.system = Arc::clone(mapping.system());
            if let Some(namespace) = &draft.namespace {
                attributes.namespace = Arc::clone(namespace);
            }
            found.clear();
            format.validate(draft.ty, &draft.values, &attributes, &case, &lists, &mut found);
            draft.absorb(&mut found);
            if !draft.is_refused() {
                let from = body.len();
                format.render(draft.ty, &draft.values, &attributes, body);
                lengths.push((body.len() - from) as u32);
                made += 1;
            }
        }
    }
    made
}

/// Envelopes of rendered records, from one node to another, in their order.
pub(crate) fn seal(
    (body, lengths): (&[u8], &[u32]),
    signer: &dyn Signer,
    way: (&NodeCode, &NodeCode),
    now: Millis,
) -> Result<Vec<(EnvelopeId, Vec<u8>)>, Failure> {
    let mut frames = Vec::new();
    let mut rest = body;
    for (sequence, lengths) in lengths.chunks(ENVELOPE).enumerate() {
        let total: usize = lengths.iter().map(|l| *l as usize).sum();
        let (mine, after) = rest.split_at(total.min(rest.len()));
        rest = after;
        let mut fragments = Vec::with_capacity(lengths.len());
        let mut at = mine;
        for length in lengths {
            let (fragment, after) = at.split_at((*length as usize).min(at.len()));
            fragments.push(fragment);
            at = after;
        }
        let leaves = leaf_hashes(signer.suite().digest(), &fragments);
        let head = head(sequence as u64 + 1, lengths, &leaves, signer, way, now);
        let (id, head) = (head.id(), head.write());
        let signature = envelope::sign_head(&head, signer)
            .map_err(|e| Failure::environment(e.to_string(), format!("签名失败：{e}")))?;
        frames.push((id, envelope::frame(&envelope::assemble(&head, mine, &signature), 1)));
    }
    Ok(frames)
}

fn head(
    sequence: u64,
    lengths: &[u32],
    leaves: &[canon::Digest],
    signer: &dyn Signer,
    (from, to): (&NodeCode, &NodeCode),
    now: Millis,
) -> Head {
    let route = Route {
        destination: to.clone(),
        edition: "supervision/1".into(),
        suite: signer.suite().name().into(),
        lane: Lane::Live,
    };
    Head {
        kind: Kind::Records,
        environment: canon::Environment::Demo,
        from: from.clone(),
        to: to.clone(),
        epoch: 1,
        route,
        sequence,
        settled_below: 1,
        skipped: Vec::new(),
        sealed_at: Millis(now.0 - now.0.rem_euclid(1000)),
        window: now.day(),
        format: "supervision/1".into(),
        code_tables: String::new(),
        authority: String::new(),
        adapters: Vec::new(),
        digest_alg: signer.suite().digest(),
        lengths: lengths.to_vec(),
        root: envelope::merkle_root(signer.suite().digest(), leaves),
        certificate: signer.certificate_digest(),
        keep_orphans: Vec::new(),
        confidential: None,
        answers: None,
    }
}

fn validate(format: &Format, fragments: &[&[u8]]) -> Result<u64, Failure> {
    let (case, lists) = (CaseFacts::new(), OpenLists::new());
    let mut found = Vec::new();
    for fragment in fragments {
        let parsed = format.parse(fragment).map_err(|v| {
            Failure::environment(
                format!("own fragment refused: {v}"),
                format!("自检失败：{}", v.zh),
            )
        })?;
        format.validate(parsed.ty, &parsed.values, &parsed.attrs, &case, &lists, &mut found);
    }
    Ok(fragments.len() as u64)
}
