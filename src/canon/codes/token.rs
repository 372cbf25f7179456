//! `token.*`: a PKCS#11 token that holds a signing key.

use super::{Code, c};

/// A key's token.
pub const TOKEN: &[Code] = &[
    c(
        "token.module",
        "the token's library cannot be loaded, or is no PKCS#11 module; see `module` of the token and install its maker's driver",
        "无法加载密码设备的 PKCS#11 库；请核对 token 的 module 并安装厂商驱动",
    ),
    c(
        "token.absent",
        "no token of that label is plugged in; nothing is signed until it is back, records wait",
        "未找到该标签的密码设备；设备恢复前不签名，数据等待",
    ),
    c(
        "token.ambiguous",
        "several tokens or keys have the same label; give the one that is meant a label of its own",
        "多个设备或密钥使用同一标签；请为所用者设置唯一标签",
    ),
    c(
        "token.pin_refused",
        "the token refuses the PIN; it is not tried again before the next start, each try counts: correct the file that `pin` names, then start again",
        "设备拒绝该 PIN；每次尝试都计数，重启前不再尝试：请改正 pin 所指的文件后重新启动",
    ),
    c(
        "token.pin_locked",
        "the token is locked, or one more wrong PIN locks it, so none was tried; unlock it with its maker's tool, then start again",
        "设备已锁定，或再错一次即锁定，故未尝试；请用厂商工具解锁后重新启动",
    ),
    c(
        "token.key_absent",
        "the token holds no private key of that label that this login sees; see `key` of the token",
        "设备中没有该标签的私钥；请核对 token 的 key",
    ),
    c(
        "token.key_suite",
        "the token's key does not sign in that suite; name the suite of the key, and for sm2-sm3 a `signer` program",
        "设备中的密钥不能按该算法签名；请写明密钥所属算法，国密请改用 signer 程序",
    ),
    c(
        "token.failed",
        "the token did not sign; it is asked again at the next turn, nothing is sent unsigned",
        "设备未能签名；下一轮再试，未签名的数据不会发出",
    ),
];
