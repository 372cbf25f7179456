//! The county's approval system: a case as rows of its tables.

use std::borrow::Cow;

use canon::Millis;
use edge::legacy_db::Cell;

use super::chance::Dice;
use super::flow::{Case, Outcome, Who};
use super::mess::Mess;
use super::people;
use super::world::UNKNOWN_ITEM;

/// Columns of `approval_case`, in the order of [`Rows::case`]; the outcome columns are left to their
/// defaults.
pub(super) const CASE: &[&str] = &[
    "case_id",
    "item_code",
    "item_name",
    "area_code",
    "org_code",
    "org_name",
    "internal_no",
    "apply_type",
    "apply_name",
    "cert_type",
    "cert_no",
    "contact_name",
    "contact_phone",
    "project_name",
    "material_list",
    "case_source",
    "submit_time",
    "submit_place",
    "pre_state",
    "pre_name",
    "pre_staff_no",
    "pre_reason",
    "pre_time",
    "accept_state",
    "accept_name",
    "accept_staff_no",
    "notaccept_reason",
    "accept_doc_no",
    "accept_time",
    "end_result",
    "end_name",
    "end_desc",
    "end_reason",
    "cert_name",
    "cert_number",
    "cert_valid",
    "cert_org",
    "fee",
    "end_time",
    "collect_name",
    "collect_type",
    "collect_no",
    "collect_way",
    "collect_time",
    "case_state",
    "void_flag",
    "void_reason",
    "void_by",
    "created_time",
    "modified_time",
    "remark",
];
pub(super) const STEP: &[&str] = &[
    "step_id",
    "case_id",
    "step_no",
    "step_code",
    "step_name",
    "org_code",
    "org_name",
    "approver",
    "post_name",
    "opinion",
    "step_state",
    "step_time",
];
pub(super) const SUPPLEMENT: &[&str] = &[
    "supplement_id",
    "case_id",
    "seq",
    "notice_by",
    "notice_reason",
    "notice_list",
    "notice_limit",
    "notice_time",
    "receive_by",
    "receive_list",
    "receive_place",
    "receive_time",
];
pub(super) const SUSPEND: &[&str] = &[
    "suspend_id",
    "case_id",
    "seq",
    "special_type",
    "start_reason",
    "content",
    "start_date",
    "special_timelimit",
    "limit_unit",
    "approver",
    "suspend_username",
    "lastmodifiedtime",
];
pub(super) const RESUME: &[&str] = &[
    "resume_id",
    "suspend_id",
    "case_id",
    "special_result",
    "result_date",
    "end_date",
    "fee",
    "resume_username",
    "lastmodifiedtime",
];
pub(super) const MATERIAL: &[&str] = &[
    "material_id",
    "case_id",
    "seq",
    "material_name",
    "file_kind",
    "copy_kind",
    "quantity",
    "file_name",
    "file_type",
    "file_size",
    "file_md5",
];

const STEPS: [(&str, &str, &str); 3] =
    [("CB", "承办", "科员"), ("SH", "审核", "股长"), ("PZ", "批准", "局长")];

/// A case as it stands at a moment, one vector of cells a row.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) case: Vec<Cell>,
    pub(super) steps: Vec<Vec<Cell>>,
    pub(super) supplements: Vec<Vec<Cell>>,
    pub(super) suspends: Vec<Vec<Cell>>,
    pub(super) resumes: Vec<Vec<Cell>>,
    pub(super) materials: Vec<Vec<Cell>>,
}

fn own(text: impl Into<String>) -> Cell {
    Some(Cow::Owned(text.into()))
}

const fn say(text: &'static str) -> Cell {
    Some(Cow::Borrowed(text))
}

fn time(at: Millis) -> Cell {
    own(at.to_string())
}

/// The row's cell of this name.
pub(super) fn set(row: &mut [Cell], column: &str, value: Cell) {
    let at = CASE.iter().position(|c| *c == column).expect("a column of the table above");
    row[at] = value;
}

/// Everything of a case that is known at `now`.
pub(super) fn rows(case: &Case<'_>, now: Millis) -> Rows {
    let mut rows = Rows { case: head(case, now), ..Rows::default() };
    stages(case, now, &mut rows.case);
    steps(case, now, &mut rows);
    children(case, now, &mut rows);
    rows.materials = materials(case);
    rows
}

