//! Whatever is written reads back, and whatever reads was written so.

use canon::{Day, DigestAlg, Environment, HashSum, Millis, NodeCode, Route};
use envelope::control::{
    Answer, Counts, HeldState, Holding, Hop, Inquiry, JudgedPage, JudgedPart, JudgedRow,
    KeyVersion, ManifestLine, Named, NamedRow, Names, Narrow, Narrowed, Notice, QualityNotice,
    Recall, Recalled, Refusal, Side, Stage, Stated,
};
use envelope::fragment::check_shape;
use envelope::{
    By, Confidential, Head, Kind, Note, Outcome, OutcomeLine, ReceiptFor, Recipient, Skipped, open,
    open_frame, parse_envelope_id, read_outcome, verify, write_outcome,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::common::{head, now, record, seal, world};
use crate::narrowing::{prefix, question, stated, sums};

/// Any text XML 1.0 can carry, not empty.
pub(crate) fn text() -> impl Strategy<Value = String> {
    let legal = |c: &char| !matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}');
    let special = select("&<>\"'\r\t\n 中😀]".chars().collect::<Vec<_>>());
    vec(prop_oneof![any::<char>().prop_filter("legal in XML", legal), special], 1..12)
        .prop_map(|chars| chars.into_iter().collect())
}

fn maybe_empty() -> impl Strategy<Value = String> {
    option::of(text()).prop_map(Option::unwrap_or_default)
}

pub(crate) fn node() -> impl Strategy<Value = NodeCode> {
    "[A-Za-z0-9._-]{1,64}".prop_map(|code| NodeCode::new(&code).expect("legal"))
}

fn route() -> impl Strategy<Value = Route> {
    let lanes = select(canon::Lane::ALL.to_vec());
    (node(), "[a-z]{1,9}/[0-9]{1,2}", lanes).prop_map(|(destination, edition, lane)| Route {
        destination,
        edition: edition.into(),
        suite: "ecdsa-p256-sha256".into(),
        lane,
    })
}

fn id() -> impl Strategy<Value = canon::EnvelopeId> {
    (node(), any::<u32>(), route(), any::<u64>()).prop_map(|(sender, epoch, route, sequence)| {
        canon::EnvelopeId { sender, epoch, route, sequence }
    })
}

/// Whole seconds from 1970 to 2100.
fn time() -> impl Strategy<Value = Millis> {
    (0..4_102_444_800_i64).prop_map(|s| Millis(s * 1_000))
}

fn some_digest() -> impl Strategy<Value = canon::Digest> {
    any::<[u8; 32]>().prop_map(|bytes| canon::Digest { alg: DigestAlg::Sha256, bytes })
}

prop_compose! {
    fn line()(
        position in any::<u32>(),
        outcome in select(Outcome::ALL.to_vec()),
        code in text(),
        field in option::of(text()),
        zh in option::of(text()),
        notes in vec((maybe_empty(), maybe_empty(), maybe_empty()), 0..3),
        first in option::of(id()),
        said in option::of(text()),
    ) -> OutcomeLine {
        let notes = notes.into_iter().map(|(code, field, text)| Note { code, field, text });
        let code = (outcome == Outcome::Rejected || code.len() > 9).then_some(code);
        OutcomeLine { position, outcome, code, field, text: zh, notes: notes.collect(), first, said }
    }
}

