//! The codes of a format: what is wrong with a field, a record, a case, a fragment.

use super::{Code, c};

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
        "rule.within",
        "a time is later than the working days that are given for it; as a warning it goes up with the record",
        "超过规定的工作日期限；作为提示时随记录上报",
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
