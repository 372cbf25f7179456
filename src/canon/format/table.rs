//! The generated table of everything XSD 1.0 cannot say.

use super::model::{
    CheckKind, CodeList, Direction, Field, Kind, Lang, Other, RecordType, Rule, RuleBody, Weight,
};
use super::{Format, text};
use crate::time::Day;
use crate::violation::Severity;

/// One rule, for people and for tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleRow {
    /// Stable within the format: `SL.reason_when_refused`, `SB.SQRZJHM.citizen_id`.
    pub id: String,
    /// Stable codes its violations carry.
    pub codes: Vec<&'static str>,
    /// Severity from the edition's start.
    pub severity: Severity,
    /// From this day of collection on it is an error.
    pub error_from: Option<Day>,
    /// Severity for records of the nature `history`, where it is another.
    pub history: Option<Severity>,
    /// Wire name of the record type.
    pub record: String,
    /// Wire name of the field.
    pub field: String,
    /// Chinese text: what must hold.
    pub zh: String,
    /// English text.
    pub en: String,
}

impl Format {
    /// Every rule beyond XSD 1.0, in stage and field order.
    pub fn rules(&self) -> Vec<RuleRow> {
        let mut rows = vec![];
        for record in &self.types {
            for field in &record.fields {
                implied(record, field, &mut rows);
            }
            rows.extend(record.rules.iter().map(|r| self.declared(record, r)));
        }
        rows
    }

    pub(super) fn declared(&self, record: &RecordType, rule: &Rule) -> RuleRow {
        let field = &record.fields[rule.field];
        let (codes, zh, en) = match &rule.body {
            RuleBody::Require => {
                ("rule.required_when", "必填".to_owned(), "is required".to_owned())
            }
            RuleBody::Range { min, max } => {
                let t = text::range(field, *min, *max, &super::Condition::default(), record);
                ("rule.range", t.zh, t.en)
            }
            RuleBody::Order { direction, other } => {
                self.order_row(record, field, *direction, other)
            }
            RuleBody::Within { other, workdays, calendar } => {
                let from = &record.fields[*other];
                (
                    "rule.within",
                    format!(
                        "在『{}』后 {workdays} 个工作日内（当日不计；节假日和调休按代码表 {calendar}，未加载时按周一至周五）",
                        from.label
                    ),
                    format!(
                        "within {workdays} working days of {} (that day not counted; holidays and worked weekends after the list {calendar}, Monday to Friday if it is not loaded)",
                        from.name
                    ),
                )
            }
            RuleBody::Needs { record: there, filter } => {
                let there = self.get(*there);
                let (zh, en) = (
                    text::condition(filter, there, Lang::Zh),
                    text::condition(filter, there, Lang::En),
                );
                (
                    "case.missing",
                    format!("该办件应有{}记录 {zh}", there.label),
                    format!("the case must have a record {} where {en}", there.name),
                )
            }
        };
        let from = |lang| {
            let named = rule.origin.as_deref();
            named.map(|o| text::origin(o, lang)).unwrap_or_default()
        };
        let (zh_from, en_from) = (from(Lang::Zh), from(Lang::En));
        row(
            record,
            field,
            rule.id.to_string(),
            vec![codes],
            rule.weight,
            (
                format!("{zh}{}{zh_from}", text::when(&rule.when, record, Lang::Zh)),
                format!("{en}{}{en_from}", text::when(&rule.when, record, Lang::En)),
            ),
        )
    }

