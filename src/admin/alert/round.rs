//! One round: what is so is held against what was told.

use std::collections::{BTreeMap, BTreeSet};

use canon::{Day, Millis};
use exchange::standing;
use serde::{Deserialize, Serialize};
use store::{NodeStatus, Place};

use super::body::{self, From, Line, Message, Turn};
use super::disk::Samples;
use super::rules::{self, FOUND_MAX, Found, Kind};
use super::settings::To;
use super::{Alerts, Target};
use crate::error::PageError;
use crate::hall::Hall;
use crate::house::Both;

/// Under this prefix stands what was told: `alert/KIND/ABOUT`.
const ALERT: &str = "alert/";
/// Under this name stands which morning was told last.
const MORNING: &str = "alert-morning";
/// Under this name stand samples of the disk.
const DISK: &str = "alert-disk";
/// Who watches, where several processes share a node.
const LEASE: &str = "admin/alerts";
/// How long that holds, ms.
const LEASE_TTL: i64 = 60_000;
/// How long the verdict of past days holds, ms: it is read out of their books.
const DAYS_FOR: i64 = 10 * 60_000;
/// Beijing is so far ahead, ms.
const BEIJING: i64 = 8 * 3_600_000;
const DAY: i64 = 86_400_000;

/// What stands of one alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Raised {
    since: Millis,
    text: Both,
    /// Since when it is not so any more.
    #[serde(default)]
    gone: Option<Millis>,
    /// Who was told last when.
    #[serde(default)]
    told: BTreeMap<String, Millis>,
}

/// What stands of the report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Morning {
    day: Day,
    /// Who was told.
    told: BTreeSet<String>,
}

type Standing = BTreeMap<String, Raised>;

impl Hall {
    /// Looks whether somebody has to be told something, and tells them. Whoever runs the node calls it
    /// after each [`Hall::look`]; without channels it does nothing.
    ///
    /// # Errors
    /// The store does not answer. Channels that take nothing are no error: they are tried again.
    pub async fn watch(&self) -> Result<(), PageError> {
        let Some(alerts) = self.alerts() else { return Ok(()) };
        let now = self.now();
        alerts.pass(now);
        let store = self.store();
        if store.lease(LEASE, &self.node.holder, now, LEASE_TTL).await?.is_none() {
            return Ok(());
        }
        let status = store.status().await?;
        let found = alerts.found(self, &status, now).await?;
        let mut raised: Standing =
            standing::read::<Raised>(store, ALERT).await?.into_iter().collect();
        let before = raised.clone();
        alerts.compare(&mut raised, found, now);
        keep(self, &before, &raised, now).await?;
        alerts.memory().standing = by_kind(&raised);
        for target in &alerts.targets {
            alerts.tell(self, target, &mut raised, now).await?;
        }
        alerts.morning(self, &status, &raised, now).await
    }
}

/// Writes down what changed.
async fn keep(
    hall: &Hall,
    before: &Standing,
    after: &Standing,
    now: Millis,
) -> Result<(), PageError> {
    for (key, raised) in after {
        // Numbers in a text move all the time: that alone is not worth a write.
        let same = |old: &Raised| old.gone == raised.gone && old.told == raised.told;
        if !before.get(key).is_some_and(same) {
            standing::put(hall.store(), &format!("{ALERT}{key}"), raised, now).await?;
        }
    }
    for key in before.keys().filter(|key| !after.contains_key(*key)) {
        hall.store().stand(&format!("{ALERT}{key}"), None, now).await?;
    }
    Ok(())
}

fn kind_of(key: &str) -> Option<Kind> {
    key.split('/').next().and_then(Kind::of_word)
}

fn by_kind(raised: &Standing) -> BTreeMap<&'static str, u64> {
    let mut all: BTreeMap<_, _> = Kind::ALL.iter().map(|kind| (kind.word(), 0)).collect();
    for (key, _) in raised.iter().filter(|(_, r)| r.gone.is_none()) {
        if let Some(kind) = kind_of(key) {
            *all.entry(kind.word()).or_default() += 1;
        }
    }
    all
}

