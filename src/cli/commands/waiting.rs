//! What keeps a node waiting though nothing is wrong: hours of lanes, a receiver that asked for time,
//! maintenance above; and what it does beside today's cases: back-fills, its baseline.

use canon::{Lane, Millis};
use exchange::WorkError;
use exchange::ahead::{self, AheadSeen};
use exchange::archive;
use exchange::code_tables;
use exchange::cure::{self, Cure};
use exchange::returned::{self, Returned};
use exchange::standing::{self, BACKFILL, Backfill, Waits};
use serde::Serialize;
use store::Space;

use crate::commands::backfill;
use crate::stores::Tier;
use crate::text::Failure;

/// One sentence of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Said {
    /// `lane`, `hold`, `maintenance`, `backfill`, `returned`, `baseline`, `code_list`, `code_table`, `archive`, `ahead`; of `running.rs`: `carrier`,
    /// `service`, `halted`, `clone`, `adoption`, `recall`, `give`; of
    /// `expiry.rs`: `certificate`; of `sink.rs`: `sink`; of
    /// `withdraw.rs`: `withdrawn`; of `drops.rs`: `drop`.
    pub(crate) kind: &'static str,
    /// Link and lane, route, node, adapter.
    pub(crate) about: String,
    /// Until when, if it ends by itself.
    pub(crate) until: Option<String>,
    /// English.
    pub(crate) en: String,
    /// Chinese.
    pub(crate) zh: String,
    /// Whether somebody has to do something.
    pub(crate) needs_a_person: bool,
}

/// All of a node.
pub(crate) async fn of(tier: &Tier, now: Millis) -> Result<Vec<Said>, Failure> {
    let failed = |e: WorkError| {
        let code = &tier.code;
        Failure::environment(format!("{code}: {e}"), format!("{code}：{e}"))
    };
    let mut said = lanes(tier, now);
    let waits = Waits::read(&tier.store).await.map_err(failed)?;
    said.extend(held(&waits, now));
    for (_, job) in standing::read::<Backfill>(&tier.store, BACKFILL).await.map_err(failed)? {
        let progress = tier.store.adapter(&job.progress_name()).await;
        let progress = progress.map_err(|e| tier.failed(&e))?;
        let (en, zh) = backfill::line(&job, &progress, None);
        let (en, zh) = (format!("back-fill {en}"), format!("历史补报 {zh}"));
        said.push(Said {
            kind: "backfill",
            about: job.adapter,
            until: None,
            en,
            zh,
            needs_a_person: false,
        });
    }
    let cures = cure::list(&tier.store).await.map_err(failed)?;
    said.extend(cures.iter().filter_map(|(adapter, run)| cured(adapter, run)));
    let ahead = ahead::all(&tier.store).await.map_err(failed)?;
    said.extend(ahead.iter().filter_map(|one| {
        let (en, zh) = dated_ahead(one, now)?;
        Some(Said {
            kind: "ahead",
            about: one.0.clone(),
            until: None,
            en,
            zh,
            needs_a_person: true,
        })
    }));
    let tables = code_tables::states(&tier.store).await.map_err(failed)?;
    said.extend(tables.iter().map(came_down));
    if let Some((_, keep)) = &tier.archive {
        let state = archive::state(&tier.store).await.map_err(failed)?;
        let space = tier.store.space().await.map_err(|e| tier.failed(&e))?;
        said.push(archived(&state, *keep, space));
    }
    let returned = returned::list(&tier.store).await.map_err(failed)?;
    said.extend(owed(&returned, now));
    let marks = tier.store.baseline_counts().await.map_err(|e| tier.failed(&e))?;
    let count: u64 = marks.iter().map(|m| m.count).sum();
    if count > 0 {
        said.push(Said {
            kind: "baseline",
            about: String::new(),
            until: None,
            en: format!("baseline: {count} records were reported before; in no count and no sum"),
            zh: format!("基线：{count} 条此前已报送，不计入各处所与摘要和"),
            needs_a_person: false,
        });
    }
    Ok(said)
}

/// What is said of rows that their source dates ahead of the clock; nothing once their time has come.
pub(crate) fn dated_ahead(
    (adapter, table, seen): &(String, String, AheadSeen),
    now: Millis,
) -> Option<(String, String)> {
    let AheadSeen { rows, first } = seen;
    (first.replacen('T', " ", 1) > now.to_string()).then(|| {
        (
            format!(
                "adapter {adapter}, {table}: {rows} rows are dated ahead of the clock, the first at {first}; they are read again at each interval until then: have the time in the source corrected, or this machine's clock"
            ),
            format!(
                "适配器 {adapter}，{table}：{rows} 行的修改时间晚于当前时间，最早为 {first}；到时之前每次采集都会重读，请来源单位更正该时间，或校准本机时钟"
            ),
        )
    })
}

