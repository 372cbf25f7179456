//! A province that does not run Tiergate: records go to it through an outlet over its front tables, and what it
//! answers comes back as receipts.

use envelope::Outcome;
use envelope::evidence::{Evidence, Item};
use exchange::Limits;
use store::Place;
use tests::world::input::{cases, line};
use tests::world::platform::{Act, Way};
use tests::world::{self, PROVINCE, Setup, TOWN, When, World};

/// Deaths tried in one test: fewer than elsewhere, each has a platform of its own.
const DEATHS: u64 = if super::super::DEATHS < 6 { super::super::DEATHS } else { 6 };

fn setup(way: Way) -> Setup {
    let limits = Limits {
        envelope_records_max: 3,
        lease_ttl: 1_000,
        outlet_attempts_max: 4,
        ..world::limits()
    };
    Setup { outlet: Some(way), limits, ..Setup::default() }
}

async fn world() -> World {
    world_by(Way::Front).await
}

async fn world_by(way: Way) -> World {
    super::world_of(setup(way)).await
}

/// The platform holds to what every story says, and no row was given to it twice.
async fn finish(mut world: World, left: world::Left) {
    let mind = std::sync::Arc::clone(&world.platform().mind);
    mind.hold();
    // Where an answer can be lost on the way back, the same message may come again; it takes no effect.
    let doubled = if world.platform().rows().await > 0 { mind.doubled() } else { Vec::new() };
    assert!(doubled.is_empty(), "given again though it was taken: {doubled:?}");
    let waits = world.store(PROVINCE).outlet_status().await.unwrap();
    assert_eq!(waits, store::OutletStatus::default(), "nothing waits any more");
    world.finish_with(left).await;
    world.platform().remove().await;
}

/// Every outcome that the township has a receipt for, with the platform's words.
async fn said(world: &World) -> Vec<(Outcome, Option<String>, Option<String>)> {
    let mut found = Vec::new();
    for own in world.sent(TOWN).await {
        let frames = world.store(TOWN).frames(&own.id).await.unwrap().unwrap();
        let Some(receipt) = frames.receipt else { continue };
        let package = envelope::open_frame(&receipt, 64 << 20).unwrap();
        let opened = envelope::open(&package).unwrap();
        let answers = opened.head.answers.as_ref().unwrap();
        assert_eq!(answers.by, envelope::By::Outlet, "the receipt says whose answer it is");
        for fragment in &opened.fragments {
            let line = envelope::read_outcome(fragment).unwrap();
            found.push((line.outcome, line.code, line.said));
        }
    }
    found
}

/// What the evidence of the township's first record says, taken out and judged with nothing but the anchor.
async fn evidence(world: &World) -> String {
    let own = world.sent(TOWN).await.remove(0);
    let frames = world.store(TOWN).frames(&own.id).await.unwrap().unwrap();
    let package = envelope::open_frame(&frames.frame, 64 << 20).unwrap();
    let receipt = envelope::open_frame(&frames.receipt.unwrap(), 64 << 20).unwrap();
    let receipt = envelope::open(&receipt).unwrap();
    let item = Item::of(&envelope::open(&package).unwrap(), 0, Some(&receipt), vec![]).unwrap();
    let node = &world.nodes[TOWN].node;
    let evidence = Evidence::new(&node.code, world.now, vec![item]);
    let judged = evidence.judge(&node.trust, &|_| Some(world::format())).remove(0);
    assert!(judged.steps.iter().all(|s| s.holds), "{:?}", judged.steps);
    judged.steps.into_iter().map(|s| s.zh + "\n").collect()
}

#[tokio::test]
async fn what_the_platform_takes_is_accepted_and_the_receipt_says_whose_answer_it_is() {
    let mut world = world().await;
    world.drop_lines("a.csv", &cases(1..=4));
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 8);
    assert_eq!(world.platform().mind.took().len(), 8);
    assert_eq!(world.platform().rows().await, 8);
    let said = said(&world).await;
    assert_eq!(said.len(), 8);
    for (outcome, _, words) in said {
        assert_eq!((outcome, words.as_deref()), (Outcome::Accepted, Some("1 接收成功")));
    }
    let told = evidence(&world).await;
    assert!(told.contains("平台答复由节点 province 记录"), "{told}");
    assert!(told.contains("并非平台自身签名") && told.contains("平台原文：1 接收成功"), "{told}");
    finish(world, world::Left::default()).await;
}

