//! What another node's manifests of a day say. Where two nodes send to each other, one row holds both
//! of its books: its own windows (side `sender`) and its answer to ours (side `receiver`).

use canon::{Millis, NodeCode};
use envelope::control::{ManifestLine, Side};
use store::{Discrepancy, ManifestRow};

use super::books::{read, write};

/// One side of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Heard {
    /// The latest revision of that side; 0 if nothing came.
    pub(crate) revision: u32,
    /// Its lines.
    pub(crate) lines: Vec<ManifestLine>,
}

impl Heard {
    fn of(lines: Vec<ManifestLine>) -> Self {
        Self { revision: lines.iter().map(|l| l.revision).max().unwrap_or(0), lines }
    }
}

/// What a node has said on one side.
pub(crate) fn of_side(rows: &[ManifestRow], by: &NodeCode, side: Side) -> Heard {
    let lines = rows.iter().filter(|m| m.by == *by).flat_map(|m| read(&m.body));
    Heard::of(lines.filter(|l| l.side == side).collect())
}

/// The row after new lines of one side, which replace that side's and leave the other's. Lines older
/// than what was heard replace nothing.
pub(crate) fn with(
    rows: &[ManifestRow],
    from: &NodeCode,
    me: &NodeCode,
    lines: &[ManifestLine],
    at: Millis,
) -> Option<ManifestRow> {
    let first = lines.first()?;
    let (day, side) = (first.day, first.side);
    let same = of_side(rows, from, side);
    let other = of_side(
        rows,
        from,
        match side {
            Side::Sender => Side::Receiver,
            Side::Receiver => Side::Sender,
        },
    );
    let fresh = Heard::of(lines.to_vec());
    let fresh = if fresh.revision >= same.revision { fresh } else { same };
    let revision = fresh.revision.max(other.revision);
    let all: Vec<ManifestLine> = fresh.lines.into_iter().chain(other.lines).collect();
    let is_final = all.iter().all(|l| l.is_final);
    let (by, peer) = (from.clone(), me.clone());
    Some(ManifestRow { day, by, peer, revision, is_final, body: write(&all), at })
}

/// The discrepancies that stand beside the other side's books, and stay.
pub(crate) fn beside(
    all: Vec<Discrepancy>,
    from: &NodeCode,
    me: &NodeCode,
    side: Side,
) -> Vec<Discrepancy> {
    let (from, me) = (from.as_str(), me.as_str());
    let stays = |d: &Discrepancy| match side {
        // What our own window's answer said; its other causes stand beside our own manifest.
        Side::Sender => d.sender == me && d.receiver == from && d.cause == "sums_differ",
        Side::Receiver => d.sender == from && d.receiver == me,
    };
    all.into_iter().filter(stays).collect()
}

#[cfg(test)]
mod tests {
    use canon::{Day, HashSum};
    use envelope::control::Counts;

    use super::*;

    fn code(code: &str) -> NodeCode {
        NodeCode::new(code).expect("a legal code")
    }

    fn line(side: Side, revision: u32, accepted: u64) -> ManifestLine {
        let (sender, to) = match side {
            Side::Sender => ("above", "me"),
            Side::Receiver => ("me", "above"),
        };
        let route = format!("{to}|supervision/1|ecdsa-p256-sha256|live");
        ManifestLine {
            day: Day(20_000),
            revision,
            is_final: true,
            side,
            sender: code(sender),
            kind: "JCKP".into(),
            route: route.parse().expect("a route"),
            epoch: 1,
            counts: Counts { accepted, ..Counts::default() },
            sum: HashSum::default(),
            first: None,
            last: None,
            baseline: 0,
        }
    }

    #[test]
    fn each_side_replaces_its_own_and_never_goes_back() {
        let (above, me) = (code("above"), code("me"));
        let put = |rows: &[ManifestRow], line: ManifestLine| {
            vec![with(rows, &above, &me, &[line], Millis(0)).expect("a line was given")]
        };
        let said = |rows: &[ManifestRow], side| {
            let heard = of_side(rows, &above, side);
            let accepted: u64 = heard.lines.iter().map(|l| l.counts.accepted).sum();
            (heard.revision, accepted)
        };
        let rows = put(&[], line(Side::Sender, 4, 40));
        let rows = put(&rows, line(Side::Receiver, 1, 10));
        assert_eq!((said(&rows, Side::Sender), said(&rows, Side::Receiver)), ((4, 40), (1, 10)));
        assert_eq!(rows[0].revision, 4, "the store takes no row back");
        let rows = put(&rows, line(Side::Receiver, 2, 20));
        let rows = put(&rows, line(Side::Sender, 3, 30));
        assert_eq!((said(&rows, Side::Sender), said(&rows, Side::Receiver)), ((4, 40), (2, 20)));
    }

    #[test]
    fn what_stands_beside_the_other_side_stays() {
        let one = |sender: &str, receiver: &str, cause: &str| Discrepancy {
            day: Day(20_000),
            sender: sender.into(),
            receiver: receiver.into(),
            kind: "JCKP".into(),
            cause: cause.into(),
            count: 1,
        };
        let all = vec![
            one("me", "above", "sums_differ"),
            one("me", "above", "waiting"),
            one("above", "me", "rejected"),
        ];
        let kept = |side| {
            let kept = beside(all.clone(), &code("above"), &code("me"), side);
            kept.into_iter().map(|d| d.cause).collect::<Vec<_>>()
        };
        assert_eq!(kept(Side::Sender), ["sums_differ"], "the others stand beside our own manifest");
        assert_eq!(kept(Side::Receiver), ["rejected"]);
    }
}
