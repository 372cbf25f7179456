//! `tiergate adapter preview`: what a package makes of real rows. Nothing is stored or written back.

use std::collections::BTreeMap;
use std::path::PathBuf;

use adapt::form::FileDyn;
use adapt::{Package, Preview as Row, Source, sample};
use canon::format::Format;
use clap::Args;
use edge::Source as _;
use serde_json::{Map, Value, json};

use super::FormatArg;
use super::beside;
use super::server::Server;
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
    #[arg(required_unless_present = "database", conflicts_with = "database")]
    source: Option<PathBuf>,
    #[command(flatten)]
    server: Server,
    /// How many rows (of each query)
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1000))]
    rows: u64,
    /// Show names, numbers and addresses of persons too; without it they are shown by their sort only
    #[arg(long)]
    personal: bool,
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
        Source::Files(_) | Source::Http(_) | Source::Exec(_) | Source::Push(_) => {
            let Some(path) = &args.source else { return Err(wants("a file", "文件")) };
            let memo = files::memo(path).map(|memo| files::open(&memo)).transpose();
            let (mut file, mut memo) = (files::open(path)?, memo?);
            let memo = memo.as_mut().map(|m| m as &mut dyn FileDyn);
            sample::show_file(&package, &format, &mut file, memo, &place, rows)
        }
        Source::Sql(sql) => {
            let name = &super::called(&args.folder);
            let named = args.source.clone().map(edge::db::Place::Sqlite);
            let Some(at) = args.server.place()?.or(named) else {
                return Err(wants("a database", "数据库"));
            };
            let settings = edge::sql::Settings::of(name, at, sql);
            let round = os::block_on(query_rows(&package, settings, rows))??;
            let input = ("input.json".to_owned(), round.to_string().into_bytes());
            package.samples.insert(SAMPLE.into(), [input].into());
            sample::show(&package, &format, SAMPLE)
        }
    };
    match made {
        Ok((value, rows)) => show(value, rows, &format, args.personal, out),
        Err(problems) => {
            let path = args.source.as_ref().map(|p| p.display().to_string());
            let shown = path.unwrap_or_else(|| args.server.given());
            let mut found = super::findings(&args.folder, problems);
            let inside = args.folder.join("samples").join(SAMPLE).display().to_string();
            for finding in found.iter_mut().filter(|f| f.file.starts_with(&inside)) {
                finding.file.clone_from(&shown);
            }
            out.verdict(&found, String::new(), String::new())
        }
    }
}

fn wants(en: &str, zh: &str) -> Failure {
    Failure::usage(format!("this package reads {en}: name one"), format!("该适配包读{zh}，请指明"))
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

fn show(value: Value, rows: Vec<Row>, format: &Format, personal: bool, out: &Out) -> Done {
    let (mut value, mut rows) = (value, rows);
    if !personal {
        rows.iter_mut().for_each(beside::mask);
        mask(&mut value, format);
    }
    let list = |key: &str| value.get(key).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let (records, violations) = (list("records"), list("violations"));
    out.value(&json!({
        "ok": violations.is_empty(), "rows": rows, "records": records, "violations": violations,
    }))?;
    if !out.json {
        for row in &rows {
            for line in beside::lines(row, out.lang) {
                out.text(line)?;
            }
        }
    }
    let (n, wrong) = (records.len(), violations.len());
    out.say(
        format_args!("{n} records, {wrong} violations; nothing was stored"),
        format_args!("{n} 条记录，{wrong} 处违规；未保存任何内容"),
    )?;
    Ok(if violations.is_empty() { Exit::Fine } else { Exit::Problems })
}

/// Takes personal values out of the records of a sample's form.
fn mask(value: &mut Value, format: &Format) {
    for record in value["records"].as_array_mut().into_iter().flatten() {
        let ty = record["type"].as_str().and_then(|name| format.type_by_name(name));
        let Some(ty) = ty.map(|ty| format.get(ty)) else { continue };
        for (name, field) in record["fields"].as_object_mut().into_iter().flatten() {
            if ty.field_by_name(name).is_some_and(|ix| ty.fields[ix].personal) {
                *field = Value::Null;
            }
        }
    }
}
