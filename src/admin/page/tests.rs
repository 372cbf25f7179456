//! The pages as somebody sees them: what a record says is text and nothing else, what is another unit's is
//! not shown, both languages are whole, and who only looks has no button.

use std::collections::BTreeMap;
use std::sync::Arc;

use canon::format::{Attributes, Format, Values, supervision_1};
use canon::{
    DigestAlg, Key, Lane, Millis, NodeCode, RecordId, Route, Severity, Violation, leaf_hash,
};
use exchange::{Node, Worker};
use store::lifecycle::OutEvent;
use store::{
    Collected, EventOn, Lease, NewChunk, NewQuarantine, NewRecord, OutState, ProblemFilter,
};

use crate::access::{Role, Scope, Terms};
use crate::hall::Hall;
use crate::test_hall::{Ground, Visitor, node};

const EVIL: &str = "<script>alert('x')</script>";
const HOUR: i64 = 3_600_000;

/// Every page of this folder that a case, a day and a problem have.
const PAGES: [&str; 12] = [
    "/records",
    "/records?place=in_flight",
    "/records?state=due",
    "/records?sender=town",
    "/records/case/A1",
    "/dead",
    "/nodes",
    "/reconcile",
    "/reconcile/2026-11-21",
    "/ranking",
    "/problems",
    "/records?place=quarantined",
];

fn route() -> Route {
    Route {
        destination: NodeCode("city".into()),
        edition: "supervision/1".into(),
        suite: "ed25519-sha256".into(),
        lane: Lane::Live,
    }
}

/// A field that may say anything, personal or not.
fn free(format: &Format, ty: canon::format::TypeIx, personal: bool) -> usize {
    let fields = format.get(ty).fields.iter();
    fields
        .enumerate()
        .position(|(i, f)| {
            f.personal == personal
                && f.pattern.is_none()
                && f.list.is_none()
                && f.max_len >= 40
                && f.kind == canon::format::Kind::Text
                && !format.get(ty).key.contains(&i)
        })
        .unwrap()
}

/// An application whose texts are somebody's attempt; its personal text says `secret`.
fn record(number: &str, now: Millis) -> (NewRecord, Vec<u8>) {
    let format = supervision_1();
    let ty = format.type_by_wire("SB").unwrap();
    let mut values = Values::new();
    values.set(format.get(ty).key[0], number);
    values.set(free(&format, ty, false), EVIL);
    values.set(free(&format, ty, true), "秘密之人");
    let digest = DigestAlg::Sha256.of(&[number.as_bytes()]);
    let mut bytes = Vec::new();
    format.render(ty, &values, &Attributes::live("window", "UNIT1", now, digest), &mut bytes);
    let record = NewRecord {
        id: RecordId { kind: "SB".into(), key: Key::new("UNIT1", &[number]), version: 1 },
        voided: false,
        content: digest,
        digest: leaf_hash(DigestAlg::Sha256, &bytes),
        facts: "{}".into(),
        len: bytes.len() as u32,
        waits_for: None,
        source_row: None,
    };
    (record, bytes)
}

/// A row of an adapter that is wrong.
fn bad_row(adapter: &str, row: &str, now: Millis) -> NewQuarantine {
    let violation = Violation {
        rule: "field.required".into(),
        field: "SQRMC".into(),
        severity: Severity::Error,
        zh: format!("缺少 {EVIL}"),
        en: format!("lacks {EVIL}"),
    };
    NewQuarantine {
        adapter: adapter.into(),
        route: route(),
        day: now.day(),
        reference: format!("{EVIL} {row}"),
        source_row: Some(row.into()),
        row_digest: DigestAlg::Sha256.of(&[adapter.as_bytes(), row.as_bytes()]),
        id: None,
        content: None,
        violations: vec![violation],
        raw: b"{}".to_vec(),
    }
}

struct Scene {
    ground: Ground,
    lease: Lease,
}

