//! The raw floors: reading the CSV, hashing, compressing, and writing 500-record frames plus
//! pointer rows into SQLite, with the bytes of the same run in the same grouping.

use std::path::Path;

use canon::{DigestAlg, leaf_hash};
use store::sqlite::Floor;

use super::meter::Meter;
use super::report::Line;
use crate::assemble::store_failure;
use crate::files;
use crate::text::Failure;

/// Records of one frame.
const FRAME: usize = 500;
/// Largest input file read whole.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// Measures the floors over an input file and the fragments it gave.
pub(crate) async fn measure(
    file: &Path,
    folder: &Path,
    fragments: &[&[u8]],
) -> Result<Vec<Line>, Failure> {
    let (records, bytes) =
        (fragments.len() as u64, fragments.iter().map(|f| f.len()).sum::<usize>());
    let mut lines = Vec::new();

    let meter = Meter::start();
    let input = files::bytes(file, FILE_BYTES_MAX)?;
    let (text, _, _) = encoding_rs::GB18030.decode(&input);
    let cells: usize = text.lines().map(|line| line.split(',').count()).sum();
    std::hint::black_box(cells);
    lines.push(Line::new("read the CSV", records, input.len() as u64, meter.taken()));

    let meter = Meter::start();
    let digests: Vec<_> = fragments.iter().map(|f| leaf_hash(DigestAlg::default(), f)).collect();
    lines.push(Line::new("hash once", records, bytes as u64, meter.taken()));

    let meter = Meter::start();
    let frames: Vec<Vec<u8>> =
        fragments.chunks(FRAME).map(|group| envelope::frame(&group.concat(), 1)).collect();
    let packed: usize = frames.iter().map(Vec::len).sum();
    lines.push(Line::new("compress once (zstd 1)", records, bytes as u64, meter.taken()));

    let departments = super::input::DEPARTMENTS as usize;
    let keys: Vec<(String, canon::Digest)> = digests
        .iter()
        .enumerate()
        .map(|(i, digest)| {
            let case = i / 3;
            let number =
                format!("{:04}20260105{:09}@bench", case % departments, case / departments);
            (format!("{number}/{}", i % 3), *digest)
        })
        .collect();
    let mut floor = Floor::create(&folder.join("floor.db")).await.map_err(store_failure)?;
    let meter = Meter::start();
    for (frame, keys) in frames.into_iter().zip(keys.chunks(FRAME)) {
        floor.put(frame, keys).await.map_err(store_failure)?;
    }
    lines.push(Line::new(
        "frames + pointer rows into SQLite",
        records,
        packed as u64,
        meter.taken(),
    ));
    Ok(lines)
}