/// Rows that a code list's new edition brought up again.
fn cured(adapter: &str, run: &Cure) -> Option<Said> {
    if run.lists.is_empty() || (run.ended && run.again == 0) {
        return None;
    }
    let (lists, n) = (run.lists.join(", "), run.again);
    let (en, zh) = match (run.stopped, run.ended) {
        (Some(number), _) => (
            format!(
                "stopped at entry {number}, which was refused again; see `tiergate quarantine show {number}`"
            ),
            format!("编号 {number} 再次未通过，已停止；见 tiergate quarantine show {number}"),
        ),
        (None, true) => ("done".to_owned(), "已完成".to_owned()),
        (None, false) => {
            let open = run.batch.len();
            (format!("{open} not answered yet"), format!("{open} 条待回执"))
        }
    };
    Some(Said {
        kind: "code_list",
        about: adapter.to_owned(),
        until: None,
        en: format!("new edition of {lists}: {n} held rows of {adapter} went up again, {en}"),
        zh: format!("代码表 {lists} 新版生效：{adapter} 的 {n} 条问题数据已自动重新提交，{zh}"),
        needs_a_person: run.stopped.is_some(),
    })
}

/// How an edition of a code table is that came down.
fn came_down(table: &code_tables::State) -> Said {
    let code_tables::State { list, edition, have, count, .. } = table;
    let from = table.from.map_or_else(String::new, |day| day.to_string());
    let (mut en, mut zh) = match &table.used {
        Some(_) => (format!("in force from {from}"), format!("自 {from} 起生效")),
        None => ("not in force".to_owned(), "未生效".to_owned()),
    };
    if let Some(code) = table.code.as_deref().and_then(canon::codes::code) {
        en.push_str(&format!("; {} [{}]", code.en, code.code));
        zh.push_str(&format!("；{} [{}]", code.zh, code.code));
    }
    let by = &table.by;
    Said {
        kind: "code_table",
        about: format!("{list}@{edition}"),
        until: None,
        en: format!("code table {list}@{edition} of {by}, {have} of {count} codes here: {en}"),
        zh: format!("{by} 下发的代码表 {list}@{edition}，已收 {have}/{count} 条：{zh}"),
        needs_a_person: table.code.as_deref().is_some_and(|c| c != "table.withdrawn"),
    }
}

/// How far the archive is, and what it promises.
fn archived(state: &archive::State, keep: i64, space: Space) -> Said {
    const MIB: u64 = 1 << 20;
    let days = keep / 86_400_000;
    let archive::State { number, open, released, released_bytes, .. } = state;
    let closed = state.closed.map_or_else(|| "-".to_owned(), |day| day.to_string());
    let head = state.head.as_deref().unwrap_or("-");
    let (open, given, takes, free) =
        (open.len(), released_bytes / MIB, space.bytes / MIB, space.free / MIB);
    let mut en = format!(
        "archive: {number} files, windows before {closed}, {open} open envelopes not in it, head {head}; bytes leave the store {days} days after ({released} files, {given} MiB so far); the store takes {takes} MiB, {free} MiB of it free"
    );
    let mut zh = format!(
        "归档：{number} 个文件，已归档 {closed} 之前的窗口，未完成报文 {open} 份不在其中，末端摘要 {head}；归档 {days} 天后库内释放（已释放 {released} 个文件、{given} MiB）；存储占用 {takes} MiB，其中空闲 {free} MiB"
    );
    match (&state.unstamped, &state.stamped_at) {
        (Some((since, why)), _) => {
            let first = state.stamped + 1;
            en.push_str(&format!("; files {first} to {number} have no timestamp since {since}: {why}; they get one when the authority answers"));
            zh.push_str(&format!(
                "；第 {first} 至 {number} 号自 {since} 起未取得时间戳：{why}；恢复后自动补盖"
            ));
        }
        (None, Some(time)) => {
            let stamped = state.stamped;
            en.push_str(&format!("; timestamp {time} over file {stamped} and all before it"));
            zh.push_str(&format!("；时间戳 {time} 覆盖至第 {stamped} 号文件"));
        }
        (None, None) => {}
    }
    if let Some(trouble) = &state.trouble {
        en.push_str(&format!("; stands still, nothing is purged: {trouble}"));
        zh.push_str(&format!("；归档停滞，未释放任何数据：{trouble}"));
    }
    Said {
        kind: "archive",
        about: String::new(),
        until: None,
        en,
        zh,
        needs_a_person: state.trouble.is_some(),
    }
}

/// Lanes that are closed at this hour.
fn lanes(tier: &Tier, now: Millis) -> Vec<Said> {
    let closed = |(link, lane, budget): &(std::sync::Arc<str>, Lane, _)| {
        let budget: &exchange::config::LaneBudget = budget;
        let until = budget.closed_until(now)?;
        let hours = budget.hours_text();
        Some(Said {
            kind: "lane",
            about: format!("{link}/{lane}"),
            until: Some(until.to_string()),
            en: format!(
                "link {link}, lane {lane}: waits until {until}, its hours are {hours} [lane.hours]"
            ),
            zh: format!(
                "链路 {link} 的 {lane} 通道：等待至 {until}，允许时段 {hours} [lane.hours]"
            ),
            needs_a_person: false,
        })
    };
    tier.lanes.iter().filter_map(closed).collect()
}

