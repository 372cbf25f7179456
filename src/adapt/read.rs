//! Reads a package: `adapter.toml`, tables, samples; every problem in one pass.

use std::collections::BTreeMap;

use crate::package::{EDITION, FILE_BYTES_MAX, FILES_MAX, Guard, Namespace, Package, Table};
use crate::problem::{Pos, Problem, Problems};
use crate::read_record;
use crate::read_source;
use crate::table::{Otherwise, read_table};
use crate::tree::{Node, Tab, Text, Value, parse, wrong_kind};

/// The file every package has.
pub(crate) const MAIN: &str = "adapter.toml";

/// What could be read, and every problem; no package where `adapter.toml` itself cannot be read.
pub(crate) fn package(files: &BTreeMap<String, Vec<u8>>) -> (Option<Package>, Vec<Problem>) {
    let mut problems = Problems::of(MAIN);
    check_sizes(files, &mut problems);
    let Some(text) = main_text(files, &mut problems) else { return (None, problems.sorted()) };
    let root = parse(text, &mut problems);
    if !problems.list.is_empty() {
        return (None, problems.sorted());
    }
    let (package, table_problems) = whole(&root, files, &mut problems);
    let mut all = problems.sorted();
    all.extend(table_problems);
    (Some(package), all)
}

fn main_text<'f>(files: &'f BTreeMap<String, Vec<u8>>, problems: &mut Problems) -> Option<&'f str> {
    match files.get(MAIN).map(|bytes| std::str::from_utf8(bytes)) {
        Some(Ok(text)) => return Some(text),
        Some(Err(_)) => {
            problems.push("adapter.syntax", Pos::default(), "", "not UTF-8", "不是 UTF-8 编码");
        }
        None => {
            problems.push(
                "adapter.file_missing",
                Pos::default(),
                "",
                "the package has no adapter.toml; `tiergate adapter new` makes one",
                "包中没有 adapter.toml；可用 tiergate adapter new 生成",
            );
        }
    }
    None
}

fn check_sizes(files: &BTreeMap<String, Vec<u8>>, problems: &mut Problems) {
    let large = files.iter().filter(|(_, bytes)| bytes.len() > FILE_BYTES_MAX);
    for (name, bytes) in large {
        problems.push(
            "adapter.too_large",
            Pos::default(),
            name,
            format!("{} bytes; a file of a package has at most {FILE_BYTES_MAX}", bytes.len()),
            format!("{} 字节；包内文件最大 {FILE_BYTES_MAX} 字节", bytes.len()),
        );
    }
    if files.len() > FILES_MAX {
        problems.push(
            "adapter.too_large",
            Pos::default(),
            "",
            format!("{} files; a package has at most {FILES_MAX}", files.len()),
            format!("{} 个文件；一个包最多 {FILES_MAX} 个", files.len()),
        );
    }
}

