//! 证书, 设置, 连接体检: what the process stands on.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::routing::get;
use maud::html;
use serde::Deserialize;

use crate::access::{Power, Who};
use crate::error::PageError;
use crate::hall::Hall;
use crate::shell;
use crate::web::{Page, Refusal, html as answer};

/// The three pages.
pub(crate) fn routes() -> Router<Arc<Hall>> {
    Router::new()
        .route("/certificates", get(certificates))
        .route("/settings", get(settings))
        .route("/doctor", get(doctor))
}

async fn certificates(State(hall): State<Arc<Hall>>, who: Who) -> Page {
    who.needs(Power::Look).map_err(|e| Refusal::to(&who, e))?;
    let papers = hall.house.papers(hall.now());
    let body = html! {
        div.wide { table {
            thead { tr {
                th { (who.of("Whose", "主体")) }
                th { (who.of("Suite", "算法套件")) }
                th { (who.of("From", "生效")) }
                th { (who.of("Until", "到期")) }
                th { (who.of("How it is", "状况")) }
                th { (who.of("File", "文件")) }
            } }
            tbody { @for paper in &papers {
                tr {
                    th scope="row" { (paper.subject) @if paper.anchor { " " span.quiet { (who.of("authority", "颁发机构")) } } }
                    td { (paper.suite) }
                    td { (paper.from) }
                    td { (paper.until) }
                    td { span.bad[!paper.well] { @if !paper.well { "! " } (who.of(&paper.text.en, &paper.text.zh)) } }
                    td { code { (paper.file) } }
                }
            } }
        } }
    };
    Ok(answer(shell::page(&hall, &who, "/certificates", who.of("Certificates", "证书"), body)))
}

async fn settings(State(hall): State<Arc<Hall>>, who: Who) -> Page {
    who.needs(Power::Settings).map_err(|e| Refusal::to(&who, e))?;
    let lines = hall.house.settings();
    let body = html! {
        p.quiet { (who.of(
            "As read when the process began; changed in the file, checked by `tiergate check config`, in force at the next start.",
            "为进程启动时读取的内容；请在文件中修改，以 tiergate check config 检查，重启后生效。",
        )) }
        div.wide { table.code {
            tbody { @for line in &lines {
                tr { td.n.quiet { (line.file) ":" (line.line) } td { code { (line.text) } } }
            } }
        } }
    };
    Ok(answer(shell::page(&hall, &who, "/settings", who.of("Settings", "设置"), body)))
}

#[derive(Debug, Default, Deserialize)]
struct Asked {
    #[serde(default)]
    run: bool,
}

async fn doctor(State(hall): State<Arc<Hall>>, who: Who, Query(asked): Query<Asked>) -> Page {
    let looked = async {
        who.needs(Power::Settings)?;
        if asked.run { Ok(Some(hall.house.check_up(hall.now()).await?)) } else { Ok(None) }
    };
    let looked = looked.await.map_err(|e: PageError| Refusal::to(&who, e))?;
    let body = html! {
        p { (who.of(
            "Looks at everything this node needs from outside, step by step: names, connections, TLS, certificates, logins, queues, tables. It may take a minute where something does not answer.",
            "逐项检查本节点所需的外部条件：域名、连接、TLS、证书、登录、队列、库表。如有不通，可能需要一分钟。",
        )) }
        form method="get" action="/doctor" {
            input type="hidden" name="run" value="true";
            button.first type="submit" { (who.of("Begin", "开始体检")) }
        }
        @if let Some(found) = &looked {
            @let wrong = found.iter().filter(|c| !c.well).count();
            @if wrong == 0 { p.notice.good { "✓ " (found.len()) " " (who.of("things are well.", "项均正常。")) } }
            @else { p.notice.bad role="alert" { "! " (wrong) " " (who.of("things are not well.", "项异常。")) } }
            div.wide { table {
                tbody { @for c in found {
                    tr {
                        td { @if c.well { "✓" } @else { span.bad { "✗" } } }
                        th scope="row" { (c.what) }
                        td { (who.of(&c.text.en, &c.text.zh)) }
                    }
                } }
            } }
        }
    };
    Ok(answer(shell::page(&hall, &who, "/doctor", who.of("Check-up", "连接体检"), body)))
}
