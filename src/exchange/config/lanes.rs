//! Budgets and hours of a lane, written in one text: `"20:00-07:00, 2 Mbit/s"`.

use std::collections::BTreeMap;

use canon::{Lane, Millis};

use super::problem::Problems;
use super::tree::{Tab, Value};
use super::units::{GIB, MIB};

/// Minutes of a day.
const DAY_MIN: u16 = 24 * 60;
/// Milliseconds of a minute.
const MINUTE_MS: i64 = 60_000;

/// When a lane may send, and how much: what is not said has no limit of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LaneBudget {
    /// Hours of the day (Beijing time); none is the whole day.
    pub hours: Vec<Window>,
    /// Records a second, in place of `[limits]`.
    pub records_per_second: Option<u32>,
    /// Bytes a second, in place of `[limits]`.
    pub bytes_per_second: Option<u32>,
}

/// A part of the day, minutes from midnight; one that ends before it begins goes over midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// First minute in it.
    pub from: u16,
    /// First minute after it.
    pub to: u16,
}

impl Window {
    fn parse(text: &str) -> Option<Self> {
        let (from, to) = text.split_once(['-', '–', '—', '~'])?;
        let (from, to) = (minute(from.trim())?, minute(to.trim())?);
        (from != to && from < DAY_MIN).then_some(Self { from, to })
    }

    const fn holds(self, minute: u16) -> bool {
        if self.from < self.to {
            self.from <= minute && minute < self.to
        } else {
            minute >= self.from || minute < self.to
        }
    }

    /// Whether both have a minute in common.
    fn meets(self, other: Self) -> bool {
        (0..DAY_MIN).any(|m| self.holds(m) && other.holds(m))
    }
}

impl std::fmt::Display for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { from, to } = self;
        write!(f, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)
    }
}

/// `hh:mm`, up to `24:00`.
fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let digits = |t: &str| t.len() <= 2 && t.bytes().all(|b| b.is_ascii_digit());
    if !digits(hour) || minute.len() != 2 || !digits(minute) {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    let at = hour * 60 + minute;
    (minute < 60 && at <= DAY_MIN).then_some(at)
}

impl LaneBudget {
    /// Until when the lane is closed; none while it may send.
    pub fn closed_until(&self, now: Millis) -> Option<Millis> {
        let midnight = now.day().start();
        let at = u16::try_from(now.since(midnight) / MINUTE_MS).unwrap_or(0);
        if self.hours.is_empty() || self.hours.iter().any(|w| w.holds(at)) {
            return None;
        }
        let wait = |w: &Window| (w.from + DAY_MIN - at) % DAY_MIN;
        let next = self.hours.iter().map(wait).min().unwrap_or(0);
        Some(midnight.plus(i64::from(at + next) * MINUTE_MS))
    }

    /// The hours as people write them; empty for the whole day.
    pub fn hours_text(&self) -> String {
        self.hours.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }

    /// Reads the text of a lane; what is wrong otherwise, in both languages.
    pub fn parse(text: &str) -> Result<Self, (String, String)> {
        let mut budget = Self::default();
        for part in text.split([',', '，']).map(str::trim) {
            if let Some(window) = Window::parse(part) {
                if budget.hours.iter().any(|w| w.meets(window)) {
                    return Err((
                        format!("has hours that overlap: {part}; join them"),
                        format!("时段 {part} 与前面的重叠，请合并"),
                    ));
                }
                budget.hours.push(window);
                continue;
            }
            let slot = match rate(part) {
                Some(Rate::Records(n)) => budget.records_per_second.replace(n),
                Some(Rate::Bytes(n)) => budget.bytes_per_second.replace(n),
                None => {
                    let example = "\"20:00-07:00, 12:00-13:30, 2 Mbit/s, 500 records/s\"";
                    return Err((
                        format!("`{part}` is neither hours nor a rate; write it like {example}"),
                        format!("『{part}』既不是时段也不是速率，应写作 {example}"),
                    ));
                }
            };
            if slot.is_some() {
                return Err((
                    format!("has two rates of one kind: {part}; keep one"),
                    format!("同类速率写了两次：{part}，请只留一个"),
                ));
            }
        }
        Ok(budget)
    }
}

enum Rate {
    Records(u32),
    Bytes(u32),
}

