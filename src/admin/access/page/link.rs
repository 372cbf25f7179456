//! Where one-time links lead: somebody chooses the password of an account.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;
use maud::html;
use serde::Deserialize;

use super::super::links::{self, Chosen, Link};
use super::super::{Given, session};
use super::{answered, field, language, rules, told};
use crate::error::PageError;
use crate::hall::Hall;
use crate::shell;
use crate::tongue::{Tongue, chosen};
use crate::web::see_other;

/// The page.
pub(super) fn routes() -> Router<Arc<Hall>> {
    Router::new().route("/setup", get(show).post(take))
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    token: String,
}

async fn show(
    State(hall): State<Arc<Hall>>,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Response {
    let tongue = chosen(&headers);
    match links::find(&hall, &asked.token).await {
        Ok(link) => form(&hall, tongue, (&asked.token, &link), None),
        Err(error) => over(tongue, &error),
    }
}

fn over(tongue: Tongue, error: &PageError) -> Response {
    let page = shell::bare(
        tongue,
        tongue.of("One-time link", "一次性链接"),
        html! {
            (told(tongue, error))
            p { a href="/login" { (tongue.of("To the login", "前往登录")) } }
            (language(tongue))
        },
    );
    answered(page, Some(error))
}

fn form(
    hall: &Hall,
    tongue: Tongue,
    (token, link): (&str, &Link),
    error: Option<&PageError>,
) -> Response {
    let title = match &link.account {
        Some(_) => tongue.of("Choose a password", "设置口令"),
        None => tongue.of("First start: the security administrator", "首次启动：设立安全管理员"),
    };
    let page = shell::bare(
        tongue,
        title,
        html! {
            p { strong { (hall.title) } " " span.quiet { (hall.node.code) } }
            @if let Some(error) = error {
                (told(tongue, error))
            }
            @if link.account.is_none() {
                p { (tongue.of(
                    "This account keeps all others. Afterwards make a system administrator and an audit administrator under Accounts: each gets a one-time link, and nobody may be two of the three.",
                    "该账号负责管理其他账号。设立后请在“账号”页为系统管理员、审计管理员各建一个账号并交付一次性链接；三员分立，不得兼任。",
                )) }
            }
            form.stack method="post" action="/setup" {
                input type="hidden" name="token" value=(token);
                @match &link.account {
                    Some(name) => {
                        label { span { (tongue.of("Account", "账号")) }
                            input type="text" name="name" value=(name) readonly autocomplete="username"; }
                    }
                    None => (field(tongue.of("Account: an operator code, not a person's name", "账号（操作员代码，勿用姓名）"), "text", "name", "username")),
                }
                (field(tongue.of("Password", "口令"), "password", "password", "new-password"))
                (field(tongue.of("The same again", "再次输入口令"), "password", "again", "new-password"))
                (rules(tongue, hall.access.terms.password_chars_min))
                button.first type="submit" { (tongue.of("Save and log in", "保存并登录")) }
            }
            (language(tongue))
        },
    );
    answered(page, error)
}

#[derive(Deserialize)]
struct Entry {
    token: String,
    #[serde(default)]
    name: String,
    password: String,
    again: String,
}

async fn take(State(hall): State<Arc<Hall>>, given: Given<Entry>) -> Response {
    let Given { parts, form: entry } = given;
    let tongue = chosen(&parts.headers);
    let link = match links::find(&hall, &entry.token).await {
        Ok(link) => link,
        Err(error) => return over(tongue, &error),
    };
    let taken = if entry.password == entry.again {
        let Entry { token, name, password, .. } = &entry;
        links::take(&hall, Chosen { token, name, password }).await
    } else {
        Err(differ())
    };
    match taken {
        Ok(secret) => session::carry(&hall, see_other("/me"), Some(&secret)),
        Err(error) => form(&hall, tongue, (&entry.token, &link), Some(&error)),
    }
}

/// Two passwords that should be one.
pub(super) fn differ() -> PageError {
    PageError::bad("the two passwords differ", "两次输入的口令不一致")
}
