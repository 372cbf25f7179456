//! What `doctor` says of a web service without TLS.

use reqwest::Url;

use crate::seen::Seen;

/// Secrets and records go in the clear where there is no TLS, but on the machine itself.
pub(crate) fn encryption(url: &Url, secret: bool) -> Seen {
    let here = url.host_str().is_some_and(|host| {
        host == "localhost"
            || host
                .trim_matches(['[', ']'])
                .parse::<std::net::IpAddr>()
                .is_ok_and(|a| a.is_loopback())
    });
    match (url.scheme(), here) {
        ("https", _) => Seen::fine("encryption", "encrypted (https)", "已加密（https）"),
        (_, true) => Seen::fine(
            "encryption",
            "not encrypted, and does not leave this machine",
            "未加密，但不出本机",
        ),
        (_, false) if secret => Seen::wrong(
            "encryption",
            "not encrypted: tokens and records can be read on the way; ask for https",
            "未加密，令牌与数据可在途中被读取；请要求对方提供 https",
        ),
        (_, false) => Seen::wrong(
            "encryption",
            "not encrypted: records can be read on the way; ask for https",
            "未加密，数据可在途中被读取；请要求对方提供 https",
        ),
    }
}
