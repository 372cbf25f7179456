//! TOML as a tree of values with places, the environment laid over it, and a reader that notices
//! every key nobody asked for.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use super::problem::{At, Problems, nearest};

/// Prefix of the environment variables that lie over the file.
pub const ENV_PREFIX: &str = "TIERGATE__";

/// A value with its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) at: At,
    pub(crate) value: Value,
}

/// A value of the document.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Text(String),
    /// From the environment: reads as text, number, truth or comma-separated list.
    Loose(String),
    Int(i64),
    Float,
    Bool(bool),
    /// A date, or a number that is too large.
    Other,
    List(Vec<Node>),
    Table(Vec<(Spot, Node)>),
}

/// A text with its place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) text: String,
    pub(crate) at: At,
}

impl Value {
    fn kind(&self) -> (&'static str, &'static str) {
        match self {
            Self::Text(_) | Self::Loose(_) => ("a text", "文本"),
            Self::Int(_) => ("a whole number", "整数"),
            Self::Float => ("a fraction", "小数"),
            Self::Bool(_) => ("true or false", "true 或 false"),
            Self::Other => ("a date or too large a number", "日期或过大的数"),
            Self::List(_) => ("a list", "列表"),
            Self::Table(_) => ("a table", "表"),
        }
    }
}

/// Reads a TOML text; syntax errors become problems, what could be read is returned.
pub(crate) fn parse(file: &str, text: &str, problems: &mut Problems) -> Node {
    let lines = Lines::of(file, text);
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let at = error.span().map_or_else(|| lines.whole(), |span| lines.at(&span));
        let message = error.message().trim().replace('\n', ", ");
        problems.push(
            "config.syntax",
            &at,
            "",
            format!("not TOML: {message}; mend this line"),
            format!("TOML 语法错误：{message}，请改正此行"),
        );
    }
    Node { at: lines.whole(), value: convert_table(table.get_ref(), &lines) }
}

fn convert_table(table: &DeTable<'_>, lines: &Lines<'_>) -> Value {
    let entries = table.iter().map(|(key, value)| {
        let name = Spot { text: key.get_ref().to_string(), at: lines.at(&key.span()) };
        (name, Node { at: lines.at(&value.span()), value: convert(value.get_ref(), lines) })
    });
    Value::Table(entries.collect())
}

fn convert(value: &DeValue<'_>, lines: &Lines<'_>) -> Value {
    match value {
        DeValue::String(s) => Value::Text(s.to_string()),
        DeValue::Integer(i) => {
            i64::from_str_radix(i.as_str(), i.radix()).map_or(Value::Other, Value::Int)
        }
        DeValue::Float(_) => Value::Float,
        DeValue::Boolean(b) => Value::Bool(*b),
        DeValue::Datetime(_) => Value::Other,
        DeValue::Array(items) => Value::List(
            items
                .iter()
                .map(|i| Node { at: lines.at(&i.span()), value: convert(i.get_ref(), lines) })
                .collect(),
        ),
        DeValue::Table(table) => convert_table(table, lines),
    }
}

/// Lays `TIERGATE__SECTION__KEY` variables over the tree; a number names the entry of a list, from
/// 0 (`TIERGATE__ADAPTER__0__INTERVAL`).
pub(crate) fn overlay(root: &mut Node, env: &BTreeMap<String, String>, problems: &mut Problems) {
    for (name, value) in env {
        let Some(rest) = name.strip_prefix(ENV_PREFIX) else { continue };
        let at = At { file: format!("environment {name}").into(), line: 0, column: 0 };
        let path: Vec<String> = rest.split("__").map(str::to_ascii_lowercase).collect();
        let new = Node { at: at.clone(), value: Value::Loose(value.clone()) };
        if !set(root, &path, new) {
            problems.push(
                "config.environment",
                &at,
                path.join("."),
                "names no place in this file; write TIERGATE__SECTION__KEY, entries of lists by number from 0",
                "在配置中没有对应位置；写法为 TIERGATE__节__键，列表项用从 0 起的序号",
            );
        }
    }
}

