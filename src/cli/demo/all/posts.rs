//! A department that posts: each round's sample is a document, under a key of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use adapt::{Form, Source};
use edge::http::{Answer, Client, Method, Request, Settings, address};

use super::department::Department;
use super::drive::{Unplayed, rounds_of};
use crate::demo::prepare::{remove_file, write_private};
use crate::text::Failure;

/// The department's token; the demo's listener is on this machine alone.
const TOKEN: &str = "token-of-the-demo-and-nothing-else";
/// Pause before a document is posted again that was not committed yet.
const PAUSE: Duration = Duration::from_millis(200);
/// How often it is posted.
const TRIES: u32 = 50;

/// The department's system.
pub(super) struct Posts {
    name: String,
    kind: &'static str,
    token: PathBuf,
    rounds: Vec<Vec<u8>>,
}

impl Posts {
    pub(super) fn of(department: &Department, token: PathBuf) -> Result<Self, Unplayed> {
        let Source::Push(source) = &department.package.source else {
            return Err(("nothing is posted to it".into(), "该适配包不接收推送".into()));
        };
        let (ending, kind) = match &source.body.form {
            Form::Json(_) => ("json", "application/json"),
            _ => ("xml", "text/xml"),
        };
        let mut rounds = Vec::new();
        for (sample, number) in rounds_of(&department.package) {
            let input = match number {
                1 => format!("samples/{sample}/input.{ending}"),
                n => format!("samples/{sample}/input.{n}.{ending}"),
            };
            rounds.push(department.files.get(&input).cloned().unwrap_or_default());
        }
        Ok(Self { name: department.name.clone(), kind, token, rounds })
    }

    pub(super) fn rounds(&self) -> usize {
        self.rounds.len()
    }

    pub(super) fn config(&self) -> String {
        let token = self.token.file_name().unwrap_or_default().to_string_lossy();
        format!("post = \"{}\"\ntoken = \"file:systems/{token}\"\n", self.name)
    }

    pub(super) fn stand(&self) -> Result<(), Failure> {
        remove_file(&self.token)?;
        write_private(&self.token, TOKEN)
    }

    /// Posts the round's document until it is committed.
    pub(super) async fn say(&self, round: usize, at: Option<SocketAddr>) -> Result<(), Failure> {
        let Some(body) = self.rounds.get(round) else { return Ok(()) };
        let failed = |what: String| {
            let name = &self.name;
            Failure::environment(
                format!("{name}: its document was not taken: {what}"),
                format!("{name}：推送未被接收：{what}"),
            )
        };
        let at = at.ok_or_else(|| failed("nobody listens".into()))?;
        let client = Client::new(Settings::default()).map_err(|e| failed(e.detail))?;
        let mut said = String::new();
        for _ in 0..TRIES {
            match self.post(&client, at, round, body).await {
                Ok(answer) if answer.status == 200 => return Ok(()),
                Ok(answer) if answer.status == 202 || answer.later() => {
                    said = format!("it answers {}", answer.status);
                }
                Ok(answer) => return Err(failed(format!("it answers {}", answer.status))),
                Err(e) => said = e,
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(failed(said))
    }

    async fn post(
        &self,
        client: &Client,
        at: SocketAddr,
        round: usize,
        body: &[u8],
    ) -> Result<Answer, String> {
        let url = address(&format!("http://{at}/push/{}", self.name)).ok_or("no address")?;
        let mut request = Request::new(Method::POST, url);
        for (name, value) in [
            ("authorization", format!("Bearer {TOKEN}")),
            ("content-type", self.content_type(body).to_owned()),
            ("idempotency-key", format!("{}-{round}", self.name)),
        ] {
            request.header(name, &value).map_err(|e| e.detail)?;
        }
        request.body = body.to_vec();
        client.send(request).await.map_err(|e| e.detail)
    }

    /// A call in SOAP 1.2 says so in its header.
    fn content_type(&self, body: &[u8]) -> &'static str {
        let twelve = String::from_utf8_lossy(body).contains(adapt::form::soap::NS_12);
        if twelve { "application/soap+xml" } else { self.kind }
    }
}
