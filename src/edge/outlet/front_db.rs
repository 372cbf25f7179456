//! A front database (前置库): a row with a flag for each record; the platform takes the row away into its
//! own tables and writes flag and words back.
//!
//! Every fact about a row is in the row. A batch is one transaction; a row is found again by its message
//! id, so that a batch whose commit nobody saw is not put there twice.

mod look;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use canon::Millis;
use serde::Deserialize;

use super::{AnswerClass, Answers, Heard, Message, Outlet, OutletError, Target, TargetProblem};
use crate::db::{Connection, DbError, Dialect, Isolation, Place, Session, Stored, Trouble};
use crate::source::BoxFuture;

/// The file of a target's folder that says how its front database is used.
pub const FILE: &str = "front_db.toml";
/// Bytes of a list of answers that is read back.
const LIST_BYTES_MAX: usize = 16 << 20;
/// Columns that this program writes by itself.
const WORDS: [&str; 4] = ["now", "message", "document", "key"];

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    columns: Columns,
    #[serde(default)]
    tables: BTreeMap<String, String>,
    #[serde(default)]
    table: Option<String>,
    #[serde(default)]
    also: BTreeMap<String, String>,
    #[serde(default = "yes")]
    fields: bool,
    poll_seconds: u32,
    answers: Answers,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Columns {
    message: String,
    flag: String,
    pending: Option<String>,
    text: Option<String>,
}

const fn yes() -> bool {
    true
}

/// Where the front database is.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name of the outlet.
    pub name: String,
    /// The database.
    pub place: Place,
    /// Longest statement.
    pub statement_timeout: Duration,
    /// Longest wait for another program's lock.
    pub lock_timeout: Duration,
}

/// The outlet. The database is opened with the first batch, and again after a failure.
#[derive(Debug)]
pub struct FrontDb {
    settings: Settings,
    text: Text,
    /// Every table that may be written, and its columns.
    wanted: BTreeMap<String, BTreeSet<String>>,
    connection: Option<Connection>,
}

/// What stands in a row of the front database.
struct Row {
    flag: Option<String>,
    text: Option<String>,
}

impl FrontDb {
    /// An outlet to a target whose folder has a `front_db.toml`.
    ///
    /// # Errors
    /// The file is not there, or says what cannot be.
    pub fn new(settings: Settings, target: &Target) -> Result<Self, TargetProblem> {
        let text: Text = target.way(FILE)?;
        checked(&text)?;
        let mut made = Self { settings, text, wanted: BTreeMap::new(), connection: None };
        for mapped in target.records.values() {
            let ty = target.format.get(mapped.ty);
            let filled = ty.fields.iter().zip(&mapped.ways).filter(|(_, way)| way.is_some());
            let Columns { message, flag, text, .. } = &made.text.columns;
            let own = [Some(message), Some(flag), text.as_ref()].into_iter().flatten();
            let mut names: BTreeSet<String> = own.chain(made.text.also.keys()).cloned().collect();
            if made.text.fields {
                names.extend(filled.map(|(field, _)| field.wire.to_string()));
            }
            made.wanted.entry(made.table(&ty.wire)).or_default().extend(names);
        }
        Ok(made)
    }

    fn failed(&self, table: &str, error: &DbError) -> OutletError {
        let code = match error.trouble {
            Trouble::Denied => "platform.denied",
            Trouble::Schema | Trouble::Missing | Trouble::TooBig | Trouble::Refused => {
                "platform.schema"
            }
            Trouble::Unreachable | Trouble::Busy | Trouble::Slow => "platform.unreachable",
        };
        OutletError {
            outlet: self.settings.name.clone(),
            place: format!("{} {table}", self.settings.place),
            code,
            detail: error.words.clone(),
        }
    }

    async fn ready(&mut self) -> Result<Connection, OutletError> {
        if let Some(connection) = self.connection.take() {
            return Ok(connection);
        }
        let session = Session {
            read_only: false,
            statement_timeout: self.settings.statement_timeout,
            lock_timeout: self.settings.lock_timeout,
            isolation: Isolation::ReadCommitted,
            stored: Stored::Declared,
            create: false,
        };
        let opened = Connection::open(&self.settings.place, &session).await;
        opened.map_err(|e| self.failed("", &e))
    }

    fn table(&self, kind: &str) -> String {
        let named = self.text.tables.get(kind).or(self.text.table.as_ref());
        named.map_or(kind, String::as_str).to_owned()
    }

