//! Texts of violations and rules in both languages. A field is named by its Chinese label in 『』,
//! or by its English name; values are never copied in.

use super::checks::Fault;
use super::model::{CheckKind, CodeList, Condition, Direction, Field, Lang, RecordType, Test};
use crate::time::Day;

/// Most codes of a closed list that a text names.
const CODES_NAMED_MAX: usize = 8;

/// The origin of what no standard fixes.
pub(crate) const OWN: &str = "own";

/// A text in both languages.
pub(crate) struct Text {
    pub(crate) zh: String,
    pub(crate) en: String,
}

fn both(zh: String, en: String) -> Text {
    Text { zh, en }
}

pub(crate) fn required(f: &Field) -> Text {
    both(format!("『{}』必填，未填", f.label), format!("{} is required and absent", f.name))
}

pub(crate) fn expected(f: &Field) -> Text {
    both(format!("『{}』应填，未填", f.label), format!("{} should be there and is absent", f.name))
}

pub(crate) fn character(f: &Field) -> Text {
    both(
        format!("『{}』含有不能使用的控制字符", f.label),
        format!("{} holds a control character that XML cannot carry", f.name),
    )
}

pub(crate) fn blank(f: &Field) -> Text {
    both(format!("『{}』只有空格", f.label), format!("{} holds nothing but blanks", f.name))
}

pub(crate) fn too_long(f: &Field, chars: usize) -> Text {
    both(
        format!("『{}』过长：{chars} 字，最多 {} 字", f.label, f.max_len),
        format!("{} has {chars} characters, at most {} are allowed", f.name, f.max_len),
    )
}

pub(crate) fn too_short(f: &Field, chars: usize) -> Text {
    both(
        format!("『{}』过短：{chars} 字，至少 {} 字", f.label, f.min_len),
        format!("{} has {chars} characters, at least {} are needed", f.name, f.min_len),
    )
}

pub(crate) fn pattern(f: &Field, pattern: &str) -> Text {
    both(
        format!("『{}』格式不符，应为 {pattern}", f.label),
        format!("{} does not match {pattern}", f.name),
    )
}

pub(crate) fn not_listed(f: &Field, codes: &[(Box<str>, Box<str>)]) -> Text {
    let shown: Vec<_> =
        codes.iter().take(CODES_NAMED_MAX).map(|(c, label)| format!("{c} {label}")).collect();
    let more = if codes.len() > CODES_NAMED_MAX { " …" } else { "" };
    let plain: Vec<_> = codes.iter().take(CODES_NAMED_MAX).map(|(c, _)| &**c).collect();
    both(
        format!("『{}』代码不在允许范围内，可用：{}{more}", f.label, shown.join("、")),
        format!("{} is none of {}{more}", f.name, plain.join(", ")),
    )
}

pub(crate) fn time_form(f: &Field) -> Text {
    both(
        format!("『{}』时间格式应为 YYYY-MM-DD hh:mm:ss 或 YYYY-MM-DD", f.label),
        format!("{} must be YYYY-MM-DD hh:mm:ss or YYYY-MM-DD", f.name),
    )
}

pub(crate) fn calendar(f: &Field) -> Text {
    both(
        format!("『{}』日期或时刻不存在", f.label),
        format!("{} is a day or hour that does not exist", f.name),
    )
}

pub(crate) fn unknown_code(f: &Field, list: &str, edition: &str) -> Text {
    both(
        format!("『{}』不在代码表 {list}（{edition} 版）中", f.label),
        format!("{} is not in the list {list}, edition {edition}", f.name),
    )
}

pub(crate) fn fault(f: &Field, kind: CheckKind, fault: Fault) -> (&'static str, Text) {
    let (zh, en) = match kind {
        CheckKind::CitizenId => ("18 位居民身份证号", "an 18-character citizen id"),
        CheckKind::CreditCode => ("18 位统一社会信用代码", "an 18-character credit code"),
        CheckKind::OrgCode => ("9 位组织机构代码", "a nine-character organisation code"),
        CheckKind::UnitCode => (
            "9 位组织机构代码或 18 位统一社会信用代码",
            "an organisation code (9) or credit code (18)",
        ),
        CheckKind::Name => ("名称", "a name"),
    };
    match fault {
        Fault::Form => (
            "field.check_form",
            both(format!("『{}』应为 {zh}", f.label), format!("{} must be {en}", f.name)),
        ),
        Fault::Date => (
            "field.check_date",
            both(
                format!("『{}』中的出生日期不存在或晚于采集日", f.label),
                format!("the birth date in {} does not exist or lies ahead", f.name),
            ),
        ),
        Fault::Digit(c) => (
            "field.check_digit",
            both(
                format!("『{}』校验位错误，应为 {c}", f.label),
                format!("the check digit of {} is wrong, it should be {c}", f.name),
            ),
        ),
        Fault::Lost => (
            "field.lost_character",
            both(
                format!("『{}』含有“?”，疑似转码丢字", f.label),
                format!("{} holds a `?`: a character was lost in transcoding", f.name),
            ),
        ),
    }
}

