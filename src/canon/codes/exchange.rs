//! The codes of the exchange itself: what a receiver declines, asks for or answers, and what is
//! wrong with a control parcel.

use super::{Code, c};

/// `receiver.*`: why a verified envelope was declined, and what a receiver asked its sender for.
pub const RECEIVER: &[Code] = &[
    c(
        "receiver.edition_unknown",
        "declined: this node does not have the format edition named in the head; agree on one",
        "本节点没有报文所用的格式版本，整包退回，请商定版本",
    ),
    c(
        "receiver.edition_ended",
        "declined: the format edition is no longer taken; render in the edition in force",
        "该格式版本已停用，整包退回，请改用现行版本",
    ),
    c(
        "receiver.route_closed",
        "declined: this route is closed here; ask the receiving node",
        "该路由已关闭，整包退回，请与接收方联系",
    ),
    c(
        "receiver.confidential",
        "declined: confidential bodies cannot be opened by this node; send it unencrypted or agree on keys",
        "本节点无法打开加密报文体，整包退回，请商定密钥或不加密报送",
    ),
    c(
        "receiver.no_route",
        "refused on the way: no link of this node leads to the destination; mend the routing table",
        "本节点没有通往目的节点的链路，请改正路由表",
    ),
    c(
        "receiver.gap",
        "the receiver reported a gap in the sequences; the missing envelope is sent again",
        "接收方报告序号有缺，已补发",
    ),
    c(
        "receiver.unknown",
        "the destination answered that it does not have the envelope; it is sent again",
        "目的节点答复未收到该包，已重发",
    ),
    c(
        "receiver.defer",
        "the receiver asked to wait (its quota for this sender is used up); sent again after that",
        "接收方要求稍后再发（超出配额），到时重发",
    ),
];

/// `receipt.*`, `refusal.*`, `inquiry.*`, `manifest.*`, `notice.*`, `parcel.*`: control parcels.
pub const CONTROL: &[Code] = &[
    c(
        "hop.not_on_the_way",
        "a hop receipt of a node that never had the envelope, or of other bytes; set aside, nothing else is changed",
        "签收节点不在该报文的路径上，或所签内容不符，转入隔离，不产生其他影响",
    ),
    c(
        "receipt.overdue",
        "no receipt in time; the destination is asked before anything is sent again",
        "回执逾期，先查询再重发",
    ),
    c(
        "receipt.names_nothing",
        "a receipt that does not say which envelope it answers; refused",
        "回执未写明所答复的包，拒收",
    ),
    c(
        "receipt.not_asked",
        "a receipt for an envelope that this node did not send; refused",
        "回执所答复的包不是本节点发出，拒收",
    ),
    c(
        "receipt.wrong_node",
        "a receipt signed by another node than the destination; refused, nothing is settled",
        "回执不是目的节点签发，拒收，不予结算",
    ),
    c(
        "receipt.other_bytes",
        "a receipt for other bytes than those sent under this id; refused, nothing is settled",
        "回执所签内容与发出的不是同一内容，拒收，不予结算",
    ),
    c(
        "receipt.incomplete",
        "a receipt without exactly one outcome for every record, in order; refused",
        "回执没有逐条按序给出结果，拒收",
    ),
    c(
        "refusal.not_on_the_way",
        "a refusal from a node that never had the envelope; audited, the envelope goes on",
        "拒收通知来自不在该报文路径上的节点，已审计，报文照常投递",
    ),
    c(
        "refusal.of_nothing_ours",
        "a refusal of a parcel that this node did not send; noted, no effect",
        "被拒收的包不是本节点发出，仅记录",
    ),
    c(
        "inquiry.not_yours",
        "an inquiry about another node's parcels; refused",
        "查询的是其他节点的包，拒绝答复",
    ),
    c("manifest.empty", "a manifest without a line; refused", "对账清单没有内容，拒收"),
    c(
        "manifest.not_yours",
        "a manifest that is not one day's books of these two nodes; refused",
        "对账清单不是两节点同一日的账，拒收",
    ),
    c(
        "authority.installed",
        "an edition of the authority table came down, was verified and is in force",
        "授权表新版本已验签并生效",
    ),
    c(
        "authority.malformed",
        "a notice that is no whole authority table; refused, the table before stays in force",
        "授权表通知不完整或格式不符，拒收，原授权表继续有效",
    ),
    c(
        "authority.issuer",
        "an authority table of a node whose tables are not believed here ([trust] authority); refused",
        "授权表并非本级所信任的节点（[trust] authority）签发，拒收",
    ),
    c(
        "authority.stale",
        "an authority table of a lower edition than the one in force; refused, ask the issuer for the current one",
        "授权表版本低于现行版本，拒收，请向签发节点索取现行版本",
    ),
    c(
        "authority.conflict",
        "another authority table under the number of the one in force; refused, an alarm: ask the issuer",
        "与现行授权表同号而内容不同，拒收并报警，请与签发节点核对",
    ),
    c(
        "hop.laid",
        "a sender laid hop receipts before this node: its envelope is judged at the time they vouch for when it comes again",
        "来源单位出示了中转回执，其报文重发到达后按回执所证时间验签",
    ),
    c(
        "hop.not_yours",
        "hop receipts laid before this node that are not about the sender's own envelopes; refused",
        "出示的中转回执不属于该来源单位的报文，拒收",
    ),
    c(
        "hop.unproven",
        "a hop receipt laid before this node does not hold: its signer, its way or its envelope; refused, the envelope keeps waiting",
        "出示的中转回执不成立（签名、途径或所指报文不符），拒收，报文继续等待",
    ),
    c("notice.received", "a notice came and was noted", "收到通知，已记录"),
    c(
        "notice.maintenance",
        "a node above is under maintenance; what is for it waits here until that is over",
        "上级节点维护，发往该节点的数据在本级等待至维护结束",
    ),
    c(
        "notice.quality",
        "the receiver returned records after accepting them; they stay accepted, the next version answers",
        "接收方在接收后退回记录；记录仍为已接收，以下一版作答",
    ),
    c(
        "notice.unknown_record",
        "a notice about a record that is not kept here in that version; nobody was marked",
        "通知所指的记录或版本本级没有，未作标记",
    ),
    c(
        "peer.maintenance",
        "the node above is under maintenance; nothing is tried before that is over",
        "上级维护中，维护结束前不尝试发送",
    ),
    c(
        "lane.hours",
        "the lane is closed at this hour; it opens by itself",
        "该通道当前不在允许时段，到时自动开始",
    ),
    c(
        "gap.skipped",
        "the sender says by its signature that these sequences never come; the gap is closed",
        "发送方签名确认这些序号不会再来，缺口关闭",
    ),
    c(
        "skipped.given_up",
        "the sender gave these envelopes up; they stay counted there and may be reopened",
        "发送方已放弃这些包，仍计入其账，可重新打开",
    ),
    c(
        "skipped.not_kept",
        "the sender numbered these sequences and does not keep them any more",
        "发送方编过这些序号，但已不再保存",
    ),
    c(
        "skipped.settled",
        "the sender has receipts for these sequences; what the asker lost of them comes in new envelopes",
        "发送方已有这些序号的回执；询问方丢失的记录将在新的报文中补送",
    ),
    c(
        "skipped.epoch_ended",
        "these sequences belong to an epoch of the sender that has ended",
        "这些序号属于发送方已结束的纪元",
    ),
    c(
        "parcel.of_no_neighbour",
        "a parcel from a node that no link names; dropped and noted",
        "包来自没有链路的节点，丢弃并记录",
    ),
    c(
        "parcel.refused",
        "a parcel that did not verify was set aside; its sender was told within a rate",
        "未通过验证的包已隔离，并按限速告知发送方",
    ),
];

