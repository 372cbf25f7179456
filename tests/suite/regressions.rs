//! Each bug of others that README.md lists has its test: the names stand in the tree.

use tests::world::{files, root};

#[test]
fn every_bug_of_others_has_its_test() {
    let page = std::fs::read_to_string(root().join("tests/README.md")).expect("the manual");
    let (_, table) = page.split_once("### Regressions of others").expect("the table");
    let (table, _) = table.split_once("\n## ").expect("what follows it");
    let cell = |line: &str| Some(line.strip_suffix("` |")?.rsplit_once("| `")?.1.to_owned());
    let names: Vec<String> = table.lines().filter_map(cell).collect();
    assert_eq!(names.len(), 27, "{names:?}");
    let mut sources = String::new();
    for folder in ["src", "tests"] {
        for (name, bytes) in files(&root().join(folder)) {
            if name.ends_with(".rs") {
                sources += &String::from_utf8_lossy(&bytes);
            }
        }
    }
    let missing: Vec<&String> =
        names.iter().filter(|name| !sources.contains(&format!("fn {name}("))).collect();
    assert!(missing.is_empty(), "no such tests: {missing:?}");
}
