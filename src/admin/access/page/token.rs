//! Tokens of the API, on the page of accounts.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use maud::{Markup, html};

use super::super::role::{Power, Role, Scope};
use super::super::tokens::{DAY, TOKEN_LIFE_MAX, Token, Wanted};
use super::super::{Told, Who};
use super::accounts::{Fields, of, scope, scope_fields, sees, why};
use crate::error::PageError;
use crate::hall::Hall;
use crate::shell;
use crate::tongue::moment;
use crate::web::{Page, Refusal, html as answer, see_other};

/// What is done with them.
pub(super) fn routes() -> Router<Arc<Hall>> {
    Router::new().route("/accounts/token", post(give)).route("/accounts/token/revoke", post(revoke))
}

/// Those there are.
pub(super) fn list(hall: &Hall, who: &Who, tokens: &[(String, Token)]) -> Markup {
    let now = hall.now();
    html! {
        @if !tokens.is_empty() {
            div.wide { table {
                thead { tr {
                    th { (who.of("Token", "令牌")) } th { (who.of("Powers", "权限")) } th { (who.of("Sees", "范围")) }
                    th { (who.of("Good until", "有效期至")) } th { (who.of("Last used", "最近使用")) } th { (who.of("Made by", "签发人")) } th {}
                } }
                tbody { @for (_, token) in tokens {
                    tr {
                        th scope="row" { (token.name) }
                        td { (who.of(token.role.name().0, token.role.name().1)) ": "
                            @for power in &token.powers { (who.of(power.name().0, power.name().1)) " · " } }
                        td { (sees(who, &token.scope)) }
                        td { @if token.until <= now { "! " (who.of("over: ", "已过期：")) } (token.until) }
                        td { @match token.used { Some(used) => (moment(used, now)), None => (who.of("never", "从未")) } }
                        td { (token.by) }
                        td { details.act {
                            summary { (who.of("Revoke", "吊销")) }
                            (shell::deed(who, "/accounts/token/revoke", &[("name", &token.name)], ("Revoke", "吊销")))
                        } }
                    }
                } }
            } }
        }
    }
}

/// A form for a new one.
pub(super) fn new(who: &Who) -> Markup {
    html! {
        details.act {
            summary { (who.of("New token", "签发令牌")) }
            form.stack method="post" action="/accounts/token" {
                input type="hidden" name="csrf" value=(who.csrf);
                label { span { (who.of("Name: which program has it", "名称（使用该令牌的程序）")) } input type="text" name="name" required maxlength="32" autocomplete="off"; }
                label { span { (who.of("Role whose powers it has", "所属角色")) }
                    select name="role" { @for role in Role::ALL { @if role != Role::Security { option value=(role.word()) { (who.of(role.name().0, role.name().1)) } } } }
                }
                fieldset {
                    legend { (who.of("Powers, all of them of this role", "权限（须属于所选角色）")) }
                    @for power in Power::ALL { @if power != Power::Accounts {
                        label.choice { input type="checkbox" name={ "power." (power.word()) }; " " (who.of(power.name().0, power.name().1)) }
                    } }
                }
                (scope_fields(who, &Scope::default()))
                label { span { (who.of("Good for so many days", "有效天数")) } input type="number" name="days" min="1" max=(TOKEN_LIFE_MAX / DAY) value="90" required; }
                (why(who))
                button type="submit" { (who.of("Make it, show it once", "签发（仅显示一次）")) }
            }
        }
    }
}

fn wanted(fields: &Fields) -> Result<Wanted, PageError> {
    let role = Role::of_word(of(fields, "role"));
    let role = role.ok_or_else(|| PageError::bad("choose a role", "请选择角色"))?;
    let chosen = |power: &Power| fields.contains_key(&format!("power.{}", power.word()));
    Ok(Wanted {
        name: of(fields, "name").to_owned(),
        role,
        powers: Power::ALL.into_iter().filter(chosen).collect(),
        scope: scope(fields),
        days: of(fields, "days").parse().unwrap_or(0),
    })
}

async fn give(State(hall): State<Arc<Hall>>, Told { who, form: fields }: Told<Fields>) -> Page {
    let given = async {
        let wanted = wanted(&fields)?;
        hall.give_token(&who, &wanted, of(&fields, "reason")).await
    };
    let token = given.await.map_err(|e: PageError| Refusal::to(&who, e))?;
    let body = html! {
        p { (who.of("Token ", "令牌 ")) strong { (of(&fields, "name")) } }
        p { code.secret id="token" { (token) } }
        p { (who.of("Sent as ", "使用方式：")) code { "Authorization: Bearer …" } }
        p.notice.bad { (who.of("Keep it where the program reads its secrets. It is not shown again.", "请存入程序的密钥存储，此后不再显示。")) }
        p { a href="/accounts" { (who.of("Back to the accounts", "返回账号")) } }
    };
    Ok(answer(shell::page(&hall, &who, "/accounts", who.of("New token", "签发令牌"), body)))
}

async fn revoke(State(hall): State<Arc<Hall>>, Told { who, form: fields }: Told<Fields>) -> Page {
    let revoked = hall.revoke_token(&who, of(&fields, "name"), of(&fields, "reason")).await;
    revoked.map_err(|e| Refusal::to(&who, e))?;
    Ok(see_other("/accounts"))
}
