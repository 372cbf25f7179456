//! How a web service is asked: texts with places to be filled, pages, and what its answers say of
//! themselves.

use std::borrow::Cow;
use std::collections::BTreeMap;

use canon::Millis;

use crate::source::{FileSource, Form, Query};
use crate::times::Times;
use crate::tree::Text;

/// Rows of a web service.
#[derive(Clone, Debug)]
pub struct HttpSource {
    /// What its answers are.
    pub answers: AnswerForm,
    /// Most requests a minute; 0 is no limit.
    pub per_minute: u64,
    /// How it writes times.
    pub times: Times,
    /// Headers of every request but the login's.
    pub headers: Vec<(Text, Template)>,
    /// Where an answer says how it went; none where only the status does.
    pub code: Option<AnswerCode>,
    /// The call that gives a token.
    pub login: Option<Login>,
    /// What rows it gives.
    pub queries: Vec<Query>,
    /// How each query is asked.
    pub asks: Vec<Ask>,
}

impl HttpSource {
    /// A query's answers, read as if each were a file.
    pub fn as_file(&self, query: usize) -> Option<FileSource> {
        let (query, ask) = (self.queries.get(query)?, self.asks.get(query)?);
        let form = match self.answers {
            AnswerForm::Json => Form::Json(ask.record.clone()),
            AnswerForm::Xml => Form::Xml(ask.record.clone()),
        };
        Some(FileSource::of(form, vec![query.clone()]))
    }
}

/// What answers are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AnswerForm {
    /// JSON.
    #[default]
    Json,
    /// XML.
    Xml,
}

/// How one query is asked.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The request.
    pub call: Call,
    /// The request of a back-fill, with `{from}` and `{to}`.
    pub history: Option<Call>,
    /// Path of the records in an answer, as in files.
    pub record: String,
    /// How the next page is asked for.
    pub pages: Pages,
    /// `{since}` of the first pass of all.
    pub begin: Option<Millis>,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Call {
    /// With a body.
    pub post: bool,
    /// Path below the address that the node says.
    pub path: Template,
    /// The query; a parameter that is filled with nothing is left out.
    pub params: Vec<(Text, Template)>,
    /// Headers of this request alone.
    pub headers: Vec<(Text, Template)>,
    /// The body.
    pub body: Option<Template>,
    /// What the body is.
    pub content: Content,
}

impl Call {
    /// Every template of it.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        let named = self.params.iter().chain(&self.headers).map(|(_, template)| template);
        std::iter::once(&self.path).chain(named).chain(&self.body)
    }
}

/// What a body is; how what fills it is escaped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Content {
    /// JSON; what fills it stands within quotes.
    #[default]
    Json,
    /// XML.
    Xml,
    /// A form.
    Form,
}

impl Content {
    /// The header `Content-Type`.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json; charset=utf-8",
            Self::Xml => "text/xml; charset=utf-8",
            Self::Form => "application/x-www-form-urlencoded",
        }
    }

    /// How what fills the body is escaped.
    pub const fn escape(self) -> Escape {
        match self {
            Self::Json => Escape::Json,
            Self::Xml => Escape::Xml,
            Self::Form => Escape::Url,
        }
    }
}

/// How the next page is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pages {
    /// By what.
    pub by: By,
    /// Number of the first page, or the first offset.
    pub first: u64,
    /// Rows that a page is asked for.
    pub size: u64,
    /// Path in the answer of how many rows there are in all.
    pub total: Option<String>,
    /// Path in the answer of whether there is more.
    pub more: Option<String>,
    /// A page with fewer rows than asked for is the last.
    pub short_is_last: bool,
    /// Most pages of one pass.
    pub max: u64,
}

/// By what the next page is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// There is one page.
    None,
    /// Its number.
    Page,
    /// How many rows there were.
    Offset,
    /// A cursor at this path of the answer.
    Cursor(String),
    /// A link at this path of the answer.
    Link(String),
}

/// Where an answer says how it went, and what its words mean.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnswerCode {
    /// Path.
    pub path: String,
    /// All is well.
    pub fine: Vec<String>,
    /// Well, and there are no rows.
    pub empty: Vec<String>,
    /// The token is no longer good.
    pub login: Vec<String>,
    /// We are not let in.
    pub denied: Vec<String>,
}