    /// Messages by their table, with their place in the batch.
    fn by_table<'m>(&self, batch: &'m [Message]) -> BTreeMap<String, Vec<(usize, &'m Message)>> {
        let mut tables: BTreeMap<String, Vec<(usize, &Message)>> = BTreeMap::new();
        for (at, message) in batch.iter().enumerate() {
            tables.entry(self.table(&message.made.kind)).or_default().push((at, message));
        }
        tables
    }

    /// Rows that are there, by message id.
    async fn rows(
        &self,
        connection: &mut Connection,
        table: &str,
        messages: &[(usize, &Message)],
    ) -> Result<BTreeMap<String, Row>, DbError> {
        let d = connection.dialect();
        let Columns { message, flag, text, .. } = &self.text.columns;
        let (key, flag) = (d.name(message), d.name(flag));
        let words = text.as_ref().map_or_else(|| "NULL".to_owned(), |t| d.text(&d.name(t)));
        let ids: Vec<String> = messages.iter().map(|(_, m)| d.literal(Some(&m.id))).collect();
        let sql = format!(
            "SELECT {}, {}, {words} FROM {} WHERE {key} IN ({})",
            d.text(&key),
            d.text(&flag),
            d.name(table),
            ids.join(", ")
        );
        let found = connection.rows(sql, LIST_BYTES_MAX).await?;
        let cell = |row, column| {
            let bytes = found.cell(row, column);
            bytes.map(|b| String::from_utf8_lossy(b).trim_end().to_owned())
        };
        let row = |at| Some((cell(at, 0)?, Row { flag: cell(at, 1), text: cell(at, 2) }));
        Ok((0..found.len()).filter_map(row).collect())
    }

    /// What the row says.
    fn heard(&self, row: &Row) -> Heard {
        let flag = row.flag.as_deref().map(str::trim).filter(|f| !f.is_empty());
        let pending = self.text.columns.pending.as_deref();
        match flag {
            None => Heard::Waiting,
            Some(flag) if Some(flag) == pending => Heard::Waiting,
            Some(flag) => match self.text.answers.class(flag) {
                AnswerClass::Waiting => Heard::Waiting,
                class => {
                    let text = row.text.as_deref().unwrap_or_default();
                    Heard::Said(class, format!("{flag} {text}").trim().to_owned())
                }
            },
        }
    }

    /// The statement that puts a row there, or sets it to be taken again; none where it stands as it is.
    fn statement(
        &self,
        d: Dialect,
        table: &str,
        message: &Message,
        row: Option<&Row>,
        now: Millis,
    ) -> Option<String> {
        let columns = &self.text.columns;
        let pending = d.literal(columns.pending.as_deref());
        let Some(row) = row else { return Some(self.insert(d, table, message, &pending, now)) };
        // Only what is not the platform's last word is asked for once more.
        let again = matches!(
            self.heard(row),
            Heard::Said(AnswerClass::Failed | AnswerClass::Parent | AnswerClass::Absent, _)
        );
        let mut set = format!("{} = {pending}", d.name(&columns.flag));
        if let Some(text) = &columns.text {
            set = format!("{set}, {} = NULL", d.name(text));
        }
        let key = format!("{} = {}", d.name(&columns.message), d.literal(Some(&message.id)));
        again.then(|| format!("UPDATE {} SET {set} WHERE {key}", d.name(table)))
    }

    fn insert(
        &self,
        d: Dialect,
        table: &str,
        message: &Message,
        pending: &str,
        now: Millis,
    ) -> String {
        let columns = &self.text.columns;
        let mut names = vec![d.name(&columns.message), d.name(&columns.flag)];
        let mut values = vec![d.literal(Some(&message.id)), pending.to_owned()];
        if self.text.fields {
            for (name, value) in &message.made.fields {
                names.push(d.name(name));
                values.push(d.literal(Some(value)));
            }
        }
        for (name, value) in &self.text.also {
            let value = match value.as_str() {
                "@now" => now.to_string(),
                "@message" => message.id.clone(),
                "@document" => super::document::exinfo(&message.made),
                "@key" => message.record.key.root().to_owned(),
                fixed => fixed.to_owned(),
            };
            names.push(d.name(name));
            values.push(d.literal(Some(&value)));
        }
        let (table, names, values) = (d.name(table), names.join(", "), values.join(", "));
        format!("INSERT INTO {table} ({names}) VALUES ({values})")
    }

    /// A batch, all or nothing. Which record the database refused, if it did.
    async fn put(
        &mut self,
        batch: &[Message],
        now: Millis,
    ) -> Result<Option<(usize, String)>, OutletError> {
        let mut connection = self.ready().await?;
        connection.begin().await.map_err(|e| self.failed("", &e))?;
        let d = connection.dialect();
        for (table, messages) in self.by_table(batch) {
            let rows = self.rows(&mut connection, &table, &messages).await;
            let rows = rows.map_err(|e| self.failed(&table, &e))?;
            for (at, message) in messages {
                let row = rows.get(&message.id);
                let Some(sql) = self.statement(d, &table, message, row, now) else { continue };
                match connection.execute(sql).await {
                    Ok(_) => {}
                    // Dropped with its transaction.
                    Err(e) if matches!(e.trouble, Trouble::Refused | Trouble::TooBig) => {
                        return Ok(Some((at, e.words)));
                    }
                    Err(e) => return Err(self.failed(&table, &e)),
                }
            }
        }
        connection.commit().await.map_err(|e| self.failed("", &e))?;
        self.connection = Some(connection);
        Ok(None)
    }

    async fn hand_all(
        &mut self,
        batch: &[Message],
        now: Millis,
    ) -> Result<Vec<Heard>, OutletError> {
        let mut heard = vec![Heard::Waiting; batch.len()];
        // Every turn takes at least one refused record out.
        let mut left: Vec<usize> = (0..batch.len()).collect();
        while !left.is_empty() {
            let part: Vec<Message> = left.iter().map(|at| batch[*at].clone()).collect();
            match self.put(&part, now).await? {
                None => break,
                Some((at, words)) => {
                    heard[left[at]] = Heard::Said(AnswerClass::Validation, words);
                    left.remove(at);
                }
            }
        }
        Ok(heard)
    }

    async fn ask_all(&mut self, batch: &[Message]) -> Result<Vec<Heard>, OutletError> {
        let mut heard = vec![Heard::Absent; batch.len()];
        let mut connection = self.ready().await?;
        for (table, messages) in self.by_table(batch) {
            let rows = self.rows(&mut connection, &table, &messages).await;
            let rows = rows.map_err(|e| self.failed(&table, &e))?;
            for (at, message) in messages {
                if let Some(row) = rows.get(&message.id) {
                    heard[at] = self.heard(row);
                }
            }
        }
        self.connection = Some(connection);
        Ok(heard)
    }
}

