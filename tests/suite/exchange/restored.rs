//! A sender's machine is lost and comes back from an old image, or from nothing: nothing is missing, no
//! version is used twice, every day agrees, and nobody touches a database.

use canon::{Day, Millis};
use store::Place;
use tests::world::input::{Line, cases, line};
use tests::world::{Left, PROVINCE, Setup, TOWN, World, code, live};

/// What stands after a restore.
pub(crate) const RESTORED: Left =
    Left { waiting: 0, unsettled: 0, foreign: 0, day_open: false, restored: true };

fn setup() -> Setup {
    // The township speaks for one county; lines of another are rejected above.
    Setup { region: "990103", ..Setup::default() }
}

fn abroad(case: u32) -> Line {
    line("SB", case).region("990199101")
}

/// The epoch in force at the township.
async fn epoch(world: &World) -> u32 {
    world.store(TOWN).counters(&live()).await.unwrap().epoch
}

/// Versions the province keeps of a case's application.
pub(crate) async fn versions(world: &World, case: u32) -> Vec<u32> {
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
    super::morning(&mut world, first, 1).await;
    world.image(TOWN, "old").await;
    let image_at = world.now;
    for &n in super::DRILL_DAYS {
        super::morning(&mut world, first, n + 1).await;
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
    super::morning(&mut world, first, 31).await;
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
    super::morning(&mut world, first, 32).await;
    world.finish_with(RESTORED).await;
    all_days_agree(&world, first).await;
}

#[tokio::test]
async fn from_nothing() {
    let mut world = super::world_of(setup()).await;
    let first = world.now.day();
    world.drop_lines("a.csv", &[cases(1..=3), vec![abroad(8)]].concat());
    world.quiet().await;
    super::morning(&mut world, first, 1).await;
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
