//! A child process that signs: one request a line, one answer a line, JSON (`deploy/signer/`). What it
//! answers is held against the certificate before anything is made of it.

use std::borrow::Cow;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use envelope::{Certified, SignError, Signer, Suite};
use exchange::config::{SignerProgram, TokenConfig};
use serde::{Deserialize, Serialize};

use crate::os;
use crate::token::Place;

/// Longest answer, bytes.
pub(crate) const SIGNER_LINE_BYTES_MAX: u64 = 64 << 10;
/// Longest refusal that is repeated, characters.
const REFUSAL_CHARS_MAX: usize = 300;

/// Asks a program for each signature.
pub(crate) struct ChildSigner {
    key: Certified,
    user_id: String,
    program: SignerProgram,
    /// What the program is told first: where its token is.
    place: Option<Place>,
    running: Mutex<Option<Running>>,
}

/// The command of it that speaks to a token.
const SERVES: &str = "token-signer";

/// The program at work.
struct Running {
    child: Child,
    questions: ChildStdin,
    answers: Receiver<String>,
    asked: u64,
}

/// A question.
#[derive(Serialize, Deserialize)]
pub(crate) struct Question<'a> {
    pub(crate) id: u64,
    pub(crate) algorithm: Cow<'a, str>,
    user_id: Cow<'a, str>,
    pub(crate) data: String,
}

/// Its answer.
#[derive(Serialize, Deserialize)]
pub(crate) struct Answer {
    id: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// A stable code, from a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<String>,
}

impl Answer {
    /// A signature, in base64.
    pub(crate) fn signed(id: u64, signature: String) -> Self {
        Self { id, signature: Some(signature), error: None, code: None }
    }

    /// No signature.
    pub(crate) fn refused(id: u64, code: &str, why: String) -> Self {
        Self { id, signature: None, error: Some(why), code: Some(code.to_owned()) }
    }
}

/// Why there is no answer.
enum Silence {
    /// The program ended.
    Ended,
    /// It did not answer in time, or not in the form.
    Failed(String),
}

impl ChildSigner {
    /// A signer for this certificate; the program is started at its first question.
    pub(crate) fn new(key: Certified, user_id: &str, program: SignerProgram) -> Self {
        let (user_id, running) = (user_id.to_owned(), Mutex::default());
        Self { key, user_id, program, place: None, running }
    }

    /// A signer for this certificate, whose key is on a token; this program speaks to it in a process
    /// of its own.
    pub(crate) fn on_token(key: Certified, token: &TokenConfig, pin: &str) -> Self {
        let program = SignerProgram {
            file: os::own_program(),
            arguments: vec![SERVES.into()],
            wait: token.wait,
        };
        let place = Place {
            module: token.module.clone(),
            token: token.token.to_string(),
            key: token.key.to_string(),
            pin: pin.to_owned(),
        };
        Self { place: Some(place), ..Self::new(key, "", program) }
    }

    fn start(&self) -> Result<Running, SignError> {
        let SignerProgram { file, arguments, .. } = &self.program;
        let mut command = Command::new(file);
        command.args(arguments.iter().map(|a| &**a));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let refused = |what: String| SignError::Outside(format!("{}: {what}", file.display()));
        let mut child = command.spawn().map_err(|e| refused(e.to_string()))?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let Some((questions, out)) = pipes else {
            return Err(refused("it has no pipes".into()));
        };
        let (tell, answers) = sync_channel(1);
        std::thread::spawn(move || read(out, &tell));
        let mut running = Running { child, questions, answers, asked: 0 };
        if let Some(place) = &self.place {
            running.say(place).map_err(|_| refused("it ended before it was asked".into()))?;
        }
        Ok(running)
    }

    /// One question; a program that ended since the last one is started again, once.
    fn ask(&self, bytes: &[u8]) -> Result<Answer, SignError> {
        let mut held = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let was_running = held.is_some();
        for _ in 0..2 {
            let mut running = match held.take() {
                Some(running) => running,
                None => self.start()?,
            };
            match running.ask(bytes, self) {
                Ok(answer) => {
                    *held = Some(running);
                    return Ok(answer);
                }
                Err(Silence::Ended) if was_running => {}
                Err(Silence::Ended) => {
                    return Err(SignError::Outside("the signer ended without an answer".into()));
                }
                Err(Silence::Failed(what)) => return Err(SignError::Outside(what)),
            }
        }
        Err(SignError::Outside("the signer ended twice without an answer".into()))
    }
}

/// Lines of the program, until it ends or writes one that is too long.
fn read(out: ChildStdout, tell: &std::sync::mpsc::SyncSender<String>) {
    let mut out = BufReader::new(out);
    loop {
        let mut line = Vec::new();
        let read = out.by_ref().take(SIGNER_LINE_BYTES_MAX).read_until(b'\n', &mut line);
        let whole = read.is_ok() && line.last() == Some(&b'\n');
        let Some(text) = String::from_utf8(line).ok().filter(|_| whole) else { return };
        if tell.send(text).is_err() {
            return;
        }
    }
}

impl Running {
    /// A line to the program; fails where it has ended.
    fn say(&mut self, what: &impl Serialize) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(what)?;
        line.push(b'\n');
        self.questions.write_all(&line)?;
        self.questions.flush()
    }

    fn ask(&mut self, bytes: &[u8], of: &ChildSigner) -> Result<Answer, Silence> {
        self.asked += 1;
        let question = Question {
            id: self.asked,
            algorithm: of.key.suite().name().into(),
            user_id: of.user_id.as_str().into(),
            data: BASE64.encode(bytes),
        };
        let failed = |what: &str| Silence::Failed(format!("the signer {what}"));
        self.say(&question).map_err(|_| Silence::Ended)?;
        let wait = Duration::from_millis(of.program.wait.unsigned_abs());
        let answer = self.answers.recv_timeout(wait).map_err(|e| match e {
            RecvTimeoutError::Disconnected => Silence::Ended,
            RecvTimeoutError::Timeout => Silence::Failed(format!(
                "the signer did not answer within {} ms; it is ended and started anew",
                of.program.wait
            )),
        })?;
        let answer: Answer =
            serde_json::from_str(&answer).map_err(|_| failed("answers no JSON"))?;
        if answer.id != self.asked {
            return Err(failed("answers another question"));
        }
        Ok(answer)
    }
}

impl Drop for Running {
    /// Never left behind: also when it did not answer.
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            let _status = self.child.wait();
        }
    }
}

impl Signer for ChildSigner {
    fn suite(&self) -> Suite {
        self.key.suite()
    }

    fn certificate_der(&self) -> &[u8] {
        self.key.certificate_der()
    }

    fn intermediates(&self) -> &[Vec<u8>] {
        self.key.intermediates()
    }

    fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, SignError> {
        let answer = self.ask(bytes)?;
        if let Some(error) = answer.error {
            let said: String = error.chars().take(REFUSAL_CHARS_MAX).collect();
            let code = answer.code.as_deref().filter(|_| self.place.is_some());
            if let Some(code) = code.and_then(canon::code) {
                return Err(SignError::Token { code: code.code, detail: said });
            }
            return Err(SignError::Outside(format!("the signer refuses: {said}")));
        }
        let made = answer.signature.and_then(|text| BASE64.decode(text).ok());
        let made =
            made.ok_or_else(|| SignError::Outside("the signer gives no signature".into()))?;
        self.key.holds(bytes, &made, &self.user_id)
    }
}
