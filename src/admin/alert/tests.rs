//! A node whose certificates end and whose disk fills up, and a post that writes down what it gets.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use exchange::config::Secret;
use exchange::reconcile::sheets::Sheet;
use store::{LinkStatus, ProblemItem};

use super::*;
use crate::access::Access;
use crate::hall::{Clock, Hall};
use crate::house::{
    Both, Checked, Disk, Errand, House, HouseFuture, Paper, Proof, Said, Setting, Shown,
};
use crate::machines::{Figures, Machines};
use crate::{test_facts, test_hall};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

#[derive(Default)]
struct Ends {
    papers: Mutex<Vec<Paper>>,
    disk: Mutex<Option<Disk>>,
}

impl House for Ends {
    fn said(&self, _now: Millis) -> HouseFuture<'_, Vec<Said>> {
        Box::pin(async { Ok(Vec::new()) })
    }
    fn papers(&self, _now: Millis) -> Vec<Paper> {
        self.papers.lock().unwrap().clone()
    }
    fn settings(&self) -> Vec<Setting> {
        Vec::new()
    }
    fn check_up(&self, _now: Millis) -> HouseFuture<'_, Vec<Checked>> {
        Box::pin(async { Ok(Vec::new()) })
    }
    fn disk(&self) -> Option<Disk> {
        *self.disk.lock().unwrap()
    }
    fn shown(&self, _adapter: &str) -> Shown {
        Shown::new()
    }
    fn opened(&self, raw: Vec<u8>, _item: &ProblemItem) -> Option<Vec<u8>> {
        Some(raw)
    }
    fn ask<'a>(&'a self, _errand: &'a Errand, _now: Millis) -> HouseFuture<'a, u64> {
        Box::pin(async { Ok(0) })
    }
    fn evidence<'a>(&'a self, _subject: &'a str, _now: Millis) -> HouseFuture<'a, Option<Proof>> {
        Box::pin(async { Ok(None) })
    }
    fn book(&self, _title: &str, _sheets: &[Sheet]) -> Result<Vec<u8>, String> {
        Ok(Vec::new())
    }
    fn signed(&self, _file: &[u8]) -> Result<Vec<u8>, String> {
        Ok(Vec::new())
    }
}

/// Writes down what it gets; refuses while it is told to.
#[derive(Default)]
struct Drawer {
    got: Mutex<Vec<(String, String)>>,
    refuses: AtomicBool,
}

impl Post for Drawer {
    fn send<'a>(&'a self, channel: &'a str, letter: &'a Letter) -> PostFuture<'a> {
        Box::pin(async move {
            if self.refuses.load(Ordering::SeqCst) {
                return Err("no way".into());
            }
            let text = match letter {
                Letter::Http { body, .. } => String::from_utf8_lossy(body).into_owned(),
                Letter::Mail { subject, text, .. } => format!("{subject}\n{text}"),
                Letter::SmsRow { phone, text } => format!("{phone} {text}"),
            };
            self.got.lock().unwrap().push((channel.to_owned(), text));
            Ok(Vec::new())
        })
    }
}

/// A node with a clock that is moved.
struct Scene {
    at: Arc<AtomicI64>,
    node: Arc<exchange::Node>,
    house: Arc<Ends>,
    drawer: Arc<Drawer>,
    settings: Settings,
    hall: Arc<Hall>,
}

fn mail(name: &str) -> Channel {
    Channel { name: name.into(), to: To::Mail { to: vec!["duty@gov.example".into()] } }
}

impl Scene {
    fn new(settings: Settings) -> Self {
        let begins = Millis::parse(test_hall::BEGINS).unwrap();
        let at = Arc::new(AtomicI64::new(begins.0));
        let node = Arc::new(test_hall::node());
        let (house, drawer) = (Arc::<Ends>::default(), Arc::<Drawer>::default());
        let hall = Self::process(&at, &node, &house, &drawer, &settings);
        Self { at, node, house, drawer, settings, hall }
    }

