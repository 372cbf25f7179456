//! The adapter packages of the repository, in the program: so that the demo and the benchmark need
//! no checkout.

use std::collections::BTreeMap;

/// One file: its path below `adapters`, its bytes.
pub(crate) type Packed = (&'static str, &'static [u8]);

macro_rules! packed {
    ($($path:literal)+) => {
        /// Every file of both packages.
        pub(crate) const PACKED: &[Packed] =
            &[$(($path, include_bytes!(concat!("../../adapters/", $path)))),+];
    };
}

packed! {
    "county_approval/README.md"
    "county_approval/adapter.toml"
    "county_approval/samples/dirty/expected.json"
    "county_approval/samples/dirty/input.json"
    "county_approval/samples/voided/expected.json"
    "county_approval/samples/voided/input.json"
    "county_approval/samples/whole_case/expected.json"
    "county_approval/samples/whole_case/input.json"
    "county_approval/samples/write_back_touch/expected.json"
    "county_approval/samples/write_back_touch/input.json"
    "county_approval/schema.sql"
    "county_approval/tables/accept_state.csv"
    "county_approval/tables/applicant_type.csv"
    "county_approval/tables/copy_kind.csv"
    "county_approval/tables/document_type.csv"
    "county_approval/tables/file_kind.csv"
    "county_approval/tables/pickup_way.csv"
    "county_approval/tables/pre_state.csv"
    "county_approval/tables/result.csv"
    "county_approval/tables/special_name.csv"
    "county_approval/tables/special_type.csv"
    "county_approval/tables/step_state.csv"
    "county_approval/tables/step_type.csv"
    "county_approval/tables/submit_way.csv"
    "county_approval/trigger.sql"
    "township_window/README.md"
    "township_window/adapter.toml"
    "township_window/columns.md"
    "township_window/samples/dirty/expected.json"
    "township_window/samples/dirty/input.csv"
    "township_window/samples/listed_again/expected.json"
    "township_window/samples/listed_again/input.2.csv"
    "township_window/samples/listed_again/input.3.csv"
    "township_window/samples/listed_again/input.csv"
    "township_window/samples/ordinary/expected.json"
    "township_window/samples/ordinary/input.csv"
    "township_window/samples/undecodable/expected.json"
    "township_window/samples/undecodable/input.csv"
    "township_window/samples/voided/expected.json"
    "township_window/samples/voided/input.csv"
    "township_window/tables/accept_state.csv"
    "township_window/tables/applicant_type.csv"
    "township_window/tables/document_type.csv"
    "township_window/tables/pickup_way.csv"
    "township_window/tables/result.csv"
    "township_window/tables/submit_way.csv"
    "township_window/tables/void_reason.csv"
}

/// A township window's daily files, by their names in the package.
pub(crate) fn township_window() -> BTreeMap<String, Vec<u8>> {
    PACKED
        .iter()
        .filter_map(|(path, bytes)| Some((path.strip_prefix("township_window/")?, bytes)))
        .map(|(name, bytes)| (name.to_owned(), bytes.to_vec()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files;
    use std::path::Path;

    #[test]
    fn every_file_of_the_packages_is_packed() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../adapters");
        for package in ["county_approval", "township_window"] {
            let there: Vec<String> = files::folder(&root.join(package))
                .unwrap()
                .into_keys()
                .map(|name| format!("{package}/{name}"))
                .collect();
            let packed: Vec<&str> =
                PACKED.iter().map(|(path, _)| *path).filter(|p| p.starts_with(package)).collect();
            assert_eq!(packed, there, "add the file to the list above");
        }
    }
}