prop_compose! {
    fn some_head()(
        kind in select(Kind::ALL.to_vec()),
        environment in select(Environment::ALL.to_vec()),
        from in node(),
        mut route in route(),
        epoch in any::<u32>(),
        sequence in 1_u64..,
        steps in vec((1_u64..1000, 0_u64..1000, maybe_empty()), 0..3),
        sealed_at in time(),
        window in -3_000..60_000_i32,
        texts in (maybe_empty(), maybe_empty(), maybe_empty()),
        adapters in vec((maybe_empty(), maybe_empty()), 0..3),
        lengths in vec(any::<u32>(), 0..9),
        digests in (some_digest(), some_digest(), some_digest()),
        recipients in option::of(vec((node(), some_digest(), text()), 0..3)),
        answers in (id(), some_digest(), some_digest(), time(), any::<bool>(), option::of(text())),
    ) -> Head {
        route.lane = if kind.is_control() { canon::Lane::Control } else { canon::Lane::Live };
        let mut last = 0;
        let skipped = steps.into_iter().map(|(gap, len, cause)| {
            let first = last + gap;
            last = first + len;
            Skipped { first, last, cause }
        });
        let (envelope, head, root, received_at, outlet, decline) = answers;
        let by = if outlet { By::Outlet } else { By::Node };
        let answers = ReceiptFor { envelope, head, root, received_at, by, decline };
        let answers = (kind == Kind::Receipt).then_some(answers);
        let declined = answers.as_ref().is_some_and(|a| a.decline.is_some());
        let lengths = if declined { Vec::new() } else { lengths };
        Head {
            kind, environment, from,
            to: route.destination.clone(),
            epoch, route, sequence,
            settled_below: sequence / 2,
            skipped: skipped.collect(),
            sealed_at,
            window: Day(window),
            format: texts.0, code_tables: texts.1, authority: texts.2,
            adapters,
            digest_alg: DigestAlg::Sha256,
            keep_orphans: (0..lengths.len() as u32).step_by(2).collect(),
            lengths,
            root: digests.0, certificate: digests.1,
            confidential: recipients.map(|all| Confidential {
                cipher: "aes-256-gcm".into(),
                ciphertext: digests.2,
                recipients: all
                    .into_iter()
                    .map(|(node, certificate, key)| Recipient { node, certificate, key })
                    .collect(),
            }),
            answers,
        }
    }
}

fn manifest_line() -> impl Strategy<Value = ManifestLine> {
    let counts = any::<[u32; 10]>().prop_map(|n| {
        let n = n.map(u64::from);
        Counts {
            quarantined: n[0],
            waiting: n[1],
            staged: n[2],
            in_flight: n[3],
            awaiting_review: n[4],
            accepted: n[5],
            superseded: n[6],
            rejected: n[7],
            voided: n[8],
            dead: n[9],
        }
    });
    let sequences = (option::of(any::<u64>()), option::of(any::<u64>()), any::<u64>());
    let who = (node(), text(), route(), any::<u32>());
    (-3_000..60_000_i32, any::<(u32, bool, bool, [u32; 4])>(), who, counts, sequences).prop_map(
        |(day, (revision, is_final, receiver, sum), who, counts, (first, last, baseline))| {
            ManifestLine {
                day: Day(day),
                revision,
                is_final,
                side: if receiver { Side::Receiver } else { Side::Sender },
                sender: who.0,
                kind: who.1,
                route: who.2,
                epoch: who.3,
                counts,
                sum: HashSum(sum),
                baseline,
                first,
                last,
            }
        },
    )
}

fn inquiry() -> impl Strategy<Value = Inquiry> {
    let gap = (node(), any::<u32>(), route(), any::<u32>(), any::<u32>());
    prop_oneof![
        id().prop_map(Inquiry::Status),
        gap.prop_map(|(sender, epoch, route, a, b)| Inquiry::Gap {
            sender,
            epoch,
            route,
            first: a.min(b).into(),
            last: a.max(b).into(),
        }),
        (text(), option::of(text())).prop_map(|(kind, after)| Inquiry::Versions { kind, after }),
        (any::<u32>(), option::of(id()))
            .prop_map(|(epoch, after)| Inquiry::Judged { epoch, after }),
        recall().prop_map(Inquiry::Recall),
        (question(), vec((prefix(), sums()), 0..4))
            .prop_map(|(question, at)| Inquiry::Narrow(Narrow { question, at })),
        (question(), vec(any::<u64>(), 1..9))
            .prop_map(|(question, places)| Inquiry::Names(Names { question, places })),
    ]
}

fn recall() -> impl Strategy<Value = Recall> {
    let holding = (any::<u32>(), route(), any::<u32>())
        .prop_map(|(epoch, route, through)| Holding { epoch, route, through: through.into() });
    (any::<u32>(), 0..40_000, vec(holding, 0..4)).prop_map(|(epoch, day, holdings)| Recall {
        epoch,
        since: Day(day),
        holdings,
    })
}

