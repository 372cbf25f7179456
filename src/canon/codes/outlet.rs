//! `platform.*`: platforms that do not run Tiergate, behind an outlet.

use super::{Code, c};

/// `platform.*`: what a platform answered, and why it was not asked.
pub const PLATFORM: &[Code] = &[
    c(
        "platform.validation",
        "the platform refused the record: a value is missing, malformed or too long; correct it at the source, its next version goes up",
        "平台校验不通过：必填项为空、格式错误或超长；请在来源系统更正后重报",
    ),
    c(
        "platform.attachment_missing",
        "the platform misses the list of files; complete it at the source, the next version goes up",
        "平台答复缺少文件列表；请在来源系统补齐后重报",
    ),
    c(
        "platform.duplicate",
        "the platform has this record from elsewhere; ask the platform which one counts",
        "平台已有同一记录（非本节点所报）；请与平台核对以何者为准",
    ),
    c(
        "platform.authority",
        "the platform says that we may not report this; ask the platform for the right",
        "平台答复无权报送；请向平台申请权限",
    ),
    c(
        "platform.given_up",
        "the platform never answered; a named person of the node before it gave the record up, and the platform may have it; report it again as its next version",
        "平台始终未答复，由出口节点的指定人员放弃，平台可能已收到；如需可重报下一版",
    ),
    c(
        "platform.refused",
        "the platform refused the record; its words stand beside it",
        "平台不予接收，原文见平台答复",
    ),
    c(
        "platform.failed",
        "the platform failed to save the record, each time it was handed over; report it again (resubmit) when the platform works",
        "平台多次处理失败；平台恢复后请重报",
    ),
    c(
        "platform.parent_missing",
        "the platform does not find the case of this record, each time it was handed over; ask the platform, then resubmit",
        "平台多次答复找不到所属办件；请与平台核对后重报",
    ),
    c(
        "platform.form",
        "the platform's format does not take this value, so the platform was not asked; correct it at the source",
        "不符合平台格式要求，未报送平台；请在来源系统更正后重报",
    ),
    c(
        "platform.type_unknown",
        "the platform takes no records of this type; report them elsewhere, or map the type",
        "平台不接收此类记录；请改报他处，或在映射中加入该类型",
    ),
    c(
        "platform.no_void",
        "the platform's format knows no withdrawal; tell the platform by its own way",
        "平台格式没有撤销；请按平台规定的方式办理",
    ),
    c(
        "platform.unreachable",
        "the platform cannot be reached; nothing is lost, it is tried again by itself",
        "连不上平台；数据未丢失，自动重试",
    ),
    c(
        "platform.denied",
        "the platform does not let us in; see login, password and rights, it is tried again by itself",
        "平台拒绝登录或访问；请检查账号、密码和权限，自动重试",
    ),
    c(
        "platform.schema",
        "a table, column or call of the platform is not as the target's folder says; mend the folder, it is tried again by itself",
        "平台的表、字段或接口与目标目录所述不符；请更正目录，自动重试",
    ),
    c(
        "platform.silent",
        "what was handed to the platform is not answered; it is asked, or handed over again under the same id",
        "平台没有答复；自动查询，或以同一消息编号重报",
    ),
    c(
        "platform.target",
        "a target's folder has a mistake; the text names file and place",
        "平台目标目录有误，文字说明指出文件和位置",
    ),
];