    /// A process of the node: what it knows of alerts is in the store alone.
    fn process(
        at: &Arc<AtomicI64>,
        node: &Arc<exchange::Node>,
        house: &Arc<Ends>,
        drawer: &Arc<Drawer>,
        settings: &Settings,
    ) -> Arc<Hall> {
        let at = Arc::clone(at);
        let clock: Clock = Arc::new(move || Millis(at.load(Ordering::SeqCst)));
        let chance = Arc::new(|bytes: &mut [u8]| bytes.fill(7));
        let house: Arc<dyn House> = Arc::clone(house) as Arc<dyn House>;
        let named = (Arc::clone(node), "试验县".into());
        let hall = Hall::new(named, house, Access::default(), (Arc::clone(&clock), clock, chance));
        let second = Channel {
            name: "sms".into(),
            to: To::SmsTable { phones: vec!["13800000001".into(), "13800000002".into()] },
        };
        let post: Arc<dyn Post> = Arc::clone(drawer) as Arc<dyn Post>;
        let lists = (vec![mail("duty")], vec![second]);
        let alerts = Some(Alerts::new(settings.clone(), lists, post));
        hall.machines.set(Machines { figures: Figures::Known, alerts }).unwrap();
        hall
    }

    fn restart(&mut self) {
        self.hall = Self::process(&self.at, &self.node, &self.house, &self.drawer, &self.settings);
    }

    fn ends_in(&self, ms: Option<i64>) {
        let now = self.hall.now();
        let paper = |ms| Paper {
            file: "county.pem".into(),
            subject: "county".into(),
            anchor: false,
            suite: "sm2-sm3".into(),
            from: now,
            until: now.plus(ms),
            text: Both::default(),
            well: true,
        };
        *self.house.papers.lock().unwrap() = ms.map(paper).into_iter().collect();
    }

    /// Time goes by, in looks a minute apart; returns what was told meanwhile.
    async fn goes_on(&self, ms: i64) -> Vec<(String, String)> {
        let until = self.at.load(Ordering::SeqCst) + ms;
        loop {
            self.hall.watch().await.unwrap();
            let at = self.at.load(Ordering::SeqCst);
            if at >= until {
                break;
            }
            self.at.store((at + MINUTE).min(until), Ordering::SeqCst);
        }
        std::mem::take(&mut *self.drawer.got.lock().unwrap())
    }
}

fn quiet() -> Settings {
    Settings { morning_minute: None, ..Settings::default() }
}

fn channels(told: &[(String, String)]) -> Vec<&str> {
    told.iter().map(|(channel, _)| channel.as_str()).collect()
}

#[tokio::test]
async fn an_alert_is_told_once_then_again_after_a_day_and_once_when_it_is_over() {
    let mut scene = Scene::new(Settings { escalate_after: 10 * DAY, ..quiet() });
    assert!(scene.goes_on(HOUR).await.is_empty());
    scene.ends_in(Some(5 * DAY + HOUR));
    let told = scene.goes_on(HOUR).await;
    assert_eq!(channels(&told), ["duty"]);
    let text = &told[0].1;
    assert!(text.starts_with("【Tiergate】试验县（演示环境） 1 项告警\n"), "{text}");
    assert!(text.contains("[新告警] 证书 county.pem 将于 2026-11-27 到期，剩 5 天"), "{text}");
    assert_eq!(scene.hall.alerts().unwrap().standing()["certificate"], 1);

    scene.restart();
    assert!(scene.goes_on(22 * HOUR).await.is_empty(), "a restart repeats nothing");
    let told = scene.goes_on(2 * HOUR).await;
    assert!(told[0].1.contains("[仍未恢复]") && told.len() == 1, "{told:?}");

    scene.ends_in(Some(400 * DAY));
    let told = scene.goes_on(HOUR).await;
    assert!(told[0].1.contains("1 项告警已恢复") && told.len() == 1, "{told:?}");
    assert!(scene.goes_on(30 * HOUR).await.is_empty());
    assert!(scene.node.store.standing("alert/").await.unwrap().is_empty());
    assert_eq!(scene.hall.alerts().unwrap().standing()["certificate"], 0);
}