/// `node.*`, `restore.*`, `recall.*`, `clone.*`: what a restore brings, and two machines with one key.
pub const RESTORE: &[Code] = &[
    c(
        "node.restored",
        "a new epoch began: the store was restored; destinations and senders are asked",
        "节点已恢复，开始新纪元，正在向目的节点与下级核对",
    ),
    c(
        "node.halted",
        "the node has stopped itself; stop this machine, or run `tiergate node restore --in-place` on the one that goes on",
        "节点已自行停止；请停用本机，或在继续使用的机器上运行 tiergate node restore --in-place",
    ),
    c(
        "restore.adopted",
        "the destination has told how it judged what was sent before the restore; collecting goes on",
        "目的节点已告知恢复前各报文的判定结果，继续采集",
    ),
    c(
        "restore.epoch_known",
        "the destination knows this epoch or a later one already; restore again with `--epoch` above it",
        "目的节点已见过相同或更高的纪元，请用 --epoch 指定更大的值重新恢复",
    ),
    c(
        "receipt.of_lost_time",
        "a receipt for an envelope of the time that the restore took away; its destination tells of it",
        "回执所答复的报文在恢复后的存储中不存在，由目的节点另行告知",
    ),
    c(
        "recall.received",
        "a restored destination asked for what it lost; it is sent again",
        "恢复后的目的节点索回遗失的报文，正在补送",
    ),
    c(
        "recall.given",
        "everything that a restored destination lost is staged again",
        "恢复后的目的节点所遗失的记录已全部重新待发",
    ),
    c(
        "clone.seen",
        "a receiver refused other bytes under a number of ours: another machine uses this node's key; find it and stop it",
        "接收方拒收了同一编号的另一报文：另有机器在使用本节点密钥，请查明并停用",
    ),
];
