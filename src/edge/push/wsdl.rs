//! The description of a SOAP service, written from the package: its operation, its record, its answer.

use std::fmt::Write as _;

use adapt::Soap;

use super::door::Parts;
use super::soap::put;

/// Writes it; `address` is where the client found it.
pub(super) fn write(parts: &Parts, soap: &Soap, address: &str) -> String {
    let (op, ns) = (&soap.operation, escaped(&soap.namespace));
    let (title, action) = (escaped(&parts.title), escaped(&soap.action));
    let address = escaped(address);
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <wsdl:definitions xmlns:wsdl=\"http://schemas.xmlsoap.org/wsdl/\" \
         xmlns:soap=\"http://schemas.xmlsoap.org/wsdl/soap/\" \
         xmlns:soap12=\"http://schemas.xmlsoap.org/wsdl/soap12/\" \
         xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" xmlns:tns=\"{ns}\" \
         targetNamespace=\"{ns}\" name=\"{op}Service\">\n\
         <wsdl:documentation>{title}</wsdl:documentation>\n<wsdl:types>\n"
    );
    schema(&mut out, parts, soap);
    write!(
        out,
        "</wsdl:types>\n\
         <wsdl:message name=\"{op}Request\"><wsdl:part name=\"parameters\" element=\"tns:{op}\"/></wsdl:message>\n\
         <wsdl:message name=\"{op}Answer\"><wsdl:part name=\"parameters\" element=\"tns:{op}Response\"/></wsdl:message>\n\
         <wsdl:portType name=\"{op}Port\"><wsdl:operation name=\"{op}\">\
         <wsdl:input message=\"tns:{op}Request\"/><wsdl:output message=\"tns:{op}Answer\"/>\
         </wsdl:operation></wsdl:portType>\n"
    )
    .expect("writing to a string cannot fail");
    for (prefix, suffix) in [("soap", "11"), ("soap12", "12")] {
        writeln!(
            out,
            "<wsdl:binding name=\"{op}Soap{suffix}\" type=\"tns:{op}Port\">\
             <{prefix}:binding style=\"document\" transport=\"http://schemas.xmlsoap.org/soap/http\"/>\
             <wsdl:operation name=\"{op}\"><{prefix}:operation soapAction=\"{action}\" style=\"document\"/>\
             <wsdl:input><{prefix}:body use=\"literal\"/></wsdl:input>\
             <wsdl:output><{prefix}:body use=\"literal\"/></wsdl:output></wsdl:operation></wsdl:binding>"
        )
        .expect("writing to a string cannot fail");
    }
    write!(out, "<wsdl:service name=\"{op}Service\">").expect("writing to a string cannot fail");
    for (prefix, suffix) in [("soap", "11"), ("soap12", "12")] {
        write!(
            out,
            "<wsdl:port name=\"{op}Soap{suffix}\" binding=\"tns:{op}Soap{suffix}\">\
             <{prefix}:address location=\"{address}\"/></wsdl:port>"
        )
        .expect("writing to a string cannot fail");
    }
    out.push_str("</wsdl:service>\n</wsdl:definitions>\n");
    out
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    put(&mut out, text);
    out
}

/// The schema of what goes in and what comes back.
pub(super) fn schema(out: &mut String, parts: &Parts, soap: &Soap) {
    let ns = escaped(&soap.namespace);
    write!(
        out,
        "<xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" targetNamespace=\"{ns}\" elementFormDefault=\"qualified\">\n\
         <xs:element name=\"{}\">",
        soap.operation
    )
    .expect("writing to a string cannot fail");
    match &soap.payload {
        Some(payload) => {
            let what = format!("文档文本，记录元素为 {}", soap.record);
            let what = escaped(&what);
            write!(
                out,
                "<xs:complexType><xs:sequence><xs:element name=\"{payload}\" type=\"xs:string\">\
                 <xs:annotation><xs:documentation>{what}</xs:documentation></xs:annotation>\
                 </xs:element></xs:sequence></xs:complexType>"
            )
            .expect("writing to a string cannot fail");
        }
        None => {
            let queries = &parts.source.body.queries;
            let mut record = Element::default();
            for column in queries.iter().flat_map(|q| &q.columns) {
                record.add(&column.text);
            }
            let path: Vec<&str> = soap.record.split('/').filter(|s| !s.is_empty()).collect();
            around(out, &path, &record);
        }
    }
    out.push_str("</xs:element>\n");
    answer(out, &soap.operation);
    out.push_str("</xs:schema>\n");
}

