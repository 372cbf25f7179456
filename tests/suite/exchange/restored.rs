//! A sender's machine is lost and comes back from an old image, or from nothing: nothing is missing, no
//! version is used twice, every day agrees, and nobody touches a database.

use canon::{Day, Millis};
use store::Place;
use tests::world::input::{Line, cases, line};
use tests::world::{Left, PROVINCE, Rule, Setup, TOWN, Trick, World, code, live};

const RESTORED: Left =
    Left { waiting: 0, unsettled: 0, foreign: 0, day_open: false, restored: true };

fn setup() -> Setup {
    // The township speaks for one county; lines of another are rejected above.
    Setup { region: "990103", ..Setup::default() }
}

fn abroad(case: u32) -> Line {
    line("SB", case).region("990199101")
}

/// Goes to the next morning; the books of the days before are exchanged.
async fn next_day(world: &mut World) {
    let tomorrow = world.now.day().0 + 1;
    let morning = format!("{} 09:30:00", Day(tomorrow));
    world.now = Millis::parse(&morning).expect("a time");
    world.pass(12_000).await;
    world.quiet().await;
}

/// The epoch in force at the township.
async fn epoch(world: &World) -> u32 {
    world.store(TOWN).counters(&live()).await.unwrap().epoch
}

/// Versions the province keeps of a case's application.
async fn versions(world: &World, case: u32) -> Vec<u32> {
    let key = canon::Key::new(tests::world::input::UNIT, &[&tests::world::input::case(case)]);
    let kept = world.store(PROVINCE).kept_cases(&[key.root()]).await.unwrap();
    kept.iter().filter(|k| &*k.id.kind == "SB").map(|k| k.id.version).collect()
}

/// Every day from the first on agrees: both books, final.
async fn all_days_agree(world: &World, first: Day) {
    let books = world.books();
    for day in first.0..world.now.day().0 {
        books.agree(Day(day), RESTORED).await;
    }
}

#[tokio::test]
async fn from_an_image_thirty_days_old() {
    let mut world = super::world_of(setup()).await;
    let first = world.now.day();
    world.drop_lines("a.csv", &[cases(1..=3), vec![line("SB", 9).bad(), abroad(8)]].concat());
    world.quiet().await;
    next_day(&mut world).await;
    world.image(TOWN, "old").await;
    let image_at = world.now;
    for n in 1..=29_u32 {
        next_day(&mut world).await;
        if n % 7 == 0 {
            continue;
        }
        let mut lines = cases([100 + n]);
        if n == 3 {
            lines.push(line("SB", 1).text("第二版"));
            lines.push(line("SB", 9));
            lines.push(abroad(50));
        }
        world.drop_lines(&format!("{n:02}.csv"), &lines);
        world.quiet().await;
    }
    // What the last day brought is only half-way when the machine dies.
    next_day(&mut world).await;
    world.bus.cut(&code("province"), true);
    world.drop_lines("30.csv", &[cases([200]), vec![line("SB", 2).text("第二版")]].concat());
    world.pass(2_000).await;
    let (kept, sent) = (world.kept().await, world.bus.published("records", "town-1").len());

    let new = world.lose(TOWN, Some("old"), image_at).await;
    world.bus.cut(&code("province"), false);
    assert_eq!(world.place(TOWN, "SB", 101, 1).await, None, "the image knows nothing of it");
    world.heal().await;

    assert_eq!(epoch(&world).await, new);
    assert_eq!(world.place(TOWN, "SB", 101, 1).await, Some(Place::Accepted));
    assert_eq!(world.place(TOWN, "SB", 1, 2).await, Some(Place::Accepted));
    assert_eq!(world.place(TOWN, "SB", 50, 1).await, Some(Place::Rejected), "and listed again");
    assert_eq!(world.place(TOWN, "SB", 50, 2).await, None);
    assert_eq!(versions(&world, 9).await, [2]);
    assert_eq!(versions(&world, 200).await, [1], "what was lost on the way came again");
    assert_eq!(versions(&world, 2).await, [1, 2]);
    assert_eq!(world.kept().await, kept + 3, "nothing that was unchanged came twice");
    let again = world.bus.published("records", "town-1").len() - sent;
    assert!(again <= 2, "{again} envelopes");
    let problems = world.problems(TOWN).await;
    let cured = problems.iter().filter(|p| p.state == "cured").count();
    assert_eq!(cured, 1, "the quarantined first version of case 9 is cured by the adopted one");
    assert!(world.audited(TOWN).await.iter().any(|(a, _)| a == "node.restored"));
    assert!(world.audited(TOWN).await.iter().any(|(a, _)| a == "restore.adopted"));
    next_day(&mut world).await;
    world.finish_with(RESTORED).await;
    all_days_agree(&world, first).await;
}

#[tokio::test]
async fn from_nothing() {
    let mut world = super::world_of(setup()).await;
    let first = world.now.day();
    world.drop_lines("a.csv", &[cases(1..=3), vec![abroad(8)]].concat());
    world.quiet().await;
    next_day(&mut world).await;
    world.drop_lines("b.csv", &[cases([4]), vec![line("SB", 1).text("第二版")]].concat());
    world.quiet().await;
    let kept = world.kept().await;

    world.lose(TOWN, None, Millis(0)).await;
    world.heal().await;
    assert_eq!(world.place(TOWN, "SL", 3, 1).await, Some(Place::Accepted));
    assert_eq!(world.place(TOWN, "SB", 8, 1).await, Some(Place::Rejected));
    // The old file is read before the newer one: it is the source that says what is in force.
    assert_eq!(versions(&world, 1).await, [1, 2, 3, 4]);
    assert_eq!(world.kept().await, kept + 2);
    world.finish_with(RESTORED).await;
    all_days_agree(&world, first).await;
}

