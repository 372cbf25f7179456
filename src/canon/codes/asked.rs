//! `source.*`: what goes wrong with sources that are asked: web services, programs.

use super::{Code, c};

/// Sources that are asked.
pub const ASKED: &[Code] = &[
    c(
        "source.answer",
        "the web service has trouble of its own or its answer is not as agreed; nothing was counted, it is asked again later",
        "网络服务出错或应答与约定不符，未计入任何数据，稍后再次请求",
    ),
    c(
        "source.answer_refused",
        "the web service does not do what it is asked; compare the adapter and the node's `url` with it",
        "网络服务拒绝该请求；请核对适配包的请求与节点配置的 url",
    ),
    c(
        "source.untrusted",
        "the web service and we do not believe each other's certificates; see `ca`, `certificate` and `key`",
        "与网络服务之间的证书校验不通过；请核对 ca、certificate、key",
    ),
    c(
        "source.answer_slow",
        "the web service did not answer in time; it is asked again later",
        "网络服务未在限定时间内应答，稍后再次请求",
    ),
    c(
        "source.limit",
        "an answer, a pass or a line is larger than its limit; ask for smaller pages or raise the limit that is named",
        "应答、一轮分页或一行超过限制；请减小每页条数或提高所指的限制",
    ),
    c(
        "source.page_repeated",
        "the pages come round again and would never end; mend the paging in the adapter's package",
        "分页内容重复，永远读不完；请改正适配包中的分页设置",
    ),
    c(
        "source.pages_short",
        "the pages held fewer rows than the service says there are; the pass does not count and begins anew",
        "各页合计少于网络服务所报的总数，本轮不作数，重新读取",
    ),
    c(
        "source.program_failed",
        "the program that reads the source ended with a failure; what it gave until then is kept, it is started again later",
        "采集程序异常退出，已给出的数据保留，稍后重新启动",
    ),
    c(
        "source.program_slow",
        "the program that reads the source was silent for too long or ran too long; it was ended and is started again later",
        "采集程序沉默或运行过久，已被终止，稍后重新启动",
    ),
    c(
        "source.not_singer",
        "a line of the program is no message of the Singer protocol; see what it prints",
        "采集程序的输出行不是 Singer 消息；请查看其输出",
    ),
];
