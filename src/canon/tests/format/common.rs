//! Seeded chance and valid values for any field.

use canon::format::{
    Attributes, CheckKind, CodeList, Field, Format, Kind, RecordType, Test, TypeIx, Values,
    citizen_id_check_char, credit_code_check_char, org_code_check_char,
};
use canon::{Digest, DigestAlg, Millis};

/// A splitmix generator: the same seed gives the same documents on every machine.
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

pub(crate) fn attributes() -> Attributes {
    let collected = Millis::parse("2026-03-20 10:00:00").unwrap();
    let digest = Digest { alg: DigestAlg::Sha256, bytes: [7; 32] };
    Attributes::live("county_approval", "TESTUNIT1", collected, digest)
}

/// An invented person of a region that does not exist.
pub(crate) fn citizen_id() -> String {
    let first = "99000019900101001";
    format!("{first}{}", citizen_id_check_char(first).unwrap())
}

pub(crate) fn unit_code() -> String {
    let first = "TESTUN1T";
    format!("{first}{}", org_code_check_char(first).unwrap())
}

/// An invented unit's credit code.
pub(crate) fn credit_code() -> String {
    let first = "11990101000000001";
    format!("{first}{}", credit_code_check_char(first).unwrap())
}

/// Values tried in turn where a pattern or a length rules the first ones out.
fn fitting(field: &Field) -> String {
    let own = format!("99-{}", &field.wire);
    let short: String = own.chars().take(field.max_len as usize).collect();
    let tried = [short, "990101".into(), "CNY".into(), "2026".into(), "0a".repeat(16)];
    let fits = |v: &String| field.pattern.as_ref().is_none_or(|p| p.matches(v));
    tried.into_iter().find(fits).unwrap_or_else(|| panic!("no value fits {}", field.wire))
}

fn checked(field: &Field) -> Option<String> {
    field.checks.iter().find_map(|check| match check.kind {
        CheckKind::CitizenId => Some(citizen_id()),
        CheckKind::CreditCode => Some(credit_code()),
        CheckKind::OrgCode | CheckKind::UnitCode => Some(unit_code()),
        CheckKind::Name => None,
    })
}

/// A valid value of a field; the stages' times follow one another.
pub(crate) fn value(wire: &str, field: &Field) -> String {
    let hour = match wire {
        "SX" | "SB" => 8,
        "WSYSL" => 9,
        "SL" => 10,
        "TBCXSQ" | "BJGZ" => 11,
        "TBCXJG" | "BJSL" => 12,
        "SPCL" => 13,
        "BJ" => 14,
        _ => 15,
    };
    if let Some(number) = checked(field) {
        return number;
    }
    match (&field.list, field.kind) {
        // An identity card, so that the number beside it is judged as one.
        (Some(CodeList::Closed { name, .. }), _) if &**name == "DocumentType" => "111".to_owned(),
        (Some(CodeList::Closed { codes, .. }), _) => codes[0].0.to_string(),
        (_, Kind::DateTime) => format!("2026-03-02 {hour:02}:00:00"),
        (_, Kind::Int) => "5".to_owned(),
        (_, Kind::Decimal) => "12.50".to_owned(),
        (_, Kind::Digest) => format!("sha256:{}", "0a".repeat(32)),
        (_, Kind::Code) => fitting(field),
        (_, Kind::Text) => {
            format!("测试{}", field.label).chars().take(field.max_len as usize).collect()
        }
    }
}

/// Puts values in so that a check's condition holds, and a number that passes it.
pub(crate) fn satisfy(record: &RecordType, field: usize, kind: CheckKind, values: &mut Values) {
    let check = record.fields[field].checks.iter().find(|c| c.kind == kind).unwrap();
    for (ix, test) in &check.when.tests {
        let Test::In(codes) = test else { panic!("a check's condition names codes") };
        values.set(*ix, &codes[0]);
    }
    match kind {
        CheckKind::CitizenId => values.set(field, &citizen_id()),
        CheckKind::CreditCode => values.set(field, &credit_code()),
        CheckKind::OrgCode | CheckKind::UnitCode => values.set(field, &unit_code()),
        CheckKind::Name => {}
    }
}

/// A record of a type with every field filled.
pub(crate) fn full(format: &Format, ty: TypeIx) -> Values {
    let record = format.get(ty);
    let mut values = Values::new();
    for (ix, field) in record.fields.iter().enumerate() {
        let value = match (&*record.wire, &*field.wire) {
            ("SPCL", "SPHJDM") => "3".to_owned(),
            ("SX", "ZFRQ") => "2030-01-01".to_owned(),
            _ => value(&record.wire, field),
        };
        values.set(ix, &value);
    }
    values
}