fn whole(
    root: &Node,
    files: &BTreeMap<String, Vec<u8>>,
    problems: &mut Problems,
) -> (Package, Vec<Problem>) {
    let mut top = Tab::of(root, "", problems);
    let mut head = top.table("adapter", problems);
    check_edition(&mut head, problems);
    let name = head.text("name", problems);
    let version = head.need("version", problems);
    let title_zh = head.text("title_zh", problems).unwrap_or_default().text;
    let title_en = head.text("title_en", problems).unwrap_or_default().text;
    let system = head.need("system", problems);
    check_token(&system, &head.key("system"), canon::format::TOKEN_MAX, problems);
    let format = head.need("format", problems);
    let namespace = read_namespace(&mut head, problems);
    let nature = read_record::nature(&mut head, problems).unwrap_or(canon::format::Nature::Live);
    head.finish(problems);

    let source = read_source::source(top.table("source", problems), problems);
    let mut guard_tab = top.table("guard", problems);
    let guard = Guard {
        max_changed: guard_tab.number("max_changed", problems).unwrap_or(0),
        max_vanished: guard_tab.number("max_vanished", problems).unwrap_or(0),
    };
    let at = guard_tab.pos;
    guard_tab.finish(problems);
    let (tables, table_problems) = read_tables(top.table("tables", problems), files, problems);
    let usual = read_record::usual_chain(top.table("mapping", problems), problems);
    let mut package = Package {
        name,
        version,
        title_zh,
        title_en,
        system,
        format,
        namespace,
        source,
        guard,
        records: Vec::new(),
        voids: Vec::new(),
        tables,
        samples: samples(files),
    };
    package.records = read_record::records(top.get("record"), &package, nature, &usual, problems);
    package.voids = read_record::voids(top.get("void"), &package, &usual, problems);
    let voids = |q: &crate::Query| matches!(q.vanished, crate::Vanished::Void { .. });
    if package.guard.max_vanished == 0 && package.queries().iter().any(voids) {
        let (en, zh) = (
            "`vanished = \"void\"` needs a limit: a table emptied by accident would withdraw everything",
            "写了 vanished = \"void\" 就须限量：来源表被误清空时，否则全部记录都会被作废",
        );
        problems.push("adapter.missing_key", at, "guard.max_vanished", en, zh);
    }
    top.finish(problems);
    if package.records.is_empty() {
        problems.push(
            "adapter.missing_key",
            Pos::default(),
            "record",
            "there must be at least one [[record]]",
            "至少要有一个 [[record]]",
        );
    }
    (package, table_problems)
}

fn check_edition(head: &mut Tab<'_>, problems: &mut Problems) {
    let found = head.number("edition", problems);
    if found != Some(EDITION) {
        problems.push(
            "adapter.edition",
            head.pos,
            head.key("edition"),
            format!("must be {EDITION}: the package format this program reads"),
            format!("应为 {EDITION}：本程序支持的包格式版本"),
        );
    }
}

/// Attributes of a fragment are plain tokens.
pub(crate) fn check_token(text: &Text, key: &str, max: usize, problems: &mut Problems) {
    if !text.text.is_empty() && !canon::format::is_token(&text.text, max) {
        problems.push(
            "adapter.bad_value",
            text.pos,
            key,
            format!("must be 1 to {max} characters out of A-Z a-z 0-9 . _ -"),
            format!("只能用 A-Z a-z 0-9 . _ -，1 到 {max} 个字符"),
        );
    }
}

fn read_namespace(head: &mut Tab<'_>, problems: &mut Problems) -> Namespace {
    let path = head.key("namespace");
    let Some(node) = head.get("namespace") else { return Namespace::Node };
    match &node.value {
        Value::Text(text) => {
            let text = Text { text: text.clone(), pos: node.pos };
            check_token(&text, &path, canon::format::NAMESPACE_MAX, problems);
            Namespace::Fixed(text)
        }
        Value::Table(_) => {
            let mut tab = Tab::of(node, path, problems);
            let column = tab.need("column", problems);
            tab.finish(problems);
            Namespace::Column(column)
        }
        other => {
            let want = ("a text or { column = \"…\" }", "文本或 { column = \"…\" }");
            wrong_kind(problems, node.pos, &path, want, other);
            Namespace::Node
        }
    }
}

