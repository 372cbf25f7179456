//! From annotated XSD files to a [`Format`]. Everything outside the supported subset is a problem
//! with its place: a construct we would skip is one that stock validators would judge alone.

mod condition;
mod declare;
mod record;
mod simple;

use std::collections::BTreeMap;

use super::Format;
use super::model::{FormatProblem, TypeIx};
use super::xsd::{self, Node};

/// Namespace of the annotations.
pub const ANNOTATION_NS: &str = "urn:tiergate:annotation:1";
const XS_NS: &str = "http://www.w3.org/2001/XMLSchema";
/// Most record types of a format.
const TYPES_MAX: usize = 256;

/// Problems found so far.
#[derive(Default)]
pub(crate) struct Ctx {
    problems: Vec<FormatProblem>,
}

impl Ctx {
    /// Notes a problem at a node.
    pub(crate) fn at(&mut self, node: &Node, message: impl Into<String>) {
        self.problems.push(node.problem(message));
    }

    /// Refuses attributes outside `allowed`.
    pub(crate) fn only(&mut self, node: &Node, allowed: &[&str]) {
        for (name, _) in &node.attrs {
            if !allowed.contains(name) {
                let list = allowed.join(", ");
                self.at(
                    node,
                    format!("`{name}` is not an attribute of {}; it has: {list}", node.name),
                );
            }
        }
    }

    /// Refuses children outside `allowed`.
    pub(crate) fn children(&mut self, node: &Node, allowed: &[&str]) {
        for child in &node.children {
            if !allowed.contains(&child.name) {
                let list = allowed.join(", ");
                self.at(
                    child,
                    format!("{} is not read inside {}; it may hold: {list}", child.name, node.name),
                );
            }
        }
    }

    /// The annotations of a node, each of which must be in `allowed`.
    pub(crate) fn appinfo<'a, 't>(
        &mut self,
        node: &'a Node<'t>,
        allowed: &[&str],
    ) -> Vec<&'a Node<'t>> {
        let mut found = vec![];
        for annotation in node.named("xs:annotation") {
            self.children(annotation, &["xs:appinfo", "xs:documentation"]);
            for info in annotation.named("xs:appinfo") {
                if !info.text.trim().is_empty() {
                    self.at(
                        info,
                        "text in xs:appinfo; only the annotation vocabulary stands there",
                    );
                }
                for note in &info.children {
                    if allowed.contains(&note.name) && note.children.is_empty() {
                        found.push(note);
                    } else {
                        let list = allowed.join(", ");
                        self.at(
                            note,
                            format!(
                                "annotation {} does not belong here; allowed: {list}",
                                note.name
                            ),
                        );
                    }
                }
            }
        }
        found
    }

    /// (Chinese, English) documentation of a node.
    pub(crate) fn documentation(&mut self, node: &Node) -> (String, String) {
        let (mut zh, mut en) = (String::new(), String::new());
        for doc in node.named("xs:annotation").flat_map(|a| a.named("xs:documentation")) {
            let text = doc.text.split_whitespace().collect::<Vec<_>>().join(" ");
            match doc.attr("xml:lang") {
                Some("zh") => zh = text,
                Some("en") => en = text,
                _ => self.at(doc, "xs:documentation needs xml:lang=\"zh\" or \"en\""),
            }
        }
        (zh, en)
    }
}

