//! When somebody is told, and how.

use exchange::config::Secret;
use serde::Deserialize;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// Most telephones, addresses and channels together.
pub const TARGETS_MAX: usize = 50;

/// The language of what is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lang {
    /// Chinese.
    #[default]
    Zh,
    /// English.
    En,
}

impl Lang {
    /// One of two texts.
    pub const fn of<'t>(self, en: &'t str, zh: &'t str) -> &'t str {
        match self {
            Self::Zh => zh,
            Self::En => en,
        }
    }
}

/// Thresholds and patience. Times in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The oldest record of a link waits longer.
    pub backlog_age: i64,
    /// Something waits and nothing moved for so long.
    pub still: i64,
    /// So many records of a link have an overdue receipt.
    pub unknown: u64,
    /// So many records of a link were given up.
    pub dead: u64,
    /// A certificate ends within so many days.
    pub certificate_days: i64,
    /// The disk is full within so many days …
    pub disk_days: i64,
    /// … or has less than so many per cent left.
    pub disk_percent: u64,
    /// So long after its end a day has to agree.
    pub day_after: i64,
    /// So many days back are looked at.
    pub days_back: i32,
    /// What is over for so long is over: what comes and goes is told once.
    pub over_after: i64,
    /// What lasts is told again after so long.
    pub again_after: i64,
    /// What lasts so long is told to the second list too.
    pub escalate_after: i64,
    /// Most messages of one channel in an hour.
    pub per_hour: u32,
    /// Minute of the day, Beijing time, of the morning report; none is none.
    pub morning_minute: Option<u32>,
    /// Where the pages are, to be named in a message.
    pub pages: Option<String>,
    /// The language.
    pub lang: Lang,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            backlog_age: 2 * HOUR,
            still: 10 * MINUTE,
            unknown: 1,
            dead: 1,
            certificate_days: 30,
            disk_days: 14,
            disk_percent: 5,
            day_after: 36 * HOUR,
            days_back: 3,
            over_after: 2 * MINUTE,
            again_after: 24 * HOUR,
            escalate_after: 4 * HOUR,
            per_hour: 12,
            morning_minute: Some(8 * 60 + 30),
            pages: None,
            lang: Lang::Zh,
        }
    }
}

/// One way to tell somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Its name in the configuration.
    pub name: String,
    /// Where it leads.
    pub to: To,
}

/// Where a channel leads. Addresses may hold tokens, so they are secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    /// JSON to any receiver, signed if there is a key.
    Webhook {
        /// Where.
        url: Secret,
        /// For HMAC-SHA256.
        key: Option<Secret>,
    },
    /// A robot of DingTalk (钉钉), or what speaks as it does.
    DingTalk {
        /// Where, with its token.
        url: Secret,
        /// A word that every message must have (自定义关键词).
        keyword: Option<String>,
        /// For its signature (加签).
        key: Option<Secret>,
    },
    /// A robot of WeCom (企业微信), or what speaks as it does.
    WeCom {
        /// Where, with its key.
        url: Secret,
        /// A word that every message must have.
        keyword: Option<String>,
    },
    /// E-mail.
    Mail {
        /// Addresses.
        to: Vec<String>,
    },
    /// Short messages by a gateway that speaks HTTP, one request a telephone.
    SmsGateway {
        /// Where; `{phone}` and `{text}` are put in.
        url: Secret,
        /// What the body is: JSON, a form, XML or plain text, which says how values are written in it.
        media_type: String,
        /// The body, with `{phone}` and `{text}`; empty is a GET.
        template: Secret,
        /// Telephones.
        phones: Vec<String>,
    },
    /// Short messages by a table that a gateway reads.
    SmsTable {
        /// Telephones.
        phones: Vec<String>,
    },
}
