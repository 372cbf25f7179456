//! How each database writes names, values, pages and comparisons.

use std::fmt::Write as _;

/// What stands behind a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Engine {
    /// SQLite.
    Sqlite,
    /// MySQL, MariaDB.
    Mysql,
    /// PostgreSQL, 人大金仓, openGauss and their like.
    Postgres,
    /// SQL Server.
    Mssql,
    /// Oracle, 达梦.
    Oracle,
}

impl Engine {
    /// All, with the words for them.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("sqlite", Self::Sqlite),
        ("mysql", Self::Mysql),
        ("postgres", Self::Postgres),
        ("mssql", Self::Mssql),
        ("oracle", Self::Oracle),
    ];

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Mysql => "mysql",
            Self::Postgres => "postgres",
            Self::Mssql => "mssql",
            Self::Oracle => "oracle",
        }
    }
}

/// How texts lie in the database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stored {
    /// As the columns are declared; the database gives UTF-8.
    #[default]
    Declared,
    /// GBK bytes, whatever the columns are declared as (`latin1`, `SQL_ASCII`).
    Gb18030,
}

/// How a database is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// Whose.
    pub engine: Engine,
    /// How its texts lie.
    pub stored: Stored,
}

impl Dialect {
    /// A table's or column's name as the database takes it; a dot divides owner and name. Where the
    /// database folds names that are not quoted, it is folded the same way.
    pub fn name(self, name: &str) -> String {
        let quoted = |part: &str| match self.engine {
            Engine::Sqlite => format!("\"{part}\""),
            Engine::Mysql => format!("`{part}`"),
            Engine::Mssql => format!("[{part}]"),
            Engine::Postgres => format!("\"{}\"", part.to_lowercase()),
            Engine::Oracle => format!("\"{}\"", part.to_uppercase()),
        };
        name.split('.').map(quoted).collect::<Vec<_>>().join(".")
    }

    /// Whether a text can stand in a quoted name.
    pub fn can_be_name(name: &str) -> bool {
        !name.is_empty() && !name.contains(['"', '`', '[', ']', '\'', '\0', '\n', '\r'])
    }

    /// A value as a literal; none is NULL. Whatever stands in it, it is one value.
    pub fn literal(self, value: Option<&str>) -> String {
        let Some(value) = value else { return "NULL".into() };
        let plain = |b: u8| (b' '..=b'~').contains(&b) && b != b'\\';
        if value.bytes().all(plain) {
            return format!("'{}'", value.replace('\'', "''"));
        }
        match (self.engine, self.stored) {
            // A zero byte ends a statement.
            (Engine::Postgres, Stored::Declared) => {
                format!("'{}'", value.replace('\0', "").replace('\'', "''"))
            }
            (Engine::Oracle, Stored::Declared) => {
                format!("N'{}'", value.replace('\0', "").replace('\'', "''"))
            }
            (Engine::Mssql, Stored::Declared) => {
                format!("N'{}'", value.replace('\0', "").replace('\'', "''"))
            }
            (engine, stored) => {
                let hex = hex(&stored.bytes(value));
                match engine {
                    Engine::Sqlite => format!("CAST(X'{hex}' AS TEXT)"),
                    Engine::Mysql => {
                        let set = if stored == Stored::Declared { "utf8mb4" } else { "latin1" };
                        format!("CONVERT(X'{hex}' USING {set})")
                    }
                    Engine::Postgres => format!("convert_from('\\x{hex}'::bytea, 'SQL_ASCII')"),
                    Engine::Mssql => format!("CAST(0x{hex} AS varchar(8000))"),
                    Engine::Oracle => format!("UTL_RAW.CAST_TO_VARCHAR2(HEXTORAW('{hex}'))"),
                }
            }
        }
    }

    /// A text of our own (a comment) as a literal that people can read: no backslash, no zero byte.
    pub fn literal_as_written(self, text: &str) -> String {
        format!("'{}'", text.replace(['\\', '\0'], " ").replace('\'', "''"))
    }

    /// Whether the columns, compared in order, lie after the values. Where the database has no
    /// comparison of rows, or uses no index for one, it is written out.
    pub fn after(self, columns: &[String], values: &[&str]) -> String {
        let literals: Vec<String> = values.iter().map(|v| self.literal(Some(v))).collect();
        if let ([column], [literal]) = (columns, literals.as_slice()) {
            return format!("{column} > {literal}");
        }
        if matches!(self.engine, Engine::Sqlite | Engine::Postgres) {
            return format!("({}) > ({})", columns.join(", "), literals.join(", "));
        }
        let mut pairs = columns.iter().zip(&literals).rev();
        let Some((column, literal)) = pairs.next() else { return "1 = 0".into() };
        let mut sql = format!("{column} > {literal}");
        for (column, literal) in pairs {
            sql = format!("({column} > {literal} OR ({column} = {literal} AND {sql}))");
        }
        match (columns.first(), literals.first()) {
            // What an index can do.
            (Some(column), Some(literal)) => format!("{column} >= {literal} AND {sql}"),
            _ => sql,
        }
    }

    /// `SELECT what FROM …` with at most so many rows.
    pub fn limited(self, what: &str, rest: &str, limit: usize) -> String {
        match self.engine {
            Engine::Sqlite | Engine::Mysql | Engine::Postgres => {
                format!("SELECT {what} {rest} LIMIT {limit}")
            }
            Engine::Mssql => format!("SELECT TOP ({limit}) {what} {rest}"),
            Engine::Oracle => {
                format!("SELECT * FROM (SELECT {what} {rest}) WHERE ROWNUM <= {limit}")
            }
        }
    }

