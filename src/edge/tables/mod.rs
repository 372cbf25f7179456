//! A sink of typed tables: one for each record type of the format, a row for each version.
//!
//! Everything a batch says is one transaction with the sink's own watermark, so that the tables say
//! themselves how far they are. Nothing is deleted: a withdrawn record is a version with its mark.

mod ddl;
mod rows;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use canon::format::{Format, RecordType};

pub use ddl::{Column, ENGINES, Table, script, tables};

use crate::db::{Connection, DbError, Dialect, Engine, Isolation, Place, Session, Stored, Trouble};
use crate::error::SinkError;
use crate::sink::{KeptRecord, Sink};
use crate::source::BoxFuture;

/// Rows of one statement.
const ROWS_MAX: usize = 200;
/// Bytes of one statement.
const BYTES_MAX: usize = 1 << 20;
/// Bytes of a list that is read back.
const LIST_BYTES_MAX: usize = 16 << 20;

/// Where the tables lie and what they are called.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name of the sink.
    pub name: String,
    /// The database: PostgreSQL, MariaDB or SQLite.
    pub place: Place,
    /// Before the name of every table: small letters, digits and `_`.
    pub prefix: String,
    /// Longest statement.
    pub statement_timeout: Duration,
    /// Longest wait for another program's lock.
    pub lock_timeout: Duration,
}

/// The sink. The database is opened at the first batch, and again after a failure.
pub struct TablesSink {
    settings: Settings,
    formats: Vec<Arc<Format>>,
    /// Record types over all of them: what the tables are made for.
    records: Vec<RecordType>,
    connection: Option<Connection>,
    news: Vec<String>,
}

impl TablesSink {
    /// Checks the settings. Editions that are side by side at the node share the tables; the first is the
    /// node's own.
    ///
    /// # Errors
    /// The database is of an engine that no tables are made for.
    pub fn new(settings: Settings, formats: Vec<Arc<Format>>) -> Result<Self, SinkError> {
        let engine = settings.place.engine();
        if !ENGINES.iter().any(|(_, known)| *known == engine) {
            return Err(SinkError::Schema {
                sink: settings.name,
                table: "*".into(),
                detail: format!("no tables are made for {}", engine.as_str()),
            });
        }
        let records = ddl::side_by_side(&formats);
        Ok(Self { settings, formats, records, connection: None, news: Vec::new() })
    }

    fn failed(&self, error: DbError) -> SinkError {
        let sink = self.settings.name.clone();
        match error.trouble {
            Trouble::Schema | Trouble::Refused | Trouble::Denied | Trouble::Missing => {
                SinkError::Schema { sink, table: "*".into(), detail: error.words }
            }
            _ => SinkError::Database {
                sink,
                place: self.settings.place.to_string(),
                detail: error.words,
            },
        }
    }

    /// The connection, its tables there and as the format says.
    async fn ready(&mut self) -> Result<Connection, SinkError> {
        if let Some(connection) = self.connection.take() {
            return Ok(connection);
        }
        let session = Session {
            read_only: false,
            statement_timeout: self.settings.statement_timeout,
            lock_timeout: self.settings.lock_timeout,
            isolation: Isolation::ReadCommitted,
            stored: Stored::Declared,
            create: true,
        };
        let opened = Connection::open(&self.settings.place, &session).await;
        let mut connection = opened.map_err(|e| self.failed(e))?;
        self.prepare(&mut connection).await?;
        Ok(connection)
    }

    /// Makes what is not there, adds what the format has gained, refuses anything else.
    async fn prepare(&mut self, connection: &mut Connection) -> Result<(), SinkError> {
        let (engine, prefix) = (self.settings.place.engine(), self.settings.prefix.clone());
        let d = connection.dialect();
        for sql in ddl::own(engine, &prefix) {
            connection.execute(sql).await.map_err(|e| self.failed(e))?;
        }
        let made_name = d.name(&format!("{prefix}{}", ddl::MADE));
        let made = made(connection, &made_name).await.map_err(|e| self.failed(e))?;
        // Where the database can: all of it or nothing.
        connection.begin().await.map_err(|e| self.failed(e))?;
        for record in &self.records {
            let table = ddl::table(record, engine, &prefix);
            let Some(there) = made.get(&table.name) else {
                let mut all = vec![table.create(engine)];
                all.extend(table.comments(engine));
                all.extend(table.view(engine));
                all.push(said(d, &made_name, &table, &table.columns));
                for sql in all {
                    connection.execute(sql).await.map_err(|e| self.failed(e))?;
                }
                continue;
            };
            let (new, longer) = self.gained(&table, there)?;
            if new.is_empty() && longer.is_empty() {
                continue;
            }
            let names: Vec<&str> = new.iter().chain(&longer).map(|c| c.name.as_str()).collect();
            self.news.push(format!("{}: {}", table.name, names.join(", ")));
            let mut all: Vec<String> = new.iter().flat_map(|c| table.add(engine, c)).collect();
            all.extend(longer.iter().flat_map(|c| table.lengthen(engine, c)));
            all.extend(table.view(engine));
            all.extend(longer.iter().map(|c| said_again(d, &made_name, &table, c)));
            all.extend((!new.is_empty()).then(|| said(d, &made_name, &table, &new)));
            for sql in all {
                connection.execute(sql).await.map_err(|e| self.failed(e))?;
            }
        }
        connection.commit().await.map_err(|e| self.failed(e))
    }

