//! Writes workbooks and tables part by part, also such as no program would write.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use encoding_rs::GBK;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// A workbook in the making.
#[derive(Default)]
pub(crate) struct Book {
    sheets: Vec<(String, String, &'static str)>,
    strings: Vec<String>,
    formats: Vec<&'static str>,
    extra: Vec<(String, Vec<u8>)>,
}

impl Book {
    /// Without sheets.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A sheet with these rows, as XML; what follows `sheetData` may stand behind a `~`.
    pub(crate) fn sheet(mut self, name: &str, rows: &str) -> Self {
        self.sheets.push((name.into(), rows.into(), "visible"));
        self
    }

    /// A sheet that nobody sees.
    pub(crate) fn hidden(mut self, name: &str, rows: &str) -> Self {
        self.sheets.push((name.into(), rows.into(), "hidden"));
        self
    }

    /// Shared strings, each the inside of its `si`.
    pub(crate) fn strings(mut self, strings: &[&str]) -> Self {
        self.strings = strings.iter().map(|s| (*s).to_owned()).collect();
        self
    }

    /// Cell styles 1, 2, …, by their number formats.
    pub(crate) fn formats(mut self, formats: &[&'static str]) -> Self {
        self.formats = formats.to_vec();
        self
    }

    /// Any other part.
    pub(crate) fn part(mut self, name: &str, bytes: Vec<u8>) -> Self {
        self.extra.push((name.into(), bytes));
        self
    }

    /// The file.
    pub(crate) fn bytes(self) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        let mut put = |name: &str, bytes: &[u8]| {
            zip.start_file(name, options).expect("memory takes it");
            zip.write_all(bytes).expect("memory takes it");
        };
        let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
        let relations = |items: &str| {
            format!(
                "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">{items}</Relationships>"
            )
        };
        put("_rels/.rels", relations(&format!(
            "<Relationship Id=\"rId1\" Type=\"{office}/officeDocument\" Target=\"xl/workbook.xml\"/>"
        )).as_bytes());
        let (mut sheets, mut parts) = (String::new(), String::new());
        for (i, (name, rows, state)) in self.sheets.iter().enumerate() {
            let n = i + 1;
            write!(
                sheets,
                "<sheet name=\"{name}\" sheetId=\"{n}\" state=\"{state}\" r:id=\"rId{n}\"/>"
            )
            .expect("memory takes it");
            write!(parts, "<Relationship Id=\"rId{n}\" Type=\"{office}/worksheet\" Target=\"worksheets/s{n}.xml\"/>").expect("memory takes it");
            let (rows, after) = rows.split_once('~').unwrap_or((rows, ""));
            put(&format!("xl/worksheets/s{n}.xml"), format!(
                "<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetData>{rows}</sheetData>{after}</worksheet>"
            ).as_bytes());
        }
        write!(parts, "<Relationship Id=\"s\" Type=\"{office}/sharedStrings\" Target=\"sharedStrings.xml\"/><Relationship Id=\"t\" Type=\"{office}/styles\" Target=\"styles.xml\"/><Relationship Id=\"x\" Type=\"{office}/externalLink\" Target=\"file:///etc/passwd\" TargetMode=\"External\"/>").expect("memory takes it");
        put("xl/_rels/workbook.xml.rels", relations(&parts).as_bytes());
        put("xl/workbook.xml", format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" xmlns:r=\"{office}\"><workbookPr/><sheets>{sheets}</sheets></workbook>"
        ).as_bytes());
        let strings: String = self.strings.iter().map(|s| format!("<si>{s}</si>")).collect();
        put("xl/sharedStrings.xml", format!(
            "<sst xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\">{strings}</sst>"
        ).as_bytes());
        let (mut formats, mut styles) = (String::new(), String::from("<xf numFmtId=\"0\"/>"));
        for (i, code) in self.formats.iter().enumerate() {
            let code = code.replace('"', "&quot;");
            write!(formats, "<numFmt numFmtId=\"{}\" formatCode=\"{code}\"/>", 164 + i)
                .expect("memory takes it");
            write!(styles, "<xf numFmtId=\"{}\"/>", 164 + i).expect("memory takes it");
        }
        put("xl/styles.xml", format!(
            "<styleSheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><numFmts>{formats}</numFmts><cellStyleXfs><xf numFmtId=\"14\"/></cellStyleXfs><cellXfs>{styles}</cellXfs></styleSheet>"
        ).as_bytes());
        for (name, bytes) in &self.extra {
            put(name, bytes);
        }
        zip.finish().expect("memory takes it").into_inner()
    }
}

