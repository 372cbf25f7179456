//! Valid records of every type, and what the format says of their identity.

use std::collections::BTreeMap;
use std::path::Path;

use canon::format::{CaseFacts, Op, OpenLists, supervision_1};

use crate::common::{attributes, full};
use crate::differential::{Verdict, xmllint};

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

/// Type, key and parent of a record whose every field is filled.
const WANTED: [(&str, &str, Option<&str>); 78] = [
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
    ("SXCL", "99-SXBM@u/5", Some("SX 99-SXBM@u")),
    ("SXSF", "99-SXBM@u/5", Some("SX 99-SXBM@u")),
    ("SXGW", "99-SXBM@u/99-HJBH", Some("SX 99-SXBM@u")),
    ("SXFX", "99-SXBM@u/99-FXDBH", Some("SX 99-SXBM@u")),
    ("ZBML", "99-SXBM@u/5", Some("SX 99-SXBM@u")),
    ("SXBG", "99-SXBM@u/99-BGBH", Some("SX 99-SXBM@u")),
    ("XXGKBZ", "5@u", None),
    ("XXGKYX", "5@u", None),
    ("ZFXX", "99-SYH@u", None),
    ("TS", "99-TSBH@u", None),
    ("TSCL", "99-TSBH@u/5", Some("TS 99-TSBH@u")),
    ("TSBJ", "99-TSBH@u", Some("TS 99-TSBH@u")),
    ("ZX", "99-ZXBH@u", None),
    ("GD", "99-GDBH@u", None),
    ("GDPF", "99-GDBH@u/5", Some("GD 99-GDBH@u")),
    ("GDBL", "99-GDBH@u/5", Some("GDPF 99-GDBH@u/5")),
    ("GDHF", "99-GDBH@u/5", Some("GD 99-GDBH@u")),
    ("GDBJ", "99-GDBH@u", Some("GD 99-GDBH@u")),
    ("YQH", "99-YQBH@u", None),
    ("XZXK", "99-XK_WSH@u", None),
    ("XZCF", "99-CF_WSH@u", None),
    ("ZFJC", "99-JCBH@u", None),
    ("ZFRY", "99-ZFZH@u", None),
    ("JYXM", "99-TENDER_PROJECT_CODE@u", None),
    ("JYBD", "99-TENDER_PROJECT_CODE@u/99-BID_SECTION_CODE", Some("JYXM 99-TENDER_PROJECT_CODE@u")),
    ("JYGG", "99-TENDER_PROJECT_CODE@u/99-NOTICE_NO", Some("JYXM 99-TENDER_PROJECT_CODE@u")),
    (
        "JYTB",
        "99-TENDER_PROJECT_CODE@u/99-BID_SECTION_CODE/99-BIDDER_CODE",
        Some("JYXM 99-TENDER_PROJECT_CODE@u"),
    ),
    (
        "JYZB",
        "99-TENDER_PROJECT_CODE@u/99-BID_SECTION_CODE/5",
        Some("JYXM 99-TENDER_PROJECT_CODE@u"),
    ),
    ("JYYC", "99-TENDER_PROJECT_CODE@u/5", Some("JYXM 99-TENDER_PROJECT_CODE@u")),
    ("JYTS", "99-TENDER_PROJECT_CODE@u/5", Some("JYXM 99-TENDER_PROJECT_CODE@u")),
    ("HCP", "99-SBLSH@u/5", Some("SB 99-SBLSH@u")),
    ("DZZZ", "99-ZZBS@u", None),
    ("LBBJ", "99-LBBH@u", None),
    ("LBZJ", "99-LBBH@u/99-SBLSH", Some("LBBJ 99-LBBH@u")),
    ("LBJG", "99-LBBH@u", Some("LBBJ 99-LBBH@u")),
    ("GZCN", "99-SBLSH@u/5", Some("SB 99-SBLSH@u")),
    ("RQSL", "99-SBLSH@u/5", Some("SB 99-SBLSH@u")),
    ("JF", "99-SBLSH@u/5", Some("SB 99-SBLSH@u")),
    ("JXKH", "99-KHBH@u", None),
    ("JXMX", "99-KHBH@u/5", Some("JXKH 99-KHBH@u")),
    ("JXKF", "99-JFXH@u", None),
    ("DXMY", "99-SBLSH@u/5", Some("SB 99-SBLSH@u")),
    ("DTSP", "99-SJBH@u", None),
    ("ZLDB", "99-DBBH@u", None),
    ("ZLJZ", "99-DBBH@u/5", Some("ZLDB 99-DBBH@u")),
    ("ZLBJ", "99-DBBH@u", Some("ZLDB 99-DBBH@u")),
    ("SSXM", "99-XMBH@u", None),
    ("SSJZ", "99-XMBH@u/5", Some("SSXM 99-XMBH@u")),
    ("YSXM", "99-YSBH@u", None),
    ("YSZX", "99-YSBH@u/5", Some("YSXM 99-YSBH@u")),
    ("JCKP", "99-JCBH@u", None),
    ("KPFK", "99-JCBH@u/5", Some("JCKP 99-JCBH@u")),
    ("KPSS", "99-JCBH@u/5", Some("JCKP 99-JCBH@u")),
    ("SSCL", "99-JCBH@u/5", Some("KPSS 99-JCBH@u/5")),
    ("DBD", "99-DBDH@u", None),
    ("DBFK", "99-DBDH@u/5", Some("DBD 99-DBDH@u")),
    ("DBJG", "99-DBDH@u", Some("DBD 99-DBDH@u")),
    ("DMBB", "99-DMBM@u/99-BBH", None),
    ("DMTM", "99-DMBM@u/99-BBH/99-DM", Some("DMBB 99-DMBM@u/99-BBH")),
    ("SXBB", "99-MLBH@u/99-BBH", None),
    ("TZ", "99-TZBH@u", None),
    ("CFAJ", "99-AJBH@u", None),
    ("CFHJ", "99-AJBH@u/5", Some("CFAJ 99-AJBH@u")),
    ("CFJG", "99-AJBH@u", Some("CFAJ 99-AJBH@u")),
    ("CFCL", "99-AJBH@u/99-CLBH", Some("CFAJ 99-AJBH@u")),
    ("XXXT", "99-XTBH@u", None),
];

