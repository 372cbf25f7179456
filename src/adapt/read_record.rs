//! Reads `[mapping]`, `[[record]]` and `[[void]]`: conditions, fields, verbs.

use canon::format::Nature;

use crate::package::{Block, Cond, Editions, Feed, Origin, Package, ParentIs, VoidRule};
use crate::problem::{Problems, nearest};
use crate::read_source::ROW;
use crate::tree::{Node, Tab, Text, Value, texts, wrong_kind};
use crate::verb::Verb;
use crate::verbs::read_chain;

/// Deepest nesting of conditions.
const CONDITION_DEPTH_MAX: usize = 8;

/// Nature, where a package or block says one.
pub(crate) fn nature(tab: &mut Tab<'_>, problems: &mut Problems) -> Option<Nature> {
    let words: Vec<_> = Nature::ALL.iter().map(|n| (n.as_str(), *n)).collect();
    tab.word("nature", &words, problems)
}

/// `[mapping] do`: the chain of a field that names none.
pub(crate) fn usual_chain(mut tab: Tab<'_>, problems: &mut Problems) -> Vec<Verb> {
    let path = tab.key("do");
    let chain = match tab.get("do") {
        Some(node) => read_chain(node, &path, problems),
        None => vec![Verb::Trim],
    };
    tab.finish(problems);
    chain
}

fn blocks<'a>(node: Option<&'a Node>, key: &str, problems: &mut Problems) -> Vec<Tab<'a>> {
    match node {
        Some(Node { value: Value::List(items), .. }) => items
            .iter()
            .enumerate()
            .map(|(i, item)| Tab::of(item, format!("{key}[{}]", i + 1), problems))
            .collect(),
        Some(node) => {
            let (en, zh) = (format!("[[{key}]] blocks"), format!("[[{key}]] 块"));
            wrong_kind(problems, node.pos, key, (&en, &zh), &node.value);
            Vec::new()
        }
        None => Vec::new(),
    }
}

pub(crate) fn records(
    node: Option<&Node>,
    package: &Package,
    usual_nature: Nature,
    usual: &[Verb],
    problems: &mut Problems,
) -> Vec<Block> {
    let mut out = Vec::new();
    for mut tab in blocks(node, "record", problems) {
        let ty = tab.need("type", problems);
        let from = query_name(&mut tab, package, problems);
        let columns = columns_of(package, &from);
        let mut read = Reader { columns, package, usual, problems };
        let editions = read.editions(&mut tab);
        let when_path = tab.key("when");
        let when = tab.get("when").map_or(Cond::Always, |n| read.cond(n, &when_path, 0));
        let parents = [
            ("mine", ParentIs::Mine),
            ("elsewhere", ParentIs::Elsewhere),
            ("none", ParentIs::None),
        ];
        let parent = tab.word("parent", &parents, read.problems).unwrap_or_default();
        let entered = tab.text("entered", read.problems);
        if let Some(column) = &entered {
            let path = tab.key("entered");
            read.column(column, &path);
        }
        let nature = nature(&mut tab, read.problems).unwrap_or(usual_nature);
        let fields_tab = tab.table("fields", read.problems);
        let fields = read.fields(&fields_tab);
        tab.finish(problems);
        out.push(Block { ty, from, editions, when, parent, entered, nature, fields });
    }
    out
}

pub(crate) fn voids(
    node: Option<&Node>,
    package: &Package,
    usual: &[Verb],
    problems: &mut Problems,
) -> Vec<VoidRule> {
    let mut out = Vec::new();
    for mut tab in blocks(node, "void", problems) {
        let mut from = tab.texts("from", problems);
        if from.is_empty() {
            from = package.queries().iter().map(|q| q.name.clone()).collect();
        }
        let unknown = from.iter().filter(|f| package.query(&f.text).is_none());
        for name in unknown {
            unknown_query(name, package, &tab.key("from"), problems);
        }
        // A void rule reads columns that every one of its queries must give.
        let columns: Vec<Text> = match from.split_first() {
            Some((first, rest)) => columns_of(package, first)
                .iter()
                .filter(|c| {
                    rest.iter()
                        .all(|q| columns_of(package, q).iter().any(|other| other.text == c.text))
                })
                .cloned()
                .collect(),
            None => Vec::new(),
        };
        let mut read = Reader { columns: &columns, package, usual, problems };
        let paths = ["when", "reason", "by"].map(|key| tab.key(key));
        let when = match tab.get("when") {
            Some(node) => read.cond(node, &paths[0], 0),
            None => {
                tab.need("when", read.problems);
                Cond::Always
            }
        };
        let mut feed = |key: &'static str, path: &str, tab: &mut Tab<'_>| match tab.get(key) {
            Some(node) => read.feed(node, path),
            None => {
                tab.need(key, read.problems);
                Feed::constant("")
            }
        };
        let reason = feed("reason", &paths[1], &mut tab);
        let by = feed("by", &paths[2], &mut tab);
        tab.finish(problems);
        out.push(VoidRule { from, when, reason, by });
    }
    out
}

