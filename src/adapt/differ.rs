//! Where two JSON values differ: what a sample was expected to give, and what it gave.

use serde_json::Value;

/// Walks two values and tells each place where they differ.
pub(crate) fn differences(
    want: &Value,
    got: &Value,
    at: &str,
    tell: &mut impl FnMut(&str, &str, &str),
) {
    match (want, got) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: std::collections::BTreeSet<_> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let below = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
                match (a.get(key), b.get(key)) {
                    (Some(x), Some(y)) => differences(x, y, &below, tell),
                    (x, y) => tell(&below, &shown(x), &shown(y)),
                }
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            for i in 0..a.len().max(b.len()) {
                let below = format!("{at}[{}]", i + 1);
                match (a.get(i), b.get(i)) {
                    (Some(x), Some(y)) => differences(x, y, &below, tell),
                    (x, y) => tell(&below, &shown(x), &shown(y)),
                }
            }
        }
        (a, b) if a == b => {}
        (a, b) => tell(at, &shown(Some(a)), &shown(Some(b))),
    }
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "nothing".to_owned(), Value::to_string)
}
