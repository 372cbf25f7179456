//! One case's whole life as far as this node knows it: every version, attempt, hop receipt and outcome,
//! in order; what its records say, personal values starred.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{get, post};
use canon::format::{Format, TypeIx, Values};
use canon::{Digest, EnvelopeId, RecordId};
use maud::{Markup, html};
use serde::Deserialize;
use store::{AuditEvent, OutEnvelope, TraceStep};

use super::words::{case_path, code_text, record_label, state_name, step_name};
use crate::access::{Power, Told, Who};
use crate::act::REASON_CHARS_MAX;
use crate::error::PageError;
use crate::hall::Hall;
use crate::shell;
use crate::tongue::moment;
use crate::web::{Page, Refusal, download, html as answer};

/// Most records of a case whose contents one page shows, the last first.
pub const CASE_FRAGMENTS_MAX: usize = 20;
/// Most steps of a case that one page shows.
pub const CASE_STEPS_MAX: usize = 500;
/// Longest case number that is looked for, characters.
pub const CASE_NUMBER_MAX: usize = 200;

/// The page of a case, and what is done on it.
pub(crate) fn routes() -> Router<Arc<Hall>> {
    Router::new()
        .route("/records/case/{*number}", get(show))
        .route("/records/unmask", post(unmask))
        .route("/records/evidence", post(evidence))
}

/// A record of the case, with what carries it.
struct Carried {
    id: RecordId,
    digest: Option<Digest>,
    envelopes: Vec<EnvelopeId>,
}

/// What a record says, or why that cannot be shown.
enum Content {
    Values { format: Arc<Format>, ty: TypeIx, values: Values },
    NotSealed,
    Gone,
    Closed,
}

/// What a page knows of a case.
struct Life {
    steps: Vec<TraceStep>,
    own: BTreeMap<String, OutEnvelope>,
    contents: Vec<(RecordId, Content)>,
}

fn none(number: &str) -> PageError {
    PageError::gone(
        format!(
            "this node knows no case `{number}`: compare the number with the source; rows without one stand in the problem data"
        ),
        format!("本节点没有办件『{number}』：请与来源核对编号；无编号的行见问题数据"),
    )
}

impl Life {
    /// Reads it, for somebody who may see it.
    async fn read(hall: &Hall, who: &Who, number: &str) -> Result<Self, PageError> {
        who.needs(Power::Look)?;
        if number.is_empty() || number.chars().count() > CASE_NUMBER_MAX {
            return Err(none("…"));
        }
        let store = hall.store();
        if !who.scope.units.is_empty() {
            let adapters = store.case_adapters(number).await?;
            if !adapters.iter().any(|adapter| who.scope.has_unit(adapter)) {
                return Err(none(number));
            }
        }
        let steps = store.trace(number).await?;
        if steps.is_empty() {
            return Err(none(number));
        }
        let mut own = BTreeMap::new();
        for text in steps.iter().filter_map(|step| step.envelope.as_ref()) {
            if own.contains_key(text) {
                continue;
            }
            let Some(id) = envelope::parse_envelope_id(text) else { continue };
            if let Some(out) = store.outbound(&id).await? {
                own.insert(text.clone(), out);
            }
        }
        let contents = contents(hall, &carried(&steps)).await?;
        Ok(Self { steps, own, contents })
    }
}

/// The records of a case, the last known first.
fn carried(steps: &[TraceStep]) -> Vec<Carried> {
    let mut all: Vec<Carried> = Vec::new();
    for step in steps {
        let Some(id) = RecordId::parse(&step.record) else { continue };
        let at = all.iter().position(|one| one.id == id).unwrap_or_else(|| {
            all.push(Carried { id, digest: None, envelopes: Vec::new() });
            all.len() - 1
        });
        let Some(one) = all.get_mut(at) else { continue };
        if matches!(&*step.what, "collected" | "kept") {
            let digest = step.detail.split(' ').next().and_then(|text| text.parse().ok());
            one.digest = one.digest.or(digest);
        }
        let envelope = step.envelope.as_deref().and_then(envelope::parse_envelope_id);
        one.envelopes.extend(envelope.filter(|id| !one.envelopes.contains(id)));
    }
    all.reverse();
    all
}

async fn contents(hall: &Hall, records: &[Carried]) -> Result<Vec<(RecordId, Content)>, PageError> {
    let mut found = Vec::new();
    for one in records.iter().take(CASE_FRAGMENTS_MAX) {
        let mut content = if one.envelopes.is_empty() { Content::NotSealed } else { Content::Gone };
        for id in one.envelopes.iter().rev() {
            let Some(frames) = hall.store().frames(id).await? else { continue };
            let Ok(package) = hall.node.stored(&frames.frame) else {
                content = Content::Closed;
                continue;
            };
            if let Some(values) = values(hall, id, &package, one) {
                content = values;
                break;
            }
        }
        found.push((one.id.clone(), content));
    }
    Ok(found)
}

