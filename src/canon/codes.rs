//! The stable codes that leave the process: receipts, refusals, quarantine, CLI, audit.
//!
//! A code is never removed and never changes its meaning; a test holds the list unique, documented
//! in both languages and complete against `tests/data/codes.txt`.

mod adapter;
mod admin;
mod archive;
mod asked;
mod envelope;
mod exchange;
mod format;
mod outlet;
mod post;
mod spool;
mod tables;
mod token;

pub use adapter::ADAPTER;
pub use admin::ADMIN;
pub use archive::ARCHIVE;
pub use asked::ASKED;
pub use envelope::SENDER;
pub use exchange::{CONTROL, RECEIVER, RESTORE};
pub use format::FIELD;
pub use outlet::PLATFORM;
pub use post::POST;
pub use spool::SPOOL;
pub use tables::TABLE;
pub use token::TOKEN;

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

/// `evidence.*`: a file that should prove one record.
pub const EVIDENCE: &[Code] = &[
    c(
        "evidence.too_large",
        "larger than an evidence file may be; nothing of it was read; export fewer records into one file",
        "超过证据文件大小上限，未读取；请减少每份文件的记录数后重新导出",
    ),
    c(
        "evidence.malformed",
        "not in the form of an evidence file; nothing is proven by it; export it again",
        "不是证据文件，或已损坏，不能据此证明任何内容；请重新导出",
    ),
    c(
        "evidence.edition",
        "an edition of evidence files that this program does not read; take a newer program",
        "证据文件版本高于本程序，请使用较新的程序核验",
    ),
    c("evidence.no_record", "holds no such record; export it again", "其中没有该记录，请重新导出"),
];

/// All codes, a group for each origin.
pub const CODES: &[&[Code]] = &[
    RECORD, FIELD, SENDER, RECEIVER, CONTROL, RESTORE, SOURCE, ASKED, ADAPTER, NODE, CONFIG, SPOOL,
    EVIDENCE, PLATFORM, POST, TABLE, ARCHIVE, TOKEN, ADMIN,
];

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
    c(
        "record.key_missing",
        "the record lacks the numbers that make its key; corrected at the source, it goes up anew",
        "记录缺少编号，无法识别，请来源单位补正后重报",
    ),
];