/// The call that gives a token.
#[derive(Clone, Debug)]
pub struct Login {
    /// The request.
    pub call: Call,
    /// Path of the token in the answer.
    pub token: String,
    /// Path of how many seconds it is good for.
    pub expires: Option<String>,
    /// How many seconds it is good for, where the answer does not say.
    pub lifetime_seconds: Option<u64>,
}

/// A text with places to be filled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    /// Its pieces, in order.
    pub pieces: Vec<Piece>,
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Text as it is.
    Plain(String),
    /// A place to be filled.
    Slot(Slot),
}

/// What fills a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slot {
    /// `{page}`: number of the page.
    Page,
    /// `{offset}`: rows before the page.
    Offset,
    /// `{size}`: rows of a page.
    Size,
    /// `{cursor}`: what the answer before handed out.
    Cursor,
    /// `{since}`: rows changed from here on.
    Since,
    /// `{until}`: when the pass began.
    Until,
    /// `{from}`: first moment of a back-fill.
    From,
    /// `{to}`: its last second.
    To,
    /// `{token}`: what the login gave.
    Token,
    /// `{secret.NAME}`: a secret that the node names.
    Secret(String),
    /// `{value.NAME}`: a text that the node names.
    Value(String),
}

/// The words of the slots.
pub(crate) const SLOTS: &[&str] = &[
    "page",
    "offset",
    "size",
    "cursor",
    "since",
    "until",
    "from",
    "to",
    "token",
    "secret.NAME",
    "value.NAME",
];

impl Slot {
    fn read(word: &str) -> Option<Self> {
        Some(match word {
            "page" => Self::Page,
            "offset" => Self::Offset,
            "size" => Self::Size,
            "cursor" => Self::Cursor,
            "since" => Self::Since,
            "until" => Self::Until,
            "from" => Self::From,
            "to" => Self::To,
            "token" => Self::Token,
            _ => match word.split_once('.')? {
                ("secret", name) if !name.is_empty() => Self::Secret(name.to_owned()),
                ("value", name) if !name.is_empty() => Self::Value(name.to_owned()),
                _ => return None,
            },
        })
    }
}

/// How what fills a place is escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escape {
    /// As it is: headers.
    None,
    /// Within a path, a query or a form.
    Url,
    /// Within the quotes of a JSON text.
    Json,
    /// Within an element or attribute.
    Xml,
}

impl Escape {
    /// The value so that it cannot break out of its place.
    pub fn of(self, value: &str) -> Cow<'_, str> {
        match self {
            Self::None => Cow::Borrowed(value),
            Self::Url => url(value),
            Self::Json => {
                let quoted = serde_json::Value::from(value).to_string();
                Cow::Owned(quoted.get(1..quoted.len() - 1).unwrap_or_default().to_owned())
            }
            Self::Xml => quick_xml::escape::escape(value),
        }
    }
}

/// Every byte that is not unreserved as `%XX`.
fn url(value: &str) -> Cow<'_, str> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    if value.bytes().all(plain) {
        return Cow::Borrowed(value);
    }
    let one = |b: u8| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") };
    Cow::Owned(value.bytes().map(one).collect())
}

impl Template {
    /// Reads `text {slot} text`. What stands in braces and is no word (`{"a":1}`) is text.
    ///
    /// # Errors
    /// The word in braces that is none of the slots.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
        let (mut pieces, mut plain, mut rest) = (Vec::new(), String::new(), text);
        while let Some((before, after)) = rest.split_once('{') {
            plain.push_str(before);
            rest = after;
            let inside = after.split_once('}').filter(|(w, _)| {
                w.starts_with(|c: char| c.is_ascii_lowercase()) && w.chars().all(word)
            });
            let Some((inside, after)) = inside else {
                plain.push('{');
                continue;
            };
            let slot = Slot::read(inside).ok_or_else(|| inside.to_owned())?;
            if !plain.is_empty() {
                pieces.push(Piece::Plain(std::mem::take(&mut plain)));
            }
            pieces.push(Piece::Slot(slot));
            rest = after;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Plain(plain));
        }
        Ok(Self { pieces })
    }

    /// The places to be filled.
    pub fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Slot(slot) => Some(slot),
            Piece::Plain(_) => None,
        })
    }

    /// The text with its places filled, and whether there are places and every one of them is filled
    /// with nothing.
    pub fn fill(&self, escape: Escape, value: impl Fn(&Slot) -> String) -> (String, bool) {
        let mut out = String::new();
        let (mut places, mut filled) = (0, 0);
        for piece in &self.pieces {
            match piece {
                Piece::Plain(text) => out.push_str(text),
                Piece::Slot(slot) => {
                    let value = value(slot);
                    places += 1;
                    filled += usize::from(!value.is_empty());
                    out.push_str(&escape.of(&value));
                }
            }
        }
        (out, places > 0 && filled == 0)
    }
}

