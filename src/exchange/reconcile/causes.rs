//! Why a record is not on both sides, and what happens next: each cause with its words.

/// A cause: stable word, name and what happens next, in English and Chinese.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Stable word.
    pub word: &'static str,
    /// Name in English.
    pub en: &'static str,
    /// Name in Chinese.
    pub zh: &'static str,
    /// What happens next, in English.
    pub next_en: &'static str,
    /// What happens next, in Chinese.
    pub next_zh: &'static str,
}

const fn cause(
    word: &'static str,
    (en, zh): (&'static str, &'static str),
    (next_en, next_zh): (&'static str, &'static str),
) -> Cause {
    Cause { word, en, zh, next_en, next_zh }
}

/// Every cause, in the order in which reports show them. A record that is not accepted has exactly one.
pub const CAUSES: &[Cause] = &[
    cause(
        "not_extracted",
        ("not extracted from the source", "未抽取"),
        (
            "the source has more rows than were read: look at the adapter",
            "来源行数多于已抽取行数，请检查适配器",
        ),
    ),
    cause(
        "quarantined",
        ("invalid, held for its owner", "校验不通过"),
        ("its owner corrects it at the source", "由来源单位在源头更正后重新采集"),
    ),
    cause(
        "waiting",
        ("waits for its parent", "等上级环节"),
        ("goes when its parent is accepted", "上级环节记录被接收后自动报送"),
    ),
    cause(
        "awaiting_review",
        ("awaits review", "待审核"),
        ("a person at the reviewing tier releases or returns it", "由审核层级人员放行或退回"),
    ),
    cause("staged", ("queued", "待封装"), ("is sealed and sent by itself", "自动封装报送")),
    cause(
        "in_flight",
        ("sent, outcome unknown", "已发送待回执"),
        ("the receiver is asked once its receipt is overdue", "回执逾期后自动查询接收方"),
    ),
    cause(
        "rejected",
        ("rejected by the receiver", "接收方拒绝"),
        ("its owner corrects it; the next version answers", "由来源单位更正后以新版本重报"),
    ),
    cause("voided", ("withdrawn by a person", "停报"), ("stays withdrawn", "保持停报")),
    cause(
        "dead",
        ("given up", "已放弃发送"),
        ("a person reopens its envelope", "由人员重新开启该报文"),
    ),
    cause(
        "missing",
        ("accepted by receipt, lacking at the receiver", "收方缺失"),
        (
            "goes again with the same bytes (little by itself, more by `reconcile --heal`)",
            "以原报文内容补传（少量自动，较多须 reconcile --heal）",
        ),
    ),
    cause(
        "extra",
        ("at the receiver, unknown here", "收方多出"),
        (
            "is reported and never deleted: people of both sides look at it",
            "仅报告不删除，由双方人员核实",
        ),
    ),
    cause(
        "differs",
        ("content differs", "内容不同"),
        (
            "is reported and never overwritten: people of both sides look at it",
            "仅报告不覆盖，由双方人员核实",
        ),
    ),
];

/// The cause of this word.
pub fn of(word: &str) -> Option<&'static Cause> {
    CAUSES.iter().find(|c| c.word == word)
}

#[cfg(test)]
mod tests {
    use store::Place;

    use super::*;

    #[test]
    fn every_place_that_is_not_taken_is_a_cause() {
        for place in Place::ALL {
            let taken = matches!(place, Place::Accepted | Place::Superseded);
            assert_eq!(of(&place.to_string()).is_some(), !taken, "{place}");
        }
        let mut words: Vec<&str> = CAUSES.iter().map(|c| c.word).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), CAUSES.len());
    }
}
