//! `tiergate baseline import`: what was reported before the exchange began.

use std::path::PathBuf;

use canon::format::supervision_1;
use canon::{Day, Digest, Key, NodeCode};
use clap::{Args, Subcommand};
use exchange::config::NodeConfig;
use serde_json::json;

use crate::desk::{self, Asked, Mark, Request};
use crate::stores::{self, NodesArg};
use crate::text::{Done, Exit, Failure, Finding, Out};
use crate::{files, os};

/// Largest list, bytes.
const LIST_BYTES_MAX: u64 = 1 << 30;
/// Marks of one request.
const MARKS_PER_REQUEST: usize = 20_000;
/// Problems of a list that are said.
const PROBLEMS_MAX: usize = 50;

/// What is done.
#[derive(Debug, Subcommand)]
pub(crate) enum Baseline {
    /// Mark what the old job already reported: never sent, later changes are · 导入已报送基线
    Import(Import),
}

/// Arguments of `import`.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// CSV, UTF-8, with a header: type, key, and if known namespace, version, digest, date
    file: PathBuf,
    /// Unit or namespace of keys for lines that say none
    #[arg(long)]
    namespace: Option<String>,
    /// To whom it was reported, where the adapter names several destinations; all if not given
    #[arg(long, value_name = "CODE")]
    destination: Option<String>,
    /// Your operator code, for the audit chain; never a name
    #[arg(long, value_name = "CODE")]
    by: String,
    #[command(flatten)]
    nodes: NodesArg,
}

/// Runs the command.
pub(crate) fn run(command: Baseline, out: &Out) -> Done {
    let Baseline::Import(args) = command;
    os::block_on(import(&args, out))?
}

async fn import(args: &Import, out: &Out) -> Done {
    let (config, code) = stores::the_identity(&args.nodes)?;
    let text = files::text(&args.file, LIST_BYTES_MAX)?;
    let namespace = args.namespace.clone().or_else(|| only_namespace(&config));
    let (marks, found) = read(&args.file.display().to_string(), &text, namespace.as_deref());
    if !found.is_empty() {
        return out.verdict(&found, String::new(), String::new());
    }
    let destination = destination(args, &config)?;
    let (lines, mut changed, mut laid) = (marks.len(), 0, 0);
    let of = |mark: Mark| Mark { destination: destination.clone(), ..mark };
    let mut marks = marks.into_iter().map(of).peekable();
    while marks.peek().is_some() {
        let rows: Vec<Mark> = marks.by_ref().take(MARKS_PER_REQUEST).collect();
        let n = rows.len();
        let request = Request::Baseline { rows, by: args.by.clone() };
        match desk::ask(&config, &code, &request, os::now()).await? {
            Asked::Done(done, _) => changed += done,
            Asked::Laid(path) => {
                desk::taken(&path).await;
                laid += n;
            }
        }
    }
    out.value(
        &json!({ "ok": true, "lines": lines, "marked": changed, "given_to_the_service": laid }),
    )?;
    if laid > 0 {
        out.say(
            format_args!("{laid} of {lines} lines were given to the running service"),
            format_args!("{lines} 行中 {laid} 行已交运行中的服务"),
        )?;
    } else {
        out.say(
            format_args!(
                "{changed} of {lines} lines are marked; the others were marked or collected before"
            ),
            format_args!("{lines} 行中 {changed} 行已标记为基线，其余先前已标记或已采集"),
        )?;
    }
    Ok(Exit::Fine)
}

/// The destination that is meant; one that no adapter names would mark nothing.
fn destination(args: &Import, config: &NodeConfig) -> Result<Option<NodeCode>, Failure> {
    let Some(wanted) = &args.destination else { return Ok(None) };
    let mut named = config.adapters.iter().flat_map(|a| &a.destinations);
    let found = named.find(|code| code.as_str() == wanted).cloned();
    found.map(Some).ok_or_else(|| {
        Failure::usage(
            format!("no adapter here sends to `{wanted}`; give a destination of [[adapter]]"),
            format!("没有适配器报往『{wanted}』，请填写 [[adapter]] 中的目的节点"),
        )
    })
}

/// The namespace of the node's only adapter.
fn only_namespace(config: &NodeConfig) -> Option<String> {
    let mut found = config.adapters.iter().filter_map(|a| a.namespace.as_deref());
    let first = found.next()?;
    found.all(|n| n == first).then(|| first.to_owned())
}

