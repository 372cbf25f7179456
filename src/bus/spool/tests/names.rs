//! Names: placeholders, ASCII, length, and never two parcels under one.

use super::*;

fn outside(sequence: u64) -> Outside {
    let parcel = parcel(Lane::Live, sequence);
    Outside::of(&parcel, &parcel.frame, false, "1")
}

#[test]
fn a_name_says_who_and_which_and_keeps_to_its_length() {
    let name = Pattern::default().name(&outside(7).named(1));
    assert!(name.starts_with("a_b_live_0000000007_") && name.ends_with(".tgp"), "{name}");
    let copy = Pattern::default().name(&outside(7).named(2));
    assert!(copy.contains("-c2"), "{copy}");
    let part = outside(7).part(2, 3, b"x");
    let part = Pattern::default().name(&part.named(1));
    assert!(part.contains("-p0002of0003"), "{part}");

    let mut long = outside(7);
    long.from = node(&"x".repeat(64));
    long.to = node(&"y".repeat(64));
    let pattern = Pattern::new("{from}{to}{digest}", "zip", NAME_MIN).unwrap();
    let two: Vec<String> =
        [1, 2].map(|part| pattern.name(&long.part(part, 2, b"x").named(3))).into_iter().collect();
    assert!(two.iter().all(|n| n.len() == NAME_MIN && n.is_ascii()), "{two:?}");
    assert_ne!(two[0], two[1], "a long name still tells parts apart");
    long.digest = outside(8).digest;
    assert_ne!(pattern.name(&long.part(1, 2, b"x").named(3)), two[0], "and parcels");
}

#[test]
fn a_name_never_begins_like_a_hidden_file_or_an_option() {
    let pattern = Pattern::new("-{digest}", "dat", 60).unwrap();
    assert!(pattern.name(&outside(1).named(1)).starts_with('x'));
    let pattern = Pattern::new(".{digest}", "dat", 60).unwrap();
    assert!(pattern.name(&outside(1).named(1)).starts_with('x'));
}

#[test]
fn what_a_pattern_may_not_be() {
    let fault =
        |pattern: &str, extension: &str, max| Pattern::new(pattern, extension, max).unwrap_err();
    assert_eq!(fault("{digest}{who}", "a", 60), PatternFault::Unknown("who".into()));
    assert_eq!(fault("{digest}/x", "a", 60), PatternFault::Character('/'));
    assert_eq!(fault("报文{digest}", "a", 60), PatternFault::Character('报'));
    assert_eq!(fault("{digest", "a", 60), PatternFault::Character('{'));
    assert_eq!(fault("{from}", "a", 60), PatternFault::NoDigest);
    assert_eq!(fault("{digest}", "a", 12), PatternFault::Length);
    assert_eq!(fault("{digest}", "tar.gz", 60), PatternFault::Extension);
    assert_eq!(fault("{digest}", "", 60), PatternFault::Extension);
}
