//! How like a column's name is to a field: by the Chinese labels of the dictionary, by their pinyin,
//! spelled out or as initials, and by English words.

use std::collections::BTreeSet;

use canon::format::Field;
use pinyin::ToPinyin as _;

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

/// Words that legacy systems write for one another, before they are cut to initials.
const WRITTEN: &[&[&str]] = &[
    &["申请", "申办", "申报"],
    &["时间", "日期"],
    &["流水号", "编号", "号码", "号", "业务号"],
    &["编码", "代码"],
    &["姓名", "名称", "名字", ""],
    &["组织机构代码", "代码"],
    &["部门", "单位", "机构", "组织机构"],
    &["手机", "电话", "联系电话", "手机号"],
    &["办理人", "经办人", "承办人"],
    &["行政区划", "区划"],
    &["证件号码", "身份证号", "证件号"],
    &["内容", "说明", "描述"],
];
/// Most ways in which one label is written.
const WRITTEN_MAX: usize = 40;

/// English words that mean one thing in names of columns.
const WORDS: &[(&str, &[&str])] = &[
    ("at", &["at", "time", "date", "datetime", "day", "on"]),
    ("no", &["no", "num", "number", "sn", "seq", "serial"]),
    ("code", &["code", "id", "bm", "dm"]),
    ("apply", &["apply", "applied", "applicant", "application", "submit", "submitted"]),
    ("accept", &["accept", "accepted", "acceptance"]),
    ("complete", &["complete", "completed", "completion", "end", "finish", "finished", "done"]),
    ("unit", &["unit", "org", "organ", "organization", "dept", "department", "agency", "bureau"]),
    ("officer", &["officer", "handler", "operator", "staff", "clerk", "approver"]),
    ("phone", &["phone", "tel", "telephone", "mobile", "cell"]),
    ("item", &["item", "matter", "service"]),
    ("case", &["case", "business", "biz"]),
    ("region", &["region", "area", "district", "division"]),
    ("state", &["state", "status"]),
    ("certificate", &["certificate", "cert", "licence", "license"]),
    ("type", &["type", "kind", "category"]),
    ("reason", &["reason", "cause"]),
    ("content", &["content", "desc", "description", "detail", "details"]),
];

/// Every way a field is named.
#[derive(Clone, Debug, Default)]
pub(crate) struct FieldNames {
    label: String,
    aliases: Vec<String>,
    plain: Vec<String>,
    spelled: BTreeSet<String>,
    initials: BTreeSet<String>,
    words: BTreeSet<String>,
}

impl FieldNames {
    /// `lettered`: some column is named by letters, so that pinyin is worth its time.
    pub(crate) fn of(field: &Field, lettered: bool) -> Self {
        let labels = std::iter::once(&field.label).chain(&field.aliases);
        let names = labels.clone().map(String::as_str).chain([field.name.as_str()]);
        let plain = names.map(plain).collect();
        let (label, aliases) = (field.label.clone(), field.aliases.clone());
        let words = words(&field.name);
        let mut made = Self { label, aliases, plain, words, ..Self::default() };
        // A wire name is initials too, and no better than the same ones of a label.
        made.initials.insert(only_letters(&field.wire));
        for label in labels.filter(|_| lettered) {
            for written in written(label) {
                let (spelled, initials) = letters(&written);
                if initials.len() > 1 {
                    made.spelled.insert(spelled);
                    made.initials.insert(initials);
                }
            }
        }
        made
    }
}

/// A column by its name, and by what the database's owner wrote about it.
#[derive(Clone, Debug, Default)]
pub(crate) struct ColumnNames {
    written: Vec<String>,
    plain: Vec<String>,
    /// The letters of a name without Chinese, with and without a prefix such as `F_`.
    letters: Vec<String>,
    words: BTreeSet<String>,
}

impl ColumnNames {
    pub(crate) fn of(name: &str, comment: &str) -> Self {
        let mut made = Self::default();
        let first =
            comment.split([',', '，', ';', '；', ':', '：', ' ']).next().unwrap_or_default();
        for text in [name, comment, first] {
            made.written.push(text.split_whitespace().collect());
            let text = plain(text);
            if !text.is_empty() && !made.plain.contains(&text) {
                made.plain.push(text);
            }
        }
        if name.is_ascii() {
            made.letters.push(only_letters(name));
            let prefix = name.split_once('_').filter(|(before, _)| before.len() <= 3);
            made.letters.extend(prefix.map(|(_, after)| only_letters(after)));
            made.letters.retain(|l| !l.is_empty());
            made.words = words(name);
        }
        made
    }
}

fn only_letters(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_lowercase()
}

/// Whether a column has a name of the field, but for blanks, brackets and synonyms.
pub(crate) fn same(column: &ColumnNames, field: &FieldNames) -> bool {
    column.plain.iter().any(|name| field.plain.contains(name))
}

/// 0 to 100: the dictionary's own label, then its aliases, then whatever else is alike.
pub(crate) fn likeness(column: &ColumnNames, field: &FieldNames) -> u32 {
    if column.written.contains(&field.label) {
        return 100;
    }
    if column.written.iter().any(|c| field.aliases.contains(c)) {
        return 99;
    }
    let pairs = column.plain.iter().flat_map(|c| field.plain.iter().map(move |f| alike(c, f)));
    let plain = pairs.max().unwrap_or(0);
    let lettered = column.letters.iter().map(|l| by_letters(l, field)).max().unwrap_or(0);
    plain.max(lettered).max(by_words(&column.words, &field.words)).min(98)
}