#[tokio::test]
async fn what_the_platform_refuses_is_a_problem_of_its_owner_and_its_child_waits() {
    let mut world = world().await;
    world.platform().mind.rule("SB", 1, Act::Answer("-4", "申请人证件号码超长"), 1);
    world.drop_lines("a.csv", &cases(1..=2));
    world.quiet().await;
    assert_eq!(world.place(TOWN, "SB", 1, 1).await, Some(Place::Rejected));
    assert_eq!(world.place(TOWN, "SL", 1, 1).await, Some(Place::Waiting), "parent-missing");
    assert_eq!(world.rules(TOWN, "rejected").await, ["platform.validation"]);
    let problem = world.problems(TOWN).await.remove(0);
    assert!(problem.violations[0].zh.contains("申请人证件号码超长"), "{problem:?}");
    assert_eq!(world.platform().mind.took().len(), 2, "its child was not handed over");
    world.drop_lines("b.csv", &[line("SB", 1).text("更正后")]);
    world.quiet().await;
    world.heal().await;
    assert_eq!(world.place(TOWN, "SB", 1, 2).await, Some(Place::Accepted));
    assert_eq!(world.place(TOWN, "SL", 1, 1).await, Some(Place::Accepted));
    finish(world, world::Left::default()).await;
}

#[tokio::test]
async fn what_the_platform_fails_to_save_is_handed_over_again_so_many_times() {
    let mut world = world().await;
    world.platform().mind.rule("SB", 1, Act::Answer("-3", "保存异常"), 2);
    world.platform().mind.rule("SB", 2, Act::Answer("-3", "保存异常"), 99);
    world.drop_lines("a.csv", &cases(1..=2));
    world.quiet().await;
    world.heal().await;
    assert_eq!(world.place(TOWN, "SB", 1, 1).await, Some(Place::Accepted));
    assert_eq!(world.place(TOWN, "SL", 1, 1).await, Some(Place::Accepted));
    assert_eq!(world.rules(TOWN, "rejected").await, ["platform.failed"]);
    assert_eq!(world.place(TOWN, "SL", 2, 1).await, Some(Place::Waiting));
    let left = world::Left { waiting: 1, ..Default::default() };
    finish(world, left).await;
}

#[tokio::test]
async fn a_record_that_is_not_answered_is_not_guessed_and_the_others_go_on() {
    let mut world = world().await;
    world.platform().mind.rule("SB", 1, Act::Hang, 1);
    world.drop_lines("a.csv", &cases(1..=6));
    world.pass(40_000).await;
    assert_eq!(world.platform().mind.took().len(), 10, "all but the case that hangs");
    assert_eq!(world.count(TOWN, Place::Accepted).await, 6, "other envelopes are answered");
    assert_ne!(world.place(TOWN, "SB", 1, 1).await, Some(Place::Accepted));
    let envelope = &world.sent(TOWN).await[0];
    assert_eq!(envelope.state, store::OutState::Unknown, "asked for, and known to be there");
    let copies = world.bus.published("records", "town-1");
    let first = copies.iter().filter(|p| p.id == envelope.id).count();
    assert_eq!(first, 1, "its bytes are not sent again");
    world.platform().mind.relent();
    world.pass(30_000).await;
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 12);
    finish(world, world::Left::default()).await;
}

