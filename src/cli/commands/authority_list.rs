//! The list that becomes an authority table: CSV, as the top node's engineer keeps it.

use canon::format::supervision_1;
use canon::{Day, NodeCode};
use envelope::authority::{AUTHORITY_LINES_MAX, Entitled};

use crate::text::Finding;

/// Problems of a list that are said.
const PROBLEMS_MAX: usize = 50;
/// Columns, and what they may be called in Chinese.
const COLUMNS: [(&str, &str); 7] = [
    ("node", "节点"),
    ("unit", "单位"),
    ("regions", "区划"),
    ("types", "类型"),
    ("from", "起"),
    ("to", "止"),
    ("basis", "文号"),
];

type Wrong = (&'static str, &'static str, &'static str);

/// The lines of a list, and everything wrong with it.
pub(crate) fn read(file: &str, text: &str) -> (Vec<Entitled>, Vec<Finding>) {
    let (mut lines, mut wrong) = (Vec::new(), Vec::new());
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let say = |line: u64, column: &str, en: &str, zh: &str| {
        let mut finding = Finding::of(file, "authority.line", column, en, zh);
        finding.line = line;
        finding
    };
    let header = match reader.headers() {
        Ok(header) => header.clone(),
        Err(e) => return (lines, vec![say(1, "", &e.to_string(), &e.to_string())]),
    };
    let place = |en: &str, zh: &str| header.iter().position(|h| h == en || h == zh);
    let places = COLUMNS.map(|(en, zh)| place(en, zh));
    for ((en, zh), _) in COLUMNS.iter().zip(places).filter(|(_, at)| at.is_none()) {
        let zh = format!("表头缺少『{zh}』（{en}）列");
        wrong.push(say(1, en, "is missing in the header", &zh));
    }
    if !wrong.is_empty() {
        return (lines, wrong);
    }
    for row in reader.records() {
        if wrong.len() >= PROBLEMS_MAX {
            break;
        }
        let row = match row {
            Ok(row) => row,
            Err(e) => {
                let at = e.position().map_or(0, csv::Position::line);
                wrong.push(say(at, "", &e.to_string(), &e.to_string()));
                continue;
            }
        };
        let at = row.position().map_or(0, csv::Position::line);
        let cells = places.map(|place| place.and_then(|at| row.get(at)).unwrap_or(""));
        match entitled(cells) {
            Ok(line) => lines.push(line),
            Err((column, en, zh)) => wrong.push(say(at, column, en, zh)),
        }
    }
    if lines.len() > AUTHORITY_LINES_MAX {
        wrong.push(say(0, "", "has more than 100000 lines", "超过 100000 行"));
    }
    if lines.is_empty() && wrong.is_empty() {
        wrong.push(say(
            1,
            "",
            "the list is empty: nobody might report anything",
            "清单没有内容，将无人可上报",
        ));
    }
    (lines, wrong)
}

fn entitled([node, unit, regions, types, from, to, basis]: [&str; 7]) -> Result<Entitled, Wrong> {
    let words = |text: &str| {
        let apart = |c: char| c.is_whitespace() || matches!(c, ';' | '；' | '、' | '|');
        let mut words: Vec<String> =
            text.split(apart).filter(|w| !w.is_empty()).map(str::to_owned).collect();
        words.sort();
        words.dedup();
        words
    };
    let format = supervision_1();
    let mut wire = Vec::new();
    for word in words(types) {
        let ty = format.type_by_wire(&word).or_else(|| format.type_by_name(&word));
        match ty {
            Some(ty) => wire.push(format.get(ty).wire.to_string()),
            // A type of a format that this program does not carry.
            None if word == "*" || word.bytes().all(|b| b.is_ascii_uppercase()) => wire.push(word),
            None => {
                return Err(("types", "is no record type of the format", "不是格式中的记录类型"));
            }
        }
    }
    wire.sort();
    wire.dedup();
    let day = |column, text| {
        Day::parse(text).ok_or((column, "is not written YYYY-MM-DD", "应写作 YYYY-MM-DD"))
    };
    let line = Entitled {
        node: NodeCode::new(node).ok_or(("node", "is no node code", "不是节点代码"))?,
        unit: unit.to_owned(),
        regions: words(regions),
        types: wire,
        from: day("from", from)?,
        to: if to.is_empty() { None } else { Some(day("to", to)?) },
        basis: basis.to_owned(),
    };
    line.wrong().map_or(Ok(line), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "\u{feff}节点,单位,区划,类型,起,止,文号\n";

    #[test]
    fn a_list_is_read_by_its_header_in_either_language() {
        let text = format!(
            "{HEADER}town,*,990103101,acceptance SL；SB,2026-01-01,,府办〔2025〕1号\n\
             zone,91130000000000001X,*,*,2026-01-01,2026-06-30,府办〔2025〕2号\n"
        );
        let (lines, wrong) = read("a.csv", &text);
        assert!(wrong.is_empty(), "{wrong:?}");
        assert_eq!(lines[0].types, ["SB", "SL"], "names and wire names, sorted, each once");
        assert_eq!(lines[1].to, Day::parse("2026-06-30"));
        let english = text.replace(HEADER, "basis,to,from,types,regions,unit,node\n");
        assert!(!read("a.csv", &english).1.is_empty(), "the header says which column is which");
    }

    #[test]
    fn each_wrong_line_is_named_with_its_column() {
        let good = ["town", "*", "990103", "SB", "2026-01-01", "", "文号"];
        let bad = [
            (0, "a b"),
            (1, "单位"),
            (2, "county"),
            (2, ""),
            (3, "nothing"),
            (4, "soon"),
            (5, "2025-12-31"),
            (6, ""),
        ];
        let mut text = HEADER.to_owned();
        for (at, cell) in bad {
            let mut cells = good;
            cells[at] = cell;
            text.push_str(&cells.join(","));
            text.push('\n');
        }
        let (lines, wrong) = read("a.csv", &text);
        assert!(lines.is_empty());
        let said: Vec<_> = wrong.iter().map(|w| (w.line, w.key.as_str())).collect();
        let wanted: Vec<_> = (2..).zip(bad.map(|(at, _)| COLUMNS[at].0)).collect();
        assert_eq!(said, wanted);
        assert_eq!(read("a.csv", "node,unit\n").1.len(), 5, "five columns are missing");
        assert_eq!(read("a.csv", HEADER).1.len(), 1, "empty");
    }
}
