//! What is gone from a compared source is withdrawn: after two passes, children first, within the guard.

use std::sync::{Arc, Mutex};

use edge::legacy_http::{Asked, Reply, Service};
use store::Place;
use tests::world::input::{Line, UNIT, case, cases, line, objects};
use tests::world::{Feed, PROVINCE, Setup, TOWN, World};

/// A web service that gives these lines, three a page.
struct Shelf {
    lines: Arc<Mutex<Vec<Line>>>,
    service: Service,
}

impl Shelf {
    fn with(lines: Vec<Line>) -> Self {
        let lines = Arc::new(Mutex::new(lines));
        let shelf = Arc::clone(&lines);
        let service = Service::start(move |request: &Asked| {
            if request.path() == "/login" {
                return Reply::json(200, "{\"code\":0,\"token\":\"t\"}");
            }
            let objects = objects(&shelf.lock().expect("the story"));
            let number: usize = request.query("page").and_then(|n| n.parse().ok()).unwrap_or(1);
            let rows: Vec<&str> =
                objects.iter().skip((number - 1) * 3).take(3).map(String::as_str).collect();
            let total = objects.len();
            let rows = rows.join(",");
            Reply::json(
                200,
                format!("{{\"code\":0,\"data\":{{\"total\":{total},\"lines\":[{rows}]}}}}"),
            )
        });
        Self { lines, service: service.expect("a port") }
    }

    fn hold(&self, lines: Vec<Line>) {
        *self.lines.lock().expect("the story") = lines;
    }
}

async fn world_of(shelf: &Shelf) -> World {
    let feeds = vec![Feed::Compared(TOWN, shelf.service.port())];
    let mut world = super::world_of(Setup { feeds, ..Setup::default() }).await;
    // Two passes: the first finds them, the second knows them.
    world.pass(11_000).await;
    world.quiet().await;
    world
}

/// Versions of a case that the province keeps as void, in the order of the tables.
async fn voided(world: &World, number: u32) -> Vec<(String, u32)> {
    let key = canon::Key::new(UNIT, &[&case(number)]);
    let kept = world.store(PROVINCE).kept_cases(&[key.root()]).await.unwrap();
    kept.iter().filter(|k| k.voided).map(|k| (k.id.kind.to_string(), k.id.version)).collect()
}

#[tokio::test]
async fn a_row_that_two_passes_missed_is_voided_children_first() {
    let shelf = Shelf::with(cases(1..=3));
    let mut world = world_of(&shelf).await;
    assert_eq!(world.kept().await, 6);

    shelf.hold(cases(2..=3));
    world.pass(5_500).await;
    shelf.hold(cases(1..=3));
    world.pass(11_000).await;
    world.quiet().await;
    assert_eq!(world.kept().await, 6, "one pass that missed it withdraws nothing");

    shelf.hold(cases(2..=3));
    world.pass(22_000).await;
    world.quiet().await;
    assert_eq!(voided(&world, 1).await, [("SB".to_owned(), 2), ("SL".to_owned(), 2)]);
    assert_eq!(world.place(TOWN, "SB", 1, 2).await, Some(Place::Accepted));
    assert_eq!(voided(&world, 2).await, []);
    let last =
        world.sent(TOWN).await.into_iter().max_by_key(|e| e.id.sequence).expect("an envelope");
    let members = world.store(TOWN).members(&last.id).await.unwrap();
    let kinds: Vec<&str> = members.iter().map(|m| &*m.kind).collect();
    assert_eq!(kinds, ["SL", "SB"], "children first");
    world.pass(22_000).await;
    world.quiet().await;
    assert_eq!(world.kept().await, 8, "withdrawn once");

    shelf.hold(cases(1..=3));
    world.pass(11_000).await;
    world.quiet().await;
    assert_eq!(world.place(TOWN, "SB", 1, 3).await, Some(Place::Accepted), "it is there again");
    world.finish().await;
}

#[tokio::test]
async fn a_parent_is_not_voided_while_its_child_stands_and_its_owner_is_asked() {
    let shelf = Shelf::with(cases(1..=2));
    let mut world = world_of(&shelf).await;
    shelf.hold([vec![line("SL", 1)], cases(2..=2)].concat());
    world.pass(16_000).await;
    world.quiet().await;
    assert_eq!((voided(&world, 1).await, world.problems(TOWN).await.len()), (vec![], 0));
    world.pass(30_000).await;
    world.quiet().await;
    assert_eq!(voided(&world, 1).await, []);
    assert_eq!(world.rules(TOWN, "quarantined").await, ["source.row_vanished"]);
    assert_eq!(world.kept().await, 4);
    world.finish().await;
}