fn query_name(tab: &mut Tab<'_>, package: &Package, problems: &mut Problems) -> Text {
    match tab.text("from", problems) {
        Some(name) => {
            if package.query(&name.text).is_none() {
                unknown_query(&name, package, &tab.key("from"), problems);
            }
            name
        }
        None => package
            .queries()
            .first()
            .map_or_else(|| Text { text: ROW.into(), pos: tab.pos }, |q| q.name.clone()),
    }
}

fn unknown_query(name: &Text, package: &Package, path: &str, problems: &mut Problems) {
    let known: Vec<_> = package.queries().iter().map(|q| q.name.as_str()).collect();
    problems
        .push(
            "adapter.unknown_query",
            name.pos,
            path,
            format!("there is no query `{}`; known: {}", name.text, known.join(", ")),
            format!("没有查询『{}』；可用：{}", name.text, known.join(", ")),
        )
        .hint = nearest(&name.text, known.iter().copied());
}

fn columns_of<'p>(package: &'p Package, query: &Text) -> &'p [Text] {
    let found = package.query(&query.text).and_then(|i| package.queries().get(i));
    found.map_or(&[], |q| &q.columns)
}

/// A column named somewhere must be one of the query's.
pub(crate) fn check_column(columns: &[Text], name: &Text, path: &str, problems: &mut Problems) {
    if name.text.is_empty() || columns.is_empty() || columns.iter().any(|c| c.text == name.text) {
        return;
    }
    problems
        .push(
            "adapter.unknown_column",
            name.pos,
            path,
            format!("`{}` is not a column of the source; see `columns`", name.text),
            format!("来源没有『{}』列，见 columns", name.text),
        )
        .hint = nearest(&name.text, columns.iter().map(Text::as_str));
}

struct Reader<'a> {
    columns: &'a [Text],
    package: &'a Package,
    usual: &'a [Verb],
    problems: &'a mut Problems,
}

