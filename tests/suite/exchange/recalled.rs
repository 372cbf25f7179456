//! The province's machine is lost and comes back from an old image, or from nothing: what it had
//! taken since is asked for again, and both books agree.

use canon::{Day, Millis};
use store::Place;
use tests::world::input::{cases, line};
use tests::world::{PROVINCE, Rule, Setup, TOWN, Trick, World};

async fn all_days_agree(world: &World, first: Day) {
    for day in first.0..world.now.day().0 {
        world.books().agree(Day(day), tests::world::Left::default()).await;
    }
}

#[tokio::test]
async fn from_an_image_thirty_days_old() {
    let mut world = super::world().await;
    let first = world.now.day();
    world.drop_lines("a.csv", &cases(1..=3));
    world.quiet().await;
    world.image(PROVINCE, "old").await;
    let image_at = world.now;
    for &n in super::DRILL_DAYS {
        super::morning(&mut world, first, n).await;
        let mut lines = cases([100 + n]);
        if n == 3 {
            lines.push(line("SB", 1).text("第二版"));
        }
        world.drop_lines(&format!("{n:02}.csv"), &lines);
        world.quiet().await;
    }
    let kept = world.kept().await;
    let accepted = world.count(TOWN, Place::Accepted).await;

    world.lose(PROVINCE, Some("old"), image_at).await;
    assert_eq!(world.kept().await, 6, "the image knows the first day");
    world.heal().await;
    world.heal().await;
    assert_eq!(world.kept().await, kept, "everything came again");
    assert_eq!(world.count(TOWN, Place::Accepted).await, accepted);
    assert!(world.audited(TOWN).await.iter().any(|(a, _)| a == "recall.received"));
    assert!(world.audited(TOWN).await.iter().any(|(a, _)| a == "recall.given"));
    let envelopes = world.bus.published("records", "town-1").len();
    world.heal().await;
    assert_eq!(world.bus.published("records", "town-1").len(), envelopes, "once");
    super::morning(&mut world, first, 31).await;
    world.finish().await;
    all_days_agree(&world, first).await;
}

#[tokio::test]
async fn from_nothing_with_the_question_and_the_answer_lost() {
    let limits = exchange::Limits { envelope_records_max: 2, ..tests::world::limits() };
    let mut world = super::world_of(Setup { limits, ..Setup::default() }).await;
    let first = world.now.day();
    world.drop_lines("a.csv", &cases(1..=10));
    world.quiet().await;
    super::morning(&mut world, first, 1).await;
    world.drop_lines("b.csv", &[line("SL", 2).void()]);
    world.quiet().await;
    let kept = world.kept().await;
    world.bus.rule(Rule::next("inquiry", Trick::Lose).to("town-1"));
    world.bus.rule(Rule::next("answer", Trick::Lose).from("town-1"));
    world.bus.rule(Rule::every("inquiry", Trick::Double).to("town-1"));
    world.bus.rule(Rule::next("records", Trick::Lose).to("province"));
    world.lose(PROVINCE, None, Millis(0)).await;
    world.heal().await;
    world.heal().await;
    assert_eq!(world.kept().await, kept);
    world.finish().await;
    all_days_agree(&world, first).await;
}

/// Found by the simulator: what came before the question was asked said that older numbers are final
/// at their sender, and the restored province then asked for nothing of what it had lost.
#[tokio::test]
async fn what_comes_before_the_question_hides_nothing() {
    let mut world = super::world().await;
    world.image(PROVINCE, "empty").await;
    let image_at = world.now;
    world.drop_lines("a.csv", &cases(1..=3));
    world.quiet().await;
    // On the way while the province is lost.
    world.bus.rule(Rule::next("records", Trick::Hold).to("province"));
    world.drop_lines("b.csv", &cases(4..=4));
    world.quiet().await;
    world.lose(PROVINCE, Some("empty"), image_at).await;
    world.bus.release().await;
    world.work(PROVINCE, "receive").await.expect("a turn");
    world.work(PROVINCE, "accept").await.expect("a turn");
    world.heal().await;
    world.heal().await;
    assert_eq!(world.kept().await, 8, "everything came again");
    world.finish().await;
}

/// Found by the simulator: a receipt of the time that a restore took away comes when everything was
/// given again, and says accepted of what its giver has lost.
#[tokio::test]
async fn a_late_receipt_of_the_lost_time_hides_nothing() {
    let mut world = super::world().await;
    world.drop_lines("a.csv", &cases(1..=3));
    world.quiet().await;
    world.image(PROVINCE, "old").await;
    let image_at = world.now;
    world.bus.rule(Rule::next("receipt", Trick::Hold).to("town-1"));
    world.drop_lines("b.csv", &cases(4..=4));
    world.quiet().await;
    world.lose(PROVINCE, Some("old"), image_at).await;
    world.pass(2_000).await;
    world.bus.release().await;
    world.heal().await;
    world.heal().await;
    assert_eq!(world.kept().await, 8, "everything came again");
    world.finish().await;
}

/// Found by the simulator: a sender whose clock had gone back took everything it had settled for
/// newer than the question, and gave nothing again.
#[tokio::test]
async fn a_sender_whose_clock_went_back_gives_all_the_same() {
    let mut world = super::world().await;
    world.image(PROVINCE, "empty").await;
    let image_at = world.now;
    world.pass(120_000).await;
    world.drop_lines("a.csv", &cases(1..=3));
    world.quiet().await;
    world.lose(PROVINCE, Some("empty"), image_at).await;
    world.now = world.now.plus(-90_000);
    world.heal().await;
    world.heal().await;
    assert_eq!(world.kept().await, 6, "everything came again");
    world.finish().await;
}
