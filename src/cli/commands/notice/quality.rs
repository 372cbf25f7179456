//! `tiergate notice quality`: records returned after their acceptance, from a list.

use std::path::PathBuf;

use canon::format::supervision_1;
use canon::{Key, Millis};
use clap::Args;
use exchange::returned::Finding as Returned;

use crate::desk::{self, Request};
use crate::stores::{self, NodesArg};
use crate::text::{Done, Finding, Out};
use crate::{files, os};

/// Largest list, bytes.
const LIST_BYTES_MAX: u64 = 64 << 20;
/// Problems of a list that are said.
const PROBLEMS_MAX: usize = 50;
/// Longest rule and text, characters.
const TEXT_CHARS_MAX: usize = 500;

/// Arguments of `quality`.
#[derive(Debug, Args)]
pub(crate) struct Quality {
    /// CSV, UTF-8, with a header: type, key, rule, deadline, and if known version, field, text
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// Your operator code, for the audit chain; never a name
    #[arg(long, value_name = "CODE")]
    by: String,
    #[command(flatten)]
    nodes: NodesArg,
}

/// Runs the command.
pub(super) fn run(args: &Quality, out: &Out) -> Done {
    os::block_on(async {
        let text = files::text(&args.from, LIST_BYTES_MAX)?;
        let (findings, wrong) = read(&args.from.display().to_string(), &text, os::now());
        if !wrong.is_empty() {
            return out.verdict(&wrong, String::new(), String::new());
        }
        let (config, code) = stores::the_identity(&args.nodes)?;
        let request = Request::Quality { findings, by: args.by.clone() };
        let asked = desk::ask(&config, &code, &request, os::now()).await?;
        desk::told(&asked, out).await
    })?
}

/// The findings of a list, or what is wrong with it.
fn read(file: &str, text: &str, now: Millis) -> (Vec<Returned>, Vec<Finding>) {
    let (mut findings, mut wrong) = (Vec::new(), Vec::new());
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let say = |line: u64, column: &str, en: &str, zh: &str| {
        let mut finding = Finding::of(file, "quality.line", column, en, zh);
        finding.line = line;
        finding
    };
    let header = match reader.headers() {
        Ok(header) => header.clone(),
        Err(e) => {
            let text = e.to_string();
            return (findings, vec![say(1, "", &text, &text)]);
        }
    };
    for needed in ["type", "key", "rule", "deadline"] {
        if !header.iter().any(|h| h == needed) {
            wrong.push(say(1, needed, "is missing in the header", "表头缺少此列"));
        }
    }
    if !wrong.is_empty() {
        return (findings, wrong);
    }
    for row in reader.records() {
        if wrong.len() >= PROBLEMS_MAX {
            break;
        }
        match row {
            Ok(row) => {
                let line = row.position().map_or(0, csv::Position::line);
                let cell = |name: &str| {
                    let at = header.iter().position(|h| h == name)?;
                    row.get(at).filter(|c| !c.is_empty())
                };
                match finding(cell, now) {
                    Ok(finding) => findings.push(finding),
                    Err((column, en, zh)) => wrong.push(say(line, column, en, zh)),
                }
            }
            Err(e) => {
                let text = e.to_string();
                wrong.push(say(e.position().map_or(0, csv::Position::line), "", &text, &text));
            }
        }
    }
    if findings.is_empty() && wrong.is_empty() {
        wrong.push(say(1, "", "the list is empty", "清单没有内容"));
    }
    (findings, wrong)
}

