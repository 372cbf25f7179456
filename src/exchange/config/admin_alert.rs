//! `[admin.alert]`: when the pages' process tells somebody, and by which channels.

use std::path::PathBuf;
use std::sync::Arc;

use super::problem::At;
use super::read::{Cx, duration, secret};
use super::secret::SecretRef;
use super::tree::Tab;

/// Most days of a threshold.
const DAYS_MAX: i64 = 366;
/// Most messages of an hour.
const PER_HOUR_MAX: i64 = 1_000;

/// Who is told, and when. What is none is as it is by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertConfig {
    /// The oldest record of a link waits longer, ms.
    pub backlog_age: Option<i64>,
    /// Something waits and nothing moved for so long, ms.
    pub still: Option<i64>,
    /// A certificate ends within so many days.
    pub certificate_days: Option<i64>,
    /// The disk is full within so many days.
    pub disk_days: Option<i64>,
    /// What lasts is told again after so long, ms.
    pub again_after: Option<i64>,
    /// What lasts so long is told to the channels of the second list, ms.
    pub escalate_after: Option<i64>,
    /// Most messages of one channel in an hour.
    pub per_hour: Option<u32>,
    /// The morning report; none is at its own time.
    pub morning: Option<Morning>,
    /// Where the pages are, to be named in a message.
    pub pages: Option<Arc<str>>,
    /// In English instead of Chinese.
    pub english: bool,
    /// The channels.
    pub channels: Vec<ChannelConfig>,
}

/// When the morning report is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Morning {
    /// Minute of the day, Beijing time.
    At(u32),
    /// Never.
    Never,
}

/// A channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelConfig {
    /// Its name.
    pub name: Arc<str>,
    /// What speaks at its other end.
    pub kind: ChannelKind,
    /// Told only of what lasts.
    pub second: bool,
    /// Its address, a secret: those of robots hold their token.
    pub url: SecretRef,
    /// What messages are signed with.
    pub key: Option<SecretRef>,
    /// A word that every message must have.
    pub keyword: Option<Arc<str>>,
    /// Certificate of the authority its server is believed by, PEM; none is the system's list.
    pub ca: Option<PathBuf>,
    /// SMS: what a gateway is sent.
    pub template: Option<SecretRef>,
    /// SMS: what the template is.
    pub media_type: Option<Arc<str>>,
    /// SMS: telephones.
    pub phones: Vec<Arc<str>>,
    /// Where it stands.
    pub at: At,
}

/// What speaks at the other end of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelKind {
    /// Whatever takes JSON.
    Webhook,
    /// A robot of DingTalk.
    DingTalk,
    /// A robot of WeCom.
    WeCom,
    /// A gateway of short messages.
    Sms,
}

impl ChannelConfig {
    /// What of it is secret, with its key in the configuration.
    pub fn secrets(&self) -> impl Iterator<Item = (&'static str, &SecretRef)> {
        let url = [("[admin.alert] url", &self.url)].into_iter();
        let key = self.key.iter().map(|key| ("[admin.alert] key", key));
        url.chain(key).chain(self.template.iter().map(|t| ("[admin.alert] template", t)))
    }
}

/// Reads `[admin.alert]`; none where there is none.
pub(super) fn alert(admin: &mut Tab<'_>, cx: &mut Cx<'_>) -> Option<AlertConfig> {
    let given = admin.entries().iter().any(|(key, _)| key.text == "alert");
    let mut tab = admin.table("alert", cx.problems);
    if !given {
        return None;
    }
    let found = AlertConfig {
        backlog_age: duration(&mut tab, "backlog_age", cx),
        still: duration(&mut tab, "still", cx),
        certificate_days: within(&mut tab, "certificate_days", DAYS_MAX, cx),
        disk_days: within(&mut tab, "disk_days", DAYS_MAX, cx),
        again_after: duration(&mut tab, "again_after", cx),
        escalate_after: duration(&mut tab, "escalate_after", cx),
        per_hour: within(&mut tab, "per_hour", PER_HOUR_MAX, cx).and_then(|n| n.try_into().ok()),
        morning: morning(&mut tab, cx),
        pages: tab.text("pages", cx.problems).map(|s| s.text.into()),
        english: tab.word("language", &[("zh", false), ("en", true)], cx.problems) == Some(true),
        channels: channels(&mut tab, cx),
    };
    tab.finish(cx.problems);
    Some(found)
}

