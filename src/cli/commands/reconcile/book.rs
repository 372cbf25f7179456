//! Sheets as a spreadsheet. Every text is written as a text: no cell is a formula.

use exchange::reconcile::sheets::{Cell, Sheet};
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, XlsxError};

/// Longest name of a sheet that spreadsheets take, characters.
const NAME_MAX: usize = 31;
/// Longest text of a cell that spreadsheets take, characters.
const CELL_MAX: usize = 32_767;

/// The file's bytes: the same for the same sheets.
pub(crate) fn bytes(title: &str, sheets: &[Sheet]) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let made = ExcelDateTime::from_ymd(2000, 1, 1)?;
    book.set_properties(&DocProperties::new().set_title(title).set_creation_datetime(&made));
    let bold = Format::new().set_bold();
    for sheet in sheets {
        let page = book.add_worksheet();
        page.set_name(name(&sheet.name))?;
        let mut at = 0;
        for note in &sheet.notes {
            page.write_string(at, 0, cut(note))?;
            at += 1;
        }
        for (column, head) in (0..).zip(&sheet.head) {
            page.write_string_with_format(at, column, cut(head), &bold)?;
        }
        page.set_freeze_panes(at + 1, 0)?;
        at += 1;
        for row in &sheet.rows {
            for (column, cell) in (0..).zip(row) {
                match cell {
                    // Beyond this a spreadsheet's numbers are not exact.
                    Cell::Number(n) if *n < 1 << 53 => page.write_number(at, column, *n as f64)?,
                    cell => page.write_string(at, column, cut(&cell.plain()))?,
                };
            }
            at += 1;
        }
        for foot in &sheet.foot {
            page.write_string(at + 1, 0, cut(foot))?;
            at += 1;
        }
        page.autofit();
    }
    book.save_to_buffer()
}

fn name(text: &str) -> String {
    let legal = |c: &char| !matches!(c, '[' | ']' | ':' | '*' | '?' | '/' | '\\' | '\'');
    text.chars().filter(legal).take(NAME_MAX).collect()
}

fn cut(text: &str) -> String {
    text.chars().take(CELL_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_sheets_are_the_same_bytes_and_no_text_is_a_formula() {
        let sheet = Sheet {
            name: "明细 town-1: [x]".into(),
            notes: vec!["=1+1".into()],
            head: vec!["记录".into(), "笔数".into()],
            rows: vec![vec![Cell::Text("=cmd|' /C calc'!A0".into()), Cell::Number(7)]],
            foot: vec!["+1".into()],
        };
        let one = bytes("t", std::slice::from_ref(&sheet)).unwrap();
        assert_eq!(one, bytes("t", &[sheet]).unwrap());
        assert!(one.starts_with(b"PK"));
        assert!(!one.windows(3).any(|w| w == b"<f>"), "stored or not, no formula element");
        assert_eq!(name("明细 town-1: [x]"), "明细 town-1 x");
    }
}
