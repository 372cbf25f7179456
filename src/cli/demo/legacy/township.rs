//! The township window's daily files: a case as one line, as people and spreadsheets leave it.

use std::sync::LazyLock;

use canon::{Day, Millis};

use super::chance::Dice;
use super::flow::{Act, Case, Outcome, Who};
use super::mess::Mess;
use super::people;
use super::world::{TOWNSHIP, UNKNOWN_ITEM};

/// The header of every file.
pub(super) const HEADER: &str = "流水号,事项编码,事项名称,行政区划,申请人类型,姓名,证件类型,身份证号,联系人,手机,申请项目,材料清单,提交方式,申请时间,申请窗口,受理部门,部门代码,受理状态,受理人,受理人工号,不受理原因,受理回执号,受理时间,办结结果,办结说明,退回原因,证照名称,证照编号,证照有效期,发证单位,收费金额,办结时间,领取人,领取人证件类型,领取人证件号,领取方式,领取时间,登记时间,作废标志,作废原因,作废操作员,备注";

static COLUMNS: LazyLock<Vec<&str>> = LazyLock::new(|| HEADER.split(',').collect());

/// Index of the case that stands in line 17 of the first file: the header is line 1.
pub(super) const LINE_SEVENTEEN: u64 = 15;
/// Cases that must stand in the first file.
pub(super) const FIRST_DAY: u64 = 24;
/// Files before today's.
pub(super) const DAYS: u64 = 4;

/// How a clerk's computer writes times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Unpadded,
    Slashes,
    Chinese,
    Serial,
    Padded,
}

fn style(case: &Case<'_>) -> Style {
    match Dice::new(case.index, 0x57, 3).range(0, 99) {
        0..=69 => Style::Unpadded,
        70..=79 => Style::Slashes,
        80..=87 => Style::Chinese,
        88..=92 => Style::Serial,
        _ => Style::Padded,
    }
}

/// Whether the line's dates are not in the form of the standard.
pub(super) fn is_unpadded(case: &Case<'_>) -> bool {
    style(case) != Style::Padded
}

fn written(at: Millis, style: Style) -> String {
    let (y, mo, d) = at.day().civil();
    let s = at.since(at.day().start()) / 1000;
    let (h, mi, sec) = (s / 3600, s / 60 % 60, s % 60);
    match style {
        Style::Unpadded => format!("{y}-{mo}-{d} {h}:{mi:02}:{sec:02}"),
        Style::Slashes => format!("{y}/{mo}/{d} {h}:{mi:02}"),
        Style::Chinese => format!("{y}年{mo}月{d}日{h}时{mi}分"),
        Style::Serial => format!("{}.{:05}", at.day().0 + 25_569, s * 100_000 / 86_400),
        Style::Padded => at.to_string(),
    }
}

/// The fields of a line, by the header's names.
pub(super) struct Line(Vec<String>);

impl Line {
    fn set(&mut self, column: &str, value: impl Into<String>) {
        let at = COLUMNS.iter().position(|c| *c == column).expect("a column of the header above");
        self.0[at] = value.into();
    }

    fn get(&self, column: &str) -> &str {
        let at = COLUMNS.iter().position(|c| *c == column).expect("a column of the header above");
        &self.0[at]
    }

    /// As a line of the file, without its end.
    pub(super) fn text(&self) -> String {
        let mut out = String::with_capacity(400);
        for (i, field) in self.0.iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            // What holds a comma is quoted; a stray quote is not: nobody escaped it there.
            if field.contains(',') {
                out.push('"');
                out.push_str(&field.replace('"', "\"\""));
                out.push('"');
            } else {
                out.push_str(field);
            }
        }
        out
    }
}

/// The case as it stands at `now`.
pub(super) fn line(case: &Case<'_>, now: Millis) -> Line {
    let style = style(case);
    let mut line = Line(vec![String::new(); COLUMNS.len()]);
    let (kind, document) = match case.who {
        Who::Person => ("个人", "身份证"),
        Who::Firm => ("企业", "统一社会信用代码"),
        Who::Other => ("其他", "护照"),
    };
    line.set("流水号", &case.number);
    line.set("事项编码", case.item.code);
    line.set("事项名称", case.item.name);
    line.set("行政区划", TOWNSHIP);
    line.set("申请人类型", kind);
    line.set("姓名", &case.name);
    line.set("证件类型", document);
    // Spreadsheets keep long numbers whole only behind an apostrophe.
    let guard = if case.index.is_multiple_of(40) { "'" } else { "" };
    line.set("身份证号", format!("{guard}{}", case.document));
    if case.who != Who::Person {
        line.set("联系人", &case.contact);
    }
    line.set("手机", &case.phone);
    line.set("申请项目", &case.project);
    line.set(
        "材料清单",
        case.item.materials.join(if case.index.is_multiple_of(2) { ";" } else { "；" }),
    );
    line.set("提交方式", ["窗口", "网上", "快递"][case.way]);
    line.set("申请时间", written(case.submitted.at, style));
    line.set("申请窗口", format!("{}号窗口", case.index % 6 + 1));
    line.set("受理部门", case.unit.name);
    line.set("部门代码", &case.unit.code);
    line.set("登记时间", written(case.submitted.at.plus(90_000), style));
    line.set("作废标志", "否");
    stages(&mut line, case, now, style);
    line
}

