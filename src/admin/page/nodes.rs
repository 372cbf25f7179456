//! 节点名录: the nodes beneath this one, when each was heard last, and what its silence means.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::routing::get;
use canon::{Day, Millis, NodeCode};
use envelope::control::Side;
use exchange::reconcile;
use exchange::standing::Waits;
use maud::{Markup, html};
use serde::Deserialize;
use store::{ManifestRow, SenderRow};

use super::words::{in_address, said};
use crate::access::{Power, Who};
use crate::error::PageError;
use crate::hall::Hall;
use crate::shell;
use crate::tongue::{age, count, moment};
use crate::web::{Page, Refusal, html as answer};

/// Nodes of one page.
pub const NODES_SHOWN_MAX: usize = 100;
/// A node of which nothing came for so long, and that reported no day, is down, ms.
pub const NODE_DOWN_AFTER: i64 = 3 * 86_400_000;

/// The page.
pub(crate) fn routes() -> Router<Arc<Hall>> {
    Router::new().route("/nodes", get(list))
}

#[derive(Debug, Default, Deserialize)]
struct Asked {
    q: Option<String>,
    silence: Option<String>,
    page: Option<usize>,
}

/// What is known of how a node keeps silent, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Silence {
    /// Nothing ever came.
    Never,
    /// Nothing came for days, and no day was reported.
    Down,
    /// The last closed day is not reported.
    Late,
    /// It said so.
    Maintenance,
    /// It reported a day without a record.
    Zero,
    /// It speaks.
    Heard,
}

impl Silence {
    const ALL: [Self; 6] =
        [Self::Never, Self::Down, Self::Late, Self::Maintenance, Self::Zero, Self::Heard];

    const fn word(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Down => "down",
            Self::Late => "late",
            Self::Maintenance => "maintenance",
            Self::Zero => "zero",
            Self::Heard => "heard",
        }
    }

    const fn name(self, who: &Who) -> &'static str {
        match self {
            Self::Never => who.of("never connected", "从未连接"),
            Self::Down => who.of("down: nothing came for days", "失联（多日无消息）"),
            Self::Late => who.of("late: its last day is not reported", "迟报（上一日未报）"),
            Self::Maintenance => who.of("maintenance", "维护中"),
            Self::Zero => who.of("reported a day without a record", "已报零报告"),
            Self::Heard => who.of("reports", "正常报送"),
        }
    }

    const fn mark(self) -> &'static str {
        match self {
            Self::Never | Self::Down => "✕",
            Self::Late => "!",
            Self::Maintenance => "‖",
            Self::Zero => "0",
            Self::Heard => "✓",
        }
    }
}

/// A node beneath this one.
struct Seen<'h> {
    code: &'h NodeCode,
    link: &'h str,
    /// Directly at the link, not beneath its neighbour.
    neighbour: bool,
    row: Option<SenderRow>,
    inbox: u64,
    silence: Silence,
}

/// What is held against the list of nodes.
struct Heard {
    senders: BTreeMap<NodeCode, SenderRow>,
    inbox: BTreeMap<NodeCode, u64>,
    /// Who reported the last closed day, and whether it was empty.
    reported: BTreeMap<NodeCode, bool>,
    waits: Waits,
}

impl Heard {
    async fn read(hall: &Hall, now: Millis) -> Result<Self, PageError> {
        let store = hall.store();
        let closed = Day(Millis(now.0 - hall.node.limits.close_grace).day().0 - 1);
        let manifests = store.manifests(closed).await?;
        let of = |rows: Vec<SenderRow>| rows.into_iter().map(|r| (r.sender.clone(), r)).collect();
        Ok(Self {
            senders: of(store.senders(now.day()).await?),
            inbox: store.inbox_depths().await?.into_iter().collect(),
            reported: manifests.iter().filter_map(zero).collect(),
            waits: Waits::read(store).await?,
        })
    }

