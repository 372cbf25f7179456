//! Later changes: what goes on, is corrected, withdrawn or comes new.

use std::borrow::Cow;

use canon::{Day, Millis};
use edge::legacy_db::{Cell, LegacyDb};

use super::county::{self, Rows};
use super::fill::{self, Tables};
use super::flow::Case;
use super::mess::{self, Mess};
use super::{Ledger, MINUTE, Maker, NEVER, Places, drop_file, gb18030, is_held, township};

fn now_cell(now: Millis) -> Cell {
    Some(Cow::Owned(now.to_string()))
}

/// Overwrites a case's row with what it now says.
async fn overwrite(db: &mut LegacyDb, mut row: Vec<Cell>, now: Millis) -> anyhow::Result<()> {
    county::set(&mut row, "modified_time", now_cell(now));
    let mut cells = county::CASE.iter().copied().zip(row);
    let key = cells.next().and_then(|(_, id)| id).unwrap_or_default();
    db.update("approval_case", ("case_id", &key), cells.collect()).await?;
    Ok(())
}

async fn void(
    db: &mut LegacyDb,
    number: &str,
    reason: &'static str,
    now: Millis,
) -> anyhow::Result<()> {
    let set = vec![
        ("void_flag", Some(Cow::Borrowed("Y"))),
        ("void_reason", Some(Cow::Borrowed(reason))),
        ("void_by", Some(Cow::Borrowed("op0012"))),
        ("modified_time", now_cell(now)),
    ];
    db.update("approval_case", ("case_id", number), set).await?;
    Ok(())
}

/// The county's database, one step on.
pub(super) async fn county(
    maker: &Maker,
    step: u32,
    now: Millis,
    places: &Places<'_>,
    ledger: &mut Ledger,
) -> anyhow::Result<()> {
    let mut db = LegacyDb::open(places.county_db).await?;
    if let Some(first) = maker.new_cases(step, now, false).next()
        && db.cell("approval_case", "case_id", ("case_id", &first.number)).await?.is_some()
    {
        // An interrupted step that came so far: its transaction was committed whole.
        return Ok(());
    }
    let mut tables = Tables::default();
    for index in 0..if step <= 2 { maker.county } else { 0 } {
        let mess = mess::county(maker.plan.seed, index);
        let touched = match step {
            1 => first_step(maker, index, mess, now, &mut db, &mut tables, ledger).await?,
            _ => second_step(maker, index, mess, now, &mut db).await?,
        };
        ledger.county_cases += u64::from(touched);
    }
    for case in maker.new_cases(step, now, false) {
        let mut rows = county::rows(&case, now);
        county::set(&mut rows.case, "modified_time", now_cell(now));
        tables.add(rows);
        ledger.county_cases += 1;
    }
    ledger.county_rows += tables.insert(&mut db).await?;
    db.commit().await?;
    Ok(())
}

/// Step 1: changes, voids, drafts that are reported now, cases that go on.
async fn first_step(
    maker: &Maker,
    index: u64,
    mess: Option<Mess>,
    now: Millis,
    db: &mut LegacyDb,
    tables: &mut Tables,
    ledger: &mut Ledger,
) -> anyhow::Result<bool> {
    let first = maker.plan.now;
    match mess {
        Some(Mess::ChangedCase) => {
            let case = maker.county_case(index, NEVER);
            let mut row = county::rows(&case, first).case;
            let project = format!("{}（更正）", case.project);
            county::set(&mut row, "project_name", Some(Cow::Owned(project)));
            overwrite(db, row, now).await?;
            if ledger.changed.is_empty() {
                ledger.changed = case.number;
            }
            ledger.plant(Mess::ChangedCase);
        }
        Some(Mess::VoidedCase) => {
            let number = maker.county_case(index, NEVER).number;
            void(db, &number, "01", now).await?;
            if ledger.voided.is_empty() {
                ledger.voided = number;
            }
            ledger.plant(Mess::VoidedCase);
        }
        Some(Mess::DuplicateCase) => {
            let number = fill::second_number(&maker.county_case(index, NEVER).number);
            void(db, &number, "02", now).await?;
            ledger.plant(Mess::VoidedCase);
        }
        Some(Mess::ChildBeforeParent) => {
            let case = maker.county_case(index, NEVER);
            overwrite(db, county::rows(&case, first).case, now).await?;
        }
        None if is_held(index) => go_on(maker, index, now, db, tables).await?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// A case that lay still gets its steps and its end.
async fn go_on(
    maker: &Maker,
    index: u64,
    now: Millis,
    db: &mut LegacyDb,
    tables: &mut Tables,
) -> anyhow::Result<()> {
    let before = county::rows(&maker.county_case(index, NEVER), maker.plan.now);
    let resumed = Millis(now.plus(-60 * MINUTE).0 / 1000 * 1000);
    let after = county::rows(&maker.county_case(index, resumed), now);
    let Rows { case, steps, suspends, resumes, .. } = after;
    overwrite(db, case, now).await?;
    // Only what was not there yet: its other children stand since the first look.
    let new = |rows: Vec<Vec<Cell>>, there: usize| rows.into_iter().skip(there).collect();
    tables.add_children(Rows {
        steps: new(steps, before.steps.len()),
        suspends: new(suspends, before.suspends.len()),
        resumes: new(resumes, before.resumes.len()),
        ..Rows::default()
    });
    Ok(())
}

/// Step 2: the owners have corrected what was returned to them.
async fn second_step(
    maker: &Maker,
    index: u64,
    mess: Option<Mess>,
    now: Millis,
    db: &mut LegacyDb,
) -> anyhow::Result<bool> {
    if !mess.is_some_and(Mess::is_owners) {
        return Ok(false);
    }
    let case = maker.county_case(index, NEVER);
    overwrite(db, county::rows(&case, maker.plan.now).case, now).await?;
    Ok(true)
}

/// The township's next file, and in step 1 the one that was cut off, whole.
pub(super) fn township(
    maker: &Maker,
    step: u32,
    now: Millis,
    places: &Places<'_>,
    ledger: &mut Ledger,
) -> anyhow::Result<()> {
    let today = maker.plan.now.day();
    let mut lines = Vec::new();
    if step == 1 {
        let days = fill::days(maker, &mut Ledger::default());
        let name = township::file_name(Day(today.0 - township::DAYS as i32 + 1));
        let again = days.get(1).map(|lines| township::file(lines)).unwrap_or_default();
        drop_file(places.township_drop, &name, &gb18030(&again))?;
        ledger.files.push(name);
    }
    for index in 0..if step <= 2 { maker.township } else { 0 } {
        let case = maker.township_case(index);
        let mess = mess::township(maker.plan.seed, index);
        let listed = match step {
            1 => mess.is_none() && case.moved(today.start().plus(-1), now),
            _ => mess.is_some_and(Mess::is_owners),
        };
        if listed {
            lines.push(line(&case, now, ledger));
        }
    }
    for case in maker.new_cases(step, now, true) {
        lines.push(line(&case, now, ledger));
    }
    ledger.township_cases = lines.len() as u64;
    ledger.township_rows = lines.len() as u64;
    let name = township::file_name(Day(today.0 + i32::try_from(step).unwrap_or(1) - 1));
    drop_file(places.township_drop, &name, &gb18030(&township::file(&lines)))?;
    ledger.files.push(name);
    Ok(())
}

/// A line with nothing wrong but its dates.
fn line(case: &Case<'_>, now: Millis, ledger: &mut Ledger) -> String {
    if township::is_unpadded(case) {
        ledger.plant(Mess::UnpaddedDate);
    }
    township::line(case, now).text()
}
