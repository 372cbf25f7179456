//! `tiergate adapter preview`: what a package makes of real rows. Nothing is stored or written back.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use adapt::{Package, Source, sample};
use canon::format::Format;
use clap::Args;
use edge::Source as _;
use serde_json::{Map, Value, json};

use super::FormatArg;
use crate::commands::format;
use crate::files;
use crate::os;
use crate::text::{Done, Exit, Failure, Out};

/// Name of the sample that the given rows are run as.
const SAMPLE: &str = "preview";

/// Arguments.
#[derive(Debug, Args)]
pub(crate) struct Preview {
    /// The package's folder
    folder: PathBuf,
    /// The file, the saved answer of a web service or the SQLite database to read
    source: PathBuf,
    /// How many rows (of each query)
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1000))]
    rows: u64,
    #[command(flatten)]
    format: FormatArg,
}

/// Shows the records of the first rows.
pub(crate) fn run(args: &Preview, out: &Out) -> Done {
    let format = format::load(args.format.format.as_deref(), out)?;
    let mut package = match super::read(&args.folder)? {
        Ok(package) => package,
        Err(found) => return out.verdict(&found, String::new(), String::new()),
    };
    let rows = usize::try_from(args.rows).unwrap_or(usize::MAX);
    let place = format!("samples/{SAMPLE}/input");
    let made = match &package.source {
        Source::Files(_) | Source::Http(_) | Source::Exec(_) => {
            let mut file = files::open(&args.source)?;
            sample::run_file(&package, &format, &mut file, &place, rows)
        }
        Source::Sql(sql) => {
            let name = &package.name.text;
            let settings =
                edge::sql::Settings::of(name, edge::db::Place::Sqlite(args.source.clone()), sql);
            let round = os::block_on(query_rows(&package, settings, rows))??;
            let input = ("input.json".to_owned(), round.to_string().into_bytes());
            package.samples.insert(SAMPLE.into(), [input].into());
            sample::run(&package, &format, SAMPLE)
        }
    };
    match made {
        Ok(value) => show(&value, &format, out),
        Err(problems) => {
            let mut found = super::findings(&args.folder, problems);
            let inside = args.folder.join("samples").join(SAMPLE).display().to_string();
            for finding in found.iter_mut().filter(|f| f.file.starts_with(&inside)) {
                finding.file = args.source.display().to_string();
            }
            out.verdict(&found, String::new(), String::new())
        }
    }
}

/// Rows of every query, in the form of a sample's input.
async fn query_rows(
    package: &Package,
    settings: edge::sql::Settings,
    rows: usize,
) -> Result<Value, Failure> {
    let failed = |e: edge::SourceError| Failure::environment(e.to_string(), e.to_string());
    let mut source = edge::sql::SqlSource::new(settings).map_err(failed)?;
    let mut found: BTreeMap<u16, Vec<Value>> = BTreeMap::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = source.read(cursor.as_deref(), os::now(), rows).await.map_err(failed)?;
        let list = found.entry(page.table).or_default();
        for row in page.rows().take(rows.saturating_sub(list.len())) {
            let cells = page.columns.iter().zip(row.cells());
            let cell = |(name, cell): (&std::sync::Arc<str>, Option<&str>)| {
                (name.to_string(), cell.map_or(Value::Null, Value::from))
            };
            list.push(Value::Object(cells.map(cell).collect()));
        }
        let enough =
            found.len() == package.queries().len() && found.values().all(|list| list.len() >= rows);
        if enough || !page.more {
            break;
        }
        cursor = Some(page.cursor);
    }
    let named = found.into_iter().filter_map(|(table, rows)| {
        let query = package.queries().get(usize::from(table))?;
        Some((query.name.text.clone(), Value::Array(rows)))
    });
    Ok(json!([named.collect::<Map<_, _>>()]))
}

fn show(value: &Value, format: &Format, out: &Out) -> Done {
    let list = |key: &str| value.get(key).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let (records, violations) = (list("records"), list("violations"));
    let text = |value: &Value, key: &str| {
        value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    out.value(
        &json!({ "ok": violations.is_empty(), "records": records, "violations": violations }),
    )?;
    if !out.json {
        for record in records {
            heading(record, format, out)?;
        }
        let mut told = BTreeSet::new();
        for violation in violations {
            // One cell that several records use is one cause.
            if !told.insert(text(violation, "zh")) {
                continue;
            }
            let rule = text(violation, "rule");
            let row = violation.get("row").and_then(Value::as_u64).unwrap_or(0);
            let en = canon::code(&rule).map_or("", |c| c.en);
            let field = text(violation, "field");
            out.say(
                format_args!("row {row} {field}: [{rule}] {en}"),
                format_args!("{} [{rule}]", text(violation, "zh")),
            )?;
        }
    }
    let (n, wrong) = (records.len(), violations.len());
    out.say(
        format_args!("{n} records, {wrong} violations; nothing was stored"),
        format_args!("{n} 条记录，{wrong} 处违规；未保存任何内容"),
    )?;
    Ok(if violations.is_empty() { Exit::Fine } else { Exit::Problems })
}

/// One record: its row, type and outcome, then its fields by label.
fn heading(record: &Value, format: &Format, out: &Out) -> std::io::Result<()> {
    let name = record.get("type").and_then(Value::as_str).unwrap_or_default();
    let ty = format.type_by_name(name).map(|ty| format.get(ty));
    let row = record.get("row").and_then(Value::as_u64).unwrap_or(0);
    let outcome = record.get("outcome").and_then(Value::as_str).unwrap_or_default();
    let label = ty.map_or(name, |ty| ty.label.as_str());
    let zh = match outcome {
        "quarantined" => "有错，将退回来源单位",
        _ => "合格",
    };
    out.say(
        format_args!("row {row} → {name} ({outcome})"),
        format_args!("第 {row} 行 → {label}（{zh}）"),
    )?;
    let Some(fields) = record.get("fields").and_then(Value::as_object) else { return Ok(()) };
    for (key, value) in fields {
        let field = ty.and_then(|ty| ty.fields.get(ty.field_by_name(key)?));
        let label = field.map_or(key.as_str(), |f| f.label.as_str());
        let value = value.as_str().unwrap_or_default();
        out.say(format_args!("  {key}: {value}"), format_args!("  {label}：{value}"))?;
    }
    Ok(())
}
