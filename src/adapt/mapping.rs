//! A package compiled against a format: names become indices, and whatever does not fit is named.

use std::collections::BTreeMap;
use std::sync::Arc;

use canon::format::{CodeList, Field, Format, Nature, RecordType, TypeIx};

use crate::package::{Block, Cond, Feed, Namespace, Origin, Package, ParentIs, Query, Vanished};
use crate::problem::{Pos, Problem, Problems, nearest};
use crate::read::MAIN;
use crate::row::is_blank;
use crate::table::{CodeTable, Otherwise};
use crate::tree::Text;
use crate::vanish;
use crate::verb::Verb;

/// A package compiled against a format; immutable, shared by all workers.
#[derive(Debug)]
pub struct Mapping {
    pub(crate) system: Arc<str>,
    pub(crate) queries: Vec<QueryMap>,
    pub(crate) tables: Vec<CodeTable>,
    pub(crate) fixed_namespace: Option<Arc<str>>,
}

#[derive(Debug)]
pub(crate) struct QueryMap {
    pub(crate) name: String,
    pub(crate) columns: Vec<String>,
    pub(crate) key: Vec<usize>,
    pub(crate) namespace: Option<usize>,
    pub(crate) blocks: Vec<BlockMap>,
    pub(crate) voids: Vec<VoidMap>,
}

#[derive(Debug)]
pub(crate) struct BlockMap {
    pub(crate) ty: TypeIx,
    pub(crate) when: CondMap,
    pub(crate) parent: ParentIs,
    pub(crate) entered: Option<usize>,
    pub(crate) nature: Nature,
    pub(crate) steps: Vec<StepMap>,
}

#[derive(Debug)]
pub(crate) struct StepMap {
    pub(crate) field: usize,
    pub(crate) wire: Arc<str>,
    pub(crate) label: String,
    pub(crate) name: String,
    pub(crate) when: CondMap,
    pub(crate) origin: OriginMap,
    pub(crate) verbs: Box<[Verb]>,
    pub(crate) table: Option<usize>,
    pub(crate) default: Option<Box<str>>,
}

#[derive(Debug)]
pub(crate) struct VoidMap {
    pub(crate) when: CondMap,
    pub(crate) reason: StepMap,
    pub(crate) by: StepMap,
}

#[derive(Debug)]
pub(crate) enum OriginMap {
    Column(usize),
    Constant(Box<str>),
    Concat(Box<[usize]>, Box<str>),
    First(Box<[usize]>),
}

impl OriginMap {
    /// The columns that a message about the field names.
    pub(crate) fn columns(&self) -> &[usize] {
        match self {
            Self::Column(one) => std::slice::from_ref(one),
            Self::Concat(columns, _) => columns,
            // The others stand in where this one is empty.
            Self::First(columns) => columns.get(..1).unwrap_or_default(),
            Self::Constant(_) => &[],
        }
    }
}

#[derive(Debug)]
pub(crate) enum CondMap {
    Always,
    Present(usize),
    Empty(usize),
    In(usize, Box<[Box<str>]>),
    NotIn(usize, Box<[Box<str>]>),
    All(Box<[CondMap]>),
    Any(Box<[CondMap]>),
}

/// A query's columns found in an actual header or result set.
#[derive(Clone, Debug)]
pub struct Bound {
    pub(crate) query: usize,
    /// Declared column → column of the row.
    pub(crate) slots: Box<[u32]>,
}

impl Bound {
    /// Which query this is a binding of.
    pub fn query(&self) -> usize {
        self.query
    }
}

impl Mapping {
    /// Compiles a package against the format it maps to.
    ///
    /// # Errors
    /// Every problem in one pass, with its place in the package.
    pub fn compile(package: &Package, format: &Format) -> Result<Self, Vec<Problem>> {
        let (mapping, problems) = Self::try_compile(package, format);
        if problems.is_empty() { Ok(mapping) } else { Err(problems) }
    }

