//! Workbooks.

use std::io::Cursor;

use adapt::form::FormLimits;
use calamine::{Data, Reader as _, Xlsx};

use super::make::{Book, row};
use super::{read, read_within, source};

const TWO: &str = "kind = \"xlsx\"\ncolumns = [\"甲\", \"乙\"]";

#[test]
fn cells_are_given_as_a_person_sees_them() {
    let cells = "<row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c><c r=\"B1\" t=\"s\"><v>1</v></c></row>\
        <row r=\"2\"><c r=\"A2\"><v>46347.5</v></c><c r=\"B2\" s=\"1\"><v>46347.5</v></c></row>\
        <row r=\"4\"><c r=\"A4\" s=\"2\"><v>123</v></c><c r=\"B4\" t=\"b\"><v>1</v></c></row>\
        <row r=\"5\"><c t=\"e\"><v>#N/A</v></c><c t=\"str\"><f>HYPERLINK(\"http://x\")</f><v>点此</v></c></row>\
        <row r=\"6\"><c r=\"A6\"><v>1.1010119900101123E+17</v></c><c r=\"B6\"><v>0.30000000000000004</v></c></row>\
        <row r=\"7\"><c r=\"B7\" t=\"s\"><v>2</v></c></row>\
        <row r=\"8\"><c r=\"A8\"/><c r=\"B8\" t=\"s\"><v>3</v></c></row>";
    let book = Book::new()
        .strings(&[
            "<t>甲</t>",
            "<r><t>乙</t></r><rPh sb=\"0\" eb=\"1\"><t>yi</t></rPh>",
            "<r><rPr><b/></rPr><t>粗&amp;</t></r><r><t xml:space=\"preserve\"> 细</t></r>",
            "<t> 　</t>",
        ])
        .formats(&["yyyy\"年\"m\"月\"d\"日\"", "000000"])
        .sheet("表", cells)
        .bytes();
    let got = read(&source(TWO), &book).unwrap();
    assert_eq!(
        got.lines,
        [
            "[0 表]",
            "2: 46347.5|2026-11-21 12:00:00",
            "4: 000123|TRUE",
            "5: #N/A|点此",
            "6: 1.10101199001011E+17|0.3",
            "7: |粗& 细",
        ]
    );
}

#[test]
fn a_header_of_several_rows_is_joined_and_merged_cells_fill_down() {
    let rows = [
        row(1, &["政务公开目录"]),
        row(2, &["序号", "事项", "", "公开属性"]),
        row(3, &["", "分类", "名称", "主动公开"]),
        row(4, &["1", "行政许可", "许可甲", "是"]),
        row(5, &["2", "", "许可乙", "否"]),
        row(6, &["3", "行政处罚", "处罚丙", "是"]),
        row(7, &["合计：3"]),
        row(8, &["4", "不读", "不读", "不读"]),
    ]
    .concat();
    let merges = "<mergeCells><mergeCell ref=\"A1:D1\"/><mergeCell ref=\"A2:A3\"/>\
        <mergeCell ref=\"B2:C2\"/><mergeCell ref=\"B4:B5\"/></mergeCells>";
    let book = Book::new().sheet("目录", &format!("{rows}~{merges}")).bytes();
    let text = "kind = \"xlsx\"\nheader_row = 2\nheader_rows = 2\njoin = \"·\"\nstop = [\"合计\"]\n\
        fill_down = [\"事项·分类\"]\n\
        columns = [\"序号\", \"事项·分类\", \"事项·名称\", \"公开属性·主动公开\"]";
    let got = read(&source(text), &book).unwrap();
    assert_eq!(
        got.lines,
        [
            "[0 目录]",
            "4: 1|行政许可|许可甲|是",
            "5: 2|行政许可|许可乙|否",
            "6: 3|行政处罚|处罚丙|是"
        ]
    );
}

