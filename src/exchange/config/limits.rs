//! Every limit of a node: name, unit, default, range. The table in `config/README.md` is generated
//! from here, and a test holds the two together.

use std::fmt::Write as _;

use super::problem::Problems;
use super::tree::{Node, Spot, Tab, Value, unknown_key, wrong_kind};
use super::units::{DAY, GIB, HOUR, KIB, Limit, MIB, MINUTE, SECOND, Unit};

macro_rules! limits {
    ($($name:ident: $kind:ident $unit:ident = $default:expr, $min:expr, $max:expr; $en:literal $zh:literal)+) => {
        /// The limits of a node, validated. Durations are milliseconds.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Limits {
            $(#[doc = $en] pub $name: $kind,)+
        }

        /// Every limit, in the order of the documentation.
        pub const LIMITS: &[Limit] = &[$(Limit {
            name: stringify!($name), unit: Unit::$unit, default: $default, min: $min, max: $max,
            en: $en, zh: $zh,
        }),+];

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: <$kind>::try_from($default).expect("defaults fit their type")),+ }
            }
        }

        impl Limits {
            /// Sets one by name, for a value that its range allows; `false` if there is none such.
            fn set(&mut self, name: &str, value: u64) -> bool {
                match name {
                    $(stringify!($name) => match <$kind>::try_from(value) {
                        Ok(v) => { self.$name = v; true }
                        Err(_) => false,
                    },)+
                    _ => false,
                }
            }

            /// The value of one by name.
            #[cfg(test)]
            fn get(&self, name: &str) -> Option<u64> {
                match name {
                    $(stringify!($name) => u64::try_from(self.$name).ok(),)+
                    _ => None,
                }
            }
        }
    };
}