impl Alerts {
    /// What is so now.
    async fn found(
        &self,
        hall: &Hall,
        status: &NodeStatus,
        now: Millis,
    ) -> Result<Vec<Found>, PageError> {
        let mut all = rules::of_node(hall, &self.settings, status, now).await?;
        let disk = hall.house.disk();
        if let Some(disk) = disk {
            self.sample(hall, disk.free, now).await?;
        }
        all.extend(rules::of_house(hall, &self.settings, (disk, self.days_left(now)), now));
        let days = match self.days.young(DAYS_FOR, now) {
            Some(days) => days,
            None => self.days.keep(rules::of_days(hall, &self.settings, now).await?, now),
        };
        all.extend(days);
        all.truncate(FOUND_MAX);
        Ok(all)
    }

    async fn sample(&self, hall: &Hall, free: u64, now: Millis) -> Result<(), PageError> {
        let known = self.memory().disk.clone();
        let mut samples = match known {
            Some(samples) => samples,
            None => standing::one::<Samples>(hall.store(), DISK).await?.unwrap_or_default(),
        };
        if samples.take(free, now) {
            standing::put(hall.store(), DISK, &samples, now).await?;
        }
        self.memory().disk = Some(samples);
        Ok(())
    }

    /// Takes in what is so, and lets go what is over and nobody has to hear of.
    fn compare(&self, raised: &mut Standing, found: Vec<Found>, now: Millis) {
        let found: BTreeMap<String, Found> =
            found.into_iter().map(|f| (format!("{}/{}", f.kind.word(), f.about), f)).collect();
        for (key, one) in &mut *raised {
            if !found.contains_key(key) && one.gone.is_none() {
                one.gone = Some(now);
            }
        }
        for (key, Found { text, .. }) in found {
            let fresh =
                || Raised { since: now, text: text.clone(), gone: None, told: BTreeMap::new() };
            let one = raised.entry(key).or_insert_with(fresh);
            one.gone = None;
            one.text = text;
        }
        raised.retain(|_, one| !(self.is_over(one, now) && one.told.is_empty()));
    }

    fn is_over(&self, one: &Raised, now: Millis) -> bool {
        one.gone.is_some_and(|at| now.since(at) >= self.settings.over_after)
    }

    /// What a target is to be told of an alert.
    fn turn(&self, target: &Target, one: &Raised, now: Millis) -> Option<Turn> {
        let told = one.told.get(&target.id);
        if self.is_over(one, now) {
            return told.map(|_| Turn::Over);
        }
        let lasts = now.since(one.since) >= self.settings.escalate_after;
        if one.gone.is_some() || (target.escalation && !lasts) {
            return None;
        }
        match told {
            None => Some(Turn::New),
            Some(at) if now.since(*at) >= self.settings.again_after => Some(Turn::Again),
            Some(_) => None,
        }
    }

    async fn tell(
        &self,
        hall: &Hall,
        target: &Target,
        raised: &mut Standing,
        now: Millis,
    ) -> Result<(), PageError> {
        let owed = |(key, one): (&String, &Raised)| {
            let turn = self.turn(target, one, now)?;
            let kind = kind_of(key)?.word();
            Some(Line { key: key.clone(), kind, turn, since: one.since, text: one.text.clone() })
        };
        let lines: Vec<Line> = raised.iter().filter_map(owed).collect();
        if lines.is_empty() || !self.may(target, now) {
            return Ok(());
        }
        let lang = self.settings.lang;
        let n = lines.len();
        let over = lines.iter().all(|l| l.turn == Turn::Over);
        let title = match (over, target.escalation) {
            (true, _) => format!("{n}{}", lang.of(" over", " 项告警已恢复")),
            (false, true) => format!("{n}{}", lang.of(" unsolved for long", " 项告警长时间未处理")),
            (false, false) => format!("{n}{}", lang.of(" alerts", " 项告警")),
        };
        let message = Message { title, lines, report: Vec::new() };
        if !self.sent(hall, target, &message, now).await {
            return Ok(());
        }
        let before = raised.clone();
        for line in &message.lines {
            let Some(one) = raised.get_mut(&line.key) else { continue };
            if line.turn == Turn::Over {
                one.told.remove(&target.id);
            } else {
                one.told.insert(target.id.clone(), now);
            }
        }
        raised.retain(|_, one| !(self.is_over(one, now) && one.told.is_empty()));
        keep(hall, &before, raised, now).await
    }

