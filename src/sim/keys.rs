//! Keys and certificates of the world's nodes: one authority for the whole process, since a key says
//! nothing about a course of events. Ed25519 signs the same bytes always the same.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use canon::{Environment, Millis, NodeCode};
use envelope::ca::{NodeName, Terms};
use envelope::{Ca, KeyPem, KeySigner, Suite, Trust};
use ring::rand::SystemRandom;

/// The suite of every key.
pub const SUITE: Suite = Suite::Ed25519Sha256;

/// Since when the world's certificates hold; the world begins in the November after.
const FROM: &str = "2026-01-01 00:00:00";
const DAY: i64 = 86_400_000;

static POOL: LazyLock<Pool> = LazyLock::new(Pool::new);

struct Pool {
    ca: Ca,
    /// Somebody else's authority, whose word counts for nothing here.
    stranger: Ca,
    random: SystemRandom,
    made: Mutex<HashMap<(NodeCode, u32), Arc<KeySigner>>>,
}

impl Pool {
    fn new() -> Self {
        let random = SystemRandom::new();
        let root = |name: &str| {
            let key = KeyPem::generate(SUITE, &random).expect("randomness");
            let terms = Terms { serial: 1, from: from(), until: from().plus(3_650 * DAY) };
            Ca::root(name, &key, terms, &random).expect("a root")
        };
        let (ca, stranger) = (root("Simulated Root"), root("Another Root"));
        Self { ca, stranger, random, made: Mutex::default() }
    }

    fn issue(&self, by: &Ca, code: &NodeCode, serial: u64) -> KeySigner {
        let key = KeyPem::generate(SUITE, &self.random).expect("randomness");
        let public = key.public(&self.random).expect("its public half");
        let terms = Terms { serial, from: from(), until: from().plus(3_650 * DAY) };
        let name = NodeName {
            node: code.clone(),
            environment: Environment::Demo,
            regions: vec!["99".into()],
        };
        let certificate = by.issue(&name, &public, terms, &self.random).expect("a certificate");
        KeySigner::from_pem(&key.0, &certificate, self.random.clone()).expect("a signer")
    }
}

fn from() -> Millis {
    Millis::parse(FROM).unwrap_or(Millis(0))
}

/// A node's key of this generation.
pub fn signer(code: &NodeCode, generation: u32) -> Arc<KeySigner> {
    let mut made = POOL.made.lock().unwrap_or_else(PoisonError::into_inner);
    let serial = made.len() as u64 + 2;
    let key = made.entry((code.clone(), generation));
    Arc::clone(key.or_insert_with(|| Arc::new(POOL.issue(&POOL.ca, code, serial))))
}

/// A key that another authority certified for the same node.
pub fn forger(code: &NodeCode) -> Arc<KeySigner> {
    let mut made = POOL.made.lock().unwrap_or_else(PoisonError::into_inner);
    let serial = made.len() as u64 + 2;
    let key = made.entry((code.clone(), u32::MAX));
    Arc::clone(key.or_insert_with(|| Arc::new(POOL.issue(&POOL.stranger, code, serial))))
}

/// Trust in the authority.
pub fn trust() -> Arc<Trust> {
    let pem = POOL.ca.certificate_pem();
    Arc::new(Trust::from_pem(Environment::Demo, &[pem]).expect("an anchor"))
}
