//! Memo files beside DBF tables: what the three kinds say, and what hostile ones may not do.

use std::io::Cursor;
use std::ops::ControlFlow;
use std::sync::LazyLock;

use adapt::FileSource;
use adapt::form::{self, FileFault, FormError, FormLimits, Item, Reading, Scratch};
use encoding_rs::GBK;

use super::make::dbf;
use super::source;

static SOURCE: LazyLock<FileSource> =
    LazyLock::new(|| source("kind = \"dbf\"\ncolumns = [\"编号\", \"内容\"]"));
const THREE: u8 = 0x83;
const FOUR: u8 = 0x8b;
const FOXPRO: u8 = 0xf5;
const VISUAL: u8 = 0x30;

fn gbk(text: &str) -> Vec<u8> {
    GBK.encode(text).0.into_owned()
}

/// A table whose rows point at these blocks.
fn table(version: u8, blocks: &[&[u8]]) -> Vec<u8> {
    let length = if version == VISUAL { 4 } else { 10 };
    let row = |(i, block): (usize, &&[u8])| {
        vec![b" ".to_vec(), format!("{}", i + 1).into_bytes(), block.to_vec()]
    };
    let rows: Vec<Vec<Vec<u8>>> = blocks.iter().enumerate().map(row).collect();
    dbf(version, 0x4d, &[("编号", b'C', 4), ("内容", b'M', length)], &rows)
}

/// A memo file of 512-byte blocks (64 in FoxPro's), its texts from block 1 on, one after another.
fn memo(version: u8, texts: &[Vec<u8>]) -> Vec<u8> {
    let block = if matches!(version, FOXPRO | VISUAL) { 64 } else { 512 };
    let mut out = vec![0; block.max(512)];
    out[6..8].copy_from_slice(&64_u16.to_be_bytes());
    if version == FOUR {
        out[20..22].copy_from_slice(&512_u16.to_le_bytes());
    }
    for text in texts {
        let length = u32::try_from(text.len()).unwrap();
        match version {
            THREE => {}
            FOUR => {
                out.extend([0xff, 0xff, 8, 0]);
                out.extend((length + 8).to_le_bytes());
            }
            _ => {
                out.extend(1_u32.to_be_bytes());
                out.extend(length.to_be_bytes());
            }
        }
        out.extend(text);
        if version == THREE {
            out.extend([0x1a, 0x1a]);
        }
        out.resize(out.len().next_multiple_of(block), 0);
    }
    out
}

fn read_within(
    table: &[u8],
    memo: Option<&[u8]>,
    limits: &FormLimits,
) -> Result<Vec<String>, FileFault> {
    let mut scratch = || Ok(Box::new(Cursor::new(Vec::new())) as Box<dyn Scratch>);
    let mut memo = memo.map(Cursor::new);
    let memo = memo.as_mut().map(|m| m as &mut dyn form::FileDyn);
    let reading = Reading { source: &SOURCE, limits, scratch: &mut scratch, memo };
    let mut lines = Vec::new();
    let told = form::read(&mut Cursor::new(table), reading, &mut |item| {
        match item {
            Item::Part { .. } => {}
            Item::Row(row) => lines.push(row.row().get(1).unwrap_or("∅").to_owned()),
            Item::Fault { number, fault } => lines.push(format!("{number}! {}", fault.code())),
        }
        ControlFlow::Continue(())
    });
    match told {
        Ok(_) => Ok(lines),
        Err(FormError::Wrong(fault)) => Err(fault),
        Err(FormError::Io(e)) => panic!("{e}"),
    }
}

fn read(table: &[u8], memo: &[u8]) -> Result<Vec<String>, FileFault> {
    read_within(table, Some(memo), &FormLimits::default())
}

#[test]
fn texts_of_every_kind_of_memo_file_are_read() {
    let long = "办件超期，".repeat(150);
    for version in [THREE, FOUR, FOXPRO, VISUAL] {
        let memo = memo(version, &[gbk("申请逾期未办\r\n请核实"), gbk(&long)]);
        // The first text takes one block; the second begins behind it.
        let first = if matches!(version, FOXPRO | VISUAL) { 8 } else { 1 };
        let number = |n: u32| match version {
            VISUAL => n.to_le_bytes().to_vec(),
            _ => format!("{n:>10}").into_bytes(),
        };
        let none = if version == VISUAL { vec![0; 4] } else { b"          ".to_vec() };
        let table = table(version, &[&number(first), &none, &number(first + 1)]);
        let got = read(&table, &memo).unwrap();
        assert_eq!(got, ["申请逾期未办\r\n请核实", "", &long], "{version:#x}");
    }
}

