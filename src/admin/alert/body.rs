//! What is written into messages, channel by channel. Counts, names of links and adapters, codes: never
//! what stands in a record.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use canon::{Environment, Millis};
use exchange::config::Secret;
use ring::hmac;
use serde_json::json;

use super::post::Letter;
use super::settings::{Lang, To};
use crate::house::Both;

/// Most lines of one message; the pages have all.
const LINES_MAX: usize = 20;
/// Longest content that a robot of WeCom takes, bytes.
const WECOM_BYTES_MAX: usize = 4_096;
/// Longest short message, characters.
const SMS_CHARS_MAX: usize = 200;
/// Header of the signature, as posts to an adapter have it.
pub const SIGNATURE: &str = "x-tiergate-signature";

/// Where a line of a message stands in the life of what it tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It is new to this channel.
    New,
    /// It lasts.
    Again,
    /// It is over.
    Over,
}

impl Turn {
    const fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Again => "again",
            Self::Over => "over",
        }
    }

    const fn name(self, lang: Lang) -> &'static str {
        match self {
            Self::New => lang.of("new", "新告警"),
            Self::Again => lang.of("still so", "仍未恢复"),
            Self::Over => lang.of("it is over", "已恢复"),
        }
    }
}

/// One line of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) key: String,
    pub(super) kind: &'static str,
    pub(super) turn: Turn,
    pub(super) since: Millis,
    pub(super) text: Both,
}

/// Who tells.
#[derive(Clone, Debug)]
pub(super) struct From {
    pub(super) node: String,
    pub(super) title: String,
    pub(super) environment: Environment,
    pub(super) pages: Option<String>,
    pub(super) lang: Lang,
}

/// A message before it is written for its channel.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) title: String,
    pub(super) lines: Vec<Line>,
    /// The morning report: plain lines.
    pub(super) report: Vec<String>,
}

impl From {
    /// What each message begins with.
    fn head(&self, title: &str) -> String {
        let demo = match self.environment {
            Environment::Formal => "",
            Environment::Joint => self.lang.of(" (joint testing)", "（联调环境）"),
            Environment::Demo => self.lang.of(" (demo)", "（演示环境）"),
        };
        format!("【Tiergate】{}{demo} {title}", self.title)
    }

    fn texts(&self, message: &Message) -> Vec<String> {
        let lang = self.lang;
        let one = |l: &Line| {
            let text = lang.of(&l.text.en, &l.text.zh);
            let since = lang.of("since", "自");
            format!("[{}] {text} ({since} {})", l.turn.name(lang), l.since)
        };
        let mut texts: Vec<String> = message.lines.iter().take(LINES_MAX).map(one).collect();
        texts.extend(message.report.iter().cloned());
        let more = message.lines.len().saturating_sub(LINES_MAX);
        if more > 0 {
            texts.push(format!("{} {more}", lang.of("more of them:", "另有：")));
        }
        if let Some(pages) = &self.pages {
            texts.push(format!("{} {pages}", lang.of("pages:", "查看：")));
        }
        texts
    }
}

/// Writes a message for a channel.
pub(super) fn letter(to: &To, from: &From, message: &Message, now: Millis) -> Letter {
    let head = from.head(&message.title);
    let texts = from.texts(message);
    match to {
        To::Webhook { url, key } => webhook(url, key.as_ref(), from, message, now),
        To::DingTalk { url, keyword, key } => {
            let text = robot_text(&head, &texts, keyword.as_deref());
            let body = json!({
                "msgtype": "markdown",
                "markdown": { "title": head, "text": text },
                "at": { "isAtAll": false },
            });
            posted(signed_for_dingtalk(url, key.as_ref(), now), &body)
        }
        To::WeCom { url, keyword } => {
            let text = robot_text(&head, &texts, keyword.as_deref());
            let content = cut(&text, WECOM_BYTES_MAX);
            let body = json!({ "msgtype": "markdown", "markdown": { "content": content } });
            posted(url.clone(), &body)
        }
        To::Mail { to } => Letter::Mail { to: to.clone(), subject: head, text: texts.join("\n") },
        To::SmsGateway { url, media_type, template, phones } => {
            let phone = phones.first().map_or("", String::as_str);
            let text = short(&head, &texts);
            let put = |template: &str, kind: &str| {
                let phone = written(phone, kind);
                template.replace("{phone}", &phone).replace("{text}", &written(&text, kind))
            };
            Letter::Http {
                url: Secret::new(put(url.expose(), "application/x-www-form-urlencoded")),
                headers: Vec::new(),
                media_type: media_type.clone(),
                body: put(template.expose(), media_type).into_bytes(),
            }
        }
        To::SmsTable { phones } => Letter::SmsRow {
            phone: phones.first().cloned().unwrap_or_default(),
            text: short(&head, &texts),
        },
    }
}

