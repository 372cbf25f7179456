//! A case from application to collection, at times that could have been.

use canon::Millis;

use super::chance::Dice;
use super::people;
use super::world::{Item, Unit};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Who applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Person,
    Firm,
    Other,
}

/// A decision of a person at a time.
#[derive(Clone, Debug)]
pub(super) struct Act {
    pub(super) by: String,
    pub(super) staff: String,
    pub(super) at: Millis,
}

/// A step of the decision.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// 0 承办, 1 审核, 2 批准.
    pub(super) kind: usize,
    pub(super) act: Act,
    pub(super) agreed: bool,
}

/// Papers asked for, and given.
#[derive(Clone, Debug)]
pub(super) struct Supplement {
    pub(super) notice: Act,
    pub(super) what: &'static str,
    pub(super) received: Act,
}

/// The clock stands still.
#[derive(Clone, Debug)]
pub(super) struct Suspend {
    pub(super) inspection: bool,
    pub(super) from: Act,
    pub(super) until: Act,
}

/// How it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Refused,
    Returned,
    Licensed,
    Answered,
}

/// One case, whole: what is not yet is cut off when it is written.
#[derive(Clone, Debug)]
pub(super) struct Case<'w> {
    pub(super) index: u64,
    pub(super) number: String,
    pub(super) unit: &'w Unit,
    pub(super) item: &'w Item,
    pub(super) who: Who,
    pub(super) name: String,
    pub(super) document: String,
    pub(super) contact: String,
    pub(super) phone: String,
    pub(super) project: String,
    /// 0 窗口, 1 网上, 2 快递.
    pub(super) way: usize,
    pub(super) submitted: Act,
    pub(super) pre: Option<Act>,
    pub(super) supplement: Option<Supplement>,
    pub(super) accepted: Act,
    pub(super) steps: Vec<Step>,
    pub(super) suspend: Option<Suspend>,
    pub(super) outcome: Outcome,
    pub(super) ended: Act,
    pub(super) collected: Option<Act>,
}

/// When the case begins and how fast it goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) submitted: Millis,
    /// Minutes, not days, between stages.
    pub(super) hurried: bool,
    /// After the acceptance the case lay still until then.
    pub(super) resumed: Option<Millis>,
    /// Every stage there is.
    pub(super) showcase: bool,
}

struct Clock<'d> {
    dice: &'d mut Dice,
    at: Millis,
    hurried: bool,
}

impl Clock<'_> {
    /// Some time later, within office hours.
    fn later(&mut self, low: i64, high: i64) -> Act {
        let mut gap = self.dice.range(low as u64, high as u64) as i64;
        if self.hurried {
            gap = gap.clamp(MINUTE, 3 * MINUTE);
        }
        // Whole seconds, and never two stages within one minute.
        self.at = self.at.plus(gap / 1000 * 1000);
        let in_day = (self.at.0 + 8 * HOUR).rem_euclid(DAY);
        if !self.hurried && !(9 * HOUR..17 * HOUR).contains(&in_day) {
            let morning = DAY - in_day + 9 * HOUR + self.dice.range(0, 90) as i64 * MINUTE;
            self.at = self.at.plus(morning % DAY);
        }
        self.act()
    }

    fn act(&mut self) -> Act {
        let number = self.dice.range(1, 60);
        // A staff number is always the same person's.
        let by = people::name(&mut Dice::new(7, 7, number));
        Act { by, staff: format!("{number:04}"), at: self.at }
    }
}

/// Who applies, with the number of a document.
fn applicant(dice: &mut Dice, showcase: bool) -> (Who, String, String) {
    let who = match dice.range(0, 99) {
        _ if showcase => Who::Person,
        0..=64 => Who::Person,
        65..=94 => Who::Firm,
        _ => Who::Other,
    };
    let (name, document) = match who {
        Who::Person => (people::name(dice), people::citizen_id(dice)),
        Who::Firm => (people::firm(dice), people::credit_code("91", dice.range(1, 99_999_999))),
        Who::Other => (people::name(dice), format!("E9{:07}", dice.range(0, 9_999_999))),
    };
    (who, name, document)
}

fn outcome(dice: &mut Dice, item: &Item, showcase: bool) -> Outcome {
    match dice.range(0, 99) {
        _ if showcase => Outcome::Licensed,
        0..=2 => Outcome::Refused,
        3..=6 => Outcome::Returned,
        _ if item.licence.is_some() => Outcome::Licensed,
        _ => Outcome::Answered,
    }
}

