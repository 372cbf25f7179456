//! `tiergate adapter new`: a package from the header and the first rows of a file.

use std::path::{Path, PathBuf};

use adapt::{Encoding, Next, Quote, RowBuf, RowReader, TextSettings};
use clap::Args;

use super::FormatArg;
use super::guess::{Guess, Input, guess};
use crate::commands::format;
use crate::commands::keys::not_written;
use crate::files;
use crate::os;
use crate::text::{Done, Exit, Failure, Out};

/// Rows that are looked at for the values of code columns.
const ROWS_READ: usize = 10_000;

/// Arguments.
#[derive(Debug, Args)]
pub(crate) struct New {
    /// A CSV file as the department delivers it
    file: PathBuf,
    /// The new package's folder; its last part is the adapter's name (letters, digits, _)
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Also keep the first rows as a sample; they may hold personal data
    #[arg(long, default_value_t = 0, value_name = "ROWS")]
    sample: usize,
    #[command(flatten)]
    format: FormatArg,
}

/// Makes the package.
pub(crate) fn run(args: &New, out: &Out) -> Done {
    let format = format::load(args.format.format.as_deref(), out)?;
    let name = args.out.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    if !canon::format::is_token(name, canon::format::TOKEN_MAX) {
        return Err(Failure::usage(
            format!("`{name}` cannot be an adapter's name; end --out in letters, digits and _"),
            format!("『{name}』不能作适配器名；--out 末级目录名只用字母、数字和 _"),
        ));
    }
    let bytes = files::head(&args.file)?;
    let input = read(&args.file, name, &bytes)?;
    let guess = guess(&input, &format);
    write(args, &guess, &bytes)?;
    tell(args, &guess, &input, out)
}

/// The file's settings, header and first rows.
fn read(path: &Path, name: &str, bytes: &[u8]) -> Result<Input, Failure> {
    let shown = path.display();
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\xd0\xcf\x11\xe0") {
        return Err(Failure::usage(
            format!(
                "{shown} is a spreadsheet; save it as CSV (in Excel: Save as, CSV) and name that file"
            ),
            format!("{shown} 是电子表格；请在 Excel 中另存为 CSV，再指明该文件"),
        ));
    }
    let (encoding, word) = match std::str::from_utf8(bytes) {
        Ok(_) => (Encoding::Utf8, "utf-8"),
        // The head of a long file may end within a character.
        Err(e) if e.error_len().is_none() => (Encoding::Utf8, "utf-8"),
        Err(_) => (Encoding::Gb18030, "gb18030"),
    };
    let first = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
    let count = |d: &char| first.iter().filter(|b| **b == *d as u8).count();
    let delimiter = [',', '\t', ';', '|'].into_iter().rev().max_by_key(count).unwrap_or(',');
    let mut reader = RowReader::new(TextSettings { encoding, delimiter, quote: Quote::Lenient });
    reader.feed(bytes, true);
    let mut header = Vec::new();
    let mut rows: Vec<RowBuf> = Vec::new();
    let mut row = RowBuf::new();
    while rows.len() < ROWS_READ {
        match reader.next_row(&mut row) {
            Next::End | Next::More => break,
            Next::Row if header.is_empty() => {
                let view = row.row();
                header = (0..view.len()).filter_map(|n| view.get(n)).map(clean).collect();
                reader.expect_columns(header.len());
            }
            Next::Row => rows.push(row.clone()),
            Next::Fault(_) => {}
        }
    }
    if header.len() < 2 {
        return Err(Failure::usage(
            format!("{shown} has no header of several columns; the first line must name them"),
            format!("{shown} 没有多列表头；首行必须是列名"),
        ));
    }
    let file = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(Input { name: name.into(), file, encoding: word, delimiter, header, rows })
}

fn clean(name: &str) -> String {
    let blank = |c: char| c.is_whitespace() || matches!(c, '"' | '\u{feff}' | '\u{3000}');
    name.trim_matches(blank).to_owned()
}

fn write(args: &New, guess: &Guess, bytes: &[u8]) -> Result<(), Failure> {
    let put = |name: &str, text: &str| {
        let path = args.out.join(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|e| not_written(folder, &e))?;
        }
        os::write_new(&path, text).map_err(|e| not_written(&path, &e))
    };
    put("adapter.toml", &guess.toml)?;
    for (name, text) in &guess.tables {
        put(&format!("tables/{name}.csv"), text)?;
    }
    if args.sample > 0 {
        let folder = args.out.join("samples/first");
        std::fs::create_dir_all(&folder).map_err(|e| not_written(&folder, &e))?;
        let ends = bytes.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at + 1);
        let end = ends.take(args.sample + 1).last().unwrap_or(bytes.len());
        let path = folder.join("input.csv");
        let rows = bytes.get(..end).unwrap_or(bytes);
        std::fs::write(&path, rows).map_err(|e| not_written(&path, &e))?;
    }
    Ok(())
}

fn tell(args: &New, guess: &Guess, input: &Input, out: &Out) -> Done {
    let folder = args.out.display();
    out.value(&serde_json::json!({
        "ok": true, "folder": folder.to_string(), "encoding": input.encoding,
        "records": guess.records, "columns": input.header.len(),
        "unmatched": guess.unmatched, "missing": guess.missing,
    }))?;
    let (n, matched) = (input.header.len(), input.header.len() - guess.unmatched.len());
    let (encoding, records) = (input.encoding, guess.records.join(", "));
    out.say(
        format_args!("{folder}: {encoding}, {matched} of {n} columns matched, records: {records}"),
        format_args!("{folder}：{encoding} 编码，{n} 列中匹配 {matched} 列，记录类型：{records}"),
    )?;
    let list = |items: &[String], sep: &str| items.join(sep);
    if !guess.unmatched.is_empty() {
        out.say(
            format_args!("columns without a field: {}", list(&guess.unmatched, ", ")),
            format_args!("尚未对应的列：{}", list(&guess.unmatched, "、")),
        )?;
    }
    if !guess.missing.is_empty() {
        out.say(
            format_args!("mandatory fields without a column: {}", list(&guess.missing, ", ")),
            format_args!("尚缺来源列的必填项：{}", list(&guess.missing, "、")),
        )?;
    }
    let file = args.file.display();
    out.say(
        format_args!("next: fill in {folder}/adapter.toml, then `tiergate check adapter {folder}` and `tiergate adapter preview {folder} {file}`"),
        format_args!("下一步：补全 {folder}/adapter.toml，再运行 tiergate check adapter {folder} 和 tiergate adapter preview {folder} {file}"),
    )?;
    Ok(Exit::Fine)
}
