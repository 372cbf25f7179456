//! The books of a day, as lines: made out of sums, written, read back, held against one another.

use std::collections::{BTreeMap, BTreeSet};

use canon::{Day, HashSum, NodeCode, Route};
use envelope::Kind;
use envelope::control::{Counts, ManifestLine, Side};
use store::{Discrepancy, NewControl, Place, Tally};

use crate::control;

/// Types whose accepted + superseded counts or sums differ, with the difference in count.
pub fn differing(a: &[ManifestLine], b: &[ManifestLine]) -> Vec<(String, u64)> {
    let sums = |lines: &[ManifestLine]| -> BTreeMap<String, (u64, HashSum)> {
        let mut out: BTreeMap<String, (u64, HashSum)> = BTreeMap::new();
        for l in lines {
            let (count, sum) = out.entry(l.kind.clone()).or_default();
            *count += l.counts.accepted + l.counts.superseded;
            sum.merge(&l.sum);
        }
        out
    };
    let (a, b) = (sums(a), sums(b));
    let kinds: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let of =
        |m: &BTreeMap<String, (u64, HashSum)>, k: &String| m.get(k).copied().unwrap_or_default();
    kinds
        .into_iter()
        .filter(|k| of(&a, k) != of(&b, k))
        .map(|k| (k.clone(), of(&a, k).0.abs_diff(of(&b, k).0)))
        .collect()
}

/// Every record of the day that is not accepted, by cause.
pub(super) fn causes(
    day: Day,
    sender: &NodeCode,
    receiver: &NodeCode,
    lines: &[ManifestLine],
) -> Vec<Discrepancy> {
    let mut found: BTreeMap<(String, &str), u64> = BTreeMap::new();
    for line in lines {
        let c = &line.counts;
        for (cause, count) in [
            ("quarantined", c.quarantined),
            ("waiting", c.waiting),
            ("staged", c.staged),
            ("in_flight", c.in_flight),
            ("awaiting_review", c.awaiting_review),
            ("rejected", c.rejected),
            ("voided", c.voided),
            ("dead", c.dead),
        ] {
            *found.entry((line.kind.clone(), cause)).or_default() += count;
        }
    }
    found
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|((kind, cause), count)| Discrepancy {
            day,
            sender: sender.to_string(),
            receiver: receiver.to_string(),
            kind,
            cause: cause.to_owned(),
            count,
        })
        .collect()
}

/// A line a route, type and epoch (a day in which the sender was restored has two epochs), and an
/// empty one for what is owed and was not there.
pub(super) fn by_line(
    owed: Vec<ManifestLine>,
    told: impl Iterator<Item = ManifestLine>,
) -> Vec<ManifestLine> {
    let mut lines: BTreeMap<(Route, String, u32), ManifestLine> =
        told.map(|l| ((l.route.clone(), l.kind.clone(), l.epoch), l)).collect();
    for line in owed {
        let of = |epoch| (line.route.clone(), line.kind.clone(), epoch);
        if lines.range(of(0)..=of(u32::MAX)).next().is_none() {
            lines.insert(of(line.epoch), line);
        }
    }
    lines.into_values().collect()
}

/// The same lines under another revision.
pub(super) fn with_revision(lines: &[ManifestLine], revision: u32) -> Vec<ManifestLine> {
    lines.iter().map(|l| ManifestLine { revision, ..l.clone() }).collect()
}

/// An empty line.
pub(super) fn blank(
    sender: &NodeCode,
    day: Day,
    revision: u32,
    side: Side,
    route: Route,
    kind: &str,
) -> ManifestLine {
    ManifestLine {
        day,
        revision,
        is_final: true,
        side,
        sender: sender.clone(),
        kind: kind.to_owned(),
        route,
        epoch: 1,
        counts: Counts::default(),
        sum: HashSum::default(),
        first: None,
        last: None,
        baseline: 0,
    }
}

/// A line out of the sums of a window.
pub(super) fn line(
    sender: &NodeCode,
    day: Day,
    revision: u32,
    side: Side,
    tally: &Tally,
) -> Option<ManifestLine> {
    let place = |p: Place| {
        let index = Place::ALL.iter().position(|q| *q == p);
        index.and_then(|i| tally.places.get(i).copied()).unwrap_or_default()
    };
    let counts = Counts {
        quarantined: place(Place::Quarantined),
        waiting: place(Place::Waiting),
        staged: place(Place::Staged),
        in_flight: place(Place::InFlight),
        awaiting_review: place(Place::AwaitingReview),
        accepted: place(Place::Accepted),
        superseded: place(Place::Superseded),
        rejected: place(Place::Rejected),
        voided: place(Place::Voided),
        dead: place(Place::Dead),
    };
    Some(ManifestLine {
        is_final: counts.is_settled(),
        counts,
        epoch: tally.epoch,
        sum: tally.sum.parse().ok()?,
        first: (tally.first_sequence > 0).then_some(tally.first_sequence),
        last: (tally.last_sequence > 0).then_some(tally.last_sequence),
        ..blank(sender, day, revision, side, tally.route.parse().ok()?, &tally.kind)
    })
}

/// A manifest to queue.
pub(super) fn content(to: &NodeCode, day: Day, lines: &[ManifestLine]) -> NewControl {
    let fragments: Vec<Vec<u8>> = lines.iter().map(ManifestLine::write).collect();
    control::content(Kind::Manifest, to, day, &fragments)
}

/// Books as stored: one fragment a line.
pub(crate) fn write(lines: &[ManifestLine]) -> String {
    lines
        .iter()
        .map(|l| String::from_utf8_lossy(&l.write()).into_owned())
        .collect::<Vec<_>>()
        .join("\n")
}

/// Reads stored books back.
pub fn read(body: &str) -> Vec<ManifestLine> {
    body.lines().filter_map(|l| ManifestLine::read(l.as_bytes()).ok()).collect()
}

/// The same books, whatever the revision.
pub(super) fn same_books(a: &[ManifestLine], b: &[ManifestLine]) -> bool {
    let plain = |l: &ManifestLine| ManifestLine { revision: 0, ..l.clone() };
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| plain(a) == plain(b))
}
