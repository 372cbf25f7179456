//! The codes of archive files and of the audit chain.

use super::{Code, c};

/// `archive.*`, `audit.*`: what was kept, and whether it still is what was kept.
pub const ARCHIVE: &[Code] = &[
    c(
        "archive.too_large",
        "larger than an archive file may be; nothing of it was read",
        "超过归档文件大小上限，未读取",
    ),
    c(
        "archive.malformed",
        "not in the form of an archive file, or cut off; fetch it again from a copy",
        "不是归档文件或已残缺，请从副本恢复",
    ),
    c(
        "archive.edition",
        "an edition of archive files that this program does not read; take a newer program",
        "归档文件版本高于本程序，请使用较新的程序",
    ),
    c(
        "archive.closed",
        "the archive file is encrypted and does not open with the keys that are here; name the node it is of, its older pairs as [[identity.also]], or fetch the file again from a copy",
        "归档文件已加密，现有密钥无法打开；请用该节点的配置（旧加密证书以 [[identity.also]] 保留），或从副本恢复文件",
    ),
    c(
        "archive.number",
        "a number is missing or comes twice; find the file that should be there",
        "归档文件编号缺失或重复，请找回应有的文件",
    ),
    c("archive.node", "an archive file of another node lies among them", "混有其他节点的归档文件"),
    c(
        "archive.link",
        "the file before it is not the one it names: one of both was changed or replaced",
        "与前一归档文件不衔接：其一被改动或替换",
    ),
    c(
        "archive.envelope",
        "an envelope in it is damaged, or is another one than its table says",
        "其中的报文已损坏，或与目录不符",
    ),
    c(
        "archive.head",
        "the last file is another one than the given head; files are missing or were changed",
        "末个归档文件与所给摘要不符：缺文件或被改动",
    ),
    c(
        "audit.broken",
        "an audit event does not follow from the one before; the store was changed from outside",
        "审计记录与前一条不衔接，数据可能被外部改动",
    ),
];
