//! What has come of one edition, and whether it is whole.

use std::collections::BTreeMap;

use canon::format::{Format, Op, Parsed, edition_digest};
use canon::{Day, Digest, NodeCode};
use serde::{Deserialize, Serialize};

use super::{CODE_TABLE_CODES_MAX, KINDS, State};

/// What has come of an edition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Table {
    pub(super) list: String,
    pub(super) edition: String,
    head: Option<Head>,
    codes: BTreeMap<String, Code>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    version: u32,
    void: bool,
    from: Option<Day>,
    count: u64,
    digest: String,
    pub(super) published: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Code {
    version: u32,
    void: bool,
    label: String,
    from: Option<Day>,
    until: Option<Day>,
}

/// One record of it.
pub(super) struct Piece {
    /// Namespace, list and edition: the key of the edition.
    pub(super) key: String,
    list: String,
    edition: String,
    what: What,
}

pub(super) enum What {
    Head(Head),
    Code(String, Code),
}

/// What an edition is, as it came so far.
pub(super) enum Judged<'a> {
    Whole(BTreeMap<String, String>, Day, &'a Head),
    Withdrawn,
    /// Not to be used, with the reason.
    Not(&'static str),
}

impl Table {
    /// A later version of a record takes the place of the one before, whatever order they come in.
    pub(super) fn add(&mut self, piece: Piece) {
        (self.list, self.edition) = (piece.list, piece.edition);
        match piece.what {
            What::Head(head) => {
                if self.head.as_ref().is_none_or(|h| h.version <= head.version) {
                    self.head = Some(head);
                }
            }
            What::Code(code, said) => {
                let room = self.codes.len() < CODE_TABLE_CODES_MAX + 1;
                match self.codes.get(&code) {
                    Some(before) if before.version > said.version => {}
                    None if !room => {}
                    _ => drop(self.codes.insert(code, said)),
                }
            }
        }
    }

    pub(super) fn state(&self, by: &NodeCode, used: Option<String>) -> State {
        State {
            by: by.clone(),
            list: self.list.clone(),
            edition: self.edition.clone(),
            from: self.head.as_ref().and_then(|h| h.from),
            count: self.head.as_ref().map_or(0, |h| h.count),
            have: self.codes.values().filter(|c| !c.void).count() as u64,
            code: None,
            used,
        }
    }

    pub(super) fn judge(&self) -> Judged<'_> {
        let written = |text: &str| !text.contains([';', '=', '\n', '\r']);
        if !written(&self.list) || !written(&self.edition) {
            return Judged::Not("table.name");
        }
        if self.codes.len() > CODE_TABLE_CODES_MAX {
            return Judged::Not("table.too_large");
        }
        let Some(head) = &self.head else { return Judged::Not("table.incomplete") };
        if head.void {
            return Judged::Withdrawn;
        }
        let (Some(from), Ok(digest)) = (head.from, head.digest.parse::<Digest>()) else {
            return Judged::Not("table.digest");
        };
        let live = || self.codes.iter().filter(|(_, c)| !c.void);
        let have = live().count() as u64;
        if have < head.count {
            return Judged::Not("table.incomplete");
        }
        let lines = live().map(|(code, said)| (code.as_str(), said.label.as_str()));
        if have > head.count || edition_digest(digest.alg, lines) != digest {
            return Judged::Not("table.digest");
        }
        // Within one edition every day has the same codes: what begins or ends later is another one.
        if live()
            .any(|(_, c)| c.from.is_some_and(|d| d > from) || c.until.is_some_and(|d| d > from))
        {
            return Judged::Not("table.dated");
        }
        let in_force = live().filter(|(_, c)| c.until.is_none());
        let codes = in_force.map(|(code, said)| (code.clone(), said.label.clone()));
        Judged::Whole(codes.collect(), from, head)
    }
}

/// The digest that its publisher gave.
pub(super) fn head_digest(table: &Table) -> &str {
    table.head.as_ref().map_or("", |h| h.digest.as_str())
}