/// `source.*`: a source system's input could not be read.
pub const SOURCE: &[Code] = &[
    c(
        "source.unreachable",
        "the source's database or folder cannot be opened; tried again",
        "来源数据库或目录无法打开，稍后重试",
    ),
    c(
        "source.busy",
        "the source is locked by another program; tried again",
        "来源被其他程序占用，稍后重试",
    ),
    c(
        "source.denied",
        "the source refuses the login or the right; see the account, then start the adapter again",
        "来源拒绝登录或权限不足；请核对账号后重新启动适配器",
    ),
    c(
        "source.slow",
        "a statement at the source took longer than it may; tried again",
        "来源的语句超时，稍后重试",
    ),
    c(
        "source.folder_held",
        "another process reads the same folder; stop one of them",
        "另一进程正在读取同一目录，请停止其一",
    ),
    c(
        "source.io",
        "a file operation failed; nothing was lost, it is tried again",
        "文件操作失败，数据未丢失，稍后重试",
    ),
    c(
        "source.schema",
        "the source's tables are not as the adapter says; the adapter stops until it is mended",
        "来源表结构与适配器约定不符，适配器暂停待修正",
    ),
    c("source.setting", "a setting of the source cannot be used", "来源配置不可用"),
    c(
        "source.cursor_unreadable",
        "the stored cursor is not one of this source; the adapter stops",
        "保存的读取位置不属于该来源，适配器暂停",
    ),
    c(
        "source.cursor_regressed",
        "the source went back in time (restored from a backup?); the adapter stops until a person resets the cursor",
        "来源时间倒退（是否由备份恢复？），适配器暂停，待人工重置读取位置",
    ),
    c(
        "source.time_missing",
        "rows without a modified time would never be read; fill it or use compare",
        "有行缺少修改时间，将永远读不到；请补齐或改用全量比对",
    ),
    c("source.row_missing", "the row to write an outcome to is gone", "回写目标行已不存在"),
    c("source.write_refused", "the source refused the write-back of this row", "来源拒绝该行回写"),
    c("source.no_write_back", "this source takes no write-back", "该来源不支持回写"),
    c(
        "source.encoding",
        "a row has bytes that are no text in the agreed encoding",
        "行内含有不属于约定编码的字节",
    ),
    c("source.row_too_long", "a row is longer than the limit", "行长度超过上限"),
    c(
        "source.file_too_large",
        "the file is larger than the limit; not read",
        "文件超过大小上限，未读取",
    ),
    c(
        "source.header_missing",
        "the first line is not the agreed header; the file is not read",
        "首行不是约定的表头，文件未读取",
    ),
    c(
        "source.header_wrong",
        "the header lacks columns or names one twice; the file is not read",
        "表头缺列或重复，文件未读取",
    ),
    c(
        "source.encoding_wrong",
        "the file is not in the agreed encoding; not read",
        "文件编码与约定不符，未读取",
    ),
    c(
        "source.file_damaged",
        "the file is damaged or not whole; not read, deliver it again",
        "文件已损坏或不完整，未读取，请重新传送",
    ),
    c(
        "source.file_encrypted",
        "the file opens only with a password; not read, remove the password",
        "文件设有打开密码，未读取，请去掉密码",
    ),
    c(
        "source.file_limit",
        "the file passes a limit, as an archive that unpacks to far more than it is does; not read",
        "文件超过限制（如压缩包展开后过大），未读取",
    ),
    c(
        "source.form_wrong",
        "the file is of another form than agreed; not read",
        "文件格式与约定不符，未读取",
    ),
    c(
        "source.sheet_missing",
        "the workbook lacks the agreed sheet; not read",
        "工作簿缺少约定的工作表，未读取",
    ),
    c("source.key_missing", "a row has no key", "行没有主键"),
    c(
        "source.row_vanished",
        "a row is gone from the source; held until the owning unit says whether it was voided",
        "来源系统中该行已消失，待来源单位说明",
    ),
    c(
        "source.sink_io",
        "a sink's file operation failed; its watermark stands, it is tried again",
        "接收端文件操作失败，水位未动，稍后重试",
    ),
    c(
        "source.sink_damaged",
        "a sink's file holds what was never written by it; the sink stops",
        "接收端文件内容异常，停止写入",
    ),
    c(
        "source.sink_database",
        "the database of a sink's tables cannot be reached; tried again",
        "输出库表的数据库不可用，稍后重试",
    ),
    c(
        "source.sink_schema",
        "a sink's tables are not what its records need; a person must look",
        "输出库表与记录不符，需人工处理",
    ),
    c(
        "source.sink_unreached",
        "the service that a sink hands records to is not reached or says later; its watermark stands, it is tried again",
        "输出所交付的服务无法访问或要求稍后，水位不变，稍后重试",
    ),
    c(
        "source.sink_refused",
        "the service that a sink hands records to refuses them as a whole; the sink stops until a person has looked",
        "输出所交付的服务整批拒绝，该输出停止，待人工处理后重新启动",
    ),
    c(
        "source.sink_set_aside",
        "the service that a sink hands records to refuses this one record; it is listed, the others went",
        "输出所交付的服务拒绝该条记录，已列出待处理，其余已交付",
    ),
    c(
        "source.sink_full",
        "a sink's place has refused as many records one by one as may be listed; the sink stops until they were looked at",
        "输出被逐条拒绝的记录已达上限，该输出停止，待人工处理后继续",
    ),
];

