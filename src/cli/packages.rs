//! The adapter packages of the repository, in the program: so that the demo and the benchmark need
//! no checkout.

use std::collections::BTreeMap;

/// One file: its path below `adapters`, its bytes.
pub(crate) type Packed = (&'static str, &'static [u8]);

/// Every file of `adapters/`, sorted; `build.rs` finds them.
pub(crate) const PACKED: &[Packed] = include!(concat!(env!("OUT_DIR"), "/packed.rs"));

/// A township window's daily files, by their names in the package.
pub(crate) fn township_window() -> BTreeMap<String, Vec<u8>> {
    PACKED
        .iter()
        .filter_map(|(path, bytes)| Some((path.strip_prefix("township_window/")?, bytes)))
        .map(|(name, bytes)| (name.to_owned(), bytes.to_vec()))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use canon::Millis;
    use edge::Source as _;
    use edge::legacy_db::LegacyDb;
    use edge::sql::{Settings, SqlSource};

    use super::*;
    use crate::demo::legacy;
    use crate::files;

    #[test]
    fn every_file_of_the_packages_is_packed() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../adapters");
        let there: Vec<String> = files::folder(&root).unwrap().into_keys().collect();
        let packed: Vec<&str> = PACKED.iter().map(|(path, _)| *path).collect();
        assert_eq!(packed, there, "the build script lists what lies in the folder");
        assert!(there.iter().filter(|path| path.ends_with("/adapter.toml")).count() > 1);
    }

    /// Reads to the end of the round; gives the tables and keys of the rows, and the cursor.
    async fn read(
        source: &mut SqlSource,
        mut cursor: Option<String>,
        now: Millis,
    ) -> (Vec<(String, String)>, Option<String>) {
        let mut rows = Vec::new();
        loop {
            let page = source.read(cursor.as_deref(), now, 1_000).await.unwrap();
            for row in page.rows() {
                rows.push((page.place.to_string(), row.row_key().unwrap_or_default().to_owned()));
            }
            let idle = page.is_empty() && !page.more;
            cursor = Some(page.cursor.clone());
            if idle || !page.more {
                return (rows, cursor);
            }
        }
    }

    /// A child says what its case says too: item, unit, withdrawn or not.
    #[tokio::test]
    async fn a_county_child_row_is_read_again_when_its_case_has_changed() {
        let dir = tempfile::tempdir().unwrap();
        let (db, drops) = (dir.path().join("legacy.db"), dir.path().join("drops"));
        let ddl = include_str!("../../adapters/county_approval/schema.sql");
        let now = Millis::parse("2026-11-21 10:30:00").unwrap();
        let plan = legacy::Plan { seed: 1, cases: 100, now };
        let places = legacy::Places { county_db: &db, ddl, township_drop: &drops };
        let case = legacy::generate(&plan, &places).await.unwrap().showcase;
        let files = files::folder(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("../../adapters/county_approval"),
        );
        let package = adapt::Package::read(&files.unwrap()).unwrap();
        let adapt::Source::Sql(sql) = &package.source else { panic!("a database") };
        let mut source =
            SqlSource::new(Settings::of("county", edge::db::Place::Sqlite(db.clone()), sql))
                .unwrap();
        let (rows, cursor) = read(&mut source, None, now).await;
        let children = |rows: &[(String, String)]| {
            rows.iter()
                .filter(|(table, key)| table != "case" && key.contains(&case))
                .map(|(table, _)| table.clone())
                .collect::<std::collections::BTreeSet<String>>()
        };
        let all = children(&rows);
        assert!(all.contains("suspend") && all.contains("resume"), "{all:?}");
        // Long after every overlap, and past the rest between two full comparisons.
        let later = now.plus(3_600_000);
        let (_, cursor) = read(&mut source, cursor, later).await;
        let mut legacy = LegacyDb::open(&db).await.unwrap();
        let set = vec![
            ("item_code", Some("990103001000102".into())),
            ("modified_time", Some(later.to_string().into())),
        ];
        legacy.update("approval_case", ("case_id", &case), set).await.unwrap();
        legacy.commit().await.unwrap();
        let (rows, _) = read(&mut source, cursor, later.plus(120_000)).await;
        assert_eq!(children(&rows), all);
    }
}
