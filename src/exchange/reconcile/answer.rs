//! The receiver's side of narrowing down: it answers each question out of its books and remembers nothing;
//! and it keeps what the sender states at the end.

use canon::{Millis, NodeCode, Prefix};
use envelope::Kind;
use envelope::control::{
    Answer, LISTED_MAX, Listed, NAMED_MAX as ROWS_MAX, Named as NamedAnswer, NamedRow, Names,
    Narrow, Narrowed, Stated, Sum, half,
};
use store::{BookSide, Bucket, NewControl, Place, Step, Window};

use super::named::{DIFFERENCES_MAX, Difference, Named};
use super::narrow::ASKED_MAX;
use crate::control;
use crate::error::WorkError;
use crate::gate::Refusal;
use crate::node::{Node, whole_seconds};

/// Leaves of a child up to which it is listed: sixteen bytes each, where going on costs the sums of sixteen
/// more children.
pub(super) const SMALL: u64 = 18;
/// Differing children of one prefix from which on larger ones are listed too: where nearly
/// everything differs, lists cost less than going on.
pub(super) const MANY: usize = 8;
/// Most leaves of one answer.
pub(super) const ANSWERED_MAX: usize = 8_192;

fn window_of(question: canon::Day, sender: &NodeCode) -> Window {
    Window { side: BookSide::Received, day: question, peer: sender.clone() }
}

/// Answers which children differ, and lists the small ones.
pub(crate) async fn narrow(
    node: &Node,
    inbox_id: i64,
    sender: &NodeCode,
    asked: Narrow,
    now: Millis,
) -> Result<Option<Refusal>, WorkError> {
    if asked.at.len() > ASKED_MAX {
        return Ok(Some(Refusal::new("envelope.too_large", "prefixes")));
    }
    let window = window_of(asked.question.day, sender);
    let mut answer = Narrowed { question: asked.question, at: Vec::new(), lists: Vec::new() };
    // Looked at once, at the first question of a pass.
    let first = asked.at.iter().any(|(p, _)| *p == Prefix::ALL);
    if !first || !incomplete(node, &window).await? {
        fill(node, &window, &asked, &mut answer).await?;
    }
    let content = reply(&Answer::Narrowed(answer), sender, now);
    commit(node, inbox_id, content, now).await
}

async fn commit(
    node: &Node,
    inbox_id: i64,
    content: NewControl,
    now: Millis,
) -> Result<Option<Refusal>, WorkError> {
    let step = Step { inbox_id: Some(inbox_id), controls: vec![content], now, ..Step::default() };
    node.store.commit_step(step).await?;
    Ok(None)
}

fn reply(answer: &Answer, to: &NodeCode, now: Millis) -> NewControl {
    control::content(Kind::Answer, to, now.day(), &[answer.write()])
}

/// Whether the leaves of a window are not what its sums say: a day of before there were leaves, or one
/// that is forgotten.
pub(super) async fn incomplete(node: &Node, window: &Window) -> Result<bool, WorkError> {
    let mut whole = Bucket::default();
    for buckets in node.store.buckets(window, &[Prefix::ALL]).await? {
        buckets.iter().for_each(|b| whole.merge(b));
    }
    let (tallies, to) = match window.side {
        BookSide::Own => (node.store.tallies(window.day).await?, &window.peer),
        BookSide::Received => {
            (node.store.tallies_received(&window.peer, window.day).await?, &node.code)
        }
    };
    let mut told = Bucket::default();
    for tally in tallies {
        let here = tally.route.parse().is_ok_and(|r: canon::Route| r.destination == *to);
        if let Some(sum) = tally.sum.parse().ok().filter(|_| here) {
            let count =
                tally.places[Place::Accepted as usize] + tally.places[Place::Superseded as usize];
            told.merge(&Bucket { count, sum });
        }
    }
    Ok(whole != told)
}

async fn fill(
    node: &Node,
    window: &Window,
    asked: &Narrow,
    answer: &mut Narrowed,
) -> Result<(), WorkError> {
    let under: Vec<Prefix> = asked.at.iter().map(|(p, _)| *p).collect();
    let buckets = node.store.buckets(window, &under).await?;
    let (mut listed, mut leaves) = (Vec::new(), 0);
    for ((prefix, theirs), ours) in asked.at.iter().zip(buckets) {
        let (open, lists) = differing(*prefix, theirs, &ours);
        let more: u64 = lists.iter().map(|(_, n)| n).sum();
        leaves += usize::try_from(more).unwrap_or(usize::MAX);
        if leaves > ANSWERED_MAX && !answer.at.is_empty() {
            break;
        }
        answer.at.push((*prefix, open));
        listed.extend(lists.into_iter().map(|(p, _)| p));
    }
    for part in listed.chunks(store::PREFIXES_MAX) {
        let limit = u32::try_from(ANSWERED_MAX + LISTED_MAX * 16).unwrap_or(u32::MAX);
        let found = node.store.leaves(window, part, limit).await?;
        for prefix in part {
            let of = found.iter().filter(|leaf| prefix.covers(leaf.place)).take(LISTED_MAX);
            let short =
                |digest: &[u8; 16]| digest[..8].iter().fold(0, |n: u64, b| n << 8 | u64::from(*b));
            let of: Vec<Listed> = of.map(|leaf| (leaf.place, short(&leaf.digest))).collect();
            answer.lists.push((*prefix, of));
        }
    }
    Ok(())
}

