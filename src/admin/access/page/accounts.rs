//! 账号: everybody's accounts, for the security administrator.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::HOST;
use axum::routing::{get, post};
use canon::Millis;
use maud::{Markup, html};

use super::super::account::Account;
use super::super::admit::locked;
use super::super::manage::Change;
use super::super::role::{Power, Role, Scope};
use super::super::secret::unhex;
use super::super::{Told, Who, tokens};
use super::token;
use crate::error::PageError;
use crate::hall::Hall;
use crate::shell;
use crate::tongue::moment;
use crate::web::{Page, Refusal, html as answer, see_other};

/// The page and what it does.
pub(super) fn routes() -> Router<Arc<Hall>> {
    Router::new().route("/accounts", get(show)).route("/accounts/change", post(change))
}

/// A form whose fields depend on what is changed.
pub(super) type Fields = BTreeMap<String, String>;

/// A field, empty where there is none.
pub(super) fn of<'f>(fields: &'f Fields, name: &str) -> &'f str {
    fields.get(name).map_or("", |value| value.trim())
}

async fn show(State(hall): State<Arc<Hall>>, who: Who) -> Page {
    let shown = async {
        who.needs(Power::Accounts)?;
        let mut rows = Vec::new();
        for (name, account) in Account::all(&hall).await? {
            let locked = locked(&hall, &name).await?;
            rows.push((name, account, locked));
        }
        let tokens = tokens::all(&hall).await?;
        Ok(html! {
            (missing(&who, &rows))
            (list(&hall, &who, &rows))
            h2 { (who.of("New account", "新建账号")) }
            (new(&who))
            h2 { (who.of("Tokens of the API", "接口令牌")) }
            (token::list(&hall, &who, &tokens))
            (token::new(&who))
        })
    };
    let body = shown.await.map_err(|e: PageError| Refusal::to(&who, e))?;
    Ok(answer(shell::page(&hall, &who, "/accounts", who.of("Accounts", "账号"), body)))
}

type Row = (String, Account, Option<Millis>);

/// Which of the three administrators there is nobody for.
fn missing(who: &Who, rows: &[Row]) -> Markup {
    let three = [Role::System, Role::Security, Role::Audit];
    let has = |role: &Role| rows.iter().any(|(_, a, _)| !a.disabled && a.roles.contains(role));
    let missing: Vec<Role> = three.into_iter().filter(|role| !has(role)).collect();
    html! {
        @if !missing.is_empty() {
            p.notice.bad {
                span.mark aria-hidden="true" { "! " }
                (who.of("Nobody is: ", "尚未设立：")) @for role in missing { (who.of(role.name().0, role.name().1)) " " }
                (who.of("— make an account for each below.", "，请在下方新建账号。"))
            }
        }
    }
}

fn state(who: &Who, (_, account, locked): &Row, now: Millis) -> Markup {
    html! {
        @if account.disabled { "⊘ " (who.of("disabled", "已停用")) }
        @else if let Some(until) = locked { "! " (who.of("locked until ", "已锁定至 ")) (moment(*until, now)) }
        @else if account.password.is_none() { "… " (who.of("waits for its one-time link", "待使用一次性链接")) }
        @else { "✓ " (who.of("in use", "正常")) }
    }
}

fn list(hall: &Hall, who: &Who, rows: &[Row]) -> Markup {
    let now = hall.now();
    html! {
        div.wide { table {
            thead { tr {
                th { (who.of("Account", "账号")) } th { (who.of("Roles", "角色")) } th { (who.of("Sees", "范围")) }
                th { (who.of("State", "状态")) } th { (who.of("Second factor", "第二因素")) }
                th { (who.of("Last login", "最近登录")) } th { (who.of("What to do", "处理")) }
            } }
            tbody { @for row in rows {
                @let (name, account, _) = row;
                tr {
                    th scope="row" { (name) }
                    td { @for role in &account.roles { (who.of(role.name().0, role.name().1)) " " } }
                    td { (sees(who, &account.scope)) }
                    td { (state(who, row, now)) }
                    td {
                        @if account.second.is_some() { (who.of("codes", "验证码")) " " }
                        @if account.certificate.is_some() { (who.of("certificate", "证书")) }
                        @if !account.has_second() { (who.of("none", "无")) }
                    }
                    td { @if let Some(last) = account.last { (moment(last, now)) } }
                    td { @if **name == *who.account { span.quiet { (who.of("oneself", "本人")) } } @else { (deeds(who, row)) } }
                }
            } }
        } }
    }
}

/// Regions and units in words.
pub(super) fn sees(who: &Who, scope: &Scope) -> String {
    if scope.is_all() {
        return who.of("all", "全部").to_owned();
    }
    scope.regions.iter().chain(&scope.units).cloned().collect::<Vec<_>>().join(", ")
}

fn deeds(who: &Who, (name, account, locked): &Row) -> Markup {
    let deed = |what: &str, label: (&'static str, &'static str)| -> Markup {
        html! {
            details.act {
                summary { (who.of(label.0, label.1)) }
                (shell::deed(who, "/accounts/change", &[("name", name), ("what", what)], label))
            }
        }
    };
    html! {
        details.act {
            summary { (who.of("Roles and scope", "角色与范围")) }
            (form(who, ("alter", Some(name)), &account.roles, &account.scope))
        }
        (deed("reset", ("Forget the password, new link", "重置口令")))
        @if locked.is_some() { (deed("unlock", ("Unlock", "解锁"))) }
        @if account.disabled { (deed("enable", ("Enable", "启用"))) } @else { (deed("disable", ("Disable", "停用"))) }
        details.act {
            summary { (who.of("Client certificate", "客户端证书")) }
            form.deed method="post" action="/accounts/change" {
                input type="hidden" name="csrf" value=(who.csrf);
                input type="hidden" name="name" value=(name);
                input type="hidden" name="what" value="certificate";
                label { span { (who.of("SHA-256 of the certificate; empty is none", "证书 SHA-256（留空为解除绑定）")) }
                    input type="text" name="certificate" maxlength="95" value=(account.certificate.as_deref().unwrap_or("")); }
                (why(who))
                button type="submit" { (who.of("Save", "保存")) }
            }
        }
    }
}

