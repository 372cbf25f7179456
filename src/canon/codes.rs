//! The stable codes that leave the process: receipts, refusals, quarantine, CLI, audit.
//!
//! A code is never removed and never changes its meaning; a test holds the list unique, documented
//! in both languages and complete against `tests/data/codes.txt`.

/// One stable code with its text in both languages.
#[derive(Debug)]
pub struct Code {
    /// `origin.snake_case`.
    pub code: &'static str,
    /// English: what it means and what happens next.
    pub en: &'static str,
    /// Chinese.
    pub zh: &'static str,
}

/// The entry of a code.
pub fn code(code: &str) -> Option<&'static Code> {
    CODES.iter().flat_map(|group| group.iter()).find(|c| c.code == code)
}

const fn c(code: &'static str, en: &'static str, zh: &'static str) -> Code {
    Code { code, en, zh }
}

/// All codes, a group for each origin.
pub const CODES: &[&[Code]] = &[RECORD, FIELD, SENDER, RECEIVER, SOURCE, ADAPTER, NODE, CONFIG];

/// `record.*`: a receiver's or sender's judgement of one record.
pub const RECORD: &[Code] = &[
    c(
        "record.conflict",
        "same record id with other bytes was accepted before; an alarm, nothing is overwritten",
        "同一记录编号已接收过不同内容，报警，不覆盖",
    ),
    c(
        "record.authority",
        "the sender may not report this record (unit, region or key belongs to another node)",
        "上报方无权报送该记录",
    ),
    c(
        "record.superseded",
        "a higher version of this record was accepted before",
        "已有更高版本，本版本不生效",
    ),
    c(
        "record.parent_missing",
        "the parent record is not here yet; the sender waits and sends again",
        "上级环节记录未到，待其接收后重报",
    ),
    c(
        "record.parent_absent",
        "kept without its parent after waiting; a discrepancy on the parent's owner",
        "等待期满仍无上级环节记录，保留并列为差异",
    ),
    c("record.review_returned", "returned by a reviewing tier", "审核退回"),
];

/// `field.*` and `rule.*`: violations of the format.
pub const FIELD: &[Code] = &[];

/// `envelope.*` and `sender.*`: why an envelope was refused; the sender is at fault or
/// misconfigured. All but the bytes' own faults may pass later, when the cause is mended.
pub const SENDER: &[Code] = &[
    c(
        "envelope.malformed",
        "not in the one exact form of an envelope; the sender must write edition 1",
        "报文不符合规定格式，请按第 1 版格式重新生成",
    ),
    c(
        "envelope.too_large",
        "a size or count is over its limit; the sender must send smaller envelopes",
        "报文或其中某项超出限值，请拆小后重发",
    ),
    c(
        "envelope.frame",
        "the parcel is not one zstd frame with its size declared; it is sent again",
        "压缩包损坏或不规范，请重发",
    ),
    c(
        "envelope.root_mismatch",
        "the body is not the one under the signed root; changed on the way, sent again",
        "报文体与签名不符，内容已被改动，请重发",
    ),
    c(
        "sender.signature_invalid",
        "the signature does not verify; changed on the way or signed by another key",
        "签名不符，已拒收",
    ),
    c(
        "sender.suite_unknown",
        "suite or algorithm unknown here; agree on a suite for this link",
        "本节点不支持该签名算法，请为此链路商定算法",
    ),
    c(
        "sender.certificate_invalid",
        "the certificate lacks what it must say; have it issued again",
        "证书内容不合要求，请重新签发",
    ),
    c(
        "sender.certificate_untrusted",
        "the certificate leads to no authority trusted here",
        "证书不是本节点信任的机构签发",
    ),
    c(
        "sender.certificate_expired",
        "the certificate is expired or not yet valid; renew it and seal again",
        "证书不在有效期内，请更换证书",
    ),
    c(
        "sender.node_mismatch",
        "the certificate belongs to another node than the head names",
        "证书所属节点与报文头不一致",
    ),
    c(
        "sender.environment",
        "formal, joint-test and demo data are never mixed; the envelope is of another environment",
        "正式、联调、演示环境不得混用",
    ),
    c(
        "sender.clock_ahead",
        "sealed too far in the future by this node's clock; set the sender's clock",
        "发送方时钟超前，请校准后重发",
    ),
];

/// `receiver.*`: why a verified envelope was declined or set aside.
pub const RECEIVER: &[Code] = &[];

/// `source.*`: a source system's input could not be read.
pub const SOURCE: &[Code] = &[];

/// `adapter.*`: an adapter package is wrong, or a mapping failed on a row.
pub const ADAPTER: &[Code] = &[];

/// `node.*`, `bus.*`, `store.*`: this node's own troubles.
pub const NODE: &[Code] = &[];

/// `config.*`: a configuration is refused.
pub const CONFIG: &[Code] = &[];
