//! A township, or a city, behind a one-way gate (网闸): whatever the gate does to the files, every record
//! is accepted once; and where nothing comes back, what was sent waits as 已送出（无回路） until
//! signed receipts are carried by hand.

use bus::spool::{Form, PIECE_FILE_MIN, Settings};
use exchange::config::Back;
use store::{OutState, Place};
use tests::world::gated::{DAY, Gated};
use tests::world::input::cases;
use tests::world::{self, CITY, COUNTY, PROVINCE, Setup, TOWN, When, World};

fn setup(gated: Gated) -> Setup {
    let limits = exchange::Limits { envelope_records_max: 4, ..world::limits() };
    Setup { limits, gated: Some(gated), ..Setup::default() }
}

fn with(form: Form, settings: Settings) -> Gated {
    let gated = Gated::above(TOWN);
    let (patience, poll) = (gated.settings.patience, gated.settings.poll);
    Gated { settings: Settings { form, patience, poll, ..settings }, ..gated }
}

/// Until so many records of the township are accepted, or a month is over.
async fn until_accepted(world: &mut World, records: u64) {
    for _ in 0..30 {
        if world.count(TOWN, Place::Accepted).await == records {
            return;
        }
        world.later(DAY).await;
    }
    let left = world.sent(TOWN).await;
    panic!("{} of {records} accepted: {left:?}", world.count(TOWN, Place::Accepted).await);
}

fn in_pieces(form: Form) -> Gated {
    let settings = Settings { max_file: PIECE_FILE_MIN, repeat: 2, ..Settings::default() };
    Gated { trouble: 2, drops: 12, ..with(form, settings) }
}

async fn through_trouble(form: Form) {
    through(in_pieces(form)).await;
}

async fn through(gated: Gated) {
    let mut world = super::world_of(setup(gated)).await;
    for n in 0..3 {
        world.drop_lines(&format!("{n}.csv"), &cases(n * 6 + 1..=n * 6 + 6));
        world.quiet().await;
    }
    until_accepted(&mut world, 36).await;
    assert!(world.gate().dropped > 0, "the courier dropped some");
    assert_eq!(world.kept().await, 36);
    world.gate().calm();
    world.finish().await;
    let (town, county) = (world.gate().lies(TOWN, "bad"), world.gate().lies(COUNTY, "bad"));
    assert!(town.is_empty() && county.is_empty(), "{town:?} {county:?}");
}

#[tokio::test]
async fn frames_through_a_courier_that_does_everything_wrong() {
    through_trouble(Form::Zst).await;
}

#[tokio::test]
async fn zips_through_a_courier_that_does_everything_wrong() {
    through_trouble(Form::Zip).await;
}

#[tokio::test]
async fn opened_packages_through_a_courier_that_does_everything_wrong() {
    through_trouble(Form::Xml).await;
}

#[tokio::test]
async fn closed_files_through_a_courier_that_does_everything_wrong() {
    through(Gated { closes: true, ..in_pieces(Form::Zst) }).await;
}

#[tokio::test]
async fn rows_of_an_exchange_table() {
    let gated = Gated { table: true, closes: true, ..Gated::above(TOWN) };
    let mut world = super::world_of(setup(gated)).await;
    world.drop_lines("a.csv", &cases(1..=10));
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 20);
    world.finish().await;
}

#[tokio::test]
async fn what_is_never_brought_is_asked_for_after_a_day_and_not_before() {
    let mut setup = setup(Gated::above(CITY));
    setup.limits.receipt_overdue = 30 * DAY;
    let mut world = super::world_of(setup).await;
    world.gate().up = false;
    world.drop_lines("a.csv", &cases(1..=2));
    world.quiet().await;
    let folder = world.gate().folder(CITY);
    let lost = world.gate().lies(CITY, "out");
    assert!(!lost.is_empty());
    for name in lost {
        std::fs::remove_file(folder.out().join(name)).unwrap();
    }
    world.gate().up = true;
    world.drop_lines("b.csv", &cases(3..=4));
    world.quiet().await;
    assert_eq!(world.kept().await, 4, "the later ones came");
    let gaps = world.store(PROVINCE).gaps(world.now, 10).await.unwrap();
    assert_eq!(gaps.len(), 1, "the gap is named: {gaps:?}");
    world.later(DAY / 2).await;
    assert_eq!(world.kept().await, 4, "a gate takes its time");
    world.later(DAY / 2 + 10_000).await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 8, "asked for, and brought");
    world.finish().await;
}

