//! The codes of an envelope that is not accepted as one.

use super::{Code, c};

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
        "sender.suite_refused",
        "this node has the suite and does not accept it from that sender (a downgrade); the sender signs in an agreed suite, or the receiver adds this one to `suites`",
        "本节点支持该签名算法，但不接受该来源使用它（疑似算法降级）；请来源单位改用约定算法，或由接收方在 suites 中加入",
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
        "sender.certificate_revoked",
        "the certificate was revoked by its authority when this was first vouched for; the sender asks for a new one with a new key",
        "该证书在首次见证时已被颁发机构吊销；请来源单位更换密钥并重新申请证书",
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
    c(
        "sender.outside_differs",
        "the outside of the parcel and its signed head disagree; changed on the way, sent again",
        "包外标识与签名报文头不一致，请重发",
    ),
    c(
        "sender.link",
        "the parcel came by a link that may not carry this sender; mend the routing table",
        "该链路不得承载此发送方的包，请核对路由表",
    ),
    c(
        "sender.sequence_reused",
        "the same envelope id came before with other bytes; an alarm, the first stays in force",
        "同一编号此前已收到不同内容，报警，以先到者为准",
    ),
    c(
        "sender.cloned",
        "the same envelope id came before with other bytes: two machines use this node's key, or an old copy of its store was started; the second stops by itself, see `tiergate node restore`",
        "同一编号此前已收到不同内容：有两台机器使用同一节点密钥，或启动了旧的存储副本；后到者自行停止，处理办法见 tiergate node restore",
    ),
    c(
        "sender.epoch_old",
        "sealed before the sender was restored; the records come again in the epoch in force",
        "报文属于发送方恢复之前的纪元，请按现行纪元重新封装",
    ),
];