fn set(node: &mut Node, path: &[String], new: Node) -> bool {
    let Some((first, rest)) = path.split_first().filter(|(first, _)| !first.is_empty()) else {
        return false;
    };
    match &mut node.value {
        Value::Table(entries) => {
            if let Some((_, below)) = entries.iter_mut().find(|(k, _)| k.text == *first) {
                if rest.is_empty() {
                    *below = new;
                    return true;
                }
                return set(below, rest, new);
            }
            let name = Spot { text: first.clone(), at: new.at.clone() };
            if rest.is_empty() {
                entries.push((name, new));
                return true;
            }
            let mut below = Node { at: new.at.clone(), value: Value::Table(Vec::new()) };
            let done = set(&mut below, rest, new);
            entries.push((name, below));
            done
        }
        Value::List(items) if !rest.is_empty() => {
            let item = first.parse::<usize>().ok().and_then(|n| items.get_mut(n));
            item.is_some_and(|item| set(item, rest, new))
        }
        _ => false,
    }
}

/// Byte offsets of line starts.
struct Lines<'t> {
    file: Arc<str>,
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    fn of(file: &str, text: &'t str) -> Self {
        let mut starts = vec![0];
        starts.extend(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i + 1));
        Self { file: file.into(), text, starts }
    }

    fn whole(&self) -> At {
        At { file: Arc::clone(&self.file), line: 0, column: 0 }
    }

    fn at(&self, span: &Range<usize>) -> At {
        let line = self.starts.partition_point(|start| *start <= span.start);
        let start = self.starts.get(line.wrapping_sub(1)).copied().unwrap_or(0);
        let column = self.text.get(start..span.start).map_or(0, |t| t.chars().count());
        let clamp = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        At { file: Arc::clone(&self.file), line: clamp(line), column: clamp(column + 1) }
    }
}

/// One table being read: every key is asked for by name, [`Tab::finish`] reports the others.
pub(crate) struct Tab<'a> {
    pub(crate) path: String,
    pub(crate) at: At,
    entries: &'a [(Spot, Node)],
    known: Vec<&'static str>,
}

impl<'a> Tab<'a> {
    /// The node as a table; anything else is a problem and reads as an empty one.
    pub(crate) fn of(node: &'a Node, path: impl Into<String>, problems: &mut Problems) -> Self {
        let path = path.into();
        let entries: &[_] = match &node.value {
            Value::Table(entries) => entries,
            other => {
                wrong_kind(problems, &node.at, &path, ("a table", "表"), other);
                &[]
            }
        };
        Self { path, at: node.at.clone(), entries, known: Vec::new() }
    }

    /// The full key of an entry.
    pub(crate) fn key(&self, key: &str) -> String {
        if self.path.is_empty() { key.into() } else { format!("{}.{key}", self.path) }
    }

