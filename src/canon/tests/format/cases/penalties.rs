//! Cases of the penalty case and of the survey of systems.

use super::{Case, case};

const AFTER: (&str, &str) = ("CFAJ/", "AFSJ=2026-03-02");

pub(super) const CASES: &[Case] = &[
    case("CFAJ.party_code", &[("DSRLX", "2")], &[], &[("DSRZZJGDM", "")]),
    case("CFAJ.party_id", &[], &[], &[("DSRZJHM", "")]),
    case("CFAJ.risk_type", &[("SFFXD", "1")], &[], &[("FXDLB", "")]),
    case("CFAJ.reporter", &[("AJLY", "2")], &[], &[("JBRXM", "")]),
    case("CFAJ.reported_after_offence", &[], &[("JBSJ", "2026-03-02")], &[("JBSJ", "2026-03-01")]),
    case("CFHJ.handled_after_begun", &[], &[("CLSJ", "2026-03-02")], &[("CLSJ", "2026-03-01")]),
    case(
        "CFHJ.begun_after_offence",
        &[AFTER],
        &[("KSSJ", "2026-03-02")],
        &[("KSSJ", "2026-03-01")],
    ),
    case("CFHJ.limit_unit", &[], &[], &[("CNSXDW", "")]),
    case("CFHJ.risk_type", &[("SFFXD", "1")], &[], &[("FXDLB", "")]),
    case("CFJG.fined_people", &[], &[], &[("FKJE", "")]),
    case("CFJG.confiscated_value", &[], &[], &[("MSJZ", "")]),
    case("CFJG.detained_days", &[], &[], &[("JLTS", "")]),
    case(
        "CFJG.closed_after_offence",
        &[AFTER],
        &[("BJSJ", "2026-03-02")],
        &[("BJSJ", "2026-03-01")],
    ),
    case(
        "CFJG.closed_after_steps",
        &[("CFHJ/5", "CLSJ=2026-03-02")],
        &[("BJSJ", "2026-03-02")],
        &[("BJSJ", "2026-03-01")],
    ),
    case("CFJG.handled", &[("complete/", "")], &[("CFHJ/5", "HJZT=2")], &[]),
    case("XXXT.item_count", &[("SFQL", "1")], &[], &[("SXS", "")]),
    case("XXXT.reason_when_closed", &[("TGFS", "9")], &[], &[("WFTGYY", "")]),
    case("XXXT.database", &[], &[], &[("SJKLX", "")]),
    case("XXXT.surveyed_after_start", &[], &[("DCRQ", "2026-03-02")], &[("DCRQ", "2026-03-01")]),
];
