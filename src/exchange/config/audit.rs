//! `[audit]`: where the audit chain is forwarded to.

use std::path::PathBuf;
use std::sync::Arc;

use super::brokers::host_and_port;
use super::problem::At;
use super::read::Cx;
use super::remote;
use super::secret::SecretRef;
use super::tree::Tab;

/// The port of syslog over TLS.
const PORT: u16 = 6514;
/// The enterprise number of documentation and examples (RFC 5612): we have none of our own.
const ENTERPRISE: u32 = 32_473;

/// A collector of the audit chain.
#[derive(Clone, Debug)]
pub struct AuditConfig {
    /// Its host, as its certificate names it.
    pub host: Arc<str>,
    /// Its port.
    pub port: u16,
    /// Certificate of its authority, PEM; none is the system's list.
    pub ca: Option<PathBuf>,
    /// Our own certificate, PEM, with its key, where it asks for one.
    pub identity: Option<(PathBuf, SecretRef)>,
    /// Under which the structured data of a message stand: `tiergate@NUMBER`.
    pub enterprise: u32,
    /// Where it stands.
    pub at: At,
}

/// Reads `[audit]`; none where there is none.
pub(crate) fn audit(top: &mut Tab<'_>, cx: &mut Cx<'_>) -> Option<AuditConfig> {
    let given = top.entries().iter().any(|(key, _)| key.text == "audit");
    let mut tab = top.table("audit", cx.problems);
    if !given {
        return None;
    }
    let at = tab.at.clone();
    let place = place(&mut tab, cx);
    let ca = tab.text("ca", cx.problems).map(|s| cx.base.join(s.text));
    let identity = remote::pair(&mut tab, cx);
    let enterprise = enterprise(&mut tab, cx);
    tab.finish(cx.problems);
    let (host, port) = place?;
    Some(AuditConfig { host: host.into(), port, ca, identity, enterprise, at })
}

/// `tls://HOST[:PORT]`: nothing of the chain leaves in the clear.
fn place(tab: &mut Tab<'_>, cx: &mut Cx<'_>) -> Option<(String, u16)> {
    let spot = tab.need("syslog", cx.problems)?;
    let found = spot.text.strip_prefix("tls://").and_then(host_and_port);
    if found.is_none() {
        cx.problems.push(
            "config.bad_value",
            &spot.at,
            tab.key("syslog"),
            "is not written like `tls://log.example:6514`; syslog goes over TLS only, without user or path",
            "应写作 tls://log.example:6514；syslog 只经 TLS 发送，不含用户名和路径",
        );
    }
    found.map(|(host, port)| (host, port.unwrap_or(PORT)))
}

fn enterprise(tab: &mut Tab<'_>, cx: &mut Cx<'_>) -> u32 {
    let Some(number) = tab.count("enterprise", cx.problems) else { return ENTERPRISE };
    let found = u32::try_from(number).ok().filter(|n| *n > 0);
    if found.is_none() {
        cx.problems.push(
            "config.out_of_range",
            &tab.spot("enterprise"),
            tab.key("enterprise"),
            "must be your private enterprise number, as IANA assigns them",
            "应为 IANA 分配的企业编号（PEN）",
        );
    }
    found.unwrap_or(ENTERPRISE)
}

#[cfg(test)]
mod tests {
    use super::super::tests::over_amqp;
    use super::*;

    fn read(audit: &str) -> Result<AuditConfig, Vec<super::super::Problem>> {
        let nodes = over_amqp(&format!("\n[audit]\n{audit}"))?;
        Ok(nodes.into_iter().find_map(|n| n.audit).expect("a collector"))
    }

    #[test]
    fn a_collector_is_named_with_whom_to_believe() {
        let least = read("syslog = \"tls://log.example\"").unwrap();
        assert_eq!((&*least.host, least.port, least.enterprise), ("log.example", 6514, 32_473));
        assert!(least.ca.is_none() && least.identity.is_none());
        let all = "syslog = \"tls://[::1]:7000\"\nca = \"ca.pem\"\ncertificate = \"us.pem\"\nkey = \"file:us.key\"\nenterprise = 9\n";
        let all = read(all).unwrap();
        assert_eq!((&*all.host, all.port, all.enterprise), ("::1", 7000, 9));
        assert!(all.ca.is_some_and(|ca| ca.ends_with("ca.pem")) && all.identity.is_some());
        assert!(over_amqp("").unwrap()[0].audit.is_none());
    }

    #[test]
    fn what_cannot_be_is_said() {
        let place = "syslog = \"tls://h\"\n";
        for (audit, key, words) in [
            ("ca = \"ca.pem\"", "audit.syslog", "must be given"),
            ("syslog = \"tcp://h\"", "audit.syslog", "over TLS only"),
            ("syslog = \"tls://me@h\"", "audit.syslog", "without user"),
            ("syslog = \"tls://h/path\"", "audit.syslog", "not written like"),
            (&format!("{place}certificate = \"us.pem\""), "audit.certificate", "belong together"),
            (&format!("{place}enterprise = 0"), "audit.enterprise", "enterprise number"),
            (&format!("{place}ca = \"gone.pem\""), "[audit] ca", "there is no file"),
            (
                &format!("{place}certificate = \"us.pem\"\nkey = \"file:open.key\""),
                "[audit] key",
                "read by others",
            ),
            (&format!("{place}facility = 1"), "audit.facility", ""),
        ] {
            let said = read(audit).unwrap_err();
            let hit = said.iter().any(|p| p.key.contains(key) && p.en.contains(words));
            assert!(hit, "{audit}: {said:?}");
        }
    }
}