    pub(crate) fn entries(&self) -> &'a [(Spot, Node)] {
        self.entries
    }

    pub(crate) fn get(&mut self, key: &'static str) -> Option<&'a Node> {
        self.known.push(key);
        self.entries.iter().find(|(k, _)| k.text == key).map(|(_, v)| v)
    }

    /// Where a key stands, or its table if it is not there.
    pub(crate) fn spot(&self, key: &str) -> At {
        let found = self.entries.iter().find(|(k, _)| k.text == key);
        found.map_or_else(|| self.at.clone(), |(_, v)| v.at.clone())
    }

    /// A table below this one; absent reads as empty.
    pub(crate) fn table(&mut self, key: &'static str, problems: &mut Problems) -> Self {
        let path = self.key(key);
        match self.get(key) {
            Some(node) => Tab::of(node, path, problems),
            None => Self { path, at: self.at.clone(), entries: &[], known: Vec::new() },
        }
    }

    /// The tables of a `[[key]]` list.
    pub(crate) fn tables(&mut self, key: &'static str, problems: &mut Problems) -> Vec<Self> {
        let path = self.key(key);
        match self.get(key) {
            None => Vec::new(),
            Some(Node { value: Value::List(items), .. }) => items
                .iter()
                .enumerate()
                .map(|(n, item)| Tab::of(item, format!("{path}[{}]", n + 1), problems))
                .collect(),
            Some(node) => {
                let want = ("a list of tables, written `[[…]]`", "表的列表，写作 [[…]]");
                wrong_kind(problems, &node.at, &path, want, &node.value);
                Vec::new()
            }
        }
    }

    pub(crate) fn text(&mut self, key: &'static str, problems: &mut Problems) -> Option<Spot> {
        let node = self.get(key)?;
        match &node.value {
            Value::Text(text) | Value::Loose(text) => {
                Some(Spot { text: text.clone(), at: node.at.clone() })
            }
            other => {
                wrong_kind(problems, &node.at, &self.key(key), ("a text", "文本"), other);
                None
            }
        }
    }

    /// A text that must be there and not empty; a missing one is a problem.
    pub(crate) fn need(&mut self, key: &'static str, problems: &mut Problems) -> Option<Spot> {
        let present = self.entries.iter().any(|(k, _)| k.text == key);
        let text = self.text(key, problems);
        let empty = text.as_ref().is_some_and(|t| t.text.trim().is_empty());
        if !present || empty {
            problems.push(
                "config.missing_key",
                &self.spot(key),
                self.key(key),
                "must be given and not empty",
                "必须填写，不可为空",
            );
            return None;
        }
        text
    }

    /// A whole number.
    pub(crate) fn count(&mut self, key: &'static str, problems: &mut Problems) -> Option<i64> {
        let node = self.get(key)?;
        match &node.value {
            Value::Int(n) => return Some(*n),
            Value::Loose(text) if text.parse::<i64>().is_ok() => return text.parse().ok(),
            other => {
                let want = ("a whole number", "整数");
                wrong_kind(problems, &node.at, &self.key(key), want, other);
            }
        }
        None
    }

    pub(crate) fn truth(&mut self, key: &'static str, problems: &mut Problems) -> Option<bool> {
        let node = self.get(key)?;
        match &node.value {
            Value::Bool(b) => return Some(*b),
            Value::Loose(text) if text == "true" => return Some(true),
            Value::Loose(text) if text == "false" => return Some(false),
            other => {
                let want = ("true or false", "true 或 false");
                wrong_kind(problems, &node.at, &self.key(key), want, other);
            }
        }
        None
    }

    /// A list of texts; a single text reads as a list of one.
    pub(crate) fn texts(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
    ) -> Option<Vec<Spot>> {
        let path = self.key(key);
        self.get(key).map(|node| texts(node, &path, problems))
    }

    /// A word out of a closed list.
    pub(crate) fn word<T: Copy>(
        &mut self,
        key: &'static str,
        words: &[(&'static str, T)],
        problems: &mut Problems,
    ) -> Option<T> {
        let spot = self.text(key, problems)?;
        word(&spot, &self.key(key), words, problems)
    }

    /// Reports every key that was not asked for.
    pub(crate) fn finish(self, problems: &mut Problems) {
        for (key, _) in self.entries {
            if !self.known.contains(&key.text.as_str()) {
                unknown_key(&key.at, self.key(&key.text), &key.text, &self.known, problems);
            }
        }
    }
}

/// Reports a key that is not one of `known`.
pub(crate) fn unknown_key(
    at: &At,
    path: String,
    key: &str,
    known: &[&'static str],
    problems: &mut Problems,
) {
    let all = known.join(", ");
    problems
        .push(
            "config.unknown_key",
            at,
            path,
            format!("there is no such key here; known: {all}"),
            format!("此处没有这个键；可用：{all}"),
        )
        .hint = nearest(key, known.iter().copied());
}

/// Looks a word up in a closed list.
pub(crate) fn word<T: Copy>(
    spot: &Spot,
    key: &str,
    words: &[(&'static str, T)],
    problems: &mut Problems,
) -> Option<T> {
    let found = words.iter().find(|(w, _)| *w == spot.text);
    if found.is_none() {
        let list = words.iter().map(|(w, _)| *w).collect::<Vec<_>>();
        let all = list.join(", ");
        problems
            .push(
                "config.bad_value",
                &spot.at,
                key,
                format!("`{}` is not one of: {all}", spot.text),
                format!("『{}』不在可选值之中：{all}", spot.text),
            )
            .hint = nearest(&spot.text, list);
    }
    found.map(|(_, value)| *value)
}

fn texts(node: &Node, path: &str, problems: &mut Problems) -> Vec<Spot> {
    let one = |text: &str| Spot { text: text.to_owned(), at: node.at.clone() };
    match &node.value {
        Value::Text(text) => vec![one(text)],
        Value::Loose(text) => {
            text.split(',').map(str::trim).filter(|t| !t.is_empty()).map(one).collect()
        }
        Value::List(items) => items.iter().flat_map(|item| texts(item, path, problems)).collect(),
        other => {
            wrong_kind(problems, &node.at, path, ("a list of texts", "文本列表"), other);
            Vec::new()
        }
    }
}

/// Reports a value of another kind.
pub(crate) fn wrong_kind(
    problems: &mut Problems,
    at: &At,
    key: &str,
    want: (&str, &str),
    found: &Value,
) {
    let (en, zh) = found.kind();
    problems.push(
        "config.bad_value",
        at,
        key,
        format!("must be {}, not {en}", want.0),
        format!("应为{}，而不是{zh}", want.1),
    );
}
