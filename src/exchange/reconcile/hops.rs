//! What a node's links carried (链路): its own counters of each hop, beside the books that go from end to
//! end. A parcel stands in one column; where one stays under way here and arrived there, the hop is found.

use store::HopCount;

use super::sheets::{Cell, Sheet, Tongue};

/// The counters as a sheet.
pub(super) fn sheet(hops: &[HopCount], t: Tongue) -> Sheet {
    let head = t.head(&[
        ("link", "链路"),
        ("parcels", "报文"),
        ("records", "记录"),
        ("due", "待发送"),
        ("sent", "已发送无回音"),
        ("hop receipts", "下一跳已收"),
        ("unknown", "下落不明"),
        ("given up", "已放弃"),
    ]);
    let row = |hop: &HopCount| {
        let all = hop.all();
        let places = [hop.due, hop.sent, hop.receipted, hop.unknown, hop.dead];
        let mut row = vec![Cell::Text(hop.link.clone())];
        row.extend([all.parcels, all.records].map(Cell::Number));
        row.extend(places.map(|load| Cell::Number(load.parcels)));
        row
    };
    let foot = t.of(
        "parcels of records that came to this node on that day, own and passed on: parcels = due + sent + hop receipts + unknown + given up; a hop receipt is the next node's word, or the destination's receipt",
        "当日到达本节点的业务报文（自有与转发）：报文＝待发送＋已发送无回音＋下一跳已收＋下落不明＋已放弃；下一跳已收指下一节点的逐跳回执或目的节点的回执",
    );
    let rows = hops.iter().map(row).collect();
    Sheet {
        name: t.of("Links", "链路").into(),
        notes: Vec::new(),
        head,
        rows,
        foot: vec![foot.to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use store::Load;

    use super::*;

    #[test]
    fn a_row_adds_up() {
        let load = |parcels| Load { parcels, records: parcels * 10 };
        let hop = HopCount {
            link: "up".into(),
            due: load(1),
            sent: load(2),
            receipted: load(3),
            unknown: load(4),
            dead: load(5),
        };
        let sheet = sheet(&[hop], Tongue::Zh);
        let numbers: Vec<u64> = sheet.rows[0]
            .iter()
            .filter_map(|cell| match cell {
                Cell::Number(n) => Some(*n),
                Cell::Text(_) => None,
            })
            .collect();
        assert_eq!(numbers, [15, 150, 1, 2, 3, 4, 5]);
        assert_eq!(sheet.head.len(), sheet.rows[0].len());
    }
}
