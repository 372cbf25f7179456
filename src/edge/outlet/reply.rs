//! What stands in a platform's answer: XML or JSON, its code and its words, for one record or for each.

use quick_xml::Reader;
use quick_xml::events::Event;
use serde::Deserialize;

/// Deepest nesting of an answer.
const DEPTH_MAX: usize = 32;
/// Most values of an answer.
const VALUES_MAX: usize = 100_000;

/// Where in an answer what stands; names without prefixes, wherever they are.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reading {
    /// The code.
    pub(super) code: String,
    /// The words.
    pub(super) text: Option<String>,
    /// More words, each time the name comes.
    pub(super) more: Option<String>,
    /// The element whose text is the answer itself, once more as XML or JSON.
    pub(super) inside: Option<String>,
    /// What surrounds the answer for one record of a batch.
    pub(super) item: Option<String>,
    /// The message id in it.
    pub(super) key: Option<String>,
}

/// The answer for one record, or for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reply {
    /// Message id; empty where the answer is for all.
    pub(super) key: String,
    /// Code.
    pub(super) code: String,
    /// Words.
    pub(super) text: String,
}

/// A name with its text, or the beginning of a part (`None`).
type Value = (String, Option<String>);

/// The answers in a body; none where it is no answer.
pub(super) fn replies(body: &[u8], reading: &Reading) -> Vec<Reply> {
    let Ok(text) = std::str::from_utf8(body) else { return Vec::new() };
    let mut values = values(text);
    if let Some(inside) = &reading.inside {
        let text = |(name, text): &Value| text.clone().filter(|_| name == inside);
        let own = values.iter().find_map(text);
        if let Some(own) = own {
            values = self::values(&own);
            if values.is_empty() && !own.trim().is_empty() {
                // The bare word is the code.
                let code = own.trim().to_owned();
                return vec![Reply { code, ..Reply::default() }];
            }
        }
    }
    let mut parts: Vec<Vec<(String, String)>> = vec![Vec::new()];
    for (name, text) in values {
        match text {
            None if reading.item.as_ref() == Some(&name) => parts.push(Vec::new()),
            None => {}
            Some(text) => parts.last_mut().expect("there is one").push((name, text)),
        }
    }
    let each = parts.len() > 1;
    let skip = usize::from(each);
    parts.iter().skip(skip).filter_map(|part| reply(part, reading, each)).collect()
}

fn reply(part: &[(String, String)], reading: &Reading, each: bool) -> Option<Reply> {
    let find = |name: &str| part.iter().find(|(n, _)| n == name).map(|(_, t)| t.clone());
    let code = find(&reading.code)?.trim().to_owned();
    let mut words: Vec<String> = reading.text.as_deref().and_then(find).into_iter().collect();
    let more = part.iter().filter(|(name, _)| reading.more.as_ref() == Some(name));
    words.extend(more.map(|(_, text)| text.clone()));
    words.retain(|word| !word.trim().is_empty());
    let key = reading.key.as_deref().filter(|_| each).and_then(find).unwrap_or_default();
    Some(Reply { key, code, text: words.join("；") })
}

fn values(text: &str) -> Vec<Value> {
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.starts_with('<') {
        return xml(text).unwrap_or_default();
    }
    let mut found = Vec::new();
    if let Ok(value) = serde_json::from_str::<serde_json::Value>(text) {
        json("", &value, 0, &mut found);
    }
    found
}

fn json(name: &str, value: &serde_json::Value, depth: usize, found: &mut Vec<Value>) {
    use serde_json::Value as Json;
    if depth > DEPTH_MAX || found.len() > VALUES_MAX {
        return;
    }
    match value {
        Json::Null => {}
        Json::Object(fields) => {
            found.push((name.to_owned(), None));
            for (name, value) in fields {
                json(name, value, depth + 1, found);
            }
        }
        Json::Array(items) => items.iter().for_each(|item| json(name, item, depth + 1, found)),
        Json::String(text) => found.push((name.to_owned(), Some(text.clone()))),
        Json::Bool(_) | Json::Number(_) => {
            found.push((name.to_owned(), Some(value.to_string())));
        }
    }
}

