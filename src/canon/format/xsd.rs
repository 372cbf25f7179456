//! Reads the XML of a format's files into plain nodes that remember file and line. They borrow from
//! the text: a format has tens of thousands, and every program that shows a record compiles one first.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::attributes::Attributes;
use quick_xml::events::{BytesStart, Event};

use super::model::FormatProblem;
use crate::limits::XML_DEPTH_MAX;

/// One element of an XSD file.
#[derive(Clone, Debug)]
pub(crate) struct Node<'t> {
    pub(crate) name: &'t str,
    pub(crate) attrs: Vec<(&'t str, Cow<'t, str>)>,
    pub(crate) children: Vec<Node<'t>>,
    pub(crate) text: Cow<'t, str>,
    pub(crate) file: &'t str,
    pub(crate) line: usize,
}

impl<'t> Node<'t> {
    /// An attribute's value.
    pub(crate) fn attr(&self, name: &str) -> Option<&str> {
        self.attrs.iter().find(|(n, _)| *n == name).map(|(_, v)| &**v)
    }

    /// Children of one name.
    pub(crate) fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Node<'t>> {
        self.children.iter().filter(move |c| c.name == name)
    }

    /// First child of a name.
    pub(crate) fn first(&self, name: &str) -> Option<&Node<'t>> {
        self.children.iter().find(|c| c.name == name)
    }

    /// A problem at this place.
    pub(crate) fn problem(&self, message: impl Into<String>) -> FormatProblem {
        FormatProblem { file: self.file.to_owned(), line: self.line, message: message.into() }
    }
}

/// Reads one file into its root node.
pub(crate) fn read<'t>(file: &'t str, text: &'t str) -> Result<Node<'t>, FormatProblem> {
    let mut reader = Reader::from_str(text);
    let mut lines = Lines { text, at: 0, line: 1 };
    let mut open: Vec<Node<'t>> = vec![];
    let mut root = None;
    loop {
        let line = lines.at(reader.buffer_position() as usize);
        let problem = |message: String| FormatProblem { file: file.to_owned(), line, message };
        let event = reader
            .read_event()
            .map_err(|e| problem(format!("not well-formed XML: {e}; mend it")))?;
        match event {
            Event::Start(start) => {
                if open.len() >= XML_DEPTH_MAX {
                    return Err(problem(format!("nested deeper than {XML_DEPTH_MAX}; flatten it")));
                }
                open.push(node(&start, (file, text), line).map_err(problem)?);
            }
            Event::Empty(start) => {
                let node = node(&start, (file, text), line).map_err(problem)?;
                place(node, &mut open, &mut root);
            }
            Event::End(_) => {
                if let Some(node) = open.pop() {
                    place(node, &mut open, &mut root);
                }
            }
            Event::Text(t) => {
                if let Some(top) = open.last_mut() {
                    add(&mut top.text, t.xml10_content());
                }
            }
            Event::GeneralRef(r) => {
                let Some(c) = predefined(&r.into_inner()) else {
                    return Err(problem("an entity that XML does not define; write it out".into()));
                };
                if let Some(top) = open.last_mut() {
                    top.text.to_mut().push(c);
                }
            }
            Event::Comment(_) | Event::Decl(_) => {}
            Event::CData(_) | Event::PI(_) | Event::DocType(_) => {
                return Err(problem(
                    "CDATA, processing instructions and DTDs are not read; remove it".into(),
                ));
            }
            Event::Eof => break,
        }
    }
    root.ok_or_else(|| FormatProblem {
        file: file.to_owned(),
        line: 1,
        message: "the file is empty; it should hold one xs:schema".to_owned(),
    })
}

fn place<'t>(node: Node<'t>, open: &mut [Node<'t>], root: &mut Option<Node<'t>>) {
    match open.last_mut() {
        Some(parent) => parent.children.push(node),
        None => *root = Some(node),
    }
}

/// White space before anything else says nothing.
fn add<'t>(text: &mut Cow<'t, str>, more: Cow<'t, str>) {
    if !text.is_empty() {
        text.to_mut().push_str(&more);
    } else if !more.trim().is_empty() {
        *text = more;
    }
}

fn node<'t>(
    start: &BytesStart<'_>,
    (file, text): (&'t str, &'t str),
    line: usize,
) -> Result<Node<'t>, String> {
    let tag = within(text, start).ok_or("the tag cannot be read; mend it")?;
    let len = start.name().as_ref().len();
    let (name, _) = tag.split_at_checked(len).ok_or("the name cannot be read; mend it")?;
    let mut attrs = vec![];
    for attr in Attributes::new(tag, len) {
        let attr = attr.map_err(|e| format!("bad attribute: {e}; mend it"))?;
        let value = match attr.value {
            Cow::Borrowed(raw) => quick_xml::escape::unescape(raw),
            Cow::Owned(ref raw) => quick_xml::escape::unescape(raw).map(|v| v.into_owned().into()),
        };
        let value = value.map_err(|e| format!("bad attribute value: {e}; mend it"))?;
        attrs.push((attr.key.into_inner(), value));
    }
    Ok(Node { name, attrs, children: vec![], text: Cow::Borrowed(""), file, line })
}

/// The same part, borrowed from the text that it was read from: an event lends its own only.
fn within<'t>(text: &'t str, part: &str) -> Option<&'t str> {
    let at = part.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
    text.get(at..at + part.len())
}

fn predefined(entity: &str) -> Option<char> {
    Some(match entity {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => return None,
    })
}

/// Line numbers of increasing offsets.
struct Lines<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl Lines<'_> {
    fn at(&mut self, offset: usize) -> usize {
        // The reader stands before the white space that precedes the next tag.
        let bytes = self.text.as_bytes();
        let mut to = offset.min(bytes.len());
        while bytes.get(to).is_some_and(u8::is_ascii_whitespace) {
            to += 1;
        }
        if to > self.at {
            self.line += bytes[self.at..to].iter().filter(|b| **b == b'\n').count();
            self.at = to;
        }
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_know_their_line() {
        let root =
            read("f.xsd", "<?xml version='1.0'?>\n<a x='1'>\n\n  <b>t &lt; u</b>\n</a>").unwrap();
        assert_eq!((root.name, root.line, root.attr("x")), ("a", 2, Some("1")));
        let b = root.first("b").unwrap();
        assert_eq!((b.line, &*b.text), (4, "t < u"));
    }

    #[test]
    fn what_is_not_plain_xml_is_refused_with_its_place() {
        for bad in ["<a>\n<b></a>", "<!DOCTYPE a><a/>", "<a>&x;</a>", "", "<a><![CDATA[x]]></a>"] {
            assert!(read("f.xsd", bad).is_err(), "{bad}");
        }
        assert_eq!(read("f.xsd", "<a>\n<b></a>").unwrap_err().line, 2);
        let deep = "<a>".repeat(XML_DEPTH_MAX + 1);
        assert!(read("f.xsd", &deep).unwrap_err().message.contains("deeper"));
    }
}
