//! A platform's web service: one record or one batch a call, in a body of its own (`http`) or a SOAP
//! envelope (`soap`); its answers, its login that runs out.
//!
//! What left and was not answered is never guessed: it is asked about where the platform can be asked,
//! and else handed over again under the same id.

mod look;

use std::collections::BTreeMap;
use std::sync::Arc;

use canon::Millis;
use serde::Deserialize;

use super::reply::{Reading, replies};
use super::{
    AnswerClass, Answers, Heard, Message, Outlet, OutletError, Target, TargetProblem, document,
};
use crate::http::{Answer, Client, HttpError, Method, Request, Trouble, Url, place};
use crate::source::BoxFuture;

/// Most records of one call.
pub const BATCH_MAX: usize = 1_000;
/// Most renewals of a login in one call.
pub const RENEWALS_MAX: u32 = 10;

/// How the web service is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A body of its own: `http.toml`.
    Http,
    /// A SOAP envelope: `soap.toml`.
    Soap,
}

impl Form {
    const fn file(self) -> &'static str {
        match self {
            Self::Http => "http.toml",
            Self::Soap => "soap.toml",
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    #[serde(default = "one")]
    batch: usize,
    #[serde(default = "half_a_minute")]
    poll_seconds: u32,
    call: Call,
    login: Option<Login>,
    query: Option<Query>,
    answer: Reading,
    answers: Answers,
}

const fn one() -> usize {
    1
}

const fn half_a_minute() -> u32 {
    30
}

/// What is asked, wherever.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    #[serde(default)]
    path: String,
    /// SOAP: the operation, its namespace, the `SOAPAction`.
    operation: Option<String>,
    namespace: Option<String>,
    action: Option<String>,
    /// What is given, in order: names and words.
    #[serde(default)]
    args: Vec<(String, String)>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    content_type: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    call: Call,
    /// Element of the answer that is the key.
    key: String,
    renewals_max: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Query {
    call: Call,
    answers: Answers,
}

/// Where the web service is, and what it wants to know.
pub struct Settings {
    /// Name of the outlet.
    pub name: String,
    /// Its address; calls stand below it.
    pub url: Url,
    /// The client.
    pub client: Client,
    /// `@secret.NAME`.
    pub secrets: BTreeMap<Arc<str>, String>,
    /// `@value.NAME`.
    pub values: BTreeMap<Arc<str>, Arc<str>>,
}

/// The outlet.
pub struct Calls {
    settings: Settings,
    form: Form,
    text: Text,
    login: Option<String>,
}

/// One call that did not end in an answer.
enum Failed {
    /// It surely did not leave.
    NotSent(OutletError),
    /// Nothing is known.
    Unknown(String),
}

impl Calls {
    /// An outlet to a target whose folder has the file of this form.
    ///
    /// # Errors
    /// The file is not there, or says what cannot be.
    pub fn new(settings: Settings, form: Form, target: &Target) -> Result<Self, TargetProblem> {
        let text: Text = target.way(form.file())?;
        let made = Self { settings, form, text, login: None };
        made.checked()?;
        Ok(made)
    }

    fn checked(&self) -> Result<(), TargetProblem> {
        let problem =
            |en: String, zh: String| TargetProblem { file: self.form.file().into(), en, zh };
        let text = &self.text;
        if text.batch == 0 || text.batch > BATCH_MAX {
            let en = format!("batch lies between 1 and {BATCH_MAX}");
            return Err(problem(en, format!("batch 应在 1 与 {BATCH_MAX} 之间")));
        }
        if text.login.as_ref().is_some_and(|l| l.renewals_max > RENEWALS_MAX) {
            let en = format!("renewals_max is at most {RENEWALS_MAX}");
            return Err(problem(en, format!("renewals_max 至多 {RENEWALS_MAX}")));
        }
        if text.batch > 1 && text.answer.item.is_none() {
            let en = "a batch needs `item` in [answer]: which part answers which record";
            return Err(problem(en.into(), "批量报送须在 [answer] 中写明 item".into()));
        }
        if !text.answers.can_take() {
            let en = "no answer means that a record was taken (`= \"taken\"`)";
            return Err(problem(en.into(), "answers 中没有表示成功的代码（\"taken\"）".into()));
        }
        let login = text.login.iter().map(|l| &l.call);
        let calls = login.chain(text.query.iter().map(|q| &q.call)).chain([&text.call]);
        for call in calls {
            if self.form == Form::Soap && call.operation.is_none() {
                let (en, zh) = ("a SOAP call needs its operation", "SOAP 调用须写明 operation");
                return Err(problem(en.into(), zh.into()));
            }
            for (_, word) in call.args.iter().map(|(a, b)| (a, b)).chain(&call.headers) {
                if let Err(lost) = self.word(word, None) {
                    let en = format!("`{word}`: {lost}");
                    return Err(problem(en, format!("『{word}』没有取值来源，请在节点配置中给出")));
                }
            }
        }
        Ok(())
    }