    fn silence(&self, code: &NodeCode, now: Millis) -> Silence {
        if self.waits.maintained(code, now).is_some() {
            return Silence::Maintenance;
        }
        let row = self.senders.get(code);
        let last = row.and_then(|row| row.judged_at.max(row.relayed_at));
        match (last, self.reported.get(code)) {
            (_, Some(true)) => Silence::Zero,
            (_, Some(false)) => Silence::Heard,
            (None, None) => Silence::Never,
            (Some(at), None) if now.since(at) > NODE_DOWN_AFTER => Silence::Down,
            (Some(at), None) if at.day() == now.day() => Silence::Heard,
            (Some(_), None) => Silence::Late,
        }
    }
}

/// Whose books these are, and whether nothing was collected.
fn zero(row: &ManifestRow) -> Option<(NodeCode, bool)> {
    let lines = reconcile::read(&row.body);
    let mut own = lines.iter().filter(|line| line.side == Side::Sender).peekable();
    own.peek()?;
    Some((row.by.clone(), own.all(|line| line.counts.collected() == 0)))
}

/// Every node beneath this one, in the order of the tree.
fn beneath<'h>(hall: &'h Hall, heard: &mut Heard, now: Millis) -> Vec<Seen<'h>> {
    let mut known: BTreeSet<&NodeCode> = BTreeSet::new();
    let mut all = Vec::new();
    for link in hall.node.links.iter().filter(|link| !link.parent) {
        let nodes = std::iter::once((&link.peer, true));
        for (code, neighbour) in nodes.chain(link.beneath.iter().map(|code| (code, false))) {
            if known.insert(code) {
                let silence = heard.silence(code, now);
                let inbox = heard.inbox.get(code).copied().unwrap_or_default();
                let row = heard.senders.remove(code);
                all.push(Seen { code, link: &link.name, neighbour, row, inbox, silence });
            }
        }
    }
    all
}

async fn list(State(hall): State<Arc<Hall>>, who: Who, Query(asked): Query<Asked>) -> Page {
    let now = hall.now();
    let heard = async {
        who.needs(Power::Look)?;
        Heard::read(&hall, now).await
    };
    let mut heard = heard.await.map_err(|e: PageError| Refusal::to(&who, e))?;
    let all = beneath(&hall, &mut heard, now);
    let mut counts = BTreeMap::<Silence, usize>::new();
    all.iter().for_each(|seen| *counts.entry(seen.silence).or_default() += 1);
    let q = said(asked.q.as_ref());
    let chosen = said(asked.silence.as_ref());
    let wanted = |seen: &&Seen<'_>| {
        let text = |q: &String| seen.code.as_str().contains(&**q) || seen.link.contains(&**q);
        q.as_ref().is_none_or(text)
            && chosen.as_deref().is_none_or(|word| word == seen.silence.word())
    };
    let found: Vec<&Seen<'_>> = all.iter().filter(wanted).collect();
    let nth = asked.page.unwrap_or(0);
    let from = nth.saturating_mul(NODES_SHOWN_MAX).min(found.len());
    let shown = &found[from..found.len().min(from + NODES_SHOWN_MAX)];
    let body = html! {
        (parent(&hall, &who))
        (summary(&who, &counts))
        (form(&who, &asked))
        @if shown.is_empty() {
            p.notice { (who.of("No node beneath this one is found.", "没有符合条件的下级节点。")) }
        } @else { (table(&who, shown, now)) }
        (pages(&who, &asked, (nth, found.len())))
    };
    Ok(answer(shell::page(&hall, &who, "/nodes", who.of("Nodes", "节点名录"), body)))
}

fn parent(hall: &Hall, who: &Who) -> Markup {
    html! {
        @for link in hall.node.links.iter().filter(|link| link.parent) {
            p { (who.of("Above this node: ", "上级节点：")) b { (link.peer) } " " span.quiet { (who.of("link ", "链路 ")) (link.name) } }
        }
    }
}

