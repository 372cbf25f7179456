//! `[link.spool]`: how a link's parcels become files for a gate, and how patient it is.

use std::path::PathBuf;
use std::time::Duration;

use bus::spool::{Form, NAME_DEFAULT, NAME_MAX, NAME_MIN, PIECE_FILE_MIN, Pattern, Settings};

use super::read::Cx;
use super::rest::{self, AtRest};
use super::tree::{Tab, Value};
use super::units::{DAY, HOUR, MINUTE, SECOND, Unit};

/// A receipt over a gate is overdue after this, if nothing is said.
const OVERDUE: u64 = 7 * DAY;
/// A gap behind a gate is asked for after this, and asked again.
const GRACE: u64 = DAY;

/// How a link over files is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpoolConfig {
    /// Where the files, or the rows, lie.
    pub place: SpoolPlace,
    /// How they are written and waited for.
    pub settings: Settings,
    /// For whom its files are encrypted, or why they are not.
    pub rest: AtRest,
    /// How an answer comes back.
    pub back: Back,
    /// A receipt is overdue after this, ms.
    pub overdue: i64,
    /// A gap is asked for after this, ms.
    pub grace: i64,
    /// From one inquiry to the next, ms.
    pub inquiry: i64,
}

/// What the gate moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpoolPlace {
    /// Files.
    Folders {
        /// Holds `out/`, `in/`, `done/`, `bad/`.
        base: PathBuf,
        /// Instead of `out/`.
        out: Option<PathBuf>,
        /// Instead of `in/`.
        incoming: Option<PathBuf>,
    },
    /// Rows of an exchange table.
    Table {
        /// The SQLite database.
        database: PathBuf,
        /// Table that outgoing rows are written to.
        out: String,
        /// Table that incoming rows are read from.
        incoming: String,
    },
}

/// How an answer comes back over a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Back {
    /// The way it went.
    #[default]
    Gate,
    /// Carried by hand.
    Manual,
    /// Not at all, until somebody carries a signed list after all.
    None,
}

impl Back {
    /// Whether nothing comes back by itself: what was sent is 已送出（无回路）, never overdue.
    pub const fn is_no_way(self) -> bool {
        matches!(self, Self::Manual | Self::None)
    }

    /// The word in configuration and in `--json`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gate => "gate",
            Self::Manual => "manual",
            Self::None => "none",
        }
    }
}

/// What `form` may say.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Said {
    Files(Form),
    Table,
}

const FORMS: &[(&str, Said)] = &[
    ("zst", Said::Files(Form::Zst)),
    ("zip", Said::Files(Form::Zip)),
    ("xml", Said::Files(Form::Xml)),
    ("table", Said::Table),
];
const BACKS: &[(&str, Back)] =
    &[("gate", Back::Gate), ("manual", Back::Manual), ("none", Back::None)];

/// Reads `[link.spool]` of a link whose carrier is `spool`.
pub(crate) fn read(link: &mut Tab<'_>, level: i32, cx: &mut Cx<'_>) -> Option<SpoolConfig> {
    let mut tab = link.table("spool", cx.problems);
    let form = tab.word("form", FORMS, cx.problems).unwrap_or(Said::Files(Form::Zst));
    let back = tab.word("return", BACKS, cx.problems).unwrap_or_default();
    let place = match form {
        Said::Files(_) => folders(&mut tab, cx),
        Said::Table => table(&mut tab, cx),
    };
    let settings = settings(&mut tab, form, level, cx);
    let rest = at_rest(&mut tab, form, cx);
    let time = |tab: &mut Tab<'_>, key, default, min, max, cx: &mut Cx<'_>| {
        let ms = bounded(tab, key, Unit::Duration, default, (min, max), cx);
        i64::try_from(ms).unwrap_or(i64::MAX)
    };
    let overdue = time(&mut tab, "receipt_overdue", OVERDUE, SECOND, 60 * DAY, cx);
    let grace = time(&mut tab, "gap_grace", GRACE, SECOND, 60 * DAY, cx);
    let inquiry = time(&mut tab, "inquiry_interval", GRACE, SECOND, 60 * DAY, cx);
    tab.finish(cx.problems);
    Some(SpoolConfig { place: place?, settings, rest, back, overdue, grace, inquiry })
}