#[tokio::test]
async fn a_record_that_is_never_answered_is_given_up_by_a_person_and_holds_nobody_any_more() {
    let mut world = world().await;
    world.platform().mind.rule("SB", 1, Act::Hang, 1);
    world.drop_lines("a.csv", &cases(1..=3));
    world.pass(20_000).await;
    let key = canon::Key::new(world::input::UNIT, &[&world::input::case(1)]);
    let record = canon::RecordId { kind: "SB".into(), key, version: 1 };
    let store = world.store(PROVINCE).clone();
    let mine = ("op-7", "平台已停用该接口");
    // What was answered is not given up, whoever says so.
    let other = canon::RecordId { version: 9, ..record.clone() };
    assert_eq!(exchange::outlet::give_up(&store, &other, mine, world.now).await.unwrap(), 0);
    assert_ne!(world.place(TOWN, "SB", 2, 1).await, Some(Place::Rejected));
    assert_eq!(exchange::outlet::give_up(&store, &record, mine, world.now).await.unwrap(), 1);
    world.quiet().await;
    world.heal().await;
    assert_eq!(world.place(TOWN, "SB", 1, 1).await, Some(Place::Rejected));
    assert_eq!(world.rules(TOWN, "rejected").await, [exchange::outlet::GIVEN_UP]);
    let problem = world.problems(TOWN).await.remove(0);
    assert!(problem.violations[0].zh.contains("平台始终未答复"), "{problem:?}");
    assert!(problem.violations[0].zh.contains("op-7：平台已停用该接口"), "{problem:?}");
    let said = said(&world).await;
    let given_up = said.iter().find(|(_, code, _)| code.as_deref() == Some("platform.given_up"));
    assert_eq!(given_up.map(|(_, _, words)| words), Some(&None), "the platform said nothing");
    assert_eq!(world.count(TOWN, Place::Accepted).await, 4, "the others of its envelope");
    let audited = world.audited(PROVINCE).await;
    assert!(
        audited.contains(&("outlet.given_up".into(), "平台已停用该接口".into())),
        "{audited:?}"
    );
    // Its next version goes like any other.
    world.platform().mind.relent();
    world.drop_lines("b.csv", &[line("SB", 1).text("再报")]);
    world.quiet().await;
    world.heal().await;
    assert_eq!(world.place(TOWN, "SB", 1, 2).await, Some(Place::Accepted));
    assert_eq!(world.place(TOWN, "SL", 1, 1).await, Some(Place::Accepted));
    finish(world, world::Left::default()).await;
}

#[tokio::test]
async fn a_platform_that_is_down_for_long_costs_no_attempts_and_loses_nothing() {
    let mut world = world().await;
    world.platform().mind.down(true);
    world.drop_lines("a.csv", &cases(1..=4));
    world.pass(120_000).await;
    assert_eq!(world.platform().rows().await, 0);
    let key = canon::Key::new(world::input::UNIT, &[&world::input::case(1)]);
    let held = world.store(PROVINCE).submissions(&[key.root()]).await.unwrap();
    assert_eq!(held[0].attempts, 0, "an attempt is one that may have arrived");
    let seen = world.store(PROVINCE).standing(exchange::outlet::PLATFORM).await.unwrap();
    assert!(seen[0].text.contains("platform.unreachable"), "{seen:?}");
    world.platform().mind.down(false);
    world.pass(30_000).await;
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 8);
    let seen = world.store(PROVINCE).standing(exchange::outlet::PLATFORM).await.unwrap();
    assert!(!seen[0].text.contains("unreachable"), "{seen:?}");
    finish(world, world::Left::default()).await;
}

#[tokio::test]
async fn answers_that_are_lost_are_asked_for_and_nothing_is_doubled() {
    let mut world = world().await;
    world.platform().mind.lose(5);
    world.drop_lines("a.csv", &cases(1..=4));
    world.pass(20_000).await;
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 8);
    assert_eq!(world.platform().rows().await, 8);
    finish(world, world::Left::default()).await;
}