#[test]
fn a_soft_line_break_of_dbase_is_no_character() {
    let mut text = gbk("第一行");
    text.extend([0x8d, b'\n']);
    text.extend(gbk("第二行"));
    let got = read(&table(THREE, &[b"         1"]), &memo(THREE, &[text])).unwrap();
    assert_eq!(got, ["第一行\n第二行"]);
}

#[test]
fn a_table_without_its_memo_file_is_refused_only_where_a_text_of_it_is_wanted() {
    let table = table(THREE, &[b"         1"]);
    let fault = read_within(&table, None, &FormLimits::default()).unwrap_err();
    assert_eq!(fault.code, "source.header_wrong");
    assert!(fault.zh.contains("『内容』") && fault.zh.contains("备注文件"), "{}", fault.zh);
    let picture = dbf(FOXPRO, 0x4d, &[("编号", b'C', 4), ("内容", b'G', 10)], &[]);
    let fault = read(&picture, &memo(FOXPRO, &[])).unwrap_err();
    assert!(fault.en.contains("no plain text"), "{}", fault.en);
}

#[test]
fn what_a_block_claims_is_one_rows_fault() {
    let ok = gbk("好");
    let cases: [(u8, &[u8], Vec<u8>, &str); 9] = [
        (THREE, b"9999999999", memo(THREE, &[]), "1! adapter.cut_off"),
        (THREE, b"18446744073709551615", memo(THREE, &[]), "1! adapter.cut_off"),
        (THREE, b"        -1", memo(THREE, &[]), "1! adapter.undecodable"),
        (THREE, b"       1.5", memo(THREE, &[]), "1! adapter.undecodable"),
        (THREE, b"         1", [memo(THREE, &[]), b"no end".to_vec()].concat(), "1! adapter.cut_off"),
        (FOUR, b"         1", [memo(FOUR, &[]), vec![0; 512]].concat(), "1! adapter.undecodable"),
        (FOXPRO, b"         8", [memo(FOXPRO, &[]), vec![0; 64]].concat(), "1! adapter.undecodable"),
        (FOXPRO, b"         8", [memo(FOXPRO, &[]), vec![0, 0, 0, 1, 255, 255, 255, 255]].concat(), "1! adapter.cut_off"),
        (FOXPRO, b"         8", [memo(FOXPRO, &[]), vec![0, 0, 0, 1, 0, 0, 0, 1, 0xff]].concat(), "1! adapter.undecodable"),
    ];
    for (version, block, file, want) in cases {
        let got = read(&table(version, &[block, b"          "]), &file).unwrap();
        assert_eq!(got.first().map(String::as_str), Some(want), "{version:#x} {block:?}");
        assert_eq!(got.len(), 2, "the next row is read");
    }
    let fault = read(&table(FOXPRO, &[b"         8"]), &ok).unwrap_err();
    assert_eq!(fault.code, "source.file_damaged");
}

#[test]
fn one_text_that_every_row_points_at_does_not_grow_without_limit() {
    let memo_of = memo;
    let memo = memo(FOXPRO, &[vec![b'a'; 4096]]);
    let rows: Vec<&[u8]> = vec![b"         8"; 100];
    let limits = FormLimits { unpacked_bytes_max: 100_000, ..FormLimits::default() };
    let fault = read_within(&table(FOXPRO, &rows), Some(&memo), &limits).unwrap_err();
    assert_eq!(fault.code, "source.file_limit");
    assert!(fault.en.contains("unpacked_bytes_max = 100000"), "{}", fault.en);
    let long = vec![b'a'; adapt::ROW_BYTES_MAX + 1];
    for version in [THREE, FOXPRO] {
        let block: &[u8] = if version == THREE { b"         1" } else { b"         8" };
        let got = read(&table(version, &[block]), &memo_of(version, &[long.clone()]));
        assert_eq!(got.unwrap(), ["1! adapter.row_too_long"], "{version:#x}");
    }
}

#[test]
fn every_changed_byte_of_table_and_memo_file_is_rows_or_a_fault() {
    for version in [THREE, FOUR, FOXPRO, VISUAL] {
        let memo = memo(version, &[gbk("申请逾期未办")]);
        let one: &[u8] = match version {
            VISUAL => &[8, 0, 0, 0],
            FOXPRO => b"         8",
            _ => b"         1",
        };
        let table = table(version, &[one]);
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
