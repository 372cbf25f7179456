//! The least that an account needs: SELECT on the tables that the queries name, UPDATE on the columns
//! that the write-back fills.

use std::collections::{BTreeMap, BTreeSet};

use crate::db::{Dialect, Engine, Stored};

/// What an account may do with a table.
#[derive(Debug, Default, PartialEq, Eq)]
struct Rights {
    /// Columns that are written.
    update: BTreeSet<String>,
    /// Rows are put there.
    insert: bool,
}

/// Whose rights they are, and where.
#[derive(Clone, Copy, Debug)]
pub struct Account<'a> {
    /// Whose SQL is spoken.
    pub engine: Engine,
    /// The account's name.
    pub user: &'a str,
    /// The database, where rights name it (MySQL).
    pub database: &'a str,
    /// Where tables lie that are named without a schema; none is the account's own search.
    pub schema: Option<&'a str>,
}

impl Account<'_> {
    /// A table's name as rights name it.
    fn table(&self, d: Dialect, name: &str) -> String {
        let place = match self.engine {
            Engine::Mysql => Some(self.database),
            _ => self.schema,
        };
        match place {
            Some(place) if !name.contains('.') => format!("{}.{}", d.name(place), d.name(name)),
            _ => d.name(name),
        }
    }

    /// What comes before the tables: the account itself, and the schemas it may look into.
    fn begin(&self, d: Dialect, tables: &BTreeMap<String, Rights>) -> Vec<String> {
        let mut all = account(self.engine, self.user);
        if self.engine == Engine::Postgres {
            let named = tables.keys().filter_map(|t| t.rsplit_once('.')).map(|(schema, _)| schema);
            let schemas: BTreeSet<&str> = named.chain(self.schema).collect();
            let user = self.user;
            all.extend(
                self.schema.map(|schema| {
                    format!("ALTER ROLE {user} SET search_path = {};", d.name(schema))
                }),
            );
            all.extend(
                schemas
                    .into_iter()
                    .map(|schema| format!("GRANT USAGE ON SCHEMA {} TO {user};", d.name(schema))),
            );
        }
        all
    }
}

/// The statements, for the owner of the database to read and run.
pub fn grants(source: &adapt::SqlSource, to: Account<'_>) -> Vec<String> {
    let Account { engine, user, .. } = to;
    let d = Dialect { engine, stored: Stored::Declared };
    let mut rights: BTreeMap<String, Rights> = BTreeMap::new();
    for query in &source.queries {
        let sql = query.sql_for.get(engine.as_str()).unwrap_or(&query.sql);
        for table in tables(sql) {
            rights.entry(table).or_default();
        }
        if let adapt::Detect::LogTable { table, .. } = &query.detect {
            rights.entry(table.text.clone()).or_default();
        }
        if let Some(to) = &query.write_back {
            let written = rights.entry(to.table.text.clone()).or_default();
            let columns = [Some(&to.flag), to.error.as_ref(), to.stamp.as_ref()];
            written.update.extend(columns.into_iter().flatten().map(|c| c.text.clone()));
            written.insert |= to.own_table;
        }
    }
    let who = match engine {
        Engine::Mysql => format!("'{user}'@'%'"),
        _ => user.to_owned(),
    };
    let mut all = to.begin(d, &rights);
    for (table, rights) in &rights {
        let table = to.table(d, table);
        all.push(format!("GRANT SELECT ON {table} TO {who};"));
        let columns: Vec<String> = rights.update.iter().map(|c| d.name(c)).collect();
        let columns = columns.join(", ");
        if rights.insert {
            all.push(format!("GRANT INSERT, UPDATE ON {table} TO {who};"));
        } else if !columns.is_empty() {
            all.push(match engine {
                Engine::Mssql => format!("GRANT UPDATE ON {table} ({columns}) TO {who};"),
                _ => format!("GRANT UPDATE ({columns}) ON {table} TO {who};"),
            });
        }
    }
    all
}

