//! The demo's legacy data: a county's approval database and a township window's daily files.
//!
//! Made from a seed, with the usual mess in it. It knows tables, headers and people's habits; what
//! the exchange will say to any of it, it does not know.

mod chance;
mod county;
mod fill;
mod flow;
mod later;
mod mess;
mod people;
#[cfg(test)]
mod tests;
mod township;
mod world;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;
use canon::Millis;

use chance::Dice;
use flow::{Case, Pace};
pub(crate) use mess::Mess;
pub(crate) use world::UNKNOWN_ITEM;
use world::World;

/// Fewest cases: below it not every kind of mess finds a place.
pub(crate) const CASES_MIN: u64 = 100;

/// What to make.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// The same seed gives the same data.
    pub(crate) seed: u64,
    /// Cases of county and township together; at least [`CASES_MIN`].
    pub(crate) cases: u64,
    /// The moment at which the legacy systems are looked at first; nothing in them is later.
    pub(crate) now: Millis,
}

/// Where to put it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Places<'a> {
    /// The county's SQLite file; made by [`generate`].
    pub(crate) county_db: &'a Path,
    /// The text of the adapter's `schema.sql` (and a trigger, if wanted).
    pub(crate) ddl: &'a str,
    /// The township's drop folder; made if it is not there.
    pub(crate) township_drop: &'a Path,
}

/// What was planted, for the story only.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    /// Cases in the county's database, or touched there by this step.
    pub(crate) county_cases: u64,
    /// Rows written into all of its tables.
    pub(crate) county_rows: u64,
    /// Cases at the township's window.
    pub(crate) township_cases: u64,
    /// Lines in all of its files.
    pub(crate) township_rows: u64,
    /// Files dropped.
    pub(crate) files: Vec<String>,
    /// How often each kind of mess was planted.
    pub(crate) planted: BTreeMap<Mess, u64>,
    /// A county case with every stage, to be traced.
    pub(crate) showcase: String,
    /// A county case that was changed by this step, and one that was withdrawn.
    pub(crate) changed: String,
    /// See `changed`.
    pub(crate) voided: String,
    /// The first file; its line 17 has a citizen number whose check digit should be X.
    pub(crate) first_file: String,
}

impl Ledger {
    fn plant(&mut self, mess: Mess) {
        *self.planted.entry(mess).or_default() += 1;
    }
}

/// Writes everything as it stands at `plan.now`.
///
/// # Errors
/// Where the database or a file cannot be written; a database that is there already is refused by
/// its keys.
pub(crate) async fn generate(plan: &Plan, places: &Places<'_>) -> anyhow::Result<Ledger> {
    let maker = Maker::new(*plan);
    let mut ledger = Ledger::default();
    fill::county(&maker, places, &mut ledger).await?;
    fill::township(&maker, places, &mut ledger)?;
    Ok(ledger)
}

/// Lets time pass: step 1 goes on with open cases, changes and voids some and delivers the cut-off
/// file again; step 2 brings the owners' corrections; each step brings new cases and the next day's
/// file. `now` must rise from step to step.
///
/// # Errors
/// As [`generate`].
pub(crate) async fn advance(
    plan: &Plan,
    step: u32,
    now: Millis,
    places: &Places<'_>,
) -> anyhow::Result<Ledger> {
    let maker = Maker::new(*plan);
    let mut ledger = Ledger::default();
    later::county(&maker, step, now, places, &mut ledger).await?;
    later::township(&maker, step, now, places, &mut ledger)?;
    Ok(ledger)
}

/// The code lists that come down from above, as CSV `code,name`: (items, regions). The item that a
/// clerk made up is not among them.
pub(crate) fn lists() -> (String, String) {
    let world = World::new();
    let table = |rows: &mut dyn Iterator<Item = (&str, &str)>| {
        rows.fold(String::from("code,name\n"), |mut text, (code, name)| {
            writeln!(text, "{code},{name}").expect("a string takes all text");
            text
        })
    };
    (
        table(&mut world.items().map(|i| (i.code, i.name))),
        table(&mut world::REGIONS.iter().copied()),
    )
}

/// Makes cases by their number.
struct Maker {
    plan: Plan,
    world: World,
    county: u64,
    township: u64,
}