limits! {
    envelope_records_max: u32 Count = 500, 1, 10_000;
        "most records in one envelope" "一个报文最多记录数"
    envelope_bytes_max: u64 Bytes = 4 * MIB, 2 * MIB, 64 * MIB;
        "most body bytes in one envelope" "一个报文体最多字节数"
    package_bytes_max: usize Bytes = 64 * MIB, 4 * MIB, 64 * MIB;
        "largest package that a parcel may open to" "报文解压后最大字节数，超过则不打开"
    seal_delay: i64 Duration = 200, 0, HOUR;
        "how long a staged record waits for company before it is sealed, while its route is busy" "通道繁忙时未满批次最多等待多久即封装"
    compression_level: i32 Count = 1, 1, 19;
        "zstd level of a sealed frame" "封装压缩级别（zstd）"
    page_rows_max: u32 Count = 2_000, 1, 100_000;
        "rows read from a source in one turn" "一次从来源读取的行数"
    source_statement_timeout: i64 Duration = MINUTE, SECOND, HOUR;
        "longest statement at a source's database" "来源数据库单条语句最长时间"
    source_lock_wait: i64 Duration = 5 * SECOND, 50, 5 * MINUTE;
        "longest wait for a lock that another program holds at a source" "等待来源数据库中他方锁的最长时间"
    http_connect_timeout: i64 Duration = 10 * SECOND, 100, 5 * MINUTE;
        "longest wait for a connection to a web service, TLS and all" "连接网络服务（含 TLS）的最长时间"
    http_silence: i64 Duration = 30 * SECOND, 100, HOUR;
        "how long a web service may be silent within an answer" "网络服务在应答中可沉默多久"
    http_timeout: i64 Duration = MINUTE, 100, HOUR;
        "longest time for one answer of a web service" "网络服务一次应答的最长时间"
    http_answer_bytes_max: u64 Bytes = 16 * MIB, 64 * KIB, GIB;
        "largest answer of a web service; it is held in memory" "网络服务一次应答的最大字节数（在内存中）"
    webhook_records_max: usize Count = 100, 1, 10_000;
        "records of one request of a webhook" "webhook 一次请求的记录数"
    webhook_bytes_max: usize Bytes = 4 * MIB, 64 * KIB, 64 * MIB;
        "bytes of records in one request of a webhook; a larger record goes alone" "webhook 一次请求的记录字节数，更大的记录单独推送"
    syslog_timeout: i64 Duration = 30 * SECOND, 100, 10 * MINUTE;
        "longest time for one batch of the audit chain at its collector, from connecting to its end" "向审计日志采集端发送一批的最长时间（从连接到结束）"
    sink_refused_max: usize Count = 10_000, 1, 1_000_000;
        "records that a sink's place refused one by one and that stand listed, above which the sink stops" "输出被逐条拒绝而列出的记录上限，达到后该输出停止"
    program_run_max: i64 Duration = HOUR, SECOND, 7 * DAY;
        "longest run of a program that reads a source" "采集程序一次运行的最长时间"
    program_silence_max: i64 Duration = 5 * MINUTE, SECOND, DAY;
        "longest silence of such a program within a run" "采集程序运行中最长无输出时间"
    collect_interval: i64 Duration = MINUTE, 100, DAY;
        "pause between two reads of a source whose adapter says nothing" "未另行规定时两次采集的间隔"
    backfill_ahead: u64 Count = 20_000, 500, 10_000_000;
        "history records staged and not sealed above which a back-fill waits" "补报的历史记录待封装超过此数时暂缓采集"
    push_body_bytes_max: usize Bytes = 8 * MIB, 1024, 64 * MIB;
        "largest document that a department posts" "一次推送的最大字节数"
    push_memory_max: usize Bytes = 256 * MIB, MIB, 16 * GIB;
        "bytes of posted documents that are being received at the same time" "同时接收中的推送内容总字节数"
    push_rows_max: u64 Count = 2_000, 1, 100_000;
        "records of one posted document" "一次推送的最多记录数"
    push_waiting_max: u32 Count = 1_000, 1, 100_000;
        "posted documents of an adapter that wait to be collected; more are refused" "每个适配器待采集的推送数上限，超过即拒收"
    push_at_once_max: usize Count = 256, 1, 10_000;
        "documents of an adapter that are received or waited for at the same time" "每个适配器同时接收、等待答复的推送数"
    push_per_second: u32 Count = 200, 0, 100_000;
        "documents a second posted to an adapter; 0 is no limit" "每个适配器每秒推送次数，0 为不限"
    push_wait: i64 Duration = 20 * SECOND, 10, 10 * MINUTE;
        "how long a posted document waits for its commit before the answer says not yet" "推送等待入库的最长时间，超过则答复尚未处理"
    push_answers_keep: i64 Duration = 7 * DAY, MINUTE, 365 * DAY;
        "how long answers to posted documents are kept, and their keys known" "推送答复及幂等键的保存时间"
    push_signature_skew: i64 Duration = 5 * MINUTE, SECOND, HOUR;
        "how far the time of a signature may be from this clock" "签名时间与本机时间的最大差"
    push_connections_max: usize Count = 1_024, 1, 100_000;
        "connections to the listener at the same time; more wait" "监听端口同时连接数，超过者等待"
    push_head_time: i64 Duration = 10 * SECOND, 100, 5 * MINUTE;
        "how long a TLS handshake and the head of a request may take" "TLS 握手和请求头的最长时间"
    push_body_time: i64 Duration = 30 * SECOND, 100, 10 * MINUTE;
        "how long the body of a request may take" "请求正文的最长传输时间"
    in_flight_max: u32 Count = 32, 1, 10_000;
        "parcels published in one turn of a link and lane" "每条链路每个通道一轮发出的报文数"
    in_flight_bytes_max: u64 Bytes = 4 * MIB, MIB, GIB;
        "bytes published in one turn of a link and lane" "每条链路每个通道一轮发出的字节数"
    inbox_parcels_max: i64 Count = 256, 1, 1_000_000;
        "parcels in the inbox above which no records are taken off the carrier; above twice as many, no control parcels either" "收件箱达到此报文数时暂停接收业务报文，达到两倍时控制报文也暂停"
    sender_records_per_second: u32 RecordsPerSecond = 0, 0, 10_000_000;
        "records a second taken from one sender; 0 is no limit" "每个报送方每秒接收的记录数，0 为不限"
    sender_bytes_per_second: u32 BytesPerSecond = 0, 0, 2 * GIB;
        "bytes of parcels a second taken from one sender; 0 is no limit" "每个报送方每秒接收的报文字节数，0 为不限"
    sender_records_per_day: u64 Count = 0, 0, 1_000_000_000_000;
        "records a day taken from one sender; 0 is no limit" "每个报送方每天接收的记录数，0 为不限"
    sender_bytes_per_day: u64 Bytes = 0, 0, 1 << 50;
        "bytes of parcels a day taken from one sender; 0 is no limit" "每个报送方每天接收的报文字节数，0 为不限"
    sender_inbox_share: u32 Count = 50, 1, 100;
        "percent of the inbox that one sender may fill while others are about" "有其他报送方时单个报送方最多占收件箱的百分比"
    sender_about: i64 Duration = 10 * MINUTE, SECOND, DAY;
        "how long after its last parcel a sender counts as about" "报送方最后一次来包后多久仍视为活跃"
    defer_wait: i64 Duration = 5 * SECOND, 100, HOUR;
        "how long a sender above its share is asked to wait" "超出份额的报送方被要求等待的时间"
    defer_max: i64 Duration = DAY, MINUTE, 30 * DAY;
        "how long a receiver may make this node wait" "接收方最多可要求本节点等待多久"
    claim_max: u32 Count = 16, 1, 10_000;
        "parcels that a worker claims in one turn" "一次从收件箱领取的报文数"
    poison_tries: u32 Count = 3, 1, 100;
        "claims without an outcome after which a parcel is poison" "领取后无结果的次数上限，之后隔离"
    attempts_max: u32 Count = 1_000, 1, 1_000_000;
        "attempts made while the peer was reachable, after which an envelope is dead" "对方可达时最多尝试次数，之后列为失败"
    refusals_to_pause: u32 Count = 3, 1, 100;
        "refusals in a row that pause a link" "连续多少次被拒收后暂停链路"
    refusals_per_minute: u32 Count = 60, 1, 10_000;
        "refusals sent along one link in a minute" "每分钟沿一条链路发出的拒收通知"
    retry_min: i64 Duration = 500, 10, HOUR;
        "first wait of the retry schedule; doubles each time" "首次失败后的等待，逐次加倍"
    retry_max: i64 Duration = MINUTE, SECOND, DAY;
        "longest wait of the retry schedule" "两次尝试之间的最长等待"
    receipt_overdue: i64 Duration = 30 * SECOND, SECOND, 60 * DAY;
        "a receipt is overdue after this (over `local` links)" "回执超期时间（local 链路）"
    amqp_receipt_overdue: i64 Duration = 15 * MINUTE, SECOND, 60 * DAY;
        "a receipt is overdue after this (over `amqp` links)" "回执超期时间（amqp 链路）"
    inquiry_interval: i64 Duration = 30 * SECOND, SECOND, 60 * DAY;
        "from one inquiry to the next" "两次查询之间的间隔"
    gap_grace: i64 Duration = 2 * MINUTE, SECOND, 7 * DAY;
        "how long a gap in a sender's sequences is tolerated" "序号缺口多久后追问"
    clock_skew: i64 Duration = 10 * MINUTE, SECOND, DAY;
        "how far ahead of this clock a head may be sealed" "报文头时间最多可超前本机多少"
    parent_wait: i64 Duration = 7 * DAY, MINUTE, 90 * DAY;
        "how long a record waits for a parent elsewhere" "等待他方上级环节记录的最长时间"
    close_grace: i64 Duration = 30 * MINUTE, 0, 12 * HOUR;
        "how long a window stays open after its day's end" "自然日结束后多久关闭窗口"
    outlet_envelopes_max: u64 Count = 256, 1, 1_000_000;
        "envelopes that wait for a platform's answers, above which an outlet takes no more" "等待平台答复的报文上限，达到后报送出口暂停接收"
    outlet_batch_max: u32 Count = 100, 1, 10_000;
        "records an outlet speaks to its platform about in one turn" "报送出口一轮与平台交换的记录数"
    outlet_attempts_max: u32 Count = 20, 1, 100_000;
        "times a record is handed to a platform that says it failed, before it is rejected" "平台答复处理失败时最多重报次数，之后按拒收处理"
    relay_keep: i64 Duration = 7 * DAY, HOUR, 3650 * DAY;
        "how long a relay keeps bytes whose destination has not answered" "未见回执时中转报文保留时间"
    control_keep: i64 Duration = 7 * DAY, HOUR, 3650 * DAY;
        "how long settled control parcels are kept" "已完成控制报文保留时间"
    archive_keep: i64 Duration = 90 * DAY, 7 * DAY, 36_500 * DAY;
        "how long bytes of records stay in the store after they were archived" "归档后报文在库内保留时间"
    archive_file_bytes: u64 Bytes = 64 * MIB, MIB, 512 * MIB;
        "bytes of envelopes after which an archive file is closed" "单个归档文件的报文字节数"
    restore_page_records: u32 Count = 2_000, 100, 10_000;
        "records in one page of what a restored sender is told" "恢复后的发送方每页被告知的记录数"
    give_again_records_max: u64 Count = 5_000, 100, 1_000_000;
        "staged records for a restored destination above which no more is given again" "向恢复后的目的节点补送时，待封装记录达到此数即暂缓"
    heal_records_max: usize Count = 100, 0, 5_000;
        "records of a day that a receiver lacks and that go again by themselves; more need an order (`reconcile --heal`)" "接收方一日缺失的记录不超过此数时自动补传，超过须人工下令（reconcile --heal）"
    leaves_keep: i64 Duration = 35 * DAY, DAY, 400 * DAY;
        "how long a day's books are kept below their sums, so that a difference can be narrowed down to records" "对账明细依据的保存时间，期内可逐条查明差异"
    lease_ttl: i64 Duration = 30 * SECOND, SECOND, HOUR;
        "how long a lease lasts without renewal" "工作者租约有效期"
    return_days: i64 Count = 3, 1, 90;
        "days the owning unit gets for a returned row" "退回来源单位后的更正期限（天）"
    control_records_per_second: u32 RecordsPerSecond = 0, 0, 10_000_000;
        "rate of the control lane on each link; 0 is no limit" "每条链路控制通道速率，0 为不限"
    control_bytes_per_second: u32 BytesPerSecond = 0, 0, 2 * GIB;
        "rate of the control lane on each link; 0 is no limit" "每条链路控制通道速率，0 为不限"
    live_records_per_second: u32 RecordsPerSecond = 0, 0, 10_000_000;
        "rate of the live lane on each link; 0 is no limit" "每条链路实时通道速率，0 为不限"
    live_bytes_per_second: u32 BytesPerSecond = 0, 0, 2 * GIB;
        "rate of the live lane on each link; 0 is no limit" "每条链路实时通道速率，0 为不限"
    bulk_records_per_second: u32 RecordsPerSecond = 20_000, 0, 10_000_000;
        "rate of the bulk lane on each link; 0 is no limit" "每条链路批量通道速率，0 为不限"
    bulk_bytes_per_second: u32 BytesPerSecond = 32 * MIB, 0, 2 * GIB;
        "rate of the bulk lane on each link; 0 is no limit" "每条链路批量通道速率，0 为不限"
    store_connections: u32 Count = 8, 2, 64;
        "connections of this process to a PostgreSQL store" "本进程到 PostgreSQL 存储的连接数"
    broker_in_flight: u32 Count = 256, 100, 1_000;
        "parcels handed to a broker before the first is confirmed" "未确认的在途报文数（对每个消息代理）"
    broker_prefetch: u32 Count = 64, 1, 1_000;
        "parcels of a lane a broker hands over before the first is committed" "每个通道未提交的预取报文数"
    broker_connect_timeout: i64 Duration = 5 * SECOND, 100, MINUTE;
        "longest wait for each step of reaching a broker" "连接消息代理每一步的最长等待"
    broker_confirm_timeout: i64 Duration = 10 * SECOND, 100, 5 * MINUTE;
        "longest wait for a broker's confirm; then the connection is given up" "等待确认的最长时间，超过则断开重连"
    broker_heartbeat: i64 Duration = 20 * SECOND, SECOND, 10 * MINUTE;
        "a broker that is silent for so long is gone" "消息代理静默多久视为断开"
    broker_retry_max: i64 Duration = 5 * SECOND, 100, MINUTE;
        "longest wait between two tries to reach a broker" "重连消息代理的最长间隔"
    broker_login_retry: i64 Duration = 30 * SECOND, SECOND, HOUR;
        "wait after a broker refused the login or the certificate" "登录或证书被拒后的重试间隔"
    broker_watch: i64 Duration = 15 * SECOND, 100, HOUR;
        "how often changed certificates and replaced queues are looked for" "检查证书更换与队列更替的间隔"
    broker_queue_parcels: u64 Count = 100_000, 1, 10_000_000;
        "parcels a queue of the broker holds; more is refused" "每个队列最多报文数，超过即拒收"
    broker_queue_bytes: u64 Bytes = GIB, MIB, 1_024 * GIB;
        "bytes a queue of the broker holds; more is refused" "每个队列最多字节数，超过即拒收"
}

