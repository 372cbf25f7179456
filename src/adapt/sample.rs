//! Samples: what a package makes of a given input, compared with what it is expected to make.
//!
//! `samples/NAME/input.csv` (or `input.json` for queries: one object a round, each query's rows as
//! objects) and `expected.json`. Further rounds are `input.2.csv`, `input.3.csv` …: a record whose
//! content digest is that of the round before is a no-op, as it is at collect.

use std::collections::BTreeMap;

use canon::format::{Amended, CaseFacts, Format, Nature, Op, OpenLists};
use canon::violation::{Severity, Violation};
use canon::{Digest, DigestAlg, Millis};
use serde_json::{Map, Value, json};

use crate::draft::{Draft, Drafts};
use crate::form::FileDyn;
use crate::mapping::{Bound, Mapping};
use crate::package::{Package, ParentIs};
use crate::preview::Preview;
use crate::problem::{Pos, Problem};
use crate::row::Row;
use crate::sample_input::{self, Input, Round};

/// A sample is collected at this moment, so that its outcome never changes: noon of a fixed day.
pub const COLLECTED: &str = "2026-11-21 12:00:00";
/// The namespace of a package that leaves it to the node.
pub const NAMESPACE: &str = "sample";

/// What a package makes of one sample, in the form of `expected.json`.
///
/// # Errors
/// What keeps the sample from being run at all: no input, a header that does not fit.
pub fn run(package: &Package, format: &Format, name: &str) -> Result<Value, Vec<Problem>> {
    let rounds = sample_input::read(package, name)?;
    run_rounds(package, format, name, rounds, false)
}

/// What a package makes of all its samples, one after another by name, as collect does of one live
/// system; `rows` says how many rows they have.
///
/// # Errors
/// As [`run`].
pub fn run_all(package: &Package, format: &Format) -> Result<Value, Vec<Problem>> {
    let mut rounds = Vec::new();
    for name in package.samples.keys() {
        rounds.extend(sample_input::read(package, name)?);
    }
    let inputs = rounds.iter().flatten().flat_map(|(_, inputs)| inputs);
    let rows = inputs.filter(|i| matches!(i, Input::Row(_))).count();
    // One round is a round as well.
    rounds.push(Vec::new());
    let mut all = run_rounds(package, format, "*", rounds, true)?;
    if let Some(all) = all.as_object_mut() {
        all.insert("rows".into(), rows.into());
    }
    Ok(all)
}

/// What a package makes of the first rows of a file (of each query), in the form of a sample.
///
/// # Errors
/// The package's source is not of files, or the file is wrong as a whole.
pub fn run_file(
    package: &Package,
    format: &Format,
    file: &mut dyn FileDyn,
    memo: Option<&mut dyn FileDyn>,
    place: &str,
    rows_max: usize,
) -> Result<Value, Vec<Problem>> {
    let round = sample_input::of_file(package, file, memo, place, rows_max)?;
    run_rounds(package, format, place, vec![round], false)
}

/// As [`run`], with each row beside its records and what is wrong with them.
///
/// # Errors
/// As [`run`].
pub fn show(
    package: &Package,
    format: &Format,
    name: &str,
) -> Result<(Value, Vec<Preview>), Vec<Problem>> {
    play(package, format, name, sample_input::read(package, name)?, How { live: false, show: true })
}

/// As [`run_file`], with each row beside its records and what is wrong with them.
///
/// # Errors
/// As [`run_file`].
pub fn show_file(
    package: &Package,
    format: &Format,
    file: &mut dyn FileDyn,
    memo: Option<&mut dyn FileDyn>,
    place: &str,
    rows_max: usize,
) -> Result<(Value, Vec<Preview>), Vec<Problem>> {
    let round = sample_input::of_file(package, file, memo, place, rows_max)?;
    play(package, format, place, vec![round], How { live: false, show: true })
}

fn run_rounds(
    package: &Package,
    format: &Format,
    name: &str,
    rounds: Vec<Round>,
    live: bool,
) -> Result<Value, Vec<Problem>> {
    Ok(play(package, format, name, rounds, How { live, show: false })?.0)
}

/// How samples are run.
#[derive(Clone, Copy)]
struct How {
    /// Nothing is withdrawn that never was, and nothing refused twice.
    live: bool,
    /// Each row is kept beside its records.
    show: bool,
}

