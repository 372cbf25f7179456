//! From a package's request to one that is sent, and the token that goes with it.

use std::num::NonZeroU32;
use std::time::Duration;

use adapt::form::{self, FormLimits};
use adapt::{AnswerForm, Ask, By, Call, Escape, Form, Login, Slot, Template};
use canon::{Day, Millis};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use super::Settings;
use super::at::At;
use crate::error::SourceError;
use crate::http::{Answer, Client, HttpError, Method, Request, Trouble, Url, place};

/// A token is renewed so long before its end, ms.
const RENEW_BEFORE: i64 = 30_000;
/// Longest wait for the rate within one turn.
const RATE_WAIT_MAX: Duration = Duration::from_secs(20);
/// Most requests at once within the rate.
const BURST: u32 = 5;

/// Who asks: the client, its rate, its token.
pub(super) struct Asker {
    client: Client,
    limiter: Option<DefaultDirectRateLimiter>,
    /// The token, and when it ends.
    token: Option<(String, Option<Millis>)>,
}

/// A page that is asked for.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) ask: &'a Ask,
    pub(super) at: &'a At,
    /// When the pass began.
    pub(super) began: Millis,
    /// What a feed handed out last.
    pub(super) feed: Option<&'a str>,
    pub(super) between: Option<(Day, Day)>,
}

impl Asker {
    pub(super) fn new(settings: &Settings) -> Result<Self, SourceError> {
        let client = Client::new(settings.http.clone()).map_err(|e| failed(settings, e))?;
        let rate = u32::try_from(settings.source.per_minute).ok().and_then(NonZeroU32::new);
        let burst = NonZeroU32::new(BURST).unwrap_or(NonZeroU32::MIN);
        let limiter =
            rate.map(|rate| RateLimiter::direct(Quota::per_minute(rate).allow_burst(burst)));
        Ok(Self { client, limiter, token: None })
    }

    /// The token did not do.
    pub(super) fn forget(&mut self) {
        self.token = None;
    }

    /// Whether the token was got here, so that another may be got.
    pub(super) const fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Asks for a page; gets a token first if one is needed. With the answer, where it came from.
    pub(super) async fn page(
        &mut self,
        settings: &Settings,
        wanted: Wanted<'_>,
        now: Millis,
    ) -> Result<(Url, Answer), SourceError> {
        self.login(settings, now).await?;
        let request = self.request(settings, wanted)?;
        let url = request.url.clone();
        Ok((url, self.send(settings, request).await?))
    }

    async fn send(&self, settings: &Settings, request: Request) -> Result<Answer, SourceError> {
        if let Some(limiter) = &self.limiter {
            let free = tokio::time::timeout(RATE_WAIT_MAX, limiter.until_ready()).await;
            if free.is_err() {
                let (adapter, place) = (settings.adapter.clone(), place(&request.url));
                return Err(SourceError::Busy { adapter, place });
            }
        }
        self.client.send(request).await.map_err(|e| failed(settings, e))
    }

    fn request(&self, settings: &Settings, wanted: Wanted<'_>) -> Result<Request, SourceError> {
        let Wanted { ask, at, .. } = wanted;
        let times = settings.source.times;
        let value = |slot: &Slot| match slot {
            Slot::Page => at.page(ask).to_string(),
            Slot::Offset => at.offset(ask).to_string(),
            Slot::Size => ask.pages.size.to_string(),
            Slot::Cursor if at.next.is_empty() => wanted.feed.unwrap_or_default().to_owned(),
            Slot::Cursor => at.next.clone(),
            Slot::Since => at.since.map(|at| times.write(at)).unwrap_or_default(),
            Slot::Until => times.write(wanted.began),
            Slot::From => wanted.between.map(|(d, _)| times.write(d.start())).unwrap_or_default(),
            Slot::To => {
                let last = wanted.between.map(|(_, d)| Day(d.0 + 1).start().plus(-1000));
                last.map(|at| times.write(at)).unwrap_or_default()
            }
            Slot::Token => self.token.as_ref().map(|(t, _)| t.clone()).unwrap_or_default(),
            slot => said(settings, slot),
        };
        let mut request = built(settings, &ask.call, &value)?;
        if matches!(ask.pages.by, By::Link(_)) && !at.next.is_empty() {
            request.url = follow(settings, &request.url, &at.next)?;
        }
        for (name, template) in &settings.source.headers {
            let (text, nothing) = template.fill(Escape::None, value);
            if !nothing {
                request.header(&name.text, &text).map_err(|e| failed(settings, e))?;
            }
        }
        Ok(request)
    }

    /// Gets a token where one is needed and there is none that holds.
    async fn login(&mut self, settings: &Settings, now: Millis) -> Result<(), SourceError> {
        let Some(login) = &settings.source.login else { return Ok(()) };
        let ends = self.token.as_ref().map(|(_, ends)| *ends);
        if ends.is_some_and(|ends| ends.is_none_or(|at| now < at.plus(-RENEW_BEFORE))) {
            return Ok(());
        }
        self.token = None;
        let request = built(settings, &login.call, &|slot| said(settings, slot))?;
        let place = place(&request.url);
        let answer = self.send(settings, request).await?;
        self.token = Some(token(settings, login, &place, &answer, now)?);
        Ok(())
    }
}

