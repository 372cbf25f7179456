//! The codes of code tables that come down as records.

use super::{Code, c};

/// `table.*`: why an edition that came down is not in force.
pub const TABLE: &[Code] = &[
    c(
        "table.publisher",
        "an edition from a node that is not [lists] publisher; kept as records, used for nothing",
        "代码表版本并非来自 [lists] publisher 指定的节点；仅作记录留存，不用于校验",
    ),
    c(
        "table.incomplete",
        "codes of the edition are missing; it is in force once all are here",
        "代码表版本条目不全，收齐后生效",
    ),
    c(
        "table.digest",
        "the edition's codes are not those that its publisher counted; not used until it is sent again",
        "代码表条目与发布方所报条目数或摘要不符，不采用，待重新下发",
    ),
    c(
        "table.dated",
        "a code begins or ends within the edition; send that as an edition of its own from that day",
        "有条目在该版本生效期间启用或停用；请另发自该日生效的版本",
    ),
    c(
        "table.name",
        "the list's or edition's name has a character that a head cannot carry (; =); not used",
        "代码表名称或版本号含有报文头不可写的字符（; =），不采用",
    ),
    c(
        "table.too_large",
        "more codes than an edition may have; not used",
        "条目数超过单个版本上限，不采用",
    ),
    c(
        "table.too_many",
        "more editions than are followed; this one is kept as records only",
        "代码表版本数超过上限，该版本仅作记录留存",
    ),
    c(
        "table.withdrawn",
        "its publisher withdrew the edition; the one before is in force again",
        "发布方已撤回该版本，恢复使用前一版本",
    ),
];