/// The marks of a list, or what is wrong with it.
fn read(file: &str, text: &str, namespace: Option<&str>) -> (Vec<Mark>, Vec<Finding>) {
    let (mut marks, mut found) = (Vec::new(), Vec::new());
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let wrong = |line: u64, column: &str, en: &str, zh: &str| {
        let mut finding = Finding::of(file, "baseline.line", column, en, zh);
        finding.line = line;
        finding
    };
    let header = match reader.headers() {
        Ok(header) => header.clone(),
        Err(e) => {
            let text = e.to_string();
            return (marks, vec![wrong(1, "", &text, &text)]);
        }
    };
    let at = |name: &str| header.iter().position(|h| h == name);
    let (Some(kind), Some(key)) = (at("type"), at("key")) else {
        let (en, zh) =
            ("the header must name at least `type` and `key`", "表头至少要有 type 和 key 两列");
        return (marks, vec![wrong(1, "", en, zh)]);
    };
    let others = Columns {
        namespace: at("namespace"),
        version: at("version"),
        digest: at("digest"),
        date: at("date"),
    };
    for row in reader.records() {
        if found.len() >= PROBLEMS_MAX {
            break;
        }
        let row = match row {
            Ok(row) => row,
            Err(e) => {
                let text = e.to_string();
                found.push(wrong(e.position().map_or(0, csv::Position::line), "", &text, &text));
                continue;
            }
        };
        let line = row.position().map_or(0, csv::Position::line);
        match mark(&row, kind, key, &others, namespace) {
            Ok(mark) => marks.push(mark),
            Err((column, en, zh)) => found.push(wrong(line, column, en, zh)),
        }
    }
    (marks, found)
}

struct Columns {
    namespace: Option<usize>,
    version: Option<usize>,
    digest: Option<usize>,
    date: Option<usize>,
}

type Wrong = (&'static str, &'static str, &'static str);

fn mark(
    row: &csv::StringRecord,
    kind: usize,
    key: usize,
    others: &Columns,
    namespace: Option<&str>,
) -> Result<Mark, Wrong> {
    let cell = |at: Option<usize>| at.and_then(|i| row.get(i)).filter(|c| !c.is_empty());
    let format = supervision_1();
    let kind = cell(Some(kind))
        .and_then(|k| format.type_by_wire(k).or_else(|| format.type_by_name(k)))
        .ok_or(("type", "is no record type of the format", "不是格式中的记录类型"))?;
    let text = cell(Some(key)).ok_or(("key", "is empty", "为空"))?;
    let key = match Key::parse(text) {
        Some(key) => key,
        None => {
            let namespace = cell(others.namespace).or(namespace).ok_or((
                "namespace",
                "is not known; give a column `namespace`, or --namespace",
                "命名域未知，请给出 namespace 列或 --namespace",
            ))?;
            Key::new(namespace, &text.split('/').collect::<Vec<_>>())
        }
    };
    let version = cell(others.version).map_or(Some(1), |v| v.parse().ok().filter(|v| *v > 0));
    let content = cell(others.digest).map(str::parse::<Digest>).transpose();
    let reported = cell(others.date).map(|d| d.get(..10).and_then(Day::parse));
    Ok(Mark {
        kind: format.get(kind).wire.to_string(),
        key: key.to_string(),
        destination: None,
        version: version.ok_or(("version", "is not a number from 1", "应为从 1 起的整数"))?,
        content: content
            .map(|c| c.map(|d| d.to_string()))
            .map_err(|_| ("digest", "is not written `sha256:…`", "应写作 sha256:…"))?,
        reported: match reported {
            Some(None) => return Err(("date", "is not written YYYY-MM-DD", "应写作 YYYY-MM-DD")),
            Some(Some(day)) => Some(day),
            None => None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_line_by_line() {
        let text = "\u{feff}type,key,version,date,digest\nSB,A1,,2020-03-01 08:00:00,\nacceptance,A1@other,3,,\nSPCL,A1/2,,,\n";
        let (marks, found) = read("x.csv", text, Some("unit"));
        assert!(found.is_empty(), "{found:?}");
        let said: Vec<_> =
            marks.iter().map(|m| (m.kind.as_str(), m.key.as_str(), m.version)).collect();
        assert_eq!(said, [("SB", "A1@unit", 1), ("SL", "A1@other", 3), ("SPCL", "A1@unit/2", 1)]);
        assert_eq!(marks[0].reported.unwrap().to_string(), "2020-03-01");
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let text = "type,key,version,date,digest\nXX,A1,,,\nSB,,,,\nSB,A1,0,,\nSB,A1,,yesterday,\nSB,A1,,,md5\n";
        let (_, found) = read("x.csv", text, Some("unit"));
        let said: Vec<_> = found.iter().map(|f| (f.line, f.key.as_str())).collect();
        assert_eq!(said, [(2, "type"), (3, "key"), (4, "version"), (5, "date"), (6, "digest")]);
        assert_eq!(read("x.csv", "type,key\nSB,A1\n", None).1[0].key, "namespace");
        assert_eq!(read("x.csv", "kind,key\nSB,A1\n", None).1.len(), 1);
    }
}