fn head(case: &Case<'_>, now: Millis) -> Vec<Cell> {
    let mut row = vec![None; CASE.len()];
    let (kind, document) = match case.who {
        Who::Person => ("1", "SFZ"),
        Who::Firm => ("2", "XYDM"),
        Who::Other => ("9", "HZ"),
    };
    set(&mut row, "case_id", own(&case.number));
    set(&mut row, "item_code", say(case.item.code));
    set(&mut row, "item_name", say(case.item.name));
    set(&mut row, "area_code", say(super::world::COUNTY));
    set(&mut row, "org_code", own(&case.unit.code));
    set(&mut row, "org_name", say(case.unit.name));
    set(&mut row, "internal_no", own(format!("QH{:09}", case.index)));
    set(&mut row, "apply_type", say(kind));
    set(&mut row, "apply_name", own(&case.name));
    set(&mut row, "cert_type", say(document));
    set(&mut row, "cert_no", own(&case.document));
    set(&mut row, "contact_name", own(&case.contact));
    set(&mut row, "contact_phone", own(&case.phone));
    set(&mut row, "project_name", own(&case.project));
    set(&mut row, "material_list", own(case.item.materials.join("；")));
    set(&mut row, "case_source", say(["1", "2", "6"][case.way]));
    set(&mut row, "submit_time", time(case.submitted.at));
    set(&mut row, "submit_place", say(["政务大厅综合窗口", "网上大厅", "邮寄收件处"][case.way]));
    set(&mut row, "case_state", say("9"));
    set(&mut row, "void_flag", say("N"));
    set(&mut row, "created_time", time(case.submitted.at.plus(20_000)));
    set(&mut row, "modified_time", time(case.touched(now)));
    row
}

fn stages(case: &Case<'_>, now: Millis, row: &mut [Cell]) {
    if let Some(pre) = case.pre.as_ref().filter(|a| a.at <= now) {
        set(row, "pre_state", say("10"));
        set(row, "pre_name", own(&pre.by));
        set(row, "pre_staff_no", own(&pre.staff));
        set(row, "pre_time", time(pre.at));
        set(row, "case_state", say("10"));
    }
    let waiting = case.supplement.as_ref().filter(|s| s.notice.at <= now);
    let decided = (case.accepted.at <= now).then_some(&case.accepted);
    if let Some(act) = decided.or(waiting.map(|s| &s.notice)) {
        let (state, reason) = match (decided, case.outcome) {
            (None, _) => ("3", Some("材料不齐，需补正")),
            (Some(_), Outcome::Refused) => ("2", Some("不属于本单位职权范围")),
            (Some(_), _) => ("1", None),
        };
        set(row, "accept_state", say(state));
        set(row, "accept_name", own(&act.by));
        set(row, "accept_staff_no", own(&act.staff));
        set(row, "notaccept_reason", reason.map(Cow::Borrowed));
        set(row, "accept_doc_no", own(format!("SL{:010}", case.index)));
        set(row, "accept_time", time(act.at));
        set(row, "case_state", say(state));
    }
    if case.outcome == Outcome::Refused || case.ended.at > now {
        return;
    }
    let (result, words, reason) = match case.outcome {
        Outcome::Licensed => ("0", "准予许可", None),
        Outcome::Returned => ("1", "不予许可", Some("不符合法定条件")),
        Outcome::Answered | Outcome::Refused => ("6", "已办理", None),
    };
    set(row, "end_result", say(result));
    set(row, "end_name", own(&case.ended.by));
    set(row, "end_desc", say(words));
    set(row, "end_reason", reason.map(Cow::Borrowed));
    set(row, "fee", own(format!("{}.00", case.item.fee)));
    set(row, "end_time", time(case.ended.at));
    set(row, "case_state", say("6"));
    if let (Outcome::Licensed, Some(licence)) = (case.outcome, case.item.licence) {
        let (year, month, day) = case.ended.at.day().civil();
        set(row, "cert_name", say(licence));
        set(row, "cert_number", own(format!("青禾许〔{year}〕{:07}号", case.index)));
        let until = format!("{:04}-{month:02}-{:02}", year + 5, day.min(28));
        set(row, "cert_valid", if case.index.is_multiple_of(9) { say("长期") } else { own(until) });
        set(row, "cert_org", say(case.unit.name));
    }
    if let Some(collected) = case.collected.as_ref().filter(|a| a.at <= now) {
        let person = case.who == Who::Person;
        set(row, "collect_name", own(&case.contact));
        set(row, "collect_type", person.then_some(Cow::Borrowed("SFZ")));
        set(row, "collect_no", person.then(|| Cow::Owned(case.document.clone())));
        set(row, "collect_way", say(if case.way == 2 { "8" } else { "0" }));
        set(row, "collect_time", time(collected.at));
    }
}

fn steps(case: &Case<'_>, now: Millis, rows: &mut Rows) {
    for (n, step) in case.steps.iter().filter(|s| s.act.at <= now).enumerate() {
        let (code, name, post) = STEPS[step.kind];
        let (opinion, state) = if step.agreed {
            ("材料齐全，拟同意", "TG")
        } else {
            ("不符合条件，不同意", "BTG")
        };
        rows.steps.push(vec![
            own(format!("{}-S{}", case.number, n + 1)),
            own(&case.number),
            own((n + 1).to_string()),
            say(code),
            say(name),
            own(&case.unit.code),
            say(case.unit.name),
            own(&step.act.by),
            say(post),
            say(opinion),
            say(state),
            time(step.act.at),
        ]);
    }
}

