//! The collector of the audit chain: opened, looked at, and what people are told of it.

use std::sync::Arc;
use std::time::Duration;

use canon::{Millis, NodeCode};
use edge::Seen;
use edge::syslog::{Collector, Event, Settings, frame};
use exchange::config::{AuditConfig, Limits};
use exchange::forward::{self, FORWARD_COUNTED_MAX, Link, NotTaken, TakeFuture, Waiting};

use crate::commands::waiting::Said;
use crate::https;
use crate::stores::Tier;
use crate::text::{Failure, Lang, age};

/// A collector that does not take is somebody's business after this, ms.
const PATIENCE: i64 = 600_000;

/// The chain of one node, towards its collector.
pub(crate) struct Outside {
    node: NodeCode,
    enterprise: u32,
    collector: Collector,
}

impl forward::Collector for Outside {
    fn take<'a>(&'a self, events: &'a [Link]) -> TakeFuture<'a> {
        Box::pin(async move {
            let mut frames = Vec::new();
            for (number, event, digest) in events {
                let event = Event {
                    number: *number,
                    at: event.at,
                    who: &event.who,
                    action: &event.action,
                    subject: &event.subject,
                    reason: &event.reason,
                    ok: event.ok,
                    hash: &digest.to_string(),
                };
                frame(&mut frames, self.node.as_str(), self.enterprise, &event);
            }
            let taken = self.collector.take(&frames).await;
            taken.map_err(|e| NotTaken { code: e.code, detail: e.to_string() })
        })
    }
}

/// Opens it; nobody is connected to.
///
/// # Errors
/// A certificate or key is not there, or cannot be used.
pub(crate) fn open(
    node: &NodeCode,
    audit: &AuditConfig,
    limits: &Limits,
) -> Result<Box<dyn forward::Collector>, Failure> {
    let (node, enterprise) = (node.clone(), audit.enterprise);
    Ok(Box::new(Outside { node, enterprise, collector: collector(audit, limits)? }))
}

fn collector(audit: &AuditConfig, limits: &Limits) -> Result<Collector, Failure> {
    let settings = Settings {
        host: audit.host.to_string(),
        port: audit.port,
        ca: audit.ca.as_deref().map(https::pem).transpose()?,
        identity: https::identity(audit.identity.as_ref())?,
        timeout: Duration::from_millis(limits.syslog_timeout.unsigned_abs()),
    };
    Collector::new(settings).map_err(|e| {
        Failure::environment(format!("[audit] {e}"), format!("[audit] 日志采集端不可用：{e}"))
    })
}

/// Name of the collector, for people.
pub(crate) fn place(audit: &AuditConfig) -> Arc<str> {
    format!("tls://{}:{}", audit.host, audit.port).into()
}

/// What `doctor` sees of the collector; nothing is given to it.
pub(crate) async fn look(audit: &AuditConfig, limits: &Limits) -> Result<Seen, Failure> {
    Ok(collector(audit, limits)?.look().await)
}

/// What `status` says of the collector; nothing while it takes.
pub(crate) async fn of(tier: &Tier, now: Millis) -> Result<Option<Said>, Failure> {
    let Some(place) = &tier.forwards else { return Ok(None) };
    let failed = |e: exchange::WorkError| {
        let code = &tier.code;
        Failure::environment(format!("{code}: {e}"), format!("{code}：{e}"))
    };
    let waiting = forward::waiting(&tier.store).await.map_err(failed)?;
    Ok(says(place, &waiting, now).map(|(en, zh, needs_a_person)| Said {
        kind: "audit",
        about: place.to_string(),
        until: None,
        en,
        zh,
        needs_a_person,
    }))
}

/// The sentence on what waits, and whether somebody has to do something; none where nothing is wrong.
pub(crate) fn says(place: &str, waiting: &Waiting, now: Millis) -> Option<(String, String, bool)> {
    let n = waiting.events;
    let most = FORWARD_COUNTED_MAX as usize;
    let (more_en, more_zh) = if n < most { ("", "") } else { (" or more", "以上") };
    let wait = waiting.since.map_or(0, |since| now.since(since));
    let Some(why) = &waiting.why else {
        // Nobody forwards, or not fast enough.
        return (wait > PATIENCE).then(|| {
            let (en, zh) = (age(wait, Lang::En), age(wait, Lang::Zh));
            (
                format!("audit chain: {n}{more_en} events wait to be forwarded to {place}, the oldest for {en}; is the service running?"),
                format!("审计链：{n} 条{more_zh}待转发至 {place}，最久 {zh}；服务是否在运行？"),
                true,
            )
        });
    };
    let ago = now.since(why.since);
    let code = why.code.as_str();
    let (en, zh) = canon::code(code).map_or((code, code), |c| (c.en, c.zh));
    let (en_age, zh_age, detail) = (age(ago, Lang::En), age(ago, Lang::Zh), &why.detail);
    Some((
        format!(
            "audit chain: {place} does not take for {en_age}, {n}{more_en} events wait: {en} [{code}] ({detail})"
        ),
        format!(
            "审计链：{place} 已 {zh_age} 未接收，{n} 条{more_zh}待转发：{zh} [{code}]（{detail}）"
        ),
        ago > PATIENCE || code == "audit.syslog_untrusted",
    ))
}

#[cfg(test)]
mod tests {
    use exchange::sink_state::SinkSeen;

    use super::*;

    #[test]
    fn what_waits_is_said_and_when_it_is_somebodys_business() {
        let now = Millis(10_000_000);
        let seen = |code: &str, ago: i64| SinkSeen {
            since: now.plus(-ago),
            code: code.into(),
            detail: "refused".into(),
            halted: false,
        };
        let waiting = |events, ago: i64, why| Waiting { events, since: Some(now.plus(-ago)), why };
        assert_eq!(says("tls://log:6514", &Waiting::default(), now), None);
        assert_eq!(says("tls://log:6514", &waiting(3, PATIENCE, None), now), None);
        let idle = says("tls://log:6514", &waiting(3, PATIENCE + 1, None), now).unwrap();
        assert!(idle.0.contains("3 events wait") && idle.2, "{idle:?}");
        let down = |ago| Some(seen("audit.syslog_unreached", ago));
        let said = says("tls://log:6514", &waiting(10_000, 0, down(60_000)), now).unwrap();
        assert!(said.0.contains("does not take for 1 min, 10000 or more events wait"), "{said:?}");
        assert!(said.1.contains("10000 条以上待转发") && !said.2, "{said:?}");
        assert!(says("l", &waiting(1, 0, down(PATIENCE + 1)), now).unwrap().2);
        let stranger = Some(seen("audit.syslog_untrusted", 0));
        assert!(
            says("l", &waiting(1, 0, stranger), now).unwrap().2,
            "nothing mends that by itself"
        );
    }
}