#[tokio::test]
async fn restored_twice_from_one_image_uses_no_number_twice() {
    let mut world = super::world().await;
    world.drop_lines("a.csv", &cases([1]));
    world.quiet().await;
    world.image(TOWN, "old").await;
    let at = world.now;
    world.drop_lines("b.csv", &cases([2]));
    world.quiet().await;
    let one = world.lose(TOWN, Some("old"), at).await;
    world.heal().await;
    world.drop_lines("c.csv", &cases([3]));
    world.quiet().await;
    world.now = world.now.plus(60_000);
    let two = world.lose(TOWN, Some("old"), at).await;
    assert!(two > one, "{two} after {one}");
    world.drop_lines("d.csv", &[line("SB", 3).text("第二版")]);
    world.heal().await;
    assert_eq!(versions(&world, 3).await, [1, 2]);
    assert_eq!(world.count(TOWN, Place::Accepted).await, 7);
    assert!(world.rules(PROVINCE, "refused").await.is_empty());
    world.finish_with(RESTORED).await;
}

#[tokio::test]
async fn what_was_on_its_way_in_the_image_is_finished_first() {
    let mut world = super::world().await;
    world.drop_lines("a.csv", &cases([1]));
    world.quiet().await;
    world.bus.cut(&code("province"), true);
    world.drop_lines("b.csv", &cases([2]));
    world.pass(2_000).await;
    world.image(TOWN, "old").await;
    let at = world.now;
    world.lose(TOWN, Some("old"), at).await;
    world.drop_lines("c.csv", &cases([3]));
    world.pass(6_000).await;
    assert_eq!(world.place(TOWN, "SB", 3, 1).await, None, "nothing is collected before the answer");
    world.bus.cut(&code("province"), false);
    world.heal().await;
    let sent = world.bus.published("records", "town-1");
    let epochs: Vec<u32> = sent.iter().map(|p| p.id.epoch).collect();
    assert!(epochs.is_sorted(), "the old epoch first: {epochs:?}");
    assert_eq!(world.count(TOWN, Place::Accepted).await, 6);
    assert!(world.rules(PROVINCE, "refused").await.is_empty());
    world.finish_with(RESTORED).await;
}

#[tokio::test]
async fn receipts_of_the_lost_time_come_late_and_harm_nothing() {
    let mut world = super::world().await;
    world.drop_lines("a.csv", &cases([1]));
    world.quiet().await;
    world.image(TOWN, "old").await;
    let at = world.now;
    world.bus.rule(Rule::next("receipt", Trick::Hold).to("town-1"));
    world.drop_lines("b.csv", &cases([2]));
    world.pass(2_000).await;
    world.bus.cut(&code("province"), true);
    world.lose(TOWN, Some("old"), at).await;
    assert_eq!(world.bus.release().await, 1);
    world.pass(2_000).await;
    assert!(world.audited(TOWN).await.iter().any(|(a, _)| a == "receipt.of_lost_time"));
    assert!(world.rules(TOWN, "refused").await.is_empty());
    world.bus.cut(&code("province"), false);
    world.heal().await;
    assert_eq!(world.place(TOWN, "SB", 2, 1).await, Some(Place::Accepted));
    world.finish_with(RESTORED).await;
}

#[tokio::test]
async fn the_answer_is_asked_for_again_and_a_doubled_one_is_taken_once() {
    let limits = exchange::Limits { envelope_records_max: 2, ..tests::world::limits() };
    let mut world = super::world_of(Setup { limits, ..Setup::default() }).await;
    world.drop_lines("a.csv", &cases(1..=20));
    world.quiet().await;
    world.bus.rule(Rule::next("inquiry", Trick::Lose).from("town-1"));
    world.bus.rule(Rule::next("answer", Trick::Lose).to("town-1"));
    world.bus.rule(Rule::every("answer", Trick::Double).to("town-1"));
    world.lose(TOWN, None, Millis(0)).await;
    world.heal().await;
    world.heal().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 40, "page after page");
    let asked = world.bus.published("inquiry", "town-1").len();
    assert!(asked >= 4, "{asked}");
    world.finish_with(RESTORED).await;
}

#[tokio::test]
async fn an_epoch_that_the_destination_knows_stops_before_anything_is_sent() {
    let mut world = super::world().await;
    let at = world.now;
    world.image(TOWN, "old").await;
    world.lose(TOWN, Some("old"), at).await;
    world.drop_lines("a.csv", &cases([1]));
    world.heal().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 2);
    // The clock of the next machine is far behind.
    let right = world.now.plus(60_000);
    world.now = at.plus(-3_600_000);
    world.lose(TOWN, Some("old"), at).await;
    world.now = right;
    world.drop_lines("b.csv", &cases([2]));
    world.heal().await;
    let standing = world.store(TOWN).standing("restore/adopt/").await.unwrap();
    assert!(standing[0].text.contains("restore.epoch_known"), "{standing:?}");
    assert_eq!(world.count(TOWN, Place::Accepted).await, 0, "it waits for a person");
    // Restored again with a right clock, over the same store.
    world.restored(TOWN, at).await;
    world.heal().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 4);
    world.finish_with(RESTORED).await;
}
