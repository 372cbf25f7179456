//! Cards that come down, and what answers them.

use canon::{Key, RecordId, Route};
use store::Place;

use super::{COUNTY, PROVINCE, TIERS, World, code, live};

/// Namespace of every card: the issuer's.
const ISSUER: &str = "PROVINCE1";

/// The live route from the province to the county.
pub fn down() -> Route {
    Route { destination: code(TIERS[COUNTY]), ..live() }
}

/// One line of a card's family: kind, card, region, time, text.
#[derive(Clone, Copy, Debug)]
pub struct CardLine(
    pub &'static str,
    pub u32,
    pub &'static str,
    pub &'static str,
    pub &'static str,
);

fn number(card: u32) -> String {
    format!("990000-{card:06}")
}

impl World {
    /// Drops a file of a card's family where a tier collects it.
    pub fn drop_cards(&self, tier: usize, name: &str, lines: &[CardLine]) {
        let mut text = String::from("kind,card,unit,region,at,text\r\n");
        for CardLine(kind, card, region, at, said) in lines {
            let card = number(*card);
            text.push_str(&[kind, &*card, ISSUER, region, at, said].join(","));
            text.push_str("\r\n");
        }
        let folder = self.drop_folder(tier).with_extension("cards");
        let part = folder.join(format!("{name}.part"));
        std::fs::write(&part, text).expect("the drop folder");
        std::fs::rename(part, folder.join(name)).expect("the drop folder");
    }

    /// Where a record of a card's family is at its sender.
    pub async fn card_place(&self, tier: usize, kind: &str, card: u32) -> Option<Place> {
        let number = number(card);
        let parts: &[&str] = if kind == "JCKP" { &[&number] } else { &[&number, "1"] };
        let id = RecordId { kind: kind.into(), key: Key::new(ISSUER, parts), version: 1 };
        for to in TIERS {
            let place = self.store(tier).place(&id, &code(to)).await.expect("place");
            if place.is_some() {
                return place;
            }
        }
        None
    }

    /// Types of what a tier keeps, in order.
    pub async fn kept_kinds(&self, tier: usize) -> Vec<String> {
        let kept = super::check::kept(self.store(tier)).await;
        kept.into_iter().map(|id| id.kind.to_string()).collect()
    }
}

/// Where a tier's cards and replies go.
pub(super) fn route_of(tier: usize) -> Route {
    if tier == PROVINCE { down() } else { live() }
}
