//! A package compiled against a format: names become indices, and whatever does not fit is named.

use std::collections::BTreeMap;
use std::sync::Arc;

use canon::format::{Format, Nature, TypeIx};

use crate::compile::Compiler;
use crate::package::{Namespace, Package, ParentIs};
use crate::problem::{Pos, Problem, Problems, nearest};
use crate::read::MAIN;
use crate::row::is_blank;
use crate::table::CodeTable;
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
        if format.edition().split_once('/').is_none_or(|(name, _)| name != package.format_name()) {
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