#[tokio::test]
async fn a_source_that_is_suddenly_empty_withdraws_nothing_and_is_paused() {
    let shelf = Shelf::with(cases(1..=2));
    let feeds = vec![Feed::Compared(TOWN, shelf.service.port())];
    let mut world = super::world_of(Setup { feeds, ..Setup::default() }).await;
    // One pass only: nothing was unchanged yet, and the guard looks all the same.
    world.quiet().await;
    assert_eq!(world.kept().await, 4);
    shelf.hold(Vec::new());
    world.pass(60_000).await;
    world.quiet().await;
    assert_eq!(world.kept().await, 4);
    let paused = world.store(TOWN).adapter("line").await.unwrap().paused;
    assert!(paused.as_deref().is_some_and(|p| p.contains("4 vanished")), "{paused:?}");
    // A person has looked: it is so.
    let store = world.store(TOWN).clone();
    assert!(exchange::guard::resume(&store, "line", world.now).await.unwrap());
    world.pass(16_000).await;
    world.quiet().await;
    assert_eq!(world.kept().await, 8, "each is withdrawn");
    assert!(!exchange::guard::resume(&store, "line", world.now).await.unwrap());
    world.finish().await;
}

#[tokio::test]
async fn a_row_that_came_back_under_another_key_withdraws_nothing() {
    let shelf = Shelf::with(cases(1..=3));
    let mut world = world_of(&shelf).await;
    let anew = |n| cases(n..=n).into_iter().map(Line::keyed_anew).collect::<Vec<Line>>();
    // Deleted and inserted anew, as it was.
    shelf.hold([anew(1), cases(2..=3)].concat());
    world.pass(22_000).await;
    world.quiet().await;
    assert_eq!(voided(&world, 1).await, []);
    assert_eq!(world.place(TOWN, "SB", 1, 1).await, Some(Place::Accepted));
    // Another one with another text.
    let other: Vec<Line> = anew(2).into_iter().map(|l| l.text("残疾人证换领")).collect();
    shelf.hold([anew(1), other.clone(), cases(3..=3)].concat());
    world.pass(22_000).await;
    world.quiet().await;
    assert_eq!(voided(&world, 2).await, []);
    assert_eq!(world.place(TOWN, "SB", 2, 2).await, Some(Place::Accepted));
    assert_eq!((world.kept().await, world.problems(TOWN).await.len()), (8, 0));
    // Back again: the row that leads to it now is the one that counts, and no other is there.
    shelf.hold([cases(1..=1), other.clone(), cases(3..=3)].concat());
    world.pass(22_000).await;
    world.quiet().await;
    assert_eq!(voided(&world, 1).await, []);
    shelf.hold([other, cases(3..=3)].concat());
    world.pass(22_000).await;
    world.quiet().await;
    assert_eq!(voided(&world, 1).await, [("SB".to_owned(), 2), ("SL".to_owned(), 2)]);
    assert_eq!(world.store(TOWN).adapter("line").await.unwrap().paused, None);
    world.finish().await;
}

#[tokio::test]
async fn what_a_person_let_through_is_dealt_with_whole_and_nothing_else_with_it() {
    let shelf = Shelf::with(cases(1..=260));
    let mut world = world_of(&shelf).await;
    shelf.hold(cases(254..=260));
    world.pass(16_000).await;
    let store = world.store(TOWN).clone();
    let paused = || async { store.adapter("line").await.unwrap().paused };
    assert!(paused().await.is_some_and(|p| p.contains("vanished")));
    assert!(exchange::guard::resume(&store, "line", world.now).await.unwrap());
    // More than one turn takes.
    world.pass(16_000).await;
    world.quiet().await;
    assert_eq!(paused().await, None);
    assert_eq!(world.count(TOWN, Place::Accepted).await, 2 * 260 + 2 * 253);
    assert_eq!(store.standing("guard/").await.unwrap().len(), 0);
    // A few more are within the guard, many are not: what was let through is over.
    shelf.hold(cases(255..=260));
    world.pass(22_000).await;
    world.quiet().await;
    assert_eq!((paused().await, voided(&world, 254).await.len()), (None, 2));
    shelf.hold(cases(258..=260));
    world.pass(22_000).await;
    world.quiet().await;
    assert!(paused().await.is_some_and(|p| p.contains("4 vanished")));
    assert_eq!(voided(&world, 255).await, []);
    world.finish().await;
}

#[tokio::test]
async fn the_guard_of_one_table_is_not_let_through_for_another() {
    let mut world = super::world().await;
    let (store, now) = (world.store(TOWN).clone(), world.now);
    let guard = adapt::Guard { max_changed: 0, max_vanished: 3 };
    let trips = |table, vanished| {
        let store = store.clone();
        async move {
            let of = ("line", table);
            exchange::guard::trips(&store, of, guard, (0, vanished), now).await.unwrap()
        }
    };
    assert!(!trips(0, 3).await);
    assert!(trips(0, 4).await);
    assert!(exchange::guard::resume(&store, "line", now).await.unwrap());
    assert!(!trips(0, 4).await, "a person has looked at this one");
    assert!(trips(1, 4).await, "and not at this one");
    // What stopped for another reason is let go on, and let through nothing.
    assert!(exchange::guard::resume(&store, "line", now).await.unwrap());
    store.pause_adapter("line", Some("adapter.header: x"), now).await.unwrap();
    assert!(exchange::guard::resume(&store, "line", now).await.unwrap());
    assert!(trips(2, 4).await);
    world.finish().await;
}
