//! Global elements: record types with their fields, keys and parents.

use std::collections::BTreeMap;

use super::super::KEY_FIELDS_MAX;
use super::super::model::{CodeList, Field, Kind, RecordType, TypeIx};
use super::super::scan::NAME_BYTES_MAX;
use super::super::xsd::Node;
use super::declare::{checks, flag, rules};
use super::simple::{SimpleType, resolve};
use super::{Ctx, condition};

/// The attribute group, and whether each attribute is required: fixed by the protocol.
const GROUP: &[(&str, bool)] = &[
    ("v", true),
    ("op", true),
    ("nature", true),
    ("system", true),
    ("entered", false),
    ("collected", true),
    ("rowdig", true),
    ("amended", true),
    ("ns", true),
    ("reason", false),
    ("by", false),
];

/// The field that says in which region the acting unit works.
const REGION: &str = "XZQHDM";

const RULES: [&str; 6] = ["t:record", "t:require", "t:range", "t:order", "t:within", "t:needs"];

/// Checks that the XSD's `record` attribute group is the protocol's.
pub(crate) fn attribute_group(decls: &[&Node], ctx: &mut Ctx) {
    let groups: Vec<_> = decls.iter().filter(|n| n.name == "xs:attributeGroup").collect();
    let [group] = groups[..] else {
        if let Some(first) = decls.first() {
            ctx.at(first, "the format needs exactly one xs:attributeGroup, named `record`");
        }
        return;
    };
    ctx.only(group, &["name"]);
    ctx.children(group, &["xs:annotation", "xs:attribute"]);
    if group.attr("name") != Some("record") {
        ctx.at(group, "the attribute group is named `record`");
    }
    let found: Vec<_> = group
        .named("xs:attribute")
        .map(|a| (a.attr("name").unwrap_or(""), a.attr("use") == Some("required")))
        .collect();
    if found != GROUP {
        let names: Vec<_> = GROUP.iter().map(|(n, _)| *n).collect();
        ctx.at(
            group,
            format!(
                "the attributes are, in order: {}; all required but entered, reason and by",
                names.join(" ")
            ),
        );
    }
}

/// All record types, in stage order.
pub(crate) fn all(
    decls: &[&Node],
    simple: &BTreeMap<String, SimpleType>,
    namespace: &str,
    ctx: &mut Ctx,
) -> Vec<RecordType> {
    let mut nodes = vec![];
    let mut types = vec![];
    for node in decls.iter().filter(|n| n.name == "xs:element") {
        if let Some(ty) = record_type(node, simple, namespace, ctx) {
            types.push(ty);
            nodes.push(*node);
        }
    }
    let mut sorted: Vec<_> = types.into_iter().zip(nodes).collect();
    sorted.sort_by_key(|(t, _)| t.order);
    let (mut types, nodes): (Vec<_>, Vec<_>) = sorted.into_iter().unzip();
    for (ix, node) in nodes.iter().enumerate() {
        unique(ix, &types, node, ctx);
        (types[ix].key, types[ix].parent) = keys(ix, &types, node, ctx);
    }
    for (ix, node) in nodes.iter().enumerate() {
        parent_keys(ix, &mut types, node, ctx);
        declared(ix, &mut types, node, ctx);
    }
    types
}

fn unique(ix: usize, types: &[RecordType], node: &Node, ctx: &mut Ctx) {
    let me = &types[ix];
    for other in &types[..ix] {
        if other.wire == me.wire || other.name == me.name || other.order == me.order {
            ctx.at(
                node,
                format!(
                    "wire name, name or order of `{}` is also that of `{}`",
                    me.wire, other.wire
                ),
            );
        }
    }
}

fn record_type(
    node: &Node,
    simple: &BTreeMap<String, SimpleType>,
    namespace: &str,
    ctx: &mut Ctx,
) -> Option<RecordType> {
    ctx.only(node, &["name"]);
    ctx.children(node, &["xs:annotation", "xs:complexType"]);
    let wire = wire(node, ctx);
    let notes = ctx.appinfo(node, &RULES);
    let Some(note) = notes.iter().find(|n| n.name == "t:record") else {
        ctx.at(node, format!("`{wire}` needs a t:record annotation (name, order, key)"));
        return None;
    };
    ctx.only(note, &["name", "order", "key", "parent", "aliases", "origin"]);
    let (zh, doc) = ctx.documentation(node);
    let Some(order) = note.attr("order").and_then(|o| o.parse().ok()) else {
        ctx.at(note, "order is a whole number: the stage order");
        return None;
    };
    let fields = fields(node, simple, ctx)?;
    let mut by_wire: Vec<_> =
        fields.iter().enumerate().map(|(i, f)| ((*f.wire).into(), i)).collect();
    by_wire.sort();
    let name = name(note, ctx);
    let (label, zh_note) = label(&zh, node, ctx);
    let first = |is: fn(&Field) -> bool| fields.iter().position(is);
    Some(RecordType {
        unit: first(|f| f.name == "unit_code"),
        region: first(|f| *f.wire == *REGION),
        event: first(|f| f.kind == Kind::DateTime && f.fact && f.required),
        wire: wire.into(),
        name,
        label,
        aliases: words(note, "aliases"),
        doc,
        note: zh_note,
        origin: origin(note, ctx),
        key: vec![],
        parent: None,
        parent_key: vec![],
        order,
        rules: vec![],
        open_tag: format!("<{wire} xmlns=\"{namespace}\" v=\"").into(),
        close_tag: format!("</{wire}>").into(),
        fields,
        by_wire,
    })
}

