//! The fast path: one row → drafts of records, with what went wrong on the way.

use std::sync::Arc;

use canon::format::{Amended, Attributes, Format, Nature, Op, TypeIx, Values};
use canon::violation::{Severity, Violation};
use canon::{Digest, Millis};

use crate::mapping::{BlockMap, Bound, CondMap, Mapping, OriginMap, QueryMap, StepMap};
use crate::package::ParentIs;
use crate::row::{Row, is_blank};
use crate::table::Otherwise;
use crate::verb::{Cell, Fault, Verb, Work};

/// A record as the mapping made it: not validated yet, no version yet.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Record type.
    pub ty: TypeIx,
    /// Values by field index.
    pub values: Values,
    /// Put or void.
    pub op: Op,
    /// Nature.
    pub nature: Nature,
    /// When the source recorded it.
    pub entered: Option<String>,
    /// Whether a named rule changed a value's form.
    pub amended: Amended,
    /// Where the parent is.
    pub parent: ParentIs,
    /// Unit or namespace of the key; none where the node's configuration says.
    pub namespace: Option<Arc<str>>,
    /// Reason code, of a void.
    pub reason: Option<String>,
    /// Operator code, of a void.
    pub by: Option<String>,
    /// What the mapping could not do. The value then stays as the source wrote it.
    pub violations: Vec<Violation>,
    /// Index of the block within its query: for [`Mapping::column_of`].
    pub block: usize,
}

impl Draft {
    fn blank() -> Self {
        Self {
            ty: TypeIx(0),
            values: Values::new(),
            op: Op::Put,
            nature: Nature::Live,
            entered: None,
            amended: Amended::None,
            parent: ParentIs::Mine,
            namespace: None,
            reason: None,
            by: None,
            violations: Vec::new(),
            block: 0,
        }
    }

    /// The attribute group of a first version of this draft; whoever collects sets the version.
    pub fn attributes(
        &self,
        mapping: &Mapping,
        namespace: &Arc<str>,
        collected: Millis,
        row_digest: Digest,
    ) -> Attributes {
        Attributes {
            version: 1,
            op: self.op,
            nature: self.nature,
            system: mapping.system().clone(),
            entered: self.entered.clone(),
            collected,
            row_digest,
            amended: self.amended,
            namespace: namespace.clone(),
            reason: self.reason.clone(),
            by: self.by.clone(),
        }
    }

    /// Adds what the format found, except about a field whose mapping has failed already: one
    /// cause is told once.
    pub fn absorb(&mut self, found: &mut Vec<Violation>) {
        let told = self.violations.len();
        for violation in found.drain(..) {
            let known = self
                .violations
                .iter()
                .take(told)
                .any(|v| v.field == violation.field && v.severity == Severity::Error);
            if !known {
                self.violations.push(violation);
            }
        }
    }

    /// Whether a violation keeps the record from going up.
    pub fn is_refused(&self) -> bool {
        self.violations.iter().any(|v| v.severity == Severity::Error)
    }
}

/// The drafts of one row; keeps its memory from row to row.
#[derive(Debug, Default)]
pub struct Drafts {
    items: Vec<Draft>,
    used: usize,
    work: Work,
    joined: String,
    /// The last namespace column's value, shared by the many rows of one unit.
    namespace: Option<Arc<str>>,
}

impl Drafts {
    /// No drafts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets the drafts, keeps the memory.
    pub fn clear(&mut self) {
        self.used = 0;
    }

    /// The drafts: parents first, or children first where they are voids.
    pub fn as_slice(&self) -> &[Draft] {
        self.items.get(..self.used).unwrap_or_default()
    }

    /// The drafts, to be completed.
    pub fn as_mut_slice(&mut self) -> &mut [Draft] {
        self.items.get_mut(..self.used).unwrap_or_default()
    }

    fn begin(&mut self) -> usize {
        if self.used == self.items.len() {
            self.items.push(Draft::blank());
        }
        self.used += 1;
        self.used - 1
    }
}

