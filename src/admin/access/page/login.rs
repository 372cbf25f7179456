//! The way in and out.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{get, post};
use maud::html;
use serde::Deserialize;

use super::super::admit::{Admitted, Said, admit, note};
use super::super::{Given, Told, session, shown};
use super::{answered, field, language, told};
use crate::error::PageError;
use crate::hall::Hall;
use crate::shell;
use crate::tongue::{Tongue, chosen};
use crate::web::{Page, Refusal, see_other};

/// Both ways.
pub(super) fn routes() -> Router<Arc<Hall>> {
    Router::new().route("/login", get(show).post(enter)).route("/logout", post(leave))
}

#[derive(Debug, Deserialize)]
struct Asked {
    #[serde(default)]
    next: String,
}

async fn show(
    State(hall): State<Arc<Hall>>,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Response {
    form(&hall, chosen(&headers), &asked.next, None)
}

fn form(hall: &Hall, tongue: Tongue, next: &str, error: Option<&PageError>) -> Response {
    let page = shell::bare(
        tongue,
        tongue.of("Log in", "登录"),
        html! {
            p { strong { (hall.title) } " " span.quiet { (hall.node.code) } }
            @if let Some(error) = error {
                (told(tongue, error))
            }
            form.stack method="post" action="/login" {
                input type="hidden" name="next" value=(own_path(next));
                (field(tongue.of("Account", "账号"), "text", "account", "username"))
                (field(tongue.of("Password", "口令"), "password", "password", "current-password"))
                label {
                    span { (tongue.of("Code, if the account has a second factor", "验证码（账号已绑定第二因素时填写）")) }
                    input type="text" name="code" autocomplete="one-time-code" maxlength="40";
                }
                button.first type="submit" { (tongue.of("Log in", "登录")) }
            }
            p.quiet { (tongue.of(
                "Telephone lost: enter one of the recovery codes in place of the code. Password forgotten: ask the security administrator for a one-time link.",
                "手机遗失：可用恢复码代替验证码。忘记口令：请联系安全管理员获取一次性链接。",
            )) }
            (language(tongue))
        },
    );
    answered(page, error)
}

#[derive(Deserialize)]
struct Entry {
    account: String,
    password: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    next: String,
}

async fn enter(State(hall): State<Arc<Hall>>, given: Given<Entry>) -> Response {
    let Given { parts, form: entry } = given;
    let said = Said {
        name: &entry.account,
        password: &entry.password,
        code: &entry.code,
        certificate: shown(&parts),
    };
    match admit(&hall, said).await {
        Ok(Admitted { secret, warned }) => {
            // Whoever has to choose another password soon is told before anything else.
            let next = if warned { "/me" } else { own_path(&entry.next) };
            session::carry(&hall, see_other(next), Some(&secret))
        }
        Err(error) => form(&hall, chosen(&parts.headers), &entry.next, Some(&error)),
    }
}

/// A path of this house, never another host; the overview where it is none.
fn own_path(next: &str) -> &str {
    let plain = next.chars().all(|c| c.is_ascii_graphic() && c != '\\');
    let own = next.starts_with('/') && !next.starts_with("//");
    let turns = ["/login", "/logout", "/setup"].iter().any(|path| next.starts_with(path));
    if plain && own && !turns { next } else { "/" }
}

#[derive(Debug, Deserialize)]
struct Nothing {}

async fn leave(
    State(hall): State<Arc<Hall>>,
    Told { who, form: Nothing {} }: Told<Nothing>,
) -> Page {
    let left = async {
        session::end(&hall, &who.key).await?;
        note(&hall, &who.account, "logout", &who.account, "own", true).await
    };
    left.await.map_err(|e: PageError| Refusal::to(&who, e))?;
    Ok(session::carry(&hall, see_other("/login"), None))
}

#[cfg(test)]
mod tests {
    use super::own_path;

    #[test]
    fn nobody_is_sent_to_another_host_after_the_login() {
        for good in ["/", "/problems?state=held&x=1", "/a//b"] {
            assert_eq!(own_path(good), good);
        }
        for bad in [
            "",
            "x",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "\\\\evil",
            "/a\r\nSet-Cookie: x=1",
            "/\t/evil.example",
            "/logout",
            "/login?next=/",
            "/中",
        ] {
            assert_eq!(own_path(bad), "/", "{bad}");
        }
    }
}