fn fields(node: &Node, simple: &BTreeMap<String, SimpleType>, ctx: &mut Ctx) -> Option<Vec<Field>> {
    let complex = node.first("xs:complexType")?;
    ctx.children(complex, &["xs:sequence", "xs:attributeGroup"]);
    if complex.first("xs:attributeGroup").and_then(|g| g.attr("ref")) != Some("record") {
        ctx.at(complex, "the type needs <xs:attributeGroup ref=\"record\"/>");
    }
    let sequence = complex.first("xs:sequence")?;
    ctx.only(sequence, &[]);
    ctx.children(sequence, &["xs:element"]);
    let mut fields: Vec<Field> = vec![];
    for child in sequence.named("xs:element") {
        let Some(field) = field(child, simple, ctx) else { continue };
        if fields.iter().any(|f| f.wire == field.wire || f.name == field.name) {
            ctx.at(
                child,
                format!("wire or English name of `{}` stands twice in this type", field.wire),
            );
        }
        if let Some(label) =
            labels(&field).find(|l| fields.iter().any(|f| labels(f).any(|o| o == *l)))
        {
            ctx.at(
                child,
                format!("label or alias `{label}` names two fields of this type; change one"),
            );
        }
        fields.push(field);
    }
    Some(fields)
}

fn field(node: &Node, simple: &BTreeMap<String, SimpleType>, ctx: &mut Ctx) -> Option<Field> {
    ctx.only(node, &["name", "type", "minOccurs"]);
    ctx.children(node, &["xs:annotation", "xs:simpleType"]);
    let wire = wire(node, ctx);
    let ty = match (node.attr("type"), node.first("xs:simpleType")) {
        (Some(ty), None) => simple.get(ty).cloned().or_else(|| {
            ctx.at(node, format!("type `{ty}` is not a simple type of this format"));
            None
        }),
        (None, Some(inline)) => resolve(wire, inline, simple, ctx),
        _ => {
            ctx.at(node, format!("`{wire}` needs either a type or an inline xs:simpleType"));
            None
        }
    }?;
    let required = match node.attr("minOccurs") {
        None => true,
        Some("0") => false,
        Some(_) => {
            ctx.at(node, "minOccurs is 0 or absent: a field stands once or not at all");
            true
        }
    };
    let notes = ctx.appinfo(node, &["t:field", "t:check"]);
    let Some(note) = notes.iter().find(|n| n.name == "t:field") else {
        ctx.at(node, format!("`{wire}` needs a t:field annotation with its English name"));
        return None;
    };
    ctx.only(
        note,
        &[
            "name", "aliases", "origin", "fact", "volatile", "personal", "expected", "list",
            "prefix",
        ],
    );
    let (zh, doc) = ctx.documentation(node);
    let (label, zh_note) = label(&zh, node, ctx);
    let field = Field {
        wire: wire.into(),
        name: name(note, ctx),
        label,
        aliases: words(note, "aliases"),
        doc,
        note: zh_note,
        origin: origin(note, ctx),
        required,
        expected: flag(note, "expected", ctx),
        kind: ty.kind,
        min_len: ty.min_len,
        max_len: ty.max_len,
        form: ty.form.clone(),
        pattern: ty.pattern.clone(),
        list: list(note, &ty, ctx),
        volatile: flag(note, "volatile", ctx),
        fact: flag(note, "fact", ctx),
        personal: flag(note, "personal", ctx),
        checks: vec![],
        open_tag: format!("<{wire}>").into(),
        close_tag: format!("</{wire}>").into(),
    };
    consistent(&field, note, ctx);
    Some(field)
}

/// Everything people call a field.
fn labels(field: &Field) -> impl Iterator<Item = &str> {
    std::iter::once(field.label.as_str()).chain(field.aliases.iter().map(String::as_str))
}

/// A wire name the parser can read back.
fn wire<'a>(node: &'a Node<'_>, ctx: &mut Ctx) -> &'a str {
    let wire = node.attr("name").unwrap_or("");
    let legal = wire.starts_with(|c: char| c.is_ascii_alphabetic())
        && wire.len() <= NAME_BYTES_MAX
        && wire.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    if !legal {
        ctx.at(
            node,
            format!(
                "`{wire}` is no wire name; write at most {NAME_BYTES_MAX} of A-Z a-z 0-9 _ - ."
            ),
        );
    }
    wire
}

