//! The rules of the house, as tests over the whole tree (ARCHITECTURE.md, CONTRIBUTING.md).
//!
//! A check is a function from a tree of files to findings, so that each can be shown a small tree
//! that breaks it. A finding names file, line and what to do.

mod arrows;
mod attacks;
mod chosen;
mod codes;
mod house;
mod source;
mod text;
mod tree;

use tree::{Finding, Tree};

/// Fails with every finding, not with the first.
#[track_caller]
fn hold(findings: &[Finding]) {
    let list: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(list.is_empty(), "{} findings\n{}\n", list.len(), list.join("\n"));
}

/// One test for each check: its name says what is wrong before the message is read.
macro_rules! on_our_tree {
    ($($name:ident: $check:path),+ $(,)?) => {
        $(#[test]
        fn $name() {
            hold(&$check(&Tree::ours()));
        })+
    };
}

on_our_tree! {
    files_have_five_hundred_lines_at_most: source::length,
    every_source_file_says_what_it_is: source::header,
    names_say_what_a_thing_is: source::names,
    nothing_is_left_for_later: source::unfinished,
    codes_in_the_source_are_listed: codes::used,
    crates_import_by_the_table: arrows::imports,
    the_import_table_is_told_as_it_is: arrows::told,
    crates_do_not_know_what_they_must_not: arrows::outsiders,
    chosen_libraries_stay: chosen::kept,
    what_was_decided_against_stays_out: chosen::kept_out,
    the_top_level_is_fixed: house::top_level,
    every_folder_has_its_manual: house::manuals,
    every_adapter_folder_is_complete: house::adapters,
    no_file_is_large: house::size,
    released_documents_stay_as_they_are: house::museum,
    the_changelog_has_an_unreleased_section: text::changelog,
    the_glossary_has_each_word_once: text::glossary,
    relative_links_resolve: text::links,
    no_file_names_a_place_outside: text::places,
    every_limit_is_in_the_manual: text::limits,
    every_attack_has_its_test: attacks::shown,
}

#[test]
fn codes_are_unique_and_documented_in_both_languages() {
    hold(&codes::documented(&Tree::ours(), &codes::listed()));
}

#[test]
fn no_code_was_ever_removed() {
    hold(&codes::frozen(&Tree::ours(), &codes::listed()));
}
