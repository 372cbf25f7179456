//! TOML as a tree of values with places, and a reader that notices every key nobody asked for.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use crate::problem::{Pos, Problems, nearest};

/// A text with its place in `adapter.toml`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// The text.
    pub text: String,
    /// Where it stands.
    pub pos: Pos,
}

impl Text {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// A TOML value with its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) pos: Pos,
    pub(crate) value: Value,
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    Text(String),
    Int(i64),
    Bool,
    List(Vec<Node>),
    Table(Vec<(Text, Node)>),
    Other,
}

impl Value {
    fn kind(&self) -> (&'static str, &'static str) {
        match self {
            Self::Text(text) if text.is_empty() => ("an empty text", "空文本"),
            Self::Text(_) => ("a text", "文本"),
            Self::Int(_) => ("a whole number", "整数"),
            Self::Bool => ("true or false", "true 或 false"),
            Self::List(_) => ("a list", "列表"),
            Self::Table(_) => ("a table", "表"),
            Self::Other => ("a value of another kind", "其他类型的值"),
        }
    }
}

/// Reads a whole TOML text; syntax errors become problems, what could be read is returned.
pub(crate) fn parse(text: &str, problems: &mut Problems) -> Node {
    let lines = Lines::of(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let pos = error.span().map_or(Pos::default(), |span| lines.pos(text, &span));
        let message = error.message().trim().replace('\n', ", ");
        problems.push(
            "adapter.syntax",
            pos,
            "",
            format!("not TOML: {message}"),
            format!("TOML 语法错误：{message}"),
        );
    }
    let root = Range { start: 0, end: 0 };
    Node { pos: lines.pos(text, &root), value: convert_table(table.get_ref(), text, &lines) }
}

fn convert_table(table: &DeTable<'_>, text: &str, lines: &Lines) -> Value {
    let entry = |(key, value): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
        let key: &toml::Spanned<std::borrow::Cow<'_, str>> = key;
        let name = Text { text: key.get_ref().to_string(), pos: lines.pos(text, &key.span()) };
        let value = Node {
            pos: lines.pos(text, &value.span()),
            value: convert(value.get_ref(), text, lines),
        };
        (name, value)
    };
    Value::Table(table.iter().map(entry).collect())
}

fn convert(value: &DeValue<'_>, text: &str, lines: &Lines) -> Value {
    match value {
        DeValue::String(s) => Value::Text(s.to_string()),
        DeValue::Integer(i) => {
            i64::from_str_radix(i.as_str(), i.radix()).map_or(Value::Other, Value::Int)
        }
        DeValue::Boolean(_) => Value::Bool,
        DeValue::Array(items) => Value::List(
            items
                .iter()
                .map(|item| Node {
                    pos: lines.pos(text, &item.span()),
                    value: convert(item.get_ref(), text, lines),
                })
                .collect(),
        ),
        DeValue::Table(table) => convert_table(table, text, lines),
        DeValue::Float(_) | DeValue::Datetime(_) => Value::Other,
    }
}

/// Byte offsets of line starts.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        let mut starts = vec![0];
        starts.extend(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i + 1));
        Self(starts)
    }

    fn pos(&self, text: &str, span: &Range<usize>) -> Pos {
        let line = self.0.partition_point(|start| *start <= span.start);
        let start = self.0.get(line.wrapping_sub(1)).copied().unwrap_or(0);
        let column = text.get(start..span.start).map_or(0, |t| t.chars().count());
        Pos { line: clamp(line), column: clamp(column + 1) }
    }
}

fn clamp(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// One table being read: every key is asked for by name, [`Tab::finish`] reports the others.
pub(crate) struct Tab<'a> {
    pub(crate) path: String,
    pub(crate) pos: Pos,
    entries: &'a [(Text, Node)],
    known: Vec<&'static str>,
}

impl<'a> Tab<'a> {
    /// The node as a table; anything else is a problem and reads as an empty one.
    pub(crate) fn of(node: &'a Node, path: impl Into<String>, problems: &mut Problems) -> Self {
        let path = path.into();
        let entries: &[_] = match &node.value {
            Value::Table(entries) => entries,
            other => {
                wrong_kind(problems, node.pos, &path, ("a table", "表"), other);
                &[]
            }
        };
        Self { path, pos: node.pos, entries, known: Vec::new() }
    }

    /// A table that is not there.
    pub(crate) fn absent(path: &str) -> Self {
        Self { path: path.into(), pos: Pos::default(), entries: &[], known: Vec::new() }
    }

    pub(crate) fn key(&self, key: &str) -> String {
        if self.path.is_empty() { key.into() } else { format!("{}.{key}", self.path) }
    }

