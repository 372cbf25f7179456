//! The codes of an adapter package, and of a row it could not map.

use super::{Code, c};

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
        "adapter.not_one_value",
        "a column is there twice in a record, or is a list or an object; the row is set aside",
        "一条记录中某列重复出现或不是单个值，该行已隔离",
    ),
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
    c(
        "adapter.guard",
        "a run sees too much as changed or gone; the adapter is paused until a person resumes it",
        "单次变化或消失的行过多，适配器已暂停，待人工确认",
    ),
    c(
        "adapter.header",
        "the source's columns are not those the adapter maps; paused until they agree",
        "来源的列与适配器不符，适配器已暂停",
    ),
];