/// The steps of the decision, and the stop of the clock among them.
fn decide(
    clock: &mut Clock<'_>,
    item: &Item,
    outcome: Outcome,
    showcase: bool,
) -> (Vec<Step>, Option<Suspend>) {
    let (mut steps, mut suspend) = (Vec::new(), None);
    let count = match outcome {
        Outcome::Refused => 0,
        _ if item.at_once => 1,
        _ => 3,
    };
    for kind in 0..count {
        let (low, high) = if item.at_once { (3 * MINUTE, 20 * MINUTE) } else { (HOUR, 2 * DAY) };
        let act = clock.later(low, high);
        let agreed = outcome != Outcome::Returned || kind == 0 && !item.at_once;
        steps.push(Step { kind, act, agreed });
        let stops = kind == 0 && !item.at_once && (showcase || clock.dice.percent(5));
        if stops {
            let from = clock.later(30 * MINUTE, 3 * HOUR);
            let until = clock.later(DAY, 4 * DAY);
            suspend = Some(Suspend { inspection: item.inspected, from, until });
        }
    }
    (steps, suspend)
}

/// Makes the case with this number.
pub(super) fn case<'w>(
    dice: &mut Dice,
    units: &'w [Unit],
    (index, number): (u64, String),
    pace: Pace,
) -> Case<'w> {
    let showcase = pace.showcase;
    let inspected = |i: &&Item| i.inspected && i.licence.is_some();
    let found = units.iter().find_map(|u| Some((u, u.items.iter().find(inspected)?)));
    let (unit, item) = match found.filter(|_| showcase) {
        Some(found) => found,
        None => {
            let unit = dice.of(units);
            (unit, dice.of(unit.items))
        }
    };
    let (who, name, document) = applicant(dice, showcase);
    let contact = if who == Who::Person { name.clone() } else { people::name(dice) };
    let phone = people::phone(dice);
    let way = [0, 0, 0, 0, 0, 0, 1, 1, 1, 2][dice.range(0, 9) as usize];
    let way = if showcase { 1 } else { way };
    let mut clock = Clock { at: pace.submitted, hurried: pace.hurried, dice };
    let submitted = clock.act();
    let pre = (way == 1).then(|| clock.later(20 * MINUTE, 4 * HOUR));
    let asks = !item.at_once && (showcase || clock.dice.percent(8));
    let supplement = asks.then(|| Supplement {
        notice: clock.later(30 * MINUTE, 5 * HOUR),
        what: item.materials.last().copied().unwrap_or("申请表"),
        received: clock.later(4 * HOUR, 3 * DAY),
    });
    let accepted = clock.later(3 * MINUTE, 3 * HOUR);
    if let Some(resumed) = pace.resumed {
        (clock.at, clock.hurried) = (resumed, true);
    }
    let outcome = outcome(clock.dice, item, showcase);
    let (steps, suspend) = decide(&mut clock, item, outcome, showcase);
    let ended = clock.later(5 * MINUTE, 4 * HOUR);
    let collects = outcome == Outcome::Licensed && (showcase || clock.dice.percent(85));
    let collected = collects.then(|| clock.later(10 * MINUTE, 2 * DAY));
    let project = format!("{}办理{}", if who == Who::Firm { "本企业" } else { "本人" }, item.name);
    Case {
        index,
        number,
        unit,
        item,
        who,
        name,
        document,
        contact,
        phone,
        project,
        way,
        submitted,
        pre,
        supplement,
        accepted,
        steps,
        suspend,
        outcome,
        ended,
        collected,
    }
}

impl Case<'_> {
    /// Whether anything of this case happened after `from` and not after `to`.
    pub(super) fn moved(&self, from: Millis, to: Millis) -> bool {
        let within = |act: &Act| act.at > from && act.at <= to;
        within(&self.submitted)
            || within(&self.accepted)
            || within(&self.ended) && self.outcome != Outcome::Refused
            || self.collected.as_ref().is_some_and(within)
    }

    /// The latest thing that happened by `now`.
    pub(super) fn touched(&self, now: Millis) -> Millis {
        let acts = [Some(&self.submitted), self.pre.as_ref(), Some(&self.accepted)];
        let late = [Some(&self.ended), self.collected.as_ref()];
        let supplement = self.supplement.iter().flat_map(|s| [&s.notice, &s.received]);
        let suspend = self.suspend.iter().flat_map(|s| [&s.from, &s.until]);
        acts.into_iter()
            .chain(late)
            .flatten()
            .chain(supplement)
            .chain(suspend)
            .chain(self.steps.iter().map(|s| &s.act))
            .map(|act| act.at)
            .filter(|at| *at <= now)
            .max()
            .unwrap_or(self.submitted.at)
    }
}
