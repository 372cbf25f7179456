//! Who reads what in a world with confidential bodies.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use canon::Route;
use envelope::{Cipher, Decrypt, EncryptionPair, KeyRing, NoKeys, Reader, Readers};
use ring::rand::SystemRandom;

use super::{PROVINCE, TOWN, World, bulk, live};

/// Every pair of this process: the checkers read what their nodes may not.
static PAIRS: Mutex<Vec<EncryptionPair>> = Mutex::new(Vec::new());

/// Lets the checkers have it too.
pub(super) fn known(pair: EncryptionPair) -> EncryptionPair {
    PAIRS.lock().unwrap_or_else(PoisonError::into_inner).push(pair.clone());
    pair
}

/// The package of a frame, with its body in the clear.
pub(super) fn package(frame: &[u8]) -> Vec<u8> {
    let package = envelope::open_frame(frame, 64 << 20).expect("a stored frame");
    let ring = KeyRing::new(PAIRS.lock().unwrap_or_else(PoisonError::into_inner).clone());
    envelope::clear(&package, &ring).expect("a body for one of the nodes").into_owned()
}

impl World {
    /// The decryption port of a tier.
    pub(super) fn opens(&self, tier: usize) -> Arc<dyn Decrypt> {
        match &self.parts[tier].pair {
            Some(pair) => Arc::new(KeyRing::new(vec![pair.clone()])),
            None => Arc::new(NoKeys),
        }
    }

    /// What closes a tier's own things for itself.
    pub(super) fn rests(&self, tier: usize) -> Option<(Readers, Cipher)> {
        self.parts[tier].pair.as_ref()?;
        Some((self.own_reader(tier), Cipher::Aes256Gcm))
    }

    /// The township's routes to the province, closed for it, for the province and for who else keeps.
    pub(super) fn readers(&self, tier: usize) -> BTreeMap<Route, Readers> {
        let Some(further) = self.setup.closed.filter(|_| tier == TOWN) else {
            return BTreeMap::new();
        };
        let of = |tier: &usize| {
            let pair = self.parts[*tier].pair.as_ref().expect("a world with closed bodies");
            Reader::from_der(&pair.chain[0]).expect("a certificate for encryption")
        };
        let all = [TOWN, PROVINCE].iter().chain(further).map(of).collect();
        let readers = Readers::new(all, SystemRandom::new());
        let suite = self.parts[TOWN].signer.suite();
        let routes = [live(), bulk()].map(|route| Route { suite: suite.name().into(), ..route });
        routes.map(|route| (route, readers.clone())).into()
    }

    /// A tier as the only reader, by the certificate whose key it has.
    pub fn own_reader(&self, tier: usize) -> Readers {
        let pair = self.parts[tier].pair.as_ref().expect("a world with closed bodies");
        let reader = Reader::from_der(&pair.chain[0]).expect("a certificate for encryption");
        Readers::new(vec![reader], SystemRandom::new())
    }

    /// A tier as the only reader, by a certificate of its own.
    pub fn reader(&mut self, tier: usize) -> Readers {
        Readers::new(vec![self.lost_reader(tier)], SystemRandom::new())
    }

    /// A tier as reader, by a certificate whose key nobody has any more.
    pub fn lost_reader(&mut self, tier: usize) -> Reader {
        let pair = self.authority.pair(&super::code(super::TIERS[tier]), "99");
        Reader::from_der(&pair.chain[0]).expect("a certificate for encryption")
    }

    /// Everything that lies in a tier's store, as parcels give it when they are opened by anybody.
    pub async fn lies_at(&self, tier: usize) -> Vec<Vec<u8>> {
        let mut all: Vec<Vec<u8>> = Vec::new();
        for parcel in self.bus.published("records", super::TIERS[tier]) {
            all.push(super::forge::package(&parcel));
            all.push(parcel.frame.to_vec());
        }
        let judged = self.store(tier).judged_after(0, 10_000).await.expect("judged");
        all.extend(
            judged
                .iter()
                .map(|j| envelope::open_frame(&j.frame, 64 << 20).expect("a stored frame")),
        );
        all
    }
}
