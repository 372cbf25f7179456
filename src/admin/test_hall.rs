//! A hall over a node in memory, for tests of pages: no socket, no clock, no chance. [`Visitor`] is a
//! browser or a program that visits it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use bus::LocalBus;
use canon::format::OpenLists;
use canon::{DigestAlg, Environment, Millis, NodeCode};
use envelope::ca::{NodeName, Terms as CaTerms};
use envelope::{Ca, KeyPem, KeySigner, NoKeys, Signer, Suite, Trust};
use exchange::config::{RelayConfig, Treatment};
use exchange::reconcile::sheets::Sheet;
use exchange::{Fairness, Leases, Limits, Link, Lists, Node, Way};
use ring::rand::SystemRandom;
use store::{MemoryWorld, ProblemItem};
use tower_service::Service;

use crate::access::{Access, ClientCertificate, Role, Scope, Terms, Via, Who, tests as access};
use crate::hall::{Clock, Hall};
use crate::house::{Both, Checked, Errand, House, HouseFuture, Paper, Proof, Said, Setting, Shown};
use crate::tongue::Tongue;

const DAY: i64 = 86_400_000;

/// When every test begins.
pub(crate) const BEGINS: &str = "2026-11-22 09:00:00";

/// A house that knows one sentence, one column and nothing else.
struct TestHouse;

impl House for TestHouse {
    fn said(&self, _now: Millis) -> HouseFuture<'_, Vec<Said>> {
        Box::pin(async { Ok(Vec::new()) })
    }
    fn papers(&self, _now: Millis) -> Vec<Paper> {
        Vec::new()
    }
    fn settings(&self) -> Vec<Setting> {
        let text = "name = \"county\"".to_owned();
        vec![Setting { file: "county.toml".into(), line: 1, text }]
    }
    fn check_up(&self, _now: Millis) -> HouseFuture<'_, Vec<Checked>> {
        let text = Both { en: "is there".into(), zh: "正常".into() };
        let looked = vec![Checked { what: "store".into(), well: true, text }];
        Box::pin(async { Ok(looked) })
    }
    fn shown(&self, _adapter: &str) -> Shown {
        Shown::from(["status".to_owned()])
    }
    fn opened(&self, raw: Vec<u8>, _item: &ProblemItem) -> Option<Vec<u8>> {
        Some(raw)
    }
    fn ask<'a>(&'a self, _errand: &'a Errand, _now: Millis) -> HouseFuture<'a, u64> {
        Box::pin(async { Ok(1) })
    }
    fn evidence<'a>(&'a self, subject: &'a str, _now: Millis) -> HouseFuture<'a, Option<Proof>> {
        let known = !subject.starts_with("nothing");
        let proof = Proof { file: subject.as_bytes().to_vec(), records: 1 };
        Box::pin(async move { Ok(known.then_some(proof)) })
    }
    fn book(&self, title: &str, _sheets: &[Sheet]) -> Result<Vec<u8>, String> {
        Ok(format!("book {title}").into_bytes())
    }
    fn signed(&self, file: &[u8]) -> Result<Vec<u8>, String> {
        Ok([b"signed ", file].concat())
    }
}

fn code(text: &str) -> NodeCode {
    NodeCode::new(text).expect("a legal code")
}

fn link(name: &str, peer: &str, parent: bool) -> Link {
    Link {
        name: name.into(),
        peer: code(peer),
        parent,
        beneath: Vec::new(),
        overdue: None,
        way: Way::default(),
        suite: None,
        accepts: None,
    }
}

