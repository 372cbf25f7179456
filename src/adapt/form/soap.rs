//! SOAP envelopes, 1.1 and 1.2, document/literal: the operation in the body, the records below it, or in a
//! document that one of its elements holds as text, as many services here do.

use std::io::{Cursor, Read, Seek};

use quick_xml::events::{BytesStart, Event};

use super::fault::{FileFault, FormError, damaged};
use super::limits::FormLimits;
use super::xml::{self, decoded};
use super::xml_read::{Xml, XmlError, put_text};
use super::{Take, Told};
use crate::source::{FileSource, Soap};

/// Largest document that an element of a call holds as text, bytes.
pub const PAYLOAD_BYTES_MAX: usize = 64 << 20;

/// Namespace of the envelope, SOAP 1.1.
pub const NS_11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
/// Namespace of the envelope, SOAP 1.2.
pub const NS_12: &str = "http://www.w3.org/2003/05/soap-envelope";

/// Which SOAP a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 1.1.
    V11,
    /// 1.2.
    V12,
}

/// A call, looked over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// How the client speaks, and is answered.
    pub version: Version,
    /// The document that the call holds as text, where the package says so.
    pub payload: Option<String>,
}

/// Whose fault it is, in the words of SOAP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The envelope is of no version known here.
    Version,
    /// A header must be understood and is not.
    MustUnderstand,
    /// Something else about the call.
    Sender,
}

/// Why a call is none.
#[derive(Debug)]
pub enum NoCall {
    /// The envelope is wrong; the version, where it got so far.
    Wrong(Blame, FileFault, Option<Version>),
    /// Reading failed.
    Io(std::io::Error),
}

impl From<NoCall> for FormError {
    fn from(no: NoCall) -> Self {
        match no {
            NoCall::Wrong(_, fault, _) => Self::Wrong(fault),
            NoCall::Io(e) => Self::Io(e),
        }
    }
}

pub(super) fn read(
    mut file: &mut (impl Read + Seek),
    soap: &Soap,
    source: &FileSource,
    limits: &FormLimits,
    take: &mut Take<'_>,
) -> Result<Told, FormError> {
    let call = open(&mut file, soap, limits)?;
    file.rewind()?;
    let told = match call.payload {
        // It is text already: what it declares as its encoding was true elsewhere.
        Some(text) => xml::rows(
            Cursor::new(text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']).as_bytes()),
            &soap.record,
            source,
            limits,
            take,
        ),
        None => {
            let path = format!("Envelope/Body/{}/{}", soap.operation, soap.record);
            xml::read(&mut file, &path, source, limits, take)
        }
    }?;
    // Half a call is none: its sender has the whole.
    if told.cut_off { Err(damaged("the document ends too early").into()) } else { Ok(told) }
}

/// Looks a call over: version, headers, operation, and the document in it.
///
/// # Errors
/// It is no call of this operation.
pub fn open(
    file: &mut (impl Read + Seek),
    soap: &Soap,
    limits: &FormLimits,
) -> Result<Call, NoCall> {
    let mut opening = Opening::new(soap);
    match opening.run(file, limits) {
        Ok(()) => opening.call(),
        Err(FormError::Io(e)) => Err(NoCall::Io(e)),
        Err(FormError::Wrong(fault)) => Err(NoCall::Wrong(opening.blame, fault, opening.version)),
    }
}

/// What the envelope has said so far.
struct Opening<'s> {
    soap: &'s Soap,
    version: Option<Version>,
    blame: Blame,
    depth: usize,
    /// Namespace declarations: at which depth, prefix, namespace.
    spaces: Vec<(usize, String, String)>,
    in_body: bool,
    bodies: usize,
    operations: usize,
    /// The text of the payload element.
    payload: Option<String>,
    in_payload: bool,
}

impl<'s> Opening<'s> {
    const fn new(soap: &'s Soap) -> Self {
        Self {
            soap,
            version: None,
            blame: Blame::Sender,
            depth: 0,
            spaces: Vec::new(),
            in_body: false,
            bodies: 0,
            operations: 0,
            payload: None,
            in_payload: false,
        }
    }

    fn run(&mut self, file: &mut (impl Read + Seek), limits: &FormLimits) -> Result<(), FormError> {
        let mut limits = *limits;
        if self.soap.payload.is_some() {
            limits.token_bytes_max = limits.token_bytes_max.max(PAYLOAD_BYTES_MAX as u64);
        }
        let mut xml = Xml::new(decoded(file)?, &limits);
        while let Some(event) = xml.next().map_err(FormError::from)? {
            self.event(&event)?;
        }
        Ok(())
    }

    fn event(&mut self, event: &Event<'_>) -> Result<(), XmlError> {
        match event {
            Event::Start(start) => {
                self.depth += 1;
                self.start(start)
            }
            Event::End(_) => {
                self.in_payload &= self.depth > 4;
                self.in_body &= self.depth > 2;
                self.spaces.retain(|(depth, _, _)| *depth < self.depth);
                self.depth = self.depth.saturating_sub(1);
                Ok(())
            }
            // An entity of the document's own is refused wherever it stands.
            event if !self.in_payload => put_text(event, &mut String::new()),
            event => {
                let text = self.payload.get_or_insert_default();
                put_text(event, text)?;
                if text.len() > PAYLOAD_BYTES_MAX {
                    return Err(FileFault::limit("payload", PAYLOAD_BYTES_MAX as u64).into());
                }
                Ok(())
            }
        }
    }