impl Mapping {
    /// Maps one row; the drafts are added to `out`.
    pub fn map(&self, bound: &Bound, row: Row<'_>, out: &mut Drafts) {
        let Some(query) = self.queries.get(bound.query) else { return };
        let view = View { slots: &bound.slots, row };
        let first = out.used;
        let void = query.voids.iter().find(|v| holds(&v.when, view));
        let namespace = self.namespace(query, view, out);
        for (i, block) in query.blocks.iter().enumerate() {
            if !holds(&block.when, view) {
                continue;
            }
            let at = out.begin();
            let Drafts { items, work, joined, .. } = out;
            let Some(draft) = items.get_mut(at) else { return };
            reset(draft, block, i);
            draft.namespace.clone_from(&namespace);
            if query.namespace.is_some() && namespace.is_none() {
                draft.violations.push(no_namespace(query));
            }
            let mut run = Run { mapping: self, query, view, work, joined, draft };
            run.block(block);
            if let Some(void) = void {
                run.draft.op = Op::Void;
                run.draft.reason = run.text(&void.reason);
                run.draft.by = run.text(&void.by);
            }
        }
        if void.is_some() {
            // A void goes up children first.
            out.items.get_mut(first..out.used).unwrap_or_default().reverse();
        }
    }

    fn namespace(&self, query: &QueryMap, view: View<'_>, out: &mut Drafts) -> Option<Arc<str>> {
        let Some(slot) = query.namespace else { return self.fixed_namespace.clone() };
        let text = view.get(slot).trim_matches(is_blank);
        if text.is_empty() || !canon::format::is_token(text, canon::format::NAMESPACE_MAX) {
            return None;
        }
        if out.namespace.as_deref() != Some(text) {
            out.namespace = Some(text.into());
        }
        out.namespace.clone()
    }

    /// Writes the row's key: the values of the key columns, with lengths, so that none runs into
    /// the next.
    pub fn row_key(&self, bound: &Bound, row: Row<'_>, out: &mut String) {
        out.clear();
        let Some(query) = self.queries.get(bound.query) else { return };
        let view = View { slots: &bound.slots, row };
        for (i, slot) in query.key.iter().enumerate() {
            if i > 0 {
                out.push('/');
            }
            for c in view.get(*slot).trim_matches(is_blank).chars() {
                match c {
                    '%' => out.push_str("%25"),
                    '/' => out.push_str("%2F"),
                    c => out.push(c),
                }
            }
        }
    }

    /// The source columns that fed a field (by wire name) of a draft, for messages:
    /// 第 17 行『身份证号』.
    pub fn columns_of(&self, query: usize, block: usize, wire: &str) -> Vec<&str> {
        let Some(map) = self.queries.get(query) else { return Vec::new() };
        let step = map.blocks.get(block).and_then(|b| b.steps.iter().find(|s| *s.wire == *wire));
        let slots = step.map_or(&[][..], |s| s.origin.columns());
        slots.iter().filter_map(|slot| map.columns.get(*slot).map(String::as_str)).collect()
    }
}

impl Mapping {
    /// What a violation says in Chinese, with the source's column names where the format's text
    /// has the field's label: the owner knows 『身份证号』, not 『申请人证件号码』.
    pub fn said_zh(
        &self,
        format: &Format,
        query: usize,
        draft: &Draft,
        violation: &Violation,
    ) -> String {
        let record = format.get(draft.ty);
        let columns = self.columns_of(query, draft.block, &violation.field);
        let field = record.field_by_wire(&violation.field).and_then(|ix| record.fields.get(ix));
        let rest = field.and_then(|f| violation.zh.strip_prefix(&format!("『{}』", f.label)));
        match (columns.is_empty(), rest) {
            (false, Some(rest)) => format!("『{}』{rest}", columns.join("、")),
            _ => violation.zh.clone(),
        }
    }
}

