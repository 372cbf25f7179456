//! Parcels as they should not be: changed on the way, or signed by those who should not.

use std::sync::Arc;

use bus::Parcel;
use envelope::{Head, Reader, Signer};
use ring::rand::SystemRandom;

use super::carrier::{Change, Trick};

const OPEN_MAX: usize = 64 << 20;

/// The package in a parcel.
pub fn package(parcel: &Parcel) -> Vec<u8> {
    envelope::open_frame(&parcel.frame, OPEN_MAX).expect("a frame of ours")
}

/// Delivered with the first `from` in its package made `to`, and well packed again.
pub fn replaced(from: &'static str, to: &'static str) -> Trick {
    assert_eq!(from.len(), to.len(), "one byte or a few, and the lengths hold");
    let change: Change = Arc::new(move |parcel| {
        let package = String::from_utf8(package(parcel)).expect("UTF-8");
        assert!(package.contains(from), "`{from}` is not in the package");
        envelope::frame(package.replacen(from, to, 1).as_bytes(), 1)
    });
    Trick::Change(change)
}

/// Delivered with one bit of its signature changed.
pub fn signature_changed() -> Trick {
    let change: Change = Arc::new(|parcel| {
        let mut package = package(parcel);
        let text = String::from_utf8(package.clone()).expect("UTF-8");
        let at = text.find("<SignatureValue>").expect("a signature") + "<SignatureValue>".len();
        package[at] = if package[at] == b'A' { b'B' } else { b'A' };
        envelope::frame(&package, 1)
    });
    Trick::Change(change)
}

/// Delivered with one byte of the frame itself changed.
pub fn frame_damaged() -> Trick {
    let change: Change = Arc::new(|parcel| {
        let mut frame = parcel.frame.to_vec();
        let last = frame.len() - 1;
        frame[last] ^= 0x55;
        frame.truncate(last);
        frame
    });
    Trick::Change(change)
}

/// The same records under another head, closed for that reader alone.
pub fn closed(
    parcel: &Parcel,
    signer: &dyn Signer,
    reader: Reader,
    change: impl FnOnce(&mut Head),
) -> Parcel {
    let package = package(parcel);
    let opened = envelope::open(&package).expect("a package of ours");
    let mut head = opened.head.clone();
    change(&mut head);
    let (body, random) = (opened.fragments.concat(), SystemRandom::new());
    let cipher = head.suite().expect("a suite").cipher();
    let closed = envelope::close(&head, &body, cipher, &[reader], &random);
    let (confidential, body) = closed.expect("a closed body");
    head.confidential = Some(confidential);
    let bytes = head.write();
    let signature = envelope::sign_head(&bytes, signer).expect("a signature");
    let package = envelope::assemble(&bytes, &body, &signature);
    Parcel { id: head.id(), frame: envelope::frame(&package, 1).into(), ..parcel.clone() }
}

/// The same parcel with another head, signed by `signer`.
pub fn resealed(parcel: &Parcel, signer: &dyn Signer, change: impl FnOnce(&mut Head)) -> Parcel {
    let package = package(parcel);
    let opened = envelope::open(&package).expect("a package of ours");
    let mut head = opened.head.clone();
    head.certificate = head.digest_alg.of(&[signer.certificate_der()]);
    change(&mut head);
    let bytes = head.write();
    let signature = envelope::sign_head(&bytes, signer).expect("a signature");
    let body = opened.fragments.concat();
    let package = envelope::assemble(&bytes, &body, &signature);
    Parcel {
        id: head.id(),
        kind: head.kind.as_str().into(),
        to: head.to,
        frame: envelope::frame(&package, 1).into(),
        ..parcel.clone()
    }
}
