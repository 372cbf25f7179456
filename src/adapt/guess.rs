//! How like a column's name is to a field, and a value to a code.

use canon::format::Field;

/// Words of the field that mean one thing, in the order they are replaced.
const SAME: &[(&str, &str)] = &[
    ("部门组织机构代码", "部门代码"),
    ("组织机构代码", "部门代码"),
    ("人姓名", "人"),
    ("人名称", "人"),
    ("申办", "申请"),
    ("补交", "补正"),
    ("日期", "时间"),
    ("编号", "号"),
    ("号码", "号"),
    ("编码", "码"),
    ("代码", "码"),
    ("名称", "名"),
    ("姓名", "名"),
    ("单位", "部门"),
    ("经办人", "办理人"),
    ("手机号", "手机"),
    ("电话", "手机"),
    ("流水号", "流水"),
];

/// 0 to 100.
pub(crate) fn likeness(column: &str, field: &Field) -> u32 {
    let column = plain(column);
    if column.is_empty() {
        return 0;
    }
    let names = [field.label.as_str(), field.name.as_str(), &*field.wire];
    let all = names.into_iter().chain(field.aliases.iter().map(String::as_str));
    all.map(|name| alike(&column, &plain(name))).max().unwrap_or(0)
}

fn alike(a: &str, b: &str) -> u32 {
    if a == b {
        return 100;
    }
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    let (s, l) = (short.chars().count(), long.chars().count());
    if s < 2 {
        return 0;
    }
    // 『手机』 is the end of 『联系人手机』: what a Chinese name is about stands last.
    if long.ends_with(short) {
        return part(s, l, 45, 40);
    }
    if long.contains(short) {
        return part(s, l, 30, 40);
    }
    let distance = strsim::osa_distance(a, b);
    if distance * 3 <= s { part(l - distance.min(l), l, 0, 70) } else { 0 }
}

fn part(n: usize, of: usize, base: u32, more: u32) -> u32 {
    base + u32::try_from(n * more as usize / of.max(1)).unwrap_or(0)
}

/// Without blanks, brackets and case; the field's synonyms made one.
fn plain(name: &str) -> String {
    let mut out = String::new();
    let mut depth = 0_u32;
    for c in name.chars() {
        match c {
            '(' | '（' | '[' | '【' => depth += 1,
            ')' | '）' | ']' | '】' => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            c if c.is_alphanumeric() => out.extend(c.to_lowercase()),
            _ => {}
        }
    }
    for (word, one) in SAME {
        out = out.replace(word, one);
    }
    out
}

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
    fn the_end_of_a_name_counts_more_than_its_middle() {
        assert_eq!(alike(&plain("申办 时间"), &plain("申请时间")), 100);
        assert_eq!(alike(&plain("身份证号码（本人）"), &plain("身份证号")), 100);
        assert!(alike(&plain("手机"), &plain("联系人手机")) >= 60);
        assert!(alike(&plain("办理"), &plain("办理人姓名")) < 60);
        assert_eq!(alike("甲", "甲乙丙"), 0);
    }

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