    /// What could be compiled, and every problem.
    pub(crate) fn try_compile(package: &Package, format: &Format) -> (Self, Vec<Problem>) {
        let mut problems = Problems::of(MAIN);
        if package.format.text != format.edition() {
            problems.push(
                "adapter.format",
                package.format.pos,
                "adapter.format",
                format!("the package maps to another format; this one is `{}`", format.edition()),
                format!("包所映射的格式不同；当前格式为 {}", format.edition()),
            );
        }
        let names: Vec<&String> = package.tables.keys().collect();
        let tables: Vec<_> =
            package.tables.values().map(|t| CodeTable::of(&t.rows, t.otherwise.clone())).collect();
        let mut compiler =
            Compiler { package, format, names, problems, table_problems: BTreeMap::new() };
        let queries = compiler.queries();
        let fixed_namespace = match &package.namespace {
            Namespace::Fixed(text) => Some(text.text.as_str().into()),
            Namespace::Node | Namespace::Column(_) => None,
        };
        let mut all = compiler.problems.sorted();
        all.extend(compiler.table_problems.into_values().flat_map(Problems::sorted));
        let mapping =
            Self { system: package.system.text.as_str().into(), queries, tables, fixed_namespace };
        (mapping, all)
    }

    /// System id: the attribute `system`.
    pub fn system(&self) -> &Arc<str> {
        &self.system
    }

    /// Finds the declared columns of a query in an actual header. Blanks and quotes around a
    /// name do not matter, nor the case of ASCII letters; columns nobody declared are passed over.
    ///
    /// # Errors
    /// Each missing column, with the nearest name of the header.
    pub fn bind(&self, query: usize, header: &[String]) -> Result<Bound, Vec<Problem>> {
        let Some(map) = self.queries.get(query) else { return Err(Vec::new()) };
        let mut problems = Problems::of(&map.name);
        let plain = |name: &str| {
            let name = name.trim_matches(is_blank).trim_matches('"').trim_matches(is_blank);
            name.to_ascii_lowercase()
        };
        let found: Vec<String> = header.iter().map(|h| plain(h)).collect();
        let mut slots = Vec::with_capacity(map.columns.len());
        for column in &map.columns {
            let want = plain(column);
            let mut at = found.iter().enumerate().filter(|(_, name)| **name == want);
            let (first, second) = (at.next(), at.next());
            match (first, second) {
                (Some((i, _)), None) => slots.push(u32::try_from(i).unwrap_or(u32::MAX)),
                (Some(_), Some((i, _))) => {
                    problems.push(
                        "adapter.header_twice",
                        Pos { line: 1, column: u32::try_from(i + 1).unwrap_or(0) },
                        column,
                        "two columns have this name",
                        "有两列同名",
                    );
                }
                _ => {
                    let spare =
                        found.iter().filter(|f| map.columns.iter().all(|c| plain(c) != **f));
                    problems
                        .push(
                            "adapter.column_missing",
                            Pos { line: 1, column: 1 },
                            column,
                            "the source has no such column",
                            "来源缺少该列",
                        )
                        .hint = nearest(&want, spare.map(String::as_str));
                }
            }
        }
        if problems.list.is_empty() {
            Ok(Bound { query, slots: slots.into() })
        } else {
            Err(problems.sorted())
        }
    }
}

struct Compiler<'a> {
    package: &'a Package,
    format: &'a Format,
    names: Vec<&'a String>,
    problems: Problems,
    table_problems: BTreeMap<String, Problems>,
}

impl<'a> Compiler<'a> {
    fn queries(&mut self) -> Vec<QueryMap> {
        let package = self.package;
        for (i, block) in package.records.iter().enumerate() {
            if self.type_of(&block.ty).is_none() {
                self.unknown_type(i, &block.ty);
            }
        }
        package.queries().iter().map(|query| self.query(query)).collect()
    }