#[tokio::test]
async fn a_lost_receipt_is_asked_for_after_seven_days_and_not_before() {
    let mut world = super::world_of(setup(Gated::above(TOWN))).await;
    world.gate().down = false;
    world.drop_lines("a.csv", &cases(1..=2));
    world.quiet().await;
    let folder = world.gate().folder(COUNTY);
    for name in world.gate().lies(COUNTY, "out") {
        std::fs::remove_file(folder.out().join(name)).unwrap();
    }
    world.gate().down = true;
    world.later(6 * DAY).await;
    let state = |envelopes: Vec<store::OutEnvelope>| envelopes[0].state;
    assert_eq!(state(world.sent(TOWN).await), OutState::Sent, "a gate takes its time");
    world.later(DAY + 10_000).await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 4, "asked for, and come again");
    world.finish().await;
}

async fn without_a_way_back(back: Back) {
    let gated = Gated { back, ..Gated::above(TOWN) };
    let mut world = super::world_of(setup(gated)).await;
    world.drop_lines("a.csv", &cases(1..=6));
    world.quiet().await;
    assert_eq!(world.kept().await, 12, "the province has them");
    for _ in 0..5 {
        world.later(5 * DAY).await;
    }
    let sent = world.sent(TOWN).await;
    assert_eq!(sent.len(), 3);
    assert!(sent.iter().all(|e| e.state == OutState::Sent && e.attempts == 1), "{sent:?}");
    let status = world.store(TOWN).status().await.unwrap();
    let link = status.links.iter().find(|l| l.link == "parent").unwrap();
    assert_eq!((link.in_flight, link.unknown), (12, 0), "never overdue");
    assert_eq!(world.count(TOWN, Place::InFlight).await, 12, "and never green");

    // Somebody carries a disk.
    let exported = world.export(COUNTY);
    assert!(exported.files >= 3, "{exported:?}");
    assert_eq!(world.export(COUNTY).files, 0, "nothing is carried twice");
    let imported = world.import(TOWN);
    assert!(imported.is_right() && imported.lists == 1, "{imported:?}");
    assert_eq!(imported.taken, exported.files);
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 12);
    let again = world.import(TOWN);
    assert_eq!((again.taken, again.known), (0, exported.files), "a disk brought twice");

    // For the books of the day somebody carries every day.
    world.gate().down = true;
    world.finish().await;
}

#[tokio::test]
async fn return_manual_waits_for_receipts_carried_by_hand() {
    without_a_way_back(Back::Manual).await;
}

#[tokio::test]
async fn return_none_waits_too() {
    without_a_way_back(Back::None).await;
}

#[tokio::test]
async fn a_death_between_inbox_and_folder_brings_the_file_again_and_nothing_twice() {
    for when in [When::Before, When::After] {
        let mut world = super::world_of(setup(Gated::above(TOWN))).await;
        world.failed = Some(Vec::new());
        world.drop_lines("a.csv", &cases(1..=4));
        world.faults.die_in(&world::code("county-1"), "admit", when);
        world.quiet().await;
        assert!(world.faults.dead());
        assert!(!world.gate().lies(COUNTY, "in").is_empty(), "the file is still there");
        world.restart();
        world.quiet().await;
        world.heal().await;
        assert_eq!(world.count(TOWN, Place::Accepted).await, 8);
        world.finish().await;
    }
}

#[tokio::test]
async fn a_disk_with_something_wrong_on_it_is_named_file_by_file() {
    let gated = Gated { back: Back::Manual, ..Gated::above(TOWN) };
    let mut world = super::world_of(setup(gated)).await;
    world.drop_lines("a.csv", &cases(1..=6));
    world.quiet().await;
    let exported = world.export(COUNTY);
    let place = world.gate().disk().join(exported.folder.unwrap());
    let files: Vec<String> = std::fs::read_dir(&place)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".tgp"))
        .collect();
    let mut files = files.into_iter();
    let (missing, changed) = (files.next().unwrap(), files.next().unwrap());
    let held = std::fs::read(place.join(&missing)).unwrap();
    let good = std::fs::read(place.join(&changed)).unwrap();
    std::fs::remove_file(place.join(&missing)).unwrap();
    std::fs::write(place.join(&changed), &good[..good.len() / 2]).unwrap();
    std::fs::write(place.join("letter.doc"), b"hello").unwrap();
    let imported = world.import(TOWN);
    let what = |name: &str| {
        let file = imported.files.iter().find(|f| f.path.ends_with(name));
        file.map(|f| f.what.clone()).unwrap_or_default()
    };
    assert_eq!(what(&missing), "spool.file_missing");
    assert_eq!(what(&changed), "spool.damaged");
    assert_eq!(what("letter.doc"), "spool.not_listed");
    assert_eq!(imported.taken, exported.files - 2);
    assert!(!imported.is_right());
    // The same disk, mended, once more; and its list forged.
    std::fs::write(place.join(&missing), held).unwrap();
    std::fs::write(place.join(&changed), good).unwrap();
    let imported = world.import(TOWN);
    assert_eq!((imported.taken, imported.known), (2, exported.files - 2));
    let list = place.join(bus::spool::disk::LIST);
    let text = std::fs::read_to_string(&list).unwrap();
    std::fs::write(&list, text.replacen("county-1", "city-1xx", 1)).unwrap();
    let imported = world.import(TOWN);
    let codes: Vec<&str> = imported.files.iter().map(|f| f.what.as_str()).collect();
    assert_eq!(codes, ["spool.list_invalid"], "nothing beside a forged list is taken");
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 12);
    world.gate().down = true;
    world.finish().await;
}

