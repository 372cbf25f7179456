//! The authority table comes down from the top, is verified at each tier, and decides at a record's own
//! date who may report it.

use canon::{Day, Environment};
use envelope::Kind;
use envelope::authority::{Authority, Entitled, Section, sign_authority};
use exchange::authority::{Stored, Taken, handed, stored, take};
use store::Place;
use tests::world::carrier::{Rule, Trick};
use tests::world::input::{UNIT, cases, drop_file, line};
use tests::world::{self, CITY, COUNTY, Feed, PROVINCE, Setup, TIERS, TOWN, World};

fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

fn entitled(tier: usize, regions: &str, types: &str) -> Entitled {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect();
    Entitled {
        node: world::code(TIERS[tier]),
        unit: UNIT.into(),
        regions: words(regions),
        types: words(types),
        from: day("2020-01-01"),
        to: None,
        basis: "示例办〔2025〕1号".into(),
    }
}

/// An edition of the province's: tables, each with its first day.
fn edition(edition: u32, tables: Vec<(&str, Vec<Entitled>)>) -> Authority {
    Authority {
        issuer: world::code(TIERS[PROVINCE]),
        environment: Environment::Demo,
        edition,
        issued: day("2026-11-20").start(),
        sections: tables.into_iter().map(|(from, l)| Section::new(day(from), l)).collect(),
    }
}

/// Signed by a tier.
fn signed(world: &World, tier: usize, table: &Authority) -> Stored {
    let document = table.write();
    let signature = sign_authority(&document, world.signer(tier)).unwrap();
    let signature = String::from_utf8(signature).unwrap();
    Stored { document, signature, verified: world.now }
}

/// Hands what was signed from one tier to the next one, as `tiergate authority issue` does.
async fn hand(world: &World, from: usize, to: usize, table: &Authority, stored: &Stored) {
    let control = handed(stored, table.edition, &world::code(TIERS[to]), world.now);
    world.store(from).queue_controls(vec![control], world.now).await.unwrap();
}

async fn taken(world: &World, tier: usize, stored: &Stored) -> Result<Taken, String> {
    let issuer = world::code(TIERS[PROVINCE]);
    let by = (&*world.nodes[tier].node.trust, &issuer);
    let document = (stored.document.as_str(), stored.signature.as_str());
    take(world.store(tier), by, document, world.now).await.unwrap().map_err(|r| r.code)
}

/// In force at the province and on its way down.
async fn issue(world: &mut World, table: &Authority) {
    let signed = signed(world, PROVINCE, table);
    assert_eq!(taken(world, PROVINCE, &signed).await, Ok(Taken::New(table.edition)));
    hand(world, PROVINCE, CITY, table, &signed).await;
    world.quiet().await;
}

async fn held(world: &World, tier: usize) -> Option<u32> {
    let stored = stored(world.store(tier)).await.unwrap()?;
    Some(Authority::read(&stored.document).unwrap().edition)
}

async fn text_of(world: &World, tier: usize) -> String {
    let found = world.problems(tier).await;
    found.iter().map(|p| format!("{p:?}")).collect()
}

/// A zone without a region code of its own: its certificate covers nothing that it reports.
#[tokio::test]
async fn a_table_comes_down_to_every_tier_and_a_rejection_names_the_missing_line() {
    let mut world = super::world_of(Setup { region: "990777", ..Setup::default() }).await;
    world.drop_lines("a.csv", &[line("SB", 9)]);
    world.quiet().await;
    assert_eq!(world.rules(TOWN, "rejected").await, ["record.authority"], "the certificate holds");
    let table = edition(1, vec![("2026-01-01", vec![entitled(TOWN, "990103101", "SB SL")])]);
    issue(&mut world, &table).await;
    for tier in [TOWN, COUNTY, CITY, PROVINCE] {
        assert_eq!(held(&world, tier).await, Some(1), "{}", TIERS[tier]);
    }
    let installed = ("authority.installed".to_owned(), "5 lines".to_owned());
    assert!(!world.audited(TOWN).await.contains(&installed));
    let installed = ("authority.installed".to_owned(), "1 lines".to_owned());
    assert!(world.audited(TOWN).await.contains(&installed));

    let mut lines = cases(1..=2);
    lines.push(line("SB", 3).region("990199101"));
    world.drop_lines("b.csv", &lines);
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 4);
    assert_eq!(world.place(TOWN, "SB", 3, 1).await, Some(Place::Rejected));
    let said = text_of(&world, TOWN).await;
    for part in ["town-1", UNIT, "990199101", "SB", "2026-11-21", "授权表第 1 版"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let receipt = world.bus.published("receipt", "province").pop().unwrap();
    let package = world::forge::package(&receipt);
    let lines = envelope::open(&package).unwrap().fragments.into_iter();
    let lines: Vec<_> = lines.map(|f| envelope::read_outcome(f).unwrap()).collect();
    let mut notes = lines.iter().flat_map(|l| &l.notes).map(|n| n.text.as_str());
    assert!(notes.any(|t| t.contains("edition 1") && t.contains("990199101")), "{lines:?}");
    let sent = world.bus.published("records", "town-1").pop().unwrap();
    let package = world::forge::package(&sent);
    assert_eq!(envelope::open(&package).unwrap().head.authority, "1", "the head names the edition");
    world.finish().await;
}

