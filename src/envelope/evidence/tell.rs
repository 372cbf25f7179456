//! The steps in words, for people who know neither Merkle nor X.509.

use canon::format::{Parsed, RecordType};
use canon::{Environment, Millis, Violation};

use super::judge::{Standing, Step, by_outlet};
use super::{Leaf, Vouched};
use crate::{Head, Kind, Outcome, OutcomeLine, Refuse, SenderCert};

fn step(name: &'static str, holds: bool, (en, zh): (String, String)) -> Step {
    Step { name, holds, zh, en }
}

fn words(refuse: &Refuse) -> (String, &'static str) {
    let zh = canon::code(refuse.code()).map_or("", |code| code.zh);
    (format!("{refuse} [{}]", refuse.code()), zh)
}

pub(super) fn envelope_refused(refuse: &Refuse) -> Step {
    let (en, zh) = words(refuse);
    let texts = (
        format!("the sender's signature does not hold: {en}"),
        format!("报送方签名不成立：{zh} [{}]", refuse.code()),
    );
    step("envelope-signature", false, texts)
}

pub(super) fn envelope(head: &Head, signer: &SenderCert) -> Step {
    let (regions, id) = (signer.regions.join(" "), head.id());
    let (at, day) = (head.sealed_at, head.window);
    let texts = (
        format!(
            "node {} (regions {regions}; certificate valid {} to {}) signed the envelope {id} at {at} by its own clock; records of {day}",
            signer.node, signer.not_before, signer.not_after
        ),
        format!(
            "节点 {}（区划 {regions}；证书有效期 {} 至 {}）于 {at}（其自身时钟）签署报文 {id}，数据日期 {day}",
            signer.node, signer.not_before, signer.not_after
        ),
    );
    step("envelope-signature", true, texts)
}

/// Nobody but its signer says when a receipt was signed; an envelope's time others vouch for.
pub(super) fn revoked_later(head: &Head, signer: &SenderCert, since: Millis) -> Step {
    let node = &signer.node;
    let (mut en, mut zh) = (
        format!(
            "the certificate of node {node} is revoked since {since}, which is later: the signature stands"
        ),
        format!("节点 {node} 的证书自 {since} 起吊销，晚于上述时间，签名仍有效"),
    );
    if head.kind == Kind::Receipt {
        en.push_str("; that the receipt is older is its signer's own word, ask for the archive and its timestamp if that matters");
        zh.push_str("；回执的签署时间仅为其签署方自述，如有必要请调取归档及其时间戳");
    }
    step("revoked-later", true, (en, zh))
}

pub(super) fn hop(found: &Result<Vouched, Refuse>) -> Step {
    let texts = match found {
        Ok(Vouched { by, hop }) => {
            let (node, at) = (&by.node, hop.at);
            (
                format!("node {node} verified the envelope and had it at {at}, and signed that"),
                format!("节点 {node} 于 {at} 验签并持有此报文，签有中转回执"),
            )
        }
        Err(refuse) => {
            let (en, zh) = words(refuse);
            (
                format!("a hop receipt does not hold: {en}"),
                format!("中转回执不成立：{zh} [{}]", refuse.code()),
            )
        }
    };
    step("hop-receipt", found.is_ok(), texts)
}

pub(super) fn in_envelope(leaf: &Leaf, count: usize, holds: bool) -> Step {
    let place = u64::from(leaf.position) + 1;
    let texts = if holds {
        (
            format!(
                "the record is number {place} of {count} under that signature, unchanged to the byte"
            ),
            format!("本记录是该签名覆盖的 {count} 条记录中的第 {place} 条，逐字节未变"),
        )
    } else {
        (
            "the record is not one that the signature covers: it was altered, or belongs to another envelope".into(),
            "本记录不在该签名覆盖范围内：内容被改动，或不属于该报文".into(),
        )
    };
    step("record-in-envelope", holds, texts)
}

pub(super) fn format_unknown(head: &Head) -> Step {
    let edition = &head.format;
    let texts = (
        format!(
            "this program does not know the format {edition}: what the record says cannot be read here; take the program of that edition"
        ),
        format!("本程序不认识格式 {edition}，无法解读记录内容；请使用支持该版本的程序"),
    );
    step("record-format", false, texts)
}

pub(super) fn not_of_the_format(head: &Head, violation: &Violation) -> Step {
    let (edition, rule) = (&head.format, &violation.rule);
    let texts = (
        format!("the record is not in the form of {edition}: {} [{rule}]", violation.en),
        format!("记录不符合格式 {edition}：{} [{rule}]", violation.zh),
    );
    step("record-format", false, texts)
}

pub(super) fn record(
    head: &Head,
    ty: &RecordType,
    parsed: &Parsed,
    has_key: bool,
    broken: &[Violation],
) -> Step {
    let (edition, wire, label) = (&head.format, &ty.wire, &ty.label);
    let (version, collected, system) =
        (parsed.attrs.version, parsed.attrs.collected, &parsed.attrs.system);
    if !has_key {
        let texts = (
            format!("the record {wire} has no key: it names no case"),
            format!("{label}记录没有主键，无法确定所属办件"),
        );
        return step("record-format", false, texts);
    }
    let (mut en, mut zh) = (
        format!(
            "{wire} ({}), version {version}, collected from system {system} at {collected}; in the form of {edition}",
            ty.name
        ),
        format!(
            "{label}（{wire}）第 {version} 版，{collected} 采自来源系统 {system}；符合格式 {edition}"
        ),
    );
    if broken.is_empty() {
        en.push_str(", and breaks none of its rules that can be judged for one record alone");
        zh.push_str("，并符合其全部可单条判定的规则");
    }
    for violation in broken {
        en.push_str(&format!(
            "; breaks a rule of this program's edition: {} [{}]",
            violation.en, violation.rule
        ));
        zh.push_str(&format!("；按本程序所带规则不符：{} [{}]", violation.zh, violation.rule));
    }
    step("record-format", true, (en, zh))
}

