//! Reads the XML of a format's files into plain nodes that remember file and line.

use std::sync::Arc;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::model::FormatProblem;
use crate::limits::XML_DEPTH_MAX;

/// One element of an XSD file.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) attrs: Vec<(String, String)>,
    pub(crate) children: Vec<Node>,
    pub(crate) text: String,
    pub(crate) file: Arc<str>,
    pub(crate) line: usize,
}

impl Node {
    /// An attribute's value.
    pub(crate) fn attr(&self, name: &str) -> Option<&str> {
        self.attrs.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// Children of one name.
    pub(crate) fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Node> {
        self.children.iter().filter(move |c| c.name == name)
    }

    /// First child of a name.
    pub(crate) fn first(&self, name: &str) -> Option<&Node> {
        self.children.iter().find(|c| c.name == name)
    }

    /// A problem at this place.
    pub(crate) fn problem(&self, message: impl Into<String>) -> FormatProblem {
        FormatProblem { file: self.file.to_string(), line: self.line, message: message.into() }
    }
}

/// Reads one file into its root node.
pub(crate) fn read(file: &str, text: &str) -> Result<Node, FormatProblem> {
    let file: Arc<str> = file.into();
    let mut reader = Reader::from_str(text);
    let mut lines = Lines { text, at: 0, line: 1 };
    let mut open: Vec<Node> = vec![];
    let mut root = None;
    loop {
        let line = lines.at(reader.buffer_position() as usize);
        let problem = |message: String| FormatProblem { file: file.to_string(), line, message };
        let event = reader
            .read_event()
            .map_err(|e| problem(format!("not well-formed XML: {e}; mend it")))?;
        match event {
            Event::Start(start) => {
                if open.len() >= XML_DEPTH_MAX {
                    return Err(problem(format!("nested deeper than {XML_DEPTH_MAX}; flatten it")));
                }
                open.push(node(&start, &file, line).map_err(problem)?);
            }
            Event::Empty(start) => {
                let node = node(&start, &file, line).map_err(problem)?;
                place(node, &mut open, &mut root);
            }
            Event::End(_) => {
                if let Some(node) = open.pop() {
                    place(node, &mut open, &mut root);
                }
            }
            Event::Text(t) => {
                if let Some(top) = open.last_mut() {
                    top.text.push_str(&t.xml10_content());
                }
            }
            Event::GeneralRef(r) => {
                let Some(c) = predefined(&r.into_inner()) else {
                    return Err(problem("an entity that XML does not define; write it out".into()));
                };
                if let Some(top) = open.last_mut() {
                    top.text.push(c);
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
        file: file.to_string(),
        line: 1,
        message: "the file is empty; it should hold one xs:schema".to_owned(),
    })
}

fn place(node: Node, open: &mut [Node], root: &mut Option<Node>) {
    match open.last_mut() {
        Some(parent) => parent.children.push(node),
        None => *root = Some(node),
    }
}

fn node(start: &BytesStart<'_>, file: &Arc<str>, line: usize) -> Result<Node, String> {
    let mut attrs = vec![];
    for attr in start.attributes() {
        let attr = attr.map_err(|e| format!("bad attribute: {e}; mend it"))?;
        let value = quick_xml::escape::unescape(&attr.value)
            .map_err(|e| format!("bad attribute value: {e}; mend it"))?;
        attrs.push((attr.key.as_ref().to_owned(), value.into_owned()));
    }
    let name = start.name().as_ref().to_owned();
    Ok(Node { name, attrs, children: vec![], text: String::new(), file: file.clone(), line })
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
        assert_eq!((root.name.as_str(), root.line, root.attr("x")), ("a", 2, Some("1")));
        let b = root.first("b").unwrap();
        assert_eq!((b.line, b.text.as_str()), (4, "t < u"));
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
