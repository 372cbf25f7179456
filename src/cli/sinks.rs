//! A sink of the configuration, opened.

use std::sync::Arc;
use std::time::Duration;

use canon::NodeCode;
use canon::format::Format;
use edge::tables::{self, TablesSink};
use edge::{FilesSink, Sink, SinkError};
use exchange::config::{Limits, SinkConfig, SinkKind};

use crate::databases;
use crate::text::Failure;

/// Opens it; tables are looked at with the first batch.
///
/// # Errors
/// The folder cannot be used, the password is not there.
pub(crate) fn open(
    code: &NodeCode,
    sink: &SinkConfig,
    format: &Arc<Format>,
    limits: &Limits,
) -> Result<Box<dyn Sink>, Failure> {
    match &sink.kind {
        SinkKind::Files(folder) => {
            let files = FilesSink::open(&sink.name, folder).map_err(|e| failed(&e))?;
            Ok(Box::new(files))
        }
        SinkKind::SqlTables { database, prefix } => {
            let settings = tables::Settings {
                // Two nodes may share a database: each has a watermark of its own.
                name: format!("{code}/{}", sink.name),
                place: databases::place(database)?,
                prefix: prefix.to_string(),
                statement_timeout: ms(limits.source_statement_timeout),
                lock_timeout: ms(limits.source_lock_wait),
            };
            let made = TablesSink::new(settings, Arc::clone(format)).map_err(|e| failed(&e))?;
            Ok(Box::new(made))
        }
    }
}

const fn ms(ms: i64) -> Duration {
    Duration::from_millis(ms.unsigned_abs())
}

/// A sink's error as a command's.
pub(crate) fn failed(e: &SinkError) -> Failure {
    Failure::environment(e.to_string(), format!("输出不可用：{e}"))
}