impl Limits {
    /// Rate of a lane on each link: records and bytes a second, 0 is no limit.
    pub const fn rate(&self, lane: canon::Lane) -> (u32, u32) {
        match lane {
            canon::Lane::Control => {
                (self.control_records_per_second, self.control_bytes_per_second)
            }
            canon::Lane::Live => (self.live_records_per_second, self.live_bytes_per_second),
            canon::Lane::Bulk => (self.bulk_records_per_second, self.bulk_bytes_per_second),
        }
    }

    /// Reads `[limits]`.
    pub(crate) fn read(tab: &Tab<'_>, problems: &mut Problems) -> Self {
        let mut limits = Self::default();
        let names: Vec<&'static str> = LIMITS.iter().map(|l| l.name).collect();
        for (key, node) in tab.entries() {
            let path = tab.key(&key.text);
            match LIMITS.iter().find(|l| l.name == key.text) {
                Some(limit) => {
                    if let Some(value) = amount(limit, &path, node, problems) {
                        let known = limits.set(limit.name, value);
                        debug_assert!(known, "every documented limit has a field of its size");
                    }
                }
                None => unknown(key, path, &names, problems),
            }
        }
        limits.together(tab, problems);
        limits
    }

    /// What one limit says about another.
    fn together(&self, tab: &Tab<'_>, problems: &mut Problems) {
        if self.retry_min > self.retry_max {
            problems.push(
                "config.out_of_range",
                &tab.spot("retry_min"),
                tab.key("retry_min"),
                "is longer than `retry_max`; make it shorter or the other longer",
                "大于 retry_max；请改小，或增大 retry_max",
            );
        }
        if self.envelope_bytes_max > self.package_bytes_max as u64 / 2 {
            problems.push(
                "config.out_of_range",
                &tab.spot("envelope_bytes_max"),
                tab.key("envelope_bytes_max"),
                "must be at most half of `package_bytes_max`, or receivers would not open what is sealed",
                "不得超过 package_bytes_max 的一半，否则接收方不会打开",
            );
        }
    }
}

