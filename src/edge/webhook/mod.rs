//! A sink that posts kept records to a service of this node's own people: signed, in order, each record and each
//! request under an id that stays its own however often it comes.
//!
//! There is no second schedule: what is not taken is an error, and the worker comes again. Where the service said
//! when, the same error is said until then, and nobody is asked.

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use canon::{DigestAlg, Millis};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::SinkError;
use crate::http::{
    Answer, Client, HttpError, Method, Request, Settings as ClientSettings, Url, encryption, place,
};
use crate::push::{SIGNATURE, sign};
use crate::seen::Seen;
use crate::sink::{KeptRecord, POSITIONS, SetAside, Sink};
use crate::source::BoxFuture;

/// Longest text of a refusal that is kept, characters.
const TEXT_CHARS_MAX: usize = 500;
/// Header of a request's id: the same records, the same id.
pub const DELIVERY: &str = "idempotency-key";
/// Header that says that records come again because a person asked for it.
pub const REPLAY: &str = "x-tiergate-replay";

/// Where the service is, and how it is spoken to.
#[derive(Clone)]
pub struct Settings {
    /// Name of the sink.
    pub name: String,
    /// The node whose records they are.
    pub node: String,
    /// Address.
    pub url: Url,
    /// How it is asked.
    pub http: ClientSettings,
    /// Key of the signature over each body.
    pub key: Vec<u8>,
    /// Records of one request.
    pub records_max: usize,
    /// Bytes of one request; a record that is larger goes alone.
    pub bytes_max: usize,
    /// Where the time comes from: it stands in the signature.
    pub clock: Arc<dyn Fn() -> Millis + Send + Sync>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "webhook {} to {}", self.name, place(&self.url))
    }
}

/// The sink.
#[derive(Debug)]
pub struct Webhook {
    settings: Settings,
    client: Client,
    /// The highest watermark that the service has taken from this process.
    taken: Option<u64>,
    /// Not before this, says the service, and why.
    rest: Option<(Millis, SinkError)>,
    set_aside: Vec<SetAside>,
}

/// One request.
#[derive(Serialize)]
struct Body<'a> {
    node: &'a str,
    sink: &'a str,
    records: &'a [Line<'a>],
}

/// One record.
#[derive(Serialize)]
struct Line<'a> {
    /// Envelope and position in it: the same record version has the same for ever.
    delivery: String,
    watermark: u64,
    #[serde(rename = "type")]
    kind: &'a str,
    key: String,
    version: u32,
    op: &'static str,
    window: String,
    envelope: &'a str,
    format: &'a str,
    fragment: &'a str,
}

/// What an answer may say of a single record.
#[derive(Deserialize)]
struct Refused {
    delivery: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    text: String,
}

fn line<'a>(record: &'a KeptRecord<'_>) -> Line<'a> {
    Line {
        delivery: format!("{}#{}", record.envelope, record.watermark % POSITIONS),
        watermark: record.watermark,
        kind: &record.id.kind,
        key: record.id.key.to_string(),
        version: record.id.version,
        op: if record.void { "void" } else { "put" },
        window: record.window.to_string(),
        envelope: record.envelope,
        format: record.edition,
        fragment: record.fragment,
    }
}