/// A record of an edition, by the English names of its fields.
pub(super) fn piece(format: &Format, parsed: &Parsed) -> Piece {
    let ty = format.get(parsed.ty);
    let value = |name: &str| {
        let value = ty.field_by_name(name).and_then(|ix| parsed.values.get(ix));
        value.unwrap_or_default().to_owned()
    };
    let day = |name: &str| value(name).get(..10).and_then(Day::parse);
    let (list, edition) = (value("table_name"), value("edition"));
    let (version, void) = (parsed.attrs.version, parsed.attrs.op == Op::Void);
    let what = if ty.name == KINDS[0] {
        What::Head(Head {
            version,
            void,
            from: day("valid_from"),
            count: value("count").parse().unwrap_or(0),
            digest: value("digest"),
            published: value("published_at"),
        })
    } else {
        let (from, until) = (day("valid_from"), day("valid_to"));
        What::Code(value("code"), Code { version, void, label: value("label"), from, until })
    };
    let key = canon::Key::new(&parsed.attrs.namespace, &[&list, &edition]).to_string();
    Piece { key, list, edition, what }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(codes: &[&str]) -> Table {
        let mut table = Table { list: "regions".into(), edition: "V3".into(), ..Table::default() };
        let lines = codes.iter().map(|code| (*code, "甲"));
        let digest = edition_digest(canon::DigestAlg::Sm3, lines).to_string();
        let head = Head {
            version: 1,
            void: false,
            from: Day::parse("2026-12-01"),
            count: codes.len() as u64,
            digest,
            published: "2026-11-20".into(),
        };
        add(&mut table, What::Head(head));
        for code in codes {
            add(&mut table, What::Code((*code).into(), code_of(1)));
        }
        table
    }

    fn code_of(version: u32) -> Code {
        Code { version, void: false, label: "甲".into(), from: None, until: None }
    }

    fn add(table: &mut Table, what: What) {
        let (list, edition) = (table.list.clone(), table.edition.clone());
        table.add(Piece { key: String::new(), list, edition, what });
    }

    fn reason(table: &Table) -> Option<&'static str> {
        match table.judge() {
            Judged::Not(code) => Some(code),
            Judged::Whole(..) | Judged::Withdrawn => None,
        }
    }

    #[test]
    fn only_a_whole_edition_with_its_own_digest_is_used() {
        assert_eq!(reason(&table(&["990100", "990200"])), None);
        let mut half = table(&["990100", "990200"]);
        half.codes.remove("990200");
        assert_eq!(reason(&half), Some("table.incomplete"));
        let mut other = half.clone();
        add(&mut other, What::Code("990300".into(), code_of(1)));
        assert_eq!(reason(&other), Some("table.digest"), "another code in its place");
        let mut more = table(&["990100"]);
        add(&mut more, What::Code("990300".into(), code_of(1)));
        assert_eq!(reason(&more), Some("table.digest"));
        let headless = Table { head: None, ..table(&["990100"]) };
        assert_eq!(reason(&headless), Some("table.incomplete"));
        let named = Table { list: "regions;items=x".into(), ..table(&["990100"]) };
        assert_eq!(reason(&named), Some("table.name"));
    }

    #[test]
    fn an_earlier_version_takes_nothing_back_and_a_void_takes_a_code_away() {
        let mut table = table(&["990100", "990200"]);
        add(&mut table, What::Code("990200".into(), Code { void: true, ..code_of(3) }));
        assert_eq!(reason(&table), Some("table.incomplete"));
        add(&mut table, What::Code("990200".into(), code_of(2)));
        assert_eq!(reason(&table), Some("table.incomplete"), "version 3 came before");
        let head = table.head.clone().unwrap();
        add(&mut table, What::Head(Head { version: 2, void: true, ..head }));
        assert!(matches!(table.judge(), Judged::Withdrawn));
    }

    #[test]
    fn a_code_that_ended_before_is_listed_and_not_in_force_and_one_that_ends_later_is_refused() {
        let mut table = table(&["990100", "990200"]);
        let until = |day: &str| Code { until: Day::parse(day), ..code_of(1) };
        add(&mut table, What::Code("990200".into(), until("2026-12-01")));
        let Judged::Whole(codes, ..) = table.judge() else { panic!("it is whole") };
        assert_eq!(codes.keys().collect::<Vec<_>>(), ["990100"]);
        add(&mut table, What::Code("990200".into(), until("2026-12-02")));
        assert_eq!(reason(&table), Some("table.dated"));
    }
}