    /// The columns that the format has gained since the table was made, and those whose texts are longer.
    fn gained(
        &self,
        table: &Table,
        there: &BTreeMap<String, String>,
    ) -> Result<(Vec<Column>, Vec<Column>), SinkError> {
        let refused = |detail: String| {
            Err(SinkError::Schema {
                sink: self.settings.name.clone(),
                table: table.name.clone(),
                detail: format!("{detail}; give this format a sink with a prefix of its own"),
            })
        };
        let (mut new, mut longer) = (Vec::new(), Vec::new());
        for column in &table.columns {
            match there.get(&column.name) {
                Some(ty) if *ty == column.ty => {}
                Some(ty) if ddl::is_longer(ty, &column.ty) => longer.push(column.clone()),
                Some(ty) => {
                    let (name, wanted) = (&column.name, &column.ty);
                    return refused(format!("column `{name}` is {ty}, the format says {wanted}"));
                }
                None if column.required => {
                    let name = &column.name;
                    return refused(format!(
                        "the format asks for `{name}` in every record, and the rows there have none"
                    ));
                }
                None => new.push(column.clone()),
            }
        }
        let gone = there.keys().find(|name| !table.columns.iter().any(|c| c.name == **name));
        match gone {
            Some(name) => refused(format!("the format has no field `{name}` any more")),
            None => Ok((new, longer)),
        }
    }

    /// The watermark as the tables have it.
    async fn mark(&self, connection: &mut Connection) -> Result<Option<u64>, SinkError> {
        let d = connection.dialect();
        let marks = d.name(&format!("{}{}", self.settings.prefix, ddl::MARKS));
        let name = d.literal(Some(&self.settings.name));
        let sql = format!("SELECT watermark FROM {marks} WHERE name = {name}");
        let said = connection.scalar(sql).await.map_err(|e| self.failed(e))?;
        Ok(said.and_then(|text| text.parse().ok()))
    }