fn unknown(key: &Spot, path: String, names: &[&'static str], problems: &mut Problems) {
    // Forty names in one message help nobody: the hint, or the table, does.
    unknown_key(&key.at, path, &key.text, names, problems);
    problems.shorten(
        "there is no such limit; they are listed in config/README.md",
        "没有这个限值；全部限值见 config/README.md",
    );
}

fn amount(limit: &Limit, path: &str, node: &Node, problems: &mut Problems) -> Option<u64> {
    let example = limit.unit.example();
    let value = match &node.value {
        Value::Int(n) if limit.unit.parse("1").is_some() => u64::try_from(*n).ok(),
        Value::Text(text) | Value::Loose(text) => limit.unit.parse(text),
        Value::Int(_) => None,
        other => {
            let want = (format!("written like {example}"), format!("写作 {example}"));
            wrong_kind(problems, &node.at, path, (&want.0, &want.1), other);
            return None;
        }
    };
    let Some(value) = value else {
        problems.push(
            "config.bad_value",
            &node.at,
            path,
            format!("is not written like {example}"),
            format!("应写作 {example}"),
        );
        return None;
    };
    if value < limit.min || value > limit.max {
        let (min, max) = (limit.unit.show(limit.min), limit.unit.show(limit.max));
        problems.push(
            "config.out_of_range",
            &node.at,
            path,
            format!("must lie between {min} and {max}"),
            format!("应在 {min} 与 {max} 之间"),
        );
        return None;
    }
    Some(value)
}

/// The table of `config/README.md`.
pub fn table() -> String {
    let mut out = String::from(
        "| `[limits]` key | unit | default | from | to | what it limits | 含义 |\n|---|---|---|---|---|---|---|\n",
    );
    for l in LIMITS {
        let show = |n| l.unit.show(n);
        let (default, min, max) = (show(l.default), show(l.min), show(l.max));
        let (name, unit, en, zh) = (l.name, l.unit.name(), l.en, l.zh);
        writeln!(out, "| `{name}` | {unit} | {default} | {min} | {max} | {en} | {zh} |")
            .expect("a String takes all text");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_has_its_default_in_its_range_and_a_field() {
        let mut limits = Limits::default();
        for l in LIMITS {
            assert!(l.min <= l.default && l.default <= l.max, "{}", l.name);
            assert_eq!(limits.get(l.name), Some(l.default), "{}", l.name);
            assert!(limits.set(l.name, l.max) && limits.set(l.name, l.min), "{}", l.name);
            assert_eq!(limits.get(l.name), Some(l.min), "{}", l.name);
        }
        assert!(!limits.set("no_such", 1));
    }

    #[test]
    fn the_table_in_the_manual_is_this_one() {
        let manual = include_str!("../../../config/README.md");
        let begin = "<!-- limits: generated from src/exchange/config/limits.rs -->\n";
        let (_, rest) = manual.split_once(begin).expect("the manual has the generated part");
        let (found, _) = rest.split_once("<!-- end of limits -->").expect("and its end");
        assert_eq!(found, table(), "copy this table into config/README.md");
    }
}
