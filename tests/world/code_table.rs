//! Code tables that a tier sends to the county.

use canon::DigestAlg;
use canon::format::edition_digest;

use super::World;

/// An edition of the list of regions.
#[derive(Clone, Debug)]
pub struct Edition {
    /// Name.
    pub name: &'static str,
    /// In force from this day.
    pub from: &'static str,
    /// Its codes.
    pub codes: Vec<&'static str>,
}

impl Edition {
    /// Its line and one for each of these codes.
    fn lines(&self, codes: &[&str], head: bool) -> String {
        let labels = self.codes.iter().map(|code| (*code, "测试区划"));
        let (count, digest) = (self.codes.len(), edition_digest(DigestAlg::Sha256, labels));
        let Self { name, from, .. } = self;
        let mut text = String::from("kind,list,edition,code,label,count,digest,from\r\n");
        if head {
            text.push_str(&format!("DMBB,regions,{name},,,{count},{digest},{from}\r\n"));
        }
        for code in codes {
            text.push_str(&format!("DMTM,regions,{name},{code},测试区划,,,\r\n"));
        }
        text
    }
}

impl World {
    /// Drops a whole edition where a tier collects what it sends down.
    pub fn drop_edition(&self, tier: usize, edition: &Edition) {
        self.drop_part_of(tier, "edition.csv", &edition.lines(&edition.codes, true));
    }

    /// Drops the edition with these of its codes alone.
    pub fn drop_half(&self, tier: usize, edition: &Edition, codes: &[&str]) {
        self.drop_part_of(tier, "half.csv", &edition.lines(codes, true));
    }

    /// Drops further codes of it.
    pub fn drop_codes(&self, tier: usize, edition: &Edition, codes: &[&str]) {
        self.drop_part_of(tier, "rest.csv", &edition.lines(codes, false));
    }

    fn drop_part_of(&self, tier: usize, name: &str, text: &str) {
        let folder = self.drop_folder(tier).with_extension("tables");
        let part = folder.join(format!("{name}.part"));
        std::fs::write(&part, text).expect("the drop folder");
        std::fs::rename(part, folder.join(name)).expect("the drop folder");
    }
}
