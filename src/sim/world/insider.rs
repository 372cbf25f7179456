//! Who has a key that everybody believes, and lies: says accepted of what it never judged, declines in
//! somebody's name, signs another's records. And a second machine with a node's key.

use bus::{Bus as _, Parcel};
use canon::{Lane, Millis, NodeCode, Route, leaf_hash};
use envelope::{By, Head, Kind, Opened, OutcomeLine, ReceiptFor, Signer};

use super::World;
use super::turn::ready;
use crate::fault::Fault;
use crate::keys;
use crate::ledger;
use crate::weather;

/// Most a package of the world opens to.
const OPEN_MAX: usize = 1 << 20;
/// Sequences of lies begin here, above all that are true.
const LIES: u64 = 1 << 40;

impl World {
    /// Some certified node says something of a records envelope that is not its to say.
    pub(super) fn lie(&mut self) {
        let seen = weather::look(&self.sky).seen.clone();
        let seen: Vec<Parcel> = seen.into_iter().filter(|p| &*p.kind == "records").collect();
        let Some(parcel) = self.chance("insider").pick(&seen).cloned() else { return };
        let Ok(package) = envelope::open_frame(&parcel.frame, OPEN_MAX) else { return };
        let Ok(opened) = envelope::open(&package) else { return };
        let (from, to) = (&opened.head.from, &opened.head.to);
        let place = |code: &NodeCode| self.machines.iter().position(|m| m.code == *code);
        let (Some(origin), Some(_)) = (place(from), place(to)) else { return };
        let liars: Vec<usize> = (0..self.machines.len())
            .filter(|n| self.machines[*n].code != *from && self.machines[*n].code != *to)
            .collect();
        let what = self.chance("insider").below(4);
        let Some(liar) = self.chance("insider").pick(&liars).copied() else { return };
        let Some(neighbour) = self.parents[origin] else { return };
        let hop_from = self.machines[neighbour].code.clone();
        self.lies += 1;
        let (code, generation) = (self.machines[liar].code.clone(), self.machines[liar].generation);
        let signer = keys::signer(&code, generation);
        let lie = match what {
            // Accepted, in its own name; and declined.
            0 | 1 => receipt(&opened, &code, &*signer, (self.lies, what == 1), self.now),
            // Accepted, in the destination's name, under its own key.
            2 => receipt(&opened, to, &*signer, (self.lies, false), self.now),
            // The records themselves, under its own key.
            _ => resealed(&opened, &*signer),
        };
        let Some((head, frame)) = lie else { return };
        let frame: std::sync::Arc<[u8]> = frame.into();
        if what < 2 {
            ledger::look(&self.ledger).made(&head.id(), &frame);
        }
        let kind: std::sync::Arc<str> = head.kind.as_str().into();
        let (id, to) = (head.id(), head.to.clone());
        let told = match what {
            0..=2 => {
                let hop = self.machines[origin].code.clone();
                Parcel { from: hop_from, hop, lane: Lane::Control, id, kind, to, frame }
            }
            _ => Parcel { id, kind, to, frame, ..parcel },
        };
        let named =
            ["false receipt", "false decline", "receipt in another's name", "others' records"];
        if ready(self.bus.publish(vec![told])).is_ok() {
            self.happened.note_of(Fault::Insider, named[what as usize]);
        }
    }
}

/// A receipt for an envelope by whoever: everything is accepted, or the whole is declined.
fn receipt(
    about: &Opened<'_>,
    from: &NodeCode,
    signer: &dyn Signer,
    (nth, declines): (u64, bool),
    now: Millis,
) -> Option<(Head, Vec<u8>)> {
    let alg = signer.suite().digest();
    let to = about.head.from.clone();
    let lines = if declines { 0 } else { about.fragments.len() as u32 };
    let bodies: Vec<Vec<u8>> = (0..lines)
        .map(|position| envelope::write_outcome(&OutcomeLine::accepted(position)))
        .collect();
    let leaves: Vec<_> = bodies.iter().map(|b| leaf_hash(alg, b)).collect();
    let second = Millis(now.0 - now.0.rem_euclid(1_000));
    let head = Head {
        kind: Kind::Receipt,
        from: from.clone(),
        to: to.clone(),
        epoch: 1,
        route: Route {
            destination: to,
            edition: "control/1".into(),
            suite: signer.suite().name().into(),
            lane: Lane::Control,
        },
        sequence: LIES + nth,
        settled_below: 1,
        sealed_at: second,
        format: "control/1".into(),
        code_tables: String::new(),
        adapters: Vec::new(),
        keep_orphans: Vec::new(),
        skipped: Vec::new(),
        lengths: bodies.iter().map(|b| b.len() as u32).collect(),
        root: envelope::merkle_root(alg, &leaves),
        certificate: signer.certificate_digest(),
        answers: Some(ReceiptFor {
            envelope: about.head.id(),
            head: about.head_digest(),
            root: about.head.root,
            received_at: second,
            by: By::Node,
            decline: declines.then(|| "receiver.edition_unknown".to_owned()),
        }),
        ..about.head.clone()
    };
    let bytes = head.write();
    let signature = envelope::sign_head(&bytes, signer).ok()?;
    let package = envelope::assemble(&bytes, &bodies.concat(), &signature);
    Some((head, envelope::frame(&package, 1)))
}

/// The same records in their sender's name, under another node's key.
fn resealed(about: &Opened<'_>, signer: &dyn Signer) -> Option<(Head, Vec<u8>)> {
    let mut head = about.head.clone();
    head.certificate = signer.certificate_digest();
    let bytes = head.write();
    let signature = envelope::sign_head(&bytes, signer).ok()?;
    let package = envelope::assemble(&bytes, &about.fragments.concat(), &signature);
    Some((head, envelope::frame(&package, 1)))
}