fn children(case: &Case<'_>, now: Millis, rows: &mut Rows) {
    let id = || own(&case.number);
    let child = |letter: char, n: usize| own(format!("{}-{letter}{n}", case.number));
    if let Some(s) = case.supplement.as_ref().filter(|s| s.notice.at <= now) {
        let received = (s.received.at <= now).then_some(&s.received);
        rows.supplements.push(vec![
            child('B', 1),
            id(),
            say("1"),
            own(&s.notice.by),
            say("提交材料不齐全或不符合法定形式"),
            say(s.what),
            say("5"),
            time(s.notice.at),
            received.and_then(|a| own(&a.by)),
            received.and_then(|_| say(s.what)),
            received.and_then(|_| say("政务大厅综合窗口")),
            received.and_then(|a| time(a.at)),
        ]);
    }
    let Some(s) = case.suspend.as_ref().filter(|s| s.from.at <= now) else { return };
    let (kind, why) = if s.inspection {
        ("JY", "需现场检验")
    } else {
        ("YCSP", "案情复杂，经批准延长")
    };
    rows.suspends.push(vec![
        child('T', 1),
        id(),
        say("1"),
        say(kind),
        say(why),
        say("申请启动特别程序"),
        time(s.from.at),
        say(if s.inspection { "15" } else { "10" }),
        say("G"),
        own(&s.from.by),
        own(&s.from.by),
        time(s.from.at),
    ]);
    if s.until.at <= now {
        rows.resumes.push(vec![
            child('R', 1),
            child('T', 1),
            id(),
            say(if s.inspection { "检验合格" } else { "延长期内办理完毕" }),
            time(s.until.at),
            time(s.until.at),
            None,
            own(&s.until.by),
            time(s.until.at),
        ]);
    }
}

fn materials(case: &Case<'_>) -> Vec<Vec<Cell>> {
    let mut dice = Dice::new(case.index, 0xA7, 1);
    let electronic = case.way == 1;
    let file = |n: usize, name: &'static str| {
        let attached = |value: String| electronic.then_some(Cow::Owned(value));
        vec![
            own(format!("{}-M{}", case.number, n + 1)),
            own(&case.number),
            own((n + 1).to_string()),
            say(name),
            say(if electronic { "DZ" } else { "ZZ" }),
            say(["YJ", "DZ", "FY"][if electronic { 1 } else { (n % 2) * 2 }]),
            say("1"),
            attached(format!("{name}.pdf")),
            attached("pdf".into()),
            attached(dice.range(20_000, 5_000_000).to_string()),
            attached(format!("{:016x}{:016x}", dice.next(), dice.next())),
        ]
    };
    case.item
        .materials
        .iter()
        .enumerate()
        .map({
            let mut file = file;
            move |(n, name)| file(n, name)
        })
        .collect()
}

/// Spoils a case's rows; false if there was nothing to spoil yet.
pub(super) fn spoil(mess: Mess, case: &Case<'_>, rows: &mut Rows) -> bool {
    let row = &mut rows.case;
    let mut dice = Dice::new(case.index, 0xBAD, 2);
    match mess {
        Mess::WrongCode => set(row, "apply_type", say("5")),
        Mess::MissingField => set(row, "apply_name", say("")),
        Mess::BadCitizenId => {
            set(row, "apply_type", say("1"));
            set(row, "apply_name", own(&case.contact));
            set(row, "cert_type", say("SFZ"));
            set(row, "cert_no", own(people::slip(&people::citizen_id(&mut dice))));
        }
        Mess::AcceptedBeforeApplied => {
            let accepted =
                CASE.iter().position(|c| *c == "accept_time").and_then(|at| row[at].clone());
            if accepted.is_none() {
                return false;
            }
            set(row, "accept_time", time(case.submitted.at.plus(-86_400_000)));
        }
        Mess::OverLong => {
            set(row, "apply_name", own(case.name.repeat(60).chars().take(120).collect::<String>()))
        }
        Mess::UnknownItem => set(row, "item_code", say(UNKNOWN_ITEM)),
        Mess::LostCharacter => {
            let first: String = case.contact.chars().take(1).collect();
            set(row, "apply_name", own(format!("{first}?")));
        }
        // A draft: the case itself is not reported yet, its children are there.
        Mess::ChildBeforeParent => {
            if rows.materials.is_empty() {
                return false;
            }
            set(row, "case_state", say("0"));
        }
        _ => return false,
    }
    true
}
