//! How many records of about a kilobyte one core validates, renders, digests and parses a second.
//! `cargo bench -p canon`.
#![expect(clippy::disallowed_methods, reason = "a bench measures time")]

use std::io::Write as _;
use std::time::Instant;

use canon::format::{
    Attributes, CaseFacts, Op, OpenLists, Parsed, Values, citizen_id_check_char, supervision_1,
};
use canon::{Digest, DigestAlg, Millis, leaf_hash};

const RECORDS: u32 = 400_000;

/// An application of about a kilobyte.
fn sample() -> Vec<(&'static str, String)> {
    let id = "99000019900101001";
    let id = format!("{id}{}", citizen_id_check_char(id).expect("17 digits have a check digit"));
    vec![
        ("SBLSH", "99-2026-0000001".to_owned()),
        ("SXBM", "990101000000000001".to_owned()),
        ("SXMC", "建设工程规划许可证核发".to_owned()),
        ("SQRLX", "1".to_owned()),
        ("SQRMC", "测试申请人".to_owned()),
        ("SQRZJLX", "111".to_owned()),
        ("SQRZJHM", id),
        ("LXRXM", "测试联系人".to_owned()),
        ("LXRSJ", "10000000000".to_owned()),
        ("SBXMMC", "测试项目".repeat(12)),
        ("SBCLQD", "材料一、材料二；".repeat(12)),
        ("TJFS", "0".to_owned()),
        ("SBSJ", "2026-03-02 08:00:00".to_owned()),
        ("SBBMZZJGDM", "008778183".to_owned()),
        ("XZQHDM", "990101".to_owned()),
    ]
}

fn report(what: &str, started: Instant, bytes: usize) {
    let seconds = started.elapsed().as_secs_f64();
    let rate = f64::from(RECORDS) / seconds;
    let mb = bytes as f64 / seconds / 1e6;
    writeln!(std::io::stdout(), "{what:<34} {rate:>12.0} records/s {mb:>8.0} MB/s")
        .expect("standard output is open");
}

fn main() {
    let format = supervision_1();
    let ty = format.type_by_wire("SB").expect("the format has SB");
    let record = format.get(ty);
    let fields: Vec<(usize, String)> = sample()
        .into_iter()
        .map(|(wire, v)| (record.field_by_wire(wire).expect("a field of SB"), v))
        .collect();
    let digest = Digest { alg: DigestAlg::Sha256, bytes: [7; 32] };
    let attrs = Attributes::live("bench", "BENCHUNIT", Millis(1_772_409_600_000), digest);
    let (mut case, lists) = (CaseFacts::new(), OpenLists::new());
    case.insert("SL", "", "SLZTDM=1;SLSJ=2026-03-02 10:00:00");
    let (mut values, mut violations) = (Values::new(), vec![]);
    let (mut out, mut scratch) = (Vec::with_capacity(4096), Vec::with_capacity(4096));
    let mut total = 0;

    let started = Instant::now();
    for _ in 0..RECORDS {
        values.clear();
        for (ix, v) in &fields {
            values.set(*ix, v);
        }
        format.validate(ty, &values, &attrs, &case, &lists, &mut violations);
        out.clear();
        format.render(ty, &values, &attrs, &mut out);
        total += out.len();
    }
    report("set + validate + render", started, total);
    assert!(violations.is_empty(), "{violations:?}");

    let started = Instant::now();
    for _ in 0..RECORDS {
        std::hint::black_box(format.content_digest_in(ty, &values, Op::Put, &mut scratch));
        std::hint::black_box(leaf_hash(DigestAlg::Sha256, &out));
        std::hint::black_box(format.key(ty, &values, "BENCHUNIT"));
        std::hint::black_box(format.facts(ty, &values));
    }
    report("content digest + leaf + key + facts", started, total);

    let mut parsed = Parsed::blank();
    let started = Instant::now();
    for _ in 0..RECORDS {
        format.parse_into(&out, &mut parsed).expect("what was rendered parses");
        format.validate(ty, &parsed.values, &parsed.attrs, &case, &lists, &mut violations);
    }
    report("parse + validate", started, total);
    assert!(violations.is_empty(), "{violations:?}");
    writeln!(std::io::stdout(), "one record: {} bytes", out.len())
        .expect("standard output is open");
}