type Wrong = (&'static str, &'static str, &'static str);

fn finding<'a>(cell: impl Fn(&str) -> Option<&'a str>, now: Millis) -> Result<Returned, Wrong> {
    let format = supervision_1();
    let ty = cell("type")
        .and_then(|t| format.type_by_wire(t).or_else(|| format.type_by_name(t)))
        .ok_or(("type", "is no record type of the format", "不是格式中的记录类型"))?;
    let record = format.get(ty);
    let key = cell("key").and_then(Key::parse).ok_or((
        "key",
        "is not written NUMBER@NAMESPACE, as `tiergate trace` shows it",
        "应写作 编号@命名域，如 tiergate trace 所示",
    ))?;
    let version = match cell("version") {
        None => None,
        Some(text) => Some(text.parse().ok().filter(|v| *v > 0).ok_or((
            "version",
            "is not a number from 1",
            "应为从 1 起的整数",
        ))?),
    };
    let field = match cell("field") {
        None => None,
        Some(name) => {
            let ix = record.field_by_wire(name).or_else(|| record.field_by_name(name));
            let ix = ix.or_else(|| record.field_by_label(name));
            let field = ix.and_then(|ix| record.fields.get(ix));
            let none = ("field", "is no field of that type", "不是该类型的字段");
            Some(field.ok_or(none)?.wire.to_string())
        }
    };
    let short = |name: &'static str, text: &str| {
        let long = (name, "has more than 500 characters", "超过 500 字");
        if text.chars().count() > TEXT_CHARS_MAX { Err(long) } else { Ok(text.to_owned()) }
    };
    let rule = cell("rule").ok_or(("rule", "is empty", "为空"))?;
    let deadline = cell("deadline").and_then(deadline).ok_or((
        "deadline",
        "is not written YYYY-MM-DD or YYYY-MM-DD hh:mm:ss",
        "应写作 YYYY-MM-DD 或 YYYY-MM-DD hh:mm:ss",
    ))?;
    if deadline <= now {
        return Err(("deadline", "is past", "已过"));
    }
    Ok(Returned {
        kind: record.wire.to_string(),
        key: key.to_string(),
        version,
        rule: short("rule", rule)?,
        field,
        text: short("text", cell("text").unwrap_or(""))?,
        deadline,
    })
}

/// A time, or the end of a day.
fn deadline(text: &str) -> Option<Millis> {
    Millis::parse(text).or_else(|| Millis::parse(&format!("{text} 23:59:59")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Millis {
        Millis::parse("2026-11-22 08:00:00").unwrap()
    }

    #[test]
    fn a_list_is_read_by_its_header_whatever_the_words() {
        let text = "\u{feff}key,type,rule,deadline,field,text,version\n\
                    A1@U1,SB,spot_check,2026-11-30,联系人手机,请核实,\n\
                    A2@U1,application,spot_check,2026-11-30 12:00:00,,,3\n";
        let (found, wrong) = read("list.csv", text, now());
        assert!(wrong.is_empty(), "{wrong:?}");
        let said: Vec<_> = found
            .iter()
            .map(|f| (f.kind.as_str(), f.key.as_str(), f.version, f.field.as_deref()))
            .collect();
        assert_eq!(said, [("SB", "A1@U1", None, Some("LXRSJ")), ("SB", "A2@U1", Some(3), None)]);
        assert_eq!(found[0].deadline.to_string(), "2026-11-30 23:59:59");
    }

    #[test]
    fn each_wrong_line_is_named_with_its_column() {
        let text = "type,key,rule,deadline,field,version\n\
                    XX,A1@U1,r,2026-11-30,,\n\
                    SB,A1,r,2026-11-30,,\n\
                    SB,A1@U1,,2026-11-30,,\n\
                    SB,A1@U1,r,soon,,\n\
                    SB,A1@U1,r,2026-11-01,,\n\
                    SB,A1@U1,r,2026-11-30,nothing,\n\
                    SB,A1@U1,r,2026-11-30,,0\n";
        let (found, wrong) = read("list.csv", text, now());
        assert!(found.is_empty());
        let said: Vec<_> = wrong.iter().map(|w| (w.line, w.key.as_str())).collect();
        let columns = ["type", "key", "rule", "deadline", "deadline", "field", "version"];
        let wanted: Vec<_> = (2..).zip(columns).collect();
        assert_eq!(said, wanted);
        assert_eq!(read("l.csv", "type,key\n", now()).1.len(), 2, "rule and deadline are missing");
        assert_eq!(read("l.csv", "type,key,rule,deadline\n", now()).1.len(), 1, "empty");
    }
}
