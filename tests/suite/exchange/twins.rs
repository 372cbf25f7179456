//! Two machines with one node's key: the second stops by itself, the first goes on.

use store::{Place, Standing};
use tests::world::input::{cases, drop_file};
use tests::world::{COUNTY, Left, PROVINCE, TOWN, World};

/// The code of why a node has stopped itself; behind it stands the envelope that told.
fn code(standing: Vec<Standing>) -> Option<String> {
    let text = standing.into_iter().next()?.text;
    let (code, envelope) = text.split_once(' ').expect("a code and an envelope");
    assert!(envelope.contains("|live"), "{envelope}");
    Some(code.to_owned())
}

async fn halted(world: &World, twin: usize) -> Option<String> {
    let store = &world.twins[twin].node.store;
    code(store.standing("halted").await.unwrap())
}

async fn first_is_halted(world: &World) -> Option<String> {
    code(world.store(TOWN).standing("halted").await.unwrap())
}

#[tokio::test]
async fn a_clone_of_a_running_node_is_stopped_and_the_first_goes_on() {
    let mut world = super::world().await;
    world.drop_lines("a.csv", &cases([1]));
    world.quiet().await;
    let folder = world.twin(TOWN).await;
    world.drop_lines("b.csv", &cases([2]));
    world.quiet().await;
    drop_file(&folder, "c.csv", &cases([3]));
    world.heal().await;
    world.heal().await;
    assert_eq!(halted(&world, 0).await.as_deref(), Some("sender.cloned"));
    assert_eq!(first_is_halted(&world).await, None);
    let alarms = world.audited(COUNTY).await;
    assert!(alarms.contains(&("parcel.refused".into(), "sender.cloned".into())), "{alarms:?}");
    // It does nothing any more, and takes nothing that is for the first.
    drop_file(&folder, "d.csv", &cases([4]));
    world.drop_lines("e.csv", &cases([5]));
    world.heal().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 6);
    assert_eq!(world.kept().await, 6, "nothing of the second took effect");
    let twin = world.twins[0].node.store.status().await.unwrap();
    assert_eq!(twin.places[Place::Accepted as usize], 2, "what was in the copy");
    world.twins.clear();
    world.finish().await;
}

#[tokio::test]
async fn the_old_machine_that_comes_back_after_a_restore_stops() {
    let mut world = super::world().await;
    world.drop_lines("a.csv", &cases([1]));
    world.quiet().await;
    let folder = world.twin(TOWN).await;
    // The twin is the old machine: it only looked dead.
    let old = std::mem::take(&mut world.twins);
    let since = world.now;
    world.restored(TOWN, since).await;
    world.heal().await;
    world.drop_lines("b.csv", &cases([2]));
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 4);
    world.twins = old;
    drop_file(&folder, "c.csv", &cases([3]));
    world.heal().await;
    world.heal().await;
    assert_eq!(halted(&world, 0).await.as_deref(), Some("sender.epoch_old"));
    assert_eq!(world.kept().await, 4);
    assert!(world.rules(PROVINCE, "refused").await.iter().all(|r| r == "sender.epoch_old"));
    world.twins.clear();
    world.finish_with(Left { restored: true, ..Left::default() }).await;
}

#[tokio::test]
async fn an_image_put_back_by_hand_stops_until_it_is_restored() {
    let mut world = super::world().await;
    world.drop_lines("a.csv", &cases([1]));
    world.quiet().await;
    world.image(TOWN, "old").await;
    let at = world.now;
    world.drop_lines("b.csv", &cases([2]));
    world.quiet().await;
    world.put_in_place(TOWN, Some("old")).await;
    world.drop_lines("c.csv", &cases([3]));
    world.heal().await;
    assert_eq!(first_is_halted(&world).await.as_deref(), Some("sender.cloned"));
    assert_eq!(world.kept().await, 4);
    world.lose(TOWN, Some("old"), at).await;
    world.heal().await;
    assert_eq!(first_is_halted(&world).await, None);
    assert_eq!(world.count(TOWN, Place::Accepted).await, 6);
    assert_eq!(world.kept().await, 6);
    world.finish_with(Left { restored: true, ..Left::default() }).await;
}
