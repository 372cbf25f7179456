//! Manifests that come: a sender's is held against what was answered, and answered in kind; a receiver's
//! is held against our own books.

use canon::{Day, Millis, NodeCode};
use envelope::control::{ManifestLine, Side};
use store::{Discrepancy, NewControl};

use super::books::{blank, by_line, causes, content, differing, line};
use super::heard;
use super::named;
use crate::error::WorkError;
use crate::gate::Refusal;
use crate::node::{Node, whole_seconds};

/// A manifest came: a sender's is held against what was answered and is answered in kind; a
/// receiver's is held against our own books.
pub(crate) async fn received(
    node: &Node,
    inbox_id: i64,
    from: &NodeCode,
    lines: Vec<ManifestLine>,
    now: Millis,
) -> Result<Option<Refusal>, WorkError> {
    let Some(first) = lines.first() else {
        return Ok(Some(Refusal::new("manifest.empty", "a manifest without a line")));
    };
    let (day, revision, side) = (first.day, first.revision, first.side);
    let uniform = lines.iter().all(|l| l.day == day && l.revision == revision && l.side == side);
    let about = match side {
        Side::Sender => lines.iter().all(|l| l.sender == *from && l.route.destination == node.code),
        Side::Receiver => {
            lines.iter().all(|l| l.sender == node.code && l.route.destination == *from)
        }
    };
    if !uniform || !about {
        return Ok(Some(Refusal::new(
            "manifest.not_yours",
            "not one day's books of these two nodes",
        )));
    }
    let rows = node.store.manifests(day).await?;
    let Some(row) = heard::with(&rows, from, &node.code, &lines, whole_seconds(now)) else {
        return Ok(None);
    };
    let before = heard::of_side(&rows, from, side);
    if side == Side::Sender && before.revision > 0 && before.revision < revision {
        let window = (day, from, &node.code);
        let at = (revision, whole_seconds(now));
        named::supplement(&node.store, window, (&before.lines, &lines), at).await?;
    }
    let (mut found, answer) = match side {
        Side::Sender => answered(node, from, day, revision, &lines).await?,
        Side::Receiver => (compared(node, from, day, &lines).await?, Vec::new()),
    };
    found.extend(heard::beside(node.store.discrepancies(day).await?, from, &node.code, side));
    node.store.commit_manifest(row, found, answer, Some(inbox_id)).await?;
    Ok(None)
}

/// The receiver's side: its own books of that sender's day, as discrepancies and as an answer.
async fn answered(
    node: &Node,
    sender: &NodeCode,
    day: Day,
    revision: u32,
    lines: &[ManifestLine],
) -> Result<(Vec<Discrepancy>, Vec<NewControl>), WorkError> {
    let tallies = node.store.tallies_received(sender, day).await?;
    // A restored sender counts from its image: it is told which revision it had reached.
    let known = node.store.manifests(day).await?;
    let revision = revision.max(heard::of_side(&known, sender, Side::Sender).revision);
    let owed = lines
        .iter()
        .map(|l| blank(sender, day, revision, Side::Receiver, l.route.clone(), &l.kind))
        .collect();
    // What is only kept in passing is in another node's books.
    let told = tallies
        .iter()
        .filter_map(|t| line(sender, day, revision, Side::Receiver, t))
        .filter(|l| l.route.destination == node.code);
    let own = by_line(owed, told);
    let own: Vec<ManifestLine> = own
        .into_iter()
        .map(|l| ManifestLine { is_final: lines.iter().all(|t| t.is_final), ..l })
        .collect();
    let mut found = causes(day, sender, &node.code, lines);
    let differ = differing(lines, &own);
    if differ.is_empty() {
        named::forget(node, (day, sender, &node.code)).await?;
    }
    found.extend(differ.into_iter().map(|(kind, count)| Discrepancy {
        day,
        sender: sender.to_string(),
        receiver: node.code.to_string(),
        kind,
        cause: "sums_differ".into(),
        count,
    }));
    Ok((found, vec![content(sender, day, &own)]))
}

/// The sender's side: what the receiver's books say otherwise than ours now.
async fn compared(
    node: &Node,
    receiver: &NodeCode,
    day: Day,
    theirs: &[ManifestLine],
) -> Result<Vec<Discrepancy>, WorkError> {
    let tallies = node.store.tallies(day).await?;
    let own: Vec<ManifestLine> = tallies
        .iter()
        .filter_map(|t| line(&node.code, day, 0, Side::Sender, t))
        .filter(|l| l.route.destination == *receiver)
        .collect();
    // Its causes stand beside our own manifest already.
    let found = differing(&own, theirs).into_iter().map(|(kind, count)| Discrepancy {
        day,
        sender: node.code.to_string(),
        receiver: receiver.to_string(),
        kind,
        cause: "sums_differ".into(),
        count,
    });
    Ok(found.collect())
}
