//! Bodies of narrowing down, as a strategy draws them.

use canon::{Day, Prefix};
use envelope::control::{DifferenceRow, Question, Stated, Sum};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::round::{node, text};

pub(crate) fn question() -> impl Strategy<Value = Question> {
    (0..40_000, any::<u32>(), any::<u32>()).prop_map(|(day, pass, step)| Question {
        day: Day(day),
        pass,
        step,
    })
}

pub(crate) fn prefix() -> impl Strategy<Value = Prefix> {
    (any::<u64>(), 0..16_u8).prop_map(|(place, digits)| Prefix::of(place, digits))
}

pub(crate) fn sums() -> impl Strategy<Value = [Sum; 16]> {
    let sum = option::of(any::<(u64, u64)>());
    vec(sum, 16).prop_map(|v| std::array::from_fn(|i| v[i].unwrap_or_default()))
}

pub(crate) fn stated() -> impl Strategy<Value = Stated> {
    let row = (text(), text(), option::of(text()));
    let row = row.prop_map(|(record, cause, detail)| DifferenceRow { record, cause, detail });
    (question(), node(), any::<bool>(), vec(row, 0..4))
        .prop_map(|(question, sender, more, rows)| Stated { question, sender, more, rows })
}
