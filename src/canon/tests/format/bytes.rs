//! Properties of the bytes: what is written is read back, and nothing else is read.

use canon::format::{Format, Nature, Op, Parsed, TypeIx, Values, supervision_1};
use canon::limits::{ATTRIBUTES_BYTES_MAX, FRAGMENT_BYTES_MAX};
use proptest::prelude::*;

use crate::common::{attributes, full};

/// Text that XML 1.0 can hold, with everything that needs care.
fn text() -> impl Strategy<Value = String> {
    let special = prop::sample::select(vec![
        "&", "<", ">", "\r", "\n", "\t", "\"", "'", "]]>", "&amp;", "\u{fffd}", "\u{ef00}", "申请",
        "𠮷",
    ]);
    let legal = any::<char>().prop_map(|c| match c {
        '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => 'x',
        c => c,
    });
    let piece = prop_oneof![special.prop_map(str::to_owned), legal.prop_map(String::from)];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn record() -> impl Strategy<Value = (TypeIx, Values)> {
    let format = supervision_1();
    (0..format.types().len()).prop_flat_map(move |ix| {
        let ty = TypeIx(ix as u16);
        let fields = format.get(ty).fields.len();
        prop::collection::vec(text(), fields).prop_map(move |texts| {
            let mut values = Values::new();
            for (ix, text) in texts.iter().enumerate() {
                values.set(ix, text);
            }
            (ty, values)
        })
    })
}

fn rendered(format: &Format, ty: TypeIx, values: &Values) -> Vec<u8> {
    let mut out = vec![];
    format.render(ty, values, &attributes(), &mut out);
    out
}

proptest! {
    #[test]
    fn what_is_written_is_read_back((ty, values) in record(), version in 1u32..999_999_999, void: bool) {
        let format = supervision_1();
        let mut attrs = attributes();
        attrs.version = version;
        attrs.nature = Nature::Correction;
        attrs.entered = Some("2026-03-01".to_owned());
        if void {
            attrs.op = Op::Void;
            attrs.reason = Some("duplicate".to_owned());
            attrs.by = Some("op-17".to_owned());
        }
        let mut bytes = vec![];
        format.render(ty, &values, &attrs, &mut bytes);
        let parsed = format.parse(&bytes).unwrap();
        prop_assert_eq!(&parsed, &Parsed { ty, attrs, values });
    }

    #[test]
    fn the_content_digest_knows_neither_attributes_nor_volatile_fields((ty, values) in record(), other in text()) {
        let format = supervision_1();
        let mut changed = values.clone();
        for (ix, field) in format.get(ty).fields.iter().enumerate() {
            if field.volatile {
                changed.set(ix, &other);
            }
        }
        prop_assert_eq!(
            format.content_digest(ty, &values, Op::Put),
            format.content_digest(ty, &changed, Op::Put)
        );
    }

    /// The strict form: whatever is accepted is byte for byte what the renderer would write.
    #[test]
    fn nothing_but_the_canonical_form_is_read(
        (ty, values) in record(), at in any::<prop::sample::Index>(), byte: u8, how in 0..3,
    ) {
        let format = supervision_1();
        let mut bytes = rendered(&format, ty, &values);
        let at = at.index(bytes.len());
        match how {
            0 => bytes[at] = byte,
            1 => bytes.insert(at, byte),
            _ => drop(bytes.remove(at)),
        }
        if let Ok(parsed) = format.parse(&bytes) {
            let mut again = vec![];
            format.render(parsed.ty, &parsed.values, &parsed.attrs, &mut again);
            prop_assert_eq!(again, bytes);
        }
    }

    #[test]
    fn no_bytes_make_the_parser_fall_over(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let format = supervision_1();
        prop_assert!(format.parse(&bytes).is_err());
    }
}

#[test]
fn the_fragment_is_the_protocol_s_to_the_byte() {
    let format = supervision_1();
    let ty = format.type_by_wire("SL").unwrap();
    let mut values = Values::new();
    values.set(0, "A&B<C>\r\"");
    let text = String::from_utf8(rendered(&format, ty, &values)).unwrap();
    let digest = "07".repeat(32);
    assert_eq!(
        text,
        format!(
            "<SL xmlns=\"urn:tiergate:supervision:1\" v=\"1\" op=\"put\" nature=\"live\" \
             system=\"county_approval\" collected=\"2026-03-20 10:00:00\" rowdig=\"sha256:{digest}\" \
             amended=\"none\" ns=\"TESTUNIT1\"><SBLSH>A&amp;B&lt;C&gt;&#xD;\"</SBLSH></SL>"
        )
    );
}

#[test]
fn foreign_xml_is_refused_with_a_stable_code() {
    let format = supervision_1();
    let ty = format.type_by_wire("LQDJ").unwrap();
    let good = String::from_utf8(rendered(&format, ty, &full(&format, ty))).unwrap();
    let change = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replacen(from, to, 1).into_bytes()
    };
    let long = "审".repeat(FRAGMENT_BYTES_MAX / 3 + 1);
    let billion = "<!DOCTYPE LQDJ [<!ENTITY a \"aaaa\">]>".to_owned() + &good;
    let deep = format!("<SXBM>{}", "<a>".repeat(1000));
    for (code, bytes) in [
        ("xml.too_large", change("<LQRXM>", &format!("<LQRXM>{long}"))),
        ("xml.encoding", [good.as_bytes(), &[0xff]].concat()),
        ("xml.declaration", billion.into_bytes()),
        ("xml.declaration", change("<LQRXM>", "<!--x--><LQRXM>")),
        ("xml.declaration", format!("<?xml version=\"1.0\"?>{good}").into_bytes()),
        ("xml.form", b"".to_vec()),
        ("xml.form", good.as_bytes()[..good.len() - 3].to_vec()),
        ("xml.form", change("<LQRXM>", "<LQRXM>a>b")),
        ("xml.form", change("<LQRXM>", "<LQRXM><b>x</b>")),
        ("xml.form", change("<LQRXM>", "<LQRXM >")),
        ("xml.form", change("<SXBM>", &deep)),
        ("xml.unknown_type", change("<LQDJ ", "<LQDX ")),
        ("xml.namespace", change("supervision:1", "supervision:2")),
        ("xml.attribute", change(" v=\"1\"", "")),
        ("xml.attribute", change(" v=\"1\"", " v=\"01\"")),
        ("xml.attribute", change(" op=\"put\"", " op='put'")),
        ("xml.attribute", change(" op=\"put\" nature=\"live\"", " nature=\"live\" op=\"put\"")),
        ("xml.attribute", change(" ns=", " Id=\"x\" ns=")),
        ("xml.attribute", change("2026-03-20 10:00:00", "2026-02-30 10:00:00")),
        ("xml.unknown_field", change("<LQRXM>", "<NEW>x</NEW><LQRXM>")),
        ("xml.duplicate_field", change("<SXBM>", "<SBLSH>1</SBLSH><SXBM>")),
        ("xml.field_order", change("<LQSJ>", "<SBLSH>1</SBLSH><LQSJ>")),
        ("xml.empty", change("<LQRXM>", "<LQRXM></LQRXM><LQRXM>")),
        ("xml.stray_text", change("<LQRXM>", " <LQRXM>")),
        ("xml.entity", change("<LQRXM>", "<LQRXM>&lol;")),
        ("xml.entity", change("<LQRXM>", "<LQRXM>&#60;")),
        ("xml.character", change("<LQRXM>", "<LQRXM>\u{1}")),
        ("xml.character", change("<LQRXM>", "<LQRXM>\u{ffff}")),
        ("xml.trailing", format!("{good}\n").into_bytes()),
    ] {
        let refused = format.parse(&bytes).unwrap_err();
        assert_eq!(&*refused.rule, code, "{refused}");
        assert!(canon::code(code).is_some());
    }
}

#[test]
fn the_longest_attribute_group_keeps_its_limit() {
    let format = supervision_1();
    let ty = format.type_by_wire("SL").unwrap();
    let mut attrs = attributes();
    attrs.version = 999_999_999;
    attrs.op = Op::Void;
    attrs.nature = Nature::Correction;
    attrs.system = "s".repeat(canon::format::TOKEN_MAX).into();
    attrs.entered = Some("2026-03-20 10:00:00".to_owned());
    attrs.amended = canon::format::Amended::Normalised;
    attrs.namespace = "n".repeat(canon::format::NAMESPACE_MAX).into();
    attrs.reason = Some("r".repeat(canon::format::TOKEN_MAX));
    attrs.by = Some("b".repeat(canon::format::TOKEN_MAX));
    let (mut bytes, mut bare) = (vec![], vec![]);
    format.render(ty, &Values::new(), &attrs, &mut bytes);
    bare.extend_from_slice(b"<SL xmlns=\"urn:tiergate:supervision:1\"></SL>");
    assert!(bytes.len() - bare.len() <= ATTRIBUTES_BYTES_MAX);
    assert_eq!(format.parse(&bytes).unwrap().attrs, attrs);
}