    fn order_row(
        &self,
        record: &RecordType,
        field: &Field,
        direction: Direction,
        other: &Other,
    ) -> (&'static str, String, String) {
        let (zh, en) = match direction {
            Direction::After => ("不早于", "not earlier than"),
            Direction::Before => ("不晚于", "not later than"),
        };
        match other {
            Other::Field(ix) => {
                let o = &record.fields[*ix];
                ("rule.order", format!("{zh}『{}』", o.label), format!("{en} {}", o.name))
            }
            Other::Fact { record: there, field: ix, same_part, filter } => {
                let there = self.get(*there);
                let o = &there.fields[*ix];
                let part = if *same_part {
                    ("（同一序号）", " with the same number")
                } else {
                    ("", "")
                };
                let filter_zh = text::when(filter, there, Lang::Zh);
                let filter_en = text::when(filter, there, Lang::En);
                (
                    "case.order",
                    format!(
                        "{}{zh}{}的『{}』{}{filter_zh}",
                        field.label, there.label, o.label, part.0
                    ),
                    format!("{en} {} of the {}{}{filter_en}", o.name, there.name, part.1),
                )
            }
        }
    }
}

/// Rules that a kind, a list, a check or `expected` implies.
fn implied(record: &RecordType, field: &Field, rows: &mut Vec<RuleRow>) {
    let mut add = |suffix: &str, codes: Vec<&'static str>, weight, zh: String, en: String| {
        let id = format!("{}.{}.{suffix}", record.wire, field.wire);
        rows.push(row(record, field, id, codes, weight, (zh, en)));
    };
    let error = Weight::ERROR;
    if field.kind == Kind::DateTime {
        add(
            "calendar",
            vec!["field.calendar"],
            error,
            "日期和时刻存在".into(),
            "exists in the calendar".into(),
        );
    }
    let free = field.kind != Kind::DateTime && field.pattern.is_none();
    if free && !matches!(field.list, Some(CodeList::Closed { .. })) {
        add(
            "blank",
            vec!["field.blank"],
            error,
            "不能只有空格".into(),
            "is not only blanks".into(),
        );
    }
    if let Some(CodeList::Open { name, .. }) = &field.list {
        add(
            "list",
            vec!["field.code_unknown"],
            Weight::LENIENT,
            format!("在代码表 {name} 的现行版本中（已加载时）"),
            format!("is in the edition in force of the list {name}, if loaded"),
        );
    }
    if field.expected {
        add(
            "expected",
            vec!["field.expected"],
            Weight::WARN,
            "应填".into(),
            "should be there".into(),
        );
    }
    for check in &field.checks {
        let (codes, zh, en) = check_words(check.kind);
        add(
            check.kind.as_str(),
            codes,
            check.weight,
            format!("{zh}{}", text::when(&check.when, record, Lang::Zh)),
            format!("{en}{}", text::when(&check.when, record, Lang::En)),
        );
    }
}

fn check_words(kind: CheckKind) -> (Vec<&'static str>, &'static str, &'static str) {
    let digit = vec!["field.check_form", "field.check_digit"];
    match kind {
        CheckKind::CitizenId => (
            vec!["field.check_form", "field.check_date", "field.check_digit"],
            "居民身份证号的格式、日期和校验位（GB 11643），不查行政区划",
            "citizen id: form, date and check digit (GB 11643), no region look-up",
        ),
        CheckKind::CreditCode => (digit, "统一社会信用代码（GB 32100）", "credit code (GB 32100)"),
        CheckKind::OrgCode => (digit, "组织机构代码（GB 11714）", "organisation code (GB 11714)"),
        CheckKind::UnitCode => (
            digit,
            "9 位组织机构代码（GB 11714）或 18 位统一社会信用代码（GB 32100）",
            "organisation code (GB 11714) or credit code (GB 32100)",
        ),
        CheckKind::Name => (
            vec!["field.lost_character"],
            "不含“?”（转码丢字）",
            "holds no `?` (lost in transcoding)",
        ),
    }
}

fn row(
    record: &RecordType,
    field: &Field,
    id: String,
    codes: Vec<&'static str>,
    weight: Weight,
    (zh, en): (String, String),
) -> RuleRow {
    RuleRow {
        id,
        codes,
        severity: weight.severity,
        error_from: weight.error_from,
        history: weight.history,
        record: record.wire.to_string(),
        field: field.wire.to_string(),
        zh,
        en,
    }
}