#[test]
fn sheets_are_found_by_name_or_pattern_and_hidden_rows_are_said() {
    let data = |a: &str| {
        format!(
            "{}<row r=\"2\" hidden=\"1\"><c r=\"A2\" t=\"inlineStr\"><is><t>{a}</t></is></c></row>",
            row(1, &["列"])
        )
    };
    let book = Book::new()
        .sheet("说明", &row(1, &["请填写"]))
        .sheet("一月", &data("甲"))
        .hidden("二月", &data("不读"))
        .sheet("三月", &data("乙"))
        .sheet("转报", &data("丙"))
        .bytes();
    let text = "kind = \"xlsx\"\n[[source.query]]\nname = \"a\"\nsheet = \"*月\"\ncolumns = [\"列\"]\n\
        [[source.query]]\nname = \"b\"\nsheet = \"转报\"\ncolumns = [\"列\"]";
    let got = read(&source(text), &book).unwrap();
    assert_eq!(got.lines, ["[0 一月]", "2: 甲", "[0 三月]", "2: 乙", "[1 转报]", "2: 丙"]);
    assert_eq!(got.told.notes.len(), 3);
    assert!(got.told.notes[0].0.contains("『一月』有 1 个隐藏行"), "{:?}", got.told.notes);
    let missing = source("kind = \"xlsx\"\nsheet = \"四月\"\ncolumns = [\"列\"]");
    assert_eq!(read(&missing, &book).unwrap_err().code, "source.sheet_missing");
}

