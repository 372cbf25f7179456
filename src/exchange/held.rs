//! Rows that cannot be shaped at all: what could not be read, what is gone from its source.

use std::sync::Arc;

use canon::{DigestAlg, Millis, Severity, Violation};
use store::{NewQuarantine, SourceRowMark};

use crate::adapter::Adapter;

pub(crate) fn broken(adapter: &Adapter, row: &edge::BrokenRow, now: Millis) -> NewQuarantine {
    let violation = Violation {
        rule: row.code.into(),
        field: "".into(),
        severity: Severity::Error,
        zh: row.zh.clone(),
        en: row.en.clone(),
    };
    held(adapter, &row.reference, None, violation, now)
}

/// Why a vanished row is the owner's to explain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// The package says so.
    Held,
    /// Records that hang on what it gave are still reported.
    ChildrenStand,
    /// What it gave is not kept here as it went up.
    BytesGone,
}

pub(crate) fn vanished_row(
    adapter: &Adapter,
    mark: &SourceRowMark,
    why: Why,
    now: Millis,
) -> NewQuarantine {
    let (zh, en) = match why {
        Why::Held => (
            "来源系统中该行已消失，待来源单位说明",
            "the row is gone from the source; the owning unit says whether it was voided",
        ),
        Why::ChildrenStand => (
            "来源系统中该行已消失，但其下级记录仍在上报或仍在等待，未作废；请来源单位说明",
            "the row is gone from the source, but records below it are still reported or wait: it is not voided; the owning unit says what is right",
        ),
        Why::BytesGone => (
            "来源系统中该行已消失，本机已不留存其最后一版的报文，不能自动作废；请来源单位以作废行重报",
            "the row is gone from the source, and the bytes of its last version are not kept here any more: it is not voided; the owning unit drops it again as a void row",
        ),
    };
    let violation = Violation {
        rule: "source.row_vanished".into(),
        field: "".into(),
        severity: Severity::Error,
        zh: zh.into(),
        en: en.into(),
    };
    let reference = mark.row.to_string();
    held(adapter, &reference, Some(Arc::clone(&mark.row)), violation, now)
}

fn held(
    adapter: &Adapter,
    reference: &str,
    source_row: Option<Arc<str>>,
    violation: Violation,
    now: Millis,
) -> NewQuarantine {
    let alg = DigestAlg::default();
    NewQuarantine {
        adapter: Arc::clone(&adapter.name),
        route: adapter.targets[0].live.clone(),
        day: now.day(),
        reference: reference.to_owned(),
        source_row,
        row_digest: alg.of(&[reference.as_bytes(), b"|", violation.rule.as_bytes()]),
        id: None,
        content: None,
        violations: vec![violation],
        raw: Vec::new(),
    }
}