/// A node `county` in memory: the link `city` above it, `town` beneath it, the adapter `window`.
pub(crate) fn node() -> Node {
    let random = SystemRandom::new();
    let from = Millis::parse("2026-01-01 00:00:00").expect("a moment");
    let terms = |serial| CaTerms { serial, from, until: from.plus(3_650 * DAY) };
    let key = || KeyPem::generate(Suite::Ed25519Sha256, &random).expect("randomness");
    let ca = Ca::root("Test Root", &key(), terms(1), &random).expect("a root");
    let own = key();
    let public = own.public(&random).expect("its public half");
    let name = NodeName {
        node: code("county"),
        environment: Environment::Demo,
        regions: vec!["9901".into()],
    };
    let paper = ca.issue(&name, &public, terms(2), &random).expect("a certificate");
    let signer = KeySigner::from_pem(&own.0, &paper, random).expect("a signer");
    let signer: Arc<dyn Signer> = Arc::new(signer);
    let trust = Trust::from_pem(Environment::Demo, &[ca.certificate_pem()]).expect("an anchor");
    Node {
        code: code("county"),
        environment: Environment::Demo,
        holder: "one".into(),
        store: MemoryWorld::new().open(&code("county")).shared(),
        bus: Arc::new(LocalBus::new(["county", "city", "town"].map(code))),
        formats: BTreeMap::new(),
        lists: Lists::new(OpenLists::new()),
        trust: Arc::new(trust),
        signers: signer.into(),
        opens: Arc::new(NoKeys),
        rests: None,
        readers: BTreeMap::new(),
        links: vec![link("city", "city", true), link("town", "town", false)],
        adapters: BTreeMap::from([("window".to_owned(), "1".to_owned())]),
        owes: Vec::new(),
        relay: RelayConfig { default: Treatment::Relay, rules: Vec::new() },
        limits: Limits::default(),
        seed: 1,
        held: Leases::default(),
        fair: Fairness::default(),
        inbox_depth: 0.into(),
        tables: Default::default(),
        errands: Default::default(),
        dead: Default::default(),
    }
}

/// A hall whose clock a test has in its hand.
pub(crate) struct Ground {
    /// The hall.
    pub(crate) hall: Arc<Hall>,
    at: Arc<AtomicI64>,
}

impl Ground {
    /// Of [`node`], not served over TLS.
    pub(crate) fn new() -> Self {
        Self::of(node(), Terms { tls: false, ..Terms::default() })
    }

    /// Of a node, served so.
    pub(crate) fn of(node: Node, terms: Terms) -> Self {
        let begins = Millis::parse(BEGINS).expect("a moment");
        let at = Arc::new(AtomicI64::new(begins.0));
        let clock: Clock = {
            let at = Arc::clone(&at);
            Arc::new(move || Millis(at.load(Ordering::SeqCst)))
        };
        let drawn = AtomicU64::new(0);
        let chance = Arc::new(move |bytes: &mut [u8]| {
            for part in bytes.chunks_mut(32) {
                let n = drawn.fetch_add(1, Ordering::SeqCst);
                let drawn = DigestAlg::Sha256.of(&[b"chance of a test", &n.to_be_bytes()]);
                part.copy_from_slice(&drawn.bytes[..part.len()]);
            }
        });
        let hall = Hall::new(
            (Arc::new(node), "试验县".into()),
            Arc::new(TestHouse),
            Access::new(terms),
            (Arc::clone(&clock), clock, chance),
        );
        Self { hall, at }
    }

    /// Time goes by.
    pub(crate) fn later(&self, ms: i64) {
        self.at.fetch_add(ms, Ordering::SeqCst);
    }
}

/// A hall of [`node`] whose clock stands still.
pub(crate) fn hall() -> Arc<Hall> {
    Ground::new().hall
}

/// Somebody with these roles who sees all, for functions that take a [`Who`]. They have no session: a
/// [`Visitor`] has.
pub(crate) fn who(roles: &[Role]) -> Who {
    Who {
        account: roles.first().map_or("nobody", |role| role.word()).into(),
        roles: roles.to_vec(),
        scope: Scope::default(),
        only: None,
        via: Via::Session,
        key: "".into(),
        csrf: "csrf".into(),
        tongue: Tongue::Zh,
    }
}