#[tokio::test]
async fn an_export_broken_off_goes_on_and_a_small_disk_leaves_the_rest_for_the_next() {
    let gated = Gated { back: Back::Manual, ..Gated::above(TOWN) };
    let mut world = super::world_of(setup(gated)).await;
    world.drop_lines("a.csv", &cases(1..=6));
    world.quiet().await;
    let waiting = world.gate().lies(COUNTY, "out");
    let first = world.export(COUNTY);
    assert_eq!(first.files, waiting.len());
    let (folder, disk) = (world.gate().folder(COUNTY), world.gate().disk());
    let place = disk.join("tiergate-county-1-to-town-1-0001");
    let back = || {
        for name in &waiting {
            std::fs::rename(folder.carried().join(name), folder.out().join(name)).unwrap();
        }
    };
    // It died after the list was written: nothing goes onto the disk a second time.
    back();
    let again = world.export(COUNTY);
    assert_eq!((again.files, again.resumed, again.folder), (0, waiting.len(), None));
    // It died before: the same folder is finished.
    back();
    std::fs::remove_file(place.join(bus::spool::disk::LIST)).unwrap();
    let again = world.export(COUNTY);
    assert_eq!((again.files, again.resumed), (waiting.len(), 0));
    assert_eq!(again.folder.as_deref(), Some("tiergate-county-1-to-town-1-0001"));
    // A disk with room for one file.
    back();
    std::fs::remove_dir_all(&disk).unwrap();
    let size = std::fs::metadata(folder.out().join(&waiting[0])).unwrap().len();
    let small = world.export_at_most(COUNTY, size * 3 / 2);
    assert_eq!((small.files, small.left), (1, waiting.len() - 1));
    let rest = world.export(COUNTY);
    assert_eq!(rest.folder.as_deref(), Some("tiergate-county-1-to-town-1-0002"));
    let imported = world.import(TOWN);
    assert_eq!((imported.lists, imported.taken), (2, waiting.len()));
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 12);
    world.gate().down = true;
    world.finish().await;
}

#[tokio::test]
async fn a_disk_without_its_list_still_brings_what_verifies_by_itself() {
    let gated = Gated { back: Back::None, ..Gated::above(TOWN) };
    let mut world = super::world_of(setup(gated)).await;
    world.drop_lines("a.csv", &cases(1..=2));
    world.quiet().await;
    let folder = world.export(COUNTY).folder.unwrap();
    let place = world.gate().disk().join(folder);
    std::fs::remove_file(place.join(bus::spool::disk::LIST)).unwrap();
    std::fs::write(place.join("letter.doc"), b"hello").unwrap();
    let imported = world.import(TOWN);
    assert_eq!((imported.lists, imported.is_right()), (0, false), "{imported:?}");
    let odd: Vec<&str> =
        imported.files.iter().map(|f| f.what.as_str()).filter(|w| *w != "taken").collect();
    // Folders beneath the disk's are looked into, one deep.
    assert_eq!(odd, ["spool.not_a_parcel"]);
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 4);
    world.gate().down = true;
    world.finish().await;
}

#[tokio::test]
async fn what_no_parcel_can_be_made_of_is_in_the_audit() {
    let mut world = super::world_of(setup(Gated::above(TOWN))).await;
    let incoming = world.gate().folder(COUNTY).incoming().to_path_buf();
    std::fs::write(incoming.join("letter.doc"), b"hello").unwrap();
    std::fs::write(incoming.join("half"), b"TIERGATE-SPOOL/1\n{\"spool\"").unwrap();
    world.drop_lines("a.csv", &cases(1..=2));
    world.quiet().await;
    let audited = world.audited(COUNTY).await;
    let codes: Vec<&str> = audited
        .iter()
        .map(|(action, _)| action.as_str())
        .filter(|a| a.starts_with("spool."))
        .collect();
    assert_eq!(codes.len(), 2, "each once: {audited:?}");
    assert!(codes.contains(&"spool.incomplete") && codes.contains(&"spool.not_a_parcel"));
    assert_eq!(world.gate().lies(COUNTY, "bad"), ["letter.doc"]);
    assert_eq!(world.gate().lies(COUNTY, "in"), ["half"], "the rest of it may still come");
    assert_eq!(world.count(TOWN, Place::Accepted).await, 4, "the others are not held up");
    world.finish().await;
}
