//! A month's rates by node, unit and region, with what is left out; and what each link carried, by the
//! counters of each node.

use canon::{Day, Millis};
use exchange::reconcile::excused::{self, Span, cause};
use exchange::reconcile::month::{self, Accounts};
use exchange::reconcile::rates::{self, By};
use exchange::reconcile::report;
use exchange::reconcile::sheets::{Tongue, markdown};
use store::HopCount;
use tests::world::input::{UNIT, cases, line};
use tests::world::{CITY, COUNTY, PROVINCE, Rule, Setup, TIERS, TOWN, Trick, World, code};

fn day() -> Day {
    Millis::parse("2026-11-21 12:00:00").expect("a time").day()
}

async fn close(world: &mut World) {
    world.now = Millis::parse("2026-11-22 00:31:00").expect("a time");
    world.pass(10_000).await;
    world.quiet().await;
}

async fn month(world: &World, tier: usize) -> Accounts {
    let node = code(TIERS[tier]);
    month::of_days(world.store(tier), &node, (day(), day())).await.expect("accounts")
}

#[tokio::test]
async fn are_counted_by_unit_and_region_and_leave_out_what_nobody_is_to_blame_for() {
    let mut world = super::world_of(Setup { region: "990103", ..Setup::default() }).await;
    world.drop_lines("a.csv", &cases(1..=3));
    world.drop_lines("b.csv", &[line("SB", 4).region("990199101"), line("SL", 5)]);
    world.quiet().await;
    close(&mut world).await;
    // The parent comes the next day, and with it what waited.
    world.drop_lines("c.csv", &[line("SB", 5)]);
    world.pass(10_000).await;
    world.quiet().await;

    let own = month(&world, TOWN).await;
    let pair = (code("town-1"), code("province"));
    let account = &own.pairs[&pair];
    assert_eq!((account.taken, account.invalid, account.late), (7, 1, 1));
    assert!(own.units.is_empty(), "who answers counts by unit");
    let above = month(&world, PROVINCE).await;
    assert_eq!(above.pairs[&pair], *account);
    let units = rates::groups(&above, By::Unit);
    let all = |of: &str| {
        let group = units.iter().find(|((region, unit), _)| region == of && unit == UNIT);
        let count = &group.expect("a unit").1.units.all;
        (count.records, count.accepted, count.invalid, count.late)
    };
    assert_eq!(all("990199101"), (1, 0, 1, 0), "rejected: another region than the certificate's");
    let sum =
        |f: fn(&store::UnitCount) -> u64| units.values().map(|g| f(&g.units.all)).sum::<u64>();
    assert_eq!((sum(|c| c.accepted), sum(|c| c.late)), (7, 1));
    let waited = units.values().map(|g| g.units.all.delay_max).max();
    assert!(waited >= Some(14 * 3_600), "it waited past midnight: {waited:?}");
    let regions = rates::groups(&above, By::Region);
    assert!(regions.keys().any(|(region, unit)| region == "990103101" && unit.is_empty()));

    // Who reports late was down himself: that excuses nobody.
    let span = Span { from: day().start(), until: day().start().plus(3_600_000) };
    let of = (&code("town-1"), cause::DOWN);
    excused::note(world.store(PROVINCE), of, span, world.now).await.unwrap();
    assert_eq!(month(&world, PROVINCE).await.pairs[&pair].due, 7);
    // The province had trouble that day.
    let of = (&code("province"), cause::MAINTENANCE);
    excused::note(world.store(PROVINCE), of, span, world.now).await.unwrap();
    let above = month(&world, PROVINCE).await;
    let account = &above.pairs[&pair];
    assert_eq!((account.due, account.late, account.excused), (0, 0, 7));
    let [reported, punctual, valid, agreed] = rates::of_account(account, Tongue::Zh);
    assert_eq!((&*reported, &*punctual, &*valid), ("100.00%", "无业务", "87.50%"));
    assert_eq!(agreed, "100.00%");
    let text = markdown("月度指标", &rates::sheets(&above, Tongue::Zh));
    for wanted in
        ["## 月度指标（单位）", "## 月度指标（区划）", "剔除日：2026-11-21 province 维护", UNIT]
    {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    world.finish().await;
}

#[tokio::test]
async fn a_time_is_written_down_for_each_of_its_days_and_grows() {
    let at = |text| Millis::parse(text).expect("a time");
    let node = code("province");
    let store = store::MemoryWorld::new().open(&node).shared();
    let span = |from, until| Span { from: at(from), until: at(until) };
    let now = at("2026-11-22 08:00:00");
    let of = (&node, cause::MAINTENANCE);
    excused::note(&store, of, span("2026-11-20 22:00:00", "2026-11-21 06:00:00"), now)
        .await
        .unwrap();
    excused::note(&store, of, span("2026-11-21 05:00:00", "2026-11-21 07:00:00"), now)
        .await
        .unwrap();
    excused::note(&store, of, span("2026-11-21 09:00:00", "2026-11-21 08:00:00"), now)
        .await
        .unwrap();
    let first = excused::of_day(&store, Day(day().0 - 1)).await.unwrap();
    assert_eq!((first.len(), first[0].span.from), (1, at("2026-11-20 22:00:00")));
    let second = excused::of_day(&store, day()).await.unwrap();
    let wanted = span("2026-11-21 00:00:00", "2026-11-21 07:00:00");
    assert_eq!((second.len(), second[0].span), (1, wanted));
    assert_eq!(excused::of_day(&store, now.day()).await.unwrap(), []);
}

#[tokio::test]
async fn a_node_that_was_down_writes_it_down() {
    let mut world = super::world().await;
    world.pass(2_000).await;
    assert!(excused::of_day(world.store(PROVINCE), day()).await.unwrap().is_empty());
    world.now = world.now.plus(3_600_000);
    world.restart();
    world.pass(2_000).await;
    let found = excused::of_day(world.store(PROVINCE), day()).await.unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((&*found[0].cause, &found[0].node), (cause::DOWN, &code("province")));
    let down = found[0].span.until.since(found[0].span.from);
    assert!((3_590_000..3_700_000).contains(&down), "{down}");
    // A short pause is none.
    world.now = world.now.plus(300_000);
    world.restart();
    world.pass(2_000).await;
    assert_eq!(excused::of_day(world.store(PROVINCE), day()).await.unwrap(), found);
    world.finish().await;
}

async fn hops(world: &World, tier: usize) -> Vec<HopCount> {
    let (store, node) = (world.store(tier), code(TIERS[tier]));
    report::of_day(store, &node, (day(), world.now)).await.expect("a report").hops
}

/// Of a node with one link upwards.
async fn up(world: &World, tier: usize) -> HopCount {
    let hops = hops(world, tier).await;
    assert_eq!(hops.len(), 1, "{hops:?}");
    hops[0].clone()
}

#[tokio::test]
async fn each_hop_has_its_own_counters() {
    let mut world = super::world().await;
    world.drop_lines("a.csv", &cases(1..=4));
    world.quiet().await;
    let parcels = world.sent(TOWN).await.len() as u64;
    assert!(parcels > 0);
    for tier in [TOWN, COUNTY, CITY] {
        let hop = up(&world, tier).await;
        assert_eq!((hop.all().parcels, hop.receipted.parcels), (parcels, parcels), "{hop:?}");
        assert_eq!(hop.all().records, 8);
    }
    assert!(hops(&world, PROVINCE).await.is_empty(), "it passes nothing on");
    // A parcel is lost between county and city: the county's counter says where.
    world.bus.rule(Rule::next("records", Trick::Lose).from("county-1"));
    world.drop_lines("b.csv", &[line("SB", 9)]);
    world.pass(2_000).await;
    assert_eq!(up(&world, TOWN).await.receipted.parcels, parcels + 1, "the county has it");
    let county = up(&world, COUNTY).await;
    assert_eq!((county.sent.parcels, county.unknown.parcels), (1, 0), "{county:?}");
    let later = world.store(COUNTY).hops(day(), world.now.plus(1)).await.unwrap();
    assert_eq!(later[0].unknown.parcels, 1, "once a word is overdue");
    assert_eq!(up(&world, CITY).await.all().parcels, parcels, "and the city never had it");
    world.heal().await;
    assert_eq!(up(&world, COUNTY).await.receipted.parcels, parcels + 1);
    world.finish().await;
}
