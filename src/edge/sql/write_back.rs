//! Outcomes into source rows: one transaction, an answer for each.

use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection, query, query_scalar};

use super::{SqlSource, WriteBackTo, failure, statement};
use crate::error::SourceError;
use crate::page::split_key;
use crate::source::WriteBack;

impl SqlSource {
    pub(super) async fn write(
        &mut self,
        items: &[WriteBack],
    ) -> Result<Vec<Result<(), SourceError>>, SourceError> {
        let mut connection = match self.write.take() {
            Some(connection) => connection,
            None => self.connect(false).await?,
        };
        let unreachable = |e: sqlx::Error| failure::unreachable(&self.settings, &e);
        // IMMEDIATE: another program's lock is met here, before anything is written.
        let mut transaction =
            connection.begin_with("BEGIN IMMEDIATE").await.map_err(unreachable)?;
        let mut answers = Vec::with_capacity(items.len());
        for item in items {
            answers.push(self.one(&mut transaction, item).await?);
        }
        transaction.commit().await.map_err(unreachable)?;
        self.write = Some(connection);
        Ok(answers)
    }

    /// One row; the outer error ends the whole transaction.
    async fn one(
        &self,
        connection: &mut SqliteConnection,
        item: &WriteBack,
    ) -> Result<Result<(), SourceError>, SourceError> {
        let adapter = || self.settings.adapter.clone();
        let source = self.settings.queries.get(usize::from(item.table));
        let Some((source, to)) = source.and_then(|q| Some((q, q.write_back.as_ref()?))) else {
            return Ok(Err(SourceError::NoWriteBack { adapter: adapter(), kind: "sql" }));
        };
        let missing = || SourceError::RowMissing { adapter: adapter(), table: to.table.clone() };
        let Some(parts) = split_key(&item.row_key, source.key.len()) else {
            return Ok(Err(missing()));
        };
        let place = |name: &String| source.key.iter().position(|k| k == name);
        let key: Vec<String> =
            to.key.iter().filter_map(place).filter_map(|at| parts.get(at).cloned()).collect();
        match self.update(connection, to, item, &key).await {
            Ok(true) => Ok(Ok(())),
            Ok(false) => Ok(Err(missing())),
            Err(e) if failure::is_busy(&e) => {
                Err(failure::statement(&self.settings, &to.table, &e))
            }
            Err(e) => match failure::statement(&self.settings, &to.table, &e) {
                // A constraint or a trigger of this row; the others go on.
                SourceError::Unreachable { detail, .. } => Ok(Err(SourceError::WriteRefused {
                    adapter: adapter(),
                    table: to.table.clone(),
                    detail,
                })),
                other => Err(other),
            },
        }
    }

    /// Whether the row is there and now says what it should.
    async fn update(
        &self,
        connection: &mut SqliteConnection,
        to: &WriteBackTo,
        item: &WriteBack,
        key: &[String],
    ) -> Result<bool, sqlx::Error> {
        let text: String = item.text.chars().take(to.error_chars_max).collect();
        let text = (!text.is_empty()).then_some(text);
        let mut update = query(AssertSqlSafe(statement::write_back(to))).bind(item.flag.as_str());
        if to.error.is_some() {
            update = update.bind(text.as_deref());
        }
        for part in key {
            update = update.bind(part.as_str());
        }
        update = update.bind(item.flag.as_str());
        if to.error.is_some() {
            update = update.bind(text.as_deref());
        }
        if update.execute(&mut *connection).await?.rows_affected() > 0 {
            return Ok(true);
        }
        let mut exists = query_scalar(AssertSqlSafe(statement::exists(to)));
        for part in key {
            exists = exists.bind(part.as_str());
        }
        let rows: i64 = exists.fetch_one(connection).await?;
        Ok(rows > 0)
    }
}
