//! `tiergate adapter new`: a package from the header and the first rows of a file.

use std::path::{Path, PathBuf};

use adapt::{Encoding, Form, Next, Quote, RowBuf, RowReader, TextSettings};
use clap::Args;

use super::guess::{Guess, Input, guess};
use super::{FormatArg, look};
use crate::commands::format;
use crate::commands::keys::not_written;
use crate::files::{self, PACKAGE_FILE_BYTES_MAX};
use crate::os;
use crate::text::{Done, Exit, Failure, Out};

/// Rows that are looked at for the values of code columns.
const ROWS_READ: usize = 10_000;

/// Arguments.
#[derive(Debug, Args)]
pub(crate) struct New {
    /// A file as the department delivers it: CSV, xlsx, xls, DBF, XML, JSON
    file: PathBuf,
    /// The new package's folder; its last part is the adapter's name (letters, digits, _)
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Also keep the first rows as a sample; they may hold personal data
    #[arg(long, default_value_t = 0, value_name = "ROWS")]
    sample: usize,
    /// The sheet of a workbook that has several
    #[arg(long, value_name = "NAME")]
    sheet: Option<String>,
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
    let looked = look::read(&args.file, name, args.sheet.as_deref(), ROWS_READ)?;
    let (input, sample) = match looked {
        Some(input) if args.sample > 0 => {
            // Rows cannot be cut out of such a file: the sample is the file.
            let sample = files::bytes(&args.file, PACKAGE_FILE_BYTES_MAX)?;
            (input, sample)
        }
        Some(input) => (input, Vec::new()),
        None => {
            let bytes = files::head(&args.file)?;
            let input = read(&args.file, name, &bytes)?;
            (input, first_lines(bytes, args.sample + 1))
        }
    };
    let guess = guess(&input, &format);
    write(args, &guess, &input, &sample)?;
    tell(args, &guess, &input, out)
}

/// The file's settings, header and first rows.
fn read(path: &Path, name: &str, bytes: &[u8]) -> Result<Input, Failure> {
    let shown = path.display();
    let encoding = match std::str::from_utf8(bytes) {
        Ok(_) => Encoding::Utf8,
        // The head of a long file may end within a character.
        Err(e) if e.error_len().is_none() => Encoding::Utf8,
        Err(_) => Encoding::Gb18030,
    };
    let first = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
    let count = |d: &char| first.iter().filter(|b| **b == *d as u8).count();
    let delimiter = [',', '\t', ';', '|'].into_iter().rev().max_by_key(count).unwrap_or(',');
    let text = TextSettings { encoding, delimiter, quote: Quote::Lenient };
    let mut reader = RowReader::new(text);
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
    let form = Form::Csv(text);
    Ok(Input { name: name.into(), file, form, sheets: Vec::new(), header, rows })
}

fn clean(name: &str) -> String {
    let blank = |c: char| c.is_whitespace() || matches!(c, '"' | '\u{feff}' | '\u{3000}');
    name.trim_matches(blank).to_owned()
}

fn write(args: &New, guess: &Guess, input: &Input, sample: &[u8]) -> Result<(), Failure> {
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
        let ending = input.file.rsplit_once('.').map_or("csv", |(_, ending)| ending);
        let ending = if matches!(input.form, Form::Csv(_)) { "csv" } else { ending };
        let path = folder.join(format!("input.{}", ending.to_ascii_lowercase()));
        std::fs::write(&path, sample).map_err(|e| not_written(&path, &e))?;
    }
    Ok(())
}

/// The first lines of a text; the whole if it has fewer. A line end is never half a character, in
/// UTF-8 and in GB18030 alike.
fn first_lines(mut bytes: Vec<u8>, lines: usize) -> Vec<u8> {
    let ends = bytes.iter().enumerate().filter(|(_, b)| **b == b'\n');
    if let Some((at, _)) = ends.take(lines).last() {
        bytes.truncate(at + 1);
    }
    bytes
}

fn tell(args: &New, guess: &Guess, input: &Input, out: &Out) -> Done {
    let folder = args.out.display();
    out.value(&serde_json::json!({
        "ok": true, "folder": folder.to_string(), "form": input.form_word(),
        "sheets": input.sheets,
        "records": guess.records, "columns": input.header.len(),
        "unmatched": guess.unmatched, "missing": guess.missing,
    }))?;
    let (n, matched) = (input.header.len(), input.header.len() - guess.unmatched.len());
    let (form, records) = (input.form_word(), guess.records.join(", "));
    out.say(
        format_args!("{folder}: {form}, {matched} of {n} columns matched, records: {records}"),
        format_args!("{folder}：{form}，{n} 列中匹配 {matched} 列，记录类型：{records}"),
    )?;
    if !input.sheets.is_empty() {
        let sheets = input.sheets.join("、");
        out.say(
            format_args!("other sheets, each with --sheet: {sheets}"),
            format_args!("其他工作表（可用 --sheet 指定）：{sheets}"),
        )?;
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_lines_are_whole() {
        assert_eq!(first_lines(b"a\nb\nc\n".to_vec(), 2), b"a\nb\n");
        assert_eq!(first_lines(b"a\nb".to_vec(), 5), b"a\n");
        assert_eq!(first_lines(b"a".to_vec(), 5), b"a");
    }
}
