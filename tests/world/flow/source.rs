//! Where a flow's records come from: the sources of its first tier, and what was given to them.

use std::collections::BTreeSet;
use std::path::PathBuf;

use edge::legacy_db::LegacyDb;

use super::{Flow, now};
use crate::world::input::{self, ID};
use crate::world::process::{county_database, insert, sample_lines};
use crate::world::root;

/// A source of the first tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// CSV files in a folder.
    Drop,
    /// A database of two tables, with a flag that is written back.
    Database,
}

/// Where the numbers of the database's cases begin.
const DATABASE_CASES: u32 = 500_000;

impl Origin {
    /// Records that one row given to it becomes.
    const fn records(self) -> u64 {
        match self {
            Self::Drop => 4,
            Self::Database => 2,
        }
    }

    fn case(self, row: u32) -> String {
        match self {
            Self::Drop => input::case(row),
            Self::Database => input::case(DATABASE_CASES + row),
        }
    }

    /// The lines of the configuration.
    pub(super) fn config(self, destination: &str) -> String {
        let (package, source) = match self {
            Self::Drop => ("township_window", "folder = \"drops\"\nsettle = \"0 s\""),
            Self::Database => {
                ("county_approval", "database = \"sqlite:legacy.db\"\noverlap = \"1 min\"")
            }
        };
        let package = root().join("adapters").join(package);
        format!(
            "\n[[adapter]]\npackage = \"{}\"\ndestination = \"{destination}\"\n\
             interval = \"100 ms\"\n\n[adapter.source]\n{source}\n",
            package.display()
        )
    }
}

impl Flow {
    fn legacy(&self) -> PathBuf {
        self.of(0).join("legacy.db")
    }

    /// The sources, empty.
    pub(super) async fn prepare_sources(&self) {
        if self.plan.origins.contains(&Origin::Database) {
            county_database(&self.legacy()).await;
        }
    }

    /// Every row of the database says that its records were accepted.
    pub(super) async fn check_written_back(&self) {
        if !self.plan.origins.contains(&Origin::Database) {
            return;
        }
        let mut db = LegacyDb::open(&self.legacy()).await.expect("the database");
        for row in 1..=self.fed {
            let case = Origin::Database.case(row);
            let flag = db.cell("approval_case", "sync_flag", ("case_id", &case)).await;
            assert_eq!(flag.expect("a cell").as_deref(), Some("1"), "{case} was written back");
        }
        db.commit().await.expect("closed");
    }

    /// So many rows more in each source.
    pub async fn feed(&mut self, rows: u32) {
        let numbers = self.fed + 1..=self.fed + rows;
        self.fed += rows;
        for origin in self.plan.origins.clone() {
            match origin {
                Origin::Drop => self.drop_file(numbers.clone().map(|n| origin.case(n))),
                Origin::Database => {
                    self.enter(numbers.clone().map(|n| origin.case(n)).collect()).await;
                }
            }
        }
    }

    /// A file of these cases.
    fn drop_file(&mut self, cases: impl Iterator<Item = String>) {
        let sample = sample_lines();
        let mut text = format!("\u{feff}{}\r\n", sample[0]);
        for case in cases {
            text += &sample[1].replacen("99010320140919000001", &case, 1);
            text += "\r\n";
        }
        self.files += 1;
        let folder = self.of(0).join("drops");
        let part = folder.join("part");
        std::fs::write(&part, text).expect("the drop folder");
        std::fs::rename(part, folder.join(format!("window-{}.csv", self.files))).expect("a file");
    }

    /// These cases in the database.
    async fn enter(&self, cases: Vec<String>) {
        let mut db = LegacyDb::open(&self.legacy()).await.expect("the database");
        for case in cases {
            insert(&mut db, "approval_case", input::county_case(&case, ID, now())).await;
            insert(&mut db, "approval_step", input::county_step(&case)).await;
        }
        db.commit().await.expect("rows");
    }

    /// Cases given to the sources so far.
    pub(super) fn cases(&self) -> BTreeSet<String> {
        let of = |origin: &Origin| (1..=self.fed).map(|n| origin.case(n)).collect::<Vec<_>>();
        self.plan.origins.iter().flat_map(of).collect()
    }

    /// Records given to the sources so far.
    pub fn attempted(&self) -> u64 {
        u64::from(self.fed) * self.plan.origins.iter().map(|o| o.records()).sum::<u64>()
    }
}