/// The values of a record in the package that carries it.
fn values(hall: &Hall, id: &EnvelopeId, package: &[u8], one: &Carried) -> Option<Content> {
    let opened = envelope::open_clear(package).ok()?;
    let format = hall.node.formats.get(&*id.route.edition)?;
    let at = opened.leaves.iter().position(|leaf| Some(*leaf) == one.digest)?;
    let parsed = format.parse(opened.fragments.get(at)?).ok()?;
    Some(Content::Values { format: Arc::clone(format), ty: parsed.ty, values: parsed.values })
}

async fn show(State(hall): State<Arc<Hall>>, who: Who, Path(number): Path<String>) -> Page {
    let life = Life::read(&hall, &who, &number).await;
    let life = life.map_err(|e: PageError| Refusal::to(&who, e))?;
    Ok(whole(&hall, &who, &number, &life, false))
}

fn whole(hall: &Hall, who: &Who, number: &str, life: &Life, plain: bool) -> Response {
    let title = format!("{} {number}", who.of("Case", "办件"));
    let body = html! {
        (steps(hall, who, life))
        (shown(hall, who, life, plain))
        (deeds(who, number, life, plain))
    };
    answer(shell::page(hall, who, "/records", &title, body))
}

fn steps(hall: &Hall, who: &Who, life: &Life) -> Markup {
    let now = hall.now();
    html! {
        section {
            h2 { (who.of("Its life here", "办理轨迹（本节点）")) }
            ol.steps { @for step in life.steps.iter().take(CASE_STEPS_MAX) {
                li {
                    time { (moment(step.at, now)) } " "
                    b { (step_name(who, &step.what)) } " "
                    @if let Some(id) = RecordId::parse(&step.record) { (record_label(hall, &id)) } @else { (step.record) }
                    @if let Some(to) = &step.destination { span.quiet { " → " (to) } }
                    @if let Some(envelope) = &step.envelope { div.quiet { (who.of("envelope ", "报文 ")) (envelope) } }
                    @if !step.detail.is_empty() { div.quiet { (detail(who, &step.detail)) } }
                }
            } }
            @if life.steps.len() > CASE_STEPS_MAX {
                p.quiet { (who.of("The first are shown; `tiergate trace` tells all.", "仅列前若干步，完整内容见 tiergate trace。")) }
            }
        }
        @if !life.own.is_empty() { (attempts(hall, who, life)) }
    }
}

/// A detail that begins with one of our codes is said in words.
fn detail(who: &Who, detail: &str) -> String {
    let (first, rest) = detail.split_once(' ').unwrap_or((detail, ""));
    if canon::code(first).is_none() {
        return detail.to_owned();
    }
    let said = if rest.is_empty() { code_text(who, first) } else { rest };
    format!("{said} [{first}]")
}

/// Own envelopes that carry it, with their attempts.
fn attempts(hall: &Hall, who: &Who, life: &Life) -> Markup {
    let now = hall.now();
    html! {
        section {
            h2 { (who.of("Envelopes that carry it", "承载报文")) }
            div.wide { table {
                thead { tr {
                    th { (who.of("Envelope", "报文")) }
                    th { (who.of("State", "状态")) }
                    th { (who.of("Link", "链路")) }
                    th.n { (who.of("Attempts", "发送次数")) }
                    th { (who.of("Next", "下次")) }
                    th { (who.of("Why", "原因")) }
                    th { (who.of("Last tier that has it", "最近签收")) }
                } }
                tbody { @for (name, out) in &life.own { tr {
                    th scope="row" { (name) }
                    td { (state_name(who, out.state)) }
                    td { (out.link) }
                    td.n { (out.attempts) }
                    td { @if let Some(at) = out.due_at { (moment(at, now)) } }
                    td { @if let Some(reason) = &out.reason { (code_text(who, reason)) " " span.quiet { "[" (reason) "]" } } }
                    td { @if let Some(hop) = &out.hop { (hop) } }
                } } }
            } }
        }
    }
}