/// Accepted records that were returned and are not answered yet.
fn owed(returned: &[Returned], now: Millis) -> Option<Said> {
    let open: Vec<&Returned> = returned.iter().filter(|r| r.is_open()).collect();
    // The list begins with the nearest deadline.
    let first = open.first()?;
    let (n, until) = (open.len(), first.mark.deadline);
    let late = open.iter().filter(|r| r.is_overdue(now)).count();
    let tail = |en: bool| match (late, en) {
        (0, _) => String::new(),
        (late, true) => format!(", {late} past it"),
        (late, false) => format!("，其中 {late} 条已超期"),
    };
    Some(Said {
        kind: "returned",
        about: first.mark.by.to_string(),
        until: Some(until.to_string()),
        en: format!(
            "{n} accepted records were returned; the first deadline is {until}{}; see `tiergate returned`",
            tail(true)
        ),
        zh: format!("接收后退回 {n} 条，最近期限 {until}{}；见 tiergate returned", tail(false)),
        needs_a_person: false,
    })
}

fn held(waits: &Waits, now: Millis) -> Vec<Said> {
    let holds = waits.holds.iter().filter(|(_, h)| now < h.until).map(|(route, hold)| {
        let (until, by) = (hold.until, &hold.by);
        let text = canon::code(&hold.reason);
        let (en, zh) = text.map_or((hold.reason.as_str(), hold.reason.as_str()), |c| (c.en, c.zh));
        Said {
            kind: "hold",
            about: route.to_string(),
            until: Some(until.to_string()),
            en: format!(
                "to {}, lane {}: waits until {until}, asked by {by}: {en}",
                route.destination, route.lane
            ),
            zh: format!(
                "发往 {} 的 {} 通道：等待至 {until}，由 {by} 要求：{zh}",
                route.destination, route.lane
            ),
            needs_a_person: false,
        }
    });
    let maintenance = waits.maintenance.iter().filter(|(_, m)| now < m.until).map(|(node, m)| {
        let (from, until, text) = (m.from, m.until, &m.text);
        let (en, zh) = if m.is_on(now) {
            (format!("under maintenance until {until}"), format!("维护至 {until}"))
        } else {
            (
                format!("maintenance from {from} until {until}"),
                format!("将于 {from} 至 {until} 维护"),
            )
        };
        let tail =
            |mark: &str| if text.is_empty() { String::new() } else { format!("{mark}{text}") };
        Said {
            kind: "maintenance",
            about: node.to_string(),
            until: Some(until.to_string()),
            en: format!("{node}: {en}{}", tail(": ")),
            zh: format!("{node}：{zh}{}", tail("：")),
            needs_a_person: false,
        }
    });
    holds.chain(maintenance).collect()
}

#[cfg(test)]
mod tests {
    use canon::NodeCode;
    use exchange::standing::{Hold, Maintenance};

    use super::*;

    #[test]
    fn rows_dated_ahead_are_told_until_their_time_comes() {
        let seen = AheadSeen { rows: 2, first: "2026-11-23T08:00:00".into() };
        let one = ("cases".to_owned(), "t_case".to_owned(), seen);
        let at = |text| Millis::parse(text).unwrap();
        let (en, zh) = dated_ahead(&one, at("2026-11-22 08:00:00")).unwrap();
        assert!(en.starts_with("adapter cases, t_case: 2 rows are dated ahead"), "{en}");
        assert!(zh.contains("2 行") && zh.contains("2026-11-23T08:00:00"), "{zh}");
        assert_eq!(dated_ahead(&one, at("2026-11-23 08:00:01")), None);
    }

    #[test]
    fn what_waits_says_until_when_and_why() {
        let at = |t: &str| Millis::parse(&format!("2026-11-21 {t}")).unwrap();
        let node = |c: &str| NodeCode::new(c).unwrap();
        let route = "province|supervision/1|ecdsa-p256-sha256|bulk".parse().unwrap();
        let hold =
            Hold { until: at("12:00:00"), reason: "receiver.defer".into(), by: node("province") };
        let maintenance =
            Maintenance {
                from: at("10:00:00"), until: at("18:00:00"), text: "机房搬迁".into()
            };
        let waits = Waits {
            holds: vec![(route, hold)],
            maintenance: vec![(node("province"), maintenance)],
        };
        let said = held(&waits, at("11:00:00"));
        assert!(said[0].en.starts_with("to province, lane bulk: waits until 2026-11-21 12:00:00"));
        assert_eq!(said[1].zh, "province：维护至 2026-11-21 18:00:00：机房搬迁");
        assert!(held(&waits, at("09:00:00"))[1].zh.contains("将于"));
        assert!(held(&waits, at("18:00:00")).is_empty());
    }
}