/// The field that asks why.
pub(super) fn why(who: &Who) -> Markup {
    html! {
        label { span { (who.of("Why", "原因")) } input type="text" name="reason" required maxlength="500" autocomplete="off"; }
    }
}

fn new(who: &Who) -> Markup {
    form(who, ("add", None), &[], &Scope::default())
}

fn form(who: &Who, (what, name): (&str, Option<&str>), roles: &[Role], scope: &Scope) -> Markup {
    html! {
        form.stack method="post" action="/accounts/change" {
            input type="hidden" name="csrf" value=(who.csrf);
            input type="hidden" name="what" value=(what);
            @match name {
                Some(name) => input type="hidden" name="name" value=(name);,
                None => label { span { (who.of("Account: an operator code, not a person's name", "账号（操作员代码，勿用姓名）")) }
                    input type="text" name="name" required maxlength="32" autocomplete="off"; },
            }
            fieldset {
                legend { (who.of("Roles (of the first three at most one)", "角色（前三者三员分立，至多其一）")) }
                @for role in Role::ALL {
                    label.choice {
                        input type="checkbox" name={ "role." (role.word()) } checked[roles.contains(&role)];
                        " " (who.of(role.name().0, role.name().1))
                    }
                }
            }
            (scope_fields(who, scope))
            (why(who))
            button type="submit" { (if name.is_some() { who.of("Save", "保存") } else { who.of("Make it, show its one-time link", "新建并生成一次性链接") }) }
        }
    }
}

/// Fields for what somebody sees.
pub(super) fn scope_fields(who: &Who, scope: &Scope) -> Markup {
    html! {
        label { span { (who.of("Regions: codes, with spaces between; empty is all", "区划代码（空格分隔，留空为全部）")) }
            input type="text" name="regions" maxlength="3000" value=(scope.regions.join(" ")); }
        label { span { (who.of("Units: names, with spaces between; empty is all", "单位（空格分隔，留空为全部）")) }
            input type="text" name="units" maxlength="6000" value=(scope.units.join(" ")); }
    }
}

/// What these fields say.
pub(super) fn scope(fields: &Fields) -> Scope {
    let words = |name: &str| {
        let apart = |c: char| c.is_whitespace() || ",，、;；".contains(c);
        let words = of(fields, name).split(apart).filter(|w| !w.is_empty());
        words.map(str::to_owned).collect()
    };
    Scope { regions: words("regions"), units: words("units") }
}

/// What is changed, as a form says it.
fn asked(fields: &Fields) -> Result<Change, PageError> {
    let roles = || {
        let chosen = |role: &Role| fields.contains_key(&format!("role.{}", role.word()));
        Role::ALL.into_iter().filter(chosen).collect()
    };
    Ok(match of(fields, "what") {
        "add" => Change::Add { roles: roles(), scope: scope(fields) },
        "alter" => Change::Alter { roles: roles(), scope: scope(fields) },
        "reset" => Change::Reset,
        "unlock" => Change::Unlock,
        "disable" => Change::Disable,
        "enable" => Change::Enable,
        "certificate" => {
            let digits: String =
                of(fields, "certificate").chars().filter(|c| !" :".contains(*c)).collect();
            if digits.is_empty() {
                return Ok(Change::Certificate(None));
            }
            let bytes = unhex(&digits).and_then(|bytes| bytes.try_into().ok());
            let bad =
                || PageError::bad("a SHA-256 has 64 hex digits", "SHA-256 须为 64 位十六进制数字");
            Change::Certificate(Some(bytes.ok_or_else(bad)?))
        }
        other => {
            return Err(PageError::bad(
                format!("`{other}` is nothing that can be done"),
                format!("没有操作『{other}』"),
            ));
        }
    })
}

async fn change(
    State(hall): State<Arc<Hall>>,
    headers: HeaderMap,
    Told { who, form: fields }: Told<Fields>,
) -> Page {
    let changed = async {
        let change = asked(&fields)?;
        hall.manage(&who, of(&fields, "name"), &change, of(&fields, "reason")).await
    };
    let link = changed.await.map_err(|e: PageError| Refusal::to(&who, e))?;
    let Some(path) = link else { return Ok(see_other("/accounts")) };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("");
    let scheme = if hall.access.terms.tls { "https" } else { "http" };
    let address = if host.is_empty() { path } else { format!("{scheme}://{host}{path}") };
    let body = html! {
        p { (who.of("One-time link of ", "一次性链接，账号：")) strong { (of(&fields, "name")) } }
        p { code.secret id="link" { (address) } }
        p.notice.bad { (who.of(
            "Give it to its person by a safe way. It is good for 24 hours and once, and is not shown again.",
            "请以安全方式交付本人。链接 24 小时内有效，仅可使用一次，此后不再显示。",
        )) }
        p { a href="/accounts" { (who.of("Back to the accounts", "返回账号")) } }
    };
    Ok(answer(shell::page(&hall, &who, "/accounts", who.of("One-time link", "一次性链接"), body)))
}