/// How the account is made; the password is the owner's to choose.
fn account(engine: Engine, user: &str) -> Vec<String> {
    match engine {
        Engine::Sqlite => vec![
            "-- SQLite has no accounts: the file's own rights decide; the write-back needs its folder too.".into(),
        ],
        Engine::Mysql => vec![format!("-- CREATE USER '{user}'@'%' IDENTIFIED BY '…';")],
        Engine::Postgres => vec![
            format!("-- CREATE ROLE {user} LOGIN PASSWORD '…';"),
            format!("ALTER ROLE {user} SET statement_timeout = '60s';"),
        ],
        Engine::Mssql => vec![
            format!("-- CREATE LOGIN {user} WITH PASSWORD = '…';"),
            format!("CREATE USER {user} FOR LOGIN {user};"),
        ],
        Engine::Oracle => vec![
            format!("-- CREATE USER {user} IDENTIFIED BY \"…\";"),
            format!("GRANT CREATE SESSION TO {user};"),
        ],
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    /// A name, as written, without its quotes; dots join.
    Name(String),
    Open,
    Close,
    Comma,
    Other,
}

/// The tables that a SELECT reads, names of its own `WITH` left out.
fn tables(sql: &str) -> BTreeSet<String> {
    let tokens = tokens(sql);
    let is = |at: usize, word: &str| matches!(tokens.get(at), Some(Token::Name(n)) if n.eq_ignore_ascii_case(word));
    // For each bracket: whether a query stands in it, and whether its FROM list is open.
    let mut levels = vec![(true, false)];
    let (mut found, mut own) = (BTreeSet::new(), BTreeSet::new());
    let mut wanted = false;
    for (at, token) in tokens.iter().enumerate() {
        let (query, from) = levels.last().copied().unwrap_or((true, false));
        match token {
            Token::Open => {
                let select = is(at + 1, "select") || is(at + 1, "with");
                levels.push((select || wanted, wanted && !select));
                wanted &= !select;
                if at >= 2
                    && is(at - 1, "as")
                    && let Some(Token::Name(name)) = tokens.get(at - 2)
                {
                    own.insert(name.to_lowercase());
                }
            }
            Token::Close => {
                levels.pop();
                wanted = false;
            }
            Token::Comma => wanted = query && from,
            Token::Name(name) => {
                let word = name.to_lowercase();
                let level = levels.last_mut();
                match word.as_str() {
                    "from" | "join" if query => {
                        wanted = true;
                        if let Some(level) = level {
                            level.1 = true;
                        }
                    }
                    "where" | "group" | "order" | "having" | "limit" | "union" | "select"
                    | "intersect" | "except" => {
                        wanted = false;
                        if let Some(level) = level {
                            level.1 = false;
                        }
                    }
                    "lateral" | "only" => {}
                    _ if wanted => {
                        found.insert(name.clone());
                        wanted = false;
                    }
                    _ => {}
                }
            }
            Token::Other => {}
        }
    }
    found.retain(|name| !own.contains(&name.to_lowercase()));
    found
}

fn tokens(sql: &str) -> Vec<Token> {
    let mut all = Vec::new();
    let mut chars = sql.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '(' => all.push(Token::Open),
            ')' => all.push(Token::Close),
            ',' => all.push(Token::Comma),
            '\'' => {
                // A doubled quote begins the next text at once, which is as well.
                chars.by_ref().find(|c| *c == '\'');
                all.push(Token::Other);
            }
            '-' if chars.peek() == Some(&'-') => {
                chars.by_ref().find(|c| *c == '\n');
            }
            '/' if chars.peek() == Some(&'*') => {
                let mut before = ' ';
                for c in chars.by_ref() {
                    if before == '*' && c == '/' {
                        break;
                    }
                    before = c;
                }
            }
            '"' | '`' | '[' => {
                let end = if c == '[' { ']' } else { c };
                let name: String = chars.by_ref().take_while(|c| *c != end).collect();
                name_part(&mut all, name);
            }
            c if c.is_alphabetic() || matches!(c, '_' | '#' | '@' | '$') => {
                let mut name = String::from(c);
                let part = |c: &char| c.is_alphanumeric() || matches!(c, '_' | '#' | '@' | '$');
                while let Some(c) = chars.next_if(part) {
                    name.push(c);
                }
                name_part(&mut all, name);
            }
            '.' => match all.last_mut() {
                Some(Token::Name(name)) => name.push('.'),
                _ => all.push(Token::Other),
            },
            c if c.is_whitespace() => {}
            _ => all.push(Token::Other),
        }
    }
    all
}

