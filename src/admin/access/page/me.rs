//! My account: the password, the second factor, the certificate, the sessions.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Extension, Router};
use maud::{Markup, html};
use serde::Deserialize;

use super::super::account::{Account, First};
use super::super::admit::note;
use super::super::secret::hex;
use super::super::session::{self, Session};
use super::super::{ClientCertificate, Told, Who, own, second};
use super::link::differ;
use super::{answered, field, rules, told};
use crate::error::PageError;
use crate::hall::Hall;
use crate::shell;
use crate::tongue::{age, moment};
use crate::web::{Page, Refusal, html as answer, see_other};

/// The page and what it does.
pub(super) fn routes() -> Router<Arc<Hall>> {
    Router::new()
        .route("/me", get(show))
        .route("/me/password", post(password))
        .route("/me/second", get(factor).post(enrol))
        .route("/me/certificate", post(bind))
        .route("/me/sessions/end", post(end))
}

/// What of a digest is shown: enough to tell sessions apart.
fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

async fn show(
    State(hall): State<Arc<Hall>>,
    certificate: Option<Extension<ClientCertificate>>,
    who: Who,
) -> Page {
    let body = async {
        let (_, account) = own::here(&hall, &who).await?;
        let mut sessions = session::all(&hall).await?;
        sessions.retain(|(_, s)| *s.account == *who.account && s.lasts(&account, hall.now()));
        Ok(html! {
            (first(&hall, &who, &account))
            (facts(&hall, &who, &account))
            h2 { (who.of("Password", "口令")) }
            (password_form(&hall, &who))
            h2 { (who.of("Second factor", "第二因素")) }
            (factors(&who, &account, certificate.as_ref().map(|c| c.0.0)))
            h2 { (who.of("Sessions", "会话")) }
            (sessions_list(&hall, &who, &sessions))
        })
    };
    let body = body.await.map_err(|e: PageError| Refusal::to(&who, e))?;
    Ok(answer(shell::page(&hall, &who, "/me", who.of("My account", "我的账号"), body)))
}

/// What has to be done before anything else, or soon.
fn first(hall: &Hall, who: &Who, account: &Account) -> Markup {
    let now = hall.now();
    html! {
        @match account.first(now) {
            Some(First::Password) => p.notice.bad role="alert" {
                (who.of("The password is older than 90 days: choose another one, then everything else is open again.", "口令已满 90 天，请先修改口令，修改后方可使用其他功能。"))
            },
            Some(First::Second) => p.notice.bad role="alert" {
                (who.of("Your role changes things, so it needs a second factor: ", "您的角色具有操作权限，须先绑定第二因素：")) a href="/me/second" { (who.of("enrol one now", "立即绑定")) }
            },
            None => @if account.warned(now) {
                @if let Some(until) = account.password_until() {
                    p.notice.bad role="alert" { (who.of("The password ends on ", "口令将于以下时间到期，请尽快修改：")) (moment(until, now)) " · " a href="/" { (who.of("go on", "继续")) } }
                }
            },
        }
    }
}

fn facts(hall: &Hall, who: &Who, account: &Account) -> Markup {
    let now = hall.now();
    let all = who.of("all of this node", "本节点全部");
    let list = |of: &[String]| if of.is_empty() { all.to_owned() } else { of.join(", ") };
    html! {
        dl.facts {
            dt { (who.of("Account", "账号")) } dd { (who.account) }
            dt { (who.of("Roles", "角色")) } dd { @for role in &account.roles { (who.of(role.name().0, role.name().1)) " " } }
            dt { (who.of("Regions", "区划")) } dd { (list(&account.scope.regions)) }
            dt { (who.of("Units", "单位")) } dd { (list(&account.scope.units)) }
            @if let Some(last) = account.last { dt { (who.of("Last login", "最近登录")) } dd { (moment(last, now)) } }
            @if let Some(until) = account.password_until() { dt { (who.of("Password good until", "口令有效期至")) } dd { (moment(until, now)) } }
        }
    }
}

