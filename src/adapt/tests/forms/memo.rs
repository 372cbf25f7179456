//! Memo files beside DBF tables: what the three kinds say, and what hostile ones may not do.

use std::io::Cursor;
use std::path::Path;
use std::sync::LazyLock;

use adapt::FileSource;
use adapt::form::{FileFault, FormLimits, is_memo, memo_paths};
use encoding_rs::GBK;

use super::make::{FOUR, FOXPRO, THREE, VISUAL, block, dbf, memo};
use super::{read_beside, source};

const ALL: [u8; 4] = [THREE, FOUR, FOXPRO, VISUAL];

static SOURCE: LazyLock<FileSource> =
    LazyLock::new(|| source("kind = \"dbf\"\ncolumns = [\"编号\", \"内容\"]"));

fn gbk(text: &str) -> Vec<u8> {
    GBK.encode(text).0.into_owned()
}

/// A table of rows 1, 2 … with these bytes for their texts' blocks.
fn table(version: u8, blocks: &[Vec<u8>]) -> Vec<u8> {
    let length = if version == VISUAL { 4 } else { 10 };
    let row = |(i, block): (usize, &Vec<u8>)| {
        vec![b" ".to_vec(), format!("{}", i + 1).into_bytes(), block.clone()]
    };
    let rows: Vec<Vec<Vec<u8>>> = blocks.iter().enumerate().map(row).collect();
    dbf(version, 0x4d, &[("编号", b'C', 4), ("内容", b'M', length)], &rows)
}

/// A table whose rows have these texts, and its memo file.
fn both(version: u8, texts: &[Vec<u8>]) -> (Vec<u8>, Vec<u8>) {
    let (memo, blocks) = memo(version, texts);
    let blocks: Vec<Vec<u8>> = blocks.iter().map(|n| block(version, Some(*n))).collect();
    (table(version, &blocks), memo)
}

fn read_within(
    table: &[u8],
    memo: Option<&[u8]>,
    limits: &FormLimits,
) -> Result<Vec<String>, FileFault> {
    let mut memo = memo.map(Cursor::new);
    let got = read_beside(&SOURCE, table, memo.as_mut().map(|m| m as _), limits)?;
    let line = |line: &String| match line.split_once('|') {
        Some((_, text)) => text.to_owned(),
        None => line.clone(),
    };
    Ok(got.lines.iter().skip(1).map(line).collect())
}

fn read(table: &[u8], memo: &[u8]) -> Result<Vec<String>, FileFault> {
    read_within(table, Some(memo), &FormLimits::default())
}

#[test]
fn texts_of_every_kind_of_memo_file_are_read() {
    let long = "办件超期，".repeat(150);
    for version in ALL {
        let (memo, at) = memo(version, &[gbk("申请逾期未办\r\n请核实"), gbk(&long), gbk("")]);
        let number = |n: usize| block(version, Some(at[n]));
        let table = table(version, &[number(1), block(version, None), number(0), number(2)]);
        let got = read(&table, &memo).unwrap();
        assert_eq!(got, [&long, "", "申请逾期未办\r\n请核实", ""], "{version:#x}");
    }
}

#[test]
fn the_block_size_is_the_files_own() {
    // FoxPro: blocks of one byte, as `SET BLOCKSIZE TO 0` makes them; dBASE IV: of 1024, and not said.
    let text = gbk("请核实");
    let (mut one, _) = memo(FOXPRO, std::slice::from_ref(&text));
    one[6..8].copy_from_slice(&[0, 0]);
    assert_eq!(read(&table(FOXPRO, &[b"       512".to_vec()]), &one).unwrap(), ["请核实"]);
    let (mut four, _) = memo(FOUR, std::slice::from_ref(&text));
    four[20..22].copy_from_slice(&[0, 0]);
    assert_eq!(read(&table(FOUR, &[b"         1".to_vec()]), &four).unwrap(), ["请核实"]);
    four[20..22].copy_from_slice(&1024_u16.to_le_bytes());
    four.splice(512..512, [0; 512]);
    assert_eq!(read(&table(FOUR, &[b"         1".to_vec()]), &four).unwrap(), ["请核实"]);
    // One that lies leads to what is no block: a row's fault, and the next row is read.
    for (version, at, lie) in [(FOUR, 20, 700_u16.to_le_bytes()), (FOXPRO, 6, 65_u16.to_be_bytes())]
    {
        let (mut odd, blocks) = memo(version, &[gbk("一"), gbk("二")]);
        odd[at..at + 2].copy_from_slice(&lie);
        let rows = [block(version, Some(blocks[1])), block(version, None)];
        let got = read(&table(version, &rows), &odd).unwrap();
        assert!(got[0].starts_with("1! ") && got.len() == 2, "{version:#x} {got:?}");
    }
}

#[test]
fn a_soft_line_break_of_dbase_is_no_character() {
    // The second line ends with a character whose last byte is the mark's.
    let mut text = gbk("第一行");
    text.extend([0x8d, b'\n']);
    text.extend(gbk("第二行粛\n"));
    text.extend(gbk("第三行"));
    assert_eq!(gbk("粛").last(), Some(&0x8d));
    let (table, memo) = both(THREE, &[text]);
    assert_eq!(read(&table, &memo).unwrap(), ["第一行\n第二行粛\n第三行"]);
}

