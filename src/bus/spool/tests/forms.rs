//! The forms: what is written reads back, and the opened package keeps its signed bytes.

use canon::{DigestAlg, Environment, Millis, leaf_hash};
use envelope::{Head, Kind};

use super::*;

/// A package in its exact form; its signature is nobody's, and nobody here asks.
fn package(text: &str) -> Vec<u8> {
    let fragment = format!("<X xmlns=\"urn:x\">{text}</X>").into_bytes();
    let id = parcel(Lane::Live, 4).id;
    let head = Head {
        kind: Kind::Records,
        environment: Environment::Demo,
        from: id.sender,
        to: id.route.destination.clone(),
        epoch: id.epoch,
        route: id.route,
        sequence: id.sequence,
        settled_below: 1,
        skipped: Vec::new(),
        sealed_at: Millis(0),
        window: Millis(0).day(),
        format: "supervision/1".into(),
        code_tables: String::new(),
        authority: String::new(),
        adapters: Vec::new(),
        digest_alg: DigestAlg::Sha256,
        lengths: vec![fragment.len() as u32],
        root: envelope::merkle_root(DigestAlg::Sha256, &[leaf_hash(DigestAlg::Sha256, &fragment)]),
        certificate: DigestAlg::Sha256.of(&[b"none"]),
        keep_orphans: Vec::new(),
        confidential: None,
        answers: None,
    };
    envelope::assemble(&head.write(), &fragment, b"<Signature></Signature>")
}

fn xml_parcel(text: &str) -> (Parcel, Vec<u8>) {
    let package = package(text);
    envelope::open(&package).expect("an exact package");
    let mut parcel = parcel(Lane::Live, 4);
    parcel.frame = envelope::frame(&package, 5).into();
    (parcel, package)
}

#[tokio::test]
async fn zst_and_zip_carry_the_very_frame() {
    for form in [Form::Zst, Form::Zip] {
        let gate = Gate::new(Settings { form, ..quick() });
        let (a, b) = (gate.side("a"), gate.side("b"));
        let mut empty = parcel(Lane::Live, 2);
        empty.frame = Vec::new().into();
        publish(&a, vec![parcel(Lane::Live, 1), empty]).await;
        gate.carry("a", "b");
        let taken = take(&b, Lane::Live).await;
        assert_eq!(taken[0].parcel.frame, parcel(Lane::Live, 1).frame);
        assert!(taken[1].parcel.frame.is_empty());
    }
}

#[tokio::test]
async fn xml_is_the_plain_package_and_the_signed_bytes_are_the_same_behind_the_gate() {
    let gate = Gate::new(Settings { form: Form::Xml, ..quick() });
    let (a, b) = (gate.side("a"), gate.side("b"));
    let (parcel, package) = xml_parcel("文字 --&gt;");
    publish(&a, vec![parcel.clone()]).await;
    let name = gate.names("a/out").remove(0);
    let file = std::fs::read(gate.path("a/out").join(&name)).unwrap();
    assert!(file.starts_with(&package), "a gate reads the package as it is");
    let comment = String::from_utf8(file[package.len()..].to_vec()).unwrap();
    assert_eq!(comment.matches("--").count(), 2, "a comment as XML wants it: {comment}");
    gate.carry("a", "b");
    let taken = take(&b, Lane::Live).await;
    assert_eq!(taken[0].parcel.id, parcel.id);
    assert_eq!(envelope::open_frame(&taken[0].parcel.frame, 1 << 20).unwrap(), package);
}

#[tokio::test]
async fn xml_without_its_comment_is_known_by_its_head_and_its_link() {
    let gate = Gate::new(Settings { form: Form::Xml, ..quick() });
    let b = gate.side("b");
    let (parcel, package) = xml_parcel("x");
    for (n, file) in [package.clone(), [&package[..], b"\r\n"].concat()].into_iter().enumerate() {
        std::fs::write(gate.path("b/in").join(format!("{n}.xml")), file).unwrap();
    }
    let taken = take(&b, Lane::Live).await;
    assert_eq!(taken.len(), 1, "the same parcel twice");
    let came = &taken[0].parcel;
    assert_eq!((came.from.as_str(), came.hop.as_str(), &*came.kind), ("a", "b", "records"));
    assert_eq!((&came.id, &came.to), (&parcel.id, &parcel.to));
    ack(&b, &taken).await;
    assert!(gate.names("b/in").is_empty());
}

#[tokio::test]
async fn a_package_too_large_for_the_gate_goes_in_parts_that_can_be_read_too() {
    let settings = Settings { form: Form::Xml, max_file: PIECE_FILE_MIN, ..quick() };
    let gate = Gate::new(settings);
    let (a, b) = (gate.side("a"), gate.side("b"));
    // Characters of three bytes, and what ends a CDATA section.
    let (parcel, package) =
        xml_parcel(&format!("{}]]&gt;{}", "证照".repeat(4_000), "照".repeat(999)));
    publish(&a, vec![parcel]).await;
    let names = gate.names("a/out");
    assert!(names.len() > 3, "{names:?}");
    for name in &names {
        let file = std::fs::read(gate.path("a/out").join(name)).unwrap();
        assert!(file.len() <= PIECE_FILE_MIN, "{}", file.len());
        let text = String::from_utf8(file).expect("every part is UTF-8 by itself");
        assert!(text.contains("<Part xmlns=\"urn:tiergate:spool:1\"><![CDATA["), "{text}");
    }
    gate.carry("a", "b");
    let taken = take(&b, Lane::Live).await;
    assert_eq!(envelope::open_frame(&taken[0].parcel.frame, 1 << 20).unwrap(), package);
}

#[test]
fn what_ends_a_cdata_section_is_carried_too() {
    let parcel = parcel(Lane::Live, 1);
    let text = b"]]>]]>]]]>x]]".repeat(400);
    let pieces = xml::cut(&text, 600);
    assert_eq!(pieces.concat(), text);
    let outside = Outside::of(&parcel, &text, true, "1");
    for (part, bytes) in (1..).zip(&pieces) {
        let outside = outside.part(part, pieces.len() as u32, bytes);
        let file = xml::write(&outside, bytes);
        assert!(file.len() <= 600 + form::AROUND);
        let piece = Box::new(Piece { outside, bytes: bytes.to_vec() });
        assert_eq!(xml::read(&file), Reading::Piece(piece));
    }
}

#[test]
fn every_cut_of_every_form_is_incomplete_and_every_changed_byte_is_seen() {
    let (parcel, package) = xml_parcel("x");
    for form in [Form::Zst, Form::Zip, Form::Xml] {
        let payload: &[u8] = if form == Form::Xml { &package } else { &parcel.frame };
        let outside = Outside::of(&parcel, payload, form == Form::Xml, "1");
        let file = write(form, &outside, payload, FILE_BYTES_MAX).unwrap().remove(0).1;
        assert!(matches!(read(&file), Reading::Piece(_)), "{form:?}");
        for cut in 0..file.len() {
            let read = read(&file[..cut]);
            // XML may lose its comment, and white space at its end.
            let without = form == Form::Xml && cut >= package.len();
            assert!(without || matches!(read, Reading::Incomplete(_)), "{form:?} {cut}: {read:?}");
        }
        for at in (0..file.len()).step_by(7) {
            let mut changed = file.clone();
            changed[at] ^= 0x20;
            if let Reading::Piece(piece) = read(&changed) {
                assert_eq!(piece.bytes, payload, "{form:?} {at}: other bytes passed");
            }
        }
    }
}
