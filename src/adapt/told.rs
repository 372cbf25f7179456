//! What a preview may say of a value without showing it, and what would mend a violation.

/// A sentence in both languages: Chinese, English.
pub(crate) type Both = (String, String);

/// Longest form of a value that is shown, in characters.
const FORM_CHARS_MAX: usize = 24;

/// What sort of value a cell holds: enough to see what is wrong, never the value itself.
pub(crate) fn class(cell: Option<&str>) -> Both {
    let both = |zh: &str, en: &str| (zh.to_owned(), en.to_owned());
    let Some(text) = cell else { return both("空值（NULL）", "NULL") };
    if text.is_empty() {
        return both("空", "empty");
    }
    let plain = text.trim();
    if plain.is_empty() {
        return both("只有空白", "blanks only");
    }
    let n = plain.chars().count();
    let all = |test: fn(char) -> bool| plain.chars().all(test);
    let (zh, en) = if all(|c| c.is_ascii_digit()) {
        (format!("{n} 位数字"), format!("{n} digits"))
    } else if plain.parse::<f64>().is_ok() && plain.contains(['e', 'E']) {
        both("科学计数写法的数", "a number in scientific notation")
    } else if all(|c| c.is_ascii_alphanumeric()) {
        (format!("{n} 位数字和字母"), format!("{n} digits and letters"))
    } else if all(is_han) {
        (format!("{n} 个汉字"), format!("{n} Chinese characters"))
    } else if n <= FORM_CHARS_MAX && plain.chars().any(|c| c.is_ascii_digit()) {
        let form = form(plain);
        (format!("形如 {form}"), format!("of the form {form}"))
    } else {
        (format!("{n} 字的文本"), format!("a text of {n} characters"))
    };
    let wide = plain.chars().any(|c| ('\u{ff01}'..='\u{ff5e}').contains(&c));
    let padded = plain.len() < text.len();
    let marks = [
        (wide, "含全角字符", "with full-width characters"),
        (padded, "两端有空白", "with blanks around it"),
    ];
    marks.into_iter().filter(|(is, ..)| *is).fold((zh, en), |(zh, en), (_, more, and)| {
        (format!("{zh}，{more}"), format!("{en}, {and}"))
    })
}

const fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3fffd}')
}

/// Digits as 9, letters as A, Chinese characters as 汉; signs stay.
fn form(text: &str) -> String {
    let sign = |c: char| match c {
        '0'..='9' => '9',
        'a'..='z' | 'A'..='Z' => 'A',
        '年' | '月' | '日' | '时' | '分' | '秒' | '元' => c,
        c if is_han(c) => '汉',
        c => c,
    };
    text.chars().map(sign).collect()
}