/// Two tables side by side: what happened before the second one's day is judged by the first.
#[tokio::test]
async fn a_table_that_shrinks_takes_nothing_from_what_happened_before() {
    let mut world = super::world().await;
    let before = edition(1, vec![("2026-01-01", vec![entitled(TOWN, "9901", "*")])]);
    issue(&mut world, &before).await;
    let after = before.with(
        2,
        before.issued,
        Section::new(day("2026-11-21"), vec![entitled(TOWN, "9901", "SL")]),
    );
    issue(&mut world, &after).await;
    assert_eq!(held(&world, TOWN).await, Some(2));
    world.drop_lines(
        "a.csv",
        &[line("SB", 1).at("2026-11-20 16:00:00"), line("SL", 1), line("SB", 2)],
    );
    world.quiet().await;
    assert_eq!(world.place(TOWN, "SB", 1, 1).await, Some(Place::Accepted), "its own date counts");
    assert_eq!(world.place(TOWN, "SL", 1, 1).await, Some(Place::Accepted));
    assert_eq!(world.place(TOWN, "SB", 2, 1).await, Some(Place::Rejected));
    world.finish().await;
}

/// One business key from two nodes: only where the table lists both.
#[tokio::test]
async fn a_key_of_two_nodes_needs_a_line_for_both() {
    let feeds = vec![Feed::Lines(TOWN), Feed::Lines(COUNTY)];
    let mut world = super::world_of(Setup { feeds, ..Setup::default() }).await;
    let county = entitled(COUNTY, "990103", "SB");
    let town = entitled(TOWN, "990103101", "SB");
    issue(&mut world, &edition(1, vec![("2026-01-01", vec![county.clone(), town.clone()])])).await;
    let drop = |world: &World, name: &str, text: &str| {
        drop_file(&world.drop_folder(COUNTY), name, &[line("SB", 1).text(text)]);
    };
    world.drop_lines("a.csv", &[line("SB", 1)]);
    world.quiet().await;
    // The same version with other bytes stays a conflict, whoever may report it; the next one is taken.
    drop(&world, "a.csv", "县级补充");
    world.quiet().await;
    assert_eq!(world.rules(COUNTY, "rejected").await, ["record.conflict"]);
    drop(&world, "b.csv", "县级再次补充");
    world.quiet().await;
    assert_eq!(world.place(COUNTY, "SB", 1, 2).await, Some(Place::Accepted));
    // The township is listed no longer: then the county alone cannot go on with its key.
    issue(&mut world, &edition(2, vec![("2026-01-01", vec![county])])).await;
    drop(&world, "c.csv", "县级第三次补充");
    world.quiet().await;
    assert_eq!(world.place(COUNTY, "SB", 1, 3).await, Some(Place::Rejected));
    let said = text_of(&world, COUNTY).await;
    assert!(said.contains("town-1") && said.contains("先由节点"), "{said}");
    world.finish().await;
}

#[tokio::test]
async fn a_forged_a_stale_and_a_foreign_table_are_refused_and_the_one_before_stays() {
    let mut world = super::world().await;
    let table = edition(2, vec![("2026-01-01", vec![entitled(TOWN, "9901", "*")])]);
    issue(&mut world, &table).await;
    let all = |n| edition(n, vec![("2026-01-01", vec![entitled(COUNTY, "*", "*")])]);
    let by_province = |table: &Authority| signed(&world, PROVINCE, table);
    let formal = Authority { environment: Environment::Formal, ..all(3) };
    let mut tampered = by_province(&all(3));
    tampered.document = tampered.document.replace("\t*\t*\t", "\t99\t*\t");
    let refused = [
        (signed(&world, COUNTY, &all(3)), "authority.issuer"),
        (by_province(&all(1)), "authority.stale"),
        (by_province(&all(2)), "authority.conflict"),
        (by_province(&formal), "sender.environment"),
        (tampered, "sender.signature_invalid"),
    ];
    let (known, next) = (by_province(&table), by_province(&all(3)));
    for (stored, code) in refused {
        assert_eq!(taken(&world, TOWN, &stored).await, Err(code.to_owned()));
        hand(&world, COUNTY, TOWN, &table, &stored).await;
        world.quiet().await;
        let refused = ("parcel.refused".to_owned(), code.to_owned());
        assert!(world.audited(TOWN).await.contains(&refused), "{code}");
        assert_eq!(held(&world, TOWN).await, Some(2), "{code}");
    }
    assert_eq!(taken(&world, TOWN, &known).await, Ok(Taken::Known(2)));
    // A part that is missing: nothing of it counts.
    let mut control = handed(&next, 3, &world::code(TIERS[TOWN]), world.now);
    let first = control.lengths.remove(0) as usize;
    control.body.drain(..first);
    assert_eq!(control.kind.as_ref(), Kind::Notice.as_str());
    world.store(COUNTY).queue_controls(vec![control], world.now).await.unwrap();
    world.quiet().await;
    assert_eq!(held(&world, TOWN).await, Some(2));
    world.finish().await;
}

/// The notice was lost: a neighbour whose own heads name no edition is handed it again.
#[tokio::test]
async fn a_table_that_was_lost_is_handed_again() {
    let mut world = super::world().await;
    let table = edition(1, vec![("2026-01-01", vec![entitled(TOWN, "9901", "*")])]);
    world.bus.rule(Rule::next("notice", Trick::Lose).from("county-1"));
    issue(&mut world, &table).await;
    assert_eq!((held(&world, COUNTY).await, held(&world, TOWN).await), (Some(1), None));
    world.now = world.now.plus(3_700_000);
    world.drop_lines("a.csv", &cases(1..=2));
    world.quiet().await;
    assert_eq!(held(&world, TOWN).await, Some(1));
    world.finish().await;
}