fn judged() -> impl Strategy<Value = JudgedPart> {
    let who = (select(Outcome::ALL.to_vec()), text(), text(), any::<u32>());
    let rest =
        (some_digest(), some_digest(), any::<bool>(), option::of(text()), option::of(text()));
    let row = (who, rest).prop_map(|(who, rest)| JudgedRow {
        outcome: who.0,
        kind: who.1,
        key: who.2,
        version: who.3,
        digest: rest.0,
        content: rest.1,
        void: rest.2,
        facts: rest.3,
        code: rest.4,
    });
    (id(), some_digest(), some_digest(), 0..40_000, option::of(text()), vec(row, 0..4)).prop_map(
        |(envelope, head, root, day, adapter, rows)| JudgedPart {
            envelope,
            head,
            root,
            day: Day(day),
            adapter,
            rows,
        },
    )
}

fn answer() -> impl Strategy<Value = Answer> {
    let skipped = (node(), any::<u32>(), route(), any::<u32>(), any::<u32>(), maybe_empty());
    let row = (text(), any::<u32>()).prop_map(|(key, version)| KeyVersion { key, version });
    prop_oneof![
        (id(), select(HeldState::ALL.to_vec()))
            .prop_map(|(envelope, state)| Answer::Held { envelope, state }),
        id().prop_map(Answer::Unknown),
        (id(), time()).prop_map(|(envelope, until)| Answer::Defer { envelope, until }),
        skipped.prop_map(|(sender, epoch, route, a, b, cause)| Answer::Skipped {
            sender,
            epoch,
            route,
            skipped: Skipped { first: a.min(b).into(), last: a.max(b).into(), cause },
        }),
        (text(), vec(row, 0..4), any::<bool>()).prop_map(|(kind, rows, more)| Answer::Versions {
            kind,
            rows,
            more
        }),
        judged().prop_map(Answer::Judged),
        (any::<u32>(), any::<u32>(), option::of(id()), option::of(id()), any::<bool>()).prop_map(
            |(epoch, highest, after, last, more)| {
                Answer::JudgedPage(JudgedPage { epoch, highest, after, last, more })
            }
        ),
        (any::<u32>(), node())
            .prop_map(|(epoch, sender)| Answer::Recalled(Recalled { epoch, sender })),
        (
            question(),
            vec((prefix(), any::<u16>()), 0..4),
            vec((prefix(), vec(any::<(u64, u64)>(), 0..4)), 0..4)
        )
            .prop_map(|(question, at, lists)| {
                Answer::Narrowed(Narrowed { question, at, lists })
            }),
        (question(), vec((text(), any::<[u32; 4]>()), 0..4)).prop_map(|(question, rows)| {
            let row = |(record, sum)| NamedRow { record, sum: HashSum(sum) };
            Answer::Named(Named { question, rows: rows.into_iter().map(row).collect() })
        }),
    ]
}

fn hop() -> impl Strategy<Value = Hop> {
    let stage = select(Stage::ALL.to_vec());
    (id(), some_digest(), stage, any::<bool>(), time(), option::of(node()), option::of(text()))
        .prop_map(|(envelope, head, stage, verified, at, next, by)| Hop {
            envelope,
            head,
            stage,
            verified,
            at,
            next,
            by,
        })
}

fn refusal() -> impl Strategy<Value = Refusal> {
    (some_digest(), option::of(id()), text(), maybe_empty(), time())
        .prop_map(|(parcel, claimed, code, text, at)| Refusal { parcel, claimed, code, text, at })
}

fn notice() -> impl Strategy<Value = Notice> {
    (text(), maybe_empty(), option::of(id()), option::of(time()), option::of(time()))
        .prop_map(|(code, text, about, from, until)| Notice { code, text, about, from, until })
}

fn quality() -> impl Strategy<Value = QualityNotice> {
    (text(), text(), any::<u32>(), text(), option::of(text()), maybe_empty(), time()).prop_map(
        |(kind, key, version, rule, field, text, deadline)| QualityNotice {
            kind,
            key,
            version,
            rule,
            field,
            text,
            deadline,
        },
    )
}