    /// What a word stands for; with no batch only whether it stands for something.
    fn word(&self, word: &str, batch: Option<&[Message]>) -> Result<String, &'static str> {
        let Some(name) = word.strip_prefix('@') else { return Ok(word.to_owned()) };
        let first = batch.and_then(<[Message]>::first);
        let of = |text: fn(&Message) -> &str| first.map(text).unwrap_or_default().to_owned();
        if let Some(name) = name.strip_prefix("secret.") {
            return self.settings.secrets.get(name).cloned().ok_or("no such secret is given");
        }
        if let Some(name) = name.strip_prefix("value.") {
            let value = self.settings.values.get(name).map(ToString::to_string);
            return value.ok_or("no such value is given");
        }
        if let Some(name) = name.strip_prefix("field.") {
            return Ok(first.and_then(|m| m.made.get(name)).unwrap_or_default().to_owned());
        }
        match name {
            "document" => {
                Ok(document::exinfo_of(batch.unwrap_or_default().iter().map(|m| &m.made)))
            }
            "kind" => Ok(of(|m| &m.made.kind)),
            "message" => Ok(of(|m| &m.id)),
            "messages" => {
                let ids = batch.unwrap_or_default().iter().map(|m| m.id.as_str());
                Ok(ids.collect::<Vec<_>>().join(","))
            }
            "login" => Ok(self.login.clone().unwrap_or_default()),
            _ => Err("no such word"),
        }
    }

    fn request(&self, call: &Call, batch: &[Message]) -> Result<Request, OutletError> {
        let mut url = self.settings.url.clone();
        let path = format!("{}{}", url.path().trim_end_matches('/'), call.path);
        url.set_path(&path);
        let mut request = Request::new(Method::POST, url);
        let wrong = |detail: &str| self.error("platform.schema", call, detail.to_owned());
        let word = |text: &str| self.word(text, Some(batch)).map_err(wrong);
        for (name, value) in &call.headers {
            let value = word(value)?;
            request.header(name, &value).map_err(|e| wrong(&e.detail))?;
        }
        let mut args = Vec::with_capacity(call.args.len());
        for (name, value) in &call.args {
            args.push((name.as_str(), word(value)?));
        }
        let (body, kind) = match self.form {
            Form::Soap => {
                let operation = call.operation.as_deref().unwrap_or_default();
                let namespace = call.namespace.as_deref().unwrap_or_default();
                let action = format!("\"{}\"", call.action.as_deref().unwrap_or_default());
                request.header("SOAPAction", &action).map_err(|e| wrong(&e.detail))?;
                (document::soap(operation, namespace, &args), "text/xml; charset=utf-8")
            }
            // A single argument without a name is the whole body.
            Form::Http => match args.as_slice() {
                [("", body)] => (body.clone(), "text/xml; charset=utf-8"),
                args => {
                    let mut form = Url::parse("http://form/").map_err(|_| wrong("form"))?;
                    form.query_pairs_mut().extend_pairs(args);
                    let body = form.query().unwrap_or_default().to_owned();
                    (body, "application/x-www-form-urlencoded")
                }
            },
        };
        let kind = call.content_type.as_deref().unwrap_or(kind);
        request.header("Content-Type", kind).map_err(|e| wrong(&e.detail))?;
        request.body = body.into_bytes();
        Ok(request)
    }

    fn error(&self, code: &'static str, call: &Call, detail: String) -> OutletError {
        let place = format!("{}{}", place(&self.settings.url), call.path);
        OutletError { outlet: self.settings.name.clone(), place, code, detail }
    }

    async fn send(&self, call: &Call, batch: &[Message]) -> Result<Answer, Failed> {
        let request = self.request(call, batch).map_err(Failed::NotSent)?;
        let failed = |e: HttpError| match e.trouble {
            Trouble::Unreachable => {
                Failed::NotSent(self.error("platform.unreachable", call, e.detail))
            }
            Trouble::Untrusted | Trouble::Request | Trouble::Setting => {
                Failed::NotSent(self.error("platform.denied", call, e.detail))
            }
            Trouble::Lost | Trouble::Slow | Trouble::Broken | Trouble::TooBig => {
                Failed::Unknown(e.detail)
            }
        };
        self.settings.client.send(request).await.map_err(failed)
    }