/// `node.*`, `bus.*`, `store.*`: this node's own troubles.
pub const NODE: &[Code] = &[
    c(
        "node.poison",
        "claimed several times without an outcome; set aside alone, the others go on",
        "该包多次处理无结果，已单独隔离，其余照常处理",
    ),
    c(
        "bus.unroutable",
        "the carrier has no queue for the next node; not sent, tried again later",
        "承载中没有对端队列，未发出，稍后重试",
    ),
    c(
        "bus.unconfirmed",
        "the carrier gave no confirm in time; counts as not sent, the same id is sent again",
        "承载未在时限内确认，视为未发出，按原编号重发",
    ),
    c(
        "bus.full",
        "the carrier's queue to the next node is full; not sent, tried again later",
        "对端队列已满，未发出，稍后重试",
    ),
    c(
        "bus.unreachable",
        "the next node cannot be reached; not sent, tried again later",
        "对端不可达，未发出，稍后重试",
    ),
    c(
        "bus.blocked",
        "the broker is short of memory or disk and takes nothing for now; tried again later",
        "消息代理内存或磁盘不足，暂停收件，稍后重试",
    ),
    c(
        "bus.login",
        "the broker refused user, password or virtual host; correct the [[broker]] or its users; not tried again soon",
        "消息代理拒绝登录（用户、口令或虚拟主机），请核对 [[broker]] 配置与代理上的用户；稍后才会再试",
    ),
    c(
        "bus.certificate",
        "a certificate was not believed, by the broker or by us: expired, of another authority or name; replace it; not tried again soon",
        "证书未被信任（过期、颁发机构或名称不符），请更换证书；稍后才会再试",
    ),
    c(
        "bus.topology",
        "the broker lacks an exchange or queue of this node; run `tiergate bus declare`",
        "消息代理上缺少本节点的交换器或队列，请运行 tiergate bus declare",
    ),
    c(
        "bus.dead_lettered",
        "the broker gave up delivering this parcel; it was set aside and its sender asked to send it again",
        "消息代理多次投递未果，该包已隔离，并请发送方重发",
    ),
    c(
        "bus.unreadable",
        "a message on the broker says nothing of its parcel that could be attributed; dropped, its sender has no receipt and sends again",
        "消息缺少可辨认的报文信息，已丢弃；发送方收不到回执会重发",
    ),
];

/// `config.*`: a configuration is refused.
pub const CONFIG: &[Code] = &[
    c(
        "config.syntax",
        "a configuration file is not TOML; mend the line named",
        "配置文件不是合法的 TOML，请改正所指行",
    ),
    c(
        "config.version",
        "a configuration file is of a version that this build does not read",
        "配置文件版本与本程序不符",
    ),
    c(
        "config.unknown_key",
        "a configuration has a key that nobody reads; the nearest known one is named",
        "配置中有不认识的键",
    ),
    c("config.missing_key", "a configuration lacks a key that must be given", "配置缺少必填的键"),
    c(
        "config.bad_value",
        "a configuration value is not of its kind; the message says how it is written",
        "配置值的写法不对",
    ),
    c(
        "config.out_of_range",
        "a limit lies outside its range; the message names the range",
        "限值超出允许范围",
    ),
    c(
        "config.duplicate",
        "a name, code, store or parent is given twice",
        "名称、代码、存储或上级重复",
    ),
    c(
        "config.unknown_identity",
        "a section names an identity that the file does not have",
        "所指的身份在本文件中不存在",
    ),
    c(
        "config.secret_literal",
        "a secret stands in the configuration; write file: or env:",
        "配置中不得写入密钥本身，请写 file: 或 env: 引用",
    ),
    c(
        "config.secret_open",
        "a key file may be read by others; restrict it to its owner",
        "密钥文件他人可读，请收紧权限",
    ),
    c(
        "config.file_missing",
        "a file, folder or variable that a configuration names is not there",
        "配置所指的文件、目录或环境变量不存在",
    ),
    c(
        "config.not_yet",
        "the configuration asks for something that this build does not do",
        "本版本尚不支持所配置的功能",
    ),
    c(
        "config.no_way",
        "no link leads to a destination, or back from a peer",
        "到不了目的节点，或对端没有回程链路",
    ),
    c(
        "config.link_outside",
        "a local link leads to a node outside the process; give its file too",
        "local 链路通向本进程之外的节点，请一并给出其配置",
    ),
    c(
        "config.environment",
        "an environment variable names no place in the configuration",
        "环境变量在配置中没有对应位置",
    ),
    c(
        "config.environment_mixed",
        "a link joins nodes of different environments",
        "链路两端环境不同",
    ),
    c(
        "config.certificate",
        "a certificate does not fit its identity, key or trust anchors",
        "证书与身份、密钥或信任锚不符",
    ),
];
