//! `tiergate doctor`: everything a node needs from outside, step by step, in plain sentences: each
//! broker from its name to its queues, certificates and their days, stores.

use std::path::PathBuf;

use bus::amqp::{Obstacle, Step, manage, probe};
use canon::Millis;
use clap::Args;
use envelope::{EncryptionPair, SenderCert};
use exchange::config::{AdapterConfig, Identity, KeyConfig, NodeConfig, Outside, SinkKind};
use serde_json::{Value, json};

use super::bus::said;
use super::waiting::dated_ahead;
use crate::brokers::{self, Site};
use crate::stores::{Access, open_store};
use crate::text::{Done, Exit, Failure, Lang, Out};
use crate::{expiry, open, os, readers, run as service, syslog};

/// The doctor.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Configuration files
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    config: Vec<PathBuf>,
}

/// One thing looked at.
pub(crate) struct Look {
    /// What it belongs to: a broker, an identity.
    pub(crate) of: String,
    /// The step, for programs.
    pub(crate) step: &'static str,
    /// All is well.
    pub(crate) fine: bool,
    /// English.
    pub(crate) en: String,
    /// Chinese.
    pub(crate) zh: String,
}

impl Look {
    fn line(&self, lang: Lang) -> String {
        let mark = if self.fine { "✓" } else { "✗" };
        format!("{mark} {}: {}", self.of, lang.of(&self.en, &self.zh))
    }

    fn json(&self) -> Value {
        json!({ "of": self.of, "step": self.step, "ok": self.fine, "en": self.en, "zh": self.zh })
    }
}

/// The command.
pub(crate) fn run(args: &Doctor, out: &Out) -> Done {
    let configs = open::each_config(&args.config)?;
    let looks = service::runtime()?.block_on(looks(&configs))?;
    let fine = looks.iter().all(|l| l.fine);
    for look in &looks {
        let (en, zh) = (look.line(Lang::En), look.line(Lang::Zh));
        out.say(en, zh)?;
    }
    out.value(&json!({ "ok": fine, "looks": looks.iter().map(Look::json).collect::<Vec<_>>() }))?;
    Ok(if fine { Exit::Fine } else { Exit::Problems })
}

/// Looks at everything that these configurations need.
pub(crate) async fn looks(configs: &[NodeConfig]) -> Result<Vec<Look>, Failure> {
    let mut looks = Vec::new();
    if configs.iter().any(|c| !c.brokers.is_empty()) {
        for site in brokers::sites(configs, None)? {
            broker(&site, &mut looks).await;
        }
    }
    for config in configs {
        for identity in &config.identities {
            looks.extend(signing(config, identity)?);
            if !config.trust.revocation.is_empty() {
                let (fine, en, zh) = expiry::lists(config, identity, os::now());
                let of = identity.code.to_string();
                looks.push(Look { of, step: "revocation", fine, en, zh });
            }
            looks.extend(in_the_clear(config, identity));
            looks.extend(store(config, identity).await);
        }
        outside(config, &mut looks).await?;
        if let Some(audit) = &config.audit {
            let of = format!("[audit] {}", syslog::place(audit));
            looks.extend(of_each(&of, vec![syslog::look(audit, &config.limits).await?]));
        }
        looks.extend(listener(config).await?);
        for adapter in &config.adapters {
            sources(config, adapter, &mut looks).await?;
        }
    }
    Ok(looks)
}

/// Every login of a broker, and what stands there.
async fn broker(site: &Site, looks: &mut Vec<Look>) {
    for login in &site.logins {
        let of = format!("{} {} ({})", login.name, site.url, login.user);
        let found = probe(login).await;
        for (step, outcome) in &found.steps {
            let (fine, (en, zh)) = match outcome {
                Ok(detail) => (true, works(*step, detail)),
                Err(obstacle) => (false, fails(obstacle)),
            };
            looks.push(Look { of: of.clone(), step: step.as_str(), fine, en, zh });
        }
        for (step, whose, der) in [
            ("broker_certificate", ("the broker's", "消息代理的"), &found.theirs),
            ("own_certificate", ("our own", "本节点的"), &found.ours),
        ] {
            if let Some(look) = der.as_deref().and_then(|der| days(&of, step, whose, der)) {
                looks.push(look);
            }
        }
        if !site.url.tls {
            looks.push(plain(&of, &site.url.host));
        }
        if found.through() {
            queues(site, login, &of, looks).await;
        }
    }
}

fn works(step: Step, detail: &str) -> (String, String) {
    let (en, zh) = match step {
        Step::Secrets => ("logs in by", "登录方式"),
        Step::Dns => ("the name leads to", "域名解析为"),
        Step::Tcp => ("answers at", "可连接"),
        Step::Tls => ("speaks TLS, its certificate is believed", "TLS 正常，证书可信"),
        Step::Login => ("lets us in", "登录成功"),
    };
    (format!("{en}: {detail}"), format!("{zh}：{detail}"))
}