fn within(tab: &mut Tab<'_>, key: &'static str, max: i64, cx: &mut Cx<'_>) -> Option<i64> {
    let n = tab.count(key, cx.problems)?;
    if (1..=max).contains(&n) {
        return Some(n);
    }
    cx.problems.push(
        "config.out_of_range",
        &tab.spot(key),
        tab.key(key),
        format!("must be between 1 and {max}"),
        format!("应在 1 到 {max} 之间"),
    );
    None
}

/// `08:30`, or `none`.
fn morning(tab: &mut Tab<'_>, cx: &mut Cx<'_>) -> Option<Morning> {
    let spot = tab.text("morning", cx.problems)?;
    if spot.text == "none" {
        return Some(Morning::Never);
    }
    let minute = spot.text.split_once(':').and_then(|(hours, minutes)| {
        let two = |text: &str| (text.len() == 2).then(|| text.parse::<u32>().ok()).flatten();
        let (hours, minutes) = (two(hours)?, two(minutes)?);
        (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
    });
    if minute.is_none() {
        cx.problems.push(
            "config.bad_value",
            &spot.at,
            tab.key("morning"),
            "is not written like `08:30` (Beijing time), and is not `none`",
            "应写作 08:30（北京时间），不发送时写 none",
        );
    }
    minute.map(Morning::At)
}

fn channels(tab: &mut Tab<'_>, cx: &mut Cx<'_>) -> Vec<ChannelConfig> {
    let mut found: Vec<ChannelConfig> = Vec::new();
    for mut one in tab.tables("channel", cx.problems) {
        let channel = channel(&mut one, cx);
        let spot = one.spot("name");
        let key = one.key("name");
        one.finish(cx.problems);
        let Some(channel) = channel else { continue };
        if found.iter().any(|other| other.name == channel.name) {
            super::read::duplicate(&spot, key, &channel.name, cx);
        }
        found.push(channel);
    }
    found
}

fn channel(tab: &mut Tab<'_>, cx: &mut Cx<'_>) -> Option<ChannelConfig> {
    const KINDS: [(&str, ChannelKind); 4] = [
        ("webhook", ChannelKind::Webhook),
        ("dingtalk", ChannelKind::DingTalk),
        ("wecom", ChannelKind::WeCom),
        ("sms", ChannelKind::Sms),
    ];
    let at = tab.at.clone();
    let name = tab.need("name", cx.problems);
    let kind = match tab.need("kind", cx.problems) {
        Some(spot) => super::tree::word(&spot, &tab.key("kind"), &KINDS, cx.problems),
        None => None,
    };
    let url = secret(tab, "url", cx);
    let key = optional(tab, "key", cx);
    let template = optional(tab, "template", cx);
    let second = tab.truth("second", cx.problems) == Some(true);
    let keyword = tab.text("keyword", cx.problems).map(|s| s.text.into());
    let ca = tab.text("ca", cx.problems).map(|s| cx.base.join(s.text));
    let media_type = tab.text("media_type", cx.problems).map(|s| s.text.into());
    let phones: Vec<Arc<str>> = tab
        .texts("phones", cx.problems)
        .map(|all| all.into_iter().map(|spot| spot.text.into()).collect())
        .unwrap_or_default();
    let (name, kind, url) = (name?.text.into(), kind?, url?);
    let sms = kind == ChannelKind::Sms;
    if sms == phones.is_empty() {
        cx.problems.push(
            "config.bad_value",
            &tab.spot("phones"),
            tab.key("phones"),
            "telephones belong to `kind = \"sms\"`, and it needs at least one",
            "phones 只用于 kind = \"sms\"，且至少一个号码",
        );
        return None;
    }
    Some(ChannelConfig {
        name,
        kind,
        second,
        url,
        key,
        keyword,
        ca,
        template,
        media_type,
        phones,
        at,
    })
}

/// A secret that may be absent.
fn optional(tab: &mut Tab<'_>, key: &'static str, cx: &mut Cx<'_>) -> Option<SecretRef> {
    let given = tab.entries().iter().any(|(k, _)| k.text == key);
    if given { secret(tab, key, cx) } else { tab.get(key).and(None) }
}

#[cfg(test)]
mod tests {
    use super::super::tests::over_amqp;
    use super::*;

    fn read(alert: &str) -> Result<AlertConfig, Vec<super::super::Problem>> {
        let text = format!("\n[admin]\naddress = \"127.0.0.1:8480\"\n[admin.alert]\n{alert}");
        let nodes = over_amqp(&text)?;
        Ok(nodes.into_iter().find_map(|n| n.admin?.alert).expect("alerts"))
    }

    #[test]
    fn channels_and_thresholds_are_read() {
        let all = read(
            "backlog_age = \"1 h\"\ncertificate_days = 45\nmorning = \"07:05\"\nlanguage = \"en\"\n\
             [[admin.alert.channel]]\nname = \"duty\"\nkind = \"dingtalk\"\nurl = \"file:duty.url\"\n\
             key = \"env:MQ\"\nkeyword = \"监察\"\n\
             [[admin.alert.channel]]\nname = \"boss\"\nkind = \"sms\"\nurl = \"file:sms.url\"\nsecond = true\n\
             template = \"file:sms.json\"\nmedia_type = \"application/json\"\nphones = [\"13800000000\"]\n",
        );
        let all = all.unwrap();
        assert_eq!((all.backlog_age, all.certificate_days), (Some(3_600_000), Some(45)));
        assert_eq!(all.morning, Some(Morning::At(425)));
        assert!(all.english && all.still.is_none());
        let [duty, boss] = &all.channels[..] else { panic!("{:?}", all.channels) };
        assert_eq!((duty.kind, duty.second), (ChannelKind::DingTalk, false));
        assert_eq!(duty.key, Some(SecretRef::Env("MQ".into())));
        assert_eq!((boss.kind, boss.second, boss.phones.len()), (ChannelKind::Sms, true, 1));
        assert_eq!(boss.secrets().count(), 2);
        assert_eq!(read("morning = \"none\"").unwrap().morning, Some(Morning::Never));
    }

    #[test]
    fn what_cannot_be_is_said() {
        let one = "[[admin.alert.channel]]\nname = \"a\"\n";
        for (alert, key, words) in [
            ("morning = \"8:30\"", "alert.morning", "08:30"),
            ("morning = \"24:00\"", "alert.morning", "08:30"),
            ("per_hour = 0", "alert.per_hour", "between 1 and 1000"),
            ("language = \"fr\"", "alert.language", ""),
            ("backlog = \"1 h\"", "alert.backlog", ""),
            (&format!("{one}kind = \"wecom\""), "channel[1].url", "must be given"),
            (&format!("{one}kind = \"mail\"\nurl = \"file:u\""), "channel[1].kind", ""),
            (
                &format!("{one}kind = \"wecom\"\nurl = \"https://a.example/?key=k\""),
                "channel[1].url",
                "must be a reference",
            ),
            (&format!("{one}kind = \"sms\"\nurl = \"file:u\""), "channel[1].phones", "telephones"),
        ] {
            let said = read(alert).unwrap_err();
            let hit = said.iter().any(|p| p.key.contains(key) && p.en.contains(words));
            assert!(hit, "{alert}: {said:?}");
        }
    }
}
