//! Which code a source value means.

/// The code that a source value means: the code itself, its label, or the only label that contains
/// it or is contained in it.
pub(crate) fn best_code<'c>(
    value: &str,
    codes: &'c [(Box<str>, Box<str>)],
) -> Option<(&'c str, &'c str)> {
    let exact = codes.iter().find(|(code, label)| **code == *value || **label == *value);
    let found = exact.or_else(|| {
        // 『不予受理』 holds 『受理』 and means the opposite: a negation on one side only is no match.
        let turned = |text: &str| text.contains(['不', '未', '非', '无', '否']);
        let mut near = codes.iter().filter(|(_, label)| {
            (label.contains(value) || value.contains(&**label)) && turned(value) == turned(label)
        });
        let first = near.next();
        if near.next().is_some() { None } else { first }
    });
    found.map(|(code, label)| (&**code, &**label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_fits_two_labels_fits_none() {
        let codes: Vec<(Box<str>, Box<str>)> = vec![
            ("1".into(), "受理".into()),
            ("2".into(), "不受理".into()),
            ("3".into(), "补正".into()),
        ];
        assert_eq!(best_code("受理", &codes), Some(("1", "受理")));
        assert_eq!(best_code("已补正", &codes), Some(("3", "补正")));
        assert_eq!(best_code("不予受理", &codes), None);
        assert_eq!(best_code("理", &codes), Some(("1", "受理")));
    }
}