    /// Logs in, where the platform wants it and no key is at hand.
    async fn log_in(&mut self) -> Result<(), Failed> {
        let Some(login) = self.text.login.clone().filter(|_| self.login.is_none()) else {
            return Ok(());
        };
        let denied = |detail: &str| {
            Failed::NotSent(self.error("platform.denied", &login.call, detail.into()))
        };
        let answer = match self.send(&login.call, &[]).await {
            Ok(answer) => answer,
            // Nothing of ours left with a login.
            Err(Failed::Unknown(detail)) => {
                let error = self.error("platform.unreachable", &login.call, detail);
                return Err(Failed::NotSent(error));
            }
            Err(failed) => return Err(failed),
        };
        let reading = Reading { code: login.key.clone(), text: None, ..self.text.answer.clone() };
        let reading = Reading { item: None, ..reading };
        let key = replies(&answer.body, &reading).into_iter().next().map(|r| r.code);
        match key.filter(|key| !key.is_empty() && answer.fine()) {
            Some(key) => {
                self.login = Some(key);
                Ok(())
            }
            None => Err(denied(&format!("the login gave no key (status {})", answer.status))),
        }
    }

    /// One call with its answers, one for each record; a login that ran out is renewed so many times.
    async fn call(
        &mut self,
        call: &Call,
        answers: &Answers,
        batch: &[Message],
    ) -> Result<Vec<Heard>, Failed> {
        let renewals = self.text.login.as_ref().map_or(0, |l| l.renewals_max);
        let mut renewed = 0;
        loop {
            self.log_in().await?;
            let answer = self.send(call, batch).await?;
            let heard = self.heard(&answer, answers, batch);
            let ran_out = |h: &Heard| matches!(h, Heard::Said(AnswerClass::Login, _));
            if !heard.iter().any(ran_out) || self.text.login.is_none() {
                return Ok(heard);
            }
            // Whoever was let in before is not let in now: the key has run out.
            self.login = None;
            if renewed == renewals {
                return Ok(heard);
            }
            renewed += 1;
        }
    }

    /// What an answer says of each record.
    fn heard(&self, answer: &Answer, answers: &Answers, batch: &[Message]) -> Vec<Heard> {
        let all = |heard: Heard| vec![heard; batch.len()];
        if matches!(answer.status, 401 | 403) {
            return all(Heard::Said(AnswerClass::Login, format!("HTTP {}", answer.status)));
        }
        let replies = replies(&answer.body, &self.text.answer);
        if replies.is_empty() {
            // A server in trouble, or a page that is none of the platform's.
            return all(Heard::Unknown(format!("status {} without an answer", answer.status)));
        }
        let said = |reply: &super::reply::Reply| {
            let words = format!("{} {}", reply.code, reply.text).trim().to_owned();
            match answers.class(&reply.code) {
                AnswerClass::Waiting => Heard::Waiting,
                AnswerClass::Absent => Heard::Absent,
                class => Heard::Said(class, words),
            }
        };
        match replies.as_slice() {
            // One word for all.
            [one] if one.key.is_empty() => all(said(one)),
            replies => batch
                .iter()
                .map(|message| {
                    let own = replies.iter().find(|r| r.key == message.id);
                    own.map_or_else(|| Heard::Unknown("not answered".into()), said)
                })
                .collect(),
        }
    }

    async fn all(
        &mut self,
        call: &Call,
        answers: &Answers,
        batch: &[Message],
    ) -> Result<Vec<Heard>, OutletError> {
        let mut heard = Vec::with_capacity(batch.len());
        for part in batch.chunks(self.text.batch) {
            match self.call(call, answers, part).await {
                Ok(said) => heard.extend(said),
                // Before anything left, the whole is not sent.
                Err(Failed::NotSent(error)) if heard.is_empty() => return Err(error),
                Err(Failed::NotSent(error)) => {
                    heard.resize(batch.len(), Heard::NotSent(error.detail));
                    return Ok(heard);
                }
                Err(Failed::Unknown(detail)) => {
                    heard.extend(part.iter().map(|_| Heard::Unknown(detail.clone())));
                    // It is not asked to take more while it does not answer.
                    heard.resize(batch.len(), Heard::NotSent(detail));
                    return Ok(heard);
                }
            }
        }
        Ok(heard)
    }
}

impl Outlet for Calls {
    fn hand<'a>(
        &'a mut self,
        batch: &'a [Message],
        _now: Millis,
    ) -> BoxFuture<'a, Result<Vec<Heard>, OutletError>> {
        let (call, answers) = (self.text.call.clone(), self.text.answers.clone());
        Box::pin(async move { self.all(&call, &answers, batch).await })
    }

    fn ask<'a>(
        &'a mut self,
        batch: &'a [Message],
        _now: Millis,
    ) -> BoxFuture<'a, Result<Vec<Heard>, OutletError>> {
        Box::pin(async move {
            match self.text.query.clone() {
                None => Ok(vec![Heard::Absent; batch.len()]),
                Some(query) => self.all(&query.call, &query.answers, batch).await,
            }
        })
    }

    fn patience(&self) -> i64 {
        i64::from(self.text.poll_seconds.max(1)) * 1_000
    }
}