#[tokio::test]
async fn versions_reach_the_platform_in_their_order() {
    let mut world = world().await;
    world.platform().mind.rule("SB", 1, Act::Hang, 1);
    world.drop_lines("a.csv", &[line("SB", 1)]);
    world.pass(3_000).await;
    world.drop_lines("b.csv", &[line("SB", 1).text("第二版"), line("SL", 1)]);
    world.pass(10_000).await;
    let key = canon::Key::new(world::input::UNIT, &[&world::input::case(1)]);
    let rows = world.store(PROVINCE).submissions(&[key.root()]).await.unwrap();
    let steps: Vec<_> = rows.iter().map(|s| (&*s.id.kind, s.id.version, s.step)).collect();
    use store::SubmissionStep::{Held, Sending};
    assert_eq!(steps, [("SB", 1, Sending), ("SB", 2, Held), ("SL", 1, Held)]);
    world.platform().mind.relent();
    world.pass(30_000).await;
    world.quiet().await;
    let took: Vec<_> =
        world.platform().mind.took().into_iter().map(|t| (t.kind, t.version)).collect();
    let wanted = [("EX_GDBS_SB", "1"), ("EX_GDBS_SB", "2"), ("EX_GDBS_SL", "1")];
    let mut found: Vec<(&str, &str)> = took.iter().map(|(k, v)| (&**k, &**v)).collect();
    assert_eq!(found.first(), Some(&("EX_GDBS_SB", "1")));
    found.sort_unstable();
    assert_eq!(found, wanted);
    assert_eq!(world.place(TOWN, "SB", 1, 2).await, Some(Place::Accepted));
    finish(world, world::Left::default()).await;
}

#[tokio::test]
async fn a_withdrawal_that_the_platform_has_no_form_for_is_refused_here() {
    let mut world = world().await;
    world.drop_lines("a.csv", &[line("SB", 1)]);
    world.quiet().await;
    world.drop_lines("b.csv", &[line("SB", 1).void()]);
    world.quiet().await;
    assert_eq!(world.rules(TOWN, "rejected").await, ["platform.no_void"]);
    assert_eq!(world.platform().mind.took().len(), 1, "the platform was not asked");
    finish(world, world::Left::default()).await;
}

async fn flow(world: &mut World) {
    world.platform().mind.rule("SB", 2, Act::Answer("-3", "保存异常"), 1);
    world.platform().mind.rule("SB", 3, Act::Answer("-1", "必填项为空"), 1);
    world.platform().mind.lose(1);
    let mut lines = cases(1..=3);
    lines.push(line("SL", 4));
    world.drop_lines("a.csv", &lines);
    world.quiet().await;
}

async fn dies(way: Way, call: u64, when: When) {
    let mut world = world_by(way).await;
    world.failed = Some(Vec::new());
    world.faults.die_at(call, when);
    flow(&mut world).await;
    assert!(world.faults.dead(), "call {call} never came");
    world.restart();
    world.drop_lines("b.csv", &[line("SB", 4), line("SB", 3).text("更正后")]);
    world.quiet().await;
    world.heal().await;
    world.heal().await;
    let accepted = world.count(TOWN, Place::Accepted).await;
    assert_eq!(accepted, 8, "dead at call {call}, {when:?}");
    assert_eq!(world.platform().mind.took().len(), 8, "dead at call {call}, {when:?}");
    finish(world, world::Left::default()).await;
}

async fn everywhere(way: Way, when: When) {
    let mut world = world_by(way).await;
    flow(&mut world).await;
    let calls = world.faults.calls();
    let waiting = world.count(TOWN, Place::Waiting).await;
    finish(world, world::Left { waiting, ..Default::default() }).await;
    let busy = calls * 2 / 3;
    for n in 0..DEATHS {
        dies(way, 1 + n * busy / DEATHS, when).await;
    }
}

#[tokio::test]
async fn a_process_that_dies_before_any_fact_gives_nothing_twice() {
    everywhere(Way::Front, When::Before).await;
}

#[tokio::test]
async fn a_process_that_dies_after_any_fact_gives_nothing_twice() {
    everywhere(Way::Front, When::After).await;
}

