//! What a source row is told where its records went to several destinations.

use std::collections::BTreeMap;

use canon::NodeCode;

/// The latest version of one of a row's records: where it went, how bad its outcome is if there is one
/// (the greater the worse), and what was said of it.
pub(crate) struct Said<'a> {
    /// Where it went.
    pub(crate) to: &'a NodeCode,
    /// How bad its outcome is.
    pub(crate) flag: Option<i64>,
    /// What was said of it.
    pub(crate) text: String,
}

/// The text of the worst outcome. Where a row's records went to one destination it is what was said;
/// otherwise each destination with that outcome is named with its own.
pub(crate) fn text(worst: i64, said: String, records: &[Said<'_>]) -> String {
    let one = records.first().is_none_or(|first| records.iter().all(|r| r.to == first.to));
    if one || worst == 0 {
        return said;
    }
    let mut of: BTreeMap<&NodeCode, &str> = BTreeMap::new();
    for record in records.iter().filter(|r| r.flag == Some(worst)) {
        let known = of.entry(record.to).or_default();
        if known.is_empty() {
            *known = &record.text;
        }
    }
    if of.is_empty() {
        return said;
    }
    of.iter().map(|(to, text)| format!("【{to}】{text}")).collect::<Vec<_>>().join("；")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_named_where_there_are_several() {
        let (a, b) = (NodeCode("a".into()), NodeCode("b".into()));
        let said = |to, flag, text: &str| Said { to, flag, text: text.to_owned() };
        let told = |worst, records: &[Said<'_>]| text(worst, "said".into(), records);
        assert_eq!(told(2, &[said(&a, Some(2), "x")]), "said", "one destination: as ever");
        let both = [said(&a, Some(0), ""), said(&b, Some(2), "x"), said(&b, Some(2), "y")];
        assert_eq!(told(2, &both), "【b】x", "only who said it");
        assert_eq!(told(0, &both), "said", "nothing is wrong");
        let both = [said(&b, Some(2), "y"), said(&a, Some(2), "x")];
        assert_eq!(told(2, &both), "【a】x；【b】y");
    }
}
