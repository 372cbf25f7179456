//! Facts in the store of a test's hall.

use std::sync::Arc;

use canon::{DigestAlg, Key, Millis, RecordId, Severity, Violation};
use store::{AuditEvent, Collected, NewQuarantine};

use crate::hall::Hall;

/// Rows of the adapter `window` that are not valid: so many, of the day of `now`.
pub(crate) async fn problems(hall: &Arc<Hall>, n: u32, now: Millis) {
    let (store, adapter) = (hall.store(), Arc::<str>::from("window"));
    let lease = store.lease("collect", "a test", now, 60_000).await.expect("a store");
    let violation = Violation {
        rule: "field.check_digit".into(),
        field: "SQRZJHM".into(),
        severity: Severity::Error,
        zh: "校验位错误".into(),
        en: "wrong check digit".into(),
    };
    let row = |n: u32| NewQuarantine {
        adapter: Arc::clone(&adapter),
        route: "city|supervision/1|ed25519-sha256|live".parse().expect("a route"),
        day: now.day(),
        reference: format!("cases.csv line {n}"),
        source_row: Some(format!("r{n}").into()),
        row_digest: DigestAlg::Sha256.of(&[format!("row {n} {now}").as_bytes()]),
        id: Some(RecordId {
            kind: "SB".into(),
            key: Key::new("unit", &[&format!("C{n}")]),
            version: 1,
        }),
        content: None,
        violations: vec![violation.clone()],
        raw: b"name=Zhang San".to_vec(),
    };
    let page = Collected {
        adapter: Arc::clone(&adapter),
        cursor: "end".into(),
        now,
        chunks: Vec::new(),
        quarantined: (1..=n).map(row).collect(),
        known: Vec::new(),
        rows: Vec::new(),
        rows_read: u64::from(n),
        rows_unchanged: 0,
        stands: Vec::new(),
    };
    let lease = lease.expect("nobody else has it");
    store.commit_collected(&lease, page).await.expect("a page");
}

/// A line of the audit chain.
pub(crate) async fn audited(hall: &Arc<Hall>, action: &str) {
    let event = AuditEvent {
        at: hall.now(),
        who: "op-7".into(),
        action: action.into(),
        subject: "something".into(),
        reason: "because".into(),
        ok: true,
    };
    hall.store().audit(event).await.expect("a store");
}
