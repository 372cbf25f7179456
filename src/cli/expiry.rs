//! How long certificates and revocation lists still hold: a sentence 60, 30 and 7 days before the end.

use std::path::PathBuf;

use canon::Millis;
use exchange::config::{Identity, NodeConfig};

use crate::commands::waiting::Said;
use crate::files::{self, CONFIG_BYTES_MAX};
use crate::open;

const DAY: i64 = 86_400_000;
/// Days before its end from which a certificate's replacement is to be planned.
const PLAN_DAYS: i64 = 60;
/// Days before its end from which a person has to replace it.
const REPLACE_DAYS: i64 = 30;
/// Days before its end from which it is urgent.
const URGENT_DAYS: i64 = 7;

/// What is to be said of a validity: whether all is well, and the sentence's end in both languages.
pub(crate) fn says((from, until): (Millis, Millis), now: Millis) -> (bool, String, String) {
    let left = until.since(now).div_euclid(DAY);
    let day = until.day();
    if now < from {
        let day = from.day();
        (false, format!("holds only from {day}"), format!("自 {day} 起才有效"))
    } else if now > until {
        (false, format!("ended on {day}; replace it now"), format!("已于 {day} 到期，请立即更换"))
    } else if left < URGENT_DAYS {
        (
            false,
            format!("ends on {day}, in {left} days: replace it now, or nothing goes out any more"),
            format!("将于 {day} 到期，仅剩 {left} 天，请立即更换，否则无法上报"),
        )
    } else if left < REPLACE_DAYS {
        (
            false,
            format!("ends on {day}, in {left} days; replace it"),
            format!("将于 {day} 到期，剩 {left} 天，请更换"),
        )
    } else if left < PLAN_DAYS {
        (
            true,
            format!("ends on {day}, in {left} days; ask for the next one (`tiergate keys rotate`)"),
            format!("将于 {day} 到期，剩 {left} 天，请准备更换（tiergate keys rotate）"),
        )
    } else {
        (true, format!("holds until {day}, {left} days"), format!("有效至 {day}，剩 {left} 天"))
    }
}

/// A certificate or list whose end is watched.
#[derive(Clone, Debug)]
pub(crate) enum Paper {
    /// The certificate of one of a node's own keys, PEM.
    Certificate(PathBuf),
    /// An authority that is believed, PEM.
    Anchor(PathBuf),
}

/// What an identity's configuration names.
pub(crate) fn papers(node: &NodeConfig, identity: &Identity) -> Vec<Paper> {
    let own = identity.named_keys().map(|key| Paper::Certificate(key.certificate.clone()));
    own.chain(node.trust.anchors.iter().cloned().map(Paper::Anchor)).collect()
}

/// One sentence for each certificate that ends soon; what cannot be read is for `check config` to say.
pub(crate) fn of(papers: &[Paper], now: Millis) -> Vec<Said> {
    let one = |paper: &Paper| {
        let (path, en, zh) = match paper {
            Paper::Certificate(path) => (path, "the certificate", "证书"),
            Paper::Anchor(path) => (path, "the authority's certificate", "颁发机构证书"),
        };
        let pem = files::text(path, CONFIG_BYTES_MAX).ok()?;
        let all = envelope::identity::chain(&pem);
        let ends = all.iter().filter_map(|der| envelope::validity(der));
        let (from, until) = ends.min_by_key(|(_, until)| until.0)?;
        if until.since(now) >= PLAN_DAYS * DAY && now >= from {
            return None;
        }
        let (fine, said_en, said_zh) = says((from, until), now);
        let about = path.display();
        Some(Said {
            kind: "certificate",
            about: about.to_string(),
            until: Some(until.to_string()),
            en: format!("{en} {about} {said_en}"),
            zh: format!("{zh} {about} {said_zh}"),
            needs_a_person: !fine,
        })
    };
    papers.iter().filter_map(one).collect()
}

/// Whether the revocation lists in force should have been replaced by now.
pub(crate) fn lists(node: &NodeConfig, identity: &Identity, now: Millis) -> (bool, String, String) {
    let trust = match open::trust(node, identity.environment) {
        Ok(trust) => trust,
        Err(e) => return (false, e.en, e.zh),
    };
    let revoked = trust.revoked();
    let n = revoked.len();
    match revoked.next_update() {
        Some(next) if next < now => (
            false,
            format!(
                "revocation lists: the next was due on {}; they stay in force, get new ones",
                next.day()
            ),
            format!("吊销列表：应于 {} 前更新；现有列表仍然有效，请获取新列表", next.day()),
        ),
        _ => (
            true,
            format!("revocation lists: {n} certificates revoked"),
            format!("吊销列表：已吊销 {n} 张证书"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificates_end_is_said_sixty_thirty_and_seven_days_before() {
        let now = Millis::parse("2026-11-22 10:00:00").unwrap();
        let from = now.plus(-DAY);
        let at = |days: i64| says((from, now.plus(days * DAY + 1_000)), now);
        let wanted = [
            (61, true, "holds until"),
            (59, true, "ask for the next one"),
            (29, false, "; replace it"),
            (6, false, "nothing goes out any more"),
            (-2, false, "ended on"),
        ];
        for (days, fine, words) in wanted {
            let (is_fine, en, zh) = at(days);
            assert_eq!(is_fine, fine, "{days}: {en}");
            assert!(en.contains(words) && !zh.is_empty(), "{days}: {en} {zh}");
        }
        let (fine, en, _) = says((now.plus(DAY), now.plus(90 * DAY)), now);
        assert!(!fine && en.contains("only from"), "{en}");
    }
}
