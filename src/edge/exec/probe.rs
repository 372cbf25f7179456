//! What `doctor` looks at: whether the program starts and says its first message.

use canon::Millis;

use super::{Exec, Settings};
use crate::seen::Seen;
use crate::source::Source as _;

/// Turns in which it may be silent.
const TURNS_MAX: usize = 4;

/// Starts the program from its beginning, hears it until its first row, and ends it.
pub async fn probe(settings: &Settings, now: Millis) -> Vec<Seen> {
    let mut settings = settings.clone();
    // The running service has its own files there.
    settings.folder = settings.folder.join("doctor");
    settings.hours.clear();
    let name = settings.name();
    let mut source = Exec::new(settings);
    let mut cursor: Option<String> = None;
    for _ in 0..TURNS_MAX {
        match source.read(cursor.as_deref(), now, 1).await {
            Ok(page) if page.is_empty() && page.broken.is_empty() && page.more => {
                cursor = Some(page.cursor);
            }
            Ok(page) if page.broken.is_empty() => {
                let (en, zh) = if page.is_empty() {
                    ("has no rows", "没有数据")
                } else {
                    ("gives rows", "有数据")
                };
                return vec![Seen::fine(
                    "source_program",
                    format!("`{name}` starts and {en}"),
                    format!("『{name}』可启动，{zh}"),
                )];
            }
            Ok(page) => {
                let said = page.broken.first();
                let (en, zh) = said.map_or(("", ""), |b| (&b.en, &b.zh));
                return vec![Seen::wrong(
                    "source_program",
                    format!("`{name}`: {en}"),
                    format!("『{name}』：{zh}"),
                )];
            }
            Err(e) => return vec![Seen::failed("source_program", &name, &e)],
        }
    }
    vec![Seen::wrong(
        "source_program",
        format!("`{name}` starts and says nothing for a while; this may be its way"),
        format!("『{name}』启动后一段时间没有输出，也可能属正常"),
    )]
}
