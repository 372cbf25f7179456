//! Whatever bytes come, reading ends, says the same in pieces of any size, and never panics.

use std::collections::BTreeMap;

use adapt::{
    Drafts, Encoding, Mapping, Next, Package, Quote, RowBuf, RowReader, TextSettings, check,
};
use canon::Millis;
use canon::format::supervision_1;
use proptest::prelude::*;

/// What a reader says of each row: line, values, fault.
type Said = Vec<(u64, Vec<Option<String>>, &'static str)>;

fn read(bytes: &[u8], settings: TextSettings, pieces: &[usize]) -> Said {
    let mut reader = RowReader::new(settings);
    let (mut row, mut out, mut at, mut turn) = (RowBuf::new(), Vec::new(), 0, 0);
    loop {
        let next = reader.next_row(&mut row);
        let fault = match &next {
            Next::More => {
                let size = pieces.get(turn % pieces.len()).copied().unwrap_or(1);
                turn += 1;
                let end = (at + size).min(bytes.len());
                reader.feed(&bytes[at..end], end == bytes.len());
                at = end;
                continue;
            }
            Next::End => return out,
            Next::Row => "",
            Next::Fault(fault) => fault.code(),
        };
        let view = row.row();
        if out.is_empty() {
            reader.expect_columns(view.len());
        }
        out.push((
            row.number,
            (0..view.len()).map(|i| view.get(i).map(str::to_owned)).collect(),
            fault,
        ));
        assert!(out.len() <= bytes.len() + 1, "more rows than bytes");
    }
}

fn settings() -> impl Strategy<Value = TextSettings> {
    let encodings = prop_oneof![Just(Encoding::Utf8), Just(Encoding::Gb18030)];
    let quotes = prop_oneof![Just(Quote::Lenient), Just(Quote::Strict), Just(Quote::None)];
    (encodings, quotes).prop_map(|(encoding, quote)| TextSettings {
        encoding,
        delimiter: ',',
        quote,
    })
}

fn township() -> BTreeMap<String, Vec<u8>> {
    let tables: [(&str, &str); 7] = [
        ("accept_state", include_str!("../../../adapters/township_window/tables/accept_state.csv")),
        (
            "applicant_type",
            include_str!("../../../adapters/township_window/tables/applicant_type.csv"),
        ),
        (
            "document_type",
            include_str!("../../../adapters/township_window/tables/document_type.csv"),
        ),
        ("pickup_way", include_str!("../../../adapters/township_window/tables/pickup_way.csv")),
        ("result", include_str!("../../../adapters/township_window/tables/result.csv")),
        ("submit_way", include_str!("../../../adapters/township_window/tables/submit_way.csv")),
        ("void_reason", include_str!("../../../adapters/township_window/tables/void_reason.csv")),
    ];
    let mut files: BTreeMap<String, Vec<u8>> =
        tables.iter().map(|(n, t)| (format!("tables/{n}.csv"), t.as_bytes().to_vec())).collect();
    let main = include_str!("../../../adapters/township_window/adapter.toml");
    files.insert("adapter.toml".into(), main.as_bytes().to_vec());
    files
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn quotes_and_line_ends_read_the_same_in_any_pieces(
        text in "[,\"\r\n甲a]{0,60}",
        settings in settings(),
        pieces in prop::collection::vec(1_usize..9, 1..5),
    ) {
        let whole = read(text.as_bytes(), settings, &[1 << 20]);
        prop_assert_eq!(read(text.as_bytes(), settings, &pieces), whole);
    }

    #[test]
    fn any_bytes_are_read_to_the_end(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        settings in settings(),
        pieces in prop::collection::vec(1_usize..40, 1..4),
    ) {
        let whole = read(&bytes, settings, &[1 << 20]);
        prop_assert_eq!(read(&bytes, settings, &pieces), whole);
    }

    #[test]
    fn any_values_are_mapped_and_previewed(
        values in prop::collection::vec(prop::option::of("[0-9０-９.eE+年月日时:/ \u{3000}'\"甲-]{0,24}|.{0,12}"), 42),
    ) {
        let package = Package::read(&township()).expect("the package is sound");
        let mapping = Mapping::compile(&package, &supervision_1()).expect("it fits the format");
        let header: Vec<String> =
            package.queries()[0].columns.iter().map(|c| c.text.clone()).collect();
        let bound = mapping.bind(0, &header).expect("its own header fits");
        let row = RowBuf::of(1, values.iter().map(Option::as_deref));
        let mut drafts = Drafts::new();
        mapping.map(&bound, row.row(), &mut drafts);
        let once = drafts.as_slice().len();
        mapping.map(&bound, row.row(), &mut drafts);
        prop_assert_eq!(drafts.as_slice().len(), once * 2);
        mapping.preview(&supervision_1(), &bound, row.row(), Millis(0));
    }

    #[test]
    fn a_package_with_a_torn_file_is_judged_not_feared(cut in 0_usize..12_000, with in ".{0,6}") {
        let mut files = township();
        let main = files.get_mut("adapter.toml").expect("it is there");
        let at = cut % main.len();
        main.splice(at..at, with.bytes());
        main.truncate(at + with.len() + (cut / 2));
        if let Err(problems) = check(&files, &supervision_1()) {
            prop_assert!(!problems.is_empty());
        }
    }
}