#[test]
fn wrong_headers_and_wrong_files_are_named() {
    let book = |head: &[&str]| Book::new().sheet("一", &row(1, head)).bytes();
    let source = source(TWO);
    for (head, code) in [
        (&["甲", "丙"][..], "source.header_wrong"),
        (&["丙", "丁"], "source.header_missing"),
        (&["甲", "乙", " 甲 "], "source.header_wrong"),
    ] {
        assert_eq!(read(&source, &book(head)).unwrap_err().code, code, "{head:?}");
    }
    assert!(read(&source, &book(&[" 甲\n", "乙"])).is_ok());
    for (bytes, code) in [
        (&b"a,b\n1,2\n"[..], "source.form_wrong"),
        (b"", "source.form_wrong"),
        (b"PK\x03\x04", "source.file_damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "source.file_damaged"),
    ] {
        assert_eq!(read(&source, bytes).unwrap_err().code, code, "{bytes:?}");
    }
    let whole = book(&["甲", "乙"]);
    assert_eq!(read(&source, &whole[..whole.len() / 2]).unwrap_err().code, "source.file_damaged");
}

#[test]
fn a_workbook_that_unpacks_to_far_more_than_it_is_is_refused() {
    let source = source(TWO);
    let small = FormLimits { unpacked_bytes_max: 20 << 20, ..FormLimits::default() };
    let zeros = " ".repeat(24 << 20);
    let bomb = Book::new().sheet("一", &zeros).bytes();
    assert!(bomb.len() < 1 << 20);
    // Blanks between the tags, then a text without end: neither is held in memory.
    for (limits, name) in
        [(&small, "unpacked_bytes_max"), (&FormLimits::default(), "unpacked_ratio_max")]
    {
        let fault = read_within(&source, &bomb, limits).unwrap_err();
        assert_eq!(fault.code, "source.file_limit");
        assert!(fault.en.contains(name) || fault.en.contains("token_bytes_max"), "{}", fault.en);
    }
    let text = format!(
        "<row r=\"1\"><c t=\"inlineStr\"><is><t>{}</t></is></c></row>",
        "x".repeat(2 << 20)
    );
    let fault = read(&source, &Book::new().sheet("一", &text).bytes()).unwrap_err();
    assert!(fault.en.contains("token_bytes_max"), "{}", fault.en);
    let many = (0..5_000).fold(Book::new(), |book, n| book.part(&format!("x{n}"), Vec::new()));
    assert!(read(&source, &many.sheet("一", "").bytes()).unwrap_err().en.contains("entries_max"));
    let deep = "<a>".repeat(100);
    let fault = read(&source, &Book::new().sheet("一", &deep).bytes()).unwrap_err();
    assert!(fault.en.contains("depth_max"), "{}", fault.en);
    let few = FormLimits { cells_max: 3, ..FormLimits::default() };
    let cells = [row(1, &["甲", "乙"]), row(2, &["1", "2"])].concat();
    let fault = read_within(&source, &Book::new().sheet("一", &cells).bytes(), &few).unwrap_err();
    assert!(fault.en.contains("cells_max"), "{}", fault.en);
}

#[test]
fn entities_and_impossible_places_are_refused() {
    let source = source(TWO);
    for (rows, code) in [
        ("<row r=\"9999999\"></row>", "source.file_damaged"),
        (
            "<row r=\"1\"><c t=\"str\"><v>甲</v></c><c t=\"str\"><v>乙</v></c></row><row r=\"3\"/><row r=\"2\"/>",
            "source.file_damaged",
        ),
        ("<row r=\"1\"><c r=\"ZZZZ1\"/></row>", "source.file_damaged"),
        ("<row r=\"1\"><c t=\"s\"><v>7</v></c></row>", "source.file_damaged"),
        ("<row r=\"1\"><c t=\"str\"><v>&lol;</v></c></row>", "source.form_wrong"),
    ] {
        let fault = read(&source, &Book::new().sheet("一", rows).bytes()).unwrap_err();
        assert_eq!(fault.code, code, "{rows}");
    }
}

#[test]
fn strings_beyond_one_window_come_back_in_any_order() {
    let texts: Vec<String> =
        (0..5_000).map(|n| format!("<t>串{n}{}</t>", "长".repeat(n % 97))).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let cell = |row: usize, column: char, n: usize| {
        format!("<c r=\"{column}{row}\" t=\"s\"><v>{n}</v></c>")
    };
    let mut rows = row(1, &["甲", "乙"]);
    for n in 0..1_000 {
        let (a, b) = (n * 7 % 5_000, 4_999 - n);
        rows.push_str(&format!(
            "<row r=\"{}\">{}{}</row>",
            n + 2,
            cell(n + 2, 'A', a),
            cell(n + 2, 'B', b)
        ));
    }
    let book = Book::new().strings(&texts).sheet("一", &rows).bytes();
    let got = read(&source(TWO), &book).unwrap();
    for (n, line) in got.lines[1..].iter().enumerate() {
        let long = |n: usize| format!("串{n}{}", "长".repeat(n % 97));
        assert_eq!(*line, format!("{}: {}|{}", n + 2, long(n * 7 % 5_000), long(4_999 - n)));
    }
}

#[test]
fn another_reader_sees_the_same_texts() {
    let bytes = include_bytes!("../data/book.xlsx");
    let text = "kind = \"xlsx\"\ncolumns = [\"文本\", \"整数\", \"小数\", \"日期\"]";
    let got = read(&source(text), bytes).unwrap();
    let mut other: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).unwrap();
    let range = other.worksheet_range_at(0).unwrap().unwrap();
    let mut want = Vec::new();
    for (number, row) in range.rows().enumerate().skip(1) {
        let seen = |cell: &Data| match cell {
            Data::DateTime(t) => {
                let (y, m, d, h, min, s, _) = t.to_ymd_hms_milli();
                let time = if (h, min, s) == (0, 0, 0) {
                    String::new()
                } else {
                    format!(" {h:02}:{min:02}:{s:02}")
                };
                format!("{y:04}-{m:02}-{d:02}{time}")
            }
            cell => cell.to_string(),
        };
        let cells: Vec<String> = row.iter().map(seen).collect();
        want.push(format!("{}: {}", number + 1, cells.join("|")));
    }
    assert!(want.len() > 20);
    assert_eq!(got.lines[1..], want);
}
