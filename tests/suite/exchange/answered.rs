//! A dropped file is answered: a file of outcomes, once every record of it is final.

use canon::Millis;
use store::{AuditEvent, ProblemAction};
use tests::world::input::line;
use tests::world::{Feed, Setup, TOWN, World};

fn setup() -> Setup {
    Setup { feeds: vec![Feed::Answered(TOWN)], ..Setup::default() }
}

/// The answer's lines below its header, if it is there.
fn answer(world: &World, file: &str) -> Option<Vec<String>> {
    let path = world.drop_folder(TOWN).join(format!("结果/{file}.结果.csv"));
    let text = std::fs::read_to_string(path).ok()?;
    Some(text.lines().skip(1).map(str::to_owned).collect())
}

async fn return_it(world: &World) {
    let problem = world.problems(TOWN).await.remove(0);
    let audit = AuditEvent {
        at: world.now,
        who: "op-01".into(),
        action: "quarantine.return".into(),
        subject: "1".into(),
        reason: "test".into(),
        ok: true,
    };
    let action = ProblemAction::Return { deadline: Millis(world.now.0 + 86_400_000) };
    let changed = world.store(TOWN).act_on_problems(&[problem.number], action, audit).await;
    assert_eq!(changed.unwrap(), 1);
}

#[tokio::test]
async fn when_the_last_record_of_the_file_is_final() {
    let mut world = super::world_of(setup()).await;
    world.drop_lines("a.csv", &[line("SB", 1), line("SL", 1), line("SB", 2).bad()]);
    world.quiet().await;
    assert_eq!(answer(&world, "a.csv"), None, "one record is held here");
    return_it(&world).await;
    world.quiet().await;
    let said = answer(&world, "a.csv").expect("the answer");
    assert_eq!(said.len(), 3, "{said:?}");
    assert_eq!(said[..2], [",2,已接收,,", ",3,已接收,,"]);
    assert!(said[2].starts_with(",4,退回来源单位,field.check_digit,"), "{said:?}");

    // What is known already awaits nothing: its file is answered at once.
    world.drop_lines("b.csv", &[line("SL", 1), line("SB", 1)]);
    world.quiet().await;
    assert_eq!(answer(&world, "b.csv"), Some(Vec::new()));
    world.finish().await;
}

#[tokio::test]
async fn what_is_rejected_above_names_its_rule() {
    let setup = Setup { region: "990103", ..setup() };
    let mut world = super::world_of(setup).await;
    world.drop_lines("a.csv", &[line("SB", 1), line("SB", 3).region("990199101")]);
    world.quiet().await;
    let said = answer(&world, "a.csv").expect("the answer");
    assert_eq!(said[0], ",2,已接收,,");
    let cells: Vec<&str> = said[1].split(',').collect();
    assert_eq!(cells[..4], ["", "3", "已驳回", "record.authority"], "{said:?}");
    assert!(!cells[4].is_empty() && !cells[4].contains('['), "{said:?}");
    world.finish().await;
}