    pub(crate) fn entries(&self) -> &'a [(Text, Node)] {
        self.entries
    }

    pub(crate) fn get(&mut self, key: &'static str) -> Option<&'a Node> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.entries.iter().find(|(k, _)| k.text == key).map(|(_, v)| v)
    }

    /// A table below this one; absent reads as empty.
    pub(crate) fn table(&mut self, key: &'static str, problems: &mut Problems) -> Tab<'a> {
        let path = self.key(key);
        match self.get(key) {
            Some(node) => Tab::of(node, path, problems),
            None => Tab::absent(&path),
        }
    }

    pub(crate) fn text(&mut self, key: &'static str, problems: &mut Problems) -> Option<Text> {
        let node = self.get(key)?;
        match &node.value {
            Value::Text(text) => Some(Text { text: text.clone(), pos: node.pos }),
            other => {
                wrong_kind(problems, node.pos, &self.key(key), ("a text", "文本"), other);
                None
            }
        }
    }

    /// A text that must be there and not empty.
    pub(crate) fn need(&mut self, key: &'static str, problems: &mut Problems) -> Text {
        let found = self.get(key).is_some();
        let text = self.text(key, problems).unwrap_or_default();
        if (!found) || (text.text.trim().is_empty() && text.pos.line > 0) {
            let pos = if found { text.pos } else { self.pos };
            problems.push(
                "adapter.missing_key",
                pos,
                self.key(key),
                "must be given and not empty",
                "必须填写，不可为空",
            );
        }
        text
    }

    pub(crate) fn number(&mut self, key: &'static str, problems: &mut Problems) -> Option<u64> {
        let node = self.get(key)?;
        match &node.value {
            Value::Int(n) if *n >= 0 => Some(n.unsigned_abs()),
            other => {
                let want = ("a whole number, 0 or more", "非负整数");
                wrong_kind(problems, node.pos, &self.key(key), want, other);
                None
            }
        }
    }

    /// A list of texts; a single text reads as a list of one.
    pub(crate) fn texts(&mut self, key: &'static str, problems: &mut Problems) -> Vec<Text> {
        let path = self.key(key);
        self.get(key).map_or_else(Vec::new, |node| texts(node, &path, problems))
    }

    /// A word out of a closed list.
    pub(crate) fn word<T: Copy>(
        &mut self,
        key: &'static str,
        words: &[(&'static str, T)],
        problems: &mut Problems,
    ) -> Option<T> {
        let text = self.text(key, problems)?;
        let found = words.iter().find(|(w, _)| *w == text.text);
        if found.is_none() {
            let list = words.iter().map(|(w, _)| *w).collect::<Vec<_>>();
            let all = list.join(", ");
            problems
                .push(
                    "adapter.bad_value",
                    text.pos,
                    self.key(key),
                    format!("`{}` is not one of: {all}", text.text),
                    format!("『{}』不在可选值之中：{all}", text.text),
                )
                .hint = nearest(&text.text, list);
        }
        found.map(|(_, value)| *value)
    }

    /// Reports every key that was not asked for.
    pub(crate) fn finish(self, problems: &mut Problems) {
        for (key, _) in self.entries {
            if !self.known.contains(&key.text.as_str()) {
                let all = self.known.join(", ");
                problems
                    .push(
                        "adapter.unknown_key",
                        key.pos,
                        self.key(&key.text),
                        format!("there is no such key here; known: {all}"),
                        format!("此处没有这个键；可用：{all}"),
                    )
                    .hint = nearest(&key.text, self.known.iter().copied());
            }
        }
    }
}

/// The texts of a list node (or of one text).
pub(crate) fn texts(node: &Node, path: &str, problems: &mut Problems) -> Vec<Text> {
    match &node.value {
        Value::Text(text) => vec![Text { text: text.clone(), pos: node.pos }],
        Value::List(items) => items
            .iter()
            .filter_map(|item| match &item.value {
                Value::Text(text) => Some(Text { text: text.clone(), pos: item.pos }),
                other => {
                    wrong_kind(problems, item.pos, path, ("a text", "文本"), other);
                    None
                }
            })
            .collect(),
        other => {
            wrong_kind(problems, node.pos, path, ("a list of texts", "文本列表"), other);
            Vec::new()
        }
    }
}

pub(crate) fn wrong_kind(
    problems: &mut Problems,
    pos: Pos,
    key: &str,
    want: (&str, &str),
    found: &Value,
) {
    let (en, zh) = found.kind();
    problems.push(
        "adapter.bad_value",
        pos,
        key,
        format!("must be {}, not {en}", want.0),
        format!("应为{}，而不是{zh}", want.1),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters_and_unknown_keys_are_named() {
        let mut problems = Problems::of("adapter.toml");
        let root = parse("a = \"甲乙\"\n  b = 3\nc = 1.5\n", &mut problems);
        let mut tab = Tab::of(&root, "", &mut problems);
        assert_eq!(tab.text("a", &mut problems).unwrap().pos, Pos { line: 1, column: 5 });
        assert_eq!(tab.number("c", &mut problems), None);
        tab.finish(&mut problems);
        let said: Vec<_> = problems.sorted().iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), 2);
        assert!(said[0].starts_with("adapter.toml:2:3: [adapter.unknown_key] b: "), "{said:?}");
        assert!(said[1].starts_with("adapter.toml:3:5: [adapter.bad_value] c: "), "{said:?}");
    }

    #[test]
    fn all_syntax_errors_come_in_one_pass() {
        let mut problems = Problems::of("adapter.toml");
        parse("a = \nb = \"x\"\n[c\nd = 1\n", &mut problems);
        assert!(problems.list.len() >= 2, "{problems:?}");
        assert!(problems.list.iter().all(|p| p.code == "adapter.syntax" && p.pos.line > 0));
    }
}
