//! The codes of the administrator's pages.

use super::{Code, c};

/// `admin.*`: a page or the API did not do what was asked.
pub const ADMIN: &[Code] = &[
    c(
        "admin.unknown",
        "nobody is logged in, or the session is over; log in",
        "尚未登录或会话已过期，请登录",
    ),
    c(
        "admin.forbidden",
        "this account may not do that; ask the security administrator for the role",
        "当前账号无此权限，请联系安全管理员",
    ),
    c(
        "admin.out_of_scope",
        "that belongs to a region or unit outside this account's scope; ask the security administrator",
        "超出当前账号的区划或单位范围，请联系安全管理员",
    ),
    c(
        "admin.csrf",
        "the form was not made by this session, or is too old; open the page anew and send it again",
        "表单不是本会话所出或已过期，请重新打开页面后提交",
    ),
    c(
        "admin.login_wrong",
        "account, password or second factor is wrong; after five wrong tries the account is locked for 30 minutes",
        "账号、口令或第二因素有误；连续错误五次将锁定 30 分钟",
    ),
    c(
        "admin.locked",
        "too many wrong tries: locked for 30 minutes; the security administrator can unlock it sooner",
        "连续错误次数过多，已锁定 30 分钟；如需提前解锁请联系安全管理员",
    ),
    c(
        "admin.too_soon",
        "the last try was wrong a moment ago; wait a few seconds, then try again",
        "上次输入有误，请稍候数秒再试",
    ),
    c(
        "admin.password_over",
        "the password is older than 90 days; choose another one first",
        "口令已满 90 天，请先修改口令",
    ),
    c(
        "admin.second_needed",
        "this role needs a second factor; enrol one first",
        "该角色须使用双因素认证，请先绑定第二因素",
    ),
    c(
        "admin.link_over",
        "this one-time link was used already or is older than 24 hours; ask the security administrator for another",
        "一次性链接已使用或已超过 24 小时，请联系安全管理员重新生成",
    ),
    c(
        "admin.token",
        "the token is not known, was revoked, or is past its end; ask the security administrator for another",
        "令牌不存在、已吊销或已过期，请联系安全管理员重新签发",
    ),
    c(
        "admin.bad_request",
        "the request cannot be done as it is said; correct what is named",
        "请求内容有误，请按提示更正",
    ),
    c("admin.not_found", "there is no such page or thing", "没有该页面或对象"),
    c(
        "admin.store",
        "the store does not answer; look again in a minute",
        "存储暂不可用，请稍后重试",
    ),
    c(
        "admin.house",
        "the process could not tell; `tiergate doctor` tells more",
        "进程无法给出，详情见 tiergate doctor",
    ),
    c(
        "admin.busy",
        "too many do this at the same time; try again in a minute",
        "同时操作过多，请稍后重试",
    ),
];
