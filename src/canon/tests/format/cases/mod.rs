//! One accepting and one refusing line for every declared rule.

mod catalogue;
mod marks;
mod orders;
mod penalties;
mod publicity;
mod stages;
mod voices;

pub(crate) type Set = &'static [(&'static str, &'static str)];

/// A declared rule: what both records share, what only the accepted and only the refused one has.
/// An empty value is an absent field; `TYPE/part` puts facts into the case.
pub(crate) struct Case {
    pub(crate) id: &'static str,
    pub(crate) both: Set,
    pub(crate) good: Set,
    pub(crate) bad: Set,
}

pub(crate) const fn case(id: &'static str, both: Set, good: Set, bad: Set) -> Case {
    Case { id, both, good, bad }
}

/// Every case.
pub(crate) fn all() -> impl Iterator<Item = &'static Case> {
    [
        catalogue::CASES,
        marks::CASES,
        orders::CASES,
        penalties::CASES,
        publicity::CASES,
        stages::CASES,
        voices::CASES,
    ]
    .into_iter()
    .flatten()
}