/// The id of a request: of its records, not of their places here, which are others after a restore.
fn delivery(node: &str, sink: &str, lines: &[Line<'_>]) -> String {
    let parts: Vec<&[u8]> = lines.iter().flat_map(|l| [l.delivery.as_bytes(), b"\n"]).collect();
    let digest = DigestAlg::Sha256.of(&parts);
    let hex: String = digest.bytes.iter().take(16).map(|b| format!("{b:02x}")).collect();
    format!("{node}/{sink}/{hex}")
}

impl Webhook {
    /// Makes the client; nobody is asked yet.
    ///
    /// # Errors
    /// Certificates or proxy cannot be used.
    pub fn new(settings: Settings) -> Result<Self, SinkError> {
        let client = Client::new(settings.http.clone()).map_err(|e| SinkError::Refused {
            sink: settings.name.clone(),
            place: place(&settings.url),
            detail: e.detail,
        })?;
        Ok(Self { settings, client, taken: None, rest: None, set_aside: Vec::new() })
    }

    /// What `doctor` looks at: whether the service can be reached; any answer is one. No record is posted.
    pub async fn look(&self) -> Vec<Seen> {
        let url = &self.settings.url;
        let mut seen = vec![encryption(url, false)];
        seen.push(match self.client.send(Request::new(Method::OPTIONS, url.clone())).await {
            Ok(Answer { status, .. }) => Seen::fine(
                "webhook",
                format!("the service answers ({status})"),
                format!("服务有应答（{status}）"),
            ),
            Err(HttpError { place, detail, .. }) => {
                Seen::wrong("webhook", format!("{place}: {detail}"), format!("{place}：{detail}"))
            }
        });
        seen
    }

    /// Hands over records in requests of the agreed size, in order; the first that is not taken ends it.
    async fn hand(&mut self, batch: &[KeptRecord<'_>], replay: bool) -> Result<(), SinkError> {
        let mut from = 0;
        while from < batch.len() {
            let to = self.reach(batch, from);
            let Some(records) = batch.get(from..to) else { break };
            self.post(records, replay).await?;
            if !replay {
                self.taken = records.last().map(|r| r.watermark);
            }
            from = to;
        }
        Ok(())
    }

    /// Where the request ends that begins here.
    fn reach(&self, batch: &[KeptRecord<'_>], from: usize) -> usize {
        let mut bytes = 0;
        let rest = batch.iter().skip(from).take(self.settings.records_max.max(1));
        let fit = rest.take_while(|record| {
            let first = bytes == 0;
            bytes += record.fragment.len();
            first || bytes <= self.settings.bytes_max
        });
        from + fit.count().max(1)
    }

    async fn post(&mut self, records: &[KeptRecord<'_>], replay: bool) -> Result<(), SinkError> {
        let lines: Vec<Line<'_>> = records.iter().map(line).collect();
        let Settings { name, node, key, .. } = &self.settings;
        let body = serde_json::to_vec(&Body { node, sink: name, records: &lines })
            .expect("texts and numbers always serialize");
        let now = (self.settings.clock)();
        let id = delivery(node, name, &lines);
        let mut request = Request::new(Method::POST, self.settings.url.clone());
        for (header, value) in [
            ("content-type", "application/json"),
            (SIGNATURE, &sign(key, now, &[id.as_bytes(), b".", &body].concat())),
            (DELIVERY, &id),
            (REPLAY, if replay { "true" } else { "false" }),
        ] {
            request.header(header, value).map_err(|e| self.refused(e.detail))?;
        }
        request.body = body;
        let answer = self.client.send(request).await.map_err(|e| self.no_answer(&e))?;
        let judged = self.judge(&answer);
        if let Err(error @ SinkError::Unreached { .. }) = &judged {
            self.rest = answer.retry_at(now).map(|at| (at, error.clone()));
        }
        judged?;
        self.note(&answer, &lines)
    }

    /// 2xx is taken; what may be better later is tried again; anything else needs a person.
    fn judge(&self, answer: &Answer) -> Result<(), SinkError> {
        if answer.fine() {
            return Ok(());
        }
        let detail = format!("it answers {}", answer.status);
        if answer.later() || answer.status >= 500 {
            return Err(self.unreached(detail));
        }
        Err(self.refused(detail))
    }

    /// Keeps what the answer says of single records, of those that were in the request.
    fn note(&mut self, answer: &Answer, lines: &[Line<'_>]) -> Result<(), SinkError> {
        let Ok(Value::Object(mut said)) = serde_json::from_slice(&answer.body) else {
            return Ok(());
        };
        let Some(refused) = said.remove("refused") else { return Ok(()) };
        // Who refuses something in words that cannot be read has not taken everything.
        let refused: Vec<Refused> = serde_json::from_value(refused)
            .map_err(|_| self.refused("`refused` of its answer cannot be read".into()))?;
        if refused.len() > lines.len() {
            let detail = "it refuses more records than it was given in this request".to_owned();
            return Err(self.refused(detail));
        }
        let mut found = Vec::new();
        for Refused { delivery, code, text } in refused {
            let Some(line) = lines.iter().find(|line| line.delivery == delivery) else {
                let detail = "it refuses a record that it was not given in this request".to_owned();
                return Err(self.refused(detail));
            };
            let short = |text: &str| text.chars().take(TEXT_CHARS_MAX).collect::<String>();
            found.push(SetAside {
                watermark: line.watermark,
                record: format!("{}:{}#{}", line.kind, line.key, line.version),
                code: short(&code),
                text: short(&text),
            });
        }
        self.set_aside.append(&mut found);
        Ok(())
    }

    fn no_answer(&self, error: &HttpError) -> SinkError {
        let detail = error.detail.clone();
        if error.passing() { self.unreached(detail) } else { self.refused(detail) }
    }

    fn unreached(&self, detail: String) -> SinkError {
        let (sink, place) = (self.settings.name.clone(), place(&self.settings.url));
        SinkError::Unreached { sink, place, detail }
    }

    fn refused(&self, detail: String) -> SinkError {
        let (sink, place) = (self.settings.name.clone(), place(&self.settings.url));
        SinkError::Refused { sink, place, detail }
    }
}

impl Sink for Webhook {
    fn deliver<'a>(
        &'a mut self,
        batch: &'a [KeptRecord<'a>],
    ) -> BoxFuture<'a, Result<(), SinkError>> {
        Box::pin(async move {
            if let Some((_, error)) =
                self.rest.as_ref().filter(|(at, _)| (self.settings.clock)() < *at)
            {
                return Err(error.clone());
            }
            self.rest = None;
            // What was taken before a failure further on is not sent again by this process.
            let taken = self.taken;
            let rest = batch.iter().position(|r| taken.is_none_or(|mark| r.watermark > mark));
            let rest = rest.and_then(|from| batch.get(from..)).unwrap_or_default();
            self.hand(rest, false).await
        })
    }

    fn again<'a>(
        &'a mut self,
        batch: &'a [KeptRecord<'a>],
    ) -> BoxFuture<'a, Result<(), SinkError>> {
        Box::pin(self.hand(batch, true))
    }

    fn look_again(&mut self) -> BoxFuture<'_, Result<(), SinkError>> {
        // Whoever had the sink meanwhile has noted what was refused.
        (self.taken, self.rest) = (None, None);
        self.set_aside.clear();
        Box::pin(std::future::ready(Ok(())))
    }

    fn set_aside(&mut self) -> Vec<SetAside> {
        std::mem::take(&mut self.set_aside)
    }
}