/// The token of a login's answer, and when it ends.
fn token(
    settings: &Settings,
    login: &Login,
    place: &str,
    answer: &Answer,
    now: Millis,
) -> Result<(String, Option<Millis>), SourceError> {
    let adapter = || settings.adapter.clone();
    let denied = |detail: String| SourceError::Denied {
        adapter: adapter(),
        place: place.to_owned(),
        detail,
    };
    if answer.later() {
        let detail = format!("answered the login with status {}", answer.status);
        return Err(SourceError::Answer { adapter: adapter(), place: place.to_owned(), detail });
    }
    if !answer.fine() {
        return Err(denied(format!("the login was answered with status {}", answer.status)));
    }
    let form = match settings.source.answers {
        AnswerForm::Json => Form::Json(String::new()),
        AnswerForm::Xml => {
            // The outermost element is part of the path here: there is no record to name it.
            let root = login.token.split('/').next().unwrap_or_default();
            Form::Xml(root.to_owned())
        }
    };
    let below = |path: &str| match settings.source.answers {
        AnswerForm::Json => path.to_owned(),
        AnswerForm::Xml => path.split_once('/').map_or("", |(_, rest)| rest).to_owned(),
    };
    let expires = login.expires.as_deref().unwrap_or_default();
    let paths = [below(&login.token), below(expires)];
    let paths: Vec<&str> =
        paths.iter().map(String::as_str).take(1 + usize::from(!expires.is_empty())).collect();
    let limits = FormLimits::default();
    let fields = form::fields(&answer.body, &form, &paths, &limits).map_err(|e| {
        let detail = format!("answered the login with something else: {e}");
        SourceError::Answer { adapter: adapter(), place: place.to_owned(), detail }
    })?;
    let found = fields.first().cloned().flatten().filter(|token| !token.trim().is_empty());
    let found = found.ok_or_else(|| denied("the login's answer holds no token".to_owned()))?;
    let said = fields.get(1).cloned().flatten().and_then(|s| s.trim().parse::<u64>().ok());
    let seconds = said.or(login.lifetime_seconds);
    let ends =
        seconds.and_then(|s| i64::try_from(s).ok()?.checked_mul(1000)).map(|ms| now.plus(ms));
    Ok((found, ends))
}

/// What the node names.
fn said(settings: &Settings, slot: &Slot) -> String {
    let found = match slot {
        Slot::Secret(name) => settings.secrets.get(name),
        Slot::Value(name) => settings.values.get(name),
        _ => None,
    };
    found.cloned().unwrap_or_default()
}

/// A request with its places filled.
fn built(
    settings: &Settings,
    call: &Call,
    value: &impl Fn(&Slot) -> String,
) -> Result<Request, SourceError> {
    let (path, _) = call.path.fill(Escape::Url, value);
    let base = settings.url.as_str().trim_end_matches('/');
    let slash = if path.is_empty() || path.starts_with('/') { "" } else { "/" };
    let pairs: Vec<String> =
        call.params.iter().filter_map(|(name, t)| pair(&name.text, t, value)).collect();
    let mark = match (pairs.is_empty(), path.contains('?')) {
        (true, _) => "",
        (false, true) => "&",
        (false, false) => "?",
    };
    let url = format!("{base}{slash}{path}{mark}{}", pairs.join("&"));
    let url = Url::parse(&url).map_err(|_| SourceError::Setting {
        adapter: settings.adapter.clone(),
        detail: "the node's `url` and the package's `path` make no address together".into(),
    })?;
    let method = if call.post { Method::POST } else { Method::GET };
    let mut request = Request::new(method, url);
    if let Some(body) = &call.body {
        request.body = body.fill(call.content.escape(), value).0.into_bytes();
        let header = request.header("content-type", call.content.media_type());
        header.map_err(|e| failed(settings, e))?;
    }
    for (name, template) in &call.headers {
        let (text, nothing) = template.fill(Escape::None, value);
        if !nothing {
            request.header(&name.text, &text).map_err(|e| failed(settings, e))?;
        }
    }
    Ok(request)
}

/// A parameter; none where it is filled with nothing.
fn pair(name: &str, template: &Template, value: &impl Fn(&Slot) -> String) -> Option<String> {
    // What stands in the package itself is escaped as well: it is text, not a part of an address.
    let (whole, nothing) = template.fill(Escape::None, value);
    (!nothing).then(|| format!("{}={}", Escape::Url.of(name), Escape::Url.of(&whole)))
}

/// Where a link of an answer leads: only to the same service, so that a token goes nowhere else.
fn follow(settings: &Settings, from: &Url, link: &str) -> Result<Url, SourceError> {
    let refused = |detail: &str| SourceError::AnswerRefused {
        adapter: settings.adapter.clone(),
        place: place(from),
        detail: detail.to_owned(),
    };
    let url = from.join(link).map_err(|_| refused("gave a next link that is no address"))?;
    if url.origin() == settings.url.origin() && url.username().is_empty() {
        Ok(url)
    } else {
        Err(refused("gave a next link to another service, which is not followed"))
    }
}

/// No answer, in our words.
pub(super) fn failed(settings: &Settings, error: HttpError) -> SourceError {
    let (adapter, place, detail) = (settings.adapter.clone(), error.place, error.detail);
    match error.trouble {
        Trouble::Unreachable | Trouble::Lost => SourceError::Unreachable { adapter, place, detail },
        Trouble::Untrusted => SourceError::Untrusted { adapter, place, detail },
        Trouble::Slow => SourceError::AnswerSlow { adapter, place },
        Trouble::Broken => {
            let detail = format!("gave no whole answer: {detail}");
            SourceError::Answer { adapter, place, detail }
        }
        Trouble::TooBig => {
            let detail =
                format!("{detail}; ask for smaller pages (`size`) or raise http_answer_bytes_max");
            SourceError::Limit { adapter, place, detail }
        }
        Trouble::Request | Trouble::Setting => SourceError::Setting { adapter, detail },
    }
}
