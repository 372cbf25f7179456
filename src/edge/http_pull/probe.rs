//! What `doctor` looks at: whether a service answers as the package says, query by query, for one
//! page each.

use adapt::Template;
use canon::Millis;

use super::{HttpPull, Settings};
use crate::seen::Seen;
use crate::source::Source as _;

/// Rows of the page that is looked at.
const ROWS: usize = 1;

/// Asks for the first page of every query, once.
pub async fn probe(settings: &Settings, now: Millis) -> Vec<Seen> {
    let mut seen = vec![encryption(settings)];
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

/// Secrets go in the clear where there is no TLS, but on the machine itself.
fn encryption(settings: &Settings) -> Seen {
    let url = &settings.url;
    let here = url.host_str().is_some_and(|host| {
        host == "localhost"
            || host
                .trim_matches(['[', ']'])
                .parse::<std::net::IpAddr>()
                .is_ok_and(|a| a.is_loopback())
    });
    let secret = settings.source.login.is_some()
        || settings.source.headers.iter().any(|(_, t): &(_, Template)| t.slots().next().is_some());
    match (url.scheme(), here) {
        ("https", _) => Seen::fine("encryption", "encrypted (https)", "已加密（https）"),
        (_, true) => Seen::fine(
            "encryption",
            "not encrypted, and does not leave this machine",
            "未加密，但不出本机",
        ),
        (_, false) if secret => Seen::wrong(
            "encryption",
            "not encrypted: tokens and records can be read on the way; ask for https",
            "未加密，令牌与数据可在途中被读取；请要求对方提供 https",
        ),
        (_, false) => Seen::wrong(
            "encryption",
            "not encrypted: records can be read on the way; ask for https",
            "未加密，数据可在途中被读取；请要求对方提供 https",
        ),
    }
}