/// `[tables.NAME]` with `tables/NAME.csv`; a file that nobody declares is a problem too.
fn read_tables(
    tab: Tab<'_>,
    files: &BTreeMap<String, Vec<u8>>,
    problems: &mut Problems,
) -> (BTreeMap<String, Table>, Vec<Problem>) {
    let mut tables = BTreeMap::new();
    let mut below = Vec::new();
    for (name, node) in tab.entries() {
        let path = tab.key(&name.text);
        let mut entry = Tab::of(node, path.clone(), problems);
        let file = format!("tables/{}.csv", name.text);
        let domain = entry.texts("domain", problems);
        let default = entry.text("default", problems);
        let words = [("violation", Otherwise::Violation), ("keep", Otherwise::Keep)];
        let said = entry.text("otherwise", problems);
        let flagged = said.as_ref().and_then(|s| words.iter().find(|(w, _)| *w == s.text));
        if let Some(said) = &said
            && flagged.is_none()
        {
            problems.push(
                "adapter.bad_value",
                said.pos,
                entry.key("otherwise"),
                format!("`{}` is not one of: violation, keep", said.text),
                format!("『{}』不在可选值之中：violation, keep", said.text),
            );
        }
        entry.finish(problems);
        let rows = match files.get(&file) {
            Some(bytes) => {
                let (rows, wrong) = read_table(&file, bytes);
                below.extend(wrong);
                rows
            }
            None => {
                problems.push(
                    "adapter.file_missing",
                    name.pos,
                    &path,
                    format!("there is no {file} in the package"),
                    format!("包中没有 {file}"),
                );
                continue;
            }
        };
        let table = Table { at: name.clone(), file, rows, domain, otherwise: Otherwise::Violation };
        let total = Totality { default: default.as_ref(), flagged: said.is_some() };
        check_total(&table, &total, &path, problems);
        let otherwise = match (default, flagged) {
            (Some(code), _) => Otherwise::Default(code.text.into()),
            (None, Some((_, otherwise))) => otherwise.clone(),
            (None, None) => Otherwise::Violation,
        };
        tables.insert(name.text.clone(), Table { otherwise, ..table });
    }
    undeclared(files, &tables, &tab, problems);
    (tables, below)
}

struct Totality<'a> {
    default: Option<&'a Text>,
    flagged: bool,
}

/// A table is total over the domain it declares, has a default, or says that others are violations.
fn check_total(table: &Table, total: &Totality<'_>, path: &str, problems: &mut Problems) {
    if table.domain.is_empty() && total.default.is_none() && !total.flagged {
        problems.push(
            "adapter.table_not_total",
            table.at.pos,
            path,
            "say what the source may write (`domain = […]`), or give `default`, or `otherwise = \"violation\"`",
            "请写明来源可能的值（domain = […]），或给出 default，或写 otherwise = \"violation\"",
        );
    }
    if total.default.is_some() && total.flagged {
        problems.push(
            "adapter.bad_value",
            table.at.pos,
            path,
            "`default` and `otherwise` exclude one another",
            "default 与 otherwise 只能写一个",
        );
    }
    if total.default.is_some() {
        return;
    }
    for value in &table.domain {
        if !table.rows.iter().any(|row| row.from == value.text) {
            problems.push(
                "adapter.table_not_total",
                value.pos,
                format!("{path}.domain"),
                format!("`{}` has no row in {}", value.text, table.file),
                format!("『{}』在 {} 中没有对应行", value.text, table.file),
            );
        }
    }
}

fn undeclared(
    files: &BTreeMap<String, Vec<u8>>,
    tables: &BTreeMap<String, Table>,
    tab: &Tab<'_>,
    problems: &mut Problems,
) {
    for file in files.keys() {
        let Some(name) = file.strip_prefix("tables/").and_then(|f| f.strip_suffix(".csv")) else {
            continue;
        };
        let declared = tab.entries().iter().any(|(k, _)| k.text == name);
        if !declared && !tables.contains_key(name) {
            problems.push(
                "adapter.unknown_table",
                Pos::default(),
                format!("tables.{name}"),
                format!("{file} is in the package, but there is no [tables.{name}]"),
                format!("包中有 {file}，但没有 [tables.{name}]"),
            );
        }
    }
}

fn samples(files: &BTreeMap<String, Vec<u8>>) -> BTreeMap<String, BTreeMap<String, Vec<u8>>> {
    let mut samples: BTreeMap<String, BTreeMap<String, Vec<u8>>> = BTreeMap::new();
    for (path, bytes) in files {
        let parts = path.strip_prefix("samples/").and_then(|p| p.split_once('/'));
        if let Some((sample, file)) = parts {
            samples.entry(sample.into()).or_default().insert(file.into(), bytes.clone());
        }
    }
    samples
}
