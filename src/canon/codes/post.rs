//! The codes of what departments post to a node.

use super::{Code, c};

/// `post.*`: the answer to a posted document, or to a question about one.
pub const POST: &[Code] = &[
    c(
        "post.committed",
        "the document is committed; what became of each row stands beside it",
        "已入库，逐行结果见答复",
    ),
    c(
        "post.not_yet",
        "the document is kept and not judged yet: nothing is promised of its rows; ask again with its id",
        "已收存，尚未处理完毕，尚无逐行结果；请凭编号稍后查询",
    ),
    c(
        "post.unknown_path",
        "nothing is posted to this address; see the path",
        "没有该接收地址，请核对路径",
    ),
    c(
        "post.unknown_id",
        "no document of this id is known, or its answer is no longer kept; post it again",
        "没有该编号的推送，或其答复已过保存期；请重新推送",
    ),
    c(
        "post.unauthorized",
        "who posts is not known here: token, signature or certificate are missing or wrong",
        "身份核验未通过：令牌、签名或客户端证书缺失或有误",
    ),
    c(
        "post.method",
        "documents are posted (POST); answers are asked for with GET",
        "推送用 POST，查询用 GET",
    ),
    c(
        "post.content_type",
        "the content type is not that of the agreed form",
        "Content-Type 与约定的格式不符",
    ),
    c(
        "post.too_large",
        "the body is larger than the limit; post it in parts",
        "内容超过大小上限，请分批推送",
    ),
    c(
        "post.too_many_rows",
        "the document has more records than the limit; post it in parts",
        "记录条数超过上限，请分批推送",
    ),
    c("post.no_rows", "the document has no record", "内容中没有记录"),
    c(
        "post.malformed",
        "the document cannot be read as agreed; nothing of it was taken",
        "内容无法按约定读取，未收取任何记录",
    ),
    c(
        "post.slow",
        "the request did not come to its end in time; nothing of it was taken, post it again",
        "请求未在规定时间内传完，未收取，请重新推送",
    ),
    c(
        "post.key_bad",
        "the Idempotency-Key is empty, longer than 200 characters or not plain ASCII",
        "Idempotency-Key 为空、超过 200 个字符或不是可见 ASCII 字符",
    ),
    c(
        "post.key_reused",
        "the Idempotency-Key was used for another document; a new document needs a new key",
        "该 Idempotency-Key 已用于另一份内容；新内容须用新的键",
    ),
    c(
        "post.rate",
        "more is posted than agreed; wait as long as Retry-After says",
        "推送过于频繁，请按 Retry-After 稍后再推",
    ),
    c(
        "post.busy",
        "too much is being posted at this moment; post it again later",
        "当前推送过多，请稍后再推",
    ),
    c(
        "post.backlog",
        "too many documents wait to be collected; post it again later",
        "待采集的推送已达上限，请稍后再推",
    ),
    c(
        "post.stopping",
        "the service is stopping; post it again in a moment",
        "服务正在停止，请稍后再推",
    ),
    c(
        "post.store",
        "the document could not be kept; nothing is promised, post it again with the same key",
        "未能收存，请用同一 Idempotency-Key 重新推送",
    ),
    c(
        "post.soap_version",
        "the envelope is neither SOAP 1.1 nor 1.2",
        "不是 SOAP 1.1 或 1.2 的报文",
    ),
    c(
        "post.soap_header",
        "a SOAP header must be understood and is not",
        "带有必须理解而本服务不识别的 SOAP 头",
    ),
    c(
        "post.soap_operation",
        "the SOAP body is not a call of the agreed operation",
        "SOAP 正文不是约定的操作",
    ),
    c("post.soap_action", "SOAPAction names another operation", "SOAPAction 与约定的操作不符"),
];