impl Scene {
    /// A node that has read a record each from two units, and a row each that is wrong.
    async fn new() -> Self {
        let formats = BTreeMap::from([("supervision/1".to_owned(), supervision_1())]);
        let adapters = ["other", "window"].map(|name| (name.to_owned(), "1".to_owned()));
        let own = Node { formats, adapters: adapters.into(), ..node() };
        let ground = Ground::of(own, Terms { tls: false, ..Terms::default() });
        let (store, now) = (ground.hall.store().clone(), ground.hall.now());
        let lease = store.lease("scene", "one", now, 1_000 * HOUR).await.unwrap().unwrap();
        let scene = Self { ground, lease };
        scene.collect("window", "A1").await;
        scene.collect("other", "B2").await;
        scene
    }

    fn hall(&self) -> &Arc<Hall> {
        &self.ground.hall
    }

    async fn collect(&self, adapter: &str, number: &str) {
        let now = self.hall().now();
        let (record, bytes) = record(number, now);
        let records = vec![record];
        let chunk =
            NewChunk { route: route(), day: now.day(), adapter: adapter.into(), bytes, records };
        let page = Collected {
            adapter: adapter.into(),
            cursor: number.into(),
            now,
            chunks: vec![chunk],
            quarantined: vec![bad_row(adapter, number, now)],
            known: Vec::new(),
            rows: Vec::new(),
            rows_read: 2,
            rows_unchanged: 0,
            stands: Vec::new(),
        };
        self.hall().store().commit_collected(&self.lease, page).await.unwrap();
    }

    /// Signs what is staged, and gives the envelopes up.
    async fn give_up(&self) {
        let mut seal = exchange::seal::Seal::new(Arc::clone(&self.hall().node));
        for _ in 0..5 {
            self.ground.later(HOUR);
            seal.run_once(self.hall().now()).await.unwrap();
        }
        let store = self.hall().store();
        let now = self.hall().now();
        let all = store::EnvelopeFilter::within(Millis(0), now.plus(HOUR));
        for row in store.envelopes(all).await.unwrap() {
            let reason = Some("bus.unconfirmed".to_owned());
            let controls = Vec::new();
            let event = OutEvent::GivenUp;
            let on = EventOn { event, reason, due_at: None, controls, inbox_id: None, now };
            assert!(store.commit_event(&self.lease, &row.envelope.id, on).await.unwrap());
        }
    }

    async fn visitor(&self, roles: &[Role]) -> Visitor {
        Visitor::with(self.hall(), roles).await
    }
}

#[tokio::test]
async fn a_case_is_shown_with_its_labels_and_what_is_personal_is_starred() {
    let scene = Scene::new().await;
    scene.give_up().await;
    let mut operator = scene.visitor(&[Role::Operator]).await;
    let page = operator.get("/records/case/A1").await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(page.body.contains("＊＊＊") && !page.body.contains("秘密之人"), "{}", page.body);
    assert!(page.body.contains("&lt;script&gt;") && !page.body.contains(EVIL), "{}", page.body);
    for word in ["自来源采集", "编入报文", "停发"] {
        assert!(page.body.contains(word), "{word}: {}", page.body);
    }
    let none = operator.post("/records/unmask", &[("number", "A1"), ("reason", " ")]).await;
    assert_eq!(none.status, 422);
    let form = [("number", "A1"), ("reason", "来源单位核对")];
    let plain = operator.post("/records/unmask", &form).await;
    assert!(plain.body.contains("秘密之人") && !plain.body.contains(EVIL), "{}", plain.body);
    let file = operator.post("/records/evidence", &form).await;
    assert_eq!((file.status.as_u16(), &*file.body), (200, "A1"));
    let mut observer = scene.visitor(&[Role::Observer]).await;
    for path in ["/records/unmask", "/records/evidence"] {
        assert_eq!(observer.post(path, &form).await.status, 403, "{path}");
    }
    let lines = scene.hall().store().audit_after(0, 100).await.unwrap();
    let shown: Vec<(&str, bool)> = lines
        .iter()
        .filter(|(_, event, _)| event.subject == "case/A1")
        .map(|(_, event, _)| (&*event.action, event.ok))
        .collect();
    let expected = [
        ("trace.shown", false),
        ("trace.shown", true),
        ("evidence.export", true),
        ("trace.shown", false),
        ("evidence.export", false),
    ];
    assert_eq!(shown, expected);
}