    /// Hands a message over; whether it was taken.
    async fn sent(&self, hall: &Hall, target: &Target, message: &Message, now: Millis) -> bool {
        let from = From {
            node: hall.node.code.to_string(),
            title: hall.title.clone(),
            environment: hall.node.environment,
            pages: self.settings.pages.clone(),
            lang: self.settings.lang,
        };
        let letter = body::letter(&target.to, &from, message, now);
        let answer = self.post.send(&target.id, &letter).await;
        let well = answer.and_then(|answer| body::taken(&target.to, &answer)).is_ok();
        self.went(target, well, now);
        well
    }

    /// The report, once a morning. A process that was away in the morning tells it when it is back; one
    /// that has never told any waits for the next.
    async fn morning(
        &self,
        hall: &Hall,
        status: &NodeStatus,
        raised: &Standing,
        now: Millis,
    ) -> Result<(), PageError> {
        let Some(minute) = self.settings.morning_minute else { return Ok(()) };
        let (today, past) = (now.day(), (now.0 + BEIJING).rem_euclid(DAY) / 60_000);
        let mut known = match standing::one::<Morning>(hall.store(), MORNING).await? {
            Some(known) => known,
            None => {
                let last = if past < i64::from(minute) { Day(today.0 - 1) } else { today };
                let told = self.targets.iter().map(|t| t.id.clone()).collect();
                let known = Morning { day: last, told };
                standing::put(hall.store(), MORNING, &known, now).await?;
                known
            }
        };
        if past < i64::from(minute) {
            return Ok(());
        }
        if known.day != today {
            known = Morning { day: today, told: BTreeSet::new() };
        }
        for target in &self.targets {
            let sms = matches!(target.to, To::SmsGateway { .. } | To::SmsTable { .. });
            let skip = target.escalation || sms || known.told.contains(&target.id);
            if skip || !self.may(target, now) {
                continue;
            }
            let (title, report) = self.report(status, raised, now);
            let message = Message { title, lines: Vec::new(), report };
            if self.sent(hall, target, &message, now).await {
                known.told.insert(target.id.clone());
                standing::put(hall.store(), MORNING, &known, now).await?;
            }
        }
        Ok(())
    }

    fn report(&self, status: &NodeStatus, raised: &Standing, now: Millis) -> (String, Vec<String>) {
        let lang = self.settings.lang;
        let open: Vec<&Raised> = raised.values().filter(|one| one.gone.is_none()).collect();
        let title = format!("{} {}", now.day(), lang.of("morning report", "晨报"));
        let mut lines = vec![match open.len() {
            0 => lang.of("no alert stands", "当前无告警").to_owned(),
            n => format!("{} {n}", lang.of("alerts that stand:", "未恢复告警：")),
        }];
        lines
            .extend(open.iter().take(10).map(|one| lang.of(&one.text.en, &one.text.zh).to_owned()));
        let place = |p: Place| {
            Place::ALL.iter().zip(status.places).find(|(q, _)| **q == p).map_or(0, |(_, n)| n)
        };
        lines.push(format!(
            "{} {} · {} {} · {} {}",
            lang.of("accepted", "已接收"),
            place(Place::Accepted),
            lang.of("rejected", "被退回"),
            place(Place::Rejected),
            lang.of("problem data", "校验不通过"),
            place(Place::Quarantined),
        ));
        lines.extend(status.links.iter().map(|l| {
            format!(
                "{} {}: {} {} · {} {}",
                lang.of("link", "上报通道"),
                l.link,
                lang.of("waiting", "待发"),
                l.due,
                lang.of("in flight", "在途"),
                l.in_flight
            )
        }));
        (title, lines)
    }
}
