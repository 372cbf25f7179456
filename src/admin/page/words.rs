//! What people call places, states and steps, in both languages; addresses of cases; days in questions.

use canon::{Day, Millis, RecordId};
use store::{OutState, Place};

use crate::access::Who;
use crate::hall::Hall;

/// What a place is called.
pub(crate) const fn place_name(who: &Who, place: Place) -> &'static str {
    match place {
        Place::Quarantined => who.of("quarantined here", "校验不通过"),
        Place::Waiting => who.of("waits for its parent", "等上级环节"),
        Place::Staged => who.of("to be sealed", "待封装"),
        Place::InFlight => who.of("in flight", "在途"),
        Place::AwaitingReview => who.of("awaits review", "待审核"),
        Place::Accepted => who.of("accepted", "已接收"),
        Place::Superseded => who.of("superseded", "已被新版替代"),
        Place::Rejected => who.of("rejected", "被退回"),
        Place::Voided => who.of("withdrawn", "停报"),
        Place::Dead => who.of("given up", "停发"),
    }
}

/// The place of a word.
pub(crate) fn place_of(word: &str) -> Option<Place> {
    Place::ALL.into_iter().find(|place| place.to_string() == word)
}

/// Whether records stay there only for a while, or until somebody does something: such lists are shown
/// whatever their day is.
pub(crate) const fn is_pending(place: Place) -> bool {
    !matches!(place, Place::Accepted | Place::Superseded | Place::Voided | Place::Rejected)
}

/// What a state of an envelope is called.
pub(crate) const fn state_name(who: &Who, state: OutState) -> &'static str {
    match state {
        OutState::Numbered => who.of("numbered, to be signed", "已编号，待签名"),
        OutState::Sealed => who.of("sealed, to be sent", "已封装，待发"),
        OutState::Sent => who.of("sent, receipt to come", "已发出，待回执"),
        OutState::RetryWait => who.of("to be sent again", "待重发"),
        OutState::Unknown => who.of("receipt overdue", "回执逾期"),
        OutState::Dead => who.of("given up", "停发"),
        OutState::Settled => who.of("answered", "已办结"),
        OutState::Declined => who.of("declined as a whole", "整包退回"),
    }
}

/// States behind the words that pages and addresses use.
pub(crate) fn states_of(word: &str) -> Option<Vec<OutState>> {
    Some(match word {
        "due" => vec![OutState::Numbered, OutState::Sealed, OutState::RetryWait],
        "sent" => vec![OutState::Sent],
        "unknown" => vec![OutState::Unknown],
        "dead" => vec![OutState::Dead],
        "accepted" | "settled" => vec![OutState::Settled],
        "rejected" | "declined" => vec![OutState::Declined, OutState::Settled],
        _ => return None,
    })
}

/// What a step of a case is called.
pub(crate) fn step_name<'s>(who: &Who, what: &'s str) -> &'s str {
    let pair = match what {
        "collected" => ("collected from its source", "自来源采集"),
        "quarantined" => ("not valid here: problem data", "校验不通过，列入问题数据"),
        "numbered" => ("put into an envelope", "编入报文"),
        "sent" => ("handed to the carrier", "已发出"),
        "hop" => ("a tier on the way has it", "途经节点签收"),
        "relayed" => ("passed on", "中转"),
        "kept" => ("verified and kept here", "验签留存"),
        "accepted" => ("accepted by its destination", "目的节点已接收"),
        "superseded" => ("there is a newer version", "已有更高版本"),
        "rejected" => ("rejected by its destination", "目的节点退回"),
        "parent_missing" => ("its parent is not there yet", "等上级环节记录"),
        "staged" => ("to be sealed", "待封装"),
        "in_flight" => ("on its way", "在途"),
        "waiting" => ("waits", "等待"),
        "dead" => ("given up", "停发"),
        "voided" => ("withdrawn", "停报"),
        other => return other,
    };
    who.of(pair.0, pair.1)
}

/// What a stable code says; the code itself if it is none of ours.
pub(crate) fn code_text<'c>(who: &Who, code: &'c str) -> &'c str {
    canon::code(code).map_or(code, |known| who.tongue.of(known.en, known.zh))
}

/// What a record type is called by the formats of this node.
pub(crate) fn type_label(hall: &Hall, wire: &str) -> String {
    let label = hall.node.formats.values().find_map(|format| {
        let ty = format.type_by_wire(wire)?;
        Some(format.get(ty).label.clone())
    });
    label.unwrap_or_default()
}

/// A record as a line names it: type, stage, version.
pub(crate) fn record_label(hall: &Hall, id: &RecordId) -> String {
    let label = type_label(hall, &id.kind);
    let part = id.key.part();
    [&*id.kind, &label, part, &format!("v{}", id.version)]
        .into_iter()
        .filter(|text| !text.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// A text as a part of an address.
pub(crate) fn in_address(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

/// The page of a case.
pub(crate) fn case_path(number: &str) -> String {
    format!("/records/case/{}", in_address(number))
}

/// The first and the last day that a question names, as a time: from, and before. Without any, today.
pub(crate) fn window(from: Option<&str>, until: Option<&str>, now: Millis) -> (Millis, Millis) {
    let day = |text: Option<&str>| text.and_then(|t| Day::parse(t.trim()));
    let last = day(until).unwrap_or_else(|| now.day());
    let first = day(from).unwrap_or_else(|| last.min(now.day())).min(last);
    (first.start(), Day(last.0.saturating_add(1)).start())
}

/// A text that says something.
pub(crate) fn said(text: Option<&String>) -> Option<String> {
    text.map(|t| t.trim().to_owned()).filter(|t| !t.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_holds_any_number() {
        assert_eq!(case_path("A/1 ?&<b>中"), "/records/case/A%2F1%20%3F%26%3Cb%3E%E4%B8%AD");
        assert_eq!(in_address("SB-2026_1.x~"), "SB-2026_1.x~");
    }

    #[test]
    fn a_window_is_today_unless_it_is_said() {
        let now = Millis::parse("2026-11-22 09:00:00").unwrap();
        let day = |text| Day::parse(text).unwrap().start();
        assert_eq!(window(None, None, now), (day("2026-11-22"), day("2026-11-23")));
        let some = window(Some("2026-11-01"), Some("2026-11-03"), now);
        assert_eq!(some, (day("2026-11-01"), day("2026-11-04")));
        let turned = window(Some("2026-11-09"), Some("2026-11-03"), now);
        assert_eq!(turned, (day("2026-11-03"), day("2026-11-04")));
        assert_eq!(window(Some("nonsense"), None, now).0, day("2026-11-22"));
    }

    #[test]
    fn every_place_has_its_word() {
        for place in Place::ALL {
            assert_eq!(place_of(&place.to_string()), Some(place));
        }
        assert_eq!(place_of("<script>"), None);
    }
}