fn consistent(field: &Field, note: &Node, ctx: &mut Ctx) {
    let plain = matches!(field.kind, Kind::Code | Kind::Int | Kind::DateTime);
    if field.fact && (field.personal || !plain) {
        ctx.at(note, "a fact is a time, a code or a whole number, and never personal");
    }
    if field.required && field.expected {
        ctx.at(note, "`expected` is for optional fields; remove it or add minOccurs=\"0\"");
    }
}

fn list(note: &Node, ty: &SimpleType, ctx: &mut Ctx) -> Option<CodeList> {
    let prefix = flag(note, "prefix", ctx);
    match (note.attr("list"), &ty.list) {
        (Some(_), Some(_)) => {
            ctx.at(note, "both a closed and an open list; keep one");
            None
        }
        (Some(name), None) => Some(CodeList::Open { name: name.into(), prefix }),
        (None, closed) => closed.clone(),
    }
}

fn keys(
    ix: usize,
    types: &[RecordType],
    node: &Node,
    ctx: &mut Ctx,
) -> (Vec<usize>, Option<TypeIx>) {
    let me = &types[ix];
    let Some(note) = ctx.appinfo(node, &RULES).into_iter().find(|n| n.name == "t:record") else {
        return (vec![], None);
    };
    let mut key = vec![];
    for wire in words(note, "key") {
        let Some(at) = condition::field(note, &wire, me, ctx) else { continue };
        if !me.fields[at].required {
            ctx.at(note, format!("key field `{wire}` must be required"));
        }
        key.push(at);
    }
    if key.is_empty() || key.len() > KEY_FIELDS_MAX {
        ctx.at(
            note,
            format!("`key` names 1 to {KEY_FIELDS_MAX} key fields, the case or item number first"),
        );
    }
    let parent = note.attr("parent").and_then(|wire| condition::record(note, wire, types, ctx));
    if parent.is_some_and(|p| usize::from(p.0) >= ix) {
        ctx.at(note, "a parent stands earlier in the stage order than its child");
    }
    (key, parent)
}

/// The parent's key is made of the child's fields of the same wire names.
fn parent_keys(ix: usize, types: &mut [RecordType], node: &Node, ctx: &mut Ctx) {
    let Some(TypeIx(parent)) = types[ix].parent else { return };
    let parent = &types[usize::from(parent)];
    let mut fields = vec![];
    for &at in &parent.key {
        let wire = &parent.fields[at].wire;
        match types[ix].field_by_wire(wire) {
            Some(here) => fields.push(here),
            None => ctx.at(
                node,
                format!(
                    "key field `{wire}` of the parent `{}` is missing here; add it",
                    parent.wire
                ),
            ),
        }
    }
    types[ix].parent_key = fields;
}

fn declared(ix: usize, types: &mut [RecordType], node: &Node, ctx: &mut Ctx) {
    let notes = ctx.appinfo(node, &RULES);
    let rule_nodes: Vec<_> = notes.into_iter().filter(|n| n.name != "t:record").collect();
    let found = rules(&rule_nodes, ix, types, ctx);
    let elements: Vec<&Node> = node
        .first("xs:complexType")
        .and_then(|c| c.first("xs:sequence"))
        .map(|s| s.named("xs:element").collect())
        .unwrap_or_default();
    for element in elements {
        let notes = ctx.appinfo(element, &["t:field", "t:check"]);
        let check_nodes: Vec<_> = notes.into_iter().filter(|n| n.name == "t:check").collect();
        let found = checks(&check_nodes, &types[ix], ctx);
        if let Some(at) = types[ix].field_by_wire(element.attr("name").unwrap_or("")) {
            types[ix].fields[at].checks = found;
        }
    }
    types[ix].rules = found;
}

fn name(note: &Node, ctx: &mut Ctx) -> String {
    let name = note.attr("name").unwrap_or("");
    let legal = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !legal {
        ctx.at(note, format!("`{name}` is no English name; write lower_case_words"));
    }
    name.to_owned()
}

/// Label and note: the Chinese documentation before and after its first `：`.
fn label(zh: &str, node: &Node, ctx: &mut Ctx) -> (String, String) {
    let (label, note) = zh.split_once('：').unwrap_or((zh, ""));
    if label.is_empty() {
        ctx.at(node, "a Chinese label is missing; write <xs:documentation xml:lang=\"zh\">");
    }
    (label.to_owned(), note.to_owned())
}

/// Where something comes from, as the annotation says.
pub(crate) fn origin(note: &Node, ctx: &mut Ctx) -> Option<String> {
    let origin = note.attr("origin")?;
    if origin.trim().is_empty() {
        ctx.at(note, "origin is empty; name standard and clause, or write `own`");
    }
    Some(origin.to_owned())
}

fn words(note: &Node, attr: &str) -> Vec<String> {
    note.attr(attr).unwrap_or("").split_whitespace().map(str::to_owned).collect()
}