#[test]
fn a_table_without_its_memo_file_is_refused_only_where_a_text_of_it_is_wanted() {
    let (table, _) = both(THREE, &[gbk("一")]);
    let fault = read_within(&table, None, &FormLimits::default()).unwrap_err();
    assert_eq!(fault.code, "source.header_wrong");
    assert!(fault.zh.contains("『内容』") && fault.zh.contains("备注文件"), "{}", fault.zh);
    let numbers = source("kind = \"dbf\"\ncolumns = [\"编号\"]");
    let got = read_beside(&numbers, &table, None, &FormLimits::default()).unwrap();
    assert_eq!(got.lines, ["[0 ]", "1: 1"]);
    let picture = dbf(FOXPRO, 0x4d, &[("编号", b'C', 4), ("内容", b'G', 10)], &[]);
    let fault = read(&picture, &memo(FOXPRO, &[]).0).unwrap_err();
    assert!(fault.en.contains("no plain text"), "{}", fault.en);
}

#[test]
fn what_a_block_claims_is_one_rows_fault() {
    let cases: [(u8, &[u8], &[u8], &str); 14] = [
        (THREE, b"9999999999", b"", "adapter.cut_off"),
        (THREE, b"        -1", b"", "adapter.undecodable"),
        (THREE, b"       1.5", b"", "adapter.undecodable"),
        (THREE, b"         1", b"no end", "adapter.cut_off"),
        (FOUR, b"         1", &[0; 512], "adapter.undecodable"),
        (FOUR, b"         1", &[255, 255, 8, 0], "adapter.cut_off"),
        (FOUR, b"         1", &[255, 255, 8, 0, 7, 0, 0, 0], "adapter.undecodable"),
        (FOUR, b"         1", &[255, 255, 8, 0, 9, 0, 0, 0], "adapter.cut_off"),
        (FOXPRO, b"         1", &[0; 64], "adapter.cut_off"),
        (FOXPRO, b"         8", &[0; 64], "adapter.undecodable"),
        (FOXPRO, b"         8", &[0, 0, 0, 0, 0, 0, 0, 1, b'a'], "adapter.undecodable"),
        (FOXPRO, b"         8", &[0, 0, 0, 1, 255, 255, 255, 255, b'a'], "adapter.cut_off"),
        (FOXPRO, b"         8", &[0, 0, 0, 1, 0, 0, 0, 1, 255], "adapter.undecodable"),
        (VISUAL, &[255; 4], &[0; 64], "adapter.cut_off"),
    ];
    for (version, at, tail, code) in cases {
        let file = [memo(version, &[]).0, tail.to_vec()].concat();
        let got = read(&table(version, &[at.to_vec(), block(version, None)]), &file).unwrap();
        assert_eq!(got, [&format!("1! {code}"), ""], "{version:#x} {at:?} {tail:?}");
    }
    for short in [0, 2, 31] {
        let fault = read(&table(FOXPRO, &[b"         8".to_vec()]), &vec![0; short]).unwrap_err();
        assert_eq!(fault.code, "source.file_damaged");
    }
}

#[test]
fn one_text_that_every_row_points_at_does_not_grow_without_limit() {
    let (file, at) = memo(FOXPRO, &[vec![b'a'; 4096]]);
    let rows = vec![block(FOXPRO, Some(at[0])); 100];
    let limits = FormLimits { unpacked_bytes_max: 100_000, ..FormLimits::default() };
    let fault = read_within(&table(FOXPRO, &rows), Some(&file), &limits).unwrap_err();
    assert_eq!(fault.code, "source.file_limit");
    assert!(fault.en.contains("unpacked_bytes_max = 100000"), "{}", fault.en);
}

#[test]
fn a_row_is_not_longer_with_memo_files_than_without() {
    let long = vec![b'a'; adapt::ROW_BYTES_MAX + 1];
    for version in ALL {
        let (table, memo) = both(version, &[long.clone(), gbk("好")]);
        assert_eq!(read(&table, &memo).unwrap(), ["1! adapter.row_too_long", "好"], "{version:#x}");
    }
    // Neither is the sum of its texts.
    let half = vec![b'a'; adapt::ROW_BYTES_MAX / 2 + 1];
    let (file, at) = memo(FOXPRO, &[half]);
    let text = block(FOXPRO, Some(at[0]));
    let fields = [("编号", b'M', 10), ("内容", b'M', 10)];
    let one = vec![b" ".to_vec(), text.clone(), text.clone()];
    let other = vec![b" ".to_vec(), text, block(FOXPRO, None)];
    let got = read(&dbf(FOXPRO, 0x4d, &fields, &[one, other]), &file).unwrap();
    assert_eq!((got[0].as_str(), got[1].as_str()), ("1! adapter.row_too_long", ""));
}

#[test]
fn every_changed_byte_of_table_and_memo_file_is_rows_or_a_fault() {
    for version in ALL {
        let (table, memo) = both(version, &[gbk("申请逾期未办")]);
        for at in 0..memo.len() {
            let mut odd = memo.clone();
            odd[at] ^= 0x55;
            drop(read(&table, &odd));
            drop(read(&table, &memo[..at]));
        }
        for at in 0..table.len() {
            let mut odd = table.clone();
            odd[at] ^= 0x55;
            drop(read(&odd, &memo));
        }
    }
}

#[test]
fn a_memo_file_is_known_by_its_name_in_capitals_or_not() {
    let names: Vec<String> = memo_paths(Path::new("in/Ts1.dbf"))
        .iter()
        .map(|p| p.strip_prefix("in").unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(names[..4], ["Ts1.dbt", "Ts1.DBT", "Ts1.fpt", "Ts1.FPT"], "its own name first");
    assert!(names.contains(&"ts1.dbt".to_owned()) && names.contains(&"TS1.FPT".to_owned()));
    assert_eq!(memo_paths(Path::new("投诉.dbf")).len(), 4, "each once");
    for (name, memo) in [("a.dbt", true), ("A.Fpt", true), ("a.dbf", false), ("fpt", false)] {
        assert_eq!(is_memo(name), memo, "{name}");
    }
}