    /// A column as text. Only SQLite types its values one by one; the drivers of the others write
    /// what the column is.
    pub fn text(self, column: &str) -> String {
        match self.engine {
            Engine::Sqlite => format!(
                "CASE WHEN typeof({column}) = 'blob' THEN lower(hex({column})) ELSE CAST({column} AS TEXT) END"
            ),
            _ => column.to_owned(),
        }
    }

    /// A column that does not say this value.
    pub fn differs(self, column: &str, value: Option<&str>) -> String {
        match value {
            Some(_) => format!("({column} <> {} OR {column} IS NULL)", self.literal(value)),
            None => format!("{column} IS NOT NULL"),
        }
    }

    /// The day of a time column, as text that compares with `YYYY-MM-DD`: of use in conditions only.
    pub fn on_or_after(self, column: &str, day: &str) -> String {
        match self.engine {
            Engine::Sqlite => format!("CAST({column} AS TEXT) >= '{day}'"),
            Engine::Oracle => format!("{column} >= TO_DATE('{day}', 'YYYY-MM-DD')"),
            _ => format!("{column} >= '{day}'"),
        }
    }

    /// Likewise, before a day.
    pub fn before(self, column: &str, day: &str) -> String {
        match self.engine {
            Engine::Sqlite => format!("CAST({column} AS TEXT) < '{day}'"),
            Engine::Oracle => format!("{column} < TO_DATE('{day}', 'YYYY-MM-DD')"),
            _ => format!("{column} < '{day}'"),
        }
    }

    /// The database's own time, Beijing time (a session of ours is set to it).
    pub const fn now(self) -> &'static str {
        match self.engine {
            Engine::Sqlite => "datetime('now', '+8 hours')",
            Engine::Mysql | Engine::Postgres => "CURRENT_TIMESTAMP",
            // These two know no session's zone here: the machine's.
            Engine::Mssql => "GETDATE()",
            Engine::Oracle => "SYSDATE",
        }
    }

    /// Whether one failed statement spoils the transaction around it.
    pub const fn needs_savepoints(self) -> bool {
        matches!(self.engine, Engine::Postgres)
    }
}

impl Stored {
    /// A text as its bytes lie there; a character that GB18030 cannot write does not exist.
    fn bytes(self, text: &str) -> Vec<u8> {
        match self {
            Self::Declared => text.as_bytes().to_vec(),
            Self::Gb18030 => encoding_rs::GB18030.encode(text).0.into_owned(),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(out, "{byte:02x}").expect("a string takes all text");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn of(engine: Engine) -> Dialect {
        Dialect { engine, stored: Stored::Declared }
    }

    #[test]
    fn whatever_stands_in_a_literal_it_is_one_value() {
        let hostile = "'; DROP TABLE c; --";
        for (_, engine) in Engine::ALL {
            assert_eq!(of(*engine).literal(Some(hostile)), "'''; DROP TABLE c; --'");
            assert_eq!(of(*engine).literal(None), "NULL");
            let odd = of(*engine).literal(Some("\\' OR 1=1 -- 甲"));
            let quotes = odd.matches('\'').count();
            assert_eq!(quotes % 2, 0, "{odd}");
        }
        assert_eq!(of(Engine::Mysql).literal(Some("\\'")), "CONVERT(X'5c27' USING utf8mb4)");
        let raw = Dialect { engine: Engine::Mysql, stored: Stored::Gb18030 };
        assert_eq!(raw.literal(Some("你")), "CONVERT(X'c4e3' USING latin1)");
        assert_eq!(of(Engine::Mssql).literal(Some("你'")), "N'你'''");
    }

    #[test]
    fn names_are_folded_where_the_database_folds_them() {
        let name = |engine| of(engine).name("dbo.Case_ID");
        assert_eq!(name(Engine::Sqlite), "\"dbo\".\"Case_ID\"");
        assert_eq!(name(Engine::Mysql), "`dbo`.`Case_ID`");
        assert_eq!(name(Engine::Postgres), "\"dbo\".\"case_id\"");
        assert_eq!(name(Engine::Mssql), "[dbo].[Case_ID]");
        assert_eq!(name(Engine::Oracle), "\"DBO\".\"CASE_ID\"");
        assert!(!Dialect::can_be_name("a]; DROP TABLE b"));
    }

    #[test]
    fn pages_are_cut_and_compared_in_each_ones_own_way() {
        let columns = ["q.m".to_owned(), "q.id".to_owned()];
        let after = |engine| of(engine).after(&columns, &["2026-11-21 10:00:00", "a'b"]);
        assert_eq!(after(Engine::Postgres), "(q.m, q.id) > ('2026-11-21 10:00:00', 'a''b')");
        assert_eq!(
            after(Engine::Mssql),
            "q.m >= '2026-11-21 10:00:00' AND (q.m > '2026-11-21 10:00:00' OR (q.m = '2026-11-21 10:00:00' AND q.id > 'a''b'))"
        );
        assert_eq!(of(Engine::Oracle).after(&columns[1..], &["7"]), "q.id > '7'");
        assert_eq!(of(Engine::Mssql).limited("a", "FROM t", 9), "SELECT TOP (9) a FROM t");
        assert_eq!(
            of(Engine::Oracle).limited("a", "FROM t ORDER BY a", 9),
            "SELECT * FROM (SELECT a FROM t ORDER BY a) WHERE ROWNUM <= 9"
        );
        assert_eq!(of(Engine::Mysql).limited("a", "FROM t", 9), "SELECT a FROM t LIMIT 9");
        assert_eq!(of(Engine::Mysql).differs("a", Some("1")), "(a <> '1' OR a IS NULL)");
        assert_eq!(of(Engine::Oracle).differs("a", None), "a IS NOT NULL");
    }
}