fn stages(line: &mut Line, case: &Case<'_>, now: Millis, style: Style) {
    let waiting = case.supplement.as_ref().filter(|s| s.notice.at <= now).map(|s| &s.notice);
    let decided = (case.accepted.at <= now).then_some(&case.accepted);
    if let Some(act) = decided.or(waiting) {
        let (state, reason) = match (decided, case.outcome) {
            (None, _) => ("补正", "材料不齐，需补正"),
            (Some(_), Outcome::Refused) => ("不予受理", "不属于本镇受理范围"),
            (Some(_), _) => ("受理", ""),
        };
        accept(line, act, state, case, style);
        line.set("不受理原因", reason);
    }
    if case.outcome == Outcome::Refused || case.ended.at > now {
        return;
    }
    let (result, words, reason) = match case.outcome {
        Outcome::Licensed => ("出证", "准予", ""),
        Outcome::Returned => ("退回", "不予办理", "不符合条件"),
        Outcome::Answered | Outcome::Refused => ("办结", "已办理", ""),
    };
    line.set("办结结果", result);
    line.set("办结说明", words);
    line.set("退回原因", reason);
    if let (Outcome::Licensed, Some(licence)) = (case.outcome, case.item.licence) {
        line.set("证照名称", licence);
        line.set("证照编号", format!("LX{:08}", case.index));
        line.set("证照有效期", "长期");
        line.set("发证单位", case.unit.name);
    }
    // Excel's habit: a whole number with a point.
    let fee = case.item.fee;
    line.set(
        "收费金额",
        if case.index.is_multiple_of(5) { format!("{fee}.0") } else { fee.to_string() },
    );
    line.set("办结时间", written(case.ended.at, style));
    if let Some(collected) = case.collected.as_ref().filter(|a| a.at <= now) {
        line.set("领取人", &case.contact);
        if case.who == Who::Person {
            line.set("领取人证件类型", "居民身份证");
            line.set("领取人证件号", &case.document);
        }
        line.set("领取方式", if case.way == 2 { "快递" } else { "窗口" });
        line.set("领取时间", written(collected.at, style));
    }
}

fn accept(line: &mut Line, act: &Act, state: &str, case: &Case<'_>, style: Style) {
    line.set("受理状态", state);
    line.set("受理人", &act.by);
    line.set("受理人工号", &act.staff);
    line.set("受理回执号", format!("LXSL{:08}", case.index));
    line.set("受理时间", written(act.at, style));
}

fn full_width(text: &str) -> String {
    text.chars()
        .map(|c| c.to_digit(10).and_then(|d| char::from_u32('０' as u32 + d)).unwrap_or(c))
        .collect()
}

/// Spoils a line; false if there was nothing to spoil.
pub(super) fn spoil(mess: Mess, case: &Case<'_>, line: &mut Line) -> bool {
    let mut dice = Dice::new(case.index, 0xBAD, 4);
    let person = |line: &mut Line, id: String| {
        line.set("申请人类型", "个人");
        line.set("姓名", &case.contact);
        line.set("证件类型", "身份证");
        line.set("身份证号", id);
    };
    match mess {
        Mess::WrongCode => {
            if line.get("受理状态").is_empty() {
                accept(line, &case.submitted, "受理", case, style(case));
            }
            line.set("受理状态", "已收件");
        }
        Mess::MissingField => line.set("姓名", ""),
        Mess::BadCitizenId => person(line, people::slip(&people::citizen_id(&mut dice))),
        Mess::LineSeventeen => person(line, people::slip(&people::citizen_id_with_x(&mut dice))),
        Mess::AcceptedBeforeApplied => {
            let early = case.submitted.at.plus(-86_400_000);
            let state = line.get("受理状态").to_owned();
            let state = if state.is_empty() { "受理" } else { &state };
            accept(line, &Act { at: early, ..case.accepted.clone() }, state, case, style(case));
        }
        Mess::OverLong => {
            line.set("申请项目", case.project.repeat(30).chars().take(250).collect::<String>())
        }
        Mess::UnknownItem => line.set("事项编码", UNKNOWN_ITEM),
        Mess::ExcelMangled => person(line, "9.90103E+17".into()),
        Mess::LostCharacter => {
            let first: String = case.contact.chars().take(1).collect();
            line.set("姓名", format!("{first}?"));
        }
        Mess::StrayQuote => line.set("申请项目", format!("\"{}\"申请", case.item.name)),
        Mess::FullWidth => {
            line.set("手机", full_width(&case.phone));
            line.set("身份证号", full_width(&case.document));
        }
        _ => return false,
    }
    true
}

/// What the clerk corrected afterwards.
pub(super) fn change(line: &mut Line) {
    let project = format!("{}（更正）", line.get("申请项目"));
    line.set("申请项目", project);
}

/// Withdraws the line.
pub(super) fn void(case: &Case<'_>, line: &mut Line) {
    line.set("作废标志", "是");
    line.set("作废原因", "录入错误");
    line.set("作废操作员", &case.submitted.staff);
}

/// A file's name.
pub(super) fn file_name(day: Day) -> String {
    let (y, m, d) = day.civil();
    format!("window-{y:04}{m:02}{d:02}.csv")
}

/// A whole file as text; the last line has its end.
pub(super) fn file(lines: &[String]) -> String {
    let mut text = String::with_capacity(lines.len() * 400 + 1000);
    for line in std::iter::once(HEADER).chain(lines.iter().map(String::as_str)) {
        text.push_str(line);
        text.push_str("\r\n");
    }
    text
}

/// GB18030 bytes, cut off in the middle of the line that stands three quarters down.
pub(super) fn cut_off(bytes: &[u8]) -> &[u8] {
    let three_quarters = bytes.len() / 4 * 3;
    let start = bytes[..three_quarters].iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    let end = bytes[start..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |at| start + at);
    &bytes[..start + (end - start) / 2]
}
