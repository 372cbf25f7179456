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

/// `field.*`, `rule.*`, `case.*` and `xml.*`: violations of the format.
pub const FIELD: &[Code] = &[
    c(
        "field.required",
        "a required field is absent; returned to the owning unit",
        "必填字段未填，退回来源单位",
    ),
    c("field.expected", "a field that should be there is absent; a warning", "应填字段未填，警告"),
    c(
        "field.too_long",
        "a value is longer than the format allows; returned to the owning unit",
        "内容超长，退回来源单位",
    ),
    c(
        "field.too_short",
        "a value is shorter than the format allows; returned to the owning unit",
        "内容过短，退回来源单位",
    ),
    c(
        "field.pattern",
        "a value is not in the form of the format; returned to the owning unit",
        "格式不符，退回来源单位",
    ),
    c(
        "field.list",
        "a code is not in the closed list of the format; returned to the owning unit",
        "代码不在固定代码表中，退回来源单位",
    ),
    c(
        "field.code_unknown",
        "a code is not in the edition in force of an open list; update the list or correct the code",
        "代码不在现行代码表中，更新代码表或更正代码",
    ),
    c(
        "field.time_form",
        "a time is not YYYY-MM-DD hh:mm:ss or YYYY-MM-DD; returned to the owning unit",
        "时间格式不符，退回来源单位",
    ),
    c(
        "field.calendar",
        "a day or hour that does not exist; returned to the owning unit",
        "日期或时刻不存在，退回来源单位",
    ),
    c(
        "field.character",
        "a value holds a control character that XML cannot carry; returned to the owning unit",
        "含有不能使用的控制字符，退回来源单位",
    ),
    c(
        "field.blank",
        "a value holds nothing but blanks; returned to the owning unit",
        "内容只有空格，退回来源单位",
    ),
    c(
        "field.attribute",
        "an attribute of the record's group is not as the protocol says; the adapter must be mended",
        "报送属性不合规定，应修正适配器",
    ),
    c(
        "field.check_form",
        "a coded identity has the wrong form; returned to the owning unit",
        "证件号或机构代码格式不符，退回来源单位",
    ),
    c(
        "field.check_date",
        "the birth date in a citizen id does not exist or lies ahead; returned to the owning unit",
        "身份证号中的日期不存在或在未来，退回来源单位",
    ),
    c(
        "field.check_digit",
        "a check digit is wrong; returned to the owning unit",
        "校验位错误，退回来源单位",
    ),
    c(
        "field.lost_character",
        "a name holds a `?`: a character was lost in transcoding; read the source again with the right encoding",
        "名称含“?”，疑似转码丢字，应以正确编码重读来源",
    ),
    c(
        "rule.required_when",
        "a field is absent that another field's value asks for; returned to the owning unit",
        "按其他字段取值应填的字段未填，退回来源单位",
    ),
    c(
        "rule.range",
        "a number is outside its range; returned to the owning unit",
        "数值超出允许范围，退回来源单位",
    ),
    c(
        "rule.order",
        "two times of one record are in the wrong order; returned to the owning unit",
        "同一记录的时间先后颠倒，退回来源单位",
    ),
    c(
        "case.order",
        "a time is in the wrong order with another stage of the case; returned to the owning unit",
        "与同一办件其他环节的时间先后颠倒，退回来源单位",
    ),
    c(
        "case.missing",
        "the case lacks another stage that this record asks for",
        "该办件缺少应有的其他环节",
    ),
    c(
        "xml.too_large",
        "a fragment or its attributes are larger than the limit; refused",
        "报文片段超过大小上限，拒收",
    ),
    c("xml.encoding", "a fragment is not UTF-8; refused", "报文片段不是 UTF-8，拒收"),
    c(
        "xml.declaration",
        "a DTD, comment, CDATA, declaration or processing instruction; refused",
        "含有 DTD、注释、CDATA 或处理指令，拒收",
    ),
    c(
        "xml.form",
        "a fragment is not in the canonical form; refused",
        "报文片段不是规定的书写形式，拒收",
    ),
    c(
        "xml.unknown_type",
        "the root element is no record type of this format edition; refused",
        "根元素不是本版格式的记录类型，拒收",
    ),
    c(
        "xml.namespace",
        "the root element does not declare the format's namespace; refused",
        "根元素未声明格式的命名空间，拒收",
    ),
    c(
        "xml.attribute",
        "the attribute group is incomplete, out of order or illegal; refused",
        "报送属性缺失、乱序或不合规定，拒收",
    ),
    c(
        "xml.unknown_field",
        "an element that the record type does not have; refused",
        "含有记录类型没有的字段，拒收",
    ),
    c("xml.duplicate_field", "an element stands twice; refused", "字段重复，拒收"),
    c("xml.field_order", "elements are not in the format's order; refused", "字段次序不符，拒收"),
    c(
        "xml.empty",
        "an element is empty; an absent value has no element; refused",
        "字段为空，未填的字段不应出现，拒收",
    ),
    c("xml.stray_text", "text between elements; refused", "字段之间有多余文字，拒收"),
    c(
        "xml.entity",
        "an entity other than the four of the canonical form; refused",
        "使用了规定以外的实体，拒收",
    ),
    c("xml.character", "a character that XML cannot carry; refused", "含有 XML 不允许的字符，拒收"),
    c(
        "xml.trailing",
        "bytes behind the end of the fragment; refused",
        "报文片段之后有多余内容，拒收",
    ),
];

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
pub const ADAPTER: &[Code] = &[
    c(
        "adapter.syntax",
        "a package's file is not TOML, or not UTF-8",
        "适配包文件不是合法的 TOML 或不是 UTF-8",
    ),
    c("adapter.file_missing", "a file that the package needs is not there", "适配包缺少所需文件"),
    c(
        "adapter.too_large",
        "a file or table of a package is larger than its limit",
        "适配包文件或代码表超过上限",
    ),
    c(
        "adapter.edition",
        "the package is written in another package format",
        "适配包格式版本不受支持",
    ),
    c("adapter.format", "the package maps to another format", "适配包所映射的数据格式不同"),
    c("adapter.unknown_key", "a key that the package format does not have", "适配包中有未知的键"),
    c("adapter.missing_key", "a key that must be given is missing or empty", "适配包缺少必填的键"),
    c(
        "adapter.bad_value",
        "a value of the package is not one of those allowed",
        "适配包中的值不合要求",
    ),
    c(
        "adapter.bad_code",
        "a table, constant or default gives a code that the field does not have",
        "代码表、常量或缺省值给出的代码不属于该字段",
    ),
    c("adapter.unknown_verb", "there is no such verb", "没有该动词"),
    c(
        "adapter.verb_forbidden",
        "the verb would change what an authority wrote; it is not allowed",
        "该动词会改动来源单位的内容，不允许使用",
    ),
    c(
        "adapter.unknown_table",
        "a code table is not declared, or declared and not used by that name",
        "代码表未声明",
    ),
    c(
        "adapter.table_header",
        "a code table does not begin with `from,to`",
        "代码表首行不是 from,to",
    ),
    c("adapter.table_empty", "a row of a code table has an empty side", "代码表的行有空值"),
    c("adapter.table_duplicate", "a code table lists a value twice", "代码表重复列出同一值"),
    c(
        "adapter.table_not_total",
        "a code table does not cover the values it declares, or declares none",
        "代码表没有覆盖其声明的值",
    ),
    c("adapter.unknown_type", "the format has no such record type", "数据格式没有该记录类型"),
    c("adapter.unknown_field", "the record type has no such field", "记录类型没有该字段"),
    c("adapter.field_unmapped", "a mandatory field is not mapped", "必填字段没有映射"),
    c("adapter.unknown_query", "there is no such query in the package", "适配包没有该查询"),
    c("adapter.query_unused", "no record uses the rows of a query", "没有记录使用该查询的行"),
    c(
        "adapter.unknown_column",
        "the package names a column that the source does not declare",
        "适配包使用了来源未声明的列",
    ),
    c(
        "adapter.column_missing",
        "a declared column is not in the source's header",
        "来源表头缺少声明的列",
    ),
    c(
        "adapter.header_twice",
        "the source's header has two columns of one name",
        "来源表头有两列同名",
    ),
    c(
        "adapter.sample_mismatch",
        "a sample does not give what it is expected to give",
        "样例的结果与预期不符",
    ),
    c(
        "adapter.row_width",
        "a row has another number of columns than the header; it is set aside",
        "行的列数与表头不符，已隔离",
    ),
    c("adapter.row_too_long", "a row is longer than the limit; it is set aside", "行过长，已隔离"),
    c(
        "adapter.undecodable",
        "bytes that are no text in the file's encoding; the row is set aside",
        "含有无法识别编码的字节，已隔离",
    ),
    c("adapter.stray_quote", "a quote does not close; the row is set aside", "引号不成对，已隔离"),
    c(
        "adapter.cut_off",
        "the file ends in the middle of a row; deliver it again",
        "文件在行中间中断，请重新传送",
    ),
    c(
        "adapter.code_unknown",
        "a source value has no row in the code table; back to the owner",
        "来源值不在代码表中，退回来源单位",
    ),
    c(
        "adapter.number_mangled",
        "a spreadsheet has destroyed a number; it is not guessed",
        "编号已被表格软件破坏，不予猜测",
    ),
    c(
        "adapter.not_a_time",
        "a source value is no date or time that can be read",
        "来源值不是可识别的日期时间",
    ),
    c(
        "adapter.not_a_number",
        "a source value is no number that can be read",
        "来源值不是可识别的数字",
    ),
    c(
        "adapter.part_missing",
        "a source value has fewer parts than the mapping takes",
        "来源值缺少应有的分段",
    ),
    c(
        "adapter.entered_unreadable",
        "the time of entry cannot be read and is left out; a warning",
        "录入时间无法识别，留空，仅提示",
    ),
    c(
        "adapter.namespace_missing",
        "the row does not say whose record it is",
        "行中没有可用的单位代码，无法确定归属",
    ),
];

/// `node.*`, `bus.*`, `store.*`: this node's own troubles.
pub const NODE: &[Code] = &[];

/// `config.*`: a configuration is refused.
pub const CONFIG: &[Code] = &[];
