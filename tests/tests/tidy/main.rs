//! The rules of the house, held by a test so that they stay true without
//! anyone watching: who may import and name what, how long a file may get,
//! what lies at the top, which licences and markers are accepted, and that the
//! documents' links lead somewhere.
//!
//! Every rule is a function from a [`tree::Tree`] to the list of its
//! violations. `planted` breaks each rule once in a made-up tree and sees it
//! reported, so that no rule can go blind.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "all of this is a test")]

mod code;
mod files;
mod layers;
mod licences;
mod links;
mod names;
mod planted;
mod tree;

use std::sync::OnceLock;

use tree::Tree;

/// The repository itself, read once.
fn repository() -> &'static Tree {
    static TREE: OnceLock<Tree> = OnceLock::new();
    TREE.get_or_init(Tree::of_this_repository)
}

fn holds(rule: fn(&Tree) -> Vec<String>) {
    let violations = rule(repository());
    assert!(violations.is_empty(), "{} violations:\n  {}", violations.len(), violations.join("\n  "));
}

#[test]
fn imports_go_strictly_down() {
    holds(layers::imports_go_down);
}

#[test]
fn manifests_name_only_what_the_crate_may_name() {
    holds(names::manifests);
}

#[test]
fn sources_name_only_what_the_crate_may_name() {
    holds(names::sources);
}

#[test]
fn no_source_file_is_longer_than_800_lines() {
    for warning in files::long_files(repository()) {
        println!("warning: {warning}");
    }
    holds(files::too_long_files);
}

#[test]
fn the_top_level_is_as_agreed() {
    holds(files::top_level);
}

#[test]
fn no_file_is_named_after_nothing() {
    holds(files::empty_names);
}

#[test]
fn no_source_holds_an_unfinished_marker() {
    holds(files::markers);
}

#[test]
fn every_licence_is_on_the_list() {
    holds(licences::all_accepted);
}

#[test]
fn relative_links_lead_somewhere() {
    holds(links::resolve);
}
