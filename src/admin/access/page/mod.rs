//! The pages of access: the way in, oneself, everybody's accounts.

mod accounts;
mod link;
mod login;
mod me;
mod token;

use std::sync::Arc;

use axum::Router;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use crate::error::PageError;
use crate::hall::Hall;
use crate::tongue::Tongue;
use crate::web;

/// Every page.
pub(super) fn routes() -> Router<Arc<Hall>> {
    let own = Router::new().merge(login::routes()).merge(link::routes()).merge(me::routes());
    own.merge(accounts::routes()).merge(token::routes())
}

/// A page that is shown again because something of its form was wrong has that as its status.
fn answered(page: Markup, error: Option<&PageError>) -> Response {
    match error {
        None => web::html(page),
        Some(error) => (error.status, web::html(page)).into_response(),
    }
}

/// What was wrong.
fn told(tongue: Tongue, error: &PageError) -> Markup {
    html! {
        p.notice.bad role="alert" { span.mark aria-hidden="true" { "! " } (tongue.of(&error.text.en, &error.text.zh)) }
    }
}

/// A field of a form, under what it is called.
fn field(label: &str, kind: &str, name: &str, complete: &str) -> Markup {
    html! {
        label {
            span { (label) }
            input type=(kind) name=(name) autocomplete=(complete) required maxlength="200";
        }
    }
}

/// The switch of the language, for those who are not known yet.
fn language(tongue: Tongue) -> Markup {
    html! {
        form.tongue method="post" action="/language" {
            button type="submit" name="lang" value=(tongue.of("zh", "en")) { (tongue.of("中文", "English")) }
        }
    }
}

/// What a password must be like.
fn rules(tongue: Tongue, chars_min: usize) -> Markup {
    html! {
        p.quiet {
            (tongue.of("At least ", "至少 ")) (chars_min)
            (tongue.of(
                " characters; three of small letters, large letters, digits, others; not the account's name; none of the last five.",
                " 个字符；小写字母、大写字母、数字、其他字符至少三类；不含账号名；不与最近五个口令相同。",
            ))
        }
    }
}