#[test]
fn keys_and_parents_are_the_protocol_s() {
    let format = supervision_1();
    let found: Vec<_> = format.types().iter().map(|t| &*t.wire).collect();
    assert_eq!(found, WANTED.map(|(wire, ..)| wire));
    for (wire, key, parent) in WANTED {
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

/// The samples people look at, by type: `schemas/samples/supervision/1`.
fn documents(folder: &str) -> BTreeMap<String, String> {
    let base = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas/samples/supervision/1");
    let entries = std::fs::read_dir(Path::new(base).join(folder)).unwrap();
    let read = |path: &Path| {
        let wire = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (wire, std::fs::read_to_string(path).unwrap())
    };
    entries.map(|entry| read(&entry.unwrap().path())).collect()
}

#[test]
fn every_type_has_a_valid_and_a_refused_sample_and_stock_tools_agree() {
    let format = supervision_1();
    let wires: Vec<String> = {
        let mut wires: Vec<_> = format.types().iter().map(|t| t.wire.to_string()).collect();
        wires.sort();
        wires
    };
    let schema =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas/supervision/1/supervision.xsd");
    for (folder, verdict) in [("valid", Verdict::Valid), ("refused", Verdict::Invalid)] {
        let found = documents(folder);
        assert_eq!(found.keys().cloned().collect::<Vec<_>>(), wires, "a sample for each type");
        let texts: Vec<String> = found.values().cloned().collect();
        assert!(xmllint(schema.as_ref(), &texts).iter().all(|v| *v == verdict), "{folder}");
        for (wire, text) in &found {
            let parsed = format.parse(text.as_bytes()).unwrap();
            assert_eq!(*format.get(parsed.ty).wire, **wire);
            let (mut said, case, lists) = (vec![], CaseFacts::new(), OpenLists::new());
            format.validate(parsed.ty, &parsed.values, &parsed.attrs, &case, &lists, &mut said);
            let rules: Vec<&str> = said.iter().map(|v| &*v.rule).collect();
            match verdict {
                Verdict::Valid => assert!(rules.is_empty(), "{wire}: {said:?}"),
                Verdict::Invalid => assert!(rules.contains(&"field.required"), "{wire}: {said:?}"),
            }
        }
    }
}