/// A name, or what follows the dot of one.
fn name_part(all: &mut Vec<Token>, name: String) {
    match all.last_mut() {
        Some(Token::Name(before)) if before.ends_with('.') => before.push_str(&name),
        _ => all.push(Token::Name(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(sql: &str) -> Vec<String> {
        tables(sql).into_iter().collect()
    }

    #[test]
    fn every_table_of_a_select_is_found_and_nothing_else() {
        assert_eq!(
            of(
                "SELECT s.*, c.a FROM approval_step s LEFT JOIN approval_case c ON c.id = s.id WHERE c.x <> '0'"
            ),
            ["approval_case", "approval_step"]
        );
        assert_eq!(
            of("select * from dbo.[A B] x, \"c\".d, (select 1 from e) f where g in (1, h)"),
            ["c.d", "dbo.A B", "e"]
        );
        assert_eq!(
            of(
                "WITH w AS (SELECT * FROM base) SELECT EXTRACT(YEAR FROM t) FROM w JOIN `x` ON 1=1 -- FROM y\n"
            ),
            ["base", "x"]
        );
        assert_eq!(
            of("SELECT 'FROM lie', /* FROM z */ a FROM real_one WHERE b = 'it''s FROM q'"),
            ["real_one"]
        );
        assert_eq!(
            of("SELECT a FROM (t1 JOIN t2 ON t1.i = t2.i) UNION SELECT a FROM t3"),
            ["t1", "t2", "t3"]
        );
    }

    #[test]
    fn an_account_gets_no_more_than_it_needs() {
        let text = |t: &str| adapt::Text { text: t.into(), pos: Default::default() };
        let query = adapt::Query {
            name: text("case"),
            sql: "SELECT * FROM approval_case".into(),
            sql_for: [("mssql".to_owned(), "SELECT * FROM dbo.cases".to_owned())].into(),
            columns: vec![text("id")],
            key: vec![text("id")],
            detect: adapt::Detect::LogTable { table: text("log"), column: text("seq") },
            history: None,
            vanished: adapt::Vanished::Hold,
            write_back: Some(adapt::WriteBack {
                table: text("approval_case"),
                own_table: false,
                key: vec![text("id")],
                flag: text("sync_flag"),
                error: Some(text("sync_error")),
                stamp: None,
                error_chars: 10,
                values: adapt::FlagValues {
                    accepted: "1".into(),
                    warned: "1".into(),
                    rejected: "2".into(),
                    quarantined: "2".into(),
                },
            }),
        };
        let source = adapt::SqlSource { encoding: adapt::Encoding::Auto, queries: vec![query] };
        let to = |engine, schema| Account { engine, user: "reader", database: "approval", schema };
        let said = |engine| grants(&source, to(engine, None));
        assert_eq!(
            said(Engine::Mysql)[1..],
            [
                "GRANT SELECT ON `approval`.`approval_case` TO 'reader'@'%';",
                "GRANT UPDATE (`sync_error`, `sync_flag`) ON `approval`.`approval_case` TO 'reader'@'%';",
                "GRANT SELECT ON `approval`.`log` TO 'reader'@'%';",
            ]
        );
        let mssql = said(Engine::Mssql);
        assert!(
            mssql.contains(&"GRANT SELECT ON [dbo].[cases] TO reader;".to_owned()),
            "{mssql:?}"
        );
        assert!(mssql.contains(
            &"GRANT UPDATE ON [approval_case] ([sync_error], [sync_flag]) TO reader;".to_owned()
        ));
        assert!(said(Engine::Postgres).iter().all(|s| !s.contains("DELETE")));
        let there = grants(&source, to(Engine::Postgres, Some("county")));
        assert_eq!(
            there[2..5],
            [
                "ALTER ROLE reader SET search_path = \"county\";",
                "GRANT USAGE ON SCHEMA \"county\" TO reader;",
                "GRANT SELECT ON \"county\".\"approval_case\" TO reader;",
            ]
        );
    }
}
