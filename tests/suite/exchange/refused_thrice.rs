//! Three refusals in a row pause the link with their reason; a person resumes it.

use store::{OutState, Place};
use tests::world::input::cases;
use tests::world::{PROVINCE, Rule, TOWN, forge};

#[tokio::test]
async fn the_link_is_paused_until_somebody_resumes_it() {
    let mut world = super::world().await;
    world.bus.rule(Rule::next("records", forge::signature_changed()).to("province").times(3));
    world.drop_lines("a.csv", &cases(1..=3));
    world.quiet().await;
    world.pass(60_000).await;
    assert_eq!(world.bus.published("records", "town-1").len(), 3, "paused: nothing more goes");
    let status = world.store(TOWN).status().await.unwrap();
    let link = status.links.iter().find(|l| l.link == "parent").expect("the link");
    assert_eq!(link.paused.as_deref(), Some("sender.signature_invalid"));
    let sent = world.sent(TOWN).await;
    assert_eq!((sent[0].state, sent[0].refusals), (OutState::RetryWait, 3));
    assert_eq!(world.rules(PROVINCE, "refused").await, ["sender.signature_invalid"; 3]);

    world.store(TOWN).pause_link("parent", None, world.now).await.unwrap();
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 6);
    world.finish().await;
}
