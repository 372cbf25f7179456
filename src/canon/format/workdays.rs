//! Working days: Monday to Friday, but for the days that a list names.

use super::lists::OpenList;
use super::time;
use crate::time::Day;

/// Most working days that a rule may count.
pub const WORKDAYS_MAX: u16 = 366;

/// The last day of a term of so many working days; the day it runs from is not counted. A day that
/// the list names is the contrary of its weekday: a Friday a holiday (放假), a Sunday worked (调休上班).
pub(crate) fn last_day(from: Day, workdays: u16, named: Option<&OpenList>) -> Day {
    let mut day = from;
    let mut left = workdays;
    // A list of nothing but holidays must not keep a record for ever.
    for _ in 0..u32::from(workdays) * 7 + 366 {
        if left == 0 {
            break;
        }
        day = Day(day.0 + 1);
        if is_worked(day, named) {
            left -= 1;
        }
    }
    day
}

fn is_worked(day: Day, named: Option<&OpenList>) -> bool {
    // Day 0, the first of 1970, was a Thursday.
    let weekday = (day.0 + 3).rem_euclid(7) < 5;
    weekday != named.is_some_and(|list| list.contains_key(day.to_string().as_str()))
}

/// The day of a well-formed time.
pub(crate) fn day_of(text: &str) -> Option<Day> {
    time::check(text).ok()?;
    Day::parse(text.get(..10)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(from: &str, workdays: u16, named: &[&str]) -> String {
        let list: OpenList = named.iter().map(|d| ((*d).into(), "".into())).collect();
        last_day(Day::parse(from).unwrap(), workdays, Some(&list)).to_string()
    }

    #[test]
    fn weekends_are_left_out_and_the_first_day_is_not_counted() {
        // 2026-03-05 is a Thursday.
        assert_eq!(last("2026-03-05", 3, &[]), "2026-03-10");
        assert_eq!(last("2026-03-07", 3, &[]), "2026-03-11");
        assert_eq!(last("2026-03-02", 3, &[]), "2026-03-05");
        assert_eq!(last("2026-03-02", 0, &[]), "2026-03-02");
        assert_eq!(last_day(Day(0), 1, None).to_string(), "1970-01-02");
    }

    #[test]
    fn a_named_weekday_is_a_holiday_and_a_named_weekend_day_is_worked() {
        let golden_week = ["2026-10-01", "2026-10-02", "2026-10-05", "2026-10-06", "2026-10-07"];
        assert_eq!(last("2026-09-30", 3, &golden_week), "2026-10-12");
        let worked = [&golden_week[..], &["2026-10-10"]].concat();
        assert_eq!(last("2026-09-30", 3, &worked), "2026-10-10");
    }

    #[test]
    fn a_year_of_holidays_ends() {
        let all: Vec<String> = (0..5000).map(|n| Day(n).to_string()).collect();
        let list: OpenList = all.iter().map(|d| (d.as_str().into(), "".into())).collect();
        assert!(last_day(Day(0), 3, Some(&list)).0 < 5000);
    }
}