fn play(
    package: &Package,
    format: &Format,
    name: &str,
    rounds: Vec<Round>,
    how: How,
) -> Result<(Value, Vec<Preview>), Vec<Problem>> {
    let mapping = Mapping::compile(package, format)?;
    let mut runner = Runner {
        mapping: &mapping,
        format,
        collected: Millis::parse(COLLECTED).expect("the constant is a time"),
        how,
        shown: Vec::new(),
        known: BTreeMap::new(),
        refused: BTreeMap::new(),
        cases: BTreeMap::new(),
        outcome: Outcome::default(),
    };
    let several = rounds.len() > 1;
    for (i, round) in rounds.into_iter().enumerate() {
        for (query, (header, rows)) in round.into_iter().enumerate() {
            if rows.is_empty() && header.is_empty() {
                continue;
            }
            let bound = mapping.bind(query, &header).map_err(|wrong| in_sample(wrong, name))?;
            let mut place = Place { query, round: several.then_some(i + 1), row: 0 };
            for row in rows {
                runner.row(&bound, &mut place, row);
            }
        }
    }
    Ok((runner.outcome.into_value(), runner.shown))
}

/// Runs a sample and compares; every difference is a problem that names the row and the field.
///
/// # Errors
/// As [`run`], and every difference from `expected.json`.
pub fn check(package: &Package, format: &Format, name: &str) -> Result<(), Vec<Problem>> {
    let got = run(package, format, name)?;
    let file = format!("samples/{name}/expected.json");
    let bytes = package.samples.get(name).and_then(|files| files.get("expected.json"));
    let Some(bytes) = bytes else {
        let zh = "缺少 expected.json；可用 tiergate adapter test --bless 生成后逐条核对";
        let en = "there is no expected.json; `tiergate adapter test --bless` writes one to review";
        return Err(vec![problem(&file, "adapter.file_missing", "", en, zh)]);
    };
    let want: Value = serde_json::from_slice(bytes).map_err(|e| {
        let (en, zh) = (format!("not JSON: {e}"), format!("不是合法的 JSON：{e}"));
        vec![problem(&file, "adapter.syntax", "", &en, &zh)]
    })?;
    let mut wrong = Vec::new();
    differences(&want, &got, "", &mut |key, want, got| {
        wrong.push(problem(
            &file,
            "adapter.sample_mismatch",
            key,
            &format!("expected {want}, the package gives {got}"),
            &format!("预期 {want}，实际 {got}"),
        ));
    });
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

pub(crate) fn problem(file: &str, code: &'static str, key: &str, en: &str, zh: &str) -> Problem {
    Problem {
        file: file.into(),
        pos: Pos::default(),
        code,
        key: key.into(),
        en: en.into(),
        zh: zh.into(),
        hint: None,
    }
}

fn in_sample(mut wrong: Vec<Problem>, name: &str) -> Vec<Problem> {
    for p in &mut wrong {
        p.file = format!("samples/{name}/input");
    }
    wrong
}

/// Walks two values and tells each place where they differ.
fn differences(want: &Value, got: &Value, at: &str, tell: &mut impl FnMut(&str, &str, &str)) {
    match (want, got) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: std::collections::BTreeSet<_> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let below = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
                match (a.get(key), b.get(key)) {
                    (Some(x), Some(y)) => differences(x, y, &below, tell),
                    (x, y) => tell(&below, &shown(x), &shown(y)),
                }
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            for i in 0..a.len().max(b.len()) {
                let below = format!("{at}[{}]", i + 1);
                match (a.get(i), b.get(i)) {
                    (Some(x), Some(y)) => differences(x, y, &below, tell),
                    (x, y) => tell(&below, &shown(x), &shown(y)),
                }
            }
        }
        (a, b) if a == b => {}
        (a, b) => tell(at, &shown(Some(a)), &shown(Some(b))),
    }
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "nothing".to_owned(), Value::to_string)
}

struct Place {
    query: usize,
    round: Option<usize>,
    row: u64,
}

#[derive(Default)]
struct Outcome {
    records: Vec<Value>,
    violations: Vec<Value>,
    unchanged: u64,
}

impl Outcome {
    fn into_value(self) -> Value {
        let mut out = json!({ "records": self.records, "violations": self.violations });
        if self.unchanged > 0
            && let Some(out) = out.as_object_mut()
        {
            out.insert("unchanged".into(), self.unchanged.into());
        }
        out
    }
}

struct Runner<'a> {
    mapping: &'a Mapping,
    format: &'a Format,
    collected: Millis,
    how: How,
    shown: Vec<Preview>,
    /// Content digest of each record's last version, as collect keeps it.
    known: BTreeMap<String, Digest>,
    /// That of the last refused one.
    refused: BTreeMap<String, Digest>,
    /// What the case's records say of one another.
    cases: BTreeMap<String, CaseFacts>,
    outcome: Outcome,
}

