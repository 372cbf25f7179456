//! Cases of catalogue, disclosure and legal supervision.

use super::{Case, case};

pub(super) const CASES: &[Case] = &[
    case("SXCL.deferral_days", &[("CLBYX", "3")], &[], &[("BBQX", "")]),
    case("SXSF.currency_of_fee", &[], &[], &[("JEDWDM", "")]),
    case("SXSF.reduction_basis", &[("SFJM", "1")], &[], &[("JMYJ", "")]),
    case("SXGW.limit_unit", &[], &[], &[("HJSXDW", "")]),
    case("SXBG.reported_after_change", &[], &[("BSRQ", "2026-03-02")], &[("BSRQ", "2026-03-01")]),
    case("SXBG.reviewed_after_report", &[], &[("SCRQ", "2026-03-02")], &[("SCRQ", "2026-03-01")]),
    case("SXBG.review_date", &[], &[], &[("SCRQ", "")]),
    case("SXBG.review_opinion", &[("SCJG", "2")], &[], &[("SCYJ", "")]),
    case("XXGKBZ.reason_when_withheld", &[("GKSX", "3")], &[], &[("BGKLY", "")]),
    case("XXGKBZ.way_when_public", &[("GKSX", "1")], &[], &[("GKTJ", "")]),
    case("XXGKBZ.carrier_when_public", &[("GKSX", "1")], &[], &[("GKZT", "")]),
    case("XXGKYX.reason_when_withheld", &[("GKSX", "3")], &[], &[("BGKLY", "")]),
    case("XXGKYX.way_when_public", &[("GKSX", "1")], &[], &[("GKTJ", "")]),
    case("XXGKYX.carrier_when_public", &[("GKSX", "1")], &[], &[("GKZT", "")]),
    case("ZFXX.published_when_public", &[("GKSX", "1")], &[], &[("GKRQ", "")]),
    case("ZFXX.reason_when_withheld", &[("GKSX", "3")], &[], &[("BGKLY", "")]),
    case("ZFXX.published_after_made", &[], &[("GKRQ", "2026-03-02")], &[("GKRQ", "2026-03-01")]),
    // Made on a Monday: the third working day is the Thursday.
    case(
        "ZFXX.published_in_time",
        &[("GKSX", "1"), ("CSRQ", "2026-03-02")],
        &[("GKRQ", "2026-03-05")],
        &[("GKRQ", "2026-03-06")],
    ),
];