    fn query(&mut self, query: &Query) -> QueryMap {
        let package = self.package;
        let mine: Vec<(usize, &Block)> = package
            .records
            .iter()
            .enumerate()
            .filter(|(_, block)| block.from.text == query.name.text)
            .collect();
        if mine.is_empty() {
            self.problems.push(
                "adapter.query_unused",
                query.name.pos,
                &query.name.text,
                "no [[record]] uses the rows of this query",
                "没有 [[record]] 使用该查询的行",
            );
        }
        let namespace = match &package.namespace {
            Namespace::Column(column) => {
                crate::read_record::check_column(
                    &query.columns,
                    column,
                    &format!("adapter.namespace, query {}", query.name.text),
                    &mut self.problems,
                );
                Some(slot(query, column))
            }
            Namespace::Node | Namespace::Fixed(_) => None,
        };
        let blocks: Vec<BlockMap> =
            mine.into_iter().filter_map(|(i, block)| self.block(i, block, query)).collect();
        if matches!(query.vanished, Vanished::Void { .. }) {
            let types = blocks.iter().map(|b| (self.format.get(b.ty), b));
            vanish::check(query, namespace, types, &mut self.problems);
        }
        let voids = package
            .voids
            .iter()
            .filter(|v| v.from.iter().any(|f| f.text == query.name.text))
            .map(|v| VoidMap {
                when: cond(&v.when, query),
                reason: self.attribute("reason", "作废原因", &v.reason, query),
                by: self.attribute("by", "作废操作员", &v.by, query),
            })
            .collect();
        QueryMap {
            name: query.name.text.clone(),
            columns: query.columns.iter().map(|c| c.text.clone()).collect(),
            key: query.key.iter().map(|k| slot(query, k)).collect(),
            namespace,
            blocks,
            voids,
        }
    }

    fn block(&mut self, i: usize, block: &Block, query: &Query) -> Option<BlockMap> {
        let ty = self.type_of(&block.ty)?;
        let format = self.format;
        let record = format.get(ty);
        let mut steps = Vec::with_capacity(block.fields.len());
        for (name, feed) in &block.fields {
            let path = format!("record[{}].fields.{}", i + 1, name.text);
            match record.field_by_name(&name.text) {
                Some(field) => {
                    steps.push(self.step(field, &record.fields[field], feed, query, &path))
                }
                None => self.unknown_field(name, record, &path),
            }
        }
        for (ix, field) in record.fields.iter().enumerate() {
            let mapped = steps.iter().any(|s| s.field == ix);
            if !mapped && (field.required || record.key.contains(&ix)) {
                self.problems.push(
                    "adapter.field_unmapped",
                    block.ty.pos,
                    format!("record[{}].fields.{}", i + 1, field.name),
                    format!("mandatory field of `{}` is not mapped", record.name),
                    format!("『{}』的必填字段『{}』没有映射", record.label, field.label),
                );
            }
        }
        steps.sort_by_key(|s| s.field);
        Some(BlockMap {
            ty,
            when: cond(&block.when, query),
            parent: if record.parent.is_none() { ParentIs::None } else { block.parent },
            entered: block.entered.as_ref().map(|c| slot(query, c)),
            nature: block.nature,
            steps,
        })
    }

    fn type_of(&self, ty: &Text) -> Option<TypeIx> {
        self.format.type_by_name(&ty.text).or_else(|| self.format.type_by_wire(&ty.text))
    }

    fn unknown_type(&mut self, i: usize, ty: &Text) {
        let names: Vec<&str> = self.format.types().iter().map(|t| t.name.as_str()).collect();
        let by_label = self
            .format
            .types()
            .iter()
            .find(|t| t.label == ty.text || t.aliases.contains(&ty.text))
            .map(|t| t.name.clone());
        self.problems
            .push(
                "adapter.unknown_type",
                ty.pos,
                format!("record[{}].type", i + 1),
                format!("`{}` is no record type; known: {}", ty.text, names.join(", ")),
                format!("没有记录类型『{}』；可用：{}", ty.text, names.join(", ")),
            )
            .hint = by_label.or_else(|| nearest(&ty.text, names.iter().copied()));
    }

    fn unknown_field(&mut self, name: &Text, record: &RecordType, path: &str) {
        let other = record
            .field_by_wire(&name.text)
            .or_else(|| record.field_by_label(&name.text))
            .map(|ix| record.fields[ix].name.clone());
        let near = nearest(&name.text, record.fields.iter().map(|f| f.name.as_str()));
        self.problems
            .push(
                "adapter.unknown_field",
                name.pos,
                path,
                format!("`{}` has no such field; see `tiergate format doc`", record.name),
                format!("『{}』没有该字段，见 tiergate format doc", record.label),
            )
            .hint = other.or(near);
    }

    fn step(
        &mut self,
        ix: usize,
        field: &Field,
        feed: &Feed,
        query: &Query,
        path: &str,
    ) -> StepMap {
        let mut step = self.plain_step(feed, query);
        step.field = ix;
        step.wire = field.wire.clone();
        step.label = field.label.clone();
        step.name = field.name.clone();
        if let Some(CodeList::Closed { codes, .. }) = &field.list {
            let known: Vec<&str> = codes.iter().map(|(code, _)| &**code).collect();
            self.check_codes(feed, &known, path);
        }
        step
    }

