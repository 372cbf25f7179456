//! Outcomes into source rows: one transaction, an answer for each.

use super::{SqlSource, WriteBackTo, failure, statement};
use crate::db::{Connection, DbError, Trouble};
use crate::error::SourceError;
use crate::page::split_key;
use crate::source::WriteBack;

/// Marks the place to which one refused item is taken back.
const SAVEPOINT: &str = "one_item";

impl SqlSource {
    pub(super) async fn write(
        &mut self,
        items: &[WriteBack],
    ) -> Result<Vec<Result<(), SourceError>>, SourceError> {
        let mut connection = self.connect(false).await?;
        let unreachable = |e: DbError| failure::unreachable(&self.settings, e);
        connection.begin().await.map_err(unreachable)?;
        let mut answers = Vec::with_capacity(items.len());
        for item in items {
            answers.push(self.one(&mut connection, item).await?);
        }
        connection.commit().await.map_err(unreachable)?;
        self.connection = Some((connection, false));
        Ok(answers)
    }

    /// One row; the outer error ends the whole transaction.
    async fn one(
        &self,
        connection: &mut Connection,
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
        match update_within(connection, to, item, &key).await {
            Ok(true) => Ok(Ok(())),
            Ok(false) => Ok(Err(missing())),
            // A constraint or a trigger of this row; the others go on.
            Err(e) if e.trouble == Trouble::Refused => Ok(Err(SourceError::WriteRefused {
                adapter: adapter(),
                table: to.table.clone(),
                detail: e.words,
            })),
            Err(e) => Err(failure::statement(&self.settings, &to.table, e)),
        }
    }
}

/// One update, taken back by itself where its failure would spoil the others.
async fn update_within(
    connection: &mut Connection,
    to: &WriteBackTo,
    item: &WriteBack,
    key: &[String],
) -> Result<bool, DbError> {
    if !connection.dialect().needs_savepoints() {
        return update(connection, to, item, key).await;
    }
    connection.execute(format!("SAVEPOINT {SAVEPOINT}")).await?;
    let done = update(connection, to, item, key).await;
    if done.is_err() {
        connection.execute(format!("ROLLBACK TO SAVEPOINT {SAVEPOINT}")).await?;
    }
    connection.execute(format!("RELEASE SAVEPOINT {SAVEPOINT}")).await?;
    done
}

/// Whether the row is there and now says what it should.
async fn update(
    connection: &mut Connection,
    to: &WriteBackTo,
    item: &WriteBack,
    key: &[String],
) -> Result<bool, DbError> {
    let d = connection.dialect();
    let text: String = item.text.chars().take(to.error_chars_max).collect();
    let text = (!text.is_empty()).then_some(text.as_str());
    if connection.execute(statement::write_back(d, to, key, &item.flag, text)).await? > 0 {
        return Ok(true);
    }
    if connection.count(statement::exists(d, to, key)).await? > 0 {
        return Ok(true);
    }
    if to.own_table {
        connection.execute(statement::insert(d, to, key, &item.flag, text)).await?;
    }
    Ok(to.own_table)
}