impl Reader<'_> {
    fn column(&mut self, name: &Text, path: &str) {
        check_column(self.columns, name, path, self.problems);
    }

    fn cond(&mut self, node: &Node, path: &str, depth: usize) -> Cond {
        if depth > CONDITION_DEPTH_MAX {
            self.problems.push(
                "adapter.bad_value",
                node.pos,
                path,
                format!("conditions nest at most {CONDITION_DEPTH_MAX} deep"),
                format!("条件最多嵌套 {CONDITION_DEPTH_MAX} 层"),
            );
            return Cond::Always;
        }
        let mut tab = Tab::of(node, path, self.problems);
        let several = |this: &mut Self, tab: &mut Tab<'_>, key: &'static str| {
            let path = tab.key(key);
            let node = tab.get(key)?;
            match &node.value {
                Value::List(items) => {
                    Some(items.iter().map(|i| this.cond(i, &path, depth + 1)).collect::<Vec<_>>())
                }
                other => {
                    let want = ("a list of conditions", "条件列表");
                    wrong_kind(this.problems, node.pos, &path, want, other);
                    None
                }
            }
        };
        let all = several(self, &mut tab, "all").map(Cond::All);
        let any = several(self, &mut tab, "any").map(Cond::Any);
        let present = tab.text("present", self.problems).map(Cond::Present);
        let empty = tab.text("empty", self.problems).map(Cond::Empty);
        let test = self.column_test(&mut tab);
        tab.finish(self.problems);
        let mut found = [all, any, present, empty, test].into_iter().flatten();
        let (first, second) = (found.next(), found.next());
        if let Some(Cond::Present(column) | Cond::Empty(column)) = &first {
            self.column(column, path);
        }
        match (first, second) {
            (Some(cond), None) => cond,
            _ => {
                self.problems.push(
                    "adapter.bad_value",
                    node.pos,
                    path,
                    "a condition is exactly one of: { present = column }, { empty = column }, { column, equals }, { column, in }, { column, not_in }, { all = […] }, { any = […] }",
                    "条件只能是以下之一：{ present = 列 }、{ empty = 列 }、{ column, equals }、{ column, in }、{ column, not_in }、{ all = […] }、{ any = […] }",
                );
                Cond::Always
            }
        }
    }

    fn column_test(&mut self, tab: &mut Tab<'_>) -> Option<Cond> {
        let column = tab.text("column", self.problems);
        let equals = tab.text("equals", self.problems);
        let among = tab.texts("in", self.problems);
        let not_among = tab.texts("not_in", self.problems);
        let column = column?;
        let path = tab.key("column");
        self.column(&column, &path);
        let plain = |list: Vec<Text>| list.into_iter().map(|t| t.text).collect::<Vec<_>>();
        match (equals, among.is_empty(), not_among.is_empty()) {
            (Some(one), true, true) => Some(Cond::In(column, vec![one.text])),
            (None, false, true) => Some(Cond::In(column, plain(among))),
            (None, true, false) => Some(Cond::NotIn(column, plain(not_among))),
            _ => None,
        }
    }

    /// `editions`: those of the package's own format, each written out.
    fn editions(&mut self, tab: &mut Tab<'_>) -> Editions {
        let named = tab.texts("editions", self.problems);
        let own = self.package.format_name();
        let others = named.iter().filter(|e| !matches!(e.text.split_once('/'), Some((name, edition)) if name == own && !edition.is_empty()));
        for other in others {
            let (name, path) = (&other.text, tab.key("editions"));
            self.problems.push(
                "adapter.bad_value",
                other.pos,
                path,
                format!("`{name}` is no edition of {own}; write it as `{own}/2`"),
                format!("『{name}』不是 {own} 的版本，应写作 {own}/2"),
            );
        }
        Editions(named)
    }

    fn fields(&mut self, tab: &Tab<'_>) -> Vec<(Text, Feed)> {
        let entries = tab.entries();
        entries
            .iter()
            .map(|(name, node)| (name.clone(), self.feed(node, &tab.key(&name.text))))
            .collect()
    }

    /// `"column"`, or a table with `from`, `const`, `concat` or `first`.
    fn feed(&mut self, node: &Node, path: &str) -> Feed {
        if let Value::Text(column) = &node.value {
            let column = Text { text: column.clone(), pos: node.pos };
            self.column(&column, path);
            let verbs = self.usual.to_vec();
            return Feed {
                editions: Editions::default(),
                when: Cond::Always,
                from: Origin::Column(column),
                verbs,
                table: None,
                default: None,
            };
        }
        let mut tab = Tab::of(node, path, self.problems);
        let editions = self.editions(&mut tab);
        let when_path = tab.key("when");
        let when = tab.get("when").map_or(Cond::Always, |n| self.cond(n, &when_path, 0));
        let from = self.origin(&mut tab);
        let do_path = tab.key("do");
        let verbs = match tab.get("do") {
            Some(node) => read_chain(node, &do_path, self.problems),
            None if matches!(from, Origin::Constant(_)) => Vec::new(),
            None => self.usual.to_vec(),
        };
        let table = tab.text("table", self.problems);
        if let Some(name) = &table
            && !self.package.tables.contains_key(&name.text)
        {
            let known: Vec<_> = self.package.tables.keys().map(String::as_str).collect();
            self.problems
                .push(
                    "adapter.unknown_table",
                    name.pos,
                    tab.key("table"),
                    format!("there is no [tables.{}]; known: {}", name.text, known.join(", ")),
                    format!("没有代码表 [tables.{}]；可用：{}", name.text, known.join(", ")),
                )
                .hint = nearest(&name.text, known.iter().copied());
        }
        let default = tab.text("default", self.problems).map(|t| t.text);
        tab.finish(self.problems);
        Feed { editions, when, from, verbs, table, default }
    }

    fn origin(&mut self, tab: &mut Tab<'_>) -> Origin {
        let column = tab.text("from", self.problems).map(Origin::Column);
        let constant = tab.text("const", self.problems).map(Origin::Constant);
        let with = tab.text("with", self.problems).map(|t| t.text);
        let listed = |this: &mut Self, tab: &mut Tab<'_>, key: &'static str| {
            let path = tab.key(key);
            let node = tab.get(key)?;
            Some(texts(node, &path, this.problems))
        };
        let concat = listed(self, tab, "concat")
            .map(|columns| Origin::Concat { columns, with: with.clone().unwrap_or_default() });
        let first = listed(self, tab, "first").map(Origin::First);
        let misplaced = with.is_some() && concat.is_none();
        let mut found = [column, constant, concat, first].into_iter().flatten();
        let (origin, second) = (found.next(), found.next());
        let path = tab.path.clone();
        match &origin {
            Some(Origin::Column(column)) => self.column(column, &path),
            Some(Origin::Concat { columns, .. } | Origin::First(columns)) => {
                for column in columns {
                    self.column(column, &path);
                }
            }
            Some(Origin::Constant(_)) | None => {}
        }
        if origin.is_none() || second.is_some() || misplaced {
            self.problems.push(
                "adapter.bad_value",
                tab.pos,
                &path,
                "a field has exactly one of `from`, `const`, `concat` (with `with`) and `first`",
                "字段只能有 from、const、concat（配 with）、first 之一",
            );
        }
        origin.unwrap_or_else(|| Origin::Constant(Text::default()))
    }
}

impl Feed {
    /// A constant.
    pub(crate) fn constant(text: &str) -> Self {
        Self {
            editions: Editions::default(),
            when: Cond::Always,
            from: Origin::Constant(Text { text: text.into(), ..Text::default() }),
            verbs: Vec::new(),
            table: None,
            default: None,
        }
    }
}