fn reset(draft: &mut Draft, block: &BlockMap, i: usize) {
    draft.ty = block.ty;
    draft.values.clear();
    draft.op = Op::Put;
    draft.nature = block.nature;
    draft.entered = None;
    draft.amended = Amended::None;
    draft.parent = block.parent;
    draft.reason = None;
    draft.by = None;
    draft.violations.clear();
    draft.block = i;
}

/// A row seen through a binding.
#[derive(Clone, Copy)]
struct View<'r> {
    slots: &'r [u32],
    row: Row<'r>,
}

impl<'r> View<'r> {
    /// The value of a declared column; NULL reads as empty.
    fn get(self, slot: usize) -> &'r str {
        self.slots.get(slot).and_then(|i| self.row.get(*i as usize)).unwrap_or_default()
    }

    fn trimmed(self, slot: usize) -> &'r str {
        self.get(slot).trim_matches(is_blank)
    }
}

fn holds(cond: &CondMap, view: View<'_>) -> bool {
    match cond {
        CondMap::Always => true,
        CondMap::Present(slot) => !view.trimmed(*slot).is_empty(),
        CondMap::Empty(slot) => view.trimmed(*slot).is_empty(),
        CondMap::In(slot, list) => {
            let value = view.trimmed(*slot);
            list.iter().any(|v| **v == *value)
        }
        CondMap::NotIn(slot, list) => {
            let value = view.trimmed(*slot);
            list.iter().all(|v| **v != *value)
        }
        CondMap::All(all) => all.iter().all(|c| holds(c, view)),
        CondMap::Any(any) => any.iter().any(|c| holds(c, view)),
    }
}

/// One draft being made.
struct Run<'a> {
    mapping: &'a Mapping,
    query: &'a QueryMap,
    view: View<'a>,
    work: &'a mut Work,
    joined: &'a mut String,
    draft: &'a mut Draft,
}

/// What became of a value.
struct Made {
    normalised: bool,
    fault: Option<(&'static str, Option<usize>)>,
}

impl Run<'_> {
    fn block(&mut self, block: &BlockMap) {
        for step in &block.steps {
            self.field(step);
        }
        if let Some(slot) = block.entered {
            self.entered(slot);
        }
    }

    fn field(&mut self, step: &StepMap) {
        let made = {
            let Self { mapping, view, work, joined, draft, .. } = self;
            value(mapping, step, *view, work, joined, |text| draft.values.set(step.field, text))
        };
        self.judge(step, &made);
    }

    /// A text that is no field: an attribute of the group. Empty is none.
    fn text(&mut self, step: &StepMap) -> Option<String> {
        let mut out = String::new();
        let made = {
            let Self { mapping, view, work, joined, .. } = self;
            value(mapping, step, *view, work, joined, |text| out.push_str(text))
        };
        self.judge(step, &made);
        (!out.is_empty()).then_some(out)
    }

    fn judge(&mut self, step: &StepMap, made: &Made) {
        if made.normalised {
            self.draft.amended = Amended::Normalised;
        }
        if let Some((rule, table)) = made.fault {
            let violation = self.violation(rule, step, table);
            self.draft.violations.push(violation);
        }
    }

    fn entered(&mut self, slot: usize) {
        let text = self.view.trimmed(slot);
        if text.is_empty() {
            return;
        }
        let mut cell = Cell::of(text, self.work);
        let read = Verb::HalfWidth.run(&mut cell).and_then(|_| Verb::DateTime.run(&mut cell));
        match read {
            Ok(_) => self.draft.entered = Some(cell.get().to_owned()),
            Err(_) => {
                let column = self.query.columns.get(slot).map_or("", String::as_str);
                self.draft.violations.push(Violation {
                    rule: "adapter.entered_unreadable".into(),
                    field: "entered".into(),
                    severity: Severity::Warn,
                    zh: format!("『{column}』不是可识别的时间，录入时间留空"),
                    en: format!("`{column}` is no time that can be read; `entered` is left out"),
                });
            }
        }
    }