fn shown(hall: &Hall, who: &Who, life: &Life, plain: bool) -> Markup {
    html! {
        section {
            h2 { (who.of("What its records say", "记录内容")) }
            @for (id, content) in &life.contents {
                details open[life.contents.len() <= 3] {
                    summary { (record_label(hall, id)) }
                    @match content {
                        Content::Values { format, ty, values } => { (fields(who, (&**format, *ty), values, plain)) }
                        Content::NotSealed => { p.quiet { (who.of("Not in an envelope yet: it is shown once it is sealed.", "尚未封装，封装后可查看。")) } }
                        Content::Gone => { p.quiet { (who.of("Its bytes are not kept here any more: the archive has them.", "本节点已不留存原文，请查归档。")) } }
                        Content::Closed => { p.quiet { (who.of("Closed for others: no key of this node opens it.", "内容已加密，本节点密钥无法打开。")) } }
                    }
                }
            }
        }
    }
}

/// The fields of a record under their Chinese labels; what is personal is starred.
fn fields(who: &Who, (format, ty): (&Format, TypeIx), values: &Values, plain: bool) -> Markup {
    let record = format.get(ty);
    html! {
        dl.facts { @for (i, field) in record.fields.iter().enumerate() {
            @if let Some(value) = values.get(i) {
                dt { (field.label) " " span.quiet { (field.wire) } }
                dd { @if field.personal && !plain { span title=(who.of("personal: starred", "个人信息，已遮盖")) { "＊＊＊" } } @else { (value) } }
            }
        } }
    }
}

fn has_personal(life: &Life) -> bool {
    life.contents.iter().any(|(_, content)| match content {
        Content::Values { format, ty, values } => {
            let fields = format.get(*ty).fields.iter().enumerate();
            fields.into_iter().any(|(i, f)| f.personal && values.get(i).is_some())
        }
        _ => false,
    })
}

fn deeds(who: &Who, number: &str, life: &Life, plain: bool) -> Markup {
    let fields = [("number", number)];
    html! {
        @if who.may(Power::Unmask) {
            @if !plain && has_personal(life) {
                details.act {
                    summary { (who.of("Show personal values", "显示个人信息")) }
                    p.quiet { (who.of("Leaves a line in the audit chain.", "将记入审计。")) }
                    (shell::deed(who, "/records/unmask", &fields, ("Show", "显示")))
                }
            }
            details.act {
                summary { (who.of("Download evidence", "导出证据")) }
                p.quiet { (who.of("The file is about a person: give it only to who may see it. Leaves a line in the audit chain.", "文件含个人信息，仅交有权查看者；将记入审计。")) }
                (shell::deed(who, "/records/evidence", &fields, ("Download", "下载")))
            }
        }
        p { a href=(case_path(number)) { (who.of("The page as it was", "返回办件页")) } }
    }
}

#[derive(Debug, Deserialize)]
struct Deed {
    number: String,
    reason: String,
}

/// The line of the audit chain: it stands before anything is shown.
async fn audited(hall: &Hall, who: &Who, deed: &Deed, action: &str) -> Result<(), PageError> {
    let reason = deed.reason.trim();
    let said = !reason.is_empty() && reason.chars().count() <= REASON_CHARS_MAX;
    let may = who.may(Power::Unmask);
    let event = AuditEvent {
        at: hall.now(),
        who: who.account.to_string(),
        action: action.to_owned(),
        subject: format!("case/{}", deed.number),
        reason: reason.chars().take(REASON_CHARS_MAX).collect(),
        ok: may && said,
    };
    hall.store().audit(event).await?;
    who.needs(Power::Unmask)?;
    if said {
        return Ok(());
    }
    Err(PageError::bad(
        format!("say why, in at most {REASON_CHARS_MAX} characters"),
        format!("请填写原因，不超过 {REASON_CHARS_MAX} 字"),
    ))
}

async fn unmask(State(hall): State<Arc<Hall>>, Told { who, form }: Told<Deed>) -> Page {
    let shown = async {
        let life = Life::read(&hall, &who, &form.number).await?;
        audited(&hall, &who, &form, "trace.shown").await?;
        Ok(life)
    };
    let life = shown.await.map_err(|e: PageError| Refusal::to(&who, e))?;
    Ok(whole(&hall, &who, &form.number, &life, true))
}

async fn evidence(State(hall): State<Arc<Hall>>, Told { who, form }: Told<Deed>) -> Page {
    let proven = async {
        Life::read(&hall, &who, &form.number).await?;
        audited(&hall, &who, &form, "evidence.export").await?;
        let proof = hall.house.evidence(&form.number, hall.now()).await?;
        proof.ok_or_else(|| {
            PageError::gone(
                "no envelope that is kept here proves a record of this case",
                "本节点留存的报文中没有可证明该办件的记录",
            )
        })
    };
    let proof = proven.await.map_err(|e: PageError| Refusal::to(&who, e))?;
    let name = format!("evidence-{}.json", form.number);
    Ok(download(&name, "application/json", proof.file))
}
