//! A package over another form: the township's window, its drop as a workbook.

use std::collections::BTreeMap;

use adapt::{Encoding, Next, Quote, RowBuf, RowReader, TextSettings, check};
use canon::format::supervision_1;

use super::make::{Book, row};

macro_rules! township {
    ($($name:literal),* $(,)?) => {
        [$(($name, &include_bytes!(concat!("../../../../adapters/township_window/", $name))[..])),*]
    };
}

/// The package, its source a workbook, its sample's CSV written into one, row by row.
fn package() -> BTreeMap<String, Vec<u8>> {
    let files = township![
        "adapter.toml",
        "tables/accept_state.csv",
        "tables/document_type.csv",
        "tables/pickup_way.csv",
        "tables/submit_way.csv",
        "tables/result.csv",
        "tables/void_reason.csv",
        "tables/applicant_type.csv",
        "samples/ordinary/input.csv",
        "samples/ordinary/expected.json",
    ];
    let mut files: BTreeMap<String, Vec<u8>> =
        files.into_iter().map(|(name, bytes)| (name.to_owned(), bytes.to_vec())).collect();
    let toml = String::from_utf8(files.remove("adapter.toml").unwrap_or_default());
    let toml = toml.expect("a package is UTF-8");
    let csv = "kind = \"csv\"\nencoding = \"gb18030\"\ndelimiter = \",\"\nquote = \"lenient\"\n";
    assert!(toml.contains(csv));
    files.insert("adapter.toml".into(), toml.replace(csv, "kind = \"xlsx\"\n").into_bytes());
    let input = files.remove("samples/ordinary/input.csv").unwrap_or_default();
    let text = TextSettings { encoding: Encoding::Gb18030, delimiter: ',', quote: Quote::Lenient };
    let (mut reader, mut buffer, mut rows) = (RowReader::new(text), RowBuf::new(), String::new());
    reader.feed(&input, true);
    while reader.next_row(&mut buffer) == Next::Row {
        let view = buffer.row();
        reader.expect_columns(view.len());
        let cells: Vec<&str> = (0..view.len()).map(|i| view.get(i).unwrap_or_default()).collect();
        rows.push_str(&row(u32::try_from(buffer.number).expect("a short sample"), &cells));
    }
    files.insert("samples/ordinary/input.xlsx".into(), Book::new().sheet("日报", &rows).bytes());
    files
}

#[test]
fn a_sample_in_another_form_gives_what_the_sample_gave() {
    let files = package();
    if let Err(problems) = check(&files, &supervision_1()) {
        panic!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    }
    let mut short = files.clone();
    let whole = &files["samples/ordinary/input.xlsx"];
    short.insert("samples/ordinary/input.xlsx".into(), whole[..whole.len() / 2].to_vec());
    let problems = check(&short, &supervision_1()).unwrap_err();
    assert_eq!(problems[0].code, "source.file_damaged");
    assert_eq!(problems[0].file, "samples/ordinary/input.xlsx");
}

#[test]
fn what_a_package_says_of_its_files_is_checked() {
    let mut files = package();
    let toml = String::from_utf8(files["adapter.toml"].clone()).unwrap();
    let odd = "kind = \"xlsx\"\nheader_row = 0\nheader_rows = 99\nfill_down = [\"没有\"]\nencoding = \"utf-8\"\nanswer = \"../x\"\n";
    files.insert("adapter.toml".into(), toml.replace("kind = \"xlsx\"\n", odd).into_bytes());
    let problems = check(&files, &supervision_1()).unwrap_err();
    let said: Vec<(&str, &str)> =
        problems.iter().map(|p| (p.code, p.key.trim_start_matches("source."))).collect();
    for want in [
        ("adapter.bad_value", "header_row"),
        ("adapter.bad_value", "header_rows"),
        ("adapter.unknown_column", "fill_down"),
        ("adapter.unknown_key", "encoding"),
        ("adapter.bad_value", "answer"),
    ] {
        assert!(said.contains(&want), "{want:?}: {said:?}");
    }
}