/// Whether a channel says it took a message: robots answer 200 and say otherwise in the body.
pub(super) fn taken(to: &To, answer: &[u8]) -> Result<(), String> {
    if !matches!(to, To::DingTalk { .. } | To::WeCom { .. }) {
        return Ok(());
    }
    let said: serde_json::Value = serde_json::from_slice(answer).unwrap_or_default();
    match said.get("errcode").and_then(serde_json::Value::as_i64) {
        Some(0) => Ok(()),
        Some(code) => Err(format!("errcode {code}")),
        None => Err("the answer has no errcode".into()),
    }
}

fn posted(url: Secret, body: &serde_json::Value) -> Letter {
    let body = body.to_string().into_bytes();
    Letter::Http { url, headers: Vec::new(), media_type: "application/json".into(), body }
}

fn webhook(
    url: &Secret,
    key: Option<&Secret>,
    from: &From,
    message: &Message,
    now: Millis,
) -> Letter {
    let alerts: Vec<_> = message
        .lines
        .iter()
        .map(|l| {
            json!({
                "key": l.key, "kind": l.kind, "state": l.turn.word(), "since": l.since.to_string(),
                "en": l.text.en, "zh": l.text.zh,
            })
        })
        .collect();
    let body = json!({
        "node": from.node, "title": from.title, "environment": from.environment,
        "at": now.to_string(), "alerts": alerts, "report": message.report, "pages": from.pages,
    });
    let body = body.to_string().into_bytes();
    let headers = key.map(|key| (SIGNATURE, signature(key, &body, now))).into_iter().collect();
    let media_type = "application/json".into();
    Letter::Http { url: url.clone(), headers, media_type, body }
}

/// `t=SECONDS,v1=HEX` over `SECONDS.BODY`, as posts to an adapter are signed.
fn signature(key: &Secret, body: &[u8], now: Millis) -> String {
    let at = now.0.div_euclid(1000);
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose().as_bytes());
    let text = [format!("{at}.").as_bytes(), body].concat();
    let tag = hmac::sign(&key, &text);
    let hex: String = tag.as_ref().iter().map(|b| format!("{b:02x}")).collect();
    format!("t={at},v1={hex}")
}

/// 加签: the time in milliseconds, and the HMAC of `TIME\nSECRET` under the secret, in the address.
fn signed_for_dingtalk(url: &Secret, key: Option<&Secret>, now: Millis) -> Secret {
    let Some(secret) = key.map(Secret::expose) else { return url.clone() };
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{}\n{secret}", now.0).as_bytes());
    let sign = form(&STANDARD.encode(tag.as_ref()));
    let glue = if url.expose().contains('?') { '&' } else { '?' };
    Secret::new(format!("{}{glue}timestamp={}&sign={sign}", url.expose(), now.0))
}

fn robot_text(head: &str, texts: &[String], keyword: Option<&str>) -> String {
    let mut text = format!("#### {head}\n");
    for line in texts {
        text.push_str("\n- ");
        text.push_str(line);
    }
    match keyword {
        Some(word) if !text.contains(word) => format!("{word} {text}"),
        Some(_) | None => text,
    }
}

/// The first lines as one short message.
fn short(head: &str, texts: &[String]) -> String {
    let all = format!("{head} {}", texts.join(" "));
    if all.chars().count() <= SMS_CHARS_MAX {
        return all;
    }
    let cut: String = all.chars().take(SMS_CHARS_MAX - 1).collect();
    format!("{cut}…")
}

