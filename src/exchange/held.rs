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

pub(crate) fn vanished_row(adapter: &Adapter, mark: &SourceRowMark, now: Millis) -> NewQuarantine {
    let violation = Violation {
        rule: "source.row_vanished".into(),
        field: "".into(),
        severity: Severity::Error,
        zh: "来源系统中该行已消失，待来源单位说明".into(),
        en: "the row is gone from the source; the owning unit says whether it was voided".into(),
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