    /// Writes a batch with the watermark it leads to, all or nothing.
    async fn write(&mut self, batch: &[KeptRecord<'_>], again: bool) -> Result<(), SinkError> {
        let mut connection = self.ready().await?;
        connection.begin().await.map_err(|e| self.failed(e))?;
        let d = connection.dialect();
        let taken = self.mark(&mut connection).await?;
        let passed = |r: &&KeptRecord<'_>| again || taken.is_none_or(|t| r.watermark > t);
        let new: Vec<_> = batch.iter().filter(passed).collect();
        for sql in self.statements(d, &new)? {
            connection.execute(sql).await.map_err(|e| self.failed(e))?;
        }
        let reached = new.iter().map(|r| r.watermark).max();
        if let Some(reached) = reached.filter(|r| taken.is_none_or(|t| *r > t)) {
            let marks = d.name(&format!("{}{}", self.settings.prefix, ddl::MARKS));
            let name = d.literal(Some(&self.settings.name));
            let sql = match taken {
                Some(_) => format!("UPDATE {marks} SET watermark = {reached} WHERE name = {name}"),
                None => format!("INSERT INTO {marks} (name, watermark) VALUES ({name}, {reached})"),
            };
            connection.execute(sql).await.map_err(|e| self.failed(e))?;
        }
        connection.commit().await.map_err(|e| self.failed(e))?;
        self.connection = Some(connection);
        Ok(())
    }

    /// The upserts of a batch, by type, in pieces.
    fn statements(&self, d: Dialect, batch: &[&KeptRecord<'_>]) -> Result<Vec<String>, SinkError> {
        let mut rows: BTreeMap<usize, BTreeMap<(String, u32), String>> = BTreeMap::new();
        for kept in batch {
            let wrong = |detail: String| SinkError::Schema {
                sink: self.settings.name.clone(),
                table: kept.id.kind.to_string(),
                detail,
            };
            let (id, edition) = (kept.id, kept.edition);
            let format = self.formats.iter().find(|f| f.edition() == edition);
            let format =
                format.ok_or_else(|| wrong(format!("{id} is of {edition}, unknown here")))?;
            let parsed = format.parse(kept.fragment.as_bytes());
            let parsed = parsed.map_err(|_| wrong(format!("{id} is no record of {edition}")))?;
            let written = format.get(parsed.ty);
            let at = self.records.iter().position(|r| r.name == written.name);
            let record = at.and_then(|at| Some((at, self.records.get(at)?)));
            let (at, record) = record.ok_or_else(|| wrong(format!("no table for {id}")))?;
            let row = rows::values(d, (record, written), kept, &parsed);
            // One statement may not write a row twice.
            let key = (kept.id.key.to_string(), kept.id.version);
            rows.entry(at).or_default().insert(key, row);
        }
        let mut all = Vec::new();
        let of = |(at, rows)| Some((self.records.get(at)?, rows));
        for (record, rows) in rows.into_iter().filter_map(of) {
            let names = rows::names(record);
            let table = format!("{}{}", self.settings.prefix, record.name);
            let (head, tail) = upsert(d, &table, &names);
            let (mut sql, mut count) = (String::new(), 0);
            for row in rows.into_values() {
                if count == ROWS_MAX || sql.len() + row.len() > BYTES_MAX {
                    all.push(format!("{sql}{tail}"));
                    count = 0;
                }
                if count == 0 {
                    sql.clone_from(&head);
                } else {
                    sql.push_str(", ");
                }
                sql.push_str(&row);
                count += 1;
            }
            all.push(format!("{sql}{tail}"));
        }
        Ok(all)
    }
}

/// What goes before the rows, and after them.
fn upsert(d: Dialect, table: &str, names: &[String]) -> (String, String) {
    let (key, version) = ddl::KEY;
    let quoted: Vec<String> = names.iter().map(|n| d.name(n)).collect();
    let head = format!("INSERT INTO {} ({}) VALUES ", d.name(table), quoted.join(", "));
    let others = names.iter().zip(&quoted).filter(|(n, _)| *n != key && *n != version);
    let set = |to: fn(&str) -> String| {
        others.map(|(_, q)| format!("{q} = {}", to(q))).collect::<Vec<_>>().join(", ")
    };
    let tail = match d.engine {
        Engine::Mysql => format!(" ON DUPLICATE KEY UPDATE {}", set(|q| format!("VALUES({q})"))),
        _ => format!(
            " ON CONFLICT ({}, {}) DO UPDATE SET {}",
            d.name(key),
            d.name(version),
            set(|q| format!("excluded.{q}"))
        ),
    };
    (head, tail)
}

/// What was made so far: type by column by table.
async fn made(
    connection: &mut Connection,
    table: &str,
) -> Result<BTreeMap<String, BTreeMap<String, String>>, DbError> {
    let sql = format!("SELECT table_name, column_name, column_type FROM {table}");
    let rows = connection.rows(sql, LIST_BYTES_MAX).await?;
    let mut made: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let text = |row: usize, at: usize| {
        rows.cell(row, at).map(|b| String::from_utf8_lossy(b).into_owned()).unwrap_or_default()
    };
    for row in 0..rows.len() {
        made.entry(text(row, 0)).or_default().insert(text(row, 1), text(row, 2));
    }
    Ok(made)
}

/// Remembers that a column was made longer.
fn said_again(d: Dialect, made: &str, table: &Table, column: &Column) -> String {
    let [table, name, ty] = [&table.name, &column.name, &column.ty].map(|t| d.literal(Some(t)));
    format!(
        "UPDATE {made} SET column_type = {ty} WHERE table_name = {table} AND column_name = {name}"
    )
}

/// Remembers columns that were made.
fn said(d: Dialect, made: &str, table: &Table, columns: &[Column]) -> String {
    let row = |c: &Column| {
        let cells = [&table.name, &c.name, &c.ty].map(|t| d.literal(Some(t)));
        format!("({})", cells.join(", "))
    };
    let rows: Vec<String> = columns.iter().map(row).collect();
    format!("INSERT INTO {made} (table_name, column_name, column_type) VALUES {}", rows.join(", "))
}

impl Sink for TablesSink {
    fn deliver<'a>(
        &'a mut self,
        batch: &'a [KeptRecord<'a>],
    ) -> BoxFuture<'a, Result<(), SinkError>> {
        Box::pin(self.write(batch, false))
    }

    fn again<'a>(
        &'a mut self,
        batch: &'a [KeptRecord<'a>],
    ) -> BoxFuture<'a, Result<(), SinkError>> {
        Box::pin(self.write(batch, true))
    }

    fn reached(&mut self) -> BoxFuture<'_, Result<Option<u64>, SinkError>> {
        Box::pin(async move {
            let mut connection = self.ready().await?;
            let mark = self.mark(&mut connection).await?;
            self.connection = Some(connection);
            Ok(Some(mark.unwrap_or(0)))
        })
    }

    fn look_again(&mut self) -> BoxFuture<'_, Result<(), SinkError>> {
        self.connection = None;
        Box::pin(std::future::ready(Ok(())))
    }

    fn news(&mut self) -> Vec<String> {
        std::mem::take(&mut self.news)
    }
}
