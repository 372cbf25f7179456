//! JSON files.

use super::{read, source};

const TEXT: &str =
    "kind = \"json\"\nrecord = \"data/items\"\ncolumns = [\"no\", \"who/name\", \"n\", \"ok\"]";
const FLAT: &str = "kind = \"json\"\ncolumns = [\"no\", \"n\"]";

#[test]
fn an_array_under_a_path_is_read_and_numbers_stay_as_they_are_written() {
    let file = r#"{"code": 0, "skip": [[{"data": 1}]], "data": {"total": 3, "items": [
        {"no": "甲\u4e59", "who": {"name": "某某"}, "n": 110101199001011234567890, "ok": true, "more": [1, {"a": []}]},
        {"no": null, "who": null, "n": 1.50, "ok": false},
        {"n": -0.0}
    ], "after": "x"}}"#;
    let got = read(&source(TEXT), file.as_bytes()).unwrap();
    assert_eq!(
        got.lines,
        [
            "[0 ]",
            "1: 甲乙|某某|110101199001011234567890|true",
            "2: ∅|∅|1.50|false",
            "3: ∅|∅|-0.0|∅"
        ]
    );
}

#[test]
fn lines_an_array_and_one_object_are_the_same() {
    for file in [
        "{\"no\": \"1\", \"n\": 2}\n{\"no\": \"3\", \"n\": 4}\n",
        "\u{feff}[{\"no\": \"1\", \"n\": 2}, {\"n\": 4, \"no\": \"3\"}]",
        "[{\"no\": \"1\", \"n\": 2}]\r\n[{\"no\": \"3\", \"n\": 4}]",
    ] {
        let got = read(&source(FLAT), file.as_bytes()).unwrap();
        assert_eq!(got.lines, ["[0 ]", "1: 1|2", "2: 3|4"], "{file}");
    }
    assert_eq!(read(&source(FLAT), b"{\"no\": \"1\"}").unwrap().lines, ["[0 ]", "1: 1|\u{2205}"]);
    assert_eq!(read(&source(FLAT), b"[]").unwrap().lines, ["[0 ]"]);
}

#[test]
fn what_is_no_one_value_is_that_rows_fault() {
    let file = r#"[{"no": {"a": 1}}, {"no": [1]}, {"no": "1", "no": "2"}, {"no": "好"}]"#;
    let got = read(&source(FLAT), file.as_bytes()).unwrap();
    let fault = "adapter.not_one_value";
    assert_eq!(
        got.lines,
        [
            "[0 ]".to_owned(),
            format!("1! {fault}"),
            format!("2! {fault}"),
            format!("3! {fault}"),
            "4: 好|∅".to_owned()
        ]
    );
}

#[test]
fn a_file_cut_off_keeps_its_whole_records() {
    for end in ["{\"no\": \"2", "{", "", "{\"no\""] {
        let file = format!("[{{\"no\": \"1\"}}, {end}");
        let got = read(&source(FLAT), file.as_bytes()).unwrap();
        assert_eq!(got.lines, ["[0 ]", "1: 1|∅", "2! adapter.cut_off"], "{end}");
        assert!(got.told.cut_off);
    }
}

#[test]
fn other_shapes_depth_and_endless_records_are_refused() {
    for (text, file, code) in [
        (TEXT, "{\"data\": []}".to_owned(), "source.file_damaged"),
        (TEXT, "{\"other\": 1}".to_owned(), "source.header_missing"),
        (TEXT, "[]".to_owned(), "source.file_damaged"),
        (FLAT, "[1, 2]".to_owned(), "source.file_damaged"),
        (FLAT, "no json".to_owned(), "source.file_damaged"),
        (FLAT, String::new(), "source.header_missing"),
        (TEXT, "{\"data\":".repeat(500), "source.file_damaged"),
        (FLAT, format!("[{{\"no\": \"{}\"}}]", "x".repeat(3 << 20)), "source.file_limit"),
        (FLAT, format!("[{{{}", "\"a\": 1,".repeat(1 << 20)), "source.file_limit"),
    ] {
        assert_eq!(read(&source(text), file.as_bytes()).unwrap_err().code, code);
    }
    // A deep value is no value; it costs nothing but its own bytes.
    let deep = format!("[{{\"no\": {}1{}}}]", "[".repeat(100_000), "]".repeat(100_000));
    let got = read(&source(FLAT), deep.as_bytes()).unwrap();
    assert_eq!(got.lines, ["[0 ]", "1! adapter.not_one_value"]);
}
