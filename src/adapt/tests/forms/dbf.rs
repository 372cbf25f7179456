//! DBF tables.

use encoding_rs::GBK;

use super::make::{dbf, table};
use super::{read, source};

const FIELDS: &[(&str, u8, u8)] =
    &[("编号", b'C', 20), ("数量", b'N', 20), ("日期", b'D', 8), ("是否", b'L', 1)];
const TEXT: &str = "kind = \"dbf\"\ncolumns = [\"编号\", \"数量\", \"日期\", \"是否\"]";

#[test]
fn values_stay_the_texts_they_are_and_deleted_rows_are_passed_over() {
    let file = table(
        FIELDS,
        &[
            &[" ", "投诉甲", "  110101199001011234", "20261121", "T"],
            &["*", "删除的", "1", "20261121", "F"],
            &[" ", "投诉乙", "0012.50", "", "?"],
            &[" ", "", "", "", ""],
            &[" ", "投诉丙", "-3", "2026112", "n"],
        ],
    );
    let got = read(&source(TEXT), &file).unwrap();
    assert_eq!(
        got.lines,
        [
            "[0 ]",
            "1: 投诉甲|110101199001011234|2026-11-21|T",
            "3: 投诉乙|0012.50||",
            "5: 投诉丙|-3|2026112|F",
        ]
    );
    assert!(!got.told.cut_off);
}

#[test]
fn numbers_of_foxpro_are_read_without_loss() {
    let fields = &[("N1", b'I', 4), ("N2", b'Y', 8), ("N3", b'B', 8), ("N4", b'T', 8)];
    let record: Vec<Vec<u8>> = vec![
        b" ".to_vec(),
        (-7_i32).to_le_bytes().to_vec(),
        123_456_789_i64.to_le_bytes().to_vec(),
        12.5_f64.to_le_bytes().to_vec(),
        [2_461_366_i32.to_le_bytes(), 30_600_000_i32.to_le_bytes()].concat(),
    ];
    let file = dbf(0x30, 0x7a, fields, &[record]);
    let text = "kind = \"dbf\"\ncolumns = [\"n1\", \"N2\", \"N3\", \"N4\"]";
    let got = read(&source(text), &file).unwrap();
    assert_eq!(got.lines, ["[0 ]", "1: -7|12345.6789|12.5|2026-11-21 08:30:00"]);
}

#[test]
fn the_encoding_is_the_packages_or_the_drivers_and_wrong_bytes_are_one_rows_fault() {
    let record = |text: &[u8]| vec![b" ".to_vec(), text.to_vec()];
    let fields = &[("A", b'C', 12)];
    let utf8 = dbf(0x03, 0, fields, &[record("甲乙".as_bytes())]);
    let text = "kind = \"dbf\"\nencoding = \"utf-8\"\ncolumns = [\"A\"]";
    assert_eq!(read(&source(text), &utf8).unwrap().lines, ["[0 ]", "1: 甲乙"]);
    let text = "kind = \"dbf\"\ncolumns = [\"A\"]";
    let odd = dbf(0x03, 0x4d, fields, &[record(b"\xff\xff"), record(&GBK.encode("甲").0)]);
    assert_eq!(
        read(&source(text), &odd).unwrap().lines,
        ["[0 ]", "1! adapter.undecodable", "2: 甲"]
    );
}

#[test]
fn a_table_cut_off_keeps_its_whole_records() {
    let row: &[&str] = &[" ", "甲", "1", "20261121", "T"];
    let file = table(FIELDS, &[row, row, row]);
    let got = read(&source(TEXT), &file[..file.len() - 20]).unwrap();
    assert_eq!(got.lines.len(), 4);
    assert_eq!(got.lines[3], "3! adapter.cut_off");
    assert!(got.told.cut_off);
}

#[test]
fn hostile_headers_are_refused() {
    let good = table(FIELDS, &[]);
    let with = |at: usize, bytes: &[u8]| {
        let mut odd = good.clone();
        odd[at..at + bytes.len()].copy_from_slice(bytes);
        odd
    };
    let source = source(TEXT);
    for (bytes, code) in [
        (with(0, b"\x7f"), "source.form_wrong"),
        (with(8, b"\x10\x00"), "source.file_damaged"),
        (with(8, b"\xff\xff"), "source.file_damaged"),
        (with(10, b"\x02\x00"), "source.file_damaged"),
        (with(10, b"\x00\x00"), "source.file_damaged"),
        (b"DBF".to_vec(), "source.form_wrong"),
        (table(&[("编号", b'M', 10)], &[]), "source.header_wrong"),
    ] {
        assert_eq!(read(&source, &bytes).unwrap_err().code, code);
    }
    // Records that the file does not have cost nothing.
    let got = read(&source, &with(4, &u32::MAX.to_le_bytes())).unwrap();
    assert_eq!(got.lines, ["[0 ]", "1! adapter.cut_off"]);
}
