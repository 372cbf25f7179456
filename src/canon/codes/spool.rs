//! The codes of links over files: what a gate brought that no parcel could be made of, and what a
//! disk lacks.

use super::{Code, c};

/// `spool.*`: links over files (网闸、光盘摆渡).
pub const SPOOL: &[Code] = &[
    c(
        "spool.incomplete",
        "a file is shorter than it says and no longer grows; it stays, and is taken when the rest comes",
        "文件未传完且不再增长，留在原处，补齐后自动接收",
    ),
    c(
        "spool.part_missing",
        "parts of a parcel came and others did not; the whole waits, and the sender is asked for it",
        "分卷缺失，整包等待，并向发送方追问",
    ),
    c(
        "spool.not_a_parcel",
        "a file is none of ours; set aside in bad/ for a person to look at",
        "文件不是报文包，已移入 bad/，请人工查看",
    ),
    c(
        "spool.not_a_file",
        "a link, folder or device lies where files are brought; never opened, set aside in bad/",
        "收件目录中有链接、目录或设备，不予打开，已移入 bad/",
    ),
    c(
        "spool.damaged",
        "a file has its full length and another content than it says; set aside in bad/, it is asked for again",
        "文件长度已足但内容与摘要不符，已移入 bad/，将重新追要",
    ),
    c(
        "spool.closed",
        "a file is encrypted, and no key here opens it; set aside in bad/: give its sender this node's certificate for encryption, it is asked for again",
        "文件已加密而本机没有可解密的密钥，已移入 bad/；请把本节点加密证书交给对端，将重新追要",
    ),
    c(
        "spool.too_large",
        "a file is larger than any file of a parcel; not read, set aside in bad/",
        "文件超过报文包文件上限，未读取，已移入 bad/",
    ),
    c(
        "spool.wrong_link",
        "a file says that it belongs to another link; set aside in bad/, see where the gate lays its files",
        "文件属于其他链路，已移入 bad/，请核对网闸的投放目录",
    ),
    c(
        "spool.unreachable",
        "a folder or table of the gate cannot be read or written; nothing passes, tried again by itself",
        "网闸的目录或交换表无法读写，未收发，稍后自动重试",
    ),
    c(
        "spool.pace",
        "the gate takes no more files this minute; not sent, tried again later",
        "已达网闸每分钟文件数，未发出，稍后重试",
    ),
    c(
        "spool.no_way_back",
        "sent, no way back: nothing can answer through the gate; a signed receipt carried by hand settles it",
        "已送出（无回路）：网闸没有回程，待人工带回的签名回执结清",
    ),
    c(
        "spool.list_invalid",
        "the list of a carried disk does not verify; nothing beside it is taken, export the disk again",
        "光盘清单未通过验签，其中文件均不导入，请重新导出",
    ),
    c(
        "spool.file_missing",
        "a file on the signed list of a carried disk is not there; ask for it, import again when it is",
        "签名清单所列文件缺失，请补齐后再次导入",
    ),
    c(
        "spool.not_listed",
        "a file on a carried disk that its signed list does not name; left where it is",
        "光盘中的文件不在签名清单内，未导入",
    ),
];