/// A condition in words, empty where it always holds.
pub(crate) fn condition(c: &Condition, record: &RecordType, lang: Lang) -> String {
    let words = |(ix, test): &(usize, Test)| {
        let f = &record.fields[*ix];
        match lang {
            Lang::Zh => match test {
                Test::In(codes) => format!("『{}』为 {}", f.label, named(codes, f)),
                Test::NotIn(codes) => format!("『{}』不为 {}", f.label, named(codes, f)),
                Test::Present => format!("『{}』已填", f.label),
                Test::Absent => format!("『{}』未填", f.label),
            },
            Lang::En => match test {
                Test::In(codes) => format!("{} is {}", f.name, codes.join(" or ")),
                Test::NotIn(codes) => format!("{} is not {}", f.name, codes.join(" or ")),
                Test::Present => format!("{} is there", f.name),
                Test::Absent => format!("{} is absent", f.name),
            },
        }
    };
    let all: Vec<_> = c.tests.iter().map(words).collect();
    all.join(if lang == Lang::Zh { "且" } else { " and " })
}

/// Codes with their labels where the list is closed.
fn named(codes: &[Box<str>], f: &Field) -> String {
    let labelled = |code: &str| match &f.list {
        Some(CodeList::Closed { codes, .. }) => codes
            .iter()
            .find(|(c, _)| **c == *code)
            .map_or_else(|| code.to_owned(), |(c, l)| format!("{c} {l}")),
        _ => code.to_owned(),
    };
    codes.iter().map(|c| labelled(c)).collect::<Vec<_>>().join("、")
}

/// `（条件：…）` behind a text, empty where there is no condition.
pub(crate) fn when(c: &Condition, record: &RecordType, lang: Lang) -> String {
    let words = condition(c, record, lang);
    match (words.is_empty(), lang) {
        (true, _) => String::new(),
        (false, Lang::Zh) => format!("（当{words}时）"),
        (false, Lang::En) => format!(" (when {words})"),
    }
}

/// Where something comes from, in brackets behind a text.
pub(crate) fn origin(origin: &str, lang: Lang) -> String {
    match (origin, lang) {
        (OWN, Lang::Zh) => "（本格式自定）".to_owned(),
        (OWN, Lang::En) => " (this format's own)".to_owned(),
        (named, Lang::Zh) => format!("（来源：{named}）"),
        (named, Lang::En) => format!(" (from {named})"),
    }
}

pub(crate) fn required_when(f: &Field, c: &Condition, record: &RecordType) -> Text {
    both(
        format!("『{}』必填，未填{}", f.label, when(c, record, Lang::Zh)),
        format!("{} is required and absent{}", f.name, when(c, record, Lang::En)),
    )
}

pub(crate) fn range(f: &Field, min: i64, max: i64, c: &Condition, record: &RecordType) -> Text {
    let (zh, en) = match (min, max) {
        (i64::MIN, _) => (format!("不大于 {max}"), format!("at most {max}")),
        (_, i64::MAX) => (format!("不小于 {min}"), format!("at least {min}")),
        _ => (format!("在 {min} 与 {max} 之间"), format!("between {min} and {max}")),
    };
    both(
        format!("『{}』应{zh}{}", f.label, when(c, record, Lang::Zh)),
        format!("{} must be {en}{}", f.name, when(c, record, Lang::En)),
    )
}

/// `there` is the other record's type, none within one record.
pub(crate) fn order(
    f: &Field,
    direction: Direction,
    other: &Field,
    there: Option<&RecordType>,
) -> Text {
    let (zh, en) = match direction {
        Direction::After => ("早于", "earlier"),
        Direction::Before => ("晚于", "later"),
    };
    both(
        match there {
            Some(t) => format!("『{}』{zh}{}的『{}』", f.label, t.label, other.label),
            None => format!("『{}』{zh}『{}』", f.label, other.label),
        },
        match there {
            Some(t) => format!("{} is {en} than {} of the {}", f.name, other.name, t.name),
            None => format!("{} is {en} than {}", f.name, other.name),
        },
    )
}

/// `calendar` is the list of holidays and its edition in force, if it is loaded.
pub(crate) fn within(
    f: &Field,
    from: &Field,
    workdays: u16,
    last: Day,
    (calendar, edition): (&str, Option<&str>),
) -> Text {
    let (zh, en) = match edition {
        Some(edition) => (
            format!("节假日按代码表 {calendar} {edition} 版"),
            format!("holidays after the list {calendar}, edition {edition}"),
        ),
        None => (
            format!("代码表 {calendar} 未加载，按周一至周五计"),
            format!("the list {calendar} is not loaded: Monday to Friday are counted"),
        ),
    };
    both(
        format!(
            "『{}』超过『{}』后 {workdays} 个工作日，最迟应为 {last}（{zh}）",
            f.label, from.label
        ),
        format!(
            "{} is more than {workdays} working days after {}; the last day was {last} ({en})",
            f.name, from.name
        ),
    )
}

pub(crate) fn needs(there: &RecordType, filter: &Condition) -> Text {
    let zh = condition(filter, there, Lang::Zh);
    let en = condition(filter, there, Lang::En);
    both(
        format!(
            "该办件没有{}记录{}",
            there.label,
            if zh.is_empty() { zh } else { format!("（{zh}）") }
        ),
        format!(
            "the case has no record {}{}",
            there.name,
            if en.is_empty() { en } else { format!(" where {en}") }
        ),
    )
}
