//! Everything that can be wrong with a package, in one pass: its files, its fit, its samples.

use std::collections::BTreeMap;

use canon::format::Format;

use crate::mapping::Mapping;
use crate::package::Package;
use crate::problem::Problem;
use crate::{read, sample};

/// Reads a package, compiles it against the format and, where that is the edition they are written for,
/// runs its samples.
///
/// # Errors
/// Every problem of files and fit together; where there are none, every sample's mismatch.
pub fn check(
    files: &BTreeMap<String, Vec<u8>>,
    format: &Format,
) -> Result<(Package, Mapping), Vec<Problem>> {
    let (package, mut problems) = read::package(files);
    let Some(package) = package else { return Err(problems) };
    let (mapping, unfit) = Mapping::try_compile(&package, format);
    for problem in unfit {
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }
    // Samples say what the edition gives that they are written for.
    if problems.is_empty() && package.format.text == format.edition() {
        let wrong = package.samples.keys().filter_map(|n| sample::check(&package, format, n).err());
        problems.extend(wrong.flatten());
    }
    // `adapter.toml` first, then the files below it.
    problems.sort_by(|a, b| (a.file != read::MAIN, a).cmp(&(b.file != read::MAIN, b)));
    if problems.is_empty() { Ok((package, mapping)) } else { Err(problems) }
}