impl Runner<'_> {
    fn row(&mut self, bound: &Bound, place: &mut Place, input: Input) {
        match input {
            Input::Fault(number, violation) => {
                place.row = number;
                self.violation(place, None, &violation);
                if self.how.show {
                    self.shown.push(Preview::broken(number, &violation));
                }
            }
            Input::Row(buffer) => {
                place.row = buffer.number;
                let mut drafts = Drafts::new();
                self.mapping.map(bound, buffer.row(), &mut drafts);
                for draft in drafts.as_mut_slice() {
                    self.draft(place, buffer.row(), draft);
                }
                if self.how.show {
                    let drafts = drafts.as_slice();
                    let shown = self.mapping.beside(self.format, bound, buffer.row(), drafts);
                    self.shown.push(shown);
                }
            }
        }
    }

    fn draft(&mut self, place: &Place, row: Row<'_>, draft: &mut Draft) {
        let namespace = draft.namespace.clone().unwrap_or_else(|| NAMESPACE.into());
        let rowdig = row.digest(DigestAlg::default());
        let attrs = draft.attributes(self.mapping, &namespace, self.collected, rowdig);
        let key = self.format.key(draft.ty, &draft.values, &namespace);
        let root = key.as_ref().map_or("", |k| k.root()).to_owned();
        let mut found = Vec::new();
        let lists = OpenLists::new();
        let case = self.cases.entry(root).or_default();
        self.format.validate(draft.ty, &draft.values, &attrs, case, &lists, &mut found);
        draft.absorb(&mut found);
        let wire = self.format.get(draft.ty).wire.clone();
        if let Some(key) = &key {
            let id = format!("{wire}:{key}");
            let digest = self.format.content_digest(draft.ty, &draft.values, draft.op);
            if self.known.get(&id) == Some(&digest) {
                self.outcome.unchanged += 1;
                return;
            }
            if self.how.live {
                let never = !self.known.contains_key(&id) && !self.refused.contains_key(&id);
                if draft.op == Op::Void && never {
                    return;
                }
                if draft.is_refused() && self.refused.insert(id.clone(), digest) == Some(digest) {
                    self.outcome.unchanged += 1;
                    return;
                }
            }
            if !draft.is_refused() {
                self.known.insert(id, digest);
                case.insert(&wire, key.part(), &self.format.facts(draft.ty, &draft.values));
            }
        }
        let violations = std::mem::take(&mut draft.violations);
        for violation in &violations {
            self.violation(place, Some(draft), violation);
        }
        draft.violations = violations;
        let record = self.record(place, draft);
        self.outcome.records.push(record);
    }

    fn record(&self, place: &Place, draft: &Draft) -> Value {
        let record = self.format.get(draft.ty);
        let mut out = self.place(place);
        out.insert("type".into(), record.name.as_str().into());
        let outcome = if draft.is_refused() { "quarantined" } else { "valid" };
        out.insert("outcome".into(), outcome.into());
        if draft.op == Op::Void {
            out.insert("op".into(), draft.op.as_str().into());
            out.insert("reason".into(), draft.reason.as_deref().into());
            out.insert("by".into(), draft.by.as_deref().into());
        }
        if draft.nature != Nature::Live {
            out.insert("nature".into(), draft.nature.as_str().into());
        }
        if draft.amended != Amended::None {
            out.insert("amended".into(), draft.amended.as_str().into());
        }
        if let Some(entered) = &draft.entered {
            out.insert("entered".into(), entered.as_str().into());
        }
        let parent = match draft.parent {
            ParentIs::Mine => "mine",
            ParentIs::Elsewhere => "elsewhere",
            ParentIs::None => "none",
        };
        out.insert("parent".into(), parent.into());
        out.insert("namespace".into(), draft.namespace.as_deref().into());
        let fields: Map<String, Value> = draft
            .values
            .iter()
            .filter_map(|(ix, text)| Some((record.fields.get(ix)?.name.clone(), text.into())))
            .collect();
        out.insert("fields".into(), fields.into());
        out.into()
    }

    fn place(&self, place: &Place) -> Map<String, Value> {
        let mut out = Map::new();
        if let Some(round) = place.round {
            out.insert("round".into(), round.into());
        }
        if self.mapping.queries.len() > 1 {
            let name = self.mapping.queries.get(place.query).map_or("", |q| q.name.as_str());
            out.insert("query".into(), name.into());
        }
        out.insert("row".into(), place.row.into());
        out
    }

    fn violation(&mut self, place: &Place, draft: Option<&Draft>, violation: &Violation) {
        let mut out = self.place(place);
        out.insert("rule".into(), (&*violation.rule).into());
        out.insert("field".into(), (&*violation.field).into());
        if violation.severity == Severity::Warn {
            out.insert("severity".into(), "warn".into());
        }
        let zh = match draft {
            Some(draft) => self.mapping.said_zh(self.format, place.query, draft, violation),
            None => violation.zh.clone(),
        };
        out.insert("zh".into(), format!("第 {} 行{zh}", place.row).into());
        self.outcome.violations.push(out.into());
    }
}