/// `SLSJ` and `shoulishijian` for 受理时间: the shorter the initials, the more else they may mean.
fn by_letters(letters: &str, field: &FieldNames) -> u32 {
    if letters.len() > 4 && field.spelled.contains(letters) {
        return 95;
    }
    match letters.len() {
        4.. if field.initials.contains(letters) => 88,
        3 if field.initials.contains(letters) => 82,
        2 if field.initials.contains(letters) => 62,
        // BMDM is the end of SLBMDM: what it is about stands last, here too.
        4.. if field
            .initials
            .iter()
            .any(|i| i.ends_with(letters) && i.len() <= letters.len() + 4) =>
        {
            66
        }
        _ => 0,
    }
}

fn by_words(a: &BTreeSet<String>, b: &BTreeSet<String>) -> u32 {
    let same = a.intersection(b).count();
    if same < 2 {
        return 0;
    }
    let all = a.union(b).count();
    if same == all { 90 } else { part(same, all, 0, 80) }
}

fn alike(a: &str, b: &str) -> u32 {
    if a.is_empty() || b.is_empty() {
        return 0;
    }
    if a == b {
        return 100;
    }
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    let (s, l) = (short.chars().count(), long.chars().count());
    // Of letters two or three are no word.
    if s < 2 || (s < 4 && short.is_ascii()) {
        return 0;
    }
    // 『手机』 is the end of 『联系人手机』: what a Chinese name is about stands last.
    if long.ends_with(short) {
        return part(s, l, 45, 40);
    }
    if long.contains(short) {
        return part(s, l, 30, 40);
    }
    // The distance is at least what one is longer.
    if l.abs_diff(s) * 3 > s {
        return 0;
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

/// A label as others write it, itself first.
fn written(label: &str) -> Vec<String> {
    let bare: String = label.split(['(', '（']).next().unwrap_or_default().trim().to_owned();
    let mut all = vec![bare];
    for group in WRITTEN {
        for at in 0..all.len() {
            let Some(one) = all.get(at).cloned() else { break };
            let Some(word) = group.iter().find(|w| !w.is_empty() && one.contains(**w)) else {
                continue;
            };
            for other in group.iter().filter(|o| *o != word) {
                let other = one.replacen(word, other, 1);
                if all.len() < WRITTEN_MAX && !all.contains(&other) {
                    all.push(other);
                }
            }
        }
    }
    all
}

/// `shoulishijian` and `slsj` of 受理时间; letters and digits of the label stay.
fn letters(label: &str) -> (String, String) {
    let (mut spelled, mut initials) = (String::new(), String::new());
    for c in label.chars() {
        if let Some(pinyin) = c.to_pinyin() {
            spelled.push_str(pinyin.plain());
            initials.push_str(pinyin.first_letter());
        } else if c.is_ascii_alphabetic() {
            spelled.push(c.to_ascii_lowercase());
            initials.push(c.to_ascii_lowercase());
        }
    }
    (spelled, initials)
}

/// The words of `applyTime` or `APPLY_TIME`, those that mean one thing made one.
fn words(name: &str) -> BTreeSet<String> {
    let (mut all, mut word, mut small) = (BTreeSet::new(), String::new(), false);
    for c in name.chars().chain(['_']) {
        let next = !c.is_ascii_alphabetic() || (small && c.is_ascii_uppercase());
        if next && word.len() > 1 {
            let same = WORDS.iter().find(|(_, all)| all.contains(&word.as_str()));
            all.insert(same.map_or(word.as_str(), |(one, _)| *one).to_owned());
        }
        if next {
            word.clear();
        }
        if c.is_ascii_alphabetic() {
            word.push(c.to_ascii_lowercase());
        }
        small = c.is_ascii_lowercase();
    }
    all
}

#[cfg(test)]
mod tests {
    use canon::format::supervision_1;

    use super::*;

    #[test]
    fn the_end_of_a_name_counts_more_than_its_middle() {
        assert_eq!(alike(&plain("申办 时间"), &plain("申请时间")), 100);
        assert_eq!(alike(&plain("身份证号码（本人）"), &plain("身份证号")), 100);
        assert!(alike(&plain("手机"), &plain("联系人手机")) >= 60);
        assert!(alike(&plain("办理"), &plain("办理人姓名")) < 60);
        assert_eq!(alike("甲", "甲乙丙"), 0);
        assert_eq!(alike("sj", "slsj"), 0, "two letters are no word");
    }

    fn like(column: &str, comment: &str, ty: &str, field: &str) -> u32 {
        let format = supervision_1();
        let ty = format.get(format.type_by_name(ty).unwrap());
        let field = &ty.fields[ty.field_by_name(field).unwrap()];
        likeness(&ColumnNames::of(column, comment), &FieldNames::of(field, true))
    }

    #[test]
    fn pinyin_and_english_names_are_recognised() {
        assert!(like("SLSJ", "", "acceptance", "accepted_at") >= 80);
        assert!(like("F_SLRQ", "", "acceptance", "accepted_at") >= 80, "a prefix, another word");
        assert!(like("shouli_shijian", "", "acceptance", "accepted_at") >= 80);
        assert!(like("ACCEPT_TIME", "", "acceptance", "accepted_at") >= 80);
        assert!(like("acceptDate", "", "acceptance", "accepted_at") >= 80);
        assert!(like("C17", "受理时间", "acceptance", "accepted_at") >= 80, "by its comment");
        assert!(like("SQRXM", "", "application", "applicant_name") >= 80);
        assert!(like("SLSJ", "", "application", "applied_at") < 60, "another time");
        assert!(like("SJ", "", "acceptance", "accepted_at") < 60, "any time at all");
    }
}