#[tokio::test]
async fn a_number_leads_to_its_case_and_an_unknown_one_says_so() {
    let scene = Scene::new().await;
    let mut observer = scene.visitor(&[Role::Observer]).await;
    assert_eq!(observer.get("/records?number=A1").await.place(), "/records/case/A1");
    let record = observer.get("/records?number=SB:A1@UNIT1%231").await;
    assert_eq!(record.place(), "/records/case/A1");
    let none = observer.get("/records/case/%3Cscript%3Ealert(1)").await;
    assert_eq!(none.status, 404);
    assert!(!none.body.contains("<script>alert"), "{}", none.body);
    for path in ["/records?place=nowhere", "/records?state=odd", "/reconcile/tomorrow"] {
        assert_eq!(observer.get(path).await.status, 422, "{path}");
    }
}

#[tokio::test]
async fn what_was_given_up_is_sent_again_for_a_reason() {
    let scene = Scene::new().await;
    scene.give_up().await;
    let mut operator = scene.visitor(&[Role::Operator]).await;
    let page = operator.get("/dead").await;
    assert!(page.body.contains("bus.unconfirmed"), "{}", page.body);
    let id = page.between("name=\"id\" value=\"", "\"").to_owned();
    let done = operator.post("/dead/reopen", &[("id", &id), ("reason", "链路已恢复")]).await;
    assert_eq!(done.place(), "/dead", "{}", done.body);
    let id = envelope::parse_envelope_id(&id).unwrap();
    let out = scene.hall().store().outbound(&id).await.unwrap().unwrap();
    assert_ne!(out.state, OutState::Dead);
    let again = operator.post("/dead/reopen", &[("id", "nothing"), ("reason", "x")]).await;
    assert_eq!(again.status, 422);
}

#[tokio::test]
async fn what_is_done_about_a_cause_is_done_to_what_was_seen() {
    let scene = Scene::new().await;
    let mut operator = scene.visitor(&[Role::Operator]).await;
    let page = operator.get("/problems?adapter=window").await;
    let until = page.between("name=\"until\" value=\"", "\"").to_owned();
    scene.ground.later(60_000);
    scene.collect("window", "A9").await;
    let form = [
        ("adapter", "window"),
        ("class", "quarantined"),
        ("rule", "field.required"),
        ("until", &*until),
        ("what", "return"),
        ("reason", "请核对"),
    ];
    let done = operator.post("/problems/act", &form).await;
    assert_eq!(done.place(), "/problems", "{}", done.body);
    let all = ProblemFilter { limit: 10, ..ProblemFilter::default() };
    let items = scene.hall().store().problems(all).await.unwrap();
    let states: Vec<(&str, &str)> = items.iter().map(|i| (&*i.adapter, &*i.state)).collect();
    assert_eq!(states, [("window", "returned"), ("other", "held"), ("window", "held")]);
}