/// Files of a gate are encrypted for the neighbour, unless there is a reason why not: a gate that reads
/// what passes is one.
fn at_rest(tab: &mut Tab<'_>, form: Said, cx: &mut Cx<'_>) -> AtRest {
    let rest = rest::at_rest(tab, cx);
    let AtRest::Closed(readers) = &rest else { return rest };
    let (at, path) = (tab.spot("readers"), tab.key("readers"));
    if form == Said::Files(Form::Xml) {
        cx.problems.push(
            "config.bad_value",
            &at,
            path,
            "cannot go with `form = \"xml\"`, which is for gates that read what passes: write `plain = \"REASON\"`, or take the form `zst` or `zip`",
            "form = \"xml\" 供需检查内容的网闸使用，不能加密：请写 plain = \"理由\"，或改用 zst、zip",
        );
    } else if readers.is_empty() {
        cx.problems.push(
            "config.missing_key",
            &at,
            path,
            "is missing: the neighbour's certificate for encryption, for which the files are encrypted; `plain = \"REASON\"` leaves them in the clear, and says so in the audit chain",
            "缺少：请填对端的加密证书，网闸文件以其加密；确需明文，请写 plain = \"理由\"，将记入审计",
        );
    }
    rest
}

/// A link whose carrier is another has no `[link.spool]`.
pub(crate) fn absent(link: &mut Tab<'_>, cx: &mut Cx<'_>) {
    if let Some(node) = link.get("spool") {
        cx.problems.push(
            "config.bad_value",
            &node.at,
            link.key("spool"),
            "belongs to links with `carrier = \"spool\"`; leave it out here",
            "仅用于 carrier = \"spool\" 的链路，此处请删去",
        );
    }
}

fn folders(tab: &mut Tab<'_>, cx: &mut Cx<'_>) -> Option<SpoolPlace> {
    let base = tab.need("folder", cx.problems).map(|s| cx.base.join(s.text));
    let out = tab.text("out", cx.problems).map(|s| cx.base.join(s.text));
    let incoming = tab.text("in", cx.problems).map(|s| cx.base.join(s.text));
    let base = base?;
    let path =
        |given: &Option<PathBuf>, name: &str| given.clone().unwrap_or_else(|| base.join(name));
    if path(&out, "out") == path(&incoming, "in") {
        cx.problems.push(
            "config.bad_value",
            &tab.spot("in"),
            tab.key("in"),
            "is the folder of `out` too: a node would read what it wrote itself",
            "与 out 是同一目录，会读到自己写出的文件",
        );
    }
    Some(SpoolPlace::Folders { base, out, incoming })
}

fn table(tab: &mut Tab<'_>, cx: &mut Cx<'_>) -> Option<SpoolPlace> {
    let database = tab.need("database", cx.problems);
    let out = table_name(tab, "out_table", "tiergate_out", cx);
    let incoming = table_name(tab, "in_table", "tiergate_in", cx);
    if out == incoming {
        cx.problems.push(
            "config.bad_value",
            &tab.spot("in_table"),
            tab.key("in_table"),
            "is the table of `out_table` too: a node would read what it wrote itself",
            "与 out_table 是同一张表，会读到自己写出的数据",
        );
    }
    let database = database?;
    match database.text.split_once(':') {
        Some(("sqlite", path)) if !path.trim().is_empty() => {
            Some(SpoolPlace::Table { database: cx.base.join(path), out, incoming })
        }
        _ => {
            // The text may hold a password: it is not repeated.
            cx.problems.push(
                "config.bad_value",
                &database.at,
                tab.key("database"),
                "must be `sqlite:PATH`, relative to this file's folder",
                "应为 sqlite:路径（相对于本文件所在目录）",
            );
            None
        }
    }
}

