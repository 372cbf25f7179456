//! What is so now that somebody should know.

use canon::{Day, Millis};
use exchange::errands::HALTED;
use exchange::reconcile::report;
use store::{LinkStatus, NodeStatus};

use super::settings::{Lang, Settings};
use crate::error::PageError;
use crate::hall::Hall;
use crate::house::{Both, Disk};
use crate::series::{of_adapter, of_link};
use crate::tongue::{self, Tongue};

const DAY: i64 = 86_400_000;
/// Most of them that are told at once.
pub const FOUND_MAX: usize = 500;

/// Something that should not be so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) kind: Kind,
    /// Link, adapter, file or day.
    pub(super) about: String,
    pub(super) text: Both,
}

/// What kind of thing it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The node has stopped itself.
    Halted,
    /// The oldest record waits too long.
    Backlog,
    /// Something waits and nothing moves.
    Still,
    /// Envelopes were given up.
    Dead,
    /// Receipts are overdue.
    Unknown,
    /// A certificate ends.
    Certificate,
    /// The disk fills up.
    Disk,
    /// A day does not agree.
    Day,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Halted,
        Self::Backlog,
        Self::Still,
        Self::Dead,
        Self::Unknown,
        Self::Certificate,
        Self::Disk,
        Self::Day,
    ];

    /// Stable word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Halted => "halted",
            Self::Backlog => "backlog",
            Self::Still => "still",
            Self::Dead => "dead",
            Self::Unknown => "unknown",
            Self::Certificate => "certificate",
            Self::Disk => "disk",
            Self::Day => "day",
        }
    }

    /// The kind of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

fn found(kind: Kind, about: &str, en: String, zh: String) -> Found {
    Found { kind, about: about.to_owned(), text: Both { en, zh } }
}

/// What the node's own numbers tell.
pub(super) async fn of_node(
    hall: &Hall,
    settings: &Settings,
    status: &NodeStatus,
    now: Millis,
) -> Result<Vec<Found>, PageError> {
    let mut all = Vec::new();
    if hall.store().standing(HALTED).await?.iter().any(|stands| stands.name == HALTED) {
        all.push(found(
            Kind::Halted,
            hall.node.code.as_str(),
            "the node has stopped itself; nothing goes in or out: see `tiergate status`".into(),
            "节点已自行停止，不收不发：请查看 tiergate status".into(),
        ));
    }
    for link in &status.links {
        of_one_link(hall, settings, link, now, &mut all);
    }
    for adapter in &status.adapters {
        let pace = hall.series.pace(&of_adapter(&adapter.adapter), now);
        let Some(ms) = still(pace.still_since, settings, now) else { continue };
        let (name, waiting) = (&adapter.adapter, adapter.write_backs);
        all.push(found(
            Kind::Still,
            &of_adapter(name),
            format!(
                "source {name}: {waiting} answers wait to be written back, nothing moved for {}",
                age(ms, Lang::En)
            ),
            format!("来源系统 {name}：{waiting} 条待回写，{} 无进展", age(ms, Lang::Zh)),
        ));
    }
    Ok(all)
}

fn age(ms: i64, lang: Lang) -> String {
    let tongue = match lang {
        Lang::En => Tongue::En,
        Lang::Zh => Tongue::Zh,
    };
    tongue::age(ms, tongue)
}

/// How long nothing has moved, if that is too long.
fn still(since: Option<Millis>, settings: &Settings, now: Millis) -> Option<i64> {
    since.map(|at| now.since(at)).filter(|ms| *ms > settings.still)
}