/// At most so many bytes, whole characters.
fn cut(text: &str, bytes_max: usize) -> &str {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// A value as it is written into a body of this kind.
fn written(value: &str, media_type: &str) -> String {
    if media_type.contains("json") {
        let quoted = serde_json::Value::from(value).to_string();
        let inner = quoted.strip_prefix('"').and_then(|q| q.strip_suffix('"'));
        return inner.unwrap_or_default().to_owned();
    }
    if media_type.contains("urlencoded") {
        return form(value);
    }
    if media_type.contains("xml") {
        return maud::html! { (value) }.into_string();
    }
    value.to_owned()
}

fn form(value: &str) -> String {
    let pair = serde_urlencoded::to_string([("", value)]).unwrap_or_default();
    pair.trim_start_matches('=').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    fn from() -> From {
        From {
            node: "town".into(),
            title: "云溪县".into(),
            environment: Environment::Formal,
            pages: Some("https://gate.example/".into()),
            lang: Lang::Zh,
        }
    }

    fn message() -> Message {
        let line = Line {
            key: "backlog/up".into(),
            kind: "backlog",
            turn: Turn::New,
            since: Millis(0),
            text: Both {
                en: "link up: \"waits\" & <so>".into(), zh: "上报通道 up 积压".into()
            },
        };
        Message { title: "1 项告警".into(), lines: vec![line], report: Vec::new() }
    }

    fn http(letter: Letter) -> (String, String, Vec<(&'static str, String)>) {
        match letter {
            Letter::Http { url, headers, body, .. } => {
                (url.expose().to_owned(), String::from_utf8(body).unwrap(), headers)
            }
            other => panic!("{other:?}"),
        }
    }

    /// Computed beside, with the `hmac` of Python.
    #[test]
    fn dingtalk_signs_the_time_as_its_manual_says() {
        let key = "SEC5f3a";
        let to = To::DingTalk {
            url: secret("https://oapi.dingtalk.com/robot/send?access_token=abc"),
            keyword: Some("监察".into()),
            key: Some(secret(key)),
        };
        let (url, body, _) = http(letter(&to, &from(), &message(), Millis(1_700_000_000_123)));
        assert_eq!(
            url,
            "https://oapi.dingtalk.com/robot/send?access_token=abc&timestamp=1700000000123&sign=DeF%2F%2Fo3QR3BVRHKELEEwTJSIIaH6VZuRELNIKnTPqzg%3D"
        );
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        let text = body["markdown"]["text"].as_str().unwrap();
        assert_eq!(body["msgtype"], "markdown");
        assert!(text.starts_with("监察 #### 【Tiergate】云溪县 1 项告警"), "{text}");
        assert!(text.contains("[新告警] 上报通道 up 积压"), "{text}");
    }

    #[test]
    fn wecom_takes_four_kilobytes_of_whole_characters() {
        let mut message = message();
        let one = message.lines.remove(0);
        let long = Both { en: String::new(), zh: "积".repeat(700) };
        message.lines = vec![Line { text: long, ..one }; 30];
        let to = To::WeCom { url: secret("https://wecom.example/?key=k"), keyword: None };
        let (url, body, _) = http(letter(&to, &from(), &message, Millis(0)));
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        let content = body["markdown"]["content"].as_str().unwrap();
        assert_eq!(url, "https://wecom.example/?key=k");
        assert!(content.len() > 4_090 && content.len() <= WECOM_BYTES_MAX, "{}", content.len());
    }

    #[test]
    fn robots_say_in_their_body_whether_they_took_it() {
        let to = To::WeCom { url: secret("u"), keyword: None };
        assert_eq!(taken(&to, br#"{"errcode":0,"errmsg":"ok"}"#), Ok(()));
        assert_eq!(taken(&to, br#"{"errcode":310000}"#), Err("errcode 310000".into()));
        assert!(taken(&to, b"<html>").is_err());
        assert_eq!(taken(&To::Webhook { url: secret("u"), key: None }, b""), Ok(()));
    }

    #[test]
    fn a_webhook_is_signed_as_posts_to_an_adapter_are() {
        let to = To::Webhook { url: secret("https://a.example/"), key: Some(secret("k")) };
        let (_, body, headers) = http(letter(&to, &from(), &message(), Millis(5_500)));
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"k");
        let (name, value) = &headers[0];
        let hex = value.strip_prefix("t=5,v1=").unwrap();
        let pair = |i: usize| u8::from_str_radix(hex.get(i..i + 2).unwrap(), 16).unwrap();
        let tag: Vec<u8> = (0..32).map(|i| pair(i * 2)).collect();
        assert_eq!(*name, "x-tiergate-signature");
        assert!(hmac::verify(&key, format!("5.{body}").as_bytes(), &tag).is_ok());
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["alerts"][0]["state"], "new");
        assert_eq!(body["node"], "town");
    }

    #[test]
    fn a_gateway_gets_values_in_the_words_of_its_body() {
        let asked = |media_type: &str, template: &str| {
            let to = To::SmsGateway {
                url: secret("https://sms.example/send?to={phone}"),
                media_type: media_type.into(),
                template: secret(template),
                phones: vec!["13800000000".into()],
            };
            let from = From { lang: Lang::En, ..from() };
            http(letter(&to, &from, &message(), Millis(0)))
        };
        let (url, body, _) = asked("application/json", r#"{"m":"{phone}","c":"{text}"}"#);
        assert_eq!(url, "https://sms.example/send?to=13800000000");
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert!(body["c"].as_str().unwrap().contains("\"waits\" & <so>"));
        let (_, body, _) = asked("text/xml; charset=utf-8", "<c>{text}</c>");
        assert!(body.contains("&amp; &lt;so&gt;"), "{body}");
        let (_, body, _) = asked("application/x-www-form-urlencoded", "c={text}");
        assert!(body.contains("%26+%3Cso%3E"), "{body}");
    }
}
