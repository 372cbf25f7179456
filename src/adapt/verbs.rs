//! The verbs by name: how they are written in `do = […]`, and what the manual says of them.

use crate::problem::{Pos, Problems, nearest};
use crate::tree::{Node, Tab, Value, wrong_kind};
use crate::verb::Verb;

/// One verb as the manual shows it.
#[derive(Debug)]
pub struct VerbInfo {
    /// Name.
    pub name: &'static str,
    /// How it is written in `do = […]`.
    pub written: &'static str,
    /// What it does, Chinese.
    pub zh: &'static str,
    /// What it does, English.
    pub en: &'static str,
    /// An example: source value.
    pub before: &'static str,
    /// And what becomes of it; none where it is a violation.
    pub after: Option<&'static str>,
}

const fn v(
    name: &'static str,
    written: &'static str,
    zh: &'static str,
    en: &'static str,
    before: &'static str,
    after: Option<&'static str>,
) -> VerbInfo {
    VerbInfo { name, written, zh, en, before, after }
}

/// Every verb.
pub const VERBS: &[VerbInfo] = &[
    v(
        "trim",
        r#""trim""#,
        "去掉首尾空白（含全角空格、不可见字符）",
        "blanks at both ends go, full-width and invisible ones too",
        "\u{3000}张某 ",
        Some("张某"),
    ),
    v(
        "halfwidth",
        r#""halfwidth""#,
        "全角数字、字母和数字用符号转半角；中文标点不动",
        "full-width digits, letters and the signs of numbers become half-width; Chinese punctuation stays",
        "２０１４－９－１９",
        Some("2014-9-19"),
    ),
    v("upper", r#""upper""#, "字母转大写", "ASCII letters to upper case", "11x", Some("11X")),
    v("lower", r#""lower""#, "字母转小写", "ASCII letters to lower case", "PDF", Some("pdf")),
    v(
        "squeeze",
        r#""squeeze""#,
        "连续空白和换行并为一个空格",
        "runs of blanks and line breaks become one blank",
        "测试\n  说明",
        Some("测试 说明"),
    ),
    v(
        "noblank",
        r#""noblank""#,
        "去掉所有空白",
        "all blanks go",
        "139 0000 0000",
        Some("13900000000"),
    ),
    v(
        "unquote",
        r#""unquote""#,
        "去掉包住整个值的一对引号",
        "one pair of quotes around the value goes",
        "\"残疾人证\"",
        Some("残疾人证"),
    ),
    v(
        "datetime",
        r#""datetime""#,
        "日期时间写成 YYYY-MM-DD hh:mm:ss；无时刻则只写日期",
        "a time as YYYY-MM-DD hh:mm:ss; the date alone where there is no time",
        "2014-9-19 14:10:10",
        Some("2014-09-19 14:10:10"),
    ),
    v(
        "date",
        r#""date""#,
        "日期写成 YYYY-MM-DD",
        "a date as YYYY-MM-DD",
        "2014年9月26日",
        Some("2014-09-26"),
    ),
    v(
        "digits",
        r#""digits""#,
        "编号：去掉前置 ' 和末尾 .0；被表格软件毁掉的编号不猜，报问题",
        "a number that is a name: leading ' and trailing .0 go; one that a spreadsheet destroyed is never guessed",
        "1.01313E+28",
        None,
    ),
    v("int", r#""int""#, "整数", "a whole number", "3.0", Some("3")),
    v(
        "money",
        r#""money""#,
        "金额：去掉 ￥、元、千分位逗号；其他单位不换算，报问题",
        "an amount: ￥, 元 and grouping commas go; other units are a violation",
        "￥1,234.50元",
        Some("1234.50"),
    ),
    v(
        "part",
        r#"{ part = { by = "-", nth = 2 } }"#,
        "按分隔符取第 nth 段（从 1 起）",
        "the nth part between separators, from 1",
        "甲-乙-丙",
        Some("乙"),
    ),
    v(
        "prefix",
        r#"{ prefix = "990103" }"#,
        "非空值前加文字",
        "text before a value that is not empty",
        "001",
        Some("990103001"),
    ),
    v(
        "suffix",
        r#"{ suffix = "号窗口" }"#,
        "非空值后加文字",
        "text after a value that is not empty",
        "1",
        Some("1号窗口"),
    ),
    v(
        "join",
        r#"{ join = { by = ";；", with = "、" } }"#,
        "按任一字符拆开，再用 with 连接",
        "split at any of the characters, joined by `with`",
        "申请表;照片；",
        Some("申请表、照片"),
    ),
    v(
        "when_empty",
        r#"{ when_empty = "无" }"#,
        "值为空时用此文字",
        "the text, where the value is empty",
        "",
        Some("无"),
    ),
];

/// The verb table of the manual, as Markdown. A test holds `adapters/README.md` to it.
pub fn verb_table() -> String {
    let mut out = String::from(
        "| verb | 作用 · what it does | example | normalises |\n| --- | --- | --- | --- |\n",
    );
    for info in VERBS {
        let after = info.after.map_or("*violation · 问题*".to_owned(), |a| format!("`{a}`"));
        let before = info.before.replace('\n', "⏎").replace('\u{3000}', "␣");
        let normalises = if normalises(info) { "yes" } else { "no" };
        out.push_str(&format!(
            "| `{}` | {} · {} | `{before}` → {after} | {normalises} |\n",
            info.written, info.zh, info.en
        ));
    }
    out
}

fn normalises(info: &VerbInfo) -> bool {
    plain(info.name).is_none_or(|verb| verb.normalises()) && {
        let text: Box<str> = "".into();
        let composed = [
            ("part", Verb::Part { by: text.clone(), nth: 1 }),
            ("prefix", Verb::Prefix(text.clone())),
            ("suffix", Verb::Suffix(text.clone())),
            ("join", Verb::Join { by: text.clone(), with: text.clone() }),
            ("when_empty", Verb::WhenEmpty(text)),
        ];
        composed.iter().all(|(name, verb)| *name != info.name || verb.normalises())
    }
}

/// A verb without arguments.
fn plain(name: &str) -> Option<Verb> {
    Some(match name {
        "trim" => Verb::Trim,
        "halfwidth" => Verb::HalfWidth,
        "upper" => Verb::Upper,
        "lower" => Verb::Lower,
        "squeeze" => Verb::Squeeze,
        "noblank" => Verb::NoBlank,
        "unquote" => Verb::Unquote,
        "datetime" => Verb::DateTime,
        "date" => Verb::Date,
        "digits" => Verb::Digits,
        "int" => Verb::Int,
        "money" => Verb::Money,
        _ => return None,
    })
}

/// Reads `do = […]`.
pub(crate) fn read_chain(node: &Node, path: &str, problems: &mut Problems) -> Vec<Verb> {
    let Value::List(items) = &node.value else {
        wrong_kind(problems, node.pos, path, ("a list of verbs", "动词列表"), &node.value);
        return Vec::new();
    };
    items.iter().filter_map(|item| read_verb(item, path, problems)).collect()
}

fn read_verb(node: &Node, path: &str, problems: &mut Problems) -> Option<Verb> {
    match &node.value {
        Value::Text(name) => {
            let verb = plain(name);
            if verb.is_none() {
                unknown(name, node.pos, path, problems);
            }
            verb
        }
        Value::Table(entries) => {
            let [(name, argument)] = entries.as_slice() else {
                problems.push(
                    "adapter.bad_value",
                    node.pos,
                    path,
                    "a verb with arguments is a table with one key: its name",
                    "带参数的动词写成只有一个键的表",
                );
                return None;
            };
            with_arguments(&name.text, argument, name.pos, path, problems)
        }
        other => {
            wrong_kind(problems, node.pos, path, ("a verb", "动词"), other);
            None
        }
    }
}

fn with_arguments(
    name: &str,
    argument: &Node,
    pos: Pos,
    path: &str,
    problems: &mut Problems,
) -> Option<Verb> {
    let path = format!("{path}.{name}");
    let one_text = |problems: &mut Problems| match &argument.value {
        Value::Text(text) if !text.is_empty() => Some(text.as_str().into()),
        other => {
            let want = ("a text that is not empty", "非空文本");
            wrong_kind(problems, argument.pos, &path, want, other);
            None
        }
    };
    match name {
        "prefix" => one_text(problems).map(Verb::Prefix),
        "suffix" => one_text(problems).map(Verb::Suffix),
        "when_empty" => one_text(problems).map(Verb::WhenEmpty),
        "part" => {
            let mut tab = Tab::of(argument, &path, problems);
            let by = tab.need("by", problems).text;
            let nth = tab.number("nth", problems).unwrap_or(0);
            let nth = usize::try_from(nth).unwrap_or(0);
            if nth == 0 {
                problems.push(
                    "adapter.bad_value",
                    argument.pos,
                    tab.key("nth"),
                    "must be given, 1 or more",
                    "必须填写，从 1 起",
                );
            }
            tab.finish(problems);
            (nth > 0 && !by.is_empty()).then(|| Verb::Part { by: by.into(), nth })
        }
        "join" => {
            let mut tab = Tab::of(argument, &path, problems);
            let by = tab.need("by", problems).text;
            let with = tab.need("with", problems).text;
            tab.finish(problems);
            Some(Verb::Join { by: by.into(), with: with.into() })
        }
        _ => {
            unknown(name, pos, &path, problems);
            None
        }
    }
}

fn unknown(name: &str, pos: Pos, path: &str, problems: &mut Problems) {
    if matches!(name, "cut" | "truncate" | "left" | "substr" | "replace") {
        problems.push(
            "adapter.verb_forbidden",
            pos,
            path,
            format!("`{name}` is not allowed: a gateway never shortens or replaces what an authority wrote; the row goes back to its owner"),
            format!("不允许使用『{name}』：网关不得截断或替换来源单位的内容，应退回来源单位"),
        );
        return;
    }
    let needs = VERBS.iter().find(|info| info.name == name);
    let all = VERBS.iter().map(|info| info.name).collect::<Vec<_>>().join(", ");
    let (en, zh) = match needs {
        Some(info) => (
            format!("this verb is written {}", info.written),
            format!("该动词应写成 {}", info.written),
        ),
        None => (
            format!("`{name}` is not a verb; known: {all}"),
            format!("没有动词『{name}』；可用：{all}"),
        ),
    };
    problems.push("adapter.unknown_verb", pos, path, en, zh).hint = match needs {
        Some(_) => None,
        None => nearest(name, VERBS.iter().map(|info| info.name)),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::parse;
    use crate::verb::{Cell, Work};

    #[test]
    fn every_verb_does_what_the_manual_says() {
        for info in VERBS {
            let mut problems = Problems::of("x");
            let root = parse(&format!("do = [{}]", info.written), &mut problems);
            let mut tab = Tab::of(&root, "", &mut problems);
            let chain = read_chain(tab.get("do").unwrap(), "do", &mut problems);
            assert!(problems.list.is_empty(), "{}: {:?}", info.name, problems.list);
            let mut work = Work::default();
            let mut cell = Cell::of(info.before, &mut work);
            let ran = chain[0].run(&mut cell);
            match info.after {
                Some(after) => {
                    assert_eq!(ran, Ok(true), "{}", info.name);
                    assert_eq!(cell.get(), after, "{}", info.name);
                }
                None => {
                    assert!(ran.is_err(), "{}", info.name);
                    assert_eq!(cell.get(), info.before, "a fault leaves the value");
                }
            }
        }
    }

    #[test]
    fn cut_is_refused_and_a_slip_is_named() {
        let mut problems = Problems::of("x");
        let root = parse("do = [\"cut\", \"datetiem\", \"prefix\", 3]", &mut problems);
        let mut tab = Tab::of(&root, "", &mut problems);
        read_chain(tab.get("do").unwrap(), "do", &mut problems);
        let codes: Vec<_> = problems.list.iter().map(|p| p.code).collect();
        assert_eq!(
            codes,
            [
                "adapter.verb_forbidden",
                "adapter.unknown_verb",
                "adapter.unknown_verb",
                "adapter.bad_value"
            ]
        );
        assert_eq!(problems.list[1].hint.as_deref(), Some("datetime"));
    }
}
