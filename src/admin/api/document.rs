//! The document: what the handlers say of themselves, and what holds for all of them.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;

use super::view::Refused;
use super::{ROOT, operations};

const ABOUT: &str = "What the administrator's pages of a node show and do, as JSON. Moments are RFC 3339 \
with the offset of Beijing. Lists that may be long take `limit` (1 to 1000, 100 by default) and `after`; \
their answer says `next`. A body has at most 256 KiB. Every refusal is `{\"error\": {\"code\", \"en\", \
\"zh\"}}`. Nothing here shows what stands in a record.";

#[derive(OpenApi)]
#[openapi(components(schemas(Refused)))]
struct Head;

/// The document before its operations.
pub(super) fn head() -> Document {
    let mut head = Head::openapi();
    head.info.title = "Tiergate".into();
    head.info.description = Some(ABOUT.into());
    head.info.version = env!("CARGO_PKG_VERSION").into();
    head
}

/// The document, as it is served.
pub(super) fn text() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| whole().to_string());
    &TEXT
}

/// The document.
pub(super) fn whole() -> Value {
    let (_, document) = operations().split_for_parts();
    let mut whole = serde_json::to_value(document).unwrap_or_default();
    whole["servers"] = json!([{ "url": ROOT }]);
    whole["components"]["securitySchemes"] = json!({
        "token": { "type": "http", "scheme": "bearer", "description": "A token of the API" },
    });
    whole["security"] = json!([{ "token": [] }]);
    if let Some(paths) = whole["paths"].as_object_mut() {
        let operations = paths.values_mut().filter_map(Value::as_object_mut);
        operations.flat_map(Map::values_mut).for_each(refusals);
    }
    // Serde refuses keys that it does not know; of an enum the derive does not say so.
    if let Some(deeds) = whole["components"]["schemas"]["Deed"]["oneOf"].as_array_mut() {
        deeds.iter_mut().for_each(|deed| deed["additionalProperties"] = json!(false));
    }
    whole
}

/// How an operation refuses, by what it takes.
fn refusals(operation: &mut Value) {
    let takes = |place: &str| {
        let parameters = operation["parameters"].as_array();
        parameters.is_some_and(|all| all.iter().any(|p| p["in"] == place))
    };
    let body = !operation["requestBody"].is_null();
    let mut all = vec![
        ("401", "Nobody we know: no token, or one that is over"),
        ("403", "The account may not, or it is outside its scope"),
        ("503", "The store or the process does not answer; again in a minute"),
    ];
    if takes("query") || body {
        all.push(("400", "A parameter is wrong, or the body is no JSON"));
    }
    if takes("path") || body {
        all.push(("404", "There is no such thing"));
    }
    if body {
        all.push(("413", "The body is longer than 256 KiB"));
        all.push(("415", "The body is not said to be application/json"));
        all.push(("422", "It cannot be done as it is said"));
    }
    for (status, description) in all {
        operation["responses"][status] = json!({
            "description": description,
            "content": {
                "application/json": { "schema": { "$ref": "#/components/schemas/Refused" } }
            },
        });
    }
}