/// A table name that is the same, unquoted, for every database.
fn table_name(tab: &mut Tab<'_>, key: &'static str, default: &str, cx: &mut Cx<'_>) -> String {
    let Some(spot) = tab.text(key, cx.problems) else { return default.to_owned() };
    let mut chars = spot.text.chars();
    let first = chars.next().is_some_and(|c| c.is_ascii_lowercase());
    let rest = chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if first && rest && spot.text.len() <= 30 {
        return spot.text;
    }
    cx.problems.push(
        "config.bad_value",
        &spot.at,
        tab.key(key),
        "is not a table name that every database takes: a-z 0-9 _, a letter first, at most 30",
        "不是各数据库通用的表名：小写字母开头，可用 a-z 0-9 _，至多 30 个字符",
    );
    default.to_owned()
}

fn settings(tab: &mut Tab<'_>, form: Said, level: i32, cx: &mut Cx<'_>) -> Settings {
    let defaults = Settings::default();
    let form = match form {
        Said::Files(form) => form,
        // A row holds what a file would.
        Said::Table => Form::Zst,
    };
    let max_file = defaults.max_file as u64;
    let sizes = (PIECE_FILE_MIN as u64, max_file);
    let count = |tab: &mut Tab<'_>, key, default, max, cx: &mut Cx<'_>| {
        bounded(tab, key, Unit::Count, default, (u64::from(key != "files_per_minute"), max), cx)
    };
    let ms = |tab: &mut Tab<'_>, key, default, max, cx: &mut Cx<'_>| {
        Duration::from_millis(bounded(tab, key, Unit::Duration, default, (10, max), cx))
    };
    let small = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    Settings {
        form,
        name: pattern(tab, form, cx),
        max_file: usize::try_from(bounded(tab, "max_file", Unit::Bytes, max_file, sizes, cx))
            .unwrap_or(defaults.max_file),
        files_per_minute: small(count(tab, "files_per_minute", 0, 1_000_000, cx)),
        repeat: small(count(tab, "repeat", 1, 9, cx)),
        out_files_max: count(tab, "out_files_max", defaults.out_files_max, 1_000_000, cx),
        patience: ms(tab, "patience", 10 * MINUTE, 7 * DAY, cx),
        poll: ms(tab, "poll", SECOND, HOUR, cx),
        level,
    }
}

fn pattern(tab: &mut Tab<'_>, form: Form, cx: &mut Cx<'_>) -> Pattern {
    let (at, path) = (tab.spot("name"), tab.key("name"));
    let name = tab.text("name", cx.problems).map_or_else(|| NAME_DEFAULT.to_owned(), |s| s.text);
    let given = tab.text("extension", cx.problems).map(|s| s.text);
    let usual = match form {
        Form::Zst => "tgp",
        Form::Zip | Form::Xml => form.as_str(),
    };
    let extension = given.as_deref().unwrap_or(usual);
    let (least, most) = (NAME_MIN as u64, NAME_MAX as u64);
    let length = bounded(tab, "name_length", Unit::Count, 120, (least, most), cx);
    match Pattern::new(&name, extension, usize::try_from(length).unwrap_or(NAME_MAX)) {
        Ok(pattern) => pattern,
        Err(fault) => {
            let zh = format!("文件名规则不可用：{fault}");
            cx.problems.push("config.bad_value", &at, path, fault.to_string(), zh);
            Pattern::default()
        }
    }
}

/// An amount within a range, or the default.
fn bounded(
    tab: &mut Tab<'_>,
    key: &'static str,
    unit: Unit,
    default: u64,
    (min, max): (u64, u64),
    cx: &mut Cx<'_>,
) -> u64 {
    let path = tab.key(key);
    let Some(node) = tab.get(key) else { return default };
    let value = match &node.value {
        Value::Int(n) if unit == Unit::Count => u64::try_from(*n).ok(),
        Value::Text(text) | Value::Loose(text) => unit.parse(text),
        _ => None,
    };
    match value {
        Some(value) if (min..=max).contains(&value) => return value,
        Some(_) => {
            let (min, max) = (unit.show(min), unit.show(max));
            cx.problems.push(
                "config.out_of_range",
                &node.at,
                path,
                format!("must lie between {min} and {max}"),
                format!("应在 {min} 与 {max} 之间"),
            );
        }
        None => {
            let example = unit.example();
            cx.problems.push(
                "config.bad_value",
                &node.at,
                path,
                format!("is not written like {example}"),
                format!("应写作 {example}"),
            );
        }
    }
    default
}