fn xml(text: &str) -> Option<Vec<Value>> {
    let mut reader = Reader::from_str(text);
    let mut found: Vec<Value> = Vec::new();
    let mut open: Vec<(String, String, bool)> = Vec::new();
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                let name = start.local_name().as_ref().to_owned();
                if let Some((_, _, parent)) = open.last_mut() {
                    *parent = true;
                }
                found.push((name.clone(), None));
                open.push((name, String::new(), false));
            }
            Event::Empty(empty) => {
                let name = empty.local_name().as_ref().to_owned();
                found.push((name, Some(String::new())));
            }
            Event::Text(text) => {
                let text = text.xml10_content();
                open.last_mut().into_iter().for_each(|(_, own, _)| own.push_str(&text));
            }
            Event::CData(text) => {
                let text = text.xml10_content();
                open.last_mut().into_iter().for_each(|(_, own, _)| own.push_str(&text));
            }
            Event::GeneralRef(name) => {
                let char = match name.resolve_char_ref().ok()? {
                    Some(char) => char.to_string(),
                    None => quick_xml::escape::resolve_predefined_entity(&name)?.to_owned(),
                };
                open.last_mut().into_iter().for_each(|(_, own, _)| own.push_str(&char));
            }
            Event::End(_) => {
                let (name, own, parent) = open.pop()?;
                if !parent {
                    found.push((name, Some(own)));
                }
            }
            // Nothing is declared here that could grow.
            Event::DocType(_) => return None,
            Event::Eof => return open.is_empty().then_some(found),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
        }
        if open.len() > DEPTH_MAX || found.len() > VALUES_MAX {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading() -> Reading {
        Reading {
            code: "code".into(),
            text: Some("desc".into()),
            more: Some("string".into()),
            inside: Some("return".into()),
            item: Some("item".into()),
            key: Some("identifyKey".into()),
        }
    }

    fn said(body: &str) -> Vec<(String, String, String)> {
        replies(body.as_bytes(), &reading()).into_iter().map(|r| (r.key, r.code, r.text)).collect()
    }

    fn one(code: &str, text: &str) -> Vec<(String, String, String)> {
        vec![(String::new(), code.into(), text.into())]
    }

    #[test]
    fn an_answer_is_found_wherever_it_stands() {
        let soap = |inner: &str| {
            format!(
                "<s:Envelope xmlns:s=\"urn:s\"><s:Body><ns:r xmlns:ns=\"urn:f\"><ns:return>{inner}</ns:return></ns:r></s:Body></s:Envelope>"
            )
        };
        let plain = "<a:code>4</a:code><a:desc>校验失败</a:desc><a:reasonList><a:string>证件号码</a:string><a:string>超长</a:string></a:reasonList>";
        assert_eq!(said(&soap(plain)), one("4", "校验失败；证件号码；超长"));
        let escaped =
            "&lt;DealResult&gt;&lt;code&gt;0&lt;/code&gt;&lt;desc/&gt;&lt;/DealResult&gt;";
        assert_eq!(said(&soap(escaped)), one("0", ""));
        assert_eq!(
            said(&soap(
                "<![CDATA[<DealResult><code>1</code><desc>甲&amp;乙</desc></DealResult>]]>"
            )),
            one("1", "甲&乙")
        );
        assert_eq!(said(&soap("001")), one("001", ""), "the bare word");
        assert_eq!(said("{\"code\":0,\"desc\":\"ok\"}"), one("0", "ok"));
    }

    #[test]
    fn each_record_of_a_batch_has_its_own() {
        let wanted = vec![
            ("a".to_owned(), "0".to_owned(), String::new()),
            ("b".to_owned(), "1".to_owned(), "缺项".to_owned()),
        ];
        let xml = "<R><item><identifyKey>a</identifyKey><code>0</code></item><item><identifyKey>b</identifyKey><code>1</code><desc>缺项</desc></item></R>";
        assert_eq!(said(xml), wanted);
        let json = "{\"item\":[{\"identifyKey\":\"a\",\"code\":\"0\"},{\"identifyKey\":\"b\",\"code\":1,\"desc\":\"缺项\"}]}";
        assert_eq!(said(json), wanted);
    }

    #[test]
    fn what_is_no_answer_says_nothing() {
        for body in ["", "<html><body>502</body></html>", "<R><code>0", "{\"code\":", "OK"] {
            assert_eq!(said(body), [], "{body}");
        }
        let bomb = "<!DOCTYPE r [<!ENTITY a \"aa\">]><r><code>&a;</code></r>";
        assert_eq!(said(bomb), []);
        let deep = "<a>".repeat(100) + "<code>0</code>" + &"</a>".repeat(100);
        assert_eq!(said(&deep), []);
    }
}