/// A row of texts.
pub(crate) fn row(number: u32, cells: &[&str]) -> String {
    let mut out = format!("<row r=\"{number}\">");
    for (at, text) in cells.iter().enumerate().filter(|(_, text)| !text.is_empty()) {
        let (high, low) = (at / 26, at % 26);
        let letter = |n: usize| char::from(b'A' + u8::try_from(n).expect("a letter"));
        let high = if high > 0 { letter(high - 1).to_string() } else { String::new() };
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        let place = format!("{high}{}{number}", letter(low));
        write!(out, "<c r=\"{place}\" t=\"inlineStr\"><is><t>{text}</t></is></c>")
            .expect("memory takes it");
    }
    out + "</row>"
}

/// A table: fields (name, type, length), records (deletion mark, then values).
pub(crate) fn table(fields: &[(&str, u8, u8)], records: &[&[&str]]) -> Vec<u8> {
    let raw: Vec<Vec<Vec<u8>>> =
        records.iter().map(|r| r.iter().map(|v| GBK.encode(v).0.into_owned()).collect()).collect();
    dbf(0x03, 0x4d, fields, &raw)
}

/// A table with its version and language driver, values as bytes.
pub(crate) fn dbf(
    version: u8,
    driver: u8,
    fields: &[(&str, u8, u8)],
    records: &[Vec<Vec<u8>>],
) -> Vec<u8> {
    let width: u16 = 1 + fields.iter().map(|(.., n)| u16::from(*n)).sum::<u16>();
    let header = 33 + 32 * u16::try_from(fields.len()).expect("memory takes it");
    let mut out = vec![version, 126, 11, 21];
    out.extend(u32::try_from(records.len()).expect("memory takes it").to_le_bytes());
    out.extend(header.to_le_bytes());
    out.extend(width.to_le_bytes());
    out.resize(29, 0);
    out.push(driver);
    out.resize(32, 0);
    for (name, kind, length) in fields {
        let mut field = GBK.encode(name).0.into_owned();
        field.resize(11, 0);
        field.push(*kind);
        field.resize(16, 0);
        field.push(*length);
        field.resize(32, 0);
        out.extend(field);
    }
    out.push(0x0d);
    for record in records {
        out.extend(&record[0]);
        for (value, (.., length)) in record[1..].iter().zip(fields) {
            let mut value = value.clone();
            value.resize(usize::from(*length), b' ');
            out.extend(value);
        }
    }
    out.push(0x1a);
    out
}

/// First bytes of tables with memo files, by which their kinds are told.
pub(crate) const THREE: u8 = 0x83;
pub(crate) const FOUR: u8 = 0x8b;
pub(crate) const FOXPRO: u8 = 0xf5;
pub(crate) const VISUAL: u8 = 0x30;

/// The memo file of a table of this version, in blocks of 512 bytes (64 in FoxPro's), and the block of
/// each text.
pub(crate) fn memo(version: u8, texts: &[Vec<u8>]) -> (Vec<u8>, Vec<u32>) {
    let block = if matches!(version, FOXPRO | VISUAL) { 64 } else { 512 };
    let (mut out, mut blocks) = (vec![0; 512], Vec::new());
    match version {
        THREE => {}
        FOUR => out[20..22].copy_from_slice(&512_u16.to_le_bytes()),
        _ => out[6..8].copy_from_slice(&64_u16.to_be_bytes()),
    }
    for text in texts {
        blocks.push(u32::try_from(out.len() / block).expect("memory takes it"));
        let length = u32::try_from(text.len()).expect("memory takes it");
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
    (out, blocks)
}

/// How a field of such a table names a block; none is no text.
pub(crate) fn block(version: u8, number: Option<u32>) -> Vec<u8> {
    match number {
        number if version == VISUAL => number.unwrap_or(0).to_le_bytes().to_vec(),
        Some(number) => format!("{number:>10}").into_bytes(),
        None => b"          ".to_vec(),
    }
}
