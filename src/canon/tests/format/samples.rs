//! Valid records of every type, and what the format says of their identity.

use canon::format::{CaseFacts, Op, OpenLists, supervision_1};

use crate::common::{attributes, full};

#[test]
fn a_full_record_of_every_type_is_valid_and_comes_back_from_its_bytes() {
    let format = supervision_1();
    for ty in format.indices() {
        let values = full(&format, ty);
        let (mut violations, mut bytes) = (vec![], vec![]);
        let (case, lists) = (CaseFacts::new(), OpenLists::new());
        format.validate(ty, &values, &attributes(), &case, &lists, &mut violations);
        assert!(violations.is_empty(), "{}: {violations:?}", format.get(ty).wire);
        format.render(ty, &values, &attributes(), &mut bytes);
        let parsed = format.parse(&bytes).unwrap();
        assert_eq!((parsed.ty, parsed.attrs, parsed.values), (ty, attributes(), values));
    }
}

#[test]
fn keys_and_parents_are_the_protocol_s() {
    let format = supervision_1();
    let wanted = [
        ("SX", "99-SXBM@u", None),
        ("SB", "99-SBLSH@u", None),
        ("WSYSL", "99-SBLSH@u", Some("SB 99-SBLSH@u")),
        ("SL", "99-SBLSH@u", Some("SB 99-SBLSH@u")),
        ("SPCL", "99-SBLSH@u/5", Some("SB 99-SBLSH@u")),
        ("BJGZ", "99-SBLSH@u/5", Some("SB 99-SBLSH@u")),
        ("BJSL", "99-SBLSH@u/5", Some("BJGZ 99-SBLSH@u/5")),
        ("TBCXSQ", "99-SBLSH@u/5", Some("SB 99-SBLSH@u")),
        ("TBCXJG", "99-SBLSH@u/5", Some("TBCXSQ 99-SBLSH@u/5")),
        ("BJ", "99-SBLSH@u", Some("SB 99-SBLSH@u")),
        ("LQDJ", "99-SBLSH@u", Some("SB 99-SBLSH@u")),
        ("SBCL", "99-SBLSH@u/5", Some("SB 99-SBLSH@u")),
    ];
    let found: Vec<_> = format.types().iter().map(|t| &*t.wire).collect();
    assert_eq!(found, wanted.map(|(wire, ..)| wire));
    for (wire, key, parent) in wanted {
        let ty = format.type_by_wire(wire).unwrap();
        let mut values = full(&format, ty);
        assert_eq!(format.key(ty, &values, "u").unwrap().to_string(), key);
        let named = format
            .parent_key(ty, &values, "u")
            .map(|(ty, key)| format!("{} {key}", format.get(ty).wire));
        assert_eq!(named.as_deref(), parent);
        values.remove(format.get(ty).key[0]);
        assert!(format.key(ty, &values, "u").is_none());
    }
}

#[test]
fn facts_are_times_and_state_codes_only() {
    let format = supervision_1();
    let ty = format.type_by_wire("SL").unwrap();
    let facts = format.facts(ty, &full(&format, ty));
    assert_eq!(facts, "SLZTDM=1;SLSJ=2026-03-02 10:00:00;GDBLSX=5;GDBLSXDW=G");
    for record in format.types() {
        for field in record.fields.iter().filter(|f| f.fact) {
            assert!(!field.personal, "{}", field.wire);
        }
    }
}

#[test]
fn the_content_digest_sees_values_and_op_but_no_volatile_field() {
    let format = supervision_1();
    for ty in format.indices() {
        let values = full(&format, ty);
        let digest = format.content_digest(ty, &values, Op::Put);
        assert_ne!(digest, format.content_digest(ty, &values, Op::Void));
        for (ix, field) in format.get(ty).fields.iter().enumerate() {
            let mut changed = values.clone();
            changed.set(ix, "另外的值");
            let same = digest == format.content_digest(ty, &changed, Op::Put);
            assert_eq!(same, field.volatile, "{}", field.wire);
        }
    }
}

#[test]
fn wire_names_with_two_meanings_have_two_english_names() {
    let format = supervision_1();
    let name = |wire: &str| {
        let record = format.get(format.type_by_wire(wire).unwrap());
        record.fields[record.field_by_wire("BJSJ").unwrap()].name.clone()
    };
    assert_eq!((name("BJSL"), name("BJ")), ("corrected_at".to_owned(), "completed_at".to_owned()));
    assert_eq!(format.type_by_name("acceptance"), format.type_by_wire("SL"));
    let application = format.get(format.type_by_wire("SB").unwrap());
    let by_label = application.field_by_label("申办时间");
    assert_eq!(by_label, application.field_by_name("applied_at"));
}
