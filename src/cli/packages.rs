//! The adapter packages of the repository, in the program: so that the demo and the benchmark need
//! no checkout.

use std::collections::BTreeMap;

macro_rules! package {
    ($name:literal: $($file:literal),+ $(,)?) => {
        [$(($file, include_bytes!(concat!("../../adapters/", $name, "/", $file)).as_slice())),+]
            .into_iter()
            .map(|(file, bytes)| (file.to_owned(), bytes.to_owned()))
            .collect()
    };
}

/// A county's approval database.
pub(crate) fn county_approval() -> BTreeMap<String, Vec<u8>> {
    package!(
        "county_approval":
        "README.md",
        "adapter.toml",
        "schema.sql",
        "tables/accept_state.csv",
        "tables/applicant_type.csv",
        "tables/copy_kind.csv",
        "tables/document_type.csv",
        "tables/file_kind.csv",
        "tables/pickup_way.csv",
        "tables/pre_state.csv",
        "tables/result.csv",
        "tables/special_name.csv",
        "tables/special_type.csv",
        "tables/step_state.csv",
        "tables/step_type.csv",
        "tables/submit_way.csv",
        "trigger.sql",
    )
}

/// A township window's daily files.
pub(crate) fn township_window() -> BTreeMap<String, Vec<u8>> {
    package!(
        "township_window":
        "README.md",
        "adapter.toml",
        "columns.md",
        "tables/accept_state.csv",
        "tables/applicant_type.csv",
        "tables/document_type.csv",
        "tables/pickup_way.csv",
        "tables/result.csv",
        "tables/submit_way.csv",
        "tables/void_reason.csv",
    )
}
