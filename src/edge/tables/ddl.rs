//! The tables of a format: one for each record type, typed, with Chinese comments, and a view of the
//! current versions.

use std::sync::Arc;

use canon::format::{Field, Format, Kind, RecordType};

use crate::db::{Dialect, Engine, Stored};

/// Engines that tables are made for.
pub const ENGINES: &[(&str, Engine)] =
    &[("postgres", Engine::Postgres), ("mysql", Engine::Mysql), ("sqlite", Engine::Sqlite)];

/// Longest text that MySQL keeps in the row: its rows are short.
const MYSQL_IN_ROW: u32 = 40;
/// Digits of a decimal before and after the point (MySQL).
pub(super) const DECIMAL: (usize, usize) = (32, 6);

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type, as the engine writes it.
    pub ty: String,
    /// What it is, in Chinese.
    pub comment: String,
    /// The format asks for it in every record.
    pub required: bool,
}

/// A table with its view.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Chinese label of its record type.
    pub label: String,
    /// Columns: the sink's own, then the format's.
    pub columns: Vec<Column>,
}

/// The table in which a sink keeps how far it is.
pub(super) const MARKS: &str = "tg_sink";
/// The table in which a sink keeps what it made.
pub(super) const MADE: &str = "tg_column";
/// Columns of the key.
pub(super) const KEY: (&str, &str) = ("tg_key", "tg_version");

/// The columns that every table has, with what they are.
pub(super) const OWN: &[(&str, Own, &str)] = &[
    ("tg_key", Own::Key, "主键：编号@归属，及各序号"),
    ("tg_version", Own::Int, "版本"),
    ("tg_void", Own::Flag, "1 为作废：该版本撤回此记录"),
    ("tg_nature", Own::Word, "性质：live 实时、late 补报、history 历史、correction 更正"),
    ("tg_window", Own::Day, "报送方窗口日"),
    ("tg_envelope", Own::Long, "所在报文"),
    ("tg_format", Own::Word, "所依格式及版本"),
    ("tg_system", Own::Word, "来源系统"),
    ("tg_collected", Own::Time, "采集时间"),
    ("tg_entered", Own::Time, "来源录入时间"),
    ("tg_reason", Own::Word, "作废原因代码"),
    ("tg_by", Own::Word, "作废操作员代码"),
    ("tg_watermark", Own::Int, "本节点收存次序"),
    ("tg_misfit", Own::Text, "与列类型不符的原文（JSON），该列留空"),
];

/// Types of the sink's own columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Own {
    Key,
    Int,
    Flag,
    Word,
    Long,
    Day,
    Time,
    Text,
}

impl Own {
    const fn ty(self, engine: Engine) -> &'static str {
        match (self, engine) {
            (Self::Key, _) => "VARCHAR(400)",
            (Self::Int, _) => "BIGINT",
            (Self::Flag, _) => "SMALLINT",
            (Self::Word, _) => "VARCHAR(40)",
            (Self::Long, _) => "VARCHAR(300)",
            (Self::Day, Engine::Sqlite) | (Self::Time, Engine::Sqlite) => "TEXT",
            (Self::Day, _) => "DATE",
            (Self::Time, engine) => time(engine),
            (Self::Text, _) => "TEXT",
        }
    }
}

const fn time(engine: Engine) -> &'static str {
    match engine {
        Engine::Postgres => "TIMESTAMP(0)",
        Engine::Sqlite => "TEXT",
        _ => "DATETIME",
    }
}

/// The suffix of the column that says that a time is a day alone.
pub(super) const DAY: &str = "_day";

fn field_type(field: &Field, engine: Engine) -> String {
    match (field.kind, engine) {
        (Kind::Int, _) => "BIGINT".into(),
        (Kind::Decimal, Engine::Postgres) => "NUMERIC".into(),
        // SQLite would make a floating number of it.
        (Kind::Decimal, Engine::Sqlite) => "TEXT".into(),
        (Kind::Decimal, _) => format!("DECIMAL({},{})", DECIMAL.0 + DECIMAL.1, DECIMAL.1),
        (Kind::DateTime, engine) => time(engine).into(),
        (Kind::Text | Kind::Code | Kind::Digest, Engine::Mysql) => match field.max_len {
            n if n <= MYSQL_IN_ROW => format!("VARCHAR({n})"),
            n if n <= 16_000 => "TEXT".into(),
            _ => "MEDIUMTEXT".into(),
        },
        (Kind::Text | Kind::Code | Kind::Digest, _) => match field.max_len {
            n if n <= 100_000 => format!("VARCHAR({n})"),
            _ => "TEXT".into(),
        },
    }
}