    fn violation(&self, rule: &'static str, step: &StepMap, table: Option<usize>) -> Violation {
        let columns = step.origin.columns().iter();
        let names: Vec<&str> =
            columns.filter_map(|slot| self.query.columns.get(*slot).map(String::as_str)).collect();
        let place = if names.is_empty() { step.label.clone() } else { names.join("、") };
        let (zh, en) = match rule {
            "adapter.not_a_time" => ("不是可识别的日期时间", "not a date or time that can be read"),
            "adapter.not_a_number" => ("不是可识别的数字", "not a number that can be read"),
            "adapter.number_mangled" => (
                "编号已被表格软件改成科学计数，无法还原，请从业务系统重新导出",
                "a spreadsheet has destroyed this number; export it again from the source system",
            ),
            "adapter.part_missing" => ("缺少应有的分段", "has fewer parts than the mapping takes"),
            _ => ("的值不在代码表中", "the value is not in the code table"),
        };
        let table = table.map_or(String::new(), |_| String::from("，请补充代码表或更正来源数据"));
        Violation {
            rule: rule.into(),
            field: step.wire.clone(),
            severity: Severity::Error,
            zh: format!("『{place}』{zh}{table}"),
            en: format!("`{place}` ({}): {en}", step.name),
        }
    }
}

fn no_namespace(query: &QueryMap) -> Violation {
    let slot = query.namespace.unwrap_or(usize::MAX);
    let column = query.columns.get(slot).map_or("", String::as_str);
    Violation {
        rule: "adapter.namespace_missing".into(),
        field: "ns".into(),
        severity: Severity::Error,
        zh: format!("『{column}』为空或不是单位代码，无法确定记录归属"),
        en: format!("`{column}` is empty or no unit code: whose record this is cannot be told"),
    }
}

/// Makes one value and hands it to `put`, once. A fault hands over the source's own text.
fn value(
    mapping: &Mapping,
    step: &StepMap,
    view: View<'_>,
    work: &mut Work,
    joined: &mut String,
    mut put: impl FnMut(&str),
) -> Made {
    if !holds(&step.when, view) {
        return Made { normalised: false, fault: None };
    }
    let source = match &step.origin {
        OriginMap::Column(slot) => view.get(*slot),
        OriginMap::Constant(text) => text,
        OriginMap::First(slots) => {
            let mut found = slots.iter().filter(|s| !view.trimmed(**s).is_empty());
            found.next().map_or("", |slot| view.get(*slot))
        }
        OriginMap::Concat(slots, with) => {
            joined.clear();
            for slot in slots {
                let part = view.trimmed(*slot);
                if !joined.is_empty() && !part.is_empty() {
                    joined.push_str(with);
                }
                joined.push_str(part);
            }
            joined
        }
    };
    let mut made = Made { normalised: false, fault: None };
    let mut cell = Cell::of(source, work);
    for verb in &step.verbs {
        match verb.run(&mut cell) {
            Ok(changed) => made.normalised |= changed && verb.normalises(),
            Err(fault) => {
                let rule = match fault {
                    Fault::NotATime => "adapter.not_a_time",
                    Fault::NotANumber => "adapter.not_a_number",
                    Fault::Mangled => "adapter.number_mangled",
                    Fault::NoPart => "adapter.part_missing",
                };
                made.fault = Some((rule, None));
                put(cell.get());
                return made;
            }
        }
    }
    let text = cell.get();
    let coded = match step.table.and_then(|ix| mapping.tables.get(ix)) {
        Some(table) if !text.is_empty() => match (table.get(text), &table.otherwise) {
            (Some(code), _) => code,
            (None, Otherwise::Default(code)) => code,
            (None, Otherwise::Keep) => text,
            (None, Otherwise::Violation) => {
                made.fault = Some(("adapter.code_unknown", step.table));
                text
            }
        },
        _ => text,
    };
    made.normalised |= coded != text;
    match &step.default {
        Some(default) if coded.is_empty() => put(default),
        _ => put(coded),
    }
    made
}