fn password_form(hall: &Hall, who: &Who) -> Markup {
    html! {
        form.stack method="post" action="/me/password" {
            input type="hidden" name="csrf" value=(who.csrf);
            (field(who.of("Password now", "当前口令"), "password", "old", "current-password"))
            (field(who.of("New password", "新口令"), "password", "new", "new-password"))
            (field(who.of("The same again", "再次输入新口令"), "password", "again", "new-password"))
            (rules(who.tongue, hall.access.terms.password_chars_min))
            button type="submit" { (who.of("Change the password", "修改口令")) }
        }
    }
}

fn factors(who: &Who, account: &Account, certificate: Option<[u8; 32]>) -> Markup {
    html! {
        @match &account.second {
            Some(factor) => p { span.mark aria-hidden="true" { "✓ " } (who.of("Codes by telephone, since ", "手机验证码，绑定于 ")) (factor.since) " · " (who.of("recovery codes left: ", "剩余恢复码：")) (factor.left()) },
            None => p { (who.of("No codes by telephone.", "未绑定手机验证码。")) },
        }
        p { a href="/me/second" { (if account.second.is_some() { who.of("Enrol another telephone in its place", "更换手机") } else { who.of("Enrol a telephone", "绑定手机验证码") }) } }
        @match (&account.certificate, certificate) {
            (Some(bound), _) => p { span.mark aria-hidden="true" { "✓ " } (who.of("Client certificate: ", "客户端证书：")) code { (short(bound)) "…" } },
            (None, Some(shown)) => {
                p { (who.of("This connection shows the client certificate ", "当前连接出示的客户端证书：")) code { (short(&hex(&shown))) "…" } }
                form.deed method="post" action="/me/certificate" {
                    input type="hidden" name="csrf" value=(who.csrf);
                    (field(who.of("Password", "口令"), "password", "password", "current-password"))
                    button type="submit" { (who.of("Bind it as second factor", "绑定为第二因素")) }
                }
            },
            (None, None) => p.quiet { (who.of("No client certificate is bound, and this connection shows none.", "未绑定客户端证书，当前连接亦未出示证书。")) },
        }
    }
}

fn sessions_list(hall: &Hall, who: &Who, sessions: &[(String, Session)]) -> Markup {
    let now = hall.now();
    html! {
        div.wide { table {
            thead { tr {
                th { (who.of("Session", "会话")) } th { (who.of("Began", "开始")) } th { (who.of("Last used", "最近使用")) } th {}
            } }
            tbody { @for (digest, session) in sessions {
                tr {
                    th scope="row" { code { (short(digest)) } @if **digest == *who.key { " " (who.of("(this one)", "（当前）")) } }
                    td { (moment(session.began, now)) }
                    td { (age(now.since(session.seen), who.tongue)) (who.of(" ago", "前")) }
                    td {
                        form method="post" action="/me/sessions/end" {
                            input type="hidden" name="csrf" value=(who.csrf);
                            input type="hidden" name="session" value=(short(digest));
                            button type="submit" { (who.of("End it", "结束")) }
                        }
                    }
                }
            } }
        } }
    }
}

#[derive(Deserialize)]
struct Passwords {
    old: String,
    new: String,
    again: String,
}

async fn password(State(hall): State<Arc<Hall>>, Told { who, form }: Told<Passwords>) -> Page {
    let chosen = if form.new == form.again {
        own::choose_password(&hall, &who, (&form.old, &form.new)).await
    } else {
        Err(differ())
    };
    let secret = chosen.map_err(|e| Refusal::to(&who, e))?;
    Ok(session::carry(&hall, see_other("/me"), Some(&secret)))
}

async fn factor(State(hall): State<Arc<Hall>>, who: Who) -> Page {
    let seed = own::seed(&hall, &who).await.map_err(|e| Refusal::to(&who, e))?;
    Ok(answer(enrolment(&hall, &who, &seed, None)))
}

