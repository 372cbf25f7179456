//! `tiergate adapter new`: a package from the header and the first rows of a file.

use std::path::{Path, PathBuf};

use adapt::form::{FileDyn, FormError};
use adapt::{Begin, Form, Look, Proposal, Seen, scaffold};
use canon::format::Format;
use clap::Args;

use super::FormatArg;
use super::server::{self, Server};
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
    #[arg(required_unless_present = "database", conflicts_with = "database")]
    file: Option<PathBuf>,
    /// The table, with --database; without it the tables are listed
    #[arg(long, value_name = "NAME", requires = "database")]
    table: Option<String>,
    /// The new package's folder; its last part is the adapter's name (letters, digits, _)
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    #[command(flatten)]
    server: Server,
    /// Also keep the first rows as a sample; they may hold personal data
    #[arg(long, default_value_t = 0, value_name = "ROWS", conflicts_with = "database")]
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
    let Some(path) = &args.file else { return of_table(args, name, &format, out) };
    let (input, sample) = begin(path, args)?;
    let (rows, source, header) = (input.texts(), input.source(), &input.header);
    let title = input.title();
    let proposal = scaffold(
        &Look {
            name,
            title: &title,
            header,
            comments: &[],
            rows: &rows,
            source: &source,
            key: &[],
        },
        &format,
    );
    write(args, &proposal, Some((&input, &sample)))?;
    let next = path.display().to_string();
    let made = Made { form: input.form_word(), columns: header.len(), sheets: &input.sheets, next };
    tell(args, &proposal, &made, out)
}

/// The file as it is looked at, and what of it would be a sample.
fn begin(path: &Path, args: &New) -> Result<(Begin, Vec<u8>), Failure> {
    let (shown, sheet) = (path.display(), args.sheet.as_deref());
    let file = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let wrong = |e: FormError| match e {
        FormError::Wrong(fault) => Failure::usage(
            format!("{shown}: {} [{}]", fault.en, fault.code),
            format!("{shown}：{} [{}]", fault.zh, fault.code),
        ),
        FormError::Io(e) => files::cannot(path, &e),
    };
    let mut memo = files::memo(path).map(|memo| files::open(&memo)).transpose()?;
    let memo = memo.as_mut().map(|m| m as &mut dyn FileDyn);
    let seen = Begin::of_file(&mut files::open(path)?, memo, &file, sheet, ROWS_READ);
    match seen.map_err(wrong)? {
        // Rows cannot be cut out of such a file: the sample is the file.
        Seen::Form(input) if args.sample > 0 => {
            Ok((input, files::bytes(path, PACKAGE_FILE_BYTES_MAX)?))
        }
        Seen::Form(input) => Ok((input, Vec::new())),
        Seen::NoSheet(sheets) => {
            let all = sheets.join("、");
            Err(Failure::usage(
                format!("{shown} has no such sheet; it has: {all}"),
                format!("{shown} 没有该工作表；其中有：{all}"),
            ))
        }
        Seen::Text => {
            let bytes = files::head(path)?;
            let input = Begin::of_text(&bytes, &file, ROWS_READ).ok_or_else(|| {
                Failure::usage(
                    format!(
                        "{shown} has no header of several columns; the first line must name them"
                    ),
                    format!("{shown} 没有多列表头；首行必须是列名"),
                )
            })?;
            Ok((input, first_lines(bytes, args.sample + 1)))
        }
    }
}

/// A package from a table of a database.
fn of_table(args: &New, name: &str, format: &Format, out: &Out) -> Done {
    let Some(table) = &args.table else { return server::tables(&args.server, out) };
    let seen = server::look(&args.server, table, ROWS_READ)?;
    let look = Look {
        name,
        title: table,
        header: &seen.header,
        comments: &seen.comments,
        rows: &seen.rows,
        source: &seen.source,
        key: &seen.key,
    };
    let proposal = scaffold(&look, format);
    write(args, &proposal, None)?;
    let next = args.server.given();
    let made = Made { form: "sql", columns: seen.header.len(), sheets: &[], next };
    tell(args, &proposal, &made, out)
}