/// One fragment of every control body.
pub(crate) fn control_fragment() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        line().prop_map(|l| write_outcome(&l)),
        hop().prop_map(|b| b.write()),
        refusal().prop_map(|b| b.write()),
        inquiry().prop_map(|b| b.write()),
        answer().prop_map(|b| b.write()),
        manifest_line().prop_map(|b| b.write()),
        notice().prop_map(|b| b.write()),
        quality().prop_map(|b| b.write()),
        stated().prop_map(|b| b.write()),
    ]
}

proptest! {
    #[test]
    fn heads_read_back(head in some_head()) {
        let bytes = head.write();
        prop_assert_eq!(Head::read(&bytes), Ok(head));
    }

    #[test]
    fn outcomes_read_back(line in line()) {
        let bytes = write_outcome(&line);
        prop_assert_eq!(check_shape(&bytes), Ok(()));
        prop_assert_eq!(read_outcome(&bytes), Ok(line));
    }

    #[test]
    fn control_bodies_read_back(
        hop in hop(), refusal in refusal(), inquiry in inquiry(), answer in answer(),
        manifest in manifest_line(), notice in notice(), quality in quality(),
        stated in stated(),
    ) {
        prop_assert_eq!(Hop::read(&hop.write()), Ok(hop));
        prop_assert_eq!(Refusal::read(&refusal.write()), Ok(refusal));
        prop_assert_eq!(Inquiry::read(&inquiry.write()), Ok(inquiry));
        prop_assert_eq!(Answer::read(&answer.write()), Ok(answer));
        prop_assert_eq!(ManifestLine::read(&manifest.write()), Ok(manifest));
        prop_assert_eq!(Notice::read(&notice.write()), Ok(notice));
        prop_assert_eq!(QualityNotice::read(&quality.write()), Ok(quality));
        prop_assert_eq!(Stated::read(&stated.write()), Ok(stated));
    }

    #[test]
    fn control_bodies_have_the_shape_of_fragments(fragment in control_fragment()) {
        prop_assert_eq!(check_shape(&fragment), Ok(()));
    }

    #[test]
    fn envelope_ids_read_back(id in id()) {
        prop_assert_eq!(parse_envelope_id(&id.to_string()), Some(id));
    }

    #[test]
    fn a_changed_head_is_refused_or_says_something_else(
        head in some_head(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let bytes = head.write();
        let mut changed = bytes.clone();
        changed[at.index(bytes.len())] = byte;
        if let Ok(other) = Head::read(&changed) {
            prop_assert_eq!(other == head, changed == bytes);
            prop_assert_eq!(other.write(), changed);
        }
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in vec(any::<u8>(), 0..200)) {
        let refused = open(&bytes).is_err()
            & Head::read(&bytes).is_err()
            & read_outcome(&bytes).is_err()
            & Answer::read(&bytes).is_err()
            & check_shape(&bytes).is_err();
        prop_assert!(refused);
        prop_assert!(open_frame(&bytes, 1 << 16).is_err());
    }
}

#[test]
fn what_xml_cannot_carry_is_replaced_and_not_written() {
    let line =
        OutcomeLine { said: Some("a\u{0}b\u{1f}c\u{ffff}d".into()), ..OutcomeLine::accepted(0) };
    let read = read_outcome(&write_outcome(&line)).unwrap();
    assert_eq!(read.said.as_deref(), Some("a\u{fffd}b\u{fffd}c\u{fffd}d"));
}

#[test]
fn a_rejection_has_a_code() {
    let line = OutcomeLine { outcome: Outcome::Rejected, ..OutcomeLine::accepted(0) };
    assert!(read_outcome(&write_outcome(&line)).is_err());
}

/// Forms that are XML, or nearly, and not ours.
#[test]
fn other_forms_are_refused() {
    let bad = [
        r#"<A></A>"#,
        r#"<A xmlns="urn:x"/>"#,
        r#"<A xmlns='urn:x'></A>"#,
        r#"<A xmlns=""></A>"#,
        r#"<A  xmlns="urn:x"></A>"#,
        r#"<A xmlns="urn:x" ></A>"#,
        r#"<A xmlns="urn:x"></A >"#,
        r#"<A xmlns="urn:x"></A><B xmlns="urn:x"></B>"#,
        r#"<A xmlns="urn:x"></A> "#,
        r#" <A xmlns="urn:x"></A>"#,
        r#"<A xmlns="urn:x" Id="head"></A>"#,
        r#"<A xmlns="urn:x"><B Id="head"></B></A>"#,
        r#"<A xmlns="urn:x"><B xmlns="urn:tiergate:envelope:1"></B></A>"#,
        r#"<Head xmlns="urn:tiergate:envelope:1"></Head>"#,
        r#"<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"></Signature>"#,
        r#"<p:A xmlns:p="urn:x"></p:A>"#,
        r#"<A xmlns="urn:x" p:v="1"></A>"#,
        r#"<A xmlns="urn:x"><!-- c --></A>"#,
        r#"<A xmlns="urn:x"><?pi?></A>"#,
        r#"<A xmlns="urn:x"><![CDATA[x]]></A>"#,
        r#"<!DOCTYPE A><A xmlns="urn:x"></A>"#,
        r#"<A xmlns="urn:x">&e;</A>"#,
        r#"<A xmlns="urn:x">&#13;</A>"#,
        r#"<A xmlns="urn:x">&quot;</A>"#,
        r#"<A xmlns="urn:x">a>b</A>"#,
        "<A xmlns=\"urn:x\">a\rb</A>",
        "<A xmlns=\"urn:x\" v=\"a\nb\"></A>",
        "<A xmlns=\"urn:x\">a\u{1}b</A>",
        "<A xmlns=\"urn:x\">a\u{ffff}b</A>",
        r#"<A xmlns="urn:x" v="a<b"></A>"#,
        r#"<A xmlns="urn:x"><B></A></B>"#,
        r#"<A xmlns="urn:x">"#,
        "",
    ];
    for form in bad {
        assert!(check_shape(form.as_bytes()).is_err(), "accepted {form:?}");
    }
    let deep = |n: usize| {
        format!("<A xmlns=\"urn:x\">{}{}</A>", "<B>".repeat(n - 1), "</B>".repeat(n - 1))
    };
    assert!(check_shape(deep(32).as_bytes()).is_ok());
    assert_eq!(check_shape(deep(33).as_bytes()).unwrap_err().code(), "envelope.too_large");
    let good =
        r#"<A xmlns="urn:x" v="1" w="a>b&quot;&#xA;"><B>"中"，&amp;&lt;&gt;&#xD;</B><B></B></A>"#;
    assert_eq!(check_shape(good.as_bytes()), Ok(()));
}

#[test]
fn limits_are_checked_before_what_they_bound() {
    let world = world();
    let fragments = vec![record(1)];
    let package = seal(&head(&world.signer, &fragments), &fragments, &world.signer);
    let text = String::from_utf8(package).unwrap();
    let changed = |from: &str, to: &str| text.replacen(from, to, 1).into_bytes();
    let code = |bytes: &[u8]| open(bytes).unwrap_err().code();
    assert_eq!(code(&changed("<Count>1<", "<Count>4000000000<")), "envelope.too_large");
    assert_eq!(code(&changed("<Count>1<", "<Count>2<")), "envelope.malformed");
    let long = "9".repeat(300_000);
    assert_eq!(code(&changed("<Lengths>", &format!("<Lengths>{long}"))), "envelope.too_large");
    assert_eq!(code(&changed("<Lengths>", "<Lengths>4294967295 ")), "envelope.malformed");
    assert_eq!(code(&changed("</Head>", &" ".repeat(2 << 20))), "envelope.too_large");
    let many = "<Skipped><First>1</First><Last>1</Last></Skipped>".repeat(1_001);
    assert_eq!(code(&changed("<SealedAt>", &format!("{many}<SealedAt>"))), "envelope.too_large");
    let chain = "<X509Certificate>AAAA</X509Certificate>".repeat(4);
    let bytes = changed("<X509Data>", &format!("<X509Data>{chain}"));
    let refuse = verify(&open(&bytes).unwrap(), &world.trust, now()).unwrap_err();
    assert_eq!(refuse.code(), "envelope.too_large");
}
