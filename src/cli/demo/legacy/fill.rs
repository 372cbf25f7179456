//! The first look: everything the legacy systems hold at the plan's moment.

use std::borrow::Cow;

use canon::{Day, Millis};
use edge::legacy_db::{Cell, LegacyDb};

use super::county::{self, Rows};
use super::flow::Case;
use super::mess::{self, Mess};
use super::{Ledger, Maker, NEVER, Places, drop_file, gb18030, township};

/// Cases whose rows are inserted together.
const CHUNK: usize = 2_000;

/// Rows of each table, gathered until they are inserted.
#[derive(Default)]
pub(super) struct Tables {
    cases: Vec<Vec<Cell>>,
    rest: Rows,
}

impl Tables {
    pub(super) fn add(&mut self, rows: Rows) {
        self.cases.push(rows.case);
        self.add_children(Rows { case: Vec::new(), ..rows });
    }

    pub(super) fn add_children(&mut self, mut rows: Rows) {
        self.rest.steps.append(&mut rows.steps);
        self.rest.supplements.append(&mut rows.supplements);
        self.rest.suspends.append(&mut rows.suspends);
        self.rest.resumes.append(&mut rows.resumes);
        self.rest.materials.append(&mut rows.materials);
    }

    fn is_full(&self) -> bool {
        self.cases.len() >= CHUNK
    }

    /// Inserts and empties; gives the rows written.
    pub(super) async fn insert(&mut self, db: &mut LegacyDb) -> anyhow::Result<u64> {
        let Self { cases, rest } = std::mem::take(self);
        let mut rows = 0;
        for (table, columns, list) in [
            ("approval_case", county::CASE, cases),
            ("approval_step", county::STEP, rest.steps),
            ("supplement", county::SUPPLEMENT, rest.supplements),
            ("suspend", county::SUSPEND, rest.suspends),
            ("resume", county::RESUME, rest.resumes),
            ("material", county::MATERIAL, rest.materials),
        ] {
            rows += list.len() as u64;
            db.insert(table, columns, list).await?;
        }
        Ok(rows)
    }
}

/// The key of a county case that was entered a second time.
pub(super) fn second_number(number: &str) -> String {
    format!("{number}2")
}

/// The county's database.
pub(super) async fn county(
    maker: &Maker,
    places: &Places<'_>,
    ledger: &mut Ledger,
) -> anyhow::Result<()> {
    let now = maker.plan.now;
    let mut db = LegacyDb::create(places.county_db, places.ddl).await?;
    let mut tables = Tables::default();
    for index in 0..maker.county {
        let case = maker.county_case(index, NEVER);
        if index == 0 {
            ledger.showcase.clone_from(&case.number);
        }
        let mut rows = county::rows(&case, now);
        match mess::county(maker.plan.seed, index) {
            Some(Mess::DuplicateCase) => {
                ledger.plant(Mess::DuplicateCase);
                tables.add(second(&case, now));
            }
            // They happen later.
            Some(Mess::ChangedCase | Mess::VoidedCase) | None => {}
            Some(mess) if county::spoil(mess, &case, &mut rows) => ledger.plant(mess),
            Some(_) => {}
        }
        tables.add(rows);
        ledger.county_cases += 1;
        if tables.is_full() {
            ledger.county_rows += tables.insert(&mut db).await?;
        }
    }
    ledger.county_rows += tables.insert(&mut db).await?;
    db.commit().await?;
    Ok(())
}

/// The same case once more under a number of its own, as a clerk enters it by mistake.
fn second(case: &Case<'_>, now: Millis) -> Rows {
    let mut rows = Rows { case: county::rows(case, now).case, ..Rows::default() };
    county::set(&mut rows.case, "case_id", Some(Cow::Owned(second_number(&case.number))));
    rows
}

/// A township case's line in the file of the `nth` day, with what is wrong in it.
fn line(maker: &Maker, case: &Case<'_>, nth: u64, ledger: &mut Ledger) -> String {
    let day = Day(maker.plan.now.day().0 - township::DAYS as i32 + nth as i32);
    let mut line = township::line(case, day.end().plus(-1));
    match mess::township(maker.plan.seed, case.index) {
        Some(Mess::ChangedCase) if nth >= 2 => {
            ledger.plant(Mess::ChangedCase);
            township::change(&mut line);
        }
        Some(Mess::VoidedCase) if nth >= 3 => {
            ledger.plant(Mess::VoidedCase);
            township::void(case, &mut line);
        }
        Some(mess) if township::spoil(mess, case, &mut line) => ledger.plant(mess),
        _ => {}
    }
    if township::is_unpadded(case) {
        ledger.plant(Mess::UnpaddedDate);
    }
    line.text()
}

/// Whether a case is listed in the file of the `nth` day.
fn is_listed(maker: &Maker, case: &Case<'_>, nth: u64) -> bool {
    let day = Day(maker.plan.now.day().0 - township::DAYS as i32 + nth as i32);
    case.moved(day.start().plus(-1), day.end().plus(-1))
        || match mess::township(maker.plan.seed, case.index) {
            Some(Mess::ChangedCase) => nth == 2,
            Some(Mess::VoidedCase) => nth == 3,
            _ => false,
        }
}

/// The lines of each day's file, and the copies that clerks append.
pub(super) fn days(maker: &Maker, ledger: &mut Ledger) -> Vec<Vec<String>> {
    let mut days = vec![Vec::new(); township::DAYS as usize];
    let mut again = vec![Vec::new(); township::DAYS as usize];
    for index in 0..maker.township {
        let case = maker.township_case(index);
        let twice = mess::township(maker.plan.seed, index) == Some(Mess::DuplicateCase);
        for nth in 0..township::DAYS {
            if !is_listed(maker, &case, nth) {
                continue;
            }
            let line = line(maker, &case, nth, ledger);
            if twice {
                ledger.plant(Mess::DuplicateCase);
                again[nth as usize].push(line.clone());
            }
            days[nth as usize].push(line);
        }
    }
    for (day, mut copies) in days.iter_mut().zip(again) {
        day.append(&mut copies);
    }
    days
}

/// The township's files up to yesterday.
pub(super) fn township(
    maker: &Maker,
    places: &Places<'_>,
    ledger: &mut Ledger,
) -> anyhow::Result<()> {
    std::fs::create_dir_all(places.township_drop)?;
    ledger.township_cases = maker.township;
    let days = days(maker, ledger);
    for (nth, lines) in days.iter().enumerate() {
        let day = Day(maker.plan.now.day().0 - township::DAYS as i32 + nth as i32);
        let name = township::file_name(day);
        let mut text = township::file(lines);
        if nth == 2 {
            // What a spreadsheet leaves below the last row.
            text.push_str(&",".repeat(township::HEADER.split(',').count() - 1));
            text.push_str("\r\n");
        }
        if nth == 3 {
            // The last line without its end.
            text.truncate(text.trim_end().len());
        }
        let bytes = gb18030(&text);
        let whole = if nth == 1 { township::cut_off(&bytes) } else { &bytes };
        drop_file(places.township_drop, &name, whole)?;
        ledger.township_rows += lines.len() as u64;
        if nth == 0 {
            let copy = name.replace(".csv", "_1.csv");
            drop_file(places.township_drop, &copy, &bytes)?;
            ledger.first_file.clone_from(&name);
            ledger.files.push(copy);
            ledger.plant(Mess::DuplicatedFile);
        }
        if nth == 1 {
            ledger.plant(Mess::CutOffFile);
        }
        ledger.files.push(name);
    }
    Ok(())
}