#[tokio::test]
async fn what_lasts_is_told_to_the_second_list_and_so_is_its_end() {
    let scene = Scene::new(quiet());
    scene.ends_in(Some(DAY));
    assert_eq!(channels(&scene.goes_on(3 * HOUR).await), ["duty"]);
    let told = scene.goes_on(2 * HOUR).await;
    assert_eq!(channels(&told), ["sms#1", "sms#2"]);
    assert!(told[0].1.starts_with("13800000001 "), "{told:?}");
    assert!(told[0].1.contains("1 项告警长时间未处理"), "{told:?}");
    let stands = scene.node.store.standing("alert").await.unwrap();
    assert!(stands.iter().all(|s| !s.text.contains("13800") && !s.text.contains("@gov")));
    scene.ends_in(None);
    let told = scene.goes_on(HOUR).await;
    assert_eq!(channels(&told), ["duty", "sms#1", "sms#2"]);
    assert!(told.iter().all(|(_, text)| text.contains("已恢复")), "{told:?}");
}

#[tokio::test]
async fn what_comes_and_goes_is_one_alert() {
    let scene = Scene::new(quiet());
    let mut told = Vec::new();
    for _ in 0..20 {
        scene.ends_in(Some(DAY));
        told.extend(scene.goes_on(MINUTE).await);
        scene.ends_in(None);
        told.extend(scene.goes_on(MINUTE).await);
    }
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(scene.goes_on(5 * MINUTE).await.len(), 1, "and it is over once");
}

#[tokio::test]
async fn a_channel_that_takes_nothing_is_tried_again_and_told_then() {
    let scene = Scene::new(quiet());
    scene.drawer.refuses.store(true, Ordering::SeqCst);
    scene.ends_in(Some(DAY));
    assert!(scene.goes_on(20 * MINUTE).await.is_empty());
    // After 0, 1, 3, 7 and 15 minutes.
    assert_eq!(scene.hall.alerts().unwrap().doing()["duty"], 5);
    scene.drawer.refuses.store(false, Ordering::SeqCst);
    assert_eq!(scene.goes_on(HOUR).await.len(), 1);
    assert_eq!(scene.hall.alerts().unwrap().doing()["duty"], 0);
}

#[tokio::test]
async fn a_channel_gets_no_more_than_so_many_messages_an_hour_and_loses_none() {
    let scene = Scene::new(Settings { per_hour: 2, over_after: 0, ..quiet() });
    let mut told = 0;
    for _ in 0..10 {
        scene.ends_in(Some(DAY));
        told += scene.goes_on(MINUTE).await.len();
        scene.ends_in(None);
        told += scene.goes_on(MINUTE).await.len();
    }
    assert!((2..=3).contains(&told), "{told}");
    scene.ends_in(Some(DAY));
    let told = scene.goes_on(HOUR).await;
    assert_eq!(told.len(), 1, "what stands is told as soon as it may: {told:?}");
}

#[tokio::test]
async fn the_report_comes_once_a_morning() {
    let mut scene = Scene::new(Settings::default());
    assert!(scene.goes_on(23 * HOUR).await.is_empty(), "it began after nine");
    let told = scene.goes_on(HOUR).await;
    assert_eq!(channels(&told), ["duty"]);
    let text = &told[0].1;
    assert!(text.contains("2026-11-23 晨报") && text.contains("当前无告警"), "{text}");
    scene.restart();
    assert!(scene.goes_on(22 * HOUR).await.is_empty());
    // Away in the morning, back at noon.
    scene.at.fetch_add(5 * HOUR, Ordering::SeqCst);
    scene.restart();
    assert_eq!(scene.goes_on(HOUR).await.len(), 1);
}

#[tokio::test]
async fn of_several_processes_one_tells() {
    let scene = Scene::new(quiet());
    let now = scene.hall.now();
    scene.node.store.lease("admin/alerts", "another", now, HOUR).await.unwrap();
    scene.ends_in(Some(DAY));
    assert!(scene.goes_on(30 * MINUTE).await.is_empty());
    assert_eq!(scene.goes_on(40 * MINUTE).await.len(), 1, "it is gone");
}