pub(super) fn unanswered() -> Step {
    let texts = (
        "no receipt is in the file: it is proven what was sent, not that anyone has it".into(),
        "文件中没有回执：只能证明已报送的内容，不能证明对方已接收".into(),
    );
    step("receipt-signature", true, texts)
}

pub(super) fn receipt_refused(refuse: &Refuse) -> Step {
    let (en, zh) = words(refuse);
    let texts = (
        format!("the receipt's signature does not hold: {en}"),
        format!("回执签名不成立：{zh} [{}]", refuse.code()),
    );
    step("receipt-signature", false, texts)
}

pub(super) fn receipt(head: &Head, signer: &SenderCert) -> Step {
    let (node, at) = (&signer.node, head.sealed_at);
    let texts = if by_outlet(head) {
        (
            format!(
                "node {node} recorded the platform's answer and signed it at {at}: it is not signed by the platform"
            ),
            format!("平台答复由节点 {node} 记录并于 {at} 签署；并非平台自身签名"),
        )
    } else {
        (
            format!("node {node} signed the receipt at {at} by its own clock"),
            format!("节点 {node} 于 {at}（其自身时钟）签署回执"),
        )
    };
    step("receipt-signature", true, texts)
}

pub(super) fn answers(head: &Head, holds: bool) -> Step {
    let texts = match &head.answers {
        Some(answers) if holds => (
            format!(
                "it answers exactly this envelope, received at {} by the receiver's clock",
                answers.received_at
            ),
            format!("该回执答复的正是此报文，接收方时钟记其到达时间为 {}", answers.received_at),
        ),
        Some(_) | None => (
            "the receipt belongs to another envelope, or is not its destination's".into(),
            "该回执不是目的节点对此报文的答复".into(),
        ),
    };
    step("receipt-answers", holds, texts)
}

pub(super) fn outcome(line: Option<&OutcomeLine>, head: &Head) -> Step {
    let Some(line) = line else {
        let texts = (
            "the outcome is not one that the receipt's signature covers for this record".into(),
            "该处理结果不在回执签名覆盖范围内，或不属于本记录".into(),
        );
        return step("receipt-outcome", false, texts);
    };
    let node = &head.from;
    let (mut en, mut zh) = match line.outcome {
        Outcome::Accepted => (
            format!("accepted: {node} says that it keeps exactly this record"),
            format!("已接收：{node} 声明留存的正是本记录"),
        ),
        Outcome::Superseded => (
            format!("superseded: {node} already kept a higher version of the record; final"),
            format!("已被更新版本取代：{node} 此前已接收更高版本，终局"),
        ),
        Outcome::Rejected => (
            format!("rejected: {node} did not keep the record"),
            format!("未接收：{node} 未留存本记录"),
        ),
        Outcome::ParentMissing => (
            format!("not final: the record's parent was not at {node} then"),
            format!("非终局：当时 {node} 没有其上级记录"),
        ),
    };
    if let Some(code) = &line.code {
        let said = canon::code(code);
        en.push_str(&format!(" [{code}] {}", said.map_or("", |c| c.en)));
        let own = line.text.as_deref().unwrap_or_else(|| said.map_or("", |c| c.zh));
        zh.push_str(&format!(" [{code}] {own}"));
    }
    for note in &line.notes {
        en.push_str(&format!("; note [{}] {}", note.code, note.field));
        zh.push_str(&format!("；提示 [{}] {} {}", note.code, note.field, note.text));
    }
    if let Some(said) = &line.said {
        en.push_str(&format!("; the platform's own words: {said}"));
        zh.push_str(&format!("；平台原文：{said}"));
    }
    step("receipt-outcome", true, (en, zh))
}

/// The verdict in a sentence.
pub(super) fn verdict(standing: Standing, of: Option<Environment>) -> (String, String) {
    let (en, zh) = match standing {
        Standing::Accepted => {
            ("PROVEN: sent as shown, and accepted", "成立：内容如所示报送，且已接收")
        }
        Standing::Superseded => (
            "PROVEN: sent as shown; a newer version had been accepted before it",
            "成立：内容如所示报送；更高版本已先行接收",
        ),
        Standing::Rejected => {
            ("PROVEN, BUT NOT ACCEPTED: sent as shown, and turned down", "报送属实，但未被接收")
        }
        Standing::ParentMissing => {
            ("PROVEN, BUT NOT FINAL: its parent was missing then", "报送属实，但尚无终局答复")
        }
        Standing::Unanswered => {
            ("PROVEN AS SENT ONLY: there is no receipt", "仅证明已签署报送，没有回执")
        }
        Standing::Unproven => {
            ("NOT PROVEN: conclude nothing from this file", "不成立：不得据此文件得出任何结论")
        }
    };
    let (mark, mark_zh) = match of {
        Some(Environment::Joint) => {
            (" (joint test: of no official effect)", "（联调环境，不具正式效力）")
        }
        Some(Environment::Demo) => {
            (" (demo: invented people, of no effect)", "（演示环境，虚构数据，不具效力）")
        }
        Some(Environment::Formal) | None => ("", ""),
    };
    (format!("{en}{mark}"), format!("{zh}{mark_zh}"))
}