impl Outlet for FrontDb {
    fn hand<'a>(
        &'a mut self,
        batch: &'a [Message],
        now: Millis,
    ) -> BoxFuture<'a, Result<Vec<Heard>, OutletError>> {
        Box::pin(self.hand_all(batch, now))
    }

    fn ask<'a>(
        &'a mut self,
        batch: &'a [Message],
        _now: Millis,
    ) -> BoxFuture<'a, Result<Vec<Heard>, OutletError>> {
        Box::pin(self.ask_all(batch))
    }

    fn patience(&self) -> i64 {
        i64::from(self.text.poll_seconds.max(1)) * 1_000
    }
}

/// Names that can be names, words that there are, and answers that can be told apart.
fn checked(text: &Text) -> Result<(), TargetProblem> {
    let problem = |en: String, zh: String| TargetProblem { file: FILE.into(), en, zh };
    let Columns { message, flag, text: words, .. } = &text.columns;
    let own = [Some(message), Some(flag), words.as_ref()].into_iter().flatten();
    let named = own.chain(text.also.keys()).chain(text.tables.values()).chain(&text.table);
    if let Some(name) = named.clone().find(|name| !Dialect::can_be_name(name)) {
        let (en, zh) = (format!("`{name}` is no name"), format!("『{name}』不能作名称"));
        return Err(problem(en, zh));
    }
    let words = text.also.values().filter_map(|v| v.strip_prefix('@'));
    if let Some(word) = words.clone().find(|w| !WORDS.contains(w)) {
        let known = WORDS.map(|w| format!("@{w}")).join(" ");
        let en = format!("`@{word}` is no word; there are {known}");
        return Err(problem(en, format!("没有 @{word}；可用 {known}")));
    }
    if !text.answers.can_take() {
        let en = "no answer means that a record was taken (`= \"taken\"`)";
        return Err(problem(en.into(), "answers 中没有表示成功的代码（\"taken\"）".into()));
    }
    let pending = text.columns.pending.as_deref();
    if let Some(flag) = pending.filter(|flag| text.answers.names(flag)) {
        let en = format!("`{flag}` is both the flag of a new row and an answer");
        return Err(problem(en, format!("『{flag}』既是新行的标志又是答复")));
    }
    Ok(())
}