/// Children that differ: those to go on with, as bits, and those to list, with our leaves in them.
fn differing(prefix: Prefix, theirs: &[Sum; 16], ours: &[Bucket; 16]) -> (u16, Vec<(Prefix, u64)>) {
    let differ = |d: &usize| theirs[*d] != (ours[*d].count, half(&ours[*d].sum));
    let differ: Vec<usize> = (0..16).filter(differ).collect();
    let most = if differ.len() >= MANY { LISTED_MAX as u64 } else { SMALL };
    let (mut open, mut lists) = (0, Vec::new());
    for d in differ {
        let Some(child) = prefix.child(d as u8) else { continue };
        if theirs[d].0.max(ours[d].count) <= most {
            lists.push((child, ours[d].count));
        } else {
            open |= 1 << d;
        }
    }
    (open, lists)
}

/// Answers what it has at these places.
pub(crate) async fn names(
    node: &Node,
    inbox_id: i64,
    sender: &NodeCode,
    asked: Names,
    now: Millis,
) -> Result<Option<Refusal>, WorkError> {
    let window = window_of(asked.question.day, sender);
    let digits = canon::prefix::PREFIX_DIGITS_MAX;
    let under: Vec<Prefix> = asked.places.iter().map(|p| Prefix::of(*p, digits)).collect();
    let limit = u32::try_from(ROWS_MAX).unwrap_or(u32::MAX);
    let found = node.store.leaves(&window, &under, limit).await?;
    let row = |leaf: &store::Leaf| NamedRow { record: leaf.id.to_string(), sum: leaf.sum() };
    let answer = NamedAnswer { question: asked.question, rows: found.iter().map(row).collect() };
    commit(node, inbox_id, reply(&Answer::Named(answer), sender, now), now).await
}

/// What the sender of a window states: it stands here too.
pub(crate) async fn stated(
    node: &Node,
    inbox_id: i64,
    sender: &NodeCode,
    parts: Vec<Stated>,
    now: Millis,
) -> Result<Option<Refusal>, WorkError> {
    let Some(first) = parts.first() else { return Ok(None) };
    let question = first.question;
    if parts.iter().any(|p| p.sender != *sender || p.question != question) {
        return Ok(Some(Refusal::new("manifest.not_yours", "another node's window")));
    }
    // Only of a day that it has reported here.
    let known = node.store.manifests(question.day).await?;
    if !known.iter().any(|m| m.by == *sender && m.peer == node.code) {
        return Ok(Some(Refusal::new("manifest.not_yours", "a day that was not reported here")));
    }
    let rows = parts.iter().flat_map(|p| &p.rows).map(|r| Difference {
        record: r.record.clone(),
        cause: r.cause.clone(),
        detail: r.detail.clone().unwrap_or_default(),
    });
    let named = Named {
        day: question.day,
        sender: sender.clone(),
        receiver: node.code.clone(),
        pass: question.pass,
        at: whole_seconds(now),
        more: first.more,
        rows: rows.take(DIFFERENCES_MAX).collect(),
    };
    let stands = vec![named.stands()?];
    let step = Step { inbox_id: Some(inbox_id), stands, now, ..Step::default() };
    node.store.commit_step(step).await?;
    Ok(None)
}

#[cfg(test)]
mod tests {
    use canon::HashSum;

    use super::*;

    #[test]
    fn small_children_are_listed_and_large_ones_gone_on_with() {
        let sum = |n: u64| Bucket { count: n, sum: HashSum([n as u32, 0, 0, 0]) };
        let theirs: [Sum; 16] = std::array::from_fn(|_| (1_000, 1 << 32));
        let mut ours: [Bucket; 16] =
            std::array::from_fn(|_| Bucket { count: 1_000, sum: HashSum([1, 0, 0, 0]) });
        assert_eq!(differing(Prefix::ALL, &theirs, &ours), (0, Vec::new()));
        ours[3] = sum(999);
        let mut few = theirs;
        few[5] = (SMALL, 0);
        ours[5] = sum(2);
        let child = |d| Prefix::ALL.child(d).unwrap();
        assert_eq!(differing(Prefix::ALL, &few, &ours), (1 << 3, vec![(child(5), 2)]));
        // Where nearly all differ, what would be gone on with is listed.
        let many: [Sum; 16] = std::array::from_fn(|_| (500, 0));
        let ours: [Bucket; 16] = std::array::from_fn(|_| sum(400));
        let (open, lists) = differing(Prefix::ALL, &many, &ours);
        assert_eq!((open, lists.len()), (0, 16));
    }
}
