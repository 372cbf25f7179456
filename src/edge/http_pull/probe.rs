//! What `doctor` looks at: whether a service answers as the package says, query by query, for one
//! page each.

use adapt::Template;
use canon::Millis;

use super::{HttpPull, Settings};
use crate::http::encryption;
use crate::seen::Seen;
use crate::source::Source as _;

/// Rows of the page that is looked at.
const ROWS: usize = 1;

/// Asks for the first page of every query, once.
pub async fn probe(settings: &Settings, now: Millis) -> Vec<Seen> {
    let secret = settings.source.login.is_some()
        || settings.source.headers.iter().any(|(_, t): &(_, Template)| t.slots().next().is_some());
    let mut seen = vec![encryption(&settings.url, secret)];
    for index in 0..settings.source.queries.len() {
        let mut one = settings.clone();
        one.source.queries = vec![settings.source.queries[index].clone()];
        one.source.asks = vec![settings.source.asks[index].clone()];
        one.hours.clear();
        let name = settings.query(index);
        let page = match HttpPull::new(one) {
            Ok(mut source) => source.read(None, now, ROWS).await,
            Err(e) => Err(e),
        };
        let fine = page.as_ref().is_ok_and(|page| page.broken.is_empty());
        seen.push(match page {
            Ok(page) if fine => Seen::fine(
                "source_query",
                format!(
                    "query `{name}` is answered, {}",
                    if page.is_empty() { "without rows" } else { "with rows" }
                ),
                format!(
                    "查询『{name}』有应答，{}",
                    if page.is_empty() { "无数据" } else { "有数据" }
                ),
            ),
            Ok(page) => {
                let (en, zh) = page.broken.first().map_or(("", ""), |b| (&b.en, &b.zh));
                Seen::wrong(
                    "source_query",
                    format!("query `{name}` is answered with a row that cannot be read: {en}"),
                    format!("查询『{name}』的应答中有无法读取的行：{zh}"),
                )
            }
            Err(e) => Seen::failed("source_query", name, &e),
        });
    }
    seen
}
