//! Certificates of one authority.

use std::sync::Arc;

use canon::{Environment, Millis, NodeCode};
use envelope::ca::{NodeName, Terms};
use envelope::{Ca, EncryptionPair, KeyPem, KeySigner, Suite, Trust, Usage};
use ring::rand::SystemRandom;

/// Certificates of one authority.
pub struct Authority {
    ca: Ca,
    random: SystemRandom,
    serial: u64,
    from: Millis,
    /// The suite of the keys it makes for nodes.
    pub suite: Suite,
}

impl Authority {
    /// A new authority, valid around `now`.
    pub fn new(now: Millis) -> Self {
        let random = SystemRandom::new();
        let suite = Suite::EcdsaP256Sha256;
        let key = KeyPem::generate(suite, &random).expect("randomness");
        let from = now.plus(-86_400_000);
        let terms = Terms { serial: 1, from, until: now.plus(3650 * 86_400_000) };
        let ca = Ca::root("Test Root", &key, terms, &random).expect("a root");
        Self { ca, random, serial: 1, from, suite }
    }

    /// A node's key and certificate, as PEM.
    pub fn identity(&mut self, code: &NodeCode, region: &str) -> (String, String) {
        self.serial += 1;
        let key = KeyPem::generate(self.suite, &self.random).expect("randomness");
        let public = key.public(&self.random).expect("its public half");
        let terms =
            Terms { serial: self.serial, from: self.from, until: self.from.plus(365 * 86_400_000) };
        let name = NodeName {
            node: code.clone(),
            environment: Environment::Demo,
            regions: vec![region.into()],
        };
        let certificate =
            self.ca.issue(&name, &public, terms, &self.random).expect("a certificate");
        (key.0.clone(), certificate)
    }

    /// A node's key for encryption with its certificate, PEM: P-256 beside international suites, SM2
    /// beside the national one.
    pub fn encryption(&mut self, code: &NodeCode, region: &str) -> (KeyPem, String) {
        self.serial += 1;
        let key = KeyPem::generate(self.suite.encryption(), &self.random).expect("randomness");
        let public = key.public(&self.random).expect("its public half");
        let terms =
            Terms { serial: self.serial, from: self.from, until: self.from.plus(365 * 86_400_000) };
        let (node, environment) = (code.clone(), Environment::Demo);
        let name = NodeName { node, environment, regions: vec![region.into()] };
        let issued = self.ca.issue_for(Usage::Encryption, &name, &public, terms, &self.random);
        (key, issued.expect("a certificate"))
    }

    /// The same as a pair.
    pub fn pair(&mut self, code: &NodeCode, region: &str) -> EncryptionPair {
        let (key, certificate) = self.encryption(code, region);
        EncryptionPair::from_pem(key, &certificate).expect("a pair")
    }

    /// A node's signer.
    pub fn signer(&mut self, code: &NodeCode, region: &str) -> KeySigner {
        let (key, certificate) = self.identity(code, region);
        KeySigner::from_pem(&key, &certificate, self.random.clone()).expect("a signer")
    }

    /// A list that names a certificate, revoked since then.
    pub fn revoked(&self, certificate: &[u8], since: Millis) -> String {
        let serial = envelope::SenderCert::from_der(certificate).expect("a certificate").serial;
        let until = since.plus(3650 * 86_400_000);
        let list = self.ca.revocation_list(&[(serial, since)], 1, self.from, until, &self.random);
        list.expect("a list")
    }

    /// The root's certificate.
    pub fn pem(&self) -> String {
        self.ca.certificate_pem().to_owned()
    }

    /// Trust in this authority.
    pub fn trust(&self) -> Arc<Trust> {
        let pem = self.ca.certificate_pem();
        Arc::new(Trust::from_pem(Environment::Demo, &[pem]).expect("an anchor"))
    }
}