/// `2 Mbit/s`, `256 KiB/s`, `500 records/s`, `500 条/s`; never 0.
fn rate(text: &str) -> Option<Rate> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(split)?;
    let number: u64 = number.parse().ok().filter(|n| *n > 0)?;
    let bytes = |n: Option<u64>| n.filter(|n| *n > 0 && *n <= 2 * GIB);
    let factor = |f: u64| bytes(number.checked_mul(f));
    let found = match unit.trim() {
        "records/s" | "条/s" | "条/秒" => return u32::try_from(number).ok().map(Rate::Records),
        "B/s" => factor(1),
        "KiB/s" => factor(1 << 10),
        "MiB/s" => factor(MIB),
        "kbit/s" => factor(125),
        "Mbit/s" => factor(125_000),
        "Gbit/s" => factor(125_000_000),
        _ => None,
    };
    found.and_then(|n| u32::try_from(n).ok()).map(Rate::Bytes)
}

/// Reads a `lanes` table: a text for each lane.
pub(crate) fn read(tab: &Tab<'_>, problems: &mut Problems) -> BTreeMap<Lane, LaneBudget> {
    let mut lanes = BTreeMap::new();
    for (key, node) in tab.entries() {
        let path = tab.key(&key.text);
        let Ok(lane) = key.text.parse::<Lane>() else {
            problems.push(
                "config.unknown_key",
                &key.at,
                path,
                "is no lane; there are control, live and bulk",
                "没有这个通道；通道有 control、live、bulk",
            );
            continue;
        };
        let text = match &node.value {
            Value::Text(text) | Value::Loose(text) => text.as_str(),
            _ => "",
        };
        match LaneBudget::parse(text) {
            Ok(budget) if lane == Lane::Control && !budget.hours.is_empty() => {
                problems.push(
                    "config.bad_value",
                    &node.at,
                    path,
                    "gives hours to the control lane: receipts must always pass; leave the hours out",
                    "控制通道不得限定时段：回执必须随时可达，请去掉时段",
                );
            }
            Ok(budget) => {
                lanes.insert(lane, budget);
            }
            Err((en, zh)) => {
                problems.push("config.bad_value", &node.at, path, en, zh);
            }
        }
    }
    lanes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: &str) -> Millis {
        Millis::parse(&format!("2026-11-21 {time}")).unwrap()
    }

    fn closed(budget: &LaneBudget, time: &str) -> Option<String> {
        budget.closed_until(at(time)).map(|t| t.to_string())
    }

    #[test]
    fn hours_over_midnight_and_several_of_them() {
        let budget =
            LaneBudget::parse("20:00–07:00, 12:00-13:30, 2 Mbit/s, 500 records/s").unwrap();
        assert_eq!(budget.bytes_per_second, Some(250_000));
        assert_eq!(budget.records_per_second, Some(500));
        assert_eq!(budget.hours_text(), "20:00-07:00, 12:00-13:30");
        for open in ["20:00:00", "23:59:59", "00:00:00", "06:59:59", "12:00:00", "13:29:59"] {
            assert_eq!(closed(&budget, open), None, "{open}");
        }
        assert_eq!(closed(&budget, "07:00:00").unwrap(), "2026-11-21 12:00:00");
        assert_eq!(closed(&budget, "11:59:59").unwrap(), "2026-11-21 12:00:00");
        assert_eq!(closed(&budget, "13:30:00").unwrap(), "2026-11-21 20:00:00");
        let morning = LaneBudget::parse("01:00-06:00").unwrap();
        assert_eq!(closed(&morning, "08:00:00").unwrap(), "2026-11-22 01:00:00", "tomorrow");
        let evening = LaneBudget::parse("18:00-24:00").unwrap();
        assert_eq!(closed(&evening, "23:59:59"), None);
        assert_eq!(closed(&evening, "00:00:00").unwrap(), "2026-11-21 18:00:00");
    }

    #[test]
    fn what_is_neither_hours_nor_a_rate_is_refused() {
        for text in [
            "",
            "20:00",
            "20:00-20:00",
            "25:00-07:00",
            "20:60-07:00",
            "24:00-07:00",
            "8pm-7am",
            "0 Mbit/s",
            "2 Mb",
            "2.5 Mbit/s",
            "20:00-07:00,",
            "1 KiB/s, 2 MiB/s",
            "20:00-07:00, 06:00-08:00",
            "99999999999 MiB/s",
        ] {
            assert!(LaneBudget::parse(text).is_err(), "{text}");
        }
    }
}
