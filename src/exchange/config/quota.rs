//! What one sender may bring: `[[quota]]`, in place of the `sender_…` limits.

use std::collections::BTreeMap;

use canon::NodeCode;

use super::limits::Limits;
use super::read::{Cx, code, duplicate};
use super::tree::{Tab, Value, wrong_kind};
use super::units::Unit;

/// What one sender may bring; 0 is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Records a second.
    pub records_per_second: u32,
    /// Bytes of parcels a second.
    pub bytes_per_second: u32,
    /// Records a day.
    pub records_per_day: u64,
    /// Bytes of parcels a day.
    pub bytes_per_day: u64,
    /// Percent of the inbox, while other senders are about.
    pub inbox_share: u32,
}

impl Quota {
    /// What every sender may bring of whom nothing else is said.
    pub const fn usual(limits: &Limits) -> Self {
        Self {
            records_per_second: limits.sender_records_per_second,
            bytes_per_second: limits.sender_bytes_per_second,
            records_per_day: limits.sender_records_per_day,
            bytes_per_day: limits.sender_bytes_per_day,
            inbox_share: limits.sender_inbox_share,
        }
    }
}

/// Reads every `[[quota]]`.
pub(crate) fn read(
    top: &mut Tab<'_>,
    limits: &Limits,
    cx: &mut Cx<'_>,
) -> BTreeMap<NodeCode, Quota> {
    let mut quotas = BTreeMap::new();
    for mut tab in top.tables("quota", cx.problems) {
        let sender = code(&mut tab, "sender", cx);
        let mut quota = Quota::usual(limits);
        let fits = |n: u64| u32::try_from(n).ok();
        if let Some(n) = amount(&mut tab, "records_per_second", Unit::Count, cx).and_then(fits) {
            quota.records_per_second = n;
        }
        if let Some(n) = amount(&mut tab, "bytes_per_second", Unit::Bytes, cx).and_then(fits) {
            quota.bytes_per_second = n;
        }
        if let Some(n) = amount(&mut tab, "records_per_day", Unit::Count, cx) {
            quota.records_per_day = n;
        }
        if let Some(n) = amount(&mut tab, "bytes_per_day", Unit::Bytes, cx) {
            quota.bytes_per_day = n;
        }
        if let Some(n) = amount(&mut tab, "inbox_share", Unit::Count, cx) {
            match u32::try_from(n).ok().filter(|n| (1..=100).contains(n)) {
                Some(n) => quota.inbox_share = n,
                None => {
                    cx.problems
                        .push(
                            "config.out_of_range",
                            &tab.spot("inbox_share"),
                            tab.key("inbox_share"),
                            "must lie between 1 and 100 percent",
                            "应在 1 与 100（百分比）之间",
                        )
                        .hint = None
                }
            }
        }
        let (spot, path) = (tab.spot("sender"), tab.key("sender"));
        tab.finish(cx.problems);
        let Some(sender) = sender else { continue };
        if quotas.contains_key(&sender) {
            duplicate(&spot, path, sender.as_str(), cx);
        }
        quotas.insert(sender, quota);
    }
    quotas
}

fn amount(tab: &mut Tab<'_>, key: &'static str, unit: Unit, cx: &mut Cx<'_>) -> Option<u64> {
    let path = tab.key(key);
    let node = tab.get(key)?;
    let example = unit.example();
    let found = match &node.value {
        Value::Int(n) if unit.parse("1").is_some() || *n == 0 => u64::try_from(*n).ok(),
        Value::Text(text) | Value::Loose(text) => unit.parse(text),
        Value::Int(_) => None,
        other => {
            let want = (format!("written like {example}"), format!("写作 {example}"));
            wrong_kind(cx.problems, &node.at, &path, (&want.0, &want.1), other);
            return None;
        }
    };
    if found.is_none() {
        cx.problems.push(
            "config.bad_value",
            &node.at,
            path,
            format!("is not written like {example}"),
            format!("应写作 {example}"),
        );
    }
    found
}
