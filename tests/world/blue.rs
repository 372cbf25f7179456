//! A node that means ill: certified by the same authority, a neighbour of the county, and everything
//! it says is signed by its own key.

use bus::Parcel;
use canon::{EnvelopeId, Lane, NodeCode, leaf_hash};
use envelope::{Head, KeySigner, Kind, ReceiptFor, Signer};
use exchange::{Link, Way};

use super::{COUNTY, PROVINCE, TIERS, World, code};

/// Its code.
pub const BLUE: &str = "town-2";
/// Its region; the other township's is another one.
pub const REGION: &str = "990104";
/// The region of the township that it would like to be.
pub const RED_REGION: &str = "990103";

/// Joins it to the county, and makes it known above.
pub(super) fn beneath(tier: usize, links: &mut Vec<Link>) {
    if tier == COUNTY {
        links.push(Link {
            name: BLUE.into(),
            peer: code(BLUE),
            parent: false,
            beneath: vec![],
            overdue: None,
            way: Way::default(),
            suite: None,
            accepts: None,
        });
    } else if (COUNTY..=PROVINCE).contains(&tier) {
        let below = links.iter_mut().filter(|l| !l.parent);
        below.for_each(|l| l.beneath.push(code(BLUE)));
    }
}

/// Its key, and how often it has spoken.
pub struct Blue {
    signer: KeySigner,
    spoken: u64,
    at: canon::Millis,
}

impl World {
    /// The second township's key, with a certificate of the authority.
    pub fn blue(&mut self) -> Blue {
        let signer = self.authority.signer(&code(BLUE), REGION);
        Blue { signer, spoken: 0, at: self.now }
    }
}

/// How blue's parcels come to the county.
fn by_its_own_link(parcel: Parcel) -> Parcel {
    Parcel { from: code(BLUE), hop: code(TIERS[COUNTY]), ..parcel }
}

impl Blue {
    /// The key.
    pub fn signer(&self) -> &dyn Signer {
        &self.signer
    }

    /// A control parcel from blue to `to`, over the county.
    pub fn says(&mut self, kind: Kind, to: &str, fragments: &[Vec<u8>]) -> Parcel {
        self.speaks(kind, to, fragments, None)
    }

    /// A receipt from blue.
    pub fn answers(&mut self, to: &str, fragments: &[Vec<u8>], answers: ReceiptFor) -> Parcel {
        self.speaks(Kind::Receipt, to, fragments, Some(answers))
    }

    fn speaks(
        &mut self,
        kind: Kind,
        to: &str,
        fragments: &[Vec<u8>],
        answers: Option<ReceiptFor>,
    ) -> Parcel {
        self.spoken += 1;
        let from = (code(BLUE), self.spoken);
        by_its_own_link(said(&self.signer, from, (kind, &code(to)), fragments, answers, self.at))
    }

    /// Another's envelope of records as blue's own: its head rewritten, and signed by blue.
    pub fn takes_as_its_own(&self, parcel: &Parcel, change: impl FnOnce(&mut Head)) -> Parcel {
        by_its_own_link(super::forge::resealed(parcel, &self.signer, |head| {
            head.from = code(BLUE);
            change(head);
        }))
    }

    /// Another's parcel, as it is, by blue's own way.
    pub fn passes_on(&self, parcel: &Parcel) -> Parcel {
        by_its_own_link(parcel.clone())
    }
}

/// A control package of any content, signed by whoever: `from` and its sequence.
pub fn said(
    signer: &dyn Signer,
    (from, sequence): (NodeCode, u64),
    (kind, to): (Kind, &NodeCode),
    fragments: &[Vec<u8>],
    answers: Option<ReceiptFor>,
    at: canon::Millis,
) -> Parcel {
    let alg = signer.suite().digest();
    let leaves: Vec<_> = fragments.iter().map(|f| leaf_hash(alg, f)).collect();
    let head = Head {
        kind,
        environment: canon::Environment::Demo,
        from: from.clone(),
        to: to.clone(),
        epoch: 1,
        route: format!("{to}|control/1|{}|control", signer.suite()).parse().expect("a route"),
        sequence,
        settled_below: 1,
        skipped: Vec::new(),
        sealed_at: canon::Millis(at.0 - at.0.rem_euclid(1000)),
        window: at.day(),
        format: "control/1".into(),
        code_tables: String::new(),
        authority: String::new(),
        adapters: Vec::new(),
        digest_alg: alg,
        lengths: fragments.iter().map(|f| f.len() as u32).collect(),
        root: envelope::merkle_root(alg, &leaves),
        certificate: signer.certificate_digest(),
        keep_orphans: Vec::new(),
        confidential: None,
        answers,
    };
    let bytes = head.write();
    let signature = envelope::sign_head(&bytes, signer).expect("a signature");
    let package = envelope::assemble(&bytes, &fragments.concat(), &signature);
    let id: EnvelopeId = head.id();
    Parcel {
        from: from.clone(),
        hop: to.clone(),
        lane: Lane::Control,
        id,
        kind: kind.as_str().into(),
        to: to.clone(),
        frame: envelope::frame(&package, 1).into(),
    }
}