/// The tables of a format's record types; `prefix` goes before each name.
pub fn tables(format: &Format, engine: Engine, prefix: &str) -> Vec<Table> {
    format.types().iter().map(|ty| table(ty, engine, prefix)).collect()
}

/// The record types of editions that run side by side, each as wide as the widest needs it: a field that one
/// of them lacks is not asked for. A field's kind is that of the first edition that has it; what another
/// edition writes otherwise is kept beside (`tg_misfit`).
pub(super) fn side_by_side(formats: &[Arc<Format>]) -> Vec<RecordType> {
    let mut all: Vec<RecordType> = Vec::new();
    for record in formats.iter().flat_map(|format| format.types()) {
        match all.iter_mut().find(|r| r.name == record.name) {
            Some(there) => widen(there, record),
            None => all.push(record.clone()),
        }
    }
    all
}

fn widen(there: &mut RecordType, other: &RecordType) {
    for field in &mut there.fields {
        match other.fields.iter().find(|f| f.name == field.name) {
            Some(twin) => {
                field.required &= twin.required;
                field.max_len = field.max_len.max(twin.max_len);
            }
            None => field.required = false,
        }
    }
    for field in &other.fields {
        if there.fields.iter().all(|f| f.name != field.name) {
            let mut gained = field.clone();
            gained.required = false;
            there.fields.push(gained);
        }
    }
}

/// Whether a column of the second type holds whatever one of the first held: a longer text.
pub(super) fn is_longer(old: &str, new: &str) -> bool {
    let length = |ty: &str| match ty {
        "TEXT" => Some(20_000),
        "MEDIUMTEXT" => Some(u32::MAX),
        _ => ty.strip_prefix("VARCHAR(")?.strip_suffix(')')?.parse().ok(),
    };
    matches!((length(old), length(new)), (Some(old), Some(new)) if new > old)
}

pub(super) fn table(record: &RecordType, engine: Engine, prefix: &str) -> Table {
    let own = OWN.iter().map(|(name, own, comment)| Column {
        name: (*name).to_owned(),
        ty: own.ty(engine).to_owned(),
        comment: (*comment).to_owned(),
        required: false,
    });
    let mut columns: Vec<Column> = own.collect();
    for field in &record.fields {
        columns.push(Column {
            name: field.name.clone(),
            ty: field_type(field, engine),
            comment: format!("{}（{}）", field.label, field.wire),
            required: field.required,
        });
        if field.kind == Kind::DateTime {
            columns.push(Column {
                name: format!("{}{DAY}", field.name),
                ty: Own::Flag.ty(engine).to_owned(),
                comment: format!("1 为{}只到日", field.label),
                required: false,
            });
        }
    }
    Table { name: format!("{prefix}{}", record.name), label: record.label.clone(), columns }
}

const fn dialect(engine: Engine) -> Dialect {
    Dialect { engine, stored: Stored::Declared }
}

impl Table {
    /// Makes the table.
    pub fn create(&self, engine: Engine) -> String {
        let d = dialect(engine);
        let mut lines: Vec<String> =
            self.columns.iter().map(|c| format!("  {}", definition(engine, c))).collect();
        let (key, version) = (d.name(KEY.0), d.name(KEY.1));
        lines.push(format!("  PRIMARY KEY ({key}, {version})"));
        // SQLite keeps comments as they are written.
        let separated = if engine == Engine::Sqlite {
            let last = lines.len() - 1;
            let comments = self.columns.iter().map(|c| format!(" -- {}", c.comment));
            let comments = comments.chain([String::new()]);
            let with = |(n, (line, comment)): (usize, (String, String))| {
                format!("{line}{}{comment}", if n < last { "," } else { "" })
            };
            lines.into_iter().zip(comments).enumerate().map(with).collect::<Vec<_>>().join("\n")
        } else {
            lines.join(",\n")
        };
        let end = match engine {
            Engine::Mysql => format!(
                "\n) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ROW_FORMAT=DYNAMIC COMMENT={}",
                d.literal_as_written(&self.label)
            ),
            _ => "\n)".to_owned(),
        };
        format!("CREATE TABLE IF NOT EXISTS {} (\n{separated}{end}", d.name(&self.name))
    }