/// A moment that never comes.
const NEVER: Millis = Millis(i64::MAX / 2);
const MINUTE: i64 = 60_000;
/// Days over which the county's cases were applied for.
const COUNTY_DAYS: u64 = 30;

impl Maker {
    fn new(mut plan: Plan) -> Self {
        plan.cases = plan.cases.max(CASES_MIN);
        let township = plan.cases * 3 / 10;
        Self { plan, world: World::new(), county: plan.cases - township, township }
    }

    /// New cases of each later step, county and township alike.
    fn batch(&self) -> u64 {
        (self.plan.cases / 40).max(5)
    }

    /// A county case of the first look. Some lie still after their acceptance until `resumed`.
    fn county_case(&self, index: u64, resumed: Millis) -> Case<'_> {
        let mut dice = Dice::new(self.plan.seed, 0xC1, index);
        let day = self.plan.now.day().0 - (COUNTY_DAYS as i32)
            + (index * COUNTY_DAYS / self.county) as i32;
        let submitted = office_time(&mut dice, canon::Day(day));
        let lies = is_held(index);
        let pace = Pace {
            submitted,
            hurried: false,
            resumed: lies.then_some(resumed),
            showcase: index == 0,
        };
        let number = format!("{}{}{index:07}", world::COUNTY, compact(submitted));
        flow::case(&mut dice, &self.world.county, (index, number), pace)
    }

    /// A township case of the first look.
    fn township_case(&self, index: u64) -> Case<'_> {
        let mut dice = Dice::new(self.plan.seed, 0x71, index);
        let nth =
            if index < township::FIRST_DAY { 0 } else { index * township::DAYS / self.township };
        let day = self.plan.now.day().0 - township::DAYS as i32 + nth as i32;
        let submitted = office_time(&mut dice, canon::Day(day));
        let pace = Pace { submitted, hurried: false, resumed: None, showcase: false };
        let number = format!("{}{}{index:06}", world::TOWNSHIP, compact(submitted));
        let units = std::slice::from_ref(&self.world.township);
        flow::case(&mut dice, units, (index, number), pace)
    }

    /// Cases that come new with a later step, all of them decided within the last two hours.
    fn new_cases(&self, step: u32, now: Millis, township: bool) -> impl Iterator<Item = Case<'_>> {
        let batch = self.batch();
        let (first, region, units) = if township {
            (self.township, world::TOWNSHIP, std::slice::from_ref(&self.world.township))
        } else {
            (self.county, world::COUNTY, self.world.county.as_slice())
        };
        let first = first + u64::from(step.saturating_sub(1)) * batch;
        (first..first + batch).map(move |index| {
            let mut dice = Dice::new(self.plan.seed, if township { 0x72 } else { 0xC2 }, index);
            let wait = dice.range(60, 100) as i64;
            let submitted = Millis(now.plus(-wait * MINUTE).0 / 1000 * 1000);
            let pace = Pace { submitted, hurried: true, resumed: None, showcase: false };
            let number = format!("{region}{}{index:07}", compact(submitted));
            flow::case(&mut dice, units, (index, number), pace)
        })
    }
}

/// Whether the case lies still until the first later step.
const fn is_held(index: u64) -> bool {
    index % 50 == 29
}

fn office_time(dice: &mut Dice, day: canon::Day) -> Millis {
    day.start().plus(9 * 60 * MINUTE + dice.range(0, 7 * 3600) as i64 * 1000)
}

/// `YYYYMMDD`.
fn compact(at: Millis) -> String {
    let (y, m, d) = at.day().civil();
    format!("{y:04}{m:02}{d:02}")
}

/// Puts a file into the drop folder whole, as a decent sender does.
fn drop_file(folder: &Path, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
    let part = folder.join(format!(".{name}.part"));
    std::fs::write(&part, bytes).with_context(|| format!("writing {}", part.display()))?;
    let path = folder.join(name);
    std::fs::rename(&part, &path).with_context(|| format!("writing {}", path.display()))
}

fn gb18030(text: &str) -> Vec<u8> {
    encoding_rs::GB18030.encode(text).0.into_owned()
}
