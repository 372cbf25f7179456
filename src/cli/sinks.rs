//! A sink of the configuration, opened.

use std::sync::Arc;
use std::time::Duration;

use canon::NodeCode;
use edge::tables::{self, TablesSink};
use edge::webhook::{self, Webhook};
use edge::{FilesSink, Sink, SinkError};
use exchange::config::{Limits, SinkConfig, SinkKind};

use crate::open::Formats;
use crate::text::Failure;
use crate::{databases, https, open, os};

/// Fewest bytes of a signature's key.
const KEY_BYTES_MIN: usize = 16;

/// Opens it; tables are looked at with the first batch.
///
/// # Errors
/// The folder cannot be used, the password is not there.
pub(crate) fn open(
    code: &NodeCode,
    sink: &SinkConfig,
    formats: &Formats,
    own: &str,
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
            // Its own edition first.
            let (first, others): (Vec<_>, Vec<_>) =
                formats.values().map(Arc::clone).partition(|f| f.edition() == own);
            let formats = first.into_iter().chain(others).collect();
            let made = TablesSink::new(settings, formats).map_err(|e| failed(&e))?;
            Ok(Box::new(made))
        }
        SinkKind::Webhook { .. } => Ok(Box::new(webhook(code, sink, limits)?)),
    }
}

/// The service of a webhook; nobody is asked yet.
pub(crate) fn webhook(
    code: &NodeCode,
    sink: &SinkConfig,
    limits: &Limits,
) -> Result<Webhook, Failure> {
    let SinkKind::Webhook { remote, key } = &sink.kind else {
        return Err(Failure::usage("the sink is no webhook", "该输出不是 webhook"));
    };
    let key = open::secret(key)?.expose().trim_end_matches(['\r', '\n']).as_bytes().to_vec();
    if key.len() < KEY_BYTES_MIN {
        return Err(Failure::usage(
            format!(
                "[sink] hmac of `{}`: a key of {KEY_BYTES_MIN} characters or more is needed (`openssl rand -hex 32`)",
                sink.name
            ),
            format!(
                "输出『{}』的 hmac 密钥不得少于 {KEY_BYTES_MIN} 个字符（可用 openssl rand -hex 32 生成）",
                sink.name
            ),
        ));
    }
    let settings = webhook::Settings {
        name: sink.name.to_string(),
        node: code.to_string(),
        url: https::address(&remote.url)?,
        http: https::settings(remote, limits)?,
        key,
        records_max: limits.webhook_records_max,
        bytes_max: limits.webhook_bytes_max,
        clock: Arc::new(os::now),
    };
    Webhook::new(settings).map_err(|e| failed(&e))
}

const fn ms(ms: i64) -> Duration {
    Duration::from_millis(ms.unsigned_abs())
}

/// A sink's error as a command's.
pub(crate) fn failed(e: &SinkError) -> Failure {
    Failure::environment(e.to_string(), format!("输出不可用：{e}"))
}
