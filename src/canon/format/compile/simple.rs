//! Simple types: restrictions of `xs:string` with the facets the format supports.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::model::{CodeList, Kind};
use super::super::pattern::Pattern;
use super::super::xsd::Node;
use super::Ctx;

/// The only lexical form of a time.
pub(crate) const TIME_PATTERN: &str =
    "[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}";

/// A resolved simple type.
#[derive(Clone, Debug)]
pub(crate) struct SimpleType {
    pub(crate) kind: Kind,
    pub(crate) min_len: u32,
    pub(crate) max_len: u32,
    pub(crate) pattern: Option<Arc<Pattern>>,
    pub(crate) list: Option<CodeList>,
    /// What the type says of its form, Chinese and English.
    pub(crate) form: (String, String),
}

/// Resolves every named simple type of the files, bases first.
pub(crate) fn all(decls: &[&Node], ctx: &mut Ctx) -> BTreeMap<String, SimpleType> {
    let mut nodes: BTreeMap<&str, &Node> = BTreeMap::new();
    for node in decls.iter().filter(|n| n.name == "xs:simpleType") {
        ctx.only(node, &["name"]);
        match node.attr("name") {
            Some(name) => {
                if nodes.insert(name, node).is_some() {
                    ctx.at(node, format!("simple type `{name}` is declared twice; rename one"));
                }
            }
            None => ctx.at(node, "a global xs:simpleType needs a name"),
        }
    }
    let mut done = BTreeMap::new();
    let mut left: Vec<&str> = nodes.keys().copied().collect();
    while !left.is_empty() {
        let before = left.len();
        left.retain(|name| {
            let node = nodes[name];
            let base = node.first("xs:restriction").and_then(|r| r.attr("base")).unwrap_or("");
            if base != "xs:string" && !done.contains_key(base) && nodes.contains_key(base) {
                return true;
            }
            if let Some(ty) = resolve(name, node, &done, ctx) {
                done.insert((*name).to_owned(), ty);
            }
            false
        });
        if left.len() == before {
            ctx.at(
                nodes[left[0]],
                format!("simple type `{}` rests on itself; break the ring", left[0]),
            );
            break;
        }
    }
    done
}

/// Resolves one simple type, named or inline.
pub(crate) fn resolve(
    name: &str,
    node: &Node,
    known: &BTreeMap<String, SimpleType>,
    ctx: &mut Ctx,
) -> Option<SimpleType> {
    ctx.children(node, &["xs:annotation", "xs:restriction"]);
    let Some(restriction) = node.first("xs:restriction") else {
        ctx.at(node, format!("simple type `{name}` needs an xs:restriction"));
        return None;
    };
    ctx.only(restriction, &["base"]);
    let base = restriction.attr("base").unwrap_or("");
    let mut ty = match known.get(base) {
        Some(base) => base.clone(),
        None if base == "xs:string" => SimpleType {
            kind: Kind::Text,
            min_len: 0,
            max_len: u32::MAX,
            pattern: None,
            list: None,
            form: Default::default(),
        },
        None => {
            ctx.at(
                restriction,
                format!(
                    "base `{base}` is not known; use xs:string or a simple type of this format"
                ),
            );
            return None;
        }
    };
    if let Some(kind) = kind(node, ctx) {
        ty.kind = kind;
    }
    let told = ctx.documentation(node);
    if !told.0.is_empty() {
        ty.form = told;
    }
    facets(name, restriction, &mut ty, ctx);
    finish(name, node, &ty, ctx);
    Some(ty)
}

fn kind(node: &Node, ctx: &mut Ctx) -> Option<Kind> {
    let mut found = None;
    for note in ctx.appinfo(node, &["t:type"]) {
        ctx.only(note, &["kind"]);
        let word = note.attr("kind").unwrap_or("");
        found = Kind::ALL.iter().copied().find(|k| k.as_str() == word);
        if found.is_none() {
            let words: Vec<_> = Kind::ALL.iter().map(|k| k.as_str()).collect();
            ctx.at(note, format!("kind `{word}` is not one of {}", words.join(", ")));
        }
    }
    found
}

fn facets(name: &str, restriction: &Node, ty: &mut SimpleType, ctx: &mut Ctx) {
    let mut codes: Vec<(Box<str>, Box<str>)> = vec![];
    for facet in &restriction.children {
        let value = facet.attr("value").unwrap_or("");
        ctx.only(facet, &["value"]);
        let number = value.parse::<u32>().ok();
        match (facet.name, number) {
            ("xs:minLength", Some(n)) => ty.min_len = n,
            ("xs:maxLength", Some(n)) => ty.max_len = n,
            ("xs:length", Some(n)) => (ty.min_len, ty.max_len) = (n, n),
            ("xs:minLength" | "xs:maxLength" | "xs:length", None) => {
                ctx.at(facet, format!("`{value}` is not a length; write a whole number"));
            }
            ("xs:pattern", _) if ty.pattern.is_some() => {
                ctx.at(facet, "a second pattern; join both as alternatives with `|`");
            }
            ("xs:pattern", _) => match Pattern::compile(value) {
                Ok(p) => ty.pattern = Some(Arc::new(p)),
                Err(why) => ctx.at(facet, why),
            },
            ("xs:enumeration", _) => {
                ctx.children(facet, &["xs:annotation"]);
                let (label, _) = ctx.documentation(facet);
                if label.is_empty() {
                    ctx.at(
                        facet,
                        format!("code `{value}` needs a Chinese label (xs:documentation)"),
                    );
                }
                codes.push((value.into(), label.into()));
            }
            (other, _) => ctx.at(
                facet,
                format!("facet `{other}` is not supported; use lengths, pattern or enumeration"),
            ),
        }
    }
    if !codes.is_empty() {
        codes.sort();
        if codes.windows(2).any(|w| w[0].0 == w[1].0) {
            ctx.at(restriction, "a code is listed twice; remove one");
        }
        ty.list = Some(CodeList::Closed { name: name.into(), codes: codes.into() });
    }
}

/// What makes our checks and stock validators agree.
fn finish(name: &str, node: &Node, ty: &SimpleType, ctx: &mut Ctx) {
    let closed = matches!(ty.list, Some(CodeList::Closed { .. }));
    let time = ty.pattern.as_ref().is_some_and(|p| p.text == TIME_PATTERN);
    if (ty.kind == Kind::DateTime) != time {
        ctx.at(
            node,
            format!("`{name}`: kind datetime and exactly the pattern {TIME_PATTERN} go together"),
        );
    }
    let bounded = closed || ty.pattern.is_some() || (ty.min_len >= 1 && ty.max_len < u32::MAX);
    if !bounded {
        ctx.at(
            node,
            format!("`{name}` has no limit; give minLength of at least 1 and maxLength, a pattern or codes"),
        );
    }
    if closed && ty.pattern.is_some() {
        ctx.at(node, format!("`{name}` has both codes and a pattern; keep one"));
    }
}