    fn start(&mut self, start: &BytesStart<'_>) -> Result<(), XmlError> {
        if self.in_payload {
            return Err(operation(
                "its document is text, escaped or CDATA",
                "文档应为转义文本或 CDATA",
            ));
        }
        if self.depth > 4 {
            return Ok(());
        }
        self.declare(start)?;
        let name = start.local_name();
        let (space, name) = (self.space(start), name.as_ref());
        match self.depth {
            1 => self.envelope(&space, name),
            2 => {
                self.in_body = name == "Body" && self.is_envelope(&space);
                self.bodies += usize::from(self.in_body);
                if self.bodies > 1 {
                    Err(operation("it has two bodies", "有两个 Body"))
                } else {
                    Ok(())
                }
            }
            3 if self.in_body => {
                self.operations += 1;
                let right = name == self.soap.operation && space == self.soap.namespace;
                if right && self.operations == 1 {
                    return Ok(());
                }
                Err(FileFault {
                    code: "post.soap_operation",
                    zh: format!(
                        "本服务只有操作 {{{}}}{}，请求中不是这一个",
                        self.soap.namespace, self.soap.operation
                    ),
                    en: format!(
                        "the one operation here is {{{}}}{}, and the call is another",
                        self.soap.namespace, self.soap.operation
                    ),
                }
                .into())
            }
            3 => self.header(start),
            _ => {
                let wanted = self.in_body && self.soap.payload.as_deref() == Some(name);
                if wanted && self.payload.is_some() {
                    return Err(operation("its document is there twice", "文档元素出现两次"));
                }
                self.in_payload = wanted;
                if wanted {
                    self.payload = Some(String::new());
                }
                Ok(())
            }
        }
    }

    fn envelope(&mut self, space: &str, name: &str) -> Result<(), XmlError> {
        self.version = match space {
            NS_11 => Some(Version::V11),
            NS_12 => Some(Version::V12),
            _ => None,
        };
        if name == "Envelope" && self.version.is_some() {
            return Ok(());
        }
        self.blame = Blame::Version;
        Err(FileFault {
            code: "post.soap_version",
            zh: "不是 SOAP 1.1 或 1.2 的 Envelope".into(),
            en: "this is no Envelope of SOAP 1.1 or 1.2".into(),
        }
        .into())
    }

    fn is_envelope(&self, space: &str) -> bool {
        match self.version {
            Some(Version::V11) => space == NS_11,
            Some(Version::V12) => space == NS_12,
            None => false,
        }
    }

    /// A header block: what must be understood is not.
    fn header(&mut self, start: &BytesStart<'_>) -> Result<(), XmlError> {
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|_| damaged("an attribute"))?;
            let must = attribute.key.local_name().as_ref() == "mustUnderstand"
                && matches!(attribute.value.trim(), "1" | "true");
            if must {
                self.blame = Blame::MustUnderstand;
                return Err(FileFault {
                    code: "post.soap_header",
                    zh: "请求带有必须理解的 SOAP 头，本服务不使用 SOAP 头".into(),
                    en: "a header must be understood, and this service has none".into(),
                }
                .into());
            }
        }
        Ok(())
    }

    fn declare(&mut self, start: &BytesStart<'_>) -> Result<(), XmlError> {
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|_| damaged("an attribute"))?;
            let key: &str = attribute.key.as_ref();
            let prefix = match key.strip_prefix("xmlns") {
                Some("") => "",
                Some(rest) => match rest.strip_prefix(':') {
                    Some(prefix) => prefix,
                    None => continue,
                },
                None => continue,
            };
            let value = quick_xml::escape::unescape(&attribute.value);
            let value = value.map_err(|_| super::fault::document_type())?;
            self.spaces.push((self.depth, prefix.to_owned(), value.into_owned()));
        }
        Ok(())
    }

    /// The namespace of an element; empty where it has none.
    fn space(&self, start: &BytesStart<'_>) -> String {
        let name = start.name();
        let name: &str = name.as_ref();
        let prefix = name.split_once(':').map_or("", |(prefix, _)| prefix);
        let said = self.spaces.iter().rev().find(|(_, p, _)| p == prefix);
        said.map(|(_, _, space)| space.clone()).unwrap_or_default()
    }

    fn call(self) -> Result<Call, NoCall> {
        let wrong = |en: &str, zh: &str| {
            let fault = fault(en, zh);
            NoCall::Wrong(Blame::Sender, fault, self.version)
        };
        let Some(version) = self.version else { return Err(wrong("it is empty", "内容为空")) };
        if self.operations == 0 {
            return Err(wrong("its body is empty", "Body 为空"));
        }
        if self.soap.payload.is_some() && self.payload.is_none() {
            return Err(wrong("the element with the document is missing", "缺少装载文档的元素"));
        }
        Ok(Call { version, payload: self.payload })
    }
}

fn fault(en: &str, zh: &str) -> FileFault {
    FileFault {
        code: "post.soap_operation",
        zh: format!("SOAP 请求不合约定：{zh}"),
        en: format!("the SOAP call is not as agreed: {en}"),
    }
}

fn operation(en: &str, zh: &str) -> XmlError {
    fault(en, zh).into()
}