#[tokio::test]
async fn batches_go_to_a_web_service_and_each_record_has_its_answer() {
    let mut world = world_by(Way::Http).await;
    world.platform().mind.rule("SB", 2, Act::Answer("-1", "必填项为空"), 1);
    world.drop_lines("a.csv", &cases(1..=4));
    world.quiet().await;
    assert_eq!(world.platform().mind.took().len(), 6);
    assert_eq!(world.platform().mind.logins(), 1, "one login for all");
    assert_eq!(world.rules(TOWN, "rejected").await, ["platform.validation"]);
    assert_eq!(world.place(TOWN, "SL", 2, 1).await, Some(Place::Waiting));
    let said = said(&world).await;
    assert!(said.contains(&(Outcome::Accepted, None, Some("0 接收成功".into()))), "{said:?}");
    finish(world, world::Left { waiting: 1, ..Default::default() }).await;
}

#[tokio::test]
async fn a_login_key_that_runs_out_is_renewed() {
    for way in [Way::Http, Way::Soap] {
        let mut world = world_by(way).await;
        world.drop_lines("a.csv", &cases(1..=2));
        world.quiet().await;
        world.platform().mind.run_out();
        world.drop_lines("b.csv", &cases(3..=4));
        world.quiet().await;
        assert_eq!(world.count(TOWN, Place::Accepted).await, 8, "{way:?}");
        assert_eq!(world.platform().mind.logins(), 2, "{way:?}");
        finish(world, world::Left::default()).await;
    }
}

#[tokio::test]
async fn a_soap_service_takes_one_record_a_call_and_says_why_not() {
    let mut world = world_by(Way::Soap).await;
    world.platform().mind.rule("SB", 1, Act::Answer("-2", "缺少文件列表"), 1);
    world.drop_lines("a.csv", &cases(1..=3));
    world.quiet().await;
    assert_eq!(world.platform().mind.took().len(), 4);
    assert_eq!(world.rules(TOWN, "rejected").await, ["platform.attachment_missing"]);
    world.drop_lines("b.csv", &[line("SB", 1).text("更正后")]);
    world.quiet().await;
    world.heal().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 6);
    finish(world, world::Left::default()).await;
}

#[tokio::test]
async fn an_answer_lost_by_a_web_service_is_asked_for_or_the_message_comes_again() {
    for way in [Way::Http, Way::Soap] {
        let mut world = world_by(way).await;
        world.platform().mind.lose(2);
        world.drop_lines("a.csv", &cases(1..=3));
        world.pass(30_000).await;
        world.quiet().await;
        assert_eq!(world.count(TOWN, Place::Accepted).await, 6, "{way:?}");
        assert_eq!(world.platform().mind.took().len(), 6, "nothing took effect twice, {way:?}");
        let again = !world.platform().mind.doubled().is_empty();
        assert_eq!(again, way == Way::Soap, "only who cannot be asked gets it again");
        finish(world, world::Left::default()).await;
    }
}

#[tokio::test]
async fn a_web_service_that_hangs_is_given_up_and_asked_again() {
    let mut world = world_by(Way::Soap).await;
    world.platform().mind.rule("SB", 1, Act::Hang, 1);
    world.drop_lines("a.csv", &cases(1..=2));
    world.pass(4_000).await;
    assert_ne!(world.place(TOWN, "SB", 1, 1).await, Some(Place::Accepted));
    world.platform().mind.relent();
    world.pass(60_000).await;
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 4);
    finish(world, world::Left::default()).await;
}

#[tokio::test]
async fn a_process_that_dies_while_it_sends_a_batch_doubles_nothing() {
    everywhere(Way::Http, When::After).await;
}

#[tokio::test]
async fn a_process_that_dies_while_it_calls_by_soap_doubles_nothing() {
    everywhere(Way::Soap, When::Before).await;
}

#[tokio::test]
async fn front_tables_of_servers_are_filled_and_read_like_those_of_a_file() {
    for way in [Way::Mariadb, Way::Postgres] {
        let mut world = world_by(way).await;
        flow(&mut world).await;
        world.drop_lines(
            "b.csv",
            &[line("SB", 4), line("SB", 3).text("更正后的『名称』与\\反斜杠'")],
        );
        world.quiet().await;
        world.heal().await;
        assert_eq!(world.count(TOWN, Place::Accepted).await, 8, "{way:?}");
        assert_eq!(world.platform().rows().await, 9, "{way:?}: the refused row stays");
        finish(world, world::Left::default()).await;
    }
}