fn fails(obstacle: &Obstacle) -> (String, String) {
    let (code, detail) = (obstacle.code, &obstacle.detail);
    let (en, zh) = canon::code(code).map_or(("", ""), |c| (c.en, c.zh));
    (format!("{detail} [{code}]: {en}"), format!("{detail} [{code}]：{zh}"))
}

/// How long a certificate still holds.
fn days(of: &str, step: &'static str, whose: (&str, &str), der: &[u8]) -> Option<Look> {
    let (from, until) = envelope::validity(der)?;
    Some(holds(of, step, whose, (from, until), os::now()))
}

fn holds(
    of: &str,
    step: &'static str,
    (en, zh): (&str, &str),
    (from, until): (Millis, Millis),
    now: Millis,
) -> Look {
    let (fine, said_en, said_zh) = expiry::says((from, until), now);
    let (en, zh) = (format!("{en} certificate {said_en}"), format!("{zh}证书{said_zh}"));
    Look { of: of.to_owned(), step, fine, en, zh }
}

/// A connection without TLS is a problem, but on the machine itself.
fn plain(of: &str, host: &str) -> Look {
    let here = host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    let (en, zh) = if here {
        ("not encrypted, and does not leave this machine", "未加密，但不出本机")
    } else {
        (
            "not encrypted: passwords and records can be read on the way; write amqps://",
            "未加密，口令与数据可在途中被读取；请改用 amqps://",
        )
    };
    Look { of: of.to_owned(), step: "encryption", fine: here, en: en.into(), zh: zh.into() }
}

/// What stands on the broker against what should. A node may see no more than that things are
/// there; an administrator's login also compares them.
async fn queues(site: &Site, login: &bus::amqp::Settings, of: &str, looks: &mut Vec<Look>) {
    let mut own = site.topology.clone();
    own.nodes.retain(|node, _| *node == login.node);
    match manage::compare(login, &own).await {
        Ok(items) => {
            for item in &items {
                let (en, zh) = said(&item.how);
                let (en, zh) = (format!("{}: {en}", item.what), format!("{}：{zh}", item.what));
                looks.push(Look {
                    of: of.to_owned(),
                    step: "topology",
                    fine: item.how.fine(),
                    en,
                    zh,
                });
            }
        }
        Err(obstacle) => {
            let (en, zh) = fails(&obstacle);
            looks.push(Look { of: of.to_owned(), step: "topology", fine: false, en, zh });
        }
    }
}

/// The identity's own keys and certificates.
fn signing(config: &NodeConfig, identity: &Identity) -> Result<Vec<Look>, Failure> {
    let (of, step) = (identity.code.to_string(), "signing_certificate");
    Ok(match crate::identity::identity(config, identity, os::now())? {
        Ok(material) => {
            let look = |certificate: &SenderCert| {
                let range = (certificate.not_before, certificate.not_after);
                holds(&of, step, ("the signing", "签名"), range, os::now())
            };
            let pair = |pair: &EncryptionPair| {
                let range = (pair.certificate.not_before, pair.certificate.not_after);
                holds(&of, "encryption_certificate", ("the encryption", "加密"), range, os::now())
            };
            let signing = material.certificates.iter().map(look);
            let held = identity.keys.iter().filter_map(|key| outside_key(&of, key));
            signing.chain(held).chain(material.encryption.iter().map(pair)).collect()
        }
        Err(found) => {
            let (en, zh) = (found.line(Lang::En), found.line(Lang::Zh));
            vec![Look { of, step, fine: false, en, zh }]
        }
    })
}

/// A key that lies outside: it has just signed.
fn outside_key(of: &str, key: &KeyConfig) -> Option<Look> {
    let (en, zh) = match key.outside.as_ref()? {
        Outside::Program(signer) => (
            format!("the program {} signs", signer.file.display()),
            format!("签名程序 {} 可用", signer.file.display()),
        ),
        Outside::Token(token) => (
            format!("key `{}` on token `{}` signs", token.key, token.token),
            format!("密码设备『{}』上的密钥『{}』可以签名", token.token, token.key),
        ),
    };
    Some(Look { of: of.to_owned(), step: "signer", fine: true, en, zh })
}

/// Files that lie in the clear, each with its reason: right, and to be known.
fn in_the_clear(config: &NodeConfig, identity: &Identity) -> impl Iterator<Item = Look> {
    let of = identity.code.to_string();
    readers::plain(config, &identity.code).into_iter().map(move |(place, reason)| Look {
        of: of.clone(),
        step: "plain",
        fine: true,
        en: format!("files of {place} lie in the clear: {reason}"),
        zh: format!("{place} 的文件为明文，理由：{reason}"),
    })
}

