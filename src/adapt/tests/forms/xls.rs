//! Old workbooks, and what hides behind their beginning.

use std::io::{Cursor, Write as _};

use adapt::form::FormLimits;
use cfb::CompoundFile;

use super::{read, read_within, source};

const TEXT: &str = "kind = \"xls\"\nheader_row = 2\nheader_rows = 2\nfill_down = [\"事项/分类\"]\n\
    columns = [\"事项/分类\", \"事项/名称\", \"日期\", \"数\"]";

/// The workbook that xlwt wrote.
const BOOK: &[u8] = include_bytes!("../data/book.xls");

/// A compound file with one stream.
fn compound(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut file = CompoundFile::create(Cursor::new(Vec::new())).expect("memory takes it");
    let mut stream = file.create_stream(name).expect("memory takes it");
    stream.write_all(bytes).expect("memory takes it");
    drop(stream);
    file.into_inner().into_inner()
}

#[test]
fn an_old_workbook_gives_the_same_rows() {
    let got = read(&source(TEXT), BOOK).unwrap();
    assert_eq!(
        got.lines,
        [
            "[0 目录]",
            "4: 行政许可|许可甲|2026-11-21|12.5",
            "5: 行政许可|许可乙|2026-11-22 08:30:00|3",
            "6: 行政处罚|处罚丙||TRUE",
        ]
    );
}

#[test]
fn a_password_is_named_and_another_compound_file_is_none_of_ours() {
    let source = source("kind = \"xlsx\"\ncolumns = [\"甲\"]");
    let locked = compound("/EncryptedPackage", b"secret");
    assert_eq!(read(&source, &locked).unwrap_err().code, "source.file_encrypted");
    let letter = compound("/WordDocument", b"words");
    assert_eq!(read(&source, &letter).unwrap_err().code, "source.form_wrong");
}

#[test]
fn cells_far_apart_cost_no_memory() {
    let limits = FormLimits { xls_area_max: 10, ..FormLimits::default() };
    let fault = read_within(&source(TEXT), BOOK, &limits).unwrap_err();
    assert!(fault.en.contains("xls_area_max"), "{}", fault.en);
    // Two numbers at the corners of the largest sheet that can be written down.
    let record = |kind: u16, data: &[u8]| {
        let length = u16::try_from(data.len()).unwrap();
        [&kind.to_le_bytes()[..], &length.to_le_bytes(), data].concat()
    };
    let number = |place: [u8; 4]| record(0x0203, &[&place[..], &[0; 10]].concat());
    let begin = record(0x0809, &[0, 6, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let stream = [begin, number([0; 4]), number([0xff; 4]), record(0x000a, &[])].concat();
    let fault = read(&source(TEXT), &compound("/Workbook", &stream)).unwrap_err();
    assert!(fault.en.contains("xls_area_max"), "{}", fault.en);
}

#[test]
fn an_odd_workbook_is_rows_or_a_fault() {
    let source = source(TEXT);
    for end in (0..BOOK.len()).step_by(61) {
        drop(read(&source, &BOOK[..end]));
    }
    for at in (0..BOOK.len()).step_by(17) {
        let mut odd = BOOK.to_vec();
        odd[at] ^= 0xa5;
        drop(read(&source, &odd));
    }
}