/// Compiles the files of a format; the main one is `<name>.xsd` and includes the others.
pub(crate) fn compile(
    name: &str,
    edition: &str,
    files: &BTreeMap<String, String>,
) -> Result<Format, Vec<FormatProblem>> {
    let mut ctx = Ctx::default();
    let mut roots = BTreeMap::new();
    for (file, text) in files {
        match xsd::read(file, text) {
            Ok(root) => {
                roots.insert(file.as_str(), root);
            }
            Err(problem) => ctx.problems.push(problem),
        }
    }
    let main = format!("{name}.xsd");
    let order = includes(&main, &roots, &mut ctx);
    if !ctx.problems.is_empty() {
        return Err(ctx.problems);
    }
    let namespace = format!("urn:tiergate:{name}:{edition}");
    for file in &order {
        schema(&roots[file.as_str()], &namespace, &mut ctx);
    }
    identity(&roots[main.as_str()], name, edition, &mut ctx);
    let decls: Vec<&Node> = order.iter().flat_map(|f| &roots[f.as_str()].children).collect();
    let simple = simple::all(&decls, &mut ctx);
    record::attribute_group(&decls, &mut ctx);
    let types = record::all(&decls, &simple, &namespace, &mut ctx);
    if types.is_empty() || types.len() > TYPES_MAX {
        let root = &roots[main.as_str()];
        ctx.at(
            root,
            format!("a format has 1 to {TYPES_MAX} record types, this one {}", types.len()),
        );
    }
    if !ctx.problems.is_empty() {
        return Err(ctx.problems);
    }
    let index = |key: fn(&super::RecordType) -> Box<str>| {
        let mut ix: Vec<_> =
            types.iter().enumerate().map(|(i, t)| (key(t), TypeIx(i as u16))).collect();
        ix.sort();
        ix
    };
    Ok(Format {
        by_wire: index(|t| (*t.wire).into()),
        by_name: index(|t| t.name.as_str().into()),
        edition: format!("{name}/{edition}"),
        namespace,
        sources: order.iter().map(|f| (f.clone(), files[f].clone())).collect(),
        types,
    })
}

/// Main file first, then its includes in order; every given file must be reached.
fn includes(main: &str, roots: &BTreeMap<&str, Node<'_>>, ctx: &mut Ctx) -> Vec<String> {
    let Some(root) = roots.get(main) else {
        ctx.problems.push(FormatProblem {
            file: main.to_owned(),
            line: 0,
            message:
                "the format's main file is missing or unreadable; it is named after the format"
                    .to_owned(),
        });
        return vec![];
    };
    let mut order = vec![main.to_owned()];
    for include in root.named("xs:include") {
        ctx.only(include, &["schemaLocation"]);
        let file = include.attr("schemaLocation").unwrap_or("");
        if !roots.contains_key(file) {
            ctx.at(
                include,
                format!("`{file}` is not beside this file; add it or remove the include"),
            );
        } else if order.iter().any(|f| f == file) {
            ctx.at(include, format!("`{file}` is included twice; remove one"));
        } else {
            order.push(file.to_owned());
        }
    }
    for (file, root) in roots {
        if !order.iter().any(|f| f == file) {
            ctx.at(root, format!("not included by {main}; include it or remove the file"));
        }
        if *file != main {
            for include in root.named("xs:include") {
                ctx.at(include, format!("only {main} includes; move it there"));
            }
        }
    }
    order
}

/// The root element: fixed prefixes, so that files can be joined into one.
fn schema(root: &Node, namespace: &str, ctx: &mut Ctx) {
    let wanted = [
        ("xmlns:xs", XS_NS),
        ("xmlns:t", ANNOTATION_NS),
        ("xmlns", namespace),
        ("targetNamespace", namespace),
        ("elementFormDefault", "qualified"),
    ];
    if root.name != "xs:schema" {
        ctx.at(root, format!("the root is {}, it must be xs:schema", root.name));
    }
    ctx.only(root, &wanted.map(|(name, _)| name));
    for (name, value) in wanted {
        if root.attr(name) != Some(value) {
            ctx.at(root, format!("xs:schema needs {name}=\"{value}\""));
        }
    }
    ctx.children(
        root,
        &["xs:include", "xs:annotation", "xs:simpleType", "xs:attributeGroup", "xs:element"],
    );
}

/// `t:format` in the main file says which format and edition this is.
fn identity(main: &Node, name: &str, edition: &str, ctx: &mut Ctx) {
    let notes = ctx.appinfo(main, &["t:format"]);
    let [note] = notes[..] else {
        ctx.at(main, "the main file needs exactly one t:format annotation");
        return;
    };
    ctx.only(note, &["name", "edition"]);
    if note.attr("name") != Some(name) || note.attr("edition") != Some(edition) {
        ctx.at(
            note,
            format!("this file is asked for as {name}/{edition}; mend t:format or the folder name"),
        );
    }
}