/// What is said of a new package beside the proposal.
struct Made<'a> {
    form: &'a str,
    columns: usize,
    sheets: &'a [String],
    /// What a preview reads.
    next: String,
}

fn write(args: &New, proposal: &Proposal, sample: Option<(&Begin, &[u8])>) -> Result<(), Failure> {
    for (name, bytes) in &proposal.files {
        let path = args.out.join(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|e| not_written(folder, &e))?;
        }
        let text = String::from_utf8_lossy(bytes);
        os::write_new(&path, &text).map_err(|e| not_written(&path, &e))?;
    }
    let Some((input, bytes)) = sample.filter(|_| args.sample > 0) else { return Ok(()) };
    let folder = args.out.join("samples/first");
    std::fs::create_dir_all(&folder).map_err(|e| not_written(&folder, &e))?;
    let ending = input.file.rsplit_once('.').map_or("csv", |(_, ending)| ending);
    let ending = if matches!(input.form, Form::Csv(_)) { "csv" } else { ending };
    let path = folder.join(format!("input.{}", ending.to_ascii_lowercase()));
    std::fs::write(&path, bytes).map_err(|e| not_written(&path, &e))?;
    // The texts of a DBF table lie beside it.
    let Some(memo) = args.file.as_deref().and_then(files::memo) else { return Ok(()) };
    let ending = memo.extension().unwrap_or_default().to_ascii_lowercase();
    let path = path.with_extension(ending);
    let bytes = files::bytes(&memo, PACKAGE_FILE_BYTES_MAX)?;
    std::fs::write(&path, bytes).map_err(|e| not_written(&path, &e))
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

fn tell(args: &New, proposal: &Proposal, made: &Made<'_>, out: &Out) -> Done {
    let folder = args.out.display();
    let mut records: Vec<&str> = proposal.decided.iter().map(|(record, ..)| &**record).collect();
    records.sort_unstable();
    records.dedup();
    let open: Vec<&str> = proposal.open.iter().map(|o| out.of(&*o.en, &*o.zh)).collect();
    out.value(&serde_json::json!({
        "ok": true, "folder": folder.to_string(), "form": made.form,
        "sheets": made.sheets, "records": records, "columns": made.columns,
        "unmatched": proposal.unused, "open": open,
    }))?;
    let (n, matched) = (made.columns, made.columns - proposal.unused.len());
    let (form, records) = (made.form, records.join(", "));
    out.say(
        format_args!("{folder}: {form}, {matched} of {n} columns matched, records: {records}"),
        format_args!("{folder}：{form}，{n} 列中匹配 {matched} 列，记录类型：{records}"),
    )?;
    if !made.sheets.is_empty() {
        let sheets = made.sheets.join("、");
        out.say(
            format_args!("other sheets, each with --sheet: {sheets}"),
            format_args!("其他工作表（可用 --sheet 指定）：{sheets}"),
        )?;
    }
    for (record, field, column) in &proposal.decided {
        out.say(
            format_args!("  {column} → {record}.{field}"),
            format_args!("  {column} → {record}.{field}"),
        )?;
    }
    if !proposal.unused.is_empty() {
        let (en, zh) = (proposal.unused.join(", "), proposal.unused.join("、"));
        out.say(format_args!("columns without a field: {en}"), format_args!("尚未对应的列：{zh}"))?;
    }
    for text in open {
        out.say(format_args!("to decide: {text}"), format_args!("待定：{text}"))?;
    }
    let next = &made.next;
    out.say(
        format_args!("next: decide what is marked ? in {folder}, then `tiergate check adapter {folder}` and `tiergate adapter preview {folder} {next}`"),
        format_args!("下一步：在 {folder} 中确定标有 ? 处，再运行 tiergate check adapter {folder} 和 tiergate adapter preview {folder} {next}"),
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