fn enrolment(hall: &Hall, who: &Who, seed: &second::Seed, error: Option<&PageError>) -> Markup {
    let body = html! {
        @if let Some(error) = error {
            (told(who.tongue, error))
        }
        ol {
            li { (who.of(
                "In the authenticator on your telephone (any that knows TOTP, RFC 6238) add an account by key:",
                "在手机的验证器应用（支持 TOTP / RFC 6238 即可）中以密钥方式添加账号：",
            ))
                p { code.secret id="secret" { (second::in_fours(&seed.letters())) } }
                p.quiet { (who.of("Or by this address: ", "或使用以下地址：")) code { (seed.address(hall, &who.account)) } }
            }
            li { (who.of("Enter your password and the code the telephone shows.", "输入口令与手机当前显示的验证码。")) }
        }
        form.stack method="post" action="/me/second" {
            input type="hidden" name="csrf" value=(who.csrf);
            (field(who.of("Password", "口令"), "password", "password", "current-password"))
            (field(who.of("Code", "验证码"), "text", "code", "one-time-code"))
            button.first type="submit" { (who.of("Enrol", "绑定")) }
        }
        p.quiet { (who.of("The key is not shown again once it is enrolled.", "绑定后不再显示密钥。")) }
    };
    shell::page(hall, who, "/me", who.of("Second factor", "绑定第二因素"), body)
}

#[derive(Deserialize)]
struct Enrolment {
    password: String,
    code: String,
}

async fn enrol(State(hall): State<Arc<Hall>>, Told { who, form }: Told<Enrolment>) -> Page {
    let enrolled = own::enrol(&hall, &who, (&form.password, &form.code)).await;
    let (secret, codes) = match enrolled {
        Ok(enrolled) => enrolled,
        Err(error) => {
            let seed = own::seed(&hall, &who).await.map_err(|e| Refusal::to(&who, e))?;
            return Ok(answered(enrolment(&hall, &who, &seed, Some(&error)), Some(&error)));
        }
    };
    let tongue = who.tongue;
    let page = shell::bare(
        tongue,
        who.of("Recovery codes", "恢复码"),
        html! {
            p.notice.good { span.mark aria-hidden="true" { "✓ " } (who.of("The second factor is enrolled.", "第二因素已绑定。")) }
            p { (who.of(
                "Keep these codes where the telephone is not. Each lets you in once in place of a code. They are not shown again.",
                "请将以下恢复码保存在手机之外的安全处。每个恢复码可代替验证码使用一次，此后不再显示。",
            )) }
            ul id="recovery" { @for code in &codes { li { code { (second::in_fours(code)) } } } }
            p { a href="/" { (who.of("Go on", "继续")) } }
        },
    );
    Ok(session::carry(&hall, answer(page), Some(&secret)))
}

#[derive(Deserialize)]
struct Confirmation {
    password: String,
}

async fn bind(
    State(hall): State<Arc<Hall>>,
    certificate: Option<Extension<ClientCertificate>>,
    Told { who, form }: Told<Confirmation>,
) -> Page {
    let certificate = certificate.map(|c| hex(&c.0.0));
    let bound = own::bind(&hall, &who, (&form.password, certificate)).await;
    bound.map_err(|e| Refusal::to(&who, e))?;
    Ok(see_other("/me"))
}

#[derive(Debug, Deserialize)]
struct Ending {
    session: String,
}

async fn end(State(hall): State<Arc<Hall>>, Told { who, form }: Told<Ending>) -> Page {
    let ended = async {
        let (_, _) = own::here(&hall, &who).await?;
        let _held = hall.access.changing.lock().await;
        for (digest, session) in session::all(&hall).await? {
            if *session.account == *who.account && short(&digest) == form.session {
                session::end(&hall, &digest).await?;
                note(&hall, &who.account, "session.end", &who.account, "own", true).await?;
            }
        }
        Ok(())
    };
    ended.await.map_err(|e: PageError| Refusal::to(&who, e))?;
    Ok(see_other("/me"))
}
