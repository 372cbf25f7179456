//! `adapters/README.md` shows the verbs as they are.

const MANUAL: &str = include_str!("../../../adapters/README.md");

#[test]
fn the_manuals_verb_table_is_current() {
    let table = adapt::verb_table();
    assert!(MANUAL.contains(&table), "replace the verb table of adapters/README.md by:\n{table}");
}

#[test]
fn the_manual_names_every_key() {
    for key in [
        "edition",
        "name",
        "version",
        "title_zh",
        "title_en",
        "system",
        "format",
        "editions",
        "namespace",
        "nature",
        "max_changed",
        "max_vanished",
        "do",
        "encoding",
        "delimiter",
        "quote",
        "files",
        "done",
        "failed",
        "settle_seconds",
        "columns",
        "key",
        "sql",
        "detect",
        "overlap_seconds",
        "pending",
        "vanished",
        "write_back",
        "type",
        "from",
        "when",
        "parent",
        "entered",
        "reason",
        "by",
        "domain",
        "default",
        "otherwise",
        "const",
        "concat",
        "first",
        "with",
        "table",
    ] {
        let named = MANUAL.match_indices(key).any(|(at, _)| {
            let before = MANUAL.as_bytes().get(at.wrapping_sub(1));
            before.is_some_and(|b| matches!(b, b'`' | b'.' | b' ' | b'{' | b'['))
        });
        assert!(named, "adapters/README.md does not name `{key}`");
    }
}
