//! A quarantined row whose file lies in `done/` goes up again without its owner.

use std::time::{Duration, UNIX_EPOCH};

use exchange::{rested, resubmit};
use store::{AuditEvent, Place};
use tests::world::input::{BAD_ID, ID, case, line};
use tests::world::process::sample_lines;
use tests::world::{Feed, Left, Setup, TOWN, World};

async fn resubmit(world: &World, number: i64) -> u64 {
    let audit = AuditEvent {
        at: world.now,
        who: "op-01".into(),
        action: "quarantine.resubmit".into(),
        subject: number.to_string(),
        reason: "test".into(),
        ok: true,
    };
    resubmit::order(world.store(TOWN), &[number], audit).await.unwrap()
}

/// Where the node has a pair for encryption, the source values of a held row rest closed in its store; who
/// has the key reads them, and they go up again all the same.
#[tokio::test]
async fn a_held_row_rests_closed_and_goes_up_again_as_well() {
    let (_, raw) = of_a_file_that_is_done(Setup { closed: Some(&[]), ..Setup::default() }).await;
    assert!(raw.windows(ID.len()).all(|w| w != ID.as_bytes()), "it can be read");
    assert!(envelope::is_enclosed(&raw));
}

#[tokio::test]
async fn a_row_of_a_file_that_is_done_goes_up_once_its_case_is_right() {
    let (_, raw) = of_a_file_that_is_done(Setup::default()).await;
    assert!(raw.windows(ID.len()).any(|w| w == ID.as_bytes()), "the same search finds it");
}

/// The number of the held row, and its source values as they rested in the store.
async fn of_a_file_that_is_done(setup: Setup) -> (i64, Vec<u8>) {
    let mut world = super::world_of(setup).await;
    // An acceptance before its application: the rule holds the acceptance.
    let late = line("SB", 1).at("2026-11-21 10:00:00");
    world.drop_lines("a.csv", &[late, line("SL", 1), line("SB", 2), line("SL", 2)]);
    world.quiet().await;
    assert_eq!(world.place(TOWN, "SL", 1, 1).await, Some(Place::Quarantined));
    // The application is corrected; nobody drops the acceptance again.
    world.drop_lines("b.csv", &[line("SB", 1)]);
    world.heal().await;
    assert_eq!(world.place(TOWN, "SB", 1, 2).await, Some(Place::Accepted));
    assert_eq!(world.place(TOWN, "SL", 1, 1).await, Some(Place::Quarantined));
    let problem = world.problems(TOWN).await.remove(0);
    let rested = world.store(TOWN).problem_raw(problem.number).await.unwrap().unwrap();
    let opens = &*world.nodes[TOWN].node.opens;
    let opened = rested::opened(rested.clone(), &problem, opens).unwrap();
    assert!(opened.windows(ID.len()).any(|w| w == ID.as_bytes()), "its owner reads it");
    assert_eq!(resubmit(&world, problem.number).await, 1);
    world.heal().await;
    assert_eq!(world.place(TOWN, "SL", 1, 2).await, Some(Place::Accepted), "the next version");
    let problem = world.problems(TOWN).await.remove(0);
    assert_eq!((&*problem.state, problem.cured_by), ("cured", Some(2)));
    assert_eq!(resubmit(&world, problem.number).await, 0, "there is nothing to do any more");
    world.finish().await;
    (problem.number, rested)
}

#[tokio::test]
async fn a_row_that_is_still_wrong_is_held_again_and_drags_no_other_record_back() {
    let feeds = vec![Feed::Township(TOWN)];
    let mut world = super::world_of(Setup { feeds, ..Setup::default() }).await;
    let lines = sample_lines();
    let bad = lines[1].replacen("99010320140919000001", &case(1), 1).replacen(ID, BAD_ID, 1);
    let put = |world: &World, name: &str, row: &str| {
        let text = format!("\u{feff}{}\r\n{row}\r\n", lines[0]);
        let path = world.drop_folder(TOWN).join(name);
        std::fs::write(&path, text).unwrap();
        // It lies there since the story's own time.
        let at = UNIX_EPOCH + Duration::from_millis(world.now.0.unsigned_abs());
        let file = std::fs::File::options().write(true).open(path).unwrap();
        file.set_modified(at).unwrap();
    };
    put(&world, "window-1.csv", &bad);
    world.heal().await;
    world.heal().await;
    assert_eq!(world.place(TOWN, "SL", 1, 1).await, Some(Place::Waiting));
    // The same row with another acceptance, and the fault still in it.
    put(&world, "window-2.csv", &bad.replacen("经办乙", "经办丙", 1));
    world.heal().await;
    world.heal().await;
    assert_eq!(world.place(TOWN, "SL", 1, 2).await, Some(Place::Waiting));
    let problem = world.problems(TOWN).await.remove(0);
    assert_eq!(resubmit(&world, problem.number).await, 1);
    world.heal().await;
    assert_eq!(world.place(TOWN, "SB", 1, 2).await, Some(Place::Quarantined), "held again");
    assert_eq!(
        world.place(TOWN, "SL", 1, 3).await,
        None,
        "the old row is not its content any more"
    );
    let left = world.problems(TOWN).await;
    assert_eq!(left.iter().filter(|p| p.state == "held").count(), 1, "{left:?}");
    world.finish_with(Left { waiting: 4, ..Left::default() }).await;
}