/// What the owner of the row, or of the package, does about a violation of this rule.
pub(crate) fn mend(rule: &str, column: &str) -> Both {
    let (zh, en) = match rule {
        "field.required" | "rule.required_when" | "field.expected" => (
            "在来源补填『{}』；来源另有一列时改映射",
            "fill `{}` in at the source; if another column has it, map that one",
        ),
        "field.too_long" => (
            "在来源改短『{}』，或核对映射是否取错了列；网关不截断",
            "shorten `{}` at the source, or see whether the right column is mapped; nothing is cut off here",
        ),
        "field.too_short" | "field.pattern" | "field.check_form" | "field.character" => (
            "在来源把『{}』改成规定的写法；只是空白或全角的差别时给映射加动词 trim、halfwidth、noblank",
            "write `{}` at the source as the format wants it; where only blanks or full-width signs differ, add the verbs trim, halfwidth, noblank",
        ),
        "field.blank" => (
            "在来源补填『{}』，只有空白不算填",
            "fill `{}` in at the source; blanks alone are nothing",
        ),
        "field.list" | "adapter.code_unknown" | "field.code_unknown" => (
            "更正来源的『{}』；确属新代码时在代码表（tables/）补一行",
            "correct `{}` at the source; if it is a new code, add a line to the code table (tables/)",
        ),
        "field.time_form" | "adapter.not_a_time" | "adapter.entered_unreadable" => (
            "『{}』写成 2026-11-22 或 2026-11-22 09:30:00；两位年份和日在前的写法不猜",
            "write `{}` as 2026-11-22 or 2026-11-22 09:30:00; two-digit years and the day first are not guessed",
        ),
        "field.calendar" | "field.check_date" => (
            "『{}』中的日期不存在，请按原件更正",
            "the date in `{}` does not exist: correct it after the original paper",
        ),
        "field.check_digit" => (
            "按证件原件更正『{}』；抄录时常有相邻两位颠倒",
            "correct `{}` after the original paper; two neighbouring digits are often swapped",
        ),
        "field.lost_character" | "adapter.undecodable" | "source.encoding" => (
            "请来源系统按 GB18030 或 UTF-8 重新导出，补回『{}』中丢失的字",
            "export again as GB18030 or UTF-8, so that the lost characters of `{}` come back",
        ),
        "adapter.not_a_number" => (
            "『{}』只写数字；单位另列，汉字数字不换算",
            "write `{}` in digits alone; units and Chinese numerals are not converted",
        ),
        "adapter.number_mangled" => (
            "把『{}』设为文本列，从业务系统重新导出",
            "make `{}` a text column and export it again from the system itself",
        ),
        "adapter.part_missing" => (
            "『{}』中没有映射要取的那一段：核对分隔符和段号",
            "`{}` has no such part: look at separator and number in the mapping",
        ),
        "adapter.namespace_missing" => (
            "补填编号归属列，或在节点配置写 namespace",
            "fill the column with the unit's code in, or give a namespace in the node's configuration",
        ),
        _ => mend_across(rule),
    };
    (zh.replace("{}", column), en.replace("{}", column))
}

/// The same for rules across fields and records.
fn mend_across(rule: &str) -> (&'static str, &'static str) {
    match rule {
        "rule.order" | "case.order" => (
            "核对『{}』和说明中的另一时间，更正录错的一个",
            "compare `{}` with the other time that is named, and correct the wrong one",
        ),
        "rule.within" => {
            ("核对『{}』；确属超期的照实上报", "check `{}`; what was late goes up as it is")
        }
        "rule.range" => ("更正『{}』，使其在规定范围内", "correct `{}` to lie within the bounds"),
        "case.missing" => (
            "先补报说明中缺少的环节，再报本条",
            "report the stage that is missing first, then this one",
        ),
        _ => (
            "按说明更正来源数据后重报",
            "correct it at the source as it is told, and send it again",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_tells_the_sort_of_a_value_and_never_the_value() {
        for (cell, zh) in [
            (None, "空值（NULL）"),
            (Some(""), "空"),
            (Some("  　"), "只有空白"),
            (Some("990103199001010011"), "18 位数字"),
            (Some("99010319900101001X"), "18 位数字和字母"),
            (Some("9.90103E+17"), "科学计数写法的数"),
            (Some("测试甲"), "3 个汉字"),
            (Some("26/1/2"), "形如 99/9/9"),
            (Some("2026年1月2日"), "形如 9999年9月9日"),
            (Some("第十天3"), "形如 汉汉汉9"),
            (Some(" 12 "), "2 位数字，两端有空白"),
            (Some("１２"), "2 字的文本，含全角字符"),
        ] {
            assert_eq!(class(cell).0, zh, "{cell:?}");
        }
        let long = "甲1".repeat(40);
        assert_eq!(class(Some(&long)).1, "a text of 80 characters");
    }

    #[test]
    fn what_mends_a_violation_names_the_column() {
        let (zh, en) = mend("field.check_digit", "身份证号");
        assert!(zh.contains("『身份证号』") && en.contains("`身份证号`"));
        assert!(!mend("no.such_rule", "x").0.is_empty());
    }
}