/// Whoever asks the hall for pages: keeps cookies as a browser does.
pub(crate) struct Visitor {
    hall: Arc<Hall>,
    cookies: BTreeMap<String, String>,
    /// What its forms say; filled in by itself wherever a form has none.
    pub(crate) csrf: String,
    /// Asks as a program, with a token.
    pub(crate) token: Option<String>,
    /// The certificate that TLS verified.
    pub(crate) certificate: Option<[u8; 32]>,
}

/// What was answered.
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: StatusCode,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The body, as text.
    pub(crate) body: String,
}

impl Answer {
    /// Where it sends on to.
    pub(crate) fn place(&self) -> &str {
        self.headers.get(LOCATION).and_then(|l| l.to_str().ok()).unwrap_or("")
    }

    /// What stands between two texts of the body.
    pub(crate) fn between(&self, before: &str, after: &str) -> &str {
        let rest = self.body.split_once(before).map_or("", |(_, rest)| rest);
        rest.split_once(after).map_or("", |(inside, _)| inside)
    }
}

impl Visitor {
    /// Somebody who is not known.
    pub(crate) fn stranger(hall: &Arc<Hall>) -> Self {
        Self {
            hall: Arc::clone(hall),
            cookies: BTreeMap::new(),
            csrf: String::new(),
            token: None,
            certificate: None,
        }
    }

    /// Somebody with an account of these roles who has logged in. The account is called as the first
    /// role is; each visitor of the same roles has a session of its own.
    pub(crate) async fn with(hall: &Arc<Hall>, roles: &[Role]) -> Self {
        Self::within(hall, roles, Scope::default()).await
    }

    /// The same, who sees only this.
    pub(crate) async fn within(hall: &Arc<Hall>, roles: &[Role], scope: Scope) -> Self {
        let (name, value, csrf) = access::let_in(hall, roles, scope).await;
        let mut visitor = Self::stranger(hall);
        visitor.cookies.insert(name, value);
        visitor.csrf = csrf;
        visitor
    }

    /// Has what the browser of somebody else has.
    pub(crate) fn cookies_of(&mut self, other: &Self) {
        self.cookies.clone_from(&other.cookies);
    }

    /// Asks for a page.
    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(Request::builder().method(Method::GET).uri(path), String::new()).await
    }

    /// Sends a form, with the secret of its page.
    pub(crate) async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Answer {
        let mut form = form.to_vec();
        let csrf = self.csrf.clone();
        if !form.iter().any(|(name, _)| *name == "csrf") {
            form.push(("csrf", &csrf));
        }
        let body = serde_urlencoded::to_string(&form).expect("a form");
        let request = Request::builder().method(Method::POST).uri(path);
        self.send(request.header(CONTENT_TYPE, "application/x-www-form-urlencoded"), body).await
    }

    /// Sends any request.
    pub(crate) async fn send(
        &mut self,
        mut request: axum::http::request::Builder,
        body: String,
    ) -> Answer {
        let cookies: Vec<String> = self.cookies.iter().map(|(k, v)| format!("{k}={v}")).collect();
        if !cookies.is_empty() {
            request = request.header(COOKIE, cookies.join("; "));
        }
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(certificate) = self.certificate {
            request = request.extension(ClientCertificate(certificate));
        }
        let request = request.body(Body::from(body)).expect("a request");
        let answer = crate::router(&self.hall, |_| None).call(request).await.expect("an answer");
        let (head, body) = answer.into_parts();
        for cookie in head.headers.get_all(SET_COOKIE) {
            let pair = cookie.to_str().ok().and_then(|c| c.split(';').next());
            if let Some((name, value)) = pair.and_then(|pair| pair.split_once('=')) {
                self.cookies.insert(name.to_owned(), value.to_owned());
                self.cookies.retain(|_, value| !value.is_empty());
            }
        }
        let bytes = axum::body::to_bytes(body, 8 << 20).await.expect("a body");
        let body = String::from_utf8_lossy(&bytes).into_owned();
        Answer { status: head.status, headers: head.headers, body }
    }
}