    /// Labels where they are statements of their own.
    pub fn comments(&self, engine: Engine) -> Vec<String> {
        if engine != Engine::Postgres {
            return Vec::new();
        }
        let d = dialect(engine);
        let table = d.name(&self.name);
        let label = d.literal_as_written(&self.label);
        let mut all = vec![format!("COMMENT ON TABLE {table} IS {label}")];
        all.extend(self.columns.iter().map(|c| comment(&table, c)));
        all
    }

    /// Makes, or makes again, the view of the current version of each key, withdrawn ones with their mark.
    pub fn view(&self, engine: Engine) -> Vec<String> {
        let d = dialect(engine);
        let (table, view) = (d.name(&self.name), d.name(&format!("{}_current", self.name)));
        let (key, version) = (d.name(KEY.0), d.name(KEY.1));
        let select = format!(
            "SELECT t.* FROM {table} t WHERE NOT EXISTS (SELECT 1 FROM {table} n WHERE n.{key} = t.{key} AND n.{version} > t.{version})"
        );
        match engine {
            Engine::Sqlite => vec![
                format!("DROP VIEW IF EXISTS {view}"),
                format!("CREATE VIEW {view} AS {select}"),
            ],
            _ => vec![format!("CREATE OR REPLACE VIEW {view} AS {select}")],
        }
    }

    /// Makes a column's texts longer. A view that shows it is made anew after.
    pub(super) fn lengthen(&self, engine: Engine, column: &Column) -> Vec<String> {
        let d = dialect(engine);
        let (table, name) = (d.name(&self.name), d.name(&column.name));
        match engine {
            // It counts no characters.
            Engine::Sqlite => Vec::new(),
            Engine::Postgres => vec![
                format!("DROP VIEW IF EXISTS {}", d.name(&format!("{}_current", self.name))),
                format!("ALTER TABLE {table} ALTER COLUMN {name} TYPE {}", column.ty),
            ],
            _ => vec![format!("ALTER TABLE {table} MODIFY COLUMN {}", definition(engine, column))],
        }
    }

    /// Adds a column to a table that is there.
    pub fn add(&self, engine: Engine, column: &Column) -> Vec<String> {
        let table = dialect(engine).name(&self.name);
        // A crash may have fallen between this and the note of it.
        let unless = if engine == Engine::Sqlite { "" } else { "IF NOT EXISTS " };
        let column_is = definition(engine, column);
        let mut all = vec![format!("ALTER TABLE {table} ADD COLUMN {unless}{column_is}")];
        if engine == Engine::Postgres {
            all.push(comment(&table, column));
        }
        all
    }
}

fn definition(engine: Engine, column: &Column) -> String {
    let d = dialect(engine);
    let (name, ty) = (d.name(&column.name), &column.ty);
    let null = if column.name == KEY.0 || column.name == KEY.1 { " NOT NULL" } else { "" };
    let comment = match engine {
        Engine::Mysql => format!(" COMMENT {}", d.literal_as_written(&column.comment)),
        _ => String::new(),
    };
    format!("{name} {ty}{null}{comment}")
}

fn comment(table: &str, column: &Column) -> String {
    let d = dialect(Engine::Postgres);
    let text = d.literal_as_written(&column.comment);
    format!("COMMENT ON COLUMN {table}.{} IS {text}", d.name(&column.name))
}

/// The sink's own tables: how far it is, what it made.
pub(super) fn own(engine: Engine, prefix: &str) -> Vec<String> {
    let d = dialect(engine);
    let (marks, made) = (d.name(&format!("{prefix}{MARKS}")), d.name(&format!("{prefix}{MADE}")));
    let end =
        if engine == Engine::Mysql { " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin" } else { "" };
    vec![
        format!(
            "CREATE TABLE IF NOT EXISTS {marks} (name VARCHAR(100) NOT NULL PRIMARY KEY, watermark BIGINT NOT NULL){end}"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS {made} (table_name VARCHAR(100) NOT NULL, column_name VARCHAR(100) NOT NULL, column_type VARCHAR(100) NOT NULL, PRIMARY KEY (table_name, column_name)){end}"
        ),
    ]
}

/// Everything, as a script.
pub fn script(format: &Format, engine: Engine, prefix: &str) -> String {
    let mut all = own(engine, prefix);
    for table in tables(format, engine, prefix) {
        all.push(table.create(engine));
        all.extend(table.comments(engine));
        all.extend(table.view(engine));
    }
    all.join(";\n\n") + ";\n"
}