fn of_one_link(
    hall: &Hall,
    settings: &Settings,
    link: &LinkStatus,
    now: Millis,
    all: &mut Vec<Found>,
) {
    let name = &link.link;
    let waiting = link.due + link.in_flight + link.unknown;
    let paused = |en: &'static str, zh: &'static str| match link.paused {
        Some(_) => (en, zh),
        None => ("", ""),
    };
    let oldest = link.oldest.map(|at| now.since(at)).filter(|ms| *ms > settings.backlog_age);
    if let Some(ms) = oldest.filter(|_| waiting > 0) {
        let (en, zh) = paused("; the link is paused", "；通道已暂停");
        all.push(found(
            Kind::Backlog,
            name,
            format!(
                "link {name}: {waiting} records wait, the oldest for {}{en}",
                age(ms, Lang::En)
            ),
            format!("上报通道 {name}：积压 {waiting} 条，最久 {}{zh}", age(ms, Lang::Zh)),
        ));
    }
    let pace = hall.series.pace(&of_link(name), now);
    // What somebody holds does not move; that it waits is told as backlog.
    let still = still(pace.still_since, settings, now).filter(|_| link.paused.is_none());
    if let Some(ms) = still {
        all.push(found(
            Kind::Still,
            &of_link(name),
            format!(
                "link {name}: {waiting} records wait and nothing moved for {}",
                age(ms, Lang::En)
            ),
            format!("上报通道 {name}：待发 {waiting} 条，{} 无进展", age(ms, Lang::Zh)),
        ));
    }
    if link.dead >= settings.dead.max(1) {
        let n = link.dead;
        all.push(found(
            Kind::Dead,
            name,
            format!("link {name}: {n} records were given up; send them again or withdraw them"),
            format!("上报通道 {name}：{n} 条停发待处置，请重新发送或停报"),
        ));
    }
    if link.unknown >= settings.unknown.max(1) {
        let n = link.unknown;
        all.push(found(
            Kind::Unknown,
            name,
            format!("link {name}: {n} records without a receipt in time; the receiver was asked"),
            format!("上报通道 {name}：{n} 条逾期未回执（未知），已向接收方查询"),
        ));
    }
}

/// What ends, or fills up.
pub(super) fn of_house(
    hall: &Hall,
    settings: &Settings,
    (disk, days_left): (Option<Disk>, Option<f64>),
    now: Millis,
) -> Vec<Found> {
    let mut all = Vec::new();
    let soon = settings.certificate_days.saturating_mul(DAY);
    for paper in hall.house.papers(now).iter().filter(|p| p.until.0 - now.0 < soon) {
        let (file, day) = (&paper.file, paper.until.day());
        let left = (paper.until.0 - now.0).div_euclid(DAY);
        let (en, zh) = if left < 0 {
            (format!("certificate {file} ended on {day}"), format!("证书 {file} 已于 {day} 到期"))
        } else {
            (
                format!("certificate {file} ends on {day}, in {left} days"),
                format!("证书 {file} 将于 {day} 到期，剩 {left} 天"),
            )
        };
        all.push(found(Kind::Certificate, file, en, zh));
    }
    let Some(disk) = disk else { return all };
    let (free, percent) = (disk.free >> 20, disk.free.saturating_mul(100) / disk.total.max(1));
    let few = days_left.filter(|days| *days < settings.disk_days as f64);
    if few.is_some() || percent < settings.disk_percent {
        let (en, zh) = few.map_or((String::new(), String::new()), |days| {
            (format!(", full in about {days:.0} days"), format!("，约 {days:.0} 天后用尽"))
        });
        all.push(found(
            Kind::Disk,
            "data",
            format!("the disk has {free} MiB left ({percent} %){en}"),
            format!("磁盘剩余 {free} MiB（{percent}%）{zh}"),
        ));
    }
    all
}

/// Days that do not agree though they should by now.
pub(super) async fn of_days(
    hall: &Hall,
    settings: &Settings,
    now: Millis,
) -> Result<Vec<Found>, PageError> {
    let mut all = Vec::new();
    for back in 1..=settings.days_back {
        let day = Day(now.day().0 - back);
        let ended = Millis((i64::from(day.0) + 1) * DAY - 8 * 3_600_000);
        if now.since(ended) < settings.day_after {
            continue;
        }
        let report = report::of_day(hall.store(), &hall.node.code, (day, hall.now())).await?;
        let windows = report.windows.len();
        let agree = report.windows.iter().filter(|w| w.verdict == report::Verdict::Agrees).count();
        if agree < windows {
            let n = windows - agree;
            all.push(found(
                Kind::Day,
                &day.to_string(),
                format!("day {day}: {n} of {windows} windows do not agree; see the reconciliation"),
                format!("{day} 日对账不一致：{windows} 个窗口中 {n} 个不一致，请查看对账"),
            ));
        }
    }
    Ok(all)
}