    /// Whatever a table, constant or default gives must be a code of the field's closed list.
    fn check_codes(&mut self, feed: &Feed, known: &[&str], path: &str) {
        let said = |code: &str| {
            let all = known.join(", ");
            (
                format!("`{code}` is not a code of this field; known: {all}"),
                format!("『{code}』不是该字段的代码；可用：{all}"),
            )
        };
        let pos = match &feed.from {
            Origin::Column(text) => text.pos,
            Origin::Concat { columns, .. } | Origin::First(columns) => {
                columns.first().map_or(Pos::default(), |c| c.pos)
            }
            Origin::Constant(text) => text.pos,
        };
        let constant = match &feed.from {
            Origin::Constant(text) if feed.table.is_none() => Some(&text.text),
            _ => None,
        };
        for code in [constant, feed.default.as_ref()].into_iter().flatten() {
            if !known.contains(&code.as_str()) {
                let (en, zh) = said(code);
                self.problems.push("adapter.bad_code", pos, path, en, zh).hint =
                    nearest(code, known.iter().copied());
            }
        }
        let table = feed.table.as_ref().and_then(|t| self.package.tables.get(&t.text));
        let Some(table) = table else { return };
        let below = self
            .table_problems
            .entry(table.file.clone())
            .or_insert_with(|| Problems::of(&table.file));
        for row in table.rows.iter().filter(|row| !known.contains(&row.to.as_str())) {
            let (en, zh) = said(&row.to);
            below.push("adapter.bad_code", Pos { line: row.line, column: 1 }, path, en, zh);
        }
        if let Otherwise::Default(code) = &table.otherwise
            && !known.contains(&&**code)
        {
            let (en, zh) = said(code);
            self.problems.push("adapter.bad_code", table.at.pos, path, en, zh);
        }
    }

    /// The attributes `reason` and `by` of a void record.
    fn attribute(&self, wire: &str, label: &str, feed: &Feed, query: &Query) -> StepMap {
        let mut step = self.plain_step(feed, query);
        step.wire = wire.into();
        step.name = wire.into();
        step.label = label.into();
        step
    }

    fn plain_step(&self, feed: &Feed, query: &Query) -> StepMap {
        let slots = |columns: &[Text]| columns.iter().map(|c| slot(query, c)).collect();
        let origin = match &feed.from {
            Origin::Column(column) => OriginMap::Column(slot(query, column)),
            Origin::Constant(text) => OriginMap::Constant(text.as_str().into()),
            Origin::Concat { columns, with } => {
                OriginMap::Concat(slots(columns), with.as_str().into())
            }
            Origin::First(columns) => OriginMap::First(slots(columns)),
        };
        StepMap {
            field: 0,
            wire: "".into(),
            label: String::new(),
            when: cond(&feed.when, query),
            name: String::new(),
            origin,
            verbs: feed.verbs.clone().into(),
            table: feed
                .table
                .as_ref()
                .and_then(|t| self.names.iter().position(|name| **name == t.text)),
            default: feed.default.as_deref().map(Into::into),
        }
    }
}

/// Index of a declared column; reading has checked that it is one.
fn slot(query: &Query, column: &Text) -> usize {
    query.columns.iter().position(|c| c.text == column.text).unwrap_or(usize::MAX)
}

fn cond(cond_: &Cond, query: &Query) -> CondMap {
    let boxed = |list: &[String]| list.iter().map(|t| t.as_str().into()).collect();
    let several = |list: &[Cond]| list.iter().map(|c| cond(c, query)).collect();
    match cond_ {
        Cond::Always => CondMap::Always,
        Cond::Present(column) => CondMap::Present(slot(query, column)),
        Cond::Empty(column) => CondMap::Empty(slot(query, column)),
        Cond::In(column, list) => CondMap::In(slot(query, column), boxed(list)),
        Cond::NotIn(column, list) => CondMap::NotIn(slot(query, column), boxed(list)),
        Cond::All(list) => CondMap::All(several(list)),
        Cond::Any(list) => CondMap::Any(several(list)),
    }
}
