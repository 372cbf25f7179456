//! Cases of orders, projects, budget, and what comes down.

use super::{Case, case};

pub(super) const CASES: &[Case] = &[
    case("ZLDB.due_after_assigned", &[], &[("WCQX", "2026-03-02")], &[("WCQX", "2026-03-01")]),
    case(
        "ZLJZ.after_assigned",
        &[("ZLDB/", "JBSJ=2026-03-02")],
        &[("FKSJ", "2026-03-02")],
        &[("FKSJ", "2026-03-01")],
    ),
    case("ZLJZ.percent", &[], &[("WCBL", "100")], &[("WCBL", "101")]),
    case("ZLJZ.problems", &[("JZZT", "2")], &[], &[("CZWT", "")]),
    case(
        "ZLBJ.after_assigned",
        &[("ZLDB/", "JBSJ=2026-03-02")],
        &[("BJSJ", "2026-03-02")],
        &[("BJSJ", "2026-03-01")],
    ),
    case(
        "ZLBJ.after_progress",
        &[("ZLJZ/", "FKSJ=2026-03-02")],
        &[("BJSJ", "2026-03-02")],
        &[("BJSJ", "2026-03-01")],
    ),
    case("SSXM.planned_range", &[], &[("JHWGRQ", "2026-03-02")], &[("JHWGRQ", "2026-03-01")]),
    case("SSJZ.percent", &[], &[("WCBL", "100")], &[("WCBL", "101")]),
    case("SSJZ.problems", &[("JZZT", "2")], &[], &[("CZWT", "")]),
    case("YSZX.month", &[], &[("XH", "12")], &[("XH", "13")]),
    case(
        "YSZX.after_approval",
        &[("YSXM/", "PFRQ=2026-03-02")],
        &[("TJSJ", "2026-03-02")],
        &[("TJSJ", "2026-03-01")],
    ),
    case("JCKP.due_after_issue", &[], &[("FKQX", "2026-03-02")], &[("FKQX", "2026-03-01")]),
    case("JCKP.due_when_card", &[("JCJB", "2"), ("KPZT", "Y")], &[], &[("FKQX", "")]),
    case(
        "KPFK.after_issue",
        &[("JCKP/", "JCSJ=2026-03-02")],
        &[("FKSJ", "2026-03-02")],
        &[("FKSJ", "2026-03-01")],
    ),
    case(
        "KPSS.after_issue",
        &[("JCKP/", "JCSJ=2026-03-02")],
        &[("SSSJ", "2026-03-02")],
        &[("SSSJ", "2026-03-01")],
    ),
    case(
        "SSCL.after_appeal",
        &[("KPSS/5", "SSSJ=2026-03-02")],
        &[("HFSJ", "2026-03-02")],
        &[("HFSJ", "2026-03-01")],
    ),
    case("DBD.due_after_issue", &[], &[("FKQX", "2026-03-02")], &[("FKQX", "2026-03-01")]),
    case("DBD.subject_when_case", &[("DBLX", "1")], &[], &[("YWBH", "")]),
    case("DBD.item_when_power", &[("DBLX", "1")], &[], &[("SXBM", "")]),
    case(
        "DBFK.after_issue",
        &[("DBD/", "DBSJ=2026-03-02")],
        &[("FKSJ", "2026-03-02")],
        &[("FKSJ", "2026-03-01")],
    ),
    case(
        "DBJG.after_issue",
        &[("DBD/", "DBSJ=2026-03-02")],
        &[("BJSJ", "2026-03-02")],
        &[("BJSJ", "2026-03-01")],
    ),
    case(
        "DBJG.after_reply",
        &[("DBFK/", "FKSJ=2026-03-02")],
        &[("BJSJ", "2026-03-02")],
        &[("BJSJ", "2026-03-01")],
    ),
    case("DMBB.valid_range", &[], &[("ZZRQ", "2026-03-02")], &[("ZZRQ", "2026-03-01")]),
    case("DMTM.valid_range", &[], &[("TYRQ", "2026-03-02")], &[("TYRQ", "2026-03-01")]),
    case("SXBB.valid_range", &[], &[("ZZRQ", "2026-03-02")], &[("ZZRQ", "2026-03-01")]),
    case("TZ.due_after_publication", &[], &[("FKQX", "2026-03-02")], &[("FKQX", "2026-03-01")]),
];