/// A JSON text whose places `{secret.NAME}` and `{value.NAME}`, within its quotes, are filled.
///
/// # Errors
/// The place that cannot be filled.
pub fn filled_json(
    text: &str,
    secrets: &BTreeMap<String, String>,
    values: &BTreeMap<String, String>,
) -> Result<String, String> {
    let template = Template::read(text)?;
    let found = |slot: &Slot| match slot {
        Slot::Secret(name) => secrets.get(name),
        Slot::Value(name) => values.get(name),
        _ => None,
    };
    if let Some(slot) = template.slots().find(|slot| found(slot).is_none()) {
        return Err(match slot {
            Slot::Secret(name) => format!("secret.{name}"),
            Slot::Value(name) => format!("value.{name}"),
            other => format!("{other:?}").to_lowercase(),
        });
    }
    Ok(template.fill(Escape::Json, |slot| found(slot).cloned().unwrap_or_default()).0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_word_in_braces_and_braces_of_json_are_text() {
        let body = r#"{"page":{page},"who":{"id":"{value.organ}"},"empty":{}}"#;
        let template = Template::read(body).unwrap();
        let slots: Vec<&Slot> = template.slots().collect();
        assert_eq!(slots, [&Slot::Page, &Slot::Value("organ".into())]);
        let filled = template.fill(Escape::Json, |slot| match slot {
            Slot::Page => "3".into(),
            _ => "甲\"乙\\".into(),
        });
        let (filled, _) = filled;
        let want = r#"{"page":3,"who":{"id":"甲\"乙\\"},"empty":{}}"#;
        assert_eq!(filled, want);
        assert_eq!(Template::read("{pages}"), Err("pages".into()));
        assert_eq!(Template::read("{secret.}"), Err("secret.".into()));
    }

    #[test]
    fn what_fills_a_place_cannot_break_out_of_it() {
        let template = Template::read("a={cursor}").unwrap();
        let fill = |escape, value: &str| template.fill(escape, |_| value.to_owned()).0;
        assert_eq!(fill(Escape::Url, "x&b=1/..#?%甲 "), "a=x%26b%3D1%2F..%23%3F%25%E7%94%B2%20");
        assert_eq!(fill(Escape::Xml, "<a b='\"&"), "a=&lt;a b=&apos;&quot;&amp;");
        assert_eq!(fill(Escape::None, "Bearer 1"), "a=Bearer 1");
        assert!(template.fill(Escape::Url, |_| String::new()).1);
        let plain = Template::read("v2").unwrap();
        assert_eq!(plain.fill(Escape::Url, |_| String::new()), ("v2".into(), false));
    }

    #[test]
    fn a_configuration_is_filled_or_refused() {
        let one = |name: &str, text: &str| [(name.to_owned(), text.to_owned())].into();
        let (secrets, values) = (one("db", "p\"w"), one("path", "/data"));
        let text = r#"{"path":"{value.path}","password":"{secret.db}","limits":{"a":1}}"#;
        let filled = filled_json(text, &secrets, &values).unwrap();
        assert_eq!(filled, r#"{"path":"/data","password":"p\"w","limits":{"a":1}}"#);
        assert_eq!(filled_json("{secret.x}", &secrets, &values), Err("secret.x".into()));
        assert_eq!(filled_json("{token}", &secrets, &values), Err("token".into()));
    }
}
