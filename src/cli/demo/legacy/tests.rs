//! The legacy data is what it says it is, whatever the seed.

use edge::legacy_db::LegacyDb;

use super::*;

const DDL: &str = include_str!("../../../../adapters/county_approval/schema.sql");

fn plan(seed: u64, cases: u64) -> Plan {
    Plan { seed, cases, now: Millis::parse("2026-11-21 10:30:00").unwrap() }
}

async fn made(plan: Plan) -> (tempfile::TempDir, Ledger) {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("county.db");
    let drop = dir.path().join("drop");
    let places = Places { county_db: &db, ddl: DDL, township_drop: &drop };
    let ledger = generate(&plan, &places).await.unwrap();
    (dir, ledger)
}

#[tokio::test]
async fn every_kind_of_mess_is_there_whatever_the_seed() {
    for seed in 0..20 {
        let (dir, mut ledger) = made(plan(seed, 1)).await;
        let (db, drop) = (dir.path().join("county.db"), dir.path().join("drop"));
        let places = Places { county_db: &db, ddl: DDL, township_drop: &drop };
        let now = plan(seed, 1).now.plus(60 * MINUTE);
        let later = advance(&plan(seed, 1), 1, now, &places).await.unwrap();
        for (mess, n) in later.planted {
            *ledger.planted.entry(mess).or_default() += n;
        }
        for mess in Mess::ALL {
            assert!(ledger.planted.contains_key(mess), "seed {seed}: no {}", mess.word());
        }
    }
}

#[tokio::test]
async fn line_17_of_the_first_file_has_a_number_that_should_end_in_x() {
    for seed in 0..20 {
        let (dir, ledger) = made(plan(seed, 1)).await;
        let raw = std::fs::read(dir.path().join("drop").join(&ledger.first_file)).unwrap();
        let (text, _, errors) = encoding_rs::GB18030.decode(&raw);
        assert!(!errors);
        let line = text.split("\r\n").nth(16).unwrap();
        let fields: Vec<_> = line.split(',').collect();
        assert_eq!((fields.len(), fields[6]), (42, "身份证"), "{seed}");
        // The weighted sum of a number whose check is X is 2 modulo 11.
        let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
        let sum: u32 = fields[7].bytes().zip(weights).map(|(b, w)| u32::from(b - b'0') * w).sum();
        assert_eq!((sum % 11, fields[7].len()), (2, 18), "{seed}");
        assert!(!fields[7].ends_with('X'));
    }
}

#[tokio::test]
async fn a_seed_gives_the_same_data_again() {
    let (one, a) = made(plan(7, 300)).await;
    let (two, b) = made(plan(7, 300)).await;
    assert_eq!((a.planted, a.county_rows), (b.planted, b.county_rows));
    for name in &a.files {
        let read =
            |dir: &tempfile::TempDir| std::fs::read(dir.path().join("drop").join(name)).unwrap();
        assert_eq!(read(&one), read(&two));
    }
    let (_other, c) = made(plan(8, 300)).await;
    assert_ne!(a.showcase.len(), 0);
    assert_ne!(b.county_rows, c.county_rows);
}

#[tokio::test]
async fn nothing_in_the_database_is_later_than_its_moment_and_steps_go_on_from_there() {
    let plan = plan(3, 400);
    let (dir, ledger) = made(plan).await;
    let (path, drop) = (dir.path().join("county.db"), dir.path().join("drop"));
    let places = Places { county_db: &path, ddl: DDL, township_drop: &drop };
    let newest = async |column: &str| {
        let mut db = LegacyDb::open(&path).await.unwrap();
        let newest = db
            .cell(
                &format!("(SELECT max({column}) AS m, '1' AS one FROM approval_case)"),
                "m",
                ("one", "1"),
            )
            .await;
        db.commit().await.unwrap();
        newest.unwrap().unwrap()
    };
    for column in ["modified_time", "submit_time", "end_time", "collect_time"] {
        assert!(newest(column).await <= plan.now.to_string(), "{column}");
    }
    let mut cases = ledger.county_cases + 1;
    for step in 1..=4 {
        let now = plan.now.plus(i64::from(step) * 10 * MINUTE);
        let later = advance(&plan, step, now, &places).await.unwrap();
        assert_eq!(newest("modified_time").await, now.to_string());
        assert!(later.county_cases >= 10 && later.township_rows >= 10);
        let mut db = LegacyDb::open(&path).await.unwrap();
        let there = db.count("approval_case").await.unwrap();
        db.commit().await.unwrap();
        assert!(there > cases, "step {step} brought cases");
        cases = there;
    }
    // The cut-off file came again whole, under its own name.
    let name = ledger.files.iter().find(|f| f.contains("20261118")).unwrap();
    let raw = std::fs::read(drop.join(name)).unwrap();
    assert!(raw.ends_with(b"\r\n"));
}

#[test]
fn the_lists_lack_the_item_that_was_made_up() {
    let (items, regions) = lists();
    assert!(items.starts_with("code,name\n") && items.lines().count() > 20);
    assert!(!items.contains(UNKNOWN_ITEM));
    assert!(regions.contains("990103101,"));
}