#[tokio::test]
async fn a_disk_that_fills_up_and_a_node_that_stopped_itself_are_told() {
    let scene = Scene::new(Settings { again_after: 90 * DAY, escalate_after: 90 * DAY, ..quiet() });
    let disk = |free: u64| *scene.house.disk.lock().unwrap() = Some(Disk { free, total: 1 << 40 });
    disk(800 << 30);
    assert!(scene.goes_on(HOUR).await.is_empty());
    scene.at.fetch_add(DAY, Ordering::SeqCst);
    disk(760 << 30);
    assert!(scene.goes_on(MINUTE).await.is_empty(), "nineteen days");
    scene.at.fetch_add(DAY, Ordering::SeqCst);
    disk(400 << 30);
    let told = scene.goes_on(MINUTE).await;
    assert!(told[0].1.contains("磁盘剩余 409600 MiB（39%），约 2 天后用尽"), "{told:?}");
    assert!(scene.hall.alerts().unwrap().days_left(scene.hall.now()).unwrap() < 3.0);

    scene.node.halt("sender.cloned", "county/1", scene.hall.now()).await.unwrap();
    let told = scene.goes_on(MINUTE).await;
    assert!(told[0].1.contains("节点已自行停止"), "{told:?}");
}

#[tokio::test]
async fn a_day_that_does_not_agree_in_time_is_told() {
    let scene = Scene::new(quiet());
    let now = scene.hall.now();
    test_facts::problems(&scene.hall, 1, now).await;
    // The day ends at midnight, and has a day and a half.
    assert!(scene.goes_on(50 * MINUTE).await.is_empty());
    scene.at.store(now.0 + 50 * HOUR, Ordering::SeqCst);
    assert!(scene.goes_on(30 * MINUTE).await.is_empty());
    scene.at.store(now.0 + 52 * HOUR, Ordering::SeqCst);
    let told = scene.goes_on(30 * MINUTE).await;
    assert!(told[0].1.contains("2026-11-22 日对账不一致：1 个窗口中 1 个不一致"), "{told:?}");
}

#[tokio::test]
async fn links_are_told_by_what_waits() {
    let scene = Scene::new(quiet());
    let now = scene.hall.now();
    let link = LinkStatus {
        link: "city".into(),
        due: 1_204,
        unknown: 3,
        dead: 2,
        oldest: Some(now.plus(-3 * HOUR)),
        paused: Some("a person's words".into()),
        ..LinkStatus::default()
    };
    let status = store::NodeStatus { links: vec![link.clone()], ..Default::default() };
    let all = rules::of_node(&scene.hall, &scene.settings, &status, now).await.unwrap();
    let texts: Vec<&str> = all.iter().map(|f| f.text.zh.as_str()).collect();
    assert_eq!(
        texts,
        [
            "上报通道 city：积压 1207 条，最久 3 小时；通道已暂停",
            "上报通道 city：2 条停发待处置，请重新发送或停报",
            "上报通道 city：3 条逾期未回执（未知），已向接收方查询",
        ]
    );
    let well = LinkStatus { link: "city".into(), accepted: 9, ..LinkStatus::default() };
    let status = store::NodeStatus { links: vec![well], ..Default::default() };
    let all = rules::of_node(&scene.hall, &scene.settings, &status, now).await.unwrap();
    assert_eq!(all, []);

    // Something waits, and no look has seen it move for longer than is let pass.
    let still = LinkStatus { paused: None, oldest: Some(now), unknown: 0, dead: 0, ..link };
    let status = store::NodeStatus { links: vec![still], ..Default::default() };
    for minute in 0..=11 {
        let at = now.plus(minute * MINUTE / 2 * 2);
        scene.hall.series.look(&scene.node.store, &status, at).await.unwrap();
        scene.hall.series.look(&scene.node.store, &status, at.plus(MINUTE / 2)).await.unwrap();
    }
    let at = now.plus(11 * MINUTE + MINUTE / 2);
    let all = rules::of_node(&scene.hall, &scene.settings, &status, at).await.unwrap();
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(all[0].text.zh, "上报通道 city：待发 1204 条，11 分钟 无进展");
}

#[test]
fn telephones_and_addresses_are_bounded() {
    let phones = (0..80).map(|n| n.to_string()).collect();
    let many = Channel { name: "sms".into(), to: To::SmsTable { phones } };
    let post: Arc<dyn Post> = Arc::<Drawer>::default();
    let alerts = Alerts::new(quiet(), (vec![mail("a"), many], Vec::new()), post);
    assert_eq!(alerts.targets.len(), TARGETS_MAX);
    let letter = Letter::Http {
        url: Secret::new("https://a.example/?token=x".into()),
        headers: Vec::new(),
        media_type: String::new(),
        body: Vec::new(),
    };
    assert_eq!(format!("{letter:?}"), "a request");
}