/// The elements around the records, and the record, any number of them.
fn around(out: &mut String, path: &[&str], record: &Element) {
    let Some((name, rest)) = path.split_first() else { return };
    out.push_str("<xs:complexType><xs:sequence>");
    let many = if rest.is_empty() { " minOccurs=\"0\" maxOccurs=\"unbounded\"" } else { "" };
    write!(out, "<xs:element name=\"{name}\"{many}>").expect("writing to a string cannot fail");
    if rest.is_empty() {
        record.write(out);
    } else {
        around(out, rest, record);
    }
    out.push_str("</xs:element></xs:sequence></xs:complexType>");
}

/// An element of a record, as its columns' paths say.
#[derive(Default)]
struct Element {
    children: Vec<(String, Element)>,
    attributes: Vec<String>,
    value: bool,
}

impl Element {
    fn add(&mut self, path: &str) {
        if let Some(name) = path.strip_prefix('@') {
            self.attributes.push(name.to_owned());
            return;
        }
        let (name, rest) = path.split_once('/').unwrap_or((path, ""));
        let at = self.children.iter().position(|(n, _)| n == name).unwrap_or_else(|| {
            self.children.push((name.to_owned(), Self::default()));
            self.children.len() - 1
        });
        let Some((_, child)) = self.children.get_mut(at) else { return };
        if rest.is_empty() {
            child.value = true;
        } else {
            child.add(rest);
        }
    }

    /// Its type. Elements may come in any order, so that a client that lists them otherwise is no
    /// other client.
    fn write(&self, out: &mut String) {
        let mixed = if self.value && !self.children.is_empty() { " mixed=\"true\"" } else { "" };
        write!(out, "<xs:complexType{mixed}>").expect("writing to a string cannot fail");
        if self.value && self.children.is_empty() {
            out.push_str("<xs:simpleContent><xs:extension base=\"xs:string\">");
            self.attributes(out);
            out.push_str("</xs:extension></xs:simpleContent></xs:complexType>");
            return;
        }
        out.push_str("<xs:all>");
        for (name, child) in &self.children {
            write!(out, "<xs:element name=\"{name}\" minOccurs=\"0\"")
                .expect("writing to a string cannot fail");
            if child.value && child.children.is_empty() && child.attributes.is_empty() {
                out.push_str(" type=\"xs:string\"/>");
            } else {
                out.push('>');
                child.write(out);
                out.push_str("</xs:element>");
            }
        }
        out.push_str("</xs:all>");
        self.attributes(out);
        out.push_str("</xs:complexType>");
    }

    fn attributes(&self, out: &mut String) {
        for name in &self.attributes {
            write!(out, "<xs:attribute name=\"{name}\" type=\"xs:string\"/>")
                .expect("writing to a string cannot fail");
        }
    }
}

fn answer(out: &mut String, operation: &str) {
    write!(
        out,
        "<xs:element name=\"{operation}Response\"><xs:complexType><xs:sequence>\
         <xs:element name=\"class\"><xs:annotation><xs:documentation>0 全部收取（含重复）；1 有问题数据，退回来源单位；2 已收存，尚未处理\
         </xs:documentation></xs:annotation><xs:simpleType><xs:restriction base=\"xs:string\">\
         <xs:enumeration value=\"0\"/><xs:enumeration value=\"1\"/><xs:enumeration value=\"2\"/>\
         </xs:restriction></xs:simpleType></xs:element>"
    )
    .expect("writing to a string cannot fail");
    for name in ["code", "message", "id"] {
        write!(out, "<xs:element name=\"{name}\" type=\"xs:string\"/>")
            .expect("writing to a string cannot fail");
    }
    for name in ["collected", "duplicate", "quarantined", "nothing"] {
        write!(out, "<xs:element name=\"{name}\" type=\"xs:int\" minOccurs=\"0\"/>")
            .expect("writing to a string cannot fail");
    }
    out.push_str(
        "<xs:element name=\"row\" minOccurs=\"0\" maxOccurs=\"unbounded\"><xs:complexType><xs:sequence>\
         <xs:element name=\"problem\" minOccurs=\"0\" maxOccurs=\"unbounded\"><xs:complexType><xs:simpleContent>\
         <xs:extension base=\"xs:string\"><xs:attribute name=\"rule\" type=\"xs:string\"/>\
         <xs:attribute name=\"field\" type=\"xs:string\"/></xs:extension></xs:simpleContent></xs:complexType></xs:element>\
         </xs:sequence><xs:attribute name=\"number\" type=\"xs:int\"/><xs:attribute name=\"outcome\" type=\"xs:string\"/>\
         </xs:complexType></xs:element></xs:sequence></xs:complexType></xs:element>\n",
    );
}