fn summary(who: &Who, counts: &BTreeMap<Silence, usize>) -> Markup {
    html! {
        dl.places { @for silence in Silence::ALL {
            @let n = counts.get(&silence).copied().unwrap_or_default();
            div {
                dt { (silence.mark()) " " (silence.name(who)) }
                dd { a href={ "/nodes?silence=" (silence.word()) } { (count(n as u64)) } }
            }
        } }
    }
}

fn form(who: &Who, asked: &Asked) -> Markup {
    let chosen = asked.silence.as_deref().unwrap_or("");
    html! {
        form.filters method="get" action="/nodes" role="search" {
            label { span { (who.of("Code or link", "节点代码或链路")) } input name="q" maxlength="64" value=(asked.q.as_deref().unwrap_or("")); }
            label { span { (who.of("How it is", "状况")) }
                select name="silence" {
                    option value="" { (who.of("all", "全部")) }
                    @for silence in Silence::ALL { option value=(silence.word()) selected[silence.word() == chosen] { (silence.name(who)) } }
                }
            }
            button type="submit" { (who.of("Show", "查询")) }
        }
    }
}

fn table(who: &Who, rows: &[&Seen<'_>], now: Millis) -> Markup {
    html! {
        div.wide { table {
            thead { tr {
                th { (who.of("Node", "节点")) }
                th { (who.of("Link", "链路")) }
                th { (who.of("How it is", "状况")) }
                th { (who.of("Heard last", "最近消息")) }
                th.n { (who.of("Parcels in the inbox", "待处理报文")) }
                th.n { (who.of("Accepted today", "当日已接收")) }
                th.n { (who.of("Rejected today", "当日退回")) }
            } }
            tbody { @for seen in rows { (node(who, seen, now)) } }
        } }
    }
}

fn node(who: &Who, seen: &Seen<'_>, now: Millis) -> Markup {
    let last = seen.row.as_ref().and_then(|row| row.judged_at.max(row.relayed_at));
    let bad = matches!(seen.silence, Silence::Never | Silence::Down | Silence::Late);
    let of_day = |n: fn(&SenderRow) -> u64| seen.row.as_ref().map_or(0, n);
    html! {
        tr {
            th scope="row" {
                @if !seen.neighbour { span.quiet aria-hidden="true" { "└ " } }
                a href={ "/records?sender=" (in_address(seen.code.as_str())) } { (seen.code) }
            }
            td { (seen.link) }
            td { span.bad[bad] { span.mark aria-hidden="true" { (seen.silence.mark()) " " } (seen.silence.name(who)) } }
            td { @if let Some(at) = last { (moment(at, now)) " · " (age(now.since(at), who.tongue)) (who.of(" ago", "前")) } @else { "–" } }
            td.n { (count(seen.inbox)) }
            td.n { (count(of_day(|row| row.accepted + row.superseded))) }
            td.n { (count(of_day(|row| row.rejected))) }
        }
    }
}

fn pages(who: &Who, asked: &Asked, (nth, all): (usize, usize)) -> Markup {
    let address = |nth: usize| {
        let mut out = format!("/nodes?page={nth}");
        for (name, value) in [("q", &asked.q), ("silence", &asked.silence)] {
            if let Some(value) = said(value.as_ref()) {
                out.push_str(&format!("&{name}={}", in_address(&value)));
            }
        }
        out
    };
    html! {
        p.quiet {
            (count(all as u64)) " " (who.of("nodes, ", "个节点，每页 ")) (NODES_SHOWN_MAX) (who.of(" a page.", " 个。")) " "
            @if nth > 0 { a href=(address(nth - 1)) { (who.of("Before", "上一页")) } " " }
            @if (nth + 1) * NODES_SHOWN_MAX < all { a href=(address(nth + 1)) { (who.of("Next", "下一页")) } }
        }
    }
}
