//! Who may report what: the receiver rejects record by record, and one record holds up no other.

use store::Place;
use tests::world::input::{cases, drop_file, line};
use tests::world::{COUNTY, Feed, PROVINCE, Setup, TOWN};

#[tokio::test]
async fn a_region_that_the_certificate_does_not_cover() {
    let mut world = super::world_of(Setup { region: "990103", ..Setup::default() }).await;
    let mut lines = cases(1..=2);
    lines.push(line("SB", 3).region("990199101"));
    world.drop_lines("a.csv", &lines);
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 4, "the others are not held up");
    assert_eq!(world.place(TOWN, "SB", 3, 1).await, Some(Place::Rejected));
    assert_eq!(world.rules(TOWN, "rejected").await, ["record.authority"]);
    assert_eq!(world.kept().await, 4);
    world.finish().await;
}

#[tokio::test]
async fn a_key_belongs_to_whose_record_was_accepted_first() {
    let feeds = vec![Feed::Lines(TOWN), Feed::Lines(COUNTY)];
    let mut world = super::world_of(Setup { feeds, ..Setup::default() }).await;
    world.drop_lines("a.csv", &[line("SB", 1)]);
    world.quiet().await;
    drop_file(
        &world.drop_folder(COUNTY),
        "a.csv",
        &[line("SB", 1).text("另一单位"), line("SB", 2)],
    );
    world.quiet().await;
    assert_eq!(world.place(TOWN, "SB", 1, 1).await, Some(Place::Accepted));
    assert_eq!(world.place(COUNTY, "SB", 1, 1).await, Some(Place::Rejected));
    assert_eq!(world.place(COUNTY, "SB", 2, 1).await, Some(Place::Accepted));
    assert_eq!(world.rules(COUNTY, "rejected").await, ["record.authority"]);
    assert_eq!(world.store(PROVINCE).status().await.unwrap().kept, 2);
    world.finish().await;
}

#[tokio::test]
async fn an_edition_that_the_destination_does_not_know_declines_the_whole() {
    let mut world = super::world_of(Setup { edition: "supervision/2", ..Setup::default() }).await;
    world.drop_lines("a.csv", &cases(1..=3));
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Rejected).await, 6);
    assert_eq!(world.rules(TOWN, "rejected").await, ["receiver.edition_unknown"; 6]);
    let sent = world.sent(TOWN).await;
    assert_eq!(sent[0].state, store::OutState::Declined);
    assert_eq!(world.kept().await, 0);
    world.finish().await;
}