#[tokio::test]
async fn who_sees_one_unit_sees_nothing_of_another() {
    let scene = Scene::new().await;
    scene.give_up().await;
    let scope = Scope { regions: Vec::new(), units: vec!["window".into()] };
    let mut own = Visitor::within(scene.hall(), &[Role::Operator], scope).await;
    let list = own.get("/records?place=dead").await;
    assert!(list.body.contains("/records/case/A1"), "{}", list.body);
    assert!(!list.body.contains("/records/case/B2"), "{}", list.body);
    assert_eq!(own.get("/records/case/A1").await.status, 200);
    assert_eq!(own.get("/records/case/B2").await.status, 404);
    let form = [("number", "B2"), ("reason", "x")];
    assert_eq!(own.post("/records/evidence", &form).await.status, 404);
    for path in ["/records?state=dead", "/records?sender=town", "/reconcile/2026-11-21/report.md"] {
        assert_eq!(own.get(path).await.status, 403, "{path}");
    }
    let problems = own.get("/problems").await;
    assert!(problems.body.contains("window") && !problems.body.contains(">other<"));
    let dead = own.get("/dead").await;
    assert!(!dead.body.contains("/dead/reopen"), "{}", dead.body);
    let form = [
        ("adapter", "other"),
        ("class", "quarantined"),
        ("rule", "field.required"),
        ("until", "999"),
        ("what", "void"),
        ("reason", "x"),
    ];
    assert_eq!(own.post("/problems/act", &form).await.status, 403);
}

#[tokio::test]
async fn every_page_is_whole_in_both_languages_and_escapes_what_records_say() {
    let scene = Scene::new().await;
    scene.give_up().await;
    let mut observer = scene.visitor(&[Role::Observer]).await;
    for tongue in ["zh", "en"] {
        observer.post("/language", &[("lang", tongue)]).await;
        let all = ProblemFilter { limit: 1, ..ProblemFilter::default() };
        let problem = scene.hall().store().problems(all).await.unwrap()[0].number;
        let problem = format!("/problems/{problem}");
        for path in PAGES.into_iter().chain([&*problem]) {
            let page = observer.get(path).await;
            assert_eq!(page.status, 200, "{path}: {}", page.body);
            assert!(!page.body.contains("<script>alert"), "{path}: {}", page.body);
            assert!(page.body.contains("<h1>"), "{path}");
            // Who only looks has no form that does anything.
            let deeds = page.body.matches("class=\"deed\"").count();
            assert_eq!(deeds, 0, "{path}: {}", page.body);
            let main = page.between("<main", "</main>");
            if tongue == "en" {
                let words = ["查询", "原因", "没有", "适配器", "状态", "对账", "报文"];
                let labels = ["适配器（来源单位）"];
                let left: Vec<_> =
                    words.iter().chain(&labels).filter(|word| main.contains(**word)).collect();
                assert!(left.is_empty(), "{path}: {left:?} in {main}");
            } else {
                for word in ["Adapter", "Nothing", "There is none", "Envelope", "Show "] {
                    assert!(!main.contains(word), "{path}: {word} in {main}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_day_has_its_report_and_the_signature_of_the_same_bytes() {
    let scene = Scene::new().await;
    let mut observer = scene.visitor(&[Role::Observer]).await;
    let report = observer.get("/reconcile/2026-11-22/report.md").await;
    assert!(report.body.starts_with("# 日对账 2026-11-22"), "{}", report.body);
    assert!(report.body.contains("| county | city | SB |"), "{}", report.body);
    let signature = observer.get("/reconcile/2026-11-22/report.md.sig").await;
    assert_eq!(signature.body, format!("signed {}", report.body));
    let book = observer.get("/ranking/file?month=2026-11").await;
    assert_eq!(book.body, "book 报送质量 2026-11");
    assert_eq!(observer.get("/reconcile/2026-11-22/other.exe").await.status, 404);
    let day = observer.get("/reconcile/2026-11-22").await;
    assert!(day.body.contains("/records/case/A1"), "{}", day.body);
}

#[tokio::test]
async fn nodes_are_found_by_their_silence() {
    let scene = Scene::new().await;
    let mut observer = scene.visitor(&[Role::Observer]).await;
    let never = observer.get("/nodes?silence=never").await;
    assert!(never.body.contains("从未连接") && never.body.contains(">town<"), "{}", never.body);
    let down = observer.get("/nodes?silence=down").await;
    assert!(!down.body.contains(">town<"), "{}", down.body);
    assert!(!observer.get("/nodes?q=nowhere").await.body.contains(">town<"));
    assert!(observer.get("/nodes?q=tow&page=9").await.body.contains("上一页"));
}
