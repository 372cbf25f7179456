//! Open code lists: what validation is told of codes that are not in the format itself.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::digest::{Digest, DigestAlg};
use crate::time::Day;

/// Open lists (regions, items, anything that comes down): list name → editions → codes with labels.
/// Several editions stand side by side; which one is in force is a matter of the day. A list that is
/// not loaded, or not in force yet, is not judged. A copy shares the codes.
#[derive(Clone, Debug, Default)]
pub struct OpenLists {
    /// By the day from which they are in force; one without a day is from the beginning.
    lists: BTreeMap<Box<str>, BTreeMap<Option<Day>, Edition>>,
}

#[derive(Clone, Debug)]
struct Edition {
    name: Box<str>,
    codes: Arc<OpenList>,
}

/// Codes and labels of one list in one edition.
pub type OpenList = HashMap<Box<str>, Box<str>>;

impl OpenLists {
    /// No list loaded.
    pub fn new() -> Self {
        Self::default()
    }

    /// Loads an edition of a list. One that is called after a day (`2026-12-01`) is in force from that
    /// day on; any other is so from the beginning, and takes the place of one loaded before it.
    pub fn insert<'a>(
        &mut self,
        name: &str,
        edition: &str,
        codes: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) {
        self.insert_from(name, edition, Day::parse(edition), codes);
    }

    /// Loads an edition that is in force from a day on, whatever it is called, in place of one loaded
    /// before it for the same day.
    pub fn insert_from<'a>(
        &mut self,
        name: &str,
        edition: &str,
        from: Option<Day>,
        codes: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) {
        let codes: OpenList = codes.into_iter().map(|(c, l)| (c.into(), l.into())).collect();
        let edition = Edition { name: edition.into(), codes: Arc::new(codes) };
        self.lists.entry(name.into()).or_default().insert(from, edition);
    }

    /// Lays the editions of another over these; for the same list and day the other's count.
    pub fn lay_over(&mut self, other: &Self) {
        for (name, editions) in &other.lists {
            let own = self.lists.entry(name.clone()).or_default();
            own.extend(editions.iter().map(|(day, edition)| (*day, edition.clone())));
        }
    }

    fn at(&self, name: &str, day: Day) -> Option<&Edition> {
        Some(self.lists.get(name)?.range(..=Some(day)).next_back()?.1)
    }

    /// The edition in force on a day.
    pub fn edition(&self, name: &str, day: Day) -> Option<&str> {
        self.at(name, day).map(|e| &*e.name)
    }

    /// The list in force on a day.
    pub fn get(&self, name: &str, day: Day) -> Option<&OpenList> {
        self.at(name, day).map(|e| &*e.codes)
    }

    /// Every list with its edition in force on a day: `name=edition` in name order, between semicolons.
    pub fn editions(&self, day: Day) -> String {
        let one = |name: &str| Some(format!("{name}={}", self.edition(name, day)?));
        self.lists.keys().filter_map(|name| one(name)).collect::<Vec<_>>().join(";")
    }

    /// Whether nothing is loaded, so that the validator can skip the look-ups.
    pub fn is_empty(&self) -> bool {
        self.lists.is_empty()
    }
}

/// The digest of an edition: of a line `code,label` and a line feed for each code, in the order of the
/// codes' bytes.
pub fn edition_digest<'a>(
    alg: DigestAlg,
    codes: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Digest {
    let sorted: BTreeMap<&str, &str> = codes.into_iter().collect();
    let parts = sorted.into_iter().flat_map(|(code, label)| [code, ",", label, "\n"]);
    let parts: Vec<&[u8]> = parts.map(str::as_bytes).collect();
    alg.of(&parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_editions_stand_side_by_side_and_the_day_says_which_is_in_force() {
        let day = |text: &str| Day::parse(text).unwrap();
        let mut lists = OpenLists::new();
        lists.insert("regions", "2026-12-01", [("990200", "乙")]);
        lists.insert("regions", "2025", [("990100", "甲")]);
        lists.insert("posts", "2027-01-01", [("1", "窗口")]);
        let (before, then) = (day("2026-11-30"), day("2026-12-01"));
        assert!(lists.get("regions", before).unwrap().contains_key("990100"));
        assert!(lists.get("regions", then).unwrap().contains_key("990200"));
        assert_eq!(lists.edition("regions", day("2027-05-01")), Some("2026-12-01"));
        assert_eq!(lists.editions(before), "regions=2025");
        assert_eq!(lists.editions(day("2027-01-01")), "posts=2027-01-01;regions=2026-12-01");
        assert!(lists.get("posts", then).is_none(), "not in force yet: not judged");
        lists.insert("regions", "2026", [("990300", "丙")]);
        assert!(lists.get("regions", before).unwrap().contains_key("990300"), "in its place");
        assert!(lists.get("items", then).is_none());
    }

    #[test]
    fn what_is_laid_over_counts_for_its_day_and_leaves_the_others() {
        let day = |text: &str| Day::parse(text).unwrap();
        let mut lists = OpenLists::new();
        lists.insert("regions", "1", [("990100", "甲")]);
        lists.insert("regions", "2026-12-01", [("990200", "乙")]);
        let mut came = OpenLists::new();
        came.insert_from("regions", "V3", Some(day("2026-12-01")), [("990300", "丙")]);
        came.insert("posts", "1", [("1", "窗口")]);
        lists.lay_over(&came);
        assert_eq!(lists.editions(day("2026-11-30")), "posts=1;regions=1");
        assert_eq!(lists.editions(day("2026-12-01")), "posts=1;regions=V3");
    }

    #[test]
    fn the_digest_of_an_edition_does_not_know_the_order_of_its_lines() {
        let codes = [("990200", "乙"), ("990100", "甲")];
        let digest = edition_digest(DigestAlg::Sha256, codes);
        assert_eq!(digest, edition_digest(DigestAlg::Sha256, [codes[1], codes[0]]));
        // printf '990100,甲\n990200,乙\n' | sha256sum
        assert_eq!(
            digest.to_string(),
            "sha256:ca67d0db2465fb51bee4fd97935265d80a5f164552b7e2789f1d5435fc36b945"
        );
        assert_ne!(digest, edition_digest(DigestAlg::Sha256, [codes[1]]));
    }
}