/// A source's database or web service, as its adapter sees it.
async fn sources(
    config: &NodeConfig,
    adapter: &AdapterConfig,
    looks: &mut Vec<Look>,
) -> Result<(), Failure> {
    let format = open::format_of(config)?.map_err(|found| open::problems(&found))?;
    let package = open::package(adapter, &format)?.map_err(|found| open::problems(&found))?;
    let of = format!("{} {}", adapter.identity, adapter.name);
    looks.extend(of_each(&of, crate::sources::probe(config, adapter, &package).await?));
    Ok(())
}

/// Things that were seen, of one thing.
fn of_each(of: &str, seen: Vec<edge::Seen>) -> impl Iterator<Item = Look> {
    seen.into_iter().map(move |edge::Seen { step, fine, en, zh }| Look {
        of: of.to_owned(),
        step,
        fine,
        en,
        zh,
    })
}

/// The services of webhooks answer, and the platforms behind outlets let us in.
async fn outside(config: &NodeConfig, looks: &mut Vec<Look>) -> Result<(), Failure> {
    let hooks = config.sinks.iter().filter(|s| matches!(s.kind, SinkKind::Webhook { .. }));
    for sink in hooks {
        let hook = crate::sinks::webhook(&sink.identity, sink, &config.limits)?;
        let of = format!("{} {}", sink.identity, sink.name);
        looks.extend(of_each(&of, hook.look().await));
    }
    if config.outlets.is_empty() {
        return Ok(());
    }
    let format = open::format_of(config)?.map_err(|found| open::problems(&found))?;
    for outlet in &config.outlets {
        let seen = crate::outlets::look(outlet, &format, &config.limits).await?;
        looks.extend(of_each(&format!("{} [[outlet]]", outlet.identity), seen));
    }
    Ok(())
}

/// The listener's address is free, or ours; certificate and key fit.
async fn listener(config: &NodeConfig) -> Result<Option<Look>, Failure> {
    let Some(listen) = &config.listen else { return Ok(None) };
    let settings = crate::posts::settings(listen, &config.limits)?;
    let of = format!("[listen] {}", listen.address);
    // Another port: the service may have this one.
    let free = edge::listen::Settings { address: (listen.address.ip(), 0).into(), ..settings };
    let (fine, en, zh) = match edge::listen::Listener::bind(free).await {
        Ok(_) => (true, "address and certificate are usable".into(), "地址和证书可用".into()),
        Err(e) => (false, e.to_string(), format!("不可用：{e}")),
    };
    Ok(Some(Look { of, step: "listen", fine, en, zh }))
}

/// The store opens, its schema is this build's, and it answers; and what it knows of rows that a source
/// dates ahead of the clock, and of audit events that wait for their collector.
async fn store(config: &NodeConfig, identity: &Identity) -> Vec<Look> {
    let look = |step, fine, (en, zh)| Look { of: identity.code.to_string(), step, fine, en, zh };
    let failed =
        |e: &dyn std::fmt::Display| Failure::environment(e.to_string(), format!("存储出错：{e}"));
    let opened = async {
        let store = open_store(config, &identity.code, Access::Read).await?;
        store.status().await.map_err(|e| failed(&e))?;
        let waiting = exchange::forward::waiting(&store).await.map_err(|e| failed(&e))?;
        let ahead = exchange::ahead::all(&store).await.map_err(|e| failed(&e))?;
        Ok::<_, Failure>((ahead, waiting))
    };
    let (ahead, waiting) = match opened.await {
        Ok(known) => known,
        Err(failure) => return vec![look("store", false, (failure.en, failure.zh))],
    };
    let opens = ("the store opens, its schema is this build's", "存储可用，结构与本程序相符");
    let told = ahead.iter().filter_map(|one| dated_ahead(one, os::now()));
    let told = told.map(|texts| look("source_clock", false, texts));
    let forwards = config.audit.as_ref().map(syslog::place);
    let said = forwards.and_then(|place| syslog::says(&place, &waiting, os::now()));
    let waits = said.map(|(en, zh, _)| look("audit", false, (en, zh)));
    let fine = look("store", true, (opens.0.to_owned(), opens.1.to_owned()));
    std::iter::once(fine).chain(told).chain(waits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_a_problem_before_it_ends() {
        let at = |text| Millis::parse(text).unwrap();
        let range = (at("2026-01-01 00:00:00"), at("2026-12-31 00:00:00"));
        let look = |now| holds("x", "s", ("the", "该"), range, at(now));
        assert!(look("2026-06-01 00:00:00").fine);
        assert!(!look("2026-12-15 00:00:00").fine, "{}", look("2026-12-15 00:00:00").en);
        assert!(look("2026-12-15 00:00:00").en.contains("in 16 days"));
        assert!(look("2027-01-01 00:00:00").en.contains("ended on 2026-12-31"));
        assert!(look("2025-12-31 00:00:00").zh.contains("自 2026-01-01 起才有效"));
    }

    #[test]
    fn only_the_machine_itself_is_spoken_to_in_the_clear() {
        assert!(plain("x", "127.0.0.1").fine && plain("x", "localhost").fine);
        assert!(!plain("x", "10.0.0.5").fine);
    }
}
